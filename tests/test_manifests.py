"""The manifests of the workbook: rendered by kubectl, valid for several versions, and held to the policies of the house."""

import copy
import shutil

import pytest
import yaml

from helpers import manifest_policies, manifests
from helpers.manifest_policies import one
from helpers.manifests import ManifestError, quantity
from tests.notebook_files import ROOT


@pytest.fixture(scope="module")
def prod():
    return manifests.render(manifests.FOLDER / "overlays" / "prod")


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    folder = shutil.copytree(manifests.FOLDER, tmp_path_factory.mktemp("k8s") / "k8s") / "overlays" / "dev"
    (folder / "secrets.env").write_text("username=dev\npassword=only-here\n", encoding="utf-8")
    return manifests.render(folder)


# --- rendering and schemas --------------------------------------------------------------------------------------------------


def test_what_the_lesson_promises_is_there(prod):
    kinds = {document["kind"] for document in prod}
    wanted = "Deployment Service HorizontalPodAutoscaler PodDisruptionBudget NetworkPolicy ConfigMap CronJob"
    assert kinds >= set(wanted.split()) and "Secret" not in kinds
    assert {document["metadata"]["namespace"] for document in prod} == {"flight-delay"}


def test_both_overlays_fit_every_version_that_is_here(prod, dev):
    assert len(manifests.versions()) >= 2
    for version in manifests.versions():
        assert manifests.invalid(prod, version) == [] and manifests.invalid(dev, version) == []


def test_dev_is_small_and_prod_is_not(prod, dev):
    found = {(name, path): (left, right) for name, path, left, right in manifests.differences(dev, prod)}
    assert found["Deployment/flight-delay-service", "spec.replicas"] == (1, None)
    assert found["HorizontalPodAutoscaler/flight-delay-service", ""] == (None, "there")
    assert found["Secret/flight-delay-registry", ""] == ("there", None)
    assert not manifests.differences(prod, copy.deepcopy(prod))


def test_no_secret_lies_in_the_folder():
    assert not list(manifests.FOLDER.rglob("secrets.env"))
    with pytest.raises(ManifestError, match=r"secrets\.env.* Write that file first"):
        manifests.render(manifests.FOLDER / "overlays" / "dev")


def test_an_old_api_is_refused_by_the_version_that_dropped_it(prod):
    old = copy.deepcopy([one(prod, "HorizontalPodAutoscaler")])
    old[0]["apiVersion"] = "autoscaling/v2beta2"
    assert manifests.invalid(old, "1.25") == []
    assert "1.26 does not know autoscaling/v2beta2" in manifests.invalid(old, "1.26")[0]


def test_a_slip_is_found_by_the_strict_schema(prod):
    slip = copy.deepcopy(prod)
    box = one(slip, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    box["readynessProbe"] = box.pop("readinessProbe")
    (told,) = manifests.invalid(slip, manifests.versions()[-1])
    assert "readynessProbe" in told and told.startswith("Deployment/flight-delay-service")


def test_what_cannot_be_read_is_told_in_one_line(tmp_path):
    for text, told in [("a: [", "no YAML"), ("kind: Pod", "Document 1"), ("- 1", "Document 1"), ("a: 1\nb: {", "line")]:
        with pytest.raises(ManifestError, match=told) as error:
            manifests.load(text)
        assert "\n" not in str(error.value)
    assert manifests.load("---\n---\n") == []
    with pytest.raises(ManifestError, match="no folder"):
        manifests.render(tmp_path / "nowhere")
    with pytest.raises(ManifestError, match="kustomize refuses"):
        manifests.render(tmp_path)
    with pytest.raises(ManifestError, match="no schemas"):
        manifests.invalid([], "1.2")


def test_without_kubectl_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(manifests.shutil, "which", lambda *name, **path: None)
    with pytest.raises(ManifestError, match="helpers install"):
        manifests.render(manifests.FOLDER / "base")


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 0.5), ("256Mi", 2**28), (2, 2), ("1.5", 1.5), ("1e3", 1000), ("2k", 2000), (".5", 0.5)]
)
def test_quantities(text, value):
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["256 MB", "", "m", True, None, "1..2"])
def test_no_quantities(text):
    with pytest.raises(ManifestError, match="no quantity"):
        quantity(text)


# --- policies -------------------------------------------------------------------------------------------------------------


def test_prod_breaks_no_policy(prod):
    assert manifest_policies.broken(prod) == []


def deployment(documents):
    return one(documents, "Deployment")["spec"]


def box(documents):
    return deployment(documents)["template"]["spec"]["containers"][0]


def _set(get, key, value):
    return lambda documents: get(documents).__setitem__(key, value)


def spec_of(kind, name=None):
    return lambda documents: one(documents, kind, name)["spec"]


def probe(name):
    return lambda documents: box(documents)[name]["httpGet"]


def pod_spec(documents):
    return deployment(documents)["template"]["spec"]


def scale_target(documents):
    return one(documents, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]


def entry(documents):
    return one(documents, "NetworkPolicy", "flight-delay-service")["spec"]["ingress"][0]


SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "eA=="}}


def policy_of(documents):
    return one(documents, "NetworkPolicy", "flight-delay-service")["spec"]


def peers(documents):
    return one(documents, "NetworkPolicy", "flight-delay-service")["spec"]["ingress"][0]["from"]


SPOILED = {
    "pods have other labels": ("selectors match", lambda d: deployment(d)["template"]["metadata"].update(labels={"app": "x"})),
    "service selects nobody": ("selectors match", _set(spec_of("Service"), "selector", {"app": "x"})),
    "service without a selector": ("selectors match", _set(spec_of("Service"), "selector", {})),
    "budget selects nobody": ("selectors match", _set(spec_of("PodDisruptionBudget"), "selector", {"matchLabels": {"a": "b"}})),
    "no such port": ("selectors match", lambda d: one(d, "Service")["spec"]["ports"][0].update(targetPort=8080)),
    "no readiness": ("probes are there", lambda d: box(d).pop("readinessProbe")),
    "no liveness": ("probes are there", lambda d: box(d).pop("livenessProbe")),
    "liveness asks for the model": ("restarts cure something", _set(probe("livenessProbe"), "path", "/healthcheck")),
    "startup asks for the model": ("restarts cure something", _set(probe("startupProbe"), "path", "/ping")),
    "more than allowed": ("resources are named", lambda d: box(d)["resources"]["requests"].update(memory="1Gi")),
    "no request": ("resources are named", lambda d: box(d)["resources"]["requests"].pop("cpu")),
    "no limit of memory": ("resources are named", lambda d: box(d)["resources"].pop("limits")),
    "latest": ("images do not move", _set(box, "image", "flight-delay-service:latest")),
    "no tag": ("images do not move", _set(box, "image", "127.0.0.1:5000/flight-delay-service")),
    "all must stay": ("a pod may be moved", _set(spec_of("PodDisruptionBudget"), "minAvailable", 3)),
    "all of them, in percent": ("a pod may be moved", _set(spec_of("PodDisruptionBudget"), "minAvailable", "67%")),
    "none may go": ("a pod may be moved", lambda d: one(d, "PodDisruptionBudget")["spec"].update(maxUnavailable=0)),
    "a budget in two ways": ("a pod may be moved", lambda d: one(d, "PodDisruptionBudget")["spec"].update(maxUnavailable=1)),
    "scales nobody": ("the autoscaler can scale", _set(scale_target, "name", "x")),
    "two masters": ("the autoscaler can scale", _set(deployment, "replicas", 3)),
    "a share of nothing": ("the autoscaler can scale", lambda d: box(d)["resources"]["requests"].pop("cpu")),
    "Prometheus is left out": ("Prometheus gets in", lambda d: peers(d).pop()),
    "Prometheus of one's own namespace": ("Prometheus gets in", lambda d: peers(d)[-1].pop("namespaceSelector")),
    "another port": ("Prometheus gets in", _set(entry, "ports", [{"port": 9}])),
    "another protocol": ("Prometheus gets in", _set(entry, "ports", [{"port": 8000, "protocol": "UDP"}])),
    "no types, which is Ingress": ("Prometheus gets in", lambda d: (peers(d).pop(), policy_of(d).pop("policyTypes"))),
    "a Secret": ("secrets stay secret", lambda d: d.append(SECRET)),
    "a password": ("secrets stay secret", _set(box, "env", [{"name": "DB_PASSWORD", "value": "x"}])),
    "no farewell": ("a pod leaves in peace", _set(box, "args", ["--port", "8000"])),
    "killed too early": ("a pod leaves in peace", _set(pod_spec, "terminationGracePeriodSeconds", 30)),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_each_mistake_is_valid_and_breaks_its_policy(prod, name):
    policy, spoil = SPOILED[name]
    documents = copy.deepcopy(prod)
    spoil(documents)
    assert manifests.invalid(documents, "1.37") == [], "a schema would have seen it"
    assert policy in {found for found, _, _ in manifest_policies.broken(documents)}
    assert {found for found, _, _ in manifest_policies.broken(documents, only=policy)} == {policy}


def test_every_policy_has_a_mistake_that_breaks_it():
    assert {policy for policy, _ in SPOILED.values()} == set(manifest_policies.POLICIES)


def test_a_sleep_before_the_stop_counts_as_farewell(prod):
    documents = copy.deepcopy(prod)
    box(documents).update(args=["--port", "8000"], lifecycle={"preStop": {"sleep": {"seconds": 10}}})
    assert manifest_policies.broken(documents) == []
    box(documents)["lifecycle"]["preStop"]["sleep"]["seconds"] = 31  # and 30 to finish: one second too many
    assert [policy for policy, _, _ in manifest_policies.broken(documents)] == ["a pod leaves in peace"]


def test_a_budget_with_room_and_a_digest_are_fine(prod):
    documents = copy.deepcopy(prod)
    one(documents, "PodDisruptionBudget")["spec"] = {"maxUnavailable": 1, "selector": deployment(prod)["selector"]}
    box(documents)["image"] = "127.0.0.1:5000/flight-delay-service@sha256:" + 64 * "0"
    assert manifest_policies.broken(documents) == []


def test_documents_of_another_shape_and_unknown_policies_are_told():
    bare = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {}}
    with pytest.raises(ManifestError, match="check the schema first"):
        manifest_policies.broken([bare])
    with pytest.raises(ManifestError, match="no policy"):
        manifest_policies.broken([], only="x")
    assert manifest_policies.broken([]) == []


def test_one_is_found_and_changed_in_a_copy(prod):
    path = "spec.template.spec.containers.0.image"
    other = manifest_policies.changed(prod, "Deployment", path, "x:1")
    assert box(other)["image"] == "x:1" != box(prod)["image"]
    with pytest.raises(ManifestError, match="3 documents NetworkPolicy"):
        manifest_policies.one(prod, "NetworkPolicy")
    for wrong in ("spec.nowhere.image", "spec.template.spec.containers.9.image", "kind.x.y"):
        with pytest.raises(ManifestError, match="no place"):
            manifest_policies.changed(prod, "Deployment", wrong, 1)


def test_label_selectors():
    labels = {"a": "1"}
    rules = [("In", ["1"], True), ("NotIn", ["1"], False), ("Exists", None, True), ("DoesNotExist", None, False)]
    for operator, values, wanted in rules:
        rule = {"key": "a", "operator": operator, **({"values": values} if values else {})}
        assert manifest_policies.matches({"matchExpressions": [rule]}, labels) is wanted
    assert manifest_policies.matches({}, {}) and not manifest_policies.matches({"matchLabels": {"b": "1"}}, labels)


# --- what the files say of the service ------------------------------------------------------------------------------------


def test_the_commands_are_those_that_the_programs_know(prod):
    """The arguments in the manifests are parsed by the programs themselves, up to the point where they would begin."""
    from helpers import pipeline

    pod = one(prod, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    steps = [each["args"] for each in [*pod["initContainers"], *pod["containers"]]]
    assert [step[0] for step in steps] == ["prepare", "prepare", "train", "evaluate", "log", "champion", "gate", "promote"]
    for name, *words in steps:
        _, _, options = pipeline.STEPS[name]
        given = {word[2:] for word in words if word.startswith("--")}
        needed = {option for option in options if pipeline.OPTIONS.get(option, {"required": True}).get("required")}
        assert needed <= given <= set(options), name


def test_the_probes_ask_routes_that_the_service_has(prod):
    from helpers import serving
    from helpers.course.bank import q61b

    routes = {route.path for route in serving.create_app(serving.Folder("nowhere")).routes}
    asked = {box(prod)[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert asked <= routes and "/metrics" in routes and set(q61b.ALIVE) <= routes


def test_managed_services_are_complete_and_dated():
    table = yaml.safe_load((manifests.FOLDER / "managed_services.yml").read_text(encoding="utf-8"))
    clouds = {"AWS", "GCP", "Azure"}
    assert table["noted"] and set(table["source"]) == clouds
    wanted = {"part", "ours", "compose", "yours", *clouds}
    assert all(set(row) == wanted and all(row.values()) for row in table["parts"])
    assert len({row["part"] for row in table["parts"]}) == len(table["parts"])


def test_every_service_of_the_compose_file_is_in_the_table():
    table = yaml.safe_load((manifests.FOLDER / "managed_services.yml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((manifests.FOLDER.parent / "compose.yml").read_text(encoding="utf-8"))
    told = " ".join(row["compose"] for row in table["parts"]).replace(",", "").split()
    assert set(compose["services"]) <= set(told)


def test_the_adapter_gives_the_metric_that_the_autoscaler_asks_for(prod):
    rules = yaml.safe_load((manifests.FOLDER / "prometheus_adapter.yml").read_text(encoding="utf-8"))["rules"]["custom"]
    names = {rule["name"]["as"] for rule in rules}
    asked = {m["pods"]["metric"]["name"] for m in one(prod, "HorizontalPodAutoscaler")["spec"]["metrics"] if m["type"] == "Pods"}
    assert asked and asked <= names


def test_the_folder_travels_with_the_package():
    assert manifests.FOLDER.is_relative_to(ROOT)
