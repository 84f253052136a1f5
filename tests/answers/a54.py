"""Answers to the questions of 54, the incident room."""

from tests.answers import Answers, Wrong

# --- 54.1 ---------------------------------------------------------------------------------------------------------------

RULES = {
    "schema break": lambda e: e["refused"] > 0.1,
    "model swapped": lambda e: e["new_version"] and abs(e["predicted"]) > 0.1,
    "traffic spike": lambda e: e["requests"] > 1.5,
    "label delay": lambda e: e["labelled"] < 0.5,
    "unit change": lambda e: e["effect"] > 0.7,
    "silent feature bug": lambda e: e["disagree"] > 0.1,
    "stale data": lambda e: e["repeated"] > 0.5,
    "covariate drift": lambda e: e["over"] > 1,
    "concept drift": lambda e: e["auc_fall"] is not None and e["auc_fall"] > 0.05,
}


def by(order, **changed):
    rules = RULES | {name.replace("_", " "): rule for name, rule in changed.items()}

    def triage(evidence):
        return next((name for name in order if rules[name](evidence)), "none")

    return triage


def first(*names, **changed):
    return by([*names, *[name for name in RULES if name not in names]], **changed)


def triage(evidence):
    if evidence["refused"] > 0.1:
        return "schema break"
    if evidence["new_version"] and abs(evidence["predicted"]) > 0.1:
        return "model swapped"
    if evidence["requests"] > 1.5:
        return "traffic spike"
    if evidence["labelled"] < 0.5:
        return "label delay"
    if evidence["effect"] > 0.7:
        return "unit change"
    if evidence["disagree"] > 0.1:
        return "silent feature bug"
    if evidence["repeated"] > 0.5:
        return "stale data"
    if evidence["over"] > 1:
        return "covariate drift"
    if (evidence["auc_fall"] or 0) > 0.05:
        return "concept drift"
    return "none"


def triage_raises(evidence):
    if evidence["auc_fall"] > 0.05 and evidence["over"] < 1:
        return "concept drift"
    return triage(evidence)


# --- 54.2 ---------------------------------------------------------------------------------------------------------------


def drill(seed, what, since, severity, action):
    return {"seed": seed, "what": what, "since": since, "severity": severity, "action": action}


SPIKE = drill(101, "traffic spike", 11, "low", "add capacity")
UNIT = drill(103, "unit change", 17, "low", "mend the inputs")
QUIET = drill(107, "none", None, "none", "nothing")
DELAY = drill(111, "label delay", "2014-01-19", "low", "chase the labels")
REFUSED = drill(104, "schema break", "2014-01-25", "high", "mend the inputs")


ANSWERS = {
    "54.1": Answers(
        right=[triage, by(list(RULES)), first("stale data", "traffic spike", "label delay")],
        wrong=[
            Wrong(first("covariate drift", covariate_drift=lambda e: e["over"] > 0.3), "sees what is not there"),
            Wrong(first(label_delay=lambda e: e["labelled"] < 0.5 or e["auc_fall"] is None), "None is a number"),
            Wrong(first(model_swapped=lambda e: e["new_version"]), "every release"),
            Wrong(first("covariate drift"), "loudest first"),
            Wrong(first("schema break", "covariate drift"), "loudest first"),
            Wrong(first(model_swapped=lambda e: e["new_version"] and e["predicted"] > 0.1), "only upwards"),
            Wrong(first("silent feature bug"), "unit or bug"),
            Wrong(first("schema break", "traffic spike", "unit change", "covariate drift"), "bug as drift"),
            Wrong(
                first("schema break", "traffic spike", "unit change", "silent feature bug", "covariate drift"), "stale as drift"
            ),
            Wrong(lambda evidence: triage(evidence).upper(), "no name"),
            Wrong(lambda evidence: None if triage(evidence) == "none" else triage(evidence), "no name"),
            Wrong(lambda evidence: [triage(evidence)], "no name"),
            Wrong(lambda evidence: "none"),
            Wrong(first(concept_drift=lambda e: False)),
            Wrong(triage_raises, says="TypeError"),
        ],
    ),
    "54.2": Answers(
        costly=True,
        right=[[UNIT, DELAY, QUIET], [SPIKE, REFUSED, DELAY], [UNIT | {"since": 18}, SPIKE | {"severity": "high"}, QUIET]],
        wrong=[
            Wrong([UNIT, DELAY], "not three drills"),
            Wrong(UNIT, "not three drills"),
            Wrong([UNIT, DELAY, {"seed": 107, "what": "none"}], "not three drills"),
            Wrong([UNIT, UNIT, QUIET], "seeds"),
            Wrong([UNIT, DELAY, QUIET | {"seed": 17}], "seeds"),
            Wrong([UNIT | {"what": "units"}, DELAY, QUIET], "unknown word", says="unit change"),
            Wrong([UNIT | {"since": 31}, DELAY, QUIET], "unknown word"),
            Wrong([QUIET, QUIET | {"seed": 121}, QUIET | {"seed": 161}], "only quiet months"),
            Wrong([UNIT, DELAY, SPIKE | {"seed": 107}], "false alarm"),
            Wrong([UNIT, DELAY, QUIET | {"seed": 101}], "fault missed"),
            Wrong([UNIT, QUIET, DELAY | {"seed": 101, "action": "nothing"}], "wrong diagnosis"),
            Wrong([UNIT | {"since": 25, "action": "relabel and retrain"}, DELAY, QUIET], "wrong remedy"),
            Wrong([UNIT | {"since": 3, "severity": "none"}, DELAY | {"since": 28}, SPIKE | {"since": 28}], "wrong day"),
            Wrong(
                [DELAY | {"since": 28, "severity": "none"}, UNIT | {"since": 3}, SPIKE | {"since": 28}],
                "wrong day",
                says="outcome_at with at",
            ),
        ],
    ),
}
