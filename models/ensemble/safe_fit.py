"""Fits that may fail: an error or warning of a fit becomes "no forecast", here and nowhere else.

Whether a model can be fitted to a series is known only after the attempt: statsmodels raises ValueError,
LinAlgError and similar errors, or warns that the fit did not converge and returns a result that may still be
of use.  Both are answers about the series, not bugs.
"""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.ensemble.training import TrainingSeries

Fit = Callable[[TrainingSeries, int], NDArray[np.float64]]
"""A function of a training series that varies, and a horizon: the path (h,) in the scale of the series."""
FIT_ERRORS = (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError)
MAX_EXPONENT = 700
"""Upper bound of a logarithm before its exponential is taken, which would overflow above 709."""
MAX_GROWTH = 1.25
"""No path exceeds this many times the maximum rate of the series: a model may diverge.  Chosen by hand."""


def no_forecast(horizon: int) -> NDArray[np.float64]:
    """(h,) NaN: the path of a member that has no forecast."""
    return np.full(horizon, np.nan)


def safe_forecast(fit: Fit, training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) requests/s: the path of `fit`, at least 0; all NaN where the fit fails or is not finite.

    A series that does not vary goes on as it is, without a fit.
    """
    if not training.y.size:
        return no_forecast(horizon)
    if not training.varies:
        return np.full(horizon, training.y[-1] * training.scale)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            path = np.asarray(fit(training, horizon), np.float64)
        except FIT_ERRORS:
            return no_forecast(horizon)
    if path.shape != (horizon,) or not np.isfinite(path).all():
        return no_forecast(horizon)
    return np.clip(path, 0.0, MAX_GROWTH * training.y.max()) * training.scale
