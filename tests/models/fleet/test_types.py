"""The value types of a fleet reject values that contradict their documentation."""

import numpy as np
import pytest

from models.fleet.forecast import FleetForecast
from models.fleet.history import FleetHistory
from models.fleet.keys import RevisionKey, ServiceKey
from models.fleet.rows import align_rows, previous_rows

KEYS = (ServiceKey("a", "x"), ServiceKey("a", "y"))


def forecast(values: np.ndarray) -> FleetForecast:
    return FleetForecast(
        KEYS, np.array([0.5, 0.9]), values.astype(np.float32), 0, 30, np.ones(2, bool),
        point_rates=values[:, :, 0], point_weights=np.full((2, 2), 0.5, np.float32),
        event_prob=np.zeros(2, np.float32), intermittent=np.zeros(2, bool),
    )  # fmt: skip


def test_keys_print_as_kubernetes_names() -> None:
    assert str(KEYS[0]) == "a/x"
    assert str(RevisionKey("a", "x-00001")) == "a/x-00001"


@pytest.mark.parametrize("series", ["shop/cart", "cart", "a/b/c", ""])
def test_service_key_of_a_series_has_the_name_of_the_series(series: str) -> None:
    assert ServiceKey.from_series(series).series == series
    assert str(ServiceKey.from_series("cart")) == "/cart"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.zeros((2, 3, 4)), r"\(2, 3, 4\): must be \(services, levels, steps\)"),
        (np.full((2, 2, 4), np.nan), "finite"),
        (np.full((2, 2, 4), -1.0), "not negative"),
        (np.stack([np.ones((2, 4)), np.zeros((2, 4))], axis=1), "cross"),
    ],
)
def test_a_forecast_with_a_wrong_shape_or_value_is_rejected(values: np.ndarray, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        forecast(values)


def test_peak_is_the_maximum_over_overlapping_steps() -> None:
    values = np.tile(np.array([1.0, 5.0, 2.0, 9.0]), (2, 2, 1))
    assert forecast(values).peak(31, 61)[0, 0] == 5.0
    assert forecast(values).peak(59, 91)[1, 1] == 9.0
    with pytest.raises(ValueError, match="end_s 121: the forecast ends before"):
        forecast(values).peak(0, 121)


@pytest.mark.parametrize(
    ("arrivals", "start_s", "service_time_s", "problem"),
    [
        (np.zeros((3, 4)), 0, np.zeros(2), "arrivals"),
        (np.zeros((2, 4)), 7, np.zeros(2), "start_s 7"),
        (np.zeros((2, 4)), 0, np.zeros(5), "service_time_s"),
    ],
)
def test_a_history_that_does_not_fit_keys_or_grid_is_rejected(
    arrivals: np.ndarray, start_s: int, service_time_s: np.ndarray, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        FleetHistory(KEYS, arrivals.astype(np.float32), start_s, 30, service_time_s)


def test_rows_of_remaining_services_keep_their_values() -> None:
    rows = previous_rows(["a", "b"], ["b", "c"])
    assert rows.tolist() == [1, -1]
    values = np.array([[1.0], [2.0]], np.float32)
    np.testing.assert_equal(align_rows(values, rows), np.array([[2.0], [np.nan]], np.float32))
    fresh = np.array([[7.0], [8.0]], np.float32)
    assert align_rows((values,), rows, (fresh,))[0].tolist() == [[2.0], [8.0]]
