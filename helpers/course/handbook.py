"""`python -m helpers handbook`: the whole course as one linked site that opens from a file, with no server and no internet."""

import json
import shutil
from pathlib import Path

import jinja2
import markupsafe

from helpers.course import asking, handbook_finish, handbook_guide, handbook_pages, handbook_plan, made_folder
from helpers.course.handbook_plan import HandbookError

ROOT = Path(__file__).resolve().parents[2]
FILES = Path(__file__).with_name("handbook_files")
MARK = "handbook.json"  # lists what a handbook consists of: whatever else lies in the folder is somebody's own


def build(out, root=ROOT):
    """Make the handbook, all of it or nothing.

    Parameters
    ----------
    out : str or pathlib.Path
        The folder to make. A handbook that is there is replaced.
    root : pathlib.Path, optional
        The workbook's top.

    Returns
    -------
    pathlib.Path
        The page to open first.

    Raises
    ------
    HandbookError
        `out` holds something else or cannot be written, or the course is not as it should be: a link that leads nowhere, a
        question without a solution. What was there stays as it was.
    """
    out = Path(out).absolute()
    made_folder.refuse_others(out, MARK, "a handbook", HandbookError)
    pages, pictures = make_pages(root)
    by = "python -m helpers handbook"
    made_folder.replace(out, MARK, by, lambda new: _write(new, root, pages, pictures), HandbookError)
    return out / "index.html"


def make_pages(root):
    """Make every page, with nothing written yet.

    Parameters
    ----------
    root : pathlib.Path

    Returns
    -------
    (list of helpers.course.handbook_pages.Page, set of str)
        The pages: the notebooks' in the course's order, then the others; and the pictures to copy, from the workbook's top.

    Raises
    ------
    HandbookError
        As in `build`.
    """
    sheets = handbook_plan.course(root)
    banks = asking.catalogue()
    questions = {question_id: question for bank in banks.values() for question_id, question in bank.items()}
    pages = [handbook_pages.notebook_page(root, sheet, questions) for sheet in sheets]
    urls = {sheet.source: sheet.url for sheet in sheets} | {name: name for name in ("index.html", "glossary.html", "guide.html")}
    todo, pictures = set(), set()
    pages.append(handbook_guide.guide(root, FILES / "guide.md", sheets, pages, questions))
    pages.append(handbook_guide.front(root, FILES / "front.md", sheets))
    for page in pages:
        folder = page.sheet.source.rpartition("/")[0] if page.sheet else ""
        files, found = handbook_finish.finish(root, page, urls, folder)
        todo, pictures = todo | files, pictures | found
    pages.append(handbook_guide.glossary(FILES / "glossary.md", pages))
    handbook_finish.finish(root, pages[-1], {page.url: page.url for page in pages}, "")
    for source in sorted(todo):
        pages.append(handbook_pages.file_page(root, source))
        handbook_finish.finish(root, pages[-1], {}, "")
    return pages, pictures


def search_index(pages):
    """What the search looks through.

    Parameters
    ----------
    pages : list of helpers.course.handbook_pages.Page

    Returns
    -------
    list of (str, str, str, str)
        Address with its anchor, the page's title, the section's heading, the section's text.
    """
    rows = []
    for page in pages:
        for anchor, heading, text in handbook_finish.sections(page):
            rows.append((page.url + (f"#{anchor}" if anchor else ""), page.title, heading, text))
    return rows


def _write(new, root, pages, pictures):
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (FILES / "page.html").read_text(encoding="utf-8")
    )
    sequence = [page for page in pages if page.sheet]
    contents = handbook_guide.contents([page.sheet for page in sequence])
    for page in pages:
        place = sequence.index(page) if page.sheet else None
        text = template.render(
            page=page,
            contents=contents,
            inside=markupsafe.Markup(handbook_finish.inside(page)),
            to=lambda url, here=page.url: handbook_finish.relative(here, url),
            top=handbook_finish.relative(page.url, "."),
            before=sequence[place - 1] if place else None,
            after=sequence[place + 1] if place is not None and place + 1 < len(sequence) else None,
        )
        path = new / page.url
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    for source in sorted(pictures):
        (new / "pictures").mkdir(exist_ok=True)
        shutil.copyfile(root / source, new / "pictures" / Path(source).name)
    for name in ("style.css", "search.js"):
        shutil.copyfile(FILES / name, new / name)
    index = json.dumps(search_index(pages), ensure_ascii=False).replace("</", "<\\/")
    (new / "search_index.js").write_text(f"window.searchIndex = {index};\n", encoding="utf-8", newline="\n")
