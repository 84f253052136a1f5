"""Grades the alert: rules, scraping, quiet traffic, drifted traffic, and the message."""

import shutil
import subprocess
import time

from helpers.course.capstone import traffic, web
from helpers.course.capstone.project import Stop

QUIET_ROWS, DRIFTED_ROWS = 400, 400
SETTLE, FIRES, TELLS = 4, 30, 15  # seconds


def watched(case, sheet):
    """Look at the rules, and whether Prometheus scrapes the service.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
    sheet : helpers.course.capstone.rubric.Sheet

    Raises
    ------
    Stop
        No rules, or no Prometheus on its port.
    """
    rules, alert = case.project.path("monitoring", "rules"), case.project.want("monitoring", "alert")
    wrong = _rules_problem(rules)
    until, port = case.until(3 if wrong else 20), case.ports["PROMETHEUS_PORT"]
    while not (scraped := _scrapes(port, case.ports["SERVICE_PORT"])) and time.monotonic() < until:
        time.sleep(0.2)
    known = _rules(port)
    if known is None:
        why = f"{wrong}: Prometheus does not start with such a file." if wrong else "`start` has to start it there."
        raise Stop(f"No Prometheus answers on {case.named('PROMETHEUS_PORT')}. {why}")
    has = alert in known
    seen = ["rules invalid" if wrong else "rules valid", "service scraped" if scraped else "service not scraped"]
    evidence = "; ".join([*seen, f"{alert} loaded" if has else f"{alert} not loaded"])
    advice = wrong or ("" if scraped else "Let Prometheus scrape 127.0.0.1 at SERVICE_PORT, often: each second is well here.")
    advice = advice or f"Prometheus has loaded no rule {alert}: name the file under rule_files, and the alert in capstone.toml."
    sheet.give("alert", "watched", (not wrong) / 4 + scraped / 2 + has / 4, evidence, advice)
    if not scraped or not has:
        raise Stop(f"Nothing can fire as yet. {advice}")


def quiet(case, sheet, asker, rows):
    """Send quiet traffic; no alert may come of it.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
    sheet : helpers.course.capstone.rubric.Sheet
    asker : helpers.course.capstone.traffic.Asker
    rows : list of dict

    Returns
    -------
    list
        The answers.
    """
    answers = asker.send(rows, case.until(60))
    alert, end = case.project.want("monitoring", "alert"), case.until(SETTLE)
    fired = False
    while not fired and time.monotonic() < end:
        fired = alert in _firing(case.ports["PROMETHEUS_PORT"])
        time.sleep(0.2)
    good = sum(not why for *_, why in answers)
    advice = "Its limit is too tight, or does not know how many rows it looks at: a small sample always differs a little."
    evidence = f"{good} rows like those of the data file: {alert} {'fired' if fired else 'stayed quiet'}"
    sheet.give("alert", "quiet", not fired and good > 0, evidence, advice if good else "The service answered none of the rows.")
    return answers


def drift(case, sheet, asker, X):
    """Send drifted traffic; the alert must fire and be told.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
    sheet : helpers.course.capstone.rubric.Sheet
    asker : helpers.course.capstone.traffic.Asker
    X : pandas.DataFrame
        All rows of the project's data.
    """
    alert, port = case.project.want("monitoring", "alert"), case.ports["PROMETHEUS_PORT"]
    chosen = X.iloc[case.rng.permutation(len(X))[:DRIFTED_ROWS]]
    already = alert in _firing(port)
    answers = asker.send(traffic.as_rows(traffic.drifted(chosen, X)), case.until(60))
    good, begun, end = sum(not why for *_, why in answers), time.monotonic(), case.until(FIRES)
    while not (fired := alert in _firing(port)) and time.monotonic() < end:
        time.sleep(0.2)
    took = f"fired {time.monotonic() - begun:.0f} s after the last" if fired else f"did not fire in {FIRES} s"
    evidence = f"{good} rows, numbers moved by three standard deviations: {alert} " + ("had fired before" if already else took)
    advice = _why_silent(answers, good)
    if alert in _firing(port, "pending"):
        advice = f"{alert} is pending: its `for` is too long. Here it has to fire within {FIRES} s, so use a few seconds."
    if already:
        advice = "It fired already on quiet traffic, so that it says nothing here."
    sheet.give("alert", "fires", fired and not already, evidence, advice)
    end = case.until(TELLS if fired else 0)
    while not (told := alert in case.webhook.told) and time.monotonic() < end:
        time.sleep(0.2)
    others = ", ".join(sorted(set(case.webhook.told))[:3]) or "nothing"
    advice = (
        "Let Prometheus tell Alertmanager (alerting: …), and Alertmanager post to the address in ALERT_WEBHOOK; group_wait short."
    )
    sheet.give("alert", "told", told and fired, f"the webhook heard of {others}", advice)


def _why_silent(answers, good):
    if not good:
        return (
            f"The service refused the drifted rows ({answers[0][2]}), so that nothing could drift."
            if answers
            else "No time was left."
        )
    return "Watch the inputs of the last few hundred rows against those of the training, and export how far they differ."


def _rules_problem(path):
    tool = shutil.which("promtool")
    if tool is None:
        return "promtool is absent, so that the rules cannot be checked."
    told = subprocess.run(
        [tool, "check", "rules", str(path)], capture_output=True, text=True, errors="replace", timeout=30, check=False
    )
    if told.returncode == 0:
        return ""
    lines = [line.strip() for line in told.stderr.splitlines() if line.strip() and "FAILED" not in line]
    return f"promtool refuses {path.name}: {' '.join(lines).replace(str(path), path.name)[:250]}"


def _ask(port, path):
    answer = web.ask(port, f"api/v1/{path}", time.monotonic() + 3)
    told = answer.parsed() if answer else None
    found = told.get("data") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else None


def _scrapes(port, service):
    found = (_ask(port, "targets") or {}).get("activeTargets", [])
    return any(each.get("health") == "up" and f":{service}" in each.get("scrapeUrl", "") for each in found)


def _rules(port):
    found = _ask(port, "rules")
    return None if found is None else {rule["name"] for group in found.get("groups", []) for rule in group["rules"]}


def _firing(port, state="firing"):
    found = (_ask(port, "alerts") or {}).get("alerts", [])
    return {each["labels"].get("alertname") for each in found if each["state"] == state}
