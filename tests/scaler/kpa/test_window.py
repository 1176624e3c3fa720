"""Windows whose length changes; the golden files test the averages."""

from hypothesis import given
from hypothesis import strategies as st

from scaler.kpa.window import Window, empty_window, is_empty, linear_average, record, resize


def filled(seconds: int, values: list[float]) -> Window:
    window = empty_window(seconds)
    for t, value in enumerate(values):
        window = record(window, t, value)
    return window


def test_shorter_window_keeps_the_newest_seconds() -> None:
    window = resize(filled(10, [9.0] * 6 + [1.0, 2.0, 3.0]), 3, 8.0)
    assert linear_average(window, 8.0) == 2.0


def test_longer_window_is_averaged_over_the_kept_seconds() -> None:
    window = resize(filled(4, [2.0] * 9), 8, 8.0)
    # Four seconds are kept, and the window counts from the first of them.
    assert linear_average(window, 8.0) == 2.0
    assert linear_average(record(window, 9, 12.0), 9.0) == 4.0


def test_partly_filled_window_counts_as_full_after_a_resize() -> None:
    window = filled(10, [6.0, 6.0])
    assert linear_average(window, 1.0) == 6.0
    # The window counts from ten seconds before its last write: 12 over 10, and over 5 where only 5 fit.
    assert linear_average(resize(window, 20, 1.0), 1.0) == 1.2
    assert linear_average(resize(window, 5, 1.0), 1.0) == 2.4


def test_resize_to_the_same_length_changes_nothing() -> None:
    window = filled(10, [6.0, 6.0])
    assert resize(window, 10, 1.0) is window


def test_window_without_data_is_empty_at_any_length() -> None:
    window = resize(filled(10, [6.0]), 60, 40.0)
    assert linear_average(window, 40.0) == 0.0
    # The last write is kept: within the longer window there is data, of zeros.
    assert not is_empty(window, 40.0)
    assert linear_average(record(window, 40, 5.0), 40.0) == 5.0
    assert is_empty(resize(empty_window(5), 60, 0.0), 0.0)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1e6)), max_size=40),
    st.integers(1, 20),
    st.integers(0, 60),
)
def test_average_is_within_the_recorded_values(
    writes: list[tuple[int, float]], seconds: int, now_s: int
) -> None:
    window, sums = empty_window(seconds), dict[int, float]()
    for t, value in writes:
        window = record(window, t, value)
        sums[t] = sums.get(t, 0.0) + value
    assert -1e-6 <= linear_average(window, now_s) <= max(sums.values(), default=0.0) + 1e-3
