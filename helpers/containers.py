"""The system as containers: the folder that an engine builds from, and what can be checked before it does.

    containers.write_context("work/61a/context", "work/61a/model")

Then, in that folder, `docker compose up --build --wait`; `helpers.container_engine` builds a single image with any engine. The
files themselves lie in `helpers/deploy`. As a program: `python -m helpers.containers FOLDER --model MODEL`.
"""

import argparse
import functools
import importlib.metadata
import json
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

from helpers import dashboard, model_source, onnx_model, publish

HERE = Path(__file__).parent
DEPLOY = HERE / "deploy"
PARTS = {"service": "serving", "page": "streamlit_app", "training": "pipeline"}  # target of the Dockerfile: what it runs
ALSO = {"training": publish.MAKES_MODELS}  # target: packages that `publish.needed` leaves out, as only training needs them
COPIED = ("Dockerfile", "compose.yml", "compose.registry.yml", "prometheus.yml", "alertmanager.yml")
COPIED += ("grafana/datasources.yml", "grafana/dashboards.yml")
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}  # what is in the container
LINUX |= {"python_version": publish.PYTHON, "python_full_version": f"{publish.PYTHON}.0", "implementation_name": "cpython"}


class ContainerError(Exception):
    """Something cannot be written, checked or built; the message is one line and says why and what to do."""


def write_context(folder, model):
    """Write all that the containers are made from: what goes into the images, and the settings beside it.

    Parameters
    ----------
    folder : path-like
        New or empty.
    model : path-like
        A folder as from `helpers.model_source.save`.

    Returns
    -------
    pathlib.Path
        The folder: `Dockerfile`, `.dockerignore`, for each part its modules and its pinned packages, `model`, `compose.yml` and
        what that mounts, and a fresh password for Grafana in `secrets`. Only what `.dockerignore` lets through can reach an
        image.

    Raises
    ------
    ContainerError
        Something lies in the folder, or the model is absent or damaged.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ContainerError(f"{folder.name} is not empty: name a new folder, or remove this one first.")
    try:
        model_source.load(model)
    except onnx_model.ModelError as error:
        raise ContainerError(f"No image without a model. {error} model_source.save writes one.") from None
    for part, root in PARTS.items():
        (folder / part / "helpers").mkdir(parents=True)
        for name in ["__init__", *publish.needed(root)[0]]:
            shutil.copy(HERE / f"{name}.py", folder / part / "helpers")
        _write(folder / f"requirements-{part}.txt", pinned(root, also=ALSO.get(part, ())))
    for name in (model_source.FILE, model_source.NOTE):
        (folder / "model").mkdir(exist_ok=True)
        shutil.copyfile(Path(model) / name, folder / "model" / name)
    _write(folder / "page" / ".streamlit" / "config.toml", publish.SETTINGS)
    _write_settings(folder)
    return folder


def _write_settings(folder):
    for name in COPIED:
        _write(folder / name, (DEPLOY / name).read_text(encoding="utf-8"))
    _write(folder / ".dockerignore", (DEPLOY / "dockerignore").read_text(encoding="utf-8"))
    _write(folder / "alerts.yml", (HERE / "alerts.yml").read_text(encoding="utf-8"))
    _write(folder / "grafana" / "flights.json", json.dumps(dashboard.grafana(), indent=1) + "\n")
    _write(folder / "secrets" / "grafana_password", secrets.token_urlsafe(24))
    # Nobody else comes into the folder; the file itself is read by Grafana's own user, who is not its owner.
    (folder / "secrets").chmod(0o700)


def pinned(*roots, also=()):
    """The part of `requirements.lock` that some modules need, with all that these packages need in turn.

    Parameters
    ----------
    *roots : str
        Modules of `helpers`, such as "serving".
    also : iterable of str, default ()
        More packages, as PyPI calls them.

    Returns
    -------
    str
        For `pip install --require-hashes --no-deps`, on Linux. Optional extras of packages are left out.

    Raises
    ------
    ContainerError
        The lock does not pin one of them.
    """
    found, open_ = set(), [*publish.needed(*roots)[1], *also]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += _requires(name)
    lock = publish.LOCK.read_text(encoding="utf-8")
    entries = {name: re.search(rf"^{re.escape(name)}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL) for name in sorted(found)}
    absent = [name for name, entry in entries.items() if entry is None]
    if absent:
        raise ContainerError(f"{publish.LOCK.name} does not pin {', '.join(absent)}: make it again with `make lock`.")
    return "".join(entry.group() for entry in entries.values())


def _requires(name):
    try:
        wanted = map(Requirement, importlib.metadata.requires(name) or [])
    except importlib.metadata.PackageNotFoundError:
        return []  # needed on Linux alone, and this is not Linux
    inside = {**default_environment(), **LINUX}
    kept = [each for each in wanted if each.marker is None or each.marker.evaluate(inside)]
    return [re.sub(r"[-_.]+", "-", each.name).lower() for each in kept]


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def context_files(folder):
    """Which files a builder is given: all of the folder, but for what `.dockerignore` names.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    list of pathlib.Path
        Relative to the folder, sorted. The last line that fits a file decides, or one that fits a folder above it.
    """
    folder = Path(folder)
    file = folder / ".dockerignore"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rules = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [name for name in names if not _ignored(name.as_posix(), rules)]


def _ignored(name, rules):
    parts, ignored = name.split("/"), False
    above = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    for rule in rules:
        pattern = _pattern(rule.removeprefix("!").strip("/"))
        if any(pattern.fullmatch(each) for each in above):
            ignored = not rule.startswith("!")
    return ignored


@functools.cache
def _pattern(rule):
    """`*` stays within a folder's name, `**` does not."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", rule)
    return re.compile("".join(words.get(piece) or re.escape(piece) for piece in pieces))


def lint(dockerfile):
    """Ask hadolint about a Dockerfile.

    Parameters
    ----------
    dockerfile : path-like or str
        The file; or its text, where that has more than one line.

    Returns
    -------
    list of dict
        `line`, `rule`, `level` ("error", "warning", "info" or "style") and `message`, by line. Empty: nothing was found.

    Raises
    ------
    ContainerError
        There is no such file, or hadolint is absent or fails.
    """
    text = str(dockerfile)
    if "\n" not in text:
        try:
            text = Path(dockerfile).read_text(encoding="utf-8")
        except OSError as error:
            raise ContainerError(f"{Path(dockerfile).name} cannot be read: {error.strerror}.") from None
    told = _tool("hadolint", "--no-fail", "--no-color", "--format", "json", "-", sent=text)
    try:
        found = json.loads(told.stdout)
    except ValueError:
        raise ContainerError(f"hadolint failed: {' '.join(told.stderr.split())[:200]}") from None
    rows = [{"line": each["line"], "rule": each["code"], "level": each["level"], "message": each["message"]} for each in found]
    return sorted(rows, key=lambda row: (row["line"], row["rule"]))


def lint_compose(file):
    """Check a compose file against the schema of the Compose specification.

    It knows how the file is written, not what it means: see `helpers.compose_check` for that.

    Parameters
    ----------
    file : path-like

    Returns
    -------
    list of str
        What does not fit. Empty: nothing was found.

    Raises
    ------
    ContainerError
        There is no such file, or check-jsonschema is absent or fails.
    """
    file = Path(file).absolute()
    if not file.is_file():
        raise ContainerError(f"There is no file {file.name}: name a compose file.")
    told = _tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "-o", "json", str(file))
    try:
        found = json.loads(told.stdout)
    except ValueError:
        raise ContainerError(f"check-jsonschema failed: {' '.join(told.stderr.split())[:200]}") from None
    bad = [f"{file.name} is no YAML." for _ in found.get("parse_errors", [])]
    best = [error.get("best_deep_match") or error for error in found.get("errors", [])]
    return bad + [f"{each['path'].removeprefix('$').lstrip('.') or file.name}: {each['message']}" for each in best]


def _tool(name, *arguments, sent=None):
    program = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if program is None:
        raise ContainerError(f"{name} is absent: install the packages of requirements.lock.")
    return subprocess.run([program, *arguments], input=sent, capture_output=True, text=True, encoding="utf-8", check=False)


def main(arguments=None):
    """Write the folder that the containers are made from.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.

    Returns
    -------
    int
        0 where it was written, 1 where not.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.containers", description="Write the folder to build images from.")
    parser.add_argument("folder", help="new or empty")
    parser.add_argument("--model", required=True, help="the folder with model.onnx and model.json")
    options = parser.parse_args(arguments)
    try:
        folder = write_context(options.folder, options.model)
    except ContainerError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{folder.name} is written. In it: docker compose up --build --wait")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
