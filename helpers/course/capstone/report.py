"""Writes what a check found: a page for the learner, JSON for the instructor, lines for the terminal."""

import dataclasses
import html
import json
import textwrap
from pathlib import Path

from helpers.course.capstone.rubric import RUBRIC, readable

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Capstone: {points} of {of} points</title>
<style>
:root {{
  color-scheme: light dark;
  --ink: #1c1c1c; --soft: #5a5a5a; --ground: #fff; --line: #d9d9d9; --good: #1b6e3c; --bad: #a33a00;
}}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #ececec; --soft: #b3b3b3; --ground: #161616; --line: #3c3c3c; --good: #7fd6a0; --bad: #ffb081; }}
}}
body {{
  font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--ground);
}}
h1 {{ margin-bottom: 0; }}
h2 {{ margin: 2rem 0 .5rem; font-size: 1.15rem; display: flex; justify-content: space-between; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }}
th {{ font-size: .85rem; color: var(--soft); }}
td:first-child {{ white-space: nowrap; width: 6rem; }}
.all {{ color: var(--good); }} .less {{ color: var(--bad); }}
.soft {{ color: var(--soft); overflow-wrap: anywhere; }}
p.next {{ margin: .2rem 0 0; overflow-wrap: anywhere; }}
ol li {{ margin: .3rem 0; overflow-wrap: anywhere; }}
</style></head><body><main>
<h1>{points} of {of} points</h1>
<p class="soft">{name}, checked in {seconds:.0f} s. The folder itself was only read.{skipped}</p>
{todo}
{parts}
</main></body></html>
"""
INDENT = {"initial_indent": " " * 12, "subsequent_indent": " " * 12, "break_long_words": False, "break_on_hyphens": False}
HEAD = '<thead><tr><th scope="col">Points</th><th scope="col">What is graded, and what was seen</th></tr></thead>'


def as_json(sheet, name, seconds):
    """What an instructor's programs read.

    Parameters
    ----------
    sheet : helpers.course.capstone.rubric.Sheet
    name : str
        The project's.
    seconds : float

    Returns
    -------
    str
    """
    points, of = sheet.total()
    told = {"project": readable(name), "points": points, "of": of, "seconds": round(seconds, 1)}
    told["marks"] = [dataclasses.asdict(mark) for mark in sheet.marks()]
    return json.dumps(told, indent=2) + "\n"


def as_page(sheet, name, seconds):
    """What a learner reads.

    Parameters
    ----------
    sheet : helpers.course.capstone.rubric.Sheet
    name : str
    seconds : float

    Returns
    -------
    str
        HTML, complete in itself.
    """
    points, of = sheet.total()
    marks = sheet.marks()
    skipped = sum(mark.of for mark in marks if mark.points is None)
    left = [mark for mark in marks if mark.points is not None and mark.points < mark.of]
    steps = dict.fromkeys(mark.advice for mark in left if mark.advice)  # one that stands in the way of many is said once
    todo = "<h2>What to do next</h2><ol>" + "".join(f"<li>{html.escape(each)}</li>" for each in steps) + "</ol>" if steps else ""
    return PAGE.format(
        points=_number(points),
        of=of,
        name=html.escape(readable(name)),
        seconds=seconds,
        skipped=f" {skipped} more points could not be tried on this machine." if skipped else "",
        todo=todo,
        parts="\n".join(_part(part, [mark for mark in marks if mark.part == part]) for part in sheet.parts),
    )


def as_text(sheet):
    """What a terminal shows.

    Parameters
    ----------
    sheet : helpers.course.capstone.rubric.Sheet

    Returns
    -------
    str
    """
    lines, said = [], set()
    for mark in sheet.marks():
        got = "  - " if mark.points is None else f"{_number(mark.points):>4}"
        lines.append(f"{got} of {mark.of}  {RUBRIC[mark.part][0]}: {mark.what}")
        more = [] if mark.points == mark.of else [mark.evidence, "" if mark.advice in said else mark.advice]
        lines += [part for line in more if line for part in textwrap.wrap(line, 108, **INDENT)]
        said.add(mark.advice)  # what stands in the way of many is said once
    points, of = sheet.total()
    return "\n".join([*lines, "", f"{_number(points)} of {of} points"])


def write(sheet, name, seconds, to):
    """Write the page and the JSON.

    Parameters
    ----------
    sheet : helpers.course.capstone.rubric.Sheet
    name : str
    seconds : float
    to : path-like
        A folder; made if absent. Earlier reports in it are written over.

    Returns
    -------
    pathlib.Path
        The page.
    """
    to = Path(to)
    to.mkdir(parents=True, exist_ok=True)
    (to / "report.json").write_text(as_json(sheet, name, seconds), encoding="utf-8")
    (to / "report.html").write_text(as_page(sheet, name, seconds), encoding="utf-8")
    return to / "report.html"


def _part(part, marks):
    graded = [mark for mark in marks if mark.points is not None]
    sums = f"{_number(sum(mark.points for mark in graded))} of {sum(mark.of for mark in graded)}" if graded else "not tried"
    head = f"<h2><span>{html.escape(RUBRIC[part][0])}</span><span>{sums}</span></h2>"
    rows = "".join(_row(mark) for mark in marks)
    return f"{head}<table>{HEAD}<tbody>{rows}</tbody></table>"


def _row(mark):
    points = "not tried" if mark.points is None else f"{_number(mark.points)} of {mark.of}"
    kind = "soft" if mark.points is None else "all" if mark.points == mark.of else "less"
    what = mark.what if "." in mark.what.split()[0] else mark.what[0].upper() + mark.what[1:]  # a file keeps its name
    seen = f'<div class="soft">{html.escape(mark.evidence)}</div>' if mark.evidence else ""
    todo = f'<p class="next">{html.escape(mark.advice)}</p>' if mark.advice else ""
    return f'<tr><td class="{kind}">{points}</td><td>{html.escape(what)}.{seen}{todo}</td></tr>'


def _number(points):
    return f"{points:g}"
