"""A pytest plugin: nbval compares the stored notebooks with the batch's executed copies, so nothing is executed twice.

For each notebook nbval starts a kernel, sends it the cells and compares what comes back with what is stored. Here it gets
a stand-in which answers every cell with the outputs that the batch's last run gave. A notebook without a green run of just
this content is one failing test, never a silent pass. Use: `pytest -p tests.replay --nbval`.
"""

import nbformat
import pytest
from nbval import plugin as nbval

from helpers.course import batch, batch_plan
from helpers.course.batch_files import BatchError

INJECTED = "injected-parameters"


class ReplayKernel:
    """Stands in for nbval's RunningKernel; its answers are known beforehand.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode
        The executed code cells.
    """

    def __init__(self, cells):
        self.cells = cells
        self.next = 0
        self.messages = []

    def execute_cell_input(self, cell_input, allow_stdin=None):
        """Get ready to answer the cell that `next` names."""
        cell = self.cells[self.next]
        if cell.source != cell_input:
            raise ValueError(f"Cell {self.next} is not the one that was run: its record is damaged, run `make run` again.")
        identity = f"cell-{self.next}"
        self.messages = [_message(identity, **_content(output)) for output in cell.outputs]
        self.messages.append(_message(identity, "status", {"execution_state": "idle"}))
        return identity

    def await_reply(self, msg_id, timeout=None):
        """Return at once: the answer is there."""

    def await_idle(self, parent_id, timeout):
        """Return at once: nothing more will come."""

    def get_message(self, stream, timeout=None):
        """Give the next message."""
        return self.messages.pop(0)

    def is_alive(self):
        """Say that it can be asked."""
        return True

    def stop(self):
        """End; there is nothing to end."""


class NotRun(pytest.Item):
    """The one test of a notebook of which there is no green run: it fails, and says why."""

    def runtest(self):
        """Fail."""
        pytest.fail(self.parent.why, pytrace=False)

    def repr_failure(self, excinfo):
        """Show the reason alone."""
        return str(excinfo.value)

    def reportinfo(self):
        """Name the notebook."""
        return self.path, 0, self.nodeid


class ReplayedFile(nbval.IPyNbFile):
    """A notebook whose cells are compared with the batch's record."""

    def collect(self):
        """Give nbval's cells, or one failing test."""
        name = self.path.relative_to(self.config.rootpath).as_posix()
        self.why = why_not(self.config.rootpath, name)
        return [NotRun.from_parent(self, name="run")] if self.why else super().collect()

    def setup(self):
        """Bring the stand-in, and nbval's sanitizing patterns."""
        if self.why:
            return
        root = self.config.rootpath
        executed = nbformat.read(batch.executed_path(root, self.path.relative_to(root)), as_version=4)
        code = [cell for cell in executed.cells if cell.cell_type == "code"]
        self.kernel = ReplayKernel([cell for cell in code if INJECTED not in cell.metadata.get("tags", [])])
        self.setup_sanitize_files()


def why_not(root, name):
    """Why a notebook cannot be compared.

    Parameters
    ----------
    root : pathlib.Path
        The workbook's folder.
    name : str
        The notebook's path from there.

    Returns
    -------
    str
        "" if its last run was of this very content, and passed.
    """
    try:
        job = batch.plan_jobs(root, [str(root / name)])[name]
    except (BatchError, KeyError) as error:
        return f"{name}: {error}"
    record = batch.read_records(root).get(name)
    if record is None or record["key"] != job["key"]:
        return f"{name} has not been run as it is now: run `make run` first."
    if record["status"] != "passed":
        headline = f"{name} {record['status']} in code cell {record['cell']}: {record['reason']}"
        return "\n\n".join([headline, record["source"], record["traceback"]])
    return ""


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Take over each notebook that nbval would collect, and leave out those that running has made."""
    found = yield
    others = [collector for collector in found if not isinstance(collector, nbval.IPyNbFile)]
    if len(others) == len(found) or batch_plan.GENERATED & set(file_path.relative_to(parent.config.rootpath).parts):
        return others
    return [*others, ReplayedFile.from_parent(parent, path=file_path)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    """Tell the stand-in which cell comes: it may be any, and two cells may read the same."""
    if isinstance(item, nbval.IPyNbCell):
        item.parent.kernel.next = item.cell_num


def _message(identity, msg_type, content):
    return {"msg_type": msg_type, "parent_header": {"msg_id": identity}, "content": content}


def _content(output):
    return {"msg_type": output.output_type, "content": {key: value for key, value in output.items() if key != "output_type"}}
