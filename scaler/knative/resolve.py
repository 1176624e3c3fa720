"""What a Revision's annotations and the ConfigMap config-autoscaler come to: the KPA's own parameters.

Rules as in knative/serving 98e5ef9, pkg/apis/autoscaling/annotation_validation.go, pkg/autoscaler/config and
pkg/reconciler/autoscaling/resources/target.go.  A kebab-case name wins over the old camelCase one.  A value
that Knative would refuse is a fault, and what would hold without it holds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from scaler.knative.marks import AUTOSCALING
from scaler.revision import Metric

KPA_CLASS = "kpa.autoscaling.knative.dev"
HPA_CLASS = "hpa.autoscaling.knative.dev"
T = TypeVar("T")
D = TypeVar("D")

RPS_UTILIZATION = 0.7
LEAST_TARGET = 0.01


@dataclass(frozen=True, kw_only=True)
class AutoscalerDefaults:
    """What config-autoscaler says for every Revision; the defaults are Knative's."""

    utilization: float = 0.7
    """container-concurrency-target-percentage, as a fraction."""
    concurrency_total: float = 100.0
    """container-concurrency-target-default."""
    rps_total: float = 200.0
    """requests-per-second-target-default."""
    window_s: float = 60.0
    min_scale: int = 0
    max_scale: int = 0
    pod_autoscaler_class: str = KPA_CLASS


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What holds for one Revision."""

    pod_autoscaler_class: str
    metric: Metric
    total_value: float
    target_value: float
    window_s: float
    min_scale: int
    max_scale: int
    """0 = none."""
    activation_scale: int
    """0 = none."""


def autoscaler_defaults(data: Mapping[str, str]) -> tuple[AutoscalerDefaults, tuple[str, ...]]:
    """The defaults of config-autoscaler's data, and its faults."""
    read = _Reader(data, "config-autoscaler ")
    known = AutoscalerDefaults()
    percentage = read.value("container-concurrency-target-percentage", _number, 70.0, "above 0, at most 100")
    utilization = percentage / 100 if percentage > 1 else percentage
    if not 0 < utilization <= 1:
        read.faults.append(
            f"config-autoscaler container-concurrency-target-percentage: {percentage}: in (0, 100]"
        )
        utilization = known.utilization
    defaults = replace(
        known,
        utilization=utilization,
        concurrency_total=read.value(
            "container-concurrency-target-default",
            _positive,
            known.concurrency_total,
            "a number, at least 0.01",
        ),
        rps_total=read.value(
            "requests-per-second-target-default", _positive, known.rps_total, "a number, at least 0.01"
        ),
        window_s=read.value("stable-window", _window, known.window_s, "6s to 1h"),
        min_scale=read.value("min-scale", _count, known.min_scale, "a whole number, at least 0"),
        max_scale=read.value("max-scale", _count, known.max_scale, "a whole number, at least 0"),
        pod_autoscaler_class=data.get("pod-autoscaler-class", known.pod_autoscaler_class),
    )
    return defaults, tuple(read.faults)


def parameters(
    annotations: Mapping[str, str], container_concurrency: int, defaults: AutoscalerDefaults
) -> tuple[Parameters, tuple[str, ...]]:
    """What holds for a Revision with these annotations (the owner's), and their faults.

    container_concurrency: of its spec; 0 = not limited.
    """
    read = _Reader(annotations, "", AUTOSCALING)
    metric_name = annotations.get(f"{AUTOSCALING}metric", "concurrency")
    scaler_class = annotations.get(f"{AUTOSCALING}class", defaults.pod_autoscaler_class)
    if scaler_class == KPA_CLASS and metric_name not in ("concurrency", "rps"):
        read.faults.append(f"{AUTOSCALING}metric: {metric_name}: concurrency or rps")
    metric = Metric.RPS if metric_name == "rps" else Metric.CONCURRENCY
    total, target = _total_and_target(read, metric, scaler_class, container_concurrency, defaults)
    return (
        Parameters(
            pod_autoscaler_class=scaler_class,
            metric=metric,
            total_value=total,
            target_value=target,
            window_s=read.value("window", _window, defaults.window_s, "6s to 1h"),
            min_scale=read.value("min-scale", _count, defaults.min_scale, "a whole number, at least 0"),
            max_scale=read.value("max-scale", _count, defaults.max_scale, "a whole number, at least 0"),
            activation_scale=read.value("activation-scale", _activation, 0, "a whole number, at least 2"),
        ),
        tuple(read.faults),
    )


def _total_and_target(
    read: "_Reader",
    metric: Metric,
    scaler_class: str,
    container_concurrency: int,
    defaults: AutoscalerDefaults,
) -> tuple[float, float]:
    if metric is Metric.RPS:
        total, utilization = defaults.rps_total, RPS_UTILIZATION
    else:
        total = float(container_concurrency or defaults.concurrency_total)
        utilization = defaults.utilization
    # Of the hpa class, the target counts percent of CPU or mebibytes: it says nothing about requests.
    if scaler_class == KPA_CLASS:
        given = read.value("target", _positive, None, "a number, at least 0.01")
        if given is not None:
            total = given
            if metric is Metric.CONCURRENCY and container_concurrency:
                total = min(given, float(container_concurrency))
        percentage = read.value("target-utilization-percentage", _percentage, None, "1 to 100")
        utilization = utilization if percentage is None else percentage / 100
    return total, max(LEAST_TARGET, total * utilization)


class _Reader:
    """Reads values by their short name, and keeps the faults."""

    def __init__(self, texts: Mapping[str, str], place: str, prefix: str = "") -> None:
        self._texts, self._place, self._prefix = texts, place, prefix
        self.faults: list[str] = []

    def value(self, name: str, parse: Callable[[str], T], absent: D, allowed: str) -> T | D:
        for spelling in _spellings(name):
            text = self._texts.get(self._prefix + spelling)
            if text is None:
                continue
            try:
                return parse(text)
            except ValueError:
                self.faults.append(f"{self._place}{self._prefix}{spelling}: {text}: {allowed}")
                return absent
        return absent


@cache
def _spellings(name: str) -> tuple[str, str]:
    """The kebab-case name, and the camelCase one of old."""
    return name, re.sub(r"-(.)", lambda found: found[1].upper(), name)


def _number(text: str) -> float:
    value = float(text)
    if not abs(value) < float("inf"):
        raise ValueError(text)
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value < LEAST_TARGET:
        raise ValueError(text)
    return value


def _percentage(text: str) -> float:
    value = _number(text)
    if not 1 <= value <= 100:
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**31:
        raise ValueError(text)
    return value


def _activation(text: str) -> int:
    value = _count(text)
    if value < 2:
        raise ValueError(text)
    return value


UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def _window(text: str) -> float:
    """Seconds of a duration in Go's form, within the bounds of a stable window."""
    parts = re.findall(r"([0-9.]+)(ms|us|µs|ns|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(text)
    seconds = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if not 6 <= seconds <= 3600 or seconds != int(seconds):
        raise ValueError(text)
    return seconds
