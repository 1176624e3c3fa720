"""Traffic of some series on one grid, as a file told it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Export:
    """What one or more files say.

    series          (s,) names, sorted.
    counts          (s, n) float32 requests in [start_s + j*step_s, start_s + (j+1)*step_s);
                    NaN = not observed, 0 = no traffic.
    start_s         Unix seconds, the first interval's start; not always a multiple of step_s.
    step_s          seconds per column.
    service_time_s  (s,) float64 seconds a request occupies a pod, mean over the requests; NaN = not told.
    where           the files, for messages.
    repairs         what was put right, or left out, in words.
    """

    series: tuple[str, ...]
    counts: NDArray[np.float32]
    start_s: int
    step_s: int
    service_time_s: NDArray[np.float64]
    where: str
    repairs: tuple[str, ...] = ()

    @property
    def end_s(self) -> int:
        """Unix seconds where the last column ends."""
        return self.start_s + int(self.counts.shape[1]) * self.step_s
