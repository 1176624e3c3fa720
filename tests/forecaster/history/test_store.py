"""The two grids: they contain what was appended, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.history.service_demand import ServiceDemand
from forecaster.history.store import Grids, RingBuffer
from models.fleet.keys import ServiceKey

KEYS = (ServiceKey("a", "x"), ServiceKey("a", "y"))
NAN = float("nan")


def demand(arrivals: list[list[float]], *, start_s: int = 0, step_s: int = 30) -> ServiceDemand:
    values = np.array(arrivals, np.float32)
    return ServiceDemand(KEYS, values, 0.5 * values, start_s, step_s)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=30),
    st.integers(4, 20),
)
def test_ring_buffer_has_newest_steps_of_everything_appended(
    chunks: list[tuple[int, int]], columns: int
) -> None:
    """Compared with a plain list, after chunks of any length with gaps between them."""
    ring = RingBuffer(KEYS[:1], columns, 30, 0)
    plain: list[float] = []
    count = 0
    for gap, length in chunks:
        plain += [NAN] * gap
        start_s = 30 * len(plain)
        values = [float(count + j) for j in range(length)]
        plain += values
        count += length
        ring.append(np.array([values], np.float32), start_s)
    assert ring.end_s == 30 * len(plain)
    filled = min(columns, len(plain))
    np.testing.assert_equal(ring.newest(filled)[0], np.array(plain[-filled:], np.float32))
    history = ring.history(np.array([NAN]))
    assert history.end_s == ring.end_s
    np.testing.assert_equal(history.arrivals[0, -filled:], np.array(plain[-filled:], np.float32))


def test_present_columns_are_not_overwritten() -> None:
    ring = RingBuffer(KEYS[:1], 10, 30, 0)
    ring.append(np.array([[1, 2, 3]], np.float32), 0)
    ring.append(np.array([[9, 9, 4]], np.float32), 30)
    assert ring.newest(4).tolist() == [[1, 2, 3, 4]]
    ring.append(np.array([[9, 9]], np.float32), 0)
    assert ring.end_s == 120


def test_start_off_grid_is_rejected() -> None:
    with pytest.raises(ValueError, match="grid of 30 s"):
        RingBuffer(KEYS, 10, 30, 0).append(np.zeros((2, 1), np.float32), 7)


def empty_grids() -> Grids:
    return Grids(KEYS, step_s=30, coarse_s=60, recent_s=600, history_s=3600, end_s=0)


def test_fine_steps_complete_coarse_steps() -> None:
    grids = empty_grids()
    for j in range(5):
        grids.append(demand([[j], [10 * j]], start_s=30 * j))
    assert grids.coarse.end_s == 120
    assert grids.coarse.newest(2).tolist() == [[0.5, 2.5], [5, 25]]
    grids.append(demand([[5], [50]], start_s=150))
    assert grids.coarse.newest(1).tolist() == [[4.5], [45]]


def test_fine_steps_continue_after_coarse_backfill() -> None:
    grids = empty_grids()
    grids.append_coarse(demand([[1] * 10, [2] * 10], step_s=60))
    grids.append(demand([[3, 5], [4, 4]], start_s=600))
    assert grids.coarse.newest(2).tolist() == [[1, 4], [2, 4]]
    assert grids.coarse.end_s == grids.fine.end_s == 660


def test_service_time_is_busy_over_arrivals() -> None:
    grids = empty_grids()
    assert np.isnan(grids.service_time_s).all()
    grids.append(demand([[2, 4], [0, 0]]))
    np.testing.assert_equal(grids.service_time_s, [0.5, NAN])


def test_realigned_grids_keep_remaining_services_only() -> None:
    grids = empty_grids()
    grids.append(demand([[2, 4], [6, 8]]))
    grids.realign((KEYS[1], ServiceKey("a", "z")))
    np.testing.assert_equal(grids.fine.newest(2), np.array([[6, 8], [NAN, NAN]], np.float32))
    np.testing.assert_equal(grids.service_time_s, [0.5, NAN])


def test_history_is_of_subset_of_services_until_given_time() -> None:
    grids = empty_grids()
    grids.append_coarse(demand([[1, 2, 3], [4, 5, 6]], step_s=60))
    history = grids.coarse.history(np.array([0.1, 0.2]), until_s=120, subset=slice(1, 2))
    assert history.keys == KEYS[1:]
    assert history.arrivals.tolist() == [[4, 5]]
    assert history.service_time_s.tolist() == [0.2]
    assert (history.start_s, history.end_s) == (0, 120)


def test_more_fine_steps_than_columns_complete_all_coarse_steps() -> None:
    together, single = empty_grids(), empty_grids()
    values = [[float(j) for j in range(700)], [float(j % 7) for j in range(700)]]
    together.append(demand(values))
    for j in range(700):
        single.append(demand([[row[j]] for row in values], start_s=30 * j))
    np.testing.assert_equal(together.coarse.newest(60), single.coarse.newest(60))
    np.testing.assert_equal(together.fine.newest(100), single.fine.newest(100))
    assert together.coarse.newest(1).tolist() == [[698.5], [5.5]]


def test_half_observed_coarse_step_before_gap_is_kept() -> None:
    grids = Grids(KEYS, step_s=30, coarse_s=300, recent_s=600, history_s=86400, end_s=0)
    grids.append(demand([[2] * 6, [4] * 6]))
    grids.append(demand([[8] * 10, [9] * 10], start_s=7200))
    got = grids.coarse.newest(25)
    assert got[:, 0].tolist() == [2, 4]
    assert np.isnan(got[:, 1:-1]).all()
    assert got[:, -1].tolist() == [8, 9]


def test_service_is_recently_observed_while_any_recent_step_was() -> None:
    grids = empty_grids()
    assert not grids.recently_observed.any()
    grids.append(demand([[1, 0, NAN], [NAN, NAN, NAN]]))
    assert grids.recently_observed.tolist() == [True, False]
    # 22 steps are recent.
    grids.append(demand([[NAN] * 20, [0] + [NAN] * 19], start_s=90))
    assert grids.recently_observed.tolist() == [True, True]
    grids.append(demand([[NAN], [NAN]], start_s=690))
    assert grids.recently_observed.tolist() == [False, True]
    grids.append(demand([[NAN], [NAN]], start_s=7200))
    assert grids.recently_observed.tolist() == [False, False]


def test_new_service_is_not_recently_observed_after_realign() -> None:
    grids = empty_grids()
    grids.append(demand([[2, 4], [6, 8]]))
    grids.realign((KEYS[1], ServiceKey("a", "z")))
    assert grids.recently_observed.tolist() == [True, False]
