"""Trains, puts it on record, and lets the gate decide whether the new model is the one in use.

python train.py        all of it
python train.py fit    train and put it on record; writes the folder `out`. Then gate.py, and registry.py promote.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import skops.io

import data
import drift
import gate
import model as models
import registry
import settings as project
import tracking
from predictor import Predictor
from settings import OUT, ROOT, ProjectError


def fit(settings, tracker):
    """Train, compare with the champion on the same rows, and put it on record. Writes `out`.

    Parameters
    ----------
    settings : dict
        The settings.
    tracker : MlflowTracker or WandbTracker
    """
    X, y, fields = data.load(settings)
    model, metrics, curves = models.fit(X, y, settings["training"])
    metrics |= _champion(settings, tracker)
    refused = gate.verdict(metrics, settings["training"]["margin"])
    files = OUT / "model"
    shutil.rmtree(OUT, ignore_errors=True)
    files.mkdir(parents=True)
    skops.io.dump(model, files / "model.skops")
    _write(files / "schema.json", fields)
    _write(files / "reference.json", drift.reference(X, fields))
    params = settings["training"] | {"rows": len(X), "features": len(fields)}
    tags = {"data": data.digest(settings), "commit": _commit(), "gate": refused or "passed"}
    version = tracker.record(files, model, X[:100], params, metrics, curves, tags)
    _write(gate.REPORT, {"version": version, "refused": refused, "metrics": metrics})
    shown = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
    print(f"Version {version} is trained and on record: {shown}.")


def main(arguments):
    """Do what the command line asks for.

    Parameters
    ----------
    arguments : list of str
    """
    if arguments not in ([], ["fit"]):
        raise ProjectError(__doc__.partition("\n\n")[2].strip())
    settings = project.load()
    tracker = tracking.tracker(settings)
    fit(settings, tracker)
    if not arguments:
        registry.promote_if_passed(tracker)


def _champion(settings, tracker):
    """How good the champion is on the same rows, coded as its own schema says; nothing where it cannot be asked."""
    version = tracker.aliases().get("champion")
    if version is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        tracker.fetch(version, Path(folder))
        champion = Predictor(folder, version)
    try:
        X, y, _ = data.load(settings, champion.fields)
    except ProjectError:
        print(f"The champion, version {version}, does not know these data: it is not compared.")
        return {}
    cut = models.cut_at(y, settings["training"])
    return {"champion_auc": models.auc(champion.model, X[cut:], y[cut:])}


def _commit():
    """The commit that this was made from, where there is one."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        found = "none"
    return os.environ.get("GITHUB_SHA") or found


def _write(path, content):
    path.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")


if __name__ == "__main__":
    project.command(main, sys.argv[1:])
