"""The lesson as the one who teaches types it: its prose, and empty cells with what goes into them folded away below."""

import hashlib
import json
import os
import re
from pathlib import Path

import nbformat

TYPED = 12  # lines: nobody watches more being typed, so a longer cell stays as it is
HEAD = """**For live coding.** Type into the empty cells. Under each, a fold holds what the lesson has there.
The settings, and cells of more than {lines} lines, are filled in: run them. The lesson itself is [here]({lesson}).
`python -m helpers slides` makes this copy."""
FOLD = "<details>\n<summary>What the lesson has in this cell</summary>\n\n{fence}python\n{source}\n{fence}\n\n</details>"
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def live(notebook, source, folder, made):
    """Make the live-coding version of a lesson.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The lesson; is not changed.
    source : pathlib.Path
        Where it lies.
    folder : pathlib.Path
        Where the version will lie.
    made : set of str
        Names of the versions that will lie beside it: links to those lessons stay, others lead back into the workbook.

    Returns
    -------
    nbformat.NotebookNode
        Nothing has been run in it.
    """

    def link(found):
        words, target, anchor = found[1], found[2], found[3] or ""
        return found[0] if target in made else f"[{words}]({_way(source.parent / target, folder)}{anchor})"

    head = nbformat.v4.new_markdown_cell(HEAD.format(lines=TYPED, lesson=_way(source, folder)), id="live-coding")
    cells = [head]
    for cell in notebook.cells:
        cell = nbformat.from_dict(json.loads(json.dumps(cell)))
        cells.append(cell)
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(link, cell.source)
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if is_typed(cell):
                fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", cell.source)), default=0))
                fold = FOLD.format(fence=fence, source=cell.source)
                cells.append(nbformat.v4.new_markdown_cell(fold, id=f"fold-{cell.id}"[:64]))
                cell.source = ""
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def is_typed(cell):
    """Whether a lesson's cell is left empty.

    Parameters
    ----------
    cell : nbformat.NotebookNode

    Returns
    -------
    bool
    """
    settings = "parameters" in cell.metadata.get("tags", ())
    return bool(cell.source.strip()) and not settings and len(cell.source.strip().splitlines()) <= TYPED


def sources(path):
    """A digest of what stands in a notebook's cells; its outputs do not count.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    str
        Hexadecimal; "" for a file that is no notebook.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        kept = [[cell["cell_type"], "".join(cell["source"])] for cell in cells]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()


def _way(target, folder):
    target = Path(os.path.normpath(target))
    try:
        return Path(os.path.relpath(target, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return target.as_uri()
