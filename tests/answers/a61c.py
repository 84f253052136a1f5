"""Answers to the questions of 61c, many machines."""

import math
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np

from tests.answers import Answers, Wrong

# --- 61c.1 --------------------------------------------------------------------------------------------------------------


def store(disk, partition, text, attempt):
    disk.write(f"{attempt}.part", text)
    disk.rename(f"{attempt}.part", f"scores-{partition}.csv")


def store_unless_there(disk, partition, text, attempt):
    final = f"scores-{partition}.csv"
    if not disk.exists(final):
        part = f".{final}.{attempt}"
        disk.write(part, text)
        disk.rename(part, final)


def store_line_by_line(disk, partition, text, attempt):
    part = "-".join(["temporary", partition, attempt])
    try:
        for line in text.splitlines(keepends=True):
            disk.append(part, line)
        disk.rename(part, "scores-" + partition + ".csv")
    finally:
        if disk.exists(part):
            disk.delete(part)


def storing(part, *, final="scores-{partition}.csv", put="write", before=None, after=None):
    def answer(disk, partition, text, attempt):
        names = [name.format(partition=partition, attempt=attempt) for name in (part, final)]
        if before:
            before(disk, *names)
        getattr(disk, put)(names[0], text)
        if names[0] != names[1]:
            disk.rename(*names)
        if after:
            after(disk, text)

    return answer


def deleting(disk, part, final):
    if disk.exists(final):
        disk.delete(final)


FINAL = "scores-{partition}.csv"


def store_if_absent_directly(disk, partition, text, attempt):
    if not disk.exists(f"scores-{partition}.csv"):
        disk.write(f"scores-{partition}.csv", text)


def store_empty_first(disk, partition, text, attempt):
    disk.write(f"scores-{partition}.csv", "")
    store(disk, partition, text, attempt)


def store_stripped(disk, partition, text, attempt):
    store(disk, partition, text.strip(), attempt)


def store_first_half(disk, partition, text, attempt):
    store(disk, partition, text[: len(text) // 2], attempt)


def store_no_rename(disk, partition, text, attempt):
    disk.write(f"{attempt}.part", text)


def store_too_early(disk, partition, text, attempt):
    disk.write(f"{attempt}.part", text[:3])
    disk.rename(f"{attempt}.part", f"scores-{partition}.csv")
    disk.append(f"scores-{partition}.csv", text[3:])


def store_other_text(disk, partition, text, attempt):
    store(disk, partition, text.upper() + "end", attempt)


def store_renames_the_absent(disk, partition, text, attempt):
    disk.rename(f"{attempt}.part", f"scores-{partition}.csv")


def store_first_only(disk, partition, text, attempt):
    if attempt == "attempt1":
        store(disk, partition, text, attempt)


# --- 61c.2 --------------------------------------------------------------------------------------------------------------


def reconcile(wanted, receipts):
    told = defaultdict(set)
    for receipt in receipts:
        told[receipt["partition"]].add((receipt["rows"], receipt["sha256"]))
    conflicting = sorted(name for name in wanted if len(told.get(name, ())) > 1)
    single = {name: next(iter(told[name]))[0] for name in wanted if len(told.get(name, ())) == 1}
    return {
        "rows": sum(rows for name, rows in single.items() if rows == wanted[name]),
        "missing": sorted(name for name in wanted if name not in told),
        "wrong": sorted(name for name, rows in single.items() if rows != wanted[name]),
        "conflicting": conflicting,
        "strays": sorted(set(told) - set(wanted)),
    }


def reconcile_by_numpy(wanted, receipts):
    unique = {tuple(sorted(receipt.items())) for receipt in receipts}
    count = Counter(dict(receipt)["partition"] for receipt in unique)
    rows = {dict(receipt)["partition"]: dict(receipt)["rows"] for receipt in unique}
    good = [rows[name] for name in wanted if count[name] == 1 and rows[name] == wanted[name]]
    return {
        "strays": sorted(name for name in count if name not in wanted),
        "conflicting": sorted(name for name in wanted if count[name] > 1),
        "wrong": sorted(name for name in wanted if count[name] == 1 and rows[name] != wanted[name]),
        "missing": sorted(name for name in wanted if not count[name]),
        "rows": np.array(good, dtype=int).sum(),
    }


def reconcile_by_loop(wanted, receipts):
    seen, bad = {}, []
    for receipt in receipts:
        name = receipt["partition"]
        if name in seen and (seen[name]["rows"], seen[name]["sha256"]) != (receipt["rows"], receipt["sha256"]):
            bad.append(name)
        seen.setdefault(name, receipt)
    found = {"rows": 0, "missing": [], "wrong": [], "conflicting": [], "strays": [n for n in seen if n not in wanted]}
    for name, rows in wanted.items():
        if name not in seen:
            found["missing"].append(name)
        elif name in bad:
            found["conflicting"].append(name)
        elif seen[name]["rows"] != rows:
            found["wrong"].append(name)
        else:
            found["rows"] += rows
    return {key: value if key == "rows" else sorted(value) for key, value in found.items()}


def reconcile_by_comparing(wanted, receipts):
    """Compares each receipt with the first one of its partition; 0 rows are rows."""
    first, differs = {}, set()
    for receipt in sorted(receipts, key=repr):
        one = first.setdefault(receipt["partition"], receipt)
        differs |= {receipt["partition"]} if receipt != one else set()
    agreed = {name: first[name]["rows"] for name in wanted.keys() & first.keys() - differs}
    return {
        "rows": sum(rows for name, rows in agreed.items() if rows == wanted[name]),
        "missing": sorted(wanted.keys() - first.keys()),
        "wrong": sorted(name for name, rows in agreed.items() if rows != wanted[name]),
        "conflicting": sorted(differs & wanted.keys()),
        "strays": sorted(first.keys() - wanted.keys()),
    }


def stray_conflicts(wanted, receipts, *, listed=True, also=True):
    """Judges the receipts of strays as well."""
    told = reconcile(wanted, receipts)
    pairs = {(r["partition"], r["rows"], r["sha256"]) for r in receipts}
    differ = [name for name in told["strays"] if sum(pair[0] == name for pair in pairs) > 1]
    told["conflicting"] = (differ if listed else []) + told["conflicting"]
    told["strays"] = [name for name in told["strays"] if also or name not in differ]
    return told


def zero_is_missing(wanted, receipts):
    told = reconcile(wanted, receipts)
    rows = Counter()
    for receipt in receipts:
        rows[receipt["partition"]] += receipt["rows"]
    empty = [name for name in wanted if not rows[name]]
    others = {key: [name for name in told[key] if name not in empty] for key in ("wrong", "conflicting")}
    return told | others | {"missing": sorted(empty)}


def zero_is_no_stray(wanted, receipts):
    return reconcile(wanted, [r for r in receipts if r["partition"] in wanted or r["rows"]])


def two_of_three(wanted, receipts, *, places=(0, -1)):
    by_name = defaultdict(list)
    for receipt in receipts:
        by_name[receipt["partition"]].append(receipt)
    pick = [told[place] for told in by_name.values() for place in places if place < len(told)]
    return reconcile(wanted, pick)


def reconciling(*, twice=False, keep=None, pair=("rows", "sha256"), strays=False, sums=False, order=sorted):
    """A reconciliation with something missing."""

    def answer(wanted, receipts):
        by_name = defaultdict(list)
        for receipt in receipts:
            by_name[receipt["partition"]].append(receipt)
        if keep:
            by_name = {name: [keep(told)] for name, told in by_name.items()}
        found = {"rows": 0, "missing": [], "wrong": [], "conflicting": [], "strays": []}
        for name in [*wanted, *(name for name in by_name if name not in wanted)]:
            told = by_name.get(name, [])
            total = sum(receipt["rows"] for receipt in (told if twice else told[:1]))
            if name not in wanted:
                found["strays"].append(name)
                found["rows"] += total if strays else 0
            elif not told:
                found["missing"].append(name)
            elif len({tuple(receipt[key] for key in pair) for receipt in told}) > 1:
                found["conflicting"].append(name)
                found["rows"] += total if sums else 0
            elif told[0]["rows"] != wanted[name]:
                found["wrong"].append(name)
                found["rows"] += total if sums else 0
            else:
                found["rows"] += total
        return {key: value if key == "rows" else order(value) for key, value in found.items()}

    return answer


# --- 61c.3 --------------------------------------------------------------------------------------------------------------


def drive(tasks, cluster, record, most):
    done, lost = set(), Counter()
    for task in tasks:
        cluster.submit(task)
    while (event := cluster.next()) is not None:
        kind, task, result = event
        if task in done:
            continue
        if kind == "done":
            done.add(task)
            record(task, result)
        else:
            lost[task] += 1
            if lost[task] < most:
                cluster.submit(task)
    return [task for task in tasks if task not in done]


def drive_records_at_the_end(tasks, cluster, record, most):
    results, left = {}, dict.fromkeys(tasks, most)
    list(map(cluster.submit, tasks))
    for kind, task, result in iter(cluster.next, None):
        if kind == "done":
            results[task] = result
        elif task not in results:
            left[task] -= 1
            if left[task]:
                cluster.submit(task)
    for task, result in results.items():
        record(task, result)
    return [task for task in tasks if left[task] == 0]


def drive_by_rounds(tasks, cluster, record, most):
    state = {task: 0 for task in tasks}
    for task in sorted(tasks):
        cluster.submit(task)
    while True:
        event = cluster.next()
        if event is None:
            break
        kind, task, result = event
        if state[task] == "done":
            continue
        if kind == "done":
            state[task] = "done"
            record(task, result)
            continue
        state[task] += 1
        if state[task] != most:
            cluster.submit(task)
    return np.array([task for task in tasks if state[task] != "done"]).tolist()


def driving(*, retry=True, extra=0, once=True, count=lambda lost, task: lost[task], after=False, result=None, ends=True):
    """A client with something missing."""

    def answer(tasks, cluster, record, most):
        done, lost, gave_up, silent = set(), Counter(), [], 0
        for task in tasks:
            cluster.submit(task)
        while True:
            event = cluster.next()
            if event is None:
                silent += 1
                if ends:
                    break
                continue
            kind, task, value = event
            if kind == "done":
                if not (once and task in done):
                    record(task, value)
                done.add(task)
            elif task not in done or after:
                lost[task] += 1
                if retry and count(lost, task) < most + extra:
                    cluster.submit(task)
                else:
                    gave_up.append(task)
        return result(gave_up) if result else [task for task in tasks if task in gave_up]

    return answer


def drive_one_by_one_forgetting(tasks, cluster, record, most):
    return []


def drive_in_two_sets(tasks, cluster, record, most):
    """Keeps what is open and what was given up apart, and asks for results by name."""
    left, results, given_up = dict.fromkeys(tasks, most), {}, set()
    for task in tasks:
        cluster.submit(task)
    while (event := cluster.next()) is not None:
        kind, task, result = event
        if task in results or task in given_up:
            continue
        if kind == "lost":
            left[task] -= 1
            if left[task] < 1:
                given_up.add(task)
            else:
                cluster.submit(task)
            continue
        results[task] = result
        record(task, results[task])
    return sorted(given_up, key=tasks.index)


def drive_counts_late_losses(tasks, cluster, record, most):
    done, lost = set(), Counter()
    for task in tasks:
        cluster.submit(task)
    while (event := cluster.next()) is not None:
        kind, task, result = event
        if kind == "done":
            if task not in done:
                done.add(task)
                record(task, result)
        else:
            lost[task] += 1
            if task not in done and lost[task] < most:
                cluster.submit(task)
    return [task for task in tasks if lost[task] >= most]


def drive_wants_true_results(tasks, cluster, record, most, *, otherwise="skip"):
    results, lost = {}, Counter()
    for task in tasks:
        cluster.submit(task)
    while (event := cluster.next()) is not None:
        kind, task, result = event
        if results.get(task):
            continue
        if kind == "done" and (result or otherwise == "record"):
            results[task] = result
            record(task, result)
        elif kind == "lost" or otherwise == "lose":
            if task in results:
                continue
            lost[task] += 1
            if lost[task] < most:
                cluster.submit(task)
    return [task for task in tasks if (lost[task] >= most if otherwise == "count" else task not in results)]


def drive_submits_twice(tasks, cluster, record, most):
    for task in tasks:
        cluster.submit(task)
    return drive(tasks, cluster, record, most)


def drive_records_tasks(tasks, cluster, record, most):
    return drive(tasks, cluster, lambda task, result: record(task, 0.5), most)


# --- 61c.4 --------------------------------------------------------------------------------------------------------------


def workers_for(deadline, start, serial, parallel, tasks, handing):
    if serial + parallel <= deadline:
        return 0
    rest = deadline - start - serial
    if rest <= 0 or tasks * handing > rest:
        return None
    return math.ceil(parallel / rest)


def workers_by_trying(deadline, start, serial, parallel, tasks, handing):
    if deadline >= serial + parallel:
        return 0
    times = (start + serial + max(Fraction(parallel, n), tasks * handing) for n in range(1, 3_000))
    return next((n for n, time in enumerate(times, start=1) if time <= deadline), None)


def workers_by_numpy(deadline, start, serial, parallel, tasks, handing):
    n = np.arange(1, 3_000)
    enough = np.maximum(parallel, tasks * handing * n) <= (deadline - start - serial) * n
    if serial + parallel <= deadline:
        return np.int64(0)
    return n[enough.argmax()] if enough.any() else None


def workers_no_more_than_tasks(deadline, start, serial, parallel, tasks, handing):
    """Tries as many workers as there are tasks: more are never needed."""
    if serial + parallel <= deadline:
        return 0
    for n in range(1, tasks + 1):
        if start + serial + max(-(-parallel // n), tasks * handing) <= deadline:
            return n
    return None


def workers_capped(most):
    def answer(*job):
        n = workers_for(*job)
        return n if n is None or n <= most else None

    return answer


def working(*, none=True, starts=True, shared=False, bound=True, added=False, strict=False, rounding=math.ceil, most=5_000):
    """A calculation with something missing, by trying."""

    def answer(deadline, start, serial, parallel, tasks, handing):
        in_time = (lambda time, n: time < deadline * n) if strict else (lambda time, n: time <= deadline * n)
        if none and in_time(serial + parallel, 1):
            return 0
        work, whole = parallel + (serial if shared else 0), (start if starts else 0) + (0 if shared else serial)
        for n in range(1, most):  # n times the time, so that all are whole numbers
            handed = tasks * handing * n if bound else 0
            if in_time(whole * n + (work + handed if added else max(work, handed)), n):
                return max(1, n - 1) if rounding is math.floor and parallel % n else n
        return None

    return answer


ANSWERS = {
    "61c.1": Answers(
        right=[store, store_unless_there, store_line_by_line],
        wrong=[
            Wrong(storing(FINAL), "half a file"),
            Wrong(storing(FINAL, put="append"), "appended", says="runs twice"),
            Wrong(store_if_absent_directly, "half a file"),
            Wrong(store_too_early, "half a file"),
            Wrong(store_empty_first, "half a file"),
            Wrong(storing("scores.part"), "shared temporary name"),
            Wrong(storing("{partition}.part"), "shared temporary name"),
            Wrong(storing("{partition}.part", before=lambda disk, part, final: disk.exists(part)), "shared temporary name"),
            Wrong(storing("scores-{attempt}.csv"), "looks like a result"),
            Wrong(storing("scores-{partition}-{attempt}.csv"), "looks like a result"),
            Wrong(storing("{attempt}.part", final="scores-{partition}-{attempt}.csv"), "looks like a result"),
            Wrong(storing("{attempt}.part", before=deleting), "gone for a moment"),
            Wrong(storing("{attempt}.part", final="{partition}.csv"), says="no whole file"),
            Wrong(store_no_rename, says="no whole file"),
            Wrong(store_other_text, says="not what was to be stored"),
            Wrong(store_stripped, says="to the last line break"),
            Wrong(store_first_half, says="to the last line break"),
            Wrong(store_renames_the_absent, says="raises FileNotFoundError"),
            Wrong(store_first_only, says="no whole file"),
            Wrong(lambda *given: None, says="no whole file"),
            Wrong("stored"),
        ],
    ),
    "61c.2": Answers(
        right=[reconcile, reconcile_by_numpy, reconcile_by_loop, reconcile_by_comparing, reconciling()],
        wrong=[
            Wrong(reconciling(twice=True), "counted twice"),
            Wrong(reconciling(keep=lambda told: told[-1]), "the last one wins"),
            Wrong(reconciling(keep=lambda told: told[0]), "the last one wins"),
            Wrong(reconciling(pair=("rows",)), "looks at the rows only"),
            Wrong(reconciling(pair=("sha256",)), "looks at the checksum only"),
            Wrong(reconciling(strays=True), "strays counted"),
            Wrong(reconciling(sums=True), "bad ones counted"),
            Wrong(reconciling(order=list), "not sorted"),
            Wrong(stray_conflicts, "strays judged"),
            Wrong(lambda wanted, receipts: stray_conflicts(wanted, receipts, also=False), "strays judged"),
            Wrong(lambda wanted, receipts: stray_conflicts(wanted, receipts, listed=False, also=False), "strays judged"),
            Wrong(zero_is_missing, "zero is nothing"),
            Wrong(zero_is_no_stray, "zero is nothing"),
            Wrong(two_of_three, "two are compared"),
            Wrong(lambda wanted, receipts: two_of_three(wanted, receipts, places=(0, 1)), "two are compared"),
            Wrong(lambda wanted, receipts: sum(r["rows"] for r in receipts), "other keys"),
            Wrong(lambda wanted, receipts: {"rows": 0}, "other keys"),
            Wrong(lambda wanted, receipts: reconcile(wanted, receipts) | {"conflicting": []}, says="reconcile({"),
            Wrong(lambda wanted, receipts: reconcile(wanted, receipts) | {"missing": []}, says="missing"),
            Wrong(lambda wanted, receipts: reconcile(wanted, receipts) | {"rows": sum(wanted.values())}, says="rows"),
            Wrong(lambda wanted, receipts: reconcile(wanted, receipts[::2])),
            Wrong({}),
        ],
    ),
    "61c.3": Answers(
        right=[drive, drive_records_at_the_end, drive_by_rounds, drive_in_two_sets],
        wrong=[
            Wrong(driving(retry=False), "no second try"),
            Wrong(driving(retry=False, result=lambda gave_up: []), "no second try"),
            Wrong(driving(once=False), "recorded twice"),
            Wrong(driving(once=False, after=True), "recorded twice"),
            Wrong(driving(after=True), "again though done"),
            Wrong(driving(extra=1), "one try too many"),
            Wrong(driving(extra=-1), "one try too few"),
            Wrong(driving(count=lambda lost, task: lost.total()), "one count for all"),
            Wrong(lambda tasks, cluster, record, most: drive(tasks, cluster, record, 3), "most is not used"),
            Wrong(lambda tasks, cluster, record, most: drive(tasks, cluster, record, 2), "most is not used"),
            Wrong(lambda tasks, cluster, record, most: drive(tasks, cluster, record, 5), "most is not used"),
            Wrong(drive_counts_late_losses, "given up though done"),
            Wrong(drive_wants_true_results, "zero is no result"),
            Wrong(lambda *given: drive_wants_true_results(*given, otherwise="lose"), "zero is no result"),
            Wrong(lambda *given: drive_wants_true_results(*given, otherwise="count"), "zero is no result"),
            Wrong(lambda *given: drive_wants_true_results(*given, otherwise="record"), "zero is no result"),
            Wrong(driving(result=lambda gave_up: []), "given up in silence"),
            Wrong(driving(result=lambda gave_up: gave_up), "order"),
            Wrong(driving(result=lambda gave_up: gave_up * 2), says="returned tasks"),
            Wrong(driving(result=lambda gave_up: None), "no list"),
            Wrong(driving(result=len), "no list"),
            Wrong(driving(extra=10**6), "submits without end"),
            Wrong(driving(ends=False), "waits for ever"),
            Wrong(drive_one_by_one_forgetting, says="submissions"),
            Wrong(drive_submits_twice, says="submissions"),
            Wrong(drive_records_tasks, says="recorded results"),
            Wrong([]),
        ],
    ),
    "61c.4": Answers(
        right=[workers_for, workers_by_trying, workers_by_numpy, workers_no_more_than_tasks],
        wrong=[
            Wrong(working(none=False), "always a cluster"),
            Wrong(working(starts=False), "start forgotten"),
            Wrong(working(shared=True), "all shared out"),
            Wrong(working(bound=False), "no limit of the scheduler"),
            Wrong(working(added=True), "handing added"),
            Wrong(working(strict=True), "too late on the dot"),
            Wrong(working(rounding=math.floor), "rounded down"),
            Wrong(workers_capped(100), "stops trying"),
            Wrong(workers_capped(1_000), "stops trying"),
            Wrong(lambda *job: min(workers_for(*job) or 0, 100) if workers_for(*job) else workers_for(*job), says="should be"),
            Wrong(lambda *job: str(workers_for(*job)), "no number"),
            Wrong(lambda *job: workers_for(*job) == 0, "no number"),
            Wrong(lambda *job: workers_for(*job) or 0),
            Wrong(lambda *job: 0),
            Wrong(lambda *job: None),
            Wrong(lambda *job: 1 + (workers_for(*job) or 0)),
            Wrong(2),
        ],
    ),
}
