"""Has the data changed? Two-sample tests, column by column, with the training data reduced once; and PSI with its noise.

Numbers are compared by Kolmogorov and Smirnov's test, categories by the two-sample chi-squared test. Every p-value is corrected
for how many there are, by Holm's method (as safe as Bonferroni's, and it finds more), and stands beside an effect size,
because with many rows a trifle is certain too. The tests take rows as drawn one by one: flights of one day share their weather,
so a *day* differs from a quarter by more than chance allows with nothing wrong. Measure that on quiet days before you set an
alarm.
"""

import dataclasses

import numpy as np
import pandas as pd
from scipy import stats

from helpers import two_sample
from helpers.flights import CATEGORICAL, NUMERIC

ALPHA = 0.05  # chance that any column of a batch with no drift is called drift
LEAST = 50  # values; fewer say too little


@dataclasses.dataclass(frozen=True)
class Reference:
    """The training data, reduced to what the tests need: made once by `reference`, used for every batch.

    Parameters
    ----------
    rows : int
        Of the table it was made from.
    numbers : dict
        By column: its distinct values in order and how many are up to each, as from `two_sample.reduce_numbers`.
    categories : dict
        By column: the count of each category, as from `two_sample.count_categories`.
    """

    rows: int
    numbers: dict
    categories: dict


def reference(table, *, numeric=NUMERIC, categorical=CATEGORICAL):
    """Reduce the training data, so that no batch sorts or counts it again.

    Parameters
    ----------
    table : pandas.DataFrame
        The rows that the model was trained on, or a fair sample of them.
    numeric : iterable of str, default helpers.flights.NUMERIC
        Columns to compare as numbers; text in them that is no number counts as missing.
    categorical : iterable of str, default helpers.flights.CATEGORICAL
        Columns to compare as categories; 1 and "1" are two of them.

    Returns
    -------
    Reference
        A column with nothing in it is kept: no batch can be quiet in it.

    Raises
    ------
    ValueError
        A column is absent, or there are fewer than `LEAST` rows.
    """
    numeric, categorical = list(numeric), list(categorical)
    absent = [name for name in numeric + categorical if name not in table.columns]
    if absent:
        raise ValueError(f"The reference lacks {', '.join(absent)}: name the columns that it has in numeric and categorical.")
    if len(table) < LEAST:
        raise ValueError(f"The reference has {len(table)} rows; expected at least {LEAST}: take more of the training data.")
    numbers = {name: two_sample.reduce_numbers(table[name]) for name in numeric}
    return Reference(len(table), numbers, {name: two_sample.count_categories(table[name]) for name in categorical})


def compare(batch, reference, *, alpha=ALPHA, least=LEAST, least_effect=0.0):
    """Test every column of a batch against the reference.

    Three questions a column: do the values that are there differ, has the share of missing values changed, are there more
    rows in categories that the reference never saw than its own rarities foretell? Each is a hypothesis of its own where
    there is anything to compare; Holm's correction runs over all of them.

    *Ties* (rounded numbers, such as minutes) make the test of numbers careful: fewer false alarms than `alpha`, less power.
    *Rare categories* are pooled. *Missing values* are left out of the first question and are the second one: a column that
    is absent, all missing or too short is never quiet. An empty batch is "unknown" in every column.

    Parameters
    ----------
    batch : pandas.DataFrame
        Rows from production. Columns that the reference does not know are not looked at.
    reference : Reference
    alpha : float, default ALPHA
        Over 0 and under 1: the chance that *any* column is called drift when nothing has changed.
    least : int, default LEAST
        At least 1. A column with fewer values, here or in the reference, is not tested for its values.
    least_effect : float, default 0.0
        0 to 1: a smaller difference between values is not called drift, however certain it is.

    Returns
    -------
    pandas.DataFrame
        A row a column, in the order of the reference, with `column`, `test` ("KS" or "chi2"), `values` (how many are there);
        `effect` (0 to 1: the KS distance, or half the summed differences of shares, which is the total variation) and
        `p`; `missing` and `missing_before` (shares) and `p_missing`; `new` (share of values in new categories) and `p_new`;
        `p_adjusted` (the smallest of the three after Holm); `verdict`: "drift", "quiet", or "unknown" where the values
        could not be tested; `reason`, a line for people, empty where it is quiet. What was not tested is NaN.

    Raises
    ------
    ValueError
        `alpha`, `least` or `least_effect` is out of its range.
    """
    if not 0 < alpha < 1 or least < 1 or not 0 <= least_effect <= 1:
        raise ValueError(
            f"alpha is {alpha!r}, least {least!r}, least_effect {least_effect!r}; expected 0 < alpha < 1, 1 or more, and 0 to 1."
        )
    rows = [_number(name, batch, reference, least) for name in reference.numbers]
    rows += [_category(name, batch, reference, least) for name in reference.categories]
    told = [row.pop("told") for row in rows]
    table = pd.DataFrame(rows)
    adjusted = two_sample.holm(table[["p", "p_missing", "p_new"]].to_numpy(float))
    adjusted[(table["effect"] < least_effect).to_numpy(), 0] = np.nan
    table["p_adjusted"] = np.fmin.reduce(adjusted, axis=1)
    table["verdict"] = np.where(table["p_adjusted"] < alpha, "drift", np.where(table["p"].isna(), "unknown", "quiet"))
    table["reason"] = [_reason(row, found < alpha, least) for row, found in zip(told, adjusted, strict=True)]
    return table


def psi(reference, current, *, n_bins=10):
    """Population stability index of `current` against `reference`.

    Bin edges are quantiles of `reference` alone; the outer bins are open. Half a count is added to every bin, so that the
    result is always finite. Compare it with `psi_noise_floor`: it grows as samples shrink.

    Parameters
    ----------
    reference : array-like of float, shape (n_reference,)
        Values at training time; at least `n_bins` of them.
    current : array-like of float, shape (n_current,)
        Values in production, in the same unit.
    n_bins : int, default 10
        At least 2.

    Returns
    -------
    float
        In nats, >= 0.

    Raises
    ------
    ValueError
        Not one-dimensional, empty, not finite (drop or impute first: missing data is never "no drift"), or so tied that the
        quantiles coincide.
    """
    reference, current = _finite(reference, "reference"), _finite(current, "current")
    if n_bins < 2 or len(reference) < n_bins:
        raise ValueError(f"n_bins is {n_bins!r} for {len(reference)} reference values; expected at least 2, and as many values.")
    edges = np.quantile(reference, np.linspace(0, 1, n_bins + 1)[1:-1])
    if (np.diff(edges) == 0).any() or edges[0] == reference.min():
        raise ValueError(
            f"The reference is so tied that {n_bins} quantiles coincide: use a smaller n_bins, or compare categories."
        )
    counts = [np.bincount(np.searchsorted(edges, side, side="right"), minlength=n_bins) + 0.5 for side in (reference, current)]
    before, now = (count / count.sum() for count in counts)
    return float(((now - before) * np.log(now / before)).sum())


def psi_noise_floor(n_reference, n_current, *, n_bins=10, quantile=0.95):
    """How large `psi` gets by chance when nothing has changed.

    With no drift, PSI is about a chi-squared variable with n_bins - 1 degrees of freedom, times 1/n_reference + 1/n_current.
    So 0.1 and 0.2, the thresholds that everybody quotes, say nothing without the sizes of the samples.

    Parameters
    ----------
    n_reference : int
        Values at training time, at least 1. With 10 or fewer a bin, on either side, the floor is a little high.
    n_current : int
        Values in production, at least 1.
    n_bins : int, default 10
        At least 2, as for `psi`.
    quantile : float, default 0.95
        Over 0 and under 1: the share of samples with no drift that stay below.

    Returns
    -------
    float
        In nats, over 0.

    Raises
    ------
    ValueError
        An argument is out of its range.

    References
    ----------
    B. Yurdakul and J. Naranjo, Statistical properties of the population stability index, Journal of Risk Model Validation
    14, 2020.
    """
    if min(n_reference, n_current) < 1 or n_bins < 2 or not 0 < quantile < 1:
        raise ValueError(
            f"Sizes are {n_reference!r} and {n_current!r}, n_bins {n_bins!r}, quantile {quantile!r}; expected 1 or more values, "
            "2 or more bins, and a quantile between 0 and 1."
        )
    return float(stats.chi2.ppf(quantile, n_bins - 1) * (1 / n_reference + 1 / n_current))


def _number(name, batch, reference, least):
    now = two_sample.reduce_numbers(batch[name] if name in batch.columns else pd.Series(np.full(len(batch), np.nan)))
    before = reference.numbers[name]
    n, m = (int(upto[-1]) if len(upto) else 0 for _, upto in (now, before))
    effect, p = two_sample.ks(before, now) if min(n, m) >= least else (np.nan, np.nan)
    row = {"column": name, "test": "KS", "values": n, "effect": effect, "p": p}
    row |= _missing(n, len(batch), m, reference.rows, least) | {"new": np.nan, "p_new": np.nan}
    return row | {"told": _told(name, batch, row, m, [])}


def _category(name, batch, reference, least):
    now = two_sample.count_categories(batch[name]) if name in batch.columns else {}
    before = reference.categories[name]
    unseen = [category for category in now if category not in before]
    n, m, new = sum(now.values()), sum(before.values()), sum(now[category] for category in unseen)
    row = {"column": name, "test": "chi2", "values": n, "effect": np.nan, "p": np.nan}
    row |= _missing(n, len(batch), m, reference.rows, least) | {"new": new / n if n else np.nan, "p_new": np.nan}
    if min(n, m) >= least:
        table = np.array([[before.get(category, 0), now.get(category, 0)] for category in [*before, *unseen]])
        row |= {"effect": float(np.abs(table[:, 0] / m - table[:, 1] / n).sum() / 2), "p": two_sample.chi_squared(table)}
        if new:
            row["p_new"] = two_sample.new_categories(new, n, sum(count == 1 for count in before.values()), m)
    return row | {"told": _told(name, batch, row, m, unseen)}


def _missing(n, rows, m, rows_before, least):
    """Of `rows` there are `n` values, before `m` of `rows_before`."""
    p = np.nan
    if rows >= least and (n < rows or m < rows_before):
        table = np.array([[m, n], [rows_before - m, rows - n]])
        p = two_sample.chi_squared(table[table.any(axis=1)])
    return {"missing": 1 - n / rows if rows else np.nan, "missing_before": 1 - m / rows_before, "p_missing": p}


def _told(name, batch, row, m, unseen):
    """What there is to tell of a column, if it is found to differ."""
    missing = f"missing {row['missing']:.1%}, before {row['missing_before']:.1%}"
    if len(batch) and not row["values"]:
        missing = "every value is missing" if name in batch.columns else "the column is absent"
    names = ", ".join(map(str, unseen[:3])) + (" and others" if len(unseen) > 3 else "")
    return {"lines": (f"values differ by {row['effect']:.3f}", missing, f"new: {names}"), "n": row["values"], "m": m}


def _reason(told, found, least):
    lines = [line for line, differs in zip(told["lines"], found, strict=True) if differs]
    if told["n"] < least:
        lines.append(f"too few: {told['n']}, expected at least {least}")
    if told["m"] < least:
        lines.append(f"too few in the reference: {told['m']}, expected at least {least}")
    return "; ".join(lines)


def _finite(values, name):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}; expected a column of at least one value.")
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"{name} has {count} values that are missing or infinite: drop or impute them first, and compare how many."
        )
    return values
