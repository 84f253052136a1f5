"""Marks what came out of the boxes: each question's outcome, and the points. No learner's code ever runs here."""

import hashlib
import json

from helpers.course import asking
from helpers.course.grading import judging
from helpers.course.verdict import ERROR, NOT_ATTEMPTED, NOT_YET, PASSED

NOT_REACHED = "not reached"  # the program was ended before this question's turn
LONGEST = 800  # characters of a reason


def seed(secret, question_id, files):
    """The seed of a question: known to no one without the secret, and another one as soon as the submission changes.

    A program in the box hears its seeds, and may tell them in an exception. With other files they are worth nothing.

    Parameters
    ----------
    secret : str
    question_id : str
    files : str
        What names the files that were handed in, to the byte: a hash.

    Returns
    -------
    int
        64 bits.
    """
    return int.from_bytes(hashlib.sha256(f"{secret}\n{question_id}\n{files}".encode()).digest()[:8], "big")


def mark(exercise, result, seeds, decide=judging.decide):
    """Mark one exercise of one learner.

    Parameters
    ----------
    exercise : helpers.course.grading.assignments.Exercise
    result : dict
        As from `runner.run_job`.
    seeds : dict of str to int
        Those that the job was given.
    decide : callable, optional
        Judges, as `judging.decide` does in this process, and `judging.Judge.decide` in one of its own.

    Returns
    -------
    dict
        `title`, `score`, `max_score`, `trouble`, `look` (lines on answers that the instructor should look at), `questions`: by
        id a dict of `title`, `outcome`, `reason`, `misconception`, `points`.
    """
    told = {question_id: _judged(question_id, result, seeds[question_id], decide) for question_id in exercise.questions}
    questions = {question_id: _marked(question_id, found) for question_id, found in told.items()}
    return {
        "title": exercise.title,
        "score": sum(question["points"] for question in questions.values() if question["outcome"] == PASSED),
        "max_score": sum(question["points"] for question in questions.values()),
        "trouble": result["trouble"] or "; ".join(f"Code cell {number} raised {what}" for number, what in result["raised"][:1]),
        "look": [f"{question_id}: {found['look']}" for question_id, found in told.items() if found.get("look")],
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


def _marked(question_id, found):
    return {
        "title": title(question_id),
        "outcome": found["outcome"],
        "reason": str(found["reason"])[:LONGEST],
        "misconception": found.get("misconception"),
        "points": 1,
    }


def _judged(question_id, result, seed, decide):
    if question_id not in result["gathered"]:
        outcome, reason = _why_nothing(question_id, result)
        return {"outcome": outcome, "reason": reason}
    gathered = asking.Gathered(**result["gathered"][question_id])
    if gathered.outcome in (NOT_ATTEMPTED, ERROR, NOT_YET):
        return {"outcome": gathered.outcome, "reason": gathered.reason}
    if gathered.outcome or not _is_json(gathered.evidence):
        return {"outcome": NOT_YET, "reason": "What came out of its check cannot be read."}
    return decide(question_id, gathered, seed)


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
