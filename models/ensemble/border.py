"""Where statsmodels is called: what it raises and warns of becomes "says nothing", here and nowhere else.

Which series a model cannot be fitted to is for it to find out: it raises ValueError, LinAlgError and the
like, or warns that it did not converge and goes on with what it has, which may still be of use.  Both are
answers about the series, not faults.
"""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.ensemble.gaps import Past

Fit = Callable[[Past, int], NDArray[np.float64]]
"""From a past that varies to a path (h,) in its scale."""
CANNOT = (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError)
OVER_MOST = 1.25
"""No path goes above this many times the highest rate of the past: a model may run away."""


def nothing(horizon: int) -> NDArray[np.float64]:
    """The path of a member that cannot say."""
    return np.full(horizon, np.nan)


def path(fit: Fit, before: Past, horizon: int) -> NDArray[np.float64]:
    """(h,) requests/s: what `fit` says of a past; all NaN where it says nothing or not all."""
    if not before.y.size:
        return nothing(horizon)
    if not before.varies:
        return np.full(horizon, before.y[-1] * before.scale)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            said = np.asarray(fit(before, horizon), np.float64)
        except CANNOT:
            return nothing(horizon)
    if said.shape != (horizon,) or not np.isfinite(said).all():
        return nothing(horizon)
    return np.clip(said, 0.0, OVER_MOST * before.y.max()) * before.scale
