"""Makes `requirements.lock`, the locks of the extras and `environment.yml` from pyproject.toml."""

import subprocess
import sys
import tomllib

from helpers.course import extras, install

ENVIRONMENT = install.ROOT / "environment.yml"
BINDER_ENVIRONMENT = install.ROOT / "binder" / "environment.yml"  # Binder reads only its own folder
PYTHON = "3.11"  # of conda and Binder: the oldest that the workbook supports


class LockError(Exception):
    """The lock could not be made; the message says why."""


def make_lock(*, upgrade=False):
    """Pin every package, for every platform and Python, with hashes; then write the same pins for conda.

    Parameters
    ----------
    upgrade : bool, default False
        Take newer versions; otherwise only what pyproject.toml forces is changed.

    Raises
    ------
    LockError
        No set of versions fits together, or the package index was not reached. That lock stays as it was.
    """
    project = install.ROOT / "pyproject.toml"
    _compile(install.LOCK, [str(project), "--extra", "dev"], upgrade)
    asked = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for name in extras.EXTRAS:
        _compile(extras.LOCKS / f"{name}.lock", ["-"], upgrade, "\n".join(asked[name]))
    ENVIRONMENT.write_text(environment_yml(install.pins(), ["--editable ."]), encoding="utf-8", newline="\n")
    BINDER_ENVIRONMENT.write_text(environment_yml(install.pins()), encoding="utf-8", newline="\n")


def _compile(lock, wanted, upgrade, text=None):
    """Pin what is wanted, on the command line or as text; uv keeps the versions that it finds in the file."""
    part = lock.with_suffix(".part")
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--fork-strategy",
        "fewest",  # one version of numpy for everyone, so that outputs can be compared
        "--python-version",
        PYTHON,
        *wanted,
        "--output-file",
        str(part),
        *["--upgrade"] * upgrade,
    ]
    try:
        if lock.exists():
            part.write_bytes(lock.read_bytes())
        if subprocess.run(command, input=text, text=True, stdout=subprocess.DEVNULL, check=False).returncode:
            raise LockError(f"uv found no set of versions for {lock.name} (see above). It was not changed.")
        part.replace(lock)
    finally:
        part.unlink(missing_ok=True)


def environment_yml(pins, more=()):
    """Write the pins as conda reads them.

    Parameters
    ----------
    pins : list of (str, str, str)
        As from `helpers.course.install.pins`.
    more : iterable of str
        Further lines for pip.

    Returns
    -------
    str
        YAML. Everything but Python and pip comes from PyPI, in the very versions of the lock.
    """
    lines = [f"{name}=={version}" + (f" ; {marker}" if marker else "") for name, version, marker in pins]
    quoted = [f'      - "{line}"' if ";" in line else f"      - {line}" for line in [*lines, *more]]
    head = [
        "# Made by `make lock`, from requirements.lock: do not edit.",
        "name: flight-delay-workbook",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        f"  - python={PYTHON}",
        "  - pip",
        "  - pip:",
    ]
    return "\n".join([*head, *quoted, ""])
