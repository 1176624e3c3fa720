"""Keep-alive by a histogram of idle times: a pod is unloaded after a request and loaded before the next one.

    after each request: unload; load after `pre_warm`; keep for `keep_alive`

Both are minutes, from the histogram of past idle times (bins of a minute, range R = 4 h):

    pre_warm               = 0.90 x lower edge of the bin of the 5th percentile; under a minute: not unloaded
    pre_warm + keep_alive  = 1.10 x upper edge of the bin of the 99th percentile

hybrid-histogram
    [shahrad2020], section 4.  The histogram applies where the coefficient of variation of its bin counts is 2
    or more; where more idle times than not are beyond R, a forecast p of the next one: pre_warm = 0.85 p,
    keep_alive = 0.30 p; else keep_alive = R.
hybrid-histogram-faascache
    The re-implementation in FaasCache's simulator ([fuerst2021], aFuerst/faascache-sim e1f3b84,
    LambdaScheduler.py): times between arrivals; the histogram applies where variance/mean of its minutes is
    at most 2; else 2 h.  A pod to be warmed is added while pre_warm has *not* yet passed, that is at once:
    the pod is never unloaded before its time is over.

Interpretation.  An idle time lies between two seconds with arrivals, from the end of service to the next
arrival; requests that overlap have none.  Fewer than MIN_TIMES idle times are too few, a number that the
paper does not give (without it, a single idle time is representative).  The ARIMA is autoregressive, p <= 2
and d <= 1 by AICc, so that a fit at each request is cheap.

Differences.  Loaded is a floor of one pod, unloaded none: the KPA adds the pods beyond it, and also keeps a
pod for its window and grace period after each request.  A request is known after the metrics delay; until
then, the rule continues from the one before.  Both times are renewed at the first request that becomes known
in a minute.
"""

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import NEVER_S, floor_plan
from scaler.policies.policy import PlanRows, Policy, Series

RANGE_MIN = 240
"""Range R of the histogram in minutes, as in [shahrad2020]."""
MIN_TIMES = 5
"""Idle times from which the histogram counts.  Chosen by hand."""
CONCENTRATED = 2.0
"""Coefficient of variation of the bin counts from which the histogram applies, as in [shahrad2020]."""
HEAD, TAIL = 0.05, 0.99
"""Levels of the quantiles of pre_warm and of the end of keep_alive, as in [shahrad2020]."""
HEAD_MARGIN, TAIL_MARGIN = 0.9, 1.1
"""Factors of both quantiles, as in [shahrad2020]."""
ARIMA_MARGIN = 0.15
"""Margin on both sides of a forecast idle time, as in [shahrad2020]."""
FAASCACHE_MIN = 120.0
"""Keep-alive in minutes where the histogram does not apply, as in FaasCache's simulator."""

Minutes = NDArray[np.float64]


def hybrid_histogram(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """Return the plan by the rule of the paper."""
    arrival_s = np.flatnonzero(series.arrivals > 0)
    idle_s = np.diff(arrival_s) - series.pod_model.service_time_s
    idle = np.flatnonzero(idle_s > 0)
    idle_min = idle_s[idle] / 60
    first = first_of_each_minute(arrival_s, series.scenario.metrics_delay_seconds)
    known = np.searchsorted(idle + 1, first, side="right")
    bins, beyond = histograms(idle_min, known)
    in_range, mean = known - beyond, (known - beyond) / RANGE_MIN
    std = np.sqrt(np.maximum((bins.astype(float) ** 2).sum(axis=1) / RANGE_MIN - mean**2, 0))
    pre_warm, until = cutoffs(bins)
    standard = (known < MIN_TIMES) | (std < CONCENTRATED * mean)
    pre_warm[standard | (in_range == 0)], until[standard | (in_range == 0)] = 0.0, RANGE_MIN
    for i in np.flatnonzero((known >= MIN_TIMES) & (2 * beyond > known)):
        forecast = forecast_idle_time(idle_min[: known[i]])
        pre_warm[i], until[i] = (1 - ARIMA_MARGIN) * forecast, (1 + ARIMA_MARGIN) * forecast
    return loaded_plan(series, arrival_s, first, pre_warm, until)


def hybrid_histogram_faascache(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """Return the plan by the rule of FaasCache's simulator."""
    arrival_s = np.flatnonzero(series.arrivals > 0)
    between_min = np.diff(arrival_s) / 60
    first = first_of_each_minute(arrival_s, series.scenario.metrics_delay_seconds)
    bins, beyond = histograms(between_min, first)
    times = np.maximum(first - beyond, 1)
    minutes = np.arange(RANGE_MIN)
    mean = bins @ minutes / times
    variance = np.maximum(bins @ minutes**2 / times - mean**2, 0)
    until = cutoffs(bins)[1]
    until[(first - beyond < 2) | (variance > 2 * mean)] = FAASCACHE_MIN
    return loaded_plan(series, arrival_s, first, np.zeros(len(first)), until)


def histograms(minutes: Minutes, known: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return g histograms: bin counts (g, RANGE_MIN), and the number of times beyond the range (g,).

    minutes   (t,) idle times
    known     (g,) number of idle times that each histogram counts, ascending
    """
    group = np.searchsorted(known, np.arange(len(minutes)), side="right")
    counted, bins = group < len(known), np.zeros((len(known), RANGE_MIN + 1), np.int64)
    np.add.at(bins, (group[counted], np.minimum(minutes[counted], RANGE_MIN).astype(np.int64)), 1)
    bins = bins.cumsum(axis=0)
    return bins[:, :RANGE_MIN], bins[:, RANGE_MIN]


def cutoffs(bins: NDArray[np.int64]) -> tuple[Minutes, Minutes]:
    """Return pre-warm time and end of the keep-alive, both (g,) minutes after a request.

    bins   (g, RANGE_MIN) bin counts
    """
    cumulative = bins.cumsum(axis=1)
    times = cumulative[:, -1:]
    head = (cumulative < HEAD * times).sum(axis=1)
    tail = np.minimum((cumulative < TAIL * times).sum(axis=1) + 1, RANGE_MIN)
    return HEAD_MARGIN * head, TAIL_MARGIN * tail


def forecast_idle_time(minutes: Minutes) -> float:
    """Return the next idle time by the autoregression of least AICc; the mean where there are too few times.

    Order p <= 2 after d <= 1 differences, with a constant, by least squares.

    minutes   (t,) past idle times
    """
    best, min_aicc = float(minutes.mean()), np.inf
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
            if aicc < min_aicc:
                step = weights[0] + weights[1:] @ x[::-1][:p]
                best, min_aicc = float(step + d * minutes[-1]), aicc
    return max(best, 0.0)


def loaded_plan(
    series: Series,
    arrival_s: NDArray[np.int64],
    first: NDArray[np.int64],
    pre_warm: Minutes,
    until: Minutes,
) -> PlanRows:
    """Return the plan with a floor of one pod while the rule has the pod loaded.

    arrival_s   (e,) seconds with arrivals
    first       (g,) indices in `arrival_s` from which the g-th pre_warm and until are active
    pre_warm    (g,) minutes after the end of a request at which the pod is loaded
    until       (g,) minutes after the end of a request at which the pod is unloaded
    """
    if len(arrival_s) == 0:
        return floor_plan(series.pod_model, [], [])
    group = np.searchsorted(first, np.arange(len(arrival_s)), side="right") - 1
    pre_warm, until = pre_warm[group], until[group]
    known_s = arrival_s + 1 + series.scenario.metrics_delay_seconds
    next_s = np.append(known_s[1:], NEVER_S)
    end_s = np.ceil(arrival_s + series.pod_model.service_time_s)
    from_s = np.where(pre_warm < 1, known_s, np.ceil(end_s + 60 * pre_warm)).astype(np.int64)
    from_s = np.minimum(np.maximum(from_s, known_s), next_s)
    to_s = np.minimum(np.maximum(np.ceil(end_s + 60 * until).astype(np.int64), from_s), next_s)
    at_s = np.stack([known_s, from_s, to_s], axis=1).ravel()
    return floor_plan(series.pod_model, at_s, np.tile([0, 1, 0], len(arrival_s)))


def first_of_each_minute(arrival_s: NDArray[np.int64], delay_s: int) -> NDArray[np.int64]:
    """Return the indices (g,) of the first request that becomes known in each minute that has one."""
    return np.flatnonzero(np.diff((arrival_s + 1 + delay_s) // 60, prepend=-1))


HYBRID_HISTOGRAM = Policy(
    description="unloads after a request and loads before the next, by a histogram of idle times",
    source="Shahrad et al., Serverless in the Wild, USENIX ATC 2020",
    plan=hybrid_histogram,
)
HYBRID_HISTOGRAM_FAASCACHE = Policy(
    description="the hybrid histogram as FaasCache's simulator has it",
    source="Fuerst and Sharma, FaasCache, ASPLOS 2021; aFuerst/faascache-sim e1f3b84",
    plan=hybrid_histogram_faascache,
)
