"""What a plan asks to be written, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.keys import RevisionKey
from scaler.plan.result import FleetPlan
from scaler.revision import RevisionSpec

NONE_STANDS = -1


@dataclass(frozen=True)
class Order:
    """One thing to write: a floor, or None to take ours back."""

    key: RevisionKey
    uid: str
    floor: int | None


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
class Outcome:
    """What became of one order, and why in words."""

    order: Order
    result: Result
    message: str = ""


def standing_floors(revisions: tuple[RevisionSpec, ...]) -> NDArray[np.int32]:
    """(r,) floors of ours that stand now; NONE_STANDS where none does."""
    return np.array([NONE_STANDS if r.floor is None else r.floor for r in revisions], np.int32)


def orders(
    plan: FleetPlan,
    revisions: tuple[RevisionSpec, ...],
    *,
    acts: NDArray[np.bool_],
    owner_min: NDArray[np.int32],
    standing: NDArray[np.int32],
) -> list[Order]:
    """Only what differs from what stands.

    acts (r,): a floor may be written; where it may not, ours is taken back.  A floor that is no higher than
    the owner's own min-scale (owner_min) is none.
    """
    asked = np.where(acts & (plan.floor > owner_min), plan.floor, NONE_STANDS)
    return [
        Order(revisions[i].key, revisions[i].uid, None if asked[i] == NONE_STANDS else int(asked[i]))
        for i in np.flatnonzero(asked != standing)
    ]
