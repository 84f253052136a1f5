"""Answers to the questions of 62, choosing tools."""

import ast
import io
import itertools
import math
import tokenize
from fractions import Fraction

import numpy as np

from tests.answers import Answers, Wrong

# --- 62.1 ---------------------------------------------------------------------------------------------------------------

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
NOTHING = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def docstrings(source):
    """The nodes of all docstrings."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, DOCUMENTED)]
    return [node.body[0] for node in nodes if ast.get_docstring(node, clean=False) is not None]


def covered(source, skip=NOTHING):
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {n for t in tokens if t.type not in skip for n in range(t.start[0], t.end[0] + 1)}


def documented(source):
    return {n for node in docstrings(source) for n in range(node.lineno, node.end_lineno + 1)}


def lines_by_sets(source):
    return len(covered(source) - documented(source))


def lines_by_tokens(source):
    first = {node.lineno for node in docstrings(source)}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in NOTHING or (token.type == tokenize.STRING and token.start[0] in first):
            continue
        lines.update(range(token.start[0], token.end[0] + 1))
    return np.int64(len(lines))


def lines_by_logical(source):
    """Keeps the state by hand: a text that opens a suite or the file is a docstring."""
    lines, fresh, opened = set(), True, False
    for kind, _, start, end, _ in tokenize.generate_tokens(io.StringIO(source).readline):
        if kind in (tokenize.COMMENT, tokenize.NL, tokenize.DEDENT, tokenize.ENDMARKER):
            continue
        if kind == tokenize.INDENT:
            fresh = True
        elif kind == tokenize.NEWLINE:
            fresh = False
        elif kind == tokenize.STRING and fresh and not opened:
            opened = False
            fresh = False
        else:
            fresh = False
            lines |= set(range(start[0], end[0] + 1))
    return len(lines)


def plain_lines(source):
    return [line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]


def lines_with_docstrings(source):
    return len(covered(source))


def lines_nonblank(source):
    return len([line for line in source.splitlines() if line.strip()])


def comments_counted(source):
    return len(covered(source, NOTHING - {tokenize.COMMENT}) - documented(source))


def blank_counted(source):
    rows = source.splitlines()
    comments = {n for n, row in enumerate(rows, 1) if row.strip().startswith("#")} - covered(source)
    return len(set(range(1, len(rows) + 1)) - comments - documented(source))


def no_texts(source):
    """Leaves out whatever stands in three quotation marks."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = set()
    texts = set()
    for t in tokens:
        if t.type == tokenize.STRING and t.string[:3] in ('"""', "'''"):
            texts |= set(range(t.start[0], t.end[0] + 1))
        elif t.type not in NOTHING:
            lines |= set(range(t.start[0], t.end[0] + 1))
    return len(lines - texts)


def no_lone_texts(source):
    lone = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
    return len(covered(source) - {n for node in lone for n in range(node.lineno, node.end_lineno + 1)})


def empty_docstrings_counted(source):
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, DOCUMENTED) and ast.get_docstring(node)]
    return len(covered(source) - {n for node in nodes for n in range(node.body[0].lineno, node.body[0].end_lineno + 1)})


def first_lines(source):
    rows = source.splitlines()
    kept = covered(source) - documented(source)
    return len([n for n in kept if rows[n - 1].strip() and not rows[n - 1].strip().startswith("#")])


def statements(source):
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type not in {tokenize.COMMENT, tokenize.NL}]
    begins = [t for before, t in zip([None, *tokens], tokens, strict=False) if before is None or before.type in NOTHING]
    kept = {t.start[0] for t in begins if t.type not in NOTHING} - documented(source)
    texts = {n for t in tokens if t.type == tokenize.STRING for n in range(t.start[0], t.end[0] + 1)}
    return len(kept | (texts - documented(source) - {n for n in texts if n in _continued(source)}))


def _continued(source):
    """Lines of a list that only hold a text; there are none here."""
    return set()


def raises(source):
    raise SyntaxError("no Python")


# --- 62.2 ---------------------------------------------------------------------------------------------------------------

SCALE = {"ms": Fraction(1, 1000), "GB": Fraction(1000)}


def _number(text, units=True):
    amount, unit = text.split()
    return Fraction(amount) * (SCALE.get(unit, 1) if units else 1)


def pareto(*, units=True, less=False, strict=False, ties=False, none="unknown", result=lambda left, measured: left):
    """A function with something missing."""

    def undominated(measured, better):
        def cost(tool, name):
            text = measured[tool][name]
            sign = 1 if less or better[name] == "less" else -1
            if text is None:
                return {"unknown": None, "skip": None, "zero": Fraction(0), "worst": Fraction(10**12)}[none]
            return sign * _number(text, units)

        def dominates(a, b):
            pairs = [(cost(a, name), cost(b, name)) for name in better]
            if none == "skip":
                pairs = [pair for pair in pairs if None not in pair]
            if not pairs or any(None in pair for pair in pairs):
                return False
            if strict:
                return all(x < y for x, y in pairs)
            return all(x <= y for x, y in pairs) and (ties or any(x < y for x, y in pairs))

        left = [b for b in measured if not any(dominates(a, b) for a in measured if a != b)]
        return result(left, measured)

    return undominated


def pareto_by_numpy(measured, better):
    names, signs = list(better), np.array([1 if way == "less" else -1 for way in better.values()])
    values = np.array(
        [[np.nan if row[n] is None else float(_number(row[n])) for n in names] for row in measured.values()]
    ).reshape(len(measured), len(names))
    values = np.round(values * signs, 9)
    kept = []
    for place, tool in enumerate(measured):
        no_worse = (values <= values[place]).all(axis=1)
        kept += [] if (no_worse & (values < values[place]).any(axis=1)).any() else [tool]
    return kept


def pareto_by_removal(measured, better):
    left = dict.fromkeys(measured)
    for a, b in itertools.permutations(measured, 2):
        known = [(measured[a][n], measured[b][n], n) for n in better]
        if all(x and y for x, y, _ in known):
            gains = [(_number(y) - _number(x)) * (1 if better[n] == "less" else -1) for x, y, n in known]
            if min(gains) >= 0 and max(gains) > 0:
                left.pop(b, None)
    return tuple(left)


# --- 62.3 ---------------------------------------------------------------------------------------------------------------


def choosing(
    *,
    obey=True,
    rank=lambda some, seconds: (len(some), sum(seconds[t] for t in some), some),
    none=None,
    least=0,
    most=9,
    end=list,
):
    """A function with something missing."""

    def choose(needs, can, seconds, barred):
        tools = sorted(set(can) - (barred if obey else set()))
        sets = [some for n in range(least, min(most, len(tools)) + 1) for some in itertools.combinations(tools, n)]
        good = [some for some in sets if all(any(need in can[tool] for tool in some) for need in needs)]
        return end(min(good, key=lambda some: rank(some, seconds))) if good else none

    return choose


def choose_by_recursion(needs, can, seconds, barred):
    """Takes each tool that meets one open need, and goes on."""

    def sets(open_, taken):
        if not open_:
            yield tuple(sorted(taken))
            return
        need = min(open_)
        for tool in can:
            if tool not in barred and tool not in taken and need in can[tool]:
                yield from sets(open_ - can[tool], taken | {tool})

    found = set(sets(frozenset(needs), frozenset()))
    return list(min(found, key=lambda some: (len(some), sum(seconds[t] for t in some), some))) if found else None


def choose_by_bits(needs, can, seconds, barred):
    tools, best = sorted(t for t in can if t not in barred), None
    for mask in range(2 ** len(tools)):
        some = [tool for place, tool in enumerate(tools) if mask >> place & 1]
        able = set()
        for tool in some:
            able |= can[tool]
        key = (len(some), sum(seconds[tool] for tool in some), some)
        if able >= needs and (best is None or key < best):
            best = key
    return best and best[2]


def choose_greedily(needs, can, seconds, barred):
    left, taken = set(needs), []
    while left:
        tools = [tool for tool in sorted(can) if tool not in barred and can[tool] & left]
        if not tools:
            return None
        best = min(tools, key=lambda tool: (-len(can[tool] & left), seconds[tool]))
        taken.append(best)
        left -= can[best]
    return sorted(taken)


# --- 62.4 ---------------------------------------------------------------------------------------------------------------


def losing(*, values=True, exact=False, typed=False, zeros=False, lengths=False, blame=False, never=True, empty=False, form=None):
    """A function with something missing."""

    def same(kind, a, b):
        if not values:
            return True
        if kind == "curve":
            return a == b if exact else abs(a - b) <= 1e-6 * abs(a)
        return a == b if kind == "files" or typed else str(a) == str(b)

    def what_was_lost(written, read, keeps):
        told = {}
        for tool in read:
            gone = {}
            for kind, items in written.items():
                back = read[tool].get(kind, {})
                n = len([name for name in items if name not in back or not same(kind, items[name], back[name])])
                n = max(0, len(items) - len(back)) if lengths else n
                if (kind in keeps[tool] or blame) and (n or zeros):
                    gone[kind] = n
            without = [kind for kind in sorted(written) if kind not in keeps[tool] and (written[kind] or empty)]
            told[tool] = {"lost": gone, "never kept": without if never else []}
        return form(told) if form else told

    return what_was_lost


def close_by(close, *, through_keeps=False, falsy=False):
    """As `losing`, with a comparison of its own for the curve."""

    def what_was_lost(written, read, keeps):
        told = {}
        for tool in keeps if through_keeps else read:
            back, entry = read.get(tool, {}), {}
            for kind in keeps[tool]:
                found = back.get(kind, {})
                same = close if kind == "curve" else lambda a, b: str(a) == str(b)
                gone = {k for k, v in written[kind].items() if k not in found or falsy and not found[k] or not same(v, found[k])}
                entry |= {kind: len(gone)} if gone else {}
            told[tool] = {"lost": entry, "never kept": sorted(k for k in written if written[k] and k not in keeps[tool])}
        return told

    return what_was_lost


def by_the_one_that_came_back(a, b):
    return abs(b - a) <= abs(b) / 1_000_000


def nearly_nothing_at_zero(a, b):
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)


def in_exact_fractions(a, b):
    return abs(Fraction(a) - Fraction(b)) * 10**6 <= abs(Fraction(a))


def lost_by_steps(written, read, keeps):
    result = {}
    for tool, back in read.items():
        entry = result.setdefault(tool, {"lost": {}, "never kept": []})
        for kind in ("curve", "files", "params"):
            if not written[kind]:
                continue
            if kind not in keeps[tool]:
                entry["never kept"] += [kind]
                continue
            for name, value in written[kind].items():
                other = back.get(kind, {}).get(name)
                fine = other is not None and (
                    math.isclose(value, other, rel_tol=1e-6) if kind == "curve" else f"{value}" == f"{other}"
                )
                if not fine:
                    entry["lost"][kind] = entry["lost"].get(kind, 0) + 1
    return result


def lost_by_numpy(written, read, keeps):
    def count(kind, back):
        if kind == "curve":
            old = np.array(list(written[kind].values()))
            new = np.array([back.get(step, np.nan) for step in written[kind]], dtype=float)
            return np.sum(~np.isclose(old, new, rtol=1e-6, atol=0))
        return np.int64(sum(str(back.get(name, "gone")) != str(value) for name, value in written[kind].items()))

    told = {}
    for tool in read:
        counts = {kind: count(kind, read[tool].get(kind, {})) for kind in keeps[tool] if written[kind]}
        told[tool] = {
            "lost": {kind: n for kind, n in counts.items() if n > 0},
            "never kept": sorted({kind for kind in written if written[kind]} - set(keeps[tool])),
        }
    return told


ANSWERS = {
    "62.1": Answers(
        right=[lines_by_sets, lines_by_tokens, lines_by_logical],
        wrong=[
            Wrong(lambda source: len(source.splitlines()), "the whole file"),
            Wrong(comments_counted, "comments counted"),
            Wrong(lines_nonblank, "comments counted"),
            Wrong(blank_counted, "blank lines counted"),
            Wrong(lambda source: len(plain_lines(source)), "looks at lines alone"),
            Wrong(lines_with_docstrings, "docstrings counted"),
            Wrong(no_texts, "texts are not docstrings"),
            Wrong(no_lone_texts, "every text on its own"),
            Wrong(first_lines, "first lines of texts"),
            Wrong(statements, "statements, not lines"),
            Wrong(empty_docstrings_counted, says='""""""'),
            Wrong(lambda source: len(ast.parse(source).body), says="This source"),
            Wrong(lambda source: lines_by_sets(source) + 1, says="This source"),
            Wrong(lambda source: str(lines_by_sets(source)), "no number"),
            Wrong(lambda source: sorted(covered(source) - documented(source)), "no number"),
            Wrong(lambda source: None, "no number"),
            Wrong(lambda source: 6),
            Wrong(raises, says="no Python"),
            Wrong(13),
        ],
    ),
    "62.2": Answers(
        right=[pareto(), pareto_by_numpy, pareto_by_removal],
        wrong=[
            Wrong(pareto(units=False), "units ignored"),
            Wrong(pareto(less=True), "less is always better"),
            Wrong(pareto(strict=True), "better in everything"),
            Wrong(pareto(ties=True), "equals drop out"),
            Wrong(pareto(none="zero"), "missing is nothing"),
            Wrong(pareto(none="worst"), "missing is worst"),
            Wrong(pareto(none="skip"), "missing is left out"),
            Wrong(pareto(result=lambda left, measured: [t for t in measured if t not in left]), "the dominated ones"),
            Wrong(pareto(result=lambda left, measured: sorted(left)), "another order"),
            Wrong(pareto(result=lambda left, measured: len(left)), "no list"),
            Wrong(pareto(result=lambda left, measured: left[0] if left else None), "no list"),
            Wrong(pareto(result=lambda left, measured: left[:1]), says="are left"),
            Wrong(pareto(result=lambda left, measured: list(measured)), says="are left"),
            Wrong(pareto(units=False, strict=True), says="are left"),
            Wrong(lambda measured, better: ["y", "z"], says="are left"),
            Wrong(["y", "z"]),
        ],
    ),
    "62.3": Answers(
        right=[choosing(), choose_by_recursion, choose_by_bits],
        wrong=[
            Wrong(choosing(obey=False), "barred ones used"),
            Wrong(choose_greedily, "greedy"),
            Wrong(choosing(rank=lambda some, s: (sum(s[t] for t in some), some)), "cheapest first"),
            Wrong(choosing(rank=lambda some, s: (len(some), some)), "seconds forgotten"),
            Wrong(choosing(most=1), "one tool for all"),
            Wrong(choosing(most=2), "small sets only"),
            Wrong(choosing(most=3), "small sets only"),
            Wrong(choosing(most=5), "small sets only"),
            Wrong(choosing(none=[]), "empty where impossible"),
            Wrong(choosing(least=1), "something where nothing"),
            Wrong(choosing(end=lambda some: list(some)[::-1]), "not sorted"),
            Wrong(choosing(end=lambda some: ", ".join(some)), "no list"),
            Wrong(choosing(end=len), "no list"),
            Wrong(choosing(rank=lambda some, s: (-len(some), sum(s[t] for t in some), some)), says="situations are right"),
            Wrong(lambda needs, can, seconds, barred: sorted(set(can) - barred), says="situations are right"),
            Wrong(lambda needs, can, seconds, barred: None, says="situations are right"),
            Wrong(lambda needs, can, seconds, barred: ["board", "mlflow"], says="situations are right"),
            Wrong(["wandb"]),
        ],
    ),
    "62.4": Answers(
        right=[
            losing(),
            lost_by_steps,
            lost_by_numpy,
            close_by(by_the_one_that_came_back),
            close_by(in_exact_fractions),
            close_by(nearly_nothing_at_zero),
        ],
        wrong=[
            Wrong(losing(blame=True), "never kept is not lost"),
            Wrong(losing(blame=True, never=False), "never kept is not lost"),
            Wrong(losing(values=False), "changed is lost"),
            Wrong(losing(lengths=True), "lengths only"),
            Wrong(losing(exact=True), "single precision"),
            Wrong(losing(typed=True), "text is enough"),
            Wrong(close_by(lambda a, b: abs(a - b) <= 1e-6), "a fixed distance"),
            Wrong(close_by(lambda a, b: math.isclose(a, b, rel_tol=0, abs_tol=1e-6)), "a fixed distance"),
            Wrong(close_by(lambda a, b: round(a, 6) == round(b, 6)), "a fixed distance"),
            Wrong(close_by(lambda a, b: math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6)), "a fixed distance"),
            Wrong(close_by(lambda a, b: abs(a - b) <= 1e-3 * abs(a)), "too wide"),
            Wrong(close_by(lambda a, b: math.isclose(a, b, rel_tol=1e-5)), "too wide"),
            Wrong(close_by(lambda a, b: bool(np.isclose(a, b))), "too wide"),
            Wrong(close_by(math.isclose), "too narrow"),
            Wrong(close_by(lambda a, b: abs(a - b) <= 1e-7 * abs(a)), "too narrow"),
            Wrong(close_by(lambda a, b: abs(a - b) <= 1e-6 * a), "negative numbers"),
            Wrong(close_by(lambda a, b: abs(a - b) / abs(a) <= 1e-6), says="ZeroDivisionError"),
            Wrong(close_by(math.isclose, falsy=True), says="keeps"),
            Wrong(close_by(by_the_one_that_came_back, falsy=True), "zero is nothing"),
            Wrong(close_by(by_the_one_that_came_back, through_keeps=True), says="not read"),
            Wrong(losing(zeros=True), "nothing is not told"),
            Wrong(losing(empty=True), "never written"),
            Wrong(losing(never=False), says="keeps"),
            Wrong(losing(typed=True, exact=True), says="keeps"),
            Wrong(losing(form=lambda told: {tool: each["lost"] for tool, each in told.items()}), "another form"),
            Wrong(losing(form=lambda told: sum(n for each in told.values() for n in each["lost"].values())), "another form"),
            Wrong(losing(form=lambda told: {}), says="keeps"),
            Wrong(losing(form=lambda told: dict(list(told.items())[:1])), says="keeps"),
            Wrong(losing(form=lambda told: told | {"dvc": {"lost": {}, "never kept": []}}), says="not read"),
            Wrong(lambda written, read, keeps: None, "another form"),
            Wrong({"lost": {"curve": 2}, "never kept": ["files"]}),
        ],
    ),
}
