"""Answers to the questions of 61a, containers: functions, and folders with a Dockerfile or a compose file."""

import numpy as np
import yaml

from helpers.course import regions
from helpers.course.bank import q61a
from tests.answers import Answers, Made, Wrong
from tests.notebook_files import ROOT

SOLVED = ROOT / "solutions" / "61a_containers" / "board"

# --- 61a.1 ----------------------------------------------------------------------------------------------------------------


def rebuilt(steps, ignored, changed):
    def inside(name, folder):
        return folder == "." or name == folder or name.startswith(folder + "/")

    sent = [name for name in changed if not any(inside(name, each) for each in ignored)]
    for place, step in enumerate(steps):
        words = [word for word in step.split() if not word.startswith("--")]
        if words[0] == "COPY" and any(inside(name, source) for name in sent for source in words[1:-1]):
            return list(range(place, len(steps)))
    return []


def rebuilt_by_flags(steps, ignored, changed):
    changed = {name for name in changed if not ({name} | set(parents(name))) & set(ignored)}
    found, touched = [], False
    for step in steps:
        first, *rest = [word for word in step.split() if word[:2] != "--"]
        if first == "COPY":
            touched |= any("." in rest[:-1] or ({name} | set(parents(name))) & set(rest[:-1]) for name in changed)
        found.append(touched)
    return np.flatnonzero(found)


def parents(name):
    parts = name.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def rebuilt_backwards(steps, ignored, changed):
    if not steps:
        return []
    head = rebuilt_backwards(steps[:-1], ignored, changed)
    return head + [len(steps) - 1] if head else ([len(steps) - 1] if rebuilt(steps, ignored, changed) else [])


def twisted(**twist):
    return lambda steps, ignored, changed: q61a.rebuilt(steps, ignored, changed, **twist)


def then(change):
    return lambda steps, ignored, changed: change(rebuilt(steps, ignored, changed), steps)


def rebuilt_by_beginnings(steps, ignored, changed):
    """`data` ignores database.py too."""
    return rebuilt(steps, [], {name for name in changed if not name.startswith(tuple(ignored))})


def rebuilt_whole_names(steps, ignored, changed):
    """A folder that is ignored keeps nothing away but a file of that very name."""
    return rebuilt(steps, [], set(changed) - set(ignored))


def rebuilt_runs_too(steps, ignored, changed):
    """Whatever has changed: all that are no FROM."""
    return list(range(1, len(steps))) if changed else []


# --- 61a.2 ----------------------------------------------------------------------------------------------------------------


def solved(name):
    return regions.without_marks((SOLVED / name).read_text(encoding="utf-8")) + "\n"


def changed(text, *changes):
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return text


DOCKERFILE, IGNORE, COMPOSE = solved("Dockerfile"), solved(".dockerignore"), solved("compose.yml")


def made(dockerfile=DOCKERFILE, ignore=IGNORE, compose=COMPOSE):
    def factory(folder):
        for name, text in (("Dockerfile", dockerfile), (".dockerignore", ignore), ("compose.yml", compose)):
            if text is not None:
                (folder / name).write_text(text, encoding="utf-8")
        return folder

    return Made(factory)


def docker(*changes):
    return made(changed(DOCKERFILE, *changes))


ARGS = """# syntax is the usual one
ARG PYTHON=docker.io/library/python:3.11-slim
FROM ${PYTHON} AS base
ENV PYTHONUNBUFFERED=1 UVICORN_HOST=0.0.0.0 UVICORN_PORT=8080

FROM base AS packages
WORKDIR /build
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \\
    # into a place of its own
    pip install --prefix=/install --requirement requirements.txt

FROM base AS run
RUN useradd --uid 4711 board && mkdir /data && chown 4711 /data
COPY --from=packages /install /usr/local
WORKDIR /srv
COPY . .
USER 4711
HEALTHCHECK CMD ["python", "-c", "import httpx; httpx.get('http://localhost:8080/health').raise_for_status()"]
ENTRYPOINT ["uvicorn"]
CMD ["board:app"]
"""
DIGEST = changed(
    DOCKERFILE,
    "docker.io/library/python:3.11-slim",
    "python@sha256:" + "1" * 64,
    "COPY board.py ./",
    'COPY --chown=0 ["board.py", "/app/"]',
)
HEREDOC = changed(
    DOCKERFILE,
    "RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt",
    "RUN <<EOF\nset -e\n/opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt\nEOF",
)
NAMED = """ARG VERSION=3.11
FROM python:${VERSION} AS build
ENV VIRTUAL_ENV=/opt/env
ENV PATH="$VIRTUAL_ENV/bin:$PATH"
COPY requirements.txt /tmp/
RUN python -m venv $VIRTUAL_ENV && pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt

FROM python:${VERSION:-3.11}-slim
ARG UID=10001
RUN useradd --uid ${UID} --home-dir /data --create-home app
ENV VIRTUAL_ENV=/opt/env PYTHONPATH=/srv
ENV PATH="$VIRTUAL_ENV/bin:$PATH"
COPY --from=build $VIRTUAL_ENV $VIRTUAL_ENV
COPY board.py /srv/board.py
USER ${UID}
HEALTHCHECK CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('localhost', 8080); \\
    c.request('GET', '/health'); assert c.getresponse().status == 200"]
CMD ["uvicorn", "--host=0.0.0.0", "--port=8080", "board:app"]
"""
ACTIVATED = """FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements.txt .
RUN python -m venv venv && . venv/bin/activate && pip install --no-cache-dir -r requirements.txt
RUN mkdir /notes

FROM python:3.11-slim
WORKDIR /app
COPY --from=build /app/venv venv
COPY --from=build --chown=10001:10001 /notes /data
COPY board.py /app
USER 10001
HEALTHCHECK CMD ["venv/bin/python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8080/health/')"]
CMD ["./venv/bin/python", "-m", "uvicorn", "board:app", "--host", "0.0.0.0", "--port", "8080"]
"""
TARGET = """FROM python:3.11-slim AS build
COPY requirements.txt /build/
RUN python -m pip install --no-cache-dir --target /packages --requirement /build/requirements.txt

FROM python:3.11-slim
RUN groupadd -g 10001 app && useradd -r -u 10001 -g app app; mkdir -p /data/old; chown -R app: /data
ENV PYTHONPATH=/packages
WORKDIR /app
COPY --from=0 /packages /packages
COPY . ./
USER 10001
HEALTHCHECK CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health')"]
ENTRYPOINT ["python", "-m", "uvicorn"]
CMD ["board:app", "--host", "0.0.0.0", "--port", "8080"]
"""
SYSTEM = changed(
    ARGS,
    "pip install --prefix=/install --requirement",
    "pip install -r",
    "COPY --from=packages /install /usr/local",
    "COPY --from=packages /usr/local/lib/python3.11/site-packages /usr/local/lib/python3.11/site-packages\n"
    "COPY --from=packages /usr/local/bin /usr/local/bin",
)
# The same as the solved one, and the venv is found by PATH.
BY_PATH = changed(
    DOCKERFILE, "WORKDIR /app", "ENV PATH=/opt/venv/bin:$PATH\nWORKDIR /app", 'CMD ["/opt/venv/bin/python"', 'CMD ["python"'
)
INSTALL = "install --directory --owner=10001 --group=10001 /data"
PIP = "/opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt"
OPEN_IGNORE = ".env\nsecrets\n**/.git\ndata/\n*.md\n"
COMMAND = 'CMD ["/opt/venv/bin/python", "-m", "uvicorn", "board:app", "--host", "0.0.0.0", "--port", "8080"]'
SHELL = "CMD /opt/venv/bin/python -m uvicorn board:app --host 0.0.0.0 --port 8080"
ONE_STAGE = """FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
RUN install -d -o 10001 /data
COPY board.py .
USER 10001
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health')"]
CMD ["uvicorn", "board:app", "--host", "0.0.0.0", "--port", "8080"]
"""
CHECK = (
    """CMD ["/opt/venv/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health', timeout=2)"]"""
)
HEALTH = f"HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \\\n    {CHECK}\n"

# --- 61a.3 ----------------------------------------------------------------------------------------------------------------


def system(change=lambda document: None):
    """The solved compose file with something else in it."""
    document = yaml.safe_load(COMPOSE)
    change(document)
    return made(compose=yaml.safe_dump(document, sort_keys=False))


def board(**settings):
    return system(lambda document: document["services"]["board"].update(settings))


def flights(**settings):
    return system(lambda document: document["services"]["flights"].update(settings))


def api(address):
    return board(environment={"FLIGHT_API": address, "BOARD_TOKEN_FILE": "/run/secrets/board_token"})


def without(*path):
    def change(document):
        *above, last = path
        for name in above:
            document = document[name]
        del document[last]

    return system(change)


def renamed(document):
    document["services"]["flight"] = document["services"].pop("flights")
    document["services"]["board"]["depends_on"] = {"flight": {"condition": "service_healthy"}}


LONG = """
x-limits: &limits
  mem_limit: 300m
services:
  flights:
    <<: *limits
    image: localhost/flight-delay-service:1.2
    networks: [inside]
  board:
    <<: *limits
    build: {context: .}
    environment: ["FLIGHT_API=http://flights:8000/", "BOARD_TOKEN_FILE=/run/secrets/word"]
    secrets: [{source: word_of_the_board, target: word}]
    ports: [{target: 8080, published: "8080", host_ip: 127.0.0.1}]
    volumes: [{type: volume, source: notes, target: /data}]
    networks: [inside, outside]
    depends_on: {flights: {condition: service_healthy, restart: true}}
networks: {inside: , outside: }
volumes: {notes: }
secrets: {word_of_the_board: {file: secrets/board_token}}
"""


def longer(*changes):
    return made(compose=changed(LONG, *changes))


def memory(amount):
    return board(deploy={"resources": {"limits": {"memory": amount}}})


def told(**more):
    """The board's environment, and more in it."""
    return system(lambda document: document["services"]["board"]["environment"].update(more))


def check_of(test):
    return {"test": ["CMD", "python", "-c", test]}


OPEN = """import urllib.request as r; r.urlopen('http://127.0.0.1:{}')"""
STARTED = ["/opt/venv/bin/python", "-m", "uvicorn", "board:app", "--host", "0.0.0.0", "--port", "8080"]

ANSWERS = {
    "61a.1": Answers(
        right=[rebuilt, rebuilt_by_flags, rebuilt_backwards],
        wrong=[
            Wrong(twisted(chain=False), "no chain"),
            Wrong(then(lambda found, steps: found[:1]), "only the first"),
            Wrong(then(lambda found, steps: list(range(len(steps))) if found else []), "from the beginning"),
            Wrong(then(lambda found, steps: found[1:]), "without the copy"),
            Wrong(twisted(ignoring=False), "ignored files count"),
            Wrong(twisted(inside=False), "folders forgotten"),
            Wrong(twisted(prefix=True), "beginnings of names"),
            Wrong(rebuilt_by_beginnings, "ignored by its beginning", "models.md"),
            Wrong(rebuilt_whole_names, "ignored folders forgotten"),
            Wrong(twisted(reads=True), "RUN reads files"),
            Wrong(twisted(target=True), "target taken for a source"),
            Wrong(then(lambda found, steps: [place + 1 for place in found]), "counted from one"),
            Wrong(then(lambda found, steps: [n for n in range(len(steps)) if n not in found]), "what is kept"),
            Wrong(then(lambda found, steps: [steps[n] for n in found]), "lines, not places"),
            Wrong(rebuilt_runs_too, says="These run again"),
            Wrong(then(lambda found, steps: len(found)), says="yours"),
            Wrong(then(lambda found, steps: [bool(n in found) for n in range(len(steps))])),
            Wrong(twisted(chain=False, ignoring=False)),
            Wrong(lambda steps, ignored, changed: [2, 3, 4]),
        ],
    ),
    "61a.2": Answers(
        right=[made(), made(ARGS, OPEN_IGNORE), made(HEREDOC), made(DIGEST, "# but two\n**\n!/board.py\n!requirements*.txt\n"),
               made(NAMED), made(ACTIVATED), made(TARGET), made(SYSTEM, OPEN_IGNORE), made(BY_PATH)],
        wrong=[
            Wrong(docker("EXPOSE 8080", "EXPOSE 8080:8080"), "EXPOSE publishes"),
            Wrong(docker("python:3.11-slim", "python"), "latest"),
            Wrong(docker("python:3.11-slim", "python:latest"), "latest"),
            Wrong(docker("WORKDIR /app", "ENV BOARD_TOKEN=abc\nWORKDIR /app"), "secret in the image"),
            Wrong(docker("WORKDIR /app", "ARG BOARD_TOKEN\nWORKDIR /app"), "secret in the image"),
            Wrong(docker("WORKDIR /app", "COPY secrets/board_token /run/secrets/\nWORKDIR /app"), "secret in the image"),
            Wrong(docker("COPY board.py ./", "ADD https://example.org/board.py ./"), "ADD of an address"),
            Wrong(made(ignore=None), "secret sent"),
            Wrong(made(ignore=".git\ndata\n"), "secret sent", "secrets/board_token"),
            Wrong(made(ignore="*.env\n.git\ndata\nboard_token\n"), "secret sent"),
            Wrong(made(ignore=".env\nsecrets\n"), "heavy context", ".git"),
            Wrong(made(ignore="*\n!board.py\n"), "ignores what it needs", "requirements.txt"),
            Wrong(made(ignore="!board.py\n!requirements.txt\n*\n"), "ignores what it needs"),
            Wrong(made(ONE_STAGE), "one stage"),
            Wrong(docker("COPY requirements.txt .", "COPY . ."), "code before packages"),
            Wrong(docker("COPY requirements.txt .", "COPY board.py requirements.txt ./"), "code before packages"),
            Wrong(docker("--require-hashes -r requirements.txt", "fastapi uvicorn httpx"), "unpinned"),
            Wrong(
                docker("COPY --from=build /opt/venv /opt/venv", "COPY requirements.txt .\nRUN pip install -r requirements.txt"),
                "pip at last",
            ),
            Wrong(docker("COPY --from=build /opt/venv /opt/venv\n", ""), "nothing from the build"),
            Wrong(docker("COPY board.py ./\n", ""), "no app"),
            Wrong(docker("USER 10001:10001\n", ""), "root"),
            Wrong(docker("USER 10001:10001", "USER root"), "root"),
            Wrong(docker("USER 10001:10001", "USER 0"), "root"),
            Wrong(docker("RUN install", "RUN useradd board && install", "USER 10001:10001", "USER board"), "user by name"),
            Wrong(docker("RUN install --directory --owner=10001 --group=10001 /data\n", ""), "data is root's"),
            Wrong(docker("RUN install --directory --owner=10001 --group=10001 /data", "RUN mkdir /data"), "data is root's"),
            Wrong(docker(COMMAND, ""), "no command"),
            Wrong(docker(COMMAND, SHELL), "shell form"),
            Wrong(docker(COMMAND, f'CMD ["sh", "-c", "{SHELL[4:]}"]'), "shell form"),
            Wrong(docker(COMMAND, SHELL.replace("CMD", "ENTRYPOINT")), "shell form"),
            Wrong(docker(', "--host", "0.0.0.0"', ""), "loopback"),
            Wrong(docker('"0.0.0.0"', '"127.0.0.1"'), "loopback"),
            Wrong(docker(', "--port", "8080"', ""), "another port"),
            Wrong(docker(HEALTH, "HEALTHCHECK NONE\n"), "no health check"),
            Wrong(docker(HEALTH, ""), "no health check"),
            Wrong(docker(CHECK, "CMD curl --fail http://localhost:8080/health"), "no curl"),
            Wrong(docker(CHECK, 'CMD ["wget", "-q", "http://localhost:8080/health"]'), "no curl"),
            Wrong(docker("8080/health", "8000/healthcheck"), "asks something else"),
            Wrong(docker("WORKDIR /build", "WORKDIR /build\nRUN apt-get install -y gcc"), "hadolint", "DL30"),
            Wrong(docker("8080/health", "8080/healthcheck"), "asks something else", "/healthcheck"),
            Wrong(docker("8080/health", "8080/healthz"), "asks something else", "/healthz"),
            Wrong(docker("127.0.0.1:8080", "board:8080"), "asks something else", "board"),
            Wrong(docker("http://127.0.0.1", "https://127.0.0.1"), "asks something else", "https"),
            Wrong(docker(CHECK, """CMD ["python", "-c", "print('http://127.0.0.1:8080/health')"]"""), "asks nobody"),
            Wrong(docker("import urllib.request as r; r.urlopen(", "import requests as r; r.get("), "asks nobody", "requests"),
            Wrong(made(changed(BY_PATH, "ENV PATH=/opt/venv/bin:$PATH\n", "")), "another Python", "PATH"),
            Wrong(made(changed(BY_PATH, "/opt/venv/bin:$PATH", "$PATH:/opt/venv/bin")), "another Python", "PATH"),
            Wrong(made(changed(BY_PATH, "/opt/venv /opt/venv", "/opt/venv /venv")), "another Python", "/venv"),
            Wrong(made(changed(TARGET, "ENV PYTHONPATH=/packages\n", "")), "another Python", "PYTHONPATH"),
            Wrong(docker(PIP, PIP.replace("/opt/venv/bin/", "")), "takes something else", "/usr/local"),
            Wrong(docker("--from=build /opt/venv", "--from=build /build"), "takes something else", "/opt/venv"),
            Wrong(docker(INSTALL, INSTALL.replace("10001", "10002")), "data is another's", "10002"),
            Wrong(docker(INSTALL, "useradd -u 4711 app && mkdir /data && chown app /data"), "data is another's", "4711"),
            Wrong(docker(INSTALL, "mkdir /data /app && chown 10001 /app"), "data is root's"),
            Wrong(docker(INSTALL, "mkdir /data && chown :10001 /data"), "data is root's", "group"),
            Wrong(docker(INSTALL, "mkdir /data && chmod 777 /data"), "data is root's"),
            Wrong(docker(INSTALL, "chown 10001 /data"), "data is root's", "mkdir"),
            Wrong(docker("RUN install", "USER 10001\nRUN install"), "no longer root"),
            Wrong(docker("RUN install", "USER 10001\nRUN useradd --uid 10001 app && install"), "no longer root"),
            Wrong(docker("COPY board.py ./", "COPY board.py /srv/"), "board elsewhere", "/srv"),
            Wrong(docker("WORKDIR /app\n", "", "COPY board.py ./", "COPY board.py /app/"), "board elsewhere", "WORKDIR"),
            Wrong(docker("RUN install", "RUN apt-get update && apt-get install -y --no-install-recommends curl=8.* \\\n"
                         "    && rm -rf /var/lib/apt/lists/*\nRUN install"), "installs more"),
            Wrong(docker("python:3.11-slim", "python:slim"), "latest", "no version"),
            Wrong(docker("python:3.11-slim\nRUN", "python:3.12-slim\nRUN"), "two Pythons", "3.12"),
            Wrong(docker("python:3.11-slim\nRUN", "python:3.11-alpine\nRUN"), "two Pythons", "alpine"),
            Wrong(docker("python:3.11-slim\nRUN", "debian:12-slim\nRUN"), "no Python"),
            Wrong(docker("EXPOSE 8080\n", 'EXPOSE 8080\nENTRYPOINT ["python", "-m", "uvicorn"]\n'), "started twice"),
            Wrong(docker("COPY --from=build /opt/venv /opt/venv", "RUN python -m pip install uvicorn==0.30.0"), "pip at last"),
            Wrong(docker("COPY --from=build /opt/venv /opt/venv\nCOPY board.py ./",
                         "COPY board.py requirements.txt ./\nRUN pip install -r requirements.txt"), "pip at last"),
            Wrong(docker("FROM docker.io/library/python:3.11-slim\n", "FROM build\n"), "pip at last", "begins with"),
            Wrong(made("just start it\nplease\n"), says="is no Dockerfile"),
            Wrong(made(None), says="no Dockerfile"),
            Wrong(made("RUN true\n")),
        ],
    ),
    "61a.3": Answers(
        right=[
            made(), made(compose=LONG), system(lambda d: d["services"]["flights"].update(expose=["8000"])),
            board(command=STARTED, build={"dockerfile": "./Dockerfile", "target": "1"}, user="10001", mem_limit="1g",
                  healthcheck=check_of(OPEN.format("8080/health")), volumes=["notes:/data:rw"]),
            system(lambda d: (d["services"]["flights"].update(healthcheck=check_of(OPEN.format("8000/healthcheck"))),
                              d["services"]["board"].update(build="../board", networks=["in", "out"],
                                                            ports=["127.0.0.1:${PORT:-8080}:8080"]),
                              d["services"]["board"]["environment"].update(FLIGHT_API="${API:-http://flights:8000/}",
                                                                           NOTES="/data/board.db"),
                              d["services"]["flights"].update(networks=["in"]),
                              d.update(networks={"in": {"internal": True}, "out": None}))),
            longer("mem_limit: 300m", "mem_limit: ${MEMORY:-0.3gb}"),
        ],
        wrong=[
            Wrong(board(port=["8080:8080"]), "schema", "port"),
            Wrong(system(renamed), "no such service", "flights"),
            Wrong(flights(image="python:3.11-slim"), "another image"),
            Wrong(flights(image="flight-delay-service"), "latest"),
            Wrong(flights(image="flight-delay-service:latest"), "latest"),
            Wrong(without("services", "board", "build"), "not built"),
            Wrong(board(privileged=True), "privileged"),
            Wrong(board(network_mode="host"), "privileged"),
            Wrong(board(environment={"BOARD_TOKEN": "abc", "FLIGHT_API": "http://flights:8000/"}), "secret in the environment"),
            Wrong(board(env_file=[".env"]), "secret in the environment"),
            Wrong(without("services", "board", "secrets"), "no secret"),
            Wrong(system(lambda d: d["secrets"]["board_token"].update(file="./.env")), "no secret"),
            Wrong(without("secrets"), "undeclared", "secret"),
            Wrong(board(secrets=[{"source": "board_token", "target": "token"}]), "reads another file"),
            Wrong(api("http://localhost:8000/"), "localhost"),
            Wrong(api("http://127.0.0.1:8000/"), "localhost"),
            Wrong(board(environment={"BOARD_TOKEN_FILE": "/run/secrets/board_token"}), "localhost"),
            Wrong(api("http://flight-delay-service:8000/"), "another name"),
            Wrong(api("http://flights:8080/"), "another port"),
            Wrong(api("http://flights/"), "another port"),
            Wrong(api("http://flights:8000"), "no slash"),
            Wrong(board(networks=["out"]), "undeclared", "network"),
            Wrong(system(lambda d: (d["services"]["board"].update(networks=["out"]), d.update(networks={"out": {}}))), "apart"),
            Wrong(without("services", "board", "depends_on"), "does not wait"),
            Wrong(board(depends_on=["flights"]), "started is not ready"),
            Wrong(board(depends_on={"flights": {"condition": "service_started"}}), "started is not ready"),
            Wrong(flights(healthcheck={"test": "curl -f http://localhost:8000/healthcheck"}), "no curl"),
            Wrong(flights(ports=["127.0.0.1:8000:8000"]), "publishes all"),
            Wrong(without("services", "board", "ports"), "not published"),
            Wrong(system(lambda d: (d["services"]["board"].pop("ports"), d["services"]["board"].update(expose=["8080"]))),
                  "not published", "`expose` does not"),
            Wrong(board(ports=["8080:8080"]), "open to all"),
            Wrong(board(ports=[8080]), "open to all"),
            Wrong(board(ports=["0.0.0.0:8080:8080"]), "open to all"),
            Wrong(board(ports=["127.0.0.1:8080:8000"]), "another port"),
            Wrong(board(ports=["127.0.0.1:80:8080"]), "another port"),
            Wrong(without("services", "board", "volumes"), "notes lost"),
            Wrong(board(volumes=["notes:/app"]), "notes lost"),
            Wrong(board(volumes=["/data"]), "no name"),
            Wrong(board(volumes=["./data:/data"]), "folder for a volume"),
            Wrong(without("volumes", "notes"), "undeclared", "volume"),
            Wrong(without("services", "board", "deploy"), "no limit", "board"),
            Wrong(without("services", "flights", "deploy"), "no limit", "flights"),
            Wrong(flights(image="flight-delay-service:2"), "another image", "version 1"),
            Wrong(board(build="./board"), "not built", "./board"),
            Wrong(board(build=".."), "not built", ".."),
            Wrong(board(build={"context": ".", "target": "build"}), "not built", "target"),
            Wrong(board(build={"context": ".", "dockerfile": "Dockerfile.prod"}), "not built", "Dockerfile.prod"),
            Wrong(board(volumes=["notes:/data:ro"]), "read only"),
            Wrong(board(volumes=[{"type": "volume", "source": "notes", "target": "/data", "read_only": True}]), "read only"),
            Wrong(told(NOTES="/tmp/notes.db"), "notes lost", "/tmp/notes.db"),
            Wrong(board(tmpfs=["/data"]), "notes lost", "tmpfs"),
            Wrong(system(lambda d: (d["services"]["board"].update(networks=["a"]),
                                    d["services"]["flights"].update(networks=["a"]),
                                    d.update(networks={"a": {"internal": True}}))), "not published", "internal"),
            Wrong(board(command=["python", "-m", "uvicorn", "board:app"]), "command instead", "--host"),
            Wrong(board(command="uvicorn board:app --host 0.0.0.0 --port 8000"), "command instead", "--port"),
            Wrong(told(AUTH="${BOARD_TOKEN}"), "secret in the environment", "AUTH"),
            Wrong(told(AUTH="${BOARD_TOKEN:-}"), "secret in the environment", "AUTH"),
            Wrong(board(build={"context": ".", "args": {"BOARD_TOKEN": "${BOARD_TOKEN}"}}), "secret in the image"),
            Wrong(board(build={"context": ".", "args": ["WORD=${BOARD_TOKEN}"]}), "secret in the image"),
            Wrong(board(healthcheck={"test": ["CMD", "curl", "-f", "http://localhost:8080/health"]}), "no curl", "board"),
            Wrong(board(healthcheck={"disable": True}), "health check gone", "board"),
            Wrong(board(healthcheck={"test": ["NONE"]}), "health check gone", "board"),
            Wrong(board(healthcheck=check_of(OPEN.format("8000/healthcheck"))), "asks something else"),
            Wrong(board(healthcheck=check_of("print('127.0.0.1:8080/health')")), "asks nobody"),
            Wrong(flights(healthcheck={"disable": True}), "health check gone", "flights"),
            Wrong(flights(healthcheck={"test": ["CMD", "true"]}), "health check gone", "true"),
            Wrong(board(user="root"), "root", "board"),
            Wrong(flights(user="0:0"), "root", "flights"),
            Wrong(memory("0"), "no limit"),
            Wrong(memory("much"), "no limit", "much"),
            Wrong(memory("256Mi"), "no limit", "256Mi"),
            Wrong(memory("256"), "no limit", "bytes"),
            Wrong(board(depends_on={"flights": {"condition": "service_healthy", "required": False}}),
                  "does not wait", "required"),
            Wrong(board(depends_on={"flights": {"condition": "service_completed_successfully"}}), "waits for its end"),
            Wrong(flights(network_mode="none"), "apart"),
            Wrong(flights(profiles=["x"]), "not started"),
            Wrong(flights(secrets=["board_token"]), "secret of the board"),
            Wrong(api("flights:8000/"), "no address", "http://"),
            Wrong(api("https://flights:8000/"), "no address", "https"),
            Wrong(api("http://flights:8000/predict"), "no slash", "predict"),
            Wrong(board(environment={"BOARD_TOKEN_FILE": "/run/secrets/board_token"}), "localhost", "not set"),
            Wrong(board(ports=["127.0.0.1::8080"]), "another port", "free"),
            Wrong(made(compose="services: [\n"), says="no YAML"),
            Wrong(made(compose="flights:\n  image: x\n"), says="services"),
            Wrong(made(compose=None), says="no compose.yml"),
        ],
    ),
}  # fmt: skip
