"""Serving 1.19.0-1.19.7 and 1.20.0: an older name, and sums cut to whole seconds.

The time a request occupies its pod is therefore taken where it is right, around the queue-proxy; it has the
waiting there in it.
"""

from forecaster.presets.queue_proxy import APP_1_19, HTTP, Names, by_pod_labels, by_target_info, promoted

VARIANTS = tuple(
    shape("otel-1.19", APP_1_19, HTTP, Names(dotted))
    for shape in (promoted, by_pod_labels, by_target_info)
    for dotted in (False, True)
)
