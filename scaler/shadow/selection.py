"""Select the active candidate: the one with the lowest recent cost among those that do no harm.

The metrics of a candidate are summed with weights that halve in HALF_LIFE_S.  Two kinds of prior evidence are
added to the sums of a service: the sums of all services together, scaled to POOLED_EVIDENCE_POD_S pod-seconds
of the KPA alone; and the results on public traces of intermittent traffic (`prior`), scaled to
PRIOR_EVIDENCE_POD_S.  A service with little history therefore follows the others, and one with a long history
hardly does.  With delay cost c and wait cost w

    cost = pods + c · delayed + w · waited

The selected candidate has the lowest cost among those that

* start at most `max_starts_ratio` times the pods of the KPA alone: a start costs more than its seconds;
* for c >= NO_HARM_DELAY_COST delay no more requests than the KPA alone;
* for c <= NO_HARM_DELAY_COST hold no more pods than the KPA alone.

Starts and pods have a budget: what a service saved of them while its own selection was active (SPENDABLE of
it, with weights that halve in SPENDING_HALF_LIFE_S) may be spent beyond the limit.  Without it, a candidate
that is at its limit in some hours would be dropped there for a far more expensive one.  Overspending
creates no debt.  Delays that were saved earlier never permit delays now.

The active candidate is replaced only for a gain of MIN_GAIN.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaler.plan.candidates import KPA_INDEX
from scaler.shadow.evaluate import DELAYED, PODS, REQUESTS, STARTS, WAITED
from scaler.shadow.prior import prior
from scaler.simulation.pod_model import PodModel

Array = NDArray[np.float64]

HALF_LIFE_S = 3 * 86400.0
"""Seconds after which the result of an hour counts half.  Chosen by hand on replays of the public traces;
`tests/bench/sensitivity.py` shows its effect."""
SPENDING_HALF_LIFE_S = 60 * 86400.0
"""Seconds after which saved starts and pods count half.  Chosen by hand;
`tests/bench/sensitivity.py` shows its effect."""
SPENDABLE = 0.995
"""Share of what was saved that may be spent: the future never equals the past.  Chosen by hand;
`tests/bench/sensitivity.py` shows its effect."""
POOLED_EVIDENCE_POD_S = 1500.0
"""Pod-seconds that the sums of all services together count for.  Chosen by hand on the public traces;
`tests/bench/sensitivity.py` shows its effect."""
PRIOR_EVIDENCE_POD_S = 500.0
"""Pod-seconds that the results on public traces count for.  Chosen by hand on the public traces;
`tests/bench/sensitivity.py` shows its effect."""
FAST_START_S = 10.0
"""Seconds: a start-up that is not longer is fast.  The start-up time of the scenario `web`."""
SHARED_POD_CONCURRENCY = 2
"""Concurrent requests from which on a pod counts as shared.  The smallest number that is shared."""
MAX_STARTS_RATIO = 1.5
"""Limit on starts, times those of the KPA alone, where starts are fast and pods are shared.  Chosen by hand;
`tests/bench/sensitivity.py` shows its effect."""
NO_HARM_DELAY_COST = 10.0
"""Pod-seconds per delayed request.  Below it, an operator accepts more delay for fewer pods."""
MIN_GAIN = 0.005
"""Share of the cost that a change of the candidate must save.  Chosen by hand; `tests/bench/sensitivity.py`
shows its effect.
"""
TOLERANCE = 1e-9
"""Differences below this count as equal."""
SELECTED, BASELINE = 0, 1
"""Rows of an array that compares two policies: what was active, and the KPA alone."""


@dataclass(frozen=True, eq=False)
class Objectives:
    """What the selection optimizes for s services.

    delay_cost, wait_cost   (s,) pod-seconds per delayed request, and per second of waiting.
    max_starts_ratio        (s,) limit on starts, times those of the KPA alone.
    max_delayed             (s,) permitted share of delayed requests; NaN = the costs decide.
    """

    delay_cost: Array
    wait_cost: Array
    max_starts_ratio: Array
    max_delayed: Array


def max_starts_ratio(pod_model: PodModel) -> float:
    """Return the limit on starts, times those of the KPA alone.

    A start costs more than its seconds (image, warm-up, node), and no cost here includes that.  Savings must
    therefore not be bought with starts.  Where pods start fast and serve several requests, a start is cheap
    compared with what the pod serves: half as many starts again are accepted.
    """
    shared = pod_model.concurrency >= SHARED_POD_CONCURRENCY
    return MAX_STARTS_RATIO if pod_model.startup_s <= FAST_START_S and shared else 1.0


def decay(after_s: float, half_life_s: float = HALF_LIFE_S) -> float:
    """Return the weight of a sum `after_s` seconds later."""
    return float(0.5 ** (after_s / half_life_s))


def select(
    sums: Array, pooled: Array, objectives: Objectives, current: NDArray[np.intp], spending: Array
) -> NDArray[np.intp]:
    """Return the index (s,) of the candidate that each service selects.

    sums       (s, e, N_METRICS) discounted sums of e candidates; NaN = the candidate is not permitted
    pooled     (e, N_METRICS) the same of all services together
    current    (s,) index of the candidate that is active until now
    spending   (s, 2, N_METRICS) sums of SELECTED and BASELINE, with weights that halve in
               SPENDING_HALF_LIFE_S
    """
    evidence = sums + prior_evidence(pooled, POOLED_EVIDENCE_POD_S) + PRIOR_EVIDENCE_POD_S * prior()
    kpa = evidence[:, KPA_INDEX]
    pods, delayed = evidence[:, :, PODS], evidence[:, :, DELAYED]
    cost = (
        pods
        + objectives.delay_cost[:, np.newaxis] * delayed
        + objectives.wait_cost[:, np.newaxis] * evidence[:, :, WAITED]
    )
    harmful = _exceeds_limit(STARTS, evidence, spending, objectives.max_starts_ratio)
    may_not_delay = (objectives.delay_cost >= NO_HARM_DELAY_COST)[:, np.newaxis]
    harmful |= (delayed > kpa[:, [DELAYED]] + TOLERANCE) & may_not_delay
    limits_pods = (objectives.delay_cost <= NO_HARM_DELAY_COST)[:, np.newaxis]
    harmful |= _exceeds_limit(PODS, evidence, spending, np.ones(len(evidence))) & limits_pods
    harmful[:, KPA_INDEX] = False
    excluded = harmful | np.isnan(cost)
    cost = np.where(excluded, np.inf, _with_max_delayed(cost, evidence, objectives.max_delayed))
    service = np.arange(len(cost))
    cheapest = cost.argmin(axis=1)
    better = cost[service, cheapest] < cost[service, current] * (1 - MIN_GAIN)
    return np.where(better, cheapest, current)


def _exceeds_limit(metric: int, evidence: Array, spending: Array, ratio: Array) -> NDArray[np.bool_]:
    """Return (s, e): the metric exceeds `ratio` (s,) times that of the KPA alone plus savings."""
    limit = ratio * evidence[:, KPA_INDEX, metric]
    saved = np.maximum(0.0, SPENDABLE * ratio * spending[:, BASELINE, metric] - spending[:, SELECTED, metric])
    return np.asarray(evidence[:, :, metric] > (limit + saved)[:, np.newaxis] + TOLERANCE)


def _with_max_delayed(cost: Array, evidence: Array, max_delayed: Array) -> Array:
    """Return the cost (s, e); where `max_delayed` (s,) is set, the pods of the candidates that meet it.

    Candidates that do not meet it rank behind them, by their delayed requests.
    """
    pods, delayed = evidence[:, :, PODS], evidence[:, :, DELAYED]
    has_target = ~np.isnan(max_delayed)[:, np.newaxis]
    permitted = np.nan_to_num(max_delayed)[:, np.newaxis] * evidence[:, :, REQUESTS]
    behind = np.nanmax(pods, axis=1, keepdims=True, initial=0.0) + 1 + delayed
    return np.where(has_target, np.where(delayed <= permitted, pods, behind), cost)


def prior_evidence(pooled: Array, pod_s: float) -> Array:
    """Return the pooled sums (e, N_METRICS), scaled to `pod_s` pod-seconds of the KPA alone."""
    held = pooled[KPA_INDEX, PODS]
    return pod_s * np.nan_to_num(pooled) / held if held > 0 else np.zeros_like(pooled)
