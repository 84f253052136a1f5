"""Outputs of notebooks on pages with no kernel: a text for each chart, no frame of a server, no styles of their own."""

import ast
import re

LIVE = "Here the running notebook shows a page of a server on your own machine: open the lesson in JupyterLab to use it."


def alternatives(cells):
    """What stands for the charts of each cell: the titles and axes that its code names, or else the prose that leads to it.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode

    Returns
    -------
    list of str
        One for each cell, at most 400 characters; "" for a cell of prose.
    """
    heading, lead, found = "", "", []
    for cell in cells:
        if cell.cell_type == "markdown":
            heading = ([line.strip("# ") for line in cell.source.splitlines() if line.startswith("#")] or [heading])[-1]
            prose = re.sub(r"[*_`]|\[([^\]]*)\]\([^)]*\)", r"\1", cell.source.split("\n\n")[-1])
            lead = "" if prose.startswith(("#", "|", "- ")) else " ".join(prose.split())
            found.append("")
            continue
        named = _chart_words(cell.source) if cell.cell_type == "code" else []
        found.append(f"Picture in “{heading}”: {'; '.join(named) or lead or 'what the code above draws'}"[:400])
    return found


def tidy(soup):
    """Take out what an output can only do in a running notebook.

    Parameters
    ----------
    soup : bs4.BeautifulSoup
        Is changed: frames become a sentence, links to servers of this machine become text, styles and scripts go.
    """
    for frame in soup.find_all("iframe"):
        note = soup.new_tag("p", attrs={"class": "note"})
        note.string = LIVE
        frame.replace_with(note)
    for link in soup.find_all("a", href=re.compile(r"^http://127\.0\.0\.1")):
        link.unwrap()
    for tag in soup.find_all(["style", "script"]):
        tag.decompose()
    for table in soup.find_all("table"):
        table.attrs = {}


def _chart_words(source):
    """The literal texts that a cell gives to titles and axes."""
    try:
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    except SyntaxError:
        return []
    words = []
    for call in calls:
        name = getattr(call.func, "attr", "")
        given = [(key.arg, key.value) for key in call.keywords]
        given += [(name.removeprefix("set_"), value) for value in call.args[:1] if name.startswith(("set_", "suptitle"))]
        for kind, value in given:
            if kind in ("title", "suptitle", "xlabel", "ylabel") and isinstance(value, ast.Constant) and value.value:
                words.append({"xlabel": "across, ", "ylabel": "up, "}.get(kind, "") + str(value.value))
    return sorted(dict.fromkeys(words), key=lambda word: word.startswith(("across, ", "up, ")))
