"""The class's progress from the learners' own files: right counts, and no damaged, forged or huge file stops the others."""

import datetime
import io
import json
import os
import pathlib
import re
import time
import tracemalloc
import zipfile

import pytest

from helpers.course import class_files, class_view, lesson_names, progress, progress_command
from helpers.course.class_files import ClassError
from tests.axe import serious
from tests.browser import chromium
from tests.test_grading_pages import HOSTILE, Reader

NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
LESSONS = {"11 · First": {"11.1": "Easy", "11.2": "Hard"}, "12 · Second": {"12.1": "Only"}}
EARLY, LATE = "2026-11-20T10:00:00+00:00", "2026-11-22T10:00:00+00:00"


def tried(outcome="passed", tries=1, begun=EARLY, last=LATE, **more):
    record = {"first_time": begun, "tries": tries, "last": outcome, "last_time": last, "best": outcome, **more}
    return {**record, "passed_time": last} if outcome == "passed" else record


def content(**questions):
    return json.dumps({"questions": {name.removeprefix("q").replace("_", "."): one for name, one in questions.items()}}).encode()


def put(folder, **files):
    """Files by the learner's name; those of a folder end in "/"."""
    folder.mkdir(exist_ok=True)
    for name, given in files.items():
        (folder / f"{name}.json").write_bytes(given)
    return folder


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, given in files.items():
            archive.writestr(name, given)
    return stream.getvalue()


def look(folder, lessons=LESSONS):
    return class_view.look(folder, lessons, NOW)


def row(room, name):
    return next(learner for learner in room.learners if learner["name"] == name)


@pytest.fixture
def room(tmp_path):
    return look(put(
        tmp_path / "in",
        ana=content(q11_1=tried(), q11_2=tried("not yet", 7, hints=2), q12_1=tried("passed", 2)),
        bo=content(q11_1=tried("passed", 3, begun="2026-11-21T00:30:00+02:00", last="2026-11-23T00:30:00+02:00")),
        cy=content(q11_2=tried("error", 2), q11_1={"hints": 1, "solution_shown": True, "solution_time": EARLY}),
        di=content(),
    ))  # fmt: skip


def test_questions_are_counted(room):
    easy, hard = room.lessons["11 · First"].values()
    assert +easy.counts == {"touched": 3, "passed": 2, "tried": 2, "hints": 1, "solution": 1, "tries": 4}
    assert (easy.first, easy.last) == (EARLY, "2026-11-22T22:30:00+00:00")  # of two zones
    assert {name: hard.counts[name] for name in ("touched", "passed", "stuck", "hints", "tries of the stuck")} == {
        "touched": 2, "passed": 0, "stuck": 2, "hints": 1, "tries of the stuck": 9,
    }  # fmt: skip


def test_learners_and_lessons(room):
    assert [learner["name"] for learner in room.learners] == ["ana", "bo", "cy", "di"]
    assert [learner["lessons"] for learner in room.learners] == [
        [(1, 2, 2), (1, 1, 1)], [(1, 1, 2), (0, 0, 1)], [(0, 2, 2), (0, 0, 1)], [(0, 0, 2), (0, 0, 1)],
    ]  # fmt: skip
    assert (row(room, "ana")["passed"], row(room, "ana")["last"], row(room, "di")["last"]) == (2, LATE, "")
    assert not room.left_out


def test_the_room_is_stuck_where_most_tries_brought_no_pass(tmp_path):
    room = look(put(
        tmp_path / "in",
        a=content(q11_1=tried("not yet", 3), q11_2=tried("error", 9), q12_1=tried("passed", 50)),
        b=content(q11_1=tried("not yet", 4), q11_2=tried("passed", 30)),
    ))  # fmt: skip
    assert [(name, asked.counts["tries of the stuck"]) for name, asked in room.stuck()] == [("11.2", 9), ("11.1", 7)]


def test_the_page_says_it_all_and_leads_nowhere(room):
    text = class_view.page(room, NOW)
    page = Reader(text)
    assert "4 learners, 3 questions." in page.text and "This is no grade." in page.text
    assert "nothing was sent anywhere" in page.text and "can be edited by its owner" in page.text
    assert "11.2 Hard 2 9 0 1 0 2026-11-22" in page.text
    cells = re.findall(r"<bdi>(\w+)</bdi></th>(.*)", text)
    assert [(name, re.findall(r"<td[^>]*>([^<\s]+(?: [^<]+)?)</td>", rest)[:2]) for name, rest in cells] == [
        ("ana", ["1/2", "✓ 1/1"]), ("bo", ["1/2", "·"]), ("cy", ["0/2", "·"]), ("di", ["·", "·"]),
    ]  # fmt: skip
    assert "11.1 Easy 3 2 2 0 1 1 4 2026-11-20 2026-11-22" in page.text
    assert not page.links and "http" not in text and "<script" not in text
    told = class_view.as_text(room)
    assert "4 learners" in told and re.search(r"11 · First +begun by +3,  25% of its questions passed", told)
    assert "11.2 Hard: 2 stuck, 9 tries" in told


WRONG = {
    "empty": (b"", "it is empty"),
    "blank": (b" \n", "it is empty"),
    "torn": (content(q11_1=tried())[:50], "it is damaged, or no progress file"),
    "other": (b'{"name": "package"}', "it is damaged, or no progress file"),
    "list": (b"[1, 2]", "it is damaged, or no progress file"),
    "picture": (b"\x89PNG\r\n\x1a\n\xff\xfe", "it is damaged, or no progress file"),
    "nested": (b"[" * 200_000, "it is damaged, or no progress file"),
    "huge": (b'{"questions": {' + b" " * 2_000_000 + b"}}", "more than 1,000,000 bytes"),
    "digits": (b'{"questions": {"11.1": {"tries": ' + b"9" * 5000 + b"}}}", "it is damaged, or no progress file"),
    "kinds": (content(q11_1={"tries": "3"}), "it is damaged, or no progress file"),
    "many_tries": (content(q11_1=tried(tries=10**9)), "11.1: a number of tries or hints that cannot be"),
    "negative": (content(q11_1={"hints": -1}), "a number of tries or hints that cannot be"),
    "no_try": (content(q11_1={"best": "passed"}), "an outcome without a try"),
    "no_outcome": (content(q11_1={"tries": 3}), "an outcome without a try"),
    "outcome": (content(q11_1=tried("<b>brilliant</b>")), "an outcome that there is not"),
    "no_pass": (content(q11_1={**tried("not yet"), "best": "passed"}), "passed at no time"),
    "future": (content(q11_1=tried(last="2027-01-01T00:00:00+00:00")), "a time that is none, or is still to come"),
    "end_of_time": (content(q11_1=tried(last="9999-12-31T23:59:59-12:00")), "a time that is none, or is still to come"),
    "no_time": (content(q11_1=tried(last="at night")), "a time that is none"),
    "no_zone": (content(q11_1=tried(last="2026-11-22T10:00:00")), "a time that is none"),
}


def test_each_bad_file_gets_one_line_and_the_others_go_on(tmp_path):
    put(
        tmp_path / "in",
        ana=content(q11_1=tried()),
        zoe=content(q11_1=tried()),
        **{name: given for name, (given, _) in WRONG.items()},
    )
    room = look(tmp_path / "in")
    assert [learner["name"] for learner in room.learners] == ["ana", "zoe"]
    assert room.lessons["11 · First"]["11.1"].counts["passed"] == 2
    lines = {line.partition(".json is left out: ")[0]: line for line in room.left_out}
    assert set(lines) == set(WRONG) and len(room.left_out) == len(WRONG)
    assert not [name for name, (_, told) in WRONG.items() if told not in lines[name] or "\n" in lines[name]]
    text = class_view.page(room, NOW)
    assert [text.count(f"<li>{name}.json is left out") for name in WRONG] == [1] * len(WRONG)
    assert class_view.as_text(room).count("is left out") == len(WRONG)


def test_what_the_workbook_itself_writes_is_never_refused(tmp_path):
    """Every order of tries, hints and solutions, by the module that writes the file."""
    for place, outcomes in enumerate([["not yet", "passed", "error"], ["passed"], ["error"], [], ["passed", "passed"]]):
        question_id = f"11.{place}"
        for hints in (place, 0):
            progress.record_hint(question_id, hints)
            for outcome in outcomes:
                progress.record_check(question_id, outcome, NOW)
            progress.record_solution(question_id, NOW)
    assert progress_command.copy_own(tmp_path / "in" / "ana.json").is_file()
    room = look(tmp_path / "in", {"11": {f"11.{place}": "Some" for place in range(5)}})
    assert not room.left_out and room.learners[0]["lessons"] == [(3, 5, 5)]


def test_unknown_questions_are_told_and_the_rest_is_counted(tmp_path):
    room = look(put(tmp_path / "in", ana=content(q11_1=tried(), q99_1=tried(), q99_2=tried())))
    assert row(room, "ana")["lessons"] == [(1, 1, 2), (0, 0, 1)]
    found = [questions for _, questions, _ in class_files.read(tmp_path / "in", {"11.1"}, NOW)]
    assert [list(questions) for questions in found] == [["11.1"]]
    assert room.left_out == ["ana.json has 2 questions that are not in this workbook; they are not counted."]


def test_files_are_found_as_they_come_back(tmp_path):
    good, folder = content(q11_1=tried()), tmp_path / "in"
    put(folder, ana=good)
    put(folder / "Bo Ångström", progress=good)
    (folder / "Cy_123_file" / "deep").mkdir(parents=True)
    put(folder / "Cy_123_file" / "deep", progress=good)
    (folder / "Di.zip").write_bytes(zipped(**{"progress.json": good, "__MACOSX/._progress.json": b"junk"}))
    (folder / "group.zip").write_bytes(zipped(**{"Ed/progress.json": good, "../../Fay.json": good, "note.txt": b"hello"}))
    (folder / ".hidden.json").write_bytes(b"junk")
    (folder / "notes.txt").write_bytes(b"junk")
    room = look(folder)
    assert [learner["name"] for learner in room.learners] == ["ana", "Bo Ångström", "Cy_123_file", "Di", "group/Ed", "group/Fay"]
    assert not room.left_out
    (tmp_path / "all.zip").write_bytes(zipped(**{"Gil/progress.json": good, "Hana/progress.json": good}))
    assert [learner["name"] for learner in look(tmp_path / "all.zip").learners] == ["Gil", "Hana"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip", "in"]  # nothing was unpacked


def test_two_files_of_one_name_are_both_shown():
    places = ["ana.json", "ana/progress.json", "bo/1/progress.json", "bo/2/progress.json", "cy.json"]
    names = class_files.names(places)
    assert names["cy.json"] == "cy" and names["bo/1/progress.json"] == "bo/1" and len(set(names.values())) == 5


def test_zips_that_are_none_or_too_much(tmp_path):
    folder = put(tmp_path / "in", ana=content(q11_1=tried()))
    (folder / "bad.zip").write_bytes(b"PK\x03\x04 and no more")
    (folder / "bomb.zip").write_bytes(zipped(**{"progress.json": b" " * 50_000_000 + b"x"}))
    (folder / "nothing.zip").write_bytes(zipped(**{"note.txt": b""}))
    broken = bytearray(zipped(**{"progress.json": content(q11_1=tried()) * 20}))
    broken[60:80] = bytes(20)
    (folder / "broken.zip").write_bytes(broken)
    tracemalloc.start()
    room = look(folder)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000  # of the bomb's 50 million bytes one million is read
    tracemalloc.stop()
    assert [learner["name"] for learner in room.learners] == ["ana"] and len(room.left_out) == 4
    told = ["cannot be read", "more than 1,000,000", "cannot be read", "no progress file"]
    assert not [line for word, line in zip(told, room.left_out, strict=True) if word not in line]


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators alone")
def test_links_are_not_followed(tmp_path):
    secret = put(tmp_path / "elsewhere", progress=content(q11_1=tried()))
    folder = put(tmp_path / "in", ana=content(q11_1=tried()))
    (folder / "bo.json").symlink_to(secret / "progress.json")
    (folder / "cy").symlink_to(secret)
    os.mkfifo(folder / "pipe.json")
    room = look(folder)
    assert [learner["name"] for learner in room.learners] == ["ana"]
    assert [line.partition(" ")[0] for line in room.left_out] == ["bo.json", "pipe.json"]


def test_a_folder_named_by_mistake(tmp_path, monkeypatch):
    with pytest.raises(ClassError, match="is no folder and no zip"):
        look(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClassError, match="holds no progress file"):
        look(tmp_path / "empty")
    monkeypatch.setattr(class_files, "MOST", 3)
    with pytest.raises(ClassError, match="more than 3 JSON files"):
        look(put(tmp_path / "many", **{f"a{place}": b"" for place in range(4)}))


@pytest.mark.parametrize("name", HOSTILE)
def test_the_page_stands_whatever_a_learner_is_called(name):
    lessons = {lesson: {one: class_view.Asked(title) for one, title in given.items()} for lesson, given in LESSONS.items()}
    learner = {"name": class_view.shown(name, class_view.NAME), "lessons": [(1, 2, 2), (0, 0, 1)], "passed": 1, "last": LATE}
    text = class_view.page(class_view.Room(lessons, [learner], [class_view.shown(name) + " is left out"]), NOW)
    text.encode("utf-8")
    page = Reader(text)
    assert not {"script", "img", "a", "iframe"} & set(page.tags) and "\u202e" not in text and "\x1b" not in text


def test_a_thousand_learners(tmp_path):
    lessons = lesson_names.lessons()
    every = {f"q{one}": tried("not yet" if one.endswith("2") else "passed") for given in lessons.values() for one in given}
    put(tmp_path / "in", **dict.fromkeys([f"Learner {place}" for place in range(1000)], content(**every)))
    begun = time.process_time()
    text = class_view.page(look(tmp_path / "in", lessons), NOW)
    assert time.process_time() - begun < 12 and len(text.encode()) < 2_000_000
    assert text.count("<bdi>Learner ") == 1000


def command(*arguments):
    given = {"folder": None, "out": "build/class_progress.html", "copy": None} | dict(arguments)
    return progress_command.main(**given)


def test_the_command_makes_the_page(tmp_path, capsys):
    folder, out = put(tmp_path / "in", ana=content(q11_1=tried("not yet", 4))), tmp_path / "new" / "class.html"
    assert command(("folder", str(folder)), ("out", str(out))) == 0
    told = capsys.readouterr().out
    assert "1 learner," in told and "11.1 " in told and f"Open {out}" in told
    before = out.read_bytes()
    assert command(("folder", str(folder)), ("out", str(out))) == 0 and len(out.read_bytes()) == len(before)
    assert [path.name for path in out.parent.iterdir()] == ["class.html"]


def test_the_command_replaces_nothing_of_others(tmp_path, capsys):
    folder, out = put(tmp_path / "in", ana=content(q11_1=tried())), tmp_path / "thesis.html"
    out.write_text("my thesis", encoding="utf-8")
    assert command(("folder", str(folder)), ("out", str(out))) == 1
    assert out.read_text(encoding="utf-8") == "my thesis" and "left as it is" in capsys.readouterr().err
    assert command(("folder", str(folder)), ("out", str(folder))) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert command(("folder", str(tmp_path / "absent")), ("out", str(tmp_path / "o.html"))) == 1
    assert not (tmp_path / "o.html").exists() and "is no folder" in capsys.readouterr().err
    assert command(("folder", str(folder)), ("copy", "x.json")) == 2


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path, capsys, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    folder = put(tmp_path / "in", ana=content(q11_1=tried()))
    monkeypatch.setattr(pathlib.Path, "replace", full)
    assert command(("folder", str(folder)), ("out", str(tmp_path / "o" / "class.html"))) == 1
    told = capsys.readouterr().err
    assert "cannot be written (No space left on device)" in told and told.count("\n") == 1
    assert not list((tmp_path / "o").iterdir())


def test_ones_own_progress_is_told_and_copied(tmp_path, capsys):
    assert command() == 0 and "There is no progress on this machine yet" in capsys.readouterr().out
    assert command(("copy", str(tmp_path / "ana.json"))) == 1 and "nothing to copy" in capsys.readouterr().err
    progress.record_check("11.1", "passed", NOW)
    assert command() == 0
    told = capsys.readouterr().out
    assert "1 of 4 passed" in told and str(progress.folder() / "progress.json") in told and "--copy" in told
    assert command(("copy", str(tmp_path / "ana.json"))) == 0
    assert (tmp_path / "ana.json").read_bytes() == (progress.folder() / "progress.json").read_bytes()
    (tmp_path / "ana.json").write_text("mine", encoding="utf-8")
    assert command(("copy", str(tmp_path / "ana.json"))) == 1 and (tmp_path / "ana.json").read_text(encoding="utf-8") == "mine"


@pytest.mark.needs("chromium")
def test_everybody_can_read_the_page(tmp_path):
    folder = put(tmp_path / "in", **{f"Learner {place}": content(q11_1=tried(), q11_2=tried("error")) for place in range(30)})
    put(folder, **{"שרה כהן": content(q12_1=tried()), "bad": b""})
    room = look(folder)
    (tmp_path / "class.html").write_text(class_view.page(room, NOW), encoding="utf-8")
    room.learners, room.lessons = [], {name: {} for name in room.lessons}
    (tmp_path / "empty.html").write_text(class_view.page(room, NOW), encoding="utf-8")
    with chromium() as context:
        page = context.new_page()
        for name in ("class", "empty"):
            page.goto((tmp_path / f"{name}.html").as_uri())
            assert serious(page) == [], name
            page.set_viewport_size({"width": 360, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth <= 360"), name
        assert not context.wrong
