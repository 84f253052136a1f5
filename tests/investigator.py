"""A reference investigator: it solves incidents with the tools that a learner has, and looks at nothing else.

It asks from the cheapest question to the dearest, as lesson 54 teaches, and stops at the first clear answer.
"""

import numpy as np
import pandas as pd

from helpers import decay, incidents, two_sample
from helpers.flights import WEEKDAYS

LEAST, AHEAD = 5, 120  # days that must be left on either side; minutes between question and departure


def investigate(room):
    """What, since which day (1 to 30), how bad, what to do."""
    rows, quiet = room.rows(), incidents.baseline()
    rows["n"] = pd.factorize(rows["day"], sort=True)[0] + 1
    for question in (refused, swapped, spike, labels, stale, units, broken, mix, concept):
        found = question(room, rows, quiet)
        if found:
            what, since = found
            return what, since, severity(room, rows, quiet, what, since), DO[what]
    return "none", None, "none", "nothing"


DO = {
    "schema break": "mend the inputs",
    "unit change": "mend the inputs",
    "silent feature bug": "mend the inputs",
    "stale data": "mend the inputs",
    "covariate drift": "nothing",
    "concept drift": "relabel and retrain",
    "label delay": "chase the labels",
    "model swapped": "roll back",
    "traffic spike": "add capacity",
}


def daily(room, prefix):
    table = room.service.filter(regex=f"^{prefix}")
    return table.diff().fillna(table.head(1)).set_axis(range(1, 31))


def refused(room, rows, quiet):
    counts = daily(room, "requests_total").filter(like='status="422"').sum(axis=1)
    bad = counts > 30
    return ("schema break", int(bad.idxmax())) if bad.sum() >= LEAST else None


def swapped(room, rows, quiet):
    for version in rows["version"].unique()[1:]:
        since = int(rows.loc[rows["version"] == version, "n"].min())
        before, after = rows[rows["n"] < since]["late"], rows[rows["n"] >= since]["late"]
        if after.mean() > before.mean() + 0.1:
            return "model swapped", since
    return None


def spike(room, rows, quiet):
    counts = daily(room, "requests_total").sum(axis=1)
    bad = counts > 1.6 * counts.median()
    bad = bad if bad.sum() >= 3 else counts > 1.6 * counts.head(8).median()
    return ("traffic spike", int(bad.idxmax())) if bad.sum() >= 3 else None


def labels(room, rows, quiet):
    end = room.service.index[-1]
    old = rows[rows["at"] < end - pd.Timedelta(days=3)]
    waited = (rows["outcome_at"] - rows["at"]).dt.total_seconds() / 86_400
    in_time = (waited <= 3).groupby(old["n"]).mean()
    bad = in_time < 0.5
    return ("label delay", int(bad.idxmax())) if bad.sum() >= 3 else None


def units(room, rows, quiet):
    for column in ("temp", "dewp", "humid", "departure_minute"):
        low, high = quiet[column].min(), quiet[column].max()
        outside = ((rows[column] < low) | (rows[column] > high)).groupby(rows["n"]).mean()
        reference = two_sample.reduce_numbers(quiet[column])
        effect = rows.groupby("n")[column].agg(lambda day, reference=reference: _ks(day, reference))
        bad = (effect > 0.75) | (outside > 0.3)
        if bad.tail(LEAST).sum() >= LEAST - 1:
            return "unit change", _since(effect if outside.max() < 0.9 else outside)
    return None


def broken(room, rows, quiet):
    leaves = rows["at"].dt.tz_convert("America/New_York") + pd.Timedelta(minutes=AHEAD)
    minutes = leaves.dt.hour * 60 + leaves.dt.minute
    routes = quiet.groupby(["origin", "dest"])["distance"].first()
    usual = routes.reindex(pd.MultiIndex.from_frame(rows[["origin", "dest"]])).to_numpy()
    wrong = {
        "departure_minute": (minutes - rows["departure_minute"]).abs() > 5,
        "weekday": leaves.dt.dayofweek.map(dict(enumerate(WEEKDAYS))) != rows["weekday"],
        "distance": pd.Series(~np.isnan(usual) & (np.abs(usual - rows["distance"]) > 5), index=rows.index),
        "dewp": (_humidity(rows["temp"], rows["dewp"]) - rows["humid"]).abs() > 5,
    }
    for flags in wrong.values():
        share = flags.groupby(rows["n"]).mean()
        if share.tail(LEAST).mean() > max(0.1, 3 * share.head(7).mean()):
            return "silent feature bug", _since(share)
    return None


def stale(room, rows, quiet):
    hour = rows["departure_minute"] // 60
    weather = rows.groupby(["n", "origin", hour])[["temp", "dewp", "pressure"]].first()
    before = weather.rename(index=lambda n: n + 1, level="n").reindex(weather.index)
    there = weather.notna().all(axis=1) & before.notna().all(axis=1)
    same = (weather == before).all(axis=1)[there].groupby(level="n").mean().reindex(range(1, 31), fill_value=0.0)
    bad = same > 0.6
    return ("stale data", int(bad.idxmax())) if bad.sum() >= LEAST else None


def mix(room, rows, quiet):
    best = (0, None)
    for values in (
        rows["origin"] == "LGA",
        rows["distance"] >= 1_400,
        rows["carrier"].isin(["EV", "MQ"]),
        rows["carrier"] == "UA",
    ):
        share = values.groupby(rows["n"]).mean()
        since = _since(share)
        best = max(best, (abs(share[since:].mean() - share[: since - 1].mean()), since))
    return ("covariate drift", best[1]) if best[0] > 0.15 else None


def concept(room, rows, quiet):
    known = rows[rows["outcome"].notna()]
    late, p = known["outcome"].astype(bool), known["late"].clip(0.01, 0.99)
    quiet = quiet[quiet["late"].notna()]
    before = decay.auc(quiet["late"].astype(bool), quiet["probability"]).value
    aucs = pd.Series({n: decay.auc(late[known["n"] == n], p[known["n"] == n]).value for n in sorted(known["n"].unique())})
    since = _since(aucs)
    after = known["n"] >= since
    return ("concept drift", since) if decay.auc(late[after], p[after]).high < before - 0.06 else None


def severity(room, rows, quiet, what, since):
    if what == "schema break":
        return "high"
    known = rows[rows["outcome"].notna() & (rows["n"] >= since)]
    if len(known) < 300:
        return "low"
    quiet = quiet[quiet["late"].notna()]
    before = decay.auc(quiet["late"].astype(bool), quiet["probability"]).value
    return "high" if decay.auc(known["outcome"].astype(bool), known["late"]).value < before - 0.05 else "low"


def _since(daily):
    """The day from which on the mean differs most from the mean before, by least squares; at least LEAST days on either side."""
    values, best = daily.to_numpy(), None
    for cut in range(LEAST, len(values) - 3):
        cost = np.var(values[:cut]) * cut + np.var(values[cut:]) * (len(values) - cut)
        if best is None or cost < best[0]:
            best = (cost, cut)
    return int(daily.index[best[1]])


def _humidity(temp, dewp):
    """Relative humidity in % of an air temperature and a dew point in °F: Magnus' formula."""
    temp, dewp = (temp - 32) / 1.8, (dewp - 32) / 1.8
    return 100 * np.exp(17.625 * dewp / (243.04 + dewp) - 17.625 * temp / (243.04 + temp))


def _ks(day, quiet):
    day = day.dropna()
    return two_sample.ks(quiet, two_sample.reduce_numbers(day))[0] if len(day) > 30 else 0.0
