"""Try a new model on real requests before it is in use: beside the old one in the shadow, then on a small share of callers.

both = rollout.shadow(logged.read("predictions.db"), "work/candidate")   # it answers what was asked; nothing leaves
rollout.in_share(request_id, 0.2)                                        # whether this request goes to the candidate
rollout.decide(rows, "1", "2")                                           # "promote", "roll back" or "wait"
"""

import hashlib

import numpy as np

from helpers import flights, model_source

LEAST = 200  # labelled predictions of each version: the interval of fewer says little
MARGIN = 0.02  # of squared error that a new model may lose


def in_share(request_id, share, *, salt=""):
    """Whether a request belongs to a fixed share of all requests. The same request always gets the same answer.

    Parameters
    ----------
    request_id : str
    share : float
        0 to 1.
    salt : str, default ""
        Another one draws another share, so that it is not always the same callers who meet what is new.

    Returns
    -------
    bool
    """
    digest = hashlib.sha256(f"{salt}/{request_id}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def shadow(rows, model):
    """Let a candidate answer what was asked of the model in use. No caller sees its answers.

    Parameters
    ----------
    rows : pandas.DataFrame
        As from `helpers.logged.read`.
    model : path-like
        A folder as from `helpers.model_source.save`.

    Returns
    -------
    pandas.DataFrame
        The rows with the column `candidate`, its probabilities.

    Raises
    ------
    helpers.onnx_model.ModelError
        There is no such model.
    """
    served = model_source.load(model)
    columns = {
        name: rows[name].to_numpy(dtype=float) if name in flights.NUMERIC else rows[name].astype(str).tolist()
        for name in flights.FEATURES
    }
    return rows.assign(candidate=served.model.probability_late(served.model.encode_columns(columns)))


def decide(rows, champion, candidate, *, margin=MARGIN, least=LEAST, z=1.96):
    """Compare two versions that answered different requests of the same time.

    What is compared is the squared error of the probabilities (the Brier score), flight by flight. The two groups hold
    different flights, so this sees a bad model, not a small gain: that is what the gate is for.

    Parameters
    ----------
    rows : pandas.DataFrame
        As from `helpers.logged.read`. Rows without an outcome, and other versions, are left out.
    champion : str
        The version in use.
    candidate : str
        The new one.
    margin : float, default MARGIN
        Squared error, 0 to 1, that the new one may lose.
    least : int, default LEAST
        Labelled predictions that each must have.
    z : float, default 1.96
        Width of the interval in standard errors; 1.96 for 95%.

    Returns
    -------
    dict
        `decision`: "roll back" where `low` is over 0, for the candidate is surely worse; else "promote" where `high` is under
        `margin`; else, and with too few outcomes, "wait". `champion`, `candidate`: how many outcomes; `difference` of the
        errors, candidate minus champion, with its interval `low` to `high` (NaN with too few outcomes).
    """
    known = rows[rows["outcome"].notna()]
    error = (known["late"].astype(float) - known["outcome"].astype(float)) ** 2
    old, new = (error[known["version"] == str(version)] for version in (champion, candidate))
    told = {"champion": len(old), "candidate": len(new)}
    if min(len(old), len(new)) < max(least, 2):
        return {"decision": "wait", **told, **dict.fromkeys(("difference", "low", "high"), float("nan"))}
    difference = float(new.mean() - old.mean())
    half = z * float(np.sqrt(new.var() / len(new) + old.var() / len(old)))
    low, high = difference - half, difference + half
    decision = "roll back" if low > 0 else "promote" if high < margin else "wait"
    return {"decision": decision, **told, "difference": difference, "low": low, "high": high}
