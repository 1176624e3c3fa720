"""The oracle: knows the traffic of the next start-up, and bounds what a forecast could do for delay.

    floor(t) = ⌈ max over [t, t + ⌈L⌉ + 2] of arrivals in a second · S / C ⌉

with L the start-up, S the service time in seconds and C the requests a pod serves at once: the pods that the
largest of those seconds needs.  The two more are for the KPA, which looks every second one.  It is a floor
like any other, so the KPA may hold more; it bounds delayed requests, not cost.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from scaler.policies.policy import PlanRows, Policy, Series
from scaler.simulation.plan_rows import plan_rows
from scaler.simulation.pod_model import PodModel

KPA_S = 2
"""Seconds from one look of the KPA to the next."""


def pods_needed(arrivals: NDArray[np.float32], world: PodModel) -> NDArray[np.int64]:
    """(n,) pods that it takes from each of (n,) seconds on, until what is created then serves."""
    width = math.ceil(world.longest_startup_s) + KPA_S + 1
    coming = maximum_filter1d(arrivals.astype(np.float64), width, mode="constant", origin=-(width // 2))
    # Whole pods are whole, also where a product is off by its last bit.
    return np.asarray(np.ceil(coming * world.service_s / world.concurrency - 1e-9), np.int64)


def plan(series: Series, _: float) -> PlanRows:
    """Its plan; a row where the floor changes."""
    if not len(series.arrivals):
        return plan_rows(series.world, [], [])
    floor = pods_needed(series.arrivals, series.world)
    at_s = np.flatnonzero(np.diff(floor, prepend=-1))
    return plan_rows(series.world, at_s, floor[at_s])


ORACLE = Policy(
    about="knows the arrivals of the next start-up and holds the pods they need",
    source="a bound, not a rule: hindsight",
    plan=plan,
    hindsight=True,
)
