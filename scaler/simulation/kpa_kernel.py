"""Knative's rules (scaler/kpa) in compiled form, over the records of scaler.simulation.state.

Each function is the compiled form of the function of the same name in the module of scaler/kpa that its
docstring names, and changes its records in place.  The same golden files check both forms.  Times are never
negative.  Parameters:

    item       Item: the records and arrays of one Revision under one policy
    spec       its SPEC         revision   its REVISION       delay      its delay window (slots, 2)
    window     WINDOW           buckets    (longest window,) the values of that window
"""

# Compiled code reads fields of records by attribute; to the type checker, records are Any.
import math
from typing import Any

import numpy as np

from models.numeric.compiled import compiled, compiled_loop
from scaler.kpa.delay import SLOT_S
from scaler.kpa.scale import ACTIVATION_TIMEOUT_BUFFER_S
from scaler.kpa.window import MIN_WEIGHT, WEIGHT_PRECISION
from scaler.simulation.state import (
    ACTIVATING,
    ACTIVE,
    DELAY_PODS,
    DELAY_SLOT,
    INACTIVE,
    NEVER_WRITTEN,
    NO_REASON,
    NO_TRAFFIC,
    QUEUED,
    TIMED_OUT,
    Item,
)


@compiled
def elapsed_s(since_s: float, now_s: float) -> float:
    """Return the seconds between two times, rounded to the nanosecond (scaler.kpa.decide)."""
    return float(np.rint((now_s - since_s) * 1e9) / 1e9)


@compiled
def record(window: Any, buckets: Any, t_s: float, value: float) -> None:
    """Add a value to the bucket of second `t_s` (scaler.kpa.window)."""
    t, n, last = int(t_s), window.seconds, window.last_s
    if t == last + 1 and n > 1 and window.first_s != NEVER_WRITTEN:
        # Same result as below without its divisions: nearly every write of a replay is to the next second.
        index = window.index + 1 if window.index + 1 < n else 0
        window.total = window.total - buckets[index] + value
        buckets[index] = value
        window.index, window.last_s = index, t
        return
    if last != NEVER_WRITTEN and t <= last - n:
        return
    if window.first_s == NEVER_WRITTEN or t < window.first_s:
        window.first_s = t
    if last == NEVER_WRITTEN or t - last >= n:
        buckets[:n] = 0.0
        window.total = 0.0
        window.first_s = t
        window.last_s = t
    elif t > last:
        for second in range(last + 1, t + 1):
            window.total -= buckets[second % n]
            buckets[second % n] = 0.0
        window.last_s = t
    window.index = window.last_s % n
    buckets[t % n] += value
    window.total += value


@compiled
def is_empty(window: Any, now_s: float) -> bool:
    """Return True if the last write is more than a window ago (scaler.kpa.window)."""
    return bool(window.last_s == NEVER_WRITTEN or int(now_s) - window.last_s > window.seconds)


@compiled
def linear_average(window: Any, buckets: Any, now_s: float) -> float:
    """Return the mean per second, rounded to six decimals (scaler.kpa.window)."""
    n, last = window.seconds, window.last_s
    t = int(now_s)
    if last == NEVER_WRITTEN or t - last >= n:
        return 0.0
    gap = max(t - last, 0)
    total = window.total
    for second in range(last + 1, t + 1):
        total -= buckets[second % n]
    span = n if window.first_s == NEVER_WRITTEN else last - window.first_s + 1
    scaled = total / min(span, n - gap) * 1e6
    whole = float(np.trunc(scaled))
    if abs(scaled - whole) >= 0.5:
        whole += 1.0 if scaled > 0 else -1.0
    return whole / 1e6


@compiled
def weighted_average(window: Any, buckets: Any, now_s: float) -> float:
    """Return the sum with exponential weights (scaler.kpa.window)."""
    if is_empty(window, now_s):
        return 0.0
    n, last = window.seconds, window.last_s
    gap = max(int(now_s) - last, 0)
    newest = max(1 - (1 - WEIGHT_PRECISION) ** (1 / n), MIN_WEIGHT)
    weight, total = newest * (1 - newest) ** gap, 0.0
    for age in range(n - gap):
        total += buckets[(last - age) % n] * weight
        weight *= 1 - newest
    return total


@compiled_loop
def resize(window: Any, buckets: Any, seconds: int, now_s: float) -> None:
    """Change the length of a window (scaler.kpa.window)."""
    n, last = window.seconds, window.last_s
    if seconds == n:
        return
    window.seconds = seconds
    window.index = last % seconds
    if is_empty_after(last, n, now_s):
        buckets[:seconds] = 0.0
        window.total = 0.0
        window.first_s = NEVER_WRITTEN
        return
    kept = np.zeros(seconds)
    total = 0.0
    for second in range(last, last - min(n, seconds), -1):
        kept[second % seconds] = buckets[second % n]
        total += buckets[second % n]
    buckets[:seconds] = kept
    window.total = total
    window.first_s = last - (n - 1)


@compiled
def is_empty_after(last_s: int, seconds: int, now_s: float) -> bool:
    """Return True if a window of `seconds` with its last write at `last_s` is empty at `now_s`."""
    return bool(last_s == NEVER_WRITTEN or int(now_s) - last_s > seconds)


@compiled
def report(item: Item, t_s: float, value: float) -> None:
    """Record a stat in both windows (scaler.kpa.tick)."""
    record(item.stable, item.stable_buckets, t_s, value)
    record(item.panic, item.panic_buckets, t_s, value)


@compiled
def within_rates(spec: Any, pods: int, ready: int) -> int:
    """Return `pods` limited by the scale rates and by activation-scale (scaler.kpa.decide)."""
    max_pods = math.ceil(spec.max_scale_up_rate * ready)
    min_pods = math.floor(ready / spec.max_scale_down_rate) if spec.reachable else 0
    limited = min(max(pods, min_pods), max_pods)
    if pods > 0 and spec.activation_scale > 1:
        limited = max(limited, spec.activation_scale)
    return int(limited)


@compiled
def record_count(revision: Any, delay: Any, now_s: float, pods: int) -> int:
    """Return the largest count within the scale-down delay, including `pods` (scaler.kpa.delay)."""
    slots, slot = revision.delay_slots, int(now_s) // SLOT_S
    first, length = revision.delay_first, revision.delay_length
    while length > 0 and delay[(first + length - 1) % slots, DELAY_PODS] <= pods:
        length -= 1
    while length > 0 and slot - delay[first, DELAY_SLOT] >= slots:
        first, length = (first + 1) % slots, length - 1
    if length > 0 and delay[(first + length - 1) % slots, DELAY_SLOT] == slot:
        pods = delay[(first + length - 1) % slots, DELAY_PODS]
        length -= 1
    delay[(first + length) % slots, DELAY_SLOT] = slot
    delay[(first + length) % slots, DELAY_PODS] = pods
    revision.delay_first, revision.delay_length = first, length + 1
    return int(delay[first, DELAY_PODS])


@compiled
def evaluate(item: Item, now_s: float) -> None:
    """Evaluate the autoscaler once (`observe` and `decide` of scaler.kpa.decide)."""
    spec, revision = item.spec, item.revision
    revision.valid = spec.target_burst_capacity == -1 or not is_empty(item.stable, now_s)
    if not revision.valid:
        return
    if spec.weighted:
        revision.stable = weighted_average(item.stable, item.stable_buckets, now_s)
        revision.panic = weighted_average(item.panic, item.panic_buckets, now_s)
    else:
        revision.stable = linear_average(item.stable, item.stable_buckets, now_s)
        revision.panic = linear_average(item.panic, item.panic_buckets, now_s)
    ready = max(1, revision.ready)
    panic_pods = math.ceil(revision.panic / spec.target_value)
    desired = within_rates(spec, math.ceil(revision.stable / spec.target_value), ready)
    if panic_pods / ready >= spec.panic_threshold:
        revision.panic_since_s = now_s
    elif elapsed_s(revision.panic_since_s, now_s) > spec.stable_window_s:
        revision.panic_since_s, revision.max_panic_pods = math.nan, 0
    if not math.isnan(revision.panic_since_s):
        desired = max(desired, within_rates(spec, panic_pods, ready), revision.max_panic_pods)
        revision.max_panic_pods = desired
    if spec.reachable and revision.delay_slots > 0:
        desired = record_count(revision, item.delay, now_s, desired)
    revision.desired = desired
    if spec.target_burst_capacity > 0:
        capacity = revision.ready * spec.total_value
        revision.ebc = math.floor(capacity - spec.target_burst_capacity - revision.panic)
    else:
        revision.ebc = int(spec.target_burst_capacity)


@compiled
def scale(spec: Any, revision: Any, now_s: float) -> tuple[int, bool]:
    """Return the replicas wanted, and whether to write them (scaler.kpa.scale).

    The probe of the activator always succeeds.
    """
    if revision.desired < 0 and revision.activity != ACTIVATING:
        return revision.desired, False
    min_pods = spec.min_scale
    if spec.initial_scale > 1 and not revision.initialized and spec.reachable:
        min_pods = max(min_pods, spec.initial_scale)
    want = revision.desired
    if want < min_pods:
        want = min_pods
    elif spec.max_scale != 0 and want > spec.max_scale:
        want = spec.max_scale
    if want != 0:
        return want, True
    if not spec.enable_scale_to_zero:
        return 1, True
    return to_zero(spec, revision, elapsed_s(revision.since_s, now_s), now_s)


@compiled
def to_zero(spec: Any, revision: Any, in_state_s: float, now_s: float) -> tuple[int, bool]:
    """Return what `scale` returns where zero is wanted and the status has not changed for `in_state_s`."""
    if revision.activity == ACTIVATING:
        timed_out = in_state_s > spec.progress_deadline_s + ACTIVATION_TIMEOUT_BUFFER_S
        return (0, True) if timed_out else (-1, False)
    if revision.activity == ACTIVE:
        return (1, True) if in_state_s < spec.stable_window_s else (0, False)
    grace_s, retention_s = spec.scale_to_zero_grace_period_s, spec.pod_retention_period_s
    if in_state_s >= max(grace_s, retention_s):
        return 0, True
    if in_state_s < retention_s:
        return 0, False
    backed = not math.isnan(revision.backed_since_s)
    return 0, backed and elapsed_s(revision.backed_since_s, now_s) >= grace_s


@compiled
def next_status(spec: Any, revision: Any, want: int, now_s: float) -> None:
    """Update the status after a reconcile (scaler.kpa.status)."""
    enough = max(spec.min_scale, 1 if revision.initialized else spec.initial_scale)
    if revision.ready >= enough:
        revision.initialized = True
    activity, reason = revision.activity, revision.reason
    awake = want > 0 or activity != INACTIVE
    if want == 0 or enough == 0:
        reason = TIMED_OUT if activity == ACTIVATING and enough > 0 else NO_TRAFFIC
        activity = INACTIVE
    elif revision.ready < enough:
        activity, reason = (ACTIVATING, QUEUED) if awake else (INACTIVE, NO_TRAFFIC)
    elif awake:
        activity, reason = ACTIVE, NO_REASON
    if activity != revision.activity or reason != revision.reason:
        revision.activity, revision.reason, revision.since_s = activity, reason, now_s


@compiled
def tick(item: Item, now_s: float) -> None:
    """Evaluate once, and reconcile (scaler.kpa.tick)."""
    spec, revision = item.spec, item.revision
    evaluate(item, now_s)
    want, write = scale(spec, revision, now_s)
    revision.want = want
    revision.patched = write and want != revision.replicas
    if revision.patched:
        revision.replicas = want
    revision.proxy = not (want > 0 and revision.ebc >= 0)
    next_status(spec, revision, want, now_s)
    if revision.proxy or revision.ready == 0:
        if math.isnan(revision.backed_since_s):
            revision.backed_since_s = now_s
    else:
        revision.backed_since_s = math.nan
