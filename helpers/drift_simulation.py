"""Make drift of a known kind, start and size on top of real flights, so that a detector can be scored against the truth.

One idea runs through all kinds: an *onset* gives each flight a chance to be touched, a *kind* says what happens to a touched
flight. The truth comes back beside the data. The table that goes in is never changed.
"""

import dataclasses

import numpy as np
import pandas as pd
from scipy import optimize

from helpers.flights import NUMERIC, TARGET

TIME = "scheduled_departure"
PLACE = [TIME, "month", "day"]  # a touched flight keeps its place in the calendar
OUTCOME = ["dep_delay", "arr_delay", TARGET]
ONSETS = ("sudden", "gradual", "seasonal")
OUTLIER = 10  # standard deviations from the mean
UNITS = {  # a*x + b, as if a supplier had changed the unit overnight
    "departure_minute": (1 / 60, 0.0),  # hours
    "distance": (1.609344, 0.0),  # km
    "temp": (5 / 9, -160 / 9),  # °C
    "dewp": (5 / 9, -160 / 9),
    "humid": (0.01, 0.0),  # a share
    "wind_dir": (np.pi / 180, 0.0),  # radians
    "wind_speed": (0.44704, 0.0),  # m/s
    "precip": (25.4, 0.0),  # mm
    "pressure": (0.02953, 0.0),  # inHg
    "visib": (1.609344, 0.0),  # km
}


@dataclasses.dataclass(frozen=True, eq=False)
class Truth:
    """What was done to the data: the key to a detector's score.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    columns : tuple of str
        All that may differ; every other column is as it was.
    start : pandas.Timestamp
        The first moment at which a flight may be touched, UTC.
    size : float
        As asked for; its meaning and unit depend on the kind.
    onset : str
        One of `ONSETS`.
    rows : numpy.ndarray of bool, shape (n,)
        The flights that were touched. One of them may look as before: a value of 0 stays 0 in any unit.
    """

    kind: str
    columns: tuple
    start: pd.Timestamp
    size: float
    onset: str
    rows: np.ndarray


def simulate(flights, kind, *, start, size=1.0, column=None, onset="sudden", days=28.0, value=None, seed=0):
    """Put one drift into a table of flights.

    - "covariate shift": a touched flight is replaced by another since `start`, so that the mean of `column` moves by `size`
      of its standard deviations (where all are touched). P(late given the inputs) stays.
    - "prior shift": it is replaced by another, so that a share `size` of the touched is late. P(inputs given late) stays.
    - "concept drift": it gets the outcome of the touched flight at the other end of `column`. Inputs and share late stay.
    - "label noise": `late` is the other one.
    - "missing values": `column` is missing.
    - "outliers": `column` is 10 standard deviations from its mean, on its own side.
    - "unit change": `column` is in another unit, see `UNITS`.
    - "frozen sensor": `column` is the last value that its origin had before `start` (or the first after, if there is none).
    - "new category": `column` is `value`.

    For the last seven `size` is the share of flights that is touched where the onset is at its full strength. A flight that is
    replaced keeps its place in the calendar (`scheduled_departure`, `month`, `day`) and takes all else from another flight of
    its weekday, `departure_minute` included. Flights with no outcome are not touched by prior shift, concept drift and label
    noise, and those with no value in `column` not by
    concept drift, missing values, outliers and unit change.

    Parameters
    ----------
    flights : pandas.DataFrame, shape (n, n_columns)
        As from `helpers.flights.load`; at least one flight from `start` on.
    kind : str
        One of `KINDS`.
    start : datetime-like
        No flight before is touched. With no time zone it is taken as UTC.
    size : float, default 1.0
        As above: standard deviations for "covariate shift", else 0 to 1.
    column : str, optional
        A number, or for "missing values" and "new category" any input. Not used by "prior shift" and "label noise".
    onset : str, default "sudden"
        "sudden": full strength from `start`. "gradual": the chance to be touched grows evenly over `days`. "seasonal": it
        comes and goes, once in `days`, from nothing at `start`.
    days : float, default 28.0
        Over 0.
    value : str, optional
        Of "new category"; "ZZ" if not given. It must not occur yet.
    seed : int or numpy.random.Generator, default 0
        The same seed gives the same bytes; a generator moves on.

    Returns
    -------
    table : pandas.DataFrame, shape (n, n_columns)
        A copy, in the same order, with the same index. A changed column of whole numbers is float64.
    truth : Truth

    Raises
    ------
    ValueError
        The kind, onset or column is not known, `size` is out of its range or cannot be reached, or nothing departs from
        `start` on.
    """
    if kind not in KINDS or onset not in ONSETS:
        raise ValueError(f"kind is {kind!r} and onset {onset!r}; expected one of {', '.join(KINDS)}, and {', '.join(ONSETS)}.")
    change, needs, share = KINDS[kind]
    _check(flights, kind, needs, column, size, share)
    moment, rng = pd.Timestamp(start), np.random.default_rng(seed)
    moment = moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")
    chance = onset_strength(flights[TIME], moment, onset, days=days)
    if not (flights[TIME] >= moment).any():
        raise ValueError(f"No flight departs from {moment:%Y-%m-%d %H:%M} UTC on: choose an earlier start.")
    touched = rng.random(len(flights)) < chance * (size if share else 1.0)
    table = flights.copy()
    rows, columns = change(table, touched, column=column, size=size, since=flights[TIME] >= moment, value=value, rng=rng)
    return table, Truth(kind, tuple(columns), moment, float(size), onset, np.asarray(rows, dtype=bool))


def onset_strength(times, start, onset, *, days=28.0):
    """How strong a drift is at each moment.

    Parameters
    ----------
    times : pandas.Series of datetime, shape (n,)
        With a time zone, as `start`. Missing times count as before the start.
    start : pandas.Timestamp
    onset : str
        As in `simulate`.
    days : float, default 28.0
        Over 0: until a gradual one is complete, or from one seasonal low to the next.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        0 to 1; 0 before the start.

    Raises
    ------
    ValueError
        The onset is not known, or `days` is not over 0.
    """
    if onset not in ONSETS or not days > 0:
        raise ValueError(f"onset is {onset!r} and days {days!r}; expected one of {', '.join(ONSETS)}, and more than 0 days.")
    age = ((times - start) / pd.Timedelta(days=1)).to_numpy(dtype=float, na_value=np.nan)
    age = np.where(np.isnan(age), -1.0, age)
    shape = {
        "sudden": np.ones(len(age)),
        "gradual": np.clip(age / days, 0, 1),
        "seasonal": (1 - np.cos(2 * np.pi * age / days)) / 2,
    }
    return np.where(age >= 0, shape[onset], 0.0)


# --- the kinds: each changes the table in place, and tells the rows and the columns -------------------------------------------


def _covariate_shift(table, touched, *, column, size, since, rng, **_):
    donors = since & table[column].notna()
    if not donors.any():
        raise ValueError(f"No flight since the start has a value in {column}: choose another column or start.")
    values = table[column][donors].to_numpy(dtype=float)
    z = (values - values.mean()) / (values.std() or 1.0)
    weight = np.zeros(len(table))
    weight[donors.to_numpy()] = _tilt(z, size, np.unique(table["weekday"][donors].astype(str), return_inverse=True)[1])
    return touched, _replace(table, touched, weight, rng)


def _prior_shift(table, touched, *, size, since, rng, **_):
    late = table[TARGET]
    rows, weight = touched & late.notna().to_numpy(), np.zeros(len(table))
    for weekday in table["weekday"][rows].unique():  # within each weekday, as flights are replaced by ones of their weekday
        for outcome, share in ((True, size), (False, 1 - size)):
            same = (since & (table["weekday"] == weekday) & (late == outcome).fillna(False)).to_numpy(dtype=bool)
            if share and not same.any():
                raise ValueError(
                    f"No {weekday} since the start has a flight with late = {outcome}: take an earlier start, or more."
                )
            weight[same] = share / max(same.sum(), 1)
    return rows, _replace(table, rows, weight, rng)


def _concept_drift(table, touched, *, column, **_):
    rows = touched & (table[TARGET].notna() & table[column].notna()).to_numpy(dtype=bool)
    places = np.flatnonzero(rows)
    order = places[np.argsort(table[column].to_numpy(dtype=float, na_value=np.nan)[places], kind="stable")]
    for name in OUTCOME:
        table.iloc[order, table.columns.get_loc(name)] = table[name].iloc[order[::-1]].array
    return rows, OUTCOME


def _label_noise(table, touched, **_):
    rows = touched & table[TARGET].notna().to_numpy()
    table[TARGET] = table[TARGET].mask(rows, ~table[TARGET].astype("boolean"))
    return rows, [TARGET]


def _missing_values(table, touched, *, column, **_):
    if column in NUMERIC:
        table[column] = table[column].astype(float)
    rows = touched & table[column].notna().to_numpy()
    table[column] = table[column].mask(rows)
    return rows, [column]


def _outliers(table, touched, *, column, **_):
    values = table[column].to_numpy(dtype=float, na_value=np.nan)
    side = np.where(values >= np.nanmean(values), OUTLIER, -OUTLIER)
    return _write(table, touched, column, np.nanmean(values) + side * np.nanstd(values))


def _unit_change(table, touched, *, column, **_):
    factor, offset = UNITS[column]
    return _write(table, touched, column, table[column].to_numpy(dtype=float, na_value=np.nan) * factor + offset)


def _frozen_sensor(table, touched, *, column, since, **_):
    values = table[column].astype(float)
    last = values[~since].groupby(table["origin"], observed=True).last()
    first = values[since].groupby(table["origin"], observed=True).first()  # where nothing came before
    frozen = table["origin"].astype(object).map(last.combine_first(first)).to_numpy(dtype=float)
    table[column] = values.mask(touched, frozen)
    return touched, [column]


def _new_category(table, touched, *, column, value, **_):
    value = "ZZ" if value is None else value
    if (table[column] == value).any():
        raise ValueError(f"value is {value!r}, which {column} has already: choose one that it never had.")
    text = table[column]
    if isinstance(text.dtype, pd.CategoricalDtype) and value not in text.cat.categories:
        text = text.cat.add_categories(value)
    table[column] = text.mask(touched, value)
    return touched, [column]


def _write(table, touched, column, values):
    """Numbers, where there were any."""
    rows = touched & table[column].notna().to_numpy()
    table[column] = table[column].astype(float).mask(rows, values)
    return rows, [column]


def _replace(table, rows, weight, rng):
    """Give each of the rows all that another flight of its weekday has, drawn by weight, but for its place in the calendar."""
    weekday = table["weekday"].astype(str).to_numpy()
    donor = np.arange(len(table))
    for name in np.unique(weekday[rows]):
        here, pool = np.flatnonzero(rows & (weekday == name)), np.flatnonzero((weight > 0) & (weekday == name))
        if len(pool):
            donor[here] = rng.choice(pool, size=len(here), p=weight[pool] / weight[pool].sum())
    columns = [name for name in table.columns if name not in PLACE]
    for name in columns:
        table[name] = table[name].take(donor).array
    return columns


def _tilt(z, size, weekday):
    """Weights that move the mean of `z`, which is 0, to `size`: each is the exponential of its z, as strongly as needed."""
    flights = np.bincount(weekday)
    ends = [np.full(len(flights), np.inf), np.full(len(flights), -np.inf)]
    np.minimum.at(ends[0], weekday, z)
    np.maximum.at(ends[1], weekday, z)
    low, high = (np.average(end, weights=flights) for end in ends)
    if not low < size < high:
        raise ValueError(f"size is {size!r}; expected one between {low:.2f} and {high:.2f}: no flights lie beyond.")

    def weights(strength):
        raw = np.exp(strength * z - (strength * z).max())
        return raw * (flights / np.bincount(weekday, weights=raw))[weekday]  # no weekday gains on another

    try:
        return weights(optimize.brentq(lambda strength: np.average(z, weights=weights(strength)) - size, -20, 20))
    except ValueError:
        raise ValueError(
            f"size is {size!r}, too near the end of what there is ({low:.2f} to {high:.2f}): take a smaller one."
        ) from None


def _check(flights, kind, needs, column, size, share):
    if needs:
        fits = flights.columns.intersection(NUMERIC) if needs == "number" else flights.columns.drop([*PLACE, *OUTCOME, "status"])
        fits = fits.difference(NUMERIC) if needs == "category" else fits
        if column not in fits:
            raise ValueError(f"column is {column!r}; {kind} expects one of {', '.join(fits)}.")
    if not np.isfinite(size) or (kind != "covariate shift" and not 0 <= size <= 1):
        raise ValueError(
            f"size is {size!r}; {kind} expects {'a share from 0 to 1' if share or kind == 'prior shift' else 'a number'}."
        )


KINDS = {  # what is done, which column it needs, whether `size` is the share of flights that are touched
    "covariate shift": (_covariate_shift, "number", False),
    "prior shift": (_prior_shift, None, False),
    "concept drift": (_concept_drift, "number", True),
    "label noise": (_label_noise, None, True),
    "missing values": (_missing_values, "input", True),
    "outliers": (_outliers, "number", True),
    "unit change": (_unit_change, "number", True),
    "frozen sensor": (_frozen_sensor, "number", True),
    "new category": (_new_category, "category", True),
}
