"""A copy of the course as a learner's process may see it: the helpers without the judges, and no solutions."""

import atexit
import compileall
import functools
import hashlib
import re
import shutil
import tempfile
import threading
from pathlib import Path

from helpers.course import install, release
from helpers.course.grading import probes

LEFT_OUT = shutil.ignore_patterns("__pycache__", "classroom_files", "handbook_files", "slides_files")  # pages of the instructor's
_BY_ONE = threading.Lock()  # several boxes begin at once, and the second should wait for the first one's copy


def folder(root=install.ROOT):
    """Make the copy, once a process; it goes when the process ends.

    In it: `helpers` with cut-down question banks, `exercises` as they are handed out, and the same again as `solutions`,
    for the questions that compare a file with what was handed out.

    Parameters
    ----------
    root : pathlib.Path, optional
        The workbook's folder.

    Returns
    -------
    pathlib.Path
    """
    with _BY_ONE:
        return _made(root)


@functools.cache
def _made(root):
    copy = Path(tempfile.mkdtemp(prefix="workbook-course-")).resolve()
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    shutil.copytree(root / "helpers", copy / "helpers", ignore=LEFT_OUT)
    for name, text in probes.without_judges(used_by_exercises(root)).items():
        (copy / "helpers" / "course" / "bank" / name).write_text(text, encoding="utf-8")
    for name in ("exercises", "solutions"):
        for place in release.source_files(root / "exercises"):
            made = copy / name / place
            made.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / "exercises" / place, made)
    compileall.compile_dir(copy / "helpers", quiet=2)  # or each process would, again and again: it may not write here
    return copy


def used_by_exercises(root=install.ROOT):
    """What exercises take from question banks, to set something up: of `q42b.write_repository(…)`, module and name.

    Parameters
    ----------
    root : pathlib.Path, optional

    Returns
    -------
    list of (str, str)
        Sorted.
    """
    texts = [path.read_text(encoding="utf-8") for path in (root / "exercises").rglob("*.ipynb")]
    return sorted({found for text in texts for found in re.findall(r"\b(q\d\d\w?)\.(\w+)", text)})


@functools.cache
def fingerprint(root=install.ROOT):
    """What a grade depends on beside the submission: the helpers, the exercises and the lock.

    Parameters
    ----------
    root : pathlib.Path, optional

    Returns
    -------
    str
        Hexadecimal.
    """
    told = hashlib.sha256()
    files = [root / "requirements.lock"]
    for top in ("helpers", "exercises"):
        files += [root / top / place for place in release.source_files(root / top)]
    for file in files:
        told.update(file.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return told.hexdigest()
