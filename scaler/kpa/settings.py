"""The KPA settings of a Revision that Tidecast can change, as a value, as numbers and as annotations."""

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
"""Lever -> short name of its annotation; all arrays of settings have this order, and the units %, s, %, s."""
LEVERS = tuple(KEYS)
WEBHOOK_RANGES = ((1.0, 100.0), (6.0, 3600.0), (110.0, 1000.0), (0.0, 3600.0))
"""(minimum, maximum) that Knative's webhook accepts, in the order of LEVERS (scaler.kpa.annotations)."""
SettingsRow = tuple[float, float, float, float]
"""Settings as numbers in the order of LEVERS; NaN = not set."""


@dataclass(frozen=True)
class KpaSettings:
    """KPA settings of a Revision; None = not set, so that the owner's or the cluster's value applies."""

    utilization_percentage: float | None = None
    window_s: int | None = None
    panic_threshold_percentage: float | None = None
    retention_s: int | None = None
    min_scale: int | None = None

    def annotations(self) -> dict[str, str]:
        """Return full name of an annotation -> text, as Knative reads them from a Revision's template."""
        texts = self.texts() | {"min-scale": _text(self.min_scale)}
        return {AUTOSCALING + name: text for name, text in texts.items() if text}

    def texts(self) -> dict[str, str]:
        """Return short name of an annotation -> text for the settings of LEVERS, without min-scale."""
        texts = (
            _text(self.utilization_percentage),
            _text(self.window_s, "s"),
            _text(self.panic_threshold_percentage),
            _text(self.retention_s, "s"),
        )
        return {name: text for name, text in zip(KEYS.values(), texts, strict=True) if text}

    def row(self) -> SettingsRow:
        """Return the settings as numbers, without min-scale."""
        return (
            _number(self.utilization_percentage),
            _number(self.window_s),
            _number(self.panic_threshold_percentage),
            _number(self.retention_s),
        )


UNSET = KpaSettings()


def from_row(row: SettingsRow) -> KpaSettings:
    """Return the settings of a row of numbers."""
    utilization, window_s, panic_threshold, retention_s = (None if math.isnan(x) else x for x in row)
    return KpaSettings(
        utilization_percentage=utilization,
        window_s=None if window_s is None else int(window_s),
        panic_threshold_percentage=panic_threshold,
        retention_s=None if retention_s is None else int(retention_s),
    )


def read_texts(texts: Mapping[str, str]) -> KpaSettings:
    """Return the settings of annotations; a text that Knative refuses counts as not set.

    texts   short name of an annotation -> text; names that are not in KEYS are ignored
    """
    known = {AUTOSCALING + name: texts[name] for name in KEYS.values() if name in texts}
    if not known:
        return UNSET
    annotations, _ = read_annotations(known, AutoscalerConfig())
    retention_s = annotations.pod_retention_period_s
    return KpaSettings(
        utilization_percentage=annotations.target_utilization_percentage,
        window_s=annotations.stable_window_s,
        panic_threshold_percentage=annotations.panic_threshold_percentage,
        retention_s=None if retention_s is None else int(retention_s),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _text(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:g}{unit}"
