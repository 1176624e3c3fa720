"""What we set on an object, and the owner's value beside it, on the same object.

    autoscaling.knative.dev/min-scale: "3"     what counts
    tidecast.dev/set.min-scale: "3"            what we wrote
    tidecast.dev/owner.min-scale: "1"          what the owner had; "" where he had none

So whoever comes next can give everything back without knowing what went before.  Ours stands as long as
what counts equals what we wrote; a value that differs was written by a person, is the owner's from then on,
and our marks go.  Changes go by server-side apply: what we own and leave out of the body is removed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scaler.kpa.settings import KEYS as SETTINGS
from scaler.kpa.settings import KpaSettings, read_texts

AUTOSCALING = "autoscaling.knative.dev/"
SET = "tidecast.dev/set."
OWNER = "tidecast.dev/owner."

FLOOR = "min-scale"
KEYS = (FLOOR, *SETTINGS.values())
"""Short names of what may be set.  The floor may be raised above the owner's; of the others, what its owner
wrote is never touched."""

LEGACY = {
    FLOOR: "minScale",
    "target-utilization-percentage": "targetUtilizationPercentage",
    "panic-threshold-percentage": "panicThresholdPercentage",
    "scale-to-zero-pod-retention-period": "scaleToZeroPodRetentionPeriod",
}
"""The old name of a key.  Where both stand, the new one counts."""


@dataclass(frozen=True)
class AnnotationPatch:
    """What to send so that an object carries what it should.

    apply  every annotation that is to be ours afterwards: the body of a server-side apply.
    drop   annotations to remove that another manager holds, so that leaving them out is not enough.
    """

    apply: Mapping[str, str]
    drop: frozenset[str] = field(default_factory=frozenset)


def ours(annotations: Mapping[str, str], key: str) -> str | None:
    """What we wrote under that short name, if it still counts; else None."""
    wrote = annotations.get(SET + key)
    return wrote if wrote is not None and annotations.get(AUTOSCALING + key) == wrote else None


def setting(annotations: Mapping[str, str]) -> KpaSettings:
    """The settings that we wrote and that count."""
    found = {name: ours(annotations, name) for name in SETTINGS.values()}
    return read_texts({name: text for name, text in found.items() if text is not None})


def marked(annotations: Mapping[str, str]) -> bool:
    """Is there a mark of ours, whether what we wrote still counts or not?"""
    return any(name.startswith((SET, OWNER)) for name in annotations)


def owners(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations as they would be without us."""
    left = {name: text for name, text in annotations.items() if not name.startswith((SET, OWNER))}
    for key in KEYS:
        if ours(annotations, key) is not None:
            owner = annotations.get(OWNER + key, "")
            if owner:
                left[AUTOSCALING + key] = owner
            else:
                del left[AUTOSCALING + key]
    return left


def has_own(owners: Mapping[str, str], key: str) -> bool:
    """Do annotations as they would be without us (`owners`) say that, by its modern or its old name?"""
    names = [key, *filter(None, [LEGACY.get(key)])]
    return any(AUTOSCALING + name in owners for name in names)


def outdated(annotations: Mapping[str, str]) -> bool:
    """Does a mark speak of a value that counts no more, since a person has written over it or removed it?"""
    names = {
        name.removeprefix(SET).removeprefix(OWNER) for name in annotations if name.startswith((SET, OWNER))
    }
    return any(ours(annotations, name) is None for name in names)


def change(
    annotations: Mapping[str, str], wishes: Mapping[str, str | None], held: Iterable[str] = ()
) -> AnnotationPatch | None:
    """What to send so that the wishes stand; None where nothing changes.

    wishes  short name -> value; None, or a name left out: ours is taken off.
    held    names of annotations that our field manager holds already.  They stay only if they are in the
            body, among them the owner's values that we gave back.
    """
    held = frozenset(held)
    before = owners(annotations)
    target = dict(before)
    for key in KEYS:
        wish = wishes.get(key)
        if wish is None or (key != FLOOR and has_own(before, key)):
            continue
        owner = before.get(AUTOSCALING + key, "")
        if wish == owner or (key == FLOOR and _at_least(owner, wish)):
            continue
        target |= {AUTOSCALING + key: wish, SET + key: wish, OWNER + key: owner}
    if target == dict(annotations):
        return None
    removed = annotations.keys() - target.keys()
    touched = {name for name, text in target.items() if annotations.get(name) != text}
    return AnnotationPatch(
        apply={
            name: text
            for name, text in target.items()
            if name in touched or name in held or name.startswith((SET, OWNER)) or _set(target, name)
        },
        drop=frozenset(removed - held),
    )


def release(annotations: Mapping[str, str], held: Iterable[str] = ()) -> AnnotationPatch | None:
    """What to send so that nothing of ours is left; None where nothing is."""
    return change(annotations, {}, held)


def floor_wish(
    floor: int | None, *, owner_min: int, owner_max: int = 0, activation_scale: int = 0
) -> str | None:
    """The min-scale to ask for, within what Knative's webhook admits; None: the owner's value does.

    owner_min, owner_max, activation_scale: as resolved from the owner's annotations; 0 = none.
    """
    if floor is None:
        return None
    for bound in (owner_max, activation_scale):
        if bound > 0:
            floor = min(floor, bound)
    return str(floor) if floor > owner_min else None


def _at_least(owner: str, wish: str) -> bool:
    """Does the owner's floor do already?  One that is no number is for Knative to judge: it stays."""
    return bool(owner) and not (owner.isdecimal() and int(owner) < int(wish))


def _set(annotations: Mapping[str, str], name: str) -> bool:
    """Is that annotation a value that a mark of ours in the same object speaks of?"""
    return name.startswith(AUTOSCALING) and SET + name.removeprefix(AUTOSCALING) in annotations
