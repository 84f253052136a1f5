"""Runs one learner's exercise in the box, under watch, and brings back the evidence as text. Nothing of it is left.

A job goes in as data and comes back as data, so that it may as well run on another machine of a cluster.
"""

import base64
import json
import platform
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from helpers.course.grading import box, course_copy, programs

TICK = 0.1  # seconds between two looks, growing to
LONGEST_TICK = 0.4
MOST_LINE, MOST_TOLD = 4_000_000, 40_000_000  # bytes of one line, and of all that a program tells
REMEDY = ". Is bwrap allowed to make user namespaces on this system? Allow it, or grade in a virtual machine."
MISSING = {"outcome": "", "reason": "", "evidence": ""}


def run_job(job, stopped=None):
    """Run one exercise of one learner.

    Parameters
    ----------
    job : dict
        `notebook` (its place below `exercises`), `files` (place to bytes, the notebook among them), `questions` (id to the
        expression that the exercise checks), `seeds` (id to int), `limits` (as `box.Limits`, a dict), `walls` (bool),
        `course` (as `course_copy.fingerprint`).
    stopped : callable, optional
        Asked several times a second; once it is true, all is ended.

    Returns
    -------
    dict
        `gathered` (id to dict of `outcome`, `reason`, `evidence`, as `asking.Gathered`), `missing` (ids whose answer was not
        there), `raised` (a list of cell number and text), `trouble` (why it was ended early; else ""), `seconds` (on the
        clock), `core_seconds` (as the program itself tells at its end; else 0), `peak_mb`.

    Raises
    ------
    box.BoxError
        The box does not start, or this machine has another version of the workbook than the one that sent the job.
    """
    if job["course"] != course_copy.fingerprint():
        raise box.BoxError(f"The workbook on {platform.node()} is not the one of the grader: bring both to one version.")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="workbook-box-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        program = programs.Walled(job) if job["walls"] else programs.Trusted(job, folder)
        told = _Told(job, program.process)
        try:
            why = _watch(program, told, started, box.Limits(**job["limits"]), stopped)
        finally:
            program.end()
        told.listener.join(10)
        if not told.ready and why != "stopped":
            said = program.words.text() or "it said nothing"
            raise box.BoxError(f"The box does not start on {platform.node()}: {said}{REMEDY if job['walls'] else ''}")
    return {
        "gathered": told.gathered,
        "missing": told.missing,
        "raised": told.raised[:3],
        "trouble": told.unreadable or why,
        "seconds": time.monotonic() - started,
        "core_seconds": told.core_seconds,
        "peak_mb": program.peak / box.MB,
    }


class _Told:
    """What a program tells, and the one thing that it is told: a seed, when its turn has come."""

    def __init__(self, job, process):
        self.seeds, self.process = dict(job["seeds"]), process
        self.gathered, self.missing, self.raised = {}, [], []
        self.ready, self.over, self.too_much, self.garbled = False, False, False, False
        self.cell, self.asked, self.unreadable, self.core_seconds = 0, None, "", 0.0
        files = {name: base64.b64encode(raw).decode() for name, raw in job["files"].items()}
        order = {name: job[name] for name in ("notebook", "questions", "limits", "walls")} | {"files": files}
        self.order = json.dumps(order).encode() + b"\n"
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self):
        total = 0
        try:
            self._answer(self.order)
            while line := self.process.stdout.readline(MOST_LINE):
                total += len(line)
                self.too_much = len(line) == MOST_LINE or total > MOST_TOLD
                if self.too_much or not line.endswith(b"\n"):
                    return
                if not self._understood(line):
                    return
        except (OSError, ValueError):
            return  # it ended: what was told by then counts

    def _understood(self, line):
        """Whether a line is ours. Somebody else may write into the pipe, and anything: what was told by then counts."""
        try:
            self._hear(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
            self.garbled = True
        return not self.garbled

    def _hear(self, said):
        if "ready" in said:
            self.ready = True
        elif "cell" in said:
            self.cell = int(said["cell"])
        elif said.get("ask") in self.seeds:
            self.asked = said["ask"]
            self._answer(b"%d\n" % self.seeds[self.asked])
        elif said.get("gathered") == self.asked and self.asked is not None:
            self.gathered[self.asked] = {name: str(said[name]) for name in MISSING}
            self.asked = None
        elif said.get("missing") in self.seeds:
            self.missing.append(said["missing"])
        elif "raised" in said:
            self.raised.append([int(said["raised"]), str(said["what"])[:500]])
        elif said.get("over"):
            self.over, self.unreadable = True, str(said.get("unreadable", ""))[:200]
            self.core_seconds = float(said.get("core_seconds", 0))

    def _answer(self, words):
        self.process.stdin.write(words)
        self.process.stdin.flush()


def _watch(program, told, started, limits, stopped):
    """Wait until it ends, or end it; the reason, in the learner's terms, or ""."""
    tick = TICK
    while True:
        try:
            program.process.wait(tick)
            told.listener.join(10)
            return _ended(told, program.process.returncode)
        except subprocess.TimeoutExpired:
            tick = min(LONGEST_TICK, tick * 1.5)
        where = f" in code cell {told.cell}" if told.cell else ""
        count, memory = program.sample()
        if told.over:
            return ""
        if stopped is not None and stopped():
            return "stopped"
        if told.too_much or told.garbled:
            return f"{_sent(told)}{where} and was ended"
        if count > limits.processes:
            return f"started more than {limits.processes} processes{where} and was ended"
        if memory > limits.memory:
            return f"took more than {limits.memory / box.MB:.0f} MB of memory{where} and was ended"
        if program.written() > 1.1 * limits.disk:  # one full folder is no more than that: there the write itself fails
            return f"wrote more than {limits.disk / box.MB:.0f} MB to disk{where} and was ended"
        if time.monotonic() - started > limits.seconds:
            return f"took more than {limits.seconds:g} s and was ended{where}"


def _sent(told):
    return f"sent more than {MOST_LINE // box.MB} MB to its check" if told.too_much else "wrote into the way to its check"


def _ended(told, code):
    if told.over:
        return ""
    if told.too_much or told.garbled:
        return f"{_sent(told)} and was ended"
    where = f" in code cell {told.cell}" if told.cell else ""
    return f"ended its own process{where} (exit code {code})"
