"""Turns a lesson into pieces, in its own order: what a slide can hold, how high each will be, and what is said with it."""

import html
import itertools
import math
import re
from dataclasses import dataclass, field

import bs4

from helpers.course import page_outputs, slides_text

WIDTH, HEIGHT = 1184, 606  # of what a slide holds below its heading, in the pixels of a screen of 1280 by 720
TEXT = 30  # px, the type of prose
CODE = (26, 24, 22, 20, 18)  # px, the types of programs and outputs: the largest in which it fits
PICTURE = 380  # px, that a picture should have at least


@dataclass
class Piece:
    """Something to show.

    Attributes
    ----------
    kind : str
        "title", "question", "part", "heading", "text", "item", "row" (of a table, its head in `head`), "picture", "predict",
        "code" or "output".
    shown : str
        Markdown; of code its source; of an output HTML, or "" for what stands in `output`.
    said : str
        Markdown for the speaker: all of the lesson's prose here.
    lines : float
        Of its own type, how many it takes; of an output that is a picture 0.
    head : str
    cell : int
        The number of its code cell among the lesson's, from 0; -1 for prose.
    output : dict
        An output as the notebook holds it, if that is a picture.
    ends : bool
        Of a program that goes on on another slide, whether this is its last piece.
    width : float
        Of a table among the outputs, in multiples of its type: what its words take, none of them broken.
    together : float
        Of the first item of a list or row of a table, how high all of it stands, in px.
    """

    kind: str
    shown: str
    said: str = ""
    lines: float = 0
    head: str = ""
    cell: int = -1
    output: dict = field(default_factory=dict)
    ends: bool = True
    width: float = 0
    together: float = 0

    def breaks(self, size):
        """Whether a line of it is too long in a type of `size` px."""
        return wrapped(self.shown, size) > self.shown.count("\n") + 1

    def height(self, size=CODE[-1]):
        """How high it stands, in px, with programs and outputs in a type of `size`."""
        if self.kind == "code" or (self.kind == "output" and self.lines):
            return wrapped(self.shown, size) * size * 1.35 + 36 if self.kind == "code" else _output_height(self, size)
        if self.kind in ("picture", "output"):
            return PICTURE
        if self.kind == "row":
            return self.lines * 30 + 14
        return self.lines * TEXT * 1.35 + {"predict": 46, "item": 8}.get(self.kind, 18)


def pieces(cells):
    """Make a lesson's pieces.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode
        With their stored outputs.

    Returns
    -------
    list of Piece
    """
    found, number = [], -1
    for cell in cells:
        if cell.cell_type == "markdown":
            found += _prose(cell.source)
        elif cell.cell_type == "code" and cell.source.strip():
            number += 1
            if "parameters" in cell.metadata.get("tags", ()):
                found.append(Piece("heading", "### The settings of this lesson", "", 1.2))
            found += _split_code(cell.source.rstrip(), number)
            found += [piece for output in cell.outputs for piece in _output(output, number)]
    return found


def wrapped(text, size):
    """How many lines a text takes.

    Parameters
    ----------
    text : str
    size : int
        Of its type, in px; every character is as wide as the others.

    Returns
    -------
    int
    """
    room = int((WIDTH - 40) / (0.602 * size))
    return sum(max(1, math.ceil(len(line) / room)) for line in text.split("\n"))


def _prose(source):
    found, is_opening = [], False
    for kind, text in slides_text.blocks(source):
        if kind == "heading":
            level, _, title = text.partition(" ")
            is_opening = level == "#"
            found.append(Piece({"#": "title", "##": "part"}.get(level, "heading"), text, "", 1.3))
        elif kind == "paragraph":
            question = re.match(r"\*\*[^*]+\*\*(?=\s)", text) if is_opening and found[-1].kind == "title" else None
            if question:
                found.append(Piece("question", question[0], question[0], _lines(question[0])))
                text = text[question.end() :].strip()
            found += _paragraph(text)
        elif kind == "table":
            found += _rows(text)
        elif kind == "picture":
            at = next((i for i, piece in enumerate(found) if piece.kind == "question"), len(found) - 1)
            found.insert(at + 1, Piece("picture", text))  # in an opening it belongs to the question
        else:
            shown = slides_text.lead(text) if kind == "item" else text
            found.append(Piece("item" if kind == "item" else "text", shown, text, _lines(shown)))
    for kind, group in itertools.groupby(found, key=lambda piece: piece.kind):
        group = list(group)
        group[0].together = sum(piece.height() for piece in group) if kind in ("item", "row") else 0
    return found


def _paragraph(text):
    before, prediction = slides_text.prediction(text)
    found = []
    if before:
        shown = slides_text.lead(before)
        for_learners = before.startswith(("**Read before:**", "**Time:**", "**What runs here:**"))
        found.append(Piece("text", "" if for_learners else shown, before, 0 if for_learners else _lines(shown)))
    if prediction:
        found.append(Piece("predict", prediction, prediction, _lines(prediction)))
    return found


def _rows(text):
    head, rule, *rows = text.splitlines()
    longest = max((len(slides_text.LINK.sub(r"\1", row)) for row in rows), default=0)
    found = []
    for row in rows:
        parts = slides_text.LINK.sub(r"\1", row).strip("|").split(" | ")
        share = [max(len(part), 8) for part in parts]
        found.append(Piece("row", row, row, max(1, math.ceil(sum(share) / 88) if longest > 88 else 1), f"{head}\n{rule}"))
    return found


def _split_code(source, number):
    """A program that is too long for one slide is cut before a line that begins at the margin."""
    lines, found = source.split("\n"), []
    while lines:
        end = len(lines)
        while wrapped("\n".join(lines[:end]), CODE[-1]) * CODE[-1] * 1.35 + 36 > HEIGHT:
            end -= 1
        margins = [i for i in range(1, end + 1) if end < len(lines) and re.match(r"[\w@#]", lines[i])]
        end = ([i for i in margins if not lines[i - 1]] or margins or [end])[-1]
        text = "\n".join(lines[:end]).strip("\n")
        found.append(Piece("code", text, "", text.count("\n") + 1, "", number, ends=end == len(lines)))
        lines = lines[end:]
    return found


def _output(output, number):
    data = output.get("data", {})
    if any(kind.startswith("image/") for kind in data):
        return [Piece("output", "", "", 0, "", number, output)]
    if "text/html" in data:
        soup = bs4.BeautifulSoup(data["text/html"], "html.parser")
        page_outputs.tidy(soup)
        return [_table(part, number) for part in _split_html(soup)]
    text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", ()))
    lines, found = re.sub(r"\x1b\[[0-9;]*m", "", text).strip("\n").split("\n"), []
    most = int((HEIGHT - 40) / (CODE[-1] * 1.35))
    while lines and text.strip():
        end = max(1, next((i for i in range(len(lines), 0, -1) if wrapped("\n".join(lines[:i]), CODE[-1]) <= most), 1))
        part = "\n".join(lines[:end])
        found.append(Piece("output", f"<pre>{html.escape(part, quote=False)}</pre>", "", wrapped(part, CODE[-1]), "", number))
        lines = lines[end:]
    return found


def _split_html(soup, most=14):
    """What has more lines than `most`, a table or a stack of blocks, goes on on further slides; a table takes its head along."""
    find = (lambda tree: tree.find("tbody").find_all("tr", recursive=False)) if soup.find("tbody") else _blocks
    lines = list(itertools.accumulate(_row_lines(row) for row in find(soup)))
    if len(soup.find_all("table")) > 1 or not lines or lines[-1] <= most:
        return [str(soup)]
    slides = math.ceil(lines[-1] / most)
    parts = []
    for number in range(slides):
        part = bs4.BeautifulSoup(str(soup), "html.parser")
        for row, line in zip(find(part), lines, strict=True):
            if (line - 1) * slides // lines[-1] != number:
                row.decompose()
        parts.append(str(part))
    return parts


def _blocks(soup):
    return soup.find_all("div", recursive=False)


def _row_lines(row):
    cells = row.find_all(["td", "th"]) or [row]
    return max(1, math.ceil(sum(len(cell.get_text(" ", strip=True)) + 3 for cell in cells) / 100))


def _table(part, number):
    soup = bs4.BeautifulSoup(part, "html.parser")
    texts = [[cell.get_text(" ", strip=True) for cell in row.find_all(["td", "th"])] for row in soup.find_all("tr")]
    texts = texts or [[soup.get_text(" ", strip=True)]]
    lines = sum(_row_lines(row) for row in soup.find_all("tr") or _blocks(soup) or [soup])
    columns = itertools.zip_longest(*texts, fillvalue="")
    words = [max(len(word) for text in column for word in [*text.split(), ""]) for column in columns]
    return Piece("output", part, "", lines, "", number, width=0.56 * sum(words) + 1.2 * len(words))


def _output_height(piece, size):
    if piece.shown.startswith("<pre>"):
        return wrapped(html.unescape(piece.shown[5:-6]), size) * size * 1.35 + 20
    return piece.lines * size * 1.75 + 20


def _lines(text):
    return max(1, math.ceil(len(slides_text.LINK.sub(r"\1", text)) / 74))
