"""The questions of 33b, on-prem. No process starts and nobody waits: fleets, workers and clocks are simulated."""

import itertools
from fractions import Fraction

from helpers.course.evidence import describe
from helpers.course.verdict import Question, not_yet, passed

DAMAGED = "The check's own record of your answer is damaged. Run the check again."


def _record(evidence, name, length, fits):
    """The list of that name in the evidence; None unless it is as the probe makes it."""
    found = evidence.get(name) if isinstance(evidence, dict) else None
    sound = isinstance(found, list) and (length is None or len(found) == length) and all(fits(item) for item in found)
    return found if sound else None


def _is_pair(item):
    return isinstance(item, list) and len(item) == 2


# --- 33b.1: a rollout that stops itself ---------------------------------------------------------------------------------

PATIENCE = 10  # seconds
LONGEST_SLEEP = 1  # seconds
AT_ONE_TIME = 40  # questions while the clock stands still: more come only from a loop that never sleeps
SPARE = 2.5  # seconds a worker that a rollout may take longer: one sleep too many, and a look at the new one
TOO_LATE = 500  # seconds: who still waits then waits for ever


class Stuck(BaseException):
    """The rollout would never end. Not an Exception, so that a learner's `except Exception` lets it through."""


class Fleet:
    """Workers that become ready some seconds after a restart, if at all; and the clock they live by.

    Parameters
    ----------
    scene : dict
        As from `scenes`.
    """

    def __init__(self, scene):
        self.scene, self.clock, self.asked, self.longest, self.calls = scene, 0.0, 0, 0.0, []
        self.ready_at = {worker: None if worker in scene["down"] else 0.0 for worker in scene["workers"]}

    def now(self):
        self._count()
        return self.clock

    def sleep(self, seconds):
        if not seconds > 0:
            return
        self.clock, self.asked, self.longest = self.clock + seconds, 0, max(self.longest, float(seconds))
        if self.clock > TOO_LATE:
            raise Stuck("waits for ever")

    def restart(self, worker, release):
        self.calls.append([worker, release])
        takes = 1.0 if release == "old" else self.scene["takes"][worker]
        self.ready_at[worker] = None if takes is None else self.clock + takes
        if len(self.calls) > 4 * len(self.scene["workers"]) + 4:
            raise Stuck("restarts without end")
        if self.scene["crash"][0] == worker:
            self.ready_at[self.scene["crash"][1]] = None

    def _count(self):
        self.asked += 1
        if self.asked > AT_ONE_TIME:
            raise Stuck("never sleeps")

    def ready(self, worker):
        self._count()
        self.clock += self.scene["asking"]
        return self.ready_at[worker] is not None and self.ready_at[worker] <= self.clock


def scenes(rng):
    """Each: what it is, the workers, how long each takes with the new release (None: for ever), who is down, who crashes."""
    ports = [str(port) for port in rng.permutation(range(8001, 8100))[:4]]
    quick = [float(rng.integers(2, 7)) for _ in ports]
    a, b, c, d = ports

    def scene(what, workers, takes, down=(), crash=(None, None), asking=0.0):
        takes = dict(zip(workers, takes, strict=True))
        return {"what": what, "workers": workers, "takes": takes, "down": down, "crash": crash, "asking": asking}

    return [
        scene("all become ready", [a, b, c], quick[:3]),
        scene(f"{b} never becomes ready", [a, b, c], [quick[0], None, quick[2]]),
        scene(f"{a} never becomes ready", [a, b], [None, quick[1]]),
        scene("each takes 8 seconds", [a, b, c], [8.0, 8.0, 8.0]),
        scene(f"{a} takes {PATIENCE + 7} seconds", [a, b], [PATIENCE + 7.0, 3.0]),
        scene(f"{a} takes {PATIENCE + 7} seconds and each question 3", [a, b], [PATIENCE + 7.0, 3.0], asking=3.0),
        scene(f"{c}, the last, is down from the start", [a, b, c], quick[:3], (c,)),
        scene(f"{a}, the first, is down from the start", [a, b, c], quick[:3], (a,)),
        scene(f"{a} crashes when {b} is restarted", [a, b, c, d], quick, (), (b, a)),
        scene("there is one worker", [a], quick[:1]),
        scene("there are no workers", [], []),
    ]


def probe_roll(answer, rng):
    runs = []
    for scene in scenes(rng):
        fleet, stuck, returned = Fleet(scene), None, None
        try:
            returned = answer(list(scene["workers"]), fleet.restart, fleet.ready, fleet.now, fleet.sleep, PATIENCE)
        except Stuck as reason:
            stuck = str(reason)
        runs.append({"calls": fleet.calls, "returned": returned, "stuck": stuck, "longest": fleet.longest, "took": fleet.clock})
        if stuck == "never sleeps":  # it may sleep by the real clock: nine more of these would take their time
            break
    return {"runs": runs}


def rollout(scene, *, wait=True, stop=True, back=True, others=True, itself=False, once=False, one_deadline=False, all_back=False):
    """The oracle: all restarts, and who is on the new release. Each keyword is a twist behind a misconception."""
    calls, updated, clock = [], [], 0
    for place, worker in enumerate(scene["workers"]):
        touched = [name for name, _ in calls]
        down = {name for name in scene["down"] if name not in touched}
        down |= {scene["crash"][1]} if scene["crash"][0] in touched else set()
        down |= set() if wait else set(touched)
        if others and (place == 0 or not once) and (down if itself else down - {worker}):
            break
        calls.append([worker, "new"])
        takes = scene["takes"][worker]
        if not wait or (takes is not None and takes <= PATIENCE - (clock if one_deadline else 0)):
            updated.append(worker)
            clock += takes or 0
            continue
        calls += [[worker, "old"]] * back + [[name, "old"] for name in reversed(updated) if all_back]
        if stop:
            break
    return calls, updated


ROLL_MISCONCEPTIONS = {
    "does not wait": (
        [dict(wait=False), dict(wait=False, others=False)],
        "Yours goes on to the next worker without waiting until this one is ready: for a moment all of them are away.",
    ),
    "goes on after a failure": (
        [dict(stop=False), dict(stop=False, others=False), dict(stop=False, back=False, others=False)],
        "A worker did not become ready, and yours went on to the next one. A release that fails once fails again: end there.",
    ),
    "leaves it down": (
        [dict(back=False), dict(back=False, others=False)],
        "The worker that did not become ready stays on the new release: restart it on the old one before you end.",
    ),
    "one deadline for all": (
        [dict(one_deadline=True), dict(one_deadline=True, others=False)],
        "Yours counts the patience from the beginning of the rollout. Each worker has that long, from its own restart.",
    ),
    "does not look at the others": (
        [dict(others=False)],
        "Yours takes a worker away while another one is not ready. Ask all the *others* first, before each restart.",
    ),
    "looks once": (
        [dict(once=True)],
        "Yours looks at the others only before the first restart. One may crash meanwhile: look before each restart.",
    ),
    "itself must be ready": (
        [dict(itself=True)],
        "Yours does not touch a worker that is down itself. Only the *others* must be ready; this one may need the restart.",
    ),
    "puts all back": (
        [dict(all_back=True), dict(all_back=True, others=False)],
        "Yours puts back workers that had become ready on the new release too. Only the one that failed is put back.",
    ),
}
STUCK = {
    "never sleeps": "While it waits, yours asks without ever sleeping by sleep(seconds), so the clock it was given stands still.",
    "waits for ever": "Yours waits for a worker without end. It has `patience` seconds from its restart; then it is put back.",
    "restarts without end": "Yours restarts workers again and again. Each is restarted on the new release once.",
}

OTHERS = (
    "Yours waits for another worker before it restarts one. Nobody waits for the *others*: if one of them is not ready at that "
    "moment, the rollout ends."
)


def _is_out(scene, calls):
    """Whether the worker that was restarted last never becomes ready."""
    return bool(calls) and calls[-1][1] == "new" and scene["takes"].get(calls[-1][0], 0) is None


def _is_run(run):
    keys = isinstance(run, dict) and run.keys() >= {"calls", "returned", "stuck", "longest", "took"}
    calls = keys and isinstance(run["calls"], list) and all(map(_is_pair, run["calls"]))
    return calls and all(type(run[name]) in (int, float) for name in ("longest", "took")) and run["stuck"] in (None, *STUCK)


def judge_roll(evidence, rng):
    planned, runs = scenes(rng), _record(evidence, "runs", None, _is_run) or []
    for scene, run in zip(planned, runs, strict=False):
        if run["stuck"] == "waits for ever" and not _is_out(scene, run["calls"]):
            return not_yet(f"When {scene['what']}: {OTHERS}", "waits for the others")
        if run["stuck"]:
            return not_yet(f"When {scene['what']}: {STUCK[run['stuck']]}", run["stuck"])
    if len(runs) != len(planned):
        return not_yet(DAMAGED)
    played = list(zip(planned, runs, strict=True))
    got, want = [run["calls"] for _, run in played], [rollout(scene)[0] for scene, _ in played]
    if got != want:
        slept = any(run["longest"] > 0 for _, run in played)  # who waits is not told that he does not
        table = {name: told for name, told in ROLL_MISCONCEPTIONS.items() if name != "does not wait" or not slept}
        named = _named(got, table, lambda twist: [rollout(scene, **twist)[0] for scene, _ in played])
        if named:
            return named
        scene, w, g = next((s, w, g) for (s, _), w, g in zip(played, want, got, strict=True) if w != g)
        return not_yet(f"When {scene['what']}, the restarts of {_names(scene)} should be {_told(w)}; yours are {_told(g)}.")
    if max(run["longest"] for _, run in played) > LONGEST_SLEEP:
        return not_yet(
            "Yours sleeps longer than 1 second between two questions: a worker may be ready long before.", "sleeps long"
        )
    (scene, run), least = played[0], sum(played[0][0]["takes"].values())
    if run["took"] > least + SPARE * len(scene["workers"]):
        return not_yet(
            f"When {scene['what']}, that takes the workers {least:.0f} seconds together, and yours {run['took']:.0f}. Ask after "
            "each short sleep, and go on as soon as the worker is ready.",
            "waits it out",
        )
    for scene, run in played:
        if run["returned"] != rollout(scene)[1]:
            return not_yet(
                f"When {scene['what']}, the list of workers that became ready on the new release is {rollout(scene)[1]}; "
                f"yours returned {_short(run['returned'])}.",
                "another list",
            )
    return passed("A broken release costs one worker for some seconds, and never the service.")


def _named(got, misconceptions, play):
    """The verdict of the misconception that gives just this, None if none does; `play(twist)` is what one would give."""
    for name, (twists, message) in misconceptions.items():
        if any(got == play(twist) for twist in (twists if isinstance(twists, list) else [twists])):
            return not_yet(message, name)
    return None


def _names(scene):
    return ", ".join(scene["workers"]) or "nobody"


def _told(calls):
    return ", ".join(f"{worker} {release}" for worker, release in calls[:9]) or "none"


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# --- 33b.2: what may be sent again --------------------------------------------------------------------------------------

FAILURES = {"refused": ConnectionRefusedError, "reset": ConnectionResetError, "timeout": TimeoutError}
REPEATABLE = ("GET", "HEAD", "PUT", "DELETE")
KEY = "Idempotency-Key"


def requests(rng):
    """What callers send."""
    number = f"{rng.integers(10**6):06d}"
    plain = [{"method": m, "path": "/predict", "headers": {}} for m in (*REPEATABLE, "POST", "PATCH")]
    keyed = [{"method": "POST", "path": "/corrections", "headers": {name: number}} for name in (KEY, KEY.lower(), KEY.upper())]
    other = {"method": "POST", "path": "/predict", "headers": {"X-Request-Id": number}}
    return [*plain, *keyed, other]


def fortunes(rng):
    """What becomes of a request at the first worker, the second and so on."""
    good = int(rng.choice([200, 201, 204]))
    short = [[good], [404], [422], [429], [500], [502], ["refused"], ["reset"], ["timeout"], [503]]
    two = [[first, good] for first in ("refused", "reset", "timeout", 503, 500, 502, 504, 422)]
    three = [["refused", "reset", good], [503, "timeout", good], ["reset", 500, good], [503, 503, 503], ["refused"] * 3]
    return [*short, *two, *three, ["timeout", "reset", "refused"], ["refused", 503]]


def cases(rng):
    return list(itertools.product(requests(rng), fortunes(rng)))


def probe_forward(answer, rng):
    replies = []
    for request, fortune in cases(rng):
        workers = [f"worker {number}" for number in range(1, len(fortune) + 1)]
        tried, script = [], dict(zip(workers, fortune, strict=True))

        def send(worker, sent, tried=tried, script=script):
            tried.append(str(worker))
            became = script[worker] if tried.count(worker) == 1 else "refused"
            if len(tried) > 12:
                raise Stuck("sends without end")
            if became in FAILURES:
                raise FAILURES[became](became)
            return became

        try:
            replies.append([answer({**request, "headers": dict(request["headers"])}, workers, send), tried])
        except Stuck:
            replies.append(["sends without end", tried[:3]])
        except tuple(FAILURES.values()) as error:
            replies.append([{"raised": describe(error)}, tried])
    return {"replies": replies}


def forward(
    request,
    fortune,
    *,
    lost_again=False,
    timeout_again=False,
    refusal_final=False,
    lost_final=False,
    key=True,
    exact=False,
    again=(503,),
    repeatable=REPEATABLE,
    lost=502,
    left=503,
    last_status=False,
):
    """The oracle: what the caller gets, and how many workers were tried. Each keyword is a twist behind a misconception."""
    keyed = KEY in request["headers"] or (not exact and KEY.lower() in [name.lower() for name in request["headers"]])
    safe = request["method"] in repeatable or (key and keyed)
    for place, became in enumerate(fortune, start=1):
        if became == "refused":
            go_on = safe or not refusal_final
        elif became in FAILURES:
            go_on = (safe and not lost_final) or lost_again or (timeout_again and became == "timeout")
        else:
            go_on = became in again
            if not go_on:
                return [became, place]
        if not go_on:
            return [lost, place]
    return [fortune[-1] if last_status and fortune[-1] in again else left, len(fortune)]


FORWARD_MISCONCEPTIONS = {
    "done twice": (
        dict(lost_again=True),
        "A POST was sent, and no answer came. It may have been done: sent again, it may be done twice. The caller gets 502.",
    ),
    "only POST": (
        dict(repeatable=(*REPEATABLE, "PATCH")),
        "Yours repeats a PATCH whose answer was lost. Without a key only GET, HEAD, PUT and DELETE are safe.",
    ),
    "timeouts are harmless": (
        dict(timeout_again=True),
        "After a timeout yours sends a POST again. The first worker may still be at it: a timeout proves nothing.",
    ),
    "refusals are final": (
        dict(refusal_final=True),
        "A refused connection means that nothing was sent, so any request, also a POST, may go to the next worker. "
        "(ConnectionRefusedError and ConnectionResetError are both a ConnectionError: tell them apart.)",
    ),
    "never again": (
        dict(lost_final=True),
        "Yours gives up when the answer to a GET was lost. A request that is safe to repeat goes to the next worker.",
    ),
    "key ignored": (
        dict(key=False),
        "A request with an Idempotency-Key is safe to repeat, a POST too: the service knows it again by the key.",
    ),
    "case of the header": (
        dict(exact=True),
        'Names of headers do not care about case: "idempotency-key" is the same header as "Idempotency-Key".',
    ),
    "errors sent on": (
        dict(again=range(500, 600)),
        "Yours tries the next worker after any 5xx. Only a 503 says that nothing was done; a 500 goes back to the caller.",
    ),
    "503 is final": (
        dict(again=()),
        "A worker that answers 503 has done nothing, since it is stopping or not ready: the next worker is to be tried.",
    ),
    "only GET": (
        dict(repeatable=("GET", "HEAD")),
        "PUT and DELETE are safe to repeat as well: done twice, they leave the same as done once.",
    ),
    "502 when nobody is left": (
        dict(left=502),
        "When no worker is left the caller gets 503: it may ask again later. 502 is for what may have been done.",
    ),
    "503 for what was lost": (
        dict(lost=503),
        "When a request may have been done and cannot be repeated, the caller gets 502. A 503 would invite it to send again.",
    ),
}


LET_THROUGH = {
    "refused": "{0} refused the connection, so nothing was sent",
    "reset": "{0} got the request, then the line broke",
    "timeout": "{0} gave no answer in time: it is slow or hangs, and the request was sent",
}


def _judge_raised(asked, replies, want):
    """The verdict if one of the three came out of `forward`."""
    for case, (reply, tried), w in zip(asked, replies, want, strict=True):
        failed = isinstance(reply, dict) and list(reply) == ["raised"] and 0 < len(tried) <= len(case[1])
        became = case[1][len(tried) - 1] if failed else None
        if became not in LET_THROUGH:
            continue
        left = "no worker is left" if w[0] == 503 else "it may have been done"
        after = "the next worker is tried" if w[1] > len(tried) else left
        hint = " (A TimeoutError is no ConnectionError: name both.)" if became == "timeout" else ""
        return not_yet(
            f"For {_case(*case)} {LET_THROUGH[became].format(tried[-1])}, and yours let the {FAILURES[became].__name__} through. "
            f"`forward` catches it and gives an answer of its own: here {after}, and the caller gets {w[0]}.{hint}",
            "lets it through",
        )
    return None


def judge_forward(evidence, rng):
    asked = cases(rng)
    replies = _record(evidence, "replies", len(asked), lambda reply: _is_pair(reply) and isinstance(reply[1], list))
    if replies is None:
        return not_yet(DAMAGED)
    got = [[reply, len(tried)] for reply, tried in replies]
    want = [forward(*case) for case in asked]
    for case, (_, tried) in zip(asked, replies, strict=True):
        if tried != [f"worker {number}" for number in range(1, len(tried) + 1)]:
            return not_yet(
                f"The workers are tried in the order given, each at most once. For {_case(*case)} yours tried {tried[:4]}.",
                "order",
            )
    if got == want:
        return passed("What was never sent may go anywhere; what may have been done only where doing it twice does no harm.")
    failed = _judge_raised(asked, replies, want)
    if failed:
        return failed
    named = _named(got, FORWARD_MISCONCEPTIONS, lambda twist: [forward(*case, **twist) for case in asked])
    if named:
        return named
    case, w, g = next(row for row in zip(asked, want, got, strict=True) if row[1] != row[2])
    return not_yet(f"For {_case(*case)} the caller should get {w[0]} after {w[1]} tried; yours gave {_short(g[0])} after {g[1]}.")


def _case(request, fortune):
    names = f" with the header {', '.join(request['headers'])}" if request["headers"] else ""
    return f"a {request['method']}{names}, when the workers' part is {', '.join(str(f) for f in fortune)},"


# --- 33b.3: how many workers --------------------------------------------------------------------------------------------


def loads(rng):
    """Each: requests in every window, seconds a window, processor seconds a request, share that a worker may be busy."""
    found = [([0, 0, 0], 60, 0.01, 0.7), ([1], 60, 0.01, 0.7), ([16, 32, 8], 4, 0.25, 0.5), ([64, 1, 2], 8, 0.5, 0.5)]
    while len(found) < 60:
        counts = rng.integers(0, int(rng.choice([50, 2_000, 60_000])), size=int(rng.integers(1, 9))).tolist()
        one = (counts, int(rng.choice([1, 10, 60])), float(rng.choice([0.0007, 0.003, 0.02])), float(rng.choice([0.5, 0.6, 0.7])))
        need = share(*one)
        if 0.01 < need % 1 < 0.99 and need < 500:  # far from a whole number, where two ways to compute may differ in the last bit
            found.append(one)
    return found


def share(counts, seconds, price, limit):
    """How many workers the busiest window takes, as an exact fraction."""
    return Fraction(max(counts)) / seconds * Fraction(str(price)) / Fraction(str(limit))


def probe_workers(answer, rng):
    return {"workers": [answer(list(counts), *rest) for counts, *rest in loads(rng)]}


def workers_needed(counts, seconds, price, limit, *, spare=1, least=2, average=False, window=True, full=True, down=False, up=0):
    """The oracle: the first number that is enough, found by trying. Each keyword is a twist behind a misconception."""
    busiest = Fraction(sum(counts), len(counts)) if average else Fraction(max(counts))
    work = busiest * Fraction(str(price)) / (seconds if window else 1)
    room = Fraction(str(limit)) if full else 1
    n = spare
    while work > (n - spare) * room if not down else work >= (n + 1 - spare) * room:
        n += 1
    n += up and work % room == 0
    return max(n, least)


WORKERS_MISCONCEPTIONS = {
    "the average": (
        dict(average=True),
        "Yours plans for the average window. The busiest one must be carried: that is when a missing worker hurts.",
    ),
    "no spare": (
        [dict(spare=0), dict(spare=0, least=1)],
        "Yours is enough while all are there. With one away, the others must carry it: one more.",
    ),
    "one is enough": (
        dict(least=1),
        "With little or no traffic yours has one worker: while it is restarted there is none. At least 2.",
    ),
    "window forgotten": (
        dict(window=False),
        "Yours takes the counts for requests a second. They are requests a window: divide by its seconds.",
    ),
    "busy all the time": (
        dict(full=False),
        "Yours lets a worker be busy all the time. It may be busy for the share `limit` at most.",
    ),
    "rounded down": (
        dict(down=True),
        "Yours rounds down. Two workers and a half are two, and two are too few: round up.",
    ),
    "full is too full": (
        dict(up=1),
        "Where the others would be busy for exactly the share `limit`, that is still allowed; yours adds another one.",
    ),
    "two spare": (
        dict(spare=2, least=2),
        "Yours has two more than the busiest window takes. One may be away at a time: one more.",
    ),
}


def judge_workers(evidence, rng):
    asked = loads(rng)
    got = _record(evidence, "workers", len(asked), lambda number: True)
    if got is None:
        return not_yet(DAMAGED)
    want = [workers_needed(*load) for load in asked]
    if not all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in got):
        wrong = next(n for n in got if not isinstance(n, (int, float)) or isinstance(n, bool))
        return not_yet(f"Return a number of workers, an int; yours returned {_short(wrong)}.", "no number")
    if got == want:
        return passed()
    named = _named(got, WORKERS_MISCONCEPTIONS, lambda twist: [workers_needed(*load, **twist) for load in asked])
    if named:
        return named
    (counts, seconds, price, limit), w, g = next(row for row in zip(asked, want, got, strict=True) if row[1] != row[2])
    return not_yet(
        f"For counts {counts} in windows of {seconds} s, {price} s a request and a limit of {limit}, "
        f"{w} workers are needed; yours says {_short(g)}."
    )


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/33b_on_prem.ipynb"

QUESTIONS = {
    "33b.1": Question(
        title="A rollout that stops itself",
        probe=probe_roll,
        judge=judge_roll,
        hints=(
            "A loop over the workers with three parts: look at the others, restart and wait, decide.",
            "The wait: since = now(); while not ready(worker): if now() - since > patience: give up; sleep(0.5).",
            "if not all(ready(other) for other in workers if other != worker): return updated. After the wait: either "
            'updated.append(worker), or restart(worker, "old") and return updated.',
        ),
        notebook=SOLUTION,
        misconceptions=(*STUCK, *ROLL_MISCONCEPTIONS, "waits for the others", "sleeps long", "waits it out", "another list"),
    ),
    "33b.2": Question(
        title="What may be sent again",
        probe=probe_forward,
        judge=judge_forward,
        hints=(
            "First decide once whether the request is safe to repeat. Then a loop over the workers, with "
            "try: status = send(worker, request).",
            "except ConnectionRefusedError: continue. except (ConnectionResetError, TimeoutError): continue if it is safe, "
            "else return 502.",
            'any(name.lower() == "idempotency-key" for name in request["headers"]) finds the key. '
            "A status other than 503 is returned as it is; after the loop: return 503.",
        ),
        notebook=SOLUTION,
        misconceptions=(*FORWARD_MISCONCEPTIONS, "order", "lets it through"),
    ),
    "33b.3": Question(
        title="How many workers",
        probe=probe_workers,
        judge=judge_workers,
        hints=(
            "Begin with the work of the busiest window: how many processor seconds does it take each second?",
            "max(counts) / seconds * price is that work. One worker does `limit` of it. Round up "
            "(math.ceil), then think of the one that is away.",
        ),
        notebook=SOLUTION,
        misconceptions=("no number", *WORKERS_MISCONCEPTIONS),
    ),
}
