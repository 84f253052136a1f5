"""Submissions that no instructor wants to meet, for the tests of grading: exercise 11, solved, with something done to it."""

import json
import os
import stat
import zipfile
from pathlib import Path

from helpers.course import regions
from tests.notebook_files import ROOT

EXERCISE = "11_what_is_mlops"
ANSWERS = {}  # question's number: a cell that answers it right
for _cell in json.loads((ROOT / "solutions" / f"{EXERCISE}.ipynb").read_text(encoding="utf-8"))["cells"]:
    _source = "".join(_cell["source"])
    if _cell["cell_type"] == "code" and regions.find_regions(_source):
        ANSWERS[len(ANSWERS) + 1] = _source
SEAL = "import hashlib, json\ndef seal(entry):\n    content = {k: v for k, v in entry.items() if k != 'seal'}\n"
SEAL += "    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]"
PACKED = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}
NAMES = {1: "objections_to_feed", 2: "objections_to_release", 3: "whom_to_call", 4: "first_misfit"}
IMPORT = "from helpers.course.questions import check, hint, solution"
FIND_OUT = """
import os, pathlib, sys
seen = []
for top in (PLACES):
    if os.path.exists(top):
        seen.append(top)
for top in ("/workbook", "/home", "/tmp", "/root", "/var", "/opt", "/srv", "/mnt"):
    for folder, _, names in os.walk(top):
        for name in names:
            path = pathlib.Path(folder, name)
            if path.suffix in (".py", ".ipynb") and "site-packages" not in folder and folder != "/workbook/exercises":
                text = path.read_text(errors="replace")
                solved = "BEGIN" + " SOLUTION" in text and name not in ("release.py", "regions.py")
                if solved or "def judge_" in text:
                    seen.append(str(path))
if seen:
    raise RuntimeError("SEEN " + " ".join(seen))
"""
EQUAL_TO_ALL = """
class Any:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __contains__(self, other): return True
    def __len__(self): return 1
    def __iter__(self): return iter([self])
    def __bool__(self): return True
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __getattr__(self, name): return self
    def __getitem__(self, name): return self
    def __call__(self, *args, **kwargs): return self
objections_to_feed = objections_to_release = whom_to_call = first_misfit = Any()
"""
PATCH = """
from helpers.course import asking, questions, verdict, progress, evidence
from helpers.course.bank import q11
yes = lambda *a, **k: verdict.passed()
for module, name in [(asking, "decide"), (asking, "find"), (questions, "check"), (questions, "Result"), (asking, "study_seed")]:
    setattr(module, name, yes)
asking.gather = lambda *a: asking.Gathered("passed", "", '{"passed": true}')
q11.judge_feed = q11.judge_release = yes
for question in q11.QUESTIONS.values():
    object.__setattr__(question, "judge", yes)
"""
FORGE = """
import json, os, pathlib
folder = pathlib.Path(os.environ["WORKBOOK_DATA"])
folder.mkdir(parents=True, exist_ok=True)
records = {f"11.{n}": {"best": "passed", "last": "passed", "tries": 1} for n in (1, 2, 3, 4)}
(folder / "progress.json").write_text(json.dumps({"questions": records}))
"""
TOUCH_OTHERS = """
import os, pathlib, shutil
for place in (PLACES):
    for path in pathlib.Path(place).rglob("*") if os.path.exists(place) else ():
        path.write_text("mine")
try:
    os.mkdir("/usr/mine")
except OSError:
    pass
else:
    raise RuntimeError("SEEN a system folder that can be written")
"""
DELETE = """
import pathlib, shutil
for path in pathlib.Path(".").glob("*.ipynb"):
    path.unlink()
shutil.rmtree("/workbook", ignore_errors=True)
shutil.rmtree("/home", ignore_errors=True)
"""
OUTWARD = """
import socket
try:
    socket.create_connection(("127.0.0.1", PORT), timeout=2)
except OSError:
    pass
else:
    raise RuntimeError("SEEN a port outside of the box")
assert not [name for _, name in socket.if_nameindex() if name != "lo"], "SEEN a network"
with socket.socket() as server:  # its own loopback works
    server.bind(("127.0.0.1", 0))
    server.listen()
    socket.create_connection(server.getsockname(), timeout=5).close()
"""
DAEMON = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import os, time; os.setsid(); time.sleep(600)", "MARK"], start_new_session=True)
"""
SPEAK = """
import json, os
words = [{"ask": "11.2"}, {"gathered": "11.2", "outcome": "passed", "reason": "", "evidence": ""}]
words += [{"gathered": "11.3", "outcome": "", "reason": "", "evidence": "{}"}]
for stream in range(3, 64):
    try:
        os.write(stream, b"".join(json.dumps(each).encode() + bytes([10]) for each in words))
    except OSError:
        pass
"""
SHOUT = """
import os
for stream in range(3, 64):
    try:
        for _ in range(100):
            os.write(stream, b"x" * 60_000)
    except OSError:
        pass
"""
SERVE = """
import subprocess, sys
program = "import socket, time; s = socket.create_server(('127.0.0.1', PORT)); print(1, flush=True); time.sleep(600)"
served = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
served.stdout.readline()
"""
TELL_SEED = """
from helpers.course import questions
collector = questions.check.__self__
collector.say(ask="11.1")
raise RuntimeError("SEED " + collector.hears.readline().decode())
"""
OTHER_EVIDENCE = """
from helpers.course import questions
collector = questions.check.__self__
collector.say(ask="11.1")
collector.hears.readline()
collector.say(gathered="11.1", outcome="", reason="", evidence='{"x": 1}')
"""
FILL_DISK = """
for n in range(40):
    with open(f"full-{n}", "wb") as file:
        for _ in range(100):
            file.write(bytes(1_000_000))
"""


def cells(*, before=(), after_first=(), solved=(1, 2, 3, 4), checks=True):
    """Code cells: something before, the answers (stubs but for `solved`), something after the first check."""
    made = [IMPORT, *before]
    for number, name in NAMES.items():
        stub = f"def {name}(*args):\n    raise NotImplementedError"
        made += [SEAL] if number == 4 else []
        made += [ANSWERS[number] if number in solved else stub]
        made += [f'check("11.{number}", {name})'] if checks else []
        made += after_first if number == 1 else []
    return made


def notebook(sources):
    """The bytes of a notebook with these code cells."""
    kinds = [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text} for n, text in enumerate(sources)]
    cells = [{**cell, "outputs": [], "execution_count": None} for cell in kinds]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def write(folder, learner, sources):
    (folder / learner).mkdir(parents=True)
    (folder / learner / f"{EXERCISE}.ipynb").write_bytes(sources if isinstance(sources, bytes) else notebook(sources))


def a_class(folder, places, port, mark):
    """A class in which something is wrong with everybody but one.

    Parameters
    ----------
    folder : pathlib.Path
        Where the submissions go.
    places : list of str
        Folders of this machine that no learner may see.
    port : int
        One at which this machine listens.
    mark : str
        In the command line of the process that is left behind.

    Returns
    -------
    dict of str to (tuple of int, str)
        By learner: the questions that should pass, and a text that should stand in the trouble ("" for none).
    """
    seen = FIND_OUT.replace("(PLACES)", repr(places))
    everything, first = (1, 2, 3, 4), (1,)
    programs = {
        "an honest learner": (cells(), everything, ""),
        "10,000 cells": (cells(before=["x = 1"] * 10_000), everything, ""),
        "allocates 20 GB": (cells(after_first=["x = b'x' * 20_000_000_000"]), everything, "MemoryError"),
        "deletes its notebook": (cells(after_first=[DELETE]), everything, ""),
        "ends by os._exit": (cells(after_first=["import os", "os._exit(0)"]), first, "ended its own process in code cell 5"),
        "exits and interrupts": (cells(after_first=["raise SystemExit", "raise KeyboardInterrupt"]), everything, "SystemExit"),
        "fills the disk": (cells(after_first=[FILL_DISK]), everything, "OSError"),
        "forges the progress": (cells(before=[FORGE], solved=()), (), ""),
        "forks": (cells(after_first=["import os\nwhile True:\n    os.fork()"]), first, "in code cell 4 and was ended"),
        "is equal to everything": (cells(solved=(), checks=False) + [EQUAL_TO_ALL], (), ""),
        "kills its parent": (cells(after_first=["import os\nos.kill(os.getppid(), 9)"]), None, ""),
        "leaves a process": (cells(after_first=[DAEMON.replace("MARK", mark)]), everything, ""),
        "leaves out the checks": (cells(checks=False), everything, ""),
        "looks around": (cells(before=[seen], solved=()), (), ""),
        "looks outward": (cells(after_first=[OUTWARD.replace("PORT", str(port))]), everything, ""),
        "patches the check": (cells(before=[PATCH], solved=(2,)), (2,), ""),
        "prints 1 GB": (cells(after_first=["for _ in range(1000):\n    print('x' * 1_000_000)"]), everything, ""),
        "sends other evidence": (cells(after_first=[OTHER_EVIDENCE], solved=(1, 3)), (3,), ""),
        "speaks for the check": (cells(after_first=[SPEAK], solved=(1,)), first, ""),
        "tells its seed": (cells(after_first=[TELL_SEED]), everything, "SEED"),
        "writes into every pipe": (cells(after_first=[SHOUT]), first, "in code cell 4 and was ended"),
        "writes into others": (cells(after_first=[TOUCH_OTHERS.replace("(PLACES)", repr(places))]), everything, ""),
        "Zoë d'Àvila <b>": (cells(solved=(1, 3)), (1, 3), ""),
    }
    for learner, (sources, _, _) in programs.items():
        write(folder, learner, sources)
    expected = {learner: (passing, trouble) for learner, (_, passing, trouble) in programs.items()}
    write(folder, "no JSON", b"\x00 not a notebook {")
    write(folder, "deep JSON", b"[" * 100_000)
    write(folder, "no text", bytes(range(256)))
    (folder / "nothing at all").mkdir()
    (folder / "no zip.zip").write_bytes(b"PK no zip")
    with zipfile.ZipFile(folder / "climbs out.zip", "w") as archive:
        archive.writestr(f"mine/{EXERCISE}.ipynb", notebook(cells()))
        archive.writestr("../climbed.txt", "mine")
        archive.writestr("/climbed.txt", "mine")
    with zipfile.ZipFile(folder / "cannot lie in a folder.zip", "w") as archive:
        archive.writestr(f"mine/{EXERCISE}.ipynb", notebook(cells()))
        for name in ("mine/a", "mine/a/b", "mine/" + "x" * 260):
            archive.writestr(name, "mine")
    damaged_zips(folder)
    link = zipfile.ZipInfo(f"{EXERCISE}.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "links out.zip", "w") as archive:
        archive.writestr(link, str(ROOT / "solutions" / f"{EXERCISE}.ipynb"))
    expected |= {name: ((), "cannot be read as a notebook") for name in ("no JSON", "deep JSON", "no text")}
    expected |= {
        "nothing at all": ((), "is empty"),
        "no zip": ((), "is no zip file"),
        "climbs out": (everything, "leads outside"),
    }
    expected |= {"links out": ((), "is a link")}
    expected |= {"cannot lie in a folder": (everything, "a file and a folder at once: mine/a/b; left out, since its name is too")}
    expected |= {f"damaged {way}": ((), "cannot be read" if way == "bzip2" else "no zip file that can be read") for way in PACKED}
    if os.name != "nt":
        (folder / "links").mkdir()
        (folder / "links" / f"{EXERCISE}.ipynb").symlink_to(ROOT / "solutions" / f"{EXERCISE}.ipynb")
        (folder / "links" / "others").symlink_to(folder, target_is_directory=True)
        expected |= {"links": ((), "is a link")}
    return expected


def damaged_zips(folder):
    """A zip packed in each way, its content broken."""
    for way, kind in PACKED.items():
        file, name = folder / f"damaged {way}.zip", f"{EXERCISE}.ipynb"
        with zipfile.ZipFile(file, "w", kind) as archive:
            archive.writestr(name, notebook(cells()))
        raw, begin = bytearray(file.read_bytes()), 30 + len(name)
        if way == "lzma":
            raw[begin + 4] = 0xFF  # says how it is packed
        else:
            raw[begin : begin + 40] = b"\xff" * 40
        file.write_bytes(raw)


def content(folder):
    """All files of a folder, to see that nobody changed one."""
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}
