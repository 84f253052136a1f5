"""The parts of a solution that an exercise leaves out: from `### BEGIN SOLUTION` to `### END SOLUTION`.

These are nbgrader's words, so that an instructor's own nbgrader understands them too.
"""

import ast
import io
import json
import re
from pathlib import Path

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
HERE = "# your code here"


class RegionError(ValueError):
    """The marks are not right; the message says where and what to do."""


def find_regions(text):
    """Find the regions of a text.

    Parameters
    ----------
    text : str
        A cell's or a file's.

    Returns
    -------
    list of (int, int)
        The line numbers, from 1, of each BEGIN and its END.

    Raises
    ------
    RegionError
        A region within a region, one that is not closed or not begun, whose marks are not equally indented, or a line
        that is nearly a mark (it would leave the solution in the exercise).
    """
    found, begun, lines = [], None, _lines(text)
    for number, line in enumerate(lines, start=1):
        mark = line.strip()
        if mark not in (BEGIN, END):
            if re.search(r"\b(begin|end)\s+solu", line, re.IGNORECASE):
                raise RegionError(f"line {number} is nearly a mark: {mark}. Write {BEGIN} or {END}, alone on its line.")
            continue
        if mark == BEGIN and begun:
            raise RegionError(f"line {number} begins a region within the one from line {begun}: write {END} before it.")
        if mark == BEGIN:
            begun = number
            continue
        if not begun:
            raise RegionError(f"line {number} ends a region that was never begun: write {BEGIN} where it begins.")
        if _indent(line) != _indent(lines[begun - 1]):
            raise RegionError(f"line {number} is not indented as line {begun}, which it belongs to.")
        found.append((begun, number))
        begun = None
    if begun:
        raise RegionError(f"the region from line {begun} is not closed: write {END} where it ends.")
    return found


def without_marks(text):
    """The solved text as one reads it.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Without the lines that are marks.
    """
    return "".join(line for line in _lines(text) if line.strip() not in (BEGIN, END)).strip("\r\n")


def emptied(text, used=()):
    """Make a Python text an exercise: every region gives way to a place for the learner's code.

    A region inside a function becomes `raise NotImplementedError`. Elsewhere each name that it binds, and that what is
    left of the text or `used` reads, is bound to `...`, so that the exercise runs before it is solved.

    Parameters
    ----------
    text : str
        The solved text.
    used : iterable of str
        Names that later texts read.

    Returns
    -------
    str

    Raises
    ------
    RegionError
        As in `find_regions`; or the text, solved or emptied, is no Python.
    """
    regions = find_regions(text)
    if not regions:
        return text
    tree = _parse(text, "as it stands")
    used = {*used, *names_read(text)}
    lines = _lines(text)
    for begin, end in reversed(regions):
        indent, newline = _indent(lines[begin - 1]), _newline(lines[begin - 1])
        names = [name for name in _bound(tree, begin, end) if name in used]
        if _inside_function(tree, begin, end):
            stub = ["raise NotImplementedError"]
        else:
            stub = [f"{name} = ..." for name in names] or (["..."] if indent else [])
        kept = [f"{indent}{line}{newline}" for line in (HERE, *stub)]
        lines[begin - 1 : end] = [*kept[:-1], kept[-1].removesuffix(newline) + _newline(lines[end - 1], "")]
    result = "".join(lines)
    _parse(result, "without its regions")
    return result


def emptied_plain(text):
    """Make a text in another language an exercise: a comment takes each region's place.

    Parameters
    ----------
    text : str
        The solved text, in a language whose comments begin with `#`.

    Returns
    -------
    str

    Raises
    ------
    RegionError
        As in `find_regions`.
    """
    lines = _lines(text)
    for begin, end in reversed(find_regions(text)):
        lines[begin - 1 : end] = [_indent(lines[begin - 1]) + HERE + _newline(lines[end - 1], "")]
    return "".join(lines)


def names_read(text):
    """Which names a Python text reads outside its regions.

    Parameters
    ----------
    text : str
        A solved cell or file.

    Returns
    -------
    set of str

    Raises
    ------
    RegionError
        As in `find_regions`, or it is no Python.
    """
    regions = find_regions(text)
    names = [node for node in ast.walk(_parse(text, "as it stands")) if isinstance(node, ast.Name)]
    read = [node for node in names if isinstance(node.ctx, ast.Load)]
    return {node.id for node in read if not any(begin < node.lineno < end for begin, end in regions)}


def checked_questions(text):
    """Which questions a cell checks.

    Parameters
    ----------
    text : str
        A code cell.

    Returns
    -------
    list of str
        The ids in `check("…", …)`, in order.
    """
    if "check(" not in text or text.lstrip().startswith("%%"):
        return []
    calls = [node for node in ast.walk(_parse(text, "as it stands")) if isinstance(node, ast.Call)]
    calls = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "check" and node.args]
    ids = [node.args[0].value for node in calls if isinstance(node.args[0], ast.Constant)]
    return [question_id for question_id in ids if isinstance(question_id, str)]


def solution_code(file, question_id):
    """Read how a question is solved.

    Parameters
    ----------
    file : pathlib.Path
        The solved notebook, or a plain file that is the answer.
    question_id : str
        In a notebook: the cells with regions between the check before this one and this check.

    Returns
    -------
    str

    Raises
    ------
    FileNotFoundError
        There is no such file.
    RegionError
        It holds no region for this question.
    """
    text = Path(file).read_text(encoding="utf-8")
    if Path(file).suffix != ".ipynb":
        if not find_regions(text):
            raise RegionError("it holds no region")
        return without_marks(text)
    regions = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and find_regions(source):
            regions.append(without_marks(source))
        checked = checked_questions(source) if cell["cell_type"] == "code" else []
        if question_id in checked and regions:
            return "\n\n".join(regions)
        if checked:
            regions = []
    raise RegionError(f'it holds no region before check("{question_id}", …)')


def _parse(text, how):
    if text.lstrip().startswith("%%"):
        return ast.parse("")  # another language's cell
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        return compile(text, "cell", "exec", flags)
    except SyntaxError as error:
        wrong = error
    try:  # once more without the lines that only a notebook understands: `!command` and `%magic`
        return compile(re.sub(r"^([ \t]*)[!%].*$", r"\1pass", text, flags=re.MULTILINE), "cell", "exec", flags)
    except SyntaxError:
        what = f"line {wrong.lineno} is no Python {how} ({wrong.msg}): {(wrong.text or '').strip()}"
        raise RegionError(what) from None


def _inside_function(tree, begin, end):
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return any(node.lineno < begin < node.end_lineno for node in functions)


def _bound(tree, begin, end):
    """The names that a region binds for the lines after it, in their order."""
    found, todo = [], list(ast.iter_child_nodes(tree))
    while todo:
        node = todo.pop(0)
        inside = begin < getattr(node, "lineno", 0) < end
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if inside:
                found.append((node.lineno, node.name))
                continue  # what is bound inside a function stays there
        elif isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            continue
        elif inside and isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append((node.lineno, node.id))
        todo.extend(ast.iter_child_nodes(node))
    return list(dict.fromkeys(name for _, name in sorted(found, key=lambda pair: pair[0])))


def _lines(text):
    """With their ends; only at newlines, as Python counts them."""
    return io.StringIO(text, newline="\n").readlines()


def _indent(line):
    return line[: len(line) - len(line.lstrip())]


def _newline(line, default="\n"):
    return line[len(line.rstrip("\r\n")) :] or default
