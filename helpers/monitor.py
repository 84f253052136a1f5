"""A monitor beside the service: it reads the log of predictions and tells Prometheus what it finds.

    quiet.assign(probability=p).to_parquet("quiet.parquet")         # flights with outcomes that the model had not seen
    with monitor.start("predictions.db", "quiet.parquet") as watch:  # its page is watch.local_url + "metrics"
        ...

For a window, the predictions logged last, it says how far each input has moved and how far it may, which inputs are not fit
to be used, and how well the model did where outcomes are known. What cannot be told has no number; `drift_unknown` then says
so, and an alert rule can ask for it. It decides nothing: the limits are numbers too, and the rules compare.
"""

import argparse
import collections
import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import data_quality, decay, drift, flights, logged, prediction_log, services

WINDOW = 2_000  # predictions
WEEKS = 4  # at least so many quiet weeks, or their largest says little
ZONE = "America/New_York"

Sample = collections.namedtuple("Sample", "name labels value")  # of a metric: str, dict of str to str, float

__all__ = ["Baseline", "Sample", "baseline", "main", "measure", "start"]


@dataclasses.dataclass(frozen=True)
class Baseline:
    """How things were in a quiet time.

    Parameters
    ----------
    reference : helpers.drift.Reference
    limits : dict of str to float
        By input, the largest effect that is still called quiet.
    expected : dict of str to helpers.data_quality.Expected
        By input: the ranges of the schema, and the share of missing values that quiet weeks had.
    scores : dict of str to float
        The worst that each score was in a quiet week; of `calibration_gap` the farthest from 0.
    """

    reference: drift.Reference
    limits: dict
    expected: dict
    scores: dict


def baseline(quiet, probability, *, window=WINDOW, slack=2.5, seed=0):
    """Learn from quiet weeks how far things move when nothing is wrong.

    Flights of one day share their weather, so a week differs from a quarter by far more than chance allows for rows drawn one
    by one. Each week is therefore left out and compared with the others. The limit lies beyond the largest effect seen: its odds,
    effect / (1 - effect), are `slack` times as large, so that it stays under 1 and a complete change is always over it.
    Of each score the worst week is kept.

    Parameters
    ----------
    quiet : pandas.DataFrame
        As from `helpers.flights.load`, without a flaw; at least `WEEKS` weeks. Flights without an outcome stay in.
    probability : array-like of float, shape (n,)
        What the model says of each. If it was trained on these flights, its scores look better than they will be.
    window : int, default WINDOW
        The largest number of flights of a week that is looked at, because a small window moves more.
    slack : float, default 2.5
        At least 1. Of the twelve whole weeks of January to March, each held against the limits of the others, seven raise an
        alarm in some column with 1, two with 2, none with 2.5.
    seed : int or numpy.random.Generator, default 0
        For the flights drawn from each week.

    Returns
    -------
    Baseline

    Raises
    ------
    ValueError
        Too few weeks, or `slack` is under 1; or as in `decay.scores`.
    """
    if not slack >= 1:
        raise ValueError(f"slack is {slack!r}; expected 1 or more.")
    day = quiet["scheduled_departure"].dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()
    week = ((day - day.min()).dt.days // 7).to_numpy()
    whole = [number for number in np.unique(week) if day[week == number].nunique() == 7]
    if len(whole) < WEEKS:
        raise ValueError(f"There are {len(whole)} whole weeks; expected at least {WEEKS}: take more quiet flights.")
    rng = np.random.default_rng(seed)
    effects, missing = [], []
    for number in whole:
        there = quiet[week == number]
        found = drift.compare(
            there.sample(min(window, len(there)), random_state=rng), drift.reference(quiet[week != number])
        ).set_index("column")
        effects.append(found["effect"])
        missing.append(found["missing"])
    most, gone = pd.concat(effects, axis=1).max(axis=1), pd.concat(missing, axis=1).max(axis=1)
    schema = data_quality.expect_schema(flights.schema())
    expected = {name: dataclasses.replace(schema[name], null_share=_beyond(gone[name], slack)) for name in flights.FEATURES}
    limits = {name: _beyond(effect, slack) for name, effect in most.items()}
    scores = _worst(quiet[np.isin(week, whole)], np.asarray(probability, dtype=float)[np.isin(week, whole)])
    return Baseline(drift.reference(quiet), limits, expected, scores)


def _worst(quiet, probability):
    """Of each score the worst week: with weather as it is, an interval of one week says too little about the next."""
    before = dict.fromkeys(decay.BETTER, 0.0)
    weeks = decay.by_window(quiet["scheduled_departure"].dt.tz_convert(ZONE), quiet["late"], probability, before)
    values = weeks[weeks["verdict"] != "unknown"].groupby("score")["value"]
    if values.ngroups < len(before):
        raise ValueError("No quiet week has enough outcomes of either kind: take more quiet flights.")
    worst = {1: values.min(), -1: values.max(), 0: values.apply(lambda gaps: gaps[gaps.abs().idxmax()])}
    return {name: float(worst[sign][name]) for name, sign in decay.BETTER.items()}


def _beyond(share, slack):
    return float(share * slack / (1 - share + share * slack))


def measure(rows, baseline, *, now):
    """Turn a window of predictions into numbers for Prometheus.

    Parameters
    ----------
    rows : pandas.DataFrame
        As from `helpers.logged.read`. With none, every input is unknown.
    baseline : Baseline
    now : float
        Seconds since 1970: when this is done.

    Returns
    -------
    list of Sample
        `monitor_window_predictions`, `monitor_last_success_seconds`; of a window that is not empty
        `monitor_labelled_share`, `monitor_newest_prediction_seconds`, `predicted_late_share` and, with any outcome,
        `actual_late_share`. By `column`: `drift_effect` where it could be told, `drift_limit`, and `drift_unknown` (1 or 0).
        `data_wrong_share` by `column` and `what`, for whatever is wrong. `model_score`, `model_score_low`,
        `model_score_high` and `model_score_before` (its worst quiet week) by `score`, if enough outcomes are known (see
        `decay.by_window`).
    """
    inputs = rows.drop(columns=[name for name in logged.OWN if name in rows.columns])
    samples = [
        Sample("monitor_window_predictions", {}, float(len(rows))),
        Sample("monitor_last_success_seconds", {}, float(now)),
        *_drift(inputs, baseline),
    ]
    if len(rows):
        samples += [*_shares(rows), *_quality(inputs, baseline), *_scores(rows, baseline)]
    return samples


def _drift(inputs, baseline):
    found = drift.compare(inputs, baseline.reference)
    for column, effect in zip(found["column"], found["effect"], strict=True):
        if not np.isnan(effect):
            yield Sample("drift_effect", {"column": column}, float(effect))
        yield Sample("drift_limit", {"column": column}, float(baseline.limits[column]))
        yield Sample("drift_unknown", {"column": column}, float(np.isnan(effect)))


def _shares(rows):
    known = rows["outcome"].dropna()
    yield Sample("monitor_newest_prediction_seconds", {}, rows["at"].max().timestamp())
    yield Sample("monitor_labelled_share", {}, len(known) / len(rows))
    yield Sample("predicted_late_share", {}, float(rows["late"].mean()))
    if len(known):
        yield Sample("actual_late_share", {}, float(known.astype(bool).mean()))


def _quality(inputs, baseline):
    for finding in data_quality.inspect(inputs, baseline.expected, keys=()):
        yield Sample("data_wrong_share", {"column": finding.column, "what": finding.what}, finding.count / len(inputs))


def _scores(rows, baseline):
    window = pd.Series(rows["at"].max(), index=rows.index)  # one window, however many days it spans
    for row in decay.by_window(window, rows["outcome"], rows["late"], baseline.scores).itertuples():
        if row.verdict != "unknown":
            for name, value in (("", row.value), ("_low", row.low), ("_high", row.high), ("_before", row.before)):
                yield Sample(f"model_score{name}", {"score": row.score}, float(value))


def start(log, quiet, *, window=WINDOW, every=0.5, port=None):
    """Start the monitor in the background.

    Parameters
    ----------
    log : path-like
        Of a service that was started with it. As long as it is absent there are no numbers.
    quiet : path-like
        A Parquet file: flights of a quiet time with their outcomes, and in the column `probability` what the model says.
    window : int, default WINDOW
        How many predictions, those logged last, are looked at.
    every : float, default 0.5
        Seconds between two looks.
    port : int, optional
        A free one by default.

    Returns
    -------
    helpers.services.Service
        Its page `/metrics` is there.

    Raises
    ------
    helpers.services.ServiceError
        It did not start; its log says why.
    """
    command = [sys.executable, "-m", "helpers.monitor", "--log", str(log), "--quiet", str(quiet)]
    command += ["--window", str(window), "--every", str(every), "--port", "{port}"]
    return services.start("Monitor", command, ready="/metrics", port=port, timeout=60)


class _Page:
    """What prometheus_client asks for the newest samples."""

    def __init__(self):
        self.samples = []

    def collect(self):
        from prometheus_client.core import GaugeMetricFamily

        families = {}
        for name, labels, value in self.samples:
            family = families.setdefault(name, GaugeMetricFamily(name, "See helpers.monitor.measure.", labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        return families.values()


def main(arguments=None):
    """Run the monitor: `python -m helpers.monitor --log FILE --quiet FILE --port N`.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.monitor", description="Watch a log of predictions.")
    parser.add_argument("--log", required=True, metavar="FILE", help="of the service")
    parser.add_argument("--quiet", required=True, metavar="FILE", help="Parquet: flights of a quiet time, with probability")
    parser.add_argument("--window", type=int, default=WINDOW, help="predictions")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two looks")
    parser.add_argument("--port", type=int, default=9100)
    options = parser.parse_args(arguments)
    if options.window < 1 or not options.every > 0:
        parser.error("--window is 1 or more, --every more than 0")
    try:
        table = pd.read_parquet(Path(options.quiet))
        before = baseline(table, table["probability"], window=options.window)
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"--quiet {options.quiet} cannot be used: {error}")
    _watch(options, before)


def _watch(options, before):
    import prometheus_client

    page, registry, problem = _Page(), prometheus_client.CollectorRegistry(), ""
    registry.register(page)
    try:
        prometheus_client.start_http_server(options.port, services.LOOPBACK, registry)
    except OSError as error:
        sys.exit(f"Port {options.port} cannot be used: {error.strerror}.")
    while True:
        try:
            page.samples = measure(logged.read(options.log, last=options.window), before, now=time.time())
            problem = ""
        except prediction_log.LogError as error:  # the old numbers stay, and their time tells how old they are
            if str(error) != problem:
                print(f"No new numbers: {error}", flush=True)
            problem = str(error)
        time.sleep(options.every)


if __name__ == "__main__":
    main()
