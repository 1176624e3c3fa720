"""What must hold of every rule of the literature, whatever its traffic: above all that it knows no future."""

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
    world = SCENARIOS[scenario]
    return Series("shop/cart", 1_700_000_123, arrivals, world, pod_model_of(world))


def days(n: int) -> NDArray[np.float32]:
    """Traffic with a day in it."""
    at_s = np.arange(n * DAY_S)
    rate = 20 * (1 + 0.7 * np.sin(2 * np.pi * at_s / DAY_S))
    return np.random.default_rng(1).poisson(rate).astype(np.float32)


def calls(seconds: int, seed: int, apart_s: float) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).random(seconds) < 1 / apart_s).astype(np.float32)


def with_another_future(arrivals: NDArray[np.float32], cut_s: int) -> NDArray[np.float32]:
    changed = arrivals.copy()
    # So much that a single second of it would be seen.
    changed[cut_s:] = 1000 * np.random.default_rng(9).poisson(70, len(arrivals) - cut_s)
    return changed


def assert_same_until(
    policy: Policy, arrivals: NDArray[np.float32], cuts_s: list[int], scenario: str
) -> None:
    rows = policy.plan(series(arrivals, scenario), 10.0)
    for cut_s in cuts_s:
        other = policy.plan(series(with_another_future(arrivals, cut_s), scenario), 10.0)
        known_s = cut_s + DELAY_S
        before, before_other = rows[rows["at_s"] <= known_s], other[other["at_s"] <= known_s]
        assert before.tobytes() == before_other.tobytes()


@pytest.mark.parametrize("name", RIVALS)
def test_what_is_yet_to_come_changes_no_row(name: str) -> None:
    arrivals = days(9)
    # A second before the end of every step there is, and at the beginning of the next.
    assert_same_until(RIVALS[name], arrivals, [8 * DAY_S - 1, 8 * DAY_S], "heavy")


@pytest.mark.parametrize("name", QUICK)
@given(cut_s=st.integers(1, 30 * 3600), seed=st.integers(0, 99), apart_s=st.sampled_from([3.0, 40.0, 900.0]))
@settings(max_examples=20, deadline=None)
def test_nor_does_it_where_calls_are_apart(name: str, cut_s: int, seed: int, apart_s: float) -> None:
    assert_same_until(QUICK[name], calls(30 * 3600, seed, apart_s), [cut_s], "sparse")


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize("seconds", [0, 1, 59, 200, 8000])
def test_little_traffic_and_none_are_no_trouble(name: str, seconds: int) -> None:
    for arrivals in (calls(seconds, 1, 50.0), np.zeros(seconds, np.float32)):
        rows = RIVALS[name].plan(series(arrivals, "sparse"), 10.0)
        assert (rows["floor"] >= 0).all()


@pytest.mark.parametrize("name", RIVALS)
def test_days_without_traffic_are_held_at_one_pod_at_most(name: str) -> None:
    rows = RIVALS[name].plan(series(np.zeros(8 * DAY_S, np.float32), "sparse"), 10.0)
    assert rows["floor"].max(initial=0) <= 1


@pytest.mark.parametrize("name", RIVALS)
def test_a_row_is_there_only_where_the_floor_changes(name: str) -> None:
    rows = RIVALS[name].plan(series(days(3)), 10.0)
    assert (np.diff(rows["at_s"]) > 0).all()
    assert (np.diff(rows["floor"], prepend=0) != 0).all()


def test_those_that_take_long_say_so() -> None:
    assert {name for name, policy in RIVALS.items() if policy.slow} == SLOW.keys()
