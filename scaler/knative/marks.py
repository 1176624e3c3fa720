"""Set annotations on an object, and keep the owner's values beside them on the same object.

    autoscaling.knative.dev/min-scale: "3"     the value in effect
    tidecast.dev/set.min-scale: "3"            the value that Tidecast wrote
    tidecast.dev/owner.min-scale: "1"          the value of the owner; "" = the owner had none

The two annotations of tidecast.dev are the marks.  They let any later process revert every value without
other knowledge.  A value of Tidecast counts as long as the value in effect equals the value written.  A value
that differs was written by a person: it is the owner's from then on, and the marks are removed.  Patches use
server-side apply: annotations that the field manager of Tidecast holds and the body leaves out are removed.
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
"""Short names of the annotations that Tidecast may set.  It may raise the floor above the owner's; of the
others, it never touches one that the owner has set."""

LEGACY = {
    FLOOR: "minScale",
    "target-utilization-percentage": "targetUtilizationPercentage",
    "panic-threshold-percentage": "panicThresholdPercentage",
    "scale-to-zero-pod-retention-period": "scaleToZeroPodRetentionPeriod",
}
"""Short name -> its old spelling.  Where an object has both, Knative uses the new one."""


@dataclass(frozen=True)
class AnnotationPatch:
    """The patch that gives an object the desired annotations.

    apply   every annotation that Tidecast should hold afterwards: the body of a server-side apply
    remove  annotations to remove that another field manager holds: leaving them out is not enough
    """

    apply: Mapping[str, str]
    remove: frozenset[str] = field(default_factory=frozenset)


def applied_value(annotations: Mapping[str, str], key: str) -> str | None:
    """Return the value that Tidecast wrote under a short name, if it is still in effect; else None."""
    written = annotations.get(SET + key)
    return written if written is not None and annotations.get(AUTOSCALING + key) == written else None


def applied_settings(annotations: Mapping[str, str]) -> KpaSettings:
    """Return the settings that Tidecast wrote and that are still in effect."""
    values = {name: applied_value(annotations, name) for name in SETTINGS.values()}
    return read_texts({name: text for name, text in values.items() if text is not None})


def is_marked(annotations: Mapping[str, str]) -> bool:
    """Return whether an object has a mark, also one whose value is no longer in effect."""
    return any(name.startswith((SET, OWNER)) for name in annotations)


def owner_annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations as they would be without Tidecast."""
    result = {name: text for name, text in annotations.items() if not name.startswith((SET, OWNER))}
    for key in KEYS:
        if applied_value(annotations, key) is not None:
            owner = annotations.get(OWNER + key, "")
            if owner:
                result[AUTOSCALING + key] = owner
            else:
                del result[AUTOSCALING + key]
    return result


def owner_sets(owner_annotations: Mapping[str, str], key: str) -> bool:
    """Return whether the owner has set a short name, in its current or its old spelling.

    owner_annotations   the annotations as they would be without Tidecast
    """
    names = [key, *filter(None, [LEGACY.get(key)])]
    return any(AUTOSCALING + name in owner_annotations for name in names)


def has_stale_mark(annotations: Mapping[str, str]) -> bool:
    """Return whether a mark belongs to a value that a person has replaced or removed since."""
    names = {
        name.removeprefix(SET).removeprefix(OWNER) for name in annotations if name.startswith((SET, OWNER))
    }
    return any(applied_value(annotations, name) is None for name in names)


def patch(
    annotations: Mapping[str, str], desired: Mapping[str, str | None], managed: Iterable[str] = ()
) -> AnnotationPatch | None:
    """Return the patch that sets the desired values; None where nothing changes.

    desired   short name -> value; None, or a name left out: a value of Tidecast is reverted
    managed   names of the annotations that the field manager of Tidecast holds already, among them owner's
              values that it restored; the patch must contain them, or the API server removes them
    """
    managed = frozenset(managed)
    before = owner_annotations(annotations)
    target = dict(before)
    for key in KEYS:
        value = desired.get(key)
        if value is None or (key != FLOOR and owner_sets(before, key)):
            continue
        owner = before.get(AUTOSCALING + key, "")
        if value == owner or (key == FLOOR and _reaches(owner, value)):
            continue
        target |= {AUTOSCALING + key: value, SET + key: value, OWNER + key: owner}
    if target == dict(annotations):
        return None
    removed = annotations.keys() - target.keys()
    changed = {name for name, text in target.items() if annotations.get(name) != text}
    return AnnotationPatch(
        apply={
            name: text
            for name, text in target.items()
            if name in changed or name in managed or name.startswith((SET, OWNER)) or _has_mark(target, name)
        },
        remove=frozenset(removed - managed),
    )


def revert_patch(annotations: Mapping[str, str], managed: Iterable[str] = ()) -> AnnotationPatch | None:
    """Return the patch that reverts every value of Tidecast; None where there is none."""
    return patch(annotations, {}, managed)


def desired_min_scale(
    floor: int | None, *, owner_min: int, owner_max: int = 0, activation_scale: int = 0
) -> str | None:
    """Return the min-scale to write for a floor, within what Knative's webhook admits; None: keep the
    owner's.

    owner_min, owner_max, activation_scale   as resolved from the owner's annotations; 0 = none
    """
    if floor is None:
        return None
    for bound in (owner_max, activation_scale):
        if bound > 0:
            floor = min(floor, bound)
    return str(floor) if floor > owner_min else None


def _reaches(owner: str, value: str) -> bool:
    """Return whether the owner's floor is high enough.  Knative judges one that is no number: it stays."""
    return bool(owner) and not (owner.isdecimal() and int(owner) < int(value))


def _has_mark(annotations: Mapping[str, str], name: str) -> bool:
    """Return whether the same object has a mark for this annotation."""
    return name.startswith(AUTOSCALING) and SET + name.removeprefix(AUTOSCALING) in annotations
