"""What is expected: quantiles of every service's arrivals at each step ahead."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import ServiceKey


@dataclass(frozen=True, eq=False)
class FleetForecast:
    """Quantiles of arrivals for a fleet of services.

    keys      (s,), one per row.
    levels    (q,) strictly increasing, each in (0, 1).
    values    (s, q, h) requests/s; `values[i, j]` is the `levels[j]` quantile of service i.
              Finite, at least 0, non-decreasing in level.
    origin_s  Unix seconds; step k covers [origin_s + k*step_s, origin_s + (k+1)*step_s).
    known     (s,) False where there is no forecast (never observed): its values are 0 and mean nothing.
    rates, weights   (s, p) requests/s that the window's peak may have, and how likely each is: the values
              are read off; NaN where not known.
    chances   (s,) that an event comes in the window: any request where `sparse` (s,), else a burst.
    least     (s,) requests/s that were announced: no rate and no value is below; None: nothing was.
    """

    keys: tuple[ServiceKey, ...]
    levels: NDArray[np.float64]
    values: NDArray[np.float32]
    origin_s: int
    step_s: int
    known: NDArray[np.bool_]
    rates: NDArray[np.float32]
    weights: NDArray[np.float32]
    chances: NDArray[np.float32]
    sparse: NDArray[np.bool_]
    announced_rate: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[:2] != (len(self.keys), self.levels.size):
            raise ValueError(
                f"values {self.values.shape} do not fit {len(self.keys)} services, {self.levels.size} levels"
            )
        if not np.isfinite(self.values).all() or (self.values < 0).any():
            raise ValueError("a forecast is finite and not negative")
        if (np.diff(self.values, axis=1) < 0).any():
            raise ValueError("quantiles cross")

    def peak(self, start_s: int, end_s: int) -> NDArray[np.float32]:
        """(s, q): the largest value of each quantile on the steps that overlap [start_s, end_s)."""
        first = max(0, (start_s - self.origin_s) // self.step_s)
        last = -((self.origin_s - end_s) // self.step_s)
        if last > self.values.shape[2]:
            raise ValueError(f"the forecast ends before {end_s}")
        return np.asarray(self.values[:, :, first:last].max(axis=2))
