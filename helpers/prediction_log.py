"""A log of predictions that can be relied on: what has been acknowledged is on the disk, whatever happens next.

    with prediction_log.PredictionLog("predictions.db") as log:
        log.append(request_id, flights, probabilities, version="7", when=time.time())      # returns when it is durable
        await log.append_async(request_id, flights, probabilities, version="7", when=...)  # the same, in asyncio

One file, an SQLite database, into which several processes may write at once. A commit waits for the disk, which takes
milliseconds, so one thread commits for all: whatever has gathered while the last commit ran goes into the next.
What has been logged is read, labelled, redacted and deleted by `helpers.logged` and `helpers.retention`.
"""

import asyncio
import contextlib
import math
import queue
import re
import secrets
import sqlite3
import threading
import time
from pathlib import Path

import orjson

from helpers.prediction_file import OWN, PATIENCE, LogError, connect, explained, transaction

__all__ = ["LogError", "PredictionLog", "is_request_id", "new_request_id"]

LONGEST_ID = 128  # characters
MOST_WAITING = 1_000_000  # rows: beyond that the disk is not keeping up, and memory would fill
TOGETHER = 64  # rows a statement
SMALL = 1_000  # rows: more are made ready in a thread, so that an event loop goes on
_WORD = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}")  # printable ASCII, no space


class PredictionLog:
    """A log that is open for writing. Any thread may use it, and any number of processes may have the same file open.

    Parameters
    ----------
    path : path-like
        The file, made if absent; its folder must exist. Beside it stand `-wal` and `-shm` while it is in use.
    patience : float, default 5.0
        Seconds to wait while another process writes.
    most_mb : float, optional
        The size, in millions of bytes, beyond which nothing more is taken; by default as the disk allows.

    Raises
    ------
    LogError
        The file cannot be made or opened, is damaged, or is something else than a log.
    """

    def __init__(self, path, *, patience=PATIENCE, most_mb=None):
        self.path, self._patience, self._most_mb = Path(path), patience, most_mb
        self._connect()
        self._queue, self._door = queue.SimpleQueue(), threading.Lock()
        self._closed, self._waiting_rows = False, 0
        self._writer = threading.Thread(target=self._write, name=f"log {self.path.name}", daemon=True)
        self._writer.start()

    def append(self, request_id, inputs, late, *, version, when):
        """Log the predictions of one request: all of its rows or none. Returns when they are on the disk.

        Parameters
        ----------
        request_id : str
            1 to 128 printable ASCII characters without space, as from `new_request_id`. It should not name a person. The
            same one again, as from a caller who tries again, is kept beside the first.
        inputs : list of dict, or dict of str to column
            n flights, row by row or column by column as `helpers.flight_schema` and `helpers.flight_records` read them; more
            than the features may be among them, if JSON can hold it. NaN is kept as missing.
        late : sequence of float, shape (n,)
            Their probabilities, 0 to 1. No rows: nothing is written.
        version : str
            Of the model.
        when : float
            Seconds since 1970, UTC.

        Raises
        ------
        ValueError
            The arguments do not fit together, or an input has the name of one of the log's own columns (`OWN`).
        LogError
            Nothing was acknowledged: the disk is full, the file locked, read-only or damaged, or the log is closed.
        """
        rows = _rows(request_id, inputs, late, version, when)
        if rows:
            waiter = _Thread()
            self._put(rows, waiter)
            waiter.wait()

    async def append_async(self, request_id, inputs, late, *, version, when):
        """Log as `append` does, for asyncio: the event loop goes on meanwhile.

        Parameters
        ----------
        request_id : str
            As all the rest: see `append`.
        inputs : list of dict, or dict of str to column
            n flights.
        late : sequence of float, shape (n,)
            Their probabilities, 0 to 1. No rows: nothing is written.
        version : str
            Of the model.
        when : float
            Seconds since 1970, UTC.

        Raises
        ------
        ValueError
            As `append`.
        LogError
            As `append`.
        """
        many = (request_id, inputs, late, version, when)
        rows = _rows(*many) if len(late) <= SMALL else await asyncio.to_thread(_rows, *many)
        if rows:
            waiter = _Task()
            self._put(rows, waiter)
            await waiter.future

    def close(self):
        """Finish what has been begun, then close the file. Does nothing where that has been done."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._writer.join()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _put(self, rows, waiter):
        with self._door:  # so that nothing comes behind the sign that closes
            if self._closed:
                raise LogError(f"The log {self.path.name} is closed: open it anew.")
            if self._waiting_rows > MOST_WAITING:
                raise LogError(f"The log {self.path.name} cannot keep up: {self._waiting_rows:,} rows wait for the disk.")
            self._waiting_rows += len(rows)
            self._queue.put((rows, waiter))

    def _write(self):
        """Commit what has gathered, again and again: the writer's thread."""
        callers, took, going_on = 0, 0.0, True
        while going_on:
            batch, going_on = self._gather(callers, min(took / 4, 0.002))
            began = time.perf_counter()
            problem = self._commit([row for rows, _ in batch for row in rows]) if batch else None
            took = time.perf_counter() - began
            callers = len(batch) + self._queue.qsize()
            with self._door:
                self._waiting_rows -= sum(len(rows) for rows, _ in batch)
            _wake([waiter for _, waiter in batch], problem)
        if self._connection:
            with contextlib.suppress(sqlite3.Error):  # only the checkpoint can fail: all is in the -wal
                self._connection.close()

    def _gather(self, callers, patience):
        """All that waits. As many callers as last time are given a moment to come back: a commit then serves them all."""
        batch, deadline = [], None
        with contextlib.suppress(queue.Empty):
            while deadline is None or not self._queue.empty() or len(batch) < callers:
                if deadline is None:
                    told = self._queue.get()
                    deadline = time.perf_counter() + patience
                else:
                    told = self._queue.get(timeout=max(deadline - time.perf_counter(), 0))
                if told is None:
                    return batch, False
                batch.append(told)
        return batch, True

    def _commit(self, rows):
        """Write rows in one transaction. Gives the LogError, or None when they are on the disk."""
        try:
            if self._connection is None:
                self._connect()
            if _identity(self.path) != self._file:
                self._connection.close()
                self._connection = None
                return LogError(
                    f"The log {self.path.name} was moved or deleted while it was open: the next try begins a new one."
                )
            with transaction(self._connection, alone=len(rows) <= TOGETHER):
                for start in range(0, len(rows), TOGETHER):
                    part = rows[start : start + TOGETHER]
                    self._connection.execute(_insert(len(part)), [value for row in part for value in row])
        except LogError as error:
            return error
        except Exception as error:  # whatever it is, those who wait must hear of it, and the thread must go on
            return explained(error, self.path, "written")
        return None

    def _connect(self):
        self._connection, self._file = None, None
        connection = connect(self.path, patience=self._patience, make=True)
        if self._most_mb is not None:
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {int(self._most_mb * 1e6 / size)}")
        self._connection, self._file = connection, _identity(self.path)


def new_request_id(when):
    """Make an id for a request. Later ones sort after earlier ones, which keeps the log's index small and quick.

    Parameters
    ----------
    when : float
        Seconds since 1970.

    Returns
    -------
    str
        32 hexadecimal digits: 12 of the time in milliseconds, 20 by chance.
    """
    return f"{int(when * 1000):012x}{secrets.token_hex(10)}"


def is_request_id(text):
    """Say whether a text can be a request's id.

    Parameters
    ----------
    text : str or None

    Returns
    -------
    bool
        False for None, "", more than 128 characters, a space, or what is not printable ASCII.
    """
    return text is not None and _WORD.fullmatch(text) is not None


def _insert(count):
    """One statement for several rows: SQLite then lets go of Python's lock once, and not once a row."""
    return f"INSERT INTO predictions (request_id, row, at, version, late, inputs) VALUES {','.join(['(?,?,?,?,?,?)'] * count)}"


def _identity(path):
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_dev, told.st_ino


def _rows(request_id, inputs, late, version, when):
    """What goes into the table."""
    if not (isinstance(request_id, str) and is_request_id(request_id)):
        raise ValueError(f"request_id is {request_id!r:.60}; expected 1 to {LONGEST_ID} printable ASCII characters, no space.")
    if not math.isfinite(when):
        raise ValueError(f"when is {when}; expected seconds since 1970.")
    late = late.tolist() if hasattr(late, "tolist") else [float(each) for each in late]
    if not all(0 <= each <= 1 for each in late):
        raise ValueError("late has a value that is no probability: expected 0 to 1.")
    flights = _by_row(inputs) if isinstance(inputs, dict) else inputs
    own, version, when = frozenset(OWN), str(version), float(when)
    rows = []
    for row, (flight, probability) in enumerate(zip(flights, late, strict=True)):  # ValueError where one is longer
        if not own.isdisjoint(flight):
            raise ValueError(f"An input is called {min(own & set(flight))!r}, as a column of the log: give it another name.")
        try:
            rows.append((request_id, row, when, version, probability, orjson.dumps(flight).decode()))
        except TypeError as error:
            raise ValueError(f"The inputs of row {row} cannot be written as JSON: {error}.") from None
    return rows


def _by_row(columns):
    values = []
    for column in columns.values():
        if isinstance(column, tuple):
            words, places = column
            values.append([words[place] for place in places.tolist()])
        else:
            values.append(column.tolist() if hasattr(column, "tolist") else column)
    return (dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True))


class _Thread:
    """A thread that waits."""

    def __init__(self):
        self._lock, self.problem = threading.Lock(), None
        self._lock.acquire()

    def wait(self):
        self._lock.acquire()
        if self.problem:
            raise LogError(str(self.problem))  # its own: others raise it in other threads

    def wake(self, problem):
        self.problem = problem
        self._lock.release()


class _Task:
    """A task of asyncio that waits."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.future = self.loop.create_future()

    def wake(self, problem):
        if not self.future.done():  # the task may have been cancelled
            self.future.set_exception(LogError(str(problem))) if problem else self.future.set_result(None)


def _wake(waiters, problem):
    loops = {}
    for waiter in waiters:
        if isinstance(waiter, _Task):
            loops.setdefault(waiter.loop, []).append(waiter)
        else:
            waiter.wake(problem)
    for loop, tasks in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it those who waited
            loop.call_soon_threadsafe(lambda tasks=tasks: [task.wake(problem) for task in tasks])
