"""The machine that runs a workflow: what its steps see, a folder that is gone afterwards, and the programs it needs."""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from helpers import workflow_files

KEPT = ["SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "LANG", "OMP_NUM_THREADS"]
NOWHERE = "http://127.0.0.1:9"  # nobody listens there: what honours it cannot leave this machine
OFFLINE = {
    **{name: NOWHERE for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")},
    **{name: "127.0.0.1,localhost" for name in ("no_proxy", "NO_PROXY")},
    "DOCKER_HOST": "tcp://127.0.0.1:9",
    "PIP_NO_INDEX": "1",  # what is installed already satisfies `pip install`; nothing else can be had,
    "PIP_DRY_RUN": "1",  # and `pip install` never changes the learner's own environment
    "PIP_CONFIG_FILE": os.devnull,
    "UV_OFFLINE": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "DO_NOT_TRACK": "true",
    "TERM": "dumb",  # act gives steps a terminal, GitHub does not
}


class WorkflowError(Exception):
    """Nothing can be run; the message is one line and says what came, what was expected and the remedy."""


def environment(home):
    """What steps see. Of the user's own, neither tokens nor proxies nor settings.

    Parameters
    ----------
    home : pathlib.Path
        A folder of theirs, with `tmp` in it.

    Returns
    -------
    dict of str to str
    """
    env = {name: os.environ[name] for name in KEPT if name in os.environ} | OFFLINE
    path = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    env |= {"PATH": os.pathsep.join(dict.fromkeys(path)), "GIT_CONFIG_GLOBAL": str(home / "gitconfig")}
    env |= {name: str(home) for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA")}
    return env | {name: str(home / "tmp") for name in ("TMPDIR", "TEMP", "TMP")}


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """Make a folder that is gone afterwards, whatever happened.

    Yields
    ------
    pathlib.Path
        With `tmp` in it.

    Raises
    ------
    WorkflowError
        Its path has a space, which act cannot bear.
    """
    folder = Path(tempfile.mkdtemp(prefix="workflow-")).resolve()
    try:
        if " " in str(folder):
            raise WorkflowError(
                f"The temporary folder {folder.parent} has a space in its name, which act cannot bear: set TMPDIR."
            )
        (folder / "tmp").mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, onerror=_allow)


def _allow(remove, path, _):
    """Git's objects are read-only, which Windows does not remove."""
    with contextlib.suppress(OSError):
        Path(path).chmod(0o700)
        remove(path)


def program(name):
    """Find a program: in this environment first.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        Its path.

    Raises
    ------
    WorkflowError
        It is not here.
    """
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if not found:
        remedy = "install Git" if name == "git" else "python -m helpers install"
        raise WorkflowError(f"The program {name} is not here; it is needed to run or check workflows. Remedy: {remedy}.")
    return found


def git(*arguments, cwd=None):
    """Call Git with none of the user's settings.

    Parameters
    ----------
    *arguments : str
    cwd : path-like, optional

    Returns
    -------
    str
        What it printed.

    Raises
    ------
    WorkflowError
        It failed, or is not here.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    command = [program("git"), "-c", "safe.directory=*", *arguments]
    told = subprocess.run(command, cwd=cwd, env=env, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if told.returncode:
        raise WorkflowError(f"git {arguments[0]} failed: {workflow_files.one_line(told.stderr)}")
    return told.stdout.strip()
