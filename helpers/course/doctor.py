"""Says what this machine can run, and for what is missing, the one thing to do."""

import dataclasses
import os
import platform
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from helpers import flights
from helpers.course import extras, install, progress

NEEDED_MEMORY_GB, NEEDED_DISK_GB = 1.5, 3.0


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : str
    fine : bool
    value : str
        What was found.
    remedy : str
        What to do if it is not fine; "" otherwise.
    """

    what: str
    fine: bool
    value: str
    remedy: str = ""


def examine():
    """Look at this machine.

    Returns
    -------
    list of Finding
        First what every lesson needs, then what single lessons need.
    """
    return [
        _python(),
        _packages(),
        _memory(),
        _disk(),
        _loopback(),
        _writable("data cache", flights.cache_path().parent),
        _writable("progress", progress.folder()),
        *map(_system_part, install.SYSTEM_PARTS),
        *map(_extra, extras.FOR_LESSONS),
        _git(),
    ]


def as_text(findings):
    """Lay findings out as a table for a terminal or a notebook.

    Parameters
    ----------
    findings : list of Finding

    Returns
    -------
    str
        A line each; under the table what to do, if anything.
    """
    wide = max((len(f.what) for f in findings), default=0)
    lines = [f"{'ok ' if f.fine else 'NO '} {f.what:<{wide}}  {f.value}" for f in findings]
    todo = [f"- {f.what}: {f.remedy}" for f in findings if not f.fine]
    return "\n".join([*lines, "", *(["To do:", *todo] if todo else ["Everything in this workbook runs here."])])


def _python():
    value = f"{platform.python_version()} on {platform.system()}"
    return Finding("Python", sys.version_info >= (3, 11), value, "use Python 3.11 or newer")


def _packages():
    fine = install.environment_has(install.pins())
    value = "the locked versions" if fine else "other versions than requirements.lock"
    return Finding("packages", fine, value, "start with `make lab` or `python -m helpers lab`, which installs them in .venv")


def _memory():
    import psutil

    free = psutil.virtual_memory().available / 1e9
    return Finding(
        "memory",
        free >= NEEDED_MEMORY_GB,
        f"{free:.1f} GB free, {os.cpu_count()} cores",
        f"close other programs: a lesson takes up to {NEEDED_MEMORY_GB} GB",
    )


def _disk():
    free = shutil.disk_usage(install.ROOT).free / 1e9
    return Finding("disk", free >= NEEDED_DISK_GB, f"{free:.0f} GB free", f"free some: {NEEDED_DISK_GB:.0f} GB are needed")


def _loopback():
    try:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
    except OSError as error:
        return Finding("local servers", False, str(error), "allow programs to listen on 127.0.0.1")
    return Finding("local servers", True, "may listen on 127.0.0.1")


def _writable(what, folder):
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        variable = "WORKBOOK_CACHE" if what == "data cache" else "WORKBOOK_DATA"
        return Finding(what, False, f"its folder cannot be written ({error.strerror})", f"name another folder in {variable}")
    return Finding(what, True, "its folder can be written")


def _system_part(name):
    fine = not install.absent_system_parts([name])
    purpose = install.SYSTEM_PARTS[name][1]
    return Finding(name, fine, purpose if fine else f"absent: {purpose}", install.install_command(name))


def _extra(name):
    fine = extras.find(name) is not None
    purpose = extras.EXTRAS[name]
    return Finding(name, fine, purpose if fine else f"absent: {purpose}", f"python -m helpers install {name}")


def _git():
    fine = shutil.which("git") is not None
    return Finding("git", fine, "found" if fine else "absent", "install it from git-scm.com")
