"""Announced events: pods are ready before an event begins, and are removed after it ends."""

from dataclasses import replace

import builders
import numpy as np
import pytest
from numpy.typing import NDArray

from config.calendar import Calendar, Event
from config.policy import RevisionPolicy
from forecaster.sources.demand import Demand
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.cli.explain import page_lines
from scaler.controller.explain import explain
from scaler.controller.planner import Planner
from scaler.controller.timing import LoopIntervals
from scaler.plan.bounds import MAX_PODS
from scaler.plan.candidates import KPA_INDEX
from scaler.plan.fleet import FleetSpec, fleet_spec
from scaler.plan.result import FleetPlan, Reason
from scaler.plan.revision import RevisionSpec
from scaler.plan.timing import PlanTiming

STEP_S, DAY_S = 30, 86400
STARTUP_S, HOLD_S = 45.0, 120
START_S = 1_790_000_000 // DAY_S * DAY_S + 12 * 3600
FROM_S, UNTIL_S = START_S + 1800, START_S + 2700
NAMES = ("cart", "search")
SERVICES = tuple(ServiceKey("shop", name) for name in NAMES)
KEYS = tuple(RevisionKey("shop", f"{name}-00001") for name in NAMES)
INTERVALS = LoopIntervals(
    step_s=STEP_S,
    coarse_s=300,
    recent_s=7200,
    history_s=2 * DAY_S,
    refit_s=3600,
    plan=PlanTiming(period_s=STEP_S, hold_s=HOLD_S),
)


def event(**fields: object) -> Event:
    sale = Event(name="sale", services=("shop/cart",), from_s=FROM_S, until_s=UNTIL_S)
    return replace(sale, **fields)  # type: ignore[arg-type]


SALE = Calendar(events=(event(requests_per_second=80.0),))


def steady_demand(start_s: int, end_s: int, step_s: int = STEP_S, rate: float = 8.0) -> Demand:
    arrivals = np.full((len(KEYS), (end_s - start_s) // step_s), rate)
    services = dict(zip(KEYS, SERVICES, strict=True))
    return builders.demand(arrivals, start_s, step_s, services, service_time_s=0.5)


def spec(**policy: object) -> FleetSpec:
    configured = replace(builders.ACT, **policy)  # type: ignore[arg-type]
    revisions = [
        builders.revision_spec(configured, key=key, service=service)
        for key, service in zip(KEYS, SERVICES, strict=True)
    ]
    return fleet_spec(revisions, np.full(len(KEYS), STARTUP_S))


def warm_planner(calendar: Calendar, rate: float = 8.0) -> Planner:
    planner = Planner(INTERVALS, START_S - DAY_S, calendar)
    planner.set_fleet(spec())
    planner.load_history(steady_demand(START_S - DAY_S, START_S - 7200, 300, rate))
    planner.warm_up(steady_demand(START_S - 7200, START_S, STEP_S, rate))
    return planner


def plans(planner: Planner, until_s: int, rate: float = 8.0, **policy: object) -> dict[int, FleetPlan]:
    """Return the plans by their moment, in seconds from the begin of the event."""
    by_second = {}
    for now_s in range(planner.observed_until_s + STEP_S, until_s, STEP_S):
        planner.observe(steady_demand(now_s - STEP_S, now_s, STEP_S, rate))
        by_second[now_s + STEP_S - FROM_S] = planner.plan(spec(**policy), now_s + STEP_S)
    return by_second


def floors(by_second: dict[int, FleetPlan], row: int = 0) -> dict[int, int]:
    return {second: int(plan.floor[row]) for second, plan in by_second.items()}


def test_pods_are_ready_before_an_event_and_removed_after_hold() -> None:
    by_second = plans(warm_planner(SALE), UNTIL_S + 900)
    cart, search = floors(by_second), floors(by_second, 1)
    duration_s = UNTIL_S - FROM_S
    # 80 requests/s of half a second are 40 in flight: ten pods of four, and more for chance.
    assert all(floor >= 10 for second, floor in cart.items() if -STARTUP_S - STEP_S <= second < duration_s)
    assert max(floor for second, floor in cart.items() if second < -300) <= 4
    assert max(floor for second, floor in cart.items() if second > duration_s + HOLD_S + 2 * STEP_S) <= 4
    assert max(search.values()) <= 4
    assert by_second[0].reason[0] == Reason.ANNOUNCED
    assert by_second[-600].reason[0] != Reason.ANNOUNCED


def test_quantiles_during_an_event_are_not_below_the_announced_rate() -> None:
    planner = warm_planner(SALE)
    plans(planner, FROM_S + 60)
    during = planner.forecast(FROM_S + 60)
    assert (during.values[0] >= 80).all()
    assert (during.point_rates[0] >= 80).all()
    assert during.values[1].max() < 40
    after = planner.forecast(UNTIL_S)
    assert after.announced_rate is not None
    assert not after.announced_rate.any()
    assert after.values[0].max() < 40


def test_event_as_multiple_of_usual_rate() -> None:
    planner = warm_planner(Calendar(events=(event(times=5.0),)))
    by_second = plans(planner, FROM_S + 90)
    assert by_second[0].peak_median[0] == pytest.approx(40, rel=0.02)
    assert by_second[0].peak_median[1] == pytest.approx(8, rel=0.2)


def test_event_has_a_floor_during_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    planner = warm_planner(SALE)
    active_candidates = planner.shadow.active_candidates

    def kpa_alone(keys: object, intermittent: NDArray[np.bool_]) -> object:
        active = active_candidates(KEYS, intermittent)
        all_true = np.ones(len(KEYS), np.bool_)
        return replace(
            active, candidate=np.full(len(KEYS), KPA_INDEX), has_evidence=all_true, fallback_active=all_true
        )

    monkeypatch.setattr(planner.shadow, "active_candidates", kpa_alone)
    by_second = plans(planner, UNTIL_S + 300)
    assert by_second[0].floor.tolist()[0] >= 10
    assert by_second[0].floor[1] == 0
    assert by_second[-600].floor.tolist() == [0, 0]


def test_bounds_and_budget_limit_the_floor_of_an_event() -> None:
    assert set(floors(plans(warm_planner(SALE), FROM_S + 60, max=7)).values()) <= set(range(8))
    planner = warm_planner(SALE)
    plans(planner, FROM_S + 60)
    assert planner.plan(spec(), FROM_S + 60, max_total_pods=6).desired.sum() <= 6


def test_event_of_a_service_without_traffic_has_one_pod() -> None:
    by_second = plans(warm_planner(SALE, rate=0.0), FROM_S + 60, rate=0.0)
    # The service time is not known before the first request.
    assert by_second[0].floor.tolist() == [1, 0]


def test_calendar_change_affects_the_next_plan() -> None:
    planner = warm_planner(Calendar())
    plans(planner, FROM_S - 60)
    steps = planner.state.peak["steps"].copy()
    assert planner.plan(spec(), FROM_S).floor[0] <= 4
    planner.signals.calendar = SALE
    assert planner.plan(spec(), FROM_S).floor[0] >= 10
    planner.signals.calendar = Calendar()
    assert planner.plan(spec(), FROM_S).desired[0] <= 4
    assert planner.state.peak["steps"].tolist() == steps.tolist()


def test_explanation_names_the_event() -> None:
    planner = warm_planner(SALE)
    plan = plans(planner, FROM_S + 60)[0]
    explanation = explain(planner, spec(), plan, 0)
    assert [event.name for event in explanation.events] == ["sale"]
    text = "\n".join(page_lines([("shop/cart", explanation)]))
    assert "(announced event; " in text
    assert "Announced event: sale, at least 80 requests/s." in text
    assert explain(planner, spec(), plan, 1).events == ()


def test_time_zone_of_a_service_is_that_of_the_revision_with_the_largest_share() -> None:
    tokyo, new_york = RevisionPolicy(time_zone="Asia/Tokyo"), RevisionPolicy(time_zone="America/New_York")
    two_zones = fleet_spec(
        [
            RevisionSpec(key=KEYS[0], service=SERVICES[0], percent=10.0, policy=new_york),
            RevisionSpec(key=KEYS[1], service=SERVICES[0], percent=90.0, policy=tokyo),
            RevisionSpec(key=RevisionKey("shop", "s"), service=SERVICES[1]),
        ],
        np.full(3, STARTUP_S),
    )
    planner = Planner(INTERVALS, START_S - DAY_S, Calendar(time_zone="Europe/Berlin"))
    planner.set_fleet(two_zones)
    planner.observe(steady_demand(START_S, START_S + 60))
    assert planner.clock is not None
    zones = [planner.clock.zone_table(i) for i in (0, 1)]
    shifts_s = [zone.shift_s[np.searchsorted(zone.since_s, START_S) - 1] for zone in zones]
    assert shifts_s == [9 * 3600, 2 * 3600]


def test_utc_without_holidays_needs_no_clock() -> None:
    planner = warm_planner(Calendar(time_zone="UTC", events=SALE.events))
    assert planner.clock is None


def test_absurd_announced_rate_is_limited_to_max_pods() -> None:
    planner = warm_planner(Calendar(events=(event(requests_per_second=1e15),)))
    by_second = plans(planner, FROM_S + 60)
    assert max(floors(by_second).values()) == MAX_PODS
    bounded = plans(warm_planner(Calendar(events=(event(requests_per_second=1e15),))), FROM_S + 60, max=7)
    assert max(floors(bounded).values()) == 7
