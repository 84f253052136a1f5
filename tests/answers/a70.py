"""Answers to the questions of 70, the capstone: the reference project, and tiny ones that do one thing otherwise."""

from helpers.course import regions
from tests import toy_capstone as toy
from tests.answers import Answers, Made, Wrong
from tests.notebook_files import ROOT

SOLVED = ROOT / "solutions" / "70_capstone" / "project"
LEFT_OUT = {"__pycache__", "data", "work", "served", ".pytest_cache"}


def reference(folder):
    """The reference project, as a learner would have it."""
    for path in SOLVED.rglob("*"):
        name = path.relative_to(SOLVED)
        if path.is_file() and not LEFT_OUT & set(name.parts):
            (folder / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8")
            (folder / "mine" / name).write_text(regions.without_marks(text) if "### BEGIN" in text else text, encoding="utf-8")
    return str(folder / "mine")


def made(**others):
    """A tiny project, some of its files otherwise."""
    return Made(lambda folder: str(toy.write_whole(folder / "my capstone", **others)))


def changed(which, *changes, **others):
    """A tiny project with a change in one of its files."""
    text = TEXTS[which]
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return made(**others | {which: text})


CONTRACT = toy.CONTRACT + toy.MORE_CONTRACT
TEXTS = {"contract": CONTRACT, "train": toy.TRAIN, "start": toy.START_ALL, "app": toy.APP, "space_app": toy.SPACE_APP}
TEXTS |= {"workflow": toy.WORKFLOW, "rules": toy.RULES}
TRACKED = toy.TRAIN + toy.TRACKED
WANDB = dict(train=toy.TRAIN + toy.TRACKED_WANDB, contract=CONTRACT.replace('"mlflow"', '"wandb"'))
NESTED = TRACKED.replace("mlflow.start_run()", "mlflow.start_run(run_name='late')").replace('"auc"', '"area"')


def tracked(*changes, **others):
    text = TRACKED
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return made(train=text, **others)


ONE_RUN = 'mlflow.start_run(run_id=pathlib.Path("run").read_text() if pathlib.Path("run").exists() else None) as run'
SERVED_ALONE = toy.START.replace("global answered", "global answered  # nothing else is started")
PARQUET = """
import pandas as pd

pd.read_csv("data.csv").to_parquet("data.parquet")
"""
AS_PARQUET = CONTRACT.replace('"data.csv"', '"data.parquet"').replace(
    "[commands]", '[commands]\nprepare = ["python", "prepare.py"]'
)


def with_parquet(folder):
    """Its data are made by a command, and are no CSV."""
    home = toy.write_whole(folder / "parquet", contract=AS_PARQUET)
    (home / "prepare.py").write_text(PARQUET, encoding="utf-8")
    return str(home)


TWO_JOBS = toy.WORKFLOW.replace(
    "      - name: Train\n",
    """  model:
    needs: train
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          persist-credentials: false
      - name: Train
""",
)
TEST_STEP = "      - name: Test\n        run: python -m pytest -q tests\n"
TRAINS_FIRST = toy.WORKFLOW.replace(TEST_STEP, "") + TEST_STEP


def pushed(*changes):
    return changed("workflow", *changes, train=TRACKED)


SELECTED = toy.APP.replace('st.slider("Hour", 0, 23, 7)', 'int(st.text_input("Hour", "7"))').replace(
    'st.metric("Chance to be late", ', "st.success("
)
FORM = toy.APP.replace('if st.button("Ask"):', 'with st.form("row"):\n    pressed = st.form_submit_button("Ask")\nif pressed:')
SLOW_SWAP = 'version = pathlib.Path("version").read_text()'
KEPT = toy.START_ALL.replace(SLOW_SWAP, SLOW_SWAP.replace(".read_text()", ".read_text().strip()"))
QUOTED = toy.RULES.replace("expr: abs(hour_shift) > 3", "expr: hour_shift > 3 or hour_shift < -3\n        for: 1s")

ANSWERS = {
    "70.1": Answers(
        right=[Made(reference), made(train=TRACKED), made(**WANDB), made(train=NESTED)],
        wrong=[
            Wrong(tracked("import sys", "import sys\nimport late_library"), "tracking: trains", "package late_library is absent"),
            Wrong(tracked("import sys", 'raise SystemExit("no data")'), "tracking: trains", "no data"),
            Wrong(made(), "tracking: recorded", "No finished run is in mlflow's records"),
            Wrong(tracked("import mlflow", 'import mlflow\nmlflow.set_tracking_uri("sqlite:///own.db")'), "tracking: recorded"),
            Wrong(tracked('    mlflow.log_param("rows", 300)\n', ""), "tracking: recorded", "Log parameters too"),
            Wrong(tracked('    mlflow.log_artifact("version")\n', ""), "tracking: recorded", "Log a model too"),
            Wrong(tracked('    mlflow.log_metric("auc", 0.7)\n', ""), "tracking: recorded", "Log metrics too"),
            Wrong(made(**WANDB | dict(contract=CONTRACT)), "tracking: recorded", "in mlflow's records"),
            Wrong(
                tracked(
                    "mlflow.start_run()",
                    ONE_RUN,
                    'log_artifact("version")\n',
                    'log_artifact("version")\npathlib.Path("run").write_text(run.info.run_id)\n',
                ),
                "tracking: again",
                "never overwrite",
            ),
        ],
        costly=True,
    ),
    "70.2": Answers(
        right=[Made(reference), made(), made(start=SERVED_ALONE), Made(with_parquet)],
        wrong=[
            Wrong(
                changed("start", '"{}")', '"{}") if self.path == "/metrics" else self.reply(503, "")'),
                "service: health",
                "HTTP 503",
            ),
            Wrong(
                changed("start", 'int(os.environ["SERVICE_PORT"])', "0"), "service: health", "take the port from the environment"
            ),
            Wrong(
                changed("start", '"probability": chance', '"probability": str(chance)'),
                "service: predicts",
                "no number from 0 to 1",
            ),
            Wrong(changed("start", '"probability": chance', '"late": chance'), "service: predicts", "`probability` is None"),
            Wrong(changed("start", ', "version": version', ""), "service: predicts", "`version` is None"),
            Wrong(changed("start", "hour / 30", "0.5"), "service: skill", "a coin's"),
            Wrong(changed("start", "hour / 30", "0.8 - hour / 30"), "service: skill", "that of the target being 1"),
            Wrong(changed("start", "return self.reply(422", "return self.reply(200"), "service: refuses", "HTTP 200"),
            Wrong(changed("start", "return self.reply(422", "return self.reply(500"), "service: refuses", "HTTP 500"),
            Wrong(changed("start", 'json.dumps({"problem": "not a row"})', '"no"'), "service: refuses", "a 4xx without JSON"),
            Wrong(
                changed("start", "isinstance(hour, int)", "True", "hour / 30", "float(hour) / 30"),
                "service: refuses",
                "no answer",
            ),
            Wrong(changed("start", "0.01 * int(version)", "0.001 * answered"), "service: well", "one row has one answer"),
            Wrong(
                changed("start", 'self.path == "/metrics"', 'self.path == "/stats"'), "metrics: readable", "not Prometheus text"
            ),
            Wrong(
                changed("start", "predictions_total", "answers_total"), "metrics: counts", "has to be called predictions_total"
            ),
            Wrong(
                changed("start", "        raw = ", "        answered += 2\n        raw = "), "metrics: counts", "count each once"
            ),
            Wrong(
                changed("start", "        answered += 1\n", "", "        raw = ", "        answered += 1\n        raw = "),
                "metrics: counts",
                "refused ones not at all",
            ),
            Wrong(
                changed("start", "prediction_seconds_count", "seconds_count"),
                "metrics: timed",
                "Histogram named prediction_seconds",
            ),
        ],
        costly=True,
    ),
    "70.3": Answers(
        right=[Made(reference), made(), made(app=SELECTED), made(app=FORM)],
        wrong=[
            Wrong(changed("start", 'PORTS["APP"])', '"0")'), "app: up", "at the port that APP_PORT names"),
            Wrong(changed("app", "import os", "import os\nimport streamlit_folium"), "app: runs", "streamlit_folium"),
            Wrong(
                changed("app", 'hour = st.slider("Hour", 0, 23, 7)', "hour = 7", 'if st.button("Ask"):', "if True:"),
                "app: runs",
                "inputs: 0",
            ),
            Wrong(changed("app", 'if st.button("Ask"):', "if False:"), "app: asks", "The page has no button"),
            Wrong(
                changed("app", "        answer = httpx", "        st.stop()\n        answer = httpx"),
                "app: asks",
                "send the inputs",
            ),
            Wrong(changed("app", "        st.metric(", "        str("), "app: asks", "nothing new on the page"),
            Wrong(
                changed("app", "answer['probability']", "answer['chance']"), "app: asks", "After the button was pressed it raised"
            ),
            Wrong(
                changed("app", "except httpx.HTTPError", "except ZeroDivisionError"),
                "app: alone",
                "Catch the error of the request",
            ),
            Wrong(changed("app", 'hour = st.slider("Hour", 0, 23, 7)', "hour = 7"), "app: runs", "inputs: 0"),
            Wrong(
                changed("app", 'st.error("The service is away. Start it with: python start.py")', "pass"),
                "app: alone",
                "a visitor could read",
            ),
            Wrong(made(space_readme="# Late?\n"), "space: complete", "needs a front matter"),
            Wrong(made(space_readme=toy.SPACE_README.replace("docker", "flask")), "space: complete", "one of docker"),
            Wrong(made(dockerfile=None), "space: complete", "wants a Dockerfile"),
            Wrong(made(space_requirements="streamlit\n"), "space: complete", "does not pin 'streamlit'"),
            Wrong(changed("space_app", "import streamlit", "import start\nimport streamlit"), "space: boots", "start"),
            Wrong(changed("space_app", "hour = st.", 'open("../data.csv")\nhour = st.'), "space: boots", "data.csv"),
            Wrong(made(space_app=None), "space: boots", "There is no app.py"),
        ],
        costly=True,
    ),
    "70.4": Answers(
        right=[Made(reference), made(), made(rules=QUOTED)],
        wrong=[
            Wrong(changed("rules", "expr: abs(hour_shift) > 3", "expr: abs(hour_shift >"), "alert: watched", "promtool refuses"),
            Wrong(changed("rules", "alert: InputDrift", "alert: Drift"), "alert: watched", "has loaded no rule InputDrift"),
            Wrong(made(rules=None), "alert: watched", "There is no alerts.yml"),
            Wrong(
                changed("start", "rule_files: [alerts.yml]", "rule_files: []"), "alert: watched", "name the file under rule_files"
            ),
            Wrong(
                changed("start", "{PORTS['SERVICE']}\"]}}]}}]", '9"]}}]}}]'), "alert: watched", "scrape 127.0.0.1 at SERVICE_PORT"
            ),
            Wrong(changed("start", 'start("prometheus", ', 'print("prometheus", '), "alert: watched", "No Prometheus answers"),
            Wrong(changed("rules", "> 3", "> 0.0001"), "alert: quiet", "limit is too tight"),
            Wrong(changed("rules", "> 3", "> 300"), "alert: fires", "did not fire"),
            Wrong(changed("rules", "abs(hour_shift) > 3", "hours_shift > 3"), "alert: fires", "did not fire"),
            Wrong(changed("rules", "> 3\n", "> 3\n        for: 5m\n"), "alert: fires", "its `for` is too long"),
            Wrong(changed("start", "alerting: ", "remote_write: []\n# "), "alert: told", "heard of nothing"),
        ],
        costly=True,
    ),
    "70.5": Answers(
        right=[Made(reference), made(), made(start=KEPT)],
        wrong=[
            Wrong(changed("train", "before + 1", "before or 1"), "rollback: switches", "version 1 all the time"),
            Wrong(changed("start", SLOW_SWAP, 'version = "1"'), "rollback: switches", "let the service look for it"),
            Wrong(
                changed("train", "place.write_text", "assert not before\nplace.write_text"),
                "rollback: switches",
                "second training failed",
            ),
            Wrong(
                changed("start", SLOW_SWAP, SLOW_SWAP + '\n        version = version if answered % 7 else ""'),
                "rollback: switches",
                "load the new model beside the old one",
            ),
            Wrong(changed("train", '"back" in sys.argv', "False"), "rollback: back", "with version 1 again"),
            Wrong(changed("train", "before - 1 if", "before if"), "rollback: back", "with version 1 again"),
            Wrong(
                changed("contract", '["python", "train.py", "back"]', '["python", "registry.py"]'),
                "rollback: back",
                "registry.py",
            ),
            Wrong(changed("contract", "roll_back =", "rollback ="), "rollback: back", "`roll_back` of [commands] is absent"),
            Wrong(
                changed("train", "import sys", 'import sys\nif "back" in sys.argv:\n    raise SystemExit("no")'),
                "rollback: back",
                "no",
            ),
            Wrong(
                changed(
                    "start",
                    "0.01 * int(version)",
                    '0.01 * max(int(version), len(list(pathlib.Path().glob("*.new"))))',
                    train=(toy.TRAIN + 'pathlib.Path(f"{before}.new").touch()\n'),
                ),
                "rollback: back",
                "its answers are not",
            ),
        ],
        costly=True,
    ),
    "70.6": Answers(
        right=[Made(reference), made(train=TRACKED), made(train=TRACKED, workflow=TWO_JOBS)],
        wrong=[
            Wrong(made(train=TRACKED, readme=None), "project: documented", "no README.md"),
            Wrong(
                made(train=TRACKED, readme=toy.README.replace("train.yml", "the workflow")),
                "project: documented",
                "a part on CI/CD that names train.yml",
            ),
            Wrong(
                made(train=TRACKED, readme=toy.README.replace("roll back", "return").replace("back`", "b`")),
                "project: documented",
                "how to roll back",
            ),
            Wrong(made(train=TRACKED, requirements="mlflow\nstreamlit>=1.60\n"), "project: pinned", "Not pinned: mlflow"),
            Wrong(made(train=TRACKED, requirements=None), "project: pinned", "no requirements.txt"),
            Wrong(pushed("contents: read", "write-all", "permissions:\n  ", "permissions: "), "ci: lint", "zizmor"),
            Wrong(pushed("11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "v4"), "ci: lint", "pin"),
            Wrong(
                pushed("runs-on: ubuntu-latest", "run-on: ubuntu-latest"),
                "ci: lint",
                "check-jsonschema: jobs.train: 'runs-on' is a required",
            ),
            Wrong(made(train=TRACKED, workflow=None), "ci: lint", "There is no .github/workflows/train.yml"),
            Wrong(pushed("on: push", "on: workflow_dispatch"), "ci: green", "triggers no workflow"),
            Wrong(pushed("python train.py", "python training.py"), "ci: green", "The step Train failed"),
            Wrong(made(train=TRACKED, test="def test_rows():\n    assert False\n"), "ci: green", "The step Test failed"),
            Wrong(
                pushed("pytest -q tests", "pytest -q tests || true"),
                "ci: red",
                "A failing test in tests/ went through",
            ),
            Wrong(pushed("      - name: Test\n        run: python -m pytest -q tests\n", ""), "ci: red", "went through"),
            Wrong(
                pushed("      - name: Test\n", "      - name: Test\n        continue-on-error: true\n"),
                "ci: red",
                "run the tests before it trains",
            ),
            Wrong(pushed("pytest -q tests", "pytest -q tests/test_rows.py"), "ci: red", "went through"),
            Wrong(pushed("      - name: Train\n        run: python train.py\n", ""), "ci: green", "Nothing was trained"),
            Wrong(made(train=TRACKED, workflow=TRAINS_FIRST), "ci: red", "tests come first"),
            Wrong(
                made(train=TRACKED, workflow=TWO_JOBS.replace("    needs: train\n", "")), "ci: red", "`needs` the one that tests"
            ),
        ],
        costly=True,
    ),
}
