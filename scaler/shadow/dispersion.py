"""Learn the dispersion of the arrivals of a second from arrivals that are known by the second.

    D = Σ w · variance within a step / Σ w · mean within a step

over past steps, with weights w that halve in HALF_LIFE_S.  D is 1 for Poisson arrivals, and larger where
requests arrive in batches.  The sums begin with an assumed D, as if PRIOR_REQUESTS requests had shown it.
Counts that were thinned evenly show 1.
"""

import numpy as np
from numpy.typing import NDArray

HALF_LIFE_S = 86400.0
"""Seconds after which an observed variance counts half.  Chosen by hand: one day."""
PRIOR_REQUESTS = 2000.0
"""Requests that the assumed dispersion counts for.  Chosen by hand; `tests/bench/sensitivity.py` shows its
effect.
"""
MAX_DISPERSION = 50.0
"""Upper limit of D.  Chosen by hand."""
UPDATE_S = 3600
"""Seconds between two updates of D."""


def dispersion_by_step(
    arrivals: NDArray[np.float32], steps: int, *, step_s: int, delay_s: int, assumed: float
) -> NDArray[np.float64]:
    """Return D (steps,) as known at each step, from hours that ended `delay_s` seconds before.

    arrivals   (n,) requests in each second, n >= steps * step_s
    assumed    D before any observation, >= 1
    """
    parts = arrivals[: steps * step_s].reshape(steps, step_s).astype(np.float64)
    steps_per_hour = max(1, UPDATE_S // step_s)
    hours = -(-steps // steps_per_hour)
    within = np.zeros((2, hours * steps_per_hour))
    within[:, :steps] = parts.var(axis=1, ddof=1) if step_s > 1 else 0.0, parts.mean(axis=1)
    variances, means = step_s * within.reshape(2, hours, steps_per_hour).sum(axis=2)
    hour_s = steps_per_hour * step_s
    decay, lag_h = 0.5 ** (hour_s / HALF_LIFE_S), 1 + delay_s // hour_s
    variance, mean = assumed * PRIOR_REQUESTS, PRIOR_REQUESTS
    learned = np.empty(hours)
    for hour in range(hours):
        if hour >= lag_h:
            variance = decay * variance + variances[hour - lag_h]
            mean = decay * mean + means[hour - lag_h]
        learned[hour] = np.clip(variance / mean, 1.0, MAX_DISPERSION) if mean > 0 else assumed
    return np.repeat(learned, steps_per_hour)[:steps]
