"""ETS(A,Ad,N): a level and a trend that fades."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import path
from models.ensemble.gaps import Past


def ets(before: Past, horizon: int) -> NDArray[np.float64]:
    """Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., §8.2, §8.5."""
    return path(_fit, before, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    model = ETSModel(before.y, error="add", trend="add", damped_trend=True)
    return np.asarray(model.fit(disp=False).forecast(horizon), np.float64)
