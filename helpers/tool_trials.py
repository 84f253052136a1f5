"""The same task in two or three tools, measured: lines of code, seconds, memory, bytes on the disk.

    page = tool_trials.start("gradio", "work/62")
    page.seconds, page.megabytes, page.service.local_url

The programs are the files in `helpers/tool_programs`. Each does its task with nothing more than its tool asks for.
"""

import ast
import contextlib
import dataclasses
import io
import os
import subprocess
import sys
import tempfile
import time
import tokenize
from pathlib import Path

import psutil

from helpers import services

PROGRAMS = Path(__file__).parent / "tool_programs"
QUIET = {
    "OMP_NUM_THREADS": "1",
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONIOENCODING": "utf-8",
    "WANDB_SILENT": "true",
}
STREAMLIT = {
    "server.headless": "true",
    "server.address": services.LOOPBACK,
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
}
SERVERS = {  # name: the command after Python's own name, and the path that answers once it is ready
    "gradio": (["{programs}/gradio_page.py", "{port}"], "/"),
    "streamlit": (
        ["-m", "streamlit", "run", "{programs}/streamlit_page.py", "--server.port", "{port}"]
        + [part for key, value in STREAMLIT.items() for part in (f"--{key}", value)],
        "/_stcore/health",
    ),
    "fastapi": (
        ["-m", "uvicorn", "fastapi_api:app", "--app-dir", "{programs}", "--log-level", "warning"]
        + ["--host", services.LOOPBACK, "--port", "{port}"],
        "/healthcheck",
    ),
    "flask": (
        ["-m", "flask", "--app", "{programs}/flask_api.py", "run", "--host", services.LOOPBACK, "--port", "{port}"],
        "/healthcheck",
    ),
}
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class TrialError(Exception):
    """A trial cannot be made; the message says what came, what was expected and what to do."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a trial has cost.

    Attributes
    ----------
    seconds : float
        From the order until the server was ready, or until the program had ended.
    megabytes : float
        Memory of all its processes, in units of 1,000,000 bytes: of a server when it was ready, of a program the most that
        was seen (it is looked at every 20 ms).
    service : helpers.services.Service or None
        The server, which the caller stops; None of a program.
    text : str
        What a program printed, errors too.
    code : int or None
        A program's exit code: 0 is a success; not 0 also where it was killed.
    """

    seconds: float
    megabytes: float
    service: services.Service | None = None
    text: str = ""
    code: int | None = None


def program(name):
    """Find a program of the trials.

    Parameters
    ----------
    name : str
        Such as "gradio_page".

    Returns
    -------
    pathlib.Path

    Raises
    ------
    TrialError
        There is none of that name.
    """
    path = PROGRAMS / f"{name}.py"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in PROGRAMS.glob("*.py")))
        raise TrialError(f"There is no program {name!r}; expected one of {known}.")
    return path


def code_lines(source):
    """Give the lines of a Python source that hold code: no blank ones, no comments, no docstrings.

    Parameters
    ----------
    source : str
        A whole source file. Empty text has no lines.

    Returns
    -------
    list of str
        As they stand there, in order. Each line that a text in several lines covers counts, where that is no docstring.

    Raises
    ------
    TrialError
        It is no Python.
    """
    try:
        tree, tokens = ast.parse(source), list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (SyntaxError, tokenize.TokenError) as error:
        raise TrialError(f"This is no Python source ({error}); expected the text of a whole .py file.") from None
    docstrings = {(node.body[0].lineno, node.body[0].col_offset) for node in ast.walk(tree) if _has_docstring(node)}
    held, rows = set(), source.splitlines()
    for token in tokens:
        at = (token.start[0], len(token.line[: token.start[1]].encode()))  # ast counts bytes, tokenize characters
        if token.type not in NO_CODE and at not in docstrings:
            held |= set(range(token.start[0], token.end[0] + 1))
    return [rows[number - 1] for number in sorted(held)]


def _has_docstring(node):
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None


def start(name, folder, *, slow=0.0):
    """Start a page or an API, and measure how long that takes and how much memory it has then.

    Parameters
    ----------
    name : str
        "gradio", "streamlit", "fastapi" or "flask".
    folder : path-like
        Where it runs: with `model`, as from `helpers.model_source.save`, and `flight.json`, one flight.
    slow : float, default 0
        Seconds that each forecast is made to last.

    Returns
    -------
    Measured

    Raises
    ------
    TrialError
        There is no server of that name, or no model in the folder.
    helpers.services.ServiceError
        As in `services.start`.
    """
    if name not in SERVERS:
        raise TrialError(f"There is no server {name!r}; expected one of {', '.join(SERVERS)}.")
    folder = Path(folder)
    absent = [each for each in ("model", "flight.json") if not (folder / each).exists()]
    if absent:
        raise TrialError(f"{folder.name} lacks {' and '.join(absent)}: save the model and one flight there first.")
    words, ready = SERVERS[name]
    command = [sys.executable, *[word.replace("{programs}", str(PROGRAMS)) for word in words]]
    begin = time.perf_counter()
    service = services.start(f"trial of {name}", command, ready=ready, cwd=folder, env={**QUIET, "SLOW": str(slow)})
    seconds = time.perf_counter() - begin
    return Measured(seconds, memory(service.pid), service)


def memory(pid):
    """Measure the memory of a process and of all that it has started.

    Parameters
    ----------
    pid : int

    Returns
    -------
    float
        Resident memory in units of 1,000,000 bytes; pages that two of them share count twice. Processes that end
        meanwhile count nothing.

    Raises
    ------
    TrialError
        There is no such process.
    """
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        raise TrialError(f"There is no process {pid}: it has ended; measure while it runs.") from None
    total = 0
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 1e6


def run(command, folder, *, env=None, timeout=120, kill_at=None):
    """Run a program to its end, and measure how long that takes and how much memory it has at most.

    Parameters
    ----------
    command : list of (str or path-like)
        The program and its arguments.
    folder : path-like
        Where it runs.
    env : dict of str to str, optional
        On top of this process's environment and of settings that keep the tools from reporting their use.
    timeout : float, default 120
        Seconds that it may take.
    kill_at : str, optional
        Once it prints this line it is killed, with no chance to tidy up; until then it may wait for input.

    Returns
    -------
    Measured
        Also where the program failed: see `code`.

    Raises
    ------
    TrialError
        The program is absent, or did not end in time; it does not run any more then.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "_MLFLOW_", "WANDB_"))}
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        both = {"stdout": told, "stderr": subprocess.STDOUT, "stdin": subprocess.PIPE if kill_at else subprocess.DEVNULL}
        try:
            process = subprocess.Popen([str(word) for word in command], cwd=folder, env={**kept, **QUIET, **(env or {})}, **both)
        except OSError as error:
            raise TrialError(
                f"{Path(command[0]).name} cannot be started ({error.strerror}): install it, or correct it."
            ) from None
        with process:
            most = _watch(process, told, begin + timeout, kill_at)
        seconds, text = time.perf_counter() - begin, _text(told)
    if most is None:
        raise TrialError(f"{Path(command[0]).name} did not end within {timeout:g} s: see what it waits for, or give it longer.")
    return Measured(seconds, most, None, text, process.returncode)


def _watch(process, told, deadline, kill_at):
    """The most memory until it has ended, or has been killed; None where it was out of time."""
    most = 0.0
    while True:
        with contextlib.suppress(TrialError):
            most = max(most, memory(process.pid))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            return most
        late = time.perf_counter() > deadline
        if late or (kill_at and kill_at in _text(told).splitlines()):
            process.kill()
            process.wait()
            return None if late else most


def _text(file):
    """All that a program has printed. Its place in the file is the program's too, so it is put back to the end."""
    file.seek(0)
    text = file.read().decode("utf-8", "replace")
    file.seek(0, os.SEEK_END)
    return text


def size(path):
    """Measure what a file, or all files in a folder, take.

    Parameters
    ----------
    path : path-like
        What is absent takes nothing. Links are not followed.

    Returns
    -------
    float
        The sum of the lengths, in units of 1,000,000 bytes.
    """
    path = Path(path)
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink()) / 1e6
