"""How far counts stray from their rate: the dispersion, variance over mean, learned from whole windows.

What is read are counts b of windows of Δ, some 15 to 240 s; a floor asks for the dispersion within a second
or so.  A second difference d = b[t] - 2·b[t-1] + b[t-2] has no trend in it, and around a rate that moves
slowly E d² = 6·D·m, m the mean of the three.  So

    D(Δ) = median of d² / (6·m·0.4549)

0.4549 the median of a χ² of one degree: a leap of the rate is three odd values, and moves no median.  The
logs of the medians are tracked, up by a gain where d² is above, else down.

What the rate moves within a window is still in it, and grows with Δ; requests that come together are in it at
every Δ.  So Δ and 2Δ are followed, and of what is beyond Poisson, e = D(Δ) - 1, is believed

    D = 1 + e·(2 - r)²,  r = e(2Δ) / e(Δ) >= 1

all where r = 1, nothing from r = 2 on.  The line through both, e·(2 - r), would believe too much: rates have
a long memory, by which e grows as Δ to the power of a half or so, at any Δ.  Nor is D above D(2Δ): only where
windows hold now more samples of a counter, now fewer, is D(Δ) far above it.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.numeric.compiled import compiled
from models.peak.state import RING

BINS = 6
"""Windows that are looked at: three of 2Δ."""
LONGEST_S = 240
"""Longer windows tell nothing of a second."""
MIN_MEAN = 5.0
"""Requests in a window, in the mean of three: with fewer, d² has another median."""
STEEP, LARGEST, MEMORY = 2.0, 0.5, 2880
"""Gain: STEEP over the number of windows taken, at most MEMORY, a day of 30 s; it is LARGEST at most."""
MEDIAN = 0.4549
LOWEST, HIGHEST = math.log(0.5), math.log(1e6)
CHANCE = 0.1
"""r that far above 1 is no growth: as much is made by chance."""
ENOUGH = 100
"""Windows after which half of what was found is believed."""
MOST = 50.0
"""No dispersion is higher (as scaler.shadow.dispersion)."""


@compiled
def learn_dispersion(state: Any, step_s: int, window_steps: int) -> None:
    """Takes in the window that ended with the newest step of the ring.

    smeared   steps that a column is the mean over: itself and those before; values as far apart are whole
              windows beside one another.  0: not known, and nothing is learned
    """
    if (
        window_steps < 1
        or state.steps % window_steps
        or window_steps * step_s > LONGEST_S
        or (BINS - 1) * window_steps >= RING
    ):
        return
    window_s, total = float(window_steps * step_s), 0.0
    for back in range(BINS):
        rate = state.rate[(state.steps - 1 - back * window_steps) % RING]
        # Where nothing comes in between, it is the service that comes and goes.
        if not rate > 0:
            return
        total += rate * window_s
    b0 = state.rate[(state.steps - 1) % RING] * window_s
    b1 = state.rate[(state.steps - 1 - window_steps) % RING] * window_s
    b2 = state.rate[(state.steps - 1 - 2 * window_steps) % RING] * window_s
    b3 = state.rate[(state.steps - 1 - 3 * window_steps) % RING] * window_s
    near, far = (b0 + b1 + b2) / 3, total / 3
    if near < MIN_MEAN or far < 2 * MIN_MEAN:
        return
    state.dispersion_seen += 1
    gain = min(LARGEST, STEEP / min(state.dispersion_seen, MEMORY))
    state.dispersion[0] = tracked(state.dispersion[0], abs(b0 - 2 * b1 + b2), near, gain)
    # (b0 + b1) - 2·(b2 + b3) + (b4 + b5)
    state.dispersion[1] = tracked(state.dispersion[1], abs(total - 3 * (b2 + b3)), far, gain)


@compiled
def tracked(z: float, difference: float, mean: float, gain: float) -> float:
    """The log of D after one more second difference, of counts with that mean."""
    # A count is a whole number, and stands for what lies half a request around it.
    middle = math.sqrt(6 * mean * MEDIAN * math.exp(z))
    above = min(max(difference + 0.5 - middle, 0.0), 1.0)
    return min(max(z + gain * (2 * above - 1), LOWEST), HIGHEST)


def dispersions(state: NDArray[np.void]) -> NDArray[np.float64]:
    """(s,) variance over mean of each service's counts of a second, 1..MOST; 1 where nothing is known."""
    near, far = np.exp(state["dispersion"].astype(np.float64)).T
    beyond = np.maximum(near - 1, 1e-9)
    grows = np.clip((far - 1) / beyond - CHANCE, 1.0, 2.0)
    found = np.clip(np.minimum(1 + beyond * (2 - grows) ** 2, far), 1.0, MOST)
    seen = state["dispersion_seen"]
    return np.asarray(1 + (found - 1) * seen / (seen + ENOUGH))
