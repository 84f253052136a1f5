"""Answers to the questions of 22b, Weights & Biases."""

import math
from pathlib import Path

import pandas as pd
import wandb

from tests.answers import Answers, Wrong

# --- 22b.1 --------------------------------------------------------------------------------------------------------------


def track(settings, curves, scores, folder):
    with wandb.init(project="flight-delay", dir=folder, config=settings) as run:
        for step, losses in enumerate(zip(*curves.values(), strict=True), start=1):
            run.log(dict(zip(curves, losses, strict=True)), step=step)
        run.summary.update(scores)
    return Path(run.dir).parent


def track_by_hand(settings, curves, scores, folder):
    run = wandb.init(project="p", mode="offline", dir=str(folder), name="by hand", settings=wandb.Settings(silent=True))
    run.config.update(settings)
    for i in range(len(curves["train_loss"])):
        run.log({"train_loss": curves["train_loss"][i]}, step=i + 1)
        run.log({"val_loss": curves["val_loss"][i]}, step=i + 1, commit=True)
    for name, value in scores.items():
        run.summary[name] = value
    run.finish()
    return str(Path(run.dir).parent)


def track_by_table(settings, curves, scores, folder):
    wandb.init(dir=folder, config={**settings, "note": "more than asked"}, tags=["study"])
    for step, row in pd.DataFrame(curves, index=range(1, len(curves["val_loss"]) + 1)).iterrows():
        wandb.log(row.to_dict(), step=step)
    wandb.log(scores, step=len(curves["val_loss"]))
    place = Path(wandb.run.dir).parent
    wandb.finish()
    return place


def track_own_order(settings, curves, scores, folder):
    run = wandb.init(dir=folder)
    run.summary.update(scores)
    n_steps = len(curves["train_loss"])
    for step in range(1, n_steps + 1):
        run.log({metric: curve[step - 1] for metric, curve in curves.items()}, step=step)
    for name, value in settings.items():
        run.config[name] = value
    run.finish()
    (place,) = Path(folder).glob("wandb/offline-run-*")
    return place


def _tracked(settings, curves, scores, folder, log, **options):
    with wandb.init(dir=folder, config=settings, **options) as run:
        log(run, curves)
        run.summary.update(scores)
    return Path(run.dir).parent


def _together(run, curves, first=1):
    for step, losses in enumerate(zip(*curves.values(), strict=True), start=first):
        run.log(dict(zip(curves, losses, strict=True)), step=step)


def track_two_loops(settings, curves, scores, folder):
    def log(run, curves):
        for metric, curve in curves.items():
            for step, loss in enumerate(curve, start=1):
                run.log({metric: loss}, step=step)

    return _tracked(settings, curves, scores, folder, log)


def track_from_zero(settings, curves, scores, folder):
    return _tracked(settings, curves, scores, folder, lambda run, curves: _together(run, curves, first=0))


def track_no_step(settings, curves, scores, folder):
    def log(run, curves):
        for losses in zip(*curves.values(), strict=True):
            run.log(dict(zip(curves, losses, strict=True)))

    return _tracked(settings, curves, scores, folder, log)


def track_run_on(settings, curves, scores, folder):
    def log(run, curves):
        for metric, curve in curves.items():
            for loss in curve:
                run.log({metric: loss})

    return _tracked(settings, curves, scores, folder, log)


def track_last_only(settings, curves, scores, folder):
    return _tracked(settings, curves, scores, folder, lambda run, curves: run.log({m: c[-1] for m, c in curves.items()}))


def track_lists(settings, curves, scores, folder):
    return _tracked(settings, curves, scores, folder, lambda run, curves: run.log(curves))


def track_swapped(settings, curves, scores, folder):
    return _tracked(scores, curves, settings, folder, _together)


def track_no_config(settings, curves, scores, folder):
    return _tracked({}, curves, scores | settings, folder, _together)


def track_no_scores(settings, curves, scores, folder):
    return _tracked(settings, curves, {}, folder, _together)


def track_scores_in_config(settings, curves, scores, folder):
    return _tracked(settings | scores, curves, {}, folder, _together)


def track_other_names(settings, curves, scores, folder):
    return _tracked(settings, {f"loss/{metric}": curve for metric, curve in curves.items()}, scores, folder, _together)


def track_rounded(settings, curves, scores, folder):
    return _tracked(settings, {m: [round(loss, 2) for loss in c] for m, c in curves.items()}, scores, folder, _together)


def track_visible_values(settings, curves, scores, folder):
    shown = {"train_loss": [0.61, 0.52, 0.49], "val_loss": [0.62, 0.55, 0.53]}
    return track({"learning_rate": 0.1, "n_steps": 3}, shown, {"auc": 0.71}, folder)


def track_left_open(settings, curves, scores, folder):
    run = wandb.init(dir=folder, config=settings)
    _together(run, curves)
    run.summary.update(scores)
    return Path(run.dir).parent


def track_a_run_a_curve(settings, curves, scores, folder):
    for metric, curve in curves.items():
        with wandb.init(dir=folder, config=settings) as run:
            for step, loss in enumerate(curve, start=1):
                run.log({metric: loss}, step=step)
            run.summary.update(scores)
    return Path(run.dir).parent


def track_files_folder(settings, curves, scores, folder):
    with wandb.init(dir=folder, config=settings) as run:
        _together(run, curves)
        run.summary.update(scores)
    return run.dir


def track_returns_id(settings, curves, scores, folder):
    return track(settings, curves, scores, folder).name.rpartition("-")[2]


def track_returns_folder(settings, curves, scores, folder):
    track(settings, curves, scores, folder)
    return folder


def track_returns_nothing(settings, curves, scores, folder):
    track(settings, curves, scores, folder)


def track_online(settings, curves, scores, folder):
    return _tracked(settings, curves, scores, folder, _together, mode="online")


def track_disabled(settings, curves, scores, folder):
    return _tracked(settings, curves, scores, folder, _together, mode="disabled")


def track_nowhere(settings, curves, scores, folder):
    return folder / "wandb" / "offline-run-20261124_101500-abcd1234"


def track_fails(settings, curves, scores, folder):
    run = wandb.init(dir=folder, config=settings)
    _together(run, curves)
    run.summary.update(scores)
    run.finish(exit_code=1)
    return Path(run.dir).parent


# --- 22b.2 --------------------------------------------------------------------------------------------------------------


def best_by_loop(records, metric):
    pairs = []
    for record in records:
        curve = record.curve(metric["name"])
        if record.state == "finished" and len(curve) and math.isfinite(curve.iloc[-1]):
            pairs.append((curve.iloc[-1], record.run_id))
    choose = min if metric["goal"] == "minimize" else max
    return choose(pairs)[1] if pairs else None


def best_by_table(records, metric):
    rows = [r.history.assign(run_id=r.run_id) for r in records if r.state == "finished"]
    if not rows:
        return None
    table = pd.concat(rows)
    last = table[table["metric"] == metric["name"]].sort_values("step").drop_duplicates("run_id", keep="last")
    last = last[last["value"].abs() < math.inf]
    if last.empty:
        return None
    return last.sort_values("value", ascending=metric["goal"] == "minimize")["run_id"].iloc[0]


def best_by_sign(records, metric):
    sign = {"minimize": 1, "maximize": -1}[metric["goal"]]
    found, lowest = None, math.inf
    for record in records:
        values = record.curve(metric["name"]).to_list()
        if record.state != "finished" or not values:
            continue
        score = sign * values[-1]
        if score < lowest and math.isfinite(score):
            found, lowest = record.run_id, score
    return found


def _best(records, metric, *, states=("finished",), value=lambda curve: curve.iloc[-1], fits=math.isfinite, goal=None):
    curves = {record.run_id: record.curve(metric["name"]) for record in records if record.state in states}
    found = {run_id: value(curve) for run_id, curve in curves.items() if len(curve)}
    found = {run_id: number for run_id, number in found.items() if fits(number)}
    choose = min if (goal or metric["goal"]) == "minimize" else max
    return choose(found, key=found.get) if found else None


def best_dead_too(records, metric):
    return _best(records, metric, states=("finished", "failed", "running"))


def best_step(records, metric):
    def value(curve):
        curve = curve[curve.abs() < math.inf]
        return curve.min() if metric["goal"] == "minimize" else curve.max()

    return _best(records, metric, value=value)


def best_lowest(records, metric):
    return _best(records, metric, goal="minimize")


def best_wrong_end(records, metric):
    return _best(records, metric, goal="maximize" if metric["goal"] == "minimize" else "minimize")


def best_infinite(records, metric):
    return _best(records, metric, fits=lambda number: not math.isnan(number))


def best_cleaned(records, metric):
    return _best(records, metric, value=lambda curve: curve[curve.abs() < math.inf].iloc[-1])


def best_or_text(records, metric):
    return _best(records, metric) or "none"


def best_record(records, metric):
    return next((record for record in records if record.run_id == _best(records, metric)), None)


def best_name(records, metric):
    return next((record.name for record in records if record.run_id == _best(records, metric)), None)


def best_value(records, metric):
    return next((record.curve(metric["name"]).iloc[-1] for record in records if record.run_id == _best(records, metric)), None)


def best_first_step(records, metric):
    return _best(records, metric, value=lambda curve: curve.iloc[0])


def best_first(records, metric):
    return next((record.run_id for record in records if record.state == "finished"), None)


def best_other_metric(records, metric):
    return _best(records, {**metric, "name": "other"})


def best_raises_on_silence(records, metric):
    return min((record.curve(metric["name"]).iloc[-1], record.run_id) for record in records)[1]


def best_never(records, metric):
    return None


# --- 22b.3 --------------------------------------------------------------------------------------------------------------


def from_by_table(records, digest):
    files = pd.concat([record.artifacts.assign(run_id=record.run_id) for record in records], ignore_index=True)
    made = files[(files["type"] == "model") & (files["version"] == digest)]
    if made.empty:
        return None
    model = made.iloc[0]
    data = files[(files["type"] == "dataset") & (files["version"] == model["metadata"]["data"])]
    return model["run_id"], None if data.empty else data["path"].iloc[0]


def from_by_loops(records, digest):
    for record in records:
        for row in record.artifacts.itertuples():
            if row.type == "model" and row.version == digest:
                return [record.run_id, _kept(records, row.metadata["data"])]
    return None


def _kept(records, version):
    for record in reversed(records):
        for row in record.artifacts.to_dict("records"):
            if row["type"] == "dataset" and row["version"] == version:
                return Path(row["path"])
    return None


def from_by_dicts(records, digest):
    rows = [(record.run_id, row) for record in records for row in record.artifacts.to_dict("records")]
    data = {row["version"]: row["path"] for _, row in rows if row["type"] == "dataset"}
    models = {row["version"]: (run_id, data.get(row["metadata"]["data"])) for run_id, row in rows if row["type"] == "model"}
    return models.get(digest)


def _rows(records):
    return [(record.run_id, row) for record in records for row in record.artifacts.to_dict("records")]


def _from(records, digest, choose):
    made = [(run_id, row) for run_id, row in _rows(records) if row["type"] == "model" and row["version"] == digest]
    if not made:
        return None
    (run_id, model), *_ = made
    return run_id, choose([(r, row) for r, row in _rows(records) if row["type"] == "dataset"], run_id, model)


def from_latest(records, digest):
    return _from(records, digest, lambda data, run_id, model: [row for _, row in data if "latest" in row["aliases"]][-1]["path"])


def from_first(records, digest):
    return _from(records, digest, lambda data, run_id, model: data[0][1]["path"])


def from_same_run(records, digest):
    def choose(data, run_id, model):
        return next((row["path"] for r, row in data if r == run_id and row["version"] == model["metadata"]["data"]), None)

    return _from(records, digest, choose)


def from_same_run_any_version(records, digest):
    return _from(records, digest, lambda data, run_id, model: next((row["path"] for r, row in data if r == run_id), None))


def from_any_type(records, digest):
    for run_id, row in _rows(records):
        if row["version"] == digest:
            return run_id, _kept(records, row["metadata"].get("data"))
    return None


def from_lost_is_none(records, digest):
    found = from_by_dicts(records, digest)
    return found if found and found[1] else None


def from_never_none(records, digest):
    return from_by_dicts(records, digest) or (None, None)


def from_name(records, digest):
    found = from_by_dicts(records, digest)
    return found and (next(record.name for record in records if record.run_id == found[0]), found[1])


def from_data_run(records, digest):
    found = from_by_dicts(records, digest)
    if not found or not found[1]:
        return found
    return next(run_id for run_id, row in _rows(records) if row["path"] == found[1]), found[1]


def from_model_path(records, digest):
    return next(((run_id, row["path"]) for run_id, row in _rows(records) if row["version"] == digest), None)


def from_path_only(records, digest):
    found = from_by_dicts(records, digest)
    return found and found[1]


def from_version(records, digest):
    return _from(records, digest, lambda data, run_id, model: model["metadata"]["data"])


def from_record(records, digest):
    found = from_by_dicts(records, digest)
    return found and (next(record for record in records if record.run_id == found[0]), found[1])


def from_swapped(records, digest):
    found = from_by_dicts(records, digest)
    return found and found[::-1]


def from_unknown_raises(records, digest):
    files = pd.concat([record.artifacts for record in records])
    return files[files["version"] == digest].iloc[0]["path"]


def from_never(records, digest):
    return None


ANSWERS = {
    "22b.1": Answers(
        right=[track, track_by_hand, track_by_table, track_own_order],
        wrong=[
            Wrong(track_two_loops, "a curve lost", says="one call"),
            Wrong(track_from_zero, "counts from zero"),
            Wrong(track_no_step, "counts from zero"),
            Wrong(track_run_on, "steps run on"),
            Wrong(track_last_only, "only the last"),
            Wrong(track_lists, says="lacks 'train_loss'"),
            Wrong(track_swapped, "config and summary swapped"),
            Wrong(track_no_config, "no config"),
            Wrong(track_no_scores, says="auc"),
            Wrong(track_scores_in_config, says="auc"),
            Wrong(track_other_names, says="train_loss"),
            Wrong(track_rounded, says="train_loss"),
            Wrong(track_visible_values),
            Wrong(track_left_open, "left open"),
            Wrong(track_a_run_a_curve, "several runs"),
            Wrong(track_files_folder, "files folder"),
            Wrong(track_returns_id, "no folder"),
            Wrong(track_returns_folder, "no folder"),
            Wrong(track_returns_nothing, "no folder"),
            Wrong(track_online, "not offline"),
            Wrong(track_disabled, "not offline"),
            Wrong(track_nowhere, "nothing logged"),
            Wrong(track_fails, says="failed"),
            Wrong(None),
            Wrong("work/22b/wandb"),
        ],
    ),
    "22b.2": Answers(
        right=[best_by_loop, best_by_table, best_by_sign],
        wrong=[
            Wrong(best_dead_too, "dead runs count"),
            Wrong(best_step, "best step"),
            Wrong(best_lowest, "always the lowest"),
            Wrong(best_wrong_end, "wrong end"),
            Wrong(best_infinite, "infinity counts"),
            Wrong(best_cleaned, "diverged and cleaned"),
            Wrong(best_or_text, "none is none"),
            Wrong(best_record, says="RunRecord"),
            Wrong(best_name, says="run_id"),
            Wrong(best_value, says="run_id"),
            Wrong(best_first_step),
            Wrong(best_first),
            Wrong(best_other_metric),
            Wrong(best_raises_on_silence, says="IndexError"),
            Wrong(best_never),
            Wrong("run000001"),
        ],
    ),
    "22b.3": Answers(
        right=[from_by_table, from_by_loops, from_by_dicts],
        wrong=[
            Wrong(from_latest, "latest"),
            Wrong(from_first, "first data"),
            Wrong(from_same_run, "same run only"),
            Wrong(from_same_run_any_version),
            Wrong(from_any_type, "any type"),
            Wrong(from_lost_is_none, "data lost"),
            Wrong(from_never_none, "none is none"),
            Wrong(from_name, "not the run's id"),
            Wrong(from_data_run, "not the run's id"),
            Wrong(from_model_path),
            Wrong(from_path_only),
            Wrong(from_version),
            Wrong(from_record, says="tuple"),
            Wrong(from_swapped),
            Wrong(from_unknown_raises, says="IndexError"),
            Wrong(from_never),
            Wrong({}),
        ],
    ),
}
