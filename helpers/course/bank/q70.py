"""The questions of 70, the capstone: the learner's system is started, and the check of the capstone grades a part of it.

The marks are the evidence. What is asked for and how it is tried stands in `helpers.course.capstone`.
"""

import dataclasses
import functools
import os
from pathlib import Path

from helpers.course import install, regions
from helpers.course.capstone import check
from helpers.course.capstone.rubric import RUBRIC
from helpers.course.verdict import Question, not_yet, passed

SOLVED = install.ROOT / "solutions" / "70_capstone" / "project"
SECONDS = 240  # that one question may take; the reference solution takes a tenth of it


def probe_parts(answer, rng, *, parts, names):
    """Grade some parts of the rubric; `names` are the files of the starter that they are about."""
    if callable(answer) and type(answer).__name__ == "function":
        answer()
    folder = Path(answer) if isinstance(answer, (str, os.PathLike)) and str(answer) and Path(answer).is_dir() else None
    if folder is None:
        return {"cannot": "The answer is the folder of your project, as text or as a Path. Yours is no folder."}
    if untouched(folder, names):
        return ...
    marks, seed = [], int(rng.integers(2**31))
    for group in (("project",), tuple(part for part in parts if part != "project")):  # a look at the files costs no time
        if set(group) <= set(parts) and all(full(each, each["of"]) for each in marks):
            sheet = check.check(folder, parts=group, seconds=SECONDS, seed=seed)
            marks += [dataclasses.asdict(mark) for mark in sheet.marks()]
    return {"marks": marks}


def untouched(folder, names):
    """Whether the learner has not begun: all of these files are there, and are the starter's."""
    return all((folder / name).is_file() and (folder / name).read_bytes() == starter(name) for name in names)


def starter(name):
    text = (SOLVED / name).read_text(encoding="utf-8")
    return (regions.emptied(text) if name.endswith(".py") else regions.emptied_plain(text)).encode("utf-8")


def judging(parts):
    """A judge for some parts of the rubric."""
    wanted = [(part, name) for part in parts for name in RUBRIC[part][1]]

    def judge(evidence, rng):
        if not isinstance(evidence, dict) or not isinstance(evidence.get("marks"), list):
            cannot = evidence.get("cannot") if isinstance(evidence, dict) else None
            return not_yet(str(cannot or "The check found nothing to grade."))
        marks = {(mark.get("part"), mark.get("name")): mark for mark in evidence["marks"] if isinstance(mark, dict)}
        lost = [key for key in wanted if not full(marks.get(key), RUBRIC[key[0]][1][key[1]][0])]
        if not lost:
            untried = [mark["advice"] for mark in marks.values() if mark.get("points") is None]
            return passed(f"But not all could be tried: {untried[0]}" if untried else "")
        return not_yet(told(marks.get(lost[0]), lost), ": ".join(lost[0]))

    return judge


def full(mark, of):
    """Whether all points were given, or none could be given on this machine."""
    return isinstance(mark, dict) and "points" in mark and (mark["points"] is None or mark["points"] == of)


def told(mark, lost):
    part, name = lost[0]
    what = RUBRIC[part][1][name][1]
    seen = f" ({mark['evidence']})" if isinstance(mark, dict) and mark.get("evidence") not in (None, "", "not reached") else ""
    advice = mark.get("advice", "") if isinstance(mark, dict) else ""
    more = f" After that: {len(lost) - 1} more." if len(lost) > 1 else ""
    return f"Not true yet: {what}{seen}. {advice}{more}"


def question(title, parts, names, hints, notebook, misconceptions):
    probe = functools.partial(probe_parts, parts=parts, names=names)
    return Question(title, probe, judging(parts), hints, notebook, misconceptions)


FOLDER = "solutions/70_capstone/project"

QUESTIONS = {
    "70.1": question(
        title="It trains, and every training is on record",
        parts=("tracking",),
        names=("model.py", "gate.py", "tracking.py"),
        hints=(
            "Run the command `train` of capstone.toml in your folder by hand, twice, and look at the store in the MLflow UI.",
            "A record needs parameters, metrics and the model's file, in a run that has finished; the store's address stands in "
            "the environment, so set none yourself.",
        ),
        notebook=f"{FOLDER}/tracking.py",
        misconceptions=("tracking: trains", "tracking: recorded", "tracking: again"),
    ),
    "70.2": question(
        title="The service answers, refuses and counts",
        parts=("service", "metrics"),
        names=("service.py",),
        hints=(
            "Start the system and ask the service with curl: a good row, a row without a field, a text for a number.",
            "Refuse before the model sees a row: 422 and a JSON that says what was wrong. NaN is what JSON readers let through.",
            "A Counter named `predictions` shows as predictions_total; `Histogram(...).observe(seconds)` once for each answer.",
        ),
        notebook=f"{FOLDER}/service.py",
        misconceptions=(
            "service: health",
            "service: predicts",
            "service: skill",
            "service: refuses",
            "service: well",
            "metrics: readable",
            "metrics: counts",
            "metrics: timed",
        ),
    ),
    "70.3": question(
        title="A page for people, and a Space",
        parts=("app", "space"),
        names=("app.py", "space/app.py"),
        hints=(
            "Open the page in a browser, press the button, then end the service and press it again.",
            "The page asks the service at SERVICE_PORT; `except httpx.HTTPError` is where the sentence belongs.",
            "Copy the folder `space` somewhere else and run its page there: it may need nothing that is not in it.",
        ),
        notebook=f"{FOLDER}/app.py",
        misconceptions=(
            "app: up",
            "app: runs",
            "app: asks",
            "app: alone",
            "space: complete",
            "space: boots",
        ),
    ),
    "70.4": question(
        title="Drift raises an alert, and somebody hears of it",
        parts=("alert",),
        names=("drift.py", "monitoring/alerts.yml"),
        hints=(
            "Look at Prometheus' own pages: is the target up (Status, Targets), is the rule there (Alerts)?",
            "Keep the last few hundred rows, compare them with the training's, and export the difference as a gauge; the rule "
            "compares that with a limit that quiet rows stay under.",
            "Prometheus needs `alerting: alertmanagers:`, Alertmanager a receiver with webhook_configs, at ALERT_WEBHOOK.",
        ),
        notebook=f"{FOLDER}/drift.py",
        misconceptions=("alert: watched", "alert: quiet", "alert: fires", "alert: told"),
    ),
    "70.5": question(
        title="A new version, and the way back",
        parts=("rollback",),
        names=("registry.py",),
        hints=(
            "Train twice by hand while the service runs, and ask it for its version in between.",
            "Keep the earlier model: a new one is put beside it, and one small file (or alias) says which one is served.",
            "`roll_back` points back to the earlier one; the service looks at that pointer again and again, loads, then swaps.",
        ),
        notebook=f"{FOLDER}/registry.py",
        misconceptions=("rollback: switches", "rollback: back"),
    ),
    "70.6": question(
        title="A push runs it all, and the README says how",
        parts=("project", "ci"),
        names=(".github/workflows/train.yml",),
        hints=(
            "`on: push`, one job, the checkout, then the commands that you run by hand; lesson 42a and exercise 40 have it all.",
            "Pin the action to a commit's digest, and give `permissions: contents: read`.",
            "The tests come first, and nothing hides that they fail: no `|| true`, no continue-on-error. README.md names the "
            "workflow and its jobs, and says how to start and how to roll back.",
        ),
        notebook=f"{FOLDER}/.github/workflows/train.yml",
        misconceptions=("project: documented", "project: pinned", "ci: lint", "ci: green", "ci: red"),
    ),
}
