"""What is expected of each Revision: the forecast of its service, its share of that, and what a pod takes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet.forecast import FleetForecast
from scaler.plan.fleet import FleetSpec
from scaler.plan.rules import RuleInputs
from scaler.plan.timing import PlanTiming, lead_s

MIN_COUNTING_S = 1.0
"""Waits much shorter than this are nothing that a pod is worth."""


@dataclass(frozen=True, eq=False)
class ServiceMeasurements:
    """What is known of the services beside the forecast of their arrivals, rows as in it (s,).

    service_time_s  seconds a request occupies a pod; NaN = not known.
    silent_s        seconds since a service with traffic was last observed; 0 where it is, or had none then.
    dispersion      variance over mean of the counts of a second; 1 = Poisson.
    """

    service_time_s: NDArray[np.float64]
    silent_s: NDArray[np.float64]
    dispersion: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FleetDemand:
    """What is expected of each Revision (r,).

    known      there is a forecast to go by.  rates  (r, q) requests/s, quantiles of the peak of its window.
    points, weights   (r, p) requests/s that the peak may have, and how likely each is.
    chances    (r,) that any request comes, where the service has few; else NaN.
    announced  requests/s that were announced for the window; 0 where nothing was.
    stale      there is one, and what it rests on is too old.
    capable    what a pod can take is known.  per_pod  requests/s a pod takes; 1 where not known.
    counting_s seconds over which arrivals are counted (scaler.plan.keep_warm).
    """

    known: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    rates: NDArray[np.float64]
    points: NDArray[np.float64]
    weights: NDArray[np.float32]
    chances: NDArray[np.float64]
    announced: NDArray[np.float64]
    capable: NDArray[np.bool_]
    per_pod: NDArray[np.float64]
    counting_s: NDArray[np.float64]
    service_time_s: NDArray[np.float64]
    dispersion: NDArray[np.float64]


def demands(
    forecast: FleetForecast,
    services: ServiceMeasurements,
    spec: FleetSpec,
    *,
    rows: NDArray[np.intp],
    timing: PlanTiming,
    now_s: int,
) -> FleetDemand:
    """What is expected of each Revision (r,) at `now_s`; rows (r,) as `service_rows` gives them."""
    leads = lead_s(spec, timing)
    forecasted = (rows >= 0) & np.append(forecast.known, False)[rows]
    # Not knowing is no reason to move, for as long as a plan may stand; then it is the KPA's again.
    stale = forecasted & (np.append(services.silent_s, 0.0)[rows] > timing.hold_s + leads)
    known = forecasted & ~stale
    served_s = np.where(known, np.append(services.service_time_s, np.nan)[rows], np.nan)
    per_pod = np.where(spec.rps, spec.total_value, spec.total_value / served_s)
    capable = np.isfinite(per_pod)
    points, weights = np.zeros((len(rows), forecast.rates.shape[1])), np.zeros((len(rows), 1), np.float32)
    chances, announced = np.full(len(rows), np.nan), np.zeros(len(rows))
    if len(forecast.keys):
        points = np.where(known[:, np.newaxis], forecast.rates[rows], 0) * spec.share[:, np.newaxis]
        weights = np.where(known[:, np.newaxis], forecast.weights[rows], 0).astype(np.float32)
        # Of several requests, all alike, a share goes this way.
        some = 1 - (1 - forecast.chances[rows].astype(np.float64)) ** spec.share
        chances = np.where(known & forecast.sparse[rows], some, np.nan)
        if forecast.announced_rate is not None:
            announced = np.where(known, forecast.announced_rate[rows], 0) * spec.share
    return FleetDemand(
        known=known,
        stale=stale,
        points=points,
        weights=np.broadcast_to(weights, points.shape),
        chances=chances,
        announced=announced,
        rates=_window_rates(forecast, spec, np.where(known, rows, -1), leads, now_s),
        capable=capable,
        per_pod=np.where(capable, per_pod, 1.0),
        counting_s=np.where(spec.rps, MIN_COUNTING_S, np.fmax(served_s, MIN_COUNTING_S)),
        service_time_s=served_s,
        dispersion=shared(services.dispersion, rows, spec.share),
    )


def shared(
    dispersion: NDArray[np.float64], rows: NDArray[np.intp], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(r,) dispersion of what each Revision gets of its service's requests, which go their ways one by one.

    dispersion (s,) of the services; rows (r,) of the Revisions' services, -1: not known; share (r,)
    """
    return np.asarray(1 + share * (np.append(dispersion, 1.0)[rows] - 1))


def expected(demands: FleetDemand) -> RuleInputs:
    """What rules for floors look at."""
    unknown = ~(demands.known & demands.capable)
    return RuleInputs(
        rates=np.where(unknown[:, np.newaxis], np.float32(np.nan), demands.points).astype(np.float32),
        weights=demands.weights,
        chances=demands.chances,
        per_pod=np.where(unknown, np.nan, demands.per_pod),
        counting_s=demands.counting_s,
        dispersion=demands.dispersion,
    )


def _window_rates(
    forecast: FleetForecast,
    spec: FleetSpec,
    rows: NDArray[np.intp],
    leads: NDArray[np.float64],
    now_s: int,
) -> NDArray[np.float64]:
    """(r, q) requests/s: each quantile's peak over the Revision's window, its share of it; 0 at row -1."""
    steps = forecast.values.shape[2]
    first = min(max(0, (now_s - forecast.origin_s) // forecast.step_s), steps - 1)
    last = np.ceil((now_s - forecast.origin_s + leads) / forecast.step_s)
    # Revisions of a service may start up at different speeds: a running peak has every lead's answer.
    running = np.maximum.accumulate(forecast.values[:, :, first:], axis=2)
    if not len(forecast.keys):
        return np.zeros((len(spec.keys), forecast.levels.size))
    # Where the data are older than was reckoned with, the end of the forecast stands for what lies beyond it.
    reach = np.clip(last - first - 1, 0, steps - first - 1).astype(np.intp)
    rates = running[rows, :, reach].astype(np.float64) * spec.share[:, None]
    rates[rows < 0] = 0
    return rates
