"""What grading costs: beside nbgrader and otter on the same submissions, on two cores beside one, with a thousand learners."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import bench_grading_peers, hostile
from tests.notebook_files import ROOT

BEYOND = 0.5  # seconds of one core a submission, beyond what the learner's own code takes
FASTER = 1.7  # two cores, to one
GROWTH = 1.2  # memory of the grader with 1,000 submissions, to that with 100
LEARNERS = 40  # a class
PEERS = 6  # submissions for the peers, which are slow
MANY = 1000


def measure():
    """Measure, side by side.

    Returns
    -------
    list of (str, bool)
        Lines, and whether each promise is kept.
    """
    if os.name == "nt":
        return [("grading: not measured on Windows, which forgets what ended processes took", True)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return [*beside_the_peers(Path(folder)), *on_two_cores(Path(folder)), *with_many(Path(folder))]


def beside_the_peers(folder):
    """Seconds of one core a submission beyond the learner's own code: ours, nbgrader's, otter's."""
    exercise = bench_grading_peers.EXERCISE
    costs = bench_grading_peers.compare(folder, exercise, PEERS)
    (folder / "class").mkdir()
    bench_grading_peers.submissions(folder / "class" / "s", exercise, LEARNERS)
    out = folder / "class" / "out"
    grader = bench_grading_peers.cost([graded(folder / "class" / "s", out)], ROOT, LEARNERS)
    # A box takes its processes' times with it when it goes, so each says its own at its end.
    boxes = [json.loads(path.read_text(encoding="utf-8"))["core_seconds"] for path in (out / "results").iterdir()]
    assert len(boxes) == LEARNERS and min(boxes) > 0
    cores = {name: cost.core for name, cost in costs.items()} | {"ours": grader.core + sum(boxes) / LEARNERS}
    own = cores.pop("own code")
    told = ", ".join(f"{name} {core - own:.2f} s" for name, core in cores.items())
    line = f"grading {exercise}, of one core a submission beyond the learner's own {own:.2f} s: {told}"
    return [(f"{line}; promised at most {BEYOND}", cores["ours"] - own <= BEYOND)]


def on_two_cores(folder):
    """Two classes, one learner at a time and two at a time."""
    bench_grading_peers.submissions(folder / "classes", bench_grading_peers.EXERCISE, 2 * LEARNERS)
    seconds = {}
    for jobs in (1, 2):
        began = time.monotonic()
        run(graded(folder / "classes", folder / f"out-{jobs}", "--jobs", str(jobs)))
        seconds[jobs] = time.monotonic() - began
    faster = seconds[1] / seconds[2]
    return [
        (
            f"grading {2 * LEARNERS} submissions two at a time is {faster:.2f} times as fast as one, promised {FASTER}",
            faster >= FASTER,
        )
    ]


def with_many(folder):
    """A thousand learners, a tenth of whom solved the exercise: the grader's own memory beside that of a hundred."""
    peak = {}
    for count in (MANY // 10, MANY):
        handed_in = folder / f"many-{count}"
        bench_grading_peers.submissions(handed_in, bench_grading_peers.EXERCISE, count // 10)
        for number in range(count - count // 10):
            hostile.write(handed_in, f"learner {number}", [f"# learner {number}"])
        peak[count] = peak_memory(graded(handed_in, folder / f"many-out-{count}"))
    growth = peak[MANY] / peak[MANY // 10]
    line = f"grading {MANY:,} submissions takes {peak[MANY]:.0f} MB, {growth:.2f} times those of {MANY // 10}, promised {GROWTH}"
    return [(line, growth <= GROWTH)]


def graded(handed_in, out, *more):
    return [sys.executable, "-m", "helpers", "grade", str(handed_in), "-o", str(out), *more]


def run(command):
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def peak_memory(command):
    """MB of the grader itself at its peak: what it starts, boxes and judges, has limits of its own."""
    script = "import resource, sys; from helpers import __main__ as course; course.main(sys.argv[1:]); "
    script += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    words = [sys.executable, "-c", script, *command[3:]]
    told = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    return int(told) / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    for line, kept in measure():
        print(line, "" if kept else "NOT KEPT")
