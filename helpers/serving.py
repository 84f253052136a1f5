"""The flight-delay service: one web app that serves the champion of an MLflow registry.

    with serving.start(registry_url) as api:
        httpx.post(api.local_url + "predict", json=flight)

Run as a program it is the service itself: `python -m helpers.serving --registry http://127.0.0.1:5000 --port 8000`.
"""

import argparse
import asyncio
import contextlib
import hashlib
import logging
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from helpers import flight_schema, onnx_model, services

NAME, ALIAS, FILE = "flight-delay", "champion", "model.onnx"
LARGEST_BODY = 200_000_000  # bytes
PATIENCE = 10.0  # seconds that a body may take to arrive
POLL = 0.5  # seconds between two looks at the registry

log = logging.getLogger("uvicorn.error")


@dataclass(frozen=True)
class Served:
    """A model in use. A request takes it once, at its start, so that no answer mixes two versions.

    Attributes
    ----------
    version : str
        In the registry.
    model : helpers.onnx_model.OnnxModel
    """

    version: str
    model: onnx_model.OnnxModel


def register(client, name, model, *, run_id):
    """Put a model into the registry, as one ONNX file whose checksum is on record.

    Parameters
    ----------
    client : mlflow.MlflowClient
    name : str
        The registered model; made if absent.
    model : sklearn.pipeline.Pipeline
        Fitted, as from `helpers.modeling.make_model`.
    run_id : str
        The run that made it; the file goes there.

    Returns
    -------
    mlflow.entities.model_registry.ModelVersion
        With the tags `sha256` and `file`.
    """
    import mlflow

    content = onnx_model.convert(model)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        file.write_bytes(content)
        client.log_artifact(run_id, str(file))
    with contextlib.suppress(mlflow.MlflowException):  # it is there already; if it is not, the next line tells
        client.create_registered_model(name)
    tags = {"sha256": hashlib.sha256(content).hexdigest(), "file": FILE}
    source = f"{client.get_run(run_id).info.artifact_uri}/{FILE}"
    return client.create_model_version(name, source, run_id=run_id, tags=tags)


def start(registry_url, *, name=NAME, alias=ALIAS, port=None):
    """Start the service in the background.

    Parameters
    ----------
    registry_url : str
        Of an MLflow server, such as `services.mlflow_ui(store).local_url`.
    name : str, default "flight-delay"
    alias : str, default "champion"
    port : int, optional
        A free one by default.

    Returns
    -------
    helpers.services.Service
        It is ready: a model is in use.

    Raises
    ------
    helpers.services.ServiceError
        No model could be loaded in time; its log says why.
    """
    command = [sys.executable, "-m", "helpers.serving", "--registry", registry_url, "--name", name, "--alias", alias]
    return services.start("Flight API", [*command, "--port", "{port}"], ready="/healthcheck", port=port, timeout=30)


class Registry:
    """Asks an MLflow server over HTTP which model is in use. (MLflow's own client would take 200 MB of memory.)

    Parameters
    ----------
    url, name, alias : str
        As for `start`.
    """

    def __init__(self, url, name=NAME, alias=ALIAS):
        import httpx

        self._client = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=10, trust_env=False)
        self._asked = {"name": name, "alias": alias}

    async def version(self):
        """Which version the alias points to.

        Returns
        -------
        dict
            As MLflow tells it: `version`, `run_id`, `tags` and more.
        """
        answer = await self._client.get("/api/2.0/mlflow/registered-models/alias", params=self._asked)
        if answer.status_code != 200:
            told = answer.json().get("message", "") if "json" in answer.headers.get("content-type", "") else ""
            raise onnx_model.ModelError(f"The registry answers {answer.status_code}: {told or answer.reason_phrase}")
        return answer.json()["model_version"]

    async def fetch(self, version):
        """Load a version, and refuse a file that is not the one on record.

        Parameters
        ----------
        version : dict
            As from `version`.

        Returns
        -------
        Served
        """
        tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
        if "sha256" not in tags:
            raise onnx_model.ModelError(f"Version {version['version']} has no checksum on record: serving.register makes one.")
        asked = {"run_uuid": version["run_id"], "path": tags.get("file", FILE)}
        answer = await self._client.get("/get-artifact", params=asked)
        if answer.status_code != 200:
            raise onnx_model.ModelError(f"The file of version {version['version']} is not there ({answer.status_code}).")
        if hashlib.sha256(answer.content).hexdigest() != tags["sha256"]:
            raise onnx_model.ModelError(f"The file of version {version['version']} is not the one that was registered.")
        model = await asyncio.to_thread(onnx_model.OnnxModel, answer.content)
        return Served(version["version"], model)


def create_app(registry, *, poll=POLL):
    """Make the web app.

    Parameters
    ----------
    registry : Registry
        Or anything with its two methods.
    poll : float, default 0.5
        Seconds between two looks at the registry.

    Returns
    -------
    fastapi.FastAPI
        `state.served` is the model in use, None at first; `state.problem` what is wrong with the newest, "" if nothing.
    """
    import fastapi

    @contextlib.asynccontextmanager
    async def lifespan(app):
        watch = asyncio.create_task(_watch(app.state, registry, poll))
        yield
        watch.cancel()
        log.info(f"{app.state.meters.begun} requests begun, {app.state.meters.finished} finished.")

    app = fastapi.FastAPI(title="Flight delay", version="1", lifespan=lifespan)
    app.state.served, app.state.problem, app.state.meters = None, "not loaded yet", Meters()
    _add_routes(app)
    return app


async def _watch(state, registry, poll):
    """Take up each new champion; whatever fails, the model in use goes on and the new one is tried again."""
    while True:
        try:
            version = await registry.version()
            if state.served is None or state.served.version != version["version"]:
                state.served = await registry.fetch(version)
                log.info(f"Version {state.served.version} is in use.")
            state.problem = ""
        except asyncio.CancelledError:
            raise
        except Exception as error:  # the registry is down, the file is foreign: told in /healthcheck, tried again
            told = str(error) or type(error).__name__
            if told != state.problem:
                log.warning(f"No new model: {told}")
            state.problem = told
        await asyncio.sleep(poll)


class Meters:
    """What is counted, for Prometheus."""

    def __init__(self):
        import prometheus_client as prometheus

        self.begun = self.finished = 0
        self.registry = prometheus.CollectorRegistry()
        self.requests = prometheus.Counter("requests", "Requests.", ["route", "status"], registry=self.registry)
        self.flights = prometheus.Counter("flights", "Flights that got an answer.", ["version"], registry=self.registry)
        self.seconds = prometheus.Histogram("seconds", "Time of a request.", ["route"], registry=self.registry)

    def page(self):
        """Give all of it as text.

        Returns
        -------
        bytes
            In Prometheus' format.
        """
        import prometheus_client

        return prometheus_client.generate_latest(self.registry)


def _add_routes(app):
    import orjson
    from fastapi import Request, Response

    state = app.state

    def predicting(path, read, encode, schema):
        took, done = state.meters.seconds.labels(path), {}
        meters = state.meters

        async def predict(request: Request):
            began, served = time.perf_counter(), state.served
            meters.begun += 1
            status, content = await _answer(request, served, read, encode)
            took.observe(time.perf_counter() - began)
            if status not in done:
                done[status] = meters.requests.labels(path, str(status))
            done[status].inc()
            meters.finished += 1
            if status == 200:
                meters.flights.labels(served.version).inc(len(content["late"]))
            return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")

        body = {"required": True, "content": {"application/json": {"schema": schema}}}
        app.post(path, openapi_extra={"requestBody": body}, responses=RESPONSES)(predict)

    rows = {"anyOf": [flight_schema.ONE.json_schema(), flight_schema.MANY.json_schema()]}
    predicting("/predict", flight_schema.read_flights, onnx_model.OnnxModel.encode, rows)
    columns = flight_schema.COLUMNS.json_schema()
    predicting("/predict/columns", flight_schema.read_columns, onnx_model.OnnxModel.encode_columns, columns)

    @app.get("/healthcheck", responses={503: {"description": "alive, and not ready: no model is in use"}})
    async def healthcheck():
        told = {"live": True, "ready": state.served is not None, "version": state.served and state.served.version}
        content = orjson.dumps({**told, "problem": state.problem})
        return Response(content, 200 if state.served else 503, media_type="application/json")

    @app.get("/metrics")
    async def metrics():
        return Response(state.meters.page(), media_type="text/plain; version=0.0.4")


RESPONSES = {
    200: {"description": "`version` of the model and `late`, a probability for each flight in order"},
    408: {"description": "the body did not arrive in time"},
    413: {"description": "the body is too large"},
    422: {"description": "`problems`: where, what came, and what is wrong"},
    503: {"description": "no model is in use yet"},
}


async def _answer(request, served, read, encode):
    if served is None:
        return 503, {"problems": [{"where": "service", "came": "", "problem": "no model is in use yet: see /healthcheck"}]}
    try:
        body = await asyncio.wait_for(_body(request), PATIENCE)
    except TimeoutError:
        return 408, {"problems": [{"where": "body", "came": "", "problem": f"it did not arrive within {PATIENCE:.0f} s"}]}
    if body is None:
        return 413, {"problems": [{"where": "body", "came": "", "problem": f"it is larger than {LARGEST_BODY:,} bytes"}]}
    try:
        matrix = encode(served.model, read(body))
    except flight_schema.BadFlights as error:
        return 422, {"problems": error.problems}
    return 200, {"version": served.version, "late": served.model.probability_late(matrix)}


async def _body(request):
    """The whole body; None if it is too large."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            return None
    return b"".join(parts)


def main(arguments=None):
    """Serve until told to stop; what has begun is finished first.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.
    """
    import uvicorn

    parser = argparse.ArgumentParser(prog="python -m helpers.serving", description="Serve the champion of an MLflow registry.")
    parser.add_argument("--registry", required=True, metavar="URL", help="of an MLflow server")
    parser.add_argument("--name", default=NAME, help="of the registered model")
    parser.add_argument("--alias", default=ALIAS)
    parser.add_argument("--host", default=services.LOOPBACK)
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    app = create_app(Registry(options.registry, options.name, options.alias))
    uvicorn.run(app, host=options.host, port=options.port, access_log=False, timeout_graceful_shutdown=30)


if __name__ == "__main__":
    main()
