"""The forecasters that FeMux chooses from: each says the concurrency of every minute from those before it.

    AR(10)       least squares with a constant, over 120 minutes
    FFT          a straight line and the ten slowest harmonics of 60 minutes, gone on
    Markov       states (change, minutes alike, value, direction of the last change) of 120 minutes: what
    followed
                 the state most like the present one, drawn by lot where it was there more than once
    keep-alive   the most of the last 5, or 10, minutes

ubc-cirrus-lab/femux 06a293a, code/forecasting: forecasting_sim.py, forecasters/markov_chain.py,
forecasters/Forecaster_IceBreaker.py.  All of 120 minutes alike: as they are.  Below 0 it is 0; above 3000 no
more than 500 over the last minute (there over the very minute that is forecast).

What differs here: the chain is of the last 120 minutes, where FeMux' is begun on the first ones and grows;
the harmonics are not rounded to whole containers.
"""

import numpy as np
from numpy.typing import NDArray

WINDOW = 120
FFT_WINDOW, HARMONICS = 60, 10
LAGS = 10
SOFT_LIMIT, INCREMENT = 3000.0, 500.0
CHUNK = 2048
"""Minutes that are forecast at once, for the sake of memory."""

Floats = NDArray[np.float64]


def forecasts(concurrency: Floats, seed: int) -> Floats:
    """(5, n + 1) what each member says of minute i from the minutes before i; 0 before minute WINDOW.

    concurrency   (n,) of each minute
    seed          of the lots
    """
    n = len(concurrency)
    said = np.zeros((5, n + 1))
    if n < WINDOW:
        return said
    windows = np.lib.stride_tricks.sliding_window_view(concurrency, WINDOW)  # of minute WINDOW + its place
    lots = np.random.default_rng(seed).random(len(windows))
    states = chain_states(concurrency)
    for begin in range(0, len(windows), CHUNK):
        some = windows[begin : begin + CHUNK]
        to = slice(WINDOW + begin, WINDOW + begin + len(some))
        said[0, to] = autoregression(some)
        said[1, to] = (some[:, -FFT_WINDOW:] * HARMONICS_WEIGHTS).sum(axis=1)
        of_windows = np.lib.stride_tricks.sliding_window_view(states, WINDOW, axis=0)[begin : begin + CHUNK]
        said[2, to] = chain(of_windows, lots[begin : begin + CHUNK])
        said[3, to] = some[:, -5:].max(axis=1)
        said[4, to] = some[:, -10:].max(axis=1)
        alike = some.max(axis=1) - some.min(axis=1) <= 1e-9
        said[:, to] = np.where(alike, some[:, -1], said[:, to])
    last = np.append(0.0, concurrency)
    limit = np.maximum(last + INCREMENT, SOFT_LIMIT)
    return np.minimum(said, limit).clip(0)


def autoregression(windows: Floats) -> Floats:
    """(c,) the value after each window (c, WINDOW), by least squares on LAGS values and a constant."""
    lagged = np.lib.stride_tricks.sliding_window_view(windows, LAGS + 1, axis=1)
    design = np.concatenate([np.ones((*lagged.shape[:2], 1)), lagged[..., :-1]], axis=2)
    gram = np.swapaxes(design, 1, 2) @ design
    moments = np.swapaxes(design, 1, 2) @ lagged[..., -1:]
    weights = (np.linalg.pinv(gram, rcond=1e-12, hermitian=True) @ moments)[..., 0]
    return np.asarray(weights[:, 0] + (weights[:, 1:] * windows[:, -LAGS:]).sum(axis=1))


def harmonics(values: Floats) -> float:
    """The value after `values` (n,): its straight line and slowest harmonics (IceBreaker's extrapolation)."""
    n = len(values)
    steps = np.arange(n)
    slope = np.polyfit(steps, values, 1)[0]
    spectrum, frequencies = np.fft.fft(values - slope * steps), np.fft.fftfreq(n)
    slowest = np.argsort(np.abs(frequencies), kind="stable")[: 1 + 2 * HARMONICS]
    # At step n each harmonic is where it was at step 0.
    return float(spectrum[slowest].sum().real / n + slope * n)


# It is linear in the values: what each of them weighs is what it says of that one alone.
HARMONICS_WEIGHTS = np.array([harmonics(alone) for alone in np.eye(FFT_WINDOW)])


def chain_states(concurrency: Floats) -> Floats:
    """(n, 4) change, minutes alike (at most WINDOW), value, and direction of the last change; rounded."""
    value = np.where(concurrency < 1, np.round(concurrency, 7), np.round(concurrency, 2))
    change = np.diff(value, prepend=value[:1])
    minutes = np.arange(len(value))
    changed = np.maximum.accumulate(np.where(change != 0, minutes, 0))
    alike = np.minimum(minutes - changed + 1, WINDOW)
    return np.stack([change, alike, value, np.sign(change[changed])], axis=1)


def chain(windows: Floats, lots: Floats) -> Floats:
    """(c,) the value that follows, for windows (c, 4, WINDOW) of states, and lots (c,) in [0, 1)."""
    distance = ((windows[:, :, :-1] - windows[:, :, -1:]) ** 2).sum(axis=1)
    # Of the window's first state the change is from a minute outside it.
    distance[:, 0] = np.inf
    nearest = distance == distance.min(axis=1, keepdims=True)
    drawn = np.floor(lots * nearest.sum(axis=1)) + 1
    place = (nearest.cumsum(axis=1) == drawn[:, np.newaxis]).argmax(axis=1)
    return np.asarray(windows[np.arange(len(windows)), 2, place + 1])
