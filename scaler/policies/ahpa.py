"""A policy like AHPA: the HPA's rule, and a quantile of the load by a decomposition of the last week.

    pods(t) = max(ceil(Q(load on [t, t + FORWARD_S]) / target value), HPA's rule), at least 1

Alibaba Cloud's AHPA as published: [zhou2023], and its product pages.

Interpretation.  The robust decomposition is STL [cleveland1990] with a period of one day on steps of five
minutes, with jumps (without them a fit takes about thirty times as long).  Q = trend at its end + season of
the last day + the LEVEL quantile of the week's residuals.  It is fitted once a day, on whole days, from the
seventh day on.  That `scaleUpForward` means the maximum over that time, and that pods are the maximum of
forecast and rule, is how this project reads the product pages.

Differences: those of scaler.policies.hpa; no bounds by the time of day.
"""

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import DAY_S, floor_plan, mean_concurrency, observed_demand, pods_at_target
from scaler.policies.hpa import SYNC_S, simulate_hpa
from scaler.policies.policy import PlanRows, Policy, Series, step_counts

STEP_S = 300
"""Seconds of a step of the decomposition.  Chosen by hand."""
DAY_STEPS = DAY_S // STEP_S
HISTORY_DAYS = 7
"""Days of history, as published."""
LEVEL = 0.95
"""Level of the quantile Q.  Chosen by hand."""
FORWARD_S = 180
"""Seconds of `scaleUpForward`.  Chosen by hand."""
SEASONAL_WINDOW = 35
"""Days over which STL smooths the season of a step: over one week, the season is nearly the same each day."""


def ahpa_like(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """Return the plan of floors."""
    steps = step_counts(series, STEP_S)
    load = mean_concurrency(series, steps.counts, STEP_S)
    days = len(load) // DAY_STEPS
    # (days, DAY_STEPS): the forecast of each step of a day by the fit at the end of day d; 0 before the first
    # fit.
    forecast = np.zeros((days + 1, DAY_STEPS))
    for day in range(HISTORY_DAYS, days + 1):
        forecast[day] = forecast_next_day(load[(day - HISTORY_DAYS) * DAY_STEPS : day * DAY_STEPS])
    at_s = np.arange(SYNC_S, len(series.arrivals) + 1, SYNC_S)
    fitted = np.maximum((at_s - series.scenario.metrics_delay_seconds) // DAY_S, 0)
    current, forward = at_s // STEP_S % DAY_STEPS, (at_s + FORWARD_S) // STEP_S % DAY_STEPS
    peak = np.maximum(forecast[fitted, current], forecast[fitted, forward])
    forecast_pods = pods_at_target(series, peak).tolist()
    demand, target_value = observed_demand(series, at_s), series.pod_model.spec.target_value
    pods = simulate_hpa(demand, target_value, lambda sync, _: forecast_pods[sync])
    return floor_plan(series.pod_model, at_s, pods)


def forecast_next_day(load: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the LEVEL quantile of the load at each step of the next day: (DAY_STEPS,).

    load   (days * DAY_STEPS,) load of whole days
    """
    from statsmodels.tsa.seasonal import STL  # noqa: PLC0415  # takes seconds to load

    if load.min() == load.max():
        return load[-DAY_STEPS:]
    components = STL(
        load,
        period=DAY_STEPS,
        seasonal=SEASONAL_WINDOW,
        robust=True,
        seasonal_jump=DAY_STEPS // 50,
        trend_jump=DAY_STEPS // 10,
        low_pass_jump=DAY_STEPS // 10,
    ).fit()
    expected = components.trend[-1] + components.seasonal[-DAY_STEPS:]
    return np.asarray(np.maximum(expected + np.quantile(components.resid, LEVEL), 0.0))


AHPA_LIKE = Policy(
    description="the HPA's rule and a high quantile of the next minutes, by a decomposition of the last week",
    source="Zhou et al., AHPA, AAAI 2023; STL in place of its own decomposition",
    plan=ahpa_like,
    slow=True,
)
