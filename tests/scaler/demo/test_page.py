"""The HTTP responses of the page."""

import json
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from scaler.demo.demo_run import DemoRun
from scaler.demo.page import HOST, PAGE, Page, free_port
from scaler.demo.workload import Workload


@pytest.fixture(name="run")
def _run(short_workload: Workload) -> DemoRun:
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


def fetch(page: Page, path: str) -> str:
    with urllib.request.urlopen(page.url + path, timeout=10) as response:
        return str(response.read().decode())


def test_data_has_only_scenes_since_a_number(page: Page, run: DemoRun) -> None:
    data = json.loads(fetch(page, "demo.json"))
    assert (data["service"], data["revisions"]) == ("default/hello", ["hello-00001", "hello-00002"])
    assert (data["ended"], data["since"], len(data["scenes"])) == (False, 0, 3)
    assert data["scenes"][2]["revisions"][1]["floor"] == run.scenes[2].revisions[1].floor
    assert [row["policy"] for row in data["table"]] == ["KPA alone", "Tidecast", "oracle"]
    while len(run.scenes) < 5:
        run.step()
    later = json.loads(fetch(page, "demo.json?since=3"))
    assert [scene["at_s"] for scene in later["scenes"]] == [scene.at_s for scene in run.scenes[3:]]
    assert json.loads(fetch(page, "demo.json?since=x"))["since"] == 0


def test_metrics_and_health_are_those_of_the_service(page: Page) -> None:
    assert 'tidecast_floor_pods{namespace="default",revision="hello-00001"}' in fetch(page, "metrics")
    assert fetch(page, "healthz") == "ok\n"
    assert fetch(page, "readyz") == "ok\n"


def test_page_refers_to_no_other_host(page: Page) -> None:
    with urllib.request.urlopen(page.url, timeout=10) as response:
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        html = response.read().decode()
    assert html == PAGE.read_text(encoding="utf-8")
    assert "://" not in html


def test_open_page_receives_the_end(page: Page, run: DemoRun, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(page, "demo.json")
    ended: list[bool] = []
    monkeypatch.setattr(
        "scaler.demo.page.time.sleep", lambda _: ended.append(json.loads(fetch(page, "demo.json"))["ended"])
    )
    page.end()
    monkeypatch.undo()
    assert True in ended


def test_occupied_port_is_replaced_by_a_free_one() -> None:
    with socket.socket() as occupied:
        occupied.bind((HOST, 0))
        occupied.listen()
        port = occupied.getsockname()[1]
        assert free_port(port) not in (0, port)
    assert free_port(port) == port
