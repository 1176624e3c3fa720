"""The regression of the window's peak on recent means and seasonal profiles, with forgetting.

    y = max of z over the window;  ŷ = β·x;  β minimises Σ w (y − β·x)² + RIDGE·|β − PRIOR_BETA|²

The weights w halve in FORGET_S.  With z̄(m) the log of the mean rate over the last m minutes, and each
profile at its maximum over a window of time, the regressors x are

    INTERCEPT    1
    LAST_Z       z
    MEAN_2_MIN, MEAN_10_MIN, MEAN_1_H   z̄(2), z̄(10), z̄(60)
    MAX_10_MIN   the maximum z of the last 10 minutes
    DAY_AHEAD, DAY_NOW      the profile of the day in the window, and in the last step, less z̄(60)
    WEEK_AHEAD, WEEK_NOW    the same of the profile of the week
    HOUR_RISE    the profile of the hour in the window, less that in the last step
    RISE_10_MIN  z̄(2) − z̄(10), at least 0
    ABOVE_1_H    z − z̄(60) − MARGIN, at least 0
    MIN_5_MIN    the minimum z of the last 5 minutes, less z
    BELOW_1_H    z̄(60) − z − MARGIN, at least 0
    RISE_2_MIN   z − z̄(2)
    ENSEMBLE     the maximum log rate that the ensemble forecasts for the window, less z̄(60)

A profile that was never visited, and a missing forecast of the ensemble, count as z̄(60): their regressors
are 0.
"""

import math
from typing import Any

import numpy as np

from models.numeric.compiled import compiled, compiled_loop
from models.peak.profile import max_in_local_window, max_in_window
from models.peak.state import (
    ABOVE_1_H,
    BELOW_1_H,
    DAY_AHEAD,
    DAY_NOW,
    DAY_SLOTS,
    ENSEMBLE,
    FEATURES,
    HOUR_RISE,
    HOUR_SLOT_S,
    HOUR_SLOTS,
    INTERCEPT,
    LAST_Z,
    MAX_10_MIN,
    MEAN_1_H,
    MEAN_2_MIN,
    MEAN_10_MIN,
    MIN_5_MIN,
    PRIOR_BETA,
    RIDGE,
    RING,
    RISE_2_MIN,
    RISE_10_MIN,
    WEEK_AHEAD,
    WEEK_NOW,
    WEEK_SLOTS,
    WEEK_UNIT,
)

FORGET_S = 3 * 86400.0
"""Seconds in which the weight of a pair (x, y) halves.  Chosen by hand."""
SOLVE_S = 1800
"""Seconds of steps between two solutions for the coefficients of a service.  Chosen by hand."""
MARGIN = 0.5
"""Log rate, a factor of 1.6, by which z must differ from z̄(60) to count as above or below it.  Chosen by
hand; `tests/bench/sensitivity.py` shows its effect."""
MIN_PIVOT = 1e-9
"""A pivot of the Cholesky factorisation at or below this counts as singular."""


@compiled
def mean_z(state: Any, steps: int, floor_rate: float) -> float:
    """The log of the mean rate over the last `steps` steps; NaN where none was observed.

    floor_rate   r0 in requests/s: half a request per step
    """
    total, observed = 0.0, 0
    for back in range(1, min(steps, RING) + 1):
        value = state.rate[(state.steps - back) % RING]
        if not math.isnan(value):
            total += value
            observed += 1
    return math.log(total / observed + floor_rate) if observed > 0 else math.nan


@compiled
def extreme_z(state: Any, steps: int, sign: float) -> float:
    """The maximum (sign 1) or minimum (-1) z of the last `steps` steps; NaN where none was observed."""
    extreme = math.nan
    for back in range(1, min(steps, RING) + 1):
        value = sign * state.z[(state.steps - back) % RING]
        if math.isnan(extreme) or value > extreme:
            extreme = value
    return sign * extreme


@compiled
def fill_nan(value: float, default: float) -> float:
    """`value`, or `default` where it is NaN."""
    return default if math.isnan(value) else value


@compiled
def features(row: Any, x: Any, time_s: int, step_s: int, ensemble_peak: float) -> None:
    """Write the regressors x (FEATURES,) at the origin `time_s`, Unix seconds, for the window of `row`.

    row             ServiceRow
    ensemble_peak   the maximum log rate that the ensemble forecasts for the window; NaN = no forecast
    """
    state, zone = row.state, row.zone
    floor_rate = 0.5 / step_s
    z = state.last_z
    mean_2 = fill_nan(mean_z(state, max(1, 120 // step_s), floor_rate), z)
    mean_10 = fill_nan(mean_z(state, max(1, 600 // step_s), floor_rate), mean_2)
    mean_60 = fill_nan(mean_z(state, max(1, 3600 // step_s), floor_rate), mean_10)
    from_s, until_s = time_s + row.first * step_s, time_s + row.last * step_s
    day = fill_nan(max_in_local_window(state.day, DAY_SLOTS, zone, from_s, until_s), mean_60)
    day_now = fill_nan(max_in_local_window(state.day, DAY_SLOTS, zone, time_s - step_s, time_s), mean_60)
    week = fill_nan(max_in_local_window(state.week, WEEK_SLOTS, zone, from_s, until_s, WEEK_UNIT), day)
    week_now = fill_nan(
        max_in_local_window(state.week, WEEK_SLOTS, zone, time_s - step_s, time_s, WEEK_UNIT), day_now
    )
    hour = max_in_window(state.hour, HOUR_SLOTS, HOUR_SLOT_S, from_s, until_s)
    hour_now = max_in_window(state.hour, HOUR_SLOTS, HOUR_SLOT_S, time_s - step_s, time_s)
    x[INTERCEPT] = 1.0
    x[LAST_Z] = z
    x[MEAN_2_MIN] = mean_2
    x[MEAN_10_MIN] = mean_10
    x[MEAN_1_H] = mean_60
    x[MAX_10_MIN] = fill_nan(extreme_z(state, max(1, 600 // step_s), 1.0), z)
    x[DAY_AHEAD] = day - mean_60
    x[DAY_NOW] = day_now - mean_60
    x[WEEK_AHEAD] = week - mean_60
    x[WEEK_NOW] = week_now - mean_60
    x[HOUR_RISE] = fill_nan(hour - hour_now, 0.0)
    x[RISE_10_MIN] = max(0.0, mean_2 - mean_10)
    x[ABOVE_1_H] = max(0.0, z - mean_60 - MARGIN)
    x[MIN_5_MIN] = fill_nan(extreme_z(state, max(1, 300 // step_s), -1.0), z) - z
    x[BELOW_1_H] = max(0.0, mean_60 - z - MARGIN)
    x[RISE_2_MIN] = z - mean_2
    x[ENSEMBLE] = fill_nan(ensemble_peak - mean_60, 0.0)


@compiled
def learn_pair(state: Any, x: Any, y: float, step_s: int) -> None:
    """Add the pair of regressors x (FEATURES,) and peak y to the sums; the older pairs decay by one step."""
    decay = 0.5 ** (step_s / FORGET_S)
    for i in range(FEATURES):
        for j in range(i + 1):
            index = i * (i + 1) // 2 + j
            state.gram[index] = decay * state.gram[index] + x[i] * x[j]
        state.cross[i] = decay * state.cross[i] + x[i] * y


@compiled_loop
def solve(state: Any) -> None:
    """Solve for the coefficients β by Cholesky; they are left as they are where the matrix is singular."""
    low, right = np.zeros((FEATURES, FEATURES)), np.zeros(FEATURES)
    if not factorize(state.gram, low):
        return
    for i in range(FEATURES):
        right[i] = state.cross[i] + RIDGE * PRIOR_BETA[i]
        for k in range(i):
            right[i] -= low[i, k] * right[k]
        right[i] /= low[i, i]
    for i in range(FEATURES - 1, -1, -1):
        for k in range(i + 1, FEATURES):
            right[i] -= low[k, i] * right[k]
        right[i] /= low[i, i]
    for i in range(FEATURES):
        state.beta[i] = right[i]


@compiled
def factorize(gram: Any, low: Any) -> bool:
    """Write L (FEATURES, FEATURES) of gram + RIDGE·1 = L Lᵀ into `low`; False where the matrix is singular.

    gram   (FEATURES·(FEATURES + 1) / 2,) rows of the lower half, one after the other
    """
    for i in range(FEATURES):
        for j in range(i + 1):
            total = gram[i * (i + 1) // 2 + j] + (RIDGE if i == j else 0.0)
            for k in range(j):
                total -= low[i, k] * low[j, k]
            if i > j:
                low[i, j] = total / low[j, j]
            elif total > MIN_PIVOT:
                low[i, i] = math.sqrt(total)
            else:
                return False
    return True
