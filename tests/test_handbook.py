"""The handbook: every link leads somewhere, nothing is asked of the internet, solutions are folded, the search finds."""

import json
import re
import time
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from helpers.__main__ import main
from helpers.course import asking, handbook, handbook_finish, handbook_guide, handbook_pages, handbook_plan
from helpers.course.handbook_plan import HandbookError
from tests.browser import chromium
from tests.notebook_files import ROOT

VOID = {"img", "br", "hr", "input", "meta", "link", "col", "wbr"}
LOADING = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data", "embed": "src"}


class Reader(HTMLParser):
    """What the tests want to know of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.images, self.headings, self.landmarks = [], [], [], [], [], Counter()
        self.open_details, self.folded, self.plain, self.stack = 0, [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" and "href" in found else []
        self.loads += [found[LOADING[tag]]] if LOADING.get(tag) in found else []
        self.images += [found] if tag == "img" else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.landmarks[tag] += 1
        self.open_details += tag == "details" and "open" in found
        if tag not in VOID:
            self.stack.append((tag, found.get("class") or ""))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1][0] == tag, f"</{tag}> closes {self.stack[-1:]}"
        self.stack.pop()

    def handle_data(self, data):
        inside = ("details", "solution") in self.stack
        (self.folded if inside else self.plain).append(data)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "handbook"
    begun = time.process_time()
    handbook.build(out)
    return out, time.process_time() - begun


@pytest.fixture(scope="session")
def pages(built):
    out, _ = built
    return {path.relative_to(out).as_posix(): Reader(path.read_text(encoding="utf-8")) for path in sorted(out.rglob("*.html"))}


@pytest.fixture(scope="session")
def sheets():
    return handbook_plan.course(ROOT)


def notebooks(folder):
    found = (path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.ipynb"))
    return {name for name in found if not {".ipynb_checkpoints", "work"} & set(name.split("/"))}


def test_it_is_made_in_half_a_minute(built):
    assert built[1] < 30


def test_every_notebook_has_its_page(pages, sheets):
    assert {sheet.source for sheet in sheets} == notebooks("notebooks") | notebooks("exercises")
    assert {"index.html", "glossary.html", "guide.html", *(sheet.url for sheet in sheets)} <= set(pages)


def test_every_link_leads_to_a_page_and_a_place_in_it(built, pages):
    out, _ = built
    wrong = []
    for url, page in pages.items():
        for link in page.links:
            if re.match("https?://", link):
                continue
            target, _, anchor = link.partition("#")
            file = ((out / url).parent / unquote(target)).resolve() if target else out / url
            name = file.relative_to(out.resolve()).as_posix() if target else url
            if not file.is_file() or (anchor and anchor not in pages[name].ids):
                wrong.append((url, link))
    assert not wrong


def test_no_page_asks_for_anything_outside(built, pages):
    out, _ = built
    for url, page in pages.items():
        for load in page.loads:
            assert load.startswith("data:") or ((out / url).parent / load).is_file(), (url, load)
    scripts = "".join((out / name).read_text(encoding="utf-8") for name in ("style.css", "search.js"))
    assert "http" not in scripts and "@import" not in scripts
    for path in out.rglob("*.html"):
        assert not re.search(
            r"<script(?! src=\"[./]*search\.js\")|require\.js|MathJax|<style", path.read_text(encoding="utf-8")
        ), path


def test_pages_can_be_read_by_everybody(pages):
    for url, page in pages.items():
        assert page.headings[0] == 1 and page.headings.count(1) == 1, url
        assert all(later - before <= 1 for before, later in zip(page.headings, page.headings[1:], strict=False)), (
            url,
            page.headings,
        )
        assert all(image.get("alt", "").strip() for image in page.images), url
        assert [name for name, count in Counter(page.ids).items() if count > 1] == [], url
        assert all(page.landmarks[name] == 1 for name in ("main", "header", "footer", "title")) and page.landmarks["nav"] >= 1, (
            url
        )
        assert not page.stack, url


def test_solutions_are_there_and_folded(pages, sheets):
    questions = {name: question for bank in asking.catalogue().values() for name, question in bank.items()}
    folded = "".join("".join(page.folded) for url, page in pages.items() if url.startswith("exercises/"))
    assert not [name for name in questions if f"One way to solve {name}:" not in folded]
    assert not any(page.open_details for page in pages.values())
    page = pages["exercises/22a_mlflow.html"]
    assert "search_runs" in "".join(page.folded) and "raise NotImplementedError" in "".join(page.plain)
    assert "order_by" not in "".join(page.plain)
    for url, page in pages.items():
        assert not re.search("### (BEGIN|END) SOLUTION", "".join(page.folded)), url


def search_rows(out):
    text = (out / "search_index.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("window.searchIndex = ").removesuffix(";\n"))


def test_the_search_index_knows_words_and_places_but_no_solutions(built, pages):
    rows = search_rows(built[0])
    found = {url.partition("#")[0] for url, _, heading, text in rows if "rolling restart" in f"{heading} {text}".lower()}
    assert {"lessons/33b_on_prem.html", "glossary.html"} <= found
    assert {url.partition("#")[0] for url, *_ in rows} == set(pages)
    assert all("#" not in url or url.partition("#")[2] in pages[url.partition("#")[0]].ids for url, *_ in rows)
    assert not [url for url, _, _, text in rows if "One way to solve" in text]


def test_each_term_of_the_glossary_is_used_in_its_lesson(built, pages, sheets):
    terms = handbook_guide.terms(handbook.FILES / "glossary.md")
    lessons = {sheet.number: sheet for sheet in sheets if sheet.kind == "lesson"}
    assert len(terms) >= 70 and len({term for term, *_ in terms}) == len(terms)
    assert [term for term, *_ in terms] == sorted((term for term, *_ in terms), key=str.casefold)
    for term, number, text in terms:
        lesson = "".join(pages[lessons[number].url].plain).casefold()
        assert term.casefold() in " ".join(lesson.split()), (term, number)
        assert text.endswith(".") and 1 <= len(re.findall(r"[.?](?: |$)", text)) <= 2, term


def test_links_of_the_glossary_lead_to_the_very_section(built, pages):
    rows = {url: f"{heading} {text}".casefold() for url, _, heading, text in search_rows(built[0])}
    html = (built[0] / "glossary.html").read_text(encoding="utf-8")
    found = re.findall(r"<dt>(.+?)</dt><dd>.*?<a href=\"(.+?)\"", html)
    assert len(found) >= 70 and all(term.casefold() in rows[url] for term, url in found)


def test_the_guide_adds_up_the_times_of_the_lessons(sheets):
    named = {sheet.stem: sheet for sheet in sheets}
    table = handbook_plan.plan_table(ROOT, sheets, "Morning: 22a, exercise 22a\nLater: exercise mini project")
    low, high = handbook_plan.minutes(ROOT, named["30_mini_project"])
    assert (low, high) == (120, 180)
    assert "| Morning | [22a MLflow](notebooks/22a_mlflow.ipynb), [exercise 22a]" in table
    lesson = sum(handbook_plan.minutes(ROOT, sheet)[0] for sheet in sheets if sheet.stem == "22a_mlflow")
    assert f"**{handbook_plan.duration(lesson + low, lesson + high)}**" in table
    with pytest.raises(HandbookError, match="99"):
        handbook_plan.plan_table(ROOT, sheets, "Morning: 99")
    with pytest.raises(HandbookError, match="no colon"):
        handbook_plan.plan_table(ROOT, sheets, "22a")


@pytest.mark.parametrize(
    ("low", "high", "told"), [(40, 40, "40 min"), (60, 60, "1 h"), (65, 125, "1 h 5 min to 2 h 5 min"), (0, 0, "0 min")]
)
def test_minutes_are_said_as_people_do(low, high, told):
    assert handbook_plan.duration(low, high) == told


def test_eight_weeks_hold_everything(sheets):
    text = (handbook.FILES / "guide.md").read_text(encoding="utf-8")
    weeks = handbook_plan.PLAN.findall(text)[2]
    table = handbook_plan.plan_table(ROOT, sheets, weeks)
    assert len(weeks.strip().splitlines()) == 8 and not [
        sheet.source for sheet in sheets if table.count(f"({sheet.source})") != 1
    ]


def test_the_guide_tells_the_mistakes_that_the_checks_know(pages):
    told = "".join(pages["guide.html"].plain)
    for bank in asking.catalogue().values():
        for name, question in bank.items():
            assert f"{name} {question.title}" in told and all(mistake in told for mistake in question.misconceptions), name


def test_a_folder_with_other_things_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["handbook", "-o", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "holds thesis.txt" in told and [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(HandbookError, match="is a file"):
        handbook.build(tmp_path / "thesis.txt")


def short_course(monkeypatch, text="# A page\n\nWords."):
    page = handbook_pages.text_page("index.html", "A page", text)
    monkeypatch.setattr(handbook, "make_pages", lambda root: ([page], set()))


def test_an_older_handbook_is_replaced_and_nothing_lies_beside_it(tmp_path, monkeypatch):
    out = tmp_path / "sub" / "handbook"
    page = handbook_pages.text_page("old.html", "A page", "# A page of the last time")
    monkeypatch.setattr(handbook, "make_pages", lambda root: ([page], set()))
    handbook.build(out)
    assert (out / "old.html").is_file()
    short_course(monkeypatch)
    handbook.build(out)
    assert not (out / "old.html").exists() and (out / "index.html").is_file()
    assert [path.name for path in out.parent.iterdir()] == ["handbook"]


def test_what_somebody_put_into_a_handbook_is_not_lost(tmp_path, monkeypatch):
    short_course(monkeypatch)
    handbook.build(tmp_path / "handbook")
    (tmp_path / "handbook" / "lessons").mkdir()
    (tmp_path / "handbook" / "lessons" / "notes.txt").write_text("mine")
    with pytest.raises(HandbookError, match="holds lessons/notes.txt"):
        handbook.build(tmp_path / "handbook")
    assert (tmp_path / "handbook" / "lessons" / "notes.txt").read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "handbook.json").write_text("[]")
    with pytest.raises(HandbookError, match="holds handbook.json"):
        handbook.build(tmp_path / "other")


def test_a_failure_leaves_the_older_one(tmp_path, monkeypatch):
    short_course(monkeypatch)
    out = tmp_path / "handbook"
    handbook.build(out)
    (out / "index.html").write_text("the last time's")
    monkeypatch.setattr(handbook.shutil, "copyfile", lambda *names: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(HandbookError, match="the disk is full"):
        handbook.build(out)
    assert (out / "index.html").read_text() == "the last time's"
    assert [path.name for path in tmp_path.iterdir()] == ["handbook"]


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    page = handbook_pages.text_page("guide.html", "A guide", "[there](notebooks/99_nowhere.ipynb)")
    with pytest.raises(HandbookError, match="guide.html links to notebooks/99_nowhere.ipynb"):
        handbook_finish.finish(tmp_path, page, {}, "")
    page = handbook_pages.text_page("guide.html", "A guide", "![](pictures/a.png)")
    with pytest.raises(HandbookError, match="without a text"):
        handbook_finish.finish(tmp_path, page, {}, "")
    page = handbook_pages.text_page("guide.html", "A guide", "![a picture](pictures/a.png)")
    with pytest.raises(HandbookError, match="shows pictures/a.png"):
        handbook_finish.finish(tmp_path, page, {}, "")


def test_headings_of_the_same_words_get_anchors_of_their_own(tmp_path):
    page = handbook_pages.text_page("guide.html", "A guide", "# One\n\n## Two, again\n\n## Two again\n\nWords.")
    handbook_finish.finish(tmp_path, page, {}, "")
    assert [row[0] for row in handbook_finish.sections(page)] == ["one", "two-again", "two-again-2"]


def test_a_glossary_that_is_wrong_is_named(tmp_path):
    path = tmp_path / "glossary.md"
    path.write_text("- **gate**: A rule.\n")
    with pytest.raises(HandbookError, match="line 1"):
        handbook_guide.terms(path)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [420, 1280])
def test_in_a_browser_from_a_file(built, width):
    out, _ = built
    with chromium(width) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: context.wrong.append(str(error)))
        page.goto((out / "index.html").as_uri())
        page.keyboard.press("/")
        page.keyboard.type("rolling restart")
        page.locator(".found li a").first.wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/lessons/33b_on_prem.html*")
        page.keyboard.press("/")
        page.keyboard.type("zithers and xylophones")
        page.get_by_role("status").filter(has_text="Nothing found").wait_for()
        page.keyboard.press("Escape")
        assert page.locator(".found").is_hidden()
        for name in ("index", "lessons/12_ml_lifecycle", "exercises/22a_mlflow", "glossary", "guide", "lessons/00_start_here"):
            page.goto((out / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
            assert page.locator("nav.side details").evaluate("fold => fold.open") == (width == 1280)
        page.goto((out / "exercises/22a_mlflow.html").as_uri())
        code = page.locator("details.solution pre").first
        assert code.is_hidden()
        page.locator("details.solution summary").first.press("Enter")
        assert code.is_visible()
        assert not context.wrong, context.wrong
