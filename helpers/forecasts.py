"""From an uploaded CSV to a report: the forecasts of the good rows, asked of the service, and what was wrong with the others.

    report = forecasts.make("flights.csv", "http://127.0.0.1:8000/")
    report.table, report.problems, report.version

The two apps of lesson 32 show such a report, each in its own way.
"""

from dataclasses import dataclass

import httpx
import numpy as np
import orjson
import pandas as pd

from helpers import flight_schema, uploads

THRESHOLD = 0.25  # from this probability on a flight is called late: as in `modeling`
TIMEOUT = httpx.Timeout(60, connect=5)  # seconds
PROBABILITY, LINE = "probability_late", "line"
INVITATION = f"Upload a CSV of at most {uploads.LARGEST_FILE // uploads.MB} MB with the columns {', '.join(uploads.FEATURES)}."
EARLY_COLOUR, LATE_COLOUR = "#9db4c0", "#c8553d"


class ForecastError(Exception):
    """The service gave no forecast; the message is one sentence for the person who asked."""


TOLD = (uploads.UploadError, ForecastError)  # what an app shows as a sentence


@dataclass(frozen=True)
class Forecast:
    """The service's answer.

    Attributes
    ----------
    version : str
        Of the model that answered.
    late : numpy.ndarray of float, shape (n,)
        Probability of arriving 15 or more minutes late, a flight each, in the order asked.
    """

    version: str
    late: np.ndarray


@dataclass(frozen=True)
class Report:
    """What became of an uploaded file.

    Attributes
    ----------
    version : str
        Of the model; "" where no row was good, so that nothing was asked.
    table : pandas.DataFrame
        A row for each good flight: `line` in the file, `probability_late`, then the columns of the file.
    problems : pandas.DataFrame
        As in `uploads.Checked`.
    """

    version: str
    table: pd.DataFrame
    problems: pd.DataFrame

    def summary(self, threshold=THRESHOLD):
        """Tell the outcome in a sentence or two.

        Parameters
        ----------
        threshold : float, default THRESHOLD

        Returns
        -------
        str
        """
        bad = self.problems["line"].nunique()
        left_out = f" {_count(bad, 'row')} left out, see below." if bad else ""
        if self.table.empty:
            return f"No row can be forecast.{left_out}"
        late = int((self.table[PROBABILITY] >= threshold).sum())
        told = f"{_count(len(self.table), 'flight')} forecast by model version {self.version}; {late:,} called late."
        return told + left_out


def ask(flights, api_url):
    """Ask the service for forecasts, all in one request.

    Parameters
    ----------
    flights : pandas.DataFrame
        The features as in `uploads.Checked.good`; at least one row.
    api_url : str
        Of the service, such as `api.local_url`.

    Returns
    -------
    Forecast

    Raises
    ------
    ForecastError
        The service is not there, too slow, has no model, or refuses the flights.
    """
    columns = {name: np.ascontiguousarray(flights[name]) if kind else flights[name].tolist() for name, kind in _KINDS.items()}
    body = orjson.dumps(columns, option=orjson.OPT_SERIALIZE_NUMPY)  # it writes NaN as null
    try:
        answer = httpx.post(f"{api_url.rstrip('/')}/predict/columns", content=body, timeout=TIMEOUT, trust_env=False)
    except httpx.TimeoutException:
        raise ForecastError(f"The flight API at {api_url} did not answer in time: try again, or a smaller file.") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise ForecastError(f"The flight API does not answer at {api_url}: start it, or correct FLIGHT_API.") from None
    return _read(answer, len(flights), api_url)


_KINDS = {name: name in flight_schema.BOUNDS for name in flight_schema.VALUES}  # True: a number


def make(file, api_url):
    """Read an uploaded file, check it, and have the good rows forecast.

    Parameters
    ----------
    file : path-like, bytes or binary file
    api_url : str

    Returns
    -------
    Report
        Columns of the file that are called as the report's own, `line` and `probability_late`, are replaced.

    Raises
    ------
    helpers.uploads.UploadError
        The file cannot be used.
    ForecastError
        As in `ask`.
    """
    upload = uploads.read(file)
    checked = uploads.check(upload)
    good = checked.good
    forecast = ask(good, api_url) if len(good) else Forecast("", np.empty(0))
    others = upload.table.loc[good.index].drop(columns=[*uploads.FEATURES, PROBABILITY, LINE], errors="ignore")
    table = pd.concat([good, others], axis=1)
    table.insert(0, LINE, good.index)
    table.insert(1, PROBABILITY, forecast.late.round(4))
    return Report(forecast.version, table.reset_index(drop=True), checked.problems)


def figure(late, threshold=THRESHOLD):
    """Draw how the probabilities are spread, with the threshold.

    Parameters
    ----------
    late : array-like of float
        Probabilities, 0 to 1; may be empty.
    threshold : float, default THRESHOLD

    Returns
    -------
    matplotlib.figure.Figure
        Of its own, not of pyplot: an app makes many, at once.
    """
    from matplotlib.figure import Figure

    late = np.asarray(late, dtype=float)
    called = late >= threshold
    drawn = Figure(figsize=(7, 3.4), layout="constrained")
    axes = drawn.subplots()
    axes.hist([late[~called], late[called]], bins=np.linspace(0, 1, 41), stacked=True, color=[EARLY_COLOUR, LATE_COLOUR])
    axes.axvline(threshold, color="black", linestyle="--", linewidth=1.2)
    side = ("right", -6) if threshold > 0.6 else ("left", 6)
    axes.annotate(
        f"threshold {threshold:.2f}", (threshold, 0.94), xycoords=("data", "axes fraction"), xytext=(side[1], 0),
        textcoords="offset points", ha=side[0], va="top",
    )  # fmt: skip
    axes.set(xlim=(0, 1), xlabel="probability of arriving 15 or more minutes late", ylabel="flights")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"{called.sum():,} of {_count(len(late), 'flight')} called late", loc="left")
    return drawn


def _read(answer, wanted, api_url):
    try:
        told = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        told = None
    told = told if isinstance(told, dict) else {}
    if answer.status_code == 503:
        raise ForecastError("The flight API runs and has no model yet: wait a moment and try again, or look at its /healthcheck.")
    if answer.status_code != 200:
        why = _problems(told) or answer.reason_phrase
        raise ForecastError(f"The flight API refuses the flights with {answer.status_code} ({why}).")
    if len(told.get("late", [])) != wanted:
        raise ForecastError(f"What answers at {api_url} is not the flight API: correct FLIGHT_API.")
    return Forecast(str(told.get("version", "")), np.array(told["late"], dtype=float))


def _problems(told):
    try:
        return "; ".join(f"{each['where']}: {each['problem']}" for each in told["problems"][:3])
    except (KeyError, TypeError):  # it is not the service that answers
        return ""


def _count(number, name):
    return f"{number:,} {name}{'' if number == 1 else 's'}"
