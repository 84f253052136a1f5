"""The questions of 61a, containers: what a change makes anew, a Dockerfile, and a compose file. Nothing is built here.

The learner's files are read, hadolint and the schema of compose files are asked, and the rest is told from what is written.
"""

import hashlib
import json
import os
import re
import shlex
import tempfile
from pathlib import Path
from posixpath import basename, join, normpath

import yaml

from helpers import containers
from helpers.course.evidence import describe
from helpers.course.verdict import Question, not_yet, passed

FOLDER = "solutions/61a_containers/board"
DAMAGED = "The check's own record of your answer is damaged. Run the check again."

# --- 61a.1: what is made anew ---------------------------------------------------------------------------------------------

FILES = ("app.py", "requirements.txt", "model/model.onnx", "model/notes/why.md", "models.md", "data/big.csv", "tests/test_app.py")
ORDERS = {
    "code first": ["FROM python:3.11-slim", "WORKDIR /app", "COPY . .", "RUN pip install -r requirements.txt", "USER 10001"],
    "packages first": [
        "FROM python:3.11-slim",
        "WORKDIR /app",
        "COPY requirements.txt .",
        "RUN pip install -r requirements.txt",
        "COPY model model",
        "COPY --chown=10001 app.py ./app.py",
        'CMD ["python", "app.py"]',
    ],
    "several sources": [
        "FROM python:3.11-slim",
        "COPY app.py models.md /app/",
        "RUN python /app/app.py --about model",
        "COPY model/notes data /app/more/",
        "USER 10001",
    ],
    "one file, then the rest": [
        "FROM python:3.11-slim",
        "COPY app.py /srv/model/",
        "RUN python /srv/model/app.py --check requirements.txt",
        "COPY . /srv/",
    ],
}


def builds(rng):
    """Each: the steps, the names in .dockerignore, the files that changed."""
    cases = []
    for steps in ORDERS.values():
        for changed in ([], *[[name] for name in FILES], sorted(rng.choice(FILES, 2, replace=False).tolist())):
            ignored = [["data", "tests"], [], ["models.md", "model/notes"]][int(rng.integers(3))]
            cases.append((list(steps), ignored, changed))
        cases.append((list(steps), ["data", "tests"], ["data/big.csv", "tests/test_app.py"]))
        cases += [(list(steps), ["model", "test"], [name]) for name in ("models.md", "model/notes/why.md", "tests/test_app.py")]
        cases += [(list(steps), [], [name]) for name in ("models.md", "model/notes/why.md", "model/model.onnx")]
    return cases


def probe_rebuilt(answer, rng):
    return {"runs": [answer(list(steps), list(ignored), set(changed)) for steps, ignored, changed in builds(rng)]}


def digests(
    steps,
    ignored,
    changed,
    *,
    chain=True,
    ignoring=True,
    whole=True,
    begins=False,
    inside=True,
    prefix=False,
    reads=False,
    target=False,
):
    """The oracle: each step's digest, from the one before it, its text, and what it copies. The rest are twists of it."""
    sent = [name for name in FILES if not (ignoring and any(_within(name, each, whole, begins) for each in ignored))]
    found, before = [], ""
    for step in steps:
        words = step.split()
        taken = [name for name in sent if any(_within(name, source, inside, prefix) for source in _sources(words, target))]
        if reads and words[0] == "RUN":
            taken = [name for name in sent if name in step]
        content = [f"{name}{'new' if name in changed else 'old'}" for name in taken]
        before = hashlib.sha256("|".join([before if chain else "", step, *content]).encode()).hexdigest()
        found.append(before)
    return found


def _sources(words, target):
    if words[0] != "COPY":
        return []
    paths = [word for word in words[1:] if not word.startswith("--")]
    return paths if target else paths[:-1]


def _within(name, source, inside=True, prefix=False):
    if source == ".":
        return True
    return name == source or (inside and name.startswith(f"{source}/")) or (prefix and name.startswith(source))


def rebuilt(steps, ignored, changed, **twist):
    old, new = (digests(steps, ignored, files, **twist) for files in ((), changed))
    return [place for place, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]


def _first_only(steps, ignored, changed):
    return rebuilt(steps, ignored, changed)[:1]


def _all_of_it(steps, ignored, changed):
    return list(range(len(steps))) if rebuilt(steps, ignored, changed) else []


def _after(steps, ignored, changed):
    return rebuilt(steps, ignored, changed)[1:]


def _from_one(steps, ignored, changed):
    return [place + 1 for place in rebuilt(steps, ignored, changed)]


def _kept(steps, ignored, changed):
    return [place for place in range(len(steps)) if place not in rebuilt(steps, ignored, changed)]


def _lines(steps, ignored, changed):
    return [steps[place] for place in rebuilt(steps, ignored, changed)]


def _twisted(**twist):
    return lambda *build: rebuilt(*build, **twist)


REBUILT = {
    "no chain": (
        _twisted(chain=False),
        "Yours runs only the COPY again. A step begins with what the step before it has left: after a COPY that runs again, "
        "every later step runs again too.",
    ),
    "only the first": (_first_only, "Yours names the first step that runs again. All the steps after it do as well: name them."),
    "from the beginning": (
        _all_of_it,
        "Yours begins at FROM whenever anything has changed. The steps before the first COPY that is touched are kept.",
    ),
    "without the copy": (_after, "The COPY itself runs again too, not only what comes after it."),
    "ignored files count": (
        _twisted(ignoring=False),
        "A file that .dockerignore names never reaches the builder, so its change is no change.",
    ),
    "ignored by its beginning": (
        _twisted(begins=True),
        "With `model` in .dockerignore, yours ignores models.md too: that name begins alike, and is no file in the folder model.",
    ),
    "ignored folders forgotten": (
        _twisted(whole=False),
        "With `model` in .dockerignore, all that lies in that folder is ignored, at any depth: model/notes/why.md too.",
    ),
    "folders forgotten": (
        _twisted(inside=False),
        "`COPY model model` takes all that lies in the folder model, at any depth: a change in there is a change of it.",
    ),
    "beginnings of names": (
        _twisted(prefix=True),
        "`COPY model model` does not take models.md: that name begins alike, and is no file in the folder model.",
    ),
    "RUN reads files": (
        _twisted(reads=True),
        "Yours runs a RUN again because it names a changed file. The builder does not look into commands: only a COPY "
        "brings files, and only a COPY is touched by their change.",
    ),
    "target taken for a source": (
        _twisted(target=True),
        "The last word of a COPY is where it copies *to*. What lies under that name in the folder does not matter.",
    ),
    "counted from one": (_from_one, "The first step has the place 0."),
    "what is kept": (_kept, "Yours names the steps that are kept. Asked for are those that run again."),
    "lines, not places": (_lines, "Return the places of the steps as numbers, such as [3, 4], not their text."),
}


def judge_rebuilt(evidence, rng):
    cases, runs = builds(rng), evidence.get("runs") if isinstance(evidence, dict) else None
    if not isinstance(runs, list) or len(runs) != len(cases):
        return not_yet(DAMAGED)
    want = [rebuilt(*case) for case in cases]
    got = [[int(n) if type(n) is float and n.is_integer() else n for n in run] if isinstance(run, list) else run for run in runs]
    if json.dumps(got) == json.dumps(want):
        return passed("What changes often belongs at the end: then a change of the code leaves the packages alone.")
    for name, (twist, message) in REBUILT.items():
        if json.dumps(got) == json.dumps([twist(*case) for case in cases]):
            return not_yet(message, name)
    (steps, ignored, changed), w, g = next(row for row in zip(cases, want, got, strict=True) if row[1] != row[2])
    told = "; ".join(steps)
    return not_yet(
        f"Steps: {told}. Ignored: {', '.join(ignored) or 'nothing'}. Changed: {', '.join(changed) or 'nothing'}. "
        f"These run again: {w}; yours: {_short(g)}."
    )


def _short(value):
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


# --- 61a.2: a Dockerfile --------------------------------------------------------------------------------------------------

SECRET = ("secrets/board_token", ".env")
HEAVY = (".git/config", "data/2013.csv")
NEEDED = ("board.py", "requirements.txt")
SECRET_NAME = r"TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY"


def _folder(answer):
    """The folder, or a sentence that says why there is none."""
    if callable(answer) and type(answer).__name__ == "function":
        answer()
    folder = Path(answer) if isinstance(answer, (str, os.PathLike)) and str(answer) else None
    if folder is None or not folder.is_dir():
        return "The answer is the folder `board`, as text or as a Path. Yours is no folder."
    return folder


def _said(folder, name):
    """The text of a file; None where there is none, "" where it only has comments."""
    try:
        text = (folder / name).read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return None
    return text if any(line.strip() and not line.strip().startswith("#") for line in text.splitlines()) else ""


def probe_dockerfile(answer, rng):
    folder = _folder(answer)
    if isinstance(folder, str):
        return {"cannot": folder}
    text, ignore = _said(folder, "Dockerfile"), _said(folder, ".dockerignore")
    if text == "" and not ignore:
        return ...
    if not text:
        return {"cannot": "There is no Dockerfile with an instruction in it in your folder."}
    return {"text": text, "lint": containers.lint(text + "\n\n"), "sent": _sent(ignore or "")}


def _sent(ignore):
    """Which files would go to the builder."""
    with tempfile.TemporaryDirectory() as place:
        for name in (*SECRET, *HEAVY, *NEEDED):
            Path(place, name).parent.mkdir(parents=True, exist_ok=True)
            Path(place, name).write_text("")
        Path(place, ".dockerignore").write_text(ignore, encoding="utf-8")
        return [name.as_posix() for name in containers.context_files(place)]


def _stages(text):
    """Each stage: its name, what it begins with, and its instructions as pairs of a word and the rest."""
    text = re.sub(r"(?ms)<<-?[\"']?(\w+)[\"']?[ \t]*\n(.*?)\n\s*\1[ \t]*$", lambda block: block[2].replace("\n", "; "), text)
    joined = re.sub(r"\\[ \t]*\n(?:[ \t]*#.*\n)*", " ", text.replace("\r\n", "\n"))
    stages, arguments = [], {}
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        word, rest = word.upper(), rest.strip()
        if not word or word.startswith("#"):
            continue
        if word == "FROM":
            parts = [part for part in rest.split() if not part.startswith("--")]
            base = _expanded(parts[0] if parts else "", arguments)
            stages.append({"name": parts[2] if len(parts) > 2 else "", "base": base, "steps": []})
        elif stages:
            stages[-1]["steps"].append((word, rest))
        elif word == "ARG":
            name, _, value = rest.partition("=")
            arguments[name] = value.strip("\"'")
    return _resolved(stages, arguments)


PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


def _resolved(stages, arguments):
    """The stages with values for variables; `at` has for each step the environment, the working directory, and who runs it."""
    for stage in stages:
        under = _under(stages, stage)
        env, cwd, user = under["end"] if under and "end" in under else ({"PATH": PATH}, "/", "root")
        env, steps, stage["at"] = dict(env), [], []
        for word, rest in stage["steps"]:
            rest = rest if word in ("CMD", "ENTRYPOINT", "HEALTHCHECK") else _expanded(rest, env)
            steps.append((word, rest))
            stage["at"].append((dict(env), cwd, user))
            if word in ("ENV", "ARG"):
                env.update({name: value or (arguments.get(name, "") if word == "ARG" else "") for name, value in _pairs(rest)})
            cwd = normpath(join(cwd, rest.strip("\"'"))) if word == "WORKDIR" else cwd
            user = rest.partition(":")[0] if word == "USER" else user
        stage["steps"], stage["end"] = steps, (env, cwd, user)
    return stages


def _expanded(text, values):
    """Text with values for $NAME, ${NAME} and ${NAME:-instead}; what is not known stays."""

    def value(found):
        return values.get(found[1] or found[3]) or (found[0] if found[2] is None else found[2])

    return re.sub(r"\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)", value, text)


def _pairs(rest):
    words = _words(rest)
    if words and "=" not in words[0]:
        return [(words[0], " ".join(words[1:]))]
    return [tuple(word.split("=", 1)) for word in words if "=" in word]


def _words(text):
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _commands(word, rest):
    """The commands of a RUN, each as words."""
    if word != "RUN":
        return []
    parts = re.split(r"&&|\|\||;|\n", re.sub(r"^(?:--\S+\s+)*", "", rest))
    found = [json.loads(rest)] if _is_list(rest) else [_words(part.strip(" (){}")) for part in parts]
    return [words for words in found if words]


def _under(stages, stage):
    """The stage that a stage begins with, if it is one."""
    earlier = stages[: next(place for place, each in enumerate(stages) if each is stage)]
    return next((each for each in earlier if each["name"] and each["name"].lower() == stage["base"].lower()), None)


def _whole(stages, stage, what="steps"):
    """A stage's instructions, after those of the stage that it begins with."""
    under = _under(stages, stage)
    return (_whole(stages, under, what) if under else []) + stage[what]


def _image(stages, stage):
    """The image that a stage begins with in the end."""
    under = _under(stages, stage)
    return _image(stages, under) if under else stage["base"]


def _copied(rest):
    """Options, sources and target of a COPY or ADD."""
    options = re.match(r"(?:--\S+\s+)*", rest)[0].split()
    rest = re.sub(r"^(?:--\S+\s+)*", "", rest)
    paths = json.loads(rest) if _is_list(rest) else rest.split()
    return options, [path.removeprefix("./") or "." for path in paths[:-1]], paths[-1] if paths else ""


def _is_list(rest):
    try:
        found = json.loads(rest)
    except ValueError:
        return False
    return isinstance(found, list) and all(isinstance(word, str) for word in found)


def _is_code(source):
    return source in (".", "*", "board.py", "*.py")


def _installs(word, rest):
    return word == "RUN" and re.search(r"\b(pip3?|uv)\b.*\b(install|sync)\b", rest) is not None


def judge_dockerfile(evidence, rng):
    if not isinstance(evidence, dict) or ("cannot" not in evidence and not _is_record(evidence)):
        return not_yet(DAMAGED)
    if "cannot" in evidence:
        return not_yet(str(evidence["cannot"]))
    text, lint, sent = evidence["text"], evidence["lint"], evidence["sent"]
    for find in (_unreadable, _careless, _ignoring):
        told = find(text, lint, sent)
        if told:
            return told
    stages = _stages(text)
    final = _whole(stages, stages[-1])
    for find in (_building, _bases, _user, _command, _packages, _place, _health):
        told = find(stages, final)
        if told:
            return told
    if lint:
        row = lint[0]
        return not_yet(f"hadolint, line {row['line']}, {row['rule']}: {row['message']}", "hadolint")
    return passed("Small, pinned, not root, asked for its health, and it hears the signal to stop.")


def _is_record(evidence):
    lint = evidence.get("lint")
    rows = isinstance(lint, list) and all(isinstance(row, dict) and {"line", "rule", "message"} <= row.keys() for row in lint)
    sent = evidence.get("sent")
    return rows and isinstance(evidence.get("text"), str) and isinstance(sent, list) and all(isinstance(n, str) for n in sent)


def _unreadable(text, lint, sent):
    if re.search(r"(?im)^\s*EXPOSE\s+[\d.]+:", text):
        return not_yet(
            "EXPOSE publishes nothing: it only notes the port *inside*, such as `EXPOSE 8080`. Where people reach it is said "
            "in the compose file, or by `docker run --publish`.",
            "EXPOSE publishes",
        )
    broken = [row for row in lint if row["rule"] == "DL1000" or "unexpected" in str(row["message"])]
    if broken:
        return not_yet(f"Line {broken[0]['line']} is no Dockerfile: {broken[0]['message']}")
    return None if _stages(text) else not_yet("A Dockerfile begins with FROM: the image to begin with.")


def _careless(text, lint, sent):
    stages = _stages(text)
    names = {stage["name"].lower() for stage in stages if stage["name"]}
    for stage in stages:
        base = stage["base"]
        tag = base.rpartition("/")[2].partition("@")[0].partition(":")[2]
        if base.lower() not in {*names, "scratch"} and "@sha256:" not in base and tag in ("", "latest"):
            return not_yet(
                f"`FROM {base}` is another image tomorrow, with another Python. Name a version, such as python:3.11-slim.",
                "latest",
            )
        if basename(base).startswith("python:") and not re.search(r"\d|\$", tag):
            return not_yet(f"`FROM {base}` has no version, so it is another Python one day: python:3.11-slim.", "latest")
    for word, rest in (step for stage in stages for step in stage["steps"]):
        name = re.match(rf"(?i)\S*({SECRET_NAME})\w*(?=[ =]|$)", rest)
        if word in ("ENV", "ARG") and name and not name[0].upper().endswith("_FILE"):
            return not_yet(
                f"{name[0].split('=')[0]} by {word}: whoever has the image can read it, by `docker history` or `docker inspect`. "
                "A secret is given when the container runs, as a file.",
                "secret in the image",
            )
        if word in ("COPY", "ADD") and any(source.startswith((".env", "secrets")) for source in _copied(rest)[1]):
            return not_yet(f"`{word} {rest}` puts the secret into the image for ever.", "secret in the image")
        if word == "ADD" and "://" in rest:
            return not_yet("ADD fetches whatever lies at that address today, and nobody checks it.", "ADD of an address")
    return None


def _ignoring(text, lint, sent):
    for name in SECRET:
        if name in sent:
            return not_yet(
                f"{name} goes to the builder, and `COPY . .` would put it into the image: .dockerignore has to leave it out. "
                "Surest is a list of what may come: `*`, and then a line with `!` for each file.",
                "secret sent",
            )
    for name in HEAVY:
        if name in sent:
            return not_yet(f"The builder is sent {name} at each build, and needs nothing of it: leave it out.", "heavy context")
    absent = [name for name in NEEDED if name not in sent]
    if absent:
        return not_yet(f".dockerignore leaves out {absent[0]}, which the image is made from.", "ignores what it needs")
    return None


def _building(stages, final):
    installing = [stage for stage in stages if any(_installs(*step) for step in stage["steps"])]
    if not installing:
        return not_yet("No step installs the packages of requirements.txt.")
    if len(stages) < 2:
        return not_yet(
            "There is one stage, so pip and all that building leaves behind is delivered too. Install in a first stage, and "
            "begin a second one with another FROM.",
            "one stage",
        )
    told = _last_installs(stages, final)
    if told:
        return told
    for stage in installing:
        steps = stage["steps"]
        first = next(place for place, step in enumerate(steps) if _installs(*step))
        early = [_copied(rest) for word, rest in steps[:first] if word in ("COPY", "ADD")]
        if any(_is_code(source) for options, sources, _ in early for source in sources if not _from(options)):
            return not_yet(
                "The code is copied before the packages are installed: each change of board.py installs all of them again. "
                "Copy requirements.txt alone first.",
                "code before packages",
            )
        if not re.search(r"(?:\s-r\s*|--requirement[ =]|\bsync\b.*)\S*requirements\.txt", steps[first][1]):
            return not_yet("Install what requirements.txt pins, by -r: what pip chooses today it may not tomorrow.", "unpinned")
    copies = [_copied(rest) for word, rest in final if word in ("COPY", "ADD")]
    taken = [sources for options, sources, _ in copies if _from(options)]
    if not taken:
        return not_yet(
            "The last stage takes nothing from the first: `COPY --from=` brings the packages.", "nothing from the build"
        )
    built = any(_is_code(s) for stage in installing for w, r in stage["steps"] if w == "COPY" for s in _copied(r)[1])
    if not built and not any(_is_code(source) for options, sources, _ in copies if not _from(options) for source in sources):
        return not_yet("board.py is not in the last stage, so there is nothing to start.", "no app")
    return None


def _last_installs(stages, final):
    if any(_installs(*step) for step in stages[-1]["steps"]):
        return not_yet(
            "The last stage installs packages itself. It should take them from the first one, by COPY --from.", "pip at last"
        )
    if any(_installs(*step) for step in final):
        return not_yet(
            f"The last stage begins with {stages[-1]['base']}, where packages are installed, so all it has left is in the "
            "image. Begin with a FROM of its own, and take the packages by COPY --from.",
            "pip at last",
        )
    for word, rest in final:
        found = re.search(r"\b(apt|apt-get|apk|dnf|microdnf|yum)\b[^;&|]*\b(install|add)\b[^;&|]*", rest)
        if word == "RUN" and found:
            return not_yet(
                f"`{found[0].strip()[:60]}` is in the last stage, which should install nothing: what is needed is in a slim "
                "image, or comes from the first stage.",
                "installs more",
            )
    return None


def _from(options):
    return any(option.startswith("--from=") for option in options)


def _bases(stages, final):
    """Packages that are installed by one Python are not found by another."""
    last = _image(stages, stages[-1])
    taken = " ".join(rest for word, rest in final if word == "COPY" and "--from=" in rest)
    if re.match(r"(debian|ubuntu|alpine|busybox|scratch)\b", basename(last)) and not re.search(
        r" /(usr(/local)?/?)? |python", taken
    ):
        return not_yet(f"The last stage begins with {last}, which has no Python: take the first stage's image.", "no Python")
    for stage in stages:
        if not any(_installs(*step) for step in stage["steps"]):
            continue
        first = _image(stages, stage)
        (a, b), (x, y) = (_kind(first), _kind(last))
        if a and x and (a, b) != (x, y):
            return not_yet(
                f"The packages are installed in {first}, and started in {last}: those of one Python, or of one system, do not "
                "work in another. Begin both stages with the same version.",
                "two Pythons",
            )
    return None


def _kind(image):
    version = re.search(r"python:?(\d+\.\d+)", image)
    return version[1] if version else "", "alpine" in image


def _user(stages, final):
    users = [rest for word, rest in final if word == "USER"]
    user = users[-1].partition(":")[0] if users else "root"
    if user in ("root", "0"):
        return not_yet(
            "It runs as root. Whoever breaks into the program is root in the container then: end with USER and a number.", "root"
        )
    if not user.isdigit():
        return not_yet(
            f"`USER {user}` is a name: whoever runs the image cannot tell that it is not root's. Give its number, such as 10001.",
            "user by name",
        )
    return _data(list(zip(final, _whole(stages, stages[-1], "at"), strict=True)), user)


def _data(steps, user):
    """Whether /data is the user's."""
    early = next(
        (" ".join(words) for words, cwd, who in _each(steps) if who not in ("root", "0") and _needs_root(words, cwd)), None
    )
    if early:
        return not_yet(
            f"`{early[:70]}` comes after USER: it is no longer root then, and fails. USER comes last.", "no longer root"
        )
    owner = _owner(steps)
    if owner in ("", "root", "0"):
        chowned = [
            words[1] for words, cwd, _ in _each(steps) if words[0] == "chown" and "/data" in _paths(words, cwd) if words[1:]
        ]
        more = " A group alone is not its owner." if any(each.startswith(":") for each in chowned) else ""
        more = more or (" No step makes it before chown: mkdir." if chowned and owner == "" else "")
        return not_yet(
            "/data is absent or root's, so the board could not write its notes: make it while you are still root, and give it to "
            f"{user}. A volume that is put there is then {user}'s too.{more}",
            "data is root's",
        )
    if owner and owner.isdigit() and int(owner) != int(user):
        return not_yet(
            f"/data belongs to {owner}, and the board runs as {user}, so it could not write its notes.", "data is another's"
        )
    return None


def _each(steps):
    """Each command of each RUN: its words, the working directory, and who runs it."""
    return [(words, cwd, user) for (word, rest), (_, cwd, user) in steps for words in _commands(word, rest)]


def _paths(words, cwd):
    return [normpath(join(cwd, word)) for word in words[1:] if not word.startswith("-")]


def _needs_root(words, cwd):
    name = basename(words[0])
    return name in ("useradd", "adduser", "groupadd", "addgroup") or (
        name in ("install", "mkdir", "chown") and "/data" in _paths(words, cwd)
    )


def _owner(steps):
    """Whose /data is, as a number where that is known; "" where there is none, None where it cannot be told."""
    owner, people = "", {}
    for (word, rest), (_, cwd, user) in steps:
        made = user
        if word in ("COPY", "ADD"):
            options, _, target = _copied(rest)
            given = [option.partition("=")[2].partition(":")[0] for option in options if option.startswith("--chown=")]
            made = (*given, "root")[0]
        places = [target] if word in ("COPY", "ADD") else [rest] if word == "WORKDIR" else []
        if owner == "" and any(f"{normpath(join(cwd, place))}/".startswith("/data/") for place in places):
            owner = made if word != "WORKDIR" else "root"
        for words in _commands(word, rest):
            owner = _owner_after(words, cwd, user, owner, people)
    return people.get(owner, owner)


def _owner_after(words, cwd, user, owner, people):
    """Whose /data is after one command."""
    name, paths = basename(words[0]), _paths(words, cwd)
    if name in ("useradd", "adduser"):
        people[words[-1]] = _option(words, "u", "uid")
        home = "/data" in paths and owner == "" and (name == "adduser" or re.search(r" (-\w*m|--create-home)\b", " ".join(words)))
        return words[-1] if home else owner
    if name == "install" and "/data" in paths:
        return _option(words, "o", "owner") or user
    if name == "mkdir":
        return user if owner == "" and any(f"{path}/".startswith("/data/") for path in paths) else owner
    if name == "chown":
        given = next((word for word in words[1:] if not word.startswith("-")), "").partition(":")[0]
        return (given or owner) if "/data" in paths and owner != "" else owner
    known = name in ("chmod", "chgrp", "ls", "echo", "touch", "test", "stat", "pip")
    return owner if known or "/data" not in " ".join(words) else None


def _option(words, short, long):
    found = re.search(rf" (?:-\w*{short} ?|--{long}[ =])(\S+)", " ".join(words))
    return found[1] if found else None


def _command(stages, final):
    given = {word: rest for word, rest in final if word in ("CMD", "ENTRYPOINT")}
    if not given:
        return not_yet("Nothing says what to start: CMD is absent.", "no command")
    words = []
    for word in ("ENTRYPOINT", "CMD"):
        rest = given.get(word, "[]")
        shell = not _is_list(rest) or (json.loads(rest)[1:2] == ["-c"] and "exec " not in rest)
        if shell:
            return not_yet(
                f"`{word} {rest[:60]}` starts a shell, and the shell starts the board. The signal to stop reaches the shell "
                'alone, and after 10 s the board is killed. Write a list: ["python", "-m", ...].',
                "shell form",
            )
        words += json.loads(rest)
    line, env = " ".join(words), " ".join(rest for word, rest in final if word == "ENV")
    if "board:app" not in line:
        return not_yet("The command should start uvicorn with `board:app`.")
    if [basename(word) for word in words].count("uvicorn") > 1:
        return not_yet(f"CMD is put behind ENTRYPOINT, so this is started: `{line[:90]}`. Say each word once.", "started twice")
    return _listens(line, env)


def _listens(line, env):
    if not re.search(r"--host[ =](0\.0\.0\.0|::)", line) and not re.search(r"UVICORN_HOST[ =]\"?0\.0\.0\.0", env):
        return not_yet(
            "It listens on 127.0.0.1, which is the container itself: nobody outside reaches it. Say --host 0.0.0.0.", "loopback"
        )
    if not re.search(r"--port[ =]8080\b", line) and not re.search(r"UVICORN_PORT[ =]\"?8080\b", env):
        return not_yet("It should listen on port 8080: --port 8080.", "another port")
    return None


def _started(final):
    """The words of ENTRYPOINT and CMD."""
    given = {word: rest for word, rest in final if word in ("CMD", "ENTRYPOINT")}
    return [word for name in ("ENTRYPOINT", "CMD") for word in json.loads(given.get(name, "[]"))]


def _installed(stages):
    """The stage that installs, and the folder it installs into; None where that cannot be told."""
    installing = [stage for stage in stages if any(_installs(*step) for step in stage["steps"])]
    if len(installing) != 1:
        return None, None
    whole = list(zip(_whole(stages, installing[0]), _whole(stages, installing[0], "at"), strict=True))
    made = [
        normpath(join(cwd, words[-1]))
        for words, cwd, _ in _each(whole)
        if re.search(r"(-m|uv) venv |virtualenv ", " ".join(words))
    ]
    for (word, rest), (env, cwd, _) in whole:
        for words in _commands(word, rest):
            line = " ".join(words)
            if re.match(r"(\.|source) \S+/bin/activate$", line):
                env["PATH"] = f"{normpath(join(cwd, words[1]))[: -len('/activate')]}:{env['PATH']}"
            if _installs(word, line) and "requirements.txt" in line:
                return installing[0], _where(words, line, env, cwd, made)
    return None, None


def _where(words, line, env, cwd, made):
    if re.search(r"\buv\b|--user\b|--root\b", line) or any(name in env for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_USER")):
        return None
    said = re.search(r"(?:--target|--prefix|--python|\s-t)[ =](\S+)", line)
    if said:
        return normpath(join(cwd, re.sub(r"/bin/python[\d.]*$", "", said[1])))
    if not re.fullmatch(r"(pip|python)[\d.]*", basename(words[0])):
        return None
    if "/bin/" in words[0]:
        return normpath(join(cwd, words[0].rpartition("/bin/")[0]))
    return next((entry[:-4] for entry in env["PATH"].split(":") if entry.removesuffix("/bin") in (*made, "/usr/local")), None)


def _packages(stages, final):
    """Whether the packages that are installed come into the last stage, and whether the Python that is started finds them."""
    stage, where = _installed(stages)
    steps = list(zip(final, _whole(stages, stages[-1], "at"), strict=True))
    names = {stage["name"].lower(), str(stages.index(stage))} if stage else set()
    copies = []
    for (word, rest), (_, cwd, _) in steps:
        options, sources, target = _copied(rest) if word == "COPY" else ((), (), "")
        if any(option.partition("=")[2].lower() in names for option in options if option.startswith("--from=")):
            copies += [(normpath(join("/", source)), normpath(join(cwd, target))) for source in sources]
    if not where or not copies or any("*" in source for source, _ in copies):
        return None
    found = [there for source, target in copies for there in _carried(where, source, target)]
    if not found:
        sources = " and ".join(source for source, _ in copies)
        why = " (`pip` alone is the system's, whatever environment you have made)" if where == "/usr/local" else ""
        return not_yet(
            f"The first stage installs into {where}{why}, and the last takes {sources}: the packages stay behind.",
            "takes something else",
        )
    return _python(_started(final), stages[-1]["end"], found[-1]) if found[-1] else None


def _carried(where, source, target):
    """Where a folder lies after a COPY: none, one, or "" where that cannot be told."""
    if f"{where}/".startswith(f"{source.rstrip('/')}/"):
        return [normpath(f"{target}/{where[len(source.rstrip('/')) :]}")]
    part = source[len(where) :]
    return [target.removesuffix(part) if target.endswith(part) else ""] if source.startswith(f"{where}/") else []


def _python(words, end, where):
    env, cwd, _ = end
    program = basename(words[0])
    if not re.fullmatch(r"(python[\d.]*|uvicorn)", program):
        return None
    if "/" in words[0]:
        used = normpath(join(cwd, words[0]))
    else:
        places = (f"{where}/bin", *(["/usr/local/bin"] if program != "uvicorn" else []))
        used = next((f"{entry}/{program}" for entry in env["PATH"].split(":") if entry in places), "")
    seen = [entry for entry in env.get("PYTHONPATH", "").split(":") if f"{entry}/".startswith(f"{where}/")]
    if used.rpartition("/bin/")[0] == where or seen or where == cwd:
        return None
    return not_yet(
        f"The packages lie in {where}, and `{words[0]}` is {used or 'nowhere in PATH'}, which does not look there. Start "
        f"{where}/bin/python, or name {where}/bin first in PATH (what pip has put there by --target: in PYTHONPATH).",
        "another Python",
    )


def _place(stages, final):
    """Whether `board` can be imported: from the working directory, PYTHONPATH or --app-dir."""
    env, end, _ = stages[-1]["end"]
    places, words = [], _started(final)
    for (word, rest), (_, cwd, _) in zip(final, _whole(stages, stages[-1], "at"), strict=True):
        options, sources, target = _copied(rest) if word in ("COPY", "ADD") else ((), (), "")
        if sources and not _from(options) and any(_is_code(source) for source in sources):
            there = normpath(join(cwd, target))
            places.append(there.removesuffix("/board.py") or "/")
    line = " ".join(words)
    if not places or re.search(r"[\w/]\.board:app|--app-dir|\bcd ", line):
        return None
    if {end, *env.get("PYTHONPATH", "").split(":")} & set(places):
        return None
    return not_yet(
        f"board.py lies in {places[-1]}, and the command starts in {end}, where there is no `board` to import. Name the same "
        "folder by WORKDIR.",
        "board elsewhere",
    )


def _asked(check):
    """A health check of the board that asks something else, or nobody."""
    host = re.search(r"(https?)://([\w.-]+)", check)
    path = re.search(r"8080(/[\w/-]*)", check) or re.search(r"'(/[\w/-]+)'", check)
    wanted = re.search(r"/health(?![\w-]|/\w)", check) and "8080" in check
    if not wanted or (host and (host[1] == "https" or not re.fullmatch(r"localhost|127\.[\d.]+|0\.0\.0\.0", host[2]))):
        asks = host[0] if wanted else path[1] if path else ""
        yours = f" Yours asks {asks}." if asks else ""
        return not_yet(
            f"The health check should ask /health on port 8080, by http, inside of the container: at 127.0.0.1.{yours}",
            "asks something else",
        )
    if re.search(r"\b(import|from) (requests|aiohttp|urllib3)\b", check):
        return not_yet(
            "requests is not in requirements.txt (nor is aiohttp or urllib3), so this check always fails: urllib.request "
            "comes with Python.",
            "asks nobody",
        )
    if "python" in check and not re.search(r"urlopen|urlretrieve|httpx|http\.client|HTTPConnection|socket|requests", check):
        return not_yet(
            "The health check asks nobody, so it is healthy whatever happens: urllib.request.urlopen(...).", "asks nobody"
        )
    return None


def _health(stages, final):
    checks = [rest for word, rest in final if word == "HEALTHCHECK"]
    if not checks or checks[-1].upper() == "NONE":
        return not_yet(
            "There is no HEALTHCHECK: nobody can wait until it is ready, or see that it no longer answers.", "no health check"
        )
    if re.search(r"\b(curl|wget)\b", checks[-1]):
        return not_yet(
            "A slim image has no curl and no wget, so this check always fails. Python is there: urllib.request.urlopen.",
            "no curl",
        )
    return _asked(checks[-1])


# --- 61a.3: a compose file ------------------------------------------------------------------------------------------------


def probe_compose(answer, rng):
    folder = _folder(answer)
    if isinstance(folder, str):
        return {"cannot": folder}
    text = _said(folder, "compose.yml")
    if text == "":
        return ...
    if text is None:
        return {"cannot": "There is no compose.yml in your folder."}
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return {"cannot": f"compose.yml is no YAML. {describe(error)}"}
    if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
        return {"cannot": "compose.yml has no `services:` with services under it."}
    dockerfile = _said(folder, "Dockerfile") or ""
    return {"document": document, "schema": containers.lint_compose(folder / "compose.yml"), "dockerfile": dockerfile}


def judge_compose(evidence, rng):
    if not isinstance(evidence, dict):
        return not_yet(DAMAGED)
    if "cannot" in evidence:
        return not_yet(str(evidence["cannot"]))
    document, schema = evidence.get("document"), evidence.get("schema")
    if not isinstance(document, dict) or not isinstance(schema, list) or not isinstance(evidence.get("dockerfile"), str):
        return not_yet(DAMAGED)
    if schema:
        return not_yet(f"The schema of compose files says: {schema[0]}", "schema")
    document = _defaults(document)
    services = document.get("services") or {}
    absent = [name for name in ("flights", "board") if not isinstance(services.get(name), dict)]
    if absent:
        return not_yet(f"There is no service {absent[0]!r}: its name is how others reach it.", "no such service")
    for find in (_images, _secret, _address, _waiting, _checked, _published, _kept_notes, _limits):
        told = find(document, services["board"], services["flights"])
        if told:
            return told
    stages = _stages(evidence["dockerfile"])
    told = _target(services["board"], stages) or _instead(services["board"], stages)
    if told:
        return told
    return passed("By name, in order, from this machine alone, and the notes outlive the container.")


def _defaults(value):
    """The document with `${NAME:-this}` as `this`, but for what may be a secret."""
    if isinstance(value, dict):
        return {name: _defaults(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_defaults(each) for each in value]
    if not isinstance(value, str) or re.search(SECRET_NAME, value, re.IGNORECASE):
        return value
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", value)


def _target(board, stages):
    build = board["build"]
    target = str(build.get("target") or "") if isinstance(build, dict) else ""
    if target and stages and target.lower() not in (stages[-1]["name"].lower(), str(len(stages) - 1)):
        return not_yet(
            f"`target: {target}` is not the last stage of your Dockerfile, the one that starts the board.", "not built"
        )
    return None


def _instead(board, stages):
    """A command of the compose file, which takes the place of the image's."""
    given = [board[name] for name in ("entrypoint", "command") if board.get(name)]
    if not given:
        return None
    line = " ".join(each if isinstance(each, str) else " ".join(map(str, each)) for each in given)
    env = " ".join(f"{n}={v}" for n, v in (*(stages[-1]["end"][0] if stages else {}).items(), *_environment(board).items()))
    told = _listens(line, env)
    if not told and (board.get("entrypoint") is None or "board:app" in line):
        return None
    said = told.reason if told else "It does not start board:app."
    return not_yet(f"`{line[:60]}` takes the place of what your Dockerfile says. {said}", "command instead")


def _environment(service):
    given = service.get("environment") or {}
    pairs = [str(each).partition("=")[::2] for each in given] if isinstance(given, list) else given.items()
    return {str(name): "" if value is None else str(value) for name, value in pairs}


def _images(document, board, flights):
    image = str(flights.get("image", ""))
    if not re.fullmatch(r"(?:[\w.:-]+/)*flight-delay-service(?::[\w.-]+)?(?:@sha256:\w+)?", image):
        return not_yet("The service flights runs the image flight-delay-service:1.", "another image")
    if "@" not in image and image.rpartition("/")[2].partition(":")[2] in ("", "latest"):
        return not_yet(f"`{image}` is another image tomorrow: name its version, flight-delay-service:1.", "latest")
    if "@" not in image and not re.search(r":v?1(?:[.-][\w.-]*)?$", image):
        return not_yet(f"`{image}` is not version 1 of it: flight-delay-service:1.", "another image")
    if not board.get("build"):
        return not_yet("The board is built from your Dockerfile: `build: .`", "not built")
    told = _built(board["build"])
    if told:
        return told
    for name, service in (("board", board), ("flights", flights)):
        if service.get("profiles"):
            return not_yet(f"{name} has a profile, so `docker compose up` does not start it.", "not started")
        if str(service.get("user", "")).partition(":")[0] in ("root", "0"):
            return not_yet(f"`user:` makes {name} root again, whatever its image says.", "root")
        if service.get("privileged") or service.get("network_mode") == "host":
            return not_yet(
                f"{name} is privileged or shares the machine's network: then the container holds nothing in.", "privileged"
            )
    return None


def _built(build):
    """A build of another folder or file, or with a secret."""
    build = build if isinstance(build, dict) else {"context": build}
    context, file = str(build.get("context") or "."), str(build.get("dockerfile") or "Dockerfile")
    if "$" not in context and normpath(context) not in (".", "../board"):
        return not_yet(
            f"The build is given {context}: seen from where compose.yml lies, your Dockerfile is not there. `build: .`",
            "not built",
        )
    if build.get("dockerfile_inline") or ("$" not in file and normpath(file) != "Dockerfile"):
        return not_yet(f"It is built from {file}, and your Dockerfile is called Dockerfile: `build: .`", "not built")
    if any(_is_secret(name, value) for name, value in _environment({"environment": build.get("args")}).items()):
        return not_yet(
            "The token is a build argument: whoever has the image can read it, by `docker history`. It is given when the "
            "container runs: `secrets:`.",
            "secret in the image",
        )
    return None


def _is_secret(name, value):
    """Whether a variable is a secret, by its own name or by that of the one it is filled from."""
    filled = re.findall(r"\$\{?(\w+)", value)
    return any(
        re.search(SECRET_NAME, each, re.IGNORECASE) and not re.search(r"_(FILE|DIR|PATH)$", each) for each in (name, *filled)
    )


def _secret(document, board, flights):
    for name, value in (*_environment(board).items(), *_environment(flights).items()):
        if _is_secret(name, value):
            return not_yet(
                f"{name} in the environment can be read by `docker inspect`, and by whatever the program starts. Give a file: "
                "`secrets:`.",
                "secret in the environment",
            )
    if board.get("env_file") or flights.get("env_file"):
        return not_yet("env_file puts the token into the environment all the same: use `secrets:`.", "secret in the environment")
    used = {(each if isinstance(each, str) else each.get("source")): each for each in board.get("secrets") or []}
    declared = document.get("secrets") or {}
    if not used:
        return not_yet("The board has no secret: who may write a note is in the file of BOARD_TOKEN_FILE.", "no secret")
    undeclared = [name for name in used if name not in declared]
    if undeclared:
        return not_yet(
            f"The secret {undeclared[0]} is used and not declared: `secrets:` at the top level says its file.", "undeclared"
        )
    if not any((declared[name] or {}).get("file", "").removeprefix("./") == "secrets/board_token" for name in used):
        return not_yet("The secret's file is secrets/board_token.", "no secret")
    for each in flights.get("secrets") or []:
        name = each if isinstance(each, str) else each.get("source")
        if name in used:
            return not_yet(
                f"flights is given {name} too, and needs it for nothing: it is a secret of the board.", "secret of the board"
            )
    targets = [each if isinstance(each, str) else each.get("target") or each["source"] for each in used.values()]
    paths = [target if target.startswith("/") else f"/run/secrets/{target}" for target in targets]
    read = _environment(board).get("BOARD_TOKEN_FILE") or "/run/secrets/board_token"
    if read not in paths:
        return not_yet(f"The board reads {read}, and its secret lies at {paths[0]}.", "reads another file")
    return None


def _address(document, board, flights):
    found = _environment(board).get("FLIGHT_API", "")
    match = re.fullmatch(r"http://([\w.-]+)(?::(\d+))?(/?)(.*)", found)
    if found and not match:
        return not_yet(
            f"FLIGHT_API is {found}: it begins with http:// (flights speaks no https), and then the service's name and port.",
            "no address",
        )
    if not match or match[1] in ("localhost", "127.0.0.1", "0.0.0.0"):
        unset = "not set, and board.py then takes http://127.0.0.1:8000/"
        return not_yet(
            f"FLIGHT_API is {found or unset}: localhost is the board's own container, where no flight service is. In the "
            "network of the containers a service is reached by its name.",
            "localhost",
        )
    if match[1] not in ("flights", flights.get("container_name")):
        return not_yet(f"No service is called {match[1]}: the flight service is reached by its name, flights.", "another name")
    if match[2] != "8000":
        return not_yet(
            f"{found}: between containers the port is the one that the program listens on, 8000, whatever is published.",
            "another port",
        )
    if not match[3]:
        return not_yet("board.py puts `predict` right behind FLIGHT_API: the address ends with a slash.", "no slash")
    if match[4]:
        return not_yet(f"board.py puts `predict` behind FLIGHT_API itself: leave out `{match[4]}` at its end.", "no slash")
    alone = [f"{service['network_mode']}" for service in (board, flights) if service.get("network_mode") in ("none", "bridge")]
    if alone:
        return not_yet(f"`network_mode: {alone[0]}` takes it out of the network where services know each other's names.", "apart")
    networks = [set(service.get("networks") or ["default"]) for service in (board, flights)]
    undeclared = [name for name in networks[0] | networks[1] if name not in {"default", *(document.get("networks") or {})}]
    if undeclared:
        return not_yet(f"The network {sorted(undeclared)[0]} is used and not declared at the top level.", "undeclared")
    if not networks[0] & networks[1]:
        return not_yet("The board and flights have no network in common, so neither knows the other's name.", "apart")
    return None


def _waiting(document, board, flights):
    wanted = board.get("depends_on") or {}
    if "flights" not in wanted:
        return not_yet("The board does not wait: it may be asked before the flight service answers. depends_on.", "does not wait")
    said = {} if isinstance(wanted, list) else wanted["flights"] or {}
    if said.get("required") is False:
        return not_yet("`required: false`: the board starts without flights as well.", "does not wait")
    if said.get("condition") == "service_completed_successfully":
        return not_yet("It waits until flights has *ended*, which a service never does: service_healthy.", "waits for its end")
    if said.get("condition") != "service_healthy":
        return not_yet(
            "It waits until flights is *started*, which is before the model is loaded: condition: service_healthy.",
            "started is not ready",
        )
    return None


def _checked(document, board, flights):
    """A health check that takes the place of the image's."""
    for name, service, port in (("flights", flights, "8000"), ("board", board, "8080")):
        check = service.get("healthcheck") or {}
        test = check.get("test") or ""
        test = test if isinstance(test, str) else " ".join(map(str, test))
        if check.get("disable") or test == "NONE":
            return not_yet(
                f"{name} has a health check in its image, and you switch it off: who waits for it?", "health check gone"
            )
        if re.search(r"\b(curl|wget)\b", test):
            return not_yet(
                f"The image of {name} has a health check that works. Yours takes its place, and a slim image has no curl.",
                "no curl",
            )
        told = _asked(test) if test and name == "board" else None
        if told:
            return told
        if test and port not in test:
            return not_yet(f"`{test[:60]}` takes the place of {name}'s own health check, and asks nobody.", "health check gone")
    return None


def _published(document, board, flights):
    if flights.get("ports"):
        return not_yet(
            "Nobody but the board asks flights, so it needs no `ports`: those are for what people reach.", "publishes all"
        )
    if not board.get("ports"):
        more = " `expose` does not do that." if board.get("expose") else ""
        return not_yet(f"The board is not published: nobody outside reaches it.{more} `ports:` does.", "not published")
    for port in board["ports"]:
        host, target, published = _port(port)
        if host not in ("127.0.0.1", "::1"):
            return not_yet(
                f"The port {port if not isinstance(port, dict) else published} is open to every machine that reaches this one: "
                "begin with 127.0.0.1.",
                "open to all",
            )
        if target and not published:
            return not_yet(
                f"`{port}` leaves the port outside open, so it is any that is free: 127.0.0.1:8080:8080.", "another port"
            )
        if (target, published) != ("8080", "8080"):
            return not_yet("The board listens on 8080 and is to be found on 8080: 127.0.0.1:8080:8080.", "another port")
    declared, joined = document.get("networks") or {}, list(board.get("networks") or ["default"])
    if all((declared.get(name) or {}).get("internal") for name in joined):
        return not_yet(
            f"The board is in {joined[0]} alone, which is `internal`: no port is published from there. Give it a second network.",
            "not published",
        )
    return None


def _port(port):
    if isinstance(port, dict):
        return str(port.get("host_ip", "")), str(port.get("target", "")), str(port.get("published", ""))
    found = re.fullmatch(r"(?:\[?([\w.:]+?)\]?:)??(?:(\d*):)?(\d+)(?:/tcp)?", str(port))
    return (found[1] or "", found[3], found[2] or "") if found else ("", "", "")


def _kept_notes(document, board, flights):
    mounts = [_mount(each) for each in board.get("volumes") or []]
    sources = [source for source, target in mounts if target.rstrip("/") == "/data"]
    if not sources:
        return not_yet("Nothing is mounted at /data: the notes are gone with the container. A volume keeps them.", "notes lost")
    if not sources[0]:
        return not_yet("A volume without a name is a new one for each new container: give it a name.", "no name")
    if sources[0].startswith((".", "/", "~")):
        return not_yet(
            f"{sources[0]} is a folder of this machine, and belongs to you or to root, not to 10001. A named volume takes over "
            "whom /data belongs to in the image.",
            "folder for a volume",
        )
    for name in [source for source, _ in mounts if source and not source.startswith((".", "/", "~"))]:
        if name not in (document.get("volumes") or {}):
            return not_yet(
                f"The volume {name} is used and not declared at the top level. The schema does not see that; compose refuses it.",
                "undeclared",
            )
    return _written(board)


def _written(board):
    """Notes that would not come to lie in the volume."""
    for each in board.get("volumes") or []:
        options = [] if isinstance(each, dict) else ":".join(str(each).split(":")[2:]).split(",")
        if _mount(each)[1].rstrip("/") == "/data" and ("ro" in options or (isinstance(each, dict) and each.get("read_only"))):
            return not_yet("The volume at /data is read only: no note can be written.", "read only")
    tmpfs = board.get("tmpfs") or []
    if any(str(each).partition(":")[0].rstrip("/") == "/data" for each in ([tmpfs] if isinstance(tmpfs, str) else tmpfs)):
        return not_yet("The tmpfs at /data lies over the volume, in memory: the notes are gone with the container.", "notes lost")
    notes = _environment(board).get("NOTES", "/data/notes.db")
    if not normpath(notes).startswith("/data/"):
        return not_yet(f"NOTES is {notes}, outside of the volume at /data: the notes are gone with the container.", "notes lost")
    return None


def _mount(volume):
    if isinstance(volume, dict):
        source = str(volume.get("source") or "")
        return (f"./{source}" if volume.get("type") == "bind" and source[:1] not in "./~" else source), str(
            volume.get("target", "")
        )
    parts = str(volume).split(":")
    return ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def _limits(document, board, flights):
    for name, service in (("flights", flights), ("board", board)):
        limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        given = str(limits.get("memory") or service.get("mem_limit") or "0")
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?", given.lower())
        if not found and "$" not in given:
            return not_yet(f"`{given}` is no amount of memory that compose reads: 256M, for example.", "no limit")
        if found and not float(found[1]):
            return not_yet(f"{name} may take all memory of the machine, and the others fall with it: set a limit.", "no limit")
        if found and float(found[1]) * 1024 ** (" kmgtp".index(found[2]) if found[2] else 0) < 6 * 1024**2:
            return not_yet(f"`{given}` is a limit in bytes, less than any container may have: 256M, for example.", "no limit")
    return None


# --- all ------------------------------------------------------------------------------------------------------------------

QUESTIONS = {
    "61a.1": Question(
        title="What a change makes anew",
        probe=probe_rebuilt,
        judge=judge_rebuilt,
        hints=(
            "Go through the steps once, and remember whether one before has had to run again.",
            "Of a COPY, the sources are all words between `COPY` and the last one, without those that begin with --. A changed "
            "file touches it if its name is a source, or begins with a source and a slash, or the source is `.`.",
            "Take the ignored files out of `changed` first: a name is ignored if it is in the list, or begins with one of its "
            "names and a slash.",
        ),
        notebook="solutions/61a_containers/61a_containers.ipynb",
        misconceptions=tuple(REBUILT),
    ),
    "61a.2": Question(
        title="A Dockerfile",
        probe=probe_dockerfile,
        judge=judge_dockerfile,
        hints=(
            "Two stages: the first makes a virtual environment in /opt/venv and installs requirements.txt into it; the second "
            "begins with the same FROM, and takes /opt/venv by COPY --from.",
            "While still root: `RUN install --directory --owner=10001 --group=10001 /data`; then `USER 10001:10001`. The health "
            "check is Python: urllib.request.urlopen('http://127.0.0.1:8080/health').",
            '.dockerignore: a line `*`, a line `!board.py`, a line `!requirements.txt`. The command is a list: `CMD ["/opt/venv/'
            'bin/python", "-m", "uvicorn", "board:app", "--host", "0.0.0.0", "--port", "8080"]`.',
        ),
        notebook=f"{FOLDER}/Dockerfile",
        misconceptions=(
            "EXPOSE publishes", "latest", "secret in the image", "ADD of an address", "secret sent", "heavy context",
            "ignores what it needs", "one stage", "code before packages", "unpinned", "pip at last",
            "nothing from the build", "no app", "root", "user by name", "data is root's", "no command", "shell form",
            "loopback", "another port", "no health check", "no curl", "asks something else", "hadolint",
            "asks nobody", "another Python", "takes something else", "data is another's", "no longer root",
            "board elsewhere", "installs more", "two Pythons", "no Python", "started twice",
        ),
    ),
    "61a.3": Question(
        title="A compose file",
        probe=probe_compose,
        judge=judge_compose,
        hints=(
            "Two services, `flights` and `board`. In the board's environment FLIGHT_API is http://flights:8000/ : the name of "
            "the service, and the port inside.",
            "`depends_on:` with `flights: {condition: service_healthy}`; `ports: [\"127.0.0.1:8080:8080\"]` for the board alone; "
            "`volumes: [\"notes:/data\"]`, and `notes: {}` under the `volumes:` at the top level.",
            "`secrets: [board_token]` in the board, and at the top level `secrets:` with `board_token: {file: "
            "./secrets/board_token}`. `deploy: {resources: {limits: {memory: 256M}}}` for both.",
        ),
        notebook=f"{FOLDER}/compose.yml",
        misconceptions=(
            "schema", "no such service", "another image", "latest", "not built", "privileged", "secret in the environment",
            "no secret", "undeclared", "reads another file", "localhost", "another name", "another port", "no slash", "apart",
            "does not wait", "started is not ready", "no curl", "publishes all", "not published", "open to all", "notes lost",
            "no name", "folder for a volume", "no limit", "read only", "command instead", "secret in the image",
            "health check gone", "asks something else", "asks nobody", "root", "waits for its end", "not started",
            "secret of the board", "no address",
        ),
    ),
}  # fmt: skip
