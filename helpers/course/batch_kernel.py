"""Executes one notebook with papermill: the process that `batch_job` starts, one for each notebook.

It runs in the notebook's working folder. Beside that folder it finds `job.json` and `source.ipynb`, and it leaves
`executed.ipynb`, `page.html` and `result.json` there. When its own starter goes, it takes everything down with it.
"""

import html
import json
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill import execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from helpers.course import batch_processes, page_outputs

MOST_OUTPUT = 1_000_000  # characters a cell
INJECTED = "injected-parameters"  # papermill's tag for the cell that it adds
RUNNING = Path("../running.json")  # for the starter, should it have to end this process: the cell that is running
MAY_WRITE = threading.Lock()  # taken for good when all is taken down, or what is removed would be written again
OVERFULL = "printed more than 1 MB"


class Client(PapermillNotebookClient):
    """Papermill's client, which also knows where it is, and stops a cell that floods the notebook."""

    where = None  # see `Engine`: kept outside, because papermill does not hand out its client

    def execute_cell(self, cell, index, *args, **kwargs):
        """Execute a cell, and note its number first."""
        where = self.where
        if cell.cell_type == "code" and INJECTED not in cell.metadata.get("tags", []):
            where["cell"] += 1
        where["numbers"][index] = where["cell"]
        where.update(source=cell.source, size=0, notebook=self.nb)
        with MAY_WRITE:
            RUNNING.write_text(json.dumps({"cell": where["cell"], "source": cell.source}), encoding="utf-8")
        return super().execute_cell(cell, index, *args, **kwargs)

    def process_message(self, msg, cell, cell_index):
        """Take one message of the kernel, unless the cell has said too much already."""
        if self.where["flooded"]:
            return None
        if msg["msg_type"] == "clear_output":
            self.where["size"] = 0
        room = MOST_OUTPUT - self.where["size"]
        size = _size(msg["content"])
        self.where["size"] += size if msg["msg_type"] != "update_display_data" else 0
        if size <= room:
            return super().process_message(msg, cell, cell_index)
        if msg["msg_type"] == "stream":
            msg["content"]["text"] = msg["content"]["text"][:room]
            super().process_message(msg, cell, cell_index)
        note = f"\n[Cut off here: this cell {OVERFULL}, and was stopped.]\n"
        cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=note))
        self.where["flooded"] = True
        self.shutdown_kernel = "immediate"  # it may be printing for ever, deaf to a polite request
        self.task_poll_for_reply.cancel()  # nbclient takes this for a dead kernel; `execute` knows better
        return None


class Engine(NBClientEngine):
    """Papermill's engine with our client and one time limit for the whole notebook."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, where, deadline, start_timeout=60, **kwargs):
        """Execute the notebook in `nb_man`; `where` is kept up to date, `deadline` is in seconds of time.monotonic."""
        client = Client(
            nb_man,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            timeout_func=lambda cell: max(0.5, deadline - time.monotonic()),
        )
        client.where = where
        return client.execute()


def execute(source, output, parameters, deadline):
    """Execute a notebook with papermill.

    Parameters
    ----------
    source : str
        Path of the notebook.
    output : str
        Path of the executed copy, which is written whatever happens.
    parameters : dict
        Passed to the notebook.
    deadline : float
        In seconds of `time.monotonic`.

    Returns
    -------
    dict
        `status`: passed, failed, timed out or kernel died. If not passed, also `reason` (one line), `cell` (the first
        one that failed: its number among the code cells, from 1), its `source` and its `traceback`.
    """
    where = {"cell": 0, "numbers": {}, "source": "", "size": 0, "flooded": False, "notebook": None}
    papermill_engines.register("workbook", Engine)
    # Not saved after each cell: for a long notebook that costs more than all the rest that papermill does.
    options = {
        "engine_name": "workbook",
        "kernel_name": "python3",
        "language": "python",
        "progress_bar": False,
        "request_save_on_cell_execute": False,
    }

    try:
        notebook = execute_notebook(source, output, parameters, where=where, deadline=deadline, **options)
    except (PapermillExecutionError, CellTimeoutError, RuntimeError) as error:  # RuntimeError: nbclient's, about the kernel
        with MAY_WRITE:
            if where["notebook"] and not Path(output).exists():
                nbformat.write(where["notebook"], output)
        return _failure(error, where)
    silent = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip() and not cell.execution_count]
    if silent:  # papermill takes sys.exit() for a good end
        return _told("failed", "the notebook ended itself here: the cells below were not run", where)
    return {"status": "passed"}


def _failure(error, where):
    if isinstance(error, PapermillExecutionError):
        place = {"cell": where["numbers"].get(error.cell_index, where["cell"]), "source": error.source}
        traceback = "\n".join(error.traceback)
        return _told("failed", f"{error.ename}: {error.evalue}"[:300], {**where, **place}, traceback)
    if isinstance(error, CellTimeoutError):
        return _told("timed out", "the time limit came while this cell was running", where)
    if where["flooded"]:
        return _told("failed", OVERFULL, where)
    if isinstance(error, DeadKernelError):
        return _told("kernel died", "the kernel's process ended while this cell was running", where)
    return _told("kernel died", str(error), where)  # it did not even start


def _told(status, reason, where, traceback=""):
    return {"status": status, "reason": reason, "cell": where["cell"], "source": where["source"], "traceback": traceback}


def tidy(notebook):
    """Merge what a cell printed in one go, and show a line that was overwritten (`\\r`) as it was left.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Changed in place.
    """
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        merged = []
        for output in cell.outputs:
            previous = merged[-1] if merged else {}
            if output.output_type == "stream" and previous.get("output_type") == "stream" and previous.name == output.name:
                previous.text += output.text
            else:
                merged.append(output)
        for output in merged:
            if output.output_type == "stream":
                output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in output.text.split("\n"))
        cell.outputs = merged


NO_TEXT = "No description has been provided for this image"  # nbconvert's
# nbconvert's own greys and greens do not stand out from their ground by 4.5:1.
READABLE = """
:root { --jp-cell-prompt-not-active-font-color: #5c5c5c; --jp-inprompt-font-color: #24529e; --jp-outprompt-font-color: #9c3414; }
.jp-InputPrompt, .jp-OutputPrompt { color: #5c5c5c !important; opacity: 1 !important; }
.highlight [class^="c"] { color: #2d6161 !important; } .highlight [class^="m"], .highlight .nb { color: #006400 !important; }
.highlight .ow { color: #8a12d6 !important; } .jp-RenderedHTMLCommon a { text-decoration: underline !important; }
"""


def as_page(notebook, title):
    """Make an HTML page by nbconvert.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    title : str

    Returns
    -------
    str
        Links to notebooks beside this one lead to their pages; charts have a text that stands for them.
    """
    from nbconvert.exporters import HTMLExporter  # here: the kernel need not wait for it

    page, _ = HTMLExporter().from_notebook_node(notebook, resources={"metadata": {"name": title}})
    page = _with_texts(page, notebook.cells)
    page = page.replace("</head>", f"<style>{READABLE}</style>\n</head>", 1)
    return re.sub(r'(href="[^":/]+)\.ipynb"', r'\1.html"', page)


def _with_texts(page, cells):
    """Each chart with its cell's text, where nbconvert says that there is none. (This template knows no other way.)"""
    texts = {cell.get("id"): text for cell, text in zip(cells, page_outputs.alternatives(cells), strict=True)}
    begin, *parts = page.split('id="cell-id=')
    for number, part in enumerate(parts):
        text = html.escape(texts.get(part.partition('"')[0]) or NO_TEXT)
        parts[number] = part.replace(f'alt="{NO_TEXT}"', f'alt="{text}"')
    return 'id="cell-id='.join([begin, *parts])


def main():
    """Execute the notebook in the folder above this one."""
    folder = Path("..").resolve()
    gone = threading.Event()
    watch = threading.Thread(target=_go_with_the_starter, args=(folder, gone), daemon=True)
    watch.start()
    try:
        _work(folder)
    finally:
        if gone.is_set():
            watch.join()  # it ends this process when all is taken down
    os._exit(0)  # at once: nothing is left to do, and every notebook would wait for it


def _work(folder):
    started = time.monotonic()
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    # Relative paths, because papermill writes them into the notebook, and reads braces in them as parameters.
    result = execute("../source.ipynb", "../executed.ipynb", job["parameters"], started + job["time_limit"])
    with MAY_WRITE:
        _leave(folder, job["title"], result)


def _leave(folder, title, result):
    if (folder / "executed.ipynb").exists():
        notebook = nbformat.read(folder / "executed.ipynb", as_version=4)
        tidy(notebook)
        nbformat.write(notebook, folder / "executed.ipynb")
        (folder / "page.html").write_text(as_page(notebook, title), encoding="utf-8")
    (folder / "result.part").write_text(json.dumps(result), encoding="utf-8")
    (folder / "result.part").replace(folder / "result.json")  # its presence says that all is there


def _go_with_the_starter(folder, gone):
    while os.read(sys.stdin.fileno(), 1):  # it comes back empty when the starter ends, however it does
        pass
    gone.set()
    MAY_WRITE.acquire()
    batch_processes.Family(os.environ[batch_processes.MARKER], without=os.getpid()).end()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _size(content):
    """Of what a message would add to the notebook."""
    parts = [content.get("text", ""), *content.get("data", {}).values(), *content.get("traceback", [])]
    return sum(len(part) if isinstance(part, str) else len(json.dumps(part)) for part in parts)


if __name__ == "__main__":
    main()
