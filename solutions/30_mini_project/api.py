"""The flight API of the mini project: `python -m uvicorn api:app` in this folder.

It serves the model in the folder `model` beside this file. Its contract is the table in the notebook.
"""

import hashlib
import json
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from helpers import flight_schema, onnx_model

FOLDER = Path(__file__).parent / "model"


def load_model(folder):
    """Read model.json, then model.onnx, and give (version, OnnxModel).

    Raises onnx_model.ModelError, with a sentence, if a file is absent, is not what it should be, or does not fit the checksum.
    """
    ### BEGIN SOLUTION
    try:
        note = json.loads((folder / "model.json").read_bytes())
        content = (folder / "model.onnx").read_bytes()
        version, sha256 = str(note["version"]), note["sha256"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise onnx_model.ModelError(f"the model cannot be read ({type(error).__name__})") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise onnx_model.ModelError(f"model.onnx is not the file of version {version}")
    return version, onnx_model.OnnxModel(content)
    ### END SOLUTION


app = FastAPI(title="Flight delay")
VERSION, MODEL, PROBLEM = None, None, None
try:
    VERSION, MODEL = load_model(FOLDER)
except onnx_model.ModelError as error:  # the API starts all the same, and says what is wrong
    PROBLEM = str(error)


@app.get("/healthcheck")
async def healthcheck():
    """Say whether the API can forecast, with which version, and what is wrong if it cannot."""
    ### BEGIN SOLUTION
    told = {"ready": PROBLEM is None, "version": VERSION, "problem": PROBLEM}
    return JSONResponse(told, 200 if PROBLEM is None else 503)
    ### END SOLUTION


@app.post("/predict")
async def predict(request: Request):
    """Forecast one flight or a list of them. `flight_schema.read_flights` reads a body, or says what is wrong with it."""
    ### BEGIN SOLUTION
    if PROBLEM is not None:
        return JSONResponse({"problems": [PROBLEM]}, 503)
    try:
        rows = flight_schema.read_flights(await request.body())
    except flight_schema.BadFlights as error:
        return JSONResponse({"problems": error.problems}, 422)
    return {"version": VERSION, "late": MODEL.probability_late(MODEL.encode(rows)).tolist()}
    ### END SOLUTION
