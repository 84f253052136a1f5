"""What it costs to log each prediction before it is answered, beside SQLite one by one and beside the service without it."""

import asyncio
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from pathlib import Path

from helpers import flights, model_source, modeling, prediction_log, serving
from tests.bench_serving import ask, cpu_a_request

THREADS, IN_FLIGHT = 16, 32  # requests that each thread has open at once, as a service's workers do
EVENTS = 10_000  # a second, at least, with all these in flight; with one a thread it is fewer: a commit waits for the disk
RATIO = 5  # at least, with one request a thread, to the same rows committed one by one
ROUNDS, SECONDS = 5, 1.0
SERVICE = 0.4  # at least, the service's throughput on one core with the log to that without, 16 lines at once
LINES, REQUESTS = 16, 400  # on each line


def measure():
    """Lines for `tests.bench`: what was measured, and whether it keeps the promise."""
    X, y = flights.features_and_target(flights.load(1))
    row = X.iloc[100].to_dict()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder, found = Path(folder), {"one by one": [], "a request a thread": [], "in flight": []}
        for turn in range(ROUNDS):  # in turns: a disk has its moods
            found["one by one"].append(one_by_one(folder / f"{turn} one.db", row))
            found["a request a thread"].append(logged(folder / f"{turn} threads.db", row, 1))
            found["in flight"].append(logged(folder / f"{turn} flight.db", row, IN_FLIGHT))
        without, with_log = service(folder, modeling.make_model().fit(X, y), row)
    alone, threads, flying = (max(each) for each in found.values())  # the rounds in which nobody else used the disk
    ratio = statistics.median(b / a for a, b in zip(found["one by one"], found["a request a thread"], strict=True))
    return [
        (f"log: {flying:,.0f} audited events/s from {THREADS} threads with {IN_FLIGHT} requests in flight each; SQLite one by "
         f"one {alone:,.0f}: ratio {flying / alone:.1f}; promised {EVENTS:,} events/s so, "
         f"not with one request a thread", flying >= EVENTS),
        (f"log: {threads:,.0f} audited events/s from {THREADS} threads with one request each: ratio {ratio:.1f}, "
         f"promised {RATIO} or {EVENTS:,} events/s", ratio >= RATIO or threads >= EVENTS),
        (f"single rows, throughput on one core with the log to that without, {LINES} lines: ratio {without / with_log:.2f}, "
         f"promised at least {SERVICE}", without / with_log >= SERVICE),
    ]  # fmt: skip


def one_by_one(file, row):
    """Events/s of a thread that commits each by itself, with the same promise: the log's own settings and table."""
    with prediction_log.PredictionLog(file):
        pass
    connection = prediction_log.connect(file)
    done, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        values = prediction_log._rows(prediction_log.new_request_id(time.time()), [row], [0.25], "1", time.time())
        connection.execute(prediction_log._insert(1), values[0])
        done += 1
    connection.close()
    return done / SECONDS


def logged(file, row, in_flight):
    """Events/s of the log, all acknowledged and found in the file afterwards."""
    done, end = [0] * THREADS, time.perf_counter() + SECONDS
    with prediction_log.PredictionLog(file) as log:

        def blocking(number):
            while time.perf_counter() < end:
                log.append(prediction_log.new_request_id(time.time()), [row], [0.25], version="1", when=time.time())
                done[number] += 1

        async def one(number):
            while time.perf_counter() < end:
                await log.append_async(prediction_log.new_request_id(time.time()), [row], [0.25], version="1", when=time.time())
                done[number] += 1

        async def many(number):
            await asyncio.gather(*[one(number) for _ in range(in_flight)])

        work = blocking if in_flight == 1 else lambda number: asyncio.run(many(number))
        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - began
    with sqlite3.connect(file) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM predictions").fetchone()
    connection.close()
    assert stored == sum(done)
    return stored / took


def service(folder, model, row):
    """Seconds of processor time for a request, without the log and with it."""
    import orjson

    place, body = model_source.save(model, folder / "model", "1"), orjson.dumps(row)
    costs = []
    for options in ({}, {"log": folder / "service.db"}):
        with serving.start(place, **options) as api:
            cpu_a_request(api, "/predict", body, 160)
            costs.append(cost_of_lines(api, body))
    return costs


def cost_of_lines(api, body):
    """As `cpu_a_request`, with several clients at once, each of which waits for its answer."""
    import psutil

    def all_lines():
        threads = [threading.Thread(target=line) for _ in range(LINES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def line():
        ask(api.port, "/predict", body, REQUESTS)

    process = psutil.Process(api.pid)
    all_lines()
    before = sum(process.cpu_times()[:2])
    all_lines()
    return (sum(process.cpu_times()[:2]) - before) / (LINES * REQUESTS)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for told in measure():
        print(told)
