"""A second opinion on one service, by statsmodels: how seasonal it is, and what a textbook model expects.

For people who ask why, not for the loop: it takes tenths of a second for one service.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.numeric import lograte

HOUR_S, DAY_S = 3600, 86400


@dataclass(frozen=True)
class Diagnosis:
    """What statsmodels says of one service.

    daily, weekly  strength of the season, 0 (none) to 1 (nothing else); None: not seen twice.
    expected       requests/s at the steps ahead, by an autoregression on Fourier terms; empty if too short.
    whiteness      p-value that its residuals have no structure left (Ljung-Box, 12 lags).
    """

    daily: float | None
    weekly: float | None
    expected: NDArray[np.float64]
    whiteness: float | None


def diagnose(arrivals: NDArray[np.float32], *, step_s: int, steps: int) -> Diagnosis:
    """The diagnosis of arrivals (n,) requests/s, and `steps` ahead.

    Steps not observed are interpolated in logarithms.
    """
    z = _filled(lograte.from_rate(arrivals, step_s)).astype(np.float64)
    daily, weekly = _strengths(z, step_s)
    if z.size < max(2 * DAY_S // step_s, 100):
        return Diagnosis(daily, weekly, np.empty(0), None)
    expected, whiteness = _autoregression(z, step_s=step_s, steps=steps)
    return Diagnosis(
        daily, weekly, lograte.to_rate(expected.astype(np.float32), step_s).astype(np.float64), whiteness
    )


def _filled(z: NDArray[np.float32]) -> NDArray[np.float32]:
    seen = np.flatnonzero(~np.isnan(z))
    if seen.size == 0:
        return z[:0]
    return np.interp(np.arange(seen[0], z.size), seen, z[seen]).astype(np.float32)


def _strengths(z: NDArray[np.float64], step_s: int) -> tuple[float | None, float | None]:
    """1 − Var(remainder) / Var(season + remainder) of day and week on hourly means, by MSTL.

    Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., §4.3.
    """
    per = HOUR_S // step_s if step_s < HOUR_S else 1
    hourly = z[z.size % per :].reshape(-1, per).mean(axis=1)
    day = DAY_S // max(step_s, HOUR_S)
    periods = [p for p in (day, 7 * day) if p >= 2 and hourly.size >= 2 * p + 1]
    if not periods or np.ptp(hourly) == 0:
        return None, None
    from statsmodels.tsa.seasonal import MSTL  # noqa: PLC0415

    parts = MSTL(hourly, periods=periods).fit()
    seasons = np.asarray(parts.seasonal).reshape(hourly.size, -1)
    rest = np.asarray(parts.resid)
    found = [
        float(max(0.0, 1 - rest.var() / max((seasons[:, i] + rest).var(), 1e-12)))
        for i in range(len(periods))
    ]
    return found[0], found[1] if len(found) > 1 else None


def _autoregression(z: NDArray[np.float64], *, step_s: int, steps: int) -> tuple[NDArray[np.float64], float]:
    """(steps,) log rates by AutoReg(3) on Fourier terms of the day, and of the week if seen twice."""
    import warnings  # noqa: PLC0415

    from statsmodels.stats.diagnostic import acorr_ljungbox  # noqa: PLC0415
    from statsmodels.tsa.ar_model import AutoReg  # noqa: PLC0415
    from statsmodels.tsa.deterministic import DeterministicProcess, Fourier  # noqa: PLC0415

    terms = [Fourier(DAY_S / step_s, 6)]
    if z.size * step_s >= 14 * DAY_S:
        terms.append(Fourier(7 * DAY_S / step_s, 6))
    with warnings.catch_warnings():
        # Daily terms are also weekly ones: the least-squares fit copes, and drops none.
        warnings.simplefilter("ignore")
        waves = DeterministicProcess(
            np.arange(z.size), constant=True, order=0, additional_terms=terms, drop=True
        )
        fitted = AutoReg(z, 3, trend="n", deterministic=waves).fit()
        expected = fitted.predict(z.size, z.size + steps - 1)
    whiteness = float(acorr_ljungbox(fitted.resid, lags=[12])["lb_pvalue"].iloc[0])
    return np.asarray(expected, np.float64), whiteness
