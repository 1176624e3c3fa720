"""Numbers as people read them."""

import math

import numpy as np

NBSP = "\u00a0"
"""Keeps a number and its unit on one line."""


def percent(share: float) -> str:
    """A share of 1 as percent, `0.41 %`: two decimals, one from 10 % on, and never 0 for what is not."""
    value = 100 * share
    if 0 < value < 0.005:
        return f"<{NBSP}0.01{NBSP}%"
    if value in {0, 100}:
        return f"{value:.0f}{NBSP}%"
    return f"{value:.{1 if value >= 9.995 else 2}f}{NBSP}%"


def number(value: float) -> str:
    """What was measured, `0.412`, `12.3`: three digits that count; above the point all of them, `12,345`."""
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 4)}f}"


def setting(value: float) -> str:
    """What was set, as it was set: `30`, `0.5`."""
    return f"{value:,.10g}"


def count(value: float) -> str:
    """A whole number, `12,345`."""
    return f"{value:,.0f}"


def hours(pod_s: float) -> str:
    """Pod-seconds as pod-hours."""
    return number(pod_s / 3600)


def change(now: float, before: float, noun: str) -> str:
    """Return a change in words, such as `31 % fewer pod-hours` or `as many pod-hours`.

    >>> change(104.0, 100.0, "pod-hours").replace(NBSP, " ")
    '4 % more pod-hours'
    >>> change(240.0, 100.0, "pod-hours")
    '2.40 times the pod-hours'
    """
    if before <= 0:
        return f"as many {noun}" if now <= 0 else f"{number(now)} {noun} instead of none"
    ratio = now / before
    if ratio >= 2:
        return f"{number(ratio)} times the {noun}"
    by = round(100 * abs(ratio - 1))
    if by == 0:
        return f"as many {noun}"
    return f"{by}{NBSP}% {'more' if ratio > 1 else 'fewer'} {noun}"


def when(unix_s: int) -> str:
    """`1995-07-13 13:30 UTC`."""
    return f"{np.datetime64(unix_s, 's')!s}".replace("T", " ")[:16] + " UTC"


def lasting(seconds: float) -> str:
    """`22 days`, `1.5 days`, `60 seconds`: in the largest unit of which there is well more than one."""
    for unit_s, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds > 1.4 * unit_s:
            return f"{seconds / unit_s:.1f}".removesuffix(".0") + f"{NBSP}{unit}"
    return f"{seconds:.0f}{NBSP}seconds"
