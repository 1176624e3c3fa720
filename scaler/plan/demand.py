"""Compute the demand of every Revision: forecast of its service, route share, and capacity of a pod.

The planner computes one `FleetDemand` per cycle.  The plan and the shadow evaluation both read it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet.forecast import FleetForecast
from scaler.plan.fleet import FleetSpec
from scaler.plan.rules import RuleInputs
from scaler.plan.timing import PlanTiming, fleet_lead_times_s

MIN_COUNTING_S = 1.0
"""Seconds: arrivals are counted over at least this long, because a pod is not worth much shorter waits."""
KPA_MISS_SHARE = 0.3
"""Share of the requests missed by a floor that stay delayed under the KPA, which reacts within seconds.
Chosen by hand on replays of the public traces; `tests/bench/sensitivity.py` shows its effect."""


@dataclass(frozen=True, eq=False)
class ServiceMeasurements:
    """What is measured of s services in addition to their arrivals; rows as in the forecast.

    service_time_s   (s,) seconds that a request occupies a pod; NaN = not known.
    unobserved_s     (s,) seconds since a service with traffic was last observed; 0 where it is observed, or
                     had no traffic then.
    dispersion       (s,) variance over mean of the counts of a second; 1 = Poisson.
    """

    service_time_s: NDArray[np.float64]
    unobserved_s: NDArray[np.float64]
    dispersion: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FleetDemand:
    """The demand of r Revisions in their lead windows, and the capacity of their pods.

    known                        (r,) a forecast exists, and is recent enough.
    stale                        (r,) a forecast exists, and rests on observations that are too old.
    quantile_rates               (r, q) requests/s: quantiles of the peak of the window.
    point_rates, point_weights   (r, p) requests/s and probabilities: point masses of the same peak.
    event_prob                   (r,) probability of any request; NaN where requests are frequent.
    announced_rate               (r,) requests/s of announced events; 0 = none.
    capacity_known               (r,) the capacity of a pod is known.
    per_pod                      (r,) requests/s that a pod serves; 1 where the capacity is not known.
    counting_s                   (r,) seconds over which arrivals are counted (scaler.plan.newsvendor).
    service_time_s               (r,) seconds that a request occupies a pod; NaN = not known.
    dispersion                   (r,) variance over mean of the counts of a second; 1 = Poisson.
    lead_s                       (r,) lead time, seconds: the length of the window.
    default_sizing_delay_cost    (r,) pod-seconds per delayed request of the default policy.
    """

    known: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    quantile_rates: NDArray[np.float64]
    point_rates: NDArray[np.float64]
    point_weights: NDArray[np.float32]
    event_prob: NDArray[np.float64]
    announced_rate: NDArray[np.float64]
    capacity_known: NDArray[np.bool_]
    per_pod: NDArray[np.float64]
    counting_s: NDArray[np.float64]
    service_time_s: NDArray[np.float64]
    dispersion: NDArray[np.float64]
    lead_s: NDArray[np.float64]
    default_sizing_delay_cost: NDArray[np.float64]

    def rule_inputs(self) -> RuleInputs:
        """Return what rules read; NaN where the forecast or the capacity is not known."""
        unknown = ~(self.known & self.capacity_known)
        rates = np.where(unknown[:, np.newaxis], np.float32(np.nan), self.point_rates)
        return RuleInputs(
            point_rates=rates.astype(np.float32),
            point_weights=self.point_weights,
            event_prob=self.event_prob,
            per_pod=np.where(unknown, np.nan, self.per_pod),
            counting_s=self.counting_s,
            dispersion=self.dispersion,
        )


def fleet_demand(
    forecast: FleetForecast,
    services: ServiceMeasurements,
    spec: FleetSpec,
    *,
    service_row: NDArray[np.intp],
    timing: PlanTiming,
    now_s: int,
) -> FleetDemand:
    """Return the demand of each Revision (r,) at `now_s` (Unix seconds).

    service_row   (r,) row of each Revision's service in the forecast, as `service_rows` returns it
    """
    lead_s = fleet_lead_times_s(spec, timing)
    forecasted = (service_row >= 0) & np.append(forecast.known, False)[service_row]
    # Missing data changes nothing for as long as a plan may stay in effect; then the KPA decides alone.
    stale = forecasted & (np.append(services.unobserved_s, 0.0)[service_row] > timing.hold_s + lead_s)
    known = forecasted & ~stale
    service_time_s = np.where(known, np.append(services.service_time_s, np.nan)[service_row], np.nan)
    per_pod = np.where(spec.rps, spec.total_value, spec.total_value / service_time_s)
    capacity_known = np.isfinite(per_pod)
    per_pod = np.where(capacity_known, per_pod, 1.0)
    rates, weights, event_prob, announced_rate = _split_by_route(forecast, spec, service_row, known)
    return FleetDemand(
        known=known,
        stale=stale,
        quantile_rates=_window_quantiles(forecast, spec, np.where(known, service_row, -1), lead_s, now_s),
        point_rates=rates,
        point_weights=np.broadcast_to(weights, rates.shape),
        event_prob=event_prob,
        announced_rate=announced_rate,
        capacity_known=capacity_known,
        per_pod=per_pod,
        counting_s=np.where(spec.rps, MIN_COUNTING_S, np.fmax(service_time_s, MIN_COUNTING_S)),
        service_time_s=service_time_s,
        dispersion=revision_dispersion(services.dispersion, service_row, spec.share),
        lead_s=lead_s,
        default_sizing_delay_cost=default_sizing_delay_cost(spec, per_pod),
    )


def default_sizing_delay_cost(spec: FleetSpec, per_pod: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pod-seconds per delayed request (r,) at which the default policy sizes a floor.

    The KPA serves most of what a floor misses within seconds: KPA_MISS_SHARE of the delay cost remains.
    Where `max-delayed` is set, the permitted share of delayed requests is the permitted probability of a
    shortage.
    """
    by_share = 1 / (np.maximum(spec.max_delayed, 1e-9) * per_pod)
    return np.where(np.isnan(spec.max_delayed), KPA_MISS_SHARE * spec.effective_delay_cost, by_share)


def revision_dispersion(
    dispersion: NDArray[np.float64], service_row: NDArray[np.intp], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the dispersion (r,) of each Revision's share of requests that are routed independently.

    dispersion    (s,) of the services
    service_row   (r,) row of each Revision's service; -1 = not known
    share         (r,) route share, 0..1
    """
    return np.asarray(1 + share * (np.append(dispersion, 1.0)[service_row] - 1))


def _split_by_route(
    forecast: FleetForecast, spec: FleetSpec, service_row: NDArray[np.intp], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Return point rates (r, p) and weights (r, p or 1), event probability and announced rate (r,)."""
    r = len(service_row)
    if not len(forecast.keys):
        rates = np.zeros((r, forecast.point_rates.shape[1]))
        return rates, np.zeros((r, 1), np.float32), np.full(r, np.nan), np.zeros(r)
    rates = np.where(known[:, np.newaxis], forecast.point_rates[service_row], 0) * spec.share[:, np.newaxis]
    weights = np.where(known[:, np.newaxis], forecast.point_weights[service_row], 0).astype(np.float32)
    # Of several equal requests, the route sends a share to the Revision.
    routed = 1 - (1 - forecast.event_prob[service_row].astype(np.float64)) ** spec.share
    event_prob = np.where(known & forecast.intermittent[service_row], routed, np.nan)
    announced_rate = np.zeros(r)
    if forecast.announced_rate is not None:
        announced_rate = np.where(known, forecast.announced_rate[service_row], 0) * spec.share
    return rates, weights, event_prob, announced_rate


def _window_quantiles(
    forecast: FleetForecast,
    spec: FleetSpec,
    service_row: NDArray[np.intp],
    lead_s: NDArray[np.float64],
    now_s: int,
) -> NDArray[np.float64]:
    """Return the peak (r, q) of each quantile over the Revision's window, times its share; 0 at row -1."""
    steps = forecast.values.shape[2]
    first = min(max(0, (now_s - forecast.origin_s) // forecast.step_s), steps - 1)
    last = np.ceil((now_s - forecast.origin_s + lead_s) / forecast.step_s)
    # Revisions of one service may have different lead times: the running peak has the value of each.
    running = np.maximum.accumulate(forecast.values[:, :, first:], axis=2)
    if not len(forecast.keys):
        return np.zeros((len(spec.keys), forecast.levels.size))
    # Where the data are older than expected, the last forecast step also covers the time after it.
    reach = np.clip(last - first - 1, 0, steps - first - 1).astype(np.intp)
    rates = running[service_row, :, reach].astype(np.float64) * spec.share[:, None]
    rates[service_row < 0] = 0
    return rates
