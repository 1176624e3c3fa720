"""Evaluate every candidate on one series: its forecasts and floors, and what the candidate would have cost.

The floor at second t depends only on arrivals before t - metrics delay.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever
from models.peak.state import LEVELS
from scaler.parallel.interface import MapItems
from scaler.plan.candidates import CANDIDATES, Candidate, Rule, allowed
from scaler.plan.rules import RuleInputs
from scaler.policies.floors import HOUR_S
from scaler.policies.policy import Series
from scaler.shadow.dispersion import dispersion_by_step
from scaler.shadow.evaluate import BLOCK_S, N_METRICS, candidate_rows, floors, simulate_plans
from scaler.shadow.hindcast import STEP_S, Hindcast, hindcast, service_calendar
from scaler.simulation.pod_model import PodModel

BAND_LEVELS = (0.1, 0.5, 0.95)
"""Levels of the quantile band that a report shows."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Every candidate on one series: what planning needs of the series, without its arrivals.

    start_s      Unix seconds of the first second.
    delay_s      metrics delay in seconds.
    at_s         (n,) seconds from the first arrival at which plans are made.
    band         (n, 3) requests/s: quantiles at BAND_LEVELS of the forecast peak at each plan.
    candidates   (e',) candidates that the levers permit.
    indices      (e',) their indices in CANDIDATES.
    rules        (f,) rules of the candidates' floors.
    floors       (f, n) floor of each rule at each plan.
    cost         (h, e, N_METRICS) metrics of each of CANDIDATES in each hour; NaN where it is not permitted.
    announced    announced rates at each plan; None = no announced event, or no floor is permitted.
    """

    pod_model: PodModel
    start_s: int
    delay_s: int
    at_s: NDArray[np.int64]
    band: NDArray[np.float32]
    candidates: tuple[Candidate, ...]
    indices: NDArray[np.intp]
    rules: tuple[Rule, ...]
    floors: NDArray[np.int32]
    cost: NDArray[np.float32]
    announced: RuleInputs | None = None


def evaluate_series(series: Series, map_items: MapItems = map) -> Evaluation:
    """Return the forecasts and floors of a series, and the metrics of every candidate in every hour.

    map_items   as `map`: applies a function to every item, perhaps to several concurrently
    """
    pod_model, scenario = series.pod_model, series.scenario
    delay_s = scenario.metrics_delay_seconds
    calendar = service_calendar(series.name, scenario.calendar, scenario.time_zone)
    forecast = hindcast(series.arrivals, series.start_s, pod_model, delay_s, series.upstream, calendar)
    permitted = list(allowed(scenario.levers, limited=scenario.container_concurrency > 0))
    candidates = tuple(candidate for _, candidate in permitted)
    rules = tuple(dict.fromkeys(candidate.rule for candidate in candidates))
    dispersion = dispersion_by_step(
        series.arrivals,
        len(forecast.at_s),
        step_s=STEP_S,
        delay_s=delay_s,
        assumed=scenario.dispersion,
    )
    rule_floors = floors(forecast, rules, pod_model, dispersion)
    plans = [
        candidate_rows(pod_model, candidate, forecast.at_s, rule_floors[rules.index(candidate.rule)])
        for candidate in candidates
    ]
    metrics = simulate_plans(series.arrivals, pod_model, plans, map_items)
    indices = np.array([index for index, _ in permitted], np.intp)
    may_set_floor = Lever.FLOOR in scenario.levers
    return Evaluation(
        pod_model=pod_model,
        start_s=series.start_s,
        delay_s=delay_s,
        at_s=forecast.at_s,
        band=forecast.point_rates[:, [int(np.flatnonzero(level == LEVELS)[0]) for level in BAND_LEVELS]],
        candidates=candidates,
        indices=indices,
        rules=rules,
        floors=rule_floors,
        cost=_by_hour(metrics, indices),
        announced=_announced(forecast, pod_model, dispersion) if may_set_floor else None,
    )


def quantile_band(
    evaluation: Evaluation,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return seconds (n,) from the first arrival, and quantiles (n,) of the forecast peak at BAND_LEVELS."""
    low, middle, high = evaluation.band.T
    return evaluation.at_s, low, middle, high


def _by_hour(metrics: NDArray[np.float32], indices: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the sums of each hour (h, e, N_METRICS) of block metrics (e', b, N_METRICS).

    indices   (e',) indices in CANDIDATES; the sums of other candidates are NaN
    """
    per_hour = HOUR_S // BLOCK_S
    hours = -(-metrics.shape[1] // per_hour)
    padded = np.zeros((metrics.shape[0], hours * per_hour, N_METRICS), np.float32)
    padded[:, : metrics.shape[1]] = metrics
    sums = padded.reshape(len(indices), hours, per_hour, N_METRICS).sum(axis=2)
    cost = np.full((hours, len(CANDIDATES), N_METRICS), np.nan, np.float32)
    cost[:, indices] = sums.transpose(1, 0, 2)
    return cost


def _announced(forecast: Hindcast, pod_model: PodModel, dispersion: NDArray[np.float64]) -> RuleInputs | None:
    """Return the announced rates at each of n plans as inputs of rules; None if there are none."""
    if forecast.announced_rate is None:
        return None
    n = len(forecast.announced_rate)
    return RuleInputs(
        point_rates=forecast.announced_rate[:, np.newaxis],
        point_weights=np.ones((n, 1), np.float32),
        event_prob=np.full(n, np.nan),
        per_pod=np.full(n, pod_model.concurrency / pod_model.service_time_s),
        counting_s=np.full(n, max(1.0, pod_model.service_time_s)),
        dispersion=dispersion,
    )
