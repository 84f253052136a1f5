"""The check of the capstone: whatever a project does, a report comes of it, in time, and nothing is left behind."""

import contextlib
import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
import warnings

import httpx
import psutil
import pytest

from helpers.course.capstone import check, command, report, rubric, service, traffic, web
from helpers.course.capstone import project as projects
from tests import toy_capstone

PARTS = ("service", "metrics", "rollback")
ALL = 3 + 6 + 3 + 6 + 2 + 3 + 4 + 3 + 5 + 5


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    """No process that runs in the check's folders is there afterwards, whatever the project did; nor the folders."""
    (tmp_path / "places").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "places"))
    monkeypatch.setattr(traffic, "PACE", 5000)
    monkeypatch.setattr(check.versions, "REACHES", 8)
    monkeypatch.setattr(check.service, "ELSEWHERE", 2)
    yield
    end = time.monotonic() + 5
    while (left := [pid for pid in psutil.pids() if str(tmp_path) in _place(pid)]) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left
    assert not list((tmp_path / "places").iterdir())


def _place(pid):
    try:
        process = psutil.Process(pid)
        return " ".join([process.cwd(), *process.cmdline()])
    except psutil.Error:
        return ""


def graded(tmp_path, seconds=60, parts=PARTS, **files):
    folder = toy_capstone.write(tmp_path / "project", **files)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    begun = time.monotonic()
    sheet = check.check(folder, parts=parts, seconds=seconds)
    assert time.monotonic() - begun < seconds + 30
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before, "the learner's folder was changed"
    return sheet


def advice(sheet):
    return " ".join(mark.advice for mark in sheet.marks())


def points(sheet, part):
    return {mark.name: mark.points for mark in sheet.marks() if mark.part == part}


def test_a_sound_project_gets_all_points(tmp_path):
    sheet = graded(tmp_path)
    assert sheet.total() == (ALL, ALL), report.as_text(sheet)


CHANGED = {
    "exits at once": (("start", "import http.server", "raise SystemExit(3)"), "exit code 3", 0),
    "ends well at once": (("start", "import http.server", "raise SystemExit(0)"), "it has to stay until it is ended", 0),
    "misses a package": (("start", "import http.server", "import flying_carpets"), "the package flying_carpets is absent", 0),
    "last words": (("start", "import http.server", "raise ValueError('no fuel')"), "ValueError: no fuel", 0),
    "no program": (("contract", '"start.py"', '"gone.py"'), "gone.py", 0),
    "an unknown program": (("contract", '["python", "start.py"]', '["launch-it-all"]'), "launch-it-all, which is not here", 0),
    "fails to train": (
        ("train", "place.write_text", 'assert before < 1 or "back" in sys.argv, "once is enough"\nplace.write_text'),
        'The second training failed: `train again` ended by itself with exit code 1; its last words: "AssertionError: once',
        ALL - 10,
    ),
    "never trains": (("train", "import sys", "import sys\nsys.exit(1)"), "It could not be trained: `train` ended by itself", 0),
    "a probability of 7": (("start", '"probability": chance', '"probability": 7'), "no number from 0 to 1", ALL - 24),
    "no version": (("start", ', "version": version', ""), "`version` is None", ALL - 27),
    "constant answers": (("start", "min(0.9, hour / 30 + 0.01 * int(version))", "0.5"), "as good as a coin's", ALL - 3),
    "answers what is bad": (("start", "return self.reply(422", "return self.reply(200"), "HTTP 200", ALL - 13),
    "bad ends in 500": (("start", "return self.reply(422", "return self.reply(500"), "HTTP 500", ALL - 6),
    "counts refused ones": (("start", "        raw = ", "        answered += 1\n        raw = "), "count each once", ALL - 4),
    "no counter": (("start", "predictions_total", "answers_total"), "has to be called predictions_total", ALL - 4),
    "no metrics": (("start", 'self.path == "/metrics"', 'self.path == "/m"'), "not Prometheus text", ALL - 10),
    "rolls back nothing": (
        ("train", 'before - 1 if "back" in sys.argv', 'before if "back" in sys.argv'),
        "with version 1 again",
        ALL - 5,
    ),
    "only the label": (("start", "0.01 * int(version)", "__import__('random').random() / 9"), "one row has one answer", ALL - 7),
    "fails meanwhile": (
        ("start", '"version": version', '"version": version if answered % 3 != 1 else ""'),
        "meanwhile: load the new",
        ALL - 4 - 2,  # 40 of 60 rows have all that is asked for, which is worth half as much
    ),
}
TEXTS = {"start": toy_capstone.START, "train": toy_capstone.TRAIN, "contract": toy_capstone.CONTRACT}
NAMES = {"start": "start_py", "train": "train_py", "contract": "capstone_toml"}


@pytest.mark.parametrize("name", CHANGED)
def test_what_is_wrong_costs_its_points_and_is_told(tmp_path, name):
    (which, old, new), told, left = CHANGED[name]
    assert old in TEXTS[which]
    sheet = graded(tmp_path, **{NAMES[which]: TEXTS[which].replace(old, new)})
    assert sheet.total() == (left, ALL), report.as_text(sheet)
    assert told in advice(sheet), report.as_text(sheet)
    assert str(tmp_path) not in report.as_text(sheet)


def test_a_wrong_port_is_named(tmp_path):
    sheet = graded(tmp_path, start_py=toy_capstone.START.replace('int(os.environ["SERVICE_PORT"])', "0"))
    assert sheet.total()[0] == 0 and "take the port from the environment" in advice(sheet)


def test_a_project_that_hangs_is_ended_in_time(tmp_path):
    sheet = graded(tmp_path, seconds=10, train_py="import time\ntime.sleep(1000)")
    assert sheet.total()[0] == 0 and re.search(r"`train` had not ended after \d+ s", advice(sheet))


def test_a_project_that_prints_a_gigabyte_is_ended(tmp_path):
    flood = "while True:\n    print('x' * 1_000_000)"
    assert "printed more than 50 MB" in advice(graded(tmp_path, start_py=flood))


def test_a_project_that_fills_the_disk_is_ended(tmp_path):
    flood = "with open('full', 'wb') as file:\n    while True:\n        file.write(bytes(1_000_000))"
    assert "into its folder" in advice(graded(tmp_path, start_py=flood))


def test_a_project_that_fills_the_temporary_folder_is_ended(tmp_path):
    flood = "import tempfile\nwith tempfile.NamedTemporaryFile(delete=False) as file:\n    while True:\n        "
    assert "and its temporary one" in advice(graded(tmp_path, start_py=flood + "file.write(bytes(1_000_000))"))


def test_a_project_that_takes_all_memory_is_ended(tmp_path):
    hungry = "import time\nheld = []\nwhile True:\n    held.append(bytearray(b'x' * 100_000_000))\n    time.sleep(0.05)"
    assert "of memory" in advice(graded(tmp_path, start_py=hungry))


def test_a_project_that_deletes_its_own_files_is_graded(tmp_path):
    shot = "import pathlib\nfor path in [*pathlib.Path().iterdir()]:\n    path.unlink()\n"
    sheet = graded(tmp_path, start_py=shot + toy_capstone.START)
    assert points(sheet, "service")["health"] == 3 and 0 < sheet.total()[0] < ALL


def test_a_project_that_deletes_its_own_database_is_graded(tmp_path):
    shot = "import os\npathlib.Path(os.environ['MLFLOW_TRACKING_URI'].removeprefix('sqlite:///')).unlink()\n"
    sheet = graded(tmp_path, parts=("tracking", "service"), train_py=toy_capstone.TRAIN + shot)
    assert points(sheet, "tracking") == {"trains": 5, "recorded": 0, "again": 0}
    assert "No finished run is in mlflow's records" in advice(sheet) and points(sheet, "service")["predicts"] == 6


def test_what_an_earlier_training_left_is_not_graded(tmp_path):
    stale = toy_capstone.write(tmp_path / "project")
    for name in ("served", "out", "logs", "kept"):
        (stale / name).mkdir()
        (stale / name / "old").write_text("old", encoding="utf-8")
    projects.copy(stale, tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir() if path.is_dir()} == {"kept"}


RUNAWAY = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {stays}
    os._exit(0)
"""
NAMELESS = "os.execve(sys.executable, [sys.executable, '-c', 'import time; time.sleep(100)'], {})"  # it bears no mark


@pytest.mark.skipif(os.name == "nt", reason="a process leaves its family by a double fork, which Windows has not")
@pytest.mark.parametrize("which", ["start", "train"])
@pytest.mark.parametrize(
    "stays",
    [
        "time.sleep(100)",
        pytest.param(NAMELESS, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux alone lets one adopt it")),
    ],
    ids=["marked", "nameless"],
)
def test_what_leaves_its_family_is_ended_too(tmp_path, stays, which):
    text = RUNAWAY.replace("{stays}", stays) + TEXTS[which]
    assert graded(tmp_path, **{NAMES[which]: text}).total()[0] == ALL


# --- answers without an end -----------------------------------------------------------------------------------------------

DRIP = """
    def drip(self, head):
        import time
        self.wfile.write(head)
        while True:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.2)
"""
HEAD = "b'HTTP/1.0 200 OK\\r\\n\\r\\n'"
DRIPS = {
    "body": ("        raw = ", f"        return self.drip({HEAD})\n        raw = "),
    "metrics": (
        "        lines = ",
        f"        if self.path == '/metrics':\n            return self.drip({HEAD})\n        lines = ",
    ),
    "health": ("        lines = ", f"        if self.path == '/health':\n            return self.drip({HEAD})\n        lines = "),
}


@pytest.mark.parametrize("name", DRIPS)
def test_an_answer_that_never_ends_is_not_waited_for(tmp_path, monkeypatch, name):
    monkeypatch.setattr(traffic, "PATIENCE", 0.5)
    old, new = DRIPS[name]
    start = toy_capstone.START.replace("    def reply(", DRIP + "\n    def reply(").replace(old, new, 1)
    sheet = graded(tmp_path, seconds=10, start_py=start)
    told = {"health": "No service answered", "metrics": "no whole answer"}.get(name, "HTTP nothing")
    assert told in advice(sheet), report.as_text(sheet)


@contextlib.contextmanager
def serving(answer, drip=b""):
    """A server that sends these bytes, then those again and again; it never hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def work():
            with contextlib.suppress(OSError):
                while True:
                    held.append(listener.accept()[0])
                    held[-1].recv(10_000)
                    held[-1].sendall(answer)
                    while drip:
                        held[-1].sendall(drip)
                        time.sleep(0.1)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            for each in [listener, *held]:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            thread.join()


ANSWERS = {
    "whole": (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", (200, {})),
    "a million brackets": (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"[" * 1_000_000, (200, None)),
    "no JSON": (b"HTTP/1.1 404 Gone\r\ncontent-length: 2\r\n\r\nno", (404, None)),
    "too long": (b"HTTP/1.1 200 OK\r\ncontent-length: 6000000\r\n\r\n" + b" " * 6_000_000, None),
    "a length that no memory holds": (b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999\r\n\r\n{}", None),
    "no HTTP": (b"hello\r\n\r\n", None),
    "half of it": (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_whole_or_none(name):
    sent, expected = ANSWERS[name]
    with serving(sent) as port:
        begun = time.monotonic()
        answer = web.ask(port, "/predict", begun + (10 if expected else 1), b"{}")
        assert time.monotonic() - begun < 10
    assert (answer and (answer.status, answer.parsed())) == expected


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;"])
def test_a_head_that_never_ends_is_not_waited_for(begin):
    with serving(begin, drip=b"x") as port:
        begun = time.monotonic()
        assert web.ask(port, "/predict", begun + 1, b"{}") is None
        assert 0.9 < time.monotonic() - begun < 10


def test_a_page_that_moved_is_followed_on_its_own_port_alone():
    with serving(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as other:
        with serving(b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n" % other) as port:
            assert web.follow(port, "/metrics", time.monotonic() + 10).status == 307
    with serving(b"HTTP/1.1 307 Moved\r\nlocation: metrics/\r\ncontent-length: 0\r\n\r\n") as port:
        assert web.follow(port, "/metrics", time.monotonic() + 10).status == 307  # in a circle, and not for ever


def test_a_path_of_any_kind_stays_on_its_port():
    with serving(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as port:
        for path in ("health", "@elsewhere.example/", "//elsewhere.example/", "/a b\r\nc", "/späte", "/\ud800"):
            assert web.ask(port, path, time.monotonic() + 10).status == 200


def with_features(text):
    return dict(capstone_toml=toy_capstone.CONTRACT.replace("[data]", f"[data]\nfeatures = {text}"))


BROKEN = {
    "no contract": (dict(capstone_toml=None), "There is no capstone.toml"),
    "no TOML": (dict(capstone_toml="[data"), "cannot be read"),
    "an empty contract": (dict(capstone_toml=""), "`file` of [data] is absent"),
    "a text for a list": (
        dict(capstone_toml=toy_capstone.CONTRACT.replace('["python", "train.py"]', '"python train.py"')),
        "`train` of [commands] is 'python train.py'; expected such as",
    ),
    "no data": (dict(data_csv=None), "There is no data.csv"),
    "data elsewhere": (
        dict(capstone_toml=toy_capstone.CONTRACT.replace('"data.csv"', '"../data.csv"')),
        "outside of the project",
    ),
    "no such column": (dict(capstone_toml=toy_capstone.CONTRACT.replace('"late"', '"delay"')), "has no column 'delay'"),
    "no table": (dict(data_csv=""), "cannot be read as a table"),
    "no time": (dict(capstone_toml=toy_capstone.CONTRACT.replace('"when"', '"colour"')), "does not read as a time"),
    "three classes": (dict(capstone_toml=toy_capstone.CONTRACT.replace('"late"', '"hour"')), "expected 0 and 1, both"),
    "one class": (dict(data_csv="when,hour,colour,late\n2013-01-01,1,red,0\n"), "expected 0 and 1, both"),
    "features that are no list": (with_features("3"), "`features` of [data] is 3; expected a list of columns, such as"),
    "a feature that is no list": (with_features('"hour"'), "`features` of [data] is 'hour'; expected a list of columns"),
    "features of another kind": (with_features("[1, 2]"), "`features` of [data] is [1, 2]; expected a list of columns"),
    "no features": (with_features("[]"), "leaves no column to ask with"),
    "a feature twice": (with_features('["hour", "hour"]'), "names 'hour' twice"),
    "the target as a feature": (with_features('["hour", "late"]'), "the target 'late' of [data] is named as a feature"),
    "an absent feature": (with_features('["hour", "day"]'), "has no column 'day'"),
    "few rows": (dict(data_csv=toy_capstone.rows(8)), "has 8 rows with a target; at least 250 are needed"),
    "an empty column": (
        dict(data_csv=toy_capstone.rows().replace("red", "").replace("blue", "")),
        "'colour' of data.csv is empty",
    ),
    "a number without an end": (dict(data_csv=toy_capstone.rows() + "2013-02-01,inf,red,1\n"), "'hour' of data.csv holds inf"),
    "no target": (dict(data_csv=re.sub(r",[01]\n", ",\n", toy_capstone.rows())), "'late' of data.csv has the values none"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_project_gets_one_sentence_and_no_points(tmp_path, name):
    files, told = BROKEN[name]
    sheet = graded(tmp_path, **files)
    assert sheet.total() == (0, ALL)
    reasons = {mark.advice for mark in sheet.marks()}
    assert len(reasons) == 1 and told in reasons.pop()


def test_a_gap_in_each_row_is_sent_as_null(tmp_path):
    gaps = toy_capstone.rows().replace("\n", ",1,\n").replace("late,1,", "late,odd,even")
    gaps = "".join(re.sub(",1,$", ",,1", line) if k % 2 else line for k, line in enumerate(gaps.splitlines(keepends=True)))
    sheet = graded(tmp_path, data_csv=gaps)
    assert sheet.total() == (ALL, ALL), report.as_text(sheet)
    X, _ = projects.table(projects.read(tmp_path / "project"))
    assert {frozenset(row.items()) for row in traffic.as_rows(X[["odd", "even"]])} == {
        frozenset({("odd", None), ("even", 1)}),
        frozenset({("odd", 1), ("even", None)}),
    }


def test_rows_without_a_gap_are_sent_where_there_are_enough(tmp_path):
    folder = toy_capstone.write(tmp_path / "project", data_csv=toy_capstone.rows() + "2013-02-01,,red,1\n2013-02-01,3,red,\n")
    X, y = projects.table(projects.read(folder))
    assert len(X) == len(y) == 300 and X.notna().all().all()


def test_no_folder_is_told_by_the_command(tmp_path, capsys):
    assert command.main(str(tmp_path / "gone"), str(tmp_path / "report"), 5) == 1
    assert "There is no folder gone" in capsys.readouterr().out
    assert json.loads((tmp_path / "report" / "report.json").read_text())["points"] == 0


def test_an_error_of_the_check_itself_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(check.service, "service", lambda *_: 1 / 0)
    sheet = graded(tmp_path)
    assert "The check itself failed here (ZeroDivisionError" in advice(sheet)
    assert points(sheet, "metrics") == {"readable": 3, "counts": 4, "timed": 3}


def test_report_says_each_thing_once_and_is_escaped(tmp_path):
    sheet = rubric.Sheet(["service", "alert"])
    sheet.give("service", "health", True, "HTTP 200", "unused")
    sheet.give("service", "predicts", 0.5, "<b>30 of 60</b>", "Mend <predict>.")
    sheet.close("service", "It ended.")
    sheet.skip("alert", "prometheus is absent")
    page = report.write(sheet, "mine & yours", 12.3, tmp_path / "out").read_text(encoding="utf-8")
    assert page.count("<li>") == 2 and "Mend &lt;predict&gt;." in page and "<b>30" not in page and "mine &amp; yours" in page
    assert "6 of 20 points" in page and "15 more points could not be tried" in page and "unused" not in page
    told = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (told["points"], told["of"]) == (6, 20)
    assert [mark["points"] for mark in told["marks"]] == [3, 3, 0, 0, 0, None, None, None, None]
    assert report.as_text(sheet).count("It ended.") == 1


ODD = "1\ud800\x1b[2J\n2"


def test_what_no_page_can_show_is_shown_by_its_escape(tmp_path, capsys):
    answer = toy_capstone.START.replace('"version": version', f'"version": version + {ODD!r}')
    toy_capstone.write(tmp_path / "mine", start_py=answer)
    command.main(str(tmp_path / "mine"), str(tmp_path / "report"), 60)
    printed, page = capsys.readouterr().out, (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert r"1\ud800\x1b[2J 2" in page and "\x1b" not in page + printed
    assert json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))["points"] > 0


def test_a_long_word_of_a_program_is_cut():
    sheet = rubric.Sheet(["service"])
    sheet.give("service", "health", 0, "x" * 1_000_000, "y" * 1_000_000)
    assert all(len(text) < 3_000 for text in (sheet.marks()[0].evidence, sheet.marks()[0].advice))


def test_a_report_that_cannot_be_written_is_still_printed(tmp_path, capsys):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    assert command.main(str(tmp_path / "gone"), str(tmp_path / "taken"), 5) == 1
    said = capsys.readouterr()
    assert "0 of 100 points" in said.out and "name another folder with --to" in said.err


def test_no_time_at_all_is_told(tmp_path, capsys):
    assert [command.main(str(tmp_path), str(tmp_path / "report"), seconds) for seconds in (0, float("nan"))] == [1, 1]
    assert capsys.readouterr().err.count("expected a number above 0") == 2


def test_too_few_answers_have_no_skill():
    sheet = rubric.Sheet(["service"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        service.skill(sheet, [(0.5, "1", "")] * 20 + [(None, None, "HTTP 500")] * 20, [1] * 20 + [0] * 20)
    assert (sheet.given("service", "skill").points, sheet.given("service", "skill").evidence) == (0, "20 answers")


def test_rubric_has_a_hundred_points():
    assert sum(of for _, criteria in rubric.RUBRIC.values() for of, _ in criteria.values()) == 100


def test_drifted_rows_stay_within_what_is_known(tmp_path):
    folder = toy_capstone.write(tmp_path / "project")
    X, y = projects.table(projects.read(folder))
    moved = traffic.drifted(X, X)
    assert moved["hour"].mean() > X["hour"].mean() + X["hour"].std() and moved["hour"].max() == X["hour"].max()
    assert moved["hour"].dtype == X["hour"].dtype and (moved["colour"] == X["colour"]).all()
    words = X[["colour"]]
    assert set(traffic.drifted(words, words)["colour"]) == {"blue"}
    assert set(y) == {0, 1} and json.dumps(traffic.as_rows(X)[0])


def test_webhook_keeps_what_fires():
    hook = check.Webhook()
    try:
        alerts = [{"labels": {"alertname": name}, "status": status} for name, status in (("A", "firing"), ("B", "resolved"))]
        assert httpx.post(hook.url, json={"alerts": alerts}, trust_env=False).status_code == 200
        assert httpx.post(hook.url, content=b"hello", trust_env=False).status_code == 400
        assert hook.told == ["A"]
    finally:
        hook.close()
