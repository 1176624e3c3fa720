"""Resolve annotations `tidecast.dev/KEY`: a Namespace, Service or Revision overrides the ConfigMap."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from config.keys import ANNOTATED, ANNOTATION_PREFIX, KEYS, AnnotationTarget, Key
from config.policy import RevisionPolicy
from config.problems import problem, unknown_key

OWN_PREFIXES = ("set.", "owner.")
"""What follows ANNOTATION_PREFIX in annotations that Tidecast itself writes.  They override nothing."""


def resolve(
    policy: RevisionPolicy,
    namespace_annotations: Mapping[str, str],
    service_annotations: Mapping[str, str],
    revision_annotations: Mapping[str, str],
) -> tuple[RevisionPolicy, tuple[str, ...]]:
    """Return the policy of one Revision, and the problems of its annotations.

    A Revision overrides its Service, a Service its Namespace, a Namespace `policy`.  An annotation that is
    not valid is ignored.  Each problem is a line `Revision tidecast.dev/KEY: value: what is allowed`.
    """
    problems: list[str] = []
    overrides: dict[str, Any] = {}
    layers = (
        (AnnotationTarget.NAMESPACE, namespace_annotations),
        (AnnotationTarget.SERVICE, service_annotations),
        (AnnotationTarget.REVISION, revision_annotations),
    )
    for target, annotations in layers:
        overrides.update(_read(target, annotations, problems))
    resolved = replace(policy, **overrides)
    if resolved.min is not None and resolved.max is not None and resolved.min > resolved.max:
        # Each of the two is valid alone; to keep the upper bound costs nothing.
        allowed = f"at most max ({resolved.max})"
        problems.append(problem(f"{ANNOTATION_PREFIX}min", str(resolved.min), allowed))
        resolved = replace(resolved, min=resolved.max)
    return resolved, tuple(problems)


def _read(target: AnnotationTarget, annotations: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Return field of RevisionPolicy -> value of the annotations of one object; append their problems."""
    values: dict[str, Any] = {}
    for name, text in annotations.items():
        if not name.startswith(ANNOTATION_PREFIX):
            continue
        short = name.removeprefix(ANNOTATION_PREFIX)
        if short.startswith(OWN_PREFIXES):
            continue
        key = ANNOTATED.get(short) or KEYS.get(short)
        if key is None:
            known = [known.name for known in ANNOTATED.values() if target in known.targets]
            problems.append(f"{target} {unknown_key(short, text, known, ANNOTATION_PREFIX)}")
        elif target not in key.targets:
            problems.append(f"{target} {problem(name, key.printable(text), _allowed_targets(key))}")
        else:
            try:
                values[key.name.replace("-", "_")] = key.kind.read(text.strip())
            except ValueError:
                problems.append(f"{target} {problem(name, text, key.kind.allowed)}")
    return values


def _allowed_targets(key: Key) -> str:
    targets = [target for target in AnnotationTarget if target in key.targets]
    return f"set it on a {' or '.join(targets)}" if targets else "set it in the ConfigMap only"
