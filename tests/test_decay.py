"""Intervals hold the true score as often as they say; a window with too few labels is told, never fine."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from helpers import decay, flights, modeling

SCORES = ("auc", "f1", "calibration_gap", "calibration_error")
DRAWS = 200  # so that 95% is found as 91% to 98%


def draw(rng, n, bias=0.0, trust=1.0):
    """Promised probabilities, and the true ones."""
    promised = rng.normal(-1.2, 0.8, n)
    return special.expit(promised), special.expit(bias + trust * promised)


def truth(bias, trust):
    promised, true = draw(np.random.default_rng(0), 1_000_000, bias, trust)
    order = np.argsort(promised)
    late, others = true[order], 1 - true[order]
    called = promised >= modeling.THRESHOLD
    hits = true[called].sum()
    bins = np.array_split(order, 10)
    return {
        "auc": (late * (np.cumsum(others) - others / 2)).sum() / (late.sum() * others.sum()),
        "f1": 2 * hits / (called.sum() + true.sum()),
        "calibration_gap": (promised - true).mean(),
        "calibration_error": np.mean([abs((promised - true)[rows].mean()) for rows in bins]),
    }


@pytest.mark.parametrize(("n", "bias", "trust"), [(150, 0, 1), (1_000, 0.7, 1), (1_000, 0, 0.5), (3_000, 0.1, 1)])
def test_the_intervals_hold_the_truth_as_often_as_they_say(n, bias, trust):
    rng, true = np.random.default_rng(n), truth(bias, trust)
    held = dict.fromkeys(SCORES, 0)
    for seed in range(DRAWS):
        promised, chance = draw(rng, n, bias, trust)
        found = decay.scores(rng.random(n) < chance, promised, seed=seed)
        held = {name: held[name] + (found[name].low <= true[name] <= found[name].high) for name in SCORES}
    print(n, bias, trust, {name: count / DRAWS for name, count in held.items()})
    assert all(0.905 <= held[name] / DRAWS <= 0.985 for name in SCORES[:3])
    assert held["calibration_error"] / DRAWS >= 0.905  # near 0 more than asked for


def test_a_wider_level_is_a_wider_interval_and_more_flights_a_narrower_one():
    rng = np.random.default_rng(0)
    promised, chance = draw(rng, 4_000)
    y = rng.random(4_000) < chance
    for name in SCORES:
        score = getattr(decay, name)
        some, sure, few = score(y, promised), score(y, promised, level=0.99), score(y[:400], promised[:400])
        assert sure.low <= some.low <= some.high <= sure.high and few.high - few.low > some.high - some.low


def test_the_values_are_those_of_the_model_s_own_evaluation():
    rng = np.random.default_rng(1)
    promised = draw(rng, 2_000)[0].round(2)  # tied
    y = rng.random(2_000) < promised
    found, want = decay.scores(y, promised), modeling.evaluate(y, promised)
    for name in ("auc", "f1", "calibration_error"):
        assert found[name].value == pytest.approx(want[name])
    assert found["calibration_gap"].value == pytest.approx(promised.mean() - y.mean())
    error = (found["auc"].high - found["auc"].low) / (2 * 1.96)
    assert error == pytest.approx(modeling.compare_auc(y, promised, np.full(2_000, 0.5))[1:].std(), rel=0.15)


def test_perfect_and_hopeless_samples_stay_uncertain():
    for y, p in (([True] * 10 + [False] * 20, [0.9] * 10 + [0.1] * 20), ([True, False], [0.9, 0.1])):
        best, worst = decay.auc(y, p), decay.auc(y, 1 - np.array(p))
        assert best.value == 1 and 0 < best.low < best.high <= 1 and worst.value == 0 and 0 <= worst.low < worst.high < 1
    assert decay.auc([True, False, False, True], [0.5] * 4).value == 0.5
    assert decay.f1([False] * 5, [0.1] * 5) == (0, 0, 1)
    assert decay.f1([True] * 5, [0.9] * 5).low < 0.9
    assert decay.calibration_gap([True], [0.4]) == (-0.6, -1, 1)
    assert decay.calibration_error([False] * 20, [0.0] * 20).high > 0


@pytest.mark.parametrize("score", [decay.auc, decay.f1, decay.calibration_gap, decay.calibration_error, decay.scores])
@pytest.mark.parametrize(("y", "p", "says"), [
    ([], [], "empty"), ([True], [0.1, 0.2], "shape"), ([True, None], [0.1, 0.2], "1 outcomes are missing"),
    ([True, False], [0.1, np.nan], "missing or not between"),
])  # fmt: skip
def test_bad_input_is_one_clear_line(score, y, p, says):
    with pytest.raises(ValueError, match=says) as told:
        score(y, p)
    assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match="level"):
        score([True, False], [0.9, 0.1], level=95)


def test_one_outcome_has_no_auc_and_few_draws_no_interval():
    with pytest.raises(ValueError, match="same outcome"):
        decay.auc([True, True], [0.1, 0.2])
    with pytest.raises(ValueError, match="at least 100 draws"):
        decay.calibration_error([True], [0.2], n=10)


@pytest.fixture(scope="module")
def spring():
    X, y = flights.features_and_target(flights.load([1, 2]))
    model = modeling.make_model().fit(X, y)
    march, known = flights.features_and_target(flights.load(3))
    before = decay.scores(known, modeling.probability_late(model, march))
    table = flights.load([4, 5])
    return table, modeling.probability_late(model, table.astype({"carrier": "str"})[list(flights.FEATURES)]), before


def by_window(spring, y=None, **settings):
    table, probability, before = spring
    when = table["scheduled_departure"].dt.tz_convert("America/New_York")
    return decay.by_window(when, table["late"] if y is None else y, probability, before, **settings)


def test_april_is_worse_and_says_so(spring):
    found = by_window(spring)
    assert len(found) == 4 * 9 and found["window"].is_monotonic_increasing and str(found["window"][0].date()) == "2013-04-01"
    auc = found[found["score"] == "auc"]
    assert (auc["verdict"] == "worse").sum() >= 5 and (found["verdict"] != "unknown").sum() >= 30
    assert (found["labels"] <= found["flights"]).all() and found.groupby("window")["flights"].first().sum() == len(spring[0])
    gap = found[found["score"] == "calibration_gap"].iloc[1]
    assert gap["high"] < 0 and gap["verdict"] == "worse"  # more are late than it expects
    assert set(by_window(spring, days=1).groupby("score").size()) == {61}


def test_labels_that_did_not_come_are_never_fine(spring):
    table = spring[0]
    y = table["late"].copy()
    y[table["month"] == 5] = pd.NA
    y[(table["month"] == 4) & (table["day"].between(8, 14)) & (np.arange(len(y)) % 3 > 0)] = pd.NA
    found = by_window(spring, y).set_index(["window", "score"])
    may = found.loc["2013-05-06":]
    assert (may["verdict"] == "unknown").all() and (may["reason"] == "too few labels: 0, expected at least 100").all()
    assert may[["value", "low", "high"]].isna().all(axis=None) and (may["flights"] > 0).all()
    second = found.loc["2013-04-08"].iloc[0]
    assert second["verdict"] == "unknown" and "expected at least 50%" in second["reason"] and second["labels"] > 1_000
    one = by_window(spring, table["late"].where(table["late"].isna(), False))
    assert (one["verdict"] == "unknown").all() and "0 late" in one["reason"][0]


def test_days_without_flights_are_there_too():
    when = pd.Series(pd.to_datetime(["2013-04-01 23:59"] * 3 + ["2013-04-03 00:00"]))
    found = decay.by_window(when, [True, None, np.nan, False], [0.5] * 4, {"auc": 0.7}, days=1)
    assert found["flights"].tolist() == [3, 0, 1] and found["labels"].tolist() == [1, 0, 1]
    assert set(found["verdict"]) == {"unknown"}
    assert decay.by_window(when.head(0), [], [], {"auc": 0.7}).empty


def test_verdicts_follow_the_interval():
    rng = np.random.default_rng(0)
    promised, chance = draw(rng, 2_000)
    y, when = rng.random(2_000) < chance, pd.Series(pd.Timestamp("2013-04-01")).repeat(2_000)
    now = decay.scores(y, promised)
    for name in ("auc", "f1"):
        for past, verdict in ((now[name].high + 0.01, "worse"), (now[name].value, "holds"), (0.1, "holds")):
            assert decay.by_window(when, y, promised, {name: past})["verdict"].tolist() == [verdict]
    off = np.clip(promised + 0.3, 0, 1)
    for name in ("calibration_gap", "calibration_error"):
        assert decay.by_window(when, y, off, {name: 0.01})["verdict"].tolist() == ["worse"]
        assert decay.by_window(when, y, promised, {name: now[name]})["verdict"].tolist() == ["holds"]
        assert decay.by_window(when, y, promised, {name: 0.3})["verdict"].tolist() == ["holds"]


@pytest.mark.parametrize(("settings", "says"), [
    ({"before": {"accuracy": 0.9}}, "accuracy"), ({"before": {}}, "nothing"), ({"days": 0}, "days is 0"),
    ({"probability": [0.5]}, "1 probabilities"), ({"probability": [0.5, None]}, "none missing"),
    ({"when": [pd.Timestamp("2013-04-01"), pd.NaT]}, "none missing"),
])  # fmt: skip
def test_bad_windows_are_one_clear_line(settings, says):
    good = {
        "when": pd.Series([pd.Timestamp("2013-04-01")] * 2),
        "y": [True, False],
        "probability": [0.5, 0.6],
        "before": {"auc": 0.7},
    }
    with pytest.raises(ValueError, match=says):
        decay.by_window(**(good | settings))
