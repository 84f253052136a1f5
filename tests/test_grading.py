"""Grading: a class of honest and hostile submissions, each scored right, and nothing of them left."""

import argparse
import ast
import csv
import io
import json
import re
import shutil
import socket
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

import psutil
import pytest

from helpers import containers
from helpers.course import asking, install
from helpers.course.grading import assignments, box, command, course_copy, grading, marks, probes, runner, scores, submissions
from tests import hostile
from tests.notebook_files import ROOT

MARK = "workbook-left-behind-92741"
QUESTIONS = ("11.1", "11.2", "11.3", "11.4")


def options(folder, out, **more):
    usual = {"only": [], "again": [], "jobs": 2, "time_limit": 90.0, "secret": None, "trusted": False, "scheduler": None}
    return argparse.Namespace(submissions=str(folder), out=str(out), **(usual | more))


def records(out):
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "learners").glob("*.json")]
    return {record["learner"]: record for record in found}


def passing(record, exercise=hostile.EXERCISE):
    questions = record["assignments"].get(exercise, {"questions": {}})["questions"]
    return tuple(int(question_id[3:]) for question_id, question in questions.items() if question["outcome"] == "passed")


def trouble(record):
    return " ".join([record["trouble"], *[work["trouble"] for work in record["assignments"].values()]]).strip()


def boxes():
    """Processes of learners' programs that run."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if "grading import worker" in " ".join(process.info["cmdline"] or [])
    ]


def judges():
    """Processes that judge, of this one."""
    lines = [" ".join(process.cmdline()) for process in psutil.Process().children() if process.status() != "zombie"]
    return [line for line in lines if "judging.main()" in line]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The hostile class, graded once."""
    folder, out, temporary = (tmp_path_factory.mktemp(name) for name in ("class", "grades", "temporary"))
    course_copy.folder()  # stays as long as this process, and so it is made before
    with socket.socket() as listener, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        places = [str(ROOT / "solutions"), str(ROOT / "tests"), str(folder), str(out), str(Path.home() / "secret")]
        expected = hostile.a_class(folder, places, listener.getsockname()[1], MARK)
        before = hostile.content(folder)
        code = command.main(options(folder, out))
    about = {"temporary": temporary, "folder": folder, "out": out}
    return {**about, "expected": expected, "before": before, "code": code, "records": records(out)}


walls = pytest.mark.needs("bwrap")


@walls
def test_each_is_scored_right(outcome):
    got = {learner: (passing(record), trouble(record)) for learner, record in outcome["records"].items()}
    assert got.keys() == outcome["expected"].keys()
    wrong = {
        learner: got[learner]
        for learner, (questions, told) in outcome["expected"].items()
        if told not in got[learner][1] or (questions is not None and questions != got[learner][0])
    }
    assert not wrong
    assert outcome["code"] == 0


@walls
def test_nobody_saw_what_is_hidden(outcome):
    assert not [learner for learner, record in outcome["records"].items() if "SEEN" in trouble(record)]


@walls
def test_who_ends_all_that_can_be_ended_hurts_nobody_else(outcome):
    assert 1 in passing(outcome["records"]["kills its parent"])


@walls
def test_evidence_has_a_limit(outcome):
    assert "sent more than" in trouble(outcome["records"]["writes into every pipe"])


@walls
def test_nothing_is_left(outcome):
    assert hostile.content(outcome["folder"]) == outcome["before"]
    assert not list(outcome["folder"].parent.glob("**/climbed.txt"))
    assert not [process.pid for process in psutil.process_iter(["cmdline"]) if MARK in (process.info["cmdline"] or [])]
    assert not boxes() and not judges()
    assert list(outcome["temporary"].iterdir()) == []
    made = {path.name for path in outcome["out"].iterdir()}
    assert made == {"feedback", "learners", "results", "scores.csv", "index.html", "graded.json", "secret", ".lock"}


@walls
def test_the_table_has_everybody(outcome):
    rows = list(csv.DictReader(io.StringIO((outcome["out"] / "scores.csv").read_text(encoding=scores.ENCODING))))
    got = {row["student_id"]: float(row["score"]) for row in rows if row["assignment"] == hostile.EXERCISE}
    assert got == {learner: float(len(passing(record))) for learner, record in outcome["records"].items()}
    assert {row["max_score"] for row in rows} == {"4.0"}


@walls
def test_again_nothing_is_run_and_nothing_changes(outcome, monkeypatch):
    before = hostile.content(outcome["out"])
    monkeypatch.setattr(runner, "run_job", lambda job, stopped: pytest.fail("it was run again"))
    assert command.main(options(outcome["folder"], outcome["out"])) == 0
    assert hostile.content(outcome["out"]) == before


@walls
def test_a_learner_who_is_gone_is_taken_away(outcome, tmp_path):
    folder, out = tmp_path / "class", tmp_path / "out"
    shutil.copytree(outcome["out"], out)
    (out / "notes.txt").write_text("the instructor's own")
    (folder).mkdir()
    shutil.copytree(outcome["folder"] / "an honest learner", folder / "an honest learner")
    assert command.main(options(folder, out)) == 0
    assert len(list((out / "feedback").iterdir())) == len(list((out / "learners").iterdir())) == 1
    assert (out / "notes.txt").exists()


@walls
def test_time_has_an_end_for_a_cell(tmp_path):
    loop = "def objections_to_release(*args):\n    while True:\n        pass"
    hostile.write(tmp_path / "class", "a", [loop if source == hostile.ANSWERS[2] else source for source in hostile.cells()])
    assert command.main(options(tmp_path / "class", tmp_path / "out", time_limit=90.0)) == 0
    (record,) = records(tmp_path / "out").values()
    assert passing(record) == (1, 3, 4)
    second = record["assignments"][hostile.EXERCISE]["questions"]["11.2"]
    assert second["outcome"] == "error" and "more than 30 s" in second["reason"]


@walls
def test_time_has_an_end_for_all(tmp_path, capsys):
    deaf = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    hostile.write(tmp_path / "class", "a", hostile.cells(after_first=[deaf]))
    assert command.main(options(tmp_path / "class", tmp_path / "out", time_limit=60.0)) == 0
    (record,) = records(tmp_path / "out").values()
    assert passing(record) == (1,) and "took more than 60 s" in trouble(record)
    assert record["assignments"][hostile.EXERCISE]["questions"]["11.3"]["outcome"] == marks.NOT_REACHED
    assert "Not run to the end: a." in capsys.readouterr().out


@walls
def test_broken_off_in_the_middle_it_goes_on(tmp_path, monkeypatch):
    for learner in ("a", "b", "c"):
        hostile.write(tmp_path / "class", learner, hostile.cells(solved=()) + [f"# {learner}"])
    ran = []

    def breaks(job, stopped):
        ran.append(1)
        if len(ran) == 2:
            raise KeyboardInterrupt
        return runner_run(job, stopped)

    runner_run = runner.run_job
    monkeypatch.setattr(runner, "run_job", breaks)
    with pytest.raises(KeyboardInterrupt):
        command.main(options(tmp_path / "class", tmp_path / "out", jobs=1))
    assert len(list((tmp_path / "out" / "results").iterdir())) == 1
    assert not boxes()
    before = len(ran)
    assert command.main(options(tmp_path / "class", tmp_path / "out", jobs=1)) == 0
    assert len(ran) - before == 2  # those that were missing
    assert len(records(tmp_path / "out")) == 3


@walls
def test_files_beside_the_notebook_come_with_it(tmp_path):
    beside = (
        "import pathlib\nassert pathlib.Path('mine.txt').read_text() == 'mine'\nassert not pathlib.Path('../mine.txt').exists()"
    )
    hostile.write(tmp_path / "class", "a", hostile.cells(before=[beside], solved=(1,)))
    (tmp_path / "class" / "a" / "mine.txt").write_text("mine")
    assert command.main(options(tmp_path / "class", tmp_path / "out")) == 0
    (record,) = records(tmp_path / "out").values()
    assert passing(record) == (1,) and trouble(record) == ""


@walls
def test_a_cluster_gives_the_same(tmp_path):
    import distributed

    hostile.write(tmp_path / "class", "a", hostile.cells(solved=(1, 2)))
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret that is long enough")
    assert command.main(options(tmp_path / "class", tmp_path / "alone", secret=secret)) == 0
    settings = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**settings, protocol="tcp://", host="127.0.0.1") as cluster:
        assert (
            command.main(options(tmp_path / "class", tmp_path / "many", secret=secret, scheduler=cluster.scheduler_address)) == 0
        )
    alone, many = records(tmp_path / "alone"), records(tmp_path / "many")
    assert alone == many and passing(alone["a"]) == (1, 2)


def test_without_walls_a_program_has_limits_all_the_same(tmp_path):
    climbs = "import socket\nsocket.create_connection(('192.0.2.1', 80))"  # an address for documents: nobody is there
    parent = "import os, signal\nos.kill(os.getppid(), 9)"
    hostile.write(tmp_path / "class", "connects", hostile.cells(before=[climbs], solved=(1,)))
    hostile.write(tmp_path / "class", "kills its parent", hostile.cells(after_first=[parent]))
    hostile.write(
        tmp_path / "class",
        "leaves a process",
        hostile.cells(after_first=[hostile.DAEMON.replace("MARK", MARK + "t")], solved=(1,)),
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hostile.write(
        tmp_path / "class", "serves", hostile.cells(after_first=[hostile.SERVE.replace("PORT", str(port))], solved=(1,))
    )
    assert command.main(options(tmp_path / "class", tmp_path / "out", trusted=True)) == 0
    found = records(tmp_path / "out")
    assert passing(found["connects"]) == (1,) and "only 127.0.0.1" in trouble(found["connects"])
    assert 1 in passing(found["kills its parent"])
    assert passing(found["leaves a process"]) == passing(found["serves"]) == (1,)
    assert trouble(found["serves"]) == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert not [process.pid for process in psutil.process_iter(["cmdline"]) if MARK + "t" in (process.info["cmdline"] or [])]


def test_without_the_box_nothing_is_run(tmp_path, monkeypatch, capsys):
    hostile.write(tmp_path / "class", "a", hostile.cells())
    monkeypatch.setattr(box, "available", lambda: False)
    assert command.main(options(tmp_path / "class", tmp_path / "out")) == 2
    assert "--trusted" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@walls
def test_a_box_that_does_not_start_is_nobodys_fault(tmp_path, monkeypatch, capsys):
    hostile.write(tmp_path / "class", "a", hostile.cells())
    monkeypatch.setattr(box, "boxed", lambda limits: [shutil.which("bwrap"), "--no-such-word"])
    assert command.main(options(tmp_path / "class", tmp_path / "out")) == 2
    assert ": bwrap: Unknown option" in capsys.readouterr().err
    assert not list((tmp_path / "out" / "learners").glob("*"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"submissions": "nowhere"}, "is no folder"),
        ({"submissions": "empty"}, "holds no submission"),
        ({"submissions": "twice"}, "a is there twice"),
        ({"out": "class/grades"}, "lie in each other"),
        ({"out": "."}, "lie in each other"),
        ({"out": "short"}, "cannot be written"),
        ({"only": ["99"]}, "There is no exercise '99'"),
        ({"time_limit": 0.0}, "must be above 0"),
        ({"jobs": 0}, "must be above 0"),
        ({"secret": "short"}, "at least 16"),
        ({"secret": "absent"}, "cannot be read as the secret"),
        ({"scheduler": "tcp://127.0.0.1:1", "trusted": True}, "No Dask scheduler answers"),
    ],
)
def test_bad_input_gets_one_line(tmp_path, monkeypatch, capsys, change, told):
    from helpers.course import pool

    monkeypatch.setattr(pool, "CONNECT", 1)
    monkeypatch.chdir(tmp_path)
    hostile.write(tmp_path / "class", "a", hostile.cells())
    (tmp_path / "empty").mkdir()
    (tmp_path / "twice" / "a").mkdir(parents=True)
    (tmp_path / "twice" / "a.zip").write_bytes(b"")
    (tmp_path / "short").write_text("short")
    asked = vars(options("class", "out", trusted=True)) | change
    assert command.main(argparse.Namespace(**asked)) == 2
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1
    assert not (tmp_path / "class" / "grades").exists()


def test_what_lies_beside_the_submissions_is_told(tmp_path, capsys):
    (tmp_path / "class" / "nobody").mkdir(parents=True)
    (tmp_path / "class" / "list.xlsx").write_bytes(b"")
    assert command.main(options(tmp_path / "class", tmp_path / "out", trusted=True)) == 0
    said = capsys.readouterr().out
    assert "list.xlsx is neither a folder nor a zip" in said and "0 of 1 learners" in said


# --- the pieces -----------------------------------------------------------------------------------------------------------


def test_every_bank_is_cut_down_to_its_probes():
    cut = probes.without_judges(course_copy.used_by_exercises())
    for lesson, questions in asking.catalogue().items():
        text = cut[f"q{lesson}.py"]
        space = {"__name__": f"helpers.course.bank.q{lesson}"}
        exec(compile(text, "cut", "exec"), space)
        assert list(space["QUESTIONS"]) == list(questions)
        assert all(question.judge is None and question.hints == () for question in space["QUESTIONS"].values())
        for question_id, question in questions.items():
            judge = getattr(question.judge, "func", question.judge)
            assert judge.__name__ not in space or "<locals>" in judge.__qualname__, question_id
            for hint in question.hints:
                assert hint not in text


def test_every_name_in_a_cut_bank_is_defined():
    import builtins

    for name, text in probes.without_judges().items():
        tree = ast.parse(text)
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        made = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        made |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        made |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
        imports = [alias for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names]
        made |= {alias.asname or alias.name.partition(".")[0] for alias in imports}
        matched = {n.name for n in ast.walk(tree) if isinstance(n, (ast.MatchAs, ast.MatchStar)) and n.name}
        assert not read - made - matched - set(dir(builtins)) - {"__file__", "__name__"}, name


def test_what_a_module_does_not_need_is_cut():
    source = '"""Doc."""\nimport a, b\nX = 1\nY = 2\ndef f():\n    return g(X)\ndef g(x):\n    return a.h(x)\n'
    source += "def judge():\n    return b, Y\n"
    assert probes.cut_down(source, {"f"}) == "import a\nX = 1\n\ndef f():\n    return g(X)\n\ndef g(x):\n    return a.h(x)\n"


def test_the_copy_of_the_course_holds_no_answer():
    copy = course_copy.folder()
    for path in (copy / "exercises").rglob("*.ipynb"):
        assert (copy / "solutions" / path.relative_to(copy / "exercises")).read_bytes() == path.read_bytes()
    begin = "### BEGIN" + " SOLUTION"
    holding = [path.name for top in ("solutions", "exercises") for path in (copy / top).rglob("*") if path.is_file()
               and begin in path.read_text(encoding="utf-8", errors="replace")]  # fmt: skip
    assert not holding
    assert not (copy / "tests").exists()


def test_every_exercise_is_an_assignment():
    every = assignments.exercises()
    assert sorted(question for exercise in every.values() for question in exercise.questions) == sorted(
        question for bank in asking.catalogue().values() for question in bank
    )
    assert every["22a_mlflow"].questions["22a.2"] == "best_run"
    assert every["30_mini_project"].folder and "api.py" in every["30_mini_project"].files()


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["11_what_is_mlops.ipynb"], "11_what_is_mlops.ipynb"),
        (["a/b/11_what_is_mlops.ipynb", "a/11_what_is_mlops.ipynb"], "a/11_what_is_mlops.ipynb"),
        (["11_what_is_mlops (1).ipynb"], "11_what_is_mlops (1).ipynb"),
        (["11_what_is_mlops-Ana.ipynb", "11_what_is_mlops.ipynb"], "11_what_is_mlops.ipynb"),
        (["11_what_is_mlops2.ipynb", "11.ipynb", "11_what_is_mlops.py"], None),
    ],
)
def test_a_notebook_is_found_by_its_name(names, found):
    got = submissions.matched([hostile.EXERCISE], [PurePosixPath(name) for name in names])
    assert [str(places[0]) for places in got.values()] == [found] * bool(found)


def test_a_zip_within_a_folder_is_opened(tmp_path):
    (tmp_path / "Ana_123_file").mkdir()
    with zipfile.ZipFile(tmp_path / "Ana_123_file" / "mine.zip", "w") as archive:
        archive.writestr(f"{hostile.EXERCISE}.ipynb", b"{}")
    ((submission,), _) = submissions.find(tmp_path)
    assert list(submissions.read(submission).files) == [PurePosixPath(f"{hostile.EXERCISE}.ipynb")]


def test_a_zip_that_grows_is_read_to_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "MOST_BYTES", 1_000_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.txt", bytes(900_000))
    ((submission,), _) = submissions.find(tmp_path)
    content = submissions.read(submission)
    assert len(content.files) == 1 and "more than 1 MB" in content.trouble


def test_accents_are_the_same_however_they_are_written(tmp_path):
    (tmp_path / "Zoe\u0308").mkdir()
    ((submission,), _) = submissions.find(tmp_path)
    assert submission.learner == "Zo\u00eb"


def test_another_secret_gives_other_seeds_and_the_same_one_the_same():
    assert marks.seed("a", "11.1", "files") == marks.seed("a", "11.1", "files")
    assert len({marks.seed(s, question, files) for s in "ab" for question in ("11.1", "11.2") for files in "cd"}) == 8


def test_a_check_that_fails_is_not_the_learners_fault(monkeypatch):
    exercise = assignments.exercises()[hostile.EXERCISE]
    monkeypatch.setattr(asking, "decide", lambda *args: (_ for _ in ()).throw(asking.BrokenCheck("KeyError")))
    result = {"gathered": {"11.1": {"outcome": "", "reason": "", "evidence": "{}"}}, "missing": [], "raised": [], "trouble": ""}
    marked = marks.mark(exercise, result, dict.fromkeys(QUESTIONS, 1))
    assert marked["questions"]["11.1"]["outcome"] == "check failed"


@pytest.mark.parametrize("forged", ["{", "[" * 100_000, "1" * 10_000, "", "NaN x"])
def test_forged_evidence_is_no_broken_check(forged):
    exercise = assignments.exercises()[hostile.EXERCISE]
    result = {"gathered": {"11.1": {"outcome": "", "reason": "", "evidence": forged}}, "missing": [], "raised": [], "trouble": ""}
    marked = marks.mark(exercise, result, dict.fromkeys(QUESTIONS, 1))
    assert marked["questions"]["11.1"]["outcome"] == "not yet"


def test_a_forged_outcome_does_not_pass():
    exercise = assignments.exercises()[hostile.EXERCISE]
    result = {
        "gathered": {"11.1": {"outcome": "passed", "reason": "", "evidence": ""}},
        "missing": [],
        "raised": [],
        "trouble": "",
    }
    assert marks.mark(exercise, result, dict.fromkeys(QUESTIONS, 1))["score"] == 0


def test_the_key_of_a_job_is_made_from_all_of_it():
    job = {
        "notebook": "a.ipynb",
        "files": {"a.ipynb": b"1"},
        "questions": {"11.1": "f"},
        "seeds": {"11.1": 1},
        "limits": {},
        "walls": True,
        "course": "x",
    }
    changed = [
        {**job, name: value}
        for name, value in {"files": {"a.ipynb": b"2"}, "seeds": {"11.1": 2}, "course": "y", "walls": False}.items()
    ]
    assert len({grading.key(each) for each in [job, *changed]}) == 5 and grading.key(dict(job)) == grading.key(job)


def test_the_container_is_well_made_and_complete():
    text = (ROOT / "helpers/course/grading/Dockerfile").read_text(encoding="utf-8")
    assert containers.lint(ROOT / "helpers/course/grading/Dockerfile") == []
    copied = [word for line in re.findall(r"^COPY (.+)", text, re.MULTILINE) for word in line.split()[:-1]]
    assert copied and all((ROOT / word).exists() for word in copied)
    assert not {"solutions", "tests", "."} & set(copied)
    wanted = {package for package, _ in install.SYSTEM_PARTS.values() if "@" not in package} | {"bubblewrap", "git"}
    assert wanted <= set(text.split())


def test_another_version_of_the_workbook_is_refused():
    with pytest.raises(box.BoxError, match="bring both to one version"):
        runner.run_job({"course": "another"})
