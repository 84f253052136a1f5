"""Right and wrong answers to the questions of 61b, Kubernetes."""

import copy
import math
from fractions import Fraction

import numpy as np
import yaml

from helpers import autoscaling, manifest_policies, manifests
from helpers.course.bank import q61b
from tests.answers import Answers, Wrong

# --- 61b.1 ------------------------------------------------------------------------------------------------------------------


def desired(metrics, starting, minimum, maximum):
    current = len(metrics[0]["values"]) + starting
    wanted = [one_metric(metric, starting, current) for metric in metrics]
    known = [number for number in wanted if number is not None] or [current]
    largest = max(known) if None not in wanted else max(*known, current)
    return max(minimum, min(maximum, largest))


def one_metric(metric, starting, current):
    values, target = metric["values"], metric["target"]
    known = [value for value in values if value is not None]
    if not known:
        return None
    up = sum(known) > target * len(known)
    filled = [(0 if up else target) if value is None else value for value in values] + [0] * (starting if up else 0)
    again = sum(filled) / len(filled) / target
    if 0.9 <= again <= 1.1 or up != (again > 1):
        return current
    return math.ceil(sum(filled) / target)


def desired_by_helper(metrics, starting, minimum, maximum):
    current = len(metrics[0]["values"]) + starting
    asked = [autoscaling.desired_replicas(metric["values"], metric["target"], unready=starting) for metric in metrics]
    wanted = autoscaling.largest(current, asked)
    return min(max(current if wanted is None else wanted, minimum), maximum)


def desired_by_numpy(metrics, starting, minimum, maximum):
    current, asked = len(metrics[0]["values"]) + starting, []
    for metric in metrics:
        values = np.array([np.nan if value is None else value for value in metric["values"]], float) / metric["target"]
        if np.isnan(values).all():
            asked.append(-1)
            continue
        ratio = np.nanmean(values)
        values = np.nan_to_num(values, nan=0.0 if ratio > 1 else 1.0)
        values = np.append(values, np.zeros(starting)) if ratio > 1 else values
        again = values.mean()
        keep = abs(again - 1) <= 0.1 + 1e-9 or (again > 1) != (ratio > 1)
        asked.append(current if keep else np.ceil(again * len(values) - 1e-9))
    wanted = max(max(asked), current if -1 in asked else 0)
    return np.int64(np.clip(wanted, minimum, maximum))


def twisted(**twist):
    def answer(metrics, starting, minimum, maximum):
        call = {"metrics": metrics, "starting": starting, "minimum": minimum, "maximum": maximum}
        return q61b.oracle(call, **twist)

    return answer


def desired_plain(metrics, starting, minimum, maximum):
    values, target = metrics[0]["values"], metrics[0]["target"]
    known = [value for value in values if value is not None] or [target]
    return math.ceil(sum(known) / len(known) / target * len(values))


def desired_first_only(metrics, starting, minimum, maximum):
    return desired(metrics[:1], starting, minimum, maximum)


def desired_mean_of_metrics(metrics, starting, minimum, maximum):
    each = [desired([metric], starting, minimum, maximum) for metric in metrics]
    return math.ceil(sum(each) / len(each))


def desired_by_decimals(metrics, starting, minimum, maximum):
    current, wanted, unknown = len(metrics[0]["values"]) + starting, [], 0
    for metric in metrics:
        target = Fraction(metric["target"])
        up = [None if value is None else Fraction(str(value)) / target for value in metric["values"]]
        known = [value for value in up if value is not None]
        if not known:
            unknown = current
            continue
        rises = sum(known) > len(known)
        joined = [(0 if rises else 1) if value is None else value for value in up] + [0] * (starting if rises else 0)
        again = sum(joined) / Fraction(len(joined))
        keep = Fraction(9, 10) <= again <= Fraction(11, 10) or rises != (again > 1)
        wanted.append(current if keep else math.ceil(sum(joined)))
    return sorted([minimum, max([*wanted, unknown]), maximum])[1]


def bounds_first(metrics, starting, minimum, maximum):
    """The bounds, and only then: it stays at current."""
    inside = desired(metrics, starting, minimum, maximum)
    current = len(metrics[0]["values"]) + starting
    unknown = any(one_metric(metric, starting, current) is None for metric in metrics)
    return max(inside, current) if unknown and inside < current else inside


def all_unknown_at_once(metrics, starting, minimum, maximum):
    current = len(metrics[0]["values"]) + starting
    if all(one_metric(metric, starting, current) is None for metric in metrics):
        return current
    return desired(metrics, starting, minimum, maximum)


def one_unknown_at_once(metrics, starting, minimum, maximum):
    current = len(metrics[0]["values"]) + starting
    wanted = [one_metric(metric, starting, current) for metric in metrics]
    known = [number for number in wanted if number is not None]
    if known and None in wanted and max(known) < current:
        return current
    return desired(metrics, starting, minimum, maximum)


def unknown_never_moves(metrics, starting, minimum, maximum):
    current = len(metrics[0]["values"]) + starting
    if None in [one_metric(metric, starting, current) for metric in metrics]:
        return max(minimum, min(maximum, current))
    return desired(metrics, starting, minimum, maximum)


def by_distance(metrics, starting, minimum, maximum):
    """abs(1.1 - 1) is a little more than 0.1."""
    metric = metrics[0]
    if len(metrics) == 1 and None not in metric["values"] and starting == 0:
        ratio = sum(metric["values"]) / len(metric["values"]) / metric["target"]
        wanted = len(metric["values"]) if abs(ratio - 1) <= 0.1 else math.ceil(ratio * len(metric["values"]))
        return max(minimum, min(maximum, wanted))
    return desired(metrics, starting, minimum, maximum)


def desired_text(metrics, starting, minimum, maximum):
    return str(desired(metrics, starting, minimum, maximum))


# --- 61b.2 ------------------------------------------------------------------------------------------------------------------

BOX = "spec.template.spec.containers.0"
MONITORING = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
PROMETHEUS = {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}
NAME = {"app.kubernetes.io/name": "flight-delay-service"}
SCALER = "HorizontalPodAutoscaler"
MENDS = {
    "api": (SCALER, "apiVersion", "autoscaling/v2"),
    "target": (SCALER, "spec.metrics.0.pods.target.averageValue", "35"),
    "rollout": ("Deployment", "spec.strategy.rollingUpdate", {"maxSurge": 1, "maxUnavailable": 0}),
    "grace": ("Deployment", "spec.template.spec.terminationGracePeriodSeconds", 60),
    "image": ("Deployment", f"{BOX}.image", "flight-delay-service:1.4.0"),
    "liveness": ("Deployment", f"{BOX}.livenessProbe.httpGet.path", "/metrics"),
    "memory": ("Deployment", f"{BOX}.resources.requests.memory", "256Mi"),
    "selector": ("Service", "spec.selector", NAME),
    "budget": ("PodDisruptionBudget", "spec.minAvailable", 2),
    "network": ("NetworkPolicy", "spec.ingress.0.from", [{"namespaceSelector": MONITORING, "podSelector": PROMETHEUS}]),
}


def mended(*, without=(), more=(), **other):
    """All ten mended but `without`; `other` mends one in another way, `more` are further changes."""
    documents = q61b.broken_documents()
    for name, (kind, path, value) in MENDS.items():
        if name not in without:
            documents = manifest_policies.changed(documents, kind, path, other.get(name, value))
    for kind, path, value in more:
        documents = manifest_policies.changed(documents, kind, path, value)
    return documents


def fewer(*kinds):
    return [document for document in mended() if document["kind"] not in kinds]


def otherwise():
    """The same by other means: a digest, a budget of what may be missing, percentages, a smaller target, expressions."""
    documents = mended(
        image="flight-delay-service@sha256:" + 64 * "a",
        target="20",
        rollout={"maxSurge": "50%", "maxUnavailable": "0%"},
        memory="512Mi",
        grace=120,
        network=[
            {
                "podSelector": PROMETHEUS,
                "namespaceSelector": {
                    "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["monitoring"]}]
                },
            }
        ],
    )
    budget = manifest_policies.one(documents, "PodDisruptionBudget")["spec"]
    del budget["minAvailable"]
    budget["maxUnavailable"] = 1
    return documents


def by_default_rollout():
    """25% of three pods: one too many, none too few; a patient liveness; more memory allowed instead of less asked for."""
    documents = mended(without=("rollout", "liveness", "memory"), more=[("Deployment", f"{BOX}.resources.limits.memory", "2Gi")])
    for document in documents:
        document["metadata"]["namespace"] = "flight-delay"
    spec = manifest_policies.one(documents, "Deployment")["spec"]
    del spec["strategy"]
    spec["template"]["spec"]["containers"][0]["livenessProbe"] = {
        "httpGet": {"path": "/metrics", "port": 8000, "scheme": "HTTP"},
        "timeoutSeconds": 5,
    }
    return documents


def spelled_out():
    """What is the default anyway, written; liveness by a command of one's own; a policy without types; numbers for names."""
    ask = "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/metrics', timeout=2)"
    documents = mended(without=("liveness",), more=[(SCALER, "spec.metrics.0.pods.target.averageValue", 30)])
    box = manifest_policies.one(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    box["livenessProbe"] = {"exec": {"command": ["python", "-c", ask]}, "periodSeconds": 10, "timeoutSeconds": 5}
    box["readinessProbe"] = {
        "httpGet": {"path": "/healthcheck", "port": 8000, "scheme": "HTTP"},
        **{"periodSeconds": 2, "timeoutSeconds": 1, "failureThreshold": 3},
    }
    box["command"], box["args"] = [*box["command"], *box["args"][4:], *box["args"][:4]], []
    box["resources"]["requests"]["cpu"] = 0.9
    manifest_policies.one(documents, "Service")["spec"]["type"] = "ClusterIP"
    network = manifest_policies.one(documents, "NetworkPolicy")["spec"]
    del network["policyTypes"]
    network["podSelector"] = {}
    network["ingress"][0]["ports"] = [{"port": "http"}]
    return documents


def without_liveness():
    documents = mended()
    del manifest_policies.one(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]
    return documents


def no_requests_metric():
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    return mended(more=[(SCALER, "spec.metrics", [cpu])])


def args(**other):
    words = {"registry": "http://mlflow:5000", "host": "0.0.0.0", "port": "8000", "drain": "10"} | other
    return ("Deployment", f"{BOX}.args", [word for name, value in words.items() for word in (f"--{name}", value)])


def namespaces(*names, operator="In"):
    chosen = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": operator, "values": list(names)}]}
    return [{"namespaceSelector": chosen, "podSelector": PROMETHEUS}]


def ports(*said):
    return ("NetworkPolicy", "spec.ingress.0.ports", list(said))


READY, LIVENESS = f"{BOX}.readinessProbe.httpGet.path", f"{BOX}.livenessProbe"
PODS = {"matchLabels": {"app.kubernetes.io/name": "flights"}}

# --- 61b.3 and 61b.4 --------------------------------------------------------------------------------------------------------


def settings(minimum=2, maximum=12, target=28, window=300, **more):
    return {"minimum": minimum, "maximum": maximum, "target": target, "window": window, **more}


def night(cloud="GCP", **other):
    names = q61b.services(cloud)
    told = {call: names[part] if part else "ours" for call, part in q61b.CALLS.items()}
    return {"cloud": cloud, **told, **{call.replace("_", " "): value for call, value in other.items()}}


ANSWERS = {
    "61b.1": Answers(
        right=[desired, desired_by_helper, desired_by_numpy, desired_by_decimals],
        wrong=[
            *[Wrong(twisted(**twist), name) for name, (twist, _) in q61b.DESIRED_MISCONCEPTIONS.items()],
            Wrong(desired_plain),
            Wrong(desired_first_only),
            Wrong(desired_mean_of_metrics),
            Wrong(by_distance, "an end left out", says="abs"),
            Wrong(twisted(ends=(False, True)), says="there should be"),
            Wrong(bounds_first, "bounds too early", says="after"),
            Wrong(all_unknown_at_once, "bounds too early"),
            Wrong(one_unknown_at_once, "bounds too early"),
            Wrong(unknown_never_moves, "unknown stops all", says="not up"),
            Wrong(desired_text, "no number"),
            Wrong(lambda *given: None, "no number"),
            Wrong(lambda *given: math.nan, "no number"),
            Wrong(lambda *given: True, "no number"),
            Wrong(lambda *given: 4, says="there should be"),
            Wrong(lambda metrics, starting, minimum, maximum: minimum),
            Wrong(twisted(near=0, bounds=False)),
            Wrong(4),
            Wrong(None),
        ],
    ),
    "61b.2": Answers(
        right=[
            mended(),
            yaml.safe_dump_all(mended()),
            otherwise(),
            by_default_rollout(),
            spelled_out(),
            tuple(reversed(mended())),
        ],
        wrong=[
            Wrong(q61b.broken_documents()),
            Wrong((manifests.FOLDER / "broken.yml").read_text(encoding="utf-8")),
            *[Wrong(mended(without=(name,))) for name in MENDS if name not in ("target", "rollout", "network")],
            Wrong(mended(without=("target",)), "target over the capacity", says="never sees more"),
            Wrong(mended(target="45"), "target over the capacity", says="hardly room"),
            Wrong(mended(target="1"), "idle pods"),
            Wrong(mended(without=("rollout",)), "a rollout takes one away"),
            Wrong(mended(more=[("Deployment", "spec.strategy", {"type": "Recreate"})]), "a rollout takes one away"),
            Wrong(mended(rollout={"maxSurge": "0%", "maxUnavailable": "25%"}), "a rollout that cannot move"),
            Wrong(mended(without=("network",)), "or instead of and", says="Every pod in the namespace"),
            Wrong(mended(network=[{"namespaceSelector": MONITORING}]), "or instead of and"),
            Wrong(mended(network=[{"namespaceSelector": {}, "podSelector": PROMETHEUS}]), "or instead of and", says="prometheus"),
            Wrong(mended(network=[]), "or instead of and", says="Everybody gets in"),
            Wrong(mended(network=[*MENDS["network"][2], {"ipBlock": {"cidr": "0.0.0.0/0"}}]), "or instead of and"),
            Wrong(mended(network=[{"podSelector": PROMETHEUS}]), says="Prometheus gets in"),
            Wrong(fewer("PodDisruptionBudget"), "taken out"),
            Wrong(fewer("NetworkPolicy", "HorizontalPodAutoscaler"), "taken out"),
            Wrong([], "taken out"),
            Wrong(without_liveness(), says="livenessProbe"),
            Wrong(no_requests_metric(), "taken out"),
            Wrong(mended(budget=0), "no budget"),
            Wrong(mended(without=("budget",), more=[(SCALER, "spec.minReplicas", 4)]), "other bounds"),
            Wrong(mended(more=[("Deployment", READY, "/metrics")]), "taken out", says="Readiness was right"),
            Wrong(mended(more=[("Deployment", f"{BOX}.image", "nginx:1.27")]), "taken out"),
            Wrong(mended(liveness="/ping")),
            *[
                Wrong(mended(liveness=path), "a route that is not there", says=path)
                for path in ("/health", "/live", "/healthcheck/", "/predict", "/")
            ],
            Wrong(mended(more=[("Deployment", f"{LIVENESS}.httpGet.port", 9090)]), "a route that is not there", says="9090"),
            Wrong(
                mended(more=[("Deployment", LIVENESS, {"tcpSocket": {"port": "http"}})]), "an open port is alive", says="hangs"
            ),
            Wrong(mended(more=[("Deployment", LIVENESS, {"exec": {"command": ["true"]}})]), says="asks no route"),
            Wrong(mended(grace=40, more=[args(drain="5")]), "taken out", says="grace period"),
            Wrong(mended(more=[args(host="127.0.0.1")]), "taken out", says="command"),
            Wrong(
                mended(more=[("Deployment", f"{BOX}.args", ["--folder", "model", *args()[2][2:]])]), "taken out", says="command"
            ),
            Wrong(mended(more=[("Deployment", f"{BOX}.readinessProbe.periodSeconds", 60)]), "taken out", says="Readiness was"),
            Wrong(mended(network=namespaces("monitoring", "default")), "one too many", says="namespace default"),
            Wrong(mended(network=namespaces("sandbox", "flight-delay", operator="NotIn")), "or instead of and"),
            Wrong(
                mended(
                    network=[
                        {
                            "namespaceSelector": MONITORING,
                            "podSelector": {
                                "matchExpressions": [
                                    {"key": "app.kubernetes.io/name", "operator": "In", "values": ["prometheus", "alertmanager"]}
                                ]
                            },
                        }
                    ]
                ),
                "one too many",
                says="alertmanager",
            ),
            Wrong(mended(more=[("NetworkPolicy", "spec.podSelector", PODS)]), "protects nobody", says="everybody"),
            Wrong(mended(more=[("NetworkPolicy", "spec.policyTypes", ["Egress"])]), "protects nobody", says="Egress"),
            Wrong(mended(more=[("NetworkPolicy", "spec.policyTypes", ["Ingress", "Egress"])]), "taken out", says="goes out"),
            Wrong(mended(more=[ports({"protocol": "UDP", "port": 8000})]), says="TCP"),
            Wrong(mended(more=[ports({"protocol": "TCP", "port": 9090})]), says="port"),
            Wrong(mended(more=[ports({"port": 8000}, {"port": 22})]), "taken out", says="22"),
            Wrong(mended(more=[("Service", "spec.selector", {})]), says="no selector"),
            Wrong(mended(more=[("Service", "spec.ports.0.port", 8000)]), "taken out", says="Service"),
            Wrong(mended(more=[("Service", "spec.type", "NodePort")]), "taken out", says="Service"),
            Wrong(mended(more=[("PodDisruptionBudget", "spec.maxUnavailable", 1)]), says="not both"),
            Wrong(mended(more=[("Deployment", f"{BOX}.resources.requests.cpu", "100m")]), "taken out", says="cpu"),
            Wrong(mended(memory="1Mi"), says="keeps next to nothing"),
            Wrong(mended(more=[("Deployment", "metadata.namespace", "prod")]), says="namespace"),
            Wrong(mended(image="flight-delay-service:stable"), says="stable"),
            Wrong(mended(more=[(SCALER, "spec.metrics.0.pods.target", {"type": "Value", "value": "35"})]), says="averageValue"),
            Wrong(mended(more=[(SCALER, "spec.scaleTargetRef.name", "flights")]), says="what it should scale"),
            Wrong(mended(more=[("Deployment", "spec.replicas", 3)]), says="replicas too"),
            Wrong("kind: ["),
            Wrong("mended"),
            Wrong(7),
            Wrong([7]),
        ],
    ),
    "61b.3": Answers(
        right=[
            settings(),
            settings(3, 20, 27, 120),
            settings(1, 9, 29.5, 0),
            settings(np.int64(2), np.int64(14), np.float64(28.5), 300.0),
        ],
        wrong=[
            Wrong(settings(target=60), "target over the capacity"),
            Wrong(settings(target=50), "target over the capacity"),
            Wrong(settings(target=44), "no room for the jump"),
            Wrong(settings(target=39), "no room for the jump"),
            Wrong(settings(maximum=3), "maximum too low"),
            Wrong(settings(maximum=4), "maximum too low"),
            Wrong(settings(6, 6), "nothing scales", says="minimum and maximum"),
            Wrong(settings(9, 9), "nothing scales", says="taken away"),
            Wrong(settings(3, 3), "nothing scales"),
            Wrong(settings(minimum=7), "pays for the rush all the time"),
            Wrong(settings(window=3600), "nothing comes back"),
            Wrong(settings(target=15), "target too low"),
            Wrong(settings(target=20, window=0), "target too low"),
            Wrong(settings(5, 3), says="over maximum"),
            Wrong(settings(minimum=0), says="minimum is 0"),
            Wrong(settings(minimum=2.5), says="whole number"),
            Wrong(settings(target="28")),
            Wrong(settings(maximum=True)),
            Wrong(settings(target=math.nan)),
            Wrong(settings(extra=1), says="extra"),
            Wrong({}),
            Wrong(28),
            Wrong([2, 12, 28, 300]),
        ],
    ),
    "61b.4": Answers(
        right=[night(), night("AWS"), {key: f" {value.lower()} " for key, value in night("Azure").items()}],
        wrong=[
            Wrong({call: value if call == "cloud" else "ours" for call, value in night().items()}, "everything is ours"),
            Wrong(
                night(worse_champion="Vertex AI Model Registry", wrong_threshold="Cloud Run", untried_backup="Cloud Storage"),
                "everything is rented",
            ),
            Wrong(night(page_host="Azure Container Apps"), "two clouds"),
            Wrong(night("AWS") | {"cloud": "GCP"}, "two clouds"),
            Wrong(night(worse_champion="Vertex AI Model Registry"), "decisions can be rented"),
            Wrong(night(wrong_threshold="Google Cloud Managed Service for Prometheus"), "decisions can be rented"),
            Wrong(night(untried_backup="Cloud SQL for PostgreSQL"), "decisions can be rented"),
            Wrong(night(dead_machine="Vertex AI endpoint"), "another part"),
            Wrong(night(metrics_lost="Cloud Monitoring dashboards"), "another part"),
            Wrong(night(image_gone="ours"), says="has to be kept running"),
            Wrong(night(database_disk="ours"), says="has to be kept running"),
            Wrong(night(who_read_it="ours"), says="keeps no record"),
            Wrong(night(image_gone="Docker Hub"), says="not in the table"),
            Wrong(night(image_gone=None)),
            Wrong(night() | {"cloud": "all"}, says="under 'cloud'".capitalize()),
            Wrong({call: value for call, value in night().items() if call != "page host"}, says="missing"),
            Wrong(night(coffee="ours"), says="none of the calls"),
            Wrong({}),
            Wrong("GCP"),
            Wrong(copy.deepcopy(q61b.CALLS)),
        ],
    ),
}
