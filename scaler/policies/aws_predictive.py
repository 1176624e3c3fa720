"""Predictive scaling of AWS: an hourly minimum capacity, from a forecast that is renewed every six hours.

    capacity(h) = ceil(forecast load of hour h / target value), active from BUFFER_S before the hour

Amazon EC2 Auto Scaling, Predictive scaling [aws-predictive-scaling]: a forecast for 48 hours from up to 14
days and at least 24 hours of history; SchedulingBufferTime 300 s; it only raises capacity, and a dynamic
policy does the rest.

Interpretation.  AWS does not publish its forecasting method; here the forecast is seasonal naive: the same
hour a week before, or a day before where there is no week yet.  Load is the hour's mean of requests in
flight.  The capacity of an hour remains active until the hour ends, also where that of the next hour is
lower.

Differences.  The dynamic policy is the KPA, with the capacity as its floor; there is no maximum capacity.
Hours are those of the clock.
"""

import numpy as np

from scaler.policies.floors import DAY_S, HOUR_S, floor_plan, mean_concurrency, pods_at_target
from scaler.policies.policy import PlanRows, Policy, Series

REFRESH_S = 6 * HOUR_S
"""Seconds between two forecasts, as in AWS."""
BUFFER_S = 300
"""SchedulingBufferTime: seconds before an hour at which its capacity becomes active, as in AWS."""
DAY_H, WEEK_H = 24, 168


def aws_predictive(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """Return the plan of minimum capacities."""
    first_s = -series.start_s % HOUR_S
    hours = (len(series.arrivals) - first_s) // HOUR_S
    if hours < DAY_H:
        return floor_plan(series.pod_model, [], [])
    counts = series.arrivals[first_s : first_s + hours * HOUR_S].reshape(hours, HOUR_S)
    load = mean_concurrency(series, counts.sum(axis=1, dtype=np.float64), HOUR_S)
    # The first refresh is when the first day is known; an hour uses the last refresh before its capacity is
    # active.
    first_refresh_s = first_s + DAY_S + series.scenario.metrics_delay_seconds
    hour = np.arange(DAY_H + 1, hours + DAY_H)
    from_s = first_s + hour * HOUR_S - BUFFER_S
    refresh_s = from_s - (from_s - first_refresh_s) % REFRESH_S
    hour, from_s = hour[refresh_s >= first_refresh_s], from_s[refresh_s >= first_refresh_s]
    season_before = hour - np.where(hour >= WEEK_H, WEEK_H, DAY_H)
    capacity = np.zeros(hours + DAY_H + 1, np.int64)
    capacity[hour] = pods_at_target(series, load[season_before])
    at_s = np.stack([from_s, from_s + BUFFER_S], axis=1).ravel()
    pods = np.stack([np.maximum(capacity[hour - 1], capacity[hour]), capacity[hour]], axis=1).ravel()
    return floor_plan(series.pod_model, at_s, pods)


AWS_PREDICTIVE = Policy(
    description="an hourly minimum capacity by a forecast of hours",
    source="Amazon EC2 Auto Scaling user guide, Predictive scaling; the forecast is seasonal naive",
    plan=aws_predictive,
)
