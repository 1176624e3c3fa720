"""Detect which preset a Prometheus has, and the interval between its samples."""

import math
import re

import numpy as np

from config.sources import Sources
from forecaster.sources.presets import PRESETS, promql
from forecaster.sources.presets.custom import custom
from forecaster.sources.presets.preset import Preset
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import NoData, QueryRejected

LOOKBACK_S = 86_400
"""Seconds in which series are searched.  A service at zero pods has no series now, but within a day some
service has had some.  Chosen by hand."""

COMMON_INTERVALS_S = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)
"""Seconds of usual scrape and push intervals; a measured interval is rounded to one of them."""
SCRAPES_PER_WINDOW = 4
"""Intervals of one window: it still has two samples if one scrape fails and another one is late."""

_COUNTING_S = 600
"""Seconds in which the samples of a series are counted.  Chosen by hand."""


def choose_preset(client: Client, sources: Sources, at_s: int, lookback_s: int = LOOKBACK_S) -> Preset:
    """The existing variant of the preset that `sources` names; for `auto`, of the first existing preset.

    If a named preset has no series, its first variant is returned.

    at_s         present in Unix seconds
    lookback_s   seconds in which series are searched

    Raises:
        NoData: `auto` found no preset.
        QueryRejected: the preset is `custom` and has no query.
        ReadError: Prometheus cannot be read.
    """
    if sources.preset == "custom":
        if not sources.arrivals_query:
            raise QueryRejected("preset custom: arrivals-query is empty: PromQL is needed")
        return custom(sources.arrivals_query, sources.busy_query)
    presets = PRESETS if sources.preset == "auto" else {sources.preset: PRESETS[sources.preset]}
    variants = [variant for preset in presets.values() for variant in preset]
    existing = existing_variants(client, variants, at_s, lookback_s)
    if existing:
        return existing[0]
    if sources.preset == "auto":
        known = ", ".join(sorted({variant.metric for variant in variants}))
        raise NoData(
            f"{client.url}: no request metrics of Knative or Istio in the last {lookback_s / 3600:.0f} h;"
            f" looked for {known}."
            " Are request metrics enabled in config-observability, and scraped?"
        )
    return variants[0]


def existing_variants(client: Client, variants: list[Preset], at_s: int, lookback_s: int) -> list[Preset]:
    """The variants that have series in the `lookback_s` seconds before `at_s`, in the same order.

    Raises:
        ReadError: Prometheus cannot be read.
    """
    start_s = at_s - lookback_s
    metrics = "|".join(re.escape(variant.metric).replace("\\", "\\\\") for variant in variants)
    names = set(client.names(f'{{__name__=~"{metrics}"}}', start_s=start_s, end_s=at_s))
    return [
        variant
        for variant in variants
        if variant.metric in names
        and all(client.names(selector, start_s=start_s, end_s=at_s) for selector in variant.present)
    ]


def interval_s(client: Client, metric: str, selector: str, at_s: int) -> float | None:
    """Seconds between two samples of a series of `selector`; None if they cannot be measured yet.

    It is the median distance of samples in the series that had most samples in ten minutes, within the last
    hours.  If no pod existed for three samples, `up` is used instead: it has a sample for every scrape of a
    target, which may be that of another job.

    metric     name of the metric of `selector`
    at_s       present in Unix seconds

    Raises:
        ReadError: Prometheus cannot be read.
    """
    for name, series, hours in ((metric, selector, 2), (metric, selector, 24), ("up", "up", 2)):
        densest = client.range(
            f"topk(1, count_over_time({series}[{_COUNTING_S}s]))",
            first_s=at_s - hours * 3600,
            last_s=at_s,
            step_s=_COUNTING_S,
        )
        best = max(densest.series, key=lambda series: float(series.samples()[:, 1].max()), default=None)
        if best is None:
            continue
        counts = best.samples()
        densest_s, max_count = counts[counts[:, 1].argmax()]
        if max_count > 2:
            labels = [
                (label, "=", _escaped(value)) for label, value in best.metric.items() if label != "__name__"
            ]
            raw = client.instant(f"{promql.selector(name, *labels)}[{_COUNTING_S}s]", at_s=int(densest_s))
            times_s = raw.series[0].samples()[:, 0] if raw.series else np.empty(0)
            if times_s.size > 2:
                return _rounded(float(np.median(np.diff(times_s))))
    return None


def has_whole_seconds(client: Client, sums: str, at_s: int) -> bool:
    """Whether all sums of request times are whole seconds: correct sums of many request times never are.

    sums   selector of the series
    at_s   present in Unix seconds

    Raises:
        ReadError: Prometheus cannot be read.
    """
    newest = f"last_over_time({sums}[1h])"
    answer = client.instant(f"count({newest} % 1 > 0) or -count({newest})", at_s=at_s)
    return any(series.samples()[-1, 1] < 0 for series in answer.series)


def window_s(interval: float, step_s: int, configured: float | None) -> int:
    """Seconds of the window of a rate: a multiple of the step, which counts every request equally often.

    It is at least one step, because requests between two windows would be lost; and at least `configured`, or
    SCRAPES_PER_WINDOW intervals if that is None.
    """
    min_window_s = configured or SCRAPES_PER_WINDOW * interval
    return max(1, math.ceil(min_window_s / step_s - 1e-9)) * step_s


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _rounded(seconds: float) -> float:
    """The common interval within 5 %: scrapes are a little late, and configured intervals are round."""
    for common in COMMON_INTERVALS_S:
        if abs(seconds - common) <= 0.05 * common:
            return float(common)
    return seconds
