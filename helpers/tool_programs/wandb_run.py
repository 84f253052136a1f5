"""One run in W&B, offline: `python wandb_run.py`, with run.json in this folder."""

import json
import sys
from pathlib import Path

import wandb

told = json.loads(Path("run.json").read_text(encoding="utf-8"))
with wandb.init(project="trial", name=told["name"], config=told["params"], mode="offline") as run:
    artifact = wandb.Artifact("flight-delay", type="model")
    artifact.add_file(told["file"])
    run.log_artifact(artifact, aliases=["champion"])
    for step, loss in enumerate(told["loss"]):
        run.log({"loss": loss}, step=step)
        if step == told["stop"]:
            print("half", flush=True)
            sys.stdin.read()
