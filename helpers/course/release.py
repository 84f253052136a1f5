"""Makes `exercises/` from `solutions/`, the only hand-written source of an exercise."""

import json
import re
import shutil
import tempfile
from pathlib import Path

from helpers.course import regions

PASSED_OVER = {"__pycache__", ".ipynb_checkpoints", ".virtual_documents", "work", "model", "build", ".DS_Store"}  # made by a run
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class ReleaseError(Exception):
    """The exercises cannot be made; the message names the file and the cell, and nothing was written."""


def make_exercises(solutions, exercises):
    """Make the exercises anew, all of them or none.

    Notebooks lose what is between the marks of a region, their outputs, and every cell tagged `solution`; they gain
    nbgrader's metadata. Other text files lose their regions; everything else is copied.

    Parameters
    ----------
    solutions : pathlib.Path
        The folder to read.
    exercises : pathlib.Path
        The folder to make. One that is there is replaced: what has no source in `solutions` vanishes.

    Returns
    -------
    list of pathlib.Path
        The files made, relative to `exercises`, sorted.

    Raises
    ------
    ReleaseError
        A solution is not as it should be, or the folder cannot be written. What was there stays.
    """
    solutions, exercises = Path(solutions), Path(exercises)
    if not solutions.is_dir():
        raise ReleaseError(f"{solutions} is no folder: the exercises are made from it.")
    try:
        exercises.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=exercises.parent, prefix=".exercises-") as folder:
            new = Path(folder) / "new"
            new.mkdir()
            made = [_make_file(solutions, relative, new) for relative in source_files(solutions)]
            _swap(new, exercises, Path(folder) / "old")
    except OSError as error:
        raise ReleaseError(f"{exercises} could not be made ({type(error).__name__}: {error}).") from error
    return made


def source_files(folder):
    """Find the files of a folder that are written by hand.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    list of pathlib.Path
        Relative to `folder`, sorted; without what running a notebook leaves there.
    """
    files = [path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file()]
    return sorted(path for path in files if not PASSED_OVER & set(path.parts) and path.suffix != ".pyc")


def exercise_notebook(text):
    """Make the exercise of one notebook.

    Parameters
    ----------
    text : str
        The solved notebook.

    Returns
    -------
    str
        The notebook to be solved. The same text gives the same, to the byte.

    Raises
    ------
    ReleaseError
        Names the cell, from 1.
    """
    import nbformat

    notebook = _read(text)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    _mark(notebook.cells)
    _empty(notebook.cells)
    notebook.cells = [cell for cell in notebook.cells if not _only_solved(cell)]
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def _make_file(solutions, relative, new):
    source, made = solutions / relative, new / relative
    made.parent.mkdir(parents=True, exist_ok=True)
    raw = source.read_bytes()
    try:
        text = raw.decode("utf-8")
        if source.suffix == ".ipynb":
            text = exercise_notebook(text)
        elif source.suffix == ".py":
            text = regions.emptied(text)
        else:
            text = regions.emptied_plain(text)
        raw = text.encode("utf-8")
    except UnicodeDecodeError:
        if source.suffix in (".ipynb", ".py"):
            raise ReleaseError(f"{relative.as_posix()}: is not UTF-8. Nothing was written.") from None
    except (ReleaseError, regions.RegionError) as error:
        raise ReleaseError(f"{relative.as_posix()}: {str(error).rstrip('.')}. Nothing was written.") from None
    made.write_bytes(raw)
    shutil.copymode(source, made)
    return relative


def _read(text):
    import nbformat

    try:
        raw = json.loads(text)
        version = (raw["nbformat"], raw["nbformat_minor"])
        ids = [cell.get("id") for cell in raw["cells"]]
        if version < (4, 5) or None in ids or len(set(ids)) < len(ids):
            raise ReleaseError("a cell has no id of its own: open it in JupyterLab and save it once")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError) as error:
        raise ReleaseError(f"is no notebook that can be read ({type(error).__name__}: {str(error).splitlines()[0]})") from None
    return notebook


def _empty(cells):
    """Take the regions out of the cells, in place; backwards, since a stub is made for what later cells read."""
    read = set()
    for number, cell in reversed(list(enumerate(cells, start=1))):
        if cell.cell_type == "code" and not _only_solved(cell):
            try:
                earlier = read | regions.names_read(cell.source)
                cell.source = _emptied_cell(cell.source, read)
                read = earlier
            except regions.RegionError as error:
                raise ReleaseError(f"cell {number}, {error}") from None


def _emptied_cell(source, read):
    if source.lstrip().startswith("%%"):
        return regions.emptied_plain(source)  # such as %%writefile: a text of another kind
    return regions.emptied(source, read)


def _mark(cells):
    """Give the cells of each question nbgrader's metadata, in place, by the regions that are still in them."""
    answers, done = [], set()  # the cells with regions since the last check; the questions met
    for number, cell in enumerate(cells, start=1):
        if _only_solved(cell):
            continue
        try:
            found, checked = bool(regions.find_regions(cell.source)), []
            if cell.cell_type == "code":
                checked = regions.checked_questions(cell.source)
            _refuse_odd(cell, found, checked, done)
        except regions.RegionError as error:
            raise ReleaseError(f"cell {number}, {error}") from None
        if found:
            answers.append((number, cell))
        if checked:
            done.update(checked)
            _mark_question(checked[0], [cell for _, cell in answers], cell)
            answers = []
    if answers:
        raise ReleaseError(f'cell {answers[0][0]}, its region belongs to no question: write check("…", …) in a later cell')
    if not done:
        raise ReleaseError('it asks no question: write check("…", …) in a cell')


def _refuse_odd(cell, found, checked, done):
    if found and cell.cell_type != "code":
        raise regions.RegionError("a region stands in text: tag the whole cell `solution` instead")
    if found and checked:
        raise regions.RegionError("a region and a check stand together: give the check a cell of its own")
    if len(checked) > 1:
        raise regions.RegionError(f"{' and '.join(checked)} are checked together: give each a cell of its own")
    if done & set(checked):
        raise regions.RegionError(f"{checked[0]} is checked for the second time: check it once")


def _mark_question(question_id, answers, check):
    name = re.sub(r"[^a-zA-Z0-9_-]", "-", question_id)  # nbgrader allows no dot
    for count, cell in enumerate(answers, start=1):
        grade_id = f"{name}-answer" + (f"-{count}" if count > 1 else "")
        cell.metadata["nbgrader"] = _nbgrader(grade_id, solution=True)
    check.metadata["nbgrader"] = {**_nbgrader(f"{name}-check", solution=False), "points": 1}


def _nbgrader(grade_id, solution):
    """A cell for the answer, or else one that grades it."""
    return {
        "schema_version": 3,
        "grade_id": grade_id,
        "solution": solution,
        "grade": not solution,
        "locked": not solution,
        "task": False,
    }


def _only_solved(cell):
    return "solution" in cell.metadata.get("tags", [])


def _swap(new, exercises, old):
    if exercises.exists():
        exercises.replace(old)
    try:
        new.replace(exercises)
    except OSError:
        if old.exists():
            old.replace(exercises)
        raise
