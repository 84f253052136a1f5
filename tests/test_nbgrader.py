"""The real nbgrader, in its own environment, takes the exercises: releases them, grades answers, exports the scores."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

from helpers.course import extras, install, nbgrader_course, progress, questions
from helpers.course.grading import scores
from helpers.course.nbgrader_course import NbgraderCourseError, make_course
from helpers.course.questions import check
from tests.answers import a00
from tests.notebook_files import ROOT

NOTEBOOK, FOLDER = "11_what_is_mlops", "61a_containers"  # a notebook alone, and one with files to be written; both quick
# The commands as they are typed, one after another in one process: each start of nbgrader takes two seconds.
COMMANDS = """
import sys
from nbgrader.apps import AutogradeApp, ExportApp, GenerateAssignmentApp
for app, word in [(GenerateAssignmentApp, "*"), (AutogradeApp, sys.argv[1]), (AutogradeApp, sys.argv[2]), (ExportApp, None)]:
    command = app()
    command.initialize([word] if word else [])
    command.start()
"""


LINK = 'import contextlib, os\nwith contextlib.suppress(OSError):  # Windows may forbid it\n    os.symlink("absent", "nowhere")'


def answered(name, change=None):
    """The exercise's notebook with the solution's answers; `change(cell)` alters each."""
    inside = Path(f"{name}.ipynb") if (ROOT / "exercises" / f"{name}.ipynb").exists() else Path(name, f"{name}.ipynb")
    notebook = nbformat.read(ROOT / "exercises" / inside, as_version=4)
    answers = {cell.id: cell.source for cell in nbformat.read(ROOT / "solutions" / inside, as_version=4).cells}
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = answers[cell.id]
            if change:
                change(cell)
    return notebook


def spoil(cell):
    """The first answer returns nonsense, the second raises; and a link is left that leads nowhere."""
    if "def objections_to_feed" in cell.source:
        cell.source += "\n\n\ndef objections_to_feed(*args):\n    return 17\n\n" + LINK
    if "def objections_to_release" in cell.source:
        cell.source += "\n\n\ndef objections_to_release(*args):\n    return args[99]"


def hand_in(course, learner, name, notebook=None):
    """A copy of what was released to the learner, with the notebook replaced."""
    place = course / "submitted" / learner / name
    shutil.copytree(course / "source" / name, place)
    if notebook:
        nbformat.write(notebook, place / f"{name}.ipynb")
    return place


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with three learners that nbgrader has graded. The process's output is in `told`."""
    course = tmp_path_factory.mktemp("nbgrader") / "course"
    make_course(course)
    right = hand_in(course, "right", NOTEBOOK, answered(NOTEBOOK))
    (right / "timestamp.txt").write_text("2026-02-02 15:58:23 UTC")
    hand_in(course, "wrong", NOTEBOOK, answered(NOTEBOOK, spoil))
    hand_in(course, "untouched", NOTEBOOK)
    right = hand_in(course, "right", FOLDER, answered(FOLDER))
    for file in nbgrader_course.answer_files(ROOT)[FOLDER]:
        shutil.copyfile(ROOT / "solutions" / FOLDER / file, right / file)
    hand_in(course, "untouched", FOLDER)
    python = extras.find("nbgrader")
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),  # nbgrader calls alembic
        "WORKBOOK_DATA": str(course / "instructor"),
    }
    command = [str(python), "-c", COMMANDS, NOTEBOOK, FOLDER]
    told = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, timeout=500, check=False)
    (course / "told").write_text(told.stdout + told.stderr, encoding="utf-8")
    assert told.returncode == 0, told.stderr[-3000:]
    return course


def exported(course):
    """Of `grades.csv`: the header, and the rows by assignment and learner. nbgrader quotes nothing."""
    header, *rows = [line.split(",") for line in (course / "grades.csv").read_text(encoding="utf-8").splitlines()]
    return header, {(row[0], row[3]): dict(zip(header, row, strict=True)) for row in rows}


def outputs(course, learner, name):
    """What each check left in the graded notebook, by question."""
    cells = nbformat.read(course / "autograded" / learner / name / f"{name}.ipynb", as_version=4).cells
    return {cell.source.split('"')[1]: cell.outputs for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")}


@pytest.mark.needs("nbgrader")
def test_every_exercise_is_released_as_it_is(course):
    names = sorted(path.stem for path in (ROOT / "exercises").iterdir())
    assert len(names) == 31 and sorted(path.name for path in (course / "release").iterdir()) == names
    source, release = course / "source", course / "release"
    for path in [path for path in source.rglob("*") if path.is_file()]:
        made = release / path.relative_to(source)
        if path.suffix == ".ipynb":
            cells, kept = (nbformat.read(file, as_version=4).cells for file in (path, made))
            assert [cell.source for cell in kept] == [cell.source for cell in cells], path.name
            assert all(cell.metadata.nbgrader.checksum for cell in kept if "nbgrader" in cell.metadata)
        else:
            assert made.read_bytes() == path.read_bytes(), path


@pytest.mark.needs("nbgrader")
def test_every_question_counts_a_point(course):
    _, rows = exported(course)
    for path in (course / "source").glob("*/*.ipynb"):
        asked = sum('check("' in cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
        assert float(rows[path.stem, "right"]["max_score"]) == asked > 0, path.stem


@pytest.mark.needs("nbgrader")
def test_right_wrong_and_untouched_answers_get_their_scores(course):
    _, rows = exported(course)
    assert {who: rows[NOTEBOOK, who]["score"] for who in ("right", "wrong", "untouched")} == {
        "right": "4.0", "wrong": "2.0", "untouched": "0.0",
    }  # fmt: skip
    assert rows["00_start_here", "right"]["score"] == "0.0"  # not handed in


@pytest.mark.needs("nbgrader")
def test_files_that_a_learner_wrote_are_graded_as_they_were(course):
    _, rows = exported(course)
    assert (rows[FOLDER, "right"]["score"], rows[FOLDER, "untouched"]["score"]) == ("3.0", "0.0")
    for file in nbgrader_course.answer_files(ROOT)[FOLDER]:
        graded = course / "autograded" / "right" / FOLDER / file
        assert graded.read_bytes() == (ROOT / "solutions" / FOLDER / file).read_bytes()


@pytest.mark.needs("nbgrader")
def test_the_feedback_tells_the_reason_and_no_traceback(course):
    shown = outputs(course, "wrong", NOTEBOOK)
    assert [output.output_type for output in shown["11.1"]] == ["error"]
    assert shown["11.1"][0].traceback == [shown["11.1"][0].evalue]
    assert shown["11.1"][0].evalue.startswith("11.1 not yet: Return a dict")
    assert shown["11.2"][0].evalue.startswith("11.2 error: IndexError: tuple index out of range (in objections_to_release, line")
    assert shown["11.3"][0].data["text/plain"] == "11.3 passed" and "✓ 11.3 passed" in shown["11.3"][0].data["text/html"]
    assert outputs(course, "untouched", NOTEBOOK)["11.1"][0].evalue == "11.1 not attempted"
    told = (course / "told").read_text(encoding="utf-8")
    assert "cannot be converted" not in told  # nbgrader's warning of a check cell that has a text for its value


@pytest.mark.needs("nbgrader")
def test_links_that_a_run_leaves_do_not_stop_nbgrader(course):
    left = list((course / "autograded" / "wrong" / NOTEBOOK).iterdir())
    assert [path.name for path in left] == [f"{NOTEBOOK}.ipynb"]


@pytest.mark.needs("nbgrader")
def test_grading_leaves_the_instructors_progress_alone(course):
    assert not (course / "instructor").exists()


@pytest.mark.needs("nbgrader")
def test_our_columns_are_those_of_nbgraders_export(course):
    header, rows = exported(course)
    assert header == list(scores.COLUMNS)
    assert rows[NOTEBOOK, "right"] == {
        **dict.fromkeys(header, ""), "assignment": NOTEBOOK, "timestamp": "2026-02-02 15:58:23", "student_id": "right",
        "raw_score": "4.0", "late_submission_penalty": "0.0", "score": "4.0", "max_score": "4.0",
    }  # fmt: skip


@pytest.mark.needs("nbgrader")
def test_notebooks_run_in_the_workbooks_own_python():
    kernels = extras.find("nbgrader").parents[1] / "share" / "jupyter" / "kernels"
    assert json.loads((kernels / "python3" / "kernel.json").read_text(encoding="utf-8"))["argv"][0] == sys.executable
    # A file of its own: uv links what it installs to its cache, and so to other environments.
    assert (kernels / "python3" / "kernel.json").stat().st_nlink == 1


def test_nothing_of_nbgrader_is_on_a_learners_screen():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {name for name, *_ in install.pins()}
    assert not {"nbgrader", "otter-grader"} & (
        pinned | set(project["dependencies"]) | set(project["optional-dependencies"]["dev"])
    )
    share, settings = Path(sys.prefix, "share", "jupyter"), Path(sys.prefix, "etc", "jupyter")
    there = [path.relative_to(sys.prefix).as_posix() for folder in (share, settings) for path in folder.rglob("*")]
    assert any("labextensions" in name for name in there)  # it is the right place to look
    assert not [name for name in there if "nbgrader" in name or "otter" in name]


# --- check, where nbgrader has started the kernel -------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["autograde", "validate"])
def test_a_check_that_is_not_passed_fails_its_cell_under_nbgrader(monkeypatch, purpose):
    monkeypatch.setenv("NBGRADER_EXECUTION", purpose)
    for answer, told in [
        (..., "00.1 not attempted"),
        (lambda *args: 1 / 0, "00.1 error: ZeroDivisionError"),
        (7, "00.1 not yet"),
    ]:
        with pytest.raises(questions.NotPassed, match=told) as raised:
            check("00.1", answer)
        assert raised.value._render_traceback_() == [str(raised.value)]
    with pytest.raises(questions.NotPassed, match="There is no question"):
        check("00.99", 1)


def test_a_check_that_is_passed_is_displayed_and_no_value_under_nbgrader(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    result = check("00.1", a00.by_status)
    assert result.outcome == "passed" and isinstance(result, questions.Result)
    result._ipython_display_()  # IPython then publishes nothing more
    assert "00.1 passed" in capsys.readouterr().out


def test_only_validating_notes_the_progress(monkeypatch):
    for purpose, noted in [("autograde", set()), ("validate", {"00.1"})]:
        monkeypatch.setenv("NBGRADER_EXECUTION", purpose)
        with pytest.raises(questions.NotPassed):
            check("00.1", 7)
        questions.hint("00.1"), questions.solution("00.1")
        assert set(progress.read().questions) == noted


# --- the course folder ---------------------------------------------------------------------------------------------------


def workbook(top, *, solved="### BEGIN SOLUTION\n1\n### END SOLUTION\n"):
    """A workbook with a notebook and a folder exercise that has one file to write and one to read."""
    for kind, text in (("exercises", "...\n"), ("solutions", solved)):
        (top / kind / "30_demo").mkdir(parents=True)
        for name in ("11_demo.ipynb", "30_demo/30_demo.ipynb", "30_demo/app.py"):
            (top / kind / name).write_text(text)
        (top / kind / "30_demo" / "data.csv").write_text("a\n")
    return top


def test_a_course_is_made(tmp_path):
    (tmp_path / "course").mkdir()
    assert make_course(tmp_path / "course", workbook(tmp_path / "top")) == ["11_demo", "30_demo"]
    made = sorted(path.relative_to(tmp_path / "course").as_posix() for path in (tmp_path / "course").rglob("*") if path.is_file())
    assert made == ["nbgrader_config.py", "source/11_demo/11_demo.ipynb"] + [
        f"source/30_demo/{name}" for name in ("30_demo.ipynb", "app.py", "data.csv")
    ]
    text = (tmp_path / "course" / "nbgrader_config.py").read_text(encoding="utf-8")
    compile(text, "nbgrader_config.py", "exec")
    assert "    '30_demo': ['app.py'],\n" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "top"]


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path):
    top = workbook(tmp_path / "top")
    (tmp_path / "course" / "source").mkdir(parents=True)
    (tmp_path / "file").write_text("mine")
    for name in ("course", "file"):
        with pytest.raises(NbgraderCourseError, match=f"{name} is there and not empty, so it is left as it is"):
            make_course(tmp_path / name, top)
    assert (tmp_path / "file").read_text() == "mine" and not any((tmp_path / "course" / "source").iterdir())


def test_without_exercises_solutions_or_a_place_nothing_is_made(tmp_path):
    top = workbook(tmp_path / "top")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NbgraderCourseError, match="could not be made"):
        make_course(tmp_path / "file" / "course", top)
    for name in ("solutions", "exercises"):
        shutil.rmtree(top / name)
        with pytest.raises(NbgraderCourseError, match=f"{name} is absent: a course is made in a whole copy"):
            make_course(tmp_path / "course", top)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "top"]
