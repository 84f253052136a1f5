"""The flights day by day, as a monitor meets them: what departs today, and which outcomes became known today."""

import dataclasses
import datetime

import pandas as pd

from helpers.flights import TARGET

OUTCOME = ("status", "dep_delay", "arr_delay", TARGET)  # not known when a flight is to be predicted
ZONE = "America/New_York"
# How long a flight should take: the data do not say. From the air time of 2013, and half an hour on the ground.
GROUND, MILES_A_MINUTE = 48, 7.9
USUAL_DISTANCE = 1_000  # miles, where a simulation took the distance away


@dataclasses.dataclass(frozen=True, eq=False)
class Day:
    """One day in New York.

    Parameters
    ----------
    date : datetime.date
    flights : pandas.DataFrame
        Those that are scheduled to depart on it, without their outcome; empty on days after the last departure.
    labels : pandas.DataFrame
        Outcomes that became known on it: `known_at` (UTC), `late` (bool) and `arr_delay` (minutes), in the order in which
        they did. The index is that of the flights.
    """

    date: datetime.date
    flights: pd.DataFrame
    labels: pd.DataFrame


def replay(flights, *, delay_hours=24.0):
    """Go through flights day by day, with labels that arrive late.

    The outcome of a flight is known `delay_hours` after its arrival. Nothing of the future is in a day: the outcome columns
    are taken from its flights. *A flight that was cancelled or diverted never gets a label.*

    Parameters
    ----------
    flights : pandas.DataFrame
        As from `helpers.flights.load`, such as `load([4, 5])`, or from `helpers.drift_simulation.simulate`. An index
        that names each flight once.
    delay_hours : float, default 24.0
        At least 0.

    Returns
    -------
    iterator of Day
        Every day from the first departure on, days with nothing included, until the last label is known. Each flight comes
        once, each flight that arrived has one label. No flights give no days.

    Raises
    ------
    ValueError
        The index names a flight twice, a time of departure is missing, or `delay_hours` is under 0.
    """
    if not delay_hours >= 0:
        raise ValueError(f"delay_hours is {delay_hours!r}; expected 0 or more.")
    if not flights.index.is_unique or flights["scheduled_departure"].isna().any():
        raise ValueError(
            "A flight is named twice or has no scheduled departure: use flights.reset_index(drop=True), and drop it."
        )
    labels = _labels(flights, delay_hours)
    departs, known = _date(flights["scheduled_departure"]), _date(labels["known_at"])
    inputs = flights.drop(columns=[name for name in OUTCOME if name in flights.columns])
    return _days(inputs.groupby(departs), labels.groupby(known), inputs.head(0), labels.head(0))


def _days(flights, labels, no_flights, no_labels):
    departed, known = dict(iter(flights)), dict(iter(labels))
    for moment in pd.date_range(min([*departed, *known]), max([*departed, *known])) if departed else ():
        yield Day(moment.date(), departed.get(moment, no_flights), known.get(moment, no_labels))


def _labels(flights, delay_hours):
    arrived = flights[flights[TARGET].notna() & flights["arr_delay"].notna()]
    minutes = GROUND + arrived["distance"].fillna(USUAL_DISTANCE) / MILES_A_MINUTE + arrived["arr_delay"] + 60 * delay_hours
    table = pd.DataFrame(
        {
            "known_at": arrived["scheduled_departure"] + pd.to_timedelta(minutes.round(), unit="min").astype("timedelta64[us]"),
            "late": arrived[TARGET].astype(bool),
            "arr_delay": arrived["arr_delay"],
        }
    )
    return table.sort_values("known_at", kind="stable")


def _date(times):
    return times.dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()
