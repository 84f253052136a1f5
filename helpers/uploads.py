"""Reads an uploaded CSV of flights and tells which rows can be forecast, and what is wrong with the others.

    upload = uploads.read("flights.csv")
    checked = uploads.check(upload)
    checked.good, checked.problems

Nothing is repaired or guessed. What a value may be is asked of `flight_schema`, so this and the service always agree.
"""

import codecs
import csv
import difflib
import io
import itertools
import re
import typing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pydantic

from helpers import flight_schema

FEATURES = tuple(flight_schema.VALUES)
MB = 10**6  # bytes
LARGEST_FILE = 50 * MB  # over half a million flights
LARGEST_UPLOAD = 250 * MB  # what an app lets in, to say in a sentence of ours that it is too large
PART = 20_000  # rows made into a table at a time
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
KINDS = {  # first bytes of files that are taken for CSV: what they are
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"SQLite format 3": "a SQLite database",
    b"{": "JSON",
    b"[": "JSON",
    b"<": "a web page or XML",
}
FORMS = {"carrier": "two capital letters or digits, such as UA", "dest": "three capital letters, such as BOS"}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
ADAPTERS = {name: pydantic.TypeAdapter(list[kind], config=flight_schema.STRICT) for name, kind in flight_schema.VALUES.items()}


class UploadError(Exception):
    """The file cannot be used; the message is one sentence for the person who uploaded it."""


@dataclass(frozen=True)
class Upload:
    """A file as it was read.

    Attributes
    ----------
    table : pandas.DataFrame
        All of it text, spaces around a value dropped; the features first, then what else there was. The index `line`
        is the line in the file: 2 is the first flight.
    torn : dict of int to int
        Line and number of cells, for the lines that have more or fewer cells than the header. They are not in `table`.
    width : int
        Cells of the header.
    """

    table: pd.DataFrame
    torn: dict
    width: int


@dataclass(frozen=True)
class Checked:
    """Which rows can be forecast, and what is wrong with the others.

    Attributes
    ----------
    good : pandas.DataFrame
        The features alone, numbers as float64 (missing weather is NaN); the index is the line.
    problems : pandas.DataFrame
        One row for each cell that does not fit: `line`, `column`, `came` and `problem`, a short sentence.
    """

    good: pd.DataFrame
    problems: pd.DataFrame


def read(file):
    """Read a CSV as text, whole.

    Columns that are no features, such as a flight number or `late`, are kept: they come back beside the forecast and
    are never sent. Empty lines are skipped. A byte order mark is skipped.

    Parameters
    ----------
    file : path-like, bytes or binary file

    Returns
    -------
    Upload

    Raises
    ------
    UploadError
        It is larger than `LARGEST_FILE` (it is not read then), no CSV with commas, no UTF-8, empty, has no flight or
        more than `flight_schema.MOST_ROWS`, lacks a feature, or names a column twice.
    """
    lines = csv.reader(io.StringIO(_text(_content(file)), newline=""), strict=True)
    parts, torn = [], {}
    try:
        header = _header(lines)
        while rows := list(itertools.islice(_numbered(lines), PART)):
            torn |= {line: len(cells) for line, cells in rows if len(cells) != len(header)}
            parts.append(_frame(header, rows))
            if sum(map(len, parts)) + len(torn) > flight_schema.MOST_ROWS:
                raise UploadError(f"The file has more than {flight_schema.MOST_ROWS:,} flights: split it into smaller ones.")
    except csv.Error as error:
        raise UploadError(f"Line {lines.line_num} cannot be read as CSV ({error}): look for a stray quotation mark.") from None
    if not parts:
        raise UploadError("The file has a header and no flight: add at least one line below it.")
    return Upload(pd.concat(parts), torn, len(header))


def check(upload):
    """Judge each cell as the service would.

    An empty cell is a missing value: allowed for the weather, a problem elsewhere.

    Parameters
    ----------
    upload : Upload
        As from `read`.

    Returns
    -------
    Checked
        A row with any problem is not among the good ones.
    """
    table = upload.table
    fine = np.ones(len(table), dtype=bool)
    values, found = {}, []
    for name in FEATURES:
        codes, texts = pd.factorize(table[name])
        texts = list(texts)
        meant, wrong = _judge(name, texts)
        values[name] = np.array(meant, dtype=float if name in flight_schema.BOUNDS else object)[codes]
        bad = np.isin(codes, list(wrong))
        fine &= ~bad
        lines, which = table.index[bad], codes[bad]
        found += [(line, name, _short(texts[code]), wrong[code]) for line, code in zip(lines, which, strict=True)]
    found += [(line, "", f"{n} cells", f"the header has {upload.width} cells") for line, n in upload.torn.items()]
    found.sort(key=lambda problem: problem[0])  # within a line in order of the features: the sort is stable
    good = pd.DataFrame(values, index=table.index)[fine]
    return Checked(good, pd.DataFrame(found, columns=["line", "column", "came", "problem"]))


def _judge(name, texts):
    """What the texts of a column mean, and for those that do not fit (by position) why."""
    number = name in flight_schema.BOUNDS
    values = [_number(text) for text in texts] if number else texts
    try:
        ADAPTERS[name].validate_python(values)
        return values, {}
    except pydantic.ValidationError as error:
        told = error.errors(include_url=False, include_context=False, include_input=False)
    wrong = {each["loc"][0]: _sentence(name, texts[each["loc"][0]], each["type"]) for each in told}
    return [None if place in wrong else value for place, value in enumerate(values)], wrong


def _number(text):
    """The number that a text is; None where it is empty; else the text, which the schema refuses."""
    if NUMBER.fullmatch(text):
        return float(text)
    return text or None


def _sentence(name, text, kind):
    if not text:
        return "is empty; a value is needed"
    if name in flight_schema.BOUNDS:
        low, high, unit = flight_schema.BOUNDS[name]
        if kind != "float_type":
            return f"must be {low} to {high} {unit}"
        if NUMBER.fullmatch(text.replace(",", ".", 1)):
            return "has a decimal comma; write a decimal point"
        rule = "" if name in flight_schema.ALWAYS_KNOWN else "; leave the cell empty if the value is not known"
        return f"is not a number{rule}"
    if name in FORMS:
        return f"must be {FORMS[name]}"
    return f"must be one of {', '.join(typing.get_args(flight_schema.VALUES[name]))}"


def _content(file):
    """The bytes of a file; one that is too large is not read."""
    if isinstance(file, bytes):
        size, content = len(file), file
    elif hasattr(file, "read"):
        content = file.read(LARGEST_FILE + 1)
        size = getattr(file, "size", len(content))
    else:
        size = Path(file).stat().st_size
        content = Path(file).read_bytes() if size <= LARGEST_FILE else b""
    if max(size, len(content)) > LARGEST_FILE:
        limit = f"at most {LARGEST_FILE // MB} MB are taken"
        raise UploadError(f"The file has {max(size, len(content)) / MB:,.0f} MB; {limit}: split it into smaller ones.")
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise UploadError("The file is empty: it should hold a header and at least one flight.")
    return content


def _text(content):
    remedy = 'save it as "CSV UTF-8"'
    for start, kind in KINDS.items():
        if content.lstrip().startswith(start):
            raise UploadError(f"The file is {kind}, not a CSV: {remedy}.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:2]:
        raise UploadError(f"The file is in UTF-16, not in UTF-8: {remedy}.")
    if b"\0" in content:
        raise UploadError(f"The file holds zero bytes, so it is not text: {remedy}.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UploadError(f"Line {line} is not UTF-8, probably Latin-1 or Windows-1252: {remedy}.") from None


def _header(lines):
    """The names of the columns, spaces around them dropped."""
    header = [name.strip() for name in next(filter(None, lines))]
    _check_separator(header)
    absent = [name for name in FEATURES if name not in header]
    if len(absent) == len(FEATURES):
        raise UploadError(
            f"The first line names none of the {len(FEATURES)} columns; it should be a header: {', '.join(FEATURES)}."
        )
    if absent:
        raise UploadError(f"The file lacks {_column(absent)} {', '.join(absent)}: {_remedy(absent, header)}.")
    double = sorted({name for name in header if header.count(name) > 1})
    if double:
        raise UploadError(f"The header names {_column(double)} {', '.join(double)} more than once: keep one.")
    return header


def _check_separator(header):
    line = ",".join(header)
    by = {mark: len(set(FEATURES) & {name.strip(' "') for name in line.split(mark)}) for mark in (",", *SEPARATORS)}
    best = max(by, key=by.get)
    if best != "," and by[best] > by[","]:
        raise UploadError(f"The columns are separated by {SEPARATORS[best]}; expected commas: save it as a comma-separated CSV.")


def _remedy(absent, header):
    """Add it, or rename what is probably meant."""
    others = {name.lower().replace(" ", "_"): name for name in header if name not in FEATURES}
    meant = {name: difflib.get_close_matches(name, others, n=1, cutoff=0.7) for name in absent}
    renames = [f'rename "{others[found[0]]}" to {name}' for name, found in meant.items() if found]
    return ", ".join(renames) if len(renames) == len(absent) else "; ".join(["add what is missing", *renames])


def _column(names):
    return "the column" if len(names) == 1 else "the columns"


def _numbered(lines):
    """The rows with their lines; those that are blank, as at the end of many a spreadsheet's file, left out."""
    return ((lines.line_num, cells) for cells in lines if any(cells))


def _frame(header, rows):
    """The rows that have a cell for each column. Made part by part: lists of cells take ten times as much memory."""
    whole = [(line, cells) for line, cells in rows if len(cells) == len(header)]
    columns = zip(*(cells for _, cells in whole), strict=True) if whole else ([] for _ in header)
    texts = {name: [cell.strip() for cell in column] for name, column in zip(header, columns, strict=True)}
    order = [*FEATURES, *(name for name in header if name not in FEATURES)]
    return pd.DataFrame(
        texts, index=pd.Index([line for line, _ in whole], name="line", dtype="int64"), columns=order, dtype="str"
    )


def _short(text):
    return text if len(text) <= 40 else text[:40] + "…"
