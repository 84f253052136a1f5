"""The pipeline's steps: the same files in give the same files out, and a worse model does not get through the gate."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from helpers import flights, model_source, modeling, pipeline, registry, tracking


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Data of two months and two models, the second worse."""
    folder = tmp_path_factory.mktemp("pipeline")
    pipeline.prepare([1], folder / "train.parquet")
    pipeline.prepare([2], folder / "test.parquet")
    pipeline.train(folder / "train.parquet", folder / "good", version="7", n_steps=40)
    pipeline.train(folder / "train.parquet", folder / "worse", version="8", n_steps=1)
    return folder


def test_the_same_months_and_settings_give_the_same_bytes(made, tmp_path):
    pipeline.prepare([1], tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (made / "train.parquet").read_bytes()
    facts = pipeline.train(tmp_path / "again.parquet", tmp_path / "good", version="7", n_steps=40)
    assert facts == json.loads((made / "good" / registry.FACTS).read_text())
    assert (tmp_path / "good" / model_source.FILE).read_bytes() == (made / "good" / model_source.FILE).read_bytes()


def test_metrics_are_those_of_the_model_that_a_service_would_load(made):
    X, y = flights.features_and_target(flights.load(1))
    model = modeling.make_model(n_steps=40).fit(X, y)
    X, y = flights.features_and_target(flights.load(2))
    late = modeling.probability_late(model, X)
    metrics = pipeline.evaluate(made / "good", made / "test.parquet")
    assert metrics["auc"] == pytest.approx(roc_auc_score(y, late), abs=1e-6) and metrics["flights"] == len(X)
    rows = (X["carrier"] == "UA").to_numpy()
    assert metrics["slices"]["carrier UA"] == pytest.approx(roc_auc_score(y[rows], late[rows]), abs=1e-6)
    assert {"origin EWR", "origin JFK", "origin LGA"} <= set(metrics["slices"])
    assert "carrier OO" not in metrics["slices"]  # a handful of flights


def test_differences_of_auc_are_those_of_the_drawn_flights():
    rng = np.random.default_rng(3)
    y, new, old = rng.random(500) < 0.3, rng.random(500).round(1), rng.random(500)  # with ties
    differences = modeling.compare_auc(y, new, old, n=20, seed=5)
    assert differences[0] == pytest.approx(roc_auc_score(y, new) - roc_auc_score(y, old))
    again = np.random.default_rng(5)
    for difference in differences[1:]:
        drawn = again.integers(500, size=500)
        assert difference == pytest.approx(roc_auc_score(y[drawn], new[drawn]) - roc_auc_score(y[drawn], old[drawn]))
    assert np.isnan(modeling.compare_auc([True] * 5, [0.1] * 5, [0.2] * 5, n=2)).all()


def test_the_gate_refuses_a_worse_model_and_lets_a_better_or_equal_one_through(made):
    worse = pipeline.gate(made / "worse", made / "good", made / "test.parquet")
    assert not worse["passed"] and worse["low"] < worse["difference"] < worse["high"] < 0 and "95% interval" in worse["reason"]
    better = pipeline.gate(made / "good", made / "worse", made / "test.parquet")
    assert better["passed"] and better["difference"] == pytest.approx(-worse["difference"])
    same = pipeline.gate(made / "good", made / "good", made / "test.parquet")
    assert same["passed"] and same["difference"] == same["low"] == same["high"] == 0


def test_what_few_flights_cannot_show_does_not_pass(made, tmp_path):
    """A better model on a handful of flights: the interval is too wide to let it through."""
    table = pd.read_parquet(made / "test.parquet")
    table.sample(60, random_state=1).to_parquet(tmp_path / "few.parquet")
    verdict = pipeline.gate(made / "good", made / "worse", tmp_path / "few.parquet")
    assert not verdict["passed"] and verdict["low"] < -pipeline.MARGIN < verdict["high"]


def test_a_first_model_has_to_be_better_than_chance(made, tmp_path):
    assert pipeline.gate(made / "good", tmp_path / "none", made / "test.parquet")["passed"]
    table = pd.read_parquet(made / "test.parquet")
    table.assign(late=np.random.default_rng(0).permutation(table["late"])).to_parquet(tmp_path / "noise.parquet")
    verdict = pipeline.gate(made / "good", tmp_path / "none", tmp_path / "noise.parquet")
    assert not verdict["passed"] and "no champion yet" in verdict["reason"]


def test_published_models_are_on_record_and_only_those_that_passed_become_champion(made, tmp_path):
    import mlflow

    metrics = pipeline.evaluate(made / "good", made / "test.parquet")
    passed, refused = ({"passed": each, "reason": "…"} for each in (True, False))
    assert registry.publish(made / "good", metrics, passed, tmp_path / "store", commit="abc") == "1"
    assert registry.publish(made / "worse", metrics, refused, tmp_path / "store") == "2"
    client = mlflow.MlflowClient(tracking_uri=tracking.Store(tmp_path / "store").uri)
    assert int(client.get_model_version_by_alias(model_source.NAME, model_source.ALIAS).version) == 1
    run = client.get_run(client.get_model_version(model_source.NAME, "1").run_id)
    assert run.data.metrics["auc"] == metrics["auc"] and run.data.params["n_steps"] == "40"
    assert run.data.tags["commit"] == "abc" and run.data.tags["gate"] == "passed" and run.info.status == "FINISHED"
    assert len(client.search_runs([run.info.experiment_id])) == 2


def test_a_first_then_a_better_then_a_worse_model_by_the_program_alone(made, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.Store(tmp_path / "store").uri)

    def run(*arguments):
        code, told = pipeline.main([str(part) for part in arguments]), capsys.readouterr()
        assert (told.out + told.err).count("\n") == 1
        return code, told.out + told.err

    def push(steps):
        """All steps up to the first that fails."""
        data = ["--data", made / "test.parquet"]
        for arguments in [
            ["train", "--data", made / "train.parquet", "--to", "model", "--steps", steps],
            ["evaluate", "--model", "model", *data, "--to", "metrics.json"],
            ["log", "--model", "model", "--metrics", "metrics.json", "--to", "version.txt"],
            ["champion", "--to", "champion"],
            ["gate", "--model", "model", "--champion", "champion", *data, "--to", "gate.json"],
            ["promote", "--version", "version.txt", "--gate", "gate.json"],
        ]:
            code, told = run(*arguments)
            if code:
                break
        return told

    assert run("champion", "--to", "champion") == (0, "there is no champion yet\n") and not (tmp_path / "champion").exists()
    assert push(15) == "version 1 of flight-delay is the champion\n"
    assert push(40) == "version 2 of flight-delay is the champion\n"
    assert push(1).startswith("The gate refuses model: AUC -0.")
    assert json.loads((tmp_path / "champion" / "model.json").read_text())["version"] == "2"
    assert run("promote", "--version", "version.txt", "--gate", "gate.json") == (
        1,
        "Version 3 stays what it is: the gate refused it.\n",
    )
    assert run("report", "--metrics", "metrics.json", "--gate", "gate.json", "--to", "report.md")[0] == 0
    page = (tmp_path / "report.md").read_text()
    assert "Gate: **refused**: AUC -0." in page and "| auc | 0." in page and "| origin JFK | 0." in page
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=tracking.Store(tmp_path / "store").uri)
    assert [run.data.params["n_steps"] for run in client.search_runs(["1"], order_by=["start_time"])] == ["15", "40", "1"]
    assert not (tmp_path / "mlruns").exists()


def test_a_report_without_a_gate_says_so():
    page = pipeline.report({"auc": 0.7, "flights": 1200})
    assert "Gate: not reached." in page and "| flights | 1,200 |" in page and "slice" not in page


def test_what_the_registry_cannot_do_is_one_line(made, tmp_path):
    with pytest.raises(registry.RegistryError, match="no version 7 of flight-delay: `log` makes one"):
        registry.promote("7", {"passed": True}, tmp_path / "store")
    with pytest.raises(registry.RegistryError, match=r"There is no train.json in none: `train` writes it"):
        registry.log(tmp_path / "none", {}, tmp_path / "store")
    registry.publish(made / "good", {"auc": 0.7}, {"passed": True}, tmp_path / "store")
    next((tmp_path / "store").rglob("model.onnx")).write_bytes((made / "worse" / "model.onnx").read_bytes())
    with pytest.raises(registry.RegistryError, match="version 1 is not the one that was registered"):
        registry.champion(tmp_path / "store", tmp_path / "champion")
    assert not (tmp_path / "champion").exists()


def test_the_commit_is_that_of_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert pipeline._commit() == "unknown"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--data", "nope.parquet", "--to", "x"], "There is no nope.parquet: `prepare` writes it."),
        (["train", "--data", "torn.parquet", "--to", "x"], "torn.parquet is no parquet file that can be read"),
        (["train", "--data", "other.parquet", "--to", "x"], "other.parquet lacks departure_minute"),
        (["evaluate", "--model", "nope", "--data", "good.parquet", "--to", "x"], "There is no model.json in nope"),
        (["log", "--model", "x", "--metrics", "nope.json", "--to", "x"], "There is no nope.json: `evaluate` writes it."),
        (["log", "--model", "x", "--metrics", "torn.parquet", "--to", "x"], "torn.parquet is damaged"),
        (["champion", "--to", "x"], "Which registry? Set MLFLOW_TRACKING_URI"),
        (["prepare", "--months", "13", "--to", "x"], "13"),
        (["train", "--data", "good.parquet", "--to", "x", "--steps", "0"], "n_steps is 0"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, says, made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "torn.parquet").write_bytes((made / "train.parquet").read_bytes()[:1000])
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    (tmp_path / "good.parquet").write_bytes((made / "test.parquet").read_bytes())
    assert pipeline.main(arguments) == 1
    told = capsys.readouterr()
    assert says in told.err and told.err.count("\n") == 1 and not told.out
