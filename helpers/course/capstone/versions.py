"""Grades training, its records, a new version and the way back."""

import threading
import time
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import pandas as pd

from helpers import readback
from helpers.course.capstone import run

REACHES = 20  # seconds in which a new version, or the earlier one, has to be served
DROPPED = 0.1  # of the rows, before the second training
SAME_ROWS = 30


def tracking(case, sheet, first, second):
    """Grade what the trainings left on record.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
        Of a system that has been trained.
    sheet : helpers.course.capstone.rubric.Sheet
    first : list of dict
    second : list of dict
        The records after the first and the second training, as from `records`.
    """
    best = max(first, key=lambda each: len(each["has"]), default=None)
    wanted = {"parameters", "metrics", "a model"}
    has = best["has"] if best else set()
    missing = ", ".join(sorted(wanted - has))
    tracker = case.project.maybe("project", "tracker", "mlflow")
    advice = (
        f"Log {missing} too." if best else f"No finished run is in {tracker}'s records: use the store that the environment names."
    )
    evidence = f"finished runs in {tracker}: {len(first)}" + (f"; one has {', '.join(sorted(has))}" if has else "")
    sheet.give("tracking", "recorded", len(has & wanted) / 3 if best else 0, evidence, advice)
    grew = len(second) - len(first)
    failed = case.trained_again.why if case.trained_again else "it was not tried"
    advice = (
        f"The second training failed: {failed}" if failed else "Start a new run in each training; never overwrite an earlier one."
    )
    sheet.give("tracking", "again", grew > 0, f"after a second training: {grew} more", advice)


def records(case):
    """The finished runs on record.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case

    Returns
    -------
    list of dict
        Each with `has`: which of "parameters", "metrics", "a model" it has.
    """
    if case.project.maybe("project", "tracker", "mlflow") == "wandb":
        found = [each for place in (case.records, case.project.folder) for each in in_wandb(place)]
    else:
        found = in_mlflow(case.store.uri)
    return [{"has": {name for name, there in each.items() if there}} for each in found]


def in_mlflow(uri):
    """What the finished runs in an MLflow store have.

    Parameters
    ----------
    uri : str

    Returns
    -------
    list of dict
        `parameters`, `metrics`, `a model`: empty or false where there is none.
    """
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)  # whatever this process has set
    experiments = [each.experiment_id for each in client.search_experiments()]
    finished = [each for each in client.search_runs(experiments) if each.info.status == "FINISHED"]
    models = {each.source_run_id for each in client.search_logged_models(experiments)}
    models |= {version.run_id for version in client.search_model_versions()}
    found = []
    for each in finished:
        folder = Path(url2pathname(urlparse(each.info.artifact_uri).path))
        model = each.info.run_id in models or any(path.is_file() for path in folder.rglob("*"))
        found.append({"parameters": each.data.params, "metrics": each.data.metrics, "a model": model})
    return found


def in_wandb(place):
    """What the finished runs of W&B in a folder have.

    Parameters
    ----------
    place : path-like

    Returns
    -------
    list of dict
        As from `in_mlflow`. Empty where there is no such folder.
    """
    found = []
    for folder in sorted({path.parent for path in Path(place).rglob("run-*.wandb")}):
        try:
            each = readback.read_wandb(folder, patience=5)
        except readback.ReadError:
            continue  # no whole record is no record
        if each.state == "finished":
            found.append(
                {"parameters": each.params, "metrics": len(each.history) or each.summary, "a model": len(each.artifacts)}
            )
    return found


def fewer_rows(case):
    """Leave a tenth of the rows out of the project's data, drawn at random, so that another model comes of them.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
    """
    path = case.project.path("data", "file")
    parquet = path.suffix == ".parquet"
    data = pd.read_parquet(path) if parquet else pd.read_csv(path, dtype=str, keep_default_na=False)
    kept = data.loc[np.sort(case.rng.permutation(len(data))[: int(len(data) * (1 - DROPPED))])]
    if parquet:
        kept.to_parquet(path, index=False)
    else:
        kept.to_csv(path, index=False)


class Watcher:
    """Asks the service again and again, and remembers what failed and which versions answered.

    Parameters
    ----------
    asker : helpers.course.capstone.traffic.Asker
        Its own: no other thread uses it.
    rows : list of dict
        Asked in turn: the same one all the time would be a drift.

    Attributes
    ----------
    failed : list of str
    version : str or None
        The latest.
    asked : int
    """

    def __init__(self, asker, rows):
        self.failed, self.version, self.asked, self._over = [], None, 0, threading.Event()
        self._thread = threading.Thread(target=self._work, args=(asker, rows), daemon=True)
        self._thread.start()

    def _work(self, asker, rows):
        while not self._over.wait(0.05):
            _, version, why = asker.ask(rows[self.asked % len(rows)])
            self.asked += 1
            self.version = version or self.version
            if why:
                self.failed.append(why)

    def close(self):
        """Ask no more."""
        self._over.set()
        self._thread.join()


def switch(case, sheet, watcher, first, train):
    """Train once more while the service is asked.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
    sheet : helpers.course.capstone.rubric.Sheet
    watcher : Watcher
    first : str
        The version before.
    train : callable
        Trains, and returns a `run.Ended`.

    Returns
    -------
    str or None
        The new version, if there is one.
    """
    ended = train()
    until = case.until(REACHES)
    while watcher.version in (None, first) and not ended.why and time.monotonic() < until:
        time.sleep(0.1)
    new = watcher.version if watcher.version != first else None
    came = f"version {first}, then {new}" if new else f"version {first} all the time"
    evidence = f"{came}; {len(watcher.failed)} of {watcher.asked} requests failed meanwhile"
    sheet.give(
        "rollback", "switches", (0 if not new else 0.6 if watcher.failed else 1), evidence, _why_no_switch(new, ended, watcher)
    )
    return new


def _why_no_switch(new, ended, watcher):
    if ended.why:
        return f"The second training failed: {ended.why}"
    if not new:
        return "Promote what the gate lets through (nine tenths of the same rows should pass), and let the service look for it."
    return (
        f"A request got {watcher.failed[0]} meanwhile: load the new model beside the old one, then swap."
        if watcher.failed
        else ""
    )


def back(case, sheet, asker, rows, before, first):
    """Roll back, and compare.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
    sheet : helpers.course.capstone.rubric.Sheet
    asker : helpers.course.capstone.traffic.Asker
    rows : list of dict
    before : list
        What `Asker.ask` gave for them, when `first` was served.
    first : str
        The version to come back.
    """
    command = case.project.want("commands", "roll_back")
    ended = run.run("roll_back", command, case.project.folder, case.env, case.at_most(60))
    until = case.until(REACHES)
    while (version := asker.ask(rows[0])[1]) != first and not ended.why and time.monotonic() < until:
        time.sleep(0.2)
    answers = [asker.ask(row) for row in rows]
    same = sum(
        now[0] is not None and then[0] is not None and abs(now[0] - then[0]) < 1e-9
        for now, then in zip(answers, before, strict=True)
    )
    there, evidence = version == first, f"version {version}; {same} of {len(rows)} answers as before"
    advice = ended.why or (
        "Its name is back, its answers are not: roll the model itself back, not only its label."
        if there
        else f"Let `roll_back` make the service answer with version {first} again; it has {REACHES} s."
    )
    sheet.give("rollback", "back", there and same == len(rows), evidence, advice)
