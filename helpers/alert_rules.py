"""Look at rule files and Alertmanager's settings before they are used: by promtool and amtool, and for runbook links."""

import copy
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

RUNBOOK = "runbook_url"  # the annotation that by custom leads to what to do
REPOSITORY = "https://github.com/flight-delay-workbook/flight-delay-workbook/blob/main/"  # where the README's badge leads, too
TOOLS = {
    "prometheus": ("prometheus", ["prometheus"]),  # the Debian package, and the names of the program
    "promtool": ("prometheus", ["promtool"]),
    "alertmanager": ("prometheus-alertmanager", ["prometheus-alertmanager", "alertmanager"]),
    "amtool": ("prometheus-alertmanager", ["amtool"]),
}


class AlertingError(Exception):
    """A tool is absent, a file is wrong, or a server refused what it was asked; the message says which."""


def program(tool):
    """Find a program of Prometheus or Alertmanager.

    Parameters
    ----------
    tool : {"prometheus", "promtool", "alertmanager", "amtool"}
        Its usual name; Debian calls one of them by another.

    Returns
    -------
    str
        Its path.

    Raises
    ------
    AlertingError
        It is not installed; the message is the command that installs it.
    """
    package, names = TOOLS[tool]
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        short = package.removeprefix("prometheus-")
        how = {"darwin": f"brew install {short}", "win32": f"winget install {short}"}.get(
            sys.platform, f"sudo apt-get install {package}"
        )
        raise AlertingError(f"{tool} is not installed. Install it by: {how}")
    return found


def read_yaml(source):
    """Read a YAML file.

    Parameters
    ----------
    source : path-like or dict
        The file, or what it would say.

    Returns
    -------
    dict
        For a dict, the same.

    Raises
    ------
    AlertingError
        There is no such file, or it holds no YAML mapping.
    """
    if isinstance(source, dict):
        return source
    try:
        content = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AlertingError(f"{source} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise AlertingError(f"{source} holds {type(content).__name__}; expected a mapping such as groups: […].")
    return content


def check_rules(rules):
    """Check a rule file by promtool.

    Parameters
    ----------
    rules : path-like or dict

    Returns
    -------
    list of str
        What is wrong; empty for a good file.
    """
    return _told("promtool", ["check", "rules"], rules)


def test_rules(tests):
    """Run a file of rule tests by promtool.

    Parameters
    ----------
    tests : path-like
        Its `rule_files` are looked up beside it.

    Returns
    -------
    list of str
        What failed; empty where all tests pass.
    """
    return _told("promtool", ["test", "rules"], Path(tests))


def check_config(config):
    """Check Alertmanager's settings by amtool.

    Parameters
    ----------
    config : path-like or dict

    Returns
    -------
    list of str
        What is wrong; empty for good settings.
    """
    return _told("amtool", ["check-config"], config)


def missing_runbooks(rules):
    """Which alerts do not say what to do.

    Parameters
    ----------
    rules : path-like or dict

    Returns
    -------
    list of str
        The names of the alerts without a web address, or a path, in the annotation `runbook_url`; in the file's order.
    """
    found = []
    for group in read_yaml(rules).get("groups") or []:
        for rule in group.get("rules") or []:
            link = str((rule.get("annotations") or {}).get(RUNBOOK) or "")
            if "alert" in rule and not re.fullmatch(r"https?://\S+|[\w./-]+\.(md|html|ipynb)(#\S*)?", link):
                found.append(rule["alert"])
    return found


def with_runbooks_at(rules, base):
    """Put an address before the runbooks that are paths, so that a link in a mail can be clicked.

    Parameters
    ----------
    rules : path-like or dict
        Not changed. Rules without a runbook, and runbooks that have an address already, stay as they are.
    base : str
        Such as `REPOSITORY`; with "/" at its end or without.

    Returns
    -------
    dict
        As the file would say it.

    Raises
    ------
    AlertingError
        `base` is no web address; or as in `read_yaml`.
    """
    if not re.fullmatch(r"https?://\S+", base):
        raise AlertingError(f"The runbooks are said to be at {base!r}; expected a web address such as {REPOSITORY}")
    found = copy.deepcopy(read_yaml(rules))
    for group in found.get("groups") or []:
        for rule in group.get("rules") or []:
            notes = rule.get("annotations") or {}
            if notes.get(RUNBOOK) and not re.match(r"https?://", notes[RUNBOOK]):
                notes[RUNBOOK] = f"{base.rstrip('/')}/{notes[RUNBOOK]}"
    return found


def _told(tool, arguments, source):
    """The lines by which a tool complains of a file; empty where it does not."""
    command = [program(tool), *arguments]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(source).absolute() if not isinstance(source, dict) else Path(folder) / "file.yml"
        if isinstance(source, dict):
            path.write_text(yaml.safe_dump(source), encoding="utf-8")
        told = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False, timeout=60)
    if told.returncode == 0:
        return []
    found = []
    for line in (told.stdout + told.stderr).splitlines():
        line = re.sub(rf"^Checking '?{re.escape(str(path))}'?|^Unit Testing: .*|\bFAILED:|\bSUCCESS:?", "", line.strip())
        line = line.replace(f"{path}: ", "").strip()
        if line and not re.match(r"\w+: error: failed to validate", line):
            found.append(line)
    return found or [f"{tool} refuses the file."]
