"""Has the model become worse? Each score of a day or a week with its confidence interval, and a verdict only where labels allow.

A score of one week is an estimate. Worse is what its whole interval says; too few labels is told, never "fine".
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from helpers import modeling

LEAST = 100  # labels in a window
LEAST_OUTCOMES = 10  # of each outcome, in a window
LEAST_SHARE = 0.5  # of a window's flights whose label is known: the first labels to come are those of the flights on time
BETTER = {"auc": 1, "f1": 1, "calibration_gap": 0, "calibration_error": -1}  # higher, nearer to where it was, or lower


class Interval(NamedTuple):
    """An estimate, and where the true value lies at the confidence level asked for.

    Parameters
    ----------
    value : float
    low : float
    high : float
    """

    value: float
    low: float
    high: float


def auc(y, probability, *, level=0.95):
    """AUC with its interval, by DeLong's variance on the logit scale (so that it stays between 0 and 1).

    Parameters
    ----------
    y : array-like of bool, shape (n,)
        None missing; both outcomes must occur.
    probability : array-like of float, shape (n,)
        0 to 1. Tied ones count half.
    level : float, default 0.95
        Over 0 and under 1.

    Returns
    -------
    Interval
        0 to 1. Where every pair is in the right order the variance says nothing; half a pair is then taken as undecided.

    Raises
    ------
    ValueError
        Empty, of unequal lengths, missing or out of 0 to 1, only one outcome, or `level` is out of its range.

    References
    ----------
    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Comparing the areas under two or more correlated receiver operating
    characteristic curves, Biometrics 44, 1988; ranks after Sun and Xu, IEEE Signal Processing Letters 21, 2014.
    """
    y, probability = _checked(y, probability, level)
    if y.all() or not y.any():
        raise ValueError(f"All {len(y)} flights have the same outcome; expected both: take a longer window.")
    late, others = probability[y], probability[~y]
    ranks = stats.rankdata(probability)
    over = (ranks[y] - stats.rankdata(late)) / len(others)  # for each late flight, the share of others under it
    under = 1 - (ranks[~y] - stats.rankdata(others)) / len(late)
    value = float(over.mean())
    sizes = np.array([len(late), len(others)])
    error = np.sqrt(sum(side.var(ddof=1) / len(side) for side in (over, under) if len(side) > 1))
    inside = np.clip(value, 0.5 / sizes.prod(), 1 - 0.5 / sizes.prod())
    slope = inside * (1 - inside)
    error = max(error, np.sqrt(slope / sizes.min())) if min(value, 1 - value) == 0 or sizes.min() < 2 else error
    width = _z(level) * error / slope
    return Interval(value, *(float(special.expit(special.logit(inside) + side * width)) for side in (-1, 1)))


def f1(y, probability, *, threshold=modeling.THRESHOLD, level=0.95):
    """F1 with its interval.

    F1 is 2j/(1 + j), with j the hits' share among hits, misses and false alarms. A share has Wilson's interval, which holds for
    small numbers too.

    Parameters
    ----------
    y : array-like of bool, shape (n,)
        None missing.
    probability : array-like of float, shape (n,)
        0 to 1.
    threshold : float, default helpers.modeling.THRESHOLD
        From this probability on a flight is called late.
    level : float, default 0.95

    Returns
    -------
    Interval
        0 to 1; (0, 0, 1) where nothing was late and nothing called late: then nothing is known.

    Raises
    ------
    ValueError
        As in `auc`; one outcome alone is fine here.

    References
    ----------
    E. B. Wilson, Probable inference, the law of succession, and statistical inference, Journal of the American Statistical
    Association 22, 1927.
    """
    y, probability = _checked(y, probability, level)
    called = probability >= threshold
    hits, either = int((y & called).sum()), int((y | called).sum())
    if not either:
        return Interval(0.0, 0.0, 1.0)
    shares = (hits / either, *stats.binomtest(hits, either).proportion_ci(level, method="wilson"))
    return Interval(*(float(2 * share / (1 + share)) for share in shares))


def calibration_gap(y, probability, *, level=0.95):
    """How much more is promised than happens: mean probability minus share late.

    Parameters
    ----------
    y : array-like of bool, shape (n,)
        None missing.
    probability : array-like of float, shape (n,)
        0 to 1.
    level : float, default 0.95

    Returns
    -------
    Interval
        -1 to 1; under 0 where more flights are late than the model expects. One flight gives -1 to 1.

    Raises
    ------
    ValueError
        As in `auc`; one outcome alone is fine here.
    """
    y, probability = _checked(y, probability, level)
    gaps = probability - y
    width = _z(level) * gaps.std(ddof=1) / np.sqrt(len(y)) if len(y) > 1 else 2.0
    return Interval(*(float(np.clip(gaps.mean() + side * width, -1, 1)) for side in (0, -1, 1)))


def calibration_error(y, probability, *, level=0.95, n=1_000, seed=0):
    """Calibration error as `helpers.modeling.evaluate` gives it, with its interval.

    It is over 0 even for a perfect model, by chance, the more so the fewer flights. So it is compared with what a perfect model
    would show on the same flights (outcomes drawn from the probabilities): within that, `low` is 0. The interval is a bootstrap
    of the bins, set right for what chance adds; near 0 it covers more than the level says.

    Parameters
    ----------
    y : array-like of bool, shape (n_flights,)
        None missing.
    probability : array-like of float, shape (n_flights,)
        0 to 1. Tied ones share a bin.
    level : float, default 0.95
    n : int, default 1_000
        Draws, at least 100.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    Interval
        0 to 1. `value` is as measured, with what chance adds; it may lie over `high`.

    Raises
    ------
    ValueError
        As in `auc`, or `n` is too small; one outcome alone is fine here.
    """
    y, probability = _checked(y, probability, level)
    if n < 100:
        raise ValueError(f"n is {n!r}; expected at least 100 draws.")
    bins, rng = modeling.calibration(y, probability), np.random.default_rng(seed)
    flights = bins["flights"].to_numpy()
    gap, promised = (bins["predicted"] - bins["late"]).to_numpy(), bins["predicted"].to_numpy()
    happened = (bins["late"] * flights + 1).to_numpy() / (flights + 2)  # no bin is certain

    def error(gaps):
        return np.abs(gaps) @ flights / flights.sum()

    value, perfect = float(error(gap)), error(rng.binomial(flights, promised, (n, len(bins))) / flights - promised)
    drawn = error(gap + rng.binomial(flights, happened, (n, len(bins))) / flights - happened)
    tail = (1 - level) / 2
    low = 0.0 if value <= np.quantile(perfect, 1 - tail) else max(0.0, 2 * value - np.quantile(drawn, 1 - tail))
    return Interval(value, float(low), float(np.quantile(drawn, 1 - tail)))


def scores(y, probability, *, threshold=modeling.THRESHOLD, level=0.95, seed=0):
    """All four scores with their intervals.

    Parameters
    ----------
    y : array-like of bool, shape (n,)
        None missing; both outcomes must occur.
    probability : array-like of float, shape (n,)
        0 to 1.
    threshold : float, default helpers.modeling.THRESHOLD
        Of `f1`.
    level : float, default 0.95
    seed : int or numpy.random.Generator, default 0
        Of `calibration_error`.

    Returns
    -------
    dict of str to Interval
        `auc`, `f1`, `calibration_gap` and `calibration_error`.

    Raises
    ------
    ValueError
        As in `auc`.
    """
    return {
        "auc": auc(y, probability, level=level),
        "f1": f1(y, probability, threshold=threshold, level=level),
        "calibration_gap": calibration_gap(y, probability, level=level),
        "calibration_error": calibration_error(y, probability, level=level, seed=seed),
    }


def by_window(when, y, probability, before, *, days=7, least=LEAST, least_share=LEAST_SHARE, **settings):
    """Score window after window, and say where the model has become worse.

    A score is "worse" where its whole interval is worse than before; for `calibration_gap`, farther from 0 on either side.
    With a level of 95% this happens by chance in 1 window of 40 (1 of 20 for the gap): wait for the next before you act.

    Parameters
    ----------
    when : pandas.Series of datetime, shape (n,)
        Of each prediction; days begin at midnight of its own time zone. None missing.
    y : array-like, shape (n,)
        Whether each flight was late; None, NaN or NA where the label has not come, or never will.
    probability : array-like of float, shape (n,)
        0 to 1, none missing.
    before : dict of str to float or Interval
        What the scores were, such as from `scores` on flights that the model had not seen. The names are those of `scores`, at
        least one. An interval counts by its value, taken as exact.
    days : int, default 7
        Days in a window, at least 1; the first begins on the first day. The last may be cut short.
    least : int, default LEAST
        Labels; in a window with fewer, or with fewer than `LEAST_OUTCOMES` of either outcome, the verdict is "unknown".
    least_share : float, default LEAST_SHARE
        0 to 1. So too where a smaller share of the flights has a label: the first to come are not a fair sample.
    **settings : dict
        `threshold`, `level` and `seed`, as in `scores`.

    Returns
    -------
    pandas.DataFrame
        A row a window and score: `window` (its first day), `flights`, `labels`, `score`, `value`, `low`, `high`, `before`,
        `verdict` ("worse", "holds" or "unknown") and `reason` (for "unknown"; there the numbers are NaN). Windows with no
        flights are there too. No flights at all give no rows.

    Raises
    ------
    ValueError
        Unequal lengths, a time or probability is missing, a score is not known, or a setting is out of its range.
    """
    strange = [name for name in before if name not in BETTER]
    if strange or not before or days < 1:
        raise ValueError(
            f"before names {strange or 'nothing'}, days is {days!r}; expected some of {', '.join(BETTER)}, 1 day or more."
        )
    y, probability = np.asarray(pd.array(y, dtype="boolean"), dtype=object), np.asarray(probability, dtype=float)
    when = pd.Series(when).reset_index(drop=True)
    if not len(when) == len(y) == len(probability) or when.isna().any() or pd.isna(probability).any():
        raise ValueError(
            f"There are {len(when)} times, {len(y)} outcomes, {len(probability)} probabilities; expected as many, none missing."
        )
    day = when.dt.tz_localize(None).dt.normalize()
    number = ((day - day.min()) // pd.Timedelta(days=days)).to_numpy()
    rows = []
    for window in range(int(number.max()) + 1 if len(number) else 0):
        here = number == window
        about = {"window": day.min() + pd.Timedelta(days=days * window)}
        rows += [about | row for row in _window(y[here], probability[here], before, least, least_share, settings)]
    return pd.DataFrame(rows)


def _window(y, probability, before, least, least_share, settings):
    there = ~pd.isna(y)
    known = y[there].astype(bool)
    reason = _too_few(known, len(y), least, least_share)
    found = {} if reason else scores(known, probability[there], **settings)
    for name, past in before.items():
        past = float(getattr(past, "value", past))
        value, low, high = found.get(name, (np.nan,) * 3)
        worse = {1: high < past, 0: low > abs(past) or high < -abs(past), -1: low > past}[BETTER[name]]
        verdict = "unknown" if reason else "worse" if worse else "holds"
        yield {"flights": len(y), "labels": len(known), "score": name, "value": value, "low": low, "high": high,
               "before": past, "verdict": verdict, "reason": reason}  # fmt: skip


def _too_few(known, flights, least, least_share):
    late = int(known.sum())
    if len(known) < least:
        return f"too few labels: {len(known)}, expected at least {least}"
    if len(known) < least_share * flights:
        return f"too few labels: {len(known)} of {flights} flights, expected at least {least_share:.0%}"
    if min(late, len(known) - late) < LEAST_OUTCOMES:
        return f"too few outcomes: {late} late, {len(known) - late} not, expected at least {LEAST_OUTCOMES} of each"
    return ""


def _checked(y, probability, level):
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; expected a number between 0 and 1, such as 0.95.")
    y, probability = np.asarray(y), np.asarray(probability, dtype=float)
    if y.shape != probability.shape or y.ndim != 1 or not len(y):
        raise ValueError(f"y has shape {y.shape}, probability {probability.shape}; expected two columns, as long, and not empty.")
    if pd.isna(y).any():
        raise ValueError(f"{int(pd.isna(y).sum())} outcomes are missing; leave out flights with no label, or use by_window.")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("A probability is missing or not between 0 and 1.")
    return y.astype(bool), probability


def _z(level):
    return float(stats.norm.ppf((1 + level) / 2))
