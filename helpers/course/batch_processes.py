"""The processes that one notebook starts: counted while it runs, ended when it is over.

They are known by an environment variable that only they carry, so that also a server is found which has left its family
(double-forked, in a session of its own).
"""

import sys
from pathlib import Path

import psutil

MARKER = "WORKBOOK_BATCH_JOB"
MEGABYTE = 1e6


class Family:
    """All processes that carry one marker, and what they start.

    Parameters
    ----------
    marker : str
        The value of the environment variable `MARKER`.
    without : int
        The process id of the one that drives the kernel: neither counted nor ended here.
    """

    def __init__(self, marker, without):
        self.marker = marker
        self.without = without
        self.members = {}  # process id: psutil.Process
        self.strangers = set()  # looked at before, and not ours
        self.now_mb = 0.0
        self.peak_mb = 0.0
        self.kernel_mb = 0.0

    def sample(self):
        """Look for new members, and keep the highest memory seen: of all together, and of the kernel by itself."""
        self._look()
        total = 0
        for pid, process in list(self.members.items()):
            try:
                total += _share(process)
                if process.ppid() == self.without:  # the kernel
                    self.kernel_mb = max(self.kernel_mb, _own_peak(process) / MEGABYTE)
            except psutil.Error:
                del self.members[pid]
        self.now_mb = total / MEGABYTE
        self.peak_mb = max(self.peak_mb, self.now_mb)

    def end(self, patience=0.0):
        """End every member for good.

        Parameters
        ----------
        patience : float
            Seconds in which they may still end by themselves, as some helpers of a kernel do when it has gone.

        Returns
        -------
        list of str
            The names of those that had to be ended, in no order.
        """
        ended = []
        self._look()
        psutil.wait_procs(self.members.values(), timeout=patience)
        self.strangers = set()  # a number may have come back as another process
        for _ in range(20):  # one that is being ended may have started another
            self._look()
            alive = [process for process in self.members.values() if _is_alive(process)]
            if not alive:
                break
            for process in alive:
                ended += _kill(process)
            psutil.wait_procs(alive, timeout=1)
            self.strangers = set()
        return ended

    def _look(self):
        running = set(psutil.pids())
        self.strangers &= running
        for pid in sorted(running - self.strangers - self.members.keys() - {self.without}):
            try:
                process = psutil.Process(pid)
                ours = process.ppid() in self.members or process.environ().get(MARKER) == self.marker
            except psutil.AccessDenied:
                ours = False  # another user's
            except psutil.Error:
                continue  # over already
            if ours:
                self.members[pid] = process
            else:
                self.strangers.add(pid)


def _is_alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _kill(process):
    try:
        name = process.name()
        process.kill()
    except psutil.Error:
        return []
    return [name]


def _share(process):
    """Its part of the memory: what several use, as the processes of a browser do, counts once where the system can tell."""
    try:
        return process.memory_full_info().pss
    except (AttributeError, psutil.AccessDenied):
        return process.memory_info().rss


def _own_peak(process):
    """Linux keeps the peak itself, so none is missed between two samples; elsewhere the samples must do."""
    if sys.platform == "linux":
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            return 1024 * int(status.partition("VmHWM:")[2].split()[0])
        except (OSError, IndexError):
            pass  # it has just ended
    return process.memory_info().rss
