"""A training is put on record whole, and can be fetched again; a store that is away is not a store without versions."""

import socket

import pytest

import data
import model as models
import settings as project
import tracking
from settings import ProjectError
from tracking import FILES


def test_a_training_is_on_record_and_can_be_fetched(settings, served, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}")
    tracker = tracking.tracker(settings)
    assert tracker.aliases() == {}
    X, y, _ = data.load(settings)
    model, metrics, curves = models.fit(X, y, settings["training"])
    version = tracker.record(served / "1", model, X[:5], {"rows": 600}, metrics, curves, {"commit": "none"})
    tracker.set_aliases({"champion": version})
    assert tracker.aliases() == {"champion": version}
    (tmp_path / "fetched").mkdir()
    tracker.fetch(version, tmp_path / "fetched")
    assert all((tmp_path / "fetched" / name).read_bytes() == (served / "1" / name).read_bytes() for name in FILES)

    client = tracker._client
    (run,) = client.search_runs([client.get_experiment_by_name(settings["project"]["name"]).experiment_id])
    assert run.info.status == "FINISHED" and run.data.params == {"rows": "600"} and run.data.tags["commit"] == "none"
    assert run.data.metrics["auc"] == pytest.approx(metrics["auc"])
    history = client.get_metric_history(run.info.run_id, "test_log_loss")
    assert [point.value for point in sorted(history, key=lambda point: point.step)] == pytest.approx(curves["test_log_loss"])


def test_a_store_that_is_away_is_said(settings, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")  # nobody listens there any more
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ProjectError, match="store does not answer"):
        tracking.tracker(settings).aliases()


def test_another_tracker_is_refused():
    settings = project.load()
    settings["project"]["tracker"] = "notebook"
    with pytest.raises(ProjectError, match="expected mlflow or wandb"):
        tracking.tracker(settings)


def test_the_model_needs_only_some_of_the_packages():
    named = [line.partition("==")[0] for line in project.pinned(tracking.PACKAGES)]
    assert sorted(named) == sorted(tracking.PACKAGES)
