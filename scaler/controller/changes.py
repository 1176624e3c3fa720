"""Compute the changes that bring the annotations of a cluster to a plan, and name the results of writes."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever
from models.fleet.keys import RevisionKey
from scaler.kpa.settings import LEVERS, UNSET, WEBHOOK_RANGES, KpaSettings, from_row
from scaler.plan.fleet import FleetSpec
from scaler.plan.result import FleetPlan
from scaler.plan.revision import RevisionSpec

NOT_SET = -1
"""A floor in arrays of floors: Tidecast sets none."""
_WINDOW, _RETENTION = LEVERS.index(Lever.WINDOW), LEVERS.index(Lever.RETENTION)
_DECIMALS = (2, 0, 2, 0)
"""Decimals of each setting as LEVERS that survive being written and read; Knative wants whole seconds."""


@dataclass(frozen=True)
class Change:
    """One change: everything that Tidecast should have set on a Revision afterwards.

    floor      pods; None = no floor: one that Tidecast has set is reverted.
    settings   settings that it leaves out are reverted; its min_scale is not used.
    """

    key: RevisionKey
    uid: str
    floor: int | None
    settings: KpaSettings = UNSET

    def __str__(self) -> str:
        texts = {"floor": self.floor, **self.settings.texts()}
        parts = [f"{name} {text}" for name, text in texts.items() if text is not None]
        return ", ".join(parts) or "everything reverted"


class Result(StrEnum):
    """The result of a write."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    GONE = "gone"
    """The Revision no longer exists, or its name belongs to another one."""
    CONFLICT = "conflict"
    """A person has written the value; it is theirs."""
    DENIED = "denied"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


@dataclass(frozen=True)
class WriteResult:
    """The result of writing one change, and the reason in words."""

    change: Change
    result: Result
    message: str = ""


@dataclass(frozen=True, eq=False)
class Applied:
    """The values of r Revisions that Tidecast has set, or should set.

    floors     (r,) pods, or NOT_SET.
    settings   (r, 4) as LEVERS; NaN = not set.
    """

    floors: NDArray[np.int32]
    settings: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Writable:
    """What Tidecast may write; other values that it has set are reverted.

    floors     (r,)
    settings   (r, 4) as LEVERS.
    """

    floors: NDArray[np.bool_]
    settings: NDArray[np.bool_]


def applied(revisions: tuple[RevisionSpec, ...]) -> Applied:
    """Return the values that Tidecast has set on the Revisions."""
    floors = np.array([NOT_SET if r.floor is None else r.floor for r in revisions], np.int32)
    rows = np.array([r.settings.row() for r in revisions], np.float64)
    return Applied(floors, rows.reshape(-1, len(LEVERS)))


def writable(spec: FleetSpec, *, stale: bool = False) -> Writable:
    """Return what may be written on the Revisions of `spec`; nothing where the demand is `stale`."""
    return Writable(spec.floor_writable & (not stale), spec.settings_writable & (not stale))


def diff(
    plan: FleetPlan,
    revisions: tuple[RevisionSpec, ...],
    *,
    may: Writable,
    owner_min: NDArray[np.int32],
    current: Applied,
) -> list[Change]:
    """Return the changes from the `current` values to the plan.

    A floor that is not above the owner's min-scale (owner_min (r,)) is no floor.  A setting that the plan
    leaves to the owner (NaN) is reverted, unless nothing is decided yet.
    """
    floors = np.where(may.floors & (plan.floor > owner_min), plan.floor, NOT_SET)
    settings = np.where(plan.decided[:, np.newaxis], plan.settings, current.settings)
    return _changes(revisions, Applied(floors, within_webhook(settings, may.settings)), current)


def reverts(revisions: tuple[RevisionSpec, ...], *, may: Writable, current: Applied) -> list[Change]:
    """Return the changes that revert the current values which may not be written; the others stay."""
    kept = Applied(
        np.where(may.floors, current.floors, NOT_SET), np.where(may.settings, current.settings, np.nan)
    )
    return _changes(revisions, kept, current)


def within_webhook(settings: NDArray[np.float64], may: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the settings (r, 4) that may (r, 4) be written, within the ranges that Knative's webhook admits.

    A shorter window removes the last pod between two requests.  A window that the plan combines with a
    retention is therefore not written without it.
    """
    may = may.copy()
    may[:, _WINDOW] &= may[:, _RETENTION] | np.isnan(settings[:, _RETENTION])
    lowest, highest = np.array(WEBHOOK_RANGES).T
    within = np.clip(np.where(np.isfinite(settings) & may, settings, np.nan), lowest, highest)
    for column, decimals in enumerate(_DECIMALS):
        within[:, column] = within[:, column].round(decimals)
    return within


def _changes(revisions: tuple[RevisionSpec, ...], desired: Applied, current: Applied) -> list[Change]:
    same = (desired.settings == current.settings) | (np.isnan(desired.settings) & np.isnan(current.settings))
    changed = (desired.floors != current.floors) | ~same.all(axis=1)
    return [
        Change(
            revisions[i].key,
            revisions[i].uid,
            None if desired.floors[i] == NOT_SET else int(desired.floors[i]),
            from_row(tuple(desired.settings[i].tolist())),
        )
        for i in np.flatnonzero(changed)
    ]
