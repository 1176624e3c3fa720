"""Name the metrics of requests: one preset for each release of Serving and each way into Prometheus.

A preset has PromQL for arrivals and requests in flight.  There is one file per preset, and the table PRESETS.
A preset may have variants, if the same metrics are spelled in several ways.  Presets and variants are in
order of preference, for servers that have several: what Serving measures at the queue-proxy before what a
mesh measures, and newer names before older ones, because after an upgrade the older series still exist.

preset            what a preset consists of
promql            PromQL from parts: selectors, growth of a counter, joins
queue_proxy       queries on the OpenTelemetry metrics of the queue-proxy, Serving 1.19 and newer
otel, otel_1_19, otel_podmonitor, otel_target_info, opencensus, istio   the presets
custom            PromQL of the operator
detect            the preset and the scrape interval of a Prometheus
query_plan        how one Prometheus is queried at one step
"""

from forecaster.sources.presets import istio, opencensus, otel, otel_1_19, otel_podmonitor, otel_target_info
from forecaster.sources.presets.preset import Preset

PRESETS: dict[str, tuple[Preset, ...]] = {
    "otel": otel.VARIANTS,
    "otel-podmonitor": otel_podmonitor.VARIANTS,
    "otel-target-info": otel_target_info.VARIANTS,
    "otel-1.19": otel_1_19.VARIANTS,
    "opencensus": (opencensus.PRESET,),
    "istio": (istio.PRESET,),
}
"""Name -> variants, the preferred ones first.  The preset `custom` is made from the operator's queries."""
