"""helpers.course.questions and what it stands on: what a learner sees of a check, a hint, a solution."""

import dataclasses
import datetime
import decimal
import enum
import json
import logging
import runpy
import subprocess
import sys
import types
import warnings
from pathlib import Path, PurePosixPath, PureWindowsPath

import nbclient
import nbformat
import numpy as np
import pandas as pd
import pytest

from helpers.course import asking, evidence, progress, questions
from helpers.course.questions import check, hint, solution
from helpers.course.verdict import Question, Verdict, not_yet, passed
from tests import demo_bank
from tests.answers import Anything, not_begun

SEED = 3


@pytest.fixture(autouse=True)
def demo(monkeypatch, tmp_path):
    """The demo bank as lesson 99, a folder for the progress, and no memory of hints."""
    monkeypatch.setenv("WORKBOOK_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(sys.modules, "helpers.course.bank.q99", demo_bank)
    monkeypatch.setattr(evidence, "_OTHERS", evidence._OTHERS | {demo_bank.FILE})
    monkeypatch.setattr(questions, "_hints_seen", {})


def a_bank(monkeypatch, probe=lambda answer, rng: answer, judge=lambda found, rng: passed(), hints=("one",), notebook="x"):
    """A lesson 98 with one question, 98.1."""
    bank = types.ModuleType("q98")
    bank.QUESTIONS = {"98.1": Question("Title", probe, judge, hints, notebook)}
    monkeypatch.setitem(sys.modules, "helpers.course.bank.q98", bank)


# --- the outcomes --------------------------------------------------------------------------------------------------------


def test_passed():
    result = check("99.1", demo_bank.by_loop)
    assert (result.outcome, result.reason, repr(result)) == ("passed", "", "99.1 passed")


def test_praise_is_told(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "model.bin").write_text("")
    assert repr(check("99.2", tmp_path / "made")) == "99.2 passed: Well kept."


def test_not_yet_tells_why_and_names_the_misconception():
    result = check("99.1", lambda *args: demo_bank.by_loop(*args, reset=1))
    assert result.outcome == "not yet" and result.misconception == "never resets"
    assert repr(result) == "99.1 not yet: A quiet day breaks the run: count days in a row, not days in total."


@pytest.mark.parametrize(
    "answer", [..., (0.5, ...), {"a": [1, ...]}, [[...]], "...", " … ", not_begun, lambda *args: ..., lambda *args: [1, ...]]
)
def test_a_placeholder_is_not_attempted(answer):
    assert repr(check("99.1", answer)) == "99.1 not attempted"
    assert progress.read().questions == {}


def test_no_answer_at_all_is_not_attempted():
    assert check("99.1").outcome == "not attempted"


def test_a_placeholder_that_a_library_raises_is_an_error():
    def answer(*args):
        return logging.Handler().emit(None)  # raises NotImplementedError itself

    assert check("99.1", answer).reason.startswith("NotImplementedError: emit must be implemented")


def test_an_error_shows_the_learners_line():
    def answer(week, threshold, patience):
        nothing = []
        return nothing[3]  # here

    line = answer.__code__.co_firstlineno + 2
    assert (
        repr(check("99.1", answer))
        == f"99.1 error: IndexError: list index out of range (in answer, line {line}: return nothing[3]  # here)"
    )


def test_an_error_inside_a_library_shows_the_line_that_called_it():
    def answer(*args):
        return json.loads("{")

    assert "(in answer, line" in check("99.1", answer).reason and check("99.1", answer).reason.endswith('return json.loads("{"))')


def test_an_error_in_a_lambda_and_in_a_comprehension():
    assert "in the lambda, line" in check("99.1", lambda *args: 1 / 0).reason

    def answer(week, *args):
        return [1 / 0 for day in week]

    assert check("99.1", answer).reason.endswith("return [1 / 0 for day in week])")


def test_an_error_in_a_learners_file(monkeypatch, tmp_path):
    a_bank(monkeypatch, probe=lambda answer, rng: runpy.run_path(str(answer))["x"])
    monkeypatch.setattr(evidence, "_OTHERS", evidence._OTHERS | {Path(__file__).resolve()})  # here the probe's file
    app = tmp_path / "app.py"
    app.write_text("x = 1\nx = 1 / 0\n")
    assert check("98.1", app).reason == "ZeroDivisionError: division by zero (in app.py, line 2: x = 1 / 0)"
    app.write_text("x = 1\nx = (\n")
    assert check("98.1", app).reason == "SyntaxError: '(' was never closed (in app.py, line 2: x = ()"


def quits(*args):
    sys.exit(3)


def endless(*args):
    return endless()


class Silent(Exception):
    def __str__(self):
        raise ValueError("no")


def silent(*args):
    raise Silent


def wordy(*args):
    raise ValueError(f"{object()} is wrong\nand more {'x' * 5000}")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (quits, "SystemExit: 3 ("),
        (endless, "RecursionError: maximum recursion depth exceeded"),
        (silent, "Silent (in silent"),
        (wordy, "ValueError: <object object> is wrong (in wordy"),
    ],
)
def test_odd_errors(answer, told):
    result = check("99.1", answer)
    assert result.outcome == "error" and result.reason.startswith(told) and len(result.reason) < 900


def test_a_learner_may_interrupt():
    def answer(*args):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("99.1", answer)


def test_the_wrong_kind_of_thing_is_not_yet():
    assert check("99.1", 3).reason == (
        "Your answer, of type int, could not be used as the question asks (TypeError: 'int' object is not callable)."
    )
    assert check("99.1", None).reason.startswith("Your answer is None.")


def test_anything_does_not_pass():
    assert check("99.1", Anything()).outcome == "not yet"
    assert check("99.2", Anything()).outcome == "not yet"


# --- faults of the question ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("judge", [lambda found, rng: 1 / 0, lambda found, rng: True, lambda found, rng: Verdict("fine", "")])
def test_a_judge_that_fails_is_said_to_fail(monkeypatch, judge):
    a_bank(monkeypatch, judge=judge)
    result = check("98.1", 3)
    assert result.outcome == "check failed" and "please report" in result.reason and "\n" not in repr(result)
    assert progress.read().questions == {}


@pytest.mark.parametrize(
    ("question_id", "told"),
    [
        ("99.7", "There is no question '99.7'; lesson 99 has 99.1, 99.2."),
        ("nowhere", "There is no question 'nowhere'."),
        ("../x.1", "There is no question '../x.1'."),
        (5, "int came"),
        ("", "There is no question ''"),
    ],
)
def test_an_unknown_question_is_told_in_one_line(question_id, told):
    for result in (check(question_id, 1), hint(question_id), solution(question_id)):
        assert told in repr(result) and "\n" not in repr(result)


def test_an_id_that_is_nearly_one():
    known = next(question_id for ids in asking.catalogue().values() for question_id in ids)
    assert f"Did you mean {known}" in check(f"x{known}", 1).reason


def test_a_bank_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "helpers.course.bank.q98", types.ModuleType("q98"))  # without QUESTIONS
    assert check("98.1", 1).outcome == "check failed"
    assert "\n" not in repr(hint("98.1"))


# --- evidence ------------------------------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


class Sly(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


day = datetime.date(2013, 1, 31)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(3), 3),
        (np.array([0.5], dtype=np.longdouble), [0.5]),
        (np.array([1, "a", np.int8(2)], dtype=object), [1, "a", 2]),
        (np.zeros((2, 0)), [[], []]),
        (np.array({"a": 1}), {"a": 1}),
        (np.array(["2013-01-31"], dtype="datetime64[ns]"), ["2013-01-31T00:00:00"]),
        (np.timedelta64(90, "s"), 90.0),
        (pd.Timestamp("2013-01-31"), "2013-01-31T00:00:00"),
        (pd.Timedelta("1min"), 60.0),
        (pd.Series([1, 2]), [1, 2]),
        (pd.DataFrame({"a": [1, 2], 3: ["x", "y"]}), {"a": [1, 2], "3": ["x", "y"]}),
        (pd.Index(["a"]), ["a"]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pd.array([1, 2]), [1, 2]),
        (pd.Period("2013-01"), "2013-01"),
        ((1, (2, 3)), [1, [2, 3]]),
        ({3, 1, 2}, [1, 2, 3]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.items(), [["a", 1]]),
        ({1: "a", np.int64(5): 1, None: 2}, {"1": "a", "5": 1, "None": 2}),
        (PurePosixPath("a/b"), "a/b"),
        (PureWindowsPath("a\\b"), "a/b"),
        (day, "2013-01-31"),
        (datetime.timedelta(minutes=1), 60.0),
        (decimal.Decimal("0.5"), 0.5),
        (Colour.RED, "red"),
        (Sly(4), 4),
        (None, None),
        (10**30, 10**30),
        ("\ud800", "\ud800"),
    ],
)
def test_values_are_made_plain(value, wanted):
    found = json.loads(json.dumps(evidence.plain(value)))
    assert found == wanted and repr(found) == repr(wanted)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (float("nan"), "nan"),
        (np.float64("nan"), "nan"),
        (pd.NA, "nan"),
        (pd.NaT, "nan"),
        (np.datetime64("NaT"), "nan"),
        (float("inf"), "inf"),
        (-np.inf, "-inf"),
        ("nan", "'nan'"),
        (None, "None"),
    ],
)
def test_missing_and_endless_are_kept_apart(value, wanted):
    assert repr(json.loads(json.dumps(evidence.plain(value)))) == wanted


itself = []
itself.append(itself)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            {"a": [1, (i for i in [])]},
            "A value of type generator came (the evidence['a'][1]). Plain data is wanted: numbers, text, lists, dicts.",
        ),
        (object(), "type object"),
        (b"x", "type bytes"),
        (1j, "type complex"),
        (np.complex128(1j), "type complex128"),
        (print, "type builtin"),
        (np.array([1j]), "type complex128"),
        ({(1, 2): 3}, "A key of the evidence is several values together."),
        (itself, "more than 40 levels"),
        (Anything(), "type Anything"),
    ],
)
def test_what_is_not_plain_is_told_in_one_line(monkeypatch, value, told):
    a_bank(monkeypatch)
    result = check("98.1", value)
    assert result.outcome == "not yet" and told in result.reason and "\n" not in result.reason


def test_probe_and_judge_draw_the_same(monkeypatch):
    a_bank(
        monkeypatch,
        probe=lambda answer, rng: rng.integers(0, 99, 9),
        judge=lambda found, rng: passed() if found == rng.integers(0, 99, 9).tolist() else not_yet("drew otherwise"),
    )
    assert check("98.1", 1).outcome == "passed"
    question = asking.find("98.1")
    assert (
        asking.gather(question, 1, 5).evidence == asking.gather(question, 1, 5).evidence != asking.gather(question, 1, 6).evidence
    )


def test_probe_and_judge_may_be_in_different_processes():
    question = asking.find("99.1")
    sent = json.loads(json.dumps(dataclasses.asdict(asking.gather(question, demo_bank.by_text, SEED))))
    assert asking.decide(question, asking.Gathered(**sent), SEED).outcome == "passed"
    assert asking.decide(question, asking.Gathered(**sent), SEED + 1).outcome == "not yet"


# --- manners -------------------------------------------------------------------------------------------------------------


def loud(week, threshold, patience):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    warnings.warn("a warning", stacklevel=1)
    found = demo_bank.by_loop(week, threshold, patience)
    week.clear()
    return found


def test_noise_costs_nothing_and_is_not_shown(capsys, recwarn):
    warnings.simplefilter("error")  # a learner may be strict with warnings
    assert check("99.1", loud).outcome == "passed"
    assert capsys.readouterr() == ("", "") and not recwarn.list


def test_figures_that_the_answer_draws_are_not_left(monkeypatch):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    a_bank(monkeypatch, probe=lambda answer, rng: answer())
    mine = pyplot.figure()
    before = pyplot.get_fignums()  # other tests' figures may be among them

    def answer():
        pyplot.figure()
        return 1 / 0

    check("98.1", answer)
    assert pyplot.get_fignums() == before
    pyplot.close(mine)


def test_the_same_answer_gets_the_same_words():
    assert repr(check("99.1", lambda *args: 4)) == repr(check("99.1", lambda *args: 4))


def test_html_has_sign_and_word_and_no_markup_of_the_learner():
    shown = questions.Result("99.1", "not yet", "yours says <script>&", trouble="a\nb")._repr_html_()
    assert "↻ 99.1 not yet" in shown and "&lt;script&gt;&amp;" in shown and "<script" not in shown and "a<br>b" in shown
    assert questions.Note("x", "if a < b:", code=True)._repr_html_().count("&lt;") == 1


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("outcome", questions.LOOKS)
def test_colours_stand_out_from_light_and_dark_pages(outcome):
    sign, colour = questions.LOOKS[outcome]
    assert contrast(colour, "#ffffff") >= 3 and contrast(colour, "#111111") >= 3
    assert len({sign for sign, _ in questions.LOOKS.values()}) == len(questions.LOOKS)


def test_text_that_cannot_be_sent_and_endless_text(monkeypatch):
    a_bank(monkeypatch, judge=lambda found, rng: not_yet(f"yours says {found}"))
    assert check("98.1", "\ud800").reason == "yours says \\ud800"
    assert len(check("98.1", "x" * 9999).reason) < 900


def test_import_is_light():
    heavy = ("pandas", "sklearn", "mlflow", "matplotlib", "IPython", "filelock", "nbformat")
    code = f"import sys; import helpers.course.questions; print([name for name in {heavy} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


# --- hints and solutions -------------------------------------------------------------------------------------------------


def test_hints_come_one_by_one():
    assert repr(hint("99.1")) == "99.1, hint 1 of 2\nCount the days in a row."
    assert repr(hint("99.1")).startswith("99.1, hint 2 of 2")
    for _ in range(2):
        assert repr(hint("99.1")) == (
            "99.1, every hint\n1. Count the days in a row.\n2. A quiet day sets the count to 0.\n"
            'That was the last hint. solution("99.1") shows one way to do it.'
        )
    assert progress.read().questions["99.1"] == {"hints": 2}


def test_hints_go_on_another_day(monkeypatch):
    hint("99.1")
    monkeypatch.setattr(questions, "_hints_seen", {})
    assert "hint 2 of 2" in repr(hint("99.1"))


def test_hints_go_on_where_nothing_can_be_saved(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKBOOK_DATA", str(tmp_path / "file"))
    assert "could not be saved" in repr(hint("99.1")) and "hint 2 of 2" in repr(hint("99.1"))


def solved(folder, *sources):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    (folder / "solutions").mkdir(exist_ok=True)
    nbformat.write(notebook, folder / "solutions" / "99_demo.ipynb")


REGION = "def alert(week):\n    ### BEGIN SOLUTION\n    return {}\n    ### END SOLUTION"


def test_solution_shows_the_code_of_its_question(monkeypatch, tmp_path):
    monkeypatch.setattr(questions, "ROOT", tmp_path)
    solved(
        tmp_path, "%matplotlib inline\nx = 1", REGION.format(1), 'check("99.1", alert)', REGION.format(2), 'check("99.2", alert)'
    )
    assert repr(solution("99.2")) == "99.2, one way to do it\ndef alert(week):\n    return 2"
    record = progress.read().questions["99.2"]
    assert record["solution_shown"] and record["solution_time"].endswith("+00:00")


def test_solution_may_be_a_plain_file(monkeypatch, tmp_path):
    monkeypatch.setattr(questions, "ROOT", tmp_path)
    a_bank(monkeypatch, notebook="app.yml")
    (tmp_path / "app.yml").write_text("a: 1\n### BEGIN SOLUTION\nb: 2\n### END SOLUTION\n")
    assert solution("98.1").text == "a: 1\nb: 2"


def test_solution_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr(questions, "ROOT", tmp_path)
    assert repr(solution("99.1")) == "The solution is not in this copy of the workbook: solutions/99_demo.ipynb is absent."
    solved(tmp_path, "x = 1", 'check("99.1", x)')
    assert "please report" in repr(solution("99.1")) and progress.read().questions == {}


# --- in a real notebook --------------------------------------------------------------------------------------------------

SET_UP = """
import sys
from tests import demo_bank
from helpers.course import evidence
sys.modules["helpers.course.bank.q99"] = demo_bank
evidence._OTHERS |= {demo_bank.FILE}
from helpers.course.questions import check
"""


def test_in_a_notebook_a_check_stands_alone_and_points_into_the_cell():
    cells = [
        SET_UP,
        'def f(*args):\n    print("x")\n    display("y")\n    return [][1]',
        'check("99.1", f)',
        'def g(*args):\n    display("y")\n    return 4',
        'check("99.1", g)',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(questions.ROOT)}}).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert [len(output) for output in outputs] == [0, 0, 1, 0, 1]
    told = outputs[2][0]["data"]
    assert told["text/plain"] == "99.1 error: IndexError: list index out of range (in f, line 4: return [][1])"
    assert "✗ 99.1 error" in told["text/html"]
    assert outputs[4][0]["data"]["text/plain"].startswith("99.1 not yet: For the days [")
