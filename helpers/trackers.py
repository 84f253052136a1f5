"""MLflow, W&B and TensorBoard, each behind the same five calls, so that `helpers.tracking` can feed all three.

A tracker is opened for one run. `facts` describe that run: `run_id`, `name`, `experiment`, `params`, `tags`, `folder`,
`mlflow_uri`. Opened again with the same facts, a tracker goes on with the same run. Whatever goes wrong is raised.
"""

import contextlib
import logging
import os
import re
import time
import uuid
from pathlib import Path
from unittest import mock

from helpers import readback

RUN_TAG = "run"  # in MLflow, which gives every run an id of its own
BATCH = 1_000  # points: more are refused by MLflow
COMPANY = 1.0  # seconds that points wait for others on their way to MLflow
PATIENCE = 10.0  # seconds that W&B may take to write the end of a run


class MlflowTracker:
    """Writes to an MLflow store, or to a server.

    Parameters
    ----------
    facts : dict
    """

    label = "MLflow"

    def __init__(self, facts):
        self._client = mlflow_client(facts)
        self._facts, self._waiting, self._sent = facts, [], time.monotonic()
        self._run_id = _mlflow_run(self._client, facts) or self._create()

    def write(self, points):
        """Log numbers; a few may wait for the next call.

        Parameters
        ----------
        points : list of (str, int, float, int)
            Metric, step, value, milliseconds since 1970.
        """
        from mlflow.entities import Metric

        self._waiting += [Metric(metric, value, when, step) for metric, step, value, when in points]
        if len(self._waiting) >= BATCH or time.monotonic() - self._sent > COMPANY:
            self._flush()

    def add_file(self, path):
        """Keep a file with the run.

        Parameters
        ----------
        path : pathlib.Path
        """
        self._client.log_artifact(self._run_id, str(path))

    def close(self, failed):
        """End the run.

        Parameters
        ----------
        failed : bool
        """
        self._flush()
        self._client.set_terminated(self._run_id, "FAILED" if failed else "FINISHED")

    @classmethod
    def read(cls, facts):
        """Read back what is on record of a run.

        Parameters
        ----------
        facts : dict

        Returns
        -------
        helpers.readback.RunRecord
        """
        run_id = _mlflow_run(mlflow_client(facts), facts)
        if run_id is None:
            raise readback.ReadError(f"MLflow has no run {facts['run_id']}.")
        return readback.read_mlflow(facts["mlflow_uri"], run_id)

    @classmethod
    def files(cls, facts):
        """List the files that are on record of a run.

        Parameters
        ----------
        facts : dict

        Returns
        -------
        set of str
            Their names.
        """
        client = mlflow_client(facts)
        return {file.path for file in client.list_artifacts(_mlflow_run(client, facts))}

    def _flush(self):
        self._sent = time.monotonic()
        while self._waiting:
            self._client.log_batch(self._run_id, metrics=self._waiting[:BATCH])
            del self._waiting[:BATCH]

    def _create(self):
        from mlflow.entities import Param

        tags = {**self._facts["tags"], RUN_TAG: self._facts["run_id"]}
        run = self._client.create_run(self._experiment(), run_name=self._facts["name"], tags=tags)
        params = [Param(name, str(value)) for name, value in self._facts["params"].items()]
        self._client.log_batch(run.info.run_id, params=params)
        return run.info.run_id

    def _experiment(self):
        import mlflow

        name, uri = self._facts["experiment"], self._facts["mlflow_uri"]
        beside = (Path(self._facts["folder"]) / "mlflow" / "artifacts").as_uri() if uri.startswith("sqlite") else None
        with contextlib.suppress(mlflow.MlflowException):  # another run has made it meanwhile, or the next line tells
            return self._client.create_experiment(name, artifact_location=beside)
        return self._client.get_experiment_by_name(name).experiment_id


class WandbTracker:
    """Writes an offline run of W&B below `folder`/wandb.

    Parameters
    ----------
    facts : dict
    """

    label = "W&B"

    def __init__(self, facts):
        import wandb

        self._folder, self._run_id = Path(facts["folder"]), facts["run_id"]
        self._own = {"WANDB_DATA_DIR": str(self._folder / "wandb"), "WANDB_CACHE_DIR": str(self._folder / "wandb")}
        (self._folder / "wandb").mkdir(parents=True, exist_ok=True)
        # `mode` wins over a WANDB_MODE of the learner's; a second start of the same run is a second folder.
        settings = wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True)
        with mock.patch.dict(os.environ, self._own):
            self._run = wandb.init(
                project=facts["experiment"],
                id=facts["run_id"],
                name=facts["name"],
                config=facts["params"],
                tags=[f"{name}: {value}"[:64] for name, value in facts["tags"].items()],
                dir=str(self._folder),
                mode="offline",
                reinit="create_new",
                settings=settings,
            )

    def write(self, points):
        """Log numbers.

        Parameters
        ----------
        points : list of (str, int, float, int)
            As in `MlflowTracker.write`.
        """
        rows = {}
        for metric, step, value, _ in points:
            rows.setdefault(step, {readback.STEP: step})[metric] = value
        for row in rows.values():
            self._run.log(row)

    def add_file(self, path):
        """Keep a file with the run, as an artifact.

        Parameters
        ----------
        path : pathlib.Path
        """
        import wandb

        artifact = wandb.Artifact(re.sub(r"[^\w.-]", "-", f"{self._run_id}-{path.stem}", flags=re.ASCII), type="file")
        with mock.patch.dict(os.environ, self._own):
            artifact.add_file(str(path))
            self._run.log_artifact(artifact)

    def close(self, failed):
        """End the run.

        Parameters
        ----------
        failed : bool
        """
        self._run.finish(exit_code=int(failed))
        readback.read_wandb(Path(self._run.dir).parent, patience=PATIENCE)  # or it would be read before it is written

    @classmethod
    def read(cls, facts):
        """Read back what is on record of a run.

        Parameters
        ----------
        facts : dict

        Returns
        -------
        helpers.readback.RunRecord
        """
        folders = sorted((Path(facts["folder"]) / "wandb").glob(f"offline-run-*-{facts['run_id']}"))
        return readback.joined([readback.read_wandb(folder) for folder in folders])

    @classmethod
    def files(cls, facts):
        """List the files that are on record of a run.

        Parameters
        ----------
        facts : dict

        Returns
        -------
        set of str
            Their names.
        """
        return set(cls.read(facts).artifacts["file"])


class TensorboardTracker:
    """Writes event files to `folder`/tensorboard/`run_id`, in double precision.

    Parameters
    ----------
    facts : dict
    """

    label = "TensorBoard"

    def __init__(self, facts):
        from tensorboardX import summary
        from tensorboardX.event_file_writer import EventsWriter

        self._folder = Path(facts["folder"]) / "tensorboard" / facts["run_id"]
        self._folder.mkdir(parents=True, exist_ok=True)
        # Not SummaryWriter, which writes from a thread: on a full disk that thread dies, and training waits for it for ever.
        self._writer = EventsWriter(str(self._folder / "events"), f".{uuid.uuid4().hex[:8]}")
        for part in summary.hparams(facts["params"], {}):
            self._add(part, 0, time.time())
        self._writer.flush()

    def write(self, points):
        """Log numbers.

        Parameters
        ----------
        points : list of (str, int, float, int)
            As in `MlflowTracker.write`.
        """
        for metric, step, value, when in points:
            self._add(_scalar(metric, value), step, when / 1000)

    def add_file(self, path):
        """Do nothing: TensorBoard keeps no files.

        Parameters
        ----------
        path : pathlib.Path
        """

    def close(self, failed):
        """End the run.

        Parameters
        ----------
        failed : bool
            TensorBoard does not keep it.
        """
        self._writer.close()

    @classmethod
    def read(cls, facts):
        """Read back what is on record of a run.

        Parameters
        ----------
        facts : dict

        Returns
        -------
        helpers.readback.RunRecord
        """
        return readback.read_tensorboard(Path(facts["folder"]) / "tensorboard" / facts["run_id"])

    @classmethod
    def files(cls, facts):
        """List the files that are on record of a run.

        Parameters
        ----------
        facts : dict

        Returns
        -------
        None
            TensorBoard keeps none.
        """
        return None

    def _add(self, part, step, when):
        from tensorboardX.proto.event_pb2 import Event

        self._writer.write_event(Event(summary=part, step=step, wall_time=when))


def mlflow_client(facts):
    """Make a client for the store of a run.

    Parameters
    ----------
    facts : dict

    Returns
    -------
    mlflow.MlflowClient
    """
    import mlflow

    if facts["mlflow_uri"].startswith("http"):  # a server that is down should cost seconds, not minutes
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # tracebacks of what is raised, and told, anyway
    return mlflow.MlflowClient(tracking_uri=facts["mlflow_uri"])


def _mlflow_run(client, facts):
    """The id that MLflow has given a run; None if it has none."""
    experiment = client.get_experiment_by_name(facts["experiment"])
    if experiment is None:
        return None
    wanted = f"tags.`{RUN_TAG}` = '{facts['run_id']}'"
    runs = client.search_runs([experiment.experiment_id], wanted, max_results=1)
    return runs[0].info.run_id if runs else None


def _scalar(metric, value):
    """A scalar of double precision; tensorboardX's own have single."""
    from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboardX.proto.tensor_pb2 import TensorProto

    tensor = TensorProto(dtype="DT_DOUBLE", double_val=[value])
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    return Summary(value=[Summary.Value(tag=metric, tensor=tensor, metadata=metadata)])


TRACKERS = {"mlflow": MlflowTracker, "wandb": WandbTracker, "tensorboard": TensorboardTracker}
