"""The questions of 22, track a model: the learner's function trains on flights that the probe has drawn and logs below a folder
of the probe's; the probe reads back what MLflow and W&B then hold, and the judge trains the same model again."""

import contextlib
import functools
import os
import re
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from helpers import flights, modeling, readback, tracking
from helpers.course.bank.stores import fresh_store
from helpers.course.verdict import PASSED, Question, not_yet, passed

EXPERIMENT = "late flights"
LOSSES = ("train_loss", "val_loss")
SCORES = ("auc", "log_loss")
CLOSE = 1e-7  # as numbers come back from a record
PATIENCE = 10.0  # seconds for W&B's own process to write a file that is said to be finished
NEAR = 0.004  # as points of a ROC may be rounded or thinned out


# --- what is drawn, and the oracle ---------------------------------------------------------------------------------------


def drawn(rng, how_many):
    """Trainings to record: the run's name, and the seed of its settings and flights."""
    seeds = rng.choice(2**31, how_many, replace=False).tolist()
    return [(f"trial {seed % 9973}-{place}", seed) for place, seed in enumerate(seeds, start=1)]


@functools.cache
def case(seed):
    """Settings, flights to learn from, and flights of the next month to validate on. Shared: hand out copies."""
    rng = np.random.default_rng(seed)
    month = int(rng.integers(1, 12))
    table = flights.load([month, month + 1])
    table = table[table["status"] == "arrived"]
    parts = []
    for wanted, n in ((month, 1200), (month + 1, 800)):
        some = table[table["month"] == wanted]
        some = some.iloc[np.sort(rng.choice(len(some), n, replace=False))].reset_index(drop=True)
        parts.append(flights.features_and_target(some))
    settings = {
        "learning_rate": round(float(rng.uniform(0.15, 0.4)), 4),
        "n_steps": int(rng.integers(5, 8)),
        "max_leaves": int(rng.integers(4, 10)),
    }
    return settings, *parts


@functools.cache
def truth(seed):
    """The oracle: what the training gives, and what each misunderstanding would make of it."""
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    settings, train, validation = case(seed)
    model = modeling.make_model(**settings).fit(*train)
    p_train, p = modeling.probability_late(model, train[0]), modeling.probability_late(model, validation[0])
    y, cuts = validation[1].to_numpy(), (0.5, modeling.THRESHOLD)
    turned = modeling.make_model(**settings).fit(*validation)
    return {
        "curves": dict(zip(LOSSES, (modeling.loss_by_step(model, *part) for part in (train, validation)), strict=True)),
        "turned": dict(zip(LOSSES, (modeling.loss_by_step(turned, *part) for part in (validation, train)), strict=True)),
        "scores": _scores(y, p),
        "of training": _scores(train[1].to_numpy(), p_train),
        "accuracy": [accuracy_score(y, p >= cut) for cut in cuts],
        "decisions": [roc_auc_score(y, p >= cut) for cut in cuts],
        "wrong class": {"auc": roc_auc_score(y, 1 - p), "log_loss": log_loss(y, 1 - p)},
        "roc": _roc(y, p),
        "roc of training": _roc(train[1].to_numpy(), p_train),
        "roc of wrong class": _roc(y, 1 - p),
    }


def _scores(y, probability):
    found = modeling.evaluate(y, probability)
    return {name: found[name] for name in SCORES}


def _roc(y, probability):
    """By counting, not by scikit-learn: shares of the punctual and of the late flights at or over each probability."""
    order = np.argsort(-probability, kind="stable")
    late, last = y[order], np.append(np.diff(probability[order]) != 0, True)
    tpr, fpr = np.cumsum(late)[last] / late.sum(), np.cumsum(~late)[last] / (~late).sum()
    return np.append(0, fpr), np.append(0, tpr)


# --- where the learner's function works ----------------------------------------------------------------------------------


@contextlib.contextmanager
def workshop():
    """A folder as the exercise hands it over, and two decoys: what is logged without saying where lands in those.

    The learner's own active runs, of MLflow and of W&B, are out of the way for the time of the block.
    """
    from mlflow.tracking import fluent

    runs = type(fluent._active_run_stack)(default_factory=list)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top, fresh_store() as (client, _):
        folder = Path(top).resolve() / "records"
        store = tracking.new_store(folder / "mlflow")
        _client(folder).create_experiment(EXPERIMENT, artifact_location=store.artifacts)
        with mock.patch.object(fluent, "_active_run_stack", runs):
            yield folder, client


@contextlib.contextmanager
def offline_wandb(decoy):
    """Keep W&B on this machine and away from the learner's own runs. Yields a dict that tells of tries to go online.

    Patched, because W&B reads its environment once a process and offers no way to go back to an earlier state.
    """
    import wandb
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import module

    setup, told = wandb_setup.singleton(), {"online": False, "open": 0}
    settings = setup.settings.model_copy()
    settings.update_from_dict({"mode": "offline", "root_dir": str(decoy), "silent": True, "console": "off"})
    settings.update_from_dict({"x_disable_stats": True, "x_disable_meta": True, "disable_git": True})
    places = {f"WANDB_{name}_DIR": str(decoy) for name in ("DATA", "CACHE", "CONFIG", "ARTIFACT")}
    init, before = wandb.init, {name: vars(wandb)[name] for name in GLOBALS}

    def guarded(*args, **kwargs):
        if _mode(kwargs) not in ("offline", "disabled", "dryrun"):
            told["online"], kwargs["mode"] = True, "offline"
        return init(*args, **kwargs)

    with (
        mock.patch.object(setup, "_settings", settings),
        mock.patch.object(setup, "_active_runs", []),
        mock.patch.dict(os.environ, {"WANDB_MODE": "offline", "WANDB_SILENT": "true", **places}),
        mock.patch.object(wandb, "init", guarded),
        mock.patch.object(wandb, "login", lambda *args, **kwargs: told.update(online=True)),
    ):
        module.unset_globals()
        try:
            yield told
        finally:
            _end_wandb_runs(setup, told)
            vars(wandb).update(before)


GLOBALS = ("run", "config", "log", "summary", "save", "use_artifact", "log_artifact", "define_metric", "watch", "unwatch",
           "alert", "mark_preempting", "log_model", "use_model", "link_model")  # fmt: skip


def _end_wandb_runs(setup, told):
    left = list(setup._active_runs)
    told["open"] += len(left)
    for run in left:
        run.finish()


def _mode(options):
    settings = options.get("settings")
    chosen = settings.get("mode") if isinstance(settings, dict) else None
    if "mode" in getattr(settings, "model_fields_set", ()):
        chosen = settings.mode
    return options.get("mode") or chosen or os.environ.get("WANDB_MODE", "online")


def _call(answer, folder, name, seed):
    settings, train, validation = case(seed)
    answer(folder, name, dict(settings), tuple(part.copy() for part in train), tuple(part.copy() for part in validation))


# --- what is on record ----------------------------------------------------------------------------------------------------


def mlflow_records(folder):
    """Every run of the store in a folder, oldest first."""
    uri, client = tracking.Store(folder / "mlflow").uri, _client(folder)
    ids = [run.info.run_id for run in _runs(client)]
    return [_plain(readback.read_mlflow(uri, run_id), *_mlflow_roc(client, run_id)) for run_id in ids]


def _client(folder):
    import mlflow

    return mlflow.MlflowClient(tracking_uri=tracking.Store(folder / "mlflow").uri)


def _runs(client):
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return client.search_runs(experiments, order_by=["attributes.start_time ASC"])


def wandb_records(folder):
    """Every run of W&B below a folder, oldest first."""
    found = []
    for run in sorted((folder / "wandb").glob("offline-run-*")):
        record = readback.read_wandb(run, patience=PATIENCE)
        files = {row.file: Path(row.path) for row in record.artifacts.itertuples() if row.path}
        found.append(_plain(record, sorted(files), _table(files), record.summary))
    return found


def _plain(record, files, roc, summary=()):
    metrics = {}
    for row in record.history.itertuples():
        metrics.setdefault(row.metric, []).append([row.step, row.value])
    final = {name: points[-1][1] for name, points in metrics.items()} | dict(summary)
    told = {"name": record.name, "state": record.state, "params": record.params}
    return {**told, "metrics": metrics, "final": final, "files": files, "roc": roc}


def _mlflow_roc(client, run_id):
    todo, files = [None], {}
    while todo:
        for file in client.list_artifacts(run_id, todo.pop()):
            if file.is_dir:
                todo.append(file.path)
            else:
                files[file.path] = file
    files = {path: Path(client.download_artifacts(run_id, path)) for path in files if path.endswith(".csv")}
    return sorted(files), _table(files)


def _table(files):
    """The ROC that is kept with a run: None if there is no such file."""
    paths = [path for name, path in files.items() if name.split("/")[-1] == "roc.csv" and path.is_file()]
    if not paths:
        return None
    try:
        table = pd.read_csv(paths[-1])
    except ValueError:  # empty, or no table
        table = pd.DataFrame()
    columns = {str(name).strip(): table[name] for name in table}
    points = {name: pd.to_numeric(columns[name], errors="coerce").tolist()[:10_000] for name in ("fpr", "tpr") if name in columns}
    return {"columns": list(columns)[:20], **points}


def of_records(judge):
    """A judge that says so where the evidence has not the shape of records at all, instead of raising."""

    @functools.wraps(judge)
    def guarded(evidence, rng):
        try:
            return judge(evidence, rng)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            return not_yet("What was read back does not look like the record of a training.")

    return guarded


# --- judging one record ---------------------------------------------------------------------------------------------------


def judge_record(records, name, seed, where):
    """Judge what one tracker holds of one training."""
    mine = [record for record in records if record["name"] == name]
    if not mine:
        names = ", ".join(repr(record["name"]) for record in records)
        return not_yet(f"{where} has no run named {name!r}, but {names}. Give the run the name that came in.", "another name")
    if len(mine) > 1:
        return not_yet(
            f"{where} has {len(mine)} runs named {name!r}. One training is one run: start it once, around the loop.",
            "several runs",
        )
    record, (settings, *_), oracle = mine[0], case(seed), truth(seed)
    if record["state"] != "finished":
        state = {"running": "still RUNNING", "failed": "marked FAILED"}.get(record["state"], record["state"])
        return not_yet(f"{where}: the run is {state} after your function returned. Use `with`, which ends it.", "left open")
    return (
        _judge_params(record, settings, where)
        or _judge_losses(record["metrics"], oracle, where)
        or _judge_scores(record, oracle, where)
        or passed()
    )


def _judge_params(record, settings, where):
    """The verdict, or None where all is well; so are the next two."""
    place = "config" if where == "W&B" else "params"
    for name, want in settings.items():
        got = record["params"].get(name)
        if got is None and (name in record["metrics"] or name in record["final"]):
            return not_yet(
                f"{where}: {name} went in, so it belongs to the {place}; yours is among the metrics, "
                f"where it looks like a result. " + ("wandb.init(config=...)" if where == "W&B" else "mlflow.log_params(...)"),
                "params as metrics",
            )
        if got is None:
            return not_yet(f"{where}: the {place} lack {name!r}. Log every setting that came in.")
        if not _same(got, want):
            if any(_same(got, round(want, digits)) for digits in (0, 1, 2, 3)):
                return not_yet(
                    f"{where}: {name} is {want} and was recorded as {got}. Round when you show, never when you log.", "rounded"
                )
            return not_yet(f"{where}: {name} was {want}; the record says {got!r:.40}.")
    return None


def _judge_losses(metrics, oracle, where):
    wanted, got = oracle["curves"], {name: metrics.get(name, []) for name in LOSSES}
    values = {name: [value for _, value in points] for name, points in got.items()}
    n = len(wanted["train_loss"])
    if where == "W&B":
        for name, other in (LOSSES, LOSSES[::-1]):
            if _equal(values[name], wanted[name]) and _equal(values[other], wanted[other][-1:]):
                return not_yet(
                    f"W&B kept {name} and of {other} only the last value: its step never goes back, so what came later for an "
                    "earlier step was dropped. Log both losses of a step in one call.",
                    "steps went back",
                )
    for name in LOSSES:
        if lost := _no_history(name, got[name], n):
            return not_yet(f"{where}: {lost} Log one value a step: {LOG_CALL[where]}.", "no loss history")
    return _judge_curves(got, values, oracle, where)


LOG_CALL = {
    "MLflow": "mlflow.log_metric(name, value, step=step)",
    "W&B": "run.log({name: value}, step=step)",
}


def _no_history(name, points, n):
    if not points:
        return f"there is no {name} on record."
    if len(points) == 1:
        return f"{name} has one value: no history, though the training took {n} steps."
    if len({step for step, _ in points}) == 1:
        return f"all {len(points)} values of {name} are at step {points[0][0]}: no history."
    return ""


def _judge_curves(got, values, oracle, where):
    wanted, turned = oracle["curves"], oracle["turned"]
    if all(_equal(values[name], wanted[other]) for name, other in (LOSSES, LOSSES[::-1])):
        return not_yet(f"{where}: train_loss holds the losses on validation, and val_loss those on train.", "curves swapped")
    if all(_equal(values[name], turned[name]) for name in LOSSES):
        return not_yet(
            f"{where}: the model was fitted to the validation flights and judged on the training flights.",
            "train and validation swapped",
        )
    found = (_judge_curve(name, [step for step, _ in got[name]], values[name], wanted[name], where) for name in LOSSES)
    return next(filter(None, found), None)


def _judge_curve(name, steps, got, want, where):
    n = len(want)
    if _equal(got, want):
        if steps == list(range(1, n + 1)):
            return None
        if steps == list(range(n)):
            return not_yet(f"{where}: {name} begins at step 0. The first loss belongs to step 1: pass step=.", "counts from zero")
        return not_yet(f"{where}: {name} should be on record at the steps 1 to {n}; yours is at {steps[:12]}.")
    if _equal(got, want[::-1]):
        return not_yet(f"{where}: {name} rises from its last value to its first: logged backwards.", "logged backwards")
    if any(_equal(got, np.round(want, digits)) for digits in range(1, 7)):
        return not_yet(f"{where}: {name} was rounded. Round when you show, never when you log.", "rounded")
    if len(got) != n:
        return not_yet(f"{where}: {name} has {len(got)} values; the training took {n} steps.", "another training")
    return not_yet(
        f"{where}: trained again with the params on record, {name} after step 1 is {want[0]:.4f}; the record says "
        f"{got[0]:.4f}. Make the model with all the settings: modeling.make_model(**settings).",
        "another training",
    )


def _judge_scores(record, oracle, where):
    for name in SCORES:
        want, got = oracle["scores"][name], record["final"].get(name)
        if got is None and name in record["params"]:
            return not_yet(f"{where}: {name} came out, so it is a metric; yours is among what went in.", "scores as params")
        if got is None:
            return not_yet(f"{where}: there is no metric {name!r} on record.")
        if _same(got, want):
            continue
        for misconception, explained, message in _explanations(name, want, oracle):
            if any(_same(got, value) for value in explained):
                return not_yet(f"{where}: {message}", misconception)
        return not_yet(
            f"{where}: {name} is {got:.4g} on record. The model that these params make scores {want:.4f} on the validation "
            "flights; no way of scoring it gives your number. Typed in by hand, or left from another model? Log what "
            "modeling.evaluate returns.",
            "typed in by hand",
        )
    return None


def _explanations(name, want, oracle):
    """Misconception, the values that it gives, what to say."""
    yield (
        "score of the training data",
        [oracle["of training"][name]],
        f"{name} is that of the flights the model learned from. Score it on the validation flights.",
    )
    yield (
        "wrong class",
        [oracle["wrong class"][name]],
        f"{name} is that of the probability of being on time. predict_proba's second column is 'late'.",
    )
    if name == "auc":
        yield (
            "accuracy, not AUC",
            oracle["accuracy"],
            "auc holds an accuracy. With one flight in four late, always saying 'on time' is accurate too.",
        )
        yield (
            "AUC of decisions",
            oracle["decisions"],
            "auc was computed from yes or no. It needs the probabilities, before any threshold.",
        )
    yield (
        "rounded",
        [round(want, digits) for digits in range(2, 7)],
        f"{name} was rounded. Round when you show, never when you log.",
    )


def _number(value):
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else np.nan


def _same(got, want):
    return bool(abs(_number(got) - want) <= CLOSE * max(1, abs(want)))


def _equal(got, want):
    return len(got) == len(want) and all(_same(g, w) for g, w in zip(got, want, strict=True))


# --- 22.1: MLflow ----------------------------------------------------------------------------------------------------------


def probe_mlflow(answer, rng):
    """Two trainings in one store: the second must leave the first alone."""
    import mlflow

    after, left_open = [], 0
    with workshop() as (folder, elsewhere), _one_thread():
        for name, seed in drawn(rng, 2):
            _call(answer, folder, name, seed)
            after.append([run.info.run_name for run in _runs(_client(folder))])
            while mlflow.active_run():
                left_open += 1
                mlflow.end_run()
        return {"after": after, "open": left_open, "runs": mlflow_records(folder), "elsewhere": len(_runs(elsewhere))}


def _one_thread():
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)  # so little data is learned faster by one


@of_records
def judge_mlflow(evidence, rng):
    trainings = drawn(rng, 2)
    first = trainings[0][0]
    if first in evidence["after"][0] and first not in evidence["after"][1]:
        return not_yet(
            "The second training wiped out the record of the first: tracking.new_store empties a store. The store is there "
            "already; set_tracking_uri is enough.",
            "store wiped",
        )
    if empty := _nothing_in_mlflow(evidence):
        return empty
    if evidence["open"]:
        return not_yet("MLflow: a run is still active after your function returned. Use `with`, which ends it.", "left open")
    with _one_thread():
        verdicts = [judge_record(evidence["runs"], name, seed, "MLflow") for name, seed in trainings]
    return next((verdict for verdict in verdicts if verdict.outcome != PASSED), verdicts[0])


def _nothing_in_mlflow(evidence):
    if evidence["runs"]:
        return None
    where = " Your run went to another store: mlflow.set_tracking_uri comes first." if evidence["elsewhere"] else ""
    return not_yet(
        f"MLflow: the store in `folder / 'mlflow'` holds no run after your function was called.{where}", "nothing logged"
    )


# --- 22.2: W&B -------------------------------------------------------------------------------------------------------------


def probe_wandb(answer, rng):
    (name, seed), *_ = drawn(rng, 1)
    with workshop() as (folder, _), _one_thread():
        return _wandb_evidence(answer, folder, name, seed)


def _wandb_evidence(answer, folder, name, seed):
    decoy = folder.parent / "elsewhere"
    decoy.mkdir()
    with offline_wandb(decoy) as told:
        _call(answer, folder, name, seed)
    return {"wandb": wandb_records(folder), "wandb elsewhere": len(list(decoy.glob("wandb/offline-run-*"))), **told}


@of_records
def judge_wandb(evidence, rng):
    (name, seed), *_ = drawn(rng, 1)
    if trouble := _wandb_trouble(evidence):
        return trouble
    with _one_thread():
        return judge_record(evidence["wandb"], name, seed, "W&B")


def _wandb_trouble(evidence):
    if evidence["online"]:
        return not_yet(
            "W&B: your function wanted to go online or to log in. Here a run stays on this machine: mode='offline', no login.",
            "online",
        )
    if not evidence["wandb"]:
        where = " Your run went to another folder: pass dir=folder to wandb.init." if evidence["wandb elsewhere"] else ""
        return not_yet(
            f"W&B: there is no offline run in `folder / 'wandb'` after your function was called.{where}", "nothing logged"
        )
    if evidence["open"]:
        return not_yet("W&B: a run is still open after your function returned. Use `with`, or run.finish().", "left open")
    return None


# --- 22.3: one training, two records, and the ROC ---------------------------------------------------------------------------


def probe_both(answer, rng):
    import mlflow

    (name, seed), *_ = drawn(rng, 1)
    with workshop() as (folder, elsewhere), _one_thread():
        told = _wandb_evidence(answer, folder, name, seed)
        left_open = mlflow.active_run() is not None
        while mlflow.active_run():
            mlflow.end_run()
        return {**told, "runs": mlflow_records(folder), "elsewhere": len(_runs(elsewhere)), "mlflow open": left_open}


@of_records
def judge_both(evidence, rng):
    (name, seed), *_ = drawn(rng, 1)
    if trouble := _nothing_in_mlflow(evidence) or _wandb_trouble(evidence):
        return trouble
    if evidence["mlflow open"]:
        return not_yet("MLflow: a run is still active after your function returned. Use `with`, which ends it.", "left open")
    records = {"MLflow": evidence["runs"], "W&B": evidence["wandb"]}
    with _one_thread():
        verdicts = {where: judge_record(held, name, seed, where) for where, held in records.items()}
    wrong = [where for where, verdict in verdicts.items() if verdict.outcome != PASSED]
    if len(wrong) == 1 and verdicts[wrong[0]].misconception == "another training":
        right = next(where for where in verdicts if where not in wrong)
        return not_yet(
            f"{right} holds this training, {wrong[0]} another one: the two records of {name!r} disagree. Train once, and log the "
            "same numbers to both.",
            "trackers disagree",
        )
    if wrong:
        return verdicts[wrong[0]]
    for where, held in records.items():
        record = next(record for record in held if record["name"] == name)
        if problem := _judge_roc(record, truth(seed), where):
            return problem
    return passed("Both records hold the same training, and the ROC is that of flights the model has never seen.")


def _judge_roc(record, oracle, where):
    """The verdict, or None where all is well."""
    table = record["roc"]
    if table is None:
        files = f"; there is {', '.join(record['files'][:5])}" if record["files"] else ""
        how = "mlflow.log_artifact(path)" if where == "MLflow" else "an artifact with the file, run.log_artifact(artifact)"
        return not_yet(
            f"{where}: the run keeps no file roc.csv{files}. Log it: {how}, or log_file(path) of the helper.", "no ROC"
        )
    if not {"fpr", "tpr"} <= set(table):
        return not_yet(f"{where}: roc.csv has the columns {', '.join(table['columns']) or 'none'}; wanted are fpr and tpr.")
    fpr, tpr = np.array(table["fpr"], float), np.array(table["tpr"], float)
    if not len(fpr) or not np.isfinite([fpr, tpr]).all():
        return not_yet(f"{where}: roc.csv should hold numbers in fpr and tpr, in every row.")
    low, high = min(fpr.min(), tpr.min()), max(fpr.max(), tpr.max())
    if low < 0 or high > 1:
        return not_yet(f"{where}: fpr and tpr are shares, 0 to 1; roc.csv goes from {low:g} to {high:g}.")
    order = np.lexsort((tpr, fpr))
    return _judge_points(fpr[order], tpr[order], oracle, where)


def _judge_points(fpr, tpr, oracle, where):
    n, area, wanted = len(fpr), float(np.trapezoid(tpr, fpr)), oracle["scores"]["auc"]
    ends_meet = max(fpr[0], tpr[0], 1 - fpr[-1], 1 - tpr[-1]) <= NEAR
    if _lies_on(fpr, tpr, oracle["roc"]) and ends_meet and n >= 3:
        if abs(area - wanted) < 0.01:
            return None
        if n == 3:
            return not_yet(
                f"{where}: the ROC has 3 points: it was made from yes or no. roc_curve wants the probabilities.",
                "ROC of decisions",
            )
        return not_yet(f"{where}: the ROC has {n} points, too few: the area under it is {area:.3f}, the AUC {wanted:.3f}.")
    if n <= 3:
        return not_yet(f"{where}: the ROC has {n} points; roc_curve gives one for every probability that matters.")
    for misconception, (key, message) in ROC_MISCONCEPTIONS.items():
        points = oracle["roc"][::-1] if key is None else oracle[key]
        if _lies_on(fpr, tpr, points):
            return not_yet(f"{where}: {message}", misconception)
    if not ends_meet:
        return not_yet(f"{where}: a ROC goes from (0, 0) to (1, 1); roc.csv does not. Is it precision and recall?")
    return not_yet(
        f"{where}: trained again, no ROC of this model runs through these points. Typed in by hand, or of another model?",
        "typed in by hand",
    )


ROC_MISCONCEPTIONS = {
    "ROC from training data": (
        "roc of training",
        "the ROC is that of the flights the model learned from: it shows what was memorised. Draw it on validation.",
    ),
    "axes swapped": (None, "fpr and tpr are exchanged: roc_curve returns fpr first."),
    "wrong class": ("roc of wrong class", "the ROC is that of the probability of being on time, not of being late."),
}


def _lies_on(fpr, tpr, curve):
    """Whether every point lies on a curve that never falls, its upright parts included."""
    low, high = (np.interp(fpr + shift, *curve) for shift in (-NEAR, NEAR))
    return bool(((tpr >= low - NEAR) & (tpr <= high + NEAR)).all())


# --- 22.4: pictures --------------------------------------------------------------------------------------------------------


def past_runs(rng):
    """Two records to draw; they need no model."""
    runs = []
    for place, n in enumerate(rng.permutation([7, 9]).tolist(), start=1):
        train, gap = np.sort(rng.uniform(0.3, 0.65, n))[::-1], np.linspace(0, rng.uniform(0.02, 0.2), n)
        fpr, tpr = np.sort(rng.uniform(0, 1, 20)).round(4), np.sort(rng.uniform(0, 1, 20) ** 0.5).round(4)
        runs.append(
            {
                "name": f"trial {int(rng.integers(1000, 9999))}-{place}",
                "params": {
                    "learning_rate": round(float(rng.uniform(0.01, 0.9)), 3),
                    "n_steps": n,
                    "max_leaves": int(rng.integers(20, 90)),
                },
                "train_loss": train.tolist(),
                "val_loss": (train + gap + rng.uniform(0, 0.02, n)).tolist(),
                "fpr": [0.0, *fpr.tolist(), 1.0],
                "tpr": [0.0, *tpr.tolist(), 1.0],
            }
        )
    return runs


def probe_pictures(answer, rng):
    runs = past_runs(rng)
    with workshop() as (folder, _):
        for run in runs:
            _record(folder, run)
        return {"pictures": [_seen(answer(folder, run["name"])) for run in runs]}


def _record(folder, run):
    from mlflow.entities import Metric, Param

    client = _client(folder)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    run_id = client.create_run(experiment.experiment_id, run_name=run["name"]).info.run_id
    points = [Metric(name, value, 0, step) for name in LOSSES for step, value in enumerate(run[name], start=1)]
    params = [Param(name, str(value)) for name, value in run["params"].items()]
    client.log_batch(run_id, metrics=[*points, Metric("auc", 0.7, 0, 0), Metric("log_loss", 0.5, 0, 0)], params=params)
    client.log_text(run_id, pd.DataFrame({"fpr": run["fpr"], "tpr": run["tpr"]}).to_csv(index=False), "roc.csv")
    client.set_terminated(run_id)


def _seen(figure):
    """What a figure shows, as plain data."""
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        return {"type": type(figure).__name__}
    figure.draw_without_rendering()  # only now do the ticks have their texts
    texts = [text.get_text() for text in figure.texts if text is not figure._suptitle]
    return {"type": "Figure", "texts": [*texts, figure.get_suptitle()], "axes": [_seen_axes(ax) for ax in figure.axes]}


def _seen_axes(ax):
    legend = ax.get_legend()
    texts = [text.get_text() for text in (ax.title, *ax.texts, *(legend.get_texts() if legend else ()))]
    cells = [cell.get_text().get_text() for table in ax.tables for cell in table.get_celld().values()]
    bars = [size for bar in ax.patches if hasattr(bar, "get_width") for size in (bar.get_width(), bar.get_height())]
    ticks = [tick.get_text() for tick in (*ax.get_xticklabels(), *ax.get_yticklabels())]
    return {
        "lines": [line for line in map(_points, ax.get_lines()) if line],
        "xlabel": ax.get_xlabel(),
        "ylabel": ax.get_ylabel(),
        "texts": texts + cells,
        "ticks": ticks,
        "bars": [float(size) for size in bars],
    }


def _points(line):
    """A line's points, [[x …], [y …]]; None if they are no numbers."""
    if hasattr(line, "get_slope"):  # of ax.axline, which has no ends
        (x, y), slope = line.get_xy1() or (0, 0), line.get_slope()
        if slope is None:
            other = line.get_xy2()
            slope = (other[1] - y) / (other[0] - x) if other[0] != x else np.inf
        return [[0.0, 1.0], [float(y - slope * x), float(y + slope * (1 - x))]]
    try:
        return [np.asarray(values, float).ravel().tolist() for values in line.get_data(orig=False)]
    except (TypeError, ValueError):
        return None


@of_records
def judge_pictures(evidence, rng):
    runs, pictures = past_runs(rng), evidence["pictures"]
    for picture in pictures:
        if picture["type"] != "Figure":
            return not_yet(f"Return the matplotlib Figure; yours returned a {picture['type']}.", "no figure")
    for run, picture, other, other_picture in zip(runs, pictures, runs[::-1], pictures[::-1], strict=True):
        problem = _judge_lines(run, picture, other, other_picture) or _judge_labels(run, picture) or _judge_shown(run, picture)
        if problem:
            return problem
    return passed("All of it was drawn from the records.")


def _wanted_lines(run):
    steps = list(range(1, len(run["train_loss"]) + 1))
    return {name: [steps, run[name]] for name in LOSSES} | {"ROC": [run["fpr"], run["tpr"]]}


def _judge_lines(run, picture, other, other_picture):
    """The verdict, or None where all is well; so are the next two."""
    lines = [line for axes in picture["axes"] for line in axes["lines"]]
    for name, (x, y) in _wanted_lines(run).items():
        if any(_drawn(line, x, y) for line in lines):
            continue
        if any(_drawn(line, *points) for line in lines for points in _wanted_lines(other).values()):
            return not_yet(
                f"Asked for {run['name']!r}, the picture shows {other['name']!r}. Find the run by its name.", "another run"
            )
        if name in LOSSES and any(_drawn(line, [step - 1 for step in x], y) for line in lines):
            return not_yet(
                f"{name} is drawn from step 0. The record has the steps: the first loss is at step 1.", "steps from zero"
            )
        if name == "ROC" and any(_drawn(line, y, x) for line in lines):
            return not_yet("The ROC has its axes exchanged: fpr runs to the right, tpr upwards.", "axes swapped")
        if any(_strange(line, run) and line in axes["lines"] for line in lines for axes in other_picture["axes"]):
            return not_yet(
                f"Two records gave the same line, so it was not drawn from them. Read {name} from the store in `folder`.",
                "not from the record",
            )
        return not_yet(
            f"No line of the picture shows {'the ROC' if name == 'ROC' else name} as it is on record for {run['name']!r}."
        )
    return None


def _drawn(line, x, y):
    return len(line[0]) == len(x) and np.allclose(line[0], x, atol=1e-6) and np.allclose(line[1], y, rtol=1e-4, atol=1e-6)


def _is_diagonal(line):
    x, y = (np.array(values, float) for values in line)
    return len(x) > 1 and np.allclose(x, y, atol=1e-6) and x.min() <= 0.02 and x.max() >= 0.98


def _strange(line, run):
    return not _is_diagonal(line) and not any(_drawn(line, *points) for points in _wanted_lines(run).values())


def _judge_labels(run, picture):
    for name, (x, y) in _wanted_lines(run).items():
        axes = next(axes for axes in picture["axes"] if any(_drawn(line, x, y) for line in axes["lines"]))
        if name == "ROC" and not any(_is_diagonal(line) for line in axes["lines"]):
            return not_yet(
                "The ROC lacks the diagonal from (0, 0) to (1, 1), which guessing would reach. Without it nobody sees how far "
                "the curve is from chance.",
                "no diagonal",
            )
        for side in ("xlabel", "ylabel"):
            if not re.search(r"[^\W\d_]{3}", axes[side]):
                what = "ROC" if name == "ROC" else "loss"
                return not_yet(
                    f"The {side} of the {what} picture says {axes[side]!r}. Say in words what is drawn.", "no axis labels"
                )
    return None


def _judge_shown(run, picture):
    parts = _wanted_lines(run).values()
    panels = [axes for axes in picture["axes"] if not any(_drawn(line, *points) for line in axes["lines"] for points in parts)]
    texts = [*picture["texts"], *(text for axes in picture["axes"] for text in axes["texts"])]
    texts += [text for axes in panels for text in axes["ticks"]]
    said = "\n".join(texts)
    numbers = [float(number) for number in re.findall(r"\d+\.?\d*(?:e-?\d+)?", said)]
    numbers += [size for axes in panels for size in axes["bars"]]
    numbers += [value for axes in panels for line in axes["lines"] for values in line for value in values]
    for name, value in run["params"].items():
        if name not in said:
            return not_yet(f"The picture does not name the param {name}. Show each param with its value.", "params not shown")
        if not any(abs(number - value) <= 0.01 * value for number in numbers):
            return not_yet(f"The picture does not show the value of {name}, which is {value} on record.", "params not shown")
    return None


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/22_track_a_model.ipynb"
OF_CURVES = (
    "no loss history",
    "counts from zero",
    "curves swapped",
    "rounded",
    "another training",
    "train and validation swapped",
)
OF_SCORES = ("typed in by hand", "score of the training data", "accuracy, not AUC", "AUC of decisions", "wrong class")
OF_RUNS = ("nothing logged", "left open", "another name", "several runs", "params as metrics", "scores as params")

QUESTIONS = {
    "22.1": Question(
        title="Record it in MLflow",
        probe=probe_mlflow,
        judge=judge_mlflow,
        hints=(
            "First mlflow.set_tracking_uri(tracking.Store(folder / 'mlflow').uri) and mlflow.set_experiment('late flights'); "
            "then one `with mlflow.start_run(run_name=name):` around all that is logged.",
            "settings go to mlflow.log_params. modeling.loss_by_step(model, *train) gives train_loss for the steps 1, 2, 3 …; "
            "the same with *validation gives val_loss.",
            "auc and log_loss: modeling.evaluate(validation[1], modeling.probability_late(model, validation[0])) returns both.",
        ),
        notebook=SOLUTION,
        misconceptions=(*OF_RUNS, *OF_CURVES, *OF_SCORES, "logged backwards", "store wiped"),
    ),
    "22.2": Question(
        title="Record it in W&B",
        probe=probe_wandb,
        judge=judge_wandb,
        hints=(
            "with wandb.init(project='late flights', name=name, dir=folder, mode='offline', config=settings) as run: …",
            "Both losses of a step go into one call: run.log({'train_loss': …, 'val_loss': …}, step=step), with step from 1 on.",
            "Scores at the end: run.summary.update({'auc': …, 'log_loss': …}), or one more run.log.",
        ),
        notebook=SOLUTION,
        misconceptions=(*OF_RUNS, *OF_CURVES, *OF_SCORES, "steps went back", "online"),
    ),
    "22.3": Question(
        title="One training, two records, one ROC",
        probe=probe_both,
        judge=judge_both,
        hints=(
            "Fit once; everything that is logged comes from that one model. tracking.start_run(folder, name, params=settings, "
            "trackers=('mlflow', 'wandb')) writes to both.",
            "fpr, tpr, _ = sklearn.metrics.roc_curve(y, probability), with both taken from the validation flights.",
            "pandas.DataFrame({'fpr': fpr, 'tpr': tpr}).to_csv(path, index=False), then run.log_file(path), with path = folder / "
            "'roc.csv'.",
        ),
        notebook=SOLUTION,
        misconceptions=(  # and those of 22.1 and 22.2, whose judge it calls
            "nothing logged",
            "no loss history",
            "score of the training data",
            "typed in by hand",
            "trackers disagree",
            "no ROC",
            "ROC from training data",
            "ROC of decisions",
            "axes swapped",
            "wrong class",
        ),
    ),
    "22.4": Question(
        title="Pictures from the record",
        probe=probe_pictures,
        judge=judge_pictures,
        hints=(
            "The run's id: client.search_runs([experiment_id], f\"attributes.run_name = '{name}'\")[0].info.run_id. Then "
            "readback.read_mlflow(uri, run_id) gives params, and curve('train_loss') with its steps.",
            "The ROC: pandas.read_csv(client.download_artifacts(run_id, 'roc.csv')). The diagonal: ax.plot([0, 1], [0, 1]).",
            "The params: ax.axis('off'); ax.table([[key, str(value)] for key, value in record.params.items()], loc='center'). "
            "At the end `return fig`.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "another run",
            "not from the record",
            "steps from zero",
            "no axis labels",
            "no diagonal",
            "axes swapped",
            "params not shown",
            "no figure",
        ),
    ),
}
