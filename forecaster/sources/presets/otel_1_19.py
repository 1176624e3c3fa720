"""Serving 1.19.0-1.19.7 and 1.20.0: an older name, and sums cut to whole seconds.

The time a request occupies its pod is therefore taken where it is right, around the queue-proxy; it has the
waiting there in it.
"""

from forecaster.sources.presets.queue_proxy import (
    APP_1_19,
    HTTP,
    Names,
    by_pod_labels,
    by_target_info,
    promoted,
    queue_proxy,
)

VARIANTS = tuple(
    queue_proxy("otel-1.19", names, told(names), counted=APP_1_19, timed=HTTP)
    for told in (promoted, by_pod_labels, by_target_info)
    for names in (Names(), Names(dotted=True))
)
