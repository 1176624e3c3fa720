"""The slow lane: one series at a time, by models that are too slow for every cycle.

A member is a pure function: the past of one series, with the seasons found in it; how many steps ahead.  It
answers with the mean (h,) it expects, requests/s, or all NaN where it says nothing.  It raises nothing,
whatever the series.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.ensemble.gaps import Past
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

Member = Callable[[Past, int], NDArray[np.float64]]

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
