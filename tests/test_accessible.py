"""axe finds nothing serious on the pages that the workbook makes, in light and in dark, and every picture has its text."""

import json
import re
import xml.etree.ElementTree as ET

import nbformat
import pytest

from helpers.course import batch_kernel, batch_report, handbook, system, tile_progress, tile_server, tile_stores, tile_tools
from helpers.course.capstone import report, rubric
from tests.axe import serious
from tests.browser import chromium
from tests.notebook_files import ROOT

NOTEBOOKS = sorted(
    path
    for folder in ("notebooks", "solutions")
    for path in (ROOT / folder).rglob("*.ipynb")
    if "work" not in path.relative_to(ROOT).parts
)


@pytest.fixture(scope="module")
def browser():
    with chromium() as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "handbook"
    handbook.build(out)
    return out


def found_on(browser, path):
    browser.goto(path.as_uri())
    return serious(browser)


@pytest.mark.needs("chromium")
def test_axe_sees_what_is_wrong(browser):
    browser.set_content("<title>t</title><p style='color: #aaa; background: #fff'>pale</p><img src='data:,'>")
    found = serious(browser)
    rules = {line.split(": ")[2] for line in found}
    assert {"html-has-lang", "color-contrast", "image-alt"} <= rules
    assert {line.split(":")[0] for line in found} == {"light", "dark"}


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("name", ["index.html", "glossary.html", "lessons/00_start_here.html", "exercises/00_start_here.html"])
def test_the_handbook(browser, book, name):
    assert found_on(browser, book / name) == []


@pytest.mark.needs("chromium")
def test_the_page_of_a_run(browser, tmp_path):
    rows = {}
    for status in ("passed", "failed", "unchanged", "timeout"):
        known = {"status": status, "reason": "ZeroDivisionError", "cell": 3, "page": "html/a.html", "when": batch_report.now()}
        rows[f"notebooks/{status}.ipynb"] = {**known, "seconds": 3.0, "peak_mb": 200}
    (tmp_path / "index.html").write_text(batch_report.page(rows), encoding="utf-8")
    assert found_on(browser, tmp_path / "index.html") == []


@pytest.mark.needs("chromium")
def test_the_page_of_a_notebook_of_a_run(browser, tmp_path):
    """It is nbconvert's, with its charts told and its colours mended."""
    page = batch_kernel.as_page(nbformat.read(ROOT / "notebooks/00_start_here.ipynb", 4), "00")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    assert found_on(browser, tmp_path / "page.html") == []
    texts = [image.get_attribute("alt") for image in browser.locator("img").all()]
    assert any("Winter does not tell you about summer" in text for text in texts)


@pytest.mark.needs("chromium")
def test_the_report_of_the_capstone(browser, tmp_path):
    sheet = rubric.Sheet(["service", "alert"])
    sheet.give("service", "health", True, "HTTP 200", "unused")
    sheet.give("service", "predicts", 0.5, "30 of 60", "Mend predict.")
    sheet.close("service", "It ended.")
    sheet.skip("alert", "prometheus is absent")
    assert found_on(browser, report.write(sheet, "mine", 12.3, tmp_path)) == []


@pytest.mark.needs("chromium")
def test_the_pages_behind_the_tiles(browser, tmp_path):
    stores = [tile_stores.Store(tmp_path, name, "7 runs", 0.0) for name in ("notebooks/work/22a", "notebooks/work/31")]
    known = {"stores": stores, "live": [9090], "chosen": None, "running": tile_server.RUNNING, "trial": tile_tools.TRIAL}
    tool = tile_tools.TOOLS["gradio"]
    pages = {state: tile_server._page(tool, state, **known) for state in ("none", "several")}
    pages["absent"] = tile_server._page(tool, "absent", command="sudo apt-get install prometheus " * 20)
    pages["wrong"] = tile_server._page(tool, "wrong", problem="It did not start.\n" * 80)
    pages["progress"] = tile_progress.Front({"22a": {"22a.1": "One", "22a.2": "Two"}}).page()
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
        assert found_on(browser, tmp_path / f"{name}.html") == [], name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_pictures_have_a_text_and_headings_make_a_table_of_contents(path):
    prose = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "markdown"]
    text = re.sub(r"^```.*?^```", "", "\n\n".join("".join(cell["source"]) for cell in prose), flags=re.MULTILINE | re.DOTALL)
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", text):
        assert len(alt.split()) >= 3, f"{target} has no text that could stand for it: {alt!r}"
    assert not re.search(r"<img(?![^>]*\balt=)", text)
    levels = [len(marks) for marks in re.findall(r"^(#{1,6}) \S", text, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1, "one first heading, and it comes first"
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False)), "a level is left out"


def test_the_picture_of_the_system_names_itself_and_has_its_own_ground():
    for name, lit in system.LIT.items():
        picture = ET.fromstring(system.picture(lit))
        space = "{http://www.w3.org/2000/svg}"
        assert picture.get("role") == "img" and picture.find(f"{space}title").text, name
        ground = picture.find(f"{space}rect")
        assert ground.get("width") in ("100%", str(system.WIDTH)) and ground.get("fill").startswith("#"), name
