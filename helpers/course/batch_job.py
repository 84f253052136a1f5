"""Runs one notebook in a folder and a process of its own, and tears both down, whatever the notebook did.

A job goes in as data and comes back as data, so that it may as well run on another machine of a cluster.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

from helpers.course import batch_processes

PACKAGE_HOME = Path(__file__).resolve().parents[2]
GRACE = 15.0  # seconds after the time limit in which a job may still write what it has
TICK = 0.2  # seconds between two looks at the memory
TAIL = 4_000  # bytes of the process's own last words that are kept


def run_job(job, stopped=None):
    """Execute one notebook.

    Parameters
    ----------
    job : dict
        `name` (path in the workbook), `notebook` (its bytes), `files` (as from `batch_plan.companions`), `parameters`,
        `time_limit` in seconds, `threads` that numerical libraries may use.
    stopped : callable, optional
        Asked several times a second; once it is true, everything is ended and the status is *stopped*.

    Returns
    -------
    dict
        As from `batch_kernel.execute`, and: `seconds`, `peak_mb` (memory of the kernel and all that it started,
        the highest sum seen), `kernel_mb` (the kernel's own peak), `left` (names of processes that it had left
        running; they have been ended), `executed` and `html` (bytes or None).
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="workbook-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        _lay_out(folder, job)
        process, words = _start(folder, marker := uuid.uuid4().hex, job["threads"])
        family = batch_processes.Family(marker, without=process.pid)
        try:
            ending = _wait(process, started + job["time_limit"] + GRACE, family, stopped)
        finally:
            left = _end(process, family, patience=1.0 if process.poll() == 0 else 0.0)
        return {
            "reason": "",
            "cell": 0,
            "source": "",
            "traceback": "",
            "executed": None,
            "html": None,
            **_outcome(folder, ending, process.returncode, words),
            "seconds": time.monotonic() - started,
            "peak_mb": family.peak_mb,
            "kernel_mb": family.kernel_mb,
            "left": left,
        }


def _lay_out(folder, job):
    for name in ("work", "data", "temporary", "jupyter", "ipython"):
        (folder / name).mkdir()
    (folder / "source.ipynb").write_bytes(job["notebook"])
    for name, (content, mode) in job["files"].items():
        path = folder / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode | 0o600)
    title = Path(job["name"]).stem
    settings = {"parameters": job["parameters"], "time_limit": job["time_limit"], "title": title}
    (folder / "job.json").write_text(json.dumps(settings), encoding="utf-8")


def _start(folder, marker, threads):
    # A session of its own: ctrl-C is heard by the batch alone, which then ends its jobs. -P: nothing in the working folder
    # may stand in for a module. The open pipe to stdin tells the process that this one is still there.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "helpers.course.batch_kernel"],
        cwd=folder / "work",
        start_new_session=True,
        env=_environment(folder, marker, threads),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    words = []
    threading.Thread(target=_listen, args=(process.stdout, words), daemon=True).start()
    return process, words


def _environment(folder, marker, threads):
    path = os.pathsep.join(filter(None, [str(PACKAGE_HOME), os.environ.get("PYTHONPATH")]))
    temporary = str(folder / "temporary")
    return {
        **os.environ,
        batch_processes.MARKER: marker,
        "WORKBOOK_DATA": str(folder / "data"),
        "PYTHONPATH": path,
        "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",  # a thread that waits leaves its core to the other notebooks
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
        # None of the user's own kernels, profiles, settings.
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"),
        "IPYTHONDIR": str(folder / "ipython"),
    }


def _listen(stream, words):
    """Keep the last of what the process says: the kernel's notices, or why the process itself failed."""
    tail = b""
    while chunk := stream.read1(65_536):
        tail = (tail + chunk)[-TAIL:]
        words[:] = [tail.decode("utf-8", "replace")]


def _wait(process, deadline, family, stopped):
    while True:
        try:
            process.wait(TICK)
            return "over"
        except subprocess.TimeoutExpired:
            family.sample()
        if stopped is not None and stopped():
            return "stopped"
        if time.monotonic() > deadline:
            return "overdue"


def _end(process, family, patience):
    """First the driver, so that it starts nothing more; then all that carries the marker."""
    process.kill()
    process.wait()
    process.stdin.close()
    return family.end(patience)


def _outcome(folder, ending, code, words):
    if ending == "stopped":
        return {"status": "stopped"}
    result = _json(folder / "result.json")  # it is written last
    if result is not None:
        return {**result, "executed": _bytes(folder / "executed.ipynb"), "html": _bytes(folder / "page.html")}
    place = _json(folder / "running.json") or {}
    if ending == "overdue":
        return {"status": "timed out", "reason": "the time limit came, and the kernel could not be asked any more", **place}
    return {
        "status": "failed",
        "reason": f"the process that drives the kernel ended (code {code})",
        **place,
        "traceback": "".join(words),
    }


def _json(path):
    """Its content; None where it is not there, or was being written when its writer was ended."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _bytes(path):
    return path.read_bytes() if path.exists() else None
