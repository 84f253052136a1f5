"""Stores for runs: empty, independent, ready at once."""

import pytest

from helpers import tracking


def test_a_store_records_and_is_emptied_in_place(tmp_path):
    import mlflow

    store = tracking.new_store(tmp_path / "store")
    client = mlflow.MlflowClient(tracking_uri=store.uri)
    experiment = client.create_experiment("late flights", artifact_location=store.artifacts)
    run = client.create_run(experiment)
    client.log_metric(run.info.run_id, "auc", 0.7)
    client.log_text(run.info.run_id, "words", "note.txt")
    assert client.get_run(run.info.run_id).data.metrics == {"auc": 0.7}
    assert list((tmp_path / "store" / "artifacts").rglob("note.txt"))

    again = tracking.new_store(tmp_path / "store")
    assert again == store
    assert [e.name for e in client.search_experiments()] == ["Default"]  # the same open connection sees the new content
    assert not list((tmp_path / "store" / "artifacts").iterdir())


def test_runs_without_an_experiment_keep_their_files_in_the_store(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.chdir(tmp_path)
    store = tracking.new_store("store")
    client = mlflow.MlflowClient(tracking_uri=store.uri)
    client.log_text(client.create_run("0").info.run_id, "words", "note.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_two_stores_know_nothing_of_each_other(tmp_path):
    import mlflow

    one, two = (mlflow.MlflowClient(tracking_uri=tracking.new_store(tmp_path / name).uri) for name in ("one", "two"))
    one.create_experiment("only here")
    assert one.get_experiment_by_name("only here") and not two.get_experiment_by_name("only here")


def test_a_template_is_made_where_there_is_none(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    store = tracking.new_store(tmp_path / "store")
    assert mlflow.MlflowClient(tracking_uri=store.uri).search_experiments()
    assert sorted(path.suffix for path in (tmp_path / "cache").iterdir()) == [".db", ".lock"]


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(tracking.TrackingError, match="thesis.txt.*folder of its own"):
        tracking.new_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(tracking.TrackingError, match="can be written"):
        tracking.new_store(tmp_path / "file" / "store")
