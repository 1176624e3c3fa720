"""FeMux: for each block of minutes the forecaster that cost least after blocks like the one before.

    pods of minute i = ceil(forecast of its concurrency / target value),  from when the minute before is known

FeMux, EuroSys 2025; ubc-cirrus-lab/femux 06a293a (forecasters: scaler.policies.femux_members).  Blocks have
504 minutes.  Of a block: density (mean), stationarity (ADF, p <= 0.05), linearity (BDS on the differences of
log1p, p >= 0.05), harmonics (amplitudes of at least mean + 2 sd, of the frequencies in [2/120, 1/2] of the
block less its straight line); 1, 1, density, 0 where it is constant.  Standardised, and clustered by K-means;
a cluster has the forecaster of least cost over its blocks.  Cost is RUM on the grid of minutes, in seconds:

    0.808 x min(max(0, needed - forecast), requests) + GB-seconds held and not used / 99.69

Forecast pods are held for the minute; where they are too few the first requests' are held from then on to its
end.

Our reading, and what differs here.  FeMux trains on many applications and is tested on others, with 10 and
more clusters.  One series is all there is here: at each block the training is all blocks that are over, their
cost against the features of the block before, in clusters of about CLUSTER blocks.  Until there are two such
blocks, and in the first WINDOW minutes, it is the keep-alive of 10 minutes.  A pod holds the KPA's target
value of requests in flight, there one.
"""

import warnings

import numpy as np
from numpy.typing import NDArray

from scaler.policies.femux_members import WINDOW, forecasts
from scaler.policies.floors import MINUTE_S, concurrency, floors
from scaler.policies.policy import PlanRows, Policy, Series, on_steps
from scaler.simulation.score import COLD_S, GB_S_PER_COLD_S

BLOCK = 504
"""Minutes."""
CLUSTER = 8
"""Blocks."""
KEEP_ALIVE = 4
"""The member that stands in: 10 minutes."""
MIN_FORECAST = 8e-6
SIGNIFICANT = 0.05
ROUNDS = 50

Floats = NDArray[np.float64]


def femux(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """The plan."""
    minutes = on_steps(series, MINUTE_S)
    load = concurrency(series, minutes.counts, MINUTE_S)
    if len(load) == 0:
        return floors(series.world, [], [])
    said = forecasts(load, series.seed)
    early = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(10), load]), 10).max(axis=1)
    said[:, :WINDOW] = early[:WINDOW][: said.shape[1]]
    pods = containers(said, series.world.spec.target_value)
    needed = containers(load, series.world.spec.target_value)
    used = load * MINUTE_S / series.world.spec.target_value
    memory_gb = series.scenario.memory_mb / 1000
    costs = cost_of_minutes(pods[:, :-1], needed, minutes.counts, used, memory_gb)
    chosen = np.repeat(choices(load, costs), BLOCK)[: pods.shape[1]]
    # The forecast of minute i is made when minute i - 1 is known.
    return floors(series.world, minutes.known_at, pods[chosen, np.arange(pods.shape[1])][1:])


def containers(load: Floats, target_value: float) -> Floats:
    """Whole pods for a concurrency."""
    return np.where(load < MIN_FORECAST, 0.0, np.ceil(load / target_value))


def cost_of_minutes(
    pods: Floats, needed: Floats, requests: Floats, used_pod_s: Floats, memory_gb: float
) -> Floats:
    """(k, n) RUM of each minute under k forecasts of pods (k, n); the rest is (n,)."""
    missing = np.minimum(np.maximum(0.0, needed - pods), requests)
    # Request i of N comes at (i + 1/2) / N of the minute, and its pod stays to the end.
    late = MINUTE_S * (missing - missing**2 / (2 * np.maximum(requests, 1.0)))
    wasted_pod_s = np.maximum(pods * MINUTE_S + late - used_pod_s, 0.0)
    return np.asarray(COLD_S * missing + wasted_pod_s * memory_gb / GB_S_PER_COLD_S)


def choices(load: Floats, costs: Floats) -> NDArray[np.int64]:
    """(b,) the member of each block, one more than the whole blocks of load (n,) and costs (k, n)."""
    whole = len(load) // BLOCK
    blocks = load[: whole * BLOCK].reshape(whole, BLOCK)
    of_blocks = np.array([features(block) for block in blocks]).reshape(whole, 4)
    cost = costs[:, : whole * BLOCK].reshape(len(costs), whole, BLOCK).sum(axis=2)
    worked = cost.max(axis=0) > 0
    members = np.full(whole + 1, KEEP_ALIVE)
    for block in range(1, whole + 1):
        after = 1 + np.flatnonzero(worked[1:block])
        if len(after) >= 2:
            centre, spread = of_blocks[after - 1].mean(axis=0), of_blocks[after - 1].std(axis=0)
            scaled = (of_blocks - centre) / np.where(spread > 0, spread, 1.0)
            centres = k_means(scaled[after - 1], -(-len(after) // CLUSTER))
            alike = nearest(scaled[after - 1], centres) == nearest(scaled[[block - 1]], centres)
            members[block] = cost[:, after[alike]].sum(axis=1).argmin()
    return members


def features(block: Floats) -> tuple[float, float, float, float]:
    """Density, stationarity, linearity and harmonics of a block (BLOCK,)."""
    from statsmodels.tsa.stattools import adfuller, bds  # noqa: PLC0415  # takes seconds to load

    density = float(block.mean())
    if block.min() == block.max():
        return density, 1.0, 1.0, 0.0
    growth = np.diff(np.log1p(block))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        p_stationary = float(adfuller(block, autolag="AIC")[1])
        p_linear = float(bds(growth)[1])
    # Where a test has no answer the block counts as simple.
    return density, float(not p_stationary > SIGNIFICANT), float(not p_linear < SIGNIFICANT), harmonics(block)


def harmonics(block: Floats) -> float:
    """How many amplitudes stand out."""
    steps = np.arange(len(block))
    amplitudes = np.abs(np.fft.rfft(block - np.polyfit(steps, block, 1)[0] * steps))[: len(block) // 2]
    within = amplitudes[np.arange(len(amplitudes)) / len(block) >= 2 / WINDOW]
    return float((within >= within.mean() + 2 * within.std()).sum())


def k_means(points: Floats, k: int) -> Floats:
    """(k, f) centres of points (p, f): begun at points far from each other, the first nearest the mean."""
    centres = points[[((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin()]]
    while len(centres) < k:
        apart = ((points[:, np.newaxis] - centres) ** 2).sum(axis=2).min(axis=1)
        centres = np.concatenate([centres, points[[apart.argmax()]]])
    for _ in range(ROUNDS):
        of = nearest(points, centres)
        moved = np.stack([points[of == c].mean(axis=0) if (of == c).any() else centres[c] for c in range(k)])
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def nearest(points: Floats, centres: Floats) -> NDArray[np.int64]:
    """(p,) the centre that is nearest to each point."""
    return np.asarray(((points[:, np.newaxis] - centres) ** 2).sum(axis=2).argmin(axis=1), np.int64)


FEMUX = Policy(
    about="for each block of minutes the forecaster that cost least after blocks like the one before",
    source="FeMux, EuroSys 2025; ubc-cirrus-lab/femux 06a293a",
    plan=femux,
    slow=True,
)
