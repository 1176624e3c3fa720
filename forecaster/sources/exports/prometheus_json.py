"""Read the answer of Prometheus to a range query from a JSON file.

A value at time t covers the step before t, so it is placed on the interval that ends at t.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from forecaster.sources.exports.errors import InvalidValue, Unreadable, invalid_value
from forecaster.sources.exports.rows import ExportRows
from forecaster.sources.prometheus.answer import read_answer
from forecaster.sources.prometheus.errors import Malformed

Values = Literal["rate", "count"]
"""What a value is: requests per second, or requests in the step before."""

_NAME_LABELS = (
    ("namespace", "service"),
    ("namespace", "revision"),
    ("k8s_namespace_name", "kn_service_name"),
    ("k8s_namespace_name", "kn_revision_name"),
    ("namespace_name", "service_name"),
    ("namespace_name", "revision_name"),
    ("destination_workload_namespace", "destination_workload"),
)
"""Pairs of labels that name a series `namespace/name`, as presets have them; the preferred pair is first."""


def read_prometheus_json(path: Path, source: str, values: Values) -> ExportRows:
    """Read the rows of an answer; `source` names the file in messages.

    Raises:
        ExportError: the file cannot be read, or a value in it is not allowed.
    """
    try:
        series = read_answer(path.read_bytes()).series
        samples = [one_series.samples() for one_series in series]
    except OSError as e:
        raise Unreadable(f"{source}: {e.strerror or e}") from e
    except Malformed as e:
        raise Unreadable(f"{source}: {e}") from e
    names = _names([one_series.metric for one_series in series])
    if not any(array.shape[0] for array in samples):
        raise InvalidValue(f"{source}: no samples")
    codes = np.concatenate([np.full(array.shape[0], i, np.int64) for i, array in enumerate(samples)])
    joined = np.concatenate(samples)
    fractional = joined[:, 0] != np.floor(joined[:, 0])
    if fractional.any():
        row = int(np.argmax(fractional))
        allowed = "whole seconds are allowed; query with a whole start"
        raise invalid_value(source, row + 1, "timestamp", joined[row, 0], allowed)
    times_s = joined[:, 0].astype(np.int64)
    step_s = _step_s(times_s, codes)
    requests = joined[:, 1] * (step_s if values == "rate" else 1)
    return ExportRows(
        source=source,
        times_s=times_s - step_s,
        codes=codes,
        names=names,
        requests=requests,
        served_s=np.full(codes.size, np.nan),
    )


def _step_s(
    times_s: np.ndarray[tuple[int], np.dtype[np.int64]], codes: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> int:
    """The most frequent distance between successive samples in seconds; 0 if no series has two samples."""
    distance = np.diff(times_s)[np.diff(codes) == 0]
    distances, counts = np.unique(distance[distance > 0], return_counts=True)
    return int(distances[np.argmax(counts)]) if distances.size else 0


def _names(metrics: list[dict[str, str]]) -> tuple[str, ...]:
    """A name per series: `namespace/name` if every series has both and all differ, else all of its labels."""
    for labels in _NAME_LABELS:
        if all(metric.get(label) for metric in metrics for label in labels):
            names = tuple("/".join(metric[label] for label in labels) for metric in metrics)
            if len(set(names)) == len(names):
                return names
    return tuple(_selector_text(metric) for metric in metrics)


def _selector_text(metric: Mapping[str, str]) -> str:
    labels = ", ".join(f'{label}="{value}"' for label, value in sorted(metric.items()) if label != "__name__")
    return f"{metric.get('__name__', '')}{{{labels}}}"
