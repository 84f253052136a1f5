"""The questions of 61c, many machines. No cluster starts: disks, workers and deaths are simulated, so all orders can be "
"tried."""

import json

from helpers.course.evidence import describe
from helpers.course.verdict import Question, not_yet, passed

DAMAGED = "The check's own record of your answer is damaged. Run the check again."


def _short(value):
    text = repr(value)
    return text if len(text) <= 70 else text[:67] + "..."


def _named(got, misconceptions, play):
    """The verdict of the misconception that gives just this, None if none does; `play(twist)` is what one would give."""
    for name, (twists, message) in misconceptions.items():
        if any(got == play(twist) for twist in (twists if isinstance(twists, list) else [twists])):
            return not_yet(message, name)
    return None


# --- 61c.1: output that a repetition cannot spoil -----------------------------------------------------------------------


class Death(BaseException):
    """The worker's process ends here. Not an Exception, so that a learner's `except Exception` does not catch it."""


class World:
    """What lies on the disk that all workers share, and how its output looked after each change."""

    def __init__(self):
        self.files, self.history, self.attempts = {}, [], 0

    def changed(self):
        seen = {name: text for name, text in self.files.items() if is_output(name)}
        if not self.history or self.history[-1] != seen:
            self.history.append(seen)


class Disk:
    """One attempt's way to the disk. At its operation number `at` something happens: it dies, or another attempt runs."""

    def __init__(self, world, at=None, happens=None):
        self._world, self._at, self._happens, self._count, self._dead = world, at, happens, 0, False

    def _step(self, moment):
        """Before an operation the count is n, in the middle of a write n + 1/2."""
        if self._dead:
            raise Death
        self._count += 1 if moment == "before" else 0
        if self._count > 200:
            raise Death
        if (self._count, moment) == self._at:
            self._at = None
            if self._happens == "death":
                self._dead = True
                raise Death
            self._happens()

    def write(self, name, text):
        self._put(name, text, "")

    def append(self, name, text):
        self._put(name, text, self._world.files.get(name, ""))

    def _put(self, name, text, before):
        self._step("before")
        self._world.files[name] = before + text[: len(text) // 2]
        self._world.changed()
        self._step("middle")
        self._world.files[name] = before + text
        self._world.changed()

    def rename(self, old, new):
        self._step("before")
        if old not in self._world.files:
            raise FileNotFoundError(f"there is no {old}")
        self._world.files[new] = self._world.files.pop(old)
        self._world.changed()

    def delete(self, name):
        self._step("before")
        if name not in self._world.files:
            raise FileNotFoundError(f"there is no {name}")
        del self._world.files[name]
        self._world.changed()

    def exists(self, name):
        self._step("before")
        return name in self._world.files


def is_output(name):
    return str(name).startswith("scores-") and str(name).endswith(".csv")


def batches(rng):
    """Each: what happens, partitions with their text, and the attempts as (partition, at, what happens then)."""
    numbers = [f"{copy:03}-{month:02}" for copy, month in zip(rng.permutation(100)[:3], rng.permutation(12)[:3] + 1, strict=True)]
    texts = {n: "".join(f"{rng.integers(10**6)},{rng.random():.4f}\n" for _ in range(rng.integers(3, 7))) for n in numbers}
    a, b, c = numbers
    found = [{"what": "each task runs once", "texts": texts, "attempts": [[n, None, None] for n in (b, a, c)]}]
    found.append({"what": "a task runs twice", "texts": {a: texts[a]}, "attempts": [[a, None, None]] * 2})
    for step in (1, 2, 3, 4):
        for moment in ("before", "middle"):
            for what, happens in (
                ("dies", "death"),
                ("is joined by another attempt", "run"),
                ("is joined by one that dies", "rundie"),
            ):
                found.append(
                    {
                        "what": f"an attempt {what} at its operation {step}",
                        "texts": {a: texts[a], b: texts[b]},
                        "attempts": [[b, None, None], [a, [step, moment], happens], [a, None, None]],
                    }
                )
    return found


def probe_store(answer, rng):
    runs = []
    for batch in batches(rng):
        world, errors = World(), []

        def attempt(partition, at=None, happens=None, world=world, errors=errors, batch=batch):
            world.attempts += 1
            number = f"attempt{world.attempts}"
            other = {"run": lambda: attempt(partition), "rundie": lambda: attempt(partition, [1, "middle"], "death")}
            disk = Disk(world, at and tuple(at), other.get(happens, happens))
            try:
                answer(disk, partition, batch["texts"][partition], number)
            except Death:
                pass
            except FileNotFoundError as error:
                errors.append(describe(error))

        for each in batch["attempts"]:
            attempt(*each)
        runs.append({"history": world.history, "final": dict(world.files), "errors": errors})
    return {"runs": runs}


STORE_MESSAGES = {
    "appended": "Yours adds to what an earlier attempt has written, so a task that runs twice leaves its rows twice. "
    "Replace the file.",
    "half a file": "Under the final name half a file can be seen: when a worker dies in the middle of a write, it stays "
    "so. Write under another name, and rename when it is whole.",
    "looks like a result": "Your temporary file is named scores-….csv, so whoever reads the output takes it for a "
    "partition. Give it another name.",
    "shared temporary name": "Two attempts of one task use the same temporary name, and one takes or spoils the other's "
    "file. Put `attempt` into it.",
    "gone for a moment": "A file that was whole is gone for a moment: a reader misses the partition, and a death makes "
    "that last. `rename` replaces what is there; nothing has to be deleted before.",
}


CUT = "`text` as it came, from its first character to the last line break."


def _is_run(run):
    keys = isinstance(run, dict) and run.keys() >= {"history", "final", "errors"}
    return keys and all(isinstance(run[k], t) for k, t in (("history", list), ("final", dict), ("errors", list)))


def _fault(batch, run):
    """The name of what is wrong with a run, and a sentence where it has no name; None if all is well."""
    wanted = {f"scores-{partition}.csv": text for partition, text in batch["texts"].items()}
    joined, whole = "joined" in batch["what"], set()
    for name, text in wanted.items() if all(at is None for _, at, _ in batch["attempts"]) else ():
        got = run["final"].get(name, text)
        if got != text:
            return None, f"The file {name} holds {_short(got)}. That is not what was to be stored: {CUT}"
    for seen in run["history"]:
        if not isinstance(seen, dict) or not all(isinstance(text, str) for text in seen.values()):
            return None, DAMAGED
        if whole - set(seen):
            return "gone for a moment", ""
        for name, text in seen.items():
            if name not in wanted:
                return "looks like a result", ""
            if text == wanted[name]:
                whole.add(name)
            elif wanted[name].startswith(text) and text != wanted[name]:
                return ("shared temporary name" if joined else "half a file"), ""
            else:
                return None, f"The file {name} holds {_short(text)}, which is not what was to be stored."
    if run["errors"]:
        return ("shared temporary name", "") if joined else (None, f"It raises {run['errors'][0]}.")
    absent = [name for name in wanted if run["final"].get(name) != wanted[name]]
    return (None, f"At the end there is no whole file {absent[0]}.") if absent else None


def _appended(batch, run):
    """Whether a file of some partition holds its rows, and then rows of it again."""
    wanted = {f"scores-{partition}.csv": text for partition, text in batch["texts"].items()}
    seen = [
        (wanted[name], text) for each in run["history"] if isinstance(each, dict) for name, text in each.items() if name in wanted
    ]
    return any(isinstance(text, str) and len(text) > len(once) and (once * 5).startswith(text) for once, text in seen)


def judge_store(evidence, rng):
    planned = batches(rng)
    runs = evidence.get("runs") if isinstance(evidence, dict) else None
    if not isinstance(runs, list) or len(runs) != len(planned) or not all(map(_is_run, runs)):
        return not_yet(DAMAGED)
    for batch, run in zip(planned, runs, strict=True):
        if _appended(batch, run):
            return not_yet(f"When {batch['what']}: {STORE_MESSAGES['appended']}", "appended")
    for batch, run in zip(planned, runs, strict=True):
        fault = _fault(batch, run)
        if fault:
            name, told = fault
            return not_yet(f"When {batch['what']}: {told or STORE_MESSAGES[name]}", name)
    return passed("It may run once, twice or at two places at a time, and die wherever it likes.")


# --- 61c.2: reconcile ---------------------------------------------------------------------------------------------------

FIELDS = ("rows", "missing", "wrong", "conflicting", "strays")


def ledgers(rng):
    """Partitions with their rows, and the receipts that came in: first small ones, which a message can show whole."""
    found = [[{}, []], [{"000-01": 5}, []], [{"000-01": 0}, []]]
    for rows, other in ((5, 5), (5, 6), (5, 0), (0, 0), (0, 2)):
        for sums in ("a", "aa", "ab", "aba"):
            receipts = [{"partition": "000-01", "rows": other, "sha256": letter} for letter in sums]
            found += [[{"000-01": rows}, receipts], [{"000-02": rows}, receipts]]
        found.append([{"000-01": rows}, [{"partition": "000-01", "rows": n, "sha256": "a"} for n in (rows, other)]])
    for _ in range(30):
        names = [f"{number:03}-{month:02}" for number in rng.permutation(100)[:3] for month in rng.permutation(12)[:2] + 1]
        wanted = {name: int(rng.integers(40)) for name in names}
        receipts = []
        for name in [*names, "999-13", "copy"]:
            good = {"partition": name, "rows": wanted.get(name, 7), "sha256": f"{rng.integers(16**8):08x}"}
            kind = rng.choice(["once", "once", "twice", "three", "none", "rows", "both", "sha", "odd", "empty"])
            other = {**good, "rows": abs(good["rows"] + int(rng.choice([-1, 2])))}
            receipts += {
                "once": [good],
                "twice": [good, dict(good)],
                "three": [good, dict(good), dict(good)],
                "none": [],
                "rows": [other, dict(other)],
                "both": [good, other],
                "sha": [good, {**good, "sha256": good["sha256"][::-1] + "0"}],
                "odd": [good, dict(good), {**good, "sha256": good["sha256"][::-1] + "0"}],
                "empty": [{**good, "rows": 0}],
            }[kind]
        found.append([wanted, [receipts[place] for place in rng.permutation(len(receipts))]])
    return found


def probe_reconcile(answer, rng):
    return {"found": [answer(dict(wanted), [dict(receipt) for receipt in receipts]) for wanted, receipts in ledgers(rng)]}


def reconcile(wanted, receipts, *, twice=False, keep=None, only=None, strays=False, sums=False, ordered=True, stray="", zero=""):
    """The oracle, by sets. Each keyword is a twist behind a misconception."""
    by_name = {}
    for receipt in receipts:
        by_name.setdefault(receipt["partition"], []).append((receipt["rows"], receipt["sha256"]))
    if keep:
        by_name = {name: [told[place] for place in keep if place < len(told)] for name, told in by_name.items()}
    for among in zero.split():
        full = {name for name, told in by_name.items() if any(rows for rows, _ in told)}
        by_name = {name: told for name, told in by_name.items() if name in full or (name in wanted) != (among == "wanted")}
    differ = {name for name, told in by_name.items() if len({one if only is None else one[only] for one in told}) > 1}
    conflicting = differ & set(wanted)
    odd = differ - set(wanted)
    rows_of = {name: told[0][0] for name, told in by_name.items()}
    wrong = {name for name in wanted if name in by_name and name not in conflicting and rows_of[name] != wanted[name]}
    good = set(wanted) & set(by_name) - (set() if sums else wrong | conflicting)
    counted = good | (set(by_name) - set(wanted) if strays else set())
    found = {
        "rows": sum(sum(rows for rows, _ in by_name[name]) if twice else rows_of[name] for name in counted),
        "missing": set(wanted) - set(by_name),
        "wrong": wrong,
        "conflicting": conflicting | (odd if "listed" in stray else set()),
        "strays": set(by_name) - set(wanted) - (odd if "left out" in stray else set()),
    }
    order = sorted if ordered else (lambda names: [name for name in dict.fromkeys([*wanted, *by_name]) if name in names])
    return {name: value if name == "rows" else order(value) for name, value in found.items()}


RECONCILE_MISCONCEPTIONS = {
    "counted twice": (
        dict(twice=True),
        "The same receipt may come more than once, as a task may run more than once; its rows are there once all the "
        "same. Yours counts "
        "them each time.",
    ),
    "the last one wins": (
        [dict(keep=(-1,)), dict(keep=(0,))],
        "Yours keeps one receipt of each partition and forgets the others, so it never sees that two of them differ.",
    ),
    "two are compared": (
        [dict(keep=(0, -1)), dict(keep=(0, 1))],
        "Yours compares two receipts of each partition. There may be three and more, and any of them may be the odd one.",
    ),
    "strays judged": (
        [dict(stray="listed"), dict(stray="listed, left out"), dict(stray="left out")],
        "A partition that nobody wanted is a stray whatever its receipts say, also where they differ: it belongs to "
        "`strays`, and `conflicting` has wanted ones only.",
    ),
    "zero is nothing": (
        [dict(zero="wanted"), dict(zero="strays"), dict(zero="wanted strays")],
        "A receipt of 0 rows is a receipt: the task ran, and wrote an empty file. Ask whether the partition is among "
        "the receipts, not whether its rows are more than 0.",
    ),
    "looks at the rows only": (
        dict(only=0),
        "Two receipts with the same number of rows and another checksum are two different files: that is a conflict too.",
    ),
    "looks at the checksum only": (
        dict(only=1),
        "Two receipts with the same checksum and another number of rows contradict each other: that is a conflict too.",
    ),
    "strays counted": (
        dict(strays=True),
        "Rows of partitions that nobody asked for are not rows of the batch: leave them out of `rows`.",
    ),
    "bad ones counted": (
        dict(sums=True),
        "`rows` holds what can be relied on: leave out the partitions that are wrong or in conflict.",
    ),
    "not sorted": (dict(ordered=False), "The names are right and their order is not: sort each list."),
}


def _all_by(cases):
    return lambda twist: [reconcile(*case, **twist) for case in cases]


def judge_reconcile(evidence, rng):
    cases = ledgers(rng)
    got = evidence.get("found") if isinstance(evidence, dict) else None
    if not isinstance(got, list) or len(got) != len(cases):
        return not_yet(DAMAGED)
    want = [reconcile(*case) for case in cases]
    if got == want and all(type(one["rows"]) is int for one in got):
        return passed("A batch is done when the count says so, not when the last task ends.")
    odd = next((one for one in got if not isinstance(one, dict) or sorted(one) != sorted(FIELDS)), None)
    if odd is not None or not all(isinstance(one, dict) for one in got):
        return not_yet(f"Return a dict with the keys {', '.join(FIELDS)}; yours returned {_short(odd)}.", "other keys")
    tidy = [{key: sorted(map(str, value)) if isinstance(value, list) else value for key, value in one.items()} for one in got]
    # A list may be unsorted because of a mistake that matters more.
    named = next((found for each in (got, tidy) if (found := _named(each, RECONCILE_MISCONCEPTIONS, _all_by(cases)))), None)
    if named:
        return named
    differ = [row for row in zip(cases, want, got, strict=True) if row[1] != row[2]]
    if not differ:
        return not_yet("`rows` is to be an int.")
    (wanted, receipts), w, g = min(differ, key=lambda row: len(repr(row[0])))
    field = next(field for field in FIELDS if w[field] != g[field])
    shown = f"reconcile({wanted}, {receipts})" if len(receipts) < 5 else f"{len(receipts)} receipts"
    return not_yet(f"With {shown}, `{field}` should be {_short(w[field])}; yours is {_short(g[field])}.")


# --- 61c.3: the client of an unreliable cluster -------------------------------------------------------------------------

MOST = 3  # losses of one task, then it is given up; some scenes have another number


class Stuck(BaseException):
    """The client would never end."""


class Cluster:
    """Does what it is given in an order of its own, loses some of it, tells some of it twice."""

    def __init__(self, scene):
        self.scene, self.waiting, self.submitted, self.idle = scene, [], {}, 0

    def submit(self, task):
        task = str(task)
        if task not in self.scene["tasks"]:
            raise KeyError(task)
        number = self.submitted[task] = self.submitted.get(task, 0) + 1
        if number > 4 * MOST:
            raise Stuck("submits without end")
        losses = self.scene["losses"][task]
        order = self.scene["order"][task]
        if number <= losses:
            self.waiting.append((order[number % 4], ["lost", task, None]))
        elif number == losses + 1:
            self.waiting.append((order[number % 4], ["done", task, self.scene["results"][task]]))
            late = self.scene["late"][task]
            self.waiting += [(2 + order[place % 4], [kind, task, self.scene["results"][task] if kind == "done" else None])
                             for place, kind in enumerate(late)]  # fmt: skip
        else:
            self.waiting.append((order[number % 4], ["done", task, self.scene["results"][task]]))

    def next(self):
        if not self.waiting:
            self.idle += 1
            if self.idle > 50:
                raise Stuck("waits for ever")
            return None
        event = min(self.waiting, key=lambda item: (item[0], item[1][0], item[1][1]))
        self.waiting.remove(event)
        return tuple(event[1])


def scenes(rng):
    """Each: what it is, the tasks, how often each is lost, what comes late, results, and who is quicker than whom."""

    def scene(what, losses, late=None, most=MOST):
        tasks = [f"trial-{number:02}" for number in rng.permutation(60)[: len(losses)]]
        late = late or [[]] * len(losses)
        return {
            "what": what,
            "most": most,
            "tasks": tasks,
            "losses": dict(zip(tasks, losses, strict=True)),
            "late": dict(zip(tasks, late, strict=True)),
            "results": {task: round(float(rng.random()), 4) for task in tasks},
            "order": {task: [round(float(x), 6) for x in rng.random(4)] for task in tasks},
        }

    two = scene("two tasks are lost each time", [99, 1, 99, 2, 0])
    two["order"][two["tasks"][0]] = [3.0, 3.0, 3.0, 3.0]  # the first task is the last to be given up
    zero = scene("a result is 0.0", [0, 0, 1], [["done"], [], []])
    zero["results"][zero["tasks"][0]] = zero["results"][zero["tasks"][2]] = 0.0
    return [
        scene("nothing is lost", [0] * 5),
        scene("there are no tasks", []),
        scene("a worker dies once", [0, 1, 0, 1]),
        scene("a task is lost twice", [2, 0, 1]),
        scene("several workers die, of different tasks", [1] * 6),
        scene("a task is lost each time", [0, 99, 0]),
        two,
        scene("a result comes twice", [0, 0, 1], [["done"], [], ["done", "done"]]),
        scene("a loss is told after the result has come", [0, 0, 1], [["lost"], [], ["lost", "done"]]),
        scene("losses are told after the result has come", [0, 2, 1], [["lost"] * MOST, ["lost"], []]),
        zero,
        scene("`most` is 1", [0, 1, 99], most=1),
        scene("`most` is 2", [0, 1, 2, 99], most=2),
        scene("`most` is 5", [4, 5, 0, 99, 3], most=5),
    ]


def probe_drive(answer, rng):
    runs = []
    for scene in scenes(rng):
        cluster, recorded, stuck, returned = Cluster(scene), [], None, None

        def record(task, result, recorded=recorded):
            recorded.append([task, result])

        try:
            returned = answer(list(scene["tasks"]), cluster, record, scene["most"])
        except Stuck as reason:
            stuck = str(reason)
        runs.append({"submitted": cluster.submitted, "recorded": recorded, "returned": returned, "stuck": stuck})
        if stuck:
            break
    return {"runs": runs}


def drive(scene, *, retry=True, most=None, extra=0, once=True, per_task=True, after=False, given_up=True, late=False, zero=""):
    """The oracle: submissions of each task, what is recorded, what is returned. Each keyword is a twist."""
    most = (most or scene["most"]) + extra
    cluster, recorded, lost, done, lost_at_all, gave_up = Cluster(scene), [], {}, set(), 0, []
    for task in scene["tasks"]:
        cluster.submit(task)
    while (event := cluster.next()) is not None:
        kind, task, result = event
        if kind == "done" and not result and "skipped" in zero:
            continue
        if kind == "done" and (result or zero != "lost"):
            if task not in done or not once or (zero == "again" and not result):
                recorded.append([task, result])
            done.add(task)
        elif task not in done or after or late:
            lost_at_all += 1
            lost[task] = lost.get(task, 0) + 1
            if late and task in done:
                gave_up += [task] if lost[task] >= most else []
            elif retry and (lost[task] if per_task else lost_at_all) < most:
                cluster.submit(task)
            else:
                gave_up.append(task)
    gave_up += set(scene["tasks"]) - done if "returned" in zero else []
    gave_up = [task for task in scene["tasks"] if task in gave_up]
    return [cluster.submitted, sorted(recorded), gave_up if given_up else []]


DRIVE_MISCONCEPTIONS = {
    "no second try": (
        [dict(retry=False), dict(retry=False, given_up=False)],
        "A task whose worker died is never submitted again: its result is missing, though nothing was wrong with it.",
    ),
    "recorded twice": (
        [dict(once=False), dict(once=False, after=True)],
        "A result that comes twice is recorded twice. Remember which tasks are done.",
    ),
    "again though done": (
        dict(after=True),
        "Yours submits a task again that is done already: a loss that is told late no longer counts.",
    ),
    "most is not used": (
        [dict(most=n) for n in range(1, 7)],
        "Yours tries a task a fixed number of times, whatever `most` says. Each call may bring another number: use it.",
    ),
    "given up though done": (
        dict(late=True),
        "Yours returns a task as given up whose result is recorded: losses that are told after the result do not count.",
    ),
    "zero is no result": (
        [dict(zero="skipped"), dict(zero="skipped, returned"), dict(zero="lost"), dict(zero="again")],
        "0.0 is a result like any other, and yours takes it for none. Whether a task is done is told by `kind`, and not "
        "by the value of its result.",
    ),
    "one try too many": (dict(extra=1), "A task that was lost `most` times is given up: yours submits it once more."),
    "one try too few": (
        dict(extra=-1),
        "A task may be lost fewer than `most` times and be tried again each time: yours gives up one loss early.",
    ),
    "one count for all": (
        dict(per_task=False),
        "Yours counts the losses of all tasks together, so a few deaths end the retries of everyone. Count for each task.",
    ),
    "given up in silence": (
        dict(given_up=False),
        "Return the tasks that were given up: whoever reads the results must know what is not there.",
    ),
}
STUCK = {
    "submits without end": "Yours submits the same task again and again. One that was lost `most` times takes every "
    "worker down: give it up.",
    "waits for ever": "When `cluster.next()` gives None, nothing is under way any more; yours goes on asking.",
}


def _is_drive(run):
    keys = isinstance(run, dict) and run.keys() >= {"submitted", "recorded", "returned", "stuck"}
    return (
        keys
        and isinstance(run["submitted"], dict)
        and isinstance(run["recorded"], list)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in run["recorded"])
        and run["stuck"] in (None, *STUCK)
    )


def _sorted(recorded):
    return sorted(recorded, key=lambda pair: json.dumps(pair))


def judge_drive(evidence, rng):
    planned = scenes(rng)
    runs = evidence.get("runs") if isinstance(evidence, dict) else None
    if not isinstance(runs, list) or not all(map(_is_drive, runs)):
        return not_yet(DAMAGED)
    for scene, run in zip(planned, runs, strict=False):
        if run["stuck"]:
            return not_yet(f"When {scene['what']}: {STUCK[run['stuck']]}", run["stuck"])
    if len(runs) != len(planned):
        return not_yet(DAMAGED)

    def outcome(twist):
        return [
            [submitted, _sorted(recorded), back] for submitted, recorded, back in (drive(scene, **twist) for scene in planned)
        ]

    got, want = [[run["submitted"], _sorted(run["recorded"]), run["returned"]] for run in runs], outcome({})
    if got == want:
        return passed("Each result is recorded once, whatever the workers do; and what could not be done is told.")
    if not all(isinstance(run["returned"], list) for run in runs):
        odd = next(run["returned"] for run in runs if not isinstance(run["returned"], list))
        return not_yet(f"Return a list of the tasks that were given up; yours returned {_short(odd)}.", "no list")
    named = _named(got, DRIVE_MISCONCEPTIONS, outcome)
    if named:
        return named
    if [[*g[:2], _sorted(g[2])] for g in got] == [[*w[:2], _sorted(w[2])] for w in want]:
        return not_yet("The right tasks were given up; return them in the order of `tasks`.", "order")
    scene, w, g = next(row for row in zip(planned, want, got, strict=True) if row[1] != row[2])
    place = next(place for place in range(3) if w[place] != g[place])
    what = ("submissions of each task", "recorded results", "returned tasks")[place]
    return not_yet(f"When {scene['what']}, the {what} should be {_short(w[place])}; yours are {_short(g[place])}.")


# --- 61c.4: how many workers, if any ------------------------------------------------------------------------------------

MANY = 5_000  # more workers than any of these jobs needs


def jobs(rng):
    """deadline, start, serial, parallel, tasks, handing: all in whole milliseconds, but for the number of tasks."""
    found = []
    for number in range(44):
        start, serial = int(rng.integers(500, 20_000)), int(rng.integers(100, 20_000))
        workers, spare = int(rng.integers(1, 60)), int(rng.integers(2_000, 40_000))
        tasks, handing = int(rng.integers(100, 2_000)), int(rng.integers(1, 6))
        if number >= 40:  # many workers, and yet more tasks
            workers, spare = int(rng.integers(120, 900)), int(rng.integers(4_000, 40_000))
            tasks, handing = 1_000 + workers, 1
        parallel = workers * spare + int(rng.choice([0, 0, 1, spare // 2]))  # often exactly on the deadline
        deadline = start + serial + spare
        found.append([deadline, start, serial, parallel, tasks, handing])
        found.append([serial + parallel + int(rng.choice([0, 5])), start, serial, parallel, tasks, handing])
    return [
        *found,
        [10_000, 4_000, 6_000, 50_000, 100, 2],
        [10_000, 2_000, 9_000, 50_000, 100, 2],
        [10_000, 500, 500, 90_000, 4_500, 2],
        [10_000, 500, 500, 90_000, 4_501, 2],
        [10_000, 500, 500, 2_400 * 9_000, 4_500, 2],
    ]


def probe_workers(answer, rng):
    return {"workers": [answer(*job) for job in jobs(rng)]}


def workers_for(
    deadline,
    start,
    serial,
    parallel,
    tasks,
    handing,
    *,
    none=True,
    starts=True,
    shared=False,
    bound=True,
    added=False,
    strict=False,
    down=False,
):
    """The oracle, by trying. Each keyword is a twist behind a misconception."""

    def in_time(milliseconds_times_n, n):
        limit = deadline * n
        return milliseconds_times_n < limit if strict else milliseconds_times_n <= limit

    if none and in_time(serial + parallel, 1):
        return 0
    rest = deadline - (start if starts else 0) - (0 if shared else serial)
    work = parallel + (serial if shared else 0)
    near = max(1, work // rest - 2) if rest > 0 else MANY  # nothing below can be enough
    for n in range(near, MANY):
        whole = (start if starts else 0) * n + (serial if shared else serial * n)
        handed = tasks * handing * n if bound else 0
        if in_time(whole + (parallel + handed if added else max(parallel, handed)), n):
            return max(1, n - 1) if down and parallel % n else n
        if n > near + 5 and not added:
            break  # more workers no longer help
    return None


WORKERS_MISCONCEPTIONS = {
    "always a cluster": (
        dict(none=False),
        "One process with no cluster may be quick enough, and it needs no start: then the answer is 0.",
    ),
    "start forgotten": (dict(starts=False), "A cluster takes `start` before its first task. Yours leaves it out."),
    "all shared out": (
        dict(shared=True),
        "Yours shares `serial` out as well. That part is done by one process, however many workers there are.",
    ),
    "no limit of the scheduler": (
        dict(bound=False),
        "The scheduler hands tasks out one after another: with many small tasks it needs `tasks * handing`, and no number "
        "of workers changes that.",
    ),
    "handing added": (
        dict(added=True),
        "Tasks are handed out while the workers work: the slower of the two counts, not their sum.",
    ),
    "too late on the dot": (dict(strict=True), "To be done exactly at the deadline is in time."),
    "rounded down": (dict(down=True), "Yours rounds down: with that many workers the batch is not done in time."),
}


STOPS = (
    "Yours gives None where many workers are needed: it tries numbers up to some limit and stops. The division gives the "
    "number at once, however large; or try as many as there are tasks."
)


def _stops(want, got):
    """Whether all is right up to a number of workers, and None above."""
    right = [w for w, g in zip(want, got, strict=True) if w and w == g]
    wrong = [w for w, g in zip(want, got, strict=True) if w != g]
    return right and all(wrong) and min(wrong) > max(right) and all(g in (w, None) for w, g in zip(want, got, strict=True))


def judge_workers(evidence, rng):
    asked = jobs(rng)
    got = evidence.get("workers") if isinstance(evidence, dict) else None
    if not isinstance(got, list) or len(got) != len(asked):
        return not_yet(DAMAGED)
    odd = [n for n in got if n is not None and (isinstance(n, bool) or not isinstance(n, (int, float)))]
    if odd:
        return not_yet(f"Return a number of workers, or None; yours returned {_short(odd[0])}.", "no number")
    want = [workers_for(*job) for job in asked]
    if got == want:
        return passed("Often 0, sometimes None: a cluster is not the answer to every batch that is slow.")
    named = _named(got, WORKERS_MISCONCEPTIONS, lambda twist: [workers_for(*job, **twist) for job in asked])
    if named:
        return named
    if _stops(want, got):
        return not_yet(STOPS, "stops trying")
    job, w, g = next(row for row in zip(asked, want, got, strict=True) if row[1] != row[2])
    return not_yet(f"workers_for({', '.join(map(str, job))}) should be {w}; yours says {_short(g)}.")


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/61c_many_machines.ipynb"

QUESTIONS = {
    "61c.1": Question(
        title="Output that a repetition cannot spoil",
        probe=probe_store,
        judge=judge_store,
        hints=(
            "Two operations are enough. Which of them happens at once?",
            "Write everything under a name that no other attempt has and that does not look like output; then rename.",
            'part = f"{partition}-{attempt}.part"; disk.write(part, text); then disk.rename(part, ...) to the final name.',
        ),
        notebook=SOLUTION,
        misconceptions=tuple(STORE_MESSAGES),
    ),
    "61c.2": Question(
        title="Count before you believe",
        probe=probe_reconcile,
        judge=judge_reconcile,
        hints=(
            "First gather, for each partition, the *different* pairs of rows and checksum that were told.",
            "told.setdefault(receipt['partition'], set()).add((receipt['rows'], receipt['sha256'])). More than one pair "
            "is a conflict; "
            "one pair with another number of rows than wanted is wrong.",
            "rows is the sum of wanted[name] over the names with exactly one pair, whose rows are the wanted ones.",
        ),
        notebook=SOLUTION,
        misconceptions=("other keys", *RECONCILE_MISCONCEPTIONS),
    ),
    "61c.3": Question(
        title="The client of an unreliable cluster",
        probe=probe_drive,
        judge=judge_drive,
        hints=(
            "Submit all; then a loop over the events until there is none. You need to remember which tasks are done, and "
            "how often "
            "each was lost.",
            "while (event := cluster.next()) is not None: kind, task, result = event. Whatever comes about a task that is "
            "done: go on.",
            "On 'lost': lost[task] += 1, and cluster.submit(task) only while lost[task] < most. At the end: those with "
            "lost[task] == most.",
        ),
        notebook=SOLUTION,
        misconceptions=("no list", "order", *STUCK, *DRIVE_MISCONCEPTIONS),
    ),
    "61c.4": Question(
        title="How many workers, if any",
        probe=probe_workers,
        judge=judge_workers,
        hints=(
            "Three questions in this order: is one process enough? Can any cluster be in time? If so, how few workers?",
            "rest = deadline - start - serial is what is left for the shared part. Without rest, or with tasks * handing "
            "above it: None.",
            "math.ceil(parallel / rest) workers; 0 first, if serial + parallel <= deadline.",
        ),
        notebook=SOLUTION,
        misconceptions=("no number", "stops trying", *WORKERS_MISCONCEPTIONS),
    ),
}
