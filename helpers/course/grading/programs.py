"""A learner's program while it runs: started in the box or without it, looked at, and ended with all that came of it."""

import subprocess
import time
import uuid
from pathlib import Path

import psutil

from helpers.course import batch_processes
from helpers.course.grading import box, course_copy

_PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


class Walled:
    """A program in bubblewrap: when the first process of its own small world goes, so does everything in it.

    Parameters
    ----------
    job : dict
        As `runner.run_job` takes it.
    said : file
        Where the box itself may complain.
    """

    def __init__(self, job, said):
        command = box.boxed(box.Limits(**job["limits"]))
        environment = box.environment(box.TOP, "/home/learner", "/cache")
        self.process = subprocess.Popen(command, env=environment, stderr=said, **_PIPES)
        self.peak = 0

    def sample(self):
        """Look at it: how many processes there are, and how many bytes of memory they have together."""
        count, memory = 0, 0
        for process in _children(self.process.pid):
            try:
                used = process.memory_info()
                memory += used.rss - used.shared  # what several processes share is small beside the limit
                count += 1
            except psutil.Error:
                continue
        self.peak = max(self.peak, memory)
        return count, memory

    def written(self):
        """Bytes that it has written and that nothing else limits: none, since its folders are of limited size."""
        return 0

    def end(self):
        """End it, and all that it started."""
        for first in _direct_children(self.process.pid):
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
    said : file
        Where Python itself may complain.
    folder : pathlib.Path
        Its own; it is there, and empty but for what the caller keeps in it.
    """

    def __init__(self, job, said, folder):
        (folder / "exercises").mkdir()
        box.fill_cache(folder / "cache")
        self.folder, self.weighed, self.weight = folder, time.monotonic(), 0
        marker = uuid.uuid4().hex
        environment = box.environment(str(course_copy.folder()), str(folder / "home"), str(folder / "cache"))
        environment |= {batch_processes.MARKER: marker}
        options = {"cwd": folder / "exercises", "start_new_session": True, "stderr": said, **_PIPES}
        self.process = subprocess.Popen(box.unboxed(), env=environment, **options)
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


def _children(pid):
    """All that came of a process. The kernel's own lists where it keeps them; else a look at every process there is."""
    lists = Path(f"/proc/{pid}/task/{pid}/children")
    if not lists.exists():
        return _of_psutil(pid)
    found, todo = [], [pid]
    while todo and len(found) < 5_000:
        for number in _listed(todo.pop()):
            todo.append(number)
            try:
                found.append(psutil.Process(number))
            except psutil.Error:
                continue
    return found


def _direct_children(pid):
    try:
        return psutil.Process(pid).children()
    except psutil.Error:
        return []


def _of_psutil(pid):
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _listed(pid):
    """The children of all threads of a process."""
    numbers = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            numbers += (task / "children").read_text(encoding="ascii").split()
    except OSError:
        pass  # it has just ended
    return [int(number) for number in numbers]


def _kill(process):
    try:
        process.kill()
    except psutil.Error:
        pass  # it has ended


def _close(process):
    for stream in (process.stdin, process.stdout):
        try:
            stream.close()
        except OSError:
            pass  # what could not be written any more
