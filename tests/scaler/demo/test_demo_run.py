"""The show: the loop in simulated time, between the demo's ends."""

import threading
import time
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from config.settings import Settings
from scaler.demo.demo_run import SETTINGS, DemoRun
from scaler.demo.play import play
from scaler.demo.simulations import POLICIES, TIDECAST
from scaler.demo.table import for_people, for_programs, totals
from scaler.demo.workload import Workload
from scaler.knative.cluster import KnativeCluster
from scaler.server.service import Service


def begun(workload: Workload, hours: float = 0.5) -> DemoRun:
    run = DemoRun(workload, hours=hours)
    run.start()
    return run


def played(workload: Workload, hours: float = 0.5, speed: float = 0.0) -> DemoRun:
    run = begun(workload, hours)
    play(run, speed=speed, stop=threading.Event(), look=lambda: None)
    return run


def table(run: DemoRun) -> list[dict[str, object]]:
    return [for_programs(*row) for row in totals(run.simulations, 256.0)]


def test_the_jobs_are_those_of_tidecast_run(short_workload: Workload) -> None:
    run = Service(Settings(), cast(KnativeCluster, None), None, namespace="n", watches_config=False).jobs()
    demo = DemoRun(short_workload, hours=0.5)._jobs
    assert [(j.name, j.every_s, j.first_s) for j in demo] == [
        (j.name, j.every_s, j.first_s) for j in run if j.name != "configure"
    ]
    assert replace(SETTINGS, policy=Settings().policy) == Settings()


def test_it_plans_every_period_and_its_floors_are_in_force(short_workload: Workload) -> None:
    run = played(short_workload)
    assert [one.at_s - short_workload.begin_s for one in run.scenes] == list(range(1, 1800, 30))
    last = run.scenes[-1]
    assert [half.floor for half in last.revisions] == run.simulations.pods.floor[TIDECAST].tolist()
    assert run.status_store.status.write_results["applied"] >= 1
    assert run.status_store.status.job_failures == {}


def test_the_table_is_the_same_at_any_speed(short_workload: Workload) -> None:
    assert table(played(short_workload)) == table(played(short_workload, speed=3000.0))


def test_all_policies_had_the_same_requests_and_none_is_counted_before_the_show(
    short_workload: Workload,
) -> None:
    came = short_workload.from_second(short_workload.begin_s)[:, :1800].sum(dtype=np.float64)
    rows = [for_people(*row) for row in totals(played(short_workload).simulations, 256.0)]
    assert [row["policy"] for row in rows] == list(POLICIES)
    assert {row["requests"] for row in rows} == {int(came)}
    assert rows[2]["delayed_%"] == 0


def test_another_future_leaves_the_floors_until_then_as_they_are(short_workload: Workload) -> None:
    other = short_workload.arrivals.copy()
    change_s = 900
    other[:, short_workload.begin_s + change_s - short_workload.start_s :] *= 4
    one, two = played(short_workload), played(replace(short_workload, arrivals=other))
    floors = [
        {scene.at_s: [half.floor for half in scene.revisions] for scene in run.scenes} for run in (one, two)
    ]
    known_s = short_workload.begin_s + change_s + 30
    same = [floors[0][at_s] == floors[1][at_s] for at_s in floors[0] if at_s < known_s]
    assert all(same)
    assert floors[0] != floors[1]


def test_it_can_be_stopped_between_any_two_steps_and_the_figures_are_whole(short_workload: Workload) -> None:
    run, stop = begun(short_workload), threading.Event()

    def look() -> None:
        if len(run.scenes) >= 5:
            stop.set()

    play(run, speed=3000.0, stop=stop, look=look)
    assert not run.over
    assert 0 < run.share < 1
    lived_s = run.simulations.simulated_until_s - short_workload.begin_s
    came = short_workload.from_second(short_workload.begin_s)[:, :lived_s].sum(dtype=np.float64)
    assert {row["requests"] for row in table(run)} == {came}


def test_the_wall_clock_paces_it(short_workload: Workload) -> None:
    run = begun(short_workload, hours=0.25)
    began_s = time.monotonic()
    play(run, speed=900.0, stop=threading.Event(), look=lambda: None)
    assert time.monotonic() - began_s == pytest.approx(1.0, abs=0.9)


def test_a_stop_does_not_wait_for_the_pace(short_workload: Workload) -> None:
    run, stop = begun(short_workload), threading.Event()
    threading.Timer(0.3, stop.set).start()
    began_s = time.monotonic()
    play(run, speed=0.01, stop=stop, look=lambda: None)
    assert time.monotonic() - began_s < 5
