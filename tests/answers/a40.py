"""Answers to the questions of 40, the GitHub Action: repositories with a workflow file."""

from pathlib import Path

import yaml

from helpers.course import regions
from tests.answers import Answers, Made, Wrong
from tests.notebook_files import ROOT

SOLVED = ROOT / "solutions" / "40_github_action" / "repository"
WORKFLOW = ".github/workflows/train.yml"
CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"
DOWNLOAD = "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093"
TOKEN = {"STORE_TOKEN": "${{ secrets.STORE_TOKEN }}"}


def solved(name):
    return regions.without_marks((SOLVED / name).read_text(encoding="utf-8")) + "\n"


def changed(text, *changes):
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return text


TRAINING, GATE, TRAIN_YML = solved("training.py"), solved("gate.py"), solved(WORKFLOW)


def made(workflow=TRAIN_YML, at=WORKFLOW, **others):
    """The solved repository with another workflow (None: none) and other files; `_` in a name stands for its dot."""

    def factory(folder):
        files = {path.relative_to(SOLVED).as_posix() for path in SOLVED.rglob("*") if path.is_file()}
        texts = {name: solved(name) for name in files if not {"__pycache__", "out"} & set(Path(name).parts)}
        texts.pop(WORKFLOW)
        texts |= {name.replace("_", "."): text for name, text in others.items()} | ({at: workflow} if workflow else {})
        for name, text in texts.items():
            path = folder / "my repository" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return str(folder / "my repository")

    return Made(factory)


def step(command, **others):
    return {"run": command, "env": TOKEN, **others}


def job(*steps, **others):
    checkout = {"uses": CHECKOUT, "with": {"persist-credentials": False}}
    steps = [checkout, *(step(each) if isinstance(each, str) else each for each in steps)]
    return {"runs-on": "ubuntu-latest", "timeout-minutes": 10, **others, "steps": steps}


def flow(*steps, on="push", jobs=None, permissions=None, **others):
    rights = {"contents": "read"} if permissions is None else permissions
    jobs = jobs or {"train": job(*steps, **others)}
    text = yaml.safe_dump({"name": "train", "on": on, "permissions": rights, "jobs": jobs}, sort_keys=False, width=1000)
    return text.replace("'on':", "on:")


TEST = "python -m pytest tests"
LOG = 'python training.py train log --commit "$GITHUB_SHA"'
FETCH = 'python training.py train log champion --commit "$GITHUB_SHA"'
ASK = "python gate.py"
PROMOTE = "python training.py promote"

ALL = """
import argparse
import os
import sys

import gate
import training

options = argparse.Namespace(commit=os.environ["GITHUB_SHA"])
training.train(options)
training.log(options)
training.champion(options)
if gate.main():
    sys.exit(3)
training.promote(options)
"""
LOGS_LAST = changed(ALL, "training.log(options)\n", "", "training.promote", "training.log(options)\ntraining.promote")
OWN = """
import json
import os
import sys

import mlflow
from helpers import flights, modeling, onnx_model
from sklearn.metrics import roc_auc_score

with open("settings.json") as file:
    s = json.load(file)
X, y = flights.features_and_target(flights.load(s["train_months"]))
X = X.iloc[:: len(X) // s["flights"]]
model = modeling.make_model(n_steps=s["n_steps"], learning_rate=s["learning_rate"]).fit(X, y[X.index])
T, late = flights.features_and_target(flights.load(s["test_months"]))
auc = roc_auc_score(late, model.predict_proba(T)[:, 1])
with open("model.onnx", "wb") as file:
    file.write(onnx_model.convert(model))
client = mlflow.MlflowClient()
with mlflow.start_run() as run:
    mlflow.set_tag("commit", os.environ["GITHUB_SHA"][:12])
    mlflow.log_params(s)
    mlflow.log_metric("auc", round(auc, 4))
    mlflow.log_artifact("model.onnx", "made")
try:
    champion = client.get_model_version_by_alias("flight-delay", "champion")
    lowest = client.get_run(champion.run_id).data.metrics["auc"] - s["margin"]
except mlflow.MlflowException:
    client.create_registered_model("flight-delay")
    lowest = 0
version = client.create_model_version("flight-delay", f"{run.info.artifact_uri}/made/model.onnx", run.info.run_id)
if auc < lowest:
    sys.exit(f"refused: {auc:.4f} is under {lowest:.4f}")
client.set_registered_model_alias("flight-delay", "champion", version.version)
"""
INTERVAL = changed(
    GATE,
    "modeling.compare_auc(y, new, champion, n=0)[0] >= -margin",
    "sorted(modeling.compare_auc(y, new, champion, n=100)[1:])[2] > -margin",
)
IN_PYTHON = step("import runpy\nrunpy.run_path('own.py', run_name='__main__')\n", shell="python")
KEPT = {"uses": UPLOAD, "with": {"name": "out", "path": "out"}}
BACK = {"uses": DOWNLOAD, "with": {"name": "out", "path": "out"}}
TWO_JOBS = {
    "test": job(TEST),
    "train": job(FETCH, KEPT, needs="test"),
    "release": job(BACK, ASK, PROMOTE, needs=["train"]),
}
NONE = "if champion is None:\n        return True\n    "
MATRIX = {"strategy": {"matrix": {"months": [2]}}}
AUC = "auc = float(roc_auc_score(y, forecasts(MODEL, X)))"


def logs(*changes):
    """Trains and logs alone, with another training.py."""
    return made(flow(LOG), training_py=changed(TRAINING, *changes))


def quick(gate=GATE, *steps):
    """All after the tests in one process."""
    return made(flow(*(steps or (TEST, "python all.py"))), all_py=ALL, gate_py=gate)


def printing(command):
    return made(flow(command))


ANSWERS = {
    "40.1": Answers(
        costly=True,
        right=[
            made(),
            made(flow(TEST, IN_PYTHON, on={"push": {"branches": ["**"]}}, **MATRIX), own_py=OWN),
            made(flow(LOG, on=["push", "workflow_dispatch"]), at=".github/workflows/a model.yaml"),
        ],
        wrong=[
            Wrong(made(TRAIN_YML, at=".github/workflow/train.yml"), "wrong place", ".github/workflow/train.yml"),
            Wrong(made(TRAIN_YML, at=".github/workflows/train.txt"), "wrong place", "train.txt"),
            Wrong(made(None), "wrong place", "no workflow at all"),
            Wrong(made(changed(TRAIN_YML, "jobs:", "jobs: [")), "cannot run", "train.yml is not a valid workflow"),
            Wrong(made(changed(TRAIN_YML, "on: push", "on: push\n\tx: 1")), "cannot run", "line"),
            Wrong(made(changed(TRAIN_YML, "    steps:", "    stepz:")), "cannot run", "not a valid workflow"),
            Wrong(made(changed(TRAIN_YML, "actions/setup-python", "some/action")), "cannot run", "no stand-in for some/action"),
            Wrong(made(flow(LOG, on="workflow_dispatch")), "not on a push", "workflow_dispatch"),
            Wrong(made(flow(LOG, on={"schedule": [{"cron": "3 4 * * *"}]})), "not on a push", "schedule"),
            Wrong(made(flow(LOG, on={"push": {"tags": ["v*"]}})), "only on a tag"),
            Wrong(made(flow(LOG, on={"push": {"branches": ["main"]}})), "not every branch", "['main']"),
            Wrong(made(flow(LOG, on={"push": {"branches": ["develop"]}})), "not every branch", "['develop']"),
            Wrong(made(flow(LOG, on={"push": {"branches": ["*"]}})), "not every branch", "'**'"),
            Wrong(made(flow(LOG, on={"push": {"paths": ["data/**"]}})), "not every push", "paths"),
            Wrong(made(flow("python trianing.py train log")), "a step fails", "trianing.py"),
            Wrong(made(flow({"run": LOG})), "a step fails", "needs STORE_TOKEN"),
            Wrong(made(flow("python training.py train")), "nothing logged", "MLFLOW_TRACKING_URI"),
            Wrong(made(flow("python training.py train log")), "no commit", "'unknown'"),
            Wrong(logs("chosen | {", 'chosen | {"learning_rate": 0.1, '), "other parameters", "0.1"),
            Wrong(logs("registry.log(MODEL, metrics,", "registry.log(MODEL, {},"), "no metric"),
            Wrong(
                made(flow("python own.py"), own_py=changed(OWN, 'mlflow.log_artifact("model.onnx", "made")', "pass")), "no model"
            ),
            Wrong(logs(AUC, "auc = 0.735"), "typed in", "0.735"),
            Wrong(logs(f"X, y = test_flights()\n    {AUC}", f"y = y[X.index]\n    {AUC}"), "training AUC"),
            Wrong(logs(AUC, f"{AUC} + 0.04"), "another AUC"),
            Wrong(logs("make_model(**chosen)", "make_model(**chosen | {'n_steps': 20})"), "not trained anew"),
        ],
    ),
    "40.2": Answers(
        costly=True,
        right=[
            made(flow(jobs=TWO_JOBS)),
            made(flow(TEST, "python own.py"), own_py=OWN, gate_py="# not used\n"),
            quick(INTERVAL),
        ],
        wrong=[
            Wrong(made(gate_py=regions.emptied((SOLVED / "gate.py").read_text(encoding="utf-8"))), "unfinished", "may_replace"),
            Wrong(made(flow(TEST, on="workflow_dispatch")), "not on a push"),
            Wrong(quick(GATE, "python all.py"), "no tests"),
            Wrong(quick(GATE, "python all.py", TEST), "tests too late"),
            Wrong(quick(GATE, f"{TEST} || true", "python all.py"), "failure swallowed", "|| true"),
            Wrong(quick(GATE, "python -m pytest tests/test_settings.py", "python all.py"), "not all tests"),
            Wrong(quick(GATE, TEST, "python al.py"), "a step fails", "al.py"),
            Wrong(made(flow(TEST, "python all.py"), all_py=changed(ALL, "training.promote(options)", "")), "nothing promoted"),
            Wrong(made(flow(TEST, "python all.py"), all_py=LOGS_LAST), "refused model not logged"),
            Wrong(made(flow(TEST, f"{LOG.replace('log', 'log promote', 1)}")), "no gate"),
            Wrong(quick(changed(GATE, ">= -margin", "<= margin")), "wrong way"),
            Wrong(quick(changed(GATE, "return modeling", "return True or modeling")), "always open"),
            Wrong(made(flow(TEST, f"{FETCH.replace('log champion', 'log promote champion')}", ASK)), "with itself"),
            Wrong(made(flow(TEST, f"{FETCH.replace('log champion', 'log champion promote')}", ASK)), "promoted before the gate"),
            Wrong(made(flow(TEST, FETCH, ASK, step(PROMOTE, **{"if": "always()"}))), "promoted regardless", "always()"),
            Wrong(quick(GATE, TEST, step("python all.py", **{"continue-on-error": True})), "failure swallowed", "continue-on"),
            Wrong(quick(changed(GATE, ">= -margin", "> 0")), "has to be better"),
            Wrong(quick(changed(GATE, NONE, ""), TEST, step("python all.py", name="Gate")), "first refused"),
        ],
    ),
    "40.3": Answers(
        costly=True,
        right=[
            made(),
            made(flow(IN_PYTHON, permissions={}, on={"push": {"branches": ["**"]}}, **MATRIX), own_py=OWN),
            made(flow('test -n "$STORE_TOKEN" && python training.py train log')),
        ],
        wrong=[
            Wrong(made(TRAIN_YML, at=".github/workflow/train.yml"), "wrong place"),
            Wrong(made(changed(TRAIN_YML, "jobs:", "jobs: [")), "no workflow"),
            Wrong(made(changed(TRAIN_YML, "    steps:", "    stepz:")), "no workflow", "stepz"),
            Wrong(made(changed(TRAIN_YML, "11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "v4")), "unpinned action"),
            Wrong(made(changed(TRAIN_YML, CHECKOUT, "some/action@main")), "unpinned action"),
            Wrong(made(flow(LOG, permissions="write-all")), "too many rights"),
            Wrong(made(changed(TRAIN_YML, "permissions:\n  contents: read\n", "")), "too many rights"),
            Wrong(made(flow(LOG, permissions={"contents": "write"})), "too many rights"),
            Wrong(made(flow('echo "${{ github.event.head_commit.message }}"')), "template injection"),
            Wrong(made(changed(TRAIN_YML, "persist-credentials: false", "fetch-depth: 1")), "credentials kept"),
            Wrong(made(changed(TRAIN_YML, "    timeout-minutes: 15\n", "")), "no time limit", "no timeout-minutes"),
            Wrong(made(changed(TRAIN_YML, "timeout-minutes: 15", "timeout-minutes: 360")), "no time limit", "360"),
            Wrong(printing('echo "token is $STORE_TOKEN"'), "secret printed", "token is ***"),
            Wrong(printing("env"), "secret printed", "STORE_TOKEN=***"),
            Wrong(printing('echo "$STORE_TOKEN" | base64'), "secret encoded", "as base64"),
            Wrong(printing("env | base64 -w 40"), "secret encoded", "as base64"),
            Wrong(printing('echo "$STORE_TOKEN" | rev'), "secret encoded", "reversed"),
            Wrong(printing("echo \"$STORE_TOKEN\" | sed 's/./& /g'"), "secret encoded", "between its characters"),
            Wrong(printing('printf %s "$STORE_TOKEN" | od -An -tx1'), "secret encoded", "hex"),
            Wrong(printing('echo "${STORE_TOKEN:0:12}"'), "secret encoded", "in part"),
            Wrong(printing('echo "$STORE_TOKEN" | rev >> "$GITHUB_STEP_SUMMARY"'), "secret encoded", "reversed"),
            Wrong(printing("pyton gate.py"), "a step fails", "pyton"),
        ],
    ),
}
