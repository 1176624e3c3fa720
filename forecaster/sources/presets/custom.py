"""Preset `custom`: PromQL of the operator, for metrics that no other preset knows.

The result has the labels `namespace` and `revision`, and may have `service`.  A missing sample is not
observed, not zero: the query has to return 0 where there was no traffic.
"""

from forecaster.sources.presets.preset import Labels, Preset, Query

LABELS = Labels("namespace", "revision", "service")


def custom(arrivals_query: str, busy_query: str | None) -> Preset:
    """The preset of two PromQL templates with the placeholders $window and $step."""
    return Preset(
        name="custom",
        metric="",
        present=(),
        arrivals=Query(arrivals_query, LABELS),
        busy=Query(busy_query, LABELS) if busy_query else None,
    )
