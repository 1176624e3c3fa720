"""Every preset on a real Prometheus that has series of exactly its shape.

The traffic is always the same: `shop/web` steady on two pods; `shop/cron` at zero pods, except for one pod
that a burst wakes.  The demand must equal this traffic.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from config.sources import Sources
from forecaster.sources.demand import Demand
from forecaster.sources.presets import PRESETS
from forecaster.sources.presets.detect import choose_preset
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import NoData
from forecaster.sources.prometheus_source import PrometheusSource
from models.fleet.keys import RevisionKey, ServiceKey

pytestmark = pytest.mark.prometheus

Sampled = tuple[str, Mapping[str, str], Sequence[tuple[float, float]]]
Serve = Callable[[Sequence[Sampled]], str]

INTERVAL_S = 15
END_S = int(time.time()) // 3600 * 3600
START_S = END_S - 2 * 3600
WOKEN_S = START_S + 3600 + 7
SERVICE_TIME_S = 0.2


@dataclass(frozen=True)
class ScrapedPod:
    service: str
    revision: str
    name: str
    answered_s: tuple[float, ...]
    """Unix seconds at which its requests were answered."""
    until_s: float

    def scraped(self, per_request: float) -> list[tuple[float, float]]:
        """The samples of a counter that grows by `per_request`, from first request to end of the pod."""
        phase = hash_of(self.name) % INTERVAL_S
        times = np.arange(START_S + phase, self.until_s, INTERVAL_S)
        counts = np.searchsorted(np.array(self.answered_s), times, side="right")
        return [(float(t), float(c) * per_request) for t, c in zip(times, counts, strict=True) if c]


def hash_of(text: str) -> int:
    return sum(text.encode())


def periodic(period_s: float, start_s: float, end_s: float) -> tuple[float, ...]:
    return tuple(start_s + period_s * k for k in range(1, math.floor((end_s - start_s) / period_s)))


WEB = [ScrapedPod("web", "web-00002", f"web-{i}", periodic(0.5, START_S, END_S), END_S) for i in range(2)]
CRON = ScrapedPod(
    "cron",
    "cron-00001",
    "cron-0",
    (*(WOKEN_S + 0.1 * k for k in range(20)), WOKEN_S + 20, WOKEN_S + 31, WOKEN_S + 40),
    WOKEN_S + 40 + 95,
)
PODS = [*WEB, CRON]

Shape = Callable[[ScrapedPod, str], tuple[str, dict[str, str]]]
"""(pod, `count` or `sum`) -> name and labels of the series."""


def opencensus(pod: ScrapedPod, kind: str) -> tuple[str, dict[str, str]]:
    name = {"count": "revision_app_request_count", "sum": "revision_app_request_latencies_sum"}[kind]
    return name, {
        "namespace_name": "shop",
        "service_name": pod.service,
        "configuration_name": pod.service,
        "revision_name": pod.revision,
        "pod_name": pod.name,
        "container_name": "queue-proxy",
        "response_code": "200",
        "response_code_class": "2xx",
        "instance": pod.name,
        "job": "pods",
    }


ATTRIBUTES = ("k8s_namespace_name", "kn_service_name", "kn_revision_name", "k8s_pod_name")


def promoted(metric: str, pod: ScrapedPod, kind: str) -> tuple[str, dict[str, str]]:
    values = ("shop", pod.service, pod.revision, pod.name)
    return f"{metric}_{kind}", {
        **dict(zip(ATTRIBUTES, values, strict=True)),
        "http_response_status_code": "200",
        "job": "queue-proxy",
        "instance": pod.name,
    }


def without_labels(metric: str, pod: ScrapedPod, kind: str) -> tuple[str, dict[str, str]]:
    labels = {"http_response_status_code": "200", "job": "pods", "instance": pod.name}
    return f"{metric}_{kind}", labels


def podmonitor(metric: str, pod: ScrapedPod, kind: str) -> tuple[str, dict[str, str]]:
    name, labels = without_labels(metric, pod, kind)
    return name, {**labels, "namespace": "shop", "revision": pod.revision, "pod": pod.name}


def istio(pod: ScrapedPod, kind: str) -> tuple[str, dict[str, str]]:
    name = {"count": "istio_requests_total", "sum": "istio_request_duration_milliseconds_sum"}[kind]
    return name, {
        "reporter": "destination",
        "destination_workload": f"{pod.revision}-deployment",
        "destination_workload_namespace": "shop",
        "destination_canonical_service": pod.revision,
        "destination_canonical_revision": "latest",
        "response_code": "200",
        "pod": pod.name,
        "job": "sidecars",
        "instance": pod.name,
    }


INVOCATION = "kn_serving_invocation_duration_seconds"
APP = "kn_queueproxy_app_duration_seconds"
HTTP = "http_server_request_duration_seconds"


def counters(shape: Shape, unit: float, kinds: Sequence[str] = ("count", "sum")) -> list[Sampled]:
    """The counters of the pods; `unit` is a second in the unit of the sum."""
    series: list[Sampled] = []
    for pod in PODS:
        for kind in kinds:
            per_request = 1.0 if kind == "count" else SERVICE_TIME_S * unit
            series.append((*shape(pod, kind), pod.scraped(per_request)))
    return series


def infos() -> list[Sampled]:
    """`target_info` as the queue-proxy exports it."""
    return [
        (
            "target_info",
            {
                **dict(zip(ATTRIBUTES, ("shop", pod.service, pod.revision, pod.name), strict=True)),
                "job": "pods",
                "instance": pod.name,
            },
            [(time_s, 1.0) for time_s, _ in pod.scraped(1)],
        )
        for pod in PODS
    ]


def always_present(name: str, labels: Callable[[ScrapedPod], dict[str, str]]) -> list[Sampled]:
    """A gauge of the autoscaler per Revision, and `up`."""
    times = [float(t) for t in range(START_S, END_S + 1, INTERVAL_S)]
    series: list[Sampled] = [("up", {"job": "prometheus", "instance": "a"}, [(t, 1.0) for t in times])]
    for pod in (WEB[0], CRON):
        pods = 1.0 if pod is WEB[0] else 0.0
        series.append((name, {**labels(pod), "job": "autoscaler"}, [(t, pods) for t in times]))
    return series


def otel_labels(pod: ScrapedPod) -> dict[str, str]:
    return dict(zip(ATTRIBUTES[:3], ("shop", pod.service, pod.revision), strict=True))


def oc_labels(pod: ScrapedPod) -> dict[str, str]:
    return {
        "namespace_name": "shop",
        "service_name": pod.service,
        "configuration_name": pod.service,
        "revision_name": pod.revision,
    }


KPA_OTEL = always_present("kn_revision_pods_count", otel_labels)
KPA_OC = always_present("autoscaler_actual_pods", oc_labels)


def in_seconds(
    shape: Callable[[str, ScrapedPod, str], tuple[str, dict[str, str]]], metric: str
) -> list[Sampled]:
    return counters(lambda pod, kind: shape(metric, pod, kind), 1)


def serving_1_19(shape: Callable[[str, ScrapedPod, str], tuple[str, dict[str, str]]]) -> list[Sampled]:
    """Counts by the old name, whose sums are useless; times around the queue-proxy."""
    cut = counters(lambda pod, kind: shape(APP, pod, kind), 0)
    return cut + in_seconds(shape, HTTP)


SHAPES: dict[str, tuple[str, list[Sampled]]] = {
    "opencensus": ("opencensus", counters(opencensus, 1000) + KPA_OC),
    "otel": ("otel", in_seconds(promoted, INVOCATION) + KPA_OTEL),
    "otel-target-info": ("otel-target-info", in_seconds(without_labels, INVOCATION) + infos() + KPA_OTEL),
    "otel-podmonitor": ("otel-podmonitor", in_seconds(podmonitor, INVOCATION) + KPA_OTEL),
    "otel-podmonitor with target_info": (
        "otel-podmonitor",
        in_seconds(podmonitor, INVOCATION) + infos() + KPA_OTEL,
    ),
    "otel-1.19 promoted": ("otel-1.19", serving_1_19(promoted) + KPA_OTEL),
    "otel-1.19 target_info": ("otel-1.19", serving_1_19(without_labels) + infos() + KPA_OTEL),
    "otel-1.19 podmonitor": ("otel-1.19", serving_1_19(podmonitor) + KPA_OTEL),
    "istio": ("istio", counters(istio, 1000) + KPA_OTEL),
    "istio before 1.19": ("istio", counters(istio, 1000) + KPA_OC),
}


@pytest.fixture(scope="module", params=list(SHAPES))
def read(request: pytest.FixtureRequest, serve: Serve) -> tuple[str, Demand]:
    name, series = SHAPES[request.param]
    source = PrometheusSource(Sources(prometheus_url=serve(series)))
    demand = source.read(START_S, END_S, 60)
    with Client(source._sources) as client:
        assert choose_preset(client, source._sources, END_S).name == name
    source.close()
    return name, demand


def row(demand: Demand, revision: str) -> int:
    return demand.revisions.index(RevisionKey("shop", revision))


def test_revisions_and_services_are_named(read: tuple[str, Demand]) -> None:
    _, demand = read
    assert demand.revisions == (RevisionKey("shop", "cron-00001"), RevisionKey("shop", "web-00002"))
    assert demand.services == (ServiceKey("shop", "cron"), ServiceKey("shop", "web"))
    assert demand.arrivals.shape == demand.busy.shape == (2, 120)
    assert demand.warnings == ()


def test_delay_is_one_interval(read: tuple[str, Demand]) -> None:
    _, demand = read
    assert demand.delay_s == INTERVAL_S


def test_steady_rate_and_service_time_are_read(read: tuple[str, Demand]) -> None:
    _, demand = read
    web = demand.arrivals[row(demand, "web-00002"), 5:]
    np.testing.assert_allclose(web, 4.0, rtol=0.02)
    np.testing.assert_allclose(demand.busy[row(demand, "web-00002"), 5:] / web, SERVICE_TIME_S, rtol=0.02)


def test_woken_pod_loses_no_request(read: tuple[str, Demand]) -> None:
    _, demand = read
    cron = demand.arrivals[row(demand, "cron-00001")]
    assert np.nansum(cron) * 60 == pytest.approx(len(CRON.answered_s), rel=0.01)
    busy = demand.busy[row(demand, "cron-00001")]
    assert np.nansum(busy) * 60 == pytest.approx(len(CRON.answered_s) * SERVICE_TIME_S, rel=0.01)


def test_revision_at_zero_pods_has_zero_arrivals(read: tuple[str, Demand]) -> None:
    _, demand = read
    cron = demand.arrivals[row(demand, "cron-00001")]
    assert not np.isnan(cron).any()
    assert (cron > 0).sum() <= 3


def test_newer_preset_is_preferred_after_upgrade(serve: Serve) -> None:
    both = SHAPES["opencensus"][1] + in_seconds(promoted, INVOCATION) + in_seconds(promoted, APP)
    with Client(Sources(prometheus_url=serve(both))) as client:
        assert choose_preset(client, Sources(), END_S).name == "otel"
        assert choose_preset(client, Sources(preset="opencensus"), END_S).name == "opencensus"


def test_prometheus_without_request_metrics_is_reported(serve: Serve) -> None:
    source = PrometheusSource(Sources(prometheus_url=serve(KPA_OTEL)))
    with pytest.raises(NoData, match=r"kn_serving_invocation_duration_seconds_count.*config-observability"):
        source.read(START_S, END_S, 60)
    source.close()


def test_times_cut_to_whole_seconds_are_not_used(serve: Serve) -> None:
    """Serving 1.19.8, 1.20.1 and before: 200 ms are 0 s."""
    cut = counters(lambda pod, kind: promoted(INVOCATION, pod, kind), 0)
    correct = [series for series in in_seconds(promoted, HTTP) if series[0].endswith("_sum")]
    source = PrometheusSource(Sources(prometheus_url=serve(cut + correct + KPA_OTEL)))
    demand = source.read(START_S, END_S, 60)
    source.close()
    web = row(demand, "web-00002")
    np.testing.assert_allclose(demand.busy[web, 5:] / demand.arrivals[web, 5:], SERVICE_TIME_S, rtol=0.02)
    assert any("whole seconds" in warning for warning in demand.warnings)


def test_every_preset_has_shape_in_this_module() -> None:
    assert {name for name, _ in SHAPES.values()} == set(PRESETS)


def test_custom_query_is_sent_unchanged(serve: Serve) -> None:
    mine = [("hits", {"ns": "shop", "rev": "web-00002"}, WEB[0].scraped(1))]
    query = (
        "label_replace(label_replace(sum by (ns, rev) (rate(hits[$window])),"
        ' "namespace", "$1", "ns", "(.*)"), "revision", "$1", "rev", "(.*)")'
    )
    source = PrometheusSource(
        Sources(
            prometheus_url=serve(mine), preset="custom", arrivals_query=query, scrape_interval_s=INTERVAL_S
        )
    )
    demand = source.read(START_S + 600, END_S, 60)
    source.close()
    assert demand.services == (ServiceKey("shop", "web"),)
    np.testing.assert_allclose(demand.arrivals[0], 2.0, rtol=0.02)
    assert np.isnan(demand.busy).all()
