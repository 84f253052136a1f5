"""A small question bank with its answers: it shows how one is written, and the tests of the machinery work on it."""

import operator
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from helpers.course.verdict import Question, not_yet, passed
from tests.answers import Answers, Made, Wrong

FILE = Path(__file__).resolve()


# --- the first day on which the drift has stayed above the threshold for `patience` days in a row, or None ---------------


def weeks(rng):
    drawn = [(rng.choice([0.1, 0.2, 0.3], size=12).tolist(), int(rng.integers(2, 5))) for _ in range(60)]
    return [*drawn, ([0.2], 3), ([0.3, 0.1, 0.3, 0.3], 3), ([0.2, 0.2, 0.2], 3)]


def probe(answer, rng):
    return {"first_alert": [answer(list(week), 0.2, patience) for week, patience in weeks(rng)]}


def first_alert(week, patience, *, above=np.greater, total=False):
    """The oracle, by sliding windows. Each keyword is a twist behind a misconception."""
    over = above(np.array(week), 0.2)
    if total:
        hits = np.flatnonzero(over)
        return int(hits[patience - 1]) if len(hits) >= patience else None
    if len(week) < patience:
        return None
    full = sliding_window_view(over, patience).all(axis=1)
    return int(full.argmax()) + patience - 1 if full.any() else None


MISCONCEPTIONS = {
    "at least, not above": (
        dict(above=np.greater_equal),
        "A day exactly at the threshold is still quiet: the alert wants above.",
    ),
    "never resets": (dict(total=True), "A quiet day breaks the run: count days in a row, not days in total."),
}


def judge(evidence, rng):
    days, got = weeks(rng), evidence["first_alert"]
    want = [first_alert(*day) for day in days]
    if got == want and not any(isinstance(day, (bool, float)) for day in got):
        return passed()
    for name, (twist, message) in MISCONCEPTIONS.items():
        if got == [first_alert(*day, **twist) for day in days]:
            return not_yet(message, misconception=name)
    rows = zip(days, want, got, strict=True)
    (week, patience), w, g = next(row for row in rows if row[1] != row[2] or type(row[1]) is not type(row[2]))
    return not_yet(f"For the days {week} and patience {patience} the alert fires on day {w}; yours says {g!r}.")


def by_loop(week, threshold, patience, first=0, above=operator.gt, reset=0):
    run = 0
    for day, drift in enumerate(week):
        run = run + 1 if above(drift, threshold) else reset * run
        if run == patience:
            return day + first
    return None


def by_text(week, threshold, patience):
    at = "".join("x" if drift > threshold else "." for drift in week).find("x" * patience)
    return None if at < 0 else at + patience - 1


def by_window(week, threshold, patience):
    windows = [min(week[end - patience : end]) for end in range(patience, len(week) + 1)]
    days = np.flatnonzero(np.array(windows) > threshold)
    return days[0] + patience - 1 if len(days) else None  # a numpy.int64


# --- a folder with one file in it: an answer that is no function --------------------------------------------------------


def probe_folder(folder, rng):
    return {"names": sorted(path.name for path in folder.iterdir())}


def judge_folder(evidence, rng):
    return passed("Well kept.") if evidence["names"] == ["model.bin"] else not_yet(f"The folder holds {evidence['names']}.")


UNTIDY = [(), ("a",), ("b",), ("c",), ("model.bin", "a"), ("model.bin", "b"), ("model.bin.part",)]


def with_files(*names):
    def factory(folder):
        for name in names:
            (folder / name).write_text("")
        return folder

    return Made(factory)


QUESTIONS = {
    "99.1": Question(
        "The first alert",
        probe,
        judge,
        ("Count the days in a row.", "A quiet day sets the count to 0."),
        "solutions/99_demo.ipynb",
        tuple(MISCONCEPTIONS),
    ),
    "99.2": Question("A tidy folder", probe_folder, judge_folder, ("Keep one file.",), "solutions/99_demo.ipynb"),
}

ANSWERS = {
    "99.1": Answers(
        right=[by_loop, by_text, by_window],
        wrong=[
            Wrong(lambda *args: by_loop(*args, above=operator.ge), "at least, not above", "still quiet"),
            Wrong(lambda *args: by_loop(*args, reset=1), "never resets", "in a row"),
            Wrong(lambda *args: by_loop(*args, first=1), says="the alert fires on day"),
            Wrong(lambda week, threshold, patience: by_loop(week, threshold, 3), says="patience"),
            Wrong(lambda week, threshold, patience: by_loop(week, 0.3, patience)),
            Wrong(lambda week, threshold, patience: by_loop(week, threshold, patience + 1)),
            Wrong(lambda *args: str(by_loop(*args)), says="yours says '"),
            Wrong(lambda *args: (day for day in [by_loop(*args)]), says="Plain data is wanted"),
            Wrong(lambda *args: 1 / 0, says="ZeroDivisionError: division by zero"),
            Wrong([2, None, 3], says="of type list, could not be used"),
        ],
    ),
    "99.2": Answers(
        right=[with_files("model.bin")] * 3,
        wrong=[
            *[Wrong(with_files(*names), says="The folder holds") for names in UNTIDY],
            Wrong("model.bin", says="of type str, could not be used"),
        ],
    ),
}
