"""A course folder for the real nbgrader, with every exercise as an assignment and the settings that they need."""

import shutil
import tempfile
from pathlib import Path

from helpers.course import release

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "nbgrader_config.py"
SETTINGS = '''\
"""nbgrader's settings for the flight-delay workbook's exercises. Add your own below; nbgrader reads this in each command."""

from pathlib import Path

from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor

c = get_config()  # noqa: F821  (nbgrader gives it)

# The exercises come without their solutions. ClearSolutions would empty their cells once more, names of functions included.
c.GenerateAssignment.preprocessors = [step for step in GenerateAssignment().preprocessors if step is not ClearSolutions]

# Files that a learner writes or changes: autograding would put the empty ones back in their place.
ANSWERS = {answers}
c.Autograde.exclude_overwriting = {{name: [str(Path(file)) for file in files] for name, files in ANSWERS.items()}}


class DropLinks(NbGraderPreprocessor):
    """Weights & Biases leaves a link that leads nowhere; nbgrader, which sets the permissions of all files, fails at it."""

    def preprocess(self, nb, resources):
        for path in [path for path in Path(resources["metadata"]["path"]).rglob("*") if path.is_symlink()]:
            path.unlink()
        return nb, resources


c.Autograde.autograde_preprocessors = [*Autograde().autograde_preprocessors, DropLinks]

c.Execute.timeout = 300  # seconds for one cell; nbgrader's own 30 are short for a check that starts servers
'''


class NbgraderCourseError(Exception):
    """The course folder cannot be made; the message says why and what to do, and nothing was written."""


def make_course(course, root=ROOT):
    """Make a course folder: `source/NAME/` for every exercise, and `nbgrader_config.py`. All of it or nothing.

    Parameters
    ----------
    course : str or pathlib.Path
        The folder to make; it may be there if it is empty.
    root : pathlib.Path, optional
        The workbook's top. Its `solutions/` tell which files are a learner's to write.

    Returns
    -------
    list of str
        The names of the assignments, sorted.

    Raises
    ------
    NbgraderCourseError
        The folder holds something or cannot be written, or the workbook's exercises or solutions are absent.
    """
    course, root = Path(course).absolute(), Path(root)
    if course.exists() and (not course.is_dir() or any(course.iterdir())):
        raise NbgraderCourseError(f"{course} is there and not empty, so it is left as it is: name another folder.")
    for name in ("exercises", "solutions"):
        if not (root / name).is_dir():
            raise NbgraderCourseError(f"{root / name} is absent: a course is made in a whole copy of the workbook.")
    try:
        course.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=course.parent, prefix=".course-") as folder:
            new = Path(folder) / "new"
            names = _copy(root / "exercises", new / "source")
            (new / CONFIG).write_text(SETTINGS.format(answers=_listed(answer_files(root))), encoding="utf-8")
            if course.exists():
                course.rmdir()
            new.replace(course)
    except OSError as error:
        raise NbgraderCourseError(f"{course} could not be made ({type(error).__name__}: {error}).") from error
    return names


def answer_files(root):
    """Find the files beside a notebook that a learner writes or changes: those with a region in the solution.

    Parameters
    ----------
    root : pathlib.Path
        The workbook's top.

    Returns
    -------
    dict of str to list of str
        By assignment, sorted: each file from the exercise's own folder, with `/`. Exercises without such files are left out.
    """
    found = {}
    for relative in release.source_files(root / "exercises"):
        solved = root / "solutions" / relative
        own = len(relative.parts) > 1 and relative.suffix != ".ipynb" and solved.exists()
        if own and solved.read_bytes() != (root / "exercises" / relative).read_bytes():
            found.setdefault(relative.parts[0], []).append(Path(*relative.parts[1:]).as_posix())
    return found


def _copy(exercises, source):
    """nbgrader wants a folder for each assignment, also where there is but a notebook."""
    for relative in release.source_files(exercises):
        inside = relative if len(relative.parts) > 1 else Path(relative.stem, relative)
        (source / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(exercises / relative, source / inside)
    return sorted(path.name for path in source.iterdir())


def _listed(files):
    lines = [f"    {name!r}: {names!r}," for name, names in files.items()]
    return "\n".join(["{", *lines, "}"])
