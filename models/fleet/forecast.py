"""The forecast of a fleet: quantiles of every service's arrivals at each step ahead."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import ServiceKey


@dataclass(frozen=True, eq=False)
class FleetForecast:
    """A forecast of the arrivals of a fleet of services, in two representations.

    As quantiles, at each step ahead:

    keys      (s,), one per row.
    levels    (q,) strictly increasing, each in (0, 1).
    values    (s, q, h) requests/s; `values[i, j]` is the `levels[j]` quantile of service i.
              Finite, at least 0, non-decreasing in level.
    origin_s  Unix seconds; step k covers [origin_s + k*step_s, origin_s + (k+1)*step_s).
    known     (s,) False without a forecast (the service was never observed): its values are 0.

    As point masses, of the peak of the lead window; `values` are computed from these:

    point_rates     (s, p) requests/s that the peak may have; NaN where not known.
    point_weights   (s, p) the probability of each.
    event_prob      (s,) probability of an event in the window: of any request where `intermittent`, else of a
                    burst.
    intermittent    (s,) the service has few requests.
    announced_rate  (s,) requests/s that a calendar event announces: no rate and no value is below it.
                    None: no announcement for any service.

    Raises:
        ValueError: the shapes do not fit, a value is not finite or is negative, or quantiles cross.
    """

    keys: tuple[ServiceKey, ...]
    levels: NDArray[np.float64]
    values: NDArray[np.float32]
    origin_s: int
    step_s: int
    known: NDArray[np.bool_]
    point_rates: NDArray[np.float32]
    point_weights: NDArray[np.float32]
    event_prob: NDArray[np.float32]
    intermittent: NDArray[np.bool_]
    announced_rate: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[:2] != (len(self.keys), self.levels.size):
            raise ValueError(
                f"values {self.values.shape}: must be (services, levels, steps) of "
                f"{len(self.keys)} services and {self.levels.size} levels"
            )
        if not np.isfinite(self.values).all() or (self.values < 0).any():
            raise ValueError("values: must be finite and not negative")
        if (np.diff(self.values, axis=1) < 0).any():
            raise ValueError("values: quantiles must not cross")

    def peak(self, start_s: int, end_s: int) -> NDArray[np.float32]:
        """(s, q) the maximum of each quantile over the steps that overlap [start_s, end_s), Unix seconds.

        Raises:
            ValueError: the forecast ends before `end_s`.
        """
        first = max(0, (start_s - self.origin_s) // self.step_s)
        last = -((self.origin_s - end_s) // self.step_s)
        if last > self.values.shape[2]:
            raise ValueError(f"end_s {end_s}: the forecast ends before it")
        return np.asarray(self.values[:, :, first:last].max(axis=2))
