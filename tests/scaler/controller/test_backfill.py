"""A long range in pieces: all of it, once, in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData
from scaler.controller.backfill import CELLS, MAX_SPAN_S, MIN_STEPS, read_in_chunks, spans
from scaler.controller.loop import _for_each


def told(start_s: int, end_s: int) -> Demand:
    nothing = np.empty((0, (end_s - start_s) // 30), np.float32)
    return Demand((), (), nothing, nothing, start_s, 30, 30.0, warnings=("partial", f"from {start_s}"))


@given(st.integers(1, 3000), st.sampled_from([30, 300]), st.integers(0, 200_000))
def test_pieces_follow_each_other_and_are_as_large_as_they_may(
    steps: int, step_s: int, revisions: int
) -> None:
    until_s = 900 + steps * step_s
    pieces = spans(900, until_s, step_s, revisions)
    assert [start_s for start_s, _ in pieces] == [900, *(end_s for _, end_s in pieces[:-1])]
    assert pieces[-1][1] == until_s
    for start_s, end_s in pieces:
        columns = (end_s - start_s) // step_s
        assert end_s - start_s <= MAX_SPAN_S
        assert columns <= MIN_STEPS or columns * revisions <= CELLS


def test_a_small_fleet_has_its_day_in_one() -> None:
    assert spans(0, 86400, 30, 500) == [(0, 86400)]


def test_pieces_are_taken_in_turn_and_what_is_not_there_is_left_out() -> None:
    taken: list[int] = []

    def read(start_s: int, end_s: int) -> Demand:
        if start_s in (0, 180):
            raise NoData("nothing there")
        return told(start_s, end_s)

    chunks = read_in_chunks(read, [(0, 60), (60, 120), (120, 180), (180, 240)])
    last = _for_each(chunks, lambda each: taken.append(each.start_s))
    assert taken == [60, 120]
    assert (last.start_s, last.end_s) == (120, 180)
    assert last.warnings == ("partial", "from 60", "from 120")


def test_where_nothing_is_there_at_all_that_is_said() -> None:
    def read(start_s: int, end_s: int) -> Demand:
        raise NoData("nothing there")

    with pytest.raises(NoData, match="nothing there"):
        list(read_in_chunks(read, [(0, 60), (60, 120)]))
