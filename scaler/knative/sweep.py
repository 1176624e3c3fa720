"""Revert every marked value, whichever process wrote it.

This is right only while no process leads: check `lease.expired` first.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change, WriteResult
from scaler.knative import marks
from scaler.knative.actuator import Actuator, Write
from scaler.knative.connection import Connection
from scaler.knative.objects import ENDPOINTS, Resource, annotations, managed_annotations
from scaler.knative.watch import list_all

WRITTEN_ON = (Resource.REVISION, Resource.POD_AUTOSCALER)
"""The resources that Tidecast writes on, of every release of Serving."""


def sweep(connection: Connection, namespaces: Iterable[str] = ("*",)) -> list[WriteResult]:
    """Revert the marked objects in the namespaces that match one of the globs; return one result for each.

    Raises:
        ApiError: the objects cannot be listed.  A write that fails is a result.
    """
    patterns = tuple(namespaces)
    actuator = Actuator(connection, on_written=lambda _resource, _obj: None)
    objects = [(resource, obj) for resource in WRITTEN_ON for obj in _marked(connection, resource, patterns)]
    return actuator.write([revert_write(resource, obj) for resource, obj in objects])


def is_written(resource: Resource, obj: Any) -> bool:
    """Return whether an object has marks that Tidecast wrote on this very object.

    Serving 1.21 and later copies the marks of a Revision to its PodAutoscaler, and never removes them.  Such
    a copy does not count: the field manager of Tidecast holds the values that Tidecast wrote on a
    PodAutoscaler.
    """
    if not marks.is_marked(annotations(obj)):
        return False
    return resource is Resource.REVISION or bool(managed_annotations(obj.metadata))


def _marked(connection: Connection, resource: Resource, patterns: tuple[str, ...]) -> list[Any]:
    endpoint = ENDPOINTS[resource]
    objects, _ = list_all(connection, endpoint.collection, endpoint.type)
    return [
        obj
        for obj in objects
        if is_written(resource, obj)
        and any(fnmatchcase(obj.metadata.namespace, pattern) for pattern in patterns)
    ]


def revert_write(resource: Resource, obj: Any) -> Write:
    """Return the write that reverts every value of Tidecast on an object."""
    meta = obj.metadata
    return Write(Change(RevisionKey(meta.namespace, meta.name), meta.uid, None), resource, obj, {})
