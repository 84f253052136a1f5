"""Answers to the questions of 21, why experiment tracking."""

import hashlib
import io
import json
import math
import platform
from importlib.metadata import version

import sklearn

from tests.answers import Answers, Wrong

INGREDIENTS = ("code", "data", "settings", "seed", "environment")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# --- 21.1 ---------------------------------------------------------------------------------------------------------------


def the_line(settings, data, losses, scores, model):
    return {
        "settings": settings,
        "data": sha256(data),
        "losses": list(enumerate(losses, start=1)),
        "scores": scores,
        "model": sha256(model),
        "environment": {"python": platform.python_version(), "scikit-learn": version("scikit-learn")},
    }


def recorder(mode="a", end="\n", indent=None, **changes):
    """An answer that writes the right line, with some keys changed; a change of None leaves the key out."""

    def record(path, *case):
        line = the_line(*case) | {key: change(*case) for key, change in changes.items() if change}
        line = {key: value for key, value in line.items() if changes.get(key, True)}
        with path.open(mode, encoding="utf-8") as file:
            file.write(json.dumps(line, indent=indent) + end)

    return record


def record(path, settings, data, losses, scores, model_bytes):
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(the_line(settings, data, losses, scores, model_bytes)) + "\n")


def record_by_hand(path, settings, data, losses, scores, model_bytes):
    points = []
    for i in range(len(losses)):
        points.append([i + 1, losses[i]])
    hashes = {}
    for name, content in {"model": model_bytes, "data": data}.items():
        hasher = hashlib.new("sha256")
        hasher.update(content)
        hashes[name] = hasher.digest().hex()
    versions = {"numpy": version("numpy"), "scikit-learn": sklearn.__version__, "python": platform.python_version()}
    line = {"when": "today", "environment": versions, "losses": points, "scores": dict(scores), "settings": dict(settings)}
    with path.open("ab") as file:
        print(json.dumps({**line, **hashes}, sort_keys=True), file=io.TextIOWrapper(file, encoding="utf-8"), flush=True)


def record_rewriting(path, settings, data, losses, scores, model_bytes):
    before = path.read_text(encoding="utf-8")
    path.write_text(before + json.dumps(the_line(settings, data, losses, scores, model_bytes)) + "\n", encoding="utf-8")


def record_list(path, *case):
    text = path.read_text()
    runs = json.loads(text) if text.startswith("[") else [json.loads(text)]
    path.write_text(json.dumps([*runs, the_line(*case)]))


def record_nothing(path, *case):
    return the_line(*case)


def record_beside(path, *case):
    path.with_suffix(".txt").write_text(json.dumps(the_line(*case)))


def record_repr(path, *case):
    with path.open("a") as file:
        file.write(str(the_line(*case)) + "\n")


def record_deletes(path, *case):
    path.unlink(missing_ok=True)


def record_glued_after(path, *case):
    with path.open("a") as file:
        file.write(json.dumps(the_line(*case)))


def record_twice(path, *case):
    record(path, *case)
    record(path, *case)


def record_list_of_one(path, *case):
    with path.open("a") as file:
        file.write(json.dumps([the_line(*case)]) + "\n")


def rounded(digits):
    return lambda settings, data, losses, scores, model: [[n, round(x, digits)] for n, x in enumerate(losses, 1)]


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def the_hash_of(how):
    return dict(data=lambda s, data, *rest: how(data), model=lambda *case: how(case[-1]))


# --- 21.2 ---------------------------------------------------------------------------------------------------------------


def who(records, content):
    return [record["id"] for record in records if record["model"] == sha256(content)]


def who_by_table(records, content):
    makers = {}
    for record in records:
        makers.setdefault(record["model"], []).append(record["id"])
    return makers.get(sha256(content), [])


def who_by_filter(records, content):
    wanted = hashlib.sha256()
    wanted.update(content)
    return list(map(lambda record: record["id"], filter(lambda record: record["model"] == wanted.hexdigest(), records)))


def who_first_list(records, content):
    return who(records, content)[:1]


def who_first(records, content):
    return next(iter(who(records, content)), None)


def who_dict(records, content):
    makers = {record["model"]: record["id"] for record in records}
    return [makers[sha256(content)]] if sha256(content) in makers else []


def who_prefix(n):
    return lambda records, content: [r["id"] for r in records if r["model"].startswith(sha256(content)[:n])]


def who_any(records, content):
    return [record["id"] for record in records if sha256(content) in record.values()]


def who_single(records, content):
    found = who(records, content)
    return found[0] if len(found) == 1 else found


def who_records(records, content):
    return [record for record in records if record["model"] == sha256(content)]


def who_sorted_backwards(records, content):
    return who(records, content)[::-1]


def who_md5(records, content):
    return [record["id"] for record in records if record["model"] == md5(content)]


# --- 21.3 ---------------------------------------------------------------------------------------------------------------


def obstacles(ours, theirs):
    found = {}
    for name in INGREDIENTS:
        if ours.get(name) is None or theirs.get(name) is None:
            found[name] = "missing"
        elif ours[name] != theirs[name]:
            found[name] = "differs"
    return found


def obstacles_in_two_goes(ours, theirs):
    missing = {name: "missing" for name in INGREDIENTS for record in (ours, theirs) if record.get(name) is None}
    differs = {name: "differs" for name in INGREDIENTS if name not in missing and not ours[name] == theirs[name]}
    return differs | missing


def obstacles_by_text(ours, theirs):
    found = dict.fromkeys(reversed(INGREDIENTS))
    for name in found:
        try:
            a, b = (json.dumps(record[name], sort_keys=True) for record in (ours, theirs))
        except KeyError:
            a = b = "null"
        found[name] = "missing" if "null" in (a, b) else "differs" if a != b else None
    return {name: what for name, what in found.items() if what}


def obstacles_with(gone=lambda a, b: a is None or b is None, equal=lambda a, b: a == b, word="missing", names=INGREDIENTS):
    def answer(ours, theirs):
        found = {}
        for name in names:
            a, b = ours.get(name), theirs.get(name)
            if gone(a, b):
                found[name] = word
            elif not equal(a, b):
                found[name] = "differs"
        return found

    return answer


def obstacles_naive(ours, theirs):
    return {name: "differs" for name in INGREDIENTS if ours.get(name) != theirs.get(name)}


def obstacles_first(ours, theirs):
    return dict(list(obstacles(ours, theirs).items())[:1])


def one_way(a, b):
    return all(b.get(key) == value for key, value in a.items()) if isinstance(a, dict) else a == b


def near(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(near(a[key], b[key]) for key in a)
    return math.isclose(a, b, rel_tol=1e-6) if isinstance(a, float) else a == b


ANSWERS = {
    "21.1": Answers(
        right=[record, record_by_hand, record_rewriting],
        wrong=[
            Wrong(recorder(mode="w"), "overwrites"),
            Wrong(record_list, "one list"),
            Wrong(recorder(end=""), "no line end"),
            Wrong(recorder(end=" "), "no line end"),
            Wrong(recorder(indent=2), "several lines a run"),
            Wrong(record_nothing, "nothing written"),
            Wrong(record_beside, "nothing written"),
            Wrong(record_deletes, says="no file"),
            Wrong(record_repr, says="JSON"),
            Wrong(record_list_of_one, says="no JSON object"),
            Wrong(record_twice, says="should add 3 lines"),
            Wrong(recorder(data=None), "no data"),
            Wrong(recorder(environment=None), "no environment"),
            Wrong(recorder(scores=None), says="'scores'"),
            Wrong(recorder(losses=lambda s, d, losses, *rest: losses), "no steps"),
            Wrong(recorder(losses=lambda s, d, losses, *rest: list(enumerate(losses))), "counts from zero"),
            Wrong(recorder(losses=lambda s, d, losses, *rest: losses[-1:]), says="'losses'"),
            Wrong(recorder(losses=lambda s, d, losses, *rest: [[len(losses), losses[-1]]]), "only the last loss"),
            Wrong(recorder(losses=lambda s, d, losses, *rest: dict(enumerate(losses, 1))), says="'losses'"),
            Wrong(recorder(losses=rounded(3)), "rounded"),
            Wrong(
                recorder(losses=rounded(4), scores=lambda *case: {name: round(x, 2) for name, x in case[3].items()}), "rounded"
            ),
            Wrong(recorder(settings=lambda s, *rest: {name: str(value) for name, value in s.items()}), says="'settings'"),
            Wrong(recorder(data=lambda *case: sha256(case[-1]), model=lambda s, data, *rest: sha256(data)), "swapped"),
            Wrong(recorder(**the_hash_of(len)), "size is no fingerprint"),
            Wrong(recorder(**the_hash_of(lambda content: sha256(str(content).encode()))), "fingerprint of the text"),
            Wrong(recorder(**the_hash_of(md5)), "another hash"),
            Wrong(recorder(**the_hash_of(hash)), says="64 hex digits"),
            Wrong(recorder(environment=lambda *case: {"python": "3", "scikit-learn": "1"}), says="'environment'"),
            Wrong(recorder(environment=lambda *case: "3.11"), says="'environment'"),
            Wrong(recorder(settings=lambda *case: {"learning_rate": 0.1, "n_steps": 3}), says="'settings'"),
            Wrong("record.jsonl"),
        ],
    ),
    "21.2": Answers(
        right=[who, who_by_table, who_by_filter],
        wrong=[
            Wrong(who_first_list, "only the first"),
            Wrong(who_dict, "only the last"),
            Wrong(who_prefix(8), "beginnings"),
            Wrong(who_prefix(12), "beginnings"),
            Wrong(who_any, "data too"),
            Wrong(who_first, "not a list"),
            Wrong(who_single, "not a list"),
            Wrong(lambda records, content: who(records, content) or None, "not a list"),
            Wrong(who_records, "records, not ids"),
            Wrong(who_sorted_backwards, "another order"),
            Wrong(who_md5, says="expected"),
            Wrong(lambda records, content: [record["id"] for record in records]),
            Wrong(lambda records, content: len(who(records, content))),
            Wrong(lambda records, content: ["run-1"]),
            Wrong(["run-1"]),
        ],
    ),
    "21.3": Answers(
        right=[obstacles, obstacles_in_two_goes, obstacles_by_text],
        wrong=[
            Wrong(obstacles_with(gone=lambda a, b: not a or not b), "zero is not missing"),
            Wrong(obstacles_with(gone=lambda a, b: (a is None) != (b is None)), "missing twice"),
            Wrong(obstacles_with(word="differs"), "missing is more than different"),
            Wrong(obstacles_naive, "missing is more than different"),
            Wrong(obstacles_with(equal=one_way), "one way only"),
            Wrong(obstacles_with(names=(*INGREDIENTS, "scores", "model")), "results are not ingredients"),
            Wrong(obstacles_with(equal=near), "about equal"),
            Wrong(obstacles_with(equal=lambda a, b: json.dumps(a) == json.dumps(b)), "order"),
            Wrong(obstacles_first, "only the first"),
            Wrong(lambda ours, theirs: obstacles(ours, theirs) or None, "none is a dict"),
            Wrong(lambda ours, theirs: list(obstacles(ours, theirs)), says="expected"),
            Wrong(obstacles_with(names=("data", "settings", "seed", "environment")), says="expected"),
            Wrong(obstacles_with(names=("code", "data", "settings", "seed")), says="expected"),
            Wrong(lambda ours, theirs: ours == theirs, says="expected"),
            Wrong(lambda ours, theirs: {name: "differs" for name in INGREDIENTS if ours[name] != theirs[name]}, says="KeyError"),
            Wrong({}),
        ],
    ),
}
