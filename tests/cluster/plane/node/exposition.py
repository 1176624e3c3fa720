"""Print request metrics of one pod in Prometheus' text format, with the names of its Serving generation.

OpenCensus, up to 1.18: every series has the labels of the Revision; latencies are in ms.  OpenTelemetry, from
1.19 on: a series has the status code of the answer only, and `target_info` has the labels of the Revision;
durations are in s.  Names and labels are those that Serving's own handlers print.  A family has no series
before its first request, and then counts from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of the buckets, seconds."""


@dataclass(frozen=True)
class Owner:
    """The owner of a pod: its Service, Configuration and Revision."""

    namespace: str
    service: str
    configuration: str
    revision: str
    pod: str


@dataclass
class Durations:
    """A histogram of the durations of requests since the start of the pod."""

    count: int = 0
    sum_s: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * len(BOUNDS_S))
    """Number of requests up to each bound, cumulative."""

    def add(self, seconds: float) -> None:
        self.count += 1
        self.sum_s += seconds
        for i, bound in enumerate(BOUNDS_S):
            self.buckets[i] += seconds <= bound


def opencensus(owner: Owner, served: Durations) -> str:
    """Return the metrics of a queue-proxy of Serving <= 1.18."""
    labels = {
        "configuration_name": owner.configuration,
        "container_name": "queue-proxy",
        "namespace_name": owner.namespace,
        "pod_name": owner.pod,
        "response_code": "200",
        "response_code_class": "2xx",
        "revision_name": owner.revision,
        "service_name": owner.service,
    }
    lines: list[str] = []
    if served.count:
        for family, extra in (("app_request", {}), ("request", {"route_tag": "DISABLED"})):
            family_labels = labels | extra
            lines.append(f"# TYPE revision_{family}_count counter")
            lines.append(f"revision_{family}_count{_braces(family_labels)} {served.count}")
            lines.extend(_histogram(f"revision_{family}_latencies", family_labels, served, 1000.0))
    return "".join(f"{line}\n" for line in lines)


def opentelemetry(owner: Owner, served: Durations) -> str:
    """Return the metrics of a queue-proxy of Serving >= 1.19.9, as a scrape receives them."""
    info = {
        "k8s_container_name": "queue-proxy",
        "k8s_namespace_name": owner.namespace,
        "k8s_pod_name": owner.pod,
        "kn_configuration_name": owner.configuration,
        "kn_revision_name": owner.revision,
        "kn_service_name": owner.service,
        "service_instance_id": owner.pod,
        "service_name": owner.service,
    }
    lines = ["# TYPE target_info gauge", f"target_info{_braces(info)} 1"]
    if served.count:
        scope = {"otel_scope_name": "knative.dev/serving/pkg/queue", "otel_scope_version": ""}
        code = {"http_response_status_code": "200"}
        outer = code | {"http_request_method": "GET", "kn_route_tag": "kn:disabled", "url_scheme": "http"}
        lines.extend(_histogram("kn_serving_invocation_duration_seconds", code | scope, served))
        lines.extend(_histogram("http_server_request_duration_seconds", outer | scope, served))
    return "".join(f"{line}\n" for line in lines)


def _histogram(name: str, labels: dict[str, str], served: Durations, scale: float = 1.0) -> Iterator[str]:
    yield f"# TYPE {name} histogram"
    for bound, count in zip(BOUNDS_S, served.buckets, strict=True):
        yield f"{name}_bucket{_braces(labels | {'le': f'{bound * scale:g}'})} {count}"
    yield f"{name}_bucket{_braces(labels | {'le': '+Inf'})} {served.count}"
    yield f"{name}_sum{_braces(labels)} {served.sum_s * scale!r}"
    yield f"{name}_count{_braces(labels)} {served.count}"


def _braces(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}"
