"""The programs that the system is made of, and how each is started, waited for and ended."""

import ctypes
import http.client
import os
import shutil
import signal
import socket
import string
import subprocess
import sys
import time

from settings import HOST, ROOT, ProjectError

PATIENCE = 60  # seconds until a part must answer
DEATH_SIGNAL = 1  # of Linux' prctl: which signal a process gets when the one that started it has ended


class Part:
    """A program that runs beside the others.

    Parameters
    ----------
    name : str
    command : list of str
    port : int
    ready : str, default "/"
        The path that answers 200 once it is ready.
    shown : bool, default False
        Whether it prints here; by default into its log.
    """

    def __init__(self, name, command, port, ready="/", shown=False):
        self.name, self.command, self.port, self.ready = name, command, port, ready
        self.shown, self.starts, self.process, self.log = shown, 0, None, ROOT / "logs" / f"{name}.log"

    def start(self):
        """Start it."""
        self.starts += 1
        self.log.parent.mkdir(exist_ok=True)
        # In a group of its own, so that CTRL-C reaches start.py alone, which then ends one after the other.
        # If start.py is killed the hard way it cannot; Linux then ends the part, other systems leave it (see README.md).
        own = {"start_new_session": True} if os.name != "nt" else {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        if sys.platform == "linux":
            prctl = ctypes.CDLL(None).prctl  # looked up here, as between fork and exec as little as possible may happen
            own["preexec_fn"] = lambda: prctl(DEATH_SIGNAL, signal.SIGTERM)
        with self.log.open("wb" if self.starts == 1 else "ab") as log:
            out = None if self.shown else log
            streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
            env = {"OMP_NUM_THREADS": "1"} | os.environ  # one row at a time: threads would only wait for each other
            self.process = subprocess.Popen(self.command, cwd=ROOT, env=env, **streams, **own)

    def wait(self):
        """Return once it answers."""
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
            try:
                connection.request("GET", self.ready)
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass  # not yet
            finally:
                connection.close()
            time.sleep(0.1)
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() or ["nothing"]
        raise ProjectError(f"{self.name} did not start; the last that it said: {lines[-1]}")

    def stop(self):
        """End it, the hard way if it takes its time."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def parts(ports, folder):
    """List what is to run.

    Parameters
    ----------
    ports : dict of str to int
    folder : pathlib.Path
        For filled-in settings, and what Prometheus and Alertmanager keep. It is made where it is absent.

    Returns
    -------
    list of Part
    """
    page = ["-m", "streamlit", "run", "app.py", "--server.address", HOST, "--server.port", str(ports["APP_PORT"])]
    page += ["--server.headless", "true", "--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"]
    found = [
        Part("service", [sys.executable, "service.py"], ports["SERVICE_PORT"], "/health"),
        Part("page", [sys.executable, *page], ports["APP_PORT"], "/_stcore/health"),
    ]
    prometheus = shutil.which("prometheus")
    manager = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")  # as Debian calls it
    if not prometheus or not manager:
        print("Prometheus or Alertmanager is not installed (apt install prometheus prometheus-alertmanager): no alerts.")
        return found
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "alertmanager" / "nflog").unlink(missing_ok=True)  # whoever starts anew is told again of what still fires
    values = {name: str(port) for name, port in ports.items()} | {"RULES": (ROOT / "monitoring" / "alerts.yml").as_posix()}
    values["ALERT_WEBHOOK"] = os.environ.get("ALERT_WEBHOOK") or _printer(found)
    for name in ("prometheus.yml", "alertmanager.yml"):
        text = (ROOT / "monitoring" / name).read_text(encoding="utf-8")
        (folder / name).write_text(string.Template(text).substitute(values), encoding="utf-8")
    command = [prometheus, f"--storage.tsdb.path={folder / 'prometheus'}", "--rules.alert.resend-delay=5s"]
    found.append(_watcher("prometheus", command, ports["PROMETHEUS_PORT"], folder))
    command = [manager, f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address="]
    found.append(_watcher("alertmanager", command, ports["ALERTMANAGER_PORT"], folder))
    return found


def _watcher(name, command, port, folder):
    command += [f"--config.file={folder / name}.yml", f"--web.listen-address={HOST}:{port}"]
    return Part(name, [*command, f"--web.external-url=http://{HOST}:{port}/"], port, "/-/ready")


def _printer(found):
    """Have alerts printed here; gives the address for them."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    found.append(Part("alerts", [sys.executable, "alerts.py", str(port)], port, shown=True))
    return f"http://{HOST}:{port}/"
