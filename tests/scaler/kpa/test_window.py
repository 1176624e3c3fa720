"""Windows whose length is changed; averages themselves are in the golden files."""

from hypothesis import given
from hypothesis import strategies as st

from scaler.kpa.window import Window, empty_window, is_empty, linear_average, record, resize


def filled(seconds: int, values: list[float]) -> Window:
    window = empty_window(seconds)
    for t, value in enumerate(values):
        window = record(window, t, value)
    return window


def test_a_shorter_window_keeps_the_newest_seconds() -> None:
    window = resize(filled(10, [9.0] * 6 + [1.0, 2.0, 3.0]), 3, 8.0)
    assert linear_average(window, 8.0) == 2.0


def test_a_longer_window_that_was_full_is_divided_by_what_it_holds() -> None:
    window = resize(filled(4, [2.0] * 9), 8, 8.0)
    # Four seconds are kept, and the window counts from the first of them.
    assert linear_average(window, 8.0) == 2.0
    assert linear_average(record(window, 9, 12.0), 9.0) == 4.0


def test_a_partly_filled_window_counts_as_full_from_then_on() -> None:
    window = filled(10, [6.0, 6.0])
    assert linear_average(window, 1.0) == 6.0
    # It counts from ten seconds before its last write: twelve over ten, and over five where only five fit.
    assert linear_average(resize(window, 20, 1.0), 1.0) == 1.2
    assert linear_average(resize(window, 5, 1.0), 1.0) == 2.4


def test_the_same_length_changes_nothing() -> None:
    window = filled(10, [6.0, 6.0])
    assert resize(window, 10, 1.0) is window


def test_a_window_without_data_is_empty_at_any_length() -> None:
    window = resize(filled(10, [6.0]), 60, 40.0)
    assert linear_average(window, 40.0) == 0.0
    # The last write is still known: within the longer window there is data again, of zeros.
    assert not is_empty(window, 40.0)
    assert linear_average(record(window, 40, 5.0), 40.0) == 5.0
    assert is_empty(resize(empty_window(5), 60, 0.0), 0.0)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1e6)), max_size=40),
    st.integers(1, 20),
    st.integers(0, 60),
)
def test_an_average_is_within_what_was_recorded(
    writes: list[tuple[int, float]], seconds: int, now: int
) -> None:
    window, sums = empty_window(seconds), dict[int, float]()
    for t, value in writes:
        window = record(window, t, value)
        sums[t] = sums.get(t, 0.0) + value
    assert -1e-6 <= linear_average(window, now) <= max(sums.values(), default=0.0) + 1e-3
