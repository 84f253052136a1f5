"""The service answers good rows, refuses bad ones without repeating them, counts right, and changes over."""

import json
from types import SimpleNamespace

import pytest
from conftest import settings_for, table
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

import service
import settings as project

ROW = {"hours": 14.5, "place": "north", "new": True}


@pytest.fixture
def client(served):
    (served / "current").write_text("1", encoding="utf-8")
    return TestClient(service.make_app(settings_for("not read"), served))


def metrics(client):
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_a_good_row_is_answered_with_the_version(client):
    answer = client.post("/predict", json=ROW).json()
    assert 0 <= answer["probability"] <= 1 and answer["model_version"] == "1"
    assert client.get("/health").status_code == 200


def test_more_hours_are_later(client):
    early, late = (client.post("/predict", json=ROW | {"hours": hours}).json()["probability"] for hours in (5, 15))
    assert early < late


def test_a_gap_is_allowed_only_where_training_had_one(client):
    assert client.post("/predict", json=ROW | {"hours": None}).status_code == 200
    assert client.post("/predict", json=ROW | {"place": None}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b"null",
        b"{}",
        json.dumps([ROW]).encode(),
        json.dumps(ROW | {"hours": "many"}).encode(),
        json.dumps(ROW | {"hours": float("nan")}).encode(),
        json.dumps(ROW | {"hours": 1e9}).encode(),
        json.dumps(ROW | {"place": 3}).encode(),
        json.dumps(ROW | {"new": "yes"}).encode(),
        json.dumps(ROW | {"more": 1}).encode(),
        json.dumps({name: ROW[name] for name in ("hours", "place")}).encode(),
    ],
)
def test_a_bad_request_is_refused_without_repeating_it(client, body):
    reply = client.post("/predict", content=body)
    assert reply.status_code == 422
    assert set(reply.json()) == {"problems"} and "NaN" not in reply.text and "many" not in reply.text
    assert metrics(client)["requests_total", "refused"] == 1
    assert client.post("/predict", json=ROW).status_code == 200


def test_answered_rows_are_counted_and_timed(client):
    for _ in range(3):
        client.post("/predict", json=ROW)
    client.post("/predict", json={})
    found = metrics(client)
    assert found["predictions_total", "1"] == found["prediction_seconds_count",] == found["drift_window_rows",] == 3


def test_drift_is_unknown_then_quiet_then_there(client):
    rows = json.loads(table(seed=1)[list(ROW)].to_json(orient="records"))[:120]
    found = metrics(client)
    assert not found["drift_distance", "hours"] <= found["drift_limit", "hours"]  # NaN: nothing is known yet
    for row in rows:
        client.post("/predict", json=row)
    found = metrics(client)
    assert all(found["drift_distance", name] < found["drift_limit", name] for name in ROW)
    for row in rows:
        client.post("/predict", json=row | {"hours": None if row["hours"] is None else row["hours"] + 6})
    found = metrics(client)
    assert found["drift_distance", "hours"] > found["drift_limit", "hours"]
    assert found["drift_distance", "place"] < found["drift_limit", "place"]


def test_another_version_takes_over_and_a_broken_one_does_not(client, served):
    first = client.post("/predict", json=ROW).json()
    for version, expected in {"2": "2", "no such": "2", "1": "1"}.items():
        (served / "current").write_text(version, encoding="utf-8")
        client.app.state.use.refresh()
        assert client.post("/predict", json=ROW).json()["model_version"] == expected
    assert client.post("/predict", json=ROW).json() == first


def test_a_version_with_another_feature_leaves_the_metrics_readable(client):
    for _ in range(70):
        client.post("/predict", json=ROW)
    old = client.app.state.use.predictor
    more = {"name": "crew", "kind": "flag", "gaps": False, "typical": True}
    reference = old.reference | {"crew": {"values": [0.0, 1.0], "gaps": 0.0}}
    client.app.state.use.predictor = SimpleNamespace(version="3", fields=[*old.fields, more], reference=reference)
    reply = client.get("/metrics")
    assert reply.status_code == 200 and 'drift_distance{feature="crew"} NaN' in reply.text


def test_the_docs_have_a_row_to_send(client):
    body = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    example = body["content"]["application/json"]["example"]
    assert set(example) == set(ROW) and client.post("/predict", json=example).status_code == 200


def test_without_a_model_it_says_so(tmp_path):
    client = TestClient(service.make_app(project.load(), tmp_path))
    assert client.get("/health").status_code == client.post("/predict", json=ROW).status_code == 503
