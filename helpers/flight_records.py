"""Flights as numpy writes them to a file: the values as they lie in memory, so that a million rows are read at once.

    records = flight_records.of_table(X)        # one structured array
    file = io.BytesIO(); numpy.save(file, records)
    httpx.post(api.local_url + "predict/columns", content=file.getvalue(), headers={"Content-Type": flight_records.MEDIA_TYPE})

Arrow would be the usual choice. Neither of the readers small enough for the service was safe: damaged bytes made the one
crash and the other abort. This format is read by Python and numpy alone, and nothing in it can run.
"""

import io

import numpy as np
import pydantic

from helpers import flight_schema
from helpers.flight_schema import BOUNDS, MOST_ROWS, BadFlights

MEDIA_TYPE = "application/x-npy"
FIRST_BYTES = b"\x93NUMPY"  # no JSON begins so
LONGEST_TEXT = 3  # characters: of an airport
_CHECKS = {name: pydantic.TypeAdapter(kind, config=flight_schema.STRICT) for name, kind in flight_schema.VALUES.items()}


def of_table(X):
    """Make a structured array of a table.

    Parameters
    ----------
    X : pandas.DataFrame
        With the features as columns.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Single precision, which is what the model computes in; text as ASCII. NaN stays NaN.
    """
    kinds = {name: np.float32 if name in BOUNDS else f"S{LONGEST_TEXT}" for name in flight_schema.VALUES}
    records = np.empty(len(X), dtype=list(kinds.items()))
    for name in kinds:
        records[name] = X[name].to_numpy() if name in BOUNDS else X[name].to_numpy(dtype=f"U{LONGEST_TEXT}")
    return records


def read_columns(body):
    """Read flights; what is allowed is as in `helpers.flight_schema.read_columns`, with NaN for what is missing.

    Parameters
    ----------
    body : bytes
        A .npy file of one structured array: a field for each feature, numbers of any width, text as `S` or `U`.

    Returns
    -------
    dict of str to (numpy.ndarray of number, or (list of str, numpy.ndarray of int))
        Of a text the distinct words and, for each row, which of them.

    Raises
    ------
    helpers.flight_schema.BadFlights
        It is no such file, a field does not fit, or there is no row. The first bad value of each field is named.
    """
    records = _records(body)
    names = records.dtype.names or ()
    problems = [_problem(name, "", "Field required") for name in flight_schema.VALUES if name not in names]
    problems += [_problem(name, "", "Extra inputs are not permitted") for name in names if name not in flight_schema.VALUES]
    if not problems and not 0 < len(records) <= MOST_ROWS:
        problems = [_problem("body", f"{len(records)} rows", f"expected 1 to {MOST_ROWS:,} rows")]
    if problems:
        raise BadFlights(problems[:20])
    columns = {}
    for name in names:
        try:
            columns[name] = _numbers(name, records[name]) if name in BOUNDS else _texts(name, records[name])
        except BadFlights as error:
            problems += error.problems
    if problems:
        raise BadFlights(problems)
    return columns


def _records(body):
    """The array, as a view of the body."""
    file = io.BytesIO(body)
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another version of the format than 1.0")
        shape, _, kind = np.lib.format.read_array_header_1_0(file)
        if len(shape) != 1 or kind.hasobject or not kind.itemsize:
            raise ValueError("not one list of plain records")
        if shape[0] * kind.itemsize != len(body) - file.tell():
            raise ValueError(f"{shape[0]} records are promised, and the file is not as long as that")
        return np.frombuffer(body, dtype=kind, count=shape[0], offset=file.tell()) if shape[0] else np.empty(0, kind)
    except Exception as error:  # a stranger's header fails in many ways, and none is ours
        told = (str(error) or type(error).__name__).splitlines()[0][:100]
        raise BadFlights([_problem("body", "", f"this is no .npy file of records that can be read ({told})")]) from None


def _numbers(name, values):
    """Every one within its bounds, or missing where that is allowed."""
    if values.dtype.kind not in "fiu" or values.ndim != 1:
        raise BadFlights([_problem(name, str(values.dtype), "Input should be a valid number")])
    low, high, _ = BOUNDS[name]
    fits = (values >= low) & (values <= high)
    if not fits.all() and name not in flight_schema.ALWAYS_KNOWN:
        fits |= np.isnan(values)
    if not fits.all():
        row = int(np.argmin(fits))
        raise BadFlights([_refused(name, row, None if np.isnan(values[row]) else float(values[row]))])
    return values


def _texts(name, values):
    """The distinct words and, for each row, which of them; every one as it should be."""
    if values.dtype.kind not in "SU" or values.ndim != 1:
        raise BadFlights([_problem(name, str(values.dtype), "Input should be a valid string")])
    size = 4 if values.dtype.kind == "U" else 1  # bytes a character
    if values.dtype.itemsize > LONGEST_TEXT * size:
        values = values[:MOST_ROWS]
        longest = int(np.argmax(np.char.str_len(values)))
        if len(values[longest]) > LONGEST_TEXT:
            raise BadFlights([_refused(name, longest, _word(values[longest]))])
    if size == 4 or values.dtype.itemsize > LONGEST_TEXT:
        try:
            values = values.astype(f"S{LONGEST_TEXT}")
        except UnicodeEncodeError:
            row = next(row for row, word in enumerate(values) if not str(word).isascii())
            raise BadFlights([_refused(name, row, str(values[row]))]) from None
    packed = np.zeros((len(values), 4), dtype=np.uint8)  # as one number each: those are compared faster than text
    packed[:, : values.dtype.itemsize] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
    numbers = packed.view("<u4")[:, 0]
    distinct = np.unique(numbers)
    words = [_word(word) for word in distinct.astype("<u4").view("S4")]
    places = np.searchsorted(distinct, numbers)
    for place, word in enumerate(words):
        if not _is_good(name, word):
            raise BadFlights([_refused(name, int(np.argmax(places == place)), word)])
    return words, places


def _word(word):
    return word.decode("latin-1") if isinstance(word, bytes) else str(word)


def _is_good(name, value):
    try:
        _CHECKS[name].validate_python(value)
    except pydantic.ValidationError:
        return False
    return True


def _refused(name, row, value):
    """What `flight_schema` says of this value."""
    try:
        _CHECKS[name].validate_python(value)
    except pydantic.ValidationError as error:
        return _problem(f"{name}.{row}", repr(value), error.errors()[0]["msg"])
    raise AssertionError(f"{name}: {value!r} was refused, and is good")  # the bounds here and there are the same


def _problem(where, came, problem):
    return {"where": where, "came": came if len(came) <= 60 else came[:60] + "…", "problem": problem}
