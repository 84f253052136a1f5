"""MLflow stores for probes: a learner's function runs against an empty one, never against the learner's own."""

import contextlib
import os
import tempfile
from unittest import mock

from helpers import tracking


@contextlib.contextmanager
def fresh_store():
    """Make an empty store with one experiment, active for the time of the block.

    Yields
    ------
    client : mlflow.MlflowClient
    experiment_id : str
    """
    import mlflow
    from mlflow.tracking import fluent

    uri, run = mlflow.get_tracking_uri(), mlflow.active_run()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = tracking.new_store(folder)
        mlflow.set_tracking_uri(store.uri)
        experiment_id = mlflow.create_experiment("late flights", artifact_location=store.artifacts)
        # Patched, because MLflow offers no way to ask which experiment is active and to go back to it.
        active = mock.patch.object(fluent, "_active_experiment_id", experiment_id)
        environment = mock.patch.dict(os.environ, MLFLOW_EXPERIMENT_ID=experiment_id)
        try:
            with active, environment:
                yield mlflow.MlflowClient(), experiment_id
        finally:
            while mlflow.active_run() not in (None, run):  # what the learner's function left open
                mlflow.end_run()
            mlflow.set_tracking_uri(uri)
