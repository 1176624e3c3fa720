"""Takes back everything that is marked, whoever wrote it: the owners' values stand afterwards.

Right only where nobody leads: ask `lease.lapsed` before.
"""

import time
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

from models.keys import RevisionKey
from scaler.knative import marks
from scaler.knative.actuator import Actuator, Write
from scaler.knative.connection import Connection
from scaler.knative.fleet import place_of
from scaler.knative.objects import KINDS, Name, annotations
from scaler.knative.verify import FOLLOW_S
from scaler.knative.watch import list_all
from scaler.orders import Order, Outcome

LOOK_AGAIN_S = 0.2


def sweep(
    connection: Connection,
    namespaces: Iterable[str] = ("*",),
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Take back what is marked in namespaces that fit one of the globs; one outcome an object.

    Raises:
        ApiError: the objects cannot be listed.  A write that fails is an outcome.
    """
    patterns = tuple(namespaces)
    actuator = Actuator(connection, seen=lambda _name, _thing: None)
    outcomes = actuator.write(_writes(Name.REVISION, _marked(connection, Name.REVISION, patterns)))
    # Serving >= 1.21 copies a Revision's marks to its PodAutoscaler, and takes them off it as well.
    until_s = clock() + FOLLOW_S
    while left := _alone(connection, patterns):
        if clock() >= until_s or not outcomes:
            outcomes += actuator.write(_writes(Name.POD_AUTOSCALER, left))
            break
        pause(LOOK_AGAIN_S)
    return outcomes


def _alone(connection: Connection, patterns: tuple[str, ...]) -> list[Any]:
    """PodAutoscalers with marks whose Revision has none."""
    copied = {place_of(revision) for revision in _marked(connection, Name.REVISION, patterns)}
    return [pa for pa in _marked(connection, Name.POD_AUTOSCALER, patterns) if place_of(pa) not in copied]


def _marked(connection: Connection, name: Name, patterns: tuple[str, ...]) -> list[Any]:
    things, _ = list_all(connection, KINDS[name].every, KINDS[name].type)
    return [
        thing
        for thing in things
        if marks.marked(annotations(thing))
        and any(fnmatchcase(thing.metadata.namespace, pattern) for pattern in patterns)
    ]


def take_back(on: Name, thing: Any) -> Write:
    """The write that leaves nothing of ours on an object."""
    meta = thing.metadata
    return Write(Order(RevisionKey(meta.namespace, meta.name), meta.uid, None), on, thing, {})


def _writes(on: Name, things: list[Any]) -> list[Write]:
    return [take_back(on, thing) for thing in things]
