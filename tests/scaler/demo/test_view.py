"""The view in a terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from scaler.demo.scene import PolicyView, RevisionView, Scene
from scaler.demo.view import PLAIN_BARS, Frame, column_means, draw, line, sparkline
from scaler.demo.workload import BEGIN_S, REVISIONS


def revision_view(row: int, scene: int) -> RevisionView:
    kpa, tidecast = PolicyView(4, 2, 7.0, 900.0, 40.0, 3.5), PolicyView(11, 0, 0.0, 12.0, 9.0, 4.25)
    policies = (kpa, tidecast, tidecast)
    return RevisionView(REVISIONS[row], 10.0 + scene, 12.3, 19.8, 75.0, 11, "forecast", policies)


def make_frame(columns: int = 80, scenes: int = 30) -> Frame:
    views = tuple(
        Scene(BEGIN_S + 1 + 30 * k, (revision_view(0, k), revision_view(1, k))) for k in range(scenes)
    )
    return Frame(
        scenes=views, begin_s=BEGIN_S, end_s=BEGIN_S + 3600, now_s=BEGIN_S + 900.0, speed=720.0,
        url="http://127.0.0.1:8571/", columns=columns,
    )  # fmt: skip


def lines_of(frame: Frame, encoding: str = "utf-8") -> list[str]:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=out, width=frame.columns, force_terminal=False, legacy_windows=False).print(draw(frame))
    out.seek(0)
    return out.read().splitlines()


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_view_fits_the_terminal_and_has_all_values(columns: int) -> None:
    lines = lines_of(make_frame(columns))
    assert len(lines) <= 24
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    for value in (
        "hello-00001", "hello-00002", "Wed 19 Jul 1995 10:15Z", " 25%", "720x", "http://127.0.0.1:8571/",
        "Tidecast 24", "KPA alone 1800", "8.5", "7.0", "39.0", "peak of the next 75 s: 12, at 0.95: 20",
        "11: forecast",
    ):  # fmt: skip
        assert value in text


def test_revisions_are_side_by_side_in_a_wide_terminal() -> None:
    assert any("hello-00001" in row and "hello-00002" in row for row in lines_of(make_frame(120)))
    assert not any("hello-00001" in row and "hello-00002" in row for row in lines_of(make_frame(80)))


def test_view_without_forecast_page_and_speed() -> None:
    frame = make_frame()
    unknown = replace(revision_view(0, 0), median=None, high=None, floor=0, reason="no forecast yet")
    bare = replace(frame, scenes=(Scene(BEGIN_S + 1, (unknown, unknown)),), url=None, speed=0.0)
    text = "\n".join(lines_of(bare))
    assert "no forecast yet" in text
    assert "as fast as possible" in text
    assert "http" not in text


def test_view_without_unicode_is_ascii() -> None:
    lines_of(replace(make_frame(), unicode=False), encoding="ascii")
    assert set(sparkline([0.0, 5.0, 10.0], 10.0, unicode=False)) <= set(PLAIN_BARS)


def test_column_means_fill_from_the_left_without_gaps() -> None:
    frame = make_frame(scenes=60)  # half an hour of an hour
    assert column_means(frame, lambda _: 3.0, 40) == [3.0] * 20
    assert column_means(frame, lambda s: s.at_s - BEGIN_S - 1, 2) == [pytest.approx(30 * 59 / 2)]
    # More columns than scenes: a column without a scene repeats the previous value.
    assert column_means(frame, lambda _: 1.0, 400) == [1.0] * 197


def test_sparkline_spans_zero_to_maximum() -> None:
    assert sparkline([0, 1, 8, 9], 8) == " ▁██"
    assert sparkline([0.0], 0.0) == " "


def test_line_sums_over_revisions() -> None:
    text = line(make_frame().scenes[-1])
    assert "Tidecast 22 pods, 24 delayed so far" in text
    assert "KPA alone 8 pods, 1800 delayed so far" in text
