"""What a second worker is worth in batch scoring, what a hundred years of flights take, and how much memory all of it needs."""

import os
import sys
import tempfile
import threading
import time

import psutil

from helpers import flights, modeling, scale_out

WORKERS = 2
GAIN = 1.6  # at least this ratio of two workers' throughput to one's
COPIES = 100  # of the year
MONTHS = 12  # in a partition: a tenth of a second and more a task, so that handing it out weighs little
YEARS = 16  # scored in each round: a second or two
CENTURY = 60  # seconds
MEMORY = 1300  # MB, of this process and all that it started
ROUNDS = 5  # in turn one worker and two; of each the shortest counts, as others may use the machine too
LOOK = 0.25  # seconds between two looks at the memory


def measure():
    """Lines for `tests.bench`: what was measured, and whether it keeps the promise."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Memory() as memory:
        year = flights.load()
        model = modeling.make_model().fit(*flights.features_and_target(year[year["month"] <= 3]))
        folder = scale_out.prepare(model, year, folder, months=MONTHS)
        with scale_out.cluster(WORKERS) as client:
            ratio, one = gain(client, scale_out.plan(folder, YEARS))
            begun = time.perf_counter()
            receipts = client.gather(client.map(scale_out.score, scale_out.plan(folder, COPIES), pure=False))
            taken = time.perf_counter() - begun
        scale_out.write_manifest(folder, receipts)
        found = scale_out.reconcile(folder, COPIES)
    rows = found["wanted"]
    whole = found["once"] == rows and not any(found[name] for name in ("missing", "more", "strays", "changed"))
    return [
        (f"batch scoring, {one / 1e6:.1f} million rows/s by one worker: {WORKERS} workers {ratio:.2f} times as many, "
         f"promised at least {GAIN}", ratio >= GAIN),
        (f"{rows:,} flights by {WORKERS} workers: {taken:.0f} s, promised under {CENTURY}", taken < CENTURY),
        (f"{rows:,} flights: {memory.peak:.0f} MB in all processes together, promised under {MEMORY}", memory.peak < MEMORY),
        (f"{rows:,} flights: each has exactly one score: {whole}", whole),
    ]  # fmt: skip


def gain(client, tasks):
    """The ratio of the throughput of all workers to that of one, and that of one in rows a second."""
    addresses = list(client.scheduler_info()["workers"])
    for address in addresses:  # each opens the model, and imports what it needs
        client.gather(client.map(scale_out.score, tasks[:2], workers=[address], pure=False))
    rounds = [(seconds(client, tasks, addresses[:1]), seconds(client, tasks, addresses)) for _ in range(ROUNDS)]
    alone, together = (min(side) for side in zip(*rounds, strict=True))
    rows = scale_out.score(tasks[0])["rows"]  # each is one whole year
    return alone / together, rows * len(tasks) / alone


def seconds(client, tasks, addresses):
    begun = time.perf_counter()
    client.gather(client.map(scale_out.score, tasks, workers=addresses, pure=False))
    return time.perf_counter() - begun


class Memory:
    """The highest sum of memory of this process and its children, looked at now and again, in MB."""

    def __enter__(self):
        self.peak, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()

    def _watch(self):
        this = psutil.Process()
        while not self._over.wait(LOOK):
            used = 0
            for process in [this, *this.children(recursive=True)]:
                try:
                    used += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, used / 1e6)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    lines = measure()
    for told, kept in lines:
        print(f"{'kept' if kept else 'BROKEN':>7}  {told}")
    sys.exit(not all(kept for _, kept in lines))
