"""Pods under a day's traffic: an autoscaler, a queue before each pod, and what that means for those who wait and who pay.

Time goes in steps of the autoscaler. Within a step each request is followed: it arrives at random, is sent to a ready pod at
random (as a Service does), and waits until that pod has done all that came before.
"""

import collections
import dataclasses
import math

import numpy as np

from helpers import autoscaling

ZONE = "America/New_York"
DAY = 86_400  # seconds
RATE = "requests_per_second"  # the metric: requests that a pod has *answered*, as its counter says
CPU = "cpu"


@dataclasses.dataclass(frozen=True, eq=False)
class Simulated:
    """What came of it, step by step.

    Attributes
    ----------
    seconds : float
        Of a step.
    pods, ready : numpy.ndarray of int, shape (n_steps,)
        All that are paid for, and those of them that get requests.
    responses : list of numpy.ndarray of float32
        Seconds from arrival to answer of each request, by the step in which it arrived.
    """

    seconds: float
    pods: np.ndarray
    ready: np.ndarray
    responses: list

    def p99(self, start=0.0, end=math.inf):
        """The response time that 99 of 100 requests keep.

        Parameters
        ----------
        start : float, default 0.0
            Seconds since the beginning; of requests that arrive between the two.
        end : float, default inf

        Returns
        -------
        float
            Seconds; NaN where there was no request.
        """
        found = [part for step, part in enumerate(self.responses) if start <= step * self.seconds < end]
        whole = np.concatenate(found) if found else np.empty(0)
        return float(np.quantile(whole, 0.99)) if len(whole) else math.nan

    def over(self, limit):
        """The share of requests that took longer.

        Parameters
        ----------
        limit : float
            Seconds.

        Returns
        -------
        float
            0 to 1; 0 where there was no request.
        """
        return sum(int((part > limit).sum()) for part in self.responses) / max(1, sum(map(len, self.responses)))

    def pod_hours(self):
        """What is paid for.

        Returns
        -------
        float
            Hours, summed over all pods, starting ones included.
        """
        return float(self.pods.sum() * self.seconds / 3600)

    def changes(self):
        """How often the number of pods changed.

        Returns
        -------
        int
        """
        return int((np.diff(self.pods) != 0).sum())


def traffic(flights, per_flight, *, minutes=60, step=autoscaling.SYNC):
    """Turn one day of departures into requests a second: people ask in the hour before they fly.

    Parameters
    ----------
    flights : pandas.DataFrame
        Of one day in New York, with `scheduled_departure`, as from `helpers.flights.load`.
    per_flight : float
        How many requests each departure brings.
    minutes : int, default 60
        Before it, over which they are spread evenly; what falls before midnight is left out.
    step : float, default autoscaling.SYNC
        Seconds of one value.

    Returns
    -------
    numpy.ndarray of float, shape (n_steps,)
        Requests a second, from midnight to midnight; all 0 where there are no flights.

    Raises
    ------
    ValueError
        The flights are of more than one day.
    """
    local = flights["scheduled_departure"].dt.tz_convert(ZONE)
    if local.dt.date.nunique() > 1:
        raise ValueError(f"Flights of {local.dt.date.nunique()} days came; expected one day.")
    departs = ((local.dt.hour * 60 + local.dt.minute) * 60 // step).astype(int).to_numpy()
    counts, spread = np.bincount(departs, minlength=round(DAY / step)), round(60 * minutes / step)
    ahead = np.cumsum(np.concatenate([counts, np.zeros(spread, int)]))
    return (ahead[spread:] - ahead[:-spread]) * per_flight / (60 * minutes)


def morning(rng, *, step=autoscaling.SYNC):
    """Make up three hours of traffic: quiet, a rise, a plateau with a sudden jump in it, and a slow fall.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides when the rise begins, how high it goes, and when the jump comes.
    step : float, default autoscaling.SYNC
        Seconds of one value.

    Returns
    -------
    numpy.ndarray of float, shape (n_steps,)
        Requests a second, 15 to 300.
    """
    minute = np.arange(0, 180, step / 60)
    rise, high = rng.uniform(25, 40), rng.uniform(150, 190)
    rates = np.interp(minute, [0, rise, rise + 25, rise + 80, 180], [20, 20, high, high, 50])
    jump = rng.uniform(rise + 35, rise + 60)
    return rates * np.where((minute >= jump) & (minute < jump + 15), 1.5, 1.0)


def simulate(rates, settings, service, *, startup=30.0, request=1.0, window=60.0, step=autoscaling.SYNC, missing=None, seed=0):
    """Let an autoscaler and its pods live through some traffic.

    Parameters
    ----------
    rates : sequence of float, shape (n_steps,)
        Requests a second in each step.
    settings : helpers.autoscaling.Settings
        Its targets may be of `RATE` and `CPU`. With minimum = maximum the number of pods is fixed.
    service : float or sequence of float
        Seconds of processor time that a request takes; of several, each request draws one at random, such as from a measured
        sample.
    startup : float, default 30.0
        Seconds from the decision until a new pod is ready: image, start, model.
    request : float, default 1.0
        Processors that a pod requests: what `CPU` is a share of. A pod has one to work with.
    window : float, default 60.0
        Seconds over which the metrics are averaged: rates that Prometheus gives are of the past.
    step : float, default autoscaling.SYNC
        Seconds of a step.
    missing : callable, optional
        `missing(name, seconds)` tells whether that metric cannot be had then.
    seed : int, default 0

    Returns
    -------
    Simulated
        A pod that is taken away finishes its queue all the same. There is no limit to a queue, and nobody gives up waiting.

    Raises
    ------
    helpers.autoscaling.AutoscalingError
        A target of a metric that is not known here.
    """
    if unknown := settings.targets.keys() - {RATE, CPU}:
        raise autoscaling.AutoscalingError(f"The metric {min(unknown)!r} is not simulated; expected {RATE} or {CPU}.")
    rng, scaler, service = np.random.default_rng(seed), autoscaling.Autoscaler(settings), np.atleast_1d(service).astype(float)
    fleet, keep = [_Pod(0.0) for _ in range(settings.minimum)], max(1, round(window / step))
    total, able, responses = [], [], []
    for number, rate in enumerate(rates):
        now = number * step
        ready = [pod for pod in fleet if pod.ready_at <= now]
        total.append(len(fleet))
        able.append(len(ready))
        responses.append(_serve(ready, rate, step, service, rng, keep))
        proposals = [_proposal(name, ready, fleet, settings, request, missing, now + step) for name in settings.targets]
        wanted = scaler.step(now + step, len(fleet), autoscaling.largest(len(fleet), proposals))
        fleet = fleet[:wanted] + [_Pod(now + step + startup) for _ in range(wanted - len(fleet))]
    return Simulated(step, np.array(total), np.array(able), responses)


def usd(simulated, usd_hour, per_node):
    """What the machines cost under the pods.

    Parameters
    ----------
    simulated : Simulated
    usd_hour : float
        USD an hour of one machine.
    per_node : int
        Pods that fit on one. Whole machines are paid for, and there are always just as many as the pods need.

    Returns
    -------
    float
        USD.
    """
    return float(np.ceil(simulated.pods / per_node).sum() * simulated.seconds / 3600 * usd_hour)


class _Pod:
    """Work that waits, in seconds, and what its meters said in the last steps."""

    def __init__(self, ready_at):
        self.ready_at, self.backlog, self.said = ready_at, 0.0, collections.deque()


def _serve(ready, rate, step, service, rng, keep):
    """One step: a Lindley recursion for all ready pods at once. Gives the response times in the order of the pods."""
    n = rng.poisson(rate * step)
    pod = np.sort(rng.integers(len(ready), size=n))
    counts = np.bincount(pod, minlength=len(ready))
    row, column = pod, np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    arrives = np.full((len(ready), counts.max() + 1), float(step))  # the last column looks at the end of the step
    arrives[row, column] = rng.uniform(0, step, n)
    arrives.sort(axis=1)
    takes = np.zeros_like(arrives)
    takes[row, column] = service[0] if len(service) == 1 else rng.choice(service, n)
    ahead = np.cumsum(takes, axis=1) - takes - arrives  # work that came before, less the time there was for it
    backlog = np.array([pod.backlog for pod in ready])
    waits = ahead + np.maximum(backlog[:, None], -np.minimum.accumulate(ahead, axis=1))
    worked = backlog + takes.sum(axis=1) - waits[:, -1]
    mean = float(service.mean())
    for each, left, busy in zip(ready, waits[:, -1].tolist(), worked.tolist(), strict=True):
        each.backlog = left
        each.said.append((busy / mean / step, busy / step))
        if len(each.said) > keep:
            each.said.popleft()
    return (waits + takes)[row, column].astype(np.float32)


def _proposal(name, ready, fleet, settings, request, missing, now):
    if missing is not None and missing(name, now):
        return None
    place, unit = (0, 1.0) if name == RATE else (1, request)
    values = [sum(said[place] for said in pod.said) / len(pod.said) / unit for pod in ready]
    tolerances = {"tolerance_up": settings.up.tolerance, "tolerance_down": settings.down.tolerance}
    return autoscaling.desired_replicas(values, settings.targets[name], unready=len(fleet) - len(ready), **tolerances)
