"""Reads the data file that capstone.toml names, and finds what is wrong with it before a model does."""

import hashlib

import pandas as pd

import schema
from settings import ROOT, ProjectError

FEWEST = 200  # rows; with fewer, neither the test nor the drift limits mean anything


def path(settings):
    """Where the data file is.

    Parameters
    ----------
    settings : dict

    Returns
    -------
    pathlib.Path
    """
    return ROOT / settings["data"]["file"]


def digest(settings):
    """What tells this data file from any other.

    Parameters
    ----------
    settings : dict

    Returns
    -------
    str
        The first 16 digits of its SHA-256.
    """
    return hashlib.sha256(path(settings).read_bytes()).hexdigest()[:16]


def load(settings, fields=None):
    """Read and validate the data.

    Parameters
    ----------
    settings : dict
    fields : list of dict, optional
        A schema to go by, such as an earlier model's; learnt from the file by default.

    Returns
    -------
    X : numpy.ndarray of float, shape (rows, fields)
        As from `schema.encode`, in the order of time.
    y : numpy.ndarray of int, shape (rows,)
        0 or 1.
    fields : list of dict
        The schema.

    Raises
    ------
    ProjectError
        The file cannot be read, lacks a column or rows, its time is none, its target is not 0 or 1.
    """
    names, file = settings["data"], path(settings)
    table = _read(file)
    time, target = names["time"], names["target"]
    features = [field["name"] for field in fields or ()] or names.get("features")
    features = features or [name for name in table.columns if name not in (time, target)]
    absent = [name for name in (time, target, *features) if name not in table.columns]
    if absent:
        raise ProjectError(f"{file.name} has no column {absent[0]!r}; it has: {', '.join(map(str, table.columns[:12]))}.")
    if not features or target in features:
        raise ProjectError("The features in capstone.toml must name at least one column, and not the target.")
    if len(table) < FEWEST:
        raise ProjectError(f"{file.name} has {len(table)} rows; at least {FEWEST} are needed.")
    table = table.loc[_times(table[time], file).sort_values(kind="stable").index].reset_index(drop=True)
    try:
        fields = fields or schema.learn(table, features)
    except schema.SchemaError as error:
        raise ProjectError(str(error)) from None
    try:
        X = schema.encode(table[features].to_dict("records"), fields)
    except ValueError:
        raise ProjectError(f"A column of {file.name} is not of the kind that the schema says.") from None
    return X, _target(table[target], file), fields


def _read(file):
    try:
        return pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except FileNotFoundError:
        raise ProjectError(f"There is no {file.name}: run python prepare.py, or name your file in capstone.toml.") from None
    except (OSError, ValueError) as error:  # pandas' own errors are of these kinds
        raise ProjectError(f"{file.name} cannot be read as a table: {str(error).splitlines()[0]}.") from None


def _times(column, file):
    try:
        times = pd.to_datetime(column, utc=True)
    except (ValueError, TypeError):
        times = pd.Series([pd.NaT])
    if times.isna().any() or pd.api.types.is_numeric_dtype(column):
        raise ProjectError(
            f"The column {column.name!r} of {file.name} must read as a time in every row, such as 2013-01-31 07:00."
        )
    return times


def _target(column, file):
    values = set(column.unique())
    if values != {0, 1}:
        shown = ", ".join(map(repr, list(values)[:4]))
        raise ProjectError(f"The target {column.name!r} of {file.name} must be 0 and 1, both; it has {shown}.")
    return column.to_numpy(dtype=int)
