"""A learner's program while it runs: started in the box or without it, looked at, and ended with all that came of it."""

import os
import subprocess
import threading
import time
import uuid
from pathlib import Path

import psutil

from helpers.course import batch_processes
from helpers.course.grading import box, course_copy

_PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
FEW = 20  # processes, up to which shared memory is counted exactly
MOST_WORDS = 10_000  # bytes kept of what a box complains about


class Walled:
    """A program in bubblewrap: when the first process of its own small world goes, so does everything in it.

    Parameters
    ----------
    job : dict
        As `runner.run_job` takes it.

    Raises
    ------
    box.BoxError
        This machine has no bubblewrap.
    """

    def __init__(self, job):
        command = box.boxed(box.Limits(**job["limits"]))
        environment = box.environment(box.TOP, "/home/learner", "/cache")
        self.process = subprocess.Popen(command, env=environment, **_PIPES)
        self.words = _Words(self.process.stderr)
        self.limits, self.peak = box.Limits(**job["limits"]), 0

    def sample(self):
        """Look at it: how many processes there are, and how many bytes of memory they have together."""
        everyone = _children(self.process.pid, most=self.limits.processes + 1)
        if len(everyone) > self.limits.processes:  # it is ended for that, and the more of them, the longer any other look
            return len(everyone), 0
        own, shared = map(sum, zip(*map(_memory, everyone), strict=True)) if everyone else (0, 0)
        if own <= self.limits.memory < own + shared and len(everyone) <= FEW:
            shared = sum(map(_part_of_shared, everyone))  # exact, and slow while processes fork
        memory = own + shared + _nameless(everyone)
        self.peak = max(self.peak, memory)
        return len(everyone), memory

    def written(self):
        """Bytes in all the folders that it may write to."""
        return sum(_used(f"/proc/{first}/root{place}") for first in _listed(self.process.pid)[:1] for place in box.ROOMS)

    def end(self):
        """End it, and all that it started."""
        for first in _listed(self.process.pid):
            _kill(first)
        self.process.kill()
        self.process.wait()
        _close(self.process)


class Trusted:
    """A program with a folder of its own, and no walls: as `Walled`.

    Parameters
    ----------
    job : dict
        As `runner.run_job` takes it.
    folder : pathlib.Path
        Its own; it is there, and empty but for what the caller keeps in it.
    """

    def __init__(self, job, folder):
        (folder / "exercises").mkdir()
        box.fill_cache(folder / "cache")
        self.folder, self.weighed, self.weight = folder, time.monotonic(), 0
        marker = uuid.uuid4().hex
        environment = box.environment(str(course_copy.folder()), str(folder / "home"), str(folder / "cache"))
        environment |= {batch_processes.MARKER: marker}
        options = {"cwd": folder / "exercises", "start_new_session": True, **_PIPES}
        self.process = subprocess.Popen(box.unboxed(), env=environment, **options)
        self.words = _Words(self.process.stderr)
        self.family = batch_processes.Family(marker, without=self.process.pid)
        self.peak = 0

    def sample(self):
        """As of `Walled`."""
        self.family.sample()
        self.peak = self.family.peak_mb * box.MB
        return len(self.family.members), self.family.now_mb * box.MB

    def written(self):
        """Bytes in its folder, looked at once a second."""
        if time.monotonic() - self.weighed > 1:
            self.weight = sum(_size(path) for path in self.folder.rglob("*"))
            self.weighed = time.monotonic()
        return self.weight

    def end(self):
        """End it, and all that it started."""
        self.process.kill()
        self.process.wait()
        self.family.end()
        _close(self.process)


def _size(path):
    try:
        return 0 if path.is_dir() else path.lstat().st_size
    except OSError:
        return 0  # it has gone since


class _Words:
    """The beginning of what a program complains about. All is read, so that it never waits; a file it could fill."""

    def __init__(self, stream):
        self.stream, self.kept = stream, b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with self.stream:
            while piece := self.stream.read1(MOST_WORDS):
                self.kept += piece[: MOST_WORDS - len(self.kept)]

    def text(self):
        """What is kept, once the program has ended."""
        self.reader.join(5)
        return self.kept.decode(errors="replace").strip()


def _children(pid, most):
    """The numbers of the processes that came of a process; so many of them are enough."""
    found, todo = [], [pid]
    while todo and len(found) < most:
        listed = _listed(todo.pop())
        found += listed
        todo += listed
    return found


def _listed(pid):
    """The children of a process, by the kernel's own lists where it keeps them; else by a look at every process there is."""
    numbers = []
    try:
        if not Path(f"/proc/{pid}/task/{pid}/children").exists():
            return [process.pid for process in psutil.Process(pid).children()]
        for task in Path(f"/proc/{pid}/task").iterdir():
            numbers += (task / "children").read_text(encoding="ascii").split()
    except (OSError, psutil.Error):
        pass  # it has just ended
    return [int(number) for number in numbers]


def _memory(pid):
    """Bytes of a process's own, and of memory that it shares with others; not the pages of programs and libraries."""
    return _sum_of_lines(f"/proc/{pid}/status", "RssAnon:"), _sum_of_lines(f"/proc/{pid}/status", "RssShmem:")


def _part_of_shared(pid):
    """Bytes of shared memory, divided by the number of processes that share them."""
    return _sum_of_lines(f"/proc/{pid}/smaps_rollup", "Pss_Shmem:")


def _sum_of_lines(file, name):
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0  # it has just ended
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _nameless(processes):
    """Bytes of memory in files without a place (memfd), which are in none of its folders."""
    sizes = {}
    for number in processes:
        for link in _files(number):
            try:
                if str(link.readlink()).startswith("/memfd:"):
                    about = link.stat()
                    sizes[about.st_ino] = about.st_blocks * 512
            except OSError:
                continue  # it has just been closed: the others still count
    return sum(sizes.values())


def _files(pid):
    try:
        return list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []  # it has just ended


def _used(place):
    try:
        about = os.statvfs(place)
    except OSError:
        return 0  # it has just ended
    return (about.f_blocks - about.f_bfree) * about.f_frsize


def _kill(number):
    try:
        psutil.Process(number).kill()
    except psutil.Error:
        pass  # it has ended


def _close(process):
    for stream in (process.stdin, process.stdout):
        try:
            stream.close()
        except OSError:
            pass  # what could not be written any more
