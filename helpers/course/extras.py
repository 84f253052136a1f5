"""The extras of pyproject.toml that are too heavy for `.venv`, or at odds with it: each an environment of its own.

`python -m helpers install edge` makes `.venv-edge` from `helpers/course/locks/edge.lock`; a lesson asks `find("edge")`.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.course import install

LOCKS = Path(__file__).parent / "locks"
EXTRAS = {  # name in pyproject.toml: what it is for
    "edge": "TensorFlow, which makes TFLite models (lesson 33c)",
    "azure": "Azure ML's own inference server (lesson 33a)",
    "nbgrader": "nbgrader, for instructors who grade with it",
    "otter": "otter-grader, which `make bench` measures beside ours",
}
FOR_LESSONS = ("edge", "azure")  # a learner needs no other


def find(name):
    """Where the Python of an extra is.

    Parameters
    ----------
    name : str
        A key of `EXTRAS`.

    Returns
    -------
    pathlib.Path or None
        None if the extra is not installed, or not from today's lock.
    """
    stamp = folder(name) / "installed"
    current = stamp.exists() and stamp.read_text(encoding="utf-8") == _fingerprint(name)
    return _python(folder(name)) if current else None


def folder(name):
    """Where an extra's environment stands: at the workbook's top, or where the variable `WORKBOOK_EXTRAS` says.

    Parameters
    ----------
    name : str

    Returns
    -------
    pathlib.Path
    """
    return Path(os.environ.get("WORKBOOK_EXTRAS") or install.ROOT) / f".venv-{name}"


def ensure(name):
    """Make an extra's environment unless it is there.

    Parameters
    ----------
    name : str
        A key of `EXTRAS`.

    Returns
    -------
    pathlib.Path
        Its Python.

    Raises
    ------
    helpers.course.install.InstallError
        It could not be made; the next try completes it.
    """
    if find(name):
        return find(name)
    print(f"Making {folder(name).name}: {EXTRAS[name]}. A minute or two, once.", flush=True)
    python = make_environment(folder(name), LOCKS / f"{name}.lock")
    if name == "nbgrader":
        _lend_kernel(folder(name))
    (folder(name) / "installed").write_text(_fingerprint(name), encoding="utf-8")
    return python


def make_environment(where, requirements):
    """Make a fresh virtual environment and install into it.

    Parameters
    ----------
    where : pathlib.Path
        A folder; one that is there is replaced.
    requirements : pathlib.Path
        As pip reads it.

    Returns
    -------
    pathlib.Path
        Its Python.

    Raises
    ------
    helpers.course.install.InstallError
        A step failed.
    """
    shutil.rmtree(where, ignore_errors=True)
    uv = [sys.executable, "-m", "uv", "--quiet"]
    _run([*uv, "venv", "--python", sys.executable, str(where)], where)
    python = _python(where)
    _run([*uv, "pip", "install", "--python", str(python), "--requirement", str(requirements)], where)
    return python


def _run(command, where):
    if subprocess.run(command, check=False).returncode:
        raise install.InstallError(
            f"{Path(where).name} could not be made (see above). Check the connection, then run this again."
        )


def _lend_kernel(where):
    """Let notebooks run in this workbook's own Python when a program of that environment starts them."""
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python", "metadata": {"debugger": True}}
    kernel = where / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.unlink(missing_ok=True)  # uv links files to its cache: one that is written over changes in every environment
    kernel.write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")


def _python(where):
    return where / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _fingerprint(name):
    return hashlib.sha256((LOCKS / f"{name}.lock").read_bytes()).hexdigest()
