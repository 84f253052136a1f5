"""The questions of 61b, Kubernetes. Nothing is started: manifests are read, an autoscaler is computed, mornings are simulated."""

import math
from fractions import Fraction

import numpy as np
import yaml

from helpers import autoscaling, manifest_policies, manifests, pods
from helpers.course.verdict import Question, not_yet, passed

NOTEBOOK = "solutions/61b_kubernetes.ipynb"
DAMAGED = "The check's own record of your answer is damaged. Run the check again."

# --- 61b.1: how many pods -------------------------------------------------------------------------------------------------

NEAR = Fraction(1, 10**6)  # so close to an edge, rounding of floats decides: such cases are not asked


def _metric(rng, up, kind):
    target = int(rng.choice([20, 35, 50, 64]))
    low, high = {"up": (1.15, 2.6), "down": (0.2, 0.85), "near": (0.92, 1.08)}[kind]
    values = np.round(target * rng.uniform(low, high, up), 1).tolist()
    return {"values": values, "target": target}


def _without(metric, places):
    values = [None if place in places else value for place, value in enumerate(metric["values"])]
    return {**metric, "values": values}


def _sharp(call):
    """Whether floats and fractions must agree on it."""
    for metric in call["metrics"]:
        for again, counted in _ratios(metric, call["starting"]):
            edges = [again - Fraction(edge, 10) for edge in (9, 10, 11)] + [again * counted - round(again * counted)]
            if min(map(abs, edges)) < NEAR:
                return False
    return True


def _ratios(metric, starting):
    known = [Fraction(str(value)) for value in metric["values"] if value is not None]
    missing, target = len(metric["values"]) - len(known), Fraction(metric["target"])
    if known:
        yield sum(known) / len(known) / target, len(known)
        for more in (0, missing, missing + starting):
            for filled in (0, missing * target):
                counted = len(known) + more
                yield (sum(known) + filled) / counted / target, counted


def calls(rng):
    """Each: metrics, starting, minimum, maximum."""
    found = [
        {"metrics": [{"values": [64, 64], "target": 32}], "starting": 0, "minimum": 1, "maximum": 9},  # exact in floats, too
        {"metrics": [{"values": [16, 16, 16, 16], "target": 32}], "starting": 0, "minimum": 1, "maximum": 9},
        {"metrics": [{"values": [None, None], "target": 32}], "starting": 1, "minimum": 1, "maximum": 9},
        {"metrics": [{"values": [0, 0, 0], "target": 32}], "starting": 0, "minimum": 2, "maximum": 9},
    ]
    while len(found) < 90:
        up, kinds = int(rng.integers(1, 7)), rng.choice(["up", "down", "near"], int(rng.integers(1, 4)))
        metrics = [_metric(rng, up, str(kind)) for kind in kinds]
        if up > 1 and rng.random() < 0.5:
            metrics[0] = _without(metrics[0], set(rng.choice(up, int(rng.integers(1, up)), replace=False).tolist()))
        if len(metrics) > 1 and rng.random() < 0.4:
            metrics[-1] = _without(metrics[-1], set(range(up)))
        call = {"metrics": metrics, "starting": int(rng.choice([0, 0, 1, 3])), "minimum": int(rng.integers(1, 4))}
        call["maximum"] = int(rng.integers(6, 16))
        if _sharp(call):
            found.append(call)
    return found


def oracle(
    call,
    *,
    near=Fraction(1, 10),
    missing="dampens",
    starting="up",
    pick=max,
    unknown="forbids",
    rounding=math.ceil,
    bounds=True,
    turn=True,
):
    """How many pods, in fractions. Each keyword is a twist behind a misconception."""
    asked, current = [], len(call["metrics"][0]["values"]) + call["starting"]
    for metric in call["metrics"]:
        known, target = [Fraction(str(value)) for value in metric["values"] if value is not None], Fraction(metric["target"])
        if not known:
            asked.append(None)
            continue
        lacking, ratio = len(metric["values"]) - len(known), sum(known) / len(known) / target
        lacking = 0 if missing == "left out" or ratio == 1 else lacking
        filled = lacking * target if ratio < 1 and missing != "zero" else 0
        joined = call["starting"] if starting == "always" or (starting == "up" and ratio > 1) else 0
        counted = len(known) + lacking + joined
        again = (sum(known) + filled) / counted / target
        counted += call["starting"] if starting == "twice" and ratio > 1 else 0
        turned = turn and (ratio - 1) * (again - 1) < 0
        asked.append(current if 1 - near <= again <= 1 + near or turned else rounding(again * counted))
    said = [each for each in asked if each is not None]
    wanted = pick(said) if said else current
    if len(said) < len(asked) and wanted < current and unknown == "forbids":
        wanted = current
    return min(max(wanted, call["minimum"]), call["maximum"]) if bounds else wanted


DESIRED_MISCONCEPTIONS = {
    "no tolerance": (dict(near=0), "A ratio from 0.9 to 1.1 changes nothing; yours changes the number of pods for it."),
    "ordered twice": (
        dict(starting="twice"),
        "Yours multiplies by the starting pods, and leaves them out of the mean: so it orders what is on its way a second time. "
        "On the way up they join with the value 0.",
    ),
    "starting pods forgotten": (
        dict(starting="never"),
        "On the way up the starting pods join with the value 0. Yours leaves them out, and would take back what is on its way.",
    ),
    "starting pods on the way down": (
        dict(starting="always"),
        "On the way down the starting pods are left out of the sum; yours counts them in it, as idle.",
    ),
    "missing left out": (
        dict(missing="left out"),
        "Yours forgets the pods whose value is missing. They join: as 0 on the way up, as at the target on the way down.",
    ),
    "missing are idle": (
        dict(missing="zero"),
        "On the way down a pod whose value is missing counts as *at the target*: it may be busy, and yours takes it for idle.",
    ),
    "the other way": (
        dict(turn=False),
        "The metric asked for more pods, and after the others had joined with 0 yours goes down. If the second ratio is on the "
        "other side of 1, the metric asks for as many as there are.",
    ),
    "the smallest": (dict(pick=min), "Of several metrics the *largest* answer counts: each of them must be kept."),
    "unknown does not matter": (
        dict(unknown="ignored"),
        "One metric is unknown, and yours removes pods because of the others. The unknown one may be high: stay as you are.",
    ),
    "rounded": (dict(rounding=round), "Round up (math.ceil): with 2.3 pods' worth of work, two are too few."),
    "rounded down": (dict(rounding=math.floor), "Round up (math.ceil): with 2.9 pods' worth of work, two are too few."),
    "no bounds": (dict(bounds=False), "The number that you return is under `minimum` or over `maximum`: apply both at the end."),
}


def probe_desired(answer, rng):
    return {"pods": [answer(call["metrics"], call["starting"], call["minimum"], call["maximum"]) for call in calls(rng)]}


def judge_desired(evidence, rng):
    asked = calls(rng)
    got = evidence.get("pods") if isinstance(evidence, dict) else None
    if not isinstance(got, list) or len(got) != len(asked):
        return not_yet(DAMAGED)
    if not all(type(number) in (int, float) and number == number for number in got):
        wrong = next(number for number in got if type(number) not in (int, float) or number != number)
        return not_yet(f"Return a number of pods; yours gives {wrong!r}.", "no number")
    want = [oracle(call) for call in asked]
    if got == want:
        return passed("That is the autoscaler's arithmetic: when in doubt, it does less.")
    for name, (twist, message) in DESIRED_MISCONCEPTIONS.items():
        if got == [oracle(call, **twist) for call in asked]:
            return not_yet(message, name)
    wrong = [(call, w, g) for call, w, g in zip(asked, want, got, strict=True) if w != g]
    call, w, g = min(wrong, key=lambda row: (len(row[0]["metrics"]), row[0]["starting"], len(row[0]["metrics"][0]["values"])))
    return not_yet(f"For {call} there should be {w} pods; yours says {g!r}.")


# --- 61b.2: mend the manifests ----------------------------------------------------------------------------------------------

VERSION, CAPACITY = "1.37", 50  # of Kubernetes; requests a second that a pod was measured to do
HIGHEST, LOWEST = 0.7 * CAPACITY, 10


def broken_documents():
    """What the exercise begins with."""
    return manifests.load((manifests.FOLDER / "broken.yml").read_text(encoding="utf-8"))


def probe_mended(answer, rng):
    if isinstance(answer, str):
        try:
            answer = manifests.load(answer)
        except manifests.ManifestError as error:
            return {"problem": str(error)}
    if not isinstance(answer, (list, tuple)) or not all(isinstance(document, dict) for document in answer):
        return {"problem": f"Expected a list of documents, or their text; yours is a {type(answer).__name__}."}
    return {"documents": list(answer)}


def judge_mended(evidence, rng):
    if not isinstance(evidence, dict) or not ("problem" in evidence or "documents" in evidence):
        return not_yet(DAMAGED)
    if "problem" in evidence:
        return not_yet(str(evidence["problem"]))
    documents = evidence["documents"]
    try:
        for check in (_kept, _fits, _says, _rolls, _lets_in):
            told = check(documents)
            if told:
                return not_yet(*told)
    except Exception as error:  # whatever is in a learner's documents, they are told
        return not_yet(f"The documents cannot be read: {str(error) or type(error).__name__}.")
    return passed(
        "All ten are mended. The last three would have passed every tool, and shown at the next rollout, rush or audit."
    )


def _kept(documents):
    want = sorted(manifests.name_of(document) for document in broken_documents())
    got = sorted(manifests.name_of(document) for document in documents)
    if got != want:
        return (
            f"The set should hold the same documents as before, {', '.join(want)}; yours holds {', '.join(got) or 'none'}.",
            "taken out",
        )
    return None


def _fits(documents):
    objections = manifests.invalid(documents, VERSION)
    if objections:
        return (f"Kubernetes {VERSION} refuses it: {objections[0]}.",)
    found = manifest_policies.broken(documents)
    if found:
        policy, name, told = found[0]
        return (f"{name}, policy {policy!r}: {told}.",)
    return None


def _says(documents):
    """What was right before still is."""
    box = manifest_policies.one(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    scaler = manifest_policies.one(documents, "HorizontalPodAutoscaler")["spec"]
    budget = manifest_policies.one(documents, "PodDisruptionBudget")["spec"]
    args = [str(word) for word in box.get("args") or []]
    if not box["image"].startswith("flight-delay-service") or "--drain" not in args or box["ports"][0]["containerPort"] != 8000:
        return "The image's name, the port 8000 and --drain were right: leave them.", "taken out"
    if (box["readinessProbe"].get("httpGet") or {}).get("path") not in manifest_policies.READINESS:
        return "Readiness was right: it asks /healthcheck, so that a pod with no model gets no traffic. Leave it.", "taken out"
    if (scaler.get("minReplicas"), scaler.get("maxReplicas")) != (3, 12):
        return "3 to 12 pods was right: leave that, and let the budget fit to it.", "other bounds"
    kept = 3 - _number(budget["maxUnavailable"], 3) if "maxUnavailable" in budget else _number(budget.get("minAvailable", 0), 3)
    if kept < 1:
        return (
            "The budget now lets all three pods be moved at once. At least one must stay, and at least one must be free to go.",
            "no budget",
        )
    targets = autoscaling.from_manifest(manifest_policies.one(documents, "HorizontalPodAutoscaler")).targets
    target = targets.get(pods.RATE)
    if target is None:
        return "The autoscaler should scale by requests_per_second, as before.", "taken out"
    if target > HIGHEST:
        told = f"A pod answers {CAPACITY} requests a second at most, so with a target of {target:g}"
        tail = "the autoscaler never sees more than that" if target >= CAPACITY else "there is hardly room for a rush"
        return f"{told} {tail}. At most 70% of the capacity.", "target over the capacity"
    if target < LOWEST:
        return (
            f"With a target of {target:g} requests a second, pods that can do {CAPACITY} stand idle. At least {LOWEST}.",
            "idle pods",
        )
    return None


def _rolls(documents):
    strategy = manifest_policies.one(documents, "Deployment")["spec"].get("strategy") or {}
    update = strategy.get("rollingUpdate") or {}
    away = _number(update.get("maxUnavailable", "25%"), 3, down=True)
    if strategy.get("type", "RollingUpdate") != "RollingUpdate" or away > 0:
        return "During a rollout one of the three pods is away. None may be: start the new one first.", "a rollout takes one away"
    if _number(update.get("maxSurge", "25%"), 3) < 1:
        return "With no pod too many and none too few, no rollout can take a step: allow a surge.", "a rollout that cannot move"
    return None


def _number(value, whole, down=False):
    if not isinstance(value, str):
        return value
    share = int(value.rstrip("%")) * whole / 100
    return math.floor(share) if down else math.ceil(share)


def _lets_in(documents):
    """Who in the cluster gets through: asked for four pods, in words of labels."""
    rules = manifest_policies.one(documents, "NetworkPolicy")["spec"].get("ingress") or []
    prometheus = {"app.kubernetes.io/name": "prometheus"}
    strangers = [  # (pod, namespace, what it is)
        ({}, "sandbox", "everybody"),
        ({"app.kubernetes.io/name": "grafana"}, "monitoring", "every pod in the namespace monitoring"),
        (prometheus, "flight-delay", "a pod of any team that calls itself prometheus, in the namespace of the service"),
        (prometheus, "sandbox", "a pod called prometheus in any namespace"),
    ]
    for labels, namespace, what in strangers:
        if any(_through(rule, labels, namespace) for rule in rules):
            return (
                f"{what[0].upper()}{what[1:]} gets in. Two entries of `from` mean *or*; namespaceSelector and podSelector in one "
                "entry mean *and*: Prometheus in monitoring, and nobody else.",
                "or instead of and",
            )
    return None


def _through(rule, labels, namespace):
    peers = rule.get("from") or []
    return not peers or any(  # who comes by address may be anybody
        "ipBlock" in peer
        or manifest_policies.matches(peer.get("podSelector") or {}, labels)
        and (
            manifest_policies.matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": namespace})
            if "namespaceSelector" in peer
            else namespace == "flight-delay"
        )
        for peer in peers
    )


# --- 61b.3: settings for a morning ------------------------------------------------------------------------------------------

SERVICE, LIMIT, STARTUP, BUDGET, MORNINGS = 0.02, 0.25, 60, 2.4, 3  # seconds, seconds, seconds, pod hours a busy hour
RANGES = {"minimum": (1, 20), "maximum": (1, 20), "target": (1, 1000), "window": (0, 3600)}


def mornings(rng):
    return [(pods.morning(rng), int(rng.integers(1, 10**6))) for _ in range(MORNINGS)]


def probe_settings(answer, rng):
    if not hasattr(answer, "keys"):
        return {"problem": f"Expected a dictionary with {', '.join(RANGES)}; yours is a {type(answer).__name__}."}
    return {"settings": {str(key): answer[key] for key in answer.keys()}}


def judge_settings(evidence, rng):
    if not isinstance(evidence, dict) or not ("problem" in evidence or isinstance(evidence.get("settings"), dict)):
        return not_yet(DAMAGED)
    if "problem" in evidence:
        return not_yet(str(evidence["problem"]))
    found = evidence["settings"]
    if sorted(found) != sorted(RANGES):
        return not_yet(f"Expected the keys {', '.join(RANGES)}; yours has {', '.join(sorted(found)) or 'none'}.")
    for name, (low, high) in RANGES.items():
        whole = name == "target" or found[name] == int(found[name]) if type(found[name]) in (int, float) else False
        if not whole or not low <= found[name] <= high:
            kind = "a number" if name == "target" else "a whole number"
            return not_yet(f"{name} is {found[name]!r}; expected {kind} from {low} to {high}.")
    if found["minimum"] > found["maximum"]:
        return not_yet(f"minimum {found['minimum']} is over maximum {found['maximum']}.")
    return _live(found, mornings(rng))


def _live(found, days):
    rules = autoscaling.Rules(found["window"], autoscaling.DOWN.policies)
    least, most = int(found["minimum"]), int(found["maximum"])
    settings = autoscaling.Settings(least, most, {pods.RATE: float(found["target"])}, down=rules)
    hours, busy = 0.0, sum(float(rates.sum()) for rates, _ in days) * autoscaling.SYNC * SERVICE / 3600
    for number, (rates, seed) in enumerate(days, 1):
        lived = pods.simulate(rates, settings, SERVICE, startup=STARTUP, seed=seed)
        hours += lived.pod_hours()
        if lived.p99() > LIMIT:
            return _too_slow(found, float(rates.max()), number, lived.p99())
    if hours > BUDGET * busy:
        return _too_dear(found, hours / busy)
    return passed(f"p99 stays under {LIMIT} s on all mornings, with {hours / busy:.2f} pod hours for each busy hour.")


def _too_slow(found, peak, number, p99):
    told = f"On morning {number} the p99 is {p99:.2f} s"
    if found["target"] >= CAPACITY:
        tail = (
            f"a pod never answers more than {CAPACITY} a second, so over {found['target']:g} is never seen, and nothing is added"
        )
        return not_yet(f"{told}: {tail}.", "target over the capacity")
    if found["maximum"] * CAPACITY < peak:
        tail = f"{found['maximum']} pods do {found['maximum'] * CAPACITY} requests a second, and the rush brings more"
        return not_yet(f"{told}: {tail}.", "maximum too low")
    tail = "when the jump comes, the pods that are there must carry it until others are ready. A lower target leaves more room"
    return not_yet(f"{told}: {tail}.", "no room for the jump")


def _too_dear(found, ratio):
    told = f"The p99 is fine, but {ratio:.2f} pod hours are paid for each busy one; at most {BUDGET} are allowed"
    if found["minimum"] > 4:
        return not_yet(f"{told}. {found['minimum']} pods are there even when nobody asks.", "pays for the rush all the time")
    if found["window"] > 900:
        return not_yet(f"{told}. With a window of {found['window']:g} s pods stay long after the rush.", "nothing comes back")
    return not_yet(f"{told}. The lower the target, the more of each pod is idle.", "target too low")


# --- 61b.4: who is called at night ----------------------------------------------------------------------------------------

CLOUDS, OURS = ("AWS", "GCP", "Azure"), "ours"
CALLS = {  # the night's call: the part whose managed service would have taken it; None: it stays ours
    "database disk": "database",
    "worse champion": None,
    "dead machine": "cluster",
    "wrong threshold": None,
    "metrics lost": "monitoring",
    "untried backup": None,
    "image gone": "images",
    "who read it": "secrets",
    "page host": "page",
}


def services(cloud):
    """Each part's service."""
    table = yaml.safe_load((manifests.FOLDER / "managed_services.yml").read_text(encoding="utf-8"))
    return {row["part"]: row[cloud] for row in table["parts"]}


def probe_calls(answer, rng):
    if not hasattr(answer, "keys"):
        return {"problem": f"Expected a dictionary; yours is a {type(answer).__name__}."}
    return {"answers": {str(key): answer[key] for key in answer.keys()}}


def judge_calls(evidence, rng):
    if not isinstance(evidence, dict) or not ("problem" in evidence or isinstance(evidence.get("answers"), dict)):
        return not_yet(DAMAGED)
    if "problem" in evidence:
        return not_yet(str(evidence["problem"]))
    found = {
        key: " ".join(value.split()).lower() if isinstance(value, str) else value for key, value in evidence["answers"].items()
    }
    cloud = next((cloud for cloud in CLOUDS if found.get("cloud") == cloud.lower()), None)
    if cloud is None:
        return not_yet(f"Under 'cloud' stands {evidence['answers'].get('cloud')!r}; expected one of {', '.join(CLOUDS)}.")
    if found.keys() != {"cloud", *CALLS}:
        odd = sorted(found.keys() ^ {"cloud", *CALLS})[0]
        return not_yet(f"{odd!r} is {'missing' if odd in CALLS else 'none of the calls'}.")
    known = {other: {name.lower() for name in services(other).values()} for other in CLOUDS}
    if all(value == OURS for key, value in found.items() if key != "cloud"):
        return not_yet("Some of these calls a cloud does take: the ones about machines, disks and copies.", "everything is ours")
    if not any(value == OURS for key, value in found.items() if key != "cloud"):
        return not_yet("No service takes a decision off you. Look at the column `yours` for what stays.", "everything is rented")
    for call, part in CALLS.items():
        told = _wrong_call(call, part, found[call], cloud, known)
        if told:
            return told
    return passed("What is rented is the running of a part. What is in it, and whether it is right, stays yours.")


def _wrong_call(call, part, value, cloud, known):
    wanted = services(cloud)[part].lower() if part else OURS
    if value == wanted:
        return None
    if any(value in names for other, names in known.items() if other != cloud and value not in known[cloud]):
        return not_yet(f"{call!r}: that service is not of {cloud}. Choose one cloud, and stay with it.", "two clouds")
    if part is None:
        return not_yet(
            f"{call!r}: the service would have run perfectly, and the mistake would still be there.", "decisions can be rented"
        )
    if value == OURS and part == "secrets":
        return not_yet(f"{call!r}: a file keeps no record of its readers; a service that hands out the secret can keep one.")
    if value == OURS:
        return not_yet(f"{call!r}: this is about something that has to be kept running. There is a service for it.")
    if value in known[cloud]:
        return not_yet(f"{call!r}: that service runs another part of the system. Which part failed here?", "another part")
    return not_yet(f"{call!r}: {value!r} is not in the table; write the name as it stands there, or 'ours'.")


QUESTIONS = {
    "61b.1": Question(
        title="How many pods",
        probe=probe_desired,
        judge=judge_desired,
        hints=(
            "Write a second function for one metric that returns a number or None, and choose between the numbers afterwards.",
            "For one metric: known = [v for v in values if v is not None]; ratio = sum(known) / len(known) / target. Up: "
            "counted = all that are up, plus starting; down: counted = all that are up, and the missing ones add `target` each.",
            "At the end: asked = [n for n in numbers if n is not None]; wanted = max(asked, default=current); if one was None, "
            "wanted = max(wanted, current); return min(max(wanted, minimum), maximum).",
        ),
        notebook=NOTEBOOK,
        misconceptions=("no number", *DESIRED_MISCONCEPTIONS),
    ),
    "61b.2": Question(
        title="Mend the manifests",
        probe=probe_mended,
        judge=judge_mended,
        hints=(
            "manifests.invalid(MENDED, '1.37') finds one, manifest_policies.broken(MENDED) six. Mend those first.",
            "The other three: the target of the autoscaler against the measured 50, the two numbers of the rollout, and the two "
            "entries under `from` of the NetworkPolicy.",
            "Target at most 35; maxSurge 1 and maxUnavailable 0; one entry with both namespaceSelector and podSelector.",
        ),
        notebook=NOTEBOOK,
        misconceptions=(
            "taken out",
            "other bounds",
            "no budget",
            "target over the capacity",
            "idle pods",
            "a rollout takes one away",
            "a rollout that cannot move",
            "or instead of and",
        ),
    ),
    "61b.3": Question(
        title="Settings for a morning",
        probe=probe_settings,
        judge=judge_settings,
        hints=(
            "Change the target alone first, with minimum 2, maximum 12 and window 300: try 20, 30 and 40 in `try_settings`.",
            "The jump adds half of the traffic. Pods at 60% of their capacity become 90% busy then: tight, but under 100%.",
            "A target from 26 to 30 keeps both.",
        ),
        notebook=NOTEBOOK,
        misconceptions=(
            "target over the capacity",
            "maximum too low",
            "no room for the jump",
            "pays for the rush all the time",
            "nothing comes back",
            "target too low",
        ),
    ),
    "61b.4": Question(
        title="Who is called at night",
        probe=probe_calls,
        judge=judge_calls,
        hints=(
            "Ask of each call: would it have come if somebody else had run that part perfectly? Then it is ours.",
            "Three of the nine are ours: where somebody had decided wrongly, or had not tried.",
        ),
        notebook=NOTEBOOK,
        misconceptions=("everything is ours", "everything is rented", "two clouds", "decisions can be rented", "another part"),
    ),
}
