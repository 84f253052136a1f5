"""One call, three records: equal to the last digit; and whatever befalls a tracker, nothing is lost in silence."""

import contextlib
import logging
import math
import os
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from helpers import journal, readback, services, tracking
from helpers.trackers import TRACKERS, WandbTracker

ALL = tuple(TRACKERS)


def records(folder, run_id, mlflow_uri=None):
    """The same run, as each tracker has it."""
    facts = tracking._facts("mlflow", Path(folder).resolve(), journal.read(folder / "journal" / f"{run_id}.jsonl"))
    return {kind: TRACKERS[kind].read(facts) for kind in facts["trackers"]}


def rows(record):
    return [(row.metric, row.step, repr(row.value)) for row in record.history.itertuples()]


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "helpers.tracking"]


def test_three_records_agree_to_the_last_digit(tmp_path, rng_values):
    params = {"learning_rate": 0.1 + 0.2, "n_steps": 60, "question": "which rate?", "shuffle": True}
    with tracking.start_run(tmp_path, "first ✈ try / two", params=params, tags={"question": "which?"}) as run:
        for step, value in enumerate(rng_values, start=1):
            run.log({"val/loss": value, "train loss": value / 3}, step=step)
        run.log({"auc": 0.1 + 0.2, "tiny": 5e-324, "huge": -1.5e300})
    found = records(tmp_path, run.run_id)
    assert run.missed == {} and len(rows(found["mlflow"])) == 2 * len(rng_values) + 3
    assert rows(found["mlflow"]) == rows(found["wandb"]) == rows(found["tensorboard"])
    assert all(record.params == params for record in found.values())
    assert {found[kind].state for kind in ("mlflow", "wandb")} == {"finished"}
    assert found["mlflow"].name == found["wandb"].name == "first ✈ try / two"


@pytest.fixture
def rng_values():
    import numpy as np

    return np.random.default_rng(7).lognormal(size=40).tolist()


def test_not_a_number_and_infinity_are_kept_and_told_once(tmp_path, caplog):
    odd = {"loss": math.nan, "up": math.inf, "down": -math.inf}
    with tracking.start_run(tmp_path, "diverges") as run:
        run.log(odd, step=1)
        run.log(odd, step=2)
    assert run.missed == {}
    for record in records(tmp_path, run.run_id).values():
        assert rows(record) == [(name, step, repr(odd[name])) for name in sorted(odd) for step in (1, 2)]
    assert [line.split(" at ")[0] for line in told(caplog)] == ["loss is nan", "up is inf", "down is -inf"]


def test_steps_may_go_back(tmp_path):
    with tracking.start_run(tmp_path, "train, then validation") as run:
        for name in ("train_loss", "val_loss"):
            for step in (1, 2, 3):
                run.log({name: 1 / step}, step=step)
    assert run.missed == {}
    assert all(record.curve("val_loss").tolist() == [1, 1 / 2, 1 / 3] for record in records(tmp_path, run.run_id).values())


def test_a_file_is_kept_by_those_who_keep_files(tmp_path):
    file = tmp_path / "roc.csv"
    file.write_text("fpr,tpr\n")
    with tracking.start_run(tmp_path / "runs", "with a file", trackers=("mlflow", "wandb")) as run:
        run.log_file(file)
    assert run.missed == {}
    kept = records(tmp_path / "runs", run.run_id)["wandb"].artifacts
    assert kept["file"].tolist() == ["roc.csv"] and Path(kept["path"][0]).read_text() == "fpr,tpr\n"
    assert [path.read_text() for path in (tmp_path / "runs" / "mlflow").rglob("roc.csv")] == ["fpr,tpr\n"]


BAD_CALLS = {
    "an emoji": (lambda run: run.log({"loss 🙂": 1}), "'loss 🙂'.*'val/loss'"),
    "a slash at the end": (lambda run: run.log({"loss/": 1}), "'loss/'"),
    "a way out": (lambda run: run.log({"../loss": 1}), "'../loss'"),
    "no name": (lambda run: run.log({"": 1}), "name ''"),
    "a number for a name": (lambda run: run.log({3: 1}), "name 3"),
    "text": (lambda run: run.log({"loss": "low"}), "loss is 'low'.*params or tags"),
    "nothing": (lambda run: run.log({"loss": None}), "loss is None"),
    "half a step": (lambda run: run.log({"loss": 1}, step=0.5), "step is 0.5"),
    "a step before the first": (lambda run: run.log({"loss": 1}, step=-1), "step is -1"),
    "a step that is none": (lambda run: run.log({"loss": 1}, step="last"), "step is 'last'"),
    "a file that is not there": (lambda run: run.log_file("gone.txt"), "no file gone.txt"),
}


@pytest.fixture(scope="module")
def one_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with tracking.start_run(folder, "bad calls", trackers=("tensorboard",)) as run:
        run.log({"loss": 1}, step=3)
        yield run
    assert rows(records(folder, run.run_id)["tensorboard"]) == [("loss", 3, "1.0")]


@pytest.mark.parametrize("what", BAD_CALLS)
def test_a_bad_call_says_what_came_and_logs_nothing(one_run, what):
    call, message = BAD_CALLS[what]
    with pytest.raises(tracking.TrackingError, match=message):
        call(one_run)


def test_the_default_step_is_the_last_one(tmp_path):
    with tracking.start_run(tmp_path, "steps", trackers=("tensorboard",)) as run:
        run.log({"a": 1})
        run.log({"a": 2}, step=5)
        run.log({"b": 3})
    assert rows(records(tmp_path, run.run_id)["tensorboard"]) == [("a", 0, "1.0"), ("a", 5, "2.0"), ("b", 5, "3.0")]


def test_after_the_end_nothing_is_taken(tmp_path):
    with tracking.start_run(tmp_path, "over", trackers=("tensorboard",)) as run:
        run.log({"a": 1})
    for late in (lambda: run.log({"a": 2}), lambda: run.log_file(__file__)):
        with pytest.raises(tracking.TrackingError, match="'over' has ended.*start a new run"):
            late()
    run.end()  # a second end changes nothing
    assert rows(records(tmp_path, run.run_id)["tensorboard"]) == [("a", 0, "1.0")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(name=" "), "name is empty"),
        (dict(name="x", trackers=("comet",)), "comet.*mlflow, wandb, tensorboard"),
        (dict(name="x", trackers=()), "expected some of"),
        (dict(name="x", params={"größe": 1}), "'größe'"),
        (dict(name="x", tags={"why?": "1"}), "'why\\?'"),
    ],
)
def test_a_run_that_cannot_be_named_is_not_begun(tmp_path, arguments, message):
    with pytest.raises(tracking.TrackingError, match=message):
        tracking.start_run(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_a_training_that_fails_is_a_failed_run(tmp_path):
    with pytest.raises(ZeroDivisionError), tracking.start_run(tmp_path, "fails", trackers=("mlflow", "wandb")) as run:
        run.log({"loss": 1}, step=1)
        1 / 0  # noqa: B018
    found = records(tmp_path, run.run_id)
    assert {record.state for record in found.values()} == {"failed"}
    assert all(rows(record) == [("loss", 1, "1.0")] for record in found.values())


def test_two_runs_at_once_on_one_store(tmp_path):
    tracking.new_store(tmp_path / "mlflow")
    ran = {}

    def train(name):
        with tracking.start_run(tmp_path, name, trackers=("mlflow", "tensorboard")) as run:
            for step in range(50):
                run.log({"loss": step / 7}, step=step)
        ran[name] = run

    threads = [threading.Thread(target=train, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ran) == 3 and all(run.missed == {} for run in ran.values())
    for run in ran.values():
        assert all(
            record.curve("loss").tolist() == [s / 7 for s in range(50)] for record in records(tmp_path, run.run_id).values()
        )


# --- what befalls a tracker ----------------------------------------------------------------------------------------------


def test_a_server_that_dies_in_the_middle_loses_nothing(tmp_path, caplog):
    store = tracking.new_store(tmp_path / "elsewhere")
    server = services.mlflow_ui(store)
    run = tracking.start_run(tmp_path / "runs", "cut off", mlflow_uri=server.local_url.rstrip("/"))
    run.log({"loss": 1.0}, step=1)
    server.stop()
    for step in range(2, 8):
        run.log({"loss": 1 / step}, step=step)
        if step == 2:  # what waits for company goes out now, into the void
            run._try("mlflow", run._open["mlflow"]._flush)
    run.end()
    lines = told(caplog)
    assert len(lines) == 2 and lines[0].startswith("MLflow fails in the run 'cut off'"), lines
    assert "tracking.replay(folder)" in lines[1] and list(run.missed) == ["mlflow"]
    wanted = [1 / step for step in range(1, 8)]
    book = journal.read(tmp_path / "runs" / "journal" / f"{run.run_id}.jsonl")
    assert [value for _, _, value, _ in book.points] == wanted

    with services.mlflow_ui(store):  # another port: where the server went is told anew
        book.records[0]["facts"]["mlflow_uri"] = store.uri
        book.problem = OSError("as if")
        assert book.save()
        before, *_ = tracking.replay(tmp_path / "runs")
    assert before["tracker"] == "MLflow" and before["lacked"] >= 6 and before["lacks"] == 0 and before["problem"] == ""
    again = tracking.replay(tmp_path / "runs")
    assert [row["lacked"] for row in again] == [0, 0, 0]
    assert all(record.curve("loss").tolist() == wanted for record in records(tmp_path / "runs", run.run_id).values())


def test_a_short_lock_is_waited_for(tmp_path, caplog):
    store = tracking.new_store(tmp_path / "mlflow")
    other = sqlite3.connect(store.folder / "mlflow.db", check_same_thread=False)
    with tracking.start_run(tmp_path, "waits", trackers=("mlflow",)) as run:
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(0.7, other.rollback).start()
        run.log({"loss": 0.5}, step=1)
        run._open["mlflow"]._flush()
    assert run.missed == {} and told(caplog) == []
    other.close()


def test_a_database_that_stays_locked_is_told_and_replayed(tmp_path, caplog, monkeypatch):
    from mlflow.store.db import utils

    text = utils.sql.text
    monkeypatch.setattr(utils.sql, "text", lambda words: text(words.replace("= 20000;", "= 200;")))  # MLflow's patience, in ms
    store = tracking.new_store(tmp_path / "mlflow")
    other = sqlite3.connect(store.folder / "mlflow.db")
    with tracking.start_run(tmp_path, "locked out", trackers=("mlflow", "tensorboard")) as run:
        run.log({"loss": 0.5}, step=1)
        other.execute("BEGIN EXCLUSIVE")
    assert "database is locked" in told(caplog)[0] and list(run.missed) == ["mlflow"]
    other.rollback()
    assert [row["lacks"] for row in tracking.replay(tmp_path)] == [0, 0]
    assert rows(records(tmp_path, run.run_id)["mlflow"]) == [("loss", 1, "0.5")]
    other.close()


def test_a_store_of_an_older_mlflow_is_named_with_its_remedy(tmp_path, caplog):
    store = tracking.new_store(tmp_path / "mlflow")
    with sqlite3.connect(store.folder / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '84291f40a231'")
    database.close()
    with tracking.start_run(tmp_path, "old store", trackers=("mlflow", "tensorboard")) as run:
        run.log({"loss": 0.5}, step=1)
    line = told(caplog)[0]
    assert "out-of-date database schema" in line and "mlflow db upgrade" in line
    assert run.missed == {"mlflow": 1}
    assert rows(records_of(tmp_path, run, "tensorboard")) == [("loss", 1, "0.5")]


def records_of(folder, run, kind):
    return TRACKERS[kind].read({"folder": str(folder), "run_id": run.run_id})


LIMITED = """
import resource, sys
from helpers import tracking
store = tracking.new_store(sys.argv[1] + "/mlflow")
limit = int(sys.argv[2]) + (store.folder / "mlflow.db").stat().st_size * (sys.argv[3] == "mlflow")
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
with tracking.start_run(sys.argv[1], "full disk", trackers=sys.argv[3].split(",")) as run:
    for step in range(400):
        run.log({"loss": step / 7, "other": step / 3}, step=step)
print(run.run_id, run.missed)
"""


def train_on_a_full_disk(folder, kind, limit):
    """A training in a process whose files may not grow over `limit` bytes."""
    command = [sys.executable, "-c", LIMITED, str(folder), str(limit), kind]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=Path(__file__).parents[1])
    assert ended.returncode == 0 and "Traceback" not in ended.stderr, ended.stderr
    assert "fails in the run" in ended.stderr or "lacks" in ended.stderr, "it is said"
    return ended.stdout.split()[0], ended.stderr


NO_LIMIT = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")


@NO_LIMIT
@pytest.mark.parametrize("kind", ALL)
def test_what_a_full_disk_cut_short_is_replayed(tmp_path, kind):
    """The tracker's file is cut short, the journal fits. What a second, shorter file can take is there at the run's end."""
    run_id, said = train_on_a_full_disk(tmp_path, kind, 0 if kind == "mlflow" else 50_000)
    (row,) = tracking.replay(tmp_path)
    assert (row["lacked"] > 0) == ("replay" in said) and row["lacks"] == 0
    record = records(tmp_path, run_id)[kind]
    assert record.curve("loss").tolist() == [step / 7 for step in range(400)]
    assert record.curve("other").tolist() == [step / 3 for step in range(400)]


@NO_LIMIT
def test_a_disk_that_takes_not_even_the_journal_is_told(tmp_path):
    _, said = train_on_a_full_disk(tmp_path, "tensorboard", 20_000)
    assert "memory only" in said


KILLED = """
import os, sys
from helpers import tracking
run = tracking.start_run(sys.argv[1], "power cut", params={"n_steps": 9})
for step in range(1, 10):
    run.log({"loss": 1 / step}, step=step)
os._exit(1)
"""


def test_a_killed_training_is_whole_again_after_a_replay(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, timeout=120, check=False, cwd=Path(__file__).parents[1])
    assert ended.returncode == 1
    replayed = tracking.replay(tmp_path)
    assert [row["lacks"] for row in replayed] == [0, 0, 0] and any(row["lacked"] for row in replayed)
    found = records(tmp_path, replayed[0]["run_id"])
    assert all(record.curve("loss").tolist() == [1 / step for step in range(1, 10)] for record in found.values())
    assert {found[kind].state for kind in ("mlflow", "wandb")} == {"failed"}
    assert all(record.params == {"n_steps": 9} for record in found.values())


def test_a_run_that_still_goes_is_left_alone(tmp_path):
    with tracking.start_run(tmp_path, "going", trackers=("tensorboard",)) as run:
        run.log({"loss": 1}, step=1)
        assert tracking.replay(tmp_path) == []
    assert [row["lacked"] for row in tracking.replay(tmp_path)] == [0]


def test_wandb_never_goes_online(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with tracking.start_run(tmp_path, "at home", trackers=("wandb",)) as run:
        run.log({"loss": 1}, step=1)
    assert len(list((tmp_path / "wandb").glob(f"offline-run-*-{run.run_id}"))) == 1
    assert WandbTracker.read({"folder": str(tmp_path), "run_id": run.run_id}).state == "finished"


def test_a_replay_of_nothing_is_nothing(tmp_path):
    assert tracking.replay(tmp_path / "never") == []


def test_a_damaged_journal_is_named(tmp_path):
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "abc.jsonl").write_text('{"kind": "start", "facts": {}}\nnonsense\n{"kind": "end", "failed": false}\n')
    with pytest.raises(tracking.TrackingError, match="abc.jsonl is damaged in line 2"):
        tracking.replay(tmp_path)
    (folder / "abc.jsonl").write_text('{"kind": "end"}\n')
    with pytest.raises(tracking.TrackingError, match="no journal of a run"):
        tracking.replay(tmp_path)


def test_tensorboard_shows_what_was_logged(tmp_path):
    import json
    import time

    with tracking.start_run(tmp_path, "shown", params={"rate": 0.1}, trackers=("tensorboard",)) as run:
        run.log({"loss": 0.1 + 0.2}, step=1)
    with services.tensorboard(tmp_path / "tensorboard") as board:
        shown = []
        for _ in range(300):
            address = f"{board.local_url}data/plugin/scalars/scalars?run={run.run_id}&tag=loss"
            with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(address, timeout=5) as answer:
                shown = json.load(answer)  # 404 until it has loaded the run
            if shown:
                break
            time.sleep(0.1)
    assert [point[1:] for point in shown] == [[1, 0.1 + 0.2]]


def test_tensorboard_needs_a_folder(tmp_path):
    with pytest.raises(services.ServiceError, match="no folder nowhere"):
        services.tensorboard(tmp_path / "nowhere")


# --- reading back --------------------------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_named(tmp_path):
    store = tracking.new_store(tmp_path / "store")
    with pytest.raises(readback.ReadError, match="no run 'abc'"):
        readback.read_mlflow(store.uri, "abc")
    for read in (readback.read_wandb, readback.read_tensorboard):
        with pytest.raises(readback.ReadError, match="store holds no"):
            read(tmp_path / "store")
    folder = tmp_path / "offline-run-20261124_101500-abcd1234"
    folder.mkdir()
    (folder / "run-abcd1234.wandb").write_bytes(b"nonsense")
    with pytest.raises(readback.ReadError, match="abcd1234"):
        readback.read_wandb(folder)
    with pytest.raises(readback.ReadError):
        readback.joined([])


def test_mlflows_text_becomes_numbers_again():
    assert [readback._typed(text) for text in ("60", "0.1", "True", "None", "which rate?", "1, 2", "")] == [
        60, 0.1, True, "None", "which rate?", "1, 2", "",
    ]  # fmt: skip


def test_a_torn_last_line_of_a_journal_is_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"kind": "start", "facts": {}}\n{"kind": "points", "points": [["a", 1, NaN, 0]]}\n{"kind": "poi')
    book = journal.read(path)
    assert len(book.records) == 2 and math.isnan(book.points[0][2]) and book.failed


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows")
def test_a_journal_that_cannot_be_written_is_kept_in_memory_and_saved_later(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    (tmp_path / "journal").write_text("a file where the folder should be")
    with tracking.start_run(tmp_path, "no journal", trackers=("tensorboard",)) as run:
        run.log({"a": 1}, step=1)
    assert run.missed == {} and "journal" in told(caplog)[-1]
    (tmp_path / "journal").unlink()
    assert run._book.save() and len(journal.read(run._book.path).points) == 1
