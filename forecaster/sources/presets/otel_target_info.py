"""As `otel`, with attributes not promoted, or scraped: the revision is found through `target_info`."""

from forecaster.sources.presets.queue_proxy import INVOCATIONS, Names, by_target_info, queue_proxy

VARIANTS = tuple(
    queue_proxy("otel-target-info", names, by_target_info(names), counted=INVOCATIONS, timed=INVOCATIONS)
    for names in (Names(), Names(dotted=True))
)
