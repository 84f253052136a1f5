"""helpers.dashboard and helpers.dashboard_app: every panel's query has data in the real Prometheus, and the page shows them."""

import json
import time

import httpx
import pandas as pd
import pytest
import yaml

from helpers import alerting, dashboard, dashboard_app, flights, logged, model_source, modeling, monitor, serving
from tests.browser import chromium
from tests.notebook_files import ROOT

pytestmark = [pytest.mark.timeout(120), pytest.mark.needs("prometheus")]
RULES = {"groups": [{"name": "all", "rules": [{"alert": "Drifted", "expr": "drift_effect > drift_limit"}]}]}
RULES["groups"][0]["rules"][0] |= {
    "labels": {"severity": "ticket"},
    "annotations": {"summary": "temp has moved", "runbook_url": "a.md"},
}


@pytest.fixture(scope="module")
def prometheus():
    """It scrapes a program that has the metrics of the service and of the monitor, which are `up` as well."""
    import prometheus_client

    registry = prometheus_client.CollectorRegistry()
    one = {"registry": registry}
    temp, auc = {"column": "temp"}, {"score": "auc"}
    metrics = {"drift_effect": temp, "drift_limit": temp, "data_wrong_share": {**temp, "what": "nulls"}}
    metrics["drift_unknown"] = temp
    metrics |= dict.fromkeys(["predicted_late_share", "actual_late_share", "monitor_labelled_share"], {})
    metrics |= dict.fromkeys(["model_score", "model_score_low", "model_score_high", "model_score_before"], auc)
    for name, labels in metrics.items():
        gauge = prometheus_client.Gauge(name, "x", list(labels), **one)
        (gauge.labels(**labels) if labels else gauge).set(0.25 if name == "drift_limit" else 0.5)
    requests = prometheus_client.Counter("requests", "x", ["route", "status"], **one).labels("/predict", "200")
    seconds = prometheus_client.Histogram("seconds", "x", ["route"], **one).labels("/predict")
    server, thread = prometheus_client.start_http_server(0, addr="127.0.0.1", registry=registry)
    address = f"127.0.0.1:{server.server_port}"
    with alerting.prometheus({"flights": address, "monitor": address}, RULES, every=0.2) as running:

        def ready():
            requests.inc()
            seconds.observe(0.1)
            return alerting.alerts(running) and not without_data(running)

        wait_until(ready, running)
        yield running
    server.shutdown()
    server.server_close()
    thread.join()


def without_data(running):
    queries = [query for panel in dashboard.PANELS for query in panel.queries.values()]
    return [query for query in queries if not dashboard.read(running, query, seconds=30)]


def wait_until(ready, running, seconds=60):
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"no data for {without_data(running)}; alerts: {alerting.alerts(running)}"
        time.sleep(0.1)


def test_every_query_has_data_from_the_real_service_and_the_real_monitor(tmp_path):
    """The names in the queries are theirs: whoever renames a metric there is told here."""
    table = flights.load([1, 2, 3]).sample(12_000, random_state=0)
    model = modeling.make_model(n_steps=20).fit(*flights.features_and_target(table[:4_000]))
    quiet, batch = table[4_000:], table[:600]
    quiet.assign(probability=modeling.probability_late(model, quiet[list(flights.FEATURES)])).to_parquet(
        tmp_path / "quiet.parquet"
    )
    log, place = tmp_path / "predictions.db", model_source.save(model, tmp_path / "model", version="1")
    with serving.start(place, log=log) as api, monitor.start(log, tmp_path / "quiet.parquet", window=500) as watcher:
        all_of_them, one = (part[list(flights.FEATURES)].to_json(orient="records") for part in (batch, batch[:1]))
        request_id = httpx.post(api.local_url + "predict", content=all_of_them, timeout=30).headers["X-Request-Id"]
        rows = [(row, bool(late)) for row, late in enumerate(batch["late"]) if pd.notna(late)]
        known = [(request_id, row, late, time.time(), "airport") for row, late in rows]
        logged.add_outcomes(log, known)
        with alerting.prometheus({"flights": api, "monitor": watcher}, every=0.2) as running:

            def ready():
                httpx.post(api.local_url + "predict", content=one, timeout=30)
                return not without_data(running)

            wait_until(ready, running)


def test_every_query_of_every_panel_has_data_in_the_real_prometheus(prometheus):
    for panel in dashboard.grafana()["panels"]:
        for target in panel["targets"]:
            series = dashboard.read(prometheus, target["expr"], seconds=30)
            assert series and all(len(each["times"]) == len(each["values"]) > 0 for each in series), target["expr"]
            assert all(alerting.query(prometheus, target["expr"])), target["expr"]
    assert dashboard.read(prometheus, "no_such_metric") == []
    for wrong in ("drift_effect >", "1 + "):
        with pytest.raises(dashboard.AlertingError, match="gives nothing"):
            dashboard.read(prometheus, wrong)
    with pytest.raises(dashboard.AlertingError, match="gives nothing"):
        dashboard.read("127.0.0.1:9", "up")


def test_grafana_finds_the_dashboard_and_where_to_ask(tmp_path, prometheus):
    files = dashboard.write_grafana(tmp_path / "grafana", prometheus)
    assert all(file.is_file() for file in files) and len(files) == 3
    written = json.loads(files[0].read_text(encoding="utf-8"))
    (source,) = yaml.safe_load(files[1].read_text(encoding="utf-8"))["datasources"]
    (provider,) = yaml.safe_load(files[2].read_text(encoding="utf-8"))["providers"]
    assert written == json.loads(json.dumps(dashboard.grafana())) and written["schemaVersion"] >= 36 and written["uid"]
    assert (source["type"], source["access"], source["url"]) == ("prometheus", "proxy", prometheus.local_url.rstrip("/"))
    assert (provider["type"], provider["options"]["path"]) == ("file", files[0].parent.as_posix())
    panels = written["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == len(dashboard.PANELS)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels) and all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    for panel, meant in zip(panels, dashboard.PANELS, strict=True):
        assert panel["type"] == "timeseries" and panel["title"] == meant.title
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) == len(meant.queries)
        for asked in [panel, *panel["targets"]]:
            assert asked["datasource"] == {"type": source["type"], "uid": source["uid"]}
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None and [step["value"] for step in steps[1:]] == ([meant.limit] if meant.bad else [])
        assert meant.bad in ("above", "below", "") and (meant.limit is None) == (meant.bad == "")


def test_the_figure_has_a_claim_a_unit_and_a_threshold_for_each_panel(prometheus):
    drawn = dashboard.figure(prometheus, seconds=30)
    assert [ax.get_title() for ax in drawn.axes] == [panel.title for panel in dashboard.PANELS]
    for ax, panel in zip(drawn.axes, dashboard.PANELS, strict=True):
        told = [text.get_text() for text in ax.get_legend().get_texts()]
        assert ax.get_ylabel() == panel.unit and ax.get_xlabel() and "{{" not in "".join(told)
        assert (f"bad {panel.bad} {panel.limit:g}" in told) if panel.bad else not any("bad" in text for text in told)
        assert not ax.texts
    nothing = dashboard.Panel("Nothing", {"x": "no_such_metric"}, "share")
    (ax,) = dashboard.figure(prometheus, panels=[nothing]).axes
    assert [text.get_text() for text in ax.texts] == ["no data"]


@pytest.mark.needs("chromium")
def test_the_page_shows_the_alert_and_the_panels_also_on_a_phone(prometheus):
    with dashboard_app.start(prometheus.local_url) as app, chromium() as context:
        for width in (1280, 420):
            page = context.new_page()
            page.set_viewport_size({"width": width, "height": 1000})
            page.goto(app.local_url)
            page.get_by_text("2 alerts firing").wait_for(timeout=60_000)
            page.get_by_text("temp has moved").first.wait_for()
            page.wait_for_function(f"document.querySelectorAll('img').length >= {len(dashboard.PANELS)}", timeout=60_000)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            pictures = ROOT / "build" / "screenshots"
            pictures.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=pictures / f"dashboard-{width}.png", full_page=True)
            page.close()
        assert not context.wrong, context.wrong


@pytest.mark.needs("chromium")
def test_without_prometheus_the_page_says_so():
    with dashboard_app.start("127.0.0.1:9") as app, chromium() as context:
        page = context.new_page()
        page.goto(app.local_url)
        page.get_by_text("does not answer").wait_for(timeout=60_000)
