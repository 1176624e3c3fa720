"""The page in a browser: no requests; pointer and keyboard; light and dark; wide and narrow windows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from scaler.backtest.result import Backtest
from scaler.report.page import report_html

pytestmark = pytest.mark.chromium

MakeBacktest = Callable[..., Backtest]
OpenPage = Callable[..., Page]
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
CHECKS = (Path(__file__).parent / "checks.js").read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Open the page of a backtest; any request, message on the console, error or dialog fails the test."""
    failures: list[str] = []
    pages: list[Page] = []

    def dismiss(dialog: Dialog) -> None:
        failures.append(dialog.message)
        dialog.dismiss()

    def open_report(backtest: Backtest, *, width: int = 1280, scheme: str = "light") -> Page:
        file = tmp_path / "report.html"
        file.write_text(report_html(backtest), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        allowed = (file.as_uri(), "data:,")
        page.on("request", lambda req: failures.extend([req.url] * (not req.url.startswith(allowed))))
        page.on("console", lambda message: failures.append(message.text))
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("dialog", dismiss)
        page.goto(file.as_uri())
        pages.append(page)
        return page

    yield open_report
    for page in pages:
        page.close()
    assert failures == []


def service_names(page: Page) -> list[str]:
    return page.locator("#table tbody th").all_inner_texts()


def press_tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on an element that matches the selector."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def test_header_sorts_services_by_pointer_and_keyboard(
    open_page: OpenPage, make_backtest: MakeBacktest
) -> None:
    page = open_page(make_backtest(30))
    requests = page.locator("#table thead th").filter(has_text="Requests")
    assert requests.get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="Service", exact=True).click()
    assert service_names(page) == sorted(service_names(page))
    assert requests.get_attribute("aria-sort") == "none"
    page.get_by_role("button", name="Delayed, Tidecast").focus()
    page.keyboard.press("Enter")
    shares = page.locator("#table tbody td:nth-child(4)").all_inner_texts()
    values = [float(text.split()[0]) for text in shares]
    assert values == sorted(values, reverse=True)
    page.keyboard.press("Enter")
    assert page.locator("#table th[aria-sort=ascending]").inner_text().startswith("Tidecast")


def test_part_of_a_name_filters_services_and_count_is_shown(
    open_page: OpenPage, make_backtest: MakeBacktest
) -> None:
    page = open_page(make_backtest(250))
    assert page.locator("#table tbody tr").count() == 20
    page.locator("#find").fill("SERVICE-01")
    assert page.locator("#table tbody tr").count() == 10
    assert page.locator("#found").inner_text() == "10 of 250 services"
    page.locator("#find").fill("")
    page.locator("#more").click()
    assert page.locator("#table tbody tr").count() == 220
    page.locator("#filter").select_option("openable")
    assert page.locator("#table tbody tr").count() == 2


def test_selected_policy_is_compared_with_kpa_alone(open_page: OpenPage, make_backtest: MakeBacktest) -> None:
    page = open_page(make_backtest(5))
    before = page.locator("#table tbody").inner_text()
    page.locator("#compared").select_option(label="kpa-u50")
    assert page.get_by_role("button", name="Delayed, kpa-u50").is_visible()
    assert page.locator("#table tbody").inner_text() != before


def test_service_opens_and_zooms_by_keyboard(open_page: OpenPage, make_backtest: MakeBacktest) -> None:
    page = open_page(make_backtest(5, trajectories=3, columns=800))
    press_tab_to(page, "#table a[href='#service-2']")
    page.keyboard.press("Enter")
    title = page.locator("#opened-title")
    assert title.inner_text() == "shop/service-002"
    assert page.evaluate("document.activeElement.id") == "opened-title"
    whole = page.locator("#range").inner_text()
    press_tab_to(page, "#panels")
    page.keyboard.press("+")
    near = page.locator("#range").inner_text()
    page.keyboard.press("ArrowRight")
    later = page.locator("#range").inner_text()
    assert len({whole, near, later}) == 3
    page.keyboard.press("0")
    assert page.locator("#range").inner_text() == whole


def test_drag_zooms_three_charts_and_double_click_shows_all(
    open_page: OpenPage, make_backtest: MakeBacktest
) -> None:
    page = open_page(make_backtest(3, trajectories=1, columns=800))
    chart = page.locator("#panels svg[role=img]").nth(1)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    whole = page.locator("#panels .arrivals[d]").get_attribute("d") or ""
    page.mouse.move(box["x"] + 300, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 60, steps=4)
    page.mouse.up()
    zoomed = page.locator("#panels .arrivals[d]").get_attribute("d") or ""
    assert 0 < zoomed.count("L") < 0.3 * whole.count("L")
    chart.dblclick()
    assert page.locator("#panels .arrivals[d]").get_attribute("d") == whole


def test_every_column_with_delayed_requests_has_a_bar(
    open_page: OpenPage, make_backtest: MakeBacktest
) -> None:
    backtest = make_backtest(3, trajectories=1, columns=800)
    (trajectory,) = backtest.trajectories
    page = open_page(backtest)
    for bar_class, delayed in (("kpa-bar", trajectory.delayed_kpa), ("compared-bar", trajectory.delayed)):
        path = page.locator(f"#panels path.{bar_class}").get_attribute("d") or ""
        assert path.count("Z") == (delayed > 0).sum()


def test_charts_have_tables(open_page: OpenPage, make_backtest: MakeBacktest) -> None:
    page = open_page(make_backtest(3, trajectories=1, columns=800))
    page.locator("#columns summary").click()
    # The table is filled in the toggle event, which follows the click.
    page.locator("#columns tbody tr").first.wait_for()
    rows = page.locator("#columns tbody tr").count()
    assert 100 < rows <= 120
    page.locator("#panels").focus()
    for _ in range(5):
        page.keyboard.press("+")
    assert 8 <= page.locator("#columns tbody tr").count() < 60
    page.locator("#summary summary").click()
    page.locator("#summary tbody tr").first.wait_for()
    assert page.locator("#summary tbody tr").count() == len(make_backtest().outcomes)


def test_fragment_of_the_address_opens_a_service(open_page: OpenPage, make_backtest: MakeBacktest) -> None:
    page = open_page(make_backtest(5, trajectories=3))
    page.evaluate("location.hash = '#service-1'")
    page.wait_for_function("document.getElementById('opened-title').textContent === 'shop/service-001'")
    assert page.locator("#opened-title").text_content() == "shop/service-001"


def test_theme_follows_the_system_or_the_button(open_page: OpenPage, make_backtest: MakeBacktest) -> None:
    page = open_page(make_backtest(), scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Light").click()
    light = page.evaluate(background)
    assert dark != light
    # Chromium stores the choice asynchronously: on a busy machine the first reload may precede it.
    reloads = 0
    while reloads == 0 or (page.evaluate(background) != light and reloads < 20):
        page.reload()
        reloads += 1
    assert page.evaluate(background) == light
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(background) == dark
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 34, 39)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_page_is_accessible(
    open_page: OpenPage, make_backtest: MakeBacktest, scheme: str, width: int
) -> None:
    page = open_page(make_backtest(12, trajectories=3, names=(HOSTILE,)), scheme=scheme, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    page.wait_for_selector("#columns tbody tr")
    assert page.evaluate(CHECKS) == []


def test_focus_is_visible_on_every_element_that_tab_reaches(
    open_page: OpenPage, make_backtest: MakeBacktest
) -> None:
    page = open_page(make_backtest(3))
    focused = set()
    for _ in range(45):
        page.keyboard.press("Tab")
        element, outline = page.evaluate(
            "(({ activeElement: el }) => [el.outerHTML.slice(0, 60), getComputedStyle(el).outline])(document)"
        )
        if element.startswith("<body"):
            break
        assert "solid" in outline or "auto" in outline, element
        focused.add(element)
    assert len(focused) > 20


def test_hostile_names_are_shown_as_text(open_page: OpenPage, make_backtest: MakeBacktest) -> None:
    page = open_page(make_backtest(3, trajectories=1, names=(HOSTILE,)))
    assert page.locator("#opened-title").inner_text() == HOSTILE
    assert HOSTILE in service_names(page)
    assert page.locator("img").count() == 0


def test_large_page_loads_quickly(open_page: OpenPage, make_backtest: MakeBacktest) -> None:
    page = open_page(make_backtest(250, trajectories=20, columns=2000))
    loaded_ms = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert loaded_ms < 5000


@pytest.mark.parametrize("policies", [("kpa",), ("kpa", "phpa"), ("kpa", "tidecast")])
def test_page_without_trajectories_has_a_mark_per_outcome(
    open_page: OpenPage, make_backtest: MakeBacktest, policies: tuple[str, ...]
) -> None:
    page = open_page(make_backtest(1, trajectories=0, policies=policies))
    assert page.locator("#opened").is_hidden()
    assert page.locator("#frontier .mark").count() == len(
        make_backtest(1, trajectories=0, policies=policies).outcomes
    )
    assert "NaN" not in page.locator("main").inner_html()
