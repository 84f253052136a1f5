"""How a question is put: found by its id, its evidence gathered beside the learner's work, and judged."""

import contextlib
import difflib
import hashlib
import importlib
import io
import json
import pkgutil
import sys
import warnings
from dataclasses import dataclass

import numpy as np

from helpers.course import bank, evidence
from helpers.course.verdict import ERROR, NOT_ATTEMPTED, NOT_YET, PASSED, Question, Verdict


class UnknownQuestion(Exception):
    """No question has this id; the message lists those that are near."""


class BrokenCheck(Exception):
    """The question itself is at fault, not the answer; the message says how."""


@dataclass(frozen=True)
class Gathered:
    """What came of running a probe. All of it is text, so it can go from one process to another.

    Attributes
    ----------
    outcome : str
        `NOT_ATTEMPTED`, `ERROR` or `NOT_YET` where there is nothing to judge; "" where there is.
    reason : str
        For the learner, where there is nothing to judge.
    evidence : str
        JSON, where there is something to judge; else "".
    """

    outcome: str
    reason: str = ""
    evidence: str = ""


def catalogue():
    """Every question there is.

    Returns
    -------
    dict of str to dict of str to Question
        By lesson ("22a", …) in the course's order, then by id in the bank's order.
    """
    lessons = sorted(module.name[1:] for module in pkgutil.iter_modules(bank.__path__) if module.name.startswith("q"))
    return {lesson: dict(_questions(lesson)) for lesson in lessons}


def find(question_id):
    """Find a question.

    Parameters
    ----------
    question_id : str
        Such as "22a.1": the lesson, a dot, a number.

    Returns
    -------
    Question

    Raises
    ------
    UnknownQuestion
        There is none with this id.
    BrokenCheck
        The lesson's bank cannot be imported.
    """
    if not isinstance(question_id, str):
        raise UnknownQuestion(f'A question\'s id is text such as "22a.1"; {type(question_id).__name__} came.')
    lesson = question_id.rpartition(".")[0]
    questions = _questions(lesson)
    if question_id in questions:
        return questions[question_id]
    if questions:
        raise UnknownQuestion(f"There is no question {question_id!r}; lesson {lesson} has {', '.join(questions)}.")
    known = [name for questions in catalogue().values() for name in questions]
    near = difflib.get_close_matches(question_id, known, n=3, cutoff=0.3)
    raise UnknownQuestion(f"There is no question {question_id!r}." + (f" Did you mean {' or '.join(near)}?" if near else ""))


def study_seed(question_id):
    """The seed for self-study: the same at every try, so that messages can be compared.

    Parameters
    ----------
    question_id : str

    Returns
    -------
    int
    """
    return int.from_bytes(hashlib.sha256(question_id.encode()).digest()[:8], "big")


def gather(question, answer, seed):
    """Run a question's probe on an answer. What the learner's code prints or warns is dropped.

    Parameters
    ----------
    question : Question
    answer : object
        The learner's, of any kind.
    seed : int
        Of the probe's random generator.

    Returns
    -------
    Gathered

    Raises
    ------
    KeyboardInterrupt
        The learner stopped it. Nothing else is raised: whatever the learner's code does is an outcome.
    """
    try:
        if evidence.has_placeholder(answer):
            return Gathered(NOT_ATTEMPTED)
        with _quiet():
            found = evidence.plain(question.probe(answer, np.random.default_rng(seed)))
        if _has_ellipsis(found):
            return Gathered(NOT_ATTEMPTED)
        return Gathered("", evidence=json.dumps(found))
    except KeyboardInterrupt:
        raise
    except evidence.NotPlain as error:
        return Gathered(NOT_YET, str(error))
    except BaseException as error:  # SystemExit too: an answer must not end the notebook
        return _failed(error, answer)


def decide(question, gathered, seed):
    """Judge what was gathered.

    Parameters
    ----------
    question : Question
    gathered : Gathered
        As from `gather`, with the same seed.
    seed : int
        Of the judge's random generator.

    Returns
    -------
    Verdict or Gathered
        The judge's verdict; or `gathered` itself, if there was nothing to judge. Both have `outcome` and `reason`.

    Raises
    ------
    BrokenCheck
        The judge raised, or gave no verdict.
    """
    if gathered.outcome:
        return gathered
    try:
        with _quiet():
            verdict = question.judge(json.loads(gathered.evidence), np.random.default_rng(seed))
    except Exception as error:
        raise BrokenCheck(evidence.describe(error)) from error
    if not isinstance(verdict, Verdict) or verdict.outcome not in (PASSED, NOT_YET):
        raise BrokenCheck(f"its judge gave {type(verdict).__name__}, not a verdict")
    return verdict


def _questions(lesson):
    """A lesson's bank; empty if the lesson has none."""
    if not f"q{lesson}".isidentifier():
        return {}
    name = f"{bank.__name__}.q{lesson}"
    try:
        questions = importlib.import_module(name).QUESTIONS
    except ModuleNotFoundError as error:
        if error.name == name:
            return {}
        raise BrokenCheck(evidence.describe(error)) from error
    except Exception as error:
        raise BrokenCheck(evidence.describe(error)) from error
    wrong = [question_id for question_id, question in questions.items() if not isinstance(question, Question)]
    if wrong:
        raise BrokenCheck(f"{wrong[0]} is not a Question")
    return questions


def _failed(error, answer):
    """An outcome for an exception that came out of a probe."""
    place, innermost = evidence.learners_line(error)
    if isinstance(error, NotImplementedError) and innermost:
        return Gathered(NOT_ATTEMPTED)  # the exercise's own placeholder
    told = evidence.describe(error)
    if place:
        return Gathered(ERROR, f"{told} ({place})")
    if isinstance(error, SystemExit):
        return Gathered(ERROR, told)
    if answer is None:
        return Gathered(NOT_YET, "Your answer is None. Did the function that made it return something?")
    return Gathered(NOT_YET, f"Your answer, of type {type(answer).__name__}, could not be used as the question asks ({told}).")


def _has_ellipsis(found):
    if isinstance(found, (list, dict)):
        return any(_has_ellipsis(item) for item in (found.values() if isinstance(found, dict) else found))
    return found is ...


@contextlib.contextmanager
def _quiet():
    """Let nothing of what runs inside reach the cell's output: the check's own result should stand alone there."""
    figures = _figures()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [sys.modules["matplotlib.pyplot"].close(number) for number in _figures() - figures])
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        if "IPython" in sys.modules:
            from IPython.utils.capture import capture_output  # drops what is displayed, too

            stack.enter_context(capture_output())
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        yield


def _figures():
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot else set()
