"""The notebooks of this checkout, for the tests that look at them as files."""

from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]


def found(*folders):
    """The notebooks under these folders, as ids and paths for `pytest.mark.parametrize`."""
    paths = [path.relative_to(ROOT) for folder in folders for path in sorted((ROOT / folder).rglob("*.ipynb"))]
    return [path.as_posix() for path in paths if not {".ipynb_checkpoints", "work"} & set(path.parts)]


def read(name):
    return nbformat.read(ROOT / name, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
