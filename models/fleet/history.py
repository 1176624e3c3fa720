"""What was observed: arrivals of every service on one grid of time."""

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
                    NaN = not observed, 0 = no traffic; never the other way.
    start_s         Unix seconds, a multiple of step_s.
    step_s          seconds per column.
    service_time_s  (s,) seconds a request occupies a pod; NaN = not known.
    """

    keys: tuple[ServiceKey, ...]
    arrivals: NDArray[np.float32]
    start_s: int
    step_s: int
    service_time_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.arrivals.ndim != 2 or self.arrivals.shape[0] != len(self.keys):
            raise ValueError(f"arrivals {self.arrivals.shape} do not fit {len(self.keys)} services")
        if self.service_time_s.shape != (len(self.keys),):
            raise ValueError(f"{self.service_time_s.shape} service times for {len(self.keys)} services")
        if self.step_s <= 0 or self.start_s % self.step_s:
            raise ValueError(f"start {self.start_s} is not on a grid of {self.step_s} s")

    @property
    def end_s(self) -> int:
        """Unix seconds where the last column ends: the first moment not observed."""
        return self.start_s + int(self.arrivals.shape[1]) * self.step_s
