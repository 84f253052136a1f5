"""What capstone.toml says, and where things are."""

import os
import sys
import tomllib
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OUT = ROOT / "out"  # what the last training made
SERVED = Path(os.environ.get("SERVED_FOLDER") or ROOT / "served").resolve()  # what the service answers with
HOST = "127.0.0.1"  # where the parts find each other
LISTEN = os.environ.get("LISTEN_HOST") or HOST  # 0.0.0.0 in a container: 127.0.0.1 would be the container itself
NEEDED = {
    "project": "name tracker",
    "data": "file time target",
    "training": "test_share steps learning_rate leaves seed margin",
    "drift": "window at_least false_alarm",
}


class ProjectError(Exception):
    """Something is not as it should be; the message is one line for whoever runs the project."""


def load(file=ROOT / "capstone.toml"):
    """Read the settings.

    Parameters
    ----------
    file : pathlib.Path, optional

    Returns
    -------
    dict

    Raises
    ------
    ProjectError
        There is no such file, it is no TOML, or a setting that the code needs is absent.
    """
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{file.name} cannot be read: {error}.") from None
    for section, names in NEEDED.items():
        for name in names.split():
            if name not in settings.get(section, {}):
                raise ProjectError(f"{file.name} lacks `{name}` in [{section}].")
    return settings


def port(name, default):
    """A port from the environment, such as SERVICE_PORT.

    Parameters
    ----------
    name : str
    default : int

    Returns
    -------
    int
    """
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ProjectError(f"{name} is {text!r}; expected a port, such as {default}.")
    return int(text)


def pinned(names):
    """The lines of requirements.txt for some packages.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    list of str
        Such as "numpy==2.4.6"; what is not in the file is left out.
    """
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.partition("==")[0] in names]


def command(main, *arguments):
    """Run a command: what is wrong is told in one line, with exit code 1.

    Parameters
    ----------
    main : callable
    *arguments : object
    """
    try:
        main(*arguments)
    except ProjectError as error:
        sys.exit(str(error))
    except NotImplementedError as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        sys.exit(f"{Path(where.filename).name}: `{where.name}` is not written yet.")
