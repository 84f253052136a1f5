"""The baseline: one scikit-learn pipeline that says how likely a flight is to arrive late, and how well it does that.

Gradient-boosted trees, because they take missing weather as it is and learn step by step, so that there is a curve to watch.
"""

import numpy as np
import pandas as pd

from helpers.flights import CATEGORICAL, NUMERIC

THRESHOLD = 0.25  # from this probability on a flight is called late: near the share that is late in winter

# What skops does not know by itself in the pipeline; it is scikit-learn's own, so it may be loaded.
TRUSTED_TYPES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)


def make_model(*, learning_rate=0.1, n_steps=60, max_leaves=15, seed=0):
    """Make the pipeline, not yet fitted.

    Missing numbers go down the branch that served them best in training. A carrier or airport that training never saw
    gets a code of its own (-1) instead of an error.

    Parameters
    ----------
    learning_rate : float, default 0.1
        How much of each new tree is added, over 0 and up to 1.
    n_steps : int, default 60
        Trees, one a boosting step; at least 1.
    max_leaves : int, default 15
        Leaves a tree; at least 2.
    seed : int, default 0
        The same seed gives the same model on the same data.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps `columns` and `trees`. Fits X and y of `helpers.flights.features_and_target`; two months take under a second.

    Raises
    ------
    ValueError
        A setting is out of its range.
    """
    from sklearn.compose import ColumnTransformer  # here, because scikit-learn takes a while to import
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    if not 0 < learning_rate <= 1:
        raise ValueError(f"learning_rate is {learning_rate!r}; expected a number over 0 and up to 1, such as 0.1.")
    if n_steps < 1 or max_leaves < 2:
        raise ValueError(f"n_steps is {n_steps!r} and max_leaves {max_leaves!r}; expected at least 1 step and 2 leaves.")
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("numbers", "passthrough", list(NUMERIC)), ("codes", codes, list(CATEGORICAL))])
    trees = HistGradientBoostingClassifier(
        learning_rate=learning_rate, max_iter=n_steps, max_leaf_nodes=max_leaves, early_stopping=False, random_state=seed
    )
    return Pipeline([("columns", columns), ("trees", trees)])


def probability_late(model, X):
    """Predict how likely each flight is to arrive late.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline
        Fitted.
    X : pandas.DataFrame, shape (n, len(FEATURES))
        As from `helpers.flights.features_and_target`.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Probabilities, 0 to 1. No rows give an empty array.
    """
    return model.predict_proba(X)[:, 1] if len(X) else np.empty(0)


def evaluate(y, probability, *, threshold=THRESHOLD):
    """Score predicted probabilities against what happened.

    Parameters
    ----------
    y : array-like of bool, shape (n,)
        Whether each flight was late. Both outcomes must occur: an AUC of one class does not exist.
    probability : array-like of float, shape (n,)
        As from `probability_late`.
    threshold : float, default THRESHOLD
        From this probability on a flight counts as called late; only `f1` depends on it.

    Returns
    -------
    dict of str to float
        `auc` (0 to 1; 0.5 is chance; tied probabilities count half), `f1` (0 to 1), `log_loss` (nats, lower is better) and
        `calibration_error` (0 to 1: the gap between promise and outcome, averaged over the bins of `calibration`).

    Raises
    ------
    ValueError
        Empty, of unequal lengths, missing or out of 0 to 1, or only one outcome.
    """
    from sklearn.metrics import f1_score, log_loss, roc_auc_score

    y, probability = _checked(y, probability)
    if y.all() or not y.any():
        raise ValueError(
            f"All {len(y)} flights have the same outcome ({'late' if y[0] else 'not late'}); evaluate on more of them."
        )
    bins = calibration(y, probability)
    return {
        "auc": float(roc_auc_score(y, probability)),
        "f1": float(f1_score(y, probability >= threshold)),
        "log_loss": float(log_loss(y, probability)),
        "calibration_error": float(np.average((bins["predicted"] - bins["late"]).abs(), weights=bins["flights"])),
    }


def calibration(y, probability, *, n_bins=10):
    """Compare promised probabilities with what happened, in bins of about equally many flights.

    Parameters
    ----------
    y : array-like of bool, shape (n,)
        As in `evaluate`; one outcome alone is fine here.
    probability : array-like of float, shape (n,)
        As in `evaluate`.
    n_bins : int, default 10
        At least 1. Tied probabilities share a bin, so there may be fewer.

    Returns
    -------
    pandas.DataFrame
        A row a bin: `predicted` (mean probability), `late` (share that was late), `flights` (how many).

    Raises
    ------
    ValueError
        As in `evaluate`, or `n_bins` under 1.
    """
    y, probability = _checked(y, probability)
    if n_bins < 1:
        raise ValueError(f"n_bins is {n_bins!r}; expected at least 1.")
    table = pd.DataFrame({"predicted": probability, "late": y, "flights": 1})
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, n_bins + 1)[1:-1]))
    bins = table.groupby(np.searchsorted(edges, probability, side="right"))
    return bins.agg({"predicted": "mean", "late": "mean", "flights": "size"}).reset_index(drop=True)


def loss_by_step(model, X, y):
    """How the log loss fell while the model learned.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline
        Fitted, as from `make_model`.
    X : pandas.DataFrame, shape (n, len(FEATURES))
    y : array-like of bool, shape (n,)

    Returns
    -------
    list of float
        Log loss in nats after each boosting step, first step first.

    Raises
    ------
    ValueError
        As in `evaluate`, but for one outcome alone.
    """
    from sklearn.metrics import log_loss

    y, _ = _checked(y, np.zeros(len(X)))
    columns = model.named_steps["columns"].transform(X)
    steps = model.named_steps["trees"].staged_predict_proba(columns)
    return [float(log_loss(y, step[:, 1], labels=[False, True])) for step in steps]


def _checked(y, probability):
    y, probability = np.asarray(y), np.asarray(probability, dtype=float)
    if y.shape != probability.shape or y.ndim != 1:
        raise ValueError(f"y has shape {y.shape} and probability {probability.shape}; expected two equally long columns.")
    if not len(y):
        raise ValueError("There are no flights to evaluate: the selection is empty.")
    if pd.isna(y).any():
        raise ValueError(f"{int(pd.isna(y).sum())} outcomes are missing; leave out flights that never arrived first.")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("A probability is missing or not between 0 and 1.")
    return y.astype(bool), probability


def compare_auc(y, new, old, *, n=400, seed=0):
    """Difference of two models' AUCs on the same flights, and how it varies.

    Parameters
    ----------
    y : array-like of bool, shape (n_flights,)
        Both outcomes must occur.
    new : array-like of float, shape (n_flights,)
        Probabilities; ties count half.
    old : array-like of float, shape (n_flights,)
    n : int, default 400
    seed : int, default 0

    Returns
    -------
    numpy.ndarray of float, shape (1 + n,)
        New minus old: first on the flights as they are, then on flights drawn with replacement. NaN where a draw has one
        outcome only.
    """
    y, rng = np.asarray(y, dtype=bool), np.random.default_rng(seed)
    ranks = [np.unique(late, return_inverse=True)[1] for late in (new, old)]
    found = []
    for draw in range(n + 1):
        weight = np.bincount(rng.integers(len(y), size=len(y)), minlength=len(y)) if draw else np.ones(len(y))
        found.append(_weighted_auc(y, ranks[0], weight) - _weighted_auc(y, ranks[1], weight))
    return np.array(found)


def _weighted_auc(y, rank, weight):
    """Share of pairs in the right order, a flight counting as often as it weighs."""
    late = np.bincount(rank, weights=weight * y)
    others = np.bincount(rank, weights=weight * ~y)
    pairs = late.sum() * others.sum()
    return float((late * (np.cumsum(others) - others / 2)).sum() / pairs) if pairs else float("nan")
