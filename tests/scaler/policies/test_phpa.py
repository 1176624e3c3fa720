"""PHPA's forecasts, against statsmodels and by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from config.scenario import SCENARIOS
from scaler.policies import phpa
from scaler.policies.holt_winters import Smoothing, one_ahead, start, weights
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
def test_a_forecast_is_that_of_statsmodels(season: int, constants: tuple[float, float, float]) -> None:
    alpha, beta, gamma = constants
    smoothing = Smoothing(alpha=alpha, beta=beta, gamma=gamma, season=season)
    rng = np.random.default_rng(season)
    by = weights(smoothing, 6 * season)
    for n in (2 * season, 2 * season + 1, 4 * season + 3, 5 * season, 6 * season):
        series = rng.integers(0, 30, n).astype(float)
        begin = start(series[: smoothing.cycles(n) * season], season)
        assert one_ahead(series, begin, by) == pytest.approx(by_statsmodels(series, smoothing), abs=1e-9)


@pytest.mark.parametrize("as_coded", [False, True])
def test_every_forecast_of_a_growing_history_is_that_of_a_refit(as_coded: bool) -> None:
    """As in PHPA: append, forecast, prune; and, as coded, prune by sorting the newest to the front."""
    smoothing = Smoothing(alpha=0.5, beta=0.1, gamma=0.3, season=10)
    wanted = np.random.default_rng(3).integers(0, 12, 97).tolist()
    predict = phpa.holt_winters(smoothing, STORED_SEASONS, len(wanted), as_coded=as_coded)
    history: list[int] = []
    for sync, h in enumerate(wanted):
        history.append(h)
        want = 0
        if len(history) >= 20:
            want = phpa.rounded_up(by_statsmodels(np.array(history, float), smoothing))
        assert predict(sync, h) == want
        newest_first = history[-1:] + history[:-1] if as_coded else history[::-1]
        dropped = max(0, len(history) // 10 - STORED_SEASONS) * 10
        kept = newest_first[: len(history) - dropped]
        history = kept if as_coded else kept[::-1]


def test_the_line_through_the_last_values_is_gone_on_for_ten_seconds() -> None:
    predict = phpa.linear()
    said = [predict(sync, h) for sync, h in enumerate([0, 0, 0, 0, 3, 6, 9, 12, 15, 18, 21])]
    # Seven values rising by 3 each 15 s: 21 and two thirds of a step.
    assert said[-1] == 23
    assert said[:4] == [0, 0, 0, 0]


def test_rounding_errors_are_not_rounded_up() -> None:
    assert [phpa.rounded_up(pods) for pods in (3.0 + 1e-12, 3.01, -0.4)] == [3, 4, 0]


def test_a_wave_that_comes_each_day_is_met_a_sync_earlier_from_the_third_on() -> None:
    at_s = np.arange(4 * 86400)
    busy = (at_s % 86400 >= 43200) & (at_s % 86400 < 50400)
    heavy = SCENARIOS["heavy"]
    one = Series("s", 0, np.where(busy, 56, 2.8).astype(np.float32), heavy, pod_model_of(heavy))
    rows = phpa.PHPA.plan(one, 10.0)
    # 56 in flight at 2.8 a pod.  The forecast is one sync ahead: of what the rule wants, not of the load.
    reached = [rows["at_s"][(rows["at_s"] // 86400 == day) & (rows["floor"] >= 20)].min() for day in range(4)]
    assert [at % 86400 for at in reached] == [43365, 43365, 43350, 43350]
