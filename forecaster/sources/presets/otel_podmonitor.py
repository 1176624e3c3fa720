"""Preset `otel-podmonitor`: as `otel`, scraped from port http-usermetric by a PodMonitor.

The PodMonitor sets the labels `namespace` and `revision`; it relabels
`__meta_kubernetes_pod_label_serving_knative_dev_revision` to `revision`.  A label `service` is not used: a
ServiceMonitor in place of the PodMonitor would set it to the name of a Kubernetes Service.
"""

from forecaster.sources.presets.queue_proxy import INVOCATIONS, OtelNames, by_pod_labels, queue_proxy

VARIANTS = tuple(
    queue_proxy("otel-podmonitor", names, by_pod_labels(names), counted=INVOCATIONS, timed=INVOCATIONS)
    for names in (OtelNames(), OtelNames(dotted=True))
)
