"""How far off the forecast may be: quantiles of its errors that hold what they say.

Three things make a quantile out of a place P(t) (log rate), for each service and level:

    Q(t) = P(t) + σ(t) · (k + θ)

σ   the usual absolute error: mean of a recent, a long and a time-of-day average (half hours, UTC).
k   the level's quantile of past errors over their σ, from a histogram with forgetting, begun as a Gaussian.
 So no
    distribution is assumed, and a floor is not planned on a tail that never came.
θ   moves a little up after each miss and a little down after each hit, so that in the long run exactly 1 −
level of
    what comes lies above, also after a shift: adaptive conformal inference (Gibbs & Candès, NeurIPS 2021),
    in the quantile-tracking form of Angelopoulos, Candès & Tibshirani (2023).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SIGMA = 0.02
EDGES = np.arange(-6.0, 14.01, 0.25, dtype=np.float32)
"""Borders of the histogram of errors over σ; what lies outside counts in the outermost bins."""
HALF_HOURS = 48
RECENT_S, LONG_S, SHAPE_S = 1200.0, 2 * 86400.0, 3 * 86400.0
"""Seconds after which an error counts half."""
TRACKING = 0.05
"""σ that θ moves by, at most, for one forecast."""
PRIOR_ERRORS = 60.0


@dataclass(frozen=True, eq=False)
class Errors:
    """What past errors tell.  s services, q levels, log units.

    recent, long (s,), by_time (s, 48): averages of the absolute error.
    shape (s, bins): discounted counts of errors over σ.
    k, theta (s, q): as in the module's formula.
    """

    recent: NDArray[np.float32]
    long: NDArray[np.float32]
    by_time: NDArray[np.float32]
    shape: NDArray[np.float32]
    k: NDArray[np.float32]
    theta: NDArray[np.float32]


def start(services: int, levels: NDArray[np.float64]) -> Errors:
    """Before any error was seen: 0.4 in log units, Gaussian."""
    middles = (EDGES[1:] + EDGES[:-1]) / 2
    spread = np.sqrt(np.pi / 2)  # of a Gaussian whose mean absolute size is 1
    prior = np.exp(-0.5 * (middles / spread) ** 2)
    shape = np.tile((PRIOR_ERRORS * prior / prior.sum()).astype(np.float32), (services, 1))
    first = np.full(services, 0.4, np.float32)
    return Errors(
        recent=first,
        long=first.copy(),
        by_time=np.full((services, HALF_HOURS), 0.4, np.float32),
        shape=shape,
        k=shape_quantiles(shape, levels),
        theta=np.zeros((services, levels.size), np.float32),
    )


def sigma(errors: Errors, time_s: int) -> NDArray[np.float32]:
    """(s,) the usual absolute error at that time."""
    now = errors.by_time[:, _half_hour(time_s)]
    return np.asarray(np.maximum((errors.recent + errors.long + now) / 3, LEAST_SIGMA), np.float32)


def quantiles(errors: Errors, place: NDArray[np.float32], spread: NDArray[np.float32]) -> NDArray[np.float32]:
    """(s, q) log rates, non-decreasing in level, of a place (s,) and its σ (s,)."""
    q = place[:, None] + spread[:, None] * (errors.k + errors.theta)
    return np.maximum.accumulate(q, axis=1)


def learn(
    errors: Errors,
    levels: NDArray[np.float64],
    *,
    place: NDArray[np.float32],
    spread: NDArray[np.float32],
    said: NDArray[np.float32],
    came: NDArray[np.float32],
    time_s: int,
    step_s: int,
) -> Errors:
    """What is known after `came` (s,) log rates at `time_s`, of which place, spread and quantiles (s, q)
    were said.

    NaN in came or place: nothing is learned for that service.  The arrays of `errors` may be reused.
    """
    error = came - place
    seen = ~np.isnan(error)
    size = np.where(seen, np.abs(error), 0)
    slot = _half_hour(time_s)
    gains = [np.where(seen, np.float32(1 - 0.5 ** (step_s / m)), np.float32(0)) for m in (RECENT_S, LONG_S)]
    # A half hour is passed through once a day and taught a third of what it saw there.
    by_time_gain = np.where(seen, np.float32(min(1.0, step_s / 5400)), np.float32(0))
    errors.by_time[:, slot] += by_time_gain * (size - errors.by_time[:, slot])
    errors.shape[...] *= np.float32(0.5 ** (step_s / SHAPE_S))
    bins = np.searchsorted(EDGES, np.where(seen, error / spread, 0), side="right") - 1
    rows = np.flatnonzero(seen)
    errors.shape[rows, np.clip(bins[rows], 0, EDGES.size - 2)] += 1
    missed = came[:, None] > said
    move = np.where(missed, levels, levels - 1) * TRACKING
    theta = np.clip(errors.theta + np.where(seen[:, None], move, 0), -3, 6).astype(np.float32)
    return Errors(
        recent=np.asarray(errors.recent + gains[0] * (size - errors.recent), np.float32),
        long=np.asarray(errors.long + gains[1] * (size - errors.long), np.float32),
        by_time=errors.by_time,
        shape=errors.shape,
        k=errors.k,
        theta=theta,
    )


def reshape(errors: Errors, levels: NDArray[np.float64]) -> Errors:
    """The same with `k` read anew from the histogram: worth it every few minutes."""
    return Errors(
        errors.recent,
        errors.long,
        errors.by_time,
        errors.shape,
        shape_quantiles(errors.shape, levels),
        errors.theta,
    )


def shape_quantiles(shape: NDArray[np.float32], levels: NDArray[np.float64]) -> NDArray[np.float32]:
    """(s, q) quantiles of a histogram over EDGES, linear within a bin."""
    total = np.cumsum(shape, axis=1)
    out = np.empty((shape.shape[0], levels.size), np.float32)
    every = np.arange(shape.shape[0])
    for j, level in enumerate(levels):
        want = np.float32(level) * total[:, -1]
        at = np.minimum((total < want[:, None]).sum(axis=1), shape.shape[1] - 1)
        before = total[every, at] - shape[every, at]
        part = (want - before) / np.maximum(shape[every, at], np.float32(1e-12))
        out[:, j] = EDGES[at] + np.clip(part, 0, 1) * (EDGES[at + 1] - EDGES[at])
    return out


def _half_hour(time_s: int) -> int:
    return time_s % 86400 * HALF_HOURS // 86400
