"""The queue of the shadow evaluation: pending entries, dropped entries, and results for other threads."""

import threading

import numpy as np
import pytest
from builders import simulated_revision
from numpy.typing import NDArray

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
WITH_HOLD = next(f for f, rule in enumerate(RULES) if rule.hold_s and rule.sizing_delay_cost)


def revision(key: RevisionKey = KEY) -> SimulatedRevision:
    return simulated_revision(WEB, key.name)


def record(
    now_s: int, rate: float = 30.0, *keys: RevisionKey, min_pods: int = 0, max_pods: int = 9999
) -> PlanRecord:
    keys = keys or (KEY,)
    r = len(keys)
    return PlanRecord(
        now_s,
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


def observed(
    start_s: int, rate: float = 30.0, *keys: RevisionKey, dispersion: float = 1.0
) -> ObservedArrivals:
    keys = keys or (KEY,)
    counts = np.full((len(keys), 1), rate * STEP_S, np.float32)
    return ObservedArrivals(start_s, STEP_S, keys, counts, np.full(len(keys), dispersion))


def feed(worker: ShadowWorker, from_s: int, until_s: int, *keys: RevisionKey) -> None:
    """Queue and evaluate the traffic and plans of every step, as the planner does."""
    for now_s in range(from_s, until_s, STEP_S):
        worker.add_arrivals(observed(now_s, 30.0, *keys))
        worker.add_plan(record(now_s + 2 * STEP_S, 30.0, *keys))
        worker.run()


def newest_floors(worker: ShadowWorker) -> NDArray[np.int32]:
    """Return the recorded floors (f,) of the newest plan for every rule."""
    assert worker.evaluator is not None
    return np.asarray(worker.evaluator._plans[-1][2][0])


def started(*revisions: SimulatedRevision) -> ShadowWorker:
    worker = ShadowWorker()
    worker.set_revisions(revisions or (revision(),))
    return worker


def test_configured_bounds_apply_to_every_rule() -> None:
    worker = started()
    worker.add_arrivals(observed(START_S))
    worker.add_plan(record(START_S + STEP_S, 3000.0, min_pods=2, max_pods=5))
    worker.run()
    assert (newest_floors(worker)[[0, WITH_HOLD]] == [2, 5]).all()
    worker.add_plan(record(START_S + 2 * STEP_S, 0.0))
    worker.run()
    # The hold covers the desired floor, not the bounded one.
    assert newest_floors(worker)[WITH_HOLD] > 5


def test_held_floor_drops_after_hold_seconds() -> None:
    worker, hold_s = started(), RULES[WITH_HOLD].hold_s
    worker.add_arrivals(observed(START_S))
    floors = []
    for i in range(2 * LONGEST_HOLD_S // STEP_S):
        worker.add_plan(record(START_S + i * STEP_S, 3000.0 if i == 0 else 0.0))
        worker.run()
        floors.append(int(newest_floors(worker)[WITH_HOLD]))
    steps = hold_s // STEP_S
    assert floors[0] > 10
    assert floors[: steps + 1] == [floors[0]] * (steps + 1)
    assert floors[steps + 1 :] == [0] * (len(floors) - steps - 1)


def test_revision_added_between_plans_has_no_held_floor() -> None:
    worker = started(revision(), revision(OTHER))
    worker.add_arrivals(observed(START_S))
    worker.add_plan(record(START_S, 3000.0))
    worker.add_plan(record(START_S + STEP_S, 0.0, OTHER, KEY))
    worker.run()
    assert worker.evaluator is not None
    recorded = worker.evaluator._plans[-1][2]
    assert recorded[0, WITH_HOLD] == 0 < recorded[1, WITH_HOLD]


def test_rare_runs_simulate_the_same_traffic_as_frequent_ones() -> None:
    frequent, rare = started(), started()
    feed(frequent, START_S, START_S + REVIEW_S)
    for now_s in range(START_S, START_S + REVIEW_S, STEP_S):
        rare.add_arrivals(observed(now_s))
        rare.add_plan(record(now_s + 2 * STEP_S))
        if now_s % 900 == 0:
            rare.run()
    rare.run()
    row = frequent.result.rows[KEY]
    np.testing.assert_array_equal(rare.result.sums[row], frequent.result.sums[row])
    assert frequent.result.sums[row, KPA_INDEX, REQUESTS] == 30 * REVIEW_S


def test_dispersion_raises_delays_and_keeps_the_number_of_requests() -> None:
    delayed = []
    for dispersion in (1.0, 40.0):
        worker = started()
        for now_s in range(START_S, START_S + REVIEW_S, STEP_S):
            worker.add_arrivals(observed(now_s, dispersion=dispersion))
            worker.run()
        sums = worker.result.sums[worker.result.rows[KEY], KPA_INDEX]
        assert sums[REQUESTS] == 30 * REVIEW_S
        delayed.append(sums[DELAYED])
    assert delayed[1] > 2 * delayed[0]


def test_queue_is_limited_and_old_traffic_is_dropped() -> None:
    worker = started()
    for now_s in range(START_S, START_S + 86400, STEP_S):
        worker.add_arrivals(observed(now_s))
        worker.add_plan(record(now_s + 2 * STEP_S))
    assert len(worker.pending) == MAX_PENDING
    worker.run()
    assert worker.evaluator is not None
    assert worker.evaluator.now_s == START_S + 86400
    row = worker.result.rows[KEY]
    assert worker.result.sums[row, KPA_INDEX, REQUESTS] <= 30 * (MAX_LAG_S + STEP_S)


def test_repeated_traffic_is_simulated_once() -> None:
    worker = started()
    feed(worker, START_S, START_S + 600)
    worker.add_arrivals(observed(START_S + 300))
    worker.run()
    assert worker.evaluator is not None
    assert worker.evaluator.now_s == START_S + 600


def test_revision_without_traffic_has_no_requests() -> None:
    worker = started()
    feed(worker, START_S, START_S + REVIEW_S // 2)
    worker.set_revisions((revision(OTHER), revision()))
    feed(worker, START_S + REVIEW_S // 2, START_S + REVIEW_S)
    sums = worker.result.sums
    assert sums[worker.result.rows[OTHER], KPA_INDEX, REQUESTS] == 0
    assert sums[worker.result.rows[KEY], KPA_INDEX, REQUESTS] == 30 * REVIEW_S


@pytest.mark.parametrize("intermittent", [True, False])
def test_revision_without_evidence_has_a_selection_only_where_intermittent(*, intermittent: bool) -> None:
    worker = started()
    worker.add_arrivals(observed(START_S, 0.0))
    worker.run()
    active = worker.active_candidates([KEY, OTHER], np.array([intermittent, intermittent]))
    assert active.has_evidence.tolist() == [False, False]
    assert (active.candidate[0] != DEFAULT) == intermittent
    # Nothing is known of the other Revision.
    assert active.candidate[1] == DEFAULT


def test_selection_has_evidence_after_an_hour_of_own_traffic() -> None:
    worker = started()
    feed(worker, START_S, START_S + REVIEW_S)
    active = worker.active_candidates([KEY], np.zeros(1, np.bool_))
    assert (active.has_evidence.tolist(), active.fallback_active.tolist()) == ([True], [False])
    assert active.candidate[0] >= 0


def test_candidate_scores_contain_kpa_alone_and_active_candidate() -> None:
    worker = started()
    assert worker.candidate_scores(KEY, 30.0, KPA_INDEX, 5) == ()
    feed(worker, START_S, START_S + REVIEW_S)
    active = int(worker.active_candidates([KEY], np.zeros(1, np.bool_)).candidate[0])
    scores = worker.candidate_scores(KEY, 30.0, active, 5)
    assert [score.active for score in scores].count(True) == 1
    kpa_alone = [score for score in scores if score.pods == score.starts == 1.0]
    assert len(kpa_alone) >= 1
    assert 5 <= len(scores) <= 7
    # The default policy is not a candidate.
    assert not any(score.active for score in worker.candidate_scores(KEY, 30.0, DEFAULT, 5))
    assert worker.candidate_scores(OTHER, 30.0, KPA_INDEX, 5) == ()


def test_results_can_be_read_while_the_worker_runs_and_the_fleet_changes() -> None:
    worker, errors, ended = started(), [], threading.Event()

    def read() -> None:
        while not ended.is_set():
            try:
                worker.active_candidates([KEY, OTHER], np.ones(2, np.bool_))
                for key in (KEY, OTHER):
                    worker.candidate_scores(key, 30.0, KPA_INDEX, 5)
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(240):
        worker.set_revisions((revision(), revision(OTHER)) if i // 20 % 2 else (revision(OTHER),))
        feed(worker, START_S + i * STEP_S, START_S + (i + 1) * STEP_S, KEY, OTHER)
    ended.set()
    reader.join()
    assert errors == []
    assert (worker.result.sums[:, KPA_INDEX, PODS] > 0).all()
