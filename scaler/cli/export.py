"""`tidecast export`: write the traffic that Prometheus has to a file."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaler.cli.options import ConfigOption

if TYPE_CHECKING:
    from config.sources import Sources
    from forecaster.sources.demand import Demand
    from forecaster.sources.exports import ExportChunk
    from forecaster.sources.prometheus_source import PrometheusSource

OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        help="File to write: .parquet (needs the extra `parquet`), .csv or .csv.gz.",
    ),
]
PrometheusOption = Annotated[
    str | None,
    typer.Option("--prometheus", metavar="URL", help="Address of Prometheus; default as configured."),
]
SinceOption = Annotated[
    str,
    typer.Option(
        "--since",
        metavar="TIME|DURATION",
        help="Start: a duration before --until such as 14d or 6h, or a time such as 2026-01-31T12:00:00Z.",
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="TIME", help="End; default the current time less the delay of the metrics."
    ),
]
StepOption = Annotated[
    str, typer.Option("--step", metavar="DURATION", help="Interval of the rows, such as 60s.")
]
NamespaceOption = Annotated[
    str, typer.Option("--namespace", metavar="GLOB", help="Only services of the namespaces that match.")
]
SLICE_COLUMNS = 1440
"""Columns that are read and written together: a day with steps of 60 s, the most that Ctrl-C can lose."""


def export(
    out: OutOption,
    prometheus: PrometheusOption = None,
    config: ConfigOption = None,
    since: SinceOption = "14d",
    until: UntilOption = None,
    step: StepOption = "60s",
    namespace: NamespaceOption = "*",
) -> None:
    """Write the traffic of every service in Prometheus to a file, for backtest and plan --export.

    Columns: timestamp (Unix seconds, start of the interval), series (namespace/service), requests,
    service_time_s.
    """
    from forecaster.sources.prometheus_source import PrometheusSource
    from scaler.cli.progress import bars, say

    step_s = int(_seconds(step, "--step"))
    source = PrometheusSource(_sources(config, prometheus))
    try:
        start_s, end_s = _span(source, since, until, step_s)
        with bars() as progress:
            summary = _copy(source, out, namespace, start_s, end_s, step_s, progress("export"))
    finally:
        source.close()
    say(summary)


def _copy(
    source: "PrometheusSource",
    out: Path,
    namespace: str,
    start_s: int,
    end_s: int,
    step_s: int,
    on_progress: Callable[[float], None],
) -> str:
    """Copy the demand in slices from `source` to `out`; return a summary in words.

    Ctrl-C keeps the slices that are copied.
    """
    from forecaster.sources.exports import Writer
    from forecaster.sources.prometheus.errors import NoData
    from scaler.cli.progress import say

    done_s = start_s
    warnings: dict[str, None] = {}
    with Writer(out) as writer:
        try:
            for from_s in range(start_s, end_s, SLICE_COLUMNS * step_s):
                to_s = min(end_s, from_s + SLICE_COLUMNS * step_s)
                # Prometheus may not have data that old.
                with suppress(NoData):
                    demand = source.read(from_s, to_s, step_s)
                    warnings.update(dict.fromkeys(demand.warnings))
                    writer.write(chunk_of(demand, namespace))
                done_s = to_s
                on_progress((done_s - start_s) / (end_s - start_s))
        except KeyboardInterrupt:
            say(f"stopped: {writer.rows} rows, {_time_text(start_s)} to {_time_text(done_s)}, are in {out}")
            raise
        finally:
            for warning in warnings:
                say(warning)
        if writer.rows == 0:
            span = f"{_time_text(start_s)} to {_time_text(end_s)}"
            raise NoData(
                f"{source.url}: nothing was observed, {span}, in namespaces {namespace}; no file is written"
            )
    return f"{writer.rows} rows, {_time_text(start_s)} to {_time_text(end_s)}, are in {out}"


def chunk_of(demand: "Demand", namespace: str) -> "ExportChunk":
    """Return demand as rows of a file: requests per step and service time, by service of `namespace`."""
    import numpy as np

    from forecaster.history.service_demand import sum_by_service
    from forecaster.sources.exports import ExportChunk

    services = sum_by_service(demand)
    kept = [i for i, key in enumerate(services.keys) if fnmatchcase(key.namespace, namespace)]
    arrivals, busy = services.arrivals[kept], services.busy[kept]
    service_time_s = np.divide(
        busy, arrivals, out=np.full(arrivals.shape, np.nan, np.float32), where=arrivals > 0
    )
    return ExportChunk(
        series=tuple(str(services.keys[i]) for i in kept),
        counts=arrivals * np.float32(services.step_s),
        service_time_s=service_time_s,
        start_s=services.start_s,
        step_s=services.step_s,
    )


def _sources(config: Path | None, prometheus: str | None) -> "Sources":
    from config.configmap import load
    from config.sources import Sources

    sources = load(config).sources if config else Sources()
    return replace(sources, prometheus_url=prometheus) if prometheus else sources


def _span(source: "PrometheusSource", since: str, until: str | None, step_s: int) -> tuple[int, int]:
    """Return start and end, Unix seconds on the grid of `step_s`."""
    from scaler.cli.offline import moment

    if until is None:
        now_s = int(time.time())
        end_s = now_s - int(source.delay_s(step_s, now_s))
    else:
        end_s = moment(until)
    end_s -= end_s % step_s
    start_s = _since(since, end_s)
    start_s -= start_s % step_s
    if start_s >= end_s:
        raise typer.BadParameter(f"--since {since} is not before {_time_text(end_s)}")
    return start_s, end_s


def _since(text: str, end_s: int) -> int:
    from config.values import duration_s
    from scaler.cli.offline import moment

    try:
        return end_s - int(duration_s(text))
    except ValueError:
        return moment(text)


def _seconds(text: str, option: str) -> float:
    from config.values import duration_s

    try:
        seconds = duration_s(text)
    except ValueError:
        seconds = 0.0
    if seconds < 1 or seconds % 1:
        raise typer.BadParameter(
            f"{option} {text}: whole seconds, 1s or more, or such as 5m, 12h, 14d, are allowed"
        )
    return seconds


def _time_text(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
