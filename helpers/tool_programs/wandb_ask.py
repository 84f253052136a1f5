"""Two questions to W&B, without an account: `python wandb_ask.py best` or `python wandb_ask.py champion`."""

import sys

import wandb

if sys.argv[1] == "best":
    print(wandb.Api().runs("trial", order="+summary_metrics.loss")[0].name)
else:
    with wandb.init(project="trial", mode="offline") as run:
        print(run.use_artifact("flight-delay:champion").download())
