"""One run in MLflow: `python mlflow_run.py STORE`, with run.json in this folder."""

import json
import sys
from pathlib import Path

import mlflow

run = json.loads(Path("run.json").read_text(encoding="utf-8"))
mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run(run_name=run["name"]) as active:
    mlflow.log_params(run["params"])
    mlflow.log_artifact(run["file"])
    for step, loss in enumerate(run["loss"]):
        mlflow.log_metric("loss", loss, step=step)
        if step == run["stop"]:
            print("half", flush=True)
            sys.stdin.read()
client, name = mlflow.MlflowClient(), "flight-delay"
if not client.search_registered_models(f"name = '{name}'"):
    client.create_registered_model(name)
source = f"{active.info.artifact_uri}/{Path(run['file']).name}"
version = client.create_model_version(name, source, active.info.run_id).version
client.set_registered_model_alias(name, "champion", version)
