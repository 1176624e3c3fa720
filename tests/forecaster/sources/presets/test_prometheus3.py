"""Names of metrics in Prometheus 3: pushed by OTLP with promoted attributes, or scraped with dots."""

import json
import time
import urllib.request
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from config.sources import Sources
from forecaster.sources.demand import Demand
from forecaster.sources.presets.detect import choose_preset
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus_source import PrometheusSource
from models.fleet.keys import RevisionKey, ServiceKey

pytestmark = pytest.mark.prometheus3

Serve3 = Callable[[str, Sequence[str]], str]

STEP_S, PUSHES = 5, 24
RESOURCE = {
    "service.name": "web-00001",
    "service.instance.id": "web-00001-abc",
    "k8s.namespace.name": "shop",
    "k8s.pod.name": "web-00001-abc",
    "kn.service.name": "web",
    "kn.configuration.name": "web",
    "kn.revision.name": "web-00001",
}
PROMOTED = """
global: {{scrape_interval: 1s}}
otlp:
  translation_strategy: {strategy}
  promote_resource_attributes: [{promoted}]
"""
OTLP = ["--web.enable-otlp-receiver"]
NAMES = "kn.service.name, kn.configuration.name, kn.revision.name, k8s.namespace.name, k8s.pod.name"


def attributes(values: dict[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def histogram(name: str, time_s: float, count: int) -> dict[str, object]:
    """A number of requests of 0.25 s, as the queue-proxy of Serving counts them."""
    point = {
        "attributes": attributes({"http.response.status_code": "200"}),
        "startTimeUnixNano": str(int(1e9 * (time_s - 3600))),
        "timeUnixNano": str(int(1e9 * time_s)),
        "count": str(count),
        "sum": 0.25 * count + 0.125,
        "bucketCounts": [str(count), "0"],
        "explicitBounds": [10.0],
    }
    return {
        "name": name,
        "unit": "s",
        "histogram": {"aggregationTemporality": 2, "dataPoints": [point]},
    }


def push(url: str, metrics: list[dict[str, object]]) -> None:
    scope = {"scope": {"name": "knative"}, "metrics": metrics}
    resource = {"attributes": attributes(RESOURCE)}
    body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]}
    request = urllib.request.Request(
        f"{url}/api/v1/otlp/v1/metrics",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200


def pushed(url: str, *names: str) -> int:
    """Push two minutes of 4 requests/s up to now; return the Unix seconds at which they end."""
    end_s = int(time.time()) // STEP_S * STEP_S
    for k in range(PUSHES + 1):
        time_s = end_s - (PUSHES - k) * STEP_S
        push(url, [histogram(name, time_s, 1000 + 4 * STEP_S * k) for name in names])
    return end_s


def read(
    url: str, end_s: int, *, preset: str = "auto", interval_s: float | None = STEP_S
) -> tuple[str, Demand]:
    sources = Sources(prometheus_url=url, preset=preset, scrape_interval_s=interval_s)
    with Client(sources) as client:
        name = choose_preset(client, sources, end_s).name
    source = PrometheusSource(sources)
    demand = source.read(end_s - 60 - end_s % STEP_S, end_s - end_s % STEP_S, STEP_S)
    source.close()
    return name, demand


@pytest.mark.parametrize("strategy", ["UnderscoreEscapingWithSuffixes", "NoUTF8EscapingWithSuffixes"])
@pytest.mark.parametrize(
    ("name", "promoted", "preset"),
    [
        ("kn.serving.invocation.duration", NAMES, "otel"),
        ("kn.serving.invocation.duration", "", "otel-target-info"),
        ("kn.queueproxy.app.duration", NAMES, "otel-1.19"),
        ("kn.queueproxy.app.duration", "", "otel-1.19"),
    ],
)
def test_metrics_pushed_by_otlp_are_read(
    serve_3: Serve3, strategy: str, name: str, promoted: str, preset: str
) -> None:
    url = serve_3(PROMOTED.format(strategy=strategy, promoted=promoted), OTLP)
    end_s = pushed(url, name, "http.server.request.duration")
    detected, demand = read(url, end_s)
    assert detected == preset
    assert demand.revisions == (RevisionKey("shop", "web-00001"),)
    assert demand.services == (ServiceKey("shop", "web"),)
    np.testing.assert_allclose(demand.arrivals, 4.0, rtol=0.02)
    np.testing.assert_allclose(demand.busy, 1.0, rtol=0.02)


DOTTED = """# TYPE "kn.queueproxy.app.duration_seconds" histogram
{{"kn.queueproxy.app.duration_seconds_count","http.response.status_code"="200"}} {count}
{{"kn.queueproxy.app.duration_seconds_sum","http.response.status_code"="200"}} 0
{{"kn.queueproxy.app.duration_seconds_bucket","http.response.status_code"="200",le="+Inf"}} {count}
# TYPE "http.server.request.duration_seconds" histogram
{{"http.server.request.duration_seconds_count","http.response.status_code"="200"}} {count}
{{"http.server.request.duration_seconds_sum","http.response.status_code"="200"}} {sum}
{{"http.server.request.duration_seconds_bucket","http.response.status_code"="200",le="+Inf"}} {count}
# TYPE target_info gauge
{{"target_info","k8s.namespace.name"="shop","kn.revision.name"="web-00001","kn.service.name"="web"}} 1
"""
SCRAPED = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: pods
    static_configs: [{{targets: ["{address}"], labels: {{{labels}}}}}]
"""


@pytest.fixture
def pod(httpserver: HTTPServer) -> str:
    """Address of a queue-proxy of Serving 1.19.0, which exports UTF-8 names to clients that accept them."""
    began = time.monotonic()

    def metrics(_: object) -> Response:
        count = int(10 * (time.monotonic() - began))
        text = DOTTED.format(count=count, sum=0.2 * count)
        return Response(text, content_type="text/plain; version=1.0.0; escaping=allow-utf-8")

    httpserver.expect_request("/metrics").respond_with_handler(metrics)
    return f"{httpserver.host}:{httpserver.port}"


@pytest.mark.parametrize("labels", ["", "namespace: shop, revision: web-00001"])
def test_dotted_names_of_serving_1_19_0_are_read(serve_3: Serve3, pod: str, labels: str) -> None:
    url = serve_3(SCRAPED.format(address=pod, labels=labels), [])
    with Client(Sources(prometheus_url=url)) as client:
        deadline = time.monotonic() + 90
        scrapes = 0.0
        while scrapes < 15:
            assert time.monotonic() < deadline
            time.sleep(0.5)
            up = client.instant("count_over_time(up[1h])", at_s=int(time.time()) + 1).series
            scrapes = float(up[0].samples()[-1, 1]) if up else 0.0
    end_s = int(time.time()) - 2
    name, demand = read(url, end_s, interval_s=None)
    assert name == "otel-1.19"
    assert demand.services == (ServiceKey("shop", "web"),)
    newest = demand.arrivals[0, -1]
    assert newest == pytest.approx(10.0, rel=0.15)
    assert demand.busy[0, -1] / newest == pytest.approx(0.2, rel=0.05)
    assert demand.delay_s == 1
