"""The forecasters of FeMux: each forecasts the concurrency of every minute from the minutes before it.

    AR(10)       least squares with a constant, over 120 minutes
    FFT          a straight line and the ten slowest harmonics of 60 minutes, extrapolated
    Markov       states (change, minutes alike, value, direction of the last change) of 120 minutes; the
                 forecast is the value that followed the state most like the current one, or a random one of
                 these where several states are equally near
    keep-alive   maximum of the last 5, or 10, minutes

ubc-cirrus-lab/femux 06a293a [nasiri2026], code/forecasting: forecasting_sim.py, forecasters/markov_chain.py,
forecasters/Forecaster_IceBreaker.py.  If all 120 minutes are alike, the forecast is their value.  A forecast
below 0 is 0; above 3000 it grows by at most 500 over the last minute (in FeMux over the minute that is
forecast).

Differences: the chain covers the last 120 minutes, while that of FeMux starts with the first ones and grows;
the harmonics are not rounded to whole containers.
"""

import numpy as np
from numpy.typing import NDArray

WINDOW = 120
"""Minutes before the forecast that the members use."""
FFT_WINDOW, HARMONICS = 60, 10
"""Minutes and harmonics of the member FFT."""
LAGS = 10
"""Order of the autoregression."""
SOFT_LIMIT, INCREMENT = 3000.0, 500.0
"""Concurrency above which a forecast exceeds the last minute by at most INCREMENT."""
CHUNK = 2048
"""Minutes that are forecast together, to bound memory.  Chosen by hand."""

Floats = NDArray[np.float64]


def forecasts(concurrency: Floats, seed: int) -> Floats:
    """Return the forecast (5, n + 1) of each minute by each member, from the minutes before it.

    It is 0 before minute WINDOW.

    concurrency   (n,) mean requests in flight of each minute
    seed          seed of the random choices of the Markov chain
    """
    n = len(concurrency)
    forecast = np.zeros((5, n + 1))
    if n < WINDOW:
        return forecast
    # Window i holds the minutes before minute WINDOW + i.
    windows = np.lib.stride_tricks.sliding_window_view(concurrency, WINDOW)
    uniform = np.random.default_rng(seed).random(len(windows))
    states = np.lib.stride_tricks.sliding_window_view(markov_states(concurrency), WINDOW, axis=0)
    for first in range(0, len(windows), CHUNK):
        chunk = windows[first : first + CHUNK]
        minutes = slice(WINDOW + first, WINDOW + first + len(chunk))
        forecast[0, minutes] = autoregression(chunk)
        forecast[1, minutes] = (chunk[:, -FFT_WINDOW:] * HARMONICS_WEIGHTS).sum(axis=1)
        forecast[2, minutes] = markov_chain(states[first : first + CHUNK], uniform[first : first + CHUNK])
        forecast[3, minutes] = chunk[:, -5:].max(axis=1)
        forecast[4, minutes] = chunk[:, -10:].max(axis=1)
        alike = chunk.max(axis=1) - chunk.min(axis=1) <= 1e-9
        forecast[:, minutes] = np.where(alike, chunk[:, -1], forecast[:, minutes])
    last = np.append(0.0, concurrency)
    limit = np.maximum(last + INCREMENT, SOFT_LIMIT)
    return np.minimum(forecast, limit).clip(0)


def autoregression(windows: Floats) -> Floats:
    """Return the value (c,) after each window (c, WINDOW), by least squares on LAGS values and a constant."""
    lagged = np.lib.stride_tricks.sliding_window_view(windows, LAGS + 1, axis=1)
    design = np.concatenate([np.ones((*lagged.shape[:2], 1)), lagged[..., :-1]], axis=2)
    gram = np.swapaxes(design, 1, 2) @ design
    moments = np.swapaxes(design, 1, 2) @ lagged[..., -1:]
    weights = (np.linalg.pinv(gram, rcond=1e-12, hermitian=True) @ moments)[..., 0]
    return np.asarray(weights[:, 0] + (weights[:, 1:] * windows[:, -LAGS:]).sum(axis=1))


def extrapolate_harmonics(values: Floats) -> float:
    """Return the value after `values` (n,): straight line and slowest harmonics, as in IceBreaker."""
    n = len(values)
    steps = np.arange(n)
    slope = np.polyfit(steps, values, 1)[0]
    spectrum, frequencies = np.fft.fft(values - slope * steps), np.fft.fftfreq(n)
    slowest = np.argsort(np.abs(frequencies), kind="stable")[: 1 + 2 * HARMONICS]
    # At step n each harmonic has the same phase as at step 0.
    return float(spectrum[slowest].sum().real / n + slope * n)


# The extrapolation is linear in the values: the weight of each is the extrapolation of that value alone.
HARMONICS_WEIGHTS = np.array([extrapolate_harmonics(unit) for unit in np.eye(FFT_WINDOW)])


def markov_states(concurrency: Floats) -> Floats:
    """Return (n, 4) change, minutes alike (up to WINDOW), value and direction of the last change, rounded."""
    value = np.where(concurrency < 1, np.round(concurrency, 7), np.round(concurrency, 2))
    change = np.diff(value, prepend=value[:1])
    minutes = np.arange(len(value))
    changed = np.maximum.accumulate(np.where(change != 0, minutes, 0))
    alike = np.minimum(minutes - changed + 1, WINDOW)
    return np.stack([change, alike, value, np.sign(change[changed])], axis=1)


def markov_chain(windows: Floats, uniform: Floats) -> Floats:
    """Return the value (c,) that follows, for windows (c, 4, WINDOW) of states.

    uniform   (c,) random numbers in [0, 1), which choose among equally near states
    """
    distance = ((windows[:, :, :-1] - windows[:, :, -1:]) ** 2).sum(axis=1)
    # The change of the window's first state is from a minute outside the window.
    distance[:, 0] = np.inf
    nearest = distance == distance.min(axis=1, keepdims=True)
    choice = np.floor(uniform * nearest.sum(axis=1)) + 1
    index = (nearest.cumsum(axis=1) == choice[:, np.newaxis]).argmax(axis=1)
    return np.asarray(windows[np.arange(len(windows)), 2, index + 1])
