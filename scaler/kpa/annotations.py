"""Read the annotations of a Revision that configure the KPA.

Rules as in knative/serving 98e5ef9, pkg/apis/autoscaling/annotation_validation.go and
pkg/apis/serving/v1/revision_validation.go.  A kebab-case name takes precedence over its older camelCase form.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from config.problems import problem
from scaler.kpa.config import HPA_CLASS, KPA_CLASS, MIN_TARGET, WINDOW_MAX_S, WINDOW_MIN_S, AutoscalerConfig
from scaler.kpa.go_text import read_duration_s, read_float, read_int32, read_whole_seconds

AUTOSCALING = "autoscaling.knative.dev/"
PROGRESS_DEADLINE = "serving.knative.dev/progress-deadline"
WEIGHTED_EXPONENTIAL = "weighted-exponential"
_ALGORITHMS = ("", "linear", WEIGHTED_EXPONENTIAL, "weightedExponential")


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """Parsed annotations of a Revision; None = not set."""

    pod_autoscaler_class: str | None = None
    metric: str | None = None
    target: float | None = None
    target_utilization_percentage: float | None = None
    target_burst_capacity: float | None = None
    stable_window_s: int | None = None
    panic_window_percentage: float | None = None
    panic_threshold_percentage: float | None = None
    metric_aggregation_algorithm: str | None = None
    min_scale: int | None = None
    max_scale: int | None = None
    initial_scale: int | None = None
    activation_scale: int | None = None
    scale_down_delay_s: int | None = None
    pod_retention_period_s: float | None = None
    progress_deadline_s: int | None = None


NO_ANNOTATIONS = Annotations()


@dataclass(frozen=True)
class _Annotation:
    """How to read one annotation, and which values are allowed."""

    field: str
    """Field of Annotations."""
    read: Callable[[str], Any]
    allowed: str
    """The allowed values, in words."""
    is_valid: Callable[[Any], bool] = lambda _: True
    has_camel_case: bool = False
    """True if an older camelCase name exists."""


def _algorithm(text: str) -> str:
    return WEIGHTED_EXPONENTIAL if text == "weightedExponential" else text


def _is_class(text: str) -> bool:
    # Classes of other autoscalers are allowed, except under Knative's own domain.
    return text in (KPA_CLASS, HPA_CLASS) or not text.endswith(".knative.dev")


_SCALE = "a whole number, 0 to 2147483647"
_SHORT: Mapping[str, _Annotation] = {
    "class": _Annotation(
        "pod_autoscaler_class", str, f"{KPA_CLASS}, {HPA_CLASS}, or one of another domain", _is_class
    ),
    "metric": _Annotation("metric", str, "concurrency or rps"),
    "target": _Annotation("target", read_float, "a number, at least 0.01", lambda x: x >= MIN_TARGET),
    "target-utilization-percentage": _Annotation(
        "target_utilization_percentage",
        read_float,
        "1 to 100",
        lambda x: 1 <= x <= 100,
        has_camel_case=True,
    ),
    "target-burst-capacity": _Annotation(
        "target_burst_capacity",
        read_float,
        "a number, at least 0, or -1 (not limited)",
        lambda x: x >= 0 or x == -1,
        has_camel_case=True,
    ),
    "window": _Annotation(
        "stable_window_s",
        read_whole_seconds,
        "6s to 1h, in whole seconds",
        lambda s: WINDOW_MIN_S <= s <= WINDOW_MAX_S,
    ),
    "panic-window-percentage": _Annotation(
        "panic_window_percentage", read_float, "1 to 100", lambda x: 1 <= x <= 100, has_camel_case=True
    ),
    "panic-threshold-percentage": _Annotation(
        "panic_threshold_percentage",
        read_float,
        "110 to 1000",
        lambda x: 110 <= x <= 1000,
        has_camel_case=True,
    ),
    "metric-aggregation-algorithm": _Annotation(
        "metric_aggregation_algorithm", _algorithm, "linear or weighted-exponential", has_camel_case=True
    ),
    "min-scale": _Annotation("min_scale", read_int32, _SCALE, lambda n: n >= 0, has_camel_case=True),
    "max-scale": _Annotation("max_scale", read_int32, _SCALE, lambda n: n >= 0, has_camel_case=True),
    "initial-scale": _Annotation("initial_scale", read_int32, _SCALE, lambda n: n >= 0, has_camel_case=True),
    "activation-scale": _Annotation(
        "activation_scale", read_int32, "a whole number, at least 2", lambda n: n >= 2
    ),
    "scale-down-delay": _Annotation(
        "scale_down_delay_s",
        read_whole_seconds,
        "0s to 1h, in whole seconds",
        lambda s: 0 <= s <= WINDOW_MAX_S,
        has_camel_case=True,
    ),
    "scale-to-zero-pod-retention-period": _Annotation(
        "pod_retention_period_s",
        read_duration_s,
        "0s to 1h",
        lambda s: 0 <= s <= WINDOW_MAX_S,
        has_camel_case=True,
    ),
}


def _camel_case(name: str) -> str:
    return re.sub(r"-(.)", lambda match: match[1].upper(), name)


# Full name -> how to read it; a camelCase name is before the kebab-case name that takes precedence over it.
_NAMES: Mapping[str, _Annotation] = {
    **{
        AUTOSCALING + _camel_case(name): annotation
        for name, annotation in _SHORT.items()
        if annotation.has_camel_case
    },
    **{AUTOSCALING + name: annotation for name, annotation in _SHORT.items()},
    PROGRESS_DEADLINE: _Annotation(
        "progress_deadline_s",
        read_whole_seconds,
        "a duration of whole seconds, at least 0s",
        lambda s: s >= 0,
    ),
}
_CAMEL_CASE_NAME: Mapping[str, str] = {
    AUTOSCALING + name: AUTOSCALING + _camel_case(name)
    for name, annotation in _SHORT.items()
    if annotation.has_camel_case
}


def read_annotations(
    texts: Mapping[str, str], config: AutoscalerConfig
) -> tuple[Annotations, tuple[str, ...]]:
    """Parse the annotations of a Revision; also return every problem for which Knative's webhook refuses it.

    texts    full name -> text; annotations that do not configure the KPA are ignored.  An annotation with a
             problem counts as not set.
    config   its max-scale-limit, allow-zero-initial-scale and class decide which values are allowed
    """
    known = {name: text for name, text in texts.items() if name in _NAMES}
    if not known:
        return NO_ANNOTATIONS, ()
    for name in list(known):
        if name in known and name in _CAMEL_CASE_NAME:
            known.pop(_CAMEL_CASE_NAME[name], None)
    # In Knative, an empty progress deadline counts as not set.
    if known.get(PROGRESS_DEADLINE) == "":
        del known[PROGRESS_DEADLINE]
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, text in known.items():
        annotation = _NAMES[name]
        try:
            value = annotation.read(text)
            valid = annotation.is_valid(value)
        except ValueError:
            valid = False
        if valid:
            values[annotation.field] = value
        else:
            problems.append(problem(name, text, annotation.allowed))
    conflicts = _conflicts(Annotations(**values), config)
    names = {_NAMES[name].field: name for name in known}
    problems += [problem(names[field], known[names[field]], allowed) for field, allowed in conflicts.items()]
    consistent = {field: value for field, value in values.items() if field not in conflicts}
    return Annotations(**consistent), tuple(problems)


def _conflicts(annotations: Annotations, config: AutoscalerConfig) -> dict[str, str]:
    """Return field -> allowed values for annotations that are valid alone but conflict with each other.

    As in Knative, annotations are compared with annotations only: the min-scale of the cluster is no lower
    bound of their max-scale.
    """
    conflicts: dict[str, str] = {}
    scaler_class = annotations.pod_autoscaler_class
    if scaler_class is None:
        scaler_class = config.pod_autoscaler_class
    if annotations.metric is not None:
        if scaler_class == KPA_CLASS and annotations.metric not in ("concurrency", "rps"):
            conflicts["metric"] = "concurrency or rps"
        elif scaler_class == HPA_CLASS and not annotations.metric:
            conflicts["metric"] = "a metric"
    if (
        annotations.pod_autoscaler_class == KPA_CLASS
        and (annotations.metric_aggregation_algorithm or "") not in _ALGORITHMS
    ):
        conflicts["metric_aggregation_algorithm"] = _SHORT["metric-aggregation-algorithm"].allowed
    if annotations.initial_scale == 0 and not config.allow_zero_initial_scale:
        conflicts["initial_scale"] = "at least 1, as allow-zero-initial-scale is false"
    min_scale, max_scale = annotations.min_scale or 0, annotations.max_scale or 0
    limit = config.max_scale_limit
    if annotations.max_scale is not None and limit > 0 and not 1 <= max_scale <= limit:
        conflicts["max_scale"] = f"1 to max-scale-limit ({limit})"
    elif 0 < max_scale < min_scale:
        conflicts["max_scale"] = f"0, or at least min-scale ({min_scale})"
    activation = annotations.activation_scale
    if activation is not None and (activation < min_scale or 0 < max_scale < activation):
        conflicts["activation_scale"] = f"min-scale ({min_scale}) to max-scale ({max_scale or 'none'})"
    return conflicts


assert {annotation.field for annotation in _NAMES.values()} == {field.name for field in fields(Annotations)}
