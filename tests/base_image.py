"""An image to begin with, made on this machine from Debian's own packages: no registry of images is asked.

Debian 12 has Python 3.11, as the Dockerfile wants, though not its patch. Where its packages come from is what the machine's own
apt says.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from helpers import container_engine

NAME = "localhost/python-of-debian:bookworm"  # not the Dockerfile's name: its Python is Debian's own, of another patch
SUITE = "bookworm"
DOCKERFILE = """FROM scratch
ADD root.tar /
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["python"]
"""


def why_not():
    """What is missing to build here; "" if nothing is."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "building without an engine takes Linux and root"
    absent = [name for name in ("buildah", "debootstrap") if not shutil.which(name)]
    if absent:
        return f"{' and '.join(absent)} absent; install by: sudo apt-get install {' '.join(absent)}"
    if not mirror():
        return "this machine's apt names no mirror of Debian"
    return ""


def forbidden():
    """Whether this root may not do what a root can: as in a container without rights of its own."""
    if sys.platform != "linux" or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0


def choose(storage):
    """Something that builds, and ""; or None, and what is missing. buildah goes first, for it asks nobody for an image."""
    why = why_not()
    if not why and forbidden():
        why = "this root may make no mounts of its own, as in a container without rights, so buildah cannot work"
    if not why:
        found = container_engine.find(["buildah"], storage=storage)
        if found:
            return found, ""
        why = "buildah is installed and does not work"
    found = container_engine.find(["docker", "podman"])
    return (found, "") if found else (None, f"no docker or podman answers here, and {why}")


def mirror(folder=Path("/etc/apt")):
    """Where this machine's Debian comes from; None where apt does not say so."""
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.sources"))]
    files += sorted((folder / "sources.list.d").glob("*.list"))
    text = "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
    text = re.sub(r"(?m)^\s*#.*\n?", "", text)
    found = re.findall(r"(?m)^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+\w+\s+main\b", text)
    for paragraph in re.split(r"\n\s*\n", text):
        if re.search(r"(?mi)^Components:.*\bmain\b", paragraph):
            found += re.findall(r"(?mi)^URIs:\s*(\S+)", paragraph)
    fit = [each for each in found if re.search(r"debian/?$", each)]
    return fit[0] if fit else None


def make(engine, folder):
    """Make the image, to be given to the Dockerfile as its `PYTHON`."""
    root = folder / "root"
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    command = ["debootstrap", "--variant=minbase", "--include=python3-venv", SUITE, str(root), mirror()]
    told = subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=600, check=False)
    assert told.returncode == 0, told.stdout[-1500:]
    (root / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")
    for name in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / name, ignore_errors=True)
    (folder / "context").mkdir()
    with tarfile.open(folder / "context" / "root.tar", "w") as tar:
        tar.add(root, ".", filter=lambda member: None if member.isdev() else member)
    shutil.rmtree(root, ignore_errors=True)
    (folder / "context" / "Dockerfile").write_text(DOCKERFILE)
    words = ["bud", "--isolation", "chroot", "--format", "docker", "--tag", NAME, str(folder / "context")]
    container_engine._call(engine, *words, timeout=300)
    shutil.rmtree(folder / "context")
