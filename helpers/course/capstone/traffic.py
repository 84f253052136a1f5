"""The traffic that the check sends: good rows, drifted rows, bad requests."""

import json
import math
import time

import numpy as np
import pandas as pd
from pandas.api import types

from helpers.course.capstone import web

PACE = 150  # rows a second, about
PATIENCE = 5  # seconds that one answer may take, to its last byte


def sample(X, y, n, rng):
    """Draw rows at random.

    Parameters
    ----------
    X : pandas.DataFrame
    y : pandas.Series
    n : int
        Fewer come where there are fewer.
    rng : numpy.random.Generator

    Returns
    -------
    rows : list of dict
    truth : list of int
    """
    chosen = rng.permutation(len(X))[:n]
    return as_rows(X.iloc[chosen]), y.iloc[chosen].tolist()


def as_rows(X):
    """Rows as a JSON request holds them.

    Parameters
    ----------
    X : pandas.DataFrame

    Returns
    -------
    list of dict
        A gap is None.
    """
    columns = {name: _values(X[name]) for name in X}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _values(column):
    values = (column.astype(str) if _is_time(column) else column).tolist()
    return [None if gap else value for value, gap in zip(values, column.isna(), strict=True)]


def drifted(X, reference):
    """Move every number by three standard deviations; it stays within what the reference has.

    Parameters
    ----------
    X : pandas.DataFrame
    reference : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        Where there is no number, every text becomes the rarest one of its column.
    """
    X, numbers = X.copy(), numeric(reference)
    for name in numbers:
        known = reference[name]
        moved = np.clip(X[name] + 3 * known.std(), known.min(), known.max())
        X[name] = moved.round().astype(known.dtype) if types.is_integer_dtype(known) else moved
    for name in [] if numbers else X.columns:
        X[name] = reference[name].value_counts().index[-1]
    return X


def numeric(X):
    """The columns with numbers.

    Parameters
    ----------
    X : pandas.DataFrame

    Returns
    -------
    list of str
    """
    return [name for name in X if types.is_numeric_dtype(X[name]) and not types.is_bool_dtype(X[name])]


def bad_requests(row, numbers):
    """Requests that no service should answer.

    Parameters
    ----------
    row : dict
        A good one.
    numbers : list of str
        Its fields with numbers.

    Returns
    -------
    dict of str to bytes
        By what is bad about it.
    """
    first = next(iter(row))
    found = {
        f"without the field {first}": {name: value for name, value in row.items() if name != first},
        "a list": [1, 2],
        "an empty object": {},
    }
    if numbers:
        found[f"text for {numbers[0]}"] = row | {numbers[0]: "many"}
        found[f"NaN for {numbers[0]}"] = row | {numbers[0]: math.nan}
    return {what: json.dumps(each).encode() for what, each in found.items()} | {"no body": b"", "no JSON": b"{not json"}


class Asker:
    """Asks one service.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
        Its system runs. When its time is over, nothing more is sent.
    """

    def __init__(self, case):
        self._case, self._port, self._path = case, case.ports["SERVICE_PORT"], case.project.want("service", "predict")
        self.probability, self.version = case.project.want("service", "probability"), case.project.want("service", "version")
        self.answered = 0  # rows, so far

    def ask(self, row):
        """Ask for one row.

        Parameters
        ----------
        row : dict

        Returns
        -------
        probability : float or None
            None where it is no number from 0 to 1.
        version : str or None
        why : str
            What is the matter; "" where nothing is.
        """
        status, told = self.post(json.dumps(row).encode())
        if not isinstance(told, dict) or status != 200:
            return None, None, f"HTTP {status or 'nothing'}" + (f", {str(told)[:120]}" if told else "")
        self.answered += 1
        probability, version = told.get(self.probability), told.get(self.version)
        if isinstance(probability, bool) or not isinstance(probability, (int, float)) or not 0 <= probability <= 1:
            return None, version, f"`{self.probability}` is {probability!r}, no number from 0 to 1"
        if version in (None, ""):
            return probability, None, f"`{self.version}` is {version!r}"
        return float(probability), str(version), ""

    def post(self, body):
        """Send a body as it is.

        Parameters
        ----------
        body : bytes

        Returns
        -------
        status : int or None
            None where no answer came, or none with an end.
        told : object
            The parsed JSON; None where it is none.
        """
        answer = web.ask(self._port, self._path, self._case.until(PATIENCE), body)
        return (None, None) if answer is None else (answer.status, answer.parsed())

    def send(self, rows, until):
        """Send rows at the check's pace.

        Parameters
        ----------
        rows : list of dict
        until : float
            As `time.monotonic`: what is not sent by then is left out.

        Returns
        -------
        list
            Of what `ask` gives.
        """
        begun, answers = time.monotonic(), []
        for row in rows:
            if time.monotonic() > until:
                break
            answers.append(self.ask(row))
            time.sleep(max(0.0, begun + len(answers) / PACE - time.monotonic()))
        return answers


def _is_time(column):
    return types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype)
