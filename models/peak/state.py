"""What the peak's forecast knows of each service: one record a service, all of a fleet one array.

Log rates are z = log(r + r0), r0 half a request a step (models.numeric.lograte).  NaN = not observed.
"""

import numpy as np
from numpy.typing import NDArray

LEVELS = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999])
"""Of the quantiles."""
RING = 128
"""Steps that are remembered one by one."""
PENDING = 32
"""Forecasts whose windows are not over yet; so a window ends at most PENDING - 1 steps after the origin."""
FEATURES = 17
SIZES = 16
"""Bursts whose sizes are remembered."""
POINTS = LEVELS.size + SIZES
"""Rates that a forecast consists of, each with a weight: the quantiles without a burst, and one with each of
the last bursts."""
DAY_SLOTS, WEEK_SLOTS, HOUR_SLOTS = 288, 2016, 120
SLOT_S, HOUR_SLOT_S = 300, 30
WEEK_UNIT = 0.001
"""The week, the longest profile, is kept in whole units of so much log rate, in two bytes a slot."""
UNVISITED = -(2**15)
HALF_HOURS = 48
BINS = 80
FIRST_EDGE, BIN = -6.0, 0.25
"""The histogram of standardised errors: its lowest edge, and the width of its bins."""

PRIOR = (0.0, 0.0, 0.6, 0.4)
"""Coefficients before anything was learned: 0.6 on the last two minutes, 0.4 on the last ten."""

STATE = np.dtype(
    [
        # Steps lately, in rings.
        ("steps", "i8"),
        ("rate", "f4", (RING,)),
        ("z", "f4", (RING,)),
        ("last", "f4"),
        ("peak", "f4"),
        # Profiles, and what the slot that is passed through now has seen.
        ("day", "f4", (DAY_SLOTS,)),
        ("week", "i2", (WEEK_SLOTS,)),
        ("hour", "f4", (HOUR_SLOTS,)),
        ("slot", "i8"),
        ("slot_sum", "f4"),
        ("slot_steps", "f4"),
        # Bursts; steps that were observed, and the share of them without traffic.
        ("onset", "u1", (RING,)),
        ("sizes", "f4", (SIZES,)),
        ("bursts", "i8"),
        ("seen", "i8"),
        ("idle", "f4"),
        ("sparse", "?"),
        # Of events after a step without traffic: how many there were, and the share that began a burst.
        ("events", "i8"),
        ("big", "f4"),
        # Logs of the dispersion of counts of one window and of two, and windows that were taken.
        ("dispersion", "f4", (2,)),
        ("dispersion_seen", "i4"),
        # The regression.
        # Rows of the lower half of the Gram matrix, one after the other.
        ("gram", "f8", (FEATURES * (FEATURES + 1) // 2,)),
        ("cross", "f8", (FEATURES,)),
        ("beta", "f8", (FEATURES,)),
        ("unsolved", "i8"),
        # What was said, until its window is over.
        ("x", "f4", (PENDING, FEATURES)),
        ("place", "f4", (PENDING,)),
        ("spread", "f4", (PENDING,)),
        ("said", "f4", (PENDING, LEVELS.size)),
        # Errors.
        ("recent", "f4"),
        ("long", "f4"),
        ("by_time", "f4", (HALF_HOURS,)),
        ("shape", "f4", (BINS,)),
        ("k", "f4", (LEVELS.size,)),
        ("theta", "f4", (LEVELS.size,)),
    ]
)

FIRST_ERROR = 0.4
"""Usual absolute error before any was seen, log units."""
PRIOR_ERRORS = 60.0
"""Errors that the Gaussian start of the histogram counts as."""
RIDGE = 0.02


def start(services: int) -> NDArray[np.void]:
    """(s,) STATE of services of which nothing is known."""
    state = np.zeros(services, STATE)
    for name in ("rate", "z", "last", "day", "hour", "x", "place", "spread", "said"):
        state[name] = np.nan
    state["week"] = UNVISITED
    state["peak"] = -np.inf
    state["idle"], state["sparse"] = 1.0, True
    state["slot"] = -1
    prior = np.zeros(FEATURES)
    prior[: len(PRIOR)] = PRIOR
    state["beta"] = prior
    for name in ("recent", "long", "by_time"):
        state[name] = FIRST_ERROR
    middles = FIRST_EDGE + BIN * (np.arange(BINS) + 0.5)
    # A Gaussian whose mean absolute size is 1.
    bell = np.exp(-0.5 * (middles / np.sqrt(np.pi / 2)) ** 2)
    state["shape"] = PRIOR_ERRORS * bell / bell.sum()
    upto = np.cumsum(bell / bell.sum())
    edges = FIRST_EDGE + BIN * np.arange(1, BINS + 1)
    state["k"] = np.interp(LEVELS, upto, edges)
    return state


def level_shares(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(q,) share of the distribution that each quantile stands for: half-way to its neighbours."""
    borders = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    return np.diff(borders)
