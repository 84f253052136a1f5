"""What a learner's program may use in its box: memory of every kind, disk in all its folders together, processes."""

from dataclasses import asdict

import pytest

from helpers.course.grading import assignments, box, course_copy, runner
from tests import hostile

pytestmark = pytest.mark.needs("bwrap")
MB = box.MB
WRITE = "    for _ in range(100): os.write(file, b'x' * 1_000_000)\n"
SHARED = """import mmap
held = [mmap.mmap(-1, 100_000_000) for _ in range(9)]
for m in held:
    for _ in range(100): m.write(b'x' * 1_000_000)"""
NAMELESS = f"import os\nfor _ in range(9):\n    file = os.memfd_create('x')\n{WRITE}"
FOLDERS = f"import os\nfor place in {box.ROOMS!r}:\n    file = os.open(place + '/x', os.O_WRONLY | os.O_CREAT)\n{WRITE}"
FORKS = "import os, time\nfor _ in range(60):\n    if os.fork() == 0:\n        time.sleep(60)\n        os._exit(0)"
TOGETHER = """import mmap, os
held = mmap.mmap(-1, 200_000_000)
for _ in range(200): held.write(b'x' * 1_000_000)
for _ in range(5):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)"""
WAIT = "\nimport time\ntime.sleep({})\nraise RuntimeError('NOT ENDED')"
GARBLED = "from helpers.course import questions\nquestions.check.__self__.say(cell=float('inf'))"
FILLED = "with open('/proc/1/fd/2', 'wb') as words:\n    for _ in range(100): words.write(b'x' * 1_000_000)"


def run(cell, seconds=60, **limits):
    """What came of exercise 11 with this cell after its first answer."""
    exercise = assignments.exercises()[hostile.EXERCISE]
    files = {exercise.notebook: hostile.notebook(hostile.cells(after_first=[cell + WAIT.format(seconds)], solved=(1,)))}
    job = {"notebook": exercise.notebook, "files": files, "questions": exercise.questions, "walls": True}
    job |= {"seeds": dict.fromkeys(exercise.questions, 1), "course": course_copy.fingerprint()}
    return runner.run_job(job | {"limits": asdict(box.Limits(**limits))})


@pytest.mark.parametrize(
    ("cell", "limits", "why"),
    [
        pytest.param(SHARED, {"memory": 300 * MB}, "took more than 300 MB of memory", id="shared memory"),
        pytest.param(NAMELESS, {"memory": 300 * MB}, "took more than 300 MB of memory", id="files without a place"),
        pytest.param(FOLDERS, {"disk": 300 * MB}, "wrote more than 300 MB to disk", id="a little in each folder"),
        pytest.param(FORKS, {"processes": 50}, "started more than 50 processes", id="processes"),
        pytest.param(GARBLED, {}, "wrote into the way to its check", id="words that are not ours"),
    ],
)
def test_it_is_ended_and_what_came_before_counts(cell, limits, why):
    result = run(cell, **limits)
    assert why in result["trouble"]
    assert list(result["gathered"]) == ["11.1"]


def test_memory_that_processes_share_counts_once():
    result = run("import time\n" + TOGETHER, seconds=2, memory=900 * MB)
    assert "NOT ENDED" in result["raised"][0][1]
    assert 200 < result["peak_mb"] < 900


def test_a_box_that_complains_without_end_is_read_and_not_kept():
    result = run(FILLED, seconds=0)
    assert "NOT ENDED" in result["raised"][0][1]
