"""Describe one Revision as the planner sees it: read from the cluster, or made from a scenario."""

from dataclasses import dataclass, field
from enum import IntEnum

from config.policy import Lever, RevisionPolicy
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.settings import UNSET, KpaSettings


class Metric(IntEnum):
    """The metric that a Revision scales on (annotation autoscaling.knative.dev/metric)."""

    CONCURRENCY = 0
    RPS = 1


@dataclass(frozen=True, kw_only=True)
class RevisionSpec:
    """Everything that a plan reads of one Revision, in Knative's words where Knative has them."""

    key: RevisionKey
    service: ServiceKey
    uid: str = ""
    percent: float = 100.0
    """Route share of the arrivals of the service, tagged and untagged, 0..100."""
    reachable: bool = True
    """False = the KPA ignores a floor (PodAutoscaler spec.reachability is Unreachable)."""
    hpa: bool = False
    """True = class hpa.autoscaling.knative.dev: the Kubernetes HPA scales it; a floor works there too."""
    metric: Metric = Metric.CONCURRENCY
    container_concurrency: int = 0
    """Requests that a pod serves concurrently; 0 = not limited."""
    total_value: float = 100.0
    """Capacity of a pod: requests in flight, or requests/s where the metric is RPS."""
    target_value: float = 70.0
    """Target of the KPA per pod, after target utilization."""
    window_s: float = 60.0
    """Stable window of the KPA, seconds."""
    owner_min: int = 0
    """The owner's min-scale."""
    owner_max: int = 0
    """The owner's max-scale; 0 = none."""
    activation_scale: int = 0
    """The owner's activation-scale; 0 = none.  Knative's webhook rejects a floor above it."""
    floor: int | None = None
    """The floor that Tidecast has set; None = none."""
    settings: KpaSettings = UNSET
    """The settings of the KPA that Tidecast has set, without the floor."""
    owner_levers: frozenset[Lever] = frozenset()
    """Settings that the owner set, by today's or an older annotation; Tidecast never changes them."""
    kpa: KpaSpec | None = None
    """The KPA's parameters without Tidecast; None where no KPA scales the Revision."""
    panic_window_percentage: float = 10.0
    """Percent of the stable window, as the owner or the cluster configures it."""
    policy: RevisionPolicy = field(default_factory=RevisionPolicy)
