"""The page behind the tile "Your progress": the picture of the workbook's progress, kept up to date as it stands open."""

import html
import json
import subprocess
import sys
from pathlib import Path

import jinja2
import markupsafe

from helpers.course import progress, progress_picture
from helpers.course.verdict import PASSED

FOLDER = Path(__file__).parent / "jupyter"


class Front:
    """Draws the progress as it is when asked.

    Parameters
    ----------
    lessons : dict of str to dict of str to str, optional
        As `progress_picture.picture` takes them; by default they are read when they are needed, once.
    """

    def __init__(self, lessons=None):
        self._lessons = lessons

    def page(self):
        """The page.

        Returns
        -------
        str
            HTML. It asks for `picture` every few seconds.
        """
        template = jinja2.Environment(autoescape=True).from_string((FOLDER / "progress.html").read_text(encoding="utf-8"))
        return template.render(style=style(), picture=markupsafe.Markup(self.picture()))

    def picture(self):
        """What the page shows.

        Returns
        -------
        str
            HTML: one sentence and the picture.
        """
        if self._lessons is None:
            self._lessons = _read_lessons()
        known = progress.read()
        ids = [question for questions in self._lessons.values() for question in questions]
        passed = sum(known.questions.get(question, {}).get("best") == PASSED for question in ids)
        told = html.escape(f"{passed} of {len(ids)} questions passed.")
        return f"<p role='status'>{told}</p>\n{progress_picture.picture(known, self._lessons)._repr_html_()}"


def style():
    """The style of all pages behind tiles.

    Returns
    -------
    markupsafe.Markup
        CSS, our own: it goes into a page as it is.
    """
    return markupsafe.Markup((FOLDER / "tile.css").read_text(encoding="utf-8"))


def _read_lessons():
    """In a process of its own: to read all questions takes memory that this page would keep for as long as JupyterLab runs."""
    done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"The questions cannot be read: {''.join(done.stderr.strip().splitlines()[-1:])}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    json.dump(progress.show().lessons, sys.stdout)
