"""The page's answers over HTTP."""

import json
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from scaler.demo.page import HOST, PAGE, Page, free_port
from scaler.demo.show import Show
from scaler.demo.story import Story


@pytest.fixture(name="show")
def _show(short_story: Story) -> Show:
    show = Show(short_story, hours=0.25)
    show.begin()
    while len(show.scenes) < 3:
        show.step()
    return show


@pytest.fixture(name="page")
def _page(show: Show) -> Iterator[Page]:
    page = Page(show, speed=720.0, port=0)
    assert page.start()
    yield page
    page.end()


def got(page: Page, path: str) -> str:
    with urllib.request.urlopen(page.url + path, timeout=10) as answer:
        return str(answer.read().decode())


def test_what_is_told_is_what_is_new_since(page: Page, show: Show) -> None:
    told = json.loads(got(page, "demo.json"))
    assert (told["service"], told["revisions"]) == ("default/hello", ["hello-00001", "hello-00002"])
    assert (told["ended"], told["since"], len(told["scenes"])) == (False, 0, 3)
    assert told["scenes"][2]["halves"][1]["floor"] == show.scenes[2].halves[1].floor
    assert [row["policy"] for row in told["table"]] == ["KPA alone", "Tidecast", "oracle"]
    show.step()
    while len(show.scenes) < 5:
        show.step()
    later = json.loads(got(page, "demo.json?since=3"))
    assert [one["at_s"] for one in later["scenes"]] == [one.at_s for one in show.scenes[3:]]
    assert json.loads(got(page, "demo.json?since=x"))["since"] == 0


def test_metrics_and_health_are_those_of_tidecast_run(page: Page) -> None:
    assert 'tidecast_floor_pods{namespace="default",revision="hello-00001"}' in got(page, "metrics")
    assert got(page, "healthz") == "ok\n"
    assert got(page, "readyz") == "ok\n"


def test_the_page_loads_nothing_from_anywhere(page: Page) -> None:
    with urllib.request.urlopen(page.url, timeout=10) as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        html = answer.read().decode()
    assert html == PAGE.read_text(encoding="utf-8")
    assert "://" not in html


def test_who_watches_sees_the_end(page: Page, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    got(page, "demo.json")
    ends: list[bool] = []
    monkeypatch.setattr(
        "scaler.demo.page.time.sleep", lambda _: ends.append(json.loads(got(page, "demo.json"))["ended"])
    )
    page.end()
    monkeypatch.undo()
    assert True in ends


def test_a_port_that_is_taken_makes_way_for_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)
    assert free_port(port) == port
