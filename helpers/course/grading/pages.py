"""The pages that grading makes: one for each learner, one for the class. They open from a file and ask for nothing outside."""

import hashlib
import unicodedata
import urllib.parse

from helpers.course import classroom, questions
from helpers.course.classroom import shown
from helpers.course.grading import tally
from helpers.course.grading.tally import NOT_REACHED, OUTCOMES

MADE_BY = "python -m helpers grade"
NAME = 80  # characters of a learner's name that are shown
LINES = 12  # of a reason
FIRST = 20  # questions of the class that are seen at once
STEPS = 3  # that a learner is asked to take first
LONGEST = 240  # characters of a trouble
TROUBLES = 200  # learners whose trouble is told; the others are marked in the table

TODO = {  # the page puts the call of the hint in the place of HINT
    "passed": "",
    "not yet": "read the reason, and if it does not help, run HINT in the exercise: each time it shows one hint more.",
    "error": "restart the kernel, run the cells above, call your answer by hand: the message tells where it stops. HINT helps.",
    "not attempted": "put your answer in the place of the dots, and run its check. HINT shows how to begin.",
    NOT_REACHED: "mend what stopped the notebook, which is told above; this question was not looked at.",
    questions.BROKEN: "nothing: the check itself broke, and your answer is not to blame. Your instructor sees it as well.",
}
OPEN = (("error", "not yet"), ("not attempted",))  # what a learner can go on with: first what was begun


def file_name(learner, ending=".html"):
    """Name a learner's file.

    Parameters
    ----------
    learner : str
        Any text.
    ending : str, optional

    Returns
    -------
    str
        The name as far as every file system takes it (letters, digits, blanks, hyphens; at most 48), then eight digits made
        from the whole name: two learners never share a file, also where "ana" and "Ana" are the same to the disk.
    """
    letters = unicodedata.normalize("NFC", learner.encode("utf-8", "replace").decode("utf-8"))
    kept = "".join(letter if letter.isalnum() or letter in " -_" else " " for letter in letters)
    digits = hashlib.sha256(learner.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{' '.join(kept.split())[:48].strip() or 'learner'} {digits}{ending}"


def feedback(record):
    """Make a learner's page: what was asked, what came of it, why, and what to do next. It holds no solution.

    Parameters
    ----------
    record : dict
        The learner's. Assignments and questions are shown in its order.

    Returns
    -------
    str
        HTML. What the learner wrote in it is escaped and of bounded length.
    """
    assignments = [_assignment(number, work) for number, work in enumerate(record["assignments"].values(), start=1)]
    asked = [question for assignment in assignments for question in assignment["questions"]]
    left = [question for outcomes in OPEN for question in asked if question["outcome"] in outcomes]
    return classroom.render(
        "feedback.html",
        made_by=MADE_BY,
        learner=shown(record["learner"], NAME),
        trouble=_sentence(record["trouble"]),
        assignments=assignments,
        next=left[:STEPS],
        more=len(left[STEPS:]),
        all_passed=bool(asked) and all(question["outcome"] == "passed" for question in asked),
    )


def overview(records, assignments, folder="feedback"):
    """Make the page of the class: which question failed how, why, and who had trouble.

    Parameters
    ----------
    records : iterable of dict
        Of the learners; read once, and none is kept: of each a line for the table stays.
    assignments : dict of str to dict
        What could be handed in, by name, in the course's order; each with `title`, `max_score` and `questions` (a dict of the
        titles by id).
    folder : str, optional
        Where the learners' pages lie, from this page; their names are those of `file_name`.

    Returns
    -------
    str
        HTML.
    """
    counts, learners, troubles = tally.empty(assignments), [], []
    for record in records:
        tally.add(counts, record)
        learners.append(_learner(record, folder, len(assignments)))
        lines = _troubles(record, assignments)
        if lines:
            troubles.append((learners[-1]["name"], lines))
    learners.sort(key=lambda learner: (learner["name"].casefold(), learner["link"]))
    troubles.sort(key=lambda trouble: trouble[0].casefold())
    everything = [question for assignment in counts.values() for question in assignment.questions.values()]
    asked = sorted((question for question in everything if question.handed_in), key=lambda question: -question.failed)
    return classroom.render(
        "overview.html",
        made_by=MADE_BY,
        outcomes=[
            {"name": name, "sign": sign, "meaning": told, "looks": _looks(name)} for name, (sign, told) in OUTCOMES.items()
        ],
        first=FIRST,
        asked=[_bar(question) for question in asked],
        all_passed=bool(asked) and not asked[0].failed,
        broken=[_broken(question) for question in asked if question.outcomes[questions.BROKEN]],
        failing=[_failing(question) for question in asked if question.failed],
        troubles=troubles[:TROUBLES],
        more_troubles=len(troubles[TROUBLES:]),
        handed_in=sum(learner["any"] for learner in learners),
        learners=learners,
        assignments=[_row(counts[name], given) for name, given in assignments.items()],
    )


def _assignment(number, work):
    found = [
        {
            "id": shown(question_id, 20),
            "title": shown(question["title"]),
            "outcome": question["outcome"],
            "sign": OUTCOMES[question["outcome"]][0],
            "looks": _looks(question["outcome"]),
            "reason": _lines(question["reason"]),
            "todo": TODO[question["outcome"]],
            "anchor": f"question-{number}-{place}",
        }
        for place, (question_id, question) in enumerate(work["questions"].items(), start=1)
    ]
    return {
        "title": shown(work["title"]),
        "when": classroom.when(work["timestamp"]),
        "chosen": _chosen(work),
        "trouble": _sentence(work["trouble"]),
        "passed": sum(question["outcome"] == "passed" for question in found),
        "questions": found,
    }


def _chosen(work):
    """Of several notebooks of one exercise, which was graded."""
    if not work.get("others"):
        return ""
    return f"Of {work['others'] + 1} notebooks of this exercise, {shown(work['notebook'], NAME)} was graded"


def _learner(record, folder, number):
    name, works = record["learner"], record["assignments"].values()
    outcomes = [question["outcome"] for work in works for question in work["questions"].values()]
    return {
        "name": shown(name, NAME),
        "link": urllib.parse.quote(f"{folder}/{file_name(name)}"),
        "any": bool(works),
        "handed_in": f"{len(works)} of {number}",
        "passed": outcomes.count("passed"),
        "questions": len(outcomes),
        "trouble": bool(record["trouble"]) or any(work["trouble"] or work.get("look") for work in works),
    }


def _troubles(record, assignments):
    """At most three for a learner: what befell all of it, then what befell each assignment."""
    told = [shown(record["trouble"], LONGEST)] * bool(record["trouble"])
    for name, work in record["assignments"].items():
        lines = [work["trouble"]] * bool(work["trouble"]) + work.get("look", [])
        told += [f"{shown(assignments[name]['title'], 60)}: {shown(line, LONGEST)}" for line in lines]
    return told if len(told) <= 3 else [*told[:3], f"and {len(told) - 3} more"]


def _bar(question):
    """The bar of a question: places and widths in per cent. A part that is too narrow has no sign in it; its number has."""
    parts, place = [], 0.0
    for outcome, (sign, _) in OUTCOMES.items():
        width = 100 * question.outcomes[outcome] / question.handed_in
        if width:
            look = {"looks": _looks(outcome), "sign": sign if width >= 7 else ""}
            parts.append({"x": f"{place:.2f}", "width": f"{width:.2f}", "middle": f"{place + width / 2:.2f}", **look})
        place += width
    told = ", ".join(f"{question.outcomes[name]} {name}" for name in OUTCOMES if question.outcomes[name])
    return {
        "id": question.id,
        "title": question.title,
        "anchor": _anchor(question) if question.failed else "",
        "told": f"Of {question.handed_in}: {told}",
        "parts": parts,
        "counts": [question.outcomes[name] for name in OUTCOMES],
    }


def _failing(question):
    return {
        "id": question.id,
        "title": question.title,
        "anchor": _anchor(question),
        "handed_in": question.handed_in,
        "failed": question.handed_in - question.outcomes["passed"],
        "misconceptions": sorted(question.misconceptions.items(), key=lambda item: (-item[1], item[0])),
        "reasons": question.reasons.most(3),
        "at_least": "at least " if question.reasons.dropped else "",
    }


def _broken(question):
    told = {"reasons": question.broken.most(3), "at_least": "at least " if question.broken.dropped else ""}
    return {"id": question.id, "title": question.title, "count": question.outcomes[questions.BROKEN], **told}


def _row(counted, given):
    average = f"{counted.points / counted.handed_in:.1f}" if counted.handed_in else "–"
    told = {"title": counted.title, "handed_in": counted.handed_in, "troubled": counted.troubled}
    return {**told, "average": average, "max_score": f"{given['max_score']:g}"}


def _anchor(question):
    return "why-" + question.id.replace(".", "-")


def _looks(outcome):
    return outcome.replace(" ", "-")


def _lines(text):
    """A reason may be a list, a line each; the whole of it is bounded as a check's own is."""
    lines = [shown(line, questions.LONGEST) for line in text[: 2 * questions.LONGEST].splitlines() if line.strip()]
    text = "\n".join(lines[:LINES] + ["…"] * (len(lines) > LINES))
    return text if len(text) <= questions.LONGEST else text[: questions.LONGEST] + " …"


def _sentence(text):
    return shown(text, 300).rstrip(".")
