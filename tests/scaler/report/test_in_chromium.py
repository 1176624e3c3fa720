"""The page in a browser: it loads nothing, and serves pointer, keyboard, light, dark, desk and phone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from scaler.backtest.result import Backtest
from scaler.report.page import report_html

pytestmark = pytest.mark.chromium

Making = Callable[..., Backtest]
Opening = Callable[..., Page]
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
CHECKS = (Path(__file__).parent / "checks.js").read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opening(browser: Browser, tmp_path: Path) -> Iterator[Opening]:
    """Opens a backtest's page.  Whatever it asks for beside itself, or complains of, fails the test."""
    wrong: list[str] = []
    pages: list[Page] = []

    def refuse(dialog: Dialog) -> None:
        wrong.append(dialog.message)
        dialog.dismiss()

    def open_page(backtest: Backtest, *, width: int = 1280, scheme: str = "light") -> Page:
        file = tmp_path / "report.html"
        file.write_text(report_html(backtest), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        asked = (file.as_uri(), "data:,")
        page.on("request", lambda each: wrong.extend([each.url] * (not each.url.startswith(asked))))
        page.on("console", lambda each: wrong.append(each.text))
        page.on("pageerror", lambda each: wrong.append(str(each)))
        page.on("dialog", refuse)
        page.goto(file.as_uri())
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert wrong == []


def names(page: Page) -> list[str]:
    return page.locator("#table tbody th").all_inner_texts()


def press_tab_to(page: Page, selector: str) -> None:
    """The keyboard's way to what fits the selector."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def test_headers_sort_by_pointer_and_by_keyboard(opening: Opening, making: Making) -> None:
    page = opening(making(30))
    requests = page.locator("#table thead th").filter(has_text="Requests")
    assert requests.get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="Service", exact=True).click()
    assert names(page) == sorted(names(page))
    assert requests.get_attribute("aria-sort") == "none"
    page.get_by_role("button", name="Delayed, Tidecast").focus()
    page.keyboard.press("Enter")
    shares = page.locator("#table tbody td:nth-child(4)").all_inner_texts()
    values = [float(text.split()[0]) for text in shares]
    assert values == sorted(values, reverse=True)
    page.keyboard.press("Enter")
    assert page.locator("#table th[aria-sort=ascending]").inner_text().startswith("Tidecast")


def test_a_part_of_a_name_filters_and_the_rest_is_told(opening: Opening, making: Making) -> None:
    page = opening(making(250))
    assert page.locator("#table tbody tr").count() == 20
    page.locator("#find").fill("SERVICE-01")
    assert page.locator("#table tbody tr").count() == 10
    assert page.locator("#found").inner_text() == "10 of 250 services"
    page.locator("#find").fill("")
    page.locator("#more").click()
    assert page.locator("#table tbody tr").count() == 220
    page.locator("#which").select_option("pictured")
    assert page.locator("#table tbody tr").count() == 2


def test_another_policy_beside_the_kpa_alone(opening: Opening, making: Making) -> None:
    page = opening(making(5))
    before = page.locator("#table tbody").inner_text()
    page.locator("#beside").select_option(label="kpa-u50")
    assert page.get_by_role("button", name="Delayed, kpa-u50").is_visible()
    assert page.locator("#table tbody").inner_text() != before


def test_a_service_is_opened_by_keyboard_and_zoomed(opening: Opening, making: Making) -> None:
    page = opening(making(5, trajectories=3, columns=800))
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


def test_dragging_zooms_all_three_charts_and_a_double_click_ends_it(opening: Opening, making: Making) -> None:
    page = opening(making(3, trajectories=1, columns=800))
    chart = page.locator("#panels svg[role=img]").nth(1)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    whole = page.locator("#panels .arrivals[d]").get_attribute("d") or ""
    page.mouse.move(box["x"] + 300, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 60, steps=4)
    page.mouse.up()
    part = page.locator("#panels .arrivals[d]").get_attribute("d") or ""
    assert 0 < part.count("L") < 0.3 * whole.count("L")
    chart.dblclick()
    assert page.locator("#panels .arrivals[d]").get_attribute("d") == whole


def test_every_delayed_request_is_marked(opening: Opening, making: Making) -> None:
    backtest = making(3, trajectories=1, columns=800)
    (course,) = backtest.trajectories
    page = opening(backtest)
    for kind, delayed in (("alone-bar", course.delayed_kpa), ("ours-bar", course.delayed)):
        path = page.locator(f"#panels path.{kind}").get_attribute("d") or ""
        assert path.count("Z") == (delayed > 0).sum()


def test_each_chart_has_a_table(opening: Opening, making: Making) -> None:
    page = opening(making(3, trajectories=1, columns=800))
    page.locator("#columns summary").click()
    # The table is filled when its opening is told, which is after the click.
    page.locator("#columns tbody tr").first.wait_for()
    rows = page.locator("#columns tbody tr").count()
    assert 100 < rows <= 120
    page.locator("#panels").focus()
    for _ in range(5):
        page.keyboard.press("+")
    assert 8 <= page.locator("#columns tbody tr").count() < 60
    page.locator("#summary summary").click()
    page.locator("#summary tbody tr").first.wait_for()
    assert page.locator("#summary tbody tr").count() == len(making().outcomes)


def test_an_address_opens_its_service(opening: Opening, making: Making) -> None:
    page = opening(making(5, trajectories=3))
    page.evaluate("location.hash = '#service-1'")
    page.wait_for_function("document.getElementById('opened-title').textContent === 'shop/service-001'")
    assert page.locator("#opened-title").text_content() == "shop/service-001"


def test_dark_as_the_system_says_or_by_the_button(opening: Opening, making: Making) -> None:
    page = opening(making(), scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Light").click()
    light = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == light
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) == dark
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 34, 39)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_it_is_accessible(opening: Opening, making: Making, scheme: str, width: int) -> None:
    page = opening(making(12, trajectories=3, names=(HOSTILE,)), scheme=scheme, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    page.wait_for_selector("#columns tbody tr")
    assert page.evaluate(CHECKS) == []


def test_focus_is_seen_wherever_the_keyboard_goes(opening: Opening, making: Making) -> None:
    page = opening(making(3))
    seen = set()
    for _ in range(45):
        page.keyboard.press("Tab")
        element, outline = page.evaluate(
            "(({ activeElement: at }) => [at.outerHTML.slice(0, 60), getComputedStyle(at).outline])(document)"
        )
        if element.startswith("<body"):
            break
        assert "solid" in outline or "auto" in outline, element
        seen.add(element)
    assert len(seen) > 20


def test_hostile_names_are_shown_as_they_are(opening: Opening, making: Making) -> None:
    page = opening(making(3, trajectories=1, names=(HOSTILE,)))
    assert page.locator("#opened-title").inner_text() == HOSTILE
    assert HOSTILE in names(page)
    assert page.locator("img").count() == 0


def test_a_large_page_is_quick(opening: Opening, making: Making) -> None:
    page = opening(making(250, trajectories=20, columns=2000))
    loaded_ms = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert loaded_ms < 5000


@pytest.mark.parametrize("policies", [("kpa",), ("kpa", "phpa"), ("kpa", "tidecast")])
def test_few_policies_and_no_course(opening: Opening, making: Making, policies: tuple[str, ...]) -> None:
    page = opening(making(1, trajectories=0, policies=policies))
    assert page.locator("#opened").is_hidden()
    assert page.locator("#frontier .mark").count() == len(
        making(1, trajectories=0, policies=policies).outcomes
    )
    assert "NaN" not in page.locator("main").inner_html()
