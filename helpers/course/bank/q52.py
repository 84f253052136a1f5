"""The questions of 52, logging and alerting: rules that fire when they should, the rows behind an alert, what a log may keep."""

import collections
import tempfile
from pathlib import Path

import numpy as np
import yaml

from helpers import alert_rules, logged, prediction_log, rule_evaluator
from helpers.course.verdict import Question, not_yet, passed

NOTEBOOK = "solutions/52_logging_and_alerting.ipynb"
DAY = 86_400  # seconds

# --- 52.1: rules --------------------------------------------------------------------------------------------------------

MINUTE, STEPS, SPAN, SHARE, PATIENCE = 60, 40, 5, 0.1, 3  # seconds; minutes; minutes; of the requests; minutes
SEVERITY = {"TooManyErrors": "page", "LastingDrift": "ticket", "MonitorGone": "page"}
LIMITS = {"distance": 0.2, "temp": 0.2, "visib": 0.5, "precip": 0.05}
LARGE, SMALL = "/predict", "/explain"  # routes; the small one has one request in a hundred
BAD = ("500", "503")
LONG = 4  # minutes: each trouble


def requests_each_minute(rng):
    """Requests in each minute by route and status, and when each trouble begins."""
    usual = {"200": 90, "422": 2, "500": 0, "503": 1}
    minutes = {(LARGE, status): np.full(STEPS, count) for status, count in usual.items()}
    minutes |= {(SMALL, "200"): np.full(STEPS, 1), (SMALL, "503"): np.full(STEPS, 0)}
    outage, nonsense, few = (int(place) for place in rng.permutation([3, 14, 27]))
    begins = {"outage": outage, "nonsense": nonsense, "few": few, "small": 20}
    minutes[LARGE, "500"][outage : outage + LONG] = 150
    minutes[LARGE, "503"][outage : outage + LONG] = 50
    minutes[LARGE, "422"][nonsense : nonsense + LONG] = 90
    minutes[LARGE, "503"][few] = 7  # never a tenth
    minutes[SMALL, "503"][20 : 20 + LONG], minutes[SMALL, "200"][20 : 20 + LONG] = 1, 0  # the small route fails wholly
    return minutes, begins


def drifts(rng):
    """Each column's drift, up to the monitor's last word."""
    end = int(rng.integers(24, 28))
    drift = {column: np.round(rng.uniform(0.01, 0.04, end), 3) for column in LIMITS}
    long, blip, edge = (int(place) for place in rng.permutation([1, 9, 17]))
    drift["distance"][long : long + 6] = 0.4
    drift["distance"][blip : blip + 2] = 0.5
    drift["temp"][edge : edge + 6] = 0.2  # just at the limit, which is quiet
    drift["temp"][long] = 0.6
    drift["visib"][edge : edge + 6] = 0.35  # much, and under its own limit
    drift["precip"][long : long + 6] = 0.1  # little, and over its own limit
    return {column: values.tolist() for column, values in drift.items()}


def series(rng):
    """Trouble of several kinds in forty minutes: counts of requests, drift with blips, and when each trouble begins."""
    minutes, begins = requests_each_minute(rng)
    before = {"200": int(rng.integers(2000, 2100)), "422": 20, "500": 60, "503": int(rng.integers(10, 30))}
    counts = {(route, status): np.cumsum(values) + before[status] for (route, status), values in minutes.items()}
    return {key: values.tolist() for key, values in counts.items()}, drifts(rng), begins


def as_given(counts, drift):
    """As `rule_evaluator` takes them."""
    found = {f'requests_total{{route="{route}",status="{status}"}}': values for (route, status), values in counts.items()}
    for column, values in drift.items():
        found[f'drift_effect{{column="{column}"}}'] = values
        found[f'drift_limit{{column="{column}"}}'] = [LIMITS[column]] * len(values)
    return {name: ([MINUTE * step for step in range(len(values))], values) for name, values in found.items()}


def when_errors(counts, *, bad=BAD, ever=False, itself=False, by_route=False):
    """The oracle, by plain counting: the minutes with too many errors. Each keyword is a twist behind a misconception."""
    minutes = set()
    for step in range(1, STEPS):
        since = max(0, step - SPAN)
        grown = {key: values[step] - (0 if ever else values[since]) for key, values in counts.items()}
        for routes in ((LARGE,), (SMALL,)) if by_route else ((LARGE, SMALL),):
            everything = sum(count for (route, _), count in grown.items() if route in routes)
            failed = sum(count for (route, status), count in grown.items() if route in routes and status in bad)
            if failed > 0 if itself else failed > SHARE * everything:
                minutes.add(step)
    return minutes


def when_firing(counts, drift, *, wait=PATIENCE, above=np.greater, limit=None, gone=True, **errors):
    """The oracle: the minutes in which each alert fires."""
    fires, last = collections.defaultdict(set), len(next(iter(drift.values()))) - 1
    for step in range(STEPS):
        for column, values in drift.items():
            seen = [values[min(place, last)] for place in range(max(0, step - wait), step + 1)]
            if step - last <= SPAN and step >= wait and above(seen, limit or LIMITS[column]).all():
                fires["LastingDrift", column].add(step)
        if gone and step - last > SPAN:
            fires["MonitorGone", ""].add(step)
    return {("TooManyErrors", ""): when_errors(counts, **errors), **fires}


RULE_MISCONCEPTIONS = {
    "a blip wakes somebody": (
        dict(wait=0),
        "LastingDrift fires at the first value over the limit, so a blip of one minute wakes somebody. Let it hold: for: 3m.",
    ),
    "at the limit": (
        dict(above=np.greater_equal),
        "LastingDrift fires while the drift is just at its limit. A limit may be reached: only above it is an alert.",
    ),
    "fixed limit": (
        dict(limit=0.2),
        "LastingDrift compares all columns with the same number. Each column has a limit of its own: drift_effect > drift_limit.",
    ),
    "by route": (
        dict(by_route=True),
        "TooManyErrors fires where one small route fails, with 1% of all requests. Sum over all routes together: sum(...) "
        "without by (route), on both sides.",
    ),
    "a caller's mistake": (
        dict(bad=("422", *BAD)),
        'TooManyErrors fires when callers send nonsense (422). Only 5xx is the service\'s own: status=~"5..".',
    ),
    "ever since": (
        dict(ever=True),
        "TooManyErrors compares counts since the service began: an outage disappears among all that went before. "
        "Ask for the last five minutes: rate(requests_total[5m]).",
    ),
    "divided by itself": (
        dict(itself=True),
        "TooManyErrors fires at any error at all. Without sum(...) Prometheus divides series of the same labels: the 503s by "
        "the 503s, which is 1. Sum both sides first.",
    ),
    "silence is taken for good news": (
        dict(gone=False),
        "MonitorGone never fires. Where there is no series, a comparison gives nothing: absent(drift_effect) is true just then.",
    ),
}


def probe_rules(answer, rng):
    if isinstance(answer, str):
        try:
            answer = yaml.safe_load(answer)
        except yaml.YAMLError as error:
            return {"problem": f"It is no YAML: {' '.join(str(error).split())[:200]}"}
    if not isinstance(answer, dict):
        return {
            "problem": f"Expected the text of a rule file, or what it says as a dictionary; yours is a {type(answer).__name__}."
        }
    return {"rules": answer}


def judge_rules(evidence, rng):
    if "problem" in evidence:
        return not_yet(evidence["problem"])
    counts, drift, begins = series(rng)
    rules = evidence["rules"]
    try:
        rows = rule_evaluator.evaluate(rules, as_given(counts, drift), every=MINUTE, until=MINUTE * (STEPS - 1))
        written = {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}
        lacking, unled = [name for name in SEVERITY if name not in written], alert_rules.missing_runbooks(rules)
        severity = {name: (rule.get("labels") or {}).get("severity") for name, rule in written.items()}
    except Exception as error:  # a rule file is the learner's: whatever is in it, they are told
        return not_yet(f"The rules cannot be evaluated: {str(error) or type(error).__name__}")
    if lacking:
        return not_yet(f"There is no alert called {lacking[0]}.")
    told = _wrong_times(rows, counts, drift, begins)
    if told:
        return told
    if unled:
        return not_yet(
            f"{unled[0]} fires when it should, and then says nothing of what to do: give it the annotation runbook_url, a path "
            "such as runbooks.md#errors or an address.",
            "no runbook",
        )
    for name, wanted in SEVERITY.items():
        if severity[name] != wanted:
            return not_yet(f"{name} has the severity {severity[name]!r}; expected {wanted!r}.")
    return passed("Each fires when it should, on series that it had not seen, and is quiet else.")


def _wrong_times(rows, counts, drift, begins):
    """What is wrong with when they fire; None if nothing is."""
    got = collections.defaultdict(set)
    for row in rows:
        if row["state"] == "firing" and row["alert"] in SEVERITY:
            column = row["labels"].get("column", "") if row["alert"] == "LastingDrift" else ""
            got[row["alert"], column].add(round(row["time"] / MINUTE))
    want, got = when_firing(counts, drift), dict(got)
    wrong = {alert for alert, _ in {*want, *got} if _of(got, alert) != _of(want, alert)}
    for name, (twist, message) in RULE_MISCONCEPTIONS.items():
        twisted = when_firing(counts, drift, **twist)
        if any(_of(got, alert) == _of(twisted, alert) != _of(want, alert) for alert in wrong):
            return not_yet(message, name)
    for alert, column in sorted({*want, *got}):
        mine, right = got.get((alert, column), set()), want.get((alert, column), set())
        if mine != right:
            first = min(mine ^ right)
            which = f"{alert} ({column})" if column else alert
            where = _when(first, begins) if alert == "TooManyErrors" else _where(first, drift, column)
            did, should = ("fires", "be quiet") if first in mine else ("is quiet", "fire")
            return not_yet(f"{which} {did} {where} (minute {first} of a series); there it should {should}.")
    return None


TROUBLES = {  # the first that the last five minutes hold is told
    "outage": "an outage with statuses 500 and 503",
    "nonsense": "callers' nonsense (status 422)",
    "small": "the failure of one small route (1% of the requests)",
    "few": "a minute with 7 errors among 100 requests",
}


def _when(minute, begins):
    """What the requests were like then."""
    for name, what in TROUBLES.items():
        since = minute - begins[name] - (0 if name == "few" else LONG - 1)
        if minute >= begins[name] and since < SPAN:
            return f"in {what}" if since <= 0 else f"{since} minute{'s' * (since > 1)} after {what} ended"
    return "where all is as usual"


def _where(minute, drift, column):
    """What the drift was like then; of MonitorGone, how long it has been silent."""
    values = drift.get(column, drift["temp"])
    silent = minute - len(values) + 1
    if silent > 0:
        return f"{silent} minute{'s' * (silent > 1)} after the last drift_effect"
    if column not in drift:  # also a name that the learner gave
        return "while drift_effect is there"
    past = values[minute::-1]
    long = next((n for n, value in enumerate(past) if value != past[0]), len(past))
    held = f", for {long - 1} minute{'s' * (long > 2)} now" if long > 1 else ""
    return f"where drift_effect is {past[0]} and drift_limit {LIMITS[column]}{held}"


def _of(fires, alert):
    return {key: minutes for key, minutes in fires.items() if key[0] == alert}


# --- 52.2: from an alert to the rows ------------------------------------------------------------------------------------


def requests(rng):
    """What was logged: the request's id, its time, and for each row the value of `temp` and `visib`, None where missing."""
    found, at = [], 1_000_000.0
    for number in rng.permutation(24).tolist():
        at += float(rng.integers(5, 30))
        rows = [[None if rng.random() < 0.3 else 50.0, None if rng.random() < 0.2 else 10.0] for _ in range(3)]
        found.append([f"request-{number:02d}", at, rows])
    found[5][2], found[12][2] = [[None, 10.0], [None, None], [50.0, 10.0]], [[None, 10.0]] * 3
    found[4][2], found[18][2] = [[None, 10.0]] * 3, [[None, 10.0]] * 3
    found[7][2], found[9][2] = [[50.0, None]] * 3, [[50.0, 10.0]] * 3
    return found, found[5][1], found[18][1]  # from the time of one up to that of another


def probe_rows(answer, rng):
    all_of_them, began, ended = requests(rng)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "predictions.db"
        with prediction_log.PredictionLog(file) as log:
            for request_id, at, rows in all_of_them:
                flights = [{"temp": temp, "visib": visib, "dest": "BOS"} for temp, visib in rows]
                log.append(request_id, flights, [0.2] * len(rows), version="7", when=at)
        told = answer(file, "temp", began, ended)
        none = answer(file, "temp", began - 9_000, began - 8_000)
    return {"found": _listed(told), "none": _listed(none)}


def _listed(value):
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
        return f"a {type(value).__name__}"
    return [str(each) for each in list(value)[:200]]


def affected(found, began, ended, *, any_value=False, any_time=False, closed=False, twice=False, every_row=False, ordered=False):
    """The oracle, from the list that was logged."""
    told = []
    for request_id, at, rows in found:
        inside = any_time or (began <= at <= ended if closed else began <= at < ended)
        empty = [temp is None for temp, _ in rows]
        if inside and (any_value or (all(empty) if every_row else any(empty))):
            told += [request_id] * (sum(empty) if twice else 1)
    return sorted(told) if ordered else told


ROW_MISCONCEPTIONS = {
    "all of the window": (
        dict(any_value=True),
        'Yours gives every request of the window. Ask for the rows in which the column is missing: where=[(column, "=", None)].',
    ),
    "all of the log": (
        dict(any_time=True),
        "Yours gives requests from before or after the alert too. The window goes from began up to ended: since=, until=.",
    ),
    "the end is in": (
        dict(closed=True),
        "A request at `ended` itself is in yours. The alert was over then: the window ends before it.",
    ),
    "once a row": (dict(twice=True), "A request with two such rows comes twice in yours. Each request once, in order."),
    "every row": (
        dict(every_row=True),
        "Yours leaves out requests of which only some rows lack the column. One such row is enough.",
    ),
    "sorted by name": (
        dict(ordered=True),
        "Yours are in the order of their names. Give them in the order in which they were logged.",
    ),
}


def judge_rows(evidence, rng):
    logged_, began, ended = requests(rng)
    want, got, none = affected(logged_, began, ended), evidence.get("found"), evidence.get("none")
    if not isinstance(got, list) or not isinstance(none, list):
        return not_yet(
            f"Return a list of request ids, also where there is none; yours returned {none if isinstance(got, list) else got}."
        )
    if got == want:
        return passed() if none == [] else not_yet(f"For a window with nothing in it return []; yours gave {none}.")
    for name, (twist, message) in ROW_MISCONCEPTIONS.items():
        if got == affected(logged_, began, ended, **twist):
            return not_yet(message, name)
    if sorted(got) == sorted(want):
        return not_yet(f"The right requests, in another order: {want[0]} was logged first.")
    more, less = [each for each in got if each not in want], [each for each in want if each not in got]
    said = f"{more[0]} should not be among them" if more else f"{less[0]} is not among them" if less else "some come too often"
    return not_yet(f"Of {len(want)} requests yours gave {len(got)}: {said}.")


# --- 52.3: what a log may keep ------------------------------------------------------------------------------------------

AGES = (1, 20, 29, 31, 60, 89, 91, 200)  # days
PERSONAL = ("client", "note")


def probe_keep(answer, rng):
    now = 1_700_000_000.0 + float(rng.integers(0, 10**6))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "predictions.db"
        with prediction_log.PredictionLog(file) as log:
            for age in rng.permutation(AGES).tolist():
                flight = {"dest": "BOS", "client": f"client{age}x", "note": f"note{age}x"}
                log.append(f"age-{age}", [flight], [0.25], version="7", when=now - age * DAY)
        logged.add_outcomes(file, [(f"age-{age}", 0, True, now - age * DAY + 3600, f"who{age}x") for age in AGES])
        answer(file, now)
        rows = logged.read(file)
        raw = b"".join(part.read_bytes() for part in Path(folder).glob("predictions.db*"))
    kept = {}
    for age in AGES:
        row = rows[rows["request_id"] == f"age-{age}"]
        fields = [name for name in ("client", "note", "who") if f"{name}{age}x".encode() in raw]
        kept[str(age)] = {
            "there": len(row) == 1,
            "personal": fields,
            "dest": row["dest"].tolist() == ["BOS"] if len(row) else None,
        }
    return {"kept": kept, "late": int(len(rows))}


def keeping(*, whole=90, personal=30, who=True, note=True, delete=True, blank=True):
    """The oracle: what is left, by age."""
    found = {}
    for age in AGES:
        there = not delete or age <= whole
        gone = {"client", *(["note"] if note else []), *(["who"] if who else [])} if blank and age > personal else set()
        fields = [name for name in ("client", "note", "who") if there and name not in gone]
        found[str(age)] = {"there": there, "personal": fields}
    return found


KEEP_MISCONCEPTIONS = {
    "the one who told": (
        dict(who=False),
        'The name of the one who told an outcome is still there. It is a personal field too: "who".',
    ),
    "one field of two": (dict(note=False), "The note is still there: free text is where people write names."),
    "nothing deleted": (dict(delete=False), "Predictions older than 90 days are still there: retention.delete_old(...)."),
    "nothing redacted": (dict(blank=False), "The personal fields of predictions older than 30 days are still there."),
    "all redacted": (
        dict(personal=0),
        "Yours redacts young predictions too. Only those older than 30 days: before=now - 30 days, in seconds.",
    ),
    "deleted at thirty": (dict(whole=30), "Predictions of 31 to 90 days are gone. They stay, without their personal fields."),
}


def judge_keep(evidence, rng):
    kept = evidence.get("kept")
    if not isinstance(kept, dict) or any(str(age) not in kept for age in AGES):
        return not_yet("The log could not be read after your function.")
    got = {age: {"there": each.get("there"), "personal": each.get("personal")} for age, each in kept.items()}
    if got == keeping():
        spoilt = [age for age, each in kept.items() if each["there"] and not each["dest"]]
        return not_yet(f"The destination of a prediction of {spoilt[0]} days is gone too.") if spoilt else passed()
    for name, (twist, message) in KEEP_MISCONCEPTIONS.items():
        if got == keeping(**twist):
            return not_yet(message, name)
    age = next(age for age in got if got[age] != keeping()[age])
    want = keeping()[age]
    is_there = "is still there" if got[age]["there"] else "is gone"
    fields = ", ".join(got[age]["personal"] or []) or "nothing personal"
    wanted = f"there with {', '.join(want['personal']) or 'nothing personal'}" if want["there"] else "gone"
    return not_yet(f"A prediction of {age} days {is_there}, with {fields} left in the file; it should be {wanted}.")


QUESTIONS = {
    "52.1": Question(
        title="rules that fire when they should",
        probe=probe_rules,
        judge=judge_rules,
        hints=(
            "Take them one by one, and look at what `rule_evaluator.changes` says of your own series.",
            'The share of errors: sum(rate(requests_total{status=~"5.."}[5m])) / sum(rate(requests_total[5m])).',
            "Drift: drift_effect > drift_limit, with for: 3m. The monitor: absent(drift_effect).",
        ),
        notebook=NOTEBOOK,
        misconceptions=(*RULE_MISCONCEPTIONS, "no runbook"),
    ),
    "52.2": Question(
        title="from an alert to the rows",
        probe=probe_rows,
        judge=judge_rows,
        hints=(
            "logged.read takes a window of time and conditions on inputs: read its docstring.",
            'logged.read(log, since=began, until=ended, where=[(column, "=", None)]): each row that lacks the column.',
            "Each id once, in the order in which they come: list(dict.fromkeys(...)).",
        ),
        notebook=NOTEBOOK,
        misconceptions=tuple(ROW_MISCONCEPTIONS),
    ),
    "52.3": Question(
        title="what a log may keep",
        probe=probe_keep,
        judge=judge_keep,
        hints=(
            "helpers.retention has one function for each of the two sentences.",
            'redact(log, ["client", "note", "who"], now=now, before=...), and delete_old(log, days, now=now).',
        ),
        notebook=NOTEBOOK,
        misconceptions=tuple(KEEP_MISCONCEPTIONS),
    ),
}
