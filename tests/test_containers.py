"""The images and the system around them: the files are checked everywhere, and built for real where something can build."""

import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import mlflow
import numpy as np
import psutil
import pytest
import yaml
from fastapi.testclient import TestClient

from helpers import (
    alert_rules,
    compose_check,
    container_engine,
    containers,
    dashboard,
    flights,
    model_source,
    modeling,
    publish,
    services,
    serving,
    streamlit_app,
)
from helpers.course import install
from tests import base_image
from tests.notebook_files import code_cells, read

MB = 1_000_000
SECRET = "ghp-this-must-never-be-in-an-image"
OWN_CHECK = ("flights", "page")  # their image has a HEALTHCHECK


@pytest.fixture(scope="module")
def january():
    X, y = flights.features_and_target(flights.load(1))
    return X, y


@pytest.fixture(scope="module")
def model(january, tmp_path_factory):
    return model_source.save(modeling.make_model(n_steps=20).fit(*january), tmp_path_factory.mktemp("model"), "1")


@pytest.fixture(scope="module")
def context(model, tmp_path_factory):
    folder = containers.write_context(tmp_path_factory.mktemp("context") / "context", model)
    for name in (".env", "service/.env"):
        (folder / name).write_text(f"TOKEN={SECRET}\n")
    (folder / "service" / "helpers" / "__pycache__").mkdir()
    (folder / "service" / "helpers" / "__pycache__" / "old.pyc").write_bytes(b"old")
    return folder


@pytest.fixture(scope="module")
def compose(context):
    return yaml.safe_load((context / "compose.yml").read_text(encoding="utf-8"))


# --- the folder to build from ---------------------------------------------------------------------------------------------


def test_the_context_is_small_and_has_nothing_that_is_secret(context):
    sent = containers.context_files(context)
    assert sum((context / name).stat().st_size for name in sent) < 5 * MB
    names = {name.as_posix() for name in sent}
    assert {
        "model/model.onnx",
        "service/helpers/serving.py",
        "page/helpers/streamlit_app.py",
        "training/helpers/pipeline.py",
    } <= names
    kept_out = {".env", "service/.env", "secrets/grafana_password", "compose.yml", "service/helpers/__pycache__/old.pyc"}
    assert all((context / name).exists() for name in kept_out) and not kept_out & names


def test_each_part_has_what_it_imports_and_no_more(context):
    for part, root in containers.PARTS.items():
        lines = (context / f"requirements-{part}.txt").read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if "==" in line and not line.startswith(" ")]
        assert pins and all(re.match(r"[\w.-]+==[^\s;]+", pin) for pin in pins)
        assert len([line for line in lines if "--hash=sha256:" in line]) >= len(pins)
        named = {re.split("==", pin)[0] for pin in pins}
        makes = {"mlflow", "onnx", "skl2onnx", "scikit-learn"}
        assert set(publish.needed(root)[1]) <= named and not named & {"pytest", "jupyterlab"}
        assert makes <= named if part == "training" else not named & makes
        code = f"import sys; sys.path.insert(0, '.'); import helpers.{root}; print(helpers.__file__)"
        told = subprocess.run([sys.executable, "-I", "-c", code], cwd=context / part, capture_output=True, text=True, check=True)
        assert Path(told.stdout.strip()).resolve().is_relative_to((context / part).resolve())


def test_each_of_our_images_that_is_run_is_a_target(compose):
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (containers.DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(containers.PARTS) <= set(stages) and stages[-1] == "service"
    files = [
        (containers.DEPLOY / "k8s" / "base" / f"{name}.yml").read_text(encoding="utf-8") for name in ("deployment", "retrain")
    ]
    run = [service["image"] for service in compose["services"].values()] + re.findall(
        r"^\s+image: (\S+)", "\n".join(files), re.MULTILINE
    )
    ours = {name.split(":")[0].removeprefix("flight-delay-") for name in run if name.startswith("flight-delay-")}
    assert ours == set(containers.PARTS)


def test_the_job_runs_the_pipeline_as_its_image_has_it(context):
    text = (containers.DEPLOY / "Dockerfile").read_text(encoding="utf-8").split(" AS training\n")[1].split("\n\n")[0]
    begin = json.loads(text.split("ENTRYPOINT ")[1].splitlines()[0])
    job = yaml.safe_load((containers.DEPLOY / "k8s" / "base" / "retrain.yml").read_text(encoding="utf-8"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    steps = [*pod["initContainers"], *pod["containers"]]
    assert all(step["command"] == begin for step in steps) and f"USER {pod['securityContext']['runAsUser']}:" in text
    told = subprocess.run(
        [sys.executable, *begin[1:], "--help"], cwd=context / "training", capture_output=True, text=True, check=True
    )
    assert all(step["args"][0] in told.stdout for step in steps)


def test_pins_are_the_locks_own_lines():
    lock = publish.LOCK.read_text(encoding="utf-8")
    text = containers.pinned("serving")
    assert all(line in lock for line in text.splitlines())
    assert "starlette==" in text and "uvicorn==" in text  # one that is only needed by another
    assert len(containers.pinned("streamlit_app").splitlines()) > len(text.splitlines())


def test_a_package_that_the_lock_has_not_is_named(monkeypatch, tmp_path):
    (tmp_path / "short.lock").write_text("fastapi==1 \\\n    --hash=sha256:0\n")
    monkeypatch.setattr(publish, "LOCK", tmp_path / "short.lock")
    with pytest.raises(containers.ContainerError, match="does not pin .*uvicorn"):
        containers.pinned("serving")


def test_no_image_without_a_sound_model_and_nothing_is_overwritten(model, context, tmp_path):
    with pytest.raises(containers.ContainerError, match="context is not empty"):
        containers.write_context(context, model)
    with pytest.raises(containers.ContainerError, match="No image without a model.*model_source.save writes one"):
        containers.write_context(tmp_path / "a", tmp_path)
    bad = shutil.copytree(model, tmp_path / "bad")
    (bad / model_source.FILE).write_bytes(b"foreign")
    with pytest.raises(containers.ContainerError, match="No image without a model"):
        containers.write_context(tmp_path / "a", bad)
    assert not (tmp_path / "a").exists()


def test_the_password_is_new_each_time_and_the_folder_is_closed(model, context, tmp_path):
    other = containers.write_context(tmp_path / "other", model)
    one, two = ((folder / "secrets" / "grafana_password").read_text() for folder in (context, other))
    assert len(one) >= 24 and one != two
    if os.name == "posix":
        assert (other / "secrets").stat().st_mode & 0o777 == 0o700
        assert (other / "secrets" / "grafana_password").stat().st_mode & 0o004  # Grafana's user is another one


def test_as_a_program_it_says_what_to_do(model, tmp_path, capsys):
    assert containers.main([str(tmp_path / "new"), "--model", str(model)]) == 0
    assert "docker compose up" in capsys.readouterr().out
    assert containers.main([str(tmp_path / "new"), "--model", str(model)]) == 1
    assert "new is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("", ["a.txt", "deep/er/c.py", "deep/b.txt"]),
        ("*.txt\n", ["deep/b.txt", "deep/er/c.py"]),
        ("**/*.txt\n", ["deep/er/c.py"]),
        ("deep\n", ["a.txt"]),
        ("deep/*\n!deep/b.txt\n", ["a.txt", "deep/b.txt"]),
        ("*\n!deep\n", ["deep/b.txt", "deep/er/c.py"]),
        ("!a.txt\n*\n", []),
        ("# *\n\n?.txt\n", ["deep/b.txt", "deep/er/c.py"]),
    ],
)
def test_what_is_ignored_is_what_docker_ignores(rules, kept, tmp_path):
    for name in ("a.txt", "deep/b.txt", "deep/er/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".dockerignore").write_text(rules)
    names = [name.as_posix() for name in containers.context_files(tmp_path) if name.name != ".dockerignore"]
    assert names == sorted(kept)


def test_the_lesson_and_the_helper_ignore_alike(tmp_path):
    cells = {cell.id: cell.source for cell in code_cells(read("notebooks/61a_containers.ipynb"))}
    own = {"Path": Path}
    exec(cells["ignore"], own)
    names = [".env", ".git/pack", "data/deep/2013.csv", "helpers/a.py", "helpers/b/c.txt", "tests/test_it.py"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    for rules in ([], [".git", "data", "tests"], ["*", "!helpers"], ["*", "!helpers", "helpers/b"], [".e*", "helpers/*.py"]):
        (tmp_path / ".dockerignore").write_text("\n".join(rules))
        found = [name.as_posix() for name in containers.context_files(tmp_path)]
        assert sorted(own["sent"]([*names, ".dockerignore"], rules)) == found, rules


# --- the files, checked ---------------------------------------------------------------------------------------------------


def test_the_dockerfile_is_clean():
    assert containers.lint(containers.DEPLOY / "Dockerfile") == []


def test_images_begin_with_one_patch_of_python_and_one_release_of_debian():
    begun = {
        re.findall(r"^(?:ARG PYTHON=docker.io/library/|FROM )(python:\S+)", (containers.DEPLOY / name).read_text("utf-8"), re.M)[
            0
        ]
        for name in ("Dockerfile", "dask/Dockerfile")
    }
    assert len(begun) == 1 and re.fullmatch(rf"python:{re.escape(publish.PYTHON)}\.\d+-slim-{base_image.SUITE}", *begun)


def test_hadolint_finds_what_is_wrong(tmp_path):
    found = containers.lint("FROM python:latest\nENV SLACK_TOKEN=xoxb\nCMD python /x.py\n")
    assert {"DL3007", "DL3064", "DL3025"} <= {row["rule"] for row in found} and [row["line"] for row in found] == [1, 2, 3]
    with pytest.raises(containers.ContainerError, match="absent cannot be read"):
        containers.lint(tmp_path / "absent")


@pytest.mark.parametrize("name", ["compose.yml", "compose.registry.yml"])
def test_the_compose_files_fit_the_schema(name):
    assert containers.lint_compose(containers.DEPLOY / name) == []


def test_the_schema_finds_what_is_misspelt(tmp_path):
    bad = tmp_path / "compose.yml"
    bad.write_text("services:\n  a:\n    image: x:1\n    port: ['8000:8000']\n")
    assert any("port" in each for each in containers.lint_compose(bad))
    bad.write_text("services: [\n")
    assert containers.lint_compose(bad) == ["compose.yml is no YAML."]
    with pytest.raises(containers.ContainerError, match="no file absent.yml"):
        containers.lint_compose(tmp_path / "absent.yml")


def test_the_system_has_its_parts_and_no_loose_end(compose):
    assert set(compose["services"]) == {"flights", "page", "mlflow", "prometheus", "alertmanager", "grafana"}
    assert compose_check.problems(compose, healthy=OWN_CHECK) == []
    for name, service in compose["services"].items():
        assert "healthcheck" in service or name in OWN_CHECK, name
        assert service["cap_drop"] == ["ALL"] and service["deploy"]["resources"]["limits"].keys() >= {"memory", "cpus"}, name
    assert not any(compose["services"][name].get("ports") for name in ("prometheus", "alertmanager"))
    assert "depends_on" not in compose["services"]["prometheus"]
    lock = dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", publish.LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    assert compose["services"]["mlflow"]["image"].endswith(f":v{lock['mlflow']}")


def test_with_the_registry_the_service_waits_for_it(compose):
    over = yaml.safe_load((containers.DEPLOY / "compose.registry.yml").read_text(encoding="utf-8"))["services"]["flights"]
    both = {**compose, "services": {**compose["services"], "flights": compose["services"]["flights"] | over}}
    assert compose_check.problems(both, healthy=OWN_CHECK) == []
    assert over["depends_on"]["mlflow"]["condition"] == "service_healthy"


def test_whoever_breaks_in_does_not_meet_what_knows_no_login(compose):
    """MLflow and Alertmanager ask nobody who he is: to reach them is to move the champion, or to silence an alert."""
    reached = {name: set(compose_check.reaches(compose, name)) for name in compose["services"]}
    assert reached["page"] == {"flights"} and reached["flights"] == {"page", "prometheus"}
    assert reached["mlflow"] == set() and reached["alertmanager"] == {"prometheus", "grafana"}
    ways_out = [
        {n for n in service["networks"] if not compose["networks"][n].get("internal")} for service in compose["services"].values()
    ]
    assert {"prometheus"} == {name for name, ways in zip(compose["services"], ways_out, strict=True) if not ways}
    over = yaml.safe_load((containers.DEPLOY / "compose.registry.yml").read_text(encoding="utf-8"))["services"]["flights"]
    assert set(over["networks"]) == {*compose["services"]["flights"]["networks"], "registry"}  # compose would add them up


def test_who_reaches_whom_follows_the_networks():
    same = {"services": {"a": {}, "b": {"networks": ["default", "x"]}, "c": {"networks": ["x"]}, "d": {"networks": {"x": {}}}}}
    assert compose_check.reaches(same, "a") == ["b"] and compose_check.reaches(same, "c") == ["b", "d"]
    with pytest.raises(ValueError, match="no service 'e'; in the file are: a, b, c, d"):
        compose_check.reaches(same, "e")
    with pytest.raises(ValueError, match="in the file are: none"):
        compose_check.reaches({}, "a")


@pytest.mark.timeout(180)
def test_mlflow_takes_its_command_and_the_service_its_model(compose, model, tmp_path):
    """The command of the compose file, as a process here: other folders and another port, all else as it stands."""
    server = compose["services"]["mlflow"]
    words = [word.replace("0.0.0.0", "127.0.0.1").replace("/mlflow/", f"{tmp_path.as_posix()}/") for word in server["command"]]
    words = [word.replace("=5000", "={port}").replace("127.0.0.1:5000", "127.0.0.1:{port}") for word in words]
    env = {key: None for key in os.environ if key.startswith(("MLFLOW_", "_MLFLOW_"))} | server["environment"] | {"HOME": None}
    with services.start("MLflow as in compose", [sys.executable, "-m", *words], env=env, timeout=120) as mlflow_server:
        url = mlflow_server.local_url
        asked = [
            httpx.get(
                f"{url}api/2.0/mlflow/experiments/search?max_results=1", headers={"Host": name}, trust_env=False
            ).status_code
            for name in ("mlflow:5000", "elsewhere:5000")
        ]
        assert asked == [200, 403]
        client = mlflow.MlflowClient(url.rstrip("/"))
        run = client.create_run("0")
        made = model_source.register(client, model_source.NAME, (model / model_source.FILE).read_bytes(), run_id=run.info.run_id)
        client.set_registered_model_alias(model_source.NAME, model_source.ALIAS, made.version)
        with serving.start(url) as api:
            assert httpx.get(f"{api.local_url}healthcheck", trust_env=False).json()["version"] == str(made.version)


def spoilt(compose, change):
    copy = json.loads(json.dumps(compose))
    change(copy)
    return copy


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["volumes"].pop("mlflow"), "mlflow: mlflow is not among the volumes"),
        (lambda c: c["networks"].pop("watch"), "prometheus: watch is not among the networks"),
        (lambda c: c.pop("secrets"), "grafana: grafana_password is not among the secrets"),
        (lambda c: c["services"].pop("prometheus"), "grafana: it depends on prometheus, which is no service"),
        (lambda c: c["services"]["page"].update(depends_on=["flights"]), "page: it waits until flights is started"),
        (lambda c: c["services"]["prometheus"].pop("healthcheck"), "grafana: it waits until prometheus is healthy, and"),
        (lambda c: c["services"]["grafana"].update(image="grafana/grafana"), "grafana: grafana/grafana may be another one"),
        (lambda c: c["services"]["grafana"].update(image="localhost:5000/g:latest"), "may be another one tomorrow"),
        (lambda c: c["services"]["flights"].update(ports=["8000:8000"]), "flights: its port 8000:8000 is open to everybody"),
        (lambda c: c["services"]["flights"].update(ports=[{"target": 8000, "published": "8000"}]), "is open to everybody"),
        (lambda c: c["services"]["flights"].update(ports=["0.0.0.0:8000:8000"]), "is open to everybody"),
        (lambda c: c["services"]["grafana"].update(environment=["GF_ADMIN_PASSWORD=admin"]), "GF_ADMIN_PASSWORD stands in"),
        (lambda c: c["services"]["page"]["environment"].update(FLIGHT_API="http://localhost:8000/"), "its own container"),
        (lambda c: c["services"]["page"]["environment"].update(FLIGHT_API="http://flight:8000/"), "flight is no service"),
        (lambda c: c["services"]["page"].update(networks=["watch2"]), "page: watch2 is not among the networks"),
        (lambda c: c["services"]["flights"].update(networks=["watch"]), "page: it asks flights, but they have no network"),
        (lambda c: c["services"]["flights"].update(command=["--registry", "http://registry:5000"]), "registry is no service"),
    ],
)
def test_a_loose_end_is_found(change, says, compose):
    told = compose_check.problems(spoilt(compose, change), healthy=OWN_CHECK)
    assert any(says in each for each in told), told


@pytest.mark.parametrize(
    "service",
    [
        {"image": "a:1", "ports": ["127.0.0.1:80:80"], "volumes": ["./x:/x:ro", "/y:/y", {"type": "bind", "source": "./z"}]},
        {"image": "a@sha256:0", "environment": {"A_PASSWORD_FILE": "/x", "B_TOKEN": "${B_TOKEN}", "C_TOKEN": None}},
        {"build": ".", "environment": ["ADDRESS=https://example.org/x"], "networks": ["default"]},
        {"image": "localhost:5000/a/b:1.2", "ports": [{"target": 80, "host_ip": "127.0.0.1"}], "volumes": ["/only"]},
    ],
)
def test_what_is_fine_is_not_complained_about(service):
    assert compose_check.problems({"services": {"one": service}}) == []
    assert compose_check.problems({}) == []


@pytest.mark.needs("prometheus", "prometheus-alertmanager")
def test_prometheus_and_alertmanager_take_their_files(context):
    for tool, words in (("promtool", ["check", "config", "prometheus.yml"]), ("amtool", ["check-config", "alertmanager.yml"])):
        command = [alert_rules.program(tool), *words]
        told = subprocess.run(command, cwd=context, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr


def test_prometheus_scrapes_the_services_by_their_names(context, compose):
    settings = yaml.safe_load((context / "prometheus.yml").read_text(encoding="utf-8"))
    targets = [t for job in settings["scrape_configs"] for each in job["static_configs"] for t in each["targets"]]
    targets += [t for m in settings["alerting"]["alertmanagers"] for each in m["static_configs"] for t in each["targets"]]
    for host, port in (target.split(":") for target in targets):
        assert host in compose_check.reaches(compose, "prometheus") and port in ("8000", "9093")
    assert {job["job_name"] for job in settings["scrape_configs"]} >= {"flights"}  # the rules ask for it by this
    assert (context / "alerts.yml").read_text(encoding="utf-8") == (containers.HERE / "alerts.yml").read_text(encoding="utf-8")


def test_grafana_gets_the_dashboard_and_where_it_asks(context, compose):
    mounts = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    assert all((context / source).is_file() for source in mounts if source.startswith("./"))
    assert json.loads((context / "grafana" / "flights.json").read_text(encoding="utf-8")) == dashboard.grafana()
    source = yaml.safe_load((context / "grafana" / "datasources.yml").read_text(encoding="utf-8"))["datasources"][0]
    assert {"type": source["type"], "uid": source["uid"]} == dashboard.SOURCE and source["url"] == "http://prometheus:9090"
    provider = yaml.safe_load((context / "grafana" / "dashboards.yml").read_text(encoding="utf-8"))["providers"][0]
    assert Path(mounts["./grafana/flights.json"]).parent.as_posix() == provider["options"]["path"]


def test_what_compose_mounts_is_written(context, compose):
    files = [v.split(":")[0] for s in compose["services"].values() for v in s.get("volumes", []) if v.startswith("./")]
    files += [secret["file"] for secret in compose["secrets"].values()]
    assert len(files) > 5 and all((context / file).is_file() for file in files)


# --- built for real -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """Something that builds; where there is nothing, the test says so by name."""
    storage = tmp_path_factory.mktemp("images")
    found, why = base_image.choose(storage)
    if found is None:
        wanted = os.environ.get("CI") == "true" and sys.platform == "linux" and os.geteuid() == 0
        if not base_image.forbidden() and (wanted or not base_image.why_not()):  # it should work here
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    if found.name == "buildah":
        base_image.make(found, tmp_path_factory.mktemp("base"))
    yield found
    shutil.rmtree(storage, ignore_errors=True)  # over a gigabyte


@pytest.fixture(scope="module")
def image(engine, context, tmp_path_factory):
    """The service's image; its packages are fetched outside, by this machine's own pip with its own settings."""
    wheels, tag = tmp_path_factory.mktemp("wheels"), "localhost/flight-delay-service:test"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    command += ["--dest", str(wheels), "--requirement", str(context / "requirements-service.txt")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-1500:]
    base = base_image.NAME if engine.name == "buildah" else None
    container_engine.build(engine, context, tag, wheels=wheels, base=base)
    return tag


@pytest.mark.parametrize(
    ("absent", "forbidden", "answers", "chosen", "says"),
    [
        ("", False, {"buildah", "docker"}, "buildah", ""),
        ("", True, {"buildah", "docker"}, "docker", ""),
        ("buildah absent", False, {"podman"}, "podman", ""),
        ("buildah absent", False, set(), None, "no docker or podman answers here, and buildah absent"),
        ("", True, {"buildah"}, None, "no docker or podman answers here, and this root may make no mounts"),
        ("", False, {"docker"}, "docker", ""),
    ],
)
def test_where_buildah_cannot_work_another_engine_is_asked(absent, forbidden, answers, chosen, says, monkeypatch, tmp_path):
    monkeypatch.setattr(base_image, "why_not", lambda: absent)
    monkeypatch.setattr(base_image, "forbidden", lambda: forbidden)
    find = lambda names, storage=None: next((container_engine.Engine(name) for name in names if name in answers), None)  # noqa: E731
    monkeypatch.setattr(container_engine, "find", find)
    found, why = base_image.choose(tmp_path)
    assert (found and found.name) == chosen and why.startswith(says) and bool(why) == (chosen is None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def health(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthcheck", trust_env=False).status_code
    except httpx.TransportError:
        return None


def wait_until(done, seconds=40):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def ran(engine, image, january, tmp_path_factory):
    """The image's own command is started, asked, looked at, and told to stop."""
    log, port, rows = (
        tmp_path_factory.mktemp("log") / "log",
        free_port(),
        json.loads(january[0].iloc[:50].to_json(orient="records")),
    )
    with log.open("wb") as out, container_engine.run(engine, image, port, log=out) as process:
        wait_until(lambda: health(port) == 200 or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        answer = httpx.post(f"http://127.0.0.1:{port}/predict", json=rows, trust_env=False)
        inside = [p for p in psutil.Process(process.pid).children(recursive=True) if "helpers.serving" in p.cmdline()]
        users = {p.uids().real for p in inside if not p.cmdline()[0].startswith("buildah")}
    return {"rows": rows, "answer": answer, "users": users, "log": log.read_text(), "code": process.returncode}


@pytest.mark.timeout(600)
def test_the_built_image_is_as_the_dockerfile_says(engine, image):
    about = container_engine.facts(engine, image)
    assert about["user"] == "10001:10001" and about["ports"] == ["8000/tcp"] and about["stop_signal"] == "SIGTERM"
    assert about["command"][:3] == ["python", "-m", "helpers.serving"] and "0.0.0.0" in about["command"]
    assert about["healthcheck"][:2] == ["CMD", "python"] and "8000/healthcheck" in about["healthcheck"][-1]
    assert SECRET not in json.dumps(about)


@pytest.mark.timeout(600)
def test_the_built_service_predicts_as_outside_and_not_as_root(ran, model):
    served = model_source.load(model)
    outside = served.model.probability_late(served.model.encode(ran["rows"]))
    assert ran["answer"].json()["version"] == "1"
    assert np.allclose(ran["answer"].json()["late"], outside, atol=1e-7)
    assert ran["users"] in ({10001}, set())  # docker's processes are not this one's children


@pytest.mark.timeout(600)
def test_told_to_stop_it_finishes_and_ends_well(ran):
    assert ran["code"] == 0, ran["log"]
    assert "1 requests begun, 1 finished" in ran["log"] and "Finished server process" in ran["log"]


@pytest.fixture(scope="module")
def root(engine, image):
    """The image's files, as a folder."""
    if engine.name != "buildah":
        pytest.skip("the files are looked at by buildah")
    container = container_engine._call(engine, "from", "--pull-never", image).strip()
    yield Path(container_engine._call(engine, "mount", container).strip())
    container_engine._call(engine, "rm", container)


@pytest.mark.timeout(600)
def test_nothing_is_left_in_the_image_that_only_built_it(root):
    assert not any((root / name).exists() for name in ("opt/pip", "build", "wheels", "root/.cache", "tmp/.cache"))
    programs = [root / folder / name for folder in ("usr/bin", "usr/local/bin", "opt/venv/bin") for name in ("gcc", "cc", "make")]
    assert not [program for program in programs if program.exists()]
    packages = {path.name.lower() for path in (root / "opt/venv/lib").glob("python*/site-packages/*")}
    assert "onnxruntime" in packages and not packages & {"pip", "setuptools", "wheel", "pytest", "mlflow", "sklearn", "pandas"}
    assert sorted(path.name for path in (root / "app").iterdir()) == ["helpers", "model"]
    assert {path.name for path in (root / "app" / "helpers").iterdir()} == {
        f"{name}.py" for name in ("__init__", *publish.needed("serving")[0])
    }


@pytest.mark.timeout(600)
def test_no_secret_is_in_the_image(root):
    assert not list((root / "app").rglob(".env*")) and not list((root / "app").rglob("grafana_password"))
    texts = [path for folder in ("app", "etc", "data", "tmp") for path in (root / folder).rglob("*") if path.is_file()]
    assert texts and not [path for path in texts if SECRET.encode() in path.read_bytes()]


@pytest.mark.timeout(600)
def test_the_image_adds_little_to_its_base_and_only_data_is_the_users(root):
    added = sum(path.lstat().st_size for name in ("opt", "app", "data") for path in (root / name).rglob("*"))
    assert added < 220 * MB, f"{added / MB:.0f} MB"
    own = [path for name in ("opt", "app", "data") for path in (root / name, *(root / name).rglob("*")) if path.lstat().st_uid]
    assert own == [root / "data"]


def test_an_engine_that_does_not_work_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert container_engine.find() is None
    with pytest.raises(container_engine.EngineError, match="docker is not installed"):
        container_engine.facts(container_engine.Engine("docker"), "x")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
@pytest.mark.parametrize("name", ["docker", "podman", "buildah"])
def test_each_engine_is_told_in_its_own_words(name, tmp_path, monkeypatch):
    """A stand-in writes down what it is told; what the engines then do is not shown by this."""
    program = tmp_path / name
    program.write_text(
        f'#!{sys.executable} -S\nimport sys\nopen(r"{tmp_path}/told", "a").write(" ".join(sys.argv[1:]) + "\\n")\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = container_engine.find([name], storage=tmp_path)
    container_engine.build(engine, tmp_path, "a:1", target="page", wheels=tmp_path, base="b:2")
    told = (tmp_path / "told").read_text().splitlines()[-1]
    assert "--target page --tag a:1" in told and f"wheels={tmp_path}" in told and "PYTHON=b:2" in told
    assert ("--format docker" in told) == (name != "docker") and ("--isolation chroot" in told) == (name == "buildah")


def test_a_build_that_fails_says_what_it_said_last(tmp_path, monkeypatch):
    program = tmp_path / "podman"
    program.write_text(f"#!{sys.executable} -S\nimport sys\nsys.exit('info' not in sys.argv and 'Error: no space left')\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if sys.platform == "win32":
        pytest.skip("the stand-in is a script")
    with pytest.raises(container_engine.EngineError, match="podman build failed: Error: no space left"):
        container_engine.build(container_engine.find(["podman"]), tmp_path, "a:1")


def test_the_mirror_is_the_one_that_apt_names(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    assert base_image.mirror(tmp_path) is None
    text = "Types: deb\n# URIs: http://old.example/debian\nURIs: http://one.example/debian\nSuites: x\nComponents: main\n"
    (tmp_path / "sources.list.d" / "debian.sources").write_text(text)
    assert base_image.mirror(tmp_path) == "http://one.example/debian"
    (tmp_path / "sources.list").write_text("deb [signed-by=/x] http://two.example/debian bookworm main\n")
    assert base_image.mirror(tmp_path) == "http://two.example/debian"


def test_what_only_the_tests_want_is_not_advised_to_a_learner():
    assert "buildah" in install.TEST_PARTS and not set(install.TEST_PARTS) & set(install.SYSTEM_PARTS)


def test_the_page_in_its_container_is_set_as_everywhere(context):
    written = (context / "page" / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    assert (
        f"maxUploadSize = {streamlit_app.SETTINGS['server.maxUploadSize']}" in written and "gatherUsageStats = false" in written
    )


def test_the_board_of_the_exercise_keeps_notes_of_those_who_know_the_word(tmp_path, monkeypatch):
    (tmp_path / "word").write_text("open\n")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes.db"))
    monkeypatch.setenv("BOARD_TOKEN_FILE", str(tmp_path / "word"))
    board = runpy.run_path(str(install.ROOT / "solutions" / "61a_containers" / "board" / "board.py"))
    client = TestClient(board["app"])
    asked = {"flight": "B6 1", "note": "gate 4"}
    assert client.get("/health").json() == {"live": True}
    assert client.post("/notes", params=asked).status_code == 401
    assert client.post("/notes", params=asked, headers={"Authorization": "Bearer open"}).status_code == 200
    assert client.get("/notes").json() == [asked]
