"""The service: strict, never half swapped, gone when told; its model is the registered one and no other."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from helpers import flight_schema, flights, modeling, onnx_model, services, serving, tracking


@pytest.fixture(scope="module")
def january():
    return flights.features_and_target(flights.load(1))


@pytest.fixture(scope="module")
def models(january):
    """Two versions whose answers differ for every flight."""
    X, y = january
    return {"1": modeling.make_model(n_steps=20).fit(X, y), "2": modeling.make_model(n_steps=40, learning_rate=0.3).fit(X, y)}


def as_json(X):
    return json.loads(X.to_json(orient="records", double_precision=15))


@pytest.fixture(scope="module")
def rows(january):
    return as_json(january[0].iloc[:200])


class Fixed:
    """A registry with one model, always the same."""

    def __init__(self, served):
        self.served = served

    async def version(self):
        return {"version": self.served.version}

    async def fetch(self, version):
        return self.served


@pytest.fixture(scope="module")
def client(models):
    registry = Fixed(serving.Served("1", onnx_model.OnnxModel(onnx_model.convert(models["1"]))))
    with TestClient(serving.create_app(registry)) as client:
        wait_until(lambda: client.get("/healthcheck").status_code == 200)
        yield client


def wait_until(done, seconds=15):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


# --- the model as ONNX ----------------------------------------------------------------------------------------------------


def test_onnx_gives_the_same_probabilities(models):
    X, _ = flights.features_and_target(flights.load(4))  # a month that it has not seen, gaps and new destinations included
    X = X.iloc[:5000].assign(carrier=["ZZ"] + X["carrier"].iloc[1:5000].tolist())
    model = onnx_model.OnnxModel(onnx_model.convert(models["2"]))
    matrix = model.encode(as_json(X))
    assert abs(model.probability_late(matrix) - modeling.probability_late(models["2"], X)).max() < 1e-6
    columns = {name: [row[name] for row in as_json(X)] for name in model.features}
    assert np.array_equal(model.encode_columns(columns), matrix, equal_nan=True)


def test_no_rows_give_no_probabilities(models):
    model = onnx_model.OnnxModel(onnx_model.convert(models["1"]))
    assert model.probability_late(model.encode([])).shape == (0,)


def test_what_is_no_model_is_refused():
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    foreign = to_onnx(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), np.zeros((1, 1), np.float32)).SerializeToString()
    for content, why in [(b"", "no ONNX file"), (b"\x80\x04pickle", "no ONNX file"), (foreign, "does not say what its columns")]:
        with pytest.raises(onnx_model.ModelError, match=why):
            onnx_model.OnnxModel(content)


def test_the_request_agrees_with_the_data():
    columns = flights.schema().columns
    assert tuple(flight_schema.VALUES) == flights.FEATURES and tuple(flight_schema.BOUNDS) == flights.NUMERIC
    for name, (low, high, unit) in flight_schema.BOUNDS.items():
        check = columns[name].checks[0].statistics
        assert (low, high, unit) == (check["min_value"], check["max_value"], columns[name].metadata["unit"]), name
        assert (name in flight_schema.ALWAYS_KNOWN) == (not columns[name].nullable)


# --- answers --------------------------------------------------------------------------------------------------------------


def test_one_flight_many_flights_and_columns_agree(client, models, rows, january):
    wanted = modeling.probability_late(models["1"], january[0].iloc[:200])
    many = client.post("/predict", json=rows).json()
    columns = client.post("/predict/columns", json={name: [row[name] for row in rows] for name in flights.FEATURES}).json()
    singles = [client.post("/predict", json=row).json()["late"][0] for row in rows[:20]]
    assert many["version"] == columns["version"] == "1" and many["late"] == columns["late"] and singles == many["late"][:20]
    assert np.allclose(many["late"], wanted, atol=1e-6)


def test_missing_weather_and_a_new_carrier_are_answered(client, rows):
    gaps = dict.fromkeys(set(flight_schema.BOUNDS) - set(flight_schema.ALWAYS_KNOWN))
    answer = client.post("/predict", json={**rows[0], **gaps, "carrier": "ZZ", "dest": "XYZ"})
    assert answer.status_code == 200 and 0 < answer.json()["late"][0] < 1


def changed(**values):
    return lambda row: json.dumps({**row, **values})


def with_number(text):
    return lambda row: json.dumps({**row, "temp": 12345}).replace("12345", text)


BAD = {  # body, where the problem is
    "column missing": (lambda row: json.dumps({k: v for k, v in row.items() if k != "temp"}), "temp"),
    "text for a number": (changed(temp="mild"), "temp"),
    "number as text": (changed(temp="45"), "temp"),
    "true for a number": (changed(temp=True), "temp"),
    "a list for a number": (changed(temp=[45]), "temp"),
    "null for what is always known": (changed(distance=None), "distance"),
    "unknown airport": (changed(origin="BOS"), "origin"),
    "unknown weekday": (changed(weekday="Monday"), "weekday"),
    "number for a category": (changed(carrier=7), "carrier"),
    "carrier too long": (changed(carrier="UNITED"), "carrier"),
    "lower case": (changed(dest="bos"), "dest"),
    "extra field": (changed(dep_delay=5), "dep_delay"),
    "below its range": (changed(humid=-1), "humid"),
    "above its range": (changed(departure_minute=1440), "departure_minute"),
    "1e400": (with_number("1e400"), "temp"),
    "1e39": (with_number("1e39"), "temp"),
    "NaN": (with_number("NaN"), "temp"),
    "Infinity": (with_number("-Infinity"), "temp"),
    "400 digits": (with_number("9" * 400), "temp"),
    "malformed": (lambda row: '{"temp": ', "body"),
    "nothing": (lambda row: "", "body"),
    "no flights": (lambda row: "[]", "body"),
    "a list of lists": (lambda row: "[[1]]", "0"),
    "a number": (lambda row: "5", "body"),
    "null": (lambda row: "null", "body"),
    "text": (lambda row: '"flight"', "body"),
    "deep": (lambda row: "[" * 100_000, "body"),
    "deep objects": (lambda row: '{"a":' * 50_000, "body"),
    "half a character": (lambda row: json.dumps(row).replace(row["carrier"], "\\ud800"), ""),
    "no UTF-8": (lambda row: b'{"temp": "\xff"}', "body"),
    "one bad among good": (lambda row: json.dumps([row, {**row, "temp": "45"}, row]), "1.temp"),
    "too many": (lambda row: json.dumps([{}] * (flight_schema.MOST_FLIGHTS + 1)), ""),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_body_gets_422_and_the_place(client, rows, kind):
    make, where = BAD[kind]
    answer = client.post("/predict", content=make(rows[0]))
    assert answer.status_code == 422, answer.text
    problems = json.loads(answer.text, parse_constant=lambda word: pytest.fail(f"{word} in the answer is no JSON"))["problems"]
    assert not where or where in [problem["where"] for problem in problems]
    assert len(answer.text) < 8_000 and len(problems) <= 20


BAD_COLUMNS = {
    "unequal": lambda columns: {**columns, "temp": columns["temp"][:-1]},
    "empty": lambda columns: {name: [] for name in columns},
    "missing": lambda columns: {name: values for name, values in columns.items() if name != "temp"},
    "extra": lambda columns: {**columns, "more": [1]},
    "text in numbers": lambda columns: {**columns, "temp": ["45"] * len(columns["temp"])},
    "rows": lambda columns: [columns],
}


@pytest.mark.parametrize("kind", BAD_COLUMNS)
def test_bad_columns_get_422(client, rows, kind):
    columns = {name: [row[name] for row in rows] for name in flights.FEATURES}
    answer = client.post("/predict/columns", json=BAD_COLUMNS[kind](columns))
    assert answer.status_code == 422 and answer.json()["problems"]


def test_a_large_and_a_slow_body_are_cut_short(client, rows, monkeypatch):
    monkeypatch.setattr(serving, "LARGEST_BODY", 1_000)
    assert client.post("/predict", content=b"[" + b" " * 2_000 + b"]").status_code == 413
    monkeypatch.setattr(serving, "PATIENCE", 0.2)

    async def never(request):
        import asyncio

        await asyncio.sleep(30)

    monkeypatch.setattr(serving, "_body", never)
    assert client.post("/predict", json=rows[0]).status_code == 408


def test_metrics_count_what_was_answered(client, rows):
    def counted(line):
        return sum(float(text.split()[-1]) for text in client.get("/metrics").text.splitlines() if text.startswith(line))

    good, bad = 'requests_total{route="/predict",status="200"}', 'requests_total{route="/predict",status="422"}'
    before = [counted(line) for line in (good, bad, 'flights_total{version="1"}')]
    client.post("/predict", json=rows[:7])
    client.post("/predict", content=b"")
    after = [counted(line) for line in (good, bad, 'flights_total{version="1"}')]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 7]


def test_the_document_describes_the_bodies(client, rows):
    document = client.get("/openapi.json").json()
    assert {"/predict", "/predict/columns", "/healthcheck", "/metrics"} <= set(document["paths"])
    body = document["paths"]["/predict/columns"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["required"]) == set(flights.FEATURES)


def test_a_service_without_a_model_lives_and_is_not_ready(rows):
    class Empty:
        async def version(self):
            raise onnx_model.ModelError("The registry answers 404: no alias champion")

    with TestClient(serving.create_app(Empty())) as client:
        wait_until(lambda: "champion" in client.get("/healthcheck").text)
        answer = client.get("/healthcheck")
        assert answer.status_code == 503 and answer.json()["live"] and not answer.json()["ready"]
        assert client.post("/predict", json=rows[0]).status_code == 503


def test_a_fetch_that_fails_once_is_tried_again(models, rows):
    class Flaky(Fixed):
        fetched = 0

        async def fetch(self, version):
            self.fetched += 1
            if self.fetched == 1:
                raise onnx_model.ModelError("The file of version 1 is not there (500).")
            return self.served

    served = serving.Served("1", onnx_model.OnnxModel(onnx_model.convert(models["1"])))
    with TestClient(serving.create_app(Flaky(served), poll=0.05)) as client:
        wait_until(lambda: client.get("/healthcheck").status_code == 200)
        assert client.get("/healthcheck").json()["problem"] == ""
        assert client.post("/predict", json=rows[0]).json()["version"] == "1"


# --- with a real registry, as a process of its own ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def registry(models, tmp_path_factory):
    """A store with both versions, and MLflow's server on it."""
    import mlflow

    store = tracking.new_store(tmp_path_factory.mktemp("registry"))
    client = mlflow.MlflowClient(tracking_uri=store.uri)
    experiment = client.create_experiment("late flights", artifact_location=store.artifacts)
    for model in models.values():
        serving.register(client, "flight-delay", model, run_id=client.create_run(experiment).info.run_id)
    client.set_registered_model_alias("flight-delay", "champion", "1")
    with services.mlflow_ui(store) as server:
        yield client, server.local_url


def run_service(url, *options):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "helpers.serving", "--registry", url, "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(lambda: answers(port) or process.poll() is not None, 30)
    return process, port


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthcheck", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_ten_thousand_requests_and_a_swap_in_the_middle(registry, models, rows, january):
    client, url = registry
    client.set_registered_model_alias("flight-delay", "champion", "1")
    X = january[0].iloc[:3]
    wanted = {version: modeling.probability_late(model, X).tolist() for version, model in models.items()}
    body, answered, wrong = json.dumps(rows[:3]), [], []

    def ask(api, count):
        with httpx.Client(base_url=api.local_url, trust_env=False) as line:
            for _ in range(count):
                answer = line.post("/predict", content=body)
                found = answer.json()
                if answer.status_code != 200 or not np.allclose(found["late"], wanted[found["version"]], atol=1e-6):
                    wrong.append(answer.text)
                answered.append(found.get("version"))

    with serving.start(url) as api:
        threads = [threading.Thread(target=ask, args=(api, 2_500)) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answered) > 1_000, 60)
        client.set_registered_model_alias("flight-delay", "champion", "2")
        for thread in threads:
            thread.join(300)
    assert len(answered) == 10_000 and not wrong and set(answered) == {"1", "2"}


def test_a_damaged_or_foreign_file_is_refused_and_the_old_model_goes_on(registry, rows):
    client, url = registry
    client.set_registered_model_alias("flight-delay", "champion", "1")
    version = client.get_model_version("flight-delay", "2")
    file = onnx_file(client, version)
    sound = file.read_bytes()
    with serving.start(url) as api, httpx.Client(base_url=api.local_url, trust_env=False) as line:
        try:
            file.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
            client.set_registered_model_alias("flight-delay", "champion", "2")
            wait_until(lambda: "not the one that was registered" in line.get("/healthcheck").text)
            assert line.post("/predict", json=rows[0]).json()["version"] == "1"
        finally:
            file.write_bytes(sound)
        client.set_registered_model_alias("flight-delay", "champion", "1")
        wait_until(lambda: line.get("/healthcheck").json()["problem"] == "")
        client.set_registered_model_alias("flight-delay", "champion", "2")  # mended: it is tried again
        wait_until(lambda: line.get("/healthcheck").json()["version"] == "2")


def onnx_file(client, version):
    from pathlib import Path
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    return Path(url2pathname(urlparse(version.source).path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can answer")
def test_sigterm_under_load_finishes_what_it_began(registry, rows):
    _, url = registry
    process, port = run_service(url)
    statuses, refused = [], []
    body = json.dumps(rows * 20)

    def ask():
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as line:
            for _ in range(2_000):
                try:
                    statuses.append(line.post("/predict", content=body).status_code)
                except httpx.ConnectError:  # not begun: the door is shut
                    refused.append(1)
                    return
                except httpx.TransportError as error:
                    statuses.append(repr(error))
                    return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(statuses) > 20, 60)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    for thread in threads:
        thread.join(60)
    begun, finished = map(int, re.search(r"(\d+) requests begun, (\d+) finished", output).groups())
    assert begun == finished == statuses.count(200) > 20  # each that was begun was answered, and the answer arrived
    # A kept-alive line may be shut between two requests: that request was not begun, and the client knows it.
    assert all(status == 200 or "Error" in str(status) for status in statuses)


def test_a_port_that_is_taken_is_told(registry):
    _, url = registry
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(services.ServiceError, match="another program listens there"):
            serving.start(url, port=other.getsockname()[1])


def test_two_services_at_once(registry, rows):
    _, url = registry
    process, port = run_service(url)
    try:
        with serving.start(url) as api:
            for address in (api.local_url, f"http://127.0.0.1:{port}/"):
                assert httpx.post(f"{address}predict", json=rows[0], trust_env=False).status_code == 200
    finally:
        process.kill()
        process.communicate()


def test_a_registry_that_goes_away_leaves_the_model_in_use(models, rows, tmp_path):
    import mlflow

    store = tracking.new_store(tmp_path / "store")
    client = mlflow.MlflowClient(tracking_uri=store.uri)
    experiment = client.create_experiment("late flights", artifact_location=store.artifacts)
    serving.register(client, "flight-delay", models["1"], run_id=client.create_run(experiment).info.run_id)
    client.set_registered_model_alias("flight-delay", "champion", "1")
    with services.start("MLflow again", services_command(store), env=None) as server, serving.start(server.local_url) as api:
        server.stop()
        wait_until(lambda: httpx.get(f"{api.local_url}healthcheck", trust_env=False).json()["problem"])
        answer = httpx.post(f"{api.local_url}predict", json=rows[0], trust_env=False)
        assert answer.status_code == 200 and answer.json()["version"] == "1"


def services_command(store):
    return [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1",
        "--backend-store-uri", store.uri, "--default-artifact-root", store.artifacts,
    ]  # fmt: skip


def test_memory_stays_small(registry):
    import psutil

    _, url = registry
    with serving.start(url) as api:
        assert psutil.Process(api.pid).memory_info().rss < 120e6
