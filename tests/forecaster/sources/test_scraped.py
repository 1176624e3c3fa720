"""Pods that come and go while a real Prometheus scrapes them, once a second."""

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


def counted(pod: str, requests: int) -> str:
    told = f'{{{LABELS},pod_name="{pod}",response_code="200"}}'
    return (
        f"revision_app_request_count{told} {requests}\n"
        f"revision_app_request_latencies_sum{told} {250 * requests}\n"
    )


def test_every_request_to_pods_that_come_and_go_is_counted_once(
    httpserver: HTTPServer, serve_configured: Callable[[str], str]
) -> None:
    """Two pods, one after the other: 7, 10 and at last 23 requests, and 5; nobody in between."""
    shown = {"pod": ""}

    def pod(_: object) -> Response:
        return Response(shown["pod"], 200 if shown["pod"] else 503, content_type="text/plain")

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

        def now(query: str) -> float:
            return single(client.instant(query, at_s=int(time.time()) + 1).series)

        def until(query: str, value: float) -> None:
            deadline = time.monotonic() + 60
            while not now(query) >= value:
                assert time.monotonic() < deadline, f"{query} stays below {value}"
                time.sleep(0.2)

        scrapes = 'count_over_time(up{job="autoscaler"}[1h])'
        until(scrapes, 8)
        for name, counts in (("p1", (7, 10, 23)), ("p2", (5,))):
            for count in counts:
                shown["pod"] = counted(name, count)
                until(f'revision_app_request_count{{pod_name="{name}"}}', count)
            shown["pod"] = ""
            until(f'absent(revision_app_request_count{{pod_name="{name}"}})', 1)
            until(scrapes, now(scrapes) + 6)
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
