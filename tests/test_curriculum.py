"""Every bullet of the curriculum's finished sections is taught in a cell and practised by a question."""

import pytest

from helpers.course import asking, regions
from tests.curriculum import CURRICULUM
from tests.notebook_files import ROOT, code_cells, found, read

BULLETS = [(section, bullet) for section, bullets in CURRICULUM.items() for bullet in bullets]
KNOWN = {question_id: question for questions in asking.catalogue().values() for question_id, question in questions.items()}


@pytest.mark.parametrize(("section", "bullet"), BULLETS)
def test_a_bullet_is_taught_and_practised(section, bullet):
    cells, questions = CURRICULUM[section][bullet]
    assert cells and questions, "a hole: nothing teaches it, or nothing practises it"
    for name, cell_id in cells:
        ids = [cell.id for cell in read(f"notebooks/{name}.ipynb").cells]
        assert cell_id in ids, f"{name} has no cell {cell_id!r}; it has {', '.join(ids)}"
    for question_id in questions:
        assert question_id in KNOWN, f"there is no question {question_id}"
        place = ROOT / KNOWN[question_id].notebook.replace("solutions/", "exercises/", 1)
        folder = ROOT.joinpath(*place.relative_to(ROOT).parts[:2])
        notebooks = [place] if place.suffix == ".ipynb" else list(folder.glob("*.ipynb"))  # its answer is a file in that folder
        cells = [cell for notebook in notebooks for cell in code_cells(read(notebook))]
        asked = [asked for cell in cells for asked in regions.checked_questions(cell.source)]
        assert question_id in asked, f"{question_id} is asked nowhere"


def test_every_lesson_and_every_question_serves_a_bullet():
    taught = {f"notebooks/{name}.ipynb" for cells, _ in each() for name, _ in cells}
    practised = {question_id for _, questions in each() for question_id in questions}
    assert set(found("notebooks")) - taught == {"notebooks/00_start_here.ipynb"}
    assert {question_id for question_id in KNOWN if not question_id.startswith("00.")} == practised


@pytest.mark.parametrize("page", ["README.md", "notebooks/00_start_here.ipynb"])
def test_every_lesson_and_exercise_is_linked_on_the_first_pages(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in found("notebooks", "exercises"):
        folder, file = name.split("/", 1)
        if page != name:
            assert f"({name})" in text or f"(../{name})" in text or f"({file})" in text and folder == "notebooks", name


def each():
    return [entry for bullets in CURRICULUM.values() for entry in bullets.values()]
