"""Read the ConfigMap config-autoscaler: the KPA's parameters for a whole cluster.

Rules as in knative/serving 98e5ef9, pkg/autoscaler/config: numbers and durations are parsed strictly, unknown
keys are ignored, and one problem makes Knative refuse the whole map.  This module reports every problem.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from config.problems import problem
from scaler.kpa.go_text import read_bool, read_duration_s, read_float, read_int32, read_whole_seconds

KPA_CLASS = "kpa.autoscaling.knative.dev"
HPA_CLASS = "hpa.autoscaling.knative.dev"
MIN_TARGET = 0.01
"""Smallest target, configured or computed, as in Knative."""
WINDOW_MIN_S, WINDOW_MAX_S = 6, 3600
"""Smallest and largest stable window in seconds, as in Knative."""


@dataclass(frozen=True, kw_only=True)
class AutoscalerConfig:
    """Parameters of every Revision without annotations; the defaults are Knative's."""

    container_concurrency_target_fraction: float = 0.7
    """container-concurrency-target-percentage as a fraction, in (0, 1]."""
    container_concurrency_target_default: float = 100.0
    """Requests in flight that a pod without containerConcurrency is assumed to handle."""
    requests_per_second_target_default: float = 200.0
    target_burst_capacity: float = 211.0
    """-1 = unlimited: the activator is always in the path."""
    stable_window_s: int = 60
    panic_window_percentage: float = 10.0
    """Percent of the stable window."""
    panic_threshold_percentage: float = 200.0
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    enable_scale_to_zero: bool = True
    scale_to_zero_grace_period_s: float = 30.0
    scale_to_zero_pod_retention_period_s: float = 0.0
    scale_down_delay_s: int = 0
    activator_capacity: float = 100.0
    """Requests in flight that one activator can handle."""
    initial_scale: int = 1
    allow_zero_initial_scale: bool = False
    min_scale: int = 0
    max_scale: int = 0
    """0 = no limit."""
    max_scale_limit: int = 0
    """0 = no limit.  Largest max-scale that Knative accepts; it does not limit the pods themselves."""
    pod_autoscaler_class: str = KPA_CLASS


@dataclass(frozen=True)
class _Key:
    """How to read one key, and which values are allowed."""

    field: str
    """Field of AutoscalerConfig."""
    read: Callable[[str], Any]
    allowed: str
    """The allowed values, in words."""
    is_valid: Callable[[Any], bool] = lambda _: True


def _fraction(text: str) -> float:
    """Return a percentage as a fraction; a value of 1 or less is a fraction already."""
    value = read_float(text)
    return value / 100 if value > 1 else value


# In the order in which Knative reports problems.
_KEYS: Mapping[str, _Key] = {
    "pod-autoscaler-class": _Key("pod_autoscaler_class", str.strip, "a class"),
    "enable-scale-to-zero": _Key("enable_scale_to_zero", read_bool, "true or false"),
    "allow-zero-initial-scale": _Key("allow_zero_initial_scale", read_bool, "true or false"),
    "scale-to-zero-grace-period": _Key(
        "scale_to_zero_grace_period_s", read_duration_s, "a duration above 0s", lambda s: s > 0
    ),
    "scale-down-delay": _Key(
        "scale_down_delay_s", read_whole_seconds, "a duration of whole seconds, at least 0s", lambda s: s >= 0
    ),
    "scale-to-zero-pod-retention-period": _Key(
        "scale_to_zero_pod_retention_period_s", read_duration_s, "a duration, at least 0s", lambda s: s >= 0
    ),
    "target-burst-capacity": _Key(
        "target_burst_capacity",
        read_float,
        "a number, at least 0, or -1 (not limited)",
        lambda x: x >= 0 or x == -1,
    ),
    "container-concurrency-target-percentage": _Key(
        "container_concurrency_target_fraction", _fraction, "a number in (0, 100]", lambda x: 0 < x <= 1
    ),
    "container-concurrency-target-default": _Key(
        "container_concurrency_target_default",
        read_float,
        "a number, at least 0.01",
        lambda x: x >= MIN_TARGET,
    ),
    "requests-per-second-target-default": _Key(
        "requests_per_second_target_default",
        read_float,
        "a number, at least 0.01",
        lambda x: x >= MIN_TARGET,
    ),
    "activator-capacity": _Key("activator_capacity", read_float, "a number, at least 1", lambda x: x >= 1),
    "max-scale-up-rate": _Key("max_scale_up_rate", read_float, "a number above 1.0", lambda x: x > 1),
    "max-scale-down-rate": _Key("max_scale_down_rate", read_float, "a number above 1.0", lambda x: x > 1),
    "stable-window": _Key(
        "stable_window_s",
        read_whole_seconds,
        "6s to 1h, in whole seconds",
        lambda s: WINDOW_MIN_S <= s <= WINDOW_MAX_S,
    ),
    "panic-window-percentage": _Key(
        "panic_window_percentage", read_float, "1 to 100", lambda x: 1 <= x <= 100
    ),
    # The annotation has bounds, the key has none.
    "panic-threshold-percentage": _Key("panic_threshold_percentage", read_float, "a number"),
    "initial-scale": _Key("initial_scale", read_int32, "a whole number, at least 0", lambda n: n >= 0),
    "min-scale": _Key("min_scale", read_int32, "a whole number, at least 0", lambda n: n >= 0),
    "max-scale": _Key("max_scale", read_int32, "a whole number, at least 0", lambda n: n >= 0),
    "max-scale-limit": _Key("max_scale_limit", read_int32, "a whole number, at least 0", lambda n: n >= 0),
}


def read_config(data: Mapping[str, str]) -> tuple[AutoscalerConfig, tuple[str, ...]]:
    """Return the configuration, and every problem for which Knative refuses the ConfigMap config-autoscaler.

    data   key -> text, the data of the ConfigMap.  A key with a problem counts as not set.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, key in _KEYS.items():
        if (text := data.get(name)) is None:
            continue
        try:
            value = key.read(text)
            valid = key.is_valid(value)
        except ValueError:
            valid = False
        if valid:
            values[key.field] = value
        else:
            problems.append(problem(f"config-autoscaler {name}", text, key.allowed))
    config = AutoscalerConfig(**values)
    return config, (*problems, *_conflicts(config, data))


def _conflicts(config: AutoscalerConfig, data: Mapping[str, str]) -> list[str]:
    """Return the problems of keys that are valid alone but conflict with each other."""
    target = config.container_concurrency_target_fraction * config.container_concurrency_target_default
    limit, max_scale = config.max_scale_limit, config.max_scale
    # (whether there is a conflict, key, allowed values)
    checks = [
        (
            target < MIN_TARGET,
            "container-concurrency-target-default",
            f"times container-concurrency-target-percentage at least {MIN_TARGET}, not {target:g}",
        ),
        (
            config.initial_scale == 0 and not config.allow_zero_initial_scale,
            "initial-scale",
            "at least 1 where allow-zero-initial-scale is false",
        ),
        (limit > 0 and not 1 <= max_scale <= limit, "max-scale", f"1 to max-scale-limit ({limit})"),
        (0 < max_scale < config.min_scale, "min-scale", f"at most max-scale ({max_scale})"),
    ]
    return [
        problem(f"config-autoscaler {name}", data.get(name, "not set"), allowed)
        for conflict, name, allowed in checks
        if conflict
    ]
