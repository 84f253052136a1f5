"""Runs a learner's programs under watch: with limits on time, memory, processes and what they write, and nothing left behind."""

import os
import re
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from helpers import services
from helpers.course.capstone.project import Stop

MB = 1_000_000
MOST_PRINTED, MOST_WRITTEN, MOST_MEMORY = 50 * MB, 500 * MB, 4_000 * MB  # bytes
MOST_PROCESSES = 150
LOOK = 0.2  # seconds between two looks at what a program writes; its memory is looked at less often
TEMPORARY = ("TMPDIR", "TEMP", "TMP")  # what a program's temporary folder is called in its environment
ABSENT = re.compile(r"(?:ModuleNotFoundError|ImportError): No module named '([\w.]+)'")


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    why : str
        "" where all went well; else what happened, and what it printed last.
    seconds : float
    """

    why: str
    seconds: float


class Program:
    """A program of the learner's that runs, under watch. `stop`, or the end of a `with` block, ends it.

    Parameters
    ----------
    name : str
        Such as "start".
    command : list of str
        A first word "python" is the Python that runs this.
    folder : pathlib.Path
        Where it runs.
    env : dict of str to str
        With TMPDIR and WANDB_DIR: what it writes there counts too.
    most : int, default MOST_WRITTEN
        Bytes that it may write.

    Raises
    ------
    Stop
        There is no such program.
    """

    def __init__(self, name, command, folder, env, most=MOST_WRITTEN):
        self.name, self.folder, self._broke = name, folder, None
        words = [
            sys.executable if command[0] in ("python", "python3") else shutil.which(command[0], path=env["PATH"]),
            *command[1:],
        ]
        if words[0] is None:
            raise Stop(f"The command `{name}` wants the program {command[0]}, which is not here: begin it with python.")
        out = {key: None for key in os.environ if key not in env}
        self._places = [folder, *(Path(env[key]) for key in ("TMPDIR", "WANDB_DIR") if key in env)]
        self._allowed, self._most = most, _weight(self._places) + most
        self._service = services.start(f"capstone {name} {id(self)}", words, ready=None, env=out | env, cwd=folder)
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        looked = 0.0
        while not self._over.wait(LOOK) and self._service.ended() is None:
            if self._service.printed() > MOST_PRINTED:
                self._broke = f"printed more than {MOST_PRINTED // MB} MB"
            elif time.monotonic() - looked > 2:
                self._broke = self._spent()
                looked = time.monotonic()
            if self._broke:
                self._service.stop()
                return

    def _spent(self):
        if _weight(self._places) > self._most:
            return f"wrote more than {self._allowed // MB} MB into its folder and its temporary one"
        family, memory = self._family(), 0
        for process in family:
            try:
                memory += process.memory_info().rss
            except psutil.Error:
                continue  # it has ended
        if memory > MOST_MEMORY:
            return f"took more than {MOST_MEMORY // MB} MB of memory"
        return f"started more than {MOST_PROCESSES} processes" if len(family) > MOST_PROCESSES else None

    def _family(self):
        """Its processes, with those that left it: what guards the program has adopted them."""
        family = self._service.processes()
        try:
            guardian = psutil.Process(self._service.pid).parent() if self._service.pid else None
            return family | set(guardian.children(recursive=True)) if guardian else family
        except psutil.NoSuchProcess:
            return family

    def over(self):
        """Why it is over.

        Returns
        -------
        str or None
            "" where it ended by itself and well; None while it runs.
        """
        told = self._broke or self._service.ended()
        if told is None or told == "ended by itself with exit code 0":
            return told if told is None else ""
        return f"`{self.name}` {told}{self.last_words()}"

    def last_words(self):
        """What it printed last, to end a sentence with.

        Returns
        -------
        str
            A package that it misses is named with a remedy; places on this machine are left out.
        """
        log = self._service.log()
        absent = ABSENT.findall(log)
        if absent:
            return f": the package {absent[-1]} is absent. Use those of the workbook, or add its code to the project."
        lines = [line.strip() for line in log.splitlines() if line.strip()]
        return f'; its last words: "{_plain(lines[-1], self.folder)}".' if lines else "; it printed nothing."

    def ports(self):
        """The ports at which it listens.

        Returns
        -------
        list of int
        """
        found = set()
        for process in self._family():
            try:
                found |= {each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
            except psutil.Error:
                continue
        return sorted(found)

    def stop(self):
        """End it and all that it started."""
        self._over.set()
        self._service.stop()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()


def run(name, command, folder, env, seconds, most=MOST_WRITTEN):
    """Run a command to its end.

    Parameters
    ----------
    name : str
    command : list of str
    folder : pathlib.Path
    env : dict of str to str
        As of `Program`, all four.
    seconds : float
        That it may take; it is ended then.
    most : int, default MOST_WRITTEN
        As of `Program`.

    Returns
    -------
    Ended

    Raises
    ------
    Stop
        There is no such program.
    """
    begun = time.monotonic()
    with Program(name, command, folder, env, most) as program:
        while (why := program.over()) is None:
            if time.monotonic() - begun > seconds:
                why = f"`{name}` had not ended after {seconds:.0f} s{program.last_words()}"
                break
            time.sleep(0.05)
    return Ended(why, time.monotonic() - begun)


def temporary(folder):
    """A place for temporary files that goes when the check does.

    Parameters
    ----------
    folder : pathlib.Path
        Made if absent.

    Returns
    -------
    dict of str to str
        For an environment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {name: str(folder) for name in TEMPORARY}


def environment(more):
    """What a learner's program finds in its environment.

    Parameters
    ----------
    more : dict of str to str

    Returns
    -------
    dict of str to str
        This process's own, without what would lead a program to the learner's stores or to this package.
    """
    passed = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MLFLOW_", "WANDB_", "PYTHON", "GIT_", "STREAMLIT_"))
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    quiet = {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "DO_NOT_TRACK": "true",
    }
    quiet |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
        "STREAMLIT_SERVER_HEADLESS": "true",
    }
    return passed | quiet | {"PATH": path, "NO_PROXY": "127.0.0.1,localhost"} | more


def _weight(places):
    total = 0
    for top, _, names in (each for place in places for each in os.walk(place)):
        for name in names:
            try:
                total += (Path(top) / name).lstat().st_size
            except OSError:
                continue  # it was removed meanwhile
    return total


def _plain(line, folder):
    return line.replace(str(folder), "…").replace(sys.prefix, "…")[:200].replace('"', "'")
