"""How lessons and exercises read: the budgets and the parts that every one of them has."""

import ast
import itertools
import json
import re
import statistics

import pytest

from helpers.course import system
from tests.notebook_files import ROOT, code_cells, found, prose, read

LESSONS, SOLUTIONS, EXERCISES = found("notebooks"), found("solutions"), found("exercises")
EVERY = LESSONS + SOLUTIONS + EXERCISES

MACHINE_PATH = re.compile(r"/(?:home|Users|root|work|tmp|private|var)/[\w.-]+|[A-Z]:\\\\?Users")
ADDRESS = re.compile(r"https?://(?!127\.0\.0\.1|localhost)[\w.-]+")
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
NO_WORDS = re.compile(r"\b(simply|obviously|awesome|powerful|leverage|delve|seamless\w*)\b", re.IGNORECASE)


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def test_there_are_lessons_solutions_and_exercises():
    assert LESSONS and SOLUTIONS and EXERCISES


@pytest.mark.parametrize("name", LESSONS)
def test_cells_are_small_and_led_by_prose(name):
    notebook = read(name)
    code = code_cells(notebook)
    sizes = [len(lines(cell)) for cell in code]
    kinds = [cell.cell_type for cell in notebook.cells]
    led = sum(before == "markdown" and kind == "code" for before, kind in itertools.pairwise(kinds))
    longest = max(len(list(group)) for kind, group in itertools.groupby(kinds) if kind == "code")
    assert 8 <= len(code) <= 26
    assert statistics.median(sizes) <= 5 and max(sizes) <= 25
    assert led / len(code) >= 0.75 and longest <= 3


@pytest.mark.parametrize("name", LESSONS + SOLUTIONS)
def test_the_first_code_cell_holds_parameters_as_plain_literals(name):
    first = code_cells(read(name))[0]
    assert first.metadata.get("tags") == ["parameters"]
    for statement in ast.parse(first.source).body:
        assert isinstance(statement, ast.Assign) and statement.targets[0].id.isupper()
        names = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
        assert names <= {"list", "range"}
    assert all("#" in line for line in lines(first)), "each parameter says what it is, and its unit"


@pytest.mark.parametrize(("before", "name"), itertools.pairwise(LESSONS))
def test_neighbours_lead_to_each_other(before, name):
    onward, back = (read(each).cells[-1].source.splitlines()[-1] for each in (before, name))
    assert re.search(rf"\[[^]]+\]\({re.escape(name.split('/')[-1])}\) →$", onward)
    assert re.search(rf"^← \[[^]]+\]\({re.escape(before.split('/')[-1])}\)", back)


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_has_its_parts(name):
    notebook, text, stem = read(name), prose(read(name)), name.split("/")[-1].removesuffix(".ipynb")
    opening = notebook.cells[0].source
    assert opening.startswith(f"# {stem.split('_')[0]} · ")
    assert "**Time:**" in opening and "**What runs here:**" in opening and f"](pictures/{stem}.svg)" in opening
    assert 2 <= len(re.findall(r"^- \*\w[\w ]*\*", opening, re.MULTILINE)) <= 4, "2 to 4 objectives, each led by its verb"
    assert text.count("**Predict:**") >= 3
    recap, state = text.index("## Recap"), text.index("**The state of the system**")
    assert recap < state and f"](../exercises/{stem}" in text[state:]
    assert stem == "00_start_here" or ("## What goes wrong" in text and "## Failure drill" in text)


@pytest.mark.parametrize("name", LESSONS)
def test_the_picture_of_the_system_is_the_drawn_one(name):
    stem = name.split("/")[-1].removesuffix(".ipynb")
    stored = (ROOT / "notebooks" / "pictures" / f"{stem}.svg").read_text(encoding="utf-8")
    assert stored == system.picture(system.LIT[stem])


@pytest.mark.parametrize("name", LESSONS)
def test_plots_have_a_claim_and_units(name):
    for cell in code_cells(read(name)):
        if "plt.subplots(" in cell.source:
            assert cell.source.count("xlabel=") == cell.source.count("ylabel=") == cell.source.count("title=") >= 1
            assert "label=" in cell.source and cell.source.rstrip().endswith("plt.show()")


@pytest.mark.parametrize("name", EVERY)
def test_links_lead_somewhere_and_pictures_have_words(name):
    for words, target in re.findall(r"\[([^\]]*)\]\(([^)]+)\)", prose(read(name))):
        assert words.strip()
        if not target.startswith(("http", "#")):
            assert ((ROOT / name).parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("name", EVERY)
def test_the_text_is_plain(name):
    text = prose(read(name))
    assert not NO_WORDS.findall(text) and not EMOJI.findall(text)


@pytest.mark.parametrize("name", EVERY)
def test_the_code_keeps_to_this_machine_and_to_the_house(name):
    source = "\n".join(cell.source for cell in code_cells(read(name)))
    assert not ADDRESS.findall(source) and not MACHINE_PATH.findall(source)
    for forbidden in ("sys.path", "shell=True", 'filterwarnings("ignore")', "filterwarnings('ignore')", "os.system("):
        assert forbidden not in source
    assert not re.search(r"^\s*[!%]", source, re.MULTILINE), "no shell lines and no magics: they do not run everywhere"


@pytest.mark.parametrize("name", EVERY)
def test_outputs_are_small_and_name_no_machine(name):
    for cell in code_cells(read(name)):
        stored = json.dumps(cell.outputs)
        assert len(stored) < 1_000_000
        assert not MACHINE_PATH.findall(re.sub(r'"image/[^"]+": "[^"]+"', "", stored))


@pytest.mark.parametrize("name", EVERY)
def test_metadata_is_the_same_for_everyone(name):
    notebook = read(name)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"} and "version" not in notebook.metadata.language_info
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(set(cell.metadata) <= {"tags", "nbgrader", "editable", "slideshow"} for cell in notebook.cells)


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_is_stored_empty(name):
    assert all(cell.execution_count is None and not cell.outputs for cell in code_cells(read(name)))
    assert "SOLUTION" not in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_has_an_exercise(name):
    stem = name.split("/")[-1].removesuffix(".ipynb")
    assert any(exercise.split("/")[1].startswith(stem.split("_")[0]) for exercise in EXERCISES)
