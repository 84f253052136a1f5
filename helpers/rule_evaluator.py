"""Evaluate a file of alert rules against given series, without a server: for where Prometheus is not installed.

    rows = rule_evaluator.evaluate("alerts.yml", {'drift{feature="wind"}': (times, values)}, every=60)

It does what Prometheus 2 does, to which the tests hold it by promtool; `helpers.promql` says which expressions. Anything else
in a rule file (recording rules, `keep_firing_for`, `interval`, other template functions) is a `RuleError`.
"""

import math
import re
from decimal import Decimal

from helpers import promql
from helpers.alert_rules import AlertingError, read_yaml
from helpers.promql import QueryError

TEMPLATE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
PARTS = re.compile(r'\$value|\$labels\.(\w+)|\$value \| (humanizePercentage)|printf "(%\.\d\d?[feg]%?%?)" \$value')
KNOWN = {"alert", "expr", "for", "labels", "annotations"}
LONGEST = 2_000  # characters of a label or an annotation; each alert at each evaluation has one of its own


class RuleError(AlertingError):
    """A rule is wrong or outside what is evaluated here; the message names the rule and says why."""


def evaluate(rules, series, *, every=1.0, begin=0.0, until=None):
    """Evaluate alert rules at regular times.

    Parameters
    ----------
    rules : path-like or dict
        A rule file, or what it would say.
    series : dict of str to (times, values)
        As in `promql.read_series`; times in seconds.
    every : float, default 1.0
        Seconds between two evaluations.
    begin : float, default 0.0
        The first evaluation, in seconds.
    until : float, optional
        The last evaluation is then or before; by default, at the last value or before.

    Returns
    -------
    list of dict
        One for each alert that is pending or firing, at each evaluation, oldest first: `time` (seconds), `alert`, `state`,
        `labels` (`alertname` and the rule's own among them), `annotations`, `value`, and `since` (seconds: when it became
        active). Empty where there is none.

    Raises
    ------
    RuleError
        As above.
    promql.QueryError
        The series cannot be read.
    """
    alerts, store = [_Alert(rule) for rule in _read(rules)], promql.read_series(series)
    step = round(1000 * every)
    if step < 1:
        raise RuleError(f"every is {every!r}; expected seconds, 0.001 or more.")
    end = round(1000 * until) if until is not None else max((times[-1] for times, _ in store.values() if times), default=-1)
    return [row for at in range(round(1000 * begin), end + 1, step) for alert in alerts for row in alert.at(store, at)]


def changes(rows, every):
    """When each alert began to be pending or firing, and when it ended.

    Parameters
    ----------
    rows : list of dict
        As from `evaluate`.
    every : float
        As given there.

    Returns
    -------
    list of dict
        `alert`, `labels`, `state`, `begin`, and `end` (seconds: the first evaluation without it), by `begin`.
    """
    found, open_ = [], {}
    for row in rows:
        key = tuple(sorted(row["labels"].items())), row["state"], row["since"]
        if key not in open_:
            open_[key] = {"alert": row["alert"], "labels": row["labels"], "state": row["state"], "begin": row["time"]}
            found.append(open_[key])
        open_[key]["end"] = row["time"] + every
    return found


class _Alert:
    def __init__(self, rule):
        self.name = str(rule.get("alert"))
        outside = sorted(set(rule) - KNOWN)
        if outside:
            raise RuleError(f"{rule.get('alert') or rule.get('record')}: {', '.join(outside)} is outside what is evaluated here.")
        if not rule.get("alert") or not rule.get("expr"):
            raise RuleError(f"The rule {rule!r} lacks alert or expr.")
        try:
            self.expression, self.wait = promql.parse(str(rule["expr"])), promql.milliseconds(rule.get("for", "0s"))
        except QueryError as error:
            raise RuleError(f"{self.name}: {error}") from None
        self.labels, self.annotations = rule.get("labels") or {}, rule.get("annotations") or {}
        self.active = {}  # by labels: since when, in ms
        for text in [*self.labels.values(), *self.annotations.values()]:
            self.fill(text, {}, 0.0)  # a template outside the subset is told before anything is evaluated

    def at(self, store, at):
        """The rows of one evaluation."""
        try:
            found = self.expression(store, at)
        except QueryError as error:
            raise RuleError(f"{self.name}: {error}") from None
        rows, active = [], {}
        for key, value in found.items():
            labels = self.labelled(dict(key), value)
            known = tuple(sorted(labels.items()))
            if known in active:
                raise RuleError(f"{self.name}: two series have the same labels once those of the rule are added: {labels}.")
            since = active[known] = self.active.get(known, at)
            notes = {name: self.fill(text, dict(key), value) for name, text in self.annotations.items()}
            row = {"time": at / 1000, "alert": self.name, "state": "firing" if at - since >= self.wait else "pending"}
            rows.append({**row, "labels": labels, "annotations": notes, "value": value, "since": since / 1000})
        self.active = active
        return rows

    def labelled(self, labels, value):
        own = {name: self.fill(text, labels, value) for name, text in self.labels.items()}
        mixed = {**labels, **own, "alertname": self.name}
        return {name: text for name, text in mixed.items() if text and name != "__name__"}

    def fill(self, text, labels, value):
        text = str(text)
        if len(text) > LONGEST:
            raise RuleError(f"{self.name}: {text[:40]!r}… has {len(text)} characters; at most {LONGEST} are evaluated here.")

        def one(found):
            part = PARTS.fullmatch(found[1])
            if not part:
                told = "use $value or $labels.x, and printf with at most 99 places."
                raise RuleError(f"{self.name}: the template {found[0]} is outside what is evaluated here: {told}")
            if part[1]:
                return labels.get(part[1], "")
            shape = "%.4g%%" if part[2] else part[3]
            if shape and math.isfinite(value):
                return shape % (100 * value if part[2] else value)
            return _as_go(value) + "%" * (shape or "").endswith("%%")

        return TEMPLATE.sub(one, text)


def _read(rules):
    groups = read_yaml(rules).get("groups") or []
    for group in groups:
        outside = sorted(set(group) - {"name", "rules"})
        if outside:
            raise RuleError(f"The group {group.get('name')}: {', '.join(outside)} is outside what is evaluated here.")
    return [rule for group in groups for rule in group.get("rules") or []]


def _as_go(value):
    """A number as Go prints it: in full from 0.0001 to below 1,000,000."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    exact = Decimal(repr(value)).normalize()
    size = exact.adjusted()
    if not exact or -4 <= size < 6:
        return format(exact, "f")
    return f"{exact.scaleb(-size):f}e{size:+03d}"
