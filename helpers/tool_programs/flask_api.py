"""The forecast as an API, in Flask: `flask --app flask_api.py run`."""

from flask import Flask, request
from forecast import late

app = Flask(__name__)


@app.post("/predict")
def predict():
    """Forecast one flight.

    Returns
    -------
    dict
    """
    return {"late": late(request.get_json())}


@app.get("/healthcheck")
def healthcheck():
    """Say that it is alive.

    Returns
    -------
    dict
    """
    return {"live": True}
