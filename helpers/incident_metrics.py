"""The numbers of a month, day by day: what the service counted and what the monitor measured, under their Prometheus names."""

import pandas as pd

from helpers import incident_world, monitor
from helpers.incident_faults import DAYS

ROUTE = "/predict"
WINDOW = 7  # days that the monitor looks at
GROWING = ("requests_total", "flights_total", "seconds_sum", "seconds_count")  # counters: they never fall


def of_service(answered, refusals, latency):
    """What the service counted up to the end of each day.

    Parameters
    ----------
    answered : pandas.DataFrame
        With `day` (from 0) and `version`.
    refusals : pandas.DataFrame
        With `day`, `status` and `request`: one request may have several problems.
    latency : array-like of float, shape (DAYS,)
        Mean seconds a request.

    Returns
    -------
    pandas.DataFrame
        A row a day (its end, UTC), a column a series, named as in Prometheus. Counters, as Prometheus has them.
    """
    days = range(DAYS)
    refused = refusals.drop_duplicates("request").groupby(["status", "day"]).size()
    series = {_name("requests_total", route=ROUTE, status="200"): answered.groupby("day").size().reindex(days, fill_value=0)}
    for status in refused.index.unique("status"):
        series[_name("requests_total", route=ROUTE, status=status)] = refused[status].reindex(days, fill_value=0)
    count = sum(series.values())
    for version, rows in answered.groupby("version"):
        series[_name("flights_total", version=version)] = rows.groupby("day").size().reindex(days, fill_value=0)
    series[_name("seconds_sum", route=ROUTE)] = count * latency
    series[_name("seconds_count", route=ROUTE)] = count
    table = pd.DataFrame(series).cumsum()
    table.index = times()
    return table.astype(float)


def of_monitor(rows, baseline):
    """What the monitor measured at the end of each day, over the last `WINDOW` days; outcomes that came later are not in it.

    Parameters
    ----------
    rows : pandas.DataFrame
        As from `helpers.logged.read`.
    baseline : helpers.monitor.Baseline

    Returns
    -------
    pandas.DataFrame
        A row a day, a column a series; what could not be told is missing.
    """
    found = []
    for day, end in enumerate(times()):
        window = rows[(rows["at"] <= end) & (rows["at"] > end - pd.Timedelta(days=WINDOW))]
        window = window.assign(outcome=window["outcome"].mask(window["outcome_at"] > end))
        samples = monitor.measure(window, baseline, now=end.timestamp())
        full = day >= WINDOW - 1  # before that some weekday is not in the window yet, which would look like drift
        samples = [each for each in samples if full or not each.name.startswith(("drift_", "data_"))]
        found.append({_name(name, **labels): value for name, labels, value in samples})
    return pd.DataFrame(found, index=times())


def times():
    """When each day of the month ends.

    Returns
    -------
    pandas.DatetimeIndex
        UTC.
    """
    return pd.to_datetime([incident_world.end_of(day) for day in range(DAYS)], unit="s", utc=True).rename("end")


def openmetrics(table):
    """Write a table of series as text that `promtool tsdb create-blocks-from openmetrics` reads.

    Parameters
    ----------
    table : pandas.DataFrame
        As above.

    Returns
    -------
    str
    """
    lines, seen = [], set()
    for name in sorted(table.columns, key=lambda name: (name.partition("{")[0], name)):
        plain = name.partition("{")[0]
        if plain not in seen:
            seen.add(plain)
            counts = plain.endswith("_total")
            lines.append(f"# TYPE {plain.removesuffix('_total')} {'counter' if counts else 'unknown'}")
        values = table[name].dropna()
        lines += [f"{name} {value!r} {int(end.timestamp())}" for end, value in zip(values.index, values.tolist(), strict=True)]
    return "\n".join([*lines, "# EOF", ""])


def _name(metric, **labels):
    text = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{metric}{{{text}}}" if text else metric
