"""`python -m helpers capstone check FOLDER`."""

import math
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
        0 where all points were given that can be given here, else 1; also 1 where the report cannot be written, which is told
        after what it says.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        print(f"--seconds is {seconds:g}; expected a number above 0, such as {check.SECONDS}.", file=sys.stderr)
        return 1
    begun = time.monotonic()
    sheet = check.check(
        folder, seconds=seconds, say=lambda text: print(f"{time.monotonic() - begun:5.0f} s  {text}", file=sys.stderr, flush=True)
    )
    took = time.monotonic() - begun
    _show(report.as_text(sheet))
    try:
        page = report.write(sheet, Path(folder).absolute().name, took, to)
    except OSError as error:
        print(f"The report cannot be written into {to} ({error.strerror}): name another folder with --to.", file=sys.stderr)
        return 1
    _show(f"In {took:.0f} s. The report: {page}")
    points, of = sheet.total()
    return 0 if of and points == of else 1


def _show(text):
    """A terminal that lacks a letter shows its escape."""
    known = sys.stdout.encoding or "utf-8"
    print(text.encode(known, "backslashreplace").decode(known))
