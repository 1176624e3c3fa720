"""One service's forecasts in a backtest: when each is for, and what is told beside the service's own past."""

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
def test_a_plan_is_made_when_what_its_forecast_knows_is_as_old_as_told(delay_s: int, first_s: int) -> None:
    arrivals = traffic(600)
    said = hindcast(arrivals, 0, HEAVY, delay_s)
    assert said.at_s.tolist() == list(range(first_s, first_s + 600, 30))
    for step in range(20):
        changed = arrivals.copy()
        changed[(step + 1) * 30 :] = 77
        other = hindcast(changed, 0, HEAVY, delay_s)
        # The second from which on all is changed is at least `delay_s` before the plan.
        assert (step + 1) * 30 <= said.at_s[step] - delay_s
        for name in ("point_rates", "point_weights", "event_prob", "intermittent"):
            assert getattr(other, name)[: step + 1].tobytes() == getattr(said, name)[: step + 1].tobytes()


def chain() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A day of a service at random, and of one that it calls two minutes later."""
    caller = (np.random.default_rng(2).random(86400) < 1 / 1800).astype(np.float32)
    return caller, np.roll(caller, 120)


def calls(caller: NDArray[np.float32], turns: list[tuple[int, int]]) -> UpstreamEvents:
    from_s, rows_ = zip(*turns, strict=True)
    return UpstreamEvents(np.array(from_s, np.int64), np.array(rows_, np.intp), caller[np.newaxis])


@pytest.mark.parametrize("from_s", [-3600, 0, 7201])
def test_after_a_call_a_request_is_likelier_than_without_knowing_of_it(from_s: int) -> None:
    caller, called = chain()
    alone = hindcast(called, 0, SPARSE, 30)
    heard = hindcast(called, 0, SPARSE, 30, calls(caller, [(from_s, 0)]))
    late = alone.at_s >= 43200
    coming = np.array([called[at_s : at_s + 30].any() for at_s in alone.at_s[late]])
    assert np.median(alone.event_prob[late][coming]) < 0.1
    assert np.median(heard.event_prob[late][coming]) > 0.2
    assert np.median(heard.event_prob[late][~coming]) < 0.05
    before = alone.at_s <= max(from_s, 0)
    assert heard.event_prob[before].tobytes() == alone.event_prob[before].tobytes()


def test_whose_caller_is_gone_is_told_of_no_call_any_more() -> None:
    caller, called = chain()
    changed = np.where(np.arange(86400) < 43200, caller, np.roll(caller, 12345))
    gone = [(3600, 0), (43200, -1)]
    one, other = (hindcast(called, 0, SPARSE, 30, calls(each, gone)) for each in (caller, changed))
    assert one.event_prob.tobytes() == other.event_prob.tobytes()


NOON_S = 1_700_000_000 // 86400 * 86400 + 43200


def noon(**what: float) -> Calendar:
    """An event of ten minutes from noon on, half an hour after the traffic begins."""
    return Calendar(events=(Event(name="e", from_s=NOON_S, until_s=NOON_S + 600, **what),))  # type: ignore[arg-type]


@pytest.mark.parametrize("delay_s", [0, 30, 100])
def test_rates_are_not_below_what_is_announced_in_the_window_that_a_plan_must_carry(delay_s: int) -> None:
    ahead = service_calendar("s", noon(requests_per_second=500.0))
    start_s = NOON_S - 1800
    alone = hindcast(traffic(3600), start_s, HEAVY, delay_s)
    said = hindcast(traffic(3600), start_s, HEAVY, delay_s, calendar=ahead)
    assert said.announced_rate is not None
    now_s, lead_s = start_s + said.at_s, HEAVY.startup_s + STEP_S
    near = (now_s + lead_s > NOON_S) & (now_s < NOON_S + 600)
    assert said.announced_rate.tolist() == np.where(near, 500.0, 0.0).tolist()
    assert (said.point_rates[near] >= 500).all()
    assert said.point_rates[~near].tobytes() == alone.point_rates[~near].tobytes()
    assert said.point_weights.tobytes() == alone.point_weights.tobytes()
    assert alone.announced_rate is None


def test_so_many_times_what_is_usual_then() -> None:
    said = hindcast(traffic(3600), NOON_S - 1800, HEAVY, 30, calendar=service_calendar("s", noon(times=4.0)))
    assert said.announced_rate is not None
    assert said.announced_rate[said.announced_rate > 0] == pytest.approx(20, rel=0.2)


def test_a_sparse_service_is_likely_to_have_what_was_announced() -> None:
    none = np.eye(1, 3600)[0].astype(np.float32)
    said = hindcast(
        none, NOON_S - 1800, SPARSE, 30, calendar=service_calendar("s", noon(requests_per_second=0.1))
    )
    assert said.announced_rate is not None
    assert (said.event_prob[said.announced_rate > 0] > 0.9).all()
    assert (said.event_prob[said.announced_rate == 0][-10:] < 0.1).all()


def test_by_utc_nothing_is_told_and_elsewhere_the_clock_is() -> None:
    assert service_calendar("s", Calendar(time_zone="UTC")).clock is None
    for ahead in (
        service_calendar("s", Calendar(time_zone="Asia/Tokyo")),
        service_calendar("s", zone="Asia/Tokyo"),
    ):
        assert ahead.clock is not None
        assert ahead.clock.zone_table(0)[1][-1] == 9 * 3600
