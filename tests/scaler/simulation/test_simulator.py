"""The world of seconds: cases that can be solved by hand, and the compiled loop against the readable one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS, Scenario
from scaler.kpa.resolve import KpaSpec
from scaler.simulation.kernel import advance_all, drawn
from scaler.simulation.plan_rows import NO_PLAN, plan_rows
from scaler.simulation.pod_model import PodModel, pod_model_of
from scaler.simulation.simulator import Replay, begin, course, replay, replay_all
from scaler.simulation.state import CACHE_LINES, METRICS, STARTUPS

PLAIN = PodModel(startup_s=4, service_s=1, concurrency=2, spec=KpaSpec(target_value=1.4, total_value=2))
"""Two requests at once, a second each, up in 4 s; Knative's defaults."""

STEERED = PodModel(startup_s=4, service_s=1, concurrency=1, spec=KpaSpec(target_value=7e6, total_value=1e7))
"""One request a second and pod, up in 4 s; the KPA sees no reason for a second pod, so floors steer."""


def seconds(length: int, **at: float) -> NDArray[np.float32]:
    """Arrivals of so many seconds: `t11=1` is one request in second 11."""
    arrivals = np.zeros(length, np.float32)
    for name, requests in at.items():
        arrivals[int(name[1:])] = requests
    return arrivals


def test_a_single_cold_request() -> None:
    # It comes in second 11, which is odd, and wakes the KPA at once; the pod is ready in second 15.  Active
    # since the tick at 16; the window is without load at 76: inactive; the activator was in the path all the
    # time: gone at 78.
    got = replay(PLAIN, seconds(200, t11=1))
    assert (got.requests, got.delayed, got.cold, got.wait_s) == (1, 1, 1, 4)
    assert (got.starting_pod_s, got.ready_pod_s, got.pod_s) == (4, 78 - 15, 67)
    assert (got.busy_pod_s, got.starts, got.changes) == (0.5, 1, 0)


def test_a_floor_takes_the_wait_away() -> None:
    # Asked for from second 0, created at the first tick, 2, ready in second 6.
    got = replay(PLAIN, seconds(100, t20=1), plan_rows(PLAIN, [0], [1]))
    assert (got.delayed, got.cold, got.wait_s) == (0, 0, 0)
    assert (got.starting_pod_s, got.ready_pod_s, got.starts, got.changes) == (4, 100 - 6, 1, 1)


def test_a_floor_that_goes_lets_the_pod_go() -> None:
    # Active since the tick at 6, so the stable window holds the pod until 66: inactive.  The activator was in
    # the path all the time: zero pods at 68.
    got = replay(PLAIN, seconds(200), plan_rows(PLAIN, [0, 10], [1, 0]))
    assert (got.ready_pod_s, got.changes) == (68 - 6, 2)


def test_retention_holds_the_last_pod_longer() -> None:
    # Inactive since 76, as above; retention counts from there.
    got = replay(PLAIN, seconds(400, t11=1), plan_rows(PLAIN, [0], [0], retention_s=100))
    assert got.ready_pod_s == 76 + 100 - 15


def test_load_just_under_capacity_waits_for_nothing() -> None:
    arrivals = np.full(100, 2, np.float32)
    arrivals[:10] = 0
    got = replay(STEERED, arrivals, plan_rows(STEERED, [0], [2]))
    assert (got.requests, got.delayed, got.wait_s, got.busy_pod_s) == (180, 0, 0, 180)


def test_load_just_over_capacity_queues_without_end() -> None:
    arrivals = np.full(100, 3, np.float32)
    arrivals[:10] = 0
    got = replay(STEERED, arrivals, plan_rows(STEERED, [0], [2]))
    # The queue is 1, 2, 3, ... 90; of three that come in a second so many wait.
    assert got.wait_s == 90 * 91 / 2
    assert got.delayed == 1 + 2 + 88 * 3
    assert got.cold == 0


def test_a_step_that_the_floor_follows_at_once() -> None:
    arrivals = np.full(200, 6, np.float32)
    arrivals[:10], arrivals[10:100] = 0, 2
    got = replay(STEERED, arrivals, plan_rows(STEERED, [0, 100], [2, 8]))
    # Two serve until the other six are ready, in second 104; then the queue shrinks by two a second.
    queue = [4, 8, 12, 16, 14, 12, 10, 8, 6, 4, 2]
    assert got.wait_s == sum(queue)
    assert got.delayed == sum(min(6, waiting) for waiting in queue)


def test_a_step_that_the_floor_foresees() -> None:
    arrivals = np.full(200, 6, np.float32)
    arrivals[:10], arrivals[10:100] = 0, 2
    got = replay(STEERED, arrivals, plan_rows(STEERED, [0, 96], [2, 6]))
    assert (got.delayed, got.wait_s, got.starts) == (0, 0, 6)


def test_surplus_pods_that_start_go_before_ready_ones() -> None:
    lived = course(STEERED, np.zeros(40, np.float32), plan_rows(STEERED, [0, 20, 22], [2, 5, 3]))
    ready, starting = lived[:, 0], lived[:, 1]
    assert (ready[19], starting[19]) == (2, 0)
    assert (ready[20], starting[20]) == (2, 3)
    assert (ready[22], starting[22]) == (2, 1)
    assert (ready[24], starting[24]) == (3, 0)


def test_start_ups_that_are_drawn_take_as_long_as_each_is_likely() -> None:
    quick = (2.0, 2.0, 2.0, 2.0, 22.0)
    arrivals = np.zeros(400_000, np.float32)
    arrivals[11::400] = 1
    got = replay(replace(PLAIN, startups_s=quick), arrivals)
    assert got.starts == 1000
    assert got.starting_pod_s / got.starts == pytest.approx(6, abs=0.5)
    constant = replace(PLAIN, startups_s=(PLAIN.startup_s,) * STARTUPS)
    assert replay(constant, arrivals) == replay(PLAIN, arrivals)


def test_a_pod_that_starts_quickly_overtakes_one_that_waits_for_a_node() -> None:
    slow = next(t for t in range(2, 99, 2) if drawn(t) == 4)
    quick = next(t for t in range(slow + 2, 99, 2) if drawn(t) != 4)
    world = replace(STEERED, startups_s=(3.0, 3.0, 3.0, 3.0, 50.0))
    lived = course(world, np.zeros(200, np.float32), plan_rows(world, [slow, quick], [1, 3]))
    assert lived[quick + 3 :, 0].tolist()[: slow + 50 - quick - 3] == [2.0] * (slow + 50 - quick - 3)
    assert lived[slow + 50, 0] == 3
    # Of surplus the one goes first that would be ready last, though it was asked for first.
    fewer = plan_rows(world, [slow, quick, quick + 2], [1, 3, 2])
    assert course(world, np.zeros(200, np.float32), fewer)[-1].tolist()[:2] == [2, 0]


def test_the_course_of_a_cold_request() -> None:
    lived = course(PLAIN, seconds(40, t11=1))
    assert lived[10].tolist() == [0, 0, 0, 0]
    assert lived[11].tolist() == [0, 1, 1, 1]
    assert lived[14].tolist() == [0, 1, 0, 1]
    assert lived[15].tolist() == [1, 0, 0, 0]


def test_what_is_before_the_score_is_lived_and_not_counted() -> None:
    arrivals = seconds(300, t11=1, t200=1)
    whole, late = replay(PLAIN, arrivals), replay(PLAIN, arrivals, score_s=150)
    assert (whole.requests, late.requests) == (2, 1)
    assert (late.starts, late.wait_s) == (1, 4)
    assert replay(PLAIN, arrivals, score_s=14).wait_s == whole.wait_s - 3


def test_blocks_add_up() -> None:
    arrivals = np.random.default_rng(3).poisson(3, (2, 1000)).astype(np.float32)
    plans = [NO_PLAN, plan_rows(PLAIN, [0, 400], [2, 0])]
    whole = replay_all([PLAIN] * 2, arrivals, [0, 1], plans, score_s=100)
    parts = replay_all([PLAIN] * 2, arrivals, [0, 1], plans, score_s=100, block_s=70)
    assert parts.shape == (2, 13, len(METRICS))
    np.testing.assert_allclose(parts.sum(axis=1), whole[:, 0])


def test_what_a_replay_writes_has_its_lines_of_the_cache_for_itself() -> None:
    _, items = begin([PLAIN])
    for name in ("spec", "revision", "windows", "buckets", "delay", "batches"):
        mine = getattr(items, name)
        before = mine.ctypes.data - mine.base.ctypes.data
        assert min(before, mine.base.nbytes - mine.nbytes - before) >= CACHE_LINES, name


def test_many_items_at_once_are_as_each_alone() -> None:
    rng = np.random.default_rng(4)
    arrivals = rng.poisson(4, (2, 900)).astype(np.float32)
    worlds = [PLAIN, replace(PLAIN, startup_s=9.5), STEERED]
    plans = [NO_PLAN, plan_rows(PLAIN, [0, 300], [1, 3], window_s=[15, 120]), plan_rows(STEERED, [0], [4])]
    together = replay_all(worlds, arrivals, [0, 1, 1], plans)
    for i, (world, of, plan) in enumerate(zip(worlds, [0, 1, 1], plans, strict=True)):
        alone = replay_all([world], arrivals[of : of + 1], [0], [plan])
        np.testing.assert_array_equal(together[i], alone[0])


def test_going_on_later_is_as_going_on() -> None:
    arrivals = np.random.default_rng(5).poisson(1, (1, 1200)).astype(np.float32)
    rows = plan_rows(PLAIN, [0, 500, 700], [0, 3, 1], window_s=[60, 20, 90])
    whole = replay_all([PLAIN], arrivals, [0], [rows])
    pod_params, items = begin([PLAIN], longest_window_s=90)
    figures, untold = np.zeros((1, 1, len(METRICS))), np.zeros((1, 0, 4), np.float32)
    for start_s, end_s in ((0, 333), (333, 900), (900, 1200)):
        advance_all(
            pod_params, items.owned, items.spec, items.revision, items.windows, items.buckets, items.delay,
            items.batches, np.ascontiguousarray(arrivals[:, start_s:end_s]), np.zeros(1, np.int64), start_s,
            rows, np.array([0, len(rows)]), 0, 1200, figures, untold,
        )  # fmt: skip
    np.testing.assert_allclose(figures, whole)


@pytest.mark.parametrize("seed", range(12))
def test_the_compiled_loop_is_the_readable_one(seed: int, readable_replay: Callable[..., Replay]) -> None:
    rng = np.random.default_rng(seed)
    length = 1500
    # Bursts and silences, so that Revisions go to zero and come back, panic and calm down.
    rate = np.repeat(rng.choice([0.0, 0.02, 0.5, 3.0, 20.0], length // 75), 75) * rng.choice([1.0, 5.0])
    arrivals = rng.poisson(rate).astype(np.float32)
    scenario = Scenario(
        startup_seconds=float(rng.choice([0.0, 1.0, 5.0, 7.5, 45.0])),
        service_seconds=float(rng.choice([0.25, 0.5, 1.0])),
        container_concurrency=int(rng.choice([0, 1, 4, 10])),
        target_burst_capacity=float(rng.choice([-1.0, 0.0, 5.0, 211.0])),
    )
    world = pod_model_of(scenario)
    extra: dict[str, Any] = {
        "scale_down_delay_s": int(rng.choice([0, 31])),
        "max_scale": int(rng.choice([0, 20])),
        "activation_scale": int(rng.choice([0, 3])),
        "aggregation_algorithm": str(rng.choice(["", "weighted-exponential"])),
    }
    startups_s = tuple(np.sort(rng.choice([0.0, 2.0, 7.5, 60.0], STARTUPS)).tolist()) if seed % 2 else ()
    world = replace(world, spec=replace(world.spec, **extra), startups_s=startups_s)
    at_s = np.sort(rng.integers(0, length, 12))
    rows = plan_rows(
        world,
        at_s,
        rng.choice([0, 0, 1, 5], 12),
        target_utilization=rng.choice([np.nan, 35, 85], 12),
        window_s=rng.choice([np.nan, 6, 15, 60, 600], 12),
        panic_threshold=rng.choice([np.nan, 110, 300], 12),
        retention_s=rng.choice([np.nan, 0, 90], 12),
    )
    want = readable_replay(world, arrivals, rows)
    got = replay(world, arrivals, rows)
    for name in METRICS:
        assert getattr(got, name) == pytest.approx(getattr(want, name), rel=1e-9), name


def test_worlds_that_have_a_name() -> None:
    heavy, web, sparse = (pod_model_of(SCENARIOS[name]) for name in ("heavy", "web", "sparse"))
    assert (heavy.startup_s, heavy.service_s, heavy.concurrency, heavy.spec.target_value) == (
        45,
        1,
        4,
        4 * 0.7,
    )
    assert (web.startup_s, web.service_s, web.concurrency, web.spec.target_value) == (10, 0.25, 10, 7)
    assert (sparse.startup_s, sparse.service_s, sparse.concurrency, sparse.spec.target_value) == (
        5,
        0.5,
        1,
        0.7,
    )


def test_unlimited_concurrency_takes_the_total_value_as_room() -> None:
    assert pod_model_of(Scenario(container_concurrency=0)).concurrency == 100
    assert pod_model_of(Scenario(container_concurrency=0, target=30)).concurrency == 30


def test_a_window_of_the_plan_brings_its_panic_window() -> None:
    rows = plan_rows(PLAIN, [0, 30], [0, 0], window_s=[np.nan, 25])
    assert np.isnan(rows["panic_window_s"][0])
    assert rows["panic_window_s"][1] == 3


def test_rows_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="order of time"):
        plan_rows(PLAIN, [30, 0], [0, 1])
