"""Reads a capstone project: what `capstone.toml` promises, a copy to work on, and the data."""

import math
import os
import shutil
import tomllib
import zlib
from pathlib import Path

import pandas as pd
from pandas.api import types

CONTRACT = "capstone.toml"
PASSED_OVER = {"__pycache__", ".git", ".ipynb_checkpoints", ".pytest_cache", ".venv", "venv", "node_modules", "mlruns", "wandb"}
PASSED_OVER |= {"served", "out", "logs"}  # what an earlier training made: another store's versions have the same names
FEWEST = 250  # rows; with fewer, neither a test nor a drift means anything, and a tenth is left out once
LARGEST = 200_000_000  # bytes of a project, without what is passed over
KINDS = {  # what capstone.toml says: section, key: (kind, an example)
    ("data", "file"): (str, '"data/flights.csv"'),
    ("data", "time"): (str, '"time_hour"'),
    ("data", "target"): (str, '"late"'),
    ("commands", "train"): (list, '["python", "train.py"]'),
    ("commands", "start"): (list, '["python", "start.py"]'),
    ("commands", "roll_back"): (list, '["python", "registry.py", "roll-back"]'),
    ("service", "health"): (str, '"/health"'),
    ("service", "predict"): (str, '"/predict"'),
    ("service", "probability"): (str, '"probability"'),
    ("service", "version"): (str, '"model_version"'),
    ("service", "metrics"): (str, '"/metrics"'),
    ("service", "predictions"): (str, '"predictions_total"'),
    ("service", "latency"): (str, '"prediction_seconds"'),
    ("app", "file"): (str, '"app.py"'),
    ("monitoring", "rules"): (str, '"monitoring/alerts.yml"'),
    ("monitoring", "alert"): (str, '"InputDrift"'),
    ("ci", "workflow"): (str, '".github/workflows/train.yml"'),
    ("space", "folder"): (str, '"space"'),
    ("space", "file"): (str, '"app.py"'),
}


class Stop(Exception):
    """A part cannot be graded any further; the message says what stood in the way, and what to do."""


class Project:
    """A project's folder and what its `capstone.toml` says.

    Parameters
    ----------
    folder : pathlib.Path
    said : dict
        The parsed file.
    """

    def __init__(self, folder, said):
        self.folder, self._said = folder, said

    def want(self, section, key):
        """What the contract says.

        Parameters
        ----------
        section : str
        key : str
            A key of `KINDS`.

        Returns
        -------
        str or list of str

        Raises
        ------
        Stop
            It says nothing, or something of another kind.
        """
        kind, example = KINDS[section, key]
        found = self.maybe(section, key)
        good = isinstance(found, kind) and bool(found) and (kind is str or all(isinstance(each, str) for each in found))
        if not good:
            came = "is absent" if found is None else f"is {found!r}"
            raise Stop(f"In {CONTRACT}, `{key}` of [{section}] {came}; expected such as {key} = {example}.")
        return found

    def maybe(self, section, key, default=None):
        """What the contract says, if it says anything.

        Parameters
        ----------
        section : str
        key : str
        default : object, optional

        Returns
        -------
        object
        """
        part = self._said.get(section)
        return part.get(key, default) if isinstance(part, dict) else default

    def path(self, section, key):
        """A file or folder that the contract names.

        Parameters
        ----------
        section : str
        key : str

        Returns
        -------
        pathlib.Path

        Raises
        ------
        Stop
            It is not there, or not in the project.
        """
        name = self.want(section, key)
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise Stop(f"In {CONTRACT}, `{key}` of [{section}] is {name!r}, outside of the project: name a path in it.")
        if not path.exists():
            raise Stop(f"There is no {name}, which {CONTRACT} names as `{key}` of [{section}]: add it, or correct the name.")
        return path


def read(folder):
    """Read a project's contract.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    Project

    Raises
    ------
    Stop
        There is no such folder or file, or it is no TOML.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise Stop(f"There is no folder {folder.name}: name the folder that {CONTRACT} is in.")
    try:
        said = tomllib.loads((folder / CONTRACT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Stop(f"There is no {CONTRACT} in {folder.name}: copy the starter's, and adapt it.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise Stop(f"{CONTRACT} cannot be read: {error}. Mend that line first.") from None
    return Project(folder, said)


def copy(folder, to):
    """Copy a project's own files. Links are not followed.

    Parameters
    ----------
    folder : pathlib.Path
    to : pathlib.Path
        `to` is made.

    Raises
    ------
    Stop
        It is larger than `LARGEST`.
    """
    weight = 0
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in PASSED_OVER and not Path(top, name).is_symlink()]
        here = to / Path(top).relative_to(folder)
        here.mkdir(parents=True, exist_ok=True)
        for name in names:
            path = Path(top, name)
            if not path.is_file() or path.is_symlink():
                continue
            weight += path.stat().st_size
            if weight > LARGEST:
                raise Stop(f"The project is larger than {LARGEST // 1_000_000} MB: keep data and models out of it.")
            shutil.copy2(path, here / name)


def table(project):
    """Read the project's data.

    Parameters
    ----------
    project : Project

    Returns
    -------
    X : pandas.DataFrame
        The features as requests hold them, in the order of time. Rows with a gap are left out where `FEWEST` are without, and
        both values of the target among them; else all rows come.
    y : pandas.Series
        The target, 0 or 1.

    Raises
    ------
    Stop
        No file, no table, a column is absent or named twice, the time cannot be read, the target is not two-valued, a feature
        is empty or holds what JSON has no word for, there are fewer than `FEWEST` rows.
    """
    path = project.path("data", "file")
    time, target = project.want("data", "time"), project.want("data", "target")
    data = _read(path)
    features = _features(project, data, time, target)
    absent = [name for name in (time, target, *features) if name not in data.columns]
    if absent:
        has = ", ".join(map(str, data.columns[:12]))
        raise Stop(f"{path.name} has no column {absent[0]!r}, which {CONTRACT} names; it has: {has}.")
    when = _times(data[time], path)
    data = data.loc[when.sort_values(kind="stable").index].dropna(subset=[target])
    if set(data[target].unique()) != {0, 1}:
        found = ", ".join(repr(each) for each in data[target].unique()[:4].tolist()) or "none"
        raise Stop(f"The column {target!r} of {path.name} has the values {found}; expected 0 and 1, both.")
    if len(data) < FEWEST:
        raise Stop(f"{path.name} has {len(data)} rows with a target; at least {FEWEST} are needed to tell anything by them.")
    for name in features:
        _sendable(data[name], path)
    whole = data.dropna(subset=features)
    if len(whole) >= FEWEST and whole[target].nunique() == 2:
        data = whole
    return data[features], data[target].astype(int)


def _read(path):
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError, EOFError, zlib.error) as error:  # pandas' own errors of parsing are ValueErrors
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise Stop(f"{path.name} cannot be read as a table: {why[:150]}.") from None


def _features(project, data, time, target):
    """The columns that a request holds; which of them are there is not looked at."""
    said = project.maybe("data", "features")
    features = [name for name in data.columns if name not in (time, target)] if said is None else said
    where = f"In {CONTRACT}, `features` of [data]"
    if not isinstance(features, list) or not all(isinstance(name, str) for name in features):
        raise Stop(f'{where} is {features!r}; expected a list of columns, such as features = ["hour", "origin"].')
    twice = [name for name in features if features.count(name) > 1]
    if twice:
        raise Stop(f"{where} names {twice[0]!r} twice: name each column once.")
    if target in features or time == target:
        raise Stop(
            f"In {CONTRACT}, the target {target!r} of [data] is named as a feature or as the time too: it is what is asked for."
        )
    if not features:
        raise Stop(f"{where} leaves no column to ask with: name at least one beside the time and the target.")
    return features


def _times(column, path):
    try:
        return pd.to_datetime(column, utc=True, format="mixed" if types.is_string_dtype(column) else None)
    except (ValueError, TypeError):
        raise Stop(f"The column {column.name!r} of {path.name} does not read as a time: use such as 2013-01-31 07:00.") from None


def _sendable(column, path):
    known, advice = column.dropna(), f"leave it out by `features` in {CONTRACT}, or mend it"
    if known.empty:
        raise Stop(f"The column {column.name!r} of {path.name} is empty: {advice}.")
    good = (str, int, float, pd.Timestamp, pd.Period)
    odd = [each for each in known.tolist() if not isinstance(each, good) or each in (math.inf, -math.inf)]
    if odd:
        raise Stop(f"The column {column.name!r} of {path.name} holds {odd[0]!r}, which no request can hold: {advice}.")
