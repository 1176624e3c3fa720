"""PromQL of the operator's own, where series are named in no way we know.

The answer carries `namespace`, `revision` and, where it can, `service`.  No sample is not zero: it is for the
query to say 0 where there was no traffic.
"""

from forecaster.sources.presets.preset import Labels, Preset, Query

LABELS = Labels("namespace", "revision", "service")


def custom(arrivals_query: str, busy_query: str | None) -> Preset:
    """A preset of two PromQL templates with the placeholders $window and $step."""
    return Preset(
        name="custom",
        metric="",
        present=(),
        arrivals=Query(arrivals_query, LABELS),
        busy=Query(busy_query, LABELS) if busy_query else None,
    )
