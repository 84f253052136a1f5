"""What each launcher tile opens: on which of the learner's stores, and how."""

import http.client
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psutil

from helpers import services
from helpers.course import install, tile_stores

LESSON_MONTHS = [1, 2, 3]  # what lesson 32 trains on
TRIAL = "trial"  # the store that there is not yet: a model that is trained when it is asked for

# As Debian's 2 has it, as its makers' 3, as their 2. Not the front page: where a proxy is, that leads on by an address which
# has the proxy's path in it already, and the proxy would put it there once more.
_SHOWN = "g0.expr=predicted_late_share&g0.tab=0&g0.range_input=5m"
PROMETHEUS_PAGES = (f"classic/graph?{_SHOWN}", f"query?{_SHOWN}", f"graph?{_SHOWN}")


@dataclass(frozen=True)
class Tool:
    """A program that a tile opens.

    Attributes
    ----------
    title : str
        Its name, for a person.
    find : callable
        Takes the workbook's folder and gives the stores (list of `tile_stores.Store`), newest first.
    start : callable
        Takes a store's path and the program's own temporary folder; gives the services that it started, of which the last is
        the one to look at.
    lesson : str
        The notebook that makes its first store.
    made : str
        What that notebook makes, for the sentence "lesson … makes …".
    landing : tuple of str
        Where in the program to land: the first of these that it has.
    program : str
        The system part that it needs; "" for none.
    trial : str
        What can be started where there is no store, for a link; "" for nothing.
    """

    title: str
    find: Callable
    start: Callable
    lesson: str
    made: str
    landing: tuple = ("",)
    program: str = ""
    trial: str = ""


def _mlflow(store, own):
    return [services.mlflow_ui(store)]


def _tensorboard(store, own):
    return [services.tensorboard(store)]


def _app(module):
    """What starts one of the apps of lesson 32, on a service of its own."""

    def start(store, own):
        from importlib import import_module

        from helpers import serving  # here: only these two tiles need its weight

        if store == TRIAL:
            store = own / "model"
            _train(store)
        begun = []
        try:
            if Path(store).is_file():
                begun.append(services.mlflow_ui(store))
            begun.append(serving.start(begun[0].local_url if begun else store))
            return [*begun, import_module(module).start(begun[-1].local_url)]
        except BaseException:
            for service in begun:
                service.stop()
            raise

    return start


def _prometheus(store, own):
    from helpers import alerting, monitor

    watcher = monitor.start(store / "predictions.db", store / "quiet.parquet")
    try:
        return [watcher, alerting.prometheus({"monitor": watcher}, files("helpers") / "alerts.yml")]
    except BaseException:
        watcher.stop()
        raise


TOOLS = {
    "mlflow": Tool("MLflow", tile_stores.tracking, _mlflow, "22a_mlflow", "the first tracking store", ("#/experiments",)),
    "tensorboard": Tool("TensorBoard", tile_stores.events, _tensorboard, "22c_tensorboard", "the first logs for it"),
    "streamlit": Tool(
        "Streamlit app",
        tile_stores.models,
        _app("helpers.streamlit_app"),
        "32_interactive_apps",
        "the first model for it",
        trial="Train a small model now and open the app on it",
    ),
    "gradio": Tool(
        "Gradio app",
        tile_stores.models,
        _app("helpers.gradio_app"),
        "32_interactive_apps",
        "the first model for it",
        trial="Train a small model now and open the app on it",
    ),
    "prometheus": Tool(
        "Prometheus",
        tile_stores.predictions,
        _prometheus,
        "52_logging_and_alerting",
        "the first log of predictions for it to watch",
        landing=PROMETHEUS_PAGES,
        program="prometheus",
    ),
}


def landing(tool, port):
    """Where in a program to land.

    Parameters
    ----------
    tool : Tool
    port : int
        Where it runs.

    Returns
    -------
    str
        The first of `tool.landing` that answers 200, without following where it leads; the last if none does.
    """
    for page in tool.landing[:-1]:
        connection = http.client.HTTPConnection(services.LOOPBACK, port, timeout=5)
        try:
            connection.request("GET", f"/{page}")
            if connection.getresponse().status == 200:
                return page
        except (OSError, http.client.HTTPException):
            break
        finally:
            connection.close()
    return tool.landing[-1]


def absent(tool):
    """How to install what a tool needs.

    Parameters
    ----------
    tool : Tool

    Returns
    -------
    str
        The command; "" where nothing is absent.
    """
    return install.install_command(tool.program) if tool.program and not shutil.which(tool.program) else ""


def running(tool, folder):
    """The instances of a tool that a lesson runs at the moment.

    Parameters
    ----------
    tool : Tool
        Only Prometheus is looked for: it alone keeps what it knows in no place that a second one could be opened on.
    folder : pathlib.Path
        The workbook: those that were started elsewhere are not the learner's.

    Returns
    -------
    list of int
        Their ports, the one that was started last first.
    """
    if tool.program != "prometheus":
        return []
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().removesuffix(".exe") != "prometheus" or not Path(process.cwd()).is_relative_to(folder):
                continue
            address = next(part for part in process.cmdline() if part.startswith("--web.listen-address="))
            found.append((-process.create_time(), int(address.rpartition(":")[2])))
        except (psutil.Error, OSError, ValueError, StopIteration):  # another's, gone meanwhile, or started in another way
            continue
    return [port for _, port in sorted(found)]


def _train(folder):
    """In a process of its own, so that the tile does not keep its memory."""
    done = subprocess.run([sys.executable, "-m", __name__, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise services.ServiceError(f"The model could not be trained. {done.stderr.strip().splitlines()[-1:]}")


def main(folder):
    """Train the model of lesson 32.

    Parameters
    ----------
    folder : path-like
        Where it is put.
    """
    from helpers import flights, model_source, modeling

    model = modeling.make_model().fit(*flights.features_and_target(flights.load(LESSON_MONTHS)))
    model_source.save(model, folder, version="trial")


if __name__ == "__main__":
    main(sys.argv[1])
