"""The model and its baseline: what is trained, and how good that is on what comes later."""

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from settings import ProjectError


def fit(X, y, settings):
    """Train on the older rows, test on the newer ones: a model is always asked about what comes later.

    Parameters
    ----------
    X, y
        As from `data.load`.
    settings : dict
        The section [training].

    Returns
    -------
    model : HistGradientBoostingClassifier
    metrics : dict of str to float
        On the newer rows: `auc`, `log_loss`, and `baseline_auc`, the AUC of a tree of depth 1 (one question about a row).
        Plain floats.
    curves : dict of str to list of float
        `train_log_loss` and `test_log_loss`: a value after each of the `steps` trees, so no early stopping.
    """
    ### BEGIN SOLUTION
    cut = cut_at(y, settings)
    options = {"max_iter": settings["steps"], "learning_rate": settings["learning_rate"], "max_leaf_nodes": settings["leaves"]}
    trees = HistGradientBoostingClassifier(**options, early_stopping=False, random_state=settings["seed"])
    model = trees.fit(X[:cut], y[:cut])
    stump = DecisionTreeClassifier(max_depth=1, random_state=settings["seed"]).fit(X[:cut], y[:cut])
    curves = {}
    for part, rows in {"train": slice(None, cut), "test": slice(cut, None)}.items():
        curves[f"{part}_log_loss"] = [float(log_loss(y[rows], p)) for p in model.staged_predict_proba(X[rows])]
    metrics = {"auc": auc(model, X[cut:], y[cut:]), "baseline_auc": auc(stump, X[cut:], y[cut:])}
    return model, metrics | {"log_loss": curves["test_log_loss"][-1]}, curves
    ### END SOLUTION


def cut_at(y, settings):
    """Where the newer rows begin, on which a model is tested.

    Parameters
    ----------
    y : numpy.ndarray of int
        In the order of time.
    settings : dict
        The section [training].

    Returns
    -------
    int

    Raises
    ------
    ProjectError
        On one side there is only one outcome.
    """
    cut = round(len(y) * (1 - settings["test_share"]))
    if len(set(y[:cut])) < 2 or len(set(y[cut:])) < 2:
        raise ProjectError("Before and after the split by time both 0 and 1 must occur: change test_share, or get more data.")
    return cut


def auc(model, X, y):
    """The chance that the model puts a row with 1 over one with 0.

    Parameters
    ----------
    model : HistGradientBoostingClassifier
    X : numpy.ndarray of float
    y : numpy.ndarray of int

    Returns
    -------
    float
    """
    return float(roc_auc_score(y, model.predict_proba(X)[:, 1]))
