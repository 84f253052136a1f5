"""The questions of 54, the incident room: naming a fault from its evidence, and drills of the learner's own."""

import datetime

import numpy as np

from helpers.course.verdict import Question, not_yet, passed

# --- 54.1: triage -------------------------------------------------------------------------------------------------------

FAULTS = (
    "schema break", "unit change", "covariate drift", "concept drift", "label delay",
    "silent feature bug", "model swapped", "stale data", "traffic spike", "none",
)  # fmt: skip
KEYS = ("refused", "requests", "new_version", "predicted", "labelled", "effect", "over", "disagree", "repeated", "auc_fall")


def quiet(rng):
    """Evidence of a month in which days differ and nothing is wrong."""
    return {
        "refused": float(rng.uniform(0, 0.02)),
        "requests": float(rng.uniform(0.93, 1.07)),
        "new_version": False,
        "predicted": float(rng.uniform(-0.04, 0.04)),
        "labelled": float(rng.uniform(0.93, 0.99)),
        "effect": float(rng.uniform(0.2, 0.5)),
        "over": float(rng.uniform(0.4, 0.95)),
        "disagree": float(rng.uniform(0, 0.01)),
        "repeated": float(rng.uniform(0, 0.05)),
        "auc_fall": float(rng.uniform(-0.03, 0.03)),
    }


def cases(rng):
    """Each: what it is, the evidence, the fault, and the misconception of a triage that says another."""

    def between(low, high):
        return float(rng.uniform(low, high))

    def moved():
        return {"effect": between(0.2, 0.5), "over": between(2, 4)}

    unit = {"effect": between(0.75, 0.99), "over": between(1.5, 9), "disagree": between(0.5, 1), "auc_fall": between(0, 0.1)}
    swap, apart = {"new_version": True}, {"disagree": between(0.6, 1)}
    drawn = [
        ("a month with nothing wrong", {}, "none", "sees what is not there"),
        ("a month whose AUC cannot be told yet, with all else as before", {"auc_fall": None}, "none", "None is a number"),
        ("a planned release", {"new_version": True}, "none", "every release"),
        ("refusals", {"refused": between(0.3, 0.9)}, "schema break", None),
        ("refusals of one airline, so that the mix moved", {"refused": 0.4, **moved()}, "schema break", "loudest first"),
        ("a new version that predicts far more", swap | {"predicted": between(0.12, 0.3)}, "model swapped", None),
        ("a new version that predicts far less", swap | {"predicted": -between(0.12, 0.18)}, "model swapped", "only upwards"),
        ("twice the requests", {"requests": between(1.8, 2.6), "over": between(1.5, 4)}, "traffic spike", "loudest first"),
        ("outcomes that do not come", {"labelled": between(0, 0.3), "auc_fall": None}, "label delay", "None is a number"),
        ("another unit", unit, "unit change", "unit or bug"),
        ("two columns that disagree", apart | {"auc_fall": between(0.06, 0.2)}, "silent feature bug", None),
        ("two columns that disagree, and one over its limit", apart | moved(), "silent feature bug", "bug as drift"),
        ("yesterday's weather", {"repeated": between(0.8, 1), **moved(), "auc_fall": 0.07}, "stale data", "stale as drift"),
        ("another mix of flights", moved(), "covariate drift", None),
        ("another mix, with no outcome of it yet", {**moved(), "auc_fall": None}, "covariate drift", "None is a number"),
        ("another rule", {"auc_fall": between(0.12, 0.3)}, "concept drift", None),
    ]  # fmt: skip
    return [(told, quiet(rng) | change, fault, kind) for told, change, fault, kind in drawn]


def probe_triage(answer, rng):
    return {"said": [answer(dict(evidence)) for _, evidence, *_ in cases(rng)]}


TRIAGE_MISCONCEPTIONS = {
    "sees what is not there": "Days differ: below every threshold the answer is \"none\".",
    "None is a number": "`auc_fall` is None where outcomes are lacking. Unknown is neither a fall nor a proof that all is well.",
    "every release": "A new version is no fault by itself. It is one if the predictions moved with it, by more than 0.1.",
    "loudest first": "Refused or surplus requests move the mix of the log: ask what may cause drift before you name it so.",
    "only upwards": "A wrong model may also promise too little: what counts is the size of the change.",
    "unit or bug": "With one column in another unit its companions disagree too. An effect over 0.7 settles it: ask that first.",
    "bug as drift": "No traffic makes columns disagree that belong together: ask that before you call it drift.",
    "stale as drift": "A frozen day lies over the limits as real weather might; that it repeats does not happen by itself.",
}  # fmt: skip


def judge_triage(evidence, rng):
    rows = cases(rng)
    said = evidence.get("said")
    if not isinstance(said, list) or len(said) != len(rows):
        return not_yet("triage(evidence) should return the name of a fault for each set of evidence.")
    for (told, *_), name in zip(rows, said, strict=True):
        if not isinstance(name, str) or name not in FAULTS:
            return not_yet(
                f"For {told} yours returns {_short(name)}. Return one of the ten names: {', '.join(FAULTS)}.", "no name"
            )
    for (told, given, fault, kind), name in zip(rows, said, strict=True):
        if name != fault:
            numbers = {
                key: value if value is None or isinstance(value, bool) else round(value, 2) for key, value in given.items()
            }
            why = TRIAGE_MISCONCEPTIONS.get(kind, "")
            return not_yet(f"For {told} yours says {name!r}; it is {fault!r}. {why} The evidence: {numbers}", kind)
    return passed("The order of the questions did it: each asks for what the next ones could not tell apart.")


# --- 54.2: drills -------------------------------------------------------------------------------------------------------

FIRST_SEED, DRILLS, EACH, MEAN = 100, 3, 60, 75
PARTS = ("seed", "what", "since", "severity", "action")


def probe_drills(answer, rng):
    if callable(answer):
        answer = answer()
    return {"drills": answer}


def judge_drills(evidence, rng):
    drills = evidence.get("drills")
    problem = _shape(drills)
    if problem:
        return not_yet(problem, "not three drills")
    seeds = [drill["seed"] for drill in drills]
    if len(set(seeds)) < DRILLS or min(seeds) < FIRST_SEED:
        return not_yet(f"The seeds are {seeds}; take {DRILLS} different ones from {FIRST_SEED} on.", "seeds")
    from helpers import incident_scores

    found = []
    for drill in drills:
        try:
            found.append(incident_scores.debrief(*(drill[part] for part in PARTS)))
        except ValueError as error:
            return not_yet(f"Seed {drill['seed']}: {error}", "unknown word")
    if all(debrief.truth["what"] == "none" for debrief in found):
        return not_yet("All of your months are quiet ones. Take at least one with a fault in it.", "only quiet months")
    worst = min(found, key=lambda debrief: debrief.score)
    mean = float(np.mean([debrief.score for debrief in found]))
    if worst.score >= EACH and mean >= MEAN:
        return passed(f"{mean:.0f} points of 100 on average. Further months are free: incidents.incident(any seed).")
    return _unsolved(seeds[found.index(worst)], worst, mean)


def _unsolved(seed, worst, mean):
    """The debrief's reasons, without the truth: the month can still be solved."""
    said, truth = worst.said, worst.truth
    told = f"Seed {seed} brings {worst.score} of 100 points, all three {mean:.0f} on average; {EACH} and {MEAN} are wanted."
    if truth["what"] == "none":
        return not_yet(f"{told} Nothing was wrong there: an alarm on quiet days.", "false alarm")
    if said["what"] == "none":
        return not_yet(
            f"{told} Something was wrong there. Ask the questions of the lesson's table in their order.", "fault missed"
        )
    if said["what"] != truth["what"]:
        return not_yet(f"{told} Something else was wrong there. Which question could sink your suspicion?", "wrong diagnosis")
    if said["action"] not in truth["action"]:
        return not_yet(f"{told} The diagnosis is right, {said['action']!r} does not help against it.", "wrong remedy")
    side = "later" if worst.delay < 0 else "earlier"
    how = "date it by the rows of the log"
    if truth["what"] == "label delay":
        how = "compare outcome_at with at, for outcomes that came late count too"
    return not_yet(f"{told} The diagnosis is right, but it began {side}: {how}.", "wrong day")


def _shape(drills):
    if not isinstance(drills, list) or len(drills) != DRILLS:
        return f"A list of {DRILLS} dictionaries is wanted; yours is {_short(drills)}."
    for drill in drills:
        if not isinstance(drill, dict) or set(drill) != set(PARTS):
            return f"Each drill is a dictionary with the keys {', '.join(PARTS)}; one of yours is {_short(drill)}."
        if isinstance(drill["seed"], bool) or not isinstance(drill["seed"], int) or drill["seed"] < 0:
            return f"A seed is a whole number; one of yours is {_short(drill['seed'])}."
        since = drill["since"]
        if not (since is None or isinstance(since, (int, str))) or isinstance(since, bool):
            return f"since is a day's number, a date or None; one of yours is {_short(since)}."
        if isinstance(since, str):
            try:
                drill["since"] = datetime.date.fromisoformat(since[:10])
            except ValueError:
                return f"since is a day's number, a date or None; one of yours is {_short(since)}."
    return ""


def _short(value):
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"


QUESTIONS = {
    "54.1": Question(
        title="Name the fault",
        probe=probe_triage,
        judge=judge_triage,
        hints=(
            "Write one `if` a row of the table at the end of lesson 54, in that table's order, each with a return; "
            "the last line returns \"none\".",
            "`auc_fall` may be None: ask `is not None` first. A change of predictions counts in both directions: abs().",
            "The order: refused, new_version with predicted, requests, labelled, effect, disagree, repeated, over, auc_fall.",
        ),
        notebook="solutions/54_incident_room.ipynb",
        misconceptions=("no name", *TRIAGE_MISCONCEPTIONS),
    ),
    "54.2": Question(
        title="Three drills of your own",
        probe=probe_drills,
        judge=judge_drills,
        hints=(
            "Begin with room.dashboard(), then take the lesson's table from the top: which panels show nothing at all?",
            "room.service.diff() shows what a day brought, room.refusals what was refused; room.rows() has outcome_at.",
            "Date it by the rows: for each day the share of rows in which the thing is wrong; take the first day that is high.",
        ),
        notebook="solutions/54_incident_room.ipynb",
        misconceptions=(
            "not three drills", "seeds", "unknown word", "only quiet months", "false alarm", "fault missed", "wrong diagnosis",
            "wrong remedy", "wrong day",
        ),  # fmt: skip
    ),
}  # fmt: skip
