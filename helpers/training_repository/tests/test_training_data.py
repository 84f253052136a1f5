"""What the flights of a month must be like before a model learns from them. MONTH names the month, 1 to 12."""

import json
import os
from pathlib import Path

import pytest

from helpers import flights

FLIGHT = ["scheduled_departure", "carrier", "flight", "origin"]  # the columns that together name one flight


@pytest.fixture(scope="module")
def month():
    return flights.load(int(os.environ.get("MONTH", "1")))


@pytest.fixture(scope="module")
def limits():
    return json.loads(Path(__file__).with_name("limits.json").read_text(encoding="utf-8"))


def test_the_month_is_whole(month, limits):
    assert len(month) >= limits["flights a month, at least"]


def test_each_flight_is_there_once(month):
    assert not month.duplicated(FLIGHT).any()


def test_late_means_fifteen_minutes_or_more(month):
    arrived = month[month["late"].notna()]
    assert (arrived["late"] == (arrived["arr_delay"] >= 15)).all()


def test_the_dew_point_is_never_above_the_temperature(month):
    assert not (month["dewp"] > month["temp"]).any()


def test_late_flights_and_gaps_are_as_many_as_agreed(month, limits):
    X, y = flights.features_and_target(month)
    low, high = limits["share of late flights"]
    assert low <= y.mean() <= high
    assert X.isna().mean().max() <= limits["share of gaps in a column, at most"]
