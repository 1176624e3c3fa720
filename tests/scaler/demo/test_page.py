"""The page's answers over HTTP."""

import json
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from scaler.demo.demo_run import DemoRun
from scaler.demo.page import HOST, PAGE, Page, free_port
from scaler.demo.workload import Workload


@pytest.fixture(name="show")
def _show(short_workload: Workload) -> DemoRun:
    run = DemoRun(short_workload, hours=0.25)
    run.start()
    while len(run.scenes) < 3:
        run.step()
    return run


@pytest.fixture(name="page")
def _page(run: DemoRun) -> Iterator[Page]:
    page = Page(run, speed=720.0, port=0)
    assert page.start()
    yield page
    page.end()


def got(page: Page, path: str) -> str:
    with urllib.request.urlopen(page.url + path, timeout=10) as answer:
        return str(answer.read().decode())


def test_what_is_told_is_what_is_new_since(page: Page, run: DemoRun) -> None:
    page_data = json.loads(got(page, "demo.json"))
    assert (page_data["service"], page_data["revisions"]) == ("default/hello", ["hello-00001", "hello-00002"])
    assert (page_data["ended"], page_data["since"], len(page_data["scenes"])) == (False, 0, 3)
    assert page_data["scenes"][2]["halves"][1]["floor"] == run.scenes[2].revisions[1].floor
    assert [row["policy"] for row in page_data["table"]] == ["KPA alone", "Tidecast", "oracle"]
    run.step()
    while len(run.scenes) < 5:
        run.step()
    later = json.loads(got(page, "demo.json?since=3"))
    assert [one["at_s"] for one in later["scenes"]] == [one.at_s for one in run.scenes[3:]]
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


def test_who_watches_sees_the_end(page: Page, run: DemoRun, monkeypatch: pytest.MonkeyPatch) -> None:
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
