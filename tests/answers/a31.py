"""Answers to the questions of 31, REST API."""

import enum
import json
import time
import traceback
from typing import Annotated, Any, Literal

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError, field_validator, model_validator

from tests.answers import Answers, Wrong

# --- 31.1 ---------------------------------------------------------------------------------------------------------------

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
Carrier = Annotated[str, Field(pattern="^[A-Z0-9]{2}$")]
Number = Annotated[int, Field(ge=1, le=9999)]
Origin = Literal["EWR", "JFK", "LGA"]
Status = Literal["arrived", "cancelled", "diverted"]
Minutes = Annotated[float, Field(ge=-120, le=2000)]


def fits(message):
    if (message.status == "arrived") != (message.arr_delay is not None):
        raise ValueError("the delay does not fit the status")
    return message


class Base(BaseModel):
    model_config = STRICT
    carrier: Carrier
    flight: Number
    origin: Origin
    status: Status
    arr_delay: Minutes | None


class Arrival(Base):
    delay_fits = model_validator(mode="after")(fits)


class Airport(enum.Enum):
    EWR = "EWR"
    JFK = "JFK"
    LGA = "LGA"


class ArrivalByValidators(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    arr_delay: float | None = Field(ge=-120, le=2000, allow_inf_nan=False)
    status: StrictStr
    origin: Airport
    flight: int = Field(gt=0, lt=10_000)
    carrier: str = Field(min_length=2, max_length=2, pattern=r"^[A-Z\d]+$")

    @field_validator("status")
    @classmethod
    def known(cls, value):
        if value not in ("arrived", "cancelled", "diverted"):
            raise ValueError("unknown")
        return value

    @model_validator(mode="after")
    def both(self):
        assert (self.arr_delay is None) == (self.status != "arrived")
        return self


class ArrivalByHand(BaseModel):
    carrier: Any
    flight: Any
    origin: Any
    status: Any
    arr_delay: Any

    @model_validator(mode="before")
    @classmethod
    def all_of_it(cls, data):
        if not isinstance(data, dict) or set(data) != {"carrier", "flight", "origin", "status", "arr_delay"}:
            raise ValueError("five fields are wanted")
        carrier, delay = data["carrier"], data["arr_delay"]
        if (
            not isinstance(carrier, str)
            or len(carrier) != 2
            or not carrier.isascii()
            or not carrier.isalnum()
            or carrier.upper() != carrier
        ):
            raise ValueError("carrier")
        if type(data["flight"]) is not int or not 1 <= data["flight"] <= 9999:
            raise ValueError("flight")
        if data["origin"] not in ("EWR", "JFK", "LGA") or data["status"] not in ("arrived", "cancelled", "diverted"):
            raise ValueError("a word")
        if data["status"] == "arrived" and (type(delay) not in (int, float) or not -120 <= delay <= 2000):
            raise ValueError("delay")
        if data["status"] != "arrived" and delay is not None:
            raise ValueError("delay of what never arrived")
        return data


class ArrivalInherits(Base):
    @model_validator(mode="after")
    def never_arrived(self):
        if self.status in ("cancelled", "diverted") and self.arr_delay is not None:
            raise ValueError("no delay")
        return self

    @model_validator(mode="after")
    def arrived(self):
        if self.status == "arrived" and self.arr_delay is None:
            raise ValueError("delay")
        return self


class NotStrict(Arrival):
    model_config = ConfigDict(strict=False)


class TakesExtra(Arrival):
    model_config = ConfigDict(extra="ignore")


class TakesNan(Arrival):
    model_config = ConfigDict(allow_inf_nan=True)
    arr_delay: float | None


class NoBounds(Arrival):
    flight: int


class DelayUnbounded(Arrival):
    arr_delay: float | None


class OpenBounds(Arrival):
    arr_delay: Annotated[float, Field(gt=-120, lt=2000)] | None


class OpenFlight(Arrival):
    flight: Annotated[int, Field(ge=1, lt=9999)]


class Defaulted(Arrival):
    arr_delay: Minutes | None = None


class AllDefaulted(Arrival):
    carrier: Carrier = "UA"


class NeverNull(Arrival):
    arr_delay: Minutes


class HalfFlights(Arrival):
    flight: Annotated[float, Field(ge=1, le=9999)]


class AnyCarrier(Arrival):
    carrier: str


class CarrierInside(Arrival):
    carrier: Annotated[str, Field(pattern="[A-Z0-9]{2}")]


class AnyOrigin(Arrival):
    origin: str


class AnyStatus(Base):
    status: str

    @model_validator(mode="after")
    def both(self):
        return self if self.status not in ("arrived", "cancelled", "diverted") else fits(self)


class NoCross(Base):
    pass


class ArrivedOnly(Base):
    @model_validator(mode="after")
    def arrived(self):
        if self.status == "arrived" and self.arr_delay is None:
            raise ValueError("delay")
        return self


class NeverArrivedOnly(Base):
    @model_validator(mode="after")
    def never_arrived(self):
        if self.status != "arrived" and self.arr_delay is not None:
            raise ValueError("no delay")
        return self


class Falsy(Base):
    @model_validator(mode="after")
    def both(self):
        if (self.status == "arrived") != bool(self.arr_delay):
            raise ValueError("delay")
        return self


class FalsyDelay(Base):
    @model_validator(mode="after")
    def both(self):
        if self.status == "arrived" and self.arr_delay is None or self.status != "arrived" and self.arr_delay:
            raise ValueError("delay")
        return self


class Raises(Base):
    @model_validator(mode="after")
    def both(self):
        if self.arr_delay < 0 and self.status != "arrived":
            raise ValueError("delay")
        return fits(self)


class Cautious(Arrival):
    origin: Literal["EWR", "JFK"]


class OtherNames(BaseModel):
    model_config = STRICT
    airline: str
    number: int


class Rounds(Arrival):
    @field_validator("arr_delay")
    @classmethod
    def whole(cls, value):
        return None if value is None else float(round(value))


class NoModel:
    carrier: str


# --- 31.2 ---------------------------------------------------------------------------------------------------------------


class Flight(BaseModel):
    model_config = STRICT
    carrier: str
    distance: float
    temp: float | None


def told(error):
    return {"problems": [f"{e['loc'][-1]}: {e['msg']}" for e in error.errors()]}


def an_app(
    predict,
    version,
    problem,
    *,
    refuse=told,
    handler=True,
    model=Flight,
    health=None,
    unready=503,
    number=float,
    failed=lambda error: ({"problems": ["the model failed"]}, 500),
    wrap=lambda version, late: {"version": version, "late": late},
    refusal=422,
    checked_at_start=False,
    guarded=True,
):
    """Right as it stands; each keyword is a way to go wrong."""
    app = FastAPI()
    first = problem()
    ask = (lambda: first) if checked_at_start else problem
    health = health or (lambda now: ({"ready": now is None, "version": version, "problem": now}, 503 if now else 200))
    if handler:

        @app.exception_handler(RequestValidationError)
        async def refused(request, error):
            return JSONResponse(refuse(error), refusal)

    @app.get("/healthcheck")
    def healthcheck():
        return JSONResponse(*health(ask()))

    @app.post("/predict")
    def answer(flight: model):
        if ask() and unready:
            return JSONResponse({"problems": [ask()]}, unready)
        flight = flight if isinstance(flight, dict) else flight.model_dump()
        if not guarded:
            return wrap(version, number(predict(flight)))
        try:
            return wrap(version, number(predict(flight)))
        except Exception as error:
            return JSONResponse(*failed(error))

    return app


def app_as_given(predict, version, problem):
    return an_app(predict, version, problem)


def app_async(predict, version, problem):
    app = FastAPI(title="another")

    async def refuse(request: Request, error: RequestValidationError):
        lines = [".".join(str(part) for part in e["loc"]) + " " + e["type"] for e in error.errors()]
        return Response(json.dumps({"problems": lines}), 422, media_type="application/json")

    app.add_exception_handler(RequestValidationError, refuse)

    @app.get("/healthcheck")
    async def healthcheck(response: Response):
        now = problem()
        response.status_code = 200 if now is None else 503
        return {"ready": now is None, "version": version, "problem": now}

    @app.post("/predict")
    async def answer(flight: Flight, response: Response):
        now = problem()
        if now is not None:
            response.status_code = 503
            return {"problems": [now]}
        try:
            late = predict(flight.model_dump()).item()
        except Exception:
            response.status_code = 500
            return {"problems": ["sorry", "we look into it"]}
        return {"late": late, "version": version}

    return app


def app_by_hand(predict, version, problem):
    """Reads the body itself, as one does for speed."""
    app = FastAPI()

    @app.get("/healthcheck")
    async def healthcheck():
        now = problem()
        return JSONResponse({"ready": not now, "version": version, "problem": now}, 503 if now else 200)

    @app.post("/predict")
    async def answer(request: Request):
        try:
            flight = Flight.model_validate_json(await request.body()).model_dump()
        except ValidationError as error:
            problems = [
                f"{'/'.join(map(str, e['loc']))} {e['msg']}" for e in error.errors(include_input=False, include_context=False)
            ]
            return JSONResponse({"problems": problems}, 422)
        if problem() is not None:
            return JSONResponse({"problems": ["not ready"]}, 503)
        try:
            return JSONResponse({"version": version, "late": float(predict(flight))})
        except Exception:
            return JSONResponse({"problems": ["the model failed"]}, 500)

    return app


class Down(Exception):
    pass


def app_by_handlers(predict, version, problem):
    app = FastAPI()

    @app.exception_handler(RequestValidationError)
    async def refuse(request, error):
        return JSONResponse(told(error), 422)

    @app.exception_handler(Down)
    async def down(request, error):
        return JSONResponse({"problems": [str(error)]}, 503)

    @app.exception_handler(Exception)
    async def failed(request, error):
        return JSONResponse({"problems": ["internal error"]}, 500)

    @app.get("/healthcheck")
    def healthcheck():
        now = problem()
        return JSONResponse({"ready": now is None, "version": version, "problem": now}, 503 if now else 200)

    @app.post("/predict")
    def answer(flight: Flight):
        if problem():
            raise Down(problem())
        return {"version": version, "late": round(float(predict(flight.model_dump())), 8)}

    return app


def app_with(**slip):
    return lambda predict, version, problem: an_app(predict, version, problem, **slip)


class Loose(BaseModel):
    carrier: str
    distance: float
    temp: float | None


class NoGaps(BaseModel):
    model_config = STRICT
    carrier: str
    distance: float
    temp: float


def app_no_predict(predict, version, problem):
    app = FastAPI()

    @app.get("/healthcheck")
    def healthcheck():
        now = problem()
        return JSONResponse({"ready": now is None, "version": version, "problem": now}, 503 if now else 200)

    return app


def app_forgotten(predict, version, problem):
    an_app(predict, version, problem)


def app_asks_twice(predict, version, problem):
    return an_app(lambda flight: (predict(flight), predict(flight))[1], version, problem)


def app_repeats(error):
    return {"problems": [f"{e['loc'][-1]}: {e['msg']}" for e in error.errors()], "came": [e["input"] for e in error.errors()]}


def app_body_by_json(predict, version, problem):
    """No contract: what json gives is believed, and what it does not give is the server's fault."""
    app = app_no_predict(predict, version, problem)

    @app.post("/predict")
    async def answer(request: Request):
        if problem():
            return JSONResponse({"problems": [problem()]}, 503)
        try:
            flight = Flight(**json.loads(await request.body())).model_dump()
            return JSONResponse({"version": version, "late": float(predict(flight))})
        except Exception:
            return JSONResponse({"problems": ["it failed"]}, 500)

    return app


# --- 31.3 ---------------------------------------------------------------------------------------------------------------


def forecast(client, flight, pause):
    for attempt in (1, 2, 3):
        try:
            reply = client.post("/predict", json=flight, timeout=2)
        except httpx.TransportError as error:
            failure = repr(error)
        else:
            if reply.status_code == 200:
                return reply.json()["late"]
            if reply.status_code < 500:
                raise ValueError(f"refused with {reply.status_code}: {reply.json()['problems']}")
            failure = f"status {reply.status_code}"
        if attempt < 3:
            pause(attempt)
    raise ConnectionError(failure)


def forecast_recursive(client, flight, pause, attempt=1):
    try:
        reply = client.request("POST", "/predict", content=json.dumps(flight), timeout=httpx.Timeout(2.0))
        reply.raise_for_status()
        return float(reply.json()["late"])
    except httpx.HTTPStatusError as error:
        if error.response.is_client_error:
            raise ValueError(error.response.text) from error
    except httpx.RequestError:
        pass
    if attempt == 3:
        raise ConnectionError("given up")
    pause(2.0 ** (attempt - 1))
    return forecast_recursive(client, flight, pause, attempt + 1)


class Refused(ValueError):
    pass


class Unavailable(ConnectionError):
    pass


def forecast_with_classes(client, flight, pause):
    attempts = 0
    while True:
        attempts += 1
        reply = None
        try:
            reply = client.post("predict", json=flight, timeout=2, headers={"X-Attempt": str(attempts)})
        except httpx.HTTPError:
            pass
        if reply is not None and reply.is_success:
            return reply.json()["late"]
        if reply is not None and 400 <= reply.status_code <= 499:
            raise Refused("; ".join(reply.json()["problems"]))
        if attempts >= 3:
            raise Unavailable("no answer")
        pause([1, 2][attempts - 1])


def forecast_by_pauses(client, flight, pause):
    for wait in (1, 2, None):
        request = client.build_request("POST", "/predict", json=flight, timeout=2)
        try:
            reply = client.send(request)
        except httpx.TransportError:
            reply = None
        if reply is not None and reply.status_code < 500:
            if reply.status_code != 200:
                raise ValueError(str(reply.json()))
            return reply.json()["late"]
        if wait:
            pause(wait)
    raise ConnectionResetError("three times no answer")


def forecast_with(
    *,
    attempts=3,
    timeout=2,
    again=(),
    wait=lambda attempt: attempt,
    last=False,
    value=lambda reply: reply.json()["late"],
    catches=httpx.TransportError,
    faults=False,
    refusal=ValueError,
    gone=ConnectionError,
    reason=True,
    path="/predict",
    send=lambda flight: {"json": flight},
):
    """Right as it stands; each keyword is a way to go wrong."""

    def ask(client, flight, pause):
        for attempt in range(1, attempts + 1):
            failure = None
            try:
                reply = client.post(path, **send(flight), **({} if timeout is None else {"timeout": timeout}))
            except catches as error:
                failure = refusal_of = error
            except httpx.TransportError as error:
                raise gone("at once") from error
            if failure is None:
                if reply.status_code == 200:
                    return value(reply)
                refusal_of = reply.text if reason else f"status {reply.status_code}"
                if reply.status_code < 500 and reply.status_code not in again:
                    raise refusal(refusal_of)
                if faults and reply.status_code >= 500:
                    raise gone("at once")
                failure = reply.status_code
            if (attempt < attempts or last) and wait:
                pause(wait(attempt))
        if isinstance(failure, int) and failure < 500:
            raise refusal(refusal_of)
        raise gone("given up")

    return ask


def forecast_naive(client, flight, pause):
    return client.post("/predict", json=flight, timeout=2).json()["late"]


def forecast_endless(client, flight, pause):
    while True:
        try:
            reply = client.post("/predict", json=flight, timeout=2)
            if reply.status_code == 200:
                return reply.json()["late"]
            if reply.status_code < 500:
                raise ValueError(reply.text)
        except httpx.TransportError:
            pass
        pause(1)


def forecast_sleeps(client, flight, pause):
    return forecast(client, flight, lambda seconds: time.sleep(0))


def forecast_elsewhere(client, flight, pause):
    return 0.5


def forecast_returns_none_when_down(client, flight, pause):
    try:
        return forecast(client, flight, pause)
    except ConnectionError:
        return None


def forecast_swallows(client, flight, pause):
    try:
        return forecast(client, flight, pause)
    except ValueError:
        return -1.0


ANSWERS = {
    "31.1": Answers(
        right=[Arrival, ArrivalByValidators, ArrivalByHand, ArrivalInherits],
        wrong=[
            Wrong(NotStrict, "text taken"),
            Wrong(TakesExtra, "extra taken"),
            Wrong(TakesNan, "NaN taken"),
            Wrong(NoBounds, "no bounds"),
            Wrong(DelayUnbounded, "no bounds"),
            Wrong(OpenBounds, "bounds left out"),
            Wrong(OpenFlight, "bounds left out"),
            Wrong(Defaulted, "absent delay taken"),
            Wrong(AllDefaulted, "absent taken"),
            Wrong(NeverNull, "null refused"),
            Wrong(HalfFlights, "half flights"),
            Wrong(AnyCarrier, "any carrier"),
            Wrong(CarrierInside, "any carrier"),
            Wrong(AnyOrigin, "any origin"),
            Wrong(AnyStatus, "any status"),
            Wrong(NoCross, "arrived without a delay"),
            Wrong(ArrivedOnly, "delay of what never arrived"),
            Wrong(NeverArrivedOnly, "arrived without a delay"),
            Wrong(Falsy, "zero refused"),
            Wrong(FalsyDelay, "delay of what never arrived"),
            Wrong(Raises, "raises"),
            Wrong(Cautious, "sound refused"),
            Wrong(OtherNames, "refuses all"),
            Wrong(Rounds, "values changed"),
            Wrong(NoModel, "no class"),
            Wrong(Arrival(carrier="UA", flight=1, origin="EWR", status="arrived", arr_delay=0.0), "no class"),
            Wrong({"carrier": "str"}, "no class"),
        ],
    ),
    "31.2": Answers(
        right=[app_as_given, app_async, app_by_hand, app_by_handlers],
        wrong=[
            Wrong(app_forgotten, "no app"),
            Wrong(app_no_predict, "no route"),
            Wrong(app_with(health=lambda now: ({"ready": True, "version": "7", "problem": None}, 200)), "always ready"),
            Wrong(app_with(health=lambda now: ({"ready": not now, "version": "7", "problem": now}, 200)), "always ready"),
            Wrong(app_with(health=lambda now: ({"ready": not now, "version": "7", "problem": now}, 500)), says="503 is wanted"),
            Wrong(app_with(health=lambda now: ({"ready": not now}, 503 if now else 200)), "no reason"),
            Wrong(app_with(health=lambda now: ({"problem": now}, 503 if now else 200)), "health told otherwise"),
            Wrong(app_with(checked_at_start=True), "never ready"),
            Wrong(app_with(unready=0), "predicts unready"),
            Wrong(app_with(unready=500), "predicts unready"),
            Wrong(app_with(number=lambda late: late, guarded=False), "numpy in the answer"),
            Wrong(app_with(model=NoGaps), "null refused"),
            Wrong(app_with(wrap=lambda version, late: {"late": late}), "no version"),
            Wrong(app_with(wrap=lambda version, late: {"version": version, "late": [late]}), "no number"),
            Wrong(app_with(number=lambda late: round(float(late), 2)), "another number"),
            Wrong(app_with(wrap=lambda version, late: {"version": version, "late": 1 - late}), "another number"),
            Wrong(app_with(wrap=lambda version, late: {"version": version, "late": late, "n": 1}), says="keys of a forecast"),
            Wrong(app_with(model=Loose), "bad body taken"),
            Wrong(app_with(handler=False), "repeats what came"),
            Wrong(app_with(refuse=app_repeats), "repeats what came"),
            Wrong(app_with(refuse=lambda error: {"problems": [e["input"] for e in error.errors()]}), "repeats what came"),
            Wrong(app_body_by_json, "500 for a bad body"),
            Wrong(app_with(refusal=400), "another status"),
            Wrong(app_with(refuse=lambda error: {"problems": "bad"}), "no problems"),
            Wrong(app_with(refuse=lambda error: {"error": "bad"}), "no problems"),
            Wrong(app_with(refuse=lambda error: {"problems": ["bad request"]}), "field not named"),
            Wrong(app_with(failed=lambda error: ({"problems": [str(error)]}, 500)), "tells its inside"),
            Wrong(app_with(failed=lambda error: ({"problems": [traceback.format_exc()]}, 500)), "tells its inside"),
            Wrong(app_with(failed=lambda error: ({"problems": ["bad request"]}, 422)), "failure hidden"),
            Wrong(app_with(failed=lambda error: ({"version": "7", "late": 0.5}, 200)), "failure hidden"),
            Wrong(app_with(guarded=False), "failure without JSON"),
            Wrong(app_asks_twice, "predict asked too often"),
        ],
        may_change_inputs=False,
    ),
    "31.3": Answers(
        right=[forecast, forecast_recursive, forecast_with_classes, forecast_by_pauses],
        wrong=[
            Wrong(forecast_naive),
            Wrong(forecast_endless),
            Wrong(forecast_sleeps, "no pauses"),
            Wrong(forecast_elsewhere, "nothing sent"),
            Wrong(forecast_returns_none_when_down, "another exception"),
            Wrong(forecast_swallows, "another exception"),
            Wrong(forecast_with(path="/forecast"), "wrong address"),
            Wrong(forecast_with(send=lambda flight: {"json": [flight]}), "wrong body"),
            Wrong(forecast_with(send=lambda flight: {"data": flight}), "wrong body"),
            Wrong(forecast_with(timeout=None), "no timeout"),
            Wrong(forecast_with(timeout=30), "no timeout"),
            Wrong(forecast_with(value=lambda reply: reply.json()), "not the number"),
            Wrong(forecast_with(value=lambda reply: reply), "not the number"),
            Wrong(forecast_with(reason=False), "reason dropped"),
            Wrong(forecast_with(refusal=RuntimeError), "another exception"),
            Wrong(forecast_with(gone=TimeoutError), "another exception"),
            Wrong(forecast_with(attempts=1), "never tries again"),
            Wrong(forecast_with(attempts=4), "3 more attempts"),
            Wrong(forecast_with(attempts=2), "2 attempts"),
            Wrong(forecast_with(again=range(400, 500)), "refusals tried again"),
            Wrong(forecast_with(faults=True), "5xx at once"),
            Wrong(forecast_with(catches=httpx.TimeoutException), "broken lines at once"),
            Wrong(forecast_with(catches=httpx.NetworkError), "timeouts at once"),
            Wrong(forecast_with(last=True), "pause at the end"),
            Wrong(forecast_with(wait=lambda attempt: 1), "steady pauses"),
            Wrong(forecast_with(wait=None), "no pauses"),
            Wrong(forecast_with(wait=lambda attempt: 10 * attempt), says="pauses [1"),
        ],
    ),
}
