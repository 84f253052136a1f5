"""How an incident was solved: what was said beside what was true, in points and in words."""

import dataclasses
import datetime
import html
import numbers

import numpy as np

from helpers import incident_faults, incident_world, modeling
from helpers.incident_faults import DAYS, FAULTS

SEVERITIES = ("none", "low", "high")
ACTIONS = (
    "nothing",
    "tune",
    "roll back",
    "relabel and retrain",
    "mend the inputs",
    "chase the labels",
    "add capacity",
)
ALLOWED = {  # by fault: what helps, and why
    "schema break": (("mend the inputs",), "the caller must send what was agreed, or be heard by a new contract"),
    "unit change": (
        ("mend the inputs",),
        "the model is as good as before once the unit is right; retrained, it would learn the fault",
    ),
    "covariate drift": (("nothing", "tune"), "the order of the flights held, so the model is not what to change: go on watching"),
    "concept drift": (("relabel and retrain",), "the world follows another rule, which only new outcomes can teach"),
    "label delay": (("chase the labels",), "the predictions are fine, but until outcomes come nobody can say so"),
    "silent feature bug": (
        ("mend the inputs",),
        "the code that makes the feature is wrong; retrained, the model would learn the fault",
    ),
    "model swapped": (("roll back",), "the right model is there: one call brings it back"),
    "stale data": (("mend the inputs",), "the model is right about weather that is long past"),
    "traffic spike": (("add capacity",), "answers are right and slow"),
    "none": (("nothing",), "an action for nothing costs too, and wears people out"),
}
EVIDENCE = {
    "schema break": "requests_total with status 422 grows by many a day, and the refusals name a column that nobody agreed on",
    "unit change": "one column's drift_effect is near 1, which no weather does, and its values have another range",
    "covariate drift": "the mix of flights moves far over its limit; outcomes follow, and the AUC holds",
    "concept drift": "every input is as before, and the AUC falls as soon as outcomes of those days are there",
    "label delay": "monitor_labelled_share falls while requests and inputs are as before",
    "silent feature bug": "columns that belong together no longer agree, while each alone looks possible",
    "model swapped": "flights_total goes on under another version, and from that day far more is predicted late than happens",
    "stale data": "each hour has the same weather as that hour of the day before, day after day",
    "traffic spike": "requests double, the mean of seconds grows, and all else is as before",
    "none": "no day breaks away from the others: what moves comes back",
}
POINTS = {"what": 40, "since": 30, "action": 20, "severity": 10}
REFUSED, FALL = 0.1, 0.05  # from these on it is "high": share of requests, and of AUC


@dataclasses.dataclass(frozen=True)
class Debrief:
    """The truth, and how near the answer came.

    Parameters
    ----------
    score : int
        0 to 100.
    points : dict of str to int
        For each part of the answer.
    said : dict
        The answer: `what`, `since` (date or None), `severity`, `action`.
    truth : dict
        The same of what was true; `action` is a tuple of those that help. And `told`, a sentence.
    delay : int or None
        Days from the true beginning to the day said; under 0 where it was said to be earlier. None where one of them has none.
    false_alarm : bool
        Something was called wrong on a day when all was well.
    evidence : str
        What told it.
    """

    score: int
    points: dict
    said: dict
    truth: dict
    delay: int | None
    false_alarm: bool
    evidence: str

    def __str__(self):
        truth, lines = self.truth, []
        began = f" since {truth['since']}" if truth["since"] else ""
        lines.append(f"{self.score} of 100 points. It was: {truth['what']}{began}, severity {truth['severity']}.")
        lines.append(f"What happened: {truth['told']}.")
        lines.append(f"What told it: {self.evidence}.")
        lines.append(f"What helps: {' or '.join(truth['action'])}; {ALLOWED[truth['what']][1]}.")
        parts = ", ".join(f"{name} {got}/{POINTS[name]}" for name, got in self.points.items())
        delay = "" if self.delay is None else f" Delay: {self.delay} days."
        lines.append(f"Points: {parts}.{delay}{' A false alarm.' if self.false_alarm else ''}")
        return "\n".join(lines)

    def _repr_html_(self):
        return "<br>".join(html.escape(line) for line in str(self).splitlines())


def debrief(seed, what, since, severity, action):
    """Compare an answer with the truth of a seed.

    Parameters
    ----------
    seed : int
        Of the incident.
    what : str
        One of `FAULTS`.
    since : date, str, int or None
        A date of the month, or a day's number, 1 to 30.
    severity : str
        One of `SEVERITIES`.
    action : str
        One of `ACTIONS`.

    Returns
    -------
    Debrief

    Raises
    ------
    ValueError
        A word is not one of those, or the day is none of the month.
    """
    for name, word, words in (("what", what, FAULTS), ("severity", severity, SEVERITIES), ("action", action, ACTIONS)):
        if not isinstance(word, str) or word not in words:
            raise ValueError(f"{name} is {word!r}; expected one of: {', '.join(words)}.")
    day = _day(since)
    if (day is None) != (what == "none"):
        told = "no day can be given with it" if what == "none" else "say also since when"
        raise ValueError(f"what is {what!r} and since is {since!r}: {told}.")
    plan = incident_faults.plan(seed)
    truth = {"what": plan.fault, "since": _date(plan.start), "severity": severity_of(plan)}
    truth |= {"action": ALLOWED[plan.fault][0], "told": plan.told}
    delay = None if day is None or plan.start is None else day - plan.start
    points = {
        "what": POINTS["what"] * (what == plan.fault),
        "since": _points_since(day, plan.start),
        "action": POINTS["action"] * (action in truth["action"]),
        "severity": POINTS["severity"] * (2 - abs(SEVERITIES.index(severity) - SEVERITIES.index(truth["severity"]))) // 2,
    }
    alarm = day is not None and (plan.start is None or day < plan.start - 1)
    if (what == "none") != (plan.fault == "none"):
        points = dict.fromkeys(points, 0)  # a fault not seen, or one that was not there
    said = {"what": what, "since": _date(day), "severity": severity, "action": action}
    return Debrief(int(sum(points.values())), points, said, truth, delay, alarm, EVIDENCE[plan.fault])


def severity_of(plan):
    """How bad a month's fault really was, with every outcome known.

    Parameters
    ----------
    plan : incident_faults.Plan

    Returns
    -------
    str
        One of `SEVERITIES`.
    """
    if plan.fault == "none":
        return "none"
    rows, *_ = incident_world.month(plan)
    rows = rows[rows["day"] >= plan.start]
    known = rows[rows["outcome"].notna() & ~rows["refused"]]
    quiet = incident_world.world().quiet
    quiet = quiet[quiet["late"].notna()]
    now, before = (_auc(known["outcome"], known["late"]), _auc(quiet["late"], quiet["probability"]))
    return "high" if rows["refused"].mean() > REFUSED or before - now > FALL else "low"


def _auc(late, probability):
    return modeling.evaluate(late.astype(bool), probability)["auc"]


def _points_since(day, start):
    """All for a day's difference, none from seven on."""
    if day is None or start is None:
        return POINTS["since"] * (day is None and start is None)
    return round(POINTS["since"] * float(np.clip((7 - abs(day - start)) / 6, 0, 1)))


def _day(since):
    first = incident_world.FIRST.date()
    last = first + datetime.timedelta(days=DAYS - 1)
    day = None
    if since is None:
        return None
    if isinstance(since, numbers.Integral) and not isinstance(since, bool):
        day = int(since) - 1
    else:
        try:
            when = since if isinstance(since, datetime.date) else datetime.date.fromisoformat(str(since))
            when = when.date() if isinstance(when, datetime.datetime) else when
            day = (when - first).days
        except ValueError:
            day = None
    if day is None or not 0 <= day < DAYS:
        raise ValueError(f"since is {since!r}; expected a day from {first} to {last}, or its number, 1 to {DAYS}.")
    return day


def _date(day):
    return None if day is None else incident_world.FIRST.date() + datetime.timedelta(days=int(day))
