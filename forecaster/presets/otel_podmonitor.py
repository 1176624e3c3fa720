"""As `otel`, scraped from port http-usermetric by a PodMonitor that sets `namespace` and `revision`.

It relabels `__meta_kubernetes_pod_label_serving_knative_dev_revision` to `revision`.  A label `service` is
not used: a ServiceMonitor in its place would put the name of a Kubernetes Service there.
"""

from forecaster.presets.queue_proxy import INVOCATIONS, Names, by_pod_labels

VARIANTS = tuple(
    by_pod_labels("otel-podmonitor", INVOCATIONS, INVOCATIONS, Names(dotted)) for dotted in (False, True)
)
