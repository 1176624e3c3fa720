"""The regression of the window's peak on short memories and profiles, with forgetting.

    y = max over the window of z;  ŷ = β·x;  β minimises Σ w (y − β·x)² + ridge·|β − prior|²

weights w halve in FORGET_S.  With z̄(m) the log of the mean rate over the last m minutes, x is

    1, z, z̄(2), z̄(10), z̄(60), highest z of the last 10 min,
    profile of the day ahead and now, of the week ahead and now, of the hour ahead less now,
    z̄(2) − z̄(10) where positive, z − z̄(60) where above a half, its lowest z of 5 min, time since a peak,
    the path that slower models expect ahead less z̄(60)

A profile that was never visited says z̄(60), and so does a path that there is none of: then it adds nothing.
"""

import math
from typing import Any

import numpy as np

from models.numeric.compiled import compiled, compiled_loop
from models.peak.profile import highest, highest_shown
from models.peak.state import (
    DAY_SLOTS,
    FEATURES,
    HOUR_SLOT_S,
    HOUR_SLOTS,
    RING,
    WEEK_SLOTS,
    WEEK_UNIT,
)

FORGET_S = 3 * 86400.0
SOLVE_S = 1800
"""Between two solutions of one service."""


@compiled
def mean_z(state: Any, steps: int, floor_rate: float) -> float:
    """The log of the mean rate over the last `steps` steps; NaN where none was observed."""
    total, seen = 0.0, 0
    for back in range(1, min(steps, RING) + 1):
        value = state.rate[(state.steps - back) % RING]
        if not math.isnan(value):
            total += value
            seen += 1
    return math.log(total / seen + floor_rate) if seen > 0 else math.nan


@compiled
def extreme_z(state: Any, steps: int, sign: float) -> float:
    """The highest (sign 1) or lowest (-1) z of the last `steps` steps; NaN where none was observed."""
    most = math.nan
    for back in range(1, min(steps, RING) + 1):
        value = sign * state.z[(state.steps - back) % RING]
        if math.isnan(most) or value > most:
            most = value
    return sign * most


@compiled
def either(value: float, otherwise: float) -> float:
    """`value`, or `otherwise` where it is NaN."""
    return otherwise if math.isnan(value) else value


@compiled
def features(
    state: Any, x: Any, time_s: int, first: int, last: int, step_s: int, here: Any, ensemble_peak: float
) -> None:  # fmt: skip
    """Writes x (FEATURES,) at the origin `time_s`, for the window of the steps first to last after it.

    slower   the highest log rate that slower models expect in it; NaN = they say nothing
    """
    floor_rate = 0.5 / step_s
    now = state.last
    two = either(mean_z(state, max(1, 120 // step_s), floor_rate), now)
    ten = either(mean_z(state, max(1, 600 // step_s), floor_rate), two)
    hour = either(mean_z(state, max(1, 3600 // step_s), floor_rate), ten)
    from_s, until_s = time_s + first * step_s, time_s + last * step_s
    day = either(highest_shown(state.day, DAY_SLOTS, here, from_s, until_s), hour)
    day_now = either(highest_shown(state.day, DAY_SLOTS, here, time_s - step_s, time_s), hour)
    week = either(highest_shown(state.week, WEEK_SLOTS, here, from_s, until_s, WEEK_UNIT), day)
    week_now = either(
        highest_shown(state.week, WEEK_SLOTS, here, time_s - step_s, time_s, WEEK_UNIT), day_now
    )
    ahead = highest(state.hour, HOUR_SLOTS, HOUR_SLOT_S, from_s, until_s)
    behind = highest(state.hour, HOUR_SLOTS, HOUR_SLOT_S, time_s - step_s, time_s)
    x[0] = 1.0
    x[1] = now
    x[2] = two
    x[3] = ten
    x[4] = hour
    x[5] = either(extreme_z(state, max(1, 600 // step_s), 1.0), now)
    x[6] = day - hour
    x[7] = day_now - hour
    x[8] = week - hour
    x[9] = week_now - hour
    x[10] = either(ahead - behind, 0.0)
    x[11] = max(0.0, two - ten)
    x[12] = max(0.0, now - hour - 0.5)
    x[13] = either(extreme_z(state, max(1, 300 // step_s), -1.0), now) - now
    x[14] = max(0.0, hour - now - 0.5)
    x[15] = now - two
    x[16] = either(ensemble_peak - hour, 0.0)


@compiled
def learn(state: Any, x: Any, y: float, step_s: int) -> None:
    """One more pair; what was learned before counts a little less."""
    keep = 0.5 ** (step_s / FORGET_S)
    for i in range(FEATURES):
        for j in range(i + 1):
            at = i * (i + 1) // 2 + j
            state.gram[at] = keep * state.gram[at] + x[i] * x[j]
        state.cross[i] = keep * state.cross[i] + x[i] * y


@compiled_loop
def solve(state: Any, prior: Any, ridge: float) -> None:
    """β anew: Cholesky of the Gram matrix and the ridge; left as it is where that is singular."""
    low, right = np.zeros((FEATURES, FEATURES)), np.zeros(FEATURES)
    if not factored(state.gram, ridge, low):
        return
    for i in range(FEATURES):
        right[i] = state.cross[i] + ridge * prior[i]
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
def factored(gram: Any, ridge: float, low: Any) -> bool:
    """Writes L of gram + ridge·1 = L Lᵀ, the lower half row by row; False where it is singular."""
    for i in range(FEATURES):
        for j in range(i + 1):
            total = gram[i * (i + 1) // 2 + j] + (ridge if i == j else 0.0)
            for k in range(j):
                total -= low[i, k] * low[j, k]
            if i > j:
                low[i, j] = total / low[j, j]
            elif total > 1e-9:
                low[i, i] = math.sqrt(total)
            else:
                return False
    return True
