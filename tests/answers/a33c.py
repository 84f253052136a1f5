"""Answers to the questions of 33c, edge."""

import math

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from tests.answers import Answers, Wrong

# --- 33c.1 --------------------------------------------------------------------------------------------------------------


def to_int8(values, low, high):
    values = np.asarray(values, dtype=float)
    if np.isnan(values).any():
        raise ValueError("a gap has no code")
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255 or 1.0
    zero_point = round(-128 - low / scale) if high > low else 0
    return np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8), scale, zero_point


def to_int8_by_loop(values, low, high):
    low, high = (low if low < 0 else 0), (high if high > 0 else 0)
    scale = 1 if low == high else (high - low) / 255
    zero_point = max(-128, min(127, math.floor(-128 - low / scale + 0.5)))
    codes = np.zeros(len(values), dtype="int8")
    for place, value in enumerate(values):
        if math.isnan(value):
            raise ValueError(f"value {place} is missing")
        codes[place] = max(-128, min(127, math.floor(value / scale + 0.5) + zero_point))
    return codes, scale, zero_point


def to_int8_clips_first(values, low, high):
    if pd.isna(pd.Series(values, dtype=float)).any():
        raise ValueError
    low, high = np.float64(min(low, 0)), np.float64(max(high, 0))
    scale = np.float64(1.0) if high == low else (high - low) / np.float64(255)
    zero_point = np.int64(np.rint(-128 - low / scale))
    inside = np.clip(np.asarray(values, dtype=float), low, high)
    return [np.clip(np.rint(inside / scale + zero_point), -128, 127).astype(np.int8), scale, zero_point]


def to_int8_by_thresholds(values, low, high):
    codes, scale, zero_point = to_int8([0.0], low, high)
    points = scale * (np.arange(-128, 128) - zero_point)
    nearest = [int(np.argmin(abs(points - value))) - 128 for value in np.asarray(values, dtype=float)]
    if any(value != value for value in values):
        raise ValueError("NaN")
    return np.array(nearest, dtype=np.int8), scale, zero_point


def int8_with(
    *,
    widen=True,
    steps=255,
    rounding=np.round,
    symmetric=False,
    wraps=False,
    first=-128,
    dtype=np.int8,
    whole=round,
    gaps=ValueError,
    guard=True,
    order=lambda codes, scale, zero_point: (codes, scale, zero_point),
):
    """Right as it stands; each keyword is a way to go wrong."""

    def convert(values, low, high):
        values = np.asarray(values, dtype=float)
        if np.isnan(values).any() and gaps:
            raise gaps("a gap")
        values = np.nan_to_num(values)
        low, high = (min(low, 0.0), max(high, 0.0)) if widen else (low, high)
        scale = (high - low) / steps
        if guard:
            scale = scale or 1.0
        zero_point = whole(first - low / scale) if high > low else 0
        if symmetric:
            scale, zero_point = max(abs(low), abs(high)) / 127 or 1.0, 0
        codes = rounding(values / scale) + zero_point
        codes = (codes.astype(np.int64) - first) % 256 + first if wraps else np.clip(codes, first, first + 255)
        return order(codes.astype(dtype), scale, zero_point)

    return convert


def int8_visible(values, low, high):
    return np.array([-128, -28, 127], dtype=np.int8), 0.01, -128


def int8_scale_of_values(values, low, high):
    values = np.asarray(values, dtype=float)
    return to_int8(values, values.min(initial=0), values.max(initial=0))


def int8_drops_outside(values, low, high):
    values = np.asarray(values, dtype=float)
    return to_int8(values[~((values < min(low, 0)) | (values > max(high, 0)))], low, high)


def int8_narrow(values, low, high):
    codes, scale, zero_point = to_int8(values, low, high)
    return np.clip(codes, -127, 127), scale, zero_point


def int8_placed(place):
    """All as it should be but for the place of a value on the scale: `place(values, scale, zero_point, low)`."""

    def convert(values, low, high):
        _, scale, zero_point = to_int8(values, low, high)
        codes = place(np.asarray(values, dtype=float), scale, zero_point, min(low, 0.0))
        return np.clip(codes, -128, 127).astype(np.int8), scale, zero_point

    return convert


# --- 33c.2 --------------------------------------------------------------------------------------------------------------


def agreement(late, original, device, group, threshold):
    table = pd.DataFrame({"late": late, "original": original, "device": device, "group": group})
    report = {}
    for name, rows in table.groupby("group"):
        answered = rows.dropna(subset="device")
        flipped = ((rows["original"] >= threshold) != (rows["device"] >= threshold)) | rows["device"].isna()
        lost = None
        if answered["late"].nunique() == 2:
            lost = roc_auc_score(answered["late"], answered["original"]) - roc_auc_score(answered["late"], answered["device"])
        report[name] = {
            "flights": len(rows), "unanswered": len(rows) - len(answered), "flipped": flipped.mean(), "auc_lost": lost,
        }  # fmt: skip
    return report


def _auc_by_ranks(late, score):
    ranks, n = pd.Series(score).rank().to_numpy(), int(sum(late))
    return (ranks[np.asarray(late, bool)].sum() - n * (n + 1) / 2) / (n * (len(late) - n))


def agreement_by_numpy(late, original, device, group, threshold):
    late, original, device, group = map(np.asarray, (late, original, device, group))
    report = {}
    for name in dict.fromkeys(group.tolist()):
        here = group == name
        there = here & ~np.isnan(device)
        agrees = there & ((original >= threshold) == (device >= threshold))
        report[name] = dict(flights=int(here.sum()), unanswered=int((here & ~there).sum()), auc_lost=None)
        report[name]["flipped"] = 1 - agrees.sum() / here.sum()
        if late[there].any() and not late[there].all():
            aucs = [_auc_by_ranks(late[there], score[there]) for score in (original, device)]
            report[name]["auc_lost"] = aucs[0] - aucs[1]
    return report


def agreement_by_loop(late, original, device, group, threshold):
    report = {}
    for name in sorted(set(group), reverse=True):
        rows = [row[:3] for row in zip(late, original, device, group, strict=True) if row[3] == name]
        answered = [row for row in rows if not math.isnan(row[2])]
        pairs = [(a, b) for a in answered if a[0] for b in answered if not b[0]]
        wins = [sum((a[k] > b[k]) + (a[k] == b[k]) / 2 for a, b in pairs) for k in (1, 2)]
        changed = sum((o >= threshold) != (d >= threshold) for _, o, d in answered) + len(rows) - len(answered)
        report[name] = {
            "auc_lost": (wins[0] - wins[1]) / len(pairs) if pairs else None,
            "flipped": changed / len(rows),
            "flights": np.int64(len(rows)),
            "unanswered": len(rows) - len(answered),
        }
    return report


def agreement_with(
    *,
    late_from=lambda p, threshold: p >= threshold,
    gaps="flipped",
    same=True,
    sign=1,
    decided=False,
    one=None,
    overall=False,
    share=True,
    filled=False,
    keys=("flights", "unanswered", "flipped", "auc_lost"),
    wrap=lambda report: report,
):
    """Right as it stands; each keyword is a way to go wrong."""

    def auc(late, score):
        return roc_auc_score(late, score) if len(set(late)) == 2 else None

    def report(late, original, device, group, threshold):
        table = pd.DataFrame({"late": late, "original": original, "device": device, "group": group})
        if filled:
            table["device"] = table["device"].fillna(0.0)
        result = {}
        for name, rows in [("all", table)] if overall else table.groupby("group"):
            there = rows["device"].notna()
            changed = late_from(rows["original"], threshold) != late_from(rows["device"], threshold)
            changed = changed | ~there if gaps == "flipped" else changed[there] if gaps == "out" else changed
            found, lost = rows[there], one
            first = found if same else rows
            if found["late"].nunique() == 2:
                scores = found["device"] >= threshold if decided else found["device"]
                before = first["original"] >= threshold if decided else first["original"]
                lost = sign * (auc(first["late"], before) - auc(found["late"], scores))
            values = (len(rows), int((~there).sum()), changed.mean() if share else changed.sum(), lost)
            result[name] = dict(zip(keys, values, strict=False))
        return wrap(result)

    return report


def agreement_if_the_group_has_both(late, original, device, group, threshold):
    """Asks for both outcomes in the whole group, not among the answered."""
    report = agreement(late, original, device, group, threshold)
    both = {name: len(set(np.asarray(late)[np.asarray(group) == name])) == 2 for name in report}
    return {
        name: row | {"auc_lost": 0.0 if row["auc_lost"] is None and both[name] else row["auc_lost"]}
        for name, row in report.items()
    }


def agreement_of_all(late, original, device, group, threshold):
    return {
        name: {
            "auc_lost": roc_auc_score(late[group == name], original[group == name])
            - roc_auc_score(late[group == name], device[group == name])
        }
        for name in np.unique(group)
    }


def agreement_nothing(late, original, device, group, threshold):
    return {}


def agreement_in_probabilities(late, original, device, group, threshold):
    report = agreement(late, original, device, group, threshold)
    distance = pd.Series(abs(np.asarray(original) - np.asarray(device))).groupby(np.asarray(group)).mean()
    return {name: row | {"flipped": float(distance[name])} for name, row in report.items()}


# --- 33c.3 --------------------------------------------------------------------------------------------------------------


def choose(candidates, gate):
    def fits(candidate):
        values = [candidate.get(measure) for measure in gate]
        return all(value is not None and value <= most for value, most in zip(values, gate.values(), strict=True))

    fitting = sorted((c for c in candidates if fits(c)), key=lambda c: (c["kB"], c["auc_lost"]))
    return fitting[0]["name"] if fitting else None


def choose_by_loop(candidates, gate):
    best = None
    for candidate in candidates:
        for measure, most in gate.items():
            value = candidate.get(measure)
            if value is None or math.isnan(value) or value > most:
                break
        else:
            if best is None or (candidate["kB"], candidate["auc_lost"]) < (best["kB"], best["auc_lost"]):
                best = candidate
    return best and best["name"]


def choose_by_table(candidates, gate):
    table = pd.DataFrame(candidates).reindex(
        columns=["name", "kB", "auc_lost", *[m for m in gate if m not in ("kB", "auc_lost")]]
    )
    for measure, most in gate.items():
        table = table[pd.to_numeric(table[measure]) <= most]
    return None if table.empty else table.sort_values(["kB", "auc_lost"])["name"].iloc[0]


def choose_with(
    *,
    within=lambda value, most: value <= most,
    unmeasured=False,
    key=lambda c: (c["kB"], c["auc_lost"]),
    anyway=False,
    only=None,
    none=None,
    give=lambda c: c["name"],
    any_of=False,
):
    """Right as it stands; each keyword is a way to go wrong."""

    def fits(candidate, gate):
        told = []
        for measure, most in gate.items():
            value = candidate.get(measure)
            missing = value is None or value != value
            told.append(unmeasured if missing else within(value, most))
        return any(told) if any_of else all(told)

    def pick(candidates, gate):
        gate = {m: most for m, most in gate.items() if only is None or m in only}
        fitting = [c for c in candidates if fits(c, gate)]
        if anyway and not fitting:
            fitting = list(candidates)
        if not fitting:
            return none
        return give(min(fitting, key=key) if key else fitting[0])

    return pick


def choose_smallest(candidates, gate):
    return min(candidates, key=lambda c: c["kB"])["name"] if candidates else None


def choose_last(candidates, gate):
    return choose_with(key=None)(candidates[::-1], gate)


def choose_nan_slips(candidates, gate):
    """`value > most` refuses, and NaN is never greater; what is absent is refused."""
    fitting = [c for c in candidates if not any(c.get(m) is None or c[m] > most for m, most in gate.items())]
    return min(fitting, key=lambda c: (c["kB"], c["auc_lost"]))["name"] if fitting else None


def choose_by_brackets(candidates, gate):
    """Expects every measure of the gate in every candidate."""
    fitting = [c for c in candidates if all(c[m] is not None and c[m] <= most for m, most in gate.items())]
    return min(fitting, key=lambda c: (c["kB"], c["auc_lost"]))["name"] if fitting else None


def choose_compares_none(candidates, gate):
    fitting = [c for c in candidates if all(m in c and c[m] <= most for m, most in gate.items())]
    return min(fitting, key=lambda c: (c["kB"], c["auc_lost"]))["name"] if fitting else None


def choose_of_nothing(candidates, gate):
    return min((c for c in candidates if choose([c], gate)), key=lambda c: (c["kB"], c["auc_lost"]))["name"]


def choose_default(candidates, gate):
    return min((c for c in candidates if choose([c], gate)), key=lambda c: c["kB"], default=None)["name"]


def choose_by_known_measures(candidates, gate):
    fitting = [c for c in candidates if choose([c], {m: gate[m] for m in ("auc_lost", "largest_change", "microseconds")})]
    return choose(fitting, gate)


def choose_complains(candidates, gate):
    for c in candidates:
        if any(c.get(m) is not None and math.isnan(c[m]) for m in gate):
            raise ValueError(f"{c['name']} was not measured")
    return choose(candidates, gate)


def choose_breaks(candidates, gate):
    return candidates[0]["nome"]


def choose_all_names(candidates, gate):
    return [c["name"] for c in candidates if choose([c], gate)]


ANSWERS = {
    "33c.1": Answers(
        right=[to_int8, to_int8_by_loop, to_int8_clips_first, to_int8_by_thresholds, int8_with()],
        wrong=[
            Wrong(int8_with(widen=False), "zero left out"),
            Wrong(int8_with(steps=256), "256 steps"),
            Wrong(int8_with(symmetric=True), "symmetric"),
            Wrong(int8_with(wraps=True), "wraps"),
            Wrong(int8_with(rounding=np.floor), "cut off"),
            Wrong(int8_with(rounding=np.trunc), "cut off"),
            Wrong(int8_with(rounding=np.ceil), "cut off"),
            Wrong(int8_with(first=0, dtype=np.uint8), "unsigned"),
            Wrong(int8_with(dtype=np.int64), "not int8"),
            Wrong(int8_with(dtype=float), "not int8"),
            Wrong(int8_with(whole=float), "zero point not whole"),
            Wrong(int8_with(gaps=None), "gap taken"),
            Wrong(int8_with(gaps=TypeError), "gap taken"),
            Wrong(int8_with(guard=False), "no width"),
            Wrong(int8_with(order=lambda codes, scale, zero_point: codes), "not three"),
            Wrong(int8_with(order=lambda codes, scale, zero_point: (codes, zero_point, scale)), says="scale"),
            Wrong(int8_with(order=lambda codes, scale, zero_point: (codes, 1 / scale, zero_point)), says="scale"),
            Wrong(int8_with(order=lambda codes, scale, zero_point: (codes, scale, "-128")), "zero point not whole"),
            Wrong(int8_with(order=lambda codes, scale, zero_point: (codes, "small", zero_point))),
            Wrong(int8_with(order=lambda codes, scale, zero_point: (["?"] * len(codes), scale, zero_point)), "not int8"),
            Wrong(int8_with(whole=lambda zero_point: round(zero_point) + 1), says="zero point"),
            Wrong(
                int8_placed(lambda v, scale, zero, low: np.round((v - low) / scale) - 128),
                "counted from low",
                says="Count from 0",
            ),
            Wrong(int8_placed(lambda v, scale, zero, low: np.round((v - low) / scale - 128)), "counted from low"),
            Wrong(int8_placed(lambda v, scale, zero, low: np.floor((v - low) / scale) - 128), "counted from low"),
            Wrong(int8_placed(lambda v, scale, zero, low: (v - low) / scale - 128), "counted from low"),
            Wrong(int8_placed(lambda v, scale, zero, low: v / scale + zero), "cut off"),
            Wrong(
                int8_placed(lambda v, scale, zero, low: np.round(v / scale) - zero), "zero point subtracted", says="+ zero_point"
            ),
            Wrong(int8_placed(lambda v, scale, zero, low: np.round(v / scale)), "zero point left out", says="left out"),
            Wrong(int8_placed(lambda v, scale, zero, low: np.round(v / scale) - 128), "zero point left out", says="-128"),
            Wrong(int8_placed(lambda v, scale, zero, low: np.round((v - low) / scale)), "counted from 0", says="from 0 to 255"),
            Wrong(int8_placed(lambda v, scale, zero, low: np.round(v / scale) + zero + 1), says="the code of 0"),
            Wrong(int8_visible),
            Wrong(int8_scale_of_values, "range of the values"),
            Wrong(int8_drops_outside, says="one code a value"),
            Wrong(int8_narrow, says="127"),
        ],
    ),
    "33c.2": Answers(
        right=[agreement, agreement_by_numpy, agreement_by_loop, agreement_with()],
        wrong=[
            Wrong(agreement_with(late_from=lambda p, threshold: p > threshold), "above, not from"),
            Wrong(agreement_with(gaps="not late"), "a gap is not late"),
            Wrong(agreement_with(gaps="out"), "gaps left out"),
            Wrong(agreement_with(filled=True), "gaps filled"),
            Wrong(agreement_with(same=False), "other flights"),
            Wrong(agreement_with(sign=-1), "gained, not lost"),
            Wrong(agreement_with(decided=True), "AUC of decisions"),
            Wrong(agreement_with(one=0.0), "one outcome"),
            Wrong(agreement_with(one=math.nan), "one outcome"),
            Wrong(agreement_with(overall=True), "other groups"),
            Wrong(agreement_with(share=False), "a count, not a share"),
            Wrong(agreement_with(keys=("flights", "unanswered", "flipped")), "keys"),
            Wrong(agreement_with(keys=("n", "unanswered", "flipped", "auc_lost")), "keys"),
            Wrong(agreement_with(wrap=lambda report: pd.DataFrame(report)), "no dict"),
            Wrong(agreement_with(wrap=lambda report: list(report.items())), "no dict"),
            Wrong(agreement_with(wrap=lambda report: dict.fromkeys(report, 0.5)), "keys"),
            Wrong(agreement_with(wrap=lambda report: {n: dict.fromkeys(row, "?") for n, row in report.items()})),
            Wrong(agreement_with(wrap=lambda report: {n: row | {"flights": 20} for n, row in report.items()}), says="flights"),
            Wrong(agreement_with(wrap=lambda report: {n: row | {"unanswered": 0} for n, row in report.items()})),
            Wrong(lambda late, original, device, group, threshold: agreement(late, original, device, group, 0.25)),
            Wrong(agreement_if_the_group_has_both, "one outcome"),
            Wrong(agreement_nothing, "other groups"),
            Wrong(agreement_of_all, "raises", says="NaN in `device`"),
            Wrong(lambda late, original, device, group, threshold: {late[0]: group["rain"]}, "raises", says="raised IndexError"),
            Wrong(agreement_in_probabilities, says="flipped"),
        ],
    ),
    "33c.3": Answers(
        right=[choose, choose_by_loop, choose_by_table, choose_with()],
        wrong=[
            Wrong(choose_with(within=lambda value, most: value < most), "under, not up to"),
            Wrong(choose_with(within=lambda value, most: abs(value) <= most), "gains refused"),
            Wrong(choose_with(unmeasured=True), "unmeasured passes"),
            Wrong(choose_nan_slips, "NaN passes"),
            Wrong(choose_with(key=lambda c: c["auc_lost"]), "best, not smallest"),
            Wrong(choose_with(key=lambda c: c["microseconds"])),
            Wrong(choose_with(key=lambda c: -c["kB"]), "largest"),
            Wrong(choose_with(key=lambda c: c["kB"]), "ties"),
            Wrong(choose_with(key=None), "the first that fits"),
            Wrong(choose_with(anyway=True), "released anyway"),
            Wrong(choose_with(none=""), "none is None"),
            Wrong(choose_with(none="none"), "none is None"),
            Wrong(choose_with(only=("auc_lost",)), "only the AUC"),
            Wrong(choose_with(only=("auc_lost", "largest_change", "microseconds"))),
            Wrong(choose_with(any_of=True), "any limit"),
            Wrong(choose_with(give=lambda c: c), "not a name"),
            Wrong(choose_with(give=lambda c: c["kB"]), "not a name"),
            Wrong(choose_smallest, "no gate"),
            Wrong(choose_last),
            Wrong(choose_all_names, "not a name"),
            Wrong(choose_by_brackets, "raises", says="candidate.get(measure)"),
            Wrong(choose_compares_none, "raises", says="is None"),
            Wrong(choose_complains, "raises", says="is NaN"),
            Wrong(choose_of_nothing, "raises", says="nobody is left"),
            Wrong(choose_default, "raises", says="nobody is left"),
            Wrong(choose_by_known_measures, "raises", says="The gate names"),
            Wrong(choose_breaks, "raises", says="KeyError: 'nome'"),
        ],
    ),
}
