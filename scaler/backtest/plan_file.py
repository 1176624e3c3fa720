"""Write a plan as the file plan.csv, which other programs read.

    timestamp,series,floor,target_utilization,window_s,panic_threshold,retention_s

Whole Unix seconds; pods; percent, seconds, percent, seconds; empty = the value of the owner or of the KPA.  A
row holds until the next row of its series.  Each number is the shortest text that is read as the same value.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from scaler.kpa.config import MIN_TARGET
from scaler.policies.policy import PlanRows, Series

COLUMNS = ("timestamp", "series", "floor", "target_utilization", "window_s", "panic_threshold", "retention_s")
HEADING = ",".join(COLUMNS) + "\n"


def plan_lines(series: Series, rows: PlanRows) -> str:
    """Return the lines of one series, from its first second to its last."""
    rows = _complete(rows, len(series.arrivals))
    total_value = series.pod_model.spec.total_value

    def target(percent: float) -> float:
        return max(MIN_TARGET, total_value * (percent / 100))

    columns = (
        (series.start_s + rows["at_s"]).tolist(),
        rows["floor"].tolist(),
        _texts(rows["target_value"], 100 / total_value, target),
        _texts(rows["stable_window_s"]),
        _texts(rows["panic_threshold"], 100, lambda percent: percent / 100),
        _texts(rows["pod_retention_period_s"]),
    )
    name = _quoted(series.name)
    return "".join(
        f"{at_s},{name},{floor},{utilization},{window_s},{panic},{retention_s}\n"
        for at_s, floor, utilization, window_s, panic, retention_s in zip(*columns, strict=True)
    )


def _complete(rows: PlanRows, seconds: int) -> PlanRows:
    """Return the rows within the traffic, at most one per second, with a floor of 0 before the first one."""
    rows = rows[rows["at_s"] < max(1, seconds)]
    # Of several rows in one second, the last is active.
    rows = rows[np.diff(rows["at_s"], append=np.iinfo(np.int64).max) != 0]
    if len(rows) and rows["at_s"][0] <= 0:
        return rows
    initial = np.zeros(1, rows.dtype)
    for name in ("target_value", "stable_window_s", "panic_window_s", "panic_threshold"):
        initial[name] = math.nan
    initial["pod_retention_period_s"] = math.nan
    return np.concatenate([initial, rows])


def _texts(
    values: NDArray[np.float64], factor: float = 1.0, read: Callable[[float], float] = float
) -> list[str]:
    """Return values (p,) times a factor as text; empty for NaN.

    read   converts the number of the text back to the value
    """
    distinct, index = np.unique(values, return_inverse=True)
    texts = ["" if math.isnan(value) else _shortest(value, factor, read) for value in distinct.tolist()]
    return [texts[i] for i in index.tolist()]


def _shortest(value: float, factor: float, read: Callable[[float], float]) -> str:
    for text in _with_more_digits(value * factor):
        if read(float(text)) == value:
            return text
    return text


def _with_more_digits(number: float) -> Iterator[str]:
    for digits in (6, 9, 12, 15, 17):
        yield f"{number:.{digits}g}"
    for neighbour in (math.nextafter(number, math.inf), math.nextafter(number, -math.inf)):
        yield f"{neighbour:.17g}"
    yield f"{number:.12g}"


def _quoted(name: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([name])
    return text.getvalue()
