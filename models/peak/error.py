"""How far off the peak's forecast may be: quantiles of its errors that hold what they say.

    Q(t) = ŷ(t) + σ(t) · (k + θ)

σ   the usual absolute error: mean of a recent, a long and a time-of-day average (half hours).
k   the level's quantile of past errors over their σ, from a histogram with forgetting, begun as a Gaussian.
    So no distribution is assumed, and a floor is not planned on a tail that never came.
θ   moves a little up after each miss and a little down after each hit, so that in the long run exactly
    1 − level of what comes lies above, also after a shift: adaptive conformal inference (Gibbs & Candès,
    NeurIPS 2021), in the quantile-tracking form of Angelopoulos, Candès & Tibshirani (2023).
"""

from typing import Any

from models.numeric.compiled import compiled
from models.peak.state import BIN, BINS, FIRST_EDGE, HALF_HOURS

MIN_SIGMA = 0.02
RECENT_S, LONG_S, SHAPE_S = 1200.0, 2 * 86400.0, 3 * 86400.0
"""Seconds after which an error counts half."""
TRACKING = 0.05
"""σ that θ moves by, at most, for one forecast."""
MAX_THETA = 6.0
RESHAPE_S = 300


@compiled
def sigma(state: Any, time_s: int) -> float:
    """The usual absolute error at that time of the wall clock (models.numeric.clock)."""
    now = state.by_time[time_s % 86400 * HALF_HOURS // 86400]
    return float(max((state.recent + state.long + now) / 3, MIN_SIGMA))


@compiled
def learn_error(state: Any, levels: Any, slot: int, came: float, time_s: int, step_s: int) -> None:
    """What came, of which the forecast in `slot` of the pending ones had spoken; the wall clock's time."""
    error = came - state.place[slot]
    size = abs(error)
    state.recent += (1 - 0.5 ** (step_s / RECENT_S)) * (size - state.recent)
    state.long += (1 - 0.5 ** (step_s / LONG_S)) * (size - state.long)
    # A half hour is passed through once a day and taught a third of what it saw there.
    half_hour = time_s % 86400 * HALF_HOURS // 86400
    state.by_time[half_hour] += min(1.0, step_s / 5400) * (size - state.by_time[half_hour])
    place = int((error / state.spread[slot] - FIRST_EDGE) / BIN)
    state.shape[min(max(place, 0), BINS - 1)] += 1
    for j in range(len(levels)):
        move = levels[j] if came > state.said[slot, j] else levels[j] - 1
        state.theta[j] = min(max(state.theta[j] + TRACKING * move, -MAX_THETA), MAX_THETA)


@compiled
def reshape(state: Any, levels: Any, after_s: float) -> None:
    """`k` read anew from the histogram, linear within a bin; `after_s` seconds after the last time."""
    keep, total = 0.5 ** (after_s / SHAPE_S), 0.0
    for b in range(BINS):
        state.shape[b] *= keep
        total += state.shape[b]
    below, b = 0.0, 0
    for j in range(len(levels)):
        want = levels[j] * total
        while b < BINS - 1 and below + state.shape[b] < want:
            below += state.shape[b]
            b += 1
        part = (want - below) / max(state.shape[b], 1e-12)
        state.k[j] = FIRST_EDGE + BIN * (b + min(max(part, 0.0), 1.0))
