"""What an exercise imports: `from helpers.course.questions import check, hint, solution`."""

import datetime
import html
import os
from dataclasses import dataclass
from pathlib import Path

from helpers.course import asking, progress, regions
from helpers.course.verdict import ERROR, NOT_ATTEMPTED, NOT_YET, PASSED

ROOT = Path(__file__).resolve().parents[2]
BROKEN = "check failed"  # the question's own fault: never one of the four outcomes, and never the learner's
LONGEST = 800  # characters of a reason
NBGRADER = "NBGRADER_EXECUTION"  # nbgrader says in this variable what it runs the notebook for: autograde or validate

# A sign and the colour of the edge. The colours stand out by 3:1 from white and from JupyterLab's dark page; the words
# take the page's own colour, so that they are readable on both.
LOOKS = {
    PASSED: ("✓", "#2a9155"),
    NOT_YET: ("↻", "#c77700"),
    NOT_ATTEMPTED: ("○", "#808080"),
    ERROR: ("✗", "#d64545"),
    BROKEN: ("⚠", "#a05fc4"),
}

_hints_seen = {}  # in this kernel: so hints go on even where the progress cannot be saved


@dataclass(frozen=True, repr=False)
class Result:
    """What came of a check. A notebook shows it by itself, when it is a cell's last value.

    Attributes
    ----------
    question_id : str
    outcome : str
        "passed", "not yet", "not attempted" or "error"; "check failed" if the question itself is broken.
    reason : str
        One or two sentences for the learner; may be empty when passed or not attempted.
    misconception : str or None
        The name of the misunderstanding, where one is certain.
    trouble : str
        What went wrong with saving the progress; else "".
    """

    question_id: str
    outcome: str
    reason: str = ""
    misconception: str | None = None
    trouble: str = ""

    def __repr__(self):
        first = f"{self.question_id} {self.outcome}" + (f": {self.reason}" if self.reason else "")
        return first + (f"\n{self.trouble}" if self.trouble else "")

    def _repr_html_(self):
        sign, colour = LOOKS[self.outcome]
        head = f"<strong>{sign} {html.escape(self.question_id)} {self.outcome}</strong>"
        lines = [_html(text) for text in (self.reason, self.trouble) if text]
        return _box(colour, "<br>".join([head, *lines]))


class NotPassed(Exception):
    """What a check raises under nbgrader: it gives the points of a cell unless the cell fails."""

    def _render_traceback_(self):
        return [str(self)]  # instead of a traceback: the reason is what a learner should read in the feedback


class _PassedUnderNbgrader(Result):
    """Displayed, and so not the cell's value, in which nbgrader looks for a number of points."""

    def _ipython_display_(self):
        from IPython.display import display

        display({"text/plain": repr(self), "text/html": self._repr_html_()}, raw=True)


@dataclass(frozen=True, repr=False)
class Note:
    """A hint or a solution, as a notebook shows it.

    Attributes
    ----------
    head : str
        What it is.
    text : str
        What it says.
    code : bool
        Whether `text` is program text.
    tail : str
        A last line, or "".
    """

    head: str
    text: str = ""
    code: bool = False
    tail: str = ""

    def __repr__(self):
        return "\n".join(part for part in (self.head, self.text, self.tail) if part)

    def _repr_html_(self):
        head = f"<strong>{html.escape(self.head)}</strong>"
        text = f"<pre>{html.escape(self.text)}</pre>" if self.code else _html(self.text)
        return _box("#4a86c5", "<br>".join(part for part in (head, text, _html(self.tail)) if part))


def check(question_id, answer=...):
    """Check an answer and note it in the progress. It never raises on account of the answer, except under nbgrader.

    While nbgrader grades or validates a notebook (`NBGRADER_EXECUTION` is set), anything but "passed" is raised, since
    nbgrader takes a cell that shows a text as solved. While it grades, nothing is noted: the progress on that machine is
    the instructor's.

    Parameters
    ----------
    question_id : str
        As it stands in the exercise, such as "22a.1".
    answer : object
        What the question asks for. `...` is an answer that has not been begun.

    Returns
    -------
    Result

    Raises
    ------
    NotPassed
        Only under nbgrader; the message is what the result would show.
    """
    result = _result(question_id, answer)
    if NBGRADER not in os.environ:
        return result
    if result.outcome != PASSED:
        raise NotPassed(repr(result))
    return _PassedUnderNbgrader(**vars(result))


def _result(question_id, answer):
    try:
        question = asking.find(question_id)
        seed = asking.study_seed(question_id)
        verdict = asking.decide(question, asking.gather(question, answer, seed), seed)
    except asking.UnknownQuestion as error:
        return Result(_clean(question_id), ERROR, _clean(error))
    except asking.BrokenCheck as error:
        told = f"The check itself failed, your answer is not to blame: please report this. ({error})"
        return Result(question_id, BROKEN, _clean(told))
    trouble = _note(progress.record_check, question_id, verdict.outcome, _now())
    misconception = getattr(verdict, "misconception", None)
    return Result(question_id, verdict.outcome, _clean(verdict.reason), misconception, trouble)


def hint(question_id):
    """Show the next hint.

    Parameters
    ----------
    question_id : str

    Returns
    -------
    Note
        The first at the first call, and so on, also on another day; all of them again when there are no more.
    """
    try:
        hints = asking.find(question_id).hints
    except (asking.UnknownQuestion, asking.BrokenCheck) as error:
        return Note(_clean(error))
    known = progress.read().questions.get(question_id, {}).get("hints", 0)
    seen = max(known, _hints_seen.get(question_id, 0))
    _hints_seen[question_id] = min(seen + 1, len(hints))
    trouble = _note(progress.record_hint, question_id, _hints_seen[question_id])
    if seen < len(hints):
        return Note(f"{question_id}, hint {seen + 1} of {len(hints)}", hints[seen], tail=trouble)
    last = f'That was the last hint. solution("{question_id}") shows one way to do it.'
    return Note(f"{question_id}, every hint", "\n".join(f"{n}. {text}" for n, text in enumerate(hints, start=1)), tail=last)


def solution(question_id):
    """Show the answer, and note that it was shown.

    Parameters
    ----------
    question_id : str

    Returns
    -------
    Note
        The code from `solutions/`; one line if it is not there.
    """
    try:
        question = asking.find(question_id)
        code = regions.solution_code(ROOT / question.notebook, question_id)
    except (asking.UnknownQuestion, asking.BrokenCheck) as error:
        return Note(_clean(error))
    except FileNotFoundError:
        return Note(f"The solution is not in this copy of the workbook: {question.notebook} is absent.")
    except regions.RegionError as error:
        return Note(f"The solution of {question_id} cannot be shown, please report this: {question.notebook}, {error}")
    trouble = _note(progress.record_solution, question_id, _now())
    return Note(f"{question_id}, one way to do it", code, code=True, tail=trouble)


def _note(record, *facts):
    """Note something in the progress, and give the trouble with it; not while nbgrader grades somebody else's work."""
    return "" if os.environ.get(NBGRADER) == "autograde" else record(*facts).trouble


def _now():
    return datetime.datetime.now(datetime.UTC)


def _clean(text):
    """Fit for a page: not endless, and nothing in it that cannot be sent as UTF-8."""
    text = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _html(text):
    return html.escape(text).replace("\n", "<br>")


def _box(colour, inside):
    return f'<div style="border-left: 5px solid {colour}; padding: 0.3em 0.8em; margin: 0.2em 0">{inside}</div>'
