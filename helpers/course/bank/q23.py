"""The questions of 23, compare and reproduce: what made the difference, what can be made again, what is behind a file, and the
way back."""

import hashlib
import itertools
import tempfile
from pathlib import Path

import numpy as np

from helpers.course.bank.stores import fresh_store
from helpers.course.verdict import Question, not_yet, passed

# --- 23.1: what made the difference -------------------------------------------------------------------------------------

LEVELS = {"rate": [0.03, 0.1, 0.3], "leaves": [4, 12, 36], "steps": [30, 100]}


def histories(rng):
    """Runs, and the metric to look at. Incomplete grids, so that the means of groups mix the effects of several settings."""
    found = []
    for kept, metric in ((9, "log_loss"), (11, "auc"), (14, "log_loss")):
        grid = [dict(zip(LEVELS, values, strict=True)) for values in itertools.product(*LEVELS.values())]
        found.append(([_run(grid[i], rng) for i in rng.permutation(len(grid))[:kept]], metric))
    del found[0][0][4]["metrics"]["log_loss"]  # a run that died
    alone = [(0.1, 4, 30), (0.3, 4, 30), (0.03, 12, 100)]  # leaves and steps change together, or not at all
    return [*found, ([_run(dict(zip(LEVELS, values, strict=True)), rng) for values in alone], "log_loss")]


def _run(params, rng):
    loss = 0.5 + 0.2 * params["rate"] + 0.002 * params["leaves"] - 0.0003 * params["steps"] + rng.uniform(0, 0.05)
    return {"params": params, "metrics": {"log_loss": round(float(loss), 4), "auc": round(float(rng.uniform(0.6, 0.8)), 4)}}


def probe_mattered(answer, rng):
    return {"effects": [answer(runs, metric) for runs, metric in histories(rng)]}


def effects(runs, metric, *, combine=np.mean, sign=None, loose=False, groups=False, unknown=None):
    """The oracle: pairs by brute force. Each keyword is a twist behind a misconception."""
    runs = [run for run in runs if metric in run["metrics"]]
    found = {}
    for name in LEVELS:
        if groups:
            found[name] = _between_groups(runs, metric, name)
            continue
        gaps = [
            b["metrics"][metric] - a["metrics"][metric]
            for a, b in itertools.combinations(runs, 2)
            if a["params"][name] != b["params"][name] and (loose or _others(a, name) == _others(b, name))
        ]
        gaps = [abs(gap) if sign is None else sign * gap for gap in gaps]
        found[name] = float(combine(gaps)) if gaps else unknown
    return found


def _others(run, name):
    return {key: value for key, value in run["params"].items() if key != name}


def _between_groups(runs, metric, name):
    values = {run["params"][name] for run in runs}
    means = [np.mean([run["metrics"][metric] for run in runs if run["params"][name] == value]) for value in values]
    return float(max(means) - min(means))


SIGNS = (
    "Your differences have signs, which cancel in the mean: a setting that helps here and hurts there seems to do nothing. "
    "Take the absolute difference of each pair."
)

MATTERED_TWISTS = [
    (
        "groups compared",
        dict(groups=True),
        "You compare the means of groups. The runs of two groups differ in other settings as well, and that is mixed in. "
        "Compare two runs at a time that differ in this setting alone.",
    ),
    (
        "others change too",
        dict(loose=True),
        "Your pairs differ in this setting, and some in others as well, so nobody knows which made the difference. "
        "All other settings must be equal.",
    ),
    ("signs cancel", dict(sign=1), SIGNS),
    ("signs cancel", dict(sign=-1), SIGNS),
    ("signs cancel", dict(sign=0), SIGNS),  # each pair both ways round
    ("largest", dict(combine=np.max), "You give the largest difference of a pair; wanted is the mean over the pairs."),
    ("unknown is zero", dict(unknown=0.0), "Where no two runs differ in a setting alone, its effect is not 0 but unknown: None."),
]


def judge_mattered(evidence, rng):
    cases, got = histories(rng), evidence["effects"]
    want = [effects(*case) for case in cases]
    if _all_close(got, want):
        return passed()
    for name, twist, message in MATTERED_TWISTS:
        if _all_close(got, [effects(*case, **twist) for case in cases]):
            return not_yet(message, name)
    if any(not isinstance(each, dict) for each in got):
        return not_yet("Return a dict: the name of each setting, and its effect (a number or None).")
    g, w = next((g, w) for g, w in zip(got, want, strict=True) if not _close(g, w))
    if set(g) != set(w):
        return not_yet(f"The dict should have the keys {', '.join(w)}; yours has {', '.join(map(str, g)) or 'none'}.")
    name = next(name for name in w if not _same(g[name], w[name]))
    wanted = "None, as no two runs differ in it alone" if w[name] is None else f"{w[name]:.5f}"
    return not_yet(f"In one of the histories, the effect of {name!r} is {wanted}; yours is {_said(g[name])}.")


def _all_close(got, want):
    return isinstance(got, list) and len(got) == len(want) and all(map(_close, got, want))


def _close(got, want):
    return isinstance(got, dict) and set(got) == set(want) and all(_same(got[name], want[name]) for name in want)


def _same(got, want):
    if want is None or got is None:
        return got is want
    return isinstance(got, (int, float)) and not isinstance(got, bool) and abs(got) < 1e6 and abs(got - want) < 1e-9


def _said(value):
    return f"{value:.5f}" if isinstance(value, float) else f"{value!r:.60}"


# --- 23.2: can it be made again -----------------------------------------------------------------------------------------

FACTS = ("commit", "dirty", "data", "environment", "seed")


def situations(rng):
    """Records and what is here: each fault alone, in twos, all together, absent, and none."""

    def text():
        return rng.bytes(6).hex()

    here = {"commits": [text() for _ in range(4)], "data": text(), "environment": f"python 3.11, numpy {rng.integers(10)}"}
    whole = {"dirty": "False", "data": here["data"], "environment": here["environment"]}
    seeds = ["0", *rng.integers(1, 99, 3).astype(str).tolist()]
    records = [{"commit": commit, **whole, "seed": seed} for commit, seed in zip(here["commits"], seeds, strict=True)]
    bad = {"commit": text(), "dirty": "True", "data": text(), "environment": "python 3.9", "seed": ""}
    base = records[1]
    records += [{**base, fact: bad[fact]} for fact in FACTS[:4]]
    records += [{name: value for name, value in base.items() if name != fact} for fact in FACTS]
    records += [{**base, "data": text(), "dirty": "True"}, dict(bad, seed="3"), {}]
    order = rng.permutation(len(records))
    return [(records[i], here) for i in order]


def probe_reproduce(answer, rng):
    cases = [(dict(record), {**here, "commits": list(here["commits"])}) for record, here in situations(rng)]
    return {"reasons": [answer(record, here) for record, here in cases]}


def reasons(record, here, *, text_is_true=False, newest=False, first=False, absent_is_fine=False, zero_is_none=False):
    """The oracle: fact by fact. Each keyword is a twist behind a misconception."""
    known = here["commits"][-1:] if newest else here["commits"]
    dirty = bool(record.get("dirty")) if text_is_true else record.get("dirty") != "False"
    found = {
        "commit": record.get("commit") not in known,
        "dirty": True if "dirty" not in record else dirty,
        "data": record.get("data") != here["data"],
        "environment": record.get("environment") != here["environment"],
        "seed": record.get("seed") in ((None, "0") if zero_is_none else (None,)),
    }
    told = [fact for fact in FACTS if found[fact] and not (absent_is_fine and fact not in record)]
    return told[:1] if first else told


REPRODUCE_MISCONCEPTIONS = {
    "text is true": (
        dict(text_is_true=True),
        'Tags are text, and every text that is not empty is true: bool("False") is True. Compare with "False".',
    ),
    "newest only": (
        dict(newest=True),
        "You ask for the newest commit. Any commit that the repository has can be checked out.",
    ),
    "only the first": (
        dict(first=True),
        "Return all reasons, not the first alone: whoever mends the record wants the whole list.",
    ),
    "absent is fine": (
        dict(absent_is_fine=True),
        "A fact that is not on record counts as a reason too: nobody can know that it is the same.",
    ),
    "zero is none": (dict(zero_is_none=True), 'The seed "0" is a seed like any other; only an absent one is a reason.'),
}


def judge_reproduce(evidence, rng):
    cases, got = situations(rng), evidence["reasons"]
    want = [reasons(*case) for case in cases]
    if got == want:
        return passed()
    for name, (twist, message) in REPRODUCE_MISCONCEPTIONS.items():
        if got == [reasons(*case, **twist) for case in cases]:
            return not_yet(message, name)
    if any(not isinstance(each, list) for each in got):
        return not_yet("Return a list of reasons in every case; an empty one if the run can be reproduced.", "no list")
    if all(sorted(map(str, g)) == sorted(w) for g, w in zip(got, want, strict=True)):
        return not_yet(f"The reasons are right, their order is not: {', '.join(FACTS)}.", "other order")
    (record, here), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    return not_yet(f"For the record {record} and here {here} the reasons are {w}; yours says {g!r:.100}.")


# --- 23.3: the run behind a file ----------------------------------------------------------------------------------------


def shelf(rng):
    """Runs with the bytes of their model files, and files that somebody found. `made` is when the run began."""
    a, b, c = (bytes([0xFF, 13, 10]) + rng.bytes(40) for _ in range(3))  # no text: read it as bytes
    runs = [
        {"content": a, "file": "model_a.skops", "status": "FINISHED", "made": 1_000},
        {"content": b, "file": "model_b.skops", "status": "FINISHED", "made": 2_000},
        {"content": b, "file": "model_b2.skops", "status": "FINISHED", "made": 4_000},
        {"content": b, "file": "model_b3.skops", "status": "FAILED", "made": 6_000},
        {"content": c, "file": "model_c.skops", "status": "RUNNING", "made": 3_000},
        {"content": rng.bytes(40), "file": "model_final.skops", "status": "FINISHED", "made": 5_000},
    ]
    files = [
        ("model_final.skops", a),
        ("model_a.skops", b),
        ("copy of b (2).skops", b),
        ("model_c.skops", c),
        ("model_b.skops", a + b"!"),
    ]
    return [runs[i] for i in rng.permutation(len(runs))], [files[i] for i in rng.permutation(len(files))]


def probe_behind(answer, rng):
    runs, files = shelf(rng)
    with fresh_store() as (client, experiment_id), tempfile.TemporaryDirectory() as folder:
        ids = [_shelve(client, experiment_id, **run) for run in runs]
        found = []
        for name, content in files:
            path = Path(folder) / name
            path.write_bytes(content)
            found.append(answer(client, experiment_id, path))
        place = {run_id: index for index, run_id in enumerate(ids)}
        return {"behind": [place.get(each, f"{each!r:.60}") if isinstance(each, str) else _plain(each) for each in found]}


def _shelve(client, experiment_id, *, content, file, status, made):
    tags = {"sha256": hashlib.sha256(content).hexdigest(), "file": file}
    run_id = client.create_run(experiment_id, start_time=made, tags=tags).info.run_id
    if status != "RUNNING":
        client.set_terminated(run_id, status=status)
    return run_id


def _plain(value):
    return None if value is None else f"a {type(value).__name__}"


def behind(runs, name, content, *, by_name=False, any_status=False, oldest=False):
    """The oracle: by brute force over the runs that were made."""
    fits = [
        i
        for i, run in enumerate(runs)
        if (run["file"] == name if by_name else run["content"] == content) and (any_status or run["status"] == "FINISHED")
    ]
    return (min if oldest else max)(fits, key=lambda i: runs[i]["made"]) if fits else None


BEHIND_MISCONCEPTIONS = {
    "by its name": (dict(by_name=True), "You went by the file's name, which anybody can change. Compare the hash of its bytes."),
    "by its name, any run": (
        dict(by_name=True, any_status=True),
        "You went by the file's name, which anybody can change. Compare the hash of its bytes.",
    ),
    "unfinished runs": (
        dict(any_status=True),
        "A run that you found never finished. Ask for attributes.status = 'FINISHED' too.",
    ),
    "oldest": (dict(oldest=True), "Two runs made the same bytes; wanted is the newer one, yours is the older."),
}


def judge_behind(evidence, rng):
    (runs, files), got = shelf(rng), evidence["behind"]
    want = [behind(runs, *file) for file in files]
    if got == want:
        return passed()
    for name, (twist, message) in BEHIND_MISCONCEPTIONS.items():
        if got == [behind(runs, *file, **twist) for file in files]:
            return not_yet(message, name)
    if all(g == w for g, w in zip(got, want, strict=True) if w is not None):
        return not_yet("Right where there is a run. Where no run fits, return None.", "none is none")
    (name, _), w, g = next(row for row in zip(files, want, got, strict=True) if row[1] != row[2])
    wanted = "None: no finished run made these bytes" if w is None else f"the id of the run that made {runs[w]['file']!r}"
    said = f"the run that made {runs[g]['file']!r} ({runs[g]['status']})" if type(g) is int else g
    return not_yet(f"Asked for the file {name!r}, which was renamed, the answer is {wanted}; yours gave {said}.")


# --- 23.4: roll back ----------------------------------------------------------------------------------------------------

REASON = "late in the evening"


def registries(rng):
    """Registries: for each version when it was promoted (None: never) and whether it was rolled back; the champion; calls."""
    days = np.sort(rng.choice(np.arange(1, 28), 4, replace=False)).tolist()
    d1, d2, d3, d4 = [f"2013-05-{day:02}T09:00" for day in days]
    return [
        ([(d1, False), (d2, False), (None, False), (d3, False)], 4, 2),  # version 3 was never in use; then once more: to 1
        ([(d2, False), (d1, False), (d3, True), (d4, False)], 4, 1),  # the one promoted last before it was bad: to 1
        ([(d1, False), (d2, False), (d3, False), (None, False)], 2, 1),  # somebody went back by hand: never forward to 3
        ([(None, False), (d1, False)], 2, 1),  # nothing to go back to
    ]


def probe_roll_back(answer, rng):
    with fresh_store() as (client, _):
        return {"steps": [_rolled(client, answer, f"flight-delay-{i}", *each) for i, each in enumerate(registries(rng))]}


def _rolled(client, answer, name, versions, champion, calls):
    client.create_registered_model(name)
    for promoted, bad in versions:
        tags = {"promoted_at": promoted} if promoted else {}
        tags |= {"rolled_back": "an older reason"} if bad else {}
        client.create_model_version(name, "file:///models", tags=tags)
    client.set_registered_model_alias(name, "champion", champion)
    steps = []
    for call in range(calls):
        returned = answer(client, name, f"{REASON} {call}")
        alias = client.get_registered_model(name).aliases.get("champion")
        tags = {int(version.version): version.tags for version in client.search_model_versions(f"name = '{name}'")}
        marks = [tags[number].get("rolled_back") for number in sorted(tags)]
        steps.append([None if alias is None else int(alias), marks, _number(returned)])
    return steps


def _number(value):
    if value is None or isinstance(value, bool):
        return _plain(value)
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return _plain(value)


def way_back(versions, champion, calls, *, by_number=False, bad_too=False, forward=False, oldest=False, mark="left"):
    """The oracle: what each call leaves behind. Each keyword is a twist behind a misconception."""
    marks = ["an older reason" if bad else None for _, bad in versions]
    steps = []
    for call in range(calls):
        times = [promoted for promoted, _ in versions]
        now = times[champion - 1]
        fits = [
            i
            for i, time in enumerate(times, start=1)
            if i != champion and time and (forward or (now and time < now)) and (bad_too or marks[i - 1] is None)
        ]
        fits = [champion - 1] * (champion > 1) if by_number else fits
        target = (min if oldest else max)(fits, key=lambda i: times[i - 1] or "") if fits else None
        if target is not None:
            marked = {"left": champion, "reached": target}.get(mark)
            if marked:
                marks[marked - 1] = f"{REASON} {call}"
            champion = target
        steps.append([champion, list(marks), target])
    return steps


ROLL_BACK_MISCONCEPTIONS = {
    "number before": (
        dict(by_number=True),
        "You went to the number before. It may never have been in use; the tags promoted_at tell the order.",
    ),
    "back to a bad one": (
        dict(bad_too=True),
        "You went back to a version that had itself been rolled back. Leave out those with the tag rolled_back.",
    ),
    "forward": (
        dict(forward=True),
        "You went to a version that was promoted after the present champion: that is forward, not back.",
    ),
    "oldest": (dict(oldest=True), "You went back to the oldest version; wanted is the one promoted last before the champion."),
    "reason on the other": (
        dict(mark="reached"),
        "The reason is on the version that you went to. It belongs on the one that is left: that is the bad one.",
    ),
    "no reason": (
        dict(mark="nowhere"),
        "The version that is left carries no reason: set its tag rolled_back. Without it, somebody will promote it again.",
    ),
}


def judge_roll_back(evidence, rng):
    cases, got = registries(rng), evidence["steps"]
    want = [way_back(*case) for case in cases]
    if got == want:
        return passed()
    states = [[step[:2] for step in steps] for steps in got]
    if states == [[step[:2] for step in steps] for steps in want]:
        return not_yet(
            "The registry is right after each call. Return the new champion's number; None where there is no way back.",
            "returns something else",
        )
    for name, (twist, message) in ROLL_BACK_MISCONCEPTIONS.items():
        if states == [[step[:2] for step in way_back(*case, **twist)] for case in cases]:
            return not_yet(message, name)
    case, w, g = next(row for row in zip(cases, want, got, strict=True) if [s[:2] for s in row[1]] != [s[:2] for s in row[2]])
    return not_yet(_first_step(case, w, g))


def _first_step(case, want, got):
    versions, champion, _ = case
    told = "; ".join(
        f"version {i} {'promoted ' + promoted if promoted else 'never promoted'}{', rolled back' if bad else ''}"
        for i, (promoted, bad) in enumerate(versions, start=1)
    )
    call, w, g = next((call, w, g) for call, (w, g) in enumerate(zip(want, got, strict=True), start=1) if w[:2] != g[:2])
    start = f"With {told}, and version {champion} as champion, after call {call} in a row"
    if w[0] != g[0]:
        return f"{start} the champion should be {w[0]}; after yours it is {g[0]}."
    return f"{start} the tags rolled_back of versions 1, 2, ... should be {w[1]}; after yours they are {g[1]}."


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/23_compare_and_reproduce.ipynb"

QUESTIONS = {
    "23.1": Question(
        title="What made the difference",
        probe=probe_mattered,
        judge=judge_mattered,
        hints=(
            "itertools.combinations(runs, 2) gives every pair of runs once. Which pairs say something about one setting?",
            "A pair counts for a setting when the list of settings in which the two differ is exactly [setting].",
            "Collect abs(a['metrics'][metric] - b['metrics'][metric]) in a list for each setting; then its mean, or None if it "
            "is empty. Leave out runs without the metric first.",
        ),
        notebook=SOLUTION,
        misconceptions=tuple(dict.fromkeys(name for name, _, _ in MATTERED_TWISTS)),
    ),
    "23.2": Question(
        title="Can it be reproduced?",
        probe=probe_reproduce,
        judge=judge_reproduce,
        hints=(
            "record.get(fact) gives None where a fact is absent, so one comparison covers both cases.",
            'The record\'s values are text: what is bool("False")?',
            "Five ifs, one after another, each appending its fact to the list; no return before the end.",
        ),
        notebook=SOLUTION,
        misconceptions=("no list", "other order", *REPRODUCE_MISCONCEPTIONS),
    ),
    "23.3": Question(
        title="The run behind a file",
        probe=probe_behind,
        judge=judge_behind,
        hints=(
            "hashlib.sha256(...).hexdigest() of the file's bytes; Path.read_bytes() gives them.",
            "Two conditions in one filter: tags.sha256 = '...' and attributes.status = 'FINISHED'.",
            "order_by=['attributes.start_time DESC'] puts the newest first. An empty result is not an error: return None.",
        ),
        notebook=SOLUTION,
        misconceptions=("none is none", *BEHIND_MISCONCEPTIONS),
    ),
    "23.4": Question(
        title="Roll back",
        probe=probe_roll_back,
        judge=judge_roll_back,
        hints=(
            "client.get_model_version_by_alias(name, 'champion') is the present one; "
            "client.search_model_versions(f\"name = '{name}'\") gives all, each with its tags.",
            "Candidates have promoted_at, earlier than the champion's, and no rolled_back. Of these, max by promoted_at.",
            "client.set_model_version_tag(name, champion.version, 'rolled_back', reason), then "
            "client.set_registered_model_alias(name, 'champion', target.version). Return int(target.version).",
        ),
        notebook=SOLUTION,
        misconceptions=("returns something else", *ROLL_BACK_MISCONCEPTIONS),
    ),
}
