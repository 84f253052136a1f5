"""The whole system in one command: the service, the page, Prometheus, Alertmanager. `python start.py`, and CTRL-C ends it.

Ports: SERVICE_PORT, APP_PORT, PROMETHEUS_PORT, ALERTMANAGER_PORT; alerts go to ALERT_WEBHOOK, or are printed. What the parts
print is in the folder `logs`. Where no model is served yet, the store's champion is, or else one is made.
"""

import signal
import subprocess
import sys
import time

import data
import parts
import settings as project
from settings import HOST, ROOT, SERVED, ProjectError

PORTS = {"SERVICE_PORT": 8000, "APP_PORT": 8501, "PROMETHEUS_PORT": 9090, "ALERTMANAGER_PORT": 9093}
MONITORING = ROOT / "logs" / "monitoring"  # history and silences are still there after CTRL-C
STARTS = 4  # of one part; then something is wrong that starting it again does not mend


def main():
    """Start all, say when it is ready, and keep it up until told to stop. Whatever happens, nothing is left running."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # through `finally` below
    settings = project.load()
    ports = {name: project.port(name, default) for name, default in PORTS.items()}
    if not (SERVED / "current").exists():
        make_model(data.path(settings))
    running = parts.parts(ports, MONITORING)
    try:
        for part in running:
            part.start()
        for part in running:
            part.wait()
        addresses = {part.name: f"http://{HOST}:{part.port}" for part in running if not part.shown}
        print("Ready:", *[f"{name} {address}" for name, address in addresses.items()], sep="\n  ", flush=True)
        watch(running)
    except KeyboardInterrupt:
        print("Ended.")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not disturb the tidying up
        for part in reversed(running):
            part.stop()


def make_model(file):
    """Have a model to serve: the champion of the store; where there is none, train one.

    Parameters
    ----------
    file : pathlib.Path
        The data file, which is made where it is absent.

    Raises
    ------
    ProjectError
        A step did not end well, or the gate refused the first model.
    """
    if run("registry.py", "deploy"):
        return
    for step in ["train.py"] if file.exists() else ["prepare.py", "train.py"]:
        if not run(step):
            raise ProjectError(f"{step} did not end well, so there is no model to serve.")
    if not (SERVED / "current").exists():
        raise ProjectError("The gate refused the first model (see above), so there is none to serve.")


def run(*command):
    """Run one of our commands to its end.

    Parameters
    ----------
    *command : str

    Returns
    -------
    bool
        Whether it ended well.
    """
    return subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode == 0


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
