"""The order of the course, read from the README's table, and the minutes, read from the notebooks' own **Time** lines."""

import json
import re
from dataclasses import dataclass

TIME = re.compile(r"\*\*Time:\*\*\s+(?:about\s+)?(\d+)(?:\s+to\s+(\d+))?\s+(minutes?|hours?)")
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+\.ipynb)\)")
PLAN = re.compile(r"^```plan\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class HandbookError(Exception):
    """The handbook cannot be made; the message says what is wrong and where, and nothing was written."""


@dataclass(frozen=True)
class Sheet:
    """A notebook of the course.

    Attributes
    ----------
    kind : str
        "lesson" or "exercise".
    label : str
        As the README calls it, such as "22a MLflow" or "drift alert".
    source : str
        From the workbook's top, such as "notebooks/22a_mlflow.ipynb".
    section : str
        Such as "2 Experiment tracking".
    teaser : str
        What the README says of a lesson; "" for an exercise.
    """

    kind: str
    label: str
    source: str
    section: str
    teaser: str = ""

    @property
    def stem(self):
        """The notebook's name without its ending, such as "22a_mlflow"."""
        return self.source.rpartition("/")[2].removesuffix(".ipynb")

    @property
    def number(self):
        """Such as "22a"."""
        return self.stem.partition("_")[0]

    @property
    def url(self):
        """Its page, from the handbook's top."""
        return f"{self.kind}s/{self.stem}.html"

    @property
    def title(self):
        """What the handbook calls it: a lesson by its label, an exercise by its number and, if it has one, its name."""
        if self.kind == "lesson":
            return self.label
        return f"Exercise {self.number}" + ("" if self.label == self.number else f": {self.label}")


def course(root):
    """Read which lessons and exercises there are.

    Parameters
    ----------
    root : pathlib.Path
        The workbook's top.

    Returns
    -------
    list of Sheet
        Each lesson and then its exercises, in the README's order.

    Raises
    ------
    HandbookError
        The README has no table of lessons, or names a notebook that is not there.
    """
    sheets, section = [], ""
    for line in (root / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("| ") or len(cells) < 2 or ".ipynb" not in line:
            continue
        if len(cells) == 2:  # the section is empty: it goes on
            cells = ["", *cells]
        section = cells[0].strip("| ") or section
        (label, source), *_ = LINK.findall(cells[1])
        teaser = cells[1].partition("): ")[2]
        sheets.append(Sheet("lesson", label, source, section, teaser[:1].upper() + teaser[1:]))
        sheets += [Sheet("exercise", name, path, section) for name, path in LINK.findall(cells[2])]
    if not sheets:
        raise HandbookError("README.md has no table of lessons: the handbook takes their order from it.")
    absent = [sheet.source for sheet in sheets if not (root / sheet.source).is_file()]
    if absent:
        raise HandbookError(f"README.md names {absent[0]}, which is not there: correct the table, or run `make exercises`.")
    return sheets


def minutes(root, sheet):
    """Read how long a notebook takes.

    Parameters
    ----------
    root : pathlib.Path
    sheet : Sheet

    Returns
    -------
    (int, int)
        From and to, in minutes; the same twice where the line gives one number. A lesson's are without its exercise.

    Raises
    ------
    HandbookError
        It has no line **Time:** with minutes or hours.
    """
    cells = json.loads((root / sheet.source).read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    found = TIME.search(text)
    if not found:
        raise HandbookError(f"{sheet.source} does not say how long it takes: write a line such as **Time:** 40 minutes.")
    first, last, unit = found.groups()
    factor = 60 if unit.startswith("hour") else 1
    return int(first) * factor, int(last or first) * factor


def duration(low, high):
    """Say minutes as people do.

    Parameters
    ----------
    low : int
    high : int
        In minutes, `low` <= `high`.

    Returns
    -------
    str
        Such as "40 min", "3 h 5 min" or "2 h to 3 h".
    """

    def one(total):
        hours, rest = divmod(total, 60)
        return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * (bool(rest) or not hours))

    return one(low) if low == high else f"{one(low)} to {one(high)}"


def plan_table(root, sheets, text):
    """Turn a plan into a Markdown table, with its minutes added up.

    Parameters
    ----------
    root : pathlib.Path
    sheets : list of Sheet
    text : str
        A line for each part of the plan: `Morning: 00, exercise 00, 12, exercise drift alert`. A lesson is named by its
        number, an exercise by what the README calls it; `exercise 00` is the one that has the lesson's own name.

    Returns
    -------
    str

    Raises
    ------
    HandbookError
        A line has no colon, or names what is not there.
    """
    rows, total = [], [0, 0]
    for line in text.strip().splitlines():
        when, colon, names = line.partition(":")
        if not colon:
            raise HandbookError(
                f"guide.md: the line {line!r} of a plan has no colon. Write it as `Morning: 00, 12, exercise 12`."
            )
        chosen = [_named(sheets, name.strip()) for name in names.split(",")]
        times = [minutes(root, sheet) for sheet in chosen]
        low, high = sum(t[0] for t in times), sum(t[1] for t in times)
        total = [total[0] + low, total[1] + high]
        links = ", ".join(f"[{_short(sheet)}]({sheet.source})" for sheet in chosen)
        rows.append(f"| {when} | {links} | {duration(low, high)} |")
    return "\n".join(["| when | what | time |", "|---|---|---|", *rows, f"| **in all** | | **{duration(*total)}** |"])


def with_plans(root, sheets, text):
    """Fill in every plan of a Markdown text.

    Parameters
    ----------
    root : pathlib.Path
    sheets : list of Sheet
    text : str
        With plans in fences: three backticks and `plan`.

    Returns
    -------
    str

    Raises
    ------
    HandbookError
        As in `plan_table`.
    """
    return PLAN.sub(lambda found: plan_table(root, sheets, found[1]), text)


def _named(sheets, name):
    wanted = name.removeprefix("exercise ")
    if wanted == name:
        found = [sheet for sheet in sheets if sheet.kind == "lesson" and sheet.number == name]
    else:
        stems = {sheet.number: sheet.stem for sheet in sheets if sheet.kind == "lesson"}
        exercises = [sheet for sheet in sheets if sheet.kind == "exercise"]
        found = [sheet for sheet in exercises if wanted == sheet.label or stems.get(wanted) == sheet.stem]
    if not found:
        raise HandbookError(f"guide.md: a plan names {name!r}, and the README's table has no such lesson or exercise.")
    return found[0]


def _short(sheet):
    return sheet.label if sheet.kind == "lesson" else sheet.title[:1].lower() + sheet.title[1:]
