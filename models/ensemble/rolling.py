"""Rolling-origin evaluation: forecasts of all members at past origins, and the skill of their blend."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ensemble import MEMBERS
from models.ensemble.blend import Blend, RollingForecasts
from models.ensemble.training import training_series

BASELINES = ("np profile median 7d", "EWMA")
"""Members with the knowledge that every service has without the ensemble: its daily profile and its level."""
SEASONS_S = 86400
"""Seconds after which the seasons of a series are detected again.  Chosen by hand."""
MIN_GAIN, MIN_T_STATISTIC = 0.05, 2
"""A blend adds skill if it has this share less loss than the better of BASELINES, and if that gain is so many
standard errors above 0.  Chosen by hand."""


@dataclass(frozen=True, eq=False)
class Skill:
    """The skill of a blend at the origins where the actual rates are known.

    gain         share of the pinball loss that the blend saves compared with the better of BASELINES; NaN =
                 not known.
    t_statistic  the saved loss over its standard error.
    best         the member with the smallest loss of all; "" = not known.
    regret       share of the loss of that member that the blend loses in addition; negative where the blend
                 is better.
    """

    gain: float
    t_statistic: float
    best: str
    regret: float

    @property
    def adds_skill(self) -> bool:
        """Whether the blend is to be used: its gain is large enough and not by chance."""
        return self.gain >= MIN_GAIN and self.t_statistic >= MIN_T_STATISTIC


UNKNOWN_SKILL = Skill(np.nan, np.nan, "", np.nan)


def forecasts_at(
    rates: NDArray[np.float64], step_s: int, origins: NDArray[np.int64], horizon: int
) -> NDArray[np.float64]:
    """(k, m, h) requests/s: the path of every member at each origin (k,), from the rates before it alone.

    rates     (n,) requests/s in steps of `step_s`; NaN = not observed
    origins   (k,) steps, ascending, within the series or at its end
    """
    forecast = np.full((origins.size, len(MEMBERS), horizon), np.nan)
    known_seasons, detected_at = None, 0
    for i, origin in enumerate(origins.tolist()):
        if (origin - detected_at) * step_s >= SEASONS_S:
            known_seasons, detected_at = None, origin
        training = training_series(rates[:origin], step_s, known_seasons)
        known_seasons = training.seasons
        for j, member in enumerate(MEMBERS.values()):
            forecast[i, j] = member(training, horizon)
    return forecast


def actuals_after(
    rates: NDArray[np.float64], origins: NDArray[np.int64], horizon: int
) -> NDArray[np.float64]:
    """(k, h) the actual rates after each origin (k,) of rates (n,); NaN where not observed, or not yet."""
    padded = np.concatenate([rates, np.full(horizon, np.nan)])
    return np.asarray(padded[origins[:, None] + np.arange(horizon)], np.float64)


def evaluate_rolling(
    rates: NDArray[np.float64], step_s: int, origins: NDArray[np.int64], horizon: int
) -> RollingForecasts:
    """The forecasts of all members at the origins, and the actual rates; arguments as in `forecasts_at`."""
    forecast = forecasts_at(rates, step_s, origins, horizon)
    return RollingForecasts(origins, forecast, actuals_after(rates, origins, horizon))


def measure_skill(rolling: RollingForecasts, blended: Blend) -> Skill:
    """The skill of `blended`, the blend of `rolling`, at the origins with a known loss; unknown below two."""
    baselines = [list(MEMBERS).index(name) for name in BASELINES]
    scored = ~np.isnan(blended.loss)
    member_losses = blended.losses[scored]
    losses = np.where(np.isnan(member_losses).any(axis=0), np.inf, member_losses)
    if scored.sum() < 2 or not np.isfinite(losses).any():
        return UNKNOWN_SKILL
    means, blend_loss = losses.mean(axis=0), blended.loss[scored]
    best, baseline = int(np.argmin(means)), baselines[int(np.argmin(means[baselines]))]
    tiny = 1e-12 + 1e-9 * float(np.nanmax(rolling.actual, initial=0.0))
    regret = float((blend_loss.mean() + tiny) / (means[best] + tiny) - 1)
    if not np.isfinite(means[baseline]):
        return Skill(np.nan, np.nan, list(MEMBERS)[best], regret)
    saved = losses[:, baseline] - blend_loss
    # Origins closer than their horizon share actual rates: they count as fewer.
    distance = max(1.0, float(np.median(np.diff(rolling.origins[scored]))))
    effective = max(2.0, saved.size * min(1.0, distance / rolling.actual.shape[1]))
    error = float(saved.std()) / np.sqrt(effective)
    gain = float(saved.mean()) / (float(means[baseline]) + tiny)
    return Skill(gain, float(saved.mean() / (error + tiny)), list(MEMBERS)[best], regret)
