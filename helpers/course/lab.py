"""Opens JupyterLab the way the workbook wants it: at the first page, with no pop-ups."""

import os
import subprocess
import sys

from helpers.course import install

FIRST_PAGE = "notebooks/00_start_here.ipynb"
SETTINGS = install.ROOT / "helpers" / "course" / "jupyter"  # for the server and for JupyterLab; hidden files may be opened


def open_lab(arguments):
    """Run JupyterLab until it is stopped.

    Parameters
    ----------
    arguments : list of str
        Passed on to `jupyter lab`, such as `--no-browser` or `--port=8890`.

    Returns
    -------
    int
        JupyterLab's exit code.
    """
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={install.ROOT}",
        f"--LabApp.default_url=/lab/tree/{FIRST_PAGE}",
    ]
    return subprocess.run([*command, *arguments], env=environment(), check=False).returncode


def environment():
    """The environment variables with which JupyterLab finds the workbook's settings.

    Returns
    -------
    dict of str to str
        Those of this process, `JUPYTER_CONFIG_PATH` extended.
    """
    before = os.environ.get("JUPYTER_CONFIG_PATH")
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join([str(SETTINGS), *([before] if before else [])])}
