"""Weeks in long steps, before the short ones come."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.peak.state import LEVELS
from models.peak.warm_start import warm_start

Make = Callable[..., Any]
COARSE_S, DAY_S = 300, 86400


def daily(start_s: int, end_s: int, step_s: int, *, seed: int = 1) -> NDArray[np.float32]:
    """(n,) 5 requests/s, and 50 from 09:00 to 17:00."""
    hour = np.arange(start_s, end_s, step_s) % DAY_S // 3600
    mean = np.where((hour >= 9) & (hour < 17), 50.0, 5.0)
    return (np.random.default_rng(seed).poisson(mean * step_s) / step_s).astype(np.float32)


def recalled(one: Any, rates: NDArray[np.float32], *, end_s: int) -> None:
    """Let a fleet remember rates (s, n) that end at `end_s`, where it goes on."""
    warm_start(
        one.peak,
        one.hazard,
        rates,
        origin_s=end_s - rates.shape[1] * COARSE_S,
        step_s=COARSE_S,
        delay_s=30.0,
        lead_s=np.full(one.services, 75.0),
    )
    one.now_s = end_s


def test_the_rise_of_the_day_is_foreseen_on_the_first_day_that_is_seen(fleet: Make) -> None:
    knows, knows_not = fleet(1, lead_s=900.0), fleet(1, lead_s=900.0)
    begin_s, rise_s = 14 * DAY_S, 14 * DAY_S + 9 * 3600
    recalled(knows, daily(0, begin_s, COARSE_S)[np.newaxis], end_s=begin_s)
    knows_not.now_s = begin_s
    today = daily(begin_s, rise_s - 300, 30, seed=2)
    high = int(np.argmin(np.abs(LEVELS - 0.95)))
    said = [one.take(today).rates[0, -1, high] for one in (knows, knows_not)]
    assert said[0] > 25
    assert said[1] < 0.5 * said[0]


def test_without_a_past_nothing_changes(fleet: Make) -> None:
    one, other = fleet(2), fleet(2)
    recalled(one, np.empty((2, 0), np.float32), end_s=0)
    assert one.peak.tobytes() == other.peak.tobytes()
    assert one.hazard.tobytes() == other.hazard.tobytes()


def test_no_long_step_is_read_as_a_short_one(fleet: Make) -> None:
    one = fleet(1)
    recalled(one, daily(0, 2 * DAY_S, COARSE_S)[np.newaxis], end_s=2 * DAY_S)
    for name in ("rate", "z", "place", "spread", "said", "x"):
        assert np.isnan(one.peak[name]).all()
    assert not one.peak["steps"].any()
    # The first short steps are a lull, and the last long one was not.
    said = one.take(np.full(20, 0.5, np.float32)).rates[0, -1]
    assert np.isfinite(said).all()
    assert said[: LEVELS.size].max() < 50


def test_a_past_that_was_never_observed_teaches_nothing_and_does_no_harm(fleet: Make) -> None:
    one = fleet(2)
    weeks = np.full((2, 7 * 288), np.nan, np.float32)
    weeks[1] = daily(0, 7 * DAY_S, COARSE_S)
    weeks[1, 500:900] = np.nan
    recalled(one, weeks, end_s=7 * DAY_S)
    assert np.isfinite(one.peak["beta"]).all()
    said = one.take(np.full((2, 40), 3.0, np.float32))
    assert np.isfinite(said.rates[:, -1]).all()
