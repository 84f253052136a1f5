"""The questions of 42c, Jenkins and MLflow Projects: what a Jenkinsfile does, a project that runs, a Jenkinsfile made right."""

import ast
import contextlib
import logging
import os
import re
import sysconfig
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from helpers.course.bank.stores import fresh_store
from helpers.course.verdict import Question, not_yet, passed

# --- reading a Jenkinsfile: as in the lesson ------------------------------------------------------------------------------

CALLS = ["method_invocation", "juxt_function_call", "assignment_expression", "local_variable_declaration"]


def parse(text):
    """The syntax tree of Groovy text."""
    import tree_sitter_groovy
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_groovy.language())).parse(text.encode("utf-8", "replace")).root_node


def value(node):
    """A text as Groovy means it, of anything else its source."""
    source = node.text.decode("utf-8", "replace")
    try:
        return str(ast.literal_eval(source.replace("\\$", "$"))) if source[:1] in ("'", '"') else source
    except (SyntaxError, ValueError):
        return source


def call(node):
    """The name, texts, options and block of a call."""
    name, *rest = node.named_children or [node]
    found = SimpleNamespace(name=name.text.decode("utf-8", "replace"), args=[], named={}, body=None, node=node)
    for part in [item for each in rest for item in (each.named_children if "_list" in each.type else [each])]:
        if part.type == "closure":
            found.body = part
        elif part.type == "map_item" and len(part.named_children) == 2:
            found.named[part.named_children[0].text.decode("utf-8", "replace")] = value(part.named_children[1])
        else:
            found.args.append(value(part))
    return found


def calls(node):
    """The calls that stand in a block."""
    found = []
    for child in node.named_children if node else []:
        found += [call(child)] if child.type in CALLS else calls(child)
    return found


def every(node, name):
    """All calls of a name, however deep."""
    return [hit for each in calls(node) for hit in ([each] if each.name == name else []) + every(each.body, name)]


def block(node, name):
    """The first call of a name, or an empty one."""
    empty = SimpleNamespace(name=name, args=[], named={}, body=None, node=None)
    return next((each for each in calls(node) if each.name == name), empty)


def script(step):
    """The text of an `sh` step."""
    return step.named.get("script") or (step.args[0] if step.args else "")


# --- 42c.1: what a Jenkinsfile does ---------------------------------------------------------------------------------------

QUOTES = ("'", '"', "'''", '"""')


def pipelines(rng):
    """Pipelines as lists of stages: a name and either inner stages or steps; a step is (kind, lines, form, quote, wrapped)."""
    made = [_pipeline(rng) for _ in range(4)]
    made.append([{"name": "only", "steps": [("sh", ["make"], "plain", "'", None)], "post": None}])
    return made


def _pipeline(rng):
    n = iter(rng.permutation(900) + 100)
    simple = [_step(n, "plain", quote) for quote in QUOTES]
    forms = [_step(n, "paren", "'"), _step(n, "named", '"'), _step(n, "options", "'")]
    hidden = [("comment", [f"make old{next(n)}"], "plain", "'", None), ("comments", [f"make older{next(n)}"], "plain", "'", None)]
    deep = [_step(n, "plain", "'", wrapped) for wrapped in ("script", "retry(3)", "if")]
    quiet = [("echo", [f"all is well {next(n)}"], "plain", "'", None)]
    groups = [simple + hidden[:1], forms + hidden[1:], deep + quiet, quiet]
    groups = [[steps[i] for i in rng.permutation(len(steps))] for steps in groups]
    stages = [{"name": f"stage {next(n)}", "steps": steps, "post": None} for steps in groups]
    stages[1]["post"] = [f"make report{next(n)}"]
    inner = [{"name": f"outer {next(n)}", "stages": stages[:2], "post": [f"make notes{next(n)}"]}, *stages[2:]]
    return [inner[i] for i in rng.permutation(len(inner))]


def _step(n, form, quote, wrapped=None):
    lines = [f"python step{next(n)}.py --to http://127.0.0.1:{next(n)}/x", f"make part{next(n)} # {{all}}"]
    return ("sh", lines if len(quote) == 3 else lines[:1], form, quote, wrapped)


def written(stages):
    """A pipeline as a Jenkinsfile."""
    body = "\n".join(_stage(stage) for stage in stages)
    return f"pipeline {{\n  agent any\n  stages {{\n{body}\n  }}\n  post {{\n    always {{ sh 'make end' }}\n  }}\n}}\n"


def _stage(stage):
    post = "\n".join(f"      sh '{line}'" for line in stage["post"] or [])
    post = f"    post {{\n      always {{\n{post}\n      }}\n    }}\n" if post else ""
    if "stages" in stage:
        body = "    stages {\n" + "\n".join(_stage(inner) for inner in stage["stages"]) + "\n    }\n"
    else:
        body = "    steps {\n" + "\n".join(_written_step(*step) for step in stage["steps"]) + "\n    }\n"
    return f"  stage('{stage['name']}') {{\n{body}{post}  }}"


def _written_step(kind, lines, form, quote, wrapped):
    text = quote + (f"\n        {lines[0]}\n\n        {lines[-1]}\n      " if len(quote) == 3 else lines[0]) + quote
    name = "echo" if kind == "echo" else "sh"
    step = {"plain": f"{name} {text}", "paren": f"{name}({text})", "named": f"{name}(script: {text}, label: 'work')"}
    line = step.get(form, f"{name} label: 'work', script: {text}")
    line = {"comment": f"// {line}", "comments": f"/* {line} */"}.get(kind, line)
    if wrapped == "if":
        line = f"script {{ if (true) {{ {line} }} }}"
    return f"      {wrapped} {{ {line} }}" if wrapped and wrapped != "if" else f"      {line}"


def probe_commands(answer, rng):
    return {"commands": [answer(written(stages)) for stages in pipelines(rng)]}


def commands(stages, *, kinds=("sh",), forms=None, quotes=QUOTES, deep=True, whole=False, outer=False, post=False, empty=True):
    """The oracle: the pipeline as it was made, never read. Each keyword is a twist behind a misconception."""
    found = {}
    for stage in stages:
        twist = {"kinds": kinds, "forms": forms, "quotes": quotes, "deep": deep, "whole": whole, "post": post, "empty": empty}
        inner = commands(stage.get("stages", []), outer=outer, **twist)
        lines = [line for lines in inner.values() for line in lines]
        for kind, texts, form, quote, wrapped in stage.get("steps", []):
            if kind in kinds and (not forms or form in forms) and quote in quotes and (deep or not wrapped):
                lines += [" ".join(texts)] if whole else texts
        lines += stage["post"] or [] if post else []
        if ("steps" in stage or outer) and (lines or empty):
            found[stage["name"]] = lines
        found |= inner
    return found


COMMAND_TWISTS = {
    "comments count": (dict(kinds=("sh", "comment", "comments")), "Yours takes a step in a comment for a step. It is not run."),
    "line comments count": (dict(kinds=("sh", "comment")), "Yours takes a step behind `//` for a step. It is not run."),
    "block comments count": (dict(kinds=("sh", "comments")), "Yours takes a step inside `/* */` for a step. It is not run."),
    "post counts": (dict(post=True), "Yours counts what stands in a stage's `post`. Only the commands in `steps` are asked."),
    "not deep": (
        dict(deep=False),
        "Yours sees only what stands directly in `steps`. An `sh` inside `script { }` or `retry(3) { }` is run, too.",
    ),
    "outer stages": (
        dict(outer=True),
        "Yours gives a stage that only holds other stages the commands of those. It has no `steps`, so it is left out.",
    ),
    "no options": (
        dict(forms=("plain", "paren")),
        "Yours misses `sh(script: '...', label: '...')`: there the command is an option of the call.",
    ),
    "a text is one": (
        dict(whole=True),
        "Yours keeps a text of several lines together. Each line that is not empty is a command.",
    ),
    "single quotes only": (dict(quotes=("'", "'''")), "Yours misses commands in double quotes."),
    "empty stages left out": (
        dict(empty=False),
        "Yours leaves out a stage whose `steps` run no command. It is there, with an empty list.",
    ),
    "echo counts": (dict(kinds=("sh", "echo")), "Yours counts `echo` steps. Only `sh` is a command."),
}


def judge_commands(evidence, rng):
    cases, got = pipelines(rng), evidence.get("commands")
    want = [commands(stages) for stages in cases]
    if got == want:
        return passed()
    if not isinstance(got, list) or len(got) != len(want) or not all(isinstance(each, dict) for each in got):
        return not_yet("Return a dict: the name of each stage that has `steps`, and the list of its commands.")
    tidy = [{name: _tidy(lines) for name, lines in each.items()} for each in got]
    for name, (twist, message) in COMMAND_TWISTS.items():
        if tidy == [{key: _tidy(lines) for key, lines in commands(stages, **twist).items()} for stages in cases]:
            return not_yet(message, name)
    w, g = next((w, g) for w, g in zip(want, got, strict=True) if w != g)
    if set(w) != set(g):
        return not_yet(
            f"The stages with `steps` are {', '.join(sorted(w))}; yours gives {', '.join(map(str, sorted(g))) or 'none'}."
        )
    name = next(name for name in w if w[name] != g[name])
    return not_yet(f"The commands of {name!r} are {w[name]}; yours are {g[name]!r}.")


def _tidy(lines):
    """What is told by a misconception does not hang on blanks."""
    return [" ".join(str(line).split()) for line in lines] if isinstance(lines, list) else lines


# --- 42c.2: a project that runs -------------------------------------------------------------------------------------------

CLEAN = """import argparse
options = argparse.ArgumentParser()
options.add_argument("--month", type=int, required=True)
options.add_argument("--to", required=True)
given = options.parse_args()
if not 1 <= given.month <= 12:
    raise SystemExit(f"there is no month {given.month}")
open(given.to, "w").write(f"month {given.month}")
"""
FIT = """import argparse
options = argparse.ArgumentParser()
options.add_argument("--data", required=True)
options.add_argument("--rate", type=float, required=True)
given = options.parse_args()
open("model.txt", "w").write(f"{open(given.data).read()}, rate {given.rate}")
"""
ASKED = {  # parameters: kind and default, None where there is none
    "clean": {"month": ("float", None), "to": ("string", "data.txt")},
    "fit": {"data": ("string", "data.txt"), "rate": ("float", "0.1")},
    "main": {"month": ("float", None), "rate": ("float", "0.1")},
}


def drawn(rng):
    return int(rng.integers(1, 13)), round(float(rng.uniform(0.2, 0.9)), 2), f"flights of {int(rng.integers(2000, 2100))}.txt"


def probe_project(answer, rng):
    from mlflow.projects.utils import load_project

    text, (month, rate, to) = answer(), drawn(rng)
    if not isinstance(text, str):
        return {"kind": type(text).__name__}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _quiet(), fresh_store() as (client, experiment):
        here = Path(folder)
        for name, content in {"clean.py": CLEAN, "fit.py": FIT, "MLproject": text}.items():
            (here / name).write_text(content, encoding="utf-8")
        try:
            points = load_project(folder)._entry_points
            known = {name: {p.name: (p.type, p.default) for p in point.parameters.values()} for name, point in points.items()}
            told = {name: str(points[name].command) for name in points}
        except Exception as error:  # whatever a file of the learner's does to the reader
            return {"unreadable": f"{type(error).__name__}: {error}"[:200]}
        if any(_fault(name, known.get(name), asked) for name, asked in ASKED.items()):
            return {"parameters": known, "commands": told, "runs": {}}  # nothing that could be run as asked
        runs = {
            "clean": _run(client, experiment, here, "clean", {"month": month, "to": to}, to),
            "main": _run(client, experiment, here, "main", {"month": month, "rate": rate}, "model.txt"),
            "fit": _run(client, experiment, here, "fit", {"data": to}, "model.txt"),
            "broken": _run(client, experiment, here, "main", {"month": 13}, "model.txt"),
        }
    return {"parameters": known, "commands": told, "runs": runs}


def _run(client, experiment, here, entry_point, parameters, makes):
    """What came of one run, and what is on record."""
    import mlflow

    (here / makes).unlink(missing_ok=True)
    settings = {"env_manager": "local", "experiment_id": experiment}
    try:
        mlflow.projects.run(str(here), entry_point, parameters=parameters, **settings)
        error = None
    except Exception as raised:  # such as an entry point that is not there
        error = str(raised)[:200]
    made = (here / makes).read_text(encoding="utf-8", errors="replace") if (here / makes).is_file() else None
    runs = client.search_runs([experiment], order_by=["start_time DESC"], max_results=1)
    params = dict(runs[0].data.params) if runs else {}
    return {"error": error, "made": made, "params": params}


@contextlib.contextmanager
def _quiet():
    """Programs find this environment's Python, and what they print goes nowhere: not even to the notebook."""
    logger = logging.getLogger("mlflow")
    level, kept = logger.level, [os.dup(1), os.dup(2)]
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    with Path(os.devnull).open("wb") as nowhere, mock.patch.dict(os.environ, PATH=path):
        try:
            logger.setLevel(logging.CRITICAL)
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)
            logger.setLevel(level)


def judge_project(evidence, rng):
    month, rate, to = drawn(rng)
    if "parameters" not in evidence:
        what = evidence.get("unreadable") or f"mlproject() gave {evidence.get('kind')}, not a text"
        return not_yet(f"MLflow cannot read it: {what}.")
    known, told, runs = (evidence[key] for key in ("parameters", "commands", "runs"))
    for name, asked in ASKED.items():
        fault = _fault(name, known.get(name), asked)
        if fault:
            return not_yet(*fault)
    if re.search(r"['\"]\{\w+\}['\"]", " ".join(told.values())):
        return not_yet(
            "Your command puts quotes around a `{parameter}`. MLflow itself puts a value in quotes where that is needed; with "
            f"yours around them a value with a space, such as {to!r}, falls into pieces.",
            "quoted twice",
        )
    if re.search(r"\$\{?\w+|\{\{", " ".join(told.values())):
        return not_yet("In an MLproject a parameter is written `{rate}`: neither `$rate` nor `{{rate}}`.", "another spelling")
    if runs["broken"]["made"] is not None:
        return not_yet(
            "With month 13 `clean` fails, and yours fits a model all the same, on the data of another run. Join the two so that "
            "the second runs only if the first went well: `&&`.",
            "goes on after a failure",
        )
    wanted = {"clean": f"month {month}", "main": f"month {month}, rate {rate}", "fit": f"month {month}, rate 0.1"}
    for name, text in wanted.items():
        if runs[name]["error"] or runs[name]["made"] != text:
            got = runs[name]["made"] or "nothing"
            return not_yet(f"A run of `{name}` should write {text!r}; yours wrote {got!r}. Is each parameter handed on?")
    if runs["main"]["params"] != {"month": str(month), "rate": str(rate)}:
        return not_yet(f"On record of the run of `main` are {runs['main']['params']}; wanted are month and rate.")
    return passed("The commands ran by `mlflow run`, and their parameters are on record.")


def _fault(name, got, asked):
    """The reason, and the misconception, where an entry point's parameters are not as asked."""
    if got is None:
        return f"There is no entry point `{name}`.", None
    for key, (kind, default) in asked.items():
        if key not in got:
            return f"The entry point `{name}` has no parameter `{key}`.", None
        its_kind, its_default = got[key]
        if default is None and its_default is not None:
            reason = (
                f"`{key}` of `{name}` has a default. Forgotten, it would be another month, in silence: it has to be asked for."
            )
            return reason, "a default for what must be given"
        if default is not None and str(its_default) != default:
            reason = f"`{key}` of `{name}` should have the default {default}; yours has {its_default}."
            return reason, "no default" if its_default is None else None
        if its_kind != kind:
            return f"`{key}` of `{name}` should be of the kind {kind}; yours is {its_kind}.", "kind"
    extra = sorted(set(got) - set(asked))
    return (f"The entry point `{name}` has parameters that nobody asked for: {', '.join(extra)}.", None) if extra else None


# --- 42c.3: a Jenkinsfile made right --------------------------------------------------------------------------------------

BROKEN = """pipeline {
    agent { label 'python' }
    parameters {
        string(name: 'MONTHS', defaultValue: '1', description: 'such as 1 2')
    }
    environment {
        REGISTRY_TOKEN = 'abc123'
    }
    stages {
        stage('train') {
            steps {
                sh "python train.py --months ${params.MONTHS}"
            }
        }
        stage('gate') {
            steps {
                sh 'echo $REGISTRY_TOKEN && python gate.py'
            }
        }
        stage('promote') {
            steps {
                sh 'python promote.py'
            }
        }
        stage('report') {
            steps {
                sh 'python report.py'
            }
        }
    }
}
"""
KEPT = {"train": ["python train.py --months $MONTHS"], "gate": ["python gate.py"], "promote": ["python promote.py"]}


def probe_mended(answer, rng):
    text = answer()
    return {"text": text} if isinstance(text, str) else {"kind": type(text).__name__}


def judge_mended(evidence, rng):
    text = evidence.get("text")
    if not isinstance(text, str):
        return not_yet(f"mended() should give the text of a Jenkinsfile; it gave {evidence.get('kind')}.")
    root = parse(text)
    if root.has_error or [each.name for each in calls(root)] != ["pipeline"]:
        return not_yet("This is no declarative pipeline that can be read: look for a brace or a quote that is missing.")
    pipeline = block(root, "pipeline").body
    for rule in (_no_secret, _no_interpolation, _timeout, _report, _stages, _main_only):
        fault = rule(pipeline, text)
        if fault:
            return not_yet(*fault)
    return passed("Valid, and nothing in it that one would regret.")


def _no_secret(pipeline, text):
    if "abc123" in text:
        return "The token still stands in the file in plain text, for everyone who can read it.", "plain secret"
    lines = [line for env in every(pipeline, "environment") for line in calls(env.body) if line.name == "REGISTRY_TOKEN"]
    bound = [
        each.node.text.decode("utf-8", "replace")
        for each in every(pipeline, "withCredentials")
        if "gate.py" in str(each.node.text)
    ]
    named = [re.fullmatch(r"credentials\(\s*(['\"])registry-token\1\s*\)", "".join(line.args)) for line in lines]
    if not any(named) and not any("'registry-token'" in text and "'REGISTRY_TOKEN'" in text for text in _single(bound)):
        return (
            "REGISTRY_TOKEN should be `credentials('registry-token')`, under `environment`: the gate still needs it.",
            "token lost",
        )
    if any(re.search(r"\b(echo|printenv|printf|env)\b", script(step)) for step in every(pipeline, "sh")) or every(
        pipeline, "echo"
    ):
        return "A step still prints. The log is read by many, and masking does not hide every form.", "prints the secret"
    return None


def _single(texts):
    return [text.replace('"', "'") for text in texts]


def _no_interpolation(pipeline, text):
    for step in every(pipeline, "sh"):
        if any(re.search(r"(?<!\\)\$[\w{]", literal) for literal in _double_quoted(step.node)):
            reason = "Groovy still fills a text into an `sh`: what somebody types as MONTHS would be run. Leave it to the shell."
            return reason, "interpolation"
        if "params." in script(step):
            return (
                "In single quotes the shell reads `params.MONTHS`, which it does not know: a parameter is `$MONTHS` to it.",
                "params",
            )
    return None


def _double_quoted(node):
    """The texts that Groovy fills in."""
    source = node.text.decode("utf-8", "replace")
    if node.type == "string_literal":
        return [source] if source.startswith('"') else []
    return [literal for child in node.children for literal in _double_quoted(child)]


def _timeout(pipeline, text):
    if [
        each
        for each in calls(block(pipeline, "options").body)
        if each.name == "timeout" and (each.args or each.named.get("time"))
    ]:
        return None
    return "The pipeline has no `options { timeout(...) }`: a command that hangs would hold the machine for ever.", "no timeout"


def _report(pipeline, text):
    stages = [
        stage.args[0]
        for stage in every(pipeline, "stage")
        if stage.args and "report.py" in stage.node.text.decode("utf-8", "replace")
    ]
    events = {
        each.name
        for each in calls(block(pipeline, "post").body)
        for step in every(each.body, "sh")
        if "report.py" in script(step)
    }
    if stages:
        return (
            "The report still hangs on a stage. It belongs to the `post` of the pipeline, which comes after all of them.",
            "a stage",
        )
    if events & {"always", "cleanup"}:
        return None
    if events:
        return (
            f"The report is written on `{', '.join(sorted(events))}` only. It is asked for whatever happened: `always`.",
            "not always",
        )
    return "Nothing writes the report: `sh 'python report.py'` under `post { always { ... } }`.", None


def _stages(pipeline, text):
    if not block(pipeline, "agent").body and not block(pipeline, "agent").args:
        return "There is no `agent` any more: on which machine?", None
    stages = {stage.args[0]: stage for stage in calls(block(pipeline, "stages").body) if stage.name == "stage" and stage.args}
    if list(stages) != list(KEPT):
        return f"The stages should be {', '.join(KEPT)}, in this order; yours are {', '.join(stages) or 'none'}.", None
    for name, stage in stages.items():
        steps = [" ".join(_plain(script(step)).split()) for step in every(block(stage.body, "steps").body, "sh")]
        if steps != KEPT[name]:
            return f"The commands of {name!r} should be {KEPT[name]}; yours are {steps}.", None
    return None


def _plain(text):
    """The same command: with quotes around the setting or braces in it."""
    return re.sub(r"[\"']?\$\{?MONTHS\}?[\"']?", "$MONTHS", text)


def _main_only(pipeline, text):
    guarded = []
    for stage in calls(block(pipeline, "stages").body):
        when = block(stage.body, "when").body
        loose = every(when, "not") + every(when, "anyOf")
        branches = [name for test in every(when, "branch") for name in [*test.args, *test.named.values()]]
        if "main" in branches and not loose:
            guarded.append(stage.args[0])
    if "promote" not in guarded:
        reason = "Every branch may still promote its model. Let the stage promote run on main only: by `branch`, in its `when`."
        return reason, "promotes anywhere"
    if guarded != ["promote"]:
        return "Only promote is for main alone. The other branches want to be trained and judged, too.", "all on main"
    return None


QUESTIONS = {
    "42c.1": Question(
        title="what a Jenkinsfile does",
        probe=probe_commands,
        judge=judge_commands,
        hints=(
            "`every(parse(text), 'stage')` gives all stages, however deep. Which of them have a block `steps`?",
            "`every(block(stage.body, 'steps').body, 'sh')` gives the commands of one stage, also those in `script { }`. "
            "For a stage without `steps`, `block` gives None.",
            "The text of a step is `step.named.get('script') or step.args[0]`; its commands are its lines, stripped, without the "
            "empty ones.",
        ),
        notebook="solutions/42c_jenkins_and_mlflow_projects.ipynb",
        misconceptions=tuple(COMMAND_TWISTS),
    ),
    "42c.2": Question(
        title="a project that runs",
        probe=probe_project,
        judge=judge_project,
        hints=(
            "Under `entry_points:` each name has `parameters:` and a `command:`. A parameter without a default is written "
            "`month: float`.",
            "With a default: `rate: {type: float, default: 0.1}`. In the command it is `{rate}`, without quotes.",
            "`main` is `python clean.py ... && python fit.py ...`: two commands, the second only if the first went well.",
        ),
        notebook="solutions/42c_jenkins_and_mlflow_projects.ipynb",
        misconceptions=(
            "a default for what must be given",
            "no default",
            "kind",
            "quoted twice",
            "another spelling",
            "goes on after a failure",
        ),
    ),
    "42c.3": Question(
        title="a Jenkinsfile made right",
        probe=probe_mended,
        judge=judge_mended,
        hints=(
            "Go through the list: each point changes one or two lines. The lesson's Jenkinsfile has an example of nearly all.",
            "`options { timeout(time: 1, unit: 'HOURS') }` stands in the pipeline beside `agent`; "
            "`when { branch 'main' }` in the stage, before its `steps`.",
            "`post { always { sh '...' } }` stands in the pipeline after `stages`. A parameter is in the shell's environment: "
            "`sh 'python train.py --months $MONTHS'`.",
        ),
        notebook="solutions/42c_jenkins_and_mlflow_projects.ipynb",
        misconceptions=(
            "plain secret",
            "token lost",
            "prints the secret",
            "interpolation",
            "params",
            "no timeout",
            "a stage",
            "not always",
            "promotes anywhere",
            "all on main",
        ),
    ),
}
