"""The slides: every lesson has a deck that opens from a file, nothing overflows, minutes are measured or said to be unknown."""

import argparse
import json
import re
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.course import (
    batch,
    handbook_plan,
    made_folder,
    slides,
    slides_deck,
    slides_layout,
    slides_live,
    slides_text,
    slides_time,
)
from helpers.course.slides import SlidesError
from tests.browser import chromium
from tests.notebook_files import ROOT

SOME = ("22a", "61b", "70")
TEXTS = {
    "One. Two three. Four.": ["One.", "Two three.", "Four."],
    "**Is it so? Or not?** Then go.": ["**Is it so? Or not?**", "Then go."],
    "See (one. Two.) here, e.g. `a. B`. Good.": ["See (one. Two.) here, e.g. `a. B`.", "Good."],
    "": [],
}
LESSON = [
    nbformat.v4.new_markdown_cell(
        "# 01 · A toy: what for?\n\n**Does it run?** Then you can\n\n- *see* it.\n\n**Time:** 5 minutes.", id="a"
    ),
    nbformat.v4.new_code_cell("N = 2   # how many", id="b", metadata={"tags": ["parameters"]}),
    nbformat.v4.new_markdown_cell("## It runs\n\nA first sentence. **Predict:** how many?", id="c"),
    nbformat.v4.new_code_cell("import time\n\ntime.sleep(0.3)\nprint('counted', N)", id="d"),
    nbformat.v4.new_markdown_cell("As many as we said.\n\n← [00](00_x.ipynb) · [02](02_y.ipynb) →", id="e"),
    nbformat.v4.new_code_cell("\n".join(f"x{i} = {i}" for i in range(13)), id="f"),
]  # fmt: skip


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "slides"
    slides.build(out, SOME)
    return out


@pytest.fixture
def toy(tmp_path):
    """A workbook of one lesson."""
    root = tmp_path / "book"
    (root / "notebooks" / "pictures").mkdir(parents=True)
    (root / "solutions").mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=LESSON, metadata=kernel), root / "notebooks" / "01_toy.ipynb")
    table = "| section | lesson | exercises |\n|---|---|---|\n| 1 Toys | [01 Toy](notebooks/01_toy.ipynb): what it is. | none |\n"
    (root / "README.md").write_text(f"# A toy\n\n{table}", encoding="utf-8")
    return root


def run_batch(root, *parameters):
    options = {"notebooks": [], "parameters": list(parameters), "jobs": 1, "time_limit": 60, "scheduler": None, "fresh": False}
    return batch.main(argparse.Namespace(**options), root)


def laid_out(cells):
    return [[piece.kind for piece in slide.pieces] for slide in slides_layout.slides(cells)]


@pytest.mark.parametrize("text", TEXTS)
def test_sentences_are_cut_where_they_end(text):
    assert slides_text.sentences(text) == TEXTS[text]


def test_a_slide_shows_the_first_sentences_and_the_speaker_has_all():
    text = "A short one. " + "Word " * 29 + "ends. And a third."
    assert slides_text.lead(text) == "A short one." and slides_text.lead(text, 33) == text.removesuffix(" And a third.")
    cells = [nbformat.v4.new_markdown_cell(f"## Part\n\n{text}")]
    slide = slides_layout.slides(cells)[0]
    assert slide.pieces[1].shown == "A short one." and "And a third." in slides_deck.notes(slide, slides_time.Time(), None)


def test_the_guess_comes_with_the_program_and_the_output_a_step_later():
    output = nbformat.v4.new_output("stream", name="stdout", text="counted 2\n")
    cells = [nbformat.from_dict(cell) for cell in LESSON]
    cells[3] = nbformat.v4.new_code_cell(LESSON[3].source, outputs=[output])
    found = slides_layout.slides(cells)
    slide = next(slide for slide in found if any(piece.kind == "output" for piece in slide.pieces))
    assert [[piece.kind for piece in step] for step in slide.steps] == [["predict", "code"], ["output"], ["text"]]
    assert [slide.part for slide in found] == sorted(slide.part for slide in found) and found[-1].part == 1
    assert not any("00_x" in piece.shown for slide in found for piece in slide.pieces)
    assert slides_layout.slides([]) == []


def test_what_is_long_goes_on_on_further_slides():
    program = "\n".join(["def one():", *["    x = 1"] * 15, "", "", "def two():", *["    y = 2"] * 15])
    output = nbformat.v4.new_output("stream", name="stdout", text="\n".join(map(str, range(100))))
    rows = "".join(f"<tr><th>{i}</th><td>v</td></tr>" for i in range(40))
    html = f"<table><thead><tr><th></th><th>c</th></tr></thead><tbody>{rows}</tbody></table>"
    table = nbformat.v4.new_output("display_data", data={"text/html": html, "text/plain": "v"})
    found = slides_layout.slides([nbformat.v4.new_code_cell(program, outputs=[output, table])])
    pieces = [piece for slide in found for piece in slide.pieces]
    programs = [piece.shown for piece in pieces if piece.kind == "code"]
    assert programs[1].startswith("def two") and [piece.ends for piece in pieces if piece.kind == "code"] == [False, True]
    told = "".join(piece.shown for piece in pieces if piece.shown.startswith("<pre>"))
    assert re.findall(r"\d+", told) == [str(i) for i in range(100)]
    tables = [piece.shown for piece in pieces if "<table" in piece.shown]
    assert len(tables) >= 3 and all("<thead>" in each for each in tables)
    assert re.findall(r"<th>(\d+)</th>", "".join(tables)) == [str(i) for i in range(40)]
    assert all(slide.height <= slides_layout.HEIGHT for slide in found)


def test_every_lesson_can_be_laid_out_and_loses_no_program():
    for sheet in handbook_plan.course(ROOT):
        if sheet.kind == "lesson":
            cells = nbformat.read(ROOT / sheet.source, as_version=4).cells
            found = slides_layout.slides(cells)
            programs = "".join(piece.shown for slide in found for piece in slide.pieces if piece.kind == "code")
            wanted = "".join(cell.source for cell in cells if cell.cell_type == "code")
            assert re.sub(r"\s", "", programs) == re.sub(r"\s", "", wanted), sheet.stem
            guesses = sum(piece.kind == "predict" for slide in found for piece in slide.pieces)
            assert guesses == sum("**Predict:**" in text for cell in cells for _, text in slides_text.blocks(cell.source)
                                  if cell.cell_type == "markdown"), sheet.stem  # fmt: skip


def test_minutes_are_measured_by_the_batch_or_said_to_be_unknown(toy):
    out, name = toy / "build" / "slides", "notebooks/01_toy.ipynb"
    deck = slides.make_decks(toy, out, ())[0]
    assert deck.time.run is None and "has not run it" in deck.unknown
    assert run_batch(toy) == 0
    deck = slides.make_decks(toy, out, ())[0]
    assert deck.unknown == "" and 0.3 < deck.parts[1][1].run < 3 and deck.parts[0][1].run < 0.3
    words = 60 * len("A first sentence. Predict: how many? As many as we said.".split()) / slides_time.WORDS
    assert deck.parts[1][1].said == pytest.approx(words + slides_time.GUESS + slides_time.LINE * (3 + 13))
    sources = [cell.source for cell in LESSON if cell.cell_type == "code"]
    assert len(slides_time.measured(toy, name, sources)[0]) == 3
    executed = batch.executed_path(toy, name)
    given = json.loads(executed.read_text(encoding="utf-8"))
    given["cells"].insert(2, {**given["cells"][1], "source": "N = 3"})  # as papermill leaves a run with -p N 3
    executed.write_text(json.dumps(given), encoding="utf-8")
    assert "other parameters" in slides_time.measured(toy, name, sources)[1]
    executed.write_text("{", encoding="utf-8")
    assert "cannot be read" in slides_time.measured(toy, name, sources)[1]
    records = batch.read_records(toy)
    records[name]["status"] = "timed out"
    (toy / batch.OUTPUT / "records.json").write_text(json.dumps(records), encoding="utf-8")
    assert slides_time.measured(toy, name, sources) == (None, "its last run in the batch: timed out")
    slides.build(out, (), toy)
    told = (out / "index.html").read_text(encoding="utf-8")
    assert "timed out" in told and "python -m helpers run notebooks/01_toy.ipynb" in told


def test_a_lesson_that_was_changed_since_is_not_measured_by_its_old_run(toy):
    executed = nbformat.v4.new_notebook(cells=[cell for cell in LESSON if cell.cell_type == "code"])
    path = batch.executed_path(toy, "notebooks/01_toy.ipynb")
    path.parent.mkdir(parents=True)
    nbformat.write(executed, path)
    (toy / batch.OUTPUT / "records.json").write_text(json.dumps({"notebooks/01_toy.ipynb": {"status": "passed"}}))
    assert "has changed" in slides_time.measured(toy, "notebooks/01_toy.ipynb", ["something = 'else'"])[1]


def test_times_add_up_and_what_is_unknown_stays_so():
    assert slides_time.Time(30, 10) + slides_time.Time(20, 5) == slides_time.Time(50, 15)
    assert (slides_time.Time(30, None) + slides_time.Time(20, 5)).run is None
    assert slides_time.Time(30, None).seconds == 30 and slides_time.Time(2, 1).minutes == 1


def test_decks_load_only_what_lies_beside_them(made):
    for path in made.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        loads = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"([^\"]*)\"", text)
        assert loads and all(load.startswith("data:") or (made / load).is_file() for load in loads), path.name
        assert not re.search(r"<script(?![^>]* src=)|<style|@import", text), path.name
    assert "6.0.2" in (made / "reveal" / "README.md").read_text(encoding="utf-8") and (made / "reveal" / "LICENSE").is_file()


def test_every_slide_has_its_seconds_and_the_notes_hold_the_prose(made):
    text = (made / "22a_mlflow.html").read_text(encoding="utf-8")
    assert text.count('<div class="page') == len(re.findall(r'<section data-timing="\d+">', text)) == text.count('class="notes"')
    assert "The files outlived the knowledge about them." in " ".join(re.findall(r"<aside.*?</aside>", text, re.DOTALL))
    assert "<strong>This part: about" in text and "Let everybody write down a guess" in text
    assert all(re.search(r'alt="[^"]+"', image) for image in re.findall(r"<img[^>]*>", text))
    assert text.count("<h1") == 1 and "BEGIN SOLUTION" not in text


def test_the_same_lesson_gives_the_same_slides(toy):
    first, second = (toy / "build" / name for name in ("one", "two"))
    slides.build(first, (), toy)
    slides.build(second, (), toy)
    for path in first.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (second / path.relative_to(first)).read_bytes(), path.name


def test_the_live_version_is_empty_where_one_types(toy):
    out = toy / "build" / "slides"
    slides.build(out, (), toy)
    cells = nbformat.read(out / "live" / "01_toy.ipynb", as_version=4).cells
    assert [cell.source for cell in cells if cell.cell_type == "code"] == [LESSON[1].source, "", LESSON[5].source]
    assert any(LESSON[3].source in cell.source and "<details>" in cell.source for cell in cells if cell.cell_type == "markdown")
    assert "../../../notebooks/02_y.ipynb" in cells[-2].source and "python -m helpers slides" in cells[0].source


def test_the_live_version_runs_where_it_lies_once_it_is_typed(made):
    """Typed from its folds, 22a is the lesson again; its first cells run; its pictures and links are there."""
    path = made / "live" / "22a_mlflow.ipynb"
    notebook = nbformat.read(path, as_version=4)
    typed = 0
    for cell, fold in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code" and not cell.source:
            cell.source = re.search(r"```python\n(.*?)\n```", fold.source, re.DOTALL)[1]
            typed += 1
    assert typed > 15 and not nbformat.validate(notebook)
    for text in (cell.source for cell in notebook.cells if cell.cell_type == "markdown"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (path.parent / target).exists(), target
    lesson = nbformat.read(ROOT / "notebooks" / "22a_mlflow.ipynb", as_version=4)
    programs = [[cell.source for cell in book.cells if cell.cell_type == "code"] for book in (notebook, lesson)]
    assert programs[0] == programs[1]
    end = next(i for i, cell in enumerate(notebook.cells) if "flights to learn from" in cell.source and cell.cell_type == "code")
    notebook.cells = notebook.cells[: end + 1]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert "50,009 flights to learn from" in notebook.cells[-1].outputs[0].text


def test_folds_hold_programs_with_fences_of_their_own():
    cell = nbformat.v4.new_code_cell('text = """\n```\ncode\n```\n"""')
    made = slides_live.live(nbformat.v4.new_notebook(cells=[cell]), ROOT / "notebooks" / "x.ipynb", ROOT / "build", set())
    assert f"````python\n{cell.source}\n````" in made.cells[2].source and cell.source


def test_what_an_instructor_typed_is_not_lost(toy):
    out = toy / "build" / "slides"
    slides.build(out, (), toy)
    path = out / "live" / "01_toy.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="ran")]
    nbformat.write(notebook, path)
    (out / "live" / "work").mkdir()
    (out / "live" / "work" / "store.db").write_text("left by a run")
    slides.build(out, (), toy)  # what was only run is made anew
    notebook.cells[2].source = "N = 5"
    nbformat.write(notebook, path)
    with pytest.raises(SlidesError, match="01_toy.ipynb was edited"):
        slides.build(out, (), toy)
    assert "N = 5" in path.read_text(encoding="utf-8")
    path.unlink()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(SlidesError, match="holds thesis.txt"):
        slides.build(out, (), toy)
    assert [each.name for each in out.parent.iterdir()] == ["slides"]


def test_a_full_disk_leaves_the_older_slides(toy, monkeypatch):
    out = toy / "build" / "slides"
    slides.build(out, (), toy)
    (out / "index.html").write_text("the last time's")
    monkeypatch.setattr(slides.shutil, "copyfile", lambda *names, **options: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(SlidesError, match="the disk is full"):
        slides.build(out, (), toy)
    assert (out / "index.html").read_text() == "the last time's" and [each.name for each in out.parent.iterdir()] == ["slides"]


@pytest.mark.parametrize(("word", "told"), [("99", "No notebook is called '99'"), ("solutions/22a_mlflow.ipynb", "is no lesson")])
def test_a_lesson_that_is_not_there_gets_one_line(tmp_path, capsys, word, told):
    assert slides.main(argparse.Namespace(notebooks=[word], out=tmp_path / "slides")) == 1
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1 and not (tmp_path / "slides").exists()


def test_a_mark_that_is_broken_is_none(tmp_path):
    for text in ("", "[]", '{"files": 3}', '{"files": [3]}'):
        (tmp_path / "m.json").write_text(text)
        assert made_folder.read_mark(tmp_path, "m.json") == {}
    (tmp_path / "m.json").write_text(json.dumps({"files": ["a"]}))
    assert made_folder.read_mark(tmp_path, "m.json")["files"] == ["a"]


@pytest.fixture(scope="module")
def screen():
    with chromium() as context:
        yield context


SEEN = """() => { const page = Reveal.getCurrentSlide().querySelector(".page");
  const text = [...page.querySelectorAll("pre, p, li, td")].map(each => parseFloat(getComputedStyle(each).fontSize));
  return {over: Math.max(page.scrollHeight - page.clientHeight, page.scrollWidth - page.clientWidth),
          scrolls: page.classList.contains("scrolls"), smallest: Math.min(...text, 99), words: page.innerText.slice(0, 60)} }"""


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("name", ["22a_mlflow", "61b_kubernetes", "70_capstone"])
def test_nothing_overflows_a_screen(made, screen, name):
    page = screen.new_page()
    page.set_viewport_size({"width": 1280, "height": 720})
    page.on("pageerror", lambda error: screen.wrong.append(str(error)))
    page.goto((made / f"{name}.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    places = page.evaluate("Reveal.getSlides().map(slide => Reveal.getIndices(slide))")
    seen = [page.evaluate(f"() => {{ Reveal.slide({at['h']}, {at.get('v') or 0}, 99); return ({SEEN})(); }}") for at in places]
    assert len(seen) > 30 and len({each["words"] for each in seen}) > 20
    assert not [each for each in seen if each["over"] > 1 or each["scrolls"] or each["smallest"] < 13]
    assert sum(each["smallest"] < 17 for each in seen) <= 1
    assert not screen.wrong, screen.wrong
    page.close()


@pytest.mark.needs("chromium")
def test_the_speaker_reads_the_notes_in_a_window_of_their_own(made, screen):
    page = screen.new_page()
    page.goto((made / "22a_mlflow.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    with screen.expect_page() as opened:
        page.keyboard.press("s")
    window = opened.value
    window.get_by_text("This part: about").first.wait_for()
    for _ in range(3):
        page.keyboard.press("Space")
    window.get_by_text("Two winter months").wait_for()
    assert not screen.wrong, screen.wrong
    window.close()
    page.close()


@pytest.mark.needs("chromium")
def test_axe_finds_nothing_serious(made, screen):
    from tests.axe import serious

    page = screen.new_page()
    page.goto((made / "index.html").as_uri())
    page.locator("details").first.evaluate("fold => { fold.open = true }")
    assert serious(page) == []
    page.goto((made / "22a_mlflow.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    for place in ("0, 0", "1, 2, 9", "4, 3, 9"):
        page.evaluate(f"Reveal.slide({place})")
        assert serious(page) == [], place
    page.close()


@pytest.mark.needs("chromium")
def test_a_slide_that_is_too_long_can_be_scrolled_by_the_keyboard(made, screen, tmp_path):
    shutil.copytree(made, tmp_path / "slides")
    path = tmp_path / "slides" / "22a_mlflow.html"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("</h1>", "</h1>" + "<p>long</p>" * 60, 1), encoding="utf-8")
    page = screen.new_page()
    page.goto(path.as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    frame = page.locator(".page.scrolls")
    assert frame.count() == 1 and frame.get_attribute("tabindex") == "0" and frame.get_attribute("aria-label")
    page.close()
