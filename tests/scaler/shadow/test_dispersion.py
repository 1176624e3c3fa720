"""The spread within a step: that of Poisson, more where requests come together, and never from the future."""

import numpy as np
import pytest
from numpy.typing import NDArray

from scaler.shadow.dispersion import dispersion_by_step

HOURS, STEP_S = 30, 30
SECONDS = HOURS * 3600


def learned(arrivals: NDArray[np.float32], delay_s: int = 30) -> NDArray[np.float64]:
    return dispersion_by_step(arrivals, len(arrivals) // STEP_S, step_s=STEP_S, delay_s=delay_s, assumed=1.0)


def test_counts_that_are_thinned_evenly_have_the_spread_of_poisson() -> None:
    arrivals = np.random.default_rng(1).poisson(8.0, SECONDS).astype(np.float32)
    assert learned(arrivals)[-1] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("together", [2, 5])
def test_requests_that_come_together_are_spread_further(together: int) -> None:
    arrivals = together * np.random.default_rng(2).poisson(4.0, SECONDS).astype(np.float32)
    assert learned(arrivals)[-1] == pytest.approx(together, rel=0.05)


def test_before_anything_was_seen_what_is_assumed_holds() -> None:
    got = dispersion_by_step(np.zeros(7200, np.float32), 240, step_s=STEP_S, delay_s=30, assumed=3.0)
    np.testing.assert_allclose(got, 3.0)


@pytest.mark.parametrize("delay_s", [30, 5400])
def test_what_is_not_known_yet_changes_nothing(delay_s: int) -> None:
    arrivals = np.random.default_rng(3).poisson(4.0, SECONDS).astype(np.float32)
    later = arrivals.copy()
    from_s = SECONDS // 2
    later[from_s:] = 1e3 * (np.arange(SECONDS - from_s) % 2)
    same = (from_s + delay_s) // STEP_S
    np.testing.assert_array_equal(learned(arrivals, delay_s)[:same], learned(later, delay_s)[:same])
    assert learned(later, delay_s)[-1] > learned(arrivals, delay_s)[-1]
