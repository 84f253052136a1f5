"""Logging one run to three trackers, beside the three alone: each by its own library, and each by our call."""

import statistics
import tempfile
import time
from pathlib import Path

from helpers import tracking

STEPS = 1_000
ROUNDS = 3
RATIO = 1.3  # all three in one call, to the sum of the three alone


def measure():
    """Lines for `tests.bench`: what was measured, and whether it keeps the promise."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        tracking.new_store(folder / "ours" / "mlflow")
        by_hand = [alone(folder) for alone in (mlflow_alone, wandb_alone, tensorboard_alone)]
        one_each = [lambda kind=kind: ours(folder, [kind]) for kind in ("mlflow", "wandb", "tensorboard")]
        work = [*by_hand, *one_each, lambda: ours(folder, ["mlflow", "wandb", "tensorboard"])]
        for job in work:  # imports and first connections are nobody's business here
            job()
        seconds = [[timed(job) for job in work] for _ in range(ROUNDS)]
    rows = []
    for what, first in (("by their own libraries", 0), ("by our call, one at a time", 3)):
        ratio = statistics.median(times[6] / sum(times[first : first + 3]) for times in seconds)
        told = f"{STEPS:,} steps to three trackers, to the sum of the three {what}: ratio {ratio:.2f}, promised at most {RATIO}"
        rows.append((told, ratio <= RATIO))
    return rows


def timed(job):
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


def ours(folder, trackers):
    with tracking.start_run(folder / "ours", "bench", trackers=trackers) as run:
        for step in range(STEPS):
            run.log({"loss": 1 / (step + 1)}, step=step)
    assert not run.missed


def mlflow_alone(folder):
    import mlflow

    mlflow.set_tracking_uri(tracking.new_store(folder / "mlflow").uri)

    def job():
        with mlflow.start_run():
            for step in range(STEPS):
                mlflow.log_metric("loss", 1 / (step + 1), step=step)

    return job


def wandb_alone(folder):
    import wandb

    def job():
        with wandb.init(mode="offline", dir=str(folder), settings=wandb.Settings(silent=True, console="off")) as run:
            for step in range(STEPS):
                run.log({"loss": 1 / (step + 1)}, step=step)

    return job


def tensorboard_alone(folder):
    from tensorboardX import SummaryWriter

    def job():
        with SummaryWriter(str(folder / "tensorboard")) as writer:
            for step in range(STEPS):
                writer.add_scalar("loss", 1 / (step + 1), step)

    return job
