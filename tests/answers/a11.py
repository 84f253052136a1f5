"""Answers to the questions of 11, what MLOps is."""

import hashlib
import json
import math

import numpy as np
import pandas as pd

from tests.answers import Answers, Wrong

# --- 11.1 ---------------------------------------------------------------------------------------------------------------


def feed_plain(reference, feed):
    found = {}
    for name in reference.columns.drop("day"):
        days = reference.groupby("day")[name]
        if name not in feed:
            found[name] = "absent"
        elif feed[name].isna().mean() > 0.5:
            found[name] = "empty"
        elif feed[name].nunique() == 1 and days.nunique().min() > 1:
            found[name] = "stuck"
        else:
            low, high = days.mean().min(), days.mean().max()
            margin = 0.1 * (high - low)
            if not low - margin <= feed[name].mean() <= high + margin:
                found[name] = "level"
    return found


def feed_early_returns(reference, feed):
    return {name: fault for name in reference if name != "day" if (fault := _fault(reference, feed, name))}


def _fault(reference, feed, name):
    if name not in feed.columns:
        return "absent"
    there = feed[name].dropna()
    if len(there) < len(feed) / 2:
        return "empty"
    if (there == there.iloc[0]).all() and not any(rows[name].nunique() == 1 for _, rows in reference.groupby("day")):
        return "stuck"
    means = reference.groupby("day")[name].mean()
    middle, reach = (means.max() + means.min()) / 2, 0.6 * (means.max() - means.min())
    return "level" if abs(there.mean() - middle) > reach else None


def feed_numpy(reference, feed):
    found = {}
    for name in [column for column in reference.columns if column != "day"]:
        if name not in feed.columns:
            found[name] = "absent"
            continue
        values = feed[name].to_numpy(float)
        days = [reference.loc[reference["day"] == day, name].to_numpy(float) for day in np.unique(reference["day"])]
        if np.isnan(values).sum() * 2 > len(values):
            found[name] = "empty"
        elif np.nanmin(values) == np.nanmax(values) and all(np.nanmin(day) < np.nanmax(day) for day in days):
            found[name] = "stuck"
        else:
            means = np.array([np.nanmean(day) for day in days])
            edge = 0.1 * np.ptp(means)
            if np.nanmean(values) < means.min() - edge or np.nanmean(values) > means.max() + edge:
                found[name] = "level"
    return found


def feed_twisted(
    *,
    margin=0.1,
    low=True,
    high=True,
    readings=False,
    gaps=0.5,
    stuck="new",
    first=False,
    words=None,
    mean="mean",
    late_gaps=False,
):
    """The plain answer with a mistake put in."""

    def answer(reference, feed):
        found = {}
        for name in reference.columns.drop("day"):
            days = reference.groupby("day")[name]
            levels = reference[name] if readings else days.mean()
            edge = margin * (levels.max() - levels.min())
            if name not in feed:
                found[name] = "absent"
                continue
            constant = feed[name].nunique() == 1 and (stuck == "always" or days.nunique().min() > 1) and stuck != "never"
            level = getattr(feed[name], mean)()
            off = (low and level < levels.min() - edge) or (high and level > levels.max() + edge)
            faults = {"empty": feed[name].isna().mean() > gaps, "stuck": constant, "level": off}
            order = ["stuck", "level", "empty"] if late_gaps else list(faults)
            told = [fault for fault in order if faults[fault]]
            if told:
                found[name] = (words or {}).get(told[0], told[0])
        return dict(list(found.items())[:1]) if first else found

    return answer


def feed_only_its_columns(reference, feed):
    present = [name for name in reference if name == "day" or name in feed]
    return feed_plain(reference[present], feed)


def feed_level_before_stuck(reference, feed):
    found = feed_plain(reference, feed)
    for name in found:
        means = reference.groupby("day")[name].mean()
        if found[name] == "stuck" and feed[name].mean() > means.max() + 0.1 * np.ptp(means):
            found[name] = "level"
    return found


def feed_three_sigma(reference, feed):
    found = feed_twisted(margin=1e9)(reference, feed)
    for name in set(feed) & set(reference):
        if name not in found and abs(feed[name].mean() - reference[name].mean()) > 3 * reference[name].std():
            found[name] = "level"
    return found


def feed_extra_columns_too(reference, feed):
    return feed_plain(reference, feed) | {name: "unknown" for name in feed if name not in reference}


def feed_yes_or_no(reference, feed):
    return not feed_plain(reference, feed)


def feed_names(reference, feed):
    return sorted(feed_plain(reference, feed))


def feed_all_well(reference, feed):
    return {}


def feed_hard_coded(reference, feed):
    return {"temp": "level"}


# --- 11.2 ---------------------------------------------------------------------------------------------------------------


def gate_plain(candidate, champion, rules, complaints):
    found = {"data": "objections"} if complaints else {}
    for name, (direction, tolerance) in rules.items():
        score = candidate.get(name)
        if score is None or math.isnan(score):
            found[name] = "missing"
        elif champion is not None and name in champion:
            loss = champion[name] - score if direction == "higher" else score - champion[name]
            if loss > tolerance:
                found[name] = "worse"
    return found


def gate_by_limit(candidate, champion, rules, complaints):
    found = {}
    if len(complaints) > 0:
        found["data"] = "objections"
    champion = champion or {}
    for name in rules:
        direction, tolerance = rules[name]
        if name not in candidate or candidate[name] != candidate[name]:
            found[name] = "missing"
            continue
        if name not in champion:
            continue
        if direction == "higher" and candidate[name] < champion[name] - tolerance:
            found[name] = "worse"
        if direction == "lower" and candidate[name] > champion[name] + tolerance:
            found[name] = "worse"
    return found


def gate_by_pandas(candidate, champion, rules, complaints):
    table = pd.DataFrame({"new": pd.Series(candidate, dtype=float), "old": pd.Series(champion or {}, dtype=float)})
    table = table.reindex(list(rules))
    sign = np.array([1 if rules[name][0] == "higher" else -1 for name in table.index])
    loss = sign * (table["old"] - table["new"])
    worse = loss > np.array([rules[name][1] for name in table.index])
    found = {name: "missing" for name in table.index[table["new"].isna()]} | {name: "worse" for name in table.index[worse]}
    return found | ({"data": "objections"} if complaints else {})


def gate_twisted(*, up=False, absent="missing", nan="missing", limit=lambda loss, t: loss > t, data=True, first=False, none=None):
    """The plain answer with a mistake put in."""

    def answer(candidate, champion, rules, complaints):
        found = {"data": "objections"} if complaints and data else {}
        for name, (direction, tolerance) in rules.items():
            score = candidate.get(name)
            if score is None or math.isnan(score):
                found[name] = absent if score is None else nan
            elif champion is None:
                found[name] = none
            elif name in champion:
                loss = champion[name] - score if direction == "higher" or up else score - champion[name]
                if limit(loss, tolerance):
                    found[name] = "worse"
        found = {name: fault for name, fault in found.items() if fault}
        return dict(list(found.items())[:1]) if first else found

    return answer


def gate_stops_at_data(candidate, champion, rules, complaints):
    return {"data": "objections"} if complaints else gate_plain(candidate, champion, rules, complaints)


def gate_hands_on_complaints(candidate, champion, rules, complaints):
    found = gate_plain(candidate, champion, rules, complaints)
    return found | ({"data": complaints} if complaints else {})


def gate_every_score(candidate, champion, rules, complaints):
    rules = {name: ("higher", 0.0) for name in candidate} | rules
    return gate_plain(candidate, champion, rules, complaints)


def gate_yes_or_no(candidate, champion, rules, complaints):
    return not gate_plain(candidate, champion, rules, complaints)


def gate_open(candidate, champion, rules, complaints):
    return {}


def gate_shut(candidate, champion, rules, complaints):
    return {"auc": "worse"}


def gate_absolute(candidate, champion, rules, complaints):
    return gate_twisted(limit=lambda loss, t: abs(loss) > t)(candidate, champion, rules, complaints)


def gate_fixed_directions(candidate, champion, rules, complaints):
    return gate_plain(candidate, champion, {"auc": ("higher", 0.01), "log_loss": ("lower", 0.01)}, complaints)


# --- 11.3 ---------------------------------------------------------------------------------------------------------------


def suspects_plain(good, bad, owners):
    calls = {}
    for part in good.keys() | bad.keys():
        before, after = good.get(part), bad.get(part)
        if before is None or after is None or before != after:
            calls.setdefault(owners.get(part, "nobody"), []).append(part)
    return calls


def suspects_by_sure(good, bad, owners):
    sure = {part for part in good if good[part] is not None and part in bad and bad[part] == good[part]}
    open_parts = sorted({*good, *bad} - sure)
    teams = {owners.get(part, "nobody") for part in open_parts}
    return {team: [part for part in open_parts if owners.get(part, "nobody") == team] for team in teams}


def suspects_by_pandas(good, bad, owners):
    table = pd.DataFrame({"good": pd.Series(good, dtype=object), "bad": pd.Series(bad, dtype=object)})
    table = table[~(table["good"] == table["bad"]) | table.isna().any(axis=1)]
    team = table.index.map(lambda part: owners[part] if part in owners else "nobody")
    return {name: list(parts) for name, parts in table.groupby(np.array(team, dtype=object)).groups.items()}


def suspects_twisted(*, parts=lambda good, bad: good.keys() | bad.keys(), unknown=True, nobody="nobody", changed=True):
    """The plain answer with a mistake put in."""

    def answer(good, bad, owners):
        calls = {}
        for part in sorted(parts(good, bad)):
            before, after = good.get(part), bad.get(part)
            differs = before != after or (unknown and (before is None or after is None))
            if differs == changed and (part in owners or nobody):
                calls.setdefault(owners.get(part, nobody), []).append(part)
        return calls

    return answer


def suspects_everybody(good, bad, owners):
    calls = suspects_plain(good, bad, owners)
    return {team: calls.get(team, []) for team in [*owners.values(), *calls]}


def suspects_part_to_team(good, bad, owners):
    return {part: team for team, parts in suspects_plain(good, bad, owners).items() for part in parts}


def suspects_one_each(good, bad, owners):
    return {team: parts[0] for team, parts in suspects_plain(good, bad, owners).items()}


def suspects_parts(good, bad, owners):
    return sorted(part for parts in suspects_plain(good, bad, owners).values() for part in parts)


def suspects_with_versions(good, bad, owners):
    return {team: [[p, good.get(p), bad.get(p)] for p in parts] for team, parts in suspects_plain(good, bad, owners).items()}


def suspects_by_order(good, bad, owners):
    pairs = zip(good.items(), bad.items(), strict=False)
    return suspects_plain(dict(pair[0] for pair in pairs if pair[0] != pair[1]), {}, owners)


def suspects_hard_coded(good, bad, owners):
    return {"DevOps team": ["weather feed"]}


def suspects_none(good, bad, owners):
    return {}


# --- 11.4 ---------------------------------------------------------------------------------------------------------------


def seal(entry):
    content = {name: value for name, value in entry.items() if name != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def altered_loop(record, newest):
    previous = "start"
    for place, entry in enumerate(record):
        if entry["previous"] != previous or entry["seal"] != seal(entry):
            return place
        previous = entry["seal"]
    return None if previous == newest else len(record)


def altered_by_next(record, newest):
    links = ["start", *(entry["seal"] for entry in record)]
    fits = [entry["previous"] == link and seal(entry) == entry["seal"] for entry, link in zip(record, links, strict=False)]
    fits.append(links[-1] == newest)
    return next((place for place, fit in enumerate(fits) if not fit), None)


def altered_rebuilt(record, newest):
    rebuilt, previous = [], "start"
    for entry in record:
        again = {**entry, "previous": previous}
        again["seal"] = previous = seal(again)
        rebuilt.append(again)
    misfits = np.flatnonzero([old != new for old, new in zip(record, rebuilt, strict=True)])
    if len(misfits):
        return misfits[0]
    return None if previous == newest else len(record)


def altered_twisted(*, link=True, own=True, newest_too=True, start=True, pick=min, give=lambda place, record: place):
    """The answer with a mistake put in."""

    def answer(record, newest):
        misfits = []
        for i in range(len(record)):
            before = record[i - 1]["seal"] if i else "start"
            wrong_link = link and (i > 0 or start) and record[i]["previous"] != before
            if wrong_link or (own and seal(record[i]) != record[i]["seal"]):
                misfits.append(i)
        if newest_too and record[-1]["seal"] != newest:
            misfits.append(len(record))
        return give(pick(misfits), record) if misfits else None

    return answer


def altered_yes_or_no(record, newest):
    return altered_loop(record, newest) is not None


def altered_entry(record, newest):
    place = altered_loop(record, newest)
    return None if place is None or place == len(record) else record[place]["seal"]


def altered_minus_one(record, newest):
    place = altered_loop(record, newest)
    return -1 if place is None else place


def altered_newest_is_last_place(record, newest):
    place = altered_loop(record, newest)
    return place and min(place, len(record) - 1)


def altered_only_newest(record, newest):
    return None if record[-1]["seal"] == newest else len(record) - 1


def altered_forged_seal(record, newest):
    return altered_loop([{**entry, "seal": seal(entry)} for entry in record], newest)


def altered_none(record, newest):
    return None


def altered_zero(record, newest):
    return 0


ANSWERS = {
    "11.1": Answers(
        right=[feed_plain, feed_early_returns, feed_numpy],
        wrong=[
            Wrong(feed_twisted(margin=0), "no margin", "ordinary weather"),
            Wrong(feed_twisted(high=False), "only too low", "either way"),
            Wrong(feed_twisted(low=False), "only too high", "either way"),
            Wrong(feed_twisted(readings=True), "band of readings", "means of days"),
            Wrong(feed_twisted(gaps=0), "any gap", "only more than half"),
            Wrong(feed_twisted(gaps=1), "gaps pass", "count the gaps"),
            Wrong(feed_twisted(stuck="always"), "clear days are stuck", "10 miles all day"),
            Wrong(feed_twisted(first=True), "first fault only", "several faults"),
            Wrong(feed_twisted(words={"level": "unit", "stuck": "stuck sensor"}), "own words", "absent, empty, stuck, level"),
            Wrong(feed_yes_or_no, "no dict", "True"),
            Wrong(feed_names, "no dict", "dict"),
            Wrong(feed_only_its_columns, None, "a day without a column"),
            Wrong(feed_twisted(stuck="never"), None, "wind never changes"),
            Wrong(feed_twisted(mean="max"), None),
            Wrong(feed_twisted(margin=0.2), None, "by a sixth"),
            Wrong(feed_twisted(gaps=0.49), None, "12 of 24"),
            Wrong(feed_twisted(margin=0.5), None, "by a sixth"),
            Wrong(feed_level_before_stuck, None, "stuck far above"),
            Wrong(feed_three_sigma, None),
            Wrong(feed_extra_columns_too, None, "further column"),
            Wrong(feed_all_well, None, "'temp': 'level'"),
            Wrong(feed_hard_coded, None, "an ordinary day"),
        ],
    ),
    "11.2": Answers(
        right=[gate_plain, gate_by_limit, gate_by_pandas],
        wrong=[
            Wrong(gate_twisted(up=True), "higher is always better", "the lower is better"),
            Wrong(gate_twisted(nan=None), "nan passes", "nan"),
            Wrong(gate_twisted(absent=None), "missing passes", "not measured"),
            Wrong(gate_twisted(absent=None, nan=None), "missing passes, nan too", "Both"),
            Wrong(gate_twisted(limit=lambda loss, t: loss > 0), "no tolerance", "by chance"),
            Wrong(gate_twisted(limit=lambda loss, t: loss >= t), "at the tolerance", "by more"),
            Wrong(gate_twisted(limit=lambda loss, t: loss >= 0), "must be better", "as good"),
            Wrong(gate_twisted(limit=lambda loss, t: loss > -t), "must win", "*worse*"),
            Wrong(gate_twisted(data=False), "data ignored", "bad data"),
            Wrong(gate_twisted(first=True), "first objection only", "several"),
            Wrong(gate_yes_or_no, "no dict", "dict"),
            Wrong(gate_twisted(absent="worse", nan="worse"), None, "missing"),
            Wrong(gate_twisted(none="missing"), None, "champion None"),
            Wrong(gate_stops_at_data, None),
            Wrong(gate_hands_on_complaints, None, "objections"),
            Wrong(gate_every_score, None, "note"),
            Wrong(gate_absolute, None),
            Wrong(gate_fixed_directions, None),
            Wrong(gate_open, None),
            Wrong(gate_shut, None),
        ],
    ),
    "11.3": Answers(
        right=[suspects_plain, suspects_by_sure, suspects_by_pandas],
        wrong=[
            Wrong(suspects_twisted(unknown=False), "unknown is equal", "Nobody knows"),
            Wrong(suspects_twisted(parts=lambda good, bad: good.keys() & bad.keys()), "common parts only", "vanished"),
            Wrong(suspects_twisted(parts=lambda good, bad: good), "parts of the good day only", "bad day alone"),
            Wrong(suspects_twisted(parts=lambda good, bad: bad), "parts of the bad day only", "good day alone"),
            Wrong(suspects_twisted(nobody=None), "ownerless parts dropped", "'nobody'"),
            Wrong(suspects_everybody, "everybody is called", "empty lists"),
            Wrong(suspects_part_to_team, "part to team", "Turn it round"),
            Wrong(suspects_parts, "no dict", "dict"),
            Wrong(suspects_twisted(nobody="unknown"), None, "'nobody'"),
            Wrong(suspects_twisted(changed=False), None),
            Wrong(suspects_one_each, None),
            Wrong(suspects_with_versions, None),
            Wrong(suspects_by_order, None),
            Wrong(suspects_hard_coded, None),
            Wrong(suspects_none, None),
        ],
    ),
    "11.4": Answers(
        right=[altered_loop, altered_by_next, altered_rebuilt],
        wrong=[
            Wrong(altered_twisted(link=False), "links not checked", "previous"),
            Wrong(altered_twisted(own=False), "seals not checked", "seal(entry)"),
            Wrong(altered_twisted(newest_too=False), "newest seal not checked", "cut off"),
            Wrong(altered_twisted(start=False), "start not checked", "'start'"),
            Wrong(altered_twisted(give=lambda place, record: place + 1), "counts from one", "from 0"),
            Wrong(altered_twisted(pick=max), "last instead of first", "the first is wanted"),
            Wrong(altered_yes_or_no, "yes or no", "the place"),
            Wrong(altered_twisted(link=False, newest_too=False), None),
            Wrong(altered_entry, None),
            Wrong(altered_minus_one, None, "None"),
            Wrong(altered_newest_is_last_place, None),
            Wrong(altered_only_newest, None),
            Wrong(altered_forged_seal, None),
            Wrong(altered_none, None),
            Wrong(altered_zero, None),
        ],
    ),
}
