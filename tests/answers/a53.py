"""Answers to the questions of 53, human in the loop."""

import math
from collections import defaultdict

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from helpers import feedback
from tests.answers import Answers, Wrong

# --- 53.1 ---------------------------------------------------------------------------------------------------------------


def price(y, p, t, miss, false_alarm):
    y, called = np.array(y), np.array(p) >= t
    return miss * (y & ~called).sum() + false_alarm * (~y & called).sum()


def cheapest(y, p, miss, false_alarm):
    return min([*p, math.inf], key=lambda t: price(y, p, t, miss, false_alarm))


def cheapest_highest(y, p, miss, false_alarm):
    return min([2.0, *sorted(p, reverse=True)], key=lambda t: price(y, p, t, miss, false_alarm))


def cheapest_by_helper(y, p, miss, false_alarm):
    table = feedback.threshold_by_cost(y, p, miss=miss, false_alarm=false_alarm)
    return table.loc[table["cost"].idxmin(), "threshold"]


def cheapest_between(y, p, miss, false_alarm):
    values = sorted(set(p))
    between = [0, *[(a + b) / 2 for a, b in zip(values, values[1:], strict=False)], 1.1]
    return between[int(np.argmin([price(y, p, t, miss, false_alarm) for t in between]))]


def grid_of_tenths(y, p, miss, false_alarm):
    return min(np.arange(0, 1.01, 0.1), key=lambda t: price(y, p, t, miss, false_alarm))


def never_none(y, p, miss, false_alarm):
    return min(p, key=lambda t: price(y, p, t, miss, false_alarm))


def never_all(y, p, miss, false_alarm):
    return min([*p, 2], key=lambda t: (min(p) >= t, price(y, p, t, miss, false_alarm)))


def strictly_above(y, p, miss, false_alarm):
    y, p = np.array(y), np.array(p)
    return min(p, key=lambda t: miss * (y & ~(p > t)).sum() + false_alarm * (~y & (p > t)).sum())


# --- 53.2 ---------------------------------------------------------------------------------------------------------------


def kappa_by_hand(first, second):
    both = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if not both:
        return None
    n = len(both)
    agree, a, b = sum(x == y for x, y in both) / n, sum(x for x, _ in both) / n, sum(y for _, y in both) / n
    chance = a * b + (1 - a) * (1 - b)
    return (agree - chance) / (1 - chance) if chance < 1 else None


def kappa_by_sklearn(first, second):
    both = [(a, b) for a, b in zip(first, second, strict=True) if None not in (a, b)]
    if len(set(sum(both, ()))) < 2:
        return None
    return cohen_kappa_score(*zip(*both, strict=True))


def kappa_by_pandas(first, second):
    table = pd.DataFrame({"a": first, "b": second}).dropna().astype(bool)
    if table.empty:
        return None
    value = feedback.agreement(table["a"], table["b"])["kappa"]
    return None if np.isnan(value) else value


def _pairs(first, second):
    return [(a, b) for a, b in zip(first, second, strict=True) if None not in (a, b)]


def raw(first, second):
    return float(np.mean([a == b for a, b in _pairs(first, second)])) if _pairs(first, second) else None


def three_labels(first, second):
    return cohen_kappa_score([str(a) for a in first], [str(b) for b in second])


def gaps_are_not_late(first, second):
    return cohen_kappa_score([bool(a) for a in first], [bool(b) for b in second])


def coin(first, second):
    return 2 * raw(first, second) - 1 if _pairs(first, second) else None


def pi(first, second):
    pairs = _pairs(first, second)
    if not pairs:
        return None
    p = np.mean([(a + b) / 2 for a, b in pairs])
    chance = p**2 + (1 - p) ** 2
    return float((raw(first, second) - chance) / (1 - chance)) if chance < 1 else None


def zero_where_none(first, second):
    return kappa_by_hand(first, second) or 0.0


def kappa_rounded(first, second):
    value = kappa_by_hand(first, second)
    return None if value is None else round(value, 1)


# --- 53.3 ---------------------------------------------------------------------------------------------------------------


def train_by_dict(said, trusted):
    latest = {(w["flight"], w["who"]): w["late"] for w in sorted(said, key=lambda w: w["at"]) if w["who"] in trusted}
    votes = defaultdict(set)
    for (flight, _), late in latest.items():
        votes[flight].add(late)
    return {flight: late.pop() for flight, late in votes.items() if len(late) == 1}


def train_by_pandas(said, trusted):
    table = pd.DataFrame(said).query("who in @trusted").sort_values("at").drop_duplicates(["flight", "who"], keep="last")
    agreed = table.groupby("flight")["late"].agg(["min", "max"]).query("min == max")
    return agreed["min"].to_dict()


def train_by_loop(said, trusted):
    newest = {}
    for w in said:
        key = w["flight"], w["who"]
        if w["who"] in trusted and (key not in newest or w["at"] > newest[key]["at"]):
            newest[key] = w
    result, conflicts = {}, set()
    for (flight, _), w in newest.items():
        if result.setdefault(flight, w["late"]) != w["late"]:
            conflicts.add(flight)
    return {flight: late for flight, late in result.items() if flight not in conflicts}


def train_everyone(said, trusted):
    return train_by_dict(said, {w["who"] for w in said})


def train_first(said, trusted):
    return train_by_dict([{**w, "at": -w["at"]} for w in said], trusted)


def train_list_order(said, trusted):
    return train_by_dict([{**w, "at": i} for i, w in enumerate(said)], trusted)


def train_last_word(said, trusted):
    return {w["flight"]: w["late"] for w in sorted(said, key=lambda w: w["at"]) if w["who"] in trusted}


def train_stubborn(said, trusted):
    return train_by_dict([{**w, "who": trusted[0], "at": 0, "flight": w["flight"]} for w in []], trusted) or {
        f: {w["late"] for w in said if w["flight"] == f and w["who"] in trusted}.pop()
        for f in {w["flight"] for w in said}
        if len({w["late"] for w in said if w["flight"] == f and w["who"] in trusted}) == 1
    }


def train_majority(said, trusted):
    latest = {(w["flight"], w["who"]): w["late"] for w in sorted(said, key=lambda w: w["at"])}
    votes = defaultdict(list)
    for (flight, _), late in latest.items():
        votes[flight].append(late)
    return {flight: sum(v) * 2 > len(v) for flight, v in votes.items() if sum(v) * 2 != len(v)}


def train_majority_of_trusted(said, trusted):
    return train_majority([w for w in said if w["who"] in trusted], trusted)


def train_two_of_three(said, trusted):
    latest = {(w["flight"], w["who"]): w["late"] for w in sorted(said, key=lambda w: w["at"]) if w["who"] in trusted[:2]}
    votes = defaultdict(set)
    for (flight, _), late in latest.items():
        votes[flight].add(late)
    return {flight: late.pop() for flight, late in votes.items() if len(late) == 1}


def train_conflict_is_none(said, trusted):
    found = train_by_dict(said, trusted)
    return {w["flight"]: found.get(w["flight"]) for w in said}


def train_list(said, trusted):
    return list(train_by_dict(said, trusted).items())


# --- 53.4 ---------------------------------------------------------------------------------------------------------------


def interval(old, new):
    difference = np.mean(new) - np.mean(old)
    half = 1.96 * np.sqrt(np.var(new, ddof=1) / len(new) + np.var(old, ddof=1) / len(old))
    return difference - half, difference + half


def canary(old, new, margin):
    if min(len(old), len(new)) < 30:
        return "wait"
    low, high = interval(old, new)
    return "roll back" if low > 0 else "promote" if high < margin else "wait"


def canary_by_statistics(old, new, margin):
    from statistics import NormalDist, fmean, pvariance

    if len(old) < 30 or len(new) < 30:
        return "wait"
    group = NormalDist(fmean(new) - fmean(old), math.sqrt(pvariance(new) / len(new) + pvariance(old) / len(old)))
    if group.inv_cdf(0.025) > 0:
        return "roll back"
    return "promote" if group.inv_cdf(0.975) < margin else "wait"


def canary_by_pandas(old, new, margin):
    old, new = pd.Series(old), pd.Series(new)
    half, difference = 1.96 * math.hypot(old.sem(), new.sem()), new.mean() - old.mean()
    if min(old.size, new.size) >= 30:
        if difference > half:
            return "roll back"
        if difference + half < margin:
            return "promote"
    return "wait"


def canary_means(old, new, margin):
    if min(len(old), len(new)) < 30:
        return "wait"
    difference = np.mean(new) - np.mean(old)
    return "roll back" if difference > 0 else "promote" if difference < margin else "wait"


def canary_any_size(old, new, margin):
    low, high = interval(old, new)
    return "roll back" if low > 0 else "promote" if high < margin else "wait"


def canary_fixed_margin(old, new, margin):
    return canary(old, new, 0.02)


def canary_thirty_waits(old, new, margin):
    return "wait" if min(len(old), len(new)) <= 30 else canary_any_size(old, new, margin)


def canary_from_29(old, new, margin):
    return "wait" if min(len(old), len(new)) < 29 else canary_any_size(old, new, margin)


def canary_harmless(old, new, margin):
    return "wait" if min(len(old), len(new)) < 30 else "roll back" if interval(old, new)[0] > 0 else "promote"


def canary_swapped(old, new, margin):
    return canary(new, old, margin)


def canary_must_be_better(old, new, margin):
    return canary(old, new, 0)


def canary_says_yes(old, new, margin):
    return canary(old, new, margin) == "promote"


def canary_underscore(old, new, margin):
    return canary(old, new, margin).replace(" ", "_")


def canary_one_error(old, new, margin):
    if min(len(old), len(new)) < 30:
        return "wait"
    low, high = (np.mean(new) - np.mean(old) + z * np.std(new) for z in (-1.96, 1.96))
    return "roll back" if low > 0 else "promote" if high < margin else "wait"


ANSWERS = {
    "53.1": Answers(
        right=[cheapest, cheapest_highest, cheapest_by_helper, cheapest_between],
        wrong=[
            Wrong(lambda y, p, miss, false_alarm: false_alarm / (false_alarm + miss), "by arithmetic", says="take"),
            Wrong(lambda y, p, miss, false_alarm: cheapest(y, p, 1, 1), "counts errors"),
            Wrong(lambda y, p, miss, false_alarm: cheapest(y, p, false_alarm, miss), "costs swapped"),
            Wrong(lambda y, p, miss, false_alarm: str(cheapest(y, p, miss, false_alarm)), "no number"),
            Wrong(lambda y, p, miss, false_alarm: [cheapest(y, p, miss, false_alarm)], "no number"),
            Wrong(lambda y, p, miss, false_alarm: 0.25, says="costs"),
            Wrong(lambda y, p, miss, false_alarm: miss / (false_alarm + miss)),
            Wrong(never_none, "never none"),
            Wrong(never_all, says="costs"),
            Wrong(grid_of_tenths),
            Wrong(strictly_above),
            Wrong(lambda y, p, miss, false_alarm: float(np.mean(y))),
            Wrong(0.5),
        ],
    ),
    "53.2": Answers(
        right=[kappa_by_hand, kappa_by_sklearn, kappa_by_pandas],
        wrong=[
            Wrong(raw, "raw agreement"),
            Wrong(three_labels, "a gap is a label"),
            Wrong(gaps_are_not_late, "a gap is not late"),
            Wrong(coin, "chance is a half"),
            Wrong(pi, "one rate for both"),
            Wrong(zero_where_none, "none is none"),
            Wrong(lambda a, b: str(kappa_by_hand(a, b)), "no number"),
            Wrong(lambda a, b: kappa_by_hand(a, b) is not None, "no number"),
            Wrong(kappa_rounded, says="cohen_kappa_score"),
            Wrong(lambda a, b: -(kappa_by_hand(a, b) or 0)),
            Wrong(lambda a, b: 0.76),
        ],
    ),
    "53.3": Answers(
        right=[train_by_dict, train_by_pandas, train_by_loop],
        wrong=[
            Wrong(train_everyone, "heard everyone"),
            Wrong(train_first, "the first word"),
            Wrong(train_list_order, "order of the list"),
            Wrong(train_last_word, "the last word of all"),
            Wrong(train_stubborn, "no second thoughts"),
            Wrong(train_majority, "majority of everyone"),
            Wrong(train_majority_of_trusted, "majority of the trusted"),
            Wrong(train_two_of_three, says="(trusted: desk 1, desk 2, desk 3)"),
            Wrong(train_list, "no dict"),
            Wrong(train_conflict_is_none, says="left out"),
            Wrong(lambda said, trusted: {}),
            Wrong(lambda said, trusted: {k: str(v) for k, v in train_by_dict(said, trusted).items()}),
            Wrong(lambda said, trusted: {k: not v for k, v in train_by_dict(said, trusted).items()}),
        ],
    ),
    "53.4": Answers(
        right=[canary, canary_by_statistics, canary_by_pandas],
        wrong=[
            Wrong(canary_means, "no interval"),
            Wrong(canary_any_size, "any size"),
            Wrong(canary_fixed_margin, "fixed margin"),
            Wrong(canary_thirty_waits, "thirty waits"),
            Wrong(canary_from_29, says="over 29"),
            Wrong(canary_harmless, "nothing seen is nothing there"),
            Wrong(canary_swapped, "the wrong way round"),
            Wrong(canary_must_be_better, "must be better"),
            Wrong(canary_says_yes, "another word"),
            Wrong(canary_underscore, "another word"),
            Wrong(canary_one_error),
            Wrong(lambda old, new, margin: "wait", says="should be"),
            Wrong(lambda old, new, margin: "promote"),
        ],
    ),
}
