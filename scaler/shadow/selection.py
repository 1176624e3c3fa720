"""Which candidate is in force: the one that would have cost least, lately, of those that do no harm.

What a candidate came to is summed with weights that halve in HALF_LIFE_S.  To a service's own sums come those
of all services together, scaled to POOLED_EVIDENCE_POD_S pod-seconds of the KPA_INDEX alone, and what came of public traces of
sparse traffic (`prior`), scaled to PRIOR_EVIDENCE_POD_S: a service of which little is known yet borrows from the others,
and one with a past of its own hardly does.  With delay-cost c and wait-cost w

    loss = pods + c · delayed + w · waited

and the least is taken of those candidates that

* started at most `max_starts_ratio` times the pods that the KPA_INDEX alone did: a start costs more than its seconds;
* for c >= NO_HARM_DELAY_COST delayed no more requests than the KPA_INDEX alone;
* for c <= NO_HARM_DELAY_COST held no more pods than the KPA_INDEX alone.

Starts and pods are what is spent: what a service saved of them (SPENDABLE of it, weights halving in SPENT_S)
while its own choice was in force, a candidate may spend beyond the limit.  Else one that is at its limit in
some hours would be dropped there, for one that costs much more.  What was spent too much is not made good.  A
delayed request is not made good by others, so what was saved of them allows nothing.

The one in force is left for a gain of MIN_GAIN only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaler.plan.candidates import KPA_INDEX
from scaler.shadow.evaluate import DELAYED, PODS, REQUESTS, STARTS, WAITED
from scaler.shadow.prior import prior
from scaler.simulation.pod_model import PodModel

Array = NDArray[np.float64]

HALF_LIFE_S, SPENT_S = 3 * 86400.0, 60 * 86400.0
SPENDABLE = 0.995
"""Of what was allowed: what comes is never just what came."""
POOLED_EVIDENCE_POD_S, PRIOR_EVIDENCE_POD_S = 1500.0, 500.0
QUICK_S, SEVERAL = 10.0, 2
NO_HARM_DELAY_COST = 10.0
"""Pod-seconds.  Who values a delayed request lower may have fewer pods for more delay; nobody else does."""
MIN_GAIN = 0.005
SELECTED, BASELINE = 0, 1
"""Of two that are compared: what was in force, and the KPA_INDEX alone."""


@dataclass(frozen=True, eq=False)
class Objectives:
    """What is wanted of the choice; arrays (s,) over services.

    delay_cost, wait_cost   pod-seconds a delayed request, and a second waited, are worth.
    max_starts_ratio             times the starts of the KPA_INDEX alone.
    max_delayed             share of requests that may be delayed; NaN: the costs rule.
    """

    delay_cost: Array
    wait_cost: Array
    max_starts_ratio: Array
    max_delayed: Array


def max_starts_ratio(world: PodModel) -> float:
    """Times the pods that the KPA_INDEX alone starts, that another way may start.

    A start costs more than its seconds (image, warm-up, node), which no cost here counts; so what is saved
    must not be bought with starts.  Where pods start quickly and each serves several requests a start is
    little beside what it serves, and half as many again are borne.
    """
    return 1.5 if world.startup_s <= QUICK_S and world.concurrency >= SEVERAL else 1.0


def decay(after_s: float, half_life_s: float = HALF_LIFE_S) -> float:
    """What a sum counts `after_s` seconds later."""
    return float(0.5 ** (after_s / half_life_s))


def select(
    sums: Array, pooled: Array, wishes: Objectives, current: NDArray[np.intp], spent: Array
) -> NDArray[np.intp]:
    """(s,) the place of the candidate that is in force from now on.

    sums     (s, e, N_METRICS) discounted sums of what each of e candidates came to; NaN where one is not allowed
    pooled   (e, N_METRICS) the same of all services together
    current  (s,) the one in force until now
    spent    (s, 2, N_METRICS) what came of what was in force, SELECTED, and of the KPA_INDEX alone beside it, BASELINE, with
             weights that halve in SPENT_S
    """
    known = sums + prior_evidence(pooled, POOLED_EVIDENCE_POD_S) + PRIOR_EVIDENCE_POD_S * prior()
    alone = known[:, KPA_INDEX]
    pods, delayed = known[:, :, PODS], known[:, :, DELAYED]
    loss = (
        pods
        + wishes.delay_cost[:, np.newaxis] * delayed
        + wishes.wait_cost[:, np.newaxis] * known[:, :, WAITED]
    )
    harm = _overspent(STARTS, known, spent, wishes.max_starts_ratio)
    harm |= (delayed > alone[:, [DELAYED]] + 1e-9) & (wishes.delay_cost >= NO_HARM_DELAY_COST)[:, np.newaxis]
    no_more = np.ones(len(known))
    harm |= _overspent(PODS, known, spent, no_more) & (wishes.delay_cost <= NO_HARM_DELAY_COST)[:, np.newaxis]
    harm[:, KPA_INDEX] = False
    loss = np.where(harm | np.isnan(loss), np.inf, _kept_to(loss, pods, delayed, known, wishes.max_delayed))
    every = np.arange(len(loss))
    least = loss.argmin(axis=1)
    better = loss[every, least] < loss[every, current] * (1 - MIN_GAIN)
    return np.where(better, least, current)


def _overspent(what: int, known: Array, spent: Array, times: Array) -> NDArray[np.bool_]:
    """(s, e) who comes to more than `times` (s,) the KPA_INDEX alone, and what was saved of that before."""
    most = times * known[:, KPA_INDEX, what]
    left = np.maximum(0.0, SPENDABLE * times * spent[:, BASELINE, what] - spent[:, SELECTED, what])
    return np.asarray(known[:, :, what] > (most + left)[:, np.newaxis] + 1e-9)


def _kept_to(loss: Array, pods: Array, delayed: Array, known: Array, max_delayed: Array) -> Array:
    """The losses; where a share of requests that may be delayed is given, the pods of those that keep to it.

    Those that do not come behind them, ranked by requests delayed.
    """
    ruled = ~np.isnan(max_delayed)[:, np.newaxis]
    most = np.nan_to_num(max_delayed)[:, np.newaxis] * known[:, :, REQUESTS]
    beyond = np.nanmax(pods, axis=1, keepdims=True, initial=0.0) + 1 + delayed
    return np.where(ruled, np.where(delayed <= most, pods, beyond), loss)


def prior_evidence(pooled: Array, pod_s: float) -> Array:
    """(e, N_METRICS) what all services together came to, scaled to so many pod-seconds of the KPA_INDEX alone."""
    held = pooled[KPA_INDEX, PODS]
    return pod_s * np.nan_to_num(pooled) / held if held > 0 else np.zeros_like(pooled)
