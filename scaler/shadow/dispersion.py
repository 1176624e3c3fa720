"""How far a second's arrivals stray from the mean of their step: learned from the seconds that came.

    D = Σ w · variance within a step / Σ w · mean within a step

over past steps, weights w halving in HALF_LIFE_S: 1 for Poisson, more where requests come together.  It
begins with what is assumed, as if PRIOR_REQUESTS had shown it.  Counts that were thinned evenly show 1; where
the traffic is known by the second the rest is learned.
"""

import numpy as np
from numpy.typing import NDArray

HALF_LIFE_S = 86400.0
PRIOR_REQUESTS = 2000.0
MOST = 50.0
LEARNED_S = 3600
"""D is learned anew this often."""


def dispersions(
    arrivals: NDArray[np.float32], steps: int, *, step_s: int, delay_s: int, assumed: float
) -> NDArray[np.float64]:
    """(steps,) D as known when each step was known, from hours that were over `delay_s` before.

    arrivals   (n,) requests in each second, n >= steps * step_s
    assumed    D before anything was seen, >= 1
    """
    parts = arrivals[: steps * step_s].reshape(steps, step_s).astype(np.float64)
    per = max(1, LEARNED_S // step_s)
    hours = -(-steps // per)
    within = np.zeros((2, hours * per))
    within[:, :steps] = parts.var(axis=1, ddof=1) if step_s > 1 else 0.0, parts.mean(axis=1)
    by_hour = step_s * within.reshape(2, hours, per).sum(axis=2)
    decay, late = 0.5 ** (per * step_s / HALF_LIFE_S), 1 + delay_s // (per * step_s)
    varied, came = assumed * PRIOR_REQUESTS, PRIOR_REQUESTS
    learned = np.empty(hours)
    for hour in range(hours):
        if hour >= late:
            varied = decay * varied + by_hour[0, hour - late]
            came = decay * came + by_hour[1, hour - late]
        learned[hour] = np.clip(varied / came, 1.0, MOST) if came > 0 else assumed
    return np.repeat(learned, per)[:steps]
