"""Logs of predictions for exercise 50: quiet weeks made of real winter days, drifts of a kind, start and size drawn from a seed,
and what a learner's numbers and rules make of them, day by day."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from helpers import drift_simulation, flights, modeling, rule_evaluator

A_DAY = 100  # flights in the log
WINDOW = 7  # days of quiet before anything is asked
SUDDEN, GRADUAL = 10, 14  # days from the start until the alert must fire
GROWS = 8.0  # days until a gradual drift is complete
DAY = pd.Timedelta(days=1)
OWN = ["request_id", "row", "at", "version", "late", "outcome", "who", "outcome_at", "redacted"]  # as logged.read gives them
SHIFTS = {"distance": (0.8, 1.3), "departure_minute": (0.8, 1.3), "wind_speed": (1.4, 1.7)}  # standard deviations


@dataclass(frozen=True, eq=False)
class Stream:
    """A log of some weeks, and the truth about it.

    Parameters
    ----------
    log : pandas.DataFrame
        As from `helpers.logged.read`. Shared: hand out copies.
    moments : tuple of pandas.Timestamp
        Midnights (UTC), at each of which the monitor runs on what is known until then.
    kind : str
        "quiet", "warm weeks", or one of `drift_simulation.KINDS`.
    column : str
        That was changed; empty where it is not one.
    columns : tuple of str
        All that may be named as having drifted; "late" stands for the outcomes.
    start : pandas.Timestamp or None
        Midnight before the first day of drift.
    limit : int
        Days from `start` until the alert must fire.
    touched : numpy.ndarray of bool
        Rows of the log that the drift has changed.
    onset : str
    """

    log: pd.DataFrame
    moments: tuple
    kind: str = "quiet"
    column: str = ""
    columns: tuple = ()
    start: pd.Timestamp | None = None
    limit: int = 0
    touched: np.ndarray | None = None
    onset: str = ""


@functools.cache
def champion():
    """The model, trained on a third of the winter's flights, which are in no log here."""
    table = flights.load([1, 2, 3])
    return modeling.make_model(learning_rate=0.2, n_steps=40).fit(*flights.features_and_target(table.iloc[::3]))


@functools.cache
def quiet_log():
    """The log of January to March as they were: what a detector is calibrated on. Shared: hand out copies."""
    table = _calm()
    days = table["scheduled_departure"].dt.tz_convert("America/New_York").dt.normalize()
    some = table.groupby(days.to_numpy(), group_keys=False).sample(A_DAY, random_state=0).sort_index()
    midnight = pd.to_datetime(days[some.index].dt.strftime("%Y-%m-%d"), utc=True)
    return as_log(some.reset_index(drop=True), midnight.to_numpy())


@functools.cache
def quiet_stream(seed, n_days=28):
    """Weeks in which nothing has changed."""
    rng = np.random.default_rng(seed)
    table, first = _table(rng, n_days)
    return _stream(table, first, range(WINDOW, n_days + 1))


@functools.cache
def drift_stream(seed, kind):
    """Weeks in which something changes on a day drawn from the seed."""
    rng = np.random.default_rng(seed)
    gradual = kind in CAN_GROW and bool(rng.random() < 0.5)
    start_day, limit = int(rng.integers(9, 12)), GRADUAL if gradual else SUDDEN
    while True:
        table, first = _table(rng, start_day + limit, warm_from=start_day if kind == "warm weeks" else None)
        start = first + start_day * DAY
        try:
            table, column, columns, rows = _changed(table, kind, start, gradual, rng)
        except ValueError:  # these days hold no flights for such a size: draw others
            continue
        if kind != "frozen sensor" or _stands_out(table[column][rows], _calm()[column]):
            break
    truth = {"kind": kind, "column": column, "columns": columns, "start": start, "limit": limit, "touched": rows}
    onset = "gradual" if gradual else "sudden"
    return _stream(table, first, range(start_day - 2, start_day + limit + 1), **truth, onset=onset)


def _changed(table, kind, start, gradual, rng):
    """The table, what was changed, what may be named as having drifted, and the rows."""
    if kind == "warm weeks":
        rows = (table["scheduled_departure"] >= start).to_numpy()
        return table, "", (*flights.WEATHER, "distance", "departure_minute", "carrier", "dest", "late"), rows
    column, size = _drawn(rng, kind)
    what = {"size": size, "column": column or None, "value": "ZZ" if column == "carrier" else "ZZZ", "seed": rng}
    onset = {"onset": "gradual", "days": GROWS} if gradual else {}
    table, truth = drift_simulation.simulate(table, kind, start=start, **what, **onset)
    columns = truth.columns if len(truth.columns) == 1 else (*MAY_MOVE, "late")  # whole flights were replaced
    return table, column, columns, truth.rows


def _stands_out(now, before):
    """Whether a stuck value is far enough from the middle: a quiet week of one weather must not look the same."""
    before = np.sort(before.dropna().to_numpy())
    places = [np.searchsorted(before, value, side) / len(before) for value in now.dropna() for side in ("left", "right")]
    return len(places) > 0 and (min(places) > 0.75 or max(places) < 0.25)


MAY_MOVE = tuple(name for name in flights.FEATURES if name != "weekday")
CAN_GROW = ("covariate shift", "missing values", "new category")
KINDS = ("covariate shift", "prior shift", "missing values", "unit change", "frozen sensor", "new category", "warm weeks")


def streams(rng):
    """What the last check asks: two times four weeks of quiet, and a drift of each kind."""
    seeds = rng.choice(2**31, 2 + len(KINDS), replace=False).tolist()
    drifts = [drift_stream(seed, kind) for seed, kind in zip(seeds[2:], KINDS, strict=True)]
    return [quiet_stream(seed) for seed in seeds[:2]] + drifts


def as_log(table, midnights, first_id="day"):
    """Flights as the log would hold them: forecast at 9:00 UTC of their day, their outcome known a day after they landed."""
    midnights = pd.Series(pd.DatetimeIndex(midnights), index=table.index)
    midnights = midnights.dt.tz_localize("UTC") if midnights.dt.tz is None else midnights
    X = table[list(flights.FEATURES)].astype(
        dict.fromkeys(flights.NUMERIC, "float64") | dict.fromkeys(flights.CATEGORICAL, object)
    )
    known = table["late"].notna().to_numpy()
    minutes = table["departure_minute"].astype(float) + 29 * 60 + 48 + table["arr_delay"].fillna(0) + 120
    log = pd.DataFrame(
        {
            "request_id": midnights.dt.strftime(f"{first_id}-%Y-%m-%d"),
            "row": midnights.groupby(midnights).cumcount(),
            "at": midnights + pd.Timedelta(hours=9),
            "version": "1",
            "late": modeling.probability_late(champion(), X.astype(dict.fromkeys(flights.CATEGORICAL, "str"))).round(6),
            "outcome": table["late"].astype("boolean"),
            "who": np.where(known, "arrivals", None),
            "outcome_at": (midnights + pd.to_timedelta(minutes.round(), unit="min")).where(known),
            "redacted": pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns, UTC]"),
        }
    )
    return log.join(X)


def known_at(log, moment):
    """The log as it was at a moment: no later predictions, no outcomes that were said later."""
    log = log[log["at"] < moment].copy()
    later = ~(log["outcome_at"] < moment)
    log["outcome"] = log["outcome"].mask(later)
    log["outcome_at"], log["who"] = log["outcome_at"].mask(later), log["who"].mask(later)
    return log


def numbers(found):
    """What a learner's `measure` returned, as plain numbers by series; without missing ones. Raises where it is none."""
    if not isinstance(found, dict):
        raise TypeError(
            f"measure returned {type(found).__name__}; a dict such as {{'drift_effect{{column=\"temp\"}}': 0.1}} is wanted"
        )
    plain = {str(name): float(value) for name, value in found.items() if value is not None and value is not pd.NA}
    return {name: value for name, value in plain.items() if not np.isnan(value)}


def backtest(measure, baseline, rules, stream):
    """Run a monitor over a stream until an alert has told the drift: by moment, the alerts that fire."""
    measured, rows = [], []
    for place, moment in enumerate(stream.moments):
        measured.append(numbers(measure(stream.log.copy(), moment, baseline)))
        if stream.start is not None and moment > stream.start:
            rows = firing(rules, measured, stream.moments[: place + 1])
            if first_after(rows, stream) is not None:
                return rows
    return firing(rules, measured, stream.moments)


def first_after(rows, stream):
    """The place of the first moment after the start at which an alert fires that did not fire at its eve; or None."""
    if stream.start is None:
        return None
    names = [{told(row) for row in at} for at in rows]
    eve = stream.moments.index(stream.start)
    return next((place for place in range(eve + 1, len(names)) if names[place] - names[eve]), None)


def told(row):
    """An alert's name and labels as one text: the same text is the same alert. A text is left as it is."""
    return row if isinstance(row, str) else repr(sorted(row["labels"].items()))


def firing(rules, measured, moments):
    """The alerts that fire at each moment."""
    series = {}
    for moment, found in zip(moments, measured, strict=True):
        for name, value in found.items():
            times, values = series.setdefault(name, ([], []))
            times.append(moment.timestamp())
            values.append(value)
    begin, end = moments[0].timestamp(), moments[-1].timestamp()
    rows = rule_evaluator.evaluate(read_rules(rules), series, every=86_400, begin=begin, until=end)
    at = {moment.timestamp(): [] for moment in moments}
    for row in rows:
        if row["state"] == "firing":
            at[row["time"]].append(row)
    return list(at.values())


def read_rules(rules):
    """Rules as a dict: from one, from a file, or from the text of one."""
    if isinstance(rules, str) and "\n" in rules:
        rules = yaml.safe_load(rules)
    return rules if isinstance(rules, dict) else rule_evaluator.read_yaml(Path(rules))


def _drawn(rng, kind):
    """A column and a size that a monitor calibrated on quiet weeks can see."""
    choices = {
        "covariate shift": list(SHIFTS),
        "missing values": ["humid", "wind_speed", "visib", "carrier", "dest"],
        "unit change": ["humid", "wind_dir", "pressure", "distance", "departure_minute"],
        "frozen sensor": ["wind_speed", "humid"],
        "new category": ["carrier", "origin", "dest"],
        "prior shift": [""],
    }
    column = str(rng.choice(choices[kind]))
    low, high = {"missing values": (0.5, 0.9), "new category": (0.4, 0.8), "prior shift": (0.75, 0.9)}.get(kind, (1.0, 1.0))
    if kind == "covariate shift":
        low, high = SHIFTS[column]
    return column, round(float(rng.uniform(low, high)), 2)


@functools.cache
def _calm():
    """Flights of January to March that the champion was not trained on."""
    table = flights.load([1, 2, 3])
    return table[np.arange(len(table)) % 3 != 0]


@functools.cache
def _warm():
    return flights.load([6, 7])


@functools.cache
def _by_day(warm):
    table = _warm() if warm else _calm()
    parts = {}
    for _, part in table.groupby([table["month"].to_numpy(), table["day"].to_numpy()]):
        parts.setdefault(str(part["weekday"].iloc[0]), []).append(part)
    return parts


def _table(rng, n_days, warm_from=None):
    """Whole real days in a new order, each on its weekday: flights of one day keep their weather. And the first midnight."""
    first = pd.Timestamp("2014-01-06", tz="UTC") + int(rng.integers(0, 100)) * 7 * DAY
    orders = {(warm, weekday): rng.permutation(len(days)) for warm in (False, True) for weekday, days in _by_day(warm).items()}
    parts = []
    for day in range(n_days):
        warm, weekday = warm_from is not None and day >= warm_from, flights.WEEKDAYS[day % 7]
        days, order = _by_day(warm)[weekday], orders[warm, weekday]
        part = days[order[day // 7 % len(days)]]
        part = part.iloc[np.sort(rng.choice(len(part), min(A_DAY, len(part)), replace=False))]
        minutes = pd.to_timedelta(part["departure_minute"].to_numpy(), unit="min")
        parts.append(part.assign(scheduled_departure=first + day * DAY + minutes))
    return pd.concat(parts, ignore_index=True), first


def _stream(table, first, days, **truth):
    days_of = table["scheduled_departure"].dt.normalize()
    return Stream(as_log(table, days_of), tuple(first + day * DAY for day in days), **truth)
