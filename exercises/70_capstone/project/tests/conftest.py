"""A small table and a model of it, made once: the tests need no data file, no store and no server."""

import json

import numpy as np
import pandas as pd
import pytest
import skops.io

import data
import drift
import model as models
import settings as project


def table(n=600, seed=0):
    """Rows whose outcome hangs on `hours`; with a gap in `hours`, a category and a flag."""
    rng = np.random.default_rng(seed)
    hours = rng.normal(10, 3, n)
    made = pd.DataFrame({
        "when": pd.date_range("2026-01-01", periods=n, freq="h").astype(str),
        "hours": np.where(rng.random(n) < 0.05, np.nan, hours),
        "place": rng.choice(["north", "south", "east"], n, p=[0.6, 0.3, 0.1]),
        "new": rng.random(n) < 0.5,
        "late": (hours + rng.normal(0, 2, n) > 11).astype(int),
    })  # fmt: skip
    return made


def settings_for(file):
    """The project's settings, but for the data, and quicker."""
    settings = project.load()
    settings["training"] |= {"steps": 15}
    settings["drift"] |= {"window": 120, "at_least": 60}
    return settings | {"data": {"file": str(file), "time": "when", "target": "late"}}


@pytest.fixture
def settings(tmp_path):
    """The settings of a project on `table`."""
    table().to_csv(tmp_path / "data.csv", index=False)
    return settings_for(tmp_path / "data.csv")


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A folder as the registry fills it, with the versions 1 and 2; version 1 is in use."""
    folder = tmp_path_factory.mktemp("served")
    table().to_csv(folder / "data.csv", index=False)
    settings = settings_for(folder / "data.csv")
    X, y, fields = data.load(settings)
    for version, steps in {"1": 20, "2": 5}.items():
        files = folder / version
        files.mkdir()
        trained, _, _ = models.fit(X, y, settings["training"] | {"steps": steps})
        skops.io.dump(trained, files / "model.skops")
        (files / "schema.json").write_text(json.dumps(fields), encoding="utf-8")
        (files / "reference.json").write_text(json.dumps(drift.reference(X, fields)), encoding="utf-8")
    (folder / "current").write_text("1", encoding="utf-8")
    return folder
