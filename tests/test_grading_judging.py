"""Grading: judges in a process of their own, with limits; and what a submission may do to the reading and judging of others."""

import json
import os
import platform
import shutil
import time
import zipfile
from pathlib import PurePosixPath

import psutil
import pytest
import yaml

from helpers import promql, rule_evaluator
from helpers.course import asking
from helpers.course.batch_files import BatchError
from helpers.course.grading import box, command, grading, judging, pages, runner, submissions
from tests import hostile
from tests.test_grading import options, passing, records

EXERCISE = hostile.EXERCISE
NOTHING = {"gathered": {}, "missing": [], "raised": [], "trouble": ""}
WALKED = {"outcome": "", "reason": "", "evidence": '{"x": 1}'}
# A judging process in which the check of an answer that says so never ends, wants much memory, or ends the process.
STRANGE = """
import json, os
from helpers.course.grading import judging
ours = judging.decide
def decide(question_id, gathered, seed):
    found = json.loads(gathered.evidence)
    if found == "loop":
        while True: pass
    if found == "wait":
        import time
        time.sleep(600)
    if found == "memory":
        held = b"x" * 900_000_000
        while True: pass
    if found == "end":
        os._exit(3)
    return ours(question_id, gathered, seed)
judging.decide = decide
judging.main()
"""


def gathered(found):
    return asking.Gathered("", "", json.dumps(found))


def right(question_id, seed):
    """Evidence of a right answer."""
    from tests.answers import a11

    return asking.gather(asking.find(question_id), a11.ANSWERS[question_id].right[0], seed)


@pytest.fixture
def judge(monkeypatch):
    """One of little patience, whose checks may be strange."""
    monkeypatch.setattr(judging, "START", STRANGE)
    judge = judging.Judge(seconds=15, clock=60, memory=600_000_000)
    yield judge
    judge.close()
    assert not [child for child in psutil.Process().children() if "import judging" in " ".join(child.cmdline())]


def test_a_judge_gives_what_a_check_in_this_process_gives(judge):
    numbers = set()
    for question_id in ("11.1", "11.2", "11.3", "11.4"):
        found = right(question_id, 7)
        assert judge.decide(question_id, found, 7) == judging.decide(question_id, found, 7)
        assert judge.decide(question_id, found, 7)["outcome"] == "passed"
        numbers.add(judge.process.pid)
    assert len(numbers) == 1


@pytest.mark.parametrize(
    ("found", "told"), [("loop", "took too long"), ("memory", "took too much memory"), ("end", "process ended on this answer")]
)
def test_an_answer_beyond_the_limits_is_not_passed_and_the_next_is_judged(judge, found, told):
    before = judge.decide("11.1", right("11.1", 7), 7)
    got = judge.decide("11.1", gathered(found), 7)
    assert got["outcome"] == "not yet" and told in got["reason"] and told in got["look"]
    assert judge.decide("11.1", right("11.1", 7), 7) == before


def test_a_check_that_waits_has_an_end_too(monkeypatch):
    monkeypatch.setattr(judging, "START", STRANGE)
    judge = judging.Judge(seconds=60, clock=2)
    assert "took too long" in judge.decide("11.1", gathered("wait"), 7)["reason"]
    judge.close()


def test_the_processors_time_counts_and_not_the_clock(judge, monkeypatch):
    monkeypatch.setattr(judging, "_seconds", lambda process: 0.0)  # as on a machine that is too busy to give us a core
    judge.clock = 6
    began = time.monotonic()
    assert "took too long" in judge.decide("11.1", gathered("loop"), 7)["reason"]
    assert time.monotonic() - began > 6


def test_one_that_somebody_else_ended_is_no_answers_fault(judge):
    before = judge.decide("11.1", right("11.1", 7), 7)
    judge.process.kill()
    judge.process.wait()
    assert judge.decide("11.1", right("11.1", 7), 7) == before


def test_a_judge_that_does_not_start_is_told(monkeypatch):
    monkeypatch.setattr(judging, "START", "raise SystemExit(3)")
    judge = judging.Judge()
    with pytest.raises(BatchError, match="does not start"):
        judge.decide("11.1", gathered(1), 7)
    judge.close()
    with pytest.raises(BatchError, match="was stopped"):
        judge.decide("11.1", gathered(1), 7)


def test_judges_are_used_again_and_ended_together():
    judges = judging.Judges()
    with judges.one() as first, judges.one() as second:
        assert first is not second
        assert first.decide("11.1", right("11.1", 7), 7)["outcome"] == "passed"
    with judges.one() as third:
        assert third in (first, second)
    number = first.process.pid
    judges.close()
    assert not psutil.pid_exists(number)
    with pytest.raises(BatchError, match="was stopped"), judges.one():
        pass


# --- whose fault it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [{"x": 1}, [1], "text", None, {"found": {}}, {"found": None}])
@pytest.mark.parametrize("question_id", ["11.1", "12.2", "21.1", "31.1", "51.1", "52.1", "61c.1"])
def test_evidence_of_another_shape_gives_no_plea(question_id, found):
    got = judging.decide(question_id, gathered(found), 7)
    assert got["outcome"] == "not yet" and "not to blame" not in got["reason"]


def test_evidence_that_a_check_cannot_read_is_for_the_instructors_eye():
    got = judging.decide("12.2", gathered({"x": 1}), 7)
    assert "cannot read what came of this answer (KeyError" in got["reason"] and "your own notebook" in got["reason"]
    assert "cannot read the evidence (KeyError" in got["look"] and "by hand" in got["look"]


@pytest.mark.parametrize("error", [ImportError("no sklearn"), NameError("x"), None])
def test_what_no_evidence_leads_to_is_the_checks_own_fault(monkeypatch, error):
    def breaks(*args):
        raise asking.BrokenCheck("broken") from error

    monkeypatch.setattr(asking, "decide", breaks)
    assert judging.decide("11.1", gathered(1), 7)["outcome"] == judging.BROKEN


def test_memory_that_is_refused_inside_of_a_check_is_told_as_such(monkeypatch):
    def breaks(*args):
        raise asking.BrokenCheck("MemoryError") from MemoryError()

    monkeypatch.setattr(asking, "decide", breaks)
    assert judging.decide("11.1", gathered(1), 7)["look"] == "the check took too much memory on this answer"


def test_a_bank_that_cannot_be_imported_is_the_checks_own_fault():
    assert judging.decide("11.99", gathered(1), 7)["outcome"] == judging.BROKEN


# --- in a grading -------------------------------------------------------------------------------------------------------


def graded(tmp_path, monkeypatch, results, **more):
    """Grade a class whose programs gave these results, by the learner's name in the notebook."""

    def run_job(job, stopped=None):
        (source,) = [raw for name, raw in job["files"].items() if name.endswith(".ipynb")]
        return {**NOTHING, **results(json.loads(source)["cells"][0]["source"], job)}

    monkeypatch.setattr(runner, "run_job", run_job)
    # One at a time: `results` may gather evidence, which takes the process's output away meanwhile.
    return command.main(options(tmp_path / "class", tmp_path / "out", trusted=True, **{"jobs": 1, **more}))


def honest(learner, job):
    return {"gathered": {q: vars(right(q, job["seeds"][q])) for q in job["questions"]}}


def test_answers_beyond_the_limits_neither_end_nor_change_the_grading_of_others(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(judging, "START", STRANGE)
    monkeypatch.setattr(judging, "SECONDS", 5)
    for learner in ("an honest one", "loop", "end", "z honest"):
        hostile.write(tmp_path / "class", learner, [learner])

    def results(learner, job):
        if learner in ("loop", "end"):
            return {"gathered": {"11.1": {**WALKED, "evidence": json.dumps(learner)}}}
        return honest(learner, job)

    for _ in range(2):  # what a judge met once it meets again, and goes on again
        assert graded(tmp_path, monkeypatch, results) == 0
        found = records(tmp_path / "out")
        assert {name: len(passing(record)) for name, record in found.items()} == {
            "an honest one": 4, "loop": 0, "end": 0, "z honest": 4,
        }  # fmt: skip
        assert "A check could not judge an answer of end, loop: have a look" in capsys.readouterr().out
    assert found["loop"]["assignments"][EXERCISE]["look"] == ["11.1: the check took too long on this answer"]
    overview = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "11.1: the check took too long on this answer" in overview
    (page,) = (tmp_path / "out" / "feedback").glob("loop*")
    assert "The check took too long on this answer, and was ended." in page.read_text(encoding="utf-8")


def test_stopped_while_a_check_does_not_end_it_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "START", STRANGE)
    hostile.write(tmp_path / "class", "a", ["loop"])
    work = grading.Grading.finished

    def interrupted(self, wait=False):
        if not wait:
            return work(self)
        while not [judge for judge in self.judges.all if judge.process]:
            time.sleep(0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr(grading.Grading, "finished", interrupted)
    with pytest.raises(KeyboardInterrupt):
        graded(tmp_path, monkeypatch, lambda learner, job: {"gathered": {"11.1": {**WALKED, "evidence": '"loop"'}}})
    assert not [child for child in psutil.Process().children() if "import judging" in " ".join(child.cmdline())]


def test_a_class_that_wrote_nothing_needs_no_judge(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "START", "raise SystemExit(3)")
    hostile.write(tmp_path / "class", "a", ["a"])
    assert graded(tmp_path, monkeypatch, lambda learner, job: {"missing": list(job["questions"])}) == 0


def test_seeds_are_worth_nothing_once_the_files_change(tmp_path, monkeypatch):
    seen = {}

    def results(learner, job):
        seen[learner] = job["seeds"]
        return honest(learner, job)

    secret = tmp_path / "secret"
    secret.write_text("a secret that is long enough")
    for learner in ("a", "b"):
        hostile.write(tmp_path / "class", learner, [learner])
    assert graded(tmp_path, monkeypatch, results, secret=secret) == 0
    first = dict(seen)
    assert len({seed for seeds in first.values() for seed in seeds.values()}) == 8
    (tmp_path / "class" / "b" / f"{EXERCISE}.ipynb").write_bytes(hostile.notebook(["b changed"]))
    assert graded(tmp_path, monkeypatch, results, secret=secret) == 0
    assert not set(first["b"].values()) & set(seen["b changed"].values())
    shutil.rmtree(tmp_path / "out")
    seen.clear()
    assert graded(tmp_path, monkeypatch, results, secret=secret) == 0
    assert seen["a"] == first["a"]  # the same on any machine
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*.*") if path.suffix in (".json", ".html")]
    assert not [text for text in texts for seed in seen["a"].values() if str(seed) in text]


def test_what_was_ended_is_run_anew_where_it_is_asked_for(tmp_path, monkeypatch, capsys):
    ran, busy = [], [True]

    def results(learner, job):
        ran.append(learner)
        return {"trouble": "took more than 900 s and was ended"} if learner == "b" and busy else honest(learner, job)

    for learner in ("a", "b"):
        hostile.write(tmp_path / "class", learner, [learner])
    assert graded(tmp_path, monkeypatch, results) == 0
    assert "Not run to the end: b. If this machine was the reason" in capsys.readouterr().out
    busy.clear()
    assert graded(tmp_path, monkeypatch, results) == 0
    assert len(passing(records(tmp_path / "out")["b"])) == 0
    assert graded(tmp_path, monkeypatch, results, again=["b"]) == 0
    assert len(passing(records(tmp_path / "out")["b"])) == 4
    assert sorted(ran) == ["a", "b", "b"]
    assert graded(tmp_path, monkeypatch, results, again=["c"]) == 2
    assert "--again c: no learner of" in capsys.readouterr().err


def test_one_exercise_alone_takes_no_other_out_of_the_table(tmp_path, monkeypatch, capsys):
    hostile.write(tmp_path / "class", "a", ["a"])
    (tmp_path / "class" / "a" / "12_ml_lifecycle.ipynb").write_bytes(hostile.notebook(["a"]))
    assert graded(tmp_path, monkeypatch, lambda learner, job: {}) == 0
    before = hostile.content(tmp_path / "out")
    assert graded(tmp_path, monkeypatch, lambda learner, job: {}, only=["11"]) == 2
    assert "has the grades of 12_ml_lifecycle too" in capsys.readouterr().err
    assert hostile.content(tmp_path / "out") == before
    shutil.rmtree(tmp_path / "out")
    assert graded(tmp_path, monkeypatch, lambda learner, job: {}, only=["11"]) == 0
    assert graded(tmp_path, monkeypatch, lambda learner, job: {}, only=["11"]) == 0


def test_a_damaged_result_is_named(tmp_path, monkeypatch, capsys):
    hostile.write(tmp_path / "class", "a", ["a"])
    assert graded(tmp_path, monkeypatch, honest) == 0
    (result,) = (tmp_path / "out" / "results").iterdir()
    result.write_text("{")
    capsys.readouterr()
    assert graded(tmp_path, monkeypatch, honest) == 2
    assert f"{result} is damaged" in capsys.readouterr().err


def test_a_worker_without_the_box_is_named(tmp_path, monkeypatch, capsys):
    import distributed

    hostile.write(tmp_path / "class", "a", ["a"])
    monkeypatch.setattr(box, "available", lambda: False)
    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**settings, protocol="tcp://", host="127.0.0.1") as cluster:
        asked = options(tmp_path / "class", tmp_path / "out", scheduler=cluster.scheduler_address)
        assert command.main(asked) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert [line for line in said if "bwrap (bubblewrap) is not on this machine" in line and platform.node() in line]


# --- reading ------------------------------------------------------------------------------------------------------------


def test_every_byte_of_a_zip_may_be_damaged(tmp_path):
    for way, kind in hostile.PACKED.items():
        file = tmp_path / f"{way}.zip"
        with zipfile.ZipFile(file, "w", kind) as archive:
            archive.writestr("a.ipynb", b"x" * 200)
        whole = file.read_bytes()
        for place in range(len(whole)):
            for value in (0, 0xFF):
                file.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
                submissions.read(submissions.Submission("a", file))
        file.write_bytes(whole[: len(whole) // 2])
        assert "is no zip file" in submissions.read(submissions.Submission("a", file)).trouble


def test_a_failure_that_nobody_thought_of_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.setattr(submissions, "_in_folder", lambda folder: 1 / 0)
    content = submissions.read(submissions.Submission("a", tmp_path / "a"))
    assert content.trouble == "cannot be read (ZeroDivisionError: division by zero)"


def test_a_time_that_is_no_day_is_not_known():
    assert submissions._iso(1e12) == submissions._iso(1e300) == ""


def test_of_several_notebooks_the_newest_is_graded():
    one, two, ten = (PurePosixPath(f"{EXERCISE} ({number}).ipynb") for number in (1, 2, 10))
    plain, deep = PurePosixPath(f"{EXERCISE}.ipynb"), PurePosixPath(f"a/{EXERCISE} (3).ipynb")

    def order(*places, **times):
        return submissions.matched([EXERCISE], places, {ten: times.get("ten", ""), one: times.get("one", "")})[EXERCISE]

    assert order(one, two, ten) == [ten, two, one]
    assert order(one, two, ten, one="2026-01-02T10:00:00+00:00", ten="2026-01-01T10:00:00+00:00") == [one, ten, two]
    assert order(one, plain, one="2026-01-02T10:00:00+00:00")[0] == plain
    assert order(deep, one)[0] == one


def test_the_page_says_which_of_several_was_graded(tmp_path, monkeypatch):
    hostile.write(tmp_path / "class", "a", ["a"])
    for number in (1, 2):
        (tmp_path / "class" / "a" / f"{EXERCISE} ({number}).ipynb").write_bytes(hostile.notebook([str(number)]))
        os.utime(tmp_path / "class" / "a" / f"{EXERCISE} ({number}).ipynb", (1e9 - number, 1e9 - number))
    (tmp_path / "class" / "a" / f"{EXERCISE}.ipynb").unlink()
    graded(tmp_path, monkeypatch, lambda learner, job: {"raised": [[1, learner]]})
    (record,) = records(tmp_path / "out").values()
    assert record["assignments"][EXERCISE]["trouble"] == "Code cell 1 raised 1"
    assert f"Of 2 notebooks of this exercise, {EXERCISE} (1).ipynb was graded." in pages.feedback(record)


def test_files_that_cannot_lie_beside_those_of_the_exercise_do_not_meet_them():
    given = {"api.py": b"given", "app/page.py": b"given", "tests/a.py": b"given"}
    own = {"api.py/x": b"own", "app": b"own", "b.py": b"own"}
    assert set(grading._beside(given, own)) == {"tests/a.py"}
    assert set(grading._beside(own, ["b.py"])) == {"api.py/x", "app"}


# --- the rules of a learner ---------------------------------------------------------------------------------------------

RULES = """
groups:
  - name: s
    rules:
      - alert: A
        expr: {}
        annotations: {{told: '{}'}}
"""
SERIES = {'x{route="/predict/flights"}': ([0, 60], [1, 2])}


def evaluated(expression="x > 0", note="a"):
    return rule_evaluator.evaluate(yaml.safe_load(RULES.format(json.dumps(expression), note)), SERIES, every=60)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"note": '{{ printf "%.100f" $value }}'}, "at most 99 places"),
        ({"note": '{{ printf "%.10000000f" $value }}'}, "at most 99 places"),
        ({"note": "a" * 3000}, "has 3000 characters"),
        ({"expression": "x > " + "0" * 6000}, "has 6004 characters"),
        ({"expression": 'x{route=~"(.{0,9}){20}!"} > 0'}, "a repetition of a repetition"),
        ({"expression": 'x{route=~"(.+)+!"} > 0'}, "a repetition of a repetition"),
        ({"expression": 'x{route=~"(?:(a|.*)b)*!"} > 0'}, "a repetition of a repetition"),
        ({"expression": 'x{route=~"' + ".*" * 20 + '!"} > 0'}, "it has 20 repetitions"),
        ({"expression": 'x{route=~"' + "a" * 400 + '"} > 0'}, "it has 400 characters"),
        ({"expression": 'x{route=~"(?=a)"} > 0'}, "nothing that Prometheus knows"),
        ({"expression": 'x{route=~"(a)\\\\1"} > 0'}, "nothing that Prometheus knows"),
    ],
)
def test_rules_that_would_take_long_or_much_are_refused(rule, told):
    with pytest.raises((rule_evaluator.RuleError, promql.QueryError), match=told):
        evaluated(**rule)


@pytest.mark.parametrize(
    "pattern",
    ["/predict.*", "(/predict)?/.+", "/(predict|x+)/.*", "(?i)/PREDICT.*", "(?:/[a-z]*)?/flights", "[/(+*a-z]+", ".{16}"],
)
def test_patterns_as_one_writes_them_are_read(pattern):
    assert len(evaluated(f'x{{route=~"{pattern}"}} > 0')) == 2


def test_what_is_told_of_a_value_is_as_before():
    assert evaluated(note='{{ printf "%.2f" $value }} {{ $labels.route }}')[0]["annotations"]["told"] == "1.00 /predict/flights"
