"""A file that a model should not be trained on gets one sentence; a good one gives the same numbers in training and serving."""

import numpy as np
import pandas as pd
import pytest
from conftest import table

import data
import schema
from settings import ProjectError


def test_the_rows_come_in_the_order_of_time(settings):
    shuffled = table().sample(frac=1, random_state=1)
    shuffled.to_csv(settings["data"]["file"], index=False)
    X, y, fields = data.load(settings)
    assert y.tolist() == table()["late"].tolist()
    assert [field["kind"] for field in fields] == ["number", "category", "flag"]
    assert X.shape == (600, 3) and np.isnan(X[:, 0]).sum() == table()["hours"].isna().sum()


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda t: t.drop(columns="late"), "no column 'late'"),
        (lambda t: t.assign(late=t["late"] + 1), "must be 0 and 1"),
        (lambda t: t.assign(late=0), "must be 0 and 1"),
        (lambda t: t.assign(when="soon"), "must read as a time"),
        (lambda t: t.assign(when=range(len(t))), "must read as a time"),
        (lambda t: t.head(20), "20 rows"),
        (lambda t: t.assign(hours=np.nan), "is empty"),
        (lambda t: t.assign(place=[f"case {i}" for i in range(len(t))]), "different texts"),
    ],
)
def test_a_wrong_file_gets_one_sentence(settings, spoil, message):
    spoil(table()).to_csv(settings["data"]["file"], index=False)
    with pytest.raises(ProjectError) as error:
        data.load(settings)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_no_file_and_no_table_get_one_sentence(settings, tmp_path):
    (tmp_path / "data.csv").write_bytes(b"\xff\x00 no table")
    with pytest.raises(ProjectError, match="cannot be read"):
        data.load(settings)
    (tmp_path / "data.csv").unlink()
    with pytest.raises(ProjectError, match="There is no data.csv"):
        data.load(settings)


def test_requests_are_coded_as_the_training_was(settings):
    X, _, fields = data.load(settings)
    rows = pd.read_csv(settings["data"]["file"]).astype(object).where(lambda t: t.notna(), None).to_dict("records")
    assert np.array_equal(schema.encode(rows, fields), X, equal_nan=True)


def test_an_unknown_text_stands_last_and_an_absent_one_is_nan():
    field = {"name": "place", "kind": "category", "values": ["north", "south"]}
    codes = schema.encode([{"place": "south"}, {"place": "moon"}, {"place": None}], [field])
    assert codes[:2, 0].tolist() == [1, 2] and np.isnan(codes[2, 0])
