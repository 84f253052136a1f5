"""The questions of 50, simulate drift and raise an alert: a log of simulated days, numbers that are read from the log, rules over
them, and the whole monitor on drifts and quiet weeks that it has not seen."""

import datetime
import functools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import alert_rules, drift_simulation, flights, logged, modeling, promql, replay
from helpers.course.bank import drifting
from helpers.course.verdict import Question, not_yet, passed

SOLUTION = "solutions/50_drift_alert.ipynb"
PARTS = {"50.2": ("learn", "measure"), "50.3": ("learn", "measure", "rules"), "50.4": ("learn", "measure", "rules", "trace")}
MOST_FALSE = 3  # weeks in which the monitor may ring in all the quiet weeks of a check
MOST_MISNAMED = 2  # of seven drifts: weather may be far from usual on the same day by chance
LEAST_ROWS = 20
CLOSE = 1e-6


def of_a_monitor(judge):
    """A judge that says so where the evidence has not the expected shape, instead of raising."""

    @functools.wraps(judge)
    def guarded(evidence, rng):
        try:
            if "lacks" in evidence:
                wanted = ", ".join(f'"{name}": …' for name in evidence["wanted"])
                return not_yet(f"The answer is a dict {{{wanted}}}; yours lacks {evidence['lacks'] or 'all of it'}.")
            return judge(evidence, rng)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError):
            return not_yet("What came back has not the form that the exercise asks for.")

    return guarded


def parts(answer, wanted):
    """The parts of a learner's monitor; and what it lacks."""
    if not isinstance(answer, dict):
        return None, {"lacks": "", "wanted": wanted}
    lacking = [name for name in wanted if answer.get(name) is None or (name != "rules" and not callable(answer[name]))]
    return [answer.get(name) for name in wanted], {"lacks": ", ".join(lacking), "wanted": wanted} if lacking else None


# --- 50.1: the log ---------------------------------------------------------------------------------------------------------


def simulated(rng):
    """Some days of real flights with a drift in them."""
    month, first = int(rng.integers(1, 12)), int(rng.integers(3, 20))
    table = flights.load(month)
    table = table[table["day"].between(first, first + 3)]
    few = table[table["status"] != "arrived"].index[:9]
    some = np.union1d(rng.choice(table.index, 240, replace=False), few)
    table = table.loc[some].reset_index(drop=True)
    table.index = rng.permutation(len(table)) + 1000  # a flight's name is its index, not its place
    table.loc[table.index[:30], "pressure"] = np.nan
    start = table["scheduled_departure"].quantile(0.6).ceil("h")
    return drift_simulation.simulate(table, "unit change", column="wind_speed", start=start, seed=rng)[0]


def probe_log(answer, rng):
    table = simulated(rng)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "predictions.db"
        answer(file, table.copy(), drifting.champion())
        if not file.exists():
            return {"log": None}
        log = logged.read(file)
        inputs = [name for name in log if name not in drifting.OWN]
        stamps = {name: _seconds(log[name]) for name in ("at", "outcome_at")}
        told = [None if pd.isna(value) else bool(value) for value in log["outcome"]]
        keys = [_key(row) for row in log.reindex(columns=list(flights.FEATURES)).itertuples(index=False)]
        late = [float(value) for value in log["late"]]
        return {"log": {**stamps, "late": late, "outcome": told, "key": keys, "inputs": inputs}}


def _seconds(times):
    return [None if pd.isna(time) else round(time.timestamp()) for time in times]


def _key(row):
    """A flight's inputs in one text."""
    return "|".join(
        f"{v:.4f}" if isinstance(v, (int, float, np.number)) and not pd.isna(v) else "" if pd.isna(v) else str(v) for v in row
    )


@of_a_monitor
def judge_log(evidence, rng):
    log, table = evidence["log"], simulated(rng)
    if log is None:
        return not_yet("There is no log in `file` after your function returned. Open prediction_log.PredictionLog(file) in it.")
    spoiled = sorted(set(log["inputs"]) & set(replay.OUTCOME))
    if spoiled:
        return not_yet(
            f"{spoiled[0]} is among the logged inputs: nobody knew it when the forecast was made. Log flights.FEATURES alone.",
            "outcome among the inputs",
        )
    n, arrived = len(table), int(table["late"].notna().sum())
    if len(log["late"]) == arrived != n:
        return not_yet(
            f"{n} flights were to be forecast and {arrived} are in the log: those that were cancelled or diverted are missing. "
            "Nobody knew that beforehand; features_and_target() drops them.",
            "only flights that arrived",
        )
    if len(log["late"]) != n:
        return not_yet(f"{n} flights were to be forecast; {len(log['late'])} rows are in the log. Each flight once.")
    return (
        _judge_times(log, table)
        or _judge_values(log, table)
        or _judge_outcomes(log, table)
        or passed(
            "Every forecast is dated and every outcome came when it was known: the past can be played back without the future."
        )
    )


def _expected(table):
    """By flight: when it is forecast, its inputs, probability, outcome, and when that is known."""
    X = table[list(flights.FEATURES)].astype(
        dict.fromkeys(flights.NUMERIC, "float64") | dict.fromkeys(flights.CATEGORICAL, "str")
    )
    days = table["scheduled_departure"].dt.tz_convert(replay.ZONE)
    at = [datetime.datetime(day.year, day.month, day.day, 9, tzinfo=datetime.UTC).timestamp() for day in days]
    labels = pd.concat([day.labels for day in replay.replay(table)]).reindex(table.index)
    return pd.DataFrame(
        {
            "at": at,
            "key": [_key(row) for row in X.itertuples(index=False)],
            "late": modeling.probability_late(drifting.champion(), X),
            "outcome": [None if pd.isna(value) else bool(value) for value in table["late"]],
            "known": _seconds(labels["known_at"]),
        },
        index=table.index,
    )


def _judge_times(log, table):
    want, got = sorted(_expected(table)["at"]), sorted(log["at"])
    if got[-1] > datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC).timestamp():
        return not_yet(
            "The forecasts are dated today, by this machine's clock. In a simulation time is an argument: when=9:00 UTC of the "
            "day that is played.",
            "this machine's clock",
        )
    if len(set(got)) == 1:
        return not_yet("All forecasts have one time. Log day by day, each day's flights at 9:00 UTC of that day.", "all at once")
    if any(abs(a - b) > 1 for a, b in zip(got, want, strict=True)):
        return not_yet("Some forecasts are not dated 9:00 UTC of their day, as replay() gives the day (its `date`).")
    return None


def _judge_values(log, table):
    want = _expected(table).sort_values(["at", "key", "late"])
    got = pd.DataFrame({name: log[name] for name in ("at", "key", "late")}).sort_values(["at", "key", "late"])
    if list(want["key"]) != list(got["key"]):
        return not_yet(
            "The inputs in the log are not those of the flights that came in. Log flights.FEATURES of each flight, as they are."
        )
    if not np.allclose(want["late"], got["late"], atol=CLOSE):
        return not_yet("The probabilities in the log are not those that the model gives for the logged inputs.")
    return None


def _judge_outcomes(log, table):
    names = ["at", "key", "late", "outcome", "known"]
    want = _expected(table).sort_values(["at", "key", "late"])[names]
    got = pd.DataFrame({**{name: log[name] for name in names[:-1]}, "known": log["outcome_at"]}).sort_values(
        ["at", "key", "late"]
    )
    have = sum(value is not None for value in log["outcome"])
    if have != want["known"].notna().sum():
        return not_yet(f"{int(want['known'].notna().sum())} flights have an outcome; the log has {have}. Add each day's labels.")
    if sum(log["outcome"][i] is not None and log["outcome_at"][i] <= log["at"][i] + 3600 for i in range(len(log["at"]))):
        return not_yet(
            "Some outcomes are dated before the flight was over: a monitor that reads this log looks into the future. The "
            "time of an outcome is its known_at.",
            "labels before they are known",
        )
    pairs = [sorted(zip(t["at"], t["key"], t["outcome"].astype(str), strict=True)) for t in (want, got)]
    if pairs[0] != pairs[1]:
        return not_yet(
            "Outcomes stand at other flights than their own. The index of day.labels is that of the flights: keep, for each "
            "index, the request and the row under which it was logged.",
            "outcomes of other flights",
        )
    if not np.allclose(np.sort(want["known"].dropna().astype(float)), np.sort(got["known"].dropna().astype(float)), atol=61):
        return not_yet("Some outcomes are not dated when they became known (known_at).")
    return None


# --- 50.2: the numbers -------------------------------------------------------------------------------------------------------

SEEN = (  # what the numbers must react to, the message where they do not, and the misconception
    ("wind", "wind_speed is in m/s instead of mph in every row", None),
    ("category", "six of ten flights have a carrier that nobody has seen before", "only numeric columns"),
    ("missing", "humid is missing in six of ten rows, the other values being as before", "ignores missing values"),
    ("outcome", "85% of the flights whose outcome is known were late", "never looks at outcomes"),
)


FUTURE = (
    "Asked {when}, {name} is another when the log holds later days and later outcomes as well: measure looks into the "
    "future. Take rows with at < now alone, and outcomes with outcome_at < now alone."
)


def spoiled_logs(rng):
    """A quiet log, and copies of it whose last two weeks are spoiled."""
    log = drifting.quiet_stream(int(rng.integers(2**31)), 28).log
    found, late = {name: log.copy() for name, *_ in SEEN}, (log["at"] >= log["at"].min() + 14 * drifting.DAY).to_numpy()
    some = late & (rng.random(len(log)) < 0.6)
    found["wind"]["wind_speed"] = log["wind_speed"].mask(late, log["wind_speed"] * 0.44704)
    found["category"]["carrier"] = log["carrier"].mask(some, "ZZ")
    found["missing"]["humid"] = log["humid"].mask(some)
    known = late & log["outcome"].notna().to_numpy()
    found["outcome"]["outcome"] = log["outcome"].mask(
        known, pd.Series(rng.random(len(log)) < 0.85, index=log.index, dtype="boolean")
    )
    return log, found


def probe_numbers(answer, rng):
    (given, lacks) = parts(answer, PARTS["50.2"])
    if lacks:
        return lacks
    learn, measure = given
    baseline = learn(drifting.quiet_log().copy())
    log, spoiled = spoiled_logs(rng)
    first = log["at"].min().normalize()
    days = [first + day * drifting.DAY for day in range(7, 29, 3)]
    cut = [drifting.numbers(measure(drifting.known_at(log, day), day, baseline)) for day in days]
    found = {
        name: drifting.numbers(measure(drifting.known_at(part, days[-1]), days[-1], baseline)) for name, part in spoiled.items()
    }
    whole = [drifting.numbers(measure(spoiled["outcome"].copy(), day, baseline)) for day in days[1:3]]
    try:
        promql.read_series({name: ([0], [value]) for each in [*cut, *found.values()] for name, value in each.items()})
    except promql.QueryError as error:
        return {"unreadable": str(error)}
    return {"quiet": cut, "whole": whole, "spoiled": found}


@of_a_monitor
def judge_numbers(evidence, rng):
    if "unreadable" in evidence:
        return not_yet(
            f'A series\' name is a name of Prometheus, such as drift_effect{{column="temp"}}: {evidence["unreadable"]}'
        )
    quiet, whole, spoiled = evidence["quiet"], evidence["whole"], evidence["spoiled"]
    if not all(quiet):
        return not_yet("measure gave no numbers for a week of the log that was full of flights.")
    for day, (one, other) in enumerate(zip(whole, quiet[1:], strict=False)):
        if name := _differs(one, other):
            return not_yet(FUTURE.format(when=f"about day {3 * day + 10}", name=name), "looks into the future")
    for name, told, misconception in SEEN:
        if not _reacts(quiet, spoiled[name]):
            return not_yet(
                f"Two weeks after it began: {told}. None of your numbers leaves the range that it had in quiet weeks by half of "
                "that range.",
                misconception,
            )
    return passed("The numbers move when the data do, and nothing in them comes from the future.")


def _reacts(quiet, now):
    for name, value in now.items():
        before = [day[name] for day in quiet if name in day]
        if not before:
            return True  # it is there only when something is wrong
        margin = (max(before) - min(before)) / 2
        if value > max(before) + max(margin, 1e-9) or value < min(before) - max(margin, 1e-9):
            return True
    return any(all(name in day for day in quiet) and name not in now for name in quiet[0])


# --- 50.3: the rules ---------------------------------------------------------------------------------------------------------


def probe_rules(answer, rng):
    (given, lacks) = parts(answer, PARTS["50.3"])
    if lacks:
        return lacks
    learn, measure, rules = given
    baseline = learn(drifting.quiet_log().copy())
    try:
        rules = drifting.read_rules(rules)
        drifting.firing(rules, [{}], [pd.Timestamp("2014-01-06", tz="UTC")])
    except alert_rules.AlertingError as error:
        return {"refused": str(error)}
    return {"rules": rules, "rings": _rings(measure, baseline, rules, example(rng))[0]}


def example(rng):
    return drifting.drift_stream(int(rng.integers(2**31)), "new category")


def _rings(measure, baseline, rules, stream):
    """By moment: which alerts fire, as texts; and the rows of the evaluator."""
    rows = drifting.backtest(measure, baseline, rules, stream)
    return [[drifting.told(row) for row in at] for at in rows], rows


@of_a_monitor
def judge_rules(evidence, rng):
    if "refused" in evidence:
        return not_yet(f"The rules cannot be evaluated: {evidence['refused']}")
    rules = [rule for group in evidence["rules"].get("groups") or [] for rule in group.get("rules") or []]
    if not rules:
        return not_yet("There is no alert in the rules: groups: [{name: …, rules: [{alert: …, expr: …, …}]}].")
    return (
        _judge_form(rules)
        or _judge_rings(evidence["rings"], example(rng))
        or passed("Each rule waits, says how urgent it is and what to do; and the drift was told.")
    )


def _judge_form(rules):
    for rule in rules:
        name, labels, notes = rule["alert"], rule.get("labels") or {}, rule.get("annotations") or {}
        if promql.milliseconds(rule.get("for", "0s")) < 1:
            return not_yet(
                f"{name} has no `for`: it rings at the first number over its limit, and one odd day is enough.", "no for"
            )
        if not str(labels.get("severity") or "").strip():
            return not_yet(f"{name} has no label `severity`: nobody can tell whether it may wait until Monday.", "no severity")
        if alert_rules.missing_runbooks({"groups": [{"name": "one", "rules": [rule]}]}):
            where = " (the label or `summary` is not the place for it)" if "runbook" in repr(rule) else ""
            return not_yet(
                f"{name} does not say what to do: the annotation runbook_url leads to a page, such as runbooks/drift.md{where}.",
                "no runbook",
            )
        if not any(str(text).strip() for key, text in notes.items() if key != "runbook_url"):
            return not_yet(f"{name} has no words for whoever is called: an annotation `summary`, in a sentence.")
    return None


def _judge_rings(rings, stream):
    at = drifting.first_after(rings, stream)
    if all(rings[1:3]):  # the first is before any `for` is over
        return not_yet("An alert fires already in quiet weeks, before anything was changed.", "always rings")
    if at is None:
        return not_yet(f"{_story(stream)}: no alert fired within {stream.limit} days.", "never rings")
    return None


# --- 50.4: the whole, on what it has not seen ----------------------------------------------------------------------------------


def probe_monitor(answer, rng):
    (given, lacks) = parts(answer, PARTS["50.4"])
    if lacks:
        return lacks
    learn, measure, rules, trace = given
    baseline = learn(drifting.quiet_log().copy())
    try:
        rules = drifting.read_rules(rules)
        drifting.firing(rules, [{}], [pd.Timestamp("2014-01-06", tz="UTC")])
    except alert_rules.AlertingError as error:
        return {"refused": str(error)}
    found, streams = [], drifting.streams(rng)
    future = _future(measure, baseline, streams[3])
    if future:
        return {"future": future}
    for stream in streams:
        rings, rows = _rings(measure, baseline, rules, stream)
        found.append({"rings": rings, "trace": _traced(trace, baseline, stream, rings, rows)})
    return {"found": found}


def _future(measure, baseline, stream):
    """A number that is another when the log goes on after the moment that was asked about; else ""."""
    moment = stream.start + 2 * drifting.DAY
    logs = stream.log.copy(), drifting.known_at(stream.log, moment)
    whole, cut = (drifting.numbers(measure(log, moment, baseline)) for log in logs)
    return _differs(whole, cut)


def _differs(one, other):
    close = [name for name in one if name in other and abs(one[name] - other[name]) <= 1e-9 * (1 + abs(other[name]))]
    return next((name for name in (*one, *other) if name not in close), "")


def _traced(trace, baseline, stream, rings, rows):
    """What the learner's trace says of the first alert after the start."""
    at = drifting.first_after(rings, stream)
    if at is None:
        return None
    before = set(rings[at - 1]) if at else set()
    alert = next(row for text, row in zip(rings[at], rows[at], strict=True) if text not in before)
    log = drifting.known_at(stream.log, stream.moments[at])
    said = trace(log, dict(alert), baseline)
    if not isinstance(said, dict) or "column" not in said or "rows" not in said:
        return {"column": None, "rows": []}
    named = said["rows"]
    if isinstance(named, pd.DataFrame):
        named = list(zip(named["request_id"], named["row"], strict=True))
    place = {key: number for number, key in enumerate(zip(log["request_id"], log["row"], strict=True))}
    return {"column": str(said["column"]), "rows": sorted({place.get((str(a), int(b)), -1) for a, b in named})}


def _episodes(rings, stream):
    """At which moments something begins to ring while nothing has changed; what lasts counts once a week."""
    found, last = [], -9
    for place, (moment, texts) in enumerate(zip(stream.moments, rings, strict=False)):
        if stream.start is not None and moment > stream.start:
            break
        if texts:
            if place - last > 2 or place - found[-1] >= 7:
                found.append(place)
            last = place
    return found


def _story(stream):
    where = f" in {stream.column}" if stream.column else ""
    kind = "winter turned into summer" if stream.kind == "warm weeks" else f"{stream.kind}{where}"
    return f"{kind[0].upper()}{kind[1:]} ({stream.onset}, from the morning after {stream.start - drifting.DAY:%d %B %Y})"


@of_a_monitor
def judge_monitor(evidence, rng):
    if "refused" in evidence:
        return not_yet(f"The rules cannot be evaluated: {evidence['refused']}")
    if "future" in evidence:
        return not_yet(FUTURE.format(when="about a day", name=evidence["future"]), "looks into the future")
    streams = drifting.streams(rng)
    pairs = list(zip(streams, evidence["found"], strict=True))
    return _judge_quiet(pairs) or _judge_missed(pairs) or _judge_traces(pairs) or passed(_praise(pairs))


def _judge_quiet(pairs):
    false = [(stream, stream.moments[place]) for stream, found in pairs for place in _episodes(found["rings"], stream)]
    if len(false) <= MOST_FALSE:
        return None
    weeks = sum(sum(s.start is None or m <= s.start for m in s.moments) for s, _ in pairs) / 7
    stream, moment = false[0]
    return not_yet(
        f"{len(false)} false alarms in {weeks:.0f} quiet weeks, at most {MOST_FALSE} are allowed: one began on "
        f"{moment:%d %B %Y}, when nothing had changed. "
        "Limits come from whole quiet weeks, each compared with the others, and some room above the worst.",
        "not calibrated",
    )


def _judge_missed(pairs):
    drifts = [(stream, found["rings"]) for stream, found in pairs if stream.start is not None]
    missed = [(stream, rings) for stream, rings in drifts if drifting.first_after(rings, stream) is None]
    if len(missed) == len(drifts):
        return not_yet(f"None of {len(drifts)} drifts was told. For example: {_story(missed[0][0])}.", "never rings")
    if not missed:
        return None
    stream, _ = missed[0]
    others = f"; so were {len(missed) - 1} more of {len(drifts)}" if len(missed) > 1 else ""
    told = f"Missed: {_story(stream)}. No alert began within the limit of {stream.limit} days{others}."
    return not_yet(told, _blind([stream for stream, _ in missed]))


def _blind(missed):
    """The misconception behind what was missed, where there is one."""
    if all(stream.column in flights.CATEGORICAL for stream in missed) and "new category" in {stream.kind for stream in missed}:
        return "only numeric columns"
    return "ignores missing values" if {stream.kind for stream in missed} == {"missing values"} else None


def _judge_traces(pairs):
    told = [
        (stream, found["trace"], stream.moments[drifting.first_after(found["rings"], stream)])
        for stream, found in pairs
        if stream.start is not None
    ]
    wrong = [(stream, said) for stream, said, _ in told if said["column"] not in stream.columns]
    if len(wrong) > MOST_MISNAMED:
        stream, said = wrong[0]
        return not_yet(
            f"{_story(stream)} was told, but trace names {said['column']!r}, which has not changed; so in {len(wrong)} of "
            f"{len(told)} drifts. Name the column whose number is furthest over its own limit.",
            "names another column",
        )
    for stream, said, moment in told:
        if problem := _rows_wrong(stream, said["rows"], moment):
            return not_yet(f"{_story(stream)}: {problem}", "rows of another time")
    return None


def _rows_wrong(stream, rows, moment):
    if len(rows) < LEAST_ROWS:
        return f"trace gives {len(rows)} rows; at least {LEAST_ROWS} are wanted."
    if rows[0] < 0:
        return "trace gives rows that were not in the log when the alert rang."
    newest = ((stream.log["at"] < moment) & (stream.log["at"] >= moment - drifting.DAY)).to_numpy()
    share, wanted = stream.touched[rows].mean(), stream.touched[newest].mean()
    if share < 0.8 * wanted:
        return f"{share:.0%} of the rows that trace gives were touched by the drift; of the newest day's, {wanted:.0%}."
    return ""


def _praise(pairs):
    days = [
        stream.moments[drifting.first_after(found["rings"], stream)] - stream.start
        for stream, found in pairs
        if stream.start is not None
    ]
    false = sum(len(_episodes(found["rings"], stream)) for stream, found in pairs)
    days = sorted(each.days for each in days)
    return f"All {len(days)} drifts were told, after {days[0]} to {days[-1]} days, with {false} false alarms."


QUESTIONS = {
    "50.1": Question(
        title="Simulated days in a real log",
        probe=probe_log,
        judge=judge_log,
        hints=(
            "for day in replay.replay(table): first log day.flights, then add the outcomes in day.labels. day.flights has no "
            "outcome columns, and its index names the flights.",
            "X = day.flights[list(flights.FEATURES)].astype(…); log.append(request, X.to_dict('records'), probabilities, "
            "version='1', when=…) with a request id of that day.",
            "Keep place[index] = (request, row) for each flight. Of a label: (*place[index], label.late, label.known_at, "
            "'arrivals') goes to logged.add_outcomes.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "outcome among the inputs",
            "only flights that arrived",
            "this machine's clock",
            "all at once",
            "labels before they are known",
            "outcomes of other flights",
        ),
    ),
    "50.2": Question(
        title="Numbers from the log, with limits from quiet weeks",
        probe=probe_numbers,
        judge=judge_numbers,
        hints=(
            "measure begins with the window: rows with now - 7 days <= at < now, and their outcomes only where outcome_at < now.",
            "drift.compare(rows, reference) gives, for each column, `effect`, `missing` and `new`: three families of numbers. "
            "The fourth is the share late of labelled rows against their mean probability.",
            "In learn: for each week of the quiet log, the same numbers against the other weeks; the limit of each is the "
            "largest of them, times 1.35 or so.",
        ),
        notebook=SOLUTION,
        misconceptions=("looks into the future", "only numeric columns", "ignores missing values", "never looks at outcomes"),
    ),
    "50.3": Question(
        title="Rules that wait, and say what to do",
        probe=probe_rules,
        judge=judge_rules,
        hints=(
            "expr: drift_effect > drift_limit compares the series that have the same labels. The limits are series too.",
            "for: 1d rings when the number is over its limit on two days in a row.",
            "labels: {severity: ticket}, annotations: {summary: …, runbook_url: runbooks/drift.md}, in each rule.",
        ),
        notebook=SOLUTION,
        misconceptions=("no for", "no severity", "no runbook", "always rings", "never rings"),
    ),
    "50.4": Question(
        title="The monitor on drifts that it has not seen",
        probe=probe_monitor,
        judge=judge_monitor,
        hints=(
            "False alarms: compare longer windows, or leave more room above the largest number of a quiet week. Missed: is there "
            "a number for this kind of drift, and is the limit within its reach?",
            "Flights of one day share their weather, so a limit comes from whole weeks: each quiet week against all the others, "
            "never from a p-value, never from a rule of thumb.",
            "trace: measure once more at alert['time'], take the column whose number is furthest over its limit (as a ratio), "
            "and the rows of the last day before the alert.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "looks into the future",
            "not calibrated",
            "never rings",
            "only numeric columns",
            "ignores missing values",
            "names another column",
            "rows of another time",
        ),
    ),
}
