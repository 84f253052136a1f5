"""The questions of 41, why CI/CD: flights that were delivered before, the worst slice, the gate."""

import numpy as np
import pandas as pd

from helpers.course.verdict import Question, not_yet, passed

FLIGHT = ["scheduled_departure", "carrier", "flight", "origin"]
COLUMNS = [*FLIGHT, "temp"]
MARGIN = 0.005


def plain(value):
    """A number or a text as it is, of anything else its kind."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, float, np.integer, np.floating)):
        return float(value)
    return value if value is None or isinstance(value, str) else f"a {type(value).__name__}"


# --- 41.1: was it delivered before? ---------------------------------------------------------------------------------------


def deliveries(rng):
    """Pairs of tables and what is special about them."""
    month, later = _flights(rng, 40, 1), _flights(rng, 30, 2)
    n = int(rng.integers(5, 12))
    corrected = month.assign(temp=month["temp"] + 1)
    some = pd.concat([later.head(30 - n), corrected.head(n)])
    return [
        ("another month", month, later),
        ("the same file", month, month),
        ("the same file, sorted in another way", month, month.sample(frac=1, random_state=n)),
        ("the same flights, their temperature corrected", month, corrected),
        ("some flights of last month among the new ones", month, some),
        ("some flights of last month, columns in another order", month, some[some.columns[::-1]]),
        ("a previous table that holds its flights twice", pd.concat([month, month]), some),
        ("the same departures by another carrier", month, month.assign(carrier="ZZ")),
        ("the same flights from another airport", month, month.assign(origin="XYZ")),
        ("the same flights at another time", month, later.assign(**month[FLIGHT[1:]].head(30))),
        ("a small part of last month", month, month.sample(8, random_state=n)),
        ("no previous flights", month.head(0), later),
        ("no flights", month, month.head(0)),
    ]


def _flights(rng, n, month):
    hour = pd.Timestamp(2013, month, 1, tz="UTC") + pd.to_timedelta(rng.permutation(600)[:n], unit="h")
    columns = {"carrier": rng.choice(["UA", "B6", "DL"], n), "flight": rng.permutation(9000)[:n] + 1}
    origin = rng.choice(["EWR", "JFK", "LGA"], n)
    return pd.DataFrame({"scheduled_departure": hour, **columns, "origin": origin, "temp": rng.normal(40, 10, n).round(1)})


def probe_seen(answer, rng):
    got = []
    for _, previous, current in deliveries(rng):
        try:
            got.append(plain(answer(previous.copy(), current.copy())))
        except ValueError:
            if len(current):
                raise
            got.append("ValueError")
    return {"share": got}


def seen(previous, current, *, by=FLIGHT, of="current", count=False, doubled=False, everything=False, turned=False):
    """The oracle: by comparing every flight with every other. Each keyword is a twist behind a misconception."""
    if not len(current):
        return "ValueError"
    columns = [COLUMNS.index(name) for name in by]
    same = (current[:, None, columns] == previous[None, :, columns]).all(axis=2)
    if everything:
        return float(same.any())
    found = same.sum() if doubled else same.any(axis=1).sum()
    size = len(previous) if of == "previous" else len(current)
    share = found if count else found / size if size else 0.0
    return float(1 - share if turned else share)


SEEN_MISCONCEPTIONS = {
    "a correction makes it new": (
        dict(by=[*FLIGHT, "temp"]),
        "A flight whose temperature was corrected counts as new in yours. Compare the four columns that name a flight only.",
    ),
    "departure only": (
        dict(by=FLIGHT[:1]),
        "Yours takes two flights that leave at the same time for one. All four columns must agree.",
    ),
    "time left out": (
        dict(by=FLIGHT[1:]),
        "Yours takes a flight number of last month for the same flight. Its scheduled_departure must agree too.",
    ),
    "origin left out": (
        dict(by=FLIGHT[:3]),
        "Yours takes a flight from another airport for the same flight. The origin must agree too.",
    ),
    "share of the previous": (
        dict(of="previous"),
        "Yours divides by the flights of `previous`. The share of `current` is asked.",
    ),
    "a count": (dict(count=True), "Yours gives how many flights. Divide by the flights of `current`."),
    "counted twice": (
        dict(doubled=True),
        "Where `previous` holds a flight twice, yours counts it twice. Each flight of `current` counts once.",
    ),
    "yes or no": (dict(everything=True), "Yours says whether there is any. The share is asked: 1 of 4 flights is 0.25."),
    "share of the new": (dict(turned=True), "Yours gives the share that is new. The share that was seen before is asked."),
}


def _texts(table):
    rows = [[str(value) for value in row] for row in table[COLUMNS].itertuples(index=False)]
    return np.array(rows, dtype=str).reshape(len(rows), len(COLUMNS))


def judge_seen(evidence, rng):
    cases = [(what, *(_texts(table) for table in tables)) for what, *tables in deliveries(rng)]
    got = evidence.get("share")
    want = [seen(previous, current) for _, previous, current in cases]
    if not isinstance(got, list) or len(got) != len(want):
        return not_yet("The check could not read what yours returned: return a number from 0 to 1.")
    if all(_equal(g, w) for g, w in zip(got, want, strict=True)):
        return passed()
    for name, (twist, message) in SEEN_MISCONCEPTIONS.items():
        twisted = [seen(previous, current, **twist) for _, previous, current in cases]
        if all(_equal(g, w) for g, w in zip(got[:11], twisted[:11], strict=True)):  # without the empty tables
            return not_yet(message, name)
    if all(_equal(g, w) for g, w in zip(got[:11], want[:11], strict=True)):
        if got[12] != "ValueError":
            return not_yet(
                f"Right where there are flights. Of an empty `current` yours gives {got[12]!r}: raise a ValueError, "
                "or a delivery that failed would look fresh.",
                "nothing looks fresh",
            )
        return not_yet(f"With an empty `previous` nothing was seen before: 0.0; yours gives {got[11]!r}.")
    (what, _, _), w, g = next(row for row in zip(cases, want, got, strict=True) if not _equal(row[2], row[1]))
    return not_yet(f"The share in the case of {what} is {w:.3f}; yours gives {g!r}.")


def _equal(got, want):
    if isinstance(want, str) or isinstance(got, (str, type(None))):
        return got == want
    return isinstance(got, (int, float)) and abs(got - want) < 1e-6


# --- 41.2: the worst slice ----------------------------------------------------------------------------------------------

SMALLEST = 30


def slices(rng):
    """Cases: what is special, outcomes, probabilities, groups. The sizes and the quality of each slice are set."""
    names = rng.permutation(["EWR", "JFK", "LGA", "BOS", "ORD"]).tolist()
    plans = [
        ("all slices large", [(60, 2.0), (60, 0.3), (80, 1.0)], False),
        ("the worst slice first", [(60, 0.2), (50, 1.5), (80, 1.0)], False),
        ("a bad slice that is too small", [(70, 1.8), (SMALLEST - 1, -1.0), (80, 0.6)], False),
        ("a bad slice of just the size", [(70, 1.8), (SMALLEST, -1.0), (80, 0.6)], False),
        ("a slice worse than chance", [(70, 1.8), (50, -1.2), (90, 0.5)], False),
        ("a slice with one outcome", [(60, 1.8), (60, 0.6), (50, 1.0)], True),
        ("one slice only", [(90, 1.0)], False),
        ("no slice that is large enough", [(20, 1.0), (12, 0.1)], False),
    ]
    return [(what, *_sliced(rng, names, plan, one)) for what, plan, one in plans]


def _sliced(rng, names, plan, one_outcome):
    parts = []
    for place, (size, quality) in enumerate(plan):
        y = np.arange(size) % (3 + place) == 0
        if one_outcome and place == 2:
            y = np.zeros(size, dtype=bool)
        late = 1 / (1 + np.exp(-(rng.normal(0, 0.6, size) + quality * y + place - 1.5)))  # each with a level of its own
        parts.append((y, late, np.full(size, names[place], dtype="<U3")))
    order = rng.permutation(sum(size for size, _ in plan))
    return [np.concatenate(column)[order] for column in zip(*parts, strict=True)]


def probe_slice(answer, rng):
    return {"worst": [_name(answer(y.copy(), late.copy(), by.copy(), SMALLEST)) for _, y, late, by in slices(rng)]}


def _name(value):
    return str(value) if isinstance(value, str) else plain(value)


def auc_by_pairs(y, late):
    """The share of pairs in the right order, by brute force."""
    pairs = np.sign(late[y][:, None] - late[~y][None, :])
    return float(((pairs + 1) / 2).mean())


def worst(y, late, groups, *, smallest=SMALLEST, best=False, above=False, accuracy=False, share=False, first=False):
    """The oracle. Each keyword is a twist behind a misconception."""
    found = {}
    for name in sorted(set(groups.tolist())):
        rows = groups == name
        if rows.sum() < smallest + above or y[rows].all() or not y[rows].any():
            continue
        found[name] = auc_by_pairs(y[rows], late[rows])
        if accuracy:
            found[name] = float(((late[rows] >= 0.5) == y[rows]).mean())
        if share:
            found[name] = -float(y[rows].mean())
        if first:
            found[name] = float(rows.sum())
    return (max if best else min)(found, key=found.get) if found else None


SLICE_MISCONCEPTIONS = {
    "small slices count": (
        dict(smallest=1),
        f"Yours named a slice of fewer than {SMALLEST} flights, the `smallest` of the check. Its AUC says little: leave it out.",
    ),
    "more than, not at least": (
        dict(above=True),
        f"A slice of exactly {SMALLEST} flights counts when `smallest` is {SMALLEST}: at least, not more than.",
    ),
    "the best": (dict(best=True), "Yours names the slice with the highest AUC. The worst one has the lowest."),
    "accuracy": (
        dict(accuracy=True),
        "Yours compares how often late or not late was right. That depends on the share of late flights: compare AUCs.",
    ),
    "most late": (
        dict(share=True),
        "Yours names the slice with most late flights. Asked is where the model is worst: the lowest AUC.",
    ),
    "smallest slice": (dict(first=True), "Yours names the smallest slice that counts. Asked is the one with the lowest AUC."),
}


def judge_slice(evidence, rng):
    cases, got = slices(rng), evidence.get("worst")
    want = [worst(*case[1:]) for case in cases]
    if got == want:
        return passed()
    if not isinstance(got, list) or len(got) != len(want):
        return not_yet("The check could not read what yours returned: return a slice's name, or None.")
    for name, (twist, message) in SLICE_MISCONCEPTIONS.items():
        if got[:7] == [worst(*case[1:], **twist) for case in cases[:7]]:
            return not_yet(message, name)
    if got[:7] == want[:7]:
        return not_yet(f"Right where a slice counts. Where none does, return None; yours gives {got[7]!r}.", "none is none")
    (what, *_), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    return not_yet(f"In the case of {what} the name is {w!r}; yours gives {g!r}.")


# --- 41.3: the gate -----------------------------------------------------------------------------------------------------

PLANS = [  # what it is, flights, what each score knows (old, new), the noise that they share, the difference of the AUCs
    ("a much better model", 1500, 0.6, 1.3, 0.5, (0.05, 0.5)),
    ("a much worse model", 1500, 1.3, 0.6, 0.5, (-0.5, -0.05)),
    ("the same model", 800, 0.9, 0.9, 1.0, (0, 0)),
    ("a model that is ahead on few flights", 150, 0.8, 0.95, 0.3, (0.005, 0.05)),
    ("a model that is level on few flights", 150, 0.8, 0.82, 0.3, (-0.003, 0.005)),
    ("a model that is behind on few flights", 150, 0.95, 0.8, 0.3, (-0.06, -0.015)),
    ("a model that is a shade worse, on many flights", 2500, 0.907, 0.9, 0.9999, (-0.003, -0.001)),
    ("a model that loses more than the margin, on many flights", 2500, 0.95, 0.89, 0.9999, (-0.03, -0.01)),
    ("a model that wins a shade, on many flights", 2500, 0.9, 0.912, 0.9999, (0.0015, 0.004)),
    ("a model that wins for sure, on many flights", 2500, 0.9, 0.95, 0.9999, (0.010, 0.016)),
]
CLEAR = 0.35  # of half the interval: so far its ends lie from every border that could be meant


def comparisons(rng):
    """Cases with clear answers."""
    return [(what, *_clear(rng, *plan)) for what, *plan in PLANS]


def _clear(rng, n, old, new, shared, wanted):
    """Draw flights until the difference is as wanted and the interval's ends are far from every border."""
    for _ in range(400):
        y, common, own = rng.random(n) < 0.3, rng.normal(0, 1, n), rng.normal(0, 1, (2, n))
        scores = [np.sqrt(shared) * common + np.sqrt(1 - shared) * each for each in own]
        scores = [1 / (1 + np.exp(-(score + gain * y))) for score, gain in zip(scores, (new, old), strict=True)]
        difference, low, half = interval(y, *scores)
        gaps = [abs(end - border) for end in (low, low + 2 * half) for border in (-MARGIN, 0, MARGIN)]
        if wanted[0] <= difference <= wanted[1] and (half == 0 or min(gaps) > CLEAR * half):
            break
    return y, *scores


def interval(y, new, old, *, paired=True):
    """Difference of the AUCs, its low end and half its width: DeLong's formula, which needs no draws."""
    parts = [_placements(y, score) for score in (new, old)]
    difference = parts[0][0].mean() - parts[1][0].mean()
    if paired:
        variance = sum(np.var(a - b, ddof=1) / len(a) for a, b in zip(parts[0], parts[1], strict=True))
    else:
        variance = sum(np.var(each, ddof=1) / len(each) for part in parts for each in part)
    half = 1.96 * float(np.sqrt(variance))
    return float(difference), float(difference) - half, half


def _placements(y, score):
    """For each late flight the share of others below it, for each other the share of late ones above it; ties count half."""
    late, others = score[y], score[~y]

    def below(values, among):
        among = np.sort(among)
        return (np.searchsorted(among, values, "left") + np.searchsorted(among, values, "right")) / (2 * len(among))

    return below(late, others), 1 - below(others, late)


def decide(y, new, old, *, rule="low", paired=True, swapped=False):
    """The oracle. Each keyword is a twist behind a misconception."""
    difference, low, half = interval(y, *((old, new) if swapped else (new, old)), paired=paired)
    return bool(
        {
            "low": low > -MARGIN,
            "point": difference > -MARGIN,
            "higher": difference > 0,
            "must win": low > 0,
            "wins by the margin": low > MARGIN,
            "high": low + 2 * half > -MARGIN,
            "never": False,
            "always": True,
        }[rule]
    )


def probe_gate(answer, rng):
    return {"passes": [plain(answer(y.copy(), new.copy(), old.copy(), MARGIN)) for _, y, new, old in comparisons(rng)]}


GATE_MISCONCEPTIONS = {
    "always": (dict(rule="always"), "Yours lets every model through, also one that is much worse."),
    "never": (dict(rule="never"), "Yours lets no model through, also one that is much better."),
    "two numbers": (
        dict(rule="point"),
        "Yours compares two numbers: on 150 flights a difference near zero can be chance. Ask about the low end of the interval.",
    ),
    "higher wins": (
        dict(rule="higher"),
        "Yours asks only whether the AUC is higher. On few flights that is chance, and within the margin it need not be higher.",
    ),
    "must win": (
        dict(rule="must win"),
        "Yours asks the new model to be better for sure. It may lose up to the margin: low end above -margin, not above 0.",
    ),
    "sign of the margin": (
        dict(rule="wins by the margin"),
        "Yours asks the new model to win by the margin. It may lose that much: low end above -margin.",
    ),
    "high end": (
        dict(rule="high"),
        "Yours asks about the high end of the interval: what the model gains at best. Asked is what it loses at worst.",
    ),
    "unpaired": (
        dict(paired=False),
        "Your interval is too wide: it treats the two AUCs as if they came from different flights. Score both on the same draw.",
    ),
    "swapped": (dict(swapped=True), "Yours takes the champion for the new model. The arguments are y, new, old, margin."),
}


def judge_gate(evidence, rng):
    cases, got = comparisons(rng), evidence.get("passes")
    want = [decide(*case[1:]) for case in cases]
    if not isinstance(got, list) or len(got) != len(want):
        return not_yet("The check could not read what yours returned: return True or False.")
    odd = [value for value in got if not isinstance(value, bool)]
    if odd:
        return not_yet(f"Return True or False; yours gave {odd[0]!r}.", "no decision")
    if got == want:
        return passed()
    for name, (twist, message) in GATE_MISCONCEPTIONS.items():
        if got == [decide(*case[1:], **twist) for case in cases]:
            return not_yet(message, name)
    (what, *arrays), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    difference, low, half = interval(*arrays)
    told = f"difference {difference:+.4f}, interval {low:+.4f} to {low + 2 * half:+.4f}, margin {MARGIN}"
    return not_yet(f"For {what} ({told}) the gate says {w}; yours says {g}.")


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/41_why_ci_cd.ipynb"

QUESTIONS = {
    "41.1": Question(
        title="Was it delivered before?",
        probe=probe_seen,
        judge=judge_seen,
        hints=(
            "Four columns name a flight. Which of the flights of `current` have the same four in `previous`?",
            "A set of tuples: set(previous[columns].itertuples(index=False, name=None)); then look each flight of `current` up.",
            "Begin with: if current.empty: raise ValueError(...). End with: hits / len(current).",
        ),
        notebook=SOLUTION,
        misconceptions=("nothing looks fresh", *SEEN_MISCONCEPTIONS),
    ),
    "41.2": Question(
        title="The worst slice",
        probe=probe_slice,
        judge=judge_slice,
        hints=(
            "Go through np.unique(groups); rows = groups == name gives the flights of one slice.",
            "Leave a slice out if rows.sum() < smallest, or if y[rows] holds one outcome only.",
            "Keep the AUCs in a dict, name to AUC; min(aucs, key=aucs.get) names the lowest. An empty dict means None.",
        ),
        notebook=SOLUTION,
        misconceptions=("none is none", *SLICE_MISCONCEPTIONS),
    ),
    "41.3": Question(
        title="The gate",
        probe=probe_gate,
        judge=judge_gate,
        hints=(
            "modeling.compare_auc(y, new, old, n=200) returns new minus old: first on all flights, then on 200 draws.",
            "The low end of a 95% interval is the 2.5th percentile of the draws: np.nanpercentile(draws, 2.5).",
            "Compare that low end with -margin, and return a bool.",
        ),
        notebook=SOLUTION,
        misconceptions=("no decision", *GATE_MISCONCEPTIONS),
    ),
}
