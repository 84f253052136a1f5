"""The quiet world that incidents happen in: real winter days that no model was trained on, three models, and one month of them.

The month is set in January 2014. Its days are days of January to March 2013, drawn anew with their weekday, so that a month in
which nothing happens differs from the baseline by chance alone.
"""

import dataclasses
import functools

import numpy as np
import pandas as pd

from helpers import flight_schema, flights, incident_faults, modeling, replay
from helpers.incident_faults import DAYS, RENAMED

FIRST = pd.Timestamp("2014-01-06", tz=replay.ZONE)  # a Monday
AHEAD = 120  # minutes before its departure a flight is asked about
SPLIT = 3  # seed of which days were trained on: both halves have about the same share of late flights
CHAMPION, DEPLOYED = "7", "8"
QUIET_DAYS = 56
MOST_CANCELLED = 0.15  # of a day's flights: storms that shut the airports are left out


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """What all incidents share.

    Parameters
    ----------
    days : dict of str to list of pandas.DataFrame
        By weekday, the days that no model was trained on.
    models : dict
        Fitted pipelines: "champion", "deployed" (as good) and "wrong" (for another question).
    quiet : pandas.DataFrame
        Eight quiet weeks before the month, as `helpers.monitor.baseline` wants them, with the champion's `probability`.
    """

    days: dict
    models: dict
    quiet: pd.DataFrame


@functools.lru_cache(maxsize=1)
def world():
    """Make the world; the first time takes some seconds.

    Returns
    -------
    World
        The same each time.
    """
    table = flights.load([1, 2, 3])
    table = table[table["departure_minute"] >= AHEAD]
    date = table["scheduled_departure"].dt.tz_convert(replay.ZONE).dt.date
    cancelled = (table["status"] == "cancelled").groupby(date).mean()
    dates = cancelled.index[cancelled < MOST_CANCELLED]
    trained = set(np.random.default_rng(SPLIT).permutation(dates)[: len(dates) // 2])
    learn = table[date.isin(trained)].sample(16_000, random_state=SPLIT)
    X, y = flights.features_and_target(learn)
    wrong = flights.load([6, 7]).sample(16_000, random_state=SPLIT)
    wrong = wrong[wrong["arr_delay"].notna()]
    models = {
        "champion": modeling.make_model(n_steps=40).fit(X, y),
        "deployed": modeling.make_model(n_steps=40, seed=1, max_leaves=14).fit(X, y),
        "wrong": modeling.make_model(n_steps=30).fit(_typed(wrong), wrong["arr_delay"] > 0),
    }
    quiet = {when: day for when, day in table.groupby(date) if when in set(dates) - trained}
    days = {name: [] for name in flights.WEEKDAYS}
    for when, day in quiet.items():
        days[when.strftime("%a")].append(day)
    found = World(days, models, None)
    rows = _asked(incident_faults.Plan(0, "none", None, "", 0.0, None, ""), found, np.random.default_rng(54), days=QUIET_DAYS)
    rows["scheduled_departure"] = pd.to_datetime(rows["at"] + 60 * AHEAD, unit="s", utc=True) - pd.Timedelta(days=QUIET_DAYS)
    rows["probability"] = modeling.probability_late(models["champion"], _typed(rows))
    return dataclasses.replace(found, quiet=rows.drop(columns=["day", "hour", "at", "outcome"]))


@functools.lru_cache(maxsize=2)
def month(plan):
    """Play the month of a plan.

    Parameters
    ----------
    plan : incident_faults.Plan

    Returns
    -------
    rows : pandas.DataFrame
        A row a flight that was asked about, by time: the features as the service got them, `day` (from 0), `at` (seconds since
        1970), `late` (the probability), `version`, `outcome` (known or not), `known_at` (seconds; NaN for never), `refused`.
    refusals : pandas.DataFrame
        The service's log of requests that got no answer: `at` (seconds), `day`, `status`, `where`,
        `problem`; `request` numbers the request, which may have several problems.
    latency : numpy.ndarray of float, shape (DAYS,)
        Mean seconds a request. All three are kept for the next call: take a copy before you change one.
    """
    known, rng = world(), np.random.default_rng([plan.seed, 54, 2])
    true = _asked(plan, known, rng)
    true["outcome"] = incident_faults.change_world(plan, true, rng)
    rows = incident_faults.change_inputs(plan, true, rng)
    rows["version"], rows["late"] = _predicted(plan, rows, known)
    delay = (rows["day"] >= plan.start) * plan.size * 86_400 if plan.fault == "label delay" else 0
    minutes = replay.GROUND + true["distance"] / replay.MILES_A_MINUTE + true["arr_delay"] + AHEAD + 24 * 60
    rows["known_at"] = (rows["at"] + 60 * minutes + delay).where(rows["outcome"].notna())
    broken = (plan.fault == "schema break") & (rows["day"] >= (plan.start or 0))
    rows["refused"] = broken & (rng.random(len(rows)) < plan.size)
    rows = rows.sort_values("at", kind="stable", ignore_index=True)
    counts = rows.groupby("day").size().to_numpy()
    latency = 0.004 * rng.uniform(0.85, 1.15, DAYS) * np.where(counts > 400, counts / 120, 1)
    return rows[[*flights.FEATURES, *OTHERS]], _refusals(plan, rows[rows["refused"]], rng), latency


OTHERS = ("day", "at", "late", "version", "outcome", "known_at", "refused")


def end_of(day):
    """When a day of the month ends.

    Parameters
    ----------
    day : int
        From 0.

    Returns
    -------
    float
        Seconds since 1970: the next midnight in New York.
    """
    return FIRST.timestamp() + 86_400 * (day + 1)  # no clock is changed in this month


def _asked(plan, known, rng, *, days=DAYS):
    parts = []
    for day in range(days):
        choice = known.days[(FIRST + pd.Timedelta(days=day)).strftime("%a")]
        table = choice[rng.integers(len(choice))]
        count = min(incident_faults.how_many(plan, day, rng), len(table))
        chosen = rng.choice(len(table), count, replace=False, p=incident_faults.weights(plan, day, table), shuffle=False)
        parts.append(table.iloc[np.sort(chosen)].assign(day=day))
    rows = pd.concat(parts, ignore_index=True)
    rows["hour"] = rows["departure_minute"] // 60
    before = FIRST.timestamp() + 86_400 * rows["day"] + 60.0 * (rows["departure_minute"] - AHEAD)
    rows["at"] = before + rng.uniform(0, 50, len(rows)).round(3)
    rows["outcome"] = rows["late"].astype("boolean")
    return rows


def _predicted(plan, rows, known):
    version = np.full(len(rows), CHAMPION, dtype=object)
    late = modeling.probability_late(known.models["champion"], _typed(rows))
    for day, name, label in (
        (plan.deployed, "deployed", DEPLOYED),
        (plan.start if plan.fault == "model swapped" else None, "wrong", plan.variant),
    ):
        if day is not None:
            since = (rows["day"] >= day).to_numpy()
            version[since] = label
            late[since] = modeling.probability_late(known.models[name], _typed(rows[since]))
    return version, late


def _typed(rows):
    types = dict.fromkeys(flights.NUMERIC, "float64") | dict.fromkeys(flights.CATEGORICAL, "str")
    return rows[list(flights.FEATURES)].astype(types)


def _refusals(plan, refused, rng):
    """What the service said, in its own words, to requests that it refused: some on every day."""
    parts = []
    if len(refused):
        said = _said(lambda flight: flight | {RENAMED[plan.variant]: flight.pop(plan.variant)})
        parts += [pd.DataFrame({"at": refused["at"], "day": refused["day"], "status": 422, **problem}) for problem in said]
    slips = [_said(lambda flight: flight | {"distance": "far"}), _said(lambda flight: flight | {"origin": "BOS"})]
    for day in range(DAYS):
        for said in rng.choice(2, rng.poisson(1.5)):
            at = end_of(day) - rng.uniform(0, 60_000)
            parts += [pd.DataFrame({"at": [at], "day": day, "status": 422, **problem}) for problem in slips[said]]
    table = pd.concat(parts, ignore_index=True).sort_values("at", kind="stable", ignore_index=True)
    return table.assign(request=table["at"].rank(method="dense").astype(int))


def _said(spoil):
    import orjson

    flight = dict.fromkeys(flight_schema.BOUNDS) | {"departure_minute": 900, "distance": 500}
    flight |= {"carrier": "UA", "origin": "EWR", "dest": "BOS", "weekday": "Mon"}
    try:
        flight_schema.read_flights(orjson.dumps(spoil(flight)))
    except flight_schema.BadFlights as error:
        return [{name: problem[name] for name in ("where", "problem")} for problem in error.problems]
    return []
