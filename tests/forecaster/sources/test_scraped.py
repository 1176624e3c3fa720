"""Pods that are started and stopped while a real Prometheus scrapes them, once a second."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from config.sources import Sources
from forecaster.sources.prometheus.answer import single
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus_source import PrometheusSource
from models.fleet.keys import RevisionKey

pytestmark = pytest.mark.prometheus

LABELS = 'namespace_name="shop",service_name="a",revision_name="a-00001"'
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - {{job_name: autoscaler, metrics_path: /autoscaler, static_configs: [{{targets: ["{address}"]}}]}}
  - {{job_name: pods, metrics_path: /pod, static_configs: [{{targets: ["{address}"]}}]}}
"""


def pod_metrics(pod: str, requests: int) -> str:
    labels = f'{{{LABELS},pod_name="{pod}",response_code="200"}}'
    return (
        f"revision_app_request_count{labels} {requests}\n"
        f"revision_app_request_latencies_sum{labels} {250 * requests}\n"
    )


def test_every_request_is_counted_once_while_pods_change(
    httpserver: HTTPServer, serve_configured: Callable[[str], str]
) -> None:
    """Two pods, one after the other: 7, 10 and finally 23 requests, and 5; no pod in between."""
    page = {"pod": ""}

    def pod(_: object) -> Response:
        return Response(page["pod"], 200 if page["pod"] else 503, content_type="text/plain")

    gauge = f"autoscaler_actual_pods{{{LABELS}}} 0\n"
    httpserver.expect_request("/autoscaler").respond_with_data(gauge, content_type="text/plain")
    httpserver.expect_request("/pod").respond_with_handler(pod)
    address = f"{httpserver.host}:{httpserver.port}"
    sources = Sources(
        prometheus_url=serve_configured(CONFIG.format(address=address)),
        preset="opencensus",
        scrape_interval_s=1.0,
    )
    with Client(sources) as client:

        def value_of(query: str) -> float:
            return single(client.instant(query, at_s=int(time.time()) + 1).series)

        def until(query: str, value: float) -> None:
            deadline = time.monotonic() + 60
            while not value_of(query) >= value:
                assert time.monotonic() < deadline, f"{query} stays below {value}"
                time.sleep(0.2)

        scrapes = 'count_over_time(up{job="autoscaler"}[1h])'
        until(scrapes, 8)
        for name, counts in (("p1", (7, 10, 23)), ("p2", (5,))):
            for count in counts:
                page["pod"] = pod_metrics(name, count)
                until(f'revision_app_request_count{{pod_name="{name}"}}', count)
            page["pod"] = ""
            until(f'absent(revision_app_request_count{{pod_name="{name}"}})', 1)
            until(scrapes, value_of(scrapes) + 6)
        end_s = int(time.time())

    source = PrometheusSource(sources)
    demand = source.read(end_s - 120, end_s, 1)
    source.close()
    assert demand.revisions == (RevisionKey("shop", "a-00001"),)
    assert np.nansum(demand.arrivals) == pytest.approx(28)
    assert np.nansum(demand.busy) == pytest.approx(28 * 0.25)
    assert demand.arrivals[0, -2] == 0
    assert np.isnan(demand.arrivals[0, 0])
    assert demand.delay_s == 1
