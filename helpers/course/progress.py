"""What a learner has done: one JSON file in the learner's own folder, which several notebooks may write to at once."""

import datetime
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from helpers.course.verdict import NOT_ATTEMPTED, PASSED

PATIENCE = 5  # seconds to wait for another notebook's turn; each turn takes a few milliseconds

KINDS = {
    "best": str,
    "last": str,
    "tries": int,
    "hints": int,
    "solution_shown": bool,
    "first_time": str,
    "last_time": str,
    "passed_time": str,
    "solution_time": str,
}


@dataclass(frozen=True)
class Progress:
    """What is known of the learner's work.

    Attributes
    ----------
    questions : dict of str to dict
        By id; what a record may hold is in `KINDS`. `best` is "passed" for ever once it was; `last` is the last try's
        outcome. Times are ISO text in UTC.
    trouble : str
        One line for the learner if the file could not be read or written; else "".
    """

    questions: dict = field(default_factory=dict)
    trouble: str = ""


def folder():
    """Where the progress lies, in `progress.json`.

    Returns
    -------
    pathlib.Path
        The folder that `WORKBOOK_DATA` names, else one in the user's data folder. It need not exist.
    """
    return Path(os.environ.get("WORKBOOK_DATA") or platformdirs.user_data_dir("flight-delay-workbook", appauthor=False))


def show():
    """Draw the progress of the whole workbook.

    Returns
    -------
    progress_picture.Picture
        Lessons are named after the headings of their notebooks.
    """
    from helpers.course import lesson_names, progress_picture  # here, since a check has no need of them

    return progress_picture.picture(read(), lesson_names.lessons())


def read():
    """Read the progress, and change nothing.

    Returns
    -------
    Progress
        Empty where there is none, or none that can be read; `trouble` then says so.
    """
    try:
        return Progress(_load(_file()))
    except ValueError:
        return Progress(trouble=f"The progress file is damaged ({_file()}). The next check keeps it aside and begins a new one.")
    except OSError as error:
        return Progress(trouble=f"The progress file cannot be read ({_short(error)}).")


def parse(content):
    """Read what a progress file holds, wherever it came from: one that was handed over, say. It may be damaged or forged.

    Parameters
    ----------
    content : bytes
        Of the file.

    Returns
    -------
    dict of str to dict
        As `Progress.questions`. Of each record the kinds are as in `KINDS`; whether what it says can be true is not looked at.

    Raises
    ------
    ValueError
        This is no progress file, or a damaged one.
    """
    try:
        content = json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested without end") from None
    questions = content.get("questions") if isinstance(content, dict) else None
    if not isinstance(questions, dict) or not all(_is_record(record) for record in questions.values()):
        raise ValueError("not as this module writes it")
    return questions


def record_check(question_id, outcome, now):
    """Note a try.

    Parameters
    ----------
    question_id : str
    outcome : str
        One of the four. "not attempted" is no try, and nothing is noted.
    now : datetime.datetime
        With its time zone.

    Returns
    -------
    Progress
        Of this question alone, as it is now. Trouble with the file is told in it, and never raised.
    """

    def change(record):
        if outcome == NOT_ATTEMPTED:
            return record
        time = _text(now)
        record = {"first_time": time, **record, "tries": record.get("tries", 0) + 1, "last": outcome, "last_time": time}
        record["best"] = PASSED if PASSED in (outcome, record.get("best")) else outcome
        return {"passed_time": time, **record} if outcome == PASSED else record

    return _update(question_id, change)


def record_hint(question_id, seen):
    """Note how many hints were seen. It never becomes fewer.

    Parameters
    ----------
    question_id : str
    seen : int
        So many of the question's hints, from the first.

    Returns
    -------
    Progress
        As from `record_check`.
    """
    return _update(question_id, lambda record: {**record, "hints": max(seen, record.get("hints", 0))})


def record_solution(question_id, now):
    """Note that the solution was shown; the first time counts.

    Parameters
    ----------
    question_id : str
    now : datetime.datetime
        With its time zone.

    Returns
    -------
    Progress
        As from `record_check`.
    """
    return _update(question_id, lambda record: {"solution_time": _text(now), **record, "solution_shown": True})


def _file():
    return folder() / "progress.json"


def _update(question_id, change):
    """Read, change one record, write: all of it while no other notebook does."""
    import filelock  # here, since only those who check something should wait for it

    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(file.with_suffix(".lock"), timeout=PATIENCE):
            trouble = ""
            try:
                questions = _load(file)
            except ValueError:
                questions, trouble = {}, _set_aside(file)
            before = questions.get(question_id, {})
            record = change(before)
            if record != before:
                _write(file, {**questions, question_id: record})
            return Progress({question_id: record}, trouble)
    except OSError as error:  # a lock that stays taken is one of these too
        return Progress(trouble=f"Your progress could not be saved ({_short(error)}). Everything else works.")


def _load(file):
    """The records; ValueError if the file is damaged."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return {}
    return parse(content)


def _is_record(record):
    return isinstance(record, dict) and all(type(record.get(name, kind())) is kind for name, kind in KINDS.items())


def _set_aside(file):
    number = 1
    while (aside := file.with_name(f"{file.name}.damaged-{number}")).exists():
        number += 1
    file.replace(aside)
    return f"The progress file was damaged: it is kept as {aside.name} beside a new one, which begins here."


def _write(file, questions):
    """Whole or not at all, also if the power goes in the middle."""
    text = json.dumps({"questions": dict(sorted(questions.items()))}, indent=1) + "\n"
    handle, part = tempfile.mkstemp(dir=file.parent, prefix="progress-", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(part).replace(file)
    finally:
        Path(part).unlink(missing_ok=True)


def _text(now):
    return now.astimezone(datetime.UTC).isoformat(timespec="seconds")


def _short(error):
    return f"{type(error).__name__}: {error.strerror or error}"
