"""One path out of several: members weighted by what their quantiles lately lost.

A member's quantiles here are its place plus its own usual error times the quantiles of a standard error; they
serve to compare members, not to plan (that is `models.calibrate`).

    w_m ∝ exp(−eagerness · (L_m / min L − 1)),   L_m = discounted pinball loss at LEVELS, in requests/s

A member that lost a fifth more than the best has about a third of its weight.  Relative losses need no scale,
so quiet and busy services are weighted alike.  Exponential weights: Cesa-Bianchi & Lugosi, Prediction,
Learning, and Games (2006), ch. 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import lograte
from models.score import pinball

LEVELS = np.array([0.5, 0.9, 0.95, 0.99], np.float32)
STANDARD = np.array([0.0, 1.6, 2.4, 4.0], np.float32)
"""Quantiles of an error whose mean absolute size is 1, at LEVELS: between a Gaussian and a Laplace."""
EAGERNESS = 5.0
MEMORY_S = 86400.0
"""A loss counts half after this many seconds."""
ERROR_MEMORY_S = 3 * 3600.0


@dataclass(frozen=True, eq=False)
class Standing:
    """How the members stand.  error (s, m): usual absolute error, log units; loss (s, m): requests/s."""

    error: NDArray[np.float32]
    loss: NDArray[np.float32]


def start(services: int, members: int) -> Standing:
    """Nobody has lost anything yet: all weigh the same."""
    return Standing(
        np.full((services, members), 0.3, np.float32), np.full((services, members), 1e-6, np.float32)
    )


def weights(standing: Standing, places: NDArray[np.float32]) -> NDArray[np.float32]:
    """(s, m), rows sum to 1; 0 for a member that says nothing (places (s, m) NaN); all 0 where none does."""
    silent = np.isnan(places)
    loss = np.where(silent, np.inf, standing.loss)
    least = loss.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        w = np.where(silent, 0, np.exp(-EAGERNESS * (loss / least - 1)))
    w = np.nan_to_num(w)
    return np.asarray(w / np.maximum(w.sum(axis=1, keepdims=True), 1e-30), np.float32)


def score(
    standing: Standing, places: NDArray[np.float32], came: NDArray[np.float32], step_s: int
) -> Standing:
    """The standing after `came` (s,) log rates, of which the members had said `places` (s, m)."""
    error = np.abs(came[:, None] - places)
    seen = ~np.isnan(error)
    quantiles = places[:, :, None] + standing.error[:, :, None] * STANDARD
    rate = lograte.to_rate(np.repeat(came[:, None], places.shape[1], axis=1), step_s)
    lost = pinball(rate, lograte.to_rate(quantiles, step_s), LEVELS).mean(axis=2)
    gain, slow = (np.float32(1 - 0.5 ** (step_s / m)) for m in (ERROR_MEMORY_S, MEMORY_S))
    return Standing(
        np.where(seen, standing.error + gain * (error - standing.error), standing.error),
        np.where(seen, standing.loss + slow * (lost + np.float32(1e-6) - standing.loss), standing.loss),
    )
