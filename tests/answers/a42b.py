"""Answers to the questions of 42b, DVC."""

import graphlib
import json

from tests.answers import Answers, Wrong

# --- 42b.1 --------------------------------------------------------------------------------------------------------------


def differs(name, stages, lock, now, kinds=("deps", "outs")):
    return name not in lock or any(now.get(path) != lock[name][kind].get(path) for kind in kinds for path in stages[name][kind])


def in_order(found, stages):
    graph = {
        name: [other for other in found if set(stages[other]["outs"]) & set(stages[name]["deps"])]
        for name in stages
        if name in found
    }
    return list(graphlib.TopologicalSorter(graph).static_order())


def spread(found, stages, rounds=99):
    for _ in range(rounds):
        dirty = {path for name in found for path in stages[name]["outs"]}
        found = found | {name for name in stages if dirty & set(stages[name]["deps"])}
    return found


def stale(stages, lock, now):
    return in_order(spread({name for name in stages if differs(name, stages, lock, now)}, stages), stages)


def stale_by_running_through(stages, lock, now):
    """In the order of a run: what a stale stage writes is dirty from then on."""
    waiting, made, dirty, found = list(stages), set(), set(), []
    written = {path for stage in stages.values() for path in stage["outs"]}
    while waiting:
        name = next(name for name in waiting if all(path in made or path not in written for path in stages[name]["deps"]))
        waiting.remove(name)
        made |= set(stages[name]["outs"])
        if differs(name, stages, lock, now) or dirty & set(stages[name]["deps"]):
            dirty |= set(stages[name]["outs"])
            found.append(name)
    return found


def stale_recursive(stages, lock, now):
    maker = {path: name for name, stage in stages.items() for path in stage["outs"]}
    found = []

    def visit(name):
        above = [visit(maker[path]) for path in stages[name]["deps"] if path in maker]
        must = any(above) or differs(name, stages, lock, now)
        if must and name not in found:
            found.append(name)
        return must

    for name in stages:
        visit(name)
    return tuple(found)


def stale_direct(stages, lock, now):
    return in_order({name for name in stages if differs(name, stages, lock, now)}, stages)


def stale_one_step(stages, lock, now):
    return in_order(spread({name for name in stages if differs(name, stages, lock, now)}, stages, 1), stages)


def stale_inputs(stages, lock, now):
    return in_order(spread({name for name in stages if differs(name, stages, lock, now, ["deps"])}, stages), stages)


def stale_outputs(stages, lock, now):
    return in_order(spread({name for name in stages if differs(name, stages, lock, now, ["outs"])}, stages), stages)


def stale_known_only(stages, lock, now):
    return in_order(spread({name for name in lock if differs(name, stages, lock, now)}, stages), stages)


def stale_if_here(stages, lock, now):
    found = set()
    for name, stage in stages.items():
        if name not in lock:
            found.add(name)
            continue
        known = lock[name]["deps"] | lock[name]["outs"]
        if any(path in now and path in known and now[path] != known[path] for path in stage["deps"] + stage["outs"]):
            found.add(name)
    return in_order(spread(found, stages), stages)


def stale_everything(stages, lock, now):
    return in_order(set(stages), stages) if stale(stages, lock, now) else []


def stale_alphabetical(stages, lock, now):
    return sorted(stale(stages, lock, now))


def stale_backwards(stages, lock, now):
    return stale(stages, lock, now)[::-1]


def stale_as_yaml_has_it(stages, lock, now):
    found = stale(stages, lock, now)
    return [name for name in stages if name in found]


def stale_fresh_ones(stages, lock, now):
    return [name for name in stages if name not in stale(stages, lock, now)]


def stale_paths(stages, lock, now):
    return [path for name in stale(stages, lock, now) for path in stages[name]["outs"]]


def stale_as_dict(stages, lock, now):
    return {name: name in stale(stages, lock, now) for name in stages}


def stale_twice(stages, lock, now):
    return stale(stages, lock, now) * 2


def stale_count(stages, lock, now):
    return len(stale(stages, lock, now))


def stale_visible(stages, lock, now):
    return ["train", "evaluate"]


# --- 42b.2 --------------------------------------------------------------------------------------------------------------

FILE = "data/train.parquet"


def lineage(prediction, versions, runs, locks, cache):
    told = dict.fromkeys(["version", "run", "commit", "data", "broken"])
    version = str(prediction.get("version"))
    if version not in versions:
        return told | {"broken": "version"}
    told["version"] = version
    run = versions[version].get("run_id")
    if run not in runs:
        return told | {"broken": "run"}
    told["run"] = run
    commit = runs[run].get("commit")
    if commit not in locks:
        return told | {"broken": "commit"}
    told["commit"] = commit
    data = locks[commit].get(FILE)
    if data not in cache:
        return told | {"broken": "data"}
    told["data"] = data
    return told | {"broken": None if cache[data] == runs[run].get("data") else "bytes"}


def lineage_by_table(prediction, versions, runs, locks, cache):
    steps = [
        ("version", versions, lambda _: str(prediction.get("version"))),
        ("run", runs, lambda entry: entry.get("run_id")),
        ("commit", locks, lambda entry: entry.get("commit")),
        ("data", cache, lambda entry: entry.get(FILE)),
    ]
    told, entry, facts = {name: None for name, _, _ in steps}, None, None
    for name, known, value in steps:
        key = value(entry)
        if key not in known:
            return {**told, "broken": name}
        told[name], entry = key, known[key]
        facts = entry if name == "run" else facts
    return {**told, "broken": None if entry == facts.get("data") else "bytes"}


def lineage_by_errors(prediction, versions, runs, locks, cache):
    told = {"version": None, "run": None, "commit": None, "data": None}
    link = "version"
    try:
        version = f"{prediction['version']}"
        versions[version]
        told["version"], link = version, "run"
        facts = runs[versions[version]["run_id"]]
        told["run"], link = versions[version]["run_id"], "commit"
        lock = locks[facts["commit"]]
        told["commit"], link = facts["commit"], "data"
        sha256 = cache[lock[FILE]]
        told["data"], link = lock[FILE], "bytes"
        if facts["data"] == sha256:
            link = None
    except KeyError:
        pass
    return told | {"broken": link}


def lineage_number(prediction, versions, runs, locks, cache):
    if not isinstance(prediction.get("version"), str):
        prediction = {"version": "absent"}
    return lineage(prediction, versions, runs, locks, cache)


def lineage_newest(prediction, versions, runs, locks, cache):
    return lineage({"version": max(versions)}, versions, runs, locks, cache)


def lineage_unchecked(prediction, versions, runs, locks, cache):
    told = lineage(prediction, versions, runs, locks, cache)
    return told | {"broken": None if told["broken"] == "bytes" else told["broken"]}


def lineage_keeps(prediction, versions, runs, locks, cache):
    told = lineage(prediction, versions, runs, locks, cache)
    version = prediction.get("version")
    version = None if version is None else str(version)
    run = versions.get(version, {}).get("run_id")
    commit = runs.get(run, {}).get("commit")
    return told | {"version": version, "run": run, "commit": commit, "data": locks.get(commit, {}).get(FILE)}


def lineage_no_cache(prediction, versions, runs, locks, cache):
    full = cache | {entry[FILE]: cache.get(entry[FILE]) for entry in locks.values() if FILE in entry}
    return lineage(prediction, versions, runs, locks, full)


def lineage_sha(prediction, versions, runs, locks, cache):
    told = lineage(prediction, versions, runs, locks, cache)
    return told | {"data": cache.get(told["data"])}


def lineage_judge(prediction, versions, runs, locks, cache):
    renamed = {commit: {FILE: entry["data/judge.parquet"]} for commit, entry in locks.items()}
    return lineage(prediction, versions, runs, renamed, cache)


def lineage_last_link(prediction, versions, runs, locks, cache):
    told = lineage(prediction, versions, runs, locks, cache)
    return told | {"broken": told["broken"] and "bytes"}


def lineage_one_short(prediction, versions, runs, locks, cache):
    told = lineage(prediction, versions, runs, locks, cache)
    return {name: value for name, value in told.items() if value is not None}


def lineage_true(prediction, versions, runs, locks, cache):
    return lineage(prediction, versions, runs, locks, cache)["broken"] is None


def lineage_raises(prediction, versions, runs, locks, cache):
    run = versions[str(prediction["version"])]["run_id"]
    commit = runs[run]["commit"]
    return {"version": prediction["version"], "run": run, "commit": commit, "data": locks[commit][FILE], "broken": None}


def lineage_empty(prediction, versions, runs, locks, cache):
    return dict.fromkeys(["version", "run", "commit", "data", "broken"])


def lineage_lists(prediction, versions, runs, locks, cache):
    return {name: [value] for name, value in lineage(prediction, versions, runs, locks, cache).items()}


# --- 42b.3 --------------------------------------------------------------------------------------------------------------

PIPELINE = """stages:
  clean:
    cmd: python clean.py
    deps: [clean.py, data/january.csv]
    params: [clean.late]
    outs: [clean.csv]
  train:
    cmd: python train.py
    deps: [train.py, clean.csv]
    params: [train.weight]
    outs: [model.json]
  evaluate:
    cmd: python evaluate.py
    deps: [evaluate.py, model.json, data/judge.csv]
    metrics: [metrics.json: {cache: false}]
"""
BACKWARDS = """# other names, other order, whole groups of settings, outputs outside the cache, a description
metrics: [metrics.json]
stages:
  judge:
    desc: The error on flights of another month
    cmd: [python evaluate.py]
    deps:
    - data/judge.csv
    - evaluate.py
    - model.json
    metrics:
    - metrics.json:
        cache: false
  fit:
    cmd: python ./train.py
    params:
    - train
    deps: ["train.py", "clean.csv"]
    outs: [model.json: {cache: false}]
  flights:
    cmd: python clean.py
    params: [params.yaml: [clean]]
    deps: [data/january.csv, clean.py]
    outs: [clean.csv: {persist: true}]
"""
AS_JSON = json.dumps(
    {
        "vars": [{"made": "clean.csv"}],
        "stages": {
            "clean": {
                "cmd": "python clean.py",
                "deps": ["clean.py", "data/january.csv"],
                "params": ["clean.late"],
                "outs": ["${made}"],
            },
            "train": {
                "cmd": "python train.py",
                "deps": ["train.py", "${made}"],
                "params": ["train.weight"],
                "outs": ["model.json"],
            },
            "evaluate": {
                "cmd": "python evaluate.py",
                "deps": ["evaluate.py", "model.json", "data/judge.csv"],
                "metrics": [{"metrics.json": {"cache": False}}],
            },
        },
    }
)
TOGETHER = """stages:
  all:
    cmd: [python clean.py, python train.py, python evaluate.py]
    deps: [clean.py, train.py, evaluate.py, data/january.csv, data/judge.csv]
    params: [clean.late, train.weight]
    outs: [clean.csv, model.json]
    metrics: [metrics.json: {cache: false}]
"""


def but(old, new=""):
    """The right pipeline with one thing otherwise."""
    assert PIPELINE.count(old) == 1, old
    return PIPELINE.replace(old, new)


ANSWERS = {
    "42b.1": Answers(
        right=[stale, stale_by_running_through, stale_recursive],
        wrong=[
            Wrong(stale_direct, "direct only", "reads it"),
            Wrong(stale_one_step, "one step on", "repeat"),
            Wrong(stale_inputs, "inputs only", "*writes*"),
            Wrong(stale_outputs, "outputs only", "`deps`"),
            Wrong(stale_known_only, "never ran", "never run"),
            Wrong(stale_if_here, "absent is fine", "not here"),
            Wrong(stale_everything, "everything", "left alone"),
            Wrong(stale_alphabetical, "wrong order", "their order is not"),
            Wrong(stale_backwards, "wrong order", "reads what"),
            Wrong(stale_as_yaml_has_it, "wrong order", "reads what"),
            Wrong(stale_fresh_ones, None, "to be run"),
            Wrong(stale_paths, None, "to be run"),
            Wrong(stale_as_dict, None, "Return a list"),
            Wrong(stale_twice, None, "to be run"),
            Wrong(stale_count, None, "Return a list"),
            Wrong(stale_visible, None, "to be run"),
        ],
    ),
    "42b.2": Answers(
        right=[lineage, lineage_by_table, lineage_by_errors],
        wrong=[
            Wrong(lineage_number, "number for text", "as text"),
            Wrong(lineage_newest, "newest", "*this* prediction"),
            Wrong(lineage_unchecked, "bytes not checked", "compare the bytes"),
            Wrong(lineage_keeps, "dead ends kept", "not reached"),
            Wrong(lineage_no_cache, "cache not asked", "brought back"),
            Wrong(lineage_sha, None, "'data' should be"),
            Wrong(lineage_judge, None, "should be"),
            Wrong(lineage_last_link, None, "'broken' should be"),
            Wrong(lineage_one_short, None, "Return a dict"),
            Wrong(lineage_true, None, "Return a dict"),
            Wrong(lineage_raises),
            Wrong(lineage_empty, None, "should be"),
            Wrong(lineage_lists, None, "should be"),
        ],
    ),
    "42b.3": Answers(
        costly=True,
        right=[PIPELINE, BACKWARDS, AS_JSON],
        wrong=[
            Wrong(but(", data/january.csv"), "data forgotten", "data/january.csv, clean.py was not run again"),
            Wrong(but(", data/judge.csv"), "data forgotten", "metrics.json still says"),
            Wrong(but("clean.py, "), "script forgotten", "Other code"),
            Wrong(but("evaluate.py, "), "script forgotten", "evaluate.py was not run again"),
            Wrong(but("    params: [train.weight]\n"), "parameter forgotten", "train.weight"),
            Wrong(but("    params: [clean.late]\n"), "parameter forgotten", "clean.late"),
            Wrong(but("params: [train.weight]", "params: [clean.late, train.weight]"), "all parameters", "its own settings"),
            Wrong(but("params: [clean.late]", "params: [params.yaml: ]"), "all parameters", "does not read it"),
            Wrong(TOGETHER, "one stage", "shares its stage"),
            Wrong(but("clean.py\n", "clean.py\n    always_changed: true\n"), "always changed", "With nothing changed"),
            Wrong(but("    outs: [clean.csv]\n"), "output not declared", "clean.csv is made"),
            Wrong(but("    metrics: [metrics.json: {cache: false}]\n"), "output not declared", "metrics.json is made"),
            Wrong(but(", clean.csv]", "]"), "chain broken", "clean.csv"),
            Wrong(but("model.json, "), "chain broken", "model.json"),
            Wrong(but("train.py, clean.csv", "train.py, clean.csv, data/january.csv"), "too much", "a cancelled flight"),
            Wrong(but("[clean.py, ", "[clean.py, metrics.json, "), "circular", "both a dependency and an output"),
            Wrong(but("data/january.csv", "data/januray.csv"), "misspelt", "januray.csv"),
            Wrong(but("outs: [model.json]", "outs: [modle.json]"), "misspelt", "'modle.json' does not exist"),
            Wrong(but("train.weight", "train.wieght"), "misspelt", "'train.wieght' are missing"),
            Wrong(but("python train.py", "python trian.py"), "misspelt", "trian.py"),
            Wrong(
                but("metrics: [metrics.json: {cache: false}]", "outs: [metrics.json: {cache: false}]"),
                "no metrics",
                "metrics show",
            ),
            Wrong(but("metrics.json: {cache: false}", "metrics.json"), "metrics in the cache", "cache: false"),
            Wrong(but("data/january.csv", "/data/flights/january.csv"), "absolute path", "leads out"),
            Wrong(but("data/january.csv", "C:\\\\flights\\\\january.csv"), "absolute path", "leads out"),
            Wrong(but("outs: [model.json]", "outs: [../model.json]"), "absolute path", "../model.json"),
            Wrong(but("cmd: python clean.py", "cmd: [python clean.py"), "not YAML", "no YAML"),
            Wrong(PIPELINE.replace("    ", "\t"), "not YAML", "cannot start any token"),
            Wrong(but("params: [clean.late]", "parameters: [clean.late]"), "no stages", "extra keys not allowed"),
            Wrong("dvc repro", "no stages", "a dictionary"),
            Wrong("", None, "nothing"),
            Wrong(PIPELINE[: PIPELINE.index("  evaluate:")], None, "each of the three"),
            Wrong({"stages": {}}, None, "as one text"),
        ],
    ),
}
