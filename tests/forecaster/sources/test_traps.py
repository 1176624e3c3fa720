"""Known problems of reading the counters of short pods, on a real Prometheus.

All tests use the OpenCensus names of Serving; the behaviour is the same for every preset.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from config.sources import Sources
from forecaster.sources.demand import Demand
from forecaster.sources.prometheus_source import PrometheusSource
from models.fleet.keys import RevisionKey, ServiceKey

pytestmark = pytest.mark.prometheus

Samples = list[tuple[float, float]]
Sampled = tuple[str, Mapping[str, str], Samples]
Serve = Callable[[Sequence[Sampled]], str]

INTERVAL_S = 15
END_S = int(time.time()) // 3600 * 3600
START_S = END_S - 4 * 3600
DATA_END_S = END_S + INTERVAL_S
"""The scrape at the end of the range exists too."""


def labels(revision: str, pod: str = "", **more: str) -> dict[str, str]:
    names = {"namespace_name": "shop", "service_name": revision.rpartition("-")[0], "revision_name": revision}
    return {**names, **({"pod_name": pod, "instance": pod} if pod else {}), "job": "pods", **more}


def count(revision: str, pod: str, samples: Samples) -> Sampled:
    return "revision_app_request_count", labels(revision, pod, response_code="200"), samples


def through_activator(revision: str, samples: Samples) -> Sampled:
    return "activator_request_count", labels(revision, "activator-1", job="activator"), samples


def up(start_s: float = START_S - 7200, end_s: float = DATA_END_S, job: str = "prometheus") -> Sampled:
    return "up", {"job": job, "instance": job}, [(t, 1.0) for t in grid(start_s, end_s)]


def pods(revision: str, value: float = 1.0, start_s: float = START_S, end_s: float = DATA_END_S) -> Sampled:
    """The gauge of the autoscaler."""
    return (
        "autoscaler_actual_pods",
        labels(revision, job="autoscaler"),
        [(t, value) for t in grid(start_s, end_s)],
    )


def grid(start_s: float, end_s: float, phase_s: float = 0.0) -> list[float]:
    first = start_s + (phase_s - start_s) % INTERVAL_S
    return [float(t) for t in np.arange(first, end_s, INTERVAL_S)]


def counter(answered_s: NDArray[np.float64], start_s: float, end_s: float, phase_s: float = 0.0) -> Samples:
    """The samples of the counter of a pod at each scrape, from its first request on."""
    times = grid(start_s, end_s, phase_s)
    counts = np.searchsorted(np.sort(answered_s), times, side="right")
    return [(t, float(n)) for t, n in zip(times, counts, strict=True) if n]


def line(start_s: float, end_s: float, begin: float, per_s: float) -> Samples:
    return [(t, begin + per_s * (t - start_s)) for t in grid(start_s, end_s)]


@pytest.fixture
def read(serve: Serve) -> Callable[..., Demand]:
    def read_series(
        series: Sequence[Sampled],
        *,
        step_s: int = 60,
        services: Mapping[RevisionKey, ServiceKey] | None = None,
        preset: str = "opencensus",
    ) -> Demand:
        source = PrometheusSource(Sources(prometheus_url=serve(series), preset=preset))
        demand = source.read(START_S, END_S, step_s, services=services)
        source.close()
        return demand

    return read_series


def rates_of(demand: Demand, revision: str) -> NDArray[np.float32]:
    row: NDArray[np.float32] = demand.arrivals[demand.revisions.index(RevisionKey("shop", revision))]
    return row


@pytest.mark.parametrize("step_s", [15, 30, 60, 300])
def test_all_requests_of_short_pods_are_counted_once(read: Callable[..., Demand], step_s: int) -> None:
    """Forty pods that exist for 40 to 400 s, woken at any time between two scrapes, with any bursts."""
    rng = np.random.default_rng(3)
    series, truth = [up(), pods("a-00001", 0)], 0.0
    for i in range(40):
        start_s = START_S + 300 + 300 * i + rng.uniform(0, 60)
        end_s = start_s + rng.uniform(40, 250)
        answered_s = start_s + rng.uniform(0, 1, rng.integers(1, 60)) ** 3 * (end_s - start_s)
        samples = counter(answered_s, start_s, end_s, rng.uniform(0, INTERVAL_S))
        truth += samples[-1][1] if samples else 0
        series.append(count("a-00001", f"p{i}", samples))
    demand = read(series, step_s=step_s)
    assert np.nansum(rates_of(demand, "a-00001")) * step_s == pytest.approx(truth, rel=1e-3)
    assert not np.isnan(rates_of(demand, "a-00001")).any()


def test_rate_is_steady_while_pods_are_replaced_under_load(read: Callable[..., Demand]) -> None:
    """Ten requests/s, served by a new pod every five minutes."""
    series = [up()]
    for i, start_s in enumerate(range(START_S - 600, END_S, 300)):
        answered_s = start_s + np.arange(0.1, 300, 0.1)
        series.append(count("a-00001", f"p{i}", counter(answered_s, start_s, start_s + 330, 3.0 * i)))
    rate = rates_of(read(series), "a-00001")[10:-10]
    assert rate.mean() == pytest.approx(10.0, rel=0.01)
    assert rate.max() < 13.5
    assert rate.min() > 6.5


def test_pod_scraped_again_after_gap_is_no_burst(read: Callable[..., Demand]) -> None:
    """A counter of millions: twenty minutes without a scrape, and an outage of Prometheus of two hours."""
    gap = (START_S + 1800, START_S + 3000)
    outage = (START_S + 5400, START_S + 12600)
    samples = [
        (t, n)
        for t, n in line(START_S - 7200, DATA_END_S, 9e6, 2.0)
        if not gap[0] <= t < gap[1] and not outage[0] <= t < outage[1]
    ]
    alive = [(t, 1.0) for t in grid(START_S - 7200, DATA_END_S) if not outage[0] <= t < outage[1]]
    demand = read([("up", {"job": "prometheus", "instance": "a"}, alive), count("a-00001", "p", samples)])
    rate = rates_of(demand, "a-00001")
    assert np.nanmax(rate) == pytest.approx(2.0, rel=0.05)
    assert np.isnan(rate[(gap[0] - START_S) // 60 + 3 : (gap[1] - START_S) // 60]).all()


def test_small_counters_are_no_burst_after_outage_of_prometheus(read: Callable[..., Demand]) -> None:
    since = START_S + 3600
    series = [up(since), *(count("a-00001", f"p{i}", line(since, DATA_END_S, 900, 1.0)) for i in range(5))]
    assert np.nanmax(rates_of(read(series), "a-00001")) == pytest.approx(5.0, rel=0.05)


def test_old_counter_is_no_burst_at_first_scrape(read: Callable[..., Demand]) -> None:
    """A PodMonitor is created while the pods are running."""
    since = START_S + 3600
    rate = rates_of(read([up(), count("a-00001", "p", line(since, DATA_END_S, 2e6, 1.0))]), "a-00001")
    assert np.nanmax(rate) == pytest.approx(1.0, rel=0.05)


def test_restart_of_queue_proxy_neither_loses_nor_adds_requests(read: Callable[..., Demand]) -> None:
    half = START_S + 7200
    samples = line(START_S, half, 1e5, 3.0) + line(half, DATA_END_S, 4, 3.0)
    rate = rates_of(read([up(), count("a-00001", "p", samples)]), "a-00001")[2:]
    assert rate.max() < 4.0
    assert rate.min() > 2.0
    assert rate.mean() == pytest.approx(3.0, rel=0.01)


def test_count_of_activator_is_used_only_without_pods(read: Callable[..., Demand]) -> None:
    """Requests of a woken pod pass the activator; an hour later other requests do, and no pod starts."""
    woken = START_S + 3607.0
    answered = woken + np.concatenate([np.linspace(0, 2, 30), np.array([20.0, 45.0, 50.0])])
    lost = START_S + 7213.0 + np.arange(12.0)
    through = counter(np.concatenate([answered, lost]), START_S, DATA_END_S, 1.0)
    series = [
        up(),
        pods("a-00001", 0),
        count("a-00001", "p", counter(answered, woken, woken + 140, 11.0)),
        through_activator("a-00001", through),
    ]
    rate = rates_of(read(series), "a-00001")
    early, late = rate[: 5400 // 60], rate[5400 // 60 :]
    assert early.sum() * 60 == pytest.approx(33, abs=0.01)
    assert late.sum() * 60 == pytest.approx(12, abs=0.01)


def test_steady_traffic_through_activator_is_counted_once(read: Callable[..., Demand]) -> None:
    series = [
        up(),
        count("a-00001", "p", line(START_S - 600, DATA_END_S, 0, 5.0)),
        through_activator("a-00001", line(START_S - 600, DATA_END_S, 0, 5.0)),
    ]
    np.testing.assert_allclose(rates_of(read(series), "a-00001"), 5.0, rtol=0.01)


def test_revision_without_series_is_unobserved_not_zero(read: Callable[..., Demand]) -> None:
    """The autoscaler has series of one Revision; the other one has no series that always exists."""
    start_s = START_S + 3600.0
    samples = counter(start_s + np.arange(20.0), start_s, start_s + 120)
    series = [up(), pods("a-00001", 0), count("a-00001", "p", samples), count("b-00001", "q", samples)]
    demand = read(series)
    idle, unknown = rates_of(demand, "a-00001"), rates_of(demand, "b-00001")
    assert not np.isnan(idle).any()
    assert np.isnan(unknown).sum() > 230
    np.testing.assert_array_equal(idle[~np.isnan(unknown)], unknown[~np.isnan(unknown)])
    assert np.nanmin(demand.busy[0]) == 0


@pytest.mark.parametrize("activator", [False, True], ids=["no activator", "activator scraped too"])
def test_uncounted_traffic_that_autoscaler_sees_is_unobserved(
    read: Callable[..., Demand], activator: bool
) -> None:
    """The pods are no longer scraped, the autoscaler is."""
    half = START_S + 7200
    gauge_labels = labels("a-00001", job="autoscaler")
    series = [
        up(),
        (
            "autoscaler_stable_request_concurrency",
            gauge_labels,
            [(t, 4.0) for t in grid(START_S, DATA_END_S)],
        ),
        pods("a-00001", 2),
        count("a-00001", "p", line(START_S, half, 0, 5.0)),
    ]
    if activator:
        series.append(through_activator("a-00001", line(START_S, DATA_END_S, 7, 0.0)))
    rate = rates_of(read(series), "a-00001")
    assert np.isnan(rate[125:]).all()
    np.testing.assert_allclose(rate[2:118], 5.0, rtol=0.01)


def test_zero_is_observed_if_only_activator_is_scraped(read: Callable[..., Demand]) -> None:
    start_s = START_S + 3607.0
    samples = counter(start_s + np.arange(20.0), start_s, start_s + 120)
    series = [up(), up(job="knative-serving/activator"), count("a-00001", "p", samples)]
    idle, active = RevisionKey("shop", "b-00001"), RevisionKey("shop", "a-00001")
    in_cluster = {idle: ServiceKey("shop", "b"), active: ServiceKey("shop", "a")}
    demand = read(series, services=in_cluster)
    assert np.isnan(rates_of(demand, "a-00001")[:60]).all()
    assert not np.isnan(rates_of(demand, "a-00001")[62:]).any()
    assert (rates_of(demand, "b-00001") == 0).all()


def test_deleted_revision_with_remaining_gauge_is_dropped(read: Callable[..., Demand]) -> None:
    """Serving before 1.21 shows the gauge until the autoscaler restarts."""
    until = START_S + 3600
    series = [
        up(),
        pods("a-00001", 0),
        pods("a-00002", 1),
        pods("never-00001", 0),
        count("a-00001", "p", line(START_S, until, 0, 1.0)),
        count("a-00002", "q", line(until, DATA_END_S, 0, 2.0)),
    ]
    in_cluster = {RevisionKey("shop", "a-00002"): ServiceKey("shop", "renamed")}
    demand = read(series, services=in_cluster)
    assert demand.revisions == (RevisionKey("shop", "a-00001"), RevisionKey("shop", "a-00002"))
    assert demand.services == (ServiceKey("shop", "a"), ServiceKey("shop", "renamed"))
    assert np.isnan(rates_of(demand, "a-00001")[65:]).all()
    assert not np.isnan(rates_of(demand, "a-00002")).any()
    assert len(read(series).revisions) == 3


def test_pods_with_same_address_are_distinguished_by_target_info(serve: Serve) -> None:
    """A minute later the second pod has the address of the first one; `target_info` has two series."""
    half = START_S + 7200
    target = {"job": "pods", "instance": "10.0.0.7:9091"}

    def info(revision: str, times: list[float]) -> Sampled:
        names = {"k8s_namespace_name": "shop", "kn_service_name": "a", "kn_revision_name": revision}
        return "target_info", {**names, **target}, [(t, 1.0) for t in times]

    name = "kn_serving_invocation_duration_seconds_count"
    samples = line(START_S, half - 30, 0, 2.0) + line(half + 30, DATA_END_S, 3, 4.0)
    series = [
        up(),
        (name, {**target, "http_response_status_code": "200"}, samples),
        info("a-00001", grid(START_S, half - 30)),
        info("a-00002", grid(half + 30, DATA_END_S)),
    ]
    source = PrometheusSource(Sources(prometheus_url=serve(series)))
    demand = source.read(START_S, END_S, 30)
    source.close()
    np.testing.assert_allclose(rates_of(demand, "a-00001")[4:230], 2.0, rtol=0.01)
    np.testing.assert_allclose(rates_of(demand, "a-00002")[250:], 4.0, rtol=0.01)
