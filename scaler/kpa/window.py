"""Averages of the stats reported within a window of seconds.

Rules as in knative/serving 98e5ef9, pkg/autoscaler/aggregation/bucketing.go: one bucket per second, a running
total, and the whole seconds of the first and the last write.  Times are rounded down to whole seconds.
"""

import math
from dataclasses import dataclass, replace

MIN_WEIGHT = 0.2
"""Smallest weight of the newest second in a weighted average, as in Knative."""
WEIGHT_PRECISION = 0.9999
"""Smallest sum of the weights of a full window where MIN_WEIGHT does not apply, as in Knative."""


@dataclass(frozen=True)
class Window:
    """Stats of the last n seconds; n = len(buckets)."""

    buckets: tuple[float, ...]
    """The value of second t is at index t modulo n."""
    total: float = 0.0
    """Running sum of the buckets, including its rounding errors; averages are computed from it."""
    first_s: int | None = None
    """Second of the first write since the window was empty; None before it."""
    last_s: int | None = None
    """Second of the last write; None before it."""


def empty_window(seconds: int) -> Window:
    """Return a window of `seconds` without any write."""
    return Window((0.0,) * seconds)


def record(window: Window, t_s: float, value: float) -> Window:
    """Return the window with `value` added to the second of `t_s`; a value a whole window late is dropped."""
    t, n, last = math.floor(t_s), len(window.buckets), window.last_s
    if last is not None and t <= last - n:
        return window
    buckets, total = list(window.buckets), window.total
    first = t if window.first_s is None else min(window.first_s, t)
    if last is None or t - last >= n:
        buckets, total, first = [0.0] * n, 0.0, t
    elif t > last:
        for second in range(last + 1, t + 1):
            total -= buckets[second % n]
            buckets[second % n] = 0.0
    buckets[t % n] += value
    return Window(tuple(buckets), total + value, first, t if last is None else max(last, t))


def is_empty(window: Window, now_s: float) -> bool:
    """Return True if the last write is more than a window ago."""
    return window.last_s is None or math.floor(now_s) - window.last_s > len(window.buckets)


def linear_average(window: Window, now_s: float) -> float:
    """Return the mean per second, rounded to six decimals.

    Seconds without data between the first and the last write count as zeros; those after the last write do
    not count.  Without the rounding, an error of 1e-15 in the total would ask for a pod.
    """
    if window.last_s is None:
        return 0.0
    n, t = len(window.buckets), math.floor(now_s)
    gap = max(t - window.last_s, 0)
    if gap >= n:
        return 0.0
    total = window.total
    for second in range(window.last_s + 1, t + 1):
        total -= window.buckets[second % n]
    span = n if window.first_s is None else window.last_s - window.first_s + 1
    return _six_decimals(total / min(span, n - gap))


def weighted_average(window: Window, now_s: float) -> float:
    """Return the sum of the seconds with exponentially decreasing weights; not normalised, not rounded."""
    if window.last_s is None or is_empty(window, now_s):
        return 0.0
    n = len(window.buckets)
    gap = max(math.floor(now_s) - window.last_s, 0)
    newest = max(1 - (1 - WEIGHT_PRECISION) ** (1 / n), MIN_WEIGHT)
    weight, total = newest * (1 - newest) ** gap, 0.0
    for age in range(n - gap):
        total += window.buckets[(window.last_s - age) % n] * weight
        weight *= 1 - newest
    return total


def resize(window: Window, seconds: int, now_s: float) -> Window:
    """Return the window with another length, as after a change of the settings.

    The newest seconds are kept.  A window that was partly filled counts as full from then on.
    """
    n = len(window.buckets)
    if seconds == n:
        return window
    if window.last_s is None or is_empty(window, now_s):
        return replace(empty_window(seconds), last_s=window.last_s)
    buckets, total = [0.0] * seconds, 0.0
    for second in range(window.last_s, window.last_s - min(n, seconds), -1):
        buckets[second % seconds] = window.buckets[second % n]
        total += window.buckets[second % n]
    return Window(tuple(buckets), total, window.last_s - (n - 1), window.last_s)


def _six_decimals(x: float) -> float:
    """Round half away from zero, as Go's math.Round does."""
    scaled = x * 1e6
    whole = math.trunc(scaled)
    if abs(scaled - whole) >= 0.5:
        whole += 1 if scaled > 0 else -1
    return whole / 1e6
