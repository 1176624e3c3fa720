"""Counts of steps become arrivals of seconds: no request is lost, and a seed is reproducible."""

import numpy as np
import pytest

from scaler.simulation.traffic import arrivals_by_second, observed_span, series_rng, superpose

MINUTES = np.random.default_rng(1).poisson(90, 240).astype(np.float32)


def test_steps_of_one_second_are_unchanged() -> None:
    counts = np.array([0.0, 2.0, 0.5, np.nan, 7.0], np.float32)
    np.testing.assert_array_equal(arrivals_by_second(counts, 1, series_rng(7, "a")), [0, 2, 0.5, 0, 7])


@pytest.mark.parametrize("step_s", [10, 60, 300, 3600])
@pytest.mark.parametrize("dispersion", [1.0, 3.0, 500.0])
def test_thinning_keeps_the_requests_of_each_step(step_s: int, dispersion: float) -> None:
    counts = np.append(MINUTES[:40], [0, 0, 1, np.nan]).astype(np.float32)
    got = arrivals_by_second(counts, step_s, series_rng(7, "a"), dispersion=dispersion)
    np.testing.assert_array_equal(got.reshape(-1, step_s).sum(axis=1), np.nan_to_num(counts))
    np.testing.assert_array_equal(got, np.rint(got))


@pytest.mark.parametrize("scale_to", [None, 1.0, 40.0])
def test_same_seed_gives_same_bytes_and_different_seed_does_not(scale_to: float | None) -> None:
    def bytes_of(seed: int, series: str = "a") -> bytes:
        return arrivals_by_second(MINUTES, 60, series_rng(seed, series), scale_to=scale_to).tobytes()

    assert bytes_of(7) == bytes_of(7)
    assert bytes_of(7) != bytes_of(8)
    assert bytes_of(7) != bytes_of(7, "b")


@pytest.mark.parametrize(
    ("step_s", "scale_to"),
    [
        pytest.param(1, 60.0, id="seconds, less"),
        pytest.param(1, 400.0, id="seconds, copied"),
        pytest.param(60, 0.4, id="minutes, less"),
        pytest.param(60, 2.5, id="minutes, below two copies"),
        pytest.param(60, 4.0, id="minutes, two copies and a part"),
        pytest.param(60, 40.0, id="minutes, many copies"),
        pytest.param(300, 20.0, id="longer steps, multiplied"),
    ],
)
@pytest.mark.parametrize("dispersion", [1.0, 4.0])
def test_scaled_traffic_has_the_requested_mean(step_s: int, scale_to: float, dispersion: float) -> None:
    got = arrivals_by_second(MINUTES, step_s, series_rng(7, "a"), scale_to=scale_to, dispersion=dispersion)
    assert len(got) == len(MINUTES) * step_s
    assert got.mean() == pytest.approx(scale_to, rel=0.02)


def test_unobserved_steps_do_not_count_towards_the_mean() -> None:
    counts = np.concatenate([MINUTES, np.full(240, np.nan)]).astype(np.float32)
    got = arrivals_by_second(counts, 60, series_rng(7, "a"), scale_to=1.0)
    assert got[: 240 * 60].mean() == pytest.approx(1.0, rel=0.02)
    assert got[240 * 60 :].sum() == 0


def test_traffic_without_requests_stays_without() -> None:
    assert arrivals_by_second(np.zeros(20, np.float32), 60, series_rng(7, "a"), scale_to=40.0).sum() == 0
    assert arrivals_by_second(np.zeros(4, np.float32), 600, series_rng(7, "a"), scale_to=40.0).sum() == 0


def test_superposed_copies_lose_no_request_and_move_within_a_minute() -> None:
    requests = np.zeros(1000, np.int64)
    requests[500], requests[0], requests[999] = 100, 10, 10
    got = superpose(requests, 30, series_rng(7, "a"))
    assert got.sum() == 120 * 30
    assert np.flatnonzero(got[100:900]).min() + 100 == 440
    assert np.flatnonzero(got[100:900]).max() + 100 == 560
    # Each of 121 seconds is equally likely; a request moved before the first second is mirrored.
    assert got[440:561].std() == pytest.approx(np.sqrt(3000 / 121), rel=0.25)
    assert got[:60].sum() > 290


def test_superposed_copies_stay_inside_traffic_shorter_than_a_move() -> None:
    assert superpose(np.full(10, 3), 5, series_rng(7, "a")).sum() == 150


def test_many_copies_have_poisson_noise_not_multiplied_noise() -> None:
    got = arrivals_by_second(np.full(600, 60, np.float32), 60, series_rng(7, "a"), scale_to=50.0)
    assert got.var() / got.mean() == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("scale_to", [None, 50.0])
@pytest.mark.parametrize("dispersion", [1.0, 2.0, 5.0])
def test_dispersion_is_the_variance_over_mean_of_seconds(scale_to: float | None, dispersion: float) -> None:
    counts = np.full(600, 600, np.float32)
    got = arrivals_by_second(counts, 60, series_rng(7, "a"), scale_to=scale_to, dispersion=dispersion)
    assert got.var() / got.mean() == pytest.approx(dispersion, rel=0.1)


def test_long_steps_have_a_linear_rate() -> None:
    counts = np.array([1e6, 3e6, 1e6], np.float32)
    got = arrivals_by_second(counts, 600, series_rng(7, "a"))
    assert got[600:660].mean() < got[890:910].mean() * 0.85
    assert got[540:600].mean() > got[:60].mean() * 1.3


def test_long_steps_ignore_unobserved_neighbours() -> None:
    counts = np.array([1e6, 1e6, np.nan, 1e6], np.float32)
    got = arrivals_by_second(counts, 600, series_rng(7, "a"))
    assert got[1100:1200].mean() == pytest.approx(got[700:800].mean(), rel=0.02)


def test_unobserved_steps_at_both_ends_are_removed() -> None:
    counts = np.array([np.nan, 0, np.nan, 4, np.nan], np.float32)
    np.testing.assert_array_equal(observed_span(counts), [0, np.nan, 4])
    assert len(observed_span(np.full(3, np.nan, np.float32))) == 0
