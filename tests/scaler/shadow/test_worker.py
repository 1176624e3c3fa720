"""The shadow beside the cycle: what waits, what is let go, and what is read of it."""

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from config.policy import Lever, RevisionPolicy
from config.scenario import SCENARIOS
from models.fleet.keys import RevisionKey
from models.peak.state import POINTS
from scaler.plan.candidates import KPA_INDEX
from scaler.plan.rules import DEFAULT, LONGEST_HOLD_S, RULES, RuleInputs
from scaler.shadow.evaluate import DELAYED, PODS, REQUESTS
from scaler.shadow.evaluator import MAX_LAG_S, REVIEW_S
from scaler.shadow.population import SimulatedRevision
from scaler.shadow.worker import MAX_PENDING, ObservedArrivals, PlanRecord, ShadowWorker
from scaler.simulation.pod_model import pod_model_of

WEB = pod_model_of(SCENARIOS["web"])
START_S, STEP_S = 1_800_000_000, 30
KEY, OTHER = RevisionKey("shop", "cart-1"), RevisionKey("shop", "cart-2")
HELD = next(f for f, rule in enumerate(RULES) if rule.hold_s and rule.sizing_delay_cost)


def revision(key: RevisionKey = KEY) -> SimulatedRevision:
    return SimulatedRevision(key, WEB, frozenset(Lever), limited=True, policy=RevisionPolicy())


def planned(
    at_s: int, rate: float = 30.0, *keys: RevisionKey, min_pods: int = 0, max_pods: int = 9999
) -> PlanRecord:
    keys = keys or (KEY,)
    r = len(keys)
    return PlanRecord(
        at_s,
        keys,
        RuleInputs(
            point_rates=np.full((r, POINTS), rate, np.float32),
            point_weights=np.full((r, POINTS), 1 / POINTS, np.float32),
            event_prob=np.full(r, np.nan),
            per_pod=np.full(r, WEB.concurrency / WEB.service_time_s),
            counting_s=np.ones(r),
            dispersion=np.ones(r),
        ),
        min_pods=np.full(r, min_pods, np.int32),
        max_pods=np.full(r, max_pods, np.int32),
    )


def came(start_s: int, rate: float = 30.0, *keys: RevisionKey, dispersion: float = 1.0) -> ObservedArrivals:
    keys = keys or (KEY,)
    counts = np.full((len(keys), 1), rate * STEP_S, np.float32)
    return ObservedArrivals(start_s, STEP_S, keys, counts, np.full(len(keys), dispersion))


def fed(shade: ShadowWorker, from_s: int, until_s: int, *keys: RevisionKey) -> None:
    """Plans and traffic as a cycle tells them, lived through step by step."""
    for at_s in range(from_s, until_s, STEP_S):
        shade.add_arrivals(came(at_s, 30.0, *keys))
        shade.add_plan(planned(at_s + 2 * STEP_S, 30.0, *keys))
        shade.run()


def asked(shade: ShadowWorker) -> NDArray[np.int32]:
    """(f,) what was said last that every rule asks for."""
    assert shade.evaluator is not None
    return np.asarray(shade.evaluator._plans[-1][2][0])


def begun(*revisions: SimulatedRevision) -> ShadowWorker:
    shade = ShadowWorker()
    shade.set_revisions(revisions or (revision(),))
    return shade


def test_bounds_of_the_policy_hold_for_every_rule() -> None:
    shade = begun()
    shade.add_arrivals(came(START_S))
    shade.add_plan(planned(START_S + STEP_S, 3000.0, min_pods=2, max_pods=5))
    shade.run()
    assert (asked(shade)[[0, HELD]] == [2, 5]).all()
    shade.add_plan(planned(START_S + 2 * STEP_S, 0.0))
    shade.run()
    # What is held is what was asked for, not the bound of then.
    assert asked(shade)[HELD] > 5


def test_a_floor_that_is_held_falls_when_its_hold_is_over() -> None:
    shade, hold_s = begun(), RULES[HELD].hold_s
    shade.add_arrivals(came(START_S))
    floors = []
    for i in range(2 * LONGEST_HOLD_S // STEP_S):
        shade.add_plan(planned(START_S + i * STEP_S, 3000.0 if i == 0 else 0.0))
        shade.run()
        floors.append(int(asked(shade)[HELD]))
    steps = hold_s // STEP_S
    assert floors[0] > 10
    assert floors[: steps + 1] == [floors[0]] * (steps + 1)
    assert floors[steps + 1 :] == [0] * (len(floors) - steps - 1)


def test_who_comes_between_two_plans_has_no_floor_of_others_held() -> None:
    shade = begun(revision(), revision(OTHER))
    shade.add_arrivals(came(START_S))
    shade.add_plan(planned(START_S, 3000.0))
    shade.add_plan(planned(START_S + STEP_S, 0.0, OTHER, KEY))
    shade.run()
    assert shade.evaluator is not None
    told = shade.evaluator._plans[-1][2]
    assert told[0, HELD] == 0 < told[1, HELD]


def test_all_that_came_is_lived_through_however_seldom_that_is_done() -> None:
    often, seldom = begun(), begun()
    fed(often, START_S, START_S + REVIEW_S)
    for at_s in range(START_S, START_S + REVIEW_S, STEP_S):
        seldom.add_arrivals(came(at_s))
        seldom.add_plan(planned(at_s + 2 * STEP_S))
        if at_s % 900 == 0:
            seldom.run()
    seldom.run()
    row = often.result.rows[KEY]
    np.testing.assert_array_equal(seldom.result.sums[row], often.result.sums[row])
    assert often.result.sums[row, KPA_INDEX, REQUESTS] == 30 * REVIEW_S


def test_requests_that_come_together_are_delayed_more_and_are_as_many() -> None:
    delayed = []
    for dispersion in (1.0, 40.0):
        shade = begun()
        for at_s in range(START_S, START_S + REVIEW_S, STEP_S):
            shade.add_arrivals(came(at_s, dispersion=dispersion))
            shade.run()
        sums = shade.result.sums[shade.result.rows[KEY], KPA_INDEX]
        assert sums[REQUESTS] == 30 * REVIEW_S
        delayed.append(sums[DELAYED])
    assert delayed[1] > 2 * delayed[0]


def test_what_lies_far_back_is_let_go_and_little_waits() -> None:
    shade = begun()
    for at_s in range(START_S, START_S + 86400, STEP_S):
        shade.add_arrivals(came(at_s))
        shade.add_plan(planned(at_s + 2 * STEP_S))
    assert len(shade.pending) == MAX_PENDING
    shade.run()
    assert shade.evaluator is not None
    assert shade.evaluator.now_s == START_S + 86400
    row = shade.result.rows[KEY]
    assert shade.result.sums[row, KPA_INDEX, REQUESTS] <= 30 * (MAX_LAG_S + STEP_S)


def test_traffic_that_was_lived_through_is_not_lived_through_again() -> None:
    shade = begun()
    fed(shade, START_S, START_S + 600)
    shade.add_arrivals(came(START_S + 300))
    shade.run()
    assert shade.evaluator is not None
    assert shade.evaluator.now_s == START_S + 600


def test_a_revision_of_which_nothing_came_yet_had_no_requests() -> None:
    shade = begun()
    fed(shade, START_S, START_S + REVIEW_S // 2)
    shade.set_revisions((revision(OTHER), revision()))
    fed(shade, START_S + REVIEW_S // 2, START_S + REVIEW_S)
    sums = shade.result.sums
    assert sums[shade.result.rows[OTHER], KPA_INDEX, REQUESTS] == 0
    assert sums[shade.result.rows[KEY], KPA_INDEX, REQUESTS] == 30 * REVIEW_S


@pytest.mark.parametrize("intermittent", [True, False])
def test_unproven_and_sparse_borrows_unproven_and_dense_has_a_plain_floor(*, intermittent: bool) -> None:
    shade = begun()
    shade.add_arrivals(came(START_S, 0.0))
    shade.run()
    got = shade.active_candidates([KEY, OTHER], np.array([intermittent, intermittent]))
    assert got.has_evidence.tolist() == [False, False]
    assert (got.candidate[0] != DEFAULT) == intermittent
    # Of the other one nothing is known at all.
    assert got.candidate[1] == DEFAULT


def test_after_an_hour_of_traffic_of_its_own_the_choice_is_proven() -> None:
    shade = begun()
    fed(shade, START_S, START_S + REVIEW_S)
    got = shade.active_candidates([KEY], np.zeros(1, np.bool_))
    assert (got.has_evidence.tolist(), got.fallback_active.tolist()) == ([True], [False])
    assert got.candidate[0] >= 0


def test_standings_have_the_kpa_alone_and_the_one_in_force_among_them() -> None:
    shade = begun()
    assert shade.candidate_scores(KEY, 30.0, KPA_INDEX, 5) == ()
    fed(shade, START_S, START_S + REVIEW_S)
    place = int(shade.active_candidates([KEY], np.zeros(1, np.bool_)).candidate[0])
    told = shade.candidate_scores(KEY, 30.0, place, 5)
    assert [one.active for one in told].count(True) == 1
    alone = [one for one in told if one.pods == one.starts == 1.0]
    assert len(alone) >= 1
    assert 5 <= len(told) <= 7
    # A plain floor is none of the candidates.
    assert not any(one.active for one in shade.candidate_scores(KEY, 30.0, DEFAULT, 5))
    assert shade.candidate_scores(OTHER, 30.0, KPA_INDEX, 5) == ()


def test_it_is_read_while_it_is_fed_and_lives_and_its_fleet_changes() -> None:
    shade, problems, over = begun(), [], threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                shade.active_candidates([KEY, OTHER], np.ones(2, np.bool_))
                for key in (KEY, OTHER):
                    shade.candidate_scores(key, 30.0, KPA_INDEX, 5)
            except Exception as problem:
                problems.append(problem)

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(240):
        shade.set_revisions((revision(), revision(OTHER)) if i // 20 % 2 else (revision(OTHER),))
        fed(shade, START_S + i * STEP_S, START_S + (i + 1) * STEP_S, KEY, OTHER)
    over.set()
    reader.join()
    assert problems == []
    assert (shade.result.sums[:, KPA_INDEX, PODS] > 0).all()
