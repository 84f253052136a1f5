"""Workflow files as text: what they say about when they run, and what they need of others."""

import re

FOLDER = ".github/workflows"


def load(path):
    """Read a workflow file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    dict
        Nothing but text, lists and dicts; empty where it is no valid workflow.
    str or None
        Why it is none, in one line.
    """
    import yaml

    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # text alone: `on` stays `on`
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        return {}, one_line(f"{path.name} is not a valid workflow:{where} {getattr(error, 'problem', None) or error}")
    if not isinstance(document, dict) or not document.get("on") or not isinstance(document.get("jobs"), dict):
        return {}, f"{path.name} is not a valid workflow: it needs `on:` (when it runs) and `jobs:` (what it does)"
    return document, None


def actions(document):
    """Name the actions of others.

    Parameters
    ----------
    document : dict
        As from `load`.

    Returns
    -------
    list of tuple of str
        Name and ref, such as ("actions/checkout", "v4"), each time that one is used.
    """
    used = []
    for job in document["jobs"].values():
        called = [job] if isinstance(job, dict) else []  # a job may be a whole workflow of others
        used += [each.get("uses") for each in called + steps(job)]
    return [tuple(uses.partition("@")[::2]) for uses in used if isinstance(uses, str) and not uses.startswith("./")]


def foreign(document, known):
    """Why a workflow cannot run here: it needs what only a network or Docker could give.

    Parameters
    ----------
    document : dict
        As from `load`.
    known : iterable of str
        The actions that there is a stand-in for.

    Returns
    -------
    str or None
        One line; None where it can run.
    """
    for action, _ in actions(document):
        if action.startswith("docker:"):
            return f"the action {action} needs Docker, which is not used here"
        if action not in known:
            return f"there is no stand-in for {action} here, and no network; known are {', '.join(known)}"
    for name, job in document["jobs"].items():
        if isinstance(job, dict) and {"container", "services"} & set(job):
            return f"the job {name} needs Docker (container or services), which is not used here"
    return None


def triggered(document, event, ref, changed):
    """Whether a workflow is for this event. act would run it whatever its filters say.

    Parameters
    ----------
    document : dict
        As from `load`.
    event : str
        Such as "push".
    ref : str
        Such as "refs/heads/main".
    changed : callable
        Gives the list of files that a push changes; asked only where a filter needs it.

    Returns
    -------
    bool
    """
    triggers = document["on"]
    if isinstance(triggers, str):
        triggers = [triggers]
    if event not in triggers:
        return False
    filters = (triggers[event] if isinstance(triggers, dict) else None) or {}
    if event != "push" or not isinstance(filters, dict):
        return True
    kind, name = ("tags", ref[len("refs/tags/") :]) if ref.startswith("refs/tags/") else ("branches", ref[len("refs/heads/") :])
    if kind in filters or f"{kind}-ignore" in filters:
        if not _wanted(filters, kind, [name]):
            return False
    elif {"tags", "tags-ignore", "branches", "branches-ignore"} & set(filters):
        return False  # only the other kind is named
    return kind == "tags" or _wanted(filters, "paths", changed())


def _wanted(filters, kind, names):
    if kind in filters:
        return any(_matches(filters[kind], name) for name in names)
    return f"{kind}-ignore" not in filters or any(not _matches(filters[f"{kind}-ignore"], name) for name in names)


def _matches(patterns, name):
    found = False
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if re.fullmatch(_regex(pattern.removeprefix("!")), name):
            found = not pattern.startswith("!")  # the last that matches decides
    return found


def _regex(pattern):
    """GitHub's own kind of pattern: `?` and `+` belong to what precedes them."""
    tokens = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "?", "+": "+"}
    parts = re.findall(r"\*\*/|\*\*|\*|\?|\+|\[[^\]]*\]|\\?.", pattern)
    return "".join(tokens.get(part) or (part if part.startswith("[") else re.escape(part[-1])) for part in parts)


def steps(job):
    """The steps of a job that are such.

    Parameters
    ----------
    job : object
        What stands under a job's name.

    Returns
    -------
    list of dict
        Empty where there are none.
    """
    found = job.get("steps") if isinstance(job, dict) else None
    return [step for step in found if isinstance(step, dict)] if isinstance(found, list) else []


def one_line(text):
    """Make what a program said fit on a line.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        At most 300 characters.
    """
    return " ".join(text.split())[:300]
