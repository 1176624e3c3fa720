"""The second-by-second loop of a replay in compiled form; scaler.simulation.simulator states its equations.

Records and arrays are those of scaler.simulation.state.
"""

import math
from typing import Any

import numpy as np

from models.numeric.compiled import compiled, compiled_loop
from scaler.kpa.tick import TICK_S
from scaler.simulation.kpa_kernel import is_empty, report, resize, tick
from scaler.simulation.state import (
    BUSY_POD_S,
    CHANGES,
    COLD,
    DELAYED,
    DELAYED_COLUMN,
    GROUP_PODS,
    GROUP_READY_S,
    INACTIVE,
    NO_TRAFFIC,
    QUEUE_COLUMN,
    READY_COLUMN,
    READY_POD_S,
    REQUESTS,
    STARTING_COLUMN,
    STARTING_POD_S,
    STARTS,
    STARTUPS,
    WAIT_S,
    Arrivals,
    Batch,
    Item,
    Plans,
    Scoring,
)


@compiled
def value_or_default(value: float, default: float) -> float:
    """Return `value`, or `default` where it is NaN."""
    return default if math.isnan(value) else value


@compiled
def apply_row(item: Item, row: Any, now_s: int) -> bool:
    """Put a row of a plan into effect and resize the windows; return whether the SPEC changes."""
    baseline, spec = item.baseline, item.spec
    min_scale = max(baseline.min_scale, row.floor) if spec.reachable else 0
    target_value = value_or_default(row.target_value, baseline.target_value)
    stable_window_s = int(value_or_default(row.stable_window_s, baseline.stable_window_s))
    panic_window_s = int(value_or_default(row.panic_window_s, baseline.panic_window_s))
    panic_threshold = value_or_default(row.panic_threshold, baseline.panic_threshold)
    retention_s = value_or_default(row.pod_retention_period_s, baseline.pod_retention_period_s)
    retention_s = retention_s if spec.reachable else 0.0
    changed = (
        min_scale != spec.min_scale
        or target_value != spec.target_value
        or stable_window_s != spec.stable_window_s
        or panic_window_s != spec.panic_window_s
        or panic_threshold != spec.panic_threshold
        or retention_s != spec.pod_retention_period_s
    )
    spec.min_scale, spec.target_value = min_scale, target_value
    spec.stable_window_s, spec.panic_window_s = stable_window_s, panic_window_s
    spec.panic_threshold, spec.pod_retention_period_s = panic_threshold, retention_s
    resize(item.stable, item.stable_buckets, stable_window_s, now_s)
    resize(item.panic, item.panic_buckets, panic_window_s, now_s)
    return bool(changed)


@compiled
def startup_index(t: int) -> int:
    """Return which of the STARTUPS start-up times pods take that are created in second t.

    The index looks random but depends on t alone, so that all policies see the same start-up times.
    """
    # Knuth's multiplicative hash [knuth1998]: no period of the traffic selects one of the times more often.
    return int(t * 2654435761 % 4294967296 // 65536 % STARTUPS)


@compiled
def become_ready(revision: Any, groups: Any, t: int) -> None:
    """Make the pods ready whose start-up has ended by second t.

    groups   (max groups, 2) GROUP_READY_S, GROUP_PODS
    """
    done = 0
    while done < revision.starting_groups and groups[done, GROUP_READY_S] <= t:
        pods = int(groups[done, GROUP_PODS])
        revision.ready += pods
        revision.starting -= pods
        done += 1
    if done > 0:
        revision.starting_groups -= done
        for i in range(revision.starting_groups):
            groups[i, GROUP_READY_S] = groups[i + done, GROUP_READY_S]
            groups[i, GROUP_PODS] = groups[i + done, GROUP_PODS]


@compiled
def match_replicas(item: Item, t: int) -> int:
    """Create or remove pods until there are as many as replicas; return how many pods were created.

    Starting pods are removed before ready ones, the last to be ready first.
    """
    revision, groups = item.revision, item.starting_groups
    missing = revision.replicas - revision.ready - revision.starting
    if missing > 0:
        ready_s, i = t + item.pod_params.startups_s[startup_index(t)], revision.starting_groups
        while i > 0 and groups[i - 1, GROUP_READY_S] > ready_s:
            groups[i, GROUP_READY_S] = groups[i - 1, GROUP_READY_S]
            groups[i, GROUP_PODS] = groups[i - 1, GROUP_PODS]
            i -= 1
        groups[i, GROUP_READY_S], groups[i, GROUP_PODS] = ready_s, missing
        revision.starting_groups += 1
        revision.starting += missing
        return int(missing)
    while missing < 0 and revision.starting_groups > 0:
        last = revision.starting_groups - 1
        removed = min(-missing, int(groups[last, GROUP_PODS]))
        groups[last, GROUP_PODS] -= removed
        revision.starting -= removed
        missing += removed
        if groups[last, GROUP_PODS] == 0:
            revision.starting_groups -= 1
    revision.ready += missing
    return 0


@compiled
def second(item: Item, t: int, arrived: float, metrics: Any) -> float:
    """Simulate steps 1 to 4 of second t (scaler.simulation.simulator); return the requests delayed in it.

    arrived   requests that arrive in second t
    metrics   (f,) METRICS, added to
    """
    pods, revision = item.pod_params, item.revision
    become_ready(revision, item.starting_groups, t)
    waiting = revision.queue + arrived
    served = min(waiting, revision.ready * pods.concurrency / pods.service_time_s)
    left = waiting - served
    in_service = served * pods.service_time_s
    delayed = min(arrived, left)
    revision.queue = left
    metrics[REQUESTS] += arrived
    metrics[DELAYED] += delayed
    if revision.ready == 0:
        metrics[COLD] += arrived
    metrics[WAIT_S] += left
    metrics[BUSY_POD_S] += in_service / pods.concurrency
    concurrency = in_service + left
    if revision.ready > 0 or concurrency > 0:
        report(item, t, concurrency)
    if (t % TICK_S == 0 and t >= TICK_S) or (arrived > 0 and revision.desired == 0):
        tick(item, t)
        metrics[STARTS] += match_replicas(item, t)
    metrics[STARTING_POD_S] += revision.starting
    metrics[READY_POD_S] += revision.ready
    return float(delayed)


@compiled
def advance(
    item: Item,
    arrivals: Any,
    start_s: int,
    rows: Any,
    scoring: Scoring,
    metrics: Any,
    trajectory: Any,
    unscored: Any,
) -> None:
    """Simulate one item in the seconds start_s, start_s + 1, ... of its arrivals.

    arrivals     (n,) requests in each second
    rows         (p,) ROW, the plan of the item
    metrics      (b, f) METRICS of each block, added to
    trajectory   (n, 4) TRAJECTORY of each second, written; or (0, 4), not written
    unscored     (f,) METRICS of the seconds before the first block, added to
    """
    revision, score_s, block_s = item.revision, scoring.score_s, scoring.block_s
    block, block_end_s, counted = -1, score_s, unscored
    if start_s >= score_s:
        block = (start_s - score_s) // block_s
        block_end_s, counted = score_s + (block + 1) * block_s, metrics[block]
    for i in range(len(arrivals)):
        t = start_s + i
        if t == block_end_s:
            block, block_end_s = block + 1, block_end_s + block_s
            counted = metrics[block]
        while revision.row + 1 < len(rows) and rows[revision.row + 1].at_s <= t:
            revision.row += 1
            if apply_row(item, rows[revision.row], t):
                counted[CHANGES] += 1
        if is_idle(item, arrivals[i], t):
            continue
        delayed = second(item, t, arrivals[i], counted)
        if len(trajectory) > 0:
            trajectory[i, READY_COLUMN], trajectory[i, STARTING_COLUMN] = revision.ready, revision.starting
            trajectory[i, DELAYED_COLUMN], trajectory[i, QUEUE_COLUMN] = delayed, revision.queue


@compiled
def is_idle(item: Item, arrived: float, t: int) -> bool:
    """Return True if second t changes nothing: the Revision is at zero, and no request arrives."""
    spec, revision = item.spec, item.revision
    at_zero = (
        arrived == 0
        and revision.queue == 0
        and revision.replicas == 0
        and revision.ready + revision.starting == 0
        and revision.desired == 0
        and spec.min_scale == 0
    )
    # An evaluation without data does nothing, but with an unlimited burst capacity no data means no load.
    no_decision = spec.target_burst_capacity != -1 and is_empty(item.stable, t)
    settled = revision.activity == INACTIVE and revision.reason == NO_TRAFFIC and revision.initialized
    return at_zero and no_decision and settled and revision.proxy and spec.enable_scale_to_zero


@compiled_loop
def advance_all(
    pod_params: Any,
    batch: Batch,
    arrivals: Arrivals,
    plans: Plans,
    scoring: Scoring,
    metrics: Any,
    trajectory: Any,
) -> None:
    """Simulate all k items of a batch in the seconds of their arrivals.

    pod_params   (k,) POD_PARAMS
    metrics      (k, b, f) METRICS of each block, added to
    trajectory   (k, n, 4) TRAJECTORY of each second, written; or (k, 0, 4), not written
    """
    unscored = np.zeros(metrics.shape[2])
    for i in range(len(batch.spec)):
        item = Item(
            pod_params[i],
            batch.baseline[i],
            batch.spec[i],
            batch.revision[i],
            batch.windows[i, 0],
            batch.windows[i, 1],
            batch.buckets[i, 0],
            batch.buckets[i, 1],
            batch.delay[i],
            batch.starting_groups[i],
        )
        requests = arrivals.requests[arrivals.of_item[i]]
        rows = plans.rows[plans.first_row[i] : plans.first_row[i + 1]]
        advance(item, requests, arrivals.start_s, rows, scoring, metrics[i], trajectory[i], unscored)
