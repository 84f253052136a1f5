"""The capstone's reference project: it works, takes another table by capstone.toml alone, and leaves nothing running."""

import ast
import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import mlflow
import pandas as pd
import psutil
import pytest
import yaml

from helpers import alert_rules, compose_check, containers, mlflow_store, workflow_lint
from helpers.course import regions, release
from tests.notebook_files import ROOT

SOURCE = ROOT / "solutions" / "70_capstone" / "project"
STARTER = ROOT / "exercises" / "70_capstone" / "project"
PORTS = ("SERVICE_PORT", "APP_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT")
OWN = {path.stem for path in SOURCE.glob("*.py")}


def copy(to):
    """The project as a reader has it: without the marks."""
    for name in release.source_files(SOURCE):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_text(regions.without_marks((SOURCE / name).read_text(encoding="utf-8")) + "\n", encoding="utf-8")
    return to


def environment(store, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "WANDB_", "PYTEST_"))}
    return kept | {"MLFLOW_TRACKING_URI": store.uri, "OMP_NUM_THREADS": "1", **more}


def run(folder, env, *command, fails=False):
    told = subprocess.run([sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert bool(told.returncode) == fails, told.stdout + told.stderr
    return told.stdout + told.stderr


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return mlflow_store.new_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def project(store, tmp_path_factory):
    """Prepared, and trained twice: the second time without a tenth of the rows."""
    folder, env = copy(tmp_path_factory.mktemp("capstone") / "project"), environment(store)
    run(folder, env, "prepare.py")
    run(folder, env, "train.py")
    file = folder / "data" / "flights.csv"
    whole = pd.read_csv(file)
    whole.sample(frac=0.9, random_state=1).to_csv(file, index=False)
    run(folder, env, "train.py")
    whole.to_csv(file, index=False)
    return folder


class Webhook(http.server.BaseHTTPRequestHandler):
    """Keeps what Alertmanager posts."""

    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got += [alert["labels"]["alertname"] for alert in told["alerts"]]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@contextlib.contextmanager
def started(folder, store, **more):
    """The whole system; `base`, `ports`, `process` and what it printed."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    ports = {name: each.getsockname()[1] for name, each in zip(PORTS, held, strict=True)}
    for each in held:
        each.close()
    env = environment(store, **{name: str(port) for name, port in ports.items()}, **more)
    with (folder / "said").open("w") as said:
        process = subprocess.Popen([sys.executable, "start.py"], cwd=folder, env=env, stdout=said, stderr=subprocess.STDOUT)
    family = [psutil.Process(process.pid)]
    try:
        assert wait(lambda: process.poll() is not None or "Ready" in (folder / "said").read_text(), 60)
        family += family[0].children(recursive=True)
        yield {"ports": ports, "process": process, "base": f"http://127.0.0.1:{ports['SERVICE_PORT']}", "family": family}
    finally:
        process.terminate()
        process.wait(20)
        left = [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
        for each in left:
            each.kill()
        assert not left


DRIFT = 'count_over_time(ALERTS{alertname="InputDrift", alertstate="firing"}[10m])'


def asked(system, query):
    """What Prometheus knows."""
    base = f"http://127.0.0.1:{system['ports']['PROMETHEUS_PORT']}/api/v1/query"
    return httpx.get(base, params={"query": query}, trust_env=False, timeout=20).json()["data"]["result"]


def wait(true, seconds=30):
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.2)
    return true()


def test_its_own_tests_pass(project, store):
    env = environment(store, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert " passed" in run(project, env, "-m", "pytest", "tests")


def test_each_training_is_on_record(project, store):
    client = mlflow.MlflowClient(tracking_uri=store.uri)
    runs = client.search_runs([client.get_experiment_by_name("flight-delay").experiment_id], order_by=["start_time"])
    assert len(runs) == 2 and all(run.info.status == "FINISHED" for run in runs)
    first, second = (run.data for run in runs)
    assert first.params["steps"] == "80" and first.tags["data"] != second.tags["data"]
    assert 0.6 < first.metrics["auc"] < 0.8 and first.metrics["auc"] > first.metrics["baseline_auc"]
    assert abs(second.metrics["champion_auc"] - first.metrics["auc"]) < 0.05
    assert len(client.get_metric_history(runs[0].info.run_id, "test_log_loss")) == 80
    aliases = client.get_registered_model("flight-delay").aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {"champion": "2", "previous": "1"}


def test_the_registered_model_can_be_used_without_the_project(project, store, tmp_path):
    code = "import mlflow; print(mlflow.sklearn.load_model('models:/flight-delay@champion').n_features_in_)"
    told = run(tmp_path, environment(store), "-c", code)  # by itself: MLflow would keep the store's address for other tests
    fields = json.loads((project / "served" / "2" / "schema.json").read_text())
    assert "12" in told.split() and len(fields) == 12


def test_the_space_runs_without_the_project(project):
    files = {path.name for path in (project / "space").iterdir()}
    assert {"README.md", "Dockerfile", "requirements.txt", "app.py", "model", "predictor.py", "schema.py", "form.py"} <= files
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    code = "from streamlit.testing.v1 import AppTest; t = AppTest.from_file('app.py', default_timeout=30).run(); "
    code += "assert not t.exception; t.button[0].click().run(); assert not t.exception and t.metric[0].value.endswith('%')"
    run(project / "space", env, "-c", code)


@pytest.mark.needs("prometheus", "prometheus-alertmanager")
def test_quiet_drift_alert_and_roll_back_with_no_request_lost(project, store):
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    hook.got = []
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    rows = pd.read_csv(project / "data" / "flights.csv").drop(columns=["time_hour", "late"]).dropna()
    numbers = rows.select_dtypes("number")
    moved = (numbers + 3 * numbers.std()).clip(numbers.min(), numbers.max(), axis=1)
    drifted = rows.assign(**{name: moved[name].astype(rows[name].dtype) for name in numbers})
    try:
        with started(project, store, ALERT_WEBHOOK=f"http://127.0.0.1:{hook.server_port}/") as system:
            client = httpx.Client(base_url=system["base"], trust_env=False, timeout=20)
            assert httpx.get(f"http://127.0.0.1:{system['ports']['APP_PORT']}", trust_env=False).status_code == 200

            def send(table):
                for row in json.loads(table.to_json(orient="records")):
                    assert client.post("/predict", json=row).status_code == 200

            send(rows.sample(400, random_state=1))
            ended = time.time()
            # Prometheus has read the metrics four seconds later: so the rule, true for two, has had its chance.
            assert wait(lambda: asked(system, f"timestamp(drift_window_rows) > {ended + 4}"), 60)
            assert asked(system, "drift_distance <= drift_limit") and not asked(system, "drift_distance > drift_limit")
            assert not asked(system, DRIFT) and "InputDrift" not in hook.got  # (a busy machine may miss scrapes)
            send(drifted.sample(400, random_state=2))
            assert wait(lambda: "InputDrift" in hook.got, 60)
            assert asked(system, DRIFT)

            one, seen, over = json.loads(rows.iloc[0].to_json()), [], threading.Event()

            def ask():
                while not over.wait(0.05):
                    seen.append(client.post("/predict", json=one))

            asking = threading.Thread(target=ask)
            asking.start()
            try:
                assert "champion is version 1" in run(project, environment(store), "registry.py", "roll-back")
                assert wait(lambda: seen[-1].json()["model_version"] == "1", 60)
            finally:
                over.set()
                asking.join()
                run(project, environment(store), "registry.py", "roll-back")  # as it was, for the other tests
            assert {reply.status_code for reply in seen} == {200} and seen[0].json()["model_version"] == "2"
    finally:
        hook.shutdown()
        hook.server_close()


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a program without asking it")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_process_and_a_crash_is_mended(project, store, how):
    with started(project, store) as system:
        service = next(each for each in system["family"] if "service.py" in " ".join(each.cmdline()))
        service.kill()
        assert wait(lambda: "started again" in (project / "said").read_text(), 60)
        assert wait(lambda: answers(system["base"]), 60)
        system["family"] += system["family"][0].children(recursive=True)
        system["process"].send_signal(how)
        assert system["process"].wait(20) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a program that was killed")
def test_a_start_that_is_killed_leaves_nothing(project, store):
    with started(project, store) as system:
        system["process"].kill()
        system["process"].wait(20)
        _, left = psutil.wait_procs(system["family"][1:], timeout=60)
        assert system["family"][1:] and not left


@pytest.mark.needs("prometheus", "prometheus-alertmanager")
def test_silences_outlive_a_stop_and_what_fires_is_told_again(project, store, tmp_path):
    with started(project, store) as system:
        base = f"http://127.0.0.1:{system['ports']['ALERTMANAGER_PORT']}/api/v2/silences"
        matcher = {"name": "alertname", "value": "DriftUnknown", "isRegex": False, "isEqual": True}
        times = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z"}
        body = times | {"matchers": [matcher], "createdBy": "test", "comment": "known"}
        assert httpx.post(base, json=body, trust_env=False).status_code == 200
    kept = project / "logs" / "monitoring"
    assert (kept / "alertmanager" / "nflog").exists() and any((kept / "prometheus").iterdir())
    with started(project, store) as system:
        assert not (kept / "alertmanager" / "nflog").exists()
        base = f"http://127.0.0.1:{system['ports']['ALERTMANAGER_PORT']}/api/v2/silences"
        assert [each["comment"] for each in httpx.get(base, trust_env=False).json()] == ["known"]


def test_the_stores_champion_is_served_where_nothing_is(project, store, tmp_path):
    folder = copy(tmp_path / "elsewhere")  # no data and no model
    with started(folder, store) as system:
        assert httpx.get(f"{system['base']}/health", trust_env=False).json()["model_version"] == "2"
    assert not (folder / "data").exists() and not (folder / "out").exists()


def test_a_store_that_is_away_is_not_one_without_versions(project, store):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    env = environment(store) | {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}  # nobody listens there any more
    said = run(project, env, "registry.py", "roll-back", fails=True)
    assert "The store does not answer" in said and "Traceback" not in said and "no previous" not in said


def answers(base):
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{base}/health", trust_env=False).status_code == 200
    return False


def test_a_part_that_cannot_start_is_one_line(project, store):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = run(project, environment(store, SERVICE_PORT=port), "start.py", fails=True)
    assert "service did not start" in told and "Traceback" not in told


def another_table():
    """Of another field: with names that are no Python names, a flag, a gap, and the target in the middle."""
    table = pd.DataFrame({"day": pd.date_range("2025-03-01", periods=900, freq="2h")})
    table["hours-per-week"] = [20 + (7 * i) % 40 for i in range(900)]
    table["churned"] = ((table["hours-per-week"] * 3 + pd.Series(range(900)) * 17 % 50) > 130).astype(int)
    table["copy"] = [["blue", "red", "green"][i % 3] for i in range(900)]
    table["member"] = [i % 4 == 0 for i in range(900)]
    table["score"] = [None if i % 50 == 0 else i % 13 / 2 for i in range(900)]
    return table


def own_project(folder, table, replacing=()):
    copy(folder)
    (folder / "data").mkdir()
    table.to_csv(folder / "data" / "mine.csv", index=False)
    toml = (folder / "capstone.toml").read_text()
    changes = {"flights.csv": "mine.csv", '"time_hour"': '"day"', '"late"': '"churned"', **dict(replacing)}
    for old, new in changes.items():
        assert old in toml
        toml = toml.replace(old, new, 1)
    (folder / "capstone.toml").write_text(toml)
    return folder


def test_another_table_needs_only_capstone_toml(tmp_path, store):
    folder = own_project(tmp_path / "own", another_table(), {"flight-delay": "churn"})
    run(folder, environment(store), "train.py")
    with started(folder, store) as system:
        row = {"hours-per-week": 33, "copy": "red", "member": True, "score": None}
        reply = httpx.post(f"{system['base']}/predict", json=row, trust_env=False)
        assert reply.status_code == 200 and 0 <= reply.json()["probability"] <= 1
        assert httpx.post(f"{system['base']}/predict", json=row | {"member": 1}, trust_env=False).status_code == 422


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda table: table.drop(columns="churned"), "no column 'churned'"),
        (lambda table: table.assign(churned=2), "must be 0 and 1"),
        (lambda table: table.assign(day="soon"), "must read as a time"),
        (lambda table: table.head(30), "30 rows"),
        (lambda table: table.assign(name=[f"case {i}" for i in range(900)]), "'name'"),
    ],
)
def test_a_wrong_table_gets_one_sentence(spoil, told, tmp_path, store):
    folder = own_project(tmp_path / "own", spoil(another_table()))
    said = run(folder, environment(store), "train.py", fails=True).strip()
    assert told in said and "\n" not in said and "Traceback" not in said


def test_with_wandb_by_one_line(project, store, tmp_path):
    folder = own_project(tmp_path / "own", another_table(), {'tracker = "mlflow"': 'tracker = "wandb"'})
    env = environment(store, WANDB_MODE="offline", WANDB_DIR=str(tmp_path))
    run(folder, env, "train.py")
    run(folder, env, "train.py")
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2
    assert "champion is version 1" in run(folder, env, "registry.py", "roll-back")
    assert (folder / "served" / "current").read_text() == "1"


def test_a_worse_model_does_not_get_through(project, store, tmp_path):
    folder = copy(tmp_path / "worse")
    toml = (folder / "capstone.toml").read_text().replace("steps = 80", "steps = 1").replace("leaves = 15", "leaves = 2")
    (folder / "capstone.toml").write_text(toml)
    (folder / "data").mkdir()
    (folder / "data" / "flights.csv").write_bytes((project / "data" / "flights.csv").read_bytes())
    told = run(folder, environment(store), "train.py")
    assert "refuses version" in told and (folder / "served" / "current").read_text() == "2"
    assert "refuses" in run(folder, environment(store), "gate.py", fails=True)


def test_it_stands_alone_and_stays_small():
    wanted = {
        re.split("==", line)[0].replace("-", "_").lower()
        for line in (SOURCE / "requirements.txt").read_text().splitlines()
        if line
    }
    wanted = (wanted - {"scikit_learn"}) | {"sklearn"} | OWN | set(sys.stdlib_module_names) | {"conftest", "starlette", "scipy"}
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 160, path.name
        assert max(map(len, text.splitlines())) <= 130, path.name
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
        assert {name.split(".")[0] for name in names} <= wanted, path.name


def test_its_versions_are_those_of_the_workbook():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for file in (SOURCE / "requirements.txt", SOURCE / "space" / "requirements.txt"):
        for line in file.read_text().split():
            assert re.search(rf"^{re.escape(line)}( |$)", lock, re.MULTILINE), line


def locked(name):
    """Each package with its version, and how many checksums it has."""
    text = (SOURCE / name).read_text(encoding="utf-8")
    return {entry.split()[0]: entry.count("--hash=sha256:") for entry in re.split(r"\n(?=\S)", text) if "==" in entry}


def test_its_locks_have_all_packages_with_checksums_and_no_address():
    ours = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    whole, part = locked("requirements.lock"), locked("requirements-service.lock")
    assert len(whole) > 100 and set(part) < set(whole)
    assert not {"pytest", "mlflow", "wandb"} & {pin.partition("==")[0] for pin in part}
    for name, pins in {"requirements.txt": whole, "requirements-service.txt": part}.items():
        assert set((SOURCE / name).read_text().split()) <= set(pins)
    for pin, hashes in whole.items():
        assert hashes and re.search(rf"^{re.escape(pin)}( |$)", ours, re.MULTILINE), pin
    assert "://" not in (SOURCE / "requirements.lock").read_text() + (SOURCE / "requirements-service.lock").read_text()


def test_its_images_and_compose_file_are_clean():
    for name in ("Dockerfile", "space/Dockerfile"):
        assert containers.lint(SOURCE / name) == []
    assert containers.lint_compose(SOURCE / "compose.yml") == []
    compose = yaml.safe_load((SOURCE / "compose.yml").read_text(encoding="utf-8"))
    assert {"service", "page", "mlflow", "prometheus", "alertmanager"} <= set(compose["services"])
    assert compose_check.problems(compose, healthy=("service", "page")) == []
    mounts = [v.split(":")[0] for each in compose["services"].values() for v in each.get("volumes", []) if v.startswith("./")]
    assert len(mounts) == 3 and all((SOURCE / mount).is_file() for mount in mounts)
    sent = {name.as_posix() for name in containers.context_files(SOURCE)}
    assert {"service.py", "requirements-service.lock", "capstone.toml"} <= sent and not any("/" in name for name in sent)


@pytest.mark.parametrize("stage, starts", [("service", ["service.py", "alerts.py"]), ("page", ["app.py"])])
def test_an_image_has_what_its_program_imports(stage, starts):
    text = (SOURCE / "Dockerfile").read_text(encoding="utf-8").split(f" AS {stage}\n")[1].split("\nFROM ")[0]
    copied = {Path(name).stem for name in re.search(r"^COPY (?!--)(.*) \./$", text, re.MULTILINE)[1].split()}
    needed, open_ = set(), [name.removesuffix(".py") for name in starts]
    while open_:
        needed.add(name := open_.pop())
        nodes = list(ast.walk(ast.parse((SOURCE / f"{name}.py").read_text(encoding="utf-8"))))
        found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        found |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        open_ += (found & OWN) - needed
    assert needed | {"capstone"} == copied
    assert "USER 10001:10001" in text and "HEALTHCHECK" in text


@pytest.mark.needs("prometheus", "prometheus-alertmanager")
def test_prometheus_takes_what_the_containers_mount(tmp_path):
    shutil.copytree(SOURCE / "monitoring" / "containers", tmp_path, dirs_exist_ok=True)
    rules = regions.without_marks((SOURCE / "monitoring" / "alerts.yml").read_text(encoding="utf-8"))
    (tmp_path / "alerts.yml").write_text(rules, encoding="utf-8")
    for tool, words in (("promtool", ["check", "config", "prometheus.yml"]), ("amtool", ["check-config", "alertmanager.yml"])):
        command = [alert_rules.program(tool), *words]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr


def test_its_workflow_is_clean():
    assert workflow_lint.lint(SOURCE / ".github" / "workflows" / "train.yml") == []


def test_the_starter_can_be_read_and_names_what_is_missing(tmp_path):
    for path in STARTER.rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"))
        assert "SOLUTION" not in path.read_text(encoding="utf-8")
    folder = tmp_path / "starter"
    for name in release.source_files(STARTER):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((STARTER / name).read_bytes())
    env = environment(mlflow_store.new_store(tmp_path / "store"))  # with no champion that start.py could serve
    run(folder, env, "prepare.py")
    for command, told in {
        "train.py": "model.py: `fit` is not written yet.",
        "start.py": "train.py did not end well",
        "registry.py roll-back": "registry.py: `roll_back` is not written yet.",
        "gate.py": "Nothing is trained yet",
    }.items():
        said = run(folder, env, *command.split(), fails=True)
        assert told in said and "Traceback" not in said
