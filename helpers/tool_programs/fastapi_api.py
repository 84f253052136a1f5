"""The forecast as an API, in FastAPI: `uvicorn fastapi_api:app`."""

from fastapi import FastAPI
from forecast import late
from pydantic import BaseModel


class Flight(BaseModel):
    """What a caller sends."""

    departure_minute: float
    distance: float
    temp: float | None
    dewp: float | None
    humid: float | None
    wind_dir: float | None
    wind_speed: float | None
    precip: float | None
    pressure: float | None
    visib: float | None
    carrier: str
    origin: str
    dest: str
    weekday: str


app = FastAPI()


@app.post("/predict")
def predict(flight: Flight):
    """Forecast one flight.

    Parameters
    ----------
    flight : Flight

    Returns
    -------
    dict
    """
    return {"late": late(flight.model_dump())}


@app.get("/healthcheck")
def healthcheck():
    """Say that it is alive.

    Returns
    -------
    dict
    """
    return {"live": True}
