"""The two apps of lesson 32, over a real service, in a real browser: what a visitor sees for each kind of file."""

import socket
import subprocess
import sys
from contextlib import closing

import nbformat
import pandas as pd
import pytest

from helpers import flights, forecasts, gradio_app, model_source, modeling, serving, streamlit_app
from helpers.course import lab
from tests.browser import PICTURES, SENTENCE, chromium, upload
from tests.lab_server import wait_for
from tests.test_jupyterlab import CONNECTED

KINDS = {"gradio": gradio_app, "streamlit": streamlit_app}
WANTED = "300 flights forecast by model version 7"


@pytest.fixture(scope="module")
def frame():
    X, y = flights.features_and_target(flights.load(1))
    return X.assign(flight=range(len(X)), late=y)


@pytest.fixture(scope="module")
def good(frame):
    return frame.sample(300, random_state=1).to_csv(index=False)


@pytest.fixture(scope="module")
def api(frame, tmp_path_factory):
    model = modeling.make_model(n_steps=20).fit(frame[list(flights.FEATURES)], frame["late"])
    with serving.start(model_source.save(model, tmp_path_factory.mktemp("model"), "7")) as api:
        yield api


@pytest.fixture(scope="module")
def apps(api):
    with gradio_app.start(api.local_url) as gradio, streamlit_app.start(api.local_url) as streamlit:
        yield {"gradio": gradio, "streamlit": streamlit}


@pytest.fixture(scope="module")
def context():
    with chromium() as context:
        yield context


@pytest.fixture
def page(context):
    context.wrong.clear()
    page = context.new_page()
    yield page
    page.close()
    assert not context.wrong, context.wrong


def bad_rows(good):
    lines = good.splitlines()
    cells = lines[1].split(",")
    lines[1] = ",".join(["1500", "far", *cells[2:]])
    lines[2] = lines[2].replace("EWR", "BOS").replace("JFK", "BOS").replace("LGA", "BOS")
    return "\n".join(lines)


FILES = {
    "good": (lambda good: good, WANTED),
    "bom": (lambda good: "\ufeff" + good, WANTED),
    "bad rows": (bad_rows, "298 flights forecast by model version 7"),
    "no good row": (lambda good: "\n".join([good.splitlines()[0], "0" + "," * 15]), "No row can be forecast. 1 row left out"),
    "semicolons": (lambda good: good.replace(",", ";"), "separated by semicolons; expected commas"),
    "missing column": (lambda good: good.replace("temp", "*temp*", 1), 'rename "*temp*" to temp'),
    "latin-1": (lambda good: good.replace("EWR", "Zürich").encode("latin-1"), "is not UTF-8"),
    "empty": (lambda good: "", "The file is empty"),
    "excel": (lambda good: b"PK\x03\x04" + bytes(99), "an Excel workbook"),
}


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILES)
def test_each_file_gets_a_sentence_and_no_traceback(kind, name, apps, page, good):
    make, says = FILES[name]
    content = make(good)
    page.goto(apps[kind].local_url)
    told = upload(page, kind, "flights.csv", content if isinstance(content, bytes) else content.encode())
    assert says in told and "Traceback" not in page.inner_text("body")
    assert "Traceback" not in apps[kind].log()


def problems(page, kind):
    if kind == "gradio":
        page.wait_for_function("document.body.innerText.includes('must be 0 to 1439')")
        return page.inner_text("body")
    return page.locator("[data-testid=stTable]").inner_text()


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [1280, 420])
def test_what_was_wrong_with_which_row(kind, width, apps, page, good):
    page.set_viewport_size({"width": width, "height": 1000})
    page.goto(apps[kind].local_url)
    assert "2 rows left out, see below." in upload(page, kind, "flights.csv", bad_rows(good).encode())
    told = problems(page, kind)
    assert "must be one of EWR, JFK, LGA" in told and "must be 0 to 1439 minutes after midnight" in told and "far" in told
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=PICTURES / f"32_{kind}_{width}.png", full_page=True)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", KINDS)
def test_forecasts_are_downloaded_whole(kind, apps, api, page, frame, tmp_path):
    many = frame.sample(50_000, replace=True, random_state=2).to_csv(index=False).encode()
    page.goto(apps[kind].local_url)
    assert "50,000 flights forecast" in upload(page, kind, "many.csv", many)
    with page.expect_download() as download:
        page.get_by_text("Download all forecasts as CSV").click()
    download.value.save_as(tmp_path / "forecasts.csv")
    wanted = forecasts.make(many, api.local_url).table
    assert (tmp_path / "forecasts.csv").read_text(encoding="utf-8") == wanted.to_csv(index=False)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", KINDS)
def test_a_moved_threshold_calls_fewer_late(kind, apps, page, good):
    page.goto(apps[kind].local_url)
    before = upload(page, kind, "flights.csv", good.encode())
    slider = page.locator("input[type=range]")
    if kind == "gradio":
        slider.click(position={"x": slider.bounding_box()["width"] * 0.6, "y": 3})
    else:
        slider.focus()
        for _ in range(4):
            slider.press("ArrowRight")
    page.wait_for_function(
        "([place, before]) => document.querySelector(place)?.innerText !== before", arg=[SENTENCE[kind], before]
    )
    late = [int(text.split("; ")[1].split()[0]) for text in (before, page.locator(SENTENCE[kind]).inner_text())]
    assert late[1] < late[0]


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_megabytes_get_a_sentence(kind, apps, page, tmp_path):
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    page.goto(apps[kind].local_url)
    page.locator("input[type=file]").wait_for(state="attached")
    page.wait_for_timeout(1000)
    page.set_input_files("input[type=file]", large)
    told = page.locator(SENTENCE[kind]).inner_text(timeout=60_000)
    assert "The file has 200 MB; at most 50 MB are taken: split it" in told
    page.screenshot(path=PICTURES / f"32_{kind}_large.png")


# --- without a browser ----------------------------------------------------------------------------------------------------


def test_gradio_by_its_client(apps, good, tmp_path):
    from gradio_client import Client, handle_file

    (tmp_path / "flights.csv").write_text(bad_rows(good), encoding="utf-8")
    client = Client(apps["gradio"].local_url, verbose=False, download_files=str(tmp_path / "down"))
    told, _, table, wrong, download = client.predict(handle_file(str(tmp_path / "flights.csv")), 0.25, api_name="/forecast")[:5]
    assert "298 flights forecast by model version 7" in told
    assert len(wrong["data"]) == 3 and len(table["data"]) == 298
    path = download["value"] if isinstance(download, dict) else download
    assert len(pd.read_csv(path)) == 298


@pytest.fixture
def script(api, monkeypatch):
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("FLIGHT_API", api.local_url)
    return AppTest.from_file(streamlit_app.__file__, default_timeout=30).run()


def test_streamlit_by_its_own_test(script, good):
    assert script.title[0].value == "Which flights will arrive late?" and not script.error and not script.dataframe
    script.file_uploader[0].set_value(("flights.csv", bad_rows(good).encode(), "text/csv")).run()
    assert "298 flights forecast by model version 7" in script.info[0].value
    assert len(script.dataframe[0].value) == 298 and len(script.table[0].value) == 3
    script.slider[0].set_value(0.9).run()
    assert "0 called late" in script.info[0].value and not script.exception
    script.file_uploader[0].set_value(("flights.csv", good.replace(",", ";").encode(), "text/csv")).run()
    assert "semicolons" in script.error[0].value and not script.info


def test_a_service_that_is_down_is_told(script, good, monkeypatch):
    monkeypatch.setenv("FLIGHT_API", "http://127.0.0.1:1/")
    script.file_uploader[0].set_value(("flights.csv", good.encode(), "text/csv")).run()
    assert "does not answer" in script.error[0].value and not script.exception


# --- through Jupyter's proxy, as on Binder --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hosted(api, good, tmp_path_factory):
    """A JupyterLab where a hub would put it, and the apps as they are started there."""
    own = tmp_path_factory.mktemp("jupyter")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "WORKBOOK_DATA")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={own}", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True",
        "--ServerApp.base_url=/user/me/",
    ]  # fmt: skip
    environment = lab.environment() | {name: str(own / name) for name in names}
    with (own / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=own)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/me/")
        try:
            wait_for(f"http://127.0.0.1:{port}/user/me/api", process, own / "log")
            with gradio_app.start(api.local_url) as gradio, streamlit_app.start(api.local_url) as streamlit:
                yield f"http://127.0.0.1:{port}", {"gradio": gradio, "streamlit": streamlit}, own
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", KINDS)
def test_behind_jupyters_proxy(kind, hosted, page, good):
    server, apps, _ = hosted
    assert apps[kind].url == f"/user/me/proxy/{apps[kind].port}/"
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server + apps[kind].url)
    assert WANTED in upload(page, kind, "flights.csv", good.encode())
    page.get_by_text("Download all forecasts as CSV").wait_for()
    beyond = [url for url in asked if url.startswith("http") and not url.startswith(server + apps[kind].url)]
    assert not beyond, beyond


@pytest.mark.needs("chromium")
def test_in_a_frame_of_a_notebook(hosted, page, good):
    server, apps, folder = hosted
    lines = [f"IFrame({app.url!r}, width='100%', height=500)" for app in apps.values()]
    cells = [nbformat.v4.new_code_cell(f"from IPython.display import IFrame\n{line}") for line in lines]
    spec = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}  # or it asks for one
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), folder / "frames.ipynb")
    page.goto(f"{server}/user/me/lab/tree/frames.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
    page.wait_for_function(CONNECTED, timeout=120_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("li[data-command='runmenu:run-all']").click()
    for kind, app in apps.items():
        frame = page.frame_locator(f"iframe[src='{app.url}']")
        frame.locator("input[type=file]").wait_for(state="attached", timeout=60_000)
        page.wait_for_timeout(1000)
        sent = {"name": "flights.csv", "mimeType": "text/csv", "buffer": good.encode()}
        frame.locator("input[type=file]").set_input_files(sent)
        assert WANTED in frame.locator(SENTENCE[kind]).inner_text(timeout=30_000)
    page.screenshot(path=PICTURES / "32_frames.png")
