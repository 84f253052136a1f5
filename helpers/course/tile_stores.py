"""Finds what a learner's lessons and exercises have left behind: tracking stores, event logs, prediction logs, models.

Nothing is opened for writing, and nothing is kept: what is found is what lies there now.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from helpers.course import install

NOT_THE_LEARNERS = {"build", "helpers", "tests", "binder"}  # folders at the top
NO_STORES = {"artifacts", "mlruns", "node_modules", "__pycache__"}  # folders anywhere: they may be large
CHAMPION = "SELECT version FROM registered_model_aliases WHERE name = 'flight-delay' AND alias = 'champion'"
EVENTS = "events.out.tfevents."


@dataclass(frozen=True)
class Store:
    """Something that a tool can be opened on.

    Attributes
    ----------
    path : pathlib.Path
        A file or folder.
    name : str
        Its path in the workbook, for a person and for an address.
    what : str
        What is in it, such as "7 runs".
    when : float
        When it was last written, in seconds since 1970.
    """

    path: Path
    name: str
    what: str
    when: float


def workbook():
    """The folder in which the learner works.

    Returns
    -------
    pathlib.Path
        The current folder where it has lessons (JupyterLab is started in it), else the one that this file came with.
    """
    here = Path.cwd()
    return here if (here / "notebooks").is_dir() else install.ROOT


def tracking(folder):
    """MLflow's stores.

    Parameters
    ----------
    folder : pathlib.Path
        The workbook.

    Returns
    -------
    list of Store
        Each is a database; the one that was written last is first. Empty if there is none.
    """
    found = []
    for file in _files(folder, lambda name: name == "mlflow.db"):
        runs = _ask(file, "SELECT count(*) FROM runs WHERE lifecycle_stage = 'active'")
        if runs is not None:
            found.append(_store(folder, file, file.parent, _many(runs[0], "run"), [file, file.with_name("mlflow.db-wal")]))
    return _newest_first(found)


def events(folder):
    """TensorBoard's logs, one entry for each lesson's folder in `work`.

    Parameters
    ----------
    folder : pathlib.Path
        The workbook.

    Returns
    -------
    list of Store
        Each is a folder; as from `tracking`.
    """
    groups = {}
    for file in _files(folder, lambda name: name.startswith(EVENTS)):
        groups.setdefault(_lesson_folder(folder, file), []).append(file)
    return _newest_first(
        _store(folder, place, place, _many(len({file.parent for file in files}), "run"), files) for place, files in groups.items()
    )


def predictions(folder):
    """Logs of predictions that lie beside their quiet time, so that `helpers.monitor` can watch them.

    Parameters
    ----------
    folder : pathlib.Path
        The workbook.

    Returns
    -------
    list of Store
        Each is a folder with `predictions.db` and `quiet.parquet`; as from `tracking`.
    """
    found = []
    for file in _files(folder, lambda name: name == "predictions.db"):
        count = _ask(file, "SELECT count(*) FROM predictions")
        if count is not None and file.with_name("quiet.parquet").is_file():
            what = _many(count[0], "prediction")
            found.append(_store(folder, file.parent, file.parent, what, [file, file.with_name("predictions.db-wal")]))
    return _newest_first(found)


def models(folder):
    """Models that the flight service can run on.

    Parameters
    ----------
    folder : pathlib.Path
        The workbook.

    Returns
    -------
    list of Store
        Folders as from `model_source.save`, unless a file in it is not the one on record; and the databases of stores whose
        registry has a champion. As from `tracking`.
    """
    found = []
    for note in _files(folder, lambda name: name == "model.json"):
        version, model = _version(note), note.with_name("model.onnx")
        if version is not None:
            found.append(_store(folder, note.parent, note.parent, f"version {version}", [note, model]))
    for store in tracking(folder):
        version = _ask(
            store.path, "SELECT version FROM registered_model_aliases WHERE name = 'flight-delay' AND alias = 'champion'"
        )
        if version:
            found.append(Store(store.path, store.name, f"version {version[0]}, the champion of its registry", store.when))
    return _newest_first(found)


def _files(folder, wanted):
    """Every file of such a name in the learner's folders; linked folders are not followed."""
    for place, folders, names in os.walk(folder):
        passed_over = NO_STORES | NOT_THE_LEARNERS if Path(place) == folder else NO_STORES
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in passed_over)
        yield from (Path(place, name) for name in sorted(names) if wanted(name))


def _lesson_folder(folder, file):
    """`work/22c` of `work/22c/logs/first/events…`; elsewhere the folder around the runs."""
    parts = file.relative_to(folder).parts
    if "work" in parts[:-2]:
        return folder.joinpath(*parts[: parts.index("work") + 2])
    return file.parent if file.parent.parent == folder else file.parent.parent


def _version(note):
    """The version of a saved model; None where it is not whole."""
    try:
        told = json.loads(note.read_bytes())
        whole = hashlib.sha256(note.with_name("model.onnx").read_bytes()).hexdigest() == told["sha256"]
        return str(told["version"]) if whole else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _ask(database, question):
    """The first row; None if there is none, or if this is no such database."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as base,
    ):
        return base.execute(question).fetchone()


def _store(folder, path, named, what, files):
    return Store(path, named.relative_to(folder).as_posix(), what, max(map(_when, files)))


def _when(file):
    try:
        return file.stat().st_mtime
    except OSError:  # a lesson that runs takes away and makes anew
        return 0.0


def _newest_first(stores):
    return sorted(stores, key=lambda store: (-store.when, store.name))


def _many(number, one):
    return f"{number:,} {one}{'' if number == 1 else 's'}"
