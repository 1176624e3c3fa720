"""Build PromQL from parts: selectors, the growth of a counter, a join with `target_info`.

The growth of a counter is not `rate()` alone: on a service that scales to zero, `rate()` loses exactly the
requests that woke the service, because the counter of a new pod is first seen at 1 or 20, and `rate()` begins
to count there.  Per series and window (t-W, t] the growth is

1. the difference between the last samples of this window and of the window before, if it is not negative.
   These differences telescope: summed over the life of a pod they are the last value of its counter, with
   nothing extrapolated and nothing lost between windows, however few samples a window has;
2. for a series that did not exist before, its last sample itself, because the counter began at zero;
3. otherwise (a counter reset, or the first window after a gap) the result of `rate()`.

"Did not exist before" must not be assumed lightly, or a counter that has run for weeks counts as one burst
when it is scraped again.  So it means: no sample in the hour before the window; Prometheus took samples at
that time (it is not after an outage of Prometheus, nor at the edge of its retention); and the sample is at
most MAX_FIRST.
"""

import re
from collections.abc import Sequence

MAX_FIRST = 10_000
"""Largest first sample of a new counter, in requests or in seconds of them.  A counter with a larger one ran
before it was scraped.  Chosen by hand."""

_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def label_name(name: str) -> str:
    """A label name as a query spells it; in quotes if it has characters that only Prometheus 3 allows."""
    return name if _PLAIN.fullmatch(name) else f'"{name}"'


def selector(metric: str, *matchers: tuple[str, str, str]) -> str:
    """The selector of the series of a metric that match every (label, operator, value)."""
    terms = [f'{label_name(label)}{operator}"{value}"' for label, operator, value in matchers]
    if _PLAIN.fullmatch(metric):
        return f"{metric}{{{','.join(terms)}}}" if terms else metric
    return "{" + ",".join([f'__name__="{metric}"', *terms]) + "}"


def growth(series: str, *, always_present: str, unit: float = 1.0) -> str:
    """The growth per second of each series of a counter over $window, as PromQL.

    Args:
        series: selector of the counter.
        always_present: selector of series that exist whenever Prometheus takes samples.
        unit: value of the counter for one request or one second of a request (1000 for milliseconds).
    """
    last = f"last_over_time({series}[$window])"
    difference = f"({last} - last_over_time({series}[$window] offset $window)) >= 0"
    first = f"({last} unless count_over_time({series}[1h] offset $window)) <= {MAX_FIRST * unit:g}"
    took_samples = f"on() count({always_present} offset $window)"
    rate = f"rate({series}[$window]) * $window_s"
    return f"(({difference}) or ({first} and {took_samples}) or {rate}) / ($window_s * {unit:g})"


def total(expression: str, labels: Sequence[str], *, by: str = "sum") -> str:
    """An expression aggregated (by sum, or another operator `by`) over all labels but these, as PromQL."""
    return f"{by} by ({', '.join(label_name(label) for label in labels)}) ({expression})"


def joined(expression: str, info: str, labels: Sequence[str]) -> str:
    """An expression per target, with `labels` of the target's series `info` added, as PromQL.

    The address of a pod is sooner or later given to another pod, so a target can have two infos within a
    window.  One of them is used, because Prometheus rejects the whole query if there are two.
    """
    copied = ", ".join(label_name(label) for label in labels)
    one_info = f"topk by (job, instance) (1, last_over_time({info}[$window]))"
    return f"sum by (job, instance) ({expression}) * on (job, instance) group_left ({copied}) {one_info}"


def fill_placeholders(template: str, *, window_s: int, step_s: int) -> str:
    """A template with its placeholders $window, $window_s and $step replaced."""
    return (
        template.replace("$window_s", str(window_s))
        .replace("$window", f"{window_s}s")
        .replace("$step", f"{step_s}s")
    )
