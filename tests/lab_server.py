"""A learner's JupyterLab, started for the tests that open it in a browser."""

import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing

from helpers.course import lab

OWN = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "WORKBOOK_DATA")


def started(folder, own, *options, base=""):
    """Start it on a folder, with settings and progress of its own in `own`; the process, and the address at which it answers."""
    environment = lab.environment() | {name: str(own / name) for name in OWN}
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.base_url={base}/", *options,
    ]  # fmt: skip
    with (own / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    address = f"http://127.0.0.1:{port}{base}"
    try:
        wait_for(f"{address}/api", process, own / "log")
    except BaseException:
        process.kill()
        process.wait(timeout=30)
        raise
    return process, address


def wait_for(address, process, log):
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not answer:\n{log.read_text()}")
