"""`python -m helpers capstone check FOLDER`."""

import sys
import time
from pathlib import Path

from helpers.course.capstone import check, report


def main(folder, to, seconds):
    """Check a project, say what came of it, and write the report.

    Parameters
    ----------
    folder : str
    to : str
        Where the report goes.
    seconds : float

    Returns
    -------
    int
        0 where all points were given that can be given here, else 1.
    """
    begun = time.monotonic()
    sheet = check.check(
        folder, seconds=seconds, say=lambda text: print(f"{time.monotonic() - begun:5.0f} s  {text}", file=sys.stderr, flush=True)
    )
    took = time.monotonic() - begun
    page = report.write(sheet, Path(folder).absolute().name, took, to)
    print(report.as_text(sheet))
    print(f"In {took:.0f} s. The report: {page}")
    points, of = sheet.total()
    return 0 if of and points == of else 1
