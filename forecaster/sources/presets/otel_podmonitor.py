"""As `otel`, scraped from port http-usermetric by a PodMonitor that sets `namespace` and `revision`.

It relabels `__meta_kubernetes_pod_label_serving_knative_dev_revision` to `revision`.  A label `service` is
not used: a ServiceMonitor in its place would put the name of a Kubernetes Service there.
"""

from forecaster.sources.presets.queue_proxy import INVOCATIONS, Names, by_pod_labels, queue_proxy

VARIANTS = tuple(
    queue_proxy("otel-podmonitor", names, by_pod_labels(names), counted=INVOCATIONS, timed=INVOCATIONS)
    for names in (Names(), Names(dotted=True))
)
