"""A tiny capstone, so that what goes wrong with one can be tried in seconds: `write` the half without tracking, pages and alerts
(standard library alone), `write_whole` all of it.
"""

CONTRACT = """
[data]
file = "data.csv"
time = "when"
target = "late"
[commands]
train = ["python", "train.py"]
start = ["python", "start.py"]
roll_back = ["python", "train.py", "back"]
[service]
health = "/health"
predict = "/predict"
probability = "probability"
version = "version"
metrics = "/metrics"
predictions = "predictions_total"
latency = "prediction_seconds"
"""
TRAIN = """
import pathlib
import sys

place = pathlib.Path("version")
before = int(place.read_text()) if place.exists() else 0
place.write_text(str(before - 1 if "back" in sys.argv else before + 1))
"""
START = """
import http.server
import json
import os
import pathlib

answered = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        lines = "# TYPE predictions_total counter\\npredictions_total %d\\n" % answered
        lines += "# TYPE prediction_seconds histogram\\nprediction_seconds_bucket{le=\\"+Inf\\"} %d\\n" % answered
        lines += "prediction_seconds_count %d\\nprediction_seconds_sum 1\\n" % answered
        self.reply(200, lines if self.path == "/metrics" else "{}")

    def do_POST(self):
        global answered
        raw = self.rfile.read(int(self.headers["content-length"]))
        try:
            row = json.loads(raw, parse_constant=None)
            hour, colour = row["hour"], row["colour"]
            assert isinstance(hour, int) and isinstance(colour, str)
        except Exception:
            return self.reply(422, json.dumps({"problem": "not a row"}))
        answered += 1
        version = pathlib.Path("version").read_text()
        chance = min(0.9, hour / 30 + 0.01 * int(version))
        return self.reply(200, json.dumps({"probability": chance, "version": version}))

    def reply(self, status, text):
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SERVICE_PORT"])), Handler).serve_forever()
"""


def rows(n=300):
    """As the lines of a CSV: later hours are late more often.

    Parameters
    ----------
    n : int, default 300

    Returns
    -------
    str
    """
    lines = [
        f"2013-01-{1 + k % 28:02d} {k % 24:02d}:00,{k % 24},{'red' if k % 3 else 'blue'},{int(k * 7 % 24 < k % 24)}"
        for k in range(n)
    ]
    return "\n".join(["when,hour,colour,late", *lines]) + "\n"


def write(folder, **others):
    """Write the project, some of its files otherwise (None: left out); `_` in a name stands for its dot.

    Parameters
    ----------
    folder : pathlib.Path
    **others : str or None

    Returns
    -------
    pathlib.Path
    """
    files = {"capstone.toml": CONTRACT, "data.csv": rows(), "train.py": TRAIN, "start.py": START}
    files |= {name.replace("_", "."): text for name, text in others.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


# --- the whole ----------------------------------------------------------------------------------------------------------

MORE_CONTRACT = """
[project]
tracker = "mlflow"
[app]
file = "app.py"
[monitoring]
rules = "alerts.yml"
alert = "InputDrift"
[ci]
workflow = ".github/workflows/train.yml"
[space]
folder = "space"
file = "app.py"
"""
README = """# Will it be late?
Start it all with `python start.py`; it trains first where there is no model. %s
## CI/CD
`.github/workflows/train.yml` runs on each push: its job `train` runs the tests, then trains, and stops where a test fails.
## When the alert fires
Look at the hours. To go back to the earlier model: `python train.py back` (roll back).
""" % ("Each part listens on this machine alone, and takes its port from the environment. " * 8)
TRACKED = """
import mlflow

with mlflow.start_run():
    mlflow.log_param("rows", 300)
    mlflow.log_metric("auc", 0.7)
    mlflow.log_artifact("version")
"""
TRACKED_WANDB = """
import wandb

run = wandb.init(project="late", config={"rows": 300})
run.log({"auc": 0.7})
model = wandb.Artifact("model", type="model")
model.add_file("version")
run.log_artifact(model)
run.finish()
"""
GAUGE = "# TYPE hour_shift gauge\\nhour_shift %f\\n"
START_ALL = (
    START.replace(
        "answered = 0\n",
        """import collections
import subprocess
import sys

answered = 0
recent = collections.deque([11.5] * 200, maxlen=200)
PORTS = {name: os.environ[f"{name}_PORT"] for name in ("SERVICE", "APP", "PROMETHEUS", "ALERTMANAGER")}
PROMETHEUS = f\'\'\'
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [alerts.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{PORTS['ALERTMANAGER']}"]}}]}}]}}
scrape_configs: [{{job_name: service, static_configs: [{{targets: ["127.0.0.1:{PORTS['SERVICE']}"]}}]}}]
\'\'\'
ALERTMANAGER = f\'\'\'
route: {{receiver: hook, group_wait: 0s, group_interval: 1s}}
receivers: [{{name: hook, webhook_configs: [{{url: "{os.environ['ALERT_WEBHOOK']}"}}]}}]
\'\'\'


def start(*command):
    subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


pathlib.Path("prometheus.yml").write_text(PROMETHEUS)
pathlib.Path("alertmanager.yml").write_text(ALERTMANAGER)
HOST = "127.0.0.1:"
at = f"--web.listen-address={HOST}{PORTS['PROMETHEUS']}"
start("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", at)
start(
    "prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=am", "--cluster.listen-address=",
    f"--web.listen-address={HOST}{PORTS['ALERTMANAGER']}",
)
start(sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", "127.0.0.1", "--server.port", PORTS["APP"])
""",
    )
    .replace("        answered += 1\n", "        answered += 1\n        recent.append(hour)\n")
    .replace(
        "        self.reply(200, lines if",
        f'        lines += "{GAUGE}" % (sum(recent) / 200 - 11.5)\n        self.reply(200, lines if',
    )
)
RULES = """
groups:
  - name: inputs
    rules:
      - alert: InputDrift
        expr: abs(hour_shift) > 3
        labels: {severity: page}
"""
APP = """
import os

import httpx
import streamlit as st

st.title("Will it be late?")
hour = st.slider("Hour", 0, 23, 7)
if st.button("Ask"):
    try:
        url = f"http://127.0.0.1:{os.environ['SERVICE_PORT']}/predict"
        answer = httpx.post(url, json={"hour": hour, "colour": "red"}, trust_env=False).json()
        st.metric("Chance to be late", f"{answer['probability']:.0%}")
    except httpx.HTTPError:
        st.error("The service is away. Start it with: python start.py")
"""
SPACE_APP = """
import streamlit as st

st.title("Will it be late?")
hour = st.slider("Hour", 0, 23, 7)
if st.button("Ask"):
    st.metric("Chance to be late", f"{hour / 30:.0%}")
"""
SPACE_README = """---
title: Will it be late?
sdk: docker
app_port: 7860
---
A toy.
"""
DOCKERFILE = """FROM python:3.11-slim
COPY . .
CMD ["streamlit", "run", "app.py"]
"""
WORKFLOW = """
name: train
on: push
permissions:
  contents: read
jobs:
  train:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          persist-credentials: false
      - name: Test
        run: python -m pytest -q tests
      - name: Train
        run: python train.py
"""
TEST = """
import pathlib


def test_rows():
    assert pathlib.Path("data.csv").read_text().count("\\n") > 100
"""


def whole(**others):
    """The files of a whole project, some of them otherwise (None: left out).

    Parameters
    ----------
    **others : str or None
        A key of `PLACES`.

    Returns
    -------
    dict of str to str
        By path.
    """
    texts = {
        "contract": CONTRACT + MORE_CONTRACT,
        "data": rows(),
        "train": TRAIN,
        "start": START_ALL,
        "readme": README,
        "requirements": "mlflow==3.17.2\nstreamlit==1.67.0\n",
        "app": APP,
        "rules": RULES,
        "workflow": WORKFLOW,
        "test": TEST,
        "space_app": SPACE_APP,
        "space_readme": SPACE_README,
        "space_requirements": "streamlit==1.67.0\n",
        "dockerfile": DOCKERFILE,
    } | others
    return {PLACES[name]: text for name, text in texts.items() if text is not None}


PLACES = {
    "contract": "capstone.toml",
    "data": "data.csv",
    "train": "train.py",
    "start": "start.py",
    "readme": "README.md",
    "requirements": "requirements.txt",
    "app": "app.py",
    "rules": "alerts.yml",
    "workflow": ".github/workflows/train.yml",
    "test": "tests/test_rows.py",
    "space_app": "space/app.py",
    "space_readme": "space/README.md",
    "space_requirements": "space/requirements.txt",
    "dockerfile": "space/Dockerfile",
}


def write_whole(folder, **others):
    """Write a whole project.

    Parameters
    ----------
    folder : pathlib.Path
    **others : str or None
        As for `whole`.

    Returns
    -------
    pathlib.Path
    """
    for name, text in whole(**others).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
