"""Answers to the questions of 51, monitoring."""

import numpy as np
import pandas as pd
from river.drift import ADWIN
from scipy import stats

from helpers import data_quality, decay, drift
from helpers.drift_stream import find_changes
from tests.answers import Answers, Wrong

# --- 51.1 -----------------------------------------------------------------------------------------------------------------


def share(quiet, least):
    fired = [(~(quiet.loc[week] <= quiet.drop(week).max().fillna(least).clip(lower=least))).any() for week in quiet.index]
    return sum(fired) / len(fired)


def share_by_hand(quiet, least):
    alarms = 0
    for i in range(len(quiet)):
        for name in quiet:
            others = [value for j, value in enumerate(quiet[name]) if j != i and not np.isnan(value)]
            if np.isnan(quiet[name].iloc[i]) or quiet[name].iloc[i] > max([least, *others]):
                alarms += 1
                break
    return alarms / len(quiet)


def share_by_order(quiet, least):
    """A week is over its limit where it is the only largest of its column, and over `least`."""
    values = quiet.fillna(-1).to_numpy()
    second, largest = np.sort(values, axis=0)[-2:]
    over = (values == largest) & (largest > np.maximum(second, least))
    return np.float64((over | (values < 0)).any(axis=1).mean())


def share_of(*, itself=False, cells=False, at_least=False, pooled=False, least=None, counted=False, gone=False, gaps_quiet=False):
    def found(quiet, given):
        smallest = given if least is None else least
        rows = []
        for week in quiet.index:
            limit = (quiet if itself else quiet.drop(week)).max(skipna=not gone)
            limit = pd.Series(limit.max(), limit.index) if pooled else limit
            limit = (limit if gone else limit.fillna(smallest)).clip(lower=smallest)
            over = quiet.loc[week] >= limit if at_least else quiet.loc[week] > limit
            rows.append(over if gaps_quiet else over | quiet.loc[week].isna())
        table = pd.DataFrame(rows)
        return table.to_numpy().mean() if cells else table.any(axis=1).sum() if counted else table.any(axis=1).mean()

    return found


def share_worst(quiet, least):
    over = [~(quiet.loc[week] <= quiet.drop(week).max().fillna(least).clip(lower=least)) for week in quiet.index]
    return pd.DataFrame(over).mean().max()


def share_drops_weeks(quiet, least):
    whole = quiet.dropna()
    return share(whole, least) if len(whole) else 0.0


def share_drops_gaps(quiet, least):
    return share(quiet.dropna(axis=1), least)


# --- 51.2 -----------------------------------------------------------------------------------------------------------------


def names_of(past):
    numbers = list(past.select_dtypes("number"))
    return numbers, [name for name in past if name not in numbers]


def diagnose(past, batch, before):
    numbers, names = names_of(past)
    found = set()
    for name in past:
        column = batch.get(name, pd.Series(np.nan, index=batch.index))
        outside = name in numbers and ((column < past[name].min()) | (column > past[name].max())).mean() > 0.01
        if column.isna().mean() > past[name].isna().mean() + 0.05 or outside:
            found.add("quality")
    if (drift.compare(batch, drift.reference(past, numeric=numbers, categorical=names))["effect"] > 0.1).any():
        found.add("drift")
    known = batch[batch["late"].notna()]
    if decay.auc(known["late"].astype(bool), known["probability"]).high < before:
        found.add("decay")
    return found


def diagnose_by_the_house(past, batch, before):
    inputs = [name for name in past if name in batch]
    wrong = data_quality.inspect(batch[inputs], data_quality.expect_like(past), keys=())
    wrong = [f for f in wrong if f.what == "absent" or f.count > (0.06 if f.what == "nulls" else 0.01) * len(batch)]
    numbers, names = names_of(past)
    table = drift.compare(batch, drift.reference(past, numeric=numbers, categorical=names), least_effect=0.1)
    worse = decay.scores(*known_of(batch))["auc"].high < before
    moved = ((table["effect"] > 0.1) & (table["verdict"] == "drift")).any()
    return [word for word, true in (("decay", worse), ("drift", moved), ("quality", wrong)) if true]


def known_of(batch):
    known = batch.dropna(subset=["late"])
    return known["late"].to_numpy(bool), known["probability"].to_numpy()


def diagnose_by_scipy(past, batch, before):
    numbers, names = names_of(past)
    here = [name for name in past if name in batch]
    quality = len(here) < len(past.columns)
    quality |= any(batch[name].isna().mean() - past[name].isna().mean() > 0.05 for name in here)
    quality |= any(
        (~batch[n].dropna().between(past[n].min(), past[n].max())).sum() > 0.01 * len(batch) for n in numbers if n in here
    )
    far = any(stats.ks_2samp(past[n].dropna(), batch[n].dropna()).statistic > 0.1 for n in numbers if n in here)
    for name in names:
        shares = pd.concat([side[name].value_counts(normalize=True) for side in (past, batch)], axis=1).fillna(0)
        far |= (shares.iloc[:, 0] - shares.iloc[:, 1]).abs().sum() / 2 > 0.1
    worse = decay.auc(*known_of(batch)).high < before
    return {word for word, true in (("quality", quality), ("drift", far), ("decay", worse)) if true}


def changed(past, batch, before, *, drop=(), add=()):
    return (diagnose(past, batch, before) - set(drop)) | set(add)


def passes_over_missing(past, batch, before):
    gaps = any(batch[n].isna().mean() > past[n].isna().mean() + 0.05 for n in past if n in batch)
    return changed(past, batch, before, drop={"quality"} if gaps else ())


def passes_over_absent(past, batch, before):
    return diagnose(past[[name for name in past if name in batch]], batch, before)


def passes_over_ranges(past, batch, before):
    numbers, _ = names_of(past)
    wide = past.copy()
    wide.loc[wide.index[0], numbers], wide.loc[wide.index[1], numbers] = -1e9, 1e9
    return diagnose(wide, batch, before)


def ranges_over_all_columns(past, batch, before):
    numbers = [name for name in names_of(past)[0] if name in batch]
    outside = (batch[numbers] < past[numbers].min()) | (batch[numbers] > past[numbers].max())
    return changed(past, batch, before, add={"quality"} if outside.any(axis=1).mean() > 0.01 else ())


def by_p_value(past, batch, before):
    numbers, names = names_of(past)
    table = drift.compare(batch, drift.reference(past, numeric=numbers, categorical=names))
    return changed(past, batch, before, add={"drift"} if (table["p"].fillna(1) * len(table) < 0.05).any() else ())


def by_verdict(past, batch, before):
    numbers, names = names_of(past)
    table = drift.compare(batch, drift.reference(past, numeric=numbers, categorical=names))
    return changed(past, batch, before, add={"drift"} if (table["verdict"] == "drift").any() else ())


def missing_is_drift(past, batch, before):
    gone = any(name not in batch or batch[name].isna().mean() > past[name].isna().mean() + 0.05 for name in past)
    return changed(past, batch, before, add={"drift"} if gone else ())


def no_interval(past, batch, before):
    worse = decay.auc(*known_of(batch)).value < before
    return changed(past, batch, before, add={"decay"} if worse else ())


def drift_is_decay(past, batch, before):
    found = diagnose(past, batch, before)
    return found | ({"decay"} if "drift" in found else set())


def no_drift_is_well(past, batch, before):
    found = diagnose(past, batch, before)
    return found if "drift" in found else found - {"decay"}


# --- 51.3 -----------------------------------------------------------------------------------------------------------------


def decay_verdict(flights, now, before):
    left = flights[flights["scheduled_departure"] <= now]
    known = left[left["known_at"] <= now]
    if len(known) < 100 or len(known) < len(left) / 2 or known["late"].nunique() < 2:
        return "unknown"
    return "worse" if decay.auc(known["late"], known["probability"]).high < before else "holds"


def verdict_by_window(flights, now, before):
    left = flights[flights["scheduled_departure"] <= now]
    late = left["late"].astype("boolean").mask(left["known_at"] > now)
    found = decay.by_window(left["scheduled_departure"], late, left["probability"], {"auc": before}, days=400)
    return found["verdict"].iloc[0]


def verdict_by_numpy(flights, now, before):
    gone = (flights["scheduled_departure"] <= now).to_numpy()
    there = gone & (flights["known_at"] <= now).to_numpy()
    late, probability = flights["late"].to_numpy(bool)[there], flights["probability"].to_numpy()[there]
    if there.sum() < max(100, gone.sum() / 2) or late.min() == late.max():
        return np.str_("unknown")
    return ["holds", "worse"][decay.scores(late, probability)["auc"].high < before]


def verdict_of(*, peeks=False, share=0.5, least=100, unknown="unknown", absent=False, point=False, ahead=False):
    def found(flights, now, before):
        left = flights if ahead else flights[flights["scheduled_departure"] <= now]
        known = left if peeks or absent else left[left["known_at"] <= now]
        late = (known["late"] & (known["known_at"] <= now)).to_numpy(bool) if absent else known["late"].to_numpy(bool)
        if len(known) < least or len(known) < share * len(left) or late.all() or not late.any():
            return unknown
        score = decay.auc(late, known["probability"])
        return "worse" if (score.value if point else score.high) < before else "holds"

    return found


def verdict_true_false(flights, now, before):
    return decay_verdict(flights, now, before) == "worse"


# --- 51.4 -----------------------------------------------------------------------------------------------------------------


def first_change(values, low, high):
    found = find_changes(values, low=low, high=high)
    if len(found.missing) > len(values) / 2:
        return "unknown"
    return found.positions[0] if found.positions else None


def change_by_river(values, low, high):
    there = [(i, value) for i, value in enumerate(values) if value == value]
    if len(there) < len(values) / 2:
        return "unknown"
    adwin = ADWIN()
    for i, value in there:
        adwin.update((value - low) / (high - low))
        if adwin.drift_detected:
            return np.int64(i)
    return None


def change_by_halves(values, low, high):
    """The last 60 values against all before them, very carefully."""
    values = np.array(values, dtype=float)
    places = np.flatnonzero(~np.isnan(values))
    if len(places) < len(values) / 2:
        return "unknown"
    there = values[places]
    for at in range(200, len(there), 10):
        if stats.ttest_ind(there[: at - 60], there[at - 60 : at]).pvalue < 1e-9:
            return int(places[at - 1])
    return None


def change_among_those_there(values, low, high):
    found = first_change(values, low, high)
    return first_change([value for value in values if value == value], low, high) if isinstance(found, int) else found


def change_missing_is_quiet(values, low, high):
    found = find_changes(values, low=low, high=high)
    return found.positions[0] if found.positions else None


def change_too_early(values, low, high):
    found = first_change(values, low, high)
    return 500 if isinstance(found, int) else found


def change_last(values, low, high):
    found = first_change(values, low, high)
    return len(values) - 1 if isinstance(found, int) else found


def change_all(values, low, high):
    return find_changes(values, low=low, high=high).positions


def change_by_one_value(values, low, high):
    for i, value in enumerate(values):
        if abs(value - values[0]) > 0.2 * (high - low):
            return i
    return None


def change_filled(values, low, high):
    filled = pd.Series(values, dtype=float).fillna(low)
    found = find_changes(filled.tolist(), low=low, high=high)
    return found.positions[0] if found.positions else None


def change_by_best_split(values, low, high):
    """Where all before and all after differ most: nobody can know that on the day."""
    series = pd.Series(values, dtype=float)
    if series.isna().mean() > 0.5:
        return "unknown"
    there = series.dropna()
    sums = (there - there.mean()).cumsum().abs()
    large = sums.max() > 3 * there.std() * len(there) ** 0.5
    return min(int(sums.idxmax()) + 3, len(values) - 1) if large else None


def change_by_centred_mean(values, low, high):
    series = pd.Series(values, dtype=float)
    if series.isna().mean() > 0.5:
        return "unknown"
    moved = (series.rolling(101, center=True, min_periods=10).mean() - series[:500].mean()).abs() > 0.2 * (high - low)
    return int(moved.idxmax()) if moved.any() else None


def change_as_text(values, low, high):
    return str(first_change(values, low, high))


def change_zero_for_none(values, low, high):
    return first_change(values, low, high) or 0


def change_negative(values, low, high):
    found = first_change(values, low, high)
    return found - len(values) if isinstance(found, int) else found


ANSWERS = {
    "51.1": Answers(
        right=[share, share_by_hand, share_by_order],
        wrong=[
            Wrong(share_of(itself=True), "judged by itself"),
            Wrong(share_of(cells=True), "columns counted"),
            Wrong(share_worst, "the worst column"),
            Wrong(share_of(pooled=True), "one limit for all"),
            Wrong(share_of(at_least=True), "at the limit"),
            Wrong(share_of(least=0.0), "no least effect"),
            Wrong(share_of(gaps_quiet=True), "unknown is quiet"),
            Wrong(share_drops_weeks, "NaN"),
            Wrong(share_drops_gaps, "NaN"),
            Wrong(share_of(counted=True)),
            Wrong(lambda quiet, least: 1 / len(quiet)),
            Wrong(lambda quiet, least: 5 / 12),
            Wrong(lambda quiet, least: [share(quiet, least)]),
            Wrong(lambda quiet, least: 1 - share(quiet, least)),
        ],
    ),
    "51.2": Answers(
        right=[diagnose, diagnose_by_the_house, diagnose_by_scipy],
        wrong=[
            Wrong(passes_over_missing, "missing values passed over"),
            Wrong(passes_over_absent, "an absent column passed over"),
            Wrong(passes_over_ranges, "ranges passed over"),
            Wrong(ranges_over_all_columns, "ranges added up"),
            Wrong(by_p_value, "certain is not large"),
            Wrong(no_interval, "no interval"),
            Wrong(drift_is_decay, "drift is decay"),
            Wrong(no_drift_is_well, "no drift is all well"),
            Wrong(missing_is_drift, "missing is drift"),
            Wrong(by_verdict, "certain is not large"),
            Wrong(lambda past, batch, before: "drift", "no set of words"),
            Wrong(lambda past, batch, before: {"Drift"}, "no set of words"),
            Wrong(lambda past, batch, before: set()),
            Wrong(lambda past, batch, before: {"quality", "drift", "decay"}),
        ],
    ),
    "51.3": Answers(
        right=[decay_verdict, verdict_by_window, verdict_by_numpy],
        wrong=[
            Wrong(verdict_of(peeks=True), "peeks into the future"),
            Wrong(verdict_of(share=0), "the first labels decide"),
            Wrong(verdict_of(absent=True), "missing is on time"),
            Wrong(verdict_of(point=True), "no interval"),
            Wrong(verdict_of(ahead=True), "flights ahead count"),
            Wrong(verdict_of(unknown="holds"), "unknown is fine"),
            Wrong(verdict_of(least=1), "few labels decide"),
            Wrong(verdict_true_false),
            Wrong(lambda flights, now, before: "holds"),
            Wrong(lambda flights, now, before: "unknown"),
            Wrong(lambda flights, now, before: decay_verdict(flights, now, before).upper()),
        ],
    ),
    "51.4": Answers(
        right=[first_change, change_by_river, change_by_halves],
        wrong=[
            Wrong(change_among_those_there, "missing not counted"),
            Wrong(change_missing_is_quiet, "missing is quiet"),
            Wrong(change_by_one_value),
            Wrong(change_too_early, "too early"),
            Wrong(change_last),
            Wrong(change_all, says="yours gives a list."),
            Wrong(change_by_best_split, "looks ahead"),
            Wrong(change_by_centred_mean, "looks ahead"),
            Wrong(change_filled, "missing is quiet"),
            Wrong(change_as_text, says="yours gives '"),
            Wrong(change_zero_for_none),
            Wrong(change_negative, "too early"),
        ],
    ),
}
