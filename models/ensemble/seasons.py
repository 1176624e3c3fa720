"""Seasons found, not assumed: which periods a series repeats itself in, and none where it does not.

    x      the square root of what lies above the least, the few largest deviations cut to the next
    z      x without what a smooth spectrum explains: filtered by an autoregression, then evened out.  Both
           are fitted to running medians of the periodogram, in which lines, which are seasons, have no say
    P_j    power of z, folded by a period, at its j-th harmonic: about 1 where there is no season
    r_H    the mean of P_1 .. P_H, against the F distribution of 2H and 2ν degrees of freedom, ν the bins that
           the spectrum beneath was read from:  log P(r_H ≥ r) ≤ H·ln r − (H + ν)·ln((H·r + ν) / (H + ν))
    s      the sum of z, clipped, at one phase of c cycles, v its variance, b its largest value:
           log P(s ≥ t) ≤ −(c·v/b²)·((1 + u)·ln(1 + u) − u),  u = b·t/(c·v)

A smooth season is in its first harmonic: H is any power of two, and all.  An impulse is in all of them, but
better seen at its phase.  Periods, phases and H are paid for by Bonferroni.  What passes must also foretell:
each stretch of the series by all the others.  What was found is taken out, and the search goes on.

Lines above a spectrum read from medians: Mann & Lees, Climatic Change 33 (1996).  A sum of powers over
harmonics: Buccheri et al., Astronomy & Astrophysics 128 (1983).  The bounds are Chernoff's and Bennett's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST = 4
"""So many seasons of a series are told."""
MIN_CYCLES = 3
MIN_STEPS = 24
"""Of fewer steps nothing is told."""
ALARM = 0.01
"""What is allowed by the bound; what comes through is measured in tests/bench/seasons.py."""
LONE = 3
"""No deviation counts for more than the LONE-th largest: one alone repeats nothing."""
REACH = 12
"""Bins to each side, at least, that the spectrum beneath a bin is read from."""
WIDE, NARROW = 1 / 2, 1 / 6
"""If more: these shares of its number, for the autoregression and for what that leaves."""
LAGS = 12
STRETCHES, MAX_HELD = 12, 0.7
"""Stretches that foretell each other, and the share of them in which that has to come true."""
CLIP = 3.0
PEAKS = 10
OWN_SHARE = 0.2
"""A part of a period is a season of its own where it has so much more of the power than an impulse gives."""


@dataclass(frozen=True, eq=False)
class White:
    """z (n,), white; the same cut at CLIP, about its mean; and how far it is from normal, 0 where it is."""

    z: Floats
    clipped: Floats
    peaked: float

    @classmethod
    def of(cls, z: Floats) -> "White":
        """What is asked of z at every period."""
        clipped, square = np.clip(z, -CLIP, CLIP), z * z
        kurtosis = float((square * square).mean() / max(float(square.mean()) ** 2, 1e-300))
        return cls(z, clipped - clipped.mean(), max(0.0, kurtosis - 3))


@dataclass(frozen=True)
class Evidence:
    """How much speaks for a period of so many steps: nats, in the first `harmonics` of it."""

    period: int
    harmonics: int
    nats: float


def seasons(y: Floats, likely: tuple[int, ...] = (), most: int = MOST) -> tuple[int, ...]:
    """Periods in steps, the strongest first, that y (n,) repeats itself in; () where there is none.

    From 2 steps to a third of the series.  Those `likely` beforehand, such as a day, are paid for apart from
    all others, and are taken where the best is so near that it cannot be told from them.
    """
    n = y.size
    if n < MIN_STEPS or not np.isfinite(y).all() or np.ptp(y) <= 1e-9 * np.abs(y).max():
        return ()
    x, found = np.sqrt(y - y.min()), list[Evidence]()
    x = _cut(x - np.median(x))
    likely = tuple(p for p in likely if 2 <= p <= n // MIN_CYCLES)
    least = 1e-6 * np.ptp(x)
    while len(found) < most and np.ptp(x) > least:
        # Whitened anew each time: a season hides others in what seems to lie beneath.
        z = whitened(x)
        for each in found:
            z = _without(z, each)  # what is left of it is no sign of its multiples
        best = _strongest(z, likely, found)
        if best is None:
            break
        found.append(best)
        x = _without(x, best)
    return tuple(each.period for each in found)


def whitened(x: Floats) -> Floats:
    """Z (n,): x without what a smooth spectrum explains, of about unit variance."""
    x = _cut(x - np.median(x))
    x -= x.mean()
    power = np.abs(np.fft.rfft(x * np.hanning(x.size))) ** 2
    e = _cut(_innovations(x, np.fft.irfft(_beneath(power, WIDE), x.size)))
    e -= e.mean()
    waves = np.fft.rfft(e)
    beneath = _beneath(np.abs(waves) ** 2 / e.size, NARROW)
    waves[0] = 0
    return np.fft.irfft(waves / np.sqrt(beneath), e.size)


def evidence(white: White, period: int) -> Evidence:
    """The best of all H, or the highest phase, for a season of `period` steps."""
    power = _powers(white.z, period)
    some = _choices(power.size)
    nats = _nats(np.cumsum(power)[some - 1] / some, some, white, period) - np.log(some.size)
    at, highest = int(np.argmax(nats)), _highest(white.clipped, period)
    if highest > nats[at]:
        return Evidence(period, power.size, highest)
    return Evidence(period, int(some[at]), float(nats[at]))


def foretells(z: Floats, found: Evidence) -> bool:
    """Whether each stretch of z (n,) is like the mean of the others, in most stretches and beyond chance."""
    cycles = _folded(z, found.period)
    stretches = min(STRETCHES, len(cycles))
    first = np.arange(stretches) * len(cycles) // stretches
    parts = np.fft.rfft(np.add.reduceat(cycles, first), axis=1)[:, 1 : found.harmonics + 1]
    gain = (parts.conj() * (parts.sum(axis=0) - parts)).real.sum(axis=1)
    error = gain.std(ddof=1) / np.sqrt(stretches)
    return bool((gain > 0).mean() >= MAX_HELD and gain.mean() > 2 * error)


def _strongest(z: Floats, likely: tuple[int, ...], found: list[Evidence]) -> Evidence | None:
    """What speaks most for itself of all that pass; None where nothing does."""
    n, white = z.size, White.of(z)
    asked = [evidence(white, p) for p in sorted({*_candidates(z), *likely}) if not _within(p, found, n)]
    passed = [each for each in asked if each.nats > _price(each.period, likely, n) and foretells(z, each)]
    if not passed:
        return None
    # Beyond its price: of a week and the half of it that say the same, the week.
    best = max(passed, key=lambda each: each.nats - _price(each.period, likely, n))
    beside = [e for e in passed if e.period in likely and abs(1 / e.period - 1 / best.period) < 0.5 / n]
    best = max(beside, key=lambda each: each.nats, default=best)
    part = _own_part(z, best)
    if part and not _within(part, found, n):
        own = evidence(white, part)
        if own.nats > max(_price(part, likely, n), best.nats / 2) and foretells(z, own):
            return own
    return best


def _price(period: int, likely: tuple[int, ...], n: int) -> float:
    """Nats that a period has to bring, being one of so many."""
    return float(np.log((len(likely) if period in likely else n) / (ALARM / 2)))


def _candidates(z: Floats) -> list[int]:
    """Periods that an impulse, or a wave, might have: the highest peaks of folds, and of the periodogram."""
    n = z.size
    periods = np.arange(2, n // MIN_CYCLES + 1)
    cycles, ones, first = n // periods, np.ones(n), np.cumsum(periods) - periods
    sums = np.empty(periods.sum())  # of all phases of all periods: large, so there is one of it
    for p, at in zip(periods.tolist(), first.tolist(), strict=True):
        np.dot(ones[: n // p], _folded(z, p), out=sums[at : at + p])
    highest = np.maximum.reduceat(np.abs(sums, out=sums), first) / np.sqrt(cycles)
    mean = np.add.reduceat(np.square(sums, out=sums), first) / (cycles * periods)
    height = (mean - 1) * np.sqrt(periods / (1 - periods / n))
    out = {*periods[np.argsort(height)[-PEAKS:]].tolist(), *periods[np.argsort(highest)[-PEAKS:]].tolist()}
    power = np.abs(np.fft.rfft(z, 4 * n)) ** 2
    low = 4 * MIN_CYCLES - 2
    peaks = low + np.flatnonzero((power[low:-1] > power[low - 1 : -2]) & (power[low:-1] >= power[low + 1 :]))
    for k in peaks[np.argsort(power[peaks])[-PEAKS:]].tolist():
        spread = 4 * n / np.linspace(k - 0.5, k + 0.5, 5)
        out |= {int(p) for p in np.round(spread) if 2 <= p <= n // MIN_CYCLES}
    return sorted(out)


def _own_part(z: Floats, best: Evidence) -> int:
    """The part of a period that has the power of a season of its own, as the day of a week; 0 = none."""
    signal = _powers(z, best.period)[: best.harmonics] - 1
    parts = [i for i in range(2, best.harmonics + 1) if best.period % i == 0 and best.period // i > 1]
    if not parts:
        return 0
    shares = np.array([signal[i - 1 :: i].sum() / signal.sum() - 1 / i for i in parts])
    at = int(np.argmax(shares))
    return best.period // parts[at] if shares[at] >= OWN_SHARE else 0


def _within(period: int, found: list[Evidence], n: int) -> bool:
    """Whether a period is a harmonic of one found, or so near to one that it is only its unsteadiness."""
    for each in found:
        order = max(1, round(each.period / period))
        near = min(2.5, n / each.period / 4) / n
        if order <= each.period // 2 and abs(1 / period - order / each.period) < near:
            return True
    return False


def _without(z: Floats, found: Evidence) -> Floats:
    """Z (n,) without the mean cycle of a season."""
    cycles = _folded(z, found.period)
    waves = np.fft.rfft(cycles.mean(axis=0))
    waves[0] = waves[found.harmonics + 1 :] = 0
    cycle = np.fft.irfft(waves, found.period)
    return z - np.resize(cycle[::-1], z.size)[::-1]


def _folded(z: Floats, period: int) -> Floats:
    """(c, period) the last whole cycles of z (n,)."""
    cycles = z.size // period
    return z[z.size - cycles * period :].reshape(cycles, period)


def _powers(z: Floats, period: int) -> Floats:
    """(period // 2,) P_j of z (n,)."""
    cycles = _folded(z, period)
    power = np.abs(np.fft.rfft(cycles.sum(axis=0))[1:]) ** 2 / cycles.size
    if period % 2 == 0:
        power[-1] /= 2  # it is one square, not the sum of two
    return np.asarray(power, np.float64)


def _choices(most: int) -> NDArray[np.int64]:
    """H to be asked for: powers of two, and all."""
    return np.unique(np.append(2 ** np.arange(int(np.log2(most)) + 1), most))


def _nats(r: Floats, harmonics: NDArray[np.int64], white: White, period: int) -> Floats:
    """How unlikely means r of the powers of so many harmonics are, as −log of the bound."""
    n = white.z.size
    nu = np.maximum(REACH, n / period * harmonics * NARROW / 2)
    # Where z is a few impulses its powers go together, and count as fewer.
    alone = harmonics / (1 + harmonics * white.peaked / (4 * n))
    r = np.maximum(r, 1.0)
    nats = (alone + nu) * np.log((alone * r + nu) / (alone + nu)) - alone * np.log(r)
    return np.asarray(nats, np.float64)


def _highest(z: Floats, period: int) -> float:
    """How unlikely the highest phase of a fold of z (n,), clipped, is, as −log of the bound."""
    cycles, most = _folded(z, period), float(np.abs(z).max()) or 1.0
    spread = len(cycles) * max(float((z**2).mean()), 1e-300) / most**2
    u = float(np.abs(cycles.sum(axis=0)).max()) / most / spread
    return float(spread * ((1 + u) * np.log1p(u) - u) - np.log(2 * period))


def _cut(x: Floats) -> Floats:
    """X (n,) with no deviation larger than the LONE-th."""
    most = np.partition(np.abs(x), -LONE)[-LONE]
    return np.clip(x, -most, most)


def _innovations(x: Floats, covariance: Floats) -> Floats:
    """(n,) what x is beside its autoregression; as many first steps are zero as it has lags."""
    lags = min(LAGS, x.size // 10)
    gap = np.abs(np.subtract.outer(np.arange(lags), np.arange(lags)))
    # A little white noise keeps the equations solvable.
    gram = covariance[gap] + 1e-9 * covariance[0] * np.eye(lags)
    phi = np.linalg.solve(gram, covariance[1 : lags + 1])
    e = np.convolve(x, np.concatenate([[1.0], -phi]))[: x.size]
    e[:lags] = 0
    return e


def _beneath(power: Floats, share: float) -> Floats:
    """(k,) the spectrum beneath the lines of a periodogram: running medians, wider at higher frequencies."""
    most = power.size - 1
    at = np.unique(np.round(np.geomspace(1, most, 60)).astype(np.int64))
    reach = np.maximum(REACH, (share * at).astype(np.int64))
    medians = [np.median(power[max(1, k - w) : k + w + 1]) for k, w in zip(at, reach, strict=True)]
    least = 1e-12 * float(power.max()) + 1e-300
    log = np.log(np.array(medians) / np.log(2) + least)
    if most > 2 * REACH:
        # No window lies about the lowest bins: what rises towards them, as a walk's does, goes on to rise.
        here, there = np.interp([REACH, 2 * REACH], at, log)
        slope = np.clip((there - here) / np.log(2), -2, 0)
        log = np.where(at < REACH, here + slope * np.log(at / REACH), log)
    return np.asarray(np.exp(np.interp(np.arange(power.size), at, log)), np.float64)
