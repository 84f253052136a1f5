"""When did a stream change? ADWIN (river's), one value after another; what is missing is told beside what was found.

ADWIN takes values as drawn one by one. Flights of one day share their weather, so on a stream of weather, or of what follows
from it, it finds a change every few days with nothing wrong.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

LEAST = 100  # values; fewer say too little
MOST_MISSING = 0.5  # share; with more of it a stream is not known


class Changes(NamedTuple):
    """What came of a stream.

    Parameters
    ----------
    positions : list of int
        Where a change was noticed, from 0, in the order of the stream; missing values are counted. The change itself lies
        before: what is noticed at once is rare.
    missing : list of int
        Where a value was missing. ADWIN did not see these.
    verdict : str
        "drift" where a change was noticed; else "unknown", with fewer than `LEAST` values or over `MOST_MISSING` of them
        missing; else "quiet".
    """

    positions: list
    missing: list
    verdict: str


def find_changes(values, *, low=0.0, high=1.0, delta=0.002):
    """Look for changes of the mean in a stream.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        In the order in which they came. None, NaN and NA are missing. No values are "unknown".
    low : float, default 0.0
        Least value that can come; ADWIN's bound holds for 0 to 1, so values are brought there.
    high : float, default 1.0
        Largest value that can come, over `low`.
    delta : float, default 0.002
        Over 0 and under 1: smaller is more careful, and later.

    Returns
    -------
    Changes

    Raises
    ------
    ValueError
        Not one-dimensional, a value lies outside of `low` to `high`, or `delta` is out of its range.

    References
    ----------
    A. Bifet and R. Gavaldà, Learning from time-changing data with adaptive windowing, SIAM International Conference on Data
    Mining, 2007.
    """
    from river.drift import ADWIN  # here, because river takes a while to import

    if not 0 < delta < 1 or not -np.inf < low < high < np.inf:
        raise ValueError(f"delta is {delta!r}, low {low!r}, high {high!r}; expected 0 < delta < 1, and low under high.")
    if np.ndim(values) != 1:
        raise ValueError(f"The values have {np.ndim(values)} dimensions; expected a column.")
    array = pd.array(values, dtype="Float64").to_numpy(dtype=float, na_value=np.nan)
    there = ~np.isnan(array)
    outside = int(((array < low) | (array > high))[there].sum())
    if outside:
        raise ValueError(f"{outside} values lie outside of {low!r} to {high!r}: give the low and the high that can come.")
    detector, positions = ADWIN(delta=delta), []
    for position in np.flatnonzero(there).tolist():
        detector.update((array[position] - low) / (high - low))
        if detector.drift_detected:
            positions.append(position)
    known = there.sum() >= LEAST and 1 - there.mean() <= MOST_MISSING
    verdict = "drift" if positions else "quiet" if known else "unknown"
    return Changes(positions, np.flatnonzero(~there).tolist(), verdict)
