"""The annotations of a Revision that steer the KPA.

Rules as in knative/serving 98e5ef9, pkg/apis/autoscaling/annotation_validation.go and
pkg/apis/serving/v1/revision_validation.go.  A kebab-case name wins over the camelCase one of old.
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
    """What a Revision says of itself; None where it says nothing."""

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


NOTHING_SAID = Annotations()


@dataclass(frozen=True)
class _Annotation:
    """How one annotation is read, and what is allowed of it."""

    field: str
    read: Callable[[str], Any]
    allowed: str
    fine: Callable[[Any], bool] = lambda _: True
    old: bool = False
    """True: there is a camelCase name too."""


def _algorithm(text: str) -> str:
    return WEIGHTED_EXPONENTIAL if text == "weightedExponential" else text


def _is_class(text: str) -> bool:
    # Other people's classes are left alone, except under Knative's own domain.
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
        old=True,
    ),
    "target-burst-capacity": _Annotation(
        "target_burst_capacity",
        read_float,
        "a number, at least 0, or -1 (not limited)",
        lambda x: x >= 0 or x == -1,
        old=True,
    ),
    "window": _Annotation(
        "stable_window_s",
        read_whole_seconds,
        "6s to 1h, in whole seconds",
        lambda s: WINDOW_MIN_S <= s <= WINDOW_MAX_S,
    ),
    "panic-window-percentage": _Annotation(
        "panic_window_percentage", read_float, "1 to 100", lambda x: 1 <= x <= 100, old=True
    ),
    "panic-threshold-percentage": _Annotation(
        "panic_threshold_percentage", read_float, "110 to 1000", lambda x: 110 <= x <= 1000, old=True
    ),
    "metric-aggregation-algorithm": _Annotation(
        "metric_aggregation_algorithm", _algorithm, "linear or weighted-exponential", old=True
    ),
    "min-scale": _Annotation("min_scale", read_int32, _SCALE, lambda n: n >= 0, old=True),
    "max-scale": _Annotation("max_scale", read_int32, _SCALE, lambda n: n >= 0, old=True),
    "initial-scale": _Annotation("initial_scale", read_int32, _SCALE, lambda n: n >= 0, old=True),
    "activation-scale": _Annotation(
        "activation_scale", read_int32, "a whole number, at least 2", lambda n: n >= 2
    ),
    "scale-down-delay": _Annotation(
        "scale_down_delay_s",
        read_whole_seconds,
        "0s to 1h, in whole seconds",
        lambda s: 0 <= s <= WINDOW_MAX_S,
        old=True,
    ),
    "scale-to-zero-pod-retention-period": _Annotation(
        "pod_retention_period_s", read_duration_s, "0s to 1h", lambda s: 0 <= s <= WINDOW_MAX_S, old=True
    ),
}


def _camel(name: str) -> str:
    return re.sub(r"-(.)", lambda found: found[1].upper(), name)


# Full name -> how it is read; an old name stands before the one that wins over it.
_NAMES: Mapping[str, _Annotation] = {
    **{AUTOSCALING + _camel(name): each for name, each in _SHORT.items() if each.old},
    **{AUTOSCALING + name: each for name, each in _SHORT.items()},
    PROGRESS_DEADLINE: _Annotation(
        "progress_deadline_s",
        read_whole_seconds,
        "a duration of whole seconds, at least 0s",
        lambda s: s >= 0,
    ),
}
_OLD_NAME: Mapping[str, str] = {
    AUTOSCALING + name: AUTOSCALING + _camel(name) for name, each in _SHORT.items() if each.old
}


def read_annotations(
    texts: Mapping[str, str], config: AutoscalerConfig
) -> tuple[Annotations, tuple[str, ...]]:
    """What the annotations of a Revision say, and every fault for which Knative's webhook would refuse them.

    texts    name -> text; what does not steer the KPA is passed over.
             An annotation with a fault counts as not written.
    config   its max-scale-limit, allow-zero-initial-scale and class decide on what is allowed.
    """
    known = {name: text for name, text in texts.items() if name in _NAMES}
    if not known:
        return NOTHING_SAID, ()
    for name in list(known):
        if name in known and name in _OLD_NAME:
            known.pop(_OLD_NAME[name], None)
    # An empty deadline is none, by Knative's own rule.
    if known.get(PROGRESS_DEADLINE) == "":
        del known[PROGRESS_DEADLINE]
    said: dict[str, Any] = {}
    problems: list[str] = []
    for name, text in known.items():
        each = _NAMES[name]
        try:
            value = each.read(text)
            fine = each.fine(value)
        except ValueError:
            fine = False
        if fine:
            said[each.field] = value
        else:
            problems.append(problem(name, text, each.allowed))
    wrong = _disagreements(Annotations(**said), config)
    names = {_NAMES[name].field: name for name in known}
    problems += [problem(names[field], known[names[field]], allowed) for field, allowed in wrong.items()]
    left = {field: value for field, value in said.items() if field not in wrong}
    return Annotations(**left), tuple(problems)


def _disagreements(said: Annotations, config: AutoscalerConfig) -> dict[str, str]:
    """Field -> what is allowed, of annotations that are fine by themselves and do not go together.

    Annotations are held against annotations: the cluster's min-scale does not bound their max-scale.
    """
    wrong: dict[str, str] = {}
    scaler_class = said.pod_autoscaler_class
    if scaler_class is None:
        scaler_class = config.pod_autoscaler_class
    if said.metric is not None:
        if scaler_class == KPA_CLASS and said.metric not in ("concurrency", "rps"):
            wrong["metric"] = "concurrency or rps"
        elif scaler_class == HPA_CLASS and not said.metric:
            wrong["metric"] = "a metric"
    if (
        said.pod_autoscaler_class == KPA_CLASS
        and (said.metric_aggregation_algorithm or "") not in _ALGORITHMS
    ):
        wrong["metric_aggregation_algorithm"] = _SHORT["metric-aggregation-algorithm"].allowed
    if said.initial_scale == 0 and not config.allow_zero_initial_scale:
        wrong["initial_scale"] = "at least 1, as allow-zero-initial-scale is false"
    least, most = said.min_scale or 0, said.max_scale or 0
    limit = config.max_scale_limit
    if said.max_scale is not None and limit > 0 and not 1 <= most <= limit:
        wrong["max_scale"] = f"1 to max-scale-limit ({limit})"
    elif 0 < most < least:
        wrong["max_scale"] = f"0, or at least min-scale ({least})"
    activation = said.activation_scale
    if activation is not None and (activation < least or 0 < most < activation):
        wrong["activation_scale"] = f"min-scale ({least}) to max-scale ({most or 'none'})"
    return wrong


assert {each.field for each in _NAMES.values()} == {each.name for each in fields(Annotations)}
