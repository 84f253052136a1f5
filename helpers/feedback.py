"""Feedback of people on predictions: whom to ask about what, what was said, whether to believe it, and what may train.

    queue = feedback.to_review(logged.read("predictions.db"), 40)      # a part uncertain, a part drawn at random
    said  = feedback.corrections("predictions.db")                      # the latest word of each reviewer
    table = feedback.training_table(rows, said, trusted=["desk 1", "desk 2"])

What people say is stored by `helpers.logged.add_outcomes`, with who and when; nothing is ever overwritten.
"""

import numpy as np
import pandas as pd

from helpers import flights, modeling
from helpers.prediction_file import opened

SAID = ("request_id", "row", "who", "late", "at")
KEY = ["request_id", "row"]


def corrections(file):
    """What reviewers say now: the latest word of each of them on each prediction.

    Parameters
    ----------
    file : path-like
        A log, as of `helpers.prediction_log`.

    Returns
    -------
    pandas.DataFrame
        In the order in which it was said: `request_id`, `row`, `who`, `late` (bool), `at` (seconds since 1970). At most one
        row for a prediction and a reviewer. What a redaction has made nameless is left out.

    Raises
    ------
    helpers.prediction_file.LogError
        There is no such log, or it cannot be read.
    """
    with opened(file, "read") as connection:
        found = connection.execute(f"SELECT {', '.join(SAID)} FROM outcomes ORDER BY at, id").fetchall()
    said = pd.DataFrame(found, columns=list(SAID)).astype({"late": bool})
    said["who"] = said["who"].astype(str).str.strip()
    return said[said["who"] != ""].drop_duplicates([*KEY, "who"], keep="last").reset_index(drop=True)


def to_review(rows, n, *, threshold=modeling.THRESHOLD, random_share=0.5, seed=0):
    """Choose which predictions to show to people.

    A part is drawn at random from all: only that part says how good the model is. The rest are the predictions closest to the
    threshold, where an answer teaches the most.

    Parameters
    ----------
    rows : pandas.DataFrame
        As from `helpers.logged.read`.
    n : int
        How many; where there are fewer rows, all of them.
    threshold : float, default modeling.THRESHOLD
        From this probability on a flight is called late.
    random_share : float, default 0.5
        Of `n`, 0 to 1; rounded up.
    seed : int, default 0

    Returns
    -------
    pandas.DataFrame
        Those rows with the column `why`, "random" or "uncertain", in an order that does not tell which is which.

    Raises
    ------
    ValueError
        `n` is under 1, or `random_share` out of its range.
    """
    if n < 1 or not 0 <= random_share <= 1:
        raise ValueError(f"n is {n!r} and random_share {random_share!r}; expected at least 1, and a share from 0 to 1.")
    rng = np.random.default_rng(seed)
    n = min(n, len(rows))
    random = rng.permutation(len(rows))[: int(np.ceil(n * random_share))]
    rest = np.setdiff1d(np.arange(len(rows)), random)
    distance = np.abs(rows["late"].to_numpy(dtype=float)[rest] - threshold)
    uncertain = rest[np.argsort(distance, kind="stable")][: n - len(random)]
    chosen = np.concatenate([random, uncertain])
    why = np.repeat(["random", "uncertain"], [len(random), len(uncertain)])
    return rows.iloc[chosen].assign(why=why).iloc[rng.permutation(len(chosen))]


def agreement(first, second):
    """How far two people agree, and how far chance alone would take them.

    Parameters
    ----------
    first : array-like of bool, shape (n,)
        What one of them said.
    second : array-like of bool, shape (n,)
        What the other said of the same predictions.

    Returns
    -------
    dict
        `n`; `raw`, the share on which they agree; `chance`, the share on which two would who answer "late" as often as these
        but without looking; `kappa` = (raw - chance) / (1 - chance), NaN where both said the same one thing throughout.

    Raises
    ------
    ValueError
        Unequal lengths, nothing in them, or something missing.
    """
    first, second = pd.Series(first, dtype="boolean"), pd.Series(second, dtype="boolean")
    if len(first) != len(second) or not len(first) or first.isna().any() or second.isna().any():
        raise ValueError(f"{len(first)} and {len(second)} answers; expected as many from both, at least one, none missing.")
    a, b = first.to_numpy(dtype=bool), second.to_numpy(dtype=bool)
    raw = float((a == b).mean())
    chance = float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
    kappa = (raw - chance) / (1 - chance) if chance < 1 else float("nan")
    return {"n": len(a), "raw": raw, "chance": chance, "kappa": kappa}


def reviewers(said, truth):
    """Hold each reviewer against what became known later.

    Parameters
    ----------
    said : pandas.DataFrame
        As from `corrections`.
    truth : pandas.DataFrame
        `request_id`, `row` and `late`: from the record of arrivals, or from another reviewer. What is missing is left out.

    Returns
    -------
    pandas.DataFrame
        A row for each reviewer who said anything of `truth`, by name: `who`, `said_late` (share), `late` (share that was),
        and `n`, `raw`, `chance`, `kappa` as from `agreement`.
    """
    known = truth.loc[truth["late"].notna(), [*KEY, "late"]].rename(columns={"late": "was"})
    both = said.merge(known, on=KEY)
    found = []
    for who, group in both.groupby("who"):
        shares = {"who": who, "said_late": group["late"].mean(), "late": group["was"].astype(bool).mean()}
        found.append(shares | agreement(group["late"], group["was"]))
    return pd.DataFrame(found, columns=["who", "said_late", "late", "n", "raw", "chance", "kappa"])


def threshold_by_cost(y, probability, *, miss, false_alarm):
    """Find the threshold that would have cost the least.

    Parameters
    ----------
    y : array-like of bool, shape (n,)
        Whether each flight was late; drawn at random, or the threshold fits only those that were asked about.
    probability : array-like of float, shape (n,)
        From this probability on a flight is called late. Tied ones are called alike.
    miss : float
        Cost of a late flight that was not called late; over 0.
    false_alarm : float
        Cost of a flight that was called late and was not; over 0.

    Returns
    -------
    pandas.DataFrame
        A row for each threshold that makes a difference, rising: `threshold`, and `cost` a flight. The first calls every
        flight late; the last, infinite, none. The best is `table.loc[table["cost"].idxmin()]`: of ties the lowest.

    Raises
    ------
    ValueError
        A cost is not over 0; or as in `helpers.modeling.calibration`.
    """
    if not (miss > 0 and false_alarm > 0):
        raise ValueError(f"miss is {miss!r} and false_alarm {false_alarm!r}; expected costs over 0.")
    modeling.calibration(y, probability)  # refuses what cannot be used
    y, probability = np.asarray(y, dtype=bool), np.asarray(probability, dtype=float)
    order = np.argsort(probability, kind="stable")
    p, late = probability[order], y[order]
    first = np.flatnonzero(np.r_[True, p[1:] > p[:-1], True])  # where a new probability begins, and the end
    missed, cried = np.r_[0, np.cumsum(late)][first], np.r_[np.cumsum(~late[::-1])[::-1], 0][first]
    return pd.DataFrame({"threshold": np.r_[p, np.inf][first], "cost": (missed * miss + cried * false_alarm) / len(y)})


def training_table(rows, said, *, trusted):
    """Turn corrections into flights that may train a model.

    Parameters
    ----------
    rows : pandas.DataFrame
        As from `helpers.logged.read`.
    said : pandas.DataFrame
        As from `corrections`.
    trusted : iterable of str
        Reviewers who are listened to; nobody else is.

    Returns
    -------
    pandas.DataFrame
        The features and `late`, as `helpers.pipeline.train` reads them. *A prediction on which trusted reviewers disagree is
        left out*, and so is one of which none said anything, or that the log has lost.
    """
    heard = said[said["who"].isin(list(trusted))]
    votes = heard.groupby(KEY)["late"].agg(["min", "max"]).reset_index()
    agreed = votes[votes["min"] == votes["max"]].rename(columns={"min": "said"})[[*KEY, "said"]]
    table = rows.merge(agreed, on=KEY)
    types = dict.fromkeys(flights.NUMERIC, "float64") | dict.fromkeys(flights.CATEGORICAL, "str")
    return table[list(flights.FEATURES)].astype(types).assign(late=table["said"].astype(bool))
