"""`tidecast recommend`: print annotations that would have served a service better."""

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
    chosen,
    not_nan,
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
        callback=not_nan,
        help="Cost of one delayed request in pod-seconds.",
    ),
]
LEAVE = "leave unchanged"
UNNAMED = "the series has no namespace (namespace/name): kubectl -n sets it, else the current one applies"


def recommend(
    files: FilesArgument,
    *,
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
    """Replay settings of Knative's autoscaler on exported traffic; print those that serve it better.

    The first half of the traffic selects the settings; the metrics are those of the second half.

    To apply them: tidecast recommend FILE -o yaml | kubectl apply --server-side --field-manager=owner -f -
    """
    from scaler.cli.exported import exported_traffic
    from scaler.cli.output import write_rows

    output = chosen(output, as_json)
    traffic = exported_traffic(files, values, scenario=scenario, scale_to=scale_to, series=series, seed=seed)
    recommendations = _recommendations(traffic, delay_cost, jobs)
    if output is Format.YAML:
        typer.echo(patches(recommendations), nl=False)
    elif output is Format.JSON:
        write_rows([as_dict(recommendation) for recommendation in recommendations], output)
    else:
        write_rows([_row(recommendation) for recommendation in recommendations], output)
    if len(recommendations) < len(traffic):
        raise typer.Exit(INTERRUPTED)


def _recommendations(traffic: "Traffic", delay_cost: float, jobs: int | None) -> list["Recommendation"]:
    """Return the recommendations in the order of the series; fewer, with a message, after Ctrl-C."""
    from scaler.backtest.recommend import recommend as recommend_series
    from scaler.cli.progress import bars, say
    from scaler.parallel.threads import threads

    def of_series(k: int) -> "Recommendation":
        series = traffic.series_at(k)
        return recommend_series(series.name, series.arrivals, series.scenario, delay_cost)

    completed = {}
    with bars() as progress, threads(jobs) as executor:
        on_progress = progress("replaying")
        for k, recommendation in executor(of_series, range(len(traffic))):
            completed[k] = recommendation
            on_progress(len(completed) / len(traffic))
    if len(completed) < len(traffic):
        say(f"stopped: {len(completed)} of {len(traffic)} series are completed")
    return [completed[k] for k in sorted(completed)]


def as_dict(recommendation: "Recommendation") -> dict[str, Any]:
    """Return a recommendation as programs read it."""
    return {
        "series": recommendation.series,
        "annotations": recommendation.settings.annotations(),
        "before": recommendation.before,
        "after": recommendation.after,
    }


def patches(recommendations: list["Recommendation"]) -> str:
    """Return one merge patch per Service as YAML documents; a comment where nothing should change."""
    import yaml

    parts = []
    for recommendation in recommendations:
        annotations = recommendation.settings.annotations()
        if not annotations:
            # A name may contain any character; a comment ends with its line.
            parts.append(f"# {' '.join(recommendation.series.split())}: {LEAVE}\n")
            continue
        namespace, _, name = recommendation.series.rpartition("/")
        patch = {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
            "spec": {"template": {"metadata": {"annotations": annotations}}},
        }
        comment = _change(recommendation) if namespace else f"{_change(recommendation)}\n# {UNNAMED}"
        parts.append(f"---\n# {comment}\n" + yaml.safe_dump(patch, sort_keys=False, allow_unicode=True))
    return "".join(parts)


def _row(recommendation: "Recommendation") -> dict[str, Any]:
    annotations = recommendation.settings.annotations()
    short = ", ".join(f"{name.partition('/')[2]}={text}" for name, text in annotations.items())
    row: dict[str, Any] = {"series": recommendation.series, "annotations": short or LEAVE}
    for name, metrics in (("before", recommendation.before), ("after", recommendation.after)):
        row[f"delayed_%_{name}"] = _percent(metrics.delayed, metrics.requests)
        row[f"cold_%_{name}"] = _percent(metrics.cold, metrics.requests)
        row[f"pod_hours_{name}"] = metrics.pod_s / 3600
        row[f"starts_{name}"] = metrics.starts
    return row


def _change(recommendation: "Recommendation") -> str:
    today, after = recommendation.before, recommendation.after
    return (
        f"delayed {_percent(today.delayed, today.requests):.3g} -> "
        f"{_percent(after.delayed, after.requests):.3g} %, "
        f"cold {_percent(today.cold, today.requests):.3g} -> {_percent(after.cold, after.requests):.3g} %, "
        f"pod-hours {today.pod_s / 3600:.4g} -> {after.pod_s / 3600:.4g}, "
        f"starts {today.starts:.0f} -> {after.starts:.0f}"
    )


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0
