"""Theta: half a line, half simple smoothing, of what is left without the day."""

import numpy as np
from numpy.typing import NDArray

from models.slow.border import path
from models.slow.gaps import DAY_S, Past


def theta(rates: NDArray[np.float64], step_s: int, horizon: int) -> NDArray[np.float64]:
    """Assimakopoulos & Nikolopoulos, The theta model, Int. J. Forecasting 16 (2000).

    The season is taken out by differences of means, not by ratios: a night may have no traffic at all.
    """
    return path(_fit, rates, step_s, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    from statsmodels.tsa.forecasting.theta import ThetaModel

    day = before.steps(DAY_S)
    model = ThetaModel(before.y, period=day or 1, deseasonalize=bool(day), method="additive")
    return np.asarray(model.fit(disp=False).forecast(horizon), np.float64)
