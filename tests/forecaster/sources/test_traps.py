"""What goes wrong when counters of pods that come and go are read, on a real Prometheus.

Serving's OpenCensus names are used throughout; what is tested here is the same for every preset.
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
"""The scrape at the very end of what is read is there too."""


def labels(revision: str, pod: str = "", **more: str) -> dict[str, str]:
    told = {"namespace_name": "shop", "service_name": revision.rpartition("-")[0], "revision_name": revision}
    return {**told, **({"pod_name": pod, "instance": pod} if pod else {}), "job": "pods", **more}


def count(revision: str, pod: str, samples: Samples) -> Sampled:
    return "revision_app_request_count", labels(revision, pod, response_code="200"), samples


def through_activator(revision: str, samples: Samples) -> Sampled:
    return "activator_request_count", labels(revision, "activator-1", job="activator"), samples


def up(start_s: float = START_S - 7200, end_s: float = DATA_END_S, job: str = "prometheus") -> Sampled:
    return "up", {"job": job, "instance": job}, [(t, 1.0) for t in grid(start_s, end_s)]


def pods(revision: str, value: float = 1.0, start_s: float = START_S, end_s: float = DATA_END_S) -> Sampled:
    """The autoscaler's gauge."""
    told = labels(revision, job="autoscaler")
    return "autoscaler_actual_pods", told, [(t, value) for t in grid(start_s, end_s)]


def grid(start_s: float, end_s: float, phase_s: float = 0.0) -> list[float]:
    first = start_s + (phase_s - start_s) % INTERVAL_S
    return [float(t) for t in np.arange(first, end_s, INTERVAL_S)]


def counter(answered_s: NDArray[np.float64], start_s: float, end_s: float, phase_s: float = 0.0) -> Samples:
    """What a pod's counter shows at each scrape of its life, from its first request on."""
    times = grid(start_s, end_s, phase_s)
    seen = np.searchsorted(np.sort(answered_s), times, side="right")
    return [(t, float(n)) for t, n in zip(times, seen, strict=True) if n]


def line(start_s: float, end_s: float, begin: float, per_s: float) -> Samples:
    return [(t, begin + per_s * (t - start_s)) for t in grid(start_s, end_s)]


@pytest.fixture
def read(serve: Serve) -> Callable[..., Demand]:
    def reads(
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

    return reads


def of(demand: Demand, revision: str) -> NDArray[np.float32]:
    row: NDArray[np.float32] = demand.arrivals[demand.revisions.index(RevisionKey("shop", revision))]
    return row


@pytest.mark.parametrize("step_s", [15, 30, 60, 300])
def test_all_requests_of_short_lives_are_told_of_once(read: Callable[..., Demand], step_s: int) -> None:
    """Forty pods woken at any moment of a scrape, living 40 to 400 s, with any bursts."""
    rng = np.random.default_rng(3)
    series, truth = [up(), pods("a-00001", 0)], 0.0
    for i in range(40):
        born = START_S + 300 + 300 * i + rng.uniform(0, 60)
        dies = born + rng.uniform(40, 250)
        some = born + rng.uniform(0, 1, rng.integers(1, 60)) ** 3 * (dies - born)
        samples = counter(some, born, dies, rng.uniform(0, INTERVAL_S))
        truth += samples[-1][1] if samples else 0
        series.append(count("a-00001", f"p{i}", samples))
    demand = read(series, step_s=step_s)
    assert np.nansum(of(demand, "a-00001")) * step_s == pytest.approx(truth, rel=1e-3)
    assert not np.isnan(of(demand, "a-00001")).any()


def test_many_pods_coming_and_going_under_load_are_one_steady_rate(read: Callable[..., Demand]) -> None:
    """Ten requests/s, handed to a new pod every five minutes."""
    series = [up()]
    for i, born in enumerate(range(START_S - 600, END_S, 300)):
        answered = born + np.arange(0.1, 300, 0.1)
        series.append(count("a-00001", f"p{i}", counter(answered, born, born + 330, 3.0 * i)))
    rate = of(read(series), "a-00001")[10:-10]
    assert rate.mean() == pytest.approx(10.0, rel=0.01)
    assert rate.max() < 13.5
    assert rate.min() > 6.5


def test_a_pod_that_comes_back_into_view_is_no_burst(read: Callable[..., Demand]) -> None:
    """Its counter stands at millions: twenty minutes without a scrape, and Prometheus away for two hours."""
    away = (START_S + 1800, START_S + 3000)
    long_away = (START_S + 5400, START_S + 12600)
    samples = [
        (t, n)
        for t, n in line(START_S - 7200, DATA_END_S, 9e6, 2.0)
        if not away[0] <= t < away[1] and not long_away[0] <= t < long_away[1]
    ]
    alive = [(t, 1.0) for t in grid(START_S - 7200, DATA_END_S) if not long_away[0] <= t < long_away[1]]
    demand = read([("up", {"job": "prometheus", "instance": "a"}, alive), count("a-00001", "p", samples)])
    rate = of(demand, "a-00001")
    assert np.nanmax(rate) == pytest.approx(2.0, rel=0.05)
    assert np.isnan(rate[(away[0] - START_S) // 60 + 3 : (away[1] - START_S) // 60]).all()


def test_small_counters_are_no_burst_either_when_prometheus_was_away(read: Callable[..., Demand]) -> None:
    since = START_S + 3600
    series = [up(since), *(count("a-00001", f"p{i}", line(since, DATA_END_S, 900, 1.0)) for i in range(5))]
    assert np.nanmax(of(read(series), "a-00001")) == pytest.approx(5.0, rel=0.05)


def test_a_counter_that_ran_long_before_it_was_scraped_is_no_burst(read: Callable[..., Demand]) -> None:
    """A PodMonitor made while the pods were running."""
    since = START_S + 3600
    rate = of(read([up(), count("a-00001", "p", line(since, DATA_END_S, 2e6, 1.0))]), "a-00001")
    assert np.nanmax(rate) == pytest.approx(1.0, rel=0.05)


def test_a_restarted_queue_proxy_loses_and_adds_nothing(read: Callable[..., Demand]) -> None:
    half = START_S + 7200
    samples = line(START_S, half, 1e5, 3.0) + line(half, DATA_END_S, 4, 3.0)
    rate = of(read([up(), count("a-00001", "p", samples)]), "a-00001")[2:]
    assert rate.max() < 4.0
    assert rate.min() > 2.0
    assert rate.mean() == pytest.approx(3.0, rel=0.01)


def test_the_activator_counts_only_where_no_pod_does(read: Callable[..., Demand]) -> None:
    """A woken pod's requests pass the activator; an hour later others do, and no pod ever comes."""
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
    rate = of(read(series), "a-00001")
    early, late = rate[: 5400 // 60], rate[5400 // 60 :]
    assert early.sum() * 60 == pytest.approx(33, abs=0.01)
    assert late.sum() * 60 == pytest.approx(12, abs=0.01)


def test_steady_traffic_through_the_activator_is_not_counted_twice(read: Callable[..., Demand]) -> None:
    series = [
        up(),
        count("a-00001", "p", line(START_S - 600, DATA_END_S, 0, 5.0)),
        through_activator("a-00001", line(START_S - 600, DATA_END_S, 0, 5.0)),
    ]
    np.testing.assert_allclose(of(read(series), "a-00001"), 5.0, rtol=0.01)


def test_no_series_is_not_zero(read: Callable[..., Demand]) -> None:
    """One revision the autoscaler tells of, one that nothing always-on tells of."""
    born = START_S + 3600.0
    samples = counter(born + np.arange(20.0), born, born + 120)
    series = [up(), pods("a-00001", 0), count("a-00001", "p", samples), count("b-00001", "q", samples)]
    demand = read(series)
    asleep, unknown = of(demand, "a-00001"), of(demand, "b-00001")
    assert not np.isnan(asleep).any()
    assert np.isnan(unknown).sum() > 230
    np.testing.assert_array_equal(asleep[~np.isnan(unknown)], unknown[~np.isnan(unknown)])
    assert np.nanmin(demand.busy[0]) == 0


@pytest.mark.parametrize("activator", [False, True], ids=["no activator", "activator scraped too"])
def test_traffic_that_the_autoscaler_sees_and_nobody_counts_is_not_zero(
    read: Callable[..., Demand], activator: bool
) -> None:
    """The pods are not scraped any more, the autoscaler is."""
    half = START_S + 7200
    told = labels("a-00001", job="autoscaler")
    series = [
        up(),
        ("autoscaler_stable_request_concurrency", told, [(t, 4.0) for t in grid(START_S, DATA_END_S)]),
        pods("a-00001", 2),
        count("a-00001", "p", line(START_S, half, 0, 5.0)),
    ]
    if activator:
        series.append(through_activator("a-00001", line(START_S, DATA_END_S, 7, 0.0)))
    rate = of(read(series), "a-00001")
    assert np.isnan(rate[125:]).all()
    np.testing.assert_allclose(rate[2:118], 5.0, rtol=0.01)


def test_where_only_the_activator_is_scraped_zero_is_known_by_it(read: Callable[..., Demand]) -> None:
    born = START_S + 3607.0
    samples = counter(born + np.arange(20.0), born, born + 120)
    series = [up(), up(job="knative-serving/activator"), count("a-00001", "p", samples)]
    asleep, seen = RevisionKey("shop", "b-00001"), RevisionKey("shop", "a-00001")
    in_cluster = {asleep: ServiceKey("shop", "b"), seen: ServiceKey("shop", "a")}
    demand = read(series, services=in_cluster)
    assert np.isnan(of(demand, "a-00001")[:60]).all()
    assert not np.isnan(of(demand, "a-00001")[62:]).any()
    assert (of(demand, "b-00001") == 0).all()


def test_a_deleted_revision_whose_gauge_lingers_is_forgotten(read: Callable[..., Demand]) -> None:
    """Serving before 1.21 shows it until the autoscaler restarts."""
    until = START_S + 3600
    series = [
        up(),
        pods("a-00001", 0),
        pods("a-00002", 1),
        pods("never-00001", 0),
        count("a-00001", "p", line(START_S, until, 0, 1.0)),
        count("a-00002", "q", line(until, DATA_END_S, 0, 2.0)),
    ]
    here = {RevisionKey("shop", "a-00002"): ServiceKey("shop", "renamed")}
    demand = read(series, services=here)
    assert demand.revisions == (RevisionKey("shop", "a-00001"), RevisionKey("shop", "a-00002"))
    assert demand.services == (ServiceKey("shop", "a"), ServiceKey("shop", "renamed"))
    assert np.isnan(of(demand, "a-00001")[65:]).all()
    assert not np.isnan(of(demand, "a-00002")).any()
    assert len(read(series).revisions) == 3


def test_an_address_given_to_another_pod_is_told_apart_by_its_info(serve: Serve) -> None:
    """The second pod has the first one's address a minute later, and `target_info` has two series."""
    half = START_S + 7200
    here = {"job": "pods", "instance": "10.0.0.7:9091"}

    def info(revision: str, times: list[float]) -> Sampled:
        told = {"k8s_namespace_name": "shop", "kn_service_name": "a", "kn_revision_name": revision}
        return "target_info", {**told, **here}, [(t, 1.0) for t in times]

    name = "kn_serving_invocation_duration_seconds_count"
    samples = line(START_S, half - 30, 0, 2.0) + line(half + 30, DATA_END_S, 3, 4.0)
    series = [
        up(),
        (name, {**here, "http_response_status_code": "200"}, samples),
        info("a-00001", grid(START_S, half - 30)),
        info("a-00002", grid(half + 30, DATA_END_S)),
    ]
    source = PrometheusSource(Sources(prometheus_url=serve(series)))
    demand = source.read(START_S, END_S, 30)
    source.close()
    np.testing.assert_allclose(of(demand, "a-00001")[4:230], 2.0, rtol=0.01)
    np.testing.assert_allclose(of(demand, "a-00002")[250:], 4.0, rtol=0.01)
