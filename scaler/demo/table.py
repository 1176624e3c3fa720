"""What the demo came to: one row a policy, both Revisions together."""

from dataclasses import asdict
from typing import Any

from scaler.demo.worlds import POLICIES, Worlds
from scaler.simulation.score import ReplayMetrics, figures
from scaler.simulation.simulator import Replay


def totals(worlds: Worlds, memory_mb: float) -> list[tuple[str, ReplayMetrics]]:
    """Policy -> its figures over what was lived so far."""
    sums = worlds.figures.sum(axis=1)
    return [
        (policy, figures(Replay(*of.tolist()), memory_mb)) for policy, of in zip(POLICIES, sums, strict=True)
    ]


def for_people(policy: str, of: ReplayMetrics) -> dict[str, Any]:
    """One row of the table."""
    return {
        "policy": policy,
        "requests": round(of.requests),
        "delayed_%": _percent(of.delayed, of.requests),
        "cold_%": _percent(of.cold, of.requests),
        "pod_hours": of.pod_s / 3600,
        "pod_starts": round(of.starts),
        "wait_s": round(of.wait_s),
    }


def for_programs(policy: str, of: ReplayMetrics) -> dict[str, Any]:
    """The same as numbers to compute with, in the names of a backtest."""
    return {"policy": policy, **asdict(of)}


def _percent(part: float, of: float) -> float:
    return 100 * part / of if of else 0.0
