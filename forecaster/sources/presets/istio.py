"""Preset `istio`: requests at Istio's sidecars of the pods of a Revision, whatever Serving measures itself.

The Revision is the workload without `-deployment`; `destination_canonical_revision` is something else.  The
pods need sidecars: the requests that the gateway sees go to the activator as often as to a Revision.
"""

from forecaster.sources.presets import opencensus
from forecaster.sources.presets.preset import Labels, Preset, Query
from forecaster.sources.presets.promql import growth, selector, total
from forecaster.sources.presets.queue_proxy import OtelNames

_LABELS = Labels("destination_workload_namespace", "destination_workload", suffix="-deployment")
_AT_POD = (("reporter", "=", "destination"), ("destination_workload", "=~", ".+-deployment"))
_COUNT = selector("istio_requests_total", *_AT_POD)
_TIME = selector("istio_request_duration_milliseconds_sum", *_AT_POD)

PRESET = Preset(
    name="istio",
    metric="istio_requests_total",
    present=(_COUNT,),
    arrivals=Query(total(growth(_COUNT, always_present="up"), _LABELS.names), _LABELS),
    busy=Query(total(growth(_TIME, always_present="up", unit=1000), _LABELS.names), _LABELS),
    kpa_view=(OtelNames().kpa_view, opencensus.KPA_VIEW),
    samples=_COUNT,
)
