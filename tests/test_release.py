"""helpers.course.release: exercises are made from solutions, all or none, and run untouched."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import nbclient
import nbformat
import pytest

from helpers.course import regions, release
from helpers.course.release import ReleaseError, make_exercises

ROOT = Path(__file__).resolve().parents[1]

# What nbgrader 0.9 wants of a cell's metadata, its version 3.
NBGRADER = {
    "type": "object",
    "properties": {
        "schema_version": {"type": "integer", "minimum": 3, "maximum": 3},
        **{name: {"type": "boolean"} for name in ("grade", "locked", "solution", "task")},
        "grade_id": {"type": "string", "pattern": r"^[a-zA-Z0-9_\-]+$"},
        "points": {"type": "number", "minimum": 0},
    },
    "required": ["schema_version", "grade", "locked", "solution", "task", "grade_id"],
    "additionalProperties": False,
}

FUNCTION = """def double(x):
    \"\"\"Twice as much.\"\"\"
    ### BEGIN SOLUTION
    secret = 2
    return secret * x
    ### END SOLUTION"""
VALUES = """import math
### BEGIN SOLUTION
secret = 21
low, (high, *rest) = secret, (2, 3)
for place in range(3):
    total = place
with open("x") as stream:
    pass
def helper(): inner = 1
### END SOLUTION
print(high)"""


def notebook(*cells, **metadata):
    """Text cells begin with `#`; ids are numbers, as JupyterLab would not give them, but stable."""
    made = []
    for number, cell in enumerate(cells):
        source, tags = cell if isinstance(cell, tuple) else (cell, [])
        new = nbformat.v4.new_markdown_cell if source.startswith("# ") else nbformat.v4.new_code_cell
        made.append(new(source, id=f"cell-{number}", metadata={"tags": tags} if tags else {}))
    return nbformat.v4.new_notebook(cells=made, metadata=metadata)


def write(path, *cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(*cells), path)


@pytest.fixture
def solutions(tmp_path):
    folder = tmp_path / "solutions"
    write(
        folder / "99_demo.ipynb",
        "# Title",
        ("MONTH = 1  # of 2013", ["parameters"]),
        FUNCTION,
        'check("99.1", double)',
        VALUES,
        ("# Why this is right", ["solution"]),
        "total + 1 if total is not ... else stream",
        'check("99.2", low)',
    )
    return folder


def made(solutions):
    make_exercises(solutions, solutions.parent / "exercises")
    return nbformat.read(solutions.parent / "exercises" / "99_demo.ipynb", as_version=4)


def refused(solutions):
    """The message; and nothing was touched."""
    exercises = solutions.parent / "exercises"
    before = tree(exercises)
    with pytest.raises(ReleaseError) as error:
        make_exercises(solutions, exercises)
    assert tree(exercises) == before and not list(solutions.parent.glob(".exercises*"))
    assert "\n" not in str(error.value)
    return str(error.value)


def tree(folder):
    return {path.as_posix(): (folder / path).read_bytes() for path in release.source_files(folder)} if folder.exists() else None


# --- notebooks -----------------------------------------------------------------------------------------------------------


def test_regions_give_way_to_stubs(solutions):
    cells = made(solutions).cells
    assert cells[2].source == 'def double(x):\n    """Twice as much."""\n    # your code here\n    raise NotImplementedError'
    assert cells[4].source == "import math\n# your code here\nlow = ...\nhigh = ...\ntotal = ...\nstream = ...\nprint(high)"
    assert "secret" not in nbformat.writes(made(solutions))


def test_cells_only_for_the_solution_are_dropped_and_the_others_keep_their_ids(solutions):
    cells = made(solutions).cells
    assert [cell.id for cell in cells] == ["cell-0", "cell-1", "cell-2", "cell-3", "cell-4", "cell-6", "cell-7"]
    assert cells[1].metadata == {"tags": ["parameters"]}


def test_nothing_of_this_machine_is_kept(solutions):
    path = solutions / "99_demo.ipynb"
    ran = nbformat.read(path, as_version=4)
    ran.metadata = nbformat.from_dict(
        {
            "papermill": {"input_path": "/home/me"},
            "kernelspec": {"name": "mine", "display_name": "Mine"},
            "language_info": {"name": "python", "version": "3.99"},
        }
    )
    for cell in ran.cells:
        cell.metadata["execution"] = {"iopub.execute_input": "2013-01-31"}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text="42")], 3
    nbformat.write(ran, path)
    exercise = made(solutions)
    assert exercise.metadata == release.NOTEBOOK_METADATA
    assert all(not cell.outputs and cell.execution_count is None for cell in exercise.cells if cell.cell_type == "code")
    assert all(set(cell.metadata) <= {"tags", "nbgrader"} for cell in exercise.cells)


def test_nbgraders_metadata(solutions):
    cells = [cell for cell in made(solutions).cells if "nbgrader" in cell.metadata]
    for cell in cells:
        jsonschema.validate(cell.metadata["nbgrader"], NBGRADER)
    assert [cell.metadata["nbgrader"]["grade_id"] for cell in cells] == ["99-1-answer", "99-1-check", "99-2-answer", "99-2-check"]
    assert [cell.metadata["nbgrader"].get("points") for cell in cells] == [None, 1, None, 1]
    assert all(meta["grade"] == meta["locked"] != meta["solution"] for meta in (cell.metadata["nbgrader"] for cell in cells))


def test_two_cells_may_answer_one_question(solutions):
    write(solutions / "99_demo.ipynb", VALUES, FUNCTION, 'check("99.1", low)')
    ids = [cell.metadata["nbgrader"]["grade_id"] for cell in made(solutions).cells]
    assert ids == ["99-1-answer", "99-1-answer-2", "99-1-check"]


def test_a_check_needs_no_region(solutions):
    write(solutions / "99_demo.ipynb", 'check("30.1", "app.py")')  # the answer is a file
    assert made(solutions).cells[0].metadata["nbgrader"]["grade_id"] == "30-1-check"


def test_twice_gives_the_same_bytes(solutions, tmp_path):
    for _ in range(2):
        make_exercises(solutions, tmp_path / "one")
    make_exercises(solutions, tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    make_exercises(tmp_path / "one", tmp_path / "three")  # an exercise has no regions left, and stays as it is
    stays = json.loads((tmp_path / "three" / "99_demo.ipynb").read_text(encoding="utf-8"))
    assert [cell["source"] for cell in stays["cells"]] == [
        cell["source"] for cell in json.loads(tree(tmp_path / "one")["99_demo.ipynb"])["cells"]
    ]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (
            "with open() as f:\n    ### BEGIN SOLUTION\n    a = 1\n    ### END SOLUTION\na",
            "with open() as f:\n    # your code here\n    a = ...\na",
        ),
        ("for x in y:\n    ### BEGIN SOLUTION\n    a = 1\n    ### END SOLUTION", "for x in y:\n    # your code here\n    ..."),
        (
            "class A:\n    def f(self):\n        ### BEGIN SOLUTION\n        return 1\n        ### END SOLUTION\n\n    b = 1",
            "class A:\n    def f(self):\n        # your code here\n        raise NotImplementedError\n\n    b = 1",
        ),
        (
            "async def f():\n    if x:\n        ### BEGIN SOLUTION\n        await y\n        ### END SOLUTION\n    return 1",
            "async def f():\n    if x:\n        # your code here\n        raise NotImplementedError\n    return 1",
        ),
        ("### BEGIN SOLUTION\nimport os\na = 1\n### END SOLUTION\n", "# your code here\n"),
        (
            "### BEGIN SOLUTION\ndef f():\n    a = 1\nclass B: pass\n### END SOLUTION\nf, B, a",
            "# your code here\nf = ...\nB = ...\nf, B, a",
        ),
        (
            "### BEGIN SOLUTION\na: int = 1\n(b := 2)\na += 1\n### END SOLUTION\nf'{a} {b}'",
            "# your code here\na = ...\nb = ...\nf'{a} {b}'",
        ),
        (
            "a = 1\n### BEGIN SOLUTION\nx = [a for a in b]\n### END SOLUTION\nx\n"
            "### BEGIN SOLUTION\ny = 1\n### END SOLUTION\ny, a",
            "a = 1\n# your code here\nx = ...\nx\n# your code here\ny = ...\ny, a",
        ),
        (
            "!ls\n%matplotlib inline\n### BEGIN SOLUTION\n%time x = 1\n### END SOLUTION",
            "!ls\n%matplotlib inline\n# your code here",
        ),
        ("### BEGIN SOLUTION\nx = '\u2028'\n### END SOLUTION\r\nx", "# your code here\nx = ...\r\nx"),
        ("await f()\n### BEGIN SOLUTION\nx = (1\n    % 2)\n### END SOLUTION\nx", "await f()\n# your code here\nx = ...\nx"),
    ],
)
def test_stubs(source, wanted):
    assert regions.emptied(source) == wanted


def test_names_that_only_other_regions_read_get_no_stub(solutions):
    region = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
    write(solutions / "99_demo.ipynb", region.format("a = 1"), "check('9.1', 1)", region.format("b = a"), "check('9.2', b)")
    assert [cell.source for cell in made(solutions).cells][::2] == ["# your code here", "# your code here\nb = ..."]


def test_a_cell_of_another_language(solutions):
    write(solutions / "99_demo.ipynb", "%%writefile app.yml\na: 1\n### BEGIN SOLUTION\nb: [\n### END SOLUTION", "check('9.1', 1)")
    assert made(solutions).cells[0].source == "%%writefile app.yml\na: 1\n# your code here"


# --- plain files ---------------------------------------------------------------------------------------------------------


def test_plain_files_and_folders(solutions):
    app = solutions / "30_mini_project" / "app.py"
    write(app.parent / "30_mini_project.ipynb", 'check("30.1", 1)')
    app.write_text(FUNCTION + "\n", encoding="utf-8")
    (app.parent / ".github").mkdir()
    (app.parent / ".github" / "on.yml").write_bytes(
        b"on: push\r\njobs:\r\n  ### BEGIN SOLUTION\r\n  test: 1\r\n  ### END SOLUTION\r\n"
    )
    (app.parent / "Dockerfile").write_text("FROM x\n### BEGIN SOLUTION\nRUN y\n### END SOLUTION")
    (app.parent / "logo.png").write_bytes(b"\x89PNG\xff")
    (app.parent / "run.sh").write_text("echo é\n", encoding="utf-8")
    (app.parent / "run.sh").chmod(0o755)
    for left in ("work/store.db", "__pycache__/app.pyc", ".ipynb_checkpoints/x.ipynb"):
        (app.parent / left).parent.mkdir()
        (app.parent / left).write_text("left there by a run")
    make_exercises(solutions, solutions.parent / "exercises")
    folder = solutions.parent / "exercises" / "30_mini_project"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        ".github/on.yml",
        "30_mini_project.ipynb",
        "Dockerfile",
        "app.py",
        "logo.png",
        "run.sh",
    ]
    assert (folder / "app.py").read_text() == regions.emptied(FUNCTION) + "\n"
    assert (folder / ".github" / "on.yml").read_bytes() == b"on: push\r\njobs:\r\n  # your code here\r\n"
    assert (folder / "Dockerfile").read_text() == "FROM x\n# your code here"
    assert (folder / "logo.png").read_bytes() == b"\x89PNG\xff"
    assert os.name == "nt" or os.access(folder / "run.sh", os.X_OK)


def test_what_has_no_source_vanishes(solutions):
    exercises = solutions.parent / "exercises"
    (exercises / "old").mkdir(parents=True)
    (exercises / "old" / "x.ipynb").write_text("old")
    assert make_exercises(solutions, exercises) == [Path("99_demo.ipynb")]
    assert list(tree(exercises)) == ["99_demo.ipynb"] and not (exercises / "old").exists()
    assert sorted(path.name for path in solutions.parent.iterdir()) == ["exercises", "solutions"]


# --- what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["x", "### BEGIN SOLUTION\nx = 1", "check('9.1', x)"], "99_demo.ipynb: cell 2, the region from line 1 is not closed"),
        (["x = 1\n### END SOLUTION", "check('9.1', x)"], "cell 1, line 2 ends a region that was never begun"),
        (
            ["### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "check('9.1', 1)"],
            "cell 1, line 2 begins a region within",
        ),
        (
            ["if x:\n    ### BEGIN SOLUTION\n    y\n### END SOLUTION", "check('9.1', 1)"],
            "cell 1, line 4 is not indented as line 2",
        ),
        (["## BEGIN SOLUTION\nx = 1\n### END SOLUTION", "check('9.1', x)"], "cell 1, line 1 is nearly a mark: ## BEGIN SOLUTION"),
        (["### begin solution\nx = 1", "check('9.1', x)"], "line 1 is nearly a mark"),
        (["x = 1  ### BEGIN SOLUTION", "check('9.1', x)"], "line 1 is nearly a mark"),
        (["### BEGIN SOLUTON\nx = 1", "check('9.1', x)"], "line 1 is nearly a mark"),
        (
            ["f(\n    ### BEGIN SOLUTION\n    a=1,\n    ### END SOLUTION\n    b=2)", "check('9.1', 1)"],
            "is no Python without its regions",
        ),
        (
            ["### BEGIN SOLUTION\nx = = 1\n### END SOLUTION", "check('9.1', x)"],
            "cell 1, line 2 is no Python as it stands (invalid syntax): x = = 1",
        ),
        (["### BEGIN SOLUTION\nx = 1\n### END SOLUTION"], "cell 1, its region belongs to no question"),
        (["check('9.1', 1)", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"], "cell 2, its region belongs to no question"),
        (["x = 1"], "99_demo.ipynb: it asks no question"),
        (["### BEGIN SOLUTION\nx = 1\n### END SOLUTION\ncheck('9.1', x)"], "cell 1, a region and a check stand together"),
        (["check('9.1', 1)\ncheck('9.2', 2)"], "cell 1, 9.1 and 9.2 are checked together"),
        (["check('9.1', 1)", "check('9.1', 1)"], "cell 2, 9.1 is checked for the second time"),
        (["# Text\n### BEGIN SOLUTION\nwhy\n### END SOLUTION", "check('9.1', 1)"], "cell 1, a region stands in text"),
    ],
)
def test_a_wrong_notebook_is_refused_in_one_line(solutions, cells, told):
    make_exercises(solutions, solutions.parent / "exercises")
    write(solutions / "99_demo.ipynb", *cells)
    (solutions / "00_earlier.txt").write_text("would be made first")
    message = refused(solutions)
    assert told in message and message.endswith("Nothing was written.")


def old_format(raw):
    raw["nbformat_minor"] = 4


def without_id(raw):
    del raw["cells"][2]["id"]


def twin_ids(raw):
    raw["cells"][2]["id"] = raw["cells"][1]["id"]


def no_cells(raw):
    del raw["cells"]


def odd_cell(raw):
    raw["cells"][0]["cell_type"] = "poem"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (old_format, "a cell has no id of its own"),
        (without_id, "a cell has no id of its own"),
        (twin_ids, "a cell has no id of its own"),
        (no_cells, "is no notebook that can be read (KeyError"),
        (odd_cell, "is no notebook that can be read (NotebookValidationError"),
    ],
)
def test_a_notebook_of_the_wrong_form_is_refused(solutions, change, told):
    path = solutions / "99_demo.ipynb"
    raw = json.loads(path.read_text(encoding="utf-8"))
    change(raw)
    path.write_text(json.dumps(raw), encoding="utf-8")
    assert f"99_demo.ipynb: {told}" in refused(solutions)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.ipynb", b"{", "a.ipynb: is no notebook that can be read (JSONDecodeError"),
        ("a.ipynb", b"\xff", "a.ipynb: is not UTF-8"),
        ("a.py", b"\xff", "a.py: is not UTF-8"),
        ("a.py", b"### BEGIN SOLUTION\n", "a.py: the region from line 1 is not closed"),
        ("b/a.yml", b"a\n### END SOLUTION\n", "b/a.yml: line 2 ends a region"),
        ("a.js", b"// BEGIN SOLUTION\n", "a.js: line 1 is nearly a mark"),
    ],
)
def test_a_wrong_file_is_refused(solutions, name, content, told):
    (solutions / name).parent.mkdir(exist_ok=True)
    (solutions / name).write_bytes(content)
    assert told in refused(solutions)


def test_no_solutions_at_all(tmp_path):
    with pytest.raises(ReleaseError, match="no folder"):
        make_exercises(tmp_path / "absent", tmp_path / "exercises")


def test_exercises_that_cannot_be_put_there(solutions, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReleaseError, match="could not be made"):
        make_exercises(solutions, tmp_path / "file" / "exercises")


def test_a_swap_that_fails_leaves_what_was_there(solutions, monkeypatch):
    exercises = solutions.parent / "exercises"
    make_exercises(solutions, exercises)
    write(solutions / "98_new.ipynb", "check('98.1', 1)")
    real = Path.replace

    def failing(path, target):
        if path.name == "new":
            raise PermissionError("in use")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    assert "could not be made (PermissionError: in use)" in refused(solutions)


# --- the workbook's own exercises ----------------------------------------------------------------------------------------


def test_the_exercises_are_what_the_solutions_give(tmp_path):
    make_exercises(ROOT / "solutions", tmp_path / "exercises")
    wanted, there = tree(tmp_path / "exercises"), tree(ROOT / "exercises")
    assert list(there) == list(wanted), "make them anew: python -m helpers exercises"
    differ = [name for name in wanted if wanted[name] != there[name]]
    assert not differ, "make them anew: python -m helpers exercises"


EXERCISES = [path for path in release.source_files(ROOT / "exercises") if path.suffix == ".ipynb"]


@pytest.mark.parametrize("path", EXERCISES, ids=Path.as_posix)
def test_an_untouched_exercise_runs_and_says_not_attempted(path, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_DATA", str(tmp_path / "data"))
    exercises = tmp_path / "exercises"
    shutil.copytree(ROOT / "exercises", exercises, ignore=shutil.ignore_patterns(*release.PASSED_OVER))
    exercise = nbformat.read(exercises / path, as_version=4)
    nbclient.NotebookClient(exercise, timeout=300, resources={"metadata": {"path": str((exercises / path).parent)}}).execute()
    code = [cell for cell in exercise.cells if cell.cell_type == "code"]
    checks = {cell.source: cell.outputs for cell in code if regions.checked_questions(cell.source)}
    assert checks
    for source, outputs in checks.items():
        said = [output["data"]["text/plain"] for output in outputs]
        assert said == [f"{regions.checked_questions(source)[0]} not attempted"]
    assert not (tmp_path / "data" / "progress.json").exists()
    assert not [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]


def test_every_question_of_an_exercise_is_in_a_bank_and_has_its_solution_there():
    from helpers.course import asking

    asked = []
    for path in EXERCISES:
        exercise = nbformat.read(ROOT / "exercises" / path, as_version=4)
        for cell in exercise.cells:
            asked += regions.checked_questions(cell.source) if cell.cell_type == "code" else []
    known = {question_id: question for questions in asking.catalogue().values() for question_id, question in questions.items()}
    assert sorted(asked) == sorted(known)
    for question_id, question in known.items():
        assert regions.solution_code(ROOT / question.notebook, question_id)


def test_the_command_line_tells_it_in_one_line(solutions, monkeypatch, capsys):
    from helpers import __main__ as main
    from helpers.course import install

    monkeypatch.setattr(install, "ROOT", solutions.parent)
    assert not main.exercises(None, [])
    (solutions / "a.ipynb").write_text("{")
    assert main.exercises(None, []) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_without_jupyter_nothing_heavy_is_imported():
    code = "import sys, helpers.course.release; print([name for name in ('nbformat', 'numpy', 'pandas') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
