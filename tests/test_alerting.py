"""helpers.alerting and what belongs to it: real servers, real mail, real failures. Every test ends with nothing left."""

import contextlib
import datetime
import http.client
import json
import os
import re
import smtplib
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import psutil
import pytest
import yaml

from helpers import _guardian, alert_rules, alerting, mail_and_chat, services
from tests.notebook_files import ROOT

pytestmark = [pytest.mark.timeout(90), pytest.mark.needs("prometheus", "prometheus-alertmanager")]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNBOOK = "https://example.org/runbooks/drift"
TO_ALL = {"to": "oncall@localhost", "text": alerting.SUMMARY}
MAIL_TO_ALL = {"name": "all", "email_configs": [TO_ALL]}


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    """All that a test starts has this folder for its temporary files, and is found by that."""
    for name in ("TMPDIR", "TEMP"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    monkeypatch.chdir(tmp_path)
    before = set(threading.enumerate())
    yield
    assert within(5, lambda: not still_there(tmp_path)), still_there(tmp_path)
    assert services._running == {} and mail_and_chat._open == {}
    assert within(2, lambda: not list(tmp_path.glob("service-*")))
    assert within(2, lambda: set(threading.enumerate()) <= before), threading.enumerate()


def still_there(folder):
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mine = str(folder) in (process.environ().get("TMPDIR"), process.environ().get("TEMP"))
            if mine and process.pid != os.getpid() and _guardian.alive(process):
                found.append(" ".join(process.cmdline()))
    return found


def within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return result


def runs(service):
    return service._is_running()


def first_redirect(url):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        return urlsplit(connection.getresponse().headers["Location"]).path


def tell(manager, name="Drift", *, resolved=False, **labels):
    """Give Alertmanager an alert as Prometheus does, without the five seconds that this takes to begin."""
    now = datetime.datetime.now(datetime.UTC)
    alert = {"labels": {"alertname": name, **labels}, "annotations": {"summary": f"PSI of {labels.get('feature')}"}}
    alert["startsAt"] = (now - datetime.timedelta(seconds=60 if resolved else 0)).isoformat()
    alert["endsAt"] = (now + datetime.timedelta(seconds=-1 if resolved else 600)).isoformat()
    order = urllib.request.Request(
        manager.local_url + "api/v2/alerts", json.dumps([alert]).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(order, timeout=5).close()


@pytest.fixture
def gauges():
    """A program to scrape, whose gauges the test sets."""
    import prometheus_client

    registry = prometheus_client.CollectorRegistry()
    gauge = prometheus_client.Gauge("drift", "PSI", ["feature"], registry=registry)
    server, thread = prometheus_client.start_http_server(0, addr="127.0.0.1", registry=registry)
    gauge.address = f"127.0.0.1:{server.server_port}"
    yield gauge
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def mail():
    with mail_and_chat.mail_server() as server:
        yield server


@pytest.fixture
def chat():
    with mail_and_chat.chat_server() as server:
        yield server


def rules(*more):
    notes = {"summary": "PSI of {{ $labels.feature }} is {{ $value }}", "runbook_url": RUNBOOK}
    drift = {"alert": "Drift", "expr": "drift > 0.2", "labels": {"severity": "page"}, "annotations": notes}
    return {"groups": [{"name": "drift", "rules": [drift, *more]}]}


def route(**more):
    return {"receiver": "all", "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h", **more}


def value(watch, expression):
    return [row["value"] for row in alerting.query(watch, expression)]


def seen(watch, **drift):
    """Wait until Prometheus has scraped these values."""
    for feature, wanted in drift.items():
        assert within(10, lambda f=feature, w=wanted: value(watch, f'drift{{feature="{f}"}}') == [w])


@pytest.mark.parametrize(("every", "prefix"), [(0.1, "/user/x/"), (1.0, "")])
def test_an_alert_arrives_by_mail_and_chat(monkeypatch, gauges, mail, chat, every, prefix):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", prefix)  # as on Binder, and at home
    gauges.labels("wind").set(0.1)
    manager = alerting.alertmanager(mail=mail, chat=chat)
    with manager, alerting.prometheus({"flights": gauges.address}, rules(), manager, every=every) as watch:
        seen(watch, wind=0.1)
        assert mail.received == chat.received == alerting.alerts(watch) == alerting.alerts(manager) == []
        began = time.time()
        gauges.labels("wind").set(0.5)
        assert len(mail.wait_for(1, 60)) == len(chat.wait_for(1, 60)) == 1  # how soon, is for the bench to say
        assert min(mail.received[0]["when"], chat.received[0]["when"]) >= began
        letter, message = mail.received[0], chat.received[0]
        assert (letter["from"], letter["to"]) == ("alerts@localhost", ["oncall@localhost"])
        assert letter["subject"].startswith("[FIRING:1] Drift")
        assert letter["body"] == f"firing: Drift: PSI of wind is 0.5\nWhat to do: {RUNBOOK}"
        assert (message["format"], message["channel"]) == ("slack", "#alerts")
        assert message["title"] == letter["subject"] and message["text"].strip() == letter["body"]
        assert f"http://127.0.0.1:{manager.port}/" in message["raw"]["attachments"][0]["title_link"]
        (alert,), (held,) = alerting.alerts(watch), alerting.alerts(manager)
        assert (alert["name"], alert["state"], alert["annotations"]["runbook_url"]) == ("Drift", "firing", RUNBOOK)
        assert alert["labels"]["feature"] == "wind" and began - 1 < alert["since"] < time.time() + 1
        assert (held["state"], held["silenced_by"], held["inhibited_by"]) == ("active", [], [])
        assert within(5, lambda: alerting.notifications(manager)["email"]["sent"] == 1)
        assert alerting.notifications(manager)["slack"] == {"sent": 1, "failed": 0, "failed_attempts": 0}
        gauges.labels("wind").set(0.1)
        assert len(mail.wait_for(2)) == 2 and mail.received[1]["subject"].startswith("[RESOLVED] Drift")
        assert value(watch, "1 + 1") == [2] and value(watch, "absent(drift)") == []
        assert within(10, lambda: value(watch, 'up{job="alertmanager"}') == [1])
        root = f"/user/x/proxy/{watch.port}/" if prefix else f"http://127.0.0.1:{watch.port}/"
        first = first_redirect(watch.local_url)
        assert watch.url == (first if prefix else root) and first.startswith(urlsplit(root).path)
        with pytest.raises(alerting.AlertingError, match="answers 400: .*parse error"):
            alerting.query(watch, "drift >")
        with pytest.raises(alerting.AlertingError, match="gives a matrix"):
            alerting.query(watch, "drift[1m]")
        assert "wind" in mail._repr_html_() and "What to do" in chat._repr_html_()


def test_grouping_silence_and_inhibition(mail, chat):
    config = {
        "route": route(group_by=["alertname"], group_wait="300ms"),
        "receivers": [{**MAIL_TO_ALL, "webhook_configs": [{"url": chat.webhook_url}]}],
        "inhibit_rules": [{"source_matchers": ["alertname = Down"], "target_matchers": ["alertname = Drift"]}],
    }
    with alerting.alertmanager(config, mail=mail) as manager:
        for feature in ("wind", "rain", "snow"):
            tell(manager, feature=feature)
        (letter,), (message,) = mail.wait_for(1), chat.wait_for(1)
        assert letter["subject"].startswith("[FIRING:3] Drift")  # one mail for three
        assert len(message["raw"]["alerts"]) == 3 and message["title"] == "[FIRING] Drift"
        for feature in ("wind", "rain", "snow"):
            tell(manager, feature=feature, resolved=True)
        assert within(10, lambda: chat.received[-1]["title"] == "[RESOLVED] Drift")
        assert within(10, lambda: alerting.alerts(manager) == [])
        mail.clear()

        name = alerting.silence(manager, {"alertname": "Drift", "feature": "wind"}, seconds=60, comment="a storm is known")
        tell(manager, feature="wind")
        tell(manager, feature="rain")
        (letter,) = mail.wait_for(1)
        assert "PSI of rain" in letter["body"] and "PSI of wind" not in letter["body"]
        by_feature = {alert["labels"]["feature"]: alert for alert in alerting.alerts(manager)}
        assert (by_feature["wind"]["state"], by_feature["wind"]["silenced_by"]) == ("suppressed", [name])
        assert by_feature["rain"]["state"] == "active"
        alerting.end_silence(manager, name)
        assert "PSI of wind" in mail.wait_for(2)[1]["body"]

        tell(manager, "Down", feature="none")
        assert "Down" in mail.wait_for(3)[2]["subject"]
        tell(manager, feature="snow")
        tell(manager, "Other", feature="later")
        assert "Other" in mail.wait_for(4)[3]["subject"]  # what was told after it has gone out
        assert "snow" not in "".join(letter["body"] for letter in mail.received)
        (snow,) = (alert for alert in alerting.alerts(manager) if alert["labels"]["feature"] == "snow")
        assert snow["state"] == "suppressed" and snow["inhibited_by"] and not snow["silenced_by"]
        with pytest.raises(alerting.AlertingError, match="answers 4.*matchers"):
            alerting.silence(manager, {}, seconds=60)


def test_a_mail_server_that_is_down_is_seen_and_gets_the_mail_later(gauges, mail, chat):
    mail.down()
    gauges.labels("wind").set(0.5)
    manager = alerting.alertmanager(mail=mail, chat=chat)
    with manager, alerting.prometheus({"flights": gauges.address}, rules(), manager, every=0.1) as watch:
        assert len(chat.wait_for(1)) == 1  # by the other way at once
        assert within(10, lambda: alerting.notifications(manager)["email"]["failed_attempts"] >= 2)
        failing = 'alertmanager_notification_requests_failed_total{integration="email"} > 0'
        assert within(10, lambda: value(watch, failing))  # and Prometheus itself can alert on it
        assert mail.received == []
        mail.up()
        assert len(mail.wait_for(1)) == 1
        assert within(5, lambda: alerting.notifications(manager)["email"]["sent"] == 1)


def test_what_answers_503_or_451_for_a_while(mail, chat):
    """A chat that refuses twice gets it at the third try. A mail that is refused once may be lost: the chat has it."""
    chat.refuse(2)
    mail.refuse(1)
    with alerting.alertmanager(mail=mail, chat=chat) as manager:
        tell(manager, feature="wind")
        assert len(chat.wait_for(1)) == 1 and chat.refused == 2
        assert within(5, lambda: alerting.notifications(manager)["slack"]["sent"] == 1)
        assert alerting.notifications(manager)["slack"]["failed_attempts"] == 2
        assert within(5, lambda: mail.refused == 1)


def test_an_alert_that_no_way_takes_is_counted_and_not_forgotten(mail, chat):
    chat.refuse(for_good=True)
    with alerting.alertmanager(chat=chat) as manager:
        tell(manager, feature="wind")
        assert within(10, lambda: alerting.notifications(manager)["slack"]["failed"] >= 1)
        assert chat.received == [] and alerting.notifications(manager)["slack"]["sent"] == 0
        chat.up()
        assert len(chat.wait_for(1)) == 1


def test_a_slow_chat_does_not_hold_up_the_mail(mail, chat):
    chat.slow(2)
    with alerting.alertmanager(mail=mail, chat=chat) as manager:
        tell(manager, feature="wind")
        assert len(mail.wait_for(1)) == 1 and chat.received == []
        assert len(chat.wait_for(1)) == 1


BROKEN = {  # the way, how it is broken, and whether that shows as a failure
    "mail down": ("email", lambda mail, chat: mail.down(), True),
    "mail slow": ("email", lambda mail, chat: mail.slow(60), False),
    # Alertmanager 0.25 does not hear a refusal that comes after the text of a mail: the other way is all there is.
    "mail answers 451": ("email", lambda mail, chat: mail.refuse(), False),
    "mail answers 550": ("email", lambda mail, chat: mail.refuse(for_good=True), False),
    "chat down": ("slack", lambda mail, chat: chat.down(), True),
    "chat slow": ("slack", lambda mail, chat: chat.slow(60), False),
    "chat answers 503": ("slack", lambda mail, chat: chat.refuse(), True),
    "chat answers 404": ("slack", lambda mail, chat: chat.refuse(for_good=True), True),
}


@pytest.mark.parametrize("how", BROKEN)
def test_with_one_way_broken_the_alert_comes_by_the_other_and_the_failure_is_seen(mail, chat, how):
    way, do, fails = BROKEN[how]
    do(mail, chat)
    with alerting.alertmanager(mail=mail, chat=chat) as manager:
        tell(manager, feature="wind")
        whole, broken = (chat, mail) if way == "email" else (mail, chat)
        assert len(whole.wait_for(1)) == 1 and broken.received == []
        if fails:
            assert within(15, lambda: alerting.notifications(manager)[way]["failed_attempts"] >= 1)


def test_with_both_ways_broken_the_failure_is_seen_and_the_alert_comes_when_one_is_mended(mail, chat):
    mail.down()
    chat.refuse()
    with alerting.alertmanager(mail=mail, chat=chat) as manager:
        tell(manager, feature="wind")
        for way in ("email", "slack"):
            assert within(15, lambda way=way: alerting.notifications(manager)[way]["failed_attempts"] >= 1)
        assert mail.received == chat.received == []
        chat.up()
        assert len(chat.wait_for(1, 30)) == 1


@pytest.mark.parametrize("chat_is", ["chat slow", "chat answers 503"])
@pytest.mark.parametrize("mail_is", ["mail slow", "mail answers 451", "mail answers 550"])
def test_with_both_ways_broken_the_failure_is_seen(mail, chat, mail_is, chat_is):
    """Of these mails Alertmanager 0.25 tells nothing: that the chat fails too is what is seen, and on what a rule looks."""
    for how in (mail_is, chat_is):
        BROKEN[how][1](mail, chat)
    with alerting.alertmanager(mail=mail, chat=chat) as manager:
        tell(manager, feature="wind")
        assert within(60, lambda: alerting.notifications(manager)["slack"]["failed_attempts"] >= 1)  # slow: after ten seconds
        assert mail.received == chat.received == []
        if chat_is == "chat answers 503":  # a mail that hangs holds up what comes after a chat that was given up
            chat.up()
            assert len(chat.wait_for(1, 30)) == 1


def test_the_rule_on_failing_messages_fires_in_the_real_prometheus(gauges, mail, chat):
    mail.down()
    gauges.labels("wind").set(0.5)
    both = [rules(), ROOT / "helpers" / "alerts.yml"]
    manager = alerting.alertmanager(mail=mail, chat=chat)
    with (
        manager,
        alerting.prometheus({"flights": gauges.address}, both, manager, every=0.1, runbooks="https://x.org/y/") as watch,
    ):
        assert within(60, lambda: "Messages by email do not arrive" in str(chat.received))
        (alert,) = (each for each in alerting.alerts(watch) if each["name"] == "NotificationsFailing")
        assert alert["labels"]["integration"] == "email"
        leads = alert["annotations"]["runbook_url"]
        assert leads == "https://x.org/y/notebooks/52_logging_and_alerting.ipynb#NotificationsFailing"
        assert f"What to do: {leads}" in str(chat.received) and f"What to do: {RUNBOOK}" in str(chat.received)


def test_two_at_once(gauges, mail, chat):
    gauges.labels("wind").set(0.5)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(alerting.alertmanager(mail=mail))
        second = stack.enter_context(alerting.alertmanager(chat=chat, name="Second Alertmanager"))
        targets = {"flights": gauges.address}
        one = stack.enter_context(alerting.prometheus(targets, rules(), first, every=0.1))
        two = stack.enter_context(alerting.prometheus(targets, rules(), second, every=0.1, name="Second Prometheus"))
        assert len(mail.wait_for(1)) == len(chat.wait_for(1)) == 1
        assert len({first.port, second.port, one.port, two.port}) == 4
        again = stack.enter_context(alerting.prometheus(targets, every=0.1))  # the same name: instead of the first
        assert not runs(one) and runs(two)
        assert runs(again) and alerting.alerts(again) == []


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(services.ServiceError, match=f"Alertmanager cannot have port {port}"):
            alerting.alertmanager(port=port)
        with pytest.raises(services.ServiceError, match=f"Prometheus cannot have port {port}"):
            alerting.prometheus({}, port=port)


def test_what_is_absent_is_one_line_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    for start, package in ((lambda: alerting.prometheus({}), "prometheus"), (alerting.alertmanager, "prometheus-alertmanager")):
        with pytest.raises(
            alerting.AlertingError, match=f" is not installed. Install it by: sudo apt-get install {package}$"
        ) as caught:
            start()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (lambda: alerting.prometheus({}, every=0), "every is 0; expected seconds"),
        (lambda: alerting.prometheus({}, "none.yml"), "The rule file none.yml cannot be read: No such file"),
        (lambda: alerting.prometheus({}, rules({"alert": "A", "expr": "x >"})), "rule file is wrong: .*parse error"),
        (lambda: alerting.prometheus({"a": []}), "The job 'a' has no target"),
        (lambda: alerting.prometheus({"a": ["x:1/m", "x:2/n"]}), "The job 'a' has the pages /m, /n: give"),
        (lambda: alerting.alertmanager("none.yml"), "none.yml cannot be read"),
        (lambda: alerting.alertmanager({"route": {"receiver": "x"}, "receivers": []}), 'is wrong: undefined receiver "x"'),
        (lambda: alerting.alertmanager({"route": route(), "receivers": [MAIL_TO_ALL]}), "no global SMTP smarthost"),
        (lambda: alerting.query("127.0.0.1:9", "up"), "does not answer"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(start, said):
    with pytest.raises(alerting.AlertingError, match=f"(?s){said}"):
        start()


def test_rule_files_are_checked_and_tested(tmp_path):
    assert alert_rules.check_rules(rules()) == alert_rules.missing_runbooks(rules()) == []
    for link in (None, "", "see the wiki", "todo"):
        notes = {"annotations": {"runbook_url": link}} if link is not None else {}
        assert alert_rules.missing_runbooks(rules({"alert": "A", "expr": "up", **notes})) == ["A"]
    local = {"alert": "B", "expr": "up", "annotations": {"runbook_url": "runbooks/b.md#now"}}
    assert alert_rules.missing_runbooks(rules({"record": "r", "expr": "up"}, local)) == []
    for base in ("https://x.org", "https://x.org/"):
        made = alert_rules.with_runbooks_at(rules({"record": "r", "expr": "up"}, local), base)["groups"][0]["rules"]
        assert [rule.get("annotations", {}).get("runbook_url") for rule in made] == [
            RUNBOOK,
            None,
            "https://x.org/runbooks/b.md#now",
        ]
    assert local["annotations"]["runbook_url"] == "runbooks/b.md#now"
    with pytest.raises(alerting.AlertingError, match="at 'wiki'; expected a web address"):
        alert_rules.with_runbooks_at(rules(), "wiki")
    assert tuple(alert_rules.REPOSITORY.split("/")[3:5]) == re.search(r"mybinder.org/v2/gh/([^/]+)/([^/]+)/", README).group(1, 2)
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(rules()))
    assert alert_rules.check_rules("alerts.yml") == []
    (problem,) = alert_rules.check_rules(rules({"alert": "A", "expr": "up >"}))
    assert '"A": could not parse expression' in problem
    alert = {
        "exp_labels": {"severity": "page", "feature": "wind"},
        "exp_annotations": {"summary": "PSI of wind is 0.5", "runbook_url": RUNBOOK},
    }
    expected = [{"alertname": "Drift", "eval_time": "1m", "exp_alerts": [alert]}]
    case = {
        "interval": "1m",
        "input_series": [{"series": 'drift{feature="wind"}', "values": "0.1 0.5"}],
        "alert_rule_test": expected,
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": [case]}))
    assert alert_rules.test_rules("tests.yml") == []
    case["input_series"][0]["values"] = "0.1 0.15"
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": [case]}))
    assert any("alertname: Drift" in line for line in alert_rules.test_rules("tests.yml"))
    assert alert_rules.check_config({"route": {"receiver": "x"}, "receivers": [{"name": "x"}]}) == []
    assert alert_rules.check_config({"route": {"receiver": "x", "group_interval": "0s"}, "receivers": [{"name": "x"}]}) != []


def send(mail, text="Subject: Hej å\n\nA body"):
    with smtplib.SMTP("127.0.0.1", mail.port, timeout=5) as client:
        return client.sendmail("a@localhost", ["b@localhost", "c@localhost"], text.encode())


def post(url, body):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_mail_server_by_itself(mail):
    send(mail)
    (letter,) = mail.received
    assert {key: letter[key] for key in ("from", "to", "body")} == {
        "from": "a@localhost",
        "to": ["b@localhost", "c@localhost"],
        "body": "A body",
    }
    mail.refuse(1)
    with pytest.raises(smtplib.SMTPDataError) as caught:
        send(mail)
    assert caught.value.smtp_code == 451 and mail.refused == 1 and len(mail.received) == 1
    mail.slow(0.3)
    began = time.monotonic()
    send(mail)
    assert time.monotonic() - began >= 0.3 and len(mail.received) == 2
    for _ in range(2):
        mail.down()
        mail.down()
        assert repr(mail).startswith("mail is down")
        with pytest.raises(ConnectionRefusedError):
            send(mail)
        mail.up()
        send(mail)
    assert len(mail.received) == 4 and mail.wait_for(9, seconds=0.05) == mail.received
    mail.stop()
    assert repr(mail).startswith("mail has stopped") and len(mail.received) == 4
    with mail_and_chat.mail_server() as first, mail_and_chat.mail_server() as second:
        assert repr(first).startswith("mail has stopped") and repr(second).startswith("mail listens")


def test_the_chat_by_itself(chat):
    assert post(chat.slack_url, json.dumps({"text": "Hej", "channel": "#c"}).encode()) == (200, "ok")
    assert {key: chat.received[0][key] for key in ("format", "channel", "text")} == {
        "format": "slack",
        "channel": "#c",
        "text": "Hej",
    }
    for wrong in (b"", b"no json", b"[]", b"{}", b'{"alerts": 1}', b'{"attachments": 3}', b'"text"'):
        assert post(chat.slack_url, wrong) == (400, "invalid_payload"), wrong
    chat.refuse(1)
    assert post(chat.slack_url, b'{"text": "x"}')[0] == 503 and post(chat.slack_url, b'{"text": "x"}')[0] == 200
    chat.slow(0.3)
    began = time.monotonic()
    post(chat.slack_url, b'{"text": "slow"}')
    assert time.monotonic() - began >= 0.3
    chat.down()
    with pytest.raises(urllib.error.URLError, match="refused"):
        post(chat.slack_url, b'{"text": "x"}')
    chat.up()
    assert post(chat.slack_url, b'{"text": "<b>"}')[0] == 200 and len(chat.received) == 4
    assert "&lt;b&gt;" in chat._repr_html_() and "<b>" not in chat._repr_html_()


def connected():
    """The ports to which this process has a connection."""
    found = psutil.Process().net_connections("tcp")
    return {each.raddr.port for each in found if each.status == psutil.CONN_ESTABLISHED and each.raddr}


def test_a_slow_server_can_be_stopped(mail, chat):
    mail.slow(60)
    chat.slow(60)
    cut = []

    def knock(action):
        with pytest.raises((OSError, http.client.HTTPException, smtplib.SMTPException)):
            action()
        cut.append(action)

    clients = [
        threading.Thread(target=knock, args=(lambda: send(mail),)),
        threading.Thread(target=knock, args=(lambda: post(chat.slack_url, b"{}"),)),
    ]
    for client in clients:
        client.start()
    assert within(5, lambda: {mail.port, chat.port} <= connected())
    began = time.monotonic()
    mail.stop()
    chat.stop()
    for client in clients:
        client.join(3)
    assert time.monotonic() - began < 2 and len(cut) == 2
    assert mail.received == chat.received == []
