"""One run for TensorBoard: `python tensorboard_run.py FOLDER`, with run.json in this folder."""

import json
import sys
from pathlib import Path

from tensorboardX import SummaryWriter

run = json.loads(Path("run.json").read_text(encoding="utf-8"))
with SummaryWriter(f"{sys.argv[1]}/{run['name']}") as writer:
    writer.add_hparams(run["params"], {}, name="hparams")
    writer.add_onnx_graph(run["file"])
    for step, loss in enumerate(run["loss"]):
        writer.add_scalar("loss", loss, step)
        if step == run["stop"]:
            print("half", flush=True)
            sys.stdin.read()
