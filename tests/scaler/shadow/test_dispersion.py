"""Learned dispersion: 1 for Poisson arrivals, more for batches, and never from later seconds."""

import numpy as np
import pytest
from numpy.typing import NDArray

from scaler.shadow.dispersion import dispersion_by_step

HOURS, STEP_S = 30, 30
SECONDS = HOURS * 3600


def learned(arrivals: NDArray[np.float32], delay_s: int = 30) -> NDArray[np.float64]:
    return dispersion_by_step(arrivals, len(arrivals) // STEP_S, step_s=STEP_S, delay_s=delay_s, assumed=1.0)


def test_poisson_counts_have_dispersion_one() -> None:
    arrivals = np.random.default_rng(1).poisson(8.0, SECONDS).astype(np.float32)
    assert learned(arrivals)[-1] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("batch", [2, 5])
def test_batches_have_the_dispersion_of_the_batch_size(batch: int) -> None:
    arrivals = batch * np.random.default_rng(2).poisson(4.0, SECONDS).astype(np.float32)
    assert learned(arrivals)[-1] == pytest.approx(batch, rel=0.05)


def test_dispersion_without_requests_is_the_assumed_one() -> None:
    dispersion = dispersion_by_step(np.zeros(7200, np.float32), 240, step_s=STEP_S, delay_s=30, assumed=3.0)
    np.testing.assert_allclose(dispersion, 3.0)


@pytest.mark.parametrize("delay_s", [30, 5400])
def test_later_arrivals_do_not_change_earlier_dispersion(delay_s: int) -> None:
    arrivals = np.random.default_rng(3).poisson(4.0, SECONDS).astype(np.float32)
    changed = arrivals.copy()
    from_s = SECONDS // 2
    changed[from_s:] = 1e3 * (np.arange(SECONDS - from_s) % 2)
    unchanged_steps = (from_s + delay_s) // STEP_S
    np.testing.assert_array_equal(
        learned(arrivals, delay_s)[:unchanged_steps], learned(changed, delay_s)[:unchanged_steps]
    )
    assert learned(changed, delay_s)[-1] > learned(arrivals, delay_s)[-1]
