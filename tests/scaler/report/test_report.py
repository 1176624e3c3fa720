"""What the page says, and that it says nothing else."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

from config.calendar import Calendar
from scaler.backtest.result import Backtest, Outcome
from scaler.policies.policy import PlanRows, Policy, Series
from scaler.report.compare import compared
from scaler.report.page import SCRIPTS, STYLES, report_html
from scaler.report.verdict import Verdict, verdict
from scaler.report.words import NBSP, change, lasting, number, percent, setting, when
from scaler.simulation.score import ReplayMetrics

ROOT = Path(__file__).parents[3]
Making = Callable[..., Backtest]
HOSTILE = "</script><script>alert(1)</script>"


def came_to(requests: float, delayed: float, pod_hours: float) -> tuple[ReplayMetrics]:
    return (ReplayMetrics(requests, delayed, 0, delayed, 3600 * pod_hours, 0, 10, 0, 0),)


def of(making: Making, **outcomes: tuple[ReplayMetrics]) -> Backtest:
    """A backtest of one series; all but the KPA alone look at the delay-cost."""
    found = [Outcome(name, None if name == "kpa" else 30.0, got) for name, got in outcomes.items()]
    return replace(making(1, trajectories=0), outcomes=tuple(found))


def found(backtest: Backtest) -> Verdict:
    return verdict(backtest, compared(backtest))


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


def data_of(page: str) -> Any:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match
    return json.loads(match[1])


def test_better_is_said_with_what_it_costs(making: Making) -> None:
    backtest = of(making, kpa=came_to(1e5, 3130, 100), tidecast=came_to(1e5, 410, 104))
    got = found(backtest)
    assert plain(got.sentence) == (
        "Tidecast would have delayed 0.41 % of requests instead of 3.13 % (the KPA alone), "
        "with 4 % more pod-hours."
    )
    assert plain(got.notes[0]) == (
        "With a delayed request worth 30 pod-seconds, that costs 15 % less than the KPA alone."
    )


def test_worse_is_said_as_plainly(making: Making) -> None:
    got = found(of(making, kpa=came_to(1e5, 410, 100), tidecast=came_to(1e5, 3130, 250)))
    assert plain(got.sentence) == (
        "Tidecast would have delayed more: 3.13 % of requests instead of 0.41 % (the KPA alone), "
        "with 2.50 times the pod-hours."
    )
    assert plain(got.notes[0]).endswith("more than the KPA alone, which is the better choice here.")


def test_what_reads_the_same_is_the_same(making: Making) -> None:
    got = found(of(making, kpa=came_to(1e6, 4101, 100), tidecast=came_to(1e6, 4100, 69)))
    assert plain(got.sentence) == (
        "Tidecast would have delayed as many requests as the KPA alone, 0.41 %, with 31 % fewer pod-hours."
    )


def test_nobody_delayed_anything(making: Making) -> None:
    got = found(of(making, kpa=came_to(1e6, 0, 100), tidecast=came_to(1e6, 0, 100)))
    assert got.sentence == (
        "Neither Tidecast nor the KPA alone would have delayed a request; "
        "Tidecast would have held as many pod-hours."
    )
    assert plain(got.notes[0]).endswith("that costs as much as the KPA alone.")


@pytest.mark.parametrize("held", [0.0, 5.0])
def test_no_request_came(making: Making, held: float) -> None:
    backtest = of(making, kpa=came_to(0, 0, 0), tidecast=came_to(0, 0, held))
    sentence = found(backtest).sentence
    assert sentence.startswith("No request came, so none was delayed")
    assert sentence.endswith("5.00 pod-hours instead of none." if held else "as many pod-hours.")
    assert "NaN" not in report_html(backtest)


def test_without_tidecast_the_cheapest_of_those_that_cannot_see_the_future(making: Making) -> None:
    backtest = of(
        making,
        kpa=came_to(1e5, 3130, 100),
        phpa=came_to(1e5, 2000, 100),
        oracle=came_to(1e5, 0, 50),
        ahpa=came_to(1e5, 1000, 100),
    )
    sentence = found(backtest).sentence
    assert plain(sentence).startswith("Tidecast was not run; ahpa would have delayed 1.00 % of requests")


def test_nothing_but_the_kpa_was_run(making: Making) -> None:
    backtest = of(making, kpa=came_to(1e5, 3130, 100))
    assert plain(found(backtest).sentence) == (
        "The KPA alone would have delayed 3.13 % of requests, with 100 pod-hours; nothing else was run."
    )
    assert data_of(report_html(backtest))["other"] is None


def test_settings_that_do_better_are_not_kept_quiet(making: Making) -> None:
    backtest = of(
        making,
        **{"kpa-tuned": came_to(1e5, 100, 90)},
        kpa=came_to(1e5, 3130, 100),
        tidecast=came_to(1e5, 410, 104),
    )
    assert any(note.endswith("cheaper than Tidecast.") for note in found(backtest).notes)


def test_services_that_got_worse_are_counted(making: Making) -> None:
    backtest = making(2, trajectories=0, policies=("kpa",))
    (kpa,) = backtest.outcomes
    worse = replace(kpa.metrics[0], delayed=kpa.metrics[0].delayed + 1)
    better = replace(kpa.metrics[1], delayed=kpa.metrics[1].delayed - 1)
    backtest = replace(backtest, outcomes=(kpa, Outcome("tidecast", 30.0, (worse, better))))
    assert found(backtest).notes[-1] == (
        "Of 2 services, 1 had fewer delayed requests than under the KPA alone, 1 had more."
    )


def test_every_outcome_has_a_row_with_its_sums(making: Making) -> None:
    backtest = making(5)
    page = report_html(backtest)
    body = page[page.index('<details id="summary">') : page.index("</details>")]
    assert body.count('<th scope="row"') == len(backtest.outcomes)
    kpa = backtest.outcome("kpa")
    assert kpa is not None
    held = sum(each.pod_s for each in kpa.metrics) / 3600
    assert f"<td>{number(held)}</td>" in body


def test_what_the_table_of_policies_says_is_told(making: Making) -> None:
    def plan(subject: Series, delay_cost: float) -> PlanRows:
        pytest.fail("a report tells of policies and asks none")

    policies = {"phpa": Policy(description="Holt-Winters of <replicas>", source="PHPA 0.13", plan=plan)}
    assert "Holt-Winters of &lt;replicas&gt; (PHPA 0.13)" in report_html(making(), policies)


def test_how_it_was_made(making: Making) -> None:
    page = plain(report_html(making()))
    for words in (
        "nasa_http_60s.csv.gz: 3 series, steps of 60 seconds, scaled to a mean of 40 requests/s",
        "1995-07-08 00:00 UTC to 1995-07-30 00:00 UTC, 22 days",
        "7 days before it, lived through and not scored",
        "<dt>startup-seconds</dt><dd>45</dd>",
        "<dt>Seed</dt><dd>7</dd>",
        "Tidecast 0.1.0",
    ):
        assert words in page, words


def test_the_world_has_a_calendar_where_one_was_given(making: Making) -> None:
    backtest = making(3)
    assert "<dt>calendar</dt>" not in report_html(backtest)
    scenario = replace(backtest.scenario, calendar=Calendar(time_zone="Asia/Tokyo"))
    page = report_html(replace(backtest, scenario=scenario))
    assert "<dt>calendar</dt><dd>{&quot;time-zone&quot;: &quot;Asia/Tokyo&quot;}</dd>" in page


def test_names_are_text_wherever_they_stand(making: Making) -> None:
    backtest = making(3, names=(HOSTILE, "a&b<!--"))
    scenario = replace(backtest.scenario, series={HOSTILE: {"startup_seconds": 3.0}})
    page = report_html(replace(backtest, where=HOSTILE, scenario_name=HOSTILE, scenario=scenario))
    assert "alert(1)</script>" not in page
    assert page.count("</script>") == 2
    assert data_of(page)["series"][:2] == [HOSTILE, "a&b<!--"]


def test_what_is_not_known_is_null_and_figures_are_short(making: Making) -> None:
    course = data_of(report_html(making(1, trajectories=1, columns=60)))["courses"][0]
    assert course["low"][0] is None
    assert all(len(str(value)) <= 6 for value in course["arrivals"])
    assert len(course["pods"]) == 60


def test_a_large_page_is_small_enough(making: Making) -> None:
    assert len(report_html(making(250, trajectories=20, columns=2000)).encode()) < 4e6


def test_a_fleet_is_told_at_the_shown_delay_cost_only(making: Making) -> None:
    outcomes = data_of(report_html(making(3000, trajectories=1)))["outcomes"]
    assert {each["cost"] for each in outcomes if each["by"] is not None} == {None, 30}


def test_nothing_in_it_points_elsewhere(making: Making) -> None:
    page = report_html(making())
    assert re.findall(r"https?://[^\s\"']*", page) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r"url\(|@import|<img|<iframe|src=", page) == []
    assert "default-src 'none'" in page


def test_assets_are_found_and_are_in_the_wheel() -> None:
    assets = {each.name for each in (files("scaler.report") / "assets").iterdir()}
    assert assets == {"report.html", *STYLES, *SCRIPTS}
    packed = {each.distribution_path for each in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"scaler/report/assets/{name}" for name in assets} <= packed


@pytest.mark.parametrize("ink", ["ink", "soft", "ours", "alone", "worse"])
@pytest.mark.parametrize("ground", ["paper", "card", "tint"])
def test_colours_can_be_read_in_light_and_dark(ink: str, ground: str) -> None:
    css = (files("scaler.report") / "assets" / "page.css").read_text()
    colours = {name: pair for name, *pair in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", css)}
    for front, back in zip(colours[ink], colours[ground], strict=True):
        assert contrast(front, back) >= 4.5, (front, back)


def contrast(front: str, back: str) -> float:
    """WCAG 2.2, contrast ratio of two colours."""
    lighter, darker = sorted((luminance(front), luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (1e-9, "< 0.01 %"),
        (0.0041, "0.41 %"),
        (0.0999, "9.99 %"),
        (0.1234, "12.3 %"),
    ],
)
def test_shares(share: float, text: str) -> None:
    assert plain(percent(share)) == text


def test_other_words() -> None:
    assert [number(v) for v in (0, 0.0123, 1.5, 12.34, 12345.6)] == [
        "0", "0.0123", "1.50", "12.3", "12,346",
    ]  # fmt: skip
    assert [setting(v) for v in (30.0, 0.5, 1e6)] == ["30", "0.5", "1,000,000"]
    assert plain(change(1.04, 1, "pods")) == "4 % more pods"
    assert change(0, 0, "pods") == "as many pods"
    assert [plain(lasting(s)) for s in (60, 300, 86400, 129600)] == [
        "60 seconds", "5 minutes", "24 hours", "1.5 days",
    ]  # fmt: skip
    assert when(804_556_800) == "1995-07-01 00:00 UTC"
