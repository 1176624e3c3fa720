"""The two grids: what is appended is found again, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.history.store import Grids, Ring, by_service, coarser
from forecaster.sources.demand import Demand
from models.fleet.keys import RevisionKey, ServiceKey

KEYS = (ServiceKey("a", "x"), ServiceKey("a", "y"))
NAN = float("nan")


def demand(
    arrivals: list[list[float]],
    *,
    start_s: int = 0,
    step_s: int = 30,
    services: tuple[ServiceKey, ...] = KEYS,
) -> Demand:
    values = np.array(arrivals, np.float32)
    revisions = tuple(RevisionKey(key.namespace, f"{key.name}-{i:05d}") for i, key in enumerate(services))
    return Demand(revisions, services, values, 0.5 * values, start_s, step_s, 30.0)


def test_revisions_are_summed_to_services_and_nothing_observed_stays_nothing() -> None:
    got = by_service(demand([[1, 2, NAN], [10, NAN, NAN], [5, 0, NAN]], services=(KEYS[0], KEYS[0], KEYS[1])))
    assert got.keys == KEYS
    np.testing.assert_equal(got.arrivals, np.array([[11, 2, NAN], [5, 0, NAN]], np.float32))


def test_longer_steps_are_means_where_half_was_observed() -> None:
    got = coarser(np.array([[1, 3, NAN, NAN, 4, NAN, 9]], np.float32), 2)
    np.testing.assert_equal(got, np.array([[2, NAN, 4]], np.float32))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=30),
    st.integers(4, 20),
)
def test_a_ring_holds_the_newest_steps_of_all_that_was_appended(
    parts: list[tuple[int, int]], columns: int
) -> None:
    """Against a plain list: appended with gaps, in pieces of any length."""
    ring = Ring(KEYS[:1], columns, 30, 0)
    plain: list[float] = []
    count = 0
    for gap, length in parts:
        plain += [NAN] * gap
        start_s = 30 * len(plain)
        values = [float(count + j) for j in range(length)]
        plain += values
        count += length
        ring.append(np.array([values], np.float32), start_s)
    assert ring.end_s == 30 * len(plain)
    held = min(columns, len(plain))
    np.testing.assert_equal(ring.newest(held)[0], np.array(plain[-held:], np.float32))
    history = ring.history(np.array([NAN]))
    assert history.end_s == ring.end_s
    np.testing.assert_equal(history.arrivals[0, -held:], np.array(plain[-held:], np.float32))


def test_what_is_there_already_is_not_appended_twice() -> None:
    ring = Ring(KEYS[:1], 10, 30, 0)
    ring.append(np.array([[1, 2, 3]], np.float32), 0)
    ring.append(np.array([[9, 9, 4]], np.float32), 30)
    assert ring.newest(4).tolist() == [[1, 2, 3, 4]]
    ring.append(np.array([[9, 9]], np.float32), 0)
    assert ring.end_s == 120


def test_a_start_off_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="grid of 30 s"):
        Ring(KEYS, 10, 30, 0).append(np.zeros((2, 1), np.float32), 7)


def grids() -> Grids:
    return Grids(KEYS, step_s=30, coarse_s=60, recent_s=600, history_s=3600, end_s=0)


def test_long_steps_are_completed_by_short_ones() -> None:
    both = grids()
    for j in range(5):
        both.append(by_service(demand([[j], [10 * j]], start_s=30 * j)))
    assert both.coarse.end_s == 120
    assert both.coarse.newest(2).tolist() == [[0.5, 2.5], [5, 25]]
    both.append(by_service(demand([[5], [50]], start_s=150)))
    assert both.coarse.newest(1).tolist() == [[4.5], [45]]


def test_weeks_come_first_and_short_steps_go_on_from_there() -> None:
    both = Grids(KEYS, step_s=30, coarse_s=60, recent_s=600, history_s=3600, end_s=0)
    both.append_weeks(by_service(demand([[1] * 10, [2] * 10], step_s=60)))
    both.append(by_service(demand([[3, 5], [4, 4]], start_s=600)))
    assert both.coarse.newest(2).tolist() == [[1, 4], [2, 4]]
    assert both.coarse.end_s == both.fine.end_s == 660


def test_service_time_is_busy_over_arrivals() -> None:
    both = grids()
    assert np.isnan(both.service_time_s).all()
    both.append(by_service(demand([[2, 4], [0, 0]])))
    np.testing.assert_equal(both.service_time_s, [0.5, NAN])


def test_services_come_and_go() -> None:
    both = grids()
    both.append(by_service(demand([[2, 4], [6, 8]])))
    both.follow((KEYS[1], ServiceKey("a", "z")))
    np.testing.assert_equal(both.fine.newest(2), np.array([[6, 8], [NAN, NAN]], np.float32))
    np.testing.assert_equal(both.service_time_s, [0.5, NAN])


def test_weeks_are_handed_out_for_some_services_up_to_a_time() -> None:
    both = grids()
    both.append_weeks(by_service(demand([[1, 2, 3], [4, 5, 6]], step_s=60)))
    some = both.coarse.history(np.array([0.1, 0.2]), until_s=120, some=slice(1, 2))
    assert some.keys == KEYS[1:]
    assert some.arrivals.tolist() == [[4, 5]]
    assert some.service_time_s.tolist() == [0.2]
    assert (some.start_s, some.end_s) == (0, 120)


def test_more_short_steps_at_once_than_are_kept_complete_all_their_long_ones() -> None:
    at_once, read_in_chunks = grids(), grids()
    values = [[float(j) for j in range(700)], [float(j % 7) for j in range(700)]]
    at_once.append(by_service(demand(values)))
    for j in range(700):
        read_in_chunks.append(by_service(demand([[row[j]] for row in values], start_s=30 * j)))
    np.testing.assert_equal(at_once.coarse.newest(60), read_in_chunks.coarse.newest(60))
    np.testing.assert_equal(at_once.fine.newest(100), read_in_chunks.fine.newest(100))
    assert at_once.coarse.newest(1).tolist() == [[698.5], [5.5]]


def test_a_long_step_that_was_half_observed_before_an_absence_is_kept() -> None:
    both = Grids(KEYS, step_s=30, coarse_s=300, recent_s=600, history_s=86400, end_s=0)
    both.append(by_service(demand([[2] * 6, [4] * 6])))
    both.append(by_service(demand([[8] * 10, [9] * 10], start_s=7200)))
    got = both.coarse.newest(25)
    assert got[:, 0].tolist() == [2, 4]
    assert np.isnan(got[:, 1:-1]).all()
    assert got[:, -1].tolist() == [8, 9]


def test_a_service_counts_as_seen_as_long_as_a_short_step_of_it_is_recent() -> None:
    both = grids()
    assert not both.recently_observed.any()
    both.append(by_service(demand([[1, 0, NAN], [NAN, NAN, NAN]])))
    assert both.recently_observed.tolist() == [True, False]
    # 22 steps are recent.
    both.append(by_service(demand([[NAN] * 20, [0] + [NAN] * 19], start_s=90)))
    assert both.recently_observed.tolist() == [True, True]
    both.append(by_service(demand([[NAN], [NAN]], start_s=690)))
    assert both.recently_observed.tolist() == [False, True]
    both.append(by_service(demand([[NAN], [NAN]], start_s=7200)))
    assert both.recently_observed.tolist() == [False, False]


def test_who_is_new_was_never_seen_and_who_stays_is_remembered() -> None:
    both = grids()
    both.append(by_service(demand([[2, 4], [6, 8]])))
    both.follow((KEYS[1], ServiceKey("a", "z")))
    assert both.recently_observed.tolist() == [True, False]
