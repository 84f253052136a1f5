"""What the log's tests run in processes of their own: a small module, so that those start quickly."""

import contextlib
import os
import threading
from pathlib import Path

from helpers import prediction_log, serving

THEN = 1_700_000_000.0  # seconds since 1970


def put(log, request_id, *inputs, when=THEN, version="1"):
    log.append(request_id, list(inputs), [0.25] * len(inputs), version=version, when=when)


def in_threads(work, count):
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def write_some(file, name, threads, turns):
    with prediction_log.PredictionLog(file, patience=30) as log:
        in_threads(lambda number: [put(log, f"{name}-{number}-{turn}", {"a": 1}, {"a": 2}) for turn in range(turns)], threads)


def serve(folder, file, port):
    with Path(os.devnull).open("w") as quiet, contextlib.redirect_stderr(quiet):
        serving.main(["--folder", str(folder), "--log", str(file), "--port", str(port)])
