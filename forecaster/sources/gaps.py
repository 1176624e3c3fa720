"""What a revision's arrivals were, from three views of them: its pods', the activator's, the autoscaler's.

The activator counts what passes through it, and the pods count that again.  So the two are never added: the
pods' figure stands wherever there is one, the activator's fills the time in which no pod was.
And no figure is not yet zero: a revision at zero and a revision that nobody scrapes look the same, unless
something that is always there says that there was nothing.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def arrivals(pods: Matrix, activator: Matrix, kpa_view: Matrix, *, wake_steps: int) -> Matrix:
    """(r, n) requests/s; NaN where not observed.

    Args:
        pods: (r, n) requests/s counted at the pods.
        activator: (r, n) requests/s counted at the activator.
        kpa_view: (r, n) what the autoscaler believes is in flight.
        wake_steps: so many columns before pods are first seen, what the activator counted is theirs already.
            A request that woke a pod is counted by both when it is answered, and the pod is scraped up to one
            interval later than the activator.

    Where neither pods nor activator have a figure, it is 0 if the autoscaler believes in 0.  Where the
    autoscaler believes in traffic that nobody counted, not even an activator that is scraped, the pods are
    not scraped: not observed.
    """
    alone = np.isnan(pods) & ~np.isnan(activator)
    counted_again = alone & _within(~np.isnan(pods), wake_steps)
    unseen = (activator == 0) & (kpa_view > 0)
    out = np.where(alone & ~unseen, activator, pods)
    out[counted_again] = 0
    out[np.isnan(out) & (kpa_view == 0)] = 0
    return out


def busy(of_pods: Matrix, pods: Matrix, arrived: Matrix) -> Matrix:
    """(r, n) mean requests in flight: the pods' own figure, 0 where nothing arrived, else NaN."""
    out = np.where(np.isnan(pods), np.float32(np.nan), of_pods)
    out[np.isnan(out) & (arrived == 0)] = 0
    return out


def quiet_since_seen(arrived: Matrix, watching: NDArray[np.bool_]) -> Matrix:
    """Zero for not observed, in columns of `watching` (n,), from the first column in which a row was seen.

    For where the autoscaler is not scraped but an activator is: nothing reaches a revision without pods but
    through it.
    """
    seen = np.logical_or.accumulate(~np.isnan(arrived), axis=1)
    out = arrived.copy()
    out[np.isnan(arrived) & seen & watching] = 0
    return out


def forget_gone(arrived: Matrix, gone: NDArray[np.bool_]) -> Matrix:
    """Rows of `gone` (r,) not observed after their last request: the gauges of a deleted revision linger.

    Serving before 1.21 shows a deleted revision's last figures until the autoscaler restarts.
    """
    n = arrived.shape[1]
    some = np.nan_to_num(arrived) > 0
    last = np.where(some.any(axis=1), n - 1 - np.argmax(some[:, ::-1], axis=1), -1)
    out = arrived.copy()
    out[gone[:, None] & (np.arange(n) > last[:, None])] = np.nan
    return out


def _within(flags: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Whether any of the `steps` columns after a column is set."""
    out = np.zeros_like(flags)
    for ahead in range(1, min(steps, flags.shape[1] - 1) + 1):
        out[:, :-ahead] |= flags[:, ahead:]
    return out
