"""What a terminal shows."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from scaler.demo.scene import PolicyView, RevisionView, Scene
from scaler.demo.view import PLAIN_BARS, Frame, column_means, draw, line, sparkline
from scaler.demo.workload import BEGIN_S, REVISIONS


def half(row: int, at: int) -> RevisionView:
    kpa, ours = PolicyView(4, 2, 7.0, 900.0, 40.0, 3.5), PolicyView(11, 0, 0.0, 12.0, 9.0, 4.25)
    return RevisionView(REVISIONS[row], 10.0 + at, 12.3, 19.8, 75.0, 11, "forecast", (kpa, ours, ours))


def frame(columns: int = 80, scenes: int = 30) -> Frame:
    told = tuple(Scene(BEGIN_S + 1 + 30 * at, (half(0, at), half(1, at))) for at in range(scenes))
    return Frame(
        scenes=told, begin_s=BEGIN_S, end_s=BEGIN_S + 3600, now_s=BEGIN_S + 900.0, speed=720.0,
        url="http://127.0.0.1:8571/", columns=columns,
    )  # fmt: skip


def drawn(what: Frame, encoding: str = "utf-8") -> list[str]:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=out, width=what.columns, force_terminal=False, legacy_windows=False).print(draw(what))
    out.seek(0)
    return out.read().splitlines()


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_it_fits_a_terminal_and_says_what_there_is(columns: int) -> None:
    lines = drawn(frame(columns))
    assert len(lines) <= 24
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    for said in (
        "hello-00001", "hello-00002", "Wed 19 Jul 1995 10:15Z", " 25%", "720x", "http://127.0.0.1:8571/",
        "Tidecast 24", "KPA alone 1800", "8.5", "7.0", "39.0", "peak of the next 75 s: 12, at 0.95: 20",
        "11: forecast",
    ):  # fmt: skip
        assert said in text


def test_revisions_stand_beside_each_other_where_there_is_room() -> None:
    assert any("hello-00001" in each and "hello-00002" in each for each in drawn(frame(120)))
    assert not any("hello-00001" in each and "hello-00002" in each for each in drawn(frame(80)))


def test_without_a_forecast_without_a_page_and_without_a_pace() -> None:
    one = frame()
    unknown = replace(half(0, 0), median=None, high=None, floor=0, reason="no forecast yet")
    bare = replace(one, scenes=(Scene(BEGIN_S + 1, (unknown, unknown)),), url=None, speed=0.0)
    text = "\n".join(drawn(bare))
    assert "no forecast yet" in text
    assert "as fast as it goes" in text
    assert "http" not in text


def test_a_terminal_that_knows_ascii_alone_gets_ascii() -> None:
    drawn(replace(frame(), unicode=False), encoding="ascii")
    assert set(sparkline([0.0, 5.0, 10.0], 10.0, unicode=False)) <= set(PLAIN_BARS)


def test_the_course_grows_to_the_right_and_fills_its_gaps() -> None:
    one = frame(scenes=60)  # half an hour of an hour
    assert column_means(one, lambda _: 3.0, 40) == [3.0] * 20
    assert column_means(one, lambda s: s.at_s - BEGIN_S - 1, 2) == [pytest.approx(30 * 59 / 2)]
    # More characters than scenes: what has none is as before.
    assert column_means(one, lambda _: 1.0, 400) == [1.0] * 197


def test_a_sparkline_reaches_from_nothing_to_the_most() -> None:
    assert sparkline([0, 1, 8, 9], 8) == " ▁██"
    assert sparkline([0.0], 0.0) == " "


def test_a_line_sums_the_revisions() -> None:
    said = line(frame().scenes[-1])
    assert "Tidecast 22 pods, 24 delayed so far" in said
    assert "KPA alone 8 pods, 1800 delayed so far" in said
