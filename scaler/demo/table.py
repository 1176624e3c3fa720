"""Summarize the demo: one row per policy, both Revisions together."""

from dataclasses import asdict
from typing import Any

from scaler.demo.simulations import POLICIES, PolicySimulations
from scaler.simulation.score import ReplayMetrics, replay_metrics
from scaler.simulation.simulator import Replay


def totals(simulations: PolicySimulations, memory_mb: float) -> list[tuple[str, ReplayMetrics]]:
    """Return the name and the metrics so far of each policy."""
    sums = simulations.metrics.sum(axis=1)
    return [
        (policy, replay_metrics(Replay(*metrics.tolist()), memory_mb))
        for policy, metrics in zip(POLICIES, sums, strict=True)
    ]


def for_people(policy: str, metrics: ReplayMetrics) -> dict[str, Any]:
    """Return one row of the table."""
    return {
        "policy": policy,
        "requests": round(metrics.requests),
        "delayed_%": _percent(metrics.delayed, metrics.requests),
        "cold_%": _percent(metrics.cold, metrics.requests),
        "pod_hours": metrics.pod_s / 3600,
        "pod_starts": round(metrics.starts),
        "wait_s": round(metrics.wait_s),
    }


def for_programs(policy: str, metrics: ReplayMetrics) -> dict[str, Any]:
    """Return the metrics with the names that a backtest uses."""
    return {"policy": policy, **asdict(metrics)}


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0
