"""The learner's own files in a folder of an exercise, without what programs have made there."""

import os
from pathlib import Path

GENERATED = {"__pycache__", ".git", ".ipynb_checkpoints", ".pytest_cache", ".venv", "mlruns", "node_modules", "wandb", "work"}


def own_files(folder, *, most, largest, but=frozenset(), without=(".pyc",)):
    """Find them.

    Parameters
    ----------
    folder : pathlib.Path
        May be absent: then there are none.
    most : int
        So many at most: the first by name, folder after folder.
    largest : int
        Bytes; a file of this size or larger is passed over.
    but : set of str, optional
        Names of folders to pass over, beside those of `GENERATED`.
    without : tuple of str, optional
        Endings of names to pass over.

    Returns
    -------
    list of pathlib.Path
        Relative to the folder.
    """
    found = []
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - GENERATED - but)
        paths = [Path(top, name) for name in sorted(names) if not name.endswith(without)]
        found += [path.relative_to(folder) for path in paths if path.is_file() and path.stat().st_size < largest]
        if len(found) >= most:
            break
    return found[:most]
