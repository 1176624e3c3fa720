"""The errors of the peak forecast: quantiles with the coverage that their levels state.

    Q(t) = ŷ(t) + σ(t) · (k + θ)

σ   the scale: the mean absolute error, averaged over a recent, a long and a time-of-day mean (half hours).
k   the level's quantile of past errors over their σ, from a histogram with forgetting that starts as a
    Gaussian.  So no distribution is assumed, and a floor is not sized by a tail that was never observed.
θ   a correction that moves a little up after each miss and a little down after each hit, so that in the long
    run exactly 1 − level of the peaks lie above, also after a shift: adaptive conformal inference
    [gibbs2021] in the quantile-tracking form of [angelopoulos2023].
"""

from typing import Any

from models.numeric.compiled import compiled
from models.peak.state import BIN_WIDTH, BINS, FIRST_EDGE, HALF_HOURS, LEVELS

MIN_SCALE = 0.02
"""Lower bound of σ in log rate, 2 %.  Chosen by hand."""
RECENT_S, LONG_S, HISTOGRAM_S = 1200.0, 2 * 86400.0, 3 * 86400.0
"""Seconds in which the weight of an error halves in the recent mean, the long mean and the histogram.
Chosen by hand."""
TIME_OF_DAY_S = 5400
"""Seconds of steps after which the mean of a half hour of the day has moved all the way to their error: with
half an hour of steps a day, a third of the way each day.  Chosen by hand."""
TRACKING_GAIN = 0.05
"""The most that θ moves after one forecast, in σ.  Chosen by hand."""
MAX_THETA = 6.0
"""Bound of |θ| in σ.  Chosen by hand."""
REFRESH_S = 300
"""Seconds after which k is read from the histogram again.  Chosen by hand."""


@compiled
def error_scale(state: Any, time_s: int) -> float:
    """σ, the mean absolute error in log rate, at that local time (models.numeric.clock)."""
    time_of_day_error = state.time_of_day_error[time_s % 86400 * HALF_HOURS // 86400]
    return float(max((state.recent_error + state.long_error + time_of_day_error) / 3, MIN_SCALE))


@compiled
def learn_error(state: Any, slot: int, actual: float, time_s: int, step_s: int) -> None:
    """Update the error statistics with the actual peak, in log rate, of the pending forecast in `slot`.

    time_s   local time of the newest step
    """
    error = actual - state.location[slot]
    size = abs(error)
    state.recent_error += (1 - 0.5 ** (step_s / RECENT_S)) * (size - state.recent_error)
    state.long_error += (1 - 0.5 ** (step_s / LONG_S)) * (size - state.long_error)
    half_hour = time_s % 86400 * HALF_HOURS // 86400
    state.time_of_day_error[half_hour] += min(1.0, step_s / TIME_OF_DAY_S) * (
        size - state.time_of_day_error[half_hour]
    )
    b = int((error / state.scale[slot] - FIRST_EDGE) / BIN_WIDTH)
    state.histogram[min(max(b, 0), BINS - 1)] += 1
    for j in range(len(LEVELS)):
        move = LEVELS[j] if actual > state.quantiles[slot, j] else LEVELS[j] - 1
        state.theta[j] = min(max(state.theta[j] + TRACKING_GAIN * move, -MAX_THETA), MAX_THETA)


@compiled
def refresh_k(state: Any, after_s: float) -> None:
    """Read k from the histogram, linearly within a bin, after it has decayed by `after_s` seconds."""
    decay, total = 0.5 ** (after_s / HISTOGRAM_S), 0.0
    for b in range(BINS):
        state.histogram[b] *= decay
        total += state.histogram[b]
    below, b = 0.0, 0
    for j in range(len(LEVELS)):
        target = LEVELS[j] * total
        while b < BINS - 1 and below + state.histogram[b] < target:
            below += state.histogram[b]
            b += 1
        fraction = (target - below) / max(state.histogram[b], 1e-12)
        state.k[j] = FIRST_EDGE + BIN_WIDTH * (b + min(max(fraction, 0.0), 1.0))
