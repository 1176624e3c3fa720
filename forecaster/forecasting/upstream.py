"""Detect upstream services: services whose events another service follows more often than by chance.

An onset is a step with requests after a step without.  Take two services with few requests.  Within the same
step or the next one, c onsets of the first are followed by an onset of the second.  If the two were
independent, that would be about e = n₁·p₂ times, with n₁ the onsets of the first and p₂ the share of steps in
which, or before which, the second has one.  The first is the upstream service of the second if

    c·log(c/e) − (c − e)  >=  MIN_LOG_ODDS + 2·log(services)

and if the c onsets are at least MIN_SHARE of the onsets of the second.  Where the second follows soon, often
within the same step, the first seems to follow the second as well, with lower odds; that direction is
rejected.  `models.hazard.upstream` learns after how many minutes the second follows, and whether that helps
its forecast.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet.keys import ServiceKey

UPSTREAM_HISTORY_S = 2 * 86400
"""Seconds of history in which upstream services are detected.  Chosen by hand."""
MIN_LOG_ODDS = 7.0
"""Log of the odds from which a pair is accepted: one in a thousand by chance.  Chosen by hand."""
MIN_DIRECTION_LOG_ODDS = 3.0
"""Log of the odds by which a direction must be more likely than the opposite one: twenty to one.  Chosen by
hand."""
MIN_SHARE = 0.5
"""Smallest share of the onsets of a service that follow its upstream service.  Chosen by hand."""
CHUNK_SERVICES = 1000
"""Services that are compared with all others together, which bounds the memory."""
MIN_ONSETS, MAX_BUSY = 8, 0.3
"""A service with fewer onsets, or with requests in a larger share of the steps, is not considered: fewer
onsets are no evidence, and a busy service has hardly any onsets.  Chosen by hand."""


def upstream_services(keys: tuple[ServiceKey, ...], busy: NDArray[np.bool_]) -> dict[ServiceKey, ServiceKey]:
    """Service -> its upstream service, for each service that has one.

    keys   (s,)
    busy   (s, n) the service had requests in the step; a step is a few minutes long
    """
    if busy.shape[1] < 2:
        return {}
    all_onsets = busy[:, 1:] & ~busy[:, :-1]
    n_all = all_onsets.sum(axis=1)
    rows = np.flatnonzero((n_all >= MIN_ONSETS) & (busy.mean(axis=1) <= MAX_BUSY))
    if not len(rows):
        return {}
    onsets, n_onsets = all_onsets[rows].astype(np.float32), n_all[rows].astype(np.float64)
    follows = onsets.copy()
    follows[:, :-1] = np.maximum(follows[:, :-1], onsets[:, 1:])
    best, best_log_odds = np.zeros(len(rows), np.intp), np.zeros(len(rows))
    for first in range(0, len(rows), CHUNK_SERVICES):
        chunk = slice(first, first + CHUNK_SERVICES)
        # (possible upstream service, service of the chunk)
        log_odds = _log_odds(
            onsets @ follows[chunk].T, n_onsets, follows[chunk].mean(axis=1), n_onsets[chunk]
        )
        log_odds[rows[:, np.newaxis] == rows[np.newaxis, chunk]] = 0
        best[chunk], best_log_odds[chunk] = log_odds.argmax(axis=0), log_odds.max(axis=0)
    accepted = best_log_odds >= MIN_LOG_ODDS + 2 * np.log(len(rows))
    mutual = accepted[best] & (best[best] == np.arange(len(rows)))
    reverse = mutual & (best_log_odds[best] >= best_log_odds + MIN_DIRECTION_LOG_ODDS)
    return {keys[rows[i]]: keys[rows[best[i]]] for i in np.flatnonzero(accepted & ~reverse).tolist()}


def _log_odds(
    count: NDArray[np.float32],
    n_upstream: NDArray[np.float64],
    follow_prob: NDArray[np.float32],
    n_service: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(r, c) log of the odds that a service follows another one; 0 where too few of its onsets do.

    count         (r, c) c, onsets of each of r services that each of c services follows
    n_upstream    (r,) n₁, onsets of the followed services
    follow_prob   (c,) p₂, share of the steps in which, or before which, a service has an onset
    n_service     (c,) onsets of the following services
    """
    expected = n_upstream[:, np.newaxis] * follow_prob
    enough = (count > expected) & (count >= MIN_SHARE * n_service)
    ratio = np.divide(count, expected, out=np.ones(count.shape), where=enough)
    return np.where(enough, count * np.log(ratio) - (count - expected), 0.0)


@dataclass(frozen=True, eq=False)
class UpstreamEvents:
    """The upstream services of one series over time, and their arrivals.

    from_s     (c,) rising seconds since the first arrival of the series, from which `upstream` holds; it was
               detected from the arrivals before.  Before the first of them there is no upstream service.
    upstream   (c,) rows of `arrivals`; -1 = no upstream service from then on.
    arrivals   (r, n) float32 requests of the upstream services in each second; NaN = not observed.  They are
               known with the same delay as the arrivals of the series itself.
    """

    from_s: NDArray[np.int64]
    upstream: NDArray[np.intp]
    arrivals: NDArray[np.float32]
