"""Theta: half a line, half simple smoothing, of what is left without the season."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import path
from models.ensemble.gaps import Past


def theta(before: Past, horizon: int) -> NDArray[np.float64]:
    """Assimakopoulos & Nikolopoulos, The theta model, Int. J. Forecasting 16 (2000).

    The season is taken out by differences of means, not by ratios: a night may have no traffic at all.
    """
    return path(_fit, before, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    from statsmodels.tsa.forecasting.theta import ThetaModel

    period = before.seasons[0] if before.seasons else 1
    model = ThetaModel(before.y, period=period, deseasonalize=period > 1, method="additive")
    return np.asarray(model.fit(disp=False).forecast(horizon), np.float64)
