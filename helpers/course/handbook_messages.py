"""What a check says to a named mistake, read from the source of its bank: nothing is run, so what varies stands there as "…"."""

import ast
import functools
import inspect
from collections import Counter
from pathlib import Path


def messages(questions):
    """Read the messages of every question's mistakes.

    Parameters
    ----------
    questions : dict of str to helpers.course.verdict.Question

    Returns
    -------
    dict of str to dict of str to str
        For each question: mistake to message. A mistake is left out where its message is put together at run time in a way that
        cannot be read off, or where it is not certain which of several messages is this question's.
    """
    places = {question_id: _place(question.judge) for question_id, question in questions.items()}
    owners = Counter((places[question_id][0], name) for question_id, each in questions.items() for name in each.misconceptions)
    told = {}
    for question_id, question in questions.items():
        path, first = places[question_id]
        told[question_id] = {}
        for name in question.misconceptions:
            found = _bank(path).get(name, ())
            own = {text for text, start, end in found if start <= first <= end}
            texts = own or ({text for text, *_ in found} if owners[path, name] == 1 else set())
            if len(texts) == 1:
                told[question_id][name] = texts.pop()
    return told


def _place(judge):
    while isinstance(judge, functools.partial):
        judge = judge.func
    judge = inspect.unwrap(judge)
    return Path(inspect.getsourcefile(judge)), judge.__code__.co_firstlineno


@functools.cache
def _bank(path):
    """Mistake to its messages, each with the lines of the function at the margin in which it stands."""
    found = {}
    for top in ast.parse(path.read_text(encoding="utf-8")).body:
        start = min([top.lineno, *[each.lineno for each in getattr(top, "decorator_list", ())]])
        for node in ast.walk(top):
            for name, text in _named(node):
                found.setdefault(name, []).append((text, start, top.end_lineno))
    return found


def _named(node):
    """The pairs of mistake and message that a node holds: a call of `not_yet`, or a table of them."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "not_yet" and len(node.args) == 2:
        pairs = [(node.args[1], node.args[0])]
    elif isinstance(node, ast.Dict):
        pairs = [(key, _last(value)) for key, value in zip(node.keys, node.values, strict=True)]
    else:
        return
    for name, value in pairs:
        text = _text(value).replace("….", "…")
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and text and len(text.split()) >= 4:
            yield name.value, " ".join(text.split())


def _last(value):
    """A table may hold the twist beside the message."""
    texts = [each for each in value.elts if _text(each)] if isinstance(value, ast.Tuple) else [value]
    return texts[0] if len(texts) == 1 else None


def _text(value):
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if isinstance(value, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in value.values)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        return f"{_text(value.left) or '…'}{_text(value.right) or '…'}"
    return ""
