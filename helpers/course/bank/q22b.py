"""The questions of 22b, Weights & Biases. Runs are made offline in a folder of their own, whatever the settings say."""

import contextlib
import functools
import math
import os
import tempfile
from pathlib import Path, PurePath
from unittest import mock

import numpy as np
import pandas as pd

from helpers import readback
from helpers.course.verdict import Question, not_yet, passed

# --- 22b.1: track a training --------------------------------------------------------------------------------------------

CURVES = ("train_loss", "val_loss")
OPTIONS = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_X_DISABLE_STATS": "true",
    "WANDB_X_DISABLE_META": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_SAVE_CODE": "false",
}


def training(rng):
    """A training to record: settings, two curves, final scores."""
    n_steps = int(rng.integers(3, 7))
    settings = {"learning_rate": round(float(rng.uniform(0.01, 1)), 3), "n_steps": n_steps}
    curves = {metric: np.sort(rng.uniform(0.4, 0.7, n_steps))[::-1].tolist() for metric in CURVES}
    scores = {"auc": float(rng.uniform(0.5, 1)), "f1": float(rng.uniform(0, 1))}
    return settings, curves, scores


def probe_track(answer, rng):
    with _own_folder() as (folder, modes):
        import wandb

        if wandb.run is not None:
            return {"open before": True}
        settings, curves, scores = training(rng)
        try:
            returned = answer(dict(settings), {metric: list(curve) for metric, curve in curves.items()}, dict(scores), folder)
        finally:
            left_open = wandb.run is not None
            wandb.finish()
        places = sorted(path.parent for path in folder.rglob("run-*.wandb"))
        return {
            "open before": False,
            "modes": modes,
            "left open": left_open,
            "returned": _place(returned, places),
            "runs": [_read(place) for place in places],
        }


@contextlib.contextmanager
def _own_folder():
    """A folder for runs; whoever asks for an online run there gets an offline one, and the asking is noted."""
    import wandb

    modes, init = [], wandb.init

    @functools.wraps(init)
    def offline(*args, **kwargs):
        settings = kwargs.get("settings")
        named = settings.mode if "mode" in getattr(settings, "model_fields_set", ()) else "offline"
        mode = kwargs.get("mode") or named
        modes.append(str(mode))
        return init(*args, **{**kwargs, "mode": "disabled" if mode == "disabled" else "offline"})

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder).resolve()
        hidden = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        places = {f"WANDB_{what}_DIR": str(folder / "own" / what.lower()) for what in ("CONFIG", "CACHE", "DATA")}
        changes = {**hidden, **OPTIONS, **places, "NETRC": str(folder / "own" / "netrc")}
        with mock.patch.dict(os.environ, changes, clear=True), mock.patch.object(wandb, "init", offline):
            (folder / "runs").mkdir()
            yield folder / "runs", modes


def _place(returned, places):
    """Which run's folder was returned; else what was."""
    if not isinstance(returned, (str, PurePath)):
        return f"a {type(returned).__name__}"
    path = Path(os.path.realpath(returned))  # never raises, whatever the text
    for number, place in enumerate(places):
        if path == place:
            return number
        if place in path.parents:
            return "inside"
    return f"{str(returned)!r:.80}"


def _read(place):
    record = readback.read_wandb(place, patience=5.0)
    history = {metric: rows[["step", "value"]].to_numpy().tolist() for metric, rows in record.history.groupby("metric")}
    return {"state": record.state, "params": record.params, "history": history, "summary": record.summary}


def tracked(
    settings, curves, scores, *, first_step=1, run_on=False, drops=False, last_only=False, no_config=False, swapped=False
):
    """The oracle: what the run's folder should hold. Each keyword but the first three is a twist behind a misconception."""
    history, start = {}, first_step
    for place, (metric, curve) in enumerate(curves.items()):
        points = [[start + i, loss] for i, loss in enumerate(curve)]
        history[metric] = points[-1:] if (drops and place) else points
        start += len(curve) if run_on else 0
    if last_only:
        history = {metric: [curve[-1]] for metric, curve in curves.items()}
    params = {} if no_config else settings
    return {"params": scores if swapped else params, "history": history, "summary": settings if swapped else scores}


TRACK_MISCONCEPTIONS = {
    "a curve lost": (
        dict(drops=True),
        "One curve is there, of the other only the last point: a step may not go back, W&B drops what comes late. Log both "
        "losses of a step in one call: run.log({...}, step=step).",
    ),
    "counts from zero": (
        dict(first_step=0),
        "The first losses belong to step 1; yours stand at step 0, which is where W&B begins when it is given no step.",
    ),
    "steps run on": (
        dict(first_step=0, run_on=True),
        "The second curve starts where the first one ended: with no step given, each call of log is a step of its own. Log "
        "both losses of a step in one call, with step=step.",
    ),
    "only the last": (
        dict(last_only=True),
        "Only the last losses are on record. Log those of every step, with its step.",
    ),
    "no config": (
        dict(no_config=True),
        "The settings are not in the config: it is empty. They are what went in: wandb.init(config=settings, ...).",
    ),
    "config and summary swapped": (
        dict(swapped=True),
        "Config is what went in (the settings), the summary what came out (the scores). Yours are the other way round.",
    ),
}


def judge_track(evidence, rng):
    if evidence["open before"]:
        return not_yet(
            "A run is still open in this notebook, perhaps from a try of yours. End it, wandb.finish(), and check again."
        )
    told = _judge_run(evidence)
    if told:
        return not_yet(*told)
    case, (run,) = training(rng), evidence["runs"]
    if _holds(run, tracked(*case)):
        return passed()
    for name, (twist, message) in TRACK_MISCONCEPTIONS.items():
        if _holds(run, tracked(*case, **twist), last_only=name == "only the last"):
            return not_yet(message, name)
    return not_yet(_first_difference(run, tracked(*case)))


def _judge_run(evidence):
    """What is wrong with the run as a whole: a message and a misconception; None if nothing is."""
    runs, returned = evidence["runs"], evidence["returned"]
    if any(mode != "offline" for mode in evidence["modes"]):
        asked = next(mode for mode in evidence["modes"] if mode != "offline")
        return f"Yours asks for the mode {asked!r}. The run should be recorded, and nothing sent: offline.", "not offline"
    if not runs:
        return (
            "The folder holds no run after your function was called. wandb.init(dir=folder, ...) starts one there.",
            "nothing logged",
        )
    if len(runs) > 1:
        return f"One training left {len(runs)} runs. Open one run, around the loop.", "several runs"
    if evidence["left open"]:
        return (
            "The run is still open after your function returned. End it: run.finish(), or better `with wandb.init(...) as run:`.",
            "left open",
        )
    if returned == "inside":
        return "That folder lies inside the run's: run.dir is the folder of its files. Return the one above it.", "files folder"
    if returned != 0:
        return f"Return the run's folder, such as .../wandb/offline-run-...; yours returned {returned}.", "no folder"
    if runs[0]["state"] != "finished":
        return f"The run's state is {runs[0]['state']!r}; it should end as finished.", None
    return None


def _holds(run, wanted, *, last_only=False):
    """More than what is wanted may be on record."""
    history = run["history"]
    if last_only:
        history = {metric: [value for _, value in points] for metric, points in history.items()}
    found = {"params": run["params"], "history": history, "summary": run["summary"]}
    if not wanted["params"] and found["params"]:
        return False
    return all(found[kind].get(name) == value for kind in wanted for name, value in wanted[kind].items())


def _first_difference(run, wanted):
    names = {"params": "The config", "history": "The history", "summary": "The summary"}
    for kind, parts in wanted.items():
        for name, value in parts.items():
            if name not in run[kind]:
                return f"{names[kind]} lacks {name!r}; there is {', '.join(run[kind]) or 'nothing'}."
            if run[kind][name] != value:
                said = " as [step, value]" if kind == "history" else ""
                return f"{names[kind]} should hold {name!r}{said} as {value}; yours holds {run[kind][name]}."
    return "The record differs from the training."  # not reached: `_holds` looks at the same values


# --- 22b.2: the best trial of a sweep -----------------------------------------------------------------------------------


def sweeps(rng):
    """Sweeps: what to improve, and trials with state and curves. Each trap is in each of the first eight."""
    cases = []
    for number in range(8):
        metric = {"name": str(rng.choice(["val_loss", "auc", "f1"])), "goal": ("minimize", "maximize")[number % 2]}
        trials = _trials(rng, metric, number // 2)
        cases.append((metric, [trials[i] for i in rng.permutation(len(trials))]))
    dead = [{**trial, "state": "running"} for trial in cases[0][1]]
    return [*cases, (cases[0][0], dead), (cases[1][0], [])]


def _trials(rng, metric, number):
    """The winner, a trial that was best midway, a dead one, a diverged one, one without the metric, and the worst."""
    better = 1 if metric["goal"] == "minimize" else -1
    ends = [0.3, 0.5, 0.1, [math.nan, -math.inf, math.nan, math.inf][number], 0.2, 0.7]  # in order; less is better
    states = ["finished", "finished", str(rng.choice(["running", "failed"])), "finished", "finished", "finished"]
    trials = []
    for place, (end, state) in enumerate(zip(ends, states, strict=True)):
        curve = rng.uniform(0.8, 0.9, 5) + rng.uniform(0, 0.05)
        curve[2:] = [0.02 if place == 1 else 0.85, 0.15 if place == 3 else 0.6, end]
        curve = (curve if better > 0 else 1 - curve).tolist()
        name = "other" if place == 4 else metric["name"]
        curves = {"other": rng.uniform(0.2, 0.9, 5).tolist(), name: [round(value, 6) for value in curve]}
        trials.append({"run_id": f"run{rng.integers(10**6):06d}", "state": state, "curves": curves})
    return trials


def _record(trial):
    points = [(metric, step, value) for metric, curve in trial["curves"].items() for step, value in enumerate(curve, 1)]
    history = pd.DataFrame(points, columns=["metric", "step", "value"]).astype({"value": "float64", "step": "int64"})
    history = history.sort_values(["metric", "step"], ignore_index=True)
    return readback.RunRecord(trial["run_id"], f"trial {trial['run_id'][-2:]}", trial["state"], {}, history, _files([]))


def _files(rows):
    return pd.DataFrame(rows, columns=["artifact", "type", "version", "aliases", "metadata", "file", "path"])


def probe_best(answer, rng):
    returned = [answer([_record(trial) for trial in trials], dict(metric)) for metric, trials in sweeps(rng)]
    return {"best": [value if value is None or isinstance(value, str) else f"a {type(value).__name__}" for value in returned]}


def best(metric, trials, *, dead_too=False, any_step=False, any_goal=False, highest=False, infinite=False, cleaned=False):
    """The oracle: by brute force over the trials that were made."""
    lowest = any_goal or ((metric["goal"] == "minimize") != highest)
    found = []
    for trial in trials:
        curve = np.array(trial["curves"].get(metric["name"], []))
        curve = curve[np.isfinite(curve)] if (any_step or cleaned) else curve
        if not len(curve) or not (dead_too or trial["state"] == "finished"):
            continue
        value = (curve.min() if lowest else curve.max()) if any_step else curve[-1]
        if np.isfinite(value) or (infinite and not np.isnan(value)):
            found.append((float(value), trial["run_id"]))
    return (min if lowest else max)(found)[1] if found else None


BEST_MISCONCEPTIONS = {
    "dead runs count": (
        dict(dead_too=True),
        "A trial that you found never finished: its last value is from half a training. Ask for the state finished.",
    ),
    "best step": (
        dict(any_step=True),
        "You compare each trial at its best step. The model that was kept is the one after the last step: compare those values.",
    ),
    "always the lowest": (
        dict(any_goal=True),
        "Where the goal is to maximize, yours still takes the lowest value. Read metric['goal'].",
    ),
    "wrong end": (
        dict(highest=True),
        "Yours takes the wrong end: with the goal minimize the lowest value is best, with maximize the highest.",
    ),
    "infinity counts": (
        dict(infinite=True),
        "A trial that ended at infinity won. It diverged: only finite last values count (math.isfinite).",
    ),
    "diverged and cleaned": (
        dict(cleaned=True),
        "You leave out the values that are not finite and take the last of the rest. A trial that ended in one has diverged: "
        "leave out the trial, not the value.",
    ),
}


def judge_best(evidence, rng):
    cases, got = sweeps(rng), evidence["best"]
    want = [best(*case) for case in cases]
    if got == want:
        return passed()
    for name, (twist, message) in BEST_MISCONCEPTIONS.items():
        if got == [best(*case, **twist) for case in cases]:
            return not_yet(message, name)
    if got[:-2] == want[:-2]:
        odd = next(value for value in got[-2:] if value is not None)
        return not_yet(f"Right where a trial fits. Where none does, return None; yours gave {odd!r:.60}.", "none is none")
    (metric, trials), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    last = {t["run_id"]: (t["state"], t["curves"].get(metric["name"], ["nothing"])[-1]) for t in trials}
    told = "; ".join(f"{run_id} {state}, last {value}" for run_id, (state, value) in last.items())
    return not_yet(f"To {metric['goal']} {metric['name']!r} among [{told}], the best run_id is {w!r}; yours gave {g!r:.60}.")


# --- 22b.3: where a model comes from ------------------------------------------------------------------------------------


def workshop(rng):
    """Runs that brought data and models, and the models' versions to ask for.

    Names are reused and changed, the alias `latest` has moved, and of two models one learned from data of an earlier run.
    """
    data, models = [_digest(rng) for _ in range(3)], [_digest(rng) for _ in range(4)]
    names = [str(name) for name in rng.permutation(["flights", "winter", "train"])]
    taught = [0, 1, 0, 2]  # model 2 went back to the first data
    runs = []
    for number, teacher in enumerate(taught):
        rows = []
        if number != 2:  # this data was brought by a run before it
            rows.append(_row(names[number % 2], "dataset", data[teacher], {"flights": int(rng.integers(9999))}, number))
        if number == 3:  # and brought again, under another name
            rows.append(_row(names[2], "dataset", data[1], {}, number))
        model = _row(["late-model", "late-model", "delay", "late-model"][number], "model", models[number], {}, number)
        rows.append({**model, "metadata": {"data": data[teacher]}})
        runs.append({"run_id": f"run{rng.integers(10**6):06d}", "files": [rows[i] for i in rng.permutation(len(rows))]})
    lost = _row("late-model", "model", _digest(rng), {"data": _digest(rng)}, 4)  # nobody kept its data
    runs.append({"run_id": f"run{rng.integers(10**6):06d}", "files": [lost]})
    order = [int(i) for i in rng.permutation(len(runs))]
    return [runs[i] for i in order], [*models, lost["version"], data[0], _digest(rng)]


def _digest(rng):
    return "".join(rng.choice(list("0123456789abcdef"), 32))


def _row(artifact, kind, version, metadata, number):
    file = "train.parquet" if kind == "dataset" else "model.skops"
    path = f"kept/{number}-{artifact}-{version[:6]}"
    common = {"artifact": artifact, "type": kind, "version": version, "aliases": ["latest"], "metadata": metadata}
    return {**common, "file": file, "path": path}


def probe_from(answer, rng):
    runs, digests = workshop(rng)
    returned = [answer([_bringer(run) for run in runs], digest) for digest in digests]
    return {"from": [_pair(value) for value in returned]}


def _bringer(run):
    rows = [{**row, "aliases": list(row["aliases"]), "metadata": dict(row["metadata"])} for row in run["files"]]
    history = pd.DataFrame(
        {"metric": pd.Series(dtype="str"), "step": pd.Series(dtype="int64"), "value": pd.Series(dtype="float64")}
    )
    return readback.RunRecord(
        run["run_id"], f"run of {run['run_id'][-2:]}", "finished", {"data": "train.parquet"}, history, _files(rows)
    )


def _pair(value):
    """The answer as plain data; what cannot be right is named by its type."""
    if value is None:
        return None
    if (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and all(part is None or isinstance(part, (str, PurePath)) for part in value)
    ):
        return [part.as_posix() if isinstance(part, PurePath) else part for part in value]
    return f"a {type(value).__name__}"


def origins(runs, digest, *, latest=False, same_run=False, by_name=False, any_type=False):
    """The oracle: all pairs that are right, by brute force. The keywords are twists."""
    rows = [(run["run_id"], row) for run in runs for row in run["files"]]
    made = [(run, row) for run, row in rows if row["version"] == digest and (any_type or row["type"] == "model")]
    if not made:
        return [None]
    run, model = made[0]
    data = [(r, row) for r, row in rows if row["type"] == "dataset"]
    if latest or by_name:
        data = [data[-1] if latest else data[0]]
    else:
        data = [(r, row) for r, row in data if row["version"] == model["metadata"].get("data")]
    if same_run:
        data = [(r, row) for r, row in data if r == run]
    return [[run, row["path"]] for _, row in data] or [[run, None]]


FROM_MISCONCEPTIONS = {
    "latest": (
        dict(latest=True),
        "Yours takes the data that is latest now. An alias moves: the model's metadata says which version it learned from.",
    ),
    "first data": (
        dict(by_name=True),
        "Yours takes the first dataset that it meets. Compare its version with the model's metadata['data'].",
    ),
    "same run only": (
        dict(same_run=True),
        "Right where the run brought its own data. A run may have learned from data that another run had brought: look for the "
        "version in all records.",
    ),
    "any type": (
        dict(any_type=True),
        "A digest was asked for that is the version of a dataset, not of a model: the answer there is None.",
    ),
}


def judge_from(evidence, rng):
    (runs, digests), got = workshop(rng), evidence["from"]
    want = [origins(runs, digest) for digest in digests]
    if _all_in(got, want):
        return passed()
    for name, (twist, message) in FROM_MISCONCEPTIONS.items():
        if _all_in(got, [origins(runs, digest, **twist) for digest in digests]):
            return not_yet(message, name)
    if _all_in(got[:4], want[:4]):
        if got[4] is None:
            return not_yet(
                "A model is known whose data nobody kept. That is (run_id, None): the run, at least, is found.", "data lost"
            )
        if got[4] == want[4][0]:
            return not_yet("For a digest that is no model's version, return None.", "none is none")
    if all(isinstance(g, list) and g[1] in [path for _, path in w] for g, w in zip(got[:4], want[:4], strict=True)):
        return not_yet(
            "The path is right. The first of the pair is the run_id of the run that logged the model.", "not the run's id"
        )
    digest, w, g = next(row for row in zip(digests, want, got, strict=True) if row[2] not in row[1])
    return not_yet(f"For the version {digest[:8]}... the answer is {_said(w[0])}; yours is {_said(g)}.")


def _all_in(got, want):
    return len(got) == len(want) and all(g in w for g, w in zip(got, want, strict=True))


def _said(pair):
    return f"({pair[0]!r}, {pair[1]!r})" if isinstance(pair, list) else f"{pair!s:.80}"


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/22b_weights_and_biases.ipynb"

QUESTIONS = {
    "22b.1": Question(
        title="Track a training offline",
        probe=probe_track,
        judge=judge_track,
        hints=(
            "Open one run around everything: with wandb.init(project=..., dir=folder, config=settings) as run:",
            "Both losses of a step go into one call: run.log({...}, step=step). The scores go to run.summary.update(scores).",
            "zip(*curves.values()) gives the losses step by step. run.dir is the folder of the run's files; return its parent.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "not offline",
            "nothing logged",
            "several runs",
            "left open",
            "files folder",
            "no folder",
            *TRACK_MISCONCEPTIONS,
        ),
    ),
    "22b.2": Question(
        title="The best trial of a sweep",
        probe=probe_best,
        judge=judge_best,
        hints=(
            "Collect a pair (last value, run_id) of each trial that counts; then min or max of the pairs, as the goal says.",
            "record.curve(name) is a Series; it is empty where the metric was never logged, and .iloc[-1] is the last value.",
            "A trial counts if record.state == 'finished', the curve is not empty, and math.isfinite(last). No pair: None.",
        ),
        notebook=SOLUTION,
        misconceptions=("none is none", *BEST_MISCONCEPTIONS),
    ),
    "22b.3": Question(
        title="Where a model comes from",
        probe=probe_from,
        judge=judge_from,
        hints=(
            "Put the artifacts of all records into one table, with the run_id as a further column; pd.concat does it.",
            "First find the row of type 'model' with that version; its metadata['data'] is the version of the data to look for.",
            "Then find a row of type 'dataset' with that version, in the whole table. No model: None. No data: (run_id, None).",
        ),
        notebook=SOLUTION,
        misconceptions=("data lost", "none is none", "not the run's id", *FROM_MISCONCEPTIONS),
    ),
}
