"""Keep-alive by a histogram of idle times: a pod goes after a request and is back before the next.

    after each request: unload; load after `pre_warm`; keep for `keep_alive`

Both are minutes, from the histogram of idle times so far (bins of a minute, range R = 4 h):

    pre_warm               = 0.90 x lower edge of the bin of the 5th percentile; under a minute: not unloaded
    pre_warm + keep_alive  = 1.10 x upper edge of the bin of the 99th percentile

`hybrid-histogram`   Shahrad et al., Serverless in the Wild (USENIX ATC 2020), section 4.  The histogram where
    the coefficient of variation of its bin counts is 2 or more; where more idle times than not are beyond R,
    a forecast p of the next one: pre_warm = 0.85 p, keep_alive = 0.30 p; else keep_alive = R.
`hybrid-histogram-faascache`   The re-implementation in FaasCache's simulator (ASPLOS 2021,
    aFuerst/faascache-sim e1f3b84, LambdaScheduler.py): times between arrivals; the histogram where
    variance/mean of its minutes is at most 2; else 2 h.  A pod to be warmed is added while pre_warm has *not*
    yet passed, so it is there at once: the pod is never unloaded before its time is over.

Our reading.  An idle time lies between two seconds with arrivals, from the end of service to the next
arrival; requests that overlap leave none.  Under MIN_TIMES idle times are too few, a number the paper does
not give (without one a single idle time is representative).  The ARIMA is autoregressive, p <= 2 and d <= 1
by AICc, so that a fit at each request costs nothing.

What differs here.  Loaded is a floor of one pod, unloaded none: what is needed beyond it is the KPA's, which
also keeps a pod for its window and grace after each request.  A request is known after the metrics delay, and
until then the rule goes on from the one before.  Both times are renewed at the first request that becomes
known in a minute.
"""

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import NEVER_S, floors
from scaler.policies.policy import PlanRows, Policy, Series

RANGE_MIN = 240
MIN_TIMES = 5
CONCENTRATED = 2.0
"""Coefficient of variation of the bin counts."""
HEAD, TAIL = 0.05, 0.99
HEAD_MARGIN, TAIL_MARGIN = 0.9, 1.1
ARIMA_MARGIN = 0.15
FAASCACHE_MIN = 120.0
"""Keep-alive where the histogram is not used."""

Minutes = NDArray[np.float64]


def hybrid_histogram(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """The rule of the paper."""
    at_s = np.flatnonzero(series.arrivals > 0)
    idle_s = np.diff(at_s) - series.world.service_s
    apart = np.flatnonzero(idle_s > 0)
    idle_min = idle_s[apart] / 60
    first = first_of_each_minute(at_s, series.scenario.metrics_delay_seconds)
    known = np.searchsorted(apart + 1, first, side="right")
    bins, beyond = histograms(idle_min, known)
    times, mean = known - beyond, (known - beyond) / RANGE_MIN
    spread = np.sqrt(np.maximum((bins.astype(float) ** 2).sum(axis=1) / RANGE_MIN - mean**2, 0))
    pre_warm, until = cutoffs(bins)
    standard = (known < MIN_TIMES) | (spread < CONCENTRATED * mean)
    pre_warm[standard | (times == 0)], until[standard | (times == 0)] = 0.0, RANGE_MIN
    for i in np.flatnonzero((known >= MIN_TIMES) & (2 * beyond > known)):
        expected = next_idle(idle_min[: known[i]])
        pre_warm[i], until[i] = (1 - ARIMA_MARGIN) * expected, (1 + ARIMA_MARGIN) * expected
    return loaded(series, at_s, first, pre_warm, until)


def hybrid_histogram_faascache(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """FaasCache's variant."""
    at_s = np.flatnonzero(series.arrivals > 0)
    between_min = np.diff(at_s) / 60
    first = first_of_each_minute(at_s, series.scenario.metrics_delay_seconds)
    bins, beyond = histograms(between_min, first)
    times = np.maximum(first - beyond, 1)
    minutes = np.arange(RANGE_MIN)
    mean = bins @ minutes / times
    variance = np.maximum(bins @ minutes**2 / times - mean**2, 0)
    until = cutoffs(bins)[1]
    until[(first - beyond < 2) | (variance > 2 * mean)] = FAASCACHE_MIN
    return loaded(series, at_s, first, np.zeros(len(first)), until)


def histograms(minutes: Minutes, known: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bin counts (g, RANGE_MIN) of the first `known` (g,) times, and how many are beyond the range (g,)."""
    group = np.searchsorted(known, np.arange(len(minutes)), side="right")
    seen, bins = group < len(known), np.zeros((len(known), RANGE_MIN + 1), np.int64)
    np.add.at(bins, (group[seen], np.minimum(minutes[seen], RANGE_MIN).astype(np.int64)), 1)
    bins = bins.cumsum(axis=0)
    return bins[:, :RANGE_MIN], bins[:, RANGE_MIN]


def cutoffs(bins: NDArray[np.int64]) -> tuple[Minutes, Minutes]:
    """Pre-warm and end of keep-alive, both (g,) minutes after a request, from bin counts (g, RANGE_MIN)."""
    reached = bins.cumsum(axis=1)
    times = reached[:, -1:]
    head = (reached < HEAD * times).sum(axis=1)
    tail = np.minimum((reached < TAIL * times).sum(axis=1) + 1, RANGE_MIN)
    return HEAD_MARGIN * head, TAIL_MARGIN * tail


def next_idle(minutes: Minutes) -> float:
    """The next of some idle times, by the autoregression of least AICc; their mean where they are few.

    Order p <= 2 after d <= 1 differences, with a constant, by least squares.
    """
    best, least = float(minutes.mean()), np.inf
    for d in (0, 1):
        x = np.diff(minutes, d)
        for p in (0, 1, 2):
            n, k = len(x) - p, p + 2
            if n <= k + 1:
                continue
            lags = [x[p - lag : len(x) - lag] for lag in range(1, p + 1)]
            design = np.stack([np.ones(n), *lags], axis=1)
            weights = np.linalg.lstsq(design, x[p:], rcond=None)[0]
            variance = max(float(np.mean((x[p:] - design @ weights) ** 2)), 1e-9)
            aicc = n * np.log(variance) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
            if aicc < least:
                step = weights[0] + weights[1:] @ x[::-1][:p]
                best, least = float(step + d * minutes[-1]), aicc
    return max(best, 0.0)


def loaded(
    series: Series, at_s: NDArray[np.int64], first: NDArray[np.int64], pre_warm: Minutes, until: Minutes
) -> PlanRows:
    """The plan: a floor of one pod while the rule has the pod loaded.

    at_s       (e,) seconds with arrivals
    first      (g,) places in `at_s` from which the g-th pre_warm and until are in force
    pre_warm   (g,) minutes, and until (g,): loaded from pre_warm to until after a request's end
    """
    if len(at_s) == 0:
        return floors(series.world, [], [])
    group = np.searchsorted(first, np.arange(len(at_s)), side="right") - 1
    pre_warm, until = pre_warm[group], until[group]
    known_s = at_s + 1 + series.scenario.metrics_delay_seconds
    next_s = np.append(known_s[1:], NEVER_S)
    end_s = np.ceil(at_s + series.world.service_s)
    from_s = np.where(pre_warm < 1, known_s, np.ceil(end_s + 60 * pre_warm)).astype(np.int64)
    from_s = np.minimum(np.maximum(from_s, known_s), next_s)
    to_s = np.minimum(np.maximum(np.ceil(end_s + 60 * until).astype(np.int64), from_s), next_s)
    waits = np.stack([known_s, from_s, to_s], axis=1).ravel()
    return floors(series.world, waits, np.tile([0, 1, 0], len(at_s)))


def first_of_each_minute(at_s: NDArray[np.int64], delay_s: int) -> NDArray[np.int64]:
    """(g,) places in `at_s` of the first request that becomes known in each minute that has one."""
    return np.flatnonzero(np.diff((at_s + 1 + delay_s) // 60, prepend=-1))


_WILD = "Shahrad et al., Serverless in the Wild, USENIX ATC 2020"
HYBRID_HISTOGRAM = Policy(
    about="unloads after a request and loads before the next, by a histogram of idle times",
    source=_WILD,
    plan=hybrid_histogram,
)
HYBRID_HISTOGRAM_FAASCACHE = Policy(
    about="the hybrid histogram as FaasCache's simulator has it",
    source="Fuerst and Sharma, FaasCache, ASPLOS 2021; aFuerst/faascache-sim e1f3b84",
    plan=hybrid_histogram_faascache,
)
