"""Load for a real service, offered whether it keeps up or not; and what the simulation says about the same load."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from helpers import autoscaling, pods

CALLERS, GOES = 16, 20  # threads that send; simulations of which the middle one counts


def offer(send, rate, clients, seconds, seed=0):
    """Send requests at random moments, whether there is an answer to the earlier ones yet or not.

    Parameters
    ----------
    send : callable
        `send(client, due)` asks once, at the moment `due` of `time.perf_counter` or later, and returns the seconds from `due`
        until the answer.
    rate : float
        Requests a second.
    clients : list
        One for each process; each request goes to one of them at random.
    seconds : float
        For how long requests leave.
    seed : int, default 0

    Returns
    -------
    list of float
        Seconds of each request; empty where `rate * seconds` is below 1.
    """
    rng, n = np.random.default_rng(seed), int(rate * seconds)
    due = time.perf_counter() + 0.1 + np.sort(rng.uniform(0, seconds, n))
    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(send, rng.choice(clients, n), due))


def in_a_row(send, clients, n=60):
    """How long a request keeps a busy process: a second request always waits while one is worked on.

    Parameters
    ----------
    send : callable
        As of `offer`.
    clients : list
        One for each process; they are busy at the same time.
    n : int, default 60
        Requests to each.

    Returns
    -------
    numpy.ndarray, shape (len(clients) * (n - 1),)
        Seconds from an answer to the next one of the same process.
    """

    def between(client):
        def end(_):
            send(client, time.perf_counter())
            return time.perf_counter()

        with ThreadPoolExecutor(2) as pool:
            return np.diff(np.sort(list(pool.map(end, range(n)))))

    with ThreadPoolExecutor(len(clients)) as pool:
        return np.concatenate(list(pool.map(between, clients)))


def compare(send, load, clients, seconds=1.0):
    """Ask the processes and the simulation about the same load.

    The times of `in_a_row` are measured anew: on a machine that does other things as well they do not stay the same.

    Parameters
    ----------
    send : callable
        As of `offer`.
    load : float
        Of what the processes can do; 1 is their capacity.
    clients : list
        One for each process.
    seconds : float, default 1.0

    Returns
    -------
    tuple of float
        The p99 in seconds, measured, and of the middle one of `GOES` simulations.
    """
    times, n = in_a_row(send, clients), len(clients)
    rate, fixed = load * n / times.mean(), autoscaling.Settings(n, n, {pods.RATE: 1.0})
    simulated = [pods.simulate([rate], fixed, times, step=seconds, seed=seed).p99() for seed in range(GOES)]
    return float(np.quantile(offer(send, rate, clients, seconds), 0.99)), float(np.median(simulated))
