"""The arithmetic of two-sample tests on reduced samples: the sorting and counting is done once, the testing many times.

`helpers.drift` runs them over a table. The p-values are scipy's; only the reduction is ours.
"""

import numpy as np
import pandas as pd
from scipy import stats

LEAST_EXPECTED = 5  # counts in a cell of the chi-squared test, after Cochran (1954)
STEP = 64  # of the points at which two distribution functions are first compared


def reduce_numbers(column):
    """Sort numbers and count them, ties together.

    Parameters
    ----------
    column : pandas.Series, shape (n,)
        Text that reads as a number is one; other text, None and NaN are missing and left out.

    Returns
    -------
    values : numpy.ndarray of float, shape (n_distinct,)
        In order. Empty where nothing is there.
    upto : numpy.ndarray of int, shape (n_distinct,)
        How many of `column` are at most each value; the last is how many are there at all.
    """
    if not isinstance(column.dtype, np.dtype) or column.dtype.kind not in "iuf":
        column = pd.to_numeric(column.astype(object), errors="coerce").astype(float)
    array = column.to_numpy()
    array = np.sort(array, kind="stable" if array.itemsize <= 2 else None)  # small integers are sorted by their digits
    if array.dtype.kind == "f":
        array = array[: len(array) - np.count_nonzero(np.isnan(array))]  # NaN is sorted to the end
    last = np.append(array[1:] != array[:-1], True)[: len(array)]
    return array[last].astype(float), np.flatnonzero(last) + 1


def ks(first, second):
    """Kolmogorov and Smirnov's test of two samples of numbers.

    The p-value is `scipy.stats.ks_2samp`'s with `method="asymp"`, at any size: good from some dozens of values on. It holds for
    continuous numbers; with ties it is too large, so it raises fewer false alarms than it says, and sees less.

    Parameters
    ----------
    first : tuple
        As from `reduce_numbers`; at least one value.
    second : tuple
        The same. The order of the two does not matter.

    Returns
    -------
    distance : float
        0 to 1: the largest difference between the shares of the two that are up to a value.
    p : float
        0 to 1.

    Raises
    ------
    ValueError
        A sample is empty.

    References
    ----------
    J. L. Hodges, The significance probability of the Smirnov two-sample test, Arkiv för Matematik 3, 1958.
    """
    (values, upto), (others, upto_others) = sorted([first, second], key=lambda sample: len(sample[0]), reverse=True)
    if not len(others):
        raise ValueError("A sample is empty; expected at least one value in each.")
    distance = _distance(values, np.append(0, upto), others, np.append(0, upto_others))
    n, m = float(upto[-1]), float(upto_others[-1])
    return distance, float(np.clip(stats.kstwo.sf(distance, max(1, np.round(n * m / (n + m)))), 0, 1))


def _distance(values, counts, others, counts_others):
    """Largest difference of two distribution functions: exact, though few of the points are looked at.

    It is reached at one of `others`, the fewer ones, or just before it, as in between only the other function rises.
    """

    def shares(at):
        place = np.searchsorted(values, others[at], side="right")
        before = place - (values[place - 1] == others[at])  # place 0 looks at the last value, which is larger than this one
        return (
            counts[place] / counts[-1],
            counts[before] / counts[-1],
            counts_others[at + 1] / counts_others[-1],
            counts_others[at] / counts_others[-1],
        )

    def largest(upto, before, upto_others, before_others):
        return max(np.abs(upto - upto_others).max(), np.abs(before - before_others).max())

    coarse = np.unique(np.append(np.arange(0, len(others), STEP), len(others) - 1))
    upto, before, upto_others, before_others = shares(coarse)
    best = largest(upto, before, upto_others, before_others)
    # Both functions only rise, so that between two points they differ by no more than this.
    bound = np.maximum(before[1:] - upto_others[:-1], before_others[1:] - upto[:-1])
    inside = (coarse[:-1][bound > best, None] + np.arange(1, STEP)).ravel()
    inside = inside[inside < len(others)]
    return float(max(best, largest(*shares(inside)))) if len(inside) else float(best)


def count_categories(column):
    """Count categories.

    Parameters
    ----------
    column : pandas.Series, shape (n,)
        Of any type that hashes; 1 and "1" are two categories. None and NaN are missing and left out.

    Returns
    -------
    dict
        The count of each category that occurs, over 0.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        counts = np.bincount(column.cat.codes.to_numpy() + 1, minlength=1)[1:]  # missing has the code -1
        return {name: count for name, count in zip(column.cat.categories, counts.tolist(), strict=False) if count}
    counts = column.value_counts(sort=False)
    return dict(zip(counts.index.tolist(), counts.tolist(), strict=True))


def chi_squared(table):
    """Pearson's chi-squared test of two columns of counts: are both drawn from the same shares?

    Categories of which fewer than `LEAST_EXPECTED` are expected in the smaller column are pooled into one, with the next larger
    ones where they are still too few; what is pooled depends on the sums of both alone, so the test stays calibrated. Where
    this leaves two categories, one of them too rare, Fisher's exact test is made instead. Yates' correction is not: it makes
    the test of two categories too careful.

    Parameters
    ----------
    table : array-like of int, shape (n_categories, 2)
        Neither column and no row is all 0.

    Returns
    -------
    float
        p-value, 0 to 1; 1 where there is one category only. With nothing to pool it is `scipy.stats.chi2_contingency`'s.
    """
    table = np.asarray(table)
    expected = table.sum(axis=1) * table.sum(axis=0).min() / table.sum()
    order = np.argsort(expected)
    rare = np.searchsorted(expected[order], LEAST_EXPECTED)
    if rare and len(table) > 2:
        enough = np.searchsorted(np.cumsum(expected[order]), LEAST_EXPECTED) + 1
        pooled, rest = np.split(order, [min(max(rare, enough), len(table) - 1)])
        table = np.vstack([table[pooled].sum(axis=0), table[rest]])
        expected = table.sum(axis=1) * table.sum(axis=0).min() / table.sum()
    if len(table) < 2:
        return 1.0
    if len(table) == 2 and expected.min() < LEAST_EXPECTED:
        return float(stats.fisher_exact(table).pvalue)
    return float(stats.chi2_contingency(table, correction=False).pvalue)


def new_categories(new, n, once, n_reference):
    """Are there more rows in categories that the reference never saw than its own rarities foretell?

    A category seen once in the reference could as well have been seen never: how many there are foretells the share of rows
    that belongs to unseen ones (Good and Turing). The number of new rows is then negative binomial. Where the reference saw
    nothing just once, this is Fisher's exact one-sided p-value.

    Parameters
    ----------
    new : int
        Rows of the batch in categories that the reference lacks.
    n : int
        Rows of the batch, over 0.
    once : int
        Categories that the reference has exactly once.
    n_reference : int
        Rows of the reference, over 0.

    Returns
    -------
    float
        p-value, 0 to 1; 1 where there are none.

    References
    ----------
    I. J. Good, The population frequencies of species and the estimation of population parameters, Biometrika 40, 1953.
    """
    return float(stats.nbinom.sf(new - 1, once + 1, n_reference / (n_reference + n)))


def holm(p):
    """Correct p-values for their number, by Holm's step-down method.

    It holds the chance of any false alarm to the same alpha as Bonferroni's, whatever the columns have to do with each other
    (the temperature and the dew point move together), and never finds less: the smallest p-value is multiplied by their number,
    the next by one less, and so on.

    Parameters
    ----------
    p : array-like of float
        0 to 1, of any shape. NaN is a test that was not made: it counts for nothing and stays NaN.

    Returns
    -------
    numpy.ndarray of float
        Of the same shape, 0 to 1. Tied p-values stay tied.

    References
    ----------
    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
    """
    p = np.asarray(p, dtype=float)
    flat = p.ravel()
    order = np.argsort(flat)[: np.count_nonzero(~np.isnan(flat))]  # NaN is sorted to the end
    adjusted = np.full(flat.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(flat[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted.reshape(p.shape)
