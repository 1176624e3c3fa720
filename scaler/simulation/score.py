"""Metrics, cost and RUM of a replay: the numbers that reports and programs read."""

from dataclasses import dataclass

from scaler.simulation.simulator import Replay

COLD_S = 0.808
"""Seconds that one cold start takes in RUM; from the published code of [nasiri2026]."""
GB_S_PER_COLD_S = 99.69
"""Wasted GB-seconds that count as much as one second of cold start in RUM; from the code of [nasiri2026]."""


@dataclass(frozen=True)
class ReplayMetrics:
    """Metrics of a replay over the scored seconds; names and units as in `Replay`."""

    requests: float
    delayed: float
    cold: float
    wait_s: float
    pod_s: float
    busy_pod_s: float
    starts: float
    changes: float
    rum: float
    """Seconds of cold start (function `rum`)."""


def replay_metrics(replay: Replay, memory_mb: float) -> ReplayMetrics:
    """Return the metrics of a replay.

    memory_mb   memory of one pod in MB
    """
    return ReplayMetrics(
        requests=replay.requests,
        delayed=replay.delayed,
        cold=replay.cold,
        wait_s=replay.wait_s,
        pod_s=replay.pod_s,
        busy_pod_s=replay.busy_pod_s,
        starts=replay.starts,
        changes=replay.changes,
        rum=rum(replay, memory_mb),
    )


def rum(replay: Replay, memory_mb: float) -> float:
    """Return the representative unified metric of [nasiri2026] in seconds of cold start; lower is better.

        RUM = COLD_S x cold requests + GB-seconds of pods that are not busy / GB_S_PER_COLD_S

    memory_mb   memory of one pod in MB
    """
    wasted_gb_s = (replay.pod_s - replay.busy_pod_s) * memory_mb / 1000
    return COLD_S * replay.cold + wasted_gb_s / GB_S_PER_COLD_S


def cost(metrics: ReplayMetrics, delay_cost: float) -> float:
    """Return pod-seconds + `delay_cost` x delayed requests.

    delay_cost   cost of one delayed request in pod-seconds
    """
    return metrics.pod_s + delay_cost * metrics.delayed
