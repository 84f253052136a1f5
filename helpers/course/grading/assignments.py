"""The exercises as assignments: their questions, and what each question's check looks at."""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

from helpers.course import install, regions, release


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes
    ----------
    name : str
        Of the notebook, such as "22a_mlflow".
    title : str
        For people, such as "Exercise 22a · MLflow".
    notebook : str
        Its place below `exercises`.
    folder : bool
        Whether it is a folder of its own, with files to write.
    questions : dict of str to str
        By id, in the notebook's order, the expression that its check looks at.
    """

    name: str
    title: str
    notebook: str
    folder: bool
    questions: dict

    def files(self, root=install.ROOT):
        """What is handed out beside the notebook.

        Parameters
        ----------
        root : pathlib.Path, optional

        Returns
        -------
        dict of str to bytes
            By place below the notebook's folder; empty for a notebook alone.
        """
        if not self.folder:
            return {}
        here = (root / "exercises" / self.notebook).parent
        places = [place for place in release.source_files(here) if place.suffix != ".ipynb"]
        return {place.as_posix(): (here / place).read_bytes() for place in places}


def exercises(root=install.ROOT):
    """Every exercise there is.

    Parameters
    ----------
    root : pathlib.Path, optional
        The workbook's folder.

    Returns
    -------
    dict of str to Exercise
        By name, sorted.
    """
    found = sorted((root / "exercises").rglob("*.ipynb"), key=lambda path: path.stem)
    found = [path for path in found if not release.PASSED_OVER & set(path.relative_to(root).parts)]
    return {path.stem: _exercise(path, root) for path in found}


def _exercise(path, root):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    title = re.search(r"^# (.+)", "".join(cells[0]["source"]))
    questions = {}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and regions.checked_questions(source):
            questions |= _checks(source)
    place = path.relative_to(root / "exercises")
    return Exercise(path.stem, title[1].strip() if title else path.stem, place.as_posix(), len(place.parts) > 1, questions)


def _checks(source):
    """The answers' expressions in a cell that checks: of `check("22a.1", record)`, `record`."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    calls = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "check" and len(call.args) == 2]
    return {ast.literal_eval(call.args[0]): ast.unparse(call.args[1]) for call in calls}


def chosen(every, words):
    """Choose exercises by the beginnings of their names.

    Parameters
    ----------
    every : dict of str to Exercise
    words : list of str
        None at all chooses every one.

    Returns
    -------
    dict of str to Exercise

    Raises
    ------
    KeyError
        No name begins with one of the words; it holds that word.
    """
    if not words:
        return every
    found = set()
    for word in words:
        fits = {name for name in every if name.startswith(Path(word).stem)}
        if not fits:
            raise KeyError(word)
        found |= fits
    return {name: every[name] for name in every if name in found}
