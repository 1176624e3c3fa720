"""A run of the demo: the loop in simulated time."""

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
from scaler.server.service import TidecastService


def started(workload: Workload, hours: float = 0.5) -> DemoRun:
    run = DemoRun(workload, hours=hours)
    run.start()
    return run


def played(workload: Workload, hours: float = 0.5, speed: float = 0.0) -> DemoRun:
    run = started(workload, hours)
    play(run, speed=speed, stop=threading.Event(), refresh=lambda: None)
    return run


@pytest.fixture(name="completed", scope="module")
def _completed(short_workload: Workload) -> DemoRun:
    """A run of half an hour as fast as possible."""
    return played(short_workload)


def metrics_table(run: DemoRun) -> list[dict[str, object]]:
    return [for_programs(*row) for row in totals(run.simulations, 256.0)]


def test_jobs_are_those_of_the_service(short_workload: Workload) -> None:
    cluster = cast(KnativeCluster, None)
    service = TidecastService(Settings(), cluster, None, namespace="n", watches_config=False)
    demo = DemoRun(short_workload, hours=0.5)
    assert [(job.name, job.every_s, job.first_s) for job in demo._jobs] == [
        (job.name, job.every_s, job.first_s) for job in service.jobs() if job.name != "configure"
    ]
    assert replace(SETTINGS, policy=Settings().policy) == Settings()


def test_floors_are_planned_every_period_and_applied(completed: DemoRun) -> None:
    run = completed
    assert [scene.at_s - run.workload.begin_s for scene in run.scenes] == list(range(1, 1800, 30))
    last = run.scenes[-1]
    assert [revision.floor for revision in last.revisions] == run.simulations.pods.floor[TIDECAST].tolist()
    assert run.status_store.status.write_results["applied"] >= 1
    assert run.status_store.status.job_failures == {}


def test_table_is_the_same_at_any_speed(short_workload: Workload, completed: DemoRun) -> None:
    assert metrics_table(completed) == metrics_table(played(short_workload, speed=3000.0))


def test_policies_have_the_same_requests_since_the_start(
    short_workload: Workload, completed: DemoRun
) -> None:
    requests = short_workload.from_second(short_workload.begin_s)[:, :1800].sum(dtype=np.float64)
    rows = [for_people(*row) for row in totals(completed.simulations, 256.0)]
    assert [row["policy"] for row in rows] == list(POLICIES)
    assert {row["requests"] for row in rows} == {int(requests)}
    assert rows[2]["delayed_%"] == 0


def test_later_traffic_does_not_change_earlier_floors(short_workload: Workload, completed: DemoRun) -> None:
    changed = short_workload.arrivals.copy()
    change_s = 900
    changed[:, short_workload.begin_s + change_s - short_workload.start_s :] *= 4
    runs = completed, played(replace(short_workload, arrivals=changed))
    floors = [
        {scene.at_s: [revision.floor for revision in scene.revisions] for scene in run.scenes} for run in runs
    ]
    known_s = short_workload.begin_s + change_s + 30
    same = [floors[0][at_s] == floors[1][at_s] for at_s in floors[0] if at_s < known_s]
    assert all(same)
    assert floors[0] != floors[1]


def test_stopped_run_has_complete_metrics(short_workload: Workload) -> None:
    run, stop = started(short_workload), threading.Event()

    def stop_after_five_scenes() -> None:
        if len(run.scenes) >= 5:
            stop.set()

    play(run, speed=3000.0, stop=stop, refresh=stop_after_five_scenes)
    assert not run.over
    assert 0 < run.share < 1
    simulated_s = run.simulations.simulated_until_s - short_workload.begin_s
    requests = short_workload.from_second(short_workload.begin_s)[:, :simulated_s].sum(dtype=np.float64)
    assert {row["requests"] for row in metrics_table(run)} == {requests}


@pytest.mark.slow
def test_speed_sets_the_duration_of_a_run(short_workload: Workload) -> None:
    run = started(short_workload, hours=0.25)
    start_s = time.monotonic()
    play(run, speed=900.0, stop=threading.Event(), refresh=lambda: None)
    assert time.monotonic() - start_s == pytest.approx(1.0, abs=0.9)


def test_stop_does_not_wait_for_the_next_step(short_workload: Workload) -> None:
    run, stop = started(short_workload), threading.Event()
    threading.Timer(0.3, stop.set).start()
    start_s = time.monotonic()
    play(run, speed=0.01, stop=stop, refresh=lambda: None)
    assert time.monotonic() - start_s < 5
