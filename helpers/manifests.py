"""Kubernetes manifests without a cluster: render a folder with kustomize, check it against the schemas of any version.

    documents = manifests.render("helpers/deploy/k8s/overlays/prod")
    manifests.invalid(documents, "1.37")

`kubectl kustomize` is a pure function of files: nothing is asked of a cluster, and none is needed.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

FOLDER = Path(__file__).parent / "deploy" / "k8s"  # the workbook's own manifests
SECONDS = 60  # that rendering may take
SUFFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
SUFFIXES |= {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
BY_NAME = ("containers", "initContainers", "env", "ports", "volumes", "volumeMounts")  # lists whose items have names


class ManifestError(ValueError):
    """A folder or a document cannot be read; the message is one line: what came, what was expected, the remedy."""


def render(folder):
    """Run `kubectl kustomize` on a folder.

    Parameters
    ----------
    folder : path-like
        With a `kustomization.yml`, such as an overlay.

    Returns
    -------
    list of dict
        The documents as a cluster would get them, in kustomize's order.

    Raises
    ------
    ManifestError
        kubectl is absent, or kustomize refuses; its own last words are in the message, with a hint for a missing
        `secrets.env`.
    """
    folder = Path(folder)
    beside = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    kubectl = next(filter(None, (shutil.which("kubectl", path=path) for path in (*beside, None))), None)
    if kubectl is None:
        raise ManifestError("The program kubectl is not here; it renders the manifests. Remedy: python -m helpers install.")
    if not folder.is_dir():
        raise ManifestError(f"There is no folder {folder.name}: expected one with a kustomization.yml, such as overlays/prod.")
    command = [kubectl, "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=SECONDS, check=False)
    if done.returncode:
        told = (done.stderr.strip().splitlines() or ["no reason given"])[-1].replace(str(folder.absolute()), folder.name)
        hint = " Write that file first: two lines, username=... and password=..." if "secrets.env" in told else ""
        raise ManifestError(f"kustomize refuses {folder.name}: {told}.{hint}")
    return load(done.stdout)


def load(text):
    """Split a text into documents.

    Parameters
    ----------
    text : str
        YAML, documents parted by `---`; empty ones are left out.

    Returns
    -------
    list of dict

    Raises
    ------
    ManifestError
        It is no YAML, or a document lacks `apiVersion`, `kind` or a name.
    """
    import yaml

    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        raise ManifestError(f"This is no YAML{f', line {where.line + 1}' if where else ''}: {_first_line(error)}.") from None
    for place, document in enumerate(documents, 1):
        keys = isinstance(document, dict) and all(isinstance(document.get(key), str) for key in ("apiVersion", "kind"))
        if not keys or not isinstance(document.get("metadata"), dict) or not document["metadata"].get("name"):
            raise ManifestError(f"Document {place} is no manifest: expected apiVersion, kind and metadata.name.")
    return documents


def invalid(documents, version):
    """Check documents against the schemas of one version of Kubernetes, strictly: an unknown field is a mistake too.

    Parameters
    ----------
    documents : list of dict
        As from `render` or `load`.
    version : str
        Such as "1.37"; see `versions`.

    Returns
    -------
    list of str
        What is wrong, one line for each document that is; empty when all of them fit, or there are none.

    Raises
    ------
    ManifestError
        The schemas of that version are not here.
    """
    import kubernetes_validate as schemas

    if str(version) not in versions():
        raise ManifestError(f"There are no schemas for version {version!r}; there are {versions()[0]} to {versions()[-1]}.")
    found = []
    for document in documents:
        named = name_of(document)
        try:
            schemas.validate(document, str(version), strict=True)
        except schemas.SchemaNotFoundError:
            found.append(f"{named}: {version} does not know {document['apiVersion']} {document['kind']}")
        except schemas.ValidationError as error:
            where = ".".join(map(str, error.absolute_path))
            found.append(f"{named}: {where + ': ' if where else ''}{_first_line(error.message)[:160]}")
    return found


def versions():
    """Which versions of Kubernetes have their schemas here.

    Returns
    -------
    list of str
        Such as "1.36", oldest first.
    """
    from kubernetes_validate import utils

    found = {utils.major_minor(version) for version in utils.all_versions()}
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def name_of(document):
    """Name a document as kubectl does.

    Parameters
    ----------
    document : dict

    Returns
    -------
    str
        Such as "Deployment/flight-delay-service"; without the hash that kustomize adds to a generated name.
    """
    return f"{document['kind']}/{re.sub(r'-[0-9a-z]{10}$', '', document['metadata']['name'])}"


def differences(left, right):
    """Tell in which values two renderings differ.

    Parameters
    ----------
    left : list of dict
        As from `render`.
    right : list of dict

    Returns
    -------
    list of tuple
        `(document, path, in left, in right)`, sorted. Where one has no such document or value, that side is None. The
        namespace of each document is left out: it always differs.
    """
    sides = [
        {(name_of(document), path): value for document in side for path, value in _leaves(document)} for side in (left, right)
    ]
    whole = [{name_of(document) for document in side} for side in (left, right)]
    found = {(name, "", *("there" if name in side else None for side in whole)) for name in whole[0] ^ whole[1]}
    for name, path in sides[0].keys() | sides[1].keys():
        values = [side.get((name, path)) for side in sides]
        if name in whole[0] & whole[1] and values[0] != values[1] and path != "metadata.namespace":
            found.add((name, path, *values))
    return sorted(found, key=lambda row: row[:2])


def quantity(text):
    """Read a quantity.

    Parameters
    ----------
    text : str or int or float
        Such as "500m", "256Mi", "1e3" or 2.

    Returns
    -------
    float
        In the unit itself: cores, bytes, requests.

    Raises
    ------
    ManifestError
        It is none, such as "256 MB".
    """
    match = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([a-zA-Z]*)", str(text))
    if isinstance(text, bool) or not match or match[2] not in SUFFIXES:
        raise ManifestError(f"{text!r} is no quantity: expected a number and one of {' '.join(SUFFIXES)}, such as 500m or 256Mi.")
    return float(match[1]) * SUFFIXES[match[2]]


def _leaves(value, path=""):
    """Each plain value with its path; generated names without their hash."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        named = path.rpartition(".")[2] in BY_NAME and all(isinstance(item, dict) and "name" in item for item in value)
        for place, item in enumerate(value):
            yield from _leaves(item, f"{path}[{item['name'] if named else place}]")
    else:
        yield path, re.sub(r"^([a-z0-9-]+)-[0-9a-z]{10}$", r"\1", value) if isinstance(value, str) else value


def _first_line(error):
    return (str(error).strip().splitlines() or [""])[0].rstrip(".")
