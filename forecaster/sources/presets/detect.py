"""Which preset a Prometheus has, and how far apart its samples are."""

import math
import re

import numpy as np

from config.sources import Sources
from forecaster.sources.presets import PRESETS
from forecaster.sources.presets.custom import custom
from forecaster.sources.presets.preset import Preset
from forecaster.sources.presets.promql import selector as select
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import NoData, Refused

LOOK_BACK_S = 86_400
"""A service that is asleep has no series now; over a day, some service has had some."""

USUAL_INTERVALS_S = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)
SCRAPES_PER_WINDOW = 4
"""A window of this many intervals still has two samples when one scrape fails and another comes late."""

_COUNTED_S = 600


def choose(client: Client, sources: Sources, at_s: int, look_back_s: int = LOOK_BACK_S) -> Preset:
    """The preset that `sources` names, in the variant that is there; or with `auto`, the one that fits.

    Raises NoData where `auto` finds none, Refused where `custom` has no query.
    """
    if sources.preset == "custom":
        if not sources.arrivals_query:
            raise Refused("preset custom: arrivals-query is not set")
        return custom(sources.arrivals_query, sources.busy_query)
    asked = PRESETS if sources.preset == "auto" else {sources.preset: PRESETS[sources.preset]}
    variants = [variant for preset in asked.values() for variant in preset]
    found = present(client, variants, at_s, look_back_s)
    if found:
        return found[0]
    if sources.preset == "auto":
        known = ", ".join(sorted({variant.metric for variant in variants}))
        raise NoData(
            f"{client.url}: no request metrics of Knative or Istio in the last {look_back_s / 3600:.0f} h;"
            f" looked for {known}."
            " Are request metrics switched on in config-observability, and scraped?"
        )
    return variants[0]


def present(client: Client, variants: list[Preset], at_s: int, look_back_s: int) -> list[Preset]:
    """Those of `variants` that have series in the time before `at_s`, in the same order."""
    start_s = at_s - look_back_s
    wanted = "|".join(re.escape(variant.metric).replace("\\", "\\\\") for variant in variants)
    names = set(client.names(f'{{__name__=~"{wanted}"}}', start_s=start_s, end_s=at_s))
    return [
        variant
        for variant in variants
        if variant.metric in names
        and all(client.names(selector, start_s=start_s, end_s=at_s) for selector in variant.present)
    ]


def interval_s(client: Client, metric: str, selector: str, at_s: int) -> float | None:
    """Seconds between two samples of a series of `selector`; None where that cannot be known yet.

    The median distance in the series that had most samples in ten minutes, among the last hours.  Where no
    pod was there for two distances, `up` is asked: it is written with every scrape of a target, if perhaps
    of another job.
    """
    for name, series, hours in ((metric, selector, 2), (metric, selector, 24), ("up", "up", 2)):
        densest = client.range(
            f"topk(1, count_over_time({series}[{_COUNTED_S}s]))",
            first_s=at_s - hours * 3600,
            last_s=at_s,
            step_s=_COUNTED_S,
        )
        best = max(densest.series, key=lambda one: float(one.samples()[:, 1].max()), default=None)
        if best is None:
            continue
        counts = best.samples()
        then_s, most = counts[counts[:, 1].argmax()]
        if most > 2:
            labels = [
                (label, "=", _escaped(value)) for label, value in best.metric.items() if label != "__name__"
            ]
            raw = client.instant(f"{select(name, *labels)}[{_COUNTED_S}s]", at_s=int(then_s))
            times_s = raw.series[0].samples()[:, 0] if raw.series else np.empty(0)
            if times_s.size > 2:
                return _usual(float(np.median(np.diff(times_s))))
    return None


def whole_seconds(client: Client, sums: str, at_s: int) -> bool:
    """Whether all sums of seconds are whole numbers: of many requests' times, no honest sum is."""
    seen = f"last_over_time({sums}[1h])"
    answer = client.instant(f"count({seen} % 1 > 0) or -count({seen})", at_s=at_s)
    return any(one.samples()[-1, 1] < 0 for one in answer.series)


def window_s(interval: float, step_s: int, configured: float | None) -> int:
    """Range of rates: a multiple of the step, so that every request is told of equally often.

    At least one step, or requests would fall between windows; at least four intervals unless configured.
    """
    wanted = configured or SCRAPES_PER_WINDOW * interval
    return max(1, math.ceil(wanted / step_s - 1e-9)) * step_s


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _usual(seconds: float) -> float:
    """Scrapes are late by a little; intervals that people write are round."""
    for usual in USUAL_INTERVALS_S:
        if abs(seconds - usual) <= 0.05 * usual:
            return float(usual)
    return seconds
