"""The questions of 21, why experiment tracking: a record by hand, and what can be asked of it."""

import hashlib
import importlib.metadata
import json
import platform
import tempfile
from pathlib import Path

import numpy as np

from helpers.course.verdict import Question, not_yet, passed

# --- 21.1: record a run -------------------------------------------------------------------------------------------------

EARLIER = {"settings": {"learning_rate": 0.5}, "who": "a colleague"}  # the line that is there before
FINGERPRINTS = {"data": "data", "model": "model_bytes"}  # the record's key: the argument that it is of


def trainings(rng):
    """Three runs to record: settings, data, losses, scores, model file."""
    cases = []
    for n_steps in rng.permutation([2, 3, 5]).tolist():
        settings = {"learning_rate": float(rng.uniform(0.01, 1)), "n_steps": n_steps, "seed": int(rng.integers(0, 99))}
        losses = np.sort(rng.uniform(0.4, 0.7, n_steps))[::-1].tolist()
        scores = {"auc": float(rng.uniform(0.5, 1)), "log_loss": losses[-1]}
        data, model = (rng.integers(0, 256, size, dtype=np.uint8).tobytes() for size in rng.integers(40, 200, 2))
        cases.append((settings, data, losses, scores, model))
    return cases


def probe_record(answer, rng):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "record.jsonl"
        path.write_text(json.dumps(EARLIER) + "\n", encoding="utf-8")
        for settings, data, losses, scores, model in trainings(rng):
            answer(path, dict(settings), data, list(losses), dict(scores), model)
        return {"text": path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None}


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def recorded(case, *, first_step=1, stepless=False, last_only=False, swapped=False, fingerprint=_sha256):
    """The oracle: what a line should hold. Each keyword is a twist behind a misconception."""
    settings, data, losses, scores, model = case
    points = [[first_step + i, loss] for i, loss in enumerate(losses)]
    points = [loss for _, loss in points] if stepless else points
    points = points[-1:] if last_only else points
    data, model = (model, data) if swapped else (data, model)
    return {
        "settings": settings,
        "data": fingerprint(data),
        "losses": points,
        "scores": scores,
        "model": fingerprint(model),
        "environment": {"python": platform.python_version(), "scikit-learn": importlib.metadata.version("scikit-learn")},
    }


STEPS = "Each loss goes with its step: [[1, 0.61], [2, 0.55], ...]."
ROUNDED = "The numbers were rounded. Equal to the last bit needs every digit: json.dumps writes them all by itself."
RECORD_MISCONCEPTIONS = [
    ("no steps", dict(stepless=True), f"The losses are on record without their steps. {STEPS}"),
    ("counts from zero", dict(first_step=0), "The first loss belongs to step 1: after no step there is no loss yet."),
    ("only the last loss", dict(last_only=True), f"Only the last loss is on record, so there is no curve. {STEPS}"),
    ("swapped", dict(swapped=True), "The fingerprints of data and model are swapped: each stands where the other should."),
    (
        "size is no fingerprint",
        dict(fingerprint=len),
        "You recorded how many bytes there are. Two versions of the data can be equally long: take hashlib.sha256 of the bytes.",
    ),
    (
        "fingerprint of the text",
        dict(fingerprint=lambda content: _sha256(str(content).encode())),
        "The fingerprint is of str(data), not of the bytes: nobody who hashes the file will find it. Give sha256 the bytes.",
    ),
    (
        "another hash",
        dict(fingerprint=lambda content: hashlib.md5(content, usedforsecurity=False).hexdigest()),
        "The fingerprint is an MD5, which can be forged. The team agreed on sha256: hashlib.sha256(data).hexdigest().",
    ),
]


def judge_record(evidence, rng):
    cases, text = trainings(rng), evidence["text"]
    if text is None:
        return not_yet("After your function was called the record is no file any more.")
    lines = [line for line in text.split("\n") if line.strip()]
    wrong = _wrong_lines(text, lines, len(cases))
    if wrong:
        return not_yet(*wrong)
    got, want = [_parsed(line) for line in lines[1:]], [recorded(case) for case in cases]
    absent = [key for key in want[0] if any(key not in line for line in got)]
    if absent:
        name, key = (f"no {absent[0]}", absent[0]) if absent[0] in ("data", "environment") else (None, absent[0])
        return not_yet(f"A line has no {key!r}: {_why_needed(key)}", name)
    if all(map(_holds, got, want)):
        return passed()
    for name, twist, message in RECORD_MISCONCEPTIONS:
        if all(map(_holds, got, [recorded(case, **twist) for case in cases])):
            return not_yet(message, name)
    if all(_rounded(line[key], value) for line, wanted in zip(got, want, strict=True) for key, value in wanted.items()):
        return not_yet(ROUNDED, "rounded")
    return not_yet(_first_difference(got, want))


def _rounded(got, want):
    """Whether what came is what was wanted, but for numbers that were rounded."""
    if isinstance(want, dict):
        return isinstance(got, dict) and all(key in got and _rounded(got[key], value) for key, value in want.items())
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(_rounded, got, want))
    return got == want or (isinstance(want, float) and got in [round(want, digits) for digits in range(1, 10)])


def _wrong_lines(text, lines, n_cases):
    """What is wrong with the file as such: a message and a misconception; None if nothing."""
    parsed = [_parsed(line) for line in lines]
    if isinstance(_json(text), list):
        return "The file is one JSON list now: torn once, it is lost whole. Write one line a run, added to the end.", "one list"
    if EARLIER not in parsed:
        if any(line is None for line in parsed):
            return "The line that was on record before cannot be read any more. Add to the end of the file: mode 'a'.", None
        return "The line that was on record before is gone: mode 'w' empties the file first. Open it with 'a'.", "overwrites"
    if len(lines) == 1:
        return "The record holds no new line after your function was called. Write to `path`, in mode 'a'.", "nothing written"
    documents = _documents(text)
    if any(line is None for line in parsed) and documents == n_cases + 1:
        if len(lines) < documents:
            return "Two runs stand on one line. End each line with a line end: json.dumps(...) + '\\n'.", "no line end"
        if len(lines) > documents:
            return "A run takes several lines. Leave out `indent`: what is torn then is one line, one run.", "several lines a run"
    if any(line is None for line in parsed):
        bad = next(text for text, line in zip(lines, parsed, strict=True) if line is None)
        return f"A line is no JSON object: {bad[:60]!r}. Write it with json.dumps.", None
    if len(lines) != n_cases + 1 or parsed[0] != EARLIER:
        return f"{n_cases} calls should add {n_cases} lines after the one that was there; the file has {len(lines)} lines.", None
    return None


def _json(text):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _parsed(line):
    found = _json(line)
    return found if isinstance(found, dict) else None


def _documents(text):
    """How many JSON values stand in a text one after the other; 0 if something else stands there too."""
    decoder, count, rest = json.JSONDecoder(), 0, text.strip()
    while rest:
        try:
            _, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return 0
        count, rest = count + 1, rest[end:].strip()
    return count


def _why_needed(key):
    return {
        "data": "without a fingerprint of the data nobody can tell which version the run has learned from.",
        "environment": "one day the versions are the only difference. Record those of Python and of scikit-learn.",
    }.get(key, "the question lists the six keys that a line has.")


def _holds(line, want):
    """More than what is wanted may be on record: another key, another version."""
    return all(_same(key, line.get(key), value) for key, value in want.items())


def _same(key, got, want):
    if key == "environment":
        return isinstance(got, dict) and all(got.get(name) == value for name, value in want.items())
    return got == want


def _first_difference(got, want):
    for line, wanted in zip(got, want, strict=True):
        for key, value in wanted.items():
            if not _same(key, line[key], value):
                of = f" (sha256 of {FINGERPRINTS[key]}, 64 hex digits)" if key in FINGERPRINTS else ""
                return f"{key!r}{of} should be {str(value)[:120]}; yours is {str(line[key])[:120]!r}."
    return "The record differs from the runs."  # not reached: `_holds` looks at the same values


# --- 21.2: who made this file? ------------------------------------------------------------------------------------------


def workshops(rng):
    """Records, and files to ask about: a plain one, one that two runs made, one that differs late, data, an unknown one."""
    files = [rng.integers(0, 256, 60, dtype=np.uint8).tobytes() for _ in range(7)]
    first, twin, late, table, unknown, *others = files
    made = [first, others[0], twin, others[1], twin, twin]
    rows = [{"id": f"run-{n}", "model": _sha256(content), "data": _sha256(table)} for n, content in enumerate(made, start=1)]
    digits = _sha256(late)
    rows.append({"id": "run-7", "model": digits[:12] + _other(digits[12:]), "data": _sha256(table)})
    rows.append({"id": "run-8", "model": digits, "data": _sha256(table)})
    records = [rows[i] for i in rng.permutation(len(rows)).tolist()]
    return records, {
        "a file of one run": first,
        "a file that three runs made, equal to the byte": twin,
        "a file whose fingerprint begins like another's": late,
        "the file of the data": table,
        "a file that no run made": unknown,
        "an empty file": b"",
    }


def _other(digits):
    """Other hex digits, as many."""
    return "".join("0123456789abcdef"[15 - int(digit, 16)] for digit in digits)


def probe_who(answer, rng):
    records, files = workshops(rng)
    return {"who": [answer([dict(record) for record in records], content) for content in files.values()]}


def who(records, content, *, first=False, last=False, prefix=64, any_key=False):
    """The oracle: by brute force, over the 64 digits."""
    digits = _sha256(content)[:prefix]
    keys = ("model", "data") if any_key else ("model",)
    found = [record["id"] for record in records if any(record[key][:prefix] == digits for key in keys)]
    return found[-1:] if last else found[:1] if first else found


WHO_MISCONCEPTIONS = {
    "only the first": (dict(first=True), "Several runs can make the same file. Yours stops at the first; list them all."),
    "only the last": (
        dict(last=True),
        "Several runs can make the same file. Yours keeps the last one, as a dict by fingerprint does; list them all.",
    ),
    "data too": (
        dict(any_key=True),
        "You found runs that *read* the file: it is their data. The question is who made it: compare with 'model' alone.",
    ),
}


def judge_who(evidence, rng):
    (records, files), got = workshops(rng), evidence["who"]
    want = [who(records, content) for content in files.values()]
    if got == want:
        return passed()
    if not isinstance(got, list) or len(got) != len(want):
        return not_yet("There is not one answer for each file.")  # not reached: the probe asks once a file
    single = [ids[0] if len(ids) == 1 else ids for ids in want]
    bare = [ids[0] if ids else None for ids in want]
    if got in (bare, single) or [ids or None for ids in want] == got:
        return not_yet("Return a list in every case: of one id, of several, or empty where no run made the file.", "not a list")
    for name, (twist, message) in WHO_MISCONCEPTIONS.items():
        if got == [who(records, content, **twist) for content in files.values()]:
            return not_yet(message, name)
    if any(got == [who(records, content, prefix=n) for content in files.values()] for n in range(4, 13)):
        return not_yet("Two fingerprints that begin alike are two different files. Compare all 64 digits.", "beginnings")
    found = [[record["id"] for record in records if record in ids] if isinstance(ids, list) else ids for ids in got]
    if found == want:
        return not_yet("You return the records; return their ids.", "records, not ids")
    if [sorted(map(str, ids)) if isinstance(ids, list) else ids for ids in got] == [sorted(ids) for ids in want]:
        return not_yet("The ids are right; give them in the order of the records.", "another order")
    what, w, g = next(row for row in zip(files, want, got, strict=True) if row[1] != row[2])
    return not_yet(f"Asked about {what}, yours gave {str(g)[:80]!r}; expected {w}.")


# --- 21.3: what stands in the way? --------------------------------------------------------------------------------------

INGREDIENTS = ("code", "data", "settings", "seed", "environment")


def pairs(rng):
    """Pairs of records, each with what makes it worth a look."""
    ours = {
        "code": f"{rng.integers(1 << 62):016x}",
        "data": f"{rng.integers(1 << 62):016x}",
        "settings": {"learning_rate": 0.1 + float(rng.uniform(0, 0.5)), "n_steps": int(rng.integers(20, 60))},
        "seed": 0,
        "environment": {"python": "3.11.7", "scikit-learn": "1.9.1"},
        "scores": {"auc": float(rng.uniform(0.6, 0.7))},
        "model": f"{rng.integers(1 << 62):016x}",
    }
    rate = ours["settings"]["learning_rate"]
    reordered = dict(reversed(ours.items())) | {"settings": dict(reversed(ours["settings"].items()))}
    cases = [
        ("equal records", ours, ours),
        ("the same, in another order", ours, reordered),
        ("other results, equal ingredients", ours, ours | {"scores": {"auc": 0.71}, "model": "0123"}),
        ("a rate that differs in the tenth digit", ours, ours | {"settings": ours["settings"] | {"learning_rate": rate + 1e-10}}),
        ("a setting that only theirs has", ours, ours | {"settings": ours["settings"] | {"gaps": "drop"}}),
        ("a setting that only ours has", ours | {"settings": ours["settings"] | {"gaps": "drop"}}, ours),
        ("another version of a package", ours, ours | {"environment": ours["environment"] | {"scikit-learn": "1.10.0"}}),
        ("no data in either", _without(ours, "data"), _without(ours, "data")),
        ("no code in ours", _without(ours, "code"), ours),
        ("no seed in theirs, and other data", ours, _without(ours, "seed") | {"data": "ffff"}),
        ("a seed of None in both", ours | {"seed": None}, ours | {"seed": None}),
        ("environment None in ours", ours | {"environment": None}, ours),
        ("seeds 0 and 7", ours, ours | {"seed": 7}),
        ("nothing in theirs", ours, {}),
    ]
    return [cases[i] for i in rng.permutation(len(cases)).tolist()]


def _without(record, key):
    return {name: value for name, value in record.items() if name != key}


def probe_obstacles(answer, rng):
    return {"obstacles": [answer(_copy(ours), _copy(theirs)) for _, ours, theirs in pairs(rng)]}


def _copy(record):
    return json.loads(json.dumps(record))


def obstacles(ours, theirs, *, falsy=False, both_gone_is_fine=False, results=False, one_word=False, **alike):
    """The oracle: by listing each ingredient's state. Each keyword, `_alike`'s too, is a twist behind a misconception."""
    found = {}
    for name in (*INGREDIENTS, *(("scores", "model") if results else ())):
        a, b = ours.get(name), theirs.get(name)
        gone = [not value if falsy else value is None for value in (a, b)]
        if both_gone_is_fine and all(gone):
            continue
        if any(gone):
            found[name] = "differs" if one_word else "missing"
        elif not _alike(a, b, **alike):
            found[name] = "differs"
    return found


def _alike(a, b, *, one_sided=False, roughly=False, as_text=False):
    if as_text:
        return str(a) == str(b)
    if not isinstance(a, dict):
        return a == b
    if not one_sided and a.keys() != b.keys():
        return False
    return all(b.get(key) == value or (roughly and _near(value, b.get(key))) for key, value in a.items())


def _near(a, b):
    return all(isinstance(value, (int, float)) for value in (a, b)) and abs(a - b) < 1e-6


ONE_WORD = "You call a missing ingredient 'differs'. Say 'missing': its remedy is another, to find out what was used."
OBSTACLE_MISCONCEPTIONS = [
    ("zero is not missing", dict(falsy=True), "A seed of 0 is a seed. Missing is what is absent or None: ask `is None`."),
    (
        "missing twice",
        dict(both_gone_is_fine=True),
        "Where an ingredient is missing in *both* you find no obstacle. None equals None, but nobody knows what was taken.",
    ),
    ("missing is more than different", dict(one_word=True), ONE_WORD),
    ("missing is more than different", dict(one_word=True, both_gone_is_fine=True), ONE_WORD),
    (
        "one way only",
        dict(one_sided=True),
        "You look at the settings that ours has. A setting that only theirs has makes a difference too.",
    ),
    (
        "results are not ingredients",
        dict(results=True),
        "Scores and model are what came out. Only what went in can stand in the way: the five ingredients.",
    ),
    ("about equal", dict(roughly=True), "A setting that differs in the tenth digit differs: equal to the last bit is wanted."),
    ("order", dict(as_text=True), "The same settings in another order are the same settings: compare the dicts, not their text."),
]


def judge_obstacles(evidence, rng):
    cases, got = pairs(rng), evidence["obstacles"]
    want = [obstacles(ours, theirs) for _, ours, theirs in cases]
    if got == want:
        return passed()
    if not isinstance(got, list) or len(got) != len(want):
        return not_yet("There is not one answer for each pair.")  # not reached: the probe asks once a pair
    for name, twist, message in OBSTACLE_MISCONCEPTIONS:
        if got == [obstacles(ours, theirs, **twist) for _, ours, theirs in cases]:
            return not_yet(message, name)
    if all(isinstance(g, dict) and dict(list(w.items())[:1]) == g for g, w in zip(got, want, strict=True)):
        return not_yet(
            "Yours stops at the first obstacle. Name them all, or each repair only uncovers the next.", "only the first"
        )
    if all(g == (w or None) for g, w in zip(got, want, strict=True)):
        return not_yet("Where nothing stands in the way, return an empty dict, not None.", "none is a dict")
    (what, *_), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    return not_yet(f"With {what}, expected {w}; yours gave {str(g)[:160]}.")


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/21_why_experiment_tracking.ipynb"

QUESTIONS = {
    "21.1": Question(
        title="Record a run",
        probe=probe_record,
        judge=judge_record,
        hints=(
            "Make a dict with the six keys, turn it into text with json.dumps, add it to the file: path.open('a').",
            "hashlib.sha256(data).hexdigest() is the fingerprint; list(enumerate(losses, start=1)) gives each loss its step.",
            "platform.python_version() and importlib.metadata.version('scikit-learn') are the environment. "
            "file.write(json.dumps(line) + '\\n') ends the line.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "one list",
            "overwrites",
            "nothing written",
            "no line end",
            "several lines a run",
            "no data",
            "no environment",
            "rounded",
            *(name for name, *_ in RECORD_MISCONCEPTIONS),
        ),
    ),
    "21.2": Question(
        title="Who made this file?",
        probe=probe_who,
        judge=judge_who,
        hints=(
            "First the file's fingerprint: hashlib.sha256(content).hexdigest(). Then look where it stands in the records.",
            "Look at record['model'] of every record, and collect record['id'] of all that are equal.",
            "[record['id'] for record in records if record['model'] == fingerprint]: an empty list needs no case of its own.",
        ),
        notebook=SOLUTION,
        misconceptions=("not a list", "beginnings", "records, not ids", "another order", *WHO_MISCONCEPTIONS),
    ),
    "21.3": Question(
        title="What stands in the way?",
        probe=probe_obstacles,
        judge=judge_obstacles,
        hints=(
            "Go through the five names. ours.get(name) is None both where the name is absent and where it holds None.",
            "First ask whether one of the two is None: 'missing'. Only then whether they are unequal: 'differs'.",
            "Python compares whole dicts with !=, and their order does not count. So no loop over the settings is needed.",
        ),
        notebook=SOLUTION,
        misconceptions=("only the first", "none is a dict", *dict.fromkeys(name for name, *_ in OBSTACLE_MISCONCEPTIONS)),
    ),
}
