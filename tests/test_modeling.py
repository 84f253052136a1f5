"""The baseline: its scores against sums done by hand, and its answers to bad input."""

import numpy as np
import pytest

from helpers import flights, modeling


@pytest.fixture(scope="module")
def winter():
    return flights.features_and_target(flights.load([1, 2])), flights.features_and_target(flights.load(3))


@pytest.fixture(scope="module")
def model(winter):
    return modeling.make_model().fit(*winter[0])


def test_it_beats_chance(model, winter):
    scores = modeling.evaluate(winter[1][1], modeling.probability_late(model, winter[1][0]))
    assert 0.68 < scores["auc"] < 0.75 and scores["f1"] > 0.4 and scores["calibration_error"] < 0.05
    share = winter[0][1].mean()
    y = winter[1][1]
    assert scores["log_loss"] < -(y.mean() * np.log(share) + (1 - y.mean()) * np.log(1 - share))


def test_april_is_harder_than_march(model, winter):
    X, y = flights.features_and_target(flights.load(4))
    march = modeling.evaluate(winter[1][1], modeling.probability_late(model, winter[1][0]))
    april = modeling.evaluate(y, modeling.probability_late(model, X))
    assert april["auc"] < march["auc"] - 0.03 and april["log_loss"] > march["log_loss"]


def test_the_same_seed_gives_the_same_bits(model, winter):
    again = modeling.make_model().fit(*winter[0])
    X = winter[1][0]
    assert (modeling.probability_late(again, X) == modeling.probability_late(model, X)).all()


def test_unknown_categories_and_missing_weather_are_answered(model, winter):
    X = winter[1][0].head(3).copy()
    X["carrier"] = "ZZ"
    X[["temp", "wind_dir"]] = np.nan
    p = modeling.probability_late(model, X)
    assert p.shape == (3,) and ((p > 0) & (p < 1)).all()
    assert modeling.probability_late(model, X.head(0)).shape == (0,)


def test_the_file_opens_with_the_named_types_only(model, winter):
    import skops.io

    data = skops.io.dumps(model)
    assert set(skops.io.get_untrusted_types(data=data)) == set(modeling.TRUSTED_TYPES)
    loaded = skops.io.loads(data, trusted=list(modeling.TRUSTED_TYPES))
    X = winter[1][0]
    assert (modeling.probability_late(loaded, X) == modeling.probability_late(model, X)).all()


def test_scores_equal_sums_done_by_hand():
    y = np.array([False, True, True, False, True])
    p = np.array([0.1, 0.4, 0.35, 0.4, 0.8])
    scores = modeling.evaluate(y, p, threshold=0.4)
    pairs = [(a > b) + 0.5 * (a == b) for a in p[y] for b in p[~y]]
    assert scores["auc"] == pytest.approx(np.mean(pairs))
    assert scores["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))  # 2 found, 1 false alarm, 1 missed
    assert scores["log_loss"] == pytest.approx(-np.mean(np.log(np.where(y, p, 1 - p))))


def test_calibration_counts_every_flight_once():
    rng = np.random.default_rng(0)
    p = rng.random(5_000)
    y = rng.random(5_000) < p
    bins = modeling.calibration(y, p)
    assert len(bins) == 10 and bins["flights"].sum() == 5_000 and bins["predicted"].is_monotonic_increasing
    assert (bins["predicted"] - bins["late"]).abs().max() < 0.07
    assert modeling.evaluate(y, p)["calibration_error"] < 0.03 < modeling.evaluate(y, p**3)["calibration_error"]


def test_tied_probabilities_share_a_bin():
    bins = modeling.calibration([True, False, True, True], [0.5] * 4)
    assert bins.to_dict("records") == [{"predicted": 0.5, "late": 0.75, "flights": 4}]


def test_the_loss_by_step_ends_at_the_loss(model, winter):
    X, y = winter[1]
    losses = modeling.loss_by_step(model, X, y)
    assert len(losses) == 60 and losses[-1] == pytest.approx(
        modeling.evaluate(y, modeling.probability_late(model, X))["log_loss"]
    )
    assert modeling.loss_by_step(model, X[y].head(5), y[y].head(5))[0] > 0  # one outcome alone is fine here


@pytest.mark.parametrize(("y", "p", "says"), [
    ([], [], "empty"),
    ([True, False], [0.5], "shape"),
    ([[True], [False]], [[0.5], [0.5]], "shape"),
    ([True, False], [0.5, np.nan], "missing or not between"),
    ([True, False], [0.5, 1.2], "missing or not between"),
    ([True, True], [0.5, 0.6], "same outcome"),
    ([True, None], [0.5, 0.6], "1 outcomes are missing"),
])  # fmt: skip
def test_bad_input_to_evaluate_is_one_clear_line(y, p, says):
    with pytest.raises(ValueError, match=says) as told:
        modeling.evaluate(y, p)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("settings", [{"learning_rate": 0}, {"learning_rate": 1.5}, {"n_steps": 0}, {"max_leaves": 1}])
def test_a_setting_out_of_range_is_named(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        modeling.make_model(**settings)


def test_bins_must_be_at_least_one():
    with pytest.raises(ValueError, match="n_bins"):
        modeling.calibration([True], [0.5], n_bins=0)
