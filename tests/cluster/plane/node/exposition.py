"""Request metrics of one pod in Prometheus' text format, under the names of its Serving generation.

OpenCensus up to 1.18: every series carries the revision; latencies in ms. OpenTelemetry from 1.19 on: series
align_rows the answer's code only, `target_info` says whose they are; durations in s. Names and labels as printed
by Serving's own handlers; a family has no series before its first request, and then counts from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of the buckets, seconds."""


@dataclass(frozen=True)
class Owner:
    """Whose pod it is."""

    namespace: str
    service: str
    configuration: str
    revision: str
    pod: str


@dataclass
class Durations:
    """A histogram of how long requests took, since the pod's start."""

    count: int = 0
    sum_s: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * len(BOUNDS_S))
    """Requests up to each bound, cumulative."""

    def add(self, seconds: float) -> None:
        self.count += 1
        self.sum_s += seconds
        for i, bound in enumerate(BOUNDS_S):
            self.buckets[i] += seconds <= bound


def opencensus(owner: Owner, served: Durations) -> str:
    """What a queue-proxy of Serving <= 1.18 shows."""
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
            own = labels | extra
            lines.append(f"# TYPE revision_{family}_count counter")
            lines.append(f"revision_{family}_count{_braces(own)} {served.count}")
            lines.extend(_histogram(f"revision_{family}_latencies", own, served, 1000.0))
    return "".join(f"{line}\n" for line in lines)


def opentelemetry(owner: Owner, served: Durations) -> str:
    """What a queue-proxy of Serving >= 1.19.9 shows to a scrape."""
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


def _histogram(name: str, labels: dict[str, str], seen: Durations, scale: float = 1.0) -> Iterator[str]:
    yield f"# TYPE {name} histogram"
    for bound, count in zip(BOUNDS_S, seen.buckets, strict=True):
        yield f"{name}_bucket{_braces(labels | {'le': f'{bound * scale:g}'})} {count}"
    yield f"{name}_bucket{_braces(labels | {'le': '+Inf'})} {seen.count}"
    yield f"{name}_sum{_braces(labels)} {seen.sum_s * scale!r}"
    yield f"{name}_count{_braces(labels)} {seen.count}"


def _braces(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}"
