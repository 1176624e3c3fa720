"""The simulation: cases that can be solved by hand, and the compiled loop against the readable one."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS, Scenario
from scaler.kpa.resolve import KpaSpec
from scaler.simulation import state
from scaler.simulation.kernel import advance_all, startup_index
from scaler.simulation.plan_rows import NO_PLAN, plan_rows
from scaler.simulation.pod_model import PodModel, pod_model_of
from scaler.simulation.simulator import Replay, initial_batch, replay, replay_all, replay_trajectory
from scaler.simulation.state import (
    CACHE_LINES,
    METRICS,
    STARTUPS,
    TRAJECTORY,
    Arrivals,
    Plans,
    Scoring,
)

DEFAULT = PodModel(
    startup_s=4, service_time_s=1, concurrency=2, spec=KpaSpec(target_value=1.4, total_value=2)
)
"""A pod serves two requests at a time in a second each, and starts in 4 s; Knative's default settings."""

FLOOR_ONLY = PodModel(
    startup_s=4, service_time_s=1, concurrency=1, spec=KpaSpec(target_value=7e6, total_value=1e7)
)
"""A pod serves one request per second and starts in 4 s; the KPA never needs a second pod: floors decide."""


def seconds(length: int, **requests: float) -> NDArray[np.float32]:
    """Return arrivals of `length` seconds: `t11=1` is one request in second 11."""
    arrivals = np.zeros(length, np.float32)
    for name, count in requests.items():
        arrivals[int(name[1:])] = count
    return arrivals


def test_index_constants_are_the_positions_of_the_names() -> None:
    assert [getattr(state, name.upper()) for name in METRICS] == list(range(len(METRICS)))
    assert [getattr(state, f"{name.upper()}_COLUMN") for name in TRAJECTORY] == list(range(len(TRAJECTORY)))
    assert tuple(field.name for field in fields(Replay)) == METRICS


def test_single_cold_request_waits_for_the_startup() -> None:
    # The request of second 11, which is odd, wakes the KPA at once; the pod is ready in second 15.  The
    # Revision is active since the tick at 16, and inactive at 76, when the window has no load.  The activator
    # was in the path all the time, so that the pod is removed at 78.
    got = replay(DEFAULT, seconds(200, t11=1))
    assert (got.requests, got.delayed, got.cold, got.wait_s) == (1, 1, 1, 4)
    assert (got.starting_pod_s, got.ready_pod_s, got.pod_s) == (4, 78 - 15, 67)
    assert (got.busy_pod_s, got.starts, got.changes) == (0.5, 1, 0)


def test_request_does_not_wait_under_a_floor() -> None:
    # The floor holds from second 0; the pod is created at the first tick, 2, and ready in second 6.
    got = replay(DEFAULT, seconds(100, t20=1), plan_rows(DEFAULT, [0], [1]))
    assert (got.delayed, got.cold, got.wait_s) == (0, 0, 0)
    assert (got.starting_pod_s, got.ready_pod_s, got.starts, got.changes) == (4, 100 - 6, 1, 1)


def test_pod_is_removed_after_the_floor_ends() -> None:
    # Active since the tick at 6, so that the stable window keeps the pod until 66; then inactive.  The
    # activator was in the path all the time, so that there are zero pods at 68.
    got = replay(DEFAULT, seconds(200), plan_rows(DEFAULT, [0, 10], [1, 0]))
    assert (got.ready_pod_s, got.changes) == (68 - 6, 2)


def test_retention_period_keeps_the_last_pod_longer() -> None:
    # Inactive since 76, as above; the retention period begins there.
    got = replay(DEFAULT, seconds(400, t11=1), plan_rows(DEFAULT, [0], [0], retention_s=100))
    assert got.ready_pod_s == 76 + 100 - 15


def test_load_of_exactly_the_capacity_does_not_wait() -> None:
    arrivals = np.full(100, 2, np.float32)
    arrivals[:10] = 0
    got = replay(FLOOR_ONLY, arrivals, plan_rows(FLOOR_ONLY, [0], [2]))
    assert (got.requests, got.delayed, got.wait_s, got.busy_pod_s) == (180, 0, 0, 180)


def test_load_above_the_capacity_queues_without_limit() -> None:
    arrivals = np.full(100, 3, np.float32)
    arrivals[:10] = 0
    got = replay(FLOOR_ONLY, arrivals, plan_rows(FLOOR_ONLY, [0], [2]))
    # The queue is 1, 2, 3, ... 90; of the three requests of a second, at most that many are delayed.
    assert got.wait_s == 90 * 91 / 2
    assert got.delayed == 1 + 2 + 88 * 3
    assert got.cold == 0


def test_load_step_delays_requests_where_the_floor_rises_at_the_step() -> None:
    arrivals = np.full(200, 6, np.float32)
    arrivals[:10], arrivals[10:100] = 0, 2
    got = replay(FLOOR_ONLY, arrivals, plan_rows(FLOOR_ONLY, [0, 100], [2, 8]))
    # Two pods serve until the other six are ready, in second 104; then the queue shrinks by two per second.
    queue = [4, 8, 12, 16, 14, 12, 10, 8, 6, 4, 2]
    assert got.wait_s == sum(queue)
    assert got.delayed == sum(min(6, waiting) for waiting in queue)


def test_load_step_delays_no_request_where_the_floor_rises_before_the_step() -> None:
    arrivals = np.full(200, 6, np.float32)
    arrivals[:10], arrivals[10:100] = 0, 2
    got = replay(FLOOR_ONLY, arrivals, plan_rows(FLOOR_ONLY, [0, 96], [2, 6]))
    assert (got.delayed, got.wait_s, got.starts) == (0, 0, 6)


def test_starting_pods_are_removed_before_ready_ones() -> None:
    trajectory = replay_trajectory(
        FLOOR_ONLY, np.zeros(40, np.float32), plan_rows(FLOOR_ONLY, [0, 20, 22], [2, 5, 3])
    )
    ready, starting = trajectory[:, state.READY_COLUMN], trajectory[:, state.STARTING_COLUMN]
    assert (ready[19], starting[19]) == (2, 0)
    assert (ready[20], starting[20]) == (2, 3)
    assert (ready[22], starting[22]) == (2, 1)
    assert (ready[24], starting[24]) == (3, 0)


def test_each_startup_time_is_equally_likely() -> None:
    startups_s = (2.0, 2.0, 2.0, 2.0, 22.0)
    arrivals = np.zeros(400_000, np.float32)
    arrivals[11::400] = 1
    got = replay(replace(DEFAULT, startups_s=startups_s), arrivals)
    assert got.starts == 1000
    assert got.starting_pod_s / got.starts == pytest.approx(6, abs=0.5)
    constant = replace(DEFAULT, startups_s=(DEFAULT.startup_s,) * STARTUPS)
    assert replay(constant, arrivals) == replay(DEFAULT, arrivals)


def test_fast_starting_pods_are_ready_before_a_slow_one_created_earlier() -> None:
    slow = next(t for t in range(2, 99, 2) if startup_index(t) == 4)
    fast = next(t for t in range(slow + 2, 99, 2) if startup_index(t) != 4)
    pod_model = replace(FLOOR_ONLY, startups_s=(3.0, 3.0, 3.0, 3.0, 50.0))
    no_traffic = np.zeros(200, np.float32)
    ready = replay_trajectory(pod_model, no_traffic, plan_rows(pod_model, [slow, fast], [1, 3]))[:, 0]
    assert ready[fast + 3 : slow + 50].tolist() == [2.0] * (slow + 50 - fast - 3)
    assert ready[slow + 50] == 3
    # The surplus pod that is removed is the last to be ready, although it was created first.
    fewer = plan_rows(pod_model, [slow, fast, fast + 2], [1, 3, 2])
    assert replay_trajectory(pod_model, no_traffic, fewer)[-1].tolist()[:2] == [2, 0]


def test_trajectory_of_a_cold_request() -> None:
    trajectory = replay_trajectory(DEFAULT, seconds(40, t11=1))
    assert trajectory[10].tolist() == [0, 0, 0, 0]
    assert trajectory[11].tolist() == [0, 1, 1, 1]
    assert trajectory[14].tolist() == [0, 1, 0, 1]
    assert trajectory[15].tolist() == [1, 0, 0, 0]


def test_seconds_before_score_s_are_simulated_but_not_counted() -> None:
    arrivals = seconds(300, t11=1, t200=1)
    whole, late = replay(DEFAULT, arrivals), replay(DEFAULT, arrivals, score_s=150)
    assert (whole.requests, late.requests) == (2, 1)
    assert (late.starts, late.wait_s) == (1, 4)
    assert replay(DEFAULT, arrivals, score_s=14).wait_s == whole.wait_s - 3


def test_metrics_of_blocks_add_up_to_the_total() -> None:
    arrivals = np.random.default_rng(3).poisson(3, (2, 1000)).astype(np.float32)
    plans = [NO_PLAN, plan_rows(DEFAULT, [0, 400], [2, 0])]
    whole = replay_all([DEFAULT] * 2, arrivals, [0, 1], plans, score_s=100)
    parts = replay_all([DEFAULT] * 2, arrivals, [0, 1], plans, score_s=100, block_s=70)
    assert parts.shape == (2, 13, len(METRICS))
    np.testing.assert_allclose(parts.sum(axis=1), whole[:, 0])


def test_state_of_a_replay_shares_no_cache_line() -> None:
    _, batch = initial_batch([DEFAULT])
    for name in batch._fields:
        if name == "baseline":  # never written
            continue
        array = getattr(batch, name)
        offset = array.ctypes.data - array.base.ctypes.data
        assert min(offset, array.base.nbytes - array.nbytes - offset) >= CACHE_LINES, name


def test_batch_replays_each_item_as_if_alone() -> None:
    rng = np.random.default_rng(4)
    arrivals = rng.poisson(4, (2, 900)).astype(np.float32)
    pod_models, of_item = [DEFAULT, replace(DEFAULT, startup_s=9.5), FLOOR_ONLY], [0, 1, 1]
    plans = [
        NO_PLAN,
        plan_rows(DEFAULT, [0, 300], [1, 3], window_s=[15, 120]),
        plan_rows(FLOOR_ONLY, [0], [4]),
    ]
    together = replay_all(pod_models, arrivals, of_item, plans)
    for i, (pod_model, row, plan) in enumerate(zip(pod_models, of_item, plans, strict=True)):
        alone = replay_all([pod_model], arrivals[row : row + 1], [0], [plan])
        np.testing.assert_array_equal(together[i], alone[0])


def test_replay_in_parts_equals_the_whole_replay() -> None:
    arrivals = np.random.default_rng(5).poisson(1, (1, 1200)).astype(np.float32)
    rows = plan_rows(DEFAULT, [0, 500, 700], [0, 3, 1], window_s=[60, 20, 90])
    whole = replay_all([DEFAULT], arrivals, [0], [rows])
    pod_params, batch = initial_batch([DEFAULT], longest_window_s=90)
    metrics, no_trajectory = np.zeros((1, 1, len(METRICS))), np.zeros((1, 0, 4), np.float32)
    for start_s, end_s in ((0, 333), (333, 900), (900, 1200)):
        part = np.ascontiguousarray(arrivals[:, start_s:end_s])
        advance_all(
            pod_params,
            batch,
            Arrivals(part, np.zeros(1, np.int64), start_s),
            Plans(rows, np.array([0, len(rows)])),
            Scoring(0, 1200),
            metrics,
            no_trajectory,
        )
    np.testing.assert_allclose(metrics, whole)


@pytest.mark.parametrize("seed", range(12))
def test_compiled_loop_equals_the_readable_one(seed: int, readable_replay: Callable[..., Replay]) -> None:
    rng = np.random.default_rng(seed)
    length = 1500
    # Bursts and pauses, so that Revisions scale to zero and up again, and start and end panics.
    rate = np.repeat(rng.choice([0.0, 0.02, 0.5, 3.0, 20.0], length // 75), 75) * rng.choice([1.0, 5.0])
    arrivals = rng.poisson(rate).astype(np.float32)
    scenario = Scenario(
        startup_seconds=float(rng.choice([0.0, 1.0, 5.0, 7.5, 45.0])),
        service_seconds=float(rng.choice([0.25, 0.5, 1.0])),
        container_concurrency=int(rng.choice([0, 1, 4, 10])),
        target_burst_capacity=float(rng.choice([-1.0, 0.0, 5.0, 211.0])),
    )
    pod_model = pod_model_of(scenario)
    extra: dict[str, Any] = {
        "scale_down_delay_s": int(rng.choice([0, 31])),
        "max_scale": int(rng.choice([0, 20])),
        "activation_scale": int(rng.choice([0, 3])),
        "aggregation_algorithm": str(rng.choice(["", "weighted-exponential"])),
    }
    startups_s = tuple(np.sort(rng.choice([0.0, 2.0, 7.5, 60.0], STARTUPS)).tolist()) if seed % 2 else ()
    pod_model = replace(pod_model, spec=replace(pod_model.spec, **extra), startups_s=startups_s)
    at_s = np.sort(rng.integers(0, length, 12))
    rows = plan_rows(
        pod_model,
        at_s,
        rng.choice([0, 0, 1, 5], 12),
        target_utilization=rng.choice([np.nan, 35, 85], 12),
        window_s=rng.choice([np.nan, 6, 15, 60, 600], 12),
        panic_threshold=rng.choice([np.nan, 110, 300], 12),
        retention_s=rng.choice([np.nan, 0, 90], 12),
    )
    want = readable_replay(pod_model, arrivals, rows)
    got = replay(pod_model, arrivals, rows)
    for name in METRICS:
        assert getattr(got, name) == pytest.approx(getattr(want, name), rel=1e-9), name


@pytest.mark.parametrize(
    ("name", "startup_s", "service_time_s", "concurrency", "target_value"),
    [("heavy", 45, 1, 4, 4 * 0.7), ("web", 10, 0.25, 10, 7), ("sparse", 5, 0.5, 1, 0.7)],
)
def test_pod_model_of_a_named_scenario(
    name: str, startup_s: float, service_time_s: float, concurrency: float, target_value: float
) -> None:
    got = pod_model_of(SCENARIOS[name])
    assert (got.startup_s, got.service_time_s) == (startup_s, service_time_s)
    assert (got.concurrency, got.spec.target_value) == (concurrency, target_value)


def test_unlimited_concurrency_is_the_total_value() -> None:
    assert pod_model_of(Scenario(container_concurrency=0)).concurrency == 100
    assert pod_model_of(Scenario(container_concurrency=0, target=30)).concurrency == 30


def test_window_of_a_plan_changes_the_panic_window() -> None:
    rows = plan_rows(DEFAULT, [0, 30], [0, 0], window_s=[np.nan, 25])
    assert np.isnan(rows["panic_window_s"][0])
    assert rows["panic_window_s"][1] == 3


def test_rows_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="order of time"):
        plan_rows(DEFAULT, [30, 0], [0, 1])
