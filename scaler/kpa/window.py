"""Averages of what was reported over a window of seconds.

Rules as in knative/serving 98e5ef9, pkg/autoscaler/aggregation/bucketing.go: one bucket a second, a running
total, and the whole seconds of the first and the last write.  Times are cut down to whole seconds.
"""

import math
from dataclasses import dataclass, replace

MIN_WEIGHT = 0.2
"""The newest second counts at least so much in a weighted average."""
WEIGHT_PRECISION = 0.9999
"""The weights of a full window sum to at least so much, where MIN_WEIGHT does not bind."""


@dataclass(frozen=True)
class Window:
    """What was reported in the last n seconds; n = len(buckets)."""

    buckets: tuple[float, ...]
    """Second t is at t modulo n."""
    total: float = 0.0
    """A running sum of the buckets, with the residues of adding and subtracting: averages are made of it."""
    first_s: int | None = None
    """Second of the first write since the window was empty; None before it."""
    last_s: int | None = None


def empty_window(seconds: int) -> Window:
    """A window of so many seconds in which nothing was ever written."""
    return Window((0.0,) * seconds)


def record(window: Window, t_s: float, value: float) -> Window:
    """The window after `value` was added to the second of `t_s`; what is a whole window late is dropped."""
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
    """True where the last write is more than a window ago."""
    return window.last_s is None or math.floor(now_s) - window.last_s > len(window.buckets)


def linear_average(window: Window, now_s: float) -> float:
    """Mean per second, to six decimals.

    Seconds without data between the first and the last write count as zeros; those after the last write do
    not count at all.  Without the rounding a residue of 1e-15 in the total would ask for a pod.
    """
    if window.last_s is None:
        return 0.0
    n, now = len(window.buckets), math.floor(now_s)
    gap = max(now - window.last_s, 0)
    if gap >= n:
        return 0.0
    total = window.total
    for second in range(window.last_s + 1, now + 1):
        total -= window.buckets[second % n]
    span = n if window.first_s is None else window.last_s - window.first_s + 1
    return _six_decimals(total / min(span, n - gap))


def weighted_average(window: Window, now_s: float) -> float:
    """Sum of the seconds with weights that fall exponentially into the past; not normalised, not rounded."""
    if window.last_s is None or is_empty(window, now_s):
        return 0.0
    n = len(window.buckets)
    gap = max(math.floor(now_s) - window.last_s, 0)
    newest = max(1 - (1 - WEIGHT_PRECISION) ** (1 / n), MIN_WEIGHT)
    weight, total = newest * (1 - newest) ** gap, 0.0
    for back in range(n - gap):
        total += window.buckets[(window.last_s - back) % n] * weight
        weight *= 1 - newest
    return total


def resize(window: Window, seconds: int, now_s: float) -> Window:
    """The window with another length, as after an edit of the settings.

    The newest seconds are kept, and a window that was partly filled counts as full from then on.
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
    """Rounded half away from zero, as Go's math.Round does."""
    scaled = x * 1e6
    whole = math.trunc(scaled)
    if abs(scaled - whole) >= 0.5:
        whole += 1 if scaled > 0 else -1
    return whole / 1e6
