"""Announced events: pods are there before they begin, and go when they are over."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from config.calendar import Calendar, Event
from config.policy import Mode, RevisionPolicy
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
PACE = LoopIntervals(
    step_s=STEP_S,
    coarse_s=300,
    recent_s=7200,
    history_s=2 * DAY_S,
    refit_s=3600,
    plan=PlanTiming(period_s=STEP_S, hold_s=HOLD_S),
)


def event(**what: object) -> Event:
    made = Event(name="sale", services=("shop/cart",), from_s=FROM_S, until_s=UNTIL_S)
    return replace(made, **what)  # type: ignore[arg-type]


SALE = Calendar(events=(event(requests_per_second=80.0),))


def demand(start_s: int, end_s: int, step_s: int = STEP_S, rate: float = 8.0) -> Demand:
    values = np.full((len(KEYS), (end_s - start_s) // step_s), rate, np.float32)
    return Demand(KEYS, SERVICES, values, values * np.float32(0.5), start_s, step_s, 30.0)


def spec(**policy: object) -> FleetSpec:
    wishes = replace(RevisionPolicy(mode=Mode.ACT), **policy)  # type: ignore[arg-type]
    return fleet_spec(
        [
            RevisionSpec(key=key, service=service, container_concurrency=4, total_value=4.0, policy=wishes)
            for key, service in zip(KEYS, SERVICES, strict=True)
        ],
        np.full(len(KEYS), STARTUP_S),
    )


def warmed(calendar: Calendar, rate: float = 8.0) -> Planner:
    cycle = Planner(PACE, START_S - DAY_S, calendar)
    cycle.set_fleet(spec())
    cycle.load_history(demand(START_S - DAY_S, START_S - 7200, 300, rate))
    cycle.warm_up(demand(START_S - 7200, START_S, STEP_S, rate))
    return cycle


def plans(cycle: Planner, until_s: int, rate: float = 8.0, **policy: object) -> dict[int, FleetPlan]:
    """Seconds after the event's beginning -> the plan made then."""
    made = {}
    for now_s in range(cycle.observed_until_s + STEP_S, until_s, STEP_S):
        cycle.observe(demand(now_s - STEP_S, now_s, STEP_S, rate))
        made[now_s + STEP_S - FROM_S] = cycle.plan(spec(**policy), now_s + STEP_S)
    return made


def floors(made: dict[int, FleetPlan], row: int = 0) -> dict[int, int]:
    return {at_s: int(plan.floor[row]) for at_s, plan in made.items()}


def test_pods_are_ready_before_it_begins_and_are_given_back_when_it_is_over() -> None:
    made = plans(warmed(SALE), UNTIL_S + 900)
    got, others = floors(made), floors(made, 1)
    lasts_s = UNTIL_S - FROM_S
    # 80 requests/s of half a second are 40 in flight: ten pods of four, and some for what comes at once.
    assert all(floor >= 10 for at_s, floor in got.items() if -STARTUP_S - STEP_S <= at_s < lasts_s)
    assert max(floor for at_s, floor in got.items() if at_s < -300) <= 4
    assert max(floor for at_s, floor in got.items() if at_s > lasts_s + HOLD_S + 2 * STEP_S) <= 4
    assert max(others.values()) <= 4
    assert made[0].reason[0] == Reason.ANNOUNCED
    assert made[-600].reason[0] != Reason.ANNOUNCED


def test_in_the_window_no_quantile_is_below_what_was_announced() -> None:
    cycle = warmed(SALE)
    plans(cycle, FROM_S + 60)
    said = cycle.forecast(FROM_S + 60)
    assert (said.values[0] >= 80).all()
    assert (said.point_rates[0] >= 80).all()
    assert said.values[1].max() < 40
    over = cycle.forecast(UNTIL_S)
    assert over.announced_rate is not None
    assert not over.announced_rate.any()
    assert over.values[0].max() < 40


def test_so_many_times_what_is_usual() -> None:
    cycle = warmed(Calendar(events=(event(times=5.0),)))
    made = plans(cycle, FROM_S + 90)
    assert made[0].peak_median[0] == pytest.approx(40, rel=0.02)
    assert made[0].peak_median[1] == pytest.approx(8, rel=0.2)


def test_a_rule_that_keeps_no_floor_keeps_one_for_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    cycle = warmed(SALE)
    whole = cycle.shadow.active_candidates

    def alone(keys: object, intermittent: NDArray[np.bool_]) -> object:
        chosen = whole(KEYS, intermittent)
        everyone = np.ones(len(KEYS), np.bool_)
        return replace(
            chosen, candidate=np.full(len(KEYS), KPA_INDEX), has_evidence=everyone, fallback_active=everyone
        )

    monkeypatch.setattr(cycle.shadow, "active_candidates", alone)
    made = plans(cycle, UNTIL_S + 300)
    assert made[0].floor.tolist()[0] >= 10
    assert made[0].floor[1] == 0
    assert made[-600].floor.tolist() == [0, 0]


def test_bounds_and_budgets_hold_in_an_event_too() -> None:
    assert set(floors(plans(warmed(SALE), FROM_S + 60, max=7)).values()) <= set(range(8))
    cycle = warmed(SALE)
    plans(cycle, FROM_S + 60)
    assert cycle.plan(spec(), FROM_S + 60, max_total_pods=6).desired.sum() <= 6


def test_a_service_without_any_traffic_so_far_has_its_pods_too() -> None:
    made = plans(warmed(SALE, rate=0.0), FROM_S + 60, rate=0.0)
    # What a request needs is not known before the first one came.
    assert made[0].floor.tolist() == [1, 0]


def test_an_event_that_is_announced_or_called_off_meanwhile_holds_at_once() -> None:
    cycle = warmed(Calendar())
    plans(cycle, FROM_S - 60)
    known = cycle.state.peak["steps"].copy()
    assert cycle.plan(spec(), FROM_S).floor[0] <= 4
    cycle.signals.calendar = SALE
    assert cycle.plan(spec(), FROM_S).floor[0] >= 10
    cycle.signals.calendar = Calendar()
    assert cycle.plan(spec(), FROM_S).desired[0] <= 4
    assert cycle.state.peak["steps"].tolist() == known.tolist()


def test_who_asks_why_is_told_the_event() -> None:
    cycle = warmed(SALE)
    plan = plans(cycle, FROM_S + 60)[0]
    told = explain(cycle, spec(), plan, 0)
    assert [each.name for each in told.events] == ["sale"]
    text = "\n".join(page_lines([("shop/cart", told)]))
    assert "(announced event; " in text
    assert "Announced event: sale, at least 80 requests/s." in text
    assert explain(cycle, spec(), plan, 1).events == ()


def test_a_service_lives_by_the_zone_of_its_revision_with_most_traffic() -> None:
    tokyo, policy = RevisionPolicy(time_zone="Asia/Tokyo"), RevisionPolicy(time_zone="America/New_York")
    made = fleet_spec(
        [
            RevisionSpec(key=KEYS[0], service=SERVICES[0], percent=10.0, policy=policy),
            RevisionSpec(key=KEYS[1], service=SERVICES[0], percent=90.0, policy=tokyo),
            RevisionSpec(key=RevisionKey("shop", "s"), service=SERVICES[1]),
        ],
        np.full(3, STARTUP_S),
    )
    cycle = Planner(PACE, START_S - DAY_S, Calendar(time_zone="Europe/Berlin"))
    cycle.set_fleet(made)
    cycle.observe(demand(START_S, START_S + 60))
    assert cycle.clock is not None
    zones = [cycle.clock.zone_table(i) for i in (0, 1)]
    summer = [zone.shift_s[np.searchsorted(zone.since_s, START_S) - 1] for zone in zones]
    assert summer == [9 * 3600, 2 * 3600]


def test_by_utc_without_holidays_there_is_no_clock_to_read() -> None:
    cycle = warmed(Calendar(time_zone="UTC", events=SALE.events))
    assert cycle.clock is None


def test_a_rate_with_three_digits_too_many_asks_for_no_more_than_the_most() -> None:
    cycle = warmed(Calendar(events=(event(requests_per_second=1e15),)))
    made = plans(cycle, FROM_S + 60)
    assert max(floors(made).values()) == MAX_PODS
    within = plans(warmed(Calendar(events=(event(requests_per_second=1e15),))), FROM_S + 60, max=7)
    assert max(floors(within).values()) == 7
