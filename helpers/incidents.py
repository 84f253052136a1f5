"""The incident room: a month of production in which one thing may have gone wrong, to be found with the usual tools.

    room = incidents.incident(7)
    room.dashboard()                                   # the month in panels
    room.rows()                                        # the log of predictions, with outcomes as far as they came
    room.query('drift_effect > drift_limit')           # PromQL over the month
    debrief = room.answer("label delay", since="2014-01-20", severity="low", action="chase the labels")

Any seed makes another month. Everything in it is simulated on real flights, and can be solved with what the room gives.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import orjson
import pandas as pd

from helpers import (
    alert_rules,
    alerting,
    incident_faults,
    incident_metrics,
    incident_scores,
    incident_world,
    logged,
    monitor,
    promql,
    replay,
)
from helpers.flights import FEATURES
from helpers.prediction_file import connect, transaction

__all__ = ["ACTIONS", "FAULTS", "SEVERITIES", "Room", "baseline", "incident"]
FAULTS, ACTIONS, SEVERITIES = incident_faults.FAULTS, incident_scores.ACTIONS, incident_scores.SEVERITIES


def incident(seed):
    """Begin a drill: a month with one hidden fault, or none.

    Parameters
    ----------
    seed : int
        0 or more: each makes another month; the same one, the same.

    Returns
    -------
    Room

    Raises
    ------
    ValueError
        The seed is no whole number from 0 on.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed is {seed!r}; expected a whole number from 0 on, such as 7.")
    return Room(int(seed))


def baseline():
    """Give the eight quiet weeks before the month.

    Returns
    -------
    pandas.DataFrame
        A row a flight: the features, `scheduled_departure`, `probability` (the champion's) and `late` (what came of it).
    """
    return incident_world.world().quiet.copy()


class Room:
    """What the people on call have: log, metrics, dashboard, and the service's own log of refusals.

    Parameters
    ----------
    seed : int
        As for `incident`.
    """

    def __init__(self, seed):
        self.seed, self._folder = seed, tempfile.TemporaryDirectory(prefix="incident-", ignore_cleanup_errors=True)
        self.log = Path(self._folder.name) / "predictions.db"
        rows, refusals, latency = incident_world.month(incident_faults.plan(seed))
        answered = rows[~rows["refused"]]
        _write(self.log, answered, np.random.default_rng([seed, 54, 3]))
        self._service = incident_metrics.of_service(answered, refusals, latency)
        at = pd.to_datetime(refusals["at"], unit="s", utc=True)
        self.refusals = refusals.drop(columns="request").assign(at=at, day=_date(at))
        self._monitor = self._blocks = None

    def __repr__(self):
        return f"Incident {self.seed}: 30 days from 6 January 2014; the log is {self.log.name}"

    def rows(self):
        """Read the whole log.

        Returns
        -------
        pandas.DataFrame
            As from `helpers.logged.read`, and `day`, the date in New York. A flight is asked about two hours before it leaves.
        """
        rows = logged.read(self.log)
        return rows.assign(day=_date(rows["at"]))

    @property
    def service(self):
        """The service's own metrics at the end of each day: counters, so take `.diff()` for what a day brought."""
        return self._service.copy()

    @property
    def metrics(self):
        """All metrics at the end of each day, those of the monitor too, which looks at the last 7 days."""
        if self._monitor is None:
            self._monitor = incident_metrics.of_monitor(logged.read(self.log), _quiet_numbers())
        return self._service.join(self._monitor)

    def series(self):
        """Give the metrics as `helpers.rule_evaluator` takes them.

        Returns
        -------
        dict of str to (times, values)
            Times in seconds since 1970.
        """
        given = {name: column.dropna() for name, column in self.metrics.items()}
        return {name: ([end.timestamp() for end in each.index], each.tolist()) for name, each in given.items()}

    def query(self, expression):
        """Ask in PromQL, once for each day of the month; see `helpers.promql` for the part of it that is known here.

        Parameters
        ----------
        expression : str
            Such as `drift_effect > drift_limit`; the increase of a day is `increase(requests_total[1d])`.

        Returns
        -------
        pandas.DataFrame
            A row a day, a column a series that is there on any day; missing where it is not.

        Raises
        ------
        helpers.promql.QueryError
            The expression is wrong or outside what is known.
        """
        ask, store = promql.parse(expression), promql.read_series(self.series())
        found = [ask(store, round(1000 * end.timestamp())) for end in incident_metrics.times()]
        table = pd.DataFrame([{_told(key): value for key, value in each.items()} for each in found])
        return table.set_axis(self._days(), axis=0)

    def prometheus(self, rules=()):
        """Start the real Prometheus with the month in it.

        Parameters
        ----------
        rules : path-like, dict, or list of these, optional
            Rule files.

        Returns
        -------
        helpers.services.Service

        Raises
        ------
        helpers.alerting.AlertingError
            Prometheus is not installed; the message is the command that installs it.
        """
        if self._blocks is None:
            text = Path(self._folder.name) / "month.txt"
            text.write_text(incident_metrics.openmetrics(self.metrics), encoding="utf-8", newline="\n")
            folder = Path(self._folder.name) / "blocks"
            command = [alert_rules.program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder)]
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                raise alerting.AlertingError(f"promtool refused the month: {(made.stderr or made.stdout).strip()}")
            self._blocks = folder
        return alerting.prometheus({}, rules, history=self._blocks, name="Prometheus of the incident room")

    def dashboard(self, debrief=None):
        """Draw the month in six panels.

        Parameters
        ----------
        debrief : helpers.incident_scores.Debrief, optional
            With it, the day on which it truly began is marked.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from helpers import incident_pictures

        return incident_pictures.dashboard(self.metrics, self._days(), since=debrief and debrief.truth["since"])

    def answer(self, what, since=None, severity="none", action="nothing"):
        """Say what you found, and be told the truth.

        Parameters
        ----------
        what : str
            One of `FAULTS`.
        since : date, str or int, optional
            The first day of it: a date such as "2014-01-20", or its number, 1 to 30. None with "none".
        severity : str, default "none"
            One of `SEVERITIES`. "high": more than a tenth of the requests refused, or an AUC that is lower by more than 0.05,
            since it began. "low": something is wrong, but neither of these.
        action : str, default "nothing"
            One of `ACTIONS`.

        Returns
        -------
        helpers.incident_scores.Debrief

        Raises
        ------
        ValueError
            A word is not one of those, or the day is none of the month.
        """
        return incident_scores.debrief(self.seed, what, since, severity, action)

    def _days(self):
        return pd.Index(
            [(incident_world.FIRST + pd.Timedelta(days=day)).date() for day in range(incident_faults.DAYS)], name="day"
        )


def _date(at):
    return at.dt.tz_convert(replay.ZONE).dt.date


_NUMBERS = []


def _quiet_numbers():
    """The monitor's baseline, made once."""
    if not _NUMBERS:
        quiet = incident_world.world().quiet
        _NUMBERS.append(monitor.baseline(quiet, quiet["probability"]))
    return _NUMBERS[0]


def _told(key):
    key = dict(key)
    name = key.pop("__name__", "")
    labels = ", ".join(f"{label}={value}" for label, value in key.items())
    return f"{name}{{{labels}}}" if name and labels else name or labels or "value"


def _write(file, rows, rng):
    """Make the log that the service would have written, at once: a request a flight."""
    at, salt = rows["at"].tolist(), rng.bytes(10 * len(rows)).hex()
    ids = [f"{int(1000 * when):012x}{salt[20 * i : 20 * i + 20]}" for i, when in enumerate(at)]
    flights = [orjson.dumps(each).decode() for each in rows[list(FEATURES)].to_dict("records")]
    predictions = zip(ids, at, rows["version"].tolist(), rows["late"].tolist(), flights, strict=True)
    known = zip(ids, rows["outcome"].tolist(), rows["known_at"].tolist(), strict=True)
    now = incident_world.end_of(incident_faults.DAYS - 1)
    outcomes = [(request, int(late), when, "arrivals") for request, late, when in known if when <= now]
    connection = connect(file, make=True)
    with transaction(connection):
        connection.executemany(
            "INSERT INTO predictions (request_id, row, at, version, late, inputs) VALUES (?, 0, ?, ?, ?, ?)", predictions
        )
        connection.executemany("INSERT INTO outcomes (request_id, row, late, at, who) VALUES (?, 0, ?, ?, ?)", outcomes)
    connection.close()
