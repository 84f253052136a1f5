"""helpers.rule_evaluator and helpers.promql: the same decisions as the real Prometheus, which promtool gives without a server."""

import json
import math

import numpy as np
import pytest
import yaml

from helpers import alert_rules, promql, rule_evaluator

pytestmark = pytest.mark.timeout(60)
promtool = pytest.mark.needs("prometheus")
STEPS = 16

# Every part of the subset, with windows of five values and of a little more than a minute.
EXPRESSIONS = [
    "drift > 0.5",
    'drift{feature="wind"} >= 0.5',
    'drift{feature!="wind", model=~"v[12]"} < 0.25',
    'drift{feature!~"wi.*"} == 0.5',
    '0.5 != drift{feature="wind"}',
    "avg_over_time(drift[{w}]) > 0.5",
    "min_over_time(drift[{w}]) < 0.125 or max_over_time(drift[{w}]) > 0.875",
    "sum_over_time(drift[{w}]) > 2.5 and count_over_time(drift[{w}]) >= 4",
    "count_over_time(drift[{w}]) < 3",
    "rate(requests_total[{w}]) > 1.5",
    "increase(requests_total[{w}]) > 7.5",
    'rate(requests_total{status="500"}[{w}]) / rate(requests_total{status="500"}[{long}]) > 1.25',
    'sum by (model) (rate(requests_total{status="500"}[{w}])) / sum by (model) (rate(requests_total[{w}])) > 0.4',
    "sum(rate(requests_total[{w}])) by (model, status) < 1",
    'sum(drift) > 2 unless sum(drift{feature="wind"}) > 0.75',
    "absent(drift{feature=\"wind\", model='v1'})",
    "absent(rate(requests_total[{w}]))",
    "drift * 2 + 1 > 2 # with a comment",
    "(drift - drift{feature='wind'}) / drift >= 0 or drift{feature='rain'} > 0.9",
    "-1 * drift < (-0.5 - 0.25) and drift",
    "drift > 0.2 and drift < 0.8 unless drift == 0.5",
    "(1 + 2) * 2 - drift > 5.5",
    "drift / 0 > 0",
    "drift / (drift - drift) > 0",
]


def rules(window, long, hold):
    """Each expression at once, and again after having held for some time."""
    all_of_them = []
    for number, expression in enumerate(EXPRESSIONS):
        expression = expression.replace("{w}", window).replace("{long}", long)
        for wait in (None, hold):
            rule = {"alert": f"A{number}{'held' if wait else ''}", "expr": expression, "labels": {"severity": "page"}}
            rule["annotations"] = {"summary": "{{ $labels.feature }} is {{ $value }}, {{ $value | humanizePercentage }}"}
            all_of_them.append({**rule, **({"for": wait} if wait else {})})
    return {"groups": [{"name": "all", "rules": all_of_them}]}


def random_series(rng):
    """Values at steps 0, 1, 2, …; None is a gap. Multiples of 1/1024: thresholds are met, and no sum depends on its order."""
    found = {}
    for feature in ("wind", "rain", "snow"):
        for model in ("v1", "v2"):
            if rng.random() < 0.8:
                values = (
                    rng.integers(0, 9, STEPS) / 8 if rng.random() < 0.5 else np.round(1024 * rng.normal(0.5, 0.3, STEPS)) / 1024
                )
                found[f'drift{{feature="{feature}", model="{model}"}}'] = [float(value) for value in values]
    for status in ("200", "500"):
        for model in ("v1", "v2"):
            counts = np.cumsum(rng.poisson(rng.choice([0.3, 2.0]), STEPS)) + rng.integers(0, 50)
            restart = rng.integers(1, STEPS)  # the service starts anew, and counts from zero
            counts[restart:] -= counts[restart]
            found[f'requests_total{{status="{status}", model="{model}"}}'] = [float(count) for count in counts]
    for values in found.values():
        begin, end = sorted(rng.integers(0, STEPS, 2)) if rng.random() < 0.3 else (0, STEPS)
        gaps = rng.random(STEPS) < rng.choice([0.0, 0.2, 0.5])
        for step in range(STEPS):
            if gaps[step] or not begin <= step <= end:
                values[step] = None
    return found


def given(series, every):
    """Series as `rule_evaluator` takes them."""
    steps = {name: [step for step, value in enumerate(values) if value is not None] for name, values in series.items()}
    return {name: ([every * step for step in at], [series[name][step] for step in at]) for name, at in steps.items()}


def test_case(series, rules, every, rng):
    """What we say of these series, as a test that promtool checks."""
    rows = rule_evaluator.evaluate(rules, given(series, every), every=every, until=(STEPS - 1) * every)
    expected = []
    for step in range(STEPS):
        now = [row for row in rows if row["time"] == step * every]
        samples = [{"labels": as_text({**row["labels"], "alertstate": row["state"]}, "ALERTS"), "value": 1} for row in now]
        expected.append({"expr": "ALERTS", "eval_time": f"{step * every}s", "exp_samples": samples})
    details, step = [], int(rng.integers(0, STEPS))
    for name in {row["alert"] for row in rows}:
        firing = [row for row in rows if (row["alert"], row["time"], row["state"]) == (name, step * every, "firing")]
        alerts = [
            {
                "exp_labels": {key: value for key, value in row["labels"].items() if key != "alertname"},
                "exp_annotations": row["annotations"],
            }
            for row in firing
        ]
        details.append({"alertname": name, "eval_time": f"{step * every}s", "exp_alerts": alerts})
    inputs = [
        {"series": name, "values": " ".join("_" if value is None else repr(value) for value in values)}
        for name, values in series.items()
    ]
    case = {"interval": f"{every}s", "input_series": inputs, "promql_expr_test": expected, "alert_rule_test": details}
    return case, rows


test_case.__test__ = False


def as_text(labels, name=""):
    return name + "{" + ", ".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def told_by_promtool(folder, rules, cases, every):
    (folder / "rules.yml").write_text(json.dumps(rules))  # JSON is YAML, and is written 30 times as fast
    content = {"rule_files": ["rules.yml"], "evaluation_interval": f"{every}s", "tests": cases}
    (folder / "tests.yml").write_text(json.dumps(content))
    return alert_rules.test_rules(folder / "tests.yml")


@promtool
@pytest.mark.parametrize(
    ("every", "window", "long", "hold", "seed"),
    [(1, "5s", "12s", "3s", 1), (60, "5m", "12m30s", "3m", 2), (15, "1m", "2m10s", "30s", 3)],
)
def test_it_decides_as_prometheus_does(tmp_path, every, window, long, hold, seed):
    rng, cases, fired = np.random.default_rng(seed), [], set()
    for _ in range(7):
        case, rows = test_case(random_series(rng), rules(window, long, hold), every, rng)
        cases.append(case)
        fired |= {row["alert"] for row in rows if row["state"] == "firing"}
    assert len(fired) > 0.9 * 2 * len(EXPRESSIONS), sorted(fired)  # agreement on silence alone would prove little
    assert told_by_promtool(tmp_path, rules(window, long, hold), cases, every) == []


@promtool
def test_promtool_would_tell_the_difference(tmp_path):
    """One decision altered at one of 16 times is found."""
    rng = np.random.default_rng(5)
    case, rows = test_case(random_series(rng), rules("5s", "12s", "3s"), 1, rng)
    step = next(row for row in rows if row["state"] == "pending")["time"]
    samples = next(each for each in case["promql_expr_test"] if each["eval_time"] == f"{int(step)}s")["exp_samples"]
    next(sample for sample in samples if "pending" in sample["labels"])["labels"] = 'ALERTS{alertname="none"}'
    assert told_by_promtool(tmp_path, rules("5s", "12s", "3s"), [case], 1) != []


@promtool
def test_values_are_those_of_prometheus(tmp_path):
    """To the last digit: a value that is off by one part in 10^16 crosses a threshold at another time."""
    rng, cases = np.random.default_rng(4), []
    texts = ["drift * 3 - 0.1"] + [f"{name}_over_time(drift[7s])" for name in ("avg", "min", "max", "sum", "count")]
    texts += ["rate(requests_total[7s])", "increase(requests_total[9s])", "rate(requests_total[1m]) / 3"]
    for _ in range(10):
        series, asked = random_series(rng), []
        series = {name: [v and v * 1.1 for v in values] for name, values in series.items()}  # of many digits
        store = promql.read_series(given(series, 1))
        for text in texts:
            for step in range(0, STEPS, 3):
                found = promql.parse(text)(store, 1000 * step)
                samples = [{"labels": as_text(dict(key)), "value": value} for key, value in found.items()]
                asked.append({"expr": text, "eval_time": f"{step}s", "exp_samples": samples})
        inputs = [
            {"series": name, "values": " ".join("_" if v is None else repr(v) for v in values)} for name, values in series.items()
        ]
        cases.append({"interval": "1s", "input_series": inputs, "promql_expr_test": asked})
    assert told_by_promtool(tmp_path, {"groups": []}, cases, 1) == []


def one(expression, **more):
    return {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": expression, **more}]}]}


def test_an_alert_holds_before_it_fires():
    series = {'drift{feature="wind"}': (range(8), [0, 1, 1, 1, 0, 1, 1, 0])}
    rows = rule_evaluator.evaluate(one("drift > 0.5", **{"for": "2s"}), series)
    assert [(row["time"], row["state"]) for row in rows] == [
        (1, "pending"),
        (2, "pending"),
        (3, "firing"),
        (5, "pending"),
        (6, "pending"),
    ]
    assert [(row["state"], row["begin"], row["end"]) for row in rule_evaluator.changes(rows, 1)] == [
        ("pending", 1, 3),
        ("firing", 3, 4),
        ("pending", 5, 7),
    ]
    assert rows[0]["labels"] == {"alertname": "A", "feature": "wind"} and rows[0]["since"] == 1


def test_a_file_and_what_it_says_are_the_same(tmp_path):
    series, rules = {"up": ([100, 101, 102], [1, 0, 0])}, one("up == 0")
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(rules))
    rows = rule_evaluator.evaluate(tmp_path / "alerts.yml", series, begin=100)
    assert rows == rule_evaluator.evaluate(rules, series, begin=100)
    assert [row["time"] for row in rows] == [101, 102]


def test_missing_data_is_not_quiet_where_the_rule_says_so():
    assert rule_evaluator.evaluate(one("up == 0"), {}, until=3) == []
    assert len(rule_evaluator.evaluate(one('absent(up{job="flights"})'), {}, until=3)) == 4
    assert rule_evaluator.evaluate(one("up == 0"), {}) == []  # no values, no time to evaluate at


def test_a_value_that_is_no_number_crosses_no_threshold():
    series = {"drift": ([0, 1], [math.nan, 1.0])}
    assert [row["time"] for row in rule_evaluator.evaluate(one("drift > 0.5"), series)] == [1]
    assert [row["time"] for row in rule_evaluator.evaluate(one("drift != 0.5"), series)] == [0, 1]


@pytest.mark.parametrize(
    "value",
    [3.0, 0.1, -2.5, 1e17, 1e22, 1e-5, 0.0001, 123456789.25, 1e6, 999999.0, 1234567.0, 123456.5, 100.0, 0.0, math.inf, -math.inf],
)
@promtool
def test_numbers_are_written_as_prometheus_writes_them(tmp_path, value):
    rules = one(
        "x < 7 or x >= 7",
        annotations={"a": "{{ $value }}", "b": '{{ printf "%.2f" $value }}', "c": "{{ $value | humanizePercentage }}"},
    )
    row = rule_evaluator.evaluate(rules, {"x": ([0], [value])})[0]
    written = {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, repr(value))
    case = {"interval": "1s", "input_series": [{"series": "x", "values": written}]}
    case["alert_rule_test"] = [{"alertname": "A", "eval_time": "0s", "exp_alerts": [{"exp_annotations": row["annotations"]}]}]
    assert told_by_promtool(tmp_path, rules, [case], 1) == []


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "lacks alert or expr"),
        ("1", "gives a scalar"),
        ("up[5m]", "gives a window"),
        ("rate(up)", "rate takes a window, not a vector"),
        ("sum(up[5m])", "sum takes a vector, not a window"),
        ("1 > 2", "> between scalar and scalar"),
        ("up and 1", "and between vector and scalar"),
        ("up > bool 1", "'1' is not expected"),
        ("up offset 5m > 1", "'offset' is not expected"),
        ("histogram_quantile(0.9, x) > 1", "'histogram_quantile' is not expected"),
        ("a / on (job) b > 1", "'on' is not expected"),
        ("quantile_over_time(0.9, up[5m]) > 1", "'quantile_over_time' is not expected"),
        ("rate(up[5x]) > 1", "'5x' is no duration"),
        ("rate(up[5m:1m]) > 1", "'5m:1m' is no duration"),
        ("up ^ 2 > 1", "'^' is outside"),
        ("up{job=1}", "string is expected where it says '1'"),
        ("up{job='(' job2='x'}", ", is expected where it says 'job2'"),
        ("up{job=~'('}", "a pattern cannot be read"),
        ("up > ", "the end is not expected"),
        ("(up > 1", "[)] is expected where it says 'nothing more'"),
        ("up > 1 up", "'up' is not expected"),
        ('{job="x"} > 1', "'{' is not expected"),
        ("-up > 1", "number is expected"),
        ('up{job=~"a\\.b"} > 1', "unknown escape"),
    ],
)
def test_what_is_outside_is_one_clear_error(expression, said):
    with pytest.raises(rule_evaluator.RuleError, match=said.replace("'^'", r"'\^'").replace("'{'", r"'\{'")) as caught:
        rule_evaluator.evaluate(one(expression), {"up": ([0], [1])})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (one("up", keep_firing_for="5m"), "A: keep_firing_for is outside"),
        ({"groups": [{"name": "g", "rules": [{"record": "r", "expr": "up"}]}]}, "r: record is outside"),
        ({"groups": [{"name": "g", "interval": "5s", "rules": []}]}, "The group g: interval is outside"),
        (one("up", **{"for": "soon"}), "A: 'soon' is no duration"),
        (one("up", annotations={"summary": "{{ $value | humanize }}"}), "A: the template .* is outside"),
        (one("up", labels={"job": "one"}), "A: two series have the same labels"),
    ],
)
def test_a_rule_that_is_outside(rules, said):
    series = {'up{job="a"}': ([0], [1]), 'up{job="b"}': ([0], [1]), "other": ([0], [1])}
    with pytest.raises(rule_evaluator.RuleError, match=said):
        rule_evaluator.evaluate(rules, series)


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ({"up{job=~'x'}": ([0], [1])}, "cannot be read"),
        ({"up{": ([0], [1])}, "expected where it says"),
        ({"up": ([0, 1], [1])}, "2 times and 1 values"),
        ({"up": ([1, 0], [1, 1])}, "ascending"),
        ({"up": ([0, 0.0001], [1, 1])}, "ascending"),
        ({'up{a="1",b="2"}': ([0], [1]), 'up{b="2",a="1"}': ([0], [1])}, "comes twice"),
    ],
)
def test_series_that_do_not_fit(series, said):
    with pytest.raises(promql.QueryError, match=said):
        rule_evaluator.evaluate(one("up"), series)
