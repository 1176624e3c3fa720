"""Decide how one Prometheus is queried at one step: the preset, the interval between samples, the window."""

from dataclasses import dataclass

from config.sources import Sources
from forecaster.sources.presets import detect
from forecaster.sources.presets.preset import Preset, Query
from forecaster.sources.prometheus.client import Client

DEFAULT_INTERVAL_S = 60.0
"""Seconds between samples, assumed until a series has enough samples: the defaults of OpenTelemetry's export
and of Prometheus' scrapes."""


@dataclass(frozen=True)
class QueryPlan:
    """How one Prometheus is queried at one step.

    preset             the queries.
    busy               the query of requests in flight: that of the preset, or its replacement; None: none.
    interval_s         seconds between two samples of a series.
    window_s           seconds of the window of a rate, a multiple of `step_s`.
    step_s             seconds per column.
    interval_assumed   the interval could not be measured and is to be measured again.
    warnings           messages for the operator.
    """

    preset: Preset
    busy: Query | None
    interval_s: float
    window_s: int
    step_s: int
    interval_assumed: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def delay_s(self) -> float:
        """Age in seconds at which a column is read: one interval between samples; then its last one exists.

        To wait for the window too would make the activator's part of a wake-up exact, but plans would use
        data that are a minute older.  The history is exact anyway, because it is read when it is older.
        """
        return self.interval_s

    @property
    def lookahead(self) -> int:
        """Columns after a chunk that show the pods which the activator's requests woke."""
        return self.window_s // self.step_s


def detect_query_plan(client: Client, sources: Sources, step_s: int, at_s: int, span_s: int) -> QueryPlan:
    """Detect preset, interval and window for a read of `span_s` seconds before `at_s`, Unix seconds.

    Raises:
        ReadError: Prometheus cannot be read, or has no known metrics.
    """
    preset = detect.choose_preset(client, sources, at_s, max(detect.LOOKBACK_S, span_s))
    warnings: list[str] = []
    interval_s = sources.scrape_interval_s or detect.interval_s(client, preset.metric, preset.samples, at_s)
    interval_assumed = interval_s is None
    if interval_s is None:
        interval_s = DEFAULT_INTERVAL_S
        warnings.append(
            f"no series has enough samples to measure the scrape interval; {interval_s:g} s is assumed"
            " (the key scrape-interval sets it)"
        )
    busy = preset.busy
    if preset.sums and preset.busy_whole and detect.has_whole_seconds(client, preset.sums, at_s):
        busy = preset.busy_whole
        warnings.append(
            "this release of Serving cuts the time of a request to whole seconds; the time in the queue-proxy"
            " is used instead, which includes waiting"
        )
    window_s = detect.window_s(interval_s, step_s, sources.rate_window_s)
    return QueryPlan(preset, busy, interval_s, window_s, step_s, interval_assumed, tuple(warnings))
