"""The words that a question bank is written in: a `Question`, the `Verdict` that its judge gives, the four outcomes."""

from collections.abc import Callable
from dataclasses import dataclass

PASSED = "passed"
NOT_YET = "not yet"
NOT_ATTEMPTED = "not attempted"
ERROR = "error"  # the learner's own exception


@dataclass(frozen=True)
class Verdict:
    """What a judge found.

    Attributes
    ----------
    outcome : str
        `PASSED` or `NOT_YET`.
    reason : str
        For the learner, a sentence or two; praise, which may be empty, when passed.
    misconception : str or None
        The name of the misunderstanding that gives just this answer, as in the question's `misconceptions`.
    """

    outcome: str
    reason: str
    misconception: str | None = None


@dataclass(frozen=True)
class Question:
    """One question of a lesson. Its text stands in the notebook.

    Attributes
    ----------
    title : str
        A few words, for the picture of the progress.
    probe : callable
        `probe(answer, rng)` runs beside the learner's work and returns evidence: plain data. It makes a new copy of its
        inputs for each call of the answer, since an answer may change them.
    judge : callable
        `judge(evidence, rng)` returns a `Verdict`. The evidence has been through JSON: tuples are lists, keys are text.
        Its `rng` draws the same as the probe's, so the inputs can be made again. It never raises, whatever came.
    hints : tuple of str
        One to three, from a nudge to nearly the answer.
    notebook : str
        Where the answer stands, from the workbook's top: a notebook of `solutions/`, or a plain file there.
    misconceptions : tuple of str
        The names that its verdicts may carry.
    """

    title: str
    probe: Callable
    judge: Callable
    hints: tuple
    notebook: str
    misconceptions: tuple = ()


def passed(praise=""):
    """The answer is right.

    Parameters
    ----------
    praise : str, optional
        What is worth noticing about it.

    Returns
    -------
    Verdict
    """
    return Verdict(PASSED, praise)


def not_yet(reason, misconception=None):
    """The answer is not right yet.

    Parameters
    ----------
    reason : str
        What it does and what was wanted, in the learner's terms.
    misconception : str, optional
        Its name, where one is known with certainty.

    Returns
    -------
    Verdict
    """
    return Verdict(NOT_YET, reason, misconception)
