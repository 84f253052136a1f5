"""A push runs the repository's own workflow files by the real act, and what came of it is on record."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from helpers import workflow_files, workflow_lint, workflow_machine, workflows

PEOPLE = {f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
JOB = """
on: push
jobs:
  train:
    runs-on: ubuntu-latest
    steps:
"""


class Code:
    """A working repository; `push` gives what Git printed."""

    def __init__(self, folder, remote=None):
        self.folder, self.remote = folder, remote
        self.env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **PEOPLE}
        self.git("init", "--quiet", "--initial-branch", "main", str(folder), cwd=folder.parent)

    def git(self, *arguments, cwd=None):
        call = ["git", *arguments]
        told = subprocess.run(call, cwd=cwd or self.folder, env=self.env, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        return told.stderr

    def commit(self, workflow, name="ci.yml", **files):
        files = {f"{workflow_files.FOLDER}/{name}": textwrap.dedent(workflow), **files}
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")

    def push(self, ref="main"):
        told = self.git("push", "--quiet", str(self.remote), ref)
        return [line.removeprefix("remote: ").rstrip() for line in told.splitlines()]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where runs keep what they need while they run: it has to be empty afterwards."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture
def code(tmp_path, temporary):
    (tmp_path / "with space").mkdir()
    settings = {"env": {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000/a b"}, "variables": {"CITY": "New York"}}
    remote = workflows.new_remote(
        tmp_path / "with space" / "flights.git", **settings, secrets={"KEY": "hunter'2", "TWO": "first\nsecond"}
    )
    return Code(tmp_path / "with space" / "code", remote)


def one(code, steps, **options):
    """The run of a workflow with these steps, without a push."""
    code.commit(JOB + textwrap.indent(textwrap.dedent(steps), " " * 6))
    made = workflows.run(code.folder, to=code.folder.parent / "record", **options)
    assert len(made) == 1
    return made[0]


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def outcomes(run):
    return {job: [step["outcome"] for step in steps] for job, steps in run.jobs.items()}


def test_a_push_runs_the_workflow_shows_its_steps_and_keeps_what_came_of_it(code, monkeypatch):
    monkeypatch.setenv("A_TOKEN_OF_THE_USER", "leaked")
    code.commit("""
        on: push
        permissions: {contents: read}
        concurrency: {group: train, cancel-in-progress: true}
        jobs:
          test:
            runs-on: ubuntu-latest
            outputs: {months: "${{ steps.months.outputs.months }}"}
            steps:
              - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
                with: {persist-credentials: false}
              - id: months
                name: Months
                run: echo "months=$(cat months.txt)" >> "$GITHUB_OUTPUT"
              - run: exit 1
                continue-on-error: true
          train:
            needs: test
            environment: production
            runs-on: ${{ matrix.os }}
            strategy: {matrix: {os: [ubuntu-latest, macos-latest]}}
            steps:
              - uses: actions/setup-python@v5
                with: {python-version: "3.x"}
              - name: Train
                shell: python
                run: |
                  import os, pathlib, sys
                  pathlib.Path("model").mkdir()
                  pathlib.Path("model/late.txt").write_text("late")
                  print(sys.prefix, os.environ["MLFLOW_TRACKING_URI"], "${{ needs.test.outputs.months }} ${{ vars.CITY }}")
              - run: echo "AUC of ${{ matrix.os }}" >> "$GITHUB_STEP_SUMMARY"; env
              - uses: actions/upload-artifact@v4
                with: {name: "model-${{ matrix.os }}", path: model}
    """, **{"months.txt": "1 2"})  # fmt: skip
    printed = code.push()
    [run] = workflows.runs(code.remote)
    assert run.passed and run.error is None and run.number == 1 and (run.event, run.workflow) == ("push", "ci.yml")
    assert run.ref == "refs/heads/main" and re.fullmatch("[0-9a-f]{40}", run.commit) and 0 < run.seconds < 60
    train = ["success"] * 4
    assert outcomes(run) == {
        "test": ["success", "success", "failure"], "train (macos-latest)": train, "train (ubuntu-latest)": train,
    }  # fmt: skip
    assert set(run.outcomes.values()) == {"success"}
    assert printed == str(run).splitlines() and printed[0] == "run 1: ci.yml, push of main" and printed[-1] == "run 1 passed"
    assert "  test: Months: ok" in printed and "  test: exit 1: failed" in printed and "\x1b" not in "".join(printed)
    assert f"{sys.prefix} http://127.0.0.1:5000/a b 1 2 New York" in run.log
    assert "leaked" not in run.log and "GITHUB_SHA=" + run.commit in run.log
    assert run.summary == "AUC of macos-latest\nAUC of ubuntu-latest\n"
    kept = run.folder / "artifacts"
    assert {path.relative_to(kept).as_posix() for path in kept.rglob("*.txt")} == {
        "model-macos-latest/late.txt", "model-ubuntu-latest/late.txt",
    }  # fmt: skip
    assert code.push() == []  # nothing new
    code.commit(JOB + "      - run: exit 3\n      - run: echo never\n      - if: always()\n        run: echo always\n")
    printed = code.push()
    assert printed[1:] == ["  train: exit 3: failed", "  train: echo never: skipped", "  train: echo always: ok", "run 2 failed"]
    assert [(each.number, each.passed) for each in workflows.runs(code.remote)] == [(1, True), (2, False)]


def test_a_job_that_needs_a_failed_one_is_skipped_unless_it_says_always(code):
    code.commit(JOB + textwrap.indent(textwrap.dedent("""
        # steps of train
          - run: exit 1
        after:
          needs: train
          runs-on: ubuntu-latest
          steps: [{run: echo never}]
        tell:
          needs: train
          if: always()
          runs-on: ubuntu-latest
          steps: [{run: "echo it was a ${{ needs.train.result }}"}]
        """), "  ").replace("    - run: exit", "      - run: exit"))  # fmt: skip
    [run] = workflows.run(code.folder, to=code.folder.parent / "record")
    assert run.outcomes == {"train": "failure", "after": "skipped", "tell": "success"} and not run.passed
    assert outcomes(run)["after"] == ["skipped"] and "it was a failure" in run.log


def test_a_job_that_may_fail_fails_no_run(code):
    code.commit(JOB.replace("    steps:", "    continue-on-error: true\n    steps:") + "      - run: exit 1\n")
    [run] = workflows.run(code.folder, to=code.folder.parent / "record")
    assert run.passed and run.outcomes == {"train": "failure"}


@pytest.mark.parametrize(
    ("on", "ref", "changed", "expected"),
    [
        ("push", "refs/heads/x", [], True),
        ("[pull_request]", "refs/heads/main", [], False),
        ("{push: {tags: ['v*']}}", "refs/heads/main", [], False),
        ("{push: {tags: ['v*']}}", "refs/tags/v1.2", [], True),
        ("{push: {branches: [main]}}", "refs/tags/v1", [], False),
        ("{push: {branches: [main, 'release/**']}}", "refs/heads/release/a/b", [], True),
        ("{push: {branches: ['*']}}", "refs/heads/a/b", [], False),
        ("{push: {branches: ['**', '!main']}}", "refs/heads/main", [], False),
        ("{push: {branches-ignore: [main]}}", "refs/heads/main", [], False),
        ("{push: {branches-ignore: [main]}}", "refs/heads/v1", [], True),
        ("{push: {tags: ['v[12].[0-9]+']}}", "refs/tags/v2.10", [], True),
        ("{push: {tags: ['v[12].[0-9]+']}}", "refs/tags/v3.10", [], False),
        ("{push: {paths: ['**.py']}}", "refs/heads/main", ["a/b.py"], True),
        ("{push: {paths: ['**.py']}}", "refs/heads/main", ["a.txt"], False),
        ("{push: {paths: ['docs/**/*.md']}}", "refs/heads/main", ["docs/a.md"], True),
        ("{push: {paths-ignore: ['docs/**']}}", "refs/heads/main", ["docs/a", "b"], True),
        ("{push: {paths-ignore: ['docs/**']}}", "refs/heads/main", ["docs/a"], False),
        ("{push: , schedule: [{cron: '0 3 * * 1'}]}", "refs/heads/main", [], True),
    ],
)
def test_what_a_push_triggers(on, ref, changed, expected, tmp_path):
    (tmp_path / "ci.yml").write_text(f"on: {on}\njobs: {{a: {{}}}}\n")
    document, error = workflow_files.load(tmp_path / "ci.yml")
    assert error is None and workflow_files.triggered(document, "push", ref, lambda: changed) is expected


def test_a_workflow_for_tags_or_for_other_files_is_no_run_of_a_branch(code):
    code.commit("on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: echo $GITHUB_REF}]}}\n")
    assert code.push() == ["No workflow is triggered by this push of main."] and workflows.runs(code.remote) == []
    code.git("tag", "--annotate", "v1", "--message", "first")
    assert code.push("v1")[0] == "run 1: ci.yml, push of v1"
    assert "refs/tags/v1" in workflows.runs(code.remote)[0].log
    code.commit("on: {push: {paths: [data.txt]}}\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: echo}]}}\n")
    assert "No workflow" in code.push()[0]
    code.commit("", name="notes.txt", **{"data.txt": "new"})
    assert code.push()[-1] == "run 2 passed"
    assert code.push(":v1") == []  # a tag goes


def test_each_file_is_a_run_and_other_events_need_no_push(code):
    code.commit("on: [push]\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: echo}]}}\n")
    code.commit("""
        on: {schedule: [{cron: "0 3 * * 1"}], workflow_dispatch: {inputs: {months: {default: "1"}}}}
        jobs: {b: {runs-on: ubuntu-latest, steps: [{run: "echo months ${{ inputs.months }} of ${{ github.event_name }}"}]}}
    """, name="retrain.yaml")  # fmt: skip
    assert code.push()[-1] == "run 1 passed"
    [weekly] = workflows.run(code.remote, event="schedule")
    [by_hand] = workflows.run(code.remote, event="workflow_dispatch", workflow="retrain.yaml", inputs={"months": "1 2"})
    assert "of schedule" in weekly.log and "months 1 2 of workflow_dispatch" in by_hand.log
    assert [(each.number, each.workflow) for each in workflows.runs(code.remote)] == [
        (1, "ci.yml"), (2, "retrain.yaml"), (3, "retrain.yaml"),
    ]  # fmt: skip
    assert workflows.run(code.remote, event="pull_request") == []


def test_secrets_are_masked_wherever_they_would_be_shown(code):
    secrets = {"KEY": "hunter'2 $x", "TWO": "first line\nsecond line"}
    run = one(code, """
        - name: say ${{ secrets.KEY }}
          run: echo "<$KEY>" "<$TWO>"; echo "# $KEY" >> "$GITHUB_STEP_SUMMARY"; echo "::warning::$KEY"; test ${#KEY} = 11
          env: {KEY: "${{ secrets.KEY }}", TWO: "${{ secrets.TWO }}"}
    """, secrets=secrets)  # fmt: skip
    assert run.passed and run.summary == "# ***\n" and run.jobs["train"][0]["name"] == "say ***"
    written = "".join(path.read_text() for path in run.folder.rglob("*") if path.is_file())
    assert "<***>" in run.log and not any(line in written for line in ("hunter", "first line", "second line"))


def test_a_run_out_of_time_is_ended_with_all_that_it_started(code):
    run = one(code, """
        - run: sleep 300 & echo "pid $!"
        - run: echo "pid $$"; exec sleep 300
        - run: echo never
    """, seconds=5)  # fmt: skip
    assert not run.passed and run.error == "ended after 5 s, which is all that a run may take" and run.seconds < 15
    assert outcomes(run)["train"][2] == "skipped" and run.outcomes == {"train": "failure"}
    pids = [int(pid) for pid in re.findall(r"\] pid (\d+)", run.log)]
    assert len(pids) == 2 and not any(map(alive, pids))


def test_artifacts_go_from_job_to_job(code):
    code.commit(JOB + textwrap.indent(textwrap.dedent("""
        - run: mkdir -p out/deep; echo 1 > out/deep/a.json; echo 2 > out/b.txt; echo 3 > out/.hidden; echo 4 > alone.txt
        - uses: actions/upload-artifact@v4
          with: {name: all, path: out}
        - uses: actions/upload-artifact@v4
          with: {name: some, path: "out/**/*.json\\nalone.txt"}
        - uses: actions/upload-artifact@v4
          with: {path: alone.txt}
        - uses: actions/upload-artifact@v4
          with: {name: nothing, path: absent}
        - uses: actions/upload-artifact@v4
          continue-on-error: true
          with: {name: nothing, path: absent, if-no-files-found: error}
        - uses: actions/upload-artifact@v4
          continue-on-error: true
          with: {name: all, path: out}
    """), " " * 6) + textwrap.indent(textwrap.dedent("""
        serve:
          needs: train
          runs-on: ubuntu-latest
          steps:
            - uses: actions/download-artifact@v4
              with: {name: all, path: model}
            - uses: actions/download-artifact@v4
            - run: cat model/deep/a.json all/b.txt some/alone.txt artifact/alone.txt
            - uses: actions/download-artifact@v4
              with: {name: nothing}
    """), "  "))  # fmt: skip
    [run] = workflows.run(code.folder, to=code.folder.parent / "record")
    assert outcomes(run)["train"] == ["success"] * 5 + ["failure"] * 2 and outcomes(run)["serve"] == ["success"] * 3 + ["failure"]
    kept = {
        path.relative_to(run.folder / "artifacts").as_posix() for path in run.folder.rglob("artifacts/**/*") if path.is_file()
    }
    assert kept == {"all/deep/a.json", "all/b.txt", "some/out/deep/a.json", "some/alone.txt", "artifact/alone.txt"}
    for told in (
        "warning: no files were found at absent: no artifact nothing", "there is an artifact all in this run already",
        "there is no artifact nothing in this run; there are: all, artifact, some",
    ):  # fmt: skip
        assert told in run.log


def test_the_cache_gives_back_what_a_run_that_passed_has_left(code):
    steps = """
        - uses: actions/cache@v4
          id: kept
          with: {{path: data, key: "flights-{}", restore-keys: "flights-"}}
        - run: echo "hit ${{{{ steps.kept.outputs.cache-hit }}}}"; cat data/* || true; mkdir -p data; echo {} > data/{}; exit {}
    """
    assert "cache: miss for flights-a" in one(code, steps.format("a", 1, "lost", 1)).log
    assert "cache: miss for flights-a" in one(code, steps.format("a", 1, "one", 0)).log
    near = one(code, steps.format("b", 2, "two", 0)).log
    assert "cache: nearest is flights-a for flights-b" in near and "hit false" in near and "] 1" in near
    again = one(code, steps.format("b", 2, "two", 0)).log
    assert "cache: hit for flights-b" in again and "hit true" in again and "] 1\n[train] 2\n" in again


def test_another_python_is_said_to_be_another_and_pip_changes_nothing(code):
    run = one(code, """
        - uses: actions/setup-python@v5
          with: {python-version: "3.8"}
        - run: pip install --disable-pip-version-check a-package-that-is-not-there
    """)  # fmt: skip
    assert "warning: Python 3.8 was asked for; the one of this environment" in run.log
    assert outcomes(run)["train"] == ["success", "failure"]


@pytest.mark.parametrize(
    ("workflow", "says"),
    [
        ("on: push\njobs:\n  a: [\n", "ci.yml is not a valid workflow: line 4:"),
        ("on: {push: {branches: ['+x', [main]]}}\njobs: {a: {}}\n", "ci.yml is not a valid workflow: its `on:` cannot be read"),
        ("on: push\n", "it needs `on:` (when it runs) and `jobs:` (what it does)"),
        ("on: push\njobs: {a: {runs-on: ubuntu-latest, stepz: []}}\n", "ci.yml is not a valid workflow: line 2: "),
        ("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'echo ${{ nope() }}'}]}}\n", "Unknown Function Call nope"),
        ("on: push\njobs: {a: {needs: b, runs-on: ubuntu-latest, steps: [{run: ls}]}}\n", "needs one that is not there"),
        ("on: push\njobs: {a: {runs-on: my-own, steps: [{run: ls}]}}\n", "no runner for the job a: runs-on has to be one of"),
        ("on: push\njobs: {a: {runs-on: ubuntu-latest, container: x, steps: [{run: ls}]}}\n", "the job a needs Docker"),
        (JOB + "      - run: ls\n      - uses: some/action@v1\n", "there is no stand-in for some/action here, and no network"),
    ],
)
def test_what_cannot_be_run_is_a_failed_run_that_says_why_in_one_line(workflow, says, code):
    code.commit(workflow)
    [run] = workflows.run(code.folder, to=code.folder.parent / "record")
    assert not run.passed and says in run.error and "\n" not in run.error and run.log == "" and run.summary == ""
    assert str(run).splitlines()[-1] == f"run 1 failed: {run.error}"


def test_two_remotes_at_once_do_not_disturb_each_other(code, tmp_path):
    other = Code(tmp_path / "other", workflows.new_remote(tmp_path / "other.git"))
    for each in (code, other):
        each.commit(JOB + f"      - run: echo {each.folder.name} > a.txt; sleep 0.3; cat a.txt\n")
    push = ["git", "push", "--quiet"]
    pushes = [
        subprocess.Popen([*push, str(each.remote), "main"], cwd=each.folder, env=each.env, stderr=subprocess.DEVNULL)
        for each in (code, other)
    ]
    assert [each.wait() for each in pushes] == [0, 0]
    for each in (code, other):
        [run] = workflows.runs(each.remote)
        assert run.passed and f"] {each.folder.name}\n" in run.log


def test_a_push_from_a_step_starts_no_run(code):
    code.commit(JOB + "      - uses: actions/checkout@v4\n      - run: git push origin HEAD:refs/heads/made\n")
    assert code.push()[-1] == "run 1 passed"
    assert len(workflows.runs(code.remote)) == 1 and "starts no run" in workflows.runs(code.remote)[0].log


def test_what_is_absent_is_said_in_one_line(code, tmp_path, monkeypatch):
    def refused(says, call, *arguments, **options):
        with pytest.raises(workflow_machine.WorkflowError) as told:
            call(*arguments, **options)
        assert says in str(told.value) and "\n" not in str(told.value)

    to = tmp_path / "record"
    refused("code has no commit at refs/heads/main: commit and push first", workflows.run, code.folder, to=to)
    refused("is no Git repository", workflows.run, tmp_path / "nowhere", to=to)
    code.git("commit", "--quiet", "--allow-empty", "--message", "nothing")
    refused("has no workflow: expected a file such as .github/workflows/ci.yml", workflows.run, code.folder, to=to)
    assert code.push()[0].startswith("No workflow was run. Commit ")
    refused("name a folder for its runs with to=", workflows.run, code.folder)
    refused("There is no folder nowhere", workflows.runs, tmp_path / "nowhere")
    refused("is not an empty folder", workflows.new_remote, code.folder)
    refused("env has 'PORT' = 5000; expected text", workflows.new_remote, tmp_path / "new.git", env={"PORT": 5000})
    code.commit(JOB + "      - run: ls\n")
    refused("There is no workflow 'x.yml'; there are ci.yml", workflows.run, code.folder, to=to, workflow="x.yml")
    which = shutil.which
    for name in ("act", "git"):
        monkeypatch.setattr(
            shutil, "which", lambda asked, gone=name, **options: None if asked == gone else which(asked, **options)
        )
        refused(f"The program {name} is not here", workflows.run, code.folder, to=to)
    assert not to.exists()


def test_both_linters_tell_what_they_find(tmp_path):
    path = tmp_path / "ci.yml"
    path.write_text(textwrap.dedent("""
        on: push
        permissions: write-all
        jobs:
          train:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - uses: some/action@v1
              - run: echo ${{ github.event.head_commit.message }}
              - run: python train.py || true
              - run: echo "$KEY"
                env: {KEY: "${{ secrets.KEY }}"}
    """))  # fmt: skip
    found = {(each["rule"], each["line"]) for each in workflow_lint.lint(path) if each["tool"] == "zizmor"}
    assert {("excessive-permissions", 3), ("artipacked", 8), ("unpinned-uses", 9), ("template-injection", 10)} <= found
    assert not [line for _, line in found if line and line > 10]  # what it does not know
    path.write_text("on: push\njobs: {a: {runs-on: ubuntu-latest, stepz: []}}\n")
    [wrong] = workflow_lint.lint(path)
    assert wrong["tool"] == "check-jsonschema" and "stepz" in wrong["message"] and str(Path.home()) not in wrong["message"]
    path.write_text("on: [")
    assert workflow_lint.lint(path)[0]["rule"] == "schema"
    with pytest.raises(workflow_machine.WorkflowError, match="There is no file no.yml"):
        workflow_lint.lint(tmp_path / "no.yml")
