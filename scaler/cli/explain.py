"""`tidecast explain NS/NAME`: the numbers behind one floor."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scaler.cli.options import ConfigOption, Format, FormatOption, JsonOption, KubeconfigOption, chosen
from scaler.cli.plan import AtOption, DelayCostOption, ExportOption, ScenarioOption

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A Revision or a Service as namespace/name; with --export a series of the file.",
        show_default=False,
    ),
]


def explain(
    name: NameArgument,
    export: ExportOption = None,
    scenario: ScenarioOption = "web",
    at: AtOption = None,
    delay_cost: DelayCostOption = None,
    config: ConfigOption = None,
    kubeconfig: KubeconfigOption = None,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Show the numbers behind one floor: forecast, members, and what more or fewer pods would cost."""
    from scaler.cli.output import plain, write_value

    output = chosen(output, as_json)
    found = (
        _from_files(name, export, scenario, at, delay_cost, config)
        if export
        else _from_cluster(name, delay_cost, config, kubeconfig)
    )
    if output is Format.TABLE:
        sys.stdout.write("\n".join(pages(found)) + "\n")
    else:
        write_value([{"series": series, **plain(told)} for series, told in found], output)


def _from_files(
    name: str,
    export: list[Path],
    scenario: str,
    at: str | None,
    delay_cost: float | None,
    config: Path | None,
) -> list[tuple[str, Any]]:
    from scaler.cli.offline import offline
    from scaler.controller.explain import explain as explained

    made = offline(export, scenario=scenario, at=at, series=name, delay_cost=delay_cost, config=config)
    return [
        (series, explained(made.cycle, made.spec, made.plan, row)) for row, series in enumerate(made.series)
    ]


def _from_cluster(
    name: str, delay_cost: float | None, config: Path | None, kubeconfig: Path | None
) -> list[tuple[str, Any]]:
    from scaler.cli.live import one_look, settings_of
    from scaler.controller.explain import explain as explained

    with one_look(settings_of(config, delay_cost=delay_cost), kubeconfig) as (cycle, spec, plan):
        rows = [
            row
            for row, (key, service) in enumerate(zip(spec.keys, spec.services, strict=True))
            if name in (str(key), str(service)) and service in cycle.state.keys
        ]
        if not rows:
            raise typer.BadParameter(f"{name!r} is no Revision or Service that is looked at and was observed")
        return [(str(spec.keys[row]), explained(cycle, spec, plan, row)) for row in rows]


def pages(found: list[tuple[str, Any]]) -> list[str]:
    """Lines for people."""
    lines: list[str] = []
    for series, told in found:
        one = told.plan
        bound = f", bounded by {one.bound}" if str(one.bound) else ""
        lines += [
            f"{series}: floor {one.floor} ({one.reason}{bound}; the forecast asked for {one.desired})",
            "",
            f"  A pod takes {told.per_pod:.3g} requests/s (service time {one.service_time_s:.3g} s).  "
            f"One delayed request is worth {told.delay_cost:.3g} pod-seconds.",
            f"  The plan reaches {one.lead_s:.0f} s ahead.  Observed: {told.observed_s / 86400:.1f} days.  "
            f"The peak is usually off by a factor of {told.sigma:.2f}.",
            f"  Counts of a second have {told.dispersion:.2f} times the variance of Poisson.",
            "",
            "  peak ahead: median     0.90     0.95     0.99   requests/s",
            "            " + _numbers(told.quantiles),
            *(f"  Announced: {event.name}, {_much(event)}." for event in told.announced),
            f"  The chance of {'any request' if told.few_requests else 'a burst'} in it is {told.event:.2%}.",
            "",
            f"  In force: {told.in_force} ({_why(told)}).",
            *_shadow(told.shadow),
            "",
            "  pods   chance of too few   one more saves, per pod-second",
            *(
                f"  {c.pods:4d} {c.short:15.2%}       {c.saves:8.3f}{'  <' if c.pods == one.desired else ''}"
                for c in told.choices
            ),
            "",
            *_opinion(told.second_opinion),
            "",
        ]
    return lines[:-1]


def _much(event: Any) -> str:
    if event.requests_per_second is not None:
        return f"at least {event.requests_per_second:g} requests/s"
    return f"at least {event.times:g} times what is usual"


def _why(told: Any) -> str:
    if told.fallback_active:
        return "fallback_active: what was chosen delayed more than the KPA alone, over the last day in shadow"
    return "has_evidence" if told.has_evidence else "prior_evidence from other traffic"


def _shadow(candidate_scores: tuple[Any, ...]) -> list[str]:
    if not candidate_scores:
        return ["  The shadow has not lived through an hour of it yet."]
    return [
        "    x pods  delayed  x starts   in shadow, lately",
        *(
            f"  {s.pods:8.2f} {s.delayed:8.3%} {s.starts:9.2f}   {s.candidate}{'  <' if s.in_force else ''}"
            for s in candidate_scores
        ),
    ]


def _numbers(values: tuple[float, ...]) -> str:
    return "".join(f"{v:9.3g}" for v in values)


def _opinion(second: Any) -> list[str]:
    def strength(value: float | None) -> str:
        return "not seen twice" if value is None else f"{value:.2f}"

    lines = [
        f"  statsmodels: strength of the daily season {strength(second.daily)}, "
        f"of the weekly {strength(second.weekly)} (0 none, 1 nothing else)"
    ]
    if len(second.expected):
        values = ", ".join(f"{v:.3g}" for v in second.expected)
        lines.append(f"  AutoReg(3) with Fourier terms expects {values} requests/s in the steps ahead")
    return lines
