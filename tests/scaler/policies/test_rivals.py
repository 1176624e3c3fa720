"""Properties of every published policy, whatever the traffic: above all that no plan uses future arrivals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from scaler.policies.ahpa import AHPA_LIKE
from scaler.policies.aws_predictive import AWS_PREDICTIVE
from scaler.policies.crane import CRANE
from scaler.policies.femux import FEMUX
from scaler.policies.hybrid_histogram import HYBRID_HISTOGRAM, HYBRID_HISTOGRAM_FAASCACHE
from scaler.policies.kedastral import KEDASTRAL_LIKE
from scaler.policies.phpa import PHPA, PHPA_AS_CODED, PHPA_LINEAR
from scaler.policies.policy import Policy, Series
from scaler.simulation.pod_model import pod_model_of

QUICK = {
    "hybrid-histogram": HYBRID_HISTOGRAM,
    "hybrid-histogram-faascache": HYBRID_HISTOGRAM_FAASCACHE,
    "aws-predictive": AWS_PREDICTIVE,
    "kedastral-like": KEDASTRAL_LIKE,
}
SLOW = {
    "phpa": PHPA,
    "phpa-as-coded": PHPA_AS_CODED,
    "phpa-linear": PHPA_LINEAR,
    "crane": CRANE,
    "ahpa-like": AHPA_LIKE,
    "femux": FEMUX,
}
RIVALS = QUICK | SLOW
DAY_S = 86400
HEAVY, SPARSE = SCENARIOS["heavy"], SCENARIOS["sparse"]
DELAY_S = HEAVY.metrics_delay_seconds


def series(arrivals: NDArray[np.float32], scenario: str = "heavy") -> Series:
    named = SCENARIOS[scenario]
    return Series("shop/cart", 1_700_000_123, arrivals, named, pod_model_of(named))


def days(n: int) -> NDArray[np.float32]:
    """Return traffic with a daily wave."""
    at_s = np.arange(n * DAY_S)
    rate = 20 * (1 + 0.7 * np.sin(2 * np.pi * at_s / DAY_S))
    return np.random.default_rng(1).poisson(rate).astype(np.float32)


def sparse_requests(seconds: int, seed: int, mean_gap_s: float) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).random(seconds) < 1 / mean_gap_s).astype(np.float32)


def with_changed_future(arrivals: NDArray[np.float32], cut_s: int) -> NDArray[np.float32]:
    changed = arrivals.copy()
    # So many requests that a single second of them would have an effect.
    changed[cut_s:] = 1000 * np.random.default_rng(9).poisson(70, len(arrivals) - cut_s)
    return changed


def assert_same_rows_until(
    policy: Policy, arrivals: NDArray[np.float32], cuts_s: list[int], scenario: str
) -> None:
    rows = policy.plan(series(arrivals, scenario), 10.0)
    for cut_s in cuts_s:
        changed_rows = policy.plan(series(with_changed_future(arrivals, cut_s), scenario), 10.0)
        known_s = cut_s + DELAY_S
        same, changed = rows[rows["at_s"] <= known_s], changed_rows[changed_rows["at_s"] <= known_s]
        assert same.tobytes() == changed.tobytes()


@pytest.mark.parametrize("name", RIVALS)
def test_future_arrivals_change_no_row(name: str) -> None:
    arrivals = days(9)
    # One second before the end of the steps of all policies, and at the start of the next step.
    assert_same_rows_until(RIVALS[name], arrivals, [8 * DAY_S - 1, 8 * DAY_S], "heavy")


@pytest.mark.parametrize("name", QUICK)
@given(
    cut_s=st.integers(1, 30 * 3600), seed=st.integers(0, 99), mean_gap_s=st.sampled_from([3.0, 40.0, 900.0])
)
@settings(max_examples=20, deadline=None)
def test_future_arrivals_change_no_row_of_sparse_traffic(
    name: str, cut_s: int, seed: int, mean_gap_s: float
) -> None:
    assert_same_rows_until(QUICK[name], sparse_requests(30 * 3600, seed, mean_gap_s), [cut_s], "sparse")


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize("seconds", [0, 1, 59, 200, 8000])
def test_short_or_empty_traffic_gives_a_plan(name: str, seconds: int) -> None:
    for arrivals in (sparse_requests(seconds, 1, 50.0), np.zeros(seconds, np.float32)):
        rows = RIVALS[name].plan(series(arrivals, "sparse"), 10.0)
        assert (rows["floor"] >= 0).all()


@pytest.mark.parametrize("name", RIVALS)
def test_days_without_traffic_have_a_floor_of_one_pod_or_none(name: str) -> None:
    rows = RIVALS[name].plan(series(np.zeros(8 * DAY_S, np.float32), "sparse"), 10.0)
    assert rows["floor"].max(initial=0) <= 1


@pytest.mark.parametrize("name", RIVALS)
def test_plan_has_rows_only_where_the_floor_changes(name: str) -> None:
    rows = RIVALS[name].plan(series(days(3)), 10.0)
    assert (np.diff(rows["at_s"]) > 0).all()
    assert (np.diff(rows["floor"], prepend=0) != 0).all()


def test_slow_policies_are_marked_slow() -> None:
    assert {name for name, policy in RIVALS.items() if policy.slow} == SLOW.keys()
