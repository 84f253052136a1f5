"""What `helpers.prediction_log` has written: read it, and label it when the truth arrives.

    rows = logged.read("predictions.db", since=alert_began, until=alert_ended, where=[("temp", "<", 32)])
    logged.add_outcomes("predictions.db", [(request_id, 0, True, time.time(), "ana")])

Each function takes the log's file. A service may go on writing into it, from another process too.
"""

import datetime

import orjson

from helpers.prediction_file import OWN, opened, seconds, transaction

OPERATORS = {"=": "IS", "!=": "IS NOT", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
DAY = 86_400  # seconds

# Of several outcomes of a row the latest counts; of two at the same time, the one that was added later.
_LATEST = """
    SELECT request_id, row, late, who, at FROM (
        SELECT *, row_number() OVER (PARTITION BY request_id, row ORDER BY at DESC, id DESC) AS place FROM outcomes)
    WHERE place = 1
"""


def read(file, *, request_id=None, since=None, until=None, version=None, where=(), inputs=None, last=None):
    """Read logged predictions, each with its outcome as far as that is known. All conditions given must hold.

    Parameters
    ----------
    file : path-like
        The log.
    request_id : str, optional
        Of one request.
    since : float or datetime, optional
        Where a window of time begins. Seconds since 1970, or a datetime with a time zone.
    until : float or datetime, optional
        Where it ends: this moment is not in it.
    version : str, optional
        Of the model.
    where : list of (str, str, value), optional
        Conditions on inputs, such as ("temp", "<", 32), ("dest", "=", "BOS") or ("temp", "=", None) for a missing one. A
        missing value is never smaller or larger than another. Operators: = != < <= > >=.
    inputs : list of str, optional
        Which inputs to give, and in which order; all by default.
    last : int, optional
        Only so many, those logged last; at least 1.

    Returns
    -------
    pandas.DataFrame, shape (n, 9 + inputs)
        In the order in which they were logged. Columns: `request_id`; `row`, the place in the request, from 0; `at`, UTC;
        `version`; `late`, the probability; `outcome`, true, false or missing; `who` said so and `outcome_at`, missing
        without an outcome; `redacted`, when that was done, else missing; then the inputs. No rows: the nine columns and
        those of `inputs`.

    Raises
    ------
    ValueError
        An operator is unknown, a datetime has no time zone, or `last` is under 1.
    LogError
        There is no such log, or it cannot be read.
    """
    import pandas

    if last is not None and last < 1:
        raise ValueError(f"last is {last!r}; expected 1 or more.")
    conditions, values = _conditions(request_id, since, until, version, where)
    outcome = f"LEFT JOIN ({_LATEST}) o ON o.request_id = p.request_id AND o.row = p.row"
    if request_id is not None:  # the latest of these alone: quicker than the latest of all
        outcome = outcome.replace("FROM outcomes", "FROM outcomes WHERE request_id = ?")
        values = [request_id, *values]
    with opened(file, "read") as connection:
        found = connection.execute(
            f"""SELECT p.request_id, p.row, p.at, p.version, p.late, o.late, o.who, o.at, r.at, p.inputs FROM live p
                {outcome} LEFT JOIN redactions r ON r.prediction = p.id WHERE {conditions} ORDER BY p.id DESC LIMIT ?""",
            [*values, -1 if last is None else last],  # -1: no limit
        ).fetchall()[::-1]
    table = pandas.DataFrame([row[:-1] for row in found], columns=list(OWN[1:]))
    for name in ("at", "outcome_at", "redacted"):
        table[name] = pandas.to_datetime(table[name].astype(float), unit="s", utc=True)
    table["outcome"] = table["outcome"].astype("boolean")
    table["who"] = table["who"].str.strip().replace("", None) if table["who"].notna().any() else table["who"]
    given = pandas.DataFrame([orjson.loads(row[-1]) for row in found], index=table.index)
    return table.join(given if inputs is None else given.reindex(columns=list(inputs)))


def count_per_day(file):
    """Count what is in the log.

    Parameters
    ----------
    file : path-like
        The log.

    Returns
    -------
    pandas.DataFrame
        A row for each day (UTC) and version that has any, in order: `day`, a datetime.date; `version`; `predictions`;
        `labelled`, how many of them have an outcome. An empty log gives no rows.

    Raises
    ------
    LogError
        There is no such log, or it cannot be read.
    """
    import pandas

    with opened(file, "read") as connection:
        found = connection.execute(
            f"""SELECT CAST(floor(p.at / {DAY}) AS INTEGER) AS day, p.version, count(*), count(o.late) FROM live p
                LEFT JOIN ({_LATEST}) o ON o.request_id = p.request_id AND o.row = p.row GROUP BY 1, 2 ORDER BY 1, 2"""
        ).fetchall()
    first = datetime.date(1970, 1, 1)
    rows = [(first + datetime.timedelta(days=day), *rest) for day, *rest in found]
    return pandas.DataFrame(rows, columns=["day", "version", "predictions", "labelled"])


def add_outcomes(file, outcomes):
    """Say what really came of predictions. Nothing is overwritten: a correction stands beside what was said before.

    Parameters
    ----------
    file : path-like
        The log.
    outcomes : iterable of (str, int, bool, float or datetime, str)
        For each: the request's id, the row in it, whether the flight was late, when this is said, who says so. Nothing in
        it: nothing is done.

    Returns
    -------
    int
        How many were added: all, or none if one is refused.

    Raises
    ------
    ValueError
        A row was never logged, `late` is neither true nor false, or `who` is empty.
    LogError
        There is no such log, or it cannot be written.
    """
    checked = [_outcome(*outcome) for outcome in outcomes]
    with opened(file, "written") as connection, transaction(connection):
        for request_id, row, *_ in checked:
            known = connection.execute("SELECT 1 FROM live WHERE request_id = ? AND row = ?", (request_id, row)).fetchone()
            if not known:
                raise ValueError(f"No prediction of request {request_id!r}, row {row}, is in the log: nothing was added.")
        connection.executemany("INSERT INTO outcomes (request_id, row, late, at, who) VALUES (?, ?, ?, ?, ?)", checked)
    return len(checked)


def outcome_history(file, request_id, row):
    """All that was ever said of one prediction.

    Parameters
    ----------
    file : path-like
        The log.
    request_id : str
    row : int
        In the request, from 0.

    Returns
    -------
    list of dict
        Latest last, which is the one that counts: `late` (bool), `at` (seconds since 1970), `who` (str; None if redacted).
        Empty if nothing was said.

    Raises
    ------
    LogError
        There is no such log, or it cannot be read.
    """
    with opened(file, "read") as connection:
        found = connection.execute(
            "SELECT late, at, who FROM outcomes WHERE request_id = ? AND row = ? ORDER BY at, id",
            (request_id, int(row)),  # numpy's find nothing
        ).fetchall()
    return [{"late": bool(late), "at": at, "who": who.strip() or None} for late, at, who in found]


def _conditions(request_id, since, until, version, where):
    """The words of SQL after WHERE, and the values in them."""
    parts = [("p.request_id = ?", request_id), ("p.at >= ?", since), ("p.at < ?", until), ("p.version = ?", version)]
    parts = [(text, value) for text, value in parts if value is not None]
    parts = [(text, seconds(value) if "p.at" in text else value) for text, value in parts]
    texts, values = ["1", *[text for text, _ in parts]], [value for _, value in parts]
    for name, operator, value in where:
        if operator not in OPERATORS:
            raise ValueError(f"The operator of {name} is {operator!r}; expected one of {' '.join(OPERATORS)}.")
        if '"' in name or "\\" in name:
            raise ValueError(f"An input cannot be called {name!r}.")
        texts.append(f"json_extract(p.inputs, ?) {OPERATORS[operator]} ?")
        values += [f'$."{name}"', value.item() if hasattr(value, "item") else value]
    return " AND ".join(texts), values


def _outcome(request_id, row, late, when, who):
    if late not in (True, False):  # numpy's too; 0 and 1 are the same
        raise ValueError(f"late is {late!r}; expected True or False.")
    if not isinstance(who, str) or not who.strip():
        raise ValueError(f"who is {who!r}; expected a name: it is kept who said what.")
    return request_id, int(row), int(late), seconds(when), who.strip()
