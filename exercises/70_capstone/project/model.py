"""The model and its baseline: what is trained, and how good that is on what comes later."""

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from settings import ProjectError


def fit(X, y, said):
    """Train on the older rows, test on the newer ones: a model is always asked about what comes later.

    Parameters
    ----------
    X, y
        As from `data.load`.
    said : dict
        The section [training].

    Returns
    -------
    model : HistGradientBoostingClassifier
    metrics : dict of str to float
        `auc`, `log_loss`, and `baseline_auc`: what one single question about a row achieves.
    curves : dict of str to list of float
        The log loss after each step, on both parts.
    """
    # your code here
    raise NotImplementedError


def cut_at(y, said):
    """Where the newer rows begin, on which a model is tested.

    Parameters
    ----------
    y : numpy.ndarray of int
        In the order of time.
    said : dict
        The section [training].

    Returns
    -------
    int

    Raises
    ------
    ProjectError
        On one side there is only one outcome.
    """
    cut = round(len(y) * (1 - said["test_share"]))
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
