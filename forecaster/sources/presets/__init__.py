"""How request metrics are named, by release of Serving and by the way they come to Prometheus.

One file per preset and one table.  A preset may have variants, where the same metrics are spelled in several
ways.  Tuples are in the order in which one is preferred where several are present: what Serving measures at
the queue-proxy before what a mesh sees, the newer names before the older, for after an upgrade the older
series are still there.
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
"""Name -> variants, most preferred first.  `custom` is made of its queries (`forecaster.sources.presets.custom`)."""
