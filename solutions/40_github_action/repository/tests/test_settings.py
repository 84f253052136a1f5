"""The settings make sense: otherwise the model would be wasted work, or its metric a lie."""

import json
from pathlib import Path

SETTINGS = json.loads((Path(__file__).parents[1] / "settings.json").read_text(encoding="utf-8"))


def test_no_month_is_both_for_training_and_for_the_test():
    assert not set(SETTINGS["train_months"]) & set(SETTINGS["test_months"])


def test_the_test_comes_after_the_training():
    assert min(SETTINGS["test_months"]) > max(SETTINGS["train_months"])


def test_numbers_are_in_their_range():
    assert SETTINGS["n_steps"] >= 1 and 0 < SETTINGS["learning_rate"] <= 1 and 0 <= SETTINGS["margin"] < 0.1
