"""Simulated drift has the truth that it says and changes nothing else; replayed labels come when they were due."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from helpers import drift_simulation, flights, replay

START = pd.Timestamp("2013-02-10", tz="UTC")
COLUMN = {
    "covariate shift": ("temp", 0.5), "prior shift": (None, 0.5), "concept drift": ("departure_minute", 0.6),
    "label noise": (None, 0.2), "missing values": ("pressure", 0.3), "outliers": ("wind_speed", 0.02),
    "unit change": ("temp", 1.0), "frozen sensor": ("temp", 1.0), "new category": ("carrier", 0.05),
}  # fmt: skip


@pytest.fixture(scope="module")
def year():
    table = flights.load([1, 2]).iloc[::2]
    return table.set_axis(np.arange(len(table)) * 2 + 5)  # an index that is not just the place


def simulate(table, kind, **settings):
    column, size = COLUMN[kind]
    return drift_simulation.simulate(table, kind, **({"start": START, "column": column, "size": size} | settings))


def fingerprint(table):
    return hashlib.sha256(pd.util.hash_pandas_object(table.astype({"carrier": "str"})).to_numpy().tobytes()).hexdigest()


def differs(before, after):
    """Where a value is another one; missing equals missing."""
    before, after = before.astype(object), after.astype(object)
    return ((before != after) & ~(before.isna() & after.isna())).fillna(True).to_numpy(dtype=bool)


def test_every_kind_is_tried():
    assert set(COLUMN) == set(drift_simulation.KINDS)


@pytest.mark.parametrize("onset", drift_simulation.ONSETS)
@pytest.mark.parametrize("kind", COLUMN)
def test_the_truth_is_true_and_nothing_else_changed(year, kind, onset):
    untouched = fingerprint(year)
    table, truth = simulate(year, kind, onset=onset)
    assert fingerprint(year) == untouched and list(table.columns) == list(year.columns) and table.index.equals(year.index)
    assert (truth.kind, truth.onset, truth.start, truth.size) == (kind, onset, START, COLUMN[kind][1])
    changed = {name: differs(year[name], table[name]) for name in year.columns}
    assert {name for name, rows in changed.items() if rows.any()} <= set(truth.columns)
    any_change = np.any(list(changed.values()), axis=0)
    assert any_change.any() and not (any_change & ~truth.rows).any()
    assert year.loc[truth.rows, "scheduled_departure"].min() >= START
    if kind not in ("covariate shift", "prior shift", "concept drift", "frozen sensor"):  # those may draw the same value again
        assert (any_change == truth.rows).all()


@pytest.mark.parametrize("kind", COLUMN)
def test_the_same_seed_gives_the_same_bytes(year, kind):
    first, second, other = (simulate(year, kind, onset="gradual", seed=seed)[0] for seed in (1, np.random.default_rng(1), 2))
    assert fingerprint(first) == fingerprint(second) != fingerprint(other)


def test_the_onset_has_its_shape():
    times = pd.Series(pd.date_range("2013-01-31", "2013-04-30", freq="h", tz="UTC"))
    sudden, gradual, seasonal = (
        drift_simulation.onset_strength(times, START, onset, days=20) for onset in drift_simulation.ONSETS
    )
    age = ((times - START) / pd.Timedelta(days=1)).to_numpy()
    assert all((strength[age < 0] == 0).all() for strength in (sudden, gradual, seasonal)) and (sudden[age >= 0] == 1).all()
    assert gradual[age == 5] == pytest.approx(0.25) and (gradual[age >= 20] == 1).all() and (np.diff(gradual) >= 0).all()
    assert seasonal[age == 10] == pytest.approx(1) and seasonal[age == 20] == pytest.approx(0, abs=1e-12)
    assert (drift_simulation.onset_strength(pd.Series([pd.NaT], dtype=times.dtype), START, "sudden") == 0).all()


def test_a_gradual_onset_touches_more_and_more(year):
    _, truth = simulate(year, "label noise", onset="gradual", days=18, size=0.5)
    age = ((year["scheduled_departure"] - START) / pd.Timedelta(days=1)).to_numpy()
    early, late = truth.rows[(age >= 0) & (age < 6)].mean(), truth.rows[age >= 12].mean()
    assert 0.05 < early < 0.15 and 0.35 < late < 0.5


def test_covariate_shift_moves_the_mean_by_its_size_and_leaves_the_relation(year):
    since = year["scheduled_departure"] >= START
    mean, sd = year.loc[since, "temp"].mean(), year.loc[since, "temp"].std()
    for size in (-0.8, 0.2, 1.0):
        table, truth = simulate(year, "covariate shift", size=size)
        assert truth.rows.sum() == since.sum()
        assert (table.loc[since, "temp"].mean() - mean) / sd == pytest.approx(size, abs=0.06)
    assert (table["weekday"] == year["weekday"]).all()
    # each touched flight is a real one, whole, so P(late given inputs) cannot have changed
    names = ["carrier", "flight", "dest", "departure_minute", "temp", "humid", "late"]
    real = set(map(tuple, year.loc[since, names].astype(str).to_numpy()))
    assert set(map(tuple, table.loc[since, names].astype(str).to_numpy())) <= real


def test_prior_shift_sets_the_share_that_is_late(year):
    for size in (0.1, 0.5, 0.9, 1.0):
        table, truth = simulate(year, "prior shift", size=size)
        assert table.loc[truth.rows, "late"].mean() == pytest.approx(size, abs=0.02)
    names = ["carrier", "flight", "temp", "late"]
    real = set(map(tuple, year[names].astype(str).to_numpy()))
    assert set(map(tuple, table.loc[truth.rows, names].astype(str).to_numpy())) <= real


def test_concept_drift_keeps_inputs_and_the_share_late_but_turns_the_relation(year):
    table, truth = simulate(year, "concept drift", size=1.0)
    rows = truth.rows
    assert set(truth.columns) == {"dep_delay", "arr_delay", "late"} and table["late"].sum() == year["late"].sum()
    assert ((table["arr_delay"] >= flights.LATE_FROM) == table["late"])[rows].all()
    evening = year["departure_minute"] > 17 * 60
    before = year.loc[rows & evening, "late"].mean() - year.loc[rows & ~evening, "late"].mean()
    after = table.loc[rows & evening, "late"].mean() - table.loc[rows & ~evening, "late"].mean()
    assert before > 0.09 and after < -0.05


def test_label_noise_swaps_the_label_and_only_that(year):
    table, truth = simulate(year, "label noise")
    assert (table["late"] != year["late"])[truth.rows].all() and table["arr_delay"].equals(year["arr_delay"])
    assert table["late"].isna().equals(year["late"].isna())


def test_values_are_what_the_kind_says(year):
    since = (year["scheduled_departure"] >= START).to_numpy()
    table, truth = simulate(year, "unit change")
    rows = truth.rows
    assert table.loc[rows, "temp"].to_numpy() == pytest.approx((year.loc[rows, "temp"].to_numpy() - 32) / 1.8)
    assert (rows == (since & year["temp"].notna())).all()
    table, truth = simulate(year, "outliers")
    z = (table["wind_speed"] - year["wind_speed"].mean()) / year["wind_speed"].std(ddof=0)
    assert z[truth.rows].abs().to_numpy() == pytest.approx(10) and set(np.sign(z[truth.rows])) == {-1, 1}
    table, _ = simulate(year, "frozen sensor")
    stuck = table[since].groupby("origin", observed=True)["temp"].unique()
    last = year[~since].dropna(subset="temp").groupby("origin", observed=True)["temp"].last()
    assert {name: values.tolist() for name, values in stuck.items()} == {name: [value] for name, value in last.items()}
    table, truth = simulate(year, "new category", value="QQ")
    assert (table.loc[truth.rows, "carrier"] == "QQ").all() and (table["carrier"] == "QQ").sum() == truth.rows.sum()
    table, truth = simulate(year, "missing values", column="distance")
    assert table["distance"].isna().to_numpy().tolist() == truth.rows.tolist()
    assert truth.rows[since].mean() == pytest.approx(0.3, abs=0.02)


def test_a_sensor_that_was_frozen_from_the_start_shows_its_first_value(year):
    table, truth = simulate(year, "frozen sensor", start="2013-01-01")
    assert truth.rows.all() and table.groupby("origin", observed=True)["temp"].nunique().tolist() == [1, 1, 1]
    assert table["temp"].notna().all()


@pytest.mark.parametrize(("kind", "settings", "says"), [
    ("nonsense", {}, "kind is 'nonsense'"),
    ("label noise", {"onset": "slow"}, "onset 'slow'"),
    ("label noise", {"days": 0}, "more than 0 days"),
    ("label noise", {"size": 1.5}, "share from 0 to 1"),
    ("prior shift", {"size": -0.1}, "share from 0 to 1"),
    ("covariate shift", {"size": 9.0}, "no flights lie beyond"),
    ("covariate shift", {"column": "carrier"}, "column is 'carrier'"),
    ("covariate shift", {"size": np.nan}, "size is nan"),
    ("unit change", {"column": None}, "column is None"),
    ("new category", {"column": "temp"}, "column is 'temp'"),
    ("new category", {"value": "UA"}, "has already"),
    ("label noise", {"start": "2014-06-01"}, "No flight departs from"),
])  # fmt: skip
def test_what_cannot_be_simulated_is_one_clear_line(year, kind, settings, says):
    column, size = COLUMN.get(kind, ("temp", 1.0))
    with pytest.raises(ValueError, match=says) as told:
        drift_simulation.simulate(year, kind, **({"start": START, "column": column, "size": size} | settings))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("delay", [0.0, 24.0, 100.0])
def test_every_flight_comes_once_and_every_label_when_it_is_due(year, delay):
    days = list(replay.replay(year, delay_hours=delay))
    dates = [day.date for day in days]
    assert dates == list(pd.date_range(dates[0], dates[-1]).date) and str(dates[0]) == "2013-01-01"
    came = pd.concat([day.flights for day in days])
    assert came.index.sort_values().equals(year.index) and not set(replay.OUTCOME) & set(came.columns)
    labels = pd.concat([day.labels.assign(day=str(day.date)) for day in days])
    assert labels.index.is_unique and set(labels.index) == set(year.index[year["late"].notna()])
    assert (labels["late"] == year.loc[labels.index, "late"].astype(bool)).all() and labels["known_at"].is_monotonic_increasing
    assert (labels["known_at"].dt.tz_convert(replay.ZONE).dt.strftime("%Y-%m-%d") == labels["day"]).all()
    waited = (labels["known_at"] - year.loc[labels.index, "scheduled_departure"]) / pd.Timedelta(hours=1)
    flown = waited - delay - year.loc[labels.index, "arr_delay"] / 60
    assert flown.between(0.8, 12).all()  # what a flight should take, in hours
    for day in days:
        local = day.flights["scheduled_departure"].dt.tz_convert(replay.ZONE)
        assert (local.dt.date == day.date).all()


def test_quiet_days_and_empty_tables_are_told_as_they_are(year):
    gap = year[year["day"] != 3]
    days = {str(day.date): day for day in replay.replay(gap)}
    assert days["2013-01-03"].flights.empty and list(days["2013-01-03"].flights.columns) == list(days["2013-01-02"].flights)
    assert list(replay.replay(year.head(0))) == []
    cancelled = year[year["late"].isna()].head(5)
    assert sum(len(day.labels) for day in replay.replay(cancelled)) == 0


def test_what_cannot_be_replayed_is_one_clear_line(year):
    with pytest.raises(ValueError, match="delay_hours"):
        replay.replay(year, delay_hours=-1)
    with pytest.raises(ValueError, match="named twice"):
        replay.replay(pd.concat([year, year.head(1)]))
