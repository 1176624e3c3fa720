"""ETS(A,Ad,N): exponential smoothing with a level and a damped trend."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.safe_fit import safe_forecast
from models.ensemble.training import TrainingSeries


def ets(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) the path of ETS(A,Ad,N), fitted by maximum likelihood [hyndman2021, §8.2, §8.5]."""
    return safe_forecast(_fit, training, horizon)


def _fit(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    model = ETSModel(training.y, error="add", trend="add", damped_trend=True)
    return np.asarray(model.fit(disp=False).forecast(horizon), np.float64)
