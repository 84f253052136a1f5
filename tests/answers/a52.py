"""Right and wrong answers to the questions of 52, logging and alerting."""

import sqlite3

import yaml

from helpers import logged, retention
from tests.answers import Answers, Wrong

DAY = 86_400

ERRORS = 'sum(rate(requests_total{status=~"5.."}[5m])) / sum(rate(requests_total[5m])) > 0.1'
DRIFT, GONE = "drift_effect > drift_limit", "absent(drift_effect)"


def rules(errors=ERRORS, drift=DRIFT, gone=GONE, *, wait="3m", link="runbooks.md#it", severity=None, without=""):
    """A rule file, with one thing changed."""
    severity = severity or {"TooManyErrors": "page", "LastingDrift": "ticket", "MonitorGone": "page"}
    found = []
    for name, expression in (("TooManyErrors", errors), ("LastingDrift", drift), ("MonitorGone", gone)):
        rule = {"alert": name, "expr": expression, "labels": {"severity": severity[name]}}
        rule["annotations"] = {"summary": f"{name} {{{{ $value }}}}", **({"runbook_url": link} if link else {})}
        if name == "LastingDrift" and wait:
            rule["for"] = wait
        if name != without:
            found.append(rule)
    return {"groups": [{"name": "exercise", "rules": found}]}


AS_TEXT = """
groups:
  - name: service
    rules:
      - alert: TooManyErrors
        expr: sum(increase(requests_total{status=~"5.*"}[5m])) / sum(increase(requests_total[5m])) > 0.1
        labels: {severity: page}
        annotations: {summary: "{{ $value | humanizePercentage }} fail", runbook_url: "https://example.org/runbooks/errors"}
  - name: data
    rules:
      - alert: LastingDrift
        expr: drift_effect > drift_limit
        for: 3m
        labels: {severity: ticket}
        annotations: {summary: "{{ $labels.column }} has drifted", runbook_url: "runbooks.md#drift"}
      - alert: MonitorGone
        expr: absent(sum(drift_effect))
        labels: {severity: page}
        annotations: {summary: no monitor, runbook_url: "runbooks.md#monitor"}
"""
BY_JOB = ERRORS.replace("sum(", "sum by (job) (").replace("> 0.1", "* 100 > 10")  # no series has it: one sum
BY_ROUTE = ERRORS.replace("sum(", "sum by (route) (")

RULES = Answers(
    right=[
        rules(),
        AS_TEXT,
        yaml.safe_dump(rules(BY_JOB, "drift_effect - drift_limit > 0", "absent(drift_limit)")),
        rules(drift="min_over_time(drift_effect[1s]) > drift_limit", wait="180s"),
    ],
    wrong=[
        Wrong(rules(BY_ROUTE), "by route"),
        Wrong(rules(drift="drift_effect > 0.2"), "fixed limit"),
        Wrong(rules(drift="drift_effect > 0.3"), "fixed limit"),
        Wrong(rules(drift="drift_effect > 0.07"), says="where drift_effect is"),
        Wrong(rules(ERRORS.replace('=~"5..', '="503')), says="an outage with statuses 500 and 503"),
        Wrong(rules(wait=""), "a blip wakes somebody"),
        Wrong(rules(drift="drift_effect >= drift_limit"), "at the limit"),
        Wrong(rules(ERRORS.replace("5..", "[45]..")), "a caller's mistake"),
        Wrong(
            rules('sum(requests_total{status=~"5.."}) / sum(requests_total) > 0.1'),
            "ever since",
        ),
        Wrong(rules('rate(requests_total{status=~"5.."}[5m]) / rate(requests_total[5m]) > 0.1'), "divided by itself"),
        Wrong(rules(gone="drift_effect == 0"), "silence is taken for good news"),
        Wrong(rules(gone="up == 0"), "silence is taken for good news"),
        Wrong(
            rules(gone='absent(drift_effect{column="distance"}) and absent(drift_effect{column="temp"})'),  # labels differ
            "silence is taken for good news",
        ),
        Wrong(rules(link=""), "no runbook"),
        Wrong(rules(link="see the wiki"), "no runbook"),
        Wrong(rules(wait="4m"), says="LastingDrift"),
        Wrong(rules(ERRORS.replace("5m", "2m")), says="TooManyErrors is quiet 2 minutes after an outage"),
        Wrong(rules(ERRORS.replace("0.1", "0.02")), says="TooManyErrors fires"),
        Wrong(rules(drift="drift_effect > 0.2 and drift_effect < 0.3"), says="LastingDrift"),
        Wrong(rules(without="MonitorGone"), says="no alert called MonitorGone"),
        Wrong(
            AS_TEXT.replace("drift_effect >", 'drift_effect{column="distance"} >').replace("ticket}", "ticket, column: mine}"),
            says="LastingDrift",
        ),
        Wrong(rules(drift="drift_effect >"), says="cannot be evaluated"),
        Wrong(rules(severity=dict.fromkeys(["TooManyErrors", "LastingDrift", "MonitorGone"], "page")), says="severity"),
        Wrong(rules(gone="absent(nothing)"), says="MonitorGone fires while drift_effect is there"),
        Wrong("groups: [", says="no YAML"),
        Wrong({"groups": ["TooManyErrors"]}, says="cannot be evaluated"),
        Wrong({"groups": [{"name": "x", "rules": [{"record": "a", "expr": "up"}]}]}, says="cannot be evaluated"),
        Wrong({}, says="cannot be evaluated"),
        Wrong([1, 2], says="is a list"),
    ],
)


def by_where(log, column, began, ended):
    rows = logged.read(log, since=began, until=ended, where=[(column, "=", None)])
    return list(dict.fromkeys(rows["request_id"]))


def by_pandas(log, column, began, ended):
    rows = logged.read(log, since=began, until=ended)
    return rows.loc[rows[column].isna(), "request_id"].unique().tolist() if len(rows) else []


def by_loop(log, column, began, ended):
    found = []
    for row in logged.read(log).to_dict("records"):
        inside = began <= row["at"].timestamp() < ended
        if inside and row[column] != row[column] and row["request_id"] not in found:
            found.append(row["request_id"])
    return found


def by_sql(log, column, began, ended):
    with sqlite3.connect(log) as connection:
        found = connection.execute(
            "SELECT request_id, min(id) FROM predictions WHERE at >= ? AND at < ? AND json_extract(inputs, ?) IS NULL "
            "GROUP BY request_id ORDER BY min(id)",
            (began, ended, f"$.{column}"),
        ).fetchall()
    connection.close()
    return [request_id for request_id, _ in found]


def everything_inside(log, column, began, ended):
    return list(dict.fromkeys(logged.read(log, since=began, until=ended)["request_id"]))


def whole_log(log, column, began, ended):
    return list(dict.fromkeys(logged.read(log, where=[(column, "=", None)])["request_id"]))


def with_the_end(log, column, began, ended):
    return by_where(log, column, began, ended + 0.5)


def each_row(log, column, began, ended):
    return logged.read(log, since=began, until=ended, where=[(column, "=", None)])["request_id"].tolist()


def only_whole(log, column, began, ended):
    rows = logged.read(log, since=began, until=ended)
    if not len(rows):
        return []
    empty = rows[column].isna().groupby(rows["request_id"], sort=False).all()
    return empty[empty].index.tolist()


def by_name(log, column, began, ended):
    return sorted(set(by_where(log, column, began, ended)))


def wrong_column(log, column, began, ended):
    return by_where(log, "visib", began, ended)


def none_for_nothing(log, column, began, ended):
    return by_where(log, column, began, ended) or None


def a_table(log, column, began, ended):
    return {"rows": each_row(log, column, began, ended)}


def there_and_not_missing(log, column, began, ended):
    return list(dict.fromkeys(logged.read(log, since=began, until=ended, where=[(column, "!=", None)])["request_id"]))


def backwards(log, column, began, ended):
    return by_where(log, column, began, ended)[::-1]


ROWS = Answers(
    right=[by_where, by_pandas, by_loop, by_sql],
    wrong=[
        Wrong(everything_inside, "all of the window"),
        Wrong(whole_log, "all of the log"),
        Wrong(with_the_end, "the end is in"),
        Wrong(each_row, "once a row"),
        Wrong(only_whole, "every row"),
        Wrong(by_name, "sorted by name"),
        Wrong(wrong_column, says="should not be among them"),
        Wrong(none_for_nothing, says="a NoneType"),
        Wrong(a_table, says="a dict"),
        Wrong(there_and_not_missing, says="yours gave"),
        Wrong(backwards, says="another order"),
    ],
)


def both(log, now):
    retention.redact(log, ["client", "note", "who"], now=now, before=now - 30 * DAY)
    retention.delete_old(log, 90, now=now)


def the_other_way_round(log, now):
    retention.delete_old(log, days=90, now=now)
    for name in ("who", "note", "client"):
        retention.redact(log, [name], now=now, before=now - 30 * DAY)


def one_by_one(log, now):
    rows = logged.read(log, until=now - 30 * DAY)
    for request_id in rows["request_id"].unique():
        retention.redact(log, ["note", "client", "who"], now=now, request_id=request_id)
    retention.delete_old(log, 90, now=now)


def without_who(log, now):
    retention.redact(log, ["client", "note"], now=now, before=now - 30 * DAY)
    retention.delete_old(log, 90, now=now)


def without_note(log, now):
    retention.redact(log, ["client", "who"], now=now, before=now - 30 * DAY)
    retention.delete_old(log, 90, now=now)


def only_redacted(log, now):
    retention.redact(log, ["client", "note", "who"], now=now, before=now - 30 * DAY)


def only_deleted(log, now):
    retention.delete_old(log, 90, now=now)


def all_redacted(log, now):
    retention.redact(log, ["client", "note", "who"], now=now, before=now)
    retention.delete_old(log, 90, now=now)


def milliseconds(log, now):
    retention.redact(log, ["client", "note", "who"], now=now, before=now - 30)
    retention.delete_old(log, 90, now=now)


def deleted_at_thirty(log, now):
    retention.delete_old(log, 30, now=now)


def swapped(log, now):
    retention.redact(log, ["client", "note", "who"], now=now, before=now - 90 * DAY)
    retention.delete_old(log, 30, now=now)


def nothing(log, now):
    return 3


def too_much(log, now):
    retention.redact(log, ["client", "note", "who", "dest"], now=now, before=now - 30 * DAY)
    retention.delete_old(log, 90, now=now)


def everything_gone(log, now):
    retention.delete_old(log, 0, now=now)


def at_sixty(log, now):
    both(log, now)
    retention.delete_old(log, 59, now=now)


KEEP = Answers(
    right=[both, the_other_way_round, one_by_one],
    wrong=[
        Wrong(without_who, "the one who told"),
        Wrong(without_note, "one field of two"),
        Wrong(only_redacted, "nothing deleted"),
        Wrong(only_deleted, "nothing redacted"),
        Wrong(all_redacted, "all redacted"),
        Wrong(milliseconds, "all redacted"),
        Wrong(deleted_at_thirty, "deleted at thirty"),
        Wrong(swapped, "deleted at thirty"),
        Wrong(nothing, says="should be"),
        Wrong(too_much, says="destination"),
        Wrong(everything_gone, says="is gone"),
        Wrong(at_sixty, says="is gone"),
    ],
)

ANSWERS = {"52.1": RULES, "52.2": ROWS, "52.3": KEEP}
