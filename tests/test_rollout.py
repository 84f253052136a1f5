"""A candidate in the shadow, a canary, and the way back."""

import numpy as np
import pandas as pd
import pytest

from helpers import flights, logged, model_source, modeling, prediction_log, registry, rollout


def rows(n_old, n_new, wrong, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1, n_old + n_new)
    y = rng.random(len(p)) < p
    version = np.repeat(["1", "2"], [n_old, n_new])
    late = np.where(version == "2", np.clip(p + wrong, 0, 1), p)
    return pd.DataFrame({"version": version, "late": late, "outcome": pd.array(y, dtype="boolean")})


def test_a_share_is_a_share_and_stays_the_same():
    ids = [f"request-{i}" for i in range(5_000)]
    chosen = [rollout.in_share(i, 0.2) for i in ids]
    assert np.mean(chosen) == pytest.approx(0.2, abs=0.02)
    assert chosen == [rollout.in_share(i, 0.2) for i in ids] != [rollout.in_share(i, 0.2, salt="b") for i in ids]
    assert all(rollout.in_share(i, 0.5) for i, c in zip(ids, chosen, strict=True) if c), "a larger share holds the smaller"
    assert not any(rollout.in_share(i, 0) for i in ids) and all(rollout.in_share(i, 1) for i in ids)


def test_a_bad_candidate_is_rolled_back_and_a_good_one_promoted():
    assert rollout.decide(rows(4_000, 1_000, 0.4), "1", "2")["decision"] == "roll back"
    assert rollout.decide(rows(9_000, 4_000, 0.0), "1", "2")["decision"] == "promote"


def test_what_is_not_known_yet_waits():
    told = rollout.decide(rows(4_000, 150, 0.4), "1", "2")
    assert told["decision"] == "wait" and told["candidate"] == 150 and np.isnan(told["low"])
    assert rollout.decide(rows(300, 300, 0.0), "1", "2")["decision"] == "wait"
    table = rows(4_000, 1_000, 0.4)
    table["outcome"] = pd.array([pd.NA] * len(table), dtype="boolean")
    assert rollout.decide(table, 1, 2)["champion"] == 0


def test_a_good_candidate_is_seldom_rolled_back():
    decisions = [rollout.decide(rows(1_000, 500, 0.0, seed), "1", "2")["decision"] for seed in range(200)]
    assert decisions.count("roll back") <= 12


def test_a_shadow_answers_what_was_asked(tmp_path):
    X, y = flights.features_and_target(flights.load(1).head(500))
    model = modeling.make_model(n_steps=5).fit(X, y)
    model_source.save(model, tmp_path / "model", "2")
    with prediction_log.PredictionLog(tmp_path / "log.db") as log:
        log.append("a", X.to_dict("records"), [0.5] * len(X), version="1", when=1.0)
    both = rollout.shadow(logged.read(tmp_path / "log.db"), tmp_path / "model")
    assert (both["late"] == 0.5).all()
    assert both["candidate"].to_numpy() == pytest.approx(modeling.probability_late(model, X), abs=1e-5)
    assert logged.count_per_day(tmp_path / "log.db")["predictions"].sum() == len(X)


def test_one_call_rolls_back_and_only_once(tmp_path):
    X, y = flights.features_and_target(flights.load(1).head(500))
    store, yes = tmp_path / "store", {"passed": True}
    with pytest.raises(registry.RegistryError, match="No earlier champion"):
        registry.roll_back(store)
    for version in "12":
        folder = model_source.save(modeling.make_model(n_steps=int(version)).fit(X, y), tmp_path / version, version)
        (folder / registry.FACTS).write_text("{}")
        registry.promote(registry.log(folder, {}, store), yes, store)
    registry.promote("2", yes, store)  # again: the way back stays
    assert registry.champion(store, tmp_path / "now") == "2"
    assert registry.roll_back(store) == "1" == registry.champion(store, tmp_path / "now")
    with pytest.raises(registry.RegistryError, match="No earlier champion"):
        registry.roll_back(store)
    assert registry.champion(store, tmp_path / "now") == "1"
