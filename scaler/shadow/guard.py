"""Guard a service: fall back to the KPA alone where the selection recently delayed more requests.

Over the last GUARD_HOURS hours, with weights that halve in HALF_LIFE_H, let d be the requests delayed under
the selected candidate of each hour, d0 those delayed under the KPA alone, and n all requests; all of them in
shadow.

    the fallback becomes active where  d - d0 > max(guard · n, MIN_EXTRA_DELAYED)
    and inactive again where           d - d0 < max(guard · n, MIN_EXTRA_DELAYED) / 2

The selection continues during a fallback and is scored as if it were active; it returns when it does well
again.  An operator with a delay cost below NO_HARM_DELAY_COST accepts delays, and has no guard.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet import rows
from scaler.shadow.evaluate import DELAYED, N_METRICS, REQUESTS
from scaler.shadow.selection import BASELINE, NO_HARM_DELAY_COST, SELECTED

GUARD_HOURS = 24
"""Hours that the guard looks back."""
HALF_LIFE_H = 12.0
"""Hours after which an hour counts half.  Chosen by hand: half of what the guard looks back;
`tests/bench/sensitivity.py` shows its effect."""
DEFAULT_SHARE = 0.001
"""Share of the requests that may be delayed in addition: the default of the key `guard`."""
MIN_EXTRA_DELAYED = 3.0
"""Requests: where a service has few, one or two more delays are chance.  Chosen by hand;
`tests/bench/sensitivity.py` shows its effect."""
_WEIGHTS = 0.5 ** (np.arange(GUARD_HOURS) / HALF_LIFE_H)


@dataclass(frozen=True, eq=False)
class Guard:
    """The recent results of s services, and where the fallback is active; a new value every hour.

    hours    (s, GUARD_HOURS, 2, N_METRICS) of SELECTED and BASELINE, the newest hour first.
    active   (s,) the fallback to the KPA alone is active.
    """

    hours: NDArray[np.float64]
    active: NDArray[np.bool_]

    @property
    def sums(self) -> NDArray[np.float64]:
        """Discounted sums (s, 2, N_METRICS) of SELECTED and BASELINE over the last GUARD_HOURS hours."""
        return np.asarray(np.einsum("shpm,h->spm", self.hours, _WEIGHTS))

    def updated(
        self,
        selected: NDArray[np.float64],
        baseline: NDArray[np.float64],
        *,
        delay_cost: NDArray[np.float64],
        share: float,
        elapsed_h: int = 1,
    ) -> "Guard":
        """Return the guard after one more hour.

        selected, baseline   (s, N_METRICS) results of the hour under the selected candidate and the KPA alone
        delay_cost           (s,) pod-seconds per delayed request
        share                share of the requests, 0..1, that may be delayed in addition
        elapsed_h            hours since the hour before
        """
        hours = np.zeros_like(self.hours)
        if elapsed_h < GUARD_HOURS:
            hours[:, elapsed_h:] = self.hours[:, : GUARD_HOURS - elapsed_h]
        hours[:, 0, SELECTED], hours[:, 0, BASELINE] = selected, baseline
        sums = Guard(hours, self.active).sums
        extra = sums[:, SELECTED, DELAYED] - sums[:, BASELINE, DELAYED]
        limit = np.maximum(share * sums[:, BASELINE, REQUESTS], MIN_EXTRA_DELAYED)
        active = np.where(self.active, extra >= limit / 2, extra > limit)
        return Guard(hours, active & (extra > 0) & (delay_cost >= NO_HARM_DELAY_COST))

    def realigned(self, previous: NDArray[np.intp]) -> "Guard":
        """Return the guard of the services that were in the rows `previous` (s',); -1 = a new service."""
        return rows.align_rows(self, previous, new_guard(len(previous)))


def new_guard(services: int) -> Guard:
    """Return the guard of services without any result."""
    return Guard(np.zeros((services, GUARD_HOURS, 2, N_METRICS)), np.zeros(services, np.bool_))
