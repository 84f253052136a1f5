"""Builds an image and runs it, with the engine that is at hand: docker, podman or buildah.

    engine = container_engine.find()
    container_engine.build(engine, "work/61a/context", "flight-delay-service:1")
    with container_engine.run(engine, "flight-delay-service:1", port) as process:
        ...

buildah needs no daemon and no right but root's: it runs what is in an image with another root folder (`--isolation chroot`).
"""

import contextlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ENGINES = ("docker", "podman", "buildah")
LOOPBACK = "127.0.0.1"
LONGEST = 900  # seconds of a build


class EngineError(Exception):
    """An engine could not do what it was asked; the message says what it said last."""


@dataclass(frozen=True)
class Engine:
    """A program that builds images.

    Attributes
    ----------
    name : str
        One of `ENGINES`.
    options : tuple of str
        Given to each of its commands, such as where it keeps its images.
    """

    name: str
    options: tuple = ()


def find(names=ENGINES, *, storage=None):
    """The first engine that works here. A docker whose daemon does not run is no engine.

    Parameters
    ----------
    names : iterable of str
        Which ones to try, in this order.
    storage : path-like, optional
        Where buildah keeps its images, apart from all others; the others keep them where they always do.

    Returns
    -------
    Engine or None
        None where there is none.
    """
    for name in names:
        apart = storage is not None and name == "buildah"
        engine = Engine(name, ("--root", f"{storage}/images", "--runroot", f"{storage}/run") if apart else ())
        with contextlib.suppress(EngineError):
            _call(engine, "info", timeout=20)
            return engine
    return None


def build(engine, context, tag, *, target="service", wheels=None, base=None):
    """Build an image.

    Parameters
    ----------
    engine : Engine
    context : path-like
        A folder with a Dockerfile, as from `helpers.containers.write_context`.
    tag : str
        What to call it, such as "flight-delay-service:1".
    target : str, default "service"
        The stage to build.
    wheels : path-like, optional
        A folder of packages to install from, instead of an index.
    base : str, optional
        The image to begin with, instead of the Dockerfile's; it must be on this machine, nothing is fetched then.

    Raises
    ------
    EngineError
        The build failed; the message ends with what it printed last.
    """
    words = ["bud" if engine.name == "buildah" else "build", "--target", target, "--tag", tag]
    if engine.name != "docker":
        words += ["--format", "docker"]  # their own format has no health check
    if engine.name == "buildah":
        words += ["--isolation", "chroot"]
    if wheels:
        words += ["--build-context", f"wheels={Path(wheels).absolute()}", "--build-arg", "PIP_NO_INDEX=1"]
    if base:
        words += ["--build-arg", f"PYTHON={base}", *([] if engine.name == "docker" else ["--pull-never"])]
    _call(engine, *words, str(Path(context).absolute()), timeout=LONGEST)


def facts(engine, tag):
    """What an image says of itself.

    Parameters
    ----------
    engine : Engine
    tag : str

    Returns
    -------
    dict
        `user`, `command` (list of str: entry point and arguments), `healthcheck` (list of str, empty if there is none), `ports`,
        `env` (list of str), `stop_signal` and `history` (list of str: the command behind each layer, oldest first).

    Raises
    ------
    EngineError
        There is no such image.
    """
    if engine.name == "buildah":
        image = json.loads(_call(engine, "inspect", "--type", "image", tag))["Docker"]
        history = [each.get("created_by", "") for each in image.get("history") or []]
    else:
        image = json.loads(_call(engine, "image", "inspect", tag))[0]
        told = _call(engine, "history", "--no-trunc", "--format", "{{.CreatedBy}}", tag)
        history = told.splitlines()[::-1]
    config = image.get("config") or image.get("Config") or {}
    return {
        "user": config.get("User", ""),
        "command": [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])],
        "healthcheck": (config.get("Healthcheck") or image.get("Healthcheck") or {}).get("Test", []),
        "ports": sorted(config.get("ExposedPorts") or {}),
        "env": config.get("Env") or [],
        "stop_signal": config.get("StopSignal", ""),
        "history": history,
    }


@contextlib.contextmanager
def run(engine, tag, port, *, log=subprocess.DEVNULL):
    """Run an image's own command while a `with` block lasts, reachable from this machine alone.

    Parameters
    ----------
    engine : Engine
    tag : str
    port : int
        On 127.0.0.1. docker and podman lead it to the image's first port. buildah has no network of its own, so there the
        image's command is told to listen on it.
    log : file, optional
        Where it prints.

    Yields
    ------
    subprocess.Popen
        It may take a moment until it answers.
    """
    about = facts(engine, tag)
    if engine.name != "buildah":
        inside = about["ports"][0].partition("/")[0]
        words = ["run", "--rm", "--init", "--publish", f"{LOOPBACK}:{port}:{inside}", tag]
        with _process(engine, words, log) as process:
            yield process
        return
    container = _call(engine, "from", "--pull-never", tag).strip()
    try:
        words = [_here(word, before, port) for before, word in zip(["", *about["command"]], about["command"], strict=False)]
        with _process(engine, ["run", "--isolation", "chroot", container, "--", *words], log) as process:
            yield process
    finally:
        _call(engine, "rm", container)


def _here(word, before, port):
    return {"--host": LOOPBACK, "--port": str(port)}.get(before, word)


@contextlib.contextmanager
def _process(engine, words, log):
    env = _environment(engine)
    process = subprocess.Popen([_program(engine), *engine.options, *words], stdout=log, stderr=subprocess.STDOUT, env=env)
    try:
        yield process
    finally:
        _end(process)


def _end(process):
    """Tell the program in the container, and nobody around it: a buildah that ends first would have it killed."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                if not child.cmdline()[0].startswith("buildah"):
                    child.terminate()
    if "buildah" not in Path(process.args[0]).name:
        process.terminate()  # docker and podman pass it on
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    if process.poll() is None:
        process.kill()
        process.wait()


def _call(engine, *words, timeout=60):
    """Its output; an error where it fails."""
    command = [_program(engine), *engine.options, *words]
    try:
        told = subprocess.run(command, env=_environment(engine), capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{engine.name} {words[0]}: {error}") from None
    if told.returncode:
        last = " | ".join((told.stderr.strip() or told.stdout.strip()).splitlines()[-6:])
        raise EngineError(f"{engine.name} {words[0]} failed: {last[:1200]}")
    return told.stdout


def _program(engine):
    program = shutil.which(engine.name)
    if program is None:
        raise EngineError(f"{engine.name} is not installed.")
    return program


def _environment(engine):
    """buildah's plainest storage works wherever root may write, also inside of another container."""
    return {**os.environ, "STORAGE_DRIVER": "vfs"} if engine.name == "buildah" else dict(os.environ)
