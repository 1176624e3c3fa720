"""Dynamic harmonic regression: waves of day and week, and autoregressive residuals around them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import lograte
from models.history import FleetHistory

DAY_S = 86400
WEEK_S = 7 * DAY_S
LAGS = 3
BLOCK = 512
"""Services whose logarithms are in memory at once while fitting."""


@dataclass(frozen=True, eq=False)
class Waves:
    """coef (s, k): one row of coefficients per service; NaN where there was too little to fit."""

    coef: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Residuals:
    """What is left beside the waves, and how it goes on.

    lags  (s, 3) the last log rates, newest first; NaN = not observed.
    gram  (s, 4, 4), cross (s, 4): discounted sums of x xᵀ and x u, with x = (1, u(t−1), u(t−2), u(t−3)).
    phi   (s, 4) the solution in use.
    age   (s,) steps since phi was solved.
    """

    lags: NDArray[np.float32]
    gram: NDArray[np.float32]
    cross: NDArray[np.float32]
    phi: NDArray[np.float32]
    age: NDArray[np.int32]


@dataclass(frozen=True)
class Harmonic:
    """ẑ(t) = β·x(t) + û(t),  û(t) = φ₀ + Σᵢ φᵢ u(t−i),  u = z − β·x.

    x(t): one, sines and cosines of `daily` harmonics of the day and `weekly` of the week.  β by ridge
    regression with weights that halve in `half_life_days`; every service has the same x and the same weights,
    so all share one Gram matrix.  Steps not observed are filled with the fit itself, once.  φ by discounted
    least squares from a prior near a random walk.
    Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., §10.5.
    """

    daily: int = 8
    weekly: int = 6
    half_life_days: float = 14.0
    ridge: float = 1.0
    memory_s: float = 6 * 3600.0
    solve_every: int = 10

    def design(self, times_s: NDArray[np.int64], span_s: float) -> NDArray[np.float32]:
        """(n, k) regressors; a season that was not seen twice within `span_s` has none but zeros."""
        columns = [np.ones((times_s.size, 1))]
        for period_s, harmonics in ((DAY_S, self.daily), (WEEK_S, self.weekly)):
            seen = float(span_s >= 2 * period_s)
            phases = np.outer(2 * np.pi / period_s * (times_s % period_s), np.arange(1, harmonics + 1))
            columns += [seen * np.sin(phases), seen * np.cos(phases)]
        return np.concatenate(columns, axis=1).astype(np.float32)

    def fit(self, history: FleetHistory, ahead_s: int) -> Waves:
        services, n = history.arrivals.shape
        k = 1 + 2 * (self.daily + self.weekly)
        coef = np.full((services, k), np.nan, np.float32)
        if n == 0:
            return Waves(coef)
        times_s = history.start_s + history.step_s * np.arange(n) + history.step_s // 2
        x = self.design(times_s, n * history.step_s)
        weight = 0.5 ** ((n - 1 - np.arange(n)) * history.step_s / (self.half_life_days * DAY_S))
        weighted = (x * weight[:, None]).astype(np.float32)
        gram = weighted.T.astype(np.float64) @ x + self.ridge * np.eye(k)
        # The level is not a thing to shrink.
        gram[0, 0] -= self.ridge * (1 - 1e-6)
        solver = np.linalg.inv(gram).astype(np.float32)
        for first in range(0, services, BLOCK):
            rows = slice(first, first + BLOCK)
            coef[rows] = _fit_block(history.arrivals[rows], history.step_s, x, weighted, solver)
        return Waves(coef)

    def start(self, services: int) -> Residuals:
        prior = np.array([0.0, 0.6, 0.2, 0.1], np.float32)
        strength = np.float32(3.0)
        return Residuals(
            lags=np.full((services, LAGS), np.nan, np.float32),
            gram=np.tile(strength * np.eye(1 + LAGS, dtype=np.float32), (services, 1, 1)),
            cross=np.tile(strength * prior, (services, 1)),
            phi=np.tile(prior, (services, 1)),
            age=np.zeros(services, np.int32),
        )

    def update(
        self, fit: Waves, state: Residuals, z: NDArray[np.float32], time_s: int, step_s: int
    ) -> Residuals:
        times_s = time_s - step_s * np.arange(LAGS + 1)
        waves = self._waves(fit, times_s, step_s)  # (s, 4): now and the lags
        u = z - waves[:, 0]
        x = np.concatenate([np.ones((z.size, 1), np.float32), state.lags - waves[:, 1:]], axis=1)
        whole = ~(np.isnan(u) | np.isnan(x).any(axis=1))
        keep = np.float32(0.5 ** (step_s / self.memory_s))
        seen = np.where(whole[:, None], x, np.float32(0))
        state.gram[...] *= keep
        state.gram[...] += seen[:, :, None] * seen[:, None, :]
        state.cross[...] *= keep
        state.cross[...] += seen * np.where(whole, u, np.float32(0))[:, None]
        lags = np.concatenate([z[:, None], state.lags[:, :-1]], axis=1)
        age = state.age + 1
        phi = state.phi
        if age.max(initial=0) >= self.solve_every:
            # As a share of what is there too, else it is lost in rounding where traffic never varies, and
            # one service whose matrix is singular would stop the whole fleet.
            size = np.trace(state.gram, axis1=1, axis2=2)
            jitter = (np.float32(1e-3) + np.float32(1e-6) * size)[:, None, None] * np.eye(1 + LAGS)
            phi = np.linalg.solve(state.gram + jitter.astype(np.float32), state.cross[:, :, None])[:, :, 0]
            age = np.zeros_like(age)
        return Residuals(lags, state.gram, state.cross, phi, age)

    def locate(
        self, fit: Waves, state: Residuals, time_s: int, step_s: int, steps: int
    ) -> NDArray[np.float32]:
        past_s = time_s - step_s * np.arange(1, LAGS + 1)
        lags = state.lags - self._waves(fit, past_s, step_s)
        # Of lags that were not observed, say what the nearest one before says; with none at all, nothing.
        for i in range(LAGS - 2, -1, -1):
            lags[:, i] = np.where(np.isnan(lags[:, i]), lags[:, i + 1], lags[:, i])
        lags = np.where(np.isnan(lags), np.nan_to_num(lags[:, :1]), lags)
        # Roots outside the unit circle would run away: no residual grows far beyond those just seen.
        most = 0.5 + 1.5 * np.abs(lags).max(axis=1)
        out = self._waves(fit, time_s + step_s * np.arange(steps), step_s)
        for j in range(steps):
            u = state.phi[:, 0] + (state.phi[:, 1:] * lags).sum(axis=1)
            u = np.clip(u, -most, most)
            out[:, j] += u
            lags = np.concatenate([u[:, None], lags[:, :-1]], axis=1)
        return out

    def _waves(self, fit: Waves, times_s: NDArray[np.int64], step_s: int) -> NDArray[np.float32]:
        """(s, n) the waves at the middle of the steps that begin at `times_s`."""
        x = self.design(times_s + step_s // 2, np.inf)
        return fit.coef @ x.T


def _fit_block(
    arrivals: NDArray[np.float32],
    step_s: int,
    x: NDArray[np.float32],
    weighted: NDArray[np.float32],
    solver: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Coefficients (s, k) of a block of services; NaN where nothing was observed."""
    z = lograte.from_rate(arrivals, step_s)
    missing = np.isnan(z)
    gaps = missing.any(axis=1)
    seen = (~missing).sum(axis=1)
    level = np.where(missing, 0, z).sum(axis=1) / np.maximum(seen, 1)
    z = np.where(missing, level[:, None], z)
    coef = (z @ weighted) @ solver
    if gaps.any():
        z[gaps] = np.where(missing[gaps], coef[gaps] @ x.T, z[gaps])
        coef[gaps] = (z[gaps] @ weighted) @ solver
    coef[seen == 0] = np.nan
    return np.asarray(coef, np.float32)
