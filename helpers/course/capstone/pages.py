"""Grades the page over the service, and the Space that runs alone."""

import json
import shutil
import sys
import time
from pathlib import Path

import yaml

from helpers.course.capstone import run, web
from helpers.course.capstone.project import Stop

LOOK = Path(__file__).with_name("look.py")
SECONDS = 60  # that opening a page and pressing its button may take
SDKS = ("docker", "streamlit")


def page(case, sheet, asker):
    """Grade the page that the system serves.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
        Its system runs.
    sheet : helpers.course.capstone.rubric.Sheet
    asker : callable
        `asker()` tells how many rows the service says it has answered.

    Raises
    ------
    Stop
        No page to grade.
    """
    up = _answers(case.ports["APP_PORT"], "/_stcore/health", case.until(20))
    others = [port for port in case.program.ports() if port not in case.ports.values()]
    advice = "Serve the page on 127.0.0.1 at the port that APP_PORT names."
    sheet.give("app", "up", up, f"port {case.named('APP_PORT')}: {'up' if up else 'nothing'}", advice + _listening(others))
    file = case.project.path("app", "file")
    before = asker()
    told = _look(case, file, "page", case.env | case.ports_env())
    grew = asker() - before
    _opened(sheet, "app", "runs", told, inputs=True)
    opened, pressed = told.get("opened", {}), told.get("pressed")
    new = bool(pressed) and not pressed["exceptions"] and pressed["text"] != opened["text"]
    evidence = f"rows asked of the service: {grew:.0f}; " + ("the page shows something new" if new else "nothing new on the page")
    sheet.give("app", "asks", new and grew > 0, evidence, _why_not_asked(opened, pressed, grew))
    away = _look(case, file, "page alone", case.env | case.ports_env() | {"SERVICE_PORT": str(case.closed_port())})
    broken = away.get("failed") or [each for step in away.values() for each in step["exceptions"]]
    what = broken if isinstance(broken, str) else broken[0] if broken else ""
    says = any(_lines(away.get(step)) - _lines(opened) - _lines(pressed) for step in ("opened", "pressed"))
    advice = "Catch the error of the request (httpx.HTTPError), and say in one sentence that the service is away."
    seen = what[:200] or ("a sentence, and no exception" if says else "nothing that a visitor could read")
    sheet.give("app", "alone", says and not broken, seen, advice)


def space(case, sheet):
    """Grade the Space: a copy of its folder, with nothing beside it.

    Parameters
    ----------
    case : helpers.course.capstone.case.Case
        The first training is over.
    sheet : helpers.course.capstone.rubric.Sheet

    Raises
    ------
    Stop
        No Space to grade.
    """
    folder = case.project.path("space", "folder")
    alone = case.place / "space alone" / "space"
    shutil.copytree(folder, alone, symlinks=True)
    problems = list(_incomplete(alone))
    evidence = "README.md, requirements.txt and the page are there" if not problems else problems[0]
    sheet.give("space", "complete", not problems, evidence, " ".join(problems))
    page = alone / case.project.want("space", "file")
    if not page.is_file():
        raise Stop(f"There is no {page.name} in {folder.name}: it is the page that the Space shows.")
    nowhere = {name: "" for name in case.ports_env()} | {"MLFLOW_TRACKING_URI": "", "SERVICE_PORT": str(case.closed_port())}
    own = run.temporary(case.place / "space alone" / "tmp")
    told = _look(case, page, "space", case.env | nowhere | own)
    _opened(sheet, "space", "boots", told, inputs=True)


def _incomplete(folder):
    readme, needs = folder / "README.md", folder / "requirements.txt"
    if not readme.is_file():
        yield "README.md is absent: its front matter tells the platform what to run."
    else:
        parts = readme.read_text(encoding="utf-8", errors="replace").split("---", 2)
        try:
            front = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
        except yaml.YAMLError:
            front = None
        if not isinstance(front, dict) or front.get("sdk") not in SDKS:
            yield f"README.md needs a front matter (between --- lines) with title and sdk: one of {', '.join(SDKS)}."
        elif front["sdk"] == "docker" and not (folder / "Dockerfile").is_file():
            yield "sdk: docker wants a Dockerfile in the folder."
    if not needs.is_file() and not (folder / "Dockerfile").is_file():
        yield "requirements.txt is absent: the platform installs what it names."
    elif needs.is_file() and (loose := unpinned(needs)):
        yield f"requirements.txt does not pin {loose[0]!r}: name one version with ==."


def unpinned(file):
    """The lines of a requirements file that leave the version open.

    Parameters
    ----------
    file : pathlib.Path

    Returns
    -------
    list of str
    """
    lines = [line.split("#")[0].strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]
    return [line for line in lines if line and not line.startswith("-") and "==" not in line and " @ " not in line]


def _opened(sheet, part, name, told, *, inputs):
    opened = told.get("opened")
    if opened is None:
        return sheet.give(part, name, 0, "the page did not open", told["failed"])
    if opened["exceptions"]:
        advice = "The page itself raises this when it is opened: mend it, and try `streamlit run` from an empty folder."
        return sheet.give(part, name, 0, opened["exceptions"][0][:200], advice)
    good = opened["inputs"] > 0 or not inputs
    return sheet.give(part, name, good, f"inputs: {opened['inputs']}; no exception", "Add inputs for the features, and a button.")


def _why_not_asked(opened, pressed, grew):
    if not opened or opened["exceptions"]:
        return "The page has to open first."
    if pressed is None:
        return "The page has no button: a button that asks the service is what is pressed here."
    if pressed["exceptions"]:
        return f"After the button was pressed it raised: {pressed['exceptions'][0][:150]}."
    if not grew:
        return "The service counted no row: send the inputs to `predict` on SERVICE_PORT (and count what the service answers)."
    return "Show the answer on the page."


def _lines(step):
    return set((step or {}).get("text", "").splitlines())


def _look(case, file, name, env):
    """What the page shows; `failed` where it shows nothing."""
    report = case.place / f"{name}.json"
    command = [sys.executable, "-P", str(LOOK), str(file), str(report)]
    ended = run.run(name, command, file.parent, env | {"PYTHONPATH": str(file.parent)}, case.at_most(SECONDS))
    try:
        return json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"failed": ended.why or "the page ended the process that ran it"}


def _answers(port, path, until):
    while True:
        answer = web.ask(port, path, min(until, time.monotonic() + 2))
        if answer and answer.status == 200:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


def _listening(others):
    return f" Your system listens on {', '.join(map(str, others[:3]))} instead." if others else ""
