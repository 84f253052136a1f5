"""helpers/alerts.yml: each alert fires for what it is there for and is quiet else, by promtool and by helpers.rule_evaluator."""

import re

import pytest
import yaml

from helpers import alert_rules, rule_evaluator
from tests.notebook_files import ROOT, prose, read

FILE = ROOT / "helpers" / "alerts.yml"
RULES = [rule for group in yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
pytestmark = pytest.mark.timeout(60)

# A service and a monitor that are well: their series, in promtool's words, each second for two minutes.
WELL = {
    'up{job="flights"}': "1x120",
    'requests_total{job="flights",route="/predict",status="200"}': "100+10x120",
    'requests_total{job="flights",route="/predict",status="503"}': "0x120",
    'unlogged_total{job="flights"}': "0x120",
    'alertmanager_notification_requests_failed_total{integration="email"}': "3x120",
    'alertmanager_notification_requests_failed_total{integration="slack"}': "0x120",
    'seconds_bucket{job="flights",route="/predict",le="0.25"}': "100+10x120",
    'seconds_count{job="flights",route="/predict"}': "100+10x120",
    "monitor_last_success_seconds": "1000+1x120",
    "monitor_window_predictions": "2000x120",
    "monitor_labelled_share": "0.8x120",
    'drift_effect{column="temp"}': "0.3x120",
    'drift_limit{column="temp"}': "0.3x120",
    'drift_unknown{column="temp"}': "0x120",
    'data_wrong_share{column="temp",what="nulls"}': "0.01x120",
    'model_score_high{score="auc"}': "0.73x120",
    'model_score_before{score="auc"}': "0.73x120",
    'model_score_low{score="calibration_error"}': "0.02x120",
    'model_score_before{score="calibration_error"}': "0.02x120",
}
FROM = 60  # seconds: then something happens
THEN = "x59 "  # a value for the first minute
ILL = [  # what changes, the alert, its first second, its labels
    ({'up{job="flights"}': "1x59 0x60"}, "ServiceDown", 62, {"job": "flights"}),
    ({'unlogged_total{job="flights"}': "0x59 5x60"}, "PredictionsUnlogged", 60, {"job": "flights"}),
    ({'requests_total{job="flights",route="/predict",status="503"}': "0x59 5+5x60"}, "ServiceErrors", 61, {}),
    ({'seconds_bucket{job="flights",route="/predict",le="0.25"}': "100+10x59 690x60"}, "ServiceSlow", 65, {"route": "/predict"}),
    (
        {'alertmanager_notification_requests_failed_total{integration="email"}': "3x59 4+1x60"},
        "NotificationsFailing",
        60,
        {"integration": "email"},
    ),
    ({"monitor_last_success_seconds": "1000+1x59 1059x60"}, "MonitorStale", 79, {}),
    ({'drift_effect{column="temp"}': "0.3x59 0.31x60"}, "DataDrifted", 60, {"column": "temp"}),
    ({'drift_unknown{column="temp"}': "0x59 1x60"}, "ColumnUntested", 60, {"column": "temp"}),
    (
        {'data_wrong_share{column="temp",what="nulls"}': "0.01x59 0.011x60"},
        "DataWrong",
        60,
        {"column": "temp", "what": "nulls"},
    ),
    ({'model_score_high{score="auc"}': "0.73x59 0.72x60"}, "ModelWorse", 60, {"score": "auc"}),
    (
        {'model_score_low{score="calibration_error"}': "0.02x59 0.03x60"},
        "ModelWorse",
        60,
        {"score": "calibration_error"},
    ),
    ({"monitor_labelled_share": "0.8x59 0.05x60"}, "LabelsMissing", 65, {}),
]
BLIPS = [
    {'up{job="flights"}': "1x59 0x0 1x59"},
    {"monitor_labelled_share": "0.8x59 0x2 0.8x56"},
    {'drift_effect{column="temp"}': "0.3x59 _x60"},  # it could not be told: that is drift_unknown's to say
]


def spread(words):
    """The values behind promtool's words."""
    found = []
    for word in words.split():
        start, step, times = re.fullmatch(r"(_|[\d.]+)(?:\+([\d.]+))?x(\d+)", word).groups()
        values = [None if start == "_" else float(start) + float(step or 0) * n for n in range(int(times) + 1)]
        found += values
    return found


def fired(series):
    """By rule_evaluator: (alert, labels) to the seconds in which it fires, and what it says."""
    given = {}
    for name, words in series.items():
        values = spread(words)
        steps = [step for step, value in enumerate(values) if value is not None]
        given[name] = (steps, [values[step] for step in steps])
    found = {}
    for row in rule_evaluator.evaluate(FILE, given, every=1, until=119):
        if row["state"] == "firing":
            labels = {name: value for name, value in row["labels"].items() if name not in ("alertname", "severity")}
            found.setdefault((row["alert"], tuple(sorted(labels.items()))), []).append(row)
    return found


def test_every_alert_is_whole_and_tested():
    assert alert_rules.missing_runbooks(FILE) == []
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"].endswith(".")
    assert {rule["alert"] for rule in RULES} == {alert for _, alert, _, _ in ILL}


def test_every_runbook_is_a_heading_of_the_lesson():
    for rule in RULES:
        page, heading = rule["annotations"]["runbook_url"].split("#")
        assert heading == rule["alert"] and f"\n### {heading}\n" in prose(read(page))


@pytest.mark.needs("prometheus")
def test_promtool_takes_the_file():
    assert alert_rules.check_rules(FILE) == []


@pytest.mark.parametrize("change", [{}, *BLIPS])
def test_all_is_quiet_where_nothing_or_only_a_moment_is_wrong(change):
    assert fired(WELL | change) == {}


@pytest.mark.parametrize(("change", "alert", "first", "labels"), ILL)
def test_what_is_wrong_fires_that_alert_alone_and_stays(change, alert, first, labels):
    found = fired(WELL | change)
    assert list(found) == [(alert, tuple(sorted(labels.items())))]
    (rows,) = found.values()
    assert rows[0]["time"] == first
    lasting = first + 8 if alert == "PredictionsUnlogged" else 119  # one refusal is over ten seconds later
    assert rows[-1]["time"] >= lasting and "{{" not in rows[0]["annotations"]["summary"]


def test_what_is_absent_fires():
    for name in ('up{job="flights"}', "monitor_last_success_seconds"):
        there = {key: words for key, words in WELL.items() if key != name}
        found = fired(there)
        assert [alert for alert, _ in found] == ["MonitorStale"], found


@pytest.mark.needs("prometheus")
def test_promtool_decides_the_same(tmp_path):
    (tmp_path / "alerts.yml").write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    tests = []
    for change in [{}, *BLIPS, *[change for change, *_ in ILL], {'up{job="flights"}': "_x119"}]:
        series, found = WELL | change, fired(WELL | change)
        checked = []
        for second in (0, 30, 60, 61, 64, 65, 66, 78, 79, 90, 119):
            for alert in {rule["alert"] for rule in RULES}:
                rows = [row for rows in found.values() for row in rows if (row["alert"], row["time"]) == (alert, second)]
                told = [
                    {
                        "exp_labels": {name: value for name, value in row["labels"].items() if name != "alertname"},
                        "exp_annotations": row["annotations"],
                    }
                    for row in rows
                ]
                checked.append({"alertname": alert, "eval_time": f"{second}s", "exp_alerts": told})
        inputs = [{"series": name, "values": words} for name, words in series.items()]
        tests.append({"interval": "1s", "input_series": inputs, "alert_rule_test": checked})
    whole = {"rule_files": ["alerts.yml"], "evaluation_interval": "1s", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    assert alert_rules.test_rules(tmp_path / "tests.yml") == []
