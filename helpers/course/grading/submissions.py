"""What came back from a class: folders and zips, read without trusting anything that is in them."""

import datetime
import io
import lzma
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from helpers.course import release

MOST_BYTES, MOST_FILES = 100_000_000, 5_000  # of one submission
LONGEST_NAME, LONGEST_PLACE = 255, 1_000  # bytes that a file system takes for one name, and that we take for a whole place
# What the standard library raises on a damaged zip, by the way in which it was packed and the place of the damage.
DAMAGED = (
    zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, zlib.error, lzma.LZMAError, struct.error,
    ValueError, OverflowError, IndexError, MemoryError,
)  # fmt: skip
NOT_THEIRS = release.PASSED_OVER | {"__MACOSX"}  # made by a system or by a run


class SubmissionsError(Exception):
    """There is nothing that could be graded; the message says what came and what was expected."""


@dataclass(frozen=True)
class Submission:
    """One learner's.

    Attributes
    ----------
    learner : str
        The folder's or the zip's name, with accents in one piece each (NFC).
    path : pathlib.Path
    """

    learner: str
    path: Path


@dataclass(frozen=True)
class Content:
    """What a submission holds.

    Attributes
    ----------
    files : dict of PurePosixPath to bytes
        By place within the submission.
    times : dict of PurePosixPath to str
        When each was last changed, ISO in UTC; "" where that is not known.
    trouble : str
        One line on what could not be read; else "".
    """

    files: dict
    times: dict
    trouble: str = ""


def find(folder):
    """Find the submissions in a folder. Hidden files are passed over.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    (list of Submission, list of str)
        Sorted by learner; and the names of files there that are neither folder nor zip.

    Raises
    ------
    SubmissionsError
        There is no such folder, nothing in it, or one learner twice.
    """
    if not folder.is_dir():
        raise SubmissionsError(f"{folder} is no folder. Name the one in which each learner has a folder or a zip.")
    found, others = [], []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in NOT_THEIRS:
            continue
        if path.is_dir() and not path.is_symlink():
            found.append(Submission(_composed(path.name), path))
        elif path.suffix.lower() == ".zip":
            found.append(Submission(_composed(path.stem), path))
        else:
            others.append(path.name)
    learners = [submission.learner for submission in found]
    twice = sorted({name for name in learners if learners.count(name) > 1}) if len(set(learners)) < len(learners) else []
    if twice:
        raise SubmissionsError(f"{twice[0]} is there twice, as a folder and as a zip. Take one of them away.")
    if not found:
        raise SubmissionsError(f"{folder} holds no submission. Each learner should have a folder or a zip in it.")
    return sorted(found, key=lambda submission: submission.learner), others


def read(submission):
    """Read a submission into memory. It never raises on account of what is in it.

    Parameters
    ----------
    submission : Submission

    Returns
    -------
    Content
        Links, places outside of the submission, names that no file system takes, files that would have to lie in another file,
        and what is beyond `MOST_BYTES` or `MOST_FILES` are left out, and told.
    """
    try:
        content = _gathered(_in_zip(submission.path) if submission.path.is_file() else _in_folder(submission.path))
        inner = [place for place in content.files if place.suffix.lower() == ".zip"]
        if len(inner) == 1 and not any(place.suffix == ".ipynb" for place in content.files):  # as some systems hand it on
            content = _gathered(_in_zip(io.BytesIO(content.files[inner[0]])))
    except DAMAGED as error:
        return Content({}, {}, f"is no zip file that can be read ({type(error).__name__})")
    except RuntimeError:
        return Content({}, {}, "is a zip with a password")
    except OSError as error:
        return Content({}, {}, f"cannot be read ({type(error).__name__}: {error.strerror or 'damaged'})")
    except Exception as error:  # one submission in a way that nobody thought of: the class goes on, and the line names it
        return Content({}, {}, f"cannot be read ({type(error).__name__}: {str(error)[:100]})")
    if not content.files and not content.trouble:
        return Content({}, {}, "is empty")
    return content


def matched(exercises, places, times=None):
    """Find the notebooks of exercises among the files of a submission.

    Parameters
    ----------
    exercises : iterable of str
        Their names, such as "22a_mlflow".
    places : iterable of PurePosixPath
    times : dict of PurePosixPath to str, optional
        As of `Content`.

    Returns
    -------
    dict of str to list of PurePosixPath
        Of those that are there; the first is the one to grade. The file's name counts, not its folder, and
        "22a_mlflow.ipynb" comes before "22a_mlflow (1).ipynb" and "22a_mlflow-Ana.ipynb". Then comes the one nearest to the
        top, then the newest, then the one with the highest number in brackets, then the first by name.
    """
    notebooks = sorted(place for place in places if place.suffix == ".ipynb")
    found = {}
    for name in exercises:
        longer = re.compile(re.escape(name) + r"(?![A-Za-z0-9_]).*")
        fits = [place for place in notebooks if longer.fullmatch(place.stem)]
        if fits:  # sorting keeps the order by name where all else is equal
            newest = sorted(fits, key=lambda place: ((times or {}).get(place, ""), _number(place)), reverse=True)
            found[name] = sorted(newest, key=lambda place, name=name: (place.stem != name, len(place.parts)))
    return found


def _number(place):
    numbers = re.findall(r"\((\d{1,9})\)", place.stem)
    return int(numbers[-1]) if numbers else 0


def files_of(content, notebook, folder):
    """The files that belong to one notebook.

    Parameters
    ----------
    content : Content
    notebook : PurePosixPath
        As from `matched`.
    folder : bool
        Whether the exercise is a folder of its own: then all that is in it belongs to it, else plain files beside it.

    Returns
    -------
    dict of str to bytes
        By place relative to the notebook's folder; without the notebook itself and without other notebooks.
    """
    here = notebook.parent
    inside = {place.relative_to(here): raw for place, raw in content.files.items() if place.is_relative_to(here)}
    return {
        place.as_posix(): raw for place, raw in inside.items() if place.suffix != ".ipynb" and (folder or len(place.parts) == 1)
    }


def _gathered(entries):
    """Keep what is within the limits; `entries` gives place, time, and a function that reads at most so many bytes."""
    files, times, folders, odd, total = {}, {}, set(), {}, 0
    for place, time, take in entries:
        if place is None or take is None:
            odd.setdefault("since it leads outside or is a link", []).append(time)
            continue
        if NOT_THEIRS & set(place.parts) or place.name.startswith("._"):
            continue
        why = _unusable(place, files, folders)
        if why:
            odd.setdefault(why, []).append(str(place))
            continue
        raw = take(MOST_BYTES - total + 1)
        total += len(raw)
        if total > MOST_BYTES or len(files) >= MOST_FILES:
            told = f"holds more than {MOST_BYTES // 1_000_000} MB or {MOST_FILES} files: the rest was left out"
            return Content(files, times, told)
        files[place], times[place] = raw, time
        folders |= set(place.parents)
    told = [f"left out, {why}: {', '.join(_short(name) for name in sorted(names)[:3])}" for why, names in sorted(odd.items())]
    return Content(files, times, "; ".join(told))


def _unusable(place, files, folders):
    """Why no folder can hold this file beside the others; else ""."""
    sizes = [len(part.encode("utf-8", "surrogateescape")) for part in place.parts]
    if not sizes or max(sizes) > LONGEST_NAME or sum(sizes) + len(sizes) > LONGEST_PLACE:
        return "since its name is too long"
    if place in folders or not files.keys().isdisjoint(place.parents):
        return "since it would be a file and a folder at once"
    return ""


def _short(name):
    return name if len(name) <= 60 else f"{name[:28]}…{name[-28:]}"


def _in_folder(folder):
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names + [name for name in folders if (Path(here) / name).is_symlink()]):
            path = Path(here) / name
            inside = PurePosixPath(_composed(path.relative_to(folder).as_posix()))
            if path.is_symlink():
                yield None, str(inside), None
            elif path.is_file():
                yield inside, _iso(path.stat().st_mtime), lambda most, path=path: _head(path.open("rb"), most)


def _in_zip(file):
    with zipfile.ZipFile(file) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            name = _composed(entry.filename.replace("\\", "/"))
            place = PurePosixPath(name)
            odd = place.is_absolute() or ".." in place.parts or re.match(r"[A-Za-z]:", name) or "\0" in name
            if odd or stat.S_ISLNK(entry.external_attr >> 16):
                yield None, name, None
            elif not entry.is_dir():
                yield place, _zip_time(entry), lambda most, entry=entry: _head(archive.open(entry), most)


def _zip_time(entry):
    try:
        return datetime.datetime(*entry.date_time, tzinfo=datetime.UTC).isoformat() if entry.date_time[0] > 1980 else ""
    except ValueError:
        return ""  # no such day


def _head(stream, most):
    with stream:
        return stream.read(most)


def _iso(seconds):
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""  # no such day


def _composed(name):
    return unicodedata.normalize("NFC", name)
