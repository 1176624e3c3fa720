"""The scale-down delay: the largest count asked for within it is what stands.

Rules as in knative/serving 98e5ef9, pkg/autoscaler/aggregation/max: slots of two seconds by the clock.
"""

import math
from dataclasses import dataclass

SLOT_S = 2
"""One evaluation of the autoscaler."""


@dataclass(frozen=True)
class DelayWindow:
    """The counts that can still be the largest: slots rise, counts fall."""

    slots: int
    """Slots that count, the present one among them."""
    counts: tuple[tuple[int, int], ...] = ()
    """(slot, pods)."""


def delay_window(delay_s: int) -> DelayWindow:
    """A window for a delay of so many seconds, > 0; a part of a slot counts as a slot."""
    return DelayWindow(math.ceil(delay_s / SLOT_S))


def record_count(window: DelayWindow, now_s: float, pods: int) -> tuple[DelayWindow, int]:
    """The window after `pods` were asked for at `now_s`, and the largest count in it."""
    slot = math.floor(now_s / SLOT_S)
    # A smaller and older count can never be the largest again.
    kept = [(at, count) for at, count in window.counts if count > pods and slot - at < window.slots]
    if kept and kept[-1][0] == slot:
        pods = kept.pop()[1]
    kept.append((slot, pods))
    return DelayWindow(window.slots, tuple(kept)), kept[0][1]
