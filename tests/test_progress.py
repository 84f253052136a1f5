"""helpers.course.progress: nothing lost, nothing half written, and no check spoilt by a disk."""

import datetime
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

import filelock
import pytest

from helpers.course import progress, progress_picture
from helpers.course.progress import Progress, record_check, record_hint, record_solution
from helpers.course.questions import check
from tests.test_questions import contrast

NOON = datetime.datetime(2013, 1, 31, 12, tzinfo=datetime.UTC)
LATER = NOON + datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """Not there yet, as for a new learner."""
    monkeypatch.setenv("WORKBOOK_DATA", str(tmp_path / "new" / "data"))
    return tmp_path / "new" / "data"


def test_nothing_yet(folder):
    assert progress.read() == Progress({}, "")
    assert not folder.exists()


def test_the_folder_is_the_users_own_by_default(monkeypatch):
    monkeypatch.delenv("WORKBOOK_DATA")
    assert progress.folder().name == "flight-delay-workbook"


def test_the_first_try():
    told = record_check("22a.1", "not yet", NOON)
    time = "2013-01-31T12:00:00+00:00"
    assert told.questions == {"22a.1": {"first_time": time, "last_time": time, "tries": 1, "last": "not yet", "best": "not yet"}}
    assert told == progress.read()


def test_times_are_kept_in_utc():
    there = datetime.timezone(datetime.timedelta(hours=-5))
    assert record_check("a.1", "error", NOON.astimezone(there)).questions["a.1"]["last_time"] == "2013-01-31T12:00:00+00:00"


def test_passed_is_for_ever():
    record_check("22a.1", "error", NOON)
    record_check("22a.1", "passed", LATER)
    for outcome in ("error", "passed", "not yet"):
        record_check("22a.1", outcome, LATER + datetime.timedelta(days=1))
    record = progress.read().questions["22a.1"]
    assert (record["best"], record["last"], record["tries"]) == ("passed", "not yet", 5)
    assert record["first_time"].startswith("2013-01-31T12") and record["passed_time"].startswith("2013-01-31T13")


def test_not_attempted_is_no_try(folder):
    record_check("22a.1", "not attempted", NOON)
    assert not (folder / "progress.json").exists()
    record_check("22a.1", "passed", NOON)
    before = progress.read()
    record_check("22a.1", "not attempted", LATER)
    assert progress.read() == before


def test_hints_and_solution():
    record_hint("22a.1", 2)
    record_hint("22a.1", 1)
    record_solution("22a.1", NOON)
    record_solution("22a.1", LATER)
    assert progress.read().questions == {
        "22a.1": {"hints": 2, "solution_shown": True, "solution_time": "2013-01-31T12:00:00+00:00"}
    }


WRITER = """
import datetime, sys
from helpers.course import progress
now = datetime.datetime(2013, 1, 31, tzinfo=datetime.UTC)
for number in range(int(sys.argv[2])):
    for told in (progress.record_check("all.1", "not yet", now), progress.record_check(f"{sys.argv[1]}.{number}", "passed", now)):
        assert not told.trouble, told.trouble
"""


def test_notebooks_at_once_lose_nothing(folder):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(place), "12"]) for place in range(4)]
    read = 0
    while any(writer.poll() is None for writer in writers):
        assert progress.read().trouble == ""  # never half written, at any moment
        read += 1
    assert [writer.returncode for writer in writers] == [0] * 4 and read > 1
    questions = progress.read().questions
    assert questions["all.1"]["tries"] == 48 and len(questions) == 1 + 4 * 12
    assert {path.name for path in folder.iterdir()} <= {"progress.json", "progress.lock"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"questions": []}',
        b'{"questions": {"a.1": 3}}',
        b'{"questions": {"a.1": {"tries": "many"}}}',
        b'{"questions": {"a.1": {"tries": true}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_kept_aside_and_said(folder, content):
    folder.mkdir(parents=True)
    for number in (1, 2):
        (folder / "progress.json").write_bytes(content)
        assert "is damaged" in progress.read().trouble and progress.read().questions == {}
        told = record_check("22a.1", "passed", NOON)
        assert f"it is kept as progress.json.damaged-{number}" in told.trouble and "\n" not in told.trouble
        assert (folder / f"progress.json.damaged-{number}").read_bytes() == content
        assert list(progress.read().questions) == ["22a.1"]
    assert record_check("22a.2", "passed", NOON).trouble == ""


def test_what_a_later_version_added_stays(folder):
    folder.mkdir(parents=True)
    (folder / "progress.json").write_text('{"questions": {"a.1": {"tries": 1, "mood": "good"}}}')
    record_check("a.1", "passed", NOON)
    assert progress.read().questions["a.1"]["mood"] == "good"


def test_a_folder_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKBOOK_DATA", str(tmp_path / "file" / "data"))
    told = check("00.1", 3)
    assert told.outcome == "not yet" and told.trouble.startswith("Your progress could not be saved (")
    assert repr(told).count("\n") == 1 and told.trouble in told._repr_html_()


READ_ONLY = """
import datetime, os
import filelock
from helpers.course import progress
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere
print(progress.record_check("a.1", "passed", datetime.datetime(2013, 1, 31, tzinfo=datetime.UTC)).trouble)
print(progress.read())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a folder is made read-only as on Linux and macOS")
def test_a_folder_that_is_read_only(folder, monkeypatch):
    folder.mkdir(parents=True)
    (folder / "progress.json").write_text('{"questions": {"old.1": {"best": "passed"}}}')
    folder.chmod(0o555)
    env = {**os.environ, "WORKBOOK_DATA": "."}
    ended = subprocess.run([sys.executable, "-c", READ_ONLY], cwd=folder, env=env, capture_output=True, text=True, check=True)
    trouble, left = ended.stdout.splitlines()
    assert trouble.startswith("Your progress could not be saved (PermissionError") and "old.1" in left
    folder.chmod(0o755)


FULL = """
import datetime, resource, signal
from helpers.course import progress
now = datetime.datetime(2013, 1, 31, tzinfo=datetime.UTC)
progress.record_check("a.1", "passed", now)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # as a disk with 100 bytes left
print(progress.record_check("b.1", "passed", now).trouble)
print(progress.read())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sets a limit to a file's size as on Linux and macOS")
def test_a_full_disk_is_said_and_spoils_nothing(folder):
    ended = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, check=True)
    trouble, left = ended.stdout.splitlines()
    assert trouble.startswith("Your progress could not be saved (OSError: File too large")
    assert "a.1" in left and "b.1" not in left
    assert sorted(path.name for path in folder.iterdir()) == ["progress.json", "progress.lock"]


def test_a_lock_that_is_never_given_back(folder, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.2)
    folder.mkdir(parents=True)
    with filelock.FileLock(folder / "progress.lock"):
        assert "could not be saved (Timeout" in record_check("22a.1", "passed", NOON).trouble


# --- the picture ---------------------------------------------------------------------------------------------------------

LESSONS = {
    "22a · MLflow": {"22a.1": "Record", "22a.2": "Find <best>", "22a.3": "Save", "22a.4": "Promote"},
    "31 · APIs": {"31.1": "Serve"},
}
DONE = Progress(
    {
        "22a.1": {"best": "passed", "tries": 2, "hints": 1, "solution_shown": True},
        "22a.2": {"best": "error", "tries": 1},
        "22a.3": {"solution_shown": True},
        "gone.1": {"best": "passed"},
    }
)


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({}, "not yet touched"),
        ({"tries": 1, "best": "not yet"}, "tried"),
        ({"hints": 1}, "tried"),
        ({"solution_shown": True}, "solution shown"),
        ({"tries": 1, "solution_shown": True}, "solution shown"),
        ({"best": "passed", "solution_shown": True}, "passed"),
    ],
)
def test_states(record, wanted):
    assert progress_picture.state(record) == wanted


def test_picture_as_text():
    assert repr(progress_picture.picture(DONE, LESSONS)).splitlines() == [
        "22a · MLflow  ✓ ● S ·  1 of 4 passed",
        "31 · APIs     ·  0 of 1 passed",
        "✓ passed  ● tried  S solution shown  · not yet touched",
    ]


def test_picture_tells_in_words_what_it_draws():
    drawn = progress_picture.picture(DONE, LESSONS)._repr_html_()
    page = xml.etree.ElementTree.fromstring(f"<div>{drawn}</div>".replace("&emsp;", " "))
    boxes = [box for box in page.iter("span") if box.get("role") == "img"]
    assert [box.get("title") for box in boxes] == [
        "22a.1 Record: passed, 2 tries, 1 hint, solution shown",
        "22a.2 Find <best>: tried, 1 try",
        "22a.3 Save: solution shown",
        "22a.4 Promote: not yet touched",
        "31.1 Serve: not yet touched",
        *progress_picture.STATES,
    ]
    assert all(box.get("aria-label") == box.get("title") for box in boxes)
    rows = [" ".join("".join(row.itertext()).split()) for row in page]
    assert rows == [
        "22a · MLflow ✓ ● S · 1 of 4 passed",
        "31 · APIs · 0 of 1 passed",
        "✓ passed ● tried S solution shown · not yet touched",
    ]
    assert drawn == progress_picture.picture(DONE, LESSONS)._repr_html_()


def test_picture_is_readable_on_light_and_dark_pages():
    colours = [colour for _, colour in progress_picture.STATES.values() if colour]
    for colour in colours:
        assert contrast(colour, "#ffffff") >= 4.5 and contrast(colour, "#111111") >= 3  # the sign is white
    drawn = progress_picture.picture(DONE, LESSONS)._repr_html_()
    assert set(re.findall(r"#\w{6}", drawn)) <= {*colours, "#ffffff"}


def test_picture_without_lessons_and_with_trouble():
    assert repr(progress_picture.picture(Progress(), {})).startswith("There is no question yet.")
    assert "no question" in progress_picture.picture(Progress(), {})._repr_html_()
    assert "is &lt;damaged&gt;" in progress_picture.picture(Progress({}, "is <damaged>"), LESSONS)._repr_html_()


def test_the_whole_workbook():
    record_check("22a.1", "passed", NOON)
    shown = progress.show()
    assert shown.progress == progress.read()
    assert any(name.startswith("22a") and "22a.1" in ids for name, ids in shown.lessons.items())
    assert "1 of" in repr(shown)


def test_the_file_is_plain_json(folder):
    record_check("22a.1", "passed", NOON)
    assert list(json.loads((folder / "progress.json").read_text())) == ["questions"]
