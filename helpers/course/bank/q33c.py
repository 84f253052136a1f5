"""The questions of 33c, edge: eight bits, agreement by group, and which candidate may be released."""

import itertools
import math

import numpy as np

from helpers.course.evidence import describe, learners_line
from helpers.course.verdict import Question, not_yet, passed


def number(value):
    """A finite number as float, else None; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def raised(error):
    """What an answer raised and in which line, as text. What did not come from inside the answer is raised again."""
    place, _ = learners_line(error)
    if isinstance(error, NotImplementedError) or not place:
        raise error
    return f"{describe(error)[:120]} ({place if len(place) < 110 else place.partition(': ')[0]})"


# --- 33c.1: eight bits --------------------------------------------------------------------------------------------------


def ranges(rng):
    """Values, lowest and highest: around zero, above it, below it, of no width, and nothing to convert."""
    low, high = -float(rng.uniform(1, 3)), float(rng.uniform(5, 9))
    far = float(rng.uniform(10, 40))
    mixed = [0.0, low, high, *rng.uniform(low, high, 30), low - 0.4 * (high - low), high + 0.3 * (high - low)]
    return {
        "around zero": (list(map(float, mixed)), low, high),
        "above zero": ([0.0, *map(float, rng.uniform(far, far + 5, 20)), far + 20], far, far + 5.0),
        "below zero": ([0.0, *map(float, rng.uniform(-far - 5, -far, 20)), -far - 20], -far - 5.0, -far),
        "a part": ([0.5, 1.0, 2.0], -10.0 - far, 3.0),
        "no width": ([0.0, 0.0], 0.0, 0.0),
        "empty": ([], low, high),
    }


def probe_int8(answer, rng):
    found = {}
    for name, (values, low, high) in ranges(rng).items():
        try:
            found[name] = _parts(answer(np.array(values), low, high))
        except (ArithmeticError, ValueError, OverflowError) as error:
            found[name] = {"raised": type(error).__name__}
    try:
        answer(np.array([0.5, math.nan]), 0.0, 1.0)
        found["gap"] = "taken"
    except Exception as error:
        if isinstance(error, NotImplementedError):
            raise
        found["gap"] = "ValueError" if isinstance(error, ValueError) else type(error).__name__
    return found


def _parts(returned):
    try:
        codes, scale, zero_point = returned
    except (TypeError, ValueError):
        return {"type": type(returned).__name__}
    dtype = str(codes.dtype) if isinstance(codes, np.ndarray) else f"a {type(codes).__name__}"
    return {"dtype": dtype, "codes": _list(codes), "scale": _plain(scale), "zero_point": _plain(zero_point)}


def _list(codes):
    return codes.tolist() if isinstance(codes, np.ndarray) and codes.ndim == 1 and codes.dtype.kind in "iuf" else None


def _plain(value):
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else f"a {type(value).__name__}"


def line(low, high):
    """The oracle: scale, and the zero point before it is rounded."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255 if high > low else 1.0
    return scale, (-128 - low / scale if high > low else None)


def judge_int8(evidence, rng):
    cases = ranges(rng)
    for name in cases:
        told = evidence.get(name) if isinstance(evidence, dict) else None
        if not isinstance(told, dict):
            return not_yet("Nothing came back that could be read.")
        verdict = _judge_shape(name, told, cases[name]) or _judge_line(name, told, cases[name])
        if verdict:
            return verdict
        if not _placed(_nearest, told, cases[name]):
            return _judge_placing(evidence, cases) or _judge_codes(told, cases[name])
    if evidence.get("gap") != "ValueError":
        return not_yet(
            "One of the values was NaN, and it was given a code (or another exception). A gap has no code: raise ValueError.",
            "gap taken",
        )
    return passed()


def _judge_shape(name, told, case):
    values, low, high = case
    if "raised" in told:
        if name == "no width":
            return not_yet("With low = high = 0 there is no width to divide by: the scale is 1 then.", "no width")
        return not_yet(f"With {len(values)} values, low {low:.2f} and high {high:.2f} it raised {told['raised']}.")
    if "type" in told:
        return not_yet(f"Return three things: codes, scale, zero_point. Yours returned a {told['type']}.", "not three")
    if told.get("dtype") == "uint8":
        return not_yet("Your codes run from 0 to 255. Asked for is int8: -128 to 127.", "unsigned")
    if told.get("dtype") != "int8":
        return not_yet(f"The codes should be a numpy array of int8; yours are {told.get('dtype')}: not eight bits.", "not int8")
    codes = told.get("codes")
    if not isinstance(codes, list) or len(codes) != len(values) or any(number(code) is None for code in codes):
        return not_yet(f"{len(values)} values want one code a value, in one row: also what lies outside gets one.")
    return None


def _judge_line(name, told, case):
    """Scale and zero point."""
    values, low, high = case
    (want, exact), scale, zero_point = line(low, high), number(told.get("scale")), number(told.get("zero_point"))
    if name == "no width":
        return None if scale == 1 else not_yet("With low = high = 0 there is no width: the scale is 1 then.", "no width")
    if scale is None or not math.isclose(scale, want, rel_tol=1e-6):
        return _wrong_scale(told.get("scale"), scale, want, case)
    if zero_point is None or zero_point != int(zero_point):
        return not_yet(
            f"The zero point is a code, a whole number from -128 to 127; yours is {told.get('zero_point')!r:.40}. Round it.",
            "zero point not whole",
        )
    if abs(zero_point - exact) > 0.5 + 1e-6:
        return not_yet(
            f"With low {low:.3f} and high {high:.3f} the zero point is {exact:.2f} rounded, since low gets about -128; yours is "
            f"{zero_point:.0f}."
        )
    return None


def _wrong_scale(shown, scale, want, case):
    values, low, high = case
    near = [] if scale is None else [scale]
    if any(math.isclose(s, (high - low) / 255, rel_tol=1e-6) for s in near):
        message = f"The range {low:.2f} to {high:.2f} does not hold 0, so 0 has no code of its own. Widen it to hold 0 first."
        return not_yet(message, "zero left out")
    if any(math.isclose(s, want * 255 / 256, rel_tol=1e-6) for s in near):
        return not_yet("256 codes have 255 steps between them: divide the width by 255.", "256 steps")
    if any(math.isclose(s, max(abs(low), abs(high)) / 127, rel_tol=1e-6) for s in near):
        message = "Yours puts 0 in the middle, as for weights; then half of the codes may stand for nothing. Let low get -128 "
        return not_yet(message + "and high 127.", "symmetric")
    if values and any(math.isclose(s, np.ptp([0.0, *values]) / 255, rel_tol=1e-6) for s in near):
        message = "Your scale comes from the values at hand. It is fixed by low and high, before any value is seen."
        return not_yet(message, "range of the values")
    told = "no number" if scale is None else f"{scale:.6g}"
    return not_yet(f"With low {low:.3f} and high {high:.3f} the scale is {want:.6g} (one step); yours is {told} ({shown!r:.30}).")


def _nearest(value, scale, zero_point, low):
    """Where a value lies on the scale of codes, and how far its code may be from there: down, up."""
    return value / scale + zero_point, -0.5, 0.5


def _up_to_a_step(down, up, place=lambda value, scale, zero_point, low: value / scale + zero_point):
    return lambda *given: (place(*given), down, up)


def _towards_zero(value, scale, zero_point, low):
    return value / scale + zero_point, *((-1, 0) if value > 0 else (0, 1))


def _towards_code_zero(value, scale, zero_point, low):
    place = value / scale + zero_point
    return place, *((-1, 0) if place > 0 else (0, 1))


def _from_low(down, up):
    return _up_to_a_step(down, up, lambda value, scale, zero_point, low: (value - low) / scale - 128)


def _from_low_towards_zero(value, scale, zero_point, low):
    place = (value - low) / scale - 128
    return place, *((-1, 0) if place > 0 else (0, 1))


PLACINGS = {  # each a way to go wrong: where it puts a value among the codes
    "cut off": (
        [_up_to_a_step(-1, 0), _up_to_a_step(0, 1), _towards_zero, _towards_code_zero],
        "Codes are up to a whole step off: cut off to one side. Round to the nearest.",
    ),
    "counted from low": (
        [_from_low(-0.5, 0.5), _from_low(-1, 0), _from_low_towards_zero],
        "Yours counts the steps from `low`. No code lies exactly there, since the zero point is rounded: turned back by "
        "scale * (code - zero_point), some values are off by more than half a step. Count from 0: "
        "np.round(values / scale) + zero_point.",
    ),
    "counted from 0": (
        [_up_to_a_step(-0.5, 0.5, lambda value, scale, zero_point, low: (value - low) / scale)],
        "Yours counts the steps from `low` as from 0 to 255, and cuts off what is above 127. The zero point belongs to codes "
        "from -128: np.round(values / scale) + zero_point.",
    ),
    "zero point subtracted": (
        [_up_to_a_step(-0.5, 0.5, lambda value, scale, zero_point, low: value / scale - zero_point)],
        "Yours subtracts the zero point. From value = scale * (code - zero_point) follows code = value / scale + zero_point.",
    ),
    "zero point left out": (
        [
            _up_to_a_step(-0.5, 0.5, lambda value, scale, zero_point, low: value / scale),
            _up_to_a_step(-0.5, 0.5, lambda value, scale, zero_point, low: value / scale - 128),
        ],
        "The zero point that you return is left out of your codes (they count from 0 or from -128): the value 0 has to get "
        "the code zero_point. Add it to values / scale.",
    ),
}


def _placed(placing, told, case):
    """Whether the codes are those of that placing, clipped; at a tie either neighbour will do."""
    values, low, _ = case
    scale, zero_point = told["scale"], number(told.get("zero_point")) or 0
    for value, code in zip(values, told["codes"], strict=True):
        place, down, up = placing(value, scale, zero_point, min(low, 0.0))
        if not _clipped(place + down) - 1e-6 <= code <= _clipped(place + up) + 1e-6:
            return False
    return True


def _clipped(place):
    return min(max(place, -128), 127)


def _judge_placing(evidence, cases):
    """The verdict of the way that explains the codes of all cases; None if none does."""
    whole = {name: case for name, case in cases.items() if name not in ("no width", "empty")}
    if any(not isinstance(evidence.get(n), dict) or _judge_shape(n, evidence[n], c) for n, c in whole.items()):
        return None
    if any(_judge_line(n, evidence[n], c) for n, c in whole.items()):
        return None
    for name, (placings, message) in PLACINGS.items():
        if any(all(_placed(placing, evidence[n], c) for n, c in whole.items()) for placing in placings):
            return not_yet(message, name)
    return None


def _judge_codes(told, case):
    """What one value shows."""
    values, low, high = case
    scale, zero_point = told["scale"], number(told.get("zero_point")) or 0
    places = [value / scale + zero_point for value in values]
    offs = [code - _clipped(place) for place, code in zip(places, told["codes"], strict=True)]
    worst = max(range(len(offs)), key=lambda i: abs(offs[i]))
    where = f"{values[worst]:.4f}, with low {low:.3f} and high {high:.3f},"
    if abs(offs[worst]) > 1 and not -129 < places[worst] < 128:
        return not_yet(f"{where} lies outside, and its code is {told['codes'][worst]}: it wrapped around. Clip first.", "wraps")
    if 0.0 in values and told["codes"][values.index(0.0)] != zero_point:
        code = told["codes"][values.index(0.0)]
        return not_yet(f"The zero point is the code of 0. Yours is {zero_point:.0f}, and your code for 0 is {code}.")
    wanted = round(_clipped(places[worst]))
    return not_yet(f"{where} gets the code {wanted}; yours is {told['codes'][worst]}. The codes run from -128 to 127.")


# --- 33c.2: agreement by group ------------------------------------------------------------------------------------------

GROUPS = ("dry", "fog", "rain", "snow")
MEASURES = ("flights", "unanswered", "flipped", "auc_lost")


def answers_of(rng):
    """Flights of four groups: many ties, probabilities on the threshold, gaps; in snow all answered ones are late."""
    threshold = float(rng.choice([0.2, 0.3, 0.35]))
    late, original, device, group = [], [], [], []
    for name in GROUPS:
        n = int(rng.integers(24, 40))
        outcome = np.ones(n, dtype=bool) if name == "snow" else rng.permutation(np.arange(n) % 3 == 0)
        first = np.clip(np.round(0.25 + 0.2 * outcome + rng.normal(0, 0.15, n), 2), 0.05, 0.95)
        second = np.clip(np.round(first + rng.normal(0, 0.12, n), 2), 0.05, 0.95)
        for where in (first, second):
            where[rng.choice(n, 4, replace=False)] = threshold
        if name != "dry":
            second[rng.choice(n, 5, replace=False)] = math.nan
            second[np.flatnonzero(first < 0.2)[:2]] = math.nan
        if name == "snow":
            outcome[np.flatnonzero(np.isnan(second))[0]] = False
        for column, values in zip((late, original, device), (outcome, first, second), strict=True):
            column.extend(values.tolist())
        group.extend([name] * n)
    order = rng.permutation(len(late))
    columns = [np.array(values)[order] for values in (late, original, device, group)]
    return (*columns, threshold)


def probe_agreement(answer, rng):
    late, original, device, group, threshold = answers_of(rng)
    try:
        report = answer(late.copy(), original.copy(), device.copy(), group.copy(), threshold)
    except Exception as error:
        return {"raised": raised(error)}
    if not isinstance(report, dict):
        return {"type": type(report).__name__}
    return {"report": {str(name): _row(row) for name, row in report.items()}}


def _row(row):
    if not isinstance(row, dict):
        return f"a {type(row).__name__}"
    return {str(key): None if value is None else _plain(value) for key, value in row.items()}


def auc(late, score):
    """By counting pairs: of a late flight and one on time, how often the late one has more; ties count half."""
    pairs = [(a, b) for (x, a), (y, b) in itertools.product(zip(late, score, strict=True), repeat=2) if x and not y]
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs) if pairs else None


def report_of(
    case, *, above=False, gap="flipped", filled=False, same=True, sign=1, decided=False, one=None, count=False
):  # each keyword is a twist
    late, original, device, group, threshold = case
    called = np.greater if above else np.greater_equal
    device = np.nan_to_num(device) if filled else device
    report = {}
    for name in GROUPS:
        here = group == name
        there = here & ~np.isnan(device)
        changed = called(original, threshold) != called(device, threshold)
        changed = changed | np.isnan(device) if gap == "flipped" else changed
        counted = there if gap == "out" else here
        base = there if same else here
        score = (original >= threshold, device >= threshold) if decided else (original, device)
        aucs = auc(late[base], score[0][base]), auc(late[there], score[1][there])
        flipped = float(changed[counted].sum() if count else changed[counted].mean())
        lost = one if None in aucs else sign * (aucs[0] - aucs[1])
        report[name] = dict(zip(MEASURES, (int(here.sum()), int((here & ~there).sum()), flipped, lost), strict=True))
    return report


AGREEMENT_MISCONCEPTIONS = {
    "above, not from": (dict(above=True), "A flight exactly on the threshold is called late: from it on, not above it."),
    "a gap is not late": (
        dict(gap="not late"),
        "NaN >= threshold is False, so a flight without an answer passed for 'not late'. It counts as flipped in any case.",
    ),
    "gaps left out": (
        dict(gap="out"),
        "Your share of flipped flights leaves out those without an answer. They count as flipped, out of all of the group.",
    ),
    "gaps filled": (
        dict(filled=True),
        "A gap was filled with a number and passed for an answer. Count it as unanswered, and leave it out of both AUCs.",
    ),
    "other flights": (
        dict(same=False),
        "The two AUCs are of different flights: the original's of all, the device's of the answered. Take the answered for both.",
    ),
    "gained, not lost": (dict(sign=-1), "The sign is the other way round: lost is the original's AUC minus the device's."),
    "AUC of decisions": (dict(decided=True), "Your AUC is of the decisions. Take it of the probabilities."),
    "a count, not a share": (dict(count=True), "`flipped` is a share, 0 to 1; yours counts flights."),
    "one outcome": (
        dict(one="any"),
        "In snow all answered flights were late, so there is no AUC and nothing to lose: auc_lost is None there.",
    ),
}


def judge_agreement(evidence, rng):
    case = answers_of(rng)
    if isinstance(evidence, dict) and "raised" in evidence:
        told = f"yours raised {evidence['raised']!s:.240}."
        if "NaN" in told:
            told += " There is NaN in `device` where it gave no answer: take both AUCs of the answered flights."
        return not_yet(
            f"With four groups of flights, some without an answer and one with all answered ones late, {told}", "raises"
        )
    report = evidence.get("report") if isinstance(evidence, dict) else None
    if not isinstance(report, dict):
        told = evidence.get("type") if isinstance(evidence, dict) else "something else"
        return not_yet(f"Return a dict: group to its four numbers. Yours returned a {told}.", "no dict")
    if set(report) != set(GROUPS):
        names = ", ".join(sorted(report))[:80] or "none"
        return not_yet(f"The groups are {', '.join(GROUPS)}; your report's keys are {names}.", "other groups")
    for name, row in report.items():
        if not isinstance(row, dict) or set(row) != set(MEASURES):
            told = ", ".join(row) if isinstance(row, dict) else row
            return not_yet(f"Of each group tell {', '.join(MEASURES)} in a dict; for {name} there is {told!s:.80}.", "keys")
    want = report_of(case)
    if _same(report, want):
        return passed()
    for name, (twist, message) in AGREEMENT_MISCONCEPTIONS.items():
        if _same(report, report_of(case, **twist)):
            return not_yet(message, name)
    name, key = next((g, k) for g in GROUPS for k in MEASURES if not _close(report[g][k], want[g][k]))
    return not_yet(f"In the group {name!r}, {key} is {_shown(want[name][key])}; yours is {_shown(report[name][key])}.")


def _same(report, want):
    return all(_close(report[name].get(key), value) for name, row in want.items() for key, value in row.items())


def _close(got, want):
    if want == "any":  # some number where there is none
        return isinstance(got, float) or isinstance(got, int)
    if want is None:
        return got is None
    return number(got) is not None and abs(number(got) - want) <= 1e-6


def _shown(value):
    return f"{value:.4f}" if isinstance(value, float) else repr(value)[:40]


# --- 33c.3: which may be released ---------------------------------------------------------------------------------------


def situations(rng):
    """Candidates and a gate; each twist of `chosen` differs in at least one of them."""
    lost, change, time = 0.005, round(float(rng.uniform(0.1, 0.3)), 3), round(float(rng.uniform(20, 60)), 1)
    gate = {"auc_lost": lost, "largest_change": change, "microseconds": time}
    sizes = np.sort(rng.choice(np.arange(5, 90), 4, replace=False)).tolist()

    def four(*changes, order=(2, 0, 3, 1)):
        made = []
        for i, size in enumerate(sizes):
            good = {"auc_lost": lost / 2 - i * lost / 10, "largest_change": change / 2, "microseconds": time * (0.5 + i / 10)}
            row = {"name": f"candidate {'ABCD'[i]}", "kB": size, **good} | (changes[i] if i < len(changes) else {})
            made.append({key: value for key, value in row.items() if value != "absent"})
        return [made[i] for i in order]

    bad = {"auc_lost": 4 * lost}
    return {
        "the smallest loses too much": (four(bad), gate),
        "exactly on the limits": (four(dict(gate)), gate),
        "a measure is absent": (four({"largest_change": "absent"}), gate),
        "a measure is None": (four({"microseconds": None}), gate),
        "a measure is NaN": (four({"auc_lost": math.nan}), gate),
        "it gained": (four({"auc_lost": -5 * lost}), gate),
        "equally small": (four({}, {"kB": sizes[0], "auc_lost": lost / 5}, order=(3, 0, 1, 2)), gate),
        "equally small, turned": (four({"auc_lost": lost / 5}, {"kB": sizes[0], "auc_lost": lost / 2}, order=(1, 3, 0, 2)), gate),
        "one measure each": (four({"largest_change": 3 * change}, {"microseconds": 2 * time}, bad), gate),
        "a gate on size": (
            four({"flipped": 0.5}, {"flipped": 0.1}, {"flipped": 0.01}, {"flipped": 0.0}),
            {"flipped": 0.02, "kB": sizes[3]},
        ),
        "none fits": (four(bad, bad, bad, bad), gate),
        "no candidates": ([], gate),
    }


def probe_choose(answer, rng):
    found = {}
    for what, (candidates, gate) in situations(rng).items():
        try:
            name = answer([dict(c) for c in candidates], dict(gate))
        except Exception as error:
            found[what] = {"raised": raised(error)}
            continue
        found[what] = name if name is None or isinstance(name, str) else f"<a {type(name).__name__}>"
    return found


def chosen(
    candidates, gate, *, under=False, gains=True, missing=False, nan=False, anyway=False, only=None, key="size", any_of=False
):
    """The oracle: by ruling out. Each keyword is a twist behind a misconception."""
    left = []
    for candidate in candidates:
        told = []
        for measure, most in gate.items():
            if only and measure != only:
                continue
            value = candidate.get(measure)
            if value is None:
                told.append(missing)
            elif math.isnan(value):
                told.append(missing or nan)
            else:
                value = value if gains else abs(value)
                told.append(value < most if under else value <= most)
        if (any if any_of else all)(told):
            left.append(candidate)
    left = left or (candidates if anyway else [])
    keys = {
        "size": lambda c: (c["kB"], c["auc_lost"]),
        "kB": lambda c: c["kB"],
        "largest": lambda c: -c["kB"],
        "auc": lambda c: c["auc_lost"],
        "first": lambda c: 0,
    }
    return min(left, key=keys[key])["name"] if left else None


CHOOSE_MISCONCEPTIONS = {
    "under, not up to": (dict(under=True), "A value exactly on its limit is allowed: up to it, not under it."),
    "gains refused": (
        dict(gains=False),
        "A negative auc_lost is a gain, and no reason to refuse. Do not take its absolute value.",
    ),
    "unmeasured passes": (
        dict(missing=True),
        "A candidate whose measure is absent, None or NaN got through. What was not measured was not shown to be good: it fails.",
    ),
    "NaN passes": (
        dict(nan=True),
        "A candidate with NaN got through: NaN > limit is False. Ask whether the value is within the limit.",
    ),
    "released anyway": (dict(anyway=True), "None was within the gate, and yours released one anyway. Return None."),
    "any limit": (dict(any_of=True), "Yours takes a candidate that keeps one of the limits. It has to keep all of them."),
    "only the AUC": (
        dict(only="auc_lost"),
        "Yours looks at auc_lost alone. The gate names what counts, and may name other measures.",
    ),
    "best, not smallest": (
        dict(key="auc"),
        "Yours takes the one with the least AUC lost. Of those that pass, the smallest is wanted.",
    ),
    "largest": (dict(key="largest"), "Yours takes the largest file of those that pass. The smallest is wanted."),
    "the first that fits": (dict(key="first"), "Yours takes the first that passes. The smallest of them is wanted."),
    "ties": (dict(key="kB"), "Of two equally small ones, take the one that loses less AUC."),
}


NOT_SHOWN = "It was not shown to be good: the candidate is out, and the others are still looked at."
RAISED = {  # in which situation: what was special about it
    "a measure is absent": "There a candidate lacks a measure of the gate; candidate.get(measure) is None then. " + NOT_SHOWN,
    "a measure is None": "There a measure of a candidate is None, which cannot be compared with a number. " + NOT_SHOWN,
    "a measure is NaN": "There a measure of a candidate is NaN. " + NOT_SHOWN,
    "a gate on size": "The gate names what counts, and here it names other measures than before: go through gate.items().",
    "none fits": "There nobody is left after the gate: return None before you take the smallest.",
    "no candidates": "There nobody is left, since nobody came: return None before you take the smallest.",
}


def _judge_raised(cases, got):
    what = next((what for what in cases if isinstance(got.get(what), dict)), None)
    if what is None:
        return None
    (candidates, gate), told = cases[what], str(got[what].get("raised"))[:240]
    special = RAISED.get(what, f"The candidates were {len(candidates)}, the gate {gate}.")
    return not_yet(f"In the case '{what}' yours raised {told}. {special}", "raises")


def judge_choose(evidence, rng):
    cases = situations(rng)
    got = evidence if isinstance(evidence, dict) else {}
    failed = _judge_raised(cases, got)
    if failed:
        return failed
    want = {what: chosen(*case) for what, case in cases.items()}
    if got == want:
        return passed()
    odd = next((value for value in got.values() if isinstance(value, str) and value.startswith("<a ")), None)
    if odd:
        return not_yet(f"Return the candidate's name, a text (or None); yours returned {odd[1:-1]}.", "not a name")
    for name, (twist, message) in CHOOSE_MISCONCEPTIONS.items():
        if got == {what: chosen(*case, **twist) for what, case in cases.items()}:
            return not_yet(message, name)
    smallest = {what: min(c, key=lambda row: row["kB"])["name"] if c else None for what, (c, _) in cases.items()}
    if [got.get(what) for what in cases if what[:5] != "equal"] == [smallest[what] for what in cases if what[:5] != "equal"]:
        return not_yet("Yours takes the smallest, whatever the gate says. First rule out what is not within it.", "no gate")
    empty = ("none fits", "no candidates")
    if all(got.get(what) == want[what] for what in cases if what not in empty):
        return not_yet(
            f"Right where one passes. Where none does, return None; yours gave {got.get(empty[0])!r:.40}.", "none is None"
        )
    what = next(what for what in cases if got.get(what) != want[what])
    return not_yet(f"In the case '{what}' it should be {want[what]!r}; yours gave {got.get(what)!r:.40}.")


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/33c_edge.ipynb"

QUESTIONS = {
    "33c.1": Question(
        title="Eight bits",
        probe=probe_int8,
        judge=judge_int8,
        hints=(
            "First widen the range to hold 0: low = min(low, 0.0), high = max(high, 0.0). It has 255 steps.",
            "zero_point = round(-128 - low / scale): the code that means 0, such that low gets about -128.",
            "np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8): int8 last of all.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "zero left out", "256 steps", "symmetric", "wraps", "unsigned", "not int8", "zero point not whole",
            "gap taken", "no width", "not three", "range of the values", *PLACINGS,
        ),
    ),
    "33c.2": Question(
        title="Where does it hurt?",
        probe=probe_agreement,
        judge=judge_agreement,
        hints=(
            "Group by group: `here = group == name`, and of these `there = here & ~np.isnan(device)`.",
            "A flight flips if the decisions differ or the device gave no answer; the share is of all flights of the group.",
            "Both AUCs are of the answered flights: roc_auc_score(late[there], original[there]) minus the same of device; None "
            "unless both outcomes occur among them.",
        ),
        notebook=SOLUTION,
        misconceptions=("raises", "no dict", "other groups", "keys", *AGREEMENT_MISCONCEPTIONS),
    ),
    "33c.3": Question(
        title="Which one may be released?",
        probe=probe_choose,
        judge=judge_choose,
        hints=(
            "Two steps: first who passes the gate, then who of these is the smallest.",
            "value is not None and value <= most is False for None and for NaN; candidate.get(measure) is None where absent.",
            "min(passing, key=lambda c: (c['kB'], c['auc_lost']))['name'], and None where nobody passes.",
        ),
        notebook=SOLUTION,
        misconceptions=("raises", "not a name", "no gate", "none is None", *CHOOSE_MISCONCEPTIONS),
    ),
}  # fmt: skip
