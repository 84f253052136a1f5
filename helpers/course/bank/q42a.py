"""The questions of 42a, GitHub Actions: what became of a run, and a careless workflow made safe."""

import base64
import hashlib
import json
import os
import re
import string
import subprocess
import tempfile
from pathlib import Path

from helpers import workflow_lint, workflows
from helpers.course.verdict import Question, not_yet, passed

# --- 42a.1: what became of it? --------------------------------------------------------------------------------------------

OK, BAD, NO = "success", "failure", "skipped"
STEPS = ["prepare", "train", "evaluate", "log", "champion", "gate", "report"]
LEGS = ["test (1)", "test (2)", "test (3)"]


def run_cases(rng):
    """What is special, and the facts of a run."""
    leg = LEGS[int(rng.integers(3))]
    cases = [
        ("all went well", _facts()),
        ("one month's tests failed", _facts(tests={leg: BAD})),
        ("the tests failed, without a matrix", _facts(legs=["test"], tests={"test": BAD})),
        ("the job test-docs failed, all else went well", _facts(more={"test-docs": (BAD, {"build": BAD})}, passed=False)),
        ("a step of a test may fail, its job went well", _facts(tried={leg: BAD})),
        ("green, and the job train was skipped", _facts(train=dict.fromkeys(STEPS, NO), job=NO, promote=NO, passed=True)),
        ("the step prepare failed", _facts(train=_until("prepare"), promote=NO)),
        ("the step train failed", _facts(train=_until("train"), promote=NO)),
        ("a step train in another job", _facts(train=_until("prepare"), more={"try": (OK, {"train": OK})}, promote=NO)),
        ("the step evaluate failed", _facts(train=_until("evaluate"), promote=NO)),
        ("the step log failed", _facts(train=_until("log"), promote=NO)),
        ("the gate refused", _facts(train=_until("gate"), promote=NO)),
        ("the gate refused and its job may fail", _facts(train=_until("gate"), promote=NO, passed=True)),
        ("the champion could not be fetched", _facts(train=_until("champion"), promote=NO)),
        ("the report failed behind the gate", _facts(train=_until("report"), promote=NO)),
        ("green, on a branch that does not promote", _facts(promote=NO, passed=True)),
        ("the step promote failed", _facts(promote=BAD)),
        ("promoted, then another job failed", _facts(more={"tell": (BAD, {"send": BAD})}, passed=False)),
        (
            "the file is no valid workflow",
            {**_facts(), "outcomes": {}, "jobs": {}, "passed": False, "error": "no valid workflow"},
        ),
        ("out of time behind the training", _facts(train=_until("gate"), promote=NO) | {"error": "ended after 60 s"}),
        ("a workflow that only tests", _facts(train=None, promote=None)),
    ]
    return [cases[i] for i in rng.permutation(len(cases))]


def _until(failed):
    """The steps of a job in which one fails: those behind it are skipped."""
    place = STEPS.index(failed)
    return {name: OK if i < place else BAD if i == place else NO for i, name in enumerate(STEPS)}


def _facts(*, legs=LEGS, tests=None, tried=None, train="ok", job=None, promote=OK, more=None, passed=None):
    tests, tried = tests or {}, tried or {}
    outcomes = {leg: tests.get(leg, OK) for leg in legs}
    jobs = {leg: {"checkout": OK, "test": {**tests, **tried}.get(leg, OK)} for leg in legs}
    if tests:
        train, job, promote = dict.fromkeys(STEPS, NO), NO, NO
    if train is not None:
        jobs["train"] = dict.fromkeys(STEPS, OK) if train == "ok" else train
        outcomes["train"] = job or (BAD if BAD in jobs["train"].values() else OK)
        jobs["promote"], outcomes["promote"] = {"fetch": NO if promote == NO else OK, "promote": promote}, promote
    for name, (outcome, steps) in (more or {}).items():
        jobs[name], outcomes[name] = steps, outcome
    passed = BAD not in outcomes.values() if passed is None else passed
    return {"outcomes": outcomes, "jobs": jobs, "passed": passed, "error": None}


def as_run(number, facts):
    """As `workflows.runs` gives it."""
    jobs = {job: [{"name": name, "outcome": outcome} for name, outcome in steps.items()] for job, steps in facts["jobs"].items()}
    return workflows.Run(
        number=number,
        commit=f"{number:040x}",
        ref="refs/heads/main",
        event="push",
        workflow="train.yml",
        passed=facts["passed"],
        error=facts["error"],
        outcomes=dict(facts["outcomes"]),
        jobs=jobs,
        seconds=1.0,
        folder=Path("nowhere"),
    )


def probe_became(answer, rng):
    got = [answer(as_run(number, facts)) for number, (_, facts) in enumerate(run_cases(rng), start=1)]
    return {"became": [str(value) if isinstance(value, str) else f"a {type(value).__name__}" for value in got]}


def became(
    facts, *, exact=False, prefix=False, steps=False, anywhere=False, blind=False, green=False, colour=False, strict=False
):
    """The oracle. Each keyword is a twist behind a misconception."""
    found = [facts["outcomes"], {name: BAD if BAD in each.values() else OK for name, each in facts["jobs"].items()}][steps]
    tests = [
        outcome
        for name, outcome in found.items()
        if name == "test" or not exact and name.startswith("test" if prefix else "test (")
    ]

    def step(job, name):
        if anywhere:
            return OK if any(each.get(name) == OK for each in facts["jobs"].values()) else facts["jobs"].get(job, {}).get(name)
        return facts["jobs"].get(job, {}).get(name)

    if facts["error"] and not blind:
        return "did not run"
    if green and facts["passed"]:
        return "promoted"
    if BAD in tests:
        return "tests failed"
    if step("train", "train") != OK:
        return "not trained"
    if step("train", "log") != OK:
        return "not logged"
    if (not facts["passed"] and step("promote", "promote") != OK) if colour else step("train", "gate") in [BAD, *[NO] * strict]:
        return "refused"
    return "promoted" if step("promote", "promote") == OK else "not promoted"


BECAME_MISCONCEPTIONS = {
    "green is promoted": (
        dict(green=True),
        "Yours takes a green run for a promotion. A run is green too where the training or the promotion was skipped: "
        "look at the steps.",
    ),
    "red is refused": (
        dict(colour=True),
        "Yours says refused wherever a trained and logged model's run is red. Only a failed step gate refuses; a report or a "
        "promotion can fail too, and a run may be green although its gate failed.",
    ),
    "one name only": (
        dict(exact=True),
        "Yours knows the job test, not its legs of a matrix: test (1), test (2) and so on are jobs of their own.",
    ),
    "names that begin alike": (
        dict(prefix=True),
        'Yours takes test-docs for a job of the tests. Only "test", or a name that begins with "test (", is one.',
    ),
    "steps for jobs": (
        dict(steps=True),
        "A step of a test failed, but its job went well: that step may fail. Ask run.outcomes, which tells the jobs.",
    ),
    "any job's step": (
        dict(anywhere=True),
        "Yours found a step train in another job. Look in the job train for train, log and gate, and in promote for promote.",
    ),
    "no error seen": (dict(blind=True), "A run with an error did not run, or not to its end: look at run.error first."),
    "skipped is refused": (
        dict(strict=True),
        "Yours says refused where the gate was skipped. It was not asked: an earlier step failed.",
    ),
}


def judge_became(evidence, rng):
    cases, got = run_cases(rng), evidence.get("became")
    want = [became(facts) for _, facts in cases]
    if got == want:
        return passed("Green, red and skipped are three things, and a step is not its job.")
    if not isinstance(got, list) or len(got) != len(want):
        return not_yet("The check could not read what yours returned: return one of the seven texts.")
    for name, (twist, message) in BECAME_MISCONCEPTIONS.items():
        if got == [became(facts, **twist) for _, facts in cases]:
            return not_yet(message, name)
    what, w, g = next((what, w, g) for (what, _), w, g in zip(cases, want, got, strict=True) if w != g)
    return not_yet(f"The run in which {what} is {w!r}; yours gives {g!r}.")


# --- 42a.2: a careless workflow ---------------------------------------------------------------------------------------------

SEND = '''"""Sends word of a push to the team's chat; in this exercise to a file. CHAT_TOKEN is the password."""

import hashlib, json, os, pathlib, sys

known = pathlib.Path("token.sha256").read_text().strip()
if hashlib.sha256(os.environ.get("CHAT_TOKEN", "").encode()).hexdigest() != known:
    sys.exit("the chat refuses this token")
pathlib.Path("sent.json").write_text(json.dumps({"sent": True}))
'''


def push_of(rng):
    """A branch, a commit message and a password. The first two try what an attacker would try."""
    number = int(rng.integers(1000, 9999))
    letters = rng.choice(list(string.ascii_letters), 20)
    return {
        "branch": f"fix/$(echo${{IFS}}branch-{number})",
        "message": f'Trees "{number}" `echo ticks` $(echo dollar)"; echo quote; echo "',
        "token": "".join(letters.tolist()),
    }


def probe_safe(answer, rng):
    if not isinstance(answer, str):
        return {"kind": type(answer).__name__}
    push = push_of(rng)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        code = Path(folder) / "code"
        path = code / ".github" / "workflows" / "tell.yml"
        path.parent.mkdir(parents=True)
        path.write_text(answer, encoding="utf-8")
        found = {"found": workflow_lint.lint(path), "writes": _writes(answer), "silenced": "zizmor: ignore" in answer}
        if found["found"] or found["writes"] or found["silenced"]:
            return found
        _commit(code, push)
        made = [_push(code, push, token, Path(folder) / name) for name, token in (("a", push["token"]), ("b", "wrong"))]
        return found | {"run": made[0], "refused": made[1]}


def _writes(text):
    """Permissions to write, which nothing here needs."""
    return re.findall(r"^\s*([a-z-]+): *['\"]?write['\"]? *(?:#.*)?$", text, re.MULTILINE)


def _commit(code, push):
    (code / "send.py").write_text(SEND, encoding="utf-8")
    (code / "token.sha256").write_text(hashlib.sha256(push["token"].encode()).hexdigest())
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = {f"GIT_{role}_{what}": "check@example.invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for call in (
        ["init", "--quiet", "--initial-branch", push["branch"]],
        ["add", "--all"],
        ["commit", "--quiet", "--message", push["message"]],
    ):
        subprocess.run(["git", *call], cwd=code, env=env | who, check=True, capture_output=True)


def _push(code, push, token, to):
    made = workflows.run(code, ref=f"refs/heads/{push['branch']}", secrets={"CHAT_TOKEN": token}, seconds=30, to=to)
    if not made:
        return None
    run = made[0]
    files = [path for path in (run.folder / "artifacts").rglob("*") if path.is_file()]
    texts = [run.log, run.summary, *(path.read_text(encoding="utf-8", errors="replace") for path in files)]
    return {
        "passed": run.passed,
        "error": run.error,
        "summary": run.summary.strip()[:500],
        "sent": any(path.parent.name == "sent" and _is_sent(path) for path in files),
        "leaks": [form for form, secret in forms(token).items() if any(_shows(text, secret) for text in texts)],
        "told": run.log[-300:],
    }


def _is_sent(path):
    try:
        return path.name == "sent.json" and json.loads(path.read_bytes()) == {"sent": True}
    except ValueError:
        return False


def forms(token):
    """How a password can look in a log that hides it: enough of it to get it back."""
    raw = token.encode()
    encoded = {f"in base64, from character {start}": base64.b64encode(raw[start:])[:20].decode() for start in range(3)}
    return {"as it is": token, "backwards": token[::-1], "in hexadecimal": raw.hex(), **encoded}


def _shows(text, secret):
    """Also with spaces between, or a character a line."""
    return secret in re.sub(r"(?m)^\[[^\]]*\] |[\s,._-]", "", text)


RULES = {
    "excessive-permissions": (
        "too much permitted",
        "The job may do more than it needs. At the top: permissions: {}; at the job: contents: read, for checkout.",
    ),
    "unpinned-uses": (
        "a name that can move",
        "An action is named by a tag or a branch, which its owner can move. Pin it to a commit of 40 digits.",
    ),
    "template-injection": (
        "text becomes code",
        "A ${{ }} stands in a `run:`, so what others write there becomes code. Give it in `env:`, and use the variable.",
    ),
    "artipacked": (
        "credentials left",
        "checkout leaves the job's token in the folder: with: persist-credentials: false.",
    ),
    "concurrency-limits": ("side by side", "Runs may overtake each other: give the workflow a concurrency group."),
}
SAFE_NAMES = (
    "silenced",
    *(name for name, _ in RULES.values()),
    "not on each push",
    "the password leaks",
    "not sent",
    "another summary",
    "failure swallowed",
)


def judge_safe(evidence, rng):
    if "kind" in evidence:
        return not_yet(f"The answer is the text of a workflow file; yours is of the kind {evidence['kind']}.")
    if evidence["silenced"]:
        return not_yet(
            "A comment tells zizmor to ignore something. Mend it instead; here nothing needs an exception.", "silenced"
        )
    if evidence["found"]:
        first = evidence["found"][0]
        if first["rule"] == "schema":
            return not_yet(f"GitHub would not accept the file: {first['message']}.")
        name, message = RULES.get(first["rule"], (None, f"zizmor finds {first['rule']}: {first['message']}."))
        return not_yet(f"Line {first['line']}: {message}", name)
    if evidence["writes"]:
        return not_yet(
            f"The job may write: {evidence['writes'][0]}. It only reads the repository: contents: read.", "too much permitted"
        )
    return _judge_run(evidence["run"], evidence["refused"], push_of(rng))


def _judge_run(run, refused, push):
    if run is None:
        return not_yet(
            "The linters find nothing, but a push to another branch than main starts no run. Keep `on: push`.", "not on each push"
        )
    if run["error"]:
        return not_yet(f"The linters find nothing, but the run cannot be made: {run['error']}.")
    if run["leaks"]:
        return not_yet(f"The password can be read from the log or what is kept, {run['leaks'][0]}.", "the password leaks")
    if not run["passed"]:
        return not_yet(f"The run failed. Its last words: {' '.join(run['told'].split())[-150:]}")
    if not run["sent"]:
        return not_yet("Safe, but send.py did not do its work: no artifact `sent` with its sent.json.", "not sent")
    wanted = f"Pushed to {push['branch']} - {push['message']}"
    if run["summary"] != wanted.strip():
        return not_yet(f"The summary should be {wanted!r}; it is {run['summary'][:200]!r}.", "another summary")
    if refused is None or refused["passed"]:
        return not_yet("With a wrong password send.py fails, and your run is green all the same.", "failure swallowed")
    return passed("The same work is done, and neither a branch's name nor a commit message is ever code.")


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/42a_github_actions.ipynb"

QUESTIONS = {
    "42a.1": Question(
        title="What became of a push?",
        probe=probe_became,
        judge=judge_became,
        hints=(
            "Go through the seven in their order, each as an `if` that returns.",
            "A helper makes it short, the outcome of a step in a job: "
            '{step["name"]: step["outcome"] for step in run.jobs.get(job, [])}.get(name).',
            'A job of the tests: job == "test" or job.startswith("test ("). Ask run.outcomes whether one of them is a failure.',
        ),
        notebook=SOLUTION,
        misconceptions=tuple(BECAME_MISCONCEPTIONS),
    ),
    "42a.2": Question(
        title="A careless workflow made safe",
        probe=probe_safe,
        judge=judge_safe,
        hints=(
            "Let the linters lead: write the text to a file, run workflow_lint.lint on it, mend one finding after the other.",
            'What others write goes through `env:`: MESSAGE: ${{ github.event.head_commit.message }}, and in `run:` "$MESSAGE".',
            "The linters do not see that the step `debug` prints the password in another form: take it out. send.py needs "
            "CHAT_TOKEN in the environment of its own step, and of no other.",
        ),
        notebook=SOLUTION,
        misconceptions=SAFE_NAMES,
    ),
}
