"""Serving 1.19.8, 1.20.1, 1.21 and newer, pushed by OTLP with promoted attributes: Knative's own stack.

The sums are right from 1.19.9, 1.20.2 and 1.21.0 on; the reader finds out where they are not.
"""

from forecaster.sources.presets.queue_proxy import INVOCATIONS, Names, promoted, queue_proxy

VARIANTS = tuple(
    queue_proxy("otel", names, promoted(names), counted=INVOCATIONS, timed=INVOCATIONS)
    for names in (Names(), Names(dotted=True))
)
