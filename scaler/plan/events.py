"""Pods for rates that an event announces: they are asked for whatever rule is in force.

A rule was chosen by traffic as it came; one that keeps no floor would keep none for what is known to come.
"""

import numpy as np
from numpy.typing import NDArray

from scaler.plan.bounds import Pods
from scaler.plan.rules import RuleInputs, newsvendor_floors

Array = NDArray[np.float64]
MAX_PODS = 100_000
"""No floor is higher (scaler.plan.newsvendor)."""


def announced_floors(
    rates: Array, *, like: RuleInputs, capable: NDArray[np.bool_], worth: Array, price: Array
) -> Pods:
    """(r,) pods for certain `rates` (r,) requests/s, when a pod-second costs price (r,) instead of 1.

    As a floor weighs them at `worth` (r,); at the usual price no fewer than align_rows them, and one where it is
    not `capable`: not known what a pod can take.

    like   what else is expected of each Revision: what a pod takes, how arrivals are counted
    """
    coming = rates > 0
    certain = RuleInputs(
        rates=rates[:, np.newaxis].astype(np.float32),
        weights=np.ones((len(rates), 1), np.float32),
        chances=like.chances,
        per_pod=like.per_pod,
        counting_s=like.counting_s,
        dispersion=like.dispersion,
    )
    weighed = newsvendor_floors(certain, (worth / price)[:, np.newaxis])[:, 0]
    align_rows = np.where(capable, np.ceil(np.nan_to_num(rates / like.per_pod) - 1e-6), 1.0)
    asked = np.maximum(weighed, np.where(price <= 1, np.minimum(align_rows, MAX_PODS), 0))
    return np.where(coming, asked, 0).astype(np.int32)
