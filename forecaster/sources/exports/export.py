"""Define an Export: the traffic of several series on one time grid, read from files."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Export:
    """The traffic of one or more files.

    series          (s,) names, sorted.
    counts          (s, n) float32 requests in [start_s + j*step_s, start_s + (j+1)*step_s);
                    NaN = not observed, 0 = no traffic.
    start_s         Unix seconds, start of the first interval; not always a multiple of step_s.
    step_s          seconds per column.
    service_time_s  (s,) float64 seconds a request occupies a pod, mean over the requests; NaN = not known.
    source          the files, for messages.
    notes           what was corrected or left out, as text for a person.
    """

    series: tuple[str, ...]
    counts: NDArray[np.float32]
    start_s: int
    step_s: int
    service_time_s: NDArray[np.float64]
    source: str
    notes: tuple[str, ...] = ()

    @property
    def end_s(self) -> int:
        """Unix seconds at which the last column ends."""
        return self.start_s + int(self.counts.shape[1]) * self.step_s
