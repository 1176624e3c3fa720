"""The answer of a Prometheus to a range query, kept as a file.

A value at time t tells of the step before t, so it is laid on the interval that ends there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from forecaster.sources.exports.errors import Faulty, Unreadable, faulty
from forecaster.sources.exports.rows import Rows
from forecaster.sources.prometheus.answer import read_answer
from forecaster.sources.prometheus.errors import Malformed

Values = Literal["rate", "count"]
"""What a value is: requests per second, or requests in the step before."""

_KEYS = (
    ("namespace", "service"),
    ("namespace", "revision"),
    ("k8s_namespace_name", "kn_service_name"),
    ("k8s_namespace_name", "kn_revision_name"),
    ("namespace_name", "service_name"),
    ("namespace_name", "revision_name"),
    ("destination_workload_namespace", "destination_workload"),
)
"""Labels that name a series `namespace/name`, as the presets keep them; most wanted first."""


def read_prometheus_json(path: Path, where: str, values: Values) -> Rows:
    """The rows of an answer.  Raises ExportError."""
    try:
        series = read_answer(path.read_bytes()).series
        samples = [one.samples() for one in series]
    except OSError as e:
        raise Unreadable(f"{where}: {e.strerror or e}") from e
    except Malformed as e:
        raise Unreadable(f"{where}: {e}") from e
    names = _names([one.metric for one in series])
    if not any(each.shape[0] for each in samples):
        raise Faulty(f"{where}: no samples")
    codes = np.concatenate([np.full(each.shape[0], i, np.int64) for i, each in enumerate(samples)])
    joined = np.concatenate(samples)
    broken = joined[:, 0] != np.floor(joined[:, 0])
    if broken.any():
        row = int(np.argmax(broken))
        allowed = "whole seconds are allowed; ask with a whole start"
        raise faulty(where, row + 1, "timestamp", joined[row, 0], allowed)
    times_s = joined[:, 0].astype(np.int64)
    step_s = _step(times_s, codes)
    requests = joined[:, 1] * (step_s if values == "rate" else 1)
    return Rows(
        where=where,
        times_s=times_s - step_s,
        codes=codes,
        names=names,
        requests=requests,
        served_s=np.full(codes.size, np.nan),
    )


def _step(
    times_s: np.ndarray[tuple[int], np.dtype[np.int64]], codes: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> int:
    """Most frequent distance of neighbours, seconds; 0 where no series has two samples."""
    distance = np.diff(times_s)[np.diff(codes) == 0]
    found, often = np.unique(distance[distance > 0], return_counts=True)
    return int(found[np.argmax(often)]) if found.size else 0


def _names(metrics: list[dict[str, str]]) -> tuple[str, ...]:
    """A name per series: `namespace/name` where labels tell both and no two are the same, else all labels."""
    for labels in _KEYS:
        if all(metric.get(label) for metric in metrics for label in labels):
            names = tuple("/".join(metric[label] for label in labels) for metric in metrics)
            if len(set(names)) == len(names):
                return names
    return tuple(_written(metric) for metric in metrics)


def _written(metric: Mapping[str, str]) -> str:
    told = ", ".join(f'{label}="{value}"' for label, value in sorted(metric.items()) if label != "__name__")
    return f"{metric.get('__name__', '')}{{{told}}}"
