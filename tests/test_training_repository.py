"""The training repository: its workflow, its Jenkinsfile and its MLproject name the very same commands, and these run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from string import Template

import pytest
import yaml

from helpers import tracking, workflow_files
from helpers.course.bank.q42c import block, calls, every, parse, script

ROOT = Path(__file__).parents[1] / "helpers" / "training_repository"
TRAIN = ROOT / workflow_files.FOLDER / "train.yml"
JENKINSFILE = (ROOT / "Jenkinsfile").read_text(encoding="utf-8")
MLPROJECT = (ROOT / "MLproject").read_text(encoding="utf-8")
ONLY_GITHUB = "GITHUB_"  # a line that speaks to GitHub alone


def words(lines, settings):
    return [shlex.split(Template(line).safe_substitute(settings)) for line in lines if ONLY_GITHUB not in line]


def default(text):
    """What a setting is where nobody chose: `${{ vars.X || '1' }}` is 1."""
    return re.sub(r"^\$\{\{.*\|\| '(.*)' \}\}$", r"\1", text)


def of_the_workflow(path=TRAIN):
    document, error = workflow_files.load(path)
    assert error is None
    settings = {name: default(text) for name, text in document["env"].items()}
    steps = [step for job in document["jobs"].values() for step in workflow_files.steps(job) if "run" in step]
    return {step["name"]: words(step["run"].splitlines(), settings) for step in steps}


def of_the_jenkinsfile(text=JENKINSFILE):
    pipeline, found = block(parse(text), "pipeline").body, {}
    params = {each.named["name"]: each.named["defaultValue"] for each in every(pipeline, "string")}
    lines = {each.name: each.args[0] for each in calls(block(pipeline, "environment").body)}
    settings = {name: re.sub(r"\$\{params\.(\w+)\}", lambda got: params[got[1]], text) for name, text in lines.items()}

    def walk(node, stage=None):
        for each in calls(node):
            if each.name == "sh":
                found.setdefault(each.named.get("label", stage), []).extend(words(script(each).strip().splitlines(), settings))
            walk(each.body, each.args[0] if each.name == "stage" else stage)

    walk(pipeline)
    return found


def of_the_project(text=MLPROJECT):
    found = {}
    for name, entry in yaml.safe_load(text)["entry_points"].items():
        defaults = {key: parameter["default"] for key, parameter in entry.get("parameters", {}).items()}
        found[name] = words(entry["command"].format(**defaults).split("&&"), {})
    return found


def test_the_jenkinsfile_names_the_commands_of_the_workflow_step_by_step():
    assert of_the_jenkinsfile() == of_the_workflow()
    assert list(of_the_jenkinsfile()) == list(of_the_workflow())


def test_the_project_names_them_too_and_leaves_the_installation_to_mlflow():
    want = of_the_workflow()
    assert want.pop("install") == [["python", "-m", "pip", "install", "--requirement", "requirements.txt"]]
    assert of_the_project() == want
    environment = yaml.safe_load((ROOT / "python_env.yaml").read_text(encoding="utf-8"))
    assert environment["dependencies"] == ["-r requirements.txt"]


def test_the_comparison_sees_a_setting_that_was_changed_in_one_file():
    drifted = of_the_jenkinsfile(JENKINSFILE.replace("STEPS = '60'", "STEPS = '90'"))
    want = of_the_workflow()
    assert [name for name in want if drifted[name] != want[name]] == ["train"]
    assert of_the_project(MLPROJECT.replace("default: 60", "default: 90"))["train"] != want["train"]


def test_the_workflow_and_the_jenkinsfile_agree_on_when_and_how_long():
    document, pipeline = workflow_files.load(TRAIN)[0], block(parse(JENKINSFILE), "pipeline").body
    assert every(pipeline, "cron")[0].args == [document["on"]["schedule"][0]["cron"]]
    assert {name for test in every(pipeline, "branch") for name in test.args} == set(document["on"]["push"]["branches"])
    assert every(pipeline, "values")[0].args == document["jobs"]["test"]["strategy"]["matrix"]["month"]
    minutes = [each.named["time"] for each in every(pipeline, "timeout") if each.named["unit"] == "MINUTES"]
    assert minutes == [document["jobs"][name]["timeout-minutes"] for name in ("test", "train")]
    assert every(pipeline, "disableConcurrentBuilds") and document["concurrency"]
    assert every(pipeline, "input") and document["jobs"]["promote"]["environment"]


def test_the_jenkinsfile_is_declarative_and_safe():
    root = parse(JENKINSFILE)
    pipeline = block(root, "pipeline").body
    assert not root.has_error and [each.name for each in calls(root)] == ["pipeline"]
    parts = [each.name for each in calls(pipeline)]
    assert parts == ["agent", "options", "triggers", "parameters", "environment", "stages", "post"]
    stages = every(pipeline, "stage")
    names = [stage.args[0] for stage in stages]
    assert len(set(names)) == len(names)
    for stage in stages:
        assert len({each.name for each in calls(stage.body)} & {"steps", "stages", "parallel", "matrix"}) == 1
    assert all('"python' not in step.node.text.decode() and "params." not in script(step) for step in every(pipeline, "sh"))


def test_the_python_version_is_the_one_of_this_workbook():
    assert block(block(parse(JENKINSFILE), "pipeline").body, "agent").body.text.decode() == "{ label 'python-3.11' }"
    assert yaml.safe_load((ROOT / "python_env.yaml").read_text(encoding="utf-8"))["python"] == "3.11"


@pytest.fixture
def here(tmp_path):
    """A copy of the repository and a store, in a path with a space."""
    folder = tmp_path / "a desk"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder, tracking.new_store(tmp_path / "store")


PROGRAM = """
import sys
import mlflow
for step in sys.argv[1:]:
    name, _, steps = step.partition("=")
    given = {"steps": steps} if steps else {}
    mlflow.projects.run(".", name, parameters=given, env_manager="local", experiment_id="0")
"""


def test_the_entry_points_run_one_after_the_other_and_are_on_record(here):
    import mlflow

    folder, store = here
    client = mlflow.MlflowClient(tracking_uri=store.uri)
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": store.uri}
    steps = ["prepare", "train=5", "evaluate", "gate", "report"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *steps], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-1000:]
    assert {"gate.json", "report.md", "metrics.json"} <= {path.name for path in folder.iterdir()}
    runs = client.search_runs(["0"], order_by=["start_time ASC"])
    assert [run.data.tags["mlflow.project.entryPoint"] for run in runs] == [step.partition("=")[0] for step in steps]
    assert {run.info.status for run in runs} == {"FINISHED"} and runs[1].data.params == {"steps": "5"}


def test_the_tests_of_the_repository_run_by_its_own_settings_only(here):
    """Not by those of a folder above, such as this workbook's."""
    folder, _ = here
    env = {**os.environ, "MONTH": "1"}
    command = of_the_project()["test"][0]
    done = subprocess.run([sys.executable, *command[1:]], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-1000:]
    assert (folder / "pytest.ini").is_file()
