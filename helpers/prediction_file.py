"""The file of a prediction log: an SQLite database with the settings that keep what the log promises."""

import contextlib
import datetime
import math
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

OWN = ("id", "request_id", "row", "at", "version", "late", "outcome", "who", "outcome_at", "redacted")  # no input's name
PATIENCE = 5.0  # seconds to wait while another process writes
STATEMENTS = 128  # that a connection keeps prepared
_FORMAT = 1  # in the file, as SQLite's user_version
_TABLES = """
    CREATE TABLE predictions (
        id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, row INTEGER NOT NULL, at REAL NOT NULL,
        version TEXT NOT NULL, late REAL NOT NULL, inputs TEXT NOT NULL);
    CREATE INDEX predictions_request ON predictions (request_id, row);
    CREATE INDEX predictions_at ON predictions (at);
    CREATE VIEW live AS SELECT * FROM predictions WHERE substr(inputs, 1, 1) <> ' ';
    CREATE TABLE outcomes (
        id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, row INTEGER NOT NULL, late INTEGER NOT NULL, at REAL NOT NULL,
        who TEXT NOT NULL);
    CREATE INDEX outcomes_request ON outcomes (request_id, row);
    CREATE TABLE redactions (prediction INTEGER PRIMARY KEY, at REAL NOT NULL);
"""
_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full, or the log has reached its limit",
    sqlite3.SQLITE_BUSY: "another program has kept it locked too long",
    sqlite3.SQLITE_LOCKED: "another program has kept it locked too long",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: move it away, and keep it for what can be recovered",
    sqlite3.SQLITE_NOTADB: "the file is no log, or damaged",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: does its folder exist, and may you write there?",
    sqlite3.SQLITE_IOERR: "the disk failed",
}


class LogError(Exception):
    """The log cannot be used; the message says why. What was being written has not been acknowledged."""


def connect(path, *, patience=PATIENCE, make=False):
    """Open a log's file with the settings that every program must use: all of them keep its promises, or none does.

    Parameters
    ----------
    path : path-like
    patience : float, default 5.0
        Seconds to wait while another process writes.
    make : bool, default False
        Make an empty log where there is no file.

    Returns
    -------
    sqlite3.Connection
        In autocommit. Deleted content is overwritten with zeros.

    Raises
    ------
    LogError
        It cannot be opened, or is something else than a log.
    """
    path, deadline = Path(path), time.monotonic() + patience
    if not make and not path.is_file():
        raise LogError(f"There is no log {path.name}: the service makes one with --log, and PredictionLog does.")
    connection = None
    while True:
        try:
            if connection is None:
                connection = sqlite3.connect(
                    path, timeout=patience, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
                )
            _prepare(connection, path)
            return connection
        except sqlite3.Error as error:
            # Two that make the file at once: SQLite does not wait there by itself.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            if connection:
                connection.close()
            raise explained(error, path, "opened") from None
        except LogError:
            connection.close()
            raise


@contextlib.contextmanager
def opened(file, verb, *, patience=PATIENCE) -> Iterator[sqlite3.Connection]:
    """Open a log that is there, as `connect` does, for a `with` block; inside, SQLite's errors are told as ours.

    Parameters
    ----------
    file : path-like
    verb : str
        What is to be done, such as "read".
    patience : float, default 5.0
        Seconds to wait while another process writes.

    Yields
    ------
    sqlite3.Connection
        It is closed at the end.

    Raises
    ------
    LogError
        As `connect`; or what is done inside fails in SQLite.
    """
    connection = connect(file, patience=patience)
    try:
        yield connection
    except sqlite3.Error as error:
        raise explained(error, file, verb) from None
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.close()


@contextlib.contextmanager
def transaction(connection, alone=False) -> Iterator[None]:
    """Everything inside is done, or nothing.

    Parameters
    ----------
    connection : sqlite3.Connection
        As from `connect`.
    alone : bool, default False
        A single statement is inside: SQLite makes it a transaction by itself.

    Yields
    ------
    None
    """
    if alone:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
            connection.execute("ROLLBACK")
        raise


def explained(error, path, verb):
    """Turn an error of SQLite's into one of ours.

    Parameters
    ----------
    error : Exception
    path : path-like
        Of the log.
    verb : str
        What could not be done, such as "written".

    Returns
    -------
    LogError
    """
    reason = _REASONS.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF, str(error) or type(error).__name__)
    return LogError(f"The log {Path(path).name} cannot be {verb}: {reason}.")


def seconds(when):
    """Turn a time into the log's own.

    Parameters
    ----------
    when : float or datetime.datetime
        Seconds since 1970, or with a time zone.

    Returns
    -------
    float
        Seconds since 1970.

    Raises
    ------
    ValueError
        It is not finite, or has no time zone.
    """
    if isinstance(when, datetime.datetime):
        if when.tzinfo is None:
            raise ValueError(f"The time {when} has no time zone: give it one, such as datetime.timezone.utc.")
        return when.timestamp()
    if not math.isfinite(when):
        raise ValueError(f"The time is {when}; expected seconds since 1970, or a datetime.")
    return float(when)


def _prepare(connection, path):
    connection.execute("PRAGMA secure_delete = ON")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found != _FORMAT:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the file has anything in it
        with transaction(connection):
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if found == 0 and not tables:
                for statement in filter(str.strip, _TABLES.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_FORMAT}")
            elif found != _FORMAT:
                raise LogError(f"The file {path.name} is a database of something else, not a log: choose another name.")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA journal_size_limit = 20000000")  # bytes: after one large request the -wal shrinks again
    connection.execute("PRAGMA synchronous = FULL")  # the commit waits until the disk has it
