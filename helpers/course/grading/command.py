"""`python -m helpers grade SUBMISSIONS -o OUT`: from a class's folders and zips to scores, feedback pages and an overview."""

import contextlib
import json
import secrets
import sys
from dataclasses import asdict
from pathlib import Path

import rich.progress

from helpers.course import batch, batch_files, install, pool
from helpers.course.batch_files import BatchError
from helpers.course.classroom import shown
from helpers.course.grading import assignments, box, course_copy, grading, runner, submissions

NO_BOX = (
    "Programs of learners are run here, and this machine has no box for them: bubblewrap, which is for Linux "
    "(sudo apt-get install bubblewrap). Install it, grade in a container, or say --trusted for "
    "programs that you would run by hand."
)


def main(options, root=install.ROOT):
    """Grade what came back.

    Parameters
    ----------
    options : argparse.Namespace
        `submissions`, `out`, `only`, `again`, `jobs`, `time_limit`, `secret`, `trusted`, `scheduler`, as `python -m helpers
        grade --help` says.
    root : pathlib.Path, optional
        The workbook's folder.

    Returns
    -------
    int
        0 if every answer could be judged, 1 if a check itself failed, 2 if nothing was graded.
    """
    try:
        plan = _plan(options, root)
        with batch_files.held(plan["out"]), batch.terminated_as_interrupted():
            return _grade(plan, options, plan["secret"] or _own_secret(plan["out"]))
    except (BatchError, submissions.SubmissionsError, box.BoxError) as error:
        print(error, file=sys.stderr)
        return 2


def _plan(options, root):
    """All that the grading needs, looked at before anything is written."""
    here, out = Path(options.submissions).resolve(), Path(options.out).resolve()
    found, others = submissions.find(here)
    if out == here or out.is_relative_to(here) or here.is_relative_to(out):
        raise BatchError(f"{out} and {here} lie in each other: name a folder beside the submissions, by -o.")
    if options.time_limit <= 0 or (options.jobs is not None and options.jobs < 1):
        raise BatchError(f"--time-limit {options.time_limit:g} --jobs {options.jobs}: both must be above 0.")
    if not (options.trusted or options.scheduler or box.available()):
        raise BatchError(NO_BOX)
    every = assignments.exercises(root)
    try:
        wanted = assignments.chosen(every, options.only)
    except KeyError as error:
        raise BatchError(f"There is no exercise {error.args[0]!r}. There are: {', '.join(every)}.") from None
    again = options.again
    strangers = sorted(set(again) - {submission.learner for submission in found})
    if strangers:
        raise BatchError(f"--again {strangers[0]}: no learner of {here} has this name. It is that of the folder or the zip.")
    if options.only:
        _keep_others(out, wanted)
    for name in others:
        print(f"{name} is neither a folder nor a zip: it is passed over.", flush=True)
    secret = _given_secret(options.secret)
    return {"submissions": found, "exercises": wanted, "out": out, "secret": secret, "again": again}


def _keep_others(out, wanted):
    """Refuse to write a table of some exercises over one that has others too."""
    for path in (out / "learners").glob("*.json"):
        others = sorted(set(json.loads(path.read_text(encoding="utf-8"))["assignments"]) - set(wanted))
        if others:
            raise BatchError(
                f"{out} has the grades of {others[0]} too, and --only would take them away: name another folder by -o, or leave "
                "--only out (what was graded is not run again)."
            )


def _given_secret(file):
    """What the seeds are made from, where somebody brings it; else None."""
    if file is None:
        return None
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BatchError(f"{file} cannot be read as the secret ({type(error).__name__}).") from None
    if len(text) < 16:
        raise BatchError(f"{file} holds {len(text)} characters; a secret that nobody guesses has at least 16.")
    return text


def _own_secret(out):
    """The same, made once and kept beside what was graded with it."""
    file = out / "secret"
    if not file.exists():
        batch_files.write(file, secrets.token_hex(16) + "\n")
        file.chmod(0o600)
    return file.read_text(encoding="utf-8").strip()


def _grade(plan, options, secret):
    limits = asdict(box.Limits(seconds=options.time_limit, cell_seconds=options.time_limit / 3))
    settings = {"limits": limits, "walls": not options.trusted, "course": course_copy.fingerprint()}
    about = {"again": plan["again"], "at_once": options.jobs}
    work = grading.Grading(plan["out"], plan["submissions"], plan["exercises"], secret, settings, **about)
    with contextlib.ExitStack() as stack:
        stack.callback(work.stop)
        results = pool.each(runner.run_job, work.jobs(), at_once=options.jobs, scheduler=options.scheduler)
        stack.enter_context(contextlib.closing(results))
        tell = stack.enter_context(_progress(len(plan["submissions"])))
        for key, future in results:
            work.take(*key, _result(key, future))
            tell(work.finished())
        tell(work.finished(wait=True))
        work.close()
    _report(plan["out"], work)
    return 1 if work.broken else 0


def _result(key, future):
    try:
        return future.result()
    except box.BoxError:
        raise
    except Exception as error:  # such as a worker of the cluster that has gone
        told = f"{key[0]}, {key[1]}: could not be run ({type(error).__name__}: {error})."
        raise BatchError(f"{told} What was graded by then is kept: grade again to go on.") from error


def _report(out, work):
    handed_in, everybody = work.handed_in, len(work.submissions)
    print(f"{handed_in} of {everybody} learners handed something in. Scores: {out / 'scores.csv'}")
    if work.broken:
        print(f"The check itself failed for {', '.join(sorted(work.broken))}: please report this. The overview tells more.")
    if work.look:
        print(f"A check could not judge an answer of {_some(work.look)}: have a look, the overview tells which.")
    if work.ended:
        told = _some(work.ended)
        print(f"Not run to the end: {told}. If this machine was the reason, run a learner's programs anew by --again NAME.")
    print(f"Open {out / 'index.html'} in a browser.")


def _some(names):
    names = [shown(name, 40) for name in sorted(names)]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


@contextlib.contextmanager
def _progress(total):
    """A bar on a terminal; elsewhere a line for each learner."""
    if not sys.stdout.isatty():
        yield lambda learners: [print(f"graded  {learner}", flush=True) for learner in learners]
        return
    columns = [rich.progress.TextColumn("{task.description}"), rich.progress.BarColumn(), rich.progress.MofNCompleteColumn()]
    with rich.progress.Progress(*columns, rich.progress.TimeElapsedColumn(), transient=True) as bar:
        task = bar.add_task("learners", total=total)
        yield lambda learners: bar.update(task, advance=len(learners))
