"""The question banks as a learner's process may see them: with the probes, and without the judges, the hints and the twists.

A bank's module is cut down to what its probes reach. What a probe does not need is not there, so it cannot be read or patched.
"""

import ast
import functools
import inspect
import sys

from helpers.course import asking, bank

HEAD = "# Cut down to what the probes reach.\n"


class NotCut(Exception):
    """A bank cannot be cut; the message says which question is in the way."""


def without_judges(used=()):
    """Cut every module that holds a judge.

    Parameters
    ----------
    used : iterable of (str, str), optional
        What exercises themselves take from a bank, such as ("q42b", "write_repository"): it stays as well.

    Returns
    -------
    dict of str to str
        File name in the folder of the banks, such as "q22a.py", to the text of the module that is left.

    Raises
    ------
    NotCut
        A question's probe is neither a function of a module nor a `functools.partial` of one with plain keywords.
    """
    questions = {lesson: list(bank.items()) for lesson, bank in asking.catalogue().items()}
    modules = {_module(question.judge) for bank in questions.values() for _, question in bank}
    modules |= {f"{bank.__name__}.q{lesson}" for lesson in questions}
    roots = {name: {"__name__"} for name in modules}
    for name, wanted in used:
        roots[f"{bank.__name__}.{name}"].add(wanted)
    for bank_ in questions.values():
        for question_id, question in bank_:
            function, _ = _called(question_id, question.probe)
            roots.setdefault(function.__module__, set()).add(function.__name__)
    cut = {name: cut_down(inspect.getsource(sys.modules[name]), roots[name]) for name in sorted(roots)}
    for lesson, bank_ in questions.items():
        name = f"{bank.__name__}.q{lesson}"
        cut[name] += _questions(name, bank_)
    return {f"{name.rpartition('.')[2]}.py": HEAD + text for name, text in cut.items()}


def cut_down(source, roots):
    """Keep of a module what some of its names reach.

    Parameters
    ----------
    source : str
        Of the module.
    roots : set of str
        Names that are wanted. Those that the module does not define are passed over.

    Returns
    -------
    str
        The definitions and assignments that the roots reach, the imports that these use, and every other statement at the
        top (such as `if __name__ == "__main__":`) with what it reaches. No docstring of the module, no comments.
    """
    tree = ast.parse(source)
    defined = {}  # name: the statements that make it
    for statement in tree.body:
        for name in _makes(statement):
            defined.setdefault(name, []).append(statement)
    others = [statement for statement in tree.body if not _makes(statement) and not _is_text(statement)]
    todo = [name for name in roots if name in defined]
    todo += [name for statement in others for name in _reads(statement)]
    kept, seen = set(map(id, others)), set()
    while todo:
        name = todo.pop()
        if name in seen or name not in defined:
            continue
        seen.add(name)
        for statement in defined[name]:
            kept.add(id(statement))
            todo += _reads(statement)
    body = [_only(statement, seen) for statement in tree.body if id(statement) in kept]
    return ast.unparse(ast.Module(body, [])) + "\n"


def _questions(module, questions):
    """The table of a lesson's questions, written anew from the questions themselves."""
    lines, imports = [], {"import functools", "from helpers.course.verdict import Question"}
    for question_id, question in questions:
        function, keywords = _called(question_id, question.probe)
        if function.__module__ != module:
            imports.add(f"from {function.__module__} import {function.__name__}")
        probe = f"functools.partial({function.__name__}, **{keywords!r})" if keywords else function.__name__
        lines.append(f"    {question_id!r}: Question({question.title!r}, {probe}, None, (), {question.notebook!r}),")
    return "\n".join([*sorted(imports), "QUESTIONS = {", *lines, "}", ""])


def _called(question_id, probe):
    """The function behind a probe, and the keywords that it is given."""
    keywords = {}
    if isinstance(probe, functools.partial):
        probe, keywords = probe.func, probe.keywords
    plain = inspect.isfunction(probe) and probe.__qualname__ == probe.__name__ and probe.__name__.isidentifier()
    try:
        plain = plain and ast.literal_eval(repr(keywords)) == keywords
    except (ValueError, SyntaxError):
        plain = False
    if not plain:
        raise NotCut(f"The probe of {question_id} should be a function of its module, or a partial of one with plain keywords.")
    return probe, keywords


def _module(function):
    return (function.func if isinstance(function, functools.partial) else function).__module__


def _makes(statement):
    """The names that a statement at the top of a module defines."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {_bound(alias) for alias in statement.names}
    if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return set()


def _reads(statement):
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _only(statement, seen):
    """An import of several names keeps those that are used."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        names = [alias for alias in statement.names if _bound(alias) in seen]
        return type(statement)(**{**dict(ast.iter_fields(statement)), "names": names})
    return statement


def _bound(alias):
    return alias.asname or alias.name.partition(".")[0]


def _is_text(statement):
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
