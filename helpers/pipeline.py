"""The training pipeline: each step reads files and writes files, so that a hand, GitHub, DVC and Jenkins all run the same.

python -m helpers.pipeline prepare --months 1 2 3 --to data/train.parquet
python -m helpers.pipeline train --data data/train.parquet --to model --version 1
python -m helpers.pipeline evaluate --model model --data data/test.parquet --to metrics.json
python -m helpers.pipeline gate --model model --champion champion --data data/test.parquet --to gate.json
python -m helpers.pipeline publish --model model --metrics metrics.json --gate gate.json --store work/store
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import flights, mlflow_store, model_source, modeling, onnx_model

FACTS = "train.json"  # beside the model: from what and how it was trained
EXPERIMENT = "late flights"
MARGIN = 0.005  # AUC that a new model may lose to the one in use
LEAST_AUC = 0.55  # of a first model, which has none to be compared with
SMALLEST_SLICE = 300  # flights; the AUC of fewer says little


class PipelineError(Exception):
    """A step cannot be done; the message is one line and says what came, what was expected and the remedy."""


def prepare(months, to):
    """Write the flights of some months, as a model sees them.

    Parameters
    ----------
    months : iterable of int
        Of 2013.
    to : path-like
        A parquet file: the features, `carrier` and `origin` among them, and `late`. Cancelled flights are left out.

    Returns
    -------
    pandas.DataFrame
        What was written. The same months give the same bytes.

    Raises
    ------
    helpers.flights.FlightDataError
        As in `helpers.flights.load`.
    """
    X, y = flights.features_and_target(flights.load(months))
    table = X.assign(late=y).reset_index(drop=True)
    Path(to).parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(to, index=False)
    return table


def train(data, to, *, version, n_steps=60, learning_rate=0.1, seed=0):
    """Fit a model and write it as a service takes it.

    Parameters
    ----------
    data : path-like
        As from `prepare`.
    to : path-like
        A folder as from `helpers.model_source.save`, with `train.json` beside the model.
    version : str
    n_steps : int, default 60
        As in `helpers.modeling.make_model`, and so the next two.
    learning_rate : float, default 0.1
    seed : int, default 0

    Returns
    -------
    dict
        What is in `train.json`: the settings, `flights`, and the `sha256` of the data.

    Raises
    ------
    PipelineError
        There is no such data, or it is of another shape.
    ValueError
        A setting is out of its range.
    """
    X, y = _read(data)
    settings = {"n_steps": n_steps, "learning_rate": learning_rate, "seed": seed}
    folder = model_source.save(modeling.make_model(**settings).fit(X, y), to, version)
    facts = {**settings, "flights": len(X), "data": hashlib.sha256(Path(data).read_bytes()).hexdigest()}
    _write(folder / FACTS, facts)
    return facts


def evaluate(model, data):
    """Score a model on flights that it has not seen, all together and slice by slice.

    Parameters
    ----------
    model : path-like
        A folder as from `train`.
    data : path-like
        As from `prepare`.

    Returns
    -------
    dict
        As from `helpers.modeling.evaluate`, with `flights`, and `slices`: the AUC for each carrier and origin that has at least
        `SMALLEST_SLICE` flights and both outcomes.

    Raises
    ------
    PipelineError
        There is no such model or data.
    """
    X, y = _read(data)
    late = _forecasts(model, X)
    slices = {}
    for name in ("carrier", "origin"):
        for value, rows in X.groupby(name, observed=True).groups.items():
            if len(rows) >= SMALLEST_SLICE and y[rows].nunique() == 2:
                slices[f"{name} {value}"] = modeling.evaluate(y[rows], late[rows])["auc"]
    return {**modeling.evaluate(y, late), "flights": len(X), "slices": slices}


def gate(model, champion, data, *, margin=MARGIN, seed=0):
    """Decide whether a model may take the place of the one in use.

    Both are scored on the same flights, which are drawn anew with replacement many times (a paired bootstrap): a difference
    that chance alone could make decides nothing.

    Parameters
    ----------
    model : path-like
        A folder as from `train`.
    champion : path-like
        Another one. Where there is no champion yet, an AUC of `LEAST_AUC` is asked for.
    data : path-like
        As from `prepare`: flights that neither has seen.
    margin : float, default MARGIN
        AUC that the new one may lose.
    seed : int, default 0
        Of the bootstrap.

    Returns
    -------
    dict
        `passed`; `difference` of the AUCs, new minus old, and its 95% interval `low` to `high` (all None without a champion);
        `reason`, a sentence. It passes where `low` is over `-margin`.

    Raises
    ------
    PipelineError
        There is no such model or data.
    """
    X, y = _read(data)
    new = _forecasts(model, X)
    if not (Path(champion) / model_source.NOTE).exists():
        auc = modeling.evaluate(y, new)["auc"]
        reason = f"there is no champion yet; its AUC is {auc:.3f}, at least {LEAST_AUC} is asked for"
        return {"passed": auc >= LEAST_AUC, "difference": None, "low": None, "high": None, "reason": reason}
    differences = modeling.compare_auc(y, new, _forecasts(champion, X), seed=seed)
    low, high = np.nanpercentile(differences[1:], [2.5, 97.5])
    told = {"difference": differences[0], "low": low, "high": high}
    passed = bool(low > -margin)
    interval = f"95% interval {low:+.4f} to {high:+.4f}"
    reason = f"AUC {differences[0]:+.4f} against the champion, {interval}; at worst {-margin:+.4f} is let through"
    return {"passed": passed, **{name: round(float(value), 6) for name, value in told.items()}, "reason": reason}


def publish(model, metrics, verdict, store, *, commit="unknown"):
    """Log the run and put the model into the registry; it becomes the champion if the gate let it through.

    Parameters
    ----------
    model : path-like
        A folder as from `train`.
    metrics : dict
        As from `evaluate`.
    verdict : dict
        As from `gate`.
    store : str or path-like
        The address of an MLflow server, or a folder with a store (made if absent).
    commit : str, default "unknown"
        Of the code, as a tag.

    Returns
    -------
    str
        The version in the registry.

    Raises
    ------
    PipelineError
        There is no such model.
    """
    import mlflow

    client, place = _client(store)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    experiment = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, artifact_location=place)
    folder, facts = Path(model), _facts(model)
    run = client.create_run(experiment, tags={"commit": commit, "gate": "passed" if verdict["passed"] else "refused"})
    params = [mlflow.entities.Param(name, str(value)) for name, value in facts.items()]
    numbers = {name: value for name, value in metrics.items() if isinstance(value, (int, float))}
    scores = [mlflow.entities.Metric(name, float(value), run.info.start_time, 0) for name, value in numbers.items()]
    client.log_batch(run.info.run_id, metrics=scores, params=params)
    client.log_dict(run.info.run_id, {"metrics": metrics, "gate": verdict}, "report.json")
    made = model_source.register(client, model_source.NAME, (folder / model_source.FILE).read_bytes(), run_id=run.info.run_id)
    client.set_terminated(run.info.run_id)
    if verdict["passed"]:
        client.set_registered_model_alias(model_source.NAME, model_source.ALIAS, made.version)
    return str(made.version)


def _client(store):
    import mlflow

    if "://" in str(store):
        return mlflow.MlflowClient(tracking_uri=str(store)), None
    known = mlflow_store.Store(Path(store).resolve())
    if not (known.folder / mlflow_store.DATABASE).exists():
        known = mlflow_store.new_store(store)
    return mlflow.MlflowClient(tracking_uri=known.uri), known.artifacts


def _read(data):
    """Features, and what happened."""
    try:
        table = pd.read_parquet(data)
    except FileNotFoundError:
        raise PipelineError(f"There is no {Path(data).name}: `prepare` writes it.") from None
    except (OSError, ValueError) as error:
        raise PipelineError(f"{Path(data).name} is no parquet file that can be read ({type(error).__name__}).") from None
    absent = [name for name in (*flights.FEATURES, flights.TARGET) if name not in table.columns]
    if absent:
        raise PipelineError(f"{Path(data).name} lacks {', '.join(absent)}: `prepare` writes what is needed.")
    return flights.features_and_target(table)


def _forecasts(model, X):
    """What the model in a folder says, by the very file that a service would load."""
    try:
        served = model_source.load(model)
    except onnx_model.ModelError as error:
        raise PipelineError(str(error)) from None
    columns = {name: X[name].to_numpy() if name in flights.NUMERIC else X[name].tolist() for name in flights.FEATURES}
    return served.model.probability_late(served.model.encode_columns(columns))


def _facts(model):
    try:
        return json.loads((Path(model) / FACTS).read_bytes())
    except (FileNotFoundError, ValueError):
        raise PipelineError(f"There is no {FACTS} in {Path(model).name}: `train` writes it.") from None


def _write(path, content):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


# --- as a program ---------------------------------------------------------------------------------------------------------


def _prepare(options):
    return f"{len(prepare(options.months, options.to)):,} flights in {options.to}"


def _train(options):
    facts = train(options.data, options.to, version=options.version, n_steps=options.steps, seed=options.seed)
    return f"model {options.version} in {options.to}, trained on {facts['flights']:,} flights"


def _evaluate(options):
    metrics = evaluate(options.model, options.data)
    _write(options.to, metrics)
    return f"AUC {metrics['auc']:.4f} on {metrics['flights']:,} flights, in {options.to}"


def _gate(options):
    verdict = gate(options.model, options.champion, options.data, margin=options.margin)
    _write(options.to, verdict)
    if not verdict["passed"]:
        raise PipelineError(f"The gate refuses {options.model}: {verdict['reason']}.")
    return f"the gate lets {options.model} through: {verdict['reason']}"


def _publish(options):
    metrics, verdict = (json.loads(Path(path).read_bytes()) for path in (options.metrics, options.gate))
    version = publish(options.model, metrics, verdict, options.store, commit=options.commit)
    return f"version {version} of {model_source.NAME} is in the registry"


STEPS = {  # name: (what it does, how, its options)
    "prepare": ("write the flights of some months", _prepare, ["months", "to"]),
    "train": ("fit a model", _train, ["data", "to", "version", "steps", "seed"]),
    "evaluate": ("score it on flights that it has not seen", _evaluate, ["model", "data", "to"]),
    "gate": (
        "compare it with the one in use",
        _gate,
        ["model", "champion", "data", "margin", "to"],
    ),
    "publish": ("log the run and register the model", _publish, ["model", "metrics", "gate", "store", "commit"]),
}
OPTIONS = {
    "months": {"type": int, "nargs": "+", "required": True, "metavar": "MONTH"},
    "version": {"default": "1"},
    "steps": {"type": int, "default": 60},
    "seed": {"type": int, "default": 0},
    "margin": {"type": float, "default": MARGIN},
    "commit": {"default": "unknown"},
}


def main(arguments=None):
    """Run one step.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.

    Returns
    -------
    int
        0, or 1 where the step could not be done or the gate refuses; the reason is one line.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.pipeline", description="One step of the training pipeline.")
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for name, (does, run, options) in STEPS.items():
        step = steps.add_parser(name, help=does, description=does)
        step.set_defaults(run=run)
        for option in options:
            step.add_argument(f"--{option}", **OPTIONS.get(option, {"required": True}))
    options = parser.parse_args(arguments)
    try:
        print(options.run(options))
    except (PipelineError, flights.FlightDataError, mlflow_store.TrackingError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
