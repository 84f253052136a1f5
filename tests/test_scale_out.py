"""Batch scoring in partitions: what a task may be trusted with, what reconciliation finds, and a worker that is killed."""

import json
import os
import sysconfig
import time
from pathlib import Path

import kubernetes_validate
import numpy as np
import pandas as pd
import psutil
import pytest
import yaml

from helpers import flights, modeling, scale_out
from helpers.scale_out import ScaleOutError
from tests.notebook_files import ROOT, code_cells, read

DEPLOY = ROOT / "helpers" / "deploy" / "dask"
CLEAN = {"missing": 0, "more": 0, "strays": 0, "changed": 0}


@pytest.fixture(scope="module")
def model():
    return modeling.make_model(n_steps=5).fit(*flights.features_and_target(flights.load(1).head(2_000)))


@pytest.fixture(scope="module")
def some():
    return flights.load([1, 2, 3]).groupby("month").head(500).reset_index(drop=True)


@pytest.fixture
def folder(model, some, tmp_path):
    return scale_out.prepare(model, some, tmp_path / "batch")


def done(folder, copies=1):
    receipts = [scale_out.score(task) for task in scale_out.plan(folder, copies)]
    scale_out.write_manifest(folder, receipts)
    return receipts


def test_every_flight_gets_the_models_own_score(folder, model, some):
    receipts = done(folder, copies=2)
    assert scale_out.reconcile(folder, 2) == {"wanted": 3_000, "once": 3_000, **CLEAN}
    assert sum(receipt["rows"] for receipt in receipts) == 3_000
    for copy in ("copy=000", "copy=001"):
        scores = pd.concat(pd.read_parquet(path) for path in sorted((folder / "scores" / copy).glob("*.parquet")))
        wanted = modeling.probability_late(model, some[list(flights.FEATURES)].astype(dict.fromkeys(flights.CATEGORICAL, "str")))
        assert scores["late"].to_numpy() == pytest.approx(wanted[scores["flight"]], abs=1e-5)


@pytest.mark.parametrize(("months", "names"), [(1, ["01", "02", "03"]), (2, ["01", "03"]), (12, ["01"])])
def test_larger_partitions_hold_the_same_flights_and_scores(model, some, folder, tmp_path, months, names):
    large = scale_out.prepare(model, some, tmp_path / "large", months=months)
    assert [task["partition"] for task in scale_out.plan(large)] == [f"copy=000/month={name}" for name in names]
    done(large, copies=2), done(folder, copies=2)
    assert scale_out.reconcile(large, 2) == {"wanted": 3_000, "once": 3_000, **CLEAN}
    one, other = (pd.concat(map(pd.read_parquet, sorted((at / "scores").glob("copy=001/*")))) for at in (large, folder))
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))


def test_a_task_done_twice_leaves_the_same_bytes(folder):
    task = scale_out.plan(folder)[0]
    first, before = scale_out.score(task), Path(task["target"]).read_bytes()
    assert scale_out.score(task) == first and Path(task["target"]).read_bytes() == before
    assert len(json.dumps(task)) < 2_000, "paths, not flights"


def test_nobody_sees_half_a_file(tmp_path):
    path = tmp_path / "scores" / "a.parquet"

    def dies(part):
        part.write_bytes(b"half")
        assert not path.exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scale_out._replace(path, dies)
    assert list(path.parent.iterdir()) == []
    names = []
    for content in (b"one", b"two"):
        scale_out._replace(path, lambda part, content=content: (names.append(part.name), part.write_bytes(content)))
    assert path.read_bytes() == b"two" and len(set(names)) == 2, "two attempts never share a temporary name"


def test_what_is_pending_is_what_has_no_file(folder):
    tasks = scale_out.plan(folder)
    assert scale_out.pending(tasks) == tasks
    scale_out.score(tasks[1])
    assert scale_out.pending(tasks) == [tasks[0], tasks[2]]


def test_reconciliation_finds_each_fault(folder):
    done(folder)
    scores = folder / "scores" / "copy=000"
    one, two = scores / "month=01.parquet", scores / "month=02.parquet"
    kept = one.read_bytes(), two.read_bytes()

    def after(change):
        one.write_bytes(kept[0])
        two.write_bytes(kept[1])
        change()
        return scale_out.reconcile(folder)

    assert after(one.unlink) == {"wanted": 1_500, "once": 1_000, **CLEAN, "missing": 500}
    found = after(lambda: two.write_bytes(kept[0]))
    assert found == {"wanted": 1_500, "once": 500, "missing": 500, "more": 500, "strays": 0, "changed": 1}
    found = after(lambda: two.write_bytes(kept[1][:-100]))
    assert (found["missing"], found["changed"], found["once"]) == (500, 1, 1_000)
    table = pd.read_parquet(one)
    for nothing in (np.float32("nan"), None, "text", 1.5):
        found = after(lambda nothing=nothing: table.assign(late=nothing).to_parquet(one))
        assert (found["missing"], found["changed"]) == (500, 1), nothing
    stray = folder / "scores" / "copy=007" / "month=01.parquet"
    stray.parent.mkdir()
    found = after(lambda: stray.write_bytes(kept[0]))
    assert (found["once"], found["strays"], found["changed"]) == (1_500, 1, 1)


def test_without_a_manifest_nothing_is_vouched_for(folder):
    assert scale_out.reconcile(folder) == {"wanted": 1_500, "once": 0, **CLEAN, "missing": 1_500}
    done(folder)
    (folder / "manifest.json").unlink()
    assert scale_out.reconcile(folder)["changed"] == 3


def test_receipts_of_one_partition_must_agree(folder):
    receipts = done(folder)
    other = {**receipts[0], "sha256": "0"}
    before = (folder / "manifest.json").read_bytes()
    scale_out.write_manifest(folder, receipts[::-1] + receipts)
    assert (folder / "manifest.json").read_bytes() == before
    with pytest.raises(ScaleOutError, match="two ways"):
        scale_out.write_manifest(folder, [*receipts, other])


def test_what_dead_attempts_left_is_cleared_away(folder):
    receipts = done(folder)
    part = folder / "scores" / "copy=000" / ".month=01.parquet.1-a.part"
    part.write_bytes(b"half")
    assert scale_out.reconcile(folder) == {"wanted": 1_500, "once": 1_500, **CLEAN}
    scale_out.write_manifest(folder, receipts)
    assert not part.exists()


def test_a_model_that_was_exchanged_is_refused(folder, some):
    tasks = scale_out.plan(folder)
    other = modeling.make_model(n_steps=6).fit(*flights.features_and_target(some))
    scale_out.prepare(other, some, folder)
    with pytest.raises(ScaleOutError, match="plan it again"):
        scale_out.score(tasks[0])


def test_bad_input_is_told(folder, model, some, tmp_path):
    with pytest.raises(ScaleOutError, match="choose more months"):
        scale_out.prepare(model, some.head(0), tmp_path)
    with pytest.raises(ScaleOutError, match="prepare"):
        scale_out.plan(tmp_path / "nothing")
    with pytest.raises(ScaleOutError, match="at least 1"):
        scale_out.plan(folder, 0)
    with pytest.raises(ScaleOutError, match="months is 0"):
        scale_out.prepare(model, some, tmp_path, months=0)
    with pytest.raises(ScaleOutError, match="at least 1"), scale_out.cluster(0):
        pass


def test_a_fresh_batch_forgets_months_that_are_not_asked_for(folder, model, some):
    scale_out.prepare(model, some[some["month"] == 1], folder)
    assert [task["partition"] for task in scale_out.plan(folder)] == ["copy=000/month=01"]


# --- a real cluster -------------------------------------------------------------------------------------------------------


def slow_score(task):
    receipt = scale_out.score(task)
    time.sleep(0.1)
    return receipt


def test_a_killed_worker_loses_nothing_and_doubles_nothing(folder, capfd):
    this = psutil.Process()
    before = {process.pid for process in this.children(recursive=True)}
    with scale_out.cluster(2) as client:
        pids = client.run(os.getpid)
        listening = [c for pid in pids.values() for c in psutil.Process(pid).net_connections() if c.status == "LISTEN"]
        listening += [c for c in this.net_connections() if c.status == "LISTEN"]
        assert len(pids) == 2 and {c.laddr.ip for c in listening} == {"127.0.0.1"}
        futures = client.map(slow_score, scale_out.plan(folder, 8), pure=False)
        while sum(future.done() for future in futures) < 8:
            time.sleep(0.02)
        victim = next(address for address, held in client.has_what().items() if held)
        psutil.Process(pids[victim]).kill()
        receipts = client.gather(futures)
        deadline = time.monotonic() + 30
        while len(client.scheduler_info()["workers"]) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(set(client.run(os.getpid).values()) - set(pids.values())) == 1, "its nanny has started another one"
    scale_out.write_manifest(folder, receipts)
    assert scale_out.reconcile(folder, 8) == {"wanted": 12_000, "once": 12_000, **CLEAN}
    left = [p for p in this.children(recursive=True) if p.pid not in before and "resource_tracker" not in " ".join(p.cmdline())]
    assert left == []
    assert capfd.readouterr().err == "", "a death on purpose makes no noise"


# --- the manifests --------------------------------------------------------------------------------------------------------


def resources():
    return {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in DEPLOY.glob("*.yaml")}


def as_pod(spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}


def test_the_pods_of_the_cluster_are_valid_and_careful():
    spec = resources()["cluster.yaml"]["spec"]
    for part in ("worker", "scheduler"):
        pod = spec[part]["spec"]
        assert kubernetes_validate.validate(as_pod(pod), "1.37", strict=True)
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            assert container["name"] == part and set(container["resources"]["limits"]) == {"cpu", "memory"}
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert ":" in container["image"] and not container["image"].endswith(":latest")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec["scheduler"]["service"]}
    assert kubernetes_validate.validate(service, "1.37", strict=True)
    worker = dict(zip(*[iter(spec["worker"]["spec"]["containers"][0]["args"][1:])] * 2, strict=True))
    assert worker["--nthreads"] == "1" and worker["--name"] == "$(DASK_WORKER_NAME)"


def test_the_parts_of_the_deployment_name_each_other():
    found = resources()
    cluster, scaler, volume = found["cluster.yaml"], found["autoscaler.yaml"], found["storage.yaml"]
    assert cluster["apiVersion"] == scaler["apiVersion"] == "kubernetes.dask.org/v1"
    assert (cluster["kind"], scaler["kind"]) == ("DaskCluster", "DaskAutoscaler")
    name, spec = cluster["metadata"]["name"], scaler["spec"]
    assert set(spec) == {"cluster", "minimum", "maximum"} and spec["cluster"] == name
    assert 1 <= spec["minimum"] <= cluster["spec"]["worker"]["replicas"] <= spec["maximum"]
    service = cluster["spec"]["scheduler"]["service"]
    assert service["selector"] == {"dask.org/cluster-name": name, "dask.org/component": "scheduler"}
    ports = {port["name"] for port in cluster["spec"]["scheduler"]["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["ports"]} == ports
    assert kubernetes_validate.validate(volume, "1.37", strict=True) and volume["spec"]["accessModes"] == ["ReadWriteMany"]
    claims = [
        v["persistentVolumeClaim"]["claimName"] for v in cluster["spec"]["worker"]["spec"]["volumes"] if v["name"] == "batch"
    ]
    assert claims == [volume["metadata"]["name"]]


def test_kustomize_builds_it_and_hadolint_passes_the_image():
    import subprocess

    scripts = Path(sysconfig.get_path("scripts"))
    built = subprocess.run([scripts / "kubectl", "kustomize", DEPLOY], capture_output=True, text=True, check=True)
    assert [each["kind"] for each in yaml.safe_load_all(built.stdout)].count("DaskCluster") == 1
    told = subprocess.run([scripts / "hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


# --- the lesson -----------------------------------------------------------------------------------------------------------


def test_what_the_lesson_writes_out_scores_as_the_helper_does(folder):
    cells = {cell.id: cell.source for cell in code_cells(read("notebooks/61c_many_machines.ipynb"))}
    names = {"Path": Path, "time": time, "PAUSE": 0}
    for cell in ("forecast", "keep"):
        exec(cells[cell], names)
    task = scale_out.plan(folder)[0]
    scale_out.score(task)
    own = pd.read_parquet(task["target"])
    names["keep"](task)
    pd.testing.assert_frame_equal(pd.read_parquet(task["target"]), own)
