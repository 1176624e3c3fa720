"""The types between the rooms refuse what must not pass."""

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
        rates=values[:, :, 0], weights=np.full((2, 2), 0.5, np.float32), chances=np.zeros(2, np.float32),
        sparse=np.zeros(2, bool),
    )  # fmt: skip


def test_keys_print_as_kubernetes_names() -> None:
    assert str(KEYS[0]) == "a/x"
    assert str(RevisionKey("a", "x-00001")) == "a/x-00001"


@pytest.mark.parametrize("series", ["shop/cart", "cart", "a/b/c", ""])
def test_a_service_is_called_as_its_series_is(series: str) -> None:
    assert ServiceKey.of_series(series).series == series
    assert str(ServiceKey.of_series("cart")) == "/cart"


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (np.zeros((2, 3, 4)), "do not fit"),
        (np.full((2, 2, 4), np.nan), "finite"),
        (np.full((2, 2, 4), -1.0), "not negative"),
        (np.stack([np.ones((2, 4)), np.zeros((2, 4))], axis=1), "cross"),
    ],
)
def test_a_forecast_is_finite_ordered_and_of_the_right_shape(values: np.ndarray, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        forecast(values)


def test_the_peak_is_over_the_steps_that_overlap() -> None:
    values = np.tile(np.array([1.0, 5.0, 2.0, 9.0]), (2, 2, 1))
    assert forecast(values).peak(31, 61)[0, 0] == 5.0
    assert forecast(values).peak(59, 91)[1, 1] == 9.0
    with pytest.raises(ValueError, match="ends before"):
        forecast(values).peak(0, 121)


@pytest.mark.parametrize(
    ("arrivals", "start_s", "served"),
    [
        (np.zeros((3, 4)), 0, np.zeros(2)),
        (np.zeros((2, 4)), 7, np.zeros(2)),
        (np.zeros((2, 4)), 0, np.zeros(5)),
    ],
)
def test_a_history_fits_its_keys_and_its_grid(arrivals: np.ndarray, start_s: int, served: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"fit|grid|service times"):
        FleetHistory(KEYS, arrivals.astype(np.float32), start_s, 30, served)


def test_rows_of_services_that_stay_are_carried_over() -> None:
    rows = previous_rows(["a", "b"], ["b", "c"])
    assert rows.tolist() == [1, -1]
    values = np.array([[1.0], [2.0]], np.float32)
    np.testing.assert_equal(align_rows(values, rows), np.array([[2.0], [np.nan]], np.float32))
    fresh = np.array([[7.0], [8.0]], np.float32)
    assert align_rows((values,), rows, (fresh,))[0].tolist() == [[2.0], [8.0]]
