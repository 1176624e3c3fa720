"""Write numbers, dates and durations for people."""

import math

import numpy as np

NBSP = "\u00a0"
"""No-break space: keeps a number and its unit on one line."""


def percent(share: float) -> str:
    """Return a share between 0 and 1 as a percentage, such as `0.41 %`.

    It has two decimals below 10 % and one above.  A share that is not 0 is never written as 0.
    """
    value = 100 * share
    if 0 < value < 0.005:
        return f"<{NBSP}0.01{NBSP}%"
    if value in {0, 100}:
        return f"{value:.0f}{NBSP}%"
    return f"{value:.{1 if value >= 9.995 else 2}f}{NBSP}%"


def number(value: float) -> str:
    """Return a measured value with three significant digits and all integer digits: `0.412`, `12,345`."""
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 4)}f}"


def setting(value: float) -> str:
    """Return a configured value as it was configured: `30`, `0.5`."""
    return f"{value:,.10g}"


def count(value: float) -> str:
    """Return a whole number, `12,345`."""
    return f"{value:,.0f}"


def hours(pod_s: float) -> str:
    """Return pod-seconds as pod-hours."""
    return number(pod_s / 3600)


def change(after: float, before: float, noun: str) -> str:
    """Return a change in words, such as `31 % fewer pod-hours` or `as many pod-hours`.

    >>> change(104.0, 100.0, "pod-hours").replace(NBSP, " ")
    '4 % more pod-hours'
    >>> change(240.0, 100.0, "pod-hours")
    '2.40 times the pod-hours'
    """
    if before <= 0:
        return f"as many {noun}" if after <= 0 else f"{number(after)} {noun} instead of none"
    ratio = after / before
    if ratio >= 2:
        return f"{number(ratio)} times the {noun}"
    difference = round(100 * abs(ratio - 1))
    if difference == 0:
        return f"as many {noun}"
    return f"{difference}{NBSP}% {'more' if ratio > 1 else 'fewer'} {noun}"


def date_time(unix_s: int) -> str:
    """Return Unix seconds as a date and time, such as `1995-07-13 13:30 UTC`."""
    return f"{np.datetime64(unix_s, 's')!s}".replace("T", " ")[:16] + " UTC"


def duration(seconds: float) -> str:
    """Return a duration such as `22 days`, `1.5 days` or `60 seconds`.

    The unit is the largest one of which the duration has more than 1.4.
    """
    for unit_s, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds > 1.4 * unit_s:
            return f"{seconds / unit_s:.1f}".removesuffix(".0") + f"{NBSP}{unit}"
    return f"{seconds:.0f}{NBSP}seconds"
