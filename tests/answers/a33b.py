"""Answers to the questions of 33b, on-prem."""

import math
import time
from fractions import Fraction

import numpy as np

from tests.answers import Answers, Wrong

# --- 33b.1 --------------------------------------------------------------------------------------------------------------


def roll(workers, restart, ready, now, sleep, patience):
    updated = []
    for worker in workers:
        if not all(ready(other) for other in workers if other != worker):
            return updated
        since = now()
        restart(worker, "new")
        while not ready(worker):
            if now() - since >= patience:
                restart(worker, "old")
                return updated
            sleep(0.5)
        updated.append(worker)
    return updated


def roll_by_recursion(workers, restart, ready, now, sleep, patience, place=0):
    if place == len(workers) or [w for w in workers if w != workers[place] and not ready(w)]:
        return workers[:place]
    restart(workers[place], "new")
    end = now() + patience
    while now() < end and not ready(workers[place]):
        sleep(min(1, end - now()))
    if not ready(workers[place]):
        restart(workers[place], "old")
        return workers[:place]
    return roll_by_recursion(workers, restart, ready, now, sleep, patience, place + 1)


def roll_by_counting(workers, restart, ready, now, sleep, patience):
    """Counts its questions for seconds, though each takes a while."""
    done = ()
    for worker in workers:
        others = set(workers) - {worker}
        if sum(map(ready, others)) < len(others):
            break
        restart(worker, "new")
        for _ in range(int(patience / 0.25)):
            sleep(0.25)
            if ready(worker):
                done += (worker,)
                break
        else:
            restart(worker, "old")
            break
    return list(done)


def roll_waits_for_the_old(workers, restart, ready, now, sleep, patience):
    def wait(worker):
        start = now()
        while not (is_ready := ready(worker)) and now() - start < patience:
            sleep(0.1)
        return is_ready

    updated = []
    for worker in workers:
        if any(not ready(other) for other in workers if other is not worker):
            break
        restart(worker, release="new")
        if not wait(worker):
            restart(worker, release="old")
            wait(worker)
            break
        updated += [worker]
    return np.array(updated) if updated else []


def variant(
    *,
    others=True,
    itself=False,
    once=False,
    wait=True,
    back=True,
    stop=True,
    one_deadline=False,
    all_back=False,
    pause=0.5,
    endless=False,
    early=1.0,
    result=lambda updated, workers: updated,
):
    """A rollout with something missing."""

    def roll(workers, restart, ready, now, sleep, patience):
        updated, begun = [], now()
        for place, worker in enumerate(workers):
            asked = [w for w in workers if itself or w != worker]
            if others and (place == 0 or not once) and not all(ready(w) for w in asked):
                break
            restart(worker, "new")
            since = begun if one_deadline else now()
            while wait and not ready(worker) and (endless or now() - since < patience * early):
                sleep(pause) if pause else None
            if not wait or ready(worker):
                updated.append(worker)
                continue
            if back:
                restart(worker, "old")
                if not stop:
                    sleep(1)
                    sleep(0.5)
            for name in reversed(updated if all_back else []):
                restart(name, "old")
            if stop:
                break
        return result(updated, workers)

    return roll


def roll_real_clock(workers, restart, ready, now, sleep, patience):
    for worker in workers:
        restart(worker, "new")
        while not ready(worker):
            time.sleep(0.001)
    return workers


def roll_again_and_again(workers, restart, ready, now, sleep, patience):
    for worker in workers:
        restart(worker, "new")
        while not ready(worker):
            sleep(0.5)
            restart(worker, "new")
    return list(workers)


def roll_backwards(workers, restart, ready, now, sleep, patience):
    return roll(workers[::-1], restart, ready, now, sleep, patience)


def roll_waits_for_the_others(workers, restart, ready, now, sleep, patience):
    updated = []
    for worker in workers:
        while not all(ready(other) for other in workers if other != worker):
            sleep(0.5)
        if roll([worker], restart, ready, now, sleep, patience):
            updated.append(worker)
            continue
        break
    return updated


def roll_waits_it_out(workers, restart, ready, now, sleep, patience):
    """Lets the whole time go by, and looks then."""
    updated = []
    for worker in workers:
        if not all(ready(other) for other in workers if other != worker):
            break
        restart(worker, "new")
        for _ in range(patience):
            sleep(1)
        if not ready(worker):
            restart(worker, "old")
            break
        updated.append(worker)
    return updated


def roll_swallows(workers, restart, ready, now, sleep, patience):
    try:
        return variant(endless=True)(workers, restart, ready, now, sleep, patience)
    except Exception:
        return []


def roll_raises(workers, restart, ready, now, sleep, patience):
    updated = roll(workers, restart, ready, now, sleep, patience)
    if len(updated) < len(workers):
        raise RuntimeError("the rollout stopped")
    return updated


# --- 33b.2 --------------------------------------------------------------------------------------------------------------

SAFE = ("GET", "HEAD", "PUT", "DELETE")


def forward(request, workers, send):
    safe = request["method"] in SAFE or any(name.lower() == "idempotency-key" for name in request["headers"])
    for worker in workers:
        try:
            status = send(worker, request)
        except ConnectionRefusedError:
            continue
        except (ConnectionResetError, TimeoutError):
            if not safe:
                return 502
            continue
        if status != 503:
            return status
    return 503


def forward_by_recursion(request, workers, send):
    if not workers:
        return 503
    try:
        status = send(workers[0], request)
    except OSError as error:
        keys = {name.casefold() for name in request["headers"]}
        lost = not isinstance(error, ConnectionRefusedError)
        if lost and request["method"] not in SAFE and "idempotency-key" not in keys:
            return 502
        status = 503
    return forward_by_recursion(request, workers[1:], send) if status == 503 else status


def forward_by_table(request, workers, send):
    headers = {name.title(): value for name, value in request["headers"].items()}
    may = {"refused": True, "lost": request["method"] in set(SAFE) or "Idempotency-Key" in headers}
    queue = list(workers)
    while queue:
        try:
            what = send(queue.pop(0), request)
        except ConnectionRefusedError:
            what = "refused"
        except (ConnectionError, TimeoutError):
            what = "lost"
        if what in may and not may[what]:
            return 502
        if what not in may and what != 503:
            return np.int64(what)
    return 503


def sending(
    *,
    lost=lambda safe, error: safe,
    refused=lambda safe: True,
    again=(503,),
    safe_methods=SAFE,
    key=lambda headers: "idempotency-key" in [name.lower() for name in headers],
    when_lost=502,
    when_left=503,
    order=lambda workers: workers,
):
    """A proxy with something missing."""

    def forward(request, workers, send):
        safe = request["method"] in safe_methods or key(request["headers"])
        for worker in order(workers):
            try:
                status = send(worker, request)
            except ConnectionRefusedError:
                if not refused(safe):
                    return when_lost
                continue
            except (ConnectionResetError, TimeoutError) as error:
                if not lost(safe, error):
                    return when_lost
                continue
            if status not in again:
                return status
        return when_left

    return forward


def forward_lets_through(request, workers, send):
    return next((status for status in (send(worker, request) for worker in workers) if status != 503), 503)


def forward_knows_only(*known):
    """It catches these; the others come out of it."""

    def answer(request, workers, send):
        for worker in workers:
            try:
                status = send(worker, request)
            except ConnectionRefusedError:
                continue
            except known:
                if request["method"] not in SAFE and not any(name.lower() == "idempotency-key" for name in request["headers"]):
                    return 502
                continue
            if status != 503:
                return status
        return 503

    return answer


def forward_first_only(request, workers, send):
    return forward(request, workers[:1], send)


def forward_without_end(request, workers, send):
    while True:
        for worker in workers:
            try:
                status = send(worker, request)
            except (ConnectionError, TimeoutError):
                continue
            if status != 503:
                return status


def forward_insists(request, workers, send):
    return forward(request, [worker for worker in workers for _ in range(2)], send)


def forward_tells(request, workers, send):
    return {"status": forward(request, workers, send)}


def forward_visible(request, workers, send):
    return 200


# --- 33b.3 --------------------------------------------------------------------------------------------------------------


def workers_needed(counts, seconds, price, limit):
    return max(2, math.ceil(max(counts) / seconds * price / limit) + 1)


def workers_by_trying(counts, seconds, price, limit):
    n = 2
    while max(counts) * Fraction(str(price)) > Fraction(str(limit)) * seconds * (n - 1):
        n += 1
    return n


def workers_by_numpy(counts, seconds, price, limit):
    return np.maximum(np.ceil(np.max(counts) * price / (seconds * limit)), 1).astype(int) + 1


def workers_by_division(counts, seconds, price, limit):
    return 1 + max(1, int(-(-(sorted(counts)[-1] / seconds * price) // limit)))


def needing(formula):
    return lambda counts, seconds, price, limit: formula(counts, seconds, price, limit)


def _work(counts, seconds, price, limit):
    return max(counts) / seconds * price / limit


ANSWERS = {
    "33b.1": Answers(
        right=[roll, roll_by_recursion, roll_waits_for_the_old],
        wrong=[
            Wrong(roll_by_counting, says="each question 3"),
            Wrong(variant(wait=False), "does not wait"),
            Wrong(variant(wait=False, others=False), "does not wait"),
            Wrong(variant(stop=False), "goes on after a failure"),
            Wrong(variant(stop=False, others=False), "goes on after a failure"),
            Wrong(variant(stop=False, others=False, back=False), "goes on after a failure"),
            Wrong(variant(back=False), "leaves it down"),
            Wrong(variant(back=False, others=False), "leaves it down"),
            Wrong(variant(one_deadline=True), "one deadline for all"),
            Wrong(variant(one_deadline=True, others=False), "one deadline for all"),
            Wrong(variant(others=False), "does not look at the others"),
            Wrong(variant(once=True), "looks once"),
            Wrong(variant(itself=True), "itself must be ready"),
            Wrong(variant(all_back=True), "puts all back"),
            Wrong(variant(all_back=True, others=False), "puts all back"),
            Wrong(variant(pause=0), "never sleeps"),
            Wrong(roll_real_clock, "never sleeps"),
            Wrong(variant(endless=True), "waits for ever"),
            Wrong(roll_swallows, "waits for ever"),
            Wrong(roll_waits_for_the_others, "waits for the others", says="the rollout ends"),
            Wrong(roll_waits_it_out, "waits it out", says="as soon as"),
            Wrong(roll_again_and_again, "restarts without end"),
            Wrong(variant(pause=2), "sleeps long"),
            Wrong(variant(result=lambda updated, workers: len(updated) == len(workers)), "another list"),
            Wrong(variant(result=lambda updated, workers: None), "another list"),
            Wrong(variant(result=lambda updated, workers: list(workers)), "another list"),
            Wrong(variant(early=0.75), says="each takes 8 seconds"),
            Wrong(variant(early=2.5), says="takes 17 seconds"),
            Wrong(roll_backwards, says="all become ready"),
            Wrong(roll_raises, says="the rollout stopped"),
            Wrong(lambda *given: [], says="all become ready"),
            Wrong(None),
            Wrong("rolled"),
        ],
    ),
    "33b.2": Answers(
        right=[forward, forward_by_recursion, forward_by_table],
        wrong=[
            Wrong(sending(lost=lambda safe, error: True), "done twice"),
            Wrong(sending(safe_methods=(*SAFE, "PATCH")), "only POST"),
            Wrong(sending(lost=lambda safe, error: safe or isinstance(error, TimeoutError)), "timeouts are harmless"),
            Wrong(sending(refused=lambda safe: safe), "refusals are final"),
            Wrong(sending(lost=lambda safe, error: False), "never again"),
            Wrong(sending(key=lambda headers: False), "key ignored"),
            Wrong(sending(key=lambda headers: "Idempotency-Key" in headers), "case of the header"),
            Wrong(sending(again=range(500, 600)), "errors sent on"),
            Wrong(sending(again=()), "503 is final"),
            Wrong(sending(safe_methods=("GET", "HEAD")), "only GET"),
            Wrong(sending(when_left=502), "502 when nobody is left"),
            Wrong(sending(when_lost=503), "503 for what was lost"),
            Wrong(sending(order=lambda workers: workers[::-1]), "order"),
            Wrong(forward_insists, "order"),
            Wrong(sending(key=bool), says="X-Request-Id"),
            Wrong(sending(lost=lambda safe, error: True, again=range(500, 600))),
            Wrong(sending(again=(429, 503)), says="429"),
            Wrong(sending(when_left=None)),
            Wrong(forward_lets_through, "lets it through", says="refused"),
            Wrong(forward_knows_only(ConnectionError), "lets it through", says="worker 1 gave no answer in time"),
            Wrong(forward_knows_only(ConnectionError), "lets it through", says="no ConnectionError"),
            Wrong(forward_knows_only(TimeoutError), "lets it through", says="the line broke"),
            Wrong(forward_first_only),
            Wrong(forward_without_end, "order"),
            Wrong(forward_tells),
            Wrong(forward_visible),
            Wrong(503),
        ],
    ),
    "33b.3": Answers(
        right=[workers_needed, workers_by_trying, workers_by_numpy, workers_by_division],
        wrong=[
            Wrong(needing(lambda c, s, p, x: max(2, math.ceil(sum(c) / len(c) / s * p / x) + 1)), "the average"),
            Wrong(needing(lambda *load: max(2, math.ceil(_work(*load)))), "no spare"),
            Wrong(needing(lambda *load: max(1, math.ceil(_work(*load)))), "no spare"),
            Wrong(needing(lambda *load: math.ceil(_work(*load)) + 1), "one is enough"),
            Wrong(needing(lambda c, s, p, x: max(2, math.ceil(max(c) * p / x) + 1)), "window forgotten"),
            Wrong(needing(lambda c, s, p, x: max(2, math.ceil(max(c) / s * p) + 1)), "busy all the time"),
            Wrong(needing(lambda *load: max(2, math.floor(_work(*load)) + 1)), "rounded down"),
            Wrong(needing(lambda *load: max(2, math.floor(_work(*load)) + 2)), "full is too full"),
            Wrong(needing(lambda *load: math.ceil(_work(*load)) + 2), "two spare"),
            Wrong(needing(lambda *load: str(workers_needed(*load))), "no number"),
            Wrong(needing(lambda *load: None), "no number"),
            Wrong(needing(lambda *load: workers_needed(*load) > 2), "no number"),
            Wrong(needing(lambda *load: max(2, 2 * math.ceil(_work(*load))))),
            Wrong(needing(lambda *load: max(2, round(_work(*load)) + 1))),
            Wrong(needing(lambda *load: _work(*load) + 1)),
            Wrong(needing(lambda c, s, p, x: max(2, math.ceil(sum(c) / s * p / x) + 1))),
            Wrong(needing(lambda c, s, p, x: max(2, math.ceil(max(c) / s * p * x) + 1))),
            Wrong(needing(lambda *load: 2)),
            Wrong(2),
        ],
    ),
}
