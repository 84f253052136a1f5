"""A learner's JupyterLab, in a real browser: 22a and its exercise are opened and run, and the checks are read off the screen."""

import shutil
import urllib.request

import nbformat
import pytest

from tests import lab_server
from tests.notebook_files import ROOT, code_cells

CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
PICTURES = ROOT / "build" / "screenshots"


@pytest.fixture(scope="module")
def workbook(tmp_path_factory):
    """A copy of the notebooks as a learner would have it, the exercise 22a solved."""
    folder = tmp_path_factory.mktemp("workbook")
    for name in ("notebooks", "exercises", "solutions"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("work", ".ipynb_checkpoints"))
    for path in folder.rglob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)
    return folder


@pytest.fixture(scope="module")
def server(workbook, tmp_path_factory):
    own = tmp_path_factory.mktemp("jupyter")
    config = own / "JUPYTER_CONFIG_DIR" / "serverconfig"
    config.mkdir(parents=True)
    (config / "flight_delay_workbook.json").write_text('{"tour_offered": true}')  # as on every start but the first
    process, address = lab_server.started(workbook, own, "--LabApp.expose_app_in_browser=True")
    try:
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def page(server):
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1280, "height": 860}, base_url=server)
        yield page
        browser.close()


# What the page itself knows of its notebook; `jupyterapp` is there because the server is asked to show it.
CONNECTED = """() => {
    const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = session?.session?.kernel;
    return session?.isReady && kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
ENDED = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = panel.context.model.toJSON().cells.filter(cell => cell.cell_type === "code" && cell.source.length);
    const failed = cells.some(cell => cell.outputs.some(output => output.output_type === "error"));
    const idle = panel.sessionContext.session.kernel.status === "idle";
    return idle && (failed || cells.every(cell => cell.execution_count));
}"""
NOTEBOOK = "() => window.jupyterapp.shell.currentWidget.context.model.toJSON()"


def run_all(page, name):
    """Open a notebook, run it by the menu once its kernel is connected, and give it as the page has it at the end."""
    page.goto(f"/lab/tree/{name}?reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
    page.wait_for_function(CONNECTED, timeout=120_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("li[data-command='runmenu:run-all']").click()
    try:
        page.wait_for_function(ENDED, timeout=240_000, polling=500)
    finally:
        page.screenshot(path=PICTURES / f"{name.split('/')[-1]}-end.png")
    notebook = nbformat.from_dict(page.evaluate(NOTEBOOK))
    errors = [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type == "error"]
    assert not errors, f"{name}: {errors[0].ename}: {errors[0].evalue}"
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    return notebook


def scroll_to(page, text):
    """Bring a text into view; the workbook's settings have JupyterLab draw the whole notebook, so it is there."""
    found = page.get_by_text(text).first
    found.wait_for(state="attached", timeout=15_000)
    found.evaluate("element => element.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(800)
    return found


def test_hidden_files_can_be_opened(server):
    """Exercise 40 is about a file in `.github`."""
    workflow = "exercises/40_github_action/repository/.github/workflows/train.yml"
    with urllib.request.urlopen(f"{server}/api/contents/{workflow}?content=0", timeout=30) as reply:
        assert reply.status == 200


@pytest.mark.needs("chromium")
def test_the_lesson_runs_from_the_menu(page):
    run_all(page, "notebooks/22a_mlflow.ipynb")
    scroll_to(page, "We draw the curves from the store")
    page.screenshot(path=PICTURES / "22a_lesson.png")
    assert page.locator(".jp-toast, .Toastify__toast").count() == 0, "a pop-up is in the way"


@pytest.mark.needs("chromium")
def test_the_check_cell_says_passed(page, workbook):
    solved = workbook / "exercises" / "22a_mlflow.ipynb"
    answers = nbformat.read(ROOT / "solutions/22a_mlflow.ipynb", 4)
    notebook = nbformat.read(solved, 4)
    for cell, answer in zip(notebook.cells, answers.cells, strict=True):
        cell.source = answer.source
    nbformat.write(notebook, solved)
    run_all(page, "exercises/22a_mlflow.ipynb")
    for number in (1, 2, 3, 4):
        assert "passed" in scroll_to(page, f"22a.{number} passed").inner_text()
    page.screenshot(path=PICTURES / "22a_exercise.png")


@pytest.mark.needs("chromium")
def test_an_untouched_exercise_says_not_attempted(page, workbook):
    fresh = workbook / "exercises" / "fresh.ipynb"
    shutil.copy(ROOT / "exercises/22a_mlflow.ipynb", fresh)
    run_all(page, "exercises/fresh.ipynb")
    assert scroll_to(page, "22a.1 not attempted").is_visible()
    page.screenshot(path=PICTURES / "22a_untouched.png")
