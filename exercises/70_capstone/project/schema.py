"""What a row is: learnt from the data file; then training, requests, forms and the Space all go by it.

A schema is a list of fields, plain data that can be kept as JSON. It is copied into the Space, so it imports nothing of ours.
"""

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, TypeAdapter
from typing_extensions import TypedDict

LONGEST = 100  # characters of a text
MOST = 200  # different texts that a form offers


class SchemaError(Exception):
    """A column cannot be a feature; the message is one line."""


def learn(table, features):
    """Find out what each feature is.

    Parameters
    ----------
    table : pandas.DataFrame
    features : list of str

    Returns
    -------
    list of dict
        `name`; `kind`: "number", "flag" (true or false) or "category"; `gaps`: whether values may be absent; `typical`: a
        value for forms. Numbers have `low` and `high`, a range wider than the data by its own width on each side: beyond,
        it is a mistake. Categories have `values`, the frequent ones first; others are let through, and counted as drift.

    Raises
    ------
    SchemaError
        A column is empty, or its texts are nearly all different.
    """
    return [_field(name, table[name]) for name in features]


def _field(name, column):
    known = column.dropna()
    if known.empty:
        raise SchemaError(f"The column {name!r} is empty: leave it out of `features` in capstone.toml.")
    field = {"name": name, "gaps": bool(len(known) < len(column))}
    if all(isinstance(value, bool) for value in known.unique().tolist()):
        return field | {"kind": "flag", "typical": bool(known.mode()[0])}
    if pd.api.types.is_numeric_dtype(known):
        low, high = float(known.min()), float(known.max())
        width = (high - low) or abs(high) or 1.0
        return field | {"kind": "number", "low": low - width, "high": high + width, "typical": float(known.median())}
    counts = known.value_counts()
    if not all(isinstance(value, str) for value in counts.index):
        raise SchemaError(f"The column {name!r} is neither numbers nor texts: leave it out of `features` in capstone.toml.")
    if len(counts) > MOST and len(counts) > len(known) / 2:
        why = f"{len(counts)} different texts in {len(known)} rows, which no model can learn from"
        raise SchemaError(f"The column {name!r} has {why}: leave it out of `features` in capstone.toml.")
    return field | {"kind": "category", "values": counts.index.tolist(), "typical": counts.index[0]}


def validator(fields):
    """Make what validates a request: strict, every field by name, none too many.

    Parameters
    ----------
    fields : list of dict
        A schema.

    Returns
    -------
    pydantic.TypeAdapter
        Its `validate_json` gives a dict, or raises `pydantic.ValidationError`; `problems` tells that without the input.
    """
    types = {}
    for field in fields:
        if field["kind"] == "number":
            kind = Annotated[float, Field(ge=field["low"], le=field["high"], allow_inf_nan=False)]
        elif field["kind"] == "flag":
            kind = bool
        else:
            kind = Annotated[str, Field(min_length=1, max_length=LONGEST)]
        types[field["name"]] = kind | None if field["gaps"] else kind
    row = TypedDict("Row", types)
    row.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
    return TypeAdapter(row)


def problems(error):
    """What is wrong with a request, without repeating it: it may hold NaN, which is no JSON, or somebody's data.

    Parameters
    ----------
    error : pydantic.ValidationError

    Returns
    -------
    list of dict
        `field` ("" for the whole) and `problem`; at most 20.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [{"field": str(each["loc"][0]) if each["loc"] else "", "problem": each["msg"]} for each in found[:20]]


def encode(rows, fields):
    """Turn rows into numbers: the one form in which a model is trained and asked, and in which drift is looked for.

    Parameters
    ----------
    rows : list of dict
        They hold every field; what is absent is None or NaN.
    fields : list of dict
        A schema.

    Returns
    -------
    numpy.ndarray of float, shape (rows, fields)
        Of a category its place in the line of `values`, the frequent ones first; texts that are not among them stand last.
        What is absent is NaN.
    """
    columns = []
    for field in fields:
        values = [row[field["name"]] for row in rows]
        if field["kind"] == "category":
            line = {value: place for place, value in enumerate(field["values"])}
            values = [line.get(value, len(line)) if isinstance(value, str) else None for value in values]
        columns.append(values)
    return np.array(columns, dtype=float).T.reshape(len(rows), len(fields))
