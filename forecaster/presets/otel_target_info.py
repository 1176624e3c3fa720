"""As `otel`, with attributes not promoted, or scraped: the revision is found through `target_info`."""

from forecaster.presets.queue_proxy import INVOCATIONS, Names, by_target_info

VARIANTS = tuple(
    by_target_info("otel-target-info", INVOCATIONS, INVOCATIONS, Names(dotted)) for dotted in (False, True)
)
