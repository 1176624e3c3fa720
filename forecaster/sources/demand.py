"""Demand as a source of metrics tells it: per revision, on a grid, before it is summed to services."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import RevisionKey, ServiceKey


@dataclass(frozen=True, eq=False)
class Demand:
    """What one read of a source gave, for the revisions it knows.

    revisions  (r,) keys, sorted.
    services   (r,) the service each revision belongs to.
    arrivals   (r, n) float32 requests/s, mean over [start_s + j*step_s, start_s + (j+1)*step_s).
               NaN = not observed, 0 = no traffic; never the other way.
    busy       (r, n) float32 mean requests in flight (request-seconds per second); NaN = not known.
               Service time is busy over arrivals (Little).
    start_s    Unix seconds, a multiple of step_s.
    delay_s    age at which a figure has all its samples, seconds: the scrape or push interval.
    window_s   seconds before the end of a column that it is the mean over, a multiple of step_s; 0: one step,
               None: not the same in all rows.
    warnings   what the source said beside the data, such as a partial answer.
    """

    revisions: tuple[RevisionKey, ...]
    services: tuple[ServiceKey, ...]
    arrivals: NDArray[np.float32]
    busy: NDArray[np.float32]
    start_s: int
    step_s: int
    delay_s: float
    window_s: int | None = 0
    warnings: tuple[str, ...] = ()

    @property
    def window_steps(self) -> int:
        """Steps that a column is the mean over, itself and those before; 0: not the same in all rows."""
        return 0 if self.window_s is None else max(1, self.window_s // self.step_s)

    @property
    def end_s(self) -> int:
        """Unix seconds where the last column ends."""
        return self.start_s + int(self.arrivals.shape[1]) * self.step_s


def possible(demand: Demand) -> Demand:
    """The same demand, in which what can be no rate, below 0 or infinite, counts as not observed."""

    def rates(values: NDArray[np.float32]) -> NDArray[np.float32]:
        wrong = (values < 0) | np.isinf(values)
        return np.where(wrong, np.float32(np.nan), values) if wrong.any() else values

    return replace(demand, arrivals=rates(demand.arrivals), busy=rates(demand.busy))
