"""The data is what the training takes it for."""

import json
from pathlib import Path

import pytest
from helpers import flights

SETTINGS = json.loads((Path(__file__).parents[1] / "settings.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def table():
    return flights.load(SETTINGS["train_months"])


def test_there_are_enough_flights(table):
    assert table["late"].notna().sum() >= SETTINGS["flights"]


def test_late_and_punctual_flights_are_there(table):
    assert 0.05 < table["late"].mean() < 0.5


def test_every_feature_is_there(table):
    assert set(flights.FEATURES) <= set(table.columns)
