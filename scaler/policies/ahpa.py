"""A rule like AHPA's: a decomposition of the last week forecasts a quantile, the HPA's rule does the rest.

    pods(t) = max(ceil(Q(load on [t, t + 180 s]) / target value), HPA's rule), at least 1

Alibaba Cloud's AHPA as published: Zhou et al., AHPA: Adaptive Horizontal Pod Autoscaling Systems on Alibaba
Cloud Container Service for Kubernetes (AAAI 2023), and its product pages.

Our reading.  The robust decomposition is STL over a day on steps of five minutes, with jumps (without them a
fit takes some thirty times as long).  Q is trend at its end + season of the last day + the 0.95 quantile of
the week's residuals.  It is fitted once a day, on whole days, from the seventh on.  The most over the time of
`scaleUpForward`, and the most of forecast and rule, are how we read its pages.

What differs here: as told in scaler.policies.hpa; no bounds by the time of day.
"""

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import DAY_S, concurrency, demand_known, floors, pods_for
from scaler.policies.hpa import SYNC_S, follow
from scaler.policies.policy import PlanRows, Policy, Series, on_steps

STEP_S = 300
DAY = DAY_S // STEP_S
"""Steps."""
HISTORY_DAYS = 7
LEVEL = 0.95
FORWARD_S = 180
SEASONAL_WINDOW = 35
"""Days over which a step's season is smoothed; of a week, it is nearly the same each day."""


def ahpa_like(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """The plan."""
    steps = on_steps(series, STEP_S)
    load = concurrency(series, steps.counts, STEP_S)
    days = len(load) // DAY
    # (days, DAY): what a fit at the end of day d forecasts for each step of a day; 0 before the first fit.
    forecast = np.zeros((days + 1, DAY))
    for day in range(HISTORY_DAYS, days + 1):
        forecast[day] = next_day(load[(day - HISTORY_DAYS) * DAY : day * DAY])
    at_s = np.arange(SYNC_S, len(series.arrivals) + 1, SYNC_S)
    fitted = np.maximum((at_s - series.scenario.metrics_delay_seconds) // DAY_S, 0)
    now, soon = at_s // STEP_S % DAY, (at_s + FORWARD_S) // STEP_S % DAY
    ahead = pods_for(series, np.maximum(forecast[fitted, now], forecast[fitted, soon])).tolist()
    pods = follow(demand_known(series, at_s), series.world.spec.target_value, lambda sync, _: ahead[sync])
    return floors(series.world, at_s, pods)


def next_day(load: NDArray[np.float64]) -> NDArray[np.float64]:
    """(DAY,) the LEVEL quantile of the load at each step of the next day, from whole days of it."""
    from statsmodels.tsa.seasonal import STL  # noqa: PLC0415  # takes seconds to load

    if load.min() == load.max():
        return load[-DAY:]
    parts = STL(
        load,
        period=DAY,
        seasonal=SEASONAL_WINDOW,
        robust=True,
        seasonal_jump=DAY // 50,
        trend_jump=DAY // 10,
        low_pass_jump=DAY // 10,
    ).fit()
    expected = parts.trend[-1] + parts.seasonal[-DAY:]
    return np.asarray(np.maximum(expected + np.quantile(parts.resid, LEVEL), 0.0))


AHPA_LIKE = Policy(
    about="the HPA's rule and a high quantile of the coming minutes, by a decomposition of the last week",
    source="Zhou et al., AHPA, AAAI 2023; STL in place of its own decomposition",
    plan=ahpa_like,
    slow=True,
)
