"""The trials of lesson 62: each tiny program is really run and gives the same forecast; what is measured is what it says."""

import json
import sys

import httpx
import pytest

from helpers import tool_records, tool_tasks, tool_trials, tool_visits
from tests.notebook_files import code_cells, read

LOSS = [1 / step for step in range(1, 21)]


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trial") / "a folder"
    _, flight, forecast = tool_tasks.prepare(folder)
    return folder, flight, forecast


# --- lines of code --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "n"),
    [
        ("", 0),
        ("# a\n\n", 0),
        ('"""One."""\n', 0),
        ('"""One.\n\n# two\n"""\na = 1  # b\n', 1),
        ('a = """\n# no comment\n\n"""\n', 4),
        ('a = 1\n"no docstring"\n', 2),
        ('def f():\n    """Do."""\n    return [\n        1,\n        # two\n    ]\n', 4),
        ('é = "é"; "b"\n', 1),
        ('class A:\n    """B\n    c"""\n', 1),
        ('def f(): "the docstring stands on the line of the def"\n', 1),
    ],
)
def test_lines_of_code_are_those_that_hold_some(source, n):
    assert len(tool_trials.code_lines(source)) == n


def test_the_lesson_counts_as_the_helper_does():
    cell = next(cell for cell in code_cells(read("notebooks/62_choosing_tools.ipynb")) if cell.id == "count")
    names = {}
    exec(cell.source, names)
    for path in tool_trials.PROGRAMS.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert names["lines_of_code"](source) == len(tool_trials.code_lines(source)) > 5


def test_no_python_is_told_in_one_line():
    with pytest.raises(tool_trials.TrialError, match=r"no Python source .*expected the text of a whole \.py file"):
        tool_trials.code_lines("def f(:")


# --- the programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fastapi", "flask"])
def test_each_api_gives_the_same_forecast(trial, name):
    folder, flight, forecast = trial
    api = tool_trials.start(name, folder)
    with api.service as service:
        told = httpx.post(f"{service.local_url}predict", json=flight, trust_env=False).json()
        assert tool_trials.memory(service.pid) > 20
    assert told["late"] == pytest.approx(forecast, abs=1e-5)
    assert 0 < api.seconds < 60 and api.megabytes > 20


def test_types_alone_refuse_more_than_no_types(trial):
    folder, flight, _ = trial
    bad, refused = tool_tasks.bad_bodies(flight), {}
    assert len(bad) == 14
    for name in ("fastapi", "flask"):
        with tool_trials.start(name, folder).service as service:
            kind = {"Content-Type": "application/json"}
            url = f"{service.local_url}predict"
            codes = [httpx.post(url, content=body, headers=kind, trust_env=False).status_code for body in bad.values()]
        refused[name] = sum(400 <= code < 500 for code in codes)
    assert 14 > refused["fastapi"] > refused["flask"] > 0


@pytest.mark.parametrize("name", ["gradio", "streamlit"])
def test_each_page_gives_the_same_forecast(trial, name):
    folder, flight, forecast = trial
    page = tool_trials.start(name, folder)
    with page.service:
        seconds, shown = tool_visits.first_forecast(page, flight)
    assert shown == pytest.approx(forecast, abs=1e-5) and seconds > page.seconds


def test_a_careless_list_is_shared_in_gradio_and_forgotten_in_streamlit(trial):
    folder, flight, _ = trial
    fields = [flight[name] for name in tool_visits.FIELDS]
    with tool_trials.start("gradio", folder).service as service:
        assert [tool_visits.ask_gradio(service, fields)[1] for _ in range(3)] == [1, 2, 3]
        with pytest.raises(tool_visits.VisitError, match="no function 'absent'"):
            tool_visits.ask_gradio(service, fields, endpoint="absent")
        with pytest.raises(tool_visits.VisitError, match="'chance' failed"):
            tool_visits.ask_gradio(service, ["?", "?", "?"])
    with tool_trials.start("streamlit", folder).service as service, tool_visits.StreamlitVisitor(service) as visitor:
        assert [visitor.press()["asked"] for _ in range(2)] == [1, 1]


def test_each_tracker_keeps_the_run_that_it_was_given(trial):
    folder, _, _ = trial
    env, told = tool_records.environment(folder), tool_tasks.write_run(folder, "first", LOSS)
    for name, words in tool_records.words(folder).items():
        ran = tool_trials.run([sys.executable, tool_trials.program(f"{name}_run"), *words], folder, env=env)
        assert ran.code == 0, ran.text
        assert ran.seconds > 0 and ran.megabytes > 5
    content = (folder / told["file"]).read_bytes()
    for name, kept in tool_records.read(folder, "first").items():
        assert kept.run.params == told["params"], name
        assert kept.run.curve("loss").tolist() == pytest.approx(LOSS, rel=1e-6), name
        assert kept.files == ([] if name == "tensorboard" else [content])


def test_a_killed_program_did_not_tidy_up(trial):
    folder, _, _ = trial
    tool_tasks.write_run(folder, "killed", LOSS, stop=9)
    command = [sys.executable, tool_trials.program("tensorboard_run"), "board"]
    ran = tool_trials.run(command, folder, kill_at="half")
    assert ran.code != 0 and "half" in ran.text.splitlines()
    kept = tool_records.readback.read_tensorboard(folder / "board" / "killed")
    assert len(kept.curve("loss")) < len(LOSS)


def test_a_visit_leaves_the_notebook_its_pictures():
    """Streamlit's import sets MPLBACKEND to Agg, and then no plot of a notebook would be shown."""
    look = "import os; from helpers import tool_visits; tool_visits._messages(); print(os.environ['MPLBACKEND'])"
    ran = tool_trials.run([sys.executable, "-c", look], ".", env={"MPLBACKEND": "svg"})
    assert ran.text.strip() == "svg"


# --- what a trial refuses -------------------------------------------------------------------------------------------------


def test_what_cannot_be_tried_is_told(tmp_path):
    with pytest.raises(tool_trials.TrialError, match="no server 'django'; expected one of gradio"):
        tool_trials.start("django", tmp_path)
    with pytest.raises(tool_trials.TrialError, match=r"lacks model and flight\.json"):
        tool_trials.start("flask", tmp_path)
    with pytest.raises(tool_trials.TrialError, match="no program 'absent'; expected one of fastapi_api"):
        tool_trials.program("absent")
    with pytest.raises(tool_trials.TrialError, match="no-such-program cannot be started"):
        tool_trials.run(["no-such-program"], tmp_path)
    with pytest.raises(tool_trials.TrialError, match=r"did not end within 0\.3 s"):
        tool_trials.run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, timeout=0.3)
    with pytest.raises(tool_tasks.TaskError, match=r"has no model/model\.onnx"):
        tool_tasks.write_run(tmp_path, "first", LOSS)
    with pytest.raises(tool_tasks.TaskError, match="lacks departure_minute"):
        tool_tasks.bad_bodies({})


def test_a_failed_program_is_no_error_of_the_trial(tmp_path):
    ran = tool_trials.run([sys.executable, "-c", "raise SystemExit('no')"], tmp_path)
    assert ran.code == 1 and ran.text.strip() == "no"


def test_memory_is_that_of_the_whole_family(tmp_path):
    hungry = "import time; a = bytearray(120_000_000); time.sleep(0.5)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hungry!r}])"
    ran = tool_trials.run([sys.executable, "-c", child], tmp_path)
    assert 120 < ran.megabytes < 220


def test_sizes(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(bytes(1_000_000))
    (tmp_path / "b").write_bytes(bytes(500_000))
    assert tool_trials.size(tmp_path) == 1.5
    assert tool_trials.size(tmp_path / "b") == 0.5
    assert tool_trials.size(tmp_path / "absent") == 0


# --- tasks ----------------------------------------------------------------------------------------------------------------


def test_versions_of_a_table_differ_in_a_few_rows():
    versions = tool_tasks.table_versions(0.5, 3, changed=4)
    assert all(0.4e6 < len(version) < 0.6e6 for version in versions)
    rows = [version.splitlines() for version in versions]
    for old, new in zip(rows, rows[1:], strict=False):
        assert len(old) == len(new) and sum(a != b for a, b in zip(old, new, strict=True)) == 4


@pytest.mark.parametrize(("megabytes", "n"), [(0.5, 0), (10_000, 2)])
def test_versions_that_cannot_be_made(megabytes, n):
    with pytest.raises(tool_tasks.TaskError, match="expected at least 1 version"):
        tool_tasks.table_versions(megabytes, n)


def test_git_knows_nothing_of_the_user(tmp_path):
    env = tool_tasks.git_settings(tmp_path / "settings")
    for words in tool_tasks.write_check(tmp_path / "repository"):
        assert tool_trials.run(words.split(), tmp_path / "repository", env=env).code == 0
    told = tool_trials.run(["git", "log", "--format=%ae"], tmp_path / "repository", env=env)
    assert told.text.strip() == "team@example.invalid"


def test_bad_bodies_are_bad_in_what_they_say(trial):
    flight = trial[1]
    bodies = tool_tasks.bad_bodies(flight)
    assert json.loads(bodies["carrier is 7"])["carrier"] == 7
    assert "carrier" not in json.loads(bodies["carrier absent"])
    with pytest.raises(json.JSONDecodeError):
        json.loads(bodies["half a flight"])


def test_a_folder_of_git_can_be_cleared(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"x")
    (tmp_path / "a" / "b" / "c").chmod(0o400)
    tool_tasks.clear(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    tool_tasks.clear(tmp_path / "a")
