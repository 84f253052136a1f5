"""What can go wrong in a month of production, and how it is done to the flights: the other half of `helpers.incidents`.

Everything follows from the seed, so that nothing of it needs to be kept where a learner looks.
"""

import dataclasses

import numpy as np
import pandas as pd

from helpers.flights import WEATHER, WEEKDAYS

DAYS = 30
FAULTS = (
    "schema break",
    "unit change",
    "covariate drift",
    "concept drift",
    "label delay",
    "silent feature bug",
    "model swapped",
    "stale data",
    "traffic spike",
    "none",
)
UNITS = {  # column: what is done to it, and how that is told
    "temp": (lambda x: (x - 32) / 1.8, "temp came in degrees Celsius instead of Fahrenheit"),
    "dewp": (lambda x: (x - 32) / 1.8, "dewp came in degrees Celsius instead of Fahrenheit"),
    "humid": (lambda x: x / 100, "humid came as a share, 0 to 1, instead of in percent"),
    "departure_minute": (lambda x: x / 60, "departure_minute came in hours instead of minutes"),
}
MIXES = {  # column: which flights become more, and how that is told
    "origin": (lambda rows: rows["origin"] == "LGA", "most flights were asked about LaGuardia's, as if the others were shut"),
    "distance": (lambda rows: rows["distance"] >= 1_400, "long flights became the most part of the traffic"),
    "carrier": (
        lambda rows: rows["carrier"].isin(["EV", "MQ"]),
        "the small airlines EV and MQ became the most part of the traffic",
    ),
}
BUGS = {
    "departure_minute": "departure_minute was computed in UTC instead of New York time",
    "weekday": "weekday was computed one day too late",
    "dewp": "dewp was taken from the flights of another day",
    "distance": "distance was looked up in the wrong row of the table of routes",
}
RENAMED = {"dest": "destination", "wind_speed": "wind_speed_mph", "carrier": "airline"}
CONCEPTS = {
    "mornings": "delays built up in the morning and were gone by the evening: the rule turned over",
    "anyone": "half as many flights again were late, whatever their hour and weather",
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """What happens in the month of a seed.

    Parameters
    ----------
    seed : int
    fault : str
        One of `FAULTS`.
    start : int or None
        Its first day, from 0; None where there is no fault.
    variant : str
        Which of several forms: often a column.
    size : float
        How much; what it counts depends on the fault.
    deployed : int or None
        The day of a planned and harmless new version, where there is one.
    told : str
        All of it in a sentence.
    """

    seed: int
    fault: str
    start: int | None
    variant: str
    size: float
    deployed: int | None
    told: str


def plan(seed):
    """Say what happens in the month of a seed.

    Parameters
    ----------
    seed : int
        0 or more.

    Returns
    -------
    Plan
    """
    rng = np.random.default_rng([seed, 54, 1])
    fault = FAULTS[rng.integers(len(FAULTS))]
    start = int(rng.integers(8, 21))
    variant, size, told = _forms(rng)[fault]
    deployed = int(rng.integers(2, 28)) if rng.random() < 0.3 and fault != "model swapped" else None
    return Plan(seed, fault, None if fault == "none" else start, variant, size, deployed, told)


def _forms(rng):
    """Of each fault the form that it would have."""

    def one(of):
        return list(of)[rng.integers(len(of))]

    unit, mix, bug, concept, column = one(UNITS), one(MIXES), one(BUGS), one(CONCEPTS), one(RENAMED)
    share, days, times = round(float(rng.uniform(0.35, 0.9)), 2), int(rng.integers(8, 20)), float(rng.uniform(2.0, 2.4))
    length = int(rng.integers(4, 9))
    version = one(["3", "8"])
    return {
        "schema break": (column, share, f"{share:.0%} of the requests called {column} {RENAMED[column]!r}, and were refused"),
        "unit change": (unit, 1.0, UNITS[unit][1]),
        "covariate drift": (mix, 8.0, MIXES[mix][1]),
        "concept drift": (concept, 1.0, CONCEPTS[concept]),
        "label delay": ("", float(days), f"outcomes came {days} days later than before"),
        "silent feature bug": (bug, 1.0, BUGS[bug]),
        "model swapped": (version, 1.0, f"version {version}, made for another question, was put into use by mistake"),
        "stale data": ("", 1.0, "the weather of one day was served again and again"),
        "traffic spike": (str(length), times, f"for {length} days there were {times:.1f} times as many requests"),
        "none": ("", 0.0, "nothing was wrong: days differ, and that was all"),
    }


def how_many(plan, day, rng):
    """How many flights are asked about on a day.

    Parameters
    ----------
    plan : Plan
    day : int
        From 0.
    rng : numpy.random.Generator

    Returns
    -------
    int
    """
    count = int(rng.integers(230, 261))
    spiked = plan.fault == "traffic spike" and plan.start <= day < plan.start + int(plan.variant)
    return round(count * plan.size) if spiked else count


def weights(plan, day, flights):
    """How likely each flight of a day is to be asked about.

    Parameters
    ----------
    plan : Plan
    day : int
        From 0.
    flights : pandas.DataFrame, shape (n, n_columns)

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        They add up to 1.
    """
    weight = np.ones(len(flights))
    if plan.fault == "covariate drift" and day >= plan.start:
        weight[MIXES[plan.variant][0](flights).to_numpy()] = plan.size
    return weight / weight.sum()


def change_world(plan, rows, rng):
    """Change what really comes of flights, where the fault does that.

    Parameters
    ----------
    plan : Plan
    rows : pandas.DataFrame, shape (n, n_columns)
        The whole month, with `day` and `outcome`.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.Series of boolean, shape (n,)
        The outcomes; missing where they were.
    """
    outcome = rows["outcome"].copy()
    if plan.fault != "concept drift":
        return outcome
    since = (rows["day"] >= plan.start).to_numpy()
    if plan.variant == "mornings":
        expected = np.clip(0.65 - 0.55 * (rows["departure_minute"].to_numpy() - 360) / 900, 0.05, 0.65)
    else:
        expected = np.full(len(rows), 1.5 * outcome.dropna().astype(float).mean())
    drawn = pd.Series(rng.random(len(rows)) < expected, index=rows.index, dtype="boolean")
    return outcome.where(~since | outcome.isna().to_numpy(), drawn)


def change_inputs(plan, rows, rng):
    """Change what the service is given, where the fault does that.

    Parameters
    ----------
    plan : Plan
    rows : pandas.DataFrame, shape (n, n_columns)
        The whole month as it really was, with `day` and `hour`.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame, shape (n, n_columns)
    """
    if plan.fault not in ("unit change", "silent feature bug", "stale data"):
        return rows
    since, rows = rows["day"] >= plan.start, rows.copy()
    if plan.fault == "stale data":
        return _stale(rows, plan.start)
    name = plan.variant
    if plan.fault == "unit change":
        changed = UNITS[name][0](rows[name].astype(float))
    elif name == "departure_minute":
        changed = (rows[name] + 300) % 1_440
    elif name == "weekday":
        changed = rows[name].map(dict(zip(WEEKDAYS, WEEKDAYS[1:] + WEEKDAYS[:1], strict=True)))
    else:
        changed = pd.Series(rng.permutation(rows[name].to_numpy()), index=rows.index)
    rows[name] = rows[name].where(~since, changed)
    return rows


def _stale(rows, start):
    """The weather of the day before, by airport and hour, on every day from `start` on."""
    frozen = rows[rows["day"] == start - 1].groupby(["origin", "hour"])[list(WEATHER)].first()
    since = (rows["day"] >= start).to_numpy()
    wanted = pd.MultiIndex.from_frame(rows.loc[since, ["origin", "hour"]])
    found = frozen.reindex(wanted)
    nearest = frozen.groupby("origin").transform("first").groupby("origin").first().reindex(wanted.get_level_values("origin"))
    there = wanted.isin(frozen.index)
    rows.loc[since, list(WEATHER)] = np.where(there[:, None], found.to_numpy(), nearest.to_numpy())
    return rows
