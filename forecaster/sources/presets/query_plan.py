"""How one Prometheus is read at one step: the preset, the interval between samples, the window."""

from dataclasses import dataclass

from config.sources import Sources
from forecaster.sources.presets import detect
from forecaster.sources.presets.preset import Preset, Query
from forecaster.sources.prometheus.client import Client

DEFAULT_INTERVAL_S = 60.0
"""Assumed until a series has samples enough: how often OpenTelemetry exports, and Prometheus scrapes."""


@dataclass(frozen=True)
class QueryPlan:
    """How one Prometheus is read at one step."""

    preset: Preset
    busy: Query | None
    interval_s: float
    window_s: int
    step_s: int
    assumed: bool = False
    """The interval is a guess, to be made again."""
    warnings: tuple[str, ...] = ()

    @property
    def delay_s(self) -> float:
        """Age at which a figure is read: one interval between samples, so that the last one is there.

        Waiting for the window too would tell the activator's part of a wake-up exactly, and cost a plan that
        knows a minute less.  History is exact all the same: it is read when it is older.
        """
        return self.interval_s

    @property
    def ahead(self) -> int:
        """Columns to look ahead for pods that will have counted what the activator did."""
        return self.window_s // self.step_s


def detect_query_plan(client: Client, sources: Sources, step_s: int, at_s: int, span_s: int) -> QueryPlan:
    """The preset, window and interval by which to read `span_s` before `at_s`, Unix seconds.

    Raises ReadError.
    """
    preset = detect.choose(client, sources, at_s, max(detect.LOOK_BACK_S, span_s))
    warnings: list[str] = []
    interval_s = sources.scrape_interval_s or detect.interval_s(client, preset.metric, preset.samples, at_s)
    assumed = interval_s is None
    if interval_s is None:
        interval_s = DEFAULT_INTERVAL_S
        warnings.append(
            f"no series has samples enough to tell the scrape interval; {interval_s:g} s is assumed"
            " (scrape-interval says it)"
        )
    busy = preset.busy
    if preset.sums and preset.busy_whole and detect.whole_seconds(client, preset.sums, at_s):
        busy = preset.busy_whole
        warnings.append(
            "this release of Serving cuts the time of a request to whole seconds; the time in its"
            " queue-proxy is taken instead, waiting included"
        )
    window_s = detect.window_s(interval_s, step_s, sources.rate_window_s)
    return QueryPlan(preset, busy, interval_s, window_s, step_s, assumed, tuple(warnings))
