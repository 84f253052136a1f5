"""A run's journal: all that was logged, a line each, on this machine's own disk. What a tracker has missed is taken from it."""

import json
from pathlib import Path

import filelock


class JournalError(Exception):
    """A journal cannot be used; the message says why."""


class Journal:
    """What one run logged. It is held in memory, and written line by line as long as the disk takes it.

    Parameters
    ----------
    path : path-like
        The file; its folder is made where absent.
    records : list of dict, optional
        What the file holds already.

    Attributes
    ----------
    path : pathlib.Path
    records : list of dict
        Each has a `kind`: "start" (with `facts`), "points" (with `points`, lists of metric, step, value, milliseconds since
        1970), "file" (with `path`), "end" (with `failed`).
    problem : OSError or None
        Why the file lacks some of the records; None while it has them all.
    """

    def __init__(self, path, records=()):
        self.path, self.records, self.problem = Path(path), list(records), None
        self._stream = None
        self._lock = filelock.FileLock(self.path.with_suffix(".lock"))

    def hold(self):
        """Keep the journal for this run alone, until `release` or the end of the process.

        Returns
        -------
        bool
            False where another process, or another run of this one, holds it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            return False
        except OSError as error:  # a disk that takes no lock takes no journal either; what is in memory is still there
            self.problem = error
        return True

    def append(self, record):
        """Add a record.

        Parameters
        ----------
        record : dict
        """
        self.records.append(record)
        if self.problem is None:
            try:
                self._write(record)
            except OSError as error:
                self.problem = error

    def save(self):
        """Write the whole file anew, if it lacks something and the disk takes it now.

        Returns
        -------
        bool
            Whether the file has every record.
        """
        if self.problem is None:
            return True
        part = self.path.with_suffix(".part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_text("".join(map(_line, self.records)), encoding="utf-8")
            part.replace(self.path)
        except OSError as error:
            self.problem = error
            return False
        self.problem = None
        return True

    def release(self):
        """Close the file and let others have it."""
        if self._stream is not None:
            try:
                self._stream.close()
            except OSError as error:
                self.problem = error
            self._stream = None
        self._lock.release()

    def _write(self, record):
        if self._stream is None:
            self._stream = self.path.open("a", encoding="utf-8")
        self._stream.write(_line(record))
        self._stream.flush()  # to the system: it survives this process, however that ends

    @property
    def facts(self):
        """What the run is, as its tracker takes it."""
        return self.records[0]["facts"]

    @property
    def points(self):
        """All numbers, in the order in which they were logged: tuples of metric, step, value, milliseconds since 1970."""
        return [tuple(point) for record in self.records if record["kind"] == "points" for point in record["points"]]

    @property
    def files(self):
        """The paths of the files that were logged."""
        return [Path(record["path"]) for record in self.records if record["kind"] == "file"]

    @property
    def failed(self):
        """Whether the run failed; a run with no end has."""
        return self.records[-1].get("failed", True)


def read(path):
    """Read a journal.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Journal
        A last line that was torn when the machine went down is left out.

    Raises
    ------
    JournalError
        It is no journal, or damaged before its last line.
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records += [json.loads(line)] if line.strip() else []
        except ValueError:
            if number < len(lines):
                raise JournalError(
                    f"{path.name} is damaged in line {number}: mend or remove that line, then try again."
                ) from None
    if not records or records[0].get("kind") != "start":
        raise JournalError(f"{path.name} is no journal of a run: its first line should tell what the run is.")
    return Journal(path, records)


def _line(record):
    return json.dumps(record) + "\n"
