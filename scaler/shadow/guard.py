"""The guard: what was chosen that lately delayed more requests than the KPA alone is put out of force.

Of the last OVER_H hours, weights halving in HALF_LIFE_H, let d be the requests delayed under what the choice
had in force hour by hour, d0 those under the KPA alone, and n all requests, each as lived through in shadow.

    on   where  d - d0 > max(guard · n, FEW)
    off  where  d - d0 < max(guard · n, FEW) / 2

The choice goes on behind a guard that is on, and is reckoned as if it were in force: it comes back when it
does well again.  Who values a delayed request below NO_HARM has chosen to delay some, and has no guard.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet import rows
from scaler.shadow.evaluate import DELAYED, REQUESTS, TOLD
from scaler.shadow.selection import ALONE, NO_HARM, OURS

OVER_H, HALF_LIFE_H = 24, 12.0
DEFAULT_SHARE = 0.001
"""Of the requests, the share that may be more delayed: the configuration's default."""
FEW = 3.0
"""Requests: of a service that has few, one or two more that are delayed are chance."""
_WEIGHTS = 0.5 ** (np.arange(OVER_H) / HALF_LIFE_H)


@dataclass(frozen=True, eq=False)
class Guard:
    """What s services came to lately, and whom the KPA alone serves; a new one every hour.

    hours  (s, OVER_H, 2, TOLD) of OURS and ALONE, the newest hour first.
    on     (s,) the KPA alone is in force.
    """

    hours: NDArray[np.float64]
    on: NDArray[np.bool_]

    @property
    def sums(self) -> NDArray[np.float64]:
        """(s, 2, TOLD) of OURS and ALONE over the last day, discounted."""
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
        """After an hour that came to `ours` and `alone` (s, TOLD), `passed_h` hours after the one before.

        delay_cost   (s,) pod-seconds that one delayed request is worth
        share        of the requests, 0..1, that may be more delayed
        """
        hours = np.zeros_like(self.hours)
        if passed_h < OVER_H:
            hours[:, passed_h:] = self.hours[:, : OVER_H - passed_h]
        hours[:, 0, OURS], hours[:, 0, ALONE] = ours, alone
        sums = Guard(hours, self.on).sums
        more = sums[:, OURS, DELAYED] - sums[:, ALONE, DELAYED]
        most = np.maximum(share * sums[:, ALONE, REQUESTS], FEW)
        on = np.where(self.on, more >= most / 2, more > most) & (more > 0) & (delay_cost >= NO_HARM)
        return Guard(hours, on)

    def of(self, at: NDArray[np.intp]) -> "Guard":
        """Of the services that were in rows `at` (s',); one begins where that is -1."""
        return rows.carry(self, at, nobody_guarded(len(at)))


def nobody_guarded(services: int) -> Guard:
    """Of services of which nothing is known."""
    return Guard(np.zeros((services, OVER_H, 2, TOLD)), np.zeros(services, np.bool_))
