"""`python -m helpers run`: executes lessons and solutions, several at once, and keeps what came of it in build/run."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import rich.progress

from helpers.course import batch_files, batch_plan, batch_report, batch_work, install
from helpers.course.batch_files import BatchError

OUTPUT = Path("build/run")  # in the workbook's folder
KEPT = ("status", "reason", "cell", "source", "traceback", "seconds", "peak_mb", "kernel_mb", "left")


def main(options, root=install.ROOT):
    """Run notebooks and say how they went.

    Parameters
    ----------
    options : argparse.Namespace
        `notebooks`, `parameters`, `jobs`, `time_limit`, `scheduler`, `fresh`, as `python -m helpers run --help` says.
    root : pathlib.Path, optional
        The workbook's folder.

    Returns
    -------
    int
        0 if all passed, 1 if one did not, 2 if nothing was run because something asked for is not there.
    """
    root = Path(os.path.realpath(root))
    try:
        if options.time_limit <= 0 or (options.jobs is not None and options.jobs < 1):
            raise BatchError(f"--time-limit {options.time_limit:g} --jobs {options.jobs}: both must be above 0.")
        jobs = plan_jobs(root, options.notebooks, options.parameters)
        with batch_files.held(root / OUTPUT), terminated_as_interrupted():
            return _run(root, jobs, options)
    except BatchError as error:
        print(error, file=sys.stderr)
        return 2


def plan_jobs(root, wanted, parameters=()):
    """Make the jobs for the selected notebooks.

    Parameters
    ----------
    root : pathlib.Path
    wanted : list of str
        As for `batch_plan.select`.
    parameters : list of (str, str)
        As for `batch_plan.parameters_for`.

    Returns
    -------
    dict of str to dict
        Notebook to job, each as `batch_job.run_job` takes it but for `time_limit` and `threads`, and with its `key`.

    Raises
    ------
    BatchError
        A notebook or a parameter is not there.
    """
    names = batch_plan.select(root, wanted)
    notebooks = {name: batch_plan.read(root, name) for name in names}
    given = batch_plan.parameters_for(notebooks, parameters)
    jobs = {}
    for name, notebook in notebooks.items():
        files = batch_plan.companions(root, name)
        key = batch_plan.fingerprint(notebook, files, given[name])
        content = json.dumps(notebook).encode()
        jobs[name] = {"name": name, "notebook": content, "files": files, "parameters": given[name], "key": key}
    return jobs


def read_records(root):
    """What earlier runs left.

    Parameters
    ----------
    root : pathlib.Path

    Returns
    -------
    dict of str to dict
        Notebook to record; empty where nothing has run.
    """
    try:
        return json.loads((root / OUTPUT / "records.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def executed_path(root, name):
    """Where the executed copy of a notebook lies.

    Parameters
    ----------
    root : pathlib.Path
    name : str

    Returns
    -------
    pathlib.Path
    """
    return root / OUTPUT / "executed" / name


def _run(root, jobs, options):
    started = time.monotonic()
    records = _of_what_is_there(root)
    unchanged = {} if options.fresh else {name: records[name] for name in jobs if _is_done(root, jobs[name], records.get(name))}
    todo = {name: jobs[name] for name in jobs if name not in unchanged}
    longest_first = dict(sorted(todo.items(), key=lambda item: -records.get(item[0], {}).get("seconds", float("inf"))))
    rows = {name: {**record, "status": "unchanged"} for name, record in unchanged.items()}
    results = batch_work.work(longest_first, at_once=options.jobs, time_limit=options.time_limit, scheduler=options.scheduler)
    with contextlib.closing(results), _progress(len(jobs), len(unchanged)) as tell:
        for name, result in results if todo else ():
            rows[name] = records[name] = _keep(root, jobs[name], result)
            _write_records(root, records)
            tell(name, rows[name])
    rows = {name: rows[name] for name in jobs}
    folder = root / OUTPUT
    batch_files.write(folder / "junit.xml", batch_report.junit(rows, time.monotonic() - started))
    batch_files.write(folder / "index.html", batch_report.page(dict(sorted(records.items()))))
    batch_report.print_report(rows)
    print(f"{time.monotonic() - started:.0f} seconds. All of it: {folder / 'index.html'}")
    return 0 if all(row["status"] in batch_report.GREEN for row in rows.values()) else 1


def _of_what_is_there(root):
    """The records; what was made from a notebook that has gone since goes too."""
    records = read_records(root)
    for name in [name for name in records if not (root / name).exists()]:
        del records[name]
        executed_path(root, name).unlink(missing_ok=True)
        _page_path(root, name).unlink(missing_ok=True)
    return records


def _is_done(root, job, record):
    return (
        record is not None
        and record["key"] == job["key"]
        and record["status"] == "passed"
        and executed_path(root, job["name"]).exists()
        and _page_path(root, job["name"]).exists()
    )


def _keep(root, job, result):
    """Write what a job made, and make its record."""
    page = result["html"] and batch_report.with_pictures(result["html"], (root / job["name"]).parent)
    for path, content in [(executed_path(root, job["name"]), result["executed"]), (_page_path(root, job["name"]), page)]:
        if content is None:
            path.unlink(missing_ok=True)
        else:
            batch_files.write(path, content)
    link = _page_path(root, job["name"]).relative_to(root / OUTPUT).as_posix() if page else None
    return {"key": job["key"], **{name: result[name] for name in KEPT}, "when": batch_report.now(), "page": link}


def _write_records(root, records):
    batch_files.write(root / OUTPUT / "records.json", json.dumps(records, indent=1))


def _page_path(root, name):
    return root / OUTPUT / "html" / Path(name).with_suffix(".html")


@contextlib.contextmanager
def _progress(total, done):
    """A bar on a terminal; elsewhere a line for each notebook as it ends."""
    if not sys.stdout.isatty():
        yield lambda name, row: print(f"{row['status']:>11}  {name}  {row['seconds']:.1f} s", flush=True)
        return
    columns = [
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeElapsedColumn(),
    ]
    with rich.progress.Progress(*columns, transient=True) as bar:
        task = bar.add_task("notebooks", total=total, completed=done)
        yield lambda name, row: bar.update(task, advance=1, description=f"{row['status']}: {Path(name).stem}")


@contextlib.contextmanager
def terminated_as_interrupted():
    """A CI system ends a job by SIGTERM: that should tidy up as ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
