"""Judges evidence in a process of its own: no learner's code runs there, but an answer may be one that a check never ends with.

A `Judge` keeps such a process for the whole of a grading. The process hears one JSON a line (question, what was gathered, seed),
answers with one, and is ended when an answer takes too long or too much memory; the next answer then meets a new one.
"""

import contextlib
import dataclasses
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil

from helpers.course import asking, install
from helpers.course.batch_files import BatchError
from helpers.course.questions import BROKEN
from helpers.course.verdict import NOT_YET

SECONDS = 60  # of a core, for one question: so a busy machine judges as an idle one does
CLOCK = 300  # seconds on the clock, for a check that waits
MEMORY = 2_000_000_000  # bytes
RESERVED = 2_000_000_000  # bytes that a process asks the system for beside those that it uses, which the grader watches
STARTING = 300  # seconds on the clock, for imports from a cold disk
TICK = 0.2  # seconds between two looks
LONGEST = 800  # characters of a reason
START = "from helpers.course.grading import judging; judging.main()"
OURS = (ImportError, NameError)  # no evidence leads to these
STOPPED = "The grading was stopped."
UNREADABLE = (
    "The check cannot read what came of this answer ({}). Run the check in your own notebook: if it gives a verdict there, show "
    "that to your instructor."
)
UNREADABLE_LOOK = (
    "the check cannot read the evidence ({}). Run the notebook by hand: if it says “check failed” there too, report it"
)


def decide(question_id, gathered, seed):
    """Judge one question, in this process.

    A judge that raises has met evidence of another shape than it reads. A genuine probe may have made that (then the check has
    a fault), or a learner's code that spoke for the check. From here nobody can tell, so it gives no points, no word that the
    answer is free of blame, and a line for the instructor with what does tell: the same check, run by hand.

    Parameters
    ----------
    question_id : str
    gathered : asking.Gathered
    seed : int

    Returns
    -------
    dict
        `outcome`; `reason` for the learner; `misconception`, a name or None; `look`, what the instructor should look at, or "".
        The outcome is `BROKEN` only where no evidence can be the cause.
    """
    try:
        question = asking.find(question_id)
    except (asking.BrokenCheck, asking.UnknownQuestion) as error:
        return _broken(error)
    try:
        verdict = asking.decide(question, gathered, seed)
    except asking.BrokenCheck as error:
        return _undecided(error)
    return _told(verdict.outcome, verdict.reason, misconception=getattr(verdict, "misconception", None))


def _undecided(error):
    cause = error.__cause__
    if isinstance(cause, MemoryError):
        return _over_the_limit("took too much memory")
    if cause is None or isinstance(cause, OURS):  # it gave no verdict, or names what is not there
        return _broken(error)
    told = str(error)[:200]
    return _told(NOT_YET, UNREADABLE.format(told), UNREADABLE_LOOK.format(told))


def _broken(error):
    return _told(BROKEN, f"The check itself failed, the answer is not to blame ({error}).")


def _over_the_limit(what):
    return _told(NOT_YET, f"The check {what} on this answer, and was ended.", f"the check {what} on this answer")


def _told(outcome, reason, look="", misconception=None):
    return {"outcome": outcome, "reason": str(reason)[:LONGEST], "misconception": misconception, "look": look}


class Judge:
    """A process that judges. It is started when the first answer comes.

    Parameters
    ----------
    seconds : float, optional
        Of a core, for one question.
    clock : float, optional
        Seconds on the clock, for one question.
    memory : int, optional
        Bytes.
    """

    def __init__(self, seconds=SECONDS, clock=CLOCK, memory=MEMORY):
        self.seconds, self.clock, self.memory = seconds, clock, memory
        self.process, self.lines, self.closed, self.by_one = None, None, False, threading.Lock()

    def decide(self, question_id, gathered, seed):
        """As `decide`, there.

        Parameters
        ----------
        question_id : str
        gathered : asking.Gathered
        seed : int

        Returns
        -------
        dict
            As of `decide`. An answer on which the check is not done within the limits is not passed, and has a `look`.

        Raises
        ------
        BatchError
            The process cannot be started, or this judge was closed.
        """
        order = json.dumps([question_id, dataclasses.asdict(gathered), seed]).encode() + b"\n"
        for _ in range(2):  # one that somebody else ended, such as a system short of memory, is no answer's fault at once
            answer = self._ask(order)
            if isinstance(answer, bytes):
                return json.loads(answer)
            self._end()
            if answer:
                return _over_the_limit(answer)
        return _told(NOT_YET, "The check's process ended on this answer.", "the check's process ended on this answer, twice")

    def close(self):
        """End it for good, also while it is at work."""
        self.closed = True
        self._end()

    def _ask(self, order):
        """The line that comes back; or in words, what it did instead; or None, if it has ended."""
        process = self._started()
        begun, before = time.monotonic(), _seconds(process)
        try:
            process.stdin.write(order)
            process.stdin.flush()
        except (OSError, ValueError):  # it has ended, or was ended while we wrote
            return None
        while True:
            try:
                line = self.lines.get(timeout=TICK)
                if _bytes(process) > self.memory / 2:
                    self._end()  # it keeps much: the next answer should not pay for it
                return line
            except queue.Empty:
                pass
            if _bytes(process) > self.memory:
                return "took too much memory"
            if _seconds(process) - before > self.seconds or time.monotonic() - begun > self.clock:
                return "took too long"

    def _started(self):
        with self.by_one:
            if self.closed:
                raise BatchError(STOPPED)
            if self.process is None:
                self._start()
            return self.process

    def _start(self):
        path = os.pathsep.join(filter(None, [str(install.ROOT), os.environ.get("PYTHONPATH")]))
        about = [str(self.clock), str(self.memory)]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", START, *about],
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # ctrl-C is the grader's to hear
        )
        self.lines = queue.SimpleQueue()
        threading.Thread(target=_read, args=(self.process.stdout, self.lines), daemon=True).start()
        try:
            ready = self.lines.get(timeout=STARTING)
        except queue.Empty:
            ready = None
        if ready is None:
            raise BatchError("The process that judges does not start; what it said stands above.")

    def _end(self):
        with self.by_one:
            process, self.process = self.process, None
        if process is None:
            return
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGKILL)  # and what a judge may have started
        process.kill()
        process.wait()
        with contextlib.suppress(OSError):  # what could not be written any more
            process.stdin.close()


class Judges:
    """As many judges as are wanted at once, each used again and again."""

    def __init__(self):
        self.idle, self.all, self.closed = [], [], False

    @contextlib.contextmanager
    def one(self) -> Iterator[Judge]:
        """Have a judge for oneself.

        Yields
        ------
        Judge

        Raises
        ------
        BatchError
            All were ended.
        """
        if self.closed:
            raise BatchError(STOPPED)
        try:
            judge = self.idle.pop()
        except IndexError:
            judge = Judge(SECONDS, CLOCK, MEMORY)
            self.all.append(judge)
        try:
            yield judge
        finally:
            self.idle.append(judge)

    def close(self):
        """End them all, also those at work."""
        self.closed = True
        for judge in self.all:
            judge.close()


def _read(stream, lines):
    with stream:
        for line in stream:
            if line.endswith(b"\n"):  # else it was ended while it wrote
                lines.put(line)
    lines.put(None)


def _seconds(process):
    try:
        used = psutil.Process(process.pid).cpu_times()
    except psutil.Error:
        return 0.0  # it has ended
    return used.user + used.system


def _bytes(process):
    try:
        return psutil.Process(process.pid).memory_info().rss
    except psutil.Error:
        return 0  # it has ended


def main():
    """Be the process that judges: until nobody asks any more."""
    hears, tells = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # what a judge prints is no answer
        os.dup2(nowhere, stream)
    clock, memory = float(sys.argv[1]), int(sys.argv[2])
    _limit(memory)
    tells.write(b"ready\n")
    tells.flush()
    while line := hears.readline():
        if hasattr(signal, "alarm"):
            signal.alarm(int(clock) + 60)  # should the grader be gone, it ends all the same
        question_id, gathered, seed = json.loads(line)
        answer = decide(question_id, asking.Gathered(**gathered), seed)
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        tells.write(json.dumps(answer).encode() + b"\n")
        tells.flush()
    os._exit(0)


def _limit(memory):
    try:
        import resource
    except ImportError:
        return  # Windows: the grader's own look must do
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = memory + RESERVED
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
