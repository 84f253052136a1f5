"""Every question is itself tested: right answers pass, wrong ones do not, and each misunderstanding is told by its name."""

import dataclasses
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.course import asking, evidence
from helpers.course.verdict import PASSED, not_yet, passed
from tests import answers_report, demo_bank
from tests.answers import Answers, Wrong, faults, try_right, try_wrong

CATALOGUE = asking.catalogue()
LONGEST = 1800  # seconds: dozens of answers, and some push to a repository whose workflow then trains
IDS = [question_id for questions in CATALOGUE.values() for question_id in questions]


def answers_of(lesson):
    return importlib.import_module(f"tests.answers.a{lesson}").ANSWERS


@pytest.mark.parametrize("lesson", CATALOGUE)
def test_every_bank_has_answers_to_all_its_questions(lesson):
    assert CATALOGUE[lesson], "the bank is empty"
    assert list(answers_of(lesson)) == list(CATALOGUE[lesson])
    assert all(question_id.rpartition(".")[0] == lesson for question_id in CATALOGUE[lesson])


def try_question(question_id, record_property):
    question = asking.find(question_id)
    answers = answers_of(question_id.rpartition(".")[0])[question_id]
    right, wrong = try_right(question_id, question, answers), try_wrong(question_id, question, answers)
    refused, accepted = sum(t.outcome != PASSED for t in right), sum(t.outcome == PASSED for t in wrong)
    counts = {"question": question_id, "right": len(right), "refused": refused, "wrong": len(wrong), "accepted": accepted}
    record_property("answers", counts)  # answers_report prints it
    told = faults(question_id, question, answers, right, wrong)
    assert not told, "\n".join(told)


def a_class(question_id):
    """A class a question, because `--dist loadscope` keeps a class together: so workers share the questions."""
    tests = {"test_answers": lambda self, record_property: try_question(question_id, record_property)}
    return type(f"Test{question_id}", (), tests | {"pytestmark": pytest.mark.timeout(LONGEST)})


globals().update({f"Test{question_id}": a_class(question_id) for question_id in IDS})


# --- the trial itself is tried, on a small bank --------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def demo(monkeypatch):
    """The demo bank, as if it lay in helpers/course/bank."""
    monkeypatch.setitem(sys.modules, "helpers.course.bank.q99", demo_bank)
    monkeypatch.setattr(evidence, "_OTHERS", evidence._OTHERS | {demo_bank.FILE})


def told_of(question, answers):
    right, wrong = try_right("99.1", question, answers), try_wrong("99.1", question, answers)
    return faults("99.1", question, answers, right, wrong)


def test_a_good_bank_has_no_faults():
    for question_id, question in demo_bank.QUESTIONS.items():
        answers = demo_bank.ANSWERS[question_id]
        right, wrong = try_right(question_id, question, answers), try_wrong(question_id, question, answers)
        assert faults(question_id, question, answers, right, wrong) == []


QUESTION, ANSWERS = demo_bank.QUESTIONS["99.1"], demo_bank.ANSWERS["99.1"]


def careless_judge(found, rng):
    return passed() if found["first_alert"] else not_yet("")


def trusting_judge(found, rng):
    if found["first_alert"] == [None] * len(found["first_alert"]):
        return passed()
    return demo_bank.judge(found, rng)


def fragile_judge(found, rng):
    if max(day for day in found["first_alert"] if day is not None) < 0:  # fails on text, and where no day is left
        return not_yet("negative")
    return demo_bank.judge(found, rng)


def sharing_probe(answer, rng):
    week = [0.3, 0.3, 0.3, 0.1]
    return {"first_alert": [answer(week, 0.2, 3), answer(week, 0.2, 3)]}


def sharing_judge(found, rng):
    return passed() if found["first_alert"] == [2, 2] else not_yet("no")


@pytest.mark.parametrize(
    ("question", "answers", "fault"),
    [
        (dataclasses.replace(QUESTION, judge=careless_judge), ANSWERS, "accepted: "),
        (dataclasses.replace(QUESTION, judge=trusting_judge), ANSWERS, "what='a function that gives None'"),
        (dataclasses.replace(QUESTION, judge=lambda found, rng: not_yet("never")), ANSWERS, "refused: "),
        (dataclasses.replace(QUESTION, judge=fragile_judge), ANSWERS, "the check itself failed: "),
        (dataclasses.replace(QUESTION, judge=lambda found, rng: True), ANSWERS, "the check itself failed: "),
        (dataclasses.replace(QUESTION, judge=sharing_judge, probe=sharing_probe), ANSWERS, "with noise"),
        (dataclasses.replace(QUESTION, hints=()), ANSWERS, "0 hints"),
        (dataclasses.replace(QUESTION, misconceptions=(*QUESTION.misconceptions, "new")), ANSWERS, "'new' has no wrong answer"),
        (dataclasses.replace(QUESTION, misconceptions=()), ANSWERS, "is not among the question's"),
        (QUESTION, Answers(ANSWERS.right[:2], ANSWERS.wrong), "2 right"),
        (QUESTION, Answers(ANSWERS.right, ANSWERS.wrong[:7]), "7 wrong"),
        (QUESTION, Answers(ANSWERS.right, [*ANSWERS.wrong, Wrong(ANSWERS.right[0])]), "accepted: "),
        (QUESTION, Answers([*ANSWERS.right, ANSWERS.wrong[0].answer], ANSWERS.wrong), "refused: "),
        (QUESTION, Answers(ANSWERS.right, [*ANSWERS.wrong, Wrong(ANSWERS.wrong[0].answer)]), "not None"),
        (QUESTION, Answers(ANSWERS.right, [*ANSWERS.wrong, Wrong(lambda *args: 99, says="moon")]), "does not say 'moon'"),
        (dataclasses.replace(QUESTION, probe=lambda answer, rng: {"first_alert": 1}), ANSWERS, "not `not attempted`"),
    ],
)
def test_each_fault_of_a_bank_is_found(question, answers, fault):
    assert any(fault in line for line in told_of(question, answers))


def test_report_counts_and_adds_up():
    rows = [
        dict(question="b.1", right=4, refused=1, wrong=10, accepted=0),
        dict(question="a.1", right=6, refused=0, wrong=0, accepted=0),
    ]
    lines = answers_report.table(rows)
    assert [line.split()[0] for line in lines] == ["question", "a.1", "b.1", "all"]
    assert lines[1].split(maxsplit=1)[1].split("  ")[0].strip() == "0 of 6 (0.0%)" and lines[1].endswith("none tried")
    assert "1 of 4 (25.0%)" in lines[2] and "1 of 10 (10.0%)" in lines[3] and lines[3].endswith("0 of 10 (0.0%)")


CONFTEST = "from answers_report import pytest_runtest_logreport, pytest_terminal_summary\n"
RECORDING = """
import pytest
@pytest.mark.parametrize("question", ["x.1", "x.2"])
def test_it(question, record_property):
    record_property("answers", {"question": question, "right": 3, "refused": 1, "wrong": 9, "accepted": 0})
    assert question == "x.1"
"""


def test_report_stands_at_the_end_of_a_run_with_workers(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "answers_report.py").write_text(Path(answers_report.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test_it.py").write_text(RECORDING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    assert ended.returncode == 1, ended.stdout  # a failing question is still counted
    assert [line.split()[:4] for line in ended.stdout.splitlines() if line.startswith(("x.", "all"))] == [
        ["x.1", "1", "of", "3"],
        ["x.2", "1", "of", "3"],
        ["all", "2", "of", "6"],
    ]
