"""Define the result of planning: a floor for every Revision, and the reason for it."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import RevisionKey
from scaler.plan.bounds import Bound


class Reason(IntEnum):
    """The reason for a floor."""

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
            Reason.FALLBACK: "fallback: the KPA alone did better",
            Reason.ANNOUNCED: "announced event",
        }[self]

    @property
    def label(self) -> str:
        """The reason as a label value of Prometheus: the name of the member in lower case."""
        return self.name.lower()


@dataclass(frozen=True)
class Plan:
    """The plan of one Revision, for people."""

    key: RevisionKey
    floor: int
    desired: int
    """Pods that the rule and announced events request within the budgets, before hold and other bounds."""
    reason: Reason
    bound: Bound
    peak_median: float
    """Requests/s: median of the peak of the window; NaN without a forecast."""
    peak_p95: float
    """Requests/s: 0.95 quantile of the peak of the window."""
    peak_demand: float
    """Requests in flight (requests/s where the Revision scales on rps) that `desired` pods can serve."""
    service_time_s: float
    lead_s: float


@dataclass(frozen=True, eq=False)
class FleetPlan:
    """Plans of r Revisions as arrays.

    floor, desired          (r,) pods, after and before hold and bounds.
    reason, bound           (r,) codes of `Reason` and `Bound`.
    settings                (r, 4) target utilization %, window s, panic threshold %, retention s; NaN = the
                            owner's value: a value that Tidecast has set is reverted.
    decided                 (r,) False = too little is known to decide on settings; values that Tidecast has
                            set stay.
    candidate               (r,) the active candidate, an index in CANDIDATES, or DEFAULT (scaler.plan.rules).
    fallback_active         (r,) the guard applies the KPA alone, whatever `reason` is.
    sizing_delay_cost       (r,) pod-seconds per delayed request at which the floor is sized; NaN = no such
                            floor.
    peak_median, peak_p95   (r,) requests/s: quantiles of the peak of the window; NaN without a forecast.
    capacity                (r,) requests in flight (requests/s where the Revision scales on rps) that a pod
                            serves; NaN = not known.
    service_time_s          (r,) seconds that a request occupies a pod; NaN = not known.
    lead_s                  (r,) lead time, seconds.
    quantile_rates          (r, q) requests/s: quantiles of the peak of the window at `levels` (q,).
    now_s                   Unix seconds: the moment of the plan.
    """

    keys: tuple[RevisionKey, ...]
    floor: NDArray[np.int32]
    desired: NDArray[np.int32]
    reason: NDArray[np.uint8]
    bound: NDArray[np.uint8]
    settings: NDArray[np.float64]
    decided: NDArray[np.bool_]
    candidate: NDArray[np.intp]
    fallback_active: NDArray[np.bool_]
    sizing_delay_cost: NDArray[np.float64]
    peak_median: NDArray[np.float64]
    peak_p95: NDArray[np.float64]
    capacity: NDArray[np.float64]
    service_time_s: NDArray[np.float64]
    lead_s: NDArray[np.float64]
    quantile_rates: NDArray[np.float32]
    levels: NDArray[np.float64]
    now_s: int

    def as_stale(self) -> "FleetPlan":
        """Return the plan without any floor or setting, because its data are too old."""
        no_pods = np.zeros_like(self.floor)
        return replace(
            self,
            floor=no_pods,
            desired=no_pods,
            reason=np.full_like(self.reason, Reason.STALE),
            settings=np.full_like(self.settings, np.nan),
        )

    def __getitem__(self, key: RevisionKey) -> Plan:
        """Return the plan of one Revision.

        Raises:
            KeyError: the fleet has no such Revision.
        """
        try:
            return self.plan_at(self.keys.index(key))
        except ValueError:
            raise KeyError(key) from None

    def plan_at(self, row: int) -> Plan:
        """Return the plan of the Revision in that row."""
        return Plan(
            key=self.keys[row],
            floor=int(self.floor[row]),
            desired=int(self.desired[row]),
            reason=Reason(int(self.reason[row])),
            bound=Bound(int(self.bound[row])),
            peak_median=float(self.peak_median[row]),
            peak_p95=float(self.peak_p95[row]),
            peak_demand=float(self.desired[row] * self.capacity[row]),
            service_time_s=float(self.service_time_s[row]),
            lead_s=float(self.lead_s[row]),
        )
