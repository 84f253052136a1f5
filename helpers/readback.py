"""Reads back what MLflow, W&B and TensorBoard wrote, each in the same shape, so that records can be compared and checked."""

import ast
import dataclasses
import json
import math
import subprocess
import time
from pathlib import Path

import pandas as pd

STEP = "global_step"  # what `helpers.tracking` calls the step in W&B, whose own steps may never go back
BOOKKEEPING = {"_runtime", "_step", "_timestamp", "_wandb", STEP}
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # as W&B writes them
LARGEST = 1.7976931348623157e308  # what MLflow stores for infinity
STATES = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "failed", "RUNNING": "running", "SCHEDULED": "running"}


class ReadError(Exception):
    """A record cannot be read; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """One run, as a tracker recorded it.

    Attributes
    ----------
    run_id, name, state : str
        `state` is "finished", "failed" or "running" (which is also how a run looks that died); "" where the tracker does
        not say.
    params : dict of str to (int, float, bool or str)
        What went in. MLflow keeps text: there, text that reads as a number is given as the number.
    history : pandas.DataFrame
        A row for each logged number: `metric` (text), `step` (int), `value` (float; not a number and the infinities
        included), by metric, then by step. A metric that was logged twice at one step has two rows.
    artifacts : pandas.DataFrame
        A row for each file: `artifact`, `type`, `version` (a digest that changes when the content does), `aliases` (list of
        text), `metadata` (dict), `file` (its name in the artifact), `path` (where it lies, or ""). From `read_wandb` alone;
        else empty.
    summary : dict of str to float
        The number that stands for each metric at the end: that of the last step, or, in W&B, what was put there by hand.
    """

    run_id: str
    name: str
    state: str
    params: dict
    history: pd.DataFrame
    artifacts: pd.DataFrame
    summary: dict = dataclasses.field(default_factory=dict)

    def curve(self, metric):
        """Give one metric as a curve.

        Parameters
        ----------
        metric : str

        Returns
        -------
        pandas.Series of float
            Indexed by step, in order. Empty if the run has no such metric.
        """
        found = self.history[self.history["metric"] == metric]
        return pd.Series(found["value"].to_numpy(), index=pd.Index(found["step"], name="step"), name=metric)


def read_mlflow(uri, run_id):
    """Read a run from an MLflow store or server.

    Parameters
    ----------
    uri : str
        The tracking URI, such as `Store.uri`.
    run_id : str

    Returns
    -------
    RunRecord

    Raises
    ------
    ReadError
        There is no such run, or the store does not answer.
    """
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    try:
        run = client.get_run(run_id)
        points = [point for metric in run.data.metrics for point in client.get_metric_history(run_id, metric)]
    except mlflow.MlflowException as error:
        raise ReadError(f"MLflow gives no run {run_id!r}: {str(error).splitlines()[0]}") from error
    params = {name: _typed(text) for name, text in run.data.params.items()}
    history = _history((point.key, point.step, _unclamped(point.value)) for point in points)
    return RunRecord(run_id, run.info.run_name, STATES[run.info.status], params, history, _artifacts([]), _last(history))


def read_wandb(folder, *, patience=0.0):
    """Read an offline run of W&B.

    Parameters
    ----------
    folder : path-like
        The run's folder, such as `wandb/offline-run-20261124_101500-abcd1234`.
    patience : float, default 0
        Seconds to wait for the end of a run: `finish` returns a moment before W&B's own process has written it.

    Returns
    -------
    RunRecord
        A run with no end on record is "running". If its process died, up to 15 seconds are lost: W&B writes at intervals.

    Raises
    ------
    ReadError
        There is no such run, or its file is damaged.
    """
    deadline = time.monotonic() + patience
    while (record := _read_wandb(folder)).state == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    return record


def _read_wandb(folder):
    run_id, name, state, params, points, summary, files = "", "", "running", {}, [], {}, []
    for record in _wandb_records(folder):
        kind, content = record["type"], record.get(record["type"]) or {}
        if kind == "run":
            run_id, name = content["run_id"], content.get("display_name", "")
        if kind in ("run", "config"):
            params |= content.get("config", content).get("update") or {}
        elif kind == "history":
            points += [(metric, _wandb_step(content), value) for metric, value in _numbers(content["item"]).items()]
        elif kind == "summary":
            summary |= _numbers(content.get("update") or {})
        elif kind == "artifact":
            files += _wandb_files(content)
        elif kind == "exit":
            state = "failed" if content.get("exit_code") else "finished"
    params = {key: value for key, value in params.items() if key not in BOOKKEEPING and not key.startswith("_wandb")}
    return RunRecord(run_id, name, state, params, _history(points), _artifacts(files), summary)


def read_tensorboard(folder):
    """Read a run's event files: its scalars and its hyperparameters.

    Parameters
    ----------
    folder : path-like
        The run's folder below the log folder. Several event files in it are one run.

    Returns
    -------
    RunRecord
        `name` and `run_id` are the folder's. TensorBoard's own scalars are of single precision.

    Raises
    ------
    ReadError
        There is no event file.
    """
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    folder = Path(folder)
    files = sorted(folder.glob("*.tfevents.*"))
    if not files:
        raise ReadError(f"{folder} holds no event file of TensorBoard: name the folder that the run was logged to.")
    points, params = [], {}
    for event in (event for file in files for event in EventFileLoader(str(file)).Load()):
        for value in event.summary.value:
            plugin = value.metadata.plugin_data
            if plugin.plugin_name == "scalars":
                points.append((value.tag, event.step, tensor_util.make_ndarray(value.tensor).item()))
            elif value.tag == "_hparams_/session_start_info":
                params |= _hyperparameters(plugin.content)
    history = _history(points)
    return RunRecord(folder.name, folder.name, "", params, history, _artifacts([]), _last(history))


def joined(records):
    """Make one record of several of the same run, such as W&B's folders of a run that was taken up again.

    Parameters
    ----------
    records : list of RunRecord
        Oldest first.

    Returns
    -------
    RunRecord
        `name` and `state` are the newest's; the rest is all that any of them holds.

    Raises
    ------
    ReadError
        There is none.
    """
    if not records:
        raise ReadError("There is no record of this run.")
    last = records[-1]
    params = {name: value for record in records for name, value in record.params.items()}
    history = _history(row for record in records for row in record.history.itertuples(index=False))
    summary = {name: value for record in records for name, value in record.summary.items()}
    artifacts = _artifacts([row for record in records for row in record.artifacts.to_dict("records")])
    return RunRecord(last.run_id, last.name, last.state, params, history, artifacts, summary)


def _hyperparameters(content):
    from tensorboard.plugins.hparams import metadata

    given = metadata.parse_session_start_info_plugin_data(content).hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in given.items()}


def _wandb_records(folder):
    """What W&B's own reader makes of a run's file, one record after another."""
    from wandb.util import get_core_path

    folder = Path(folder).absolute()
    files = sorted(folder.glob("run-*.wandb"))
    if not files:
        raise ReadError(f"{folder.name} holds no run of W&B: name a folder such as wandb/offline-run-20261124_101500-abcd1234.")
    # This is what `wandb leet inspect --json` starts, but without the seconds that its command line takes.
    command = [get_core_path(), "leet", "inspect", "--no-observability", "--json", "--run-file", str(files[0])]
    told = subprocess.run([*command, str(folder.parent)], capture_output=True, check=False)
    if told.returncode:
        why = told.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ReadError(f"The run {folder.name} cannot be read: {why[-1] if why else 'W&B does not say why'}")
    return [json.loads(line) for line in told.stdout.decode("utf-8").splitlines()]


def _wandb_step(content):
    return content["item"].get(STEP, content.get("step", {}).get("num", 0))


def _numbers(item):
    """The numbers among what W&B keeps of a step or in its summary."""
    media = tuple(name.removesuffix("_type") for name in item if name.endswith("._type"))  # a table's size is no metric
    values = {name: WORDS.get(value, value) if isinstance(value, str) else value for name, value in item.items()}
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        if name not in BOOKKEEPING and not name.startswith(("_wandb.", *media))
    }


def _wandb_files(content):
    common = {
        "artifact": content["name"],
        "type": content.get("type", ""),
        "version": content.get("digest", ""),
        "aliases": content.get("aliases") or [],
        "metadata": _json(content.get("metadata")),
    }
    for file in content.get("manifest", {}).get("contents", []):
        yield {**common, "file": file["path"], "path": file.get("local_path", "")}


def _json(value):
    return json.loads(value) if isinstance(value, str) and value else value or {}


def _history(points):
    table = pd.DataFrame(list(points), columns=["metric", "step", "value"])
    table = table.astype({"metric": "str", "step": "int64", "value": "float64"})
    return table.sort_values(["metric", "step"], kind="stable", ignore_index=True)


def _last(history):
    return history.drop_duplicates("metric", keep="last").set_index("metric")["value"].to_dict()


def _artifacts(files):
    return pd.DataFrame(files, columns=["artifact", "type", "version", "aliases", "metadata", "file", "path"])


def _typed(text):
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, (bool, int, float)) else text


def _unclamped(value):
    return math.copysign(math.inf, value) if abs(value) == LARGEST else value
