"""Grades the workflow: linted, pushed through the real runner, and stopped by a failing test."""

import os
import re
import shutil
from pathlib import Path

import yaml

from helpers import mlflow_store, workflow_lint, workflow_machine, workflows
from helpers.course.capstone import project as projects
from helpers.course.capstone import run, versions
from helpers.course.capstone.project import Stop

SECONDS = 150  # that one run may take
DANGEROUS = ("schema", "unpinned-uses", "excessive-permissions", "template-injection", "artipacked")  # rules that cost points
PLACE = re.compile(r"""[^\s'"]*workflow-[^\s'"]*/""")  # a folder of this machine
BROKEN = '''"""Put here by the check of the capstone."""


def test_broken_on_purpose():
    raise AssertionError("broken on purpose by the check")
'''


def grade(case, sheet, source):
    """Grade the workflow of a copy.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
    sheet : helpers.course.capstone.rubric.Sheet
    source : pathlib.Path
        A copy of the project that nothing has run in.

    Raises
    ------
    Stop
        There is no workflow, or no Git.
    """
    name = case.project.want("ci", "workflow")
    if not (source / name).is_file():
        raise Stop(f"There is no {name}, which capstone.toml names as the workflow: add it, or correct the name.")
    try:
        findings = [each for each in workflow_lint.lint(source / name) if each["rule"] in DANGEROUS]
        first = findings[0] if findings else {}
        where = f", line {first['line']}" if first.get("line") else ""
        sheet.give(
            "ci", "lint", not findings, f"findings: {len(findings)}", f"{first.get('tool')}{where}: {first.get('message')}"
        )
        store, records = mlflow_store.new_store(case.place / "ci store"), case.place / "ci records"
        remote = _remote(case, store, records)
        code = _repository(case, source)
        trained = _counter(case, store, records)
        _green(sheet, _push(case, code, remote), name, trained)
        _red(case, sheet, code, remote, name, trained)
    except workflow_machine.WorkflowError as error:
        raise Stop(f"The workflow could not be run: {str(error).splitlines()[0]}") from None


def _remote(case, store, records):
    records.mkdir()
    env = {"MLFLOW_TRACKING_URI": store.uri, "PYTHONDONTWRITEBYTECODE": "1"}
    env |= {"WANDB_MODE": "offline", "WANDB_DIR": str(records)}  # else W&B's would be gone with the runner's folder
    return workflows.new_remote(case.place / "remote.git", env=env, seconds=SECONDS)


def _counter(case, store, records):
    """Tells how many trainings are on record."""
    if case.project.maybe("project", "tracker", "mlflow") == "wandb":
        return lambda: len(versions.in_wandb(records))
    return lambda: len(versions.in_mlflow(store.uri))


def _repository(case, source):
    """What Git would hold of the project."""
    code = case.place / "code"
    shutil.copytree(source, code, symlinks=True)
    git("init", "--quiet", "--initial-branch", "main", "--template", "", cwd=code)
    return code


def git(*arguments, cwd):
    """Run Git as nobody in particular.

    Parameters
    ----------
    *arguments : str
    cwd : pathlib.Path

    Returns
    -------
    str
    """
    who = ["-c", "user.name=check", "-c", "user.email=check@workbook.example", "-c", "commit.gpgsign=false"]
    return workflow_machine.git(*who, *arguments, cwd=cwd)


def _push(case, code, remote):
    """Under watch as all that is the learner's, for the push runs the workflow."""
    git("add", "--all", cwd=code)
    git("commit", "--quiet", "--allow-empty", "--message", "the capstone", cwd=code)
    before, env = len(workflows.runs(remote)), case.env | run.temporary(case.place / "ci")
    env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    command = [workflow_machine.program("git"), "-c", "safe.directory=*", "push", "--quiet", str(remote), "HEAD:refs/heads/main"]
    ended = run.run("push", command, code, env, case.at_most(SECONDS), run.MOST_WRITTEN + 5 * projects.LARGEST)
    if ended.why:
        raise Stop(f"The workflow did not come to an end: {ended.why}")
    return workflows.runs(remote)[before:]


def _green(sheet, runs, name, trained):
    if not runs:
        return sheet.give("ci", "green", 0, "nothing ran", f"A push to main triggers no workflow: give {name} `on: push`.")
    passed = [each for each in runs if each.passed]
    failed = next((each for each in runs if not each.passed), None)
    steps, recorded = sum(len(steps) for each in runs for steps in each.jobs.values()), trained()
    evidence = f"runs that passed: {len(passed)} of {len(runs)}, with {steps} steps; trainings on record: {recorded}"
    advice = _last_words(failed) if failed else f"Nothing was trained that is on record: let {name} run `train` after the tests."
    return sheet.give("ci", "green", 0 if failed else 0.6 if recorded == 0 else 1, evidence, advice)


def _red(case, sheet, code, remote, name, trained):
    if not _has_all(sheet, "green"):
        return sheet.give("ci", "red", 0, "not tried", "A run has to pass first: only then does one that fails mean something.")
    before = trained()
    (code / "tests").mkdir(exist_ok=True)
    (code / "tests" / "test_broken_on_purpose.py").write_text(BROKEN, encoding="utf-8")
    runs = _push(case, code, remote)
    failed, more = sum(not each.passed for each in runs), trained() != before
    advice = f"A failing test in tests/ went through: let {name} run the tests before it trains."
    if failed:
        advice = (
            "The run failed, but it had trained all the same: tests come first, and a job that trains `needs` the one that tests."
        )
    evidence = f"runs that failed: {failed} of {len(runs)}" + ("; it trained all the same" if more else "")
    return sheet.give("ci", "red", failed > 0 and not more, evidence, advice)


def _has_all(sheet, name):
    mark = sheet.given("ci", name)
    return mark is not None and mark.points == mark.of


def _last_words(one):
    if one.error:
        return f"The run did not end well: {one.error[:200]}"
    failed = [step["name"] for steps in one.jobs.values() for step in steps if step["outcome"] == "failure"]
    lines = [line for line in one.log.splitlines() if line.strip()]
    told = PLACE.sub("", " / ".join(lines[-3:]))[:300]
    return f"The step {failed[0] if failed else '?'} failed; its log ends: {told}"


def documented(sheet, folder, workflow):
    """Look for what the README says of the start and of CI/CD.

    Parameters
    ----------
    sheet : helpers.course.capstone.rubric.Sheet
    folder : pathlib.Path
    workflow : str
        The file's name.
    """
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    told = {word for word in ("roll back", "roll_back", "roll-back", "rollback") if word in text.lower()}
    missing = [] if len(text.split()) >= 120 else ["at least 120 words"]
    missing += [] if any(word in text for word in ("start.py", "python ", "make ")) else ["the command that starts it"]
    missing += [] if told else ["how to roll back"]
    unnamed = [word for word in ("CI", Path(workflow).name, *_job_names(folder / workflow)) if word not in text]
    undone = unnamed or "your code here" in text
    missing += [f"a part on CI/CD that names {Path(workflow).name} and its jobs"] if undone else []
    evidence = f"{len(text.split())} words" if text else "no README.md"
    share = 1 - (len(missing) + bool(undone)) / 5  # CI/CD counts double
    sheet.give("project", "documented", share if text else 0, evidence, f"README.md misses {'; '.join(missing)}.")


def _job_names(path):
    try:
        jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
        return [str(name) for name in jobs]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError):
        return []  # what is wrong with the workflow is told elsewhere
