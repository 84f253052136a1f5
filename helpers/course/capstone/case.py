"""One capstone under check: its copy, its environment, its ports, its time."""

import socket
import time
from pathlib import Path

import numpy as np

from helpers import mlflow_store
from helpers.course.capstone import project as projects
from helpers.course.capstone import run

PORTS = ("SERVICE_PORT", "APP_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT")


class Case:
    """A copy of a project, and what its programs are given.

    Parameters
    ----------
    folder : path-like
        The learner's: only read.
    place : pathlib.Path
        An empty folder; the copy lies in it.
    seconds : float
        That the whole check may take.
    seed : int

    Raises
    ------
    Stop
        As from `project.read` and `project.copy`.
    """

    def __init__(self, folder, place, seconds, seed):
        folder = projects.read(folder).folder
        self.place, self.rng = Path(place).resolve(), np.random.default_rng(seed)
        self._end, self._seconds = time.monotonic() + seconds, seconds
        projects.copy(folder, self.place / "project")
        self.project = projects.read(self.place / "project")
        self.store = mlflow_store.new_store(self.place / "store")
        self.records = self.place / "records"  # of W&B
        more = {"MLFLOW_TRACKING_URI": self.store.uri, "WANDB_DIR": str(self.records)}
        self.env = run.environment(more | run.temporary(self.place / "tmp"))
        self.records.mkdir()
        self.ports, self.webhook, self.program, self.trained_again = {}, None, None, None

    def until(self, seconds):
        """A point of time, within what the check may take.

        Parameters
        ----------
        seconds : float
            From now.

        Returns
        -------
        float
            As `time.monotonic`.
        """
        return min(time.monotonic() + seconds, self._end)

    def at_most(self, seconds):
        """So many seconds, or what is left.

        Parameters
        ----------
        seconds : float

        Returns
        -------
        float

        Raises
        ------
        Stop
            Nothing is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise projects.Stop(f"No time was left: the check ends after {self._seconds:.0f} s. What came before took too long.")
        return min(seconds, left)

    def ports_env(self):
        """The ports, as the programs find them.

        Returns
        -------
        dict of str to str
        """
        return {name: str(port) for name, port in self.ports.items()} | {
            "ALERT_WEBHOOK": self.webhook.url if self.webhook else ""
        }

    def choose_ports(self):
        """Find free ports for the system."""
        sockets = [socket.socket() for _ in PORTS]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        self.ports = {name: each.getsockname()[1] for name, each in zip(PORTS, sockets, strict=True)}
        for each in sockets:
            each.close()

    def closed_port(self):
        """A port at which nobody listens.

        Returns
        -------
        int
        """
        with socket.socket() as each:
            each.bind(("127.0.0.1", 0))
            return each.getsockname()[1]

    def named(self, name):
        """A port with its name.

        Parameters
        ----------
        name : str
            One of `PORTS`.

        Returns
        -------
        str
        """
        return f"{name} ({self.ports[name]})"

    def train(self, name="train"):
        """Run the command `train`.

        Parameters
        ----------
        name : str, default "train"

        Returns
        -------
        helpers.course.capstone.run.Ended
        """
        command = self.project.want("commands", "train")
        return run.run(name, command, self.project.folder, self.env, self.at_most(120))
