"""What a replay came to, in the figures that reports and programs read."""

from dataclasses import dataclass

from scaler.simulation.simulator import Replay

COLD_S = 0.808
"""Seconds that a cold start takes, in RUM."""
GB_S_PER_COLD_S = 99.69
"""GB-seconds wasted that are worth one second of cold start, in RUM."""


@dataclass(frozen=True)
class ReplayMetrics:
    """ReplayMetrics of a replay over the scored span; names and units as in `Replay`."""

    requests: float
    delayed: float
    cold: float
    wait_s: float
    pod_s: float
    busy_pod_s: float
    starts: float
    changes: float
    rum: float
    """See `rum`."""


def figures(replay: Replay, memory_mb: float) -> ReplayMetrics:
    """The figures of a replay of pods that have so much memory."""
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
    """Representative unified metric, in seconds of cold start; lower is better.

        0.808 s x cold requests + GB-seconds held and not busy / 99.69

    FeMux (EuroSys 2025), the weights of its published code.
    """
    wasted_gb_s = (replay.pod_s - replay.busy_pod_s) * memory_mb / 1000
    return COLD_S * replay.cold + wasted_gb_s / GB_S_PER_COLD_S


def cost(figures: ReplayMetrics, delay_cost: float) -> float:
    """Pod-seconds held, and `delay_cost` more for each request that was delayed."""
    return figures.pod_s + delay_cost * figures.delayed
