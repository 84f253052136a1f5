"""Answers to the questions of 30, the mini project: folders with an api.py, an app.py and a model."""

import functools
import os

from helpers import flights, model_source, modeling, onnx_model
from helpers.course.bank import deployed
from tests.answers import Answers, Made, Wrong
from tests.notebook_files import ROOT

os.environ.setdefault(deployed.BROWSER, "none")  # tests/test_mini_project.py opens the page in Chromium
SOLVED = ROOT / "solutions" / "30_mini_project"


def changed(text, *changes):
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return text


def solved(name):
    return (SOLVED / name).read_text(encoding="utf-8")


def made(api=None, app=None, model=None, **others):
    """A folder with these files; `model` is the ONNX file's bytes, or a function that makes the folder."""

    def factory(folder):
        texts = {"api.py": api, "app.py": app} | {f"{name}.py": text for name, text in others.items()}
        for name, text in texts.items():
            if text is not None:
                (folder / name).write_text(text, encoding="utf-8")
        if model:
            model_source.save(model(), folder / "model", "5")
        return str(folder)

    return Made(factory)


# --- 30.1: the API ---------------------------------------------------------------------------------------------------------

API = solved("api.py")


def api(*changes):
    return made(changed(API, *changes))


BY_PYDANTIC = """
import hashlib, json, os
import numpy as np
import onnxruntime
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from contract import Flight, Flights

app = FastAPI()
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "model")
state = {"problem": "not loaded"}


def load():
    with open(os.path.join(here, "model.json")) as file:
        note = json.load(file)
    with open(os.path.join(here, "model.onnx"), "rb") as file:
        raw = file.read()
    if hashlib.sha256(raw).hexdigest() != note["sha256"]:
        state["problem"] = "another file"
        return
    session = onnxruntime.InferenceSession(raw)
    columns = json.loads(session.get_modelmeta().custom_metadata_map["flight-delay"])
    state.update(problem=None, version=note["version"], session=session, **columns)


load()


@app.exception_handler(RequestValidationError)
def refuse(request, error):
    problems = [".".join(str(part) for part in e["loc"][1:]) + ": " + e["msg"] for e in error.errors()]
    return JSONResponse(status_code=422, content={"detail": "bad flight", "problems": problems})


@app.get("/healthcheck")
def healthcheck():
    if state["problem"]:
        return JSONResponse({"ready": False, "problem": state["problem"]}, status_code=503)
    return {"live": True, "ready": True, "version": state["version"]}


@app.post("/predict")
def predict(body: Flight | Flights):
    if state["problem"]:
        return JSONResponse({"problems": [state["problem"]]}, status_code=503)
    rows = [body] if isinstance(body, Flight) else body.root
    late = []
    for row in rows:
        told = row.model_dump()
        codes = [words.index(told[name]) if told[name] in words else -1 for name, words in state["categories"].items()]
        X = np.array([[told[name] for name in state["numeric"]] + codes], dtype=np.float32)
        late.append(round(float(state["session"].run(None, {"X": X})[0][0, 0]), 5))
    return {"late": late, "version": state["version"], "n": len(late)}
"""
CONTRACT = """
from typing import Annotated, Literal
from pydantic import BaseModel, ConfigDict, Field, RootModel


def number(low, high):
    return Annotated[float, Field(ge=low, le=high)]


class Flight(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    departure_minute: number(0, 1439)
    distance: number(10, 6000)
    temp: number(-20, 120) | None
    dewp: number(-40, 100) | None
    humid: number(0, 100) | None
    wind_dir: number(0, 360) | None
    wind_speed: number(0, 150) | None
    precip: number(0, 10) | None
    pressure: number(900, 1100) | None
    visib: number(0, 10) | None
    carrier: Annotated[str, Field(pattern="^[A-Z0-9]{2}$")]
    origin: Literal["EWR", "JFK", "LGA"]
    dest: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    weekday: Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class Flights(RootModel[Annotated[list[Flight], Field(min_length=1)]]):
    pass
"""
BY_SERVICE = """
from helpers import serving

app = serving.create_app(serving.Folder("model"))
"""
READ = "rows = flight_schema.read_flights(await request.body())"
LATE = "MODEL.probability_late(MODEL.encode(rows)).tolist()"
CHECKED = "if hashlib.sha256(content).hexdigest() != sha256:"


def by_contract(*changes):
    return made(BY_PYDANTIC, contract=changed(CONTRACT, *changes))


# --- 30.2: the page --------------------------------------------------------------------------------------------------------

APP = solved("app.py")


def page(*changes):
    return made(app=changed(APP, *changes))


BY_CSV = """
import csv, io, json, os, urllib.error, urllib.request
import streamlit as st

NUMBERS = "departure_minute distance temp dewp humid wind_dir wind_speed precip pressure visib".split()
TEXTS = "carrier origin dest weekday".split()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def number(name, text):
    try:
        return float(text) if text else None
    except ValueError:
        raise ValueError(f"in the column {name} stands {text}") from None


def told(problem):
    return problem if isinstance(problem, str) else f"{problem['where']}: {problem['problem']}"


def flights_of(content):
    for row in csv.DictReader(io.StringIO(content.decode("utf-8"))):
        numbers = {name: number(name, row[name]) for name in NUMBERS}
        yield numbers | {name: row[name] for name in TEXTS}


def forecast(flight):
    request = urllib.request.Request(os.environ["FLIGHT_API"] + "predict", json.dumps(flight).encode())
    with opener.open(request, timeout=5) as answer:
        return json.load(answer)


st.header("Late?")
upload = st.sidebar.file_uploader("flights", type=["csv"])
if upload:
    try:
        flights = list(flights_of(upload.getvalue()))
        answers = [forecast(flight) for flight in flights]
    except (KeyError, ValueError) as error:
        st.warning(f"This is no CSV of flights: {error}")
    except urllib.error.HTTPError as error:
        st.error(f"The API refuses with {error.code}: {'; '.join(map(told, json.load(error)['problems']))}")
    except OSError:
        st.error("Nobody answers at the API's address.")
    else:
        for flight, answer in zip(flights, answers):
            st.metric(f"{flight['carrier']} to {flight['dest']}", f"{100 * answer['late'][0]:.1f} %")
        st.caption("Model " + answers[0]["version"])
"""
BY_FORM = """
import os
import httpx
import streamlit as st
from helpers import uploads

st.set_page_config(layout="wide")
with st.form("ask"):
    files = st.file_uploader("One CSV", accept_multiple_files=True)
    pressed = st.form_submit_button("Forecast")
if pressed and files:
    try:
        checked = uploads.check(uploads.read(files[0]))
        if len(checked.problems):
            st.error("What was wrong, and where: " + checked.problems.to_string())
        rows = checked.good.astype(object).where(checked.good.notna(), None).to_dict("records")
        reply = httpx.post(os.environ["FLIGHT_API"] + "predict", json=rows, timeout=10, trust_env=False)
        reply.raise_for_status()
    except uploads.UploadError as error:
        st.error(str(error))
    except httpx.HTTPStatusError as error:
        st.error(f"The API answers with status {error.response.status_code}.")
    except httpx.HTTPError:
        st.error("The API is not there.")
    else:
        st.info("version " + reply.json()["version"])
        st.table(checked.good.assign(late=reply.json()["late"]).style.format({"late": "{:.3f}"}))
"""
ASKED = "answer = ask(rows)"
PLAIN = 'pd.read_csv(file, dtype=text, keep_default_na=False, na_values=dict.fromkeys(flights.NUMERIC, [""]))'
PROBLEM = "Trouble(f\"A flight of the file cannot be forecast: {told['where']}: {told['problem']}\")"
CARRIERS = """if table["carrier"].isna().any():
        raise Trouble("The carrier of a flight is empty.")
    absent = ["""
SHOWN = 'round(p, 4) for p in answer["late"]'

# --- 30.3: both, with a model ----------------------------------------------------------------------------------------------


@functools.cache
def model(months=(1, 2), shuffled=False):
    X, y = flights.features_and_target(flights.load(months))
    X, y = X[::2], y[::2]
    return onnx_model.convert(modeling.make_model().fit(X, y.sample(frac=1, random_state=1) if shuffled else y))


def whole(api=API, app=APP, model=model, **others):
    return made(api, app, model, **others)


def without(name):
    def factory(folder):
        whole().factory(folder)
        (folder / "model" / name).unlink()
        return folder

    return Made(factory)


def other_file():
    def factory(folder):
        whole().factory(folder)
        (folder / "model" / "model.onnx").write_bytes(model((3,)))
        return folder

    return Made(factory)


def untouched(text):
    """As the exercise has it."""
    from helpers.course import regions

    return regions.emptied(text)


ANSWERS = {
    "30.1": Answers(
        costly=True,
        right=[made(API), made(BY_PYDANTIC, contract=CONTRACT), made(BY_SERVICE)],
        wrong=[
            Wrong(made(None), "unfinished", "There is no api.py"),
            Wrong(made("app = FastAPI(\n"), "unfinished", "no Python"),
            Wrong(made(untouched(API).replace("raise NotImplementedError", "return 1", 1)), "unfinished", "still to be written"),
            Wrong(api("import json\n", "import jsn\n"), "API does not start", "No module named 'jsn' (api.py, line 7)"),
            Wrong(api(f'"late": {LATE}', f'"late": {LATE}[0]'), "no list"),
            Wrong(api(LATE, f"[1 - p for p in {LATE}]"), "wrong class"),
            Wrong(api(READ, "rows = [flight_schema.read(flight_schema.ONE, await request.body())]"), "one flight only"),
            Wrong(api('"version": VERSION, "late"', '"version": "1", "late"'), "version typed in"),
            Wrong(by_contract("strict=True, ", ""), "not strict", 'temp is "45"'),
            Wrong(api("flight_schema.BadFlights", "KeyError", "error.problems", "[str(error)]"), "500 for a bad body"),
            Wrong(api("error.problems}, 422", '["bad request"]}, 422'), "field not named"),
            Wrong(api(CHECKED, "if False:"), "checksum not compared"),
        ],
    ),
    "30.2": Answers(
        costly=True,
        right=[page(), made(app=BY_CSV), made(app=BY_FORM)],
        wrong=[
            Wrong(made(), "unfinished", "There is no app.py"),
            Wrong(page("import httpx", "import httpxx"), "page fails", "httpxx"),
            Wrong(page('os.environ.get("FLIGHT_API", "http://127.0.0.1:8000/")', '"http://127.0.0.1:1/"'), "not through the API"),
            Wrong(page(".to_json(orient", ".fillna(0).to_json(orient"), "gaps filled"),
            Wrong(page(SHOWN, SHOWN.replace("p, 4", "1 - p, 4")), "wrong class"),
            Wrong(page(SHOWN, 'p > 0.25 for p in answer["late"]'), "not shown"),
            Wrong(page("httpx.HTTPError", "httpx.TimeoutException"), "traceback"),
            Wrong(page("st.error(str(trouble))", "st.empty()"), "says nothing"),
            Wrong(page(": {told['where']}: {told['problem']}", ""), "column not named"),
            Wrong(page(PLAIN, "pd.read_csv(file)"), "carrier is text", "NA"),
            Wrong(page(PLAIN, PLAIN.replace("dtype=text, ", "")), "carrier is text", "99"),
            Wrong(page(PLAIN, 'pd.read_csv(file, dtype={"carrier": str}).fillna({"carrier": "NA"})'), "NA is no gap", "temp"),
            Wrong(page(PLAIN, "pd.read_csv(file)", "absent = [", CARRIERS), "carrier is text", "says: The carrier"),
            Wrong(page(PROBLEM, "Trouble(reply.json()['problems'])"), "raw answer", "{'where'"),
            Wrong(page(PROBLEM, "Trouble(f'The API said this: {reply.text}')"), "raw answer", "words"),
            Wrong(page(PROBLEM, "Trouble([told['where'] + ' is at fault'])"), "raw answer"),
        ],
    ),
    "30.3": Answers(
        costly=True,
        right=[
            whole(),
            whole(BY_PYDANTIC, BY_CSV, lambda: model((1, 2, 3)), contract=CONTRACT),
            whole(BY_SERVICE, BY_FORM, lambda: model((1, 3))),
        ],
        wrong=[
            Wrong(whole(model=None), "no model", "model/model.json"),
            Wrong(without("model.onnx"), "no model", "model/model.onnx"),
            Wrong(other_file(), "no model", "checksum"),
            Wrong(whole(model=lambda: model(shuffled=True)), "weak model"),
            Wrong(whole(api=f"import joblib\n{API}"), "pickle", "api.py"),
            Wrong(whole(app=changed(APP, "TIMEOUT = 10", 'CACHE = "/home/me/flights"\nTIMEOUT = 10')), "this machine's folders"),
            Wrong(whole(api="import os\nos.exit(3)"), "API does not start", "os"),
            Wrong(whole(app=None), "unfinished", "There is no app.py"),
            Wrong(whole(app=f"{APP}\n("), "unfinished", "app.py is no Python"),
        ],
    ),
}
