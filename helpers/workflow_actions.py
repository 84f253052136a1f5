"""Stand-ins for the few actions of others that our workflows use: small actions that run as a step, with no network."""

import argparse
import hashlib
import itertools
import json
import os
import re
import shutil
import sys
from pathlib import Path


class ActionError(Exception):
    """A step fails; the message is one line for its log."""


def write(home, action):
    """Write a composite action that calls this module.

    Parameters
    ----------
    home : pathlib.Path
        Where; a folder for each action is made in it.
    action : str
        A key of `STAND_INS`.

    Returns
    -------
    pathlib.Path
        Its folder, for act's `--local-repository`.
    """
    inputs, outputs, _ = STAND_INS[action]
    call = f"sys.argv[1:] = [{action!r}]\nrunpy.run_module('helpers.workflow_actions', run_name='__main__')\n"
    env = {"INPUTS": "${{ toJSON(inputs) }}", "PYTHONPATH": str(Path(__file__).parents[1])}
    step = {"id": "it", "shell": "python", "run": f"import runpy, sys\n{call}", "env": env}
    told = {output: {"value": "${{ steps.it.outputs." + output + " }}"} for output in outputs.split()}
    content = {"name": action, "inputs": {each: {"required": False} for each in inputs.split()}, "outputs": told}
    folder = home / action
    folder.mkdir(parents=True, exist_ok=True)
    content |= {"runs": {"using": "composite", "steps": [step]}}
    (folder / "action.yml").write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    return folder


def _checkout(given):
    """Is asked only for what act does not do by itself."""
    raise ActionError("only the commit that was pushed can be checked out here: leave `repository` and `ref` out")


def _setup_python(given):
    """Install nothing: the Python of this environment runs, and whether that is the one asked for is said."""
    runs_now, wanted = ".".join(map(str, sys.version_info[:3])), given.get("python-version", "")
    numbers = re.fullmatch(r"(\d+(\.\d+)*)(\.[x*])?", wanted)
    if numbers and not f"{runs_now}.".startswith(f"{numbers[1]}."):
        print(f"::warning::Python {wanted} was asked for; the one of this environment, {runs_now}, runs instead")
    return {"python-version": runs_now, "python-path": sys.executable}


def _upload(given):
    name, wanted = given.get("name", "artifact"), given.get("path", "")
    to = Path(os.environ["WORKBOOK_RUN"], "artifacts", name)
    if re.search(r'[\\/:*?"<>|\r\n]', name) or name in (".", ".."):
        raise ActionError(f"{name!r} cannot be the name of an artifact: leave the special characters out")
    files, roots = set(), set()
    for pattern in filter(None, map(str.strip, wanted.splitlines())):
        root, found = _gather(pattern.removeprefix("!"), given.get("include-hidden-files") == "true")
        files = files - found if pattern.startswith("!") else files | found
        roots |= {root} if found and not pattern.startswith("!") else set()
    if not files:
        problem = f"no files were found at {' '.join(wanted.split()) or 'no path'}: no artifact {name}"
        if given.get("if-no-files-found") == "error":
            raise ActionError(problem)
        print(f"::warning::{problem}")
        return {}
    if to.exists() and given.get("overwrite") != "true":
        raise ActionError(f"there is an artifact {name} in this run already: give each its own name")
    shutil.rmtree(to, ignore_errors=True)
    for path in files:
        _copy(path, to / path.relative_to(os.path.commonpath(roots)))
    print(f"artifact {name}: {len(files)} file{'s' if len(files) > 1 else ''}")
    return {"artifact-id": name}


def _gather(pattern, hidden):
    """The files that a path or a pattern names, and the part of their paths that an artifact leaves out."""
    whole = Path(os.path.normpath(_expand(pattern)))
    root = Path(*itertools.takewhile(lambda part: not re.search(r"[*?\[]", part), whole.parts))
    found = root.glob(str(whole.relative_to(root))) if root != whole else [root]
    files = {path for each in found for path in ([each] if each.is_file() else each.rglob("*")) if path.is_file()}
    shown = {path for path in files if hidden or not any(part.startswith(".") for part in path.relative_to(root).parts)}
    return (root if root.is_dir() else root.parent), shown


def _download(given):
    artifacts, to = Path(os.environ["WORKBOOK_RUN"], "artifacts"), _expand(given.get("path", "."))
    known = sorted(path.name for path in artifacts.iterdir())
    if "name" in given and given["name"] not in known:
        raise ActionError(f"there is no artifact {given['name']} in this run; there are: {', '.join(known) or 'none'}")
    found = [given["name"]] if "name" in given else [path.name for path in sorted(artifacts.glob(given.get("pattern", "*")))]
    flat = "name" in given or given.get("merge-multiple") == "true"
    for name in found:
        _copy(artifacts / name, to if flat else to / name)
    print(f"artifacts: {', '.join(found) or 'none'}")
    return {"download-path": str(to)}


def _cache(given):
    """Copy what an earlier run kept under this key, or else under the newest that begins as one of `restore-keys`.

    GitHub keeps files when the job ends. Here no step runs then: the paths become links to where they are to be kept.
    """
    store, key = Path(os.environ["WORKBOOK_KEPT"]), given["key"]
    notes = sorted(store.glob("*/key.json"), key=os.path.getmtime)
    kept = {json.loads(note.read_bytes()): note.parent for note in notes if "-" not in note.parent.name}
    prefixes = filter(None, given.get("restore-keys", "").split("\n"))
    nearest = [old for prefix in prefixes for old in reversed(kept) if old.startswith(prefix)]
    hit = key if key in kept else next(iter(nearest), None)
    print(f"cache: {'hit' if hit == key else f'nearest is {hit}' if hit else 'miss'} for {key}")
    draft = store / f"pending-{Path(os.environ['WORKBOOK_RUN']).name}-{hashlib.sha256(key.encode()).hexdigest()[:20]}"
    for index, path in enumerate(_expand(line.strip()) for line in given["path"].splitlines() if line.strip()):
        if hit:
            _copy(kept[hit] / str(index), path)
        if hit != key:
            _link(path, draft / str(index))
    if hit != key:
        (draft / "key.json").write_text(json.dumps(key), encoding="utf-8")
    return {"cache-hit": str(hit == key).lower(), "cache-matched-key": hit or "", "cache-primary-key": key}


def _link(path, place):
    place.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if path.is_dir() and not path.is_symlink():
            _copy(path, place)
            shutil.rmtree(path)
        path.symlink_to(place, target_is_directory=True)
    except OSError:  # it is a file, or this is Windows without the right to make links
        print(f"::warning::nothing of {path.name} can be kept here")


def keep_caches(store, run_name, passed):
    """Keep what the caches of a run hold, as GitHub does at its end: only if it passed.

    Parameters
    ----------
    store : pathlib.Path
        Of the repository.
    run_name : str
        The name of the run's folder.
    passed : bool
    """
    for draft in sorted(store.glob(f"pending-{run_name}-*")):
        kept = store / draft.name.split("-")[2]
        if passed and not kept.exists():
            draft.rename(kept)
        else:
            shutil.rmtree(draft, ignore_errors=True)


def _expand(path):
    return Path.cwd() / Path(path).expanduser()


def _copy(source, to):
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, to, dirs_exist_ok=True)
    elif source.exists():
        shutil.copy2(source, to)


STAND_INS = {  # inputs, outputs, what does it
    "actions/checkout": ("repository ref path fetch-depth persist-credentials", "", _checkout),
    "actions/setup-python": ("python-version cache cache-dependency-path", "python-version python-path", _setup_python),
    "actions/cache": ("path key restore-keys", "cache-hit cache-matched-key cache-primary-key", _cache),
    "actions/upload-artifact": (
        "name path if-no-files-found retention-days overwrite include-hidden-files", "artifact-id", _upload,
    ),
    "actions/download-artifact": ("name path pattern merge-multiple", "download-path", _download),
}  # fmt: skip


def main(arguments=None):
    """Do what a step of a workflow asks for. Not for people.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.

    Returns
    -------
    int
        0, or 1 where the step fails.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.workflow_actions", description="Called by act.")
    parser.add_argument("name", choices=list(STAND_INS))
    name = parser.parse_args(arguments).name
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    given = {key: value for key, value in json.loads(os.environ["INPUTS"]).items() if value}
    try:
        outputs = STAND_INS[name][2](given)
    except ActionError as error:
        print(f"::error::{error}")
        return 1
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{key}={value}\n" for key, value in outputs.items())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
