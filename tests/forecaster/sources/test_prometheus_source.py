"""Grid, chunks and window of a read from a real Prometheus."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from config.sources import Sources
from forecaster.sources.chunks import ChunkSizer
from forecaster.sources.presets.detect import interval_s, window_s
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import QueryTooLarge
from forecaster.sources.prometheus_source import PrometheusSource
from forecaster.sources.range_read import service_of
from models.fleet.keys import RevisionKey, ServiceKey

pytestmark = pytest.mark.prometheus

Sampled = tuple[str, Mapping[str, str], Sequence[tuple[float, float]]]
Serve = Callable[..., str]

END_S = int(time.time()) // 3600 * 3600
START_S = END_S - 4 * 3600


def custom(url: str, query: str = "mine", **more: object) -> PrometheusSource:
    options = {"preset": "custom", "arrivals_query": query, "scrape_interval_s": 15.0, "rate_window_s": 60.0}
    return PrometheusSource(Sources(prometheus_url=url, **{**options, **more}))  # type: ignore[arg-type]


def time_gauge(revision: str, start_s: int, end_s: int, step_s: int) -> Sampled:
    """A gauge whose value is the time, so that a value in a wrong column is visible."""
    times = range(start_s, end_s + 1, step_s)
    return (
        "mine",
        {"namespace": "shop", "revision": revision},
        [(float(t), float(t - START_S)) for t in times],
    )


@pytest.fixture(scope="module")
def time_server(serve: Serve) -> str:
    """One Revision with samples over the whole range, and one with samples in the middle."""
    return serve(
        [time_gauge("a-00001", START_S, END_S, 10), time_gauge("b-00001", START_S + 3600, START_S + 7200, 10)]
    )


def test_column_is_evaluated_at_end_of_step(time_server: str) -> None:
    demand = custom(time_server).read(START_S, START_S + 600, 60)
    np.testing.assert_array_equal(demand.arrivals[0], np.arange(60, 601, 60))
    assert (demand.start_s, demand.end_s, demand.step_s) == (START_S, START_S + 600, 60)


def test_window_steps_count_columns_within_window(time_server: str) -> None:
    for step_s, window_steps in ((15, 4), (30, 2), (60, 1), (300, 1)):
        demand = custom(time_server).read(START_S, START_S + 600, step_s)
        assert (demand.window_s, demand.window_steps) == (max(60, step_s), window_steps)


def test_range_beyond_point_limit_is_read_in_chunks(time_server: str) -> None:
    """Four hours in steps of a second: 14,400 columns, each read once."""
    calls: list[tuple[int, int]] = []
    demand = custom(time_server).read(
        START_S, END_S, 1, progress=lambda done, total: calls.append((done, total))
    )
    np.testing.assert_array_equal(demand.arrivals[0], np.arange(1, 14401) // 10 * 10)
    middle = demand.arrivals[1]
    assert np.isnan(middle[: 3600 - 1]).all()
    np.testing.assert_array_equal(middle[3600:7200], np.arange(3601, 7201) // 10 * 10)
    assert np.isnan(middle[7200 + 300 :]).all()
    assert calls[-1] == (14400, 14400)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert len(calls) == 3


def test_revisions_are_sorted_and_services_derived_from_names(time_server: str) -> None:
    demand = custom(time_server).read(START_S, END_S, 300)
    assert demand.revisions == (RevisionKey("shop", "a-00001"), RevisionKey("shop", "b-00001"))
    assert demand.services == (ServiceKey("shop", "a"), ServiceKey("shop", "b"))


@pytest.mark.parametrize(
    ("revision", "service"),
    [
        ("a-00001", "a"),
        ("web-123456", "web"),
        ("web-v2", "web-v2"),
        ("web-0001", "web-0001"),
        ("-00001", "-00001"),
    ],
)
def test_service_is_revision_name_without_number(revision: str, service: str) -> None:
    assert service_of(revision) == service


@pytest.mark.parametrize("span", [(0, 0, 60), (0, 60, 0), (60, 0, 60), (30, 120, 60), (0, 90, 60)])
def test_range_off_grid_is_rejected(span: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be a range on a grid"):
        custom("http://127.0.0.1:1").read(*span)


@pytest.fixture(scope="module")
def limited_server(serve: Serve) -> str:
    """A server that aborts queries of more than 500 samples."""
    series = [time_gauge(f"r{i:02d}-00001", START_S, END_S, 15) for i in range(20)]
    return serve(series, ["--query.max-samples=500"])


def test_query_that_is_too_large_is_split(limited_server: str) -> None:
    demand = custom(limited_server).read(START_S, START_S + 3600, 60)
    np.testing.assert_array_equal(demand.arrivals, np.tile(np.arange(60, 3601, 60), (20, 1)))


def test_single_column_that_is_too_large_is_reported(limited_server: str) -> None:
    with pytest.raises(QueryTooLarge, match="too many samples"):
        custom(limited_server, "mine + on () group_left () sum(count_over_time(mine[4h]))").read(
            START_S, END_S, 60
        )


@pytest.mark.parametrize("interval", [1, 10, 15, 30, 60])
def test_interval_between_samples_is_measured(serve: Serve, interval: int) -> None:
    """Pods exist for a few minutes only: a count of samples over ten minutes would give a wrong interval."""
    series = []
    for i in range(4):
        start_s = END_S - 6600 + 1500 * i
        times = [start_s + k * interval + 0.003 * (k % 3) for k in range(max(5, 240 // interval))]
        series.append(("hits", {"pod": f"p{i}", "odd": 'a\\"b'}, [(t, 1.0) for t in times]))
    with Client(Sources(prometheus_url=serve(series))) as client:
        assert interval_s(client, "hits", 'hits{pod=~".+"}', END_S) == interval


def test_interval_is_that_of_up_without_pods(serve: Serve) -> None:
    up: Sampled = ("up", {"job": "a"}, [(float(t), 1.0) for t in range(END_S - 3600, END_S, 20)])
    with Client(Sources(prometheus_url=serve([up]))) as client:
        assert interval_s(client, "hits", "hits", END_S) == 20
        assert interval_s(client, "hits", "hits", END_S - 86400) is None


@pytest.mark.parametrize(
    ("interval", "step", "configured", "window"),
    [
        pytest.param(15, 30, None, 60, id="four intervals"),
        pytest.param(15, 60, None, 60, id="a step is four intervals"),
        pytest.param(15, 300, None, 300, id="at least one step"),
        pytest.param(60, 30, None, 240, id="a push each minute"),
        pytest.param(20, 30, None, 90, id="a whole number of steps"),
        pytest.param(15, 30, 120.0, 120, id="as configured"),
        pytest.param(15, 30, 10.0, 30, id="configured below a step"),
        pytest.param(15, 1, None, 60, id="by the second"),
    ],
)
def test_window_has_four_samples_and_whole_steps(
    interval: float, step: int, configured: float | None, window: int
) -> None:
    assert window_s(interval, step, configured) == window


def test_unmeasured_interval_is_assumed_with_warning(serve: Serve) -> None:
    few: Sampled = ("mine", {"namespace": "shop", "revision": "a-00001"}, [(END_S - 30.0, 1.0)])
    demand = custom(serve([few]), scrape_interval_s=None, rate_window_s=None).read(END_S - 60, END_S, 60)
    assert "60 s is assumed" in demand.warnings[0]
    assert demand.delay_s == 60


def test_chunk_size_follows_number_of_rows() -> None:
    assert ChunkSizer().after(rows=10_000, lookahead=2).columns == 98
    assert ChunkSizer().after(rows=1, lookahead=2).columns == 10_998
    assert ChunkSizer().after(rows=100_000_000, lookahead=2).columns == 1
    halved = ChunkSizer().halved(60)
    assert halved is not None
    assert halved.columns == 30
    assert halved.after(rows=1, lookahead=2).columns == 28
    assert ChunkSizer().halved(1) is None
