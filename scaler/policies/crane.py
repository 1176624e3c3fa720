"""Crane's EHPA: the HPA's rule, and the maximum of a Fourier forecast of the next hour.

    pods = max(HPA's rule, ceil(int(maximum of the forecast on [now, now + 1 h]) / target value))

gocrane/crane 2b0ddae [crane], pkg/prediction/dsp and pkg/autoscaling.  Every 12 h, on minutes of the last 15
days:

1. The history is cut to whole hours; values outside the percentiles 0.1 and 99.9 become the value before
   them.
2. The period is searched on whole weeks (two or more) or else whole days: among the periods n // k whose
   amplitude exceeds what 99 of 100 permutations reach, the one with the highest peak of the autocorrelation.
   It is a day or a week, or there is none.
3. Eight estimators: from the spectrum, components below an amplitude and faster than one per hour are
   removed; the forecast is the last period of the rest x (1 + margin), and 0.01 where it is not above 0.  The
   estimator in use is the one that would have forecast the last period best: by the mean relative error with
   amplified shortfalls, or by the mean error where the load reaches zero.
4. Without a period, the HPA's rule decides alone.

Interpretation.  None beyond the code, except that the metric is the demand in flight: for an autoscaler on
that metric, Crane's `int` removes a demand below one request.

Differences: those of scaler.policies.hpa.  The permutations are seeded; there are no gaps to fill.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from scaler.policies.floors import DAY_S, HOUR_S, MINUTE_S, floor_plan, mean_concurrency, observed_demand
from scaler.policies.hpa import SYNC_S, simulate_hpa
from scaler.policies.policy import PlanRows, Policy, Series, step_counts

HOUR, DAY, WEEK = 60, 1440, 10080
"""Minutes."""
HISTORY = 15 * DAY + HOUR
"""Minutes of history; this constant and the following ones are those of Crane's code."""
REFIT_S = 12 * HOUR_S
WINDOW = HOUR
"""Minutes of the forecast that the pods cover."""
PERMUTATIONS = 100
"""Random orders of the series whose spectra give the threshold of a period."""
PEAK_SEARCH = 4 * HOUR
"""Minutes at both sides of a period over which the autocorrelation must rise and fall."""
MAX_ITEMS = 100
"""Largest number of spectrum components that an estimator keeps."""
MIN_VALUE = 0.01
"""Forecast in place of a value that is not above 0."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimator:
    """Which components of a spectrum are kept, and the margin above their sum."""

    min_items: int
    low_amplitude: float
    margin: float

    def period(self, values: Floats, period: int) -> Floats:
        """Return the last period (period,) of `values` (n,) without small fast components, plus margin."""
        n = len(values)
        spectrum = np.fft.fft(values)
        amplitudes = np.abs(spectrum) / n
        largest = np.sort(amplitudes[1 : n // 2])[::-1]
        min_amplitude = max(largest[min(MAX_ITEMS, len(largest)) - 1], self.low_amplitude)
        if len(largest) >= self.min_items:
            min_amplitude = min(min_amplitude, largest[self.min_items - 1])
        # Cycles per minute count up through the mirrored half: only slow ones of the first half are kept.
        spectrum[(amplitudes < min_amplitude) & (np.arange(n) / n > 1 / HOUR)] = 0
        last = np.fft.ifft(spectrum).real[-period:]
        return np.where(last <= 0, MIN_VALUE, last) * (1 + self.margin)


ESTIMATORS = tuple(
    Estimator(items, low, margin)
    for (items, low), margin in product(((3, 1.0), (50, 0.05)), (0.01, 0.10, 0.15, 0.20))
)


def crane(series: Series, delay_cost: float) -> PlanRows:  # noqa: ARG001
    """Return the plan of floors."""
    minutes = step_counts(series, MINUTE_S)
    load = mean_concurrency(series, minutes.counts, MINUTE_S)
    at_s = np.arange(SYNC_S, len(series.arrivals) + 1, SYNC_S)
    peak = np.zeros(len(at_s))
    refits = np.arange(2 * DAY_S, len(series.arrivals), REFIT_S) + series.scenario.metrics_delay_seconds
    for refit, refit_s in enumerate(refits):
        known = int(np.searchsorted(minutes.known_s, refit_s, side="right"))
        rng = np.random.default_rng([series.seed, refit])
        forecast = next_period(load[max(0, known - HISTORY) : known], rng)
        syncs = slice(*np.searchsorted(at_s, [refit_s, refit_s + REFIT_S]))
        if forecast is not None:
            peak[syncs] = _max_of_window(forecast)[(at_s[syncs] // MINUTE_S - known) % len(forecast)]
    target_value = series.pod_model.spec.target_value
    forecast_pods = np.ceil(np.trunc(peak) / target_value).astype(np.int64).tolist()
    demand = observed_demand(series, at_s)
    pods = simulate_hpa(demand, target_value, lambda sync, _: forecast_pods[sync])
    return floor_plan(series.pod_model, at_s, pods)


def next_period(load: Floats, rng: np.random.Generator) -> Floats | None:
    """Return the minutes (period,) that follow `load` (n,); None if no period is found."""
    load = without_extremes(load[len(load) % HOUR :])
    period = find_period(load, rng)
    if period not in (DAY, WEEK) or len(load) < 2 * period:
        return None
    load = load[len(load) % period :]
    errors = [
        prediction_error(load[-period:], estimator.period(load[:-period], period)) for estimator in ESTIMATORS
    ]
    return ESTIMATORS[int(np.argmin(errors))].period(load, period)


def without_extremes(load: Floats) -> Floats:
    """Return the load (n,) with each value outside the percentiles 0.1 and 99.9 replaced by the one before.

    The first value is not replaced; of several extremes in a row, each becomes the last value inside.
    """
    low, high = np.percentile(load, [0.1, 99.9])
    kept = (load >= low) & (load <= high)
    kept[0] = True
    return load[np.maximum.accumulate(np.where(kept, np.arange(len(load)), 0))]


def find_period(load: Floats, rng: np.random.Generator) -> int | None:
    """Return the period of the load (n,) in minutes, on whole weeks or else days; None if there is none."""
    unit = WEEK if len(load) >= 2 * WEEK else DAY
    load = load[len(load) % unit :]
    n = len(load)
    if n < 2 * unit or load.min() == load.max():
        return None
    permuted = np.stack([rng.permutation(load) for _ in range(PERMUTATIONS)])
    largest = np.sort(np.abs(np.fft.rfft(permuted, axis=1))[:, 1 : n // 2].max(axis=1))
    strong = np.abs(np.fft.rfft(load))[: n // 2] > largest[-2]
    hints = np.unique(n // np.flatnonzero(strong)[np.flatnonzero(strong) >= 2])
    deviation = (load - load.mean()) / load.std()
    correlation = np.fft.ifft(np.abs(np.fft.fft(deviation)) ** 2).real / n
    peaks = [hint for hint in hints.tolist() if is_peak(correlation, hint, min(PEAK_SEARCH, hint // 2))]
    best = max(peaks, key=lambda hint: correlation[hint], default=None)
    return best if best is not None and correlation[best] > 0 else None


def is_peak(values: Floats, index: int, reach: int) -> bool:
    """Return True if straight lines over `reach` values rise up to `index` and fall after it."""
    left, right = values[max(0, index - reach) : index + 1], values[index : index + reach + 1]
    if min(len(left), len(right)) < 2:
        return False
    return bool(
        np.polyfit(np.arange(len(left)), left, 1)[0] > 0 > np.polyfit(np.arange(len(right)), right, 1)[0]
    )


def prediction_error(actual: Floats, predicted: Floats) -> float:
    """Return the mean relative error, a shortfall x amplified to -log(1 - x) / log 1.25.

    Where some of `actual` is near 0: the mean absolute error.
    """
    if actual.min() < 1e-3:
        return float(np.abs(actual - predicted).mean())
    relative = (predicted - actual) / actual
    return float(np.where(relative < 0, -np.log1p(np.minimum(relative, 0)) / np.log(1.25), relative).mean())


def _max_of_window(forecast: Floats) -> Floats:
    """Return the maximum (period,) of the forecast from each minute to one hour later, both inclusive."""
    windows = np.lib.stride_tricks.sliding_window_view(np.append(forecast, forecast[:WINDOW]), WINDOW + 1)
    return np.asarray(windows.max(axis=1))


CRANE = Policy(
    description="the HPA's rule and the maximum of a Fourier forecast of the next hour",
    source="gocrane/crane 2b0ddae, DSP and EHPA",
    plan=crane,
    slow=True,
)
