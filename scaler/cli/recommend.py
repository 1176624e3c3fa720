"""`tidecast recommend`: annotations that would have served a service better, with nothing installed."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaler.cli.options import Format, FormatOption, JsonOption, chosen

if TYPE_CHECKING:
    from scaler.recommend import Recommendation


def _a_number(value: float | None) -> float | None:
    """What is no number passes every bound, so it is refused here."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="EXPORT",
        help="Exported metrics: .csv, .csv.gz, .parquet, or .json as Prometheus answers a range query.",
        show_default=False,
    ),
]
ScenarioOption = Annotated[
    str,
    typer.Option(
        "--scenario",
        metavar="NAME|FILE",
        help="How pods start and serve; heavy, web, sparse, or a YAML or JSON file.",
    ),
]
ScaleOption = Annotated[
    float | None,
    typer.Option(
        "--scale-to",
        metavar="RATE",
        min=1e-6,
        max=100_000,
        callback=_a_number,
        help="Scale each series to so many requests/s in the mean.",
    ),
]
SeriesOption = Annotated[str, typer.Option("--series", metavar="GLOB", help="Only the series that fit.")]
DelayCostOption = Annotated[
    float,
    typer.Option(
        "--delay-cost",
        min=1e-6,
        max=1e9,
        callback=_a_number,
        help="Pod-seconds that one delayed request is worth.",
    ),
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Of the randomness that turns longer steps into seconds.")
]
LEAVE = "leave as it is"


def recommend(
    files: FilesArgument,
    scenario: ScenarioOption = "web",
    scale_to: ScaleOption = None,
    series: SeriesOption = "*",
    delay_cost: DelayCostOption = 30.0,
    seed: SeedOption = 7,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Replay settings of Knative's autoscaler on exported traffic; print the annotations worth setting.

    Settings are chosen on the first half of the traffic and judged on the second, of which the figures are.

    To apply them: tidecast recommend FILE -o yaml | kubectl apply --server-side --field-manager=owner -f -
    """
    from scaler.cli.output import write_rows

    output = chosen(output, as_json)
    found = _found(files, scenario, scale_to, series, delay_cost, seed)
    if output is Format.YAML:
        typer.echo(patches(found), nl=False)
    elif output is Format.JSON:
        write_rows([told(one) for one in found], output)
    else:
        write_rows([_row(one) for one in found], output)


def _found(
    files: list[Path], scenario: str, scale_to: float | None, series: str, delay_cost: float, seed: int
) -> list["Recommendation"]:
    from config.scenario import load_scenario
    from forecaster.exports import read_export
    from scaler.cli.progress import bars, say
    from scaler.recommend import fitting
    from scaler.recommend import recommend as best
    from scaler.replay.traffic import arrivals_by_second, observed, source

    world = load_scenario(scenario)
    export = read_export(files)
    for repair in export.repairs:
        say(repair)
    rows = fitting(export.series, series)
    found = []
    with bars() as progress:
        done = progress("replaying")
        for at, i in enumerate(rows):
            name = export.series[i]
            its = world.of(name)
            arrivals = arrivals_by_second(
                observed(export.counts[i]),
                export.step_s,
                source(seed, name),
                scale_to=scale_to,
                dispersion=its.dispersion,
            )
            found.append(best(name, arrivals, its, delay_cost))
            done((at + 1) / len(rows))
    return found


def told(one: "Recommendation") -> dict[str, Any]:
    """A recommendation as programs read it."""
    return {
        "series": one.series,
        "annotations": one.setting.annotations(),
        "before": one.before,
        "after": one.after,
    }


def patches(found: list["Recommendation"]) -> str:
    """One document a Service, each a merge patch; what is left as it is has a comment."""
    import yaml

    parts = []
    for one in found:
        annotations = one.setting.annotations()
        if not annotations:
            # A name may have any character; a comment ends with its line.
            parts.append(f"# {' '.join(one.series.split())}: {LEAVE}\n")
            continue
        namespace, _, name = one.series.rpartition("/")
        patch = {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
            "spec": {"template": {"metadata": {"annotations": annotations}}},
        }
        parts.append(f"---\n# {_change(one)}\n" + yaml.safe_dump(patch, sort_keys=False, allow_unicode=True))
    return "".join(parts)


def _row(one: "Recommendation") -> dict[str, Any]:
    before, after, settings = one.before, one.after, one.setting.annotations()
    short = ", ".join(f"{name.partition('/')[2]}={text}" for name, text in settings.items())
    row: dict[str, Any] = {"series": one.series, "annotations": short or LEAVE}
    for name, of in (("before", before), ("after", after)):
        row[f"delayed_%_{name}"] = _percent(of.delayed, of.requests)
        row[f"cold_%_{name}"] = _percent(of.cold, of.requests)
        row[f"pod_hours_{name}"] = of.pod_s / 3600
        row[f"starts_{name}"] = of.starts
    return row


def _change(one: "Recommendation") -> str:
    before, after = one.before, one.after
    return (
        f"delayed {_percent(before.delayed, before.requests):.3g} -> "
        f"{_percent(after.delayed, after.requests):.3g} %, "
        f"cold {_percent(before.cold, before.requests):.3g} -> {_percent(after.cold, after.requests):.3g} %, "
        f"pod-hours {before.pod_s / 3600:.4g} -> {after.pod_s / 3600:.4g}, "
        f"starts {before.starts:.0f} -> {after.starts:.0f}"
    )


def _percent(part: float, of: float) -> float:
    return 100 * part / of if of else 0.0
