"""Reads the progress files that learners handed over: each is their own word, and any of them may be damaged or forged."""

import datetime
import lzma
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from helpers.course import progress
from helpers.course.classroom import shown
from helpers.course.verdict import ERROR, NOT_YET, PASSED

LARGEST = 1_000_000  # bytes of a progress file; one with every question has about 40,000
MOST = 5_000  # files in all, so that a folder named by mistake does not take an hour
MOST_TRIES = 100_000  # more than a person makes
TIMES = ("first_time", "last_time", "passed_time", "solution_time")
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    ValueError,
    RuntimeError,
    EOFError,
)  # a password is a RuntimeError
CLOCK = datetime.timedelta(days=1)  # that a learner's clock may be ahead


class ClassError(Exception):
    """There is nothing to read; the message says why."""


def read(folder, known, now) -> Iterator:
    """Read the progress files of a folder, one by one. Links are not followed, and nothing is unpacked or written.

    Parameters
    ----------
    folder : path-like
        Holds `NAME.json`, or `NAME/progress.json` at any depth, or zips of these; or is such a zip itself.
    known : collection of str
        The ids of the questions that there are.
    now : datetime.datetime
        With its time zone. A time after it was not written by the workbook.

    Yields
    ------
    str, dict or None, str
        A file's place in the folder; its questions, as in `progress.Progress`, or None where it is left out; and a line that
        says what was left out, or "".

    Raises
    ------
    ClassError
        There is no such folder, it has no progress file in it, or far too many files.
    """
    folder = Path(folder)
    number = 0
    for place, content, trouble in _contents(folder):
        number += 1
        if number > MOST:
            raise ClassError(f"{folder} holds more than {MOST:,} JSON files. Name the folder that has the progress files alone.")
        questions, told = (None, f"is left out: {trouble}.") if trouble else _judged(content, known, now)
        yield place, questions, f"{shown(place, 120)} {told}" if told else ""
    if not number:
        raise ClassError(f"{folder} holds no progress file. In it should be NAME.json, NAME/progress.json, or zips of these.")


def names(places):
    """Whose each file is: what the first folder is called, or the file itself. Where that names two files, the whole path does.

    Parameters
    ----------
    places : collection of str
        As from `read`.

    Returns
    -------
    dict of str to str
        By place; no two are the same.
    """
    found = {}
    for level in (_first, _path, str):
        counts = Counter(level(place) for place in places)
        found = {place: level(place) for place in places if counts[level(place)] == 1} | found
    return {place: found[place] for place in places}


def _first(place):
    return next(iter(_parts(place)), place).removesuffix(".json")


def _path(place):
    return "/".join(_parts(place)).removesuffix(".json").removesuffix("/progress")


def _parts(place):
    return [part for part in PurePosixPath(place).parts if part not in ("/", "..")]


def _contents(folder):
    """Each JSON file's place, its first bytes (one more than it may have), and why it cannot be read, or ""."""
    if folder.is_file() and zipfile.is_zipfile(folder):
        yield from _zipped(folder, "", folder.name)
        return
    if not folder.is_dir():
        raise ClassError(f"{folder} is no folder and no zip. Name the folder that you gathered the progress files in.")
    for path in sorted(_walk(folder)):
        place = path.relative_to(folder).as_posix()
        ending = path.suffix.lower()
        if ending not in (".json", ".zip") or _is_clutter(place):
            continue
        if path.is_symlink() or not path.is_file():
            yield place, b"", "it is a link, or no ordinary file"
        elif ending == ".zip":
            yield from _zipped(path, place.removesuffix(path.suffix) + "/", place)
        else:
            try:
                with path.open("rb") as stream:
                    content = stream.read(LARGEST + 1)
            except OSError as error:
                yield place, b"", f"it cannot be read ({error.strerror or type(error).__name__})"
            else:
                yield place, content, ""


def _walk(folder):
    for place, _, names in os.walk(folder):  # which does not go into folders that are links
        yield from (Path(place, name) for name in names)


def _zipped(path, begin, place):
    """The JSON files in a zip. Their paths are only names here."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [info for info in archive.infolist() if info.filename.lower().endswith(".json")]
            inside = [info for info in inside if not _is_clutter(info.filename)]
            for info in inside:
                with archive.open(info) as stream:
                    content = stream.read(LARGEST + 1)
                yield begin + info.filename, content, ""
        if not inside:
            yield place, b"", "no progress file is in this zip"
    except UNREADABLE as error:
        yield place, b"", f"this zip cannot be read any further ({shown(error, 80)})"


def _is_clutter(place):
    """What systems and tools put beside the files."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(place).parts if part not in (".", ".."))


def _judged(content, known, now):
    """The known questions of a file, or None; and what is left out, as the end of a line, or ""."""
    try:
        questions = _questions(content, now)
    except ValueError as error:
        return None, f"is left out: {error}."
    strange = len(questions.keys() - set(known))
    told = f"has {strange} questions that are not in this workbook; they are not counted." if strange else ""
    return {question_id: record for question_id, record in questions.items() if question_id in known}, told


def _questions(content, now):
    """What a file says; ValueError with the reason if it is none that the workbook wrote."""
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes, and a progress file has about 40,000")
    if not content.strip():
        raise ValueError("it is empty")
    try:
        questions = progress.parse(content)
    except ValueError:
        raise ValueError("it is damaged, or no progress file of the workbook") from None
    for question_id, record in questions.items():
        wrong = contradiction(record, now)
        if wrong:
            raise ValueError(f"the workbook did not write it like this ({shown(question_id, 20)}: {wrong})")
    return questions


def contradiction(record, now):
    """Look for what the workbook never writes. A forger who knows the format is not found by it.

    Parameters
    ----------
    record : dict
        Of a question, of the right kinds.
    now : datetime.datetime
        With its time zone.

    Returns
    -------
    str
        What is wrong, in a few words; "" if nothing was found.
    """
    tries, outcomes = record.get("tries", 0), {PASSED, NOT_YET, ERROR}
    if not 0 <= tries <= MOST_TRIES or not 0 <= record.get("hints", 0) <= MOST_TRIES:
        return "a number of tries or hints that cannot be"
    if not {record[name] for name in ("best", "last") if name in record} <= outcomes:
        return "an outcome that there is not"
    if bool(tries) != ("best" in record) or bool(tries) != ("last_time" in record):
        return "an outcome without a try, or a try without one"
    if (record.get("best") == PASSED) != ("passed_time" in record):
        return "passed at no time"
    for name in TIMES:
        if name in record and not _is_past(record[name], now):
            return "a time that is none, or is still to come"
    return ""


def _is_past(text, now):
    try:
        return datetime.datetime.fromisoformat(text) <= now + CLOCK
    except (ValueError, TypeError, OverflowError):  # no time, or one without its zone
        return False
