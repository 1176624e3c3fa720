"""Istio's sidecars on the pods of a revision, whatever Serving measures itself.

The revision is the workload less `-deployment`; `destination_canonical_revision` is another thing.  Without
sidecars on these pods there is nothing to be read: what the gateway sees goes to the activator as often as
to a revision.
"""

from forecaster.sources.presets import opencensus
from forecaster.sources.presets.preset import Labels, Preset, Query
from forecaster.sources.presets.promql import growth, selector, total
from forecaster.sources.presets.queue_proxy import Names

_LABELS = Labels("destination_workload_namespace", "destination_workload", suffix="-deployment")
_AT_POD = (("reporter", "=", "destination"), ("destination_workload", "=~", ".+-deployment"))
_COUNT = selector("istio_requests_total", *_AT_POD)
_TIME = selector("istio_request_duration_milliseconds_sum", *_AT_POD)

PRESET = Preset(
    name="istio",
    metric="istio_requests_total",
    present=(_COUNT,),
    arrivals=Query(total(growth(_COUNT, observing="up"), _LABELS.names), _LABELS),
    busy=Query(total(growth(_TIME, observing="up", unit=1000), _LABELS.names), _LABELS),
    kpa_view=(Names().kpa_view, opencensus.KPA_VIEW),
    samples=_COUNT,
)
