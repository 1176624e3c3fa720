"""One Prometheus with two presets: a mesh measures some Revisions, queue-proxies measure the others."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from config.sources import Sources
from forecaster.sources.preset_sources import PresetSources
from forecaster.sources.prometheus.errors import NoData
from forecaster.sources.prometheus_source import PrometheusSource
from models.fleet.keys import RevisionKey, ServiceKey

pytestmark = pytest.mark.prometheus

END_S = int(time.time()) // 3600 * 3600
START_S = END_S - 3600
CART, MESHED = RevisionKey("shop", "cart-00001"), RevisionKey("shop", "meshed-00001")
SERVICES = {CART: ServiceKey("shop", "cart"), MESHED: ServiceKey("shop", "meshed")}


def counter(
    name: str, rate: float, **labels: str
) -> tuple[str, Mapping[str, str], list[tuple[float, float]]]:
    return name, labels, [(float(t), rate * (t - START_S)) for t in range(START_S, END_S, 15)]


@pytest.fixture(scope="module")
def address(serve: Callable[[Sequence[Any]], str]) -> str:
    knative = {
        "namespace_name": "shop",
        "service_name": "cart",
        "configuration_name": "cart",
        "revision_name": "cart-00001",
        "pod_name": "p",
        "job": "pods",
    }
    mesh = {
        "reporter": "destination",
        "destination_workload_namespace": "shop",
        "destination_workload": "meshed-00001-deployment",
        "job": "mesh",
    }
    return serve(
        [
            counter("revision_app_request_count", 3.0, **knative),
            counter("revision_app_request_latencies_sum", 600.0, **knative),
            counter("istio_requests_total", 7.0, **mesh),
            counter("istio_request_duration_milliseconds_sum", 700.0, **mesh),
        ]
    )


def test_revision_with_own_preset_is_read_with_that_preset(address: str) -> None:
    source = PresetSources(Sources(prometheus_url=address, preset="opencensus"))
    try:
        demand = source.read(END_S - 1800, END_S - 600, 60, services=SERVICES, presets={MESHED: "istio"})
    finally:
        source.close()
    assert demand.revisions == (CART, MESHED)
    assert demand.services == (SERVICES[CART], SERVICES[MESHED])
    np.testing.assert_allclose(np.nanmean(demand.arrivals, axis=1), [3.0, 7.0], rtol=0.02)
    np.testing.assert_allclose(np.nanmean(demand.busy, axis=1), [0.6, 0.7], rtol=0.02)


def test_window_is_unknown_if_presets_have_different_windows(address: str) -> None:
    source = PresetSources(Sources(prometheus_url=address, preset="opencensus", rate_window_s=60.0))
    try:
        demands = [
            source.read(END_S - 1800, END_S - 600, 30, services=SERVICES, presets=presets)
            for presets in ({MESHED: "istio"}, {})
        ]
        # As if the mesh were pushed each minute.
        source._by_preset["istio"] = PrometheusSource(
            Sources(prometheus_url=address, preset="istio", rate_window_s=240.0)
        )
        demands.append(
            source.read(END_S - 1800, END_S - 600, 30, services=SERVICES, presets={MESHED: "istio"})
        )
    finally:
        source.close()
    assert [(demand.window_s, demand.window_steps) for demand in demands] == [(60, 2), (60, 2), (None, 0)]


def test_fleet_without_default_preset_is_read(address: str) -> None:
    source = PresetSources(Sources(prometheus_url=address, preset="otel"))
    try:
        only = {MESHED: SERVICES[MESHED]}
        demand = source.read(END_S - 1800, END_S - 600, 60, services=only, presets={MESHED: "istio"})
    finally:
        source.close()
    assert demand.revisions == (MESHED,)
    assert demand.window_steps >= 1
    np.testing.assert_allclose(np.nanmean(demand.arrivals), 7.0, rtol=0.02)


@pytest.mark.parametrize("preset", ["otel", "custom"])
def test_preset_without_data_affects_only_revisions_that_name_preset(address: str, preset: str) -> None:
    source = PresetSources(Sources(prometheus_url=address, preset="opencensus"))
    try:
        demand = source.read(END_S - 1800, END_S - 600, 60, services=SERVICES, presets={MESHED: preset})
    finally:
        source.close()
    assert demand.revisions == (CART,)
    np.testing.assert_allclose(np.nanmean(demand.arrivals), 3.0, rtol=0.02)
    (warning,) = [w for w in demand.warnings if w.startswith("preset")]
    assert warning.startswith(f"preset {preset} of shop/meshed-00001: ")


def test_no_data_under_any_preset_is_reported(address: str) -> None:
    source = PresetSources(Sources(prometheus_url=address, preset="otel"))
    try:
        with pytest.raises(NoData, match="preset otel"):
            source.read(END_S - 1800, END_S - 600, 60, services=SERVICES, presets={MESHED: "otel-1.19"})
    finally:
        source.close()
