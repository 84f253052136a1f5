"""`python -m helpers slides`: for each lesson a reveal.js deck with speaker notes, and a copy with empty cells."""

import functools
import operator
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import jinja2
import nbformat

from helpers.course import (
    batch_plan,
    handbook_plan,
    made_folder,
    page_outputs,
    slides_deck,
    slides_layout,
    slides_live,
    slides_time,
)
from helpers.course.batch_files import BatchError

ROOT = Path(__file__).resolve().parents[2]
MARK = "slides.json"
COPIED = ("deck.css", "deck.js", "index.css")


class SlidesError(Exception):
    """The slides cannot be made; the message says why, and nothing was written."""


@dataclass
class Deck:
    """What became of a lesson.

    Attributes
    ----------
    sheet : helpers.course.handbook_plan.Sheet
    page : str
        HTML.
    live : nbformat.NotebookNode
    slides : int
        How many.
    parts : list of (str, helpers.course.slides_time.Time)
        Title and time of each part.
    said : str
        How long the lesson itself says that it takes a reader.
    unknown : str
        Why the time of its cells is not known; "" where it is.
    """

    sheet: handbook_plan.Sheet
    page: str
    live: nbformat.NotebookNode
    slides: int
    parts: list
    said: str
    unknown: str

    @property
    def time(self):
        """Of all parts."""
        return functools.reduce(operator.add, [time for _, time in self.parts])


def main(options):
    """Make the slides, as asked on the command line.

    Parameters
    ----------
    options : argparse.Namespace
        `notebooks` and `out`.

    Returns
    -------
    int
        0, or 1 where they could not be made.
    """
    try:
        print(f"Open {build(options.out, options.notebooks)} in a browser.")
        return 0
    except SlidesError as error:
        print(error, file=sys.stderr)
        return 1


def build(out, wanted=(), root=ROOT):
    """Make decks and live-coding notebooks, all of them or nothing.

    Parameters
    ----------
    out : str or pathlib.Path
        The folder to make. Slides that are there are replaced, unless a live-coding notebook was edited.
    wanted : list of str
        Lessons, by path or by the beginning of their name such as "22a"; all where it is empty.
    root : pathlib.Path
        The workbook's top.

    Returns
    -------
    pathlib.Path
        The page to open first.

    Raises
    ------
    SlidesError
        There is no such lesson, a lesson cannot be read, or `out` holds something else or cannot be written.
    """
    out = Path(out).absolute()
    made_folder.refuse_others(out, MARK, "the slides", SlidesError, made_folder.PASSING | batch_plan.GENERATED)
    for name, digest in made_folder.read_mark(out, MARK).get("live", {}).items():
        if (out / name).exists() and slides_live.sources(out / name) != digest:
            raise SlidesError(f"{out / name} was edited, so all is left as it is: move it elsewhere, or name another folder.")
    decks = make_decks(root, out, wanted)
    made_folder.replace(out, MARK, "python -m helpers slides", lambda new: _fill(new, root, decks), SlidesError)
    return out / "index.html"


def make_decks(root, out, wanted):
    """Make every deck, with nothing written yet.

    Parameters
    ----------
    root : pathlib.Path
    out : pathlib.Path
        Where they will lie: links of the live-coding notebooks lead from there.
    wanted : list of str

    Returns
    -------
    list of Deck
        In the course's order.

    Raises
    ------
    SlidesError
        As in `build`.
    """
    try:
        lessons = [sheet for sheet in handbook_plan.course(root) if sheet.kind == "lesson"]
        chosen = {name for word in wanted for name in _lessons(root, word)}
        lessons = [sheet for sheet in lessons if not wanted or sheet.source in chosen]
        return [_deck(root, out, sheet, {each.stem for each in lessons}) for sheet in lessons]
    except (BatchError, handbook_plan.HandbookError) as error:
        raise SlidesError(str(error)) from error


def _lessons(root, word):
    found = [name for name in batch_plan.select(root, [word]) if name.startswith("notebooks/")]
    if not found:
        raise SlidesError(f"{word} is no lesson: slides are made of what is in notebooks/, such as 22a.")
    return found


def _deck(root, out, sheet, stems):
    path = root / sheet.source
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat has no exception of its own for all that can be wrong with a file
        raise SlidesError(f"{sheet.source} is no notebook that can be read ({error}).") from error
    programs = [cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells]
    sources = [cell.source for cell, is_program in zip(notebook.cells, programs, strict=True) if is_program]
    pairs = zip(page_outputs.alternatives(notebook.cells), programs, strict=True)
    runs, unknown = slides_time.measured(root, sheet.source, sources)
    slides = slides_layout.slides(notebook.cells)
    if not slides:
        raise SlidesError(f"{sheet.source} is empty: no slides can be made of it.")
    times = [slides_time.slide_time(slide, runs) for slide in slides]
    parts = [[slide.title, slides_time.Time()] for slide in slides if slide is _first(slides, slide.part)]
    for slide, time in zip(slides, times, strict=True):
        parts[slide.part][1] += time
    page = slides_deck.deck(
        slides,
        times,
        title=sheet.label,
        alternatives=[alternative for alternative, is_program in pairs if is_program],
        links={f"{stem}.ipynb": f"{stem}.html" for stem in stems},
        folder=path.parent,
    )
    live = slides_live.live(notebook, path, out / "live", {f"{stem}.ipynb" for stem in stems})
    said = handbook_plan.duration(*handbook_plan.minutes(root, sheet))
    return Deck(sheet, page, live, len(slides), [tuple(part) for part in parts], said, unknown)


def _first(slides, part):
    return next(slide for slide in slides if slide.part == part)


def _fill(new, root, decks):
    files = slides_deck.FILES
    (new / "live" / "pictures").mkdir(parents=True)
    shutil.copytree(files / "reveal", new / "reveal")
    for name in COPIED:
        shutil.copyfile(files / name, new / name)
    digests = {}
    for deck in decks:
        (new / f"{deck.sheet.stem}.html").write_text(deck.page, encoding="utf-8", newline="\n")
        name = f"live/{deck.sheet.stem}.ipynb"
        nbformat.write(deck.live, new / name)
        digests[name] = slides_live.sources(new / name)
    for picture in sorted((root / "notebooks" / "pictures").glob("*")):
        shutil.copyfile(picture, new / "live" / "pictures" / picture.name)
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (files / "index.html").read_text(encoding="utf-8")
    )
    page = template.render(decks=decks, sections=_sections(decks), clock=_clock, rules=slides_time, typed=slides_live.TYPED)
    (new / "index.html").write_text(page, encoding="utf-8", newline="\n")
    return {"live": digests}


def _sections(decks):
    found = {}
    for deck in decks:
        found.setdefault(deck.sheet.section, []).append(deck)
    return found


def _clock(seconds):
    """Such as "2 h 5 min", "3 min" or "20 s"."""
    return f"{seconds:.0f} s" if seconds < 59.5 else handbook_plan.duration(*[round(seconds / 60)] * 2)
