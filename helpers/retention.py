"""How long a prediction log keeps what: personal fields are redacted, old predictions deleted, and neither leaves its bytes.

    retention.redact("predictions.db", ["client", "note"], now=time.time(), request_id=request_id)
    retention.delete_old("predictions.db", days=90, now=time.time())

A service may go on writing into the log meanwhile, from another process too.
"""

import time
from pathlib import Path

import orjson

from helpers.prediction_file import PATIENCE, LogError, opened, seconds, transaction

BATCH = 1_000  # rows that are deleted or redacted at once: meanwhile nobody else writes
STRIP = 1_000  # rows, more than three pages of the file can hold
PAUSE = 0.02  # seconds between two batches, in which others write
DAY = 86_400  # seconds
_FIRST_OUTCOME = """
    SELECT id FROM outcomes o WHERE EXISTS (SELECT 1 FROM live p WHERE p.request_id = o.request_id AND p.row = o.row)
    ORDER BY id LIMIT 1
"""


def redact(file, personal, *, now, request_id=None, before=None, patience=PATIENCE):
    """Take personal fields out of the log, and their bytes out of its files. The predictions stay.

    What is left is as long as it was, so the length of what was there can still be seen. Copies made by others, such as
    backups, are theirs to redact.

    Parameters
    ----------
    file : path-like
        The log.
    personal : list of str
        Names of inputs, such as ["client", "note"]; "who" is the one who told an outcome.
    now : float or datetime
        Kept as the time of the redaction.
    request_id : str, optional
        Only of this request.
    before : float or datetime, optional
        Only of predictions older than this. One of the two is needed; with both, both must hold.
    patience : float, default 5.0
        Seconds to wait for programs that read or write.

    Returns
    -------
    int
        In how many predictions something was redacted. 0 where none has such a field.

    Raises
    ------
    ValueError
        Neither `request_id` nor `before` is given, or `personal` is empty.
    LogError
        The log cannot be written; or all is redacted, but another program reads older content: call again after it.
    """
    if not personal or isinstance(personal, str):
        raise ValueError(f"personal is {personal!r}; expected names, such as ['client', 'note'].")
    if request_id is None and before is None:
        raise ValueError("Say what to redact: request_id, or before (a time), or both.")
    parts = [("request_id = ?", request_id), ("at < ?", None if before is None else seconds(before))]
    conditions = " AND ".join(text for text, value in parts if value is not None)
    values = [value for _, value in parts if value is not None]
    done, last, now = 0, 0, seconds(now)
    with opened(file, "redacted", patience=patience) as connection:
        while True:
            with transaction(connection):
                found = connection.execute(
                    f"""SELECT id, request_id, row, inputs FROM live WHERE {conditions} AND id > ?
                        ORDER BY id LIMIT {BATCH}""",
                    [*values, last],
                ).fetchall()
                for prediction, request, row, text in found:
                    done += _redact_one(connection, personal, prediction, request, row, text, now)
            if len(found) < BATCH:
                break
            last = found[-1][0]
            time.sleep(PAUSE)
        _empty_wal(connection, file, patience)
    return done


def delete_old(file, days, *, now, patience=PATIENCE):
    """Delete the predictions that are older than some days, and what was said of them. The file shrinks.

    It goes in small batches, so that a service goes on writing meanwhile. Their inputs, and the names of those who labelled
    them, are overwritten first; up to 1,000 such blank rows stay in the file until the next time.

    Parameters
    ----------
    file : path-like
        The log.
    days : float
        0 or more.
    now : float or datetime
        From where to count back.
    patience : float, default 5.0
        Seconds to wait for programs that read or write.

    Returns
    -------
    int
        How many predictions were deleted. 0 where none is so old.

    Raises
    ------
    ValueError
        `days` is negative.
    LogError
        The log cannot be written; or all is deleted, but another program reads older content: call again after it.
    """
    if not days >= 0:
        raise ValueError(f"days is {days}; expected 0 or more.")
    limit = seconds(now) - days * DAY
    with opened(file, "written", patience=patience) as connection:
        deleted = _in_batches(connection, _blank_batch, limit)
        _in_batches(connection, _cut_batch, "predictions", "SELECT id FROM live ORDER BY id LIMIT 1")
        _in_batches(connection, _cut_batch, "outcomes", _FIRST_OUTCOME)
        while connection.execute("PRAGMA freelist_count").fetchone()[0]:
            connection.executescript(f"PRAGMA incremental_vacuum({BATCH})")  # `execute` would stop after one page
            time.sleep(PAUSE)
        _empty_wal(connection, file, patience)
    return deleted


def _in_batches(connection, step, *arguments):
    """Do a step again and again, a transaction each, until it finds less than a full batch. Gives how many it did."""
    done, batch = 0, BATCH
    while batch == BATCH:
        with transaction(connection):
            batch = step(connection, *arguments)
        done += batch
        time.sleep(PAUSE if batch == BATCH else 0)
    return done


def _blank_batch(connection, limit):
    """Overwrite old predictions where they lie: from then on nobody reads them."""
    old = connection.execute(
        f"SELECT id, request_id, row, length(CAST(inputs AS BLOB)) FROM live WHERE at < ? ORDER BY at LIMIT {BATCH}", [limit]
    ).fetchall()
    connection.executemany("UPDATE predictions SET inputs = ? WHERE id = ?", [(" " * size, key) for key, _, _, size in old])
    for key, request_id, row, _ in old:
        connection.execute("DELETE FROM redactions WHERE prediction = ?", [key])
        if not connection.execute("SELECT 1 FROM live WHERE request_id = ? AND row = ?", (request_id, row)).fetchone():
            _blank_who(connection, request_id, row)
    return len(old)


def _cut_batch(connection, table, first_live):
    """Delete what lies before the first that is live, except for a strip of blanked rows.

    Where SQLite merges pages it moves rows to a page nearby, and what stood where they were can stay behind in the file: a
    copy that no later redaction finds. With the strip between, no row that is live is ever moved.
    """
    (last,) = connection.execute(f"SELECT max(id) FROM {table}").fetchone()
    first = connection.execute(first_live).fetchone() or (last or 0,)
    return connection.execute(
        f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id < ? ORDER BY id LIMIT {BATCH})", [first[0] - STRIP]
    ).rowcount


def _blank_who(connection, request_id, row):
    """How many names were there."""
    told = connection.execute("SELECT id, who FROM outcomes WHERE request_id = ? AND row = ?", (request_id, row)).fetchall()
    told = [(" " * len(who.encode()), outcome) for outcome, who in told if who.strip()]
    connection.executemany("UPDATE outcomes SET who = ? WHERE id = ?", told)
    return len(told)


def _redact_one(connection, personal, prediction, request_id, row, text, now):
    """Whether there was anything to redact. What replaces it is equally long: no row moves, which could leave a copy."""
    inputs, done = orjson.loads(text), False
    if any(name in inputs for name in personal):
        left = orjson.dumps({name: value for name, value in inputs.items() if name not in personal})
        padded = left.decode() + " " * (len(text.encode()) - len(left))
        connection.execute("UPDATE predictions SET inputs = ? WHERE id = ?", (padded, prediction))
        done = True
    if "who" in personal and _blank_who(connection, request_id, row):
        done = True
    if done:
        connection.execute("INSERT OR REPLACE INTO redactions VALUES (?, ?)", (prediction, now))
    return done


def _empty_wal(connection, file, patience):
    """Bring everything into the database itself and cut the write-ahead log to nothing: old content stands there too."""
    deadline = time.monotonic() + patience
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:  # it does not wait for another's checkpoint
        if time.monotonic() > deadline:
            raise LogError(
                f"The log {Path(file).name} is changed, but another program still reads what was there before,"
                " so its bytes remain: call this again when that program is done."
            )
        time.sleep(PAUSE)
