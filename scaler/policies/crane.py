"""Crane's EHPA: the HPA's rule, and the most that a Fourier forecast of the next hour holds.

    pods = max(HPA's rule, ceil(int(most of the forecast on [now, now + 1 h]) / target value))

gocrane/crane 2b0ddae, pkg/prediction/dsp and pkg/autoscaling.  Every 12 h, on minutes of the last 15 days:

1. Whole hours; values outside the percentiles 0.1 and 99.9 become the one before.
2. The period.  On whole weeks (two or more) or else whole days: periods n // k whose amplitude exceeds what
   99 of 100 permutations reach, and among them the highest peak of the autocorrelation.  A day or a week, or
   none.
3. Eight estimators: of the spectrum, what is under an amplitude and faster than an hour is cut; the last
   period of what is left x (1 + margin), 0.01 where it is not above 0.  The one that would have met the last
   period best, by the mean relative error with the shortfalls amplified, or the mean error where the traffic
   touches zero.
4. Without a period the HPA's rule alone stands.

Our reading.  None beyond the code but that the metric is the demand in flight: whoever scales on it in Crane
has `int` cut what is under one request.

What differs here: as told in scaler.policies.hpa.  The permutations are seeded; there are no gaps to fill.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import DAY_S, HOUR_S, MINUTE_S, concurrency, demand_known, floors
from scaler.policies.hpa import SYNC_S, follow
from scaler.policies.policy import PlanRows, Policy, Series, on_steps

HOUR, DAY, WEEK = 60, 1440, 10080
"""Minutes."""
HISTORY = 15 * DAY + HOUR
REFIT_S = 12 * HOUR_S
WINDOW = HOUR
PERMUTATIONS = 100
PEAK_SEARCH = 4 * HOUR
MAX_ITEMS = 100
MIN_VALUE = 0.01

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimator:
    """What is kept of a spectrum, and the margin above it."""

    least_items: int
    low_amplitude: float
    margin: float

    def period(self, values: Floats, period: int) -> Floats:
        """(period,) the last period of `values` (n,) without what is small and fast."""
        n = len(values)
        spectrum = np.fft.fft(values)
        amplitudes = np.abs(spectrum) / n
        largest = np.sort(amplitudes[1 : n // 2])[::-1]
        least = max(largest[min(MAX_ITEMS, len(largest)) - 1], self.low_amplitude)
        if len(largest) >= self.least_items:
            least = min(least, largest[self.least_items - 1])
        # Cycles a minute, counted up through the mirrored half: only the slow ones of the first half stay.
        spectrum[(amplitudes < least) & (np.arange(n) / n > 1 / HOUR)] = 0
        last = np.fft.ifft(spectrum).real[-period:]
        return np.where(last <= 0, MIN_VALUE, last) * (1 + self.margin)


ESTIMATORS = tuple(
    Estimator(items, low, margin)
    for (items, low), margin in product(((3, 1.0), (50, 0.05)), (0.01, 0.10, 0.15, 0.20))
)


def crane(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """The plan."""
    minutes = on_steps(series, MINUTE_S)
    load = concurrency(series, minutes.counts, MINUTE_S)
    at_s = np.arange(SYNC_S, len(series.arrivals) + 1, SYNC_S)
    ahead = np.zeros(len(at_s))
    refits = np.arange(2 * DAY_S, len(series.arrivals), REFIT_S) + series.scenario.metrics_delay_seconds
    for refit, refit_s in enumerate(refits):
        known = int(np.searchsorted(minutes.known_at, refit_s, side="right"))
        rng = np.random.default_rng([series.seed, refit])
        forecast = next_period(load[max(0, known - HISTORY) : known], rng)
        due = slice(*np.searchsorted(at_s, [refit_s, refit_s + REFIT_S]))
        if forecast is not None:
            ahead[due] = _most_of_window(forecast)[(at_s[due] // MINUTE_S - known) % len(forecast)]
    wanted = np.ceil(np.trunc(ahead) / series.world.spec.target_value).astype(np.int64).tolist()
    pods = follow(demand_known(series, at_s), series.world.spec.target_value, lambda sync, _: wanted[sync])
    return floors(series.world, at_s, pods)


def next_period(load: Floats, rng: np.random.Generator) -> Floats | None:
    """(period,) the minutes that come after `load`, or None where no period is found."""
    load = without_extremes(load[len(load) % HOUR :])
    period = find_period(load, rng)
    if period not in (DAY, WEEK) or len(load) < 2 * period:
        return None
    load = load[len(load) % period :]
    errors = [error(load[-period:], each.period(load[:-period], period)) for each in ESTIMATORS]
    return ESTIMATORS[int(np.argmin(errors))].period(load, period)


def without_extremes(load: Floats) -> Floats:
    """Values outside the percentiles 0.1 and 99.9 become the one before that is not; but for the first."""
    low, high = np.percentile(load, [0.1, 99.9])
    stays = (load >= low) & (load <= high)
    stays[0] = True
    return load[np.maximum.accumulate(np.where(stays, np.arange(len(load)), 0))]


def find_period(load: Floats, rng: np.random.Generator) -> int | None:
    """The period in minutes, of whole weeks or else days; None where there is none."""
    unit = WEEK if len(load) >= 2 * WEEK else DAY
    load = load[len(load) % unit :]
    n = len(load)
    if n < 2 * unit or load.min() == load.max():
        return None
    shuffled = np.stack([rng.permutation(load) for _ in range(PERMUTATIONS)])
    reached = np.sort(np.abs(np.fft.rfft(shuffled, axis=1))[:, 1 : n // 2].max(axis=1))
    strong = np.abs(np.fft.rfft(load))[: n // 2] > reached[-2]
    hints = np.unique(n // np.flatnonzero(strong)[np.flatnonzero(strong) >= 2])
    deviation = (load - load.mean()) / load.std()
    correlation = np.fft.ifft(np.abs(np.fft.fft(deviation)) ** 2).real / n
    peaks = [hint for hint in hints.tolist() if is_peak(correlation, hint, min(PEAK_SEARCH, hint // 2))]
    best = max(peaks, key=lambda hint: correlation[hint], default=None)
    return best if best is not None and correlation[best] > 0 else None


def is_peak(values: Floats, at: int, reach: int) -> bool:
    """True where straight lines rise to `at` and fall from it, each over `reach`."""
    before, after = values[max(0, at - reach) : at + 1], values[at : at + reach + 1]
    if min(len(before), len(after)) < 2:
        return False
    return bool(
        np.polyfit(np.arange(len(before)), before, 1)[0] > 0 > np.polyfit(np.arange(len(after)), after, 1)[0]
    )


def error(actual: Floats, predicted: Floats) -> float:
    """The mean of relative errors, a shortfall x amplified to -log(1 - x) / log 1.25.

    Where some of `actual` are near 0: the mean error.
    """
    if actual.min() < 1e-3:
        return float(np.abs(actual - predicted).mean())
    relative = (predicted - actual) / actual
    return float(np.where(relative < 0, -np.log1p(np.minimum(relative, 0)) / np.log(1.25), relative).mean())


def _most_of_window(forecast: Floats) -> Floats:
    """(period,) the most of the forecast from each minute to an hour later, both ends counted."""
    windows = np.lib.stride_tricks.sliding_window_view(np.append(forecast, forecast[:WINDOW]), WINDOW + 1)
    return np.asarray(windows.max(axis=1))


CRANE = Policy(
    about="the HPA's rule and the most that a Fourier forecast of the next hour holds",
    source="gocrane/crane 2b0ddae, DSP and EHPA",
    plan=crane,
    slow=True,
)
