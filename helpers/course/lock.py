"""Makes `requirements.lock` and `environment.yml` from pyproject.toml."""

import subprocess
import sys

from helpers.course import install

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
        No set of versions fits together, or the package index was not reached. All files stay as they were.
    """
    # The temporary result starts as a copy of the lock: uv keeps the versions that it finds there.
    part = install.LOCK.with_suffix(".part")
    try:
        if install.LOCK.exists():
            part.write_bytes(install.LOCK.read_bytes())
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
            "--extra",
            "dev",
            str(install.ROOT / "pyproject.toml"),
            "--output-file",
            str(part),
        ]
        if subprocess.run(command + ["--upgrade"] * upgrade, stdout=subprocess.DEVNULL, check=False).returncode:
            raise LockError("uv found no set of versions (see above). Nothing was changed.")
        part.replace(install.LOCK)
    finally:
        part.unlink(missing_ok=True)
    ENVIRONMENT.write_text(environment_yml(install.pins(), ["--editable ."]), encoding="utf-8", newline="\n")
    BINDER_ENVIRONMENT.write_text(environment_yml(install.pins()), encoding="utf-8", newline="\n")


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
