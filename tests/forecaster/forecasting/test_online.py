"""The forecast of a fleet: its quantiles are calibrated, and every input gives a valid forecast."""

import numpy as np
import pytest
from numpy.typing import NDArray

from forecaster.forecasting import online
from forecaster.forecasting.lead_window import LeadWindow, lead_window
from models.fleet.forecast import FleetForecast
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey
from models.peak.advance import GROWTH
from models.peak.state import LEVELS

STEP_S, DELAY_S, LEAD_S = 30, 30.0, 60.0


def keys(n: int) -> tuple[ServiceKey, ...]:
    return tuple(ServiceKey("test", f"s{i:03d}") for i in range(n))


def window_of(n: int, lead_s: float = LEAD_S) -> LeadWindow:
    return lead_window(DELAY_S, 0.0, np.full(n, lead_s), STEP_S)


def run(rates: NDArray[np.float64], window: LeadWindow | None = None) -> online.FleetState:
    """The state after all columns of rates (s, n), observed one by one."""
    window = window or window_of(rates.shape[0])
    state = online.initial_state(keys(rates.shape[0]), STEP_S, 0)
    for column in rates.astype(np.float32).T:
        state = online.advance(state, column[:, None], window)
    return state


def newest_forecast(state: online.FleetState) -> FleetForecast:
    return online.forecast(state, window_of(len(state.keys)))


def test_lead_window_reaches_from_now_until_pods_can_serve() -> None:
    window = lead_window(45.0, 0.0, np.array([60.0, 20.0]), 30)
    assert window.first == 2
    assert window.last.tolist() == [4, 3]
    assert window.horizon == 4
    assert lead_window(45.0, 30.0, np.array([60.0]), 30).horizon == 5


def test_quantiles_cover_peaks_of_window_at_their_levels() -> None:
    rng = np.random.default_rng(0)
    n = 1600
    mean = 20 + 15 * np.sin(np.arange(n) / 60)
    rates = rng.poisson(np.stack([mean, 40 - mean]) * STEP_S) / STEP_S
    window = window_of(2)
    state = online.initial_state(keys(2), STEP_S, 0)
    covered, n_forecasts = np.zeros((2, LEVELS.size)), 0
    for j, column in enumerate(rates.astype(np.float32).T):
        state = online.advance(state, column[:, None], window)
        if j >= 600 and j + window.horizon < n:
            actual = rates[:, j + 1 + window.first : j + 1 + window.horizon].max(axis=1)
            quantiles = online.forecast(state, window).values[:, :, window.first : window.horizon].max(axis=2)
            covered += actual[:, None] <= quantiles + 1e-6
            n_forecasts += 1
    assert np.abs(covered / n_forecasts - LEVELS).max() < 0.03


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param(np.zeros((1, 80)), id="never any traffic"),
        pytest.param(np.full((1, 80), 3.0), id="constant"),
        pytest.param(np.where(np.arange(80) < 40, np.nan, 2.0)[None], id="observed from the middle on"),
        pytest.param(np.where(np.arange(80) % 7 < 4, np.nan, 2.0)[None], id="gaps"),
        pytest.param(np.where(np.arange(80) == 40, 1e12, 1.0)[None], id="one absurd value"),
        pytest.param(np.where(np.arange(80) < 79, 1.0, 1000.0)[None], id="a thousand times the usual rate"),
    ],
)
def test_any_history_gives_valid_forecast(rates: NDArray[np.float64]) -> None:
    """FleetForecast itself checks: finite, not negative, not crossing."""
    got = newest_forecast(run(rates))
    assert got.known.all()
    assert got.origin_s == 80 * STEP_S


def test_unobserved_service_has_no_forecast_and_does_not_change_others() -> None:
    both = np.stack([np.full(60, np.nan), np.full(60, 5.0)])
    got = newest_forecast(run(both))
    single = newest_forecast(run(both[1:]))
    assert got.known.tolist() == [False, True]
    np.testing.assert_array_equal(got.values[1], single.values[0])


def test_unobserved_time_counts_only_services_that_had_traffic() -> None:
    lost = np.where(np.arange(40) < 30, 5.0, np.nan)
    idle = np.where(np.arange(40) < 30, 0.0, np.nan)
    back = np.where((np.arange(40) > 20) & (np.arange(40) < 39), np.nan, 5.0)
    assert run(np.stack([lost, idle, back])).unobserved_s.tolist() == [10 * STEP_S, 0, 0]


def test_forecast_after_one_outlier_is_bounded_by_growth() -> None:
    rates = np.full((1, 400), 2.0)
    rates[0, 300] = 50.0
    got = newest_forecast(run(rates))
    assert got.values[0, -1].max() <= GROWTH * 50.0 + 1


def test_realigned_state_keeps_forecasts_of_remaining_services() -> None:
    rng = np.random.default_rng(1)
    rates = rng.poisson(np.array([[5.0], [50.0]]), (2, 120)).astype(float)
    window = window_of(2)
    state = run(rates, window)
    other = (ServiceKey("test", "new"), keys(2)[1])
    moved = online.realign(state, other)
    got = online.forecast(moved, window)
    assert got.known.tolist() == [False, True]
    np.testing.assert_allclose(got.values[1], online.forecast(state, window).values[1], rtol=1e-6)
    advanced = online.advance(moved, np.array([[3.0], [50.0]], np.float32), window)
    assert online.forecast(advanced, window).known.all()


def test_longer_lead_time_extends_horizon() -> None:
    rates = np.full((1, 60), 4.0)
    state = run(rates, window_of(1))
    longer = window_of(1, lead_s=900.0)
    state = online.advance(state, np.array([[4.0]], np.float32), longer)
    assert online.forecast(state, longer).values.shape[2] == longer.horizon == 31


def test_later_rates_do_not_change_earlier_forecast() -> None:
    rng = np.random.default_rng(2)
    rates = rng.gamma(2.0, 5.0, (2, 120))
    garbage = rates.copy()
    garbage[:, 90:] = 1e6 * rng.random((2, 30))
    expected = newest_forecast(run(rates[:, :90]))
    got = newest_forecast(run(garbage[:, :90]))
    np.testing.assert_array_equal(got.values, expected.values)


def test_history_of_other_services_is_rejected() -> None:
    state = run(np.ones((1, 3)))
    other = FleetHistory((ServiceKey("test", "other"),), np.ones((1, 3), np.float32), 0, 300, np.ones(1))
    with pytest.raises(ValueError, match="the services must be those of the state"):
        online.warm_start(state, other, window_of(1))


def test_warm_start_forecasts_daily_rise_in_advance() -> None:
    """A jump at 09:00 every day for a week: only with this history is the forecast of 08:59 high."""
    day = np.where(np.arange(288) * 300 >= 9 * 3600, 50.0, 2.0)
    past = FleetHistory(keys(1), np.tile(day, 7)[None].astype(np.float32), 0, 300, np.ones(1))
    window = window_of(1)
    begin_s = 7 * 86400 + 9 * 3600 - 600
    peaks = {}
    for warm in (False, True):
        state = online.initial_state(keys(1), STEP_S, begin_s)
        if warm:
            state = online.warm_start(state, past, window)
        for _ in range(18):
            state = online.advance(state, np.array([[2.0]], np.float32), window)
        forecast = online.forecast(state, window)
        peaks[warm] = float(forecast.peak(begin_s + 18 * 30, begin_s + 21 * 30)[0, 6])
    assert peaks[True] > 4 * peaks[False]
