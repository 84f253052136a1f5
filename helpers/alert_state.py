"""Ask Prometheus and Alertmanager how things stand, and silence alerts. A server is a Service or its address."""

import contextlib
import datetime
import json
import re
import urllib.error
import urllib.parse
import urllib.request

from helpers.alert_rules import AlertingError

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy, whatever the environment says


def address(server):
    """Where a server answers.

    Parameters
    ----------
    server : Service or str
        "127.0.0.1:9090" will do.

    Returns
    -------
    str
        With its scheme.
    """
    where = str(getattr(server, "local_url", server))
    return where if "://" in where else f"http://{where}"


def query(prometheus, expression):
    """Ask Prometheus for the values of an expression now.

    Parameters
    ----------
    prometheus : Service or str
    expression : str
        PromQL, giving a vector or a number.

    Returns
    -------
    list of dict
        `labels` (dict, the metric's name as `__name__`) and `value` (float) of each series; empty where there is none.

    Raises
    ------
    AlertingError
        Prometheus does not take the expression, or does not answer.
    """
    data = _ask(prometheus, "api/v1/query?" + urllib.parse.urlencode({"query": expression}))["data"]
    if data["resultType"] == "scalar":
        return [{"labels": {}, "value": float(data["result"][1])}]
    if data["resultType"] != "vector":
        raise AlertingError(
            f"{expression} gives a {data['resultType']}; expected a vector or a number: leave out the outer [window]."
        )
    return [{"labels": row["metric"], "value": float(row["value"][1])} for row in data["result"]]


def alerts(server):
    """The alerts that Prometheus sees, or those that Alertmanager holds.

    Parameters
    ----------
    server : Service or str
        Of either kind.

    Returns
    -------
    list of dict
        `name`, `labels`, `annotations`, `state` and `since` (seconds since 1970). From Prometheus the state is "pending" or
        "firing"; from Alertmanager "active", "suppressed" or "unprocessed", with `silenced_by` and `inhibited_by`.
    """
    if _is_alertmanager(server):
        rows = _ask(server, "api/v2/alerts")
        more = [
            {
                "state": row["status"]["state"],
                "silenced_by": row["status"]["silencedBy"],
                "inhibited_by": row["status"]["inhibitedBy"],
            }
            for row in rows
        ]
    else:
        rows = _ask(server, "api/v1/alerts")["data"]["alerts"]
        more = [{"state": row["state"]} for row in rows]
    return [
        {
            "name": row["labels"]["alertname"],
            "labels": row["labels"],
            "annotations": row["annotations"],
            "since": _seconds(row.get("activeAt") or row["startsAt"]),
            **extra,
        }
        for row, extra in zip(rows, more, strict=True)
    ]


def notifications(alertmanager):
    """What Alertmanager says of its own notifications: where a failure is visible.

    Parameters
    ----------
    alertmanager : Service or str

    Returns
    -------
    dict of str to dict
        For "email", "slack" and "webhook": `sent`, an attempt that still goes on among them; `failed` (given up:
        `alertmanager_notifications_failed_total`); and `failed_attempts` (some of which may have been mended by a retry).
    """
    from prometheus_client.parser import text_string_to_metric_families

    total = {}
    for family in text_string_to_metric_families(_fetch(alertmanager, "metrics")):
        for name, labels, value, *_ in family.samples:
            if name.startswith("alertmanager_notification") and "integration" in labels:
                key = labels["integration"], name.removeprefix("alertmanager_").removesuffix("_total")
                total[key] = total.get(key, 0) + int(value)
    return {
        way: {
            "sent": total.get((way, "notifications"), 0) - total.get((way, "notifications_failed"), 0),
            "failed": total.get((way, "notifications_failed"), 0),
            "failed_attempts": total.get((way, "notification_requests_failed"), 0),
        }
        for way in ("email", "slack", "webhook")
    }


def silence(alertmanager, labels, *, seconds=3600.0, comment="", by="workbook"):
    """Keep quiet about some alerts for a while.

    Parameters
    ----------
    alertmanager : Service or str
    labels : dict of str to str
        Alerts that have all of these labels; at least one.
    seconds : float, default 3600.0
        From now on; 0 and less is refused.
    comment : str
        Why.
    by : str, default "workbook"
        Who.

    Returns
    -------
    str
        The name of the silence, for `end_silence`.

    Raises
    ------
    AlertingError
        Alertmanager refuses it.
    """
    now = datetime.datetime.now(datetime.UTC)
    order = {
        "matchers": [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in labels.items()],
        "startsAt": now.isoformat(),
        "endsAt": (now + datetime.timedelta(seconds=seconds)).isoformat(),
        "comment": comment,
        "createdBy": by,
    }
    return _ask(alertmanager, "api/v2/silences", data=json.dumps(order).encode())["silenceID"]


def end_silence(alertmanager, name):
    """End a silence before its time.

    Parameters
    ----------
    alertmanager : Service or str
    name : str
        As `silence` gave it.
    """
    _fetch(alertmanager, f"api/v2/silence/{urllib.parse.quote(name, safe='')}", method="DELETE")


def _is_alertmanager(server):
    try:
        return "cluster" in _ask(server, "api/v2/status")
    except AlertingError:
        return False


def _ask(server, path, data=None):
    return json.loads(_fetch(server, path, data=data))


def _fetch(server, path, data=None, method=None):
    url = address(server).rstrip("/") + "/" + path
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with _direct.open(request, timeout=10) as answer:
            return answer.read().decode("utf-8")
    except urllib.error.HTTPError as error:
        told = error.read().decode("utf-8", "replace").strip()
        with contextlib.suppress(ValueError, AttributeError):  # both answer in JSON, each in its own form
            told = json.loads(told).get("error") or json.loads(told).get("message")
        raise AlertingError(f"{url.split('?')[0]} answers {error.code}: {told}") from None
    except OSError as error:
        raise AlertingError(f"{url.split('?')[0]} does not answer: {getattr(error, 'reason', error)}") from None


def _seconds(stamp):
    """Go writes more digits of a second than Python reads."""
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", stamp)).timestamp()
