"""What is to be seen of a moment of the demo: values, for the terminal and for the page."""

from dataclasses import dataclass

import numpy as np

from models.fleet.keys import RevisionKey
from scaler.controller.status import Status
from scaler.demo.worlds import Worlds
from scaler.simulation.state import METRICS


@dataclass(frozen=True)
class Stand:
    """One Revision under one policy."""

    ready: int
    starting: int
    queue: float
    """Requests that wait."""
    delayed: float
    """Requests that waited so far."""
    starts: float
    """Pods created so far."""
    pod_hours: float
    """Held so far, starting and ready."""


@dataclass(frozen=True)
class Half:
    """One of the two Revisions."""

    key: RevisionKey
    rate: float
    """Requests/s that came, mean since the last scene."""
    median: float | None
    """Requests/s expected at the peak of the plan's window; None: no forecast."""
    high: float | None
    """Requests/s that it stays below with probability 0.95."""
    lead_s: float
    """Seconds that the window reaches ahead."""
    floor: int
    why: str
    """What the floor comes from, and what bound it."""
    stands: tuple[Stand, ...]
    """As POLICIES."""


@dataclass(frozen=True)
class Scene:
    """One moment."""

    at_s: int
    """Unix seconds, simulated."""
    halves: tuple[Half, ...]


def scene(at_s: int, rates: dict[RevisionKey, float], worlds: Worlds, shown: Status) -> Scene:
    """How it stands; `rates`: requests/s that came to each Revision, in the order of the worlds."""
    halves = (_half(i, key, rate, worlds, shown) for i, (key, rate) in enumerate(rates.items()))
    return Scene(at_s, tuple(halves))


def _half(row: int, key: RevisionKey, rate: float, worlds: Worlds, shown: Status) -> Half:
    plan = shown.plan[key] if shown.plan is not None and key in shown.plan.keys else None
    if plan is None:
        return Half(key, rate, None, None, 0.0, 0, shown.read_error or "no plan yet", _stands(row, worlds))
    bound = f", bounded by {plan.bound}" if str(plan.bound) else ""
    return Half(
        key=key,
        rate=rate,
        median=None if np.isnan(plan.median) else plan.median,
        high=None if np.isnan(plan.high) else plan.high,
        lead_s=plan.lead_s,
        floor=plan.floor,
        why=f"{plan.reason}{bound}",
        stands=_stands(row, worlds),
    )


def _stands(row: int, worlds: Worlds) -> tuple[Stand, ...]:
    pods, figures = worlds.pods, dict(zip(METRICS, np.moveaxis(worlds.figures, 2, 0), strict=True))
    held_s = figures["starting_pod_s"] + figures["ready_pod_s"]
    return tuple(
        Stand(
            ready=int(pods.ready[p, row]),
            starting=int(pods.starting[p, row]),
            queue=float(pods.queue[p, row]),
            delayed=float(figures["delayed"][p, row]),
            starts=float(figures["starts"][p, row]),
            pod_hours=float(held_s[p, row]) / 3600,
        )
        for p in range(len(pods.ready))
    )
