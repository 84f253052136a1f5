"""The questions of 51, monitoring: false alarms of limits, drift and quality and decay, labels that are late, streams."""

import math

import numpy as np
import pandas as pd
from scipy import special

from helpers import decay
from helpers.course.verdict import Question, not_yet, passed


def plain(value):
    """A number or a text as it is, of anything else its kind."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, float, np.integer, np.floating)):
        return float(value)
    return value if value is None or isinstance(value, str) else f"a {type(value).__name__}"


def near(got, want):
    return len(got) == len(want) and all(
        isinstance(g, (int, float)) and not isinstance(g, bool) and math.isclose(g, w, abs_tol=1e-6)
        for g, w in zip(got, want, strict=True)
    )


def listed(evidence, name):
    found = evidence.get(name) if isinstance(evidence, dict) else None
    return found if isinstance(found, list) else []


# --- 51.1: how often do limits raise an alarm in quiet weeks? --------------------------------------------------------------

SOLUTION = "solutions/51_post_deployment_monitoring.ipynb"
LEAST_EFFECT = 0.1


def quiet_quarters(rng):
    """Effects of quiet weeks, rounded, so that some are equal; some could not be tested."""
    tables = []
    for weeks, columns, gaps in ((12, 6, 0.0), (12, 6, 0.1), (8, 14, 0.05), (20, 2, 0.0), (13, 1, 0.2), (6, 3, 0.0)):
        scale = rng.choice([0.03, 0.1, 0.3], columns)
        effects = np.minimum(rng.gamma(2.0, scale, (weeks, columns)), 1).round(2)
        effects[rng.random(effects.shape) < gaps] = np.nan
        tables.append(effects)
    wide = np.column_stack([np.full(8, 0.05), np.linspace(0.3, 0.6, 8)])
    wide[3, 0] = 0.2  # far out of its own column, and still under the other's
    tie = np.tile([0.2, 0.4, 0.4], 3)[:, None]
    last = np.column_stack([np.full(9, 0.05), np.r_[np.full(6, np.nan), np.full(3, 0.05)]])  # a column that came late
    dead = np.column_stack([tie, np.full(9, np.nan)])  # a column never tested
    small = np.linspace(0.01, 0.08, 8)[:, None]  # all under the least effect, and one larger than the others
    return [*tables, wide, tie, small, last, dead]


def as_table(effects):
    return pd.DataFrame(effects, columns=[f"column {number}" for number in range(effects.shape[1])])


def probe_share(answer, rng):
    return {"share": [plain(answer(as_table(effects), LEAST_EFFECT)) for effects in quiet_quarters(rng)]}


def share(effects, *, itself=False, cells=False, at_least=False, pooled=False, least=LEAST_EFFECT, worst=False, gaps_quiet=False):
    """The oracle: week by week, column by column. Each keyword is a twist behind a misconception."""
    fired = np.zeros(effects.shape, dtype=bool)
    for week, column in np.ndindex(effects.shape):
        others = [w for w in range(len(effects)) if itself or w != week]
        there = effects[others] if pooled else effects[others, column]
        limit = max([least, *there[~np.isnan(there)].tolist()])
        known = not np.isnan(effects[week, column])
        over = effects[week, column] >= limit if at_least else effects[week, column] > limit
        fired[week, column] = over if known else not gaps_quiet
    if worst:
        return float(fired.mean(axis=0).max())
    return float(fired.mean() if cells else fired.any(axis=1).mean())


SHARE_MISCONCEPTIONS = {
    "judged by itself": (
        dict(itself=True),
        "You find no alarm, because each week helped to set the limit that it is judged by. Leave it out of its own limits.",
    ),
    "columns counted": (
        dict(cells=True),
        "Yours is the share of columns over their limit. Somebody is woken when *any* column is: count weeks.",
    ),
    "the worst column": (
        dict(worst=True),
        "Yours is the rate of one column alone. A week raises an alarm when *any* column does.",
    ),
    "one limit for all": (dict(pooled=True), "Each column has its own limit: pressure strays farther than distance ever does."),
    "at the limit": (dict(at_least=True), "An effect exactly at the limit is still quiet: the alert wants it *above*."),
    "no least effect": (dict(least=0.0), "A limit is never under `least`: a smaller difference is worth nobody's morning."),
    "unknown is quiet": (
        dict(gaps_quiet=True),
        'An effect of NaN could not be measured, and you count its week as quiet. Missing data is never "no drift". NaN > limit '
        "is False, so ask whether the effect is *not* within its limit.",
    ),
}


def judge_share(evidence, rng):
    cases, got = quiet_quarters(rng), listed(evidence, "share")
    want = [share(effects) for effects in cases]
    if near(got, want):
        return passed()
    for name, (twist, message) in SHARE_MISCONCEPTIONS.items():
        if near(got, [share(effects, **twist) for effects in cases]):
            return not_yet(message, name)
    full = [not np.isnan(effects).any() for effects in cases]
    if len(got) == len(want) and near(*[[v for v, f in zip(side, full, strict=True) if f] for side in (got, want)]):
        return not_yet(
            "Right where every effect is known. A week with an effect of NaN is an alarm; other weeks' limits leave it out.",
            "NaN",
        )
    for effects, w, g in zip(cases, want, got, strict=False):
        if not near([g], [w]):
            return not_yet(
                f"For {effects.shape[0]} weeks and {effects.shape[1]} columns the share is {w:.3f}; yours is {g!r:.80}."
            )
    return not_yet("Return one number, a share from 0 to 1.")


# --- 51.2: quality, drift, decay --------------------------------------------------------------------------------------------

NUMBERS = [f"number {i}" for i in range(6)]
WORDS = ("quality", "drift", "decay")
ROWS = 6_000


def batches(rng):
    """What is said of it, the batch, how good the model was before, and what is the matter."""
    past, _ = _flights(rng)
    past.loc[0, NUMBERS], past.loc[1, NUMBERS] = 15.0, 85.0  # nothing but what is put there lies outside
    shift, gap, bad = float(rng.uniform(0.6, 1.2)), float(rng.uniform(0.15, 0.4)), float(rng.uniform(0.03, 0.05))
    size = "of which 1% are missing already"
    kinds = [
        ("nothing is wrong", {}, []),
        ("a number has moved", {"move": shift}, ["drift"]),
        ("a category's shares have changed", {"names": 0.4}, ["drift"]),
        (f"many values of a column are gone, {size}", {"gap": gap}, ["quality"]),
        ("a column is absent", {"absent": True}, ["quality"]),
        ("some values lie far outside of the range", {"bad": bad}, ["quality"]),
        ("the outcomes follow another rule", {"other": True}, ["decay"]),
        ("a number has moved by a trifle, certain but small", {"move": 0.13}, []),
        ("the AUC fell a little, its interval still holds what it was", {"wobble": True}, []),
        ("a number has moved, and the outcomes follow another rule", {"move": -shift, "other": True}, ["decay", "drift"]),
        ("values are gone, and the outcomes follow another rule", {"gap": gap, "other": True}, ["decay", "quality"]),
        ("values are gone in one column, another has moved", {"gap": gap, "move": shift}, ["drift", "quality"]),
        ("three columns have 0.5% of their values outside of their range each", {"apart": True}, []),
    ]
    return past, [(told, *_spoilt(rng, **how), wrong) for told, how, wrong in kinds]


def _flights(rng, move=0.0, names=0.0):
    table = pd.DataFrame(rng.normal(50, 10, (ROWS, len(NUMBERS))).clip(15, 85), columns=NUMBERS)
    table["number 1"] = (table["number 1"] + 10 * move).clip(15, 85)
    table["carrier"] = np.where(rng.random(ROWS) < names, "UA", rng.choice(["UA", "B6", "DL", "AA"], ROWS))
    table["number 2"] = table["number 2"].mask(rng.random(ROWS) < 0.01)
    probability = special.expit(-1.2 + (table["number 0"].to_numpy() - 50) / 8)
    return table, probability


def _spoilt(rng, *, move=0.0, names=0.0, gap=0.0, absent=False, bad=0.0, other=False, wobble=False, apart=False):
    table, probability = _flights(rng, move, names)
    late = pd.array(rng.random(ROWS) < (probability.mean() if other else probability), dtype="boolean")
    late[rng.choice(ROWS, 30, replace=False)] = pd.NA  # cancelled
    known = ~late.isna()
    score = decay.auc(late[known].astype(bool), probability[known])
    before = score.value + 0.2 if other else (score.value + score.high) / 2 if wobble else score.value - 0.001
    table["number 2"] = table["number 2"].mask(rng.random(ROWS) < gap)
    table["number 3"] = table["number 3"].mask(rng.random(ROWS) < bad, 200.0)
    table = table.drop(columns="number 4") if absent else table
    table = _outside_apart(table, rng) if apart else table
    return table.assign(probability=probability, late=late), float(before)


def _outside_apart(table, rng):
    """In three columns 0.5% of the values outside of the range, each in other rows: 1.5% of the rows."""
    rows = rng.choice(ROWS, (3, ROWS // 200), replace=False)
    for name, some in zip(("number 0", "number 3", "number 5"), rows, strict=True):
        table.loc[some, name] = 200.0
    return table


def probe_diagnose(answer, rng):
    past, cases = batches(rng)
    return {"wrong": [_words(answer(past.copy(), batch.copy(), before)) for _, batch, before, _ in cases]}


def _words(found):
    if not isinstance(found, (set, frozenset, list, tuple)):
        return f"a {type(found).__name__}"
    return sorted({word if isinstance(word, str) else f"a {type(word).__name__}" for word in list(found)[:20]})


DIAGNOSE_MISCONCEPTIONS = {  # what a learner gives in each case, where one thing is misunderstood; the rest may be right
    "missing values passed over": ({3: [], 10: ["decay"], 11: ["drift"]},
        "A column lost many of its values and you did not say so. What is left looks fine, and that proves nothing: compare the "
        "share that is missing with the past's."),
    "an absent column passed over": ({4: []},
        "A column that the past has is absent from the batch. That is the worst of missing data: quality."),
    "ranges passed over": ({5: []},
        "Some values lie where the past had none, in more than 1% of the rows: quality."),
    "ranges added up": ({12: ["quality"]},
        "You add up the rows of several columns. Each column is judged by itself: over 1% of the rows in *one* column."),
    "certain is not large": ({7: ["drift"]},
        "A number moved by a trifle and you call it drift. With many rows a trifle is certain; ask for an effect over 0.1."),
    "no interval": ({8: ["decay"]},
        "The AUC fell by less than its interval is wide. Worse is what the *whole* interval says."),
    "drift is decay": ({1: ["decay", "drift"], 2: ["decay", "drift"], 11: ["decay", "drift", "quality"]},
        "You say decay where only inputs moved. Decay is seen in the outcomes: compare the AUC with `before`."),
    "no drift is all well": ({6: [], 10: ["quality"]},
        "The inputs are as before, the outcomes are not, and you say nothing. Concept drift is seen by scoring alone."),
    "missing is drift": ({3: ["drift", "quality"], 4: ["drift", "quality"], 10: ["decay", "drift", "quality"]},
        "Values that are gone are a matter of quality; those that are left have not moved: drift asks about `effect` alone."),
}  # fmt: skip


def judge_diagnose(evidence, rng):
    _, cases = batches(rng)
    got, want = listed(evidence, "wrong"), [wrong for *_, wrong in cases]
    if got == want:
        return passed()
    for found in got:
        if not isinstance(found, list) or any(word not in WORDS for word in found):
            return not_yet(
                f"Return a set with none, some or all of {', '.join(WORDS)}; yours gave {found!r:.80}.", "no set of words"
            )
    differs = {place for place, (g, w) in enumerate(zip(got, want, strict=False)) if g != w}
    for name, (shown, message) in DIAGNOSE_MISCONCEPTIONS.items():
        if differs == set(shown) and all(got[place] == found for place, found in shown.items()):
            return not_yet(message, name)
    if 7 in differs and all(sorted({*want[place], "drift"}) == got[place] for place in differs):  # by chance elsewhere too
        return not_yet(DIAGNOSE_MISCONCEPTIONS["certain is not large"][1], "certain is not large")
    for place in sorted(differs):
        said, wanted = ", ".join(got[place]) or "nothing", ", ".join(want[place]) or "nothing"
        return not_yet(f"In a batch where {cases[place][0]}: {wanted}. Yours says {said}.")
    return not_yet("Return a set of words for each batch.")


# --- 51.3: labels that are late ---------------------------------------------------------------------------------------------

LEAST_LABELS, LEAST_SHARE = 100, 0.5
NOW = pd.Timestamp("2013-05-01 12:00", tz="UTC")


def windows(rng):
    """Flights as they stand at NOW, and how good the model was before."""
    kinds = [  # said of it, flights, share known by now, whether the model got worse, before minus what is measured by now
        ("all labels are in", 900, 1.0, True, 0.15),
        ("all labels are in", 900, 1.0, False, 0.0),
        ("the first labels are in, a third of them", 900, 0.3, True, 0.15),
        ("the first labels are in, a third of them", 900, 0.3, False, 0.0),
        ("most labels are in", 900, 0.7, True, 0.15),
        ("most labels are in, and the AUC fell a little", 900, 0.7, False, 0.012),
        ("no label is in", 400, 0.0, False, 0.1),
        ("all labels are in, but of few flights", 80, 1.0, True, 0.35),
        ("most labels are in, many more flights have not left yet", 700, 0.8, False, 0.0),
    ]
    return [(told, *_window(rng, *how, ahead=1_500 if "not left" in told else 40)) for told, *how in kinds]


def _window(rng, flights, known, worse, fall, ahead):
    n = flights + ahead
    probability = rng.beta(1.2, 3, n)
    late = rng.random(n) < (0.3 if worse else probability)
    departs = NOW - pd.to_timedelta(rng.uniform(60, 10_000, n), unit="min")
    departs = departs.where(np.arange(n) < flights, NOW + pd.to_timedelta(rng.uniform(60, 3_000, n), unit="min"))
    order = np.argsort(np.where(np.arange(n) < flights, 0.2 * late + rng.random(n), 9))  # those on time report first
    by_now = np.zeros(n, dtype=bool)
    by_now[order[: round(known * flights)]] = True
    later = np.maximum(departs, NOW) + pd.to_timedelta(rng.uniform(60, 3_000, n), unit="min")
    come = departs + (NOW - departs) * rng.uniform(0.1, 0.9, n)
    label = pd.Series(later).where(~by_now, come)
    table = pd.DataFrame({"scheduled_departure": departs, "probability": probability, "late": late, "known_at": label})
    seen = late[by_now], probability[by_now]
    now = decay.auc(*seen).value if by_now.any() and 0 < seen[0].mean() < 1 else 0.6
    return table.sample(frac=1, random_state=int(rng.integers(1_000_000))).reset_index(drop=True), min(now + fall, 0.95)


def probe_labels(answer, rng):
    return {"verdict": [plain(answer(flights.copy(), NOW, before)) for _, flights, before in windows(rng)]}


def verdict(flights, before, *, peeks=False, first=False, absent=False, point=False, ahead=False, guesses=False, hurried=False):
    """The oracle. Each keyword is a twist behind a misconception."""
    gone = flights if ahead else flights[flights["scheduled_departure"] <= NOW]
    known = gone if peeks or absent else gone[gone["known_at"] <= NOW]
    late = known["late"] & (known["known_at"] <= NOW) if absent else known["late"]
    few = len(known) < (1 if hurried else LEAST_LABELS) or (not first and len(known) < LEAST_SHARE * len(gone))
    if few or late.all() or not late.any():
        return "holds" if guesses else "unknown"
    score = decay.auc(late.to_numpy(bool), known["probability"].to_numpy())
    return "worse" if (score.value if point else score.high) < before else "holds"


LABEL_MISCONCEPTIONS = {
    "peeks into the future": (
        dict(peeks=True),
        "You use outcomes that are not known at `now`. The table is a replay: only labels with known_at up to now exist.",
    ),
    "the first labels decide": (
        dict(first=True),
        "You judge by the first labels. Those on time come first, so they are no fair sample: unknown, until half are in.",
    ),
    "missing is on time": (
        dict(absent=True),
        "A flight with no label yet is not a flight on time. Leave it out of the score, and count how many there are.",
    ),
    "no interval": (dict(point=True), "The AUC is an estimate. It is worse where the *whole* interval lies under before."),
    "flights ahead count": (
        dict(ahead=True),
        "Flights that have not left by `now` cannot have a label: they do not count among those that should.",
    ),
    "unknown is fine": (dict(guesses=True), 'With too few labels nothing is known. That is "unknown", never "holds".'),
    "few labels decide": (
        dict(hurried=True),
        f"Fewer than {LEAST_LABELS} labels say too little, though all of them are in: unknown.",
    ),
}


def judge_labels(evidence, rng):
    cases, got = windows(rng), listed(evidence, "verdict")
    want = [verdict(flights, before) for _, flights, before in cases]
    if got == want:
        return passed()
    for name, (twist, message) in LABEL_MISCONCEPTIONS.items():
        if got == [verdict(flights, before, **twist) for _, flights, before in cases]:
            return not_yet(message, name)
    for (told, *_), w, g in zip(cases, want, got, strict=False):
        if g != w:
            return not_yet(f'Where {told}, the verdict is "{w}"; yours is {g!r:.80}.')
    return not_yet('Return "worse", "holds" or "unknown".')


# --- 51.4: when did a stream change? ----------------------------------------------------------------------------------------

LENGTH, SOON = 2_000, 300
SEEN = 2  # values from the position on: the one at which it is noticed, and one more for those who work in blocks


def streams(rng):
    """Said of it, values, low, high, where the change begins (None: nowhere; "unknown": cannot be said)."""
    low = float(rng.integers(-40, 20))
    high, start = low + 120, int(rng.integers(900, 1_300))
    cases = [("never changes", None, 0.0, 0.0), ("changes", start, 0.3, 0.0), ("changes the other way", start, -0.3, 0.0)]
    cases += [("changes, a third of it missing before", start, 0.3, 0.33), ("never changes, a third missing", None, 0.0, 0.33)]
    cases += [("is missing but for a few", "unknown", 0.0, 0.9), ("is missing altogether", "unknown", 0.0, 1.0)]
    return [(told, _values(rng, at, by, gone, low, high), low, high, at) for told, at, by, gone in cases]


def _values(rng, start, by, gone, low, high):
    middle = 0.5 + by * (np.arange(LENGTH) >= start) if isinstance(start, int) else np.full(LENGTH, 0.5)
    values = low + (high - low) * np.clip(middle - by / 2 + rng.normal(0, 0.12, LENGTH), 0, 1)
    until = start if isinstance(start, int) else LENGTH
    return np.where((rng.random(LENGTH) < gone) & (np.arange(LENGTH) < until), np.nan, values).tolist()


def probe_streams(answer, rng):
    cases = streams(rng)
    noticed = [plain(answer(list(values), low, high)) for _, values, low, high, _ in cases]
    then = [
        plain(answer(values[: int(at) + SEEN], low, high)) if _noticed(at, start) and isinstance(start, int) else at
        for at, (_, values, low, high, start) in zip(noticed, cases, strict=True)
    ]
    return {"noticed": noticed, "then": then}


def judge_streams(evidence, rng):
    cases, got = streams(rng), listed(evidence, "noticed")
    if len(got) != len(cases):
        return not_yet('Return a position, None or "unknown" for each stream.')
    for g in got:
        if not (g is None or g == "unknown" or (isinstance(g, float) and g.is_integer())):
            return not_yet(f'Return one position, None or "unknown" for each stream; yours gives {_said(g)}.')
    right = [_noticed(g, start) for g, (*_, start) in zip(got, cases, strict=True)]
    if all(right):
        return _not_ahead(got, listed(evidence, "then"))
    missing = [sum(value != value for value in values[:start]) for _, values, _, _, start in cases if isinstance(start, int)][2]
    if right == [True] * 3 + [False] + [True] * 3 and _noticed(
        got[3] + missing if isinstance(got[3], float) else got[3], cases[3][4]
    ):
        return not_yet(
            "Positions count the missing values too: yours is the place among those that are there.", "missing not counted"
        )
    if right == [True] * 5 + [False] * 2 and got[5:] == [None, None]:
        return not_yet('Where over half is missing you say "no change". That is "unknown".', "missing is quiet")
    for (told, *_, start), g, fine in zip(cases, got, right, strict=True):
        if not fine and isinstance(start, int):
            wanted = f"the change begins at {start} and is to be noticed within {SOON} values"
            return not_yet(f"In a stream that {told}, {wanted}; yours says {g!r:.80}.", "too early" if _early(g, start) else None)
        if not fine:
            return not_yet(f"A stream that {told} gives {start!r}; yours says {g!r:.80}.")
    return not_yet('Return a position, None or "unknown".')


def _noticed(got, start):
    if isinstance(start, int):
        return isinstance(got, float) and start <= got <= start + SOON
    return got is None if start is None else got == start


def _said(got):
    return got if isinstance(got, str) and got.startswith("a ") else f"{got!r:.80}"


def _not_ahead(noticed, then):
    """Given only the values up to a position, the answer should be that position still."""
    for at, again in zip(noticed, then, strict=True):
        if again != at:
            return not_yet(
                f"You notice a change at {at:.0f}; given only the values up to there, yours says {_said(again)}. "
                "So it needs the values after it: on that day nobody has them.",
                "looks ahead",
            )
    return passed()


def _early(got, start):
    return isinstance(got, float) and got < start


QUESTIONS = {
    "51.1": Question(
        title="Alarms in quiet weeks",
        probe=probe_share,
        judge=judge_share,
        hints=(
            "For each week: take the other weeks' rows (quiet.drop(index)), and their largest effect in each column.",
            "Series.max() passes over NaN; .clip(lower=least) keeps a limit from getting too small; NaN <= limit is False, too.",
            "limits = quiet.drop(week).max().fillna(least).clip(lower=least); fired = (~(quiet.loc[week] <= limits)).any()",
        ),
        notebook=SOLUTION,
        misconceptions=(*SHARE_MISCONCEPTIONS, "NaN"),
    ),
    "51.2": Question(
        title="Quality, drift or decay?",
        probe=probe_diagnose,
        judge=judge_diagnose,
        hints=(
            "Three questions, each asked by itself. The inputs are all columns of past; the batch has probability and late too.",
            'drift.compare(...)["effect"] looks at values alone; it needs drift.reference(past, numeric=..., categorical=...).',
            "decay.auc gives value, low and high; leave out the rows whose late is missing before you call it.",
        ),
        notebook=SOLUTION,
        misconceptions=(*DIAGNOSE_MISCONCEPTIONS, "no set of words"),
    ),
    "51.3": Question(
        title="Labels that are late",
        probe=probe_labels,
        judge=judge_labels,
        hints=(
            "First what exists at now: flights that have left, and of these the ones whose known_at is not after now.",
            'Two reasons for "unknown": fewer than 100 labels, or fewer than half of the flights that have left.',
            "decay.auc(late, probability) raises where all outcomes are the same: unknown too. Compare its high with before.",
        ),
        notebook=SOLUTION,
        misconceptions=tuple(LABEL_MISCONCEPTIONS),
    ),
    "51.4": Question(
        title="When the stream changed",
        probe=probe_streams,
        judge=judge_streams,
        hints=(
            "find_changes(values, low=low, high=high) from helpers.drift_stream gives positions, missing and a verdict.",
            "Ask for the share that is missing first, then for the first position; an empty list has none.",
        ),
        notebook=SOLUTION,
        misconceptions=("missing not counted", "missing is quiet", "too early", "looks ahead"),
    ),
}
