"""Upstream services: detected where one service follows another, and not where both are independent."""

from typing import Any

import numpy as np
import pytest

from forecaster.forecasting.upstream import upstream_services
from models.fleet.keys import ServiceKey

STEPS, STEP_S = 576, 300


def keys(*names: str) -> tuple[ServiceKey, ...]:
    return tuple(ServiceKey("shop", name) for name in names)


def busy(*rows: Any) -> Any:
    return np.array(rows) > 0


def follow(row: Any, delay: int, rng: Any, share: float = 1.0) -> Any:
    """Events that follow a share of the events of `row` after `delay` steps."""
    out = np.zeros(STEPS)
    steps = np.flatnonzero(row)
    steps = steps[rng.random(steps.size) < share]
    out[np.minimum(steps + delay, STEPS - 1)] = 1
    return out


@pytest.mark.parametrize("delay", [0, 1])
def test_upstream_of_following_service_is_detected(delay: int) -> None:
    rng = np.random.default_rng(delay)
    first = (rng.random(STEPS) < 0.05).astype(float)
    second = follow(first, delay, rng, 0.8)
    others = (rng.random((20, STEPS)) < 0.05).astype(float)
    names = keys("first", "second", *(f"other-{i}" for i in range(20)))
    upstream = upstream_services(names, busy(first, second, *others))
    assert upstream[names[1]] == names[0]
    assert set(upstream) <= {names[0], names[1]}


@pytest.mark.parametrize("share", [0.6, 0.8])
def test_service_often_followed_within_step_is_upstream_only(share: float) -> None:
    first = (np.random.default_rng(6).random(STEPS) < 0.05).astype(float)
    rng = np.random.default_rng(7)
    same_step = first * (rng.random(STEPS) < share)
    second = np.maximum(same_step, follow(first - same_step, 1, rng))
    names = keys("first", "second")
    assert upstream_services(names, busy(first, second)) == {names[1]: names[0]}


def test_independent_services_have_no_upstream() -> None:
    rng = np.random.default_rng(5)
    count = 0
    names = keys(*(f"{i}" for i in range(50)))
    for _ in range(20):
        event_prob = rng.uniform(0.02, 0.2, (50, 1))
        count += len(upstream_services(names, busy(*(rng.random((50, STEPS)) < event_prob))))
    # One in a hundred of the services.
    assert count <= 10


@pytest.mark.parametrize("always", [False, True])
def test_idle_or_always_busy_services_have_no_upstream(always: bool) -> None:
    assert upstream_services(keys("a", "b"), np.full((2, STEPS), always)) == {}
    assert upstream_services((), np.empty((0, STEPS), np.bool_)) == {}
    assert upstream_services(keys("a", "b"), np.empty((2, 0), np.bool_)) == {}
