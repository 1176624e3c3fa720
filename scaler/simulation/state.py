"""The state of replays as arrays, so that compiled code can go through it.

One entry an item: an item is one Revision under one policy.  Times are seconds of the replay, whole where
Knative's are; NaN = never.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from scaler.kpa.resolve import KpaSpec

ACTIVATING, ACTIVE, INACTIVE = 0, 1, 2
NO_REASON, QUEUED, NO_TRAFFIC, TIMED_OUT = 0, 1, 2, 3
NEVER_WRITTEN = -(2**62)
"""Second of the last write of a window that has none."""

SPEC = np.dtype(
    [
        ("target_value", "f8"),
        ("total_value", "f8"),
        ("stable_window_s", "i8"),
        ("panic_window_s", "i8"),
        ("panic_threshold", "f8"),
        ("max_scale_up_rate", "f8"),
        ("max_scale_down_rate", "f8"),
        ("target_burst_capacity", "f8"),
        ("activator_capacity", "f8"),
        ("scale_down_delay_s", "i8"),
        ("initial_scale", "i8"),
        ("activation_scale", "i8"),
        ("reachable", "?"),
        ("min_scale", "i8"),
        ("max_scale", "i8"),
        ("enable_scale_to_zero", "?"),
        ("scale_to_zero_grace_period_s", "f8"),
        ("pod_retention_period_s", "f8"),
        ("weighted", "?"),
        ("progress_deadline_s", "i8"),
    ]
)
"""KpaSpec, field by field."""

WINDOW = np.dtype([("seconds", "i8"), ("first_s", "i8"), ("last_s", "i8"), ("at", "i8"), ("total", "f8")])
"""A window but for its buckets, of which the first `seconds` are in use; `at` = last_s modulo `seconds`."""

REVISION = np.dtype(
    [
        # The last evaluation and its state.
        ("valid", "?"),
        ("stable", "f8"),
        ("panic", "f8"),
        ("panic_since_s", "f8"),
        ("max_panic_pods", "i8"),
        ("desired", "i8"),
        ("ebc", "i8"),
        # The scale-down delay: a ring of counts that can still be the largest.
        ("delay_slots", "i8"),
        ("delay_first", "i8"),
        ("delay_length", "i8"),
        # The last reconcile, and status.
        ("want", "i8"),
        ("patched", "?"),
        ("replicas", "i8"),
        ("activity", "i8"),
        ("reason", "i8"),
        ("since_s", "f8"),
        ("initialized", "?"),
        ("proxy", "?"),
        ("backed_since_s", "f8"),
        # Pods and the queue before them.
        ("ready", "i8"),
        ("starting", "i8"),
        ("batches", "i8"),
        ("queue", "f8"),
        # The row of the plan that is in force; -1 = none.
        ("row", "i8"),
    ]
)
"""All that a Revision carries from one second to the next but for its arrays."""

STARTUPS = 5
"""Start-ups, each as likely, that stand for all that pods of a Revision may take."""
POD_PARAMS = np.dtype([("startups_s", "f8", (STARTUPS,)), ("service_s", "f8"), ("concurrency", "f8")])
"""How pods start and serve; `concurrency`: requests that a pod serves at once."""

ROW = np.dtype(
    [
        ("at_s", "i8"),
        ("floor", "i8"),
        ("target_value", "f8"),
        ("stable_window_s", "f8"),
        ("panic_window_s", "f8"),
        ("panic_threshold", "f8"),
        ("pod_retention_period_s", "f8"),
    ]
)
"""One row of a plan, in force from `at_s` to the next; NaN = as the Revision has it."""

METRICS = (
    "requests",
    "delayed",
    "cold",
    "wait_s",
    "starting_pod_s",
    "ready_pod_s",
    "busy_pod_s",
    "starts",
    "changes",
)
"""What is counted, in this order."""

TRAJECTORY = ("ready", "starting", "delayed", "queue")
"""What is told of each second, in this order: pods at its end, requests delayed, the queue at its end."""

CACHE_LINES = 128
"""Bytes that a processor takes at once: a line, and the one beside it."""

PAST = -1e12
"""Seconds; long before any replay."""


@dataclass(frozen=True, eq=False)
class Items:
    """State of k items; the compiled code changes it in place."""

    spec: NDArray[np.void]
    """(k,) SPEC, as it is in force now."""
    owned: NDArray[np.void]
    """(k,) SPEC, as the Revision has it without a plan."""
    revision: NDArray[np.void]
    """(k,) REVISION."""
    windows: NDArray[np.void]
    """(k, 2) WINDOW: stable, panic."""
    buckets: NDArray[np.float64]
    """(k, 2, longest window)."""
    delay: NDArray[np.int64]
    """(k, slots, 2): slot, pods."""
    batches: NDArray[np.float64]
    """(k, most batches, 2) pods that start: when they are ready, how many; in the order of that time."""


def spec_record(spec: KpaSpec) -> NDArray[np.void]:
    """() SPEC."""
    record = np.zeros((), SPEC)
    for name in SPEC.names or ():
        record[name] = getattr(spec, name)
    return record


def at_rest(specs: NDArray[np.void], *, longest_window_s: int, startup_s: float) -> Items:
    """Items that were long at zero when the replay begins: no pod, inactive, the activator in the path.

    specs              (k,) SPEC
    longest_window_s   no plan asks for a longer stable window
    startup_s          no pod takes longer to start
    """
    k = len(specs)
    longest_s = max(longest_window_s, int(specs["stable_window_s"].max(initial=1)))
    slots = math.ceil(int(specs["scale_down_delay_s"].max(initial=0)) / 2)
    spec, revision, windows = (
        apart(shape, dtype) for shape, dtype in (((k,), SPEC), ((k,), REVISION), ((k, 2), WINDOW))
    )
    spec[:] = specs
    revision["panic_since_s"] = math.nan
    revision["ebc"] = [initial_ebc(spec) for spec in specs]
    revision["delay_slots"] = -(-specs["scale_down_delay_s"] // 2)
    revision["activity"], revision["reason"] = INACTIVE, NO_TRAFFIC
    revision["since_s"] = revision["backed_since_s"] = PAST
    revision["initialized"] = revision["proxy"] = True
    revision["row"] = -1
    windows["seconds"] = np.stack([specs["stable_window_s"], specs["panic_window_s"]], axis=1)
    windows["first_s"] = windows["last_s"] = NEVER_WRITTEN
    return Items(
        spec=spec,
        owned=specs.copy(),
        revision=revision,
        windows=windows,
        buckets=apart((k, 2, longest_s), np.float64),
        delay=apart((k, max(slots, 1), 2), np.int64),
        # At most one batch a second is made, and each is gone after the start-up.
        batches=apart((k, math.ceil(startup_s) + 2, 2), np.float64),
    )


def apart(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Zeros (k, ...) with room on both sides: nothing else lies in their lines of the processor's cache.

    Of replays side by side the state is small, and written all the time: threads that write into one line
    take it from each other, and need twice as long.
    """
    k, *rest = shape
    row = np.dtype(dtype).itemsize * math.prod(rest)
    aside = -(-CACHE_LINES // row)
    return np.zeros((k + 2 * aside, *rest), dtype)[aside : aside + k]


def initial_ebc(spec: np.void) -> int:
    """Excess burst capacity before the first evaluation."""
    if spec["target_burst_capacity"] in (-1, 0):
        return int(spec["target_burst_capacity"])
    return int(spec["initial_scale"] * spec["total_value"] - spec["target_burst_capacity"])
