"""The command line: what it explains, and what it says to a wrong word."""

import ast
import os
import re
import shutil
import subprocess
import sys

import pytest

from helpers.course import install

JOBS = ["lab", "run", "test", "lock", "exercises", "bench", "doctor", "install", "capstone"]
JOBS += ["handbook", "slides", "nbgrader", "progress", "grade"]


def helpers(*arguments, python=sys.executable):
    return subprocess.run(
        [python, "-m", "helpers", *arguments], cwd=install.ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def test_alone_it_explains_every_job():
    told = helpers()
    assert told.returncode == 0 and all(re.search(rf"^ +{job}\b", told.stdout, re.MULTILINE) for job in JOBS)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is absent")
def test_a_bare_make_explains_the_same():
    told = subprocess.run(
        ["make", "--no-print-directory", f"PYTHON={sys.executable}"],
        cwd=install.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == helpers().stdout
    for job in JOBS:
        dry = subprocess.run(
            ["make", "--no-print-directory", "--dry-run", job], cwd=install.ROOT, capture_output=True, text=True, check=False
        )
        assert dry.stdout.strip() == f"python3 -m helpers {job}"


@pytest.mark.parametrize(("arguments", "says"), [
    (["dance"], "invalid choice: 'dance'"),
    (["run", "--wide"], "does not know --wide"),
    (["run", "-p", "MONTH"], "expected 2 arguments"),
    (["run", "--jobs", "many"], "invalid int value: 'many'"),
])  # fmt: skip
def test_a_wrong_word_is_named(arguments, says):
    told = helpers(*arguments)
    assert told.returncode == 2 and says in told.stderr and "Traceback" not in told.stderr


def test_an_older_python_gets_one_clear_line():
    """Played, because few machines have one: the version is changed before the command line is read."""
    play = "import runpy, sys; sys.version_info = (3, 10, 4); runpy.run_module('helpers', run_name='__main__')"
    told = subprocess.run([sys.executable, "-c", play], cwd=install.ROOT, capture_output=True, text=True, check=False)
    assert (
        told.returncode != 0
        and told.stderr.startswith("Python 3.10 came, 3.11 or newer is needed")
        and told.stderr.count("\n") == 1
    )
    ast.parse((install.ROOT / "helpers" / "__main__.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_the_doctor_looks_at_everything(monkeypatch, tmp_path):
    from helpers.course import doctor

    findings = doctor.examine()
    assert {"Python", "packages", "memory", "disk", "local servers", "git", *install.SYSTEM_PARTS} <= {f.what for f in findings}
    assert all(f.remedy for f in findings if not f.fine)
    assert {f.what: f.fine for f in findings}["packages"]

    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("PATH", str(tmp_path))
    told = doctor.as_text(doctor.examine())
    assert "NO  git" in told and "- data cache: name another folder in WORKBOOK_CACHE" in told
    assert f"- prometheus: {install.install_command('prometheus')}" in told


def test_the_doctor_says_when_all_is_well():
    from helpers.course import doctor

    told = doctor.as_text([doctor.Finding("Python", True, "3.11")])
    assert told.splitlines()[-1] == "Everything in this workbook runs here."


def test_absent_system_parts_are_named_with_their_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    absent = install.install_system_parts()
    told = capsys.readouterr().out
    assert absent == list(install.SYSTEM_PARTS)
    assert all(f"Absent: {name}," in told and install.install_command(name) in told for name in absent)


def test_without_a_lock_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "LOCK", tmp_path / "requirements.lock")
    with pytest.raises(install.InstallError, match="Clone it again"):
        install.ensure_environment()


def test_an_installation_that_fails_is_begun_again(monkeypatch, tmp_path):
    """The stamp is written last, so a broken-off installation is never taken for a whole one."""
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "STAMP", tmp_path / ".venv" / "stamp")
    monkeypatch.setattr(install, "environment_has", lambda pins: False)
    steps = []

    def run(command, **options):
        steps.append(command[2:4])
        return subprocess.CompletedProcess(command, 1 if "pip" in command else 0)

    monkeypatch.setattr(install.subprocess, "run", run)
    with pytest.raises(install.InstallError, match="pip could not install uv"):
        install.ensure_environment()
    assert not install.STAMP.exists() and steps[0][0] == "venv"


def test_the_settings_of_jupyterlab_are_found(monkeypatch):
    from helpers.course import lab

    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "elsewhere")
    first, second = lab.environment()["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert (
        second == "elsewhere"
        and lab.SETTINGS.joinpath("labconfig", "default_setting_overrides.json").exists()
        and first == str(lab.SETTINGS)
    )
