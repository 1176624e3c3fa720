"""The rules of scaler/kpa in compiled form, over the records of `layout`.

Each function is that of the same name there, and changes its records in place; the same golden files hold
both.  Times are never negative.  The records are those of one Revision:

    spec       SPEC               window    WINDOW, with its `buckets` (longest window,)
    revision   REVISION           delay     (slots, 2): slot, pods
    stable, panic   WINDOW, each with its buckets
"""

# Compiled code knows records and arrays by attribute; to Python's type checker they are Any.
import math
from typing import Any

import numpy as np

from models.numeric.compiled import compiled, compiled_loop
from scaler.simulation.state import (
    ACTIVATING,
    ACTIVE,
    INACTIVE,
    NEVER_WRITTEN,
    NO_REASON,
    NO_TRAFFIC,
    QUEUED,
    TIMED_OUT,
)

_ACTIVATION_TIMEOUT_BUFFER_S = 30
_SLOT_S = 2


@compiled
def elapsed_s(since_s: float, now_s: float) -> float:
    """Seconds between two moments, to the nanosecond (scaler.kpa.decide)."""
    return float(np.rint((now_s - since_s) * 1e9) / 1e9)


@compiled
def record(window: Any, buckets: Any, t_s: float, value: float) -> None:
    """Adds a value to the second of `t_s` (scaler.kpa.window)."""
    t, n, last = int(t_s), window.seconds, window.last_s
    if t == last + 1 and n > 1 and window.first_s != NEVER_WRITTEN:
        # As below, without its divisions: hardly ever is it anything else in a replay.
        at = window.at + 1 if window.at + 1 < n else 0
        window.total = window.total - buckets[at] + value
        buckets[at] = value
        window.at, window.last_s = at, t
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
    window.at = window.last_s % n
    buckets[t % n] += value
    window.total += value


@compiled
def is_empty(window: Any, now_s: float) -> bool:
    """True where the last write is more than a window ago (scaler.kpa.window)."""
    return bool(window.last_s == NEVER_WRITTEN or int(now_s) - window.last_s > window.seconds)


@compiled
def linear_average(window: Any, buckets: Any, now_s: float) -> float:
    """Mean per second, to six decimals (scaler.kpa.window)."""
    n, last = window.seconds, window.last_s
    now = int(now_s)
    if last == NEVER_WRITTEN or now - last >= n:
        return 0.0
    gap = max(now - last, 0)
    total = window.total
    for second in range(last + 1, now + 1):
        total -= buckets[second % n]
    span = n if window.first_s == NEVER_WRITTEN else last - window.first_s + 1
    scaled = total / min(span, n - gap) * 1e6
    whole = float(np.trunc(scaled))
    if abs(scaled - whole) >= 0.5:
        whole += 1.0 if scaled > 0 else -1.0
    return whole / 1e6


@compiled
def weighted_average(window: Any, buckets: Any, now_s: float) -> float:
    """Sum with exponential weights (scaler.kpa.window)."""
    if is_empty(window, now_s):
        return 0.0
    n, last = window.seconds, window.last_s
    gap = max(int(now_s) - last, 0)
    newest = max(1 - (1 - 0.9999) ** (1 / n), 0.2)
    weight, total = newest * (1 - newest) ** gap, 0.0
    for back in range(n - gap):
        total += buckets[(last - back) % n] * weight
        weight *= 1 - newest
    return total


@compiled_loop
def resize(window: Any, buckets: Any, seconds: int, now_s: float) -> None:
    """Gives a window another length (scaler.kpa.window)."""
    n, last = window.seconds, window.last_s
    if seconds == n:
        return
    window.seconds = seconds
    window.at = last % seconds
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
    """True where a window of so many seconds with that last write is empty."""
    return bool(last_s == NEVER_WRITTEN or int(now_s) - last_s > seconds)


@compiled
def report(
    stable: Any, panic: Any, stable_buckets: Any, panic_buckets: Any, t_s: float, value: float
) -> None:  # fmt: skip
    """A stat comes in (scaler.kpa.tick)."""
    record(stable, stable_buckets, t_s, value)
    record(panic, panic_buckets, t_s, value)


@compiled
def within_rates(spec: Any, wanted: int, ready: int) -> int:
    """Pods wanted, within the rates, and activation-scale (scaler.kpa.decide)."""
    most = math.ceil(spec.max_scale_up_rate * ready)
    least = math.floor(ready / spec.max_scale_down_rate) if spec.reachable else 0
    pods = min(max(wanted, least), most)
    if wanted > 0 and spec.activation_scale > 1:
        pods = max(pods, spec.activation_scale)
    return int(pods)


@compiled
def record_count(revision: Any, delay: Any, now_s: float, pods: int) -> int:
    """The largest count within the scale-down delay, with this one (scaler.kpa.delay)."""
    slots, slot = revision.delay_slots, int(now_s) // _SLOT_S
    first, length = revision.delay_first, revision.delay_length
    while length > 0 and delay[(first + length - 1) % slots, 1] <= pods:
        length -= 1
    while length > 0 and slot - delay[first, 0] >= slots:
        first, length = (first + 1) % slots, length - 1
    if length > 0 and delay[(first + length - 1) % slots, 0] == slot:
        pods = delay[(first + length - 1) % slots, 1]
        length -= 1
    delay[(first + length) % slots, 0] = slot
    delay[(first + length) % slots, 1] = pods
    revision.delay_first, revision.delay_length = first, length + 1
    return int(delay[first, 1])


@compiled
def evaluate(
    spec: Any, revision: Any, stable: Any, panic: Any, stable_buckets: Any, panic_buckets: Any, delay: Any,
    now_s: float,
) -> None:  # fmt: skip
    """One evaluation (scaler.kpa.decide: observe and decide)."""
    revision.valid = spec.target_burst_capacity == -1 or not is_empty(stable, now_s)
    if not revision.valid:
        return
    if spec.weighted:
        revision.stable = weighted_average(stable, stable_buckets, now_s)
        revision.panic = weighted_average(panic, panic_buckets, now_s)
    else:
        revision.stable = linear_average(stable, stable_buckets, now_s)
        revision.panic = linear_average(panic, panic_buckets, now_s)
    ready = max(1, revision.ready)
    wanted_panic = math.ceil(revision.panic / spec.target_value)
    desired = within_rates(spec, math.ceil(revision.stable / spec.target_value), ready)
    if wanted_panic / ready >= spec.panic_threshold:
        revision.panic_since_s = now_s
    elif elapsed_s(revision.panic_since_s, now_s) > spec.stable_window_s:
        revision.panic_since_s, revision.max_panic_pods = math.nan, 0
    if not math.isnan(revision.panic_since_s):
        desired = max(desired, within_rates(spec, wanted_panic, ready), revision.max_panic_pods)
        revision.max_panic_pods = desired
    if spec.reachable and revision.delay_slots > 0:
        desired = record_count(revision, delay, now_s, desired)
    revision.desired = desired
    if spec.target_burst_capacity > 0:
        capacity = revision.ready * spec.total_value
        revision.ebc = math.floor(capacity - spec.target_burst_capacity - revision.panic)
    else:
        revision.ebc = int(spec.target_burst_capacity)


@compiled
def scale(spec: Any, revision: Any, now_s: float) -> tuple[int, bool]:
    """Pods wanted, and whether to write them; the activator's probe succeeds (scaler.kpa.scale)."""
    if revision.desired < 0 and revision.activity != ACTIVATING:
        return revision.desired, False
    least = spec.min_scale
    if spec.initial_scale > 1 and not revision.initialized and spec.reachable:
        least = max(least, spec.initial_scale)
    want = revision.desired
    if want < least:
        want = least
    elif spec.max_scale != 0 and want > spec.max_scale:
        want = spec.max_scale
    if want != 0:
        return want, True
    if not spec.enable_scale_to_zero:
        return 1, True
    return to_zero(spec, revision, elapsed_s(revision.since_s, now_s), now_s)


@compiled
def to_zero(spec: Any, revision: Any, for_s: float, now_s: float) -> tuple[int, bool]:
    """The way to zero, in a status that has stood for so long (scaler.kpa.scale)."""
    if revision.activity == ACTIVATING:
        timed_out = for_s > spec.progress_deadline_s + _ACTIVATION_TIMEOUT_BUFFER_S
        return (0, True) if timed_out else (-1, False)
    if revision.activity == ACTIVE:
        return (1, True) if for_s < spec.stable_window_s else (0, False)
    grace_s, retention_s = spec.scale_to_zero_grace_period_s, spec.pod_retention_period_s
    if for_s >= max(grace_s, retention_s):
        return 0, True
    if for_s < retention_s:
        return 0, False
    backed = not math.isnan(revision.backed_since_s)
    return 0, backed and elapsed_s(revision.backed_since_s, now_s) >= grace_s


@compiled
def next_status(spec: Any, revision: Any, want: int, now_s: float) -> None:
    """The status after a reconcile (scaler.kpa.status)."""
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
def tick(
    spec: Any, revision: Any, stable: Any, panic: Any, stable_buckets: Any, panic_buckets: Any, delay: Any,
    now_s: float,
) -> None:  # fmt: skip
    """One evaluation and the reconcile after it (scaler.kpa.tick)."""
    evaluate(spec, revision, stable, panic, stable_buckets, panic_buckets, delay, now_s)
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
