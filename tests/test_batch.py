"""The batch: each kind of ending gets its own status, none stops the others, and nothing is left behind."""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.__main__ import command_line
from helpers.course import batch, batch_files, batch_job, batch_kernel, batch_plan, batch_processes, batch_work, pool

LIMIT = 20  # seconds for a notebook: ample for each but the one that hangs, on a busy machine too

SERVER = """
import os, subprocess, sys, time, urllib.request
program = '''
import http.server, os
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
http.server.HTTPServer(("127.0.0.1", PORT), http.server.SimpleHTTPRequestHandler).serve_forever()
'''.replace("PORT", os.environ["TEST_PORT"])
subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while True:
    try:
        print(urllib.request.urlopen("http://127.0.0.1:" + os.environ["TEST_PORT"]).status)
        break
    except OSError:
        time.sleep(0.05)
"""
HANG = "import time\nwhile True:\n    time.sleep(1)"


def store(root, name, *cells, parameters=None):
    """Write a notebook with these code cells."""
    written = [new_markdown_cell(f"# {name}")]
    if parameters:
        written.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    written += [new_code_cell(source) for source in cells]
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=written), path)


def run(root, *arguments):
    """`python -m helpers run` on this workbook: exit code and what it printed."""
    options = command_line().parse_args(["run", *arguments])
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = batch.main(options, root)
    return code, out.getvalue()


def carrying(name, value):
    """The processes that have this environment variable."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(name) == value:
                found.append(process)
    return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port):
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def texts(path):
    """What the cells of an executed notebook printed."""
    cells = nbformat.read(path, as_version=4).cells
    return [
        output.text for cell in cells if cell.cell_type == "code" for output in cell.outputs if output.output_type == "stream"
    ]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """One batch of all that can go right or wrong."""
    root = tmp_path_factory.mktemp("workbook")
    port = free_port()
    store(root, "notebooks/11_good.ipynb", "print('first')\nprint('second')", "1 + 1")
    store(root, "notebooks/12_raises.ipynb", "x = 1", "raise KeyError('lost')", "print('never')")
    store(root, "notebooks/13_hangs.ipynb", "print('begun')", HANG)
    store(root, "notebooks/14_leaves.ipynb", "import os\nos._exit(3)")
    store(root, "notebooks/15_is_killed.ipynb", "1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    store(root, "notebooks/16_floods.ipynb", "for _ in range(100):\n    print('x' * 1_000_000)", "print('never')")
    store(root, "notebooks/17_asks.ipynb", "print(repr(month), repr(name))", parameters="month = 3\nname: str = 'JFK'")
    store(root, "notebooks/18_serves.ipynb", SERVER)
    store(root, "notebooks/19_exits.ipynb", "import sys\nsys.exit(0)", "print('never')")
    store(
        root,
        "solutions/22_app/22_app.ipynb",
        "from app import answer\nprint(answer())",
        "open('new.txt', 'w').write('x')\nprint(sorted(__import__('os').listdir()))",
    )
    (root / "solutions/22_app/app.py").write_text("def answer():\n    return 42\n")
    (root / "solutions/22_app/.github").mkdir()
    (root / "solutions/22_app/.github/ci.yml").write_text("on: push\n")
    (root / "solutions/22_app/work").mkdir()
    store(root, "exercises/22_app.ipynb", "raise SystemError('not by default')")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    os.environ["TEST_PORT"] = str(port)
    try:
        code, out = run(root, "--time-limit", str(LIMIT), "-p", "month", "7")
    finally:
        del os.environ["TEST_PORT"]
    return {"root": root, "code": code, "out": out, "port": port, "before": before, "records": batch.read_records(root)}


STATUS = {
    "notebooks/11_good.ipynb": "passed",
    "notebooks/12_raises.ipynb": "failed",
    "notebooks/13_hangs.ipynb": "timed out",
    "notebooks/14_leaves.ipynb": "kernel died",
    "notebooks/15_is_killed.ipynb": "kernel died",
    "notebooks/16_floods.ipynb": "failed",
    "notebooks/17_asks.ipynb": "passed",
    "notebooks/18_serves.ipynb": "passed",
    "notebooks/19_exits.ipynb": "failed",
    "solutions/22_app/22_app.ipynb": "passed",
}


def test_each_has_its_own_status(everything):
    assert {name: record["status"] for name, record in everything["records"].items()} == STATUS
    assert everything["code"] == 1


def test_first_failing_cell_is_told(everything):
    records = everything["records"]
    told = {name.split("/")[-1][:2]: (record["cell"], record["reason"]) for name, record in records.items() if record["reason"]}
    assert told["12"] == (2, "KeyError: 'lost'")
    assert told["13"][0] == 2 and "time limit" in told["13"][1]
    assert told["14"][0] == 1 and told["15"][0] == 2
    assert told["16"] == (1, "printed more than 1 MB")
    assert told["19"][0] == 1 and "ended itself" in told["19"][1]
    assert "KeyError" in records["notebooks/12_raises.ipynb"]["traceback"]
    assert "code cell 2: KeyError: 'lost'" in everything["out"] and "\x1b" not in everything["out"]


def test_a_dead_kernel_is_told_within_seconds(everything):
    assert all(record["seconds"] < LIMIT for record in everything["records"].values() if record["status"] == "kernel died")


def test_flood_is_cut_off_with_a_note(everything):
    executed = batch.executed_path(everything["root"], "notebooks/16_floods.ipynb")
    assert executed.stat().st_size < 1_100_000
    assert "printed more than 1 MB, and was stopped" in texts(executed)[-1]


def test_nothing_is_left_running(everything):
    assert everything["records"]["notebooks/18_serves.ipynb"]["left"]
    assert not answers(everything["port"])
    assert not carrying("TEST_PORT", str(everything["port"]))


def test_sources_are_untouched(everything):
    root = everything["root"]
    after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and "build" not in path.parts}
    assert after == everything["before"]


def test_parameter_reaches_those_that_declare_it(everything):
    assert texts(batch.executed_path(everything["root"], "notebooks/17_asks.ipynb")) == ["7 'JFK'\n"]


def test_files_of_an_exercise_lie_beside_it(everything):
    printed = texts(batch.executed_path(everything["root"], "solutions/22_app/22_app.ipynb"))
    assert (
        printed[0] == "42\n"
        and printed[1].startswith("['.github', ")
        and "'new.txt'" in printed[1]
        and "'work'" not in printed[1]
    )


def test_outputs_of_one_go_are_merged(everything):
    assert texts(batch.executed_path(everything["root"], "notebooks/11_good.ipynb")) == ["first\nsecond\n"]


def test_memory_and_time_are_measured(everything):
    for name, record in everything["records"].items():
        assert 0 < record["seconds"] < LIMIT + batch_job.GRACE, name
        assert 20 < record["kernel_mb"] < 1500, name
    serves = everything["records"]["notebooks/18_serves.ipynb"]
    assert serves["peak_mb"] > 0.5 * serves["kernel_mb"]  # what they share counts once, and a peak falls between two looks


def test_junit_is_sound(everything):
    suites = ET.parse(everything["root"] / batch.OUTPUT / "junit.xml").getroot()
    cases = suites.findall("testsuite/testcase")
    failed = sorted(case.get("name") for case in cases if case.find("failure") is not None)
    assert (suites.get("tests"), suites.get("failures")) == (str(len(STATUS)), "6") and len(cases) == len(STATUS)
    assert failed == ["12_raises", "13_hangs", "14_leaves", "15_is_killed", "16_floods", "19_exits"]
    assert "KeyError" in next(case for case in cases if case.get("name") == "12_raises").find("failure").text


def test_page_leads_to_each_notebook(everything):
    folder = everything["root"] / batch.OUTPUT
    page = (folder / "index.html").read_text()
    for name in STATUS:
        link = f"html/{Path(name).with_suffix('.html').as_posix()}"
        assert f'href="{link}"' in page and (folder / link).stat().st_size > 1000


def test_console_is_clean(everything):
    assert "TCP" not in everything["out"] and "WARNING" not in everything["out"]
    assert "4 passed, 3 failed, 1 timed out, 2 kernel died" in everything["out"]


def test_unchanged_is_not_run_again(tmp_path):
    store(tmp_path, "notebooks/11_good.ipynb", "import time\nprint(time.time())")
    store(tmp_path, "notebooks/12_raises.ipynb", "1 / 0")
    executed = batch.executed_path(tmp_path, "notebooks/11_good.ipynb")
    assert run(tmp_path)[0] == 1
    first = executed.read_bytes()
    code, out = run(tmp_path)  # the one that failed is run again, the other is not
    assert code == 1 and "1 failed" in out and "1 unchanged" in out and executed.read_bytes() == first
    store(tmp_path, "notebooks/12_raises.ipynb", "1 / 1")
    assert run(tmp_path)[0] == 0
    begun = time.monotonic()
    code, out = run(tmp_path)
    assert code == 0 and "2 unchanged" in out and time.monotonic() - begun < 5
    assert run(tmp_path, "--fresh", "11")[0] == 0 and executed.read_bytes() != first


def test_what_has_gone_leaves_no_trace(tmp_path):
    store(tmp_path, "notebooks/11_old.ipynb", "1")
    assert run(tmp_path)[0] == 0
    (tmp_path / "notebooks/11_old.ipynb").rename(tmp_path / "notebooks/12_new.ipynb")
    assert run(tmp_path)[0] == 0
    assert list(batch.read_records(tmp_path)) == ["notebooks/12_new.ipynb"]
    assert "11_old" not in (tmp_path / batch.OUTPUT / "index.html").read_text()
    assert not list((tmp_path / batch.OUTPUT).rglob("11_old*"))


def test_fingerprint_tells_what_matters():
    def of(source="x = 1", tags=(), outputs=(), files=None, parameters=None):
        cell = {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, "outputs": list(outputs)}
        return batch_plan.fingerprint({"cells": [cell]}, files or {}, parameters or {})

    assert of() == of(outputs=["anything"]) == of(source=["x = ", "1"])
    others = [
        of("x = 2"),
        of(tags=["parameters"]),
        of(files={"a": (b"1", 0o644)}),
        of(files={"a": (b"2", 0o644)}),
        of(parameters={"x": 1}),
    ]
    assert len({of(), *others}) == 6


def test_selection(tmp_path, monkeypatch):
    for name in (
        "notebooks/22a_mlflow",
        "notebooks/22b_wandb",
        "solutions/22_track/22_track",
        "exercises/22_track/22_track",
        "notebooks/.ipynb_checkpoints/22a_mlflow-checkpoint",
        "notebooks/work/copy",
    ):
        store(tmp_path, f"{name}.ipynb")
    monkeypatch.chdir(tmp_path / "notebooks")

    def chosen(*wanted):
        return [name.removesuffix(".ipynb") for name in batch_plan.select(tmp_path, list(wanted))]

    lessons, solution, exercise = (
        ["notebooks/22a_mlflow", "notebooks/22b_wandb"],
        "solutions/22_track/22_track",
        "exercises/22_track/22_track",
    )
    assert chosen() == chosen("22") == [*lessons, solution]
    assert chosen("22a") == chosen("22a_mlflow.ipynb") == chosen("notebooks/22a_mlflow.ipynb") == lessons[:1]
    assert chosen("notebooks") == lessons and chosen("22b", "22a") == lessons
    assert chosen("22_tr") == [solution] and chosen("exercises/22") == chosen(str(tmp_path / "exercises/22_track")) == [exercise]


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["99"], "No notebook is called '99' or begins so. There are: notebooks/17_asks, notebooks/18_more."),
        (["no/such.ipynb"], "No notebook is called 'no/such.ipynb'"),
        (["-p", "mont", "7"], "No selected notebook declares a parameter 'mont'. They declare: month, name."),
        (["18", "-p", "month", "7"], "No selected notebook declares a parameter 'month'. They declare: name."),
        (["--jobs", "0"], "above 0"),
        (["--time-limit", "-1"], "above 0"),
        (["--scheduler", "tcp://127.0.0.1:1"], "No Dask scheduler answers at tcp://127.0.0.1:1"),
        (["--scheduler", "nonsense"], "No Dask scheduler answers at nonsense"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(tmp_path, monkeypatch, arguments, told):
    monkeypatch.setattr(pool, "CONNECT", 1)
    store(tmp_path, "notebooks/17_asks.ipynb", parameters="month = 3\nname = 'JFK'")
    store(tmp_path, "notebooks/18_more.ipynb", parameters="name = 'LGA'")
    code, out = run(tmp_path, *arguments)
    assert code == 2 and told in out and out.count("\n") == 1
    assert not batch.read_records(tmp_path)


def test_a_broken_notebook_is_told_in_one_line(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/11_torn.ipynb").write_text("<<<<<<< HEAD")
    code, out = run(tmp_path)
    assert code == 2 and "notebooks/11_torn.ipynb is no notebook of format 4" in out and out.count("\n") == 1


@pytest.mark.parametrize(
    "text", ["3", "-4", "3.5", "1e-3", "True", "False", "None", "true", "JFK", "", "1_000", "nan", "0x10", " 7"]
)
def test_values_are_typed_as_papermill_does(text):
    from papermill.cli import _resolve_type

    assert repr(batch_plan.typed(text)) == repr(_resolve_type(text))


def test_two_runs_of_one_clone_do_not_mix(tmp_path):
    store(tmp_path, "notebooks/11_good.ipynb", "1")
    with batch_files.held(tmp_path / batch.OUTPUT):
        code, out = run(tmp_path)
    assert code == 2 and "Another run is writing" in out and out.count("\n") == 1
    assert run(tmp_path)[0] == 0


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("sent, code", [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_interruption_leaves_nothing(tmp_path, sent, code):
    store(tmp_path, "notebooks/12_hangs.ipynb", "open('begun', 'w').close()\n" + HANG)
    store(
        tmp_path,
        "notebooks/13_hangs.ipynb",
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'input()'])\n" + HANG,
    )
    program = (
        "import sys; from pathlib import Path; from helpers.__main__ import command_line; from helpers.course import batch\n"
        "try: batch.main(command_line().parse_args(['run']), Path(sys.argv[1]))\n"
        "except KeyboardInterrupt: sys.exit(130)\n"
    )
    environment = {**os.environ, "TEST_TAG": str(tmp_path), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=environment, stdout=subprocess.DEVNULL)
    _wait_for(lambda: any(tmp_path.glob("workbook-*/work/begun")))
    process.send_signal(sent)
    assert process.wait(20) == code
    _wait_for(lambda: not carrying("TEST_TAG", str(tmp_path)))
    _wait_for(lambda: not list(tmp_path.glob("workbook-*")))


def test_a_job_that_cannot_be_asked_any_more_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_job, "GRACE", 1)
    store(
        tmp_path,
        "notebooks/11_stops_its_driver.ipynb",
        "print(1)",
        "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\n" + HANG,
    )
    ((_, result),) = batch_work.work(batch.plan_jobs(tmp_path, []), time_limit=15)
    assert result["status"] == "timed out" and result["cell"] == 2 and "getppid" in result["source"]


def test_a_driver_that_is_killed_is_told(tmp_path):
    store(tmp_path, "notebooks/11_kills_its_driver.ipynb", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n" + HANG)
    ((_, result),) = batch_work.work(batch.plan_jobs(tmp_path, []), time_limit=30)
    assert result["status"] == "failed" and "drives the kernel ended" in result["reason"] and result["cell"] == 1


def test_a_family_is_found_without_its_marker():
    marker = "of-this-test"
    sleeper = [sys.executable, "-c", "import time; time.sleep(100)"]
    started = f"subprocess.Popen({sleeper!r}, env={{}}, start_new_session=True)"
    parent = f"import subprocess, time; {started}; print(1, flush=True); time.sleep(100)"
    process = subprocess.Popen(
        [sys.executable, "-c", parent], env={**os.environ, batch_processes.MARKER: marker}, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    family = batch_processes.Family(marker, without=os.getpid())
    family.sample()
    found, ended = len(family.members), family.end()
    assert found == 2 and family.peak_mb > 1 and family.kernel_mb > 1
    assert len(ended) == 2 and not family.end() and process.poll() is not None
    process.stdout.close()


def test_a_cluster_gives_the_same(tmp_path):
    distributed = pytest.importorskip("distributed")
    store(tmp_path, "notebooks/11_good.ipynb", "print(month)", parameters="month = 1")
    store(tmp_path, "notebooks/12_raises.ipynb", "1 / 0")
    store(tmp_path, "solutions/22_app/22_app.ipynb", "print(open('a.txt').read())")
    (tmp_path / "solutions/22_app/a.txt").write_text("beside")

    def told(*arguments):
        code, out = run(tmp_path, "--fresh", "-p", "month", "7", *arguments)
        kept = ("status", "reason", "cell", "source", "key", "page", "left")
        return code, {name: {key: record[key] for key in kept} for name, record in batch.read_records(tmp_path).items()}

    local = told()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        assert told("--scheduler", cluster.scheduler_address) == local
    assert local[0] == 1 and texts(batch.executed_path(tmp_path, "notebooks/11_good.ipynb")) == ["7\n"]


def test_overwritten_lines_show_as_they_were_left():
    output = nbformat.v4.new_output("stream", name="stdout", text="a\r\n10%\r50%\r100%\nend")
    notebook = new_notebook(cells=[new_code_cell("1", outputs=[output])])
    batch_kernel.tidy(notebook)
    assert notebook.cells[0].outputs[0].text == "a\n100%\nend"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.json"
    batch_files.write(path, json.dumps([1]))
    with pytest.raises(TypeError):
        batch_files.write(path, 5)
    assert path.read_text() == "[1]" and [file.name for file in path.parent.iterdir()] == ["a.json"]


def _wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited 20 seconds for nothing"
        time.sleep(0.1)
