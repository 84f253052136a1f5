"""The training pipeline: each step reads files and writes files, so that a hand, GitHub, DVC and Jenkins all run the same.

python -m helpers.pipeline prepare --months 1 2 --to data/train.parquet
python -m helpers.pipeline train --data data/train.parquet --to model
python -m helpers.pipeline evaluate --model model --data data/judge.parquet --to metrics.json
python -m helpers.pipeline log --model model --metrics metrics.json --to version.txt
python -m helpers.pipeline champion --to champion
python -m helpers.pipeline gate --model model --champion champion --data data/judge.parquet --to gate.json
python -m helpers.pipeline promote --version version.txt --gate gate.json
python -m helpers.pipeline report --metrics metrics.json --gate gate.json --to report.md

`log`, `champion` and `promote` ask the registry that `MLFLOW_TRACKING_URI` or `--store` names.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import flights, mlflow_store, model_source, modeling, onnx_model, registry

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
    _write(folder / registry.FACTS, facts)
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


def report(metrics, verdict=None):
    """Tell people how a model did, as a page to be read beside the commit.

    Parameters
    ----------
    metrics : dict
        As from `helpers.pipeline.evaluate`.
    verdict : dict, optional
        As from `helpers.pipeline.gate`; without it the page says that the gate was not reached.

    Returns
    -------
    str
        Markdown: the verdict, a table of the numbers, and the slices from the weakest to the strongest.
    """
    told = f"**{'passed' if verdict['passed'] else 'refused'}**: {verdict['reason']}" if verdict else "not reached"
    numbers = {name: value for name, value in metrics.items() if isinstance(value, (int, float))}
    slices = sorted(metrics.get("slices", {}).items(), key=lambda item: item[1])
    lines = ["### The new model", "", f"Gate: {told}.", "", "| metric | value |", "|---|---|"]
    lines += [f"| {name} | {value:{',' if isinstance(value, int) else '.4f'}} |" for name, value in numbers.items()]
    if slices:
        lines += ["", "| slice | AUC |", "|---|---|", *(f"| {name} | {auc:.3f} |" for name, auc in slices)]
    return "\n".join(lines) + "\n"


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


def _json(path, step):
    try:
        return json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise PipelineError(f"There is no {Path(path).name}: `{step}` writes it.") from None
    except ValueError:
        raise PipelineError(f"{Path(path).name} is damaged: `{step}` writes it anew.") from None


def _write(path, content):
    _write_text(path, json.dumps(content, indent=1) + "\n")


def _write_text(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8", newline="\n")


# --- as a program ---------------------------------------------------------------------------------------------------------


def _prepare(options):
    return f"{len(prepare(options.months, options.to)):,} flights in {options.to}"


def _train(options):
    facts = train(options.data, options.to, version=options.model_version, n_steps=options.steps, seed=options.seed)
    return f"model {options.model_version} in {options.to}, trained on {facts['flights']:,} flights"


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


def _log(options):
    metrics = _json(options.metrics, "evaluate")
    version = registry.log(options.model, metrics, _store(options), commit=options.commit or _commit())
    _write_text(options.to, f"{version}\n")
    return f"version {version} of {model_source.NAME} is in the registry"


def _champion(options):
    version = registry.champion(_store(options), options.to)
    return f"the champion is version {version}, in {options.to}" if version else "there is no champion yet"


def _promote(options):
    version = str(_json(options.version, "log"))
    if not registry.promote(version, _json(options.gate, "gate"), _store(options)):
        raise PipelineError(f"Version {version} stays what it is: the gate refused it.")
    return f"version {version} of {model_source.NAME} is the champion"


def _report(options):
    verdict = _json(options.gate, "gate") if Path(options.gate).exists() else None
    _write_text(options.to, report(_json(options.metrics, "evaluate"), verdict))
    return f"report in {options.to}"


def _store(options):
    store = options.store or os.environ.get("MLFLOW_TRACKING_URI")
    if not store:
        raise PipelineError("Which registry? Set MLFLOW_TRACKING_URI, or give --store: an address, or a folder.")
    return store


def _commit():
    """Of the code in this folder."""
    git = shutil.which("git")
    asked = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False) if git else None
    return asked.stdout.strip() if asked and not asked.returncode else "unknown"


STEPS = {  # name: (what it does, how, its options)
    "prepare": ("write the flights of some months", _prepare, ["months", "to"]),
    "train": ("fit a model", _train, ["data", "to", "model-version", "steps", "seed"]),
    "evaluate": ("score it on flights that it has not seen", _evaluate, ["model", "data", "to"]),
    "log": ("log the run, put the model into the registry", _log, ["model", "metrics", "to", "store", "commit"]),
    "champion": ("fetch the model in use", _champion, ["to", "store"]),
    "gate": ("compare it with the one in use", _gate, ["model", "champion", "data", "margin", "to"]),
    "promote": ("make it the one in use, if the gate let it through", _promote, ["version", "gate", "store"]),
    "report": ("write how it did, for people", _report, ["metrics", "gate", "to"]),
}
OPTIONS = {
    "months": {"type": int, "nargs": "+", "required": True, "metavar": "MONTH"},
    "model-version": {"default": "1"},
    "steps": {"type": int, "default": 60},
    "seed": {"type": int, "default": 0},
    "margin": {"type": float, "default": MARGIN},
    "store": {},
    "commit": {},
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
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # a log is read by people: a line a step
    try:
        print(options.run(options))
    except (
        PipelineError,
        registry.RegistryError,
        flights.FlightDataError,
        mlflow_store.TrackingError,
        OSError,
        ValueError,
    ) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
