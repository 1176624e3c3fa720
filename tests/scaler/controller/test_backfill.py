"""A long range read in chunks: complete, once, and in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData
from scaler.controller.backfill import CELLS, MAX_SPAN_S, MIN_STEPS, read_in_chunks, spans
from scaler.controller.loop import _for_each


def empty_demand(start_s: int, end_s: int) -> Demand:
    empty = np.empty((0, (end_s - start_s) // 30), np.float32)
    return Demand((), (), empty, empty, start_s, 30, 30.0, warnings=("partial", f"from {start_s}"))


@given(st.integers(1, 3000), st.sampled_from([30, 300]), st.integers(0, 200_000))
def test_spans_are_contiguous_and_within_the_limits(steps: int, step_s: int, revisions: int) -> None:
    until_s = 900 + steps * step_s
    chunks = spans(900, until_s, step_s, revisions)
    assert [start_s for start_s, _ in chunks] == [900, *(end_s for _, end_s in chunks[:-1])]
    assert chunks[-1][1] == until_s
    for start_s, end_s in chunks:
        columns = (end_s - start_s) // step_s
        assert end_s - start_s <= MAX_SPAN_S
        assert columns <= MIN_STEPS or columns * revisions <= CELLS


def test_day_of_a_small_fleet_is_one_span() -> None:
    assert spans(0, 86400, 30, 500) == [(0, 86400)]


def test_chunks_are_used_in_order_and_spans_without_data_are_left_out() -> None:
    used: list[int] = []

    def read(start_s: int, end_s: int) -> Demand:
        if start_s in (0, 180):
            raise NoData("no data")
        return empty_demand(start_s, end_s)

    chunks = read_in_chunks(read, [(0, 60), (60, 120), (120, 180), (180, 240)])
    last = _for_each(chunks, lambda demand: used.append(demand.start_s))
    assert used == [60, 120]
    assert (last.start_s, last.end_s) == (120, 180)
    assert last.warnings == ("partial", "from 60", "from 120")


def test_range_without_data_raises() -> None:
    def read(start_s: int, end_s: int) -> Demand:
        raise NoData("no data")

    with pytest.raises(NoData, match="no data"):
        list(read_in_chunks(read, [(0, 60), (60, 120)]))
