"""The steps of a training, as commands. Each reads and writes files in the folder `out`; several may be given at once.

python training.py train                      fit a model as settings.json says; writes out/model and out/metrics.json
python training.py log --commit COMMIT        put its parameters, metric and model on record; writes out/version.txt
python training.py champion                   fetch the model in use into out/champion; nothing, where there is none yet
python training.py promote                    make the model of out/version.txt the one in use, whatever the gate said

`log`, `champion` and `promote` use the store that MLFLOW_TRACKING_URI names, and want STORE_TOKEN in the environment.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

from helpers import flights, model_source, registry

SETTINGS = json.loads(Path("settings.json").read_text(encoding="utf-8"))
OUT = Path("out")
MODEL, CHAMPION, METRICS, VERSION = OUT / "model", OUT / "champion", OUT / "metrics.json", OUT / "version.txt"


def test_flights():
    """Features and outcomes of the flights that no model is trained on."""
    return flights.features_and_target(flights.load(SETTINGS["test_months"]))


def forecasts(folder, X):
    """How likely each flight is to be late, by the model in a folder."""
    served = model_source.load(folder).model
    columns = {name: X[name].to_numpy() if name in flights.NUMERIC else X[name].tolist() for name in flights.FEATURES}
    return served.probability_late(served.encode_columns(columns))


def train(options):
    from helpers import modeling
    from sklearn.metrics import roc_auc_score

    chosen = {name: SETTINGS[name] for name in ("n_steps", "learning_rate", "seed")}
    X, y = flights.features_and_target(flights.load(SETTINGS["train_months"]))
    X = X.sample(SETTINGS["flights"], random_state=SETTINGS["seed"])
    model_source.save(modeling.make_model(**chosen).fit(X, y[X.index]), MODEL, "new")
    (MODEL / registry.FACTS).write_text(json.dumps(chosen | {"flights": len(X)}), encoding="utf-8")
    X, y = test_flights()
    auc = float(roc_auc_score(y, forecasts(MODEL, X)))
    METRICS.write_text(json.dumps({"auc": auc}), encoding="utf-8")
    print(f"trained; AUC {auc:.4f} on {len(X):,} flights that it has not seen")


def log(options):
    metrics = json.loads(METRICS.read_text(encoding="utf-8"))
    version = registry.log(MODEL, metrics, store(), commit=options.commit)
    VERSION.write_text(version, encoding="utf-8")
    print(f"logged; it is version {version}")


def champion(options):
    shutil.rmtree(CHAMPION, ignore_errors=True)
    version = registry.champion(store(), CHAMPION)
    print(f"the champion is version {version}" if version else "there is no champion yet")


def promote(options):
    version = VERSION.read_text(encoding="utf-8")
    registry.promote(version, {"passed": True}, store())
    print(f"version {version} is the champion")


def store():
    if not os.environ.get("STORE_TOKEN"):
        raise SystemExit("The store asks for a token: this step needs STORE_TOKEN in its environment.")
    return os.environ["MLFLOW_TRACKING_URI"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="+", choices=["train", "log", "champion", "promote"])
    parser.add_argument("--commit", default="unknown", help="that the model was made from")
    options = parser.parse_args()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for command in options.commands:
        {"train": train, "log": log, "champion": champion, "promote": promote}[command](options)


if __name__ == "__main__":
    main()
