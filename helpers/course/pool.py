"""Does work several at once: on this machine, or on the workers of a Dask cluster. Work comes in and goes out bit by bit."""

import concurrent.futures
import contextlib
import itertools
import os
import threading
import uuid
from collections.abc import Iterator

from helpers.course.batch_files import BatchError

CONNECT = 5  # seconds to wait for a cluster's scheduler
AHEAD = 2  # jobs that wait beside each that runs, so that nobody idles and few are held in memory


def each(function, jobs, *, at_once=None, scheduler=None) -> Iterator[tuple]:
    """Call a function with each job.

    Parameters
    ----------
    function : callable
        `function(job, stopped)`: `stopped()` says whether it should break off. On a cluster it is sent by name, so it
        stands at the top of a module.
    jobs : iterable of (hashable, object)
        A key and a job each. It is read no further than the work is.
    at_once : int, optional
        As many as there are cores by default. On a cluster its own size counts instead.
    scheduler : str, optional
        A Dask cluster's address.

    Yields
    ------
    hashable, concurrent.futures.Future
        The key, and a future that is done, as they end. Leaving early (ctrl-C) breaks off all that still runs.

    Raises
    ------
    BatchError
        The cluster does not answer.
    """
    jobs = iter(jobs)
    with contextlib.ExitStack() as stack:
        submit, size = stack.enter_context(_cluster(scheduler, function) if scheduler else _threads(at_once, function))
        futures = {submit(job): key for key, job in itertools.islice(jobs, size * AHEAD)}
        while futures:
            # Asked again and again, because a wait without an end cannot be interrupted on Windows.
            done, _ = concurrent.futures.wait(futures, 0.5, concurrent.futures.FIRST_COMPLETED)
            for future in [future for future in futures if future in done]:  # in the order in which they were begun
                key = futures.pop(future)
                futures |= {submit(job): key for key, job in itertools.islice(jobs, 1)}
                yield key, future


@contextlib.contextmanager
def _threads(at_once, function):
    """Each thread watches over one process at a time."""
    stop, size = threading.Event(), at_once or os.cpu_count()
    with concurrent.futures.ThreadPoolExecutor(size) as pool:
        try:
            yield lambda job: pool.submit(function, job, stop.is_set), size
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _cluster(address, function):
    import distributed  # here: it takes half a second

    try:
        client = distributed.Client(address, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise BatchError(f"No Dask scheduler answers at {address} ({error}): start one, or leave --scheduler out.") from None
    with client:
        stop = distributed.Event(f"stop-{uuid.uuid4().hex}", client=client)
        executor = client.get_executor(pure=False)
        size = max(1, sum(client.nthreads().values()))
        try:
            yield lambda job: executor.submit(_on_the_cluster, function, job, stop.name), size
        finally:
            stop.set()
            executor.shutdown()


def _on_the_cluster(function, job, stop_name):
    """The same work on a worker, which hears from the scheduler when to stop."""
    import distributed

    return function(job, distributed.Event(stop_name).is_set)
