"""The mini project's check where tests/answers does not reach: in Chromium, in what it says, and in what it leaves."""

import copy
import functools
import json

import numpy as np
import psutil
import pytest

from helpers.course import asking
from helpers.course.bank import deployed, q30
from helpers.course.verdict import PASSED
from tests.answers import a30

SEED = 7


def gathered(question_id, made, tmp_path):
    question = asking.find(question_id)
    found = asking.gather(question, made.factory(tmp_path), SEED)
    return asking.decide(question, found, SEED), found


@pytest.fixture
def in_chromium(monkeypatch):
    monkeypatch.setenv(deployed.BROWSER, "chromium")
    deployed.browser.cache_clear()
    yield
    deployed.browser.cache_clear()


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("place", [0, 1, 2])
def test_right_answers_pass_in_a_real_browser(place, in_chromium, tmp_path):
    verdict, _ = gathered("30.3", a30.ANSWERS["30.3"].right[place], tmp_path)
    assert verdict.outcome == PASSED and "The page was opened in Chromium." in verdict.reason, verdict.reason


BROKEN = a30.changed(a30.APP, "httpx.HTTPError", "httpx.TimeoutException", "st.error(str(trouble))", "st.empty()")


@pytest.mark.needs("chromium")
def test_a_browser_sees_what_is_wrong_as_apptest_does(in_chromium, tmp_path):
    verdict, _ = gathered("30.3", a30.whole(app=BROKEN), tmp_path)
    assert "page 4, trouble 0" in verdict.reason and "says nothing" in verdict.reason and "traceback" in verdict.reason


def test_nothing_is_left_running_or_lying_about(tmp_path):
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    gathered("30.3", a30.whole(), tmp_path)
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["api.py", "app.py", "model"]


@pytest.mark.parametrize("question_id", ["30.1", "30.2", "30.3"])
def test_an_untouched_exercise_is_not_attempted(question_id, tmp_path):
    made = a30.whole(api=a30.untouched(a30.API), app=a30.untouched(a30.APP))
    assert gathered(question_id, made, tmp_path)[0].outcome == "not attempted"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Your API ended by itself with exit code 3. It printed nothing.", "it ended by itself with exit code 3."),
        (
            "Your API was not ready within 20 s: http://127.0.0.1:5/openapi.json was asked, it answers HTTP 404.",
            "it was not ready within 20 s: /openapi.json was asked, it answers HTTP 404.",
        ),
        (
            'Your page ended. Its log ends:\n  File "HERE/api.py", line 7, in f\n  File "/lib/x.py", line 2\nValueError: no.\n',
            "ValueError: no (api.py, line 7).",
        ),
    ],
)
def test_a_server_that_does_not_start_is_told_in_a_line(text, told, tmp_path):
    assert deployed.short_log(text.replace("HERE", str(tmp_path)), tmp_path) == told


# --- what the judge says, without starting anything ----------------------------------------------------------------------------


def reply(status=200, content=None, text=None):
    return {"status": status, "content": content, "text": json.dumps(content) if text is None else text}


def api_evidence():
    return copy.deepcopy(right_api())


@functools.cache
def right_api():
    """What a right API answers."""
    plan = q30.plan_api(np.random.default_rng(SEED))
    model, _ = q30.check_model(plan["seed"])
    ready = reply(200, {"ready": True, "version": plan["version"]})

    def forecast(rows):
        return reply(200, {"version": plan["version"], "late": q30.oracle(model, rows).tolist()})

    refused = [reply(422, {"problems": [f"{field} is wrong"]}) for _, _, field, _ in plan["bad"]]
    found = [forecast(rows) for rows in plan["sound"].values()] + refused
    api = {"health": ready, "found": found, "together": [forecast([flight]) for flight in plan["at once"]], "after": ready}
    damaged = {"health": reply(503, {"ready": False, "problem": "why"}), "found": [reply(503, {"problems": ["why"]})]}
    return {"api": api, "damaged": damaged}


def told(evidence):
    return q30.judge_api(evidence, np.random.default_rng(SEED))


def put(*path):
    *way, last, value = path

    def change(evidence):
        for step in way:
            evidence = evidence[step]
        evidence[last] = value

    return change


def round_to_two(content):
    content["late"] = [round(content["late"][0], 2)]


SAYS = {
    "there is no such route": put("api", "found", 0, reply(404, {"detail": "Not Found"})),
    "answers 500": put("api", "found", 0, reply(500, text="Internal Server Error")),
    "answers nothing": put("api", "found", 0, reply(0, text="ReadTimeout")),
    'wanted is "late", a list': put("api", "found", 0, reply(200, {"late": ["0.2"]})),
    '"late" has 2 numbers; 1 are wanted': put("api", "found", 0, "content", "late", [0.2, 0.3]),
    "not the decision": put("api", "found", 0, "content", "late", [1]),
    "Round on a page": lambda evidence: round_to_two(evidence["api"]["found"][0]["content"]),
    "The weather may be missing": put("api", "found", 2, reply(422, {"problems": ["temp"]})),
    "Is it the model in the folder": put("api", "found", 0, "content", "late", [0.9871]),
    "has a code for what it does not know": put("api", "found", 3, reply(422, {"problems": ["carrier"]})),
    'does not tell the "version"': put("api", "health", "content", "version", None),
    "Where distance is true, yours gives a forecast": put("api", "found", 8, reply(200, {"late": [0.5]})),
    "Where distance is null": put("api", "found", 9, reply(200, {"late": [0.5]})),
    "Where humid is NaN": put("api", "found", 10, reply(200, {"late": [0.5]})),
    "Where departure_minute is 1440": put("api", "found", 12, reply(200, {"late": [0.5]})),
    "Where temp is 1e400": put("api", "found", 11, reply(200, {"late": [0.5]})),
    'Where carrier is "ua"': put("api", "found", 16, reply(200, {"late": [0.5]})),
    "Where visib is absent, yours answers 400; 422 is wanted": put("api", "found", 5, reply(400, {"problems": ["visib"]})),
    "Where the body is an empty list, yours gives": put("api", "found", 20, reply(200, {"late": []})),
    "Where the body is empty, yours answers 500": put("api", "found", 18, reply(500)),
    'it is to hold "problems"': put("api", "found", 6, reply(422, {"detail": "visib"})),
    'wanted are 200 and "ready": true': put("api", "health", "content", "ready", None),
    "After all this": put("api", "after", reply(500)),
    "does not start: ValueError: bad. Nobody": put("damaged", {"no start": "ValueError: bad."}),
    '"problem", a text': put("damaged", "health", reply(503, {"ready": False})),
    "503 and a list of problems": put("damaged", "found", 0, reply(500, text="Internal Server Error")),
    "one of eight requests at once": put("api", "together", 7, "content", "late", [0.9871]),
}


def test_the_right_evidence_passes():
    assert told(api_evidence()).reason == "Score 12 of 12: forecasts 4, bad requests 4, readiness 4."


@pytest.mark.parametrize("says", SAYS)
def test_each_missing_point_has_its_reason(says):
    evidence = api_evidence()
    SAYS[says](evidence)
    verdict = told(evidence)
    assert verdict.outcome != PASSED and says in verdict.reason, verdict.reason


def page_evidence():
    """What a right page shows."""
    plan = q30.plan_page(np.random.default_rng(SEED))
    blank = {"exception": "", "alerts": [], "uploaders": 1, "text": "Upload a CSV"}
    good = blank | {"text": f"version {plan['version']}: {', '.join(f'{100 * p:.1f} %' for p in plan['chances'])}"}
    page = {name: blank | {"alerts": ["The weekday is not one"]} for name in q30.TROUBLES}
    page["NA"] = blank | {"alerts": ["The temp of row 3 is no number"]}
    asked = {"asked": [json.dumps(plan["flights"])], "asked of digits": [json.dumps(plan["digits"])]}
    return {"page": {"opened": blank, "good": good, **asked, **page}}


PAGE_SAYS = {
    "Before anything is uploaded": put("page", "opened", "alerts", ["Upload a file"]),
    "opens with no file uploader": put("page", "opened", "uploaders", 0),
    "are rounded": put("page", "good", "text", "stand-in-5473 32 % 29 % 46 % 51 %"),
    "is not shown": put("page", "good", "text", "31.5 % 29.4 % 46.2 % 51.4 %"),
    "After a good file your page says: No, no.": put(
        "page", "good", {"exception": "", "alerts": ["No, no."], "uploaders": 1, "text": "No, no."}
    ),
    "After a good file your page shows KeyError": put(
        "page", "good", {"exception": "KeyError: 'late'", "alerts": [], "text": ""}
    ),
    "is no flight for the API": put("page", "asked", ['{"temp": "45"}']),
    "your page sent": put("page", "asked", [json.dumps(q30.drawn_flights(np.random.default_rng(3), 4))]),
    "the page's process has ended": put("page", "gone", {"failed": "the page's process has ended"}),
    "Your page does not start: no": put("page", {"no start": "no"}),
}


def told_of_page(evidence):
    return q30.judge_page(evidence, np.random.default_rng(SEED))


def test_the_right_page_passes():
    assert told_of_page(page_evidence()).reason == "Score 8 of 8: page 4, trouble 4."


@pytest.mark.parametrize("says", PAGE_SAYS)
def test_each_missing_point_of_a_page_has_its_reason(says):
    evidence = page_evidence()
    PAGE_SAYS[says](evidence)
    verdict = told_of_page(evidence)
    assert verdict.outcome != PASSED and says in verdict.reason, verdict.reason


def test_numbers_in_another_order_are_told():
    evidence = api_evidence()
    evidence["api"]["found"][1]["content"]["late"].reverse()
    assert "in another order than the flights" in told(evidence).reason


def test_a_long_verdict_keeps_to_its_room():
    evidence = api_evidence()
    evidence["api"]["found"] = [reply(500, text="x" * 1500)] * len(evidence["api"]["found"])
    reason = told(evidence).reason
    assert len(reason) < 800 and "more" in reason.splitlines()[-1]


@pytest.mark.parametrize("judge", [q30.judge_api, q30.judge_page, q30.judge_whole])
@pytest.mark.parametrize("junk", [{}, [], None, 3, "text", {"api": 1}, {"page": []}, {"fit": {}}, {"api": {"found": []}}])
def test_judges_never_raise(judge, junk):
    assert judge(junk, np.random.default_rng(SEED)).outcome != PASSED


def test_junk_inside_sound_evidence_never_raises():
    for path in (("found", 0), ("found", 10), ("health",), ("together", 0)):
        for junk in (None, 3, "text", [], {}, {"status": "200"}, {"status": 200, "content": {"late": [None]}, "text": 5}):
            evidence = api_evidence()
            put("api", *path, junk)(evidence)
            assert told(evidence).outcome != PASSED
