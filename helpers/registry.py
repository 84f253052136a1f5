"""From a folder with a trained model to the registry and back: log it, fetch the champion, promote."""

import json
import tempfile
from pathlib import Path

from helpers import mlflow_store, model_source, onnx_model

EXPERIMENT = "late flights"
PREVIOUS = "previous"  # the alias of the version that was champion before
FACTS = "train.json"  # beside the model: from what and how it was trained


class RegistryError(Exception):
    """A model cannot be logged, fetched or promoted; the message is one line and says what came and the remedy."""


def log(model, metrics, store, *, commit="unknown"):
    """Log a run with its model, and put the model into the registry. It is not in use yet.

    Parameters
    ----------
    model : path-like
        A folder as from `helpers.pipeline.train`.
    metrics : dict
        As from `helpers.pipeline.evaluate`: its numbers become metrics, all of it the file `metrics.json` of the run.
    store : str or path-like
        The address of an MLflow server or of a store's database (`sqlite:///...`), or a store's folder (made if absent).
    commit : str, default "unknown"
        Of the code, as a tag.

    Returns
    -------
    str
        The version in the registry.

    Raises
    ------
    RegistryError
        There is no such model.
    """
    import mlflow

    folder = Path(model)
    facts, content = _facts(folder), _content(folder)
    client, place = _client(store)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    experiment = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, artifact_location=place)
    run = client.create_run(experiment, tags={"commit": commit})
    params = [mlflow.entities.Param(name, str(value)) for name, value in facts.items()]
    numbers = {name: value for name, value in metrics.items() if isinstance(value, (int, float))}
    scores = [mlflow.entities.Metric(name, float(value), run.info.start_time, 0) for name, value in numbers.items()]
    client.log_batch(run.info.run_id, metrics=scores, params=params)
    client.log_dict(run.info.run_id, metrics, "metrics.json")
    made = model_source.register(client, model_source.NAME, content, run_id=run.info.run_id)
    client.set_terminated(run.info.run_id)
    return str(made.version)


def champion(store, to):
    """Fetch the model in use.

    Parameters
    ----------
    store : str or path-like
        As in `log`; a folder that is no store has no champion.
    to : path-like
        A folder as from `helpers.model_source.save`; untouched where there is no champion.

    Returns
    -------
    str or None
        Its version, None where there is no champion yet.

    Raises
    ------
    RegistryError
        The file in the registry is not the one that was registered.
    """
    import mlflow

    client, _ = _client(store)
    try:
        version = client.get_model_version_by_alias(model_source.NAME, model_source.ALIAS)
    except mlflow.MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):  # no such model; no such alias
            return None
        raise RegistryError(f"The registry cannot tell the champion: {error.message}") from None
    with tempfile.TemporaryDirectory() as folder:
        content = Path(client.download_artifacts(version.run_id, model_source.FILE, folder)).read_bytes()
        model_source.save(content, folder, version.version)
        if json.loads((Path(folder) / model_source.NOTE).read_bytes())["sha256"] != version.tags.get("sha256"):
            raise RegistryError(f"The file of version {version.version} is not the one that was registered.")
    model_source.save(content, to, version.version)
    return str(version.version)


def promote(version, verdict, store):
    """Make a version the champion, if the gate let it through; its verdict goes to the run either way.

    Parameters
    ----------
    version : str
        As from `log`.
    verdict : dict
        As from `helpers.pipeline.gate`.
    store : str or path-like
        As in `log`.

    Returns
    -------
    bool
        Whether it is the champion now.

    Raises
    ------
    RegistryError
        The registry has no such version.
    """
    import mlflow

    client, _ = _client(store)
    try:
        run = client.get_model_version(model_source.NAME, str(version)).run_id
    except mlflow.MlflowException:
        raise RegistryError(f"The registry has no version {version} of {model_source.NAME}: `log` makes one.") from None
    client.set_tag(run, "gate", "passed" if verdict["passed"] else "refused")
    client.log_dict(run, verdict, "gate.json")
    if verdict["passed"]:
        before = client.get_registered_model(model_source.NAME).aliases.get(model_source.ALIAS)
        if before is not None and str(before) != str(version):  # it may be a number
            client.set_registered_model_alias(model_source.NAME, PREVIOUS, before)
        client.set_registered_model_alias(model_source.NAME, model_source.ALIAS, str(version))
    return bool(verdict["passed"])


def roll_back(store):
    """Make the version that was champion before the champion again. Services take it up by themselves.

    Parameters
    ----------
    store : str or path-like
        As in `log`.

    Returns
    -------
    str
        The version that is champion now. The run of the one that was taken back has the tag `rolled_back`.

    Raises
    ------
    RegistryError
        `promote` has not replaced a champion since the last roll back, so there is no way back; nothing was changed.
    """
    import mlflow

    client, _ = _client(store)
    try:
        aliases = client.get_registered_model(model_source.NAME).aliases
    except mlflow.MlflowException:
        aliases = {}
    if PREVIOUS not in aliases:
        raise RegistryError(f"No earlier champion of {model_source.NAME} is on record: `promote` notes one when it replaces it.")
    run = client.get_model_version(model_source.NAME, aliases[model_source.ALIAS]).run_id
    client.set_registered_model_alias(model_source.NAME, model_source.ALIAS, aliases[PREVIOUS])
    client.delete_registered_model_alias(model_source.NAME, PREVIOUS)
    client.set_tag(run, "rolled_back", "true")
    return str(aliases[PREVIOUS])


def publish(model, metrics, verdict, store, *, commit="unknown"):
    """Log a model whose verdict is known already, and promote it if it passed: `log` and `promote` in one.

    Parameters
    ----------
    model : path-like
        As in `log`, and so the next one, `store` and `commit`.
    metrics : dict
    verdict : dict
        As in `promote`.
    store : str or path-like
    commit : str, default "unknown"

    Returns
    -------
    str
        The version in the registry.

    Raises
    ------
    RegistryError
        There is no such model.
    """
    version = log(model, metrics, store, commit=commit)
    promote(version, verdict, store)
    return version


def _client(store):
    """A client, and where a new experiment's files go (None: the server knows)."""
    import mlflow

    if str(store).startswith("sqlite:///"):  # as `mlflow_store.Store.uri`: left alone, MLflow would put files where we stand
        store = Path(str(store).removeprefix("sqlite:///")).parent
    if "://" in str(store):
        return mlflow.MlflowClient(tracking_uri=str(store), registry_uri=str(store)), None
    known = mlflow_store.Store(Path(store).resolve())
    if not (known.folder / mlflow_store.DATABASE).exists():
        known = mlflow_store.new_store(store)
    return mlflow.MlflowClient(tracking_uri=known.uri, registry_uri=known.uri), known.artifacts


def _facts(folder):
    try:
        return json.loads((folder / FACTS).read_bytes())
    except (FileNotFoundError, ValueError):
        raise RegistryError(f"There is no {FACTS} in {folder.name}: `train` writes it.") from None


def _content(folder):
    """The very bytes that a service would load."""
    try:
        model_source.load(folder)
    except onnx_model.ModelError as error:
        raise RegistryError(str(error)) from None
    return (folder / model_source.FILE).read_bytes()
