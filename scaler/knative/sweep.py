"""Takes back everything that is marked, whoever wrote it: the owners' values stand afterwards.

Right only where nobody leads: ask `lease.lapsed` before.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change, WriteResult
from scaler.knative import marks
from scaler.knative.actuator import Actuator, Write
from scaler.knative.connection import Connection
from scaler.knative.objects import KINDS, Name, annotations, held
from scaler.knative.watch import list_all

WRITTEN_ON = (Name.REVISION, Name.POD_AUTOSCALER)


def sweep(connection: Connection, namespaces: Iterable[str] = ("*",)) -> list[WriteResult]:
    """Take back what is marked in namespaces that fit one of the globs; one outcome an object.

    Raises:
        ApiError: the objects cannot be listed.  A write that fails is an outcome.
    """
    patterns = tuple(namespaces)
    actuator = Actuator(connection, seen=lambda _name, _thing: None)
    things = [(name, thing) for name in WRITTEN_ON for thing in _marked(connection, name, patterns)]
    return actuator.write([revert(name, thing) for name, thing in things])


def ours(name: Name, thing: Any) -> bool:
    """Does it bear marks that we put there?

    Serving >= 1.21 copies a Revision's marks to its PodAutoscaler, and never takes them off again.  Such a
    copy says nothing: what we wrote on a PodAutoscaler, our field manager holds.
    """
    marked = marks.marked(annotations(thing))
    return marked and (name is Name.REVISION or bool(held(thing.metadata)))


def _marked(connection: Connection, name: Name, patterns: tuple[str, ...]) -> list[Any]:
    things, _ = list_all(connection, KINDS[name].every, KINDS[name].type)
    return [
        thing
        for thing in things
        if ours(name, thing) and any(fnmatchcase(thing.metadata.namespace, pattern) for pattern in patterns)
    ]


def revert(on: Name, thing: Any) -> Write:
    """The write that leaves nothing of ours on an object."""
    meta = thing.metadata
    return Write(Change(RevisionKey(meta.namespace, meta.name), meta.uid, None), on, thing, {})
