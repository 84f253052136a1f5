"""What the mini project's probes do: start a learner's API and page from a copy of their folder, ask them, and look at them.

Every function returns plain data. Nothing here raises on account of what the learner wrote, and nothing is left running.
"""

import ast
import base64
import concurrent.futures
import contextlib
import functools
import http.server
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil

from helpers import _guardian, flight_schema, services, streamlit_app
from helpers.course.bank import own_files

MOST_FILES, LARGEST = 300, 50_000_000
START = 20  # seconds that the API or the page may take
ASKING = 45  # seconds after which a slow API is asked no more
PLACE = re.compile(r"""["'](?:/(?:home|Users|root|tmp|var|mnt|content)/|[A-Za-z]:[\\/])""")
RUNS_CODE = re.compile(r"^\s*(?:import|from)\s+(?:pickle|cloudpickle|dill|joblib)\b", re.MULTILINE)
ASKED = {"good": "asked", "digits": "asked of digits"}  # files whose requests are noted, and where
BROWSER = "WORKBOOK_BROWSER"  # "none": pages are opened without one, though Chromium is there


# --- the learner's files ---------------------------------------------------------------------------------------------------


def unfinished(folder, names):
    """Why a folder's files cannot be started yet.

    Parameters
    ----------
    folder : pathlib.Path
    names : list of str
        Files that must be there.

    Returns
    -------
    str, ... or None
        A sentence; `...` where a file is untouched; None where they can be started.
    """
    told = None
    for name in names:
        found = _unfinished(folder / name)
        if found is ...:
            return ...
        told = told or found
    return told


def _unfinished(file):
    try:
        tree = ast.parse(file.read_bytes(), filename=file.name)
    except FileNotFoundError:
        return f"There is no {file.name} in the folder {file.resolve().parent.name}."
    except (SyntaxError, ValueError) as error:
        return f"{file.name} is no Python: {getattr(error, 'msg', error)} (line {getattr(error, 'lineno', '?')})."
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    left = [node for node in functions if _is_stub(node)]
    if left and len(left) == len(functions):
        return ...
    if left:
        return f"{file.name}: {left[0].name} (line {left[0].lineno}) is still to be written."
    return None


def _is_stub(function):
    raised = getattr(function.body[-1], "exc", None)
    return isinstance(function.body[-1], ast.Raise) and getattr(raised, "id", None) == "NotImplementedError"


@contextlib.contextmanager
def copied(folder, *, without=None):
    """A copy of the learner's files elsewhere: what depends on where they lie shows there.

    Parameters
    ----------
    folder : pathlib.Path
    without : str, optional
        A folder in it to leave out.

    Yields
    ------
    pathlib.Path
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        copy = Path(top).resolve() / "deployed"
        copy.mkdir()
        for name in _files(folder):
            if name.parts[0] != without:
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, copy / name)
        yield copy


def risky(folder):
    """What in the learner's files runs code when a model is loaded, or names a place on this machine.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    dict
        `pickled` and `places`: names of files.
    """
    names = _files(folder)
    texts = {name.as_posix(): (folder / name).read_text("utf-8", "replace") for name in names if name.suffix == ".py"}
    pickled = [name.as_posix() for name in names if name.suffix in (".pkl", ".pickle", ".joblib", ".dill")]
    return {
        "pickled": pickled + [name for name, text in texts.items() if RUNS_CODE.search(text)],
        "places": [name for name, text in texts.items() if PLACE.search(text)],
    }


# --- the API -----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def api_of(copy, name="Your API"):
    """Start the API in a folder.

    Parameters
    ----------
    copy : pathlib.Path
    name : str, default "Your API"
        Two at once need two names.

    Yields
    ------
    str
        Its address; or, if it did not start, why, in a sentence that begins with "!".
    """
    program = ["uvicorn", "api:app", "--host", services.LOOPBACK, "--port", "{port}", "--log-level", "warning"]
    env = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    with contextlib.ExitStack() as stack:
        try:
            command = [sys.executable, "-m", *program]
            server = services.start(name, command, ready="/openapi.json", cwd=copy, env=env, timeout=START)
            address = stack.enter_context(server).local_url
        except services.ServiceError as error:
            address = "!" + short_log(str(error), copy)
        yield address


def short_log(text, copy):
    """Tell a server's end in a sentence: its last exception, and the learner's line, if the log has them.

    Parameters
    ----------
    text : str
        Of a `ServiceError`.
    copy : pathlib.Path
        Where the learner's files lie.

    Returns
    -------
    str
    """
    head, _, log = text.partition(" Its log ends:\n")
    places = re.findall(r'File "([^"]+)", line (\d+)', log)
    mine = [f"{Path(file).name}, line {line}" for file, line in places if Path(file).resolve().is_relative_to(copy)]
    errors = [line for line in log.splitlines() if re.match(r"[\w.]*(Error|Exception|Exit|Interrupt)\b", line)]
    last = (errors or log.splitlines() or [head.removesuffix(" It printed nothing.")])[-1]
    said = re.sub(r"http://[\d.:]+/", "/", re.sub(r"^Your (API|page)\S*.*? (?=ended|was)", "it ", last))
    said = said.replace(str(copy), copy.name)[:200].rstrip(".")
    where = f" ({mine[-1]})" if mine and errors else ""
    asked = re.search(r"(/[\w./]+) was asked, ([^.]+)", head)
    waited = f" It was not ready within {START} s: {asked[1]} was asked, {asked[2]}." if asked and log else ""
    return f"{said}{where}.{waited}"


def ask(address, texts, *, at_once=(), patience=0.0):
    """Ask an API everything: how it is, each body, then several at once.

    Parameters
    ----------
    address : str
        As from `api_of`.
    texts : list of str
        Bodies for `POST /predict`.
    at_once : list of str
        As well, sent together.
    patience : float, default 0
        Seconds to wait until it says that it is ready.

    Returns
    -------
    dict
        `no start`, or `health`, `found`, `together`, `after`: replies, or lists of them.
    """
    if address.startswith("!"):
        return {"no start": address[1:]}
    limits = httpx.Limits(max_connections=32)
    with httpx.Client(base_url=address, trust_env=False, verify=False, timeout=10, limits=limits) as client:
        health = _asked(client, "GET", "/healthcheck")
        until, end = time.monotonic() + patience, time.monotonic() + ASKING
        while health["status"] == 503 and time.monotonic() < until:  # it may load its model in the background
            time.sleep(0.1)
            health = _asked(client, "GET", "/healthcheck")
        found = [_asked(client, "POST", "/predict", text, end) for text in texts]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda text: _asked(client, "POST", "/predict", text, end), at_once))
        return {"health": health, "found": found, "together": together, "after": _asked(client, "GET", "/healthcheck")}


def _asked(client, method, path, text=None, end=float("inf")):
    if time.monotonic() > end:
        return {"status": 0, "content": None, "text": f"not asked: the others took over {ASKING} s"}
    headers = {"Content-Type": "application/json"} if text is not None else {}
    try:
        try:
            reply = client.request(method, path, content=text, headers=headers)
        except httpx.ReadError:  # the server closed the line after its last answer, as uvicorn does after an exception
            reply = client.request(method, path, content=text, headers=headers)
    except httpx.HTTPError as error:
        return {"status": 0, "content": None, "text": type(error).__name__}
    try:
        content = json.loads(reply.text, parse_constant=lambda name: {"no JSON": name})
    except (ValueError, RecursionError):
        content = None
    return {"status": reply.status_code, "content": content if isinstance(content, dict) else None, "text": reply.text[:1500]}


# --- the page ----------------------------------------------------------------------------------------------------------------


class StandIn:
    """Stands between a page and an API, and notes what the page asks. It can be not ready, and it can be gone.

    Parameters
    ----------
    answer : callable
        `answer(body)` returns a status and a text, for `POST /predict`.
    health : dict
        What it tells of itself while it is ready.
    """

    def __init__(self, answer, health):
        self.asked, self.ready = [], True
        self._server = http.server.ThreadingHTTPServer((services.LOOPBACK, 0), self._handler(answer, health))
        self._server.daemon_threads = True
        self.url = f"http://{services.LOOPBACK}:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _handler(self, answer, health):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                told = health if outer.ready else {"ready": False, "version": None, "problem": "no model"}
                self._reply(200 if outer.ready else 503, json.dumps(told)) if self._is("/healthcheck") else self._reply(404, "{}")

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not self._is("/predict"):
                    return self._reply(404, json.dumps({"detail": "Not Found"}))
                outer.asked.append(body)
                self._reply(*(answer(body) if outer.ready else (503, json.dumps({"problems": ["no model is in use yet"]}))))

            def _is(self, path):
                return self.path.split("?")[0].rstrip("/") == path

            def _reply(self, status, text):
                raw = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args):
                pass

        return Handler

    def end(self):
        """Be gone: whoever asks finds nobody."""
        self._server.shutdown()
        self._server.server_close()


def forwarding(address):
    """Pass requests on to a real API.

    Parameters
    ----------
    address : str

    Returns
    -------
    callable
        As `StandIn` takes it.
    """

    def answer(body):
        with httpx.Client(base_url=address, trust_env=False, verify=False, timeout=10) as client:
            reply = _asked(client, "POST", "/predict", body)
        return (reply["status"] or 502), reply["text"]

    return answer


class Page:
    """A page that a program looks at, which is `helpers.course.bank.look`.

    Parameters
    ----------
    kind, *place : str
        As that program takes them.
    folder : pathlib.Path
        Where it runs, and where the page's own modules are.
    env : dict of str to str
    """

    def __init__(self, kind, *place, folder, env):
        path = os.pathsep.join([str(folder), str(Path(__file__).resolve().parents[3]), os.environ.get("PYTHONPATH", "")])
        told = {"PYTHONPATH": path.rstrip(os.pathsep), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "helpers.course.bank.look", kind, *place],
            cwd=folder,
            env={**os.environ, **told, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **_guardian.own_group(),
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def seen(self):
        """What is seen now.

        Returns
        -------
        dict
            `exception`, `alerts`, `uploaders`, `text`; or `failed`.
        """
        try:
            return json.loads(self._lines.get(timeout=60))
        except (queue.Empty, ValueError):
            return {"failed": "the page's process ended, or did not answer within a minute"}

    def open(self, url=""):
        """Open the page and look.

        Parameters
        ----------
        url : str, default ""
            Where it is served, for a browser.

        Returns
        -------
        dict
            As from `seen`.
        """
        return self._order({"url": url})

    def upload(self, name, content):
        """Upload a file and look again.

        Parameters
        ----------
        name : str
        content : bytes

        Returns
        -------
        dict
            As from `seen`.
        """
        return self._order({"name": name, "content": base64.b64encode(content).decode()})

    def _order(self, order):
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return {"failed": "the page's process has ended"}
        return self.seen()

    def close(self):
        """End it, and all that it started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self._process.pid).children(recursive=True)
            for process in (*family, self._process):
                with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                    process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # an order that it did not live to read
            self._process.stdin.close()


@functools.cache
def browser():
    """Where Chromium is.

    Returns
    -------
    str or None
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return found if found and os.environ.get(BROWSER) != "none" and sys.platform != "win32" else None


@contextlib.contextmanager
def page_of(copy, api_url, *, in_browser):
    """Open the page in a folder.

    Parameters
    ----------
    copy : pathlib.Path
    api_url : str
        What it finds in FLIGHT_API.
    in_browser : bool
        Served by Streamlit and opened in Chromium, where there is one; else by Streamlit's AppTest.

    Yields
    ------
    page : Page
    opened : dict or str
        What is seen; a sentence, if it did not start.
    """
    env = {"FLIGHT_API": api_url, "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"}
    seen_by = ("chromium", browser()) if in_browser and browser() else ("apptest", str(copy / "app.py"))
    with contextlib.ExitStack() as stack:
        page = Page(*seen_by, folder=copy, env=env)  # a browser starts while the page's server does
        stack.callback(page.close)
        try:
            url = stack.enter_context(_served(copy, env)).local_url if seen_by[0] == "chromium" else ""
            opened = page.open(url)
        except services.ServiceError as error:
            opened = short_log(str(error), copy)
        yield page, opened


def _served(copy, env):
    told = {"server.address": services.LOOPBACK, "server.port": "{port}", "client.showErrorDetails": "full"}
    options = [part for name, value in (streamlit_app.SETTINGS | told).items() for part in (f"--{name}", value)]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    return services.start("Your page", command, ready="/_stcore/health", cwd=copy, env=env, timeout=START)


def visit(copy, stand_in, files, *, in_browser=False):
    """Take a page through all that can happen to it.

    Parameters
    ----------
    copy : pathlib.Path
    stand_in : StandIn
        It is gone afterwards.
    files : dict of str to bytes
        Each uploaded once, in this order: `good`, others (perhaps `digits`), `not ready` while the API is not, and `gone` when
        there is none.
    in_browser : bool, default False

    Returns
    -------
    dict
        `no start`; or `opened`, what was seen after each upload, and the bodies `asked` for `good` and `asked of digits`.
    """
    found = {}
    with contextlib.ExitStack() as stack:
        stack.callback(stand_in.end)
        page, found["opened"] = stack.enter_context(page_of(copy, stand_in.url, in_browser=in_browser))
        if isinstance(found["opened"], str):
            return {"no start": found["opened"]}
        if found["opened"].get("failed") or not found["opened"]["uploaders"]:
            return found
        for place, (name, content) in enumerate(files.items(), start=1):
            stand_in.ready = name != "not ready"
            if name == "gone":
                stand_in.end()
            before = len(stand_in.asked)
            found[name] = page.upload(f"flights-{place}.csv", content)
            if name in ASKED:
                found[ASKED[name]] = [body.decode("utf-8", "replace")[:20_000] for body in stand_in.asked[before:][:20]]
    return found


def refused_or(answer):
    """An API's manner towards bad flights, for a stand-in.

    Parameters
    ----------
    answer : callable
        `answer(flights)` returns what a sound request gets.

    Returns
    -------
    callable
        As `StandIn` takes it.
    """

    def whole(body):
        try:
            return 200, json.dumps(answer(flight_schema.read_flights(body)))
        except flight_schema.BadFlights as error:
            return 422, json.dumps({"problems": error.problems})

    return whole


def _files(folder):
    """Neither notebooks nor what was generated."""
    return own_files.own_files(folder, most=MOST_FILES, largest=LARGEST, without=(".ipynb", ".pyc"))
