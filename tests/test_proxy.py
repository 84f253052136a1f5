"""Every server of the lessons as a visitor of Binder meets it: below /user/x/proxy/PORT/, under a name that no server knows."""

import contextlib
import json
import os
import shutil
import sys

import httpx
import mlflow
import pytest
import yaml

from helpers import (
    alert_rules,
    alerting,
    dashboard_app,
    feedback_app,
    flights,
    mail_and_chat,
    mlflow_store,
    model_source,
    modeling,
    monitor,
    services,
    serving,
    tool_trials,
)
from helpers.course import lab
from tests.test_jupyterlab import CHROMIUM, PICTURES

pytestmark = pytest.mark.timeout(90)
HOST = "hub.example.org"  # only Chromium's own table of names knows it, and there it is this machine
NAMES = f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
# What fails in each of these pages, and why that is let pass.
KNOWN = {
    "mlflow": "users/current",  # without a proxy too: see the test
    "tensorboard": "/font-roboto/",  # its style sheet asks for an absolute path; the browser takes another type face
}


@pytest.fixture(scope="module", autouse=True)
def hosted():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/x/")
        yield


@pytest.fixture(scope="module")
def hub(hosted, tmp_path_factory):
    """A Jupyter server where a hub would put it, with the settings of `binder/start`."""
    own = tmp_path_factory.mktemp("jupyter")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    env = {name: str(own) for name in names} | {"JUPYTER_CONFIG_PATH": lab.environment()["JUPYTER_CONFIG_PATH"]}
    command = [
        sys.executable, "-m", "jupyter", "server", "--ip=127.0.0.1", "--port={port}", "--no-browser", "--allow-root",
        "--ServerApp.port_retries=0", "--ServerApp.base_url=/user/x/", "--IdentityProvider.token=",
        "--ServerApp.allow_remote_access=True", f"--ServerApp.root_dir={own}",
    ]  # fmt: skip
    with services.start("hub", command, ready="/user/x/api", env=env) as front:
        yield front


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*CHROMIUM, NAMES])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(30_000)
        yield context
        browser.close()


@pytest.fixture
def visit(hub, chromium):
    """Opens a server's page through the hub and gives the page, and the list of all that goes wrong in it."""

    @contextlib.contextmanager
    def visit(service, path=""):
        page, wrong = chromium.new_page(), []
        below = f"{HOST}:{hub.port}/user/x/proxy/{service.port}/"
        page.on("request", lambda request: _note(wrong, request.url, below))
        page.on("response", lambda reply: wrong.append(f"{reply.status} {reply.url}") if reply.status >= 400 else None)
        page.on("websocket", lambda socket: _note(wrong, socket.url, below))
        page.on("websocket", lambda socket: socket.on("socketerror", lambda error: wrong.append(f"{socket.url}: {error}")))
        try:
            page.goto(f"http://{HOST}:{hub.port}{service.url}{path}")
            yield page, wrong
            page.screenshot(path=PICTURES / f"proxy_{service.name.split()[-1]}.png")
        finally:
            page.close()

    return visit


def _note(wrong, url, below):
    if url.startswith(("http", "ws")) and url.partition("://")[2].partition(below)[0]:
        wrong.append(f"beyond {url}")


@pytest.fixture
def ask(hub):
    """Asks a server through the hub, as a program would."""
    with httpx.Client(base_url=hub.local_url, headers={"Host": f"{HOST}:{hub.port}"}, timeout=30, trust_env=False) as client:
        yield lambda service, path, **more: client.request(
            "POST" if more else "GET", f"/user/x/proxy/{service.port}/{path}", **more
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with all that the servers read."""
    folder = tmp_path_factory.mktemp("place")
    table = flights.load([2, 3]).sample(16_000, random_state=0).sort_values("scheduled_departure", ignore_index=True)
    X, y = flights.features_and_target(table)
    model = modeling.make_model(n_steps=20).fit(X, y)
    model_source.save(model, folder / "model", "7")
    table.loc[X.index].assign(probability=modeling.probability_late(model, X)).to_parquet(folder / "quiet.parquet")
    (folder / "flight.json").write_text(X.iloc[[0]].to_json(orient="records", lines=True), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def api(hosted, place):
    with serving.start(place / "model", log=place / "predictions.db") as api:
        flight = json.loads((place / "flight.json").read_text(encoding="utf-8"))
        assert httpx.post(f"{api.local_url}predict", json=flight, trust_env=False).status_code == 200
        yield api


@pytest.fixture(scope="module")
def prometheus(api):
    rule = {"alert": "AnswersGiven", "expr": "up > 0"}
    with alerting.prometheus({"flights": api}, {"groups": [{"name": "one", "rules": [rule]}]}, every=0.2) as watch:
        yield watch


# --- what is wrong is seen ------------------------------------------------------------------------------------------------

WRONG = {
    "a script at the hub's own root": ("<script src='/page.js'></script>", "404 "),
    "a style sheet at the hub's own root": ("<link rel=stylesheet href='/user/x/page.css'>", "beyond "),
    "a script from elsewhere": ("<script src='https://cdn.example.com/page.js'></script>", "beyond https://cdn."),
    "a call to what is not there": ("<script>fetch('api/nothing')</script>", "404 "),
    "a socket to the hub's own root": ("<script>new WebSocket(`ws://${location.host}/stream`)</script>", "beyond ws://"),
}


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("what", WRONG)
def test_a_page_that_does_not_fit_is_seen(what, visit, tmp_path):
    body, told = WRONG[what]
    (tmp_path / "index.html").write_text(f"<link rel=icon href='data:,'><p>A page{body}", encoding="utf-8")
    command = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with services.start("page", command, ready="/") as server, visit(server) as (page, wrong):
        page.get_by_text("A page").wait_for()
        page.wait_for_timeout(300)
    assert any(line.startswith(told) for line in wrong), wrong


@pytest.mark.needs("chromium", "prometheus")
def test_a_prometheus_that_was_not_told_where_it_is_shown_is_seen(visit):
    """As in a container: see lesson 61a, whose Prometheus is asked by code alone."""
    command = [alert_rules.program("prometheus"), "--config.file={folder}/prometheus.yml", "--storage.tsdb.path={folder}/data"]
    command += ["--web.listen-address=127.0.0.1:{port}"]
    files = {"prometheus.yml": "scrape_configs: []\n"}
    with services.start("bare", command, ready="/-/ready", files=files) as bare, visit(bare) as (page, wrong):
        page.wait_for_timeout(500)
    assert wrong


# --- pages ----------------------------------------------------------------------------------------------------------------


@pytest.mark.needs("chromium")
def test_mlflow(visit, tmp_path):
    store = mlflow_store.new_store(tmp_path / "store")
    client = mlflow.MlflowClient(store.uri)
    experiment = client.create_experiment("flight-delay", artifact_location=(tmp_path / "store/artifacts").as_uri())
    run = client.create_run(experiment, run_name="the first run")
    client.log_metric(run.info.run_id, "auc", 0.7)
    client.set_terminated(run.info.run_id)
    with services.mlflow_ui(store) as ui:
        assert httpx.get(f"{ui.local_url}ajax-api/2.0/mlflow/{KNOWN['mlflow']}", trust_env=False).status_code == 404
        with visit(ui, "#/experiments") as (page, wrong):
            page.get_by_text("flight-delay").first.wait_for()
            page.goto(f"{page.url.partition('#')[0]}#/experiments/{experiment}/runs/{run.info.run_id}")
            page.get_by_text("the first run").first.wait_for()
            page.get_by_text("auc").first.wait_for()
    assert [line for line in wrong if KNOWN["mlflow"] not in line] == []


@pytest.mark.needs("chromium")
def test_tensorboard(visit, tmp_path):
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(tmp_path / "logs" / "a-run")) as writer:
        for step in range(5):
            writer.add_scalar("loss", 1 / (step + 1), step)
    with services.tensorboard(tmp_path / "logs") as board, visit(board) as (page, wrong):
        page.get_by_text("a-run").first.wait_for()
        page.get_by_text("loss").first.wait_for()
    assert [line for line in wrong if KNOWN["tensorboard"] not in line] == []


@pytest.mark.needs("chromium")
def test_a_gradio_page_that_knows_nothing_of_hubs(visit, place):
    with tool_trials.start("gradio", place).service as form, visit(form) as (page, wrong):
        page.get_by_role("button", name="Submit").click()
        page.wait_for_function("() => [...document.querySelectorAll('input')].some(i => i.value > 0 && i.value < 1)")
    assert wrong == []


@pytest.mark.needs("chromium")
def test_a_streamlit_page_that_knows_nothing_of_hubs(visit, place):
    with tool_trials.start("streamlit", place).service as form, visit(form) as (page, wrong):
        page.get_by_role("button", name="Forecast").click()
        page.get_by_text("chance", exact=False).first.wait_for()
    assert wrong == []


@pytest.mark.needs("chromium")
def test_the_feedback_page(visit, api, place):
    with feedback_app.start(place / "predictions.db") as app, visit(app) as (page, wrong):
        page.get_by_label("Your name").fill("gate 7")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Not late").wait_for()  # it came by the socket
    assert wrong == []


@pytest.mark.needs("chromium", "prometheus")
def test_the_dashboard(visit, prometheus):
    with dashboard_app.start(prometheus.local_url) as app, visit(app) as (page, wrong):
        page.get_by_text("firing").first.wait_for()
    assert wrong == []


@pytest.mark.needs("chromium", "prometheus")
def test_prometheus(visit, prometheus):
    assert prometheus.url.startswith(f"/user/x/proxy/{prometheus.port}/")
    with visit(prometheus) as (page, wrong):
        page.get_by_role("link", name="Alerts").first.click()
        page.get_by_text("AnswersGiven").first.wait_for()
    assert wrong == []


# --- programs -------------------------------------------------------------------------------------------------------------


def test_the_flight_service_and_its_page_of_docs(ask, api, place):
    assert api.url == f"/user/x/proxy/{api.port}/"
    flight = json.loads((place / "flight.json").read_text(encoding="utf-8"))
    assert ask(api, "healthcheck").json()["version"] == "7"
    assert (
        ask(api, "predict", json=flight).json()["late"]
        == httpx.post(f"{api.local_url}predict", json=flight, trust_env=False).json()["late"]
    )
    assert ask(api, "predict", json={"temp": 1}).status_code == 422
    assert 'route="/predict"' in ask(api, "metrics").text
    assert f"'{api.url}openapi.json'" in ask(api, "docs").text  # the page asks for it by its whole path
    assert ask(api, "openapi.json").json()["servers"] == [{"url": api.url.rstrip("/")}]  # where "Try it out" sends its calls


def test_apis_that_know_nothing_of_hubs(ask, place):
    flight = json.loads((place / "flight.json").read_text(encoding="utf-8"))
    for name in ("fastapi", "flask"):
        with tool_trials.start(name, place).service as server:
            assert ask(server, "healthcheck").json() == {"live": True}
            assert 0 < ask(server, "predict", json=flight).json()["late"] < 1


def test_the_monitor(ask, api, place):
    with monitor.start(place / "predictions.db", place / "quiet.parquet") as watcher:
        assert "monitor_window_predictions" in ask(watcher, "metrics").text


def test_moto(ask):
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"]
    with services.start("moto", command, ready="/moto-api/") as cloud:
        assert ask(cloud, "moto-api/data.json").status_code == 200


@pytest.mark.needs("prometheus")
def test_prometheus_answers_queries(ask, prometheus):
    assert ask(prometheus, "api/v1/query?query=1%2B1").json()["data"]["result"][1] == "2"


@pytest.mark.needs("prometheus-alertmanager")
def test_alertmanager(ask):
    with mail_and_chat.chat_server() as chat, alerting.alertmanager(chat=chat) as manager:
        assert ask(manager, "").status_code == 200
        config = yaml.safe_load(ask(manager, "api/v2/status").json()["config"]["original"])
    assert config["route"]["receiver"] == "on call"


def test_dask(ask):
    from distributed import LocalCluster

    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "protocol": "tcp://", "host": "127.0.0.1"}
    with LocalCluster(**options, dashboard_address="127.0.0.1:0") as cluster:
        page = services.Service("Dask", cluster.scheduler.http_server.port, None, None)
        assert ask(page, "health").text == "ok"


def test_nothing_of_it_is_there_at_home(monkeypatch, place):
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX")
    with serving.start(place / "model") as api:
        assert api.url == api.local_url and "'/openapi.json'" in httpx.get(f"{api.url}docs", trust_env=False).text
        told = [process.environ().get("GRADIO_ROOT_PATH") for process in api.processes()]
    assert told == [os.environ.get("GRADIO_ROOT_PATH")] * len(told) and told
