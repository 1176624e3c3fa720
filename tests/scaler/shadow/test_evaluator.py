"""The shadow evaluation of observed traffic: the results equal those of a replay of the same seconds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from builders import simulated_revision
from numpy.typing import NDArray

from config.policy import Lever
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
    return simulated_revision(WEB, name, levers, limited=SCENARIOS["web"].container_concurrency > 0)


def traffic(seconds: int, *, rate: float = 30.0, seed: int = 1) -> NDArray[np.float32]:
    """Return Poisson counts (1, n), with three times the rate in every fourth quarter of an hour."""
    busy = np.arange(seconds) // 900 % 4 == 3
    return np.random.default_rng(seed).poisson(np.where(busy, 3 * rate, rate))[np.newaxis].astype(np.float32)


def random_floors(seed: int) -> NDArray[np.int32]:
    """Return random floors (1, f) of the rules, in pods; 0 for the KPA alone."""
    pods = np.random.default_rng(seed).integers(0, 6, (1, len(RULES))).astype(np.int32)
    pods[0, 0] = 0
    return pods


def started(*revisions: SimulatedRevision, start_s: int = START_S) -> ShadowEvaluator:
    shadow = ShadowEvaluator(start_s)
    shadow.set_revisions(revisions)
    return shadow


def simulate(
    shadow: ShadowEvaluator, counts: NDArray[np.float32], *, step_s: int = 1, every_s: int = 30
) -> None:
    for first in range(0, counts.shape[1], every_s // step_s):
        shadow.simulate(counts[:, first : first + every_s // step_s], step_s)


def replayed(
    arrivals: NDArray[np.float32], plans: Sequence[tuple[int, NDArray[np.int32]]]
) -> NDArray[np.float64]:
    """Return the metrics (e, N_METRICS) of every candidate in a replay; plans are seconds and pods (1, f)."""
    at_s = np.array([at_s for at_s, _ in plans], np.int64)
    floors = np.concatenate([pods for _, pods in plans]) if plans else np.zeros((0, len(RULES)), np.int32)
    rows = [
        candidate_rows(WEB, candidate, at_s, floors[:, RULE_OF[i]]) for i, candidate in enumerate(CANDIDATES)
    ]
    return np.asarray(simulate_plans(arrivals[0], WEB, rows).astype(np.float64).sum(axis=1))


def test_shadow_evaluation_equals_replay_of_the_same_seconds() -> None:
    counts, shadow = traffic(2 * REVIEW_S), started(revision())
    plans = [(at_s, random_floors(at_s)) for at_s in range(61, 2 * REVIEW_S, 30)]
    hours = []
    for first in range(0, 2 * REVIEW_S, 30):
        for at_s, pods in plans:
            if first <= at_s < first + 30:
                shadow.record_floors(START_S + at_s, (revision().key,), pods)
        shadow.simulate(counts[:, first : first + 30], 1)
        if (first + 30) % REVIEW_S == 0:
            hours.append(shadow.sums[0].copy())
    expected = [
        replayed(counts[:, : REVIEW_S * n], [plan for plan in plans if plan[0] < REVIEW_S * n])
        for n in (1, 2)
    ]
    np.testing.assert_allclose(hours[0], expected[0], rtol=1e-5, atol=1e-3)
    second = hours[1] - decay(REVIEW_S) * hours[0]
    np.testing.assert_allclose(second, expected[1] - expected[0], rtol=1e-4, atol=0.05)
    # The candidates differ: the floors were active.
    assert len({round(float(pod_s)) for pod_s in hours[0][:, PODS]}) > 30


def test_long_step_keeps_the_count_and_unobserved_step_is_empty() -> None:
    shadow, counts = started(revision()), np.full((1, 120), 90.0, np.float32)
    counts[0, 60:90] = np.nan
    simulate(shadow, counts, step_s=30)
    assert shadow.sums[0, :, REQUESTS] == pytest.approx(90 * 90)
    assert np.isfinite(shadow.sums).all()


def test_continuing_revision_is_unaffected_by_added_and_removed_ones() -> None:
    counts = traffic(REVIEW_S)
    constant, changing = started(revision()), started(revision())
    simulate(constant, counts)
    for first in range(0, REVIEW_S, 30):
        others = [revision(f"other-{i}") for i in range(first // 600 % 3)]
        changing.set_revisions([*others, revision()])
        changing.simulate(np.repeat(counts[:, first : first + 30], len(others) + 1, axis=0), 1)
    row = changing.result.rows[revision().key]
    np.testing.assert_array_equal(changing.sums[row], constant.sums[0])


def test_removed_revision_is_forgotten_and_empty_fleet_continues() -> None:
    shadow = started(revision(), revision("other"))
    simulate(shadow, np.repeat(traffic(REVIEW_S), 2, axis=0))
    shadow.set_revisions([revision("other")])
    assert set(shadow.result.rows) == set(shadow.result.selected) == {RevisionKey("shop", "other")}
    shadow.set_revisions([])
    simulate(shadow, np.zeros((0, 120), np.float32), step_s=30)
    assert shadow.result.rows == {}
    assert shadow.now_s == START_S + 2 * REVIEW_S


def test_added_lever_resets_the_sums() -> None:
    shadow = started(revision(levers=frozenset({Lever.FLOOR})))
    simulate(shadow, traffic(REVIEW_S))
    assert shadow.result.with_evidence
    shadow.set_revisions([revision()])
    # New candidates with zero sums would cost nothing compared with the past of the KPA alone.
    assert not shadow.sums[0].any()
    assert not shadow.result.with_evidence
    simulate(shadow, traffic(REVIEW_S))
    assert (shadow.sums[0, :, PODS] > 0).all()


def test_starting_pods_become_ready_after_startup_time_shortens() -> None:
    slow = replace(revision(), pod_model=replace(WEB, startup_s=400.0))
    fast = replace(revision(), pod_model=replace(WEB, startup_s=3.0))
    shadow, counts = started(slow), traffic(REVIEW_S, rate=200.0)
    simulate(shadow, counts[:, :390])
    shadow.set_revisions([fast])
    simulate(shadow, counts[:, 390:])
    state = shadow._population.batch.revision
    assert (state["ready"] + state["starting"] == state["replicas"]).all()
    assert (state["starting_groups"] <= shadow._population.batch.starting_groups.shape[1]).all()
    assert (state["queue"][0] < 1000).all()


def test_changing_startup_times_keep_all_starting_pods() -> None:
    rng, counts = np.random.default_rng(3), traffic(REVIEW_S, rate=200.0)
    shadow = started(revision())
    for first in range(0, REVIEW_S, 120):
        startups_s = tuple(np.sort(rng.choice([0.0, 2.0, 7.0, 40.0, 200.0], STARTUPS)).tolist())
        pod_model = replace(WEB, startup_s=float(np.mean(startups_s)), startups_s=startups_s)
        shadow.set_revisions([replace(revision(), pod_model=pod_model)])
        assert shadow._population.batch.starting_groups.shape[1] >= max(startups_s) + 2
        simulate(shadow, counts[:, first : first + 120])
        state, groups = shadow._population.batch.revision, shadow._population.batch.starting_groups
        assert (state["starting_groups"] <= groups.shape[1]).all()
        for item, item_groups in zip(state, groups, strict=True):
            starting = item_groups[: item["starting_groups"]]
            assert (np.diff(starting[:, 0]) >= 0).all()
            assert starting[:, 1].sum() == item["starting"]


def test_spending_sums_active_policy_and_kpa_alone() -> None:
    shadow, key = started(revision()), revision().key
    simulate(shadow, traffic(REVIEW_S))
    kpa = shadow.sums[0, KPA_INDEX].copy()
    # Without evidence the KPA alone is active.
    np.testing.assert_allclose(shadow._spending[0], [kpa, kpa])
    selected = shadow.result.selected[key]
    before = shadow.sums[0].copy()
    simulate(shadow, traffic(REVIEW_S, seed=2))
    hour = shadow.sums[0] - decay(REVIEW_S) * before
    aged = decay(REVIEW_S, SPENDING_HALF_LIFE_S) * kpa
    np.testing.assert_allclose(shadow._spending[0], [aged + hour[selected], aged + hour[KPA_INDEX]])
    assert selected != KPA_INDEX
    other = revision("other")
    shadow.set_revisions([other, revision()])
    assert not shadow._spending[0].any()
    np.testing.assert_allclose(shadow._spending[1], [aged + hour[selected], aged + hour[KPA_INDEX]])
    shadow.set_revisions([revision(levers=frozenset({Lever.FLOOR}))])
    assert not shadow._spending.any()


def test_skipped_time_keeps_the_last_floor() -> None:
    shadow, key = started(revision()), revision().key
    pods = np.full((1, len(RULES)), 4, np.int32)
    simulate(shadow, np.zeros((1, 300), np.float32))
    shadow.record_floors(START_S + 310, (key,), pods + 3)
    shadow.record_floors(START_S + 600, (key,), pods)
    shadow.skip_to(START_S + 1200)
    shadow.simulate(np.zeros((1, 60), np.float32), 1)
    assert set(shadow._population.batch.spec["min_scale"].tolist()) == {4}


def test_skipped_hours_discount_the_sums() -> None:
    shadow = started(revision())
    simulate(shadow, traffic(REVIEW_S + 600))
    before = shadow.sums.copy()
    shadow.skip_to(START_S + 10 * REVIEW_S)
    part = shadow.sums - decay(REVIEW_S) * before
    assert (part[0, :, PODS] > 0).all()
    simulate(shadow, np.zeros((1, REVIEW_S), np.float32))
    aged = (before * decay(REVIEW_S) + part) * decay(9 * REVIEW_S)
    np.testing.assert_allclose(shadow.sums[0, :, DELAYED], aged[0, :, DELAYED], rtol=1e-9)


def test_plans_without_traffic_are_dropped_after_max_lag() -> None:
    shadow = started(revision())
    for at_s in range(0, 86400, 30):
        shadow.record_floors(START_S + at_s, (revision().key,), random_floors(1))
    assert len(shadow._plans) == MAX_LAG_S // 30 + 1


def test_result_is_not_changed_by_later_hours() -> None:
    shadow = started(revision())
    simulate(shadow, traffic(REVIEW_S))
    first, sums = shadow.result, shadow.result.sums.copy()
    simulate(shadow, traffic(REVIEW_S))
    shadow.set_revisions([revision("other")])
    np.testing.assert_array_equal(first.sums, sums)
    assert set(first.rows) == {revision().key}


def test_large_fleet_is_sampled_with_preference_for_previous_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [revision(f"r-{i}") for i in range(20)]
    monkeypatch.setattr(evaluator, "MAX_ITEMS", 5 * len(CANDIDATES))
    first = sample(many, set())
    assert len(first) == 5
    kept = {many[i].key for i in first[:3]}
    assert {many[i].key for i in sample(many, kept)} >= kept
    shadow = started(*many)
    simulate(shadow, np.repeat(traffic(REVIEW_S), 20, axis=0))
    assert len(shadow.result.rows) == len(shadow.result.with_evidence) == 5
    assert len(shadow.result.selected) == 20


def set_selected(shadow: ShadowEvaluator, candidate: int) -> None:
    """Make `candidate` the selection of every Revision."""
    shadow._selected = dict.fromkeys(shadow._selected, candidate)


def test_fallback_begins_after_extra_delays_and_ends_when_harmless() -> None:
    shadow, counts = started(revision()), traffic(REVIEW_S)
    simulate(shadow, counts)
    before = shadow.sums[0].copy()
    simulate(shadow, counts)
    hour = shadow.sums[0] - decay(REVIEW_S) * before
    harmful = int(np.argmax(hour[:, DELAYED]))
    # Two hours of this candidate, after hours that equal the KPA alone.
    assert hour[harmful, DELAYED] > hour[KPA_INDEX, DELAYED] + 0.004 * hour[KPA_INDEX, REQUESTS]
    for _ in range(2):
        set_selected(shadow, harmful)
        simulate(shadow, counts)
    assert shadow.result.in_fallback == {revision().key}
    # The selection continued during the fallback, and does no harm now.
    for _ in range(GUARD_HOURS + 1):
        set_selected(shadow, KPA_INDEX)
        simulate(shadow, counts, every_s=900)
    assert shadow.result.in_fallback == frozenset()
