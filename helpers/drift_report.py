"""The report that people look at: Evidently's pages, with the decisions of `helpers.drift`.

By itself Evidently takes the reference as exact when it compares categories, corrects nothing for the number of columns, calls
the whole drifted only when half of the columns are, leaves out missing values without a word, and stops at a column with
nothing in it. Here its pictures stay; every decision is `drift.compare`'s, and stands as a table on top.
"""

import html
from pathlib import Path

import numpy as np

from helpers import drift
from helpers.flights import CATEGORICAL, NUMERIC

TEST = "helpers.drift"  # the name under which Evidently knows our test


def write(past, batch, file, *, numeric=NUMERIC, categorical=CATEGORICAL, alpha=drift.ALPHA, title="Data drift"):
    """Compare a batch with the training data, and write the page.

    The page opens with a line and a table of all columns; below are Evidently's pictures of the columns that could be tested.
    *A column that is absent or has too few values* is in the table alone, as "unknown" or "drift".

    Parameters
    ----------
    past : pandas.DataFrame
        The training data, or a fair sample: the page holds a picture of it.
    batch : pandas.DataFrame
        Rows from production.
    file : path-like
        Of the page, HTML, some megabytes; its folder is made, a page that is there is written anew.
    numeric : iterable of str, default helpers.flights.NUMERIC
    categorical : iterable of str, default helpers.flights.CATEGORICAL
    alpha : float, default helpers.drift.ALPHA
        Chance that *any* column is called drift when nothing has changed.
    title : str, default "Data drift"

    Returns
    -------
    pandas.DataFrame
        As from `drift.compare`: what the page says.

    Raises
    ------
    ValueError
        As in `drift.reference` and `drift.compare`, or no column at all could be tested: there is nothing to draw.
    """
    found = drift.compare(batch, drift.reference(past, numeric=numeric, categorical=categorical), alpha=alpha)
    tested = found["column"][found["p"].notna()].tolist()
    if not tested:
        raise ValueError(f"None of {len(found)} columns could be tested ({found['reason'][0]}): nothing is known of this batch.")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    snapshot(past, batch, found, tested, alpha).save_html(str(file))
    page = Path(file).read_text(encoding="utf-8")
    start = page.index(">", page.index("<body")) + 1
    Path(file).write_text(page[:start] + _summary(found, alpha, title) + page[start:], encoding="utf-8")
    return found


def snapshot(past, batch, found, columns, alpha):
    """Evidently's own result, with our decisions in it.

    Parameters
    ----------
    past : pandas.DataFrame
    batch : pandas.DataFrame
    found : pandas.DataFrame
        As from `drift.compare`.
    columns : list of str
        Those to draw; each has values on both sides.
    alpha : float
        As it was in `drift.compare`.

    Returns
    -------
    evidently.core.report.Snapshot
        Its flag for the whole is up as soon as one column of `found` is "drift", drawn or not.
    """
    from evidently import DataDefinition, Dataset, Report  # here, because Evidently takes 6 seconds and more to import
    from evidently.presets import DataDriftPreset

    numeric = [name for name in columns if name in set(found["column"][found["test"] == "KS"])]
    named = DataDefinition(numerical_columns=numeric, categorical_columns=[name for name in columns if name not in numeric])
    sides = [Dataset.from_pandas(_plain(side, columns, numeric), data_definition=named) for side in (batch, past)]
    undrawn = found[~found["column"].isin(columns)]
    share = 0.0 if (undrawn["verdict"] == "drift").any() else 0.5 / len(columns)  # one column is enough
    test = _test(found.set_index("column"))
    preset = DataDriftPreset(columns=columns, method=test, threshold=alpha, drift_share=share)
    return Report([preset]).run(*sides)


def _test(found):
    """Our decisions in the form of one of Evidently's tests: it asks by the column's name."""
    from evidently.legacy.calculations import stattests
    from evidently.legacy.core import ColumnType

    def decided(reference_data, current_data, feature_type, threshold):
        row = found.loc[reference_data.name]
        return float(row["p_adjusted"]), bool(row["verdict"] == "drift")

    kinds = [ColumnType.Numerical, ColumnType.Categorical]
    test = stattests.StatTest(name=TEST, display_name="p, corrected for all columns", allowed_feature_types=kinds)
    stattests.register_stattest(test, default_impl=decided)  # takes the place of the one before
    return test


def _plain(side, columns, numeric):
    """Types that Evidently knows: floats, and text or None."""
    plain = side[columns].astype(dict.fromkeys(numeric, float)).replace([np.inf, -np.inf], np.nan)
    for name in set(columns) - set(numeric):
        plain[name] = side[name].astype(object).where(side[name].notna(), None)
    return plain


def _summary(found, alpha, title):
    """The line and the table on top."""
    counts = found["verdict"].value_counts()
    told = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in ("drift", "unknown", "quiet"))
    table = found[["column", "verdict", "effect", "p_adjusted", "missing", "missing_before", "reason"]]
    style = "font-family:sans-serif;margin:24px"
    line = f"{len(found)} columns: {told}. If nothing had changed, any column would be called drift with a chance of {alpha:.0%}."
    rows = table.to_html(index=False, float_format="{:.3f}".format, na_rep="not tested", border=0)
    return f'<div style="{style}"><h1>{html.escape(title)}</h1><p>{line}</p>{rows}</div>'
