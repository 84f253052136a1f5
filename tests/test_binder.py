"""`binder/`: what Binder reads is whole and starts JupyterLab as `make lab` does; no lesson is too big for a visitor."""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import nbformat
import packaging.specifiers
import pytest
import yaml

from helpers.course import batch, batch_plan, install, lab, lock

BINDER = install.ROOT / "binder"
LIMIT_MB = 1500  # of the 2 GB that a visitor has; JupyterLab itself takes the rest
posix = pytest.mark.skipif(os.name != "posix", reason="Binder runs Linux; its scripts are for bash")


def without_comments(name):
    lines = (BINDER / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


# --- the files ------------------------------------------------------------------------------------------------------------


def test_nothing_is_missing_and_nothing_is_too_much():
    """repo2docker takes `binder/environment.yml` and then looks at no other file of packages."""
    assert sorted(path.name for path in BINDER.iterdir()) == ["apt.txt", "environment.yml", "postBuild", "start"]
    dependencies = yaml.safe_load(lock.BINDER_ENVIRONMENT.read_text(encoding="utf-8"))["dependencies"]
    assert dependencies[:2] == [f"python={lock.PYTHON}", "pip"] and [*dependencies[2]] == ["pip"]  # unpinned, it would be 3.10
    assert not [line for line in dependencies[2]["pip"] if "-e" in line.split() or line.startswith(".")]  # postBuild does that


def test_every_system_part_is_there_or_known_to_be_impossible():
    """Ubuntu, on which Binder builds, has Chromium as a snap only, which cannot run in a container."""
    by_apt = {package for name, (package, _) in install.SYSTEM_PARTS.items() if "@" not in package and name != "chromium"}
    by_npm = {package for package, _ in install.SYSTEM_PARTS.values() if "@" in package}
    assert set(without_comments("apt.txt")) == by_apt
    assert set(re.findall(r"\S+@[\d.]+", (BINDER / "postBuild").read_text(encoding="utf-8"))) == by_npm


def test_no_lesson_wants_chromium():
    for name in batch_plan.select(install.ROOT, []):
        code = [cell.source for cell in nbformat.read(install.ROOT / name, 4).cells if cell.cell_type == "code"]
        assert not re.search(r"chromium|playwright", "\n".join(code), re.IGNORECASE), name


def refusing(distributions, version):
    """Those whose own metadata say that they are not for this Python: pip then does not take them, uv does not look."""
    wanted = [(each.name, each.version, each.metadata.get("Requires-Python")) for each in distributions]
    return [each for each in wanted if each[2] and version not in packaging.specifiers.SpecifierSet(each[2])]


def test_pip_takes_every_version_of_the_lock():
    names = {name for name, *_ in install.pins()}
    ours = [each for each in importlib.metadata.distributions() if re.sub(r"[-_.]+", "-", each.name).lower() in names]
    assert len(ours) > 150
    assert refusing(ours, platform.python_version()) == []


def test_a_version_that_pip_would_not_take_is_seen(tmp_path):
    (tmp_path / "old-1.0.dist-info").mkdir()
    for wanted, found in ((">=3.8,<3.11", 1), (">=3.8", 0)):
        text = f"Metadata-Version: 2.1\nName: old\nVersion: 1.0\nRequires-Python: {wanted}\n"
        (tmp_path / "old-1.0.dist-info/METADATA").write_text(text, encoding="utf-8")
        assert len(refusing(importlib.metadata.distributions(path=[str(tmp_path)]), "3.11.7")) == found


def test_the_badge_opens_the_first_page():
    readme = (install.ROOT / "README.md").read_text(encoding="utf-8")
    (link,) = re.findall(r"\[!\[Binder\]\([^)]+\)\]\((https://mybinder\.org/v2/gh/[^)]+)\)", readme)
    opens = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["urlpath"]
    assert opens == [f"lab/tree/{lab.FIRST_PAGE}"] and (install.ROOT / lab.FIRST_PAGE).is_file()


# --- the scripts ----------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_scripts_are_sound(name):
    script = BINDER / name
    listed = subprocess.run(["git", "ls-files", "-s", script], cwd=install.ROOT, capture_output=True, text=True, check=False)
    assert os.access(script, os.X_OK) and (listed.returncode or listed.stdout.startswith("100755"))  # also for who clones it
    assert script.read_bytes().startswith(b"#!/usr/bin/env bash\n") and b"\r" not in script.read_bytes()
    assert without_comments(name)[0] == "set -eu"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def started(folder, env, *command):
    """Run a command by a workbook's `binder/start`, from another folder."""
    clean = {"PATH": os.environ["PATH"], **env}
    return subprocess.run([folder / "binder/start", *command], cwd="/", env=clean, capture_output=True, text=True, check=False)


@posix
@pytest.mark.parametrize("before", [{}, {"JUPYTER_CONFIG_PATH": "/srv/theirs", "OMP_NUM_THREADS": "4"}])
def test_start_gives_the_settings_and_becomes_the_command(before, tmp_path):
    folder = tmp_path / "a home with spaces"
    shutil.copytree(BINDER, folder / "binder")
    told = started(folder, before, "python3", "-c", "import json, os; print(json.dumps([dict(os.environ), os.getppid()]))")
    env, parent = json.loads(told.stdout)
    paths = env["JUPYTER_CONFIG_PATH"].split(":")
    assert paths == [str(folder / lab.SETTINGS.relative_to(install.ROOT)), *filter(None, [before.get("JUPYTER_CONFIG_PATH")])]
    assert env["OMP_NUM_THREADS"] == before.get("OMP_NUM_THREADS", "1") and env["OPENBLAS_NUM_THREADS"] == "1"
    assert parent == os.getpid() and told.stderr == ""  # exec: a signal meant for JupyterLab reaches it


@posix
def test_start_passes_words_and_exit_code_on():
    told = started(install.ROOT, {}, "bash", "-c", 'printf "%s|" "$@"; exit 7', "x", "two words", "*", "")
    assert (told.returncode, told.stdout) == (7, "two words|*||")
    assert (install.ROOT / "helpers/course/jupyter").is_dir()


@posix
def test_post_build_does_three_things_and_stops_at_the_first_that_fails(tmp_path):
    """Each program is replaced by one that notes its words, so that nothing is installed here."""
    for name in ("pip", "python", "npm"):
        noting = f'#!/bin/sh\necho "{name} $@" >> "{tmp_path}/done"\n[ "$FAILS" != {name} ]\n'
        (tmp_path / name).write_text(noting, encoding="utf-8")
        (tmp_path / name).chmod(0o755)

    def done(fails):
        (tmp_path / "done").unlink(missing_ok=True)
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "FAILS": fails}
        code = subprocess.run([BINDER / "postBuild"], cwd=tmp_path, env=env, check=False).returncode
        return code, [line.split()[0] for line in (tmp_path / "done").read_text(encoding="utf-8").splitlines()]

    assert done("") == (0, ["pip", "python", "npm"])
    assert done("python")[1] == ["pip", "python"] and done("python")[0] != 0
    (command,) = [line for line in without_comments("postBuild") if line.startswith("python")]
    assert "flights.load()" in command  # into the home folder's cache, which is part of the image


# --- what a visitor has: 2 GB, one core -----------------------------------------------------------------------------------


def too_big(records, names):
    """The notebooks that took more than the limit, all their servers included, and those of which no record tells."""
    known = {name: records[name] for name in names if records.get(name, {}).get("status") == "passed"}
    peaks = {name: max(record["peak_mb"], record["kernel_mb"]) for name, record in known.items()}
    return {name: peak for name, peak in peaks.items() if peak > LIMIT_MB}, [name for name in names if name not in known]


def test_no_notebook_takes_more_than_a_visitor_has():
    """By the records of `make run`, with which `make test` begins."""
    names = batch_plan.select(install.ROOT, [])
    big, unknown = too_big(batch.read_records(Path(install.ROOT)), names)
    assert not big, f"more than {LIMIT_MB} MB: {big}"
    if len(unknown) == len(names):
        assert os.environ.get("CI") != "true", "the batch that comes before the tests has left no record"
        pytest.skip("nothing has been run here; run it by: make run")
    if unknown:
        print(f"not run here, or not passed: {', '.join(unknown)}")


def test_a_notebook_that_is_too_big_is_seen():
    record = {"status": "passed", "peak_mb": 900.0, "kernel_mb": 300.0}
    records = {
        "a": record,
        "b": record | {"peak_mb": 1501.0},
        "c": record | {"kernel_mb": 1600.0},
        "d": record | {"status": "failed"},
    }
    assert too_big(records, ["a", "b", "c", "d", "e"]) == ({"b": 1501.0, "c": 1600.0}, ["d", "e"])
