"""Makes the inside of the handbook's pages: notebooks by nbconvert, texts by mistune. Links are put right later."""

import functools
import html
import re
from dataclasses import dataclass, field
from pathlib import Path

import bs4
import mistune
import nbformat
from nbconvert.exporters import HTMLExporter

from helpers.course import page_outputs, regions
from helpers.course.handbook_plan import HandbookError

LANGUAGES = {".py": "python", ".yml": "yaml", ".yaml": "yaml", ".toml": "toml", ".json": "json", ".md": "markdown"}


@dataclass
class Page:
    """A page of the handbook.

    Attributes
    ----------
    url : str
        From the handbook's top.
    title : str
    soup : bs4.BeautifulSoup
        What stands in its `main`.
    sheet : helpers.course.handbook_plan.Sheet or None
        The notebook that it shows.
    questions : list of str
        The ids that it checks.
    """

    url: str
    title: str
    soup: bs4.BeautifulSoup
    sheet: object = None
    questions: list = field(default_factory=list)


def notebook_page(root, sheet, questions):
    """Show a notebook, its stored outputs included; in an exercise, each check is followed by its folded solution.

    Parameters
    ----------
    root : pathlib.Path
        The workbook's top.
    sheet : helpers.course.handbook_plan.Sheet
    questions : dict of str to helpers.course.verdict.Question
        All there are.

    Returns
    -------
    Page
        Its links still lead to notebooks: see `handbook_finish.finish`.

    Raises
    ------
    HandbookError
        The notebook cannot be read, or a question has no solution.
    """
    try:
        notebook = nbformat.read(root / sheet.source, as_version=4)
    except Exception as error:
        raise HandbookError(f"{sheet.source} is no notebook that can be read ({error}).") from error
    for cell, alt in zip(notebook.cells, page_outputs.alternatives(notebook.cells), strict=True):
        cell.metadata["alt"] = alt  # nbconvert's templates give it to the cell's pictures
    body, _ = _exporter().from_notebook_node(notebook)
    soup = bs4.BeautifulSoup(body, "html.parser")
    page = Page(sheet.url, _short_title(soup, sheet), soup, sheet)
    page_outputs.tidy(page.soup)
    for cell in notebook.cells if sheet.kind == "exercise" else ():
        for question_id in regions.checked_questions(cell.source) if cell.cell_type == "code" else ():
            page.questions.append(question_id)
            fold = _solution(root, question_id, questions)
            page.soup.find(id=f"cell-id={cell.id}").insert_after(bs4.BeautifulSoup(fold, "html.parser"))
    for cell in page.soup.find_all(id=re.compile("^cell-id=")):
        del cell["id"]
    return page


def text_page(url, title, text):
    """Show a Markdown text.

    Parameters
    ----------
    url : str
    title : str
    text : str

    Returns
    -------
    Page
        Its links lead to files from the workbook's top: see `handbook_finish.finish`.
    """
    made = mistune.create_markdown(escape=False, plugins=["table"])(text)
    return Page(url, title, bs4.BeautifulSoup(made, "html.parser"))


def file_page(root, source):
    """Show a file that a notebook links to.

    Parameters
    ----------
    root : pathlib.Path
    source : str
        From the workbook's top.

    Returns
    -------
    Page
    """
    text = (root / source).read_text(encoding="utf-8")
    made = f"<h1>{Path(source).name}</h1><p>The file <code>{source}</code>.</p>{_program(text, _language(source))}"
    return Page(file_url(source), Path(source).name, bs4.BeautifulSoup(made, "html.parser"))


def file_url(source):
    """Where the page of a file is.

    Parameters
    ----------
    source : str
        From the workbook's top.

    Returns
    -------
    str
        From the handbook's top.
    """
    return f"files/{source.replace('/', '-')}.html"


@functools.cache
def _exporter():
    return HTMLExporter(
        template_name="basic",  # the cells alone: no page around them, no scripts, no styles
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        filters={"highlight_code": lambda source, metadata=None: _program(source, "python")},
    )


def _program(text, language):
    """Program text until `handbook_finish.inside` gives it colours: hundreds of small tags, which need not be parsed."""
    return f'<div class="program {language}">{html.escape(text, quote=False)}</div>'


def _language(name):
    return LANGUAGES.get(Path(name).suffix, "docker" if Path(name).name == "Dockerfile" else "text")


def _solution(root, question_id, questions):
    if question_id not in questions:
        raise HandbookError(f"An exercise checks {question_id}, and no bank has this question.")
    source = questions[question_id].notebook
    try:
        code = regions.solution_code(root / source, question_id)
    except (OSError, regions.RegionError) as error:
        raise HandbookError(f"The solution of {question_id} cannot be shown: {source}, {error}") from error
    where = "" if source.endswith(".ipynb") else f"<p>In the file <code>{source.partition('/')[2]}</code>:</p>"
    name = "answer.py" if source.endswith(".ipynb") else source
    summary = f"One way to solve {question_id}: {html.escape(questions[question_id].title)}"
    return f'<details class="solution"><summary>{summary}</summary>{where}{_program(code, _language(name))}</details>'


def _short_title(soup, sheet):
    """The heading up to its colon, such as "21 Why experiment tracking"."""
    heading = soup.find("h1")
    if heading is None:
        raise HandbookError(f"{sheet.source} has no heading of its own: begin it with `# {sheet.number} · Its name`.")
    return re.match(r"[^:?]+\??", heading.get_text())[0].replace(" · ", " ")
