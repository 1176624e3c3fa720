"""`tidecast recommend`: annotations that would have served a service better, with nothing installed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaler.cli.interrupt import INTERRUPTED
from scaler.cli.options import (
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
    a_number,
    chosen,
)

if TYPE_CHECKING:
    from scaler.backtest.recommend import Recommendation
    from scaler.backtest.series import Traffic


DelayCostOption = Annotated[
    float,
    typer.Option(
        "--delay-cost",
        min=1e-6,
        max=1e9,
        callback=a_number,
        help="Pod-seconds that one delayed request is worth.",
    ),
]
LEAVE = "leave as it is"
UNNAMED = (
    "the series' name has no namespace (namespace/name); kubectl -n says it, else the one in use is meant"
)


def recommend(
    files: FilesArgument,
    scenario: ScenarioOption = "web",
    scale_to: ScaleOption = None,
    series: SeriesOption = "*",
    delay_cost: DelayCostOption = 30.0,
    seed: SeedOption = 7,
    jobs: JobsOption = None,
    values: ValuesOption = ValuesAre.RATE,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Replay settings of Knative's autoscaler on exported traffic; print the annotations worth setting.

    Settings are chosen on the first half of the traffic and judged on the second, of which the figures are.

    To apply them: tidecast recommend FILE -o yaml | kubectl apply --server-side --field-manager=owner -f -
    """
    from scaler.cli.exported import exported
    from scaler.cli.output import write_rows

    output = chosen(output, as_json)
    traffic = exported(files, values, scenario=scenario, scale_to=scale_to, series=series, seed=seed)
    found = _found(traffic, delay_cost, jobs)
    if output is Format.YAML:
        typer.echo(patches(found), nl=False)
    elif output is Format.JSON:
        write_rows([told(one) for one in found], output)
    else:
        write_rows([_row(one) for one in found], output)
    if len(found) < len(traffic):
        raise typer.Exit(INTERRUPTED)


def _found(traffic: "Traffic", delay_cost: float, jobs: int | None) -> list["Recommendation"]:
    """In the order of the series; fewer where Ctrl-C ended it, which is said."""
    from scaler.backtest.recommend import recommend as best
    from scaler.cli.progress import bars, say
    from scaler.parallel.threads import threads

    def advised(k: int) -> "Recommendation":
        subject = traffic.series_at(k)
        return best(subject.series, subject.arrivals, subject.scenario, delay_cost)

    found = {}
    with bars() as progress, threads(jobs) as executor:
        done = progress("replaying")
        for k, one in executor(advised, range(len(traffic))):
            found[k] = one
            done(len(found) / len(traffic))
    if len(found) < len(traffic):
        say(f"stopped: {len(found)} of {len(traffic)} series were looked at")
    return [found[k] for k in sorted(found)]


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
        said = _change(one) if namespace else f"{_change(one)}\n# {UNNAMED}"
        parts.append(f"---\n# {said}\n" + yaml.safe_dump(patch, sort_keys=False, allow_unicode=True))
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
