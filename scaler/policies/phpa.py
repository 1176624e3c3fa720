"""The Predictive Horizontal Pod Autoscaler: the HPA's rule, and a forecast of what that rule will want.

    pods = behaviour(max(h, forecast of h)),  h = the HPA's rule (scaler.policies.hpa), every 15 s

jthomperoo/predictive-horizontal-pod-autoscaler c91d060: internal/controllers/controller.go,
internal/prediction, internal/scalebehavior, algorithms/holt_winters, algorithms/linear_regression.

`phpa`   Holt-Winters over the stored history in the order of time.
`phpa-as-coded`   The same over the history as the code has it: pruning sorts it newest first, the value of
    this sync is appended after that, so the model reads time backwards, and then jumps from its end to now.
`phpa-linear`   The straight line through the last values, at lookAhead: historySize and lookAhead of the
    project's example, 6 (and the value of this sync) and 10 s.

Additive trend and season.  A forecast takes two whole seasons.  Once more than STORED_SEASONS and one are
stored, the oldest is dropped.  Hindcast are rounded up, less NOISE: PHPA rounds up rounding errors too.

Our reading.  The season is a day of syncs and 4 are stored; α, β, γ = 0.5, 0.1, 0.1.  The project's example
has 0.9 for all three, for a season of two minutes; over a day of syncs that amplifies noise a hundredfold.

What differs here: as told in scaler.policies.hpa.  minReplicas is 1, its default, and there is no
maxReplicas.
"""

import math
from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import DAY_S, demand_known, floors
from scaler.policies.holt_winters import (
    Smoothing,
    Start,
    centred_average,
    one_ahead,
    start,
    start_of,
    weights,
)
from scaler.policies.hpa import SYNC_S, Behavior, Predict, follow
from scaler.policies.policy import PlanRows, Policy, Series

DAILY = Smoothing(alpha=0.5, beta=0.1, gamma=0.1, season=DAY_S // SYNC_S)
STORED_SEASONS = 4
HISTORY_SIZE, LOOK_AHEAD_S = 6, 10
BEHAVIOR = Behavior(up_period_s=60)
NOISE = 1e-6
"""Pods."""


def phpa(series: Series, delay_cost: float, *, as_coded: bool = False) -> PlanRows:  # noqa: ARG001
    """The plan with Holt-Winters over a day."""
    return _plan(series, lambda syncs: holt_winters(DAILY, STORED_SEASONS, syncs, as_coded=as_coded))


def phpa_linear(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """The plan with the straight line."""
    return _plan(series, lambda _: linear())


def holt_winters(smoothing: Smoothing, stored_seasons: int, syncs: int, *, as_coded: bool) -> Predict:
    """Hindcast by Holt-Winters over the history of what was wanted, for so many syncs."""
    m = smoothing.season
    history = np.zeros(syncs)
    by = weights(smoothing, min(syncs, (stored_seasons + 1) * m))
    begin = _newest_first(m, syncs) if as_coded else _oldest_first(m)
    first = 0

    def predict(sync: int, h: int) -> int:
        nonlocal first
        history[sync] = h
        series, n = history[first : sync + 1], sync + 1 - first
        if as_coded:
            series = np.append(series[-2::-1] if n > 1 else [], h)
        begun = begin(series, sync, smoothing.cycles(n))
        first += max(0, n // m - stored_seasons) * m
        return 0 if n < smoothing.announced_rate else rounded_up(one_ahead(series, begun, by))

    return predict


def linear() -> Predict:
    """Hindcast by the least-squares line through the last values, at LOOK_AHEAD_S from now."""
    recent: deque[int] = deque(maxlen=HISTORY_SIZE + 1)
    # With the moment looked at as the origin, the forecast is the constant of the line.
    before_s = LOOK_AHEAD_S + SYNC_S * np.arange(HISTORY_SIZE, -1, -1.0)
    by_length = [
        np.linalg.pinv(np.stack([np.ones(n), before_s[len(before_s) - n :]], axis=1))[0]
        for n in range(1, HISTORY_SIZE + 2)
    ]

    def predict(sync: int, h: int) -> int:  # noqa: ARG001
        recent.append(h)
        return rounded_up(float(by_length[len(recent) - 1] @ np.array(recent, float)))

    return predict


def rounded_up(pods: float) -> int:
    """Whole pods."""
    return math.ceil(pods - NOISE)


Begin = Callable[[NDArray[np.float64], int, int], Start]
"""(series (n,) as the model reads it, sync, seasons at its beginning that are read) -> where it begins; of
fewer than two seasons nowhere.  Called once a sync."""


def _oldest_first(m: int) -> Begin:
    """The start is the same until a season is dropped, or one more can be read."""
    latest = (-1, 0, Start(0.0, 0.0, np.zeros(m)))

    def begin(series: NDArray[np.float64], sync: int, cycles: int) -> Start:
        nonlocal latest
        first = sync + 1 - len(series)
        if cycles >= 2 and latest[:2] != (first, cycles):
            latest = (first, cycles, start(series[: cycles * m], m))
        return latest[2]

    return begin


def _newest_first(m: int, syncs: int) -> Begin:
    """The start is another at each sync; the averages that it is made of are kept, in the order of time."""
    half = m // 2
    total, average, rest = np.zeros(syncs + 1), np.zeros(syncs), np.zeros(syncs)

    def begin(series: NDArray[np.float64], sync: int, cycles: int) -> Start:
        total[sync + 1] = total[sync] + series[-1]
        # The value of this sync is at the end of the series, not at its beginning.
        centre, span = sync - 1 - half, cycles * m
        if centre >= half:
            average[centre] = centred_average(total, centre, centre + 1, m)[0]
            rest[centre] = series[half] - average[centre]
        if cycles < 2:
            return Start(0.0, 0.0, np.zeros(m))
        if len(series) == span:
            return start(series, m)
        by_phase = rest[centre + 1 - span + m : centre + 1].reshape(-1, m).mean(axis=0)
        return start_of(average[centre - 9 : centre + 1][::-1], by_phase[::-1])

    return begin


def _plan(series: Series, predictor: Callable[[int], Predict]) -> PlanRows:
    at_s = np.arange(SYNC_S, len(series.arrivals) + 1, SYNC_S)
    target_value = series.world.spec.target_value
    pods = follow(demand_known(series, at_s), target_value, predictor(len(at_s)), BEHAVIOR)
    return floors(series.world, at_s, pods)


_SOURCE = "jthomperoo/predictive-horizontal-pod-autoscaler c91d060"
PHPA = Policy(
    about="the HPA's rule and Holt-Winters over what it wanted, in the order of time",
    source=_SOURCE,
    plan=phpa,
    slow=True,
)
PHPA_AS_CODED = Policy(
    about="the same, over the history in the order in which its code has it",
    source=_SOURCE,
    plan=partial(phpa, as_coded=True),
    slow=True,
)
PHPA_LINEAR = Policy(
    about="the HPA's rule and a straight line through what it last wanted",
    source=_SOURCE,
    plan=phpa_linear,
    slow=True,
)
