"""FeMux: for each block of minutes, the forecaster that cost least after blocks like the previous one.

    pods of minute i = ceil(forecast of its concurrency / target value), from when minute i - 1 is known

[nasiri2026], ubc-cirrus-lab/femux 06a293a (forecasters: scaler.policies.femux_members).  Blocks have 504
minutes.  Features of a block: density (mean), stationarity (ADF, p <= 0.05), linearity (BDS on the
differences of log1p, p >= 0.05), harmonics (number of amplitudes of at least mean + 2 sd, of the frequencies
in [2/120, 1/2] of the block without its straight line); stationarity 1, linearity 1 and harmonics 0 where the
block is constant.  They are standardised and clustered by K-means; a cluster has the forecaster of least cost
over its blocks.  Cost is RUM on the grid of minutes, in seconds:

    0.808 x min(max(0, needed - forecast), requests) + GB-seconds held and not used / 99.69

Forecast pods are held for the minute; where they are too few, the pods of the first requests are held from
their arrival to its end.

Interpretation and differences.  FeMux trains on many applications and tests on others, with 10 and more
clusters.  Here there is one series: at each block, the training set is all past blocks, their cost with the
features of the block before, in clusters of about CLUSTER blocks.  Until there are two such blocks, and in
the first WINDOW minutes, the forecaster is the keep-alive of 10 minutes.  A pod holds the KPA's target value
of requests in flight; in FeMux it holds one.
"""

import warnings

import numpy as np
from numpy.typing import NDArray

from scaler.policies.femux_members import WINDOW, forecasts
from scaler.policies.floors import MINUTE_S, floor_plan, mean_concurrency
from scaler.policies.policy import PlanRows, Policy, Series, step_counts
from scaler.simulation.score import COLD_S, GB_S_PER_COLD_S

BLOCK = 504
"""Minutes of a block, as in FeMux."""
CLUSTER = 8
"""Blocks per cluster, on average.  Chosen by hand."""
KEEP_ALIVE = 4
"""Index of the keep-alive of 10 minutes among the forecasters."""
MIN_FORECAST = 8e-6
"""Smaller forecasts need no container, as in FeMux."""
SIGNIFICANT = 0.05
"""Level of both tests, as in FeMux."""
MAX_ROUNDS = 50
"""Largest number of iterations of K-means.  Chosen by hand."""

Floats = NDArray[np.float64]


def femux(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """Return the plan of floors."""
    minutes = step_counts(series, MINUTE_S)
    load = mean_concurrency(series, minutes.counts, MINUTE_S)
    if len(load) == 0:
        return floor_plan(series.pod_model, [], [])
    forecast = forecasts(load, series.seed)
    keep_alive = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(10), load]), 10)
    forecast[:, :WINDOW] = keep_alive.max(axis=1)[:WINDOW][: forecast.shape[1]]
    target_value = series.pod_model.spec.target_value
    pods, needed = containers(forecast, target_value), containers(load, target_value)
    used = load * MINUTE_S / target_value
    memory_gb = series.scenario.memory_mb / 1000
    rum = rum_by_minute(pods[:, :-1], needed, minutes.counts, used, memory_gb)
    member = np.repeat(select_members(load, rum), BLOCK)[: pods.shape[1]]
    # The forecast of minute i is made when minute i - 1 is known.
    return floor_plan(series.pod_model, minutes.known_s, pods[member, np.arange(pods.shape[1])][1:])


def containers(load: Floats, target_value: float) -> Floats:
    """Return the whole pods that a concurrency needs."""
    return np.where(load < MIN_FORECAST, 0.0, np.ceil(load / target_value))


def rum_by_minute(
    pods: Floats, needed: Floats, requests: Floats, used_pod_s: Floats, memory_gb: float
) -> Floats:
    """Return the RUM (k, n) of each of n minutes under k forecasts.

    pods         (k, n) pods of each forecast
    needed       (n,) pods that the minute needs
    requests     (n,)
    used_pod_s   (n,) pod-seconds that serving takes
    memory_gb    memory of a pod
    """
    missing = np.minimum(np.maximum(0.0, needed - pods), requests)
    # Request i of N arrives at (i + 1/2) / N of the minute, and its pod is held to the end of the minute.
    late_pod_s = MINUTE_S * (missing - missing**2 / (2 * np.maximum(requests, 1.0)))
    wasted_pod_s = np.maximum(pods * MINUTE_S + late_pod_s - used_pod_s, 0.0)
    return np.asarray(COLD_S * missing + wasted_pod_s * memory_gb / GB_S_PER_COLD_S)


def select_members(load: Floats, rum: Floats) -> NDArray[np.int64]:
    """Return the member of each block (b,): of the whole blocks of the load, and of the one after them.

    load   (n,) concurrency of each minute
    rum    (k, n) RUM of each member in each minute
    """
    whole = len(load) // BLOCK
    blocks = load[: whole * BLOCK].reshape(whole, BLOCK)
    block_features = np.array([features(block) for block in blocks]).reshape(whole, 4)
    cost = rum[:, : whole * BLOCK].reshape(len(rum), whole, BLOCK).sum(axis=2)
    has_cost = cost.max(axis=0) > 0
    members = np.full(whole + 1, KEEP_ALIVE)
    for block in range(1, whole + 1):
        training = 1 + np.flatnonzero(has_cost[1:block])
        if len(training) >= 2:
            mean = block_features[training - 1].mean(axis=0)
            std = block_features[training - 1].std(axis=0)
            scaled = (block_features - mean) / np.where(std > 0, std, 1.0)
            centres = k_means(scaled[training - 1], -(-len(training) // CLUSTER))
            same_cluster = nearest(scaled[training - 1], centres) == nearest(scaled[[block - 1]], centres)
            members[block] = cost[:, training[same_cluster]].sum(axis=1).argmin()
    return members


def features(block: Floats) -> tuple[float, float, float, float]:
    """Return density, stationarity, linearity and harmonics of a block (BLOCK,)."""
    from statsmodels.tsa.stattools import adfuller, bds  # noqa: PLC0415  # takes seconds to load

    density = float(block.mean())
    if block.min() == block.max():
        return density, 1.0, 1.0, 0.0
    growth = np.diff(np.log1p(block))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        p_stationary = float(adfuller(block, autolag="AIC")[1])
        p_linear = float(bds(growth)[1])
    # Where a test has no result (NaN), the block counts as stationary, or linear.
    stationary, linear = float(not p_stationary > SIGNIFICANT), float(not p_linear < SIGNIFICANT)
    return density, stationary, linear, count_harmonics(block)


def count_harmonics(block: Floats) -> float:
    """Return the number of amplitudes of at least mean + 2 standard deviations."""
    steps = np.arange(len(block))
    amplitudes = np.abs(np.fft.rfft(block - np.polyfit(steps, block, 1)[0] * steps))[: len(block) // 2]
    in_range = amplitudes[np.arange(len(amplitudes)) / len(block) >= 2 / WINDOW]
    return float((in_range >= in_range.mean() + 2 * in_range.std()).sum())


def k_means(points: Floats, k: int) -> Floats:
    """Return k centres (k, f) of points (p, f).

    The first initial centre is the point nearest to the mean, each further one the point farthest from all
    centres.
    """
    centres = points[[((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin()]]
    while len(centres) < k:
        distance = ((points[:, np.newaxis] - centres) ** 2).sum(axis=2).min(axis=1)
        centres = np.concatenate([centres, points[[distance.argmax()]]])
    for _ in range(MAX_ROUNDS):
        cluster = nearest(points, centres)
        moved = np.stack(
            [points[cluster == c].mean(axis=0) if (cluster == c).any() else centres[c] for c in range(k)]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def nearest(points: Floats, centres: Floats) -> NDArray[np.int64]:
    """Return the index of the nearest centre to each point (p,)."""
    return np.asarray(((points[:, np.newaxis] - centres) ** 2).sum(axis=2).argmin(axis=1), np.int64)


FEMUX = Policy(
    description="for each block of minutes, the forecaster that cost least after blocks like the last one",
    source="Nasiri et al., FeMux, EuroSys 2026; ubc-cirrus-lab/femux 06a293a",
    plan=femux,
    slow=True,
)
