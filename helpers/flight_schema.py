"""What the service takes: a flight as it is known before departure, strictly checked. It agrees with `flights.schema`."""

from typing import (
    Annotated,
    Literal,
    NotRequired,  # pydantic wants this one before Python 3.12
)

import pydantic
from typing_extensions import TypedDict

STRICT = pydantic.ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)  # "45" and true are no numbers
MOST_FLIGHTS = 10_000  # in one request, row by row
MOST_ROWS = 1_000_000  # in one request, column by column

Text2 = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Z0-9]{2}$")]
Text3 = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Z]{3}$")]
Origin = Literal["EWR", "JFK", "LGA"]
Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

BOUNDS = {  # lowest, highest, unit: as in `flights.schema`
    "departure_minute": (0, 1439, "minutes after midnight"),
    "distance": (10, 6000, "miles"),
    "temp": (-20, 120, "°F"),
    "dewp": (-40, 100, "°F"),
    "humid": (0, 100, "%"),
    "wind_dir": (0, 360, "degrees"),
    "wind_speed": (0, 150, "mph"),
    "precip": (0, 10, "inches"),
    "pressure": (900, 1100, "hPa"),
    "visib": (0, 10, "miles"),
}
ALWAYS_KNOWN = ("departure_minute", "distance")  # the weather may be missing: null


def _number(name):
    low, high, unit = BOUNDS[name]
    number = Annotated[float, pydantic.Field(ge=low, le=high, description=unit)]
    return number if name in ALWAYS_KNOWN else number | None


VALUES = {name: _number(name) for name in BOUNDS} | {"carrier": Text2, "origin": Origin, "dest": Text3, "weekday": Weekday}

Flight = pydantic.with_config(STRICT)(TypedDict("Flight", VALUES))  # plain dicts: quicker than objects, and all we need
COLUMN = pydantic.Field(min_length=1, max_length=MOST_ROWS)
Columns = pydantic.with_config(STRICT)(
    TypedDict("Columns", {name: Annotated[list[kind], COLUMN] for name, kind in VALUES.items()})
)

ONE = pydantic.TypeAdapter(Flight)
MANY_FLIGHTS = Annotated[list[Flight], pydantic.Field(min_length=1, max_length=MOST_FLIGHTS)]
MANY = pydantic.TypeAdapter(MANY_FLIGHTS)
COLUMNS = pydantic.TypeAdapter(Columns)


Instances = pydantic.with_config(STRICT)(  # the shape that Vertex AI sends
    TypedDict("Instances", {"instances": MANY_FLIGHTS, "parameters": NotRequired[dict | None]})
)
INSTANCES = pydantic.TypeAdapter(Instances)


class BadFlights(ValueError):
    """A request's body is not as it should be.

    Parameters
    ----------
    problems : list of dict
        Each with `where` (such as "temp" or "3.temp"), `came` (short text) and `problem` (a sentence).
    """

    def __init__(self, problems):
        super().__init__("; ".join(f"{p['where']}: {p['problem']}" for p in problems))
        self.problems = problems


def read_flights(body):
    """Read one flight, or a list of them.

    Parameters
    ----------
    body : bytes
        JSON.

    Returns
    -------
    list of dict
        One or more flights.

    Raises
    ------
    BadFlights
        It is no JSON, a flight does not fit, or there is none. Up to 20 problems are named.
    """
    many = body.lstrip()[:1] == b"["
    found = read(MANY if many else ONE, body)
    return found if many else [found]


def read_columns(body):
    """Read flights column by column.

    Parameters
    ----------
    body : bytes
        JSON: an object of lists, one a feature, all equally long.

    Returns
    -------
    dict of str to list

    Raises
    ------
    BadFlights
        As in `read_flights`, or the columns are of unequal length or empty.
    """
    columns = read(COLUMNS, body)
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        told = f"the columns have {min(sizes.values())} to {max(sizes.values())} values; expected equally many"
        raise BadFlights([{"where": "body", "came": "", "problem": told}])
    return columns


def described(adapter):
    """Describe a shape for an OpenAPI document.

    Parameters
    ----------
    adapter : pydantic.TypeAdapter

    Returns
    -------
    dict
        A JSON schema without references: those of pydantic lead nowhere inside another document.
    """
    schema = adapter.json_schema()
    defined = schema.pop("$defs", {})

    def resolved(node):
        if isinstance(node, list):
            return [resolved(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return resolved(defined[node["$ref"].rpartition("/")[2]])
        return {key: resolved(each) for key, each in node.items()}

    return resolved(schema)


def read(adapter, body):
    """Read a body of any of the shapes here.

    Parameters
    ----------
    adapter : pydantic.TypeAdapter
        `ONE`, `MANY`, `COLUMNS` or `INSTANCES`.
    body : bytes
        JSON.

    Returns
    -------
    dict or list

    Raises
    ------
    BadFlights
        As in `read_flights`.
    """
    try:
        return adapter.validate_json(body)
    except pydantic.ValidationError as error:
        # Never the input itself: NaN in an answer is no JSON, and a large body would come back.
        told = error.errors(include_url=False, include_context=False)[:20]
        raise BadFlights([_problem(each) for each in told]) from None


def _problem(error):
    where = ".".join(map(str, error["loc"])) or "body"
    came = repr(error.get("input"))
    return {"where": where, "came": came if len(came) <= 60 else came[:60] + "…", "problem": error["msg"]}
