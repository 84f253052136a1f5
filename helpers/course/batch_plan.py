"""What a batch runs: which notebooks, with which parameters, and what would make an earlier run count no more."""

import ast
import functools
import hashlib
import json
import platform
from pathlib import Path

from helpers.course import install
from helpers.course.batch_files import BatchError

DEFAULT_FOLDERS = ("notebooks", "solutions")
FOLDERS = (*DEFAULT_FOLDERS, "exercises")
GENERATED = {".ipynb_checkpoints", "__pycache__", "work"}  # made by running, so neither found nor copied

# Parts of the package that a notebook never sees (beginnings of paths): a change in them is no reason to run anything again.
BEHIND_THE_SCENES = (
    "__main__.py",
    "course/install.py",
    "course/lock.py",
    "course/batch.py",
    "course/batch_plan.py",
    "course/batch_files.py",
    "course/batch_report.py",
    "course/batch_work.py",
    "course/pool.py",
    "course/grading/",
    "course/handbook",
    "course/slides",
    "course/class_view",
    "course/tile",
    "course/made_folder.py",
    "course/page_outputs.py",
    "course/classroom",
    "course/class_files.py",
    "course/progress_command.py",
    "course/nbgrader_course.py",
    "course/locks/nbgrader.lock",
    "course/locks/otter.lock",
    "course/lab.py",
    "course/jupyter/",
    "course/store.py",
)


def select(root, wanted):
    """Choose notebooks.

    Parameters
    ----------
    root : pathlib.Path
        The workbook's folder.
    wanted : list of str
        Paths of notebooks or folders, or beginnings of names (`22a`, `exercises/22a`). None at all means every lesson
        and solution. A bare name never means an exercise that has not been done: say `exercises/…`.

    Returns
    -------
    list of str
        Paths from `root`, with `/`, each once, in the order of the folders.

    Raises
    ------
    BatchError
        A wanted one is not there.
    """
    names = _find(root)
    default = [name for name in names if not name.startswith("exercises/")]
    if not names:
        raise BatchError(f"There is no notebook in notebooks/ or solutions/ of {root}.")
    chosen = set() if wanted else set(default)
    for word in wanted:
        found = _by_path(root, names, word) or _by_name(names, default, word)
        if not found:
            there = ", ".join(name.removesuffix(".ipynb") for name in default)
            raise BatchError(f"No notebook is called {word!r} or begins so. There are: {there}.")
        chosen.update(found)
    return [name for name in names if name in chosen]


def read(root, name):
    """Read a notebook.

    Parameters
    ----------
    root : pathlib.Path
    name : str
        As from `select`.

    Returns
    -------
    dict
        Its JSON.

    Raises
    ------
    BatchError
        It is no notebook of format 4.
    """
    try:
        notebook = json.loads((root / name).read_bytes())
        for cell in notebook["cells"]:
            cell["cell_type"], cell["source"], cell["metadata"]
    except (ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise BatchError(f"{name} is no notebook of format 4 ({why}): mend it or take it away.") from None
    return notebook


def parameters_for(notebooks, given):
    """Give each notebook those parameters that it declares.

    Parameters
    ----------
    notebooks : dict of str to dict
        Name to JSON.
    given : list of (str, str)
        Name and value as typed; of two with the same name the later counts.

    Returns
    -------
    dict of str to dict
        For each notebook: parameter to typed value.

    Raises
    ------
    BatchError
        No notebook declares a given name.
    """
    given = {name: typed(value) for name, value in given}
    declared = {name: _declared(notebook) for name, notebook in notebooks.items()}
    known = sorted(set().union(*declared.values()))
    for name in given:
        if name not in known:
            there = f"They declare: {', '.join(known)}." if known else "They declare none."
            raise BatchError(f"No selected notebook declares a parameter {name!r}. {there}")
    return {name: {p: value for p, value in given.items() if p in declared[name]} for name in notebooks}


def typed(text):
    """The value that a typed parameter means, as papermill's own command line reads it.

    Parameters
    ----------
    text : str

    Returns
    -------
    bool, None, int, float or str
        The first of these that fits.
    """
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def companions(root, name):
    """The files that belong to a notebook in a folder of its own.

    Parameters
    ----------
    root : pathlib.Path
    name : str
        As from `select`.

    Returns
    -------
    dict of str to (bytes, int)
        Path from the notebook's folder to content and permissions, generated files left out. Empty for a notebook that
        lies directly in notebooks/, solutions/ or exercises/.
    """
    folder = (root / name).parent
    if folder.parent == root:
        return {}
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != root / name]
    inside = [(path, path.relative_to(folder)) for path in paths]
    return {
        rest.as_posix(): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path, rest in inside
        if not GENERATED & set(rest.parts)
    }


def fingerprint(notebook, files, parameters):
    """Of all that decides what a run gives: it changes when, and only when, running again might give something new.

    Parameters
    ----------
    notebook : dict
        Its JSON; outputs do not count.
    files : dict of str to (bytes, int)
        As from `companions`.
    parameters : dict
        That it is given.

    Returns
    -------
    str
        Hexadecimal.
    """
    cells = [[cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", [])] for cell in notebook["cells"]]
    hashed = {path: [hashlib.sha256(content).hexdigest(), mode] for path, (content, mode) in files.items()}
    everything = json.dumps([cells, hashed, parameters, _surroundings()], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


@functools.cache
def _surroundings():
    package = Path(__file__).resolve().parents[1]
    paths = [(path, path.relative_to(package)) for path in sorted(package.rglob("*")) if path.is_file()]
    digest = hashlib.sha256(platform.python_version().encode() + install.LOCK.read_bytes())
    for path, rest in paths:
        if "__pycache__" not in rest.parts and not rest.as_posix().startswith(BEHIND_THE_SCENES):
            digest.update(rest.as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _find(root):
    paths = [path.relative_to(root) for folder in FOLDERS for path in sorted((root / folder).rglob("*.ipynb"))]
    return [path.as_posix() for path in paths if not GENERATED & set(path.parts)]


def _by_path(root, names, word):
    for start in (Path.cwd(), root):
        path = (start / word).resolve()
        if path.exists() and path.is_relative_to(root):
            inside = path.relative_to(root).as_posix()
            return [name for name in names if name == inside or inside == "." or name.startswith(inside + "/")]
    return []


def _by_name(names, default, word):
    found = [name for name in default if any(part.startswith(word) for part in name.split("/")[1:])]
    return found or [name for name in names if name.startswith(word)]


def _declared(notebook):
    """Names set in the cell tagged `parameters`."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "parameters" in cell["metadata"].get("tags", []):
            try:
                lines = ast.parse("".join(cell["source"])).body
            except SyntaxError:
                return set()
            targets = [target for line in lines if isinstance(line, ast.Assign) for target in line.targets]
            targets += [line.target for line in lines if isinstance(line, ast.AnnAssign)]
            return {target.id for target in targets if isinstance(target, ast.Name)}
    return set()
