"""Answers to the questions of 42c, Jenkins and MLflow Projects."""

import re

from helpers.course.bank.q42c import BROKEN, block, calls, every, parse, script
from tests.answers import Answers, Wrong

# --- 42c.1 ----------------------------------------------------------------------------------------------------------------


def lines_of(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def by_tree(text, *, names=("sh",), part="steps", empty=True, read=script, split=lines_of):
    found = {}
    for stage in every(parse(text), "stage"):
        body = block(stage.body, part).body
        if body:
            steps = [step for name in names for step in every(body, name)]
            steps.sort(key=lambda step: step.node.start_byte)
            lines = [line for step in steps for line in split(read(step))]
            if lines or empty:
                found[stage.args[0]] = lines
    return found


def by_walking(text):
    found = {}

    def walk(node, stage=None, inside=False):
        for each in calls(node):
            if each.name == "stage":
                walk(each.body, each.args[0])
            elif each.name == "steps":
                found[stage] = []
                walk(each.body, stage, True)
            elif each.name == "sh" and inside:
                text = each.named["script"] if "script" in each.named else each.args[0]
                found[stage] += [line.strip() for line in text.split("\n") if line.strip()]
            elif each.name != "post":
                walk(each.body, stage, inside)

    walk(parse(text))
    return found


TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<text>'''.*?'''|\"\"\".*?\"\"\"|'[^']*'|\"[^\"]*\")|(?P<word>[\w]+)|(?P<sign>[{}():,])",
    re.DOTALL,
)


def by_tokens(text):
    """No parser at all: a small lexer and a stack."""
    found, stack, words, last = {}, [], [], None
    for token in TOKEN.finditer(text):
        kind, source = token.lastgroup, token.group()
        if kind == "word":
            words.append(source)
        elif kind == "text":
            plain = source[3:-3] if source[:3] in ("'''", '"""') else source[1:-1]
            if words and words[-1] == "stage":
                last = plain
            elif "steps" in stack and words and words[-1] in ("sh", "script") and "sh" in words[-4:]:
                found[next(name[1] for name in reversed(stack) if isinstance(name, tuple))] += lines_of(plain)
        elif source == "{":
            name = words[-1] if words else ""
            stack.append(("stage", last) if name == "stage" else name)
            if name == "steps":
                found[next(name[1] for name in reversed(stack) if isinstance(name, tuple))] = []
            words = []
        elif source == "}":
            stack.pop()
            words = []
    return found


def uncommented(text, pattern):
    return by_tree(re.sub(pattern, r"\1", text, flags=re.DOTALL))


def with_all_comments(text):
    return uncommented(re.sub(r"(?m)^(\s*)// ", r"\1", text), r"/\* (.*?) \*/")


def with_line_comments(text):
    return uncommented(text, r"(?m:^\s*)// (?=sh)()")


def with_block_comments(text):
    return uncommented(text, r"/\* (.*?) \*/")


def with_post(text):
    found = by_tree(text)
    for stage in every(parse(text), "stage"):
        if stage.args[0] in found:
            found[stage.args[0]] = found[stage.args[0]] + [script(step) for step in every(block(stage.body, "post").body, "sh")]
    return found


def only_direct(text):
    return {
        stage.args[0]: [
            line
            for step in calls(block(stage.body, "steps").body)
            if step.name == "sh" and same(stage, step)
            for line in lines_of(script(step))
        ]
        for stage in every(parse(text), "stage")
        if block(stage.body, "steps").body
    }


def same(stage, step):
    """Whether a step stands directly in `steps`: an `if` is looked through by `calls`."""
    return step.node.parent.type != "closure" or step.node.parent.start_byte == block(stage.body, "steps").body.start_byte


def with_outer(text):
    found = by_tree(text)
    inner = {stage.args[0]: [each.args[0] for each in every(stage.body, "stage")] for stage in every(parse(text), "stage")}
    return {name: found.get(name, [line for each in names for line in found[each]]) for name, names in inner.items()}


def no_options(text):
    return by_tree(text, read=lambda step: step.args[0] if step.args else "")


def texts_whole(text):
    return by_tree(text, split=lambda text: [text.strip()])


def single_quotes(text):
    found = by_tree(text)
    loud = [
        line
        for quoted in re.findall(r'"""(.*?)"""|(?<!")"([^"]+)"(?!")', text, re.DOTALL)
        for part in quoted
        for line in lines_of(part)
    ]
    return {name: [line for line in lines if line not in loud] for name, lines in found.items()}


def by_pattern(text):
    return {"stage": re.findall(r"sh '(.*)'", text)}


def as_pairs(text):
    return list(by_tree(text).items())


def not_stripped(text):
    return by_tree(text, split=lambda text: text.splitlines())


def all_in_one(text):
    return [line for lines in by_tree(text).values() for line in lines]


# --- 42c.2 ----------------------------------------------------------------------------------------------------------------

PROJECT = """name: delays
entry_points:
  clean:
    parameters:
      month: float
      to: {type: string, default: data.txt}
    command: python clean.py --month {month} --to {to}
  fit:
    parameters:
      data: {type: string, default: data.txt}
      rate: {type: float, default: 0.1}
    command: python fit.py --data {data} --rate {rate}
  main:
    parameters:
      month: float
      rate: {type: float, default: 0.1}
    command: python clean.py --month {month} --to data.txt && python fit.py --data data.txt --rate {rate}
"""
MAIN = "python clean.py --month {month} --to data.txt && python fit.py --data data.txt --rate {rate}"


def project(*changes):
    text = PROJECT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return lambda: text


def project_in_blocks():
    import yaml

    document = yaml.safe_load(PROJECT)
    document["entry_points"]["clean"]["parameters"]["month"] = {"type": "float"}
    return yaml.safe_dump(document)


# --- 42c.3 ----------------------------------------------------------------------------------------------------------------

REPORT = """        stage('report') {
            steps {
                sh 'python report.py'
            }
        }
"""
POST = """    post {
        always {
            sh 'python report.py'
        }
    }
}
"""
CHANGES = {
    "token": ("'abc123'", "credentials('registry-token')"),
    "echo": ("echo $REGISTRY_TOKEN && ", ""),
    "months": ('"python train.py --months ${params.MONTHS}"', "'python train.py --months $MONTHS'"),
    "timeout": ("    parameters {", "    options { timeout(time: 1, unit: 'HOURS') }\n    parameters {"),
    "report": (REPORT + "    }\n}\n", "    }\n" + POST),
    "when": ("stage('promote') {\n", "stage('promote') {\n            when { branch 'main' }\n"),
}


def mended(**other):
    """The Jenkinsfile with every change, but for those that are named: None leaves one out."""
    text = BROKEN
    for name, change in (CHANGES | other).items():
        if change:
            assert change[0] in text, name
            text = text.replace(*change)
    return lambda: text


MONTHS = CHANGES["months"][0]
ECHO = "sh 'echo $REGISTRY_TOKEN && python gate.py'"
BOUND = """withCredentials([string(credentialsId: 'registry-token', variable: 'REGISTRY_TOKEN')]) {
                    sh 'python gate.py'
                }"""
ANSWERS = {
    "42c.1": Answers(
        right=[by_tree, by_walking, by_tokens],
        wrong=[
            Wrong(with_all_comments, "comments count"),
            Wrong(with_line_comments, "line comments count"),
            Wrong(with_block_comments, "block comments count"),
            Wrong(with_post, "post counts"),
            Wrong(only_direct, "not deep"),
            Wrong(with_outer, "outer stages"),
            Wrong(no_options, "no options"),
            Wrong(texts_whole, "a text is one"),
            Wrong(single_quotes, "single quotes only"),
            Wrong(lambda text: by_tree(text, empty=False), "empty stages left out"),
            Wrong(lambda text: by_tree(text, names=("sh", "echo")), "echo counts"),
            Wrong(by_pattern, says="The stages with `steps` are"),
            Wrong(as_pairs, says="Return a dict"),
            Wrong(not_stripped, says="The commands of"),
            Wrong(all_in_one, says="Return a dict"),
            Wrong(lambda text: {"only": ["make"]}, says="The stages with `steps` are"),
        ],
    ),
    "42c.2": Answers(
        right=[
            project(),
            project_in_blocks,
            project((MAIN, "|\n      set -e\n      " + MAIN.replace(" && ", "\n      "))),
        ],
        wrong=[
            Wrong(
                project(("      month: float\n      to", "      month: {type: float, default: 1}\n      to")),
                "a default for what must be given",
            ),
            Wrong(project(("data: {type: string, default: data.txt}", "data: string")), "no default"),
            Wrong(project(("rate: {type: float, default: 0.1}", "rate: {type: string, default: 0.1}")), "kind"),
            Wrong(project(("{month} --to {to}", "{month} --to '{to}'")), "quoted twice"),
            Wrong(project(("{data} --rate {rate}", "{data} --rate $rate")), "another spelling"),
            Wrong(project((" && ", " ; ")), "goes on after a failure"),
            Wrong(project(("{data} --rate {rate}", "{data} --rate 0.5")), says="handed on"),
            Wrong(project(("  main:\n", "  all:\n")), says="no entry point `main`"),
            Wrong(project(("name: delays", "name: [")), says="cannot read"),
            Wrong(project(("python fit.py --data {data}", "python fit.py {data}")), says="should write"),
            Wrong(project(("name: delays", "name: delays\npython_env: env.yaml")), says="cannot read"),
        ],
    ),
    "42c.3": Answers(
        right=[
            mended(),
            mended(months=(MONTHS, '"python train.py --months \\$MONTHS"')),
            mended(
                months=(MONTHS, "'''\n                    python train.py --months \"$MONTHS\"\n                '''"),
                timeout=("    stages {", "    options { timeout(30) }\n    stages {"),
                when=(
                    CHANGES["when"][0],
                    CHANGES["when"][0] + "            when { beforeAgent true; allOf { branch 'main' } }\n",
                ),
            ),
            mended(token=("    environment {\n        REGISTRY_TOKEN = 'abc123'\n    }\n", ""), echo=(ECHO, BOUND)),
        ],
        wrong=[
            Wrong(mended(token=None), "plain secret"),
            Wrong(mended(token=("        REGISTRY_TOKEN = 'abc123'\n", "")), "token lost"),
            Wrong(mended(echo=None), "prints the secret"),
            Wrong(mended(months=None), "interpolation"),
            Wrong(mended(months=(MONTHS, '"python train.py --months $MONTHS"')), "interpolation"),
            Wrong(mended(months=(MONTHS, "'python train.py --months ${params.MONTHS}'")), "params"),
            Wrong(mended(timeout=None), "no timeout"),
            Wrong(mended(report=None), "a stage"),
            Wrong(mended(report=(CHANGES["report"][0], CHANGES["report"][1].replace("always", "success"))), "not always"),
            Wrong(mended(when=None), "promotes anywhere"),
            Wrong(
                mended(when=("') {\n            steps", "') {\n            when { branch 'main' }\n            steps")),
                "all on main",
            ),
            Wrong(
                mended(when=(CHANGES["when"][0], CHANGES["when"][0] + "            when { not { branch 'main' } }\n")),
                "promotes anywhere",
            ),
            Wrong(mended(report=(CHANGES["report"][0], "    }\n" + POST[:-2])), says="no declarative pipeline"),
            Wrong(mended(echo=("echo $REGISTRY_TOKEN && python gate.py", "true")), says="commands of 'gate'"),
            Wrong(mended(report=(CHANGES["report"][0], "    }\n}\n")), says="Nothing writes the report"),
            Wrong(lambda: BROKEN, "plain secret"),
        ],
    ),
}
