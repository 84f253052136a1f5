"""`python -m helpers progress`: one's own progress, and where its file is; with a folder of such files, a class's."""

import datetime
import os
import sys
import tempfile
from pathlib import Path

from helpers.course import class_files, class_view, classroom, lesson_names, progress

HAND_OVER = """
Your progress file: {file}
It lies on this machine alone. To hand it over, make a copy under your name and send that to your instructor:
    python -m helpers progress --copy your_name.json
It holds which questions you tried, when and with which outcome, and which hints and solutions you saw: no answer, no name."""


class ProgressError(Exception):
    """Nothing could be shown or written; the message says why, and nothing was changed."""


def main(folder, out, copy):
    """Do the job.

    Parameters
    ----------
    folder : str or None
        Of the class's files; None for one's own.
    out : str
        The page to write, if there is a folder.
    copy : str or None
        Where one's own file is to be copied to.

    Returns
    -------
    int
        0; 1 where nothing could be shown or written; 2 where that was asked in a way that cannot be.
    """
    if folder and copy:
        return _say("Name a folder, to see a class, or --copy FILE, to copy your own progress: not both.", 2)
    try:
        if copy:
            print(f"Copied to {copy_own(copy)}. Send this file to your instructor.")
        elif folder:
            _print(_class(folder, out))
        else:
            _print(own())
    except (ProgressError, class_files.ClassError) as error:
        return _say(error, 1)
    return 0


def own():
    """Tell of one's own progress.

    Returns
    -------
    str
        A line a lesson, where the file is, and how it is handed over.
    """
    file = progress.folder() / "progress.json"
    if not file.exists():
        return f"There is no progress on this machine yet: the first `check` in an exercise begins it, in {file}."
    return f"{progress.show()}\n{HAND_OVER.format(file=file)}"


def copy_own(to):
    """Copy one's own progress file, to hand it over.

    Parameters
    ----------
    to : path-like
        Must not be there yet.

    Returns
    -------
    pathlib.Path
        The copy, absolute.

    Raises
    ------
    ProgressError
        There is no progress, something is at `to`, or it cannot be written.
    """
    to = Path(to).absolute()
    file = progress.folder() / "progress.json"
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise ProgressError(f"There is no progress on this machine yet ({file} is absent): nothing to copy.") from None
    except OSError as error:
        raise ProgressError(f"{file} cannot be read ({error.strerror}).") from error
    if to.exists():
        raise ProgressError(f"{to} is there already, so it is left as it is: name another file.")
    _write(to, content)
    return to


def _class(folder, out):
    out = Path(out).absolute()
    _refuse_others(out)
    now = datetime.datetime.now(datetime.UTC)
    room = class_view.look(folder, lesson_names.lessons(), now)
    _write(out, class_view.page(room, now).encode("utf-8"))
    return f"{class_view.as_text(room)}\nOpen {out} in a browser. Nothing was sent anywhere."


def _refuse_others(out):
    """Whatever is no such page is not ours to replace."""
    try:
        with out.open("rb") as stream:
            begin = stream.read(1000)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ProgressError(f"{out} cannot be written ({error.strerror}): name a file that ends in .html.") from error
    if f'content="{class_view.MADE_BY}"'.encode() not in begin:
        raise ProgressError(f"{out} is not a page that this command made, so it is left as it is: name another file.")


def _write(to, content):
    """Whole or not at all."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=to.parent, prefix=".progress-", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(part).replace(to)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise ProgressError(f"{to} cannot be written ({error.strerror}).") from error


def _print(text):
    """Also where the terminal has no sign for a letter."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def _say(message, code):
    print(classroom.shown(message, 1000), file=sys.stderr)
    return code
