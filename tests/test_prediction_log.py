"""The log of predictions: what was acknowledged is there, whole; what was redacted is nowhere; the service waits for it."""

import asyncio
import contextlib
import datetime
import http.client
import json
import multiprocessing
import os
import random
import re
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import types
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from fastapi.testclient import TestClient

from helpers import flight_records, flights, logged, model_source, modeling, prediction_file, prediction_log, retention, serving
from tests import log_processes
from tests.log_processes import THEN, in_threads, put

KILLS = 20
UTC = datetime.UTC


@pytest.fixture(scope="module")
def january():
    return flights.features_and_target(flights.load(1))


@pytest.fixture(scope="module")
def rows(january):
    return json.loads(january[0].iloc[:200].to_json(orient="records", double_precision=15))


@pytest.fixture(scope="module")
def folder(january, tmp_path_factory):
    return model_source.save(modeling.make_model(n_steps=20).fit(*january), tmp_path_factory.mktemp("model"), "1")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "log.db"


@pytest.fixture
def log(file):
    with prediction_log.PredictionLog(file) as log:
        yield log


@contextlib.contextmanager
def client_of(folder, log):
    with TestClient(serving.create_app(model_source.Folder(folder), environ={}, log=log, clock=lambda: THEN)) as client:
        wait_until(lambda: client.get("/healthcheck").status_code == 200)
        yield client


def wait_until(done, seconds=20):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


# --- writing --------------------------------------------------------------------------------------------------------------


def test_what_goes_in_comes_out(log, file, january):
    X = january[0].iloc[:5]
    log.append(
        "by-row",
        [{"temp": 30.5, "dest": "BOS", "note": 'ä "quoted"'}, {"temp": None, "dest": "IAH"}],
        [0, 1],
        version=7,
        when=THEN,
    )
    columns = flight_records.read_columns(b"".join(npy(X)))
    log.append("by-column", columns, np.array([0.1, 0.2, 0.3, 0.4, 0.5], dtype=np.float32), version="8", when=THEN + 1)
    table = logged.read(file)
    assert list(table["request_id"]) == ["by-row"] * 2 + ["by-column"] * 5 and list(table["row"]) == [0, 1, 0, 1, 2, 3, 4]
    assert list(table["version"]) == ["7"] * 2 + ["8"] * 5 and table["at"][0] == datetime.datetime.fromtimestamp(THEN, UTC)
    assert table["note"][0] == 'ä "quoted"' and np.isnan(table["temp"][1]) and table["outcome"].isna().all()
    assert list(logged.read(file, last=3)["row"]) == [2, 3, 4] and len(logged.read(file, last=9)) == 7
    assert list(logged.read(file, last=1, version="7")["row"]) == [1]
    with pytest.raises(ValueError, match="last is 0; expected 1 or more"):
        logged.read(file, last=0)
    later = table.iloc[2:].reset_index(drop=True)
    assert np.allclose(later["late"], [0.1, 0.2, 0.3, 0.4, 0.5]) and list(later["dest"]) == list(X["dest"])
    assert np.array_equal(later["temp"].astype(np.float32), X["temp"].astype(np.float32), equal_nan=True)


def npy(X):
    import io

    stream = io.BytesIO()
    np.save(stream, flight_records.of_table(X))
    yield stream.getvalue()


def test_it_is_written_as_promised(log, file):
    """A full sync for each commit, in the writer's own connection and in everyone else's."""
    for connection in (log._connection, prediction_file.connect(file)):
        told = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "secure_delete")]
        assert told == ["wal", 2, 1]


def test_no_rows_write_nothing(log, file):
    log.append("nothing", [], [], version="1", when=THEN)
    asyncio.run(log.append_async("nothing", [], [], version="1", when=THEN))
    assert logged.read(file).shape == (0, 9) and logged.count_per_day(file).empty


BAD = {
    "no id": (dict(request_id=""), "request_id is ''"),
    "id of None": (dict(request_id=None), "request_id is None"),
    "long id": (dict(request_id="x" * 129), "1 to 128"),
    "id with a line's end": (dict(request_id="a\n"), "printable"),
    "fewer probabilities": (dict(late=[0.5]), "zip"),
    "more probabilities": (dict(late=[0.5] * 3), "zip"),
    "no probability": (dict(late=[0.5, float("nan")]), "no probability"),
    "above 1": (dict(late=[0.5, 1.5]), "no probability"),
    "no time": (dict(when=float("nan")), "when is nan"),
    "a column's own name": (dict(inputs=[{"a": 1}, {"row": 1}]), "called 'row'"),
    "not JSON": (dict(inputs=[{"a": 1}, {"a": object()}]), "row 1"),
    "unequal columns": (dict(inputs={"a": [1, 2], "b": [1]}), "zip"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_arguments_are_refused_and_nothing_is_written(log, file, kind):
    changed, why = BAD[kind]
    given = dict(request_id="good", inputs=[{"a": 1}, {"a": 2}], late=[0.5, 0.5], version="1", when=THEN) | changed
    with pytest.raises(ValueError, match=why):
        log.append(**given)
    with pytest.raises(ValueError, match=why):
        asyncio.run(log.append_async(**given))
    put(log, "next", {"a": 1})
    assert list(logged.read(file)["request_id"]) == ["next"]


def test_many_callers_share_a_commit(log, file):
    commits, commit = [], log._commit

    def slow(rows):
        time.sleep(0.01)  # as a disk takes
        commits.append(len(rows))
        return commit(rows)

    log._commit = slow
    in_threads(lambda number: [put(log, f"{number}-{turn}", {"a": turn}) for turn in range(20)], 16)
    assert sum(commits) == len(logged.read(file)) == 320
    assert len(commits) < 60 and np.median(commits) >= 8  # one by one would be 320; all together at each turn, 20


def test_a_batch_of_any_size_is_whole(log, file):
    for size in (1, 63, 64, 65, 200, 3_000):
        put(log, f"n{size}", *[{"place": place} for place in range(size)])
        assert list(logged.read(file, request_id=f"n{size}")["place"]) == list(range(size))


def test_what_is_there_when_append_returns_is_there_for_others(log, file):
    """Durable first, acknowledged second: a reader of its own sees each row at once."""
    other = sqlite3.connect(file)
    for turn in range(50):
        put(log, f"r{turn}", {"a": 1})
        assert other.execute("SELECT count(*) FROM predictions").fetchone() == (turn + 1,)
    other.close()


def test_asyncio_waits_without_blocking(log, file):
    async def story():
        lock = sqlite3.connect(file, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        waiting = [asyncio.create_task(log.append_async(f"r{n}", [{"a": n}], [0.5], version="1", when=THEN)) for n in range(5)]
        ticks = 0
        for _ in range(20):
            await asyncio.sleep(0.01)
            ticks += 1
        assert ticks == 20 and not any(task.done() for task in waiting)
        waiting[0].cancel()  # its caller has gone; the others are served
        lock.execute("ROLLBACK")
        lock.close()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(told[0], asyncio.CancelledError) and told[1:] == [None] * 4
        await log.append_async("many", [{"a": 1}] * 2_000, [0.5] * 2_000, version="1", when=THEN)

    asyncio.run(story())
    assert len(logged.read(file)) == 2_005


def test_close_finishes_what_has_begun(file):
    log, refused = prediction_log.PredictionLog(file), []
    acknowledged = []

    def work(number):
        for turn in range(200):
            try:
                put(log, f"{number}-{turn}", {"a": 1})
                acknowledged.append(f"{number}-{turn}")
            except prediction_log.LogError as error:
                refused.append(str(error))
                return

    thread = threading.Thread(target=in_threads, args=(work, 8))
    thread.start()
    wait_until(lambda: len(acknowledged) > 50)
    log.close()
    thread.join(30)
    log.close()
    assert not thread.is_alive() and set(acknowledged) == set(logged.read(file)["request_id"])
    assert refused and all("is closed" in told for told in refused)
    assert not Path(f"{file}-wal").exists()


# --- what can go wrong ----------------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_nothing_is_acknowledged(file):
    with prediction_log.PredictionLog(file, most_mb=0.2) as log:
        done = 0
        with pytest.raises(prediction_log.LogError, match="the disk is full, or the log has reached its limit"):
            for _ in range(2_000):
                put(log, f"r{done}", {"note": "x" * 500}, {"note": "y" * 500})
                done += 1
        assert 20 < done < 1_000 and len(logged.read(file)) == 2 * done  # the one that failed left neither of its rows
        log._connection.execute("PRAGMA max_page_count = 100000")  # somebody has made room
        put(log, "again", {"note": "x"})
        assert len(logged.read(file, request_id="again")) == 1


def test_a_locked_file_is_told_in_time(file):
    with prediction_log.PredictionLog(file, patience=0.2) as log:
        lock = sqlite3.connect(file, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(prediction_log.LogError, match="locked too long"):
            put(log, "r", {"a": 1})
        assert time.monotonic() - began < 20
        lock.execute("ROLLBACK")
        lock.close()
        put(log, "r", {"a": 1})
    assert len(logged.read(file)) == 1


def test_a_log_that_is_taken_away_is_told_then_begun_anew(log, file):
    put(log, "r1", {"a": 1})
    for each in file.parent.glob("log.db*"):
        each.unlink()
    with pytest.raises(prediction_log.LogError, match="moved or deleted"):
        put(log, "r2", {"a": 1})
    put(log, "r3", {"a": 1})
    assert list(logged.read(file)["request_id"]) == ["r3"]


def test_what_is_no_log_is_refused(tmp_path):
    text, other, absent = tmp_path / "text", tmp_path / "other.db", tmp_path / "absent.db"
    text.write_text("no database " * 500, encoding="utf-8")
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (x)")
    cases = [
        (text, "no log, or damaged"),
        (other, "something else"),
        (tmp_path / "no" / "x.db", "cannot be opened"),
        (tmp_path, "opened"),
    ]
    for path, why in cases:
        with pytest.raises(prediction_log.LogError, match=why):
            prediction_log.PredictionLog(path)
    for call in (logged.read, logged.count_per_day, lambda path: retention.delete_old(path, 1, now=THEN)):
        with pytest.raises(prediction_log.LogError, match="There is no log absent.db"):
            call(absent)
    assert not absent.exists() and text.read_text(encoding="utf-8").startswith("no database")


def test_a_damaged_file_is_told(file):
    with prediction_log.PredictionLog(file) as log:
        put(log, "r", *[{"note": "x" * 300}] * 500)
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)  # all but the first page
    file.write_bytes(content)
    with prediction_log.PredictionLog(file) as log, pytest.raises(prediction_log.LogError, match="damaged"):
        put(log, "r", {"a": 1})
    with pytest.raises(prediction_log.LogError, match="damaged"):
        logged.read(file)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_a_read_only_file_is_told():
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "log.db"
        prediction_log.PredictionLog(file).close()
        Path(place).chmod(0o755)
        file.chmod(0o444)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)  # root may write everywhere
            with prediction_log.PredictionLog(file) as log, pytest.raises(prediction_log.LogError, match="read-only"):
                put(log, "r", {"a": 1})
        except prediction_log.LogError as error:  # where not even the -shm can be made
            assert "read-only" in str(error) or "cannot be opened" in str(error)
        finally:
            if root:
                os.seteuid(0)


def start_process(target, *arguments):
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    if sys.platform != "win32":
        context.set_forkserver_preload(["tests.log_processes", "onnxruntime", "uvicorn", "prometheus_client"])
    process = context.Process(target=target, args=arguments, daemon=True)
    # Otherwise the child would run the main program again: pytest's, or what a test has put in its place.
    with mock.patch.dict(sys.modules, {"__main__": types.ModuleType("__main__")}):
        process.start()
    return process


def test_processes_that_make_and_write_one_file_at_once(file):
    processes = [start_process(log_processes.write_some, file, name, 4, 40) for name in "ab"]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    table = logged.read(file)
    assert len(table) == 2 * 4 * 40 * 2 and table.groupby("request_id").size().eq(2).all()


# --- reading, outcomes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def three_days(log):
    for day in range(3):
        for hour in range(4):
            inputs = {"temp": [20.0, 40.0, None, 33.0][hour], "dest": "BOS" if hour % 2 else "IAH", "day": day}
            put(log, f"d{day}h{hour}", inputs, when=THEN + 86_400 * day + 3_600 * hour, version=str(1 + (day == 2)))


def ids(table):
    return list(table["request_id"])


def test_from_an_alert_back_to_the_rows(three_days, file):
    found = logged.read(
        file, since=THEN + 86_400, until=THEN + 86_400 + 3 * 3_600, where=[("temp", "<", 50)], inputs=["temp", "no"]
    )
    assert ids(found) == ["d1h0", "d1h1"] and list(found.columns[9:]) == ["temp", "no"] and found["no"].isna().all()
    moment = datetime.datetime.fromtimestamp(THEN, UTC)
    assert ids(logged.read(file, since=moment, until=moment + datetime.timedelta(hours=1))) == ["d0h0"]  # until is not in it


def test_every_condition(three_days, file):
    wanted = {
        ("temp", "=", 40): ["h1"],
        ("temp", "!=", 40): ["h0", "h2", "h3"],
        ("temp", "=", None): ["h2"],
        ("temp", "!=", None): ["h0", "h1", "h3"],
        ("temp", "<=", 33): ["h0", "h3"],
        ("temp", ">", 33): ["h1"],
        ("temp", ">=", np.float32(33)): ["h1", "h3"],
        ("dest", "=", "BOS"): ["h1", "h3"],
        ("absent", "=", None): ["h0", "h1", "h2", "h3"],
        ("absent", "=", 1): [],
    }
    for condition, hours in wanted.items():
        assert ids(logged.read(file, version="2", where=[condition])) == [f"d2{hour}" for hour in hours], condition
    assert ids(logged.read(file, where=[("dest", "=", "BOS"), ("temp", ">", 35), ("day", "=", 1)])) == ["d1h1"]
    assert ids(logged.read(file, request_id="d1h2")) == ["d1h2"] and logged.read(file, request_id="x' OR 1=1 --").empty
    for condition, why in [(("temp", "LIKE", 1), "operator of temp"), (('a"b', "=", 1), "cannot be called")]:
        with pytest.raises(ValueError, match=why):
            logged.read(file, where=[condition])
    with pytest.raises(ValueError, match="no time zone"):
        logged.read(file, since=datetime.datetime(2023, 11, 14))


def test_count_per_day(three_days, log, file):
    put(log, "old", {"a": 1}, when=-1.0)  # a second before 1970
    logged.add_outcomes(
        file, [("d1h0", 0, True, THEN, "ana"), ("d1h0", 0, False, THEN + 1, "ben"), ("d1h1", 0, True, THEN, "ana")]
    )
    table = logged.count_per_day(file)
    first = datetime.datetime.fromtimestamp(THEN, UTC).date()
    days = [datetime.date(1969, 12, 31), *[first + datetime.timedelta(days=day) for day in range(3)]]
    assert set(table["day"]) <= {*days, days[-1] + datetime.timedelta(days=1)} and table["predictions"].sum() == 13
    assert table["labelled"].sum() == 2 and table["day"].is_monotonic_increasing


def test_corrections_stand_beside_and_the_latest_counts(log, file):
    put(log, "r", {"a": 1}, {"a": 2})
    put(log, "s", {"a": 3})
    assert logged.add_outcomes(file, []) == 0 and logged.outcome_history(file, "r", 0) == []
    logged.add_outcomes(file, [("r", 0, True, THEN + 10, "airline"), ("s", 0, np.bool_(False), THEN + 10, "airline")])
    logged.add_outcomes(file, [("r", 0, False, THEN + 20, "ana")])
    logged.add_outcomes(file, [("r", 0, True, THEN + 15, "ben")])  # said before ana's, arrived after it
    table = logged.read(file)
    assert list(table["outcome"].astype(object).where(table["outcome"].notna(), None)) == [False, None, False]
    assert list(table["who"].fillna("")) == ["ana", "", "airline"]
    assert table["outcome_at"][0] == datetime.datetime.fromtimestamp(THEN + 20, UTC)
    assert [(told["late"], told["who"]) for told in logged.outcome_history(file, "r", 0)] == [
        (True, "airline"),
        (True, "ben"),
        (False, "ana"),
    ]
    logged.add_outcomes(file, [("r", 0, True, THEN + 20, "cleo")])  # at the same time: the one added later
    assert logged.read(file, request_id="r")["who"][0] == "cleo"


def test_an_outcome_of_nothing_is_refused_with_all_the_others(log, file):
    put(log, "r", {"a": 1})
    good = ("r", 0, True, THEN, "ana")
    for bad, why in [
        (("r", 1, True, THEN, "ana"), "row 1, is in the log"), (("x", 0, True, THEN, "ana"), "'x', row 0"),
        (("r", 0, 0.7, THEN, "ana"), "late is 0.7"), (("r", 0, None, THEN, "ana"), "late is None"),
        (("r", 0, True, THEN, " "), "who is"), (("r", 0, True, float("inf"), "ana"), "time is inf"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=why):
            logged.add_outcomes(file, [good, bad])
    assert logged.outcome_history(file, "r", 0) == []


# --- retention, redaction -------------------------------------------------------------------------------------------------


def all_bytes(file):
    return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))


def test_what_is_redacted_is_in_no_byte(log, file):
    people = ["Zoë Quartz", "Ole\\Backslash", 'Ann "Q" Unusual', "x"]
    for number, name in enumerate(people):
        put(log, f"r{number}", {"temp": 1.5, "client": name, "note": f"mail {number}@example.org"}, when=THEN + number)
    put(log, "other", {"temp": 2.5})
    logged.add_outcomes(file, [("r0", 0, True, THEN, "Reviewer Rose")])
    assert all(word in all_bytes(file) for word in ("Zoë Quartz".encode(), b"0@example.org", b"Reviewer Rose", b"Backslash"))
    assert retention.redact(file, ["client"], now=THEN + 9, request_id="r1") == 1
    assert b"Backslash" not in all_bytes(file) and b"1@example.org" in all_bytes(file)
    assert retention.redact(file, ["client", "note", "who"], now=THEN + 9, before=THEN + 3) == 3
    left = all_bytes(file)
    assert not any(
        word in left for word in ("Zoë".encode(), b"Quartz", b"Unusual", b"0@example", b"1@example", b"Reviewer", b"Rose")
    )
    assert b"3@example.org" in left  # not older than that
    table = logged.read(file)
    assert list(table["temp"]) == [1.5] * 4 + [2.5] and list(table["redacted"].notna()) == [True, True, True, False, False]
    assert table["outcome"][0] and table["who"].isna().all() and logged.outcome_history(file, "r0", 0)[0]["who"] is None
    assert retention.redact(file, ["client", "note", "who"], now=THEN + 9, before=THEN + 3) == 0  # nothing is left to do
    put(log, "after", {"temp": 3.5})
    assert logged.read(file, where=[("temp", ">", 1)], inputs=["client"])["client"].notna().sum() == 1


def test_redaction_says_what_it_needs(log, file):
    put(log, "r", {"client": "Ada Secret"})
    for arguments, why in [
        (dict(personal=["client"]), "Say what"),
        (dict(personal=[], before=1), "personal is"),
        (dict(personal="client", before=1), "personal"),
    ]:
        with pytest.raises(ValueError, match=why):
            retention.redact(file, **arguments, now=THEN)
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM predictions").fetchone()  # somebody reads what was there before
    with pytest.raises(prediction_log.LogError, match="call this again"):
        retention.redact(file, ["client"], now=THEN, request_id="r", patience=0.2)
    reader.execute("ROLLBACK")
    reader.close()
    retention.redact(file, ["client"], now=THEN, request_id="r")
    assert b"Ada Secret" not in all_bytes(file)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_old_is_left_in_any_byte(file, monkeypatch, seed):
    """Rows of every size deleted and redacted: where SQLite merges pages it moves rows, and may leave copies behind."""
    monkeypatch.setattr(retention, "PAUSE", 0)
    monkeypatch.setattr(retention, "BATCH", [50, 1_000, 1_000][seed])
    rng, count = random.Random(seed), 3_000
    when = {number: rng.random() * 100 if seed == 2 else number * 100 / count for number in range(count)}
    with prediction_log.PredictionLog(file) as log:
        rows = [
            (f"r{n % 97}", n, when[n], "1", 0.5, text_of(n, rng.choice([0, 10, 100, 400, 1_500, 5_000]))) for n in range(count)
        ]
        assert log._commit(rows) is None
        gone = set()
        for step in range(1, 9):
            group, limit = rng.randrange(97), step * 10
            retention.redact(file, ["client", "note"], now=1, request_id=f"r{group}")
            retention.delete_old(file, 0, now=limit)
            retention.redact(file, ["client"], now=1, before=limit + 1)  # the neighbours of what was deleted
            gone |= {number for number in when if number % 97 == group or when[number] < limit + 1}
            found = {int(number) for number in re.findall(rb"person-(\d+)-person", all_bytes(file))}
            assert found == set(when) - gone
        assert integrity(file) == "ok"


def text_of(number, size):
    return json.dumps({"temp": 1.5, "client": f"person-{number}-person", "note": "x" * size})


def test_old_predictions_go_and_the_file_shrinks(log, file):
    for day in range(40):
        put(log, f"d{day}", *[{"note": f"secret of {day} " + "x" * 200}] * 200, when=THEN + day * 86_400)
    logged.add_outcomes(file, [(f"d{day}", 0, True, THEN, f"reviewer {day};") for day in range(40)])
    put(log, "d0", {"a": 1}, when=THEN + 39 * 86_400)  # the same id again, much later: its row 0 is still there
    now = THEN + 40 * 86_400
    retention.delete_old(file, 100, now=now)
    before = file.stat().st_size
    assert retention.delete_old(file, 10, now=now) == 30 * 200 and retention.delete_old(file, 10, now=now) == 0
    assert file.stat().st_size < 0.5 * before
    assert sorted(set(ids(logged.read(file)))) == sorted([*[f"d{day}" for day in range(30, 40)], "d0"])
    left = all_bytes(file)
    assert b"secret of 29 " not in left and b"secret of 30 " in left and b"reviewer 29;" not in left and b"reviewer 30;" in left
    assert b"reviewer 0;" in left
    with pytest.raises(ValueError, match="days is -1"):
        retention.delete_old(file, -1, now=now)
    assert retention.delete_old(file, 0, now=now) == 2_001 and logged.read(file).empty
    put(log, "new", {"a": 1}, when=now)
    assert ids(logged.read(file)) == ["new"] and integrity(file) == "ok"


def test_others_write_while_old_rows_go(file):
    with prediction_log.PredictionLog(file) as log:
        put(log, "old", *[{"note": "x" * 100}] * 10_000, when=THEN)
        deleted = []
        deleting = threading.Thread(target=lambda: deleted.append(retention.delete_old(file, 1, now=THEN + 10 * 86_400)))
        deleting.start()
        slowest, written = 0.0, 0
        while deleting.is_alive():
            began = time.monotonic()
            put(log, f"new{written}", {"a": 1}, when=THEN + 10 * 86_400)
            slowest, written = max(slowest, time.monotonic() - began), written + 1
        assert deleted == [10_000] and written > 3 and slowest < 20 and len(logged.read(file)) == written


def integrity(file):
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]


# --- the service ----------------------------------------------------------------------------------------------------------


def test_each_answered_row_is_in_the_log(folder, log, file, rows, january):
    with client_of(folder, log) as client:
        one = client.post("/predict", json=rows[0], headers={"X-Request-Id": "mine-1"})
        many = client.post("/predict", json=rows[:7])
        columns = client.post(
            "/predict/columns", json={name: [row[name] for row in rows[:5]] for name in rows[0]}, headers={"X-Request-Id": "c"}
        )
        raw = client.post(
            "/predict/columns", content=next(npy(january[0].iloc[:6])), headers={"Content-Type": flight_records.MEDIA_TYPE}
        )
        refused = client.post("/predict", json={}, headers={"X-Request-Id": "bad"})
    assert one.headers["X-Request-Id"] == "mine-1" and columns.headers["X-Request-Id"] == "c" and refused.status_code == 422
    answers = [one, many, columns, raw]
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 4 and len(logged.read(file)) == 1 + 7 + 5 + 6
    for answer in answers:
        found = logged.read(file, request_id=answer.headers["X-Request-Id"])
        assert found["late"].astype(np.float32).tolist() == np.float32(answer.json()["late"]).tolist()
        assert (found["version"] == "1").all() and (found["at"] == datetime.datetime.fromtimestamp(THEN, UTC)).all()
        for name, value in rows[0].items():
            assert found[name][0] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-6)), name


@pytest.mark.parametrize("given", [None, "", "x" * 129, "two words", "ünusual", "a\tb"])
def test_an_id_that_cannot_be_is_replaced(folder, log, rows, given):
    headers = {} if given is None else {"X-Request-Id": given.encode("latin-1")}
    with client_of(folder, log) as client:
        answer = client.post("/predict", json=rows[0], headers=headers)
    assert answer.status_code == 200 and re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_without_a_log_nothing_is_different(folder, rows):
    with client_of(folder, None) as client:
        answer = client.post("/predict", json=rows[0], headers={"X-Request-Id": "mine"})
        assert "X-Request-Id" not in answer.headers and "unlogged" not in client.get("/metrics").text


def test_what_cannot_be_logged_is_not_answered(folder, file, rows):
    with prediction_log.PredictionLog(file, most_mb=0.1) as log, client_of(folder, log) as client:
        statuses = []
        while len(statuses) < 50 and (not statuses or statuses[-1] == 200):
            answer = client.post("/predict", json=rows[:20], headers={"X-Request-Id": f"r{len(statuses)}"})
            statuses.append(answer.status_code)
        assert statuses[-1] == 503 and "late" not in answer.json() and answer.headers["X-Request-Id"] == f"r{len(statuses) - 1}"
        (problem,) = answer.json()["problems"]
        assert problem["where"] == "log" and "not answered" in problem["problem"] and "disk is full" in problem["problem"]
        assert "unlogged_total 20.0" in client.get("/metrics").text
        assert 'requests_total{route="/predict",status="503"} 1.0' in client.get("/metrics").text
        assert len(logged.read(file)) == 20 * statuses.count(200) > 0
        log._connection.execute("PRAGMA max_page_count = 100000")
        assert client.post("/predict", json=rows[0]).status_code == 200


def test_a_slow_commit_holds_up_nobody_else(folder, log, file, rows):
    with client_of(folder, log) as client:
        lock = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN IMMEDIATE")
        answers = []
        asking = threading.Thread(target=lambda: answers.append(client.post("/predict", json=rows[0])))
        asking.start()
        time.sleep(0.1)
        began = time.monotonic()
        assert client.get("/healthcheck").status_code == 200 and not answers  # the prediction still waits for the disk
        assert time.monotonic() - began < prediction_log.PATIENCE
        lock.execute("ROLLBACK")
        lock.close()
        asking.join(20)
    assert answers[0].status_code == 200 and len(logged.read(file)) == 1


def test_a_log_that_cannot_be_opened_ends_the_start(folder, tmp_path, capsys):
    with pytest.raises(SystemExit):
        serving.main(["--folder", str(folder), "--log", str(tmp_path / "no" / "log.db")])
    assert "log.db cannot be opened" in capsys.readouterr().err


def test_the_option_reaches_the_service(folder, file, rows):
    import httpx

    with serving.start(folder, log=file) as api:
        answer = httpx.post(api.local_url + "predict", json=rows[:2], trust_env=False)
        found = logged.read(file)  # while the service has it open
    assert answer.status_code == 200 and list(found["request_id"]) == [answer.headers["X-Request-Id"]] * 2
    assert file.exists() and not Path(f"{file}-wal").exists()  # closed in good order


def load(port, kill, rows, answered):
    """Ask until the service is gone; `answered` gets what it acknowledged."""

    def ask(number):
        rng, line = random.Random(f"{kill} {number}"), http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.suppress(OSError, http.client.HTTPException):
            for turn in range(10_000):
                size = rng.choice([1, 1, 3, 100])
                request_id = f"{kill}-{number}-{turn}-{size}"
                line.request("POST", "/predict", json.dumps(rows[:size]), {"X-Request-Id": request_id})
                answer = line.getresponse()
                content = answer.read()
                answered[request_id] = json.loads(content)["late"] if answer.status == 200 else content
        line.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.skipif(sys.platform == "win32", reason="each start would take seconds there")
def test_killed_twenty_times_under_load_it_loses_nothing(folder, file, rows):
    answered = {}
    for kill in range(KILLS):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = start_process(log_processes.serve, folder, file, port)
        wait_until(lambda port=port: is_ready(port), 30)
        before = len(answered)
        threads = load(port, kill, rows, answered)
        wait_until(lambda before=before: len(answered) > before + 5)
        time.sleep(0.2)
        process.kill()  # SIGKILL: nothing of it runs any more
        process.join(10)
        for thread in threads:
            thread.join(20)
    assert not [told for told in answered.values() if isinstance(told, bytes)]
    assert integrity(file) == "ok" and len(answered) > 10 * KILLS
    found = {}
    with contextlib.closing(sqlite3.connect(file)) as connection:
        for request_id, row, late, inputs in connection.execute(
            "SELECT request_id, row, late, inputs FROM predictions ORDER BY id"
        ):
            assert json.loads(inputs).keys() == rows[0].keys()
            found.setdefault(request_id, []).append((row, late))
    assert not set(answered) - set(found)  # nothing that was acknowledged is lost
    for request_id, told in found.items():
        assert [row for row, _ in told] == list(range(int(request_id.split("-")[-1])))  # every request is whole, or not there
        if request_id in answered:
            assert np.float32([late for _, late in told]).tolist() == np.float32(answered[request_id]).tolist()


def is_ready(port):
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        line.request("GET", "/healthcheck")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()
