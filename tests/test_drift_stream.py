"""ADWIN: quiet where nothing changed, soon where something did, and it never passes over what is missing."""

import numpy as np
import pandas as pd
import pytest

from helpers import drift_stream


def stream(rng, before=0.2, after=0.2, n=2_000, start=1_000):
    return (rng.random(n) < np.where(np.arange(n) < start, before, after)).astype(float)


def test_a_quiet_stream_is_quiet_and_a_change_is_found_soon():
    rng = np.random.default_rng(0)
    quiet = [drift_stream.find_changes(stream(rng)) for _ in range(100)]
    assert sum(found.verdict == "drift" for found in quiet) <= 2
    assert {found.verdict for found in quiet} <= {"quiet", "drift"}
    found = [drift_stream.find_changes(stream(rng, after=0.5)) for _ in range(50)]
    firsts = np.array([each.positions[0] for each in found])
    assert (firsts >= 1_000).mean() >= 0.95 and np.median(firsts) <= 1_200


def test_the_unit_makes_no_difference():
    rng = np.random.default_rng(1)
    values = stream(rng, after=0.4)
    want = drift_stream.find_changes(values)
    assert want.positions and drift_stream.find_changes(30 + 100 * values, low=30, high=130) == want
    assert drift_stream.find_changes(values.tolist()) == drift_stream.find_changes(pd.Series(values)) == want
    assert drift_stream.find_changes(values.astype(bool)) == want


def test_positions_count_what_is_missing():
    values = stream(np.random.default_rng(2), before=0, after=1)
    gap = values.copy()
    gap[:500] = np.nan
    found = drift_stream.find_changes(gap)
    assert found.missing == list(range(500)) and found.verdict == "drift"
    assert min(found.positions) > 1_000
    assert drift_stream.find_changes(pd.array([None] * 500 + values[500:].tolist(), dtype="Float64")) == found


@pytest.mark.parametrize("values", [[], [np.nan] * 500, [0.5] * 99, [0.5] * 400 + [None] * 401])
def test_what_is_not_known_is_never_quiet(values):
    found = drift_stream.find_changes(values)
    assert found.verdict == "unknown" and found.positions == []
    assert len(found.missing) == sum(value is None or value != value for value in values)


def test_a_value_or_setting_out_of_range_is_refused():
    for values, settings in [([0.5, 70], {}), ([-0.1], {}), ([np.inf], {}), ([1], {"delta": 0}), ([1], {"low": 1, "high": 1})]:
        with pytest.raises(ValueError, match="expected|outside"):
            drift_stream.find_changes(values, **settings)
    with pytest.raises(ValueError, match="2 dimensions"):
        drift_stream.find_changes(np.zeros((3, 2)))
