"""helpers.monitor: what it says of quiet and of broken windows, that missing data is never quiet, and its page."""

import time

import httpx
import numpy as np
import pandas as pd
import pytest

from helpers import drift_simulation, flights, logged, modeling, monitor, prediction_log, services

NOW = 1_385_000_000.0


@pytest.fixture(scope="module")
def model():
    X, y = flights.features_and_target(flights.load(1).sample(8_000, random_state=0))
    return modeling.make_model(n_steps=20).fit(X, y)


@pytest.fixture(scope="module")
def quiet(model):
    table = flights.load([2, 3]).sample(16_000, random_state=0).sort_values("scheduled_departure", ignore_index=True)
    return table.assign(probability=model.predict_proba(table[list(flights.FEATURES)])[:, 1])


@pytest.fixture(scope="module")
def before(quiet):
    return monitor.baseline(quiet, quiet["probability"])


def window(table, model, labelled=1.0, seed=0):
    """Rows as `logged.read` gives them, without a file."""
    outcome = table["late"].astype("boolean").reset_index(drop=True)
    outcome[np.random.default_rng(seed).random(len(table)) >= labelled] = pd.NA
    rows = pd.DataFrame(index=range(len(table)), columns=list(logged.OWN[1:]))
    rows["at"] = pd.to_datetime(table["scheduled_departure"]).reset_index(drop=True)
    rows["late"], rows["outcome"] = model.predict_proba(table[list(flights.FEATURES)])[:, 1], outcome
    return rows.join(table[list(flights.FEATURES)].reset_index(drop=True))


def found(samples, name):
    """By the value of the only label, or the number itself."""
    values = {tuple(sample.labels.values()): sample.value for sample in samples if sample.name == name}
    return values.get(()) if set(values) <= {()} else {key[0] if len(key) == 1 else key: value for key, value in values.items()}


def over(samples):
    effect, limit = found(samples, "drift_effect"), found(samples, "drift_limit")
    return {column for column, value in effect.items() if value > limit[column]}


def a_week(quiet, number=3):
    day = (quiet["scheduled_departure"] - quiet["scheduled_departure"].min()).dt.days
    return quiet[day // 7 == number]


def test_a_quiet_week(quiet, before, model):
    samples = monitor.measure(window(a_week(quiet), model), before, now=NOW)
    assert over(samples) == set()
    assert sum(found(samples, "drift_unknown").values()) == 0
    assert found(samples, "data_wrong_share") is None
    assert found(samples, "monitor_last_success_seconds") == NOW
    assert found(samples, "monitor_window_predictions") == len(a_week(quiet))
    assert found(samples, "monitor_newest_prediction_seconds") == a_week(quiet)["scheduled_departure"].max().timestamp()
    scores, last = found(samples, "model_score"), found(samples, "model_score_before")
    assert set(scores) == set(last) == {"auc", "f1", "calibration_gap", "calibration_error"}
    assert found(samples, "model_score_low")["auc"] < scores["auc"] < found(samples, "model_score_high")["auc"]


def test_limits_hold_on_weeks_that_were_not_looked_at(quiet, model):
    """Each week in turn is the new one; a column of a quiet week is over its limit in at most one of twenty."""
    day = (quiet["scheduled_departure"] - quiet["scheduled_departure"].min()).dt.days // 7
    alarms, worse = [], []
    for number in range(int(day.max())):
        rest = quiet[day != number]
        before = monitor.baseline(rest, rest["probability"])
        samples = monitor.measure(window(quiet[day == number], model), before, now=NOW)
        alarms.append(len(over(samples)))
        worse.append(found(samples, "model_score_high")["auc"] < found(samples, "model_score_before")["auc"])
    assert np.mean(alarms) / len(flights.FEATURES) <= 0.05
    assert sum(worse) <= 1


@pytest.mark.parametrize(
    ("kind", "column"), [("unit change", "temp"), ("frozen sensor", "dewp"), ("covariate shift", "distance")]
)
def test_what_moved_is_named(quiet, before, model, kind, column):
    week = a_week(quiet).drop(columns="probability")
    start = week["scheduled_departure"].min()
    touched, _ = drift_simulation.simulate(week, kind, column=column, start=start, seed=1)
    assert column in over(monitor.measure(window(touched, model), before, now=NOW))


def test_missing_data_is_never_quiet(quiet, before, model):
    rows = window(a_week(quiet), model).assign(temp=np.nan)
    samples = monitor.measure(rows, before, now=NOW)
    assert found(samples, "drift_unknown")["temp"] == 1 and "temp" not in found(samples, "drift_effect")
    assert found(samples, "data_wrong_share") == {("temp", "nulls"): 1.0}
    samples = monitor.measure(rows.drop(columns="temp"), before, now=NOW)
    assert found(samples, "drift_unknown")["temp"] == 1
    assert found(samples, "data_wrong_share") == {("temp", "absent"): 1.0}


def test_an_empty_window_knows_nothing(quiet, before, model):
    for empty in (window(a_week(quiet), model).head(0), pd.DataFrame(columns=list(logged.OWN[1:]))):
        samples = monitor.measure(empty, before, now=NOW)
        assert found(samples, "monitor_window_predictions") == 0
        assert set(found(samples, "drift_unknown").values()) == {1.0}
        assert found(samples, "drift_effect") is None and found(samples, "model_score") is None


def test_few_labels_give_no_score(quiet, before, model):
    samples = monitor.measure(window(a_week(quiet), model, labelled=0.2), before, now=NOW)
    assert found(samples, "model_score") is None
    assert found(samples, "monitor_labelled_share") == pytest.approx(0.2, abs=0.05)


def test_a_worse_model_is_seen(quiet, before, model):
    rows = window(a_week(quiet), model)
    rows["late"] = 1 - rows["late"]
    samples = monitor.measure(rows, before, now=NOW)
    assert found(samples, "model_score_high")["auc"] < found(samples, "model_score_before")["auc"]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"slack": 0.5}, "slack is 0.5"), ({"quiet": 1}, "There are 2 whole weeks; expected at least 4")],
)
def test_bad_input_is_one_line(quiet, change, said):
    table = a_week(quiet, 1) if "quiet" not in change else pd.concat([a_week(quiet, 1), a_week(quiet, 2)])
    settings = {name: value for name, value in change.items() if name != "quiet"}
    with pytest.raises(ValueError, match=said):
        monitor.baseline(table, table["probability"], **settings)


def log_rows(file, table):
    records = table[list(flights.FEATURES)].astype(object).where(table[list(flights.FEATURES)].notna(), None).to_dict("records")
    with prediction_log.PredictionLog(file) as log:
        log.append("a" * 32, records, table["probability"].tolist(), version="1", when=NOW)


@pytest.mark.timeout(120)
def test_its_page_follows_the_log(quiet, tmp_path):
    file, kept = tmp_path / "predictions.db", tmp_path / "quiet.parquet"
    quiet.to_parquet(kept)
    with monitor.start(file, kept, window=500, every=0.1) as watch:
        page = httpx.get(watch.local_url + "metrics").text
        assert "drift_effect" not in page  # there is no log yet
        log_rows(file, a_week(quiet).head(600))
        deadline = time.monotonic() + 20
        while "monitor_window_predictions 500.0" not in page and time.monotonic() < deadline:
            time.sleep(0.1)
            page = httpx.get(watch.local_url + "metrics").text
        assert "monitor_window_predictions 500.0" in page
        assert 'drift_limit{column="temp"}' in page and "monitor_labelled_share 0.0" in page
        assert "No new numbers" in watch.log()


@pytest.mark.timeout(60)
def test_a_file_that_is_none_is_one_line(tmp_path):
    with pytest.raises(services.ServiceError, match="cannot be used"):
        monitor.start(tmp_path / "log.db", tmp_path / "absent.parquet")


def test_settings_out_of_range_are_refused(capsys):
    with pytest.raises(SystemExit):
        monitor.main(["--log", "a", "--quiet", "b", "--window", "0"])
    assert "--window is 1 or more" in capsys.readouterr().err
