"""The service: answers one row at a time, with the version in use. `python service.py`, or all with `python start.py`.

It looks each second which version the registry has put into the folder `served`, and changes over between two requests.
"""

import threading
import time

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError

import drift
import schema
import settings as project
from metrics import Metrics
from predictor import Predictor
from settings import LISTEN, SERVED

POLL = 1.0  # seconds


class InUse:
    """The version in use; `predictor` is None until there is one.

    Parameters
    ----------
    folder : pathlib.Path
        Where the registry puts versions, and their name into the file `current`.
    """

    def __init__(self, folder):
        self._folder, self.predictor, self.problem = folder, None, "there is no model yet: run python train.py"

    def refresh(self):
        """Change over if another version is to be used. One that cannot be loaded leaves the one in use alone."""
        try:
            version = (self._folder / "current").read_text(encoding="utf-8")
            if self.predictor is None or version != self.predictor.version:
                self.predictor = Predictor(self._folder / version)  # one assignment: a request has the old one or the new
                print(f"version {version} is in use", flush=True)
        except FileNotFoundError:
            pass
        except Exception as error:  # whatever is wrong with a version, the service goes on
            problem = f"a version cannot be loaded ({type(error).__name__})"
            if problem != self.problem:
                print(problem, flush=True)
            self.problem = problem

    def follow(self):
        """Refresh for ever."""
        while True:
            time.sleep(POLL)
            self.refresh()


def make_app(settings, folder=SERVED):
    """Make the service.

    Parameters
    ----------
    settings : dict
    folder : pathlib.Path, optional
        As for `InUse`.

    Returns
    -------
    fastapi.FastAPI
        `state.use` is its `InUse`.
    """
    app = FastAPI(title=settings["project"]["name"])
    use, metrics, window = InUse(folder), Metrics(), drift.Window(settings["drift"])
    metrics.at_least.set(settings["drift"]["at_least"])
    use.refresh()
    app.state.use = use

    @app.exception_handler(NotImplementedError)
    def unwritten(request, error):
        return JSONResponse({"problem": "this part of the service is not written yet"}, 501)

    @app.get("/health")
    def health():
        if use.predictor is None:
            return JSONResponse({"ready": False, "problem": use.problem}, 503)
        return {"ready": True, "model_version": use.predictor.version}

    @app.get("/schema")
    def fields():
        if use.predictor is None:
            return JSONResponse({"problem": use.problem}, 503)
        return use.predictor.fields

    # For /docs: `predict` takes bytes, so FastAPI cannot know what a row is.
    body = {"schema": {"type": "object"}, "example": use.predictor.typical if use.predictor else {}}

    @app.post("/predict", openapi_extra={"requestBody": {"required": True, "content": {"application/json": body}}})
    async def predict(request: Request):
        """Answer one row: `probability` and `model_version`.

        A row that is refused: 422 and {"problems": [...]}. No model: 503; a model that fails: 500; both with {"problem": "..."}.
        """
        # `use.predictor` is taken once, since it may change meanwhile. Each request counts in `metrics.requests`, as answered,
        # refused or failed. An answered row also goes into `window`, and counts in `metrics.predictions` and `metrics.seconds`.
        # `run_in_threadpool` keeps the model from holding up other requests.
        ### BEGIN SOLUTION
        started, predictor = time.perf_counter(), use.predictor
        if predictor is None:
            metrics.requests.labels("failed").inc()
            return JSONResponse({"problem": use.problem}, 503)
        try:
            row = predictor.validator.validate_json(await request.body())
        except ValidationError as error:
            metrics.requests.labels("refused").inc()
            return JSONResponse({"problems": schema.problems(error)}, 422)
        try:
            probability = await run_in_threadpool(predictor.probability, row)
        except Exception as error:  # the caller is told no more than that
            print(f"a row could not be answered: {error!r}", flush=True)
            metrics.requests.labels("failed").inc()
            return JSONResponse({"problem": "the model failed; it was noted"}, 500)
        window.add(row, predictor.fields)
        metrics.requests.labels("answered").inc()
        metrics.predictions.labels(predictor.version).inc()
        metrics.seconds.observe(time.perf_counter() - started)
        return {"probability": probability, "model_version": predictor.version}
        ### END SOLUTION

    @app.get("/metrics")
    def page():
        """Bring the gauges up to date, then show all metrics."""
        # The version, the rows of the window, each feature's distance and limit (`window.look`). Gauges with labels are cleared
        # first: another version may have other features. Without a model there is nothing to compare.
        ### BEGIN SOLUTION
        predictor = use.predictor
        metrics.rows.set(len(window))
        for family in (metrics.version, metrics.distance, metrics.limit):
            family.clear()
        if predictor is not None:
            metrics.version.labels(predictor.version).set(1)
            for name, (distance, limit) in window.look(predictor.fields, predictor.reference).items():
                metrics.distance.labels(name).set(distance)
                metrics.limit.labels(name).set(limit)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
        ### END SOLUTION

    return app


def main():
    """Serve until told to stop."""
    app = make_app(project.load())
    threading.Thread(target=app.state.use.follow, daemon=True).start()
    uvicorn.run(app, host=LISTEN, port=project.port("SERVICE_PORT", 8000), log_level="warning", timeout_graceful_shutdown=3)


if __name__ == "__main__":
    project.command(main)
