"""Puts trainings on record, and keeps the versions of the model with their aliases: here in MLflow.

`tracker` in capstone.toml chooses; the one of tracking_wandb.py has the same four methods, and nothing else differs.
"""

import logging
import os
import shutil
from pathlib import Path

from settings import ROOT, ProjectError, pinned

FILES = ["model.skops", "schema.json", "reference.json"]  # a version of the model: all that a service needs
PACKAGES = ("mlflow", "numpy", "scikit-learn", "skops")  # all that the model itself needs: no tests, no page, no service


def tracker(settings):
    """Make the tracker that the settings name.

    Parameters
    ----------
    settings : dict

    Returns
    -------
    MlflowTracker or WandbTracker
    """
    name, kind = settings["project"]["name"], settings["project"]["tracker"]
    if kind == "wandb":
        import tracking_wandb

        return tracking_wandb.WandbTracker(name)
    if kind != "mlflow":
        raise ProjectError(f"tracker is {kind!r} in capstone.toml; expected mlflow or wandb.")
    return MlflowTracker(name)


class MlflowTracker:
    """MLflow's tracking and its model registry, in the store that MLFLOW_TRACKING_URI names.

    Parameters
    ----------
    name : str
        Of the experiment and of the registered model.
    """

    def __init__(self, name):
        import mlflow  # here, because it takes seconds and the service needs none of it

        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # by default it takes minutes to say that nobody is there
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(ROOT / 'mlflow.db').as_posix()}"
        mlflow.set_tracking_uri(uri)
        self._mlflow, self._client, self._name, self._uri = mlflow, mlflow.MlflowClient(), name, uri

    def record(self, folder, model, X, params, metrics, curves, tags):
        """Put one training on record, and its model into the registry.

        One finished run in the experiment of this name, with params, metrics, tags, and each curve step by step. The model is
        logged with `mlflow.sklearn.log_model(..., extra_files=[...])`, all of `FILES` from `folder`: `fetch` takes them from
        there. Give `signature` and `pip_requirements`, which MLflow else takes half a minute to find out; `pinned(PACKAGES)`
        are the packages. `_files()` is the artifact location for an experiment that does not exist yet.

        Parameters
        ----------
        folder : pathlib.Path
            With `FILES`.
        model : HistGradientBoostingClassifier
        X : numpy.ndarray
            Some rows, for the signature.
        params, metrics, tags : dict
        curves : dict of str to list of float
            A value a step.

        Returns
        -------
        str
            The new version of the model.
        """
        # your code here
        raise NotImplementedError

    def _files(self):
        """Where a database on this machine has its files: beside it, not in the folder that happens to be the current one."""
        if not self._uri.startswith("sqlite:///"):
            return None
        return (Path(self._uri.removeprefix("sqlite:///")).resolve().parent / "artifacts").as_uri()

    def aliases(self):
        """Which versions are in use.

        Returns
        -------
        dict of str to str
            "champion" and "previous", as far as there are. A store that is away is a `ProjectError`: that is not "none".
        """
        try:
            return {alias: str(version) for alias, version in self._client.get_registered_model(self._name).aliases.items()}
        except self._mlflow.MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}  # nothing is registered yet
            raise ProjectError(f"The store does not answer ({error.error_code}): is it up, at MLFLOW_TRACKING_URI?") from None

    def set_aliases(self, aliases):
        """Say which versions are in use.

        Parameters
        ----------
        aliases : dict of str to str
        """
        for alias, version in aliases.items():
            self._client.set_registered_model_alias(self._name, alias, version)

    def fetch(self, version, to):
        """Get the files of a version.

        Parameters
        ----------
        version : str
        to : pathlib.Path
            An empty folder.

        Raises
        ------
        ProjectError
            The version was put on record without them.
        """
        where = self._mlflow.artifacts.download_artifacts(f"models:/{self._name}/{version}", dst_path=str(to / "all"))
        for name in FILES:
            found = next(Path(where).rglob(f"extra_files/{name}"), None)
            if found is None:
                raise ProjectError(f"Version {version} has no extra_files/{name}: log it with the model, in `record`.")
            shutil.move(found, to / name)
        shutil.rmtree(to / "all")
