"""Persistence: what was lately goes on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.history import FleetHistory


@dataclass(frozen=True, eq=False)
class Level:
    """level (s,): the smoothed log rate; NaN before the first observation."""

    level: NDArray[np.float32]


@dataclass(frozen=True)
class Persistence:
    """ẑ(t+k) = l(t),  l(t) = l(t−1) + a·(z(t) − l(t−1)): simple exponential smoothing.

    a is such that a weight halves in `half_life_s`, at least one step.
    Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., §8.1.
    """

    half_life_s: float = 60.0

    def fit(self, history: FleetHistory, ahead_s: int) -> tuple[()]:
        return ()

    def start(self, services: int) -> Level:
        return Level(np.full(services, np.nan, np.float32))

    def update(self, fit: tuple[()], state: Level, z: NDArray[np.float32], time_s: int, step_s: int) -> Level:
        gain = np.float32(1 - 0.5 ** (step_s / self.half_life_s))
        level = np.where(np.isnan(state.level), z, state.level + gain * (z - state.level))
        return Level(np.where(np.isnan(z), state.level, level))

    def locate(
        self, fit: tuple[()], state: Level, time_s: int, step_s: int, steps: int
    ) -> NDArray[np.float32]:
        return np.repeat(state.level[:, None], steps, axis=1)
