"""`tidecast backtest`: replay policies on exported traffic, and compare them with the KPA alone."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaler.cli.interrupt import INTERRUPTED
from scaler.cli.options import (
    DaskOption,
    FilesArgument,
    Format,
    FormatOption,
    JobsOption,
    JsonOption,
    ScaleOption,
    ScenarioOption,
    SeedOption,
    SeriesOption,
    ValuesAre,
    ValuesOption,
    chosen,
    not_nan,
)
from scaler.policies.names import DEFAULT, KPA, NAMES, TIDECAST

if TYPE_CHECKING:
    from scaler.backtest.request import BacktestRequest
    from scaler.backtest.run import BacktestResult
    from scaler.backtest.series import Traffic
    from scaler.policies.policy import Policy

COSTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Default delay costs, pod-seconds per delayed request."""


def _costs(costs: list[float] | None) -> list[float] | None:
    for cost in costs or ():
        not_nan(cost)
    return costs


def _known_policies(names: list[str] | None) -> list[str] | None:
    for name in names or ():
        if name not in NAMES:
            similar = get_close_matches(name, NAMES, n=3)
            hint = f"; do you mean {' or '.join(similar)}?" if similar else ""
            raise typer.BadParameter(f"no policy {name!r}{hint} Allowed: {', '.join(NAMES)}")
    return names


def _writable_path(path: Path | None) -> Path | None:
    """Check that a file can be written, before the work begins."""
    if path is None:
        return None
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder")
    if not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"{path}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise typer.BadParameter(f"{path} cannot be written")
    return path


DelayCostsOption = Annotated[
    list[float] | None,
    typer.Option(
        "--delay-cost",
        metavar="X",
        min=1e-6,
        max=1e9,
        callback=_costs,
        help="Cost of one delayed request in pod-seconds.  May be given several times; default "
        f"{' '.join(f'{cost:g}' for cost in COSTS)}.",
    ),
]
PoliciesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="NAME",
        callback=_known_policies,
        help="Policy to compare, one of the names above.  May be given several times; default "
        f"{' '.join(DEFAULT)}.",
    ),
]
ScoreFromOption = Annotated[
    str | None,
    typer.Option(
        "--score-from",
        metavar="TIME",
        help="Start of scoring (Unix seconds or 2026-01-31T12:00:00Z); earlier data is warm-up; "
        "default the file's start.",
    ),
]
PlanOption = Annotated[
    Path | None,
    typer.Option(
        "--plan-out",
        metavar="P.csv",
        callback=_writable_path,
        help="Write the plan to a file.  Needs one --delay-cost and one --policy that plans.",
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="R.html", callback=_writable_path, help="Write the result as an HTML page."
    ),
]


def backtest(
    files: FilesArgument,
    *,
    scenario: ScenarioOption = "web",
    scale_to: ScaleOption = None,
    delay_cost: DelayCostsOption = None,
    policy: PoliciesOption = None,
    series: SeriesOption = "*",
    score_from: ScoreFromOption = None,
    plan_out: PlanOption = None,
    report: ReportOption = None,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    seed: SeedOption = 7,
    values: ValuesOption = ValuesAre.RATE,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Replay policies on exported traffic: what each would have cost, and how many requests it delays.

    Every policy is compared with Knative's autoscaler (the KPA) alone, on the same traffic.

    Policies: kpa, kpa-u50, kpa-u35, kpa-fixed, kpa-tuned;
    min-scale-1, keepalive-5, keepalive-10, keepalive-20;
    hybrid-histogram, hybrid-histogram-faascache, phpa, phpa-as-coded,
    phpa-linear, crane, ahpa-like, aws-predictive, kedastral-like, femux;
    tidecast, oracle.

    Ctrl-C ends it, with the series that are completed.
    """
    from scaler.cli.exported import exported_traffic
    from scaler.cli.offline import moment

    form = chosen(output, as_json)
    names = tuple(dict.fromkeys(policy or DEFAULT))
    costs = tuple(dict.fromkeys(delay_cost or COSTS))
    policies = _policies(names)
    planned = _planned(policies, costs, policy) if plan_out else None
    score_from_s = None if score_from is None else moment(score_from)
    traffic = exported_traffic(
        files,
        values,
        scenario=scenario,
        scale_to=scale_to,
        series=series,
        seed=seed,
        score_from_s=score_from_s,
    )
    request = _request(policies, costs, planned=planned, trajectories=report is not None)
    result, stopped = _run(traffic, request, files, scenario, jobs, dask)
    if result.backtest.series:
        _write(result, names, form)
        if plan_out:
            _write_plans(plan_out, traffic, result)
        if report:
            _write_report(report, result, policies)
    if stopped:
        raise typer.Exit(INTERRUPTED)


def _policies(names: tuple[str, ...]) -> "dict[str, Policy]":
    """Return the policies in order; the KPA alone comes first where it is not among the names."""
    from scaler.policies.table import POLICIES

    return {name: POLICIES[name] for name in (names if KPA in names else (KPA, *names))}


def _planned(policies: "Mapping[str, Policy]", costs: tuple[float, ...], names: list[str] | None) -> str:
    """Return the policy whose plan is written."""
    planning = [name for name in names or () if name != KPA and not policies[name].hindsight]
    if len(costs) != 1 or len(set(planning)) != 1:
        raise typer.BadParameter(
            "--plan-out needs exactly one --delay-cost, and one --policy that plans without hindsight, such "
            f"as --delay-cost 30 --policy {TIDECAST}"
        )
    return planning[0]


def _request(
    policies: "Mapping[str, Policy]", costs: tuple[float, ...], *, planned: str | None, trajectories: bool
) -> "BacktestRequest":
    from scaler.backtest.request import MAX_TRAJECTORIES, BacktestRequest

    count = MAX_TRAJECTORIES if trajectories else 0
    return BacktestRequest(policies, costs, trajectories=count, planned=planned)


def _run(
    traffic: "Traffic",
    request: "BacktestRequest",
    files: list[Path],
    scenario: str,
    jobs: int | None,
    address: str | None,
) -> "tuple[BacktestResult, bool]":
    """Return the result, and whether Ctrl-C ended the work early."""
    from scaler.backtest.run import run
    from scaler.cli.progress import bars, say
    from scaler.parallel.interface import in_order
    from scaler.parallel.processes import dask, stopped_by
    from scaler.parallel.threads import threads

    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    cluster = nullcontext() if address is None else dask(address)
    with bars() as progress, cluster as remote, threads(jobs) as executor:
        few_series = remote is None and len(traffic) < executor.jobs
        local = executor.serial if few_series else executor
        result = run(
            traffic,
            request,
            where=f"{files[0].name}{more}",
            scenario_name=scenario,
            executor=local if remote is None else stopped_by(remote, lambda: executor.stopped),
            map_items=in_order(executor) if few_series else map,
            on_progress=progress("replaying"),
        )
    if executor.stopped:
        say(f"stopped: {len(result.backtest.series)} of {len(traffic)} series are completed")
    if result.unplanned and result.backtest.series:
        say(f"stopped: {TIDECAST} is left out; it learns from all series before it plans any")
    return result, executor.stopped


def _write(result: "BacktestResult", names: tuple[str, ...], form: Format) -> None:
    from scaler.backtest.summary import as_dict, table
    from scaler.cli.output import write_rows, write_value

    if form is Format.TABLE:
        write_rows(table(result.backtest), form)
    else:
        write_value(as_dict(result.backtest, names), form)


def _write_plans(path: Path, traffic: "Traffic", result: "BacktestResult") -> None:
    from scaler.backtest.plan_file import HEADING, plan_lines
    from scaler.cli.progress import say

    with _file_errors(path), path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADING)
        for k, rows in result.plans:
            file.write(plan_lines(traffic.series_at(k), rows))
    say(f"the plan: {path}")


def _write_report(path: Path, result: "BacktestResult", policies: "Mapping[str, Policy]") -> None:
    from scaler.cli.progress import say
    from scaler.report.page import report_html

    with _file_errors(path):
        path.write_text(report_html(result.backtest, policies), encoding="utf-8")
    say(f"the report: {path}")


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Report an error of writing, such as a full disk, as one that the user must resolve."""
    from forecaster.sources.exports import Unreadable

    try:
        yield
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from error
