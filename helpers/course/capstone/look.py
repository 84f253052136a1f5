"""Runs a Streamlit page without a browser and says what is on it; a program of its own, for the page may do anything.

    python -P look.py PAGE REPORT

Nothing of the course is imported here, since this process belongs to the learner's page.
"""

import json
import sys
from pathlib import Path

from streamlit.testing.v1 import AppTest

INPUTS = (
    "checkbox",
    "date_input",
    "multiselect",
    "number_input",
    "radio",
    "selectbox",
    "slider",
    "text_input",
    "text_area",
)
SAYS = (
    "title",
    "header",
    "subheader",
    "markdown",
    "metric",
    "error",
    "warning",
    "info",
    "success",
    "text",
    "caption",
    "json",
    "table",
)
MOST = 20_000  # characters


def seen(page):
    """What is on a page now.

    Parameters
    ----------
    page : streamlit.testing.v1.AppTest

    Returns
    -------
    dict
        `exceptions` (list of str), `inputs` (number), `buttons` (number) and `text`.
    """
    text = [str(getattr(each, "value", "")) + str(getattr(each, "body", "")) for kind in SAYS for each in page.get(kind)]
    exceptions = [str(each.value) for each in page.exception]
    return {
        "exceptions": exceptions,
        "inputs": sum(len(page.get(kind)) for kind in INPUTS) + len(page.get("file_uploader")),
        "buttons": len(page.button),
        "text": "\n".join(text)[:MOST],
    }


def main(file, report):
    """Open a page, then press its first button.

    Parameters
    ----------
    file : str
    report : str
        Where the JSON goes, anew after each step.
    """
    page = AppTest.from_file(file, default_timeout=30).run()
    told = {"opened": seen(page)}
    Path(report).write_text(json.dumps(told), encoding="utf-8")
    if page.button and not told["opened"]["exceptions"]:
        page.button[0].click().run()
        told["pressed"] = seen(page)
        Path(report).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
