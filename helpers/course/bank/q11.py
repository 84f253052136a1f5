"""The questions of 11, what MLOps is: plain functions on plain data, judged by oracles of another make."""

import hashlib
import json
import math

import numpy as np
import pandas as pd

from helpers.course.verdict import Question, not_yet, passed

SOLUTION = "solutions/11_what_is_mlops.ipynb"

# --- 11.1: objections to a day's feed -----------------------------------------------------------------------------------

# Mean, spread of the days, spread of the hours in a day. Pressure hardly moves within a day, temperature does.
WEATHER = {"temp": (35, 6, 4), "wind_speed": (10, 3, 1), "pressure": (1015, 6, 0.3), "visib": (10, 0, 0)}
HOURS = 24
KINDS = ("absent", "empty", "stuck", "level")


def winter(rng, n_days=20):
    """Hourly weather of a winter. Some readings are missing; on many days one sees 10 miles all day."""
    days = {}
    for name, (mean, spread, within) in WEATHER.items():
        level = mean + spread * np.clip(rng.normal(size=n_days), -2, 2)
        days[name] = np.repeat(level, HOURS) + within * rng.normal(size=n_days * HOURS)
    table = pd.DataFrame(days).round(2)
    hazy = np.repeat(rng.random(n_days) < 0.5, HOURS)
    hazy[: 2 * HOURS] = [True] * HOURS + [False] * HOURS  # at least one day of each
    table["visib"] = np.where(hazy, rng.integers(8, 11, len(table)) / 1.0, 10.0)
    table = table.mask(rng.random(table.shape) < 0.05)
    return table.assign(day=np.repeat(np.arange(1, n_days + 1), HOURS))


def _days(reference):
    """Column to the readings of each day, gaps left out."""
    cut = [reference[reference["day"] == day] for day in reference["day"].unique()]
    return {name: [rows[name].dropna().to_numpy() for rows in cut] for name in reference.columns if name != "day"}


def _band(reference, name):
    means = [day.mean() for day in _days(reference)[name]]
    return min(means), max(means)


def _shifted(day, name, mean):
    """The day with another mean of a column."""
    return day.assign(**{name: day[name] - day[name].mean() + mean})


def _gaps(day, name, n_missing):
    values = day[name].fillna(day[name].mean()).to_numpy(copy=True)
    values[:n_missing] = np.nan
    return day.assign(**{name: values})


def feeds(rng):
    """Days to judge: what they are, and the table. Each twist of the oracle differs on at least one."""
    reference = winter(rng)
    day = reference[reference["day"] == int(rng.integers(5, 18))].drop(columns="day").reset_index(drop=True)
    day["visib"] = np.where(np.arange(HOURS) < 12, 9.0, 10.0)
    low, high = _band(reference, "temp")
    least, most = _band(reference, "pressure")
    width = high - low
    mild = _shifted(day, "temp", (low + high) / 2)
    return reference, [
        ("an ordinary day", mild),
        ("a colder day than any, by a twentieth of the band", _shifted(day, "temp", low - width / 20)),
        ("a milder day than any, by a twentieth of the band", _shifted(day, "temp", high + width / 20)),
        ("a day in °C", mild.assign(temp=(mild["temp"] - 32) / 1.8)),
        ("a day above the band by a sixth of it", _shifted(day, "temp", high + width / 6)),
        ("a day below the band by a sixth of it", _shifted(day, "temp", low - width / 6)),
        ("a day whose pressure is above its band by a sixth of it", _shifted(mild, "pressure", most + (most - least) / 6)),
        ("a day of 11 miles of visibility", mild.assign(visib=np.where(np.arange(HOURS) < 12, 10.8, 11.2))),
        ("a day in tenths of a degree", mild.assign(temp=10 * mild["temp"])),
        ("a day with one wild reading", mild.assign(temp=np.where(np.arange(HOURS) == 5, high + width / 10, mild["temp"]))),
        *_faulty_sensors(mild),
        ("a day stuck far above the band", mild.assign(pressure=most + 100.0)),
    ]


def _faulty_sensors(mild):
    """Columns that are gone, stuck or full of gaps; some only seem so."""
    return [
        ("a clear day: 10 miles all day", mild.assign(visib=10.0)),
        ("a day whose wind never changes", mild.assign(wind_speed=_gaps(mild, "wind_speed", 3)["wind_speed"] * 0 + 10.0)),
        ("a day without a column", mild.drop(columns="pressure")),
        ("a day on which nothing was measured", mild.assign(pressure=np.nan)),
        ("a day with 13 of 24 readings missing", _gaps(mild, "temp", 13)),
        ("a day with 12 of 24 readings missing", _gaps(mild, "wind_speed", 12)),
        ("a day with three faults", mild.assign(temp=(mild["temp"] - 32) / 1.8, wind_speed=10.0).drop(columns="pressure")),
        ("a day with a further column", mild.assign(gust=0.0)),
    ]


def probe_feed(answer, rng):
    reference, cases = feeds(rng)
    return {"found": [answer(reference.copy(), feed.copy()) for _, feed in cases]}


def feed_objections(
    reference_days,
    feed,
    *,
    margin=0.1,
    low_only=False,
    high_only=False,
    readings=False,
    any_gap=False,
    gaps_pass=False,
    always_stuck=False,
    one=False,
):
    """The oracle, column by column with numpy. Each keyword is a twist behind a misconception."""
    found = {}
    for name, days in reference_days.items():
        if name not in feed.columns:
            found[name] = "absent"
            continue
        values = feed[name].to_numpy(dtype=float)
        there = values[~np.isnan(values)]
        if not gaps_pass and (len(there) < len(values) if any_gap else 2 * len(there) < len(values)):
            found[name] = "empty"
        elif len(there) and there.min() == there.max() and (always_stuck or not any(d.min() == d.max() for d in days)):
            found[name] = "stuck"
        elif len(there):
            levels = np.concatenate(days) if readings else np.array([d.mean() for d in days])
            reach = margin * (levels.max() - levels.min())
            too_low, too_high = there.mean() < levels.min() - reach, there.mean() > levels.max() + reach
            if (too_low and not high_only) or (too_high and not low_only):
                found[name] = "level"
    return dict(list(found.items())[:1]) if one else found


FEED_MISCONCEPTIONS = {
    "no margin": (
        dict(margin=0),
        "A day a little colder than any in the reference is ordinary weather, and yours objects to it. Widen the band by a tenth "
        "of its width on each side.",
    ),
    "only too low": (
        dict(low_only=True),
        "Yours objects to days below the band and never to days above it. A change of units can go either way.",
    ),
    "only too high": (
        dict(high_only=True),
        "Yours objects to days above the band and never to days below it. A change of units can go either way.",
    ),
    "band of readings": (
        dict(readings=True),
        "Your band goes from the lowest to the highest single reading. A day's mean has to be compared with the means of days, "
        "which vary less: group the reference by day first.",
    ),
    "any gap": (
        dict(any_gap=True),
        "Yours objects as soon as one reading is missing. The reference has such gaps itself: only more than half is too many.",
    ),
    "gaps pass": (
        dict(gaps_pass=True),
        "A column with most or all of its readings missing passes. Comparisons with a missing value are False, so silence looks "
        "like health: count the gaps first.",
    ),
    "clear days are stuck": (
        dict(always_stuck=True),
        "Yours calls a clear day's visibility stuck. It is 10 miles all day on days of the reference too: a column is stuck only "
        "if that never happened there.",
    ),
    "first fault only": (dict(one=True), "A day can have several faults, one a column. Yours stops at the first."),
}


def judge_feed(evidence, rng):
    reference, cases = feeds(rng)
    days, got = _days(reference), evidence.get("found")
    want = [feed_objections(days, feed) for _, feed in cases]
    if got == want:
        return passed()
    if any(not isinstance(found, dict) for found in got):
        wrong = next(found for found in got if not isinstance(found, dict))
        return not_yet(f"Return a dict, column to fault, empty where all is well; yours returned {wrong!r:.60}.", "no dict")
    if [set(found) for found in got] == [set(found) for found in want] and not _known(got):
        return not_yet(f"The right columns. Name each fault by one of these words: {', '.join(KINDS)}.", "own words")
    for name, (twist, message) in FEED_MISCONCEPTIONS.items():
        if got == [feed_objections(days, feed, **twist) for _, feed in cases]:
            return not_yet(message, name)
    (what, _), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    return not_yet(f"For {what} the answer is {w}; yours says {f'{g}':.120}.")


def _known(found):
    return all(isinstance(kind, str) and kind in KINDS for kinds in found for kind in kinds.values())


# --- 11.2: the release gate ---------------------------------------------------------------------------------------------

SIXTY_FOURTHS = 64  # scores and tolerances are so many 64ths: their differences are exact, ties included
NAN = float("nan")


def releases(rng):
    """Candidate, champion, rules, objections to the data. Each twist of the oracle differs on at least one."""
    a, b, c = (int(n) / SIXTY_FOURTHS for n in rng.integers(20, 40, 3))
    step = int(rng.integers(1, 4)) / SIXTY_FOURTHS
    rules = {"auc": ("higher", step), "log_loss": ("lower", step), "flights_per_second": ("higher", 100.0)}
    old = {"auc": a, "log_loss": b, "flights_per_second": 64 * c}
    fast = 64 * c + 50
    return [
        ({"auc": a + step, "log_loss": b - step, "flights_per_second": fast}, old, rules, []),
        ({"auc": a - step, "log_loss": b + step, "flights_per_second": fast}, old, rules, []),
        ({"auc": a - step / 2, "log_loss": b, "flights_per_second": fast}, old, rules, []),
        ({"auc": a - 2 * step, "log_loss": b, "flights_per_second": fast}, old, rules, []),
        ({"auc": a + step, "log_loss": b + 2 * step, "flights_per_second": fast}, old, rules, []),
        ({"auc": a, "log_loss": b - 4 * step, "flights_per_second": fast}, old, rules, []),
        ({"auc": a - 2 * step, "log_loss": b + 2 * step, "flights_per_second": 64 * c - 200}, old, rules, []),
        ({"auc": a + step, "flights_per_second": fast}, old, rules, []),
        ({"auc": NAN, "log_loss": b, "flights_per_second": fast}, old, rules, []),
        ({"auc": a + step, "log_loss": b, "flights_per_second": fast}, old, rules, ["temp: level"]),
        ({"auc": a - 3 * step, "log_loss": NAN, "flights_per_second": fast}, old, rules, ["temp: level", "dewp: empty"]),
        ({"auc": a, "log_loss": b, "flights_per_second": fast}, None, rules, []),
        ({"auc": a, "log_loss": b}, None, rules, []),
        ({"auc": a, "log_loss": b, "flights_per_second": fast}, {"auc": a, "log_loss": b}, rules, []),
        ({"auc": a, "log_loss": b, "flights_per_second": fast, "note": 0.0}, old | {"note": 9.0}, rules, []),
    ]


def probe_gate(answer, rng):
    fresh = [(dict(new), old and dict(old), dict(rules), list(data)) for new, old, rules, data in releases(rng)]
    return {"found": [answer(*case) for case in fresh]}


def gate_objections(
    new,
    old,
    rules,
    data,
    *,
    flip=False,
    nan_passes=False,
    absent_passes=False,
    strict=False,
    at=False,
    demand=False,
    trusting=False,
    one=False,
):
    """The oracle: by the loss from champion to candidate. Each keyword is a twist behind a misconception."""
    found = {} if trusting or not data else {"data": "objections"}
    for name, (direction, tolerance) in rules.items():
        score = new.get(name)
        if score is None or math.isnan(score):
            if not (absent_passes if score is None else nan_passes):
                found[name] = "missing"
            continue
        before = (old or {}).get(name)
        if before is None:
            continue
        sign = -1 if direction == "lower" and not flip else 1
        loss = sign * (before - score) + (2 * tolerance if demand else 0)
        limit = 0 if strict else tolerance
        if loss > limit or (at and loss == limit):
            found[name] = "worse"
    return dict(list(found.items())[:1]) if one else found


GATE_MISCONCEPTIONS = {
    "higher is always better": (
        dict(flip=True),
        "Yours takes every score as better when higher. Of a log loss the lower is better: look at the rule's first part.",
    ),
    "nan passes": (
        dict(nan_passes=True),
        "A score that is not a number (nan) was let through: every comparison with nan is False. It counts as missing.",
    ),
    "missing passes": (
        dict(absent_passes=True),
        "A candidate without one of the scores was let through. What was not measured is no reason for trust: it is missing.",
    ),
    "missing passes, nan too": (
        dict(nan_passes=True, absent_passes=True),
        "A candidate whose score is absent, or not a number (nan), was let through. Both count as missing.",
    ),
    "no tolerance": (
        dict(strict=True),
        "Yours objects to any loss. Scores vary by chance, so the rule's second part says how much worse is still fine.",
    ),
    "at the tolerance": (
        dict(at=True),
        "A candidate that is worse by just the tolerance is still fine: object only if it is worse by more.",
    ),
    "must be better": (
        dict(strict=True, at=True),
        "Yours wants the candidate to be better than the champion. It may be as good, or worse by up to the tolerance.",
    ),
    "must win": (
        dict(demand=True),
        "Yours asks the candidate to be better by the tolerance. The tolerance is how much *worse* it may be.",
    ),
    "data ignored": (
        dict(trusting=True),
        "There were objections to the data, and yours did not pass them on: 'data': 'objections'. Good scores on bad data prove "
        "nothing.",
    ),
    "first objection only": (
        dict(one=True),
        "There can be several objections, and the team wants to see all. Yours stops at one.",
    ),
}


def judge_gate(evidence, rng):
    cases, got = releases(rng), evidence.get("found")
    want = [gate_objections(*case) for case in cases]
    if got == want:
        return passed()
    if any(not isinstance(found, dict) for found in got):
        wrong = next(found for found in got if not isinstance(found, dict))
        return not_yet(f"Return a dict of the objections, empty where there are none; yours returned {wrong!r:.60}.", "no dict")
    for name, (twist, message) in GATE_MISCONCEPTIONS.items():
        if got == [gate_objections(*case, **twist) for case in cases]:
            return not_yet(message, name)
    (new, old, rules, data), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    return not_yet(f"Candidate {new}, champion {old}, rules {rules}, data {data}: the answer is {w}; yours says {f'{g}':.120}.")


# --- 11.3: what changed, and whose it is --------------------------------------------------------------------------------

PARTS = ("code", "data", "model", "environment", "configuration", "weather feed")
TEAMS = ("data scientist", "ML engineer", "DevOps team")


def incidents(rng):
    """Good day, bad day, owners. Each twist of the oracle differs on at least one."""
    cases = []
    for change in ("one", "two", "none", "new", "gone", "unknown", "unknown on both", "nobody", "all"):
        order = [str(part) for part in rng.permutation(PARTS)]
        versions = dict(zip(order, (f"v{n}" for n in rng.permutation(90)[:6] + 10), strict=True))
        teams = [*TEAMS, *(str(team) for team in rng.choice(TEAMS, 3))]
        cases.append(_incident(change, order, versions, dict(zip(order, teams, strict=True))))
    return cases


def _incident(change, order, good, owners):
    bad = dict(reversed(good.items()))  # the order of a record says nothing
    first, second, third = order[:3]
    changed = {"one": [first], "two": [first, second], "nobody": [second, third], "all": order}.get(change, [])
    bad |= {part: good[part] + "b" for part in changed}
    if change in ("new", "nobody"):
        good = {part: version for part, version in good.items() if part != first}
    if change == "gone":
        del bad[second]
    if change in ("unknown", "unknown on both"):
        bad[third] = None
    if change == "unknown on both":
        good = good | {third: None, first: None}
    if change == "nobody":
        del owners[first], owners[second]
    return good, bad, owners


def probe_suspects(answer, rng):
    return {"found": [answer(dict(good), dict(bad), dict(owners)) for good, bad, owners in incidents(rng)]}


def suspects(
    good, bad, owners, *, common=False, good_only=False, bad_only=False, unknown_is_equal=False, ownerless=True, idle=False
):
    """The oracle: team to parts. Each keyword is a twist behind a misconception."""
    parts = set(good) & set(bad) if common else set(good) if good_only else set(bad) if bad_only else set(good) | set(bad)
    found = {}
    for part in sorted(parts):
        before, after = good.get(part), bad.get(part)
        unknown = (part in good and before is None) or (part in bad and after is None)
        if before != after or (unknown and not unknown_is_equal):
            team = owners.get(part, "nobody")
            if team != "nobody" or ownerless:
                found.setdefault(team, []).append(part)
    return {team: found.get(team, []) for team in {*owners.values(), *found}} if idle else found


SUSPECT_MISCONCEPTIONS = {
    "unknown is equal": (
        dict(unknown_is_equal=True),
        "A part with no version on record (None) on both days passed as unchanged. Nobody knows that: it stays a suspect.",
    ),
    "common parts only": (
        dict(common=True),
        "Yours looks only at parts that are on record on both days. One that appeared or vanished is a change too.",
    ),
    "parts of the good day only": (
        dict(good_only=True),
        "Yours goes through the parts of the good day and misses one that is on record on the bad day alone.",
    ),
    "parts of the bad day only": (
        dict(bad_only=True),
        "Yours goes through the parts of the bad day and misses one that is on record on the good day alone.",
    ),
    "ownerless parts dropped": (
        dict(ownerless=False),
        "A part that has no owner was left out. Nobody's part is the one that is found last: list it under 'nobody'.",
    ),
    "everybody is called": (dict(idle=True), "Teams with nothing to look at should not be called: leave out empty lists."),
}


def judge_suspects(evidence, rng):
    cases, got = incidents(rng), evidence.get("found")
    want = [suspects(*case) for case in cases]
    found = [_sorted(calls) for calls in got]
    if found == want:
        return passed()
    if any(not isinstance(calls, dict) for calls in got):
        wrong = next(calls for calls in got if not isinstance(calls, dict))
        return not_yet(f"Return a dict, team to the list of its parts; yours returned {wrong!r:.60}.", "no dict")
    if found == [{part: team for team, parts in calls.items() for part in parts} for calls in want]:
        return not_yet("Yours says whose each part is. Turn it round: who is called, and for which parts.", "part to team")
    for name, (twist, message) in SUSPECT_MISCONCEPTIONS.items():
        if found == [suspects(*case, **twist) for case in cases]:
            return not_yet(message, name)
    (good, bad, owners), w, g = next(row for row in zip(cases, want, found, strict=True) if row[1] != row[2])
    return not_yet(f"Good day {good}, bad day {bad}, owners {owners}: the answer is {w}; yours says {f'{g}':.160}.")


def _sorted(calls):
    """The parts of a team in any order; a list of texts only."""
    if not isinstance(calls, dict):
        return calls
    return {
        team: sorted(parts) if isinstance(parts, list) and all(isinstance(part, str) for part in parts) else parts
        for team, parts in calls.items()
    }


# --- 11.4: has the record been altered? ---------------------------------------------------------------------------------


def seal(entry):
    """As the exercise gives it."""
    content = {name: value for name, value in entry.items() if name != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def chained(facts):
    record = []
    for fact in facts:
        entry = {**fact, "previous": record[-1]["seal"] if record else "start"}
        record.append({**entry, "seal": seal(entry)})
    return record


def _copy(record):
    return [dict(entry) for entry in record]


def _edited(record, place, resealed=False):
    copy = _copy(record)
    copy[place]["decision"] = "edited"
    if resealed:
        copy[place]["seal"] = seal(copy[place])
    return copy


def records(rng):
    """Records and the newest seals that another team keeps. Each twist of the oracle differs on at least one."""
    facts = [{"model": f"m{n}", "decision": str(rng.choice(["released", "refused"]))} for n in rng.permutation(90)[:6] + 10]
    sound, place = chained(facts), int(rng.integers(1, 4))
    swapped = _copy(sound)
    swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
    forged = chained([fact | ({"decision": "edited"} if i == place else {}) for i, fact in enumerate(facts)])
    edited = [_edited(sound, place), _edited(sound, 0), _edited(_edited(sound, place), 5)]
    resealed = [_edited(sound, place, resealed=True), _edited(sound, 5, resealed=True)]
    cut = [sound[:place] + sound[place + 1 :], sound[1:], sound[:-1]]
    kept = [(record, sound[-1]["seal"]) for record in [sound, *edited, *resealed, *cut, swapped, forged]]
    return [*kept, *((record, record[-1]["seal"]) for record in (sound[:1], sound[:3]))]


def probe_altered(answer, rng):
    return {"places": [_whole(answer(_copy(record), head)) for record, head in records(rng)]}


def _whole(value):
    """True is no place in a record, though Python takes it for 1."""
    return str(value) if isinstance(value, (bool, np.bool_)) else value


def first_misfit(record, head, *, links=True, seals=True, newest=True, start=True, count_from=0, last=False):
    """The oracle: what the whole record should be, compared. Each keyword is a twist behind a misconception."""
    before = ["start"] + [entry["seal"] for entry in record]
    misfits = [
        i
        for i, entry in enumerate(record)
        if (seals and seal(entry) != entry["seal"]) or (links and (i or start) and entry["previous"] != before[i])
    ]
    if newest and before[-1] != head:
        misfits.append(len(record))
    return (misfits[-1] if last else misfits[0]) + count_from if misfits else None


ALTERED_MISCONCEPTIONS = {
    "links not checked": (
        dict(links=False),
        "Yours asks whether each entry fits its own seal, but not whether it names the seal of the entry before. One that was "
        "removed, swapped or sealed anew passes: check `previous` too.",
    ),
    "seals not checked": (
        dict(seals=False),
        "Yours follows the chain and never seals an entry anew, so an edited content passes. Compare seal(entry) with "
        "entry['seal'].",
    ),
    "newest seal not checked": (
        dict(newest=False),
        "A record whose end was cut off, or that was forged as a whole, passes. Only the newest seal, kept elsewhere, shows it: "
        "compare it with the last entry's.",
    ),
    "start not checked": (
        dict(start=False),
        "Yours lets the first entry off. Its `previous` must be 'start', or a first entry could be removed unseen.",
    ),
    "counts from one": (dict(count_from=1), "Places are counted from 0, as in a list. Yours are one too high."),
    "last instead of first": (
        dict(last=True),
        "Where several entries do not fit, the first is wanted: from there on the record cannot be trusted. Yours "
        "names the last.",
    ),
}


def judge_altered(evidence, rng):
    cases, got = records(rng), evidence.get("places")
    want = [first_misfit(*case) for case in cases]
    if got == want:
        return passed()
    if all(isinstance(place, str) and place in ("True", "False") for place in got):
        return not_yet(
            "Yours says whether, and the team wants to know where: the place of the first misfit, or None.", "yes or no"
        )
    for name, (twist, message) in ALTERED_MISCONCEPTIONS.items():
        if got == [first_misfit(*case, **twist) for case in cases]:
            return not_yet(message, name)
    (record, head), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    lines = "; ".join(f"{e['decision']}, previous {e['previous']}, seal {e['seal']}" for e in record)
    return not_yet(
        f"For the {len(record)} entries ({lines}) and the newest seal {head} the answer is {w}; yours says {f'{g!r}':.60}."
    )


# --- the questions ------------------------------------------------------------------------------------------------------

QUESTIONS = {
    "11.1": Question(
        title="Objections to a feed",
        probe=probe_feed,
        judge=judge_feed,
        hints=(
            "Go through the reference's columns, not the feed's: else a column that is absent is never looked at.",
            "The four faults in order: `name not in feed`; `feed[name].isna().mean() > 0.5`; `feed[name].nunique() == 1` while "
            "no day of reference.groupby('day')[name].nunique() is 1; the mean out of the band.",
            "days = reference.groupby('day')[name].mean(); width = days.max() - days.min(); the band goes from "
            "days.min() - 0.1 * width to days.max() + 0.1 * width.",
        ),
        notebook=SOLUTION,
        misconceptions=("no dict", "own words", *FEED_MISCONCEPTIONS),
    ),
    "11.2": Question(
        title="The release gate",
        probe=probe_gate,
        judge=judge_gate,
        hints=(
            "Go through the rules. Look for a missing score first, compare afterwards.",
            "Turn both directions into one number: how much worse is the candidate? For 'higher' it is champion - candidate, for "
            "'lower' candidate - champion.",
            "Missing: candidate.get(name) is None or math.isnan(candidate[name]). Worse: there is a champion, it has the score, "
            "and the loss is above the tolerance.",
        ),
        notebook=SOLUTION,
        misconceptions=("no dict", *GATE_MISCONCEPTIONS),
    ),
    "11.3": Question(
        title="What changed, and whose it is",
        probe=probe_suspects,
        judge=judge_suspects,
        hints=(
            "Which parts are to be looked at? All that are on record on either day: good.keys() | bad.keys().",
            "good.get(part) gives None for a part that is absent and for one whose version nobody wrote down. Either way it is a "
            "suspect.",
            "calls.setdefault(owners.get(part, 'nobody'), []).append(part) for each suspect.",
        ),
        notebook=SOLUTION,
        misconceptions=("no dict", "part to team", *SUSPECT_MISCONCEPTIONS),
    ),
    "11.4": Question(
        title="Has the record been altered?",
        probe=probe_altered,
        judge=judge_altered,
        hints=(
            "Three things can be wrong: the seal of an entry, the link to the entry before it, and the newest seal.",
            "Carry the seal that the next entry must name: it is 'start' before the first entry.",
            "After the loop compare that carried seal with `newest`: if they differ, the answer is len(record).",
        ),
        notebook=SOLUTION,
        misconceptions=("yes or no", *ALTERED_MISCONCEPTIONS),
    ),
}
