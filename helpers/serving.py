"""The flight-delay service: one web app that serves the champion of an MLflow registry, or the model in a folder.

    with serving.start(registry_url) as api:
        httpx.post(api.local_url + "predict", json=flight)

Run as a program it is the service itself: `python -m helpers.serving --registry http://127.0.0.1:5000 --port 8000`.
In a cloud's container it takes port, paths and folder from what that cloud says: see `helpers.cloud`.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import time

import fastapi
import orjson
import uvicorn

from helpers import cloud, flight_records, flight_schema, onnx_model, prediction_log, services
from helpers.model_source import ALIAS, NAME, Folder, Registry, Served, register, save

LARGEST_BODY = 200_000_000  # bytes
REQUEST_ID = "X-Request-Id"  # the header: a caller's own name for a request
PATIENCE = 10.0  # seconds that a body may take to arrive
POLL = 0.5  # seconds between two looks at the registry

__all__ = ["Folder", "Registry", "Served", "create_app", "main", "register", "save", "start"]
logger = logging.getLogger("uvicorn.error")


def start(source, *, name=NAME, alias=ALIAS, port=None, log=None):
    """Start the service in the background.

    Parameters
    ----------
    source : str or path-like
        The address of an MLflow server, such as `services.mlflow_ui(store).local_url`; or a folder as from `save`.
    name : str, default "flight-delay"
        In the registry.
    alias : str, default "champion"
        In the registry.
    port : int, optional
        A free one by default.
    log : path-like, optional
        Log every prediction into this file before it is given: see `helpers.prediction_log`.

    Returns
    -------
    helpers.services.Service
        It is ready: a model is in use.

    Raises
    ------
    helpers.services.ServiceError
        No model could be loaded in time; its log says why.
    """
    where = ["--registry", source, "--name", name, "--alias", alias] if "://" in str(source) else ["--folder", str(source)]
    where += ["--log", str(log)] if log else []
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    where += ["--root-path", f"{prefix.rstrip('/')}/proxy/{{port}}"] if prefix else []
    command = [sys.executable, "-m", "helpers.serving", *where, "--port", "{port}"]
    return services.start("Flight API", command, ready="/healthcheck", port=port, timeout=30)


def create_app(source, *, poll=POLL, environ=os.environ, log=None, clock=time.time, root_path=""):
    """Make the web app.

    Parameters
    ----------
    source : Registry or Folder
        Or anything with their two methods.
    poll : float, default 0.5
        Seconds between two looks at the source.
    environ : mapping of str to str
        Vertex AI's variables add its routes.
    log : helpers.prediction_log.PredictionLog, optional
        An answer leaves when its predictions are in there; if they cannot be, it is 503. The caller closes it.
    clock : callable, default time.time
        Gives the time of a prediction, in seconds since 1970.
    root_path : str, default ""
        Where a proxy shows it that takes this part off, such as /user/me/proxy/8000: the page `/docs` then finds its way.

    Returns
    -------
    fastapi.FastAPI
        `state.served` is the model in use, None at first; `state.problem` what is wrong with the newest, "" if nothing;
        with `state.stopping` it goes on answering, but sends new callers elsewhere.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app):
        watch = asyncio.create_task(_watch(app.state, source, poll))
        yield
        watch.cancel()
        logger.info(f"{app.state.meters.begun} requests begun, {app.state.meters.finished} finished.")

    app = fastapi.FastAPI(title="Flight delay", version="1", lifespan=lifespan, root_path=root_path)
    app.state.served, app.state.problem, app.state.stopping = None, "not loaded yet", False
    app.state.meters, app.state.log, app.state.clock = Meters(logging=log is not None), log, clock
    _add_routes(app, *cloud.vertex_routes(environ))
    return app


async def _watch(state, source, poll):
    """Take up each new champion; whatever fails, the model in use goes on and the new one is tried again."""
    while True:
        try:
            version = await source.version()
            if state.served is None or state.served.version != version["version"]:
                state.served = await source.fetch(version)
                logger.info(f"Version {state.served.version} is in use.")
            state.problem = ""
        except asyncio.CancelledError:
            raise
        except Exception as error:  # the registry is down, the file is foreign: told in /healthcheck, tried again
            told = str(error) or type(error).__name__
            if told != state.problem:
                logger.warning(f"No new model: {told}")
            state.problem = told
        await asyncio.sleep(poll)


class Meters:
    """What is counted, for Prometheus.

    Parameters
    ----------
    logging : bool, default False
        Predictions are logged, so that those that could not be are counted too.
    """

    def __init__(self, logging=False):
        import prometheus_client as prometheus

        self.begun = self.finished = 0
        self.registry = prometheus.CollectorRegistry()
        self.requests = prometheus.Counter("requests", "Requests.", ["route", "status"], registry=self.registry)
        self.flights = prometheus.Counter("flights", "Flights that got an answer.", ["version"], registry=self.registry)
        if logging:
            self.unlogged = prometheus.Counter("unlogged", "Flights whose answer the log refused.", registry=self.registry)
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


def _add_routes(app, vertex_health=None, vertex_predict=None):
    described = flight_schema.described
    rows = {"anyOf": [described(flight_schema.ONE), described(flight_schema.MANY)]}
    by_row = flight_schema.read_flights, onnx_model.OnnxModel.encode
    _add_predict(app, "/predict", *by_row, rows)
    _add_predict(app, "/invocations", *by_row, rows)  # SageMaker's word for it
    columns = described(flight_schema.COLUMNS)
    _add_predict(app, "/predict/columns", _read_columns, onnx_model.OnnxModel.encode_columns, columns, kinds=COLUMN_KINDS)
    if vertex_predict:
        instances = described(flight_schema.INSTANCES)
        _add_predict(app, vertex_predict, cloud.read_instances, onnx_model.OnnxModel.encode, instances, cloud.predictions)
    _add_health(app, {"/healthcheck", "/ping", vertex_health} - {None})

    @app.get("/metrics", response_class=fastapi.Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics():
        return fastapi.Response(app.state.meters.page(), media_type="text/plain; version=0.0.4")


def _read_columns(body):
    return (flight_records if body.startswith(flight_records.FIRST_BYTES) else flight_schema).read_columns(body)


def _add_predict(app, path, read, encode, schema, shape=None, kinds=None):
    state, meters = app.state, app.state.meters
    took, done = meters.seconds.labels(path), {}

    async def predict(request: fastapi.Request):
        began, served = time.perf_counter(), state.served
        meters.begun += 1
        status, content, flights = await _answer(request, served, read, encode)
        headers = None
        if state.log is not None:
            status, content, headers = await _logged(state, request, status, content, flights)
        took.observe(time.perf_counter() - began)
        if status not in done:
            done[status] = meters.requests.labels(path, str(status))
        done[status].inc()
        meters.finished += 1
        if status == 200:
            meters.flights.labels(served.version).inc(len(content["late"]))
            content = shape(content) if shape else content
        return _reply(state, status, content, headers)

    body = {"required": True, "content": {"application/json": {"schema": schema}, **(kinds or {})}}
    app.post(path, openapi_extra={"requestBody": body}, responses=RESPONSES)(predict)


def _add_health(app, paths):
    state = app.state

    async def healthcheck():
        ready = state.served is not None and not state.stopping
        told = {"live": True, "ready": ready, "version": state.served and state.served.version}
        problem = "stopping: go elsewhere" if state.stopping else state.problem
        return _reply(state, 200 if ready else 503, {**told, "problem": problem})

    told = {503: {"description": "alive, and not ready: no model is in use, or it is stopping"}}
    for path in sorted(paths):
        app.get(path, responses=told)(healthcheck)


def _reply(state, status, content, headers=None):
    raw = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    if state.stopping:
        headers = {**(headers or {}), "Connection": "close"}  # so that nobody writes to a line that will end
    return fastapi.Response(raw, status, headers, "application/json")


COLUMN_KINDS = {flight_records.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
RESPONSES = {
    200: {"description": "`version` of the model and `late`, a probability for each flight in order"},
    408: {"description": "the body did not arrive in time"},
    413: {"description": "the body is too large"},
    422: {"description": "`problems`: where, what came, and what is wrong"},
    503: {"description": "no model is in use yet, or the prediction could not be logged"},
}


async def _answer(request, served, read, encode):
    if served is None:
        return 503, {"problems": [{"where": "service", "came": "", "problem": "no model is in use yet: see /healthcheck"}]}, None
    try:
        body = await asyncio.wait_for(_body(request), PATIENCE)
    except TimeoutError:
        return 408, {"problems": [{"where": "body", "came": "", "problem": f"it did not arrive within {PATIENCE:.0f} s"}]}, None
    if body is None:
        return 413, {"problems": [{"where": "body", "came": "", "problem": f"it is larger than {LARGEST_BODY:,} bytes"}]}, None
    try:
        flights = read(body)
        matrix = encode(served.model, flights)
    except flight_schema.BadFlights as error:
        return 422, {"problems": error.problems}, None
    return 200, {"version": served.version, "late": served.model.probability_late(matrix)}, flights


async def _logged(state, request, status, content, flights):
    """The answer, once it is on the disk; a refusal if it cannot be. Either carries the request's id."""
    when = state.clock()
    request_id = request.headers.get(REQUEST_ID)
    if not prediction_log.is_request_id(request_id):
        request_id = prediction_log.new_request_id(when)
    if status == 200:
        try:
            await state.log.append_async(request_id, flights, content["late"], version=content["version"], when=when)
        except prediction_log.LogError as error:
            state.meters.unlogged.inc(len(content["late"]))
            told = f"what cannot be logged is not answered. {error}"
            status, content = 503, {"problems": [{"where": "log", "came": "", "problem": told}]}
    return status, content, {REQUEST_ID: request_id}


async def _body(request):
    """The whole body; None if it is too large."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            return None
    return b"".join(parts)


def main(arguments=None, environ=os.environ):
    """Serve until told to stop; what has begun is finished first.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.
    environ : mapping of str to str
        Where a cloud says what it wants.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.serving", description="Serve a model of flight delays.")
    parser.add_argument("word", nargs="?", choices=["serve"], help="SageMaker says it; its port and folder are taken then")
    parser.add_argument("--registry", metavar="URL", help="of an MLflow server")
    parser.add_argument("--folder", help="with model.onnx and model.json, instead of a registry")
    parser.add_argument("--name", default=NAME, help="of the registered model")
    parser.add_argument("--alias", default=ALIAS)
    parser.add_argument("--host", help=f"{services.LOOPBACK} by default")
    parser.add_argument("--port", type=int, help="8000 by default")
    parser.add_argument("--drain", type=float, default=0, metavar="SECONDS", help="go on answering so long when told to stop")
    parser.add_argument("--log", metavar="FILE", help="log every prediction there before it is given; made if absent")
    parser.add_argument("--root-path", default="", help="where a proxy shows it, such as /user/me/proxy/8000")
    options = parser.parse_args(arguments)
    try:
        asked = cloud.contract([options.word], environ) or cloud.Contract(services.LOOPBACK, 8000)
        folder = options.folder or (None if options.registry else asked.folder)
        if (folder is None) == (options.registry is None):
            parser.error("one of --registry URL and --folder FOLDER is needed: where the model comes from")
        source = Folder(folder) if folder else Registry(options.registry, options.name, options.alias)
        log = prediction_log.PredictionLog(options.log) if options.log else None
        app = create_app(source, environ=environ, log=log, root_path=options.root_path)
    except (cloud.CloudError, prediction_log.LogError) as error:
        parser.error(str(error))
    with log or contextlib.nullcontext():
        _run(app, options.host or asked.host, options.port or asked.port, options.drain)


def _run(app, host, port, drain):
    config = uvicorn.Config(app, host=host, port=port, access_log=False, timeout_graceful_shutdown=30)

    class Server(uvicorn.Server):
        """Told to stop, it first sends new callers elsewhere and answers those that come all the same."""

        until = float("inf")

        def handle_exit(self, sig, frame):
            if not drain or app.state.stopping or app.state.served is None:
                return super().handle_exit(sig, frame)
            app.state.stopping, self.until = True, time.monotonic() + drain

        async def on_tick(self, counter):
            return await super().on_tick(counter) or time.monotonic() > self.until

        async def shutdown(self, sockets=None):
            await super().shutdown(sockets)
            if app.state.log is not None:
                app.state.log.close()  # here: afterwards uvicorn ends the process by the signal that it got

    server = Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(3)  # its log says why: the port is taken, for one


if __name__ == "__main__":
    main()
