"""What members would have said at origins of the past, and what the blend of it is worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ensemble import MEMBERS
from models.ensemble.blend import Blend, Told
from models.ensemble.gaps import past

PLAIN = ("np profile median 7d", "EWMA")
"""What every service has without a slow lane: the shape of its days, and where it lately was."""
ANEW_S = 86400
"""Seasons are searched for again after this long."""
CLEARLY = 0.05
"""A blend adds_skill where it loses this share less than the better of PLAIN, and not by chance."""


@dataclass(frozen=True, eq=False)
class Skill:
    """What a blend was worth at the origins it could be scored at.

    gain     share of the pinball loss saved beside the better of PLAIN; NaN = not known.
    chance   the gain over its own standard error.
    best     the member that would have lost least alone; "" = not known.
    regret   share that the blend lost more than that one, known only afterwards; below 0 it lost less.
    """

    gain: float
    chance: float
    best: str
    regret: float

    @property
    def adds_skill(self) -> bool:
        """Whether it is worth listening to."""
        return self.gain >= CLEARLY and self.chance >= 2


NOT_KNOWN = Skill(np.nan, np.nan, "", np.nan)


def said_at(
    rates: NDArray[np.float64], step_s: int, origins: NDArray[np.int64], horizon: int
) -> NDArray[np.float64]:
    """(k, m, h) requests/s that every member says at `origins`, of rates (n,) before each alone."""
    said = np.full((origins.size, len(MEMBERS), horizon), np.nan)
    known, found_at = None, 0
    for i, origin in enumerate(origins.tolist()):
        if (origin - found_at) * step_s >= ANEW_S:
            known, found_at = None, origin
        before = past(rates[:origin], step_s, known)
        known = before.seasons
        for j, member in enumerate(MEMBERS.values()):
            said[i, j] = member(before, horizon)
    return said


def came_after(rates: NDArray[np.float64], origins: NDArray[np.int64], horizon: int) -> NDArray[np.float64]:
    """(k, h) what came of rates (n,); NaN where it was not observed or is yet to come."""
    padded = np.concatenate([rates, np.full(horizon, np.nan)])
    return np.asarray(padded[origins[:, None] + np.arange(horizon)], np.float64)


def rehearsed(rates: NDArray[np.float64], step_s: int, origins: NDArray[np.int64], horizon: int) -> Told:
    """What members say at `origins`, ascending and within the series or at its end, and what came."""
    return Told(origins, said_at(rates, step_s, origins, horizon), came_after(rates, origins, horizon))


def worth(told: Told, found: Blend) -> Skill:
    """What the blend was worth where what it spoke of has come."""
    plain = [list(MEMBERS).index(name) for name in PLAIN]
    scored = ~np.isnan(found.loss)
    losses = np.where(np.isnan(found.losses[scored]).any(axis=0), np.inf, found.losses[scored])
    if scored.sum() < 2 or not np.isfinite(losses).any():
        return NOT_KNOWN
    means, mine = losses.mean(axis=0), found.loss[scored]
    best, better = int(np.argmin(means)), plain[int(np.argmin(means[plain]))]
    tiny = 1e-12 + 1e-9 * float(np.nanmax(told.came, initial=0.0))
    regret = float((mine.mean() + tiny) / (means[best] + tiny) - 1)
    if not np.isfinite(means[better]):
        return Skill(np.nan, np.nan, list(MEMBERS)[best], regret)
    saved = losses[:, better] - mine
    # Origins nearer than their horizon speak in part of the same: they count as fewer.
    apart = max(1.0, float(np.median(np.diff(told.at[scored]))))
    alone = max(2.0, saved.size * min(1.0, apart / told.came.shape[1]))
    error = float(saved.std()) / np.sqrt(alone)
    gain = float(saved.mean()) / (float(means[better]) + tiny)
    return Skill(gain, float(saved.mean() / (error + tiny)), list(MEMBERS)[best], regret)
