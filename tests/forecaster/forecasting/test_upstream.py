"""Who calls whom: found where one follows the other, and not where they only live by the same day."""

from typing import Any

import numpy as np
import pytest

from forecaster.forecasting.upstream import callers
from models.fleet.keys import ServiceKey

STEPS, STEP_S = 576, 300


def keys(*names: str) -> tuple[ServiceKey, ...]:
    return tuple(ServiceKey("shop", name) for name in names)


def busy(*rows: Any) -> Any:
    return np.array(rows) > 0


def followed(row: Any, late: int, rng: Any, share: float = 1.0) -> Any:
    out = np.zeros(STEPS)
    at = np.flatnonzero(row)
    at = at[rng.random(at.size) < share]
    out[np.minimum(at + late, STEPS - 1)] = 1
    return out


@pytest.mark.parametrize("late", [0, 1])
def test_who_follows_another_has_it_as_its_caller(late: int) -> None:
    rng = np.random.default_rng(late)
    first = (rng.random(STEPS) < 0.05).astype(float)
    second = followed(first, late, rng, 0.8)
    others = (rng.random((20, STEPS)) < 0.05).astype(float)
    names = keys("first", "second", *(f"other-{i}" for i in range(20)))
    found = callers(names, busy(first, second, *others))
    assert found[names[1]] == names[0]
    assert set(found) <= {names[0], names[1]}


@pytest.mark.parametrize("soon", [0.6, 0.8])
def test_who_calls_is_not_called_by_who_often_follows_within_the_step(soon: float) -> None:
    first = (np.random.default_rng(6).random(STEPS) < 0.05).astype(float)
    rng = np.random.default_rng(7)
    early = first * (rng.random(STEPS) < soon)
    second = np.maximum(early, followed(first - early, 1, rng))
    names = keys("first", "second")
    assert callers(names, busy(first, second)) == {names[1]: names[0]}


def test_strangers_have_no_caller() -> None:
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(20):
        often = rng.uniform(0.02, 0.2, (50, 1))
        found += len(callers(keys(*(f"{i}" for i in range(50))), busy(*(rng.random((50, STEPS)) < often))))
    # One in a hundred of the services.
    assert found <= 10


@pytest.mark.parametrize("always", [False, True])
def test_who_never_or_always_has_requests_calls_nobody(always: bool) -> None:
    assert callers(keys("a", "b"), np.full((2, STEPS), always)) == {}
    assert callers((), np.empty((0, STEPS), np.bool_)) == {}
    assert callers(keys("a", "b"), np.empty((2, 0), np.bool_)) == {}
