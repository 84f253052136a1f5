"""Where the service's model comes from: an MLflow registry or a folder, its checksum on record either way."""

import asyncio
import contextlib
import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from helpers import onnx_model

NAME, ALIAS = "flight-delay", "champion"
FILE, NOTE = "model.onnx", "model.json"


@dataclass(frozen=True)
class Served:
    """A model in use. A request takes it once, at its start, so that no answer mixes two versions.

    Attributes
    ----------
    version : str
        In the registry.
    model : helpers.onnx_model.OnnxModel
    """

    version: str
    model: onnx_model.OnnxModel


def register(client, name, model, *, run_id):
    """Put a model into the registry, as one ONNX file whose checksum is on record.

    Parameters
    ----------
    client : mlflow.MlflowClient
    name : str
        The registered model; made if absent.
    model : sklearn.pipeline.Pipeline or bytes
        Fitted, as from `helpers.modeling.make_model`; or already as from `helpers.onnx_model.convert`.
    run_id : str
        The run that made it; the file goes there.

    Returns
    -------
    mlflow.entities.model_registry.ModelVersion
        With the tags `sha256` and `file`.
    """
    import mlflow

    content = model if isinstance(model, bytes) else onnx_model.convert(model)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        file.write_bytes(content)
        client.log_artifact(run_id, str(file))
    with contextlib.suppress(mlflow.MlflowException):  # it is there already; if it is not, the next line tells
        client.create_registered_model(name)
    tags = {"sha256": hashlib.sha256(content).hexdigest(), "file": FILE}
    source = f"{client.get_run(run_id).info.artifact_uri}/{FILE}"
    return client.create_model_version(name, source, run_id=run_id, tags=tags)


def save(model, folder, version):
    """Put a model into a folder, as a container or a device gets it.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline or bytes
        Fitted, as from `helpers.modeling.make_model`; or already as from `helpers.onnx_model.convert`.
    folder : path-like
        Made if absent. A service that runs on it takes the new model up.
    version : str
        What its answers are to say.

    Returns
    -------
    pathlib.Path
        The folder, with `model.onnx` and `model.json` (`version`, `sha256`).
    """
    content = model if isinstance(model, bytes) else onnx_model.convert(model)
    note = json.dumps({"version": str(version), "sha256": hashlib.sha256(content).hexdigest()})
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in ((FILE, content), (NOTE, note.encode())):
        part = folder / f".{name}.part"
        part.write_bytes(raw)
        part.replace(folder / name)  # at once: nobody reads half a file
    return folder


class Registry:
    """Asks an MLflow server over HTTP which model is in use. (MLflow's own client would take 200 MB of memory.)

    Parameters
    ----------
    url, name, alias : str
        As for `helpers.serving.start`.
    """

    def __init__(self, url, name=NAME, alias=ALIAS):
        import httpx

        self._client = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=10, trust_env=False)
        self._asked = {"name": name, "alias": alias}

    async def version(self):
        """Which version the alias points to.

        Returns
        -------
        dict
            As MLflow tells it: `version`, `run_id`, `tags` and more.
        """
        answer = await self._client.get("/api/2.0/mlflow/registered-models/alias", params=self._asked)
        if answer.status_code != 200:
            told = answer.json().get("message", "") if "json" in answer.headers.get("content-type", "") else ""
            raise onnx_model.ModelError(f"The registry answers {answer.status_code}: {told or answer.reason_phrase}")
        return answer.json()["model_version"]

    async def fetch(self, version):
        """Load a version, and refuse a file that is not the one on record.

        Parameters
        ----------
        version : dict
            As from `version`.

        Returns
        -------
        Served
        """
        tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
        if "sha256" not in tags:
            raise onnx_model.ModelError(f"Version {version['version']} has no checksum on record: `register` makes one.")
        asked = {"run_uuid": version["run_id"], "path": tags.get("file", FILE)}
        answer = await self._client.get("/get-artifact", params=asked)
        if answer.status_code != 200:
            raise onnx_model.ModelError(f"The file of version {version['version']} is not there ({answer.status_code}).")
        return await asyncio.to_thread(_open, answer.content, version["version"], tags["sha256"])


def load(folder):
    """Load the model in a folder, and refuse a file that is not the one on record.

    Parameters
    ----------
    folder : path-like
        As from `save`.

    Returns
    -------
    Served

    Raises
    ------
    helpers.onnx_model.ModelError
        A file is absent, damaged or foreign.
    """
    version, sha256 = _note(Path(folder))
    return _open(_content(Path(folder)), version, sha256)


class Folder:
    """A folder as from `save`, for a service that takes up what is put there.

    Parameters
    ----------
    path : path-like
    """

    def __init__(self, path):
        self._path = Path(path)

    async def version(self):
        """Which version lies there.

        Returns
        -------
        dict
            `version` and `sha256`.
        """
        version, sha256 = _note(self._path)
        return {"version": version, "sha256": sha256}

    async def fetch(self, version):
        """Load what lies there, and refuse a file that is not the one on record.

        Parameters
        ----------
        version : dict
            As from `version`.

        Returns
        -------
        Served
        """
        return await asyncio.to_thread(_open, _content(self._path), version["version"], version["sha256"])


def _note(folder):
    """Version and checksum."""
    try:
        note = json.loads((folder / NOTE).read_bytes())
        return str(note["version"]), note["sha256"]
    except FileNotFoundError:
        raise onnx_model.ModelError(f"There is no {NOTE} in {folder.name}: model_source.save makes one.") from None
    except (ValueError, TypeError, KeyError):
        raise onnx_model.ModelError(f"{NOTE} in {folder.name} is damaged: version and sha256 are expected.") from None


def _content(folder):
    try:
        return (folder / FILE).read_bytes()
    except FileNotFoundError:
        raise onnx_model.ModelError(f"There is no {FILE} in {folder.name}.") from None


def _open(content, version, sha256):
    if hashlib.sha256(content).hexdigest() != sha256:
        raise onnx_model.ModelError(f"The file of version {version} is not the one that was registered.")
    return Served(version, onnx_model.OnnxModel(content))
