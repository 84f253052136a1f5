"""The whole system in one command: the service, the page, Prometheus, Alertmanager. `python start.py`, and CTRL-C ends it.

Ports: SERVICE_PORT, APP_PORT, PROMETHEUS_PORT, ALERTMANAGER_PORT; alerts go to ALERT_WEBHOOK, or are printed. What the parts
print is in the folder `logs`. Where there is no data or no model yet, they are made first.
"""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import data
import parts
import settings as project
from settings import HOST, ROOT, SERVED, ProjectError

PORTS = {"SERVICE_PORT": 8000, "APP_PORT": 8501, "PROMETHEUS_PORT": 9090, "ALERTMANAGER_PORT": 9093}
STARTS = 4  # of one part; then something is wrong that starting it again does not mend


def main():
    """Start all, say when it is ready, and keep it up until told to stop. Whatever happens, nothing is left running."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # through `finally` below
    said = project.load()
    ports = {name: project.port(name, default) for name, default in PORTS.items()}
    if not (SERVED / "current").exists():
        steps = ["train.py"] if data.path(said).exists() else ["prepare.py", "train.py"]
        for step in steps:
            if subprocess.run([sys.executable, step], cwd=ROOT, check=False).returncode:
                raise ProjectError(f"{step} did not end well, so there is no model to serve.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        running = parts.parts(ports, Path(folder))
        try:
            for part in running:
                part.start()
            for part in running:
                part.wait()
            told = {part.name: f"http://{HOST}:{part.port}" for part in running if not part.shown}
            print("Ready:", *[f"{name} {address}" for name, address in told.items()], sep="\n  ", flush=True)
            watch(running)
        except KeyboardInterrupt:
            print("Ended.")
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not disturb the tidying up
            for part in reversed(running):
                part.stop()


def watch(running):
    """Start again what ends by itself.

    Parameters
    ----------
    running : list of parts.Part

    Raises
    ------
    ProjectError
        A part ends again and again.
    """
    while True:
        time.sleep(1)
        for part in running:
            code = part.process.poll()
            if code is None:
                continue
            if part.starts == STARTS:
                raise ProjectError(f"{part.name} ended {STARTS} times; logs/{part.name}.log says more.")
            print(f"{part.name} has ended with code {code}; it is started again.", flush=True)
            part.start()


if __name__ == "__main__":
    project.command(main)
