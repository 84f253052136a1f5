"""The warm-up question of 00."""

import numpy as np
import pandas as pd

from helpers import flights
from helpers.course.verdict import Question, not_yet, passed


def tables(rng):
    """Small tables of flights, the share of cancelled ones and of delays at the edge differing; and one with no arrival."""
    return [table(rng, int(n)) for n in rng.integers(5, 40, 30)] + [table(rng, 3, arrived=0.0)]


def table(rng, n, arrived=0.7):
    status = rng.choice(["arrived", "cancelled", "diverted"], n, p=[arrived, (1 - arrived) / 2, (1 - arrived) / 2])
    delay = np.where(status == "arrived", rng.choice([-5.0, 14.0, 15.0, 15.0, 16.0, 90.0], n), np.nan)
    late = pd.Series(delay >= flights.LATE_FROM).astype("boolean").mask(np.isnan(delay))
    status = pd.Categorical(status, categories=["arrived", "cancelled", "diverted"])
    return pd.DataFrame({"status": status, "arr_delay": delay, "late": late})


def probe_share(answer, rng):
    return {"shares": [answer(flights) for flights in tables(rng)]}


def share(table, *, over_all=False, strictly=False, percent=False):
    """The oracle: by counting delays one by one. Each keyword is a twist behind a misconception."""
    delays = [delay for delay in table["arr_delay"] if delay == delay]
    late = sum(delay > flights.LATE_FROM if strictly else delay >= flights.LATE_FROM for delay in delays)
    count = len(table) if over_all else len(delays)
    return None if not count else late / count * (100 if percent else 1)


MISCONCEPTIONS = {
    "cancelled flights count": (dict(over_all=True), "Flights that never arrived are in your count. They were neither late nor in time: "  # noqa: E501
                                "divide by the flights that arrived."),
    "over, not from": (dict(strictly=True), "A flight that is exactly 15 minutes late counts as late: 15 or more."),
    "percent": (dict(percent=True), "Your numbers are 100 times too large: a share goes from 0 to 1."),
}  # fmt: skip


def judge_share(evidence, rng):
    cases, got = tables(rng), evidence["shares"]
    want = [share(case) for case in cases]
    if _agree(got, want):
        return passed()
    for name, (twist, message) in MISCONCEPTIONS.items():
        if _agree(got[:-1], [share(case, **twist) for case in cases[:-1]]):
            return not_yet(message, name)
    if _agree(got[:-1], want[:-1]):
        return not_yet(f"Right where flights arrived. Where none did, return None; yours gave {got[-1]!r}.", "none arrived")
    case, w, g = min(
        (row for row in zip(cases, want, got, strict=True) if not _agree([row[2]], [row[1]])), key=lambda row: len(row[0])
    )
    delays = ["never" if delay != delay else f"{delay:.0f}" for delay in case["arr_delay"]]
    return not_yet(
        f"For flights delayed by {', '.join(delays)} minutes the share is {w if w is None else round(w, 3)}; yours gave {g!r}."
    )


def _agree(got, want):
    return len(got) == len(want) and all(_equal(g, w) for g, w in zip(got, want, strict=True))


def _equal(got, want):
    if want is None or got is None:
        return got is want
    return isinstance(got, (int, float)) and not isinstance(got, bool) and abs(got - want) < 1e-9


QUESTIONS = {
    "00.1": Question(
        title="The share of late flights",
        probe=probe_share,
        judge=judge_share,
        hints=(
            "Who is in the denominator? A cancelled flight was neither late nor in time.",
            "table[table['status'] == 'arrived'] keeps the flights that arrived; an empty table needs an answer too.",
            "The mean of a column of True and False is the share of True.",
        ),
        notebook="solutions/00_start_here.ipynb",
        misconceptions=("none arrived", *MISCONCEPTIONS),
    ),
}
