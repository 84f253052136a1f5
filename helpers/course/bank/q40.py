"""The questions of 40, the GitHub Action: the learner's repository is pushed, the real act runs it, and its store is read.

Up to four commits are pushed: "first" to a branch, then to main "bad" (one step of boosting), "broken" (a test that fails) and
"again" (nothing new about the model). Their settings are drawn, and what came of them is kept while the learner's files are the
same, whatever question asks: the plan is therefore part of the evidence.
"""

import base64
import json
import os
import re
from pathlib import Path

from helpers import workflows
from helpers.course.bank import pushed
from helpers.course.verdict import Question, not_yet, passed

CLOSE = 0.002  # AUC, as it may be rounded
WORSE = 0.02  # AUC that the bad model loses at least
SETTINGS = ("n_steps", "learning_rate")
WRITTEN = ("unpinned-uses", "excessive-permissions", "template-injection", "artipacked")  # zizmor's, asked in the text
SWALLOWS = r"\|\|\s*(true\b|:|echo\b|exit 0)|\bset \+e\b|;\s*(true|exit 0)\b"


# --- the probes -----------------------------------------------------------------------------------------------------------


def probed(answer, rng, gather):
    """Evidence about the folder, as `gather(repository)` finds it; or why there is none."""
    if callable(answer) and type(answer).__name__ == "function":
        answer()
    folder = Path(answer) if isinstance(answer, (str, os.PathLike)) and str(answer) and Path(answer).is_dir() else None
    if folder is None:
        return {"cannot": "The answer is the folder of your repository, as text or as a Path. Yours is no folder."}
    files = pushed.files_of(folder)
    if "settings.json" not in files:
        return {"cannot": f"There is no settings.json in {folder.resolve().name}: the answer is the folder `repository`."}
    if not is_object(files["settings.json"]):
        return {"cannot": "settings.json is no JSON with names and values: the check changes some of its values."}
    if pushed.untouched(files):
        return ...
    try:
        found = pushed.repository(folder, rng)
        documents = pushed.documents(files)
        return {"plan": found.plan, "documents": documents, "stub": pushed.stub(files)} | gather(found, documents)
    except workflows.WorkflowError as error:
        return {"cannot": f"This cannot be checked here. {error}"}


def is_object(raw):
    try:
        return isinstance(json.loads(raw), dict)
    except ValueError:
        return False


def probe_logs(answer, rng):
    return probed(answer, rng, lambda found, _: {"pushes": push(found, {"first": as_asked, "bad": as_asked})})


def probe_stops(answer, rng):
    def gather(found, _):
        if pushed.stub(found.files):
            return {"pushes": {}}
        pushes = push(found, {"broken": stopped, "first": promoted, "bad": refused, "again": promoted})
        through = "bad" in pushes and not refused(pushes["bad"])
        return {"pushes": pushes, "gate": pushed.ask_gate(found.files) if through else {}}

    return probed(answer, rng, gather)


def probe_safe(answer, rng):
    def gather(found, documents):
        told = {"lint": pushed.lint(found.files, placed(documents))}
        fine = not careless(told | {"documents": documents})
        return told | {"pushes": push(found, {"first": trains}) if fine else {}}

    return probed(answer, rng, gather)


def push(found, wanted):
    """Push one after the other, until one is not as it is wanted."""
    pushes = {}
    for kind, fine in wanted.items():
        pushes[kind] = found.push(kind)
        if not fine(pushes[kind]):
            break
    return pushes


# --- what a push should give ----------------------------------------------------------------------------------------------


def green(push):
    return bool(push["runs"]) and all(run["passed"] for run in push["runs"])


def mine(push):
    """The run in the store that names the commit, or None."""
    return next((run for run in push["logged"] if is_commit(run["commit"], push["commit"])), None)


def is_commit(tag, commit):
    return isinstance(tag, str) and len(tag) >= 7 and commit.startswith(tag)


def trains(push):
    return bool(push["logged"])


def as_asked(push):
    return trains(push) and not not_logged(push, "") and not wrong_run(push)


def stopped(push):
    return bool(push["runs"]) and not green(push) and not push["logged"]


def promoted(push):
    return green(push) and any(run["id"] == push["champion"] for run in push["logged"])


def refused(push):
    return bool(push["logged"]) and not green(push) and all(run["id"] != push["champion"] for run in push["logged"])


# --- the workflow file, read ----------------------------------------------------------------------------------------------


def placed(documents):
    """The workflow files where GitHub looks for them."""
    return {name: each for name, each in documents.items() if re.fullmatch(r"\.github/workflows/[^/]+\.ya?ml", name)}


def jobs(evidence):
    for document in placed(evidence["documents"]).values():
        all_jobs = document.get("jobs") if isinstance(document, dict) else None
        for name, job in all_jobs.items() if isinstance(all_jobs, dict) else ():
            if isinstance(job, dict):
                yield name, job


def steps(evidence):
    for _, job in jobs(evidence):
        for step in job.get("steps") if isinstance(job.get("steps"), list) else ():
            if isinstance(step, dict):
                yield step


def commands(evidence):
    return "\n".join(str(step.get("run", "")) for step in steps(evidence))


def swallows(evidence):
    """How a step that fails is made to pass; "" where none is."""
    found = re.search(SWALLOWS, commands(evidence))
    parts = [*steps(evidence), *(job for _, job in jobs(evidence))]
    if any(str(part.get("continue-on-error", "false")) != "false" for part in parts):
        return "continue-on-error"
    return found[0].strip() if found else ""


def regardless(evidence):
    """The condition by which something runs though an earlier step has failed; "" where there is none."""
    parts = [*steps(evidence), *(job for _, job in jobs(evidence))]
    found = [str(part["if"]) for part in parts if re.search(r"always\(\)|failure\(\)|cancelled\(\)", str(part.get("if", "")))]
    return found[0] if found else ""


# --- what is said: of every push ------------------------------------------------------------------------------------------


def nothing_ran(evidence, push):
    """A verdict where a push started no run, or one that could not be run; None where one ran."""
    errors = [run["error"] for run in push["runs"] if run["error"]]
    if errors:
        return not_yet(f"The push started a run that could not go on: {errors[0]}.", "cannot run")
    if push["runs"]:
        return None
    told = next((line for line in push["told"] if line.startswith(pushed.ENDS)), "")
    if "The program" in told:
        return not_yet(f"This cannot be checked here. {told.removeprefix(pushed.ENDS)}")
    if not placed(evidence["documents"]):
        found = ", ".join(evidence["documents"]) or "no workflow at all"
        return not_yet(
            f"Nothing ran: workflows lie in .github/workflows and end in .yml or .yaml. In your folder there is {found}.",
            "wrong place",
        )
    return not_triggered(evidence, push)


def not_triggered(evidence, push):
    triggers = [document.get("on") for document in placed(evidence["documents"]).values() if isinstance(document, dict)]
    events = {event for on in triggers for event in ([on] if isinstance(on, str) else on or ())}
    head = f"A push to the branch {push['branch']} started nothing: "
    if "push" not in events:
        return not_yet(f"{head}your workflow is for {', '.join(sorted(events)) or 'nothing'}, not for push.", "not on a push")
    filters = next((on["push"] for on in triggers if isinstance(on, dict) and isinstance(on.get("push"), dict)), {})
    if "branches" in filters or "branches-ignore" in filters:
        text = f"{head}yours is for the branches {filters.get('branches') or filters.get('branches-ignore')}. Any branch is asked"
        return not_yet(f"{text}; the pattern '**' is every one, '*' leaves out those with a slash.", "not every branch")
    if "tags" in filters or "tags-ignore" in filters:
        return not_yet(f"{head}yours waits for a tag. Every push of a commit to a branch is asked.", "only on a tag")
    return not_yet(f"{head}its filters ({', '.join(filters)}) leave this commit out. Every push is asked.", "not every push")


def failing(push):
    """The step that failed and the end of what it said."""
    for run in push["runs"]:
        for steps in run["jobs"].values():
            for step in steps:
                if step["outcome"] == "failure":
                    return f'the step "{step["name"]}" failed; its log ends: {log_end(run["log"], step["name"])}'
    return "no step says why"


def log_end(log, name):
    """The last lines before a step failed."""
    lines = [re.sub(r"^\[[^\]]*\] ", "", line) for line in log.splitlines()]
    end = next((place for place, line in enumerate(lines) if line.startswith(f"{name}: failed")), len(lines))
    start = next((place for place in range(end - 1, -1, -1) if lines[place].startswith("> ")), -1)
    said = [line for line in lines[start + 1 : end] if line.strip() and not line.startswith("exitcode")]
    said = [
        line for line in said if not re.match(r"(error: )?exit(ed)? (status|code|with)|Error: Process completed", line)
    ] or said
    return said[-1][:200] if said else "it printed nothing"


def log_of(push):
    return "\n".join(run["log"] for run in push["runs"])


# --- 40.1: it trains and logs ---------------------------------------------------------------------------------------------


def judge_logs(evidence, rng):
    return judged(evidence, _judge_logs)


def judged(evidence, judge):
    """Whatever came: a judge that cannot read the evidence says so."""
    try:
        if evidence.get("cannot"):
            return not_yet(str(evidence["cannot"]))
        return judge(evidence)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return not_yet("The check could not read what your push left. Is it the folder `repository`?")


def _judge_logs(evidence):
    first = evidence["pushes"]["first"]
    verdict = nothing_ran(evidence, first) or not_logged(first, "A push") or wrong_run(first)
    if verdict:
        return verdict
    second = evidence["pushes"]["bad"]
    verdict = nothing_ran(evidence, second) or not_logged(second, "A second push, with one step of boosting in settings.json,")
    verdict = verdict or wrong_run(second) or not_trained_anew(first, second)
    return verdict or passed("Two pushes made two runs, each with its commit, its parameters and its model; the metric is real.")


def not_logged(push, what):
    """A verdict where the store got no run that names the commit."""
    if not push["logged"] and not green(push):
        return not_yet(f"{what} logged nothing: {failing(push)}", "a step fails")
    if not push["logged"]:
        return not_yet(f"{what} ran to its end, and there is no new run in the store of MLFLOW_TRACKING_URI.", "nothing logged")
    if mine(push) is None:
        tag = push["logged"][0]["commit"]
        came = "no tag `commit`" if tag is None else f"the tag `commit` {tag!r}"
        return not_yet(
            f"The run in the store has {came}; the commit that was pushed is {push['commit'][:12]}…: nobody could find the code. "
            "A workflow finds it in GITHUB_SHA.",
            "no commit",
        )
    return None


def wrong_run(push):
    """A verdict where the run that names the commit is not as asked."""
    run, wanted = mine(push), push["settings"]
    for name in SETTINGS:
        if not same(run["params"].get(name), wanted[name]):
            came = run["params"].get(name, "absent")
            told = f"settings.json of the pushed commit has {name} {wanted[name]}; the parameter of the run is {came}."
            return not_yet(told, "other parameters")
    if run["model"] != "there":
        told = "has no file model.onnx" if run["model"] == "absent" else f"has a model.onnx that cannot be used: {run['model']}"
        return not_yet(f"The run in the store {told}: nobody could serve it, nor score it again.", "no model")
    if run["auc"] is None:
        return not_yet("The run in the store has no metric `auc`.", "no metric")
    if abs(run["auc"] - run["real"]) <= CLOSE:
        return None
    head = f"The run says auc {run['auc']:.3f}; its model has {run['real']:.3f} on the flights of the test months."
    if abs(run["auc"] - run["training"]) <= CLOSE:
        return not_yet(f"{head} {run['training']:.3f} is what it has on the flights that it was trained on.", "training AUC")
    if run["typed"]:
        return not_yet(f"{head} {run['auc']:g} stands in your files: a number that is typed in measures nothing.", "typed in")
    return not_yet(f"{head} Is it of another model, or of other flights?", "another AUC")


def same(came, wanted):
    try:
        return abs(float(came) - float(wanted)) < 1e-9
    except (TypeError, ValueError):
        return False


def not_trained_anew(first, second):
    if mine(second)["real"] > mine(first)["real"] - WORSE:
        return not_yet(
            f"The second commit asks for one step of boosting and its model is as good as the first one, with "
            f"{first['settings']['n_steps']} steps. Is it trained anew, with what settings.json says?",
            "not trained anew",
        )
    return None


# --- 40.2: it stops what must be stopped ----------------------------------------------------------------------------------


def judge_stops(evidence, rng):
    return judged(evidence, _judge_stops)


def _judge_stops(evidence):
    if evidence["stub"]:
        return not_yet(f"gate.py: {evidence['stub']} is still to be written.", "unfinished")
    pushes = evidence["pushes"]
    for kind, judge in {"broken": not_stopped, "first": first_refused, "bad": let_through, "again": again_refused}.items():
        verdict = nothing_ran(evidence, pushes[kind]) or judge(evidence, pushes[kind])
        if verdict:
            return verdict
    return passed("A failing test and a bad model were stopped; the first model and one as good as the champion were promoted.")


def not_stopped(evidence, push):
    """Of a commit with a test that fails."""
    if stopped(push):
        return None
    head = "The check added tests/test_broken.py, which fails"
    logged = "a model was trained and logged all the same" if push["logged"] else "the run is green all the same"
    if not re.search(r"pytest|unittest|\btests?\b", commands(evidence)):
        return not_yet(f"{head}; no step of your workflow runs the tests.", "no tests")
    if not green(push):
        return not_yet(f"{head}; the run is red, and {logged}: the tests have to come before the training.", "tests too late")
    if swallows(evidence):
        return not_yet(f"{head}; {logged}: `{swallows(evidence)}` hides the failure.", "failure swallowed")
    if "test_broken" not in log_of(push) and "broken on purpose" not in log_of(push):
        return not_yet(f"{head}; {logged}: it was not run. All that lies in tests is asked.", "not all tests")
    return not_yet(f"{head}; {logged}. A step that fails has to end the job.", "failure swallowed")


def first_refused(evidence, push):
    """Of the first good model, while there is no champion."""
    if promoted(push):
        return None
    if not push["logged"]:
        return not_logged(push, "A push")
    if not green(push):
        if "gate" in failing(push).split("failed;")[0].lower():
            return not_yet(f"While there is no champion, any model passes. Yours stops: {failing(push)}", "first refused")
        return not_yet(f"A good first model is to be promoted. Yours stops: {failing(push)}", "a step fails")
    if push["champion"] is None:
        return not_yet("The run of a good first model is green, and no model has the alias champion.", "nothing promoted")
    return not_yet("After the push of a good first model another model is the champion.", "nothing promoted")


def let_through(evidence, push):
    """Of a bad model, while a good one is the champion."""
    if refused(push):
        return None
    if not push["logged"]:
        told = "The bad model is to be on record as well, as refused: log before the gate. " if not green(push) else ""
        return not_yet(f"{told}A push of a bad model logged nothing: {failing(push)}", "refused model not logged")
    moved = any(run["id"] == push["champion"] for run in push["logged"])
    bad = "A model of one step of boosting, far worse than the champion,"
    if not green(push):
        if regardless(evidence):
            told = f"{bad} was refused, the run is red, and it was promoted all the same: `if: {regardless(evidence)}`."
            return not_yet(told, "promoted regardless")
        return not_yet(f"{bad} was refused, and it is the champion: it was promoted before the gate.", "promoted before the gate")
    what = "promoted" if moved else "refused"
    if swallows(evidence):
        told = f"{bad} was {what}, and the run is green: `{swallows(evidence)}` hides the refusal."
        return not_yet(told, "failure swallowed")
    if not moved:
        return not_yet(f"{bad} was refused, and the run is green: nobody would notice. It has to end red.")
    return no_gate(evidence, bad)


def no_gate(evidence, bad):
    """Why a bad model got through a gate that nothing bypasses."""
    asked, text = evidence["gate"], commands(evidence)
    scripts = re.findall(r"[\w./-]+\.(?:py|sh)\b", text)
    head = f"{bad} was promoted."
    if "gate" not in text and set(scripts) <= {"training.py"}:
        return not_yet(f"{head} No step of your workflow asks the gate.", "no gate")
    if asked == {"better": False, "worse": True}:
        told = "Asked by itself, your may_replace refuses a better model and lets a worse one through: it compares the wrong way."
        return not_yet(f"{head} {told}", "wrong way")
    if asked.get("worse"):
        return not_yet(f"{head} Asked by itself, your may_replace lets a far worse model through.", "always open")
    fetched, made = text.rfind("champion"), text.find("promote")
    if "gate.py" in text and 0 <= made < fetched:
        told = "The champion is fetched after the new model has been promoted: the gate compares the new model with itself."
        return not_yet(f"{head} {told}", "with itself")
    return not_yet(f"{head} What does your gate compare it with? Nothing stopped the job.", "always open")


def again_refused(evidence, push):
    """Of a model that is the champion's twin."""
    if promoted(push):
        return None
    if not push["logged"]:
        return not_logged(push, "A commit that changes nothing about the model")
    if not green(push):
        told = "A commit that changes nothing about the model gives one as good as the champion, and it has to pass."
        return not_yet(f"{told} Yours stops: {failing(push)}", "has to be better")
    return not_yet("A second good model passed, and the alias champion still names the first.", "nothing promoted")


# --- 40.3: it is safe -----------------------------------------------------------------------------------------------------


def judge_safe(evidence, rng):
    return judged(evidence, _judge_safe)


def _judge_safe(evidence):
    if not placed(evidence["documents"]):
        return nothing_ran(evidence, {"runs": [], "told": [], "branch": ""})
    verdict = careless(evidence)
    if verdict:
        return verdict
    push = evidence["pushes"]["first"]
    verdict = nothing_ran(evidence, push) or leaked(push, evidence["plan"]["token"])
    if not verdict and not green(push):
        verdict = not_yet(
            f"The file is in order; its log can be judged when a push runs to its end: {failing(push)}", "a step fails"
        )
    return verdict or passed("Few rights, actions that cannot change under you, a time limit, and no secret in the log.")


LINTED = {
    "schema": ("GitHub could not read it", "no workflow"),
    "unpinned-uses": ("An action that is not pinned to a commit can change under you", "unpinned action"),
    "excessive-permissions": ("`permissions:` and under it `contents: read` is all that it needs", "too many rights"),
    "template-injection": ("Give the step an env variable, and read that", "template injection"),
    "artipacked": ("`persist-credentials: false` keeps the token out of the checkout", "credentials kept"),
}


def careless(evidence):
    """A verdict on the file alone; None where it is in order."""
    found = {each["rule"]: each for each in reversed(evidence["lint"]) if each["rule"] in LINTED}
    for rule, (remedy, misconception) in LINTED.items():
        if rule in found:
            line = f"Line {found[rule]['line']}: " if found[rule]["line"] else ""
            return not_yet(f"{line}{found[rule]['message']} ({found[rule]['tool']}, {rule}). {remedy}.", misconception)
    rights = [part.get("permissions") for part in [*placed(evidence["documents"]).values(), *(job for _, job in jobs(evidence))]]
    given = [f"{name}: {value}" for each in rights if isinstance(each, dict) for name, value in each.items() if value == "write"]
    given += [each for each in rights if isinstance(each, str) and each not in ("", "read-all")]
    if given:
        told = f"The workflow may {given[0]}; it only reads: `permissions:` and under it `contents: read`."
        return not_yet(told, "too many rights")
    for name, job in jobs(evidence):
        minutes = str(job.get("timeout-minutes", ""))
        if "uses" not in job and not (minutes.isdigit() and 0 < int(minutes) <= 30):
            came = f"timeout-minutes {minutes}" if minutes else "no timeout-minutes"
            return not_yet(
                f"The job {name} has {came}: at most 30 is asked, or a job that hangs goes on for 6 hours.", "no time limit"
            )
    return None


def leaked(push, token):
    """A verdict where the secret, or what it can be made from, is in the log or the summary."""
    text = "\n".join(
        re.sub(r"^\[[^\]]*\] ", "", line) for run in push["runs"] for line in (run["log"] + run["summary"]).splitlines()
    )
    if token in text:
        return not_yet("The secret STORE_TOKEN is in the log, for all to read.", "secret printed")
    bare = re.sub(r"[^a-z0-9]", "", text.lower())
    for how, needle in disguised(token):
        if re.sub(r"[^a-z0-9]", "", needle.lower()) in bare:
            told = f"The secret STORE_TOKEN is in the log, {how}: a mask may not know this form, and here it did not."
            return not_yet(told, "secret encoded")
    if "***" in text:
        line = next(line for line in text.splitlines() if "***" in line)
        return not_yet(
            f"A step prints the secret STORE_TOKEN, in the line {line[:80]!r}. It was masked this time; encoded, or cut in two, "
            "it may not be. Print no secret.",
            "secret printed",
        )
    return None


def disguised(token):
    """How a secret can look that a log may not mask."""
    raw = token.encode()
    yield "as hex", raw.hex()
    yield "reversed", token[::-1]
    for shift, start in enumerate((0, 2, 3)):  # what stands before it moves the groups of base64
        yield "as base64", base64.b64encode(b"=" * shift + raw).decode()[start:-4]
    yield "with something between its characters", token
    yield "in part", token[:10]
    yield "in part", token[-10:]


# --- the questions ----------------------------------------------------------------------------------------------------------

FOLDER = "solutions/40_github_action/repository"
WORKFLOW = f"{FOLDER}/.github/workflows/train.yml"

QUESTIONS = {
    "40.1": Question(
        title="A push trains and logs",
        probe=probe_logs,
        judge=judge_logs,
        hints=(
            "`on: push` alone is for every branch. A job has `runs-on: ubuntu-latest` and a list of `steps`; a step is `uses:` "
            "(an action, such as the checkout) or `run:` (a command).",
            "The step that logs needs the secret in its environment: `env:` with `STORE_TOKEN: ${{ secrets.STORE_TOKEN }}`. "
            "MLFLOW_TRACKING_URI is there already.",
            'The commit that was pushed is in the variable GITHUB_SHA: `python training.py train log --commit "$GITHUB_SHA"`.',
        ),
        notebook=WORKFLOW,
        misconceptions=(
            "wrong place",
            "cannot run",
            "not on a push",
            "not every branch",
            "only on a tag",
            "not every push",
            "a step fails",
            "nothing logged",
            "no commit",
            "other parameters",
            "no model",
            "no metric",
            "training AUC",
            "typed in",
            "another AUC",
            "not trained anew",
        ),
    ),
    "40.2": Question(
        title="It stops what must be stopped",
        probe=probe_stops,
        judge=judge_stops,
        hints=(
            "The order of the steps: tests, train and log, fetch the champion, gate, promote. A step that ends with another code "
            "than 0 ends the job; leave it at that.",
            "may_replace: where champion is None any model passes; else compare the difference of the two AUCs, new minus "
            "champion, with -margin.",
            "`return modeling.compare_auc(y, new, champion, n=0)[0] >= -margin`; `python training.py champion` before the gate; "
            "`python training.py promote` as the last step.",
        ),
        notebook=f"{FOLDER}/gate.py",
        misconceptions=(
            "unfinished",
            "no tests",
            "tests too late",
            "failure swallowed",
            "not all tests",
            "first refused",
            "a step fails",
            "nothing promoted",
            "refused model not logged",
            "promoted regardless",
            "promoted before the gate",
            "no gate",
            "wrong way",
            "always open",
            "with itself",
            "has to be better",
            "not on a push",
        ),
    ),
    "40.3": Question(
        title="It is safe",
        probe=probe_safe,
        judge=judge_safe,
        hints=(
            "`permissions:` and under it `contents: read`, at the top of the file; `timeout-minutes: 15` beside `runs-on`.",
            "An action is pinned by `uses: owner/name@` and the 40 digits of a commit; the version goes into a comment.",
            "`actions/checkout` has `with:` and under it `persist-credentials: false`. No `${{ }}` in a `run:`: the value goes"
            ' into `env:` and is read in the script as "$NAME"; a secret too, and nothing prints it.',
        ),
        notebook=WORKFLOW,
        misconceptions=(
            "wrong place",
            "no workflow",
            "unpinned action",
            "too many rights",
            "template injection",
            "credentials kept",
            "no time limit",
            "secret printed",
            "secret encoded",
            "a step fails",
        ),
    ),
}
