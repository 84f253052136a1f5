"""What Amazon's and Google's clouds ask of a container that serves a model: its port, its paths, the shape of its answers.

Sources: "Use your own inference code with hosting services" in the Amazon SageMaker AI developer guide; "Custom container
requirements for inference" in the Vertex AI documentation.
"""

from dataclasses import dataclass

from helpers import flight_schema

EVERYWHERE = "0.0.0.0"  # inside a container, whose door the platform guards


class CloudError(ValueError):
    """The platform's variables do not fit together; the message says which."""


@dataclass(frozen=True)
class Contract:
    """What a platform asks for.

    Attributes
    ----------
    host : str
    port : int
    folder : str or None
        Where the model lies, None where the platform does not say.
    """

    host: str
    port: int
    folder: str | None = None


def contract(words, environ):
    """Find out which platform has started this container.

    Parameters
    ----------
    words : list of str
        What stands on the command line: SageMaker starts every container with the word `serve`.
    environ : mapping of str to str
        Vertex AI sets `AIP_HTTP_PORT`, `AIP_HEALTH_ROUTE`, `AIP_PREDICT_ROUTE` and `AIP_STORAGE_URI`.

    Returns
    -------
    Contract or None
        None on a machine of one's own.

    Raises
    ------
    CloudError
        A port is no number.
    """
    if "AIP_HTTP_PORT" in environ:
        where = environ.get("AIP_STORAGE_URI", "")
        return Contract(EVERYWHERE, _port("AIP_HTTP_PORT", environ), None if "://" in where else where or None)
    if "serve" in words:
        return Contract(EVERYWHERE, _port("SAGEMAKER_BIND_TO_PORT", environ, "8080"), "/opt/ml/model")
    return None


def vertex_routes(environ):
    """Which paths Vertex AI asks for.

    Parameters
    ----------
    environ : mapping of str to str

    Returns
    -------
    health, predict : str or None
        Both None outside Vertex AI.

    Raises
    ------
    CloudError
        One is there without the other, or does not begin with `/`.
    """
    health, predict = environ.get("AIP_HEALTH_ROUTE"), environ.get("AIP_PREDICT_ROUTE")
    if (health is None) != (predict is None) or not all(path is None or path.startswith("/") for path in (health, predict)):
        told = f"AIP_HEALTH_ROUTE is {health!r} and AIP_PREDICT_ROUTE is {predict!r}"
        raise CloudError(f"{told}; expected two paths, such as '/health' and '/predict'.")
    return health, predict


def read_instances(body):
    """Read a request in Vertex AI's shape.

    Parameters
    ----------
    body : bytes
        JSON: `{"instances": [flight, …]}`; `parameters` beside it are left alone.

    Returns
    -------
    list of dict
        The flights.

    Raises
    ------
    helpers.flight_schema.BadFlights
        As in `helpers.flight_schema.read_flights`.
    """
    return flight_schema.read(flight_schema.INSTANCES, body)["instances"]


def predictions(content):
    """Put an answer into Vertex AI's shape.

    Parameters
    ----------
    content : dict
        With `version` and `late`.

    Returns
    -------
    dict
        `predictions`, one for each instance; each names the version, since Vertex AI passes on nothing else.
    """
    return {"predictions": [{"late": late, "version": content["version"]} for late in content["late"]]}


def _port(name, environ, default=None):
    text = environ.get(name, default)
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise CloudError(f"{name} is {text!r}; expected a port, 1 to 65535.")
    return int(text)
