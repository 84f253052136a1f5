"""The questions of 53, human in the loop: a threshold by cost, agreement beyond chance, what may train, a canary's verdict."""

import itertools
import math

import numpy as np

from helpers.course.verdict import Question, not_yet, passed

# --- 53.1: the threshold that costs the least ---------------------------------------------------------------------------


def costly_flights(rng):
    """Flights, what a model says of them, and two costs; the model promises too little or too much."""
    cases = []
    for miss, false_alarm, power in [(5, 1, 2.0), (1, 4, 0.5), (2, 2, 1.8), (8, 3, 2.5), (1, 30, 1.0), (40, 1, 1.0)]:
        truth = rng.uniform(0.05, 0.95, 80)
        late, order = rng.random(80) < truth, np.argsort(truth)
        if false_alarm > 20 * miss:
            late[order[-5:]] = False  # the likeliest were on time: call none
        if miss > 20 * false_alarm:
            late[order[:5]] = True  # the least likely were late: call all
        cases.append((late.tolist(), np.round(truth**power, 2).tolist(), miss, false_alarm))
    return cases


def probe_threshold(answer, rng):
    cases = costly_flights(rng)
    given = [answer(list(late), list(probability), *costs) for late, probability, *costs in cases]
    return {"called": [_called(threshold, case[1]) for threshold, case in zip(given, cases, strict=True)]}


def _called(threshold, probability):
    """What is called late with it; a piece of text where it is no number."""
    if isinstance(threshold, (bool, np.bool_)) or not isinstance(threshold, (int, float, np.number)):
        return f"a {type(threshold).__name__}"
    return [bool(p >= threshold) for p in probability]


def cost(case, called):
    late, _, miss, false_alarm = case
    return sum(miss * (y and not c) + false_alarm * (c and not y) for y, c in zip(late, called, strict=True))


def least_cost(case):
    """The oracle: tries every threshold."""
    return min(cost(case, _called(t, case[1])) for t in [*sorted(set(case[1])), math.inf])


# what each misunderstanding would call late; of thresholds that cost the same, any will do


def by_arithmetic(case, calls):
    return calls == _called(case[3] / (case[3] + case[2]), case[1])


def errors_alone(case, calls):
    counted = *case[:2], 1, 1
    return cost(counted, calls) == least_cost(counted)


def swapped(case, calls):
    turned = *case[:2], case[3], case[2]
    return cost(turned, calls) == least_cost(turned)


def never_none(case, calls):
    return any(calls) and cost(case, calls) == min(cost(case, _called(t, case[1])) for t in case[1])


THRESHOLD_MISCONCEPTIONS = {
    "by arithmetic": (
        by_arithmetic,
        "That is false_alarm / (false_alarm + miss), which is best where probabilities can be taken at their word. These cannot: "
        "ask what each threshold would have cost.",
    ),
    "counts errors": (
        errors_alone,
        "That threshold makes the fewest errors. A miss and a false alarm cost differently here: add up costs.",
    ),
    "costs swapped": (
        swapped,
        "The costs are the wrong way round: a miss is a late flight that was not called late.",
    ),
    "never none": (
        never_none,
        "You always call some flight late. Where the likeliest flights were on time and a false alarm is dear, calling none "
        "costs less: try a threshold above all probabilities, too.",
    ),
}


def judge_threshold(evidence, rng):
    cases, got = costly_flights(rng), evidence["called"]
    wrong_type = [calls for calls in got if isinstance(calls, str)]
    if wrong_type:
        return not_yet(f"Return the threshold, one number; yours returned {wrong_type[0]}.", "no number")
    want = [least_cost(case) for case in cases]
    paid = [cost(case, calls) for case, calls in zip(cases, got, strict=True)]
    if paid == want:
        return passed("Also where nothing, or everything, should be called late.")
    for name, (twist, message) in THRESHOLD_MISCONCEPTIONS.items():
        if all(twist(case, calls) for case, calls in zip(cases, got, strict=True)):
            return not_yet(message, name)
    (_, _, miss, false_alarm), w, p = next(row for row in zip(cases, want, paid, strict=True) if row[1] != row[2])
    return not_yet(
        f"With a miss at {miss} and a false alarm at {false_alarm} your threshold costs {p}; one costs {w}. A flight is called "
        "late where its probability is at least the threshold; calling none is allowed, too."
    )


# --- 53.2: agreement beyond chance --------------------------------------------------------------------------------------


def pairs_of_reviewers(rng):
    """Two reviewers' answers, None where one gave none."""
    cases = []
    for rate, look in [(0.1, 0.0), (0.1, 0.8), (0.5, 0.5), (0.3, 0.9), (0.05, 0.0)]:
        first = rng.random(120) < rate
        second = np.where(rng.random(120) < look, first, rng.random(120) < min(2 * rate, 0.9))
        first[:4], second[:4] = [True, True, False, False], [True, False, True, False]
        gaps = rng.random((2, 120)) < 0.15
        gaps[:, :4] = False
        cases.append(
            tuple(
                [None if g else bool(v) for v, g in zip(x, gap, strict=True)]
                for x, gap in zip((first, second), gaps, strict=True)
            )
        )
    return [*cases, ([True, None, True], [True, False, True]), ([True, None], [None, False])]


def probe_kappa(answer, rng):
    return {"kappa": [_number(answer(list(a), list(b))) for a, b in pairs_of_reviewers(rng)]}


def _number(value):
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return f"a {type(value).__name__}"
    return float(value) if math.isfinite(value) else "NaN or infinite"


def kappa(first, second, *, raw=False, gaps="out", coin=False, pooled=False):
    """The oracle: by counting pairs of flights. The keywords are the twists behind the misconceptions."""
    pairs = list(zip(first, second, strict=True))
    pairs = (
        pairs
        if gaps == "label"
        else [(bool(a), bool(b)) for a, b in pairs]
        if gaps == "no"
        else [p for p in pairs if None not in p]
    )
    if not pairs:
        return None
    agree = sum(a == b for a, b in pairs) / len(pairs)
    if raw:
        return agree
    a, b = zip(*pairs, strict=True)
    if pooled:
        a = b = a + b
    chance = 0.5 if coin else sum(x == y for x, y in itertools.product(a, b)) / (len(a) * len(b))
    return None if chance == 1 else (agree - chance) / (1 - chance)


KAPPA_MISCONCEPTIONS = {
    "raw agreement": (
        dict(raw=True),
        "That is the share on which they agree; chance is still in it. (agreement - chance) / (1 - chance).",
    ),
    "a gap is a label": (
        dict(gaps="label"),
        "You took None as a third answer. A flight that one of them did not answer says nothing: leave it out.",
    ),
    "a gap is not late": (
        dict(gaps="no"),
        "You took None as *not late*. A flight that one of them did not answer says nothing: leave it out.",
    ),
    "chance is a half": (
        dict(coin=True),
        "You took chance as one half. Two who both say *not late* nearly always agree by chance nearly always: it "
        "follows from how often each says what.",
    ),
    "one rate for both": (
        dict(pooled=True),
        "You pooled the two reviewers' rates (that is Scott's pi). In Cohen's kappa each keeps their own rate.",
    ),
}


def judge_kappa(evidence, rng):
    cases, got = pairs_of_reviewers(rng), evidence["kappa"]
    want = [kappa(*case) for case in cases]
    odd = [g for g in got[:-2] if not isinstance(g, float)]
    if odd:
        return not_yet(f"Return kappa, one number; yours returned {odd[0]}.", "no number")
    if _close(got[:-2], want[:-2]):
        if got[-2:] == [None, None]:
            return passed()
        return not_yet(
            "Right where kappa exists. Where chance alone gives full agreement, and where they have no flight in common, return "
            f"None; yours gave {got[-2]} and {got[-1]}.",
            "none is none",
        )
    for name, (twist, message) in KAPPA_MISCONCEPTIONS.items():
        if _close(got[:-2], [kappa(*case, **twist) for case in cases[:-2]]):
            return not_yet(message, name)
    w, g = next((w, g) for w, g in zip(want, got, strict=True) if abs(w - g) > 1e-6)
    return not_yet(
        f"For one pair of reviewers kappa is {w:.3f}; yours is {g:.3f}. Check it against sklearn.metrics.cohen_kappa_score."
    )


def _close(got, want):
    return all(w is not None and abs(g - w) < 1e-6 for g, w in zip(got, want, strict=True))


# --- 53.3: what may train -----------------------------------------------------------------------------------------------

DESKS = ["desk 1", "desk 2", "desk 3", "desk 4", "visitor"]
TRUSTED = DESKS[:3]


def said_by_desks(rng):
    """Corrections, not in the order of their time. Each situation that a twist gets wrong occurs."""
    at, said = iter(rng.permutation(500).tolist()), []
    for flight in range(40):
        for who in DESKS:
            for _ in range(int(rng.integers(0, 3))):
                said.append({"flight": f"F{flight}", "who": who, "late": bool(rng.random() < 0.5), "at": next(at)})
    for late in (True, False):  # two of the trusted against one
        votes = zip(TRUSTED, (late, not late, late), strict=True)
        said += [{"flight": f"F{40 + late}", "who": who, "late": vote, "at": next(at)} for who, vote in votes]
    return [said[i] for i in rng.permutation(len(said))]


def probe_train(answer, rng):
    result = answer([dict(word) for word in said_by_desks(rng)], list(TRUSTED))
    if not isinstance(result, dict):
        return {"train": f"a {type(result).__name__}"}
    return {"train": {str(k): bool(v) if isinstance(v, (bool, np.bool_)) else f"{v!r:.40}" for k, v in result.items()}}


def may_train(said, trusted, *, everyone=False, order="time", last_word=False, stubborn=False, majority=False):
    """The oracle: flight by flight. The keywords are the twists behind the misconceptions."""
    found = {}
    for flight in {word["flight"] for word in said}:
        words = [w for w in said if w["flight"] == flight and (everyone or w["who"] in trusted)]
        words = words if order == "list" else sorted(words, key=lambda w: w["at"], reverse=order == "first")
        latest = {w["who"]: w["late"] for w in words}
        votes = [w["late"] for w in words] if stubborn else [words[-1]["late"]] if last_word and words else list(latest.values())
        if majority and votes and 2 * sum(votes) != len(votes):
            found[flight] = 2 * sum(votes) > len(votes)
        elif len(set(votes)) == 1:
            found[flight] = votes[0]
    return found


TRAIN_MISCONCEPTIONS = {
    "heard everyone": (dict(everyone=True), "You listened to reviewers who are not trusted."),
    "the first word": (dict(order="first"), "You kept each reviewer's first word. Who corrects themselves means the latest one."),
    "order of the list": (dict(order="list"), "You took the list's order as the order in time. It is `at` that says when."),
    "the last word of all": (
        dict(last_word=True),
        "Where two trusted reviewers disagree you took whoever spoke last. Nobody knows who is right: leave the flight out.",
    ),
    "no second thoughts": (
        dict(stubborn=True),
        "A reviewer who corrected a slip counts as being in conflict with themselves. Take the latest word of each first.",
    ),
    "majority of the trusted": (
        dict(majority=True),
        "You let the trusted vote. Two against one is a disagreement, too: leave the flight out.",
    ),
    "majority of everyone": (
        dict(everyone=True, majority=True),
        "You let everybody vote. Only trusted reviewers are heard, and a flight on which they disagree is left out.",
    ),
}


def judge_train(evidence, rng):
    said, got = said_by_desks(rng), evidence["train"]
    if not isinstance(got, dict):
        return not_yet(f"Return a dict of flight to True or False; yours returned {got}.", "no dict")
    want = may_train(said, TRUSTED)
    if got == want:
        return passed()
    for name, (twist, message) in TRAIN_MISCONCEPTIONS.items():
        if got == may_train(said, TRUSTED, **twist):
            return not_yet(message, name)
    flight = next(f for f in sorted(want.keys() | got.keys()) if want.get(f) != got.get(f))
    words = [f"{w['who']} {'late' if w['late'] else 'not late'} at {w['at']}" for w in said if w["flight"] == flight]
    wanted = {True: "late", False: "not late", None: "left out"}[want.get(flight)]
    told = got.get(flight, "left out")
    heard = f"(trusted: {', '.join(TRUSTED)})"
    return not_yet(f"Of {flight} was said: {'; '.join(words) or 'nothing'} {heard}. It should be {wanted}; yours: {told}.")


# --- 53.4: a canary's verdict -------------------------------------------------------------------------------------------


def canaries(rng):
    """Squared errors of two groups of flights, and a margin; from sizes, and how much worse the new model is."""
    cases = []
    for n_old, n_new, worse, margin in [
        (4000, 2000, -0.05, 0.02), (4000, 2000, 0.06, 0.02), (400, 60, 0.05, 0.02), (300, 100, -0.015, 0.02),
        (4000, 20, 0.3, 0.02), (20, 4000, -0.3, 0.02), (9000, 9000, 0.012, 0.02), (4000, 2000, 0.0, 0.02), (200, 80, 0.01, 0.02),
        (200, 100, 0.0, 0.1), (4000, 2000, 0.0, 0.003),  # promote, wait: the other way round at 0.02
        (3000, 30, 0.3, 0.02), (30, 3000, -0.3, 0.05), (3000, 29, 0.3, 0.02), (29, 3000, -0.3, 0.05),
    ]:  # fmt: skip
        old, new = (rng.beta(2, 6, n) for n in (n_old, n_new))
        old, new = old - old.mean() + 0.4, new - new.mean() + 0.4 + worse  # the difference is exact, the spread is by chance
        cases.append((np.round(old, 6).tolist(), np.round(new, 6).tolist(), margin))
    return cases


def probe_canary(answer, rng):
    return {"decisions": [_word(answer(list(old), list(new), margin)) for old, new, margin in canaries(rng)]}


def _word(value):
    return value if isinstance(value, str) else f"a {type(value).__name__}"


def verdict(old, new, margin, *, no_interval=False, least=30, harmless=False, swapped=False, fixed=None):
    """The oracle. The keywords are the twists behind the misconceptions."""
    if min(len(old), len(new)) < least:
        return "wait"
    old, new = (new, old) if swapped else (old, new)
    difference = np.mean(new) - np.mean(old)
    half = 0 if no_interval else 1.96 * math.sqrt(np.var(new) / len(new) + np.var(old) / len(old))
    if difference - half > 0:
        return "roll back"
    return "promote" if harmless or difference + half < (margin if fixed is None else fixed) else "wait"


CANARY_MISCONCEPTIONS = {
    "no interval": (
        dict(no_interval=True),
        "You compared the means alone. A difference that chance can make decides nothing: look at the interval.",
    ),
    "any size": (dict(least=0), "With fewer than 30 flights in either group, wait: their interval says little."),
    "thirty waits": (dict(least=31), "You wait with 30 flights in a group. Fewer than 30 wait; with 30 the interval decides."),
    "fixed margin": (
        dict(fixed=0.02),
        "You compare `high` with 0.02 whatever the margin. How much may be lost is given each time: compare it with `margin`.",
    ),
    "nothing seen is nothing there": (
        dict(harmless=True),
        "You promote whatever is not surely worse. A wide interval has room for harm: promote only where "
        "`high` is under the margin.",
    ),
    "the wrong way round": (dict(swapped=True), "These are errors: less is better. The difference is new minus old."),
    "must be better": (
        dict(fixed=0),
        "You promote only what is surely better. The margin is there because the groups hold "
        "different flights: `high` is to be under it.",
    ),
}


def judge_canary(evidence, rng):
    cases, got = canaries(rng), evidence["decisions"]
    want = [verdict(*case) for case in cases]
    if got == want:
        return passed()
    odd = next((g for g in got if g not in ("promote", "roll back", "wait")), None)
    if odd is not None:
        return not_yet(f'Return "promote", "roll back" or "wait"; yours returned {odd!r:.60}.', "another word")
    for name, (twist, message) in CANARY_MISCONCEPTIONS.items():
        if got == [verdict(*case, **twist) for case in cases]:
            return not_yet(message, name)
    (old, new, margin), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    means = f"{np.mean(old):.3f} over {len(old)} flights and {np.mean(new):.3f} over {len(new)}"
    return not_yet(f"With mean errors of {means}, and a margin of {margin}, the verdict should be {w!r}; yours is {g!r}.")


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/53_human_in_the_loop.ipynb"

QUESTIONS = {
    "53.1": Question(
        title="A threshold by cost",
        probe=probe_threshold,
        judge=judge_threshold,
        hints=(
            "Only thresholds that are one of the probabilities make a difference, and one above them all.",
            "For each: sum of miss over late flights under it, plus false_alarm over flights from it on that were not late.",
            "min([*probability, math.inf], key=cost_of)",
        ),
        notebook=SOLUTION,
        misconceptions=("no number", *THRESHOLD_MISCONCEPTIONS),
    ),
    "53.2": Question(
        title="Agreement beyond chance",
        probe=probe_kappa,
        judge=judge_kappa,
        hints=(
            "First keep only the flights that both have answered.",
            "With a and b the shares of *late* of the two, chance is a * b + (1 - a) * (1 - b).",
            "kappa = (agreement - chance) / (1 - chance); None where nothing is left, and where chance is 1.",
        ),
        notebook=SOLUTION,
        misconceptions=("no number", "none is none", *KAPPA_MISCONCEPTIONS),
    ),
    "53.3": Question(
        title="What may train",
        probe=probe_train,
        judge=judge_train,
        hints=(
            "Sort by `at`; then a dict with the key (flight, who) keeps the latest word of each.",
            "Leave out who is not trusted before you look for conflicts.",
            "Collect a set of answers for each flight: where it has one member, that is the label.",
        ),
        notebook=SOLUTION,
        misconceptions=("no dict", *TRAIN_MISCONCEPTIONS),
    ),
    "53.4": Question(
        title="A canary's verdict",
        probe=probe_canary,
        judge=judge_canary,
        hints=(
            "The standard error of a difference of two means is sqrt(var(new) / len(new) + var(old) / len(old)).",
            "The interval is the difference plus and minus 1.96 of these.",
            'Fewer than 30: "wait". low > 0: "roll back". high < margin: "promote". Else "wait".',
        ),
        notebook=SOLUTION,
        misconceptions=("another word", *CANARY_MISCONCEPTIONS),
    ),
}
