"""PromQL, put together from parts: selectors, a counter's growth, a join with `target_info`.

A counter's growth is not taken by `rate()` alone, because on a service that scales to zero `rate()` loses the
very requests that woke it: a new pod's counter is first seen at 1 or 20, and `rate()` counts from there.  Per
series and window (t-W, t] the growth is

1. the difference of the last samples of this window and of the one before, where it is not negative.  These
   differences telescope: summed over a pod's life they give its counter's last value, with nothing
   extrapolated and nothing lost between windows, however few samples a window has;
2. for a series that was not there before, its last sample itself: it began at zero;
3. else (a counter reset, or the first window after a gap) what `rate()` says.

*Not there before* must not be believed lightly, or a counter that has run for weeks counts as one burst when
it comes back into view.  So it means: no sample in the hour before the window; Prometheus was taking samples
at that time (not after its own outage, nor at the edge of its retention); and no more than `FIRST_MOST`.
"""

import re
from collections.abc import Sequence

FIRST_MOST = 10_000
"""Most requests (or seconds of them) that a new counter may begin with.  Above, it ran before we looked."""

_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def spelled(name: str) -> str:
    """A label name as it stands in a query; quoted where Prometheus 3 allows more than letters."""
    return name if _PLAIN.fullmatch(name) else f'"{name}"'


def selector(metric: str, *matchers: tuple[str, str, str]) -> str:
    """Series of `metric` by (label, operator, value)."""
    terms = [f'{spelled(label)}{operator}"{value}"' for label, operator, value in matchers]
    if _PLAIN.fullmatch(metric):
        return f"{metric}{{{','.join(terms)}}}" if terms else metric
    return "{" + ",".join([f'__name__="{metric}"', *terms]) + "}"


def growth(series: str, *, observing: str, unit: float = 1.0) -> str:
    """Growth per second of each series of a counter, over $window.

    Args:
        series: selector.
        observing: selector of series that are there whenever Prometheus takes samples.
        unit: what one requests-second or request is in the counter (1000 for milliseconds).
    """
    last = f"last_over_time({series}[$window])"
    difference = f"({last} - last_over_time({series}[$window] offset $window)) >= 0"
    new = f"({last} unless count_over_time({series}[1h] offset $window)) <= {FIRST_MOST * unit:g}"
    watched = f"on() count({observing} offset $window)"
    rest = f"rate({series}[$window]) * $window_s"
    return f"(({difference}) or ({new} and {watched}) or {rest}) / ($window_s * {unit:g})"


def total(expression: str, labels: Sequence[str], *, by: str = "sum") -> str:
    """`expression` summed (or otherwise aggregated) over all but `labels`."""
    return f"{by} by ({', '.join(spelled(label) for label in labels)}) ({expression})"


def joined(expression: str, info: str, labels: Sequence[str]) -> str:
    """`expression` per target, times the `labels` that the target's series `info` carries.

    The address of a pod is given to another pod sooner or later, so that within one window a target can have
    two infos; one is taken, for two would make Prometheus refuse the whole query.
    """
    carried = ", ".join(spelled(label) for label in labels)
    one = f"topk by (job, instance) (1, last_over_time({info}[$window]))"
    return f"sum by (job, instance) ({expression}) * on (job, instance) group_left ({carried}) {one}"


def filled(template: str, *, window_s: int, step_s: int) -> str:
    """A template with its placeholders $window, $window_s and $step filled in."""
    return (
        template.replace("$window_s", str(window_s))
        .replace("$window", f"{window_s}s")
        .replace("$step", f"{step_s}s")
    )
