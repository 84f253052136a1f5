"""The model is tested on what comes later, has to beat its baseline, and passes the gate or not."""

import data
import gate
import model as models


def test_it_beats_the_baseline_and_its_curve_falls(settings):
    X, y, _ = data.load(settings)
    _, metrics, curves = models.fit(X, y, settings["training"])
    assert metrics["auc"] > 0.7 and metrics["auc"] >= metrics["baseline_auc"] - 0.05
    assert curves["train_log_loss"][-1] < curves["train_log_loss"][0]
    assert len(curves["test_log_loss"]) == settings["training"]["steps"]


def test_the_newest_rows_are_kept_for_the_test(settings):
    X, y, _ = data.load(settings)
    cut = models.cut_at(y, settings["training"])
    spoilt = y.copy()
    spoilt[cut:] = 1 - spoilt[cut:]  # what the newest rows say must not reach the training
    honest, wrong = models.fit(X, y, settings["training"])[0], models.fit(X, spoilt, settings["training"])[0]
    assert (honest.predict_proba(X) == wrong.predict_proba(X)).all()


def test_the_gate():
    good = {"auc": 0.70, "baseline_auc": 0.55}
    assert gate.verdict(good, margin=0.02) == ""
    assert gate.verdict(good | {"champion_auc": 0.71}, margin=0.02) == ""
    assert "champion" in gate.verdict(good | {"champion_auc": 0.75}, margin=0.02)
    assert "baseline" in gate.verdict({"auc": 0.54, "baseline_auc": 0.55}, margin=0.02)
