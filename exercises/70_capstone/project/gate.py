"""The gate: whether the model that was trained last may be the one in use. `python gate.py` ends with exit code 1 if not."""

import json

import settings as project
from settings import OUT, ProjectError

REPORT = OUT / "report.json"


def verdict(metrics, margin):
    """Say whether a new model may be used.

    Parameters
    ----------
    metrics : dict of str to float
        As from `fit`; with `champion_auc` where there is a champion, from the same rows.
    margin : float
        The AUC that it may lose against the champion.

    Returns
    -------
    str
        Why not; "" where it may.
    """
    # your code here
    raise NotImplementedError


def report():
    """What the last training found.

    Returns
    -------
    dict
        `version`, `refused` (why; "" where the gate lets it through) and `metrics`.
    """
    try:
        return json.loads(REPORT.read_bytes())
    except FileNotFoundError:
        raise ProjectError("Nothing is trained yet: run python train.py first.") from None


def main():
    """Let the new model through, or stop."""
    made = report()
    if made["refused"]:
        raise ProjectError(f"The gate refuses version {made['version']}: {made['refused']}.")
    print(f"The gate lets version {made['version']} through.")


if __name__ == "__main__":
    project.command(main)
