"""The limit holds for quiet windows, and missing data is never "no drift"."""

import numpy as np
import pytest

import drift
import schema


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_quiet_windows_stay_under_the_limit(rng):
    known = {"values": sorted(rng.normal(size=2000)), "gaps": 0.0}
    limit = drift.limit(300, 2000, features=12, false_alarm=0.0001)
    assert max(drift.distance(known, rng.normal(size=300)) for _ in range(200)) < limit
    assert drift.distance(known, rng.normal(size=300) + 0.6) > limit


def test_the_distance_is_the_one_of_scipy(rng):
    from scipy.stats import ks_2samp

    known, window = rng.integers(0, 20, 500).astype(float), rng.integers(0, 25, 90).astype(float)
    assert drift.distance({"values": sorted(known), "gaps": 0.0}, window) == pytest.approx(ks_2samp(known, window).statistic)


def test_more_rows_allow_a_lower_limit():
    assert drift.limit(1000, 2000, 12, 0.001) < drift.limit(100, 2000, 12, 0.001)


def test_missing_data_is_never_no_drift(rng):
    known = {"values": sorted(rng.normal(size=2000)), "gaps": 0.05}
    window = rng.normal(size=300)
    window[:200] = np.nan
    assert drift.distance(known, window) > 0.5
    assert drift.distance(known, np.full(300, np.nan)) > 0.9


def test_a_version_with_another_feature_begins_a_new_window(rng):
    one = [{"name": "hours", "kind": "number"}]
    two = [*one, {"name": "new", "kind": "flag"}]
    known = drift.reference(rng.normal(size=(2000, 2)), two)
    window = drift.Window({"window": 60, "at_least": 30, "false_alarm": 0.0001})
    for hours in rng.normal(size=60):
        window.add({"hours": hours}, one)
    assert not np.isnan(window.look(one, known)["hours"]).any()
    assert np.isnan(list(window.look(two, known).values())).all()  # asked before the first row with both
    for hours in rng.normal(size=30):
        window.add({"hours": hours, "new": True}, two)
    assert len(window) == 30 and not np.isnan(list(window.look(two, known).values())).any()


def test_a_version_with_the_same_features_keeps_the_window(rng):
    old, new = ([{"name": "place", "kind": "category", "values": values}] for values in (["a", "b"], ["b", "a", "c"]))
    window = drift.Window({"window": 60, "at_least": 1, "false_alarm": 0.0001})
    for fields in (old, new):
        window.add({"place": "a"}, fields)
    assert len(window) == 2
    known = drift.reference(schema.encode([{"place": "a"}] * 50, new), new)
    assert window.look(new, known)["place"][0] == 0
