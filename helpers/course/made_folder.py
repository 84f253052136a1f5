"""A folder of pages that a command makes: replaced as a whole or not at all, and never with somebody's own files in it."""

import json
import tempfile
from pathlib import Path

PASSING = {".DS_Store", "Thumbs.db"}  # left by file managers: nobody's own


def read_mark(out, mark):
    """What the folder says of itself.

    Parameters
    ----------
    out : pathlib.Path
    mark : str
        Name of the file that lists what was made.

    Returns
    -------
    dict
        Empty where there is no such file, or none that this package wrote.
    """
    try:
        told = json.loads((out / mark).read_text(encoding="utf-8"))
        return told if isinstance(told, dict) and all(isinstance(name, str) for name in told["files"]) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def refuse_others(out, mark, what, error, passing=PASSING):
    """Raise where the folder holds what was not made: that is not ours to replace.

    Parameters
    ----------
    out : pathlib.Path
        Need not be there.
    mark : str
    what : str
        Such as "a handbook".
    error : type
        Of the exception.
    passing : set of str
        Names of files, and of folders with all that is in them, that may go.
    """
    if out.exists() and not out.is_dir():
        raise error(f"{out} is a file, so it is left as it is: name a folder.")
    told = read_mark(out, mark)
    ours = {*told.get("files", ()), *([mark] if told else [])}
    found = sorted(path.relative_to(out) for path in out.rglob("*") if not path.is_dir() or path.is_symlink())
    others = [path.as_posix() for path in found if path.as_posix() not in ours and not passing & set(path.parts)]
    if others:
        raise error(f"{out} holds {others[0]}, which is not of {what}, so all is left as it is: name another folder.")


def replace(out, mark, made_by, fill, error):
    """Make the folder anew.

    Parameters
    ----------
    out : pathlib.Path
    mark : str
    made_by : str
        The command, for the mark.
    fill : callable
        Given a folder's path, it makes the folder and writes all there is to write; it may return a dict for the mark.
    error : type
        Of the exception that an `OSError` becomes; what was there stays then.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
            new = Path(folder) / "new"
            told = fill(new)
            files = sorted(path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file())
            text = json.dumps({"made by": made_by, "files": files, **(told or {})}) + "\n"
            (new / mark).write_text(text, encoding="utf-8")
            _swap(new, out, Path(folder) / "old")
    except OSError as cause:
        raise error(f"{out} could not be made ({type(cause).__name__}: {cause}).") from cause


def _swap(new, out, old):
    if out.exists():
        out.replace(old)
    try:
        new.replace(out)
    except OSError:
        if old.exists():
            old.replace(out)
        raise
