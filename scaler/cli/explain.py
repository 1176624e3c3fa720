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
    *,
    export: ExportOption = None,
    scenario: ScenarioOption = "web",
    at_time: AtOption = None,
    delay_cost: DelayCostOption = None,
    config: ConfigOption = None,
    kubeconfig: KubeconfigOption = None,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Show the numbers behind one floor: forecast, active policy, candidates, and other floors."""
    from scaler.cli.output import plain, write_value

    output = chosen(output, as_json)
    if not export and at_time is not None:
        raise typer.BadParameter("--at needs --export")
    explanations = (
        _from_files(name, export, scenario, at_time, delay_cost, config)
        if export
        else _from_cluster(name, delay_cost, config, kubeconfig)
    )
    if output is Format.TABLE:
        sys.stdout.write("\n".join(page_lines(explanations, in_cluster=not export)) + "\n")
    else:
        write_value(
            [{"series": series, **plain(explanation)} for series, explanation in explanations], output
        )


def _from_files(
    name: str,
    export: list[Path],
    scenario: str,
    at_time: str | None,
    delay_cost: float | None,
    config: Path | None,
) -> list[tuple[str, Any]]:
    from scaler.cli.offline import offline
    from scaler.controller.explain import explain as explanation_of

    planned = offline(
        export, scenario=scenario, at_time=at_time, series=name, delay_cost=delay_cost, config=config
    )
    return [
        (series, explanation_of(planned.planner, planned.spec, planned.plan, row))
        for row, series in enumerate(planned.series)
    ]


def _from_cluster(
    name: str, delay_cost: float | None, config: Path | None, kubeconfig: Path | None
) -> list[tuple[str, Any]]:
    from scaler.cli.cluster import planned_from_cluster, settings_of
    from scaler.controller.explain import explain as explanation_of

    with planned_from_cluster(settings_of(config, delay_cost=delay_cost), kubeconfig) as (
        planner,
        spec,
        plan,
    ):
        rows = [
            row
            for row, (key, service) in enumerate(zip(spec.keys, spec.services, strict=True))
            if name in (str(key), str(service)) and service in planner.state.keys
        ]
        if not rows:
            raise typer.BadParameter(
                f"NAME: {name!r} is not a Revision or Service that Tidecast plans and has observed; "
                "`tidecast plan` lists those, and Revisions without a forecast"
            )
        return [(str(spec.keys[row]), explanation_of(planner, spec, plan, row)) for row in rows]


def page_lines(explanations: list[tuple[str, Any]], *, in_cluster: bool = False) -> list[str]:
    """Return the explanations (series, `Explanation`) as lines for people; in a cluster, with what is
    written.
    """
    lines: list[str] = []
    for series, explanation in explanations:
        plan = explanation.plan
        bound = f", bounded by {plan.bound}" if str(plan.bound) else ""
        lines += [
            f"{series}: floor {plan.floor} ({plan.reason}{bound}; desired by the forecast: {plan.desired})",
            *(
                [f"  {explanation.write_state[0].upper()}{explanation.write_state[1:]}."]
                if in_cluster
                else []
            ),
            "",
            f"  A pod serves {explanation.per_pod:.3g} requests/s; service time {plan.service_time_s:.3g} s.",
            f"  One delayed request costs {explanation.delay_cost:.3g} pod-seconds (delay-cost).",
            f"  Lead time: {plan.lead_s:.0f} s.  Observed: {explanation.observed_s / 86400:.1f} days.  "
            f"Typical forecast error: factor {explanation.sigma:.2f}.",
            f"  Counts of a second have {explanation.dispersion:.2f} times the variance of Poisson counts.",
            "",
            "  peak ahead: median     0.90     0.95     0.99   requests/s",
            "            " + _numbers(explanation.quantiles),
            *(f"  Announced event: {event.name}, {_event_rate(event)}." for event in explanation.events),
            f"  Probability of {'any request' if explanation.intermittent else 'a burst'} in the lead time: "
            f"{explanation.event_prob:.2%}.",
            "",
            f"  Active policy: {explanation.active_policy}",
            f"  ({_selection(explanation)}).",
            *_sizing(explanation),
            *_candidate_table(explanation.candidates),
            "",
            "  pods   shortage probability   pod-seconds saved by one pod more, per pod-second",
            *_alternatives(explanation.alternatives, plan.desired),
            "",
            *_second_opinion(explanation.second_opinion),
            "",
        ]
    return lines[:-1]


def _alternatives(alternatives: tuple[Any, ...], desired: int) -> list[str]:
    return [
        f"  {a.pods:4d} {a.shortage_prob:22.2%}   {a.gain:24.3f}{'  <' if a.pods == desired else ''}"
        for a in alternatives
    ]


def _event_rate(event: Any) -> str:
    if event.requests_per_second is not None:
        return f"at least {event.requests_per_second:g} requests/s"
    return f"at least {event.times:g} times the usual rate"


def _selection(explanation: Any) -> str:
    if explanation.fallback_active:
        return "fallback: over the last day in shadow, the selected candidate delayed more than the KPA alone"
    if explanation.has_evidence:
        return "selected on this service's own traffic"
    if explanation.intermittent:
        return "not enough traffic of its own yet: selected on the traffic of all services"
    return "not enough traffic of its own yet, and too frequent to follow other services"


def _sizing(explanation: Any) -> list[str]:
    """State how the delay cost in the sizing relates to the configured one."""
    sizing = explanation.sizing_delay_cost
    if explanation.fallback_active or not sizing > 0 or sizing == explanation.delay_cost:
        return []
    reason = "the KPA serves most of what a floor misses within seconds."
    if explanation.has_evidence or explanation.intermittent:
        reason = "of the candidates that do no harm, this one has recently cost least."
    return [f"  It sizes the floor as if a delayed request cost {sizing:.3g} pod-seconds: {reason}"]


def _candidate_table(candidates: tuple[Any, ...]) -> list[str]:
    if not candidates:
        return ["  The shadow evaluation has not simulated an hour of this service yet."]
    return [
        "    x pods  delayed  x starts   candidates in shadow, recently, by pods + delay-cost x delayed; "
        "pods and starts x the KPA alone",
        *(
            f"  {c.pods:8.2f} {c.delayed:8.3%} {c.starts:9.2f}   {c.candidate}{'  <' if c.active else ''}"
            for c in candidates
        ),
    ]


def _numbers(values: tuple[float, ...]) -> str:
    return "".join(f"{v:9.3g}" for v in values)


def _second_opinion(diagnosis: Any) -> list[str]:
    def strength(value: float | None) -> str:
        return "not observed (needs two seasons)" if value is None else f"{value:.2f}"

    lines = [
        f"  statsmodels: strength of the daily season {strength(diagnosis.daily)}, "
        f"of the weekly season {strength(diagnosis.weekly)} (0 = none, 1 = nothing else)"
    ]
    if len(diagnosis.expected):
        values = ", ".join(f"{v:.3g}" for v in diagnosis.expected)
        lines.append(f"  AutoReg(3) with Fourier terms forecasts {values} requests/s (not used for floors)")
    return lines
