"""Plans of floors, and the demand that a rule may use: what the policies of the literature share."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaler.policies.policy import PlanRows, Series
from scaler.simulation.plan_rows import plan_rows
from scaler.simulation.pod_model import PodModel

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
NEVER_S = 2**62
"""Seconds; a time after any replay."""


def floor_plan(pod_model: PodModel, at_s: ArrayLike, pods: ArrayLike) -> PlanRows:
    """Return a plan of floors without settings, with a row where the floor changes; the first floor is 0.

    at_s   (p,) seconds from the first arrival, ascending; of several entries for one second the last counts
    pods   (p,) floor from that second on
    """
    from_s, floor = np.asarray(at_s, np.int64), np.asarray(pods, np.int64)
    last = np.diff(from_s, append=NEVER_S) != 0
    from_s, floor = from_s[last], floor[last]
    changes = np.diff(floor, prepend=0) != 0
    return plan_rows(pod_model, from_s[changes], floor[changes])


def mean_concurrency(series: Series, counts: NDArray[np.float64], step_s: int) -> NDArray[np.float64]:
    """Return the mean requests in flight of each step (m,): arrivals/s x service time (Little) [little1961].

    counts   (m,) requests in each step of `step_s` seconds
    """
    return counts / step_s * series.pod_model.service_time_s


def pods_at_target(series: Series, in_flight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the pods that hold `in_flight` requests at the KPA's target value."""
    return np.ceil(in_flight / series.pod_model.spec.target_value).astype(np.int64)


def observed_demand(series: Series, at_s: NDArray[np.int64], window_s: int = MINUTE_S) -> NDArray[np.float64]:
    """Return the requests in flight (p,) that a rule observes at the seconds `at_s` (p,).

    The value is the mean of the newest `window_s` seconds before at_s - metrics delay; the time before the
    first second counts as zeros.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(series.arrivals, dtype=np.float64)])
    end_s = np.clip(at_s - series.scenario.metrics_delay_seconds, 0, len(series.arrivals))
    counts = cumulative[end_s] - cumulative[np.maximum(end_s - window_s, 0)]
    return mean_concurrency(series, counts, window_s)
