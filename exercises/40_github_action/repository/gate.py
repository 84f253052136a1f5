"""The gate: exit code 0 if the new model may take the champion's place, 1 if not.

It compares out/model with out/champion, which `python training.py train champion` has written.
"""

import sys

import training
from helpers import modeling


def may_replace(y, new, champion, margin):
    """Say whether the new model may take the champion's place.

    y         array of bool: was the flight late
    new       array: the probabilities of the new model, for the same flights
    champion  array: those of the champion; None where there is no champion yet, and then any model passes
    margin    how much AUC the new model may lose

    `modeling.compare_auc(y, new, champion, n=0)[0]` is the AUC of the new model minus that of the champion.
    """
    # your code here
    raise NotImplementedError


def main():
    X, y = training.test_flights()
    new = training.forecasts(training.MODEL, X)
    champion = training.forecasts(training.CHAMPION, X) if training.CHAMPION.exists() else None
    passed = may_replace(y.to_numpy(), new, champion, training.SETTINGS["margin"])
    print("the gate lets it through" if passed else "the gate refuses it")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
