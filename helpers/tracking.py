"""Where runs are recorded: one call logs the same run to MLflow, W&B and TensorBoard.

    with tracking.start_run("work/runs", "first try", params={"learning_rate": 0.1}) as run:
        run.log({"val_loss": 0.61}, step=1)

A tracker that is down never stops the training: it is said, the others go on, and what it missed is kept in the run's
journal, from which it is filled in at the end of the run, or later by `replay`.
"""

import logging
import math
import re
import time
import uuid
from pathlib import Path

from helpers import journal, readback
from helpers.mlflow_store import DATABASE, Store, TrackingError, new_store
from helpers.trackers import TRACKERS

__all__ = ["Run", "Store", "TrackingError", "new_store", "replay", "start_run"]

NAME = re.compile(r"[A-Za-z0-9_][\w ./-]*", re.ASCII)  # of a metric or a param: what all three take


log = logging.getLogger(__name__)  # its warnings show as one line each in a notebook


def start_run(folder, name, *, params=None, tags=None, experiment="late flights", mlflow_uri=None, trackers=tuple(TRACKERS)):
    """Begin a run that is logged to several trackers at once.

    Parameters
    ----------
    folder : str or pathlib.Path
        Where the records go: `mlflow` (a store, made if absent), `wandb`, `tensorboard` and `journal` in it.
    name : str
        For people to read; any text that is not empty.
    params : dict of str to (int, float, bool or str), optional
        What goes in. Values of other kinds are kept as text.
    tags : dict of str to str, optional
        What the run is for. TensorBoard does not keep them.
    experiment : str, default "late flights"
        What the run belongs to; W&B's project.
    mlflow_uri : str, optional
        Another MLflow store or server than the one in `folder`.
    trackers : iterable of str, default all three
        "mlflow", "wandb", "tensorboard".

    Returns
    -------
    Run
        To be used in a `with` block, or ended by `end`.

    Raises
    ------
    TrackingError
        A name that not all trackers take, or a tracker that is not known. A tracker that is down raises nothing.
    """
    if not str(name).strip():
        raise TrackingError("The run's name is empty: give it one that says what it tries.")
    unknown = [tracker for tracker in trackers if tracker not in TRACKERS]
    if unknown or not trackers:
        raise TrackingError(f"trackers is {trackers!r}; expected some of {', '.join(TRACKERS)}.")
    params = {
        _named(key): value if isinstance(value, (bool, int, float)) else str(value) for key, value in (params or {}).items()
    }
    facts = {
        "run_id": uuid.uuid4().hex[:8],
        "name": str(name),
        "experiment": experiment,
        "params": params,
        "tags": {_named(key): str(value) for key, value in (tags or {}).items()},
        "mlflow_uri": mlflow_uri,
        "trackers": list(trackers),
    }
    folder = Path(folder).resolve()
    book = journal.Journal(folder / "journal" / f"{facts['run_id']}.jsonl")
    book.hold()
    book.append({"kind": "start", "facts": facts})
    return Run(folder, book)


class Run:
    """A run that is being recorded. `start_run` makes it.

    Parameters
    ----------
    folder : pathlib.Path
    book : helpers.journal.Journal
        Of this run, held.

    Attributes
    ----------
    run_id : str
        The id in W&B, the folder in TensorBoard, and the tag `run` in MLflow.
    name : str
    missed : dict of str to int
        After the end: how many values each tracker lacks. Empty when every record is whole.
    """

    def __init__(self, folder, book):
        self.run_id, self.name, self.missed = book.facts["run_id"], book.facts["name"], {}
        self._folder, self._book, self._step, self._over, self._odd = folder, book, 0, False, set()
        self._open, self._down = {}, {}
        for kind in book.facts["trackers"]:
            self._try(kind, lambda kind=kind: self._open.update({kind: TRACKERS[kind](_facts(kind, folder, book))}))

    def log(self, metrics, step=None):
        """Log numbers to every tracker.

        Parameters
        ----------
        metrics : dict of str to float
            Not a number and the infinities are kept as they are, and said once: a training that diverged is on record too.
        step : int, optional
            At least 0, in any order; by default that of the call before, 0 at first.

        Raises
        ------
        TrackingError
            The run has ended, or a name, a value or the step is not of its kind. Nothing of this call is logged then.
        """
        if self._over:
            raise TrackingError(f"The run {self.name!r} has ended: log before the `with` block ends, or start a new run.")
        step = self._step if step is None else _whole(step)
        now = time.time_ns() // 1_000_000
        points = [(_named(name), step, _number(name, value), now) for name, value in metrics.items()]
        self._step = step
        self._book.append({"kind": "points", "points": points})
        for name, _, value, _ in points:
            if not math.isfinite(value) and name not in self._odd:
                self._odd.add(name)
                log.warning(
                    f"{name} is {value} at step {step} of the run {self.name!r}. It is kept as it is; the training may be lost."
                )
        for kind, tracker in self._open.items():
            self._try(kind, lambda tracker=tracker: tracker.write(points))

    def log_file(self, path):
        """Keep a file with the run, in MLflow and in W&B. TensorBoard keeps no files.

        Parameters
        ----------
        path : str or pathlib.Path

        Raises
        ------
        TrackingError
            There is no such file, or the run has ended.
        """
        path = Path(path).resolve()
        if self._over:
            raise TrackingError(f"The run {self.name!r} has ended: log files before the `with` block ends, or start a new run.")
        if not path.is_file():
            raise TrackingError(f"There is no file {path.name} to log: write it first, or correct the path.")
        self._book.append({"kind": "file", "path": str(path)})
        for kind, tracker in self._open.items():
            self._try(kind, lambda tracker=tracker: tracker.add_file(path))

    def end(self, *, failed=False):
        """End the run, look into every record, and fill in what a tracker missed. Does nothing the second time.

        Parameters
        ----------
        failed : bool, default False
            Whether the training failed; a `with` block knows by itself.
        """
        if not self._over:
            self._over = True
            self._end(failed)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.end(failed=kind is not None)

    def _end(self, failed):
        self._book.append({"kind": "end", "failed": failed})
        for kind, tracker in self._open.items():
            self._try(kind, lambda tracker=tracker: tracker.close(failed))
        for kind in self._book.facts["trackers"]:
            lacking, problem = _settle(kind, self._folder, self._book)
            if lacking:
                self.missed[kind] = lacking
                self._tell(kind, lacking, problem)
        if not self._book.save():
            log.warning(
                f"The journal of the run {self.name!r} cannot be written ({self._book.problem}): free the disk, then replay."
            )
        self._book.release()

    def _try(self, kind, call):
        """Call a tracker, unless it is down; if it goes down now, say so once and go on without it."""
        if kind in self._down:
            return
        try:
            call()
        except Exception as error:  # whatever a tracker raises: a record is never worth a training
            self._down[kind] = error
            log.warning(
                f"{TRACKERS[kind].label} fails in the run {self.name!r} ({_short(error)}). The training and the others go on."
            )

    def _tell(self, kind, lacking, problem):
        lacks = f"may lack up to {lacking} values ({_short(problem)})" if problem else f"lacks {lacking} values"
        kept = f"kept in {self._book.path.name}" if self._book.save() else "in this run's memory only, as the disk takes nothing"
        told = f"{TRACKERS[kind].label}'s record of the run {self.name!r} {lacks}. They are {kept}"
        log.warning(f"{told}: once it is mended, fill them in by tracking.replay(folder).")


def replay(folder):
    """Fill in what trackers missed, from the journals of a folder. Runs that are still going are left alone.

    Parameters
    ----------
    folder : str or pathlib.Path
        As given to `start_run`.

    Returns
    -------
    list of dict
        A row for each run and tracker: `run_id`, `name`, `tracker`, `lacked` (values, before), `lacks` (values, now) and
        `problem` ("" when all is well). Empty where nothing was ever logged.

    Raises
    ------
    TrackingError
        A journal is damaged; those before it have been replayed.
    """
    folder, rows = Path(folder).resolve(), []
    for path in sorted((folder / "journal").glob("*.jsonl")):
        try:
            book = journal.read(path)
        except journal.JournalError as error:
            raise TrackingError(str(error)) from None
        if not book.hold():
            continue
        try:
            rows += [_replayed(kind, folder, book) for kind in book.facts["trackers"]]
        finally:
            book.release()
    return rows


def _replayed(kind, folder, book):
    points, files, _ = _lacking(kind, folder, book)
    lacks, problem = _settle(kind, folder, book)
    row = {"run_id": book.facts["run_id"], "name": book.facts["name"], "tracker": TRACKERS[kind].label}
    return {**row, "lacked": len(points) + len(files), "lacks": lacks, "problem": _short(problem) if lacks and problem else ""}


def _settle(kind, folder, book):
    """Compare a record with the journal and fill in what it lacks. How much it lacks now, and why (None if nothing)."""
    points, files, problem = _lacking(kind, folder, book)
    if not points and not files:
        return 0, problem
    if problem is not None and not isinstance(problem, readback.ReadError):
        return len(points) + len(files), problem  # it cannot be reached at all: every further try would take its time
    try:
        tracker = TRACKERS[kind](_facts(kind, folder, book))
        tracker.write(points)
        for path in files:
            tracker.add_file(path)
        tracker.close(book.failed)
    except Exception as error:  # still down, in whatever way: it is told, and the journal keeps all
        return len(points) + len(files), error
    points, files, problem = _lacking(kind, folder, book)
    return len(points) + len(files), problem


def _lacking(kind, folder, book):
    """The points and files of the journal that a record does not hold, and why it could not be read, if so."""
    facts = _facts(kind, folder, book)
    try:
        history, files = TRACKERS[kind].read(facts).history, TRACKERS[kind].files(facts)
    except Exception as error:  # not there, or not to be reached: then it lacks everything
        return book.points, book.files, error
    held = {(row.metric, row.step, repr(row.value)) for row in history.itertuples()}
    points = [point for point in book.points if (point[0], point[1], repr(point[2])) not in held]
    return points, [path for path in book.files if files is not None and path.name not in files], None


def _facts(kind, folder, book):
    """What a tracker is opened with. The store's place is not in the journal, so that the folder can be moved."""
    uri = book.facts["mlflow_uri"]
    if kind == "mlflow" and uri is None:
        database = folder / "mlflow" / DATABASE
        uri = Store(folder / "mlflow").uri if database.exists() else new_store(folder / "mlflow").uri
    return {**book.facts, "folder": str(folder), "mlflow_uri": uri}


def _named(name):
    if not isinstance(name, str) or not NAME.fullmatch(name) or ".." in name or "//" in name or name.endswith("/"):
        raise TrackingError(
            f"The name {name!r} is not taken by every tracker: use English letters, digits and _ - . or a space, "
            "and / between parts, such as 'val/loss'."
        )
    return name


def _number(name, value):
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TrackingError(f"{name} is {value!r}; expected a number. Text goes to params or tags, files to log_file.") from None


def _whole(step):
    try:
        whole = int(step)
    except (TypeError, ValueError, OverflowError):
        whole = -1
    if whole != step or whole < 0:
        raise TrackingError(f"step is {step!r}; expected a whole number from 0 on.")
    return whole


def _short(error):
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
