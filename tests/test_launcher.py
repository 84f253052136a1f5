"""JupyterLab below a path, as on a hub, used with the keyboard alone: the tour, the launcher, and each tile."""

import shutil

import psutil
import pytest
from tensorboardX import SummaryWriter

from tests import lab_server
from tests.axe import serious
from tests.browser import chromium
from tests.notebook_files import ROOT
from tests.test_jupyterlab import PICTURES

pytestmark = pytest.mark.needs("chromium")
FOCUSED = """() => {
    const focus = document.activeElement;
    return focus === document.body ? "" : [focus.innerText, focus.title].join(" ");
}"""
TOOK_LONG = 60_000  # milliseconds, on a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """On a learner's copy in which one lesson has written logs for TensorBoard."""
    folder, own = tmp_path_factory.mktemp("workbook"), tmp_path_factory.mktemp("jupyter")
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/00_start_here.ipynb", folder / "notebooks")
    with SummaryWriter(str(folder / "notebooks/work/22c/logs/mine")) as writer:
        writer.add_scalar("loss", 1.0, 1)
    process, address = lab_server.started(folder, own, base="/user/x")
    try:
        yield address
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()  # the hardest end: nobody tells the tiles
        process.wait(timeout=30)
        assert not psutil.wait_procs(family, timeout=20)[1], "a tile went on without the Jupyter server"


@pytest.fixture(scope="module")
def page(server):
    with chromium() as context:
        context.set_default_timeout(TOOK_LONG)
        page = context.new_page()
        page.goto(f"{server}/lab")
        page.wait_for_selector(".jp-LauncherCard")
        yield page
        assert context.wrong == []


def tab_to(page, text, times=80):
    """Press Tab until what has the focus says this."""
    for _ in range(times):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUSED)
        if text in " ".join(focus.split()):
            return
    raise AssertionError(f"Tab does not reach {text!r}")


def press_tile(page, title):
    tab_to(page, title)
    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")
    return opened.value


def test_the_tour_is_offered_once_and_walked_by_keyboard(page):
    tab_to(page, "Show me")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    for number in range(1, 7):
        dialog.get_by_text(f"({number} of 6)").wait_for()
        if number == 2:
            assert serious(page, ".jp-Dialog") == []
            page.screenshot(path=PICTURES / "tour.png")
        page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    page.get_by_role("menuitem", name="Help", exact=True).click()
    page.get_by_role("menuitem", name="Tour of the Workbook").click()
    dialog.get_by_text("(1 of 6)").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    page.reload()
    page.wait_for_selector(".jp-LauncherCard")
    page.wait_for_timeout(2000)
    assert page.locator(".Toastify__toast").count() == 0, "the tour is offered a second time"


def test_every_tile_is_there_with_its_picture(page):
    titles = {"Gradio app", "MLflow", "Prometheus", "Streamlit app", "TensorBoard", "Your progress"}
    for title in titles:
        picture = page.locator(".jp-LauncherCard", has_text=title).locator("img")
        assert picture.get_attribute("alt").startswith(title) and picture.evaluate("image => image.naturalWidth") > 0
    page.screenshot(path=PICTURES / "launcher.png")


def test_tensorboard_opens_on_the_lessons_logs(page):
    tile = press_tile(page, "TensorBoard")
    tile.wait_for_url("**/user/x/proxy/**")
    assert tile.evaluate("async () => (await fetch('data/runs')).json()") == ["logs/mine"]
    tile.close()


def test_a_tile_with_nothing_to_open_says_so(page):
    tile = press_tile(page, "MLflow")
    tile.get_by_role("heading", name="Nothing for MLflow yet").wait_for()
    assert tile.url.endswith("/user/x/mlflow/") and serious(tile) == []
    tab_to(tile, "Lesson 22a")
    assert tile.evaluate("() => document.activeElement.href").endswith("/user/x/lab/tree/notebooks/22a_mlflow.ipynb")
    tile.close()


def test_the_progress_page_opens(page):
    tile = press_tile(page, "Your progress")
    assert "questions passed." in tile.get_by_role("status").inner_text()
    tile.close()
