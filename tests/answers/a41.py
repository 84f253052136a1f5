"""Answers to the questions of 41, why CI/CD."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from helpers import modeling
from tests.answers import Answers, Wrong

FLIGHT = ["scheduled_departure", "carrier", "flight", "origin"]

# --- 41.1 ---------------------------------------------------------------------------------------------------------------


def _some(current):
    if len(current) == 0:
        raise ValueError("no flights were delivered")


def seen_by_set(previous, current):
    _some(current)
    known = set(map(tuple, previous[FLIGHT].to_numpy().tolist()))
    return sum(tuple(row) in known for row in current[FLIGHT].to_numpy().tolist()) / len(current)


def seen_by_merge(previous, current):
    _some(current)
    return len(current[FLIGHT].merge(previous[FLIGHT].drop_duplicates(), on=FLIGHT)) / len(current)


def seen_by_index(previous, current):
    _some(current)
    return pd.MultiIndex.from_frame(current[FLIGHT]).isin(pd.MultiIndex.from_frame(previous[FLIGHT])).mean()


def seen_by_text(previous, current):
    _some(current)
    keys = [
        table[FLIGHT].astype(str).apply("|".join, axis=1) if len(table) else pd.Series(dtype=str) for table in (previous, current)
    ]
    return np.float32(keys[1].isin(set(keys[0])).mean())


def seen_whole_rows(previous, current):
    _some(current)
    return len(current.merge(previous.drop_duplicates())) / len(current)


def seen_departure(previous, current):
    _some(current)
    return current["scheduled_departure"].isin(previous["scheduled_departure"]).mean()


def seen_number(previous, current):
    _some(current)
    columns = FLIGHT[1:]
    return len(current.merge(previous[columns].drop_duplicates(), on=columns)) / len(current)


def seen_without_origin(previous, current):
    _some(current)
    columns = FLIGHT[:3]
    return len(current.merge(previous[columns].drop_duplicates(), on=columns)) / len(current)


def seen_of_previous(previous, current):
    _some(current)
    return seen_by_merge(previous, current) * len(current) / len(previous) if len(previous) else 0.0


def seen_count(previous, current):
    _some(current)
    return len(current[FLIGHT].merge(previous[FLIGHT].drop_duplicates()))


def seen_doubled(previous, current):
    _some(current)
    return len(current[FLIGHT].merge(previous[FLIGHT])) / len(current)


def seen_any(previous, current):
    _some(current)
    return seen_by_merge(previous, current) > 0


def seen_new(previous, current):
    return 1 - seen_by_merge(previous, current)


def seen_empty_is_zero(previous, current):
    return seen_by_merge(previous, current) if len(current) else 0.0


def seen_empty_is_nan(previous, current):
    return seen_by_merge(previous, current) if len(current) else float("nan")


def seen_same_place(previous, current):
    _some(current)
    n = min(len(previous), len(current))
    return float((previous[FLIGHT].to_numpy()[:n] == current[FLIGHT].to_numpy()[:n]).all(axis=1).sum() / len(current))


def seen_same_table(previous, current):
    _some(current)
    return float(previous.equals(current))


def seen_per_column(previous, current):
    _some(current)
    return float(np.mean([current[name].isin(previous[name]).mean() for name in FLIGHT]))


def seen_percent(previous, current):
    return 100 * seen_by_merge(previous, current)


def seen_text(previous, current):
    return f"{seen_by_merge(previous, current):.0%}"


def seen_nothing(previous, current):
    seen_by_merge(previous, current)


# --- 41.2 ---------------------------------------------------------------------------------------------------------------


def _worst(y, late, groups, smallest, score=roc_auc_score, choose=min):
    found = {}
    for name in sorted(set(groups.tolist())):
        rows = groups == name
        if rows.sum() >= smallest and 0 < y[rows].sum() < rows.sum():
            found[name] = score(y[rows], late[rows])
    return choose(found, key=found.get) if found else None


def slice_by_loop(y, late, groups, smallest):
    return _worst(y, late, groups, smallest)


def slice_by_pandas(y, late, groups, smallest):
    table = pd.DataFrame({"y": y, "late": late, "by": groups})
    aucs = {}
    for name, rows in table.groupby("by"):
        if len(rows) >= smallest and rows["y"].nunique() > 1:
            aucs[name] = modeling.evaluate(rows["y"], rows["late"])["auc"]
    return pd.Series(aucs).idxmin() if aucs else None


def slice_by_ranks(y, late, groups, smallest):
    best = (2.0, None)
    for name in np.unique(groups):
        own, scores = y[groups == name], late[groups == name]
        n1, n0 = own.sum(), (~own).sum()
        if len(own) < smallest or not n1 or not n0:
            continue
        ranks = pd.Series(scores).rank().to_numpy()
        best = min(best, ((ranks[own].sum() - n1 * (n1 + 1) / 2) / (n1 * n0), name))
    return best[1]


def slice_small_too(y, late, groups, smallest):
    return _worst(y, late, groups, 1)


def slice_more_than(y, late, groups, smallest):
    return _worst(y, late, groups, smallest + 1)


def slice_best(y, late, groups, smallest):
    return _worst(y, late, groups, smallest, choose=max)


def slice_accuracy(y, late, groups, smallest):
    return _worst(y, late, groups, smallest, score=lambda y, late: ((late >= 0.5) == y).mean())


def slice_most_late(y, late, groups, smallest):
    return _worst(y, late, groups, smallest, score=lambda y, late: -y.mean())


def slice_smallest(y, late, groups, smallest):
    return _worst(y, late, groups, smallest, score=lambda y, late: len(y))


def slice_or_text(y, late, groups, smallest):
    return _worst(y, late, groups, smallest) or "none"


def slice_raises(y, late, groups, smallest):
    return _worst(y, late, groups, smallest, choose=lambda found, key: min(found, key=key)).strip()


def slice_auc(y, late, groups, smallest):
    name = _worst(y, late, groups, smallest)
    return name and roc_auc_score(y[groups == name], late[groups == name])


def slice_pair(y, late, groups, smallest):
    return _worst(y, late, groups, smallest), 0.5


def slice_one_outcome_is_worst(y, late, groups, smallest):
    for name in np.unique(groups):
        if (groups == name).sum() >= smallest and not y[groups == name].any():
            return str(name)
    return _worst(y, late, groups, smallest)


def slice_nothing(y, late, groups, smallest):
    return None


def slice_fixed(y, late, groups, smallest):
    return "JFK"


def slice_below_half(y, late, groups, smallest):
    return _worst(y, late, groups, smallest, score=lambda y, late: abs(roc_auc_score(y, late) - 0.5))


# --- 41.3 ---------------------------------------------------------------------------------------------------------------


def _auc(y, score):
    others = np.sort(score[~y])
    return (np.searchsorted(others, score[y], "left") + np.searchsorted(others, score[y], "right")).mean() / (2 * len(others))


def _draws(y, new, old, paired=True):
    rng, found = np.random.default_rng(3), []
    for _ in range(120):
        rows = rng.integers(len(y), size=len(y))
        others = rows if paired else rng.integers(len(y), size=len(y))
        found.append(_auc(y[rows], new[rows]) - _auc(y[others], old[others]))
    return np.array(found)


def gate_by_helper(y, new, old, margin):
    return np.nanpercentile(modeling.compare_auc(y, new, old, n=300)[1:], 2.5) > -margin


def gate_by_hand(y, new, old, margin):
    return bool(np.percentile(_draws(y, new, old), 2.5) > -margin)


def gate_by_normal(y, new, old, margin):
    found = modeling.compare_auc(y, new, old, n=150, seed=9)
    return bool(found[0] - 1.96 * found[1:].std() > -margin)


def gate_by_delong(y, new, old, margin):
    shares = [
        [(score[~y][None, :] < score[y][:, None]) + 0.5 * (score[~y][None, :] == score[y][:, None])] for score in (new, old)
    ]
    gap = np.asarray(shares[0][0]) * 1.0 - shares[1][0]
    spread = gap.mean(axis=1).var(ddof=1) / y.sum() + gap.mean(axis=0).var(ddof=1) / (~y).sum()
    return bool(gap.mean() - 1.96 * spread**0.5 > -margin)


def gate_always(y, new, old, margin):
    return True


def gate_never(y, new, old, margin):
    return False


def gate_two_numbers(y, new, old, margin):
    return bool(roc_auc_score(y, new) - roc_auc_score(y, old) > -margin)


def gate_higher(y, new, old, margin):
    return bool(roc_auc_score(y, new) > roc_auc_score(y, old))


def gate_must_win(y, new, old, margin):
    return bool(np.percentile(modeling.compare_auc(y, new, old, n=150)[1:], 2.5) > 0)


def gate_sign(y, new, old, margin):
    return bool(np.percentile(modeling.compare_auc(y, new, old, n=150)[1:], 2.5) > margin)


def gate_high(y, new, old, margin):
    return bool(np.percentile(modeling.compare_auc(y, new, old, n=150)[1:], 97.5) > -margin)


def gate_unpaired(y, new, old, margin):
    return bool(np.percentile(_draws(y, new, old, paired=False), 2.5) > -margin)


def gate_swapped(y, new, old, margin):
    return gate_by_normal(y, old, new, margin)


def gate_number(y, new, old, margin):
    return float(np.percentile(modeling.compare_auc(y, new, old, n=150)[1:], 2.5))


def gate_word(y, new, old, margin):
    return "passed" if gate_by_normal(y, new, old, margin) else "refused"


def gate_nothing(y, new, old, margin):
    gate_by_normal(y, new, old, margin)


def gate_refused(y, new, old, margin):
    return not gate_by_normal(y, new, old, margin)


def gate_many_flights(y, new, old, margin):
    return len(y) > 1000


ANSWERS = {
    "41.1": Answers(
        right=[seen_by_set, seen_by_merge, seen_by_index, seen_by_text],
        wrong=[
            Wrong(seen_whole_rows, "a correction makes it new"),
            Wrong(seen_departure, "departure only"),
            Wrong(seen_number, "time left out"),
            Wrong(seen_without_origin, "origin left out"),
            Wrong(seen_of_previous, "share of the previous"),
            Wrong(seen_count, "a count"),
            Wrong(seen_doubled, "counted twice"),
            Wrong(seen_any, "yes or no"),
            Wrong(seen_new, "share of the new"),
            Wrong(seen_empty_is_zero, "nothing looks fresh"),
            Wrong(seen_empty_is_nan, "nothing looks fresh"),
            Wrong(seen_same_place),
            Wrong(seen_same_table),
            Wrong(seen_per_column),
            Wrong(seen_percent, says="100"),
            Wrong(seen_text),
            Wrong(seen_nothing),
            Wrong(0.25),
        ],
    ),
    "41.2": Answers(
        right=[slice_by_loop, slice_by_pandas, slice_by_ranks],
        wrong=[
            Wrong(slice_small_too, "small slices count"),
            Wrong(slice_more_than, "more than, not at least"),
            Wrong(slice_best, "the best"),
            Wrong(slice_accuracy, "accuracy"),
            Wrong(slice_most_late, "most late"),
            Wrong(slice_smallest, "smallest slice"),
            Wrong(slice_or_text, "none is none"),
            Wrong(slice_raises, says="NoneType"),
            Wrong(slice_auc),
            Wrong(slice_pair, says="a tuple"),
            Wrong(slice_one_outcome_is_worst, says="one outcome"),
            Wrong(slice_nothing),
            Wrong(slice_fixed),
            Wrong(slice_below_half),
            Wrong("JFK"),
        ],
    ),
    "41.3": Answers(
        right=[gate_by_helper, gate_by_hand, gate_by_normal, gate_by_delong],
        wrong=[
            Wrong(gate_always, "always"),
            Wrong(gate_never, "never"),
            Wrong(gate_two_numbers, "two numbers"),
            Wrong(gate_higher, "higher wins"),
            Wrong(gate_must_win, "must win"),
            Wrong(gate_sign, "sign of the margin"),
            Wrong(gate_high, "high end"),
            Wrong(gate_unpaired, "unpaired"),
            Wrong(gate_swapped, "swapped"),
            Wrong(gate_number, "no decision"),
            Wrong(gate_word, "no decision"),
            Wrong(gate_nothing, "no decision"),
            Wrong(gate_refused),
            Wrong(gate_many_flights),
            Wrong(True),
        ],
    ),
}
