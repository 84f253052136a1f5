"""Training ends in a record and a report; the first model is served, or said not to be; a champion meets the same rows."""

import json
import shutil

import pytest

import gate
import registry
import train


class Store:
    """A tracker that keeps its versions in a folder."""

    def __init__(self, folder):
        self.folder, self.in_use, self.records = folder, {}, []

    def record(self, folder, model, X, params, metrics, curves, tags):
        self.records.append({"params": params, "metrics": metrics, "tags": tags})
        shutil.copytree(folder, self.folder / str(len(self.records)))
        return str(len(self.records))

    def aliases(self):
        return dict(self.in_use)

    def set_aliases(self, aliases):
        self.in_use |= aliases

    def fetch(self, version, to):
        shutil.copytree(self.folder / version, to, dirs_exist_ok=True)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "OUT", tmp_path / "out")
    monkeypatch.setattr(gate, "REPORT", tmp_path / "out" / "report.json")
    monkeypatch.setattr(registry, "SERVED", tmp_path / "served")
    monkeypatch.setattr(registry, "SPACE", tmp_path / "space")
    return Store(tmp_path / "store")


def test_a_training_is_recorded_compared_and_promoted(settings, store, tmp_path):
    for version in ("1", "2"):
        train.fit(settings, store)
        assert json.loads(gate.REPORT.read_text())["version"] == version
        registry.promote_if_passed(store)
        assert (tmp_path / "served" / "current").read_text() == version
    first, second = store.records
    assert first["params"]["rows"] == 600 and first["tags"]["gate"] == "passed" and len(first["tags"]["data"]) == 16
    assert "champion_auc" not in first["metrics"]
    assert second["metrics"]["champion_auc"] == pytest.approx(first["metrics"]["auc"])  # the same rows, the same settings
    assert store.in_use == {"champion": "2", "previous": "1"}


def test_a_champion_that_does_not_know_the_data_is_not_compared(settings, store, capsys):
    train.fit(settings, store)
    registry.promote_if_passed(store)
    settings["data"]["features"] = ["place"]  # and `hours` is renamed, which the champion wants
    file = settings["data"]["file"]
    with open(file, encoding="utf-8") as old:
        text = old.read().replace("hours", "time of day", 1)
    with open(file, "w", encoding="utf-8") as new:
        new.write(text)
    train.fit(settings, store)
    assert "is not compared" in capsys.readouterr().out and "champion_auc" not in store.records[1]["metrics"]


def test_the_first_model_that_is_refused_is_not_served(settings, store, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gate, "verdict", lambda metrics, margin: "it is too bad")
    train.fit(settings, store)
    registry.promote_if_passed(store)
    said = capsys.readouterr().out
    assert "refuses version 1: it is too bad" in said and "nothing is served" in said and "stays" not in said
    assert not (tmp_path / "served").exists() and store.in_use == {}


def test_a_later_one_that_is_refused_leaves_the_champion(settings, store, monkeypatch, capsys, tmp_path):
    train.fit(settings, store)
    registry.promote_if_passed(store)
    monkeypatch.setattr(gate, "verdict", lambda metrics, margin: "it is too bad")
    train.fit(settings, store)
    registry.promote_if_passed(store)
    assert "The champion stays." in capsys.readouterr().out
    assert (tmp_path / "served" / "current").read_text() == "1" and store.in_use == {"champion": "1"}
