"""The page in a headless Chromium, light and dark, wide and narrow."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaler.demo.demo_run import DemoRun
from scaler.demo.page import Page
from scaler.demo.workload import Workload

pytestmark = pytest.mark.chromium
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(name="run")
def _run(short_workload: Workload) -> DemoRun:
    run = DemoRun(short_workload, hours=0.5)
    run.start()
    while len(run.scenes) < 20:
        run.step()
    return run


@pytest.fixture(name="page")
def _page(run: DemoRun) -> Iterator[Page]:
    page = Page(run, speed=720.0, port=0)
    assert page.start()
    yield page
    page.end()


@pytest.mark.parametrize(
    ("scheme", "background", "width"),
    [
        ("light", "rgb(246, 247, 248)", 1280),
        ("dark", "rgb(17, 22, 27)", 1280),
        ("dark", "rgb(17, 22, 27)", 420),
    ],
)
def test_page_draws_scenes_until_the_end(
    page: Page, run: DemoRun, scheme: str, background: str, width: int
) -> None:
    from playwright.sync_api import expect, sync_playwright

    problems: list[str] = []
    requested: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        tab.on("request", lambda request: requested.append(request.url))
        tab.goto(page.url)
        expect(tab.locator("svg")).to_have_count(6)
        for chart in ("traffic0", "pods1", "delayed0"):
            assert (tab.locator(f"#{chart} path").last.get_attribute("d") or "").count(",") >= 1
        expect(tab.locator("#reason0")).to_contain_text("requests/s, forecast")
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == background
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tab.locator("#pods0").hover()
        while not run.over:
            run.step()
        page._ended = True
        expect(tab.locator("#state")).to_have_text("finished")
        expect(tab.locator("#table-title")).to_have_text("Result")
        expect(tab.locator("#table tr")).to_have_count(4)
        browser.close()
    assert problems == []
    assert all(url.startswith(page.url) for url in requested)
