"""The guard: what was chosen that lately delayed more requests than the KPA_INDEX alone is put out of force.

Of the last OVER_H hours, weights halving in HALF_LIFE_H, let d be the requests delayed under what the choice
had in force hour by hour, d0 those under the KPA_INDEX alone, and n all requests, each as lived through in shadow.

    on   where  d - d0 > max(guard · n, FEW)
    off  where  d - d0 < max(guard · n, FEW) / 2

The choice goes on behind a guard that is on, and is reckoned as if it were in force: it comes back when it
does well again.  Who values a delayed request below NO_HARM_DELAY_COST has chosen to delay some, and has no guard.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet import rows
from scaler.shadow.evaluate import DELAYED, N_METRICS, REQUESTS
from scaler.shadow.selection import BASELINE, NO_HARM_DELAY_COST, SELECTED

OVER_H, HALF_LIFE_H = 24, 12.0
DEFAULT_SHARE = 0.001
"""Of the requests, the share that may be more delayed: the configuration's default."""
FEW = 3.0
"""Requests: of a service that has few, one or two more that are delayed are chance."""
_WEIGHTS = 0.5 ** (np.arange(OVER_H) / HALF_LIFE_H)


@dataclass(frozen=True, eq=False)
class Guard:
    """What s services came to lately, and whom the KPA_INDEX alone serves; a new one every hour.

    hours  (s, OVER_H, 2, N_METRICS) of SELECTED and BASELINE, the newest hour first.
    on     (s,) the KPA_INDEX alone is in force.
    """

    hours: NDArray[np.float64]
    on: NDArray[np.bool_]

    @property
    def sums(self) -> NDArray[np.float64]:
        """(s, 2, N_METRICS) of SELECTED and BASELINE over the last day, discounted."""
        return np.asarray(np.einsum("shot,h->sot", self.hours, _WEIGHTS))

    def after(
        self,
        ours: NDArray[np.float64],
        alone: NDArray[np.float64],
        *,
        delay_cost: NDArray[np.float64],
        share: float,
        passed_h: int = 1,
    ) -> "Guard":
        """After an hour that came to `ours` and `alone` (s, N_METRICS), `passed_h` hours after the one before.

        delay_cost   (s,) pod-seconds that one delayed request is worth
        share        of the requests, 0..1, that may be more delayed
        """
        hours = np.zeros_like(self.hours)
        if passed_h < OVER_H:
            hours[:, passed_h:] = self.hours[:, : OVER_H - passed_h]
        hours[:, 0, SELECTED], hours[:, 0, BASELINE] = ours, alone
        sums = Guard(hours, self.on).sums
        more = sums[:, SELECTED, DELAYED] - sums[:, BASELINE, DELAYED]
        most = np.maximum(share * sums[:, BASELINE, REQUESTS], FEW)
        on = (
            np.where(self.on, more >= most / 2, more > most) & (more > 0) & (delay_cost >= NO_HARM_DELAY_COST)
        )
        return Guard(hours, on)

    def of(self, at: NDArray[np.intp]) -> "Guard":
        """Of the services that were in rows `at` (s',); one begins where that is -1."""
        return rows.align_rows(self, at, new_guard(len(at)))


def new_guard(services: int) -> Guard:
    """Of services of which nothing is known."""
    return Guard(np.zeros((services, OVER_H, 2, N_METRICS)), np.zeros(services, np.bool_))
