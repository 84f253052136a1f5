"""`python -m helpers execute`, for maintainers: runs notebooks as the batch does, and stores their outputs in the sources.

What is stored is clean, so that two runs of the same notebook differ only where its results do.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

from helpers.course import batch, batch_files, batch_report, batch_work, install
from helpers.course.batch_files import BatchError

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}  # no version
OF_A_RUN = ("papermill", "execution", "widgets")  # metadata that tells of one run only
WIDGET = "application/vnd.jupyter.widget-view+json"  # shows nothing without the state, which is not stored
INJECTED = "injected-parameters"


def main(notebooks, root=install.ROOT):
    """Run notebooks, and store what came of it in those that passed.

    Parameters
    ----------
    notebooks : list of str
        Paths, or beginnings of names.
    root : pathlib.Path, optional
        The workbook's folder.

    Returns
    -------
    int
        0 if all were stored, 1 if one was not, 2 if one is not there.
    """
    root = Path(os.path.realpath(root))
    rows = {}
    try:
        for name, result in batch_work.work(batch.plan_jobs(root, notebooks)):
            rows[name] = result
            if result["status"] == "passed":
                _store(root, name, result)
    except BatchError as error:
        print(error, file=sys.stderr)
        return 2
    batch_report.print_report(dict(sorted(rows.items())))
    return 0 if all(row["status"] == "passed" for row in rows.values()) else 1


def stored(source, executed):
    """Put the outputs of a run into the notebook that was run.

    Parameters
    ----------
    source : nbformat.NotebookNode
        The notebook; it is not changed.
    executed : nbformat.NotebookNode
        Its copy, as papermill executed it.

    Returns
    -------
    nbformat.NotebookNode
        The source's cells, ids, tags and attachments with the copy's outputs, execution counts 1, 2, 3 …, and nothing that
        tells when, how fast, where or under which parameters it was run.
    """
    import nbformat

    result = nbformat.from_dict(source)
    result.metadata = nbformat.from_dict({**_lasting(result.metadata), "kernelspec": KERNELSPEC, "language_info": LANGUAGE})
    ran = (cell for cell in executed.cells if cell.cell_type == "code" and INJECTED not in cell.metadata.get("tags", []))
    count = 0
    for cell in result.cells:
        cell.metadata = _lasting(cell.metadata)
        if cell.cell_type == "code":
            count += bool(cell.source.strip())
            cell.execution_count = count if cell.source.strip() else None
            cell.outputs = [_cleaned(output, count) for output in next(ran).outputs]
    return result


def local_paths(notebook, places):
    """Find what would tell a reader of this machine.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    places : iterable of str
        Folders that must not show.

    Returns
    -------
    list of str
        For each cell whose outputs show one: its number and the path.
    """
    wanted = "|".join(sorted(map(re.escape, {place for place in places if len(place) > 1}), key=len, reverse=True))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = []
    for number, cell in enumerate(code, start=1):
        shown = re.search(rf"(?<![\w.])(?:{wanted})(?![\w.-])[^\s'\"<>]*", "\n".join(_texts(cell)))
        if shown:
            found.append(f"code cell {number} shows {shown[0]}")
    return found


def _store(root, name, result):
    """Write the source; an output that may not be stored makes a failure of a result."""
    import nbformat

    source = nbformat.read(root / name, as_version=4)
    notebook = stored(source, nbformat.reads(result["executed"].decode(), as_version=4))
    shown = local_paths(notebook, _places(root))
    if shown:
        result.update(status="failed", reason=f"not stored: {'; '.join(shown)}. Print a name or a relative path instead.")
        return
    batch_files.write(root / name, nbformat.writes(notebook) + "\n")


def _places(root):
    """This machine's folders, as they are and as a link may call them."""
    places = [Path.home(), Path.cwd(), root, tempfile.gettempdir(), sys.prefix]
    paths = [path for place in places for path in (str(place), os.path.realpath(place))]
    return {*paths, *[path.replace("\\", "/") for path in paths]}


def _lasting(metadata):
    return type(metadata)({key: value for key, value in metadata.items() if key not in OF_A_RUN})


def _cleaned(output, count):
    if "execution_count" in output:
        output.execution_count = count
    if "data" in output:
        output.data.pop(WIDGET, None)
    return output


def _texts(cell):
    """All that a reader can read; pictures are letters by chance only."""
    for output in cell.outputs:
        yield output.get("text", "")
        for kind, data in output.get("data", {}).items():
            if not kind.startswith(("image/png", "image/jpeg", "application/pdf")):
                yield re.sub(r"base64,[\w+/=\s]+", "", data if isinstance(data, str) else str(data))
