"""What the tools of a trial are given: bad requests, a run to record, a table that changes, a repository of its own."""

import json
import os
import shutil
from pathlib import Path

from helpers import flights, model_source, modeling

GIT_ROLES = ("AUTHOR", "COMMITTER")
WORKFLOW = """name: check
on: push
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - run: python check.py
"""


class TaskError(Exception):
    """A task cannot be made; the message says what came, what was expected and what to do."""


def prepare(folder, *, months=(1,), place=100):
    """Make a folder in which the programs of the trials can run: with a model, one flight, and an empty folder `asked`.

    Parameters
    ----------
    folder : path-like
        Whatever lies there is removed first, also what Git and DVC have made read-only.
    months : tuple of int, default (1,)
        Of 2013, to learn from.
    place : int, default 100
        Which flight of them, counted from 0.

    Returns
    -------
    tuple of (sklearn.pipeline.Pipeline, dict, float)
        The model, the flight, and the chance that the model gives it.
    """
    folder = Path(folder)
    clear(folder)
    X, y = flights.features_and_target(flights.load(list(months)))
    model = modeling.make_model().fit(X, y)
    model_source.save(model, folder / "model", version="1")
    (folder / "asked").mkdir()
    flight = json.loads(X.iloc[place].to_json())
    (folder / "flight.json").write_text(json.dumps(flight), encoding="utf-8")
    return model, flight, float(modeling.probability_late(model, X.iloc[[place]])[0])


def clear(folder):
    """Remove a folder with all that is in it, also what Git and DVC have made read-only.

    Parameters
    ----------
    folder : path-like
        Nothing is done where it is absent.
    """
    for path in sorted(Path(folder).rglob("*")):
        if not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def bad_bodies(flight):
    """Make requests that are bad in fourteen ways, as bytes: no client library would write some of them for us.

    Parameters
    ----------
    flight : dict
        A sound flight, with every feature.

    Returns
    -------
    dict of str to bytes
        What is wrong, and the body.

    Raises
    ------
    TaskError
        The flight lacks a feature.
    """
    absent = [name for name in flights.FEATURES if name not in flight]
    if absent:
        raise TaskError(f"The flight lacks {', '.join(absent)}: give one with every feature.")

    def but(**texts):
        """A flight in JSON, some of its values written as given; None leaves one out."""
        written = {name: json.dumps(value) for name, value in flight.items()} | texts
        return ("{" + ", ".join(f'"{name}": {text}' for name, text in written.items() if text is not None) + "}").encode()

    return {
        "carrier absent": but(carrier=None),
        "carrier null": but(carrier="null"),
        "carrier is 7": but(carrier="7"),
        "origin unknown": but(origin='"BOS"'),
        "field too many": but(gate='"A7"'),
        "temp is text": but(temp='"warm"'),
        'temp is "45"': but(temp='"45"'),
        "temp is true": but(temp="true"),
        "temp is NaN": but(temp="NaN"),
        "temp is 1e400": but(temp="1e400"),
        "temp is 1e39": but(temp="1e39"),
        "half a flight": but()[:-9],
        "empty body": b"",
        "an empty list": b"[]",
    }


def write_run(folder, name, loss, *, stop=None):
    """Write what a tracking program is to record: `run.json`.

    Parameters
    ----------
    folder : path-like
        Where the program runs; with `model/model.onnx`, the file to keep.
    name : str
        Of the run.
    loss : list of float
        The curve, one number a step.
    stop : int, optional
        After this step the program prints "half" and waits for ever.

    Returns
    -------
    dict
        With `name`, `params`, `loss`, `file` (from `folder` on) and `stop` (-1 for never).

    Raises
    ------
    TaskError
        There is no such file.
    """
    file = "model/model.onnx"
    if not (Path(folder) / file).is_file():
        raise TaskError(f"{Path(folder).name} has no {file}: save a model there first.")
    params = {"learning_rate": 0.1, "n_steps": len(loss)}
    run = {"name": name, "params": params, "loss": list(loss), "file": file, "stop": -1 if stop is None else stop}
    (Path(folder) / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return run


def table_versions(megabytes, n, *, changed=5):
    """Make a table of flights as CSV, and versions of it in which a few more rows are corrected.

    Parameters
    ----------
    megabytes : float
        Length of each, in units of 1,000,000 bytes, up to a few rows.
    n : int
        Versions, at least 1.
    changed : int, default 5
        Rows in which a version differs from the one before: the temperature is 1 degree higher.

    Returns
    -------
    list of bytes

    Raises
    ------
    TaskError
        There are not so many flights, or no version is wanted.
    """
    some = flights.load()
    length = len(some.head(1_000).to_csv(index=False)) / 1_000
    rows = int(megabytes * 1e6 / length)
    if n < 1 or not changed * n <= rows <= len(some):
        most = len(some) * length / 1e6
        raise TaskError(f"{n} versions of {megabytes:g} MB are asked for; expected at least 1 version, of at most {most:.0f} MB.")
    lines = some.head(rows).to_csv(index=False, lineterminator="\n").splitlines(keepends=True)
    place, versions = list(some.columns).index("temp"), []
    for number in range(n):
        for row in range(number, changed * (rows // changed), rows // changed) if number else ():
            fields = lines[1 + row].split(",")  # no text of the flights holds a comma
            fields[place] = str(float(fields[place] or 0) + 1)
            lines[1 + row] = ",".join(fields)
        versions.append("".join(lines).encode())
    return versions


def write_check(folder):
    """Write a repository's smallest check, `check.py`, and the workflow that runs it on each push.

    Parameters
    ----------
    folder : path-like
        Made if absent.

    Returns
    -------
    list of str
        The commands of Git that commit it, to be run in the folder.
    """
    workflow = Path(folder) / ".github" / "workflows" / "check.yml"
    workflow.parent.mkdir(parents=True, exist_ok=True)
    workflow.write_text(WORKFLOW, encoding="utf-8", newline="\n")
    (Path(folder) / "check.py").write_text("print(sum(range(1000)))\n", encoding="utf-8", newline="\n")
    return ["git init -q -b main", "git add -A", "git commit -q -m check"]


def git_settings(folder):
    """Give the environment in which Git and DVC know nothing of this machine's user.

    Parameters
    ----------
    folder : path-like
        Where DVC may keep settings of its own.

    Returns
    -------
    dict of str to str
    """
    env = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "DVC_NO_ANALYTICS": "1"}
    env |= {"LC_ALL": "C", "NO_COLOR": "1", "GIT_TERMINAL_PROMPT": "0"}
    env |= {f"DVC_{kind}_DIR": str(Path(folder).absolute()) for kind in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")}
    return env | {f"GIT_{role}_{what}": "team@example.invalid" for role in GIT_ROLES for what in ("NAME", "EMAIL")}
