"""Drift tests: equal to scipy's own, quiet when nothing changed, awake when something did, never calmed by missing data."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import drift, flights, two_sample

NUMERIC = [f"number{i}" for i in range(8)]
CATEGORICAL = {"few": 2, "some": 5, "many": 12, "most": 40}


def table(rng, n, shift=0.0):
    numbers = {name: rng.normal(shift if name == "number0" else 0, size=n) for name in NUMERIC}
    shares = {name: np.arange(1, count + 1) / (count * (count + 1) / 2) for name, count in CATEGORICAL.items()}
    codes = {name: pd.Categorical.from_codes(rng.choice(len(p), n, p=p), list(range(len(p)))) for name, p in shares.items()}
    return pd.DataFrame(numbers | codes)


def messy(rng, n):
    """Ties, NaN, whole numbers, and categories with missing ones."""
    tied = np.round(rng.normal(size=n), rng.integers(0, 3))
    names = rng.choice(["a", "b", "c", "d"], n, p=[0.4, 0.3, 0.2, 0.1]).astype(object)
    return pd.DataFrame({
        "plain": rng.normal(size=n), "tied": np.where(rng.random(n) < 0.1, np.nan, tied),
        "minutes": rng.integers(0, 60, n).astype("int16"), "name": np.where(rng.random(n) < 0.05, None, names),
    })  # fmt: skip


def compared(past, batch, numeric, categorical, **settings):
    found = drift.compare(batch, drift.reference(past, numeric=numeric, categorical=categorical), **settings)
    return found.set_index("column")


def test_p_values_effects_and_decisions_are_those_of_scipy():
    rng = np.random.default_rng(0)
    for _ in range(40):
        past, batch = messy(rng, rng.integers(400, 3_000)), messy(rng, rng.integers(400, 3_000))
        if rng.random() < 0.5:
            batch["tied"] += 1
            batch["name"] = batch["name"].replace("d", "a")
        found = compared(past, batch, ["plain", "tied", "minutes"], ["name"])
        for name in ("plain", "tied", "minutes"):
            want = stats.ks_2samp(past[name].dropna(), batch[name].dropna(), method="asymp")
            assert found.loc[name, "effect"] == pytest.approx(want.statistic, abs=1e-12)
            assert found.loc[name, "p"] == pytest.approx(want.pvalue, rel=1e-9, abs=1e-300)
            usual = stats.ks_2samp(past[name].dropna(), batch[name].dropna()).pvalue
            assert (usual < 0.01) == (found.loc[name, "p"] < 0.01) or usual == pytest.approx(0.01, abs=0.001)
        counts = pd.concat([past["name"].value_counts(), batch["name"].value_counts()], axis=1).fillna(0).to_numpy()
        assert found.loc["name", "p"] == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue, rel=1e-9)
        assert found.loc["name", "effect"] == pytest.approx(np.abs(counts / counts.sum(axis=0) @ [1, -1]).sum() / 2)
        p = found[["p", "p_missing", "p_new"]].to_numpy().ravel()
        p = np.sort(p[~np.isnan(p)])
        by_hand = np.maximum.accumulate(p * np.arange(len(p), 0, -1))
        assert (found["verdict"] == "drift").any() == (by_hand[0] < 0.05)


@pytest.mark.parametrize(("n", "m"), [(1, 2), (1, 500), (70, 64), (65, 20_000), (20_000, 20_000)])
@pytest.mark.parametrize("digits", [0, 1, 15])
def test_the_distance_is_exact_at_any_size_and_with_any_ties(n, m, digits):
    rng = np.random.default_rng(n + m)
    for shift in (0, 0.02, 5):
        first, second = rng.normal(size=n).round(digits), rng.normal(shift, size=m).round(digits)
        want = stats.ks_2samp(first, second, method="asymp")
        for pair in ((first, second), (second, first)):
            distance, p = two_sample.ks(*[two_sample.reduce_numbers(pd.Series(side)) for side in pair])
            assert distance == pytest.approx(want.statistic, abs=1e-12) and p == pytest.approx(want.pvalue, abs=1e-12)


def test_no_point_is_passed_over():
    """Few of the points are looked at; the largest difference may be at any of them."""
    long = np.arange(400.0)
    for at in range(2 * two_sample.STEP + 3):
        for jump in (2.0 * at, 2.0 * at + 0.5, 2.0 * at - 0.5):  # many values of the shorter sample at, after or before one
            short = np.append(long[::2], np.full(100, jump))
            points = np.concatenate([long, short])
            shares = [np.searchsorted(np.sort(side), points, side="right") / len(side) for side in (long, short)]
            distance, _ = two_sample.ks(*[two_sample.reduce_numbers(pd.Series(side)) for side in (long, short)])
            assert distance == pytest.approx(np.abs(shares[0] - shares[1]).max(), abs=1e-12)


def test_reduced_numbers_count_ties_and_leave_out_what_is_no_number():
    values, upto = two_sample.reduce_numbers(pd.Series([3, "2.5", None, "45F", 3, np.nan, 1]))
    assert values.tolist() == [1, 2.5, 3] and upto.tolist() == [1, 2, 4]
    for column in (pd.Series([True, None, False], dtype="boolean"), pd.Series([1, None, 0], dtype="Int8")):
        assert two_sample.reduce_numbers(column)[1].tolist() == [1, 2]
    assert [len(part) for part in two_sample.reduce_numbers(pd.Series([], dtype=float))] == [0, 0]
    with pytest.raises(ValueError, match="empty"):
        two_sample.ks((values, upto), two_sample.reduce_numbers(pd.Series([np.nan])))


def test_categories_of_any_type_are_counted_alike():
    want = {"a": 2, "b": 1}
    for dtype in ("str", object, "category"):
        assert two_sample.count_categories(pd.Series(["a", "b", None, "a"], dtype=dtype)) == want
    unused = pd.Series(pd.Categorical(["a", "b", None, "a"], categories=["z", "a", "b"]))
    assert two_sample.count_categories(unused) == want and two_sample.count_categories(unused.head(0)) == {}


@pytest.mark.parametrize(("n_reference", "seed"), [(1_000, 3), (10_000, 4)])
def test_false_alarms_and_power_at_a_thousand_rows(n_reference, seed):
    rng = np.random.default_rng(seed)
    false, found = 0, 0
    for _ in range(100):
        past = drift.reference(table(rng, n_reference), numeric=NUMERIC, categorical=CATEGORICAL)
        false += (drift.compare(table(rng, 1_000), past)["verdict"] == "drift").any()
        found += drift.compare(table(rng, 1_000, shift=0.2), past)["verdict"][0] == "drift"
    print(f"reference {n_reference}: {false}% false alarms, power {found}%")
    assert false <= 10 and found >= 80


def test_false_alarms_on_real_flights():
    """With missing weather, discrete numbers, a hundred airports, some of them met once; rows drawn one by one."""
    rng = np.random.default_rng(5)
    winter = flights.load([1, 2, 3])
    false = 0
    for _ in range(100):
        order = rng.permutation(len(winter))
        past = drift.reference(winter.iloc[order[:5_000]])
        false += (drift.compare(winter.iloc[order[5_000:6_000]], past)["verdict"] == "drift").any()
    assert false <= 10


def test_holm_is_between_bonferroni_and_nothing():
    p = np.array([[0.01, np.nan], [0.04, 0.03]])
    assert two_sample.holm(p) == pytest.approx(np.array([[0.03, np.nan], [0.06, 0.06]]), nan_ok=True)
    rng = np.random.default_rng(0)
    p = rng.random(20) ** 3
    assert (two_sample.holm(p) <= np.minimum(20 * p, 1)).all() and (two_sample.holm(p) >= p).all()
    assert two_sample.holm([0.01, 0.01]).tolist() == [0.02, 0.02] and two_sample.holm([]).shape == (0,)


@pytest.fixture(scope="module")
def winter():
    table = flights.load([1, 2, 3])
    return table, drift.reference(table)


def drawn(winter, n=1_000, seed=0):
    return winter[0].sample(n, random_state=seed).reset_index(drop=True)


def verdict(batch, winter, column, **settings):
    row = drift.compare(batch, winter[1], **settings).set_index("column").loc[column]
    return row["verdict"], row["reason"]


def test_april_is_not_winter(winter):
    found = drift.compare(flights.load(4), winter[1]).set_index("column")
    assert found.loc["temp", "verdict"] == "drift" and found["effect"].idxmax() == "temp"
    assert found["effect"].between(0, 1).all() and found["p_adjusted"].between(0, 1).all()


def test_missing_data_is_never_no_drift(winter):
    batch = drawn(winter)
    assert set(drift.compare(batch, winter[1])["verdict"]) == {"quiet"}
    assert verdict(batch.assign(temp=np.nan), winter, "temp") == (
        "drift", "every value is missing; too few: 0, expected at least 50")  # fmt: skip
    assert verdict(batch.drop(columns="carrier"), winter, "carrier")[1].startswith("the column is absent")
    some = batch.assign(temp=batch["temp"].mask(batch.index < 50))
    assert verdict(some, winter, "temp")[0] == "drift" and "missing 5" in verdict(some, winter, "temp")[1]
    text = batch.assign(temp=batch["temp"].astype(str) + "F")
    assert verdict(text, winter, "temp")[0] == "drift"
    fewer = batch.assign(pressure=1013.0)  # a gap that is gone is a change too
    assert "missing 0.0%" in verdict(fewer, winter, "pressure")[1]


@pytest.mark.parametrize("n", [0, 1, 49])
def test_too_few_rows_are_unknown_and_say_so(winter, n):
    found = drift.compare(drawn(winter, n) if n else winter[0].head(0), winter[1])
    assert set(found["verdict"]) == {"unknown"} and found["p_adjusted"].isna().all()
    assert found["reason"].str.contains(f"expected at least {drift.LEAST}").all()
    assert found["reason"][0] == f"too few: {n}, expected at least 50"


def test_a_reference_with_nothing_in_a_column_leaves_it_unknown():
    rng = np.random.default_rng(0)
    past = pd.DataFrame({"number": np.full(200, np.nan), "name": ["a"] * 200})
    found = compared(past, past, ["number"], ["name"])
    assert found.loc["number", "verdict"] == "unknown" and "in the reference" in found.loc["number", "reason"]
    assert found.loc["name", "verdict"] == "quiet"
    found = compared(past, past.assign(number=rng.normal(size=200)), ["number"], ["name"])
    assert found.loc["number", "verdict"] == "drift"


def test_a_new_category_counts(winter):
    batch = drawn(winter).astype({"carrier": "str"})
    batch.loc[:4, "carrier"] = "ZZ"
    found, reason = verdict(batch, winter, "carrier")
    assert found == "drift" and "new: ZZ" in reason
    batch["carrier"] = "ZZ"
    assert drift.compare(batch, winter[1]).set_index("column").loc["carrier", "effect"] == pytest.approx(1)


def test_new_categories_are_calibrated_where_rare_ones_are_usual():
    rng = np.random.default_rng(1)
    shares = 1 / np.arange(1, 3_000) ** 1.3
    shares /= shares.sum()
    alarms = {0.05: 0, 0.01: 0}
    for _ in range(400):
        past, batch = rng.choice(len(shares), 2_000, p=shares), rng.choice(len(shares), 500, p=shares)
        kinds, counts = np.unique(past, return_counts=True)
        p = two_sample.new_categories(int((~np.isin(batch, kinds)).sum()), 500, int((counts == 1).sum()), 2_000)
        alarms = {level: count + (p < level) for level, count in alarms.items()}
    assert alarms[0.05] <= 0.075 * 400 and alarms[0.01] <= 0.02 * 400
    exact = stats.fisher_exact([[3, 97], [0, 900]], alternative="greater").pvalue
    assert two_sample.new_categories(3, 100, 0, 900) == pytest.approx(exact, rel=0.1)
    assert two_sample.new_categories(0, 100, 0, 900) == 1


def test_chi_squared_pools_what_is_rare():
    crowd = [[500, 480], [400, 420]]
    assert two_sample.chi_squared([*crowd, [3, 2], [4, 6]]) == pytest.approx(
        stats.chi2_contingency([*crowd, [7, 8]], correction=False).pvalue
    )
    assert two_sample.chi_squared([[900, 100], [2, 3]]) == stats.fisher_exact([[900, 100], [2, 3]]).pvalue
    assert two_sample.chi_squared([[900, 100]]) == 1


def test_a_trifle_is_drift_only_where_it_matters():
    rng = np.random.default_rng(2)
    past, batch = pd.DataFrame({"x": rng.normal(size=200_000)}), pd.DataFrame({"x": rng.normal(0.03, size=200_000)})
    assert compared(past, batch, ["x"], [])["verdict"].tolist() == ["drift"]
    assert compared(past, batch, ["x"], [], least_effect=0.05)["verdict"].tolist() == ["quiet"]


def test_ties_make_the_test_careful_not_careless():
    rng = np.random.default_rng(3)
    low = 0
    for _ in range(500):
        sides = [two_sample.reduce_numbers(pd.Series(rng.poisson(0.5, 500))) for _ in range(2)]
        low += two_sample.ks(*sides)[1] < 0.05
    assert low < 0.03 * 500


@pytest.mark.parametrize(("n_reference", "n_current", "n_bins"), [
    (100, 100, 10), (1_000, 1_000, 10), (20_000, 500, 10), (300, 5_000, 5), (2_000, 2_000, 20),
])  # fmt: skip
def test_the_noise_floor_of_psi_is_what_simulation_gives(n_reference, n_current, n_bins):
    rng = np.random.default_rng(n_reference + n_bins)
    noise = [drift.psi(rng.normal(size=n_reference), rng.normal(size=n_current), n_bins=n_bins) for _ in range(500)]
    for quantile, off in ((0.5, 0.12), (0.95, 0.03)):  # of 500 draws
        floor = drift.psi_noise_floor(n_reference, n_current, n_bins=n_bins, quantile=quantile)
        assert np.mean(np.array(noise) < floor) == pytest.approx(quantile, abs=off)


def test_a_fixed_threshold_of_psi_is_a_trap():
    rng = np.random.default_rng(0)
    small = [drift.psi(rng.normal(size=100), rng.normal(size=100)) for _ in range(200)]
    large = [drift.psi(rng.normal(size=5_000), rng.normal(0.25, size=5_000)) for _ in range(20)]
    assert np.mean(np.array(small) > 0.1) > 0.6  # nothing has changed
    assert max(large) < 0.1 and min(large) > drift.psi_noise_floor(5_000, 5_000)  # something has


def test_psi_equals_the_sum_done_by_hand():
    before, now = np.array([2.5, 2.5]) / 5, np.array([1.5, 3.5]) / 5
    assert drift.psi([1, 2, 3, 4], [1, 3, 4, 9], n_bins=2) == pytest.approx(((now - before) * np.log(now / before)).sum())


@pytest.mark.parametrize(("arguments", "says"), [
    (([], [1.0]), "reference has shape"),
    (([1.0] * 20, []), "current has shape"),
    (([[1.0]], [1.0]), "shape"),
    ((np.arange(20), [1.0, np.nan]), "current has 1 values that are missing"),
    (([1.0] * 20, [1.0]), "quantiles coincide"),
    (([0.0] * 9 + [1.0] * 11, [1.0]), "quantiles coincide"),
    (([1.0, 2.0], [1.0]), "n_bins"),
])  # fmt: skip
def test_bad_input_to_psi_is_one_clear_line(arguments, says):
    with pytest.raises(ValueError, match=says) as told:
        drift.psi(*arguments)
    assert "\n" not in str(told.value)


def test_bad_settings_are_one_clear_line(winter):
    for settings in ({"alpha": 0}, {"alpha": 1}, {"least": 0}, {"least_effect": 2}):
        with pytest.raises(ValueError, match="expected"):
            drift.compare(winter[0].head(100), winter[1], **settings)
    for settings in ({"n_bins": 1}, {"quantile": 1}):
        with pytest.raises(ValueError, match="expected"):
            drift.psi_noise_floor(100, 100, **settings)
    with pytest.raises(ValueError, match="lacks nope"):
        drift.reference(winter[0], numeric=["nope"])
    with pytest.raises(ValueError, match="at least 50"):
        drift.reference(winter[0].head(10))
