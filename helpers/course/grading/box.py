"""The box in which a learner's program runs: what it can see, and with which words its process is started.

On Linux the box is bubblewrap's: file system, processes and network of its own, with nothing of this machine but the system's
programs, the workbook's Python and a copy of the course, all read-only. Without it ("trusted") a program has a folder of its
own and limits, and no walls.
"""

import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from helpers import flights, mlflow_store
from helpers.course import extras, install
from helpers.course.grading import course_copy

MB = 1_000_000
TOP = "/workbook"  # where the course lies in the box
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")  # beside /usr
SETTINGS = (
    "alternatives", "ca-certificates", "chromium", "chromium.d", "fonts", "group", "hosts", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "passwd", "prometheus", "protocols", "services", "ssl",
)  # fmt: skip
KEPT = ("LANG", "LC_ALL", "TZ", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE")
ROOMS = (f"{TOP}/exercises", tempfile.gettempdir(), "/home/learner", "/cache", "/dev/shm")  # what it may write to
START = "from helpers.course.grading import worker; worker.main()"
BEHIND = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-P', '-c', {start!r}]))"


NO_BOX = "bwrap (bubblewrap) is not on this machine ({}). Install it, or grade with --trusted what you trust."


class BoxError(Exception):
    """The box itself cannot be used on this machine; the message says what it said. No learner is to blame."""


@dataclass(frozen=True)
class Limits:
    """What one exercise of a learner may use.

    Attributes
    ----------
    seconds : float
        For all of it, on the clock.
    cell_seconds : float
        For one cell; the next ones go on. Not on Windows.
    memory : int
        Bytes, of all its processes together.
    disk : int
        Bytes, in all the folders that it may write to. They lie in memory.
    processes : int
        At once.
    """

    seconds: float = 900.0
    cell_seconds: float = 300.0
    memory: int = 4_000 * MB
    disk: int = 500 * MB
    processes: int = 200


def available():
    """Whether this machine has the box.

    Returns
    -------
    bool
    """
    return sys.platform == "linux" and shutil.which("bwrap") is not None


def boxed(limits):
    """The command that starts a learner's program behind walls.

    Parameters
    ----------
    limits : Limits

    Returns
    -------
    list of str
        For `subprocess.Popen`, with `environment(TOP, "/home/learner", "/cache")` and nothing else of this process.

    Raises
    ------
    BoxError
        This machine has no bubblewrap.
    """
    if not available():
        raise BoxError(NO_BOX.format(platform.node()))
    copy, room = course_copy.folder(), ["--size", str(limits.disk), "--tmpfs"]
    words = [shutil.which("bwrap"), "--unshare-all", "--die-with-parent", "--new-session", "--hostname", "workbook"]
    words += ["--uid", "1000", "--gid", "1000", "--proc", "/proc", "--dev", "/dev", *room, ROOMS[-1]]
    words += _read_only("/usr")
    for name in SYSTEM:
        words += ["--symlink", str(Path(name).readlink()), name] if Path(name).is_symlink() else _read_only(name)
    for name in SETTINGS:
        words += _read_only(f"/etc/{name}")
    words += ["--ro-bind", str(copy), TOP]
    for place in ROOMS[:-1]:
        words += [*room, place]
    for path in _cached():
        words += ["--ro-bind", str(path), f"/cache/{path.name}"]
    for place in _pythons():
        words += _read_only(place)
    # Where `helpers` was installed from, for programs that are started without PYTHONPATH: the same copy.
    words += ["--ro-bind", str(copy / "helpers"), str(install.ROOT / "helpers")]
    for name in extras.EXTRAS:
        if extras.find(name):
            words += _read_only(str(extras.folder(name)))
    return [*words, "--chdir", f"{TOP}/exercises", "--", sys.executable, "-P", "-c", START]


def unboxed():
    """The command that starts a program that is trusted: another process stands between it and the grader.

    Returns
    -------
    list of str
    """
    return [sys.executable, "-P", "-c", BEHIND.format(start=START)]


def environment(top, home, cache):
    """The environment variables of a learner's program. Nothing of the grader's own is handed on but the language.

    Parameters
    ----------
    top : str
        Where the copy of the course lies.
    home : str
        The learner's home.
    cache : str
        Where the flights lie.

    Returns
    -------
    dict of str to str
    """
    scripts = Path(sys.executable).parent  # not resolved: an environment's own folder
    path = os.pathsep.join([str(scripts), os.environ.get("PATH", os.defpath)])
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("OPENBLAS_")}
    temporary = str(Path(home) / "temporary")
    own = {"HOME": home, "USERPROFILE": home, "TMPDIR": temporary, "TEMP": temporary, "TMP": temporary}
    own |= {"USER": "learner", "LOGNAME": "learner", "USERNAME": "learner"}
    return {
        "LANG": "C.UTF-8",
        **kept,
        **own,
        "PATH": path,
        "PYTHONPATH": top,
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8",
        "WORKBOOK_CACHE": cache,
        "WORKBOOK_EXTRAS": str(extras.folder("").parent),
        "WORKBOOK_DATA": str(Path(home) / "data"),
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def fill_cache(folder):
    """Copy what is cached for every user of this machine, so that no program has to make it again.

    Parameters
    ----------
    folder : pathlib.Path
    """
    folder.mkdir(parents=True)
    for path in _cached():
        shutil.copyfile(path, folder / path.name)


def _cached():
    """The cached flights and MLflow's empty store; made now, if need be."""
    if not flights.cache_path().exists():
        flights.rebuild_cache()
    return [flights.cache_path(), mlflow_store.template()]


def _pythons():
    """Where Python itself and the packages lie, unless under /usr."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(os.path.realpath(sys.executable)).parents[1])}
    places = {place for place in places if not Path(place).is_relative_to("/usr")}
    return sorted(place for place in places if Path(place) != install.ROOT)


def _read_only(place):
    return ["--ro-bind", place, place] if Path(place).exists() else []
