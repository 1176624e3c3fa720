"""What a plan asks to be written, and what became of it."""

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
_WINDOW, _RETENTION = LEVERS.index(Lever.WINDOW), LEVERS.index(Lever.RETENTION)
_DECIMALS = (2, 0, 2, 0)
"""Of each setting: so many survive being written and read again; Knative wants whole seconds."""


@dataclass(frozen=True)
class Change:
    """One thing to write: all of ours that should stand on a Revision afterwards.

    floor    None: ours is taken back.
    setting  what it does not say is taken back; its min_scale is not used.
    """

    key: RevisionKey
    uid: str
    floor: int | None
    setting: KpaSettings = UNSET

    def __str__(self) -> str:
        texts = {"floor": self.floor, **self.setting.texts()}
        return (
            ", ".join(f"{name} {text}" for name, text in texts.items() if text is not None)
            or "all taken back"
        )


class Result(StrEnum):
    """What became of an order."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    GONE = "gone"
    """The Revision is no longer there, or another one has its name."""
    CONFLICT = "conflict"
    """A person wrote there; it is theirs."""
    DENIED = "denied"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


@dataclass(frozen=True)
class WriteResult:
    """What became of one order, and why in words."""

    order: Change
    result: Result
    message: str = ""


@dataclass(frozen=True, eq=False)
class Applied:
    """What of ours stands on Revisions, or should.

    floors     (r,) pods; NOT_SET where none does.
    settings   (r, 4) as LEVERS; NaN where none does.
    """

    floors: NDArray[np.int32]
    settings: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Allowed:
    """What may be written; where it may not, ours is taken back.

    floors     (r,);  settings   (r, 4) as LEVERS.
    """

    floors: NDArray[np.bool_]
    settings: NDArray[np.bool_]


def applied(revisions: tuple[RevisionSpec, ...]) -> Applied:
    """What stands on them now."""
    floors = np.array([NOT_SET if r.floor is None else r.floor for r in revisions], np.int32)
    rows = np.array([r.setting.row() for r in revisions], np.float64)
    return Applied(floors, rows.reshape(-1, len(LEVERS)))


def allowed(spec: FleetSpec, *, stale: bool = False) -> Allowed:
    """What may be written on the Revisions of `spec`: nothing, where what is known is too old."""
    return Allowed(spec.floors_act & (not stale), spec.settings_act & (not stale))


def diff(
    plan: FleetPlan,
    revisions: tuple[RevisionSpec, ...],
    *,
    may: Allowed,
    owner_min: NDArray[np.int32],
    now: Applied,
) -> list[Change]:
    """Only what differs from what stands now.

    A floor that is no higher than the owner's own min-scale (owner_min) is none.  A setting that the plan
    leaves alone (NaN) is the owner's: ours, if one stands, is taken back, unless nothing was decided yet.
    """
    floors = np.where(may.floors & (plan.floor > owner_min), plan.floor, NOT_SET)
    settings = np.where(plan.decided[:, np.newaxis], plan.settings, now.settings)
    return _differing(revisions, Applied(floors, admitted(settings, may.settings)), now)


def reverts(revisions: tuple[RevisionSpec, ...], *, may: Allowed, now: Applied) -> list[Change]:
    """Takes back what stands and may not; the rest stays as it is."""
    kept = Applied(np.where(may.floors, now.floors, NOT_SET), np.where(may.settings, now.settings, np.nan))
    return _differing(revisions, kept, now)


def admitted(settings: NDArray[np.float64], may: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(r, 4) what of the settings may be written (r, 4), within what Knative's webhook lets in.

    A shorter window lets the last pod go between two requests: one that is asked for together with a
    retention is not written without it.
    """
    may = may.copy()
    may[:, _WINDOW] &= may[:, _RETENTION] | np.isnan(settings[:, _RETENTION])
    least, most = np.array(WEBHOOK_RANGES).T
    within = np.clip(np.where(np.isfinite(settings) & may, settings, np.nan), least, most)
    for column, decimals in enumerate(_DECIMALS):
        within[:, column] = within[:, column].round(decimals)
    return within


def _differing(revisions: tuple[RevisionSpec, ...], wanted: Applied, now: Applied) -> list[Change]:
    same = (wanted.settings == now.settings) | (np.isnan(wanted.settings) & np.isnan(now.settings))
    changes = (wanted.floors != now.floors) | ~same.all(axis=1)
    return [
        Change(
            revisions[i].key,
            revisions[i].uid,
            None if wanted.floors[i] == NOT_SET else int(wanted.floors[i]),
            from_row(tuple(wanted.settings[i].tolist())),
        )
        for i in np.flatnonzero(changes)
    ]
