"""Right and wrong answers to every question, and how they are tried.

`answers/a22a.py` belongs to the bank `helpers/course/bank/q22a.py`. It has
`ANSWERS = {"22a.1": Answers(right=[…], wrong=[Wrong(…), …]), …}`.
"""

import copy
import functools
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.course import asking
from helpers.course.verdict import PASSED

HIDDEN_SEEDS = (7, 2013, 990_017)  # as a grader's, which a learner never sees
FAILED = "check failed"
WRONG = "wrong answer"


@dataclass(frozen=True)
class Made:
    """An answer that needs a setting: `factory(folder)` makes it, anew for each seed, in an empty folder."""

    factory: Callable


@dataclass(frozen=True)
class Wrong:
    """A wrong answer: the misconception it should be told of (None: the general message), and a piece of the message."""

    answer: object
    misconception: str | None = None
    says: str = ""


@dataclass(frozen=True)
class Answers:
    """Of one question.

    Say `may_change_inputs=False` where changing them is what the question is about, and `costly=True` where each try starts
    real programs: then each is tried with one seed.
    """

    right: list
    wrong: list
    may_change_inputs: bool = True
    costly: bool = False


@dataclass(frozen=True)
class Tried:
    """What came of one answer with one seed."""

    what: str
    seed: int
    outcome: str
    reason: str
    misconception: str | None = None


class Anything:
    """Equal to everything, callable, endlessly indulgent; but never an answer."""

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return self

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __lt__(self, other):
        return True

    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __getitem__ = __call__

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __iter__(self):
        return iter([self, self, self])

    def __len__(self):
        return 3

    def __bool__(self):
        return True

    def __float__(self):
        return 0.5

    def __int__(self):
        return 1

    __index__ = __int__

    def __hash__(self):
        return 0

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return False


def not_begun(*args, **kwargs):
    """As an exercise's function is before anybody touches it."""
    raise NotImplementedError


def intruders():
    """What nobody should pass with, whatever the question."""
    constants = [None, 0, True, "text", [], {}, float("nan")]
    functions = {f"a function that gives {constant!r}": _constant(constant) for constant in constants}
    functions["a function that gives an object equal to everything"] = _constant(Anything())
    values = {f"the value {constant!r}": constant for constant in constants}
    values |= {"an object equal to everything": Anything(), "a plain object": object(), "bytes": b"1", "a module": sys}
    return values | functions


def _constant(value):
    return lambda *args, **kwargs: value


def seeds(question_id, place, *, right, costly):
    """Of an answer, by its place: all for a right one; for a wrong one the learner's and one of the hidden, in turn.

    Where each costs much it is a single one, in turn.
    """
    known = (asking.study_seed(question_id), *HIDDEN_SEEDS)
    if costly:
        return (known[place % len(known)],)
    return known if right else (known[0], HIDDEN_SEEDS[place % len(HIDDEN_SEEDS)])


def attempt(question, answer, seed, what=""):
    """Ask a question as a grader would, and never raise."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = answer.factory(Path(folder)) if isinstance(answer, Made) else answer
        try:
            verdict = asking.decide(question, asking.gather(question, made, seed), seed)
        except asking.BrokenCheck as error:
            return Tried(what, seed, FAILED, str(error))
    return Tried(what, seed, verdict.outcome, verdict.reason, getattr(verdict, "misconception", None))


def try_right(question_id, question, answers):
    """Each right answer with its seeds; once more noisily, where it is a function."""
    tried = [
        attempt(question, answer, seed, f"right answer {place}")
        for place, answer in enumerate(answers.right, start=1)
        for seed in seeds(question_id, place, right=True, costly=answers.costly)
    ]
    noisy_ones = [
        (place, noisy(answer, answers.may_change_inputs))
        for place, answer in enumerate(answers.right, start=1)
        if callable(answer) and not isinstance(answer, type)
    ]
    return tried + [
        attempt(question, answer, asking.study_seed(question_id), f"right answer {place}, with noise")
        for place, answer in noisy_ones
    ]


def try_wrong(question_id, question, answers):
    """Each wrong answer with its seeds, and the intruders."""
    tried = [
        attempt(question, wrong.answer, seed, f"{WRONG} {place}")
        for place, wrong in enumerate(answers.wrong, start=1)
        for seed in seeds(question_id, place, right=False, costly=answers.costly)
    ]
    right = {repr(answer) for answer in answers.right if not callable(answer)}
    others = {what: answer for what, answer in intruders().items() if isinstance(answer, Anything) or repr(answer) not in right}
    return tried + [attempt(question, answer, asking.study_seed(question_id), what) for what, answer in others.items()]


def faults(question_id, question, answers, right, wrong):
    """What is the matter with a question's bank, in sentences; none if all is well."""
    told = []
    if len(answers.right) < 3 or len(answers.wrong) < 8:
        told.append(f"{len(answers.right)} right and {len(answers.wrong)} wrong answers; at least 3 and 8 are wanted")
    if not 1 <= len(question.hints) <= 3:
        told.append(f"{len(question.hints)} hints; 1 to 3 are wanted")
    told += [f"refused: {t}" for t in right if t.outcome != PASSED]
    told += [f"accepted: {t}" for t in wrong if t.outcome == PASSED]
    told += [f"the check itself failed: {t}" for t in wrong if t.outcome == FAILED]
    for t in [each for each in wrong if each.what.startswith(WRONG)]:
        expected = answers.wrong[int(t.what.rpartition(" ")[2]) - 1]
        if t.misconception != expected.misconception:
            told.append(f"told of {t.misconception!r}, not {expected.misconception!r}: {t}")
        if expected.says not in t.reason:
            told.append(f"does not say {expected.says!r}: {t}")
    shown = {wrong.misconception for wrong in answers.wrong} - {None}
    told += [f"misconception {name!r} has no wrong answer that shows it" for name in question.misconceptions if name not in shown]
    told += [f"misconception {name!r} is not among the question's" for name in shown if name not in question.misconceptions]
    stubs = [...] + ([not_begun] if all(callable(answer) for answer in answers.right) else [])
    stubbed = [attempt(question, stub, asking.study_seed(question_id), "the untouched stub") for stub in stubs]
    return told + [f"not `not attempted`: {t}" for t in stubbed if t.outcome != "not attempted"]


def noisy(answer, may_change_inputs):
    """The same answer; but it prints, warns, and afterwards spoils what it was given."""

    @functools.wraps(answer)
    def wrapped(*args, **kwargs):
        print("noise")
        print("noise", file=sys.stderr)
        warnings.warn("noise", stacklevel=2)
        if not may_change_inputs:
            return answer(*args, **kwargs)
        found = copy.deepcopy(answer(*args, **kwargs))  # it may be a part of the input
        for value in (*args, *kwargs.values()):
            _spoil(value)
        return found

    return wrapped


def _spoil(value):
    if isinstance(value, (list, dict, set)):
        value.clear()
    elif isinstance(value, np.ndarray) and value.flags.writeable and value.dtype.kind in "iufb":
        value[...] = 0
    elif isinstance(value, pd.DataFrame):
        value.drop(index=value.index, inplace=True)
