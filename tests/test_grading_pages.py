"""The pages and the table that grading makes: right numbers, whatever the learners wrote, small, and readable by everybody."""

import csv
import io
import random
import re
import time
import tracemalloc
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from helpers.course import asking, classroom
from helpers.course.classroom import shown
from helpers.course.grading import pages, scores, tally
from tests.axe import serious
from tests.browser import chromium

HOSTILE = [
    "Ana María",
    "Øyvind Ångström",
    "שרה כהן",
    "محمد علی\u200cرضا",
    "李小龍",
    "<script>document.title='taken'</script>",
    '"><img src=x onerror=alert(1)>',
    "=1+1",
    "x" * 200,
    "a\u202ebcd",
    "line\nbreak\x1b[31m",
    "e" + "\u0301" * 300,
    "{{ 7 * 7 }}",
    "\udcff",
]
ASSIGNMENTS = {
    "11_first": {"title": "11 · First", "max_score": 2, "questions": {"11.1": "Easy", "11.2": "Hard"}},
    "12_second": {"title": "12 · Second", "max_score": 1, "questions": {"12.1": "Only"}},
}


def question(outcome="passed", reason="", misconception=None, title="A title"):
    return {
        "title": title,
        "outcome": outcome,
        "reason": reason,
        "misconception": misconception,
        "points": int(outcome == "passed"),
    }


def work(trouble="", timestamp="2026-11-24T10:00:00+00:00", title="11 · First", **found):
    questions = {name.replace("_", ".").removeprefix("q"): one for name, one in found.items()}
    points = sum(one["points"] for one in questions.values())
    told = {"title": title, "timestamp": timestamp, "score": points, "max_score": len(questions), "trouble": trouble}
    return {**told, "questions": questions}


def learner(name, trouble="", **works):
    return {"learner": name, "trouble": trouble, "assignments": works}


def first(name, easy, hard, **more):
    return learner(name, **{"11_first": work(q11_1=easy, q11_2=hard, **more)})


def a_class(number, lessons=None):
    """Of the real course's size, or of its first lessons; every fourth assignment is missing."""
    rng = random.Random(7)
    banks = list(asking.catalogue().items())[:lessons]
    assignments = {
        f"{lesson}_x": {"title": f"{lesson} · X", "max_score": len(bank), "questions": {i: q.title for i, q in bank.items()}}
        for lesson, bank in banks
    }

    def answers(given):
        outcomes = rng.choices(list(tally.OUTCOMES), [5, 4, 2, 3, 1, 1], k=len(given))
        pairs = zip(given, outcomes, strict=True)
        return {f"q{i}": question(o, f"{o}: {rng.random()} <b>{'y' * 500}", "kind") for i, o in pairs}

    def records():
        for place in range(number):
            handed_in = {key: given for key, given in assignments.items() if rng.random() < 0.75}
            troubles = {key: "was ended" if rng.random() < 0.05 else "" for key in handed_in}
            works = {key: work(troubles[key], **answers(given["questions"])) for key, given in handed_in.items()}
            yield learner(HOSTILE[place] if place < len(HOSTILE) else f"Learner {place}", **works)

    return records, assignments


class Reader(HTMLParser):
    """The tags of a page, and what it says."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.headings, self.open, self.said = [], [], [], [], [], []
        self.feed(text)
        assert not [tag for tag in self.open if tag not in ("meta", "link", "br")]

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        self.open.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        assert not [name for name in found if name.startswith("on")], found

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        while self.open[-1] in ("meta", "link", "br"):
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.said).split())


def table(records, assignments=ASSIGNMENTS):
    return list(csv.DictReader(io.StringIO(scores.as_csv(iter(records), assignments))))


def test_the_columns_are_nbgraders():
    text = scores.as_csv([], ASSIGNMENTS)
    assert text == (
        "assignment,duedate,timestamp,student_id,last_name,first_name,email,raw_score,late_submission_penalty,score,max_score\n"
    )


def test_each_assignment_has_each_learner_in_one_order():
    records = [first("b", question(), question("not yet")), learner("a", "is no zip file"), first("Á", question(), question())]
    rows = table(records)
    assert [(row["assignment"], row["student_id"]) for row in rows] == [
        ("11_first", "a"), ("11_first", "b"), ("11_first", "Á"), ("12_second", "a"), ("12_second", "b"), ("12_second", "Á"),
    ]  # fmt: skip
    assert rows[1] == {
        "assignment": "11_first", "duedate": "", "timestamp": "2026-11-24 10:00:00", "student_id": "b", "last_name": "",
        "first_name": "", "email": "", "raw_score": "1.0", "late_submission_penalty": "0.0", "score": "1.0", "max_score": "2.0",
    }  # fmt: skip
    assert (rows[0]["score"], rows[0]["timestamp"], rows[0]["max_score"]) == ("0.0", "", "2.0")
    assert scores.as_csv(records, ASSIGNMENTS) == scores.as_csv(records[::-1], ASSIGNMENTS)


@pytest.mark.parametrize(("given", "written"), [
    ("2026-11-24T10:00:00+01:00", "2026-11-24 09:00:00"),
    ("2026-11-24T10:00:00.25+00:00", "2026-11-24 10:00:00.250000"),
    ("", ""),
    ("yesterday", ""),
    ("0001-01-01T00:00:00+14:00", ""),
])  # fmt: skip
def test_times_are_written_as_nbgrader_does(given, written):
    assert table([first("a", question(), question(), timestamp=given)])[0]["timestamp"] == written


@pytest.mark.parametrize(("name", "written"), [
    ("=1+1", "'=1+1"),
    ("+49 30", "'+49 30"),
    ("-2", "'-2"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'=1"),
    ("\ufeff=1", "\ufeff'=1"),
    ("＝1", "'＝1"),
    ("a;=1", "a;'=1"),
    ('"=1', "\"'=1"),
    ("Jean-Luc a@b.c", "Jean-Luc a@b.c"),
    ("Müller, Jörg", "Müller, Jörg"),
    ("two\nlines", "two lines"),
])  # fmt: skip
def test_no_name_becomes_a_formula(name, written):
    rows = table([first(name, question(), question())])
    assert {row["student_id"] for row in rows} == {written} and {row["score"] for row in rows} == {"2.0", "0.0"}


def test_learners_who_look_the_same_keep_their_own_points():
    rows = table([first("=1", question(), question()), first("'=1", question(), question("error"))])
    assert sorted(row["score"] for row in rows if row["assignment"] == "11_first") == ["1.0", "2.0"]


def test_a_spreadsheet_and_pandas_read_the_accents(tmp_path):
    import pandas as pd

    file = tmp_path / "scores.csv"
    file.write_text(
        scores.as_csv([first("Ana María", question(), question())], ASSIGNMENTS), encoding=scores.ENCODING, newline=""
    )
    assert file.read_bytes().startswith(b"\xef\xbb\xbfassignment,") and b"\r" not in file.read_bytes()
    assert pd.read_csv(file)[["assignment", "student_id"]].iloc[0].tolist() == ["11_first", "Ana María"]


@pytest.mark.parametrize("name", HOSTILE)
def test_pages_stand_whatever_the_learner_is_called(name):
    record = learner(name, name, **{"11_first": work(name, q11_1=question("not yet", name, name), q11_2=question("error", name))})
    for text in (pages.feedback(record), pages.overview([record], ASSIGNMENTS)):
        text.encode("utf-8")
        page = Reader(text)
        assert not {"script", "img", "iframe", "object", "form", "b"} & set(page.tags)
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)
        assert shown(name, pages.NAME) in page.text
        assert len(page.ids) == len(set(page.ids))
        assert page.headings[0] == 1 and all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))


def test_shown_bounds_and_cleans():
    assert shown("x" * 5000, 100) == "x" * 98 + " …" and len(shown("y" * 101, 100)) == 100
    assert shown(" a\n\t b ") == "a b" and shown("a\x00b") == "a�b" and shown("\ud800") == "�"
    assert shown("a\u202eb\u2066c") == "abc" and shown("علی\u200cرضا") == "علی\u200cرضا"
    assert len(shown("e" + "\u0301" * 300)) == 4  # é, and three more
    assert classroom.when("2026-11-04T09:05:00+00:00") == "4 Nov 2026, 09:05 UTC" and classroom.when("soon") == ""


def test_files_of_learners_never_meet():
    names = [*HOSTILE, "ana maría", "Ana Maria", "Ana/María", "Ana:María", "..", "CON", "a" * 300, "a" * 301, "", "Ana María."]
    files = [pages.file_name(name) for name in names]
    assert len({file.casefold() for file in files}) == len(names)
    assert all(re.fullmatch(r"[\w -]+ [0-9a-f]{8}\.html", file) and len(file.encode()) < 255 for file in files)
    assert pages.file_name("Ana María", ".json") == "Ana María 8358ed27.json"


def test_feedback_says_what_came_of_each_question_and_what_to_do():
    found = {
        "q11_1": question("passed", "Nicely short."),
        "q11_2": question("not yet", "It counts cancelled flights.\n- here\n- there"),
        "q11_3": question("error", "KeyError: 'late'"),
        "q11_4": question("not attempted"),
        "q11_5": question("not reached"),
        "q11_6": question("check failed", "The check itself failed"),
    }
    page = Reader(pages.feedback(learner("Ana", **{"11_first": work("took more than 300 s in cell 5 and was ended", **found)})))
    for outcome, (sign, _) in tally.OUTCOMES.items():
        assert f"· {outcome}" in page.text and sign in page.text
    assert "1 of 6 questions passed. Handed in on 24 Nov 2026, 10:00 UTC." in page.text
    assert "took more than 300 s in cell 5 and was ended. Restart" in page.text
    assert "It counts cancelled flights.\n- here\n- there" in "".join(page.said)
    assert [f'hint("11.{n}")' in page.text for n in range(1, 7)] == [False, True, True, True, False, False]
    assert page.text.count("your answer is not to blame") == 1
    steps = [link for link in page.links if link.startswith("#question")]
    assert steps == ["#question-1-2", "#question-1-3", "#question-1-4"] and set(page.links) <= {f"#{i}" for i in page.ids}


def test_feedback_is_kind_at_the_ends():
    done = Reader(pages.feedback(first("Ana", question(), question()))).text
    assert "Everything that you handed in passed. Well done." in done and "What to do next" not in done
    broken = Reader(pages.feedback(learner("Ana", "is no zip file"))).text
    assert "could not be read: is no zip file. Nothing in it was looked at yet." in broken
    assert "Nothing was handed in yet" in Reader(pages.feedback(learner("Ana"))).text
    long = pages.feedback(first("Ana", question("error", "z" * 100_000), question("not yet", "\n".join(["line"] * 5000))))
    assert long.count("z") < 1000 and long.count("line") < 100
    many = {f"q11_{n}": question("not yet") for n in range(9)}
    page = Reader(pages.feedback(learner("A", **{"11_first": work(**many)})))
    assert len(page.links) == pages.STEPS and "And 6 more questions further down." in page.text


def test_the_overview_counts_which_question_failed_how():
    records = [
        first("a", question(), question("not yet", "You gave 3 of 10 flights.", "percent")),
        first("b", question(), question("not yet", "You gave 4 of 12.5 flights.", "percent")),
        first("c", question(), question("not yet", "Other", "over")),
        first("d", question("error", "KeyError"), question("not attempted"), trouble="was ended"),
        first("e", question("check failed", "ZeroDivisionError"), question("not reached")),
        learner("f", "the folder is empty"),
        learner("g"),
    ]
    text = pages.overview(iter(records), ASSIGNMENTS)
    page = Reader(text)
    assert "7 learners; 5 handed something in." in page.text
    bars = re.findall(r'<svg role="img" aria-label="([^"]*)">(.*?)</svg>', text)
    assert [bar[0] for bar in bars] == [
        "Of 5: 3 not yet, 1 not attempted, 1 not reached",
        "Of 5: 3 passed, 1 error, 1 check failed",
    ]
    widths = [[float(width) for width in re.findall(r'width="([\d.]+)%"', bar[1])] for bar in bars]
    assert widths == [[60, 20, 20], [60, 20, 20]] and 'class="not-yet" x="0.00%"' in bars[0][1]
    rows = re.findall(r'</svg></td>\s*((?:<td class="number[^>]*>\d+</td>\s*)+)', text)
    assert [[int(n) for n in re.findall(r">(\d+)<", row)] for row in rows] == [[0, 3, 0, 1, 1, 0], [3, 0, 1, 0, 0, 1]]
    assert "percent (2×)" in page.text and "over (1×)" in page.text and "You gave 3 of 10 flights. (2×)" in page.text
    assert "11.1 Easy , for 1 learner: ZeroDivisionError (1×)" in page.text
    assert "d : 11 · First: was ended" in page.text and "f : the folder is empty" in page.text
    assert "11 · First 5 of 7 1 0.6 2" in page.text and "12 · Second 0 of 7 0 – 1" in page.text
    linked = [unquote(link) for link in page.links if link.startswith("feedback/")]
    assert linked == [f"feedback/{pages.file_name(name)}" for name in "abcdefg"]
    assert {link for link in page.links if link.startswith("#")} <= {f"#{i}" for i in page.ids}


def test_the_overview_at_the_ends():
    nobody = Reader(pages.overview([], ASSIGNMENTS)).text
    assert "0 learners" in nobody and "There is no learner yet." in nobody and "no picture yet" in nobody
    nothing = Reader(pages.overview([learner("a"), learner("b")], ASSIGNMENTS)).text
    assert "2 learners; 0 handed something in" in nothing and "no picture yet" in nothing
    everybody = Reader(pages.overview([first(name, question(), question()) for name in "ab"], ASSIGNMENTS)).text
    assert "Every question that was handed in passed." in everybody and "Why they failed" not in everybody
    with pytest.raises(ValueError, match="has the outcome 'fine'"):
        pages.overview([first("a", question("fine"), question())], ASSIGNMENTS)


def test_reasons_stay_few_and_the_frequent_ones_are_kept():
    reasons = tally.Reasons()
    for number in range(5000):
        reasons.add(f"one of its own, {chr(0x4E00 + number)}")
        if number % 10 == 0:
            reasons.add("the common one")
    assert len(reasons.counts) <= tally.MOST_KINDS and len(reasons.examples) == len(reasons.counts) and reasons.dropped
    assert reasons.most(1) == [("the common one", 500)]


def test_a_thousand_learners_are_quick_and_small():
    records, assignments = a_class(50)
    given = list(records())
    made = [{**given[place % 50], "learner": f"Learner {place}"} for place in range(1000)]
    begun = time.process_time()
    text = pages.overview(iter(made), assignments)
    assert time.process_time() - begun < 15  # a second on an idle machine
    assert len(text.encode()) < 2_000_000


def test_memory_does_not_grow_with_what_the_learners_wrote():
    peaks = []
    for number in (50, 250):
        records, assignments = a_class(number)
        tracemalloc.start()
        pages.overview(records(), assignments)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 200 * 10_000  # of each learner some lines of a table; a record has about 50,000 bytes


@pytest.mark.needs("chromium")
def test_everybody_can_read_the_pages(tmp_path):
    records, assignments = a_class(len(HOSTILE), lessons=7)
    made = list(records())
    (tmp_path / "overview.html").write_text(pages.overview(made, assignments), encoding="utf-8")
    (tmp_path / "empty.html").write_text(pages.overview([], assignments), encoding="utf-8")
    (tmp_path / "learner.html").write_text(pages.feedback(made[5]), encoding="utf-8")
    with chromium() as context:
        page = context.new_page()
        for name in ("overview", "empty", "learner"):
            page.goto((tmp_path / f"{name}.html").as_uri())
            assert serious(page) == [], name
            assert page.title() in ("Class overview", f"Feedback for {HOSTILE[5]}")
            page.set_viewport_size({"width": 360, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth <= 360"), name
            page.set_viewport_size({"width": 1280, "height": 1000})
        assert not context.wrong
