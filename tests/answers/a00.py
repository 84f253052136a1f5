"""Answers to the warm-up question."""

from tests.answers import Answers, Wrong


def by_status(table):
    arrived = table[table["status"] == "arrived"]
    return None if arrived.empty else (arrived["arr_delay"] >= 15).mean()


def by_late(table):
    late = table["late"].dropna()
    return late.mean() if len(late) else None


def by_loop(table):
    delays = [delay for delay in table["arr_delay"].tolist() if delay == delay]
    return sum(delay >= 15 for delay in delays) / len(delays) if delays else None


def noisy(table):
    import sys
    import warnings

    warnings.warn("careful", stacklevel=1)
    print("counting", file=sys.stderr)
    table.drop(columns=[c for c in table if c not in ("arr_delay",)], inplace=True)
    arrived = table.dropna()
    return (arrived["arr_delay"] > 14).sum() / len(arrived) if len(arrived) else None


def over_all(table):
    return float(table["late"].fillna(False).mean())


def departures_only(table):
    return float((table["arr_delay"] >= 15).mean())  # a missing delay compares as False, so it counts as in time


def strictly(table):
    arrived = table["arr_delay"].dropna()
    return float((arrived > 15).mean()) if len(arrived) else None


def percent(table):
    share = by_late(table)
    return None if share is None else 100 * share


def not_late(table):
    share = by_late(table)
    return None if share is None else 1 - share


def count(table):
    return int(table["late"].sum())


def zero_for_none(table):
    return by_late(table) or 0.0


def nan_for_none(table):
    return float((table["arr_delay"].dropna() >= 15).mean())


def rounded(table):
    share = by_late(table)
    return None if share is None else round(share, 1)


def as_text(table):
    return f"{by_late(table)}"


def keeps_the_last(table):
    table.attrs.setdefault("seen", 0)
    return 0.24


def series(table):
    return table["late"]


ANSWERS = {
    "00.1": Answers(
        right=[by_status, by_late, by_loop, noisy],
        wrong=[
            Wrong(over_all, "cancelled flights count"),
            Wrong(departures_only, "cancelled flights count", says="divide by the flights that arrived"),
            Wrong(strictly, "over, not from"),
            Wrong(percent, "percent"),
            Wrong(zero_for_none, "none arrived"),
            Wrong(nan_for_none, "none arrived"),
            Wrong(not_late),
            Wrong(count),
            Wrong(rounded),
            Wrong(as_text),
            Wrong(keeps_the_last),
            Wrong(series),
            Wrong(0.24),
            Wrong(None),
        ],
    ),
}
