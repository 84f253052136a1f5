"""Question 32.4, a look at a folder before it is shared.

The probe writes small folders; by making them, the judge knows what each breaks.
"""

import re
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

from helpers.course.evidence import describe
from helpers.course.verdict import Question, not_yet, passed

CHECKS = ("front matter", "entry", "pins", "versions", "secret", "stray", "path")
FRONT, PINS, VERSIONS = ("front matter", "README.md"), ("pins", "requirements.txt"), ("versions", "README.md")
KEYS = [("sdk",), ("sdk_version",), ("app_file",)]
NOT_UTF8 = b"\x08\x07\x12\x04\xff\xfe\xe9 skl2onnx \x80"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class World:
    """What differs from seed to seed."""

    version: str  # of gradio
    older: str
    module: str
    table: str
    token: str
    login: str


def a_world(rng):
    return World(
        version=f"6.{rng.integers(20, 40)}.{rng.integers(1, 9)}",
        older=f"5.{rng.integers(10, 50)}.{rng.integers(0, 9)}",
        module=str(rng.choice(["view", "show", "draw", "pages"])),
        table=str(rng.choice(["passengers", "bookings", "crew", "visitors"])),
        token="hf_" + "".join(rng.choice(list(LETTERS), size=34)),
        login=str(rng.choice(["gate", "ops", "desk", "tower"])),
    )


# --- the folders ----------------------------------------------------------------------------------------------------------


def readme(w, *, above="", sdk="sdk: gradio", version=None, entry="app_file: app.py", more=(), close="---", body=""):
    version = f"sdk_version: {w.version}" if version is None else version
    lines = ["---", *(more or ["title: Flight delay"]), sdk, version, 'python_version: "3.11"', entry, close]
    return above + "".join(f"{line}\n" for line in lines if line) + "\n# Which flights will arrive late?\n" + body


def pins(w, *lines, gradio=None):
    return "".join(f"{line}\n" for line in ["httpx==0.28.1", gradio or f"gradio=={w.version}", *lines])


def sound(w):
    return {
        "README.md": readme(w),
        "requirements.txt": pins(w),
        "app.py": f"from helpers import {w.module}\n\n{w.module}.launch()\n",
        f"helpers/{w.module}.py": "import os\n\nTOKEN = os.environ.get('HF_TOKEN')\n",
    }


def folders(rng):
    """Each: what it is, its files, its problems, and what a difference means: by the pair that lacks or is too many."""
    w = a_world(rng)
    cases = [*fine(w), *odd_readmes(w), *odd_requirements(w), *odd_files(w), *several(w)]
    return [
        (told, {name: content for name, content in (sound(w) | changes).items() if content is not None}, set(want), meanings)
        for told, changes, want, meanings in cases
    ]


def fine(w):
    listed = ['title: "Flights: late or not"', "tags:", "- flights"]
    quoted = readme(w, more=listed, version=f'sdk_version: "{w.version}"', entry='app_file: "app.py"')
    single = readme(w, version=f"sdk_version: '{w.version}'", entry="app_file: 'app.py'")
    notes = "\nBefore, it said\n\n    app_file: old.py\n    sdk_version: 4.0.0\n\n---\napp_file: old.py\n"
    odd = ["# what the app needs", "", "uvicorn[standard]==0.34.0", 'tomli==2.2.1 ; python_version >= "3.11"']
    odd += ["numpy == 2.1.0  # not >= 2.2: see the notes", "scikit_learn==1.6.1"]
    extras = f'gradio[oauth]=={w.version}; python_version >= "3.11"'
    near = [".env.example", "environment.py", "helpers/csv_files.py", "docs/secrets.toml.md", "docs/__pycache__.md"]
    tokens = "from huggingface_hub import hf_hub_download\n# paste it into HF_TOKEN: hf_yourTokenHere, or hf_xxxxxxxx\n"
    moved = {"README.md": readme(w, entry="app_file: space/main.py"), "space/main.py": "print()\n", "app.py": None}
    talk = f"\nOn Windows it lay in C:\\flights, elsewhere in /home/{w.login}/flights.\n"
    whole = {"model/model.onnx": NOT_UTF8, ".streamlit/config.toml": "[browser]\n", "helpers/__init__.py": ""}
    entry_quoted = ("entry", '"app.py"')
    return [
        ("where all is well", whole, [], {("entry", " app.py"): "spaces kept"}),
        (
            "whose front matter has values in quotes, a list and a colon in its title; all is well",
            {"README.md": quoted},
            [],
            {entry_quoted: "quotes kept", VERSIONS: "quotes kept", "raised": "lines of another form"},
        ),
        (
            "whose front matter has values in single quotes; all is well",
            {"README.md": single},
            [],
            {("entry", "'app.py'"): "single quotes kept", VERSIONS: "single quotes kept"},
        ),
        (
            "whose README.md has lines such as app_file: old.py below its front matter; all is well",
            {"README.md": readme(w, body=notes)},
            [],
            {("entry", "old.py"): "anywhere in the file", VERSIONS: "anywhere in the file"},
        ),
        (
            "whose app_file is space/main.py, which is there; all is well",
            moved,
            [],
            {("entry", "app.py"): "another entry", ("entry", "space/main.py"): "top folder alone"},
        ),
        (
            "whose requirements have comments, extras, markers and spaces, and are all pinned",
            {"requirements.txt": pins(w, *odd)},
            [],
            {PINS: "good pins refused"},
        ),
        (
            "whose requirements pin gradio-client and gradio_client_tools besides gradio; all is well",
            {"requirements.txt": "gradio-client==1.9.0\n" + pins(w, "gradio_client_tools==0.3.1")},
            [],
            {VERSIONS: "client is not gradio"},
        ),
        (
            f"with the requirement {extras}; all is well",
            {"requirements.txt": pins(w, gradio=extras)},
            [],
            {VERSIONS: "rest kept"},
        ),
        (f"with {', '.join(near)}; all is well", dict.fromkeys(near, "\n"), [], {("stray", n): "part of a name" for n in near}),
        (
            "where hf_ begins other words, and what follows it is short; all is well",
            {"helpers/fetch.py": tokens},
            [],
            {("secret", "helpers/fetch.py"): "any hf_"},
        ),
        (
            'with the text "/homepage" in helpers/routes.py; all is well',
            {"helpers/routes.py": 'ROUTES = ["/homepage", "/UsersGuide"]\n'},
            [],
            {("path", "helpers/routes.py"): "part of a path"},
        ),
        (
            "whose README.md speaks of C:\\flights and of a folder in /home/; no .py file does",
            {"README.md": readme(w, body=talk)},
            [],
            {("path", "README.md"): "not only .py"},
        ),
    ]


def odd_readmes(w):
    late = "\nIn the front matter stands\n\nsdk_version: 1.2.3\n"
    table = "\n| carrier | late |\n|---|---|\n| UA | 0.2 |\n"
    other = {"README.md": readme(w, entry="app_file: main.py")}
    return [
        ("without a README.md", {"README.md": None}, [FRONT], {FRONT: "README may be absent", "raised": "needs every file"}),
        ("whose README.md has no front matter", {"README.md": "# Flights\n"}, [FRONT], {"raised": "needs every key"}),
        (
            "whose README.md has a heading above the front matter",
            {"README.md": readme(w, above="# Flights\n\n")},
            [FRONT],
            {FRONT: "anywhere in the file"},
        ),
        (
            "whose front matter lacks sdk_version, which the text below mentions",
            {"README.md": readme(w, version="", body=late)},
            [FRONT],
            {FRONT: "anywhere in the file", VERSIONS: "anywhere in the file", "raised": "needs every key"},
        ),
        (
            "whose front matter has sdk_version and no sdk",
            {"README.md": readme(w, sdk="")},
            [FRONT],
            {FRONT: "part of a key", "raised": "needs every key"},
        ),
        (
            "with `app_file:` and nothing behind it",
            {"README.md": readme(w, entry="app_file:")},
            [FRONT],
            {FRONT: "empty value", ("entry", ""): "empty value", ("entry", "."): "empty value", "raised": "empty value"},
        ),
        (
            "whose front matter has no end; a table below has |---|---|",
            {"README.md": readme(w, close="", body=table)},
            [FRONT],
            {FRONT: "never closed"},
        ),
        (
            "whose app_file is main.py, and there is app.py alone",
            other,
            [("entry", "main.py")],
            {("entry", "main.py"): "another entry"},
        ),
        (
            "whose app_file is helpers, which is a folder",
            {"README.md": readme(w, entry="app_file: helpers")},
            [("entry", "helpers")],
            {("entry", "helpers"): "folder is no file"},
        ),
    ]


def odd_requirements(w):
    lines = [
        ("pandas>=2.2", ">= is a pin"),
        ("pandas", "looks for >= alone"),
        ("pandas~=2.2.0", "looks for >= alone"),
        ("pandas==2.*", "star is exact"),
        ('tomli; python_version == "3.11"', "== of the marker"),
        ("pandas  # it was ==2.2.0", "== of the comment"),
    ]
    cases = [(f"with the requirement {line}", {"requirements.txt": pins(w, line)}, [PINS], {PINS: kind}) for line, kind in lines]
    newer, extras = f"gradio=={w.version}1", f"gradio[oauth]=={w.older}"
    return [
        *cases,
        (
            "without a requirements.txt",
            {"requirements.txt": None},
            [PINS],
            {PINS: "requirements may be absent", "raised": "needs every file"},
        ),
        (
            f"with the requirement gradio>={w.older}",
            {"requirements.txt": pins(w, gradio=f"gradio>={w.older}")},
            [PINS],
            {VERSIONS: "no pin to compare", "raised": "no pin to compare"},
        ),
        (
            f"with gradio=={w.older} and sdk_version: {w.version}",
            {"requirements.txt": pins(w, gradio=f"gradio=={w.older}")},
            [VERSIONS],
            {},
        ),
        (
            f"with {newer} and sdk_version: {w.version}",
            {"requirements.txt": pins(w, gradio=newer)},
            [VERSIONS],
            {VERSIONS: "part of a version"},
        ),
        (
            f"with {extras} and sdk_version: {w.version}",
            {"requirements.txt": pins(w, gradio=extras)},
            [VERSIONS],
            {VERSIONS: "extras hide gradio"},
        ),
    ]


def odd_files(w):
    line, least, own = f'TOKEN = "{w.token}"\n', w.token[:23], f"helpers/{w.module}.py"
    one = [
        ("a token in app.py", "secret", "app.py", line, None),
        ("a token in a module of helpers", "secret", own, line, "top folder alone"),
        ("a token in docs/notes.md", "secret", "docs/notes.md", line, "some files alone"),
        ("a token in .streamlit/config.toml", "secret", ".streamlit/config.toml", line, "hidden overlooked"),
        ("a token in model/cache.bin, which is not text", "secret", "model/cache.bin", NOT_UTF8 + line.encode(), "text alone"),
        ("hf_ and exactly 20 letters and digits in app.py", "secret", "app.py", f"# {least}\n", "too narrow"),
        (f"{w.table}.csv", "stray", f"{w.table}.csv", "name\n", None),
        (f"data/old/{w.table}.csv", "stray", f"data/old/{w.table}.csv", "name\n", "top folder alone"),
        ("an .env", "stray", ".env", "PORT=7860\n", "hidden overlooked"),
        (".streamlit/secrets.toml", "stray", ".streamlit/secrets.toml", "port = 1\n", "hidden overlooked"),
        ("helpers/__pycache__", "stray", f"helpers/__pycache__/{w.module}.cpython-311.pyc", NOT_UTF8, None),
        ("helpers/__pycache__/old/x.pyc", "stray", "helpers/__pycache__/old/x.pyc", NOT_UTF8, "direct folder alone"),
        ("a folder of /home/ in app.py", "path", "app.py", f'DATA = "/home/{w.login}/data"\n', None),
        ("a folder of /Users/ in a module of helpers", "path", own, f'DATA = "/Users/{w.login}/data"\n', "one system alone"),
        ("a folder of C:\\ in app.py", "path", "app.py", 'DATA = r"C:\\flights\\data"\n', "one system alone"),
    ]
    cases = []
    for told, check, name, content, kind in one:
        cases.append((f"with {told}", {name: content}, [(check, name)], {(check, name): kind} if kind else {}))
    return cases


def several(w):
    line, env = f'TOKEN = "{w.token}"\n', f"HF_TOKEN={w.token}\n"
    both = {"app.py": line, f"helpers/{w.module}.py": line, "a.csv": "x\n", "data/b.csv": "x\n"}
    all_of_them = {
        "README.md": readme(w, version="sdk_version: 4.0.0", sdk="", entry="app_file: main.py"),
        "requirements.txt": pins(w, "pandas", "numpy>=2"),
        "app.py": f'DATA = "/home/{w.login}"\n{line}{line}',
        ".env": env,
    }
    four = [("secret", "app.py"), ("secret", f"helpers/{w.module}.py"), ("stray", "a.csv"), ("stray", "data/b.csv")]
    secret, stray, entry = ("secret", ".env"), ("stray", ".env"), ("entry", "main.py")
    rest = [("path", "app.py"), ("secret", "app.py"), secret, stray]
    return [
        ("with two requirements without a pin", {"requirements.txt": pins(w, "pandas", "numpy>=2")}, [PINS], {}),
        ("with a token in .env", {".env": env}, [secret, stray], {secret: "one check a file", stray: "one check a file"}),
        (
            "without a README.md, with a token in .env",
            {"README.md": None, ".env": env},
            [FRONT, secret, stray],
            {secret: "stops early", stray: "stops early"},
        ),
        (
            "whose front matter lacks sdk, and whose app_file is not there",
            {"README.md": readme(w, sdk="", entry="app_file: main.py")},
            [FRONT, entry],
            {FRONT: "stops early", entry: "stops early"},
        ),
        ("with tokens in two files and two CSV files", both, four, dict.fromkeys(four, "first file only")),
        ("with all seven problems", all_of_them, [FRONT, entry, PINS, VERSIONS, *rest], {}),
    ]


# --- probe and judge ------------------------------------------------------------------------------------------------------


def probe_sharing(answer, rng):
    if not callable(answer):
        return {"no function": type(answer).__name__}
    found = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        for number, (_, files, _, _) in enumerate(folders(rng)):
            folder = Path(place) / f"space{number}"
            contents = {folder / name: content for name, content in files.items()}
            for path, content in contents.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
            found.append(_looked(answer, folder))
            if isinstance(found[-1], dict) and "pairs" not in found[-1]:
                break
        changed = {path for path in folder.rglob("*") if path.is_file()} != set(contents)  # of the last one, the fullest
    return {"found": found, "changed": changed}


def _looked(answer, folder):
    try:
        value = answer(folder)
    except NotImplementedError:
        raise
    except Exception as error:
        told = describe(error).replace(str(folder), "the folder")
        return {"raised": textwrap.shorten(told, 150, placeholder="…"), "kind": _kind(error)}
    if value is ...:
        return ...
    return {"pairs": list(value)} if isinstance(value, (list, tuple, set, frozenset)) else {"gave": type(value).__name__}


def _kind(error):
    """A misconception that an exception shows by itself, or ""."""
    if isinstance(error, KeyError) and error.args[:1] in KEYS:
        return "needs every key"
    kinds = [(UnicodeDecodeError, "falls on bytes"), ((IsADirectoryError, PermissionError), "opens folders")]
    return next((kind for types, kind in kinds if isinstance(error, types)), "")


MISCONCEPTIONS = {
    "falls on bytes": "Not every file is text. Path.read_bytes never fails on that, and re.search takes bytes: rb'hf_...'.",
    "opens folders": "rglob gives folders, too: ask path.is_file().",
    "needs every file": "A file that is absent is what this function is to tell; ask whether it is there.",
    "needs every key": "A key that is absent is what this function is to tell: keys.get(name).",
    "changes the folder": "It is a look: leave the folder as it is.",
    "lines of another form": "Front matter has other lines, too. line.partition(':') splits once, and never fails.",
    "spaces kept": "The space behind the colon is no part of the value: strip it.",
    "quotes kept": "A value may stand in double quotes, which are no part of it.",
    "single quotes kept": "In YAML a value may stand in single quotes as well as in double ones.",
    "folder is no file": "app_file names what is started, and a folder is not: ask path.is_file(), for exists() is true of both.",
    "direct folder alone": "What lies deeper down in a __pycache__ counts, too: look at all parts of the path.",
    "anywhere in the file": "The front matter stands between a first line --- and the next ---. The rest is for people.",
    "another entry": "The front matter says which file is started: neither app.py nor any other name is fixed.",
    "good pins refused": "A pin is name, extras if any, == and a version; a marker, a comment or spaces do no harm.",
    "client is not gradio": "gradio-client is another package: compare whole names.",
    "rest kept": "Compare the version alone, without extras, marker or comment.",
    "part of a name": "Compare whole names, and endings only at the end.",
    "any hf_": "A token is hf_ and then at least 20 letters and digits, nothing between.",
    "part of a path": "It is /home/ with both slashes, and likewise /Users/.",
    "not only .py": "This check is about .py files alone.",
    "README may be absent": "Without README.md there is no front matter, so the platform does not know what to start.",
    "part of a key": "sdk_version is not sdk: compare whole keys.",
    "empty value": "A key without a value is as good as none: the front matter is at fault, and no entry is named.",
    "never closed": "The front matter ends at a line that is --- and nothing else. Here is none.",
    ">= is a pin": ">= takes whatever is newest on the day: only == fixes a version.",
    "looks for >= alone": "There are more ways not to pin than >=. Say what a pin looks like, and refuse all else.",
    "star is exact": "A star stands for many versions.",
    "== of the marker": "What stands behind ; says when the requirement counts, not which version.",
    "== of the comment": "What stands behind # is for people; take it away first.",
    "requirements may be absent": "Without requirements.txt, nothing is pinned.",
    "no pin to compare": "gradio is not pinned, so there are no two versions to compare; the missing pin is told already.",
    "part of a version": "Compare whole versions, not how they begin.",
    "extras hide gradio": "gradio[oauth] is gradio, with extras.",
    "top folder alone": "Look into the folders inside, too: folder.rglob('*').",
    "some files alone": "A secret may stand in any file, whatever its name.",
    "hidden overlooked": "Secrets like to lie where a name begins with a dot. glob.glob passes over it, Path.rglob does not.",
    "text alone": "A secret may stand in a file that is not text: search its bytes.",
    "too narrow": "20 letters or digits are enough; capitals and small letters both count.",
    "one system alone": "Linux, macOS and Windows keep homes in different places: /home/, /Users/, C:\\.",
    "one check a file": "A file can have several problems: ask each check by an `if` of its own, without elif or continue.",
    "first file only": "Each file with the problem is told, or its owner comes back once for each.",
    "first only": "All problems are wanted, not the first.",
    "stops early": "What one check finds is no reason to leave out the others.",
    "told twice": "Each pair comes once, however often the file has the problem.",
    "bare name": "The file is told by its path inside the folder.",
    "whole path": "The file is told by its path inside the folder: path.relative_to(folder).as_posix().",
    "backslashes": "The parts of the path are joined by /: path.relative_to(folder).as_posix().",
}


def judge_sharing(evidence, rng):
    if "no function" in evidence:
        return not_yet(f"A function preflight(folder) is wanted; a value of type {evidence['no function']} came.", "no function")
    for (told, _, want, meanings), got in zip(folders(rng), evidence["found"], strict=False):
        kind, message = _otherwise(want, meanings, got)
        if message:
            why = f" {MISCONCEPTIONS[kind]}" if kind in MISCONCEPTIONS else ""
            return not_yet(f"Given a folder {told}: {message}{why}", kind)
    if evidence["changed"]:
        kind = "changes the folder"
        return not_yet(f"All problems are told, but files came or went. {MISCONCEPTIONS[kind]}", kind)
    return passed()


def _otherwise(want, meanings, got):
    """A misconception or None, and what is otherwise than wanted; ("", "") where nothing is."""
    if "raised" in got:
        return got["kind"] or meanings.get("raised", "raises"), f"yours raises {got['raised']}."
    if "gave" in got:
        return "no list", f"a list of pairs is wanted; a value of type {got['gave']} came."
    pairs = got["pairs"]
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair) for pair in pairs):
        return "no pairs", "each problem is a pair of two texts, (check, file); yours has others."
    found = {tuple(pair) for pair in pairs}
    if strange := sorted({check for check, _ in found} - set(CHECKS)):
        return "another name", f"no check is called {strange[0][:60]!r}; they are {', '.join(CHECKS)}."
    if found != want:
        return _pairs_otherwise(want, meanings, found)
    if len(found) < len(pairs):
        return "told twice", f"{_pair(next(tuple(pair) for pair in pairs if pairs.count(pair) > 1))} comes more than once."
    return "", ""


def _pairs_otherwise(want, meanings, found):
    lacking, extra = sorted(want - found), sorted(found - want)
    if written := _written_otherwise(lacking, extra):
        return written
    if len(want) > 4 and len(found) == 1 and not extra:
        return "first only", f"there are {len(want)} problems; yours tells {_pair(*found)} alone."
    kind = next((meanings[pair] for pair in [*lacking, *extra] if pair in meanings), None)
    if lacking:
        return kind, f"{_pair(lacking[0])} is a problem; yours does not tell it."
    return kind, f"yours tells {_pair(extra[0])}, which is no problem here."


def _written_otherwise(lacking, extra):
    """A misconception and its message, where a wanted file is told in another way."""
    if any(re.match("[A-Za-z]:|/", file) for _, file in extra):
        return "whole path", "yours gives a path from the root of the disk."
    for check, name in lacking:
        for ours in [file for other, file in extra if other == check]:
            plain = ours.replace("\\", "/")
            if plain.endswith("/" + name):
                return "whole path", f"{_pair((check, name))} is wanted; yours gives a longer path."
            if plain == name or name.endswith("/" + plain):
                return "backslashes" if plain == name else "bare name", f"{_pair((check, name))} is wanted; yours says {ours!r}."
    return None


def _pair(pair):
    return textwrap.shorten(repr(pair), 120, placeholder="…")


QUESTION = Question(
    title="Before the folder is shared",
    probe=probe_sharing,
    judge=judge_sharing,
    hints=(
        "Make a dict first: the path inside the folder, as_posix(), for each path of folder.rglob('*') that is_file(). Collect "
        "the pairs in a set. The first four checks look at two files, the last three at each file.",
        "The front matter: first, *lines = text.splitlines() or ['']. If first is --- and --- is among the lines, go through "
        "lines[:lines.index('---')] with key, _, value = line.partition(':'). Look for secrets in path.read_bytes().",
        r"A requirement is line.split('#')[0].split(';')[0].strip(); it is pinned if "
        r"re.fullmatch(r'([\w.-]+)\s*(\[.*\])?\s*==\s*([\w.]+)', it). Groups 1 and 3 are name and version.",
    ),
    notebook="solutions/32_interactive_apps.ipynb",
    misconceptions=("no function", "raises", "no list", "no pairs", "another name", *MISCONCEPTIONS),
)
