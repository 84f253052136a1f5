"""How long a part of a lesson takes in a room: cells as long as the batch measured them, the rest by three round figures."""

import json
from dataclasses import dataclass

from helpers.course import batch, slides_text

WORDS = 130  # that a speaker says in a minute
LINE = 5  # seconds for a line of a program, to read it and to say what it does
GUESS = 30  # seconds in which the room makes up its mind at a Predict


@dataclass(frozen=True)
class Time:
    """Seconds of a slide, a part or a lesson.

    Attributes
    ----------
    said : float
        For words, lines of programs and guesses.
    run : float or None
        That its cells ran in the batch; None where that is not known.
    """

    said: float = 0.0
    run: float | None = 0.0

    def __add__(self, other):
        known = self.run is not None and other.run is not None
        return Time(self.said + other.said, self.run + other.run if known else None)

    @property
    def seconds(self):
        """All that is known."""
        return self.said + (self.run or 0)

    @property
    def minutes(self):
        """The same in minutes, rounded; at least 1."""
        return max(1, round(self.seconds / 60))


def measured(root, name, cells):
    """Read how long each cell of a lesson ran, from what the batch left in build/run.

    Parameters
    ----------
    root : pathlib.Path
        The workbook's top.
    name : str
        From there, such as "notebooks/22a_mlflow.ipynb".
    cells : list of str
        The sources of the lesson's code cells as they are now, empty ones left out.

    Returns
    -------
    (list of float or None, str)
        Seconds for each of `cells`; None where they are not known, and why. They are known only from a run that passed, of these
        very cells and with the lesson's own parameters.
    """
    record = batch.read_records(root).get(name)
    if record is None:
        return None, "the batch has not run it"
    if record["status"] != "passed":
        return None, f"its last run in the batch: {record['status']}"
    try:
        notebook = json.loads(batch.executed_path(root, name).read_text(encoding="utf-8"))
        ran = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
        if ["".join(cell["source"]) for cell in ran] != list(cells):
            return None, "it has changed since the batch ran it, or was run with other parameters"
        return [float(cell["metadata"]["papermill"]["duration"]) for cell in ran], ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        return None, f"what the batch left of it cannot be read ({type(error).__name__})"


def slide_time(slide, runs):
    """How long a slide takes.

    Parameters
    ----------
    slide : helpers.course.slides_layout.Slide
    runs : list of float or None
        As from `measured`.

    Returns
    -------
    Time
        A cell's run counts on the slide where its program ends.
    """
    said, run = 0.0, 0.0
    for piece in slide.pieces:
        said += 60 * len(slides_text.spoken(piece.said)) / WORDS
        if piece.kind == "predict":
            said += GUESS
        elif piece.kind == "code":
            said += LINE * sum(bool(line.strip()) for line in piece.shown.splitlines())
            if piece.ends:
                run = None if runs is None else run + runs[piece.cell]
    return Time(said, run)
