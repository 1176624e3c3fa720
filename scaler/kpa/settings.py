"""What can be said of a Revision's scaling in annotations of Knative: a value."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from config.policy import Lever
from scaler.kpa.annotations import AUTOSCALING, read_annotations
from scaler.kpa.config import AutoscalerConfig

KEYS: Mapping[Lever, str] = {
    Lever.TARGET: "target-utilization-percentage",
    Lever.WINDOW: "window",
    Lever.PANIC: "panic-threshold-percentage",
    Lever.RETENTION: "scale-to-zero-pod-retention-period",
}
"""Lever -> short name of its annotation.  The order is that of all arrays of settings: %, s, %, s."""
LEVERS = tuple(KEYS)
WEBHOOK_RANGES = ((1.0, 100.0), (6.0, 3600.0), (110.0, 1000.0), (0.0, 3600.0))
"""(least, most) that Knative's webhook lets in, as LEVERS (scaler.kpa.annotations)."""
Row = tuple[float, float, float, float]


@dataclass(frozen=True)
class KpaSettings:
    """What a Service says of its scaling; None = it says nothing, and has what it has."""

    utilization_percentage: float | None = None
    window_s: int | None = None
    panic_threshold_percentage: float | None = None
    retention_s: int | None = None
    min_scale: int | None = None

    def annotations(self) -> dict[str, str]:
        """As Knative reads them on a Revision's template."""
        said = self.texts() | {"min-scale": _text(self.min_scale)}
        return {AUTOSCALING + name: text for name, text in said.items() if text}

    def texts(self) -> dict[str, str]:
        """Short name of an annotation -> text, of the KPA's settings: without min-scale."""
        said = (
            _text(self.utilization_percentage),
            _text(self.window_s, "s"),
            _text(self.panic_threshold_percentage),
            _text(self.retention_s, "s"),
        )
        return {name: text for name, text in zip(KEYS.values(), said, strict=True) if text}

    def row(self) -> Row:
        """As LEVERS; NaN where nothing is said."""
        return (
            _number(self.utilization_percentage),
            _number(self.window_s),
            _number(self.panic_threshold_percentage),
            _number(self.retention_s),
        )


UNSET = KpaSettings()


def from_row(row: Row) -> KpaSettings:
    """The setting of numbers as LEVERS; NaN = nothing is said."""
    utilization, window_s, panic_threshold, retention_s = (None if math.isnan(x) else x for x in row)
    return KpaSettings(
        utilization_percentage=utilization,
        window_s=None if window_s is None else int(window_s),
        panic_threshold_percentage=panic_threshold,
        retention_s=None if retention_s is None else int(retention_s),
    )


def read_texts(texts: Mapping[str, str]) -> KpaSettings:
    """The setting that `texts` came from; what Knative would refuse says nothing."""
    known = {AUTOSCALING + name: texts[name] for name in KEYS.values() if name in texts}
    if not known:
        return UNSET
    said, _ = read_annotations(known, AutoscalerConfig())
    return KpaSettings(
        utilization_percentage=said.target_utilization_percentage,
        window_s=said.stable_window_s,
        panic_threshold_percentage=said.panic_threshold_percentage,
        retention_s=None if said.pod_retention_period_s is None else int(said.pod_retention_period_s),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _text(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:g}{unit}"
