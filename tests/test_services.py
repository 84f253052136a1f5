"""helpers.services: real servers, real deaths. Every test ends with nothing left running."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
import urllib.error
import urllib.request

import psutil
import pytest

from helpers import _guardian, services

pytestmark = pytest.mark.timeout(90)
posix = pytest.mark.skipif(os.name != "posix", reason="forks and signals as on Linux and macOS")

PAGE = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]

# A server with a grandchild whose own parent has gone and that left the session: nothing but its environment tells whose it is.
FAMILY = """
import pathlib, subprocess, sys, http.server
child = '''
import subprocess, sys
apart = {"creationflags": 0x208} if sys.platform == "win32" else {"start_new_session": True}
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], stdout=subprocess.DEVNULL, **apart)
print(grandchild.pid)
'''
grandchild = subprocess.run([sys.executable, "-c", child], stdout=subprocess.PIPE, text=True).stdout
pathlib.Path(sys.argv[2]).write_text(grandchild)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""

# The notebook's process, with its end still open.
PARENT = """
import os, signal, sys, time
import psutil
from helpers import services
service = services.start("family", [sys.executable, "-c", {family!r}, "{{port}}", "grandchild"], ready="/")
print(service.port, service.pid, flush=True)
{end}
"""


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    """All that a test starts has this folder for its temporary files, and is found by that."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("TEMP", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    assert within(5, lambda: not still_there(tmp_path)), still_there(tmp_path)
    assert services._running == {}
    assert within(2, lambda: not list(tmp_path.glob("service-*")))


def still_there(folder):
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mine = str(folder) in (process.environ().get("TMPDIR"), process.environ().get("TEMP"))
            if mine and process.pid != os.getpid() and _guardian.alive(process):
                found.append(" ".join(process.cmdline()))
    return found


def within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return answer.read().decode()


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def runs(pid):
    return psutil.pid_exists(pid) and _guardian.alive(psutil.Process(pid))


def parent(end, **options):
    script = PARENT.format(family=FAMILY, end=end)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_it_is_ready_when_it_is_returned_and_gone_when_it_is_stopped(capfd):
    service = services.start("page", PAGE, ready="/")
    assert "Directory listing" in get(service.local_url)
    assert runs(service.pid)
    assert repr(service) == f"page is running: http://127.0.0.1:{service.port}/"
    assert '"GET / HTTP/1.1" 200' in service.log()
    service.stop()
    assert not answers(service.port)
    assert not runs(service.pid)
    assert repr(service) == service._repr_html_() == "page has stopped."
    assert '"GET / HTTP/1.1" 200' in service.log()
    begun = time.monotonic()
    service.stop()
    assert time.monotonic() - begun < 0.5
    assert capfd.readouterr() == ("", "")


def test_files_of_its_own_come_and_go_with_it(tmp_path):
    files = {"hej.txt": "å"}
    with services.start("page", [*PAGE, "--directory", "{folder}"], ready="/hej.txt", files=files) as service:
        assert get(service.local_url + "hej.txt") == "å"
        assert len(list(tmp_path.glob("service-*/own/hej.txt"))) == 1
    assert not list(tmp_path.glob("service-*"))


@pytest.mark.parametrize("prefix", ["/user/x/", "/user/x"])
def test_the_url_goes_through_the_hub_where_there_is_one(monkeypatch, prefix):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", prefix)
    with services.start("page <1>", PAGE, ready="/") as service:
        assert service.url == f"/user/x/proxy/{service.port}/"
        assert service.local_url == f"http://127.0.0.1:{service.port}/"
        assert f'page &lt;1&gt; is running: <a href="{service.url}"' in service._repr_html_()


def test_without_a_hub_the_url_is_the_local_one():
    with services.start("page", PAGE, ready="/") as service:
        assert service.url == service.local_url
        assert f'href="http://127.0.0.1:{service.port}/"' in service._repr_html_()


def test_an_exception_in_the_block_ends_the_server():
    with pytest.raises(ZeroDivisionError), services.start("page", PAGE, ready="/") as service:
        raise ZeroDivisionError
    assert not answers(service.port)


@pytest.mark.parametrize(
    "end",
    [
        "psutil.Process().kill()",
        "os._exit(1)",
        "os.abort()",
        "psutil.Process().terminate(); time.sleep(5)",
        "raise ValueError",
        "sys.exit(0)",
    ],
)
def test_the_death_of_the_parent_ends_the_whole_family(tmp_path, end):
    with parent(end) as process:
        port, pid = map(int, process.communicate(timeout=30)[0].split())
    died = time.monotonic()
    grandchild = int((tmp_path / "grandchild").read_text())
    assert within(5, lambda: not (answers(port) or runs(pid) or runs(grandchild)))
    assert time.monotonic() - died < 5


@posix
def test_a_fork_that_outlives_the_parent_does_not_save_the_server(tmp_path):
    fork = """
child = os.fork()
if not child:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
psutil.Process().kill()
"""
    with parent(fork) as process:
        port, pid = map(int, process.stdout.readline().split())
        child = int(process.stdout.readline())
        process.wait(10)
        try:
            grandchild = int((tmp_path / "grandchild").read_text())
            assert runs(child)
            assert within(5, lambda: not (answers(port) or runs(pid) or runs(grandchild)))
        finally:
            os.kill(child, signal.SIGKILL)


@posix
def test_a_fork_neither_ends_the_server_nor_delays_its_stop():
    fork = """
child = os.fork()
if not child:
    sys.exit(0)
os.waitpid(child, 0)
other = os.fork()
if not other:
    time.sleep(60)
    os._exit(0)
print(psutil.Process(service.pid).status() != "zombie" and services._connects(service.port))
begun = time.monotonic()
service.stop()
print(time.monotonic() - begun < 2)
os.kill(other, signal.SIGKILL)
"""
    with parent(fork) as process:
        said, wrong = process.communicate(timeout=30)
    assert said.split()[2:] == ["True", "True"], wrong


@posix
def test_an_interrupt_of_the_notebook_does_not_reach_the_server():
    interrupt = """
try:
    os.killpg(0, signal.SIGINT)
    time.sleep(5)
except KeyboardInterrupt:
    time.sleep(1)
    print(services._connects(service.port), service)
"""
    with parent(interrupt, start_new_session=True) as process:
        said, wrong = process.communicate(timeout=30)
    assert "\nTrue family is running" in said, said + wrong


def test_a_kernel_restart_ends_the_server():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        code = f"from helpers import services; page = services.start('page', {PAGE!r}, ready='/'); print(page.port)"
        said = []
        client.execute_interactive(code, timeout=30, output_hook=said.append)
        port = int(next(m["content"]["text"] for m in said if m["msg_type"] == "stream"))
        manager.interrupt_kernel()
        client.execute_interactive("1", timeout=30, output_hook=said.append)
        assert answers(port)
        manager.restart_kernel(now=True)
        assert within(5, lambda: not answers(port))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_the_same_name_again_leaves_one_server():
    first = services.start("page", PAGE, ready="/")
    second = services.start("page", PAGE, ready="/")
    other = services.start("another page", PAGE, ready="/")
    assert not runs(first.pid) and runs(second.pid) and runs(other.pid)
    first.stop()
    assert runs(second.pid)
    services._stop_all()
    assert not answers(second.port) and not answers(other.port)


def test_a_program_that_ends_at_once_shows_its_log():
    program = [sys.executable, "-c", "print('no such model: late.onnx'); raise SystemExit(3)"]
    with pytest.raises(services.ServiceError, match="(?s)^app ended by itself with exit code 3.*no such model: late.onnx"):
        services.start("app", program)


def test_a_program_that_is_not_there():
    with pytest.raises(services.ServiceError, match="^app cannot be started: .*no-such-program"):
        services.start("app", ["no-such-program", "{port}"])


@pytest.mark.parametrize("command", ["python -m http.server", [], None])
def test_a_command_that_is_no_list(command):
    with pytest.raises(services.ServiceError, match="^The command of app is .*; expected a list"):
        services.start("app", command)


@pytest.mark.parametrize(
    ("command", "ready", "reason"),
    [
        ([sys.executable, "-c", "import time; print('thinking'); time.sleep(60)"], "/", "nothing listens there.*thinking"),
        (PAGE, "/health", "it answers HTTP 404"),
    ],
)
def test_a_server_that_does_not_become_ready(command, ready, reason):
    with pytest.raises(services.ServiceError, match=f"(?s)^app was not ready within 6 s: .*{ready} was asked, {reason}"):
        services.start("app", command, ready=ready, timeout=6)


def test_a_server_that_listens_beyond_this_machine_is_refused():
    with pytest.raises(services.ServiceError, match=r"app listens on 0\.0\.0\.0: it must listen on 127\.0\.0\.1 alone"):
        services.start("app", [*PAGE[:-1], "0.0.0.0"], ready="/")


def test_an_interrupt_while_it_starts_leaves_nothing(monkeypatch, tmp_path):
    def interrupted(port):
        if list(tmp_path.glob("service-*/started")):
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(services, "_connects", interrupted)
    with pytest.raises(KeyboardInterrupt):
        services.start("page", PAGE, ready="/")


@contextlib.contextmanager
def foreign(port):
    with socket.create_server(("127.0.0.1", port)) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_was_taken_meanwhile_is_not_mistaken(monkeypatch):
    launch, taken = services._launch, []
    with contextlib.ExitStack() as others:

        def too_late(name, command, port, *rest):
            if not taken:
                taken.append(others.enter_context(foreign(port)))
            return launch(name, command, port, *rest)

        monkeypatch.setattr(services, "_launch", too_late)
        with services.start("page", PAGE, ready="/") as service:
            assert service.port not in taken
            assert "Directory listing" in get(service.local_url)


def test_a_port_asked_for_is_given_or_refused():
    with foreign(0) as port, pytest.raises(services.ServiceError, match=f"^page cannot have port {port}: another program"):
        services.start("page", PAGE, ready="/", port=port)
    with services.start("page", PAGE, ready="/", port=port) as service:
        assert service.port == port


def test_a_killed_guardian_does_not_save_the_server(tmp_path):
    service = services.start("family", [sys.executable, "-c", FAMILY, "{port}", "grandchild"], ready="/")
    psutil.Process(service._guardian.pid).kill()
    service.stop()
    assert not answers(service.port)
    assert not runs(int((tmp_path / "grandchild").read_text()))


@posix
def test_a_server_that_does_not_listen_to_reason_is_killed():
    deaf = "import signal, http.server, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    deaf += "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()"
    service = services.start("deaf", [sys.executable, "-c", deaf, "{port}"], ready="/")
    begun = time.monotonic()
    service.stop()
    assert _guardian.GRACE < time.monotonic() - begun < _guardian.GRACE + 2
    assert not runs(service.pid)


def test_a_server_that_crashes_later_still_has_a_log():
    service = services.start("page", PAGE, ready="/")
    psutil.Process(service.pid).kill()
    assert within(5, lambda: repr(service) == "page has stopped.")
    assert '"GET / HTTP/1.1" 200' in service.log()
    service.stop()


def test_environment_and_folder_are_as_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("NOT_FOR_IT", "x")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "here.txt").write_text("")
    say = "import os, runpy, sys; print(os.environ['FOR_IT'], 'NOT_FOR_IT' in os.environ); sys.argv = ['', *sys.argv[1:]]; "
    say += "runpy.run_module('http.server', run_name='__main__')"
    command = [sys.executable, "-c", say, *PAGE[3:]]
    env = {"FOR_IT": "é", "NOT_FOR_IT": None, "PYTHONUTF8": "1"}
    with services.start("page", command, ready="/", env=env, cwd="inside") as page:
        assert page.log().startswith("é False")
        assert "here.txt" in get(page.local_url)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A tracking store with one experiment and one run."""
    import mlflow

    folder = tmp_path_factory.mktemp("store with spaces")
    client = mlflow.MlflowClient(f"sqlite:///{(folder / 'mlflow.db').as_posix()}")
    experiment = client.create_experiment("flight-delay", artifact_location=(folder / "artifacts").as_uri())
    run = client.create_run(experiment, run_name="first")
    client.log_text(run.info.run_id, "late again", "note.txt")
    return folder


def experiments(base, **headers):
    found = json.loads(get(f"{base}ajax-api/2.0/mlflow/experiments/search?max_results=9", **headers))
    return {experiment["name"] for experiment in found["experiments"]}


def test_mlflow_ui_shows_the_store(store, monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_STATIC_PREFIX", "/elsewhere")
    before = sorted(path.name for path in store.iterdir())
    ui = services.mlflow_ui(types.SimpleNamespace(uri=f"sqlite:///{(store / 'mlflow.db').as_posix()}"))
    try:
        assert get(f"{ui.local_url}health") == "OK"
        assert experiments(ui.local_url) >= {"flight-delay"}
        assert "<title>MLflow</title>" in get(ui.url)
        with pytest.raises(urllib.error.HTTPError, match="403"):  # no web page elsewhere may ask it
            experiments(ui.local_url, Host="elsewhere.example.org")
        assert capfd.readouterr() == ("", "")
        memory = [process.memory_full_info() for process in _guardian.family(psutil.Process(ui.pid), str(ui._folder))]
        megabytes = sum(getattr(m, "pss", m.uss) for m in memory) / 1e6  # shared pages once
        print(f"memory of MLflow's {len(memory)} processes: {megabytes:.0f} MB")
        assert megabytes < 500
        begun = time.monotonic()
    finally:
        ui.stop()
    assert time.monotonic() - begun < 2 * _guardian.GRACE + 6  # 1.3 s on a quiet machine
    assert sorted(path.name for path in store.iterdir()) == before
    assert list(tmp_path.iterdir()) == []


def test_mlflow_ui_through_the_proxy_of_a_hub(store, monkeypatch, tmp_path):
    hub = [
        sys.executable,
        "-m",
        "jupyter",
        "server",
        "--ip=127.0.0.1",
        "--port={port}",
        "--no-browser",
        "--allow-root",
        "--ServerApp.port_retries=0",
        "--ServerApp.base_url=/user/x/",
        "--IdentityProvider.token=",
        "--ServerApp.allow_remote_access=True",
    ]
    own = {name: str(tmp_path) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    with services.start("hub", hub, ready="/user/x/api", env=own) as front:
        monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/x/")
        with services.mlflow_ui(store) as ui:
            page = front.local_url.rstrip("/") + ui.url
            outside = {"Host": "hub.example.org", "Origin": "https://hub.example.org"}
            html = get(page, **outside)
            script = html.split('<script defer="defer" src="')[1].split('"')[0]
            assert not script.startswith("/"), "an absolute path would miss the proxy"
            assert len(get(page + script, **outside)) > 1_000_000
            assert experiments(page, **outside) >= {"flight-delay"}
            search = urllib.request.Request(
                f"{page}ajax-api/2.0/mlflow/runs/search",
                b'{"experiment_ids": ["1"]}',
                {**outside, "Content-Type": "application/json"},
            )
            with urllib.request.urlopen(search, timeout=10) as answer:
                run = json.load(answer)["runs"][0]["info"]
            assert run["run_name"] == "first"
            assert get(f"{page}get-artifact?path=note.txt&run_uuid={run['run_id']}", **outside) == "late again"


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("sqlite:///absent/mlflow.db", r"There is no tracking store at .*absent.mlflow\.db"),
        ("absent", "There is no tracking store at .*absent"),
        (services.Path("."), r"There is no tracking store at .*mlflow\.db"),
        ("http://127.0.0.1:5000", "expected one like"),
        ("sqlite://", "expected one like"),
        (None, "The store is None; expected"),
        (7, "The store is 7; expected"),
    ],
)
def test_a_store_that_is_none_makes_nothing(tmp_path, store, message):
    with pytest.raises(services.ServiceError, match=message) as caught:
        services.mlflow_ui(store)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
