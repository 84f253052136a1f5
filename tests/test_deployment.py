"""The service where others run it: from a folder, under each cloud's contract, behind a proxy that replaces its workers."""

import json
import os
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

from helpers import cloud, flights, model_source, modeling, onnx_model, services, serving
from helpers.course import extras, install


@pytest.fixture(scope="module")
def january():
    return flights.features_and_target(flights.load(1))


@pytest.fixture(scope="module")
def contents(january):
    """Two versions whose answers differ for every flight, as ONNX."""
    X, y = january
    steps = {"1": 20, "2": 30}
    return {version: onnx_model.convert(modeling.make_model(n_steps=n).fit(X, y)) for version, n in steps.items()}


@pytest.fixture(scope="module")
def rows(january):
    return json.loads(january[0].iloc[:200].to_json(orient="records", double_precision=15))


@pytest.fixture
def folder(contents, tmp_path):
    return model_source.save(contents["1"], tmp_path / "model", "1")


def wait_until(done, seconds=15):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def probabilities(content, rows):
    model = onnx_model.OnnxModel(content)
    return model.probability_late(model.encode(rows))


# --- a folder -------------------------------------------------------------------------------------------------------------


def test_a_folder_is_served_and_a_new_version_in_it_taken_up(folder, contents, rows):
    with serving.start(folder) as api, httpx.Client(base_url=api.local_url, trust_env=False) as line:
        answer = line.post("/predict", json=rows).json()
        assert answer["version"] == "1" and np.allclose(answer["late"], probabilities(contents["1"], rows), atol=1e-7)
        model_source.save(contents["2"], folder, "2")
        wait_until(lambda: line.get("/healthcheck").json()["version"] == "2")
        assert np.allclose(line.post("/predict", json=rows).json()["late"], probabilities(contents["2"], rows), atol=1e-7)
        (folder / model_source.FILE).write_bytes(contents["1"])  # foreign now: its checksum is not the one on record
        (folder / model_source.NOTE).write_text((folder / model_source.NOTE).read_text().replace('"2"', '"3"'))
        wait_until(lambda: "not the one" in line.get("/healthcheck").json()["problem"])
        assert line.post("/predict", json=rows).json()["version"] == "2"


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda folder: (folder / model_source.NOTE).unlink(), "There is no model.json in model"),
        (lambda folder: (folder / model_source.NOTE).write_text("[]"), "model.json in model is damaged"),
        (lambda folder: (folder / model_source.NOTE).write_bytes(b"\xff"), "model.json in model is damaged"),
        (lambda folder: (folder / model_source.FILE).unlink(), "There is no model.onnx in model"),
        (lambda folder: (folder / model_source.FILE).write_bytes(b""), "not the one"),
    ],
)
def test_a_folder_that_is_not_whole_says_what_is_wrong(folder, break_it, why):
    break_it(folder)
    with TestClient(serving.create_app(model_source.Folder(folder))) as client:
        wait_until(lambda: why in client.get("/healthcheck").json()["problem"])
        assert client.get("/healthcheck").status_code == client.get("/ping").status_code == 503


@pytest.mark.parametrize(
    ("arguments", "environ", "why"),
    [
        ([], {}, "one of --registry URL and --folder FOLDER"),
        (["--registry", "http://127.0.0.1:1", "--folder", "x"], {}, "one of --registry URL and --folder FOLDER"),
        (["--folder", "x"], {"AIP_HTTP_PORT": "http"}, "AIP_HTTP_PORT is 'http'; expected a port"),
        (["--folder", "x"], {"AIP_HTTP_PORT": "8080", "AIP_HEALTH_ROUTE": "/h"}, "expected two paths"),
        (["serve"], {"SAGEMAKER_BIND_TO_PORT": "70000"}, "SAGEMAKER_BIND_TO_PORT is '70000'"),
    ],
)
def test_a_command_line_that_does_not_fit_gets_one_line(arguments, environ, why, capsys):
    with pytest.raises(SystemExit) as stopped:
        serving.main(arguments, environ)
    told = capsys.readouterr().err
    assert stopped.value.code == 2 and why in told and "Traceback" not in told


# --- the clouds -----------------------------------------------------------------------------------------------------------

VERTEX = {"AIP_HTTP_PORT": "8085", "AIP_HEALTH_ROUTE": "/alive", "AIP_PREDICT_ROUTE": "/v1/models/late:predict"}


def test_each_platform_is_recognised_by_what_it_says():
    assert cloud.contract([], {}) is None
    assert cloud.contract(["serve"], {}) == cloud.Contract("0.0.0.0", 8080, "/opt/ml/model")
    assert cloud.contract(["serve"], {"SAGEMAKER_BIND_TO_PORT": "9000"}).port == 9000
    assert cloud.contract([], VERTEX) == cloud.Contract("0.0.0.0", 8085, None)
    assert cloud.contract([], {**VERTEX, "AIP_STORAGE_URI": "/gcs/model"}).folder == "/gcs/model"
    assert cloud.contract([], {**VERTEX, "AIP_STORAGE_URI": "gs://bucket/model"}).folder is None


def test_sagemaker_and_vertex_get_the_answers_that_they_ask_for(folder, rows):
    with TestClient(serving.create_app(model_source.Folder(folder), environ=VERTEX)) as client:
        wait_until(lambda: client.get("/ping").status_code == 200)
        assert client.get("/alive").status_code == 200
        own = client.post("/predict", json=rows).json()
        assert client.post("/invocations", json=rows).json() == own
        vertex = client.post(VERTEX["AIP_PREDICT_ROUTE"], json={"instances": rows, "parameters": {"x": 1}})
        assert set(vertex.json()) == {"predictions"}
        assert [each["version"] for each in vertex.json()["predictions"]] == ["1"] * len(rows)
        assert np.allclose([each["late"] for each in vertex.json()["predictions"]], own["late"], atol=1e-7)
        for body in ([], {}, {"instances": []}, {"instances": rows[0]}, {"instances": [{**rows[0], "temp": "45"}]}):
            answer = client.post(VERTEX["AIP_PREDICT_ROUTE"], json=body)
            assert answer.status_code == 422 and answer.json()["problems"], body


def test_outside_vertex_there_are_no_routes_of_vertex(folder):
    with TestClient(serving.create_app(model_source.Folder(folder), environ={})) as client:
        assert client.get("/alive").status_code == 404


def test_the_program_takes_port_and_paths_from_vertex(folder, rows):
    command = [sys.executable, "-m", "helpers.serving", "--folder", str(folder), "--host", "127.0.0.1"]
    env = {**VERTEX, "AIP_HTTP_PORT": str(free_port())}
    port = int(env["AIP_HTTP_PORT"])
    with services.start("as on Vertex", command, ready="/alive", env=env, port=port) as api:
        answer = httpx.post(f"{api.local_url}v1/models/late:predict", json={"instances": rows[:2]}, trust_env=False)
        assert answer.status_code == 200 and len(answer.json()["predictions"]) == 2


AZURE = "import sys; from azureml_inference_server_http import {0} as s; s.run('127.0.0.1', int(sys.argv[1]), 1)"


@pytest.mark.needs("azure")
def test_azures_own_server_gives_the_same_answers(folder, contents, rows):
    command = [str(extras.find("azure")), "-c", AZURE.format("amlserver_win" if os.name == "nt" else "amlserver_linux"), "{port}"]
    env = {
        "AZUREML_ENTRY_SCRIPT": str(install.ROOT / "helpers" / "azure_score.py"),
        "AZUREML_MODEL_DIR": str(folder),
        "AML_APP_ROOT": str(folder),
        "AML_APP_INSIGHTS_ENABLED": "false",
        "PYTHONPATH": str(install.ROOT),
    }
    with services.start("Azure ML", command, ready="/", env=env) as server:
        answer = httpx.post(f"{server.local_url}score", json=rows, trust_env=False)
        assert answer.status_code == 200 and answer.json()["version"] == "1"
        assert np.allclose(answer.json()["late"], probabilities(contents["1"], rows), atol=1e-7)
        for body in (b"", b"{", b"[]", json.dumps({**rows[0], "temp": "45"}).encode(), b"\xff"):
            answer = httpx.post(f"{server.local_url}score", content=body, trust_env=False)
            assert answer.status_code == 422 and answer.json()["problems"], body


# --- a worker that is replaced --------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_worker(*options):
    port = free_port()
    command = [sys.executable, "-m", "helpers.serving", "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(lambda: health(port) == 200 or process.poll() is not None, 30)
    return process, port


def health(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthcheck", trust_env=False).status_code
    except httpx.TransportError:
        return None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can answer")
def test_a_draining_worker_sends_callers_away_and_answers_them_all_the_same(folder, rows):
    process, port = run_worker("--folder", str(folder), "--drain", "5")
    answers, errors, asked = [], [], threading.Event()

    def ask():
        """As a proxy does: on a kept line, and elsewhere as soon as the health check says so."""
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as line:
            while line.get("/healthcheck").status_code == 200:
                try:
                    answers.append(line.post("/predict", json=rows[0]))
                except httpx.TransportError as error:
                    errors.append(error)
                asked.set()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert asked.wait(30)
    process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    late = httpx.post(f"http://127.0.0.1:{port}/predict", json=rows[0], trust_env=False)  # one who did not look
    assert late.status_code == 200 and late.headers["connection"] == "close"
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert not errors and all(answer.status_code == 200 for answer in answers)
    begun, finished = map(int, re.search(r"(\d+) requests begun, (\d+) finished", output).groups())
    assert begun == finished == len(answers) + 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can answer")
def test_told_twice_it_stops_at_once(folder):
    process, port = run_worker("--folder", str(folder), "--drain", "60")
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: health(port) != 200)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.poll() is not None


# --- what strangers send --------------------------------------------------------------------------------------------------


def test_a_body_that_never_ends_is_given_up_while_others_are_served(folder, rows):
    code = "import sys; from helpers import serving; serving.PATIENCE = 1.0; serving.main(sys.argv[1:], {})"
    command = [sys.executable, "-c", code, "--folder", str(folder), "--port", "{port}"]
    with services.start("an impatient one", command, ready="/healthcheck") as api:
        with socket.create_connection(("127.0.0.1", api.port), timeout=10) as slow:
            slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
            begun = time.monotonic()
            slow.sendall(b"[")
            answer = httpx.post(f"{api.local_url}predict", json=rows[0], trust_env=False, timeout=0.9)
            assert answer.status_code == 200
            told = b""
            while b"did not arrive within" not in told:
                received = slow.recv(4096)
                assert received, told
                told += received
            assert told.startswith(b"HTTP/1.1 408") and 0.9 < time.monotonic() - begun < 5


def test_schemathesis_finds_nothing(folder, tmp_path):
    command = [sys.executable, "-m", "schemathesis.cli", "run", "--no-color"]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.even_columns", "PYTHONPATH": str(install.ROOT)}
    with serving.start(folder) as api:
        options = ["--max-examples", "40", "--seed", "1", f"{api.local_url}openapi.json"]
        call = {"cwd": tmp_path, "env": env, "capture_output": True, "text": True, "timeout": 300}
        told = subprocess.run([*command, *options], check=False, **call)
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-2000:]
    assert re.search(r"Selected: 6/6\s+Tested: 6", told.stdout), told.stdout[-3000:]
    assert int(re.search(r"(\d+) generated", told.stdout)[1]) > 100 and "Unresolvable" not in told.stdout, told.stdout[-3000:]
