"""Theta: half a linear trend, half simple exponential smoothing, of the series without its season."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.safe_fit import safe_forecast
from models.ensemble.training import TrainingSeries


def theta(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) the path of the theta method [assimakopoulos2000].

    The season is removed by differences of means, not by ratios: a night may have no traffic at all.
    """
    return safe_forecast(_fit, training, horizon)


def _fit(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    from statsmodels.tsa.forecasting.theta import ThetaModel

    period = training.seasons[0] if training.seasons else 1
    model = ThetaModel(training.y, period=period, deseasonalize=period > 1, method="additive")
    return np.asarray(model.fit(disp=False).forecast(horizon), np.float64)
