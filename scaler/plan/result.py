"""What a plan is: floors for a fleet, and why each is what it is."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import RevisionKey
from scaler.plan.bounds import Bound


class Reason(IntEnum):
    """What a floor comes from."""

    FORECAST = 0
    KEEP_WARM = 1
    NOTHING_COMING = 2
    HELD = 3
    NO_FORECAST = 4
    NO_SERVICE_TIME = 5
    UNREACHABLE = 6
    OFF = 7
    STALE = 8
    FALLBACK = 9
    ANNOUNCED = 10

    def __str__(self) -> str:
        return {
            Reason.FORECAST: "forecast",
            Reason.KEEP_WARM: "first pod kept warm",
            Reason.NOTHING_COMING: "left to the KPA",
            Reason.HELD: "held",
            Reason.NO_FORECAST: "no forecast yet",
            Reason.NO_SERVICE_TIME: "service time not known",
            Reason.UNREACHABLE: "unreachable",
            Reason.OFF: "off",
            Reason.STALE: "data too old",
            Reason.FALLBACK: "fallback_active: the KPA alone did better",
            Reason.ANNOUNCED: "announced event",
        }[self]


@dataclass(frozen=True)
class Plan:
    """The plan of one Revision, for people."""

    key: RevisionKey
    floor: int
    desired: int
    """Pods the forecast asked for, before hold and bounds."""
    reason: Reason
    bound: Bound
    median: float
    """Requests/s expected at the peak of the window; NaN where there is no forecast."""
    high: float
    """Requests/s that the peak stays below with probability 0.95."""
    peak_demand: float
    """Requests in flight (requests/s where it scales on rps) that `wanted` pods can take."""
    service_time_s: float
    lead_s: float


@dataclass(frozen=True, eq=False)
class FleetPlan:
    """Plans of a fleet, arrays over revisions (r,).

    floor, wanted   pods; reason, bound: codes of Reason and Bound.
    settings        (r, 4) target utilisation %, window s, panic threshold %, retention s; NaN = as its owner
                    has it: ours, if one stands, is taken back.
    decided         (r,) False: nothing is known yet to decide on settings by; what stands of ours stays.
    chosen          (r,) what is in force: a place in scaler.plan.candidates, or DEFAULT of its rules.
    worth           (r,) what the floor in force takes one request not delayed to be worth; NaN: nothing.
    median, high    requests/s at the peak of the window; NaN where there is no forecast.
    capacity        requests in flight (requests/s where it scales on rps) that a pod takes; NaN = not known.
    service_time_s  seconds; lead_s: seconds the window reaches beyond now.
    rates           (r, q) requests/s: the quantiles at `levels` (q,) of the window's peak.
    at_s            Unix seconds the plan was made for.
    """

    keys: tuple[RevisionKey, ...]
    floor: NDArray[np.int32]
    desired: NDArray[np.int32]
    reason: NDArray[np.uint8]
    bound: NDArray[np.uint8]
    settings: NDArray[np.float64]
    decided: NDArray[np.bool_]
    chosen: NDArray[np.intp]
    worth: NDArray[np.float64]
    median: NDArray[np.float64]
    high: NDArray[np.float64]
    capacity: NDArray[np.float64]
    service_time_s: NDArray[np.float64]
    lead_s: NDArray[np.float64]
    rates: NDArray[np.float32]
    levels: NDArray[np.float64]
    at_s: int

    def as_stale(self) -> "FleetPlan":
        """The plan that asks for nothing, because what is known is too old to stand on."""
        nothing = np.zeros_like(self.floor)
        return replace(
            self,
            floor=nothing,
            desired=nothing,
            reason=np.full_like(self.reason, Reason.STALE),
            settings=np.full_like(self.settings, np.nan),
        )

    def __getitem__(self, key: RevisionKey) -> Plan:
        """The plan of one Revision; KeyError where there is none."""
        try:
            return self.at(self.keys.index(key))
        except ValueError:
            raise KeyError(key) from None

    def at(self, row: int) -> Plan:
        """The plan of the Revision in that row."""
        return Plan(
            key=self.keys[row],
            floor=int(self.floor[row]),
            desired=int(self.desired[row]),
            reason=Reason(int(self.reason[row])),
            bound=Bound(int(self.bound[row])),
            median=float(self.median[row]),
            high=float(self.high[row]),
            peak_demand=float(self.desired[row] * self.capacity[row]),
            service_time_s=float(self.service_time_s[row]),
            lead_s=float(self.lead_s[row]),
        )
