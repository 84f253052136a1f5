"""What a request costs the service, in processor time, beside a server that computes nothing, scikit-learn's and MLflow's own."""

import io
import json
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from helpers import flight_records, flights, modeling, services, serving, tracking

AT_ONCE = 16  # requests in one packet, so that the client costs little
CONSTANT, SKLEARN, MLFLOW = 0.25, 20, 20  # at least this ratio of throughput on one core, to each peer
COLUMNS = 5  # at least, to the row-wise route; or a million rows a second
ROWS, COLUMN_ROWS = 10_000, 100_000
SMALL = 120  # MB

PEERS = {
    "constant": """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def predict(request):
    return JSONResponse({"version": "1", "late": [0.25]})

async def health(request):
    return JSONResponse({})

app = Starlette(routes=[Route("/predict", predict, methods=["POST"]), Route("/health", health)])
""",
    "sklearn": """
import pandas, skops.io
from fastapi import FastAPI
from helpers import modeling

model = skops.io.load("model.skops", trusted=list(modeling.TRUSTED_TYPES))
app = FastAPI()

@app.post("/predict")
def predict(flight: dict):
    return {"late": modeling.probability_late(model, pandas.DataFrame([flight])).tolist()}

@app.get("/health")
def health():
    return {}
""",
}


def measure():
    """Lines for `tests.bench`: what was measured, and whether it keeps the promise."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        X, y = flights.features_and_target(flights.load(1))
        model = modeling.make_model().fit(X, y)
        row = json.loads(X.iloc[[100]].to_json(orient="records"))[0]
        own, columns, memory, ready = service(folder, model, X, row)
        peers = {name: peer(folder, name, model, row) for name in PEERS} | {"mlflow": mlflow_serve(folder, model, X, row)}
    promised = {"constant": CONSTANT, "sklearn": SKLEARN, "mlflow": MLFLOW}
    told = "single rows, throughput on one core to {}'s: ratio {:.2f}, promised at least {}"
    return [
        *[(told.format(name, peers[name] / own, least), peers[name] / own >= least) for name, least in promised.items()],
        (f"columns: {columns['rate']:,.0f} rows/s, {columns['ratio']:.1f} times rows, promised {COLUMNS} times or 1,000,000",
         columns["ratio"] >= COLUMNS or columns["rate"] >= 1e6),
        (f"service: {memory:.0f} MB, promised under {SMALL}", memory < SMALL),
        (f"service: ready {ready:.2f} s after its imports, promised under 1", ready < 1),
    ]  # fmt: skip


def service(folder, model, X, row):
    import mlflow

    store = tracking.new_store(folder / "store")
    client = mlflow.MlflowClient(tracking_uri=store.uri)
    run = client.create_run(client.create_experiment("bench", artifact_location=store.artifacts))
    serving.register(client, "flight-delay", model, run_id=run.info.run_id)
    client.set_registered_model_alias("flight-delay", "champion", "1")
    with services.mlflow_ui(store) as registry:
        imports = timed([sys.executable, "-c", "import helpers.serving, fastapi, uvicorn, httpx, onnxruntime, prometheus_client"])
        begun = time.perf_counter()
        with serving.start(registry.local_url) as api:
            ready = time.perf_counter() - begun - imports
            cost = cpu_a_request(api, "/predict", json.dumps(row).encode(), 4_000)
            memory = psutil.Process(api.pid).memory_info().rss / 1e6
            rows = json.loads(X.iloc[:ROWS].to_json(orient="records"))
            by_row = cpu_a_request(api, "/predict", json.dumps(rows).encode(), 8) / ROWS
            by_column = cpu_a_request(api, "/predict/columns", as_records(X, COLUMN_ROWS), 8) / COLUMN_ROWS
    return cost, {"ratio": by_row / by_column, "rate": 1 / by_column}, memory, ready


def as_records(X, size):
    """As many flights as asked for, the same ones again and again, as numpy writes them."""
    file = io.BytesIO()
    np.save(file, np.resize(flight_records.of_table(X), size))
    return file.getvalue()


def timed(command):
    import subprocess

    taken = []
    for _ in range(4):  # the first reads from the disk
        begun = time.perf_counter()
        subprocess.run(command, check=True)
        taken.append(time.perf_counter() - begun)
    return min(taken)


def peer(folder, name, model, row):
    import skops.io

    place = folder / name
    place.mkdir()
    (place / "app.py").write_text(PEERS[name], encoding="utf-8")
    skops.io.dump(model, place / "model.skops")
    command = [sys.executable, "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", "{port}", "--no-access-log"]
    with services.start(name, command, cwd=place, env={"OMP_NUM_THREADS": "1"}) as server:
        return cpu_a_request(server, "/predict", json.dumps(row).encode(), 4_000 if name == "constant" else 200)


def mlflow_serve(folder, model, X, row):
    import mlflow

    path = folder / "mlflow_model"
    mlflow.sklearn.save_model(
        model, path, pip_requirements=["scikit-learn"], skops_trusted_types=list(modeling.TRUSTED_TYPES),
        pyfunc_predict_fn="predict_proba", signature=mlflow.models.infer_signature(X, modeling.probability_late(model, X)),
    )  # fmt: skip
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(path), "--host", "127.0.0.1", "--port", "{port}"]
    body = json.dumps({"dataframe_records": [row]}).encode()
    path_with_uvicorn = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    quiet = {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path_with_uvicorn}
    with services.start("mlflow models serve", [*command, "--env-manager", "local", "--workers", "1"], env=quiet) as server:
        return cpu_a_request(server, "/invocations", body, 200)


def cpu_a_request(server, path, body, count):
    """Seconds of processor time that a server and its children take for a request, after as many to warm up."""
    process = psutil.Process(server.pid)
    family = [process, *process.children(recursive=True)]
    ask(server.port, path, body, count)
    before = sum(sum(p.cpu_times()[:2]) for p in family)
    ask(server.port, path, body, count)
    return (sum(sum(p.cpu_times()[:2]) for p in family) - before) / count


def ask(port, path, body, count):
    """Send a request again and again over one line, several at once, and read every answer."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    request, at_once = head.encode() + body, AT_ONCE if len(body) < 10_000 else 1
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line, line.makefile("rb") as answers:
        for _ in range(count // at_once):
            line.sendall(request * at_once)
            for _ in range(at_once):
                read_answer(answers)


def read_answer(answers):
    status = answers.readline()
    assert b" 200 " in status, status
    length = 0
    while (line := answers.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    assert len(answers.read(length)) == length > 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for told in measure():
        print(told)
