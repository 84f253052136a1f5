"""The questions of 22a, MLflow. Each probe works in a store of its own and reads back what the learner's code left there."""

import textwrap

import numpy as np
import pandas as pd

from helpers import flights, modeling
from helpers.course.bank.stores import fresh_store
from helpers.course.verdict import Question, not_yet, passed

NAMES = [f"flight-delay-{airport}" for airport in ("ewr", "jfk", "lga", "bos", "ord", "atl")]
ALIAS = "champion"


# --- 22a.1: record a training -------------------------------------------------------------------------------------------


def trainings(rng):
    """Two trainings to record: settings, loss after each step, final scores."""
    cases = []
    for n_steps in rng.permutation([3, 5]).tolist():
        settings = {"learning_rate": round(float(rng.uniform(0.01, 1)), 3), "n_steps": n_steps}
        losses = np.sort(rng.uniform(0.4, 0.7, n_steps))[::-1].tolist()
        scores = {"auc": float(rng.uniform(0.5, 1)), "f1": float(rng.uniform(0, 1))}
        cases.append((settings, losses, scores))
    return cases


def probe_record(answer, rng):
    with fresh_store() as (client, experiment_id):
        returned = [answer(dict(settings), list(losses), dict(scores)) for settings, losses, scores in trainings(rng)]
        runs = {run.info.run_id: _read(client, run) for run in client.search_runs([experiment_id])}
        return {
            "returned": [value if isinstance(value, str) else f"a {type(value).__name__}" for value in returned],
            "runs": runs,
        }


def _read(client, run):
    history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    metrics = {name: sorted([point.step, point.value] for point in points) for name, points in history.items()}
    return {"status": run.info.status, "params": dict(run.data.params), "metrics": metrics}


def recorded(settings, losses, scores, *, first_step=1, stepless=False, last_only=False, swapped=False):
    """The oracle: what the store should hold. Each keyword is a twist behind a misconception."""
    points = [[first_step + i, loss] for i, loss in enumerate(losses)]
    points = sorted([0, loss] for _, loss in points) if stepless else points
    points = [[0, losses[-1]]] if last_only else points
    into, out_of = (scores, settings) if swapped else (settings, scores)
    metrics = {name: [[0, value]] for name, value in out_of.items()} | {"val_loss": points}
    return {"params": {name: str(value) for name, value in into.items()}, "metrics": metrics}


RECORD_MISCONCEPTIONS = {
    "no steps": (
        dict(stepless=True),
        "Every loss was logged at step 0, so there is no curve. Give each its step: mlflow.log_metric(name, value, step=...).",
    ),
    "only the last loss": (
        dict(last_only=True),
        "Only the last loss is on record. A metric becomes a curve when it is logged once a step.",
    ),
    "counts from zero": (
        dict(first_step=0),
        "The first loss belongs to step 1: after no step there is no loss yet. Yours starts at step 0.",
    ),
    "params and metrics swapped": (
        dict(swapped=True),
        "Params are what went in (the settings), metrics what came out (the scores). Yours are the other way round.",
    ),
}


def judge_record(evidence, rng):
    cases, runs = trainings(rng), evidence["runs"]
    if not runs:
        return not_yet(
            "The experiment holds no run after your function was called. Start one with mlflow.start_run().", "nothing logged"
        )
    if len(runs) > len(cases):
        return not_yet(
            f"{len(cases)} trainings left {len(runs)} runs. One training is one run: open it once, around the loop.",
            "a run a loss",
        )
    if len(runs) < len(cases):
        return not_yet(
            f"{len(cases)} trainings left {len(runs)} run. Each call starts a run of its own and ends it.", "left open"
        )
    if any(run["status"] == "RUNNING" for run in runs.values()):
        return not_yet(
            "A run is still RUNNING after your function returned. End it, or better: use `with`, which ends it also "
            "when something fails.",
            "left open",
        )
    if any(value not in runs for value in evidence["returned"]):
        return not_yet(f"Return the run's id, a text: run.info.run_id. Yours returned {evidence['returned'][0]}.", "no id")
    if len(set(evidence["returned"])) < len(cases):
        return not_yet("Two calls returned the same id. Return the id of the run that this call has made.", "another run's id")
    got = [runs[value] for value in evidence["returned"]]
    if all(_holds(run, recorded(*case)) for run, case in zip(got, cases, strict=True)):
        return passed()
    for name, (twist, message) in RECORD_MISCONCEPTIONS.items():
        if all(_holds(run, recorded(*case, **twist)) for run, case in zip(got, cases, strict=True)):
            return not_yet(message, name)
    return not_yet(_first_difference(got, [recorded(*case) for case in cases]))


def _holds(run, wanted):
    """More than what is wanted may be on record: a tag, another metric."""
    return all(run[kind].get(name) == value for kind in ("params", "metrics") for name, value in wanted[kind].items())


def _first_difference(got, wanted):
    for run, want in zip(got, wanted, strict=True):
        for kind in ("params", "metrics"):
            for name, value in want[kind].items():
                if name not in run[kind]:
                    return f"{kind.capitalize()} lack {name!r}; there is {', '.join(run[kind]) or 'nothing'}."
                if run[kind][name] != value:
                    said = "as [step, value] " if kind == "metrics" else ""
                    return f"{name!r} should be on record {said}as {value}; yours is {run[kind][name]}."
    return "The record differs from the training."  # not reached: `_holds` looks at the same values


# --- 22a.2: find the best run -------------------------------------------------------------------------------------------

QUESTIONS_ASKED = ("which rate?", "how many steps?", "which leaves?")


def past_runs(rng):
    """A history in which the best run of each question is dead, and the best finished run is not the newest."""
    rows = []
    for question, base in zip(QUESTIONS_ASKED, rng.permutation([0.3, 0.4, 0.5]).tolist(), strict=True):
        losses = base + np.sort(rng.uniform(0, 0.09, 6))
        states = ["FAILED", "RUNNING", "FINISHED", "FINISHED", "FINISHED", "KILLED"]
        order = [int(i) for i in rng.permutation(5)] + [5]
        if order[4] == 2:  # the best finished run must not be the last to be made
            order[0], order[4] = order[4], order[0]
        rows += [{"question": question, "status": states[i], "log_loss": float(losses[i])} for i in order]
    return rows


def probe_best(answer, rng):
    with fresh_store() as (client, experiment_id):
        ids = [_make_run(client, experiment_id, **row) for row in past_runs(rng)]
        returned = [answer(client, experiment_id, question) for question in (*QUESTIONS_ASKED, "never asked")]
        place = {run_id: index for index, run_id in enumerate(ids)}
        return {"best": [place.get(value, f"{value!r:.60}") if isinstance(value, str) else _plain(value) for value in returned]}


def _plain(value):
    return None if value is None else f"a {type(value).__name__}"


def _make_run(client, experiment_id, *, question, status, log_loss):
    run_id = client.create_run(experiment_id, tags={"question": question}).info.run_id
    client.log_metric(run_id, "log_loss", log_loss)
    if status != "RUNNING":
        client.set_terminated(run_id, status=status)
    return run_id


def best(rows, question, *, dead_too=False, any_question=False, highest=False, newest=False):
    """The oracle: by brute force over the history that was made."""
    fits = [
        i
        for i, row in enumerate(rows)
        if (any_question or row["question"] == question) and (dead_too or row["status"] == "FINISHED")
    ]
    if not fits:
        return None
    return max(fits) if newest else (max if highest else min)(fits, key=lambda i: rows[i]["log_loss"])


BEST_MISCONCEPTIONS = {
    "dead runs count": (
        dict(dead_too=True),
        "The run you found never finished: its loss is from half a training. Ask for attributes.status = 'FINISHED' too.",
    ),
    "any question": (
        dict(any_question=True),
        "The run you found answers another question. Filter by the tag: tags.question = '...'.",
    ),
    "wrong end": (dict(highest=True), "You found the run with the highest loss. Of a loss, the lowest is best: sort ascending."),
    "newest": (dict(newest=True), "You found the newest run. Without order_by MLflow gives the newest first, not the best."),
}


def judge_best(evidence, rng):
    rows, got = past_runs(rng), evidence["best"]
    asked = (*QUESTIONS_ASKED, "never asked")
    want = [best(rows, question) for question in asked]
    if got == want:
        return passed()
    for name, (twist, message) in BEST_MISCONCEPTIONS.items():
        if got[:3] == [best(rows, question, **twist) for question in asked[:3]]:
            return not_yet(message, name)
    if got[:3] == want[:3]:
        return not_yet(f"Right where there is a run. Where no run fits, return None; yours gave {got[3]}.", "none is none")
    question, _, g = next(row for row in zip(asked, want, got, strict=True) if row[1] != row[2])
    said = f"run number {g}, with status {rows[g]['status']} and loss {rows[g]['log_loss']:.3f}" if isinstance(g, int) else g
    return not_yet(
        f"For the question {question!r} yours gave {said}. Return the run id (a text) of the finished run with the lowest log_loss."  # noqa: E501
    )


# --- 22a.3: save a model ------------------------------------------------------------------------------------------------


def trained(rng):
    """A small model and the table it learned from; weather is missing in places."""
    n = 240
    columns = {name: rng.normal(50, 20, n).round(2) for name in flights.NUMERIC}
    columns |= {name: rng.choice(["A1", "B2", "C3"], n) for name in flights.CATEGORICAL}
    X = pd.DataFrame(columns)[list(flights.FEATURES)]
    y = X["temp"] + rng.normal(0, 10, n) > 50
    gappy = ["temp", "wind_dir", "pressure"]
    X[gappy] = X[gappy].mask(rng.random((n, len(gappy))) < 0.2)
    return modeling.make_model(n_steps=5, max_leaves=4).fit(X, y), X


def probe_save(answer, rng):
    import mlflow

    model, X = trained(rng)
    with fresh_store() as (client, experiment_id):
        address = answer(model, X.copy())
        if not isinstance(address, str):
            return {"address": f"a {type(address).__name__}"}
        try:
            info = mlflow.models.get_model_info(address)
        except mlflow.MlflowException as error:
            return {"address": address, "unreadable": str(error).splitlines()[0][:200]}
        signature = info.signature
        return {
            "address": address,
            "format": info.flavors.get("sklearn", {}).get("serialization_format", "none"),
            "inputs": [[c.name, str(c.type), bool(c.required)] for c in signature.inputs.inputs]
            if signature and signature.inputs
            else None,
            "outputs": bool(signature and signature.outputs),
            "predicted": _predictions(address, X),
        }


def _predictions(address, X):
    """What the saved model answers; one that refuses its own example answers nothing, and the judge sees why first."""
    import mlflow

    try:
        output = np.asarray(mlflow.pyfunc.load_model(address).predict(X))
    except (mlflow.MlflowException, ValueError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[-1][:200]}"
    return (output[:, -1] if output.ndim == 2 else output).tolist()


def judge_save(evidence, rng):
    model, X = trained(rng)
    if "format" not in evidence:
        why = evidence.get("unreadable", f"yours is {evidence['address']}")
        return not_yet(
            f"Return the address under which the model can be loaded, such as log_model(...).model_uri: {why}.", "no address"
        )
    if evidence["format"] != "skops":
        return not_yet(
            f"The file's format is {evidence['format']}: opening it can run any code. Leave serialization_format at skops "
            "and name the type that it does not know in skops_trusted_types.",
            "pickled",
        )
    if evidence["inputs"] is None:
        return not_yet(
            "The model has no signature, so it takes any table. Give log_model signature=infer_signature(...).", "no signature"
        )
    wanted = [
        [name, "DataType.string" if name in flights.CATEGORICAL else "DataType.double", not X[name].isna().any()] for name in X
    ]
    if [name for name, *_ in evidence["inputs"]] != [name for name, *_ in wanted]:
        names = textwrap.shorten(", ".join(str(name) for name, *_ in evidence["inputs"]), 80, placeholder="…")
        return not_yet(
            f"The signature's inputs are {names}; expected the columns of the example. "
            "infer_signature takes the inputs first, the outputs second.",
            "wrong inputs",
        )
    if evidence["inputs"] != wanted:
        name, _, required = next(g for g, w in zip(evidence["inputs"], wanted, strict=True) if g != w)
        if required:
            return not_yet(
                f"The signature requires {name!r}, though the example has gaps there: the first flight without it would "
                "be refused. Read the signature off the whole example, gaps and all.",
                "gaps dropped",
            )
        return not_yet(
            f"The signature's entry for {name!r} differs from the example: read it off the example as it came.",
            "filled or retyped",
        )
    if not evidence["outputs"]:
        return not_yet(
            "The signature tells the inputs and not the output. Give infer_signature the predictions too.", "no outputs"
        )
    return _judge_predictions(evidence["predicted"], modeling.probability_late(model, X))


def _judge_predictions(got, want):
    if isinstance(got, str):
        return not_yet(f"Loaded again, the model refuses the very example it was saved with ({got}).")
    if len(got) == len(want) and all(isinstance(g, bool) or g in (0, 1) for g in got):
        return not_yet(
            "Loaded again, the model answers late or not late. The service needs the probability: "
            'pyfunc_predict_fn="predict_proba".',
            "classes, not probabilities",
        )
    if len(got) != len(want) or not np.allclose(np.asarray(got, dtype=float), want, atol=1e-9):
        return not_yet("Loaded again, the model gives other probabilities than the one you were given. Save that very model.")
    return passed()


# --- 22a.4: promote -----------------------------------------------------------------------------------------------------


def registries(rng):
    """Situations: the AUC of each version, the champion (or None), the candidate. Each twist differs in at least one."""
    low, middle, high = np.sort(rng.choice(np.arange(60, 90), 3, replace=False)).tolist()
    situations = [
        ([low, high, middle], 1, 2),  # better, and not the newest
        ([high, low, middle], 1, 2),  # worse than the champion
        ([middle, middle, high], 1, 2),  # equal, while the newest would be better
        ([low, high, middle], None, 1),  # no champion yet
        ([low, middle, high], 2, 3),  # better
        ([high, middle, low], 2, 3),  # worse
    ]
    return [([auc / 100 for auc in aucs], champion, candidate) for aucs, champion, candidate in situations]


def probe_promote(answer, rng):
    champions, returned = [], []
    with fresh_store() as (client, experiment_id):
        for name, (aucs, champion, candidate) in zip(NAMES, registries(rng), strict=True):
            _fill_registry(client, experiment_id, name, aucs, champion)
            returned.append(answer(client, name, candidate))
            alias = client.get_registered_model(name).aliases.get(ALIAS)
            champions.append(None if alias is None else int(alias))
    return {"champions": champions, "returned": [_whole(value) for value in returned]}


def _whole(value):
    try:
        return int(value)
    except (TypeError, ValueError):
        return _plain(value)


def _fill_registry(client, experiment_id, name, aucs, champion):
    client.create_registered_model(name)
    for auc in aucs:
        run = client.create_run(experiment_id)
        client.log_metric(run.info.run_id, "auc", auc)
        client.set_terminated(run.info.run_id)
        client.create_model_version(name, run.info.artifact_uri, run_id=run.info.run_id)
    if champion is not None:
        client.set_registered_model_alias(name, ALIAS, champion)


def champion_after(aucs, champion, candidate, *, always=False, newest=False, lowest=False, ties=False):
    """The oracle: which version should be champion."""
    candidate = len(aucs) if newest else candidate
    if champion is None or always:
        return candidate
    gain = (aucs[candidate - 1] - aucs[champion - 1]) * (-1 if lowest else 1)
    return candidate if gain > 0 or (ties and gain == 0) else champion


PROMOTE_MISCONCEPTIONS = {
    "always": (dict(always=True), "A worse version became champion. Compare the two AUCs before you move the alias."),
    "newest": (dict(newest=True), "You looked at the newest version; the candidate is the version that the caller names."),
    "lowest wins": (dict(lowest=True), "The version with the lower AUC became champion. Of an AUC, the higher is better."),
    "ties": (dict(ties=True), "An equal AUC is no reason to change what is in use: promote only if it is higher."),
}


def judge_promote(evidence, rng):
    situations, got = registries(rng), evidence["champions"]
    want = [champion_after(*situation) for situation in situations]
    if got == want:
        if evidence["returned"] == want:
            return passed()
        return not_yet(
            "The alias is right. Return the version that is champion now, also when it stayed; "
            f"yours returned {evidence['returned']} where {want} are champions.",
            "returns something else",
        )
    for name, (twist, message) in PROMOTE_MISCONCEPTIONS.items():
        if got == [champion_after(*situation, **twist) for situation in situations]:
            return not_yet(message, name)
    (aucs, champion, candidate), w, g = next(row for row in zip(situations, want, got, strict=True) if row[1] != row[2])
    scores = ", ".join(f"version {i} {auc:.2f}" for i, auc in enumerate(aucs, start=1))
    before = "no champion" if champion is None else f"version {champion} as champion"
    after = "there was none" if g is None else f"it was version {g}"
    return not_yet(
        f"With AUCs {scores}, {before} and version {candidate} as candidate, the champion should be version {w}; after yours {after}."  # noqa: E501
    )


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/22a_mlflow.ipynb"

QUESTIONS = {
    "22a.1": Question(
        title="Record a training",
        probe=probe_record,
        judge=judge_record,
        hints=(
            "One training is one run: open it once, with `with mlflow.start_run() as run:`, and log inside.",
            "Settings go to mlflow.log_params, scores to mlflow.log_metrics. A loss needs its step: "
            "mlflow.log_metric('val_loss', loss, step=step).",
            "for step, loss in enumerate(losses, start=1): ... and after the `with` block: return run.info.run_id",
        ),
        notebook=SOLUTION,
        misconceptions=("nothing logged", "a run a loss", "left open", "no id", "another run's id", *RECORD_MISCONCEPTIONS),
    ),
    "22a.2": Question(
        title="Find the best run",
        probe=probe_best,
        judge=judge_best,
        hints=(
            "client.search_runs([experiment_id], ...) takes a filter_string and an order_by, both in text.",
            "Two conditions in one filter: tags.question = '...' and attributes.status = 'FINISHED'.",
            "order_by=['metrics.log_loss ASC'] puts the best first. An empty result is not an error: return None.",
        ),
        notebook=SOLUTION,
        misconceptions=("none is none", *BEST_MISCONCEPTIONS),
    ),
    "22a.3": Question(
        title="Save a model for strangers",
        probe=probe_save,
        judge=judge_save,
        hints=(
            "Start from mlflow.sklearn.log_model(model, name='model', ...) inside a run; what it returns knows its model_uri.",
            "signature=infer_signature(example, predictions); skops_trusted_types=list(modeling.TRUSTED_TYPES).",
            "pyfunc_predict_fn='predict_proba' makes the loaded model answer with probabilities.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "no address",
            "pickled",
            "no signature",
            "wrong inputs",
            "gaps dropped",
            "filled or retyped",
            "no outputs",
            "classes, not probabilities",
        ),
    ),
    "22a.4": Question(
        title="Promote, or do not",
        probe=probe_promote,
        judge=judge_promote,
        hints=(
            "client.get_registered_model(name).aliases is a dict: is there a 'champion' in it?",
            "client.get_model_version(name, str(version)).run_id leads to client.get_run(run_id).data.metrics['auc'].",
            "Move the alias only where auc(candidate) > auc(champion): client.set_registered_model_alias(name, 'champion', "
            "str(candidate)). Return the champion's number in every case.",
        ),
        notebook=SOLUTION,
        misconceptions=("returns something else", *PROMOTE_MISCONCEPTIONS),
    ),
}
