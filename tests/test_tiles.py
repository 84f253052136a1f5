"""The launcher's tiles: each finds the learner's own stores as they are now, and says clearly what is not there yet."""

import subprocess
import sys
import time
import tomllib
import urllib.request
import xml.etree.ElementTree as ET
from importlib.metadata import entry_points
from types import SimpleNamespace

import psutil
import pytest
from tensorboardX import SummaryWriter

from helpers import mlflow_store, prediction_file, services
from helpers.course import install, tile_progress, tile_server, tile_stores, tile_tools, tiles
from helpers.course.progress import record_check
from tests.notebook_files import ROOT
from tests.test_batch import free_port

GROUP = "jupyter_serverproxy_servers"
NAMES = {"progress", *tile_tools.TOOLS}


@pytest.fixture
def workbook(tmp_path):
    for name in ("notebooks/work", "exercises/work", "build/work", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def tracking_store(folder, runs, champion=None):
    import mlflow

    store = mlflow_store.new_store(folder)
    client = mlflow.MlflowClient(store.uri)
    experiment = client.create_experiment("late flights", artifact_location=store.artifacts)
    made = [client.create_run(experiment).info.run_id for _ in range(runs)]
    if champion:
        client.create_registered_model("flight-delay")
        version = client.create_model_version("flight-delay", store.artifacts, run_id=made[0])
        client.set_registered_model_alias("flight-delay", "champion", version.version)


def front(name, workbook, base="/user/x/"):
    own = workbook / ".own"
    own.mkdir(exist_ok=True)
    return tile_server.Front(name, base, workbook, own)


def named(stores):
    return {store.name: store.what for store in stores}


def test_every_tile_is_declared_and_known_to_the_proxy():
    from jupyter_server_proxy.config import ServerProcess

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"][GROUP]
    assert declared == {name: f"helpers.course.tiles:{name}" for name in NAMES}
    installed = {point.name for point in entry_points(group=GROUP) if point.value.startswith("helpers.")}
    assert installed == NAMES, "install again: .venv/bin/python -m pip install --no-deps --no-build-isolation --editable ."
    titles = set()
    for name in NAMES:
        server = ServerProcess(name=name, **getattr(tiles, name)())
        assert {"{port}", "{base_url}"} < set(server.command) and server.new_browser_tab
        assert ET.parse(server.launcher_entry.icon_path).getroot().tag.endswith("svg")
        titles.add(server.launcher_entry.title)
    assert len(titles) == len(NAMES)


def test_what_lessons_left_is_found_newest_first(workbook):
    tracking_store(workbook / "notebooks/work/22a", 2)
    time.sleep(0.05)
    tracking_store(workbook / "exercises/work/mine", 1, champion=True)
    for elsewhere in ("build/work", ".hidden"):
        tracking_store(workbook / elsewhere, 1)
    (workbook / "notebooks/work/mlflow.db").write_text("no database")
    assert named(tile_stores.tracking(workbook)) == {"exercises/work/mine": "1 run", "notebooks/work/22a": "2 runs"}
    assert [store.name for store in tile_stores.tracking(workbook)] == ["exercises/work/mine", "notebooks/work/22a"]
    assert named(tile_stores.models(workbook)) == {"exercises/work/mine": "version 1, the champion of its registry"}


def test_logs_of_a_lesson_are_one_entry(workbook):
    for run in ("notebooks/work/22c/logs/a", "notebooks/work/22c/logs/b", "exercises/logs/c"):
        with SummaryWriter(str(workbook / run)) as writer:
            writer.add_scalar("loss", 1.0, 1)
    assert named(tile_stores.events(workbook)) == {"notebooks/work/22c": "2 runs", "exercises/logs": "1 run"}


def test_a_log_of_predictions_needs_its_quiet_time(workbook):
    for name in ("52", "other"):
        folder = workbook / "notebooks/work" / name
        folder.mkdir()
        prediction_file.connect(folder / "predictions.db", make=True).close()
    (workbook / "notebooks/work/52/quiet.parquet").touch()
    assert named(tile_stores.predictions(workbook)) == {"notebooks/work/52": "0 predictions"}


def test_a_spoilt_model_is_passed_over(workbook):
    from helpers import model_source

    for name in ("good", "spoilt"):
        model_source.save(b"a model", workbook / "notebooks/work" / name, version="3")
    (workbook / "notebooks/work/spoilt/model.onnx").write_bytes(b"another")
    (workbook / "notebooks/work/half").mkdir()
    (workbook / "notebooks/work/half/model.json").write_text("[")
    assert named(tile_stores.models(workbook)) == {"notebooks/work/good": "version 3"}


@pytest.mark.parametrize("name", tile_tools.TOOLS)
def test_no_store_is_told_with_the_lesson_that_makes_one(name, workbook, monkeypatch):
    monkeypatch.setattr(tile_tools.shutil, "which", lambda program: f"/usr/bin/{program}")
    page, lesson = front(name, workbook).page(), tile_tools.TOOLS[name].lesson
    assert f'href="../lab/tree/notebooks/{lesson}.ipynb"' in page and "yet</h1>" in page
    assert (ROOT / "notebooks" / f"{lesson}.ipynb").is_file()
    assert ("Train a small model now" in page) == (name in ("streamlit", "gradio"))


def test_an_absent_program_is_told_with_its_command(workbook, monkeypatch):
    monkeypatch.setattr(tile_tools.shutil, "which", lambda _: None)
    page = front("prometheus", workbook).page()
    assert "Prometheus is not on this machine" in page and install.install_command("prometheus") in page


def test_one_store_is_opened_several_are_offered(workbook):
    tracking_store(workbook / "notebooks/work/a & b", 1)
    asked = "open?store=notebooks/work/a%20%26%20b"
    assert f"0; url={asked}" in front("mlflow", workbook).page()
    tracking_store(workbook / "notebooks/work/22a", 1)
    page = front("mlflow", workbook).page()
    assert "http-equiv" not in page and page.count('href="?store=') == 2
    assert f"0; url={asked}" in front("mlflow", workbook).page("notebooks/work/a & b")
    assert "http-equiv" not in front("mlflow", workbook).page("/etc")


def test_only_a_store_of_the_list_is_opened(workbook):
    for name in ("/etc", "../..", tile_tools.TRIAL, "running:1"):
        with pytest.raises(LookupError):
            front("mlflow", workbook).open(name, "127.0.0.1")


class Started:
    """Stands for a service."""

    def __init__(self, port):
        self.port, self.stopped = port, False

    def stop(self):
        self.stopped = True

    def ended(self):
        return "stopped" if self.stopped else None


def test_one_at_a_time_and_not_twice(workbook, monkeypatch):
    made = []

    def start(path, own):
        made.append(Started(4000 + len(made)))
        return [made[-1]]

    stores = [tile_stores.Store(workbook / name, name, "", 0.0) for name in "ab"]
    tool = tile_tools.Tool("Tool", lambda _: stores, start, "22a_mlflow", "it", landing=("page",))
    monkeypatch.setitem(tile_tools.TOOLS, "mlflow", tool)
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    behind, alone = front("mlflow", workbook), front("mlflow", workbook, base="/")
    assert behind.open("a", "localhost") == behind.open("a", "localhost") == "../proxy/4000/page"
    assert tile_server.os.environ["JUPYTERHUB_SERVICE_PREFIX"] == "/user/x/"
    assert behind.open("b", "localhost") == "../proxy/4001/page" and made[0].stopped
    made[1].stop()
    assert behind.open("b", "localhost") == "../proxy/4002/page"
    assert alone.open("a", "127.0.0.1:8888") == "http://127.0.0.1:4003/page"
    assert "JUPYTERHUB_SERVICE_PREFIX" not in tile_server.os.environ
    assert alone.open("a", "lab.example:8888") == "../proxy/4004/page"


def fetch(port, path=""):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_what_a_program_says_is_shown(workbook, monkeypatch):
    def start(path, own):
        raise services.ServiceError("It said <no>.")

    store = tile_stores.Store(workbook, "a", "", 0.0)
    monkeypatch.setitem(tile_tools.TOOLS, "mlflow", tile_tools.Tool("Tool", lambda _: [store], start, "22a_mlflow", "it"))
    server = tile_server._Server(("127.0.0.1", 0), type("Handler", (tile_server.Handler,), {"front": front("mlflow", workbook)}))
    with server:
        import threading

        threading.Thread(target=server.serve_forever, daemon=True).start()
        status, page = fetch(server.server_address[1], "open?store=a")
        assert status == 500 and "It said &lt;no&gt;." in page and "Try again" in page
        assert fetch(server.server_address[1], "open?store=gone")[0] == 200  # back at the first page
        server.shutdown()


def test_it_answers_at_once_and_ends_with_its_parent(workbook):
    port = free_port()
    start = f"""
import subprocess, sys, time
command = [sys.executable, "-m", "helpers.course.tile_server", "tensorboard"]
child = subprocess.Popen([*command, "--port", "{port}", "--base", "/user/x/"])
print(child.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", start], cwd=workbook, stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        deadline = time.monotonic() + 60
        while True:
            try:
                status, page = fetch(port)
                break
            except OSError:
                assert time.monotonic() < deadline, "the page did not come"
                time.sleep(0.1)
        assert status == 200 and "Nothing for TensorBoard yet" in page
        assert [link.laddr.ip for link in child.net_connections("tcp") if link.laddr.port == port][0] == "127.0.0.1"
        parent.kill()
    assert not psutil.wait_procs([child], timeout=20)[1], "it went on without the Jupyter server"


def test_a_lesson_that_runs_prometheus_is_offered(workbook, monkeypatch):
    def process(name, cwd, port, at):
        line = ["prometheus", f"--web.listen-address=127.0.0.1:{port}"]
        return SimpleNamespace(name=lambda: name, cwd=lambda: str(cwd), cmdline=lambda: line, create_time=lambda: at)

    inside = workbook / "notebooks"
    every = [process("prometheus", inside, 9001, 1.0), process("prometheus.exe", inside, 9002, 2.0)]
    every += [process("prometheus", workbook.parent, 9003, 3.0), process("python", inside, 9004, 4.0)]
    monkeypatch.setattr(tile_tools.psutil, "process_iter", lambda: every)
    monkeypatch.setattr(tile_tools.shutil, "which", lambda program: program)
    assert tile_tools.running(tile_tools.TOOLS["prometheus"], workbook) == [9002, 9001]
    assert front("prometheus", workbook).page().count("The one that a lesson runs now") == 2
    assert tile_tools.running(tile_tools.TOOLS["mlflow"], workbook) == []


def test_progress_is_that_of_now():
    from datetime import UTC, datetime

    page = tile_progress.Front({"22a": {"22a.1": "One", "22a.2": "Two <b>"}})
    assert "0 of 2 questions passed." in page.page()
    record_check("22a.1", "passed", datetime(2026, 1, 1, tzinfo=UTC))
    assert "1 of 2 questions passed." in page.picture() and "Two &lt;b&gt;" in page.picture()
