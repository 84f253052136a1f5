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
    # your code here
    raise NotImplementedError


app = FastAPI(title="Flight delay")
VERSION, MODEL, PROBLEM = None, None, None
try:
    VERSION, MODEL = load_model(FOLDER)
except onnx_model.ModelError as error:  # the API starts all the same, and says what is wrong
    PROBLEM = str(error)


@app.get("/healthcheck")
async def healthcheck():
    """Say whether the API can forecast, with which version, and what is wrong if it cannot."""
    # your code here
    raise NotImplementedError


@app.post("/predict")
async def predict(request: Request):
    """Forecast one flight or a list of them. `flight_schema.read_flights` reads a body, or says what is wrong with it."""
    # your code here
    raise NotImplementedError
