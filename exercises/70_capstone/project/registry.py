"""Which version of the model is in use: promote one, roll back, and bring it to where the service looks.

python registry.py show         which versions are in use
python registry.py promote      use the model that was trained last, if the gate lets it through
python registry.py deploy       bring the champion to the service, such as on another machine
python registry.py roll-back    the previous champion again; once more, and it is undone
"""

import shutil
import sys
import tempfile
from pathlib import Path

import gate
import settings as project
import tracking
from settings import ROOT, SERVED, ProjectError

SPACE = ROOT / "space"
SHARED = ["predictor.py", "schema.py", "form.py"]  # our modules that the Space runs


def promote(version, tracker):
    """Make a version the champion; the champion so far becomes the previous one.

    Parameters
    ----------
    version : str
    tracker : MlflowTracker or WandbTracker
    """
    # your code here
    raise NotImplementedError


def promote_if_passed(tracker):
    """Promote the model that was trained last, if the gate lets it through; else the champion stays, if there is one.

    Parameters
    ----------
    tracker : MlflowTracker or WandbTracker
    """
    made = gate.report()
    if not made["refused"]:
        promote(made["version"], tracker)
        return
    print(f"The gate refuses version {made['version']}: {made['refused']}.")
    if "champion" in tracker.aliases():
        deploy(tracker)
        print("The champion stays.")
    else:
        print("There is no champion yet, so nothing is served: change the data or [training] in capstone.toml, and train again.")


def roll_back(tracker):
    """Make the previous champion the champion again.

    Parameters
    ----------
    tracker : MlflowTracker or WandbTracker

    Raises
    ------
    ProjectError
        There is no previous one.
    """
    # your code here
    raise NotImplementedError


def deploy(tracker):
    """Bring the champion to the service and into the Space. The service sees it whole, or not yet.

    Parameters
    ----------
    tracker : MlflowTracker or WandbTracker

    Returns
    -------
    str
        Its version.
    """
    version = tracker.aliases().get("champion")
    if version is None:
        raise ProjectError("There is no champion yet: run python train.py first.")
    SERVED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SERVED, prefix="part-") as part:
        tracker.fetch(version, Path(part))
        if not _same(Path(part), SERVED / version):  # another store's version may have this name
            files = Path(part).with_name(f"ready-{Path(part).name}")
            shutil.copytree(part, files)
            shutil.rmtree(SERVED / version, ignore_errors=True)
            files.replace(SERVED / version)
    part = SERVED / "current.part"
    part.write_text(version, encoding="utf-8")
    part.replace(SERVED / "current")  # one step: whoever reads it finds the old version or the new one
    _fill_space(SERVED / version)
    return version


def _same(new, old):
    return all((old / file.name).is_file() and (old / file.name).read_bytes() == file.read_bytes() for file in new.iterdir())


def _fill_space(files):
    shutil.rmtree(SPACE / "model", ignore_errors=True)
    # The Space looks for no drift, and whoever can see it can fetch its files: up to 2,000 values of each column stay here.
    shutil.copytree(files, SPACE / "model", ignore=shutil.ignore_patterns("reference.json"))
    (SPACE / "model" / "version").write_text(files.name, encoding="utf-8")
    for name in SHARED:
        shutil.copy(ROOT / name, SPACE / name)


def main(arguments):
    """Do what the command line asks for.

    Parameters
    ----------
    arguments : list of str
    """
    steps = {"show": lambda _: None, "promote": promote_if_passed, "deploy": deploy, "roll-back": roll_back}
    if len(arguments) != 1 or arguments[0] not in steps:
        raise ProjectError(__doc__.partition("\n\n")[2].strip())
    tracker = tracking.tracker(project.load())
    steps[arguments[0]](tracker)
    shown = ", ".join(f"{alias} is version {version}" for alias, version in sorted(tracker.aliases().items()))
    print(shown or "There is no version in use yet.")


if __name__ == "__main__":
    project.command(main, sys.argv[1:])
