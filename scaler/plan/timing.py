"""When plans are made, and how far ahead they have to look."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import ServiceKey
from scaler.plan.fleet import FleetSpec


@dataclass(frozen=True, kw_only=True)
class PlanTiming:
    """When plans are made."""

    period_s: float
    """Seconds between two plans."""
    hold_s: float
    """Seconds through which less must have been asked for before a floor falls."""


def lead_s(spec: FleetSpec, timing: PlanTiming) -> NDArray[np.float64]:
    """(r,) seconds from now that a plan must align_rows: the longest likely start-up, and until the next plan.

    How often one is as long is weighed by what candidates come to where they are drawn (scaler.shadow).
    """
    return np.asarray(spec.startups_s[:, -1] + timing.period_s)


def service_lead_times_s(
    spec: FleetSpec, timing: PlanTiming, services: tuple[ServiceKey, ...]
) -> NDArray[np.float64]:
    """(s,) the longest lead among a service's revisions; one period where it has none."""
    at = service_rows(spec, services)
    leads = np.full(len(services), timing.period_s)
    np.maximum.at(leads, at[at >= 0], lead_s(spec, timing)[at >= 0])
    return leads


def service_rows(spec: FleetSpec, services: tuple[ServiceKey, ...]) -> NDArray[np.intp]:
    """(r,) the row of each Revision's service among `services`; -1 where it is not there."""
    row = {key: i for i, key in enumerate(services)}
    return np.array([row.get(key, -1) for key in spec.services], np.intp)
