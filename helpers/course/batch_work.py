"""Runs the batch's jobs several at once: on this machine, or on the workers of a Dask cluster."""

import contextlib
import os
from collections.abc import Iterator

from helpers.course import batch_job, pool


def work(jobs, *, at_once=None, time_limit=600, scheduler=None) -> Iterator[tuple[str, dict]]:
    """Run jobs, in the order in which they come.

    Parameters
    ----------
    jobs : dict of str to dict
        As from `plan_jobs`.
    at_once : int, optional
        As many as there are cores by default. On a cluster its own size counts instead.
    time_limit : float
        Seconds for one notebook.
    scheduler : str, optional
        A Dask cluster's address.

    Yields
    ------
    str, dict
        Notebook and result, as they end. Leaving early (ctrl-C) ends all that still runs.

    Raises
    ------
    BatchError
        The cluster does not answer.
    """
    at_once = at_once or min(os.cpu_count(), max(1, len(jobs)))
    threads = 1 if scheduler else max(1, os.cpu_count() // at_once)
    ready = ((name, {**job, "time_limit": time_limit, "threads": threads}) for name, job in jobs.items())
    done = pool.each(batch_job.run_job, ready, at_once=at_once, scheduler=scheduler)
    with contextlib.closing(done):
        for name, future in done:
            yield name, _result(future)


def _result(future):
    try:
        return future.result()
    except Exception as error:  # whatever befell a cluster's worker: one notebook fails, the others go on
        return {
            "status": "failed",
            "reason": f"could not be run: {type(error).__name__}: {error}",
            "cell": 0,
            "source": "",
            "traceback": "",
            "seconds": 0.0,
            "peak_mb": 0.0,
            "kernel_mb": 0.0,
            "left": [],
            "executed": None,
            "html": None,
        }
