"""The live shadow, fed as a cluster feeds it: it comes to what a replay of the same seconds comes to."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from config.policy import Lever, RevisionPolicy
from config.scenario import SCENARIOS
from models.fleet.keys import RevisionKey
from scaler.plan.candidates import CANDIDATES, KPA_INDEX
from scaler.plan.rules import RULE_OF, RULES
from scaler.shadow import evaluator
from scaler.shadow.evaluate import DELAYED, PODS, REQUESTS, candidate_rows, simulate_plans
from scaler.shadow.evaluator import MAX_LAG_S, REVIEW_S, ShadowEvaluator, sample
from scaler.shadow.guard import GUARD_HOURS
from scaler.shadow.population import SimulatedRevision
from scaler.shadow.selection import SPENDING_HALF_LIFE_S, decay
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.state import STARTUPS

WEB = pod_model_of(SCENARIOS["web"])
START_S = 1_800_000_000
assert START_S % REVIEW_S == 0


def revision(name: str = "cart-1", levers: frozenset[Lever] = frozenset(Lever)) -> SimulatedRevision:
    limited = SCENARIOS["web"].container_concurrency > 0
    return SimulatedRevision(RevisionKey("shop", name), WEB, levers, limited, RevisionPolicy())


def traffic(seconds: int, *, rate: float = 30.0, seed: int = 1) -> NDArray[np.float32]:
    """(1, n) Poisson, three times as much in every fourth quarter of an hour."""
    busy = np.arange(seconds) // 900 % 4 == 3
    return np.random.default_rng(seed).poisson(np.where(busy, 3 * rate, rate))[np.newaxis].astype(np.float32)


def asked(seed: int) -> NDArray[np.int32]:
    """(1, f) pods that the rules ask for, at random; the KPA alone asks for none."""
    pods = np.random.default_rng(seed).integers(0, 6, (1, len(RULES))).astype(np.int32)
    pods[0, 0] = 0
    return pods


def begun(*revisions: SimulatedRevision, start_s: int = START_S) -> ShadowEvaluator:
    shadow = ShadowEvaluator(start_s)
    shadow.set_revisions(revisions)
    return shadow


def kernel(
    shadow: ShadowEvaluator, counts: NDArray[np.float32], *, step_s: int = 1, every_s: int = 30
) -> None:
    for first in range(0, counts.shape[1], every_s // step_s):
        shadow.simulate(counts[:, first : first + every_s // step_s], step_s)


def replayed(
    arrivals: NDArray[np.float32], plans: Sequence[tuple[int, NDArray[np.int32]]]
) -> NDArray[np.float64]:
    """(e, N_METRICS) what a backtest says every candidate came to: plans are seconds and pods (1, f)."""
    at_s = np.array([at_s for at_s, _ in plans], np.int64)
    floors = np.concatenate([pods for _, pods in plans]) if plans else np.zeros((0, len(RULES)), np.int32)
    plan = [candidate_rows(WEB, each, at_s, floors[:, RULE_OF[e]]) for e, each in enumerate(CANDIDATES)]
    return np.asarray(simulate_plans(arrivals[0], WEB, plan).astype(np.float64).sum(axis=1))


def test_the_live_shadow_and_the_trial_of_a_backtest_come_to_the_same() -> None:
    counts, shadow = traffic(2 * REVIEW_S), begun(revision())
    plans = [(at_s, asked(at_s)) for at_s in range(61, 2 * REVIEW_S, 30)]
    hours = []
    for first in range(0, 2 * REVIEW_S, 30):
        for at_s, pods in plans:
            if first <= at_s < first + 30:
                shadow.record_floors(START_S + at_s, (revision().key,), pods)
        shadow.simulate(counts[:, first : first + 30], 1)
        if (first + 30) % REVIEW_S == 0:
            hours.append(shadow.sums[0].copy())
    wanted = [replayed(counts[:, : REVIEW_S * n], [p for p in plans if p[0] < REVIEW_S * n]) for n in (1, 2)]
    np.testing.assert_allclose(hours[0], wanted[0], rtol=1e-5, atol=1e-3)
    second = hours[1] - decay(REVIEW_S) * hours[0]
    np.testing.assert_allclose(second, wanted[1] - wanted[0], rtol=1e-4, atol=0.05)
    # They do differ from one another: the floors were in force.
    assert len({round(float(pod_s)) for pod_s in hours[0][:, PODS]}) > 30


def test_a_step_of_many_seconds_has_all_its_requests_and_nan_has_none() -> None:
    shadow, counts = begun(revision()), np.full((1, 120), 90.0, np.float32)
    counts[0, 60:90] = np.nan
    kernel(shadow, counts, step_s=30)
    assert shadow.sums[0, :, REQUESTS] == pytest.approx(90 * 90)
    assert np.isfinite(shadow.sums).all()


def test_a_revision_that_comes_begins_and_those_that_stay_go_on_undisturbed() -> None:
    counts = traffic(REVIEW_S)
    alone, crowded = begun(revision()), begun(revision())
    kernel(alone, counts)
    for first in range(0, REVIEW_S, 30):
        others = [revision(f"other-{i}") for i in range(first // 600 % 3)]
        crowded.set_revisions([*others, revision()])
        crowded.simulate(np.repeat(counts[:, first : first + 30], len(others) + 1, axis=0), 1)
    row = crowded.result.rows[revision().key]
    np.testing.assert_array_equal(crowded.sums[row], alone.sums[0])


def test_one_that_goes_is_forgotten_and_a_fleet_of_none_lives_on() -> None:
    shadow = begun(revision(), revision("other"))
    kernel(shadow, np.repeat(traffic(REVIEW_S), 2, axis=0))
    shadow.set_revisions([revision("other")])
    assert set(shadow.result.rows) == set(shadow.result.selected) == {RevisionKey("shop", "other")}
    shadow.set_revisions([])
    kernel(shadow, np.zeros((0, 120), np.float32), step_s=30)
    assert shadow.result.rows == {}
    assert shadow.now_s == START_S + 2 * REVIEW_S


def test_what_may_be_set_from_now_on_has_no_past_in_which_it_cost_nothing() -> None:
    shadow = begun(revision(levers=frozenset({Lever.FLOOR})))
    kernel(shadow, traffic(REVIEW_S))
    assert shadow.result.with_evidence
    shadow.set_revisions([revision()])
    # With the KPA's past beside none of theirs, all the new ones would be free.
    assert not shadow.sums[0].any()
    assert not shadow.result.with_evidence
    kernel(shadow, traffic(REVIEW_S))
    assert (shadow.sums[0, :, PODS] > 0).all()


def test_pods_that_start_faster_from_now_on_are_all_ready_in_time() -> None:
    slow = replace(revision(), pod_model=replace(WEB, startup_s=400.0))
    fast = replace(revision(), pod_model=replace(WEB, startup_s=3.0))
    shadow, counts = begun(slow), traffic(REVIEW_S, rate=200.0)
    kernel(shadow, counts[:, :390])
    shadow.set_revisions([fast])
    kernel(shadow, counts[:, 390:])
    state = shadow._population.batch.revision
    assert (state["ready"] + state["starting"] == state["replicas"]).all()
    assert (state["starting_groups"] <= shadow._population.batch.starting_groups.shape[1]).all()
    assert (state["queue"][0] < 1000).all()


def test_there_is_room_for_pods_that_start_now_quickly_now_slowly() -> None:
    rng, counts = np.random.default_rng(3), traffic(REVIEW_S, rate=200.0)
    shadow = begun(revision())
    for first in range(0, REVIEW_S, 120):
        startups_s = tuple(np.sort(rng.choice([0.0, 2.0, 7.0, 40.0, 200.0], STARTUPS)).tolist())
        world = replace(WEB, startup_s=float(np.mean(startups_s)), startups_s=startups_s)
        shadow.set_revisions([replace(revision(), pod_model=world)])
        assert shadow._population.batch.starting_groups.shape[1] >= max(startups_s) + 2
        kernel(shadow, counts[:, first : first + 120])
        state, batches = shadow._population.batch.revision, shadow._population.batch.starting_groups
        assert (state["starting_groups"] <= batches.shape[1]).all()
        for one, its in zip(state, batches, strict=True):
            start = its[: one["starting_groups"]]
            assert (np.diff(start[:, 0]) >= 0).all()
            assert start[:, 1].sum() == one["starting"]


def test_what_came_of_what_was_in_force_is_summed_beside_the_kpa_alone() -> None:
    shadow, key = begun(revision()), revision().key
    kernel(shadow, traffic(REVIEW_S))
    alone = shadow.sums[0, KPA_INDEX].copy()
    # Before anything is has_evidence it is the KPA alone.
    np.testing.assert_allclose(shadow._spending[0], [alone, alone])
    place = shadow.result.selected[key]
    before = shadow.sums[0].copy()
    kernel(shadow, traffic(REVIEW_S, seed=2))
    hour = shadow.sums[0] - decay(REVIEW_S) * before
    aged = decay(REVIEW_S, SPENDING_HALF_LIFE_S) * alone
    np.testing.assert_allclose(shadow._spending[0], [aged + hour[place], aged + hour[KPA_INDEX]])
    assert place != KPA_INDEX
    other = revision("other")
    shadow.set_revisions([other, revision()])
    assert not shadow._spending[0].any()
    np.testing.assert_allclose(shadow._spending[1], [aged + hour[place], aged + hour[KPA_INDEX]])
    shadow.set_revisions([revision(levers=frozenset({Lever.FLOOR}))])
    assert not shadow._spending.any()


def test_after_a_gap_it_goes_on_with_the_floor_that_was_asked_for_last() -> None:
    shadow, key = begun(revision()), revision().key
    pods = np.full((1, len(RULES)), 4, np.int32)
    kernel(shadow, np.zeros((1, 300), np.float32))
    shadow.record_floors(START_S + 310, (key,), pods + 3)
    shadow.record_floors(START_S + 600, (key,), pods)
    shadow.skip_to(START_S + 1200)
    shadow.simulate(np.zeros((1, 60), np.float32), 1)
    assert set(shadow._population.batch.spec["min_scale"].tolist()) == {4}


def test_a_gap_of_hours_ages_what_was_known() -> None:
    shadow = begun(revision())
    kernel(shadow, traffic(REVIEW_S + 600))
    before = shadow.sums.copy()
    shadow.skip_to(START_S + 10 * REVIEW_S)
    part = shadow.sums - decay(REVIEW_S) * before
    assert (part[0, :, PODS] > 0).all()
    kernel(shadow, np.zeros((1, REVIEW_S), np.float32))
    aged = (before * decay(REVIEW_S) + part) * decay(9 * REVIEW_S)
    np.testing.assert_allclose(shadow.sums[0, :, DELAYED], aged[0, :, DELAYED], rtol=1e-9)


def test_plans_are_not_kept_for_ever_while_no_traffic_is_known() -> None:
    shadow = begun(revision())
    for at_s in range(0, 86400, 30):
        shadow.record_floors(START_S + at_s, (revision().key,), asked(1))
    assert len(shadow._plans) == MAX_LAG_S // 30 + 1


def test_what_was_found_is_one_value_that_no_later_hour_changes() -> None:
    shadow = begun(revision())
    kernel(shadow, traffic(REVIEW_S))
    found, sums = shadow.result, shadow.result.sums.copy()
    kernel(shadow, traffic(REVIEW_S))
    shadow.set_revisions([revision("other")])
    np.testing.assert_array_equal(found.sums, sums)
    assert set(found.rows) == {revision().key}


def test_too_many_revisions_are_sampled_and_who_was_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [revision(f"r-{i}") for i in range(20)]
    monkeypatch.setattr(evaluator, "MAX_ITEMS", 5 * len(CANDIDATES))
    first = sample(many, set())
    assert len(first) == 5
    kept = {many[i].key for i in first[:3]}
    assert {many[i].key for i in sample(many, kept)} >= kept
    shadow = begun(*many)
    kernel(shadow, np.repeat(traffic(REVIEW_S), 20, axis=0))
    assert len(shadow.result.rows) == len(shadow.result.with_evidence) == 5
    assert len(shadow.result.selected) == 20


def choosing(shadow: ShadowEvaluator, place: int) -> None:
    """Let `place` be what was chosen."""
    shadow._selected = dict.fromkeys(shadow._selected, place)


def test_what_delays_more_than_the_kpa_alone_is_guarded_and_comes_back() -> None:
    shadow, counts = begun(revision()), traffic(REVIEW_S)
    kernel(shadow, counts)
    before = shadow.sums[0].copy()
    kernel(shadow, counts)
    hour = shadow.sums[0] - decay(REVIEW_S) * before
    bad = int(np.argmax(hour[:, DELAYED]))
    # Two hours of it, beside those that were as the KPA alone.
    assert hour[bad, DELAYED] > hour[KPA_INDEX, DELAYED] + 0.004 * hour[KPA_INDEX, REQUESTS]
    for _ in range(2):
        choosing(shadow, bad)
        kernel(shadow, counts)
    assert shadow.result.in_fallback == {revision().key}
    # The choice went on behind it, and does no harm by now.
    for _ in range(GUARD_HOURS + 1):
        choosing(shadow, KPA_INDEX)
        kernel(shadow, counts, every_s=900)
    assert shadow.result.in_fallback == frozenset()
