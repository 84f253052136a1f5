"""The autoscaler's arithmetic against the examples of Kubernetes' documentation; the queue against theory."""

import dataclasses
import datetime
import math

import numpy as np
import pandas as pd
import pytest

from helpers import autoscaling, manifests, pods
from helpers.autoscaling import DOWN, UP, Autoscaler, AutoscalingError, Policy, Rules, Settings, desired_replicas, largest

RATE = {pods.RATE: 35.0}


# --- the formula ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "target", "wanted"),
    [
        ([200] * 3, 100, 6),  # "the number of replicas will be doubled"
        ([50] * 4, 100, 2),  # "you'll halve the number of replicas"
        ([90] * 50, 75, 60),  # 50 replicas at 90% of which 75% are wanted
        ([109] * 5, 100, 5),  # "sufficiently close to 1.0"
        ([91] * 5, 100, 5),
        ([111] * 5, 100, 6),
        ([1, 1, 298], 100, 3),  # the mean counts
        ([0, 0], 100, 0),  # the minimum is somebody else's business
        ([], 100, None),
        ([None, None], 100, None),
    ],
)
def test_the_formula_as_documented(values, target, wanted):
    assert desired_replicas(values, target) == wanted


def test_missing_values_dampen_in_both_directions():
    assert desired_replicas([300, 300, None], 100) == 6  # as 0: ceil(600 / 100), not 9
    assert desired_replicas([30, 30, None], 100) == 2  # as at the target: ceil(160 / 100), not 1
    assert desired_replicas([120, 120, None], 100) == 3  # as 0 it would turn the direction: nothing is done
    assert desired_replicas([150, None], 100) == 2


def test_pods_on_their_way_are_not_ordered_twice():
    assert desired_replicas([200, 200], 100) == 4
    assert desired_replicas([200, 200], 100, unready=2) == 4  # they count as 0: exactly at the target now
    assert desired_replicas([400, 400], 100, unready=2) == 8
    assert desired_replicas([200, 200], 100, unready=3) == 5  # 0.8 now: that would take back what was ordered, so it stays
    assert desired_replicas([50, 50], 100, unready=2) == 1  # on the way down they do not count


def test_tolerance_is_an_argument_for_each_direction():
    assert desired_replicas([105] * 10, 100, tolerance_up=0.0) == 11
    assert desired_replicas([95] * 30, 100, tolerance_up=0.0) == 30
    assert desired_replicas([95] * 30, 100, tolerance_down=0.04) == 29
    with pytest.raises(AutoscalingError, match="above 0"):
        desired_replicas([1], 0)


def test_the_largest_metric_counts_and_an_unknown_one_forbids_going_down():
    assert largest(5, [3, 7]) == 7
    assert largest(5, [7, None]) == 7
    assert largest(5, [3, None]) is None
    assert largest(5, [None, None]) is None and largest(5, []) is None


# --- what tames it --------------------------------------------------------------------------------------------------------


def walk(settings, current, proposals, step=15.0):
    scaler, seen = Autoscaler(settings), []
    for number, proposal in enumerate(proposals):
        current = scaler.step(number * step, current, proposal)
        seen.append(current)
    return seen


def settings(minimum=1, maximum=100, **rules):
    return Settings(minimum, maximum, RATE, **rules)


def test_the_documented_example_of_two_policies():
    rules = Rules(0, (Policy("Pods", 4, 60), Policy("Percent", 10, 60)))
    seen = walk(settings(down=rules), 80, [10] * 16, step=60.0)
    assert seen[:2] == [72, 64]  # 10% of 72 is 7.2, rounded up to 8
    assert all(a - b == 4 for a, b in zip(seen, seen[1:], strict=False) if 14 <= b < 36)
    assert seen[-1] == 10


def test_the_smallest_policy_and_none_at_all():
    both = (Policy("Percent", 10, 60), Policy("Pods", 5, 60))
    assert walk(settings(down=Rules(0, both, "Min")), 80, [10], 60)[0] == 75
    assert walk(settings(down=Rules(0, both, "Disabled")), 80, [10] * 3, 60) == [80] * 3


def test_upwards_by_default_four_pods_or_the_double_in_15_seconds():
    assert walk(settings(), 1, [100] * 6) == [5, 10, 20, 40, 80, 100]
    assert walk(settings(maximum=12), 3, [100] * 3) == [7, 12, 12]


def test_a_policy_counts_over_its_whole_period():
    slow = Rules(0, (Policy("Pods", 2, 60),))
    assert walk(settings(up=slow), 2, [50] * 9) == [4, 4, 4, 4, 6, 6, 6, 6, 8]


def test_downwards_the_highest_of_five_minutes_counts():
    seen = walk(settings(), 10, [10] + [4] * 25)
    assert seen[:20] == [10] * 20 and seen[20] == 4
    spike = walk(settings(), 4, [4, 4, 9, *[4] * 25])
    assert spike[2] == 8 and set(spike[3:22]) == {8} and spike[22] == 4


def test_upwards_a_window_waits_for_the_lowest():
    patient = dataclasses.replace(UP, window=60)
    assert walk(settings(up=patient), 3, [9, 9, 3, 9, 9, 9, 9]) == [3, 3, 3, 3, 3, 3, 7]


def test_minimum_and_maximum_hold_whatever_is_asked():
    assert walk(settings(3, 6), 2, [50]) == [3]
    assert walk(settings(3, 6), 9, [50]) == [6]
    assert walk(settings(3, 6), 4, [0] * 25)[-1] == 3
    assert walk(settings(3, 6), 0, [5]) == [0]  # 0 replicas switch it off
    assert walk(settings(3, 6), 5, [None, None]) == [5, 5]
    for wrong in ((0, 5), (6, 5)):
        with pytest.raises(AutoscalingError, match="minimum"):
            Settings(*wrong, RATE)
    with pytest.raises(AutoscalingError, match="targets"):
        Settings(1, 2, {})


# --- out of a manifest ----------------------------------------------------------------------------------------------------


def test_settings_are_read_from_the_manifest_of_the_workbook():
    found = autoscaling.from_manifest(hpa())
    assert (found.minimum, found.maximum, found.targets) == (3, 12, {"requests_per_second": 35.0, "cpu": 0.8})
    assert found.up == UP and found.down == Rules(300, (Policy("Pods", 1, 60),))


def test_what_is_not_said_is_kubernetes_default():
    plain = hpa()
    del plain["spec"]["behavior"], plain["spec"]["minReplicas"]
    found = autoscaling.from_manifest(plain)
    assert (found.minimum, found.up, found.down) == (1, UP, DOWN)
    fine = hpa()
    fine["spec"]["behavior"] = {"scaleUp": {"tolerance": "50m"}}
    assert autoscaling.from_manifest(fine).up.tolerance == 0.05


def test_other_documents_are_refused():
    with pytest.raises(AutoscalingError, match="v2beta2"):
        autoscaling.from_manifest(hpa() | {"apiVersion": "autoscaling/v2beta2"})
    other = hpa()
    other["spec"]["metrics"].append({"type": "External", "external": {}})
    with pytest.raises(AutoscalingError, match="External"):
        autoscaling.from_manifest(other)


def hpa():
    text = (manifests.FOLDER / "base" / "autoscaler.yml").read_text(encoding="utf-8")
    return manifests.load(text)[0]


# --- the queue ------------------------------------------------------------------------------------------------------------


def fixed(n):
    return Settings(n, n, RATE)


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.8])
def test_one_pod_of_constant_service_waits_as_m_d_1(busy):
    service = 0.02
    found = np.concatenate(pods.simulate([busy / service] * 2_000, fixed(1), service).responses)
    wait = busy * service / (2 * (1 - busy))
    assert found.mean() - service == pytest.approx(wait, rel=0.06)
    assert found.min() >= service - 1e-6


@pytest.mark.parametrize("n_pods", [1, 3])
def test_pods_of_exponential_service_wait_as_m_m_1(n_pods):
    service, busy = np.random.default_rng(1).exponential(0.02, 200_000), 0.7
    run = pods.simulate([n_pods * busy / service.mean()] * 3_000, fixed(n_pods), service, seed=3)
    found = np.concatenate(run.responses)
    assert found.mean() == pytest.approx(service.mean() / (1 - busy), rel=0.06)
    assert run.p99() == pytest.approx(service.mean() * math.log(100) / (1 - busy), rel=0.1)


def test_by_hand_a_queue_is_worked_off():
    """100 requests of 1 s in 15 s: the last waits for all; then nobody comes, and the metric still says one a second."""
    run = pods.simulate([100 / 15, 0, 0, 0, 0, 0, 0, 0], fixed(1), 1.0, seed=2)
    n = len(run.responses[0])
    assert run.responses[0].max() == pytest.approx(n - 15, abs=1.5)
    assert run.over(0.5) == 1.0 and math.isnan(run.p99(15))


def test_past_capacity_the_answered_requests_do_not_show_it():
    """The trap: a target above what a pod can do is never reached, however long the queue."""
    trapped = pods.simulate([90.0] * 60, Settings(1, 9, {pods.RATE: 60.0}), 0.02)
    assert trapped.pods.max() == 1 and trapped.p99() > 100
    sound = pods.simulate([90.0] * 60, Settings(1, 9, RATE), 0.02)
    assert sound.pods[-1] in (3, 4) and sound.p99(600) < 0.5


def test_the_processor_shows_it_as_a_share_of_what_is_requested():
    run = pods.simulate([90.0] * 60, Settings(1, 9, {pods.CPU: 0.8}), 0.02, request=0.9)
    assert run.pods[-1] == 3  # 1.8 processors busy, over 0.9 requested, over 0.8
    assert pods.simulate([90.0] * 60, Settings(1, 9, {pods.CPU: 0.8}), 0.02, request=0.3).pods[-1] > 6


def test_new_pods_are_paid_for_before_they_serve():
    run = pods.simulate([90.0] * 20, Settings(1, 9, RATE), 0.02, startup=60)
    grown = int(np.argmax(run.pods > 1))
    assert (run.ready[grown : grown + 4] == 1).all() and run.ready[grown + 5] > 1
    assert run.pod_hours() == pytest.approx(run.pods.sum() * 15 / 3600)


def test_what_is_on_its_way_is_not_taken_back():
    """A rush, then less of it while the new pods still start: with no window, only counting the starting ones keeps them."""
    chosen = Settings(5, 12, RATE, down=Rules(0, DOWN.policies))
    run = pods.simulate([350.0] * 2 + [200.0] * 6, chosen, 0.02, startup=300, window=15)
    assert run.pods[2] == 8 and (run.pods[2:] >= 8).all()


def test_a_metric_that_is_missing_stops_the_scaling():
    alone = pods.simulate([90.0] * 40, Settings(1, 9, RATE), 0.02, missing=lambda name, seconds: True)
    assert alone.pods.max() == 1
    both = Settings(1, 9, {**RATE, pods.CPU: 0.8})
    rescued = pods.simulate([90.0] * 40, both, 0.02, missing=lambda name, seconds: name == pods.RATE)
    assert rescued.pods.max() >= 3


def test_metrics_that_are_not_simulated_are_refused():
    with pytest.raises(AutoscalingError, match="memory"):
        pods.simulate([1.0], Settings(1, 2, {"memory": 1.0}), 0.02)


def test_the_same_seed_gives_the_same_day_and_another_another():
    runs = [pods.simulate([60.0] * 20, Settings(1, 9, RATE), 0.02, seed=seed) for seed in (1, 1, 2)]
    assert runs[0].p99() == runs[1].p99() != runs[2].p99()


# --- traffic and money ----------------------------------------------------------------------------------------------------


def departures(*times):
    return pd.DataFrame({"scheduled_departure": pd.to_datetime(list(times)).tz_localize(pods.ZONE).tz_convert("UTC")})


def test_each_departure_brings_its_requests_in_the_hour_before():
    rates = pods.traffic(departures("2013-07-01 12:00", "2013-07-01 12:00"), 3_600)
    assert len(rates) == 5_760 and rates.sum() * 15 == pytest.approx(7_200)
    busy = np.flatnonzero(rates) * 15 / 3600
    assert busy.min() == pytest.approx(11, abs=0.01) and busy.max() == pytest.approx(12, abs=0.01)
    assert not pods.traffic(departures(), 100).any()


def test_traffic_wants_one_day():
    with pytest.raises(ValueError, match="2 days"):
        pods.traffic(departures("2013-07-01 12:00", "2013-07-02 12:00"), 1)


def test_whole_machines_are_paid_for():
    run = pods.Simulated(3600.0, np.array([1, 2, 3]), np.array([1, 2, 3]), [])
    assert pods.usd(run, 0.1, 2) == pytest.approx(0.4)
    assert (run.pod_hours(), run.changes(), run.over(1)) == (6.0, 2, 0.0)
    assert datetime.timedelta(seconds=pods.DAY) == datetime.timedelta(days=1)


def test_a_step_may_be_a_whole_number():
    found = [pods.simulate([30.0], fixed(1), 0.02, step=step).p99() for step in (2, 2.0)]
    assert found[0] == found[1] >= 0.02
