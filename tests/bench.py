"""`python -m helpers bench`: measures what should be fast beside what people do without it, and holds it to its promises."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from helpers.course import batch, batch_plan, install
from tests import (
    bench_alerting,
    bench_capstone,
    bench_drift,
    bench_grading,
    bench_logging,
    bench_pipeline,
    bench_scaling,
    bench_serving,
    bench_tracking,
)

RATIO = 0.6  # the whole batch, to the same notebooks by nbconvert one after another
RERUN = 5.0  # seconds, when nothing has changed
KERNEL = 1000  # MB, the peak of any kernel's process
TREE = 1500  # MB, the peak of a kernel and all that it started
LESSON = 180  # seconds, in the batch: the solved capstone starts its whole system for each of its questions
CELL = 30  # seconds, in the batch: the longest is a push that tests, trains, logs and promotes, each step a process


def main():
    """Measure, print, and say by the exit code whether every promise is kept."""
    names = batch_plan.select(install.ROOT, [])
    print(f"{len(names)} notebooks, {os.cpu_count()} cores. The batch, all of it anew:", flush=True)
    together = timed([sys.executable, "-m", "helpers", "run", "--fresh"], install.ROOT)
    print("The same by `jupyter nbconvert --execute --to html`, one after another:", flush=True)
    in_turn = one_after_another(names)
    rerun = timed([sys.executable, "-m", "helpers", "run"], install.ROOT)
    records = batch.read_records(install.ROOT)
    kernel, largest = max((records[name]["kernel_mb"], name) for name in names)
    tree, heaviest = max((records[name]["peak_mb"], name) for name in names)
    lesson, longest = max((records[name]["seconds"], name) for name in names)
    cell, slowest = max(slowest_cell(name) for name in names)
    lines = [
        (f"batch {together:.0f} s, in turn {in_turn:.0f} s: ratio {together / in_turn:.2f}, promised at most {RATIO}",
         together <= RATIO * in_turn),
        (f"nothing changed: {rerun:.1f} s, promised under {RERUN:.0f}", rerun < RERUN),
        (f"largest kernel: {kernel:.0f} MB ({largest}), promised under {KERNEL}", kernel < KERNEL),
        (f"largest kernel with its servers: {tree:.0f} MB ({heaviest}), promised under {TREE}", tree < TREE),
        (f"longest notebook: {lesson:.0f} s ({longest}), promised under {LESSON}", lesson < LESSON),
        (f"slowest cell: {cell:.1f} s ({slowest}), promised under {CELL}", cell < CELL),
        *bench_tracking.measure(),
        *bench_serving.measure(),
        *bench_pipeline.measure(),
        *bench_logging.measure(),
        *bench_drift.measure(),
        *bench_alerting.measure(),
        *bench_scaling.measure(),
        *bench_grading.measure(),
        *bench_capstone.measure(),
    ]  # fmt: skip
    for line, kept in lines:
        print(f"{'kept' if kept else 'BROKEN':>7}  {line}")
    return 0 if all(kept for _, kept in lines) else 1


def slowest_cell(name):
    """Seconds of the slowest cell of the batch's last run, and which it is."""
    executed = nbformat.read(batch.executed_path(install.ROOT, name), as_version=4)
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    seconds = [(cell.metadata.papermill.duration or 0, number) for number, cell in enumerate(code, start=1)]
    return max(seconds)[0], f"{name}, code cell {max(seconds)[1]}"


def one_after_another(names):
    """Seconds that nbconvert takes, a command for each notebook, on a copy: it runs where the notebook lies."""
    total = 0.0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for top in batch_plan.DEFAULT_FOLDERS:
            shutil.copytree(install.ROOT / top, Path(folder) / top, ignore=shutil.ignore_patterns(*batch_plan.GENERATED))
        for name in names:
            options = ["--execute", "--to", "html", "--output-dir", str(Path(folder) / "html")]
            command = [sys.executable, "-m", "nbconvert", *options, name]
            seconds = timed(command, folder, {"WORKBOOK_DATA": str(Path(folder) / "data" / Path(name).stem)})
            print(f"{seconds:>7.1f} s  {name}", flush=True)
            total += seconds
    return total


def timed(command, folder, environment=None):
    """Seconds that a command takes; if it fails, its output and the end of this."""
    begun = time.perf_counter()
    environment = {**os.environ, **(environment or {})}
    told = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if told.returncode:
        sys.exit(f"{told.stdout}\n{told.stderr}\n{' '.join(command)} failed, so nothing can be compared.")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
