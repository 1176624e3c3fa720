"""The seconds of a replay in compiled form.  The world's equations are told in `world`.

Records and arrays are those of `layout`; what is written there of items holds for each of them.
"""

import math
from typing import Any

import numpy as np

from models.numeric.compiled import compiled, compiled_loop
from scaler.simulation.kpa_kernel import is_empty, report, resize, tick
from scaler.simulation.state import INACTIVE, NO_TRAFFIC, STARTUPS

_TICK_S = 2


@compiled
def either(said: float, otherwise: float) -> float:
    """`said`, or `otherwise` where it is NaN."""
    return otherwise if math.isnan(said) else said


@compiled
def apply_row(
    row: Any, owned: Any, spec: Any, stable: Any, panic: Any, stable_buckets: Any, panic_buckets: Any,
    now_s: int,
) -> bool:  # fmt: skip
    """A row of a plan takes effect, the windows resized with it; gives whether it changes anything."""
    min_scale = max(owned.min_scale, row.floor) if spec.reachable else 0
    target_value = either(row.target_value, owned.target_value)
    stable_window_s = int(either(row.stable_window_s, owned.stable_window_s))
    panic_window_s = int(either(row.panic_window_s, owned.panic_window_s))
    panic_threshold = either(row.panic_threshold, owned.panic_threshold)
    retention_s = either(row.pod_retention_period_s, owned.pod_retention_period_s) if spec.reachable else 0.0
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
    resize(stable, stable_buckets, stable_window_s, now_s)
    resize(panic, panic_buckets, panic_window_s, now_s)
    return bool(changed)


@compiled
def drawn(t: int) -> int:
    """Which of its start-ups pods take that are asked for in second t: any, but under every plan the same."""
    # Knuth's multiplicative hash: no rhythm of the traffic meets one of them more often.
    return int(t * 2654435761 % 4294967296 // 65536 % STARTUPS)


@compiled
def become_ready(revision: Any, batches: Any, t: int) -> None:
    """Pods whose start-up is over are ready."""
    done = 0
    while done < revision.batches and batches[done, 0] <= t:
        pods = int(batches[done, 1])
        revision.ready += pods
        revision.starting -= pods
        done += 1
    if done > 0:
        revision.batches -= done
        for at in range(revision.batches):
            batches[at, 0], batches[at, 1] = batches[at + done, 0], batches[at + done, 1]


@compiled
def follow(world: Any, revision: Any, batches: Any, t: int) -> int:
    """Pods follow the replicas: new ones start, surplus goes, the last to be ready first; gives how many were
    started.
    """
    more = revision.replicas - revision.ready - revision.starting
    if more > 0:
        ready_s, at = t + world.startups_s[drawn(t)], revision.batches
        while at > 0 and batches[at - 1, 0] > ready_s:
            batches[at, 0], batches[at, 1] = batches[at - 1, 0], batches[at - 1, 1]
            at -= 1
        batches[at, 0], batches[at, 1] = ready_s, more
        revision.batches += 1
        revision.starting += more
        return int(more)
    while more < 0 and revision.batches > 0:
        gone = min(-more, int(batches[revision.batches - 1, 1]))
        batches[revision.batches - 1, 1] -= gone
        revision.starting -= gone
        more += gone
        if batches[revision.batches - 1, 1] == 0:
            revision.batches -= 1
    revision.ready += more
    return 0


@compiled
def second(
    world: Any, spec: Any, revision: Any, stable: Any, panic: Any, stable_buckets: Any, panic_buckets: Any,
    delay: Any, batches: Any, t: int, arrived: float, figures: Any,
) -> float:  # fmt: skip
    """One second of one item, its steps as in `world`; adds to `figures` (f,); gives requests delayed."""
    become_ready(revision, batches, t)
    waiting = revision.queue + arrived
    served = min(waiting, revision.ready * world.concurrency / world.service_s)
    left = waiting - served
    in_service = served * world.service_s
    delayed = min(arrived, left)
    revision.queue = left
    figures[0] += arrived
    figures[1] += delayed
    if revision.ready == 0:
        figures[2] += arrived
    figures[3] += left
    figures[6] += in_service / world.concurrency
    concurrency = in_service + left
    if revision.ready > 0 or concurrency > 0:
        report(stable, panic, stable_buckets, panic_buckets, t, concurrency)
    if (t % _TICK_S == 0 and t >= _TICK_S) or (arrived > 0 and revision.desired == 0):
        tick(spec, revision, stable, panic, stable_buckets, panic_buckets, delay, t)
        figures[7] += follow(world, revision, batches, t)
    figures[4] += revision.starting
    figures[5] += revision.ready
    return float(delayed)


@compiled
def advance(
    world: Any, owned: Any, spec: Any, revision: Any, windows: Any, buckets: Any, delay: Any, batches: Any,
    arrivals: Any, start_s: int, rows: Any, score_s: int, block_s: int, figures: Any, course: Any,
    uncounted: Any,
) -> None:  # fmt: skip
    """Takes one item through the seconds start_s, start_s + 1, ... of its arrivals.

    arrivals   (n,) requests in each second
    rows       (p,) ROW, by time; a row holds from its second on
    score_s    seconds before it are lived through and not counted
    figures    (b, f) METRICS, added to; block 0 begins at score_s, each is block_s long
    course     (n, 4) TRAJECTORY of each second, written; or (0, 4), and not
    uncounted  (f,) what is not counted is added here
    """
    stable, panic, stable_buckets, panic_buckets = windows[0], windows[1], buckets[0], buckets[1]
    block, block_end_s, counted = -1, score_s, uncounted
    if start_s >= score_s:
        block = (start_s - score_s) // block_s
        block_end_s, counted = score_s + (block + 1) * block_s, figures[block]
    for i in range(len(arrivals)):
        t = start_s + i
        if t == block_end_s:
            block, block_end_s = block + 1, block_end_s + block_s
            counted = figures[block]
        while revision.row + 1 < len(rows) and rows[revision.row + 1].at_s <= t:
            revision.row += 1
            if apply_row(
                rows[revision.row], owned, spec, stable, panic, stable_buckets, panic_buckets, t
            ):  # fmt: skip
                counted[8] += 1
        if at_rest(spec, revision, stable, arrivals[i], t):
            continue
        delayed = second(
            world, spec, revision, stable, panic, stable_buckets, panic_buckets, delay, batches, t,
            arrivals[i], counted
        )  # fmt: skip
        if len(course) > 0:
            course[i, 0], course[i, 1] = revision.ready, revision.starting
            course[i, 2], course[i, 3] = delayed, revision.queue


@compiled
def at_rest(spec: Any, revision: Any, stable: Any, arrived: float, t: int) -> bool:
    """True where a second leaves everything as it is: at zero, nothing comes, and nothing is asked for."""
    nothing_there = (
        arrived == 0
        and revision.queue == 0
        and revision.replicas == 0
        and revision.ready + revision.starting == 0
        and revision.desired == 0
        and spec.min_scale == 0
    )
    # An evaluation without data does nothing; with unlimited burst capacity there is one all the same.
    no_decision = spec.target_burst_capacity != -1 and is_empty(stable, t)
    settled = revision.activity == INACTIVE and revision.reason == NO_TRAFFIC and revision.initialized
    return nothing_there and no_decision and settled and revision.proxy and spec.enable_scale_to_zero


@compiled_loop
def advance_all(
    worlds: Any, owned: Any, specs: Any, revisions: Any, windows: Any, buckets: Any, delay: Any, batches: Any,
    arrivals: Any, of_item: Any, start_s: int, rows: Any, row_from: Any, score_s: int, block_s: int,
    figures: Any, course: Any,
) -> None:  # fmt: skip
    """Takes k items through the same seconds.

    arrivals   (r, n) requests in each second of r Revisions
    of_item    (k,) the Revision of each item
    rows       ROW of all items one after another: item i has row_from[i] ... row_from[i + 1] - 1
    figures    (k, b, f), added to
    course     (k, n, 4), or (k, 0, 4)
    """
    uncounted = np.zeros(figures.shape[2])
    for i in range(len(specs)):
        advance(
            worlds[i], owned[i], specs[i], revisions[i], windows[i], buckets[i], delay[i], batches[i],
            arrivals[of_item[i]], start_s, rows[row_from[i] : row_from[i + 1]], score_s, block_s,
            figures[i], course[i], uncounted,
        )  # fmt: skip
