"""The questions of 30, the mini project: the learner's API and page are started from a copy of their folder and used.

The API gets the check's own model, the page a stand-in for the API, so that what is right is known beforehand; then both run
together, with the learner's own model.
"""

import functools
import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import flight_schema, flights, model_source, modeling, onnx_model
from helpers.course.bank import deployed
from helpers.course.verdict import Question, not_yet, passed

CLOSE = 1e-4  # as a probability may be rounded in an answer
SEEN = 5.5e-4  # and on a page: three decimals
LEAST_AUC = 0.65
JUDGED = (11, 12)  # months that the learner's model has not seen
MANY = 1000


# --- what is drawn ---------------------------------------------------------------------------------------------------------


@functools.cache
def known():
    """Flights of the last two months, and whether they were late. Shared: hand out copies."""
    return flights.features_and_target(flights.load(JUDGED))


def drawn_flights(rng, how_many, *, gaps=True):
    """As they come in JSON."""
    table = known()[0] if gaps else known()[0].dropna()
    some = table.iloc[rng.choice(len(table), how_many, replace=False)]
    return json.loads(some.to_json(orient="records"))


@functools.cache
def check_model(seed):
    """A model of the check's own, and the ONNX file of it."""
    rng = np.random.default_rng(seed)
    X, y = flights.features_and_target(flights.load(int(rng.integers(1, 7))))
    some = rng.choice(len(X), 3000, replace=False)
    model = modeling.make_model(n_steps=int(rng.integers(6, 10)), learning_rate=0.4).fit(X.iloc[some], y.iloc[some])
    return model, onnx_model.convert(model)


def plan_api(rng):
    """What the API is asked: its bodies in order, and what the sound ones are about."""
    gaps = drawn_flights(rng, 1)[0] | dict.fromkeys(("temp", "wind_dir", "precip", "pressure"))
    new = drawn_flights(rng, 1)[0] | {"carrier": "ZZ", "dest": "QQQ"}
    sound = {"one": drawn_flights(rng, 1), "list": drawn_flights(rng, 30), "gaps": [gaps], "new": [new]}
    sound["many"] = drawn_flights(rng, MANY)
    bad = bad_bodies(drawn_flights(rng, 3))
    single = {"one", "gaps", "new"}
    texts = [json.dumps(rows[0] if name in single else rows) for name, rows in sound.items()]
    at_once = drawn_flights(rng, 8)
    return {
        "sound": sound,
        "bad": bad,
        "texts": texts + [text for _, text, *_ in bad],
        "at once": at_once,
        "version": f"check-{int(rng.integers(1000, 9999))}",
        "seed": int(rng.integers(2**31)),
    }


DEEP = "the body is 50,000 brackets"


def bad_bodies(three):
    """Each: what it is, its text, the field at fault or "", the line of the rubric."""
    flight, other, last = three

    def changed(told, field, value, line):
        text = json.dumps({name: v for name, v in (flight | {field: value}).items() if v is not ...})
        return f"{field} {told}", text, field, line

    late = json.dumps(other | {"temp": 12.25})
    return [
        changed("is absent", "visib", ..., 0),
        changed("is one key too many", "Temp", 40, 0),
        changed('is "45"', "temp", "45", 0),
        changed("is true", "distance", True, 0),
        changed("is null", "distance", None, 0),
        changed("is NaN", "humid", float("nan"), 1),
        ("temp is 1e400", late.replace("12.25", "1e400"), "temp", 1),
        changed("is 1440", "departure_minute", 1440, 1),
        changed("is 101", "humid", 101, 1),
        changed('is "BOS"', "origin", "BOS", 1),
        changed('is "Monday"', "weekday", "Monday", 1),
        changed('is "ua"', "carrier", "ua", 1),
        ("the second flight's temp is text", json.dumps([last, other | {"temp": "mild"}, flight]), "temp", 2),
        ("the body is empty", "", "", 2),
        ("the body is half a flight", late[: len(late) // 2], "", 2),
        ("the body is an empty list", "[]", "", 2),
        ("the body is 5", "5", "", 2),
        (DEEP, "[" * 50_000, "", 2),
    ]


def plan_page(rng):
    """What the page is given: flights as CSV files, and what the stand-in says of them."""
    four = drawn_flights(rng, 4, gaps=False)
    four[1] |= dict.fromkeys(("temp", "visib"))
    others = [drawn_flights(rng, 3) for _ in range(3)]
    numbers = np.array([value for flight in four for value in flight.values() if isinstance(value, (int, float))])
    chances = []
    while len(chances) < len(four):
        p = round(float(rng.uniform(0.07, 0.95)), 6)
        if min(abs(numbers - p).min(), abs(numbers - 100 * p).min() / 100) > 4 * SEEN and all(abs(p - q) > 0.02 for q in chances):
            chances.append(p)
    order = rng.permutation(list(flights.FEATURES)).tolist()
    bad = [dict(flight) for flight in others[0]]
    bad[1]["weekday"] = "Monday"
    version = f"stand-in-{int(rng.integers(1000, 9999))}"
    four[2]["carrier"] = "NA"
    digits = [flight | {"carrier": carrier} for flight, carrier in zip(drawn_flights(rng, 2), ("99", "07"), strict=True)]
    no_gap = [dict(flight) for flight in others[0]]
    no_gap[2]["temp"] = "NA"
    files = {
        "good": as_csv(four, ["flight", *order]),
        "digits": as_csv(digits, order),
        "bad row": as_csv(bad, order),
        "NA": as_csv(no_gap, order),
        "no table": bytes(rng.integers(128, 256, 400, dtype=np.uint8)),
        "not ready": as_csv(others[1], order),
        "gone": as_csv(others[2], order),
    }
    return {"flights": four, "digits": digits, "chances": chances, "files": files, "version": version}


def as_csv(rows, columns):
    table = pd.DataFrame(rows)
    table["flight"] = [f"XX{place}{place}" for place in range(len(rows))]
    return table[columns].to_csv(index=False).encode()


# --- the probes ------------------------------------------------------------------------------------------------------------


def as_folder(answer):
    """The learner's folder; None where the answer is none."""
    return Path(answer) if isinstance(answer, (str, os.PathLike)) and Path(answer).is_dir() else None


def not_to_be_started(answer, names):
    """Evidence that there is nothing to start; None where there is."""
    if callable(answer) and type(answer).__name__ == "function":
        answer()
    folder = as_folder(answer)
    if folder is None:
        return {"unfinished": "The answer is the folder that holds your files, as text or as a Path. Yours is no folder."}
    told = deployed.unfinished(folder, names)
    return {"unfinished": told} if told else None


def probe_api(answer, rng):
    if (told := not_to_be_started(answer, ["api.py"])) is not None:
        return told
    plan, folder = plan_api(rng), as_folder(answer)
    _, content = check_model(plan["seed"])
    with deployed.copied(folder, without="model") as copy, deployed.copied(folder, without="model") as broken:
        model_source.save(content, copy / "model", plan["version"])
        damage(model_source.save(content, broken / "model", plan["version"]), plan["seed"] + 1)
        with ThreadPoolExecutor(1) as pool:
            damaged = pool.submit(ask_damaged, broken, plan)
            with deployed.api_of(copy) as address:
                api = ask_api(address, plan)
            return {"api": api, "damaged": damaged.result()}


def damage(folder, seed):
    """Put a sound model into the place of another: only the checksum tells."""
    (folder / model_source.FILE).write_bytes(check_model(seed)[1])


def ask_api(address, plan):
    return deployed.ask(address, plan["texts"], at_once=[json.dumps(flight) for flight in plan["at once"]], patience=3)


def ask_damaged(folder, plan):
    with deployed.api_of(folder, "Your API, its model damaged") as address:
        return deployed.ask(address, plan["texts"][:1])


def probe_page(answer, rng):
    if (told := not_to_be_started(answer, ["app.py"])) is not None:
        return told
    plan = plan_page(rng)
    with deployed.copied(as_folder(answer), without="model") as copy:
        stand_in = deployed.StandIn(deployed.refused_or(lambda rows: stand_in_answer(rows, plan)), stand_in_health(plan))
        return {"page": deployed.visit(copy, stand_in, plan["files"])}


def stand_in_answer(rows, plan):
    late = [chance_of(row, plan) for row in rows]
    return {"version": plan["version"], "late": late}


def chance_of(row, plan):
    """By where and when it flies, so that a flight whose weather was changed on the way is still known."""
    key = ("departure_minute", "carrier", "dest", "distance")
    places = [place for place, flight in enumerate(plan["flights"]) if all(flight[name] == row[name] for name in key)]
    return plan["chances"][places[0]] if places else 0.5


def stand_in_health(plan):
    return {"ready": True, "version": plan["version"]}


def probe_whole(answer, rng):
    if (told := not_to_be_started(answer, ["api.py", "app.py"])) is not None:
        return told
    api_plan, page_plan, sample = plan_api(rng), plan_page(rng), drawn_rows(rng)
    folder = as_folder(answer)
    with deployed.copied(folder) as copy, deployed.copied(folder) as broken:
        fit = model_of(copy, api_plan, page_plan, sample) | deployed.risky(copy)
        if "no model" in fit or fit["pickled"] or fit["places"]:
            return {"fit": fit}
        damage(broken / "model", api_plan["seed"])
        with ThreadPoolExecutor(1) as pool, deployed.api_of(copy) as address:
            damaged = pool.submit(ask_damaged, broken, api_plan)
            found = {"fit": fit, "api": ask_api(address, api_plan), "page": {"no start": "its API does not run"}}
            if "no start" not in found["api"]:
                stand_in = deployed.StandIn(deployed.forwarding(address), found["api"]["health"]["content"] or {})
                found["page"] = deployed.visit(copy, stand_in, page_plan["files"], in_browser=True)
            return {**found, "damaged": damaged.result(), "browser": bool(deployed.browser())}


def drawn_rows(rng):
    return rng.choice(len(known()[0]), 8000, replace=False)


def model_of(folder, api_plan, page_plan, sample):
    """What the learner's model file says of the flights that the API and the page are asked about."""
    try:
        note = json.loads((folder / "model" / model_source.NOTE).read_bytes())
        content = (folder / "model" / model_source.FILE).read_bytes()
        version, sha256 = str(note["version"]), note["sha256"]
        model = onnx_model.OnnxModel(content)
    except FileNotFoundError as error:
        return {"no model": f"There is no model/{Path(error.filename).name} beside api.py: model_source.save makes it."}
    except (ValueError, TypeError, KeyError, onnx_model.ModelError) as error:
        return {"no model": f"What lies in model/ is not as model_source.save makes it ({type(error).__name__})."}
    if hashlib.sha256(content).hexdigest() != sha256:
        return {"no model": "model.onnx does not fit the checksum in model.json: save the model anew."}
    many = {name: chances(model, rows) for name, rows in api_plan["sound"].items()}
    judged = {name: known()[0][name].iloc[sample].to_numpy() for name in flights.FEATURES}
    late = model.probability_late(model.encode_columns(judged))
    return {
        "version": version,
        "sound": many,
        "at once": chances(model, api_plan["at once"]),
        "page": chances(model, page_plan["flights"]),
        "judged": [round(float(p), 5) for p in late],
    }


def chances(model, rows):
    return model.probability_late(model.encode(rows)).tolist()


# --- the rubric: each criterion is four lines, a point each; a line is None where it is earned -----------------------------


def miss(reason, misconception=None):
    return reason, misconception


def score_forecasts(api, plan, wanted, version):
    """Wanted: by the names of the plan's sound bodies, the probabilities."""
    replies = dict(zip(plan["sound"], api["found"], strict=False))
    one = wrong_forecast(replies["one"], wanted["one"], "one flight")
    several = wrong_forecast(replies["list"], wanted["list"], "a list of 30 flights")
    gaps = wrong_forecast(replies["gaps"], wanted["gaps"], "a flight with null in its weather")
    new = wrong_forecast(replies["new"], wanted["new"], 'a flight with carrier "ZZ" and dest "QQQ"')
    if several and not one:
        refused = replies["list"]["status"] != 200
        several = miss(several[0], "one flight only") if refused else several
    if gaps and not one:
        gaps = miss(gaps[0] + " The weather may be missing.")
    if new and not one:
        new = miss(new[0] + " Carriers and airports come and go; the model has a code for what it does not know.")
    return [one, several, gaps or new, wrong_version(api, replies["one"], version)]


def wrong_forecast(reply, wanted, what):
    late = (reply["content"] or {}).get("late")
    if reply["status"] in (404, 405):
        return miss(f"POST /predict answers {reply['status']}: there is no such route.")
    if reply["status"] != 200:
        return miss(f"To {what} POST /predict answers {reply['status'] or 'nothing'}: {short(reply['text'])}")
    if isinstance(late, (int, float)):
        return miss(f'To {what} "late" is the number {late}; a list is wanted, with one number a flight.', "no list")
    if not isinstance(late, list) or not all(type(p) in (int, float) for p in late):
        return miss(f'To {what} the answer is {short(reply["text"])}; wanted is "late", a list of numbers.', "no list")
    if len(late) != len(wanted):
        return miss(f'To {what} "late" has {len(late)} numbers; {len(wanted)} are wanted.')
    return unlike(np.array(late, float), np.array(wanted, float), what)


def unlike(late, wanted, what):
    if np.abs(late - wanted).max() <= CLOSE:
        return None
    said = f"To {what} yours says {late[0]:.6g} and the model {wanted[0]:.6g}."
    if np.abs(1 - late - wanted).max() <= CLOSE:
        return miss(f"{said} That is the chance of being punctual.", "wrong class")
    if set(np.unique(late)) <= {0, 1}:
        return miss(f"{said} The probability is wanted, not the decision.")
    if np.abs(late - wanted).max() <= 0.0051:
        return miss(f"{said} Round on a page, not in an answer: four decimals at least.")
    if len(late) > 1 and np.abs(np.sort(late) - np.sort(wanted)).max() <= CLOSE:
        return miss(f"To {what} the numbers are right and in another order than the flights.")
    return miss(f"{said} Is it the model in the folder model beside api.py?")


def wrong_version(api, reply, version):
    told = {"POST /predict": reply["content"], "GET /healthcheck": api["health"]["content"]}
    for where, content in told.items():
        said = (content or {}).get("version")
        if said is None:
            return miss(f'{where} does not tell the "version", which is {version!r} in model.json.')
        if str(said) != version:
            return miss(f"{where} says version {said!r}; model.json says {version!r}. Read it there.", "version typed in")
    return None


def score_refusals(api, plan):
    rows = list(zip(plan["bad"], api["found"][len(plan["sound"]) :], strict=False))
    lines = [next(filter(None, (taken(bad, reply) for bad, reply in rows if bad[3] == line)), None) for line in range(3)]
    return [*lines, next(filter(None, (no_reason(bad, reply) for bad, reply in rows)), None)]


def taken(bad, reply):
    told, _, _, line = bad
    if 400 <= reply["status"] < 500:
        return None
    if 200 <= reply["status"] < 300:
        return miss(f"Where {told}, yours gives a forecast; it is to be refused.", None if line else "not strict")
    said = f"answers {reply['status']}" if reply["status"] else f"gives no answer ({reply['text']})"
    return miss(f"Where {told}, yours {said}. That is the caller's fault, so the status is 422.", "500 for a bad body")


def no_reason(bad, reply):
    told, _, field, _ = bad
    if not 400 <= reply["status"] < 500 or told == DEEP:  # FastAPI itself answers 400 to what is too deep
        return None
    if reply["status"] != 422:
        return miss(f"Where {told}, yours answers {reply['status']}; 422 is wanted.")
    problems = (reply["content"] or {}).get("problems")
    if not isinstance(problems, list) or not problems:
        return miss(f'Where {told}, the refusal is {short(reply["text"])}; it is to hold "problems", a list.')
    if field not in json.dumps(problems):
        return miss(f"Where {told}, the refusal is {short(json.dumps(problems))}: it does not name {field}.", "field not named")
    return None


def score_readiness(api, damaged, plan, wanted, at_once):
    health = api["health"]
    ready = health["status"] == 200 and (health["content"] or {}).get("ready") is True
    lines = [None if ready else miss(f'GET /healthcheck answers {told_of(health)}; wanted are 200 and "ready": true.')]
    lines += unready(damaged)
    many = wrong_forecast(api["found"][list(plan["sound"]).index("many")], wanted["many"], f"{MANY:,} flights in one request")
    for reply, p in zip(api["together"], at_once, strict=False):
        many = many or wrong_forecast(reply, [p], "one of eight requests at once")
    if not many and api["after"]["status"] != 200:
        many = miss(f"After all this GET /healthcheck answers {told_of(api['after'])}.")
    return [*lines, many]


def unready(damaged):
    """Two lines: how an API is whose model file is not the one that model.json names."""
    if "no start" in damaged:
        told = miss(
            f"With a damaged model file your API does not start: {damaged['no start']} Nobody can ask it then what is wrong; "
            "it is to start, and to answer 503."
        )
        return [told, told]
    health, predict = damaged["health"], damaged["found"][0]
    kind = "checksum not compared"
    told = f"While model.onnx is not the file whose sha256 stands in model.json, GET /healthcheck answers {told_of(health)}; "
    first = None
    if health["status"] != 503:
        first = miss(told + "503 is wanted.", kind if health["status"] == 200 else None)
    elif (health["content"] or {}).get("ready") is not False or not (health["content"] or {}).get("problem"):
        first = miss(told + 'wanted are "ready": false and "problem", a text.')
    if predict["status"] == 503 and isinstance((predict["content"] or {}).get("problems"), list):
        return [first, None]
    said = f"While the model file is damaged, POST /predict answers {told_of(predict)}; wanted are 503 and a list of problems."
    return [first, miss(said, kind if predict["status"] == 200 else None)]


def score_page(page, plan, wanted, version):
    good, opened = page.get("good", {}), page["opened"]
    if opened.get("failed") or not opened.get("uploaders"):
        told = opened.get("exception") or opened.get("failed") or "no file uploader"
        kind = "page fails" if told != "no file uploader" else None
        return [miss(f"Your page opens with {short(told)}; wanted is a page with an st.file_uploader.", kind)] * 4
    first = None
    if opened["exception"] or opened["alerts"]:
        alarm = short(opened["exception"] or opened["alerts"][0])
        first = miss(f"Before anything is uploaded your page shows {alarm}")
    sent = carrier_refused(page) or wrong_sent(page.get("asked", []), plan["flights"])
    sent = sent or wrong_sent(page.get("asked of digits", []), plan["digits"])
    if trouble := (good.get("failed") or good.get("exception")):
        failed = miss(f"After a good file your page shows {short(trouble)}", "page fails")
        return [first, sent, failed, failed]
    shown = wrong_shown(good["text"], wanted, good["alerts"])
    told = miss(f"After a good file the model's version, {version}, is not shown.")
    return [first, sent, shown, None if version in good["text"] else told]


def wrong_shown(text, wanted, alerts):
    numbers = np.array([float(n.replace(",", ".")) for n in re.findall(r"\d+[.,]?\d*(?:e-\d+)?", text)] or [-1.0])

    def hidden(near, chances=wanted):
        return [p for p in chances if min(abs(numbers - p).min(), abs(numbers / 100 - p).min()) > near]

    if not hidden(SEEN):
        return None
    if alerts:
        return miss(f"After a good file your page says: {short(alerts[0])}")
    if not hidden(0.0055):
        return miss("The probabilities on your page are rounded: three decimals are wanted, or a percentage with one.")
    if not hidden(SEEN, np.subtract(1, wanted)):
        return miss("Your page shows the chance of being punctual; that of being late is wanted.", "wrong class")
    left = hidden(SEEN)
    told = f"of the API's probabilities for {len(wanted)} flights {len(left)} are not shown, such as {left[0]:.4f}"
    return miss(f"After a good file, {told}.", "not shown")


CARRIERS = "NA, 99 and 07 are carriers: text. With pandas: dtype=str for the four text columns, keep_default_na=False."


def carrier_refused(page):
    """Where a page refuses the good files itself, on account of a carrier."""
    for name, asked in deployed.ASKED.items():
        said = " ".join(page.get(name, {}).get("alerts", []))
        if not page.get(asked) and "carrier" in said.lower():
            return miss(f"After a good file your page says: {short(said, 90)} But {CARRIERS}", "carrier is text")
    return None


def wrong_sent(bodies, rows):
    """Whether the page asked the API at FLIGHT_API about the flights of the file."""
    if not bodies:
        told = "Your page did not POST to /predict at the address in FLIGHT_API: forecasts come from the API."
        return miss(told, "not through the API")
    sent = []
    for body in bodies:
        try:
            sent += flight_schema.read_flights(body.encode())
        except flight_schema.BadFlights as error:
            came = [problem["came"] for problem in error.problems if problem["where"].endswith("carrier")]
            if came and not came[0].startswith(("'", '"', "{")):  # a gap or a number
                return miss(f"For a carrier of the file your page sent {came[0]}. {CARRIERS}", "carrier is text")
            return miss(f"What your page sent is no flight for the API: {short(str(error))}")
    for row in rows:
        near = min(sent, key=lambda other: sum(other[name] != row[name] for name in row))
        name = next((name for name in row if near[name] != row[name]), None)
        if name and row[name] is None:
            return miss(f"Where {name} is empty in the file your page sent {near[name]}; a gap goes as null.", "gaps filled")
        if name:
            return miss(f"A flight of the file has {name} {row[name]}; your page sent {near[name]}.")
    return None


TROUBLES = {
    "bad row": 'a file in which one weekday is "Monday"',
    "no table": "a file that is no CSV",
    "not ready": "a good file while the API answers 503",
    "gone": "a good file while no API is there",
}


def score_trouble(page):
    if "bad row" not in page:
        return [miss("No file can be uploaded, so nothing can be said about bad ones.")] * 4
    lines = [silent(page[name], told) for name, told in TROUBLES.items()]
    lines[0] = lines[0] or unnamed(page["bad row"], TROUBLES["bad row"], "weekday")
    if not lines[0]:
        lines[0] = silent(page["NA"], NO_GAP, NO_GAP_KIND) or unnamed(page["NA"], NO_GAP, "temp")
    return lines


NO_GAP, NO_GAP_KIND = "a file in which one temp is NA, which is no gap (an empty cell is)", "NA is no gap"
RAW = re.compile(r"""\{\s*["']|^\s*\[.*\]\s*$""", re.DOTALL)  # a dict somewhere, or a list as the whole


def sentences(seen):
    return [alert for alert in seen["alerts"] if len(alert.split()) >= 3 and not RAW.search(alert)]


def unnamed(seen, told, column):
    """Whether no sentence names the column."""
    said = " ".join(sentences(seen))
    if re.search(rf"\b{column}s?\b", said.lower()):  # "attempt" is not temp
        return None
    return miss(f"After {told} your page says {short(said)!r}: it does not name the column.", "column not named")


def silent(seen, told, kind="says nothing"):
    if trouble := (seen.get("failed") or seen.get("exception")):
        return miss(f"After {told} your page shows a traceback ({short(trouble)}) where a sentence is wanted.", "traceback")
    if sentences(seen):
        return None
    if raw := [alert for alert in seen["alerts"] if RAW.search(alert)]:
        told = f"After {told} your page shows {short(raw[0], 80)}, which is data as it came."
        return miss(f"{told} Take its parts and make a sentence of them, in words.", "raw answer")
    return miss(f"After {told} your page says nothing by st.error or st.warning.", kind)


def score_fit(found, sample):
    fit = found["fit"]
    if "no model" in fit:
        return [miss(fit["no model"], "no model")] * 4
    y = known()[1].to_numpy()[sample]
    p = np.array(fit["judged"], float)
    auc = float(np.mean(pd.Series(p).rank()[y]) - (y.sum() + 1) / 2) / (~y).sum()
    weak = f"On flights of November and December your model's AUC is {auc:.2f}; at least {LEAST_AUC} is wanted."
    pickled = f"{', '.join(fit['pickled'][:3])}: what is unpickled can run code. Load model.onnx." if fit["pickled"] else None
    places = f"{', '.join(fit['places'][:3])} names a folder of this machine. Say where a file is by Path(__file__).parent."
    return [
        None,
        miss(weak, "weak model") if auc < LEAST_AUC else None,
        miss(pickled, "pickle") if pickled else None,
        miss(places, "this machine's folders") if fit["places"] else None,
    ]


def told_of(reply):
    return f"{reply['status'] or 'nothing'} {short(reply['text'], 80)}".strip()


def short(text, most=110):
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"


# --- the verdicts --------------------------------------------------------------------------------------------------------------


def verdict_of(criteria, praise=""):
    """Add up: passed with every point, else each reason once."""
    points = {name: sum(line is None for line in lines) for name, lines in criteria.items()}
    score = ", ".join(f"{name} {n}" for name, n in points.items())
    head = f"Score {sum(points.values())} of {4 * len(points)}: {score}."
    missed = list(dict.fromkeys(line for lines in criteria.values() for line in lines if line))
    if not missed:
        return passed(f"{head}{praise}")
    told, left = [head], len(missed)
    for reason, _ in missed:
        if len(told) > 1 and sum(map(len, told)) + len(reason) > 680:
            break
        told.append(f"- {reason}")
        left -= 1
    return not_yet("\n".join(told + ([f"- and {left} more"] if left else [])), missed[0][1])


def judged(judge):
    """A judge that says so where there is nothing to start, and does not raise where the evidence has another shape."""

    @functools.wraps(judge)
    def guarded(evidence, rng):
        try:
            return not_yet(evidence["unfinished"], "unfinished") if "unfinished" in evidence else judge(evidence, rng)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            return not_yet("What your files did could not be read as answers of an API or as a page.")

    return guarded


def api_criteria(found, plan, wanted, at_once, version):
    api = found["api"]
    if "no start" in api:
        told = miss(f"Your API does not start: {api['no start']}", "API does not start")
        return {name: [told] * 4 for name in ("forecasts", "bad requests", "readiness")}
    return {
        "forecasts": score_forecasts(api, plan, wanted, version),
        "bad requests": score_refusals(api, plan),
        "readiness": score_readiness(api, found["damaged"], plan, wanted, at_once),
    }


def page_criteria(page, plan, wanted, version):
    if "no start" in page:
        told = miss(f"Your page does not start: {page['no start']}", "page fails")
        return {"page": [told] * 4, "trouble": [told] * 4}
    return {"page": score_page(page, plan, wanted, version), "trouble": score_trouble(page)}


@judged
def judge_api(evidence, rng):
    plan = plan_api(rng)
    model, _ = check_model(plan["seed"])
    wanted = {name: oracle(model, rows) for name, rows in plan["sound"].items()}
    return verdict_of(api_criteria(evidence, plan, wanted, oracle(model, plan["at once"]), plan["version"]))


def oracle(model, rows):
    """By the pipeline itself, not by its ONNX file."""
    table = pd.DataFrame(rows)[list(flights.FEATURES)]
    return modeling.probability_late(model, table.astype(dict.fromkeys(flights.NUMERIC, "float64")))


@judged
def judge_page(evidence, rng):
    plan = plan_page(rng)
    return verdict_of(page_criteria(evidence["page"], plan, plan["chances"], plan["version"]))


@judged
def judge_whole(evidence, rng):
    api_plan, page_plan, sample = plan_api(rng), plan_page(rng), drawn_rows(rng)
    fit = evidence["fit"]
    criteria = {"model": score_fit(evidence, sample)}
    if "api" not in evidence:
        first = next(filter(None, criteria["model"]))
        return verdict_of(criteria | {name: [first] * 4 for name in REST})
    criteria |= api_criteria(evidence, api_plan, fit["sound"], fit["at once"], fit["version"])
    criteria |= page_criteria(evidence["page"], page_plan, fit["page"], fit["version"])
    by = "in Chromium" if evidence.get("browser") else "by Streamlit's AppTest, as there is no Chromium here"
    return verdict_of(criteria, f" The page was opened {by}.")


REST = ("forecasts", "bad requests", "readiness", "page", "trouble")


# --- the questions ----------------------------------------------------------------------------------------------------------

FOLDER = "solutions/30_mini_project"

QUESTIONS = {
    "30.1": Question(
        title="The API",
        probe=probe_api,
        judge=judge_api,
        hints=(
            "load_model: json.loads of model.json, the bytes of model.onnx, hashlib.sha256(content).hexdigest() against the "
            "note; then onnx_model.OnnxModel(content). Whatever is wrong with the files becomes an onnx_model.ModelError.",
            "async def predict(request: Request): flight_schema.read_flights(await request.body()) gives a list of dicts, or "
            "raises BadFlights with .problems. JSONResponse(content, status) answers.",
            "late = model.probability_late(model.encode(rows)).tolist(): tolist makes plain numbers of numpy's.",
        ),
        notebook=f"{FOLDER}/api.py",
        misconceptions=(
            "unfinished",
            "API does not start",
            "no list",
            "wrong class",
            "one flight only",
            "version typed in",
            "not strict",
            "500 for a bad body",
            "field not named",
            "checksum not compared",
        ),  # fmt: skip
    ),
    "30.2": Question(
        title="The page",
        probe=probe_page,
        judge=judge_page,
        hints=(
            "read_rows: helpers.uploads reads and checks a CSV (uploads.read, uploads.check); or pandas.read_csv with "
            "dtype=str for the four text columns, keep_default_na=False and na_values=[''] for each number, then "
            "json.loads(table[list(FEATURES)].to_json(orient='records')), which writes gaps as null.",
            "ask: httpx.post(API + 'predict', json=rows, timeout=10, trust_env=False); on 200 return reply.json(), else raise an "
            "error of your own with the answer's problems. httpx.HTTPError is what comes when nobody is there.",
            "show: try the two, except your own error and ValueError: st.error(str(error)). Else st.write the version and "
            "st.dataframe a table whose column of probabilities has four decimals.",
        ),
        notebook=f"{FOLDER}/app.py",
        misconceptions=(
            "unfinished",
            "page fails",
            "not through the API",
            "gaps filled",
            "carrier is text",
            "NA is no gap",
            "wrong class",
            "not shown",
            "traceback",
            "says nothing",
            "raw answer",
            "column not named",
        ),  # fmt: skip
    ),
    "30.3": Question(
        title="Deployed, with your own model",
        probe=probe_whole,
        judge=judge_whole,
        hints=(
            "Everything that 30.1 and 30.2 say counts here too: let those pass first.",
            "model_source.save(model, 'model', version), with model from modeling.make_model().fit(X, y) and X, y from "
            "flights.features_and_target(flights.load(months)).",
            "Three months are enough for the AUC. Load nothing by pickle or joblib, and name no folder of your machine in api.py "
            "or app.py.",
        ),
        notebook=f"{FOLDER}/30_mini_project.ipynb",
        misconceptions=("unfinished", "no model", "weak model", "pickle", "this machine's folders", "API does not start"),
    ),
}
