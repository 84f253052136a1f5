"""The questions of 42b, DVC: what has to be run again, the way from a prediction to its data, and a pipeline that DVC runs."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import psutil
import yaml

from helpers.course.verdict import Question, not_yet, passed

# --- 42b.1: what has to be run again ------------------------------------------------------------------------------------

STAGES = {  # not in the order in which they run
    "report": {"deps": ["metrics.json", "report.py"], "outs": ["report.html"]},
    "evaluate": {"deps": ["model", "judge.parquet"], "outs": ["metrics.json"]},
    "train": {"deps": ["train.parquet", "train.py"], "outs": ["model"]},
    "prepare": {"deps": ["raw.csv"], "outs": ["train.parquet"]},
    "weather": {"deps": ["weather.csv"], "outs": ["weather.png"]},
}


def workspaces(rng):
    """The stages, what the lock says of each, and the hashes of the files that are here: each change alone, and some together."""
    paths = sorted({path for stage in STAGES.values() for path in stage["deps"] + stage["outs"]})
    hashes = {path: rng.bytes(4).hex() for path in paths}
    changed = [{path: rng.bytes(4).hex()} for path in paths] + [{path: None} for path in paths]
    changed += [{}, {"raw.csv": None, "weather.csv": "new"}, {"judge.parquet": "new", "report.py": None}]
    cases = [(STAGES, _lock(STAGES, hashes), _without_none(hashes | change)) for change in changed]
    for name in STAGES:  # a stage that never ran, with its files here all the same
        cases.append((STAGES, {key: entry for key, entry in _lock(STAGES, hashes).items() if key != name}, dict(hashes)))
    grown = STAGES | {"train": {"deps": ["train.parquet", "train.py", "weather.csv"], "outs": ["model"]}}
    cases += [(grown, _lock(STAGES, hashes), dict(hashes)), (STAGES, {}, {"raw.csv": hashes["raw.csv"]}), ({}, {}, {})]
    return [cases[i] for i in rng.permutation(len(cases))]


def _lock(stages, hashes):
    return {
        name: {kind: {path: hashes[path] for path in stage[kind]} for kind in ("deps", "outs")} for name, stage in stages.items()
    }


def _without_none(hashes):
    return {path: value for path, value in hashes.items() if value is not None}


def _copy(value):
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return list(value) if isinstance(value, list) else value


def probe_stale(answer, rng):
    return {"stale": [answer(*map(_copy, case)) for case in workspaces(rng)]}


def stale(stages, lock, now, *, reach=99, kinds=("deps", "outs"), new_is_fresh=False, absent_is_fine=False, every=False):
    """The oracle: spread from the changed stages until nothing is added. Each keyword is a twist behind a misconception."""
    found = set()
    for name, stage in stages.items():
        if name not in lock:
            found |= set() if new_is_fresh else {name}
            continue
        for kind in kinds:
            pairs = [(now.get(path), lock[name][kind].get(path)) for path in stage[kind]]
            if any(here != known and not (absent_is_fine and None in (here, known)) for here, known in pairs):
                found.add(name)
    for _ in range(reach):
        written = {path for name in found for path in stages[name]["outs"]}
        found |= {name for name, stage in stages.items() if written & set(stage["deps"])}
    return set(stages) if every and found else found


STALE_MISCONCEPTIONS = {
    "direct only": (
        dict(reach=0),
        "You find the stages whose own files have changed. What they write will change as well, so every stage that reads it, "
        "and every stage behind that one, has to be run too.",
    ),
    "one step on": (
        dict(reach=1),
        "You go one stage on from a change. The change goes on from there: repeat until no stage is added.",
    ),
    "inputs only": (
        dict(kinds=("deps",)),
        "You compare what a stage reads. Where a file that it *writes* is gone or was edited, it has to be run as well.",
    ),
    "outputs only": (dict(kinds=("outs",)), "You compare what a stage writes. What it reads (`deps`) counts first."),
    "never ran": (dict(new_is_fresh=True), "A stage that the lock does not know has never run: it has to be run."),
    "absent is fine": (
        dict(absent_is_fine=True),
        "A file that is not here, or that the lock does not know for this stage, is a change as well: "
        "it has no hash that could be the same.",
    ),
    "everything": (
        dict(every=True),
        "You run every stage as soon as one has changed. Those that do not depend on the change are left alone.",
    ),
}


def judge_stale(evidence, rng):
    cases, got = workspaces(rng), evidence.get("stale")
    if not _many(got, len(cases)) or any(not isinstance(each, list) or not all(isinstance(n, str) for n in each) for each in got):
        return not_yet("Return a list with the names of the stages.")
    want = [sorted(stale(*case)) for case in cases]
    names = [sorted(each) for each in got]
    if names == want:
        late = next((pair for case, each in zip(cases, got, strict=True) if (pair := _too_early(case[0], each))), None)
        if late is None:
            return passed("The fault of too much and of too little are both excluded: that is what `dvc repro` is trusted for.")
        return not_yet(f"The stages are right, their order is not: {late[0]} reads what {late[1]} writes.", "wrong order")
    for name, (twist, message) in STALE_MISCONCEPTIONS.items():
        if names == [sorted(stale(*case, **twist)) for case in cases]:
            return not_yet(message, name)
    (stages, lock, now), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != sorted(row[2]))
    return not_yet(
        f"{_told(stages, lock, now)}: to be run {', '.join(w) or 'nothing'}; yours: {', '.join(g)[:200] or 'nothing'}."
    )


def _many(got, wanted):
    return isinstance(got, list) and len(got) == wanted


def _too_early(stages, order):
    """A stage that stands before one whose output it reads, and that one."""
    for i, name in enumerate(order):
        for later in order[i + 1 :]:
            if set(stages[later]["outs"]) & set(stages[name]["deps"]):
                return name, later
    return None


def _told(stages, lock, now):
    new = [name for name in stages if name not in lock]
    if new:
        return f"Where the lock does not know {', '.join(new)}"
    known = {path: value for entry in lock.values() for part in entry.values() for path, value in part.items()}
    changed = sorted(path for path in known if now.get(path, known[path]) != known[path])
    gone = sorted(path for path in known if path not in now)
    told = [f"{' and '.join(paths)} {what}" for paths, what in ((changed, "changed"), (gone, "gone")) if paths]
    grown = any(set(stages[name]["deps"]) - set(lock[name]["deps"]) for name in stages)
    return "With " + (", ".join(told) or ("one more file in the deps of train" if grown else "nothing changed"))


# --- 42b.2: from a prediction to its data -------------------------------------------------------------------------------

LINKS = ("version", "run", "commit", "data")
FILE = "data/train.parquet"


def records(rng):
    """Predictions and what is on record: whole, and broken at each link in each way."""

    def text(n=4):
        return rng.bytes(n).hex()

    cases = []
    for break_it in [*BREAKS, _nothing, _nothing]:
        names = [{"run": text(), "commit": text(), "md5": text(), "sha256": text(8)} for _ in range(3)]
        place = int(rng.integers(3))
        versions = {str(i): {"run_id": each["run"]} for i, each in enumerate(names, start=1)}
        runs = {each["run"]: {"commit": each["commit"], "data": each["sha256"]} for each in names}
        locks = {each["commit"]: {FILE: each["md5"], "data/judge.parquet": text()} for each in names}
        cache = {each["md5"]: each["sha256"] for each in names}
        case = [{"flight": "UA 1545", "late": 0.31, "version": str(place + 1)}, versions, runs, locks, cache]
        break_it(case, names[place])
        cases.append(case)
    return [cases[i] for i in rng.permutation(len(cases))]


def _nothing(case, names):
    pass


BREAKS = [
    lambda case, names: case[0].update(version=int(case[0]["version"])),  # no break: a number for the text
    lambda case, names: case[0].pop("version"),
    lambda case, names: case[0].update(version="17"),
    lambda case, names: case[0].update(version=None),
    lambda case, names: case[1][case[0]["version"]].pop("run_id"),
    lambda case, names: case[2].pop(names["run"]),
    lambda case, names: case[2][names["run"]].pop("commit"),
    lambda case, names: case[2][names["run"]].update(commit="unknown"),
    lambda case, names: case[3].pop(names["commit"]),
    lambda case, names: case[3][names["commit"]].pop(FILE),
    lambda case, names: case[4].pop(names["md5"]),
    lambda case, names: case[4].update({names["md5"]: "damaged"}),
    lambda case, names: case[2][names["run"]].pop("data"),
    lambda case, names: (case[2][names["run"]].pop("commit"), case[4].pop(names["md5"])),
]


def probe_lineage(answer, rng):
    return {"lineages": [answer(*map(_copy, case)) for case in records(rng)]}


def lineage(
    prediction, versions, runs, locks, cache, *, as_text=True, newest=False, unchecked=False, keeps=False, ask_cache=True
):
    """The oracle: link by link, from the table of the links. Each keyword is a twist behind a misconception."""
    version = list(versions)[-1] if newest else prediction.get("version")
    version = str(version) if as_text and version is not None else version
    run = versions.get(version, {}).get("run_id")
    commit = runs.get(run, {}).get("commit")
    data = locks.get(commit, {}).get(FILE)
    sound = [version in versions, run in runs, commit in locks, data is not None and (data in cache or not ask_cache)]
    broken = next((name for name, fine in zip(LINKS, sound, strict=True) if not fine), None)
    if broken is None and not unchecked and cache.get(data) != runs[run].get("data"):
        broken = "bytes"
    told = dict(zip(LINKS, (version, run, commit, data), strict=True))
    reached = LINKS.index(broken) if broken in LINKS else len(LINKS)
    return {name: told[name] if i < reached or keeps else None for i, name in enumerate(LINKS)} | {"broken": broken}


LINEAGE_MISCONCEPTIONS = {
    "number for text": (
        dict(as_text=False),
        "A service may have logged the version as the number 2; the registry knows it as the text '2'. Compare as text.",
    ),
    "newest": (
        dict(newest=True),
        "You follow the newest version of the registry. Wanted is the one that made *this* prediction.",
    ),
    "bytes not checked": (
        dict(unchecked=True),
        "The chain is whole by name, but you do not compare the bytes: cache[md5] has to be the `data` in the run's record; "
        "otherwise 'bytes' is broken.",
    ),
    "dead ends kept": (
        dict(keeps=True),
        "What leads nowhere is not reached: the broken link and all after it are None.",
    ),
    "cache not asked": (
        dict(ask_cache=False),
        "A hash in the lock whose bytes are in no cache cannot be brought back: then 'data' is the broken link, and it is None.",
    ),
}


def judge_lineage(evidence, rng):
    cases, got = records(rng), evidence.get("lineages")
    if not _many(got, len(cases)) or any(not isinstance(each, dict) or set(each) != {*LINKS, "broken"} for each in got):
        return not_yet(f"Return a dict with the keys {', '.join(LINKS)} and broken, whatever is found.")
    want = [lineage(*case) for case in cases]
    if got == want:
        return passed("When somebody asks why, this is the first function that is called.")
    for name, (twist, message) in LINEAGE_MISCONCEPTIONS.items():
        if got == [lineage(*case, **twist) for case in cases]:
            return not_yet(message, name)
    w, g = next((w, g) for w, g in zip(want, got, strict=True) if w != g)
    where = "for a whole chain" if w["broken"] is None else f"where the link {w['broken']!r} is broken"
    key = next(key for key in ("broken", *LINKS) if w[key] != g[key])
    return not_yet(f"In one of the cases, {where}, {key!r} should be {w[key]!r}; yours is {g[key]!r:.60}.")


# --- 42b.3: a pipeline for a small repository ---------------------------------------------------------------------------

CONFIG = "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"
SCRIPTS = {
    "clean.py": """import csv, yaml

late = yaml.safe_load(open("params.yaml"))["clean"]["late"]  # minutes
# a cancelled flight has no delay
flights = [flight for flight in csv.DictReader(open("data/january.csv")) if flight["delay"]]
rows = [(flight["carrier"], int(int(flight["delay"]) >= late)) for flight in flights]
with open("clean.csv", "w", newline="") as file:
    csv.writer(file).writerows([("carrier", "late"), *rows])
print("clean.py:", len(rows), "flights")
""",
    "train.py": """import csv, json, yaml

weight = yaml.safe_load(open("params.yaml"))["train"]["weight"]  # the mean counts as so many flights
flights = [(row["carrier"], int(row["late"])) for row in csv.DictReader(open("clean.csv"))]
mean = sum(late for _, late in flights) / len(flights)
model = {}
for carrier in sorted({carrier for carrier, _ in flights}):
    its = [late for name, late in flights if name == carrier]
    model[carrier] = (sum(its) + weight * mean) / (len(its) + weight)
json.dump(model, open("model.json", "w"))
print("train.py:", len(model), "carriers")
""",
    "evaluate.py": """import csv, json

model = json.load(open("model.json"))
flights = list(csv.DictReader(open("data/judge.csv")))
misses = [model[flight["carrier"]] - int(flight["late"]) for flight in flights]
json.dump({"error": sum(miss**2 for miss in misses) / len(misses)}, open("metrics.json", "w"))
print("evaluate.py:", len(misses), "flights")
""",
}
EDITS = {"clean.py": (">= late", "> late"), "train.py": ("* mean)", "* 0.5)"), "evaluate.py": ("miss**2", "abs(miss)")}
OUTPUTS = ("clean.csv", "model.json", "metrics.json")
CARRIERS = ("AA", "B6", "DL", "UA")
RUN = re.compile(r"^(clean|train|evaluate)\.py: ", re.MULTILINE)
SECONDS = 180  # for all of one check


def write_repository(folder):
    """The small repository of the exercise, for trying by hand: everything but `dvc.yaml`."""
    for name, text in _files(_first_world(np.random.default_rng(2013))).items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def repro(folder, text):
    """Save a `dvc.yaml` in that repository and call `dvc repro` there; give what DVC says."""
    if not isinstance(text, str):
        return "Nothing to try yet: dvc_yaml is no text."
    here = Path(folder).resolve()
    (here / "dvc.yaml").write_text(text, encoding="utf-8", newline="\n")
    command, out = [sys.executable, "-P", "-m", "dvc", "repro"], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=here, env=_environment(here.parent), stdin=subprocess.DEVNULL, check=False, **out)
    return done.stdout.decode("utf-8", "replace").replace("\r\n", "\n").strip()


def _environment(folder):
    """No settings but the repository's own, and this environment's programs first."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
    env |= {f"DVC_{kind}_DIR": str(folder / "settings") for kind in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")}
    programs = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent), env.get("PATH", "")]
    return env | {"DVC_NO_ANALYTICS": "1", "PATH": os.pathsep.join(programs), "PYTHONUTF8": "1", "NO_COLOR": "1", "LC_ALL": "C"}


def _first_world(rng):
    """Flights of each carrier with every kind of delay, so that each change below changes what is made from it."""
    delays = [-5, 4, 20, 30, 90, None]
    january = [(carrier, delay) for i, carrier in enumerate(CARRIERS) for delay in delays + delays[: i + 1]]
    others = [delay for delay in range(-9, 60) if delay != 31]  # see the last change of clean.late
    january += [(str(rng.choice(CARRIERS)), int(rng.choice(others))) for _ in range(20)]
    judge = [(str(rng.choice(CARRIERS)), int(rng.integers(2))) for _ in range(30)]
    return {"january": january, "judge": judge, "late": 15, "weight": int(rng.integers(2, 6)), "edited": ()}


def _files(world):
    def table(column, rows):
        return "".join([f"carrier,{column}\n", *(f"{carrier},{'' if x is None else x}\n" for carrier, x in rows)])

    scripts = {name: text.replace(*EDITS[name]) if name in world["edited"] else text for name, text in SCRIPTS.items()}
    params = f"clean:\n  late: {world['late']}\ntrain:\n  weight: {world['weight']}\n"
    data = {"data/january.csv": table("delay", world["january"]), "data/judge.csv": table("late", world["judge"])}
    return {".dvc/config": CONFIG, "params.yaml": params, **data, **scripts}


def changes(rng):
    """One after the other: what changes, of which kind it is, who reads it, who has to run, and the world from then on."""
    world = _first_world(rng)
    told = [("", "", "", list(SCRIPTS), dict(world)), ("nothing", "", "", [], dict(world))]

    def then(item, kind, run, **change):
        world.update(change)
        told.append((item, kind, next(iter(run), ""), run, dict(world)))

    clean, train, evaluate = ([name for name in SCRIPTS][i:] for i in range(3))
    then("data/judge.csv", "data", evaluate, judge=world["judge"] + [(str(rng.choice(CARRIERS)), 1) for _ in range(4)])
    then("data/january.csv", "same", clean[:1], january=world["january"] + [(str(rng.choice(CARRIERS)), None)])
    then("data/january.csv", "data", clean, january=world["january"] + [(str(rng.choice(CARRIERS)), 99) for _ in range(9)])
    then("train.weight", "parameter", train, weight=world["weight"] + 7)
    then("clean.late", "parameter", clean, late=30)
    then("clean.py", "script", clean, edited=("clean.py",))
    then("clean.late", "parameter", clean[:1], late=31)  # no flight is late by 31 minutes
    then("train.py", "script", train, edited=("clean.py", "train.py"))
    then("evaluate.py", "script", evaluate, edited=tuple(SCRIPTS))
    return told


def error_of(world):
    """The oracle of the results: what metrics.json should hold, by sums over all pairs instead of loops over files."""
    flown = [(carrier, delay) for carrier, delay in world["january"] if delay is not None]
    who, delays = np.array([carrier for carrier, _ in flown]), np.array([delay for _, delay in flown])
    late = delays > world["late"] if "clean.py" in world["edited"] else delays >= world["late"]
    prior = 0.5 if "train.py" in world["edited"] else late.mean()
    judges, happened = np.array([carrier for carrier, _ in world["judge"]]), np.array([late for _, late in world["judge"]])
    same = judges[:, None] == who[None, :]
    forecast = (same @ late.astype(float) + world["weight"] * prior) / (same.sum(axis=1) + world["weight"])
    misses = np.abs(forecast - happened)
    return float((misses if "evaluate.py" in world["edited"] else misses**2).mean())


def probe_pipeline(answer, rng):
    if not isinstance(answer, str):
        return {"came": type(answer).__name__}
    told = {"text": str.__str__(answer)}
    if _leads_away(told["text"]):
        return told  # not run: it could write over something
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return told | _repros(Path(folder).resolve(), told["text"], changes(rng))


def _repros(folder, text, steps):
    """Real `dvc repro`, once for each step: in one process, because its start takes longer than the work."""
    repository, plan, seen, log = (folder / name for name in ("flight delays", "plan.json", "seen.json", "log.txt"))
    (repository / "data").mkdir(parents=True)
    worlds = [{"files": _files(world), "run": list(run), "remove": []} for *_, run, world in steps]
    worlds[0]["files"]["dvc.yaml"] = text
    worlds.append({"files": {}, "run": None, "remove": OUTPUTS})
    plan.write_text(json.dumps(worlds), encoding="utf-8")
    command = [sys.executable, "-P", "-m", __name__, *map(str, (plan, seen, log))]
    with log.open("wb") as out:
        _wait(
            subprocess.Popen(command, cwd=repository, env=_environment(folder), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        )
    if not seen.exists():
        return {"unfinished": log.read_text(encoding="utf-8", errors="replace")[-300:]}
    return json.loads(seen.read_text(encoding="utf-8").replace(json.dumps(f"{repository}{os.sep}")[1:-1], ""))


def _wait(process):
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        pass  # a command that does not end: told by what is absent
    finally:
        for each in [*psutil.Process(process.pid).children(recursive=True), process] if process.poll() is None else []:
            each.kill()
        process.wait()


def repro_all(plan, seen, log):
    """What `_repros` starts, in the repository: change, `dvc repro`, look; until something is not as planned."""
    from dvc.cli import main

    steps = []
    for step in json.loads(plan.read_text(encoding="utf-8")):
        for name, text in step["files"].items():
            path = Path(name)
            path.parent.mkdir(exist_ok=True)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8", newline="\n")
        for name in step["remove"]:
            Path(name).unlink(missing_ok=True)
        before = log.stat().st_size
        failed = bool(main(["repro"]))
        sys.stdout.flush()
        said = log.read_bytes()[before:].decode("utf-8", "replace")
        ran = [f"{name}.py" for name in RUN.findall(said)]
        steps.append({"ran": ran, "failed": failed, "said": said[-3000:], "error": _error_on_file(), "here": _here()})
        if failed or (step["run"] is not None and sorted(ran) != sorted(step["run"])):
            break
    seen.write_text(json.dumps({"steps": steps, **_declared()}), encoding="utf-8")


def _here():
    return [name for name in OUTPUTS if Path(name).exists()]


def _error_on_file():
    try:
        return float(json.loads(Path("metrics.json").read_bytes())["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _declared():
    """What DVC itself understands of the file: each output (a metric? in the cache?) and each stage's command."""
    from dvc.repo import Repo

    try:
        index = Repo().index
        outs = [[os.path.relpath(out.fs_path), bool(out.metric), bool(out.use_cache)] for out in index.outs]
        return {"outs": outs, "commands": [str(stage.cmd) for stage in index.stages]}
    except Exception:  # DVC has said already what it does not like
        return {"outs": [], "commands": []}


def _leads_away(text):
    """A path in a YAML text that is not within the repository, or None."""
    try:
        waiting = [yaml.safe_load(text)]
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return None
    seen = 0
    while waiting and (seen := seen + 1) < 10_000:
        each = waiting.pop()
        if isinstance(each, (dict, list)):
            waiting += [*each.keys(), *each.values()] if isinstance(each, dict) else each
        for word in re.split(r"[\s\"'=;]+", each) if isinstance(each, str) else []:
            away = PurePosixPath(word).is_absolute() or PureWindowsPath(word).drive or word.startswith("~")
            if len(word) > 1 and (away or ".." in PureWindowsPath(word).parts):
                return word
    return None


def judge_pipeline(evidence, rng):
    if not isinstance(evidence, dict) or not isinstance(evidence.get("text"), str):
        came = evidence.get("came") if isinstance(evidence, dict) else None
        return not_yet(f"Give what stands in dvc.yaml, as one text; a {came} came.")
    away = _leads_away(evidence["text"])
    if away:
        return not_yet(
            f"{away!r:.80} leads out of the repository: on another machine nothing is there. Write paths as seen from dvc.yaml.",
            "absolute path",
        )
    steps = evidence.get("steps")
    if not isinstance(steps, list) or not steps or not all(map(_is_step, steps)):
        return not_yet(
            f"`dvc repro` did not come to its end (it has {SECONDS} s). {str(evidence.get('unfinished', ''))[-200:]}".strip()
        )
    outs = [out for out in _list(evidence.get("outs")) if isinstance(out, list) and len(out) == 3]
    commands = _list(evidence.get("commands"))
    plan = changes(rng)
    for step, planned in zip(steps, plan, strict=False):
        verdict = _failed(step, outs) if step["failed"] else _ran(step, planned, commands)
        if verdict:
            return verdict
    if len(steps) != len(plan) + 1:
        return not_yet("The check did not come to its end. Check once more.")
    return _at_the_end(steps[-1], outs)


def _list(value):
    return value if isinstance(value, list) else []


def _is_step(step):
    kinds = {"ran": list, "failed": bool, "said": str, "here": list}
    return isinstance(step, dict) and all(isinstance(step.get(name), kind) for name, kind in kinds.items())


def _failed(step, outs):
    """DVC refused, or a script ended with an error."""
    said = step["said"]
    told = f"`dvc repro` stops: {_of_dvc(said)}"
    absent = re.search(r"No such file or directory: '(clean\.csv|model\.json)'", said)
    if "dvc.yaml' is invalid" in said:
        return not_yet(f"This is no YAML. {told}", "not YAML")
    if "validation failed" in said:
        return not_yet(
            f"It is YAML, but not as a dvc.yaml is built (stages, then a name, then cmd and so on). {told}", "no stages"
        )
    if "both a dependency and an output" in said or "cyclic" in said:
        return not_yet(f"A circle: what a stage needs would be made from its own output. {told}", "circular")
    if absent and absent[1] not in [path for path, *_ in outs]:
        return _undeclared(absent[1])
    if absent:
        return not_yet(
            f"A stage was run before {absent[1]} was there. The order follows from who reads what: the stage that reads it has "
            "to name it among its deps.",
            "chain broken",
        )
    near = ("No such file", "missing data", "does not exist", "are missing from", "can't open file")
    return (
        not_yet(f"{told}. Is each path and name as in the repository?", "misspelt")
        if any(n in said for n in near)
        else not_yet(told)
    )


def _of_dvc(said):
    """DVC's own words, as one line."""
    start = max(said.rfind("ERROR:"), said.rfind("'./dvc.yaml'"), 0)
    lines = [line.strip() for line in said[start:].splitlines() if "│" not in line]
    return " ".join(" ".join(lines).removeprefix("ERROR:").split())[:240].rstrip(".")


def _undeclared(name):
    return not_yet(
        f"DVC does not know that {name} is made by a stage: it can neither put the stages in order by it nor bring it back "
        f"when it is gone. Name it among the outs (or metrics) of the stage that writes it.",
        "output not declared",
    )


def _ran(step, planned, commands):
    """Nothing, or what is wrong with the scripts that ran after a change."""
    item, kind, reader, wanted, world = planned
    ran, wanted = [name for name in step["ran"] if isinstance(name, str)], list(wanted)
    missing, extra = [name for name in wanted if name not in ran], [name for name in ran if name not in wanted]
    if not item and sorted(ran) != sorted(wanted):
        return not_yet(f"The first `dvc repro` has to run each of the three scripts once. It ran: {', '.join(ran) or 'nothing'}.")
    if missing:
        return _stale(item, kind, reader, missing, step, error_of(world))
    if extra or len(ran) != len(wanted):
        return _too_much(item, kind, (extra or ran)[0], commands)
    right = error_of(world)
    if not _close(step.get("error"), right):
        return not_yet(
            f"After a change of {item or 'nothing'}, metrics.json has {step.get('error')!r:.20}; right is {right:.4f}."
        )
    return None


def _close(got, want):
    return isinstance(got, float) and abs(got - want) < 1e-9


STALE_FILES = {
    "data": ("data forgotten", "Data is what a stage depends on first: name the file among the deps of the stage that reads it."),
    "script": ("script forgotten", "Other code, other results: name a script among the deps of the stage that runs it."),
    "parameter": (
        "parameter forgotten",
        "DVC looks only at those settings of params.yaml that a stage names under `params`.",
    ),
}


def _stale(item, kind, reader, missing, step, right):
    got = step.get("error")
    old = isinstance(got, float) and not _close(got, right)
    still = f"; metrics.json still says {got:.4f}, right is {right:.4f}" if old else ""
    told = f"After a change of {item}, {missing[0]} was not run again{still}. "
    if reader in missing:
        name, remedy = STALE_FILES["data" if kind == "same" else kind]
        return not_yet(told + remedy, name)
    before = list(SCRIPTS)[list(SCRIPTS).index(missing[0]) - 1]
    between = OUTPUTS[list(SCRIPTS).index(before)]
    return not_yet(
        f"{told}{before} wrote another {between}: name that among the deps of the stage that reads it.", "chain broken"
    )


def _too_much(item, kind, script, commands):
    several = any(sum(name in str(command) for name in SCRIPTS) > 1 for command in commands)
    if item == "nothing":
        return not_yet(
            f"With nothing changed, {script} was run again. `always_changed: true` makes a stage do that, and so does a stage "
            "without any deps or params.",
            "always changed",
        )
    if several:
        return not_yet(
            f"After a change of {item}, {script} was run as well, which does not need it: it shares its stage with another "
            "script, and a stage is run whole or not at all. Give each script a stage of its own.",
            "one stage",
        )
    if kind == "parameter":
        return not_yet(
            f"After a change of {item}, {script} was run as well, which does not read it. Let each stage name its own settings "
            "under `params`; params.yaml as a whole among the deps ties it to all of them.",
            "all parameters",
        )
    more = " (a cancelled flight came in: clean.csv stayed the same)" if kind == "same" else ""
    return not_yet(f"After a change of {item}{more}, {script} was run as well. Its deps name more than it reads.", "too much")


PIPELINE_MISCONCEPTIONS = (
    *("absolute path", "not YAML", "no stages", "circular", "misspelt", "output not declared", "chain broken"),
    *(name for name, _ in STALE_FILES.values()),
    *("always changed", "one stage", "all parameters", "too much", "no metrics", "metrics in the cache"),
)


def _at_the_end(step, outs):
    """All three outputs were deleted, and `dvc repro` called once more."""
    gone = [name for name in OUTPUTS if name not in step["here"]]
    if gone and not step["failed"]:
        return _undeclared(gone[0])
    if step["failed"]:
        return _failed(step, outs)
    kept = [(metric, cached) for path, metric, cached in outs if path == "metrics.json"]
    if not any(metric for metric, _ in kept):
        return not_yet(
            "All is run as it should be, but `dvc metrics show` shows nothing: metrics.json is an output like any other. "
            "Declare it under `metrics`.",
            "no metrics",
        )
    if any(cached for _, cached in kept):
        return not_yet(
            "metrics.json goes to DVC's cache, so Git has only a hash of it, and nobody can read the numbers beside the commit. "
            "Keep it out of the cache: `cache: false`.",
            "metrics in the cache",
        )
    return passed("Each change ran what it reaches, and nothing else; what was lost came back.")


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/42b_dvc.ipynb"

QUESTIONS = {
    "42b.1": Question(
        title="What has to be run again",
        probe=probe_stale,
        judge=judge_stale,
        hints=(
            "Two questions a stage: has one of its own files another hash than the lock says (or none)? Does it read "
            "what a stage writes that has to be run?",
            "Go through the stages again and again; take one that is not yet in the list and has to be run; stop when a whole "
            "round adds nothing. For the order, sort at the end: a stage comes after those whose outs it reads.",
            "now.get(path) != lock[name]['deps'].get(path) is true for a changed, an absent and a newly named file; the same for "
            "outs. For the order: put off a stage while a stale stage that is not yet in the list writes one of its deps.",
        ),
        notebook=SOLUTION,
        misconceptions=("wrong order", *STALE_MISCONCEPTIONS),
    ),
    "42b.2": Question(
        title="From a prediction to its data",
        probe=probe_lineage,
        judge=judge_lineage,
        hints=(
            "Begin with all four keys None. Fill in one link at a time, and return as soon as one is broken.",
            "`.get` gives None where a key is absent: versions.get(version, {}).get('run_id'). Then ask "
            "whether the next table has it.",
            "The last two: locks[commit].get('data/train.parquet') has to be a key of cache; and "
            "cache[md5] == runs[run].get('data').",
        ),
        notebook=SOLUTION,
        misconceptions=tuple(LINEAGE_MISCONCEPTIONS),
    ),
    "42b.3": Question(
        title="A pipeline that DVC runs",
        probe=probe_pipeline,
        judge=judge_pipeline,
        hints=(
            "One stage a script. For each, go through its lines: which files does it open for reading, which for writing, "
            "which settings of params.yaml does it use? And the script itself is a file that the result depends on.",
            "A stage: cmd: python clean.py, then deps: [clean.py, data/january.csv], params: [clean.late], outs: [clean.csv]. "
            "The next names clean.csv among its deps; that is how DVC knows the order.",
            "The last stage has no outs but metrics: [metrics.json: {cache: false}]. Its deps are evaluate.py, model.json and "
            "data/judge.csv.",
        ),
        notebook=SOLUTION,
        misconceptions=PIPELINE_MISCONCEPTIONS,
    ),
}

if __name__ == "__main__":
    repro_all(*map(Path, sys.argv[1:]))
