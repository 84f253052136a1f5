"""Answers to the questions of 23, compare and reproduce."""

import hashlib
import itertools
from collections import defaultdict
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

from tests.answers import Answers, Wrong

# --- 23.1 ---------------------------------------------------------------------------------------------------------------


def mattered(runs, metric, *, combine=lambda gaps: sum(gaps) / len(gaps), size=abs, unknown=None, loose=False):
    whole = [run for run in runs if metric in run["metrics"]]
    gaps = {name: [] for name in runs[0]["params"]}
    for a, b in itertools.combinations(whole, 2):
        changed = [name for name in gaps if a["params"][name] != b["params"][name]]
        for name in changed:
            if loose or len(changed) == 1:
                gaps[name].append(size(a["metrics"][metric] - b["metrics"][metric]))
    return {name: combine(found) if found else unknown for name, found in gaps.items()}


def mattered_by_groups_of_others(runs, metric):
    effects = {}
    for name in runs[0]["params"]:
        alike = defaultdict(list)
        for run in runs:
            if metric in run["metrics"]:
                rest = tuple(sorted((key, value) for key, value in run["params"].items() if key != name))
                alike[rest].append(run["metrics"][metric])
        pairs = [abs(a - b) for values in alike.values() for a, b in itertools.combinations(values, 2)]
        effects[name] = np.mean(pairs) if pairs else None
    return effects


def mattered_both_ways(runs, metric):
    table = pd.DataFrame([{**run["params"], "metric": run["metrics"].get(metric)} for run in runs]).dropna()
    names = list(runs[0]["params"])
    gaps = defaultdict(list)
    for (_, a), (_, b) in itertools.permutations(table.iterrows(), 2):
        if (a[names] != b[names]).sum() == 1:
            gaps[next(name for name in names if a[name] != b[name])].append(abs(a["metric"] - b["metric"]))
    return {name: float(np.mean(gaps[name])) if gaps[name] else None for name in names}


def mattered_groups(runs, metric):
    effects = {}
    for name in runs[0]["params"]:
        groups = defaultdict(list)
        for run in runs:
            if metric in run["metrics"]:
                groups[run["params"][name]].append(run["metrics"][metric])
        means = [sum(group) / len(group) for group in groups.values()]
        effects[name] = max(means) - min(means)
    return effects


def mattered_loose(runs, metric):
    return mattered(runs, metric, loose=True)


def mattered_signed(runs, metric):
    return mattered(runs, metric, size=lambda gap: gap)


def mattered_signed_the_other_way(runs, metric):
    return mattered(runs, metric, size=lambda gap: -gap)


def mattered_signed_both_ways(runs, metric):
    return {name: value and 0.0 for name, value in mattered(runs, metric).items()}


def mattered_largest(runs, metric):
    return mattered(runs, metric, combine=max)


def mattered_zero(runs, metric):
    return mattered(runs, metric, unknown=0)


def mattered_sum(runs, metric):
    return mattered(runs, metric, combine=sum)


def mattered_nan(runs, metric):
    return mattered(runs, metric, unknown=float("nan"))


def mattered_known_only(runs, metric):
    return {name: value for name, value in mattered(runs, metric).items() if value is not None}


def mattered_sorted(runs, metric):
    return sorted(mattered(runs, metric))


def mattered_text(runs, metric):
    return {name: str(value) for name, value in mattered(runs, metric).items()}


def mattered_huge(runs, metric):
    return {name: 10**400 for name in runs[0]["params"]}


def mattered_one_metric(runs, metric):
    return mattered([run for run in runs if "log_loss" in run["metrics"]], "log_loss")


def mattered_needs_the_metric(runs, metric):
    return {name: abs(runs[0]["metrics"][metric] - runs[4]["metrics"][metric]) for name in runs[0]["params"]}


# --- 23.2 ---------------------------------------------------------------------------------------------------------------


def reasons(record, here):
    found = []
    if record.get("commit") not in here["commits"]:
        found.append("commit")
    if record.get("dirty") != "False":
        found.append("dirty")
    if record.get("data") != here["data"]:
        found.append("data")
    if record.get("environment") != here["environment"]:
        found.append("environment")
    if "seed" not in record:
        found.append("seed")
    return found


def reasons_by_table(record, here):
    fine = {
        "commit": set(here["commits"]),
        "dirty": {"False"},
        "data": {here["data"]},
        "environment": {here["environment"]},
        "seed": {record.get("seed")} - {None},
    }
    return [fact for fact, values in fine.items() if record.get(fact) not in values]


def reasons_as_tuple(record, here):
    checks = [
        ("commit", any(record.get("commit") == commit for commit in here["commits"])),
        ("dirty", "dirty" in record and record["dirty"] == "False"),
        *((fact, fact in record and record[fact] == here[fact]) for fact in ("data", "environment")),
        ("seed", bool(record.get("seed"))),
    ]
    return tuple(fact for fact, good in checks if not good)


def reasons_text_is_true(record, here):
    found = [fact for fact in reasons(record, here) if fact != "dirty"]
    if bool(record.get("dirty", True)):
        found.insert("commit" in found, "dirty")
    return found


def reasons_newest_only(record, here):
    return reasons(record, {**here, "commits": here["commits"][-1:]})


def reasons_first(record, here):
    return reasons(record, here)[:1]


def reasons_absent_is_fine(record, here):
    return [fact for fact in reasons(record, here) if fact in record]


def reasons_zero_is_none(record, here):
    return reasons(record, here) + ["seed"] * (record.get("seed") == "0")


def reasons_yes_or_no(record, here):
    return not reasons(record, here)


def reasons_or_none(record, here):
    return reasons(record, here) or None


def reasons_as_set(record, here):
    return set(reasons(record, here))


def reasons_other_order(record, here):
    return reasons(record, here)[::-1]


def reasons_without_seed(record, here):
    return [fact for fact in reasons(record, here) if fact != "seed"]


def reasons_without_dirty(record, here):
    return [fact for fact in reasons(record, here) if fact != "dirty"]


def reasons_never(record, here):
    return []


def reasons_all(record, here):
    return ["commit", "dirty", "data", "environment", "seed"]


def reasons_as_text(record, here):
    return ", ".join(reasons(record, here))


def reasons_key_error(record, here):
    return [fact for fact in ("data", "environment") if record[fact] != here[fact]]


# --- 23.3 ---------------------------------------------------------------------------------------------------------------


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def first(runs):
    return runs[0].info.run_id if runs else None


def behind(client, experiment_id, path):
    wanted = f"tags.sha256 = '{sha256(path)}' and attributes.status = 'FINISHED'"
    return first(client.search_runs([experiment_id], wanted, order_by=["attributes.start_time DESC"], max_results=1))


def behind_by_loop(client, experiment_id, path):
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    fits = [run for run in client.search_runs([experiment_id]) if run.data.tags.get("sha256") == digest]
    fits = [run for run in fits if run.info.status == "FINISHED"]
    return max(fits, key=lambda run: run.info.start_time).info.run_id if fits else None


def behind_by_table(client, experiment_id, path):
    runs = mlflow.search_runs([experiment_id]).sort_values("start_time")
    runs = runs[(runs["tags.sha256"] == sha256(path)) & (runs["status"] == "FINISHED")]
    return None if runs.empty else runs["run_id"].iloc[-1]


def behind_name(client, experiment_id, path):
    wanted = f"tags.file = '{path.name}' and attributes.status = 'FINISHED'"
    return first(client.search_runs([experiment_id], wanted))


def behind_name_of_any(client, experiment_id, path):
    return first(client.search_runs([experiment_id], f"tags.file = '{path.name}'"))


def behind_any_status(client, experiment_id, path):
    return first(client.search_runs([experiment_id], f"tags.sha256 = '{sha256(path)}'"))


def behind_oldest(client, experiment_id, path):
    wanted = f"tags.sha256 = '{sha256(path)}' and attributes.status = 'FINISHED'"
    return first(client.search_runs([experiment_id], wanted, order_by=["attributes.start_time ASC"]))


def behind_or_text(client, experiment_id, path):
    return behind(client, experiment_id, path) or "nobody"


def behind_or_empty(client, experiment_id, path):
    return behind(client, experiment_id, path) or ""


def behind_raises(client, experiment_id, path):
    wanted = f"tags.sha256 = '{sha256(path)}' and attributes.status = 'FINISHED'"
    return client.search_runs([experiment_id], wanted)[0].info.run_id


def behind_run_object(client, experiment_id, path):
    run_id = behind(client, experiment_id, path)
    return run_id and client.get_run(run_id)


def behind_hash_of_name(client, experiment_id, path):
    digest = hashlib.sha256(path.name.encode()).hexdigest()
    return first(client.search_runs([experiment_id], f"tags.sha256 = '{digest}'"))


def behind_md5(client, experiment_id, path):
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    return first(client.search_runs([experiment_id], f"tags.sha256 = '{digest}'"))


def behind_as_text(client, experiment_id, path):
    digest = hashlib.sha256(path.read_text(encoding="utf-8").encode()).hexdigest()
    return first(client.search_runs([experiment_id], f"tags.sha256 = '{digest}'"))


def behind_all(client, experiment_id, path):
    runs = client.search_runs([experiment_id], f"tags.sha256 = '{sha256(path)}'")
    return [run.info.run_id for run in runs]


def behind_newest_of_all(client, experiment_id, path):
    return first(client.search_runs([experiment_id], "attributes.status = 'FINISHED'"))


def behind_invented(client, experiment_id, path):
    return "3ac5277954904597ace18857571fa712"


# --- 23.4 ---------------------------------------------------------------------------------------------------------------


def candidates(client, name):
    """The champion, and where one may go back to, the last one first."""
    champion = client.get_model_version_by_alias(name, "champion")
    now = champion.tags.get("promoted_at", "")
    versions = client.search_model_versions(f"name = '{name}'")
    fits = [v for v in versions if v.tags.get("promoted_at", "9") < now and "rolled_back" not in v.tags]
    return champion, sorted(fits, key=lambda v: v.tags["promoted_at"], reverse=True)


def roll_back(client, name, reason):
    champion, fits = candidates(client, name)
    if not fits:
        return None
    client.set_model_version_tag(name, champion.version, "rolled_back", reason)
    client.set_registered_model_alias(name, "champion", fits[0].version)
    return int(fits[0].version)


def roll_back_alias_first(client, name, reason):
    aliases = client.get_registered_model(name).aliases
    left = aliases["champion"]
    limit = client.get_model_version(name, left).tags["promoted_at"]
    target, latest = None, ""
    for version in client.search_model_versions(f"name='{name}'"):
        when = version.tags.get("promoted_at")
        if when is None or "rolled_back" in version.tags or when >= limit:
            continue
        if when > latest:
            target, latest = version.version, when
    if target is not None:
        client.set_registered_model_alias(name, "champion", target)
        client.set_model_version_tag(name, left, "rolled_back", reason)
    return target


def roll_back_by_table(client, name, reason):
    table = pd.DataFrame([{"version": int(v.version), **v.tags} for v in client.search_model_versions(f"name = '{name}'")])
    table = table.reindex(columns=["version", "promoted_at", "rolled_back"]).set_index("version")
    left = int(client.get_registered_model(name).aliases["champion"])
    fits = table[(table["promoted_at"] < table["promoted_at"][left]) & table["rolled_back"].isna()]
    if fits.empty:
        return None
    target = fits["promoted_at"].sort_values().index[-1]
    client.set_model_version_tag(name, str(left), "rolled_back", reason)
    client.set_registered_model_alias(name, "champion", str(target))
    return target


def move(client, name, reason, target, *, mark="left"):
    left = client.get_registered_model(name).aliases["champion"]
    if target is None:
        return None
    if mark:
        client.set_model_version_tag(name, left if mark == "left" else str(target), "rolled_back", reason)
    client.set_registered_model_alias(name, "champion", str(target))
    return int(target)


def roll_back_number_before(client, name, reason):
    left = int(client.get_registered_model(name).aliases["champion"])
    return move(client, name, reason, left - 1 if left > 1 else None)


def latest(versions):
    return max(versions, key=lambda v: v.tags["promoted_at"]).version if versions else None


def promoted(client, name):
    champion = client.get_model_version_by_alias(name, "champion")
    versions = client.search_model_versions(f"name = '{name}'")
    return champion, [v for v in versions if "promoted_at" in v.tags and v.version != champion.version]


def roll_back_to_a_bad_one(client, name, reason):
    champion, versions = promoted(client, name)
    now = champion.tags.get("promoted_at", "")
    return move(client, name, reason, latest([v for v in versions if v.tags["promoted_at"] < now]))


def roll_back_forward(client, name, reason):
    _, versions = promoted(client, name)
    return move(client, name, reason, latest([v for v in versions if "rolled_back" not in v.tags]))


def roll_back_oldest(client, name, reason):
    _, fits = candidates(client, name)
    return move(client, name, reason, fits[-1].version if fits else None)


def roll_back_marks_the_other(client, name, reason):
    _, fits = candidates(client, name)
    return move(client, name, reason, fits[0].version if fits else None, mark="reached")


def roll_back_without_reason(client, name, reason):
    _, fits = candidates(client, name)
    return move(client, name, reason, fits[0].version if fits else None, mark=None)


def roll_back_returns_the_one_left(client, name, reason):
    champion, fits = candidates(client, name)
    roll_back(client, name, reason)
    return int(champion.version) if fits else None


def roll_back_returns_nothing(client, name, reason):
    roll_back(client, name, reason)


def roll_back_returns_the_champion_always(client, name, reason):
    roll_back(client, name, reason)
    return int(client.get_registered_model(name).aliases["champion"])


def roll_back_raises(client, name, reason):
    _, fits = candidates(client, name)
    return move(client, name, reason, fits[0].version)


def roll_back_ping_pong(client, name, reason):
    _, versions = promoted(client, name)
    return move(client, name, reason, latest(versions))


def roll_back_marks_in_every_case(client, name, reason):
    champion, fits = candidates(client, name)
    client.set_model_version_tag(name, champion.version, "rolled_back", reason)
    return move(client, name, reason, fits[0].version if fits else None)


def roll_back_other_tag(client, name, reason):
    champion, fits = candidates(client, name)
    client.set_model_version_tag(name, champion.version, "reason", reason)
    return move(client, name, reason, fits[0].version if fits else None, mark=None)


def roll_back_short_reason(client, name, reason):
    return roll_back(client, name, "bad")


def roll_back_never(client, name, reason):
    return None


def roll_back_deletes_the_alias(client, name, reason):
    client.delete_registered_model_alias(name, "champion")


ANSWERS = {
    "23.1": Answers(
        right=[mattered, mattered_by_groups_of_others, mattered_both_ways],
        wrong=[
            Wrong(mattered_groups, "groups compared"),
            Wrong(mattered_loose, "others change too"),
            Wrong(mattered_signed, "signs cancel"),
            Wrong(mattered_signed_the_other_way, "signs cancel"),
            Wrong(mattered_signed_both_ways, "signs cancel"),
            Wrong(mattered_largest, "largest"),
            Wrong(mattered_zero, "unknown is zero"),
            Wrong(mattered_sum, says="is 0."),
            Wrong(mattered_nan, says="None, as no two runs"),
            Wrong(mattered_known_only, says="keys"),
            Wrong(mattered_sorted, says="Return a dict"),
            Wrong(mattered_text),
            Wrong(mattered_huge),
            Wrong(mattered_one_metric),
            Wrong(mattered_needs_the_metric, says="KeyError"),
            Wrong({"rate": 0.1, "leaves": 0.2, "steps": None}),
            Wrong(0.02),
        ],
    ),
    "23.2": Answers(
        right=[reasons, reasons_by_table, reasons_as_tuple],
        wrong=[
            Wrong(reasons_text_is_true, "text is true"),
            Wrong(reasons_newest_only, "newest only"),
            Wrong(reasons_first, "only the first"),
            Wrong(reasons_absent_is_fine, "absent is fine"),
            Wrong(reasons_zero_is_none, "zero is none"),
            Wrong(reasons_yes_or_no, "no list"),
            Wrong(reasons_or_none, "no list"),
            Wrong(reasons_as_text, "no list"),
            Wrong(reasons_as_set, "other order"),
            Wrong(reasons_other_order, "other order"),
            Wrong(reasons_without_seed, says="seed"),
            Wrong(reasons_without_dirty, says="dirty"),
            Wrong(reasons_never),
            Wrong(reasons_all),
            Wrong(reasons_key_error, says="KeyError"),
            Wrong([]),
            Wrong(["dirty"]),
        ],
    ),
    "23.3": Answers(
        right=[behind, behind_by_loop, behind_by_table],
        wrong=[
            Wrong(behind_name, "by its name"),
            Wrong(behind_name_of_any, "by its name, any run"),
            Wrong(behind_any_status, "unfinished runs"),
            Wrong(behind_oldest, "oldest"),
            Wrong(behind_or_text, "none is none"),
            Wrong(behind_or_empty, "none is none"),
            Wrong(behind_raises, says="IndexError"),
            Wrong(behind_run_object),
            Wrong(behind_hash_of_name),
            Wrong(behind_md5),
            Wrong(behind_as_text, says="UnicodeDecodeError"),
            Wrong(behind_all, says="a list"),
            Wrong(behind_newest_of_all),
            Wrong(behind_invented),
            Wrong(0),
        ],
    ),
    "23.4": Answers(
        right=[roll_back, roll_back_alias_first, roll_back_by_table],
        wrong=[
            Wrong(roll_back_number_before, "number before"),
            Wrong(roll_back_to_a_bad_one, "back to a bad one"),
            Wrong(roll_back_forward, "forward"),
            Wrong(roll_back_oldest, "oldest"),
            Wrong(roll_back_marks_the_other, "reason on the other"),
            Wrong(roll_back_without_reason, "no reason"),
            Wrong(roll_back_returns_the_one_left, "returns something else"),
            Wrong(roll_back_returns_nothing, "returns something else"),
            Wrong(roll_back_returns_the_champion_always, "returns something else"),
            Wrong(roll_back_other_tag, "no reason"),
            Wrong(roll_back_raises, says="IndexError"),
            Wrong(roll_back_ping_pong, says="should be"),
            Wrong(roll_back_marks_in_every_case, says="rolled_back"),
            Wrong(roll_back_short_reason, says="rolled_back"),
            Wrong(roll_back_never),
            Wrong(roll_back_deletes_the_alias),
            Wrong(3),
        ],
    ),
}
