"""The scores as a table: the columns of nbgrader's own export, in its order."""

import csv
import datetime
import io
import re

from helpers.course.classroom import shown

COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score",
)  # fmt: skip
ENCODING = "utf-8-sig"  # with a mark at the front: without it Excel takes "María" for "MarÃ­a"; pandas and LibreOffice skip it
# Where a spreadsheet may find the begin of a cell, also one that splits at other signs than commas; and what begins a formula.
FORMULA = re.compile(r"""((?:^|[;,\t|])[\s"'\u200b-\u200d\u2060\ufeff]*)(?=[=+\-@＝＋－＠])""")
LONGEST = 1000  # characters of a name; no file system gives more than 255


def as_csv(records, assignments):
    """Make the table of scores.

    A name that a spreadsheet would take for a formula (it begins with = + - or @, or such a sign follows a character at which
    some spreadsheets split a line) gets an apostrophe before that sign, as spreadsheets themselves write it: "=1+1" becomes
    "'=1+1". The rest of the name stays as it is.

    Parameters
    ----------
    records : iterable of dict
        Of the learners; read once. Only what the table needs is kept.
    assignments : dict of str to dict
        What could be handed in, by name, in the order of the table; of each, `max_score` is used.

    Returns
    -------
    str
        CSV with a header; write it with `ENCODING` and `newline=""`. A row for each assignment and learner, by the learner's
        name. Who handed in nothing has 0.0 points and no time, as nbgrader writes it. Times are in UTC; `duedate`, names and
        e-mail are empty, since nobody told them.

    Raises
    ------
    KeyError
        A learner has an assignment that is not in `assignments`.
    """
    handed_in = {name: {} for name in assignments}
    learners = {}
    for record in records:
        learner = record["learner"]
        learners[learner] = FORMULA.sub(r"\1'", shown(learner, LONGEST))
        for name, work in record["assignments"].items():
            handed_in[name][learner] = (_time(work["timestamp"]), float(work["score"]))
    by_name = sorted(learners, key=lambda learner: (learners[learner], learner))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, assignment in assignments.items():
        for learner in by_name:
            timestamp, score = handed_in[name].get(learner, ("", 0.0))
            table.writerow(
                [name, "", timestamp, learners[learner], "", "", "", score, 0.0, score, float(assignment["max_score"])]
            )
    return text.getvalue()


def _time(text):
    """As nbgrader writes it, and spreadsheets read it: no zone, in UTC."""
    try:
        time = datetime.datetime.fromisoformat(text)
        return str(time.astimezone(datetime.UTC).replace(tzinfo=None)) if time.tzinfo else str(time)
    except (TypeError, ValueError, OverflowError):
        return ""
