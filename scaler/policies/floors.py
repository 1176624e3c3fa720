"""From what a rule wants, and when, to the rows of a plan; and the demand that a rule is shown."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaler.policies.policy import PlanRows, Series
from scaler.simulation.plan_rows import plan_rows
from scaler.simulation.pod_model import PodModel

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
NEVER_S = 2**62


def floors(world: PodModel, at_s: ArrayLike, pods: ArrayLike) -> PlanRows:
    """A plan of floors alone, with a row where the floor changes; before the first it is 0.

    at_s   (p,) rising seconds from the first arrival; of several at one second the last counts
    pods   (p,) pods from there on
    """
    from_s, floor = np.asarray(at_s, np.int64), np.asarray(pods, np.int64)
    last = np.diff(from_s, append=NEVER_S) != 0
    from_s, floor = from_s[last], floor[last]
    changes = np.diff(floor, prepend=0) != 0
    return plan_rows(world, from_s[changes], floor[changes])


def concurrency(series: Series, counts: NDArray[np.float64], step_s: int) -> NDArray[np.float64]:
    """(m,) requests in flight, on the mean over each step: arrivals a second times the service time (Little).

    counts   (m,) requests in each step of `step_s` seconds
    """
    return counts / step_s * series.world.service_s


def pods_for(series: Series, in_flight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pods that hold so many requests in flight at the KPA's target value."""
    return np.ceil(in_flight / series.world.spec.target_value).astype(np.int64)


def demand_known(series: Series, at_s: NDArray[np.int64], over_s: int = MINUTE_S) -> NDArray[np.float64]:
    """(p,) requests in flight as a rule sees them at the seconds `at_s`: the mean over the newest `over_s`.

    The newest second is the one before at_s - metrics delay.  Before the first second nothing came.
    """
    total = np.concatenate([[0.0], np.cumsum(series.arrivals, dtype=np.float64)])
    end_s = np.clip(at_s - series.scenario.metrics_delay_seconds, 0, len(series.arrivals))
    return concurrency(series, total[end_s] - total[np.maximum(end_s - over_s, 0)], over_s)
