"""Batch scoring in partitions, on the workers of a Dask cluster: every flight gets one score, whichever of them die.

A *partition* is one month of one copy of the year, or several. Its task is a few words (paths and checksums), its result one
file, which is written under a temporary name and renamed. So a task may run once, twice, or at two places at a time: the output
is the same.
"""

import contextlib
import functools
import hashlib
import json
import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from helpers import onnx_model
from helpers.flights import CATEGORICAL, FEATURES

MODEL, FLIGHTS, SCORES, MANIFEST = "model.onnx", "flights", "scores", "manifest.json"  # in the folder of a batch
MEMORY = "600MiB"  # of a worker; at 95% of it its nanny ends it, before the machine has to


class ScaleOutError(Exception):
    """A batch cannot go on; the message says why and what to do."""


@contextlib.contextmanager
def cluster(n_workers=2, *, memory=MEMORY) -> Iterator:
    """Start a Dask cluster on this machine: worker processes of one thread each, which listen on 127.0.0.1 alone.

    Parameters
    ----------
    n_workers : int, default 2
        At least 1. More than there are cores share them.
    memory : str, default MEMORY
        Of each worker.

    Yields
    ------
    distributed.Client
        All its workers are there. A worker that dies is started again by its *nanny*. When the `with` block ends, so do they.

    Raises
    ------
    ScaleOutError
        No worker is asked for.
    """
    import distributed  # here: it takes a while

    if n_workers < 1:
        raise ScaleOutError(f"n_workers is {n_workers!r}; expected at least 1.")
    # A lost worker is told of by several lines of its scheduler's and nanny's loggers. Here workers are killed on purpose, and
    # what counts is told by the results; what fails for good is raised all the same.
    with (
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port: two clusters do not clash
            memory_limit=memory,
            silence_logs=logging.CRITICAL,
        ) as local,
        distributed.Client(local) as client,
    ):
        client.wait_for_workers(n_workers, timeout=60)
        yield client


def prepare(model, flights, folder, *, months=1):
    """Lay out what all tasks read: the model as one ONNX file, and a file of flights for each partition.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline or bytes
        As for `helpers.model_source.save`.
    flights : pandas.DataFrame
        As from `helpers.flights.load`. Rows are known by their place, from 0; missing weather stays missing.
    folder : path-like
        Made if absent; a shared disk or a bucket where the workers are on other machines.
    months : int, default 1
        In a partition, which is named after the first month it may hold; 12 for a year. Of large ones there are fewer to hand
        out, and more is done again when one dies.

    Returns
    -------
    pathlib.Path
        The folder, absolute.

    Raises
    ------
    ScaleOutError
        There are no flights, or `months` is under 1.
    """
    if not len(flights):
        raise ScaleOutError("There are no flights to score: choose more months.")
    if months < 1:
        raise ScaleOutError(f"months is {months!r}; expected at least 1.")
    folder = Path(folder).absolute()
    content = model if isinstance(model, bytes) else onnx_model.convert(model)
    _replace(folder / MODEL, lambda part: part.write_bytes(content))
    numbered = flights[list(FEATURES)].assign(flight=np.arange(len(flights), dtype="int32"))
    for old in (folder / FLIGHTS).glob("*.parquet"):
        old.unlink()
    for month, rows in numbered.groupby((flights["month"].to_numpy() - 1) // months * months + 1):
        _replace(folder / FLIGHTS / f"{month:02}.parquet", lambda part, rows=rows: rows.to_parquet(part, index=False))
    return folder


def plan(folder, copies=1):
    """List the tasks of a batch. They hold paths, not flights: a few hundred bytes each.

    Parameters
    ----------
    folder : path-like
        As `prepare` has laid it out.
    copies : int, default 1
        How often to score the year: a stand-in for more years than there are.

    Returns
    -------
    list of dict
        `partition` (its name), `source`, `model`, `model_sha256`, `target` (path of its scores), all text.

    Raises
    ------
    ScaleOutError
        The folder was not prepared, or `copies` is under 1.
    """
    folder = Path(folder).absolute()
    sources = sorted((folder / FLIGHTS).glob("*.parquet"))
    if not sources or not (folder / MODEL).exists():
        raise ScaleOutError(f"In {folder.name} there are no flights or no model: call scale_out.prepare(model, flights, folder).")
    if copies < 1:
        raise ScaleOutError(f"copies is {copies!r}; expected at least 1.")
    same = {"model": str(folder / MODEL), "model_sha256": _sha256(folder / MODEL)}
    tasks = []
    for copy in range(copies):
        for source in sources:
            name = f"copy={copy:03}/month={source.stem}"
            target = folder / SCORES / f"{name}.parquet"
            tasks.append({"partition": name, "source": str(source), "target": str(target), **same})
    return tasks


def score(task):
    """Score one partition and write its file. To do it again does no harm: the same file comes of it, byte by byte.

    Parameters
    ----------
    task : dict
        As from `plan`.

    Returns
    -------
    dict
        The receipt: `partition`, `rows`, `sha256` (of the file, whose columns are `flight` and `late`).

    Raises
    ------
    ScaleOutError
        The model's file is not the one that was planned with.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    model = _model(task["model"], task["model_sha256"])
    flights = pq.read_table(task["source"], use_threads=False)
    late = model.probability_late(model.encode_columns(_columns(flights)))
    scores = pa.table({"flight": flights["flight"], "late": late})
    target = Path(task["target"])
    # Scores hardly ever repeat: to look for a dictionary and to compress would take longer than to score.
    sha256 = _replace(target, lambda part: pq.write_table(scores, part, compression="none", use_dictionary=False))
    return {"partition": task["partition"], "rows": len(late), "sha256": sha256}


def pending(tasks):
    """What a batch that was broken off has still to do.

    Parameters
    ----------
    tasks : list of dict
        As from `plan`.

    Returns
    -------
    list of dict
        Those with no file. A file that is there is whole: it got its name last.
    """
    return [task for task in tasks if not Path(task["target"]).exists()]


def write_manifest(folder, receipts):
    """Write down what a finished batch consists of, and clear away what attempts that died have left.

    Parameters
    ----------
    folder : path-like
    receipts : iterable of dict
        As `score` gives them; the same one twice counts once.

    Returns
    -------
    pathlib.Path
        `manifest.json`: partition to `rows` and `sha256`.

    Raises
    ------
    ScaleOutError
        Two receipts of one partition differ: the task is not the same each time.
    """
    told = {}
    for receipt in receipts:
        entry = {"rows": receipt["rows"], "sha256": receipt["sha256"]}
        if told.setdefault(receipt["partition"], entry) != entry:
            raise ScaleOutError(f"{receipt['partition']} came out in two ways: take time and chance out of the task.")
    for part in (Path(folder) / SCORES).glob("*/.*.part"):
        part.unlink()
    path = Path(folder) / MANIFEST
    text = json.dumps(dict(sorted(told.items())), indent=1)
    _replace(path, lambda part: part.write_text(text, encoding="utf-8"))
    return path


def reconcile(folder, copies=1):
    """Compare the output with the flights, row by row, and with the manifest.

    Parameters
    ----------
    folder : path-like
        Of a batch.
    copies : int, default 1
        As it was planned.

    Returns
    -------
    dict of str to int
        Rows: `wanted`, `once` (with just one score between 0 and 1), `missing`, `more` (with several). Files: `strays` (scores
        that no partition asks for), `changed` (not as in the manifest; without a manifest all of them).
    """
    import pyarrow.parquet as pq

    folder = Path(folder).absolute()
    manifest = folder / MANIFEST
    told = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    sources = {path.stem: pq.read_table(path, columns=["flight"])["flight"].to_numpy() for path in (folder / FLIGHTS).glob("*")}
    numbers = np.concatenate([np.empty(0, dtype=int), *sources.values()])
    found = dict.fromkeys(("wanted", "once", "missing", "more", "strays", "changed"), 0)
    asked = {f"copy={copy:03}": numbers for copy in range(copies)}
    there = {path.name for path in (folder / SCORES).glob("*")}
    for name in sorted(there | set(asked)):
        wanted, seen = np.bincount(asked.get(name, []), minlength=1 + max(numbers, default=0)), 0
        for path in sorted((folder / SCORES / name).glob("*.parquet")):
            entry = told.get(f"{name}/{path.stem}", {})
            found["changed"] += _sha256(path) != entry.get("sha256")
            found["strays"] += name not in asked or path.stem.removeprefix("month=") not in sources
            seen = seen + _scores_of_each(path, len(wanted))
        found["wanted"] += int(wanted.sum())
        found["once"] += int(((seen == 1) & (wanted == 1)).sum())
        found["missing"] += int(((seen == 0) & (wanted == 1)).sum())
        found["more"] += int((np.asarray(seen) > 1).sum())
    return found


def _scores_of_each(path, size):
    """How many scores a file has for each flight; a file that cannot be read has none."""
    import pyarrow.parquet as pq

    try:
        scores = pq.read_table(path, use_threads=False, partitioning=None)
        flight, late = scores["flight"].to_numpy(), scores["late"].to_numpy().astype(float)  # None becomes NaN
    except (OSError, ValueError, KeyError):  # pyarrow's errors are of these kinds
        return np.zeros(size, dtype=int)
    return np.bincount(flight[(late >= 0) & (late <= 1)], minlength=size)[:size]


def _replace(path, write):
    """Write under a name that no other attempt uses, then rename: nobody ever sees half a file. The checksum of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        write(part)
        sha256 = _sha256(part)
        try:
            part.replace(path)
        except PermissionError:  # Windows, while somebody reads it: well, if that attempt wrote the same
            if not path.exists() or _sha256(path) != sha256:
                raise
    finally:
        part.unlink(missing_ok=True)
    return sha256


def _sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@functools.lru_cache(maxsize=4)  # a worker opens a model once, not once a task
def _model(path, sha256):
    content = Path(path).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ScaleOutError("The model's file is not the one that the batch was planned with: plan it again, in a new folder.")
    return onnx_model.OnnxModel(content)


def _columns(flights):
    """Columns as `OnnxModel.encode_columns` wants them: of a text its words, and which of them each row has."""
    columns = {name: flights[name].to_numpy() for name in FEATURES if name not in CATEGORICAL}
    for name in CATEGORICAL:
        coded = flights[name].combine_chunks()
        columns[name] = (coded.dictionary.to_pylist(), coded.indices.to_numpy())
    return columns
