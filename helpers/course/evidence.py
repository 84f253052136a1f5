"""Plain data out of a learner's answer: what a probe found, made fit for JSON; and what went wrong, told short."""

import datetime
import decimal
import enum
import linecache
import re
import sys
import sysconfig
import traceback
from pathlib import Path, PurePath

import numpy as np

DEEPEST = 40  # levels of lists within lists; nothing plain needs more
WANTED = "Plain data is wanted: numbers, text, lists, dicts."


class NotPlain(Exception):
    """A value that cannot be made plain; the message says what came, where, and what was wanted."""


def plain(value, at="the evidence", depth=0):
    """Make a value plain, so that JSON can carry it.

    Scalars of numpy and pandas become Python's, arrays and Series become lists, a DataFrame a dict of lists, a set a
    sorted list, times ISO text, a time difference seconds, a path text with `/`. NaN and the infinities stay; NaT and
    NA become NaN. Keys become text.

    Parameters
    ----------
    value : object
        What the probe returned, or a part of it.
    at : str
        Where it was, for the message.
    depth : int
        How deep inside.

    Returns
    -------
    object
        Only dict, list, str, int, float, bool, None, and Ellipsis where the learner left a placeholder.

    Raises
    ------
    NotPlain
        There is no plain form (a function, a generator, a model, bytes, …), or it is nested endlessly.
    """
    if value is None or value is ... or type(value) in (bool, int, float, str):
        return value
    if depth > DEEPEST:
        raise NotPlain(f"{at} is nested more than {DEEPEST} levels deep. {WANTED}")
    if isinstance(value, dict):
        return {_key(key, at): plain(item, f"{at}[{key!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, range, type({}.keys()), type({}.values()), type({}.items()))):
        return [plain(item, f"{at}[{place}]", depth + 1) for place, item in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item, at, depth + 1) for item in value), key=lambda item: (type(item).__name__, repr(item)))
    for convert in (_of_numpy, _of_python, _of_pandas):
        found = convert(value)
        if found is not value:
            return plain(found, at, depth + 1)
    raise NotPlain(f"A value of type {type(value).__name__} came ({at}). {WANTED}")


def has_placeholder(value, depth=0):
    """Whether a `...` stands in an answer: by itself, or in a list, tuple or dict.

    Parameters
    ----------
    value : object
        The learner's answer.
    depth : int
        How deep inside.

    Returns
    -------
    bool
    """
    if value is ...:
        return True
    if type(value) is str:
        return value.strip() in ("...", "…")
    if depth > DEEPEST or type(value) not in (list, tuple, dict):
        return False
    return any(has_placeholder(item, depth + 1) for item in (value.values() if type(value) is dict else value))


def learners_line(error):
    """Find where in the learner's code an error arose.

    Parameters
    ----------
    error : BaseException
        With its traceback.

    Returns
    -------
    place : str
        Function or file, line number and text of the line: "in first_alert, line 3: return week[99]"; "" if the error
        arose in no line of the learner's.
    innermost : bool
        Whether that line itself raised, not a library that it called.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno and _is_learners(error.filename):
        return _place(Path(error.filename).name, error.lineno, error.text or ""), True
    frames = list(traceback.walk_tb(error.__traceback__))
    for depth, (frame, number) in reversed(list(enumerate(frames))):
        filename = frame.f_code.co_filename
        if _is_learners(filename):
            name = frame.f_code.co_name
            where = Path(filename).name if name == "<module>" else "the lambda" if name == "<lambda>" else name
            linecache.checkcache(filename)  # the file may have been edited since
            return _place(where, number, linecache.getline(filename, number)), depth == len(frames) - 1
    return "", False


def describe(error):
    """Say an error in one line.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
        Its type and the first line of its message, without addresses in memory, which change from run to run.
    """
    try:
        lines = str(error.msg if isinstance(error, SyntaxError) else error).strip().splitlines() or [""]
    except Exception:  # a learner's own exception class may fail at this too
        lines = [""]
    message = re.sub(r" at 0x[0-9a-fA-F]+", "", lines[0])
    return f"{type(error).__name__}: {message}".removesuffix(": ")


def _key(key, at):
    key = plain(key, f"a key of {at}")
    if isinstance(key, (list, dict)):
        raise NotPlain(f"A key of {at} is several values together. {WANTED}")
    return key if isinstance(key, str) else str(key)


def _of_numpy(value):
    """One step towards plain, or the value itself: so are the next two."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biuU":
            return value.tolist()
        if value.dtype.kind == "f":
            return value.astype(float).tolist()
        return list(value) if value.ndim else value[()]
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return float("nan") if np.isnat(value) else value.astype(f"{value.dtype.kind}8[us]").item()
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    return float(value) if isinstance(value, np.floating) else value


def _of_python(value):
    if isinstance(value, enum.Enum):
        return value.value
    for kind in (int, float, str):  # a subclass loses its own manners here, such as being equal to everything
        if isinstance(value, kind):
            return {int: int.__index__, float: float.__float__, str: str.__str__}[kind](value)
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (datetime.date, datetime.time)) and value == value:  # NaT says that it is a date
        return value.isoformat()
    return value


def _of_pandas(value):
    pandas = sys.modules.get("pandas")
    if pandas is None:  # if nobody has imported it, this is nothing of pandas
        return value
    if value is pandas.NaT or value is pandas.NA:
        return float("nan")
    if isinstance(value, pandas.DataFrame):
        return value.to_dict(orient="list")
    if isinstance(value, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)):
        return list(value)
    if isinstance(value, (pandas.Period, pandas.Interval)):
        return str(value)
    return value


def _place(where, number, text):
    text = text.strip()
    return f"in {where}, line {number}" + (f": {text}" if text else "")


def _is_learners(filename):
    """A cell, or a file of the learner's; neither the course's nor a library's."""
    if filename.startswith("<"):  # where there is no text to show, look further up
        return not filename.startswith("<frozen") and bool(linecache.getlines(filename))
    path = Path(filename).resolve()
    return not any(path.is_relative_to(folder) for folder in _OTHERS)


_OTHERS = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
_OTHERS |= {Path(__file__).resolve().parents[1]}
