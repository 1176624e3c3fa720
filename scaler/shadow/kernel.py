"""The seconds of many candidates at once, in compiled form: as scaler.simulation.kernel, with floors by rule."""

from typing import Any

import numpy as np

from models.numeric.compiled import compiled, compiled_loop
from scaler.simulation.kernel import at_rest, second


@compiled_loop
def simulate_population(
    worlds: Any, owned: Any, specs: Any, revisions: Any, windows: Any, buckets: Any, delay: Any, batches: Any,
    arrivals: Any, of_item: Any, rule_of_item: Any, start_s: int, plan_at: Any, floors: Any, figures: Any,
) -> None:  # fmt: skip
    """Takes k items through the seconds start_s, start_s + 1, ... of r Revisions' arrivals.

    worlds        (k,) POD_PARAMS; the other records and arrays are those of scaler.simulation.state
    arrivals      (r, n) requests in each second
    of_item       (k,) the Revision of each item; rule_of_item (k,) the rule of its floor
    plan_at       (p,) seconds, rising, at which plans were made
    floors        (r, f, p) pods that each rule asked for then
    figures       (k, f) METRICS, added to
    """
    for i in range(len(specs)):
        live(
            worlds[i], owned[i].min_scale, specs[i], revisions[i], windows[i, 0], windows[i, 1],
            buckets[i, 0], buckets[i, 1], delay[i], batches[i], arrivals[of_item[i]], start_s, plan_at,
            floors[of_item[i], rule_of_item[i]], figures[i],
        )  # fmt: skip


@compiled
def live(
    world: Any, least: int, spec: Any, revision: Any, stable: Any, panic: Any, stable_buckets: Any,
    panic_buckets: Any, delay: Any, batches: Any, arrivals: Any, start_s: int, plan_at: Any, floors: Any,
    figures: Any,
) -> None:  # fmt: skip
    """Takes one item through the seconds of its arrivals (n,), with floors (p,) and no fewer than `least`."""
    at = 0
    for j in range(len(arrivals)):
        t = start_s + j
        while at < len(plan_at) and plan_at[at] <= t:
            spec.min_scale = max(least, floors[at])
            at += 1
        if not at_rest(spec, revision, stable, arrivals[j], t):
            second(
                world, spec, revision, stable, panic, stable_buckets, panic_buckets, delay, batches, t,
                arrivals[j], figures,
            )  # fmt: skip


NOTHING_PLANNED = np.zeros(0, np.int64)
