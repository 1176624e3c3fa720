"""Preset `otel-1.19`: Serving 1.19.0-1.19.7 and 1.20.0; an older name, and sums cut to whole seconds.

Therefore the time that a request occupies its pod is taken from the histogram around the queue-proxy, which
is correct; it includes the wait there.
"""

from forecaster.sources.presets.queue_proxy import (
    APP_1_19,
    HTTP,
    OtelNames,
    by_pod_labels,
    by_promoted_labels,
    by_target_info,
    queue_proxy,
)

VARIANTS = tuple(
    queue_proxy("otel-1.19", names, label_source(names), counted=APP_1_19, timed=HTTP)
    for label_source in (by_promoted_labels, by_pod_labels, by_target_info)
    for names in (OtelNames(), OtelNames(dotted=True))
)
