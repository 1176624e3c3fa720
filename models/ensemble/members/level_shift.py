"""The level since it last shifted, and the seasons: what was before a shift is forgotten at once."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import path
from models.ensemble.gaps import Past

SURE = 12.0
"""Twice the log likelihood ratio that a shift has to have beyond 2·log of the places where it may be."""
MIN_STEPS = 4
"""A level is of at least so many steps."""
LOOK_S = 4 * 86400
"""Shifts before this are not looked for: the level is at most as old."""


def level_shift(before: Past, horizon: int) -> NDArray[np.float64]:
    """log(1 + ŷ) = l + s(t):  s the medians of each phase of the seasons, l the mean since the last shift.
    The seasons are taken out one after the other: what the days leave may be the week's.

    A shift is where the means before and after differ most for their number: n₁·n₂/(n₁+n₂)·(m₁−m₂)²/σ²,
    σ² the variance of a step times (1+ρ)/(1−ρ), as steps go together; sought again in what is after it.
    Hawkins, Testing a sequence of observations for a shift in location, JASA 72 (1977).
    """
    return path(_fit, before, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    requests = before.scale * before.step_s
    u = np.log1p(before.y * requests)
    n, v, s = u.size, u, np.zeros(u.size + horizon)
    for period in before.seasons:
        cycle = np.resize(_season(v, period), n + horizon)
        v, s = v - cycle[:n], s + cycle
    look = max(LOOK_S // before.step_s, 64)
    since = n - min(n, look) + last_shift(v[-look:])
    level = float(v[since:].mean())
    fitted = np.expm1(np.minimum(level + s, 700))
    # The mean of logs is not the log of the mean.
    lifted = float((before.y[since:] * requests).sum()) / max(float(fitted[since:n].sum()), 1e-12)
    return np.asarray(fitted[n:] * np.clip(lifted, 0.5, 2.0) / requests, np.float64)


def last_shift(v: NDArray[np.float64]) -> int:
    """The first step after the last shift of v (n,); 0 where there was none."""
    first, spread = 0, _spread(v)
    while v.size - first >= 2 * MIN_STEPS:
        part = v[first:]
        after = np.arange(part.size - MIN_STEPS, MIN_STEPS - 1, -1)
        total = np.cumsum(part[::-1])
        m2 = total[after - 1] / after
        m1 = (total[-1] - total[after - 1]) / (part.size - after)
        ratio = after * (part.size - after) / part.size * (m1 - m2) ** 2 / spread
        best = int(np.argmax(ratio))
        if ratio[best] < SURE + 2 * np.log(part.size):
            break
        first += part.size - int(after[best])
    return first


def _spread(v: NDArray[np.float64]) -> float:
    """The variance of one step around its level, as if steps were independent; a shift has no say in it."""
    d = np.diff(v)
    middle = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(v, 24, mode="reflect"), 49), axis=1)
    r = v - middle
    rho = float(np.clip(r[1:] @ r[:-1] / max(float(r @ r), 1e-300), 0.0, 0.9))
    robust = (1.4826 * float(np.median(np.abs(d)))) ** 2 / (2 * (1 - rho))
    variance = max(robust, 0.25 * float(r.var()), 1e-12)
    return variance * (1 + rho) / (1 - rho)


def _season(u: NDArray[np.float64], period: int) -> NDArray[np.float64]:
    """(period,) by phase from the first step on: medians over cycles, each beside its own level."""
    cycles = u.size // period
    last = u[u.size - cycles * period :].reshape(cycles, period)
    shape = np.median(last - np.median(last, axis=1, keepdims=True), axis=0)
    return np.roll(shape - shape.mean(), (u.size - cycles * period) % period)
