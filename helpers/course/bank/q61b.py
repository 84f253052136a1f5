"""The questions of 61b, Kubernetes. Nothing is started: manifests are read, an autoscaler is computed, mornings are simulated."""

import itertools
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


def _outside():
    """A metric is unknown, and the pods that there are lie over the maximum, or under the minimum."""
    for each in ([None], [None, 8], [8, None]):
        for starting, low, high in ((0, 1, 3), (1, 8, 9)):
            metrics = [{"values": [value] * 5, "target": 32} for value in each]
            yield {"metrics": metrics, "starting": starting, "minimum": low, "maximum": high}


def calls(rng):
    """Each: metrics, starting, minimum, maximum."""
    found = [
        {"metrics": [{"values": [64, 64], "target": 32}], "starting": 0, "minimum": 1, "maximum": 9},  # exact in floats, too
        {"metrics": [{"values": [16, 16, 16, 16], "target": 32}], "starting": 0, "minimum": 1, "maximum": 9},
        {"metrics": [{"values": [None, None], "target": 32}], "starting": 1, "minimum": 1, "maximum": 9},
        {"metrics": [{"values": [0, 0, 0], "target": 32}], "starting": 0, "minimum": 2, "maximum": 9},
        {"metrics": [{"values": [55], "target": 50}], "starting": 0, "minimum": 1, "maximum": 9},  # one pod: 1.1 as Python has it
        {"metrics": [{"values": [45], "target": 50}], "starting": 2, "minimum": 1, "maximum": 9},
        {"metrics": [{"values": [48], "target": 50}], "starting": 2, "minimum": 1, "maximum": 9},
        {"metrics": [{"values": [67, 67], "target": 32}], "starting": 2, "minimum": 1, "maximum": 9},
        {"metrics": [{"values": [40], "target": 32}], "starting": 2, "minimum": 1, "maximum": 9},
        {"metrics": [{"values": [30, None], "target": 32}], "starting": 0, "minimum": 1, "maximum": 9},
        {
            "metrics": [{"values": [64], "target": 32}, {"values": [None], "target": 32}],
            "starting": 0,
            "minimum": 1,
            "maximum": 9,
        },
        *_outside(),
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
    ends=(True, True),
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
        inside = 1 - near < again < 1 + near or (again == 1 - near and ends[0]) or (again == 1 + near and ends[1])
        asked.append(current if inside or turned else rounding(again * counted))
    said = [each for each in asked if each is not None]
    wanted = pick(said) if said else current
    if len(said) < len(asked) and (wanted < current and unknown == "forbids" or unknown == "stops"):
        wanted = current
    return min(max(wanted, call["minimum"]), call["maximum"]) if bounds else wanted


DESIRED_MISCONCEPTIONS = {
    "no tolerance": (dict(near=0), "A ratio from 0.9 to 1.1 changes nothing; yours changes the number of pods for it."),
    "an end left out": (
        dict(ends=(True, False)),
        "At a ratio of exactly 1.1 nothing changes, for both ends are included; yours adds a pod. Compare 0.9 <= again <= 1.1: "
        "for a computer abs(1.1 - 1) is a little more than 0.1.",
    ),
    "both ends left out": (
        dict(ends=(False, False)),
        "At ratios of exactly 0.9 and 1.1 nothing changes, for both ends are included: compare with <=.",
    ),
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
    "unknown stops all": (
        dict(unknown="stops"),
        "One metric is unknown, another asks for more pods, and yours stays as it is. An unknown one forbids going down, not up.",
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
    if all(_stays_outside(call, g) for call, _, g in wrong):
        call, w, g = wrong[0]
        told = f"With a metric unknown it stays at the {g} pods that there are, but from {call['minimum']} to {call['maximum']}"
        return not_yet(f"{told} are allowed: {w}. The bounds come last, after all else is decided.", "bounds too early")
    call, w, g = min(wrong, key=lambda row: (len(row[0]["metrics"]), row[0]["starting"], len(row[0]["metrics"][0]["values"])))
    return not_yet(f"For {call} there should be {w} pods; yours says {g!r}.")


def _stays_outside(call, number):
    """Whether it is the number of pods that there are, out of bounds, because a metric is unknown."""
    unknown = any(set(metric["values"]) == {None} for metric in call["metrics"])
    current = len(call["metrics"][0]["values"]) + call["starting"]
    return unknown and number == current and not call["minimum"] <= number <= call["maximum"]


# --- 61b.2: mend the manifests ----------------------------------------------------------------------------------------------

VERSION, CAPACITY = "1.37", 50  # of Kubernetes; requests a second that a pod was measured to do
HIGHEST, LOWEST = 0.7 * CAPACITY, 10
LITTLE = "64Mi"  # of memory: Python with what the service imports takes more
ALIVE = ("/metrics", "/docs", "/redoc", "/openapi.json")  # routes that answer GET as long as the process does
PROBE = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1, "initialDelaySeconds": 0}


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
        for check in (_kept, _fits, _left, _lives, _says, _rolls, _lets_in):
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
    if len({document["metadata"].get("namespace") for document in documents}) > 1:
        return ("One of the documents is in a namespace of its own, where the others do not find it.",)
    return None


def _fits(documents):
    objections = manifests.invalid(documents, VERSION)
    if objections:
        return (f"Kubernetes {VERSION} refuses it: {objections[0]}.",)
    found = manifest_policies.broken(documents)
    if found:
        found.sort(key=lambda row: row[0] != "the autoscaler can scale")  # what it scales, the other policies build on
        policy, name, told = found[0]
        return (f"{name}, policy {policy!r}: {told}.",)
    return None


def _box(documents):
    return manifest_policies.one(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]


def _left(documents):
    """What was right before still is."""
    image = _box(documents)["image"]
    tag = image.rpartition(":")[2]
    if "@" not in image and not any(letter.isdigit() for letter in tag):
        return (f"The tag {tag!r} can move to another image tomorrow, as latest does: name a version, or a digest.",)
    for (told, before), now in zip(_untouched(broken_documents()).items(), _untouched(documents).values(), strict=True):
        if before != now:
            return f"{told} Leave it as it was: {_apart(before, now)}. Yours: {_apart(now, before)}.", "taken out"
    if manifests.quantity(_box(documents)["resources"]["requests"]["memory"]) < manifests.quantity(LITTLE):
        return ("The request of memory keeps next to nothing free for a pod: Python alone takes more. The limit is 512Mi.",)
    return None


def _apart(said, other):
    """What is said, of a dictionary only that in which it differs."""
    if not isinstance(said, dict):
        return repr(said)
    told = [f"{key} {value!r}" for key, value in said.items() if key not in other or other[key] != value]
    return ", ".join(told) or "without that"


def _untouched(documents):
    box, service = _box(documents), manifest_policies.one(documents, "Service")["spec"]
    return {
        "The image's name was right.": box["image"].partition(":")[0].partition("@")[0],
        "The container's port was right.": [port["containerPort"] for port in box.get("ports") or []],
        "What the container runs (`command` and `args`) was right; the grace period is to fit it, not the other way round.": _run(
            [str(word) for word in [*(box.get("command") or []), *(box.get("args") or [])]]
        ),
        "Readiness was right: it asks /healthcheck, so that a pod with no model gets no traffic.": _probe(box["readinessProbe"]),
        "The Service's type and port were right.": {
            "type": service.get("type", "ClusterIP"),
            "port": [port["port"] for port in service["ports"]],
        },
        "The request of cpu was right.": manifests.quantity(box["resources"]["requests"]["cpu"]),
    }


def _run(words):
    """The program, and its options in whatever order."""
    start = next((place for place, word in enumerate(words) if word.startswith("--")), len(words))
    return {"command": words[:start], **dict(itertools.zip_longest(words[start::2], words[start + 1 :: 2]))}


def _probe(said):
    """With the defaults filled in."""
    asks = {"scheme": "HTTP", **(said.get("httpGet") or {})}
    timing = {key: value for key, value in said.items() if key != "httpGet"}
    return PROBE | timing | asks | {"port": _port(asks.get("port"))}


def _port(said):
    return 8000 if said == "http" else said


def _lives(documents):
    """Whether the liveness probe asks what only a process that hangs does not answer."""
    probe = _box(documents)["livenessProbe"]
    asks, words = probe.get("httpGet"), " ".join((probe.get("exec") or {}).get("command") or [])
    if "tcpSocket" in probe:
        told = "The livenessProbe asks whether the port is open, and the operating system opens it for a process that hangs, too"
        return f"{told}. Ask a route.", "an open port is alive"
    if asks is None:
        return None if any(route in words for route in ALIVE) else ("The livenessProbe asks no route of the service.",)
    path, port = asks.get("path", "/"), _port(asks.get("port"))
    if path not in ALIVE or port != 8000:
        told = f"The livenessProbe asks for {path} on port {port}, and the service does not answer that with 200"
        return (
            f"{told}: every pod would be restarted, for ever. The lesson asks a route that is there.",
            "a route that is not there",
        )
    return None


def _says(documents):
    """What the autoscaler and the budget are told."""
    scaler = manifest_policies.one(documents, "HorizontalPodAutoscaler")["spec"]
    budget = manifest_policies.one(documents, "PodDisruptionBudget")["spec"]
    if (scaler.get("minReplicas"), scaler.get("maxReplicas")) != (3, 12):
        return "3 to 12 pods was right: leave that, and let the budget fit to it.", "other bounds"
    kept = 3 - _number(budget["maxUnavailable"], 3) if "maxUnavailable" in budget else _number(budget.get("minAvailable", 0), 3)
    if kept < 1:
        return (
            "The budget now lets all three pods be moved at once. At least one must stay, and at least one must be free to go.",
            "no budget",
        )
    if any("averageValue" not in each["pods"]["target"] for each in scaler.get("metrics") or [] if each["type"] == "Pods"):
        return ("A metric of Pods has a target of the type AverageValue, with averageValue: what one pod has, on average.",)
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
    policy = manifest_policies.one(documents, "NetworkPolicy")["spec"]
    told = _protects(policy, manifest_policies.one(documents, "Deployment")["spec"]["template"]["metadata"]["labels"])
    if told:
        return told
    rules = policy.get("ingress") or []
    prometheus = {"app.kubernetes.io/name": "prometheus"}
    strangers = [  # (pod, namespace, what it is)
        ({}, "sandbox", "everybody"),
        ({"app.kubernetes.io/name": "grafana"}, "monitoring", "every pod in the namespace monitoring"),
        (prometheus, "flight-delay", "a pod of any team that calls itself prometheus, in the namespace of the service"),
        (prometheus, "sandbox", "a pod called prometheus in any namespace"),
        (prometheus, "team-7", "a pod called prometheus in nearly any namespace"),
    ]
    for labels, namespace, what in strangers:
        if any(_through(rule, labels, namespace) for rule in rules):
            return (
                f"{what[0].upper()}{what[1:]} gets in. Two entries of `from` mean *or*; namespaceSelector and podSelector in one "
                "entry mean *and*: Prometheus in monitoring, and nobody else.",
                "or instead of and",
            )
    pods, namespaces = (_named(rules, selector) for selector in ("podSelector", "namespaceSelector"))
    for pod, namespace in [(name, "monitoring") for name in pods] + [("prometheus", name) for name in namespaces]:
        if (pod, namespace) != ("prometheus", "monitoring") and any(
            _through(rule, {"app.kubernetes.io/name": pod}, namespace) for rule in rules
        ):
            return f"{pod} in the namespace {namespace} gets in, too. Only prometheus in monitoring may.", "one too many"
    return None


def _protects(policy, labels):
    types = policy.get("policyTypes") or ["Ingress"]
    if not manifest_policies.matches(policy.get("podSelector") or {}, labels):
        return (
            "The NetworkPolicy's podSelector takes none of our pods. Who is not selected is reached by everybody.",
            "protects nobody",
        )
    if "Ingress" not in types:
        return f"With {types} as policyTypes the ingress rules do not count, and everybody gets in.", "protects nobody"
    if "Egress" in types and not policy.get("egress"):
        return "With Egress among the policyTypes and no rule for it nothing goes out, not even to the registry.", "taken out"
    opened = [port.get("port", "every") for rule in policy.get("ingress") or [] for port in rule.get("ports") or []]
    more = [port for port in opened if _port(port) not in (8000, "every")]
    return (f"It opens the port {more[0]}, too. 8000 was right: leave that.", "taken out") if more else None


def _named(rules, selector):
    """All values that the rules' selectors name."""
    said = [peer.get(selector) or {} for rule in rules for peer in rule.get("from") or []]
    values = [value for each in said for value in (each.get("matchLabels") or {}).values()]
    lists = [rule.get("values") or [] for each in said for rule in each.get("matchExpressions") or []]
    return sorted({*values, *(value for values in lists for value in values)})


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
    if found["minimum"] == found["maximum"]:
        return _never_scales(told, found)
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


def _never_scales(told, found):
    tail = f"minimum and maximum are both {found['maximum']:g}, so no pod is ever added or taken away, whatever the target"
    return not_yet(f"{told}: {tail}. Leave room between them.", "nothing scales")


def _too_dear(found, ratio):
    told = f"The p99 is fine, but {ratio:.2f} pod hours are paid for each busy one; at most {BUDGET} are allowed"
    if found["minimum"] == found["maximum"]:
        return _never_scales(told, found)
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
        misconceptions=("no number", *DESIRED_MISCONCEPTIONS, "bounds too early"),
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
            "one too many",
            "protects nobody",
            "a route that is not there",
            "an open port is alive",
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
            "nothing scales",
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
