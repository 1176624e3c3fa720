"""A Revision as the planner sees it: read from the cluster, or made from a scenario."""

from dataclasses import dataclass, field
from enum import IntEnum

from config.policy import Lever, RevisionPolicy
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.settings import UNSET, KpaSettings


class Metric(IntEnum):
    """What a Revision scales on (annotation autoscaling.knative.dev/metric)."""

    CONCURRENCY = 0
    RPS = 1


@dataclass(frozen=True, kw_only=True)
class RevisionSpec:
    """What a plan needs to know of one Revision.  Knative's words where Knative has them."""

    key: RevisionKey
    service: ServiceKey
    uid: str = ""
    percent: float = 100.0
    """Share of the service's arrivals that its route sends here, tagged and untagged, 0..100."""
    reachable: bool = True
    """False: the KPA ignores a floor (PodAutoscaler spec.reachability is Unreachable)."""
    hpa: bool = False
    """True: of class hpa.autoscaling.knative.dev, scaled by the Kubernetes HPA; a floor counts there too."""
    metric: Metric = Metric.CONCURRENCY
    container_concurrency: int = 0
    """Requests a pod serves at once; 0 = not limited."""
    total_value: float = 100.0
    """What a pod can take: requests in flight, or requests/s where metric is RPS."""
    target_value: float = 70.0
    """What the KPA steers for, per pod, after target utilisation."""
    window_s: float = 60.0
    owner_min: int = 0
    """min-scale as the owner wrote it."""
    owner_max: int = 0
    """max-scale as the owner wrote it; 0 = none."""
    activation_scale: int = 0
    """activation-scale as the owner wrote it; 0 = none.  A floor above it is refused by Knative's webhook."""
    floor: int | None = None
    """The floor of ours that stands on it now; None where none does."""
    setting: KpaSettings = UNSET
    """The KPA's settings of ours that stand on it now; the floor has its own field."""
    own_levers: frozenset[Lever] = frozenset()
    """Settings that its owner wrote, by the modern or the old name; never touched."""
    kpa: KpaSpec | None = None
    """What the KPA would have resolved for it without us; None where no KPA scales it."""
    panic_window_percentage: float = 10.0
    """Percent of the stable window, as the owner or the cluster says."""
    policy: RevisionPolicy = field(default_factory=RevisionPolicy)
