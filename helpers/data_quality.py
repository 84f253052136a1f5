"""Is the batch fit to be used at all? Absent columns, nulls, types, ranges, duplicates, freshness: as a list of findings.

This comes before any question of drift: a service that gets stale or broken data has nothing to do with the world's changing.
"""

import dataclasses

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import stats

TIME = "scheduled_departure"
KEYS = (TIME, "carrier", "flight", "origin")  # they name a flight
CERTAIN = 0.999  # a share of nulls that is no worse than the reference's is called worse once in a thousand columns


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a column should be like.

    Parameters
    ----------
    kind : str
        "number", "category" or "time".
    low : float or None
        Lowest value, in the column's own unit; None where there is no bound.
    high : float or None
    values : frozenset or None
        Of a category: all that may occur; None where any may.
    null_share : float
        0 to 1: that may be missing, but for chance. 1 where any share may.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    values: frozenset | None = None
    null_share: float = 1.0


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a batch.

    Parameters
    ----------
    what : str
        "empty", "absent", "unknown", "nulls", "type", "low", "high", "value", "duplicates", "stale" or "future".
    column : str
        Empty where it concerns the whole batch.
    count : int
        Rows that are wrong; for "empty", "absent" and "stale" all of them.
    expected : str
        A short sentence.
    """

    what: str
    column: str
    count: int
    expected: str

    def __str__(self):
        where = f"{self.column}: " if self.column else ""
        return f"{where}{self.what} in {self.count} rows; expected {self.expected}"


def expect_like(table, *, slack=0.0):
    """Take what should be from data that were good.

    Parameters
    ----------
    table : pandas.DataFrame, shape (n, n_columns)
        Such as the training data.
    slack : float, default 0.0
        At least 0: how far a number may lie outside the range seen, as a share of that range.

    Returns
    -------
    dict of str to Expected
        By column. A number has the range seen, a category the values seen, all the share of nulls seen. Infinite numbers are no
        part of the range; a column with nothing in it has no bounds and no values to keep to.

    Raises
    ------
    ValueError
        The table is empty, or `slack` is under 0.
    """
    if not len(table) or not slack >= 0:
        raise ValueError(f"The table has {len(table)} rows and slack is {slack!r}; expected at least 1 row, and 0 or more.")
    found = {}
    for name, column in table.items():
        kind, nulls = _kind(column), float(column.isna().mean())
        found[name] = Expected(kind, null_share=nulls)
        if kind == "number" and nulls < 1:
            numbers = column.dropna().to_numpy(dtype=float)
            low, high = numbers[np.isfinite(numbers)].min(initial=np.inf), numbers[np.isfinite(numbers)].max(initial=-np.inf)
            if low <= high:
                found[name] = Expected(kind, low - slack * (high - low), high + slack * (high - low), null_share=nulls)
        elif kind == "category" and nulls < 1:
            found[name] = Expected(kind, values=frozenset(column.dropna().unique()), null_share=nulls)
    return found


def expect_schema(schema):
    """Take what should be from a schema.

    Parameters
    ----------
    schema : pandera.DataFrameSchema
        Such as `helpers.flights.schema()`. Of its checks those of range and of the values allowed are taken over.

    Returns
    -------
    dict of str to Expected
        By column. Where nulls are allowed, any share of them is.
    """
    found = {}
    for name, column in schema.columns.items():
        told = {key: value for check in column.checks for key, value in (check.statistics or {}).items()}
        kind = _kind(pd.Series(dtype=column.dtype.type))
        values = frozenset(told["allowed_values"]) if "allowed_values" in told else None
        nulls = 1.0 if column.nullable else 0.0
        low, high = (told.get(bound) if kind == "number" else None for bound in ("min_value", "max_value"))  # else of a length
        found[name] = Expected(kind, low, high, values, null_share=nulls)
    return found


def inspect(batch, expected, *, keys=KEYS, now=None, max_age=None, time=TIME):
    """Find what is wrong with a batch.

    Parameters
    ----------
    batch : pandas.DataFrame, shape (n, n_columns)
    expected : dict of str to Expected
        As from `expect_like` or `expect_schema`. A column that is neither in it nor in `keys`, nor `time`, is a finding.
    keys : iterable of str, default KEYS
        Rows that are equal in all of these are duplicates, but for the first of them; missing equals missing. A key that the
        batch lacks is a finding; no keys, no search.
    now : datetime-like, optional
        With a time zone. Together with `max_age` it asks for freshness; without both, freshness is not looked at.
    max_age : timedelta-like, optional
        Of the newest row, over 0.
    time : str, default TIME
        The column that dates a row. A row with no time does not count as fresh.

    Returns
    -------
    list of Finding
        Empty where all is well; in the order of `expected`, then the whole batch. An empty batch is a finding, never fine.

    Raises
    ------
    ValueError
        One of `now` and `max_age` is given without the other, or `now` has no time zone.
    """
    if (now is None) != (max_age is None) or (now is not None and pd.Timestamp(now).tz is None):
        raise ValueError(f"now is {now!r} and max_age {max_age!r}; expected both or neither, and a time zone in now.")
    if not len(batch):
        return [Finding("empty", "", 0, "at least 1 row")]
    findings = []
    for name, wanted in expected.items():
        if name in batch.columns:
            findings += _column(name, batch[name], wanted)
        else:
            findings.append(Finding("absent", name, len(batch), f"a column, {wanted.kind}"))
    keys = list(keys)
    known = {*expected, *keys, time}
    findings += [Finding("unknown", name, len(batch), "no such column") for name in batch.columns if name not in known]
    needed = dict.fromkeys([*keys, *([time] if now is not None else [])])
    lacking = [name for name in needed if name not in batch.columns]
    findings += [
        Finding("absent", name, len(batch), "a column: it names or dates a row") for name in lacking if name not in expected
    ]
    if keys and not set(keys) & set(lacking) and (count := int(batch.duplicated(list(keys)).sum())):
        findings.append(Finding("duplicates", "", count, f"rows that differ in {', '.join(keys)}"))
    if now is not None and time not in lacking:
        findings += _freshness(batch, time, pd.Timestamp(now), pd.Timedelta(max_age))
    return findings


def _kind(column):
    if types.is_datetime64_any_dtype(column.dtype):
        return "time"
    return "number" if types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype) else "category"


def _column(name, column, wanted):
    there = column[column.notna()]
    nulls, most = len(column) - len(there), int(stats.binom.ppf(CERTAIN, len(column), wanted.null_share))
    if wanted.null_share < 1 and nulls > most:
        usual = f", of which {wanted.null_share:.1%} are usual" if wanted.null_share else ""
        yield Finding("nulls", name, nulls, f"at most {most} of {len(column)}{usual}")
    elif not len(there) and wanted.null_share >= 1:
        yield Finding("nulls", name, nulls, "at least one value")
    right = _of_kind(there, wanted.kind)
    if not right.all():
        yield Finding("type", name, int((~right).sum()), f"a {wanted.kind}, not such as {there[~right].iloc[0]!r}")
    fit = there[right]
    if wanted.kind == "number":
        numbers = fit.to_numpy(dtype=float)
        for what, bound, wrong in (("low", wanted.low, np.less), ("high", wanted.high, np.greater)):
            count = int(wrong(numbers, bound).sum()) if bound is not None else 0
            if count:
                worst = numbers.min() if what == "low" else numbers.max()
                yield Finding(what, name, count, f"{'at least' if what == 'low' else 'at most'} {bound:g}, not {worst:g}")
    if wanted.values is not None:
        strange = fit[~fit.isin(wanted.values)]
        if len(strange):
            yield Finding("value", name, len(strange), f"one of {len(wanted.values)} known values, not {strange.iloc[0]!r}")


def _of_kind(there, kind):
    """Which values are of the kind asked for."""
    if there.dtype != object:
        return pd.Series(_kind(there) == kind, index=there.index)
    known = {"number": (int, float, np.number), "category": (str, bool, np.bool_), "time": (pd.Timestamp,)}[kind]
    return there.map(lambda value: isinstance(value, known) and not (kind == "number" and isinstance(value, bool))).astype(bool)


def _freshness(batch, time, now, max_age):
    times = pd.to_datetime(batch[time], utc=True, errors="coerce")
    newest, future = times.max(), int((times > now).sum())
    findings = [Finding("future", time, future, f"nothing after {now:%Y-%m-%d %H:%M %Z}")] if future else []
    if pd.isna(newest) or newest < now - max_age:
        told = "no row has a time" if pd.isna(newest) else f"the newest is of {newest:%Y-%m-%d %H:%M %Z}"
        findings.append(Finding("stale", time, len(batch), f"one after {now - max_age:%Y-%m-%d %H:%M %Z}: {told}"))
    return findings
