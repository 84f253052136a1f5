"""What a schema does not see: mistakes that are valid YAML, valid Kubernetes, and wrong all the same.

for policy, document, told in manifest_policies.broken(documents): ...
"""

import copy

from helpers.manifests import ManifestError, name_of, quantity

READINESS = ("/healthcheck", "/ping")  # routes of the service that say 503 for what is not the process's own fault
FINISH = 30  # seconds in which the service finishes what it has begun: uvicorn's timeout_graceful_shutdown in helpers.serving
NOTICED = 5  # seconds until everybody knows that a pod is leaving
PROMETHEUS = {"app.kubernetes.io/name": "prometheus"}, {"kubernetes.io/metadata.name": "monitoring"}  # labels: pod, namespace
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


def broken(documents, *, only=None):
    """Check documents against the policies of the house.

    Parameters
    ----------
    documents : list of dict
        As from `helpers.manifests.render`: all that goes to the cluster together.
    only : str, optional
        The name of one policy in `POLICIES`.

    Returns
    -------
    list of tuple of str
        `(policy, document, what is wrong)`, in the order of `POLICIES`; empty when none is broken, or there are no documents.

    Raises
    ------
    helpers.manifests.ManifestError
        There is no such policy, or a quantity or another value in a document cannot be read.
    """
    if only is not None and only not in POLICIES:
        raise ManifestError(f"There is no policy {only!r}; there are {', '.join(POLICIES)}.")
    try:
        return [
            (policy, name_of(document), told)
            for policy, check in POLICIES.items()
            if only in (None, policy)
            for document, told in check(documents)
        ]
    except (TypeError, AttributeError, KeyError) as error:
        told = f"{type(error).__name__}: {error}"
        raise ManifestError(f"A document is not shaped as its kind should be ({told}): check the schema first.") from None


def pod_of(document):
    """The pod that a workload makes.

    Parameters
    ----------
    document : dict

    Returns
    -------
    dict or None
        With `metadata` and `spec`; None where the document makes no pods.
    """
    if document["kind"] not in WORKLOADS:
        return None
    spec = document["spec"]["jobTemplate"]["spec"] if document["kind"] == "CronJob" else document["spec"]
    return spec["template"]


def matches(selector, labels):
    """Tell whether a label selector takes a pod.

    Parameters
    ----------
    selector : dict
        With `matchLabels` and `matchExpressions`; an empty one takes everything.
    labels : dict of str to str

    Returns
    -------
    bool
    """
    said = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in said.items()) and all(
        {
            "In": labels.get(rule["key"]) in rule.get("values", []),
            "NotIn": labels.get(rule["key"]) not in rule.get("values", []),
            "Exists": rule["key"] in labels,
            "DoesNotExist": rule["key"] not in labels,
        }[rule["operator"]]
        for rule in selector.get("matchExpressions") or []
    )


def one(documents, kind, name=None):
    """Find a document.

    Parameters
    ----------
    documents : list of dict
    kind : str
        Such as "Deployment".
    name : str, optional
        Needed where there are several of that kind.

    Returns
    -------
    dict
        The document itself, not a copy.

    Raises
    ------
    helpers.manifests.ManifestError
        There is none, or there are several.
    """
    found = [each for each in documents if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    if len(found) != 1:
        wanted = f"{kind} {name}" if name else kind
        raise ManifestError(f"There are {len(found)} documents {wanted} among {len(documents)}; expected one: say its name.")
    return found[0]


def changed(documents, kind, path, value):
    """Change one value, in a copy.

    Parameters
    ----------
    documents : list of dict
    kind : str
        Of which there is one document.
    path : str
        Such as "spec.template.spec.containers.0.image"; its last word may be new.
    value : object

    Returns
    -------
    list of dict
        A copy of all of them.

    Raises
    ------
    helpers.manifests.ManifestError
        There is no such document or place.
    """
    copied = copy.deepcopy(documents)
    place, (*way, last) = one(copied, kind), path.split(".")
    try:
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        place[int(last) if isinstance(place, list) else last] = value
    except (KeyError, IndexError, TypeError, ValueError):
        raise ManifestError(f"There is no place {path} in the {kind}.") from None
    return copied


def _labels(document):
    return (pod_of(document).get("metadata") or {}).get("labels") or {}


def _of(documents, *kinds):
    return [document for document in documents if document["kind"] in kinds]


def _servers(documents):
    return _of(documents, "Deployment", "StatefulSet")


def _containers(document, initial=True):
    spec = pod_of(document)["spec"]
    return [*(spec.get("initContainers") or [] if initial else []), *spec["containers"]]


def _selectors(documents):
    for document in _servers(documents):
        if not matches(document["spec"]["selector"], _labels(document)):
            yield document, "its selector does not match the labels of its own pods"
    for document in _of(documents, "Service", "PodDisruptionBudget"):
        selector = document["spec"].get("selector") or {}
        if document["kind"] == "Service" and not selector:  # an empty one takes every pod, but not in a Service
            yield document, "it has no selector, and then it sends to no pod"
            continue
        selector = {"matchLabels": selector} if document["kind"] == "Service" else selector
        taken = [server for server in _servers(documents) if matches(selector, _labels(server))]
        if not taken:
            yield document, "its selector matches no pod"
        elif document["kind"] == "Service":
            for port in document["spec"]["ports"]:
                wanted = port.get("targetPort", port["port"])
                known = [each for server in taken for box in _containers(server, False) for each in box.get("ports") or []]
                if wanted not in [value for each in known for value in (each.get("name"), each["containerPort"])]:
                    yield document, f"no container that it selects has the port {wanted!r}"


def _probes(documents):
    for document in _servers(documents):
        for box in _containers(document, False):
            for probe in ("readinessProbe", "livenessProbe"):
                if not box.get(probe):
                    yield document, f"container {box['name']} has no {probe}"


def _restarts(documents):
    for document in _servers(documents):
        for box in _containers(document, False):
            for probe in ("livenessProbe", "startupProbe"):
                path = (((box.get(probe) or {}).get("httpGet")) or {}).get("path")
                if path in READINESS:
                    yield document, f"the {probe} asks {path}: a registry that is away would restart the pod"


def _resources(documents):
    for document in documents:
        for box in _containers(document) if pod_of(document) else ():
            resources = box.get("resources") or {}
            requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
            for name in ("cpu", "memory"):
                if name not in requests:
                    yield document, f"container {box['name']} requests no {name}"
                elif name in limits and quantity(requests[name]) > quantity(limits[name]):
                    yield document, f"container {box['name']} requests {requests[name]} {name} and may have {limits[name]}"
            if "memory" not in limits:
                yield document, f"container {box['name']} has no limit of memory"


def _images(documents):
    for document in documents:
        for box in _containers(document) if pod_of(document) else ():
            tag = box["image"].rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in box["image"] and tag in ("", "latest"):
                yield document, f"container {box['name']} runs {box['image']}: name a tag that does not move"


def _least(documents, server):
    """How many pods there are at least: what the autoscaler may go down to, or the number that is written."""
    for scaler in _of(documents, "HorizontalPodAutoscaler"):
        if _is_target(scaler, server):
            return scaler["spec"].get("minReplicas", 1)
    return server["spec"].get("replicas", 1)


def _is_target(scaler, document):
    target = scaler["spec"]["scaleTargetRef"]
    return (target["kind"], target["name"]) == (document["kind"], document["metadata"]["name"])


def _budgets(documents):
    for document in _of(documents, "PodDisruptionBudget"):
        for server in _servers(documents):
            if not matches(document["spec"].get("selector") or {}, _labels(server)):
                continue
            least, spec = _least(documents, server), document["spec"]
            if {"minAvailable", "maxUnavailable"} <= spec.keys():
                yield document, "it says minAvailable and maxUnavailable: Kubernetes takes one of them, not both"
            kept = _share(spec.get("minAvailable", 0), least)
            free = _share(spec["maxUnavailable"], least) if "maxUnavailable" in spec else least - kept
            if free < 1:
                yield document, f"of {least} pods none may ever be moved, so no machine can be emptied"


def _share(value, pods):
    """Of a number or a percentage, which Kubernetes rounds up."""
    return -(-int(value.rstrip("%")) * pods // 100) if isinstance(value, str) else value


def _scalers(documents):
    for document in _of(documents, "HorizontalPodAutoscaler"):
        targets = [server for server in _servers(documents) if _is_target(document, server)]
        if not targets:
            yield document, "what it should scale is not there"
        for server in targets:
            if "replicas" in server["spec"]:
                yield document, f"{name_of(server)} says replicas too: each apply undoes what the autoscaler decided"
            for metric in document["spec"].get("metrics") or []:
                name = (metric.get("resource") or {}).get("name")
                for box in _containers(server, False) if name else ():
                    if name not in ((box.get("resources") or {}).get("requests") or {}):
                        yield document, f"it scales by a share of the {name} that container {box['name']} requests, which is none"


def _network(documents):
    policies = _of(documents, "NetworkPolicy")
    policies = [policy for policy in policies if "Ingress" in (policy["spec"].get("policyTypes") or ["Ingress"])]
    for server in _servers(documents):
        mine = [policy for policy in policies if matches(policy["spec"].get("podSelector") or {}, _labels(server))]
        ports = {value for box in _containers(server, False) for port in box.get("ports") or [] for value in _both(port)}
        rules = [rule for policy in mine for rule in policy["spec"].get("ingress") or []]
        if mine and not any(_lets_in(rule, ports) for rule in rules):
            yield (
                server,
                "no NetworkPolicy lets Prometheus of the namespace monitoring in, by TCP on its port: nothing is measured",
            )


def _both(port):
    return {port["containerPort"], port.get("name")} - {None}


def _lets_in(rule, ports):
    pod, namespace = PROMETHEUS
    said = [port for port in rule.get("ports") or [] if port.get("protocol", "TCP") == "TCP"]
    through = not rule.get("ports") or any(port.get("port") is None or port["port"] in ports for port in said)
    peers = rule.get("from") or []
    return through and (
        not peers
        or any(
            "namespaceSelector" in peer
            and matches(peer["namespaceSelector"], namespace)
            and matches(peer.get("podSelector") or {}, pod)
            for peer in peers
        )
    )


def _secrets(documents):
    """For what lies in Git: there, a Secret is not hidden by base64."""
    for document in _of(documents, "Secret"):
        if document.get("data") or document.get("stringData"):
            yield document, "its values stand in the files for everybody to read: base64 hides nothing"
    for document in documents:
        for box in _containers(document) if pod_of(document) else ():
            for variable in box.get("env") or []:
                if any(word in variable["name"].upper() for word in ("PASSWORD", "TOKEN", "SECRET")) and variable.get("value"):
                    yield document, f"{variable['name']} has its value in the file: take it from a Secret"


def _farewell(documents):
    for document in _servers(documents):
        spec = pod_of(document)["spec"]
        grace = spec.get("terminationGracePeriodSeconds", 30)
        for box in _containers(document, False):
            hook = ((box.get("lifecycle") or {}).get("preStop")) or {}
            slept = (hook.get("sleep") or {}).get("seconds", 0)
            words = [str(word) for word in [*(box.get("command") or []), *(box.get("args") or [])]]
            drained = float(words[words.index("--drain") + 1]) if "--drain" in words[:-1] else 0
            if slept + drained < NOTICED:
                yield document, f"container {box['name']} ends before all know it: --drain or preStop for {NOTICED} s or more"
            if grace < slept + drained + FINISH:
                needed = f"{slept + drained:g} s to leave and {FINISH} s to finish"
                yield document, f"it is killed after {grace} s, and container {box['name']} needs {needed}"


POLICIES = {
    "selectors match": _selectors,
    "probes are there": _probes,
    "restarts cure something": _restarts,
    "resources are named": _resources,
    "images do not move": _images,
    "a pod may be moved": _budgets,
    "the autoscaler can scale": _scalers,
    "Prometheus gets in": _network,
    "secrets stay secret": _secrets,
    "a pod leaves in peace": _farewell,
}
