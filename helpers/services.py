"""Background servers for notebooks: on a free port of this machine, ready when they are returned, always torn down.

    with services.mlflow_ui(store) as ui:
        print(ui.url)

or `ui = services.mlflow_ui(store)` and, later, `ui.stop()`. A server that is never stopped ends with the notebook's kernel,
also when that is restarted or killed. A further tool takes a thin function like `mlflow_ui`.
"""

import atexit
import contextlib
import html
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from helpers import _guardian

LOOPBACK = "127.0.0.1"
ATTEMPTS = 3  # at finding a port that nobody else takes meanwhile
_running = {}  # by name


class ServiceError(Exception):
    """A server cannot run; the message says why, and how its log ends."""


class _PortTaken(Exception):
    """Another program listens where the server should."""


class Service:
    """A background server. `start` makes it; `stop`, or the end of a `with` block, ends it.

    Parameters
    ----------
    name : str
        As given to `start`.
    port : int
        On 127.0.0.1.
    guardian : subprocess.Popen
        The process that watches over the server.
    folder : pathlib.Path
        Private to this server: its log, and what the guardian tells.

    Attributes
    ----------
    url : str
        For a browser: through the Jupyter server where the notebook runs on Binder or a JupyterHub, else `local_url`.
    local_url : str
        For code on this machine.
    pid : int
        Of the server's process.
    """

    def __init__(self, name, port, guardian, folder):
        self.name, self.port, self.pid = name, port, None
        self.local_url = f"http://{LOOPBACK}:{port}/"
        self.url = f"{_behind_hub(port)}/" if _behind_hub(port) else self.local_url
        self._guardian, self._folder = guardian, folder
        self._owner, self._process, self._last_log = os.getpid(), None, ""

    def stop(self):
        """End the server and all that it started. Does nothing where that has been done."""
        if os.getpid() != self._owner:
            return  # in a fork of the notebook's process: the server is not the fork's
        self._last_log = self.log()
        with contextlib.suppress(OSError, ValueError):  # the guardian is gone, or was told before
            self._guardian.stdin.write(b"stop")  # the end of input alone would not reach it while a fork holds the pipe
            self._guardian.stdin.close()
        try:
            self._guardian.wait(2 * _guardian.GRACE + 2)
        except subprocess.TimeoutExpired:
            self._guardian.kill()
            self._guardian.wait()
        _guardian.end(self._process, str(self._folder))  # only where the guardian itself was killed
        shutil.rmtree(self._folder, ignore_errors=True)
        if _running.get(self.name) is self:
            del _running[self.name]

    def log(self):
        """What the server has printed last.

        Returns
        -------
        str
            Up to 40 lines. After `stop`, what it had printed by then.
        """
        try:
            with (self._folder / "log").open("rb") as log:  # which may be of any length
                log.seek(max(0, self.printed() - 20_000))
                text = log.read(20_000).decode("utf-8", "replace")
        except FileNotFoundError:
            return self._last_log
        return "\n".join(text.splitlines()[-40:])

    def printed(self):
        """How much the server has printed.

        Returns
        -------
        int
            Bytes; 0 after `stop`.
        """
        try:
            return (self._folder / "log").stat().st_size
        except FileNotFoundError:
            return 0

    def processes(self):
        """The server's process and all that came of it.

        Returns
        -------
        set of psutil.Process
            Those that still run.
        """
        self._find_process()
        return _guardian.family(self._process, str(self._folder))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def __repr__(self):
        return f"{self.name} is running: {self.url}" if self._is_running() else f"{self.name} has stopped."

    def _repr_html_(self):
        if not self._is_running():
            return html.escape(repr(self))
        url = html.escape(self.url)
        return f'{html.escape(self.name)} is running: <a href="{url}" target="_blank" rel="noopener">{url}</a>'

    def _is_running(self):
        return self._process is not None and _guardian.alive(self._process)

    def ended(self):
        """Why the server is over.

        Returns
        -------
        str or None
            Such as "ended by itself with exit code 1"; None while it runs.
        """
        gone = self._guardian.poll() is not None  # asked first: it tells before it goes
        told = _read(self._folder / "ended")
        if told:
            return told["reason"]
        return "lost the process that guards it" if gone else None

    def _find_process(self):
        """Take note of the server's process as soon as it is there."""
        told = _read(self._folder / "started") if self._process is None else None
        if told:
            self.pid = told["pid"]
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process = psutil.Process(self.pid)


def start(name, command, *, ready="/health", port=None, env=None, cwd=None, files=None, timeout=60):
    """Start a server in the background and wait until it answers.

    Parameters
    ----------
    name : str
        What to call it, such as "MLflow UI". An earlier server of this name is stopped first, so that running a cell again
        leaves one server, not two.
    command : list of str
        The program and its arguments; `{port}` in them becomes the port's number. It must listen on 127.0.0.1 alone.
    ready : str or None, default "/health"
        The path that answers 2xx or 3xx once the server is ready. None: nothing is waited for, not even a port; the program
        is only guarded.
    port : int, optional
        A free one by default.
    env : dict of str to (str or None), optional
        On top of this process's environment; None takes a variable out.
    cwd : path-like, optional
        Where it runs; the current folder by default.
    files : dict of str to str, optional
        Name and text of what it reads. They are put into a folder of the server's own, which goes when it does; `{folder}`
        in the command becomes that folder.
    timeout : float, default 60
        Seconds that it may take.

    Returns
    -------
    Service
        A process of this server listens on its port, and `ready` has answered. Asked to end, it has 2 seconds.

    Raises
    ------
    ServiceError
        It could not be started, ended, did not answer in time, listens beyond this machine, or its port is taken.
        Nothing of it is left running.
    """
    if isinstance(command, str) or not command:
        raise ServiceError(f'The command of {name} is {command!r}; expected a list such as ["python", "-m", "http.server"].')
    if name in _running:
        _running[name].stop()
    if ready is None:
        _running[name] = _launch(name, command, port or _free_port(), env, cwd, files or {})
        return _running[name]
    deadline = time.monotonic() + timeout
    for _ in range(ATTEMPTS):
        chosen = port or _free_port()
        if _connects(chosen):
            continue
        service = _launch(name, command, chosen, env, cwd, files or {})
        try:
            problem = _wait_until_ready(service, ready, deadline, timeout)
        except _PortTaken:
            service.stop()
            continue
        except BaseException:  # a learner's interrupt too leaves nothing behind
            service.stop()
            raise
        if problem is None:
            _running[name] = service
            return service
        service.stop()
        raise ServiceError(_with_log(f"{name} {problem}.", service.log()))
    raise ServiceError(f"{name} cannot have port {chosen}: another program listens there. Stop that one, or choose another port.")


def mlflow_ui(store):
    """Start MLflow's own server, which shows a tracking store in the browser and answers its API.

    Parameters
    ----------
    store : str, path-like or object with a `uri`
        A tracking URI such as "sqlite:///work/tracking/mlflow.db", or the folder that `mlflow.db` is in.

    Returns
    -------
    Service
        New experiments that are made through it keep their artifacts in `artifacts`, beside the database.

    Raises
    ------
    ServiceError
        There is no such store (nothing is made then), or as in `start`.
    """
    database = _database(store)
    hosted = bool(os.environ.get("JUPYTERHUB_SERVICE_PREFIX"))
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        LOOPBACK,
        "--port",
        "{port}",
        "--workers",
        "1",
        "--backend-store-uri",
        f"sqlite:///{database.as_posix()}",
        "--default-artifact-root",
        (database.parent / "artifacts").as_uri(),
        # Through a hub it is asked for by the hub's public name, which cannot be known here; the hub guards the door.
        "--allowed-hosts",
        "*" if hosted else f"{LOOPBACK}:*,localhost:*",
        "--cors-allowed-origins",
        "*" if hosted else "http://127.0.0.1:{port}",
    ]
    env = {key: None for key in os.environ if key.startswith(("MLFLOW_", "_MLFLOW_"))}  # the notebook's, not the server's
    env |= {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # its job workers would take over a gigabyte of memory
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    return start("MLflow UI", command, env=env)


def tensorboard(folder):
    """Start TensorBoard on a folder of event files.

    Parameters
    ----------
    folder : path-like
        The log folder; each folder in it is a run. Runs that come later are shown too.

    Returns
    -------
    Service
        Its own API answers below `/data`, such as `/data/runs`.

    Raises
    ------
    ServiceError
        There is no such folder (nothing is made then), or as in `start`.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise ServiceError(f"There is no folder {folder.name} for TensorBoard to show. Log a run first, or correct the path.")
    # Its fast loader, a program of its own, leaves out scalars of double precision, which `helpers.tracking` writes.
    options = ["--logdir", str(folder), "--host", LOOPBACK, "--port", "{port}", "--load_fast", "false", "--reload_interval", "1"]
    return start("TensorBoard", [sys.executable, "-m", "tensorboard.main", *options], ready="/data/environment")


def _database(store):
    """The database file of a tracking store, as an absolute path."""
    where = getattr(store, "uri", store)
    if isinstance(where, str) and "://" in where and not where.startswith("sqlite:///"):
        raise ServiceError(f'The store is {where!r}; expected one like "sqlite:///work/tracking/mlflow.db", or its folder.')
    try:
        path = Path(where.removeprefix("sqlite:///") if isinstance(where, str) else where).absolute()
    except TypeError:
        raise ServiceError(f"The store is {where!r}; expected a sqlite:/// address or the folder of mlflow.db.") from None
    path = path / "mlflow.db" if path.is_dir() else path
    if not path.is_file():
        raise ServiceError(f"There is no tracking store at {path}. Log a run into it first, or correct the path.")
    return path


def _behind_hub(port):
    """The path at which a JupyterHub (or Binder) shows what listens on this port; "" where there is no hub."""
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    return f"{prefix.rstrip('/')}/proxy/{port}" if prefix else ""


def _launch(name, command, port, env, cwd, files):
    folder = Path(tempfile.mkdtemp(prefix="service-"))
    own = folder / "own"  # apart from what the guardian writes
    own.mkdir()
    for file, text in files.items():
        (own / file).write_text(text, encoding="utf-8")
    known = {"PYTHONUNBUFFERED": "1"}  # or the log comes too late
    if _behind_hub(port):
        known["GRADIO_ROOT_PATH"] = _behind_hub(port)  # its page asks for absolute paths; any Gradio app reads this by itself
    changes = {**known, **(env or {}), _guardian.MARK: str(folder)}
    order = {
        "command": [str(part).replace("{port}", str(port)).replace("{folder}", str(own)) for part in command],
        "env": {key: value for key, value in {**os.environ, **changes}.items() if value is not None},
        "cwd": str(Path(cwd or ".").absolute()),
        "folder": str(folder),
        "parent": os.getpid(),
    }
    with (folder / "log").open("ab") as log:
        # By its path and -P, so that neither the current folder nor an installed `helpers` matters.
        guardian = subprocess.Popen(
            [sys.executable, "-P", _guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            **_guardian.own_group(),
        )
    with contextlib.suppress(OSError):  # it could not even start: `_ended` tells
        guardian.stdin.write(json.dumps(order).encode() + b"\n")
        guardian.stdin.flush()
    return Service(name, port, guardian, folder)


def _wait_until_ready(service, ready, deadline, timeout):
    """What went wrong; None when the server is ready."""
    seen = "nothing listens there"
    while time.monotonic() < deadline:
        service._find_process()
        over = service.ended()
        if _connects(service.port):
            listens_on = _addresses(service)
            if not listens_on:
                raise _PortTaken
            if listens_on != {LOOPBACK}:
                return f"listens on {', '.join(sorted(listens_on))}: it must listen on {LOOPBACK} alone"
            status = _http_status(service.port, ready)
            if status is not None and 200 <= status < 400:
                return None
            seen = "it answers no HTTP" if status is None else f"it answers HTTP {status}"
        if over:
            return over
        time.sleep(0.05)
    return f"was not ready within {timeout:g} s: {service.local_url.rstrip('/')}{ready} was asked, {seen}"


def _addresses(service):
    """The addresses at which the server's own processes listen on its port."""
    found = set()
    for process in service.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == service.port:
                    found.add(connection.laddr.ip)
    return found


def _http_status(port, path):
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)  # never through a proxy, whatever the environment says
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _connects(port):
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5) as probe:
            return probe.getsockname() != probe.getpeername()  # with nobody there, a probe can happen to meet itself
    except OSError:
        return False


def _free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _with_log(message, log):
    return f"{message} Its log ends:\n{log}" if log else f"{message} It printed nothing."


@atexit.register
def _stop_all():
    for service in list(_running.values()):
        service.stop()
