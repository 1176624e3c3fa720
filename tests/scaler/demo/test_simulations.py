"""PolicySimulations side by side: each as if it were lived alone and at once; floors take effect when they may."""

import numpy as np
import pytest

from scaler.demo.simulations import KPA, ORACLE, POLICIES, TIDECAST, PolicySimulations
from scaler.demo.workload import Workload
from scaler.policies.oracle import pods_needed
from scaler.simulation.plan_rows import plan_rows
from scaler.simulation.simulator import replay
from scaler.simulation.state import METRICS

SCORE_S = 600


def simulations(workload: Workload) -> PolicySimulations:
    begin_s = workload.begin_s
    return PolicySimulations(
        workload.pod_model, workload.from_second(begin_s), start_s=begin_s, score_from_s=begin_s + SCORE_S
    )


def test_each_is_the_replay_of_its_plan(short_workload: Workload) -> None:
    lived, begin_s = simulations(short_workload), short_workload.begin_s
    needed = [pods_needed(came, short_workload.pod_model) for came in short_workload.from_second(begin_s)]
    oracle = [plan_rows(short_workload.pod_model, np.arange(len(floor)), floor) for floor in needed]
    for row, rows in enumerate(oracle):
        lived.plan(ORACLE, row, rows)
    for at_s in (0, 7, 700, 701, 2000):
        lived.simulate(begin_s + at_s)
        lived.set_floor(TIDECAST, 1, begin_s + at_s + 1, at_s % 7)
    lived.simulate(begin_s + 3000)
    asked = plan_rows(short_workload.pod_model, [1, 8, 701, 702, 2001], [0, 0, 0, 1, 5])
    nothing = asked[:0]
    for policy, plans in ((KPA, [nothing] * 2), (TIDECAST, [nothing, asked]), (ORACLE, oracle)):
        for row, rows in enumerate(plans):
            came = short_workload.from_second(begin_s)[row, :3000]
            want = replay(short_workload.pod_model, came, rows, score_s=SCORE_S)
            got = dict(zip(METRICS, lived.metrics[policy, row], strict=True))
            assert got == pytest.approx({name: getattr(want, name) for name in METRICS}), POLICIES[policy]


def test_a_floor_is_in_force_from_its_second_on_and_pods_are_there_a_start_up_later(
    short_workload: Workload,
) -> None:
    lived, begin_s = simulations(short_workload), short_workload.begin_s
    lived.simulate(begin_s + 1000)
    lived.set_floor(TIDECAST, 0, begin_s + 1001, 30)
    lived.simulate(begin_s + 1001)
    assert lived.pods.floor[TIDECAST, 0] == 0
    lived.simulate(begin_s + 1003)
    pods = lived.pods
    assert pods.floor.tolist() == [[0, 0], [30, 0], [0, 0]]
    assert pods.ready[TIDECAST, 0] + pods.starting[TIDECAST, 0] >= 30
    lived.simulate(begin_s + 1003 + 45)
    assert lived.pods.ready[TIDECAST, 0] >= 30
    assert lived.pods.ready[KPA, 0] < 30


def test_what_is_past_cannot_be_asked_for(short_workload: Workload) -> None:
    lived = simulations(short_workload)
    lived.simulate(short_workload.begin_s + 10)
    with pytest.raises(ValueError, match="past"):
        lived.set_floor(TIDECAST, 0, short_workload.begin_s + 9, 1)


def test_living_up_to_now_again_changes_nothing(short_workload: Workload) -> None:
    lived = simulations(short_workload)
    lived.simulate(short_workload.begin_s + 1000)
    before = lived.metrics
    lived.simulate(short_workload.begin_s + 1000)
    np.testing.assert_array_equal(lived.metrics, before)
    assert lived.simulated_until_s == short_workload.begin_s + 1000
