"""Storing outputs in the sources: clean, the same each time, and never from a run that failed or tells of this machine."""

import contextlib
import io
import json
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.course import store


def write(root, name, *cells):
    """A notebook as an editor leaves it: run in odd order, with what an earlier tool left in it."""
    notebook = new_notebook(cells=[new_markdown_cell("# A lesson", attachments={"a.txt": {"text/plain": "x"}}), *cells])
    notebook.metadata = {
        "kernelspec": {"name": "conda-env-mine", "display_name": "mine", "language": "python"},
        "papermill": {"a": 1},
        "language_info": {"name": "python", "version": "3.9.1"},
        "celltoolbar": "Tags",
    }
    notebook.metadata["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2, "version_minor": 0}
    }
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, root / name)
    return root / name


def execute(root, *names):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = store.main(list(names), root)
    return code, out.getvalue()


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    root = tmp_path_factory.mktemp("workbook")
    parameters = new_code_cell(
        "n = 2  # flights", metadata={"tags": ["parameters"], "execution": {"iopub.execute_input": "2026"}}, execution_count=9
    )
    prints = new_code_cell(
        "print('a')\nprint('b')\nfrom IPython.display import HTML, display\ndisplay(HTML('<b>c</b>'))\nprint('d')\nn",
        execution_count=4,
    )
    path = write(root, "notebooks/11_lesson.ipynb", parameters, new_code_cell(" "), prints)
    before = nbformat.read(path, as_version=4)
    code, out = execute(root, "11")
    return {
        "path": path,
        "before": before,
        "code": code,
        "out": out,
        "bytes": path.read_bytes(),
        "after": nbformat.read(path, as_version=4),
    }


def test_outputs_are_stored(lesson):
    assert lesson["code"] == 0, lesson["out"]
    first, blank, prints = [cell for cell in lesson["after"].cells if cell.cell_type == "code"]
    assert [first.execution_count, blank.execution_count, prints.execution_count] == [1, None, 2]
    assert [output.get("text") or output.data for output in prints.outputs] == [
        "a\nb\n",
        {"text/html": "<b>c</b>", "text/plain": "<IPython.core.display.HTML object>"},
        "d\n",
        {"text/plain": "2"},
    ]
    assert prints.outputs[-1].execution_count == 2


def test_nothing_else_changes(lesson):
    kept = [
        [(cell.id, cell.source, cell.metadata.get("tags"), cell.get("attachments")) for cell in lesson[when].cells]
        for when in ("before", "after")
    ]
    assert kept[0] == kept[1]


def test_nothing_tells_of_the_run(lesson):
    text = lesson["bytes"].decode()
    assert all(word not in text for word in ("papermill", "iopub", "3.9.1", "conda-env-mine", "widgets", "injected"))
    assert lesson["after"].metadata.kernelspec.name == "python3" and "version" not in lesson["after"].metadata.language_info
    assert lesson["after"].metadata.celltoolbar == "Tags" and text.endswith("}\n")


def test_storing_again_changes_no_byte(lesson):
    root = lesson["path"].parents[1]
    assert execute(root, "notebooks/11_lesson.ipynb")[0] == 0
    assert lesson["path"].read_bytes() == lesson["bytes"]
    assert [path.name for path in lesson["path"].parent.iterdir()] == ["11_lesson.ipynb"]


def test_a_failure_is_not_stored(tmp_path):
    path = write(tmp_path, "notebooks/11_lesson.ipynb", new_code_cell("1 / 0"))
    before = path.read_bytes()
    code, out = execute(tmp_path, "11")
    assert code == 1 and "ZeroDivisionError" in out and path.read_bytes() == before


def test_a_path_of_this_machine_is_refused(tmp_path):
    path = write(tmp_path, "notebooks/11_lesson.ipynb", new_code_cell("1"), new_code_cell("import os\nprint('in', os.getcwd())"))
    before = path.read_bytes()
    code, out = execute(tmp_path, "11")
    assert code == 1 and "not stored: code cell 2 shows " in out and path.read_bytes() == before


def test_what_is_not_there_is_told(tmp_path):
    write(tmp_path, "notebooks/11_lesson.ipynb", new_code_cell("1"))
    assert execute(tmp_path, "12") == (2, "No notebook is called '12' or begins so. There are: notebooks/11_lesson.\n")


@pytest.mark.parametrize(
    "output, found",
    [
        (new_output("stream", text=f"saved to {Path.home()}/model.pkl now"), f"{Path.home()}/model.pkl"),
        (new_output("display_data", {"text/html": f'<a href="{tempfile.gettempdir()}/x">'}), f"{tempfile.gettempdir()}/x"),
        (new_output("display_data", {"application/json": {"path": f"{Path.home()}"}}), f"{Path.home()}"),
        (new_output("display_data", {"image/png": f"abc{Path.home()}/"}), None),
        (new_output("display_data", {"text/html": f'<img src="data:image/png;base64,abc{tempfile.gettempdir()}/x">'}), None),
        (new_output("stream", text=f"work/model.pkl https://example.org{Path.home()} {Path.home()}ed"), None),
    ],
)
def test_local_paths(output, found):
    notebook = new_notebook(cells=[new_code_cell("1"), new_code_cell("2", outputs=[output])])
    wanted = [] if found is None else [f"code cell 2 shows {found}"]
    assert store.local_paths(notebook, [str(Path.home()), tempfile.gettempdir(), "/"]) == wanted


def test_a_widget_leaves_its_text():
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "IntSlider()"}
    executed = new_notebook(
        cells=[
            new_code_cell("p = 1", metadata={"tags": ["injected-parameters"]}),
            new_code_cell("x", outputs=[new_output("display_data", data)]),
        ]
    )
    source = new_notebook(cells=[new_code_cell("x")])
    result = store.stored(source, executed)
    assert result.cells[0].outputs == [{"output_type": "display_data", "metadata": {}, "data": {"text/plain": "IntSlider()"}}]
    assert json.loads(nbformat.writes(source))["cells"][0]["outputs"] == []
