"""What the three trackers of a trial have on record, each read in its own way: the run, and the files that it kept.

found = tool_records.read("work/62", "first")
found["wandb"].run.params, found["wandb"].files
"""

import dataclasses
import os
import urllib.parse
import urllib.request
from pathlib import Path

from helpers import readback

PLACES = {"mlflow": ("mlflow.db", "mlruns"), "wandb": ("wandb",), "tensorboard": ("board",)}  # in the trial's folder


@dataclasses.dataclass(frozen=True)
class Kept:
    """What one tracker kept of a run.

    Attributes
    ----------
    run : helpers.readback.RunRecord
        With the parameters of TensorBoard too, which keeps them in a record of their own.
    files : list of bytes
        The content of each file that is on record and can be had.
    """

    run: readback.RunRecord
    files: list


def words(folder):
    """Give what each tracking program is told on its command line.

    Parameters
    ----------
    folder : path-like
        Where the program runs.

    Returns
    -------
    dict of str to list of str
    """
    return {"mlflow": [store(folder)], "wandb": [], "tensorboard": ["board"]}


def store(folder):
    """Give the address of MLflow's store.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    str
    """
    return f"sqlite:///{(Path(folder).absolute() / 'mlflow.db').as_posix()}"


def environment(folder):
    """Give the settings that keep copies of W&B in the folder.

    Parameters
    ----------
    folder : path-like
        A folder `wandb` is made in it.

    Returns
    -------
    dict of str to str
    """
    own = Path(folder).absolute() / "wandb"
    own.mkdir(parents=True, exist_ok=True)
    return {"WANDB_DATA_DIR": str(own), "WANDB_CACHE_DIR": str(own)}


def read(folder, name):
    """Read one run from all three.

    Parameters
    ----------
    folder : path-like
        Where the tracking programs ran.
    name : str
        Of the run. Of W&B, whose record of a killed run has no name, the newest run is read.

    Returns
    -------
    dict of str to Kept
        "mlflow", "wandb" and "tensorboard".

    Raises
    ------
    helpers.readback.ReadError
        A tracker has no such run.
    """
    folder = Path(folder)
    return {"mlflow": _mlflow(folder, name), "wandb": _wandb(folder), "tensorboard": _tensorboard(folder, name)}


def _mlflow(folder, name):
    import mlflow

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    client = mlflow.MlflowClient(store(folder))
    found = client.search_runs(["0"], f"attributes.run_name = '{name}'", max_results=1)
    if not found:
        raise readback.ReadError(f"MLflow has no run {name!r}: run mlflow_run.py first, or correct the name.")
    run_id = found[0].info.run_id
    where = _folder_of(found[0].info.artifact_uri)
    where = where if where.is_absolute() else folder / where
    files = [(where / file.path).read_bytes() for file in client.list_artifacts(run_id)]
    return Kept(readback.read_mlflow(store(folder), run_id), files)


def _folder_of(address):
    """The folder that a file:// address, or a path, names."""
    return Path(urllib.request.url2pathname(urllib.parse.urlparse(address).path) if address.startswith("file:") else address)


def _wandb(folder):
    runs = sorted((folder / "wandb").glob("offline-run-*"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise readback.ReadError("W&B has no run: run wandb_run.py first.")
    record = readback.read_wandb(runs[-1])
    return Kept(record, [Path(path).read_bytes() for path in record.artifacts["path"] if Path(path).is_file()])


def _tensorboard(folder, name):
    record = readback.read_tensorboard(folder / "board" / name)
    record.params.update(readback.read_tensorboard(folder / "board" / name / "hparams").params)
    return Kept(record, [])
