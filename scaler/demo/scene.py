"""Collect what is visible at one moment of the demo, for the terminal and for the page."""

from dataclasses import dataclass

import numpy as np

from models.fleet.keys import RevisionKey
from scaler.controller.status import Status
from scaler.demo.simulations import PolicySimulations
from scaler.simulation.state import METRICS


@dataclass(frozen=True)
class PolicyView:
    """One Revision under one policy."""

    ready: int
    starting: int
    queue: float
    """Requests that wait."""
    delayed: float
    """Requests delayed so far."""
    starts: float
    """Pods created so far."""
    pod_hours: float
    """Pod-hours held so far, starting and ready."""


@dataclass(frozen=True)
class RevisionView:
    """One of the two Revisions."""

    key: RevisionKey
    rate: float
    """Mean requests/s since the previous scene."""
    median: float | None
    """Requests/s: median of the forecast peak; None = no forecast."""
    high: float | None
    """Requests/s: 0.95 quantile of the forecast peak."""
    lead_s: float
    """Lead time, seconds."""
    floor: int
    reason: str
    """The reason of the floor, and the bound that binds."""
    policies: tuple[PolicyView, ...]
    """In the order of POLICIES."""


@dataclass(frozen=True)
class Scene:
    """One moment."""

    at_s: int
    """Unix seconds, simulated."""
    revisions: tuple[RevisionView, ...]


def scene(
    at_s: int, rates: dict[RevisionKey, float], simulations: PolicySimulations, status: Status
) -> Scene:
    """Return the scene.

    rates   requests/s of each Revision, in the order of the simulations
    """
    revisions = (
        _revision_view(i, key, rate, simulations, status) for i, (key, rate) in enumerate(rates.items())
    )
    return Scene(at_s, tuple(revisions))


def _revision_view(
    row: int, key: RevisionKey, rate: float, simulations: PolicySimulations, status: Status
) -> RevisionView:
    plan = status.plan[key] if status.plan is not None and key in status.plan.keys else None
    if plan is None:
        return RevisionView(
            key, rate, None, None, 0.0, 0, status.read_error or "no plan yet", _policy_views(row, simulations)
        )
    bound = f", bounded by {plan.bound}" if str(plan.bound) else ""
    return RevisionView(
        key=key,
        rate=rate,
        median=None if np.isnan(plan.peak_median) else plan.peak_median,
        high=None if np.isnan(plan.peak_p95) else plan.peak_p95,
        lead_s=plan.lead_s,
        floor=plan.floor,
        reason=f"{plan.reason}{bound}",
        policies=_policy_views(row, simulations),
    )


def _policy_views(row: int, simulations: PolicySimulations) -> tuple[PolicyView, ...]:
    pods, metrics = simulations.pods, dict(zip(METRICS, np.moveaxis(simulations.metrics, 2, 0), strict=True))
    held_s = metrics["starting_pod_s"] + metrics["ready_pod_s"]
    return tuple(
        PolicyView(
            ready=int(pods.ready[p, row]),
            starting=int(pods.starting[p, row]),
            queue=float(pods.queue[p, row]),
            delayed=float(metrics["delayed"][p, row]),
            starts=float(metrics["starts"][p, row]),
            pod_hours=float(held_s[p, row]) / 3600,
        )
        for p in range(len(pods.ready))
    )
