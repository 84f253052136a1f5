"""Flights as a numpy file: read as JSON columns are read, and refused as they are."""

import io
import json
import random

import numpy as np
import pytest
from fastapi.testclient import TestClient

from helpers import flight_records, flight_schema, flights, model_source, modeling, onnx_model, serving


@pytest.fixture(scope="module")
def X():
    return flights.features_and_target(flights.load(1))[0].iloc[:3000].reset_index(drop=True)


@pytest.fixture(scope="module")
def content(X):
    return onnx_model.convert(modeling.make_model(n_steps=5).fit(X, np.arange(len(X)) % 3 == 0))


@pytest.fixture(scope="module")
def model(content):
    return onnx_model.OnnxModel(content)


def as_file(records):
    file = io.BytesIO()
    np.save(file, records)
    return file.getvalue()


def changed(X, **kinds):
    """The records with other types for some fields, in the order of `kinds` first."""
    records = flight_records.of_table(X)
    wanted = kinds | {name: kind for name, (kind, _) in records.dtype.fields.items() if name not in kinds}
    made = np.empty(len(records), dtype=list(wanted.items()))
    for name in wanted:
        made[name] = records[name]
    return made


def test_every_way_to_write_it_gives_the_matrix_of_the_rows(X, model):
    wanted = model.encode(json.loads(X.to_json(orient="records", double_precision=15)))
    kinds = dict.fromkeys(flights.CATEGORICAL, "S3")
    ways = {
        "as made here": flight_records.of_table(X),
        "double precision": changed(X, **dict.fromkeys(flights.NUMERIC, "<f8")),
        "whole numbers, fields turned round": changed(X, weekday="S3", departure_minute="<i2", distance="<u4"),
        "the other byte order": changed(X, temp=">f4", dest=">U3"),
        "unicode": changed(X, **dict.fromkeys(flights.CATEGORICAL, "<U3")),
        "room for more": changed(X, dest="S9", origin="U8"),
        "by pandas": X.to_records(index=False, column_dtypes=kinds),
        "every second of twice as many": np.repeat(flight_records.of_table(X), 2)[::2],
    }
    for name, records in ways.items():
        got = model.encode_columns(flight_records.read_columns(as_file(records)))
        assert np.array_equal(got, wanted, equal_nan=True), name


BAD = {
    "too cold": ("temp", -40.0),
    "infinite": ("pressure", float("inf")),
    "beyond the day": ("departure_minute", 1440.0),
    "a NaN where a value is needed": ("distance", float("nan")),
    "unknown origin": ("origin", b"BOS"),
    "a small carrier": ("carrier", b"ua"),
    "no text": ("dest", b""),
    "a long text": ("dest", b"JFKKK"),
    "beyond ASCII": ("weekday", "Mö"),
    "beyond ASCII in bytes": ("weekday", "Mö".encode()),
}


@pytest.mark.parametrize(("name", "value"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("row", [0, 1733])
def test_a_bad_value_is_refused_in_the_words_of_the_json_route(X, name, value, row):
    records = changed(X, **{name: "f8" if name in flights.NUMERIC else "U9" if isinstance(value, str) else "S9"})
    records[name][row] = value
    with pytest.raises(flight_schema.BadFlights) as refused:
        flight_records.read_columns(as_file(records))
    (told,) = refused.value.problems
    assert told["where"] == f"{name}.{row}" and len(told["came"]) <= 61
    if value == float("inf"):
        return  # which JSON cannot say
    columns = X.astype(object).where(X.notna(), None).to_dict("list")
    columns[name][row] = value.decode("latin-1") if isinstance(value, bytes) else None if value != value else value
    with pytest.raises(flight_schema.BadFlights) as refused:
        flight_schema.read_columns(json.dumps(columns).encode())
    assert told["problem"] == refused.value.problems[0]["problem"]


def test_fields_of_another_kind_are_refused(X):
    for name, kind, why in [
        ("temp", "S5", "valid number"), ("temp", "?", "valid number"), ("temp", "M8[s]", "valid number"),
        ("temp", "c8", "valid number"), ("dest", "V3", "valid string"),
    ]:  # fmt: skip
        records = np.zeros(len(X), dtype=[(n, kind if n == name else k) for n, k in flight_records.of_table(X).dtype.descr])
        with pytest.raises(flight_schema.BadFlights, match=why):
            flight_records.read_columns(as_file(records))


def test_what_is_absent_strange_empty_or_too_much_is_refused(X):
    records = flight_records.of_table(X)
    names = list(records.dtype.names)
    late = np.zeros(1, dtype=[*records.dtype.descr, ("late", "f4")])
    for made, why in [
        (records[[name for name in names if name != "temp"]].copy(), "temp: Field required"),
        (late, "late: Extra inputs"),
        (records[:0], "expected 1 to 1,000,000 rows"),
        (np.resize(records, 1_000_001), "expected 1 to 1,000,000 rows"),
        (np.zeros((3, 14)), "not one list"),
        (np.zeros(3), "Field required"),
        (records.reshape(-1, 2), "not one list"),
        (np.array([{"a": 1}], dtype=object), "not one list"),  # which would have to be unpickled
    ]:
        with pytest.raises(flight_schema.BadFlights, match=why):
            flight_records.read_columns(as_file(made))


def test_damaged_bytes_are_refused_or_are_flights(X):
    sound, chance, refused = as_file(flight_records.of_table(X.iloc[:5])), random.Random(1), 0
    for _ in range(5000):
        broken = bytearray(sound)
        for _ in range(chance.choice([1, 1, 2, 8])):
            broken[chance.randrange(6, len(broken))] = chance.randrange(256)
        if chance.random() < 0.2:
            broken = broken[: chance.randrange(6, len(broken))]
        try:
            columns = flight_records.read_columns(bytes(broken))
            assert set(columns) == set(flights.FEATURES)
        except flight_schema.BadFlights:
            refused += 1
    assert 1000 < refused < 5000


def test_the_service_takes_it_and_refuses_it(X, content, model, tmp_path):
    folder = model_source.save(content, tmp_path, "1")
    kind, body = {"Content-Type": flight_records.MEDIA_TYPE}, as_file(flight_records.of_table(X))
    with TestClient(serving.create_app(model_source.Folder(folder), environ={})) as client:
        while client.get("/healthcheck").status_code != 200:
            pass
        answer = client.post("/predict/columns", content=body, headers=kind)
        wanted = model.probability_late(model.encode(json.loads(X.to_json(orient="records", double_precision=15))))
        assert answer.json()["version"] == "1" and np.allclose(answer.json()["late"], wanted, atol=1e-7)
        answer = client.post("/predict/columns", content=body[:-500], headers=kind)
        assert answer.status_code == 422 and "no .npy file" in answer.json()["problems"][0]["problem"]
        assert flight_records.MEDIA_TYPE in client.get("/openapi.json").text
