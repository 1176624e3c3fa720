"""Preset `otel`: Serving 1.19.8, 1.20.1, 1.21 and newer, pushed by OTLP with promoted attributes.

This is the monitoring stack that Knative documents.  The sums are correct from 1.19.9, 1.20.2 and 1.21.0 on;
`detect.has_whole_seconds` detects where they are not.
"""

from forecaster.sources.presets.queue_proxy import INVOCATIONS, OtelNames, by_promoted_labels, queue_proxy

VARIANTS = tuple(
    queue_proxy("otel", names, by_promoted_labels(names), counted=INVOCATIONS, timed=INVOCATIONS)
    for names in (OtelNames(), OtelNames(dotted=True))
)
