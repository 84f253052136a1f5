"""What a full drift test costs, in processor time, beside scipy by hand on each column (and that both decide the same), and
beside Evidently's preset."""

import os
import time

import numpy as np
import pandas as pd
from scipy import stats

from helpers import drift, two_sample

ROWS = 100_000  # on either side
HAND = 2  # at least this ratio to scipy by hand
PRESET = 20  # at least this ratio to Evidently's DataDriftPreset
NUMERIC = [f"number{i}" for i in range(8)]
CATEGORICAL = {"few": 2, "some": 5, "many": 16, "most": 100}  # how many categories each has
BATCHES = {
    "quiet": {},
    "a shift": {"number0": 0.03},
    "a slight shift": {"number1": 0.012},
    "two shifts": {"number2": 0.05, "number3": 0.1},
}


def measure():
    """Lines for `tests.bench`: what was measured, and whether it keeps the promise."""
    rng = np.random.default_rng(0)
    past = table(rng)
    reduced = drift.reference(past, numeric=NUMERIC, categorical=CATEGORICAL)
    batches = [table(rng, shift) for shift in BATCHES.values()]
    agree = all(by_hand(past, batch) == ours(reduced, batch) for batch in batches)
    once = cpu(lambda: drift.reference(past, numeric=NUMERIC, categorical=CATEGORICAL))
    hand = cpu(lambda: by_hand(past, batches[0]))
    own = cpu(lambda: ours(reduced, batches[0]))
    preset = evidentlys(past, batches[0])
    theirs = cpu(preset, times=1)
    return [
        (f"drift, {ROWS:,} x 12: {own * 1000:.0f} ms ({once * 1000:.0f} ms once), scipy by hand {hand * 1000:.0f} ms: "
         f"ratio {hand / own:.1f}, promised at least {HAND}", hand >= HAND * own),
        (f"drift, {ROWS:,} x 12: Evidently's DataDriftPreset {theirs * 1000:.0f} ms: ratio {theirs / own:.0f}, "
         f"promised at least {PRESET}", theirs >= PRESET * own),
        (f"drift, the same decisions as scipy by hand in {len(batches)} batches: {agree}", agree),
    ]  # fmt: skip


def table(rng, shift=None):
    """Columns that are as hard as can be: no two numbers are tied, categories are text."""
    numbers = {name: rng.normal((shift or {}).get(name, 0), size=ROWS) for name in NUMERIC}
    names = {name: np.array([f"category {i}" for i in range(count)]) for name, count in CATEGORICAL.items()}
    return pd.DataFrame(numbers | {name: rng.choice(values, ROWS) for name, values in names.items()})


def ours(reduced, batch):
    found = drift.compare(batch, reduced)
    return set(found["column"][found["verdict"] == "drift"])


def evidentlys(past, batch):
    """Evidently's preset as it comes, ready to run: neither its import nor its tables are counted."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    kinds = DataDefinition(numerical_columns=NUMERIC, categorical_columns=list(CATEGORICAL))
    sides = [Dataset.from_pandas(side, data_definition=kinds) for side in (batch, past)]
    return lambda: Report([DataDriftPreset()]).run(*sides).dict()


def by_hand(past, batch):
    """As one would write it: raw columns, each time."""
    p = {name: stats.ks_2samp(past[name].dropna(), batch[name].dropna()).pvalue for name in NUMERIC}
    for name in CATEGORICAL:
        counts = pd.concat([past[name].value_counts(), batch[name].value_counts()], axis=1).fillna(0)
        p[name] = stats.chi2_contingency(counts, correction=False).pvalue
    return {name for name, adjusted in zip(p, two_sample.holm(list(p.values())), strict=True) if adjusted < drift.ALPHA}


def cpu(run, times=5):
    """Seconds of processor time, the least of several."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        run()
        taken.append(time.process_time() - begun)
    return min(taken)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for told in measure():
        print(told)
