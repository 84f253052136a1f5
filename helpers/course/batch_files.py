"""Files of a batch: written whole or not at all, and a folder that only one run may hold."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock


class BatchError(Exception):
    """The batch cannot begin or go on; the message says why and what to do."""


def write(path, data):
    """Write a file whole or not at all; its folder is made where absent, its permissions are kept.

    Parameters
    ----------
    path : pathlib.Path
        A file that is there is replaced.
    data : bytes or str
        Text is written as UTF-8, with its line ends as they are.
    """
    data = data.encode("utf-8", "replace") if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        if path.exists():
            shutil.copymode(path, part)
        else:
            part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def held(folder) -> Iterator[None]:
    """Hold a folder for one run, as long as the `with` block lasts.

    Parameters
    ----------
    folder : pathlib.Path
        Made where absent.

    Yields
    ------
    None

    Raises
    ------
    BatchError
        Another run holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise BatchError(f"Another run is writing {folder}: wait until it has ended, or use another clone.") from None
    except OSError as error:
        raise BatchError(f"{folder} cannot be written ({error.strerror}): free the disk or change its permissions.") from error
    try:
        yield
    finally:
        lock.release()
