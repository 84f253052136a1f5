"""The MLflow store: a database and a folder of files, in a folder of its own, ready at once."""

import contextlib
import dataclasses
import importlib.metadata
import logging
import shutil
import sqlite3
import tempfile
from pathlib import Path

import filelock

from helpers import flights

DATABASE, ARTIFACTS = "mlflow.db", "artifacts"


class TrackingError(Exception):
    """A store or a run cannot be made or used; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Store:
    """An MLflow store: a database for what was logged, a folder for files.

    Attributes
    ----------
    folder : pathlib.Path
        Absolute, holding nothing but this store.
    """

    folder: Path

    @property
    def uri(self):
        """For `mlflow.set_tracking_uri`; the registry lives there too."""
        return f"sqlite:///{(self.folder / DATABASE).as_posix()}"

    @property
    def artifacts(self):
        """For `mlflow.create_experiment(..., artifact_location=...)`."""
        return (self.folder / ARTIFACTS).as_uri()


def new_store(folder):
    """Make an empty MLflow store, ready at once.

    MLflow takes seconds to lay out a fresh database; this copies one that it laid out earlier.

    Parameters
    ----------
    folder : str or pathlib.Path
        Made if absent. *An earlier store in it is emptied*: its runs, models and files are gone afterwards.

    Returns
    -------
    Store

    Raises
    ------
    TrackingError
        The folder holds something that is no store (nothing is touched then), or cannot be written.
    """
    store = Store(Path(folder).resolve())
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        foreign = [path.name for path in store.folder.iterdir() if path.name != ARTIFACTS and not path.name.startswith(DATABASE)]
        if foreign:
            raise TrackingError(f"{folder} holds {min(foreign)!r}, which is no part of a store: name a folder of its own.")
        shutil.rmtree(store.folder / ARTIFACTS, ignore_errors=True)
        (store.folder / ARTIFACTS).mkdir(exist_ok=True)
        _fill(store)
    except (OSError, sqlite3.Error) as error:
        raise TrackingError(f"No store can be made in {folder} ({error}). Name a folder that can be written.") from error
    return store


def _fill(store):
    # Into the file, not over it: an open connection of this notebook or of MLflow's UI then sees the new content.
    with (
        contextlib.closing(sqlite3.connect(template())) as source,
        contextlib.closing(sqlite3.connect(store.folder / DATABASE)) as target,
    ):
        source.backup(target)
        # Runs of the experiment "Default" would otherwise put their files where the template was made.
        target.execute("UPDATE experiments SET artifact_location = ?", (store.artifacts,))
        target.commit()


def template():
    """Make an empty store, once a user, for every new store to be copied from: MLflow takes seconds to lay one out.

    Returns
    -------
    pathlib.Path
        The database, in the folder of the flights' cache.
    """
    path = flights.cache_path().with_name(f"mlflow-{importlib.metadata.version('mlflow')}.db")
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{path}.lock"):
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True) as folder:
                fresh = Path(folder) / DATABASE
                _lay_out(fresh)
                fresh.replace(path)
    return path


def _lay_out(path):
    import mlflow

    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)  # it tells every migration
    try:
        mlflow.MlflowClient(tracking_uri=f"sqlite:///{path.as_posix()}").search_experiments()
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
