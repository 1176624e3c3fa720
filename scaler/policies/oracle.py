"""The oracle knows the traffic of the next start-up; it bounds how much delay a forecast can avoid.

    floor(t) = ⌈ max over [t, t + ⌈L⌉ + 2] of arrivals in a second · S / C ⌉

L is the start-up time, S the service time in seconds and C the requests that a pod serves at a time: these
are the pods that the largest of those seconds needs.  The two additional seconds are the time between two
evaluations of the KPA.  It is a floor like any other: the KPA may run more pods.  It bounds delayed requests,
not cost.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from scaler.kpa.tick import TICK_S
from scaler.policies.policy import PlanRows, Policy, Series
from scaler.simulation.plan_rows import plan_rows
from scaler.simulation.pod_model import PodModel


def pods_needed(arrivals: NDArray[np.float32], pod_model: PodModel) -> NDArray[np.int64]:
    """Return the pods that each second needs until pods that are created in it serve requests: (n,).

    arrivals   (n,) requests in each second
    """
    width = math.ceil(pod_model.longest_startup_s) + TICK_S + 1
    peak = maximum_filter1d(arrivals.astype(np.float64), width, mode="constant", origin=-(width // 2))
    # A product that exceeds a whole number of pods by its last bit needs no further pod.
    pods = np.ceil(peak * pod_model.service_time_s / pod_model.concurrency - 1e-9)
    return np.asarray(pods, np.int64)


def oracle(series: Series, _: float) -> PlanRows:
    """Return the plan of floors, with a row where the floor changes."""
    if not len(series.arrivals):
        return plan_rows(series.pod_model, [], [])
    floor = pods_needed(series.arrivals, series.pod_model)
    at_s = np.flatnonzero(np.diff(floor, prepend=-1))
    return plan_rows(series.pod_model, at_s, floor[at_s])


ORACLE = Policy(
    description="knows the arrivals of the next start-up and holds the pods they need",
    source="a bound, not a rule: hindsight",
    plan=oracle,
    hindsight=True,
)
