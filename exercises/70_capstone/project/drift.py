"""Tells whether the rows of late differ from those that the model was made with, feature by feature.

One measure for all: the largest gap between two cumulative distributions (Kolmogorov and Smirnov). Categories stand in a
line for that, the frequent ones first, unknown ones last. Absent values are looked at by their share: missing data is never
"no drift". The limit follows from the number of rows, so that a quiet window of independent rows stays under it.
"""

import math
from collections import deque

import numpy as np

import schema

ROWS = 2000  # of the training data that a reference keeps


def reference(X, fields, seed=0):
    """Keep what the training data looked like.

    Parameters
    ----------
    X : numpy.ndarray of float
        As from `schema.encode`.
    fields : list of dict
    seed : int, default 0

    Returns
    -------
    dict
        For each field a sorted list of `values` (numbers, or places in the line of categories) and the share of `gaps`.
    """
    sample = np.random.default_rng(seed).permutation(X)[:ROWS]
    made = {}
    for field, codes in zip(fields, sample.T, strict=True):
        made[field["name"]] = {"values": sorted(codes[~np.isnan(codes)].tolist()), "gaps": float(np.isnan(codes).mean())}
    return made


def distance(known, codes):
    """How far a window is from the reference.

    Parameters
    ----------
    known : dict
        Of one field, from `reference`.
    codes : numpy.ndarray of float, shape (n,)
        The window, at least one row; NaN where a value is absent.

    Returns
    -------
    float
        0 to 1: the gap of the distributions, or by how much more is absent than was, whichever is larger.
    """
    # your code here
    raise NotImplementedError


def limit(n, m, features, false_alarm):
    """What a distance does not pass by chance (the inequality of Dvoretzky, Kiefer and Wolfowitz, shared among features).

    Parameters
    ----------
    n, m : int
        Rows of the window, and of the reference.
    features : int
        That are looked at: each gets its part of the chance.
    false_alarm : float
        The chance that a quiet window passes the limit anywhere.

    Returns
    -------
    float
    """
    # your code here
    raise NotImplementedError


class Window:
    """The last answered rows, all with the same fields: a version with others begins anew.

    Parameters
    ----------
    settings : dict
        The section [drift] of capstone.toml.
    """

    def __init__(self, settings):
        self._settings, self._rows, self._names = settings, deque(maxlen=settings["window"]), None

    def __len__(self):
        return len(self._rows)

    def add(self, row, fields):
        """Take an answered row in. Rows with other fields cannot be compared with it, and are dropped.

        Parameters
        ----------
        row : dict
        fields : list of dict
            The schema by which it was answered.
        """
        if self._names != _names(fields):
            self._rows.clear()
            self._names = _names(fields)
        self._rows.append(row)

    def look(self, fields, known):
        """Compare the window with the reference of a model.

        Parameters
        ----------
        fields : list of dict
        known : dict
            From `reference`.

        Returns
        -------
        dict of str to (float, float)
            The distance and its limit for each feature; NaN, NaN while the rows with these fields are too few to say anything.
        """
        rows = list(self._rows) if self._names == _names(fields) else []
        if len(rows) < self._settings["at_least"]:
            return {field["name"]: (math.nan, math.nan) for field in fields}
        found = {}
        for field, codes in zip(fields, schema.encode(rows, fields).T, strict=True):
            of = known[field["name"]]
            sizes = max(1, len(rows) - int(np.isnan(codes).sum())), max(1, len(of["values"]))
            found[field["name"]] = distance(of, codes), limit(*sizes, len(fields), self._settings["false_alarm"])
        return found


def _names(fields):
    """What two schemas must have in common for rows of one to be coded by the other; ranges and values may differ."""
    return [(field["name"], field["kind"]) for field in fields]
