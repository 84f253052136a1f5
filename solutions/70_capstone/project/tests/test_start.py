"""A part is waited for, ended, and started again; a model is made only where the store has none."""

import socket
import sys

import pytest

import parts
import start
from settings import HOST, ProjectError

SERVER = "import http.server; http.server.HTTPServer(('127.0.0.1', {}), http.server.SimpleHTTPRequestHandler).serve_forever()"


@pytest.fixture
def part(tmp_path, monkeypatch):
    """Makes a part of a line of Python, with a free port; ends it afterwards."""
    monkeypatch.setattr(parts, "ROOT", tmp_path)
    made = []

    def make(code):
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        made.append(parts.Part("part", [sys.executable, "-c", code.format(port)], port))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_a_part_is_waited_for_and_ended(part):
    one = part(SERVER)
    one.start()
    one.wait()
    one.stop()
    assert one.process.poll() is not None
    one.stop()  # once more harms nobody


def test_a_part_that_ends_at_once_is_told_with_its_last_words(part):
    one = part("print('port {} is not for me')")
    one.start()
    with pytest.raises(ProjectError, match="part did not start; the last that it said: port [0-9]+ is not for me"):
        one.wait()


def test_a_part_that_ends_again_and_again_stops_the_watch(part, monkeypatch, capsys):
    one = part("pass # {}")
    one.start()
    monkeypatch.setattr(start.time, "sleep", lambda seconds: one.process.wait())
    with pytest.raises(ProjectError, match="part ended 4 times"):
        start.watch([one])
    assert one.starts == start.STARTS and capsys.readouterr().out.count("started again") == start.STARTS - 1


@pytest.mark.parametrize(
    ("works", "data", "expected"),
    [
        (["registry.py"], True, ["registry.py deploy"]),
        (["train.py"], True, ["registry.py deploy", "train.py"]),
        (["prepare.py", "train.py"], False, ["registry.py deploy", "prepare.py", "train.py"]),
    ],
)
def test_a_model_is_made_only_where_the_store_has_none(works, data, expected, tmp_path, monkeypatch):
    ran, file = [], tmp_path / "data.csv"
    if data:
        file.touch()
    monkeypatch.setattr(start, "SERVED", tmp_path)

    def run(*command):
        ran.append(" ".join(command))
        if command[0] == "train.py":
            (tmp_path / "current").touch()
        return command[0] in works

    monkeypatch.setattr(start, "run", run)
    start.make_model(file)
    assert ran == expected


def test_no_model_is_no_start(tmp_path, monkeypatch):
    monkeypatch.setattr(start, "SERVED", tmp_path)
    monkeypatch.setattr(start, "run", lambda *command: command[0] == "train.py")  # it ends well, and the gate refused it
    (tmp_path / "data.csv").touch()
    with pytest.raises(ProjectError, match="gate refused"):
        start.make_model(tmp_path / "data.csv")
    monkeypatch.setattr(start, "run", lambda *command: False)
    with pytest.raises(ProjectError, match="train.py did not end well"):
        start.make_model(tmp_path / "data.csv")
