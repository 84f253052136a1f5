"""A part of PromQL, the query language of Prometheus, without a server: it does what Prometheus 2 does, or raises a `QueryError`.

Selectors with matchers; `rate`, `increase` and `avg_`, `min_`, `max_`, `sum_`, `count_over_time` of a window; `absent`; `sum`
with `by`; `+ - * /`; comparisons; `and`, `or`, `unless`. A window includes both its ends, as in Prometheus 2 (not 3). Sets of
labels are tuples of pairs, sorted; the metric's name is the label `__name__`. Times are whole milliseconds.
"""

import ast
import bisect
import collections
import functools
import re

from helpers import promql_patterns
from helpers.promql_values import COMPARE, FUNCTIONS, QueryError, calculate, combine, over_windows, total

__all__ = ["QueryError", "milliseconds", "parse", "read_series"]
LOOKBACK = 300_000  # ms: how long a series is seen after its last value
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[a-zA-Z_:][\w:]*)|(?P<window>\[[^\]]*\])"""
    r"""|(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<operator>[=!]~|[=!<>]=|[-+*/<>=(){},]))""",
    re.ASCII,
)
LEVELS = [("or",), ("and", "unless"), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/")]  # the loosest first
LONGEST = 5_000  # characters of an expression
SUBSET = "Used here are selectors, rate, increase, …_over_time, absent, sum by, + - * /, comparisons, and, or, unless."

Node = collections.namedtuple("Node", "kind at equal", defaults=((),))  # kind: scalar, vector or window; at: (store, ms) -> value


def parse(text):
    """Read an expression.

    Parameters
    ----------
    text : str
        It gives a vector.

    Returns
    -------
    callable
        Takes series as from `read_series` and a time; gives a dict from labels to value.

    Raises
    ------
    QueryError
        It is wrong, outside the subset, or gives a number or a window.
    """
    parser = _Parser(text)
    node = parser.binary(0)
    if parser.peek()[1]:
        parser.refuse()
    if node.kind != "vector":
        raise QueryError(f"{text} gives a {node.kind}; expected series, such as those of up == 0.")
    return node.at


def read_series(series):
    """Read series for evaluation.

    Parameters
    ----------
    series : dict of str to (times, values)
        Such as `{'up{job="flights"}': ([0, 1, 2], [1, 1, 0])}`; times in seconds, ascending, of the same length as values.
        A missing value is left out, time and all; NaN is a value.

    Returns
    -------
    dict
        From labels to (times in ms, values).

    Raises
    ------
    QueryError
        A name cannot be read or comes twice, or the times do not fit.
    """
    store = {}
    for text, (times, values) in series.items():
        parser = _Parser(text)
        matchers = parser.matchers()
        if parser.peek()[1] or any(operation != "=" for _, operation, _ in matchers):
            raise QueryError(f"The series {text} cannot be read; expected a name such as " + 'up{job="flights"}.')
        key = tuple(sorted((name, value) for name, _, value in matchers if value))
        stamps = [round(1000 * time) for time in times]
        if key in store:
            raise QueryError(f"The series {text} comes twice.")
        if len(stamps) != len(values) or any(a >= b for a, b in zip(stamps, stamps[1:], strict=False)):
            raise QueryError(
                f"The series {text} has {len(stamps)} times and {len(values)} values; expected as many, in ascending order."
            )
        store[key] = stamps, [float(value) for value in values]
    return store


def milliseconds(duration):
    """Read a duration as Prometheus writes it.

    Parameters
    ----------
    duration : str
        Such as "30s" or "1m30s".

    Returns
    -------
    int

    Raises
    ------
    QueryError
        It is none.
    """
    parts = re.fullmatch(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", str(duration))
    if not parts or not duration:
        if str(duration) == "0":
            return 0
        raise QueryError(f"{duration!r} is no duration; expected one such as 30s or 1m30s.")
    return sum(
        int(part) * UNITS[unit] for part, unit in zip(parts.groups(), ("y", "w", "d", "h", "m", "s", "ms"), strict=True) if part
    )


class _Parser:
    def __init__(self, text):
        self.text, self.tokens, at = text, [], 0
        if len(text) > LONGEST:
            raise QueryError(f"{text[:40]}… has {len(text)} characters; at most {LONGEST} are evaluated here.")
        text = text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise QueryError(f"{self.text}: {text[at:].strip()[:1]!r} is outside what is evaluated here. {SUBSET}")
            at = found.end()
            if found.lastgroup:
                self.tokens.append((found.lastgroup, found[found.lastgroup]))
        self.tokens.append(("end", ""))

    def peek(self):
        return self.tokens[0]

    def take(self, *wanted):
        """The next token. With `wanted`, it must be one of these, by text or by kind."""
        kind, text = self.tokens[0]
        if wanted and text not in wanted and kind not in wanted:
            raise QueryError(f"{self.text}: {' or '.join(wanted)} is expected where it says {text or 'nothing more'!r}.")
        if kind != "end":
            del self.tokens[0]
        return text

    def refuse(self):
        told = repr(self.peek()[1]) if self.peek()[1] else "the end"
        raise QueryError(f"{self.text}: {told} is not expected there, or outside what is evaluated here. {SUBSET}")

    def binary(self, level):
        if level == len(LEVELS):
            return self.primary()
        left = self.binary(level + 1)
        while self.peek()[1] in LEVELS[level] and self.peek()[0] != "string":
            operation = self.take()
            left = self.operation(operation, left, self.binary(level + 1))
        return left

    def operation(self, name, left, right):
        kinds = left.kind, right.kind
        sets, compares = name in ("and", "or", "unless"), name in COMPARE
        if "window" in kinds or ("scalar" in kinds and sets) or (compares and kinds == ("scalar", "scalar")):
            raise QueryError(f"{self.text}: {name} between {kinds[0]} and {kinds[1]} is outside what is evaluated here. {SUBSET}")
        act = functools.partial(combine if sets else calculate, name)
        kind = "scalar" if kinds == ("scalar", "scalar") else "vector"
        return Node(kind, lambda store, at: act(left.at(store, at), right.at(store, at)))

    def primary(self):
        kind, text = self.peek()
        if text == "(" and kind == "operator":
            return self.in_brackets()
        if text in ("-", "+") and kind == "operator":
            sign = -1.0 if self.take() == "-" else 1.0
            value = sign * float(self.take("number"))
            return Node("scalar", lambda store, at: value)
        if kind == "number":
            value = float(self.take())
            return Node("scalar", lambda store, at: value)
        if kind == "name" and self.tokens[1][1] in ("(", "by") and text in FUNCTIONS | {"sum": None, "absent": None}:
            return self.call(self.take())
        return self.selector()

    def in_brackets(self):
        self.take("(")
        node = self.binary(0)
        self.take(")")
        return node

    def call(self, name):
        if name == "sum":
            labels = self.by()
            inner = self.of_kind("vector", name)
            labels = labels or self.by()
            return Node("vector", lambda store, at: total(inner.at(store, at), labels))
        if name == "absent":
            inner = self.of_kind("vector", name)
            return Node("vector", lambda store, at: {} if inner.at(store, at) else {inner.equal: 1.0})
        inner = self.of_kind("window", name)
        return Node("vector", lambda store, at: over_windows(name, inner.at(store, at)))

    def of_kind(self, kind, name):
        node = self.in_brackets()
        if node.kind != kind:
            raise QueryError(
                f"{self.text}: {name} takes a {kind}, not a {node.kind}" + "; a window is such as up[5m]." * (kind == "window")
            )
        return node

    def by(self):
        if self.peek()[1] != "by":
            return ()
        self.take("by")
        self.take("(")
        labels = []
        while self.peek()[1] != ")":
            labels.append(self.take("name"))
            if self.peek()[1] != ")":
                self.take(",")
        self.take(")")
        return tuple(labels)

    def matchers(self):
        found = [("__name__", "=", self.take("name"))]
        if self.peek()[1] == "{":
            self.take("{")
            while self.peek()[1] != "}":
                name, operation = self.take("name"), self.take("=", "!=", "=~", "!~")
                found.append((name, operation, self.string()))
                if self.peek()[1] != "}":
                    self.take(",")
            self.take("}")
        return found

    def string(self):
        text = self.take("string")
        if re.search(r"(?<!\\)(?:\\\\)*\\[^abfnrtvxuU0-7\\'\"]", text):
            raise QueryError(f"{self.text}: {text} has an unknown escape; a backslash itself is written twice.")
        return ast.literal_eval(text)

    def selector(self):
        if self.peek()[0] != "name" or self.tokens[1][1] == "(":
            self.refuse()
        matchers = self.matchers()
        try:
            tests = [_matcher(*matcher) for matcher in matchers]
        except re.error as error:
            raise QueryError(f"{self.text}: a pattern cannot be read: {error}.") from None
        if self.peek()[0] == "window":
            span = milliseconds(self.take()[1:-1].strip())
            return Node("window", lambda store, at: (at - span, at, _select(store, tests, at, span)))
        named = collections.Counter(name for name, _, _ in matchers)
        equal = tuple(sorted((n, v) for n, o, v in matchers if o == "=" and named[n] == 1 and n != "__name__" and v))
        return Node("vector", lambda store, at: {k: v[-1] for k, (_, v) in _select(store, tests, at, LOOKBACK).items()}, equal)


def _matcher(name, operation, value):
    if operation in ("=", "!="):
        return lambda labels: (labels.get(name, "") == value) == (operation == "=")
    pattern = promql_patterns.read(value)
    return lambda labels: bool(pattern.fullmatch(labels.get(name, ""))) == (operation == "=~")


def _select(store, tests, at, span):
    """Of each series that passes the tests, the times and values in the window; series with none are left out."""
    found = {}
    for key, (times, values) in store.items():
        first, last = bisect.bisect_left(times, at - span), bisect.bisect_right(times, at)
        if first < last and all(test(dict(key)) for test in tests):
            found[key] = times[first:last], values[first:last]
    return found
