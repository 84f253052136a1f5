"""Promote, roll back, undo; and the service's folder follows."""

import shutil

import pytest

import registry
from settings import ProjectError


class Store:
    """A tracker without a store."""

    def __init__(self, versions):
        self._versions, self._aliases = versions, {}

    def aliases(self):
        return dict(self._aliases)

    def set_aliases(self, aliases):
        self._aliases |= aliases

    def fetch(self, version, to):
        for file in (self._versions / version).iterdir():
            shutil.copy(file, to)


@pytest.fixture
def store(served, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "SERVED", tmp_path / "served")
    monkeypatch.setattr(registry, "SPACE", tmp_path / "space")
    return Store(served)


def test_promote_roll_back_and_undo(store, tmp_path):
    with pytest.raises(ProjectError, match="no previous"):
        registry.roll_back(store)
    seen = []
    for step in (lambda: registry.promote("1", store), lambda: registry.promote("2", store)):
        step()
        seen.append((tmp_path / "served" / "current").read_text())
    for _ in range(2):
        registry.roll_back(store)
        seen.append((tmp_path / "served" / "current").read_text())
    assert seen == ["1", "2", "1", "2"]
    assert store.aliases() == {"champion": "2", "previous": "1"}


def test_promoting_the_champion_again_keeps_the_way_back(store):
    for version in ("1", "2", "2"):
        registry.promote(version, store)
    assert store.aliases() == {"champion": "2", "previous": "1"}


def test_the_space_is_complete(store, tmp_path):
    registry.promote("1", store)
    assert {path.name for path in (tmp_path / "space").iterdir()} == {"model", "predictor.py", "schema.py", "form.py"}
    files = {path.name for path in (tmp_path / "space" / "model").iterdir()}
    assert files == {"model.skops", "schema.json", "version"}  # whoever sees the Space can fetch these: no rows of the data


def test_what_another_store_left_is_replaced(store, served, tmp_path):
    left = tmp_path / "served" / "1"
    left.mkdir(parents=True)
    (left / "model.skops").write_bytes(b"of another store")
    registry.promote("1", store)
    assert (left / "model.skops").read_bytes() == (served / "1" / "model.skops").read_bytes()
    assert {path.name for path in left.parent.iterdir()} == {"1", "current"}
