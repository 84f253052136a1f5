"""Makes the environment that everything else runs in: `.venv`, and the system parts that do not come from PyPI.

Standard library only, because nothing is installed yet when this runs.
"""

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
STAMP = VENV / "workbook-installed"  # written last, so that a broken-off installation is begun again

# The programs that are no Python packages. Command: package (Debian's; npm's where there is an @), what it is for.
SYSTEM_PARTS = {
    "chromium": ("chromium", "opens the notebooks and apps in a real browser"),
    "prometheus": ("prometheus", "collects the service's metrics"),
    "prometheus-alertmanager": ("prometheus-alertmanager", "sends the alerts"),
    "newman": ("newman@6.2.2", "runs Postman collections"),
}
# What no learner needs, so that the doctor does not ask for it. The tests want it; who grades programs of others wants the first.
TEST_PARTS = {
    "bwrap": ("bubblewrap", "keeps the programs of learners apart while they are graded"),
    "buildah": ("buildah", "builds the images of lesson 61a with no engine"),
    "debootstrap": ("debootstrap", "makes the image that these begin with"),
}


class InstallError(Exception):
    """The environment cannot be made; the message says why and what to do."""


def ensure_environment():
    """Make sure that an environment holds what `requirements.lock` pins, and say which Python is in it.

    An environment that already has every pinned version (conda, Binder) is taken as it is; otherwise `.venv` is made,
    or brought up to date if the lock has changed.

    Returns
    -------
    pathlib.Path
        The Python to use: the running one, or the one in `.venv`.

    Raises
    ------
    InstallError
        The lock is absent, or the installation failed.
    """
    if not LOCK.exists():
        raise InstallError(f"{LOCK.name} is absent: this is not a whole copy of the workbook. Clone it again.")
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    if not inside and environment_has(pins()):
        return Path(sys.executable)
    if not STAMP.exists() or STAMP.read_text(encoding="utf-8") != _fingerprint():
        make_venv()
    return Path(sys.executable) if inside else _venv_python()


def pins():
    """Read the lock.

    Returns
    -------
    list of (str, str, str)
        Name, version and environment marker ("" for none) of each pinned package, in the lock's order.
    """
    text = LOCK.read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$", text, re.MULTILINE)
    return [(name, version, marker) for name, version, marker in found]


def environment_has(wanted):
    """Whether the running environment has exactly these versions.

    Parameters
    ----------
    wanted : list of (str, str, str)
        As from `pins`. Those whose marker does not hold here are not looked for.

    Returns
    -------
    bool
    """
    try:
        from packaging.markers import Marker  # itself in the lock: where it is absent, the rest is too
    except ImportError:
        return False
    installed = {re.sub(r"[-_.]+", "-", d.name).lower(): d.version for d in importlib.metadata.distributions() if d.name}
    needed = [(name, version) for name, version, marker in wanted if not marker or Marker(marker).evaluate()]
    return all(installed.get(re.sub(r"[-_.]+", "-", name).lower()) == version for name, version in needed)


def make_venv():
    """Make `.venv` from the lock, or bring it up to date. Takes one to three minutes.

    Raises
    ------
    InstallError
        A step failed; what is there by then is completed by the next try.
    """
    print(f"Making {VENV.name} from {LOCK.name}: one to three minutes, once.", flush=True)
    STAMP.unlink(missing_ok=True)
    if not _venv_python().exists():
        advice = "On Debian and Ubuntu: apt-get install python3-venv."
        _run([sys.executable, "-m", "venv", str(VENV)], f"Python cannot make a virtual environment. {advice}")
    python = str(_venv_python())
    _install_lock(python)
    helpers = ["--no-deps", "--no-build-isolation", "--quiet", "--editable", str(ROOT)]
    _run([python, "-m", "pip", "install", *helpers], "The workbook's own package `helpers` could not be installed.")
    STAMP.write_text(_fingerprint(), encoding="utf-8")


def absent_system_parts(names=None):
    """Which system parts are not on this machine.

    Parameters
    ----------
    names : iterable of str, optional
        Keys of `SYSTEM_PARTS` or `TEST_PARTS`; all of `SYSTEM_PARTS` by default.

    Returns
    -------
    list of str
        The commands that are not found.
    """
    wanted = SYSTEM_PARTS if names is None else [name for name in SYSTEM_PARTS | TEST_PARTS if name in names]
    return [name for name in wanted if not shutil.which(name)]


def install_system_parts():
    """Install the absent system parts where that is allowed (root, and apt or npm); else say how.

    Returns
    -------
    list of str
        The commands that are still absent.
    """
    absent = absent_system_parts()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        by_npm = [SYSTEM_PARTS[name][0] for name in absent if _by_npm(name)]
        by_apt = [SYSTEM_PARTS[name][0] for name in absent if not _by_npm(name)]
        _install_by_apt([*by_apt, "npm"] if by_npm and not shutil.which("npm") else by_apt)
        _install_by_apt([package for name, (package, _) in TEST_PARTS.items() if not shutil.which(name)])
        _install_by_npm(by_npm)
        absent = absent_system_parts()
    for name in absent:
        print(f"Absent: {name}, which {SYSTEM_PARTS[name][1]}. Install it by: {install_command(name)}", flush=True)
    return absent


def install_command(name):
    """The one command that installs a system part.

    Parameters
    ----------
    name : str
        A key of `SYSTEM_PARTS` or `TEST_PARTS`.

    Returns
    -------
    str
        For a person to type.
    """
    package = (SYSTEM_PARTS | TEST_PARTS)[name][0]
    if _by_npm(name):
        return f"npm install --global {package}" + ("" if shutil.which("npm") else "   (npm comes with Node.js, from nodejs.org)")
    if sys.platform == "darwin":
        return f"brew install {package.removeprefix('prometheus-')}"
    if sys.platform == "win32":
        return f"winget install {package.removeprefix('prometheus-')}"
    return f"sudo apt-get install {package}"


def _by_npm(name):
    return "@" in (SYSTEM_PARTS | TEST_PARTS)[name][0]


def _install_by_apt(packages):
    if not packages or not shutil.which("apt-get"):
        return
    print(f"Installing {', '.join(packages)} by apt-get.", flush=True)
    quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, stdout=subprocess.DEVNULL, check=False)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False)


def _install_by_npm(packages):
    npm = shutil.which("npm")
    if packages and npm:
        print(f"Installing {', '.join(packages)} by npm.", flush=True)
        subprocess.run([npm, "install", "--global", "--silent", *packages], stdout=subprocess.DEVNULL, check=False)


def _install_lock(python):
    """By uv, which takes half a minute; by pip where uv cannot reach the packages (it ignores pip's settings)."""
    # The lock is complete. Left to look for themselves, pip finds a package that wants another one with an extra, and refuses.
    locked = ["--no-deps", "--require-hashes", "--requirement", str(LOCK)]
    with tempfile.TemporaryDirectory() as folder:
        only_uv = Path(folder) / "uv.txt"
        only_uv.write_text(_lock_entry("uv"), encoding="utf-8")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run(
            [*pip, "--require-hashes", "--requirement", str(only_uv)],
            "pip could not install uv. Check the connection to the package index, then run this again.",
        )
    # Compiled now, or every kernel that starts would compile anew wherever bytecode is not written.
    uv = [python, "-m", "uv", "pip", "sync", "--python", python, "--quiet", "--compile-bytecode", "--require-hashes", str(LOCK)]
    if subprocess.run(uv, check=False).returncode:
        print("uv could not; going on with pip, which takes a few minutes longer.", flush=True)
        _run([*pip, "--compile", *locked], "The packages could not be installed. Check the connection, then run this again.")


def _lock_entry(name):
    found = re.search(rf"^{name}==.*?(?=^\S|\Z)", LOCK.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if found is None:
        raise InstallError(f"{LOCK.name} does not pin {name}: make it again with `make lock`.")
    return found.group()


def _run(command, failure):
    if subprocess.run(command, check=False).returncode:
        raise InstallError(failure)


def _venv_python():
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _fingerprint():
    """Of what the environment is made from: the lock, and the entry points that an editable installation writes down once."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.findall(r"^\[project\.entry-points\..*?(?=^\[|\Z)", project, re.MULTILINE | re.DOTALL)
    return hashlib.sha256(LOCK.read_bytes() + "".join(declared).encode()).hexdigest()
