"""The project's own workflow: linted by two real tools, and each of its commands is one that is run here."""

import shlex

import pytest

from helpers import __main__ as program
from helpers import workflow_files, workflow_lint
from helpers.course import install

CI = install.ROOT / workflow_files.FOLDER / "ci.yml"
PASSED_OVER = {"unpinned-images"}  # Debian mends its image in place: to follow it is what is wanted here


def commands():
    document, error = workflow_files.load(CI)
    assert error is None
    return sorted({step["run"] for job in document["jobs"].values() for step in workflow_files.steps(job) if "run" in step})


def test_linters_find_nothing():
    assert [each for each in workflow_lint.lint(CI) if each["rule"] not in PASSED_OVER] == []


@pytest.mark.parametrize("command", commands())
def test_each_command_is_one_that_runs_here(command):
    """`make test` is what calls these tests; the others are jobs of the workbook with options that it knows."""
    if command in (install.ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines():
        assert command == "make test"
        return
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "helpers"]
    options, rest = program.command_line().parse_known_args(words[3:])
    assert callable(options.work)
    files = [word for word in rest if not word.startswith("-")]
    assert all((install.ROOT / file).is_file() and file.startswith("tests/test_") for file in files)
    assert options.job == "test" or not rest


def test_other_systems_and_a_weekly_canary_are_there():
    document, _ = workflow_files.load(CI)
    assert {name.split("-")[0] for name in document["jobs"]["elsewhere"]["strategy"]["matrix"]["os"]} == {"windows", "macos"}
    assert workflow_files.triggered(document, "push", "refs/heads/main", list)
    assert not workflow_files.triggered(document, "push", "refs/heads/draft", list)
    canary = [step.get("run") for step in document["jobs"]["canary"]["steps"]]
    assert canary.index("python -m helpers lock --upgrade") < canary.index("make test")
