"""The real Prometheus and Alertmanager, as background servers on temporary folders.

    with (
        mail_and_chat.mail_server() as mail,
        alerting.alertmanager(mail=mail) as manager,
        alerting.prometheus({"flights": api}, "alerts.yml", manager) as watch,
    ):
        print(alerting.query(watch, "up"))
        print(mail.wait_for(1))

Nothing of them is kept: the folder of each goes with it. What to check before is in `helpers.alert_rules`; the questions to
ask of them are in `helpers.alert_state` and can be had from here.
"""

import contextlib
import http.client
import os
import urllib.parse
from pathlib import Path

import yaml

from helpers import alert_rules, services
from helpers.alert_rules import AlertingError
from helpers.alert_state import address, alerts, end_silence, notifications, query, silence

__all__ = ["AlertingError", "alertmanager", "alerts", "end_silence", "notifications", "prometheus", "query", "silence"]
LOCAL = "http://127.0.0.1:{port}/"
SUMMARY = (
    "{{ range .Alerts }}{{ .Status }}: {{ .Labels.alertname }}: {{ .Annotations.summary }}\n"
    "What to do: {{ .Annotations.runbook_url }}\n{{ end }}"
)


def prometheus(targets, rules=(), alertmanager=None, *, every=1.0, port=None, name="Prometheus", history=None, runbooks=None):
    """Start Prometheus.

    Parameters
    ----------
    targets : dict of str to (Service, str, or list of these)
        What to scrape, by job. An address such as "127.0.0.1:8000" stands for its page `/metrics`.
    rules : path-like, dict, or list of these, optional
        Rule files. They are copied: a later change needs a new start.
    alertmanager : Service or str, optional
        Where alerts are sent. Its own metrics are scraped too, as the job "alertmanager".
    every : float, default 1.0
        Seconds between two scrapes, and between two evaluations of the rules; at least 0.01.
    port : int, optional
        A free one by default.
    name : str, default "Prometheus"
        To have two at once, give them two names.
    history : path-like, optional
        A folder of blocks, as `promtool tsdb create-blocks-from` makes them, with a value a day. Prometheus works in it, keeps
        what is old, and takes a value to hold for a day.
    runbooks : str, optional
        An address to put before runbooks that are paths, such as `alert_rules.REPOSITORY`; without it they stay paths.

    Returns
    -------
    helpers.services.Service
        It is ready. It looks for its targets every five seconds, so the first scrape comes up to so much later.

    Raises
    ------
    AlertingError
        Prometheus is not installed, a rule file is wrong, or `runbooks` is no address.
    helpers.services.ServiceError
        As in `services.start`.
    """
    if not every >= 0.01:
        raise AlertingError(f"every is {every!r}; expected seconds, 0.01 or more.")
    jobs = dict(targets)
    interval = f"{round(every * 1000)}ms"
    config = {"global": {"scrape_interval": interval, "evaluation_interval": interval}}
    if alertmanager is not None:
        jobs.setdefault("alertmanager", alertmanager)
        host = urllib.parse.urlsplit(address(alertmanager)).netloc
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [host]}]}]}
    config["scrape_configs"] = [_job(job, where) for job, where in jobs.items()]
    files = {f"rules-{i}.yml": _rules(each, runbooks) for i, each in enumerate(_listed(rules))}
    config["rule_files"] = list(files)
    command = [alert_rules.program("prometheus"), "--config.file={folder}/prometheus.yml"]
    command += [f"--storage.tsdb.path={history or '{folder}/data'}"]
    command += ["--storage.tsdb.retention.time=100y", "--query.lookback-delta=1d"] if history else []
    command += ["--rules.alert.resend-delay=1s"]
    # The address for links, which would otherwise name the machine, where nothing listens.
    links = f"{_hub().rstrip('/')}/proxy/{{port}}/" if _hub() else LOCAL
    command += [f"--web.external-url={links}", "--web.route-prefix=/", "--web.listen-address=127.0.0.1:{port}"]
    files["prometheus.yml"] = yaml.safe_dump(config)
    service = services.start(name, command, ready="/-/ready", port=port, files=files)
    service.url = _first_page(service) if _hub() else service.url
    return service


def alertmanager(config=None, *, mail=None, chat=None, port=None, name="Alertmanager"):
    """Start Alertmanager.

    Parameters
    ----------
    config : dict or path-like, optional
        As in `alertmanager.yml`. By default everything is sent to all that is given, at once, and again after an hour.
    mail : MailServer, optional
        The SMTP server, where `config` names none.
    chat : ChatServer, optional
        Takes Slack's messages, where `config` names no address for them.
    port : int, optional
        A free one by default.
    name : str, default "Alertmanager"
        To have two at once, give them two names.

    Returns
    -------
    helpers.services.Service
        It is ready.

    Raises
    ------
    AlertingError
        Alertmanager is not installed, or the settings are wrong.
    helpers.services.ServiceError
        As in `services.start`.
    """
    config = _to_all(mail, chat) if config is None else alert_rules.read_yaml(config)
    shared = {"smtp_from": "alerts@localhost", "smtp_hello": "localhost", "smtp_require_tls": False}
    shared |= {"smtp_smarthost": mail.address} if mail else {}
    shared |= {"slack_api_url": chat.slack_url} if chat else {}
    config = {**config, "global": {**shared, **(config.get("global") or {})}}
    files = {"alertmanager.yml": _good(alert_rules.check_config, config, "The configuration of Alertmanager")}
    command = [alert_rules.program("alertmanager"), "--config.file={folder}/alertmanager.yml", "--storage.path={folder}/data"]
    # Without a cluster address it is alone: no second port, and no wait for others before it sends.
    command += ["--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    command += [f"--web.external-url={LOCAL}"]  # it takes no address without a machine, and a hub's is not known here
    return services.start(name, command, ready="/-/ready", port=port, files=files)


def _to_all(mail, chat):
    receiver = {"name": "on call"}
    if mail:
        receiver["email_configs"] = [{"to": "oncall@localhost", "text": SUMMARY, "send_resolved": True}]
    if chat:
        receiver["slack_configs"] = [{"channel": "#alerts", "text": SUMMARY, "send_resolved": True}]
    route = {
        "receiver": "on call",
        "group_by": ["alertname"],
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "1h",
    }
    return {"route": route, "receivers": [receiver]}


def _rules(source, runbooks):
    text = _good(alert_rules.check_rules, source, "The rule file")
    return text if runbooks is None else yaml.safe_dump(alert_rules.with_runbooks_at(source, runbooks))


def _good(check, source, what):
    """The text of a file, once it was found good."""
    text = yaml.safe_dump(source) if isinstance(source, dict) else None
    if text is None:
        try:
            text = Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise AlertingError(f"{what} {source} cannot be read: {error.strerror}.") from None
    problems = check(source)
    if problems:
        raise AlertingError(f"{what} is wrong: " + " ".join(problems))
    return text


def _job(job, where):
    addresses = [urllib.parse.urlsplit(address(each)) for each in _listed(where)]
    paths = {each.path if each.path not in ("", "/") else "/metrics" for each in addresses}
    if len(paths) != 1:
        told = f"the pages {', '.join(sorted(paths))}: give each page a job of its own" if paths else "no target"
        raise AlertingError(f"The job {job!r} has {told}.")
    return {"job_name": job, "metrics_path": paths.pop(), "static_configs": [{"targets": [each.netloc for each in addresses]}]}


def _hub():
    return os.environ.get("JUPYTERHUB_SERVICE_PREFIX")  # pages then come through a proxy that takes this part off


def _first_page(service):
    """Where `/` leads to. Jupyter's proxy would spoil that step: it puts its own path before one that has it already."""
    with contextlib.closing(http.client.HTTPConnection(services.LOOPBACK, service.port, timeout=10)) as connection:
        connection.request("GET", "/")
        place = connection.getresponse().getheader("Location", "")
    return place if place.startswith(service.url) else service.url


def _listed(value):
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
