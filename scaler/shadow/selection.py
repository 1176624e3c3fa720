"""Which candidate is in force: the one that would have cost least, lately, of those that do no harm.

What a candidate came to is summed with weights that halve in HALF_LIFE_S.  To a service's own sums come those
of all services together, scaled to EVIDENCE_S pod-seconds of the KPA alone, and what came of public traces of
sparse traffic (`prior`), scaled to PRIOR_S: a service of which little is known yet borrows from the others,
and one with a past of its own hardly does.  With delay-cost c and wait-cost w

    loss = pods + c · delayed + w · waited

and the least is taken of those candidates that

* started at most `most_starts` times the pods that the KPA alone did: a start costs more than its seconds;
* for c >= NO_HARM delayed no more requests than the KPA alone;
* for c <= NO_HARM held no more pods than the KPA alone.

Starts and pods are what is spent: what a service saved of them (SPENDABLE of it, weights halving in SPENT_S)
while its own choice was in force, a candidate may spend beyond the limit.  Else one that is at its limit in
some hours would be dropped there, for one that costs much more.  What was spent too much is not made good.  A
delayed request is not made good by others, so what was saved of them allows nothing.

The one in force is left for a gain of WORTH_A_CHANGE only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaler.plan.candidates import KPA
from scaler.shadow.evaluate import DELAYED, PODS, REQUESTS, STARTS, WAITED
from scaler.shadow.prior import prior
from scaler.simulation.pod_model import World

Array = NDArray[np.float64]

HALF_LIFE_S, SPENT_S = 3 * 86400.0, 60 * 86400.0
SPENDABLE = 0.995
"""Of what was allowed: what comes is never just what came."""
EVIDENCE_S, PRIOR_S = 1500.0, 500.0
QUICK_S, SEVERAL = 10.0, 2
NO_HARM = 10.0
"""Pod-seconds.  Who values a delayed request lower may have fewer pods for more delay; nobody else does."""
WORTH_A_CHANGE = 0.005
OURS, ALONE = 0, 1
"""Of two that are compared: what was in force, and the KPA alone."""


@dataclass(frozen=True, eq=False)
class Wishes:
    """What is wanted of the choice; arrays (s,) over services.

    delay_cost, wait_cost   pod-seconds a delayed request, and a second waited, are worth.
    most_starts             times the starts of the KPA alone.
    max_delayed             share of requests that may be delayed; NaN: the costs rule.
    """

    delay_cost: Array
    wait_cost: Array
    most_starts: Array
    max_delayed: Array


def most_starts(world: World) -> float:
    """Times the pods that the KPA alone starts, that another way may start.

    A start costs more than its seconds (image, warm-up, node), which no cost here counts; so what is saved
    must not be bought with starts.  Where pods start quickly and each serves several requests a start is
    little beside what it serves, and half as many again are borne.
    """
    return 1.5 if world.startup_s <= QUICK_S and world.at_once >= SEVERAL else 1.0


def keep(after_s: float, half_life_s: float = HALF_LIFE_S) -> float:
    """What a sum counts `after_s` seconds later."""
    return float(0.5 ** (after_s / half_life_s))


def choose(
    sums: Array, pooled: Array, wishes: Wishes, current: NDArray[np.intp], spent: Array
) -> NDArray[np.intp]:
    """(s,) the place of the candidate that is in force from now on.

    sums     (s, e, TOLD) discounted sums of what each of e candidates came to; NaN where one is not allowed
    pooled   (e, TOLD) the same of all services together
    current  (s,) the one in force until now
    spent    (s, 2, TOLD) what came of what was in force, OURS, and of the KPA alone beside it, ALONE, with
             weights that halve in SPENT_S
    """
    known = sums + borrowed(pooled, EVIDENCE_S) + PRIOR_S * prior()
    alone = known[:, KPA]
    pods, delayed = known[:, :, PODS], known[:, :, DELAYED]
    loss = (
        pods
        + wishes.delay_cost[:, np.newaxis] * delayed
        + wishes.wait_cost[:, np.newaxis] * known[:, :, WAITED]
    )
    harm = _overspent(STARTS, known, spent, wishes.most_starts)
    harm |= (delayed > alone[:, [DELAYED]] + 1e-9) & (wishes.delay_cost >= NO_HARM)[:, np.newaxis]
    no_more = np.ones(len(known))
    harm |= _overspent(PODS, known, spent, no_more) & (wishes.delay_cost <= NO_HARM)[:, np.newaxis]
    harm[:, KPA] = False
    loss = np.where(harm | np.isnan(loss), np.inf, _kept_to(loss, pods, delayed, known, wishes.max_delayed))
    every = np.arange(len(loss))
    least = loss.argmin(axis=1)
    better = loss[every, least] < loss[every, current] * (1 - WORTH_A_CHANGE)
    return np.where(better, least, current)


def _overspent(what: int, known: Array, spent: Array, times: Array) -> NDArray[np.bool_]:
    """(s, e) who comes to more than `times` (s,) the KPA alone, and what was saved of that before."""
    most = times * known[:, KPA, what]
    left = np.maximum(0.0, SPENDABLE * times * spent[:, ALONE, what] - spent[:, OURS, what])
    return np.asarray(known[:, :, what] > (most + left)[:, np.newaxis] + 1e-9)


def _kept_to(loss: Array, pods: Array, delayed: Array, known: Array, max_delayed: Array) -> Array:
    """The losses; where a share of requests that may be delayed is given, the pods of those that keep to it.

    Those that do not come behind them, ranked by requests delayed.
    """
    ruled = ~np.isnan(max_delayed)[:, np.newaxis]
    most = np.nan_to_num(max_delayed)[:, np.newaxis] * known[:, :, REQUESTS]
    beyond = np.nanmax(pods, axis=1, keepdims=True, initial=0.0) + 1 + delayed
    return np.where(ruled, np.where(delayed <= most, pods, beyond), loss)


def borrowed(pooled: Array, pod_s: float) -> Array:
    """(e, TOLD) what all services together came to, scaled to so many pod-seconds of the KPA alone."""
    held = pooled[KPA, PODS]
    return pod_s * np.nan_to_num(pooled) / held if held > 0 else np.zeros_like(pooled)
