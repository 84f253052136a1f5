"""Each fault of a batch is found, named and counted; a good batch has none; an empty one is never good."""

import numpy as np
import pandas as pd
import pytest

from helpers import data_quality, flights

NOW = pd.Timestamp("2013-04-02", tz="UTC")


@pytest.fixture(scope="module")
def schema():
    return data_quality.expect_schema(flights.schema())


@pytest.fixture(scope="module")
def winter():
    return flights.load([1, 2, 3])


def batch(winter, n=1_000):
    return winter.tail(n).reset_index(drop=True)


def found(table, expected, **settings):
    return {(f.what, f.column): f.count for f in data_quality.inspect(table, expected, **settings)}


def test_the_real_flights_have_no_fault(schema, winter):
    assert data_quality.inspect(flights.load(), schema) == []
    like = data_quality.expect_like(winter)
    assert data_quality.inspect(winter, like, now=NOW, max_age="2D") == []


def test_a_schema_is_read_whole(schema):
    wanted = {"temp": ("number", -20, 120), "origin": ("category", None, None), "scheduled_departure": ("time", None, None)}
    assert {name: (schema[name].kind, schema[name].low, schema[name].high) for name in wanted} == wanted
    assert schema["origin"].values == {"EWR", "JFK", "LGA"} and schema["carrier"].values is None
    assert schema["distance"].null_share == 0 and schema["temp"].null_share == 1 and set(schema) == set(flights.schema().columns)


def test_what_is_like_the_training_data_is_read_from_it():
    table = pd.DataFrame({"x": [1.0, 3.0, np.nan, np.inf], "name": ["a", "b", "a", None], "none": [np.nan] * 4})
    like = data_quality.expect_like(table, slack=0.5)
    assert like["x"] == data_quality.Expected("number", 0.0, 4.0, None, 0.25)
    assert like["name"] == data_quality.Expected("category", None, None, frozenset({"a", "b"}), 0.25)
    assert like["none"] == data_quality.Expected("number", None, None, None, 1.0)


def spoil(table, column, value, rows=3):
    table = table.astype({column: object})
    table.iloc[:rows, table.columns.get_loc(column)] = value
    return table


@pytest.mark.parametrize(("fault", "expected"), [
    (lambda t: t.drop(columns="dewp"), {("absent", "dewp"): 1_000}),
    (lambda t: t.drop(columns="carrier"), {("absent", "carrier"): 1_000}),
    (lambda t: t.assign(extra=1), {("unknown", "extra"): 1_000}),
    (lambda t: spoil(t, "distance", None), {("nulls", "distance"): 3}),
    (lambda t: t.assign(temp=np.nan), {("nulls", "temp"): 1_000}),
    (lambda t: spoil(t, "temp", "45F"), {("type", "temp"): 3}),
    (lambda t: spoil(t, "temp", True), {("type", "temp"): 3}),
    (lambda t: t.assign(temp=t["temp"].astype(str)), {("type", "temp"): 1_000}),
    (lambda t: spoil(t, "carrier", 7), {("type", "carrier"): 3}),
    (lambda t: t.assign(carrier=7), {("type", "carrier"): 1_000}),
    (lambda t: t.assign(scheduled_departure="today"), {("type", "scheduled_departure"): 1_000}),
    (lambda t: spoil(t, "wind_speed", 151.0), {("high", "wind_speed"): 3}),
    (lambda t: spoil(t, "humid", -1.0), {("low", "humid"): 3}),
    (lambda t: spoil(t, "humid", -np.inf), {("low", "humid"): 3}),
    (lambda t: spoil(t, "origin", "SFO"), {("value", "origin"): 3}),
    (lambda t: pd.concat([t, t.head(4), t.head(1)]), {("duplicates", ""): 5}),
])  # fmt: skip
def test_each_fault_is_found_and_counted_and_no_other(schema, winter, fault, expected):
    good = batch(winter)
    assert found(good, schema) == {}
    told = found(fault(good), schema)
    if ("type", "scheduled_departure") in expected or ("type", "carrier") in expected or ("absent", "carrier") in expected:
        told = {key: count for key, count in told.items() if key[0] != "duplicates"}  # the key itself is spoilt
    assert told == expected


def test_more_nulls_than_usual_are_told_apart_from_chance(winter):
    rng = np.random.default_rng(0)
    expected = {"pressure": data_quality.expect_like(winter)["pressure"]}
    false = sum(bool(found(winter[["pressure"]].sample(500, random_state=i), expected, keys=())) for i in range(100))
    assert false <= 2
    gaps = batch(winter).assign(pressure=lambda t: t["pressure"].mask(rng.random(len(t)) < 0.2))
    told = data_quality.inspect(gaps[["pressure"]], expected, keys=())
    assert told[0].what == "nulls" and "are usual" in told[0].expected


def test_stale_and_future_rows_are_found(schema, winter):
    good = batch(winter)
    assert found(good, schema, now=NOW, max_age="2D") == {}
    assert found(good, schema, now=NOW + pd.Timedelta("3D"), max_age="2D") == {("stale", "scheduled_departure"): 1_000}
    late = good["scheduled_departure"].nlargest(10).min()
    told = found(good, schema, now=late - pd.Timedelta("1s"), max_age="2D")
    assert told[("future", "scheduled_departure")] == (good["scheduled_departure"] >= late).sum()
    timeless = good.assign(scheduled_departure=pd.Series(pd.NaT, good.index, dtype=good["scheduled_departure"].dtype))
    told = found(timeless, schema, now=NOW, max_age="2D", keys=("flight", "dest", "departure_minute", "day"))
    assert told[("stale", "scheduled_departure")] == 1_000 and told[("nulls", "scheduled_departure")] == 1_000
    without = found(good.drop(columns="scheduled_departure"), {}, keys=(), now=NOW, max_age="2D")
    assert without[("absent", "scheduled_departure")] == 1_000


def test_an_empty_batch_is_never_fine(schema, winter):
    assert found(winter.head(0), schema) == {("empty", ""): 0} == found(pd.DataFrame(), {})


def test_a_finding_reads_as_a_line(schema, winter):
    told = [str(finding) for finding in data_quality.inspect(spoil(batch(winter), "wind_speed", 151.0), schema)]
    assert told == ["wind_speed: high in 3 rows; expected at most 150, not 151"]


def test_bad_settings_are_one_clear_line(schema, winter):
    for settings in ({"now": NOW}, {"max_age": "1D"}, {"now": "2013-04-01", "max_age": "1D"}):
        with pytest.raises(ValueError, match="both or neither"):
            data_quality.inspect(winter.head(10), schema, **settings)
    for table, slack in ((winter.head(0), 0.0), (winter.head(10), -1)):
        with pytest.raises(ValueError, match="expected at least 1 row"):
            data_quality.expect_like(table, slack=slack)
