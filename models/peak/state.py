"""The state of the peak forecast: one record per service; the records of a fleet are one array.

Log rates are z = log(r + r0), r0 half a request per step (models.numeric.lograte).  NaN = not observed.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.numeric.clock import ZoneTable

LEVELS = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999])
"""Levels of the quantiles: coarse below the median, and dense where floors are sized.  Chosen by hand."""
RING = 128
"""Newest steps that are kept one by one; at 30 s a step, a little more than an hour."""
PENDING = 32
"""Forecasts that are kept until their windows end; so a window ends at most PENDING - 1 steps after the
origin."""
BURSTS_KEPT = 16
"""Newest bursts whose sizes are kept.  Chosen by hand."""
POINTS = LEVELS.size + BURSTS_KEPT
"""Point masses of a forecast: the quantiles without a burst, and one rate for each of the kept bursts."""
DAY_SLOTS, WEEK_SLOTS, HOUR_SLOTS = 288, 2016, 120
"""Slots of the profiles of a day, a week and an hour."""
SLOT_S, HOUR_SLOT_S = 300, 30
"""Seconds of a slot: SLOT_S in the profiles of day and week, HOUR_SLOT_S in that of the hour."""
WEEK_UNIT = 0.001
"""Log rate of one unit of the week's profile, the longest, which is kept as integers of two bytes a slot."""
UNVISITED = -(2**15)
"""The integer of a slot of the week's profile that was never visited."""
HALF_HOURS = 48
"""Half hours of a day."""
BINS = 80
"""Bins of a histogram of errors.  Chosen by hand."""
FIRST_EDGE, BIN_WIDTH = -6.0, 0.25
"""The histogram of standardised errors: its lowest edge, and the width of its BINS bins, in scales."""

FEATURES = 17
"""Number of regressors."""
(
    INTERCEPT, LAST_Z, MEAN_2_MIN, MEAN_10_MIN, MEAN_1_H, MAX_10_MIN, DAY_AHEAD, DAY_NOW, WEEK_AHEAD,
    WEEK_NOW, HOUR_RISE, RISE_10_MIN, ABOVE_1_H, MIN_5_MIN, BELOW_1_H, RISE_2_MIN, ENSEMBLE,
) = range(FEATURES)  # fmt: skip
"""Indices of the regressors x (models.peak.regress lists their formulas)."""
PRIOR_BETA = np.zeros(FEATURES)
"""Coefficients before any peak was learned: a mean over the newest minutes.  Chosen by hand."""
PRIOR_BETA[MEAN_2_MIN], PRIOR_BETA[MEAN_10_MIN] = 0.6, 0.4

STATE = np.dtype(
    [
        # Rings of the newest steps: the number of steps so far, their rates and log rates.
        ("steps", "i8"),
        ("rate", "f4", (RING,)),
        ("z", "f4", (RING,)),
        # The newest observed z, and the maximum of z, which decays.
        ("last_z", "f4"),
        ("max_z", "f4"),
        # Profiles; the slot that the newest step is in, and the sum and number of its observed z so far.
        ("day", "f4", (DAY_SLOTS,)),
        ("week", "i2", (WEEK_SLOTS,)),
        ("hour", "f4", (HOUR_SLOTS,)),
        ("slot", "i8"),
        ("slot_sum", "f4"),
        ("slot_steps", "f4"),
        # A ring of steps that are the onset of a burst; a ring of burst sizes, and the number of bursts.
        ("onset", "u1", (RING,)),
        ("burst_sizes", "f4", (BURSTS_KEPT,)),
        ("bursts", "i8"),
        # Observed steps, the share of them without traffic, and whether the service is intermittent.
        ("observed", "i8"),
        ("idle_share", "f4"),
        ("intermittent", "?"),
        # Events that follow a step without traffic: their number, and the share of them that begin a burst.
        ("events", "i8"),
        ("burst_share", "f4"),
        # Logs of the dispersion of counts of one window and of two, and the number of windows read.
        ("log_dispersion", "f4", (2,)),
        ("dispersion_windows", "i4"),
        # The regression: rows of the lower half of the Gram matrix one after the other, sums of x·y, and β.
        ("gram", "f8", (FEATURES * (FEATURES + 1) // 2,)),
        ("cross", "f8", (FEATURES,)),
        ("beta", "f8", (FEATURES,)),
        ("steps_since_solve", "i8"),
        # Forecasts whose windows have not ended: regressors, ŷ, σ and quantiles in log rates.
        ("x", "f4", (PENDING, FEATURES)),
        ("location", "f4", (PENDING,)),
        ("scale", "f4", (PENDING,)),
        ("quantiles", "f4", (PENDING, LEVELS.size)),
        # Mean absolute errors: recent, long and by half hour of the day; the histogram of standardised
        # errors; k and θ by level.
        ("recent_error", "f4"),
        ("long_error", "f4"),
        ("time_of_day_error", "f4", (HALF_HOURS,)),
        ("histogram", "f4", (BINS,)),
        ("k", "f4", (LEVELS.size,)),
        ("theta", "f4", (LEVELS.size,)),
    ]
)
PENDING_FIELDS = ("x", "location", "scale", "quantiles")
"""Fields of the forecasts whose windows have not ended."""

FIRST_ERROR = 0.4
"""Mean absolute error before any was observed, in log rate: a factor of 1.5.  Chosen by hand."""
PRIOR_ERRORS = 60.0
"""Errors that the Gaussian start of the histogram counts as.  Chosen by hand."""
RIDGE = 0.02
"""Weight of the prior coefficients in the regression, in squared regressors.  Chosen by hand;
`tests/bench/sensitivity.py` shows its effect."""


class ServiceRow(NamedTuple):
    """One service, as the compiled functions of this package take it.

    state   its record of STATE.
    hazard  its record of models.hazard.state.STATE.
    zone    the shifts of its time zone.
    first   steps from the origin to the first step of the forecast window.
    last    steps from the origin to the end of the window.
    """

    state: Any
    hazard: Any
    zone: ZoneTable
    first: int
    last: int


def start(services: int) -> NDArray[np.void]:
    """(s,) STATE of services of which nothing was observed."""
    state = np.zeros(services, STATE)
    for name in ("rate", "z", "last_z", "day", "hour", *PENDING_FIELDS):
        state[name] = np.nan
    state["week"] = UNVISITED
    state["max_z"] = -np.inf
    state["idle_share"], state["intermittent"] = 1.0, True
    state["slot"] = -1
    state["beta"] = PRIOR_BETA
    for name in ("recent_error", "long_error", "time_of_day_error"):
        state[name] = FIRST_ERROR
    middles = FIRST_EDGE + BIN_WIDTH * (np.arange(BINS) + 0.5)
    # The density of a Gaussian whose mean absolute size is 1.
    density = np.exp(-0.5 * (middles / np.sqrt(np.pi / 2)) ** 2)
    state["histogram"] = PRIOR_ERRORS * density / density.sum()
    cdf = np.cumsum(density / density.sum())
    edges = FIRST_EDGE + BIN_WIDTH * np.arange(1, BINS + 1)
    state["k"] = np.interp(LEVELS, cdf, edges)
    return state


def level_shares(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(q,) share of the distribution that each quantile represents: half-way to its neighbours.

    levels   (q,) of the quantiles, strictly increasing
    """
    borders = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    return np.diff(borders)
