"""FeMux: its forecasters, features, cost, and selection of a forecaster."""

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.tsa.ar_model import AutoReg

from config.scenario import SCENARIOS
from scaler.policies import femux
from scaler.policies.femux_members import (
    autoregression,
    extrapolate_harmonics,
    forecasts,
    markov_chain,
    markov_states,
)
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.score import COLD_S, GB_S_PER_COLD_S

SPARSE = SCENARIOS["sparse"]


def load(n: int, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).gamma(2.0, 1.0, n)


def test_autoregression_equals_that_of_statsmodels() -> None:
    windows = np.stack([load(120, seed) for seed in range(3)])
    want = [AutoReg(window, lags=10, trend="c").fit().predict(120, 120)[0] for window in windows]
    assert autoregression(windows) == pytest.approx(want, rel=1e-6)


def test_extrapolation_continues_line_and_wave() -> None:
    minutes = np.arange(60)
    assert extrapolate_harmonics(np.full(60, 4.0)) == pytest.approx(4.0)
    assert extrapolate_harmonics(5 + 3 * np.cos(2 * np.pi * minutes / 20)) == pytest.approx(8.0, abs=0.3)
    # By definition: the mean without the line, ten pairs of harmonics, and the line after an hour.
    values = load(60)
    slope = np.polyfit(minutes, values, 1)[0]
    level = values - slope * minutes
    waves = [np.exp(2j * np.pi * n * minutes / 60) for n in range(-10, 11)]
    assert extrapolate_harmonics(values) == pytest.approx(
        60 * slope + sum(np.vdot(wave, level).real for wave in waves) / 60
    )


def test_markov_chain_gives_the_value_after_the_nearest_state() -> None:
    values = np.array([0.0, 1, 2, 3] * 30)
    states = markov_states(values)
    windows = np.lib.stride_tricks.sliding_window_view(states, 120, axis=0)
    assert markov_chain(windows, np.array([0.0])).tolist() == [0.0]
    assert markov_chain(windows, np.array([0.999])).tolist() == [0.0]
    # After 0 follow 1 and 5 alternately, and the state is the same: the random number decides.
    values = np.array([0.0, 1, 0, 5] * 30)[:119]
    values = np.append(values[1:], [5.0, 0.0])[-120:]
    windows = np.lib.stride_tricks.sliding_window_view(markov_states(values), 120, axis=0)
    assert {float(markov_chain(windows, np.array([uniform]))[0]) for uniform in (0.0, 0.3, 0.6, 0.99)} <= {
        1.0,
        5.0,
    }


def test_markov_states_are_change_minutes_alike_value_and_direction() -> None:
    states = markov_states(np.array([2.0, 2.0, 3.0, 3.0, 3.0, 1.0]))
    assert states.tolist() == [
        [0, 1, 2, 0],
        [0, 2, 2, 0],
        [1, 1, 3, 1],
        [0, 2, 3, 1],
        [0, 3, 3, 1],
        [-2, 1, 1, -1],
    ]


def test_keep_alive_is_a_maximum_and_constant_load_is_repeated() -> None:
    values = load(200)
    forecast = forecasts(values, 7)
    assert forecast.shape == (5, 201)
    assert forecast[3, 150] == values[145:150].max()
    assert forecast[4, 200] == values[190:200].max()
    assert (forecast[:, :120] == 0).all()
    assert (forecasts(np.full(130, 3.0), 7)[:, 120:] == 3.0).all()


def test_features_of_a_block() -> None:
    minutes = np.arange(504)
    assert femux.features(np.full(504, 2.0)) == (2.0, 1.0, 1.0, 0.0)
    waves = 5 + np.sin(2 * np.pi * minutes / 12) + np.sin(2 * np.pi * minutes / 8)
    density, _, _, n_harmonics = femux.features(waves)
    assert density == pytest.approx(5.0)
    assert n_harmonics == 2.0
    walk = 50 + np.cumsum(np.random.default_rng(1).normal(0, 1, 504))
    assert femux.features(np.abs(walk))[1] == 0.0
    assert femux.features(load(504))[1] == 1.0


def test_rum_of_a_minute() -> None:
    pods, needed = np.array([[0.0, 3.0]]), np.array([2.0, 1.0])
    requests, used_pod_s = np.array([4.0, 4.0]), np.array([45.0, 60.0])
    got = femux.rum_by_minute(pods, needed, requests, used_pod_s, 0.5)
    # Two cold starts at 7.5 s and 22.5 s, held to the end of the minute: 90 pod-seconds, 45 used.
    cold = 2 * COLD_S + 45 * 0.5 / GB_S_PER_COLD_S
    # Three pods for the minute, of which one is used.
    waste = 120 * 0.5 / GB_S_PER_COLD_S
    assert got.tolist() == [[pytest.approx(cold), pytest.approx(waste)]]


def test_near_points_are_in_the_same_cluster() -> None:
    points = np.array([[0.0, 0], [0.1, 0], [5, 5], [5.1, 5], [0, 0.1]])
    cluster = femux.nearest(points, femux.k_means(points, 2))
    assert cluster[0] == cluster[1] == cluster[4] != cluster[2] == cluster[3]


def test_block_has_the_cheapest_member_after_blocks_like_the_previous_one() -> None:
    # Quiet and busy blocks alternate: in quiet ones, which follow busy ones, member 1 is cheaper.
    blocks = [load(504, seed) * (10 if seed % 2 else 1) for seed in range(24)]
    values = np.concatenate(blocks)
    costs = np.ones((5, len(values)))
    for block in range(24):
        costs[0 if block % 2 else 1, block * 504 : (block + 1) * 504] = 0.1
    members = femux.select_members(values, costs)
    assert members[:3].tolist() == [4, 4, 4]
    assert members[-6:].tolist() == [0, 1, 0, 1, 0, 1]


def test_first_minutes_have_a_keep_alive_of_ten_minutes() -> None:
    arrivals = np.zeros(3600, np.float32)
    arrivals[605] = 1
    rows = femux.FEMUX.plan(Series("s", 0, arrivals, SPARSE, pod_model_of(SPARSE)), 10.0)
    # Minute 10 is known at 690 s; the floor holds for ten minutes.
    assert list(zip(rows["at_s"].tolist(), rows["floor"].tolist(), strict=True)) == [(690, 1), (1290, 0)]
