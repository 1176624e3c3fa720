"""Properties of every plan for any forecast, and the effect of each part of a plan alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from builders import ACT, KEY, SERVICE, revision_spec
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from config.policy import Lever, Mode, RevisionPolicy
from models.fleet.forecast import FleetForecast
from models.fleet.keys import RevisionKey, ServiceKey
from models.peak.state import level_shares
from scaler.plan.bounds import Bound
from scaler.plan.demand import ServiceMeasurements, fleet_demand, revision_dispersion
from scaler.plan.fleet import FleetSpec, fleet_spec
from scaler.plan.hold import EMPTY_HOLD, HoldState, hold
from scaler.plan.newsvendor import shortage_probs
from scaler.plan.plan import plan_fleet
from scaler.plan.result import FleetPlan, Reason
from scaler.plan.revision import Metric, RevisionSpec
from scaler.plan.rules import DEFAULT, active_policy
from scaler.plan.timing import PlanTiming, fleet_lead_times_s, service_lead_times_s, service_rows

TIMING = PlanTiming(period_s=30, hold_s=120)
LEVELS = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999])


def log_normal_forecast(
    rates: Sequence[float],
    *,
    services: Sequence[ServiceKey] = (SERVICE,),
    width: float = 0.2,
    known: bool = True,
) -> FleetForecast:
    """Return a forecast with these medians of the steps ahead and log-normal quantiles, for every service."""
    from scipy.special import ndtri

    peak = max(rates, default=0.0) * np.exp(width * ndtri(LEVELS))
    return peak_forecast(np.tile(peak, (len(services), 1)), tuple(services), known=known)


def peak_forecast(
    peaks: NDArray[np.float64], services: tuple[ServiceKey, ...], *, known: bool = True
) -> FleetForecast:
    """Return a forecast with these quantiles (s, q) of the peak of the window, without bursts."""
    s = len(services)
    values = np.repeat(peaks[:, :, None], 3, axis=2).astype(np.float32)
    weights = np.tile(level_shares(LEVELS), (s, 1)).astype(np.float32)
    return FleetForecast(
        services, LEVELS, values, 0, 30, np.full(s, known),
        point_rates=peaks.astype(np.float32), point_weights=weights, event_prob=np.zeros(s, np.float32),
        intermittent=np.zeros(s, np.bool_),
    )  # fmt: skip


def plan_of(
    forecast: FleetForecast,
    services: ServiceMeasurements,
    spec: FleetSpec,
    held: HoldState = EMPTY_HOLD,
    *,
    max_total_pods: int | None = None,
    now_s: int = 30,
) -> tuple[FleetPlan, HoldState]:
    """Return the plan of the default policy, without evidence for a candidate."""
    rows = service_rows(spec, forecast.keys)
    demand = fleet_demand(forecast, services, spec, service_row=rows, timing=TIMING, now_s=now_s)
    r = len(spec.keys)
    policy = active_policy(
        np.full(r, DEFAULT),
        writable=spec.settings_usable,
        has_evidence=np.zeros(r, np.bool_),
        fallback_active=np.zeros(r, np.bool_),
        hold_s=TIMING.hold_s,
        default_sizing_delay_cost=demand.default_sizing_delay_cost,
    )
    return plan_fleet(
        demand,
        demand.rule_inputs(),
        LEVELS,
        spec,
        held,
        policy=policy,
        timing=TIMING,
        now_s=now_s,
        max_total_pods=max_total_pods,
    )


def planned(
    rates: Sequence[float],
    *revisions: RevisionSpec,
    held: HoldState = EMPTY_HOLD,
    startup_s: float = 30.0,
    service_time_s: float = 1.0,
    unobserved_s: float = 0.0,
    max_total_pods: int | None = None,
    known: bool = True,
    width: float = 0.2,
) -> tuple[FleetPlan, HoldState]:
    revisions = revisions or (revision_spec(),)
    services = tuple(sorted({r.service for r in revisions}))
    spec = fleet_spec(revisions, np.full((len(revisions), 1), startup_s))
    return plan_of(
        log_normal_forecast(rates, services=services, known=known, width=width),
        ServiceMeasurements(
            np.full(len(services), service_time_s),
            np.full(len(services), unobserved_s),
            np.ones(len(services)),
        ),
        spec,
        held,
        max_total_pods=max_total_pods,
    )


def floor(rates: Sequence[float], *revisions: RevisionSpec, **conditions: object) -> int:
    return int(planned(rates, *revisions, **conditions)[0].floor[0])  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 1e5), min_size=3, max_size=3), st.integers(0, 2), st.floats(0, 1e5))
def test_floor_rises_with_any_rate(rates: list[float], i: int, added_rate: float) -> None:
    raised = [*rates[:i], rates[i] + added_rate, *rates[i + 1 :]]
    assert floor(raised) >= floor(rates)


@given(st.floats(0, 1e4), st.floats(1, 300), st.floats(1.5, 20))
def test_floor_rises_with_delay_cost(rate: float, cost: float, factor: float) -> None:
    low, high = (revision_spec(replace(ACT, delay_cost=delay_cost)) for delay_cost in (cost, factor * cost))
    assert floor([rate] * 3, high) >= floor([rate] * 3, low)


@given(st.floats(0, 1e4), st.integers(1, 50), st.integers(0, 60))
def test_floor_is_within_the_bounds_of_the_owner(rate: float, owner_max: int, owner_min: int) -> None:
    owner_min = min(owner_min, owner_max)
    pods = floor([rate] * 3, revision_spec(owner_max=owner_max, owner_min=owner_min))
    assert owner_min <= pods <= owner_max


def test_floor_is_near_the_newsvendor_quantile() -> None:
    """A nearly certain rate of 400/s and 4/s per pod need 100 pods, and a few more for Poisson counts."""
    assert 98 <= floor([400.0] * 3, width=1e-6) <= 112


@pytest.mark.parametrize("mean", [0.0, 0.3, 2.0, 15.0, 300.0])
@pytest.mark.parametrize("pods", [0, 1, 3, 80])
def test_shortage_probability_is_near_that_of_poisson_counts(mean: float, pods: int) -> None:
    from scipy.stats import poisson

    probs = shortage_probs(np.array([pods]), np.array([mean]), np.ones(1), 4.0)
    assert probs[0] == pytest.approx(poisson.sf(4 * pods + 2, mean), rel=0.35, abs=1e-4)


@pytest.mark.parametrize("batch", [2, 5])
def test_shortage_probability_with_dispersion_is_near_that_of_poisson_batches(batch: int) -> None:
    from scipy.stats import poisson

    pods = np.array([60, 75, 80, 90])
    probs = shortage_probs(pods, np.array([300.0]), np.ones(1), 4.0, batch)
    expected = poisson.sf((4 * pods + 2) / batch, 300 / batch)
    np.testing.assert_allclose(probs, expected, rtol=0.35, atol=1e-4)


def test_route_share_lowers_dispersion() -> None:
    """Each request of a batch of 5 is routed to the Revision with probability 0.4."""
    rng = np.random.default_rng(1)
    batches = rng.poisson(20.0, 200_000)
    routed = rng.binomial(5 * batches, 0.4)
    probs = revision_dispersion(np.array([5.0]), np.array([0, 0, -1]), np.array([0.4, 1.0, 1.0]))
    assert probs[0] == pytest.approx(routed.var() / routed.mean(), rel=0.02)
    assert probs[1:].tolist() == [5.0, 1.0]


def test_floor_rises_with_forecast_uncertainty() -> None:
    assert floor([400.0] * 3, width=0.5) > floor([400.0] * 3, width=0.1)


def test_low_delay_cost_leaves_revision_to_the_kpa() -> None:
    plan, _ = planned([40.0] * 3, revision_spec(replace(ACT, delay_cost=0.01)))
    assert plan.floor[0] == 0
    assert plan[KEY].reason is Reason.NOTHING_COMING


@pytest.mark.parametrize(
    ("rate", "cost", "keeps_pod"),
    [
        pytest.param(1 / 3600, 30.0, False, id="one request an hour"),
        pytest.param(1 / 3600, 4000.0, True, id="one request an hour at a high delay cost"),
        pytest.param(0.2, 30.0, True, id="one request in five seconds"),
    ],
)
def test_first_pod_is_kept_where_the_delay_cost_exceeds_the_pod_cost(
    rate: float, cost: float, keeps_pod: bool
) -> None:
    plan, _ = planned([rate] * 3, revision_spec(replace(ACT, delay_cost=cost)), width=0.01)
    assert (plan.floor[0] >= 1) == keeps_pod


def test_wait_cost_raises_the_floor() -> None:
    with_wait_cost = replace(ACT, delay_cost=1.0, wait_cost=10.0)
    without = replace(with_wait_cost, wait_cost=0.0)
    assert floor([40.0] * 3, revision_spec(with_wait_cost)) > floor([40.0] * 3, revision_spec(without))


def test_max_delayed_replaces_the_delay_cost() -> None:
    cheap = replace(ACT, delay_cost=0.01)
    loose = floor([100.0] * 3, revision_spec(replace(cheap, max_delayed=10.0)))
    strict = floor([100.0] * 3, revision_spec(replace(cheap, max_delayed=0.1)))
    assert 0 < loose < strict


def test_floors_follow_the_route_shares() -> None:
    other = RevisionKey("shop", "cart-00002")
    whole = floor([400.0] * 3, width=0.01)
    plan, _ = planned(
        [400.0] * 3, revision_spec(percent=75.0), revision_spec(key=other, percent=25.0), width=0.01
    )
    assert plan.floor[0] == pytest.approx(0.75 * whole, rel=0.06)
    assert plan.floor[1] == pytest.approx(0.25 * whole, rel=0.15)


def test_lead_time_of_a_service_is_that_of_the_slowest_revision() -> None:
    slow, fast = revision_spec(), revision_spec(key=RevisionKey("shop", "cart-00002"))
    startups_s = np.array([[10.0, 10.0, 10.0, 20.0, 60.0], [0.0, 10.0, 20.0, 25.0, 30.0]])
    spec = fleet_spec([slow, fast], startups_s)
    assert service_lead_times_s(spec, TIMING, (SERVICE,)).tolist() == [90.0]
    assert fleet_lead_times_s(spec, TIMING).tolist() == [90.0, 60.0]
    assert spec.startup_s == pytest.approx([22, 17])


def test_held_floor_drops_after_hold_seconds() -> None:
    plan, held = planned([400.0] * 3)
    high = plan.floor[0]
    floors = []
    for _ in range(6):
        plan, held = planned([0.0] * 3, held=held)
        floors.append(int(plan.floor[0]))
    assert floors == [high] * 4 + [0, 0]
    assert plan[KEY].reason is Reason.NOTHING_COMING


def test_held_floor_has_reason_held() -> None:
    _, held = planned([400.0] * 3)
    plan, _ = planned([4.0] * 3, held=held)
    assert plan[KEY].reason is Reason.HELD
    assert plan[KEY].desired < plan[KEY].floor


@pytest.mark.parametrize(
    ("revision", "bound", "pods"),
    [
        (revision_spec(owner_max=5), Bound.OWNER_MAX, 5),
        (revision_spec(activation_scale=7), Bound.ACTIVATION_SCALE, 7),
        (revision_spec(replace(ACT, max=9)), Bound.MAX, 9),
        (revision_spec(owner_min=900), Bound.OWNER_MIN, 900),
        (revision_spec(replace(ACT, min=800)), Bound.MIN, 800),
    ],
)
def test_binding_bound_is_recorded(revision: RevisionSpec, bound: Bound, pods: int) -> None:
    plan, _ = planned([400.0] * 3, revision)
    assert plan.floor[0] == pods
    assert plan[KEY].bound is bound


@pytest.mark.parametrize(
    ("revision", "reason"),
    [
        (revision_spec(reachable=False), Reason.UNREACHABLE),
        (revision_spec(replace(ACT, mode=Mode.OFF)), Reason.OFF),
    ],
)
def test_unreachable_or_off_revision_has_no_floor(revision: RevisionSpec, reason: Reason) -> None:
    plan, _ = planned([400.0] * 3, revision)
    assert plan.floor[0] == 0
    assert plan[KEY].reason is reason


def test_revision_without_forecast_has_no_floor() -> None:
    plan, _ = planned([400.0] * 3, known=False)
    assert plan.floor[0] == 0
    assert plan[KEY].reason is Reason.NO_FORECAST
    assert np.isnan(plan[KEY].peak_median)


@pytest.mark.parametrize(("unobserved_s", "reason"), [(150.0, Reason.FORECAST), (200.0, Reason.STALE)])
def test_unobserved_service_is_stale_after_hold_and_lead_time(unobserved_s: float, reason: Reason) -> None:
    """The hold is 120 s, the lead time 60 s."""
    plan, _ = planned([400.0] * 3, unobserved_s=unobserved_s)
    assert plan[KEY].reason is reason
    assert (plan.floor[0] == 0) == (reason is Reason.STALE)


def test_unknown_service_time_gives_one_pod() -> None:
    plan, _ = planned([400.0] * 3, service_time_s=float("nan"))
    assert plan.floor[0] == 1
    assert plan[KEY].reason is Reason.NO_SERVICE_TIME


def test_rps_revision_needs_no_service_time() -> None:
    rps = revision_spec(metric=Metric.RPS, total_value=200.0, container_concurrency=0)
    assert 2 <= floor([400.0] * 3, rps, service_time_s=float("nan"), width=0.01) <= 4


def test_unlimited_concurrency_uses_the_total_value() -> None:
    unlimited = revision_spec(container_concurrency=0, total_value=100.0)
    assert 3 <= floor([400.0] * 3, unlimited, width=0.01) <= 6


def fleet_of(n: int, policy: RevisionPolicy = ACT) -> list[RevisionSpec]:
    return [
        revision_spec(policy, key=RevisionKey(f"n{i % 2}", f"s{i}"), service=ServiceKey(f"n{i % 2}", f"s{i}"))
        for i in range(n)
    ]


def test_budget_favors_revisions_with_a_high_delay_cost() -> None:
    expensive = fleet_of(4, policy=replace(ACT, delay_cost=300.0))
    cheap = [
        replace(r, key=RevisionKey("n2", r.key.name), service=ServiceKey("n2", r.key.name), policy=ACT)
        for r in fleet_of(4)
    ]
    free, _ = planned([40.0] * 3, *expensive, *cheap)
    plan, _ = planned([40.0] * 3, *expensive, *cheap, max_total_pods=70)
    assert free.floor.sum() > 70 >= plan.floor.sum() > 60
    assert plan.floor[:4].sum() > plan.floor[4:].sum()


def test_budget_limits_the_sum_of_held_and_rising_floors() -> None:
    first, second = fleet_of(2)
    busy, idle = [40.0] * 3, [0.0] * 3

    def next_plan(rates: Sequence[Sequence[float]], held: HoldState) -> tuple[FleetPlan, HoldState]:
        spec = fleet_spec([first, second], np.full(2, 30.0))
        peaks = np.tile(np.array(rates).max(axis=1, keepdims=True), (1, LEVELS.size))
        services = ServiceMeasurements(np.ones(2), np.zeros(2), np.ones(2))
        return plan_of(peak_forecast(peaks, spec.services), services, spec, held, max_total_pods=15)

    before, held = next_plan([busy, idle], EMPTY_HOLD)
    assert before.floor.tolist()[1] == 0
    after, held = next_plan([idle, busy], held)
    assert after.floor.sum() <= 15
    assert after.floor[1] == before.floor[0]
    assert after[first.key].bound is Bound.BUDGET
    assert after[second.key].bound is Bound.NONE


def test_binding_budget_is_recorded() -> None:
    plan, _ = planned([40.0] * 3, *fleet_of(4), max_total_pods=10)
    assert plan.floor.sum() <= 10
    assert {Bound(int(code)) for code in plan.bound} == {Bound.BUDGET}
    free, _ = planned([40.0] * 3, *fleet_of(4), max_total_pods=10_000)
    assert {Bound(int(code)) for code in free.bound} == {Bound.NONE}


@pytest.mark.parametrize(("hold_s", "plans"), [(0, 1), (20, 2), (30, 2), (45, 3), (120, 5)])
def test_hold_is_never_shorter_than_configured(hold_s: int, plans: int) -> None:
    held, floors = EMPTY_HOLD, []
    for pods in [9, *[0] * 6]:
        floor_, held = hold(held, (KEY,), np.array([pods], np.int32), period_s=30, hold_s=np.array([hold_s]))
        floors.append(int(floor_[0]))
    assert floors == [9] * plans + [0] * (7 - plans)


def test_budget_of_a_namespace_does_not_affect_other_namespaces() -> None:
    limited = [
        replace(r, policy=replace(ACT, max_total_pods=10)) if r.key.namespace == "n0" else r
        for r in fleet_of(4)
    ]
    free, _ = planned([40.0] * 3, *fleet_of(4))
    plan, _ = planned([40.0] * 3, *limited)
    inside = np.array([r.key.namespace == "n0" for r in limited])
    assert plan.floor[inside].sum() <= 10
    np.testing.assert_array_equal(plan.floor[~inside], free.floor[~inside])


def test_floor_is_writable_only_in_mode_act_with_lever_floor() -> None:
    modes = [
        revision_spec(),
        revision_spec(replace(ACT, mode=Mode.OBSERVE)),
        revision_spec(replace(ACT, levers=frozenset({Lever.WINDOW}))),
    ]
    assert fleet_spec(modes, np.zeros(3)).floor_writable.tolist() == [True, False, False]


def test_empty_forecast_is_planned() -> None:
    spec = fleet_spec([revision_spec()], np.array([30.0]))
    nothing = peak_forecast(np.empty((0, LEVELS.size)), ())
    plan, _ = plan_of(nothing, ServiceMeasurements(np.empty(0), np.empty(0), np.empty(0)), spec)
    assert plan[KEY].reason is Reason.NO_FORECAST
    with pytest.raises(KeyError):
        plan[RevisionKey("shop", "other")]
