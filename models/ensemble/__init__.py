"""Combines classical forecasting methods, one series at a time: past rates in, a path and quantiles out.

The methods, called members, are too slow for every planning cycle; each service is refitted about once an
hour.  A member is a pure function of a training series and a horizon in steps.  It returns the mean path (h,)
in requests/s, or all NaN where it has no forecast.  It raises nothing, whatever the series is.

training  the training series of a member: without gaps, of limited length, near size one, with its seasons
seasons   detection of seasonal periods
members   the members, one file each
fourier   Fourier terms of the seasons, as regressors
safe_fit  the only place that handles failures of a fit
rolling   rolling-origin evaluation of the members, and the skill of their combination
blend     the combination: quantiles averaged with weights that follow past loss
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.ensemble.members import (
    autoreg,
    ets,
    harmonic,
    holt_winters,
    intermittent,
    level_shift,
    mstl,
    naive,
    profile,
    seasonal_ar,
    theta,
)
from models.ensemble.training import TrainingSeries

Member = Callable[[TrainingSeries, int], NDArray[np.float64]]

MEMBERS: dict[str, Member] = {
    "np DHR+AR3": harmonic.plain,
    "np DHR log1p+AR3": harmonic.logarithmic,
    "np seasonal AR": seasonal_ar.seasonal_ar,
    "sm AutoReg(3)+Fourier": autoreg.autoreg,
    "sm HW add": holt_winters.holt_winters,
    "sm ETS(A,Ad,N)": ets.ets,
    "sm MSTL": mstl.mstl,
    "sm Theta": theta.theta,
    "np profile median 7d": profile.profile,
    "naive last": naive.last,
    "EWMA": naive.level,
    "level since shift": level_shift.level_shift,
    "seasonal naive day": naive.day,
    "seasonal naive week": naive.week,
    "seasonal naive found": naive.season,
    "TSB": intermittent.tsb,
}
