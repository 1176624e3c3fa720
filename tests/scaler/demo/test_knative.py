"""The simulated cluster as the loop sees it."""

from dataclasses import replace

import numpy as np

from config.policy import Mode
from scaler.controller.changes import Change, Result
from scaler.demo.demo_run import SETTINGS
from scaler.demo.knative import SimulatedKnative
from scaler.demo.simulations import TIDECAST, PolicySimulations
from scaler.demo.workload import REVISIONS, SERVICE, Workload
from scaler.kpa.settings import KpaSettings
from scaler.simulation.state import METRICS, STARTUPS


def cluster(workload: Workload) -> tuple[SimulatedKnative, PolicySimulations]:
    begin_s = workload.begin_s
    simulations = PolicySimulations(
        workload.pod_model, workload.from_second(begin_s), start_s=begin_s, score_from_s=begin_s
    )
    return SimulatedKnative(
        workload, simulations, SETTINGS, lambda: simulations.simulated_until_s + 0.5
    ), simulations


def test_two_revisions_share_one_service_half_and_half(short_workload: Workload) -> None:
    knative, _ = cluster(short_workload)
    _, revisions = knative.specs()
    assert [(r.key, r.service, r.percent) for r in revisions] == [(key, SERVICE, 50.0) for key in REVISIONS]
    assert {(r.container_concurrency, r.total_value, r.target_value) for r in revisions} == {(4, 4.0, 2.8)}
    np.testing.assert_array_equal(knative.startups_s(REVISIONS), [[45.0] * STARTUPS] * 2)
    assert knative.is_leader()


def test_a_floor_written_stands_and_is_in_force_from_the_next_second(short_workload: Workload) -> None:
    knative, simulations = cluster(short_workload)
    simulations.simulate(short_workload.begin_s + 100)
    before, revisions = knative.specs()
    order = Change(revisions[1].key, revisions[1].uid, 6)
    assert [o.result for o in knative.write([order])] == [Result.APPLIED]
    after, revisions = knative.specs()
    assert (after > before, [r.floor for r in revisions]) == (True, [None, 6])
    simulations.simulate(short_workload.begin_s + 101)
    assert simulations.pods.floor[TIDECAST].tolist() == [0, 0]
    simulations.simulate(short_workload.begin_s + 102)
    assert simulations.pods.floor[TIDECAST].tolist() == [0, 6]
    assert [o.result for o in knative.write([order])] == [Result.UNCHANGED]


def test_a_floor_taken_back_is_none(short_workload: Workload) -> None:
    knative, simulations = cluster(short_workload)
    key, uid = REVISIONS[0], knative.specs()[1][0].uid
    knative.write([Change(key, uid, 6)])
    simulations.simulate(short_workload.begin_s + 5)
    knative.write([Change(key, uid, None)])
    simulations.simulate(short_workload.begin_s + 10)
    assert knative.specs()[1][0].floor is None
    assert simulations.pods.floor[TIDECAST, 0] == 0


def test_a_setting_written_stands_and_changes_how_the_world_goes_on(short_workload: Workload) -> None:
    plain, with_setting = cluster(short_workload), cluster(short_workload)
    key, uid = REVISIONS[0], plain[0].specs()[1][0].uid
    roomy = Change(key, uid, None, KpaSettings(utilization_percentage=20.0, window_s=600))
    assert [o.result for o in with_setting[0].write([roomy])] == [Result.APPLIED]
    assert with_setting[0].specs()[1][0].settings == roomy.settings
    assert [o.result for o in with_setting[0].write([roomy])] == [Result.UNCHANGED]
    held = []
    for _, simulations in (plain, with_setting):
        simulations.simulate(short_workload.begin_s + 900)
        held.append(simulations.metrics[TIDECAST, :, METRICS.index("ready_pod_s")])
    assert held[1][0] > 1.5 * held[0][0]
    assert held[1][1] == held[0][1]


def test_another_revision_of_that_name_is_gone(short_workload: Workload) -> None:
    knative, _ = cluster(short_workload)
    assert [o.result for o in knative.write([Change(REVISIONS[0], "another uid", 6)])] == [Result.GONE]


def test_other_settings_are_seen(short_workload: Workload) -> None:
    knative, _ = cluster(short_workload)
    before, _ = knative.specs()
    knative.configure(replace(SETTINGS, policy=replace(SETTINGS.policy, mode=Mode.OBSERVE)))
    after, revisions = knative.specs()
    assert after > before
    assert {r.policy.mode for r in revisions} == {Mode.OBSERVE}
