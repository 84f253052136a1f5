"""`python -m helpers`: every job of the workbook, on every system. `make` is a thin front for it."""

import argparse
import subprocess
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "Python %d.%d came, 3.11 or newer is needed: run this with another one, such as "
        "`python3.12 -m helpers` or `make PYTHON=python3.12`." % sys.version_info[:2]
    )

from helpers.course import install


def main(arguments=None):
    """Run one job.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.

    Returns
    -------
    int
        The exit code: 0 when all went well.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = command_line()
    options, rest = parser.parse_known_args(arguments)
    if options.job is None:
        parser.print_help()
        return 0
    if rest and options.job not in PASS_ON:
        parser.error(f"`{options.job}` does not know {' '.join(rest)}. See: python -m helpers {options.job} --help")
    try:
        python = install.ensure_environment()
    except install.InstallError as error:
        return _say(error)
    if str(python) != sys.executable:
        inner = subprocess.Popen([str(python), "-m", "helpers", *arguments])
        try:
            return inner.wait()
        except KeyboardInterrupt:
            return inner.wait()  # the job has heard it too: let it tidy up
    try:
        return options.work(options, rest) or 0
    except KeyboardInterrupt:
        return _say("Interrupted.", 130)


def command_line():
    """What can be asked for.

    Returns
    -------
    argparse.ArgumentParser
        Each job's function is in `work`.
    """
    parser = argparse.ArgumentParser(
        prog="python -m helpers",
        description="The flight-delay workbook. `make JOB` does the same.",
        epilog="The first job that is run makes .venv, which takes one to three minutes; nothing else is installed.",
    )
    jobs = parser.add_subparsers(dest="job", metavar="JOB", title="jobs")
    for name, (help_text, work) in JOBS.items():
        job = jobs.add_parser(name, help=help_text, description=help_text)
        job.set_defaults(work=work)
        if name in OPTIONS:
            OPTIONS[name](job)
    return parser


def lab(options, rest):
    """Open JupyterLab at the first page."""
    from helpers.course import lab

    return lab.open_lab(rest)


def run(options, rest):
    """Execute lessons and solutions."""
    from helpers.course import batch

    return batch.main(options)


def execute(options, rest):
    """Execute notebooks and store their outputs in the sources."""
    from helpers.course import store

    return store.main(options.notebooks)


def test(options, rest):
    """Run every test."""
    from helpers.course import batch, extras

    install.install_system_parts()
    for name in extras.EXTRAS:
        if name != "otter":  # only the bench's, which makes it by itself
            extras.ensure(name)
    if not any(word.startswith("tests") for word in rest):  # tests that are named need no notebook
        batch.main(command_line().parse_args(["run"]))  # pytest goes on to tell, by name, what failed in it
    return subprocess.run([sys.executable, "-m", "pytest", *rest], cwd=install.ROOT, check=False).returncode


def lock(options, rest):
    """Pin every version anew."""
    from helpers.course import lock

    try:
        lock.make_lock(upgrade=options.upgrade)
    except lock.LockError as error:
        return _say(error)


def exercises(options, rest):
    """Make the exercises from the solutions."""
    from helpers.course import release, system

    try:
        release.make_exercises(install.ROOT / "solutions", install.ROOT / "exercises")
        system.write_pictures(install.ROOT / "notebooks" / "pictures")
    except release.ReleaseError as error:
        return _say(error)


def install_extra(options, rest):
    """Make the environment of an extra."""
    from helpers.course import extras

    try:
        print(f"{options.extra} is in {extras.ensure(options.extra).parents[1].name}.")
    except install.InstallError as error:
        return _say(error)


def doctor(options, rest):
    """Say what this machine can run."""
    from helpers.course import doctor

    print(doctor.as_text(doctor.examine()))


def bench(options, rest):
    """Measure the speeds that the workbook promises."""
    return subprocess.run([sys.executable, "-m", "tests.bench", *rest], cwd=install.ROOT, check=False).returncode


def capstone(options, rest):
    """Check a capstone project."""
    from helpers.course.capstone import command

    return command.main(options.folder, options.to, options.seconds)


def handbook(options, rest):
    """Make the handbook."""
    from helpers.course import handbook

    try:
        print(f"Open {handbook.build(options.out)} in a browser.")
    except handbook.HandbookError as error:
        return _say(error)


def slides(options, rest):
    """Make slides of the lessons."""
    from helpers.course import slides

    return slides.main(options)


def progress(options, rest):
    """Tell of one's own progress, or of a class's."""
    from helpers.course import progress_command

    return progress_command.main(options.folder, options.out, options.copy)


def nbgrader(options, rest):
    """Make a course folder for nbgrader."""
    from helpers.course import extras, nbgrader_course

    try:
        names = nbgrader_course.make_course(options.course)
    except nbgrader_course.NbgraderCourseError as error:
        return _say(error)
    print(f"{len(names)} assignments are in {options.course}/source; settings in {options.course}/{nbgrader_course.CONFIG}.")
    if not extras.find("nbgrader"):
        print("nbgrader itself is absent; install it by: python -m helpers install nbgrader")


def grade(options, rest):
    """Grade what a class handed in."""
    from helpers.course.grading import command

    return command.main(options)


def _slides_options(job):
    job.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="only these lessons (a path, or a name such as 22a)")
    job.add_argument("-o", "--out", default="build/slides", metavar="OUT", help="the folder to make; build/slides by default")


def _progress_options(job):
    job.add_argument("folder", nargs="?", metavar="FOLDER", help="a class's progress files; without it, your own progress")
    job.add_argument("-o", "--out", default="build/class_progress.html", metavar="OUT", help="the page of the class")
    job.add_argument("--copy", metavar="FILE", help="copy your own progress file there, to hand it over")


def _nbgrader_options(job):
    job.add_argument("course", metavar="COURSE", help="the folder to make; one that is there has to be empty")


def _grade_options(job):
    job.add_argument("submissions", metavar="SUBMISSIONS", help="a folder with a folder or a zip for each learner; only read")
    job.add_argument("-o", "--out", default="build/grades", metavar="OUT", help="the folder to write; build/grades by default")
    job.add_argument("--only", action="append", default=[], metavar="NAME", help="this exercise (22a …); may be said again")
    job.add_argument("--again", action="append", default=[], metavar="LEARNER", help="run this learner anew; may be said again")
    job.add_argument("--jobs", type=int, default=None, metavar="N", help="how many at once; as many as cores by default")
    job.add_argument("--time-limit", type=float, default=900, metavar="SECONDS", help="for one exercise; 900 by default")
    job.add_argument("--secret", default=None, metavar="FILE", help="what the seeds are made from; made in OUT by default")
    job.add_argument("--trusted", action="store_true", help="run the learners' programs without walls, with limits alone")
    job.add_argument("--scheduler", default=None, metavar="ADDRESS", help="a Dask cluster's, such as tcp://127.0.0.1:8786")


def _handbook_options(job):
    job.add_argument("-o", "--out", default="build/handbook", metavar="OUT", help="the folder to make; build/handbook by default")


def _capstone_options(job):
    job.add_argument("what", choices=["check"], help="grade the project in a folder, and write a report")
    job.add_argument("folder", metavar="FOLDER", help="the one that capstone.toml is in; it is only read")
    job.add_argument("--to", default="work/70/report", metavar="OUT", help="where the report goes; work/70/report by default")
    job.add_argument("--seconds", type=float, default=300, metavar="N", help="that the check may take; 300 by default")


def _run_options(job):
    job.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="only these (a path, or a name such as 22a); all by default"
    )
    job.add_argument(
        "-p",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        dest="parameters",
        help="a parameter of the notebooks; a name that none of them has is an error",
    )
    job.add_argument(
        "--jobs", type=int, default=None, metavar="N", help="how many at once; as many as there are cores by default"
    )
    job.add_argument("--time-limit", type=float, default=600, metavar="SECONDS", help="for one notebook; 600 by default")
    job.add_argument("--scheduler", default=None, metavar="ADDRESS", help="a Dask cluster's, such as tcp://127.0.0.1:8786")
    job.add_argument("--fresh", action="store_true", help="run again also what has not changed")


def _execute_options(job):
    job.add_argument("notebooks", nargs="+", metavar="NOTEBOOK", help="the notebooks to run and store, for maintainers")


def _install_options(job):
    from helpers.course import extras

    told = "; ".join(f"{name}: {what}" for name, what in extras.EXTRAS.items())
    job.add_argument("extra", choices=list(extras.EXTRAS), help=told)


def _lock_options(job):
    job.add_argument("--upgrade", action="store_true", help="take newer versions of everything")


JOBS = {
    "lab": ("open JupyterLab at notebooks/00_start_here.ipynb", lab),
    "run": ("execute every lesson and solution; one table tells how each went", run),
    "test": ("run every test (arguments go on to pytest)", test),
    "install": ("install an extra into an environment of its own", install_extra),
    "capstone": ("check a capstone project: a report with points, evidence and what to do next", capstone),
    "handbook": ("make the whole course as pages to read from a file, solutions, glossary and guide included", handbook),
    "slides": ("make a deck of slides with speaker notes for each lesson, and copies with empty cells for live coding", slides),
    "nbgrader": ("make a course folder for nbgrader: every exercise as an assignment, and its settings", nbgrader),
    "progress": ("tell how far you are and where your progress file is; with a folder of them, how far a class is", progress),
    "grade": ("grade what a class handed in: scores, a feedback page for each learner, an overview", grade),
    "doctor": ("say what this machine can run", doctor),
    "exercises": ("for maintainers: make exercises/ anew from solutions/ and the pictures of the system", exercises),
    "lock": ("pin every version: requirements.lock and environment.yml, from pyproject.toml", lock),
    "execute": ("for maintainers: run notebooks and store their outputs in place", execute),
    "bench": ("measure the speeds that the workbook promises", bench),
}
OPTIONS = {
    "run": _run_options,
    "execute": _execute_options,
    "lock": _lock_options,
    "install": _install_options,
    "capstone": _capstone_options,
    "handbook": _handbook_options,
    "slides": _slides_options,
    "nbgrader": _nbgrader_options,
    "progress": _progress_options,
    "grade": _grade_options,
}
PASS_ON = {"lab", "test", "bench"}


def _say(message, code=1):
    print(message, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
