"""Define the demand of Revisions on a time grid, before it is summed to services."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import RevisionKey, ServiceKey


@dataclass(frozen=True, eq=False)
class Demand:
    """The result of one read of a source.

    revisions  (r,) keys, sorted.
    services   (r,) the service of each Revision.
    arrivals   (r, n) float32 requests/s, mean over [start_s + j*step_s, start_s + (j+1)*step_s).
               NaN = not observed, 0 = no traffic; never the other way round.
    busy       (r, n) float32 mean requests in flight (request-seconds per second); NaN = not known.
               The service time is busy over arrivals (Little's law).
    start_s    Unix seconds, a multiple of step_s.
    step_s     seconds per column.
    delay_s    age in seconds at which a column has all its samples: the scrape or push interval.
    window_s   seconds before the end of a column over which it is the mean, a multiple of step_s; 0: one
               step, None: not the same for all rows.
    warnings   messages of the source, such as that an answer is partial.
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
        """Steps over which a column is the mean, itself and those before; 0: not the same for all rows."""
        return 0 if self.window_s is None else max(1, self.window_s // self.step_s)

    @property
    def end_s(self) -> int:
        """Unix seconds at which the last column ends."""
        return self.start_s + int(self.arrivals.shape[1]) * self.step_s


def mask_invalid(demand: Demand) -> Demand:
    """The demand with NaN (not observed) in place of negative and infinite values, which cannot be rates."""

    def masked(values: NDArray[np.float32]) -> NDArray[np.float32]:
        invalid = (values < 0) | np.isinf(values)
        return np.where(invalid, np.float32(np.nan), values) if invalid.any() else values

    return replace(demand, arrivals=masked(demand.arrivals), busy=masked(demand.busy))
