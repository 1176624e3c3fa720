"""The simulated cluster, as the loop reads and writes it."""

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


def test_two_revisions_have_half_of_the_service(short_workload: Workload) -> None:
    knative, _ = cluster(short_workload)
    _, revisions = knative.specs()
    assert [(r.key, r.service, r.percent) for r in revisions] == [(key, SERVICE, 50.0) for key in REVISIONS]
    assert {(r.container_concurrency, r.total_value, r.target_value) for r in revisions} == {(4, 4.0, 2.8)}
    np.testing.assert_array_equal(knative.startups_s(REVISIONS), [[45.0] * STARTUPS] * 2)
    assert knative.is_leader()


def test_written_floor_takes_effect_in_the_next_second(short_workload: Workload) -> None:
    knative, simulations = cluster(short_workload)
    simulations.simulate(short_workload.begin_s + 100)
    before, revisions = knative.specs()
    change = Change(revisions[1].key, revisions[1].uid, 6)
    assert [result.result for result in knative.write([change])] == [Result.APPLIED]
    after, revisions = knative.specs()
    assert (after > before, [r.floor for r in revisions]) == (True, [None, 6])
    simulations.simulate(short_workload.begin_s + 101)
    assert simulations.pods.floor[TIDECAST].tolist() == [0, 0]
    simulations.simulate(short_workload.begin_s + 102)
    assert simulations.pods.floor[TIDECAST].tolist() == [0, 6]
    assert [result.result for result in knative.write([change])] == [Result.UNCHANGED]


def test_reverted_floor_is_none(short_workload: Workload) -> None:
    knative, simulations = cluster(short_workload)
    key, uid = REVISIONS[0], knative.specs()[1][0].uid
    knative.write([Change(key, uid, 6)])
    simulations.simulate(short_workload.begin_s + 5)
    knative.write([Change(key, uid, None)])
    simulations.simulate(short_workload.begin_s + 10)
    assert knative.specs()[1][0].floor is None
    assert simulations.pods.floor[TIDECAST, 0] == 0


def test_written_setting_changes_only_later_pods_of_the_revision(short_workload: Workload) -> None:
    plain, with_setting = cluster(short_workload), cluster(short_workload)
    key, uid = REVISIONS[0], plain[0].specs()[1][0].uid
    low_target = Change(key, uid, None, KpaSettings(utilization_percentage=20.0, window_s=600))
    assert [result.result for result in with_setting[0].write([low_target])] == [Result.APPLIED]
    assert with_setting[0].specs()[1][0].settings == low_target.settings
    assert [result.result for result in with_setting[0].write([low_target])] == [Result.UNCHANGED]
    pod_s = []
    for _, simulations in (plain, with_setting):
        simulations.simulate(short_workload.begin_s + 900)
        pod_s.append(simulations.metrics[TIDECAST, :, METRICS.index("ready_pod_s")])
    assert pod_s[1][0] > 1.5 * pod_s[0][0]
    assert pod_s[1][1] == pod_s[0][1]


def test_write_to_a_revision_with_different_uid_is_gone(short_workload: Workload) -> None:
    knative, _ = cluster(short_workload)
    assert [result.result for result in knative.write([Change(REVISIONS[0], "different uid", 6)])] == [
        Result.GONE
    ]


def test_changed_configuration_is_in_the_specs(short_workload: Workload) -> None:
    knative, _ = cluster(short_workload)
    before, _ = knative.specs()
    knative.configure(replace(SETTINGS, policy=replace(SETTINGS.policy, mode=Mode.OBSERVE)))
    after, revisions = knative.specs()
    assert after > before
    assert {r.policy.mode for r in revisions} == {Mode.OBSERVE}
