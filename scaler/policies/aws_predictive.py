"""Predictive scaling of AWS: each hour a minimum capacity, from a forecast that is made every six hours.

    capacity(h) = ceil(load forecast of hour h / target value), in force from 300 s before the hour

Amazon EC2 Auto Scaling, Predictive scaling (user guide): a forecast for 48 hours from up to 14 days and at
least 24 hours of history; SchedulingBufferTime 300 s; it only ever raises capacity, a dynamic policy does the
rest.

Our reading.  How AWS forecasts is not published; here an hour is as the same hour a week before, or the day
before where there is no week yet (seasonal naive).  Load is the hour's mean of requests in flight.  Until an
hour is over its own capacity stands, also where that of the next one is lower.

What differs here.  The dynamic policy is the KPA, with the capacity as its floor; there is no maximum to
honour.  Hours are those of the clock.
"""

import numpy as np

from scaler.policies.floors import DAY_S, HOUR_S, concurrency, floors, pods_for
from scaler.policies.policy import PlanRows, Policy, Series

REFRESH_S = 6 * HOUR_S
BUFFER_S = 300
DAY_H, WEEK_H = 24, 168


def aws_predictive(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """The plan of minimum capacities."""
    first_s = -series.start_s % HOUR_S
    hours = (len(series.arrivals) - first_s) // HOUR_S
    if hours < DAY_H:
        return floors(series.world, [], [])
    counts = series.arrivals[first_s : first_s + hours * HOUR_S].reshape(hours, HOUR_S)
    load = concurrency(series, counts.sum(axis=1, dtype=np.float64), HOUR_S)
    # The first refresh is when the first day is known; an hour belongs to the last one before it has to act.
    first_refresh_s = first_s + DAY_S + series.scenario.metrics_delay_seconds
    hour = np.arange(DAY_H + 1, hours + DAY_H)
    from_s = first_s + hour * HOUR_S - BUFFER_S
    refresh_s = from_s - (from_s - first_refresh_s) % REFRESH_S
    hour, from_s = hour[refresh_s >= first_refresh_s], from_s[refresh_s >= first_refresh_s]
    before = hour - np.where(hour >= WEEK_H, WEEK_H, DAY_H)
    capacity = np.zeros(hours + DAY_H + 1, np.int64)
    capacity[hour] = pods_for(series, load[before])
    at_s = np.stack([from_s, from_s + BUFFER_S], axis=1).ravel()
    pods = np.stack([np.maximum(capacity[hour - 1], capacity[hour]), capacity[hour]], axis=1).ravel()
    return floors(series.world, at_s, pods)


AWS_PREDICTIVE = Policy(
    about="an hourly minimum capacity by a forecast of hours",
    source="Amazon EC2 Auto Scaling user guide, Predictive scaling; the forecast is seasonal naive",
    plan=aws_predictive,
)
