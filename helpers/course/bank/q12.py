"""The questions of 12, the ML lifecycle: splits by time, a feature as of its moment, a rule for retraining, a reply."""

import copy
import functools
import json
import re
import textwrap
import types

import numpy as np
import pandas as pd

from helpers import flights, modeling
from helpers.course.evidence import describe
from helpers.course.verdict import Question, not_yet, passed

HOUR = pd.Timedelta(hours=1)
FIRST = pd.Timestamp("2013-03-01", tz="UTC")


# --- 12.1: splits by time -----------------------------------------------------------------------------------------------


def seasons(rng):
    """Departures out of order, under labels of their own; some just at the edges of a window or of its gap."""
    cases = []
    for gap in rng.permutation([12, 24, 36]).tolist():
        days = np.sort(rng.choice(np.arange(5, 20), 3, replace=False)).tolist()
        edges = [24 * day - back for day in days for back in (0, gap)]
        hours = np.r_[rng.integers(0, 24 * 22, 30), edges, 24 * days[-1] + 30]
        order = rng.permutation(len(hours))
        departures = pd.Series(FIRST + pd.to_timedelta(hours[order], unit="h"), index=100 + rng.permutation(len(hours)))
        cases.append((departures, [FIRST + 24 * day * HOUR for day in days], gap * HOUR))
    return cases


def probe_splits(answer, rng):
    return {"splits": [_listed(answer(departures.copy(), list(starts), gap)) for departures, starts, gap in seasons(rng)]}


def _listed(value):
    return list(value) if isinstance(value, types.GeneratorType) else value


def splits(departures, starts, gap, *, no_gap=False, strict=False, moved=False, sliding=False, sorted_rows=False, closed=False):
    """The oracle, flight by flight. Each keyword is a twist behind a misconception."""
    times = sorted(departures) if sorted_rows else list(departures)
    found = []
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else max(times) + HOUR
        until = start if no_gap or moved else start - gap
        since = starts[place - 1] if sliding and place else min(times)
        train = [i for i, t in enumerate(times) if since <= t and (t < until if strict or no_gap or moved else t <= until)]
        begin = start + gap if moved else start
        validate = [i for i, t in enumerate(times) if begin <= t and (t <= end if closed else t < end)]
        found.append([train, validate])
    return found


def labelled(departures, starts, gap):
    """The right flights, by their labels."""
    labels = departures.index.tolist()
    return [[sorted(labels[i] for i in part) for part in pair] for pair in splits(departures, starts, gap)]


SPLIT_MISCONCEPTIONS = {
    "no gap": (
        dict(no_gap=True),
        "Yours trains on flights that left right before the window begins: some of them are still in the air then, their "
        "outcome unknown. Leave the gap between training and validation.",
    ),
    "edge of the gap": (
        dict(strict=True),
        "A flight that left exactly `gap` before the window may teach: *at least* the gap. Yours leaves it out.",
    ),
    "gap cut from validation": (
        dict(moved=True),
        "Yours cuts the gap out of the validation window. The window stays whole; the training ends earlier.",
    ),
    "forgets": (
        dict(sliding=True),
        "Yours trains from the window before on. Here each fold trains on *all* that went before, so that training grows from "
        "fold to fold.",
    ),
    "taken as sorted": (
        dict(sorted_rows=True),
        "Your positions are those of the sorted departures. They came in another order: give the places as they came.",
    ),
    "windows overlap": (
        dict(closed=True),
        "A flight that leaves exactly when the next window starts is in two of your windows. A window ends before that.",
    ),
}


def judge_splits(evidence, rng):
    cases, got = seasons(rng), evidence["splits"]
    if any(_is_mask(pair) for found in got if isinstance(found, list) for pair in found):
        return not_yet(
            "Your folds hold True and False. Positions are asked for, as scikit-learn takes them: np.flatnonzero(mask).",
            "mask",
        )
    got = [_folds(found) for found in got]
    if any(found is None for found in got):
        return not_yet(
            "Return a list with a pair (train, validate) for each start; both hold whole numbers, the flights' positions."
        )
    if got == [splits(*case) for case in cases]:
        return passed()
    if got == [labelled(*case) for case in cases]:
        return not_yet("Your folds hold index labels. Positions are wanted: 0 for the first row, whatever its label.", "labels")
    for name, (twist, message) in SPLIT_MISCONCEPTIONS.items():
        if got == [splits(*case, **twist) for case in cases]:
            return not_yet(message, name)
    return _first_split(cases, got)


def _is_mask(pair):
    return isinstance(pair, list) and any(isinstance(part, list) and any(isinstance(i, bool) for i in part) for part in pair)


def _folds(found):
    """Positions in order, fold by fold; None where there is no list of pairs of whole numbers."""
    if not isinstance(found, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in found):
        return None
    parts = [part for pair in found for part in pair]
    if not all(isinstance(part, list) and all(type(i) is int for i in part) for part in parts):
        return None
    return [[sorted(train), sorted(validate)] for train, validate in found]


def _first_split(cases, got):
    for (departures, starts, gap), found in zip(cases, got, strict=True):
        want = splits(departures, starts, gap)
        if len(found) != len(want):
            return not_yet(f"{len(starts)} starts make {len(starts)} folds; yours gave {len(found)}. The last window has no end.")
        for start, (train, validate), fold in zip(starts, found, want, strict=True):
            if any(0 <= i < len(departures) and departures.iloc[i] >= start for i in train):
                return not_yet(
                    f"For the window from {start:%d %B} yours trains on flights that leave after it has begun: on the "
                    "future, which no model in use can do.",
                    "trains on the future",
                )
            for part, g, w in zip(("trains on", "validates on"), (train, validate), fold, strict=True):
                if g != w:
                    return not_yet(_difference(departures, start, gap, part, g, w))
    return not_yet("Your folds differ from what is asked.")  # not reached: some fold differs


def _difference(departures, start, gap, part, got, want):
    odd = sorted(set(got) ^ set(want))
    if not odd:
        return f"For the window from {start:%d %B} yours {part} the same flight twice."
    place, wrongly = odd[0], odd[0] in got
    what = f"which leaves at {departures.iloc[place]:%d %B %H:%M}" if 0 <= place < len(departures) else "which is not there"
    return (
        f"For the window from {start:%d %B} with a gap of {gap / HOUR:.0f} hours yours "
        f"{part if wrongly else 'leaves out'} the flight at position {place}, {what}. "
        f"{'It should not.' if wrongly else f'The fold {part} it.'}"
    )


# --- 12.2: a feature as of its moment -----------------------------------------------------------------------------------


def airports(rng):
    """Small tables, on a grid of half hours so that edges are met; out of order, under labels of their own."""
    cases = [(12, 0.2, 2.0, 1.0), (14, 0.2, 3.0, 0.5), (10, 0.0, 1.5, 2.0), (1, 0.0, 3.0, 1.0)]
    return [(sky(rng, n, never), window * HOUR, lead * HOUR) for n, never, window, lead in cases * 3]


def sky(rng, n, never):
    departure = FIRST + pd.to_timedelta(rng.integers(8, 28, n) / 2, unit="h")
    landed = pd.Series(departure + pd.to_timedelta(rng.integers(2, 8, n) / 2, unit="h")).mask(rng.random(n) < never)
    late = pd.Series(rng.random(n) < 0.5).astype("boolean").mask(landed.isna())
    table = pd.DataFrame({"origin": rng.choice(["EWR", "JFK"], n), "departure": departure, "landed": landed, "late": late})
    return table.set_axis(100 + rng.permutation(n))


def probe_share(answer, rng):
    return {"shares": [_in_order(answer(table.copy(), window, lead), table) for table, window, lead in airports(rng)]}


def _in_order(value, table):
    """A Series with the table's labels is put in the table's order; NaN becomes None."""
    if isinstance(value, pd.Series) and value.index.is_unique and set(value.index) == set(table.index):
        value = value.reindex(table.index)
    if isinstance(value, (pd.Series, np.ndarray, list, tuple)) and np.ndim(value) == 1:
        return [None if item is None or item is pd.NA or item != item else item for item in list(value)]
    return value


def shares(table, window, lead, *, by="landed", no_lead=False, anywhere=False, ever=False, day=False, open_end=False, empty=None):
    """The oracle, pair by pair. Each keyword is a twist behind a misconception."""
    rows, found = list(table.itertuples(index=False)), []
    for row in rows:
        moment = row.departure - (pd.Timedelta(0) if no_lead else lead)
        counted = []
        for other in rows:
            at = getattr(other, by)
            ours = (anywhere or other.origin == row.origin) and other.landed == other.landed
            recent = day or (at < moment if open_end else at <= moment) and (ever or at > moment - window)
            if ours and recent:
                counted.append(bool(other.late))
        found.append(sum(counted) / len(counted) if counted else empty)
    return found


SHARE_MISCONCEPTIONS = {
    "still in the air": (
        dict(by="departure"),
        "Yours counts flights by their departure. Some of them are still in the air at the moment of the forecast, and nobody "
        "knows yet whether they will be late. Count by `landed`.",
    ),
    "lead forgotten": (
        dict(no_lead=True),
        "The forecast is made `lead` before departure. Yours looks at what has landed up to the departure itself: too much.",
    ),
    "the whole day": (
        dict(day=True),
        "Yours takes all flights of the airport, also those that land after the forecast: the future leaks in.",
    ),
    "all that ever landed": (
        dict(ever=True),
        "Yours counts everything that has landed before. Only the `window` up to the moment counts.",
    ),
    "every airport": (dict(anywhere=True), "Yours counts flights of all airports. Only those with the same origin count."),
    "edge of the moment": (
        dict(open_end=True),
        "A flight that lands exactly at the moment of the forecast is known then, so it counts. Yours leaves it out.",
    ),
    "nothing landed is zero": (
        dict(empty=0.0),
        "Where no flight has landed in the window, yours says 0: that nobody was late. Nothing is known: give None or NaN.",
    ),
}


def judge_share(evidence, rng):
    cases, got = airports(rng), evidence["shares"]
    for (table, _, _), found in zip(cases, got, strict=True):
        if not isinstance(found, list) or len(found) != len(table):
            what = f"{len(found)} values" if isinstance(found, list) else f"{found!r:.40}"
            return not_yet(f"Return one share a flight, in the table's order: for {len(table)} flights yours gave {what}.")
    want = [shares(*case) for case in cases]
    if _agree(got, want):
        return passed()
    for name, (twist, message) in SHARE_MISCONCEPTIONS.items():
        if _agree(got, [shares(*case, **twist) for case in cases]):
            return not_yet(message, name)
    rows = [
        (case, i, w, g)
        for case, ws, gs in zip(cases, want, got, strict=True)
        for i, (w, g) in enumerate(zip(ws, gs, strict=True))
    ]
    (table, window, lead), i, w, g = next(row for row in rows if not _equal(row[3], row[2]))
    moment = table["departure"].iloc[i] - lead
    return not_yet(
        f"A flight leaves {table['origin'].iloc[i]} at {moment + lead:%H:%M}, its forecast is made at {moment:%H:%M}. Of those "
        f"from the same airport that landed in the {window / HOUR:g} hours up to then, the share {_told(w)}; yours says {g!r}."
    )


def _told(share):
    return "does not exist, for there is none (None or NaN)" if share is None else f"late is {share:.3f}"


def _agree(got, want):
    return all(_equal(g, w) for gs, ws in zip(got, want, strict=True) for g, w in zip(gs, ws, strict=True))


def _equal(got, want):
    if got is None or want is None:
        return got is want
    return isinstance(got, (int, float)) and not isinstance(got, bool) and abs(got - want) < 1e-9


# --- 12.3: the rule for retraining --------------------------------------------------------------------------------------

LIMIT, MINIMUM = 0.125, 500  # the shares are multiples of 1/32, so that a gap can be exactly at the limit


def histories(rng):
    """Weeks of service, oldest first: some of unknown outcome, some with few flights; and the edge cases."""
    cases = [([], 2), ([week(0)], 1), ([week(4)], 1), ([week(5)], 1), ([week(None)], 1), ([week(-5)], 1), ([week(6)], 2)]
    cases += [([week(6), week(None), week(6)], 2), ([week(6), week(6), week(None)], 2), ([week(6), week(0), week(6)], 2)]
    for _ in range(200):
        gaps = rng.choice([0, 1, 4, 5, 6, 7, -6], int(rng.integers(2, 9)), p=[0.1, 0.1, 0.15, 0.15, 0.2, 0.15, 0.15]).tolist()
        unknown = rng.random(len(gaps)) < 0.25
        few = rng.random(len(gaps)) < 0.2
        weeks = [
            week(None if u else g, int(rng.integers(1, MINIMUM)) if f else MINIMUM)
            for g, u, f in zip(gaps, unknown, few, strict=True)
        ]
        cases.append((weeks, int(rng.integers(1, 4))))
    return cases


def week(gap, flights=6000):
    """A week whose share of late flights lies `gap` 32nds above what was promised; None: the outcome is unknown."""
    return {"flights": flights, "promised": 8 / 32, "late": None if gap is None else (8 + gap) / 32}


def probe_step(answer, rng):
    return {"steps": [answer([dict(w) for w in weeks], LIMIT, patience, MINIMUM) for weeks, patience in histories(rng)]}


def step(weeks, patience, *, fine=False, bad=False, breaks=False, total=False, ever=False, at_least=False, one_sided=False,
         few_too=False, look_first=False, asleep=False):  # fmt: skip
    """The oracle, by writing the weeks as text: x over, o under, ? unknown. Each keyword is a twist behind a misconception."""
    signs = ""
    for one in weeks:
        if one["late"] is None or (one["flights"] < MINIMUM and not few_too):
            signs += "o" if fine else "x" if bad else "?"
            continue
        gap = one["late"] - one["promised"]
        gap = gap if one_sided else abs(gap)
        signs += "x" if gap > LIMIT or (at_least and gap == LIMIT) else "o"
    known = signs if breaks else signs.replace("?", "")
    newest_unknown = not signs or signs.endswith("?")
    if look_first and newest_unknown:
        return "look"
    if known.endswith("x" * patience) or (total and known.count("x") >= patience) or (ever and "x" * patience in known):
        return "retrain"
    return "look" if newest_unknown and not asleep else "wait"


STEP_MISCONCEPTIONS = {
    "missing is fine": (
        dict(fine=True),
        "Yours takes a week that nobody could judge for a quiet one. No news is not good news: such a week neither counts nor "
        "ends a run.",
    ),
    "missing is bad": (
        dict(bad=True),
        "Yours counts a week that nobody could judge as over the limit. It is unknown: it neither counts nor ends a run.",
    ),
    "unknown ends the run": (
        dict(breaks=True),
        "Bad, unknown, bad: are those two bad weeks in a row? Here they are: an unknown week does not end a run.",
    ),
    "asleep": (
        dict(asleep=True),
        "Where the newest week is unknown (or no week is there at all) and nothing calls for retraining, somebody must look. "
        "Yours waits.",
    ),
    "looks instead of acting": (
        dict(look_first=True),
        "The newest known weeks are bad enough to retrain, and yours asks to look because the newest of all is unknown. "
        "What is known is enough: retrain.",
    ),
    "in total": (
        dict(total=True),
        "Yours counts bad weeks in total. A good week ends the run: count the newest known weeks in a row.",
    ),
    "long ago": (
        dict(ever=True),
        "Yours retrains for a run of bad weeks that has ended. Only a run that reaches up to the newest known week counts.",
    ),
    "at least, not above": (
        dict(at_least=True),
        "A week exactly at the limit is still quiet: the rule wants *above* it.",
    ),
    "only too hopeful": (
        dict(one_sided=True),
        "Yours notices when more flights are late than promised, and not when fewer are. A promise can be broken to both sides.",
    ),
    "few flights count": (
        dict(few_too=True),
        "Yours judges weeks with fewer flights than `minimum`. With so few the share is chance: such a week is unknown.",
    ),
}


def judge_step(evidence, rng):
    cases, got = histories(rng), evidence["steps"]
    want = [step(*case) for case in cases]
    if got == want:
        return passed()
    for name, (twist, message) in STEP_MISCONCEPTIONS.items():
        if got[1:] == [step(*case, **twist) for case in cases[1:]]:  # what it makes of no week at all may differ
            return not_yet(message, name)
    if all(isinstance(value, bool) for value in got):
        return not_yet('There are three steps, so True and False do not reach: return "retrain", "look" or "wait".', "yes or no")
    wrong = [row for row in zip(cases, want, got, strict=True) if row[1] != row[2]]
    (weeks, patience), w, g = min(wrong, key=lambda row: len(row[0][0]))
    told = "; ".join(_week_told(one) for one in weeks) or "no week at all"
    return not_yet(f"Oldest first: {told}. With patience {patience} the step is {w!r}; yours says {g!r:.40}.")


def _week_told(one):
    if one["late"] is None:
        return "unknown"
    few = f" ({one['flights']} flights)" if one["flights"] < MINIMUM else ""
    return f"promised {one['promised']:.3f}, late {one['late']:.3f}{few}"


# --- 12.4: a reply to whatever comes ------------------------------------------------------------------------------------

MAY_NOT_BE_NULL = ("departure_minute", "distance", *flights.CATEGORICAL)
MINUTES, MILES = (0, 1440), (80, 2500)


@functools.cache
def served():
    """A small model, the same each time. Gaps in the weather and every column's value matter to it somewhere."""
    rng = np.random.default_rng(12)
    table = pd.DataFrame([a_flight(rng) for _ in range(400)])
    risk = table["departure_minute"] / 400 - table["visib"] / 3 + table["carrier"].eq("EV") + rng.normal(0, 1, len(table))
    table[flights.WEATHER] = table[flights.WEATHER].mask(rng.random((len(table), len(flights.WEATHER))) < 0.1)
    return modeling.make_model(n_steps=8, max_leaves=6).fit(table[list(flights.FEATURES)], risk > risk.median())


def a_flight(rng):
    """As it comes in JSON, its keys in any order."""
    weather = {name: round(float(rng.uniform(1, 10)), 1) for name in flights.WEATHER}
    flight = weather | {"departure_minute": int(rng.integers(*MINUTES)), "distance": int(rng.integers(*MILES))}
    for name, values in {"carrier": "UA B6 EV DL", "origin": "EWR JFK LGA", "dest": "ATL ORD BOS", "weekday": "Mon Fri"}.items():
        flight[name] = str(rng.choice(values.split()))
    return {name: flight[name] for name in rng.permutation(list(flight)).tolist()}


def requests(rng):
    """Each: what it is, its bytes, what is wrong with it (nothing; a word; features), and the kind of slip it may show."""
    weather, number, text = (str(rng.choice(names)) for names in (flights.WEATHER, flights.NUMERIC[:2], flights.CATEGORICAL))
    good = [
        ("a whole flight", {}, ""),
        ("another whole flight", {}, ""),
        ("a third whole flight", {}, ""),
        (f"a flight whose {weather} is null", {weather: None}, "null refused"),
        ("a flight whose weather is all null", dict.fromkeys(flights.WEATHER), "null refused"),
        ("a flight of the carrier 'ZZ'", {"carrier": "ZZ"}, "unknown refused"),
        ("a flight to 'XYZ'", {"dest": "XYZ"}, "unknown refused"),
        ("a flight at minute 0, with precip 0.0", {"departure_minute": 0, "precip": 0.0}, "zero refused"),
        ("a flight with the keys 'gate' and 'crew' besides", {"gate": "A7", "crew": None}, "extra refused"),
    ]
    bad = [
        (f'a flight whose {weather} is the text "warm"', {weather: "warm"}, "text taken"),
        (f'a flight whose {number} is the text "57"', {number: "57"}, "text taken"),
        (f"a flight whose {weather} is true", {weather: True}, "true taken"),
        (f"a flight whose {weather} is [5.0]", {weather: [5.0]}, "list taken"),
        (f"a flight whose {text} is 9", {text: 9}, "number taken"),
        (f"a flight whose {text} is {{}}", {text: {}}, "number taken"),
        *[(f"a flight whose {name} is null", {name: None}, "null taken") for name in MAY_NOT_BE_NULL],
        *[
            (f"a flight whose {weather} is {value}", {weather: float(value)}, "NaN taken")
            for value in ("NaN", "Infinity", "-Infinity")
        ],
        (f"a flight whose {number} has 400 digits", {number: 10**399}, "NaN taken"),
    ]
    right = [(told, a_flight(rng) | change, None, kind) for told, change, kind in good]
    wrong = [lacking(rng, names) for names in ([text], [number], [text, number], [weather], [text, weather])]
    wrong += [("{}", {}, list(flights.FEATURES), "absent taken")]
    wrong += [(told, a_flight(rng) | change, list(change), kind) for told, change, kind in bad]
    told, flight, absent, kind = lacking(rng, [text])
    mixed = {number: None, weather: "warm"}
    wrong += [(f'{told} whose {number} is null and whose {weather} is "warm"', flight | mixed, [*absent, *mixed], kind)]
    return [*_written(right), *not_a_flight(rng), *_written(wrong)]


def _written(cases):
    return [(told, json.dumps(flight).encode(), wrong, kind) for told, flight, wrong, kind in cases]


def lacking(rng, names):
    flight = {name: value for name, value in a_flight(rng).items() if name not in names}
    kind = "absent weather taken" if set(names) <= set(flights.WEATHER) else "absent taken"
    return f"a flight without {' and '.join(names)}", flight, names, kind


def not_a_flight(rng):
    whole = json.dumps(a_flight(rng)).encode()
    return [
        ("no bytes at all", b"", "JSON", ""),
        ("half a flight", whole[:-9], "JSON", ""),
        ("b'late?'", b"late?", "JSON", ""),
        ("a flight with a byte that is no UTF-8", whole.replace(b"carrier", b"carri\xe9r"), "JSON", ""),
        ("a list that holds a flight", b"[" + whole + b"]", "object", "a list taken"),
        *[(f"the JSON {plain}", plain.encode(), "object", "") for plain in ("42", "null", '"late?"', "[]", "true")],
        ("100,000 times [", b"[" * 100_000, "", ""),
    ]


def probe_reply(answer, rng):
    model, replies = copy.deepcopy(served()), []
    for _, body, _, _ in requests(rng):
        try:
            replies.append(_told_reply(answer(model, body)))
        except Exception as error:
            if not replies:  # the very first is a whole flight: this is no matter of bad requests
                raise
            replies.append({"raised": textwrap.shorten(describe(error), 150, placeholder="…")})
    return {"replies": replies}


def _told_reply(reply):
    if reply is ...:
        return ...
    pair = isinstance(reply, (tuple, list)) and len(reply) == 2
    if not pair or not isinstance(reply[0], int) or isinstance(reply[0], bool) or not isinstance(reply[1], dict):
        inside = f" of {', '.join(type(part).__name__ for part in reply)}" if pair else ""
        return {"odd": f"{type(reply).__name__}{inside}"}
    status, content = reply
    late, error = content.get("late"), content.get("error")
    number = isinstance(late, (int, float, np.bool_, np.number))
    return {
        "status": int.__index__(status),
        "keys": [str(key) for key in content if isinstance(key, str)] + ["?" for key in content if not isinstance(key, str)],
        "late": float(late) if number else None,
        "type": type(late).__name__,
        "error": error if isinstance(error, str) else None,
        "unwritten": _unwritten(content),
    }


def _unwritten(content):
    try:
        json.dumps(content)
    except (TypeError, ValueError, RecursionError) as error:
        return describe(error)
    return ""


REPLY_MISCONCEPTIONS = {  # of a request that is answered though it should be refused, or the other way round
    "null refused": "Yours refuses {told}. A missing weather value comes as null, and the model knows gaps: answer.",
    "unknown refused": "Yours refuses {told}, which training never saw. The model has a code for that: answer.",
    "zero refused": "Yours refuses {told}. Zero is a number like others: `if not value` takes it for a missing one.",
    "extra refused": "Yours refuses {told}. Keys that the model does not know are ignored.",
    "null taken": "Yours answers {told}. Null is for the weather only; this feature every flight has.",
    "text taken": "Yours answers {told}. A number in quotes is text: refuse it, also where float() could read it.",
    "true taken": "Yours answers {told}. True and false are no numbers, though Python counts them as integers.",
    "list taken": "Yours answers {told}. One number is wanted there.",
    "number taken": "Yours answers {told}. Text is wanted there.",
    "NaN taken": "Yours answers {told}. That is no finite number (as a float it is NaN or infinite). A gap comes as null.",
    "absent weather taken": "Yours answers {told}. Null says that nobody measured; an absent key says that the sender is "
    "broken. flight.get(name) does not tell them apart.",
    "absent taken": "Yours answers {told}. Refuse it, and name what is absent.",
    "a list taken": "Yours answers {told}. One flight is asked for, as a JSON object; json.loads makes a dict of that.",
}


def judge_reply(evidence, rng):
    cases, replies = requests(rng), evidence["replies"]
    refusals = [found for (_, _, wrong, _), found in zip(cases, replies, strict=True) if wrong is not None]
    if all(found.get("status") == 200 and found["error"] for found in refusals):
        return not_yet(
            "Yours refuses with status 200, and a caller who looks at the status takes that for an answer. Refuse with 400.",
            "always 200",
        )
    for (told, body, wrong, kind), found in zip(cases, replies, strict=True):
        verdict = _no_reply(told, found)
        if not verdict and wrong is None:
            verdict = _judge_answer(told, body, kind, found)
        elif not verdict:
            verdict = _judge_refusal(told, wrong, kind, found)
        if verdict:
            return verdict
    return passed()


def _no_reply(told, found):
    """What is wrong with a reply before one looks at what it says; None if nothing is."""
    if "raised" in found:
        return not_yet(f"For {told} yours raises {found['raised']}. Whatever comes, return a status and a content.", "raises")
    if "odd" in found:
        return not_yet(f"Return a pair (status, content): an int and a dict. For {told} yours gave a {found['odd']}.", "no pair")
    if found["status"] >= 500:
        return not_yet(
            f"For {told} yours gives the status {found['status']}: that says the service is at fault, and callers try again. "
            "A request that can never be answered gets 400.",
            "500 for a bad request",
        )
    if found["status"] not in (200, 400):
        return not_yet(f"For {told} yours gives the status {found['status']}. Here it is 200 or 400.")
    return None


def _judge_answer(told, body, kind, found):
    if found["status"] == 400:
        message = REPLY_MISCONCEPTIONS.get(kind, "Yours refuses {told}.").format(told=told)
        return not_yet(f"{message} It says: {found['error']!r:.120}", kind or None)
    if found["keys"] != ["late"]:
        return not_yet(f'For {told} the content is {{"late": probability}}; the keys of yours are {found["keys"]!r:.80}.')
    p = float(modeling.probability_late(served(), pd.DataFrame([json.loads(body)]))[0])
    late = found["late"]
    if late is None:
        return not_yet(
            f'"late" should be one number, not a {found["type"]}: the model gives a row a flight and a column a class. Pick one.',
            "no single number",
        )
    if late in (0, 1):
        return not_yet(
            f'For {told} "late" is {late:.0f}: the class. How sure the model is, is what callers need: predict_proba.',
            "class, not probability",
        )
    if found["unwritten"]:
        return not_yet(
            f"json.dumps cannot write your content: {found['unwritten']}. float(...) makes a plain number.", "not plain"
        )
    if abs(late - p) < 1e-9:
        return None
    if abs(late - (1 - p)) < 1e-9:
        return not_yet(
            f"For {told} yours says {late:.3f}, the probability to be in time. Column 1 is that of being late.", "column 0"
        )
    if abs(late - p) < 0.006:
        return not_yet(f"For {told} the model says {p!r}, yours {late!r}. Pass it on as it is, not rounded.", "rounded")
    return not_yet(f"For {told} the model says {p:.4f}; yours {late:.4f}.")


def _judge_refusal(told, wrong, kind, found):
    if found["status"] == 200:
        message = REPLY_MISCONCEPTIONS.get(kind, "For {told} yours has the status 200. Refuse it with 400.")
        return not_yet(message.format(told=told), kind or None)
    if found["keys"] != ["error"]:
        return not_yet(f'For {told} the content is {{"error": sentence}}; the keys of yours are {found["keys"]!r:.80}.')
    if found["error"] is None:
        return not_yet(f'For {told} "error" should be a text, for people to read. Yours is of another type.')
    error = found["error"]
    if isinstance(wrong, str):
        if wrong.lower() in error.lower():
            return None
        return not_yet(f"For {told} the sentence should say {wrong}. Yours: {error!r:.120}", "error without the word")
    named = [name for name in flights.FEATURES if re.search(rf"(?<![A-Za-z_]){name}(?![A-Za-z_])", error)]
    missed = [name for name in wrong if name not in named]
    if len(missed) == len(wrong):
        return not_yet(f"For {told} yours refuses and does not name the feature: {error!r:.120}", "error without the name")
    if missed:
        return not_yet(
            f"For {told} yours names {', '.join(named)} and not {', '.join(missed)}. Name all that is wrong at once, or the "
            "caller mends one thing a request.",
            "not every name",
        )
    if len(named) > len(wrong):
        right = [name for name in named if name not in wrong]
        return not_yet(f"For {told} yours names {', '.join(right)} too, where nothing is wrong.", "names too much")
    return None


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/12_ml_lifecycle.ipynb"

QUESTIONS = {
    "12.1": Question(
        title="Folds by time",
        probe=probe_splits,
        judge=judge_splits,
        hints=(
            "One fold a start. Which flights leave from this start on and before the next one? Which left early enough to teach?",
            "Compare the whole Series with a time: departures <= start - gap is a mask. np.flatnonzero makes positions.",
            "ends = [*starts[1:], None]; in the last window only departures >= start counts. No sorting is needed.",
        ),
        notebook=SOLUTION,
        misconceptions=("mask", "labels", "trains on the future", *SPLIT_MISCONCEPTIONS),
    ),
    "12.2": Question(
        title="What was known an hour before",
        probe=probe_share,
        judge=judge_share,
        hints=(
            "Each flight has a moment: its departure minus the lead. What had landed by then, and not too long ago?",
            "Go flight by flight: a mask over the whole table for origin, landed <= moment and landed > moment - window.",
            "table.loc[mask, 'late'].mean() is the share; where the mask is empty it is missing, and so it should be.",
        ),
        notebook=SOLUTION,
        misconceptions=tuple(SHARE_MISCONCEPTIONS),
    ),
    "12.3": Question(
        title="Retrain, look or wait",
        probe=probe_step,
        judge=judge_step,
        hints=(
            "First sort the weeks into known and unknown. Only the known ones can be over the limit.",
            "known = [...] in order of time; retrain if there are `patience` of them and the last `patience` are all over.",
            "Only then ask: is the newest week unknown, or is there none? look. Else wait.",
        ),
        notebook=SOLUTION,
        misconceptions=("yes or no", *STEP_MISCONCEPTIONS),
    ),
    "12.4": Question(
        title="A reply to whatever comes",
        probe=probe_reply,
        judge=judge_reply,
        hints=(
            "Three steps, each of which may refuse: read the JSON, see that it is a dict, look at every feature. Only then ask "
            "the model, with a table of one row.",
            "json.loads raises ValueError (also for bytes that are not UTF-8) or RecursionError. With parse_int=float every "
            "number comes as a float, so isinstance(value, float) and math.isfinite(value) tell a finite number from all else.",
            "Collect: wrong = [name for name in flights.FEATURES if ...]. An absent key is wrong; null is right for "
            "flights.WEATHER alone; flights.CATEGORICAL want a str. If wrong is not empty, join it into the sentence.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "always 200",
            "raises",
            "no pair",
            "500 for a bad request",
            "no single number",
            "class, not probability",
            "not plain",
            "column 0",
            "rounded",
            "error without the word",
            "error without the name",
            "not every name",
            "names too much",
            *REPLY_MISCONCEPTIONS,
        ),
    ),
}
