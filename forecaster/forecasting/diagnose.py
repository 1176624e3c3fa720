"""Analyse one service with statsmodels: the strength of its seasons, and the forecast of a textbook model.

For the command `explain`, not for the control loop: the analysis takes tenths of a second per service.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.numeric import lograte

HOUR_S, DAY_S = 3600, 86400
AR_ORDER, FOURIER_PAIRS = 3, 6
"""Order of the autoregression, and number of Fourier pairs of each season.  Chosen by hand."""
MIN_STEPS = 100
"""Fewest steps for an autoregression, in addition to at least two days.  Chosen by hand."""
LJUNG_BOX_LAGS = 12
"""Lags of the test of the residuals.  Chosen by hand."""


@dataclass(frozen=True)
class Diagnosis:
    """The analysis of one service.

    daily, weekly  strength of the season, 0 (none) to 1 (nothing else); None: fewer than two periods
                   observed.
    expected       requests/s at each step ahead, from an autoregression on Fourier terms; empty if the
                   history is too short.
    whiteness      p-value of the hypothesis that its residuals are not autocorrelated (Ljung-Box, 12 lags).
    """

    daily: float | None
    weekly: float | None
    expected: NDArray[np.float64]
    whiteness: float | None


def diagnose(arrivals: NDArray[np.float32], *, step_s: int, steps: int) -> Diagnosis:
    """The analysis of one service, with a forecast of `steps` steps.

    arrivals   (n,) requests/s; NaN = not observed, interpolated in logarithms
    step_s     seconds per step
    """
    z = _interpolated(lograte.from_rate(arrivals, step_s)).astype(np.float64)
    daily, weekly = _season_strengths(z, step_s)
    if z.size < max(2 * DAY_S // step_s, MIN_STEPS):
        return Diagnosis(daily, weekly, np.empty(0), None)
    expected, whiteness = _autoregression(z, step_s=step_s, steps=steps)
    rates = lograte.to_rate(expected.astype(np.float32), step_s).astype(np.float64)
    return Diagnosis(daily, weekly, rates, whiteness)


def _interpolated(z: NDArray[np.float32]) -> NDArray[np.float32]:
    observed = np.flatnonzero(~np.isnan(z))
    if observed.size == 0:
        return z[:0]
    return np.interp(np.arange(observed[0], z.size), observed, z[observed]).astype(np.float32)


def _season_strengths(z: NDArray[np.float64], step_s: int) -> tuple[float | None, float | None]:
    """Strength 1 − Var(remainder) / Var(season + remainder) of day and week, on hourly means, by MSTL.

    Source: [hyndman2021, §4.3].
    """
    per_hour = HOUR_S // step_s if step_s < HOUR_S else 1
    hourly = z[z.size % per_hour :].reshape(-1, per_hour).mean(axis=1)
    day = DAY_S // max(step_s, HOUR_S)
    periods = [p for p in (day, 7 * day) if p >= 2 and hourly.size >= 2 * p + 1]
    if not periods or np.ptp(hourly) == 0:
        return None, None
    from statsmodels.tsa.seasonal import MSTL  # noqa: PLC0415

    decomposition = MSTL(hourly, periods=periods).fit()
    seasons = np.asarray(decomposition.seasonal).reshape(hourly.size, -1)
    remainder = np.asarray(decomposition.resid)
    strengths = [
        float(max(0.0, 1 - remainder.var() / max((seasons[:, i] + remainder).var(), 1e-12)))
        for i in range(len(periods))
    ]
    return strengths[0], strengths[1] if len(strengths) > 1 else None


def _autoregression(z: NDArray[np.float64], *, step_s: int, steps: int) -> tuple[NDArray[np.float64], float]:
    """(steps,) log rates by AutoReg on Fourier terms of day and week (if observed twice), and the p-value."""
    import warnings  # noqa: PLC0415

    from statsmodels.stats.diagnostic import acorr_ljungbox  # noqa: PLC0415
    from statsmodels.tsa.ar_model import AutoReg  # noqa: PLC0415
    from statsmodels.tsa.deterministic import DeterministicProcess, Fourier  # noqa: PLC0415

    terms = [Fourier(DAY_S / step_s, FOURIER_PAIRS)]
    if z.size * step_s >= 14 * DAY_S:
        terms.append(Fourier(7 * DAY_S / step_s, FOURIER_PAIRS))
    with warnings.catch_warnings():
        # Daily terms are weekly terms too, so the regressors are collinear; least squares copes with that.
        warnings.simplefilter("ignore")
        seasons = DeterministicProcess(
            np.arange(z.size), constant=True, order=0, additional_terms=terms, drop=True
        )
        fitted = AutoReg(z, AR_ORDER, trend="n", deterministic=seasons).fit()
        expected = fitted.predict(z.size, z.size + steps - 1)
    whiteness = float(acorr_ljungbox(fitted.resid, lags=[LJUNG_BOX_LAGS])["lb_pvalue"].iloc[0])
    return np.asarray(expected, np.float64), whiteness
