"""Forecasts of one service in a backtest: their moments, and the effect of upstream services and events."""

import numpy as np
import pytest
from numpy.typing import NDArray

from config.calendar import Calendar, Event
from config.scenario import SCENARIOS
from forecaster.forecasting.upstream import UpstreamEvents
from scaler.shadow.hindcast import STEP_S, hindcast, service_calendar
from scaler.simulation.pod_model import pod_model_of

HEAVY, SPARSE = pod_model_of(SCENARIOS["heavy"]), pod_model_of(SCENARIOS["sparse"])


def traffic(seconds: int, rate: float = 5.0) -> NDArray[np.float32]:
    return np.asarray(np.random.default_rng(1).poisson(rate, seconds), np.float32)


@pytest.mark.parametrize(
    ("delay_s", "first_s"), [(0, 30), (1, 60), (30, 60), (45, 90), (90, 120), (3600, 3630)]
)
def test_forecast_reads_only_arrivals_older_than_the_delay(delay_s: int, first_s: int) -> None:
    arrivals = traffic(600)
    forecasts = hindcast(arrivals, 0, HEAVY, delay_s)
    assert forecasts.at_s.tolist() == list(range(first_s, first_s + 600, 30))
    for step in range(20):
        changed = arrivals.copy()
        changed[(step + 1) * 30 :] = 77
        other = hindcast(changed, 0, HEAVY, delay_s)
        # The first changed second is at least `delay_s` before the plan.
        assert (step + 1) * 30 <= forecasts.at_s[step] - delay_s
        for name in ("point_rates", "point_weights", "event_prob", "intermittent"):
            assert (
                getattr(other, name)[: step + 1].tobytes() == getattr(forecasts, name)[: step + 1].tobytes()
            )


def chain() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a day of random requests of an upstream service, and of the service called two minutes later."""
    upstream = (np.random.default_rng(2).random(86400) < 1 / 1800).astype(np.float32)
    return upstream, np.roll(upstream, 120)


def upstream_events(upstream: NDArray[np.float32], changes: list[tuple[int, int]]) -> UpstreamEvents:
    from_s, upstream_rows = zip(*changes, strict=True)
    return UpstreamEvents(np.array(from_s, np.int64), np.array(upstream_rows, np.intp), upstream[np.newaxis])


@pytest.mark.parametrize("from_s", [-3600, 0, 7201])
def test_upstream_event_raises_the_event_probability(from_s: int) -> None:
    upstream, downstream = chain()
    alone = hindcast(downstream, 0, SPARSE, 30)
    with_upstream = hindcast(downstream, 0, SPARSE, 30, upstream_events(upstream, [(from_s, 0)]))
    late = alone.at_s >= 43200
    coming = np.array([downstream[at_s : at_s + 30].any() for at_s in alone.at_s[late]])
    assert np.median(alone.event_prob[late][coming]) < 0.1
    assert np.median(with_upstream.event_prob[late][coming]) > 0.2
    assert np.median(with_upstream.event_prob[late][~coming]) < 0.05
    before = alone.at_s <= max(from_s, 0)
    assert with_upstream.event_prob[before].tobytes() == alone.event_prob[before].tobytes()


def test_removed_upstream_service_has_no_effect() -> None:
    upstream, downstream = chain()
    changed = np.where(np.arange(86400) < 43200, upstream, np.roll(upstream, 12345))
    changes = [(3600, 0), (43200, -1)]
    original, other = (
        hindcast(downstream, 0, SPARSE, 30, upstream_events(arrivals, changes))
        for arrivals in (upstream, changed)
    )
    assert original.event_prob.tobytes() == other.event_prob.tobytes()


NOON_S = 1_700_000_000 // 86400 * 86400 + 43200


def noon(**fields: float) -> Calendar:
    """Return a calendar with an event of ten minutes from noon on, half an hour after the traffic begins."""
    return Calendar(events=(Event(name="e", from_s=NOON_S, until_s=NOON_S + 600, **fields),))  # type: ignore[arg-type]


@pytest.mark.parametrize("delay_s", [0, 30, 100])
def test_rates_in_the_lead_window_are_not_below_the_announced_rate(delay_s: int) -> None:
    calendar = service_calendar("s", noon(requests_per_second=500.0))
    start_s = NOON_S - 1800
    alone = hindcast(traffic(3600), start_s, HEAVY, delay_s)
    forecasts = hindcast(traffic(3600), start_s, HEAVY, delay_s, calendar=calendar)
    assert forecasts.announced_rate is not None
    now_s, lead_s = start_s + forecasts.at_s, HEAVY.startup_s + STEP_S
    near = (now_s + lead_s > NOON_S) & (now_s < NOON_S + 600)
    assert forecasts.announced_rate.tolist() == np.where(near, 500.0, 0.0).tolist()
    assert (forecasts.point_rates[near] >= 500).all()
    assert forecasts.point_rates[~near].tobytes() == alone.point_rates[~near].tobytes()
    assert forecasts.point_weights.tobytes() == alone.point_weights.tobytes()
    assert alone.announced_rate is None


def test_event_as_multiple_of_the_usual_rate() -> None:
    forecasts = hindcast(
        traffic(3600), NOON_S - 1800, HEAVY, 30, calendar=service_calendar("s", noon(times=4.0))
    )
    assert forecasts.announced_rate is not None
    assert forecasts.announced_rate[forecasts.announced_rate > 0] == pytest.approx(20, rel=0.2)


def test_announced_event_raises_the_event_probability_of_an_intermittent_service() -> None:
    arrivals = np.eye(1, 3600)[0].astype(np.float32)
    forecasts = hindcast(
        arrivals, NOON_S - 1800, SPARSE, 30, calendar=service_calendar("s", noon(requests_per_second=0.1))
    )
    assert forecasts.announced_rate is not None
    assert (forecasts.event_prob[forecasts.announced_rate > 0] > 0.9).all()
    assert (forecasts.event_prob[forecasts.announced_rate == 0][-10:] < 0.1).all()


def test_utc_calendar_has_no_clock_and_other_zones_have() -> None:
    assert service_calendar("s", Calendar(time_zone="UTC")).clock is None
    for calendar in (
        service_calendar("s", Calendar(time_zone="Asia/Tokyo")),
        service_calendar("s", zone="Asia/Tokyo"),
    ):
        assert calendar.clock is not None
        assert calendar.clock.zone_table(0)[1][-1] == 9 * 3600
