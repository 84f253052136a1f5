"""What `helpers.promql` computes, as Prometheus 2 does. A vector is a dict from labels (a sorted tuple of pairs) to value."""

import functools
import math
import operator

COMPARE = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class QueryError(Exception):
    """An expression is wrong or outside the subset, or the series do not allow it; the message says why."""


def _unnamed(key):
    return tuple(pair for pair in key if pair[0] != "__name__")


def _by_labels(vector):
    found = {_unnamed(key): value for key, value in vector.items()}
    if len(found) != len(vector):
        raise QueryError("Two series differ only in the metric's name: which of them is meant cannot be told.")
    return found


def combine(name, left, right):
    """`and`, `or`, `unless`: by all labels but the metric's name.

    Parameters
    ----------
    name : {"and", "or", "unless"}
    left : dict
    right : dict

    Returns
    -------
    dict
    """
    there = {_unnamed(key) for key in (left if name == "or" else right)}
    if name == "or":
        return left | {key: value for key, value in right.items() if _unnamed(key) not in there}
    return {key: value for key, value in left.items() if (_unnamed(key) in there) == (name == "and")}


def calculate(name, left, right):
    """Arithmetic and comparisons. Between two vectors, series of the same labels go together; others are left out.

    Parameters
    ----------
    name : str
        The operator.
    left : dict or float
    right : dict or float

    Returns
    -------
    dict or float
        Of a comparison, the series that pass, with their own values.

    Raises
    ------
    QueryError
        It is not clear which series go together.
    """
    if not isinstance(left, dict) and not isinstance(right, dict):
        return _arithmetic(name, left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        others = _by_labels(right)
        _by_labels(left)
        pairs = {key: (value, others[_unnamed(key)]) for key, value in left.items() if _unnamed(key) in others}
    else:
        pairs = (
            {key: (value, right) for key, value in left.items()}
            if isinstance(left, dict)
            else {k: (left, v) for k, v in right.items()}
        )
    if name in COMPARE:
        kept = left if isinstance(left, dict) else right
        return {key: kept[key] for key, pair in pairs.items() if COMPARE[name](*pair)}
    return {_unnamed(key): _arithmetic(name, *pair) for key, pair in pairs.items()}


def _arithmetic(name, left, right):
    if name == "/":
        if right == 0:
            return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)
        return left / right
    return {"+": operator.add, "-": operator.sub, "*": operator.mul}[name](left, right)


def total(vector, by):
    """Sum over series, in their order: of three or more, the last digit may differ from that of Prometheus.

    Parameters
    ----------
    vector : dict
    by : tuple of str
        The labels that are kept.

    Returns
    -------
    dict
        Empty for no series.
    """
    totals = {}
    for key, value in vector.items():
        group = tuple(pair for pair in key if pair[0] in by)
        totals[group] = totals.get(group, 0.0) + value
    return totals


def over_windows(name, window):
    """Apply one of `FUNCTIONS` to each series of a window.

    Parameters
    ----------
    name : str
    window : tuple
        Its start and end in ms; and a dict from labels to times and values.

    Returns
    -------
    dict
        Without the metric's name, and without series that are too short.
    """
    start, end, series = window
    given = {_unnamed(key): FUNCTIONS[name](times, values, start, end) for key, (times, values) in series.items()}
    return {key: value for key, value in given.items() if value is not None}


def _rate(times, values, start, end, *, per_second=True):
    """Prometheus' own extrapolation to the ends of the window (`extrapolatedRate` in promql/functions.go of 2.42)."""
    if len(values) < 2:
        return None
    grown = (
        values[-1] - values[0] + sum(a for a, b in zip(values, values[1:], strict=False) if b < a)
    )  # a counter that fell began anew
    before, after, sampled = (times[0] - start) / 1000, (end - times[-1]) / 1000, (times[-1] - times[0]) / 1000
    between = sampled / (len(values) - 1)
    if grown > 0 and values[0] >= 0:
        before = min(before, sampled * (values[0] / grown))  # it was not below zero
    covered = sampled + (before if before < 1.1 * between else between / 2)
    covered += after if after < 1.1 * between else between / 2
    factor = covered / sampled
    return grown * (factor / ((end - start) / 1000) if per_second else factor)


def _compensated(values):
    """A sum as Prometheus adds: Neumaier's way, of which the two parts are given."""
    total = rest = 0.0
    for value in values:
        new = total + value
        rest += (total - new) + value if abs(total) >= abs(value) else (value - new) + total
        total = new
    return total, rest


def _mean(values):
    mean = rest = 0.0
    for count, value in enumerate(values, 1):
        if math.isinf(mean) and (value == mean or math.isfinite(value)):
            continue
        step = value / count - mean / count
        new = mean + step
        rest += (mean - new) + step if abs(mean) >= abs(step) else (step - new) + mean
        mean = new
    return mean if math.isinf(mean) else mean + rest


def _extreme(values, better):
    best = values[0]
    for value in values:
        best = value if better(value, best) or math.isnan(best) else best
    return best


FUNCTIONS = {
    "rate": _rate,
    "increase": functools.partial(_rate, per_second=False),
    "avg_over_time": lambda times, values, start, end: _mean(values),
    "min_over_time": lambda times, values, start, end: _extreme(values, operator.lt),
    "max_over_time": lambda times, values, start, end: _extreme(values, operator.gt),
    "sum_over_time": lambda times, values, start, end: sum(_compensated(values)),
    "count_over_time": lambda times, values, start, end: float(len(values)),
}
