"""Kubernetes objects as we need them: the few parts that are read, and nothing else of a megabyte of YAML.

Decoding into these types costs a fraction of decoding to dicts, and leaves out what nobody asks for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from scaler.knative.errors import Unreachable

FIELD_MANAGER = "tidecast"

SERVICE_LABEL = "serving.knative.dev/service"
CONFIGURATION_LABEL = "serving.knative.dev/configuration"
REVISION_LABEL = "serving.knative.dev/revision"

ANNOTATION_PREFIXES = ("autoscaling.knative.dev/", "tidecast.dev/")
LABEL_PREFIXES = ("serving.knative.dev/", "app.kubernetes.io/version")


class Struct(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Immutable; unknown fields are left out."""


class ManagedFields(Struct, frozen=True):
    """Who wrote which fields."""

    manager: str = ""
    operation: str = ""
    fields_v1: msgspec.Raw = msgspec.field(name="fieldsV1", default=msgspec.Raw(b"{}"))


class Metadata(Struct, frozen=True):
    """Name, marks and version of an object."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    managed_fields: list[ManagedFields] | None = None


class Condition(Struct, frozen=True):
    """One condition of a status."""

    type: str
    status: str = "Unknown"
    last_transition_time: str | None = None


class Plain(Struct, frozen=True):
    """An object of which only metadata counts: a Namespace, a Knative Service."""

    metadata: Metadata


class TrafficTarget(Struct, frozen=True):
    """One line of a Route's traffic; in status, `latestRevision` has been resolved to a name."""

    revision_name: str = ""
    percent: int | None = None
    tag: str = ""


class RouteStatus(Struct, frozen=True):
    """Where a Route's requests go now."""

    traffic: list[TrafficTarget] | None = None


class Route(Struct, frozen=True):
    """A Route."""

    metadata: Metadata
    status: RouteStatus = RouteStatus()


class ConfigurationStatus(Struct, frozen=True):
    """What of a Configuration is ready."""

    latest_ready_revision_name: str = ""


class Configuration(Struct, frozen=True):
    """A Configuration."""

    metadata: Metadata
    status: ConfigurationStatus = ConfigurationStatus()


class RevisionPart(Struct, frozen=True):
    """What of a Revision's spec counts."""

    container_concurrency: int | None = None


class Revision(Struct, frozen=True):
    """A Revision."""

    metadata: Metadata
    spec: RevisionPart = RevisionPart()


class PodAutoscalerPart(Struct, frozen=True):
    """What of a PodAutoscaler's spec counts."""

    reachability: str = ""


class PodAutoscalerStatus(Struct, frozen=True):
    """What the autoscaler has decided."""

    desired_scale: int | None = None


class PodAutoscaler(Struct, frozen=True):
    """A PodAutoscaler: bears the name of its Revision."""

    metadata: Metadata
    spec: PodAutoscalerPart = PodAutoscalerPart()
    status: PodAutoscalerStatus = PodAutoscalerStatus()


class PodStatus(Struct, frozen=True):
    """How far a pod is."""

    conditions: list[Condition] | None = None


class Pod(Struct, frozen=True):
    """A pod."""

    metadata: Metadata
    status: PodStatus = PodStatus()


class ConfigMap(Struct, frozen=True):
    """A ConfigMap."""

    metadata: Metadata
    data: dict[str, str] | None = None


class LeaseSpec(Struct, frozen=True):
    """Who leads, and since when."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(Struct, frozen=True):
    """A Lease."""

    metadata: Metadata
    spec: LeaseSpec = LeaseSpec()


Object = Plain | Route | Configuration | Revision | PodAutoscaler | Pod | ConfigMap | Lease


class Name(StrEnum):
    """What is watched."""

    NAMESPACE = "namespaces"
    SERVICE = "services"
    ROUTE = "routes"
    CONFIGURATION = "configurations"
    REVISION = "revisions"
    POD_AUTOSCALER = "podautoscalers"
    POD = "pods"


@dataclass(frozen=True)
class Kind:
    """Where the objects of a kind are, and what of them is kept."""

    group: str
    """Address of group and version."""
    resource: str
    type: type[Any]

    @property
    def every(self) -> str:
        """Address of the objects of all namespaces."""
        return f"{self.group}/{self.resource}"

    def of(self, namespace: str, name: str) -> str:
        """Address of one object."""
        return f"{self.group}/namespaces/{namespace}/{self.resource}/{name}"


_SERVING = "/apis/serving.knative.dev/v1"
KINDS: Mapping[Name, Kind] = {
    Name.NAMESPACE: Kind("/api/v1", "namespaces", Plain),
    Name.SERVICE: Kind(_SERVING, "services", Plain),
    Name.ROUTE: Kind(_SERVING, "routes", Route),
    Name.CONFIGURATION: Kind(_SERVING, "configurations", Configuration),
    Name.REVISION: Kind(_SERVING, "revisions", Revision),
    Name.POD_AUTOSCALER: Kind(
        "/apis/autoscaling.internal.knative.dev/v1alpha1", "podautoscalers", PodAutoscaler
    ),
    Name.POD: Kind("/api/v1", "pods", Pod),
}
API_VERSIONS = {
    Name.REVISION: ("serving.knative.dev/v1", "Revision"),
    Name.POD_AUTOSCALER: ("autoscaling.internal.knative.dev/v1alpha1", "PodAutoscaler"),
}
"""(apiVersion, kind) of what we write on."""


def decode(body: bytes | msgspec.Raw, kind: type[Any]) -> Any:
    """The object of that type in an answer.

    Raises:
        Unreachable: the answer is no such object: something else than an API server sent it.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as e:
        raise Unreachable(f"an answer that is no {kind.__name__}: {e}") from e


def annotations(thing: Any) -> dict[str, str]:
    """The annotations of an object; empty where it has none or is not there."""
    return (thing.metadata.annotations or {}) if thing is not None else {}


def labels(thing: Any) -> dict[str, str]:
    """The labels of an object; empty where it has none or is not there."""
    return (thing.metadata.labels or {}) if thing is not None else {}


def held(metadata: Metadata) -> frozenset[str]:
    """Names of the annotations that our field manager holds by server-side apply."""
    names: set[str] = set()
    for entry in metadata.managed_fields or ():
        if _ours(entry):
            fields = msgspec.json.decode(entry.fields_v1)
            ours = fields.get("f:metadata", {}).get("f:annotations", {})
            names |= {name.removeprefix("f:") for name in ours if name.startswith("f:")}
    return frozenset(names)


def slim(thing: Any) -> Any:
    """The object without the annotations, labels and managers that nobody reads.

    What is kept of them is copied: a piece of an answer would hold the whole answer in memory.
    """
    meta: Metadata = thing.metadata
    metadata = msgspec.structs.replace(
        meta,
        annotations=_with_prefix(meta.annotations, ANNOTATION_PREFIXES),
        labels=_with_prefix(meta.labels, LABEL_PREFIXES),
        managed_fields=[
            ManagedFields(e.manager, e.operation, msgspec.Raw(bytes(e.fields_v1)))
            for e in meta.managed_fields or ()
            if _ours(e)
        ]
        or None,
    )
    return msgspec.structs.replace(thing, metadata=metadata)


def _with_prefix(texts: Mapping[str, str] | None, prefixes: tuple[str, ...]) -> dict[str, str] | None:
    return {name: text for name, text in (texts or {}).items() if name.startswith(prefixes)} or None


def _ours(entry: ManagedFields) -> bool:
    return entry.manager == FIELD_MANAGER and entry.operation == "Apply"
