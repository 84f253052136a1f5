"""The guardian of one background server: a small process that starts it and ends all of it, whatever becomes of the notebook.

`helpers.services` runs this file as a program and holds the other end of its standard input. When that end closes, because
the service was stopped or because the notebook's process is gone in whatever way, the server and all that it started go too.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

MARK = "WORKBOOK_SERVICE"  # in the environment of a server and of all its children: finds those whose parent is gone
GRACE = 2.0  # seconds to end by itself, once asked: MLflow takes 1.3 of them, all to tidy its memory
POLL = 0.25  # seconds
PR_SET_CHILD_SUBREAPER = 36  # of Linux's prctl


def own_group():
    """How a process starts so that an interrupt meant for the notebook does not reach it.

    Returns
    -------
    dict
        Keyword arguments of `subprocess.Popen`.
    """
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def alive(process):
    """Whether a process still runs. One that has ended but was not collected by its parent does not.

    Parameters
    ----------
    process : psutil.Process

    Returns
    -------
    bool
    """
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def adopt():
    """Become the parent of all that this process's children leave behind, whatever is in its environment. Linux alone can.

    Returns
    -------
    bool
        Whether it is so now.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        return ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    except (OSError, AttributeError):  # a system library without it
        return False


def _bury(server):
    """Take note of the end of those that were adopted, or they stay in the system's table. The server's end is left alone.

    Parameters
    ----------
    server : int
        Its process id.
    """
    with contextlib.suppress(ChildProcessError):
        while (seen := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and seen.si_pid != server:
            os.waitpid(seen.si_pid, 0)


def family(root, mark, guardian=None):
    """A server's process and all that came of it.

    Parameters
    ----------
    root : psutil.Process or None
        The server; None where it is not known.
    mark : str
        The value of `MARK` in its environment.
    guardian : psutil.Process, optional
        The process that guards the server: it has adopted what left the family. It is no member itself.

    Returns
    -------
    set of psutil.Process
        Those that still run.
    """
    members = set()
    if root is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            members = {root, *root.children(recursive=True)}
    if guardian is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            members |= set(guardian.children(recursive=True))
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # other people's processes do not show theirs
            if process.environ().get(MARK) == mark:
                members.add(process)
    return {process for process in members if alive(process)}


def end(root, mark, guardian=None):
    """End a server and all that came of it: asked first, killed after `GRACE` seconds.

    Parameters
    ----------
    root : psutil.Process or None
    mark : str
    guardian : psutil.Process, optional
        As in `family`, all three.
    """
    asked, start = set(), time.monotonic()
    while members := family(root, mark, guardian):  # looked up anew each time: they may still start others
        waited = time.monotonic() - start
        for process in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                if waited > GRACE:
                    process.kill()
                elif process not in asked:
                    process.terminate()
        asked |= members
        if waited > 2 * GRACE:
            break
        time.sleep(0.03)


def report(folder, event, **facts):
    """Tell the notebook's process that something happened, by a file that appears whole.

    Parameters
    ----------
    folder : pathlib.Path
    event : str
        The file's name.
    **facts
        What to tell.
    """
    draft = folder / f"{event}.draft"
    draft.write_text(json.dumps(facts), encoding="utf-8")
    draft.replace(folder / event)


def guard(order, dismissed):
    """Start a server, stay until it is over or nobody needs it, and leave nothing behind.

    Parameters
    ----------
    order : dict
        `command`, `env`, `cwd`, `folder` (its log, and what `report` writes) and `parent` (a process id).
    dismissed : threading.Event
        Set when the server shall go.
    """
    folder, parent, adopting = Path(order["folder"]), psutil.Process(order["parent"]), adopt()

    def on_duty():
        # The parent is looked at too: a fork of it may hold our standard input open when it is long gone.
        return not dismissed.wait(POLL) and alive(parent)

    try:
        with (folder / "log").open("ab") as log:
            server = subprocess.Popen(
                order["command"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=order["env"],
                cwd=order["cwd"],
                **own_group(),
            )
    except (OSError, ValueError) as error:
        report(folder, "ended", reason=f"cannot be started: {error}")
    else:
        report(folder, "started", pid=server.pid)
        root = psutil.Process(server.pid)
        while server.poll() is None and on_duty():
            if adopting:
                _bury(server.pid)
        code = server.poll()
        end(root, order["env"][MARK], psutil.Process())
        if code is not None:
            report(folder, "ended", reason=f"ended by itself with exit code {code}")
    while on_duty():  # the log stays readable as long as someone may ask for it
        pass


def main():
    """Read one order from standard input and carry it out."""
    dismissed = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: None)  # a handler, because the server would inherit SIG_IGN
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: dismissed.set())
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return  # whoever wanted a server was gone before it could say which
    order = json.loads(line)

    def wait_for_end_of_input():
        os.read(0, 1)
        dismissed.set()

    threading.Thread(target=wait_for_end_of_input, daemon=True).start()
    with contextlib.suppress(psutil.NoSuchProcess):  # the parent is gone already
        guard(order, dismissed)
    os.close(1)  # both lead to the log, and Windows removes no open file
    os.close(2)
    shutil.rmtree(order["folder"], ignore_errors=True)


if __name__ == "__main__":
    main()
