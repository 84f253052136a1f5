"""Checks a capstone from end to end: trains it, starts it, asks it, lets it drift, rolls it back, pushes it, boots its Space."""

import contextlib
import shutil
import tempfile
import threading
import traceback
from pathlib import Path

from helpers.course import install
from helpers.course.capstone import alert, ci, pages, run, service, traffic, versions
from helpers.course.capstone import project as projects
from helpers.course.capstone.case import Case
from helpers.course.capstone.project import Stop
from helpers.course.capstone.rubric import Sheet
from helpers.course.capstone.webhook import Webhook

SECONDS = 300  # that a check may take; for the reference solution `tests/bench_capstone.py` promises under 120
RUNNING = ("service", "metrics", "app", "alert", "rollback")  # the parts that need the system to run
TRAINED = ("tracking", "space", *RUNNING)


def check(folder, *, parts=None, seconds=SECONDS, seed=0, say=lambda text: None):
    """Grade a project. Nothing in its folder is changed; whatever it does, a sheet comes of it.

    Parameters
    ----------
    folder : path-like
        With a `capstone.toml`.
    parts : iterable of str, optional
        Keys of `rubric.RUBRIC`; all by default.
    seconds : float, default SECONDS
        That it may take, about: a step that is under way then is ended.
    seed : int, default 0
        Draws the rows that are sent.
    say : callable, optional
        Told in a few words what is done next.

    Returns
    -------
    helpers.course.capstone.rubric.Sheet
    """
    sheet = Sheet(parts)
    with tempfile.TemporaryDirectory(prefix="capstone-", ignore_cleanup_errors=True) as place, _part(sheet, *sheet.parts):
        say("copying the project")
        case = Case(folder, Path(place), seconds, seed)
        beside = _Beside(sheet)
        source = case.place / "source"
        projects.copy(case.project.folder, source)
        try:
            if "ci" in sheet.parts:
                beside.do("ci", ci.grade, case, sheet, source)
            if "project" in sheet.parts:
                with _part(sheet, "project"):
                    _files(case, sheet)
            if set(TRAINED) & set(sheet.parts):
                with _part(sheet, *TRAINED):
                    _trained(case, sheet, beside, say)
        finally:
            say("waiting for the workflow's runs")
            beside.wait()
    return sheet


class _Beside:
    """Grades parts in threads of their own."""

    def __init__(self, sheet):
        self._sheet, self._threads = sheet, []

    def do(self, part, work, *arguments):
        def guarded():
            with _part(self._sheet, part):
                work(*arguments)

        self._threads.append(threading.Thread(target=guarded, daemon=True))
        self._threads[-1].start()

    def wait(self):
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def _part(sheet, *parts):
    """What stands in the way of a part takes the rest of its points, and nothing else."""
    try:
        yield
    except Stop as why:
        told = str(why)
    except Exception as error:  # whatever a project does, a report comes of it; this one says that the check is to blame
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = f"The check itself failed here ({type(error).__name__}: {error}; {Path(last.filename).name}, line {last.lineno})."
    else:
        return
    for part in parts:
        sheet.close(part, told)


def _files(case, sheet):
    workflow = case.project.maybe("ci", "workflow", "train.yml")
    ci.documented(sheet, case.project.folder, str(workflow))
    needs = case.project.folder / "requirements.txt"
    loose = pages.unpinned(needs) if needs.is_file() else None
    evidence = "no requirements.txt" if loose is None else f"lines that are not pinned: {len(loose)}"
    advice = "Name each package that the project imports with its version, as in pandas==3.0.6." + (
        f" Not pinned: {loose[0]}." if loose else ""
    )
    sheet.give(
        "project", "pinned", loose == [] and bool(needs.read_text(encoding="utf-8", errors="replace").strip()), evidence, advice
    )


def _trained(case, sheet, beside, say):
    say("making the data, and training")
    path = case.project.folder / case.project.want("data", "file")
    if not path.exists() and case.project.maybe("commands", "prepare"):
        ended = run.run("prepare", case.project.maybe("commands", "prepare"), case.project.folder, case.env, case.at_most(90))
        if ended.why:
            raise Stop(f"The data could not be made: {ended.why}")
    X, y = projects.table(case.project)
    ended = case.train()
    sheet.give(
        "tracking",
        "trains",
        not ended.why,
        ended.why or f"in {ended.seconds:.0f} s",
        "Mend that first: all the rest needs a model.",
    )
    if ended.why and "tracking" not in sheet.parts:
        raise Stop(f"It could not be trained: {ended.why}")
    first = list(versions.records(case)) if "tracking" in sheet.parts else []
    if "space" in sheet.parts:
        beside.do("space", pages.space, case, sheet)
    if set(RUNNING) & set(sheet.parts):
        with _part(sheet, *RUNNING):
            _running(case, sheet, X, y, say)
    if "tracking" in sheet.parts:
        if not case.trained_again:
            _again(case)
        with _part(sheet, "tracking"):
            versions.tracking(case, sheet, first, list(versions.records(case)))


def _again(case):
    versions.fewer_rows(case)
    case.trained_again = case.train("train again")
    return case.trained_again


def _running(case, sheet, X, y, say):
    say("starting the system")
    command = case.project.want("commands", "start")
    case.at_most(1)  # or there is nothing to start for
    with contextlib.ExitStack() as stack:
        case.webhook = Webhook()
        stack.callback(case.webhook.close)
        case.choose_ports()
        case.program = stack.enter_context(run.Program("start", command, case.project.folder, case.env | case.ports_env()))
        service.started(case)
        asker = traffic.Asker(case)
        say("asking the service")
        with _part(sheet, "service"):
            service.service(case, sheet, asker, X, y)
        with _part(sheet, "metrics"):
            rows, _ = traffic.sample(X, y, service.COUNTED_ROWS, case.rng)
            service.metrics(case, sheet, asker, rows)
        if "app" in sheet.parts:
            say("opening the page")
            with _part(sheet, "app"):
                pages.page(case, sheet, lambda: service.counted(case))
        _quiet_and_back(case, sheet, asker, X, y, say)


def _quiet_and_back(case, sheet, asker, X, y, say):
    watching = "alert" in sheet.parts and _prometheus(sheet)
    if watching:
        with _part(sheet, "alert"):
            alert.watched(case, sheet)
        watching = sheet.given("alert", "fires") is None  # or nothing can fire
    rows, truth = traffic.sample(X, y, alert.QUIET_ROWS, case.rng)
    if watching or "service" in sheet.parts:
        say("sending quiet traffic")
        with _part(sheet, "alert", "service"):
            answers = alert.quiet(case, sheet, asker, rows) if watching else asker.send(rows, case.until(60))
            service.skill(sheet, answers, truth)
    if "rollback" in sheet.parts:
        say("training again, and rolling back")
        with _part(sheet, "rollback"):
            _there_and_back(case, sheet, asker, rows)
    if watching:
        say("sending drifted traffic")
        with _part(sheet, "alert"):
            alert.drift(case, sheet, asker, X)


def _there_and_back(case, sheet, asker, quiet):
    rows = quiet[: versions.SAME_ROWS]
    before = [asker.ask(row) for row in rows]
    first = before[0][1]
    if first is None:
        raise Stop(f"The service has to name its version first: {before[0][2]}.")
    watcher = versions.Watcher(traffic.Asker(case), quiet)
    try:
        new = versions.switch(case, sheet, watcher, first, lambda: _again(case))
    finally:
        watcher.close()
    if new is None:
        raise Stop("There has to be a newer version first: only then can it be rolled back.")
    versions.back(case, sheet, asker, rows, before, first)


def _prometheus(sheet):
    absent = install.absent_system_parts(["prometheus", "prometheus-alertmanager"])
    if absent or not shutil.which("promtool"):
        name = (absent or ["prometheus"])[0]
        sheet.skip(
            "alert",
            f"{name} is absent on this machine, so that no alert can be tried. Install it by: {install.install_command(name)}",
        )
        return False
    return True
