"""The text and data of the page, its colours, and that it refers to no other file."""

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
from scaler.report.compare import compare
from scaler.report.page import SCRIPTS, STYLES, report_html
from scaler.report.verdict import Verdict, verdict
from scaler.report.words import NBSP, change, date_time, duration, number, percent, setting
from scaler.simulation.score import ReplayMetrics

ROOT = Path(__file__).parents[3]
MakeBacktest = Callable[..., Backtest]
HOSTILE = "</script><script>alert(1)</script>"


def metrics(requests: float, delayed: float, pod_hours: float) -> tuple[ReplayMetrics]:
    return (ReplayMetrics(requests, delayed, 0, delayed, 3600 * pod_hours, 0, 10, 0, 0),)


def backtest_of(make_backtest: MakeBacktest, **outcomes: tuple[ReplayMetrics]) -> Backtest:
    """Return a backtest of one series; all policies but the KPA alone use the delay cost."""
    replaced = [
        Outcome(name, None if name == "kpa" else 30.0, by_series) for name, by_series in outcomes.items()
    ]
    return replace(make_backtest(1, trajectories=0), outcomes=tuple(replaced))


def verdict_of(backtest: Backtest) -> Verdict:
    return verdict(backtest, compare(backtest))


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


def data_of(page: str) -> Any:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match
    return json.loads(match[1])


def test_verdict_states_improvement_and_pod_hours(make_backtest: MakeBacktest) -> None:
    backtest = backtest_of(make_backtest, kpa=metrics(1e5, 3130, 100), tidecast=metrics(1e5, 410, 104))
    got = verdict_of(backtest)
    assert plain(got.sentence) == (
        "Tidecast would have delayed 0.41 % of requests instead of 3.13 % (the KPA alone), "
        "with 4 % more pod-hours."
    )
    assert plain(got.notes[0]) == (
        "At a delay cost of 30 pod-seconds per delayed request, Tidecast costs 15 % less than the KPA alone."
    )


def test_verdict_states_that_compared_policy_delays_more(make_backtest: MakeBacktest) -> None:
    got = verdict_of(backtest_of(make_backtest, kpa=metrics(1e5, 410, 100), tidecast=metrics(1e5, 3130, 250)))
    assert plain(got.sentence) == (
        "Tidecast would have delayed more: 3.13 % of requests instead of 0.41 % (the KPA alone), "
        "with 2.50 times the pod-hours."
    )
    assert plain(got.notes[0]).endswith("more than the KPA alone, which is the better choice here.")


def test_verdict_calls_shares_equal_that_are_equal_as_text(make_backtest: MakeBacktest) -> None:
    got = verdict_of(backtest_of(make_backtest, kpa=metrics(1e6, 4101, 100), tidecast=metrics(1e6, 4100, 69)))
    assert plain(got.sentence) == (
        "Tidecast would have delayed as many requests as the KPA alone, 0.41 %, with 31 % fewer pod-hours."
    )


def test_verdict_without_delayed_requests(make_backtest: MakeBacktest) -> None:
    got = verdict_of(backtest_of(make_backtest, kpa=metrics(1e6, 0, 100), tidecast=metrics(1e6, 0, 100)))
    assert got.sentence == (
        "Neither Tidecast nor the KPA alone would have delayed a request; "
        "Tidecast would have held as many pod-hours."
    )
    assert plain(got.notes[0]).endswith("Tidecast costs as much as the KPA alone.")


@pytest.mark.parametrize("held", [0.0, 5.0])
def test_verdict_without_requests(make_backtest: MakeBacktest, held: float) -> None:
    backtest = backtest_of(make_backtest, kpa=metrics(0, 0, 0), tidecast=metrics(0, 0, held))
    sentence = verdict_of(backtest).sentence
    assert sentence.startswith("There were no requests to delay")
    assert sentence.endswith("5.00 pod-hours instead of none." if held else "as many pod-hours.")
    assert "NaN" not in report_html(backtest)


def test_without_tidecast_cheapest_policy_without_hindsight_is_compared(make_backtest: MakeBacktest) -> None:
    backtest = backtest_of(
        make_backtest,
        kpa=metrics(1e5, 3130, 100),
        phpa=metrics(1e5, 2000, 100),
        oracle=metrics(1e5, 0, 50),
        ahpa=metrics(1e5, 1000, 100),
    )
    sentence = verdict_of(backtest).sentence
    assert plain(sentence).startswith("Tidecast was not run; ahpa would have delayed 1.00 % of requests")


def test_verdict_of_kpa_alone(make_backtest: MakeBacktest) -> None:
    backtest = backtest_of(make_backtest, kpa=metrics(1e5, 3130, 100))
    assert plain(verdict_of(backtest).sentence) == (
        "The KPA alone would have delayed 3.13 % of requests, with 100 pod-hours; no other policy was run."
    )
    assert data_of(report_html(backtest))["compared"] is None


def test_verdict_names_settings_that_are_cheaper_than_tidecast(make_backtest: MakeBacktest) -> None:
    backtest = backtest_of(
        make_backtest,
        **{"kpa-tuned": metrics(1e5, 100, 90)},
        kpa=metrics(1e5, 3130, 100),
        tidecast=metrics(1e5, 410, 104),
    )
    assert any(note.endswith("cheaper than Tidecast.") for note in verdict_of(backtest).notes)


def test_verdict_counts_services_with_more_delayed_requests(make_backtest: MakeBacktest) -> None:
    backtest = make_backtest(2, trajectories=0, policies=("kpa",))
    (kpa,) = backtest.outcomes
    worse = replace(kpa.metrics[0], delayed=kpa.metrics[0].delayed + 1)
    better = replace(kpa.metrics[1], delayed=kpa.metrics[1].delayed - 1)
    backtest = replace(backtest, outcomes=(kpa, Outcome("tidecast", 30.0, (worse, better))))
    assert verdict_of(backtest).notes[-1] == (
        "Of 2 services, 1 had fewer delayed requests than under the KPA alone, 1 had more."
    )


def test_summary_has_a_row_with_totals_per_outcome(make_backtest: MakeBacktest) -> None:
    backtest = make_backtest(5)
    page = report_html(backtest)
    body = page[page.index('<details id="summary">') : page.index("</details>")]
    assert body.count('<th scope="row"') == len(backtest.outcomes)
    kpa = backtest.outcome("kpa")
    assert kpa is not None
    pod_hours = sum(metrics.pod_s for metrics in kpa.metrics) / 3600
    assert f"<td>{number(pod_hours)}</td>" in body


def test_page_has_descriptions_and_sources_of_policies(make_backtest: MakeBacktest) -> None:
    def plan(subject: Series, delay_cost: float) -> PlanRows:
        pytest.fail("a report plans nothing")

    policies = {"phpa": Policy(description="Holt-Winters of <replicas>", source="PHPA 0.13", plan=plan)}
    assert "Holt-Winters of &lt;replicas&gt; (PHPA 0.13)" in report_html(make_backtest(), policies)


def test_page_states_provenance(make_backtest: MakeBacktest) -> None:
    page = plain(report_html(make_backtest()))
    for text in (
        "nasa_http_60s.csv.gz: 3 series, steps of 60 seconds, scaled to a mean of 40 requests/s",
        "1995-07-08 00:00 UTC to 1995-07-30 00:00 UTC, 22 days",
        "the 7 days before, simulated, not scored",
        "<dt>startup-seconds</dt><dd>45</dd>",
        "<dt>Seed</dt><dd>7</dd>",
        "Tidecast 0.1.0",
    ):
        assert text in page, text


def test_scenario_on_the_page_has_a_configured_calendar(make_backtest: MakeBacktest) -> None:
    backtest = make_backtest(3)
    assert "<dt>calendar</dt>" not in report_html(backtest)
    scenario = replace(backtest.scenario, calendar=Calendar(time_zone="Asia/Tokyo"))
    page = report_html(replace(backtest, scenario=scenario))
    assert "<dt>calendar</dt><dd>{&quot;time-zone&quot;: &quot;Asia/Tokyo&quot;}</dd>" in page


def test_hostile_names_are_escaped(make_backtest: MakeBacktest) -> None:
    backtest = make_backtest(3, names=(HOSTILE, "a&b<!--"))
    scenario = replace(backtest.scenario, series={HOSTILE: {"startup_seconds": 3.0}})
    page = report_html(replace(backtest, where=HOSTILE, scenario_name=HOSTILE, scenario=scenario))
    assert "alert(1)</script>" not in page
    assert page.count("</script>") == 2
    assert data_of(page)["series"][:2] == [HOSTILE, "a&b<!--"]


def test_nan_is_null_and_numbers_are_rounded_in_trajectories(make_backtest: MakeBacktest) -> None:
    trajectory = data_of(report_html(make_backtest(1, trajectories=1, columns=60)))["trajectories"][0]
    assert trajectory["low"][0] is None
    assert all(len(str(value)) <= 6 for value in trajectory["arrivals"])
    assert len(trajectory["pods"]) == 60


def test_size_of_a_large_page_is_bounded(make_backtest: MakeBacktest) -> None:
    assert len(report_html(make_backtest(250, trajectories=20, columns=2000)).encode()) < 4e6


def test_large_fleet_has_values_by_series_at_shown_delay_cost_only(make_backtest: MakeBacktest) -> None:
    outcomes = data_of(report_html(make_backtest(3000, trajectories=1)))["outcomes"]
    assert {outcome["delay_cost"] for outcome in outcomes if outcome["by_series"] is not None} == {None, 30}


def test_page_refers_to_no_other_file(make_backtest: MakeBacktest) -> None:
    page = report_html(make_backtest())
    assert re.findall(r"https?://[^\s\"']*", page) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r"url\(|@import|<img|<iframe|src=", page) == []
    assert "default-src 'none'" in page


def test_assets_are_complete_and_in_the_wheel() -> None:
    assets = {file.name for file in (files("scaler.report") / "assets").iterdir()}
    assert assets == {"report.html", *STYLES, *SCRIPTS}
    packed = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"scaler/report/assets/{name}" for name in assets} <= packed


@pytest.mark.parametrize("front", ["ink", "soft", "compared", "kpa", "worse"])
@pytest.mark.parametrize("back", ["paper", "card", "tint"])
def test_contrast_of_colours_in_light_and_dark(front: str, back: str) -> None:
    css = (files("scaler.report") / "assets" / "page.css").read_text()
    colours = {name: pair for name, *pair in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", css)}
    for front_colour, back_colour in zip(colours[front], colours[back], strict=True):
        assert contrast(front_colour, back_colour) >= 4.5, (front_colour, back_colour)


def contrast(front: str, back: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2.2 defines it."""
    lighter, darker = sorted((luminance(front), luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels)
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
def test_percent(share: float, text: str) -> None:
    assert plain(percent(share)) == text


def test_numbers_dates_and_durations_for_people() -> None:
    assert [number(v) for v in (0, 0.0123, 1.5, 12.34, 12345.6)] == [
        "0", "0.0123", "1.50", "12.3", "12,346",
    ]  # fmt: skip
    assert [setting(v) for v in (30.0, 0.5, 1e6)] == ["30", "0.5", "1,000,000"]
    assert plain(change(1.04, 1, "pods")) == "4 % more pods"
    assert change(0, 0, "pods") == "as many pods"
    assert [plain(duration(s)) for s in (60, 300, 86400, 129600)] == [
        "60 seconds", "5 minutes", "24 hours", "1.5 days",
    ]  # fmt: skip
    assert date_time(804_556_800) == "1995-07-01 00:00 UTC"
