"""The planner from demand to plan: after a warm-up on history, the floor rises before the traffic."""

from dataclasses import replace

import builders
import numpy as np
import pytest
from builders import KEY, SERVICE, revision_spec
from numpy.typing import NDArray

from forecaster.forecasting import online
from forecaster.forecasting.ensemble import Ensemble, ServiceRecord
from forecaster.sources.demand import Demand
from models.ensemble.rolling import UNKNOWN_SKILL
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.explain import explain
from scaler.controller.planner import Planner
from scaler.controller.timing import LoopIntervals
from scaler.plan.candidates import KPA_INDEX
from scaler.plan.fleet import FleetSpec, fleet_spec
from scaler.plan.revision import RevisionSpec
from scaler.plan.timing import PlanTiming
from scaler.shadow.evaluate import REQUESTS
from scaler.shadow.worker import ObservedArrivals

DAY_S, STEP_S, COARSE_S = 86400, 30, 300
RISE_S = 9 * 3600
INTERVALS = LoopIntervals(
    step_s=STEP_S,
    coarse_s=COARSE_S,
    recent_s=DAY_S,
    history_s=28 * DAY_S,
    refit_s=3600,
    plan=PlanTiming(period_s=STEP_S, hold_s=120),
)


def arrivals(start_s: int, end_s: int, step_s: int, seed: int = 0) -> NDArray[np.float32]:
    """Return the requests/s (1, n): 60 from 09:00 to 17:00 UTC, and 2 by night."""
    times_s = np.arange(start_s, end_s, step_s)
    day_s = times_s % DAY_S
    mean = np.where((day_s >= RISE_S) & (day_s < 17 * 3600), 60.0, 2.0)
    rng = np.random.default_rng([seed, start_s])
    return (rng.poisson(mean * step_s) / step_s)[None].astype(np.float32)


def demand(
    start_s: int, end_s: int, step_s: int = STEP_S, rates: NDArray[np.float32] | None = None
) -> Demand:
    rates = arrivals(start_s, end_s, step_s) if rates is None else rates
    return builders.demand(rates, start_s, step_s, {KEY: SERVICE}, service_time_s=0.5)


def spec() -> FleetSpec:
    return fleet_spec([revision_spec()], np.array([45.0]))


def part(demand: Demand, start_s: int, end_s: int) -> Demand:
    """Return the steps of `demand` within [start_s, end_s)."""
    steps = slice((start_s - demand.start_s) // demand.step_s, (end_s - demand.start_s) // demand.step_s)
    return replace(demand, arrivals=demand.arrivals[:, steps], busy=demand.busy[:, steps], start_s=start_s)


def planner_with_history(until_s: int) -> Planner:
    """Return a planner with seven days of history, before the warm-up."""
    planner = Planner(INTERVALS, until_s - 7 * DAY_S)
    planner.set_fleet(spec())
    for start_s in (until_s - 7 * DAY_S, until_s - 3 * DAY_S):
        planner.load_history(demand(start_s, min(start_s + 4 * DAY_S, until_s), COARSE_S))
    return planner


def warm_planner(now_s: int) -> Planner:
    planner = planner_with_history(now_s - DAY_S)
    planner.warm_up(demand(now_s - DAY_S, now_s))
    return planner


def test_floor_rises_shortly_before_the_traffic() -> None:
    begin_s = 10 * DAY_S + RISE_S - 1800
    planner = warm_planner(begin_s)
    floors = {}
    for now_s in range(begin_s + STEP_S, begin_s + 1800 + 600, STEP_S):
        planner.observe(demand(now_s - STEP_S, now_s))
        floors[now_s + STEP_S - 10 * DAY_S - RISE_S] = int(planner.plan(spec(), now_s + STEP_S).floor[0])
    # 60 requests/s of 0.5 s are 30 in flight, 7.5 pods of 4.
    assert all(floor >= 7 for second, floor in floors.items() if second >= -45)
    assert max(floor for second, floor in floors.items() if second < -600) <= 4


def test_forecast_continues_after_a_gap_of_minutes() -> None:
    begin_s = 10 * DAY_S + 12 * 3600
    planner = warm_planner(begin_s)
    before = planner.plan(spec(), begin_s + STEP_S).floor[0]
    planner.observe(demand(begin_s + 600, begin_s + 630))
    assert planner.observed_until_s == begin_s + 630
    after = planner.plan(spec(), begin_s + 660).floor[0]
    assert 0.5 * before <= after <= 2 * before


def test_forecast_continues_after_a_gap_of_days_at_the_right_time() -> None:
    begin_s = 10 * DAY_S + 12 * 3600
    planner = warm_planner(begin_s)
    end_s = begin_s + 3 * DAY_S
    planner.observe(demand(end_s - DAY_S, end_s))
    assert planner.forecast().origin_s == planner.observed_until_s == end_s


def test_warm_up_that_ends_within_a_coarse_step_is_complete() -> None:
    now_s = 10 * DAY_S + 12 * 3600 + 4 * STEP_S
    planner = Planner(INTERVALS, now_s // COARSE_S * COARSE_S - 2 * DAY_S)
    planner.set_fleet(spec())
    planner.warm_up(demand((now_s - DAY_S) // COARSE_S * COARSE_S, now_s))
    assert planner.forecast().origin_s == planner.observed_until_s == now_s


def test_warm_up_in_chunks_equals_warm_up_at_once() -> None:
    begin_s = 10 * DAY_S + RISE_S + 4 * STEP_S
    past_s = (begin_s - DAY_S) // COARSE_S * COARSE_S
    whole, in_chunks = planner_with_history(past_s), planner_with_history(past_s)
    past = demand(past_s, begin_s)
    whole.warm_up(past)
    shares: list[float] = []
    for start_s in range(past_s, begin_s, 500 * STEP_S):
        in_chunks.warm_up(part(past, start_s, start_s + 500 * STEP_S), shares.append, until_s=begin_s)
    assert in_chunks.observed_until_s == whole.observed_until_s == begin_s
    for name in ("peak", "hazard", "point_rates", "point_weights", "event_prob", "unobserved_s"):
        assert getattr(in_chunks.state, name).tobytes() == getattr(whole.state, name).tobytes(), name
    assert np.diff(shares).min() > -1e-9
    assert shares[-1] == 1


def test_observations_after_a_gap_in_chunks_equal_those_at_once() -> None:
    begin_s = 10 * DAY_S + RISE_S
    whole, in_chunks = warm_planner(begin_s), warm_planner(begin_s)
    later = demand(begin_s + 5 * DAY_S, begin_s + 5 * DAY_S + 7200)
    whole.observe(later)
    in_chunks.observe(part(later, later.start_s, later.start_s + 3600))
    in_chunks.observe(part(later, later.start_s + 3600, later.end_s))
    assert in_chunks.state.origin_s == whole.state.origin_s == later.end_s
    np.testing.assert_allclose(in_chunks.state.point_rates, whole.state.point_rates, rtol=0.01)
    np.testing.assert_array_equal(in_chunks.grids.coarse.newest(288), whole.grids.coarse.newest(288))


def test_new_service_has_a_floor_after_observations() -> None:
    begin_s = 10 * DAY_S + 12 * 3600
    planner = Planner(INTERVALS, begin_s)
    planner.set_fleet(spec())
    assert planner.plan(spec(), begin_s).floor[0] == 0
    for now_s in range(begin_s, begin_s + 600, STEP_S):
        planner.observe(demand(now_s, now_s + STEP_S))
    assert planner.plan(spec(), begin_s + 630).floor[0] >= 8


def test_refit_without_services_has_no_chunks() -> None:
    planner = Planner(INTERVALS, 10 * DAY_S)
    planner.set_fleet(spec())
    assert planner.prepare_refit(60.0).chunks == ()


def test_removed_service_is_forgotten_after_the_recent_history() -> None:
    planner = Planner(replace(INTERVALS, recent_s=600), 0)
    planner.set_fleet(spec())
    gone = ServiceKey("shop", "gone")
    both = demand(0, 300)
    planner.observe(
        replace(
            both,
            revisions=(KEY, RevisionKey("shop", "gone-00001")),
            services=(SERVICE, gone),
            arrivals=np.repeat(both.arrivals, 2, axis=0),
            busy=np.repeat(both.busy, 2, axis=0),
        )
    )
    planner.prepare_refit()
    assert gone in planner.grids.keys
    planner.observe(demand(300, 1500))
    planner.prepare_refit()
    assert planner.grids.keys == (SERVICE,)
    assert planner.forecast().keys == (SERVICE,)


@pytest.mark.slow
def test_forecast_learns_to_use_a_skillful_ensemble() -> None:
    """The rate changes every ten minutes at random; only the ensemble knows the next rates."""
    begin_s = 10 * DAY_S
    levels = np.random.default_rng(1).choice([4.0, 40.0], 4 * 144).repeat(600 // STEP_S)
    rates = levels[None].astype(np.float32)
    mean_error = {}
    for known in (False, True):
        planner = Planner(INTERVALS, begin_s)
        planner.set_fleet(spec())
        errors = []
        for step in range(levels.size - 40):
            now_s = begin_s + step * STEP_S
            if known and now_s % COARSE_S == 0:
                coarse = levels[step : step + 40 : COARSE_S // STEP_S].astype(np.float32)
                ahead = np.full(7200 // COARSE_S, np.nan, np.float32)
                ahead[: coarse.size] = coarse
                no_forecasts = np.empty((0, 1, ahead.size), np.float32)
                record = ServiceRecord(np.empty(0, np.int64), no_forecasts, now_s, UNKNOWN_SKILL, ahead)
                planner.signals.ensemble = Ensemble(COARSE_S, {SERVICE: record})
            planner.observe(demand(now_s, now_s + STEP_S, rates=rates[:, step : step + 1]))
            peak = levels[step + 2 : step + 6].max()
            errors.append(abs(np.log(planner.forecast().values[0, 3, 0] / peak)))
        mean_error[known] = np.mean(errors[len(errors) // 2 :])
    assert mean_error[True] < 0.5 * mean_error[False]


def test_event_of_upstream_service_raises_the_event_probability() -> None:
    """The second service is called two minutes after the first, which has requests at random."""
    begin_s, step_s = 10 * DAY_S, STEP_S
    rng, steps = np.random.default_rng(3), 2 * DAY_S // STEP_S
    first = rng.random(steps + 2 * 2880) < step_s / 3600
    both = np.stack([first, np.roll(first, 120 // step_s)]).astype(np.float32)
    keys = (KEY, RevisionKey("shop", "stock-00001"))
    service_keys = (SERVICE, ServiceKey("shop", "stock"))

    def observed(first_step: int, last_step: int) -> Demand:
        services = dict(zip(keys, service_keys, strict=True))
        return builders.demand(both[:, first_step:last_step], begin_s + first_step * step_s, step_s, services)

    planner = Planner(INTERVALS, begin_s)
    planner.set_fleet(spec())
    for step in range(0, steps, 120):
        planner.observe(observed(step, step + 120))
    planner.prepare_refit()
    event_probs = []
    for step in range(steps, both.shape[1]):
        planner.observe(observed(step, step + 1))
        event_probs.append(float(planner.state.event_prob[1]))
    # The lead window of 75 s or more begins after the step; the call falls into it from two steps on.
    event_prob, calls = np.array(event_probs)[2880:], first[-2880:]
    after_call = np.flatnonzero(calls[:-4]) + 2
    assert np.mean(event_prob[after_call]) > 10 * np.median(event_prob)
    assert np.mean(event_prob[after_call]) > 0.5


def test_plan_is_unaffected_by_later_demand() -> None:
    begin_s = 10 * DAY_S + 12 * 3600
    plans = []
    for factor in (1.0, 1e6):
        planner = warm_planner(begin_s)
        plans.append(planner.plan(spec(), begin_s + STEP_S))
        later = np.float32(factor) * arrivals(begin_s, begin_s + 60, STEP_S)
        planner.observe(demand(begin_s, begin_s + 60, rates=later))
    np.testing.assert_array_equal(plans[0].floor, plans[1].floor)
    np.testing.assert_array_equal(plans[0].quantile_rates, plans[1].quantile_rates)


def shadow_planner(*, rate: float = 20.0) -> tuple[Planner, Demand]:
    """Return a planner with a simulated Revision, and two hours of past demand."""
    revision = RevisionSpec(
        key=KEY, service=SERVICE, container_concurrency=4, total_value=4.0, target_value=2.8
    )
    planner = Planner(replace(INTERVALS, recent_s=7200), 10 * DAY_S)
    planner.set_fleet(fleet_spec([revision], np.array([20.0])), [revision])
    # The service time is known after the first requests.
    first = demand(10 * DAY_S, 10 * DAY_S + 300, rates=np.full((1, 10), rate, np.float32))
    planner.observe(first)
    past_s = 10 * DAY_S + 300
    return planner, demand(past_s, past_s + 6900, rates=np.full((1, 230), rate, np.float32))


def test_warm_up_simulates_every_second_in_shadow() -> None:
    planner, past = shadow_planner()
    planner.warm_up(past)
    result = planner.shadow.result
    known_s = planner.observed_until_s // 3600 * 3600 - past.start_s
    requests = result.sums[result.rows[KEY], KPA_INDEX, REQUESTS]
    # Earlier hours are discounted.
    assert 0.98 * 20 * known_s <= requests <= 20 * (known_s + 300) * 1.01
    assert result.with_evidence == {KEY}


def test_shadow_evaluation_skips_unobserved_steps() -> None:
    planner, past = shadow_planner()
    planner.warm_up(past)
    shadow = planner.shadow.evaluator
    assert shadow is not None
    until_s = shadow.now_s
    unobserved = demand(until_s, until_s + 600, rates=np.full((1, 20), np.nan, np.float32))
    planner.observe(unobserved)
    planner.shadow.run()
    assert shadow.now_s == until_s
    planner.observe(demand(until_s + 600, until_s + 630, rates=np.full((1, 1), 20.0, np.float32)))
    planner.shadow.run()
    assert shadow.now_s == until_s + 630


def batched_demand(batch: int, *, hours: int = 12) -> Demand:
    """Return hours of 40 requests/s that arrive in batches of that size."""
    counts = batch * np.random.default_rng(4).poisson(40 * STEP_S / batch, (1, hours * 3600 // STEP_S))
    rates = (counts / STEP_S).astype(np.float32)
    return demand(10 * DAY_S, 10 * DAY_S + hours * 3600, rates=rates)


def test_batched_requests_have_a_higher_floor_than_single_ones() -> None:
    floors, without_dispersion = {}, {}
    for batch in (1, 20):
        planner = Planner(INTERVALS, 10 * DAY_S)
        planner.set_fleet(spec())
        planner.observe(batched_demand(batch))
        plan = planner.plan(spec(), planner.observed_until_s + STEP_S)
        explanation = explain(planner, spec(), plan, 0)
        assert explanation.dispersion == pytest.approx(batch, rel=0.25)
        gain = {alternative.pods: alternative.gain for alternative in explanation.alternatives}
        assert gain[int(plan.desired[0])] <= 1 < gain[int(plan.desired[0]) - 1]
        floors[batch] = int(plan.desired[0])
        # The same state without the learned dispersion.
        planner.state.peak["dispersion_windows"] = 0
        planner.state = replace(planner.state)
        without_dispersion[batch] = int(planner.plan(spec(), planner.observed_until_s + STEP_S).desired[0])
    assert floors[20] >= floors[1] + 2
    assert floors[20] > without_dispersion[20]
    assert floors[1] <= without_dispersion[1] + 1


def test_dispersion_is_learned_from_windows_of_several_steps() -> None:
    exact, dispersion = batched_demand(20, hours=48), {}
    averages = np.convolve(exact.arrivals[0], np.ones(2) / 2)[np.newaxis, : exact.arrivals.shape[1]]
    for window_s in (0, 2 * STEP_S):
        planner = Planner(replace(INTERVALS, recent_s=2 * DAY_S), 10 * DAY_S)
        planner.set_fleet(spec())
        planner.warm_up(replace(exact, arrivals=averages.astype(np.float32), window_s=window_s))
        dispersion[window_s] = float(online.dispersions(planner.state)[0])
    assert dispersion[2 * STEP_S] == pytest.approx(20, rel=0.3)
    # Without the length of the window, the averages look like independent counts with less dispersion.
    assert dispersion[0] < 0.6 * dispersion[2 * STEP_S]


def test_shadow_evaluation_receives_the_dispersion() -> None:
    planner, _ = shadow_planner()
    planner.observe(replace(batched_demand(20), start_s=planner.observed_until_s))
    (*_, newest) = planner.shadow.pending
    assert isinstance(newest, ObservedArrivals)
    assert newest.dispersion.tolist() == online.dispersions(planner.state).tolist()
    assert newest.dispersion[0] > 10
