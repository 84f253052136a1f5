"""Runs the batch's jobs several at once: on this machine, or on the workers of a Dask cluster."""

import concurrent.futures
import contextlib
import os
import threading
import uuid
from collections.abc import Iterator

from helpers.course import batch_job
from helpers.course.batch_files import BatchError

CONNECT = 5  # seconds to wait for a cluster's scheduler


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
    with contextlib.ExitStack() as stack:
        submit = stack.enter_context(_cluster(scheduler) if scheduler else _threads(at_once))
        futures = {submit({**job, "time_limit": time_limit, "threads": threads}): name for name, job in jobs.items()}
        while futures:
            # Asked again and again, because a wait without an end cannot be interrupted on Windows.
            done, _ = concurrent.futures.wait(futures, 0.5, concurrent.futures.FIRST_COMPLETED)
            for future in done:
                yield futures.pop(future), _result(future)


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


@contextlib.contextmanager
def _threads(at_once):
    """Each thread watches over one process at a time."""
    stop = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        try:
            yield lambda job: pool.submit(batch_job.run_job, job, stop.is_set)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _cluster(address):
    import distributed  # here: it takes half a second

    try:
        client = distributed.Client(address, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise BatchError(f"No Dask scheduler answers at {address} ({error}): start one, or leave --scheduler out.") from None
    with client:
        stop = distributed.Event(f"stop-{uuid.uuid4().hex}", client=client)
        executor = client.get_executor(pure=False)
        try:
            yield lambda job: executor.submit(_on_the_cluster, job, stop.name)
        finally:
            stop.set()
            executor.shutdown()


def _on_the_cluster(job, stop_name):
    """The same work on a worker, which hears from the scheduler when to stop."""
    import distributed

    return batch_job.run_job(job, distributed.Event(stop_name).is_set)
