"""The dispersion of counts, variance over mean, within about a second, learned from windows of 15 to 240 s.

The counts b are of windows of Δ seconds; a floor needs the dispersion within a second or so.  A second
difference d = b[t] − 2·b[t−1] + b[t−2] contains no trend, and around a rate that changes slowly E d² = 6·D·m,
with m the mean of the three counts.  So

    D(Δ) = median of d² / (6·m·CHI2_MEDIAN)

with CHI2_MEDIAN the median of a χ² with one degree of freedom.  A jump of the rate makes three outliers,
which do not move a median.  The logs of the medians are tracked: up by a gain where d² is above, else down.

D(Δ) also contains the variation of the rate within a window, which grows with Δ, while requests that arrive
together contribute the same at every Δ.  So D is tracked for Δ (near) and 2Δ (far), and of the excess over
Poisson, e = D(Δ) − 1, a part is kept:

    D = 1 + e·(2 − r)²,  r = e(2Δ) / e(Δ) ≥ 1

all of it where r = 1, and nothing from r = 2 on.  The line through both, e·(2 − r), would keep too much:
rates have long memory, by which e grows as a power of Δ, about Δ^½, at any Δ.  D is at most D(2Δ): D(Δ) is
far above that only where windows alternate between more and fewer samples of a counter.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.numeric.compiled import compiled
from models.peak.state import RING

WINDOWS = 6
"""Windows of Δ that one update reads: three of 2Δ."""
MAX_WINDOW_S = 240
"""Seconds; longer windows contain no information about a second.  Chosen by hand."""
MIN_MEAN = 5.0
"""Requests per window, in the mean of three: with fewer, d² has another median."""
GAIN, MAX_GAIN, MEMORY_WINDOWS = 2.0, 0.5, 2880
"""The gain of an update is GAIN over the number of windows read, which counts up to MEMORY_WINDOWS (a day of
30 s), and MAX_GAIN at most.  Chosen by hand."""
CHI2_MEDIAN = 0.4549
"""Median of the χ² distribution with one degree of freedom."""
MIN_LOG, MAX_LOG = math.log(0.5), math.log(1e6)
"""Bounds of a tracked log of D."""
RATIO_TOLERANCE = 0.1
"""Excess of r over 1 that still counts as no growth: chance alone makes as much.  Chosen by hand."""
HALF_TRUST_WINDOWS = 100
"""Windows after which half of the learned excess is used.  Chosen by hand."""
MAX_DISPERSION = 50.0
"""Upper bound of a dispersion, the same as in scaler.shadow.dispersion."""


@compiled
def learn_dispersion(state: Any, step_s: int, window_steps: int) -> None:
    """Update the dispersion with the window that ends with the newest step of the ring.

    window_steps   steps that a column is the mean over: itself and those before it; columns that far apart
                   are adjacent whole windows.  0: not known, and nothing is learned
    """
    if (
        window_steps < 1
        or state.steps % window_steps
        or window_steps * step_s > MAX_WINDOW_S
        or (WINDOWS - 1) * window_steps >= RING
    ):
        return
    window_s, total = float(window_steps * step_s), 0.0
    for back in range(WINDOWS):
        rate = state.rate[(state.steps - 1 - back * window_steps) % RING]
        # An empty window, or one not observed, says that the service pauses, not how its requests vary.
        if not rate > 0:
            return
        total += rate * window_s
    b0 = state.rate[(state.steps - 1) % RING] * window_s
    b1 = state.rate[(state.steps - 1 - window_steps) % RING] * window_s
    b2 = state.rate[(state.steps - 1 - 2 * window_steps) % RING] * window_s
    b3 = state.rate[(state.steps - 1 - 3 * window_steps) % RING] * window_s
    near_mean, far_mean = (b0 + b1 + b2) / 3, total / 3
    if near_mean < MIN_MEAN or far_mean < 2 * MIN_MEAN:
        return
    state.dispersion_windows += 1
    gain = min(MAX_GAIN, GAIN / min(state.dispersion_windows, MEMORY_WINDOWS))
    near, far = state.log_dispersion[0], state.log_dispersion[1]
    state.log_dispersion[0] = tracked(near, abs(b0 - 2 * b1 + b2), near_mean, gain)
    # (b0 + b1) - 2·(b2 + b3) + (b4 + b5)
    state.log_dispersion[1] = tracked(far, abs(total - 3 * (b2 + b3)), far_mean, gain)


@compiled
def tracked(log_d: float, difference: float, mean: float, gain: float) -> float:
    """The log of D after one more second difference |d|, of counts with that mean."""
    # A count is a whole number: it represents the interval of half a request to each side.
    middle = math.sqrt(6 * mean * CHI2_MEDIAN * math.exp(log_d))
    share_above = min(max(difference + 0.5 - middle, 0.0), 1.0)
    return min(max(log_d + gain * (2 * share_above - 1), MIN_LOG), MAX_LOG)


def dispersions(state: NDArray[np.void]) -> NDArray[np.float64]:
    """(s,) variance over mean of each service's counts of a second, 1..MAX_DISPERSION; 1 where not learned.

    state   (s,) STATE
    """
    near, far = np.exp(state["log_dispersion"].astype(np.float64)).T
    excess = np.maximum(near - 1, 1e-9)
    ratio = np.clip((far - 1) / excess - RATIO_TOLERANCE, 1.0, 2.0)
    learned = np.clip(np.minimum(1 + excess * (2 - ratio) ** 2, far), 1.0, MAX_DISPERSION)
    windows = state["dispersion_windows"]
    return np.asarray(1 + (learned - 1) * windows / (windows + HALF_TRUST_WINDOWS))
