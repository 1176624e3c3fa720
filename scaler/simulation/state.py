"""State of many replays as arrays, which compiled code changes in place.

A replay simulates items.  An item is one Revision under one policy: a plan, or a candidate of the shadow.  A
batch holds k items, one entry of each array per item.  Times are seconds of the replay, whole where Knative
counts whole seconds; NaN = never.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from scaler.kpa.resolve import KpaSpec

ACTIVATING, ACTIVE, INACTIVE = 0, 1, 2
"""Values of `activity` in REVISION (scaler.kpa.status.Activity)."""
NO_REASON, QUEUED, NO_TRAFFIC, TIMED_OUT = 0, 1, 2, 3
"""Values of `reason` in REVISION (scaler.kpa.status)."""
NEVER_WRITTEN = -(2**62)
"""`first_s` and `last_s` of a window without data."""

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
"""The fields of scaler.kpa.resolve.KpaSpec that a replay needs."""

WINDOW = np.dtype([("seconds", "i8"), ("first_s", "i8"), ("last_s", "i8"), ("index", "i8"), ("total", "f8")])
"""A window (scaler.kpa.window) without its buckets.

seconds   length of the window; only so many buckets are in use
first_s   second of the first write since the window was empty
last_s    second of the last write
index     last_s modulo seconds: the bucket of the last write
total     running sum of the buckets
"""

REVISION = np.dtype(
    [
        # The last evaluation, and the state that it leaves to the next.
        ("valid", "?"),
        ("stable", "f8"),
        ("panic", "f8"),
        ("panic_since_s", "f8"),
        ("max_panic_pods", "i8"),
        ("desired", "i8"),
        ("ebc", "i8"),
        # The scale-down delay: a ring buffer of the counts that can still be the largest.
        ("delay_slots", "i8"),
        ("delay_first", "i8"),
        ("delay_length", "i8"),
        # The last reconcile, and the status.
        ("want", "i8"),
        ("patched", "?"),
        ("replicas", "i8"),
        ("activity", "i8"),
        ("reason", "i8"),
        ("since_s", "f8"),
        ("initialized", "?"),
        ("proxy", "?"),
        ("backed_since_s", "f8"),
        # Pods, the groups of starting pods in use, and the requests that wait.
        ("ready", "i8"),
        ("starting", "i8"),
        ("starting_groups", "i8"),
        ("queue", "f8"),
        # Index of the active row of the plan; -1 = none.
        ("row", "i8"),
    ]
)
"""Everything that a Revision carries from one second to the next, except its arrays."""

STARTUPS = 5
"""Number of equally likely start-up times that describe the start-up distribution of a Revision."""
POD_PARAMS = np.dtype([("startups_s", "f8", (STARTUPS,)), ("service_time_s", "f8"), ("concurrency", "f8")])
"""How pods start and serve: scaler.simulation.pod_model.PodModel as a record."""

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
"""One row of a plan, active from `at_s` until the next row; NaN = the baseline of the Revision."""

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
"""Names of the metrics of a replay (scaler.simulation.simulator.Replay), in the order of their arrays."""
REQUESTS, DELAYED, COLD, WAIT_S, STARTING_POD_S, READY_POD_S, BUSY_POD_S, STARTS, CHANGES = range(
    len(METRICS)
)
"""Index of each of METRICS."""

TRAJECTORY = ("ready", "starting", "delayed", "queue")
"""Columns of a trajectory, a row per second: pods and queue at its end, requests that were delayed in it."""
READY_COLUMN, STARTING_COLUMN, DELAYED_COLUMN, QUEUE_COLUMN = range(len(TRAJECTORY))
"""Index of each of TRAJECTORY."""

DELAY_SLOT, DELAY_PODS = range(2)
"""Index in an entry of `Batch.delay`: slot of two seconds, pods desired in it."""
GROUP_READY_S, GROUP_PODS = range(2)
"""Index in an entry of `Batch.starting_groups`: second at which the pods are ready, number of pods."""

CACHE_LINES = 128
"""Bytes that a processor loads together: two adjacent lines of its cache."""

LONG_AGO_S = -1e12
"""Seconds; a time before any replay."""


class Batch(NamedTuple):
    """State of k items."""

    baseline: NDArray[np.void]
    """(k,) SPEC of the Revision without a plan."""
    spec: NDArray[np.void]
    """(k,) SPEC in effect: the baseline, changed by the active row of the plan."""
    revision: NDArray[np.void]
    """(k,) REVISION."""
    windows: NDArray[np.void]
    """(k, 2) WINDOW: stable, panic."""
    buckets: NDArray[np.float64]
    """(k, 2, longest window) values of the windows by second."""
    delay: NDArray[np.int64]
    """(k, slots, 2) DELAY_SLOT, DELAY_PODS: counts within the scale-down delay."""
    starting_groups: NDArray[np.float64]
    """(k, max groups, 2) GROUP_READY_S, GROUP_PODS: pods created together, the first to be ready first."""


class Item(NamedTuple):
    """Records and arrays of one item: views into a batch, so that a change of them changes the batch.

    Compiled functions cannot return records, so that each compiled loop over a batch builds its own items.
    """

    pod_params: Any
    """POD_PARAMS."""
    baseline: Any
    """SPEC."""
    spec: Any
    """SPEC."""
    revision: Any
    """REVISION."""
    stable: Any
    """WINDOW."""
    panic: Any
    """WINDOW."""
    stable_buckets: Any
    """(longest window,)"""
    panic_buckets: Any
    """(longest window,)"""
    delay: Any
    """(slots, 2)"""
    starting_groups: Any
    """(max groups, 2)"""


class Arrivals(NamedTuple):
    """Arrivals of r Revisions, and which of them each of k items receives."""

    requests: NDArray[np.float32]
    """(r, n) requests in each second."""
    of_item: NDArray[np.integer]
    """(k,) row of `requests`."""
    start_s: int
    """Second of the replay at which `requests` begins."""


class Plans(NamedTuple):
    """Plans of k items, concatenated."""

    rows: NDArray[np.void]
    """(p,) ROW; item i has the rows first_row[i] ... first_row[i + 1] - 1, in ascending order of `at_s`."""
    first_row: NDArray[np.int64]
    """(k + 1,)"""


class Scoring(NamedTuple):
    """Which seconds are scored, and in which block each of them is counted."""

    score_s: int
    """First second that is scored; block 0 begins with it.  The seconds before it are simulated only."""
    block_s: int
    """Seconds of a block."""


def spec_record(spec: KpaSpec) -> NDArray[np.void]:
    """Return a KpaSpec as a record: () SPEC."""
    record = np.zeros((), SPEC)
    for name in SPEC.names or ():
        record[name] = getattr(spec, name)
    return record


def idle_batch(specs: NDArray[np.void], *, longest_window_s: int, startup_s: float) -> Batch:
    """Return a batch of Revisions at zero since long ago: no pod, inactive, the activator in the path.

    specs              (k,) SPEC
    longest_window_s   longest stable window that any plan sets
    startup_s          longest start-up time of any pod
    """
    k = len(specs)
    longest_s = max(longest_window_s, int(specs["stable_window_s"].max(initial=1)))
    slots = math.ceil(int(specs["scale_down_delay_s"].max(initial=0)) / 2)
    spec, revision, windows = (
        padded_zeros(shape, dtype) for shape, dtype in (((k,), SPEC), ((k,), REVISION), ((k, 2), WINDOW))
    )
    spec[:] = specs
    revision["panic_since_s"] = math.nan
    revision["ebc"] = [initial_ebc(spec) for spec in specs]
    revision["delay_slots"] = -(-specs["scale_down_delay_s"] // 2)
    revision["activity"], revision["reason"] = INACTIVE, NO_TRAFFIC
    revision["since_s"] = revision["backed_since_s"] = LONG_AGO_S
    revision["initialized"] = revision["proxy"] = True
    revision["row"] = -1
    windows["seconds"] = np.stack([specs["stable_window_s"], specs["panic_window_s"]], axis=1)
    windows["first_s"] = windows["last_s"] = NEVER_WRITTEN
    return Batch(
        baseline=specs.copy(),
        spec=spec,
        revision=revision,
        windows=windows,
        buckets=padded_zeros((k, 2, longest_s), np.float64),
        delay=padded_zeros((k, max(slots, 1), 2), np.int64),
        # At most one group is created per second, and each is gone after its start-up.
        starting_groups=padded_zeros((k, math.ceil(startup_s) + 2, 2), np.float64),
    )


def padded_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros of a shape (k, ...) that share no line of the processor's cache with other data.

    The state of a replay is small and written all the time.  Threads that write into the same cache line take
    it from each other: two replays side by side then take twice as long.
    """
    k, *rest = shape
    row_bytes = np.dtype(dtype).itemsize * math.prod(rest)
    padding = -(-CACHE_LINES // row_bytes)
    return np.zeros((k + 2 * padding, *rest), dtype)[padding : padding + k]


def initial_ebc(spec: np.void) -> int:
    """Return the excess burst capacity before the first evaluation (`KpaSpec.initial_ebc`)."""
    if spec["target_burst_capacity"] in (-1, 0):
        return int(spec["target_burst_capacity"])
    return int(spec["initial_scale"] * spec["total_value"] - spec["target_burst_capacity"])
