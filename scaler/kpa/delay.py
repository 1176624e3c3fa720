"""The scale-down delay: the largest count desired within the delay is the desired count.

Rules as in knative/serving 98e5ef9, pkg/autoscaler/aggregation/max: slots of two seconds of the clock.
"""

import math
from dataclasses import dataclass

SLOT_S = 2
"""Seconds of a slot: one evaluation of the autoscaler."""


@dataclass(frozen=True)
class DelayWindow:
    """The counts that can still be the largest within the delay: slots ascend, counts descend."""

    slots: int
    """Length of the delay in slots, including the current one."""
    counts: tuple[tuple[int, int], ...] = ()
    """(slot, pods)."""


def delay_window(delay_s: int) -> DelayWindow:
    """Return an empty window for a delay of `delay_s` > 0 seconds, rounded up to whole slots."""
    return DelayWindow(math.ceil(delay_s / SLOT_S))


def record_count(window: DelayWindow, now_s: float, pods: int) -> tuple[DelayWindow, int]:
    """Return the window after `pods` were desired at `now_s`, and the largest count in it."""
    current_slot = math.floor(now_s / SLOT_S)
    # An older count that is not larger can never be the largest again.
    counts = [
        (slot, count) for slot, count in window.counts if count > pods and current_slot - slot < window.slots
    ]
    if counts and counts[-1][0] == current_slot:
        pods = counts.pop()[1]
    counts.append((current_slot, pods))
    return DelayWindow(window.slots, tuple(counts)), counts[0][1]
