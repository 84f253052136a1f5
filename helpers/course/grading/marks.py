"""Judges what came out of the boxes, in the grader's own process: no learner's code ever runs here."""

import hashlib
import json

from helpers.course import asking
from helpers.course.grading import alarm
from helpers.course.verdict import ERROR, NOT_ATTEMPTED, NOT_YET, PASSED

NOT_REACHED = "not reached"  # the program was ended before this question's turn
BROKEN = "check failed"  # the question's own fault
LONGEST = 800  # characters of a reason
JUDGING = 600  # seconds that a judge may take: the longest takes one minute of a busy machine


def seed(secret, question_id):
    """The seed of a question: the same for every learner, and known to no one without the secret.

    Parameters
    ----------
    secret : str
    question_id : str

    Returns
    -------
    int
        64 bits.
    """
    return int.from_bytes(hashlib.sha256(f"{secret}\n{question_id}".encode()).digest()[:8], "big")


def mark(exercise, result, seeds):
    """Judge one exercise of one learner.

    Parameters
    ----------
    exercise : helpers.course.grading.assignments.Exercise
    result : dict
        As from `runner.run_job`.
    seeds : dict of str to int
        Those that the job was given.

    Returns
    -------
    dict
        `title`, `score`, `max_score`, `trouble`, `questions`: by id a dict of `title`, `outcome`, `reason`,
        `misconception`, `points`.
    """
    questions = {question_id: _marked(question_id, result, seeds[question_id]) for question_id in exercise.questions}
    return {
        "title": exercise.title,
        "score": sum(question["points"] for question in questions.values() if question["outcome"] == PASSED),
        "max_score": sum(question["points"] for question in questions.values()),
        "trouble": result["trouble"] or "; ".join(f"Code cell {number} raised {what}" for number, what in result["raised"][:1]),
        "questions": questions,
    }


def title(question_id):
    """What a question is about.

    Parameters
    ----------
    question_id : str

    Returns
    -------
    str
    """
    return asking.find(question_id).title


def _marked(question_id, result, seed):
    outcome, reason, misconception = _judged(question_id, result, seed)
    return {
        "title": title(question_id),
        "outcome": outcome,
        "reason": str(reason)[:LONGEST],
        "misconception": misconception,
        "points": 1,
    }


def _judged(question_id, result, seed):
    if question_id not in result["gathered"]:
        return (*_why_nothing(question_id, result), None)
    gathered = asking.Gathered(**result["gathered"][question_id])
    if gathered.outcome not in ("", NOT_ATTEMPTED, ERROR, NOT_YET):
        return NOT_YET, "What came out of its check cannot be read.", None
    if not gathered.outcome and not _is_json(gathered.evidence):
        return NOT_YET, "What came out of its check cannot be read.", None
    try:
        with alarm.within(JUDGING):
            verdict = asking.decide(asking.find(question_id), gathered, seed)
    except (asking.BrokenCheck, alarm.TooLong) as error:
        return BROKEN, f"The check itself failed, the answer is not to blame ({error}).", None
    return verdict.outcome, verdict.reason, getattr(verdict, "misconception", None)


def _why_nothing(question_id, result):
    if question_id in result["missing"]:
        if result["raised"]:
            number, what = result["raised"][0]
            return ERROR, f"Its answer is not there: code cell {number} raised {what}."
        return NOT_ATTEMPTED, "Its answer is not in the notebook."
    return NOT_REACHED, f"The notebook {result['trouble']}." if result["trouble"] else "The notebook ended before it."


def _is_json(text):
    try:
        json.loads(text)
        return True
    except (ValueError, RecursionError):
        return False
