"""Stored notebooks: executed, in order, and truly compared with a new run."""

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbval.plugin import find_comment_markers, find_metadata_tags, get_sanitize_patterns

from helpers.__main__ import command_line
from helpers.course import batch, batch_plan, install

TESTS = Path(__file__).parent
COMPARED = 0.8  # share of the cells with output that must really be compared
IMAGES = {"image/png", "image/jpeg"}  # nbval leaves them out


def stored_notebooks():
    try:
        return batch_plan.select(install.ROOT, [])
    except batch.BatchError:
        return []


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def unexecuted(cells):
    """What is wrong with the execution counts, which should be 1, 2, 3 …; "" if nothing."""
    counts = [cell.execution_count for cell in cells if cell.source.strip()]
    wrong = [f"code cell {number} has {count}" for number, count in enumerate(counts, start=1) if count != number]
    return wrong[0] if wrong else ""


def is_compared(cell):
    """Whether nbval compares something of this cell: not told to leave it, and not just a picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {**dict(find_metadata_tags(cell.metadata)), **dict(find_comment_markers(cell.source))}
    if options.get("skip") or not options.get("check", True):
        return False
    return any(output.output_type != "error" and not IMAGES & set(output.get("data", {})) for output in cell.outputs)


@pytest.mark.parametrize("name", stored_notebooks())
def test_stored_executed_in_order(name):
    wrong = unexecuted(code_cells(install.ROOT / name))
    assert not wrong, f"{name}: {wrong}: store it executed by `python -m helpers execute {name}`"


def test_most_outputs_are_compared():
    cells = {name: [cell for cell in code_cells(install.ROOT / name) if cell.outputs] for name in stored_notebooks()}
    compared = {name: f"{sum(map(is_compared, some))} of {len(some)}" for name, some in cells.items()}
    every = [cell for some in cells.values() for cell in some]
    assert every and sum(map(is_compared, every)) >= COMPARED * len(every), compared


def test_the_counts_are_really_looked_at():
    def cells(*counts):
        return [new_code_cell("x", execution_count=count) for count in counts]

    assert unexecuted(cells(1, 2)) == "" and unexecuted([*cells(1), new_code_cell(" \n")]) == ""
    assert unexecuted(cells(1, None)) == "code cell 2 has None" and unexecuted(cells(2, 1)) == "code cell 1 has 2"


@pytest.mark.parametrize(
    "source, tags, data, compared",
    [
        ("x", [], {"text/plain": "1"}, True),
        ("x", ["nbval-ignore-output"], {"text/plain": "1"}, False),
        ("x", ["nbval-skip"], {"text/plain": "1"}, False),
        ("# NBVAL_IGNORE_OUTPUT", [], {"text/plain": "1"}, False),
        ("x", ["nbval-check-output"], {"text/plain": "1"}, True),
        ("x", [], {"image/png": "", "text/plain": "<Figure>"}, False),
    ],
)
def test_what_counts_as_compared(source, tags, data, compared):
    cell = new_code_cell(source, metadata={"tags": tags}, outputs=[new_output("display_data", data)])
    assert is_compared(cell) == compared
    cell.outputs.append(new_output("stream", text="a line"))
    assert is_compared(cell) == (compared or "<Figure>" in str(data))


@pytest.mark.parametrize(
    "line, cleaned",
    [
        ("run 0123456789abcdef0123456789abcdef", "run IDENTITY"),
        (
            "2026-11-23 14:05:01,123 INFO up on http://127.0.0.1:41234/x after 0.31 s",
            "DATE-TIME INFO up on http://127.0.0.1:PORT/x after DURATION",
        ),
        ("<Axes at 0x7f3a5c0d1e50>", "<Axes at ADDRESS>"),
        ("AUC 0.73, 27,902 flights, 16% late, month 2013-04", "AUC 0.73, 27,902 flights, 16% late, month 2013-04"),
    ],
)
def test_sanitizing(line, cleaned):
    import re

    for regex, replacement in get_sanitize_patterns((TESTS / "sanitize.cfg").read_text(encoding="utf-8")):
        line = re.sub(regex, replacement, line)
    assert line == cleaned


@pytest.fixture(scope="module")
def workbook(tmp_path_factory):
    """A small workbook, its one lesson stored executed and run by the batch."""
    root = tmp_path_factory.mktemp("workbook")
    cells = [
        new_code_cell("n = 2", execution_count=1, metadata={"tags": ["parameters"]}),
        new_code_cell("print('a')\nprint(n)", execution_count=2, outputs=[new_output("stream", text="a\n2\n")]),
        new_code_cell("n + 1", execution_count=3, outputs=[new_output("execute_result", {"text/plain": "3"}, execution_count=3)]),
        new_code_cell(
            "import time; print(time.time())",
            execution_count=4,
            metadata={"tags": ["nbval-ignore-output"]},
            outputs=[new_output("stream", text="1.5\n")],
        ),
        new_code_cell("n + 1", execution_count=5, outputs=[new_output("execute_result", {"text/plain": "3"}, execution_count=5)]),
    ]
    (root / "notebooks").mkdir()
    (root / "pytest.ini").write_text("[pytest]\n")
    nbformat.write(new_notebook(cells=[new_markdown_cell("# A lesson"), *cells]), root / "notebooks/11_lesson.ipynb")
    assert batch.main(command_line().parse_args(["run"]), root) == 0
    return root


def compare(workbook, tmp_path, change=None, *arguments):
    """Change a copy of the workbook, and let nbval compare it."""
    root = tmp_path / "copy"
    shutil.copytree(workbook, root)
    lesson = root / "notebooks/11_lesson.ipynb"
    if change:
        notebook = nbformat.read(lesson, as_version=4)
        change([cell for cell in notebook.cells if cell.cell_type == "code"])
        nbformat.write(notebook, lesson)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(root / "pytest.ini"),
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.replay",
        "--nbval",
        "--nbval-sanitize-with",
        str(TESTS / "sanitize.cfg"),
        str(root / "notebooks"),
        *arguments,
    ]
    result = subprocess.run(command, cwd=install.ROOT, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def test_equal_outputs_pass_without_running_anything(workbook, tmp_path):
    code, out = compare(workbook, tmp_path, None, "-n", "2", "--dist", "loadscope")
    assert code == 0 and "5 passed" in out, out


def test_one_cell_alone_can_be_compared(workbook, tmp_path):
    code, out = compare(workbook, tmp_path, None, "-k", "Cell and 4")
    assert code == 0 and "1 passed" in out, out


def test_another_output_fails(workbook, tmp_path):
    def change(cells):
        cells[1].outputs[0].text = "a\n3\n"
        cells[4].outputs[0].data["text/plain"] = "4"

    code, out = compare(workbook, tmp_path, change)
    assert code == 1 and "2 failed, 3 passed" in out and "Cell 4" in out and "Cell outputs differ" in out, out


def test_a_missing_output_fails(workbook, tmp_path):
    code, out = compare(workbook, tmp_path, lambda cells: cells[1].update(outputs=[]))
    assert code == 1 and "1 failed, 4 passed" in out, out


def test_what_has_not_been_run_fails_in_one_line(workbook, tmp_path):
    code, out = compare(workbook, tmp_path, lambda cells: cells[1].update(source="print('b')"))
    assert (
        code == 1
        and "1 failed" in out
        and "notebooks/11_lesson.ipynb has not been run as it is now: run `make run` first." in out
    ), out


def test_without_any_run_it_fails_too(workbook, tmp_path):
    shutil.copytree(workbook, tmp_path / "bare", ignore=shutil.ignore_patterns("build"))
    code, out = compare(tmp_path / "bare", tmp_path)
    assert code == 1 and "1 failed" in out and "run `make run` first" in out, out


def test_a_failed_run_fails_by_name(workbook, tmp_path):
    root = tmp_path / "failing"
    shutil.copytree(workbook, root)
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), root / "notebooks/12_raises.ipynb")
    assert batch.main(command_line().parse_args(["run"]), root) == 1
    code, out = compare(root, tmp_path)
    assert (
        code == 1 and "1 failed, 5 passed" in out and "notebooks/12_raises.ipynb failed in code cell 1: ZeroDivisionError" in out
    ), out
