"""Who calls whom: services whose events follow those of another one more often than by accident.

Of two services with few requests, a beginning (a step with requests after one without) of the first is
followed by one of the second in the same step or the next c times.  If they knew nothing of each other it
would be about e = n₁ p₂ times.  The second has the first as its caller where

    c log(c/e) − (c − e)  >=  SURE + log(pairs)

and a SHARE of its beginnings at least are explained.  Where one follows soon, often within the same step, the
first seems to follow the second as well, only less surely: it is not called by it.  Which minute after the
call it is, and whether it is of use beside its own habits, is learned by models.hazard.upstream.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import ServiceKey

CALLS_S = 2 * 86400
"""Of the past, in which is looked for who calls whom."""
SURE = 7.0
"""Log of odds: one in a thousand."""
CLEARLY = 3.0
"""Log of odds by which one of two is surer to call the other than to be called by it: twenty to one."""
SHARE = 0.5
AT_ONCE = 1000
"""ServiceMeasurements that are compared with all others at once."""
MIN_ONSETS, MAX_BUSY = 8, 0.3
"""Fewer tell nothing; who is busy in more of the steps has no beginnings to speak of."""


def callers(keys: tuple[ServiceKey, ...], busy: NDArray[np.bool_]) -> dict[ServiceKey, ServiceKey]:
    """The caller of each service that has one.

    busy   (s, n) which steps of a few minutes had requests
    """
    if busy.shape[1] < 2:
        return {}
    begins = busy[:, 1:] & ~busy[:, :-1]
    begun = begins.sum(axis=1)
    rows = np.flatnonzero((begun >= MIN_ONSETS) & (busy.mean(axis=1) <= MAX_BUSY))
    if not len(rows):
        return {}
    begin, begun = begins[rows].astype(np.float32), begun[rows].astype(np.float64)
    after = begin.copy()
    after[:, :-1] = np.maximum(after[:, :-1], begin[:, 1:])
    best, gained = np.zeros(len(rows), np.intp), np.zeros(len(rows))
    for first in range(0, len(rows), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        # (caller, called) of those that may be called.
        gain = _gain(begin @ after[some].T, begun, after[some].mean(axis=1), begun[some])
        gain[rows[:, np.newaxis] == rows[np.newaxis, some]] = 0
        best[some], gained[some] = gain.argmax(axis=0), gain.max(axis=0)
    sure = gained >= SURE + 2 * np.log(len(rows))
    calls_it = sure[best] & (best[best] == np.arange(len(rows))) & (gained[best] >= gained + CLEARLY)
    return {keys[rows[i]]: keys[rows[best[i]]] for i in np.flatnonzero(sure & ~calls_it).tolist()}


def _gain(
    often: NDArray[np.float32],
    begun: NDArray[np.float64],
    chance: NDArray[np.float32],
    called: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(r, c) log of odds that one follows the other; 0 where too few of its beginnings do.

    often    (r, c) how often it did
    begun    (r,) beginnings of the callers; called (c,) of the others
    chance   (c,) share of the steps that one follows
    """
    wanted = begun[:, np.newaxis] * chance
    explains = (often > wanted) & (often >= SHARE * called)
    ratio = np.divide(often, wanted, out=np.ones(often.shape), where=explains)
    return np.where(explains, often * np.log(ratio) - (often - wanted), 0.0)


@dataclass(frozen=True, eq=False)
class UpstreamEvents:
    """Who called a series when, and what the callers had.

    from_s     (c,) rising seconds from the first arrival, of the called one, from when on `caller` is its
               caller; found by what came before them.  Before the first it has none.
    caller     (c,) rows of `arrivals`; -1 = none from then on.
    arrivals   (r, n) float32 requests of the callers in each second; NaN = not observed.  As old as its own
               are what is known of them.
    """

    from_s: NDArray[np.int64]
    caller: NDArray[np.intp]
    arrivals: NDArray[np.float32]
