"""The folders for the platforms: each runs in a fresh environment of its own pins; nothing goes out unasked."""

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from helpers import flights, modeling, onnx_model, publish, streamlit_app
from helpers.course import extras
from tests.browser import chromium, upload

KINDS = list(publish.ENTRIES)


@pytest.fixture(scope="module")
def frame():
    X, y = flights.features_and_target(flights.load(1))
    return X, y


@pytest.fixture(scope="module")
def spaces(frame, tmp_path_factory):
    content = onnx_model.convert(modeling.make_model(n_steps=20).fit(*frame))
    where = tmp_path_factory.mktemp("spaces")
    return {kind: publish.make_space(where / kind, kind, content, version="4") for kind in KINDS}


def clean(**more):
    """An environment that leads nobody back to the workbook."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV", "HF_"))} | more


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_runs_alone(kind, spaces, frame, tmp_path):
    python = extras.make_environment(tmp_path / "venv", spaces[kind] / "requirements.txt")
    asked = "import helpers, importlib.metadata as m; print(helpers.__file__, [d.name for d in m.distributions()])"
    told = subprocess.run([python, "-c", asked], cwd=spaces[kind], env=clean(), capture_output=True, text=True, check=True)
    assert told.stdout.startswith(str(spaces[kind])) and "workbook" not in told.stdout
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    options = ["--server.address", "127.0.0.1", "--server.port", port, "--server.headless", "true"]
    command = {"huggingface": ["app.py"], "streamlit": ["-m", "streamlit", "run", "streamlit_app.py", *options]}[kind]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [python, *command], cwd=spaces[kind], env=clean(GRADIO_SERVER_PORT=port), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/", process, tmp_path / "log")
        with chromium() as context:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            app = "gradio" if kind == "huggingface" else "streamlit"
            told = upload(page, app, "flights.csv", frame[0].head(50).to_csv(index=False).encode())
            assert "50 flights forecast by model version 4" in told and not context.wrong
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(address, process, log):
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_holds_what_the_platform_asks_for(kind, spaces):
    folder = spaces[kind]
    pins = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    locked = publish.LOCK.read_text(encoding="utf-8")
    assert all(f"\n{pin} " in locked for pin in pins) and len(pins) < 20
    assert {"mlflow", "scikit-learn", "onnx"}.isdisjoint(pin.split("==")[0] for pin in pins)
    assert not list(folder.glob("helpers/flights.py")) and (folder / publish.ENTRIES[kind]).is_file()
    compile((folder / publish.ENTRIES[kind]).read_text(encoding="utf-8"), "entry", "exec")


def test_the_readmes_front_matter(spaces):
    import yaml

    _, front, text = (spaces["huggingface"] / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    told = yaml.safe_load(front)
    pins = (spaces["huggingface"] / "requirements.txt").read_text(encoding="utf-8")
    assert told["sdk"] == "gradio" and told["app_file"] == "app.py" and told["license"] == "mit"
    assert f"gradio=={told['sdk_version']}\n" in pins and told["python_version"] == "3.11" and "15 or more minutes" in text


def test_the_settings_are_the_apps(spaces):
    import tomllib

    told = tomllib.loads((spaces["streamlit"] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    flat = {f"{part}.{name}": str(value).lower() for part, values in told.items() for name, value in values.items()}
    assert flat.items() <= streamlit_app.SETTINGS.items()


def test_a_folder_in_use_and_a_kind_unknown(tmp_path):
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(publish.PublishError, match="is not empty"):
        publish.make_space(tmp_path, "huggingface", b"")
    with pytest.raises(publish.PublishError, match="expected one of huggingface, streamlit"):
        publish.make_space(tmp_path / "new", "heroku", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


# --- the guard ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch):
    """Stands where Hugging Face would be, on this machine, refuses everything, and notes what it is asked."""
    asked = []

    class Refuses(http.server.BaseHTTPRequestHandler):
        def answer(self):
            asked.append((self.command, self.path, self.headers.get("authorization")))
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(401)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield asked
        server.shutdown()


def run(*arguments):
    command = [sys.executable, "-m", "helpers.publish", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


GUARDED = {
    "not asked to": (["--to", "owner/name"], "With --yes, 1"),
    "no token": (["--to", "owner/name", "--yes"], "There is no HF_TOKEN"),
    "no owner": (["--to", "name", "--yes"], "expected owner/name"),
}


@pytest.mark.parametrize("case", GUARDED)
def test_nothing_goes_out_unasked(case, hub, spaces):
    options, says = GUARDED[case]
    told = run("huggingface", spaces["huggingface"], *options)
    assert told.returncode == 1 and told.stdout == "" and says in told.stderr and told.stderr.count("\n") == 1
    assert told.stderr.startswith("Nothing was published. ") and not hub


def test_what_would_go_where_is_said(hub, spaces):
    told = run("huggingface", spaces["huggingface"], "--to", "owner/name").stderr
    assert "files (" in told and "of huggingface" in told and "the private Space owner/name on Hugging Face" in told


def test_with_everything_given_it_asks_once_and_tells_the_refusal(hub, spaces, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    told = run("huggingface", spaces["huggingface"], "--to", "owner/name", "--yes")
    assert told.returncode == 1 and told.stderr.startswith("Nothing was published. Hugging Face did not take it: ")
    assert told.stderr.count("\n") == 1 and "hf_secret" not in told.stderr
    assert hub and hub[0][0] == "POST" and hub[0][1] == "/api/repos/create" and hub[0][2] == "Bearer hf_secret"


def test_a_folder_of_another_kind_is_refused(spaces):
    told = run("huggingface", spaces["streamlit"], "--to", "owner/name", "--yes")
    assert told.returncode == 1 and "There is no app.py in streamlit" in told.stderr


def test_streamlit_goes_through_git(spaces, tmp_path, monkeypatch):
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@localhost")
    told = run("streamlit", spaces["streamlit"], "--to", "owner/name")
    assert told.returncode == 1 and "git push --quiet https://github.com/owner/name.git main" in told.stderr
    assert not (spaces["streamlit"] / ".git").exists()
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", remote], check=True)
    told = run("streamlit", spaces["streamlit"], "--to", "owner/name", "--remote", remote, "--yes")
    assert told.returncode == 0, told.stderr
    files = subprocess.run(
        ["git", "--git-dir", remote, "ls-tree", "-r", "--name-only", "main"], capture_output=True, text=True, check=True
    )
    assert {"streamlit_app.py", "requirements.txt", "model/model.onnx"} <= set(files.stdout.split())
    told = run("streamlit", spaces["streamlit"], "--to", "owner/name", "--remote", tmp_path / "absent.git", "--yes")
    assert told.returncode == 1 and "failed" in told.stderr and told.stderr.count("\n") == 1
