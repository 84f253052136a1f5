"""Says how a batch went: on the console, as JUnit, and as one page."""

import base64
import datetime
import html
import mimetypes
import re
import urllib.parse
import xml.etree.ElementTree as ET

import rich.console
import rich.markup
import rich.table

GREEN = ("passed", "unchanged")
STYLES = {"passed": "green", "unchanged": "green", "failed": "red", "timed out": "red", "kernel died": "red"}
LONGEST_TRACEBACK = 30  # lines shown on the console; the page has all of it


def print_report(rows):
    """Print one table, then for each failure the first cell that failed.

    Parameters
    ----------
    rows : dict of str to dict
        Notebook to record, as `batch` keeps them.
    """
    console = rich.console.Console(highlight=False)
    if not console.is_terminal:
        console = rich.console.Console(highlight=False, width=110)  # a log is read as it is, not folded to 80
    table = rich.table.Table("notebook", "status", box=rich.box.SIMPLE_HEAD)
    for name in ("seconds", "peak MB"):
        table.add_column(name, justify="right")
    for name, row in rows.items():
        style = STYLES[row["status"]]
        numbers = f"{row['seconds']:.1f}", f"{row['peak_mb']:.0f}"
        table.add_row(rich.markup.escape(_short(name)), f"[{style}]{row['status']}[/]", *numbers)
    console.print(table)
    for name, row in rows.items():
        if row["status"] not in GREEN:
            console.print(f"[bold]{rich.markup.escape(_short(name))}[/]: {rich.markup.escape(_headline(row))}", soft_wrap=True)
            _print_cell(console, row)
        if row["left"]:
            console.print(f"{_short(name)} left running (ended now): {', '.join(row['left'])}", markup=False, soft_wrap=True)
    console.print(summary(rows))


def summary(rows):
    """How many went how.

    Parameters
    ----------
    rows : dict of str to dict

    Returns
    -------
    str
        Such as "12 passed, 1 failed".
    """
    states = [row["status"] for row in rows.values()]
    return ", ".join(f"{states.count(state)} {state}" for state in STYLES if state in states)


def junit(rows, seconds):
    """Make a JUnit file.

    Parameters
    ----------
    rows : dict of str to dict
        Those of this run; each becomes a test case, and an unchanged one has passed.
    seconds : float
        That the run took.

    Returns
    -------
    bytes
        XML.
    """
    counts = {
        "tests": str(len(rows)),
        "failures": str(sum(row["status"] not in GREEN for row in rows.values())),
        "errors": "0",
        "time": f"{seconds:.3f}",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": "notebooks", **counts, "timestamp": now()})
    for name, row in rows.items():
        folder, _, stem = _short(name).rpartition("/")
        case = ET.SubElement(suite, "testcase", classname=folder.replace("/", "."), name=stem, time=f"{row['seconds']:.3f}")
        if row["status"] not in GREEN:
            text = f"{_headline(row)}\n\n{row['source']}\n\n{row['traceback']}"
            ET.SubElement(case, "failure", type=row["status"], message=_clean(_headline(row))).text = _clean(text)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def page(rows):
    """Make the page that leads to all the others.

    Parameters
    ----------
    rows : dict of str to dict
        Every record that there is, `page` being the path of its HTML from here, or None.

    Returns
    -------
    str
        HTML, complete in itself.
    """
    lines = "\n".join(_line(name, row) for name, row in rows.items())
    when = max((row["when"] for row in rows.values()), default=now())
    return PAGE.format(summary=html.escape(summary(rows)), when=_readable(when), lines=lines)


def with_pictures(notebook_page, folder):
    """Put the pictures that a page shows into the page itself, so that it can be sent anywhere.

    Parameters
    ----------
    notebook_page : bytes
        HTML.
    folder : pathlib.Path
        Of the notebook: the pictures' paths start there. One that is not there stays a link.

    Returns
    -------
    bytes
    """

    def embed(found):
        path = folder / urllib.parse.unquote(found[2].decode())
        kind = mimetypes.guess_type(path.name)[0]
        if not kind or not path.is_file():
            return found[0]
        return b'%ssrc="data:%s;base64,%s"' % (found[1], kind.encode(), base64.b64encode(path.read_bytes()))

    return re.sub(rb'(<img [^>]*?)src="([^":]+)"', embed, notebook_page)


def now():
    """This moment.

    Returns
    -------
    str
        ISO 8601, to the second, with the offset from UTC.
    """
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _print_cell(console, row):
    for line in row["source"].splitlines():
        console.print(f"    {line}", markup=False, soft_wrap=True)
    if row["source"] and row["traceback"]:
        console.print()
    lines = row["traceback"].splitlines()
    if len(lines) > LONGEST_TRACEBACK:
        lines = [*lines[:10], "[...]", *lines[10 - LONGEST_TRACEBACK :]]
    for line in lines:
        line = line if console.is_terminal else _clean(line)
        console.file.write(f"    {line}\n")  # as it is: it has colours of its own
    console.print()


def _headline(row):
    where = f" in code cell {row['cell']}" if row["cell"] else ""
    return f"{row['status']}{where}: {row['reason']}"


def _short(name):
    return name.removesuffix(".ipynb")


def _clean(text):
    """Without colours, and without the characters that XML forbids."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


def _line(name, row):
    title = html.escape(_short(name))
    if row["page"]:
        title = f'<a href="{html.escape(row["page"])}">{title}</a>'
    reason = ""
    if row["status"] not in GREEN:
        where = f"code cell {row['cell']}: " if row["cell"] else ""
        reason = f'<div class="reason">{html.escape(_clean(where + row["reason"]))}</div>'
    state = row["status"].replace(" ", "-")
    return (
        f'<tr><td>{title}{reason}</td><td><span class="status {state}">{row["status"]}</span></td>'
        f'<td class="number">{row["seconds"]:.1f}</td><td class="number">{row["peak_mb"]:.0f}</td>'
        f'<td class="when">{_readable(row["when"])}</td></tr>'
    )


def _readable(when):
    return f"{datetime.datetime.fromisoformat(when):%d %b %Y, %H:%M}"


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The workbook's notebooks</title>
<style>
:root {{ color-scheme: light dark; --text: #1d2330; --back: #fbfbfa; --faint: #666d7a; --line: #e2e3e6; --link: #1a5fb4;
  --good: #1a7f37; --bad: #c01c28; }}
@media (prefers-color-scheme: dark) {{ :root {{ --text: #e4e6ea; --back: #16181d; --faint: #9aa1ad; --line: #30343c;
  --link: #8ab8ff; --good: #57d27d; --bad: #ff8a8a; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 60rem; margin: 3rem auto;
  padding: 0 1.25rem; }}
h1 {{ font-size: 1.5rem; margin: 0; }}
p {{ color: var(--faint); margin: .25rem 0 1.75rem; }}
table {{ width: 100%; border-collapse: collapse; }}
th {{ text-align: left; font-size: .85rem; font-weight: 600; color: var(--faint); }}
th, td {{ padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }}
th.number, td.number {{ text-align: right; font-variant-numeric: tabular-nums; padding-right: 1.5rem; }}
a {{ color: var(--link); text-decoration: none; }}
a:hover, a:focus {{ text-decoration: underline; }}
.status {{ white-space: nowrap; color: var(--bad); font-weight: 600; }}
.status.passed, .status.unchanged {{ color: var(--good); font-weight: 400; }}
.when {{ white-space: nowrap; color: var(--faint); }}
.reason {{ font-size: .85rem; color: var(--faint); overflow-wrap: anywhere; }}
@media (max-width: 40rem) {{ .when {{ display: none; }} td {{ overflow-wrap: anywhere; }}
  th.number, td.number {{ padding-right: .5rem; }} }}
</style>
<h1>The workbook's notebooks</h1>
<p>{summary} · last run on {when}</p>
<table>
<thead><tr><th>notebook</th><th>status</th><th class="number">seconds</th><th class="number">peak MB</th>
<th class="when">when</th></tr></thead>
<tbody>
{lines}
</tbody>
</table>
</html>
"""
