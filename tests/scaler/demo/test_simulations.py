"""Simulations in steps: equal to one replay of each plan; a floor takes effect in its second."""

import numpy as np
import pytest

from scaler.demo.simulations import KPA, ORACLE, POLICIES, TIDECAST, PolicySimulations
from scaler.demo.workload import Workload
from scaler.policies.oracle import pods_needed
from scaler.simulation.plan_rows import plan_rows
from scaler.simulation.simulator import replay
from scaler.simulation.state import METRICS

SCORE_S = 600


def simulations_of(workload: Workload) -> PolicySimulations:
    begin_s = workload.begin_s
    return PolicySimulations(
        workload.pod_model, workload.from_second(begin_s), start_s=begin_s, score_from_s=begin_s + SCORE_S
    )


def test_simulation_in_steps_equals_replay_of_the_plan(short_workload: Workload) -> None:
    simulations, begin_s = simulations_of(short_workload), short_workload.begin_s
    needed = [
        pods_needed(arrivals, short_workload.pod_model) for arrivals in short_workload.from_second(begin_s)
    ]
    oracle = [plan_rows(short_workload.pod_model, np.arange(len(floor)), floor) for floor in needed]
    for row, rows in enumerate(oracle):
        simulations.plan(ORACLE, row, rows)
    for at_s in (0, 7, 700, 701, 2000):
        simulations.simulate(begin_s + at_s)
        simulations.set_floor(TIDECAST, 1, begin_s + at_s + 1, at_s % 7)
    simulations.simulate(begin_s + 3000)
    floor_plan = plan_rows(short_workload.pod_model, [1, 8, 701, 702, 2001], [0, 0, 0, 1, 5])
    no_plan = floor_plan[:0]
    for policy, plans in ((KPA, [no_plan] * 2), (TIDECAST, [no_plan, floor_plan]), (ORACLE, oracle)):
        for row, rows in enumerate(plans):
            arrivals = short_workload.from_second(begin_s)[row, :3000]
            expected = replay(short_workload.pod_model, arrivals, rows, score_s=SCORE_S)
            got = dict(zip(METRICS, simulations.metrics[policy, row], strict=True))
            assert got == pytest.approx({name: getattr(expected, name) for name in METRICS}), POLICIES[policy]


def test_floor_takes_effect_in_the_given_second_and_pods_after_start_up(
    short_workload: Workload,
) -> None:
    simulations, begin_s = simulations_of(short_workload), short_workload.begin_s
    simulations.simulate(begin_s + 1000)
    simulations.set_floor(TIDECAST, 0, begin_s + 1001, 30)
    simulations.simulate(begin_s + 1001)
    assert simulations.pods.floor[TIDECAST, 0] == 0
    simulations.simulate(begin_s + 1003)
    pods = simulations.pods
    assert pods.floor.tolist() == [[0, 0], [30, 0], [0, 0]]
    assert pods.ready[TIDECAST, 0] + pods.starting[TIDECAST, 0] >= 30
    simulations.simulate(begin_s + 1003 + 45)
    assert simulations.pods.ready[TIDECAST, 0] >= 30
    assert simulations.pods.ready[KPA, 0] < 30


def test_floor_in_the_past_is_an_error(short_workload: Workload) -> None:
    simulations = simulations_of(short_workload)
    simulations.simulate(short_workload.begin_s + 10)
    with pytest.raises(ValueError, match="past"):
        simulations.set_floor(TIDECAST, 0, short_workload.begin_s + 9, 1)


def test_simulating_no_further_second_changes_nothing(short_workload: Workload) -> None:
    simulations = simulations_of(short_workload)
    simulations.simulate(short_workload.begin_s + 1000)
    before = simulations.metrics
    simulations.simulate(short_workload.begin_s + 1000)
    np.testing.assert_array_equal(simulations.metrics, before)
    assert simulations.simulated_until_s == short_workload.begin_s + 1000
