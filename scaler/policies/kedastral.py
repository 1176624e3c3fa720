"""Kedastral's baseline: moving averages of the last half hour, drawn towards the mean of the hour of the day.

    base = max(0.7 EMA(5) + 0.3 EMA(30), last minute)         EMA(n): the last n minutes, α = 2 / (n + 1)
    forecast = 0.8 base + 0.2 mean of the hour of the day     where two minutes of that hour were observed
    pods = ceil(1.2 x maximum of the forecast within the lead of 5 minutes / target value)
    at most twice the previous pods, at least half of them, at least 1

HatiCode/kedastral [kedastral]: pkg/models/baseline.go at dadb68c, pkg/capacity/planner.go, defaults of
cmd/forecaster/config/config.go.  A later baseline (trend, momentum, minute of the hour) is another method.

Interpretation.  The mean of an hour covers all known data: over the default window of half an hour it would
be that of the current hour.  A minute of the lead has the mean of the hour that it lies in; the code counts
hours from now.

Differences.  It is a floor under the KPA, renewed once a minute when the minute is known (there every 30 s);
it has no maximum of 100 pods; the clock is UTC.
"""

import math

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import MINUTE_S, floor_plan, mean_concurrency
from scaler.policies.policy import PlanRows, Policy, Series, step_counts

SHORT, LONG = 5, 30
"""Minutes of the moving averages; this constant and the following ones are those of Kedastral's code."""
LEAD_MIN = 5
"""Minutes ahead that a forecast is for."""
HEADROOM = 1.2
"""Forecast requests in flight are multiplied by this."""
MAX_FACTOR, MIN_FACTOR = 2.0, 0.5
"""Largest increase and decrease of pods from one plan to the next, as a factor."""
MIN_PODS = 1
"""Smallest number of pods."""
MIN_MINUTES = 2
"""Observed minutes from which the mean of an hour counts."""


def kedastral_like(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """Return the plan of floors with the defaults of its command line."""
    minutes = step_counts(series, MINUTE_S)
    in_flight = mean_concurrency(series, minutes.counts, MINUTE_S)
    base = np.maximum(
        0.7 * moving_average(in_flight, SHORT) + 0.3 * moving_average(in_flight, LONG), in_flight
    )
    first_minute = series.start_s // MINUTE_S
    hour_of = (first_minute + np.arange(len(base) + LEAD_MIN + 1)) // 60 % 24
    total, observed, pods, plan = [0.0] * 24, [0] * 24, MIN_PODS, []
    for minute, (last, expected) in enumerate(zip(in_flight.tolist(), base.tolist(), strict=True)):
        total[hour_of[minute]] += last
        observed[hour_of[minute]] += 1
        peak = 0.0
        for hour in {int(hour_of[minute + 1]), int(hour_of[minute + LEAD_MIN])}:
            mean = total[hour] / observed[hour] if observed[hour] >= MIN_MINUTES else expected
            peak = max(peak, 0.8 * expected + 0.2 * mean)
        pods = limit_change(pods, math.ceil(HEADROOM * peak / series.pod_model.spec.target_value))
        plan.append(pods)
    return floor_plan(series.pod_model, minutes.known_s, plan)


def limit_change(previous: int, pods: int) -> int:
    """Return `pods`, limited to the change from the previous pods that is allowed in one step."""
    min_pods, max_pods = math.floor(previous * MIN_FACTOR), math.ceil(previous * MAX_FACTOR)
    return max(MIN_PODS, min(max(pods, min_pods), max_pods))


def moving_average(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return the exponential average (m,) of the last n values up to each; of fewer at the start."""
    averages = np.zeros(len(values))
    for length in range(1, n + 1):
        alpha = 2 / (length + 1)
        by_age = alpha * (1 - alpha) ** np.arange(length)
        by_age[-1] /= alpha
        if length < n:
            newest = values[:length] if len(values) >= length else values[:0]
            if len(newest):
                averages[length - 1] = newest[::-1] @ by_age
        elif len(values) >= n:
            windows = np.lib.stride_tricks.sliding_window_view(values, n)
            averages[n - 1 :] = (windows[:, ::-1] * by_age).sum(axis=1)
    return averages


KEDASTRAL_LIKE = Policy(
    description="moving averages of half an hour drawn to the hour of the day, and a fifth of headroom",
    source="HatiCode/kedastral dadb68c",
    plan=kedastral_like,
)
