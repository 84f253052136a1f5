"""Grades the service and its metrics."""

import math
import time

from prometheus_client.parser import text_string_to_metric_families
from scipy import stats

from helpers.course.capstone import traffic, web
from helpers.course.capstone.project import Stop

GOOD_ROWS, COUNTED_ROWS = 60, 40
ELSEWHERE = 20  # seconds to wait for a system that listens, but not where it should


def started(case, seconds=60):
    """Wait until the system's service listens.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
        `start` has been called.
    seconds : float, default 60

    Raises
    ------
    Stop
        The system ended, or nothing listens at its port.
    """
    begun, until, path = time.monotonic(), case.until(seconds), case.project.want("service", "health")
    while _status(case, path) is None:
        over = case.program.over()
        if over is not None:
            raise Stop(over or "`start` ended at once, and well: it has to stay until it is ended.")
        others = [port for port in case.program.ports() if port not in case.ports.values()]
        if time.monotonic() > (min(until, begun + ELSEWHERE) if others else until):
            where = f" It listens on {', '.join(map(str, others[:3]))}: take the port from the environment." if others else ""
            where = where or case.program.last_words()
            waited = time.monotonic() - begun
            raise Stop(f"No service answered on {case.named('SERVICE_PORT')} of 127.0.0.1 after {waited:.0f} s.{where}")
        time.sleep(0.1)


def service(case, sheet, asker, X, y):
    """Ask the service for good rows, then for what it should refuse.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
    sheet : helpers.course.capstone.rubric.Sheet
    asker : helpers.course.capstone.traffic.Asker
    X : pandas.DataFrame
    y : pandas.Series

    Raises
    ------
    Stop
        It answers no good row.
    """
    path, until = case.project.want("service", "health"), case.until(10)
    while (status := _status(case, path)) != 200 and time.monotonic() < until:
        time.sleep(0.2)
    advice = f"{path} has to answer 200 as soon as there is a model to answer with."
    sheet.give("service", "health", status == 200, f"HTTP {status or 'nothing'}", advice)
    rows, _ = traffic.sample(X, y, GOOD_ROWS, case.rng)
    answers = asker.send(rows, case.until(60))
    good = [probability for probability, _, why in answers if not why]
    wrong = next((why for *_, why in answers if why), "no time was left")
    share = len(good) / len(rows)
    advice = f"A row of the data file got {wrong}. Every column but time and target is sent, by its name; a gap as null."
    sheet.give("service", "predicts", 1 if share == 1 else share / 2, f"{len(good)} of {len(rows)} rows", advice)
    if not good:
        raise Stop(f"The service has to answer good rows first: one got {wrong}.")
    bad = traffic.bad_requests(rows[0], traffic.numeric(X))
    faults = {what: fault for what, body in bad.items() if (fault := _fault(*asker.post(body)))}
    evidence = f"{len(bad) - len(faults)} of {len(bad)} refused with a reason"
    told = "; ".join(f"{what}: {fault}" for what, fault in faults.items())
    advice = f"{told}. Check each field before the model sees it, and answer 422 with what was wrong."
    sheet.give("service", "refuses", 1 - len(faults) / len(bad), evidence, advice)
    again = asker.ask(rows[0])
    same = again[0] is not None and answers[0][0] is not None and math.isclose(again[0], answers[0][0], abs_tol=1e-9)
    evidence = "the same answer as before" if same else again[2] or "another answer for the same row"
    sheet.give("service", "well", same, evidence, "A refused request may leave nothing behind, and one row has one answer.")


def skill(sheet, answers, truth):
    """Compare probabilities with the truth.

    Parameters
    ----------
    sheet : helpers.course.capstone.rubric.Sheet
    answers : list
        As from `Asker.send`.
    truth : list of int
    """
    known = [(probability, late) for (probability, *_), late in zip(answers, truth, strict=False) if probability is not None]
    hit, missed = ([probability for probability, late in known if late == side] for side in (1, 0))
    if min(len(hit), len(missed)) < 5:  # too few for a test, which says so itself
        told, evidence, advice = False, f"{len(known)} answers", "There were too few answers of both kinds to tell."
    else:
        test = stats.mannwhitneyu(hit, missed, alternative="greater")
        auc = test.statistic / (len(hit) * len(missed))
        told, evidence = test.pvalue < 0.05, f"AUC {auc:.2f} on {len(known)} rows"
        advice = "Answers as good as a coin's: is the model the trained one, and is the probability that of the target being 1?"
    sheet.give("service", "skill", told, evidence, advice)


def metrics(case, sheet, asker, rows):
    """Compare what the metrics count with what was asked.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
    sheet : helpers.course.capstone.rubric.Sheet
    asker : helpers.course.capstone.traffic.Asker
    rows : list of dict

    Raises
    ------
    Stop
        The contract names no metrics, or they cannot be read.
    """
    counter, timer = case.project.want("service", "predictions"), case.project.want("service", "latency")
    before, why = _samples(case)
    advice = "Serve generate_latest() of prometheus_client, with its content type."
    sheet.give("metrics", "readable", not why, why or f"{len(before)} samples", advice)
    if why:
        raise Stop(f"The metrics have to be readable first: {why}.")
    answered = asker.answered
    asker.send(rows, case.until(30))
    # Of bad ones, only those that the service answers all the same may be counted.
    wrongly = sum(asker.post(body)[0] == 200 for body in traffic.bad_requests(rows[0], []).values())
    answered, (after, _) = asker.answered - answered + wrongly, _samples(case)
    counted, timed = (total(after, name) - total(before, name) for name in (counter, f"{timer}_count"))
    there = any(name == counter for name, _ in after)
    evidence = f"{answered} rows answered, {counted:.0f} counted" if there else f"no {counter}"
    sheet.give(
        "metrics", "counts", answered > 0 and counted == answered, evidence, _why_miscounted(counter, counted, answered, there)
    )
    advice = f"Observe each answer's seconds in a Histogram named {timer}."
    sheet.give("metrics", "timed", answered > 0 and timed >= answered, f"{timed:.0f} timed", advice)


def counted(case):
    """How many rows the service says it has answered.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case

    Returns
    -------
    float
        0 where it does not say.
    """
    return total(_samples(case)[0], case.project.want("service", "predictions"))


def total(samples, name):
    """Add up a metric over its labels.

    Parameters
    ----------
    samples : list of (str, float)
    name : str

    Returns
    -------
    float
    """
    return sum(value for each, value in samples if each == name)


def _samples(case):
    answer = web.follow(case.ports["SERVICE_PORT"], case.project.want("service", "metrics"), case.until(traffic.PATIENCE))
    if answer is None or answer.status != 200:
        return [], f"HTTP {answer.status}" if answer else f"no whole answer in {traffic.PATIENCE} s"
    try:
        families = list(text_string_to_metric_families(answer.content.decode("utf-8", "replace")))
    except ValueError as error:
        return [], f"not Prometheus text {str(error)[:80]}".strip()
    found = [(sample.name, sample.value) for family in families for sample in family.samples]
    return found, "" if found else "nothing on the page"


def _why_miscounted(name, counted, answered, there):
    if not there:
        return f"Count the rows in a Counter; its sample on the page has to be called {name}."
    if counted == 0:
        return f"{name} stayed as it was: increment it where a row is answered."
    return f"{name} grew by {counted:.0f} for {answered} answered rows: count each once, refused ones not at all."


def _fault(status, told):
    if status is None:
        return "no answer"
    if not 400 <= status < 500:
        return f"HTTP {status}"
    return "" if told else "a 4xx without JSON"


def _status(case, path):
    answer = web.ask(case.ports["SERVICE_PORT"], path, case.until(3))
    return answer and answer.status
