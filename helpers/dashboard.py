"""The dashboard of the flight service: its panels as data, for Grafana, for a notebook and for a page.

    dashboard.write_grafana("work/grafana", prometheus.local_url)     # what Grafana reads when it starts
    dashboard.figure(prometheus, seconds=60)                          # the same panels, drawn here

Each panel is one claim that should hold, with its unit and, where there is one, its threshold.
"""

import dataclasses
import json
import math
import time
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

from helpers.alert_state import AlertingError, address

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy, whatever the environment says
SOURCE = {"type": "prometheus", "uid": "prometheus"}
UNITS = {"1 or 0": "none", "a second": "reqps", "seconds": "s", "share": "percentunit", "times the limit": "none", "AUC": "none"}
UNITS |= {"alerts": "none", "inputs": "none"}


@dataclasses.dataclass(frozen=True)
class Panel:
    """One panel.

    Parameters
    ----------
    title : str
        The claim that should hold.
    queries : dict of str to str
        PromQL by legend; `{{column}}` in a legend stands for the series' label.
    unit : str
        One of `UNITS`.
    limit : float or None
        The threshold, in the same unit.
    bad : str
        "above" or "below" the threshold is bad; "" where there is none.
    """

    title: str
    queries: dict
    unit: str
    limit: float | None = None
    bad: str = ""


PANELS = (
    Panel("The service and the monitor answer", {"{{job}}": 'up{job=~"flights|monitor"}'}, "1 or 0", 1, "below"),
    Panel("Requests are answered, and without errors", {"{{status}}": "sum by (status) (rate(requests_total[10s]))"}, "a second"),
    Panel(
        "19 of 20 requests take less than a quarter of a second",
        {"95th percentile": "histogram_quantile(0.95, sum by (le) (rate(seconds_bucket[10s])))"},
        "seconds",
        0.25,
        "above",
    ),
    Panel(
        "At most 1% of the rows are wrong in any column",
        {"largest": "max(data_wrong_share) or 0 * max(monitor_last_success_seconds)"},
        "share",
        0.01,
        "above",
    ),
    Panel(
        "No input has drifted beyond its limit",
        {"{{column}}": "topk(3, drift_effect / drift_limit)"},
        "times the limit",
        1,
        "above",
    ),
    # What cannot be tested has no effect, so the panel before passes over it.
    Panel("Every input can be tested for drift", {"cannot be tested": "sum(drift_unknown)"}, "inputs", 0, "above"),
    Panel("As many flights are late as are expected", {"expected": "predicted_late_share", "late": "actual_late_share"}, "share"),
    Panel(
        "The model ranks flights as well as in the worst quiet week",
        {
            "now": 'model_score{score="auc"}',
            "now, at most": 'model_score_high{score="auc"}',
            "worst quiet week": 'model_score_before{score="auc"}',
        },
        "AUC",
    ),
    Panel("At least a tenth of the outcomes is known", {"known": "monitor_labelled_share"}, "share", 0.1, "below"),
    Panel("No alert is firing", {"firing": 'count(ALERTS{alertstate="firing"}) or 0 * count(up)'}, "alerts", 0, "above"),
)


def grafana():
    """Give the dashboard in Grafana's classic JSON model, which it imports and which it reads from a folder.

    Returns
    -------
    dict
        It asks the data source whose `uid` is "prometheus".
    """
    return {
        "uid": "flight-delay",
        "title": "Flight delay",
        "schemaVersion": 38,
        "editable": True,
        "refresh": "5s",
        "time": {"from": "now-5m", "to": "now"},
        "timezone": "browser",
        "tags": [],
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": [_for_grafana(number, panel) for number, panel in enumerate(PANELS)],
    }


def write_grafana(folder, prometheus):
    """Write what Grafana needs to show the dashboard as soon as it starts.

    Parameters
    ----------
    folder : path-like
        Made if absent. Start Grafana with the variable `GF_PATHS_PROVISIONING` set to its `provisioning`.
    prometheus : Service or str

    Returns
    -------
    list of pathlib.Path
        The dashboard, the data source and the provider, as they were written.
    """
    folder = Path(folder).absolute()
    provider = {"name": "flights", "type": "file", "options": {"path": (folder / "dashboards").as_posix()}}
    source = {"name": "Prometheus", "access": "proxy", "url": address(prometheus).rstrip("/"), "isDefault": True, **SOURCE}
    source["jsonData"] = {"timeInterval": "1s"}  # how often it scrapes
    texts = {
        "dashboards/flights.json": json.dumps(grafana(), indent=1) + "\n",
        "provisioning/datasources/prometheus.yml": yaml.safe_dump({"apiVersion": 1, "datasources": [source]}),
        "provisioning/dashboards/flights.yml": yaml.safe_dump({"apiVersion": 1, "providers": [provider]}),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def read(prometheus, query, *, seconds=60.0, until=None, steps=120):
    """Ask Prometheus for the past of an expression.

    Parameters
    ----------
    prometheus : Service or str
    query : str
        PromQL, giving a vector.
    seconds : float, default 60.0
        How far back; over 0.
    until : float, optional
        Seconds since 1970; now by default.
    steps : int, default 120
        At how many moments.

    Returns
    -------
    list of dict
        Of each series `labels` (dict), `times` (seconds since 1970) and `values`, equally long. Empty where there is none.

    Raises
    ------
    AlertingError
        Prometheus does not take the expression, or does not answer.
    """
    end = time.time() if until is None else until
    asked = {"query": query, "start": end - seconds, "end": end, "step": max(seconds / steps, 0.1)}
    url = address(prometheus).rstrip("/") + "/api/v1/query_range?" + urllib.parse.urlencode(asked)
    try:
        with _direct.open(url, timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
    except (OSError, ValueError, KeyError) as error:
        raise AlertingError(f"Prometheus gives nothing for {query}: {error}") from None
    series = [[(at, float(value)) for at, value in row["values"] if math.isfinite(float(value))] for row in found]
    return [
        {"labels": row["metric"], "times": [at for at, _ in points], "values": [value for _, value in points]}
        for row, points in zip(found, series, strict=True)
        if points
    ]


def figure(prometheus, *, seconds=60.0, columns=3, panels=PANELS):
    """Draw the panels.

    Parameters
    ----------
    prometheus : Service or str
    seconds : float, default 60.0
        How far back.
    columns : int, default 3
        Beside each other.
    panels : sequence of Panel, default PANELS

    Returns
    -------
    matplotlib.figure.Figure
        A panel with no data says so.

    Raises
    ------
    AlertingError
        As in `read`.
    """
    from matplotlib.figure import Figure

    rows = -(-len(panels) // columns)
    drawn = Figure(figsize=(4.6 * columns, 3.2 * rows), layout="constrained")
    end = time.time()
    for place, panel in enumerate(panels, start=1):
        _draw(drawn.add_subplot(rows, columns, place), panel, prometheus, seconds, end)
    return drawn


def _draw(ax, panel, prometheus, seconds, end):
    drawn = 0
    for legend, query in panel.queries.items():
        for series in read(prometheus, query, seconds=seconds, until=end):
            ax.plot([at - end for at in series["times"]], series["values"], label=_filled(legend, series["labels"]))
            drawn += 1
    if panel.limit is not None:
        ax.axhline(panel.limit, color="black", ls="--", lw=1, label=f"bad {panel.bad} {panel.limit:g}")
    if not drawn:
        ax.text(0.5, 0.5, "no data", ha="center", transform=ax.transAxes)
    ax.set(xlabel="seconds (0 is now)", ylabel=panel.unit, xlim=(-seconds, 0))
    ax.set_title(panel.title, fontsize=10, wrap=True)
    ax.set_ylim(min(0, ax.get_ylim()[0]), max(ax.get_ylim()[1] * 1.1, 1.3 * (panel.limit or 0), 0.05))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)  # below: it covers no curve


def _filled(legend, labels):
    for name, value in labels.items():
        legend = legend.replace("{{" + name + "}}", value)
    return legend


def _for_grafana(number, panel):
    asked = [
        {"refId": chr(ord("A") + place), "expr": query, "legendFormat": legend, "datasource": SOURCE}
        for place, (legend, query) in enumerate(panel.queries.items())
    ]
    settings = {"unit": UNITS[panel.unit], "min": 0, "custom": {"thresholdsStyle": {"mode": "dashed" if panel.bad else "off"}}}
    good, bad = ("green", "red") if panel.bad != "below" else ("red", "green")
    steps = [{"color": good, "value": None}, *([{"color": bad, "value": panel.limit}] if panel.bad else [])]
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"h": 8, "w": 8, "x": 8 * (number % 3), "y": 8 * (number // 3)},
        "targets": asked,
        "fieldConfig": {"defaults": {**settings, "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "multi"}},
    }
