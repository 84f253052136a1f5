"""How long a push takes until its model is on record, and what DVC costs where nothing has changed."""

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from datetime import datetime
from pathlib import Path

from helpers import mlflow_store, registry, workflows
from helpers.course import install, regions

PUSH = 20  # seconds from the push to the logged model, on 2 cores
REPRO = 3  # seconds of `dvc repro` where nothing has changed
REPOSITORY = install.ROOT / "solutions" / "40_github_action" / "repository"
COPY = "import shutil, sys\nshutil.copy(sys.argv[1], sys.argv[2])\n"
STAGES = {to: {"cmd": f"python duplicate.py {of} {to}", "deps": ["duplicate.py", of], "outs": [to]} for of, to in ("ab", "bc")}


def measure():
    """Lines for `tests.bench`: what was measured, and whether it keeps the promise."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        push, whole, repro = *pushed(Path(folder)), unchanged(Path(folder) / "dvc")
    return [
        (f"from a push to the logged model: {push:.1f} s (the whole run: {whole:.1f} s), promised under {PUSH}", push < PUSH),
        (f"dvc repro, nothing changed: {repro:.1f} s, promised under {REPRO}", repro < REPRO),
    ]


def pushed(folder):
    """Seconds from the push of exercise 40's repository to the end of its run in MLflow, and to the end of the workflow."""
    import mlflow

    store = mlflow_store.new_store(folder / "store")
    secrets = {"STORE_TOKEN": "for the bench"}
    remote = workflows.new_remote(folder / "remote.git", env={"MLFLOW_TRACKING_URI": store.uri}, secrets=secrets)
    code = folder / "code"
    for path in REPOSITORY.rglob("*"):
        if path.is_file() and not {"__pycache__", "out"} & set(path.parts):
            to = code / path.relative_to(REPOSITORY)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(regions.without_marks(path.read_text(encoding="utf-8")) + "\n", encoding="utf-8")
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=code, check=True)
    begun, clock = time.time(), time.perf_counter()
    subprocess.run(["git", "push", "-q", str(remote), "main"], cwd=code, check=True, capture_output=True)
    whole = time.perf_counter() - clock
    assert workflows.runs(remote)[-1].passed
    client = mlflow.MlflowClient(tracking_uri=store.uri)
    experiment = client.get_experiment_by_name(registry.EXPERIMENT).experiment_id
    [run] = client.search_runs([experiment])
    return datetime.fromtimestamp(run.info.end_time / 1000).timestamp() - begun, whole


def unchanged(folder):
    """Seconds of the second `dvc repro` of two small stages, as a command."""
    folder.mkdir()
    (folder / "a").write_text("1", encoding="utf-8")
    (folder / "duplicate.py").write_text(COPY, encoding="utf-8")
    (folder / "dvc.yaml").write_text(json.dumps({"stages": STAGES}), encoding="utf-8")  # JSON is YAML
    scripts = sysconfig.get_path("scripts")
    env = {**os.environ, "PATH": os.pathsep.join([scripts, os.environ["PATH"]]), "DVC_NO_ANALYTICS": "1"}
    dvc = shutil.which("dvc", path=scripts)
    for command in ("init --no-scm", "repro"):
        subprocess.run([dvc, *command.split(), "-q"], cwd=folder, env=env, check=True)
    begun = time.perf_counter()
    subprocess.run([dvc, "repro", "-q"], cwd=folder, env=env, check=True)
    return time.perf_counter() - begun
