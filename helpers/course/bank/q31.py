"""The questions of 31, REST API. Nothing here opens a port: apps are called in this process, clients get a scripted server."""

import json
import textwrap

import numpy as np

from helpers.course.evidence import describe
from helpers.course.verdict import Question, not_yet, passed

# --- 31.1: a contract for arrivals --------------------------------------------------------------------------------------

DELAYS = (-120, 2000)  # minutes
NUMBERS = (1, 9999)
FIELDS = ("carrier", "flight", "origin", "status", "arr_delay")


def an_arrival(rng, status="arrived"):
    """As it comes in JSON; what arrived has a delay, the others have none."""
    delay = round(float(rng.uniform(-60, 300)), 1)
    return {
        "carrier": str(rng.choice(["UA", "B6", "9E", "DL"])),
        "flight": int(rng.integers(2, 9999)),
        "origin": str(rng.choice(["EWR", "JFK", "LGA"])),
        "status": status,
        "arr_delay": delay if status == "arrived" else None,
    }


def messages(rng):
    """Each: what it is, its text, whether it fits, and the misconception of a contract that decides otherwise."""
    late = float(rng.integers(10, 90))
    good = [
        *[(f"an arrival from {origin}", "arrived", {"origin": origin}, "sound refused") for origin in ("EWR", "JFK", "LGA")],
        ("an arrival whose arr_delay is -7", "arrived", {"arr_delay": -7}, "sound refused"),
        ("an arrival whose arr_delay is 0", "arrived", {"arr_delay": 0}, "zero refused"),
        *[(f"an arrival whose arr_delay is {edge}", "arrived", {"arr_delay": edge}, "bounds left out") for edge in DELAYS],
        *[(f"an arrival whose flight is {edge}", "arrived", {"flight": edge}, "bounds left out") for edge in NUMBERS],
        ("a cancelled flight, arr_delay null", "cancelled", {}, "null refused"),
        ("a diverted flight, arr_delay null", "diverted", {}, "null refused"),
    ]
    bad = [
        *[(f"a message without {name}", "arrived", {name: ...}, "absent taken") for name in FIELDS[:4]],
        ("a cancelled flight without the key arr_delay", "cancelled", {"arr_delay": ...}, "absent delay taken"),
        ('a message with the key "gate" besides', "arrived", {"gate": "A7"}, "extra taken"),
        (f'an arr_delay of "{late}"', "arrived", {"arr_delay": str(late)}, "text taken"),
        ('a flight of "17"', "arrived", {"flight": "17"}, "text taken"),
        ("an arr_delay of true", "arrived", {"arr_delay": True}, "text taken"),
        ("a flight of true", "arrived", {"flight": True}, "text taken"),
        ("a carrier of 9", "arrived", {"carrier": 9}, "text taken"),
        *[(f"an arr_delay of {n}", "arrived", {"arr_delay": float(n)}, "NaN taken") for n in ("NaN", "Infinity", "-Infinity")],
        *[(f"an arr_delay of {far}", "arrived", {"arr_delay": far}, "no bounds") for far in (-121, 2000.5)],
        *[(f"a flight of {far}", "arrived", {"flight": far}, "no bounds") for far in (0, 10_000, -3)],
        ("a flight of 17.5", "arrived", {"flight": 17.5}, "half flights"),
        *[(f"a carrier of {c!r}", "arrived", {"carrier": c}, "any carrier") for c in ("", "U", "ua", "UAL", "U ", "xUA")],
        ("a carrier of 'UA' and a line break", "arrived", {"carrier": "UA\n"}, "any carrier"),
        *[(f"an origin of {o!r}", "arrived", {"origin": o}, "any origin") for o in ("BOS", "jfk")],
        *[(f"a status of {s!r}", "arrived", {"status": s}, "any status") for s in ("landed", "Arrived")],
        ("an arrived flight whose arr_delay is null", "arrived", {"arr_delay": None}, "arrived without a delay"),
        ("a cancelled flight with an arr_delay", "cancelled", {"arr_delay": late}, "delay of what never arrived"),
        ("a diverted flight with an arr_delay of 0", "diverted", {"arr_delay": 0}, "delay of what never arrived"),
    ]
    rows = [(told, _text(an_arrival(rng, status), change), True, kind) for told, status, change, kind in good]
    rows += [(told, _text(an_arrival(rng, status), change), False, kind) for told, status, change, kind in bad]
    whole = json.dumps(an_arrival(rng))
    rows += [("half a message", whole[:-5], False, ""), ("a list of one message", f"[{whole}]", False, "")]
    return rows


def _text(arrival, change):
    return json.dumps({name: value for name, value in (arrival | change).items() if value is not ...})


def probe_contract(answer, rng):
    import pydantic

    if not isinstance(answer, type):
        if callable(answer) and type(answer).__name__ == "function":
            answer()  # an untouched place for code says so here
        return {"no class": type(answer).__name__}
    if issubclass(answer, pydantic.BaseModel) and not answer.model_fields:
        return {"decided": ...}
    if not issubclass(answer, pydantic.BaseModel):
        return {"no class": f"class {answer.__name__}"}
    return {"decided": [_decided(answer, text) for _, text, *_ in messages(rng)]}


def _decided(model, text):
    """What a contract does with a message: its values, or that it is refused."""
    import pydantic

    try:
        made = model.model_validate_json(text)
    except pydantic.ValidationError:
        return {"fits": False}
    except Exception as error:
        return {"raised": textwrap.shorten(describe(error), 150, placeholder="…")}
    try:
        return {"fits": True, "values": made.model_dump(mode="json")}
    except Exception as error:
        return {"raised": textwrap.shorten(describe(error), 150, placeholder="…")}


CONTRACT_MISCONCEPTIONS = {
    "sound refused": "Yours refuses {told}. It is sound: {text}",
    "zero refused": "Yours refuses {told}. Zero minutes is a delay like others: ask `is None`, not `if not arr_delay`.",
    "bounds left out": "Yours refuses {told}. The bounds belong to the range: ge and le, not gt and lt.",
    "null refused": "Yours refuses {told}. What never arrived has no delay, and says so by null: the type is `float | None`.",
    "absent taken": "Yours takes {told}. Every field must be there: give none of them a default.",
    "absent delay taken": "Yours takes {told}. Null may stand there; the key must, too. Without `= None` behind "
    "`arr_delay: float | None` pydantic asks for it.",
    "extra taken": 'Yours takes {told}. A misspelt field would be dropped without a word: extra="forbid".',
    "text taken": "Yours takes {told}. That is of another type: strict=True keeps pydantic from converting.",
    "NaN taken": "Yours takes {told}. That is no number of minutes: allow_inf_nan=False.",
    "no bounds": "Yours takes {told}. A flight is 1 to 9999, a delay -120 to 2000 minutes: Field(ge=..., le=...).",
    "half flights": "Yours takes {told}. Flights are counted in whole numbers: int.",
    "any carrier": "Yours takes {told}. A carrier is exactly two capital letters or digits: a pattern from ^ to $.",
    "any origin": "Yours takes {told}. Three airports there are: Literal, or an enum.",
    "any status": "Yours takes {told}. There are three words for a status, written small.",
    "arrived without a delay": "Yours takes {told}. No single field is wrong; the two do not fit together. "
    '@model_validator(mode="after") sees both.',
    "delay of what never arrived": "Yours takes {told}. What never arrived cannot have been late: refuse every number, also 0.",
}


def judge_contract(evidence, rng):
    if "no class" in evidence:
        return not_yet(f"A class that inherits from pydantic.BaseModel is wanted; yours is a {evidence['no class']}.", "no class")
    rows = list(zip(messages(rng), evidence["decided"], strict=True))
    for (told, *_), found in rows:
        if "raised" in found:
            return not_yet(
                f"For {told} yours raises {found['raised']}. In a validator raise ValueError: pydantic makes a refusal of it.",
                "raises",
            )
    if not any(found["fits"] for _, found in rows):
        return not_yet(
            "Yours refuses every message, the sound ones too. Begin with the five fields and their types.", "refuses all"
        )
    for (told, text, fits, kind), found in rows:
        if found["fits"] != fits:
            message = CONTRACT_MISCONCEPTIONS.get(kind, "Yours takes {told}.")
            return not_yet(message.format(told=told, text=text), kind or None)
        if fits and found["values"] != json.loads(text):
            return not_yet(f"From {text} yours makes {found['values']}. The values should stay as they came.", "values changed")
    return passed()


# --- 31.2: the app ------------------------------------------------------------------------------------------------------

REASON = "the model file is damaged"
SECRET = "s3://models/late.onnx"


def a_flight(rng):
    return {
        "carrier": str(rng.choice(["UA", "B6", "DL"])),
        "distance": int(rng.integers(80, 2500)),
        "temp": round(float(rng.uniform(10, 90)), 1),
    }


def chance(flight):
    """What the probe's model says. A gap in the weather is risky."""
    cold = 0.5 if flight["temp"] is None else 0.3 - flight["temp"] / 400
    return round(cold + flight["distance"] / 10_000 + (0.05 if flight["carrier"] == "B6" else 0), 6)


def app_cases(rng):
    """Each: what it is, its body as text, whether it is a flight."""
    good = [a_flight(rng), a_flight(rng) | {"temp": None}, a_flight(rng)]
    bad = [
        ("a flight without carrier", json.dumps({n: v for n, v in a_flight(rng).items() if n != "carrier"})),
        ('a temp of "45"', json.dumps(a_flight(rng) | {"temp": "45"})),
        ("a key too many", json.dumps(a_flight(rng) | {"gate": "A7"})),
        ("half a flight", json.dumps(a_flight(rng))[:-4]),
        ("an empty body", ""),
        ("a temp of NaN", json.dumps(a_flight(rng) | {"temp": float("nan")})),
        ("a temp of 1e400", json.dumps(a_flight(rng) | {"temp": 1.5}).replace("1.5", "1e400")),
    ]
    return [("a flight", json.dumps(flight), True) for flight in good] + [(told, text, False) for told, text in bad]


def probe_app(answer, rng):
    from starlette.applications import Starlette

    version = f"{int(rng.integers(2, 99))}"
    calls = []

    def predict(flight):
        calls.append(1)
        return np.float32(chance(flight))

    def fails(flight):
        raise RuntimeError(f"cannot read {SECRET}")

    problem = {"now": REASON}
    app = answer(predict, version, lambda: problem["now"])
    if not isinstance(app, Starlette):
        return {"no app": type(app).__name__}
    flight = json.dumps(a_flight(rng))
    before = [_called(app, "GET", "/healthcheck"), _called(app, "POST", "/predict", flight)]
    asked_unready, problem["now"] = len(calls), None
    found = [_called(app, "POST", "/predict", text) for _, text, _ in app_cases(rng)]
    healthy, asked = _called(app, "GET", "/healthcheck"), len(calls) - asked_unready
    plain = _called(answer(lambda flight: float(chance(flight)), version, lambda: None), "POST", "/predict", flight)
    broken = _called(answer(fails, version, lambda: None), "POST", "/predict", flight)
    return {
        "before": before,
        "unready": asked_unready,
        "found": found,
        "healthy": healthy,
        "asked": asked,
        "plain": plain,
        "broken": broken,
    }


def _called(app, method, path, text=None):
    """What an app replies; a TestClient would raise where a server replies 500."""
    from fastapi.testclient import TestClient

    with TestClient(app, raise_server_exceptions=False) as client:
        headers = {"Content-Type": "application/json"}
        reply = client.request(method, path, content=text, headers=headers)
    try:
        content = json.loads(reply.text, parse_constant=lambda name: {"no JSON": name})
    except ValueError:
        content = None
    return {"status": reply.status_code, "content": content if isinstance(content, dict) else None, "text": reply.text[:2000]}


def judge_app(evidence, rng):
    version = f"{int(rng.integers(2, 99))}"
    if "no app" in evidence:
        return not_yet(f"Return the app, a fastapi.FastAPI; yours returned a {evidence['no app']}.", "no app")
    flight = a_flight(rng)
    cases = app_cases(rng)
    verdict = _judge_unready(evidence) or _judge_health(evidence["healthy"], version)
    verdict = verdict or _judge_numpy(evidence, flight)
    verdict = verdict or _judge_repeats(cases, evidence["found"])
    for (told, text, good), found in zip(cases, evidence["found"], strict=True):
        verdict = verdict or (_judge_forecast(text, found, version) if good else _judge_refused(told, found))
    if verdict or (verdict := _judge_broken(evidence["broken"])):
        return verdict
    if evidence["asked"] != sum(good for *_, good in cases):
        return not_yet("Ask predict once for each sound flight, and never for a bad one.", "predict asked too often")
    return passed()


def _judge_unready(evidence):
    health, asked = evidence["before"]
    if 404 in (health["status"], asked["status"]) or 405 in (health["status"], asked["status"]):
        return not_yet(
            "The app answers 404 or 405 to GET /healthcheck or POST /predict. Both are wanted, by these names.", "no route"
        )
    if health["status"] == 200:
        return not_yet(
            f"While problem() gives {REASON!r}, /healthcheck answers 200, and the platform sends requests to a service that "
            "cannot answer. The status is 503 then. Ask problem() at each request: it changes.",
            "always ready",
        )
    if health["status"] != 503:
        return not_yet(f"While problem() gives {REASON!r}, /healthcheck answers {health['status']}; 503 is wanted.")
    if (health["content"] or {}).get("problem") != REASON:
        return not_yet(
            f'While not ready, /healthcheck tells {{"problem": {REASON!r}}} and more; yours {_short(health)}.', "no reason"
        )
    if evidence["unready"] or asked["status"] == 200:
        return not_yet(
            "While it is not ready, /predict asked the model all the same. Answer 503 before that.", "predicts unready"
        )
    if asked["status"] != 503:
        return not_yet(
            f"While it is not ready, /predict answers {asked['status']} to a sound flight; 503 is wanted.", "predicts unready"
        )
    return None


def _judge_health(health, version):
    if health["status"] != 200:
        return not_yet(
            f"Once problem() gives None, /healthcheck should answer 200; yours {health['status']}. Ask problem() each time.",
            "never ready",
        )
    want = {"ready": True, "version": version, "problem": None}
    if health["content"] != want:
        return not_yet(f"When ready, /healthcheck answers {json.dumps(want)}; yours {_short(health)}.", "health told otherwise")
    return None


def _judge_numpy(evidence, flight):
    if evidence["plain"]["status"] == 200 and evidence["found"][0]["status"] >= 500:
        return not_yet(
            "predict gave a numpy.float32, as ONNX does, and the answer ended in "
            f"{evidence['found'][0]['status']}: JSON cannot carry it. float(...) makes a plain number.",
            "numpy in the answer",
        )
    return None


def _judge_forecast(text, found, version):
    flight = json.loads(text)
    if found["status"] == 422 and flight["temp"] is None:
        return not_yet("A flight whose temp is null is sound; yours refuses it.", "null refused")
    if found["status"] != 200 or found["content"] is None:
        return not_yet(f"To {text} yours answers {found['status']}, {_short(found)}; 200 and a forecast are wanted.")
    if found["content"].get("version") != version:
        return not_yet(f'Every forecast names the version, "version": {version!r}; yours {_short(found)}.', "no version")
    late, want = found["content"].get("late"), chance(flight)
    if isinstance(late, bool) or not isinstance(late, (int, float)):
        return not_yet(f'"late" should be one number; yours {_short(found)}.', "no number")
    if abs(late - want) > 1e-6:
        return not_yet(f"For {text} predict says {want}; yours {late}. Pass it on as it is.", "another number")
    if set(found["content"]) != {"version", "late"}:
        return not_yet(f'The keys of a forecast are "version" and "late"; yours {_short(found)}.')
    return None


def _judge_repeats(cases, found):
    """The trap first: it shows only where what came is no JSON."""
    endings = {told: reply["status"] for (told, *_), reply in zip(cases, found, strict=True)}
    if endings["a temp of NaN"] >= 500 and endings["a key too many"] == 422:
        return not_yet(
            f"To a temp of NaN yours answers {endings['a temp of NaN']}, not 422: the refusal repeats what came, as FastAPI's "
            "own handler does, and NaN is no JSON. Write a handler for RequestValidationError that repeats no value.",
            "repeats what came",
        )
    return None


def _judge_refused(told, found):
    if found["status"] == 200:
        return not_yet(
            f"To {told} yours gives a forecast. Let FastAPI check the body: the argument's type is Flight.", "bad body taken"
        )
    if found["status"] >= 500:
        return not_yet(
            f"To {told} yours answers {found['status']}: that says the service is at fault. Refuse with 422.",
            "500 for a bad body",
        )
    if found["status"] != 422:
        return not_yet(f"To {told} yours answers {found['status']}; 422 is wanted.", "another status")
    problems = (found["content"] or {}).get("problems")
    if not isinstance(problems, list) or not problems or not all(isinstance(problem, str) for problem in problems):
        return not_yet(f'A refusal is {{"problems": [sentences]}}; to {told} yours answers {_short(found)}.', "no problems")
    field = {"a flight without carrier": "carrier", 'a temp of "45"': "temp", "a key too many": "gate", "a temp of NaN": "temp"}
    if field.get(told, "") not in " ".join(problems):
        return not_yet(f"To {told} the problems should name {field[told]!r}; yours: {problems}.", "field not named")
    return None


def _judge_broken(found):
    if SECRET in found["text"] or "Traceback" in found["text"]:
        return not_yet(
            f"When predict fails, yours tells the caller what the exception says ({SECRET}). "
            "Callers learn that it failed, the log learns why.",
            "tells its inside",
        )
    if found["status"] != 500:
        return not_yet(f"When predict fails, yours answers {found['status']}: the fault is ours, so 500.", "failure hidden")
    problems = (found["content"] or {}).get("problems")
    if not isinstance(problems, list) or not problems or not all(isinstance(problem, str) for problem in problems):
        return not_yet(
            f'When predict fails the body is {{"problems": [sentence]}} too; yours {_short(found)!r}.', "failure without JSON"
        )
    return None


def _short(found):
    return textwrap.shorten(f"says {found['text']}", 120, placeholder="…")


# --- 31.3: a client -----------------------------------------------------------------------------------------------------

TIMEOUT, ATTEMPTS = 2, 3
REFUSAL = "weekday: 'Monday' is unknown"


def scripts(rng):
    """What the server does at each request, in order: a status, or a way to fail. There are more steps than should be asked."""
    late = [round(float(rng.uniform(0.05, 0.95)), 4) for _ in range(8)]
    down = [str(rng.choice(["no connection", "cut off"])) for _ in range(3)]
    return [
        [[200, late[0]]] * 6,
        [[200, late[1]]] * 6,
        [[503, 0], [200, late[2]], [200, 0.01]],
        [[503, 0], [500, 0], [200, late[3]], [200, 0.01]],
        [[down[0], 0], [200, late[4]], [200, 0.01]],
        [["timeout", 0], ["timeout", 0], [200, late[5]], [200, 0.01]],
        [[502, 0]] * 3 + [[200, late[6]]] * 5,
        [[down[1], 0], ["timeout", 0], [down[2], 0]] + [[200, late[7]]] * 5,
        [[422, 0]] + [[200, 0.02]] * 6,
        [[404, 0]] + [[200, 0.02]] * 6,
        [[503, 0], [422, 0]] + [[200, 0.02]] * 6,
    ]


def probe_client(answer, rng):
    flights = [a_flight(rng) for _ in scripts(rng)]
    return {"calls": [_one_call(answer, script, flight) for script, flight in zip(scripts(rng), flights, strict=True)]}


def _one_call(answer, script, flight):
    import httpx

    seen, pauses = [], []
    steps = iter(script)

    def server(request):
        seen.append(_request(request))
        if len(seen) > 30:
            raise TooMany("30 requests and no end")
        step, late = next(steps, (503, 0))
        if isinstance(step, str):
            raise {"timeout": httpx.ReadTimeout, "no connection": httpx.ConnectError, "cut off": httpx.ReadError}[step](step)
        if step == 200:
            return httpx.Response(200, json={"version": "3", "late": late})
        return httpx.Response(step, json={"problems": [REFUSAL if step == 422 else f"status {step}"]})

    with httpx.Client(transport=httpx.MockTransport(server), base_url="http://127.0.0.1:8000") as client:
        try:
            value = answer(client, dict(flight), pauses.append)
            ended = value if isinstance(value, (int, float)) and not isinstance(value, bool) else f"gave a {type(value).__name__}"
            ended = ... if value is ... else ended
        except NotImplementedError:
            raise
        except Exception as error:
            kind = (
                "refused" if isinstance(error, ValueError) else "unavailable" if isinstance(error, ConnectionError) else "other"
            )
            ended = [kind, textwrap.shorten(describe(error), 160, placeholder="…"), REFUSAL in str(error)]
    return {"ended": ended, "requests": seen, "pauses": [_plain(pause) for pause in pauses]}


class TooMany(Exception):
    """A client that never gives up."""


def _plain(value):
    return value if isinstance(value, (int, float)) else f"a {type(value).__name__}"


def _request(request):
    try:
        body = json.loads(request.content)
    except ValueError:
        body = None
    timeout = request.extensions.get("timeout", {})
    return {
        "what": f"{request.method} {request.url.path}",
        "body": body,
        "timeout": [timeout.get("connect"), timeout.get("read")],
    }


def conversation(
    script,
    *,
    attempts=ATTEMPTS,
    retry_refusals=False,
    no_retry=False,
    faults_final=False,
    lines_final=False,
    last_pause=False,
    steady=False,
    no_pause=False,
    timeout_final=False,
):
    """The oracle: how it ends, how many requests, which pauses. Each keyword is a twist behind a misconception."""
    pauses = []
    for attempt in range(1, attempts + 1):
        step, late = script[attempt - 1] if attempt <= len(script) else (503, 0)
        if step == 200:
            return [late, attempt, len(pauses), pauses[:2]]
        refusal = isinstance(step, int) and 400 <= step < 500
        final = faults_final if isinstance(step, int) else timeout_final if step == "timeout" else lines_final
        if refusal and not retry_refusals:
            return ["refused", attempt, len(pauses), pauses[:2]]
        if no_retry or (final and not refusal):
            return ["unavailable", attempt, len(pauses), pauses[:2]]
        if (attempt < attempts or last_pause) and not no_pause:
            pauses.append(1 if steady else 2 ** (attempt - 1))
    return ["refused" if refusal else "unavailable", attempts, len(pauses), pauses[:2]]


CLIENT_MISCONCEPTIONS = {
    "never tries again": (
        dict(no_retry=True),
        "After a 503 or a broken line yours asks no second time. Such a failure often passes: up to 3 attempts.",
    ),
    "refusals tried again": (
        dict(retry_refusals=True),
        "Yours repeats a request that was refused with 4xx. It will be refused again: raise ValueError at once.",
    ),
    "3 more attempts": (dict(attempts=4), "Yours asks 4 times: once, and 3 times again. 3 attempts in all are wanted."),
    "2 attempts": (dict(attempts=2), "Yours asks twice. 3 attempts in all are wanted."),
    "5xx at once": (dict(faults_final=True), "After a 5xx yours gives up at once. The service may be restarting: try again."),
    "broken lines at once": (
        dict(lines_final=True),
        "When there is no connection, yours gives up at once. It may be restarting: try again.",
    ),
    "timeouts at once": (dict(timeout_final=True), "After a timeout yours gives up at once. Try again, as after a 503."),
    "pause at the end": (dict(last_pause=True), "Yours pauses after the last attempt too: the caller waits for nothing."),
    "steady pauses": (dict(steady=True), "Your pauses do not grow: pause(1) after the first failure, pause(2) after the second."),
    "no pauses": (
        dict(no_pause=True),
        "Yours tries again at once. A service that is starting needs a moment: pause(1), then pause(2).",
    ),
}


def judge_client(evidence, rng):
    flights = [a_flight(rng) for _ in scripts(rng)]
    calls, asked = evidence["calls"], scripts(rng)
    verdict = _judge_requests(calls, flights) or _judge_first(calls[0], asked[0])
    if verdict:
        return verdict
    got, want = [_summary(call) for call in calls], [conversation(script) for script in asked]
    if got == want:
        return _judge_endings(calls, asked) or passed()
    for name, (twist, message) in CLIENT_MISCONCEPTIONS.items():
        if got == [conversation(script, **twist) for script in asked]:
            return not_yet(message, name)
    call, w, g, script = next(row for row in zip(calls, want, got, asked, strict=True) if row[1] != row[2])
    return _difference(call, w, g, script)


def _summary(call):
    ended = call["ended"]
    kind = ended[0] if isinstance(ended, list) else ended
    return [kind, len(call["requests"]), len(call["pauses"]), call["pauses"][:2]]


def _judge_requests(calls, flights):
    for call, flight in zip(calls, flights, strict=True):
        if not call["requests"]:
            return not_yet("Yours sent no request through the client that it was given: client.post(...).", "nothing sent")
        for request in call["requests"]:
            if request["what"] != "POST /predict":
                return not_yet(f"The request should be POST /predict; yours was {request['what']}.", "wrong address")
            if request["body"] != flight:
                return not_yet(
                    f"The body should be the flight as JSON (json=flight); yours was {str(request['body'])[:80]}.", "wrong body"
                )
            if request["timeout"] != [TIMEOUT, TIMEOUT]:
                return not_yet(
                    f"Each attempt may take {TIMEOUT} seconds: timeout={TIMEOUT}. Yours has {request['timeout'][1]}.",
                    "no timeout",
                )
    return None


def _judge_first(call, script):
    ended, want = call["ended"], script[0][1]
    if isinstance(ended, str):
        return not_yet(f'Return the probability, the number under "late" of the answer; yours {ended}.', "not the number")
    if isinstance(ended, list):
        return not_yet(f"The server answers 200 at once, and yours raises: {ended[1]}.")
    if ended != want:
        return not_yet(f"The server says {want}; yours returned {ended}.")
    return None


def _judge_endings(calls, scripts):
    """Whether a refusal's reason reaches the caller."""
    for call, script in zip(calls, scripts, strict=True):
        refused = script[len(call["requests"]) - 1][0] == 422
        if refused and not call["ended"][2]:
            return not_yet(
                f"The refusal said why, and your ValueError does not: {call['ended'][1]!r}. Put the problems into it.",
                "reason dropped",
            )
    return None


def _difference(call, want, got, script):
    steps = ", ".join(str(step) for step, _ in script[: max(want[1], 1)])
    found = call["ended"]
    if want[0] in ("refused", "unavailable") and got[0] != want[0]:
        wanted = {"refused": "ValueError", "unavailable": "ConnectionError"}[want[0]]
        did = f"raised {found[1]}" if isinstance(found, list) else f"gave {found}"
        return not_yet(f"When the server's replies are {steps}, {wanted} is to be raised; yours {did}.", "another exception")
    if got[0] != want[0]:
        did = f"raised {found[1]}" if isinstance(found, list) else f"returned {found}"
        return not_yet(f"When the server's replies are {steps}, {want[0]} is to be returned; yours {did}.")
    return not_yet(
        f"When the server's replies are {steps}, {want[1]} requests with pauses {want[3]} are wanted; "
        f"yours made {got[1]} with pauses {call['pauses']}."
    )


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/31_rest_api.ipynb"

QUESTIONS = {
    "31.1": Question(
        title="A contract for arrivals",
        probe=probe_contract,
        judge=judge_contract,
        hints=(
            "Begin with the five fields and their types, then "
            "model_config = ConfigDict(strict=True, extra=..., allow_inf_nan=...).",
            "Annotated[int, Field(ge=1, le=9999)]; Annotated[str, Field(pattern=...)]; Literal[...] for a few words; "
            "`float | None` without a default for a field that may be null and must be there.",
            '@model_validator(mode="after") def fits(self): compare self.status == "arrived" with self.arr_delay is None, raise '
            "ValueError where they do not fit, and return self.",
        ),
        notebook=SOLUTION,
        misconceptions=("no class", "raises", "refuses all", "values changed", *CONTRACT_MISCONCEPTIONS),
    ),
    "31.2": Question(
        title="An app that is never at a loss",
        probe=probe_app,
        judge=judge_app,
        hints=(
            "app = FastAPI() inside the function, the endpoints as functions inside it too, and `return app`.",
            "JSONResponse(content, status) gives a status of your own. @app.exception_handler(RequestValidationError) takes "
            "(request, error); error.errors() has a `loc` and a `msg` each.",
            "try: late = float(predict(flight.model_dump())) / except Exception: answer 500 with one sentence of your own. Ask "
            "problem() first, in both endpoints.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "no app",
            "no route",
            "always ready",
            "never ready",
            "no reason",
            "predicts unready",
            "health told otherwise",
            "numpy in the answer",
            "null refused",
            "no version",
            "no number",
            "another number",
            "bad body taken",
            "repeats what came",
            "500 for a bad body",
            "another status",
            "no problems",
            "field not named",
            "tells its inside",
            "failure hidden",
            "failure without JSON",
            "predict asked too often",
        ),
    ),
    "31.3": Question(
        title="A client that knows when to ask again",
        probe=probe_client,
        judge=judge_client,
        hints=(
            'A loop over 3 attempts. In it `try: reply = client.post("/predict", json=flight, timeout=2)` and '
            "`except httpx.TransportError`.",
            "reply.status_code: 200 returns, 400 to 499 raises ValueError at once, 500 and more goes on as a broken line does.",
            "Pause only between attempts: `if attempt < 3: pause(attempt)`. After the loop: raise ConnectionError.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "nothing sent",
            "wrong address",
            "wrong body",
            "no timeout",
            "not the number",
            "reason dropped",
            "another exception",
            *CLIENT_MISCONCEPTIONS,
        ),
    ),
}
