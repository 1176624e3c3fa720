"""PHPA's forecasts, compared with statsmodels and with values computed by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from config.scenario import SCENARIOS
from scaler.policies import phpa
from scaler.policies.holt_winters import Smoothing, forecast_next, initial_state, weights
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of

STORED_SEASONS = 4


def by_statsmodels(series: NDArray[np.float64], smoothing: Smoothing) -> float:
    model = ExponentialSmoothing(
        series,
        trend="add",
        seasonal="add",
        seasonal_periods=smoothing.season,
        initialization_method="estimated",
    )
    fitted = model.fit(
        smoothing_level=smoothing.alpha,
        smoothing_trend=smoothing.beta,
        smoothing_seasonal=smoothing.gamma,
        optimized=False,
    )
    return float(fitted.forecast(1)[0])


@pytest.mark.parametrize("season", [10, 12, 24])
@pytest.mark.parametrize("constants", [(0.5, 0.1, 0.1), (0.9, 0.9, 0.9), (0.2, 0.0, 0.7)])
def test_forecast_equals_that_of_statsmodels(season: int, constants: tuple[float, float, float]) -> None:
    alpha, beta, gamma = constants
    smoothing = Smoothing(alpha=alpha, beta=beta, gamma=gamma, season=season)
    rng = np.random.default_rng(season)
    by = weights(smoothing, 6 * season)
    for n in (2 * season, 2 * season + 1, 4 * season + 3, 5 * season, 6 * season):
        series = rng.integers(0, 30, n).astype(float)
        initial = initial_state(series[: smoothing.initial_seasons(n) * season], season)
        assert forecast_next(series, initial, by) == pytest.approx(
            by_statsmodels(series, smoothing), abs=1e-9
        )


@pytest.mark.parametrize("as_coded", [False, True])
def test_each_forecast_of_a_growing_history_equals_a_refit(as_coded: bool) -> None:
    """As in PHPA: append, forecast, prune; as coded, pruning sorts the newest value to the front."""
    smoothing = Smoothing(alpha=0.5, beta=0.1, gamma=0.3, season=10)
    desired = np.random.default_rng(3).integers(0, 12, 97).tolist()
    predict = phpa.holt_winters(smoothing, STORED_SEASONS, len(desired), as_coded=as_coded)
    history: list[int] = []
    for sync, h in enumerate(desired):
        history.append(h)
        want = 0
        if len(history) >= 20:
            want = phpa.rounded_up(by_statsmodels(np.array(history, float), smoothing))
        assert predict(sync, h) == want
        newest_first = history[-1:] + history[:-1] if as_coded else history[::-1]
        dropped = max(0, len(history) // 10 - STORED_SEASONS) * 10
        kept = newest_first[: len(history) - dropped]
        history = kept if as_coded else kept[::-1]


def test_linear_forecast_extrapolates_the_last_values_by_ten_seconds() -> None:
    predict = phpa.linear()
    forecast = [predict(sync, h) for sync, h in enumerate([0, 0, 0, 0, 3, 6, 9, 12, 15, 18, 21])]
    # Seven values rising by 3 each 15 s: 21 and two thirds of a step.
    assert forecast[-1] == 23
    assert forecast[:4] == [0, 0, 0, 0]


def test_rounding_errors_are_not_rounded_up() -> None:
    assert [phpa.rounded_up(pods) for pods in (3.0 + 1e-12, 3.01, -0.4)] == [3, 4, 0]


def test_daily_wave_is_forecast_one_sync_ahead_from_the_third_day_on() -> None:
    at_s = np.arange(4 * 86400)
    busy = (at_s % 86400 >= 43200) & (at_s % 86400 < 50400)
    heavy = SCENARIOS["heavy"]
    daily = Series("s", 0, np.where(busy, 56, 2.8).astype(np.float32), heavy, pod_model_of(heavy))
    rows = phpa.PHPA.plan(daily, 10.0)
    # 56 in flight at 2.8 a pod.  The forecast is one sync ahead, of the desired pods and not of the load.
    reached = [rows["at_s"][(rows["at_s"] // 86400 == day) & (rows["floor"] >= 20)].min() for day in range(4)]
    assert [reached_s % 86400 for reached_s in reached] == [43365, 43365, 43350, 43350]
