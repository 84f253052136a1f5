"""Runs a learner's notebook, and gathers the evidence of each question: the process inside of the box.

It hears on its standard input, and tells on its standard output, both one JSON a line, and takes them away before the learner's
code runs. First comes the order (notebook, files, questions, limits). Then it tells `{"cell": n}` as each code cell begins, asks
`{"ask": "22a.1"}`, hears a seed, tells `{"gathered": "22a.1", …}`; at the end `{"over": true, …}`.
"""

import base64
import dataclasses
import json
import os
import sys
from pathlib import Path

from helpers.course.grading import alarm

MOST_TRIES = 5  # of one question: a check in a loop would go on for long


def main():
    """Do what the order says, and end."""
    hears, tells = _take_streams()
    order = json.loads(hears.readline())

    def say(**what):
        tells.write(json.dumps(what).encode() + b"\n")

    say(ready=True)
    try:
        cells = _code_cells(_lay_out(order))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        say(unreadable=f"cannot be read as a notebook ({type(error).__name__})", over=True)
        os._exit(0)
    _limit(order["limits"])
    if not order["walls"]:
        _deny_network()
    shell, collector = _shell(), Collector(say, hears, order["questions"])
    from helpers.course import questions

    questions.check = collector.check
    for number, source in enumerate(cells, start=1):
        say(cell=number)
        _run(shell, source, number, order["limits"]["cell_seconds"], say)
    for question_id, expression in order["questions"].items():
        if question_id not in collector.tries:  # the check was deleted or patched
            say(cell=0)
            _run(shell, f"__collect__({question_id!r}, {expression})", 0, order["limits"]["cell_seconds"], say, collector.check)
            if question_id not in collector.tries:  # what it should look at is not there
                say(missing=question_id)
    say(over=True, core_seconds=sum(os.times()[:4]))
    os._exit(0)  # at once: threads that the learner left running would keep it


class Collector:
    """Stands in for `check`: what a question asks for is gathered here, and judged elsewhere.

    Parameters
    ----------
    say : callable
        Tells the grader.
    hears : file
        Where the seeds come from.
    wanted : container of str
        The questions of this exercise.
    """

    def __init__(self, say, hears, wanted):
        from helpers.course import asking

        self.say, self.hears, self.wanted = say, hears, wanted
        self.find, self.gather = asking.find, asking.gather  # as they are now, before the learner's code runs
        self.tries = {}

    def check(self, question_id, answer=...):
        """As `questions.check`: with the evidence of the last call of each question, it is graded."""
        from helpers.course import asking, questions
        from helpers.course.verdict import ERROR, NOT_YET

        if question_id not in self.wanted:
            return questions.Result(str(question_id), NOT_YET, "This is no question of this exercise.")
        self.tries[question_id] = self.tries.get(question_id, 0) + 1
        if self.tries[question_id] > MOST_TRIES:
            return questions.Result(question_id, NOT_YET, f"Checked more than {MOST_TRIES} times.")
        self.say(ask=question_id)
        seed = int(self.hears.readline())
        try:
            found = self.gather(self.find(question_id), answer, seed)
        except KeyboardInterrupt:  # raised by the learner's code: nobody sits at this notebook
            found = asking.Gathered(ERROR, "KeyboardInterrupt")
        self.say(gathered=question_id, **dataclasses.asdict(found))
        return questions.Result(question_id, found.outcome or NOT_YET, found.reason or "It is judged later.")


def _take_streams():
    """Keep the way to the grader for ourselves: what the learner's code reads and prints goes nowhere."""
    hears, tells = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
    return hears, tells


def _lay_out(order):
    """Write the files below the present folder, go to the notebook's, and give the notebook's text."""
    home = Path(os.environ["HOME"])
    for folder in (home / "temporary", home / "data"):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in order["files"].items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    notebook = Path(order["notebook"])
    os.chdir(notebook.parent)
    return Path(notebook.name).read_bytes().decode("utf-8-sig")


def _code_cells(text):
    notebook = json.loads(text)
    cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
    sources = [cell.get("source", cell.get("input", "")) for cell in cells if cell.get("cell_type") == "code"]
    return ["".join(source) for source in sources]


def _limit(limits):
    """The system's own limits: an allocation beyond them fails inside of the learner's cell."""
    try:
        import resource
    except ImportError:
        return  # Windows: the grader's own look at the memory must do
    # A browser reserves far more than it uses, and threads count as processes; what is used is watched from outside.
    most_of = {"CORE": 0, "DATA": 4 * limits["memory"], "FSIZE": limits["disk"], "NPROC": 20 * limits["processes"]}
    for which, most in most_of.items():
        which = f"RLIMIT_{which}"
        if not hasattr(resource, which):
            continue
        hard = resource.getrlimit(getattr(resource, which))[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(getattr(resource, which), (most, most))
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text("1000", encoding="ascii")  # if memory runs out between two looks, the system ends this one first


def _deny_network():
    """Where there are no walls: refuse connections that leave this machine. Python's own only, so it stops accidents."""

    def look(event, arguments):
        if event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
            host = str(arguments[1][0])
            if not (host in ("localhost", "::1", "") or host.startswith("127.")):
                raise PermissionError(f"{host} cannot be reached while this is graded: only 127.0.0.1")

    sys.addaudithook(look)


def _shell():
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return InteractiveShell.instance(config=config)


def _run(shell, source, number, seconds, say, collect=None):
    if collect:
        shell.user_ns["__collect__"] = collect
    try:
        with alarm.within(seconds):
            result = shell.run_cell(source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
    except BaseException as stray:  # an alarm that rang between two lines of ours
        error = stray
    if error is not None and number:
        from helpers.course import evidence

        place = evidence.learners_line(error)[0].rpartition("<ipython-input")[2].partition(">, ")[2]  # the cell itself is known
        say(raised=number, what=evidence.describe(error) + (f" ({place})" if place else ""))
