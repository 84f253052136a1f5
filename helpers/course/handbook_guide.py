"""The handbook's own pages: the front, the glossary, the guide for instructors."""

import html
import re

import bs4

from helpers.course import handbook_finish, handbook_messages, handbook_pages, handbook_plan
from helpers.course.handbook_plan import HandbookError

TERM = re.compile(r"^- \*\*(?P<term>.+?)\*\* \[(?P<lesson>\w+)\]: (?P<text>.+)$")


def contents(sheets):
    """The course by its sections, for the side list and the front.

    Parameters
    ----------
    sheets : list of helpers.course.handbook_plan.Sheet
        In the course's order.

    Returns
    -------
    list of (str, list of (Sheet, list of Sheet))
        Section; its lessons, each with its exercises.
    """
    found = []
    for sheet in sheets:
        if not found or found[-1][0] != sheet.section:
            found.append((sheet.section, []))
        if sheet.kind == "lesson":
            found[-1][1].append((sheet, []))
        else:
            found[-1][1][-1][1].append(sheet)
    return found


def front(root, path, sheets):
    """Make the first page: what the course is, and its lessons with their minutes.

    Parameters
    ----------
    root : pathlib.Path
    path : pathlib.Path
        Markdown, for between the picture and the list of lessons.
    sheets : list of helpers.course.handbook_plan.Sheet

    Returns
    -------
    helpers.course.handbook_pages.Page
    """
    readme = (root / "README.md").read_text(encoding="utf-8")
    title = re.search(r"^# (.+)$", readme, re.MULTILINE)[1]
    about = next(part for part in readme.split("\n\n")[1:] if not part.startswith(("[", "!", "#")))
    alt, picture = re.search(r"!\[([^\]]+)\]\(([^)]+)\)", (root / sheets[0].source).read_text(encoding="utf-8")).groups()
    folder = sheets[0].source.rpartition("/")[0]
    lines = [f"# {title}", about, f"![{alt}]({folder}/{picture})", path.read_text(encoding="utf-8")]
    for section, lessons in contents(sheets):
        lines += [f"### {section}", "\n".join(_front_line(root, lesson, exercises) for lesson, exercises in lessons)]
    return handbook_pages.text_page("index.html", "Contents", "\n\n".join(lines))


def glossary(path, pages):
    """Make the glossary, each term with a link to the section in which its lesson first uses it.

    Parameters
    ----------
    path : pathlib.Path
        Lines such as `- **gate** [11]: A rule that …`
    pages : list of helpers.course.handbook_pages.Page
        Finished.

    Returns
    -------
    helpers.course.handbook_pages.Page

    Raises
    ------
    HandbookError
        A line is written in another way, the terms are not in the alphabet's order, or a lesson does not use its term.
    """
    lessons = {page.sheet.number: page for page in pages if page.sheet and page.sheet.kind == "lesson"}
    parts, letter, before = ["<h1>Glossary</h1>"], "", ""
    parts.append("<p>The words of the course, each with the lesson that first explains it.</p>")
    for term, lesson, text in terms(path):
        if term.casefold() < before:
            raise HandbookError(f"{path.name}: {term} comes after {before}, against the alphabet. Move its line.")
        if lesson not in lessons:
            raise HandbookError(f"{path.name}: {term} names lesson {lesson}, which is not in the README's table.")
        before = term.casefold()
        if before[0].upper() != letter:
            parts += ["</dl>"] * bool(letter)
            letter = before[0].upper()
            parts.append(f"<h2>{letter}</h2><dl>")
        link = f'<a href="{_first_use(lessons[lesson], term, path)}">{html.escape(lessons[lesson].title)}</a>'
        name = re.sub(r"\W+", "-", f"term {before}")
        parts.append(f'<div id="{name}"><dt>{html.escape(term)}</dt><dd>{html.escape(text)} <span>{link}</span></dd></div>')
    return handbook_pages.Page("glossary.html", "Glossary", bs4.BeautifulSoup("".join([*parts, "</dl>"]), "html.parser"))


def terms(path):
    """Read the glossary.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    list of (str, str, str)
        Term, number of its lesson, text.

    Raises
    ------
    HandbookError
        A line is written in another way.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = TERM.match(line)
        if line.startswith("- ") and not match:
            raise HandbookError(f"{path.name}, line {number}: write `- **term** [22a]: What it is.`")
        if match:
            found.append((match["term"], match["lesson"], match["text"]))
    return found


def guide(root, path, sheets, pages, questions):
    """Make the guide for instructors: its plans added up, the mistakes taken from the questions themselves.

    Parameters
    ----------
    root : pathlib.Path
    path : pathlib.Path
        Markdown, with plans in fences and a line `{{mistakes}}`.
    sheets : list of helpers.course.handbook_plan.Sheet
    pages : list of helpers.course.handbook_pages.Page
        The exercises' among them.
    questions : dict of str to helpers.course.verdict.Question

    Returns
    -------
    helpers.course.handbook_pages.Page

    Raises
    ------
    HandbookError
        As in `handbook_plan.plan_table`.
    """
    text = handbook_plan.with_plans(root, sheets, path.read_text(encoding="utf-8"))
    text = text.replace("{{mistakes}}", mistakes(pages, questions))
    return handbook_pages.text_page("guide.html", "Guide for instructors", text)


def mistakes(pages, questions):
    """What is commonly got wrong, exercise by exercise.

    Parameters
    ----------
    pages : list of helpers.course.handbook_pages.Page
    questions : dict of str to helpers.course.verdict.Question

    Returns
    -------
    str
        Markdown; the messages and the hints are folded.
    """
    parts, messages = [], handbook_messages.messages(questions)
    for page in pages:
        if not page.questions:
            continue
        parts.append(f"### [{page.title}]({page.sheet.source})")
        for question_id in page.questions:
            question = questions[question_id]
            hints = "".join(f"<li>{html.escape(hint)}</li>" for hint in question.hints)
            parts.append(f"**{question_id} {_sentence(question.title)}** {_mistakes(question)}")
            parts.append(_messages(question_id, messages[question_id]))
            parts.append(f"<details><summary>Hints of {question_id}</summary><ol>{hints}</ol></details>")
    return "\n\n".join(parts)


def _mistakes(question):
    if not question.misconceptions:
        return "No mistake of it has a name."
    return "Mistakes with a message of their own: " + "; ".join(f"*{name}*" for name in question.misconceptions) + "."


def _messages(question_id, told):
    if not told:
        return ""
    items = "".join(f"<li><em>{html.escape(name)}</em>: {html.escape(text)}</li>" for name, text in told.items())
    return f"<details><summary>What the check of {question_id} says</summary><ul>{items}</ul></details>"


def _sentence(text):
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _front_line(root, lesson, exercises):
    time = handbook_plan.duration(*handbook_plan.minutes(root, lesson))
    more = [f"[{each.title}]({each.source}) ({handbook_plan.duration(*handbook_plan.minutes(root, each))})" for each in exercises]
    return f"- **[{lesson.label}]({lesson.source})** ({time}). {_sentence(lesson.teaser)} {', '.join(more)}"


def _first_use(page, term, path):
    wanted = term.casefold()
    for anchor, heading, text in handbook_finish.sections(page):
        if wanted in f"{heading} {text}".casefold():
            return page.url + (f"#{anchor}" if anchor else "")
    raise HandbookError(
        f"{path.name}: the lesson {page.title} does not use the word {term}. Name another lesson, or another word."
    )
