"""The forecast of a fleet: right about how wrong it is, and never in the way."""

import numpy as np
import pytest
from numpy.typing import NDArray

from forecaster.forecasting import online
from models.fleet.forecast import FleetForecast
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey
from models.peak.advance import GROWTH

STEP_S, DELAY_S, LEAD_S = 30, 30.0, 60.0


def keys(n: int) -> tuple[ServiceKey, ...]:
    return tuple(ServiceKey("test", f"s{i:03d}") for i in range(n))


def window(n: int, lead_s: float = LEAD_S) -> online.LeadWindow:
    return online.window(DELAY_S, 0.0, np.full(n, lead_s), STEP_S)


def run(rates: NDArray[np.float64], win: online.LeadWindow | None = None) -> online.FleetState:
    """The state after all columns of rates (s, n) came, one by one."""
    win = win or window(rates.shape[0])
    state = online.start(keys(rates.shape[0]), STEP_S, 0)
    for column in rates.astype(np.float32).T:
        state = online.advance(state, column[:, None], win)
    return state


def said(state: online.FleetState) -> FleetForecast:
    return online.forecast(state, window(len(state.keys)))


def test_the_window_reaches_from_now_to_when_pods_can_be_ready() -> None:
    win = online.window(45.0, 0.0, np.array([60.0, 20.0]), 30)
    assert win.first == 2
    assert win.last.tolist() == [4, 3]
    assert win.horizon == 4
    assert online.window(45.0, 30.0, np.array([60.0]), 30).horizon == 5


def test_peaks_of_the_window_are_covered_as_the_levels_say() -> None:
    rng = np.random.default_rng(0)
    n = 1600
    mean = 20 + 15 * np.sin(np.arange(n) / 60)
    rates = rng.poisson(np.stack([mean, 40 - mean]) * STEP_S) / STEP_S
    win = window(2)
    state = online.start(keys(2), STEP_S, 0)
    held, made = np.zeros((2, online.LEVELS.size)), 0
    for j, column in enumerate(rates.astype(np.float32).T):
        state = online.advance(state, column[:, None], win)
        if j >= 600 and j + win.horizon < n:
            came = rates[:, j + 1 + win.first : j + 1 + win.horizon].max(axis=1)
            said = online.forecast(state, win).values[:, :, win.first : win.horizon].max(axis=2)
            held += came[:, None] <= said + 1e-6
            made += 1
    assert np.abs(held / made - online.LEVELS).max() < 0.03


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param(np.zeros((1, 80)), id="never any traffic"),
        pytest.param(np.full((1, 80), 3.0), id="constant"),
        pytest.param(np.where(np.arange(80) < 40, np.nan, 2.0)[None], id="observed from the middle on"),
        pytest.param(np.where(np.arange(80) % 7 < 4, np.nan, 2.0)[None], id="gaps"),
        pytest.param(np.where(np.arange(80) == 40, 1e12, 1.0)[None], id="one absurd value"),
        pytest.param(np.where(np.arange(80) < 79, 1.0, 1000.0)[None], id="a thousand times its usual"),
    ],
)
def test_a_forecast_is_always_one(rates: NDArray[np.float64]) -> None:
    """FleetForecast itself checks: finite, not negative, not crossing."""
    got = said(run(rates))
    assert got.known.all()
    assert got.origin_s == 80 * STEP_S


def test_a_service_never_observed_has_no_forecast_and_does_not_disturb_the_others() -> None:
    both = np.stack([np.full(60, np.nan), np.full(60, 5.0)])
    got = said(run(both))
    alone = said(run(both[1:]))
    assert got.known.tolist() == [False, True]
    np.testing.assert_array_equal(got.values[1], alone.values[0])


def test_a_service_is_silent_when_it_is_no_longer_observed_though_it_had_traffic() -> None:
    gone = np.where(np.arange(40) < 30, 5.0, np.nan)
    idle = np.where(np.arange(40) < 30, 0.0, np.nan)
    back = np.where((np.arange(40) > 20) & (np.arange(40) < 39), np.nan, 5.0)
    assert run(np.stack([gone, idle, back])).silent_s.tolist() == [10 * STEP_S, 0, 0]


def test_one_outlier_does_not_ask_for_a_thousand_times_as_much() -> None:
    rates = np.full((1, 400), 2.0)
    rates[0, 300] = 50.0
    got = said(run(rates))
    assert got.values[0, -1].max() <= GROWTH * 50.0 + 1


def test_services_come_and_go_without_a_trace_on_those_that_stay() -> None:
    rng = np.random.default_rng(1)
    rates = rng.poisson(np.array([[5.0], [50.0]]), (2, 120)).astype(float)
    win = window(2)
    state = run(rates, win)
    other = (ServiceKey("test", "new"), keys(2)[1])
    moved = online.follow(state, other)
    got = online.forecast(moved, win)
    assert got.known.tolist() == [False, True]
    np.testing.assert_allclose(got.values[1], online.forecast(state, win).values[1], rtol=1e-6)
    again = online.advance(moved, np.array([[3.0], [50.0]], np.float32), win)
    assert online.forecast(again, win).known.all()


def test_a_longer_lead_makes_the_window_grow() -> None:
    rates = np.full((1, 60), 4.0)
    state = run(rates, window(1))
    longer = window(1, lead_s=900.0)
    state = online.advance(state, np.array([[4.0]], np.float32), longer)
    assert online.forecast(state, longer).values.shape[2] == longer.horizon == 31


def test_what_comes_later_changes_no_earlier_forecast() -> None:
    rng = np.random.default_rng(2)
    rates = rng.gamma(2.0, 5.0, (2, 120))
    garbage = rates.copy()
    garbage[:, 90:] = 1e6 * rng.random((2, 30))
    one = said(run(rates[:, :90]))
    other = said(run(garbage[:, :90]))
    np.testing.assert_array_equal(one.values, other.values)


def test_the_history_of_another_fleet_is_refused() -> None:
    state = run(np.ones((1, 3)))
    other = FleetHistory((ServiceKey("test", "other"),), np.ones((1, 3), np.float32), 0, 300, np.ones(1))
    with pytest.raises(ValueError, match="different fleets"):
        online.warm_start(state, other, window(1))


def test_history_teaches_the_rise_before_it_comes() -> None:
    """A jump at 09:00 every day for a week: at 08:59 the forecast is up, without it it is not."""
    day = np.where(np.arange(288) * 300 >= 9 * 3600, 50.0, 2.0)
    past = FleetHistory(keys(1), np.tile(day, 7)[None].astype(np.float32), 0, 300, np.ones(1))
    win = window(1)
    at = 7 * 86400 + 9 * 3600 - 600
    high = {}
    for taught in (False, True):
        state = online.start(keys(1), STEP_S, at)
        if taught:
            state = online.warm_start(state, past, win)
        for _ in range(18):
            state = online.advance(state, np.array([[2.0]], np.float32), win)
        high[taught] = float(online.forecast(state, win).peak(at + 18 * 30, at + 21 * 30)[0, 6])
    assert high[True] > 4 * high[False]
