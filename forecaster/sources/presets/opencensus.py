"""Preset `opencensus`: Serving 1.18 and older.  Names begin with the component; times are milliseconds."""

from forecaster.sources.presets.preset import Labels, Preset, Query
from forecaster.sources.presets.promql import growth, total

LABELS = Labels("namespace_name", "revision_name", "service_name")
_COUNT = "revision_app_request_count"
_ALWAYS_PRESENT = '{__name__=~"up|autoscaler_actual_pods"}'

KPA_VIEW = Query(
    # The minimum over the replicas of the autoscaler: a former leader shows its last value forever.
    total(
        "autoscaler_stable_request_concurrency or autoscaler_stable_requests_per_second"
        " or autoscaler_actual_pods * 0",
        LABELS.names,
        by="min",
    ),
    LABELS,
)

PRESET = Preset(
    name="opencensus",
    metric=_COUNT,
    present=(_COUNT,),
    arrivals=Query(total(growth(_COUNT, always_present=_ALWAYS_PRESENT), LABELS.names), LABELS),
    busy=Query(
        total(
            growth("revision_app_request_latencies_sum", always_present=_ALWAYS_PRESENT, unit=1000),
            LABELS.names,
        ),
        LABELS,
    ),
    gap=Query(total(growth("activator_request_count", always_present=_ALWAYS_PRESENT), LABELS.names), LABELS),
    kpa_view=(KPA_VIEW,),
    activator_up='max(up{job=~".*activator.*"})',
    samples=_COUNT,
)
