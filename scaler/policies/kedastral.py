"""Kedastral's baseline: moving averages of the last half hour, drawn to the mean of the hour of the day.

    base = max(0.7 EMA(5) + 0.3 EMA(30), last minute)         EMA(n): the last n minutes, α = 2 / (n + 1)
    forecast = 0.8 base + 0.2 mean of the hour of the day     where two minutes of that hour were seen
    pods = ceil(1.2 x the most forecast within the lead of 5 minutes / target value)
    at most twice the pods before, at least half of them, at least 1

HatiCode/kedastral: pkg/models/baseline.go at dadb68c, pkg/capacity/planner.go, defaults of
cmd/forecaster/config/config.go.  A later baseline (trend, momentum, minute of the hour) is not this one.

Our reading.  The hour's mean is over all that is known: over its default window of half an hour it would be
the present hour's.  A minute of the lead has the mean of the hour in which it lies; the code counts hours
from now.

What differs here.  It is a floor under the KPA, renewed once a minute when the minute is known (there each 30
s); no most of 100 pods; the clock is UTC.
"""

import math

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import MINUTE_S, concurrency, floors
from scaler.policies.policy import PlanRows, Policy, Series, on_steps

SHORT, LONG = 5, 30
"""Minutes."""
LEAD_MIN = 5
HEADROOM = 1.2
MAX_FACTOR, MIN_FACTOR = 2.0, 0.5
MIN_PODS = 1
MIN_SEEN = 2


def kedastral_like(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """The plan with the defaults of its command line."""
    minutes = on_steps(series, MINUTE_S)
    in_flight = concurrency(series, minutes.counts, MINUTE_S)
    base = np.maximum(
        0.7 * moving_average(in_flight, SHORT) + 0.3 * moving_average(in_flight, LONG), in_flight
    )
    began_min = series.start_s // MINUTE_S
    hour_of = (began_min + np.arange(len(base) + LEAD_MIN + 1)) // 60 % 24
    total, seen, pods, plan = [0.0] * 24, [0] * 24, MIN_PODS, []
    for minute, (last, expected) in enumerate(zip(in_flight.tolist(), base.tolist(), strict=True)):
        total[hour_of[minute]] += last
        seen[hour_of[minute]] += 1
        most = 0.0
        for hour in {int(hour_of[minute + 1]), int(hour_of[minute + LEAD_MIN])}:
            mean = total[hour] / seen[hour] if seen[hour] >= MIN_SEEN else expected
            most = max(most, 0.8 * expected + 0.2 * mean)
        pods = within(pods, math.ceil(HEADROOM * most / series.world.spec.target_value))
        plan.append(pods)
    return floors(series.world, minutes.known_at, plan)


def within(before: int, pods: int) -> int:
    """Pods wanted, no further from those before than is allowed."""
    least, most = math.floor(before * MIN_FACTOR), math.ceil(before * MAX_FACTOR)
    return max(MIN_PODS, min(max(pods, least), most))


def moving_average(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """(m,) exponential average over the last n values up to each; over all where they are fewer."""
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
    about="moving averages of half an hour drawn to the hour of the day, and a fifth of headroom",
    source="HatiCode/kedastral dadb68c",
    plan=kedastral_like,
)
