"""The seconds of many candidates at once, in compiled form: as scaler.replay.seconds, with floors by rule."""

from typing import Any

import numpy as np

from models.compiled import compiled_loop
from scaler.replay.seconds import at_rest, second


@compiled_loop
def live_through(
    worlds: Any, owned: Any, specs: Any, revisions: Any, windows: Any, buckets: Any, delay: Any, batches: Any,
    arrivals: Any, of_item: Any, rule_of_item: Any, start_s: int, plan_at: Any, floors: Any, figures: Any,
) -> None:  # fmt: skip
    """Takes k items through the seconds start_s, start_s + 1, ... of r Revisions' arrivals.

    worlds        (k,) SURROUNDINGS; the other records and arrays are those of scaler.replay.layout
    arrivals      (r, n) requests in each second
    of_item       (k,) the Revision of each item; rule_of_item (k,) the rule of its floor
    plan_at       (p,) seconds, rising, at which plans were made
    floors        (r, f, p) pods that each rule asked for then
    figures       (k, f) FIGURES, added to
    """
    for i in range(len(specs)):
        r, rule, at = of_item[i], rule_of_item[i], 0
        spec, revision = specs[i], revisions[i]
        for j in range(arrivals.shape[1]):
            t = start_s + j
            while at < len(plan_at) and plan_at[at] <= t:
                spec.min_scale = max(owned[i].min_scale, floors[r, rule, at])
                at += 1
            if at_rest(spec, revision, windows[i, 0], arrivals[r, j], t):
                continue
            second(
                worlds[i], spec, revision, windows[i, 0], windows[i, 1], buckets[i, 0], buckets[i, 1],
                delay[i], batches[i], t, arrivals[r, j], figures[i],
            )  # fmt: skip


NOTHING_PLANNED = np.zeros(0, np.int64)
