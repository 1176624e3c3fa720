"""The cycle from demand to plan: warmed up on history, it raises the floor before the rise."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from config.policy import Mode, RevisionPolicy
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

SERVICE, KEY = ServiceKey("shop", "cart"), RevisionKey("shop", "cart-00001")
DAY_S, STEP_S, COARSE_S = 86400, 30, 300
RISE_S = 9 * 3600
PACE = LoopIntervals(
    step_s=STEP_S,
    coarse_s=COARSE_S,
    recent_s=DAY_S,
    history_s=28 * DAY_S,
    refit_s=3600,
    plan=PlanTiming(period_s=STEP_S, hold_s=120),
)


def arrivals(start_s: int, end_s: int, step_s: int, seed: int = 0) -> NDArray[np.float32]:
    """(1, n) 2 requests/s by night, 60 from 09:00 to 17:00 UTC."""
    times_s = np.arange(start_s, end_s, step_s)
    day_s = times_s % DAY_S
    mean = np.where((day_s >= RISE_S) & (day_s < 17 * 3600), 60.0, 2.0)
    rng = np.random.default_rng([seed, start_s])
    return (rng.poisson(mean * step_s) / step_s)[None].astype(np.float32)


def demand(start_s: int, end_s: int, step_s: int = STEP_S, **what: NDArray[np.float32]) -> Demand:
    values = what.get("values", arrivals(start_s, end_s, step_s))
    return Demand((KEY,), (SERVICE,), values, values * np.float32(0.5), start_s, step_s, 30.0)


def spec() -> FleetSpec:
    policy = RevisionPolicy(mode=Mode.ACT)
    one = RevisionSpec(key=KEY, service=SERVICE, container_concurrency=4, total_value=4.0, policy=policy)
    return fleet_spec([one], np.array([45.0]))


def part(demand: Demand, start_s: int, end_s: int) -> Demand:
    """What of `demand` lies within [start_s, end_s)."""
    some = slice((start_s - demand.start_s) // demand.step_s, (end_s - demand.start_s) // demand.step_s)
    return replace(demand, arrivals=demand.arrivals[:, some], busy=demand.busy[:, some], start_s=start_s)


def remembered(until_s: int) -> Planner:
    """A cycle that has seven days of history, which has learned nothing of it yet."""
    cycle = Planner(PACE, until_s - 7 * DAY_S)
    cycle.set_fleet(spec())
    for start_s in (until_s - 7 * DAY_S, until_s - 3 * DAY_S):
        cycle.load_history(demand(start_s, min(start_s + 4 * DAY_S, until_s), COARSE_S))
    return cycle


def warmed(now_s: int) -> Planner:
    cycle = remembered(now_s - DAY_S)
    cycle.warm_up(demand(now_s - DAY_S, now_s))
    return cycle


def test_the_floor_is_up_before_the_rise_and_not_long_before() -> None:
    begin_s = 10 * DAY_S + RISE_S - 1800
    cycle = warmed(begin_s)
    floors = {}
    for now_s in range(begin_s + STEP_S, begin_s + 1800 + 600, STEP_S):
        cycle.observe(demand(now_s - STEP_S, now_s))
        floors[now_s + STEP_S - 10 * DAY_S - RISE_S] = int(cycle.plan(spec(), now_s + STEP_S).floor[0])
    # 60 requests/s of 0.5 s are 30 in flight, 7.5 pods of 4.
    assert all(floor >= 7 for at, floor in floors.items() if at >= -45)
    assert max(floor for at, floor in floors.items() if at < -600) <= 4


def test_an_outage_of_the_source_leaves_a_forecast_standing() -> None:
    begin_s = 10 * DAY_S + 12 * 3600
    cycle = warmed(begin_s)
    before = cycle.plan(spec(), begin_s + STEP_S).floor[0]
    cycle.observe(demand(begin_s + 600, begin_s + 630))
    assert cycle.observed_until_s == begin_s + 630
    after = cycle.plan(spec(), begin_s + 660).floor[0]
    assert 0.5 * before <= after <= 2 * before


def test_after_an_absence_of_days_the_forecast_goes_on_at_the_right_time() -> None:
    begin_s = 10 * DAY_S + 12 * 3600
    cycle = warmed(begin_s)
    end_s = begin_s + 3 * DAY_S
    cycle.observe(demand(end_s - DAY_S, end_s))
    assert cycle.forecast().origin_s == cycle.observed_until_s == end_s


def test_a_day_that_does_not_begin_with_a_long_step_is_taken_whole() -> None:
    now_s = 10 * DAY_S + 12 * 3600 + 4 * STEP_S
    cycle = Planner(PACE, now_s // COARSE_S * COARSE_S - 2 * DAY_S)
    cycle.set_fleet(spec())
    cycle.warm_up(demand((now_s - DAY_S) // COARSE_S * COARSE_S, now_s))
    assert cycle.forecast().origin_s == cycle.observed_until_s == now_s


def test_a_recent_past_in_pieces_is_learned_as_if_it_came_at_once() -> None:
    begin_s = 10 * DAY_S + RISE_S + 4 * STEP_S
    past_s = (begin_s - DAY_S) // COARSE_S * COARSE_S
    whole, parted = remembered(past_s), remembered(past_s)
    past = demand(past_s, begin_s)
    whole.warm_up(past)
    told: list[float] = []
    for start_s in range(past_s, begin_s, 500 * STEP_S):
        parted.warm_up(part(past, start_s, start_s + 500 * STEP_S), told.append, until_s=begin_s)
    assert parted.observed_until_s == whole.observed_until_s == begin_s
    for name in ("peak", "hazard", "point_rates", "point_weights", "event_prob", "unobserved_s"):
        assert getattr(parted.state, name).tobytes() == getattr(whole.state, name).tobytes(), name
    assert np.diff(told).min() > -1e-9
    assert told[-1] == 1


def test_an_absence_that_is_read_in_pieces_is_taken_as_if_it_came_at_once() -> None:
    begin_s = 10 * DAY_S + RISE_S
    whole, parted = warmed(begin_s), warmed(begin_s)
    came = demand(begin_s + 5 * DAY_S, begin_s + 5 * DAY_S + 7200)
    whole.observe(came)
    parted.observe(part(came, came.start_s, came.start_s + 3600))
    parted.observe(part(came, came.start_s + 3600, came.end_s))
    assert parted.state.origin_s == whole.state.origin_s == came.end_s
    np.testing.assert_allclose(parted.state.point_rates, whole.state.point_rates, rtol=0.01)
    np.testing.assert_array_equal(parted.grids.coarse.newest(288), whole.grids.coarse.newest(288))


def test_a_service_that_appears_is_planned_once_it_was_seen() -> None:
    begin_s = 10 * DAY_S + 12 * 3600
    cycle = Planner(PACE, begin_s)
    cycle.set_fleet(spec())
    assert cycle.plan(spec(), begin_s).floor[0] == 0
    for now_s in range(begin_s, begin_s + 600, STEP_S):
        cycle.observe(demand(now_s, now_s + STEP_S))
    assert cycle.plan(spec(), begin_s + 630).floor[0] >= 8


def test_a_refit_before_anybody_was_seen_asks_about_nobody() -> None:
    cycle = Planner(PACE, 10 * DAY_S)
    cycle.set_fleet(spec())
    assert cycle.refit(60.0).chunks == ()


def test_a_service_that_is_gone_is_forgotten_in_time() -> None:
    pace = replace(PACE, recent_s=600)
    cycle = Planner(pace, 0)
    cycle.set_fleet(spec())
    gone = ServiceKey("shop", "gone")
    both = demand(0, 300)
    cycle.observe(
        replace(
            both,
            revisions=(KEY, RevisionKey("shop", "gone-00001")),
            services=(SERVICE, gone),
            arrivals=np.repeat(both.arrivals, 2, axis=0),
            busy=np.repeat(both.busy, 2, axis=0),
        )
    )
    cycle.refit()
    assert gone in cycle.grids.keys
    cycle.observe(demand(300, 1500))
    cycle.refit()
    assert cycle.grids.keys == (SERVICE,)
    assert cycle.forecast().keys == (SERVICE,)


def test_what_slow_models_know_of_the_next_minutes_is_learned_to_be_used() -> None:
    """The rate is another one every ten minutes, at random; they know it, and nobody else could."""
    begin_s = 10 * DAY_S
    levels = np.random.default_rng(1).choice([4.0, 40.0], 4 * 144).repeat(600 // STEP_S)
    values = levels[None].astype(np.float32)
    off = {}
    for known in (False, True):
        cycle = Planner(PACE, begin_s)
        cycle.set_fleet(spec())
        wrong = []
        for step in range(levels.size - 40):
            now_s = begin_s + step * STEP_S
            if known and now_s % COARSE_S == 0:
                coarse = levels[step : step + 40 : COARSE_S // STEP_S].astype(np.float32)
                ahead = np.full(7200 // COARSE_S, np.nan, np.float32)
                ahead[: coarse.size] = coarse
                nothing = np.empty((0, 1, ahead.size), np.float32)
                memory = ServiceRecord(np.empty(0, np.int64), nothing, now_s, UNKNOWN_SKILL, ahead)
                cycle.signals.ensemble = Ensemble(COARSE_S, {SERVICE: memory})
            cycle.observe(demand(now_s, now_s + STEP_S, values=values[:, step : step + 1]))
            came = levels[step + 2 : step + 6].max()
            wrong.append(abs(np.log(cycle.forecast().values[0, 3, 0] / came)))
        off[known] = np.mean(wrong[len(wrong) // 2 :])
    assert off[True] < 0.5 * off[False]


def test_a_call_of_another_service_tells_of_what_follows() -> None:
    """The second is called two minutes after the first, which is called at random, and by nobody else."""
    begin_s, step_s = 10 * DAY_S, STEP_S
    rng, steps = np.random.default_rng(3), 2 * DAY_S // STEP_S
    first = rng.random(steps + 2 * 2880) < step_s / 3600
    both = np.stack([first, np.roll(first, 120 // step_s)]).astype(np.float32)
    keys = (KEY, RevisionKey("shop", "stock-00001"))
    services = (SERVICE, ServiceKey("shop", "stock"))

    def came(first_step: int, last_step: int) -> Demand:
        values = both[:, first_step:last_step]
        return Demand(keys, services, values, values, begin_s + first_step * step_s, step_s, 30.0)

    cycle = Planner(PACE, begin_s)
    cycle.set_fleet(spec())
    for step in range(0, steps, 120):
        cycle.observe(came(step, step + 120))
    cycle.refit()
    said = []
    for step in range(steps, both.shape[1]):
        cycle.observe(came(step, step + 1))
        said.append(float(cycle.state.event_prob[1]))
    # A window of 75 s and more after the step; what comes in the second half of a minute is later by a step.
    event_prob, calls = np.array(said)[2880:], first[-2880:]
    after_call = np.flatnonzero(calls[:-4]) + 2
    assert np.mean(event_prob[after_call]) > 10 * np.median(event_prob)
    assert np.mean(event_prob[after_call]) > 0.5


def test_a_plan_uses_nothing_of_later() -> None:
    begin_s = 10 * DAY_S + 12 * 3600
    plans = []
    for garbage in (1.0, 1e6):
        cycle = warmed(begin_s)
        plans.append(cycle.plan(spec(), begin_s + STEP_S))
        later = np.float32(garbage) * arrivals(begin_s, begin_s + 60, STEP_S)
        cycle.observe(demand(begin_s, begin_s + 60, values=later))
    np.testing.assert_array_equal(plans[0].floor, plans[1].floor)
    np.testing.assert_array_equal(plans[0].quantile_rates, plans[1].quantile_rates)


def shadowed(*, rate: float = 20.0) -> tuple[Planner, Demand]:
    """A cycle with a Revision that has a shadow, and two hours of its past."""
    one = RevisionSpec(key=KEY, service=SERVICE, container_concurrency=4, total_value=4.0, target_value=2.8)
    cycle = Planner(replace(PACE, recent_s=7200), 10 * DAY_S)
    cycle.set_fleet(fleet_spec([one], np.array([20.0])), [one])
    # Service times are known once something came.
    first = demand(10 * DAY_S, 10 * DAY_S + 300, values=np.full((1, 10), rate, np.float32))
    cycle.observe(first)
    past_s = 10 * DAY_S + 300
    return cycle, demand(past_s, past_s + 6900, values=np.full((1, 230), rate, np.float32))


def test_a_warm_up_lives_through_every_second_of_what_it_rehearses() -> None:
    cycle, past = shadowed()
    cycle.warm_up(past)
    found = cycle.shadow.result
    known_s = cycle.observed_until_s // 3600 * 3600 - past.start_s
    requests = found.sums[found.rows[KEY], KPA_INDEX, REQUESTS]
    # What came to be known before counts a little less.
    assert 0.98 * 20 * known_s <= requests <= 20 * (known_s + 300) * 1.01
    assert found.with_evidence == {KEY}


def test_while_nobody_can_be_observed_the_shadow_has_no_lull() -> None:
    cycle, past = shadowed()
    cycle.warm_up(past)
    shadow = cycle.shadow.evaluator
    assert shadow is not None
    until_s = shadow.now_s
    nothing = demand(until_s, until_s + 600, values=np.full((1, 20), np.nan, np.float32))
    cycle.observe(nothing)
    cycle.shadow.run()
    assert shadow.now_s == until_s
    cycle.observe(demand(until_s + 600, until_s + 630, values=np.full((1, 1), 20.0, np.float32)))
    cycle.shadow.run()
    assert shadow.now_s == until_s + 630


def together(batch: int, *, hours: int = 12) -> Demand:
    """Hours of 40 requests/s, which come in batches of that size."""
    counts = batch * np.random.default_rng(4).poisson(40 * STEP_S / batch, (1, hours * 3600 // STEP_S))
    values = (counts / STEP_S).astype(np.float32)
    return demand(10 * DAY_S, 10 * DAY_S + hours * 3600, values=values)


def test_requests_that_come_together_have_a_higher_floor_than_as_many_one_by_one() -> None:
    floors, blind = {}, {}
    for batch in (1, 20):
        cycle = Planner(PACE, 10 * DAY_S)
        cycle.set_fleet(spec())
        cycle.observe(together(batch))
        plan = cycle.plan(spec(), cycle.observed_until_s + STEP_S)
        told = explain(cycle, spec(), plan, 0)
        assert told.dispersion == pytest.approx(batch, rel=0.25)
        saves = {choice.pods: choice.gain for choice in told.alternatives}
        assert saves[int(plan.desired[0])] <= 1 < saves[int(plan.desired[0]) - 1]
        floors[batch] = int(plan.desired[0])
        # Nothing else than how they come is forgotten.
        cycle.state.peak["dispersion_windows"] = 0
        cycle.state = replace(cycle.state)
        blind[batch] = int(cycle.plan(spec(), cycle.observed_until_s + STEP_S).desired[0])
    assert floors[20] >= floors[1] + 2
    assert floors[20] > blind[20]
    assert floors[1] <= blind[1] + 1


def test_what_comes_together_is_told_from_windows_of_several_steps() -> None:
    came, found = together(20, hours=48), {}
    window_steps = np.convolve(came.arrivals[0], np.ones(2) / 2)[np.newaxis, : came.arrivals.shape[1]]
    for window_s in (0, 2 * STEP_S):
        cycle = Planner(replace(PACE, recent_s=2 * DAY_S), 10 * DAY_S)
        cycle.set_fleet(spec())
        cycle.warm_up(replace(came, arrivals=window_steps.astype(np.float32), window_s=window_s))
        found[window_s] = float(online.dispersions(cycle.state)[0])
    assert found[2 * STEP_S] == pytest.approx(20, rel=0.3)
    # Read as if each step stood for itself, they come the more together the longer they are looked at.
    assert found[0] < 0.6 * found[2 * STEP_S]


def test_the_shadow_is_told_how_requests_come() -> None:
    cycle, _ = shadowed()
    cycle.observe(replace(together(20), start_s=cycle.observed_until_s))
    (*_, came) = cycle.shadow.pending
    assert isinstance(came, ObservedArrivals)
    assert came.dispersion.tolist() == online.dispersions(cycle.state).tolist()
    assert came.dispersion[0] > 10
