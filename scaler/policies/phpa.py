"""The Predictive Horizontal Pod Autoscaler: the HPA's rule, and a forecast of what that rule will desire.

    pods = behavior(max(h, forecast of h)),  h = the HPA's rule (scaler.policies.hpa), every 15 s

jthomperoo/predictive-horizontal-pod-autoscaler c91d060 [phpa]: internal/controllers/controller.go,
internal/prediction, internal/scalebehavior, algorithms/holt_winters, algorithms/linear_regression.

phpa            Holt-Winters over the stored history in the order of time.
phpa-as-coded   Holt-Winters over the history as the code has it: pruning sorts it newest first, and the value
                of this sync is appended after that, so that the model reads time backwards and then jumps
                from its end to now.
phpa-linear     The straight line through the last values, evaluated LOOK_AHEAD_S ahead; historySize and
                lookAhead are those of the project's example, 6 (plus the value of this sync) and 10 s.

Trend and season are additive.  A forecast needs two whole seasons.  When more than STORED_SEASONS + 1 seasons
are stored, the oldest is dropped.  Forecasts are rounded up after NOISE is subtracted, because rounding
errors would be rounded up as well.

Interpretation.  The season is a day of syncs, and 4 are stored; α, β, γ = 0.5, 0.1, 0.1.  The project's
example has 0.9 for all three, for a season of two minutes; over a day of syncs that amplifies noise a
hundredfold.

Differences: those of scaler.policies.hpa.  minReplicas is 1, its default, and there is no maxReplicas.
"""

import math
from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import DAY_S, floor_plan, observed_demand
from scaler.policies.holt_winters import (
    Smoothing,
    SmoothingState,
    centred_average,
    forecast_next,
    initial_state,
    state_from_average,
    weights,
)
from scaler.policies.hpa import SYNC_S, Behavior, Predictor, simulate_hpa
from scaler.policies.policy import PlanRows, Policy, Series

DAILY = Smoothing(alpha=0.5, beta=0.1, gamma=0.1, season=DAY_S // SYNC_S)
"""Smoothing constants chosen by hand (see Interpretation above)."""
STORED_SEASONS = 4
"""Seasons of history that are stored.  Chosen by hand."""
HISTORY_SIZE, LOOK_AHEAD_S = 6, 10
"""Values and seconds of the linear forecast, as in the project's example."""
BEHAVIOR = Behavior(up_period_s=60)
"""Pods may double, or grow by four, within a minute, as in the project's code."""
NOISE = 1e-6
"""Pods subtracted from a forecast before rounding up: larger than any rounding error."""


def phpa(series: Series, delay_cost: float, *, as_coded: bool = False) -> PlanRows:  # noqa: ARG001
    """Return the plan of floors with Holt-Winters over a day."""
    return _plan(series, lambda syncs: holt_winters(DAILY, STORED_SEASONS, syncs, as_coded=as_coded))


def phpa_linear(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """Return the plan of floors with the straight line."""
    return _plan(series, lambda _: linear())


def holt_winters(smoothing: Smoothing, stored_seasons: int, syncs: int, *, as_coded: bool) -> Predictor:
    """Return a predictor by Holt-Winters over the history of what the HPA's rule desired.

    syncs      number of syncs that it will be called for
    as_coded   order of the history: newest first, or in the order of time
    """
    m = smoothing.season
    history = np.zeros(syncs)
    by = weights(smoothing, min(syncs, (stored_seasons + 1) * m))
    initialize = _newest_first(m, syncs) if as_coded else _oldest_first(m)
    first = 0

    def predict(sync: int, h: int) -> int:
        nonlocal first
        history[sync] = h
        series, n = history[first : sync + 1], sync + 1 - first
        if as_coded:
            series = np.append(series[-2::-1] if n > 1 else [], h)
        initial = initialize(series, sync, smoothing.initial_seasons(n))
        first += max(0, n // m - stored_seasons) * m
        return 0 if n < smoothing.min_steps else rounded_up(forecast_next(series, initial, by))

    return predict


def linear() -> Predictor:
    """Return a predictor by the least-squares line through the last values, LOOK_AHEAD_S from now."""
    recent: deque[int] = deque(maxlen=HISTORY_SIZE + 1)
    # With the time of the forecast as the origin, the forecast is the constant of the line.
    age_s = LOOK_AHEAD_S + SYNC_S * np.arange(HISTORY_SIZE, -1, -1.0)
    by_length = [
        np.linalg.pinv(np.stack([np.ones(n), age_s[len(age_s) - n :]], axis=1))[0]
        for n in range(1, HISTORY_SIZE + 2)
    ]

    def predict(sync: int, h: int) -> int:  # noqa: ARG001
        recent.append(h)
        return rounded_up(float(by_length[len(recent) - 1] @ np.array(recent, float)))

    return predict


def rounded_up(pods: float) -> int:
    """Return whole pods, not counting an excess of NOISE."""
    return math.ceil(pods - NOISE)


Initialize = Callable[[NDArray[np.float64], int, int], SmoothingState]
"""(series (n,) as the model reads it, sync, number of initial seasons) -> initial state; it is all zeros for
fewer than two seasons.  It is called once per sync."""


def _oldest_first(m: int) -> Initialize:
    """Cache the initial state, which changes only when a season is dropped or one more can be read."""
    latest = (-1, 0, SmoothingState(0.0, 0.0, np.zeros(m)))

    def initialize(series: NDArray[np.float64], sync: int, seasons: int) -> SmoothingState:
        nonlocal latest
        first = sync + 1 - len(series)
        if seasons >= 2 and latest[:2] != (first, seasons):
            latest = (first, seasons, initial_state(series[: seasons * m], m))
        return latest[2]

    return initialize


def _newest_first(m: int, syncs: int) -> Initialize:
    """Compute the initial state at each sync from moving averages that are kept in the order of time."""
    half = m // 2
    cumulative, average, residual = np.zeros(syncs + 1), np.zeros(syncs), np.zeros(syncs)

    def initialize(series: NDArray[np.float64], sync: int, seasons: int) -> SmoothingState:
        cumulative[sync + 1] = cumulative[sync] + series[-1]
        # The value of this sync is at the end of the series, not at its start.
        centre, span = sync - 1 - half, seasons * m
        if centre >= half:
            average[centre] = centred_average(cumulative, centre, centre + 1, m)[0]
            residual[centre] = series[half] - average[centre]
        if seasons < 2:
            return SmoothingState(0.0, 0.0, np.zeros(m))
        if len(series) == span:
            return initial_state(series, m)
        by_phase = residual[centre + 1 - span + m : centre + 1].reshape(-1, m).mean(axis=0)
        return state_from_average(average[centre - 9 : centre + 1][::-1], by_phase[::-1])

    return initialize


def _plan(series: Series, predictor: Callable[[int], Predictor]) -> PlanRows:
    at_s = np.arange(SYNC_S, len(series.arrivals) + 1, SYNC_S)
    target_value = series.pod_model.spec.target_value
    pods = simulate_hpa(observed_demand(series, at_s), target_value, predictor(len(at_s)), BEHAVIOR)
    return floor_plan(series.pod_model, at_s, pods)


_SOURCE = "jthomperoo/predictive-horizontal-pod-autoscaler c91d060"
PHPA = Policy(
    description="the HPA's rule and Holt-Winters over what it desired, in the order of time",
    source=_SOURCE,
    plan=phpa,
    slow=True,
)
PHPA_AS_CODED = Policy(
    description="the same, over the history in the order in which its code has it",
    source=_SOURCE,
    plan=partial(phpa, as_coded=True),
    slow=True,
)
PHPA_LINEAR = Policy(
    description="the HPA's rule and a straight line through what it last desired",
    source=_SOURCE,
    plan=phpa_linear,
    slow=True,
)
