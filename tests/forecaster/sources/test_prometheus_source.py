"""The grid, the chunks and the window of a read, on a real Prometheus."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from config.sources import Sources
from forecaster.sources.chunks import ChunkSizer
from forecaster.sources.presets.detect import interval_s, window_s
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import Overtaxed
from forecaster.sources.prometheus_source import PrometheusSource
from forecaster.sources.range_read import service_of
from models.fleet.keys import RevisionKey, ServiceKey

pytestmark = pytest.mark.prometheus

Sampled = tuple[str, Mapping[str, str], Sequence[tuple[float, float]]]
Serve = Callable[..., str]

END_S = int(time.time()) // 3600 * 3600
START_S = END_S - 4 * 3600


def custom(url: str, query: str = "mine", **more: object) -> PrometheusSource:
    told = {"preset": "custom", "arrivals_query": query, "scrape_interval_s": 15.0, "rate_window_s": 60.0}
    return PrometheusSource(Sources(prometheus_url=url, **{**told, **more}))  # type: ignore[arg-type]


def level(revision: str, start_s: int, end_s: int, step_s: int) -> Sampled:
    """A gauge that says what time it is, so that a value out of place shows."""
    times = range(start_s, end_s + 1, step_s)
    return (
        "mine",
        {"namespace": "shop", "revision": revision},
        [(float(t), float(t - START_S)) for t in times],
    )


@pytest.fixture(scope="module")
def clock(serve: Serve) -> str:
    """One revision over all of the time, one over its middle."""
    return serve([level("a-00001", START_S, END_S, 10), level("b-00001", START_S + 3600, START_S + 7200, 10)])


def test_a_column_is_what_was_known_at_its_end(clock: str) -> None:
    demand = custom(clock).read(START_S, START_S + 600, 60)
    np.testing.assert_array_equal(demand.arrivals[0], np.arange(60, 601, 60))
    assert (demand.start_s, demand.end_s, demand.step_s) == (START_S, START_S + 600, 60)


def test_columns_shorter_than_the_window_are_smeared_over_those_before(clock: str) -> None:
    for step_s, window_steps in ((15, 4), (30, 2), (60, 1), (300, 1)):
        demand = custom(clock).read(START_S, START_S + 600, step_s)
        assert (demand.window_s, demand.window_steps) == (max(60, step_s), window_steps)


def test_more_points_than_prometheus_gives_at_once_come_in_pieces(clock: str) -> None:
    """Four hours by the second: 14,400 columns, each once."""
    told: list[tuple[int, int]] = []
    demand = custom(clock).read(START_S, END_S, 1, progress=lambda done, of: told.append((done, of)))
    np.testing.assert_array_equal(demand.arrivals[0], np.arange(1, 14401) // 10 * 10)
    middle = demand.arrivals[1]
    assert np.isnan(middle[: 3600 - 1]).all()
    np.testing.assert_array_equal(middle[3600:7200], np.arange(3601, 7201) // 10 * 10)
    assert np.isnan(middle[7200 + 300 :]).all()
    assert told[-1] == (14400, 14400)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len(told) == 3


def test_revisions_are_sorted_and_their_services_their_names_less_a_number(clock: str) -> None:
    demand = custom(clock).read(START_S, END_S, 300)
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
def test_service_of(revision: str, service: str) -> None:
    assert service_of(revision) == service


@pytest.mark.parametrize("span", [(0, 0, 60), (0, 60, 0), (60, 0, 60), (30, 120, 60), (0, 90, 60)])
def test_a_range_off_the_grid_is_not_read(span: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no range on a grid"):
        custom("http://127.0.0.1:1").read(*span)


@pytest.fixture(scope="module")
def frugal(serve: Serve) -> str:
    """A server that gives up on more than 500 samples."""
    series = [level(f"r{i:02d}-00001", START_S, END_S, 15) for i in range(20)]
    return serve(series, ["--query.max-samples=500"])


def test_a_question_that_is_too_large_is_asked_in_smaller_parts(frugal: str) -> None:
    demand = custom(frugal).read(START_S, START_S + 3600, 60)
    np.testing.assert_array_equal(demand.arrivals, np.tile(np.arange(60, 3601, 60), (20, 1)))


def test_a_question_that_cannot_be_smaller_says_so(frugal: str) -> None:
    with pytest.raises(Overtaxed, match="too many samples"):
        custom(frugal, "mine + on () group_left () sum(count_over_time(mine[4h]))").read(START_S, END_S, 60)


@pytest.mark.parametrize("interval", [1, 10, 15, 30, 60])
def test_the_interval_between_samples_is_found(serve: Serve, interval: int) -> None:
    """From pods that live a few minutes, which a count over ten minutes would make too much of."""
    series = []
    for i in range(4):
        born = END_S - 6600 + 1500 * i
        times = [born + k * interval + 0.003 * (k % 3) for k in range(max(5, 240 // interval))]
        series.append(("hits", {"pod": f"p{i}", "odd": 'a\\"b'}, [(t, 1.0) for t in times]))
    with Client(Sources(prometheus_url=serve(series))) as client:
        assert interval_s(client, "hits", 'hits{pod=~".+"}', END_S) == interval


def test_the_interval_is_that_of_up_where_there_are_no_pods(serve: Serve) -> None:
    up: Sampled = ("up", {"job": "a"}, [(float(t), 1.0) for t in range(END_S - 3600, END_S, 20)])
    with Client(Sources(prometheus_url=serve([up]))) as client:
        assert interval_s(client, "hits", "hits", END_S) == 20
        assert interval_s(client, "hits", "hits", END_S - 86400) is None


@pytest.mark.parametrize(
    ("interval", "step", "configured", "window"),
    [
        pytest.param(15, 30, None, 60, id="four intervals"),
        pytest.param(15, 60, None, 60, id="a step is four intervals"),
        pytest.param(15, 300, None, 300, id="never less than a step"),
        pytest.param(60, 30, None, 240, id="a push each minute"),
        pytest.param(20, 30, None, 90, id="a whole number of steps"),
        pytest.param(15, 30, 120.0, 120, id="as configured"),
        pytest.param(15, 30, 10.0, 30, id="configured below a step"),
        pytest.param(15, 1, None, 60, id="by the second"),
    ],
)
def test_the_window_holds_four_samples_and_whole_steps(
    interval: float, step: int, configured: float | None, window: int
) -> None:
    assert window_s(interval, step, configured) == window


def test_no_interval_known_yet_is_said(serve: Serve) -> None:
    few: Sampled = ("mine", {"namespace": "shop", "revision": "a-00001"}, [(END_S - 30.0, 1.0)])
    demand = custom(serve([few]), scrape_interval_s=None, rate_window_s=None).read(END_S - 60, END_S, 60)
    assert "60 s is assumed" in demand.warnings[0]
    assert demand.delay_s == 60


def test_pace_follows_the_number_of_rows() -> None:
    assert ChunkSizer().after(rows=10_000, ahead=2).columns == 98
    assert ChunkSizer().after(rows=1, ahead=2).columns == 10_998
    assert ChunkSizer().after(rows=100_000_000, ahead=2).columns == 1
    halved = ChunkSizer().halved(60)
    assert halved is not None
    assert halved.columns == 30
    assert halved.after(rows=1, ahead=2).columns == 28
    assert ChunkSizer().halved(1) is None
