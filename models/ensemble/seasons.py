"""Seasons are detected, not assumed: the periods in which a series repeats, and none where it does not.

    x      the square root of y less its minimum, with the few largest deviations clipped to the next
    z      x without what a smooth spectrum explains: filtered by an autoregression, then flattened.  Both are
           fitted to running medians of the periodogram, on which its lines, the seasons, have no influence
    P_j    power of z, folded by a period, at its j-th harmonic: about 1 where there is no season
    r_H    the mean of P_1 .. P_H, compared with the F distribution of 2H and 2ν degrees of freedom, ν the
           bins that the spectrum beneath was read from:
           log P(r_H ≥ r) ≤ H·ln r − (H + ν)·ln((H·r + ν) / (H + ν))
    s      the sum of z, clipped, at one phase of c cycles, v its variance, b its largest value:
           log P(s ≥ t) ≤ −(c·v/b²)·((1 + u)·ln(1 + u) − u),  u = b·t/(c·v)

A smooth season is in its first harmonics: H is each power of two, and all.  An impulse is in all harmonics,
but more visible at its phase.  The bounds pay for the number of periods, phases and H by Bonferroni.  A
period that passes must also be confirmed: each stretch of the series must resemble all the others.  The
detected season is removed, and the search is repeated.

Lines above a spectrum read from medians: [mann1996].  A sum of powers over harmonics: [buccheri1983].  The
bounds are those of Chernoff and of Bennett.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_SEASONS = 4
"""Seasons of one series, at most.  Chosen by hand."""
MIN_CYCLES = 3
"""Cycles that a series must contain of a period."""
MIN_STEPS = 24
"""A series with fewer steps has no season.  Chosen by hand."""
FALSE_ALARM_PROB = 0.01
"""Probability of a season in noise that the bounds allow; tests/bench/seasons.py measures the actual
share."""
OUTLIER_RANK = 3
"""No deviation counts for more than the one of this rank: a single outlier repeats nothing.  Chosen by
hand."""
MIN_REACH = 12
"""Bins to each side, at least, that the spectrum beneath a bin is read from.  Chosen by hand."""
WIDE, NARROW = 1 / 2, 1 / 6
"""Bins to each side, as a share of the bin's number if that is more: for the autoregression, and for what
remains after it.  Chosen by hand."""
LAGS = 12
"""Lags of the autoregression.  Chosen by hand."""
STRETCHES, MIN_CONFIRMED = 12, 0.7
"""Stretches of a series, and the share of them that must resemble the others.  Chosen by hand."""
CLIP = 3.0
"""Bound of |z| in the sums by phase.  Chosen by hand."""
PEAKS = 10
"""Candidate periods from each of three criteria.  Chosen by hand."""
MIN_OWN_SHARE = 0.2
"""A fraction of a period is a season of its own if it has this share more of the power than an impulse would
give it.  Chosen by hand."""


@dataclass(frozen=True, eq=False)
class WhitenedSeries:
    """A whitened series, as all periods are tested on it.

    z                (n,) white, of about unit variance.
    clipped          (n,) z clipped at CLIP, less its mean.
    excess_kurtosis  0 where z is normal.
    """

    z: Floats
    clipped: Floats
    excess_kurtosis: float

    @classmethod
    def from_z(cls, z: Floats) -> "WhitenedSeries":
        """The whitened series z (n,), with the values derived from it."""
        clipped, square = np.clip(z, -CLIP, CLIP), z * z
        kurtosis = float((square * square).mean() / max(float(square.mean()) ** 2, 1e-300))
        return cls(z, clipped - clipped.mean(), max(0.0, kurtosis - 3))


@dataclass(frozen=True)
class Evidence:
    """The evidence for a period in steps: nats against chance, in its first `harmonics`."""

    period: int
    harmonics: int
    nats: float


def seasons(y: Floats, expected: tuple[int, ...] = (), max_seasons: int = MAX_SEASONS) -> tuple[int, ...]:
    """The seasonal periods of y (n,) in steps, the strongest first, from 2 to a third of n; () = no season.

    y with NaN, with fewer than MIN_STEPS steps, or without variation has no season.

    expected      periods that are likely beforehand, such as a day: Bonferroni counts them apart from all
                  others, and such a period is preferred where the best one is so near that they cannot be
                  distinguished
    max_seasons   periods that are returned, at most

    Three weeks of hours, in which a wave of a day repeats, and a line:

    >>> hours = np.arange(21 * 24)
    >>> seasons(20 + 8 * np.sin(2 * np.pi * hours / 24))
    (24,)
    >>> seasons(0.5 * hours)
    ()
    """
    n = y.size
    if n < MIN_STEPS or not np.isfinite(y).all() or np.ptp(y) <= 1e-9 * np.abs(y).max():
        return ()
    x, detected = np.sqrt(y - y.min()), list[Evidence]()
    x = _clip_outliers(x - np.median(x))
    expected = tuple(p for p in expected if 2 <= p <= n // MIN_CYCLES)
    min_range = 1e-6 * np.ptp(x)
    while len(detected) < max_seasons and np.ptp(x) > min_range:
        # Whitened again each time: a season hides others in what appears to be the spectrum beneath.
        z = whitened(x)
        for season in detected:
            z = _without(z, season)  # remains of a season are no evidence for its multiples
        best = _strongest(z, expected, detected)
        if best is None:
            break
        detected.append(best)
        x = _without(x, best)
    return tuple(season.period for season in detected)


def whitened(x: Floats) -> Floats:
    """(n,) z: x (n,) without what a smooth spectrum explains, of about unit variance."""
    x = _clip_outliers(x - np.median(x))
    x -= x.mean()
    power = np.abs(np.fft.rfft(x * np.hanning(x.size))) ** 2
    e = _clip_outliers(_innovations(x, np.fft.irfft(_spectrum_beneath(power, WIDE), x.size)))
    e -= e.mean()
    waves = np.fft.rfft(e)
    beneath = _spectrum_beneath(np.abs(waves) ** 2 / e.size, NARROW)
    waves[0] = 0
    return np.fft.irfft(waves / np.sqrt(beneath), e.size)


def evidence(white: WhitenedSeries, period: int) -> Evidence:
    """The strongest evidence for a season of `period` steps: of all H, or of the largest sum of a phase."""
    power = _powers(white.z, period)
    harmonics = _harmonic_counts(power.size)
    r = np.cumsum(power)[harmonics - 1] / harmonics
    nats = _power_nats(r, harmonics, white, period) - np.log(harmonics.size)
    best, phase_nats = int(np.argmax(nats)), _phase_nats(white.clipped, period)
    if phase_nats > nats[best]:
        return Evidence(period, power.size, phase_nats)
    return Evidence(period, int(harmonics[best]), float(nats[best]))


def is_confirmed(z: Floats, season: Evidence) -> bool:
    """Whether most stretches of z (n,) resemble the mean cycle of the others, and more than by chance."""
    cycles = _folded(z, season.period)
    stretches = min(STRETCHES, len(cycles))
    first = np.arange(stretches) * len(cycles) // stretches
    parts = np.fft.rfft(np.add.reduceat(cycles, first), axis=1)[:, 1 : season.harmonics + 1]
    gain = (parts.conj() * (parts.sum(axis=0) - parts)).real.sum(axis=1)
    error = gain.std(ddof=1) / np.sqrt(stretches)
    return bool((gain > 0).mean() >= MIN_CONFIRMED and gain.mean() > 2 * error)


def _strongest(z: Floats, expected: tuple[int, ...], detected: list[Evidence]) -> Evidence | None:
    """The period with the strongest evidence of all that pass; None where none passes."""
    n, white = z.size, WhitenedSeries.from_z(z)
    candidates = sorted({*_candidates(z), *expected})
    tested = [evidence(white, p) for p in candidates if not _is_harmonic(p, detected, n)]
    passed = [e for e in tested if e.nats > _min_nats(e.period, expected, n) and is_confirmed(z, e)]
    if not passed:
        return None
    # Beyond the threshold of its period: of a week and its half with the same evidence, the week.
    best = max(passed, key=lambda e: e.nats - _min_nats(e.period, expected, n))
    near = [e for e in passed if e.period in expected and abs(1 / e.period - 1 / best.period) < 0.5 / n]
    best = max(near, key=lambda e: e.nats, default=best)
    fraction = _own_fraction(z, best)
    if fraction and not _is_harmonic(fraction, detected, n):
        own = evidence(white, fraction)
        if own.nats > max(_min_nats(fraction, expected, n), best.nats / 2) and is_confirmed(z, own):
            return own
    return best


def _min_nats(period: int, expected: tuple[int, ...], n: int) -> float:
    """The nats that a period needs, as one of n periods, or of the expected ones (Bonferroni)."""
    return float(np.log((len(expected) if period in expected else n) / (FALSE_ALARM_PROB / 2)))


def _candidates(z: Floats) -> list[int]:
    """Periods that an impulse or a wave in z (n,) may have: peaks of the folds and of the periodogram."""
    n = z.size
    periods = np.arange(2, n // MIN_CYCLES + 1)
    cycles, ones, first = n // periods, np.ones(n), np.cumsum(periods) - periods
    sums = np.empty(periods.sum())  # of all phases of all periods: large, so all criteria share one array
    for p, offset in zip(periods.tolist(), first.tolist(), strict=True):
        np.dot(ones[: n // p], _folded(z, p), out=sums[offset : offset + p])
    largest = np.maximum.reduceat(np.abs(sums, out=sums), first) / np.sqrt(cycles)
    mean = np.add.reduceat(np.square(sums, out=sums), first) / (cycles * periods)
    height = (mean - 1) * np.sqrt(periods / (1 - periods / n))
    out = {*periods[np.argsort(height)[-PEAKS:]].tolist(), *periods[np.argsort(largest)[-PEAKS:]].tolist()}
    power = np.abs(np.fft.rfft(z, 4 * n)) ** 2
    low = 4 * MIN_CYCLES - 2
    peaks = low + np.flatnonzero((power[low:-1] > power[low - 1 : -2]) & (power[low:-1] >= power[low + 1 :]))
    for k in peaks[np.argsort(power[peaks])[-PEAKS:]].tolist():
        near = 4 * n / np.linspace(k - 0.5, k + 0.5, 5)
        out |= {int(p) for p in np.round(near) if 2 <= p <= n // MIN_CYCLES}
    return sorted(out)


def _own_fraction(z: Floats, best: Evidence) -> int:
    """The fraction of a period with the power of a season of its own, as a day is of a week; 0 = none."""
    signal = _powers(z, best.period)[: best.harmonics] - 1
    parts = [i for i in range(2, best.harmonics + 1) if best.period % i == 0 and best.period // i > 1]
    if not parts:
        return 0
    shares = np.array([signal[i - 1 :: i].sum() / signal.sum() - 1 / i for i in parts])
    largest = int(np.argmax(shares))
    return best.period // parts[largest] if shares[largest] >= MIN_OWN_SHARE else 0


def _is_harmonic(period: int, detected: list[Evidence], n: int) -> bool:
    """Whether a period is a harmonic of a detected season, or only an irregularity of it."""
    for season in detected:
        order = max(1, round(season.period / period))
        tolerance = min(2.5, n / season.period / 4) / n
        if order <= season.period // 2 and abs(1 / period - order / season.period) < tolerance:
            return True
    return False


def _without(z: Floats, season: Evidence) -> Floats:
    """(n,) z (n,) without the mean cycle of a season."""
    cycles = _folded(z, season.period)
    waves = np.fft.rfft(cycles.mean(axis=0))
    waves[0] = waves[season.harmonics + 1 :] = 0
    cycle = np.fft.irfft(waves, season.period)
    return z - np.resize(cycle[::-1], z.size)[::-1]


def _folded(z: Floats, period: int) -> Floats:
    """(c, period) the last whole cycles of z (n,)."""
    cycles = z.size // period
    return z[z.size - cycles * period :].reshape(cycles, period)


def _powers(z: Floats, period: int) -> Floats:
    """(period // 2,) the powers P_j of z (n,)."""
    cycles = _folded(z, period)
    power = np.abs(np.fft.rfft(cycles.sum(axis=0))[1:]) ** 2 / cycles.size
    if period % 2 == 0:
        power[-1] /= 2  # one square, where the other powers are sums of two
    return np.asarray(power, np.float64)


def _harmonic_counts(count: int) -> NDArray[np.int64]:
    """The values of H that are tested, of `count` harmonics: powers of two, and all."""
    return np.unique(np.append(2 ** np.arange(int(np.log2(count)) + 1), count))


def _power_nats(r: Floats, harmonics: NDArray[np.int64], white: WhitenedSeries, period: int) -> Floats:
    """−log of the bound for means r (H,) of the powers of `harmonics` (H,)."""
    n = white.z.size
    nu = np.maximum(MIN_REACH, n / period * harmonics * NARROW / 2)
    # Where z consists of few impulses its powers are dependent, and count as fewer.
    effective = harmonics / (1 + harmonics * white.excess_kurtosis / (4 * n))
    r = np.maximum(r, 1.0)
    nats = (effective + nu) * np.log((effective * r + nu) / (effective + nu)) - effective * np.log(r)
    return np.asarray(nats, np.float64)


def _phase_nats(z: Floats, period: int) -> float:
    """−log of the bound for the phase with the largest sum in a fold of z (n,), which is clipped."""
    cycles, b = _folded(z, period), float(np.abs(z).max()) or 1.0
    variance = len(cycles) * max(float((z**2).mean()), 1e-300) / b**2
    u = float(np.abs(cycles.sum(axis=0)).max()) / b / variance
    return float(variance * ((1 + u) * np.log1p(u) - u) - np.log(2 * period))


def _clip_outliers(x: Floats) -> Floats:
    """(n,) x (n,) with no deviation larger than the one of OUTLIER_RANK."""
    bound = np.partition(np.abs(x), -OUTLIER_RANK)[-OUTLIER_RANK]
    return np.clip(x, -bound, bound)


def _innovations(x: Floats, covariance: Floats) -> Floats:
    """(n,) x (n,) without its autoregression, of autocovariances (n,); the first steps, one a lag, are 0."""
    lags = min(LAGS, x.size // 10)
    gap = np.abs(np.subtract.outer(np.arange(lags), np.arange(lags)))
    # A little white noise keeps the equations solvable.
    gram = covariance[gap] + 1e-9 * covariance[0] * np.eye(lags)
    phi = np.linalg.solve(gram, covariance[1 : lags + 1])
    e = np.convolve(x, np.concatenate([[1.0], -phi]))[: x.size]
    e[:lags] = 0
    return e


def _spectrum_beneath(power: Floats, share: float) -> Floats:
    """(k,) the spectrum beneath the lines of a periodogram (k,): running medians, wider at high ones."""
    last = power.size - 1
    bins = np.unique(np.round(np.geomspace(1, last, 60)).astype(np.int64))
    reach = np.maximum(MIN_REACH, (share * bins).astype(np.int64))
    medians = [np.median(power[max(1, k - w) : k + w + 1]) for k, w in zip(bins, reach, strict=True)]
    tiny = 1e-12 * float(power.max()) + 1e-300
    log = np.log(np.array(medians) / np.log(2) + tiny)
    if last > 2 * MIN_REACH:
        # No window is centred on the lowest bins: a spectrum that rises towards them, as that of a random
        # walk does, is extrapolated.
        low, high = np.interp([MIN_REACH, 2 * MIN_REACH], bins, log)
        slope = np.clip((high - low) / np.log(2), -2, 0)
        log = np.where(bins < MIN_REACH, low + slope * np.log(bins / MIN_REACH), log)
    return np.asarray(np.exp(np.interp(np.arange(power.size), bins, log)), np.float64)
