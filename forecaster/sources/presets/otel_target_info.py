"""Preset `otel-target-info`: as `otel`, but not promoted, or scraped; `target_info` has the Revision."""

from forecaster.sources.presets.queue_proxy import INVOCATIONS, OtelNames, by_target_info, queue_proxy

VARIANTS = tuple(
    queue_proxy("otel-target-info", names, by_target_info(names), counted=INVOCATIONS, timed=INVOCATIONS)
    for names in (OtelNames(), OtelNames(dotted=True))
)
