"""Combine three views of the arrivals of a Revision: those of its pods, the activator and the autoscaler.

The activator counts the requests that pass through it, and the pods count these requests again.  Therefore
the two are never added: the count of the pods is used where there is one, and that of the activator only
while there were no pods.  And a missing count is not zero: a Revision at zero pods looks the same as a
Revision that is not scraped, unless a series that always exists shows that there was no traffic.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def arrivals(pods: Matrix, activator: Matrix, kpa_view: Matrix, *, wake_steps: int) -> Matrix:
    """(r, n) requests/s; NaN = not observed.

    Where neither pods nor activator have a count, it is 0 if the autoscaler sees 0.  Where the autoscaler
    sees traffic that was not counted, although an activator is scraped, the pods are not scraped: not
    observed.

    Args:
        pods: (r, n) requests/s counted by the pods; NaN = no count, also below.
        activator: (r, n) requests/s counted by the activator.
        kpa_view: (r, n) requests in flight as the autoscaler sees them.
        wake_steps: columns before the first count of pods in which the requests of the activator are those of
            the pods.  A request that woke a pod is counted by both when it is answered, and the pod is
            scraped up to one interval later than the activator.
    """
    activator_only = np.isnan(pods) & ~np.isnan(activator)
    counted_by_pods = activator_only & _any_within(~np.isnan(pods), wake_steps)
    pods_not_scraped = (activator == 0) & (kpa_view > 0)
    out = np.where(activator_only & ~pods_not_scraped, activator, pods)
    out[counted_by_pods] = 0
    out[np.isnan(out) & (kpa_view == 0)] = 0
    return out


def busy(in_flight: Matrix, pods: Matrix, arrived: Matrix) -> Matrix:
    """(r, n) mean requests in flight; NaN = not known.

    in_flight   (r, n) measured by the pods; used where the pods counted requests
    pods        (r, n) requests/s counted by the pods
    arrived     (r, n) requests/s, as `arrivals` returns them; 0 means that there are none in flight
    """
    out = np.where(np.isnan(pods), np.float32(np.nan), in_flight)
    out[np.isnan(out) & (arrived == 0)] = 0
    return out


def zero_after_first_observation(arrived: Matrix, activator_scraped: NDArray[np.bool_]) -> Matrix:
    """(r, n) arrivals with 0 for NaN after the first observation of a row, where an activator is scraped.

    For clusters where an activator is scraped but not the autoscaler: every request to a Revision without
    pods passes through the activator.

    arrived             (r, n) requests/s; NaN = not observed
    activator_scraped   (n,) an activator was scraped in the column
    """
    observed_before = np.logical_or.accumulate(~np.isnan(arrived), axis=1)
    out = arrived.copy()
    out[np.isnan(arrived) & observed_before & activator_scraped] = 0
    return out


def mask_deleted(arrived: Matrix, deleted: NDArray[np.bool_]) -> Matrix:
    """(r, n) arrivals, with NaN after the last request of deleted Revisions.

    Serving before 1.21 shows the last gauges of a deleted Revision until the autoscaler restarts.

    arrived   (r, n) requests/s; NaN = not observed
    deleted   (r,) the Revision was deleted
    """
    n = arrived.shape[1]
    has_requests = np.nan_to_num(arrived) > 0
    last = np.where(has_requests.any(axis=1), n - 1 - np.argmax(has_requests[:, ::-1], axis=1), -1)
    out = arrived.copy()
    out[deleted[:, None] & (np.arange(n) > last[:, None])] = np.nan
    return out


def _any_within(flags: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """(r, n) whether any of the `steps` columns after a column is set."""
    out = np.zeros_like(flags)
    for distance in range(1, min(steps, flags.shape[1] - 1) + 1):
        out[:, :-distance] |= flags[:, distance:]
    return out
