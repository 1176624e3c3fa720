"""Observed arrivals of every service on one time grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import ServiceKey


@dataclass(frozen=True, eq=False)
class FleetHistory:
    """Arrivals of a fleet of services, past to present.

    keys            (s,), one per row.
    arrivals        (s, n) float32, requests/s; column j is the mean over
                    [start_s + j*step_s, start_s + (j+1)*step_s).
                    NaN = not observed, 0 = no traffic; never the other way round.
    start_s         Unix seconds, a multiple of step_s.
    step_s          seconds per column.
    service_time_s  (s,) seconds a request occupies a pod; NaN = not known.

    Raises:
        ValueError: the arrays do not have one row per key, or `start_s` is not a multiple of `step_s`.
    """

    keys: tuple[ServiceKey, ...]
    arrivals: NDArray[np.float32]
    start_s: int
    step_s: int
    service_time_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.arrivals.ndim != 2 or self.arrivals.shape[0] != len(self.keys):
            raise ValueError(
                f"arrivals {self.arrivals.shape}: must be (services, steps) of {len(self.keys)} services"
            )
        if self.service_time_s.shape != (len(self.keys),):
            raise ValueError(f"service_time_s {self.service_time_s.shape}: must be ({len(self.keys)},)")
        if self.step_s <= 0 or self.start_s % self.step_s:
            raise ValueError(
                f"start_s {self.start_s}: must be on the grid of step_s {self.step_s}, which is > 0"
            )

    @property
    def end_s(self) -> int:
        """Unix seconds at the end of the last column: the first instant that was not observed."""
        return self.start_s + int(self.arrivals.shape[1]) * self.step_s
