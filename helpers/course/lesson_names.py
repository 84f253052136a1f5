"""The lessons that have questions, named as a learner knows them."""

import json
import re
from pathlib import Path

from helpers.course import asking


def lessons():
    """Every lesson and its questions.

    Returns
    -------
    dict of str to dict of str to str
        By name, such as "22a · MLflow", in the course's order: the questions' titles by id.
    """
    return {
        _heading(lesson, questions): {question_id: question.title for question_id, question in questions.items()}
        for lesson, questions in asking.catalogue().items()
    }


def _heading(lesson, questions):
    """Of "# 22a · MLflow: every run leaves a record" what stands before the colon; an exercise's where no lesson has this number.

    The bare number if there is neither.
    """
    root = Path(__file__).resolve().parents[2]
    exercises = {root / "exercises" / Path(question.notebook).relative_to("solutions") for question in questions.values()}
    in_folders = (root / "exercises").glob(f"{lesson}_*/{lesson}_*.ipynb")  # of files to be written; the notebook lies beside
    for notebook in [*sorted((root / "notebooks").glob(f"{lesson}_*.ipynb")), *sorted(exercises), *sorted(in_folders)]:
        if notebook.suffix == ".ipynb" and notebook.exists():
            cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
            found = re.search(r"^# (?:Exercise )?([^:\n]+)", "".join(cells[0]["source"]))
            if found:
                return found[1].strip()
    return lesson
