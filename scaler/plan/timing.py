"""Define the planning period, the hold, and the lead time that follows from the period and a start-up."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import ServiceKey
from scaler.plan.fleet import FleetSpec

_Seconds = TypeVar("_Seconds", float, NDArray[np.float64])


@dataclass(frozen=True, kw_only=True)
class PlanTiming:
    """When plans are made and how long floors are held."""

    period_s: float
    """Seconds from one plan to the next."""
    hold_s: float
    """Seconds: a floor falls only after the plan has requested fewer pods for this long."""


def lead_time_s(startup_s: _Seconds, period_s: float) -> _Seconds:
    """Return the lead time: a pod that this plan requests serves before the next plan could replace it.

    startup_s   seconds from requesting a pod until it serves requests; a float, or an array of any shape
    period_s    seconds from one plan to the next
    """
    return startup_s + period_s


def fleet_lead_times_s(spec: FleetSpec, timing: PlanTiming) -> NDArray[np.float64]:
    """Return the lead time (r,) of each Revision, for the longest of its likely start-ups.

    The shadow evaluation weighs how often a start-up is that long.
    """
    return lead_time_s(spec.startups_s[:, -1], timing.period_s)


def service_lead_times_s(
    spec: FleetSpec, timing: PlanTiming, services: tuple[ServiceKey, ...]
) -> NDArray[np.float64]:
    """Return the lead time (s,) of each service: the longest of its Revisions, or one period."""
    service_row = service_rows(spec, services)
    known = service_row >= 0
    longest = np.full(len(services), timing.period_s)
    np.maximum.at(longest, service_row[known], fleet_lead_times_s(spec, timing)[known])
    return longest


def service_rows(spec: FleetSpec, services: tuple[ServiceKey, ...]) -> NDArray[np.intp]:
    """Return the row (r,) of the service of each Revision in `services`; -1 = the service is not there."""
    row = {key: i for i, key in enumerate(services)}
    return np.array([row.get(key, -1) for key in spec.services], np.intp)
