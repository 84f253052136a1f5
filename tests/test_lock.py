"""The lock, conda's file and Binder's file hold the same versions, and the environment holds them too."""

import re
from pathlib import Path

from helpers.course import extras, install, lock


def conda_pins(path):
    lines = re.findall(r'^ +- "?([A-Za-z0-9._-]+==[^"\n]+)"?$', path.read_text(encoding="utf-8"), re.MULTILINE)
    return [line.strip() for line in lines]


def test_conda_and_binder_get_the_versions_of_the_lock():
    wanted = [f"{name}=={version}" + (f" ; {marker}" if marker else "") for name, version, marker in install.pins()]
    assert len(wanted) > 150
    assert conda_pins(lock.ENVIRONMENT) == wanted
    assert conda_pins(lock.BINDER_ENVIRONMENT) == wanted
    assert "  - python=3.11\n" in lock.ENVIRONMENT.read_text(encoding="utf-8")


def test_every_line_of_the_lock_is_read():
    text = install.LOCK.read_text(encoding="utf-8")
    assert len(install.pins()) == len(re.findall(r"^\S+==", text, re.MULTILINE)) == text.count("==") - text.count(" == '")
    assert not [name for name, *_ in install.pins() if f"{name}==" not in text]


def test_every_package_has_a_hash_and_no_address():
    text = install.LOCK.read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) == len(install.pins()) and all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_every_direct_dependency_is_pinned():
    import tomllib

    project = tomllib.loads((install.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = {name for name, *_ in install.pins()}
    assert {re.split(r"[<>=!~ ;\[]", line)[0].lower() for line in direct} <= pinned


def test_this_environment_holds_what_is_pinned():
    assert install.environment_has(install.pins())


def test_another_version_or_an_absent_package_is_noticed():
    pins = install.pins()
    assert not install.environment_has([*pins, ("a-package-that-is-not-there", "1.0", "")])
    assert not install.environment_has(
        [(name, "0.0.1" if name == "mlflow" else version, marker) for name, version, marker in pins]
    )
    assert install.environment_has([*pins, ("only-elsewhere", "1.0", "sys_platform == 'amiga'")])


def test_a_failed_lock_leaves_everything_as_it_was(monkeypatch, tmp_path, capfd):
    import shutil

    for name in ("requirements.lock", "environment.yml"):
        shutil.copy(install.ROOT / name, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["filelock<1", "filelock>=999"]\n'
        '[project.optional-dependencies]\ndev = []\n', encoding="utf-8",
    )  # fmt: skip
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "LOCK", tmp_path / "requirements.lock")
    try:
        lock.make_lock()
    except lock.LockError as error:
        assert "requirements.lock" in str(error) and "not changed" in str(error)
    else:
        raise AssertionError("an impossible set of versions was locked")
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "pyproject.toml"}
    assert after == before
    assert isinstance(install.ROOT, Path)


def test_each_extra_is_locked_by_itself_with_hashes_and_no_address():
    import tomllib

    project = tomllib.loads((install.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras.EXTRAS) == set(project["optional-dependencies"]) - {"dev"}
    assert {path.stem for path in extras.LOCKS.glob("*.lock")} == set(extras.EXTRAS)
    for name in extras.EXTRAS:
        text = (extras.LOCKS / f"{name}.lock").read_text(encoding="utf-8")
        entries = re.split(r"\n(?=\S)", text.strip())
        assert all("==" in entry and "--hash=sha256:" in entry for entry in entries) and "://" not in text
        asked = {re.split(r"[<>=!~ ;\[]", line)[0].lower() for line in project["optional-dependencies"][name]}
        assert asked <= {entry.split("==")[0] for entry in entries}
