"""Makes a reveal.js deck of laid-out slides, by nbconvert's own exporter with a template that loads nothing from elsewhere."""

import functools
import posixpath
import re
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter

FILES = Path(__file__).with_name("slides_files")
LOOSE = 320  # px: text alone that is no higher than this is set larger


def deck(slides, times, *, title, alternatives, links, folder):
    """Make the page of a deck.

    Parameters
    ----------
    slides : list of helpers.course.slides_layout.Slide
        At least one.
    times : list of helpers.course.slides_time.Time
        Of each slide.
    title : str
        Of the page.
    alternatives : list of str
        For each code cell, by its number, what stands for its charts.
    links : dict of str to str
        Where links of the lesson lead in the deck, from the target's name, such as {"21_x.ipynb": "21_x.html"}; any other that
        is no address of the web becomes text.
    folder : pathlib.Path
        In which the lesson's pictures are found.

    Returns
    -------
    str
        HTML. The same slides give the same text.
    """
    cells = []
    for place, slide in enumerate(slides):
        parts = [time for other, time in zip(slides, times, strict=True) if other.part == slide.part]
        opens = place == 0 or slides[place - 1].part != slide.part
        cells += _cells(slide, times[place], functools.reduce(lambda a, b: a + b, parts) if opens else None, alternatives)
    for number, cell in enumerate(cells):
        cell.id = f"c{number}"
        if cell.cell_type == "markdown":
            cell.source = _put_links(cell.source, links)
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"deck": {"title": title}})
    page, _ = _exporter().from_notebook_node(notebook, resources={"metadata": {"name": title, "path": str(folder)}})
    return "\n".join(line.rstrip() for line in page.splitlines()) + "\n"


def notes(slide, time, part):
    """What the speaker reads on a slide.

    Parameters
    ----------
    slide : helpers.course.slides_layout.Slide
    time : helpers.course.slides_time.Time
    part : helpers.course.slides_time.Time or None
        Of the whole part, on its first slide.

    Returns
    -------
    str
        Markdown.
    """
    found = []
    if part:
        run = "not measured" if part.run is None else f"{part.run:.0f} s of it for cells that run"
        found.append(f"**This part: about {part.minutes} min** ({run}).")
    if time.run:
        found.append(f"*The cell ran for {time.run:.1f} s.*" if time.run >= 0.1 else "*The cell takes no time to run.*")
    before = ""
    for piece in slide.pieces:
        if piece.kind == "predict":
            found.append(f"{piece.said}\n\n*Wait. Let everybody write down a guess.*")
        elif piece.said and piece.kind == before and piece.kind in ("item", "row"):
            found[-1] += f"\n{piece.said}"
        elif piece.said:
            found.append(f"{piece.head}\n{piece.said}".strip())
        before = piece.kind
    return "\n\n".join(found)


def _cells(slide, time, part, alternatives):
    found, first = [], True
    for step in slide.steps:
        for number, cell in enumerate(_step(step, slide.size, alternatives)):
            kind = ("slide" if part else "subslide") if first else "-" if number else "fragment"
            cell.metadata.slideshow = {"slide_type": kind}
            found.append(cell)
            if first:
                cell.metadata.deck |= {"seconds": round(time.seconds), "look": _look(slide), "strip": "" if part else slide.title}
                aside = nbformat.v4.new_markdown_cell(notes(slide, time, part))
                aside.metadata |= {"slideshow": {"slide_type": "notes"}, "deck": {}}
                found.append(aside)
            first = False
    return found


def _step(step, size, alternatives):
    """One cell for each run of pieces that belong together."""
    cells, before = [], None
    for piece in step:
        if piece.kind == "code":
            cells.append(nbformat.v4.new_code_cell(piece.shown))
        elif piece.kind == "output":
            data = piece.output or {"output_type": "display_data", "data": {"text/html": piece.shown}, "metadata": {}}
            cells.append(nbformat.v4.new_code_cell("", outputs=[nbformat.from_dict(data)]))
            cells[-1].metadata |= {"transient": {"remove_source": True}, "alt": alternatives[piece.cell]}
        elif piece.shown:
            head = f"{piece.head}\n" if piece.kind == "row" and not (before and before.kind == "row") else ""
            if before and before.kind == piece.kind and piece.kind in ("text", "item", "row"):
                cells[-1].source += ("\n\n" if piece.kind == "text" else "\n") + piece.shown
            else:
                cells.append(nbformat.v4.new_markdown_cell(head + piece.shown))
        else:
            continue
        is_picture = piece.kind == "picture" or (piece.kind == "output" and not piece.shown)
        cells[-1].metadata.deck = {"role": "picture" if is_picture else piece.kind, "size": size}
        before = piece
    return cells


def _look(slide):
    kinds = {piece.kind for piece in slide.pieces}
    return "sparse" if kinds <= {"part", "text", "item", "predict"} and slide.height < LOOSE else ""


def _put_links(text, links):
    def put(found):
        words, target = found.groups()
        if re.match(r"https?:", target):
            return found[0]
        to = links.get(posixpath.basename(target.partition("#")[0]))
        return f"[{words}]({to})" if to and "/" not in target else words

    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)]+)\)", put, text)


@functools.cache
def _exporter():
    return SlidesExporter(
        template_name="deck",
        extra_template_basedirs=[str(FILES / "templates")],
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
        filters={"strip_p": lambda text: re.sub(r"^\s*<p>|</p>\s*$", "", text)},
    )
