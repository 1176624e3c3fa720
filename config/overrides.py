"""Annotations `tidecast.dev/KEY`: what one Namespace, Service or Revision wants otherwise."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from config.keys import ANNOTATED, ANNOTATION_PREFIX, KEYS, Key, Place
from config.policy import RevisionPolicy
from config.problems import problem, unknown

OUR_MARKS = ("set.", "owner.")
"""What Tidecast itself writes: after the prefix, its values and the owner's.  No wishes of anyone."""


def resolve(
    policy: RevisionPolicy,
    namespace_annotations: Mapping[str, str],
    service_annotations: Mapping[str, str],
    revision_annotations: Mapping[str, str],
) -> tuple[RevisionPolicy, tuple[str, ...]]:
    """The policy of one Revision, and the faults of its annotations.

    The nearer annotation wins: Revision over Service over Namespace over `policy`.  One with a fault says
    nothing, so the next outer value stands.  Each fault is a line `Place tidecast.dev/KEY: value: allowed`.
    """
    problems: list[str] = []
    said: dict[str, Any] = {}
    layers = (
        (Place.NAMESPACE, namespace_annotations),
        (Place.SERVICE, service_annotations),
        (Place.REVISION, revision_annotations),
    )
    for place, annotations in layers:
        said.update(_read(place, annotations, problems))
    resolved = replace(policy, **said)
    if resolved.min is not None and resolved.max is not None and resolved.min > resolved.max:
        # Each is fine alone; the owner's upper bound is the one that costs nothing to keep.
        problems.append(problem(f"{ANNOTATION_PREFIX}min", str(resolved.min), f"at most max, {resolved.max}"))
        resolved = replace(resolved, min=resolved.max)
    return resolved, tuple(problems)


def _read(place: Place, annotations: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Field of RevisionPolicy -> value, from the annotations of one object; adds to `faults`."""
    read: dict[str, Any] = {}
    for name, text in annotations.items():
        if not name.startswith(ANNOTATION_PREFIX):
            continue
        short = name.removeprefix(ANNOTATION_PREFIX)
        if short.startswith(OUR_MARKS):
            continue
        key = ANNOTATED.get(short) or KEYS.get(short)
        if key is None:
            near = [known.name for known in ANNOTATED.values() if place in known.places]
            problems.append(f"{place} {unknown(short, text, near, ANNOTATION_PREFIX)}")
        elif place not in key.places:
            problems.append(f"{place} {problem(name, key.shown(text), _where(key))}")
        else:
            try:
                read[key.name.replace("-", "_")] = key.kind.read(text.strip())
            except ValueError:
                problems.append(f"{place} {problem(name, text, key.kind.allowed)}")
    return read


def _where(key: Key) -> str:
    places = [place for place in Place if place in key.places]
    return f"to be written on a {' or '.join(places)}" if places else "to be written in the ConfigMap only"
